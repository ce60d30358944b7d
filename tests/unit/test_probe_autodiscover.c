#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/autodiscover.h"
#include "tests/unit/judged.h"

static struct autodiscover_answer settings_answer(void)
{
    return (struct autodiscover_answer){.action = "settings",
        .display_name = "Service",
        .legacy_dn = "/o=Contoso/cn=svc",
        .smtp_address = "svc@contoso.test",
        .public_folder_address = "pf@contoso.test",
        .protocols = {{.type = "EXCH",
                          .server = "guid@contoso.test",
                          .server_version = "73C18880",
                          .auth_package = "anonymous"},
            {.type = "EXPR",
                .server = "mail.contoso.test",
                .auth_package = "ntlm",
                .cert_principal_name = "msstd:mail.contoso.test"},
            {.type = "mapiHttp"}},
        .protocol_count = 3,
        .urls = {{.protocol = "EXCH",
                     .element = "EwsUrl",
                     .internal = true,
                     .url = "https://mail.contoso.test/EWS/Exchange.asmx"},
            {.protocol = "WEB", .element = "OWAUrl", .url = "https://mail.contoso.test/owa/"}},
        .url_count = 2};
}

static void test_settings(void **state)
{
    (void)state;
    struct autodiscover_answer answer = settings_answer();
    struct http_response response = answer_of(200, NULL, "<xml/>");
    struct check *check = check_for(&probe_autodiscover_pox);
    judge_autodiscover(&response, &answer, NULL, check);
    assert_int_equal(check->outcome, OUTCOME_PASS);
    assert_false(check->halts);
    static const struct {
        const char *key, *text;
    } facts[] = {
        {"autodiscover.action", "settings"},
        {"autodiscover.server", "guid@contoso.test"},
        {"autodiscover.auth_package", "ntlm"}, /* EXPR's says more than EXCH's */
        {"autodiscover.cert_principal", "msstd:mail.contoso.test"},
        {"autodiscover.public_folders", "pf@contoso.test"},
        {"autodiscover.legacy_dn", "/o=Contoso/cn=svc"},
        {"autodiscover.smtp_address", "svc@contoso.test"},
        {"autodiscover.display_name", "Service"},
    };
    for (size_t i = 0; i < COUNT(facts); i++)
        assert_string_equal(check_get_text(check, facts[i].key, ""), facts[i].text);
    assert_int_equal(check_fact(check, "autodiscover.protocols")->count, 3);
    const struct fact *urls = check_fact(check, "autodiscover.urls");
    assert_string_equal(
        urls->list[0], "EXCH internal EwsUrl https://mail.contoso.test/EWS/Exchange.asmx");
    assert_string_equal(urls->list[1], "WEB external OWAUrl https://mail.contoso.test/owa/");
    assert_non_null(check_fact(check, "exchange.build"));
    assert_non_null(strstr(check->summary, "2 URLs"));
    check_free(check);
}

/* The build of the front end's header comes first; the order of EXCH and EXPR does not matter. */
static void test_precedence(void **state)
{
    (void)state;
    static const struct http_header headers[] = {{"X-OWA-Version", "15.2.1544.4"}, {NULL, NULL}};
    struct autodiscover_answer answer = settings_answer();
    struct autodiscover_protocol first = answer.protocols[0];
    answer.protocols[0] = answer.protocols[1];
    answer.protocols[1] = first;
    struct http_response response = answer_of(200, headers, "");
    struct check *check = check_for(&probe_autodiscover_pox);
    judge_autodiscover(&response, &answer, NULL, check);
    assert_string_equal(check_get_text(check, "exchange.build", ""), "15.2.1544.4");
    assert_string_equal(check_get_text(check, "autodiscover.auth_package", ""), "ntlm");
    assert_string_equal(check_get_text(check, "autodiscover.server", ""), "guid@contoso.test");
    check_free(check);
}

static void test_redirects(void **state)
{
    (void)state;
    static const struct {
        const char *address, *url, *action, *redirect;
    } table[] = {
        {"svc@other.test", NULL, "redirectAddr", "svc@other.test"},
        {NULL, "https://other.test/autodiscover", "redirectUrl", "https://other.test/autodiscover"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct autodiscover_answer answer = {
            .redirect_address = table[i].address, .redirect_url = table[i].url};
        struct http_response response = answer_of(200, NULL, "");
        struct check *check = check_for(&probe_autodiscover_pox);
        judge_autodiscover(&response, &answer, NULL, check);
        assert_int_equal(check->outcome, OUTCOME_WARN);
        assert_true(check->halts); /* there are no settings for MAILBOX to look at */
        assert_string_equal(check_get_text(check, "autodiscover.action", ""), table[i].action);
        assert_string_equal(check_get_text(check, "autodiscover.redirect", ""), table[i].redirect);
        check_free(check);
    }
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        long code;
        enum cause cause;
    } table[] = {{500, CAUSE_NO_MAILBOX}, {600, CAUSE_AUTODISCOVER_ERROR},
        {601, CAUSE_AUTODISCOVER_ERROR}, {603, CAUSE_AUTODISCOVER_ERROR},
        {0, CAUSE_AUTODISCOVER_ERROR}};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct autodiscover_answer answer = {
            .error = true, .error_code = table[i].code, .error_message = "server's words"};
        struct http_response response = answer_of(200, NULL, "");
        struct check *check = check_for(&probe_autodiscover_pox);
        judge_autodiscover(&response, &answer, NULL, check);
        assert_int_equal(check->outcome, OUTCOME_FAIL);
        assert_int_equal(check->fault.cause, table[i].cause);
        assert_int_equal(check->fault.origin, ORIGIN_AUTODISCOVER);
        assert_int_equal(check->fault.code, table[i].code);
        assert_string_equal(check_get_text(check, "autodiscover.error", ""), "server's words");
        assert_null(strstr(check->fault.text, "server's words")); /* ours are ours */
        check_free(check);
    }
}

static void test_no_answer(void **state)
{
    (void)state;
    static const struct {
        int status;
        enum cause cause;
    } table[] = {{200, CAUSE_NOT_EXCHANGE}, {302, CAUSE_REDIRECTED}, {401, CAUSE_HTTP_STATUS},
        {403, CAUSE_HTTP_STATUS}, {404, CAUSE_HTTP_STATUS}, {500, CAUSE_HTTP_STATUS},
        {503, CAUSE_HTTP_STATUS}};
    struct fault fault;
    fault_set(&fault, CAUSE_NOT_EXCHANGE, ORIGIN_EXREACH, 0, "a web page");
    for (size_t i = 0; i < COUNT(table); i++) {
        struct http_response response = answer_of(table[i].status, NULL, "");
        struct check *check = check_for(&probe_autodiscover_pox);
        judge_autodiscover(&response, NULL, &fault, check);
        assert_int_equal(check->outcome, OUTCOME_FAIL);
        assert_int_equal(check->fault.cause, table[i].cause);
        assert_int_equal(check_get_int(check, "http.status", -1), table[i].status);
        check_free(check);
    }
}

static void test_mailbox(void **state)
{
    (void)state;
    struct autodiscover_answer answer = settings_answer();
    struct check *check = check_for(&probe_autodiscover_mailbox);
    judge_autodiscover_mailbox(&answer, "svc@contoso.test", check);
    assert_int_equal(check->outcome, OUTCOME_PASS);
    assert_string_equal(check->summary, "the mailbox of Service");
    /* where the store is, not EXPR's proxy */
    assert_string_equal(check_get_text(check, "autodiscover.server", ""), "guid@contoso.test");
    check_free(check);

    for (int missing = 0; missing < 3; missing++) {
        answer = settings_answer();
        answer.legacy_dn = missing == 0 ? NULL : answer.legacy_dn;
        answer.protocol_count = missing == 1 ? 0 : answer.protocol_count;
        answer.display_name = missing == 2 ? NULL : answer.display_name;
        check = check_for(&probe_autodiscover_mailbox);
        judge_autodiscover_mailbox(&answer, "svc@contoso.test", check);
        assert_int_equal(check->outcome, missing == 2 ? OUTCOME_PASS : OUTCOME_FAIL);
        assert_int_equal(check->fault.cause, missing == 2 ? CAUSE_NONE : CAUSE_NO_MAILBOX);
        assert_non_null(strstr(check->summary, "svc@contoso.test"));
        check_free(check);
    }
    /* mapiHttp alone is a mailbox, too */
    answer = settings_answer();
    answer.protocols[0] = answer.protocols[2];
    answer.protocol_count = 1;
    check = check_for(&probe_autodiscover_mailbox);
    judge_autodiscover_mailbox(&answer, "svc@contoso.test", check);
    assert_int_equal(check->outcome, OUTCOME_PASS);
    check_free(check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_mailbox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
