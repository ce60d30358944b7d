#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/ecodes.h"
#include "net/wire/nspi.h"
#include "net/wire/nspi_ndr.h"
#include "tests/unit/sample.h"

#include <stdio.h>
#include <string.h>

static const char user_dn[] =
    "/o=Contoso/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=svc";
static const uint8_t server_guid[] = {
    0xc9, 0xd5, 0xf2, 0xa1, 0xb3, 0xe4, 0x4c, 0x4f, 0x9a, 0x6d, 0x01, 0x02, 0x03, 0x04, 0x05, 0xaa};

/* ---- requests: byte for byte what impacket makes of the same parameters, but its referent ids and
 * what it pads with ---- */

static const char *const dns[] = {"/o=Contoso/cn=svc", "/o=x"};
static const char *const names[] = {"=SMTP:svc@contoso.test", "M\xc3\xbcller"};
static const char *const plain[] = {"svc"};
static const uint32_t columns_a[] = {PID_TAG_DISPLAY_NAME, PID_TAG_SMTP_ADDRESS};
static const uint32_t columns_b[] = {PID_TAG_SMTP_ADDRESS, PID_TAG_EMAIL_ADDRESS};
static const uint32_t mids[] = {0x2a51, 0x2a52};

static const struct {
    struct nspi_call call;
    const char *hex;
} requests[] = {
    {{.opnum = NSPI_BIND},
        "00000000000000000000000000000000000000000000000000000000e40400000904000009040000"
        "0000020000000000000000000000000000000000"},
    {{.opnum = NSPI_UNBIND}, "000000000102030405060708090a0b0c0d0e0f1000000000"},
    {{.opnum = NSPI_DN_TO_MID, .names = dns, .name_count = 2},
        "000000000102030405060708090a0b0c0d0e0f100000000002000000020000000000020004000200"
        "1200000000000000120000002f6f3d436f6e746f736f2f636e3d7376630000000500000000000000"
        "050000002f6f3d7800"},
    {{.opnum = NSPI_QUERY_ROWS, .mids = mids, .mid_count = 2, .rows = 5, .columns = {columns_a, 2}},
        "000000000102030405060708090a0b0c0d0e0f100000000000000000000000000000000000000000"
        "0000000000000000e40400000904000009040000020000000000020002000000512a0000522a0000"
        "0500000004000200030000000200000000000000020000001f0001301f00fe39"},
    {{.opnum = NSPI_RESOLVE_W, .names = names, .name_count = 2, .columns = {columns_b, 2}},
        "000000000102030405060708090a0b0c0d0e0f100000000000000000000000000000000000000000"
        "0000000000000000e404000009040000090400000000020003000000020000000000000002000000"
        "1f00fe391f000330020000000200000004000200080002001700000000000000170000003d005300"
        "4d00540050003a00730076006300400063006f006e0074006f0073006f002e007400650073007400"
        "000000000700000000000000070000004d00fc006c006c00650072000000"},
    {{.opnum = NSPI_RESOLVE, .names = plain, .name_count = 1},
        "000000000102030405060708090a0b0c0d0e0f100000000000000000000000000000000000000000"
        "0000000000000000e404000009040000090400000000000001000000010000000000020004000000"
        "000000000400000073766300"},
    {{.opnum = NSPI_PROPS, .flags = NSPI_SKIP_OBJECTS, .columns = {columns_b, 2}},
        "000000000102030405060708090a0b0c0d0e0f100100000000000000000000000000000000000000"
        "0000000000000000e404000009040000090400000000020003000000020000000000000002000000"
        "1f00fe391f000330"},
    {{.opnum = NSPI_SPECIAL_TABLE, .flags = NSPI_UNICODE},
        "000000000102030405060708090a0b0c0d0e0f100400000000000000000000000000000000000000"
        "0000000000000000e4040000090400000904000000000000"},
};

static struct nspi_call call_of(size_t i)
{
    struct nspi_call call = requests[i].call;
    call.stat = nspi_stat_default();
    for (size_t j = 4; j < sizeof call.handle.bytes; j++)
        call.handle.bytes[j] = (uint8_t)(j - 3);
    return call;
}

static void test_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        uint8_t bytes[512];
        char hex[2 * sizeof bytes + 1] = "";
        struct nspi_call call = call_of(i);
        struct writer writer = writer_of(bytes, sizeof bytes);
        assert_true(nspi_write(&writer, &call));
        for (size_t j = 0; j < writer.length; j++)
            snprintf(hex + 2 * j, 3, "%02x", bytes[j]);
        assert_string_equal(hex, requests[i].hex);
    }
}

static void test_requests_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        uint8_t bytes[512];
        struct nspi_call call = call_of(i);
        struct writer writer = writer_of(bytes, strlen(requests[i].hex) / 2 - 1);
        assert_false(nspi_write(&writer, &call)); /* one byte too little */
    }
    uint8_t bytes[512];
    struct nspi_call many[] = {
        {.opnum = NSPI_DN_TO_MID, .names = dns, .name_count = NSPI_NAMES_MAX + 1},
        {.opnum = NSPI_PROPS, .columns = {columns_a, MAPI_VALUES_MAX + 1}},
        {.opnum = NSPI_QUERY_ROWS, .mids = mids, .mid_count = MAPI_ROWS_MAX + 1},
        {.opnum = NSPI_MAILBOX_URL},
    };
    for (size_t i = 0; i < sizeof many / sizeof *many; i++) {
        struct writer writer = writer_of(bytes, sizeof bytes);
        assert_false(nspi_write(&writer, &many[i]));
    }
}

/* ---- answers: stubs that impacket made; the first byte is the opnum ---- */

static bool read_sample(
    struct arena *arena, const char *name, struct nspi_answer *ret_answer, struct fault *fault)
{
    size_t length = 0;
    char *path = arena_printf(arena, "nspi/%s", name);
    const char *bytes = sample_read(arena, path, &length);
    enum nspi_opnum opnum = (enum nspi_opnum)bytes[0];
    return nspi_read(arena, opnum, bytes + 1, length - 1, ret_answer, fault);
}

static void test_session(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct nspi_answer answer;
    struct fault fault = {0};
    assert_true(read_sample(&arena, "bind", &answer, &fault));
    assert_int_equal(answer.status, NSPI_SUCCESS);
    assert_true(answer.has_guid);
    assert_memory_equal(answer.server_guid, server_guid, sizeof server_guid);
    assert_int_equal(answer.handle.bytes[19], 16);

    assert_true(read_sample(&arena, "bind-refused", &answer, &fault));
    assert_false(answer.has_guid);
    assert_false(nspi_succeeded(NSPI_BIND, answer.status, &fault));
    assert_int_equal(fault.cause, CAUSE_LOGON_REFUSED);
    assert_int_equal(fault.origin, ORIGIN_MAPI);
    assert_string_equal(fault.text,
        "NspiBind answered 0x80040111 ecLoginFailure: the logon failed: database offline, or the "
        "directory look-up failed");

    assert_true(read_sample(&arena, "unbind", &answer, &fault));
    assert_true(nspi_succeeded(NSPI_UNBIND, answer.status, &fault)); /* 1 */
    assert_false(nspi_succeeded(NSPI_UNBIND, NSPI_UNBIND_FAILURE, &fault));
    assert_false(nspi_succeeded(NSPI_BIND, NSPI_UNBIND_SUCCESS, &fault));
    arena_done(&arena);
}

static void test_hierarchy(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t id, depth;
        const char *parent;
    } expected[] = {
        {"Global Address List", 0, 0, NULL},
        {"All Users", 0x1001, 0, NULL},
        {"Berlin", 0x1002, 1, "/guid=9B46C1D0C2A5A04B8D0102030405060708"},
    };
    struct arena arena = {0};
    struct nspi_answer answer;
    assert_true(read_sample(&arena, "special-table", &answer, NULL));
    assert_int_equal(answer.version, 7);
    assert_int_equal(answer.rows.count, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct mapi_row *row = &answer.rows.rows[i];
        uint64_t number = 99;
        assert_string_equal(mapi_row_text(row, PID_TAG_DISPLAY_NAME), expected[i].name);
        assert_true(mapi_row_number(row, PID_TAG_CONTAINER_ID, &number));
        assert_int_equal(number, expected[i].id);
        assert_true(mapi_row_number(row, PID_TAG_DEPTH, &number));
        assert_int_equal(number, expected[i].depth);
        struct mapi_binary parent = mapi_row_binary(row, PID_TAG_PARENT_ENTRY_ID);
        struct nspi_entry_id id;
        assert_int_equal(nspi_entry_id_read(&arena, &parent, &id), expected[i].parent != NULL);
        if (expected[i].parent != NULL) {
            assert_string_equal(id.dn, expected[i].parent);
            assert_string_equal(nspi_display_type_words(id.display_type), "container");
        }
    }
    arena_done(&arena);
}

static void test_resolve(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct nspi_answer answer;
    assert_true(read_sample(&arena, "resolve-w", &answer, NULL));
    assert_int_equal(answer.mid_count, 3);
    assert_int_equal(answer.mids[0], NSPI_MID_RESOLVED);
    assert_int_equal(answer.mids[1], NSPI_MID_UNRESOLVED);
    assert_int_equal(answer.mids[2], NSPI_MID_AMBIGUOUS);
    assert_int_equal(answer.rows.count, 1);
    assert_string_equal(mapi_row_text(answer.rows.rows, PID_TAG_EMAIL_ADDRESS), user_dn);

    assert_true(read_sample(&arena, "resolve-none", &answer, NULL));
    assert_int_equal(answer.mid_count, 1);
    assert_int_equal(answer.rows.count, 0);

    assert_true(read_sample(&arena, "dn-to-mid", &answer, NULL));
    assert_int_equal(answer.mid_count, 2);
    assert_int_equal(answer.mids[0], 0x2a51);
    assert_int_equal(answer.mids[1], 0);

    assert_true(read_sample(&arena, "query-rows", &answer, NULL));
    assert_int_equal(answer.stat.total, 2);
    assert_int_equal(answer.stat.sort_locale, 0x409);
    assert_int_equal(answer.rows.count, 2);
    struct mapi_binary entry = mapi_row_binary(&answer.rows.rows[1], PID_TAG_ENTRY_ID);
    struct nspi_entry_id id;
    assert_true(nspi_entry_id_read(&arena, &entry, &id));
    assert_false(id.permanent);
    assert_int_equal(id.mid, 0x2a52);
    assert_memory_equal(id.provider, server_guid, sizeof server_guid);
    assert_string_equal(mapi_row_text(&answer.rows.rows[1], PID_TAG_DISPLAY_NAME), "");
    arena_done(&arena);
}

static void assert_number(const struct mapi_row *row, uint32_t tag, int64_t expected)
{
    uint64_t number = 0;
    assert_true(mapi_row_number(row, tag, &number));
    assert_int_equal((int64_t)number, expected);
}

static void assert_texts(const struct mapi_value *value)
{
    assert_non_null(value);
    assert_int_equal(value->count, 3);
    assert_string_equal(value->items[0].text, "SMTP:svc@contoso.test");
    assert_string_equal(value->items[2].text, "X500:/o=Old/cn=svc");
}

/* Every type of PROP_VAL_UNION; the order of the deferred parts is what this is about. impacket
 * aligns a FlatUID_r like a UUID: in this sample they stand where both readings agree. */
static void test_props(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct nspi_answer answer;
    assert_true(read_sample(&arena, "props", &answer, NULL));
    assert_true(nspi_succeeded(NSPI_PROPS, answer.status, NULL)); /* ErrorsReturned */
    const struct mapi_row *row = &answer.rows.rows[0];
    assert_int_equal(answer.rows.count, 1);
    assert_int_equal(row->count, 22);
    assert_string_equal(mapi_row_text(row, PID_TAG_DISPLAY_NAME), "S\xc3\xa9rvice \xe6\x97\xa5");
    assert_string_equal(mapi_row_text(row, PID_TAG_EMAIL_ADDRESS), user_dn); /* String8 */
    assert_number(row, PID_TAG_OBJECT_TYPE, 6);
    assert_number(row, 0x3a40000b, 1);
    assert_number(row, PID_TAG_DEPTH, -1);
    assert_number(row, 0x12360002, -5);
    assert_number(row, 0x12390002, 3);
    assert_number(row, 0x30070040, 0x01d9c3a1b2c3d4e5);
    assert_texts(&row->values[6]); /* MultipleString */
    assert_texts(&row->values[7]); /* MultipleString8 */
    const struct mapi_value *value = mapi_row_find(row, PID_TAG_HOME_MESSAGE_DATABASE);
    assert_int_equal(value->type, MAPI_ERROR_CODE);
    assert_string_equal(ecode_name((uint32_t)value->number), "ecNotFound");
    assert_null(mapi_row_text(row, PID_TAG_HOME_MESSAGE_DATABASE));
    value = mapi_row_find(row, 0x3a701102); /* MultipleBinary */
    assert_int_equal(value->count, 3);
    assert_int_equal(value->items[0].binary.length, 3);
    assert_int_equal(value->items[1].binary.length, 0);
    assert_int_equal(value->items[2].binary.bytes[4], 0xff);
    value = mapi_row_find(row, 0x12341003); /* MultipleInteger32 */
    assert_int_equal((int64_t)value->items[1].number, -2);
    value = mapi_row_find(row, 0x12351002); /* MultipleInteger16 */
    assert_int_equal((int64_t)value->items[1].number, -8);
    assert_int_equal(value->items[2].number, 9);
    assert_int_equal(mapi_row_binary(row, 0x12370048).length, sizeof server_guid);
    assert_memory_equal(mapi_row_binary(row, 0x12370048).bytes, server_guid, sizeof server_guid);
    value = mapi_row_find(row, 0x12381048); /* MultipleGuid */
    assert_int_equal(value->items[1].binary.bytes[0], 0xaa);
    struct mapi_binary entry = mapi_row_binary(row, PID_TAG_ENTRY_ID);
    struct nspi_entry_id id;
    assert_true(nspi_entry_id_read(&arena, &entry, &id));
    assert_true(id.permanent);
    assert_string_equal(id.dn, user_dn);
    arena_done(&arena);
}

/* FILETIME[]: impacket takes each for a pointer, [MS-NSPI] 2.3.1.10 does not. */
static void test_times(void **state)
{
    (void)state;
    static const uint8_t stub[] = {0, 0, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 2, 0, /* row */
        1, 0, 0, 0, 0x40, 0x10, 0x34, 0x12, 0, 0, 0, 0, 0x40, 0x10, 0, 0,          /* value */
        2, 0, 0, 0, 8, 0, 2, 0, 2, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 0, 0, 0, 0};
    struct arena arena = {0};
    struct reader reader = reader_of(stub, sizeof stub);
    struct mapi_rows rows = {0};
    nspi_ndr_row(&reader, &arena, &rows);
    assert_true(reader_ok(&reader));
    assert_int_equal(reader_left(&reader), 0);
    const struct mapi_value *value = &rows.rows[0].values[0];
    assert_int_equal(value->count, 2);
    assert_int_equal(value->items[0].number, 0x0807060504030201);
    assert_int_equal(value->items[1].number, 9);
    arena_done(&arena);
}

static void test_nonsense(void **state)
{
    (void)state;
    static const char *const samples[] = {"truncated", "many-rows", "wrong-arm"};
    struct arena arena = {0};
    struct nspi_answer answer;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct fault fault = {0};
        assert_false(read_sample(&arena, samples[i], &answer, &fault));
        assert_int_equal(fault.cause, CAUSE_MALFORMED);
    }
    struct fault fault = {0};
    assert_false(nspi_read(&arena, NSPI_PROPS, NULL, 0, &answer, &fault));
    assert_string_equal(fault.text, "the answer to NspiGetProps breaks its format at byte 0 of 0");
    assert_false(nspi_read(&arena, NSPI_PROPS, "", NSPI_ANSWER_MAX + 1, &answer, &fault));
    assert_int_equal(fault.cause, CAUSE_TOO_LARGE);
    arena_done(&arena);
}

/* Counts that contradict each other, in the sample resolve-w. */
static void test_counts(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
    } counts[] = {
        {8, 2},  /* cValues of the ids, 3 of them */
        {12, 1}, /* their offset */
        {16, 2}, /* their actual count */
        {36, 2}, /* conformance of the rows, 1 of them */
        {40, 0}, /* cRows */
        {56, 1}, /* conformance of the values, 2 of them */
        {56, 3},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct arena arena = {0};
        struct nspi_answer answer;
        size_t length = 0;
        char *bytes = sample_read(&arena, "nspi/resolve-w", &length);
        bytes[1 + counts[i].at] = (char)counts[i].value;
        if (nspi_read(&arena, NSPI_RESOLVE_W, bytes + 1, length - 1, &answer, NULL))
            fail_msg("read with %u at %zu", counts[i].value, counts[i].at);
        arena_done(&arena);
    }
}

/* Cut anywhere, no answer is read; the last four bytes are the return value. */
static void test_cut(void **state)
{
    (void)state;
    static const char *const samples[] = {"bind", "props", "resolve-w", "special-table"};
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct arena arena = {0};
        struct nspi_answer answer;
        size_t length = 0;
        char *path = arena_printf(&arena, "nspi/%s", samples[i]);
        const char *bytes = sample_read(&arena, path, &length);
        for (size_t cut = 1; cut < length; cut++) {
            uint8_t *copy = arena_copy(&arena, bytes + 1, cut - 1);
            if (nspi_read(&arena, (enum nspi_opnum)bytes[0], copy, cut - 1, &answer, NULL))
                fail_msg("%s is read when cut to %zu", samples[i], cut - 1);
        }
        arena_done(&arena);
    }
}

static void test_entry_ids(void **state)
{
    (void)state;
    uint8_t bytes[40] = {0};
    struct arena arena = {0};
    struct nspi_entry_id id;
    struct mapi_binary binary = {bytes, sizeof bytes};
    assert_false(nspi_entry_id_read(&arena, &binary, &id)); /* R4 is 0 */
    bytes[20] = 1;
    assert_true(nspi_entry_id_read(&arena, &binary, &id));
    assert_string_equal(id.dn, "");
    binary.length = 28; /* no DN */
    assert_false(nspi_entry_id_read(&arena, &binary, &id));
    memset(bytes + 28, 'x', 12); /* no NUL */
    binary.length = sizeof bytes;
    assert_false(nspi_entry_id_read(&arena, &binary, &id));
    bytes[0] = 0x87;
    assert_true(nspi_entry_id_read(&arena, &binary, &id));
    assert_int_equal(id.mid, 0x78787878);
    bytes[0] = 0x01;
    assert_false(nspi_entry_id_read(&arena, &binary, &id));
    assert_false(nspi_entry_id_read(&arena, &(struct mapi_binary){0}, &id));
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_requests_refused),
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_hierarchy),
        cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_props),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_entry_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
