/*
 * The rules about the account, its tickets and further mailboxes: what each must not be mistaken
 * for, and what it says besides.
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

/* The form's refusal follows from where, or when, the account may log on. */
static void test_restricted_form(void **state)
{
    (void)state;
    static const char *const rules[] = {"A09", "A08"};
    for (size_t i = 0; i < 2; i++) {
        struct survey survey;
        begin(&survey, rules[i]);
        struct fault fault;
        struct check *logon = fixture_check(&survey, OWA, "owa.logon");
        fault_set(&fault, CAUSE_LOGON_REFUSED, ORIGIN_HTTP, 0, "reason 2");
        check_fail(logon, &fault);
        check_int(logon, "owa.reason", 2);
        survey_diagnose(&survey);
        assert_int_equal(count(&survey), 1);
        assert_string_equal(survey.findings->rule, rules[i]);
        survey_done(&survey);
    }
}

/* ---- further mailboxes ---- */

static struct check *add_other(struct survey *survey)
{
    struct chain *chain = survey_find_chain(survey, LDAP);
    struct check *other =
        check_new(chain->id, "ldap.other", "t", LAYER_MAILBOX, "bob@contoso.test", NULL);
    check_settle(other, OUTCOME_PASS, "bob is a SharedMailbox in DB1");
    check_bool(other, "recipient.hidden", false);
    check_int(other, "recipient.address_lists", 2);
    chain_append(chain, other);
    return other;
}

/* One finding for what the directory and EWS say of one mailbox. */
static void test_others(void **state)
{
    (void)state;
    static const struct {
        bool hidden, listed;
        const char *off;
        enum cause cause; /* of the directory's refusal */
        bool refused;     /* EWS does not open it */
        enum profile profile;
        const char *rule; /* NULL: nothing is found */
        enum severity severity;
    } table[] = {
        {true, false, NULL, CAUSE_NONE, false, PROFILE_MAPI_CDO, "D06", SEVERITY_WARN},
        {true, false, NULL, CAUSE_NONE, false, PROFILE_OUTLOOK, "D06", SEVERITY_WARN},
        {true, false, NULL, CAUSE_NONE, false, PROFILE_EWS_APP, NULL, SEVERITY_WARN},
        {true, false, NULL, CAUSE_NONE, false, PROFILE_ALL, NULL, SEVERITY_WARN},
        {true, false, NULL, CAUSE_NONE, true, PROFILE_MAPI_CDO, "X-MAILBOX", SEVERITY_WARN},
        {false, false, NULL, CAUSE_NONE, true, PROFILE_OUTLOOK, "X-MAILBOX", SEVERITY_FAIL},
        {false, false, NULL, CAUSE_NONE, false, PROFILE_MAPI_CDO, "D07", SEVERITY_WARN},
        {false, false, NULL, CAUSE_NONE, false, PROFILE_OWA_USER, NULL, SEVERITY_WARN},
        {false, true, NULL, CAUSE_NONE, false, PROFILE_MAPI_CDO, NULL, SEVERITY_WARN},
        {false, true, "MAPI", CAUSE_NONE, false, PROFILE_MAPI_CDO, "D10", SEVERITY_WARN},
        {false, true, "MAPI", CAUSE_NONE, false, PROFILE_EWS_APP, NULL, SEVERITY_WARN},
        {false, true, "EWS", CAUSE_NONE, false, PROFILE_EWS_APP, "D10", SEVERITY_WARN},
        {false, true, "EWS", CAUSE_NONE, true, PROFILE_EWS_APP, "D10", SEVERITY_FAIL},
        {false, true, NULL, CAUSE_NO_MAILBOX, true, PROFILE_EWS_APP, "D04", SEVERITY_FAIL},
        {true, false, "EWS", CAUSE_NO_MAILBOX, true, PROFILE_EWS_APP, "D04", SEVERITY_FAIL},
        {false, true, NULL, CAUSE_NO_OBJECT, true, PROFILE_EWS_APP, "X-MAILBOX", SEVERITY_FAIL},
        {false, true, NULL, CAUSE_AMBIGUOUS, false, PROFILE_EWS_APP, "D08", SEVERITY_WARN},
        {false, true, NULL, CAUSE_NONE, true, PROFILE_EWS_APP, "X-MAILBOX", SEVERITY_FAIL},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        struct fault fault;
        begin(&survey, table[i].refused ? "X-MAILBOX" : NULL);
        survey.target.profile = table[i].profile;
        struct check *other = add_other(&survey);
        check_bool(other, "recipient.hidden", table[i].hidden);
        check_int(other, "recipient.address_lists", table[i].listed ? 2 : 0);
        if (table[i].off != NULL)
            check_add(other, "recipient.protocols_off", table[i].off);
        fault_set(&fault, table[i].cause, ORIGIN_LDAP, 0, "it is not there");
        if (table[i].cause != CAUSE_NONE)
            check_fail(other, &fault);
        survey_diagnose(&survey);
        assert_whole(&survey);
        if (count(&survey) != (table[i].rule != NULL ? 1 : 0))
            fail_msg("case %zu: %d findings, %s", i, count(&survey), survey.verdict.summary);
        if (table[i].rule != NULL) {
            assert_string_equal(survey.findings->rule, table[i].rule);
            assert_int_equal(survey.findings->severity, table[i].severity);
            assert_non_null(strstr(survey.findings->component, "bob@contoso.test"));
        }
        survey_done(&survey);
    }
}

/* What is to be done is to be done to that one. */
static void test_words_of_others(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, NULL);
    survey.target.profile = PROFILE_MAPI_CDO;
    check_bool(add_other(&survey), "recipient.hidden", true);
    survey_diagnose(&survey);
    assert_non_null(strstr(survey.findings->fix[0], "-Identity bob@contoso.test"));
    survey_done(&survey);
    /* it does not open: what the directory has of it is told with that */
    begin(&survey, "X-MAILBOX");
    add_other(&survey);
    expect_says(&survey, "X-MAILBOX", "bob is a SharedMailbox in DB1");
}

/* ---- the account's object ---- */

/* What has no mailbox has nothing switched off. */
static void test_no_mailbox_no_switches(void **state)
{
    (void)state;
    struct survey survey;
    struct fault fault;
    begin(&survey, "D04");
    struct check *recipient = fixture_extra(&survey, LDAP, "ldap.recipient", LAYER_MAILBOX);
    check_add(recipient, "recipient.protocols_off", "EWS");
    fault_set(&fault, CAUSE_NO_MAILBOX, ORIGIN_LDAP, 0, "no mailbox");
    check_fail(recipient, &fault);
    survey_diagnose(&survey);
    assert_int_equal(count(&survey), 1);
    assert_string_equal(survey.findings->rule, "D04");
    survey_done(&survey);
}

/* Groups have names of their own in each language. */
static void test_german_groups(void **state)
{
    (void)state;
    static const char german[] = "svc > PBX > Dom\xc3\xa4nen-Admins";
    static const char *const groups[] = {"Administrators (RID 544)", "Domain Admins (RID 512)"};
    static const struct {
        const char *paths[2];
        const char *says; /* NULL: no way in is told */
    } table[] = {
        {{"svc > Administratoren", german}, german},
        {{german, NULL}, german},
        {{"svc > PBX > Administrators", NULL}, NULL},
        {{"svc > PBX > Domain Admins", NULL}, "svc > PBX > Domain Admins"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        begin(&survey, NULL);
        struct check *check = fixture_extra(&survey, LDAP, "ldap.groups", LAYER_PROTOCOL);
        check_list(check, "groups.privileged", groups, 2);
        for (size_t k = 0; k < 2 && table[i].paths[k] != NULL; k++)
            check_add(check, "groups.path", table[i].paths[k]);
        survey_diagnose(&survey);
        const struct finding *finding = find(&survey, "D09");
        assert_int_equal(says(finding, "the way in: "), table[i].says != NULL);
        if (table[i].says != NULL)
            assert_true(says(finding, table[i].says));
        assert_false(says(finding, "Administratoren"));
        survey_done(&survey);
    }
}

/* Who is behind is said once for two controllers, and not where one contradicts itself. */
static void test_who_is_behind(void **state)
{
    (void)state;
    static const struct {
        const char *stamp; /* of dc2's second row */
        size_t sentences;
    } table[] = {{"2026-11-20T08:00:00Z", 1}, {"2026-11-22T12:00:00Z", 0}, {NULL, 1}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        begin(&survey, "D13");
        const char *const rows[] = {
            GC, fixture_controller(&survey, SERVICE_GC, "dc2.contoso.test", "127.0.0.11")->id};
        for (size_t k = 0; k < 2; k++) {
            struct check *account = fixture_check(&survey, rows[k], "ldap.account");
            check_text(account, "account.fingerprint", k == 0 ? "cc33" : "dd44");
            check_text(
                account, "account.when_changed", k == 0 ? "2026-11-22T11:00:00Z" : table[i].stamp);
        }
        survey_diagnose(&survey);
        assert_int_equal(count(&survey), 1);
        size_t sentences = 0;
        for (size_t k = 0; k < survey.findings->evidence_count; k++)
            sentences += strstr(survey.findings->evidence[k], " is behind ") != NULL;
        assert_int_equal(sentences, table[i].sentences);
        survey_done(&survey);
    }
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
        cmocka_unit_test(test_restricted_form),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_words_of_others),
        cmocka_unit_test(test_no_mailbox_no_switches),
        cmocka_unit_test(test_german_groups),
        cmocka_unit_test(test_who_is_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
