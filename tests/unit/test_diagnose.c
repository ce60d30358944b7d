#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/findings.h"

/* A service without probes is a reservation, not an unknown. */
static void test_untested(void **state)
{
    (void)state;
    struct survey survey;
    fixture_healthy(&survey);
    survey.target.profile = PROFILE_OUTLOOK;
    survey_diagnose(&survey);
    assert_int_equal(survey.verdict.status, STATUS_OK);
    assert_string_equal(survey.verdict.summary, "everything that profile outlook needs works; the "
                                                "offline address book is not tested by this "
                                                "version");
    survey_done(&survey);
    /* RPC over HTTP is tested: where it has no row, nothing is known of it */
    for (int rows = 0; rows < 2; rows++) {
        fixture_healthy(&survey);
        survey.target.profile = PROFILE_MAPI_CDO;
        for (struct chain *chain = survey.chains; rows == 0 && chain != NULL; chain = chain->next) {
            if (chain->endpoint.service == SERVICE_RPC)
                chain->endpoint.service = SERVICE_ECP;
        }
        survey_diagnose(&survey);
        assert_int_equal(survey.verdict.status, rows == 0 ? STATUS_UNKNOWN : STATUS_OK);
        survey_done(&survey);
    }
}

/* MAPI's profile needs all three of a row: a store without address book is of no use. */
static void test_providers(void **state)
{
    (void)state;
    static const struct {
        const char *row, *probe;
        enum profile profile;
        enum status status;
    } table[] = {
        {"rpc", "rpc.book", PROFILE_MAPI_CDO, STATUS_BROKEN},
        {"rpc", "rpc.referral", PROFILE_MAPI_CDO, STATUS_BROKEN},
        {"rpc", "rpc.mailbox", PROFILE_MAPI_CDO, STATUS_BROKEN},
        {"rpc", "rpc.book", PROFILE_OUTLOOK, STATUS_DEGRADED},
        {"mapi", "mapi.book", PROFILE_OUTLOOK, STATUS_BROKEN},
        {"mapi", "mapi.book", PROFILE_MAPI_CDO, STATUS_DEGRADED},
        {"mapi", "mapi.connect", PROFILE_MAPI_CDO, STATUS_DEGRADED},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        static const char *const addresses[] = {"127.0.0.20", "127.0.0.21"};
        struct survey survey;
        char row[100];
        fixture_healthy(&survey);
        survey.target.profile = table[i].profile;
        for (size_t k = 0; k < 2; k++) {
            snprintf(row, sizeof row, "%s/mail.contoso.test/%s:443", table[i].row, addresses[k]);
            fixture_fail(&survey, row, table[i].probe, CAUSE_RPC_FAULT, "it fails");
        }
        survey_diagnose(&survey);
        assert_whole(&survey);
        if (survey.verdict.status != table[i].status)
            fail_msg("%s for %s: %s", table[i].probe, profile_str(table[i].profile),
                survey.verdict.summary);
        survey_done(&survey);
    }
}

/* Two faults, in either order of happening: the same ranking. */
static void test_ranking(void **state)
{
    (void)state;
    static const struct {
        const char *one, *other, *first, *second;
    } table[] = {
        {"S02", "A16", "S02", "A16"},
        {"T01", "D04", "T01", "D04"},               /* more services suffer */
        {"A01", "N04", "A01", "N04"},               /* a failure before a warning */
        {"X-ERROR", "N04", "N04", "X-ERROR"},       /* our own trouble last */
        {"X-PROTOCOL", "N01", "N01", "X-PROTOCOL"}, /* the lower layer */
        {"D04", "A16", "D04", "A16"},
        {"N04", "S01", "S01", "N04"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        for (int turn = 0; turn < 2; turn++) {
            struct survey survey;
            fixture_healthy(&survey);
            fixture_break(&survey, turn == 0 ? table[i].one : table[i].other);
            fixture_break(&survey, turn == 0 ? table[i].other : table[i].one);
            survey_diagnose(&survey);
            assert_whole(&survey);
            assert_int_equal(count(&survey), 2);
            assert_string_equal(survey.findings->rule, table[i].first);
            assert_string_equal(survey.findings->next->rule, table[i].second);
            survey_done(&survey);
        }
    }
}

/* The web site's certificate is a warning, not the reason for a logon that fails elsewhere. */
static void test_excused_place(void **state)
{
    (void)state;
    struct survey survey;
    fixture_healthy(&survey);
    fixture_break(&survey, "X-AUTH");
    struct chain *chain = add_place(&survey, "other.contoso.test", LAYER_TLS, CAUSE_CERT_NAME);
    survey_reconcile(&survey);
    assert_int_equal(chain->checks->outcome, OUTCOME_WARN);
    survey_diagnose(&survey);
    assert_string_equal(survey.findings->rule, "X-AUTH");
    assert_int_equal(find(&survey, "S02")->severity, SEVERITY_WARN);
    survey_done(&survey);
}

static void test_consequences(void **state)
{
    (void)state;
    struct survey survey;
    fixture_healthy(&survey);
    fixture_break(&survey, "A04");
    struct check *check =
        fixture_check(&survey, "ews/mail.contoso.test/127.0.0.20:443", "http.logon");
    struct fault fault;
    fault_set(&fault, CAUSE_LOGON_REFUSED, ORIGIN_HTTP, 401, "401");
    check_fail(check, &fault);
    survey_diagnose(&survey);
    assert_int_equal(count(&survey), 1);
    assert_string_equal(survey.findings->rule, "A04");
    bool cited = false;
    for (size_t i = 0; i < survey.findings->check_count; i++)
        cited |= strcmp(survey.findings->checks[i], check->id) == 0;
    assert_true(cited);
    survey_done(&survey);

    /* D06 explains nothing of a database that is gone */
    fixture_healthy(&survey);
    fixture_break(&survey, "D06");
    fixture_fail(
        &survey, "ews/mail.contoso.test/127.0.0.20:443", "ews.folders", CAUSE_SERVER_BUSY, "busy");
    survey_diagnose(&survey);
    assert_non_null(find(&survey, "X-MAILBOX"));
    survey_done(&survey);
}

/* A finding whose checks all follow from another one stands under it. */
static void test_caused_by(void **state)
{
    (void)state;
    struct survey survey;
    fixture_healthy(&survey);
    /* disabled by one word, wrong password by another: the LDAP answer is the KDC's consequence */
    fixture_break(&survey, "A04");
    struct check *check =
        fixture_check(&survey, "ldap/dc1.contoso.test/127.0.0.10:389", "ldap.bind");
    check->fault.cause = CAUSE_LOGON_REFUSED;
    check_text(check, "ldap.data", "52e");
    check = fixture_check(&survey, "kerberos/dc1.contoso.test/127.0.0.10:88", "kerberos.as");
    check->fault.cause = CAUSE_ACCOUNT_DISABLED;
    survey_diagnose(&survey);
    assert_string_equal(survey.findings->rule, "A04");
    assert_null(survey.findings->caused_by);
    assert_string_equal(survey.findings->next->rule, "A01");
    assert_string_equal(survey.findings->next->caused_by, "A04");
    survey_done(&survey);
}

/* Twenty rows with one fault are one finding. */
static void test_never_twenty(void **state)
{
    (void)state;
    struct survey survey;
    fixture_healthy(&survey);
    for (int i = 0; i < 20; i++) {
        struct endpoint endpoint = {.service = SERVICE_EWS,
            .host = "many.contoso.test",
            .address = arena_printf(&survey.arena, "10.0.0.%d", i),
            .port = 443};
        struct chain *chain = survey_add_chain(&survey, &endpoint);
        struct check *check = check_new(chain->id, "http.offer", "t", LAYER_HTTP, NULL, NULL);
        struct fault fault;
        fault_set(&fault, CAUSE_HTTP_STATUS, ORIGIN_HTTP, 503, "answers 503");
        check_fail(check, &fault);
        chain_append(chain, check);
    }
    survey_diagnose(&survey);
    assert_int_equal(count(&survey), 1);
    assert_int_equal(survey.findings->check_count, 20);
    assert_int_equal(survey.findings->evidence_count, 1);
    survey_done(&survey);
}

static void test_unknown(void **state)
{
    (void)state;
    struct survey survey;
    /* nothing at all */
    survey_init(&survey);
    survey.target.profile = PROFILE_EWS_APP;
    survey_diagnose(&survey);
    assert_int_equal(survey.verdict.status, STATUS_UNKNOWN);
    survey_done(&survey);

    /* our own trouble on the only row of a needed service */
    fixture_healthy(&survey);
    struct fault fault;
    fault_set(&fault, CAUSE_UNSUPPORTED, ORIGIN_EXREACH, 0, "no CA store");
    check_fail(fixture_check(&survey, "autodiscover/autodiscover.contoso.test/127.0.0.20:443",
                   "tls.handshake"),
        &fault);
    survey_diagnose(&survey);
    assert_int_equal(survey.verdict.status, STATUS_UNKNOWN);
    /* … and it does not hide what is broken elsewhere */
    fixture_break(&survey, "X-PROTOCOL");
    survey_diagnose(&survey);
    assert_int_equal(survey.verdict.status, STATUS_BROKEN);
    survey_done(&survey);

    /* a failure elsewhere does not answer for a service that our own trouble left open */
    fixture_healthy(&survey);
    check_fail(fixture_check(&survey, "autodiscover/autodiscover.contoso.test/127.0.0.20:443",
                   "tls.handshake"),
        &fault);
    fixture_break(&survey, "D06");
    survey_diagnose(&survey);
    assert_int_equal(survey.verdict.status, STATUS_UNKNOWN);
    survey.target.profile = PROFILE_OUTLOOK;
    survey_diagnose(&survey);
    assert_int_equal(survey.verdict.status, STATUS_BROKEN);
    assert_string_equal(survey.verdict.breaks_at->rule, "D06");
    survey_done(&survey);

    /* interrupted, nothing broken so far; left out by an option */
    fixture_healthy(&survey);
    survey.interrupted = true;
    survey_diagnose(&survey);
    assert_int_equal(survey.verdict.status, STATUS_UNKNOWN);
    survey_done(&survey);
    fixture_healthy(&survey);
    fixture_break(&survey, "X-PROTOCOL");
    survey.target.left_out = 1u << SERVICE_EWS;
    survey_diagnose(&survey);
    assert_int_equal(survey.verdict.status, STATUS_DEGRADED);
    assert_non_null(strstr(survey.verdict.summary, "left out as asked: EWS"));
    survey_done(&survey);
}

static void test_anonymous(void **state)
{
    (void)state;
    struct survey survey;
    fixture_healthy(&survey);
    survey.target.anonymous = true;
    for (struct chain *chain = survey.chains; chain != NULL; chain = chain->next) {
        for (struct check *at = chain->checks; at != NULL; at = at->next) {
            if (at->layer >= LAYER_AUTH)
                check_settle(at, OUTCOME_SKIPPED, "no logon was asked for (--anonymous)");
        }
    }
    survey_diagnose(&survey);
    assert_int_equal(survey.verdict.status, STATUS_OK);
    fixture_break(&survey, "X-HTTP");
    survey_diagnose(&survey);
    assert_int_equal(survey.verdict.status, STATUS_BROKEN);
    survey_done(&survey);
}

static void test_idempotent(void **state)
{
    (void)state;
    for (size_t i = 0; fixture_goldens[i] != NULL; i++) {
        struct survey survey;
        fixture_golden(&survey, fixture_goldens[i]);
        survey_diagnose(&survey);
        int before = count(&survey);
        enum status status = survey.verdict.status;
        const char *summary = survey.verdict.summary;
        survey_diagnose(&survey);
        assert_int_equal(count(&survey), before);
        assert_int_equal(survey.verdict.status, status);
        assert_string_equal(survey.verdict.summary, summary);
        survey_done(&survey);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_untested),
        cmocka_unit_test(test_providers),
        cmocka_unit_test(test_ranking),
        cmocka_unit_test(test_excused_place),
        cmocka_unit_test(test_consequences),
        cmocka_unit_test(test_caused_by),
        cmocka_unit_test(test_never_twenty),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_anonymous),
        cmocka_unit_test(test_idempotent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
