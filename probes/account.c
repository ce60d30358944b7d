#include <stdio.h>
#include <string.h>

#include "net/wire/text.h"
#include "probes/ldap.h"

enum { UAC_DISABLED = 0x2, COMPUTED_LOCKED = 0x10 }; /* [MS-ADTS] 2.2.16 */

static bool directory_applies(const struct endpoint *endpoint)
{
    return endpoint_is_directory(endpoint);
}

/* ---- PROTOCOL: the account's object ---- */

static const struct fact_def account_facts[] = {
    {"account.matches", FACT_INT, "objects that carry the address"},
    {"account.dn", FACT_TEXT, "distinguished name of the account"},
    {"account.sam", FACT_TEXT, "sAMAccountName"},
    {"account.upn", FACT_TEXT, "userPrincipalName"},
    {"account.mail", FACT_TEXT, "mail"},
    {"account.proxies", FACT_LIST, "proxyAddresses"},
    {"account.legacy_dn", FACT_TEXT, "legacyExchangeDN"},
    {"account.disabled", FACT_BOOL, "userAccountControl says disabled"},
    {"account.locked", FACT_BOOL, "locked out now"},
    {"account.bad_pwd_count", FACT_INT, "failed logons counted by this domain controller"},
    LDAP_COST_FACTS,
    FACT_END,
};

static const char *const account_attributes[] = {"sAMAccountName", "userPrincipalName", "mail",
    "proxyAddresses", "legacyExchangeDN", "userAccountControl",
    "msDS-User-Account-Control-Computed", "badPwdCount", "msExchMailboxGuid", "homeMDB",
    "msExchRecipientTypeDetails", "msExchHideFromAddressLists", "showInAddressBook",
    "msExchHomeServerName", "targetAddress", NULL};

static void note_account(const struct directory_entry *account, struct check *check)
{
    int64_t number;
    const struct directory_attribute *proxies = entry_attribute(account, "proxyAddresses");
    check_text(check, "account.dn", account->dn);
    check_text(check, "account.sam", entry_text(account, "sAMAccountName"));
    check_text(check, "account.upn", entry_text(account, "userPrincipalName"));
    check_text(check, "account.mail", entry_text(account, "mail"));
    check_text(check, "account.legacy_dn", entry_text(account, "legacyExchangeDN"));
    for (size_t i = 0; proxies != NULL && i < proxies->count; i++)
        check_add(check, "account.proxies", proxies->values[i].bytes);
    if (entry_int(account, "userAccountControl", &number))
        check_bool(check, "account.disabled", (number & UAC_DISABLED) != 0);
    if (entry_int(account, "msDS-User-Account-Control-Computed", &number))
        check_bool(check, "account.locked", (number & COMPUTED_LOCKED) != 0);
    if (entry_int(account, "badPwdCount", &number))
        check_int(check, "account.bad_pwd_count", number);
}

void judge_account(const struct directory_result *found, const char *address, struct check *check)
{
    struct fault fault;
    check_int(check, "account.matches", (int64_t)found->count);
    if (found->count == 0) {
        fault_set(&fault, CAUSE_NO_OBJECT, ORIGIN_LDAP, 0,
            "no object in the directory carries the address %.100s", address);
        check_fail(check, &fault);
        return;
    }
    if (found->count > 1) {
        fault_set(&fault, CAUSE_AMBIGUOUS, ORIGIN_LDAP, 0, "%zu objects carry the address %.100s",
            found->count, address);
        check_fail(check, &fault);
        return;
    }
    note_account(&found->entries[0], check);
    check_settle(check, OUTCOME_PASS, "found %s", found->entries[0].dn);
}

static void account_run(struct session *session, struct check *check)
{
    struct arena *arena = &session->arena;
    const char *address = directory_escape(arena, session->settings->address);
    const struct directory_search search = {
        .base = session->naming_context,
        .scope = DIRECTORY_SUBTREE,
        /* mail and userPrincipalName find accounts that Exchange does not know (yet). */
        .filter = arena_printf(arena,
            "(&(objectCategory=person)(|(proxyAddresses=smtp:%s)(mail=%s)(userPrincipalName=%s)))",
            address, address, address),
        .attributes = account_attributes,
        .max = 10,
    };
    struct directory_result found;
    struct fault fault;
    if (!ldap_find(session, check, &search, &found, &fault)) {
        check_fail(check, &fault);
        return;
    }
    judge_account(&found, session->settings->address, check);
    if (check->outcome == OUTCOME_PASS)
        session->account = found.entries[0];
}

const struct probe probe_ldap_account = {
    .id = "ldap.account",
    .title = "the directory finds the account by its address",
    .layer = LAYER_PROTOCOL,
    .facts = account_facts,
    .applies = directory_applies,
    .run = account_run,
};

/* ---- MAILBOX ---- */

static const struct fact_def mailbox_facts[] = {
    {"mailbox.guid", FACT_TEXT, "msExchMailboxGuid"},
    {"mailbox.type", FACT_INT,
        "msExchRecipientTypeDetails: 1 user mailbox, 2147483648 in the cloud"},
    {"mailbox.home_mdb", FACT_TEXT, "homeMDB: the mailbox database"},
    {"mailbox.server", FACT_TEXT, "msExchHomeServerName"},
    {"mailbox.target", FACT_TEXT, "targetAddress: where mail for it really goes"},
    {"mailbox.hidden", FACT_BOOL, "msExchHideFromAddressLists"},
    {"mailbox.address_lists", FACT_INT, "address lists that show it (showInAddressBook)"},
    FACT_END,
};

/* [MS-DTYP] 2.3.4.2: the first three fields are little-endian. */
static const char *guid_text(struct arena *arena, const struct directory_value *value)
{
    static const unsigned char order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    char text[40];
    size_t at = 0;
    if (value->length != 16)
        return NULL;
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[at++] = '-';
        at += (size_t)snprintf(
            text + at, sizeof text - at, "%02x", (unsigned char)value->bytes[order[i]]);
    }
    return arena_strdup(arena, text);
}

void judge_mailbox(const struct directory_entry *account, struct check *check)
{
    struct fault fault;
    int64_t type = 0;
    const struct directory_attribute *guid = entry_attribute(account, "msExchMailboxGuid");
    const struct directory_attribute *lists = entry_attribute(account, "showInAddressBook");
    const char *home = entry_text(account, "homeMDB");
    const char *hidden_text = entry_text(account, "msExchHideFromAddressLists");
    bool hidden = hidden_text != NULL && text_equal_nocase(hidden_text, "TRUE");

    if (guid != NULL && guid->count > 0)
        check_text(check, "mailbox.guid", guid_text(&check->arena, &guid->values[0]));
    if (entry_int(account, "msExchRecipientTypeDetails", &type))
        check_int(check, "mailbox.type", type);
    check_text(check, "mailbox.home_mdb", home);
    check_text(check, "mailbox.server", entry_text(account, "msExchHomeServerName"));
    check_text(check, "mailbox.target", entry_text(account, "targetAddress"));
    check_bool(check, "mailbox.hidden", hidden);
    check_int(check, "mailbox.address_lists", lists != NULL ? (int64_t)lists->count : 0);

    if (guid == NULL || home == NULL) {
        fault_set(&fault, CAUSE_NO_MAILBOX, ORIGIN_LDAP, 0,
            "the account has no mailbox in this organisation: %s",
            guid == NULL ? "msExchMailboxGuid is not set" : "homeMDB is not set");
        check_fail(check, &fault);
        return;
    }
    if (hidden) {
        check_settle(check, OUTCOME_WARN,
            "the account has a mailbox, but it is hidden from the address lists");
        return;
    }
    check_settle(check, OUTCOME_PASS, "the account is mailbox-enabled and visible");
}

static void mailbox_run(struct session *session, struct check *check)
{
    judge_mailbox(&session->account, check);
}

const struct probe probe_ldap_mailbox = {
    .id = "ldap.mailbox",
    .title = "the account's object is mailbox-enabled",
    .layer = LAYER_MAILBOX,
    .facts = mailbox_facts,
    .applies = directory_applies,
    .run = mailbox_run,
};
