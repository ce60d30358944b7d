/*
 * The rules about the account and its tickets: what each must not be mistaken for, and what it says
 * besides.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/rule_cases.h"

#define EWS  "ews/mail.contoso.test/127.0.0.20:443"
#define EWS2 "ews/mail.contoso.test/127.0.0.21:443"
#define OWA  "owa/mail.contoso.test/127.0.0.20:443"
#define LDAP "ldap/dc1.contoso.test/127.0.0.10:389"
#define GC   "gc/dc1.contoso.test/127.0.0.10:3268"
#define KDC  "kerberos/dc1.contoso.test/127.0.0.10:88"
#define SPN  KDC "/HTTP/mail.contoso.test"

/* ---- the account ---- */

static void test_hours(void **state)
{
    (void)state;
    struct survey survey;
    /* read while it works, by a ticket from before: it will not work for long */
    begin(&survey, NULL);
    struct check *check = fixture_extra(&survey, LDAP, "ldap.state", LAYER_PROTOCOL);
    check_bool(check, "account.hours_open", false);
    check_text(check, "account.hours", "Mon-Fri 06-18");
    survey_diagnose(&survey);
    assert_int_equal(find(&survey, "A08")->severity, SEVERITY_WARN);
    assert_true(says(survey.findings, "Mon-Fri 06-18; the run started 2026-11-22T12:00:00Z"));
    survey_done(&survey);
    /* limited, and open now */
    begin(&survey, NULL);
    check = fixture_extra(&survey, LDAP, "ldap.state", LAYER_PROTOCOL);
    check_text(check, "account.hours", "Mon-Fri 06-18");
    expect_first(&survey, NULL);
    /* locked and closed look alike but for the NTSTATUS */
    begin(&survey, "A08");
    check_text(fixture_check(&survey, KDC, "kerberos.as"), "krb.ntstatus", "0xC0000234");
    fixture_check(&survey, KDC, "kerberos.as")->fault.cause = CAUSE_ACCOUNT_LOCKED;
    expect_first(&survey, "A03");
}

static void test_workstations(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "A09");
    expect_says(&survey, "A09", "a Kerberos logon went through here");
    /* refused where NTLM was used: it follows */
    begin(&survey, "A09");
    fixture_fail(&survey, OWA, "owa.logon", CAUSE_LOGON_REFUSED, "the form comes back");
    check_int(fixture_check(&survey, OWA, "owa.logon"), "owa.reason", 2);
    survey.target.profile = PROFILE_OWA_USER;
    survey_diagnose(&survey);
    assert_string_equal(survey.findings->rule, "A09");
    if (find(&survey, "O01") != NULL)
        assert_string_equal(find(&survey, "O01")->caused_by, "A09");
    survey_done(&survey);
    /* 12 and no NTSTATUS may be any policy */
    begin(&survey, NULL);
    fixture_fail(&survey, KDC, "kerberos.as", CAUSE_KDC_ERROR, "the policy refuses");
    fixture_check(&survey, KDC, "kerberos.as")->fault.code = 12;
    expect_not(&survey, "A09");
}

static void test_expiry(void **state)
{
    (void)state;
    static const struct {
        int64_t left, header; /* -1: not recorded */
        bool never, found;
    } table[] = {
        {0, -1, false, true},
        {14, -1, false, true},
        {15, -1, false, false},
        {-5, -1, false, false}, /* A06 */
        {3, -1, true, false},
        {-1, 14, false, true},
        {-1, 30, false, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        begin(&survey, NULL);
        struct check *check = fixture_extra(&survey, LDAP, "ldap.state", LAYER_PROTOCOL);
        if (table[i].left != -1)
            check_int(check, "account.password_days_left", table[i].left);
        check_bool(check, "account.password_never_expires", table[i].never);
        if (table[i].header != -1)
            check_int(
                fixture_check(&survey, EWS, "ews.version"), "auth.expires_days", table[i].header);
        expect_first(&survey, table[i].found ? "A10" : NULL);
    }
    struct survey survey;
    begin(&survey, "A10");
    expect_says(&survey, "A10", "2026-11-25T12:00:00Z, in 3 days");
}

static void test_protected(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "A21");
    expect_says(&survey, "A21", "Kerberos works: ldap.bind");
    /* NTLM refused to somebody else is anything */
    begin(&survey, "A21");
    check_bool(fixture_check(&survey, LDAP, "ldap.groups"), "groups.protected_users", false);
    expect_first(&survey, "X-AUTH");
    /* refused everywhere that the profile needs: that is why */
    begin(&survey, "A21");
    fixture_fail(&survey, EWS2, "http.logon", CAUSE_LOGON_REFUSED, "refuses NTLM");
    survey_diagnose(&survey);
    assert_string_equal(survey.verdict.breaks_at->rule, "A21");
    survey_done(&survey);
}

static void test_near_lockout(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "A31");
    survey_diagnose(&survey);
    assert_int_equal(survey.verdict.status, STATUS_UNKNOWN);
    assert_non_null(strstr(survey.verdict.summary, "the password was not sent"));
    assert_true(says(survey.findings, "9 failed logons are counted; 10 lock the account out"));
    assert_true(says(survey.findings, "--risk-lockout"));
    assert_false(says(survey.findings, "they would fail, too"));
    survey_done(&survey);
    /* the risk was taken, and the password is right */
    begin(&survey, NULL);
    struct check *guard = fixture_extra(&survey, LDAP, "ldap.guard", LAYER_HTTP);
    check_settle(guard, OUTCOME_WARN, "9 of 10 are counted");
    guard->fault.cause = CAUSE_LOCKOUT_NEAR;
    survey_diagnose(&survey);
    assert_int_equal(survey.verdict.status, STATUS_DEGRADED);
    assert_true(says(survey.findings, "used all the same"));
    assert_false(says(survey.findings, "sent nowhere"));
    survey_done(&survey);
    /* what fails besides, fails all the same */
    begin(&survey, "A31");
    fixture_fail(&survey, EWS, "tls.handshake", CAUSE_CERT_EXPIRED, "expired");
    fixture_fail(&survey, EWS2, "tls.handshake", CAUSE_CERT_EXPIRED, "expired");
    survey_diagnose(&survey);
    assert_non_null(find(&survey, "A31"));
    assert_int_equal(survey.verdict.status, STATUS_BROKEN);
    survey_done(&survey);
    /* one attempt left where the password was proved is no finding */
    begin(&survey, NULL);
    check_int(fixture_extra(&survey, LDAP, "ldap.guard", LAYER_HTTP), "account.attempts_left", 1);
    expect_first(&survey, NULL);
}

/* ---- tickets ---- */

static void test_refused_tickets(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        bool found;
    } table[] = {
        {"the service cannot read our ticket: its account's key is another one (KRB-ERROR 41)",
            true},
        {"the service cannot read our ticket: integrity check failed (KRB-ERROR 31)", true},
        {"the service has no key for this ticket (KRB-ERROR 45, NTSTATUS 0xC000018B)", true},
        {"the service's clock and the KDC's differ too much (KRB-ERROR 37)", false},
        {"the service says our ticket has expired (KRB-ERROR 32)", false},
        {"no account has this service principal name (KRB-ERROR 7)", false},
        {"the KDC refused the request (KRB-ERROR 31)", false},
        {"no ticket-granting ticket", false},
        {"the server refuses the Kerberos ticket (401)", true},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        begin(&survey, NULL);
        check_text(fixture_check(&survey, EWS, "http.logon"), "auth.kerberos", table[i].words);
        expect_first(&survey, table[i].found ? "A17" : NULL);
    }
    struct survey survey;
    begin(&survey, "A17");
    expect_says(&survey, "A17", "ex2 (127.0.0.21) reads a ticket for the same name");
    begin(&survey, "A17");
    expect_says(&survey, "A17", "to CN=EXOLD,CN=Computers");
    /* a bare 401 of a server whose clock is off is the clock's */
    begin(&survey, NULL);
    check_text(fixture_check(&survey, EWS, "http.logon"), "auth.kerberos",
        "the server refuses the Kerberos ticket (401)");
    check_int(fixture_check(&survey, KDC, "kerberos.as"), "clock.skew_s", -600);
    expect_not(&survey, "A17");
    /* Kerberos alone was allowed, and both nodes refuse: nothing is left */
    begin(&survey, NULL);
    fixture_fail(&survey, EWS, "http.logon", CAUSE_TICKET_REFUSED, "refused");
    fixture_fail(&survey, EWS2, "http.logon", CAUSE_TICKET_REFUSED, "refused");
    survey_diagnose(&survey);
    assert_string_equal(survey.verdict.breaks_at->rule, "A17");
    survey_done(&survey);
}

static void test_owners(void **state)
{
    (void)state;
    struct survey survey;
    /* the KDC says 7 in either case: nobody has it, or two have */
    begin(&survey, "A18");
    survey_diagnose(&survey);
    assert_string_equal(survey.findings->rule, "A18");
    assert_string_equal(find(&survey, "A16")->caused_by, "A18");
    assert_true(says(survey.findings, "to CN=svc-exch,DC=contoso,DC=test and CN=svc-old"));
    survey_done(&survey);
    begin(&survey, "A16");
    check_list(fixture_extra(&survey, GC, "gc.spn", LAYER_PROTOCOL), "spn.duplicates", NULL, 0);
    expect_first(&survey, "A16");
    /* of another name */
    begin(&survey, "A16");
    check_add(fixture_extra(&survey, GC, "gc.spn", LAYER_PROTOCOL), "spn.duplicates",
        "HTTP/mail.contoso.test.example | CN=a | CN=b");
    survey_diagnose(&survey);
    assert_null(find(&survey, "A16")->caused_by);
    survey_done(&survey);
    /* said by the KDC itself; the ticket of a directory is another matter */
    begin(&survey, NULL);
    fixture_fail(&survey, SPN, "kerberos.ticket", CAUSE_SPN_DUPLICATE, "8");
    expect_first(&survey, "A18");
    begin(&survey, NULL);
    fixture_fail(&survey, SPN, "kerberos.ticket", CAUSE_SPN_DUPLICATE, "8");
    check_text(fixture_check(&survey, SPN, "kerberos.ticket"), "krb.spn", "ldap/dc1.contoso.test");
    expect_not(&survey, "A18");
}

static void test_etypes(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "A19");
    expect_says(&survey, "A19", "is 4 (RC4)");
    begin(&survey, "A19");
    fixture_check(&survey, SPN, "kerberos.ticket")->fault.cause = CAUSE_SPN_UNKNOWN;
    expect_first(&survey, "A16");
    /* the account's own keys */
    begin(&survey, NULL);
    fixture_fail(&survey, KDC, "kerberos.as", CAUSE_ENCRYPTION_TYPE, "14");
    expect_not(&survey, "A19");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hours),
        cmocka_unit_test(test_workstations),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_protected),
        cmocka_unit_test(test_near_lockout),
        cmocka_unit_test(test_refused_tickets),
        cmocka_unit_test(test_owners),
        cmocka_unit_test(test_etypes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
