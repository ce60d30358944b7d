#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/replmeta.h"
#include "probes/ldap.h"
#include "tests/unit/account_entry.h"
#include "tests/unit/judged.h"
#include "tests/unit/sample.h"

#define DN "CN=svc,CN=Users,DC=contoso,DC=test"
#define DB "CN=DB\\,1,CN=Databases,DC=contoso,DC=test"

static const char *const healthy[][2] = {{"msExchRecipientTypeDetails", "1"},
    {"msExchMailboxGuid", "0123456789abcdef"}, {"homeMDB", DB}, {"showInAddressBook", "CN=All"},
    {"msExchHomeServerName", "/o=Contoso/ou=x/cn=Configuration/cn=Servers/cn=EX1"},
    {"legacyExchangeDN", "/o=Contoso/cn=svc"}, {"proxyAddresses", "SMTP:svc@contoso.test"},
    {"proxyAddresses", "X500:/o=Old/cn=svc"}, {"proxyAddresses", "x500:/o=Older/cn=svc"},
    {"publicDelegates", "CN=a"}, {"msExchDelegateListLink", "CN=b"},
    {"msExchDelegateListBL", "CN=c"}, {"msExchWhenMailboxCreated", "20250602080000.0Z"},
    {NULL, NULL}};

static struct check *judge_entry(struct account_entry *made)
{
    const struct directory_result found = {.entries = &made->entry, .count = 1};
    struct check *check = check_for(&probe_ldap_recipient);
    judge_recipient(&found, "svc@contoso.test", REPLMETA_PROTOCOL_SETTINGS, check);
    return check;
}

/* pairs in place of, or besides, those of a healthy mailbox: the first of a name counts. */
static struct check *judged(const char *const (*pairs)[2])
{
    struct account_entry made;
    entry_fill(&made, DN, pairs);
    for (size_t i = 0; healthy[i][0] != NULL; i++)
        entry_add(&made, healthy[i][0], healthy[i][1]);
    return judge_entry(&made);
}

static void test_healthy(void **state)
{
    (void)state;
    static const char *const none[][2] = {{NULL, NULL}};
    static const struct {
        const char *key, *text;
    } texts[] = {
        {"recipient.dn", DN},
        {"recipient.type_name", "UserMailbox"},
        {"recipient.home_mdb", DB},
        {"recipient.database", "DB,1"},
        {"recipient.home_server", "EX1"},
        {"recipient.legacy_dn", "/o=Contoso/cn=svc"},
        {"recipient.mailbox_created", "2025-06-02T08:00:00Z"},
    };
    static const char *const absent[] = {"recipient.protocols_off", "recipient.mapi_blocks",
        "recipient.protocol_settings", "recipient.protocols_changed", "recipient.move_status",
        "recipient.target", "recipient.address_book_policy"};
    struct check *check = judged(none);
    assert_int_equal(check->outcome, OUTCOME_PASS);
    assert_string_equal(check->summary, "svc is a UserMailbox in DB,1");
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_string_equal(check_get_text(check, texts[i].key, ""), texts[i].text);
    for (size_t i = 0; i < COUNT(absent); i++)
        assert_null(check_fact(check, absent[i]));
    assert_int_equal(check_get_int(check, "recipient.matches", -1), 1);
    assert_int_equal(check_get_int(check, "recipient.address_lists", -1), 1);
    assert_int_equal(check_fact(check, "recipient.x500")->count, 2);
    assert_int_equal(check_fact(check, "recipient.delegates")->count, 2);
    assert_int_equal(check_fact(check, "recipient.full_access_to")->count, 1);
    assert_false(check_get_bool(check, "recipient.remote", true));
    assert_false(check_get_bool(check, "recipient.hidden", true));
    check_free(check);
}

static void test_concerns(void **state)
{
    (void)state;
    static const struct {
        const char *pairs[3][2];
        const char *words; /* NULL: it passes */
        const char *off;   /* the first of recipient.protocols_off, or NULL */
    } table[] = {
        {{{"protocolSettings", "MAPI\xc2\xa7"
                               "0"}},
            "switched off for it: MAPI", "MAPI"},
        {{{"protocolSettings", "HTTP\xa7"
                               "0"}},
            "switched off for it: OWA", "OWA"},
        {{{"msExchEwsEnabled", "0"}}, "switched off for it: EWS", "EWS"},
        {{{"msExchEwsEnabled", "1"}}, NULL, NULL},
        {{{"msExchOmaAdminWirelessEnable", "7"}}, NULL, "ActiveSync"},
        {{{"protocolSettings", "POP3\xc2\xa7"
                               "0"}},
            NULL, "POP3"},
        {{{"protocolSettings", "MAPI\xc2\xa7"
                               "1\xc2\xa7"
                               "1"}},
            "blocked for it: MAPIBlockOutlookNonCachedMode", NULL},
        {{{"protocolSettings", "RemotePowerShell\xc2\xa7"
                               "1"}},
            NULL, NULL},
        {{{"msExchMailboxMoveStatus", "2"}}, "it is being moved", NULL},
        {{{"msExchMailboxMoveStatus", "10"}}, NULL, NULL},
        {{{"msExchMailboxMoveStatus", "77"}}, NULL, NULL},
        {{{"msExchHideFromAddressLists", "TRUE"}}, "it is hidden from the address lists", NULL},
        {{{"msExchHideFromAddressLists", "FALSE"}}, NULL, NULL},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct check *check = judged(table[i].pairs);
        const struct fact *off = check_fact(check, "recipient.protocols_off");
        if (check->outcome != (table[i].words == NULL ? OUTCOME_PASS : OUTCOME_WARN))
            fail_msg("case %zu: %s", i, check->summary);
        if (table[i].words != NULL && strstr(check->summary, table[i].words) == NULL)
            fail_msg("case %zu: %s", i, check->summary);
        assert_int_equal(off != NULL, table[i].off != NULL);
        if (off != NULL)
            assert_string_equal(off->list[0], table[i].off);
        check_free(check);
    }
}

/* Of a further mailbox most of that is its owner's matter: said, and no warning. */
static void test_other_concerns(void **state)
{
    (void)state;
    static const struct {
        const char *pair[2];
        enum outcome outcome;
        const char *words;
    } table[] = {
        {{"msExchHideFromAddressLists", "TRUE"}, OUTCOME_PASS,
            "svc is a UserMailbox in DB,1; it is hidden from the address lists"},
        {{"msExchEwsEnabled", "0"}, OUTCOME_PASS, "switched off for it: EWS"},
        {{"msExchMailboxMoveStatus", "2"}, OUTCOME_WARN, "it is being moved"},
        {{"cn", "svc"}, OUTCOME_PASS, "svc is a UserMailbox in DB,1"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        const char *const pairs[][2] = {{table[i].pair[0], table[i].pair[1]}, {NULL, NULL}};
        struct account_entry made;
        entry_fill(&made, DN, pairs);
        for (size_t k = 0; healthy[k][0] != NULL; k++)
            entry_add(&made, healthy[k][0], healthy[k][1]);
        const struct directory_result found = {.entries = &made.entry, .count = 1};
        struct check *check = check_for(&probe_ldap_other);
        check->subject = "svc@contoso.test";
        judge_recipient(&found, check->subject, REPLMETA_PROTOCOL_SETTINGS, check);
        assert_int_equal(check->outcome, table[i].outcome);
        assert_non_null(strstr(check->summary, table[i].words));
        check_free(check);
    }
}

static void test_no_mailbox(void **state)
{
    (void)state;
    static const struct {
        const char *type, *guid, *home, *target;
        bool remote;
        const char *words;
    } table[] = {
        {"2147483648", NULL, NULL, "SMTP:svc@contoso.mail.onmicrosoft.com", true,
            "the mailbox of svc is in Exchange Online (RemoteUserMailbox, "
            "SMTP:svc@contoso.mail.onmicrosoft.com)"},
        {"34359738368", "0123456789abcdef", NULL, NULL, true,
            "the mailbox of svc is in Exchange Online (RemoteSharedMailbox)"},
        {"128", NULL, NULL, "SMTP:svc@contoso.mail.onmicrosoft.com", true, "in Exchange Online"},
        {"128", NULL, NULL, "SMTP:svc@example.org", false,
            "svc has no mailbox here: it is MailUser"},
        {NULL, NULL, NULL, NULL, false, "svc has no mailbox here: it is an object without"},
        {"1", "0123456789abcdef", NULL, NULL, false, "no mailbox here"},
        {"1", NULL, DB, NULL, false, "no mailbox here"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        const char *const pairs[][2] = {{"msExchRecipientTypeDetails", table[i].type},
            {"msExchMailboxGuid", table[i].guid}, {"homeMDB", table[i].home},
            {"targetAddress", table[i].target}, {NULL, NULL}};
        struct account_entry made;
        entry_fill(&made, DN, pairs);
        struct check *check = judge_entry(&made);
        assert_int_equal(check->outcome, OUTCOME_FAIL);
        assert_int_equal(check->fault.cause, CAUSE_NO_MAILBOX);
        assert_int_equal(check_get_bool(check, "recipient.remote", false), table[i].remote);
        if (strstr(check->summary, table[i].words) == NULL)
            fail_msg("case %zu: %s", i, check->summary);
        check_free(check);
    }
}

static void test_no_address_list(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"msExchMailboxGuid", "0123456789abcdef"},
        {"homeMDB", DB}, {"msExchAddressBookPolicyLink", "CN=Phones,CN=ABP"}, {NULL, NULL}};
    struct account_entry made;
    entry_fill(&made, DN, pairs);
    struct check *check = judge_entry(&made);
    assert_int_equal(check->outcome, OUTCOME_WARN);
    assert_string_equal(check->summary, "the mailbox of svc: no address list shows it");
    assert_string_equal(check_get_text(check, "recipient.address_book_policy", ""), "Phones");
    check_free(check);
}

/* When protocolSettings was written is said only where there are some. */
static void test_protocols_changed(void **state)
{
    (void)state;
    struct arena arena = {0};
    size_t length = 0;
    char *meta = sample_read(&arena, "replmeta/protocol-settings", &length);
    for (int with = 0; with < 2; with++) {
        struct account_entry made;
        entry_fill(&made, DN, healthy);
        entry_add_bytes(&made, "replPropertyMetaData", meta, length);
        if (with == 1)
            entry_add(&made, "protocolSettings",
                "RemotePowerShell\xc2\xa7"
                "1");
        struct check *check = judge_entry(&made);
        assert_string_equal(check_get_text(check, "recipient.protocols_changed", "-"),
            with == 1 ? "2026-11-22T15:54:00Z" : "-");
        check_free(check);
    }
    arena_done(&arena);
}

static void test_none_or_many(void **state)
{
    (void)state;
    struct directory_entry entries[2] = {{.dn = "CN=a"}, {.dn = "CN=b"}};
    static const enum cause causes[] = {[0] = CAUSE_NO_OBJECT, [2] = CAUSE_AMBIGUOUS};
    for (size_t count = 0; count <= 2; count += 2) {
        const struct directory_result found = {.entries = entries, .count = count};
        struct check *check = check_for(&probe_ldap_other);
        judge_recipient(&found, "x@contoso.test", REPLMETA_PROTOCOL_SETTINGS, check);
        assert_int_equal(check->outcome, OUTCOME_FAIL);
        assert_int_equal(check->fault.cause, causes[count]);
        assert_non_null(strstr(check->summary, "x@contoso.test"));
        assert_int_equal(check_get_int(check, "recipient.matches", -1), (int)count);
        check_free(check);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_healthy),
        cmocka_unit_test(test_concerns),
        cmocka_unit_test(test_other_concerns),
        cmocka_unit_test(test_no_mailbox),
        cmocka_unit_test(test_no_address_list),
        cmocka_unit_test(test_protocols_changed),
        cmocka_unit_test(test_none_or_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
