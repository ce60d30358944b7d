/*
 * A mailbox as the directory has it: the account's own, and those of --mailbox. What Exchange keeps
 * of it there decides which protocols it may use and where it lives.
 */
#include "net/wire/protocolsettings.h"
#include "net/wire/replmeta.h"
#include "net/wire/text.h"
#include "probes/ldap.h"
#include "probes/ldap_value.h"
#include "probes/run.h"

#include <string.h>

static bool recipient_applies(const struct endpoint *endpoint)
{
    return endpoint->service == SERVICE_LDAP;
}

static const struct fact_def recipient_facts[] = {
    {"recipient.matches", FACT_INT, "objects that carry the address"},
    {"recipient.dn", FACT_TEXT, "distinguished name of the mailbox's object"},
    {"recipient.type", FACT_INT, "msExchRecipientTypeDetails"},
    {"recipient.type_name", FACT_TEXT, "the same in words: UserMailbox, SharedMailbox …"},
    {"recipient.hidden", FACT_BOOL, "msExchHideFromAddressLists"},
    {"recipient.address_lists", FACT_INT, "address lists that show it (showInAddressBook)"},
    {"recipient.address_book_policy", FACT_TEXT, "name of the address book policy it has"},
    {"recipient.protocol_settings", FACT_LIST, "protocolSettings, as they are"},
    {"recipient.protocols_off", FACT_LIST, "protocols that are switched off for it"},
    {"recipient.mapi_blocks", FACT_LIST, "what of MAPI is blocked although MAPI is on"},
    {"recipient.protocols_changed", FACT_TEXT, "when protocolSettings was last written"},
    {"recipient.mailbox_created", FACT_TEXT, "msExchWhenMailboxCreated"},
    {"recipient.move_status", FACT_INT, "msExchMailboxMoveStatus"},
    {"recipient.move", FACT_TEXT, "the same in words"},
    {"recipient.home_mdb", FACT_TEXT, "homeMDB"},
    {"recipient.database", FACT_TEXT, "name of its database"},
    {"recipient.home_server", FACT_TEXT, "name of the server in msExchHomeServerName"},
    {"recipient.legacy_dn", FACT_TEXT, "legacyExchangeDN"},
    {"recipient.x500", FACT_LIST, "X.500 addresses of its past"},
    {"recipient.delegates", FACT_LIST, "who may send on its behalf, who has its full access"},
    {"recipient.full_access_to", FACT_LIST, "mailboxes that list it with full access"},
    {"recipient.target", FACT_TEXT, "targetAddress: where mail for it really goes"},
    {"recipient.remote", FACT_BOOL, "the mailbox is in Exchange Online"},
    LDAP_COST_FACTS,
    FACT_END,
};

static const char *const recipient_attributes[] = {"msExchRecipientTypeDetails",
    "msExchHideFromAddressLists", "showInAddressBook", "msExchAddressBookPolicyLink",
    "protocolSettings", "msExchEwsEnabled", "msExchOmaAdminWirelessEnable", "replPropertyMetaData",
    "msExchWhenMailboxCreated", "msExchMailboxMoveStatus", "msExchMailboxGuid", "homeMDB",
    "msExchHomeServerName", "legacyExchangeDN", "proxyAddresses", "publicDelegates",
    "msExchDelegateListLink", "msExchDelegateListBL", "targetAddress", NULL};

/* ---- what kind of object ---- */

static const struct recipient_type {
    int64_t value;
    const char *name;
    bool remote;
} types[] = {
    {1, "UserMailbox", false},
    {1LL << 1, "LinkedMailbox", false},
    {1LL << 2, "SharedMailbox", false},
    {1LL << 3, "LegacyMailbox", false},
    {1LL << 4, "RoomMailbox", false},
    {1LL << 5, "EquipmentMailbox", false},
    {1LL << 6, "MailContact", false},
    {1LL << 7, "MailUser", false},
    {1LL << 13, "SystemAttendantMailbox", false},
    {1LL << 14, "SystemMailbox", false},
    {1LL << 15, "MailForestContact", false},
    {1LL << 16, "User", false},
    {1LL << 17, "Contact", false},
    {1LL << 21, "DisabledUser", false},
    {1LL << 23, "ArbitrationMailbox", false},
    {1LL << 25, "LinkedUser", false},
    {1LL << 29, "DiscoveryMailbox", false},
    {1LL << 31, "RemoteUserMailbox", true},
    {1LL << 33, "RemoteRoomMailbox", true},
    {1LL << 34, "RemoteEquipmentMailbox", true},
    {1LL << 35, "RemoteSharedMailbox", true},
    {1LL << 36, "PublicFolderMailbox", false},
    {1LL << 37, "TeamMailbox", false},
    {1LL << 38, "RemoteTeamMailbox", true},
    {1LL << 39, "MonitoringMailbox", false},
    {1LL << 40, "GroupMailbox", false},
    {1LL << 41, "LinkedRoomMailbox", false},
    {1LL << 42, "AuditLogMailbox", false},
    {1LL << 43, "RemoteGroupMailbox", true},
};

static bool note_type(const struct directory_entry *object, struct check *check)
{
    int64_t value = 0;
    const char *target = entry_text(object, "targetAddress");
    /* Where a hybrid organisation sends mail for its mailboxes in the cloud. */
    bool remote = entry_text(object, "homeMDB") == NULL && target != NULL &&
                  text_ends_nocase(target, ".mail.onmicrosoft.com");
    if (entry_int(object, "msExchRecipientTypeDetails", &value))
        check_int(check, "recipient.type", value);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i].value != value)
            continue;
        check_text(check, "recipient.type_name", types[i].name);
        remote = remote || types[i].remote;
    }
    check_text(check, "recipient.target", target);
    check_bool(check, "recipient.remote", remote);
    return remote;
}

/* ---- protocols ---- */

static void read_protocols(const struct directory_entry *object, struct protocol_settings *settings)
{
    int64_t number;
    const struct directory_attribute *raw = entry_attribute(object, "protocolSettings");
    for (size_t i = 0; raw != NULL && i < raw->count; i++)
        protocolsettings_read(settings, raw->values[i].bytes, raw->values[i].length);
    if (entry_int(object, "msExchEwsEnabled", &number) && number == 0)
        settings->off[PROTOCOL_EWS] = true;
    if (entry_int(object, "msExchOmaAdminWirelessEnable", &number) && activesync_off(number))
        settings->off[PROTOCOL_ACTIVESYNC] = true;
}

/* Whether what is off or blocked is anything of ours; phones and POP are often switched off. */
static bool note_protocols(
    const struct directory_entry *object, uint32_t settings_id, struct check *check)
{
    struct protocol_settings settings = {.versions = ""};
    struct replmeta_change change;
    const struct directory_attribute *meta = entry_attribute(object, "replPropertyMetaData");
    bool bites = false;
    read_protocols(object, &settings);
    check_values(check, "recipient.protocol_settings", object, "protocolSettings");
    for (int i = 0; i < PROTOCOL_COUNT; i++) {
        if (!settings.off[i])
            continue;
        check_add(check, "recipient.protocols_off", protocol_str((enum protocol)i));
        bites = bites || (i != PROTOCOL_POP3 && i != PROTOCOL_IMAP4 && i != PROTOCOL_ACTIVESYNC &&
                             i != PROTOCOL_ECP && i != PROTOCOL_MAPI_HTTP);
    }
    for (int i = 0; i < MAPI_BLOCK_COUNT; i++) {
        if (!settings.mapi_blocks[i])
            continue;
        const char *name = mapi_block_str((enum mapi_block)i);
        if (i == MAPI_BLOCK_VERSIONS)
            name = arena_printf(&check->arena, "%s %s", name, settings.versions);
        check_add(check, "recipient.mapi_blocks", name);
        bites = true;
    }
    if (check_fact(check, "recipient.protocol_settings") != NULL && meta != NULL &&
        meta->count > 0 &&
        replmeta_find(meta->values[0].bytes, meta->values[0].length, settings_id, &change))
        check_text(check, "recipient.protocols_changed", rfc3339(&check->arena, change.changed));
    return bites;
}

/* ---- moves ---- */

static bool note_move(const struct directory_entry *object, struct check *check)
{
    static const struct {
        int64_t status;
        const char *words;
        bool moving;
    } table[] = {
        {1, "a move is queued", true},
        {2, "it is being moved", true},
        {3, "its move has stopped before the end, and waits to be completed", true},
        {4, "its move is being completed", true},
        {5, "its move has copied everything, and waits to be completed", true},
        {10, "it was moved", false},
        {11, "it was moved, with warnings", false},
        {98, "its move is suspended", true},
        {99, "a move of it failed; it stays where it was", false},
    };
    int64_t status;
    if (!entry_int(object, "msExchMailboxMoveStatus", &status))
        return false;
    check_int(check, "recipient.move_status", status);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].status != status)
            continue;
        check_text(check, "recipient.move", table[i].words);
        return table[i].moving;
    }
    return false;
}

/* ---- the rest ---- */

/* "…/cn=Servers/cn=EX1" */
static const char *last_common_name(const char *legacy_dn)
{
    const char *name = legacy_dn == NULL ? NULL : strrchr(legacy_dn, '/');
    return name != NULL && text_starts_nocase(name, "/cn=") ? name + 4 : NULL;
}

static void note_names(const struct directory_entry *object, struct check *check)
{
    struct arena *arena = &check->arena;
    const char *home = entry_text(object, "homeMDB");
    const char *policy = entry_text(object, "msExchAddressBookPolicyLink");
    const struct directory_attribute *proxies = entry_attribute(object, "proxyAddresses");
    const struct directory_attribute *lists = entry_attribute(object, "showInAddressBook");
    const char *hidden = entry_text(object, "msExchHideFromAddressLists");
    check_bool(check, "recipient.hidden", hidden != NULL && text_equal_nocase(hidden, "TRUE"));
    check_int(check, "recipient.address_lists", lists != NULL ? (int64_t)lists->count : 0);
    check_text(check, "recipient.home_mdb", home);
    if (home != NULL)
        check_text(check, "recipient.database", dn_leaf(arena, home));
    if (policy != NULL)
        check_text(check, "recipient.address_book_policy", dn_leaf(arena, policy));
    check_text(check, "recipient.home_server",
        last_common_name(entry_text(object, "msExchHomeServerName")));
    check_text(check, "recipient.legacy_dn", entry_text(object, "legacyExchangeDN"));
    for (size_t i = 0; proxies != NULL && i < proxies->count; i++) {
        if (text_starts_nocase(proxies->values[i].bytes, "X500:"))
            check_add(check, "recipient.x500", proxies->values[i].bytes);
    }
    check_values(check, "recipient.delegates", object, "publicDelegates");
    check_values(check, "recipient.delegates", object, "msExchDelegateListLink");
    check_values(check, "recipient.full_access_to", object, "msExchDelegateListBL");
    check_text(check, "recipient.mailbox_created",
        generalized_time(arena, entry_text(object, "msExchWhenMailboxCreated")));
}

static void add_concern(struct check *check, const char **concerns, const char *concern)
{
    *concerns =
        arena_printf(&check->arena, "%s%s%s", *concerns, **concerns == '\0' ? "" : "; ", concern);
}

static const char *concerns_of(bool protocols, bool moving, struct check *check)
{
    struct arena *arena = &check->arena;
    const char *concerns = "";
    const char *off = join_list(arena, check_fact(check, "recipient.protocols_off"), ", ");
    const char *blocks = join_list(arena, check_fact(check, "recipient.mapi_blocks"), ", ");
    if (protocols && off[0] != '\0')
        add_concern(check, &concerns, arena_printf(arena, "switched off for it: %s", off));
    if (protocols && blocks[0] != '\0')
        add_concern(check, &concerns, arena_printf(arena, "blocked for it: %s", blocks));
    if (moving)
        add_concern(check, &concerns, check_get_text(check, "recipient.move", ""));
    if (check_get_bool(check, "recipient.hidden", false))
        add_concern(check, &concerns, "it is hidden from the address lists");
    else if (check_get_int(check, "recipient.address_lists", 0) == 0)
        add_concern(check, &concerns, "no address list shows it");
    return concerns;
}

static void judge_object(
    const struct directory_entry *object, uint32_t settings_id, struct check *check)
{
    struct fault fault;
    check_text(check, "recipient.dn", object->dn);
    bool remote = note_type(object, check);
    note_names(object, check);
    bool protocols = note_protocols(object, settings_id, check);
    bool moving = note_move(object, check);
    const char *type = check_get_text(check, "recipient.type_name", "an object without a mailbox");
    const char *name = dn_leaf(&check->arena, object->dn);
    if (remote) {
        fault_set(&fault, CAUSE_NO_MAILBOX, ORIGIN_LDAP, 0,
            "the mailbox of %.60s is in Exchange Online (%s%s%.60s)", name, type,
            check_fact(check, "recipient.target") != NULL ? ", " : "",
            check_get_text(check, "recipient.target", ""));
        check_fail(check, &fault);
        return;
    }
    if (entry_attribute(object, "msExchMailboxGuid") == NULL ||
        check_fact(check, "recipient.home_mdb") == NULL) {
        fault_set(&fault, CAUSE_NO_MAILBOX, ORIGIN_LDAP, 0, "%.80s has no mailbox here: it is %s",
            name, type);
        check_fail(check, &fault);
        return;
    }
    const char *concerns = concerns_of(protocols, moving, check);
    /* Others than the account's own are often hidden, and have switches for their owner's programs:
     * said, and no warning. */
    if (check->subject != NULL && !moving && concerns[0] != '\0')
        check_settle(check, OUTCOME_PASS, "%s is a %s in %s; %s", name, type,
            check_get_text(check, "recipient.database", "no database"), concerns);
    else if (concerns[0] != '\0')
        check_settle(check, OUTCOME_WARN, "the mailbox of %s: %s", name, concerns);
    else
        check_settle(check, OUTCOME_PASS, "%s is a %s in %s", name, type,
            check_get_text(check, "recipient.database", "no database"));
}

void judge_recipient(const struct directory_result *found, const char *address,
    uint32_t settings_id, struct check *check)
{
    struct fault fault;
    check_int(check, "recipient.matches", (int64_t)found->count);
    if (found->count == 1) {
        judge_object(&found->entries[0], settings_id, check);
        return;
    }
    if (found->count == 0)
        fault_set(&fault, CAUSE_NO_OBJECT, ORIGIN_LDAP, 0,
            "no object in the directory carries the address %.100s", address);
    else
        fault_set(&fault, CAUSE_AMBIGUOUS, ORIGIN_LDAP, 0, "%zu objects carry the address %.100s",
            found->count, address);
    check_fail(check, &fault);
}

/* ---- reading ---- */

/* Rows on which the account was not found read no mailboxes: this is the domain of all that do. */
static const char *own_domain(struct session *session)
{
    const char *dn = session->account.dn;
    const char *domain = dn != NULL ? dn_domain(&session->arena, dn) : NULL;
    return domain != NULL ? domain : "the account's domain";
}

/* Attributes that came into the schema since Windows 2003 have an id of their own in each forest
 * ([MS-ADTS] 3.1.1.2.3, msDS-IntId); Exchange's often have. */
static uint32_t settings_id_of(struct session *session, struct check *check)
{
    static const char *const attributes[] = {"msDS-IntId", NULL};
    struct directory_result found;
    struct fault fault;
    int64_t id;
    if (session->config_context == NULL)
        return REPLMETA_PROTOCOL_SETTINGS;
    const struct directory_search search = {
        .base = arena_printf(
            &session->arena, "CN=ms-Exch-Protocol-Settings,CN=Schema,%s", session->config_context),
        .scope = DIRECTORY_BASE,
        .filter = "(objectClass=*)",
        .attributes = attributes,
        .max = 1};
    if (ldap_find(session, check, &search, &found, &fault) && found.count == 1 &&
        entry_int(&found.entries[0], "msDS-IntId", &id))
        return (uint32_t)id; /* a signed number in the directory */
    return REPLMETA_PROTOCOL_SETTINGS;
}

/* The catalogue holds the whole forest: what is in a domain with rows of its own is read there. */
static bool is_read_elsewhere(struct session *session, const struct directory_result *found)
{
    for (size_t i = 0; i < found->count; i++) {
        const char *domain = dn_domain(&session->arena, found->entries[i].dn);
        if (domain == NULL || !text_equal_nocase(domain, own_domain(session)) ||
            !run_serves_domain(session, domain))
            return false;
    }
    return found->count > 0;
}

/* Exactly one of the two kinds of rows answers. */
static bool leave_to_others(
    struct session *session, const struct directory_result *found, struct check *check)
{
    if (check->subject == NULL)
        return false;
    bool catalogue = session->endpoint.service == SERVICE_GC;
    if (catalogue && is_read_elsewhere(session, found))
        check_settle(
            check, OUTCOME_SKIPPED, "in %s: asked of its own controllers", own_domain(session));
    else if (!catalogue && found->count == 0 &&
             settings_wants_service(session->settings, SERVICE_GC))
        check_settle(
            check, OUTCOME_SKIPPED, "not in %s: asked of the Global Catalog", own_domain(session));
    else
        return false;
    return true;
}

static void read_recipient(struct session *session, struct check *check,
    const struct directory_search *search, const char *address, const char *claim)
{
    struct directory_result found;
    struct fault fault;
    if (!ldap_find(session, check, search, &found, &fault)) {
        check_fail(check, &fault);
        run_release(session, claim);
        return;
    }
    found = ldap_holders(&session->arena, &found, address);
    if (leave_to_others(session, &found, check))
        return;
    uint32_t settings_id = REPLMETA_PROTOCOL_SETTINGS;
    /* The catalogue has neither that number nor the times it leads to. */
    if (session->endpoint.service == SERVICE_LDAP && found.count == 1 &&
        entry_attribute(&found.entries[0], "protocolSettings") != NULL)
        settings_id = settings_id_of(session, check);
    judge_recipient(&found, address, settings_id, check);
}

static void recipient_run(struct session *session, struct check *check)
{
    const struct directory_search search = {.base = session->account.dn,
        .scope = DIRECTORY_BASE,
        .filter = "(objectClass=*)",
        .attributes = recipient_attributes,
        .max = 1};
    if (session->account.dn == NULL) {
        check_settle(check, OUTCOME_SKIPPED, "the account's object was not found");
        return;
    }
    if (run_claim_check(session, check))
        read_recipient(session, check, &search, session->settings->address, check->probe);
}

const struct probe probe_ldap_recipient = {
    .id = "ldap.recipient",
    .title = "the mailbox's object allows what is asked of it",
    .layer = LAYER_MAILBOX,
    .facts = recipient_facts,
    .applies = recipient_applies,
    .run = recipient_run,
};

/* ---- further mailboxes ---- */

static size_t other_subjects(const struct settings *settings)
{
    return settings->mailboxes.count;
}

static const char *other_subject(const struct settings *settings, size_t index)
{
    return settings->mailboxes.list[index];
}

static bool other_applies(const struct endpoint *endpoint)
{
    return endpoint_is_directory(endpoint);
}

static void other_run(struct session *session, struct check *check)
{
    char who[256];
    const struct directory_search search = {.base = session->naming_context,
        .scope = DIRECTORY_SUBTREE,
        .filter = ldap_address_filter(&session->arena, check->subject),
        .attributes = recipient_attributes,
        .max = 10};
    const char *claim = arena_printf(&session->arena, "%s of %s in %s", check->probe,
        check->subject, service_str(session->endpoint.service));
    if (!run_claim(session, claim, who)) {
        check_settle(check, OUTCOME_SKIPPED, "read once in a run, by %s", who);
        return;
    }
    read_recipient(session, check, &search, check->subject, claim);
}

const struct probe probe_ldap_other = {
    .id = "ldap.other",
    .title = "a further mailbox's object allows what is asked of it",
    .layer = LAYER_MAILBOX,
    .facts = recipient_facts,
    .applies = other_applies,
    .run = other_run,
    .subjects = other_subjects,
    .subject = other_subject,
};
