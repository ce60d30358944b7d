/*
 * The rules about the directory, the account's object and its mailbox: what each must not be
 * mistaken for, and what it says besides.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/rule_cases.h"

#define EWS     "ews/mail.contoso.test/127.0.0.20:443"
#define EWS2    "ews/mail.contoso.test/127.0.0.21:443"
#define OWA     "owa/mail.contoso.test/127.0.0.20:443"
#define LDAP    "ldap/dc1.contoso.test/127.0.0.10:389"
#define GC      "gc/dc1.contoso.test/127.0.0.10:3268"
#define DC2     "ldap/dc2.contoso.test/127.0.0.11:636"
#define DC1_TLS "ldap/dc1.contoso.test/127.0.0.11:636"

/* ---- health ---- */

/* Everything the probes of the directory record, as it is where nothing is wrong. */
static void add_health(struct survey *survey)
{
    static const char *const owners[] = {
        "HTTP/mail.contoso.test | CN=svc-exch,CN=Users,DC=contoso,DC=test"};
    static const char *const harmless[] = {"Administrators (RID 544)", "Users (RID 545)"};
    static const char *const off[] = {"POP3", "IMAP4", "ActiveSync"};
    struct check *state = fixture_extra(survey, LDAP, "ldap.state", LAYER_PROTOCOL);
    check_int(state, "account.password_days_left", 15);
    check_text(state, "account.password_expires", "2026-12-07T12:00:00Z");
    check_bool(state, "account.hours_open", true);
    check_text(state, "account.hours", "always");
    check_bool(state, "account.workstation_ok", true);
    check_int(state, "account.attempts_left", 1);
    struct check *groups = fixture_extra(survey, LDAP, "ldap.groups", LAYER_PROTOCOL);
    check_list(groups, "groups.privileged", harmless, 2);
    check_bool(groups, "groups.protected_users", false);
    struct check *recipient = fixture_extra(survey, LDAP, "ldap.recipient", LAYER_MAILBOX);
    check_int(recipient, "recipient.type", 1);
    check_bool(recipient, "recipient.remote", false);
    check_list(recipient, "recipient.protocols_off", off, 3);
    check_text(recipient, "recipient.protocols_changed", "2024-03-11T09:30:00Z");
    check_text(recipient, "recipient.mailbox_created", "2025-06-02T08:00:00Z");
    check_text(recipient, "recipient.address_book_policy", "CN=Sales,CN=AddressBook Policies");
    check_int(recipient, "recipient.move_status", 10);
    struct check *spn = fixture_extra(survey, GC, "gc.spn", LAYER_PROTOCOL);
    check_list(spn, "spn.owners", owners, 1);
    check_list(spn, "spn.duplicates", NULL, 0);
    check_add(spn, "spn.etypes", "CN=svc-exch,CN=Users,DC=contoso,DC=test | 4");
    check_list(
        fixture_extra(survey, GC, "gc.addresses", LAYER_PROTOCOL), "addresses.duplicates", NULL, 0);
    check_bool(
        fixture_extra(survey, LDAP, "ldap.signing", LAYER_AUTH), "ldap.signing_required", false);
    check_bool(
        fixture_extra(survey, LDAP, "ldap.bindings", LAYER_AUTH), "ldap.binding_required", false);
    check_text(fixture_check(survey, LDAP, "ldap.account"), "account.fingerprint", "aa11");
    /* a catalogue holds less, so that its digest is another */
    check_text(fixture_check(survey, GC, "ldap.account"), "account.fingerprint", "cc33");
    fixture_controller(survey, SERVICE_LDAP, "dc2.contoso.test", "127.0.0.11");
    check_text(fixture_check(survey, DC2, "ldap.account"), "account.fingerprint", "aa11");
    check_int(fixture_check(survey, EWS, "ews.version"), "auth.expires_days", 15);
}

static void test_healthy(void **state)
{
    (void)state;
    for (int profile = 0; profile < PROFILE_OWA_USER + 1; profile++) {
        struct survey survey;
        begin(&survey, NULL);
        survey.target.profile = (enum profile)profile;
        add_health(&survey);
        expect_first(&survey, NULL);
    }
}

/* The witness alone falls silent: what it once said is no evidence. */
static void test_silent_witness(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *row, *probe;
    } table[] = {
        {"A09", LDAP, "ldap.state"},
        {"A17", EWS, "http.logon"},
        {"A21", LDAP, "ldap.groups"},
        {"A31", LDAP, "ldap.guard"},
        {"D02", LDAP, "ldap.signing"},
        {"D03", DC1_TLS, "ldap.bind"},
        {"D09", LDAP, "ldap.groups"},
        {"D10", LDAP, "ldap.recipient"},
        {"D11", LDAP, "ldap.recipient"},
        {"D12", LDAP, "ldap.recipient"},
        {"D13", DC2, "ldap.account"},
    };
    static const enum outcome silent[] = {OUTCOME_BLOCKED, OUTCOME_SKIPPED, OUTCOME_ERROR};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        for (size_t k = 0; k < 3; k++) {
            struct survey survey;
            begin(&survey, table[i].rule);
            fixture_check(&survey, table[i].row, table[i].probe)->outcome = silent[k];
            expect_not(&survey, table[i].rule);
        }
    }
}

/* ---- the directory ---- */

static void test_elsewhere(void **state)
{
    (void)state;
    struct survey survey;
    /* referred elsewhere, and nobody finds it */
    begin(&survey, NULL);
    survey.target.profile = PROFILE_MAPI_CDO;
    fixture_fail(&survey, LDAP, "ldap.account", CAUSE_REFERRAL, "referred");
    fixture_fail(&survey, GC, "ldap.account", CAUSE_NO_OBJECT, "nothing");
    survey_diagnose(&survey);
    assert_int_equal(find(&survey, "D01")->severity, SEVERITY_FAIL);
    assert_int_equal(survey.verdict.status, STATUS_BROKEN);
    survey_done(&survey);
    /* no server has it: the address is wrong */
    begin(&survey, "D01");
    fixture_fail(&survey, GC, "ldap.account", CAUSE_NO_OBJECT, "nothing");
    expect_first(&survey, "X-PROTOCOL");
    /* it is of this very domain: the controller is behind (D13) */
    begin(&survey, "D01");
    survey_find_chain(&survey, GC)->endpoint.host = "dc2.contoso.test";
    check_text(fixture_check(&survey, GC, "ldap.account"), "account.dn",
        "CN=Service Account,OU=Service,DC=contoso,DC=test");
    expect_first(&survey, "D13");
    /* the search itself failed */
    begin(&survey, "D01");
    fixture_check(&survey, LDAP, "ldap.account")->fault.cause = CAUSE_LDAP_RESULT;
    expect_first(&survey, "X-PROTOCOL");
}

static void test_guards(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "D02");
    survey_diagnose(&survey);
    assert_int_equal(survey.verdict.status, STATUS_OK);
    survey_done(&survey);
    /* our own bind is refused for it */
    begin(&survey, NULL);
    fixture_fail(&survey, LDAP, "ldap.bind", CAUSE_STRONG_AUTH_REQUIRED, "8");
    survey_diagnose(&survey);
    assert_int_equal(find(&survey, "D02")->severity, SEVERITY_WARN);
    survey_done(&survey);
    /* required, and ours is right */
    begin(&survey, NULL);
    check_bool(
        fixture_extra(&survey, LDAP, "ldap.bindings", LAYER_AUTH), "ldap.binding_required", true);
    survey_diagnose(&survey);
    assert_int_equal(find(&survey, "D03")->severity, SEVERITY_INFO);
    survey_done(&survey);
    begin(&survey, "D03");
    expect_says(&survey, "D03", "but ldap.bind at dc1.contoso.test:389");
    begin(&survey, "D03");
    fixture_check(&survey, DC1_TLS, "ldap.bind")->fault.cause = CAUSE_LOGON_REFUSED;
    expect_not(&survey, "D03");
    /* a web server's is another matter (A12) */
    begin(&survey, NULL);
    fixture_fail(&survey, EWS, "http.logon", CAUSE_CHANNEL_BINDING, "the bindings differ");
    expect_first(&survey, "X-AUTH");
}

static void test_two_of_an_address(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "D08");
    expect_says(&survey, "D08", "by CN=svc,DC=contoso,DC=test and CN=other,DC=contoso,DC=test");
    /* a second address of the mailbox only: it works, and mail goes astray */
    begin(&survey, NULL);
    check_add(fixture_extra(&survey, GC, "gc.addresses", LAYER_PROTOCOL), "addresses.duplicates",
        "SMTP:pbx@contoso.test | CN=svc | CN=other");
    survey_diagnose(&survey);
    assert_string_equal(survey.findings->component, "address pbx@contoso.test");
    assert_int_equal(survey.findings->severity, SEVERITY_WARN);
    survey_done(&survey);
    /* nobody has it */
    begin(&survey, NULL);
    fixture_fail(&survey, GC, "ldap.account", CAUSE_NO_OBJECT, "nothing");
    expect_not(&survey, "D08");
}

static void test_privileges(void **state)
{
    (void)state;
    static const struct {
        const char *group;
        bool found;
    } table[] = {{"Domain Admins (RID 512)", true}, {"Schema Admins (RID 518)", true},
        {"Enterprise Admins (RID 519)", true}, {"Administrators (RID 544)", false},
        {"Protected Users (RID 525)", false}, {"Domain Users (RID 513)", false},
        {"Odd (RID 5120)", false}};
    struct survey survey;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        begin(&survey, NULL);
        check_add(fixture_extra(&survey, LDAP, "ldap.groups", LAYER_PROTOCOL), "groups.privileged",
            table[i].group);
        expect_first(&survey, table[i].found ? "D09" : NULL);
    }
    begin(&survey, "D09");
    expect_says(&survey, "D09", "svc > PBX Services > Telephony Admins > Domain Admins");
    /* others are denied to it: one cause, and a failure */
    begin(&survey, "D09");
    fixture_break(&survey, "X-MAILBOX");
    survey_diagnose(&survey);
    assert_int_equal(count(&survey), 1);
    assert_string_equal(survey.verdict.breaks_at->rule, "D09");
    survey_done(&survey);
}

/* ---- the recipient ---- */

static void test_remote(void **state)
{
    (void)state;
    static const struct {
        int64_t type;
        const char *rule;
    } table[] = {{0, "D04"}, {128, "D04"}, {1, "D04"}, {INT64_C(2147483648), "D05"},
        {INT64_C(8589934592), "D05"}, {INT64_C(17179869184), "D05"}, {INT64_C(34359738368), "D05"},
        {INT64_C(4294967296), "D04"}};
    struct survey survey;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        begin(&survey, "D04");
        check_int(fixture_check(&survey, LDAP, "ldap.mailbox"), "mailbox.type", table[i].type);
        check_int(fixture_check(&survey, GC, "ldap.mailbox"), "mailbox.type", table[i].type);
        survey_diagnose(&survey);
        assert_int_equal(count(&survey), 1);
        assert_string_equal(survey.findings->rule, table[i].rule);
        survey_done(&survey);
    }
    /* another mailbox is: only what is asked of that one follows */
    begin(&survey, "X-MAILBOX");
    struct chain *chain = survey_find_chain(&survey, LDAP);
    struct check *other =
        check_new(chain->id, "ldap.other", "t", LAYER_MAILBOX, "bob@contoso.test", NULL);
    check_bool(other, "recipient.remote", true);
    check_settle(other, OUTCOME_PASS, "a remote mailbox");
    chain_append(chain, other);
    survey_diagnose(&survey);
    assert_int_equal(count(&survey), 1);
    assert_string_equal(survey.findings->rule, "D05");
    assert_string_equal(survey.findings->component, "mailbox bob@contoso.test");
    survey_done(&survey);
}

static void add_policy(struct survey *survey)
{
    check_text(fixture_extra(survey, LDAP, "ldap.recipient", LAYER_MAILBOX),
        "recipient.address_book_policy", "CN=Sales");
}

static void test_unlisted(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "D06"); /* hidden empties the lists, too */
    expect_not(&survey, "D07");
    /* the object read in full says so, too: no finding of its own */
    static const char *const rules[] = {"D06", "D07"};
    for (size_t i = 0; i < 2; i++) {
        begin(&survey, rules[i]);
        struct check *check = fixture_extra(&survey, LDAP, "ldap.recipient", LAYER_MAILBOX);
        check_bool(check, "recipient.hidden", i == 0);
        check_int(check, "recipient.address_lists", 0);
        check_settle(check, OUTCOME_WARN, "no address list shows it");
        survey_diagnose(&survey);
        assert_int_equal(count(&survey), 1);
        assert_string_equal(survey.findings->rule, rules[i]);
        survey_done(&survey);
    }
    begin(&survey, NULL);
    add_policy(&survey);
    expect_first(&survey, NULL);
    /* the name is not found: the policy is a reason to look at */
    begin(&survey, NULL);
    add_policy(&survey);
    fixture_fail(&survey, EWS, "ews.folders", CAUSE_NO_OBJECT, "ErrorNameResolutionNoResults");
    expect_says(&survey, "D07", "an address book policy is set (CN=Sales): whether");
    begin(&survey, NULL);
    fixture_fail(&survey, EWS, "ews.folders", CAUSE_NO_OBJECT, "ErrorNameResolutionNoResults");
    expect_not(&survey, "D07");
    begin(&survey, "D06"); /* no wonder, whatever the policy */
    add_policy(&survey);
    fixture_fail(&survey, EWS, "ews.folders", CAUSE_NO_OBJECT, "ErrorNameResolutionNoResults");
    expect_not(&survey, "D07");
}

static void test_switches(void **state)
{
    (void)state;
    static const struct {
        const char *key, *entry;
        enum profile profile;
        const char *rule; /* NULL: nothing */
        enum severity severity;
    } table[] = {
        {"recipient.protocols_off", "MAPI", PROFILE_MAPI_CDO, "D10", SEVERITY_FAIL},
        {"recipient.protocols_off", "MAPI", PROFILE_EWS_APP, "D10", SEVERITY_WARN},
        {"recipient.protocols_off", "EWS", PROFILE_EWS_APP, "D10", SEVERITY_FAIL},
        {"recipient.protocols_off", "EWS", PROFILE_MAPI_CDO, "D10", SEVERITY_WARN},
        {"recipient.protocols_off", "OWA", PROFILE_OWA_USER, "D10", SEVERITY_FAIL},
        {"recipient.protocols_off", "OWA", PROFILE_OUTLOOK, "D10", SEVERITY_WARN},
        {"recipient.protocols_off", "ActiveSync", PROFILE_MAPI_CDO, NULL, SEVERITY_WARN},
        {"recipient.protocols_off", "POP3", PROFILE_OUTLOOK, NULL, SEVERITY_WARN},
        {"recipient.mapi_blocks", "MAPIBlockOutlookRpcHttp", PROFILE_MAPI_CDO, "D10",
            SEVERITY_FAIL},
        {"recipient.mapi_blocks", "MAPIBlockOutlookRpcHttp", PROFILE_OUTLOOK, "D10", SEVERITY_WARN},
        {"recipient.mapi_blocks", "MAPIBlockOutlookVersions -12.0.0", PROFILE_MAPI_CDO, "D10",
            SEVERITY_WARN},
        {"recipient.mapi_blocks", "MAPIBlockOutlookNonCachedMode", PROFILE_MAPI_CDO, "D10",
            SEVERITY_WARN},
    };
    struct survey survey;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        begin(&survey, NULL);
        survey.target.profile = table[i].profile;
        check_add(fixture_extra(&survey, LDAP, "ldap.recipient", LAYER_MAILBOX), table[i].key,
            table[i].entry);
        survey_diagnose(&survey);
        if ((survey.findings == NULL) != (table[i].rule == NULL))
            fail_msg("%s: %s", table[i].entry, survey.verdict.summary);
        if (table[i].rule != NULL) {
            assert_string_equal(survey.findings->rule, table[i].rule);
            assert_int_equal(survey.findings->severity, table[i].severity);
        }
        survey_done(&survey);
    }
    /* one finding, not one for each refusal */
    begin(&survey, "D10");
    survey_diagnose(&survey);
    assert_int_equal(count(&survey), 1);
    survey_done(&survey);
    /* OWA fails, and it is EWS that is off */
    begin(&survey, "D10");
    fixture_fail(&survey, OWA, "owa.mailbox", CAUSE_NO_MAILBOX, "an error page");
    survey_diagnose(&survey);
    assert_non_null(find(&survey, "X-MAILBOX"));
    survey_done(&survey);
}

static void test_left_over(void **state)
{
    (void)state;
    static const struct {
        const char *off, *changed, *created, *rule;
    } table[] = {
        {"MAPI", "2024-03-11T09:30:00Z", "2025-06-02T08:00:00Z", "D11"},
        {"MAPI", "2025-06-02T08:00:00Z", "2025-06-02T08:00:30Z", "D10"},
        {"MAPI", "2026-01-01T00:00:00Z", "2025-06-02T08:00:00Z", "D10"},
        {"MAPI", "2024-03-11T09:30:00Z", NULL, "D10"},
        {"MAPI", NULL, "2025-06-02T08:00:00Z", "D10"},
        {"MAPI", "soon", "2025-06-02T08:00:00Z", "D10"},
        {"EWS", "2024-03-11T09:30:00Z", "2025-06-02T08:00:00Z", "D10"}, /* not a part of it */
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        begin(&survey, NULL);
        struct check *check = fixture_extra(&survey, LDAP, "ldap.recipient", LAYER_MAILBOX);
        check_add(check, "recipient.protocols_off", table[i].off);
        check_text(check, "recipient.protocols_changed", table[i].changed);
        check_text(check, "recipient.mailbox_created", table[i].created);
        survey_diagnose(&survey);
        assert_int_equal(count(&survey), 1);
        assert_string_equal(survey.findings->rule, table[i].rule);
        survey_done(&survey);
    }
}

static void test_moves(void **state)
{
    (void)state;
    static const struct {
        int64_t status;
        bool found;
    } table[] = {{0, false}, {1, true}, {2, true}, {3, true}, {4, true}, {5, true}, {10, false},
        {11, false}, {98, true}, {99, false}, {7, false}};
    struct survey survey;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        begin(&survey, "D12");
        check_int(fixture_check(&survey, LDAP, "ldap.recipient"), "recipient.move_status",
            table[i].status);
        expect_first(&survey, table[i].found ? "D12" : NULL);
    }
    /* EWS says so itself, and does not open it */
    begin(&survey, NULL);
    fixture_fail(&survey, EWS, "ews.folders", CAUSE_SOAP_FAULT, "ErrorMailboxMoveInProgress");
    fixture_fail(&survey, EWS2, "ews.folders", CAUSE_SOAP_FAULT, "ErrorMailboxMoveInProgress");
    survey_diagnose(&survey);
    assert_int_equal(count(&survey), 1);
    assert_string_equal(survey.verdict.breaks_at->rule, "D12");
    survey_done(&survey);
}

/* ---- replicas ---- */

static void test_replicas(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "D13");
    survey_diagnose(&survey);
    assert_true(says(survey.findings, "mailbox.home_mdb: dc1.contoso.test has CN=DB1"));
    assert_true(says(survey.findings, "dc2.contoso.test is behind dc1.contoso.test"));
    assert_false(says(survey.findings, "mailbox.guid"));
    survey_done(&survey);
    /* another port of the same controller is no other replica */
    begin(&survey, "D13");
    check_text(fixture_check(&survey, DC2, "ldap.rootdse"), "node", "dc1.contoso.test");
    check_text(fixture_check(&survey, LDAP, "ldap.rootdse"), "node", "DC1.contoso.test");
    expect_first(&survey, NULL);
    /* what each counts for itself may differ */
    begin(&survey, "D13");
    check_text(fixture_check(&survey, DC2, "ldap.account"), "account.fingerprint", "aa11");
    expect_first(&survey, NULL);
    /* one has no mailbox for the account yet: that is the difference, not D04 */
    begin(&survey, "D13");
    fixture_fail(&survey, DC2, "ldap.mailbox", CAUSE_NO_MAILBOX, "homeMDB is not set");
    survey_diagnose(&survey);
    assert_int_equal(count(&survey), 1);
    assert_string_equal(survey.findings->rule, "D13");
    assert_int_equal(survey.findings->severity, SEVERITY_WARN);
    survey_done(&survey);
    /* the same, and this row read the object in full */
    begin(&survey, "D13");
    check_settle(fixture_check(&survey, DC2, "ldap.mailbox"), OUTCOME_WARN, "hidden");
    check_bool(fixture_check(&survey, DC2, "ldap.mailbox"), "mailbox.hidden", true);
    check_settle(
        fixture_extra(&survey, DC2, "ldap.recipient", LAYER_MAILBOX), OUTCOME_WARN, "hidden");
    survey.target.profile = PROFILE_MAPI_CDO;
    survey_diagnose(&survey);
    assert_int_equal(count(&survey), 1);
    assert_string_equal(survey.findings->rule, "D13");
    survey_done(&survey);
    /* neither has one: that is D04, whatever else differs */
    begin(&survey, "D13");
    fixture_break(&survey, "D04");
    fixture_fail(&survey, DC2, "ldap.mailbox", CAUSE_NO_MAILBOX, "homeMDB is not set");
    survey_diagnose(&survey);
    assert_string_equal(survey.findings->rule, "D04");
    survey_done(&survey);
    /* the object is not there at all */
    begin(&survey, "D13");
    fixture_fail(&survey, DC2, "ldap.account", CAUSE_NO_OBJECT, "nothing");
    check_text(
        fixture_check(&survey, DC2, "ldap.rootdse"), "ldap.naming_context", "DC=contoso,DC=test");
    expect_says(&survey, "D13", "dc2.contoso.test does not have the object at all");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_healthy),
        cmocka_unit_test(test_silent_witness),
        cmocka_unit_test(test_elsewhere),
        cmocka_unit_test(test_guards),
        cmocka_unit_test(test_two_of_an_address),
        cmocka_unit_test(test_privileges),
        cmocka_unit_test(test_remote),
        cmocka_unit_test(test_unlisted),
        cmocka_unit_test(test_switches),
        cmocka_unit_test(test_left_over),
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_replicas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
