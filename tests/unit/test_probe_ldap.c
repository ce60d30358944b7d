#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/ldap.h"
#include "tests/unit/judged.h"

enum { ATTRIBUTES_MAX = 20 };

/* An entry from pairs of attribute and value; a repeated name is one attribute with more values. */
struct entry {
    struct directory_entry entry;
    struct directory_attribute attributes[ATTRIBUTES_MAX];
    struct directory_value values[ATTRIBUTES_MAX];
};

static void fill(struct entry *made, const char *const (*pairs)[2])
{
    *made = (struct entry){.entry = {.dn = "CN=svc,DC=contoso,DC=test"}};
    made->entry.attributes = made->attributes;
    for (size_t i = 0; pairs[i][0] != NULL; i++) {
        made->values[i] = (struct directory_value){pairs[i][1], strlen(pairs[i][1])};
        if (i > 0 && strcmp(pairs[i][0], pairs[i - 1][0]) == 0) {
            made->attributes[made->entry.count - 1].count++;
            continue;
        }
        made->attributes[made->entry.count++] =
            (struct directory_attribute){pairs[i][0], &made->values[i], 1};
    }
}

/* ---- rootDSE ---- */

enum { NOW = 1795348800 }; /* 2026-11-22T12:00:00Z */

static void test_rootdse(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"dnshostname", "dc1.contoso.test"},
        {"defaultNamingContext", "DC=contoso,DC=test"},
        {"configurationNamingContext", "CN=Configuration,DC=contoso,DC=test"},
        {"isGlobalCatalogReady", "TRUE"}, {"currentTime", "20261122120130.0Z"},
        {"serverName", "CN=DC1,CN=Servers,CN=Berlin"}, {"supportedSASLMechanisms", "GSSAPI"},
        {"supportedSASLMechanisms", "GSS-SPNEGO"}, {"domainControllerFunctionality", "7"},
        {NULL, NULL}};
    static const struct endpoint endpoint = {.service = SERVICE_GC, .host = "dc1"};
    struct entry root;
    fill(&root, pairs);
    struct check *check = check_for(&probe_ldap_rootdse);
    judge_rootdse(&root.entry, &endpoint, NOW, check);
    assert_int_equal(check->outcome, OUTCOME_PASS);
    assert_string_equal(check->summary, "dc1.contoso.test speaks LDAP for DC=contoso,DC=test");
    assert_string_equal(check_get_text(check, "node", ""), "dc1.contoso.test");
    assert_string_equal(check_get_text(check, "ldap.time", ""), "2026-11-22T12:01:30Z");
    assert_int_equal(check_get_int(check, "clock.skew_s", 0), 90);
    assert_int_equal(check_get_int(check, "ldap.functional_level", 0), 7);
    assert_int_equal(check_fact(check, "ldap.sasl")->count, 2);
    assert_true(check_get_bool(check, "ldap.gc_ready", false));
    check_free(check);
}

static void test_rootdse_oddities(void **state)
{
    (void)state;
    static const struct {
        const char *context, *ready, *time;
        enum service service;
        enum outcome outcome;
        enum cause cause;
        bool has_time;
    } table[] = {
        {"DC=x", "FALSE", "20261122120000.0Z", SERVICE_GC, OUTCOME_FAIL, CAUSE_NO_OBJECT, true},
        {"DC=x", "FALSE", "20261122120000Z", SERVICE_LDAP, OUTCOME_PASS, CAUSE_NONE, true},
        {"DC=x", "true", "2026112212000", SERVICE_GC, OUTCOME_PASS, CAUSE_NONE, false},
        {"DC=x", NULL, "20269922120000.0Z", SERVICE_GC, OUTCOME_PASS, CAUSE_NONE, false},
        {"DC=x", "", "", SERVICE_LDAP, OUTCOME_PASS, CAUSE_NONE, false},
        {NULL, NULL, "yesterday at noon", SERVICE_LDAP, OUTCOME_WARN, CAUSE_NONE, false},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        const char *pairs[4][2] = {{"currentTime", table[i].time}};
        size_t count = 1;
        const struct endpoint endpoint = {.service = table[i].service, .host = "dc1"};
        if (table[i].context != NULL) {
            pairs[count][0] = "defaultNamingContext";
            pairs[count++][1] = table[i].context;
        }
        if (table[i].ready != NULL) {
            pairs[count][0] = "isGlobalCatalogReady";
            pairs[count++][1] = table[i].ready;
        }
        pairs[count][0] = NULL;
        struct entry root;
        fill(&root, (const char *const(*)[2])pairs);
        struct check *check = check_for(&probe_ldap_rootdse);
        judge_rootdse(&root.entry, &endpoint, NOW, check);
        if (check->outcome != table[i].outcome || check->fault.cause != table[i].cause)
            fail_msg("case %zu: %s", i, check->summary);
        assert_int_equal(check_fact(check, "ldap.time") != NULL, table[i].has_time);
        assert_int_equal(check_fact(check, "clock.skew_s") != NULL, table[i].has_time);
        check_free(check);
    }
}

/* ---- the account ---- */

static void test_account(void **state)
{
    (void)state;
    static const struct {
        const char *control, *computed;
        bool disabled, locked;
    } table[] = {
        {"512", "0", false, false},
        {"514", "0", true, false},
        {"66050", "16", true, true},
        {"512", "8388624", false, true},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        const char *const pairs[][2] = {{"sAMAccountName", "svc"},
            {"userPrincipalName", "svc@contoso.test"}, {"mail", "svc@contoso.test"},
            {"proxyAddresses", "SMTP:svc@contoso.test"}, {"proxyAddresses", "smtp:s@contoso.test"},
            {"legacyExchangeDN", "/o=Contoso/cn=svc"}, {"userAccountControl", table[i].control},
            {"msDS-User-Account-Control-Computed", table[i].computed}, {"badPwdCount", "3"},
            {NULL, NULL}};
        struct entry made;
        fill(&made, pairs);
        struct directory_result found = {.entries = &made.entry, .count = 1};
        struct check *check = check_for(&probe_ldap_account);
        judge_account(&found, "svc@contoso.test", check);
        assert_int_equal(check->outcome, OUTCOME_PASS);
        assert_string_equal(check->summary, "found CN=svc,DC=contoso,DC=test");
        assert_int_equal(check_get_int(check, "account.matches", -1), 1);
        assert_string_equal(check_get_text(check, "account.sam", ""), "svc");
        assert_int_equal(check_fact(check, "account.proxies")->count, 2);
        assert_int_equal(check_get_bool(check, "account.disabled", false), table[i].disabled);
        assert_int_equal(check_get_bool(check, "account.locked", false), table[i].locked);
        assert_int_equal(check_get_int(check, "account.bad_pwd_count", -1), 3);
        check_free(check);
    }
}

static void test_no_or_many_accounts(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        enum cause cause;
    } table[] = {{0, CAUSE_NO_OBJECT}, {2, CAUSE_AMBIGUOUS}, {10, CAUSE_AMBIGUOUS}};
    struct directory_entry entries[10] = {{.dn = "CN=a"}};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct directory_result found = {.entries = entries, .count = table[i].count};
        struct check *check = check_for(&probe_ldap_account);
        judge_account(&found, "svc@contoso.test", check);
        assert_int_equal(check->outcome, OUTCOME_FAIL);
        assert_int_equal(check->fault.cause, table[i].cause);
        assert_non_null(strstr(check->fault.text, "svc@contoso.test"));
        assert_int_equal(check_get_int(check, "account.matches", -1), (int)table[i].count);
        check_free(check);
    }
    /* an account of which we may read nothing but its name */
    struct directory_result found = {.entries = entries, .count = 1};
    struct check *check = check_for(&probe_ldap_account);
    judge_account(&found, "svc@contoso.test", check);
    assert_int_equal(check->outcome, OUTCOME_PASS);
    assert_null(check_fact(check, "account.disabled"));
    check_free(check);
}

/* ---- the mailbox ---- */

static void test_mailbox(void **state)
{
    (void)state;
    static const char guid[] = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\xff";
    static const struct {
        const char *guid, *home, *hidden;
        enum outcome outcome;
        enum cause cause;
        bool is_hidden;
    } table[] = {
        {guid, "CN=DB1", NULL, OUTCOME_PASS, CAUSE_NONE, false},
        {guid, "CN=DB1", "FALSE", OUTCOME_PASS, CAUSE_NONE, false},
        {guid, "CN=DB1", "TRUE", OUTCOME_WARN, CAUSE_NONE, true},
        {guid, NULL, NULL, OUTCOME_FAIL, CAUSE_NO_MAILBOX, false},
        {NULL, "CN=DB1", NULL, OUTCOME_FAIL, CAUSE_NO_MAILBOX, false},
        {NULL, NULL, "TRUE", OUTCOME_FAIL, CAUSE_NO_MAILBOX, true},
        {"short", "CN=DB1", NULL, OUTCOME_PASS, CAUSE_NONE, false},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        const char *pairs[7][2] = {{"msExchRecipientTypeDetails", "1"},
            {"showInAddressBook", "CN=All"}, {"showInAddressBook", "CN=GAL"}};
        size_t count = 3;
        const char *const optional[][2] = {{"msExchMailboxGuid", table[i].guid},
            {"homeMDB", table[i].home}, {"msExchHideFromAddressLists", table[i].hidden}};
        for (size_t n = 0; n < 3; n++) {
            if (optional[n][1] != NULL)
                memcpy(pairs[count++], optional[n], sizeof optional[n]);
        }
        pairs[count][0] = NULL;
        struct entry made;
        fill(&made, (const char *const(*)[2])pairs);
        struct check *check = check_for(&probe_ldap_mailbox);
        judge_mailbox(&made.entry, check);
        if (check->outcome != table[i].outcome || check->fault.cause != table[i].cause)
            fail_msg("case %zu: %s", i, check->summary);
        assert_int_equal(check_get_bool(check, "mailbox.hidden", false), table[i].is_hidden);
        assert_int_equal(check_get_int(check, "mailbox.address_lists", -1), 2);
        assert_int_equal(check_get_int(check, "mailbox.type", -1), 1);
        if (table[i].guid == guid) /* [MS-DTYP] 2.3.4.2: the first three fields are little-endian */
            assert_string_equal(
                check_get_text(check, "mailbox.guid", ""), "04030201-0605-0807-090a-0b0c0d0e0fff");
        else
            assert_null(check_fact(check, "mailbox.guid"));
        check_free(check);
    }
}

/* --auth basic: nothing of what LDAP takes is left, and that is no failure. */
static void test_nothing_to_bind_with(void **state)
{
    (void)state;
    static const struct settings settings = {.auth = AUTH_BASIC};
    struct session session = {.settings = &settings,
        .endpoint = {.service = SERVICE_LDAP, .host = "dc1.contoso.test", .port = 636}};
    struct check *check = check_for(&probe_ldap_bind);
    probe_ldap_bind.run(&session, check);
    assert_int_equal(check->outcome, OUTCOME_SKIPPED);
    assert_string_equal(check->summary, "--auth leaves nothing to bind with");
    assert_true(check->halts);
    check_free(check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rootdse),
        cmocka_unit_test(test_rootdse_oddities),
        cmocka_unit_test(test_account),
        cmocka_unit_test(test_no_or_many_accounts),
        cmocka_unit_test(test_mailbox),
        cmocka_unit_test(test_nothing_to_bind_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
