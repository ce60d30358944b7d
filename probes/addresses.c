#include <string.h>

#include "net/wire/text.h"
#include "probes/ldap.h"
#include "probes/ldap_value.h"
#include "probes/organization.h"
#include "probes/run.h"

enum { ADDRESSES_MAX = 100, MATCHES_MAX = 200 };

/* ---- which addresses ---- */

struct address_list {
    const char **list; /* ADDRESSES_MAX + 1 */
    size_t count;
};

static void add_address(struct address_list *addresses, const char *address)
{
    for (size_t i = 0; i < addresses->count; i++) {
        if (text_equal_nocase(addresses->list[i], address))
            return;
    }
    if (addresses->count < ADDRESSES_MAX)
        addresses->list[addresses->count++] = address;
}

const char *const *addresses_of(
    struct arena *arena, const struct directory_entry *account, const char *asked)
{
    struct address_list addresses = {
        .list = arena_alloc(arena, (ADDRESSES_MAX + 1) * sizeof *addresses.list)};
    add_address(&addresses, arena_printf(arena, "smtp:%s", asked));
    if (account->dn != NULL) {
        const struct directory_attribute *proxies = entry_attribute(account, "proxyAddresses");
        const char *mail = entry_text(account, "mail");
        const char *legacy = entry_text(account, "legacyExchangeDN");
        if (mail != NULL)
            add_address(&addresses, arena_printf(arena, "smtp:%s", mail));
        if (legacy != NULL)
            add_address(&addresses, arena_printf(arena, "X500:%s", legacy));
        for (size_t i = 0; proxies != NULL && i < proxies->count; i++)
            add_address(&addresses, proxies->values[i].bytes);
    }
    addresses.list[addresses.count] = NULL;
    return addresses.list;
}

/* ---- who has them ---- */

static bool attribute_has(
    const struct directory_entry *entry, const char *attribute, const char *value)
{
    const struct directory_attribute *found = entry_attribute(entry, attribute);
    for (size_t i = 0; found != NULL && i < found->count; i++) {
        if (text_equal_nocase(found->values[i].bytes, value))
            return true;
    }
    return false;
}

/* "a@b" of "smtp:a@b". */
static const char *value_of(const char *address)
{
    const char *colon = strchr(address, ':');
    return colon != NULL ? colon + 1 : address;
}

/* The attribute besides proxyAddresses that holds addresses of this type; NULL: none. */
static const char *plain_attribute(const char *address, const char **ret_value)
{
    *ret_value = value_of(address);
    if (text_starts_nocase(address, "smtp:"))
        return "mail";
    if (text_starts_nocase(address, "x500:"))
        return "legacyExchangeDN";
    return NULL;
}

static bool entry_has(const struct directory_entry *entry, const char *address)
{
    const char *value;
    const char *attribute = plain_attribute(address, &value);
    if (attribute_has(entry, "proxyAddresses", address))
        return true;
    /* mail of an object that is no recipient means nothing to Exchange */
    bool recipient = entry_attribute(entry, "proxyAddresses") != NULL ||
                     entry_attribute(entry, "legacyExchangeDN") != NULL;
    return attribute != NULL && recipient && attribute_has(entry, attribute, value);
}

/* proxyAddresses has the primary address of a type in upper case: "SMTP:". */
static bool is_primary(const struct directory_result *found, const char *address)
{
    for (size_t i = 0; i < found->count; i++) {
        const struct directory_attribute *proxies =
            entry_attribute(&found->entries[i], "proxyAddresses");
        for (size_t n = 0; proxies != NULL && n < proxies->count; n++) {
            if (strncmp(proxies->values[n].bytes, "SMTP:", 5) == 0 &&
                text_equal_nocase(proxies->values[n].bytes, address))
                return true;
        }
    }
    return false;
}

void judge_addresses(const struct directory_result *found, const char *const *addresses,
    const char *asked, struct check *check)
{
    struct arena *arena = &check->arena;
    struct fault fault;
    const char *worst = NULL;
    size_t checked = 0, duplicates = 0;
    for (; addresses[checked] != NULL; checked++) {
        const char *address = addresses[checked];
        const char *line = address;
        size_t owners = 0;
        for (size_t i = 0; i < found->count; i++) {
            if (!entry_has(&found->entries[i], address))
                continue;
            if (++owners <= OWNERS_SHOWN)
                line = arena_printf(arena, "%s | %.*s", line, DN_SHOWN, found->entries[i].dn);
        }
        check_add(check, "addresses.checked", address);
        if (owners < 2)
            continue;
        duplicates++;
        check_add(check, "addresses.duplicates", line);
        bool is_asked = text_equal_nocase(value_of(address), asked);
        if (worst == NULL && (is_asked || is_primary(found, address)))
            worst = address;
    }
    if (worst != NULL) {
        fault_set(&fault, CAUSE_AMBIGUOUS, ORIGIN_LDAP, 0,
            "the address %.120s belongs to more than one object of the forest", worst);
        check_fail(check, &fault);
    } else if (duplicates > 0) {
        check_settle(check, OUTCOME_WARN,
            "%zu of the account's %zu addresses belong to another object, too", duplicates,
            checked);
    } else {
        check_settle(check, OUTCOME_PASS, "%zu %s, each on one object of the forest only", checked,
            checked == 1 ? "address" : "addresses");
    }
}

/* ---- reading ---- */

static const struct fact_def addresses_facts[] = {
    {"addresses.checked", FACT_LIST, "the account's addresses that were looked for"},
    {"addresses.duplicates", FACT_LIST,
        "those on several objects: \"smtp:a@b | CN=…,DC=… | CN=…,DC=…\""},
    LDAP_COST_FACTS,
    FACT_END,
};

static const char *filter_of(struct arena *arena, const char *const *addresses)
{
    enum { ADDRESS_MAX = 1100, FILTER_MAX = 64 * 1024 }; /* Exchange's own limit of an address */
    const char *filter = "(|";
    for (size_t i = 0; addresses[i] != NULL && strlen(filter) < FILTER_MAX; i++) {
        const char *value;
        if (strlen(addresses[i]) > ADDRESS_MAX)
            continue;
        const char *attribute = plain_attribute(addresses[i], &value);
        filter = arena_printf(
            arena, "%s(proxyAddresses=%s)", filter, directory_escape(arena, addresses[i]));
        if (attribute != NULL)
            filter =
                arena_printf(arena, "%s(%s=%s)", filter, attribute, directory_escape(arena, value));
    }
    return arena_printf(arena, "%s)", filter);
}

static void addresses_run(struct session *session, struct check *check)
{
    static const char *const attributes[] = {"proxyAddresses", "mail", "legacyExchangeDN", NULL};
    struct directory_result found;
    struct fault fault;
    const char *asked = session->settings->address;
    if (!run_claim_check(session, check))
        return;
    const char *const *addresses = addresses_of(&session->arena, &session->account, asked);
    const struct directory_search search = {
        .base = "",
        .scope = DIRECTORY_SUBTREE,
        .filter = filter_of(&session->arena, addresses),
        .attributes = attributes,
        .max = MATCHES_MAX,
    };
    if (!ldap_find(session, check, &search, &found, &fault)) {
        check_fail(check, &fault);
        run_release(session, check->probe);
        return;
    }
    judge_addresses(&found, addresses, asked, check);
}

static bool gc_applies(const struct endpoint *endpoint)
{
    return endpoint->service == SERVICE_GC;
}

const struct probe probe_gc_addresses = {
    .id = "gc.addresses",
    .title = "the account's addresses belong to it alone",
    .layer = LAYER_PROTOCOL,
    .facts = addresses_facts,
    .applies = gc_applies,
    .run = addresses_run,
};
