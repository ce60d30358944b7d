#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/findings.h"
#include "tests/unit/golden_rows.h"

/* One golden survey a rule: it is found, it alone, with the right weight. */
static void test_goldens(void **state)
{
    (void)state;
    size_t rules = 0;
    for (size_t i = 0; i < sizeof goldens / sizeof goldens[0]; i++) {
        struct survey survey;
        fixture_golden(&survey, goldens[i].name);
        survey_diagnose(&survey);
        assert_whole(&survey);
        assert_int_equal(survey.verdict.status, goldens[i].status);
        assert_int_equal(count(&survey), goldens[i].findings);
        const struct finding *first = survey.findings;
        if (goldens[i].component != NULL) {
            assert_string_equal(first->rule, goldens[i].name);
            assert_int_equal(first->severity, goldens[i].severity);
            assert_int_equal(first->layer, goldens[i].layer);
            assert_string_equal(first->component, goldens[i].component);
            rules++;
        }
        if (goldens[i].status == STATUS_BROKEN)
            assert_ptr_equal(survey.verdict.breaks_at, first);
        else
            assert_null(survey.verdict.breaks_at);
        survey_done(&survey);
    }
    /* no rule without a golden survey, no golden survey without a line here */
    size_t all = 0, files = 0;
    const struct rule *rule = NULL;
    for (size_t i = 0; (rule = rule_at(i)) != NULL; i++)
        all += rule->when != NULL || strncmp(rule->id, "X-", 2) == 0 ? 1 : 0; /* R04: healthy */
    while (fixture_goldens[files] != NULL)
        files++;
    assert_int_equal(rules, all);
    assert_int_equal(files, sizeof goldens / sizeof goldens[0]);
}

static const struct {
    const char *fault;
    enum profile profile;
    enum status status;
} in_profiles[] = {
    {"D06", PROFILE_MAPI_CDO, STATUS_BROKEN},
    {"D06", PROFILE_OUTLOOK, STATUS_BROKEN},
    {"D06", PROFILE_EWS_APP, STATUS_DEGRADED},
    {"D06", PROFILE_OWA_USER, STATUS_DEGRADED},
    {"D06", PROFILE_ALL, STATUS_BROKEN},               /* nobody makes a MAPI profile for it */
    {"X-PROTOCOL", PROFILE_MAPI_CDO, STATUS_DEGRADED}, /* EWS is no need of it */
    {"X-PROTOCOL", PROFILE_OWA_USER, STATUS_DEGRADED},
    {"X-PROTOCOL", PROFILE_OUTLOOK, STATUS_BROKEN},
    {"X-PROTOCOL", PROFILE_ALL, STATUS_BROKEN},
    {"N01", PROFILE_OWA_USER, STATUS_DEGRADED},
    {"N01", PROFILE_MAPI_CDO, STATUS_BROKEN},
    {"A01", PROFILE_OWA_USER, STATUS_BROKEN},
    {"A01", PROFILE_MAPI_CDO, STATUS_BROKEN},
    {"A04", PROFILE_EWS_APP, STATUS_BROKEN},
    {"A16", PROFILE_ALL, STATUS_DEGRADED},
    {"N04", PROFILE_OWA_USER, STATUS_DEGRADED},
    {"T01", PROFILE_OWA_USER, STATUS_BROKEN},
    {"N05", PROFILE_MAPI_CDO, STATUS_BROKEN},
    {"N05", PROFILE_OWA_USER, STATUS_DEGRADED},
    {"T02", PROFILE_MAPI_CDO, STATUS_BROKEN}, /* RPC over HTTP is behind that name */
    {"T04", PROFILE_MAPI_CDO, STATUS_BROKEN},
    {"A03", PROFILE_MAPI_CDO, STATUS_BROKEN},
    {"A20", PROFILE_MAPI_CDO, STATUS_DEGRADED},
    {"A25", PROFILE_OWA_USER, STATUS_DEGRADED},
    {"U03", PROFILE_OWA_USER, STATUS_DEGRADED},
    {"E07", PROFILE_MAPI_CDO, STATUS_DEGRADED},
    {"O01", PROFILE_OWA_USER, STATUS_BROKEN},
    {"O03", PROFILE_OWA_USER, STATUS_DEGRADED},
    {"V03", PROFILE_EWS_APP, STATUS_DEGRADED},
    {"A08", PROFILE_MAPI_CDO, STATUS_BROKEN},
    {"A21", PROFILE_OWA_USER, STATUS_DEGRADED},
    {"A31", PROFILE_MAPI_CDO, STATUS_UNKNOWN},
    {"D01", PROFILE_MAPI_CDO, STATUS_DEGRADED}, /* the catalogue finds it */
    {"D02", PROFILE_ALL, STATUS_OK},
    {"D03", PROFILE_MAPI_CDO, STATUS_DEGRADED},
    {"D05", PROFILE_MAPI_CDO, STATUS_BROKEN},
    {"D07", PROFILE_MAPI_CDO, STATUS_BROKEN},
    {"D08", PROFILE_MAPI_CDO, STATUS_BROKEN},
    {"D10", PROFILE_EWS_APP, STATUS_BROKEN},
    {"D10", PROFILE_OWA_USER, STATUS_DEGRADED},
    {"D11", PROFILE_MAPI_CDO, STATUS_BROKEN},
    {"D11", PROFILE_OUTLOOK, STATUS_BROKEN},
    {"D11", PROFILE_OWA_USER, STATUS_DEGRADED},
    {"D13", PROFILE_MAPI_CDO, STATUS_DEGRADED},
    {"R01", PROFILE_MAPI_CDO, STATUS_BROKEN},
    {"R01", PROFILE_OUTLOOK, STATUS_DEGRADED}, /* has MAPI over HTTP */
    {"R02", PROFILE_MAPI_CDO, STATUS_BROKEN},
    {"R03", PROFILE_MAPI_CDO, STATUS_BROKEN},
    {"R05", PROFILE_MAPI_CDO, STATUS_BROKEN},
    {"R06", PROFILE_MAPI_CDO, STATUS_BROKEN},
    {"R06", PROFILE_ALL, STATUS_BROKEN},
    {"R07", PROFILE_MAPI_CDO, STATUS_OK},
    {"R08", PROFILE_MAPI_CDO, STATUS_BROKEN},
    {"R09", PROFILE_MAPI_CDO, STATUS_OK},
    {"T05", PROFILE_MAPI_CDO, STATUS_BROKEN},
    {"T05", PROFILE_OWA_USER, STATUS_DEGRADED},
    {"T07", PROFILE_MAPI_CDO, STATUS_DEGRADED}, /* EWS alone */
    {"A14", PROFILE_MAPI_CDO, STATUS_DEGRADED},
    {"A15", PROFILE_MAPI_CDO, STATUS_BROKEN},
    {"D14", PROFILE_MAPI_CDO, STATUS_OK},
    {"D14", PROFILE_ALL, STATUS_OK},
};

/* What each profile makes of the same fault. */
static void test_profiles(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof in_profiles / sizeof in_profiles[0]; i++) {
        struct survey survey;
        fixture_healthy(&survey);
        survey.target.profile = in_profiles[i].profile;
        fixture_break(&survey, in_profiles[i].fault);
        survey_diagnose(&survey);
        assert_whole(&survey);
        if (survey.verdict.status != in_profiles[i].status)
            fail_msg("%s for %s: %s", in_profiles[i].fault, profile_str(in_profiles[i].profile),
                survey.verdict.summary);
        survey_done(&survey);
    }
}

/* Both verify errors of one handshake are told, although the fault can name only one. */
static void test_two_certificate_errors(void **state)
{
    (void)state;
    struct survey survey;
    fixture_healthy(&survey);
    fixture_break(&survey, "S02");
    struct check *check =
        fixture_check(&survey, "ews/mail.contoso.test/127.0.0.20:443", "tls.handshake");
    check_add(check, "tls.errors", "10@0");
    survey_diagnose(&survey);
    assert_non_null(find(&survey, "S01"));
    assert_non_null(find(&survey, "S02"));
    survey_done(&survey);
    /* 100@0 is not 10 */
    fixture_healthy(&survey);
    fixture_break(&survey, "S02");
    check = fixture_check(&survey, "ews/mail.contoso.test/127.0.0.20:443", "tls.handshake");
    check_add(check, "tls.errors", "100@0");
    check_add(check, "tls.errors", "10.0");
    survey_diagnose(&survey);
    assert_null(find(&survey, "S01"));
    survey_done(&survey);
}

/* What passes may tell of a fault, too: such a finding ends only where nothing answers. */
static bool rests_on_passes(const char *fault)
{
    bool passes = false;
    struct survey survey;
    fixture_healthy(&survey);
    fixture_break(&survey, fault);
    survey_diagnose(&survey);
    for (const struct finding *at = survey.findings; at != NULL; at = at->next) {
        for (size_t i = 0; i < at->check_count; i++)
            passes |= survey_find_check(&survey, at->checks[i])->outcome == OUTCOME_PASS;
    }
    survey_done(&survey);
    return passes;
}

/* A cell that did not answer keeps its facts out of every rule. */
static void test_blocked_proves_nothing(void **state)
{
    (void)state;
    static const enum outcome silent[] = {OUTCOME_BLOCKED, OUTCOME_SKIPPED, OUTCOME_NOT_RUN};
    for (size_t i = 1; fixture_goldens[i] != NULL; i++) {
        bool all = rests_on_passes(fixture_goldens[i]);
        for (size_t k = 0; k < 3; k++) {
            struct survey survey;
            fixture_healthy(&survey);
            fixture_break(&survey, fixture_goldens[i]);
            for (struct chain *chain = survey.chains; chain != NULL; chain = chain->next) {
                for (struct check *at = chain->checks; at != NULL; at = at->next) {
                    if (at->outcome == OUTCOME_FAIL || at->outcome == OUTCOME_WARN ||
                        at->outcome == OUTCOME_ERROR || all)
                        at->outcome = silent[k];
                }
            }
            survey_diagnose(&survey);
            assert_int_equal(count(&survey), 0);
            survey_done(&survey);
        }
    }
}

/* SERVFAIL is no NXDOMAIN, and one answering place is enough. */
static void test_no_autodiscover(void **state)
{
    (void)state;
    struct survey survey;
    fixture_healthy(&survey);
    fixture_break(&survey, "X-DNS");
    survey_diagnose(&survey);
    assert_null(find(&survey, "N01"));
    survey_done(&survey);

    fixture_healthy(&survey);
    fixture_break(&survey, "N01");
    struct endpoint endpoint = {.service = SERVICE_AUTODISCOVER,
        .host = "scp.contoso.test",
        .address = "127.0.0.20",
        .port = 443,
        .sources = 1u << SOURCE_SCP,
        .candidate = true};
    struct chain *chain = survey_add_chain(&survey, &endpoint);
    static const enum layer layers[] = {LAYER_DNS, LAYER_HTTP, LAYER_AUTH};
    for (size_t i = 0; i < 3; i++) {
        struct check *check =
            check_new(chain->id, layer_str(layers[i]), "t", layers[i], NULL, NULL);
        check_settle(check, OUTCOME_PASS, "fine");
        chain_append(chain, check);
    }
    survey_reconcile(&survey);
    survey_diagnose(&survey);
    assert_int_equal(count(&survey), 0);
    assert_int_equal(survey.verdict.status, STATUS_OK);
    survey_done(&survey);
}

/* One name that is absent proves nothing while the resolver fails for another one. */
static void test_resolver_fails(void **state)
{
    (void)state;
    struct survey survey;
    fixture_healthy(&survey);
    fixture_break(&survey, "N01");
    add_place(&survey, "_autodiscover._tcp.contoso.test", LAYER_DNS, CAUSE_NAME_SERVER_FAILURE);
    survey_diagnose(&survey);
    assert_null(find(&survey, "N01"));
    assert_non_null(find(&survey, "X-DNS"));
    survey_done(&survey);
}

/* LDAP's data code says what the fault does not. */
static void test_data_codes(void **state)
{
    (void)state;
    static const char *const table[][2] = {{"533", "A04"}, {"52e", "A01"}, {"530", "A08"}};
    for (size_t i = 0; i < 3; i++) {
        struct survey survey;
        const char *row = "ldap/dc1.contoso.test/127.0.0.10:389";
        fixture_healthy(&survey);
        survey.target.profile = PROFILE_ALL;
        fixture_fail(&survey, row, "ldap.bind", CAUSE_LOGON_REFUSED, "refused");
        check_text(fixture_check(&survey, row, "ldap.bind"), "ldap.data", table[i][0]);
        survey_diagnose(&survey);
        assert_int_equal(count(&survey), 1);
        assert_string_equal(survey.findings->rule, table[i][1]);
        survey_done(&survey);
    }
}

/* One dead port of a living address is no dead address. */
static void test_stale_address(void **state)
{
    (void)state;
    struct survey survey;
    fixture_healthy(&survey);
    fixture_fail(
        &survey, "ews/mail.contoso.test/127.0.0.21:443", "tcp.connect", CAUSE_REFUSED, "refused");
    survey_diagnose(&survey);
    assert_null(find(&survey, "N04")); /* OWA on .21 connects */
    assert_non_null(find(&survey, "X-TCP"));
    assert_int_equal(survey.verdict.status, STATUS_DEGRADED);
    survey_done(&survey);
}

/* A stale address is a warning, unless a service that is needed has no other one. */
static void test_stale_only_address(void **state)
{
    (void)state;
    struct survey survey;
    fixture_healthy(&survey);
    fixture_break(&survey, "N04");
    survey.target.profile = PROFILE_OWA_USER;
    survey_find_chain(&survey, "owa/mail.contoso.test/127.0.0.20:443")->endpoint.service =
        SERVICE_ECP;
    survey_diagnose(&survey);
    assert_int_equal(survey.verdict.status, STATUS_BROKEN);
    assert_string_equal(survey.verdict.breaks_at->rule, "N04");
    assert_int_equal(count(&survey), 1);
    survey_done(&survey);
}

/* Two warnings that together leave nothing of EWS: one of them is the failure. */
static void test_broken_has_a_failure(void **state)
{
    (void)state;
    struct survey survey;
    fixture_healthy(&survey);
    fixture_break(&survey, "N04"); /* the one node is dead, */
    fixture_fail(&survey, "ews/mail.contoso.test/127.0.0.20:443", "ews.folders", CAUSE_SOAP_FAULT,
        "ErrorMailboxMoveInProgress"); /* the other does not open it */
    survey_diagnose(&survey);
    assert_int_equal(survey.verdict.status, STATUS_BROKEN);
    assert_int_equal(count(&survey), 2);
    assert_int_equal(survey.findings->severity, SEVERITY_FAIL);
    assert_int_equal(survey.findings->next->severity, SEVERITY_WARN);
    assert_ptr_equal(survey.verdict.breaks_at, survey.findings);
    survey_done(&survey);
}

/* Refusals that give no reason follow from the account, each disagreement of the account alone does
 * not. */
static void test_rule_table(void **state)
{
    (void)state;
    const struct rule *rule = NULL;
    for (size_t i = 0; (rule = rule_at(i)) != NULL; i++) {
        assert_ptr_equal(rule_find(rule->id), rule); /* ids are unique */
        assert_true(strlen(rule->title) > 10 && rule->title[strlen(rule->title) - 1] != '.');
        assert_true(strlen(rule->cause) > 40 && strlen(rule->looks_like) > 20);
        assert_non_null(rule->fix[0]);
        assert_non_null(rule->references[0]);
        assert_null(rule->fix[RULE_TEXTS_MAX - 1]);
    }
    assert_ptr_equal(rule_find("s02"), rule_find("S02"));
    assert_null(rule_find("S99"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goldens),
        cmocka_unit_test(test_profiles),
        cmocka_unit_test(test_two_certificate_errors),
        cmocka_unit_test(test_blocked_proves_nothing),
        cmocka_unit_test(test_no_autodiscover),
        cmocka_unit_test(test_resolver_fails),
        cmocka_unit_test(test_data_codes),
        cmocka_unit_test(test_stale_address),
        cmocka_unit_test(test_stale_only_address),
        cmocka_unit_test(test_broken_has_a_failure),
        cmocka_unit_test(test_rule_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
