#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/x509_vfy.h>

#include "probes/transport.h"
#include "tests/unit/judged.h"

/* A handshake that went well: TLS 1.3, leaf and root. */
static struct tls_seen good_seen(void)
{
    return (struct tls_seen){.done = true,
        .version = "TLSv1.3",
        .cipher = "TLS_AES_256_GCM_SHA384",
        .chain = {{.subject = "CN=mail.contoso.test",
                      .issuer = "CN=root",
                      .key = "RSA 2048",
                      .signature = "sha256WithRSAEncryption",
                      .sha256 = "00ff",
                      .not_before = 1700000000,
                      .not_after = 1900000000},
            {.subject = "CN=root", .issuer = "CN=root", .self_signed = true}},
        .chain_count = 2,
        .names = {"mail.contoso.test", "autodiscover.contoso.test"},
        .name_count = 2,
        .alert_received = -1,
        .alert_sent = -1};
}

static void test_good(void **state)
{
    (void)state;
    struct tls_seen seen = good_seen();
    struct check *check = check_for(&probe_tls_handshake);
    judge_tls(&seen, "mail.contoso.test", false, NULL, check);
    assert_int_equal(check->outcome, OUTCOME_PASS);
    assert_string_equal(check->summary, "TLSv1.3, certificate good until 2030-03-17");
    assert_string_equal(check_get_text(check, "tls.not_after", ""), "2030-03-17T17:46:40Z");
    assert_true(check_get_bool(check, "tls.verified", false));
    assert_int_equal(check_fact(check, "tls.names")->count, 2);
    assert_int_equal(check_fact(check, "tls.chain")->count, 2);
    assert_null(check_fact(check, "tls.errors"));
    assert_null(check_fact(check, "tls.alert"));
    check_free(check);
}

/* Everything that is wrong is a fact; the one that explains most is the fault. */
static void test_certificates(void **state)
{
    (void)state;
    static const struct {
        struct tls_error errors[3];
        size_t count;
        enum cause cause;
    } table[] = {
        {{{X509_V_ERR_CERT_HAS_EXPIRED, 0}}, 1, CAUSE_CERT_EXPIRED},
        {{{X509_V_ERR_CERT_NOT_YET_VALID, 0}}, 1, CAUSE_CERT_NOT_YET_VALID},
        {{{X509_V_ERR_HOSTNAME_MISMATCH, 0}}, 1, CAUSE_CERT_NAME},
        {{{X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, 0}}, 1, CAUSE_CERT_SELF_SIGNED},
        {{{X509_V_ERR_HOSTNAME_MISMATCH, 0}, {X509_V_ERR_CERT_HAS_EXPIRED, 0},
             {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 0}},
            3, CAUSE_CERT_EXPIRED},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        for (int insecure = 0; insecure < 2; insecure++) {
            struct tls_seen seen = good_seen();
            memcpy(seen.errors, table[i].errors, sizeof table[i].errors);
            seen.error_count = table[i].count;
            struct check *check = check_for(&probe_tls_handshake);
            judge_tls(&seen, "mail.contoso.test", insecure, NULL, check);
            assert_int_equal(check->outcome, insecure ? OUTCOME_WARN : OUTCOME_FAIL);
            assert_int_equal(check->halts, !insecure);
            assert_int_equal(check->fault.cause, table[i].cause);
            assert_int_equal(check->fault.origin, ORIGIN_X509);
            assert_false(check_get_bool(check, "tls.verified", true));
            assert_int_equal(check_fact(check, "tls.errors")->count, table[i].count);
            check_free(check);
        }
    }
}

/* The certificate's fault explains more than how the connection then ended, except where we did not
 * mind the certificate. */
static void test_fault_and_certificate(void **state)
{
    (void)state;
    static const struct {
        bool bad_certificate, insecure;
        enum cause cause;
    } table[] = {
        {false, false, CAUSE_RESET},
        {true, false, CAUSE_CERT_NAME},
        {true, true, CAUSE_RESET},
        {false, true, CAUSE_RESET},
    };
    struct fault fault;
    fault_set(&fault, CAUSE_RESET, ORIGIN_SYSTEM, 104, "reset");
    for (size_t i = 0; i < COUNT(table); i++) {
        struct tls_seen seen = good_seen();
        seen.errors[0] = (struct tls_error){X509_V_ERR_HOSTNAME_MISMATCH, 0};
        seen.error_count = table[i].bad_certificate;
        seen.done = false;
        struct check *check = check_for(&probe_tls_handshake);
        judge_tls(&seen, "other.test", table[i].insecure, &fault, check);
        assert_int_equal(check->outcome, OUTCOME_FAIL);
        if (check->fault.cause != table[i].cause)
            fail_msg("case %zu: %s", i, cause_str(check->fault.cause));
        assert_false(check_get_bool(check, "tls.verified", true)); /* it did not end */
        check_free(check);
    }
}

static void test_no_handshake(void **state)
{
    (void)state;
    static const struct {
        enum cause cause;
        int alert;
        bool client_cert, not_tls;
        enum outcome outcome;
    } table[] = {
        {CAUSE_TIMEOUT, -1, false, false, OUTCOME_FAIL},
        {CAUSE_CLOSED, -1, false, false, OUTCOME_FAIL},
        {CAUSE_TLS_ALERT, 40, false, false, OUTCOME_FAIL},
        {CAUSE_TLS_ALERT, 0, false, false, OUTCOME_FAIL},
        {CAUSE_CLIENT_CERT_WANTED, 116, true, false, OUTCOME_FAIL},
        {CAUSE_NOT_TLS, -1, false, true, OUTCOME_FAIL},
        {CAUSE_INTERRUPTED, -1, false, false, OUTCOME_ERROR},
        {CAUSE_INTERNAL, -1, false, false, OUTCOME_ERROR},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct fault fault;
        fault_set(&fault, table[i].cause, ORIGIN_TLS, 1, "words");
        struct tls_seen seen = {.alert_received = table[i].alert,
            .client_cert_wanted = table[i].client_cert,
            .not_tls = table[i].not_tls,
            .first_bytes = "HTTP/1.1 400"};
        struct check *check = check_for(&probe_tls_handshake);
        judge_tls(&seen, "mail.contoso.test", false, &fault, check);
        assert_int_equal(check->outcome, table[i].outcome);
        assert_int_equal(check->fault.cause, table[i].cause);
        assert_int_equal(check_get_int(check, "tls.alert", -1), table[i].alert);
        assert_int_equal(
            check_get_bool(check, "tls.client_certificate", false), table[i].client_cert);
        assert_int_equal(check_fact(check, "tls.first_bytes") != NULL, table[i].not_tls);
        assert_null(check_fact(check, "tls.subject"));
        check_free(check);
    }
}

static void test_applies(void **state)
{
    (void)state;
    static const struct {
        struct endpoint endpoint;
        bool tcp, tls;
    } table[] = {
        {{.service = SERVICE_EWS, .port = 443}, true, true},
        {{.service = SERVICE_LDAP, .port = 636}, true, true},
        {{.service = SERVICE_KERBEROS, .port = 88}, true, false},
        {{.service = SERVICE_KERBEROS, .port = 88, .subject = "HTTP/x"}, false, false},
        {{.service = SERVICE_AUTODISCOVER, .port = 80}, true, false},
        {{.service = SERVICE_DNS, .port = 53}, false, false},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        assert_int_equal(probe_tcp_connect.applies(&table[i].endpoint), table[i].tcp);
        assert_int_equal(probe_tls_handshake.applies(&table[i].endpoint), table[i].tls);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_fault_and_certificate),
        cmocka_unit_test(test_no_handshake),
        cmocka_unit_test(test_applies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
