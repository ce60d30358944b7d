#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/offer.h"
#include "tests/unit/judged.h"

static const struct endpoint ews = {
    .service = SERVICE_EWS, .host = "mail.contoso.test", .port = 443, .path = "/EWS/Exchange.asmx"};
static const struct endpoint owa = {
    .service = SERVICE_OWA, .host = "mail.contoso.test", .port = 443, .path = "/owa/"};
static const struct endpoint plain = {.service = SERVICE_AUTODISCOVER,
    .host = "autodiscover.contoso.test",
    .port = 80,
    .path = "/autodiscover/autodiscover.xml"};

static const struct challenge two[] = {
    {.scheme = "Negotiate"}, {.scheme = "NTLM", .authorization_uri = "https://login.test"}};

static const char form[] =
    "<html><form action=\"/owa/auth.owa\" method=\"POST\"><input name=\"password\"></form></html>";
static const char portal[] = "<html><title>Welcome to the hotel</title></html>";

#define LOGON "https://mail.contoso.test/owa/auth/logon.aspx?url=x&reason=0"

static const struct {
    const struct endpoint *endpoint;
    int status;
    size_t challenges;
    const char *location, *body;
    enum outcome outcome;
    enum cause cause;
    bool halts;
} offers[] = {
    {&ews, 401, 2, NULL, "", OUTCOME_PASS, CAUSE_NONE, false},
    {&ews, 401, 0, NULL, "", OUTCOME_FAIL, CAUSE_NO_SCHEME, true},
    {&ews, 200, 0, NULL, portal, OUTCOME_FAIL, CAUSE_NOT_EXCHANGE, true},
    {&ews, 204, 0, NULL, "", OUTCOME_FAIL, CAUSE_NOT_EXCHANGE, true},
    {&ews, 200, 0, NULL, form, OUTCOME_FAIL, CAUSE_NOT_EXCHANGE, true},
    {&owa, 200, 0, NULL, portal, OUTCOME_FAIL, CAUSE_NOT_EXCHANGE, true},
    {&owa, 200, 0, NULL, form, OUTCOME_PASS, CAUSE_NONE, false},
    {&owa, 302, 0, LOGON, "", OUTCOME_PASS, CAUSE_NONE, false},
    {&owa, 302, 0, "/owa/auth/logon.aspx?reason=0", "", OUTCOME_PASS, CAUSE_NONE, false},
    {&ews, 302, 0, LOGON, "", OUTCOME_FAIL, CAUSE_REDIRECTED, true},
    {&owa, 302, 0, "https://portal.evil.test/owa/auth/logon.aspx", "", OUTCOME_FAIL,
        CAUSE_REDIRECTED, true},
    {&ews, 301, 0, "http://other.test/", "", OUTCOME_FAIL, CAUSE_REDIRECTED, true},
    {&ews, 307, 0, NULL, "", OUTCOME_FAIL, CAUSE_REDIRECTED, true},
    {&ews, 308, 0, "", "", OUTCOME_FAIL, CAUSE_REDIRECTED, true},
    {&ews, 304, 0, NULL, "", OUTCOME_FAIL, CAUSE_HTTP_STATUS, true},
    {&ews, 400, 0, NULL, "", OUTCOME_FAIL, CAUSE_HTTP_STATUS, true},
    {&ews, 403, 0, NULL, "", OUTCOME_FAIL, CAUSE_HTTP_STATUS, true},
    {&ews, 404, 2, NULL, "", OUTCOME_FAIL, CAUSE_HTTP_STATUS, true},
    {&ews, 407, 2, NULL, "", OUTCOME_FAIL, CAUSE_HTTP_STATUS, true},
    {&ews, 440, 0, NULL, "", OUTCOME_FAIL, CAUSE_HTTP_STATUS, true},
    {&ews, 500, 0, NULL, "", OUTCOME_FAIL, CAUSE_HTTP_STATUS, true},
    {&ews, 503, 0, NULL, "", OUTCOME_FAIL, CAUSE_HTTP_STATUS, true},
    {&ews, 599, 0, NULL, "", OUTCOME_FAIL, CAUSE_HTTP_STATUS, true},
    {&ews, 100, 0, NULL, "", OUTCOME_FAIL, CAUSE_HTTP_STATUS, true},
    /* plain HTTP only tells where to go */
    {&plain, 302, 0, "https://mail.contoso.test/autodiscover/autodiscover.xml", "", OUTCOME_PASS,
        CAUSE_NONE, false},
    {&plain, 301, 0, "https://evil.test/", "", OUTCOME_PASS, CAUSE_NONE, false},
    {&plain, 302, 0, NULL, "", OUTCOME_SKIPPED, CAUSE_NONE, true},
    {&plain, 200, 0, NULL, portal, OUTCOME_SKIPPED, CAUSE_NONE, true},
    {&plain, 401, 2, NULL, "", OUTCOME_SKIPPED, CAUSE_NONE, true},
    {&plain, 404, 0, NULL, "", OUTCOME_SKIPPED, CAUSE_NONE, true},
};

static void test_offer(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(offers); i++) {
        const struct http_header headers[] = {
            {offers[i].location != NULL ? "location" : NULL, offers[i].location}, {NULL, NULL}};
        struct http_response response = answer_of(offers[i].status, headers, offers[i].body);
        struct check *check = check_for(&probe_http_offer);
        judge_offer(offers[i].endpoint, &response, two, offers[i].challenges, check);
        if (check->outcome != offers[i].outcome || check->fault.cause != offers[i].cause ||
            check->halts != offers[i].halts)
            fail_msg("case %zu: %s, %s: %s", i, outcome_str(check->outcome),
                cause_str(check->fault.cause), check->summary);
        assert_int_equal(check_get_int(check, "http.status", -1), offers[i].status);
        if (check->outcome == OUTCOME_FAIL && offers[i].cause != CAUSE_NONE) {
            assert_int_equal(check->fault.origin, ORIGIN_HTTP);
            assert_int_equal(check->fault.code, offers[i].status);
        }
        if (check->outcome == OUTCOME_PASS && offers[i].endpoint == &owa)
            assert_string_equal(check_fact(check, "http.schemes")->list[0], "forms");
        check_free(check);
    }
}

static void test_offered_facts(void **state)
{
    (void)state;
    static const struct http_header headers[] = {{"SERVER", "Microsoft-IIS/10.0"},
        {"X-OWA-Version", "15.2.1544.4"}, {"X-FEServer", "EX1"}, {"request-id", "r-1"},
        {"X-CalculatedBETarget", "ex2.contoso.test"}, {"X-BEServer", "EX3"},
        {"X-CasErrorCode", "UserNotFound"}, {NULL, NULL}};
    struct http_response response = answer_of(401, headers, "");
    struct check *check = check_for(&probe_http_offer);
    judge_offer(&ews, &response, two, 2, check);
    assert_string_equal(check_get_text(check, "http.server", ""), "Microsoft-IIS/10.0");
    assert_string_equal(check_get_text(check, "exchange.build", ""), "15.2.1544.4");
    assert_non_null(strstr(check_get_text(check, "exchange.product", ""), "Exchange 2019"));
    assert_string_equal(check_get_text(check, "node", ""), "EX1");
    assert_string_equal(check_get_text(check, "http.back_end", ""), "ex2.contoso.test");
    assert_string_equal(check_get_text(check, "http.request_id", ""), "r-1");
    assert_string_equal(check_get_text(check, "http.failure", ""), "X-CasErrorCode: UserNotFound");
    assert_string_equal(check_get_text(check, "http.authorization_uri", ""), "https://login.test");
    assert_int_equal(check_fact(check, "http.schemes")->count, 2);
    assert_string_equal(check->summary, "asks for a logon, offers 2 schemes");
    check_free(check);
}

/* Hostile texts: nothing is cut in a way that breaks, no build is believed. */
static void test_hostile(void **state)
{
    (void)state;
    static char text[100 * 1024];
    memset(text, 'A', sizeof text - 1);
    const struct http_header headers[] = {{"Location", text}, {"X-OWA-Version", text},
        {"Server", text}, {"Content-Type", text}, {NULL, NULL}};
    static const int statuses[] = {200, 302, 503};
    for (size_t i = 0; i < COUNT(statuses); i++) {
        struct http_response response = answer_of(statuses[i], headers, text);
        struct check *check = check_for(&probe_http_offer);
        judge_offer(&ews, &response, NULL, 0, check);
        assert_int_equal(check->outcome, OUTCOME_FAIL);
        assert_null(check_fact(check, "exchange.build"));
        assert_in_range(strlen(check->summary), 1, FAULT_TEXT_SIZE);
        check_free(check);
    }
}

static void test_exchange_shows(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool shows;
    } table[] = {{"X-FEServer", true}, {"x-owa-version", true}, {"X-DiagInfo", true},
        {"X-BEServer", true}, {"Server", false}, {"X-Powered-By", false}, {"X-FEServers", false}};
    for (size_t i = 0; i < COUNT(table); i++) {
        const struct http_header headers[] = {{table[i].name, "x"}, {NULL, NULL}};
        struct http_response response = answer_of(401, headers, "");
        assert_int_equal(response_shows_exchange(&response), table[i].shows);
    }
}

static void test_health(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        enum outcome outcome;
        const char *node;
    } table[] = {
        {200, "200 OK<br/>ex1.contoso.test", OUTCOME_PASS, "ex1.contoso.test"},
        {200, "200 OK<BR/>EX1\r\n", OUTCOME_PASS, "EX1"},
        {200, "200 OK", OUTCOME_PASS, NULL},
        {200, "200 OK<br/>", OUTCOME_PASS, NULL},
        {200, portal, OUTCOME_WARN, NULL}, /* a captive portal is no health */
        {200, "<html>Down for maintenance<br/>soon</html>", OUTCOME_WARN, NULL},
        {200, "", OUTCOME_WARN, NULL},
        {302, "", OUTCOME_WARN, NULL},
        {401, "200 OK<br/>x", OUTCOME_WARN, NULL},
        {404, "", OUTCOME_WARN, NULL},
        {500, "", OUTCOME_WARN, NULL},
        {503, "200 OK<br/>x", OUTCOME_WARN, NULL},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct http_response response = answer_of(table[i].status, NULL, table[i].body);
        struct check *check = check_for(&probe_http_health);
        judge_health(&ews, &response, check);
        if (check->outcome != table[i].outcome || check->halts)
            fail_msg("case %zu: %s", i, check->summary);
        assert_int_equal(check_get_int(check, "health.status", -1), table[i].status);
        const char *node = check_get_text(check, "node", NULL);
        if (table[i].node != NULL)
            assert_string_equal(node, table[i].node);
        else
            assert_null(node);
        check_free(check);
    }
}

static void test_status_words(void **state)
{
    (void)state;
    for (int status = -1; status < 1000; status++)
        assert_true(strlen(status_meaning(status)) > 5);
    assert_string_not_equal(status_meaning(401), status_meaning(402));
}

static void test_applies(void **state)
{
    (void)state;
    const struct endpoint ldap = {.service = SERVICE_LDAP, .port = 636};
    assert_true(probe_http_offer.applies(&ews));
    assert_true(probe_http_offer.applies(&plain));
    assert_false(probe_http_offer.applies(&ldap));
    assert_true(probe_http_health.applies(&owa));
    assert_false(probe_http_health.applies(&plain));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offer),
        cmocka_unit_test(test_offered_facts),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_exchange_shows),
        cmocka_unit_test(test_health),
        cmocka_unit_test(test_status_words),
        cmocka_unit_test(test_applies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
