#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "net/wire/text.h"
#include "probes/ldap.h"
#include "probes/ldap_value.h"
#include "probes/organization.h"
#include "probes/run.h"

enum { HOSTS_MAX = 32, EXCHANGE_MAX = 600, OWNERS_MAX = 1000 };

/* Classes that Exchange's computers register for themselves: the store, referral and the address
 * book. Absent ones are no fault: newer clients ask for HTTP only. */
static const char *const exchange_classes[] = {"exchangeMDB/", "exchangeRFR/", "exchangeAB/"};
enum { EXCHANGE_CLASSES = sizeof exchange_classes / sizeof exchange_classes[0] };

/* ---- who owns what ---- */

/* Names are compared whole and without regard to case, as the KDC does it: a short name, or one
 * with a port, is another name. */
static bool owns(const struct directory_entry *entry, const char *name)
{
    const struct directory_attribute *names = entry_attribute(entry, "servicePrincipalName");
    for (size_t i = 0; names != NULL && i < names->count; i++) {
        if (text_equal_nocase(names->values[i].bytes, name))
            return true;
    }
    return false;
}

/* "name | CN=a | CN=b", and how many: all that own `owned`. */
static const char *owners_of(struct arena *arena, const struct directory_result *found,
    const char *name, const char *owned, size_t *ret_count)
{
    const char *line = name;
    *ret_count = 0;
    for (size_t i = 0; i < found->count; i++) {
        if (!owns(&found->entries[i], owned))
            continue;
        if (++*ret_count <= OWNERS_SHOWN)
            line = arena_printf(arena, "%s | %.*s", line, DN_SHOWN, found->entries[i].dn);
    }
    return line;
}

static void note_name(
    const struct directory_result *found, const char *name, const char *owned, struct check *check)
{
    size_t count;
    const char *line = owners_of(&check->arena, found, name, owned, &count);
    check_add(check, "spn.checked", name);
    if (count == 0)
        check_add(check, "spn.missing", name);
    else
        check_add(check, "spn.owners", line);
    if (count > 1)
        check_add(check, "spn.duplicates", line);
}

/* A computer's HOST/x stands for HTTP/x where nobody owns that: sPNMappings, [MS-DRSR] 4.1.4.2,
 * MapSPN. */
static const char *general_name(struct arena *arena, const char *name)
{
    const char *host = strchr(name, '/');
    return arena_printf(arena, "HOST%s", host != NULL ? host : "/");
}

static bool is_owned(const struct directory_result *found, const char *name)
{
    for (size_t i = 0; i < found->count; i++) {
        if (owns(&found->entries[i], name))
            return true;
    }
    return false;
}

static bool is_noted(const struct check *check, const char *name)
{
    const struct fact *fact = check_fact(check, "spn.checked");
    for (size_t i = 0; fact != NULL && i < fact->count; i++) {
        if (text_equal_nocase(fact->list[i], name))
            return true;
    }
    return false;
}

/* Fully qualified ones: "exchangeMDB/ex1.contoso.test". */
static bool is_exchange_name(const char *name)
{
    for (size_t i = 0; i < EXCHANGE_CLASSES; i++) {
        if (text_starts_nocase(name, exchange_classes[i]))
            return strchr(name, '.') != NULL;
    }
    return false;
}

static void note_exchange(const struct directory_result *found, struct check *check)
{
    size_t noted = 0;
    for (size_t i = 0; i < found->count; i++) {
        const struct directory_attribute *names =
            entry_attribute(&found->entries[i], "servicePrincipalName");
        for (size_t n = 0; names != NULL && n < names->count && noted < EXCHANGE_MAX; n++) {
            const char *name = names->values[n].bytes;
            if (!is_exchange_name(name) || is_noted(check, name))
                continue;
            note_name(found, name, name, check);
            noted++;
        }
    }
}

/* Of the accounts that own a front end's name. AD's own Global Catalog does not hold the attribute;
 * other directories answer with it on that port, too. */
static void note_etypes(
    const struct directory_entry *entry, const char *const *names, struct check *check)
{
    struct arena *arena = &check->arena;
    int64_t etypes;
    bool concerned = false;
    for (size_t i = 0; names[i] != NULL && !concerned; i++)
        concerned = owns(entry, names[i]) || owns(entry, general_name(arena, names[i]));
    if (concerned && entry_int(entry, "msDS-SupportedEncryptionTypes", &etypes))
        check_add(check, "spn.etypes", arena_printf(arena, "%s | %" PRId64, entry->dn, etypes));
}

void judge_spn(const struct directory_result *found, const char *const *names, struct check *check)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        const char *name = names[i];
        note_name(
            found, name, is_owned(found, name) ? name : general_name(&check->arena, name), check);
    }
    const struct fact *missing = check_fact(check, "spn.missing");
    size_t without = missing != NULL ? missing->count : 0;
    note_exchange(found, check);
    for (size_t i = 0; i < found->count; i++)
        note_etypes(&found->entries[i], names, check);
    const struct fact *checked = check_fact(check, "spn.checked");
    const struct fact *duplicates = check_fact(check, "spn.duplicates");
    size_t count = checked != NULL ? checked->count : 0;
    if (duplicates != NULL) {
        check_settle(check, OUTCOME_WARN,
            "%zu of %zu service principal names belong to more than one account: %s",
            duplicates->count, count, duplicates->list[0]);
        return;
    }
    /* Not every name must have one: nobody may ever log on there with Kerberos. */
    if (without > 0)
        check_settle(check, OUTCOME_PASS,
            "%zu service principal names, each of one account at most; nobody owns %s%s", count,
            missing->list[0], without > 1 ? " and others" : "");
    else
        check_settle(
            check, OUTCOME_PASS, "%zu service principal names, each of one account", count);
}

/* ---- reading ---- */

static const struct fact_def spn_facts[] = {
    {"spn.checked", FACT_LIST, "service principal names that were looked for"},
    {"spn.owners", FACT_LIST, "who owns them: \"HTTP/mail.contoso.test | CN=…\""},
    {"spn.missing", FACT_LIST, "those of front ends that no account owns, nor a computer by HOST/"},
    {"spn.duplicates", FACT_LIST, "those that several own: \"HTTP/x | CN=a | CN=b\""},
    {"spn.etypes", FACT_LIST, "msDS-SupportedEncryptionTypes of the owners: \"CN=… | 28\""},
    LDAP_COST_FACTS,
    FACT_END,
};

/* No ticket is ever asked for a host that gets no credentials. NULL-terminated, in the arena. */
static const char *const *names_of(struct session *session)
{
    const char *hosts[HOSTS_MAX];
    size_t count = run_front_ends(session, &session->arena, hosts, HOSTS_MAX), used = 0;
    const char **names = arena_alloc(&session->arena, (HOSTS_MAX + 1) * sizeof *names);
    for (size_t i = 0; i < count; i++) {
        if (settings_trusts_host(session->settings, hosts[i]))
            names[used++] = arena_printf(&session->arena, "HTTP/%s", hosts[i]);
    }
    names[used] = NULL;
    return names;
}

/* Whole names only: of those every directory keeps an index, of beginnings not. */
static const char *filter_of(struct arena *arena, const char *const *names)
{
    const char *filter = "(|";
    for (size_t i = 0; names[i] != NULL; i++) {
        const char *host = directory_escape(arena, strchr(names[i], '/') + 1);
        filter = arena_printf(arena, "%s(servicePrincipalName=%s)(servicePrincipalName=%s)", filter,
            directory_escape(arena, names[i]),
            directory_escape(arena, general_name(arena, names[i])));
        for (size_t class = 0; class < EXCHANGE_CLASSES; class ++)
            filter = arena_printf(
                arena, "%s(servicePrincipalName=%s%s)", filter, exchange_classes[class], host);
    }
    return arena_printf(arena, "%s)", filter);
}

static void spn_run(struct session *session, struct check *check)
{
    static const char *const attributes[] = {
        "servicePrincipalName", "msDS-SupportedEncryptionTypes", NULL};
    struct directory_result found;
    struct fault fault;
    if (!run_claim_check(session, check))
        return;
    const char *const *names = names_of(session);
    if (names[0] == NULL) {
        check_settle(check, OUTCOME_SKIPPED, "no front end is known yet");
        run_release(session, check->probe);
        return;
    }
    const struct directory_search search = {
        .base = "",
        .scope = DIRECTORY_SUBTREE,
        .filter = filter_of(&session->arena, names),
        .attributes = attributes,
        .max = OWNERS_MAX,
        .paged = true,
    };
    if (!ldap_find(session, check, &search, &found, &fault)) {
        check_fail(check, &fault);
        run_release(session, check->probe);
        return;
    }
    judge_spn(&found, names, check);
}

static bool gc_applies(const struct endpoint *endpoint)
{
    return endpoint->service == SERVICE_GC;
}

const struct probe probe_gc_spn = {
    .id = "gc.spn",
    .title = "the front ends' service principal names have one owner each",
    .layer = LAYER_PROTOCOL,
    .facts = spn_facts,
    .applies = gc_applies,
    .run = spn_run,
};
