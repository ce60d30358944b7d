/*
 * What the store answers, what is behind the front end, and the two codes that name no cause.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/ecodes.h"
#include "tests/unit/rule_cases.h"

#define MAPI  "mapi/mail.contoso.test/127.0.0.20:443"
#define MAPI2 "mapi/mail.contoso.test/127.0.0.21:443"
#define RPC   "rpc/mail.contoso.test/127.0.0.20:443"
#define EWS   "ews/mail.contoso.test/127.0.0.20:443"

/* The code decides, whichever step gets it. */
static void test_codes(void **state)
{
    (void)state;
    static const struct {
        uint32_t code;
        const char *connect, *mailbox;
    } table[] = {
        {EC_LOGIN_FAILURE, "M09", "M09"},
        {EC_UNKNOWN_USER, "M10", "M10"},
        {EC_UNKNOWN_MAILBOX, "M10", "M10"},
        {EC_LOGIN_PERM, "M11", "M11"},
        {EC_WRONG_SERVER, "M12", "M12"},
        {EC_SERVER_PAUSED, "M13", "M13"},
        {EC_MAILBOX_IN_TRANSIT, "M14", "M14"},
        {EC_MAILBOX_DISABLED, "M14", "M14"},
        {EC_PROFILE_NOT_CONFIGURED, "M15", "M15"},
        {EC_CACHED_MODE_REQUIRED, "M17", "M17"},
        {EC_CLIENT_VERSION_DISALLOWED, "M18", "M18"},
        {EC_VERSION_MISMATCH, "M18", "M18"},
        {EC_PROTOCOL_DISABLED, "D10", "D10"},
        {EC_NETWORK_ERROR, "M20", "M20"},
        {EC_MDB_NOT_INIT, "V05", "V05"},
        {EC_ACCESS_DENIED, "X-PROTOCOL", "X-MAILBOX"}, /* the own one: nothing to compare with */
        {EC_ERROR, "X-PROTOCOL", "X-MAILBOX"},
    };
    for (size_t i = 0; i < 2 * (sizeof table / sizeof table[0]); i++) {
        struct survey survey;
        bool mailbox = i % 2 != 0;
        begin(&survey, NULL);
        fixture_store_code(&survey, mailbox ? "mailbox" : "connect", table[i / 2].code);
        expect_first(&survey, mailbox ? table[i / 2].mailbox : table[i / 2].connect);
    }
}

/* The directory has the truth about the DN. */
static void test_dn(void **state)
{
    (void)state;
    static const char right[] = "/o=Contoso/cn=svc";
    struct survey survey;
    for (int same = 0; same < 2; same++) {
        begin(&survey, "M10");
        struct check *connect = fixture_check(&survey, MAPI, "mapi.connect");
        check_text(connect, "mapi.user_dn", same != 0 ? "/o=contoso/cn=SVC" : "/o=Old/cn=svc");
        check_text(connect, "mapi.user_dn_source", "autodiscover");
        struct check *account =
            fixture_check(&survey, "ldap/dc1.contoso.test/127.0.0.10:389", "ldap.account");
        check_text(account, "account.legacy_dn", right);
        expect_says(&survey, "M10",
            same != 0 ? "the directory has the same legacyExchangeDN"
                      : "another one: legacyExchangeDN is /o=Contoso/cn=svc");
    }
}

/* Followed, not followed, and who is paused for it. */
static void test_redirect(void **state)
{
    (void)state;
    struct survey survey;
    for (int followed = 0; followed < 2; followed++) {
        begin(&survey, "M12");
        struct check *check = fixture_check(&survey, MAPI, "mapi.mailbox");
        check_text(check, "mapi.redirect", "EX2");
        check_bool(check, "mapi.redirect_followed", followed != 0);
        expect_says(&survey, "M12",
            followed != 0 ? "it names EX2; exreach asked there once" : "could not reach");
    }
    begin(&survey, "M12");
    fixture_check(&survey, MAPI, "mapi.mailbox")->fault.code = EC_SERVER_PAUSED;
    survey_diagnose(&survey);
    assert_string_equal(survey.findings->rule, "M12");
    assert_string_equal(find(&survey, "M13")->caused_by, "M12");
    assert_true(says(find(&survey, "M13"), "never sent to another server"));
    survey_done(&survey);
}

/* D12 has seen the move. */
static void test_move(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "D12");
    fixture_store_code(&survey, "mailbox", EC_MAILBOX_IN_TRANSIT);
    survey_diagnose(&survey);
    assert_non_null(find(&survey, "D12"));
    assert_non_null(find(&survey, "M14"));
    assert_string_equal(find(&survey, "M14")->caused_by, "D12");
    survey_done(&survey);
}

/* Own opens, other does not; EWS says the same; an administrator's Deny is the reason (D09). */
static void test_denied(void **state)
{
    (void)state;
    struct survey survey;
    struct fault fault;
    begin(&survey, "M16");
    struct check *ews =
        check_new(EWS, "ews.mailbox", "t", LAYER_MAILBOX, "other@contoso.test", NULL);
    fault_set(&fault, CAUSE_ACCESS_DENIED, ORIGIN_SOAP, 200, "ErrorAccessDenied");
    check_fail(ews, &fault);
    chain_append(survey_find_chain(&survey, EWS), ews);
    survey_diagnose(&survey);
    assert_string_equal(survey.findings->rule, "M16");
    assert_null(find(&survey, "X-MAILBOX"));
    survey_done(&survey);

    begin(&survey, "M16");
    fixture_break(&survey, "D09");
    expect_not(&survey, "M16");
    begin(&survey, NULL);
    fixture_store_code(&survey, "mailbox", EC_ERROR);
    fixture_break(&survey, "M16");
    expect_not(&survey, "M16");
}

/* Protocols are off: the store says so where the directory is not read, and D11 knows since when.
 */
static void test_disabled(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, NULL);
    survey.target.profile = PROFILE_MAPI_CDO;
    fixture_store_code(&survey, "connect", EC_PROTOCOL_DISABLED);
    struct check *book = fixture_check(&survey, RPC, "rpc.book");
    book->blocked_by = NULL;
    check_settle(book, OUTCOME_PASS, "resolves");
    survey_diagnose(&survey);
    assert_int_equal(survey.findings->severity, SEVERITY_FAIL);
    assert_string_equal(find(&survey, "M21")->caused_by, "D10");
    assert_string_equal(survey.findings->component, "mailbox svc@contoso.test");
    expect_says(&survey, "D10", "ecProtocolDisabled (0x7d8): RPC over HTTP is off");
    begin(&survey, "D11");
    fixture_store_code(&survey, "connect", EC_PROTOCOL_DISABLED);
    survey_diagnose(&survey);
    assert_null(find(&survey, "D10"));
    assert_string_equal(survey.findings->rule, "D11");
    survey_done(&survey);
}

/* Whom the address book hides, no name leads to: D06, for whichever profile asks. */
static void test_hidden_other(void **state)
{
    (void)state;
    static const enum profile profiles[] = {PROFILE_MAPI_CDO, PROFILE_ALL, PROFILE_ALL};
    static const char hidden[] = "hidden@contoso.test";
    for (size_t i = 0; i < 3; i++) {
        struct survey survey;
        struct fault fault;
        begin(&survey, NULL);
        survey.target.profile = profiles[i];
        struct check *other = fixture_object(&survey, "ldap.other", hidden);
        check_bool(other, "recipient.hidden", true);
        struct check *check = check_new(RPC, "rpc.mailbox_of", "t", LAYER_MAILBOX, hidden, NULL);
        fault_set(&fault, i == 2 ? CAUSE_ACCESS_DENIED : CAUSE_NO_MAILBOX, ORIGIN_MAPI,
            i == 2 ? (long)EC_ACCESS_DENIED : 0, "the address book has nobody with the address");
        check_fail(check, &fault);
        chain_append(survey_find_chain(&survey, RPC), check);
        survey_diagnose(&survey);
        assert_whole(&survey);
        assert_string_equal(survey.findings->rule, i == 2 ? "M16" : "D06");
        assert_null(find(&survey, "X-MAILBOX"));
        survey_done(&survey);
    }
}

/* One finding, whichever hosts say so. */
static void test_hosts(void **state)
{
    (void)state;
    static const char *const faults[] = {"M12", "M21"};
    for (size_t i = 0; i < 2; i++) {
        struct survey survey;
        begin(&survey, faults[i]);
        survey_find_chain(&survey, MAPI2)->endpoint.host = "ex2.contoso.test";
        survey_diagnose(&survey);
        const struct finding *one = find(&survey, faults[i]);
        for (const struct finding *at = one->next; at != NULL; at = at->next)
            assert_string_not_equal(at->rule, faults[i]);
        assert_true(says(one, "at ex2.contoso.test:443") && says(one, "at mail.contoso.test:443"));
        if (i == 1)
            assert_string_equal(
                one->component, "address book of mail.contoso.test, ex2.contoso.test");
        survey_done(&survey);
    }
}

static void test_public(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "M19");
    expect_says(&survey, "M19", "names no public folder mailbox");
    /* where the mailbox gets the same code, it is not theirs */
    begin(&survey, NULL);
    fixture_store_code(&survey, "mailbox", EC_LOGIN_FAILURE);
    fixture_break(&survey, "M19");
    survey_diagnose(&survey);
    assert_string_equal(survey.findings->rule, "M09");
    assert_null(find(&survey, "M19"));
    assert_null(find(&survey, "X-MAILBOX"));
    survey_done(&survey);
}

/* Whoever has no mailbox opens no public folders either, by EWS as little as by MAPI. */
static void test_public_without_mailbox(void **state)
{
    (void)state;
    static const char *const faults[] = {"D04", "D05"};
    for (size_t i = 0; i < 2; i++) {
        struct survey survey;
        struct fault fault;
        begin(&survey, faults[i]);
        survey.target.profile = PROFILE_MAPI_CDO;
        survey.target.public_folders = true;
        struct check *check =
            check_new(EWS, "ews.public", "t", LAYER_MAILBOX, "public folders", NULL);
        fault_set(&fault, CAUSE_SOAP_FAULT, ORIGIN_SOAP, 0, "ErrorMissingEmailAddress");
        check_fail(check, &fault);
        chain_append(survey_find_chain(&survey, EWS), check);
        survey_diagnose(&survey);
        assert_string_equal(survey.findings->rule, faults[i]);
        assert_null(find(&survey, "X-MAILBOX"));
        for (const struct finding *at = survey.findings->next; at != NULL; at = at->next)
            assert_string_equal(at->caused_by, faults[i]);
        survey_done(&survey);
    }
}

/* The directory has the switch that the store speaks of. */
static void test_blocks(void **state)
{
    (void)state;
    static const struct {
        const char *fault, *block;
        bool explained;
    } table[] = {
        {"M17", "MAPIBlockOutlookNonCachedMode", true},
        {"M18", "MAPIBlockOutlookVersions -12.0", true},
        {"M17", "MAPIBlockOutlookVersions -12.0", false},
        {"M18", "MAPIBlockOutlookNonCachedMode", false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        begin(&survey, table[i].fault);
        survey.target.profile = PROFILE_MAPI_CDO;
        struct check *recipient = fixture_extra(
            &survey, "ldap/dc1.contoso.test/127.0.0.10:389", "ldap.recipient", LAYER_MAILBOX);
        check_add(recipient, "recipient.mapi_blocks", table[i].block);
        survey_diagnose(&survey);
        assert_string_equal(survey.findings->rule, table[i].explained ? "D10" : table[i].fault);
        assert_int_equal(survey.findings->severity, SEVERITY_FAIL);
        const char *cause = find(&survey, table[i].fault)->caused_by;
        assert_true((cause != NULL) == table[i].explained);
        survey_done(&survey);
    }
}

/* One provider works: below the finding that has the cause, or alone. */
static void test_providers(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "M09");
    struct check *book = fixture_check(&survey, MAPI, "mapi.book");
    check_settle(book, OUTCOME_PASS, "resolves the account");
    survey_diagnose(&survey);
    assert_string_equal(survey.findings->rule, "M09");
    const struct finding *one = find(&survey, "M21");
    assert_string_equal(one->caused_by, "M09");
    assert_int_equal(one->severity, SEVERITY_INFO);
    assert_string_equal(one->component, "store of mail.contoso.test");
    survey_done(&survey);

    begin(&survey, NULL); /* a code that no rule knows */
    fixture_store_code(&survey, "mailbox", EC_ERROR);
    check_settle(fixture_check(&survey, MAPI, "mapi.book"), OUTCOME_PASS, "resolves");
    survey_diagnose(&survey);
    assert_null(find(&survey, "M21")->caused_by);
    survey_done(&survey);

    /* somebody who is not listed is no failure of the address book */
    begin(&survey, "M21");
    fixture_check(&survey, MAPI, "mapi.book")->fault.cause = CAUSE_NO_OBJECT;
    fixture_check(&survey, MAPI2, "mapi.book")->fault.cause = CAUSE_NO_OBJECT;
    fixture_check(&survey, RPC, "rpc.book")->fault.cause = CAUSE_NO_OBJECT;
    survey_diagnose(&survey);
    assert_int_equal(find(&survey, "M21")->check_count, 1);
    survey_done(&survey);
}

/* What a MAPI program calls a port that is closed, where the profile has one. */
static void test_network_error(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "T01");
    expect_not(&survey, "M20");
    begin(&survey, "T01");
    survey.target.profile = PROFILE_MAPI_CDO;
    survey_diagnose(&survey);
    assert_string_equal(survey.findings->rule, "T01");
    assert_string_equal(find(&survey, "M20")->caused_by, "T01");
    assert_int_equal(find(&survey, "M20")->severity, SEVERITY_INFO);
    survey_done(&survey);
    /* no rule explains it: the heading stays */
    begin(&survey, "X-TCP");
    survey.target.profile = PROFILE_MAPI_CDO;
    survey_diagnose(&survey);
    assert_string_equal(survey.findings->rule, "X-TCP");
    assert_string_equal(find(&survey, "M20")->caused_by, "X-TCP");
    survey_done(&survey);
    /* one row of two is enough */
    begin(&survey, "N04");
    survey.target.profile = PROFILE_MAPI_CDO;
    expect_not(&survey, "M20");
}

static void test_back_end(void **state)
{
    (void)state;
    static const struct {
        const char *failure, *rule;
        long status;
    } table[] = {
        {"X-FailureContext: BackEnd;503;;;;ProtocolError;", "V05", 503},
        {"X-FailureContext: FrontEnd;503;;;2004;;", "V05", 503},
        {"X-CasErrorCode: ServerNotFound", "V05", 503},
        {"X-CasErrorCode: MailboxGuidWithDomainNotFound", "X-PROTOCOL", 404},
        {"X-FailureContext: FrontEnd;401;VW5hdXRob3JpemVk;;;;", "X-PROTOCOL", 401},
        {"X-CasErrorCode: SomethingElse", "X-PROTOCOL", 503},
        {"X-FailureContext: ", "X-PROTOCOL", 503},
        {"X-OWA-Error: ServerNotFound", "X-PROTOCOL", 503},
    };
    struct survey survey;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        begin(&survey, NULL);
        fixture_fail(&survey, EWS, "ews.version", CAUSE_HTTP_STATUS, "fails");
        struct check *check = fixture_check(&survey, EWS, "ews.version");
        check_text(check, "http.failure", table[i].failure);
        check_int(check, "http.status", table[i].status);
        expect_first(&survey, table[i].rule);
    }
    begin(&survey, "V05");
    expect_says(&survey, "V05", "its words: Not found.");
    begin(&survey, "V05");
    expect_says(&survey, "V05", "could not find out where the mailbox's database is mounted");
    /* EWS and the store say that the database is not mounted */
    begin(&survey, NULL);
    fixture_fail(&survey, EWS, "ews.folders", CAUSE_SOAP_FAULT, "ErrorMailboxStoreUnavailable");
    fixture_store_code(&survey, "mailbox", EC_MDB_NOT_INIT);
    survey_diagnose(&survey);
    assert_int_equal(count(&survey), 1);
    assert_string_equal(survey.findings->component, "database DB1");
    survey_done(&survey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_dn),
        cmocka_unit_test(test_redirect),
        cmocka_unit_test(test_move),
        cmocka_unit_test(test_denied),
        cmocka_unit_test(test_disabled),
        cmocka_unit_test(test_hidden_other),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_public),
        cmocka_unit_test(test_public_without_mailbox),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_providers),
        cmocka_unit_test(test_network_error),
        cmocka_unit_test(test_back_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
