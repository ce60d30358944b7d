/*
 * Faults that look alike: what each rule must not be mistaken for (the catalogue's distinguishing
 * evidence).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/findings.h"

#define AUTODISCOVER "autodiscover/autodiscover.contoso.test/127.0.0.20:443"
#define ITSELF       "autodiscover/contoso.test/127.0.0.10:443"
#define EWS          "ews/mail.contoso.test/127.0.0.20:443"
#define EWS2         "ews/mail.contoso.test/127.0.0.21:443"
#define EWS6         "ews/mail.contoso.test/[2001:db8::20]:443"
#define OWA          "owa/mail.contoso.test/127.0.0.20:443"
#define LDAP         "ldap/dc1.contoso.test/127.0.0.10:389"
#define GC           "gc/dc1.contoso.test/127.0.0.10:3268"
#define KDC          "kerberos/dc1.contoso.test/127.0.0.10:88"

static void begin(struct survey *survey, const char *fault)
{
    fixture_healthy(survey);
    if (fault != NULL)
        fixture_break(survey, fault);
}

/* `yes` is a finding, `no` is not; either may be NULL. */
static void expect(struct survey *survey, const char *yes, const char *no)
{
    survey_diagnose(survey);
    assert_whole(survey);
    if (yes != NULL && find(survey, yes) == NULL)
        fail_msg("%s is missing: %s", yes, survey->verdict.summary);
    if (no != NULL && find(survey, no) != NULL)
        fail_msg("%s is wrong: %s", no, survey->verdict.summary);
    survey_done(survey);
}

static bool says(const struct finding *finding, const char *words)
{
    for (size_t i = 0; finding != NULL && i < finding->evidence_count; i++) {
        if (strstr(finding->evidence[i], words) != NULL)
            return true;
    }
    return false;
}

/* One check of a broken survey fails for another cause: then it is another rule's. */
static void test_causes(void **state)
{
    (void)state;
    static const struct {
        const char *fault, *row, *probe;
        enum cause cause;
        long code;
        const char *yes, *no;
    } table[] = {
        {NULL, AUTODISCOVER, "dns.name", CAUSE_NAME_NOT_FOUND, 3, NULL, "N05"},
        {NULL, LDAP, "dns.name", CAUSE_NAME_NOT_FOUND, 3, "X-DNS", "N05"}, /* no locator */
        {"N08", EWS6, "tcp.connect", CAUSE_REFUSED, 0, "N04", "N08"},
        {"N08", EWS6, "tcp.connect", CAUSE_RESET, 0, "N04", "N08"},
        {"N08", EWS6, "tcp.connect", CAUSE_UNREACHABLE, 0, "N08", "N04"},
        {NULL, EWS, "tls.handshake", CAUSE_RESET, 0, "T02", "X-TLS"},
        {NULL, EWS, "tls.handshake", CAUSE_CLOSED, 0, "X-TLS", "T02"},
        {NULL, EWS, "tls.handshake", CAUSE_TIMEOUT, 0, "X-TLS", "T02"},
        {NULL, EWS, "tls.handshake", CAUSE_TLS_ALERT, 40, "X-TLS", "T02"},
        {NULL, EWS, "tcp.connect", CAUSE_RESET, 0, NULL, "T02"},
        {NULL, EWS, "tls.handshake", CAUSE_CERT_INCOMPLETE, 20, "S04", "S03"},
        {NULL, EWS, "tls.handshake", CAUSE_CERT_UNTRUSTED, 20, "S03", "S04"},
        {NULL, EWS, "tls.handshake", CAUSE_CERT_SELF_SIGNED, 18, "S03", "S04"},
        {NULL, EWS, "tls.handshake", CAUSE_CERT_INVALID, 23, "X-TLS", "S03"},
        {"T04", EWS, "http.offer", CAUSE_HTTP_STATUS, 511, "T04", "X-HTTP"},
        {NULL, EWS, "http.offer", CAUSE_HTTP_STATUS, 503, "X-HTTP", "T04"},
        {NULL, EWS, "http.offer", CAUSE_HTTP_STATUS, 403, "X-HTTP", "E07"},
        {NULL, EWS, "http.offer", CAUSE_NO_SCHEME, 401, "X-HTTP", "A25"}, /* A24 */
        {NULL, KDC, "kerberos.as", CAUSE_LOGON_HOURS, 18, "A08", "A03"},
        {NULL, KDC, "kerberos.as", CAUSE_ACCOUNT_REVOKED, 18, "X-AUTH", "A03"},
        {NULL, KDC, "kerberos.as", CAUSE_ACCOUNT_LOCKED, 18, "A03", "A04"},
        {NULL, KDC, "kerberos.as", CAUSE_ACCOUNT_DISABLED, 18, "A04", "A03"},
        {NULL, KDC, "kerberos.as", CAUSE_ACCOUNT_EXPIRED, 18, "A05", "A06"},
        {NULL, KDC, "kerberos.as", CAUSE_PASSWORD_EXPIRED, 23, "A06", "A05"},
        {NULL, KDC, "kerberos.as", CAUSE_PASSWORD_EXPIRED, 23, "A06", "A07"},
        {NULL, KDC, "kerberos.as", CAUSE_PASSWORD_MUST_CHANGE, 23, "A07", "A06"},
        {NULL, KDC, "kerberos.as", CAUSE_PASSWORD_WRONG, 24, "A01", "A02"},
        {NULL, KDC, "kerberos.as", CAUSE_CLOCK_SKEW, 37, "A20", "X-AUTH"},
        {NULL, KDC, "kerberos.as", CAUSE_ENCRYPTION_TYPE, 14, "X-AUTH", "A20"},
        {NULL, LDAP, "ldap.bind", CAUSE_NO_SCHEME, 0, "X-AUTH", "A25"},
        {NULL, AUTODISCOVER, "autodiscover.pox", CAUSE_AUTODISCOVER_ERROR, 600, "X-PROTOCOL",
            "U03"},
        {NULL, EWS, "ews.version", CAUSE_HTTP_STATUS, 403, "X-PROTOCOL", "E07"}, /* no X-FEServer */
        {NULL, OWA, "owa.logon", CAUSE_ACCESS_DENIED, 5, "X-AUTH", "O01"},
        {NULL, OWA, "owa.mailbox", CAUSE_NO_MAILBOX, 0, "X-MAILBOX", "O03"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        begin(&survey, table[i].fault);
        survey.target.profile = PROFILE_ALL;
        fixture_fail(&survey, table[i].row, table[i].probe, table[i].cause, "it fails");
        struct check *check = fixture_check(&survey, table[i].row, table[i].probe);
        check->fault.code = table[i].code;
        if (strcmp(table[i].row, EWS6) == 0)
            check_bool(check, "tcp.ipv6", true);
        expect(&survey, table[i].yes, table[i].no);
    }
}

/* The words of LDAP and of a KDC's e-data, where the cause alone does not say it. */
static void test_account_codes(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *rule;
    } table[] = {
        {"ldap.data", "52e", "A01"},
        {"ldap.data", "525", "A02"},
        {"ldap.data", "775", "A03"},
        {"ldap.data", "533", "A04"},
        {"ldap.data", "701", "A05"},
        {"ldap.data", "532", "A06"},
        {"ldap.data", "773", "A07"},
        {"ldap.data", "530", "A08"},
        {"ldap.data", "531", "A09"},
        {"ldap.data", "52f", "X-AUTH"},
        {"krb.ntstatus", "0xC0000234", "A03"},
        {"krb.ntstatus", "0xC0000072", "A04"},
        {"krb.ntstatus", "0xC0000193", "A05"},
        {"krb.ntstatus", "0xC0000071", "A06"},
        {"krb.ntstatus", "0xC0000224", "A07"},
        {"krb.ntstatus", "0xC000006F", "A08"},
        {"krb.ntstatus", "0xC0000070", "A09"},
        {"krb.ntstatus", "0xC000006E", "X-AUTH"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        begin(&survey, NULL);
        survey.target.profile = PROFILE_ALL;
        fixture_fail(&survey, LDAP, "ldap.bind", CAUSE_LOGON_REFUSED, "refused");
        check_text(fixture_check(&survey, LDAP, "ldap.bind"), table[i].key, table[i].value);
        survey_diagnose(&survey);
        if (count(&survey) != 1 || strcmp(survey.findings->rule, table[i].rule) != 0)
            fail_msg("%s: %s", table[i].value, survey.verdict.summary);
        survey_done(&survey);
    }
}

/* Revoked and no reason: a lock only where pre-authentication was asked for first. */
static void test_revoked(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "A03");
    survey_diagnose(&survey);
    assert_true(says(find(&survey, "A03"), "so does Samba for a locked account"));
    survey_done(&survey);

    begin(&survey, "A03");
    check_int(fixture_check(&survey, KDC, "kerberos.as"), "krb.asked", 18);
    expect(&survey, "X-AUTH", "A03");
    begin(&survey, "A03");
    check_text(fixture_check(&survey, KDC, "kerberos.as"), "krb.ntstatus", "0xC0000072");
    expect(&survey, "A04", "A03");
}

/* 23 alone is said to be open; what names the one explains the other. */
static void test_password_age(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, NULL);
    fixture_gate(&survey, "dc1");
    fixture_fail(&survey, KDC, "kerberos.as", CAUSE_PASSWORD_EXPIRED, "expired (KRB-ERROR 23)");
    survey_diagnose(&survey);
    assert_true(says(find(&survey, "A06"), "pwdLastSet 0 would be the latter"));
    survey_done(&survey);

    begin(&survey, NULL);
    fixture_fail(&survey, KDC, "kerberos.as", CAUSE_PASSWORD_EXPIRED, "expired (KRB-ERROR 23)");
    fixture_fail(&survey, LDAP, "ldap.bind", CAUSE_PASSWORD_MUST_CHANGE, "data 773");
    survey_diagnose(&survey);
    assert_string_equal(survey.findings->rule, "A07");
    assert_string_equal(find(&survey, "A06")->caused_by, "A07");
    survey_done(&survey);

    begin(&survey, "A06");
    survey_diagnose(&survey);
    assert_false(says(find(&survey, "A06"), "pwdLastSet"));
    survey_done(&survey);
}

/* A service that no row passes, and one of its NXDOMAINs is a SERVFAIL. */
static void test_locators(void **state)
{
    (void)state;
    static const char *const rows[] = {LDAP, GC, KDC};
    struct survey survey;
    begin(&survey, "N05");
    survey_diagnose(&survey);
    assert_true(says(survey.findings, "127.0.0.10:53 knows contoso.test"));
    survey_done(&survey);
    begin(&survey, "N05");
    for (size_t i = 0; i < 3; i++)
        fixture_check(&survey, rows[i], "dns.name")->fault.cause = CAUSE_NAME_SERVER_FAILURE;
    expect(&survey, "X-DNS", "N05");
}

/* Another IPv6 address of the name answers: one server is dead, not the path. */
static void test_ipv6(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "N08");
    survey_find_chain(&survey, EWS2)->endpoint.address = "2001:db8::21";
    check_bool(fixture_check(&survey, EWS2, "tcp.connect"), "tcp.ipv6", true);
    expect(&survey, "N04", "N08");
    /* nothing answers over IPv4 either */
    begin(&survey, "N08");
    fixture_break(&survey, "T01");
    expect(&survey, "T01", "N08");
}

static void test_reset(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "T02");
    survey_diagnose(&survey);
    assert_true(says(
        survey.findings, "for the name autodiscover.contoso.test the same address completes TLS"));
    survey_done(&survey);
    /* the server had asked for a client certificate (S08) */
    begin(&survey, NULL);
    fixture_fail(&survey, EWS, "tls.handshake", CAUSE_RESET, "reset");
    check_bool(fixture_check(&survey, EWS, "tls.handshake"), "tls.client_certificate", true);
    expect(&survey, "X-TLS", "T02");
}

/* A page on one path only, while others of the host show Exchange, is no portal; on the mail
 * domain itself it is the web site. */
static void test_pages(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, NULL);
    fixture_fail(&survey, EWS, "http.offer", CAUSE_NOT_EXCHANGE, "answers 200 with text/html");
    expect(&survey, "X-HTTP", "T04");
    begin(&survey, "T04");
    expect(&survey, "T04", "U06");
    begin(&survey, "U06");
    expect(&survey, "U06", "T04");
    /* 404 of the web site is silent */
    begin(&survey, "U06");
    struct check *offer = fixture_check(&survey, ITSELF, "http.offer");
    offer->fault.cause = CAUSE_HTTP_STATUS;
    offer->outcome = OUTCOME_SKIPPED;
    expect(&survey, NULL, "U06");
}

/* Whose clock it is, and from when on. */
static void test_clocks(void **state)
{
    (void)state;
    static const struct {
        int64_t dc, web;
        bool others; /* the front end shows its clock */
        const char *component;
    } table[] = {
        {300, 0, true, NULL},
        {-301, 2, true, "clock of dc1.contoso.test"},
        {2, 900, true, "clock of autodiscover.contoso.test, mail.contoso.test"},
        {600, 601, true, "clock of this host (pbx.contoso.test)"},
        {600, 0, false, "clock of dc1.contoso.test, or of this host (pbx.contoso.test)"},
        {600, -600, true,
            "clock of dc1.contoso.test, autodiscover.contoso.test, mail.contoso.test, or of this "
            "host (pbx.contoso.test)"},
    };
    static const char *const web[] = {AUTODISCOVER, EWS, OWA};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        begin(&survey, NULL);
        check_int(fixture_check(&survey, KDC, "kerberos.as"), "clock.skew_s", table[i].dc);
        for (size_t k = 0; table[i].others && k < 3; k++)
            check_int(fixture_check(&survey, web[k], "http.offer"), "clock.skew_s", table[i].web);
        survey_diagnose(&survey);
        const struct finding *finding = find(&survey, "A20");
        if (table[i].component == NULL)
            assert_null(finding);
        else
            assert_string_equal(finding->component, table[i].component);
        survey_done(&survey);
    }
}

static void test_schemes(void **state)
{
    (void)state;
    static const char *const bearer[] = {"Bearer"}, *const basic[] = {"Basic"};
    struct survey survey;
    begin(&survey, "A25");
    survey_diagnose(&survey);
    assert_true(says(survey.findings, "EWS at mail.contoso.test offers only Basic"));
    assert_true(
        says(survey.findings, "Autodiscover at autodiscover.contoso.test offers Negotiate"));
    survey_done(&survey);
    /* Bearer alone: modern authentication (A27) */
    begin(&survey, "A25");
    check_list(fixture_check(&survey, EWS, "http.offer"), "http.schemes", bearer, 1);
    check_list(fixture_check(&survey, EWS2, "http.offer"), "http.schemes", bearer, 1);
    expect(&survey, "X-AUTH", "A25");
    /* Basic, allowed and used, because there was nothing else */
    begin(&survey, NULL);
    check_list(fixture_check(&survey, EWS, "http.offer"), "http.schemes", basic, 1);
    check_text(fixture_check(&survey, EWS, "http.logon"), "auth.scheme", "Basic");
    survey_diagnose(&survey);
    assert_int_equal(find(&survey, "A25")->severity, SEVERITY_WARN);
    survey_done(&survey);
}

static void test_addresses(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "U03");
    survey_diagnose(&survey);
    assert_true(says(survey.findings, "has other addresses: SMTP:old@contoso.test"));
    survey_done(&survey);
    begin(&survey, "U03");
    check_add(
        fixture_check(&survey, LDAP, "ldap.account"), "account.proxies", "smtp:SVC@contoso.test");
    survey_diagnose(&survey);
    assert_true(says(survey.findings, "does have svc@contoso.test"));
    survey_done(&survey);
    /* the directory says that there is no mailbox at all */
    begin(&survey, "D04");
    check_int(
        fixture_check(&survey, AUTODISCOVER, "autodiscover.pox"), "autodiscover.error_code", 500);
    expect(&survey, "D04", "U03");
}

static void test_ews_forbidden(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "E07");
    survey_diagnose(&survey);
    assert_true(says(survey.findings, "a list of programs decides"));
    survey_done(&survey);
    begin(&survey, "E07");
    check_int(fixture_check(&survey, EWS, "ews.version"), "ews.outlook_status", 403);
    check_int(fixture_check(&survey, EWS2, "ews.version"), "ews.outlook_status", 403);
    survey_diagnose(&survey);
    assert_true(says(survey.findings, "EwsEnabled"));
    survey_done(&survey);
}

static void test_logon_format(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "O01");
    survey_diagnose(&survey);
    assert_true(says(survey.findings, "the password is right: dc1.contoso.test"));
    survey_done(&survey);
    /* the session timed out */
    begin(&survey, NULL);
    fixture_fail(&survey, OWA, "owa.logon", CAUSE_LOGON_REFUSED, "reason 3");
    check_int(fixture_check(&survey, OWA, "owa.logon"), "owa.reason", 3);
    expect(&survey, "X-AUTH", "O01");
    /* the password is wrong: no wonder */
    begin(&survey, "O01");
    fixture_break(&survey, "A01");
    survey_diagnose(&survey);
    assert_string_equal(survey.findings->rule, "A01");
    assert_string_equal(find(&survey, "O01")->caused_by, "A01");
    survey_done(&survey);
}

static void test_health(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "V03");
    check_int(fixture_check(&survey, EWS2, "http.health"), "health.status", 200);
    expect(&survey, "X-HTTP", "V03");
    /* closed without an answer */
    begin(&survey, NULL);
    check_settle(fixture_check(&survey, EWS2, "http.health"), OUTCOME_WARN, "closed");
    expect(&survey, "V03", "X-HTTP");
    /* the service is down, too: that is the finding, and the only one */
    begin(&survey, "V03");
    struct check *offer = fixture_check(&survey, EWS2, "http.offer");
    struct fault fault;
    fault_set(&fault, CAUSE_HTTP_STATUS, ORIGIN_HTTP, 503, "answers 503");
    check_fail(offer, &fault);
    survey_diagnose(&survey);
    assert_int_equal(count(&survey), 1);
    assert_string_equal(survey.findings->rule, "X-HTTP");
    survey_done(&survey);
}

/* A cause that no rule knows: what the gate held back still follows from it. */
static void test_gated_by_the_unexplained(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, NULL);
    fixture_gate(&survey, KDC "/kerberos.as");
    fixture_fail(&survey, KDC, "kerberos.as", CAUSE_KDC_ERROR, "the policy refuses");
    survey_diagnose(&survey);
    assert_int_equal(survey.verdict.status, STATUS_BROKEN);
    assert_int_equal(count(&survey), 1);
    assert_string_equal(survey.findings->rule, "X-AUTH");
    assert_true(says(survey.findings, "11 other logons were not tried"));
    survey_done(&survey);
}

/* Self-signed and expired at once: both are told. */
static void test_self_signed(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "S01");
    check_add(fixture_check(&survey, EWS, "tls.handshake"), "tls.errors", "18@0");
    survey_diagnose(&survey);
    assert_non_null(find(&survey, "S01"));
    assert_non_null(find(&survey, "S03"));
    survey_done(&survey);
}

/* One sentence for one thing said of several addresses. */
static void test_addresses_in_evidence(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "E07");
    survey_diagnose(&survey);
    assert_string_equal(survey.findings->evidence[0],
        "ews.version at mail.contoso.test:443 (127.0.0.20, 127.0.0.21): answers 403 after the "
        "logon");
    survey_done(&survey);
    /* EWS and OWA of one node are one address */
    begin(&survey, "S03");
    survey_diagnose(&survey);
    assert_true(says(survey.findings, "mail.contoso.test:443 (127.0.0.20, 127.0.0.21): the chain"));
    survey_done(&survey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_causes),
        cmocka_unit_test(test_account_codes),
        cmocka_unit_test(test_revoked),
        cmocka_unit_test(test_password_age),
        cmocka_unit_test(test_locators),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_clocks),
        cmocka_unit_test(test_schemes),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_ews_forbidden),
        cmocka_unit_test(test_logon_format),
        cmocka_unit_test(test_health),
        cmocka_unit_test(test_gated_by_the_unexplained),
        cmocka_unit_test(test_self_signed),
        cmocka_unit_test(test_addresses_in_evidence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
