/*
 * Facts that rules rest on: what a refusal tells of the account, who answers in place of Exchange,
 * and clocks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/offer.h"
#include "tests/unit/judged.h"

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *header, *value, *body;
        enum cause cause;
    } table[] = {
        {NULL, NULL, "", CAUSE_NONE},
        {"X-MS-Credential-Service-CredExpired", "true", "", CAUSE_PASSWORD_EXPIRED},
        {"x-ms-credential-service-credexpired", "True", "", CAUSE_PASSWORD_EXPIRED},
        {"X-MS-Credential-Service-CredExpired", "false", "", CAUSE_NONE},
        {NULL, NULL, "<p>The referenced account is currently locked out and may not be</p>",
            CAUSE_ACCOUNT_LOCKED},
        {NULL, NULL, "your account is locked", CAUSE_NONE},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        const struct http_header headers[] = {{table[i].header, table[i].value}, {NULL, NULL}};
        struct http_response response = answer_of(401, headers, table[i].body);
        struct fault fault = {.cause = CAUSE_NONE};
        assert_int_equal(refusal_fault(&response, &fault), table[i].cause != CAUSE_NONE);
        assert_int_equal(fault.cause, table[i].cause);
        if (table[i].cause != CAUSE_NONE)
            assert_int_equal(fault.code, 401);
    }
}

static void test_who_answers(void **state)
{
    (void)state;
    static const struct endpoint ews = {
        .service = SERVICE_EWS, .host = "mail.contoso.test", .port = 443};
    static const struct {
        const char *body, *title;
    } table[] = {
        {"<html><TITLE>\n Guest network - Sign in</TITLE>", "Guest network - Sign in"},
        {"<title>broken\nin two</title>", "broken"},
        {"<title></title>", NULL},
        {"<title>", NULL},
        {"no page at all", NULL},
    };
    const struct http_header headers[] = {
        {"Via", "1.1 portal.test (squid)"}, {"Server", "Apache"}, {NULL, NULL}};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct http_response response = answer_of(200, headers, table[i].body);
        struct check *check = check_for(&probe_http_offer);
        judge_offer(&ews, &response, NULL, 0, check);
        const char *title = check_get_text(check, "http.title", NULL);
        if (table[i].title != NULL)
            assert_string_equal(title, table[i].title);
        else
            assert_null(title);
        assert_string_equal(check_get_text(check, "http.via", ""), "1.1 portal.test (squid)");
        assert_false(check_get_bool(check, "http.exchange", true));
        check_free(check);
    }
    /* a title without an end fills no survey */
    char body[400] = "<title>";
    memset(body + strlen(body), 'x', sizeof body - 8);
    struct http_response response = answer_of(200, headers, body);
    struct check *check = check_for(&probe_http_offer);
    judge_offer(&ews, &response, NULL, 0, check);
    assert_int_equal(strlen(check_get_text(check, "http.title", "")), 100);
    check_free(check);
}

static void test_clocks(void **state)
{
    (void)state;
    static const struct fact_def facts[] = {{"clock.skew_s", FACT_INT, "skew"}, FACT_END};
    static const struct {
        enum outcome before;
        int64_t skew;
        enum outcome after;
        const char *summary;
    } table[] = {
        {OUTCOME_PASS, 300, OUTCOME_PASS, "fine"},
        {OUTCOME_PASS, -300, OUTCOME_PASS, "fine"},
        {OUTCOME_PASS, 301, OUTCOME_WARN, "fine; but its clock is 5 min 1 s ahead of ours"},
        {OUTCOME_PASS, -4000, OUTCOME_WARN, "fine; but its clock is 66 min 40 s behind ours"},
        {OUTCOME_FAIL, 4000, OUTCOME_FAIL, "fine"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct check *check = check_new("row", "p", "t", LAYER_AUTH, NULL, facts);
        check_int(check, "clock.skew_s", table[i].skew);
        check_settle(check, table[i].before, "fine");
        warn_of_skew(check, "its");
        assert_int_equal(check->outcome, table[i].after);
        assert_string_equal(check->summary, table[i].summary);
        check_free(check);
    }
    struct check *check = check_new("row", "p", "t", LAYER_AUTH, NULL, facts);
    check_settle(check, OUTCOME_PASS, "fine");
    warn_of_skew(check, "its"); /* no clock was seen */
    assert_int_equal(check->outcome, OUTCOME_PASS);
    check_free(check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_who_answers),
        cmocka_unit_test(test_clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
