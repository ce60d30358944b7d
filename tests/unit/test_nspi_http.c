#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/nspi_http.h"
#include "tests/unit/sample.h"

#include <stdio.h>
#include <string.h>

static const char user_dn[] =
    "/o=Contoso/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=svc";

/* ---- requests, against bytes put together from [MS-OXCMAPIHTTP] 2.2.5 by other means ---- */

static const char *const dns[] = {"/o=Contoso/cn=svc", "/o=x"};
static const char *const names[] = {"=SMTP:svc@contoso.test", "M\xc3\xbcller"};
static const uint32_t columns_a[] = {PID_TAG_DISPLAY_NAME, PID_TAG_SMTP_ADDRESS};
static const uint32_t columns_b[] = {PID_TAG_SMTP_ADDRESS, PID_TAG_EMAIL_ADDRESS};
static const uint32_t mids[] = {0x2a51, 0x2a52};

static const struct {
    struct nspi_call call;
    const char *type, *hex;
} requests[] = {
    {{.opnum = NSPI_BIND}, "Bind",
        "0000000001000000000000000000000000000000000000000000000000e404000009040000090400"
        "0000000000"},
    {{.opnum = NSPI_UNBIND}, "Unbind", "0000000000000000"},
    {{.opnum = NSPI_DN_TO_MID, .names = dns, .name_count = 2}, "DnToMinId",
        "0000000001020000002f6f3d436f6e746f736f2f636e3d737663002f6f3d780000000000"},
    {{.opnum = NSPI_QUERY_ROWS, .mids = mids, .mid_count = 2, .rows = 5, .columns = {columns_a, 2}},
        "QueryRows",
        "0000000001000000000000000000000000000000000000000000000000e404000009040000090400"
        "0002000000512a0000522a00000500000001020000001f0001301f00fe3900000000"},
    {{.opnum = NSPI_RESOLVE_W, .names = names, .name_count = 2, .columns = {columns_b, 2}},
        "ResolveNames",
        "0000000001000000000000000000000000000000000000000000000000e404000009040000090400"
        "0001020000001f00fe391f00033001020000003d0053004d00540050003a00730076006300400063"
        "006f006e0074006f0073006f002e00740065007300740000004d00fc006c006c0065007200000000"
        "000000"},
    {{.opnum = NSPI_PROPS, .flags = NSPI_SKIP_OBJECTS, .columns = {columns_b, 2}}, "GetProps",
        "0100000001000000000000000000000000000000000000000000000000e404000009040000090400"
        "0001020000001f00fe391f00033000000000"},
    {{.opnum = NSPI_PROPS}, "GetProps",
        "0000000001000000000000000000000000000000000000000000000000e404000009040000090400"
        "000000000000"},
    {{.opnum = NSPI_SPECIAL_TABLE, .flags = NSPI_UNICODE}, "GetSpecialTable",
        "0400000001000000000000000000000000000000000000000000000000e404000009040000090400"
        "000000000000"},
    {{.opnum = NSPI_SPECIAL_TABLE, .flags = NSPI_UNICODE, .version = 7}, "GetSpecialTable",
        "0400000001000000000000000000000000000000000000000000000000e404000009040000090400"
        "00010700000000000000"},
    {{.opnum = NSPI_MAILBOX_URL, .names = dns, .name_count = 1}, "GetMailboxUrl",
        "000000002f006f003d0043006f006e0074006f0073006f002f0063006e003d007300760063000000"
        "00000000"},
    {{.opnum = NSPI_ADDRESS_BOOK_URL, .names = dns, .name_count = 1}, "GetAddressBookUrl",
        "000000002f006f003d0043006f006e0074006f0073006f002f0063006e003d007300760063000000"
        "00000000"},
};

static void test_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        uint8_t bytes[512];
        char hex[2 * sizeof bytes + 1] = "";
        struct nspi_call call = requests[i].call;
        call.stat = nspi_stat_default();
        struct writer writer = writer_of(bytes, sizeof bytes);
        assert_true(nspi_http_write(&writer, &call));
        for (size_t j = 0; j < writer.length; j++)
            snprintf(hex + 2 * j, 3, "%02x", bytes[j]);
        assert_string_equal(hex, requests[i].hex);
        assert_string_equal(nspi_http_type(call.opnum), requests[i].type);
        writer = writer_of(bytes, strlen(hex) / 2 - 1);
        assert_false(nspi_http_write(&writer, &call));
    }
}

static void test_requests_refused(void **state)
{
    (void)state;
    static const struct nspi_call calls[] = {
        {.opnum = NSPI_RESOLVE},
        {.opnum = NSPI_MAILBOX_URL},
        {.opnum = NSPI_RESOLVE_W, .names = names, .name_count = NSPI_NAMES_MAX + 1},
        {.opnum = NSPI_PROPS, .columns = {columns_a, MAPI_VALUES_MAX + 1}},
        {.opnum = NSPI_QUERY_ROWS, .mids = mids, .mid_count = MAPI_ROWS_MAX + 1},
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        uint8_t bytes[512];
        struct writer writer = writer_of(bytes, sizeof bytes);
        assert_false(nspi_http_write(&writer, &calls[i]));
    }
    assert_null(nspi_http_type(NSPI_RESOLVE));
}

/* ---- answers: the first byte is the low one of the call's number ---- */

static enum nspi_opnum opnum_of(uint8_t byte)
{
    if (byte == (uint8_t)NSPI_MAILBOX_URL)
        return NSPI_MAILBOX_URL;
    return byte == (uint8_t)NSPI_ADDRESS_BOOK_URL ? NSPI_ADDRESS_BOOK_URL : (enum nspi_opnum)byte;
}

static bool read_sample(struct arena *arena, const char *name, uint32_t *ret_code,
    struct nspi_answer *ret_answer, struct fault *fault)
{
    size_t length = 0;
    char *path = arena_printf(arena, "nspi_http/%s", name);
    const uint8_t *bytes = (uint8_t *)sample_read(arena, path, &length);
    struct mapi_binary body = {bytes + 1, length - 1};
    return nspi_http_read(arena, opnum_of(bytes[0]), &body, ret_code, ret_answer, fault);
}

static void test_session(void **state)
{
    (void)state;
    static const char *const binds[] = {"bind", "bind-aux"};
    struct arena arena = {0};
    struct nspi_answer answer;
    uint32_t code = 99;
    for (size_t i = 0; i < 2; i++) {
        assert_true(read_sample(&arena, binds[i], &code, &answer, NULL));
        assert_int_equal(code, 0);
        assert_true(answer.has_guid);
        assert_int_equal(answer.server_guid[0], 0xc9);
    }
    assert_true(read_sample(&arena, "unbind", &code, &answer, NULL));
    assert_true(nspi_succeeded(NSPI_UNBIND, answer.status, NULL));
    assert_true(read_sample(&arena, "failed", &code, &answer, NULL));
    assert_int_equal(code, 5);
    assert_false(answer.has_guid);
    assert_true(read_sample(&arena, "mailbox-url", &code, &answer, NULL));
    assert_string_equal(
        answer.url, "https://mail.contoso.test/mapi/emsmdb/?MailboxId=0a@contoso.test");
    assert_true(read_sample(&arena, "book-url", &code, &answer, NULL));
    assert_string_equal(answer.url, "https://mail.contoso.test/mapi/nspi/");
    arena_done(&arena);
}

static void test_names(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct nspi_answer answer;
    uint32_t code;
    assert_true(read_sample(&arena, "resolve", &code, &answer, NULL));
    assert_int_equal(answer.code_page, 1252);
    assert_int_equal(answer.mid_count, 3);
    assert_int_equal(answer.mids[0], NSPI_MID_RESOLVED);
    assert_int_equal(answer.mids[2], NSPI_MID_AMBIGUOUS);
    assert_int_equal(answer.rows.count, 1);
    assert_string_equal(mapi_row_text(answer.rows.rows, PID_TAG_EMAIL_ADDRESS), user_dn);
    assert_true(read_sample(&arena, "resolve-none", &code, &answer, NULL));
    assert_int_equal(answer.mid_count, 1);
    assert_int_equal(answer.mids[0], NSPI_MID_UNRESOLVED);
    assert_int_equal(answer.rows.count, 0);
    assert_true(read_sample(&arena, "dn-to-mid", &code, &answer, NULL));
    assert_int_equal(answer.mid_count, 2);
    assert_int_equal(answer.mids[0], 0x2a51);
    arena_done(&arena);
}

static void test_tables(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct nspi_answer answer;
    uint32_t code;
    uint64_t number = 0;
    assert_true(read_sample(&arena, "special-table", &code, &answer, NULL));
    assert_int_equal(answer.version, 7);
    assert_int_equal(answer.code_page, NSPI_CODE_PAGE_UNICODE);
    assert_int_equal(answer.rows.count, 2);
    assert_string_equal(mapi_row_text(&answer.rows.rows[1], PID_TAG_DISPLAY_NAME), "All Users");
    assert_true(mapi_row_number(&answer.rows.rows[1], PID_TAG_CONTAINER_ID, &number));
    assert_int_equal(number, 0x1001);

    assert_true(read_sample(&arena, "query-rows", &code, &answer, NULL));
    assert_int_equal(answer.stat.total, 2);
    assert_int_equal(answer.stat.sort_locale, 0x409);
    assert_int_equal(answer.rows.count, 2);
    const struct mapi_row *flagged = &answer.rows.rows[0], *standard = &answer.rows.rows[1];
    assert_string_equal(mapi_row_text(flagged, PID_TAG_SMTP_ADDRESS), "a@contoso.test");
    assert_int_equal(mapi_row_find(flagged, PID_TAG_EMAIL_ADDRESS)->type, MAPI_ERROR_CODE);
    assert_false(mapi_row_find(flagged, PID_TAG_DISPLAY_TYPE)->present);
    assert_string_equal(mapi_row_text(flagged, PID_TAG_DISPLAY_NAME), "A");
    assert_string_equal(mapi_row_text(standard, PID_TAG_EMAIL_ADDRESS), "/o=b");
    assert_true(mapi_row_number(standard, PID_TAG_DISPLAY_TYPE, &number));
    assert_int_equal(number, 6);
    assert_string_equal(mapi_row_text(standard, PID_TAG_DISPLAY_NAME), "B");
    arena_done(&arena);
}

static void test_props(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct nspi_answer answer;
    uint32_t code;
    assert_true(read_sample(&arena, "props", &code, &answer, NULL));
    assert_int_equal(answer.status, NSPI_ERRORS_RETURNED);
    const struct mapi_row *row = answer.rows.rows;
    assert_int_equal(row->count, 15);
    assert_string_equal(mapi_row_text(row, PID_TAG_DISPLAY_NAME), "S\xc3\xa9rvice");
    assert_string_equal(row->values[5].items[2].text, "X500:/o=Old/cn=svc");
    assert_string_equal(row->values[6].items[0].text, "SMTP:svc@contoso.test");
    assert_int_equal(mapi_row_find(row, PID_TAG_HOME_MESSAGE_DATABASE)->number, 0x8004010f);
    assert_int_equal(row->values[11].items[0].binary.length, 3);
    assert_int_equal((int64_t)row->values[12].items[1].number, -2);
    assert_false(row->values[13].present);
    assert_int_equal(row->values[14].binary.length, 16);
    struct mapi_binary entry = mapi_row_binary(row, PID_TAG_ENTRY_ID);
    struct nspi_entry_id id;
    assert_true(nspi_entry_id_read(&arena, &entry, &id));
    assert_string_equal(id.dn, user_dn);

    /* A server that writes no HasValue before the values of a multi-valued property. */
    assert_true(read_sample(&arena, "props-plain", &code, &answer, NULL));
    row = answer.rows.rows;
    assert_string_equal(row->values[0].items[2].text, "X500:/o=Old/cn=svc");
    assert_int_equal(row->values[1].items[0].binary.length, 3);

    assert_true(read_sample(&arena, "props-none", &code, &answer, NULL));
    struct fault fault = {0};
    assert_false(nspi_succeeded(NSPI_PROPS, answer.status, &fault));
    assert_int_equal(fault.cause, CAUSE_NO_OBJECT);
    assert_int_equal(answer.rows.count, 0);
    arena_done(&arena);
}

/* A refusal without what is of no use then: its code counts. */
static void test_short_refusal(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0, 0, 0, 0, 0x0f, 0x01, 0x04, 0x80, 0, 0, 0, 0};
    struct arena arena = {0};
    struct nspi_answer answer;
    struct fault fault = {0};
    uint32_t code;
    struct mapi_binary body = {bytes, sizeof bytes};
    assert_true(nspi_http_read(&arena, NSPI_BIND, &body, &code, &answer, &fault));
    assert_int_equal(answer.status, 0x8004010f);
    assert_false(answer.has_guid);
    body.length = 6; /* not even a code */
    assert_false(nspi_http_read(&arena, NSPI_BIND, &body, &code, &answer, &fault));
    assert_int_equal(fault.cause, CAUSE_MALFORMED);
    arena_done(&arena);
}

static void test_nonsense(void **state)
{
    (void)state;
    static const char *const samples[] = {"truncated", "many-rows", "bad-flag"};
    struct arena arena = {0};
    struct nspi_answer answer;
    uint32_t code;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct fault fault = {0};
        assert_false(read_sample(&arena, samples[i], &code, &answer, &fault));
        assert_int_equal(fault.cause, CAUSE_MALFORMED);
    }
    struct fault fault = {0};
    struct mapi_binary body = {(const uint8_t *)"", NSPI_ANSWER_MAX + 1};
    assert_false(nspi_http_read(&arena, NSPI_BIND, &body, &code, &answer, &fault));
    assert_int_equal(fault.cause, CAUSE_TOO_LARGE);
    static const char *const whole[] = {"bind-aux", "props", "resolve", "special-table"};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        size_t length = 0;
        char *path = arena_printf(&arena, "nspi_http/%s", whole[i]);
        const uint8_t *bytes = (uint8_t *)sample_read(&arena, path, &length);
        for (size_t cut = 0; cut + 1 < length; cut++) {
            body = (struct mapi_binary){arena_copy(&arena, bytes + 1, cut), cut};
            assert_false(nspi_http_read(&arena, opnum_of(bytes[0]), &body, &code, &answer, NULL));
        }
    }
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_requests_refused),
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_props),
        cmocka_unit_test(test_short_refusal),
        cmocka_unit_test(test_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
