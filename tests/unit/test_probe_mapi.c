#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/ecodes.h"
#include "probes/mapi_http.h"
#include "tests/unit/judged.h"

/* ---- targets ---- */

static void test_targets(void **state)
{
    (void)state;
    static const struct {
        const char *path, *endpoint, *id, *target;
    } table[] = {
        {"/mapi/emsmdb/", "emsmdb", NULL, "/mapi/emsmdb/?useMailboxOfAuthenticatedUser=true"},
        {"/mapi/emsmdb/", "emsmdb", "g@d", "/mapi/emsmdb/?MailboxId=g@d"},
        {"/mapi/emsmdb/?MailboxId=a@b", "emsmdb", NULL, "/mapi/emsmdb/?MailboxId=a@b"},
        {"/mapi/emsmdb/?MailboxId=a@b", "emsmdb", "g@d", "/mapi/emsmdb/?MailboxId=g@d"},
        {"/mapi/emsmdb?x=1&mailboxid=a@b&y=2", "nspi", NULL, "/mapi/nspi/?MailboxId=a@b"},
        {"/mapi/nspi/?NotMailboxId=a@b", "emsmdb", NULL,
            "/mapi/emsmdb/?useMailboxOfAuthenticatedUser=true"},
        {"/mapi/emsmdb/?MailboxId=", "emsmdb", NULL,
            "/mapi/emsmdb/?useMailboxOfAuthenticatedUser=true"},
        {"/mapi", "nspi", "g@d", "/mapi/nspi/?MailboxId=g@d"},
        {"/", "emsmdb", "g@d", "/emsmdb/?MailboxId=g@d"},
        {"", "emsmdb", "g@d", "/emsmdb/?MailboxId=g@d"},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < COUNT(table); i++)
        assert_string_equal(
            mapi_target(&arena, table[i].path, table[i].endpoint, table[i].id), table[i].target);
    assert_string_equal(mapi_url(&arena, "https://m/mapi/"), "https://m/mapi/emsmdb/");
    assert_string_equal(mapi_url(&arena, "https://m/mapi"), "https://m/mapi/emsmdb/");
    arena_done(&arena);
}

/* ---- answers ---- */

#define MAPI_TYPE                               \
    {                                           \
        "Content-Type", "application/mapi-http" \
    }

static void test_answers(void **state)
{
    (void)state;
    static const struct {
        int status;
        struct http_header headers[5];
        const char *body;
        bool bodiless, ok;
        enum cause cause;
        long code; /* as it counts in the end */
    } table[] = {
        {200, {MAPI_TYPE, {"X-ResponseCode", "0"}}, "PROCESSING\r\nDONE\r\n\r\nxy", false, true,
            CAUSE_NONE, 0},
        /* PING */
        {200, {MAPI_TYPE, {"X-ResponseCode", "0"}}, "", true, true, CAUSE_NONE, 0},
        {200, {{"X-ResponseCode", "0"}}, "", true, true, CAUSE_NONE, 0},
        {200, {MAPI_TYPE, {"X-ResponseCode", "0"}}, "", false, false, CAUSE_TRUNCATED, 0},
        {200, {MAPI_TYPE, {"X-ResponseCode", "0"}}, "PROCESSING\r\nPENDING\r\n", false, false,
            CAUSE_TRUNCATED, 0},
        /* the code behind DONE is the final one */
        {200, {MAPI_TYPE, {"X-ResponseCode", "0"}},
            "PROCESSING\r\nDONE\r\nX-ResponseCode: 10\r\n\r\n", false, false, CAUSE_MAPI_ERROR, 10},
        {200, {{"X-ResponseCode", "16"}, {"Content-Type", "text/html"}}, "<html>", false, false,
            CAUSE_MAPI_ERROR, 16},
        {200, {{"X-ResponseCode", "8"}, {"Content-Type", "text/html"}}, "<html>", false, false,
            CAUSE_ACCESS_DENIED, 8},
        {200, {{"X-ResponseCode", "11"}}, "", false, false, CAUSE_ACCESS_DENIED, 11},
        {200, {{"X-ResponseCode", "18"}}, "", false, false, CAUSE_SERVER_BUSY, 18},
        {200, {{"X-ResponseCode", "999"}}, "", false, false, CAUSE_MAPI_ERROR, 999},
        /* no MAPI at all */
        {200, {{"Content-Type", "text/html"}}, "<html>", false, false, CAUSE_NOT_EXCHANGE, -1},
        {200, {{"Content-Type", "text/html"}}, "<html>", true, false, CAUSE_NOT_EXCHANGE, -1},
        {200, {{"Content-Type", "text/html"}, {"X-ResponseCode", "0"}}, "<html>", false, false,
            CAUSE_NOT_EXCHANGE, 0},
        {200, {{NULL, NULL}}, "", true, false, CAUSE_NOT_EXCHANGE, -1},
        /* a code that is no number tells nothing */
        {200, {MAPI_TYPE, {"X-ResponseCode", "-1"}}, "", true, false, CAUSE_MALFORMED, -1},
        {200, {MAPI_TYPE, {"X-ResponseCode", "99999999999"}}, "PROCESSING\r\nDONE\r\n\r\nxy", false,
            false, CAUSE_MALFORMED, -1},
        {200, {MAPI_TYPE, {"X-ResponseCode", "0"}},
            "PROCESSING\r\nDONE\r\nX-ResponseCode: 0x0\r\n\r\n", false, false, CAUSE_MALFORMED, 0},
        {200, {MAPI_TYPE}, "<html>", false, false, CAUSE_NOT_EXCHANGE, -1},
        {200, {MAPI_TYPE, {"Content-Encoding", "gzip"}}, "x", false, false, CAUSE_MALFORMED, -1},
        {404, {{"X-FEServer", "EX1"}}, "", false, false, CAUSE_HTTP_STATUS, -1},
        {503, {{"X-ResponseCode", "1"}}, "", false, false, CAUSE_HTTP_STATUS, 1},
        {302, {{"Location", "https://x/"}}, "", false, false, CAUSE_REDIRECTED, -1},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct arena arena = {0};
        struct mapi_answer answer;
        struct fault fault = {.cause = CAUSE_NONE};
        struct http_response response = answer_of(table[i].status, table[i].headers, table[i].body);
        bool ok = mapi_answer_read(&response, table[i].bodiless, &arena, &answer, &fault);
        if (ok != table[i].ok || (!ok && fault.cause != table[i].cause) ||
            answer.code != table[i].code)
            fail_msg("case %zu: %d %ld %s", i, ok, answer.code, fault.text);
        arena_done(&arena);
    }
}

static void test_numbering(void **state)
{
    (void)state;
    static const struct http_header headers[] = {{"X-ResponseCode", "6"}, {"Server", "gromox-http"},
        {"Content-Type", "text/html"}, {"Set-Cookie", "sid=a secret; path=/"}, {0}};
    struct arena arena = {0};
    struct mapi_answer answer;
    struct fault fault;
    struct http_response response = answer_of(200, headers, "<html>");
    struct check *check = check_for(&probe_mapi_connect);
    assert_false(mapi_answer_read(&response, false, &arena, &answer, &fault));
    note_mapi_answer(&response, &answer, check);
    assert_int_equal(answer.numbering, MAPIHTTP_GROMOX);
    assert_non_null(strstr(fault.text, "Missing cookie"));
    assert_string_equal(
        check_get_text(check, "mapi.response", ""), "Missing cookie (gromox's own numbering)");
    assert_string_equal(check_get_text(check, "mapi.numbering", ""), "gromox");
    const struct fact *cookies = check_fact(check, "mapi.cookies");
    assert_int_equal(cookies->count, 1);
    assert_string_equal(cookies->list[0], "sid"); /* its name, not its value */
    check_free(check);
    arena_done(&arena);
}

static void test_facts(void **state)
{
    (void)state;
    static const struct http_header headers[] = {MAPI_TYPE, {"X-ResponseCode", "0"},
        {"X-ServerApplication", "Exchange/15.02.2562.037"}, {"X-FEServer", "EX1"},
        {"X-FailureContext", "BackEnd;503;;;3003;;"}, {0}};
    struct arena arena = {0};
    struct mapi_answer answer;
    struct fault fault;
    struct http_response response = answer_of(
        200, headers, "PROCESSING\r\nPENDING\r\nPENDING\r\nDONE\r\nX-ElapsedTime: 31\r\n\r\n");
    struct check *check = check_for(&probe_mapi_connect);
    assert_true(mapi_answer_read(&response, false, &arena, &answer, &fault));
    note_mapi_answer(&response, &answer, check);
    assert_string_equal(check_get_text(check, "mapi.server", ""), "Exchange/15.02.2562.037");
    assert_string_equal(check_get_text(check, "exchange.build", ""), "15.2.2562.37");
    assert_string_equal(check_get_text(check, "node", ""), "EX1");
    assert_string_equal(
        check_get_text(check, "mapi.frames", ""), "PROCESSING, PENDING 2 times, DONE");
    assert_int_equal(check_get_int(check, "mapi.server_ms", -1), 31);
    assert_int_equal(check_get_int(check, "mapi.response_code", -1), 0);
    assert_string_equal(
        check_get_text(check, "mapi.failure_context", ""), "BackEnd, 503, sub-code 3003");
    check_free(check);
    arena_done(&arena);
}

static void test_ping(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *code;
        bool goes_on;
    } table[] = {
        {200, "0", true},
        {200, "6", true},
        {200, "10", true},
        {200, "13", true},
        {200, "16", false},
        {200, "8", false},
        {404, "0", false},
        {503, "0", false},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct arena arena = {0};
        const struct http_header headers[] = {{"X-ResponseCode", table[i].code}, {0}};
        struct http_response response = answer_of(table[i].status, headers, "");
        struct check *check = check_for(&probe_mapi_connect);
        assert_int_equal(judge_mapi_ping(&response, &arena, check), table[i].goes_on);
        assert_int_equal(check->outcome, table[i].goes_on ? OUTCOME_NOT_RUN : OUTCOME_FAIL);
        check_free(check);
        arena_done(&arena);
    }
}

static void test_connect(void **state)
{
    (void)state;
    static const struct {
        uint32_t status, error;
        enum outcome outcome;
        enum cause cause;
        const char *name;
    } table[] = {
        {0, 0, OUTCOME_PASS, CAUSE_NONE, NULL},
        {0, EC_UNKNOWN_USER, OUTCOME_FAIL, CAUSE_NO_MAILBOX, "ecUnknownUser"},
        {0, EC_NOT_ENCRYPTED, OUTCOME_FAIL, CAUSE_ACCESS_DENIED, "ecNotEncrypted"},
        {0, 0x7fffffff, OUTCOME_FAIL, CAUSE_MAPI_ERROR, NULL},
        {EC_MEMORY, 0, OUTCOME_FAIL, CAUSE_SERVER_BUSY, NULL},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct check *check = check_for(&probe_mapi_connect);
        const struct mapihttp_session session = {
            .result = {.status = table[i].status, .error = table[i].error},
            .dn_prefix = "/o=C/cn=",
            .display_name = "A"};
        judge_mapi_connect(&session, check);
        assert_int_equal(check->outcome, table[i].outcome);
        assert_int_equal(check->fault.cause, table[i].cause);
        if (table[i].name != NULL)
            assert_string_equal(check_get_text(check, "mapi.error", ""), table[i].name);
        if (table[i].outcome == OUTCOME_FAIL) {
            assert_int_equal(check->fault.origin, ORIGIN_MAPI);
            assert_non_null(check_fact(check, "mapi.error_words"));
        } else {
            assert_string_equal(check_get_text(check, "mapi.display_name", ""), "A");
        }
        check_free(check);
    }
}

static void test_subjects(void **state)
{
    (void)state;
    struct settings settings = {.mailboxes = {{"a@b", "c@d"}, 2}};
    assert_int_equal(probe_mapi_mailbox_of.subjects(&settings), 2);
    assert_string_equal(probe_mapi_mailbox_of.subject(&settings, 1), "c@d");
    assert_int_equal(probe_mapi_public.subjects(&settings), 0);
    settings.public_folders = true;
    assert_int_equal(probe_mapi_public.subjects(&settings), 1);
    assert_true(mapi_applies(&(struct endpoint){.service = SERVICE_MAPI}));
    assert_false(mapi_applies(&(struct endpoint){.service = SERVICE_EWS}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_numbering),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_ping),
        cmocka_unit_test(test_connect),
        cmocka_unit_test(test_subjects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
