#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/mapihttp.h"
#include "tests/unit/octets.h"
#include "tests/unit/sample.h"

static const struct emsmdb_connect connect_request = {
    .user_dn = "/o=C/cn=a",
    .administrator = true,
    .code_page = 1252,
    .lcid = 0x409,
};

static void assert_written(const struct writer *writer, const char *hex)
{
    struct arena arena = {0};
    size_t length = 0;
    const uint8_t *wanted = octets(&arena, hex, &length);
    assert_int_equal(writer->length, length);
    assert_memory_equal(writer->bytes, wanted, length);
    arena_done(&arena);
}

/* Some samples have a byte before them that tells the fuzz target what they answer. */
static bool read_frame(struct arena *arena, const char *name, size_t skip,
    struct mapihttp_frame *ret_frame, struct fault *fault)
{
    size_t length = 0;
    char *bytes = sample_read(arena, arena_printf(arena, "mapihttp/%s", name), &length);
    return mapihttp_frame_read(bytes + skip, length - skip, arena, ret_frame, fault);
}

/* [MS-OXCMAPIHTTP] 2.2.4.1.1, 2.2.4.2.1, 2.2.4.3.1 */
static void test_requests(void **state)
{
    (void)state;
    uint8_t memory[128];
    char dn[EMSMDB_DN_MAX + 1];
    struct writer writer = writer_of(memory, sizeof memory);
    assert_true(mapihttp_connect_write(&writer, &connect_request));
    assert_written(&writer, "2f6f3d432f636e3d6100 01000000 e4040000 09040000 09040000 00000000");
    writer = writer_of(memory, sizeof memory);
    assert_true(mapihttp_execute_write(&writer, "\x02\0", 2));
    assert_written(&writer, "03000000 02000000 0200 07800000 00000000");
    assert_false(mapihttp_execute_write(&writer, memory, EMSMDB_ROP_MAX + 1));
    writer = writer_of(memory, sizeof memory);
    assert_true(mapihttp_disconnect_write(&writer));
    assert_written(&writer, "00000000");
    writer = writer_of(memory, 20);
    assert_false(mapihttp_connect_write(&writer, &connect_request));
    memset(dn, 'x', sizeof dn);
    dn[EMSMDB_DN_MAX] = '\0';
    writer = writer_of(memory, sizeof memory);
    assert_false(mapihttp_connect_write(&writer, &(struct emsmdb_connect){.user_dn = dn}));
}

static void test_frame(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct mapihttp_frame frame;
    struct fault fault = {0};
    assert_true(read_frame(&arena, "connect-slow", 0, &frame, &fault));
    assert_true(frame.processing);
    assert_int_equal(frame.pending, 2);
    assert_int_equal(frame.response_code, 0);
    assert_int_equal(frame.elapsed_ms, 42);
    assert_string_equal(frame.start_time, "Sun, 22 Nov 2026 12:00:00 GMT");
    assert_int_equal(frame.header_count, 3);
    assert_true(read_frame(&arena, "ping", 0, &frame, &fault));
    assert_int_equal(frame.body_length, 0);
    assert_true(read_frame(&arena, "code-10", 0, &frame, &fault));
    assert_int_equal(frame.response_code, 10);
    assert_true(read_frame(&arena, "code-odd", 0, &frame, &fault));
    assert_int_equal(frame.response_code, -1);
    assert_int_equal(frame.elapsed_ms, -1);
    assert_true(read_frame(&arena, "bare-lf", 0, &frame, &fault));
    assert_int_equal(frame.response_code, 0);
    arena_done(&arena);
}

static void test_bad_frames(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum cause cause;
        uint32_t pending;
    } rows[] = {
        {"pending", CAUSE_TRUNCATED, 3},
        {"processing", CAUSE_TRUNCATED, 0},
        {"headers-cut", CAUSE_TRUNCATED, 0},
        {"headers-many", CAUSE_TOO_LARGE, 0},
        {"headers-no-colon", CAUSE_MALFORMED, 0},
        {"unknown-line", CAUSE_MALFORMED, 0},
        {"page.html", CAUSE_NOT_EXCHANGE, 0},
    };
    struct arena arena = {0};
    struct mapihttp_frame frame;
    struct fault fault = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (read_frame(&arena, rows[i].name, 0, &frame, &fault))
            fail_msg("%s is read", rows[i].name);
        assert_int_equal(fault.cause, rows[i].cause);
        assert_int_equal(frame.pending, rows[i].pending);
    }
    assert_false(mapihttp_frame_read("", 0, &arena, &frame, &fault));
    assert_int_equal(fault.cause, CAUSE_TRUNCATED);
    char *large = arena_alloc(&arena, MAPIHTTP_BODY_MAX + 1);
    assert_false(mapihttp_frame_read(large, MAPIHTTP_BODY_MAX + 1, &arena, &frame, &fault));
    assert_int_equal(fault.cause, CAUSE_TOO_LARGE);
    arena_done(&arena);
}

static void test_connect(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct mapihttp_frame frame;
    struct mapihttp_session session;
    struct fault fault = {0};
    assert_true(read_frame(&arena, "connect", 0, &frame, &fault));
    assert_true(mapihttp_connect_read(frame.body, frame.body_length, &arena, &session, &fault));
    assert_int_equal(session.result.status, 0);
    assert_int_equal(session.result.error, 0);
    assert_int_equal(session.polls_max_ms, 60000);
    assert_int_equal(session.retry_count, 6);
    assert_int_equal(session.retry_delay_ms, 10000);
    assert_string_equal(session.dn_prefix, "/o=Contoso/ou=Exchange/cn=Recipients/cn=");
    assert_string_equal(session.display_name, "Dienst \xc3\x84");
    assert_int_equal(session.result.aux_length, 16);
    for (size_t cut = 0; cut < frame.body_length; cut++) {
        if (mapihttp_connect_read(frame.body, cut, &arena, &session, &fault))
            fail_msg("%zu bytes are read", cut);
    }
    static const struct {
        const char *name;
        uint32_t status, error;
    } refused[] = {{"connect-unknown-user", 0, 0x3eb}, {"connect-refused-short", 0, 0x4df},
        {"failed", 0x4b6, 0}};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_true(read_frame(&arena, refused[i].name, 0, &frame, &fault));
        if (!mapihttp_connect_read(frame.body, frame.body_length, &arena, &session, &fault))
            fail_msg("%s: %s", refused[i].name, fault.text);
        assert_int_equal(session.result.status, refused[i].status);
        assert_int_equal(session.result.error, refused[i].error);
        assert_string_equal(session.display_name, "");
    }
    assert_true(read_frame(&arena, "connect-no-nul", 0, &frame, &fault));
    assert_false(mapihttp_connect_read(frame.body, frame.body_length, &arena, &session, &fault));
    assert_int_equal(fault.cause, CAUSE_MALFORMED);
    arena_done(&arena);
}

static void test_execute(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct mapihttp_frame frame;
    struct mapihttp_execute execute;
    struct mapihttp_result result;
    struct ext_buffers buffers;
    struct fault fault = {0};
    assert_true(read_frame(&arena, "execute", 1, &frame, &fault));
    assert_true(mapihttp_execute_read(frame.body, frame.body_length, &arena, &execute, &fault));
    assert_int_equal(execute.rop_length, 17);
    assert_true(ext_buffers_read(execute.rop, execute.rop_length, &arena, &buffers, &fault));
    assert_int_equal(buffers.count, 1);
    assert_true(read_frame(&arena, "execute-huge", 1, &frame, &fault));
    assert_false(mapihttp_execute_read(frame.body, frame.body_length, &arena, &execute, &fault));
    assert_true(read_frame(&arena, "disconnect", 1, &frame, &fault));
    assert_true(mapihttp_disconnect_read(frame.body, frame.body_length, &arena, &result, &fault));
    assert_int_equal(result.status, 0);
    assert_int_equal(result.error, 0);
    assert_false(mapihttp_disconnect_read(frame.body, 7, &arena, &result, &fault));
    uint8_t large[12 + EMSMDB_AUX_MAX + 1] = {0};
    struct writer writer = writer_of(large, sizeof large);
    write_zeros(&writer, 8);
    write_le32(&writer, EMSMDB_AUX_MAX + 1); /* there, but more than we take */
    assert_false(mapihttp_disconnect_read(large, sizeof large, &arena, &result, &fault));
    write_le32_at(&writer, 8, EMSMDB_AUX_MAX);
    assert_true(mapihttp_disconnect_read(large, sizeof large, &arena, &result, &fault));
    arena_done(&arena);
}

static void test_codes(void **state)
{
    (void)state;
    static const struct {
        enum mapihttp_numbering numbering;
        long code;
        const char *name;
    } rows[] = {
        {MAPIHTTP_SPECIFIED, 0, "Success"},
        {MAPIHTTP_SPECIFIED, 1, "Unknown failure"},
        {MAPIHTTP_SPECIFIED, 2, "Invalid verb"},
        {MAPIHTTP_SPECIFIED, 5, "Invalid request type"},
        {MAPIHTTP_SPECIFIED, 6, "Invalid context cookie"},
        {MAPIHTTP_SPECIFIED, 7, "Missing header"},
        {MAPIHTTP_SPECIFIED, 8, "Anonymous not allowed"},
        {MAPIHTTP_SPECIFIED, 10, "Context not found"},
        {MAPIHTTP_SPECIFIED, 11, "No privilege"},
        {MAPIHTTP_SPECIFIED, 13, "Missing cookie"},
        {MAPIHTTP_SPECIFIED, 15, "Invalid sequence"},
        {MAPIHTTP_SPECIFIED, 16, "Endpoint disabled"},
        {MAPIHTTP_SPECIFIED, 18, "Endpoint shutting down"},
        {MAPIHTTP_GROMOX, 1, "Invalid verb"},
        {MAPIHTTP_GROMOX, 2, "Invalid context cookie"},
        {MAPIHTTP_GROMOX, 7, "Invalid sequence"},
        {MAPIHTTP_GROMOX, 8, "Invalid request type"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *name = mapihttp_code_name(rows[i].numbering, rows[i].code);
        assert_non_null(name);
        assert_string_equal(name, rows[i].name);
    }
    assert_null(mapihttp_code_name(MAPIHTTP_SPECIFIED, 19));
    assert_null(mapihttp_code_name(MAPIHTTP_GROMOX, 9));
    assert_null(mapihttp_code_name(MAPIHTTP_SPECIFIED, -1));
    assert_string_equal(
        mapihttp_code_words(MAPIHTTP_SPECIFIED, 99), "a code that is not in our table");
}

/* M08: the page's sentence before the product's name, the name before the specification. */
static void test_numbering(void **state)
{
    (void)state;
    static const char cookie[] = "<p>The request has an invalid session context cookie.</p>";
    static const char verb[] = "<p>The request has an invalid verb.</p>";
    static const struct {
        long code;
        const char *server, *application, *page;
        enum mapihttp_numbering numbering;
    } rows[] = {
        {2, "Microsoft-IIS/10.0", "Exchange/15.2.1544.4", NULL, MAPIHTTP_SPECIFIED},
        {2, "mail.example", "Exchange/15.00.0847.4040", cookie, MAPIHTTP_GROMOX},
        {2, "mail.example", "Exchange/15.00.0847.4040", verb, MAPIHTTP_SPECIFIED},
        {2, "gromox/2.0", NULL, NULL, MAPIHTTP_GROMOX},
        {2, "gromox/2.0", NULL, verb, MAPIHTTP_SPECIFIED},
        {6, "gromox/2.0", NULL, cookie, MAPIHTTP_SPECIFIED},
        {2, NULL, "Grommunio/1", NULL, MAPIHTTP_GROMOX},
        {13, "gromox/2.0", NULL, NULL, MAPIHTTP_SPECIFIED},
        {2, NULL, NULL, NULL, MAPIHTTP_SPECIFIED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (mapihttp_numbering_of(rows[i].code, rows[i].server, rows[i].application,
                rows[i].page) != rows[i].numbering)
            fail_msg("row %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_frame),
        cmocka_unit_test(test_bad_frames),
        cmocka_unit_test(test_connect),
        cmocka_unit_test(test_execute),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_numbering),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
