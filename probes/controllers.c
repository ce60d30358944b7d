#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/wire/text.h"
#include "probes/dn.h"
#include "probes/ldap.h"
#include "probes/organization.h"
#include "probes/run.h"

enum { CONTROLLERS_MAX = 1000, ROWS_MAX = 8 };

/* ---- what the sites container says ---- */

static bool is_settings(const struct directory_entry *entry)
{
    const struct directory_attribute *classes = entry_attribute(entry, "objectClass");
    for (size_t i = 0; classes != NULL && i < classes->count; i++) {
        /* nTDSDSARO, of a read-only one, is derived from it. */
        if (text_equal_nocase(classes->values[i].bytes, "nTDSDSA"))
            return true;
    }
    return false;
}

static const struct directory_entry *entry_of(const struct directory_result *found, const char *dn)
{
    for (size_t i = 0; dn != NULL && i < found->count; i++) {
        if (text_equal_nocase(found->entries[i].dn, dn))
            return &found->entries[i];
    }
    return NULL;
}

static int by_host(const void *a, const void *b)
{
    const struct controller *one = a, *other = b;
    return strcmp(one->host, other->host);
}

/* A server object is a domain controller as long as it has NTDS settings below it: that of a
 * demoted one may stay ([MS-ADTS] 6.1.1.2.2.1). */
size_t controllers_of(
    struct arena *arena, const struct directory_result *found, struct controller **ret_list)
{
    enum { IS_GC = 1 }; /* NTDSDSA_OPT_IS_GC, [MS-ADTS] 6.1.1.2.2.1.2.1.1 */
    struct controller *list = arena_alloc(arena, (found->count + 1) * sizeof *list);
    size_t count = 0;
    for (size_t i = 0; i < found->count; i++) {
        const struct directory_entry *settings = &found->entries[i];
        const struct directory_entry *server =
            is_settings(settings) ? entry_of(found, dn_parent(settings->dn)) : NULL;
        const char *host = server != NULL ? entry_text(server, "dNSHostName") : NULL;
        int64_t options = 0;
        if (host == NULL || host[0] == '\0')
            continue;
        entry_int(settings, "options", &options);
        list[count++] = (struct controller){
            .host = host,
            .site = dn_name_below(arena, settings->dn, "Sites"),
            .domain = entry_text(settings, "msDS-HasDomainNCs"),
            .gc = (options & IS_GC) != 0,
        };
    }
    qsort(list, count, sizeof *list, by_host); /* the server's order is none */
    *ret_list = list;
    return count;
}

void judge_controllers(const struct controller *list, size_t count, struct check *check)
{
    size_t catalogs = 0;
    for (size_t i = 0; i < count; i++) {
        char line[600];
        snprintf(line, sizeof line, "%.253s | %.253s", list[i].host,
            list[i].site != NULL ? list[i].site : "?");
        check_add(check, "dc.hosts", list[i].host);
        check_add(check, "dc.sites", line);
        if (list[i].gc)
            check_add(check, "dc.gcs", list[i].host);
        catalogs += list[i].gc;
    }
    if (count == 0) {
        check_settle(check, OUTCOME_WARN,
            "the forest's configuration shows no domain controllers to this account");
        return;
    }
    check_settle(check, catalogs > 0 ? OUTCOME_PASS : OUTCOME_WARN,
        "%zu domain %s in the forest, %zu of them Global %s", count,
        count == 1 ? "controller" : "controllers", catalogs,
        catalogs == 1 ? "Catalog" : "Catalogs");
}

/* ---- reading ---- */

static const struct fact_def controllers_facts[] = {
    {"dc.hosts", FACT_LIST, "domain controllers of the forest"},
    {"dc.gcs", FACT_LIST, "those that are Global Catalogs"},
    {"dc.sites", FACT_LIST, "the site of each: \"dc1.contoso.test | Berlin\""},
    LDAP_COST_FACTS,
    FACT_END,
};

/* This host's site, or that of the controller we talk to. */
static const char *our_site(
    const struct session *session, const struct controller *list, size_t count)
{
    if (session->client_site != NULL)
        return session->client_site;
    if (session->dc_site != NULL)
        return session->dc_site;
    for (size_t i = 0; i < count; i++) {
        if (text_equal_nocase(list[i].host, session->endpoint.host))
            return list[i].site;
    }
    return NULL;
}

/* Rows for the controllers that clients of this site use. Those of other sites are often out of
 * reach by design, and a row for each of a large forest helps nobody. */
static void discover(struct session *session, const struct controller *list, size_t count)
{
    const char *site = our_site(session, list, count);
    size_t rows = 0;
    for (size_t i = 0; i < count && rows < ROWS_MAX; i++) {
        bool near = site != NULL && list[i].site != NULL && text_equal_nocase(list[i].site, site);
        bool ours =
            list[i].domain == NULL || text_equal_nocase(list[i].domain, session->naming_context);
        if (!near || !ours)
            continue;
        run_discover_controller(session, list[i].host, list[i].gc);
        rows++;
    }
}

static void controllers_run(struct session *session, struct check *check)
{
    static const char *const attributes[] = {
        "objectClass", "dNSHostName", "options", "msDS-HasDomainNCs", NULL};
    struct directory_result found;
    struct controller *list;
    struct fault fault;
    if (session->config_context == NULL) {
        check_settle(check, OUTCOME_SKIPPED, "the rootDSE names no configuration naming context");
        return;
    }
    if (!run_claim_check(session, check))
        return;
    const struct directory_search search = {
        .base = arena_printf(&session->arena, "CN=Sites,%s", session->config_context),
        .scope = DIRECTORY_SUBTREE,
        .filter = "(|(objectClass=nTDSDSA)(&(objectClass=server)(dNSHostName=*)))",
        .attributes = attributes,
        .max = CONTROLLERS_MAX * 2,
        .paged = true,
    };
    if (!ldap_find(session, check, &search, &found, &fault)) {
        check_fail(check, &fault);
        run_release(session, check->probe);
        return;
    }
    size_t count = controllers_of(&session->arena, &found, &list);
    judge_controllers(list, count, check);
    discover(session, list, count);
}

static bool ldap_applies(const struct endpoint *endpoint)
{
    return endpoint->service == SERVICE_LDAP;
}

const struct probe probe_ldap_controllers = {
    .id = "ldap.controllers",
    .title = "the domain controllers the directory names",
    .layer = LAYER_PROTOCOL,
    .facts = controllers_facts,
    .applies = ldap_applies,
    .run = controllers_run,
};
