#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/owa.h"
#include "tests/unit/judged.h"

static void test_logon(void **state)
{
    (void)state;
    static const struct {
        int status;
        struct owa_location location;
        bool cookies;
        enum outcome outcome;
        enum cause cause;
        const char *says;
    } table[] = {
        {302, {OWA_INSIDE, -1, 0, NULL}, true, OUTCOME_PASS, CAUSE_NONE, "logs on"},
        /* inside, but without the cookies that only a logon sets */
        {302, {OWA_INSIDE, -1, 0, NULL}, false, OUTCOME_FAIL, CAUSE_NOT_EXCHANGE, "cookies"},
        {302, {OWA_LANGUAGE, -1, 0, NULL}, true, OUTCOME_PASS, CAUSE_NONE, "never opened"},
        {302, {OWA_ERROR, -1, 500, "x"}, true, OUTCOME_PASS, CAUSE_NONE, "error page"},
        {302, {OWA_PASSWORD_EXPIRED, -1, 0, NULL}, false, OUTCOME_FAIL, CAUSE_PASSWORD_EXPIRED,
            "expired"},
        {302, {OWA_LOGON, 2, 0, NULL}, false, OUTCOME_FAIL, CAUSE_LOGON_REFUSED,
            "reason 2: user name or password"},
        {302, {OWA_LOGON, 0, 0, NULL}, false, OUTCOME_FAIL, CAUSE_LOGON_REFUSED, "no reason"},
        {302, {OWA_LOGON, -1, 0, NULL}, false, OUTCOME_FAIL, CAUSE_LOGON_REFUSED, "no reason"},
        {302, {OWA_LOGON, 1, 0, NULL}, false, OUTCOME_FAIL, CAUSE_LOGON_REFUSED, "signed out"},
        {302, {OWA_LOGON, 3, 0, NULL}, false, OUTCOME_FAIL, CAUSE_LOGON_REFUSED, "timed out"},
        {302, {OWA_LOGON, 4, 0, NULL}, false, OUTCOME_FAIL, CAUSE_LOGON_REFUSED, "changed"},
        {302, {OWA_LOGON, 5, 0, NULL}, false, OUTCOME_FAIL, CAUSE_ACCESS_DENIED, "rules"},
        {302, {OWA_LOGON, 6, 0, NULL}, false, OUTCOME_FAIL, CAUSE_ACCESS_DENIED, "rules"},
        {302, {OWA_ELSEWHERE, -1, 0, NULL}, true, OUTCOME_FAIL, CAUSE_REDIRECTED, "away"},
        {200, {OWA_NOWHERE, -1, 0, NULL}, false, OUTCOME_FAIL, CAUSE_HTTP_STATUS, "200"},
        {401, {OWA_NOWHERE, -1, 0, NULL}, false, OUTCOME_FAIL, CAUSE_HTTP_STATUS, "401"},
        {440, {OWA_NOWHERE, -1, 0, NULL}, false, OUTCOME_FAIL, CAUSE_HTTP_STATUS, "440"},
        {503, {OWA_NOWHERE, -1, 0, NULL}, false, OUTCOME_FAIL, CAUSE_HTTP_STATUS, "503"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        static const struct http_header headers[] = {
            {"Location", "/where"}, {"X-FEServer", "EX1"}, {NULL, NULL}};
        struct http_response response = answer_of(table[i].status, headers, "");
        struct check *check = check_for(&probe_owa_logon);
        judge_owa_logon(&response, &table[i].location, table[i].cookies, check);
        if (check->outcome != table[i].outcome || check->fault.cause != table[i].cause ||
            strstr(check->summary, table[i].says) == NULL)
            fail_msg("case %zu: %s, \"%s\"", i, outcome_str(check->outcome), check->summary);
        assert_int_equal(check_get_int(check, "auth.status", -1), table[i].status);
        assert_int_equal(check_get_int(check, "owa.reason", -1), table[i].location.reason);
        assert_non_null(check_get_text(check, "owa.place", NULL));
        assert_string_equal(check_get_text(check, "owa.location", ""), "/where");
        check_free(check);
    }
}

static void test_app(void **state)
{
    (void)state;
    static const char page[] = "<link href=\"/owa/auth/15.2.1544/themes/x.css\">";
    static const struct {
        int status;
        const char *error; /* X-OWA-Error */
        struct owa_location location;
        enum outcome outcome;
        enum cause cause;
        long code;
    } table[] = {
        {200, NULL, {OWA_NOWHERE, -1, 0, NULL}, OUTCOME_PASS, CAUSE_NONE, 0},
        {302, NULL, {OWA_LANGUAGE, -1, 0, NULL}, OUTCOME_PASS, CAUSE_NONE, 0},
        {302, NULL, {OWA_LOGON, 0, 0, NULL}, OUTCOME_FAIL, CAUSE_REDIRECTED, 302},
        {302, NULL, {OWA_ERROR, -1, 500, "words"}, OUTCOME_FAIL, CAUSE_HTTP_STATUS, 500},
        {302, NULL, {OWA_ELSEWHERE, -1, 0, NULL}, OUTCOME_FAIL, CAUSE_HTTP_STATUS, 302},
        {440, NULL, {OWA_NOWHERE, -1, 0, NULL}, OUTCOME_FAIL, CAUSE_HTTP_STATUS, 440},
        {500, NULL, {OWA_NOWHERE, -1, 0, NULL}, OUTCOME_FAIL, CAUSE_HTTP_STATUS, 500},
        {503, NULL, {OWA_NOWHERE, -1, 0, NULL}, OUTCOME_FAIL, CAUSE_HTTP_STATUS, 503},
        /* about the mailbox: the next layer's business */
        {500, "Microsoft.Exchange.Data.Storage.UserHasNoMailboxException",
            {OWA_NOWHERE, -1, 0, NULL}, OUTCOME_PASS, CAUSE_NONE, 0},
        {200, "x.MailboxInSiteFailoverException", {OWA_NOWHERE, -1, 0, NULL}, OUTCOME_PASS,
            CAUSE_NONE, 0},
        {500, "x.QuotaExceededException", {OWA_NOWHERE, -1, 0, NULL}, OUTCOME_PASS, CAUSE_NONE, 0},
        {500, "ClientError", {OWA_NOWHERE, -1, 0, NULL}, OUTCOME_FAIL, CAUSE_HTTP_STATUS, 500},
        {200, "ClientError", {OWA_NOWHERE, -1, 0, NULL}, OUTCOME_FAIL, CAUSE_HTTP_STATUS, 200},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        const struct http_header headers[] = {
            {table[i].error != NULL ? "X-OWA-Error" : NULL, table[i].error}, {NULL, NULL}};
        struct http_response response = answer_of(table[i].status, headers, page);
        struct check *check = check_for(&probe_owa_app);
        judge_owa_app(&response, &table[i].location, check);
        if (check->outcome != table[i].outcome || check->fault.cause != table[i].cause ||
            check->fault.code != table[i].code)
            fail_msg("case %zu: %s, \"%s\"", i, outcome_str(check->outcome), check->summary);
        const char *error = table[i].error != NULL ? table[i].error : table[i].location.message;
        if (error != NULL)
            assert_string_equal(check_get_text(check, "owa.error", ""), error);
        else
            assert_null(check_fact(check, "owa.error"));
        assert_int_equal(check_fact(check, "owa.build") != NULL, i == 0);
        check_free(check);
    }
}

static void test_applies(void **state)
{
    (void)state;
    const struct endpoint owa = {.service = SERVICE_OWA, .port = 443};
    const struct endpoint ews = {.service = SERVICE_EWS, .port = 443};
    assert_true(probe_owa_logon.applies(&owa) && probe_owa_mailbox.applies(&owa));
    assert_false(probe_owa_logon.applies(&ews) || probe_owa_app.applies(&ews));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logon),
        cmocka_unit_test(test_app),
        cmocka_unit_test(test_applies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
