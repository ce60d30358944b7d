#include <stdio.h>
#include <string.h>

#include <openssl/sha.h>
#include <stdlib.h>

#include "net/wire/text.h"
#include "probes/ldap.h"
#include "probes/ldap_value.h"
#include "probes/run.h"

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
    {"account.sid", FACT_TEXT, "objectSid"},
    {"account.domain", FACT_TEXT, "DNS name of the account's domain"},
    {"account.display_name", FACT_TEXT, "displayName"},
    {"account.uac", FACT_INT, "userAccountControl"},
    {"account.when_changed", FACT_TEXT, "whenChanged, on this replica"},
    {"account.usn", FACT_INT, "uSNChanged, on this replica"},
    {"account.fingerprint", FACT_TEXT,
        "digest of what decides about the mailbox, to compare replicas of one kind"},
    LDAP_COST_FACTS,
    FACT_END,
};

static const char *const account_attributes[] = {"sAMAccountName", "userPrincipalName", "mail",
    "proxyAddresses", "legacyExchangeDN", "userAccountControl",
    "msDS-User-Account-Control-Computed", "badPwdCount", "msExchMailboxGuid", "homeMDB",
    "msExchRecipientTypeDetails", "msExchHideFromAddressLists", "showInAddressBook",
    "msExchHomeServerName", "targetAddress", "protocolSettings", "objectSid", "displayName",
    "whenChanged", "uSNChanged", NULL};

/* ---- the fingerprint: the same on replicas that say the same ---- */

static int compare_values(const void *a, const void *b)
{
    const struct directory_value *first = a, *second = b;
    size_t shorter = first->length < second->length ? first->length : second->length;
    int order = memcmp(first->bytes, second->bytes, shorter);
    if (order != 0)
        return order;
    return (first->length > second->length) - (first->length < second->length);
}

/* A digest over names and values, each ended by a NUL, the values of one attribute sorted: replicas
 * hold them in any order. */
static const char *fingerprint(struct arena *arena, const struct directory_entry *account)
{
    static const char *const names[] = {"homeMDB", "legacyExchangeDN", "mail", "msExchMailboxGuid",
        "msExchHideFromAddressLists", "msExchRecipientTypeDetails", "protocolSettings",
        "proxyAddresses", "showInAddressBook", "targetAddress", "userAccountControl"};
    enum { SHOWN = 8 };
    unsigned char digest[SHA256_DIGEST_LENGTH];
    char text[2 * SHOWN + 1];
    size_t size = 0, used = 0;
    for (size_t i = 0; i < account->count; i++) {
        for (size_t n = 0; n < account->attributes[i].count; n++)
            size += account->attributes[i].values[n].length + 1;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        size += strlen(names[i]) + 1;
    char *bytes = arena_alloc(arena, size);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        memcpy(bytes + used, names[i], strlen(names[i]) + 1);
        used += strlen(names[i]) + 1;
        const struct directory_attribute *attribute = entry_attribute(account, names[i]);
        if (attribute == NULL || attribute->count == 0)
            continue;
        struct directory_value *values =
            arena_copy(arena, attribute->values, attribute->count * sizeof *values);
        qsort(values, attribute->count, sizeof *values, compare_values);
        for (size_t n = 0; n < attribute->count; n++) {
            memcpy(bytes + used, values[n].bytes, values[n].length);
            used += values[n].length + 1;
        }
    }
    SHA256((const unsigned char *)bytes, used, digest);
    for (size_t i = 0; i < SHOWN; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return arena_strdup(arena, text);
}

static void note_identity(const struct directory_entry *account, struct check *check)
{
    int64_t number;
    struct sid sid;
    const struct directory_attribute *bytes = entry_attribute(account, "objectSid");
    if (bytes != NULL && bytes->count > 0 && sid_read(&bytes->values[0], &sid))
        check_text(check, "account.sid", sid_text(&check->arena, &sid));
    check_text(check, "account.domain", dn_domain(&check->arena, account->dn));
    check_text(check, "account.display_name", entry_text(account, "displayName"));
    check_text(check, "account.when_changed",
        generalized_time(&check->arena, entry_text(account, "whenChanged")));
    if (entry_int(account, "uSNChanged", &number))
        check_int(check, "account.usn", number);
    check_text(check, "account.fingerprint", fingerprint(&check->arena, account));
}

static void note_account(const struct directory_entry *account, struct check *check)
{
    int64_t number;
    check_text(check, "account.dn", account->dn);
    check_text(check, "account.sam", entry_text(account, "sAMAccountName"));
    check_text(check, "account.upn", entry_text(account, "userPrincipalName"));
    check_text(check, "account.mail", entry_text(account, "mail"));
    check_text(check, "account.legacy_dn", entry_text(account, "legacyExchangeDN"));
    check_values(check, "account.proxies", account, "proxyAddresses");
    if (entry_int(account, "userAccountControl", &number)) {
        check_int(check, "account.uac", number);
        check_bool(check, "account.disabled", (number & UAC_DISABLED) != 0);
    }
    if (entry_int(account, "msDS-User-Account-Control-Computed", &number))
        check_bool(check, "account.locked", (number & COMPUTED_LOCKED) != 0);
    if (entry_int(account, "badPwdCount", &number))
        check_int(check, "account.bad_pwd_count", number);
    note_identity(account, check);
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

const char *ldap_address_filter(struct arena *arena, const char *address)
{
    const char *text = directory_escape(arena, address);
    /* mail and userPrincipalName find accounts that Exchange does not know (yet). */
    return arena_printf(arena,
        "(&(objectCategory=person)(|(proxyAddresses=smtp:%s)(mail=%s)(userPrincipalName=%s)))",
        text, text, text);
}

/* mail and userPrincipalName are found, too, but Exchange resolves proxyAddresses alone: where one
 * object has the address there, an administrator's second account with the same mail is nobody. */
struct directory_result ldap_holders(
    struct arena *arena, const struct directory_result *found, const char *address)
{
    const char *proxy = arena_printf(arena, "smtp:%s", address);
    struct directory_result holders = *found;
    holders.entries = arena_alloc(arena, (found->count + 1) * sizeof *holders.entries);
    holders.count = 0;
    for (size_t i = 0; i < found->count; i++) {
        const struct directory_attribute *proxies =
            entry_attribute(&found->entries[i], "proxyAddresses");
        bool holds = false;
        for (size_t n = 0; proxies != NULL && n < proxies->count && !holds; n++)
            holds = text_equal_nocase(proxies->values[n].bytes, proxy);
        if (holds)
            holders.entries[holders.count++] = found->entries[i];
    }
    return holders.count > 0 ? holders : *found;
}

/* By the name that logs on: DOMAIN\user, or an address. */
static const char *ldap_logon_filter(struct arena *arena, const struct settings *settings)
{
    if (strchr(settings->account, '@') != NULL)
        return ldap_address_filter(arena, settings->account);
    return arena_printf(arena, "(&(objectCategory=person)(sAMAccountName=%s))",
        directory_escape(arena, settings->account));
}

const char *ldap_logon_object(struct session *session, struct check *check)
{
    static const char *const attributes[] = {"sAMAccountName", NULL};
    const struct settings *settings = session->settings;
    struct arena *arena = &session->arena;
    struct directory_result found;
    struct fault fault;
    if (text_equal_nocase(settings->user, settings->address) || settings->user[0] == '\0') {
        if (session->account.dn == NULL)
            check_settle(check, OUTCOME_SKIPPED, "the account's object was not found");
        return session->account.dn;
    }
    const struct directory_search search = {
        .base = session->naming_context,
        .scope = DIRECTORY_SUBTREE,
        .filter = ldap_logon_filter(arena, settings),
        .attributes = attributes,
        .max = 2,
    };
    if (!ldap_find(session, check, &search, &found, &fault)) {
        check_fail(check, &fault);
        return NULL;
    }
    if (found.count == 1)
        return found.entries[0].dn;
    check_settle(check, OUTCOME_SKIPPED, "%s is the name of %s in %s", settings->user,
        found.count == 0 ? "no account" : "several accounts", session->naming_context);
    return NULL;
}

static void account_run(struct session *session, struct check *check)
{
    const struct directory_search search = {
        .base = session->naming_context,
        .scope = DIRECTORY_SUBTREE,
        .filter = ldap_address_filter(&session->arena, session->settings->address),
        .attributes = account_attributes,
        .max = 10,
    };
    struct directory_result found;
    struct fault fault;
    if (!ldap_find(session, check, &search, &found, &fault)) {
        check_fail(check, &fault);
        return;
    }
    found = ldap_holders(&session->arena, &found, session->settings->address);
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

/* Rows of the store log on to it: "GUID@domain" is how its URLs name it. */
static void tell_mailbox(struct session *session, const char *guid)
{
    const char *legacy_dn = entry_text(&session->account, "legacyExchangeDN");
    if (legacy_dn == NULL || guid == NULL)
        return;
    const struct known_mailbox mailbox = {.legacy_dn = legacy_dn,
        .mailbox_id = arena_printf(&session->arena, "%s@%s", guid, session->settings->mail_domain),
        .source = SOURCE_AD};
    run_learn_mailbox(session, &mailbox);
}

/* … as the account, which may be another's. */
static void tell_user(struct session *session)
{
    static const char *const attributes[] = {"legacyExchangeDN", NULL};
    const struct settings *settings = session->settings;
    struct directory_result found;
    struct fault ignored;
    if (settings->user[0] == '\0' || text_equal_nocase(settings->user, settings->address))
        return;
    const struct directory_search search = {.base = session->naming_context,
        .scope = DIRECTORY_SUBTREE,
        .filter = ldap_logon_filter(&session->arena, settings),
        .attributes = attributes,
        .max = 2};
    bool ok = directory_search(
        session->directory, &search, session_limit(session), &session->arena, &found, &ignored);
    session_trace(
        session, '*', "search \"%s\" %s: %zu", search.base, search.filter, ok ? found.count : 0);
    if (!ok || found.count != 1)
        return;
    const char *legacy_dn = entry_text(&found.entries[0], "legacyExchangeDN");
    if (legacy_dn != NULL)
        run_learn_user(session, legacy_dn);
}

static void mailbox_run(struct session *session, struct check *check)
{
    tell_user(session);
    judge_mailbox(&session->account, check);
    tell_mailbox(session, check_get_text(check, "mailbox.guid", NULL));
}

const struct probe probe_ldap_mailbox = {
    .id = "ldap.mailbox",
    .title = "the account's object is mailbox-enabled",
    .layer = LAYER_MAILBOX,
    .facts = mailbox_facts,
    .applies = directory_applies,
    .run = mailbox_run,
};
