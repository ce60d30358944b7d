#include "probes/organization.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "net/wire/build.h"
#include "net/wire/text.h"
#include "probes/ldap.h"
#include "probes/ldap_value.h"
#include "probes/mapi_http.h"
#include "probes/rpc_http.h"
#include "probes/run.h"

/* How many objects get a check of their own; the rest is counted. */
enum { SERVERS_MAX = 200, SCPS_MAX = 50, VDIRS_MAX = 1000, DATABASES_MAX = 500, FOUND_MAX = 4000 };

/* ---- the whole ---- */

const char *schema_name(int64_t range_upper)
{
    /* What Setup /PrepareSchema of a version leaves; updates that change nothing leave the same. */
    static const struct {
        int64_t range_upper;
        const char *name;
    } names[] = {
        {14622, "Exchange 2010 RTM (or 2007 SP2)"},
        {14625, "Exchange 2007 SP3"},
        {14726, "Exchange 2010 SP1"},
        {14732, "Exchange 2010 SP2"},
        {14734, "Exchange 2010 SP3"},
        {15137, "Exchange 2013 RTM"},
        {15254, "Exchange 2013 CU1"},
        {15281, "Exchange 2013 CU2"},
        {15283, "Exchange 2013 CU3"},
        {15292, "Exchange 2013 SP1"},
        {15300, "Exchange 2013 CU5"},
        {15303, "Exchange 2013 CU6"},
        {15312, "Exchange 2013 CU7 to CU23"},
        {15317, "Exchange 2016 RTM"},
        {15323, "Exchange 2016 CU1"},
        {15325, "Exchange 2016 CU2"},
        {15326, "Exchange 2016 CU3 to CU5"},
        {15330, "Exchange 2016 CU6"},
        {15332, "Exchange 2016 CU7 to CU18"},
        {15333, "Exchange 2016 CU19 or CU20"},
        {15334, "Exchange 2016 CU21 to CU23"},
        {17000, "Exchange 2019 RTM or CU1"},
        {17001, "Exchange 2019 CU2 to CU7"},
        {17002, "Exchange 2019 CU8 or CU9"},
        {17003, "Exchange 2019 CU10 or later, or SE"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].range_upper == range_upper)
            return names[i].name;
    }
    return NULL;
}

static size_t count_kind(const struct directory_result *all, enum organization_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++)
        count += organization_kind(&all->entries[i]) == kind;
    return count;
}

static void add_once(struct check *check, const char *key, const char *text)
{
    const struct fact *fact = check_fact(check, key);
    for (size_t i = 0; fact != NULL && i < fact->count; i++) {
        if (text_equal_nocase(fact->list[i], text))
            return;
    }
    check_add(check, key, text);
}

static void note_root(const struct directory_entry *root, struct check *check)
{
    enum { MAPI_HTTP_ENABLED = 1 << 10 }; /* MapiHttpEnabled in msExchOrganizationFlags2 */
    int64_t number;
    check_text(check, "org.name", dn_leaf(&check->arena, root->dn));
    if (entry_int(root, "objectVersion", &number))
        check_int(check, "org.object_version", number);
    if (entry_int(root, "msExchOrganizationFlags2", &number))
        check_bool(check, "org.mapi_http", (number & MAPI_HTTP_ENABLED) != 0);
}

static void note_entry(const struct directory_entry *entry, struct check *check)
{
    struct build build;
    const char *text;
    switch (organization_kind(entry)) {
    case ORGANIZATION_ROOT:
        note_root(entry, check);
        return;
    case ORGANIZATION_SERVER:
        text = entry_text(entry, "serialNumber");
        if (text != NULL && build_parse_serial(text, &build))
            add_once(check, "org.versions", build_product_str(build_product(&build)));
        return;
    case ORGANIZATION_DOMAIN:
        text = entry_text(entry, "msExchAcceptedDomainName");
        if (text != NULL && text_ends_nocase(text, ".mail.onmicrosoft.com"))
            add_once(check, "org.cloud_domains", text);
        return;
    case ORGANIZATION_OTHER:
    case ORGANIZATION_ARRAY:
    case ORGANIZATION_SCP:
    case ORGANIZATION_POINTER:
    case ORGANIZATION_VDIR:
    case ORGANIZATION_DATABASE:
    case ORGANIZATION_HYBRID:
        return;
    }
}

/* "; 3 more servers": what the caps leave out. */
static const char *left_out(const struct directory_result *all, struct arena *arena)
{
    static const struct {
        enum organization_kind kind;
        size_t max;
        const char *what;
    } caps[] = {
        {ORGANIZATION_SERVER, SERVERS_MAX, "servers"},
        {ORGANIZATION_SCP, SCPS_MAX, "service connection points"},
        {ORGANIZATION_VDIR, VDIRS_MAX, "virtual directories"},
        {ORGANIZATION_DATABASE, DATABASES_MAX, "databases"},
    };
    const char *text = all->more ? "; the directory has more objects than were read" : "";
    for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++) {
        size_t count = count_kind(all, caps[i].kind);
        if (count > caps[i].max)
            text = arena_printf(
                arena, "%s; %zu more %s are not shown", text, count - caps[i].max, caps[i].what);
    }
    return text;
}

void judge_organization(const struct directory_result *all, int64_t schema, struct check *check)
{
    size_t servers = count_kind(all, ORGANIZATION_SERVER);
    size_t databases = count_kind(all, ORGANIZATION_DATABASE);
    if (schema > 0) {
        check_int(check, "org.schema", schema);
        check_text(check, "org.schema_name", schema_name(schema));
    }
    check_int(check, "org.servers", (int64_t)servers);
    check_int(check, "org.databases", (int64_t)databases);
    check_bool(check, "org.hybrid", count_kind(all, ORGANIZATION_HYBRID) > 0);
    for (size_t i = 0; i < all->count; i++)
        note_entry(&all->entries[i], check);
    const char *name = check_get_text(check, "org.name", NULL);
    if (name == NULL && servers == 0) {
        check_settle(check, OUTCOME_WARN,
            "this forest's configuration shows no Exchange organisation to this account");
        return;
    }
    const char *versions = "";
    const struct fact *products = check_fact(check, "org.versions");
    for (size_t i = 0; products != NULL && i < products->count; i++)
        versions = arena_printf(
            &check->arena, "%s%s%s", versions, i > 0 ? ", " : " of ", products->list[i]);
    check_settle(check, OUTCOME_PASS, "organisation %s: %zu %s%s, %zu %s%s",
        name != NULL ? name : "?", servers, servers == 1 ? "server" : "servers", versions,
        databases, databases == 1 ? "database" : "databases", left_out(all, &check->arena));
}

/* ---- reading ---- */

static const struct fact_def organization_facts[] = {
    {"org.name", FACT_TEXT, "name of the Exchange organisation"},
    {"org.schema", FACT_INT, "rangeUpper of ms-Exch-Schema-Version-Pt"},
    {"org.schema_name", FACT_TEXT, "the Exchange version that brings this schema"},
    {"org.object_version", FACT_INT, "objectVersion of the organisation"},
    {"org.servers", FACT_INT, "Exchange servers in the directory"},
    {"org.versions", FACT_LIST, "Exchange versions of those servers"},
    {"org.databases", FACT_INT, "mailbox databases in the directory"},
    {"org.mapi_http", FACT_BOOL, "MapiHttpEnabled of the organisation (msExchOrganizationFlags2)"},
    {"org.hybrid", FACT_BOOL, "a hybrid configuration with Exchange Online is there"},
    {"org.cloud_domains", FACT_LIST, "accepted domains *.mail.onmicrosoft.com"},
    {"org.remote_mailboxes", FACT_BOOL, "at least one mailbox of the domain is in Exchange Online"},
    LDAP_COST_FACTS,
    FACT_END,
};

/* Everything in one search, sorted out on our side: one round trip. Service connection points also
 * lie outside the organisation (pointers to other forests), all below CN=Services. What only the
 * servers talk to (the back end's web site) stays on the server. */
static const char organization_filter[] =
    "(|(objectClass=msExchOrganizationContainer)(objectClass=msExchExchangeServer)"
    "(objectClass=msExchPrivateMDB)(objectClass=msExchCoexistenceRelationship)"
    "(&(objectClass=msExchAcceptedDomain)(msExchAcceptedDomainName=*.mail.onmicrosoft.com))"
    "(&(objectClass=msExchVirtualDirectory)(!(cn=*\\28Exchange Back End\\29))"
    "(|(objectClass=msExchAutoDiscoverVirtualDirectory)"
    "(objectClass=msExchWebServicesVirtualDirectory)(objectClass=msExchOWAVirtualDirectory)"
    "(objectClass=msExchECPVirtualDirectory)(objectClass=msExchMapiVirtualDirectory)"
    "(objectClass=msExchRpcHttpVirtualDirectory)(objectClass=msExchOABVirtualDirectory)"
    "(objectClass=msExchMobileVirtualDirectory)))"
    "(&(objectClass=serviceConnectionPoint)"
    "(|(keywords=77378F46-2C66-4aa9-A6A6-3E7A48B19596)"
    "(keywords=67661d7F-8FC4-4fa7-BFAC-E1D7794C1F68))))";

static const char *const organization_attributes[] = {"objectClass", "objectVersion",
    "msExchOrganizationFlags2", "serialNumber", "msExchCurrentServerRoles", "msExchServerSite",
    "networkAddress", "legacyExchangeDN", "msExchOwningServer", "msExchAcceptedDomainName",
    "keywords", "serviceBindingInformation", "msExchInternalHostName", "msExchExternalHostName",
    "msExchInternalAuthenticationMethods", "msExchExternalAuthenticationMethods", NULL};

static bool read_objects(struct session *session, struct check *check,
    struct directory_result *ret_all, struct fault *fault)
{
    const struct directory_search search = {
        .base = arena_printf(&session->arena, "CN=Services,%s", session->config_context),
        .scope = DIRECTORY_SUBTREE,
        .filter = organization_filter,
        .attributes = organization_attributes,
        .max = FOUND_MAX,
        .paged = true,
    };
    return ldap_find(session, check, &search, ret_all, fault);
}

/* 0: not there, or not to be read. */
static int64_t read_schema(struct session *session, struct check *check)
{
    static const char *const attributes[] = {"rangeUpper", NULL};
    const struct directory_search search = {
        .base = arena_printf(
            &session->arena, "CN=ms-Exch-Schema-Version-Pt,CN=Schema,%s", session->config_context),
        .scope = DIRECTORY_BASE,
        .filter = "(objectClass=*)",
        .attributes = attributes,
        .max = 1,
    };
    struct directory_result found;
    struct fault fault;
    int64_t version;
    bool ok = ldap_find(session, check, &search, &found, &fault) && found.count > 0 &&
              entry_int(&found.entries[0], "rangeUpper", &version);
    return ok ? version : 0;
}

static void note_remote_mailboxes(struct session *session, struct check *check)
{
    static const char *const attributes[] = {"cn", NULL};
    const struct directory_search search = {
        .base = session->naming_context,
        .scope = DIRECTORY_SUBTREE,
        .filter = "(msExchRecipientTypeDetails=2147483648)",
        .attributes = attributes,
        .max = 1,
    };
    struct directory_result found;
    struct fault fault;
    if (ldap_find(session, check, &search, &found, &fault))
        check_bool(check, "org.remote_mailboxes", found.count > 0);
}

/* ---- a check per object ---- */

/* Two objects of one name (databases of Exchange 2007 on two servers) are told apart by a number.
 */
static struct check *found_check(
    struct session *session, const struct probe *probe, const struct directory_entry *entry)
{
    const char *name = organization_subject(&session->arena, entry);
    size_t length = strlen(name);
    unsigned same = 0; /* "EX1", "EX1 (2)" … */
    for (const struct check *check = session->found; check != NULL; check = check->next) {
        const char *subject = check->subject;
        same += check->probe == probe->id && text_starts_nocase(subject, name) &&
                (subject[length] == '\0' || strncmp(subject + length, " (", 2) == 0);
    }
    return session_found(session, probe,
        same == 0 ? name : arena_printf(&session->arena, "%s (%u)", name, same + 1));
}

/* Exchange 2010 and before answer RPC over TCP: by the major number of their
 * build. */
static void discover_server(struct session *session, const struct check *server)
{
    const char *fqdn = check_get_text(server, "server.fqdn", NULL);
    const char *build = check_get_text(server, "server.build", NULL);
    if (fqdn != NULL && build != NULL && strtol(build, NULL, 10) <= 14)
        run_discover(session, SERVICE_RPC,
            arena_printf(&session->arena, RPC_TCP_URL "%.255s", fqdn), SOURCE_AD);
}

/* Rows for what the directory names: real places, as clients of this network are sent to them. */
static void discover_vdir(struct session *session, const struct directory_entry *vdir)
{
    static const char *const attributes[] = {"msExchInternalHostName", "msExchExternalHostName"};
    const struct vdir_class *class = vdir_class(vdir);
    for (size_t i = 0; class->probed && i < sizeof attributes / sizeof attributes[0]; i++) {
        const char *url = entry_text(vdir, attributes[i]);
        if (url != NULL && class->service == SERVICE_RPC) /* a URL, or a plain host name */
            url = rpc_url(&session->arena, url);
        if (url == NULL || strstr(url, "://") == NULL)
            continue;
        if (class->service == SERVICE_MAPI) /* "https://mail/mapi": the store is below it */
            url = mapi_url(&session->arena, url);
        run_discover(session, class->service, url, SOURCE_AD);
    }
}

static void discover_scp(struct session *session, const struct directory_entry *scp)
{
    enum { URLS_MAX = 4 };
    const struct directory_attribute *urls = entry_attribute(scp, "serviceBindingInformation");
    for (size_t i = 0; urls != NULL && i < urls->count && i < URLS_MAX; i++)
        run_discover(session, SERVICE_AUTODISCOVER, urls->values[i].bytes, SOURCE_SCP);
}

/* How many checks of a kind there are so far. */
struct shown {
    size_t servers, scps, vdirs, databases;
};

static void show_entry(struct session *session, const struct directory_entry *entry,
    const struct directory_result *servers, struct shown *shown)
{
    enum organization_kind kind = organization_kind(entry);
    switch (kind) {
    case ORGANIZATION_SERVER:
        if (shown->servers++ >= SERVERS_MAX)
            return;
        struct check *server = found_check(session, &probe_ldap_server, entry);
        judge_server(entry, server);
        discover_server(session, server);
        return;
    case ORGANIZATION_SCP:
    case ORGANIZATION_POINTER:
        if (shown->scps++ >= SCPS_MAX)
            return;
        judge_scp(
            entry, servers, session->client_site, found_check(session, &probe_ldap_scp, entry));
        if (kind == ORGANIZATION_SCP)
            discover_scp(session, entry);
        return;
    case ORGANIZATION_VDIR:
        if (shown->vdirs++ >= VDIRS_MAX)
            return;
        judge_vdir(entry, found_check(session, &probe_ldap_vdir, entry));
        discover_vdir(session, entry);
        return;
    case ORGANIZATION_DATABASE:
        if (shown->databases++ < DATABASES_MAX)
            judge_database(entry, servers,
                session->account.dn != NULL ? entry_text(&session->account, "homeMDB") : NULL,
                found_check(session, &probe_ldap_database, entry));
        return;
    case ORGANIZATION_OTHER:
    case ORGANIZATION_ROOT:
    case ORGANIZATION_ARRAY:
    case ORGANIZATION_HYBRID:
    case ORGANIZATION_DOMAIN:
        return;
    }
}

/* Servers first, then what hangs on them; each kind by name: a run looks like the one before. */
static int compare_entries(const void *a, const void *b)
{
    const struct directory_entry *one = a, *other = b;
    int kind = (int)organization_kind(one) - (int)organization_kind(other);
    return kind != 0 ? kind : strcmp(one->dn, other->dn);
}

static struct directory_result servers_of(struct arena *arena, const struct directory_result *all)
{
    struct directory_result servers = {
        .entries = arena_alloc(arena, (all->count + 1) * sizeof *servers.entries)};
    for (size_t i = 0; i < all->count; i++) {
        enum organization_kind kind = organization_kind(&all->entries[i]);
        if (kind == ORGANIZATION_SERVER || kind == ORGANIZATION_ARRAY)
            servers.entries[servers.count++] = all->entries[i];
    }
    return servers;
}

static void organization_run(struct session *session, struct check *check)
{
    struct directory_result all;
    struct fault fault;
    struct shown shown = {0};
    if (session->config_context == NULL) {
        check_settle(check, OUTCOME_SKIPPED, "the rootDSE names no configuration naming context");
        return;
    }
    if (!run_claim_check(session, check))
        return;
    if (!read_objects(session, check, &all, &fault)) {
        check_fail(check, &fault);
        run_release(session, check->probe);
        return;
    }
    if (all.count > 1)
        qsort(all.entries, all.count, sizeof *all.entries, compare_entries);
    struct directory_result servers = servers_of(&session->arena, &all);
    for (size_t i = 0; i < all.count; i++)
        show_entry(session, &all.entries[i], &servers, &shown);
    int64_t schema = read_schema(session, check);
    note_remote_mailboxes(session, check);
    judge_organization(&all, schema, check);
}

static bool ldap_applies(const struct endpoint *endpoint)
{
    return endpoint->service == SERVICE_LDAP;
}

const struct probe probe_ldap_organization = {
    .id = "ldap.organization",
    .title = "the Exchange organisation in the directory",
    .layer = LAYER_PROTOCOL,
    .facts = organization_facts,
    .applies = ldap_applies,
    .run = organization_run,
};
