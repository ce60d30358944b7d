#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/rule_cases.h"

#define MAPI  "mapi/mail.contoso.test/127.0.0.20:443"
#define MAPI2 "mapi/mail.contoso.test/127.0.0.21:443"

/* The numbers of the specification, each with the finding it belongs to. */
static void test_codes(void **state)
{
    (void)state;
    static const struct {
        long code;
        const char *rule;
    } table[] = {{1, "X-PROTOCOL"}, {2, "M02"}, {3, "M02"}, {4, "M02"}, {5, "M02"}, {6, "M03"},
        {7, "M02"}, {8, "M04"}, {9, "M02"}, {10, "M03"}, {11, "M05"}, {12, "M02"}, {13, "M03"},
        {14, "X-PROTOCOL"}, {15, "M03"}, {16, "M06"}, {17, "X-PROTOCOL"}, {18, "M06"},
        {999, "X-PROTOCOL"}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        begin(&survey, NULL);
        fixture_response_code(&survey, "mapi.connect", table[i].code);
        expect_first(&survey, table[i].rule);
    }
}

static void set(struct survey *survey, const char *probe, const char *key, const char *text)
{
    check_text(fixture_check(survey, MAPI, probe), key, text);
    check_text(fixture_check(survey, MAPI2, probe), key, text);
}

/* Whose 404 it is; whether all servers lack it. */
static void test_no_directory(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "M01");
    expect_says(&survey, "M01", "build 15.2.2562.37 has MAPI over HTTP");
    begin(&survey, "M01");
    set(&survey, "http.offer", "exchange.build", "15.0.712.24");
    expect_says(&survey, "M01", "is older than 15.0.847");
    /* no header of Exchange's, on no path of the host */
    begin(&survey, "M01");
    check_bool(fixture_check(&survey, MAPI, "http.offer"), "http.exchange", false);
    check_bool(fixture_check(&survey, MAPI2, "http.offer"), "http.exchange", false);
    expect_not(&survey, "M01");
    /* 503 is no missing directory */
    begin(&survey, "M01");
    fixture_check(&survey, MAPI, "http.offer")->fault.code = 503;
    fixture_check(&survey, MAPI2, "http.offer")->fault.code = 503;
    expect_not(&survey, "M01");
    /* the other node has it */
    begin(&survey, NULL);
    fixture_fail(&survey, MAPI, "http.offer", CAUSE_HTTP_STATUS, "answers 404");
    struct check *offer = fixture_check(&survey, MAPI, "http.offer");
    offer->fault.code = 404;
    check_text(offer, "node", "EX1");
    survey_diagnose(&survey);
    assert_string_equal(survey.findings->component, "virtual directory mapi of EX1");
    survey_done(&survey);
}

/* What was lost: the cookies, the server, or the session. */
static void test_session(void **state)
{
    (void)state;
    static const char *const cookies[] = {"MapiContext"};
    struct survey survey;
    begin(&survey, "M03");
    expect_says(&survey, "M03", "the answer to Connect sets no cookie");
    for (int moved = 0; moved < 2; moved++) {
        begin(&survey, "M03");
        check_list(fixture_check(&survey, MAPI, "mapi.connect"), "mapi.cookies", cookies, 1);
        set(&survey, "mapi.connect", "node", moved != 0 ? "ex2" : "EX1");
        expect_says(&survey, "M03",
            moved != 0 ? "Connect was answered by ex2, this by ex1" : "EX1 answered both");
    }
    begin(&survey, "M03");
    check_int(fixture_check(&survey, MAPI, "mapi.mailbox"), "mapi.response_code", 13);
    expect_says(&survey, "M03", "they are stripped");
}

/* A page before the logon is another matter (T04); an X-ResponseCode is no page. */
static void test_page(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "M07");
    expect_says(&survey, "M07", "does not come from Exchange");
    begin(&survey, "M07");
    set(&survey, "mapi.connect", "node", "EX1");
    expect_says(&survey, "M07", "X-FEServer, so it comes from Exchange");
    begin(&survey, NULL);
    fixture_fail(&survey, MAPI, "http.offer", CAUSE_NOT_EXCHANGE, "a page");
    check_int(fixture_check(&survey, MAPI, "http.offer"), "http.status", 200);
    expect_not(&survey, "M07");
}

/* Its numbers are read by its own table, and none of Exchange's findings follows from them. */
static void test_gromox(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "M08");
    expect_says(&survey, "M08", "X-ResponseCode 6 means here: Missing cookie");
    begin(&survey, "M08");
    expect_not(&survey, "M03");
    static const char *const names[] = {"gromox-http 2", "grommunio", "Exchange/15.00.0847.4040"};
    for (size_t i = 0; i < 3; i++) {
        begin(&survey, NULL);
        set(&survey, "mapi.connect", "mapi.server", names[i]);
        set(&survey, "mapi.connect", "exchange.build", "15.0.847.4040"); /* a claim, no server */
        survey_diagnose(&survey);
        assert_int_equal(count(&survey), 1);
        assert_string_equal(survey.findings->rule, "M08");
        assert_int_equal(survey.findings->severity, SEVERITY_INFO);
        assert_int_equal(survey.verdict.status, STATUS_OK);
        survey_done(&survey);
    }
    begin(&survey, NULL);
    set(&survey, "mapi.connect", "mapi.server", "Exchange/15.02.2562.037");
    expect_first(&survey, NULL);
}

/* What the profile needs decides how grave it is. */
static void test_severity(void **state)
{
    (void)state;
    static const struct {
        const char *fault;
        enum profile profile;
        enum status status;
    } table[] = {
        {"M01", PROFILE_OUTLOOK, STATUS_BROKEN},
        {"M01", PROFILE_MAPI_CDO, STATUS_DEGRADED}, /* needs RPC over HTTP, which works */
        {"M03", PROFILE_OUTLOOK, STATUS_BROKEN},
        {"M06", PROFILE_EWS_APP, STATUS_DEGRADED},
        {"M09", PROFILE_MAPI_CDO, STATUS_BROKEN},
        {"M16", PROFILE_OUTLOOK, STATUS_BROKEN}, /* it was asked for */
        {"M19", PROFILE_MAPI_CDO, STATUS_BROKEN},
        {"M21", PROFILE_MAPI_CDO, STATUS_BROKEN},
        {"M21", PROFILE_EWS_APP, STATUS_DEGRADED},
        {"V05", PROFILE_MAPI_CDO, STATUS_DEGRADED}, /* in the fixture RPC works */
        {"V05", PROFILE_OUTLOOK, STATUS_BROKEN},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        begin(&survey, table[i].fault);
        survey.target.profile = table[i].profile;
        survey_diagnose(&survey);
        assert_whole(&survey);
        assert_string_equal(survey.findings->rule, table[i].fault);
        if (survey.verdict.status != table[i].status)
            fail_msg("%s for %s: %s", table[i].fault, profile_str(table[i].profile),
                survey.verdict.summary);
        survey_done(&survey);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_no_directory),
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_gromox),
        cmocka_unit_test(test_severity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
