#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/survey.h"
#include "tests/unit/fixture.h"

#include <string.h>

static const struct fact_def defs[] = {
    {"a.bool", FACT_BOOL, ""},
    {"a.int", FACT_INT, ""},
    {"a.text", FACT_TEXT, ""},
    {"a.list", FACT_LIST, ""},
    {0},
};

static void test_words(void **state)
{
    (void)state;
    for (int i = 0; i < SERVICE_COUNT; i++) {
        enum service back = SERVICE_COUNT;
        assert_true(service_parse(service_str((enum service)i), &back));
        assert_int_equal(back, i);
    }
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        enum outcome back = OUTCOME_COUNT;
        assert_true(outcome_parse(outcome_str((enum outcome)i), &back));
        assert_int_equal(back, i);
    }
    for (int i = 0; i < LAYER_COUNT; i++) {
        enum layer back = LAYER_COUNT;
        assert_true(layer_parse(layer_str((enum layer)i), &back));
        assert_int_equal(back, i);
    }
    for (int i = 0; i < PROFILE_COUNT; i++) {
        enum profile back = PROFILE_COUNT;
        assert_true(profile_parse(profile_str((enum profile)i), &back));
        assert_int_equal(back, i);
    }
    enum source source;
    enum severity severity;
    assert_true(source_parse("scp", &source));
    assert_int_equal(source, SOURCE_SCP);
    assert_true(severity_parse("warn", &severity));
    assert_int_equal(severity, SEVERITY_WARN);
    assert_false(source_parse("", &source));
    assert_false(severity_parse("FAIL", &severity));
}

static void test_ids(void **state)
{
    (void)state;
    struct survey survey;
    survey_init(&survey);
    static const struct {
        struct endpoint endpoint;
        const char *id;
    } table[] = {
        {{.service = SERVICE_EWS, .host = "mail.a", .address = "127.0.0.20", .port = 443},
            "ews/mail.a/127.0.0.20:443"},
        {{.service = SERVICE_EWS, .host = "mail.a", .address = "::1", .port = 443},
            "ews/mail.a/[::1]:443"},
        {{.service = SERVICE_OWA, .host = "mail.a", .port = 443}, "owa/mail.a:443"},
        {{.service = SERVICE_KERBEROS,
             .host = "dc",
             .address = "10.0.0.1",
             .port = 88,
             .subject = "HTTP/mail.a"},
            "kerberos/dc/10.0.0.1:88/HTTP/mail.a"},
        {{.service = SERVICE_OWA, .host = "mail.a", .port = 443}, "owa/mail.a:443#2"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct chain *chain = survey_add_chain(&survey, &table[i].endpoint);
        assert_string_equal(chain->id, table[i].id);
        assert_ptr_equal(survey_find_chain(&survey, table[i].id), chain);
    }
    struct chain *chain = survey.chains;
    struct check *plain = check_new(chain->id, "ews.folders", "t", LAYER_MAILBOX, NULL, NULL);
    struct check *extra = check_new(chain->id, "ews.mailbox", "t", LAYER_MAILBOX, "bob@a", NULL);
    chain_append(chain, plain);
    chain_append(chain, extra);
    assert_string_equal(plain->id, "ews/mail.a/127.0.0.20:443/ews.folders");
    assert_string_equal(extra->id, "ews/mail.a/127.0.0.20:443/ews.mailbox/bob@a");
    assert_ptr_equal(survey_find_check(&survey, extra->id), extra);
    assert_null(survey_find_check(&survey, "no"));
    survey_done(&survey);
    assert_null(survey.chains);
    check_free(NULL);
}

static void test_facts(void **state)
{
    (void)state;
    struct check *check = check_new("row", "p", "t", LAYER_TCP, NULL, defs);
    check_bool(check, "a.bool", true);
    check_int(check, "a.int", 1);
    check_int(check, "a.int", INT64_MIN);
    check_text(check, "a.text", NULL);
    assert_null(check_fact(check, "a.text"));
    char text[] = "first";
    check_text(check, "a.text", text);
    text[0] = 'X';
    assert_string_equal(check_get_text(check, "a.text", ""), "first");
    check_text(check, "a.text", check_get_text(check, "a.text", ""));
    assert_string_equal(check_get_text(check, "a.text", ""), "first");
    check_textn(check, "a.text", "a\0b", 3);
    assert_string_equal(check_get_text(check, "a.text", ""), "a\xEF\xBF\xBD"
                                                             "b");
    for (int i = 0; i < 40; i++)
        check_add(check, "a.list", i % 2 == 0 ? "even" : "odd");
    const struct fact *list = check_fact(check, "a.list");
    assert_int_equal(list->count, 40);
    assert_string_equal(list->list[39], "odd");
    static const char *const two[] = {"x", "y"};
    check_list(check, "a.list", two, 2);
    check_add(check, "a.list", "z");
    assert_int_equal(check_fact(check, "a.list")->count, 3);
    assert_string_equal(check_fact(check, "a.list")->list[2], "z");
    assert_true(check_get_bool(check, "a.bool", false));
    assert_true(check_get_int(check, "a.int", 0) == INT64_MIN);
    /* of another type, or not recorded: the default; nobody's check: too */
    assert_int_equal(check_get_int(check, "a.text", 7), 7);
    assert_int_equal(check_get_int(check, "a.none", 8), 8);
    assert_string_equal(check_get_text(NULL, "a.text", "none"), "none");
    assert_string_equal(check->facts->key, "a.bool");
    check_free(check);
}

static void test_settle(void **state)
{
    (void)state;
    static const struct {
        enum outcome outcome;
        bool halts;
    } table[] = {{OUTCOME_PASS, false}, {OUTCOME_WARN, false}, {OUTCOME_FAIL, true},
        {OUTCOME_BLOCKED, true}, {OUTCOME_SKIPPED, false}, {OUTCOME_ERROR, true}};
    struct check *check = check_new("row", "p", "t", LAYER_TCP, NULL, defs);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        check_settle(check, table[i].outcome, "number %d", (int)i);
        assert_int_equal(check->halts, table[i].halts);
    }
    assert_string_equal(check->summary, "number 5");
    check_settle(check, OUTCOME_WARN, "w");
    check_halt(check);
    assert_true(check->halts);
    struct fault fault;
    fault_set(&fault, CAUSE_REFUSED, ORIGIN_SYSTEM, 111, "refused");
    check_fail(check, &fault);
    assert_int_equal(check->outcome, OUTCOME_FAIL);
    assert_string_equal(check->summary, "refused");
    fault_set(&fault, CAUSE_NO_RETURN, ORIGIN_EXREACH, 0, "did not return");
    check_fail(check, &fault);
    assert_int_equal(check->outcome, OUTCOME_ERROR);
    check_free(check);
}

static void test_cells(void **state)
{
    (void)state;
    struct survey survey;
    fixture_healthy(&survey);
    const struct chain *chain = survey_find_chain(&survey, "ews/mail.contoso.test/127.0.0.20:443");
    assert_string_equal(chain_cell(chain, LAYER_HTTP)->probe, "http.offer");
    assert_true(chain_is_extra(chain, chain_check(chain, "http.health")));
    assert_false(chain_is_extra(chain, chain_check(chain, "ews.folders")));
    assert_string_equal(chain_node(chain), "ex1");
    assert_true(chain_works(chain));
    /* a remark beside the chain does not stop it from working; a further mailbox does */
    fixture_break(&survey, "X-MAILBOX");
    assert_false(chain_works(chain));
    survey_done(&survey);

    fixture_healthy(&survey);
    chain = survey_find_chain(&survey, "owa/mail.contoso.test/127.0.0.20:443");
    fixture_break(&survey, "X-ERROR");
    assert_true(chain_works(chain));
    fixture_fail(&survey, chain->id, "owa.logon", CAUSE_NO_SCHEME, "none");
    assert_false(chain_works(chain));
    survey_done(&survey);
}

#define ITSELF "autodiscover/contoso.test/127.0.0.10:443"
#define NAMED  "autodiscover/autodiscover.contoso.test/127.0.0.20:443"

static void test_reconcile(void **state)
{
    (void)state;
    struct survey survey;
    fixture_healthy(&survey); /* the domain itself refuses, reconciled there */
    for (int round = 0; round < 2; round++) {
        assert_int_equal(fixture_check(&survey, ITSELF, "tcp.connect")->outcome, OUTCOME_SKIPPED);
        assert_int_equal(fixture_check(&survey, ITSELF, "http.logon")->outcome, OUTCOME_SKIPPED);
        assert_null(fixture_check(&survey, ITSELF, "http.logon")->blocked_by);
        assert_int_equal(fixture_check(&survey, ITSELF, "tcp.connect")->fault.cause, CAUSE_REFUSED);
        const char *summary = fixture_check(&survey, ITSELF, "tcp.connect")->summary;
        survey_reconcile(&survey);
        assert_ptr_equal(summary, fixture_check(&survey, ITSELF, "tcp.connect")->summary);
    }
    /* the only place left is no longer one of several */
    fixture_fail(&survey, NAMED, "tcp.connect", CAUSE_TIMEOUT, "no answer");
    survey_reconcile(&survey);
    assert_int_equal(fixture_check(&survey, NAMED, "tcp.connect")->outcome, OUTCOME_FAIL);
    survey_done(&survey);

    /* a refused logon is no reason to go on elsewhere */
    fixture_healthy(&survey);
    fixture_fail(&survey, NAMED, "http.logon", CAUSE_PASSWORD_WRONG, "wrong");
    survey_reconcile(&survey);
    assert_int_equal(fixture_check(&survey, NAMED, "http.logon")->outcome, OUTCOME_FAIL);
    survey_done(&survey);
}

/* A dead address beside a living one of the same name is N04, whatever else answers. */
static void test_reconcile_siblings(void **state)
{
    (void)state;
    struct survey survey;
    survey_init(&survey);
    survey.target.domain = "a.test";
    static const struct {
        const char *host, *address;
        bool answers;
        enum outcome expected;
    } table[] = {
        {"autodiscover.a.test", "10.0.0.1", true, OUTCOME_PASS},
        {"autodiscover.a.test", "10.0.0.2", false, OUTCOME_FAIL},
        {"old.a.test", "10.0.0.3", false, OUTCOME_SKIPPED},
    };
    for (size_t i = 0; i < 3; i++) {
        struct endpoint endpoint = {.service = SERVICE_AUTODISCOVER,
            .host = table[i].host,
            .address = table[i].address,
            .port = 443,
            .candidate = true};
        struct chain *chain = survey_add_chain(&survey, &endpoint);
        struct check *check = check_new(chain->id, "http.offer", "t", LAYER_HTTP, NULL, NULL);
        check_settle(check, table[i].answers ? OUTCOME_PASS : OUTCOME_FAIL, "x");
        chain_append(chain, check);
    }
    survey_reconcile(&survey);
    size_t i = 0;
    for (struct chain *chain = survey.chains; chain != NULL; chain = chain->next)
        assert_int_equal(chain->checks->outcome, table[i++].expected);
    survey_done(&survey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_settle),
        cmocka_unit_test(test_cells),
        cmocka_unit_test(test_reconcile),
        cmocka_unit_test(test_reconcile_siblings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
