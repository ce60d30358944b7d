#include "probes/organization.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "net/wire/build.h"
#include "net/wire/text.h"
#include "probes/dn.h"
#include "probes/ldap_value.h"

/* How Exchange marks its service connection points ([MS-OXDISCO] 3.1.5.2). */
static const char keyword_url[] = "77378F46-2C66-4aa9-A6A6-3E7A48B19596";
static const char keyword_pointer[] = "67661d7F-8FC4-4fa7-BFAC-E1D7794C1F68";

/* ---- which object is which ---- */

static bool has_value(const struct directory_entry *entry, const char *attribute, const char *value)
{
    const struct directory_attribute *found = entry_attribute(entry, attribute);
    for (size_t i = 0; found != NULL && i < found->count; i++) {
        if (text_equal_nocase(found->values[i].bytes, value))
            return true;
    }
    return false;
}

const struct vdir_class *vdir_class(const struct directory_entry *entry)
{
    static const struct vdir_class classes[] = {
        {"msExchAutoDiscoverVirtualDirectory", SERVICE_AUTODISCOVER, true},
        {"msExchWebServicesVirtualDirectory", SERVICE_EWS, true},
        {"msExchOWAVirtualDirectory", SERVICE_OWA, true},
        {"msExchECPVirtualDirectory", SERVICE_ECP, false},
        {"msExchMapiVirtualDirectory", SERVICE_MAPI, true},
        {"msExchRpcHttpVirtualDirectory", SERVICE_RPC, true},
        {"msExchOABVirtualDirectory", SERVICE_OAB, false},
        {"msExchMobileVirtualDirectory", SERVICE_ACTIVESYNC, false},
    };
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (has_value(entry, "objectClass", classes[i].object_class))
            return &classes[i];
    }
    return NULL;
}

enum organization_kind organization_kind(const struct directory_entry *entry)
{
    /* The array's class is derived from the server's: it comes first. */
    static const struct {
        const char *object_class;
        enum organization_kind kind;
    } classes[] = {
        {"msExchClientAccessArray", ORGANIZATION_ARRAY},
        {"msExchExchangeServer", ORGANIZATION_SERVER},
        {"msExchPrivateMDB", ORGANIZATION_DATABASE},
        {"msExchOrganizationContainer", ORGANIZATION_ROOT},
        {"msExchCoexistenceRelationship", ORGANIZATION_HYBRID},
        {"msExchAcceptedDomain", ORGANIZATION_DOMAIN},
    };
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (has_value(entry, "objectClass", classes[i].object_class))
            return classes[i].kind;
    }
    if (has_value(entry, "objectClass", "serviceConnectionPoint")) {
        if (has_value(entry, "keywords", keyword_url))
            return ORGANIZATION_SCP;
        if (has_value(entry, "keywords", keyword_pointer))
            return ORGANIZATION_POINTER;
    }
    return vdir_class(entry) != NULL ? ORGANIZATION_VDIR : ORGANIZATION_OTHER;
}

/* The Exchange server whose object this one lies below. */
static const char *server_of(struct arena *arena, const struct directory_entry *entry)
{
    return dn_name_below(arena, entry->dn, "Servers");
}

const char *organization_subject(struct arena *arena, const struct directory_entry *entry)
{
    const char *name = dn_leaf(arena, entry->dn);
    const struct vdir_class *class = vdir_class(entry);
    if (class == NULL)
        return name;
    const char *server = server_of(arena, entry);
    /* "EWS (Default Web Site)"; another site may have the same ones once more. */
    const char *site = strchr(name, '(');
    bool usual = site == NULL || text_equal_nocase(site, "(Default Web Site)");
    return arena_printf(arena, "%s/%s%s%s", server != NULL ? server : "?",
        service_str(class->service), usual ? "" : " ", usual ? "" : site);
}

const char *organization_host(struct arena *arena, const char *url)
{
    char host[DNS_NAME_SIZE];
    const char *scheme = strstr(url, "://");
    const char *begin = scheme != NULL ? scheme + 3 : url;
    size_t length = strcspn(begin, ":/?#");
    if (length >= DNS_NAME_SIZE || !dns_normalize(arena_strndup(arena, begin, length), host, NULL))
        return NULL;
    return arena_strdup(arena, host);
}

static const struct directory_entry *server_named(
    const struct directory_result *servers, const char *name)
{
    struct arena scratch = {0};
    const struct directory_entry *found = NULL;
    for (size_t i = 0; name != NULL && found == NULL && i < servers->count; i++) {
        if (organization_kind(&servers->entries[i]) == ORGANIZATION_SERVER &&
            text_equal_nocase(dn_leaf(&scratch, servers->entries[i].dn), name))
            found = &servers->entries[i];
    }
    arena_done(&scratch);
    return found;
}

/* networkAddress has one value a protocol: "ncacn_ip_tcp:ex1.contoso.test". */
static const char *network_name(const struct directory_entry *server)
{
    static const char prefix[] = "ncacn_ip_tcp:";
    const struct directory_attribute *found = entry_attribute(server, "networkAddress");
    for (size_t i = 0; found != NULL && i < found->count; i++) {
        if (text_starts_nocase(found->values[i].bytes, prefix))
            return found->values[i].bytes + strlen(prefix);
    }
    return NULL;
}

/* ---- servers ---- */

/* msExchCurrentServerRoles */
static void note_roles(int64_t roles, struct check *check)
{
    static const struct {
        int64_t bit;
        const char *name;
    } names[] = {
        {1, "front end (Client Access)"},
        {2, "Mailbox"},
        {4, "Client Access"},
        {16, "Unified Messaging"},
        {32, "Hub Transport"},
        {64, "Edge Transport"},
        {16384, "Front End Transport"},
    };
    check_int(check, "server.roles", roles);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((roles & names[i].bit) != 0)
            check_add(check, "server.role_names", names[i].name);
    }
}

void judge_server(const struct directory_entry *server, struct check *check)
{
    struct arena *arena = &check->arena;
    struct build build;
    char text[64], words[80] = "of an unknown version";
    int64_t roles;
    const char *name = dn_leaf(arena, server->dn);
    const char *fqdn = network_name(server);
    const char *dot = fqdn != NULL ? strchr(fqdn, '.') : NULL;
    const char *serial = entry_text(server, "serialNumber");
    const char *site = entry_text(server, "msExchServerSite");
    check_text(check, "server.name", name);
    check_text(check, "server.fqdn", fqdn);
    check_text(check, "server.domain", dot != NULL && dot[1] != '\0' ? dot + 1 : NULL);
    check_text(check, "server.serial", serial);
    check_text(check, "server.site", site != NULL ? dn_leaf(arena, site) : NULL);
    if (entry_int(server, "msExchCurrentServerRoles", &roles))
        note_roles(roles, check);
    if (serial != NULL && build_parse_serial(serial, &build)) {
        int length = snprintf(text, sizeof text, "%d.%d.%d", build.major, build.minor, build.build);
        if (build.revision >= 0)
            snprintf(text + length, sizeof text - (size_t)length, ".%d", build.revision);
        check_text(check, "server.build", text);
        check_text(check, "server.product", build_product_str(build_product(&build)));
        build_name(&build, words, sizeof words);
    }
    check_settle(check, OUTCOME_PASS, "%s is %s (by its entry in the directory), in site %s", name,
        words, check_get_text(check, "server.site", "unknown"));
}

/* ---- service connection points ---- */

static void note_sites(
    const struct directory_entry *scp, const char *client_site, struct check *check)
{
    static const char prefix[] = "Site=";
    const struct directory_attribute *keywords = entry_attribute(scp, "keywords");
    bool ours = false;
    for (size_t i = 0; keywords != NULL && i < keywords->count; i++) {
        const char *word = keywords->values[i].bytes;
        if (!text_starts_nocase(word, prefix))
            continue;
        check_add(check, "scp.sites", word + strlen(prefix));
        ours =
            ours || (client_site != NULL && text_equal_nocase(word + strlen(prefix), client_site));
    }
    if (client_site != NULL)
        check_bool(check, "scp.site_ours", ours);
}

void judge_scp(const struct directory_entry *scp, const struct directory_result *servers,
    const char *client_site, struct check *check)
{
    struct arena *arena = &check->arena;
    const char *url = entry_text(scp, "serviceBindingInformation");
    const char *host = url != NULL ? organization_host(arena, url) : NULL;
    const char *server = server_of(arena, scp);
    bool known = server_named(servers, server) != NULL;
    check_text(check, "scp.url", url);
    check_text(check, "scp.host", host);
    check_text(check, "scp.server", server);
    note_sites(scp, client_site, check);
    if (organization_kind(scp) == ORGANIZATION_POINTER) {
        check_bool(check, "scp.pointer", true);
        check_settle(check, OUTCOME_PASS,
            "sends clients to another forest's directory, %s; that is not followed",
            url != NULL ? url : "which it does not name");
        return;
    }
    check_bool(check, "scp.known_server", known);
    if (host == NULL)
        check_settle(check, OUTCOME_WARN, "has no usable URL: %s", url != NULL ? url : "none");
    else if (!known)
        check_settle(check, OUTCOME_WARN, "%s, but no server %s is in the organisation", url,
            server != NULL ? server : "of it");
    else
        check_settle(check, OUTCOME_PASS, "sends clients of %s to %s",
            check_fact(check, "scp.sites") != NULL ? "its sites" : "any site", url);
}

/* ---- virtual directories ---- */

/* msExchInternalAuthenticationMethods, msExchExternalAuthenticationMethods: Exchange's
 * AuthenticationMethodFlags. Windows integrated authentication (16) is both of its providers. */
static void note_methods(const char *key, int64_t flags, struct check *check)
{
    static const struct {
        int64_t bits;
        const char *name;
    } methods[] = {
        {1, "Basic"},
        {2 | 16, "NTLM"},
        {16 | 512 | 4096 | 8192, "Negotiate"},
        {8, "Digest"},
        {4, "Forms"},
        {1024, "Bearer"},
        {128, "WS-Security"},
        {256, "Certificate"},
        {2048, "AD FS"},
        {32, "Live ID forms"},
        {64, "Live ID Basic"},
        {16384, "Live ID Negotiate"},
    };
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if ((flags & methods[i].bits) != 0)
            check_add(check, key, methods[i].name);
    }
}

/* A URL; Outlook Anywhere of older versions keeps a plain host name. */
static const char *note_place(const struct directory_entry *vdir, const char *attribute,
    const char *url_key, const char *host_key, struct check *check)
{
    const char *value = entry_text(vdir, attribute);
    if (value == NULL || value[0] == '\0')
        return NULL;
    if (strstr(value, "://") != NULL)
        check_text(check, url_key, value);
    check_text(check, host_key, organization_host(&check->arena, value));
    return value;
}

void judge_vdir(const struct directory_entry *vdir, struct check *check)
{
    int64_t flags;
    const struct vdir_class *class = vdir_class(vdir);
    const char *server = server_of(&check->arena, vdir);
    const char *service = class != NULL ? service_str(class->service) : "?";
    check_text(check, "vdir.server", server);
    check_text(check, "vdir.service", class != NULL ? service : NULL);
    const char *internal = note_place(
        vdir, "msExchInternalHostName", "vdir.internal_url", "vdir.internal_host", check);
    const char *external = note_place(
        vdir, "msExchExternalHostName", "vdir.external_url", "vdir.external_host", check);
    if (entry_int(vdir, "msExchInternalAuthenticationMethods", &flags)) {
        check_int(check, "vdir.auth_value", flags);
        note_methods("vdir.auth_internal", flags, check);
    }
    if (entry_int(vdir, "msExchExternalAuthenticationMethods", &flags))
        note_methods("vdir.auth_external", flags, check);
    check_settle(check, OUTCOME_PASS, "%s of %s: internally %s, externally %s", service,
        server != NULL ? server : "?", internal != NULL ? internal : "no URL",
        external != NULL ? external : "no URL");
}

/* ---- databases ---- */

/* The database's legacyExchangeDN hangs below that of the server or array that clients connect to:
 * "…/cn=Servers/cn=outlook.contoso.test/cn=Microsoft Private MDB". */
static const char *rpc_server(
    struct arena *arena, const char *legacy_dn, const struct directory_result *servers)
{
    const char *last = legacy_dn != NULL ? strrchr(legacy_dn, '/') : NULL;
    if (last == NULL || last == legacy_dn)
        return NULL;
    const char *parent = arena_strndup(arena, legacy_dn, (size_t)(last - legacy_dn));
    for (size_t i = 0; i < servers->count; i++) {
        const struct directory_entry *entry = &servers->entries[i];
        enum organization_kind kind = organization_kind(entry);
        const char *own = entry_text(entry, "legacyExchangeDN");
        if ((kind == ORGANIZATION_SERVER || kind == ORGANIZATION_ARRAY) && own != NULL &&
            text_equal_nocase(own, parent) && network_name(entry) != NULL)
            return network_name(entry);
    }
    const char *name = strrchr(parent, '=');
    return name != NULL && name[1] != '\0' ? name + 1 : NULL;
}

void judge_database(const struct directory_entry *database, const struct directory_result *servers,
    const char *home, struct check *check)
{
    struct arena *arena = &check->arena;
    const char *name = dn_leaf(arena, database->dn);
    const char *owner = entry_text(database, "msExchOwningServer");
    const char *server = owner != NULL ? dn_leaf(arena, owner) : server_of(arena, database);
    bool ours = home != NULL && text_equal_nocase(home, database->dn);
    check_text(check, "database.name", name);
    check_text(check, "database.server", server);
    check_text(check, "database.rpc_server",
        rpc_server(arena, entry_text(database, "legacyExchangeDN"), servers));
    if (home != NULL)
        check_bool(check, "database.home", ours);
    if (ours && server_named(servers, server) == NULL)
        check_settle(check, OUTCOME_WARN,
            "%s, the account's, belongs to %s, which is no server of the organisation", name,
            server != NULL ? server : "nobody");
    else
        check_settle(check, OUTCOME_PASS, "%s%s belongs to %s", name,
            ours ? ", the account's," : "", server != NULL ? server : "nobody");
}

/* ---- probes: only to name them and their facts; ldap.organization makes their checks ---- */

static const struct fact_def server_facts[] = {
    {"server.name", FACT_TEXT, "the Exchange server's name"},
    {"server.fqdn", FACT_TEXT, "its DNS name (networkAddress ncacn_ip_tcp)"},
    {"server.build", FACT_TEXT, "build by its serialNumber; security updates do not change it"},
    {"server.serial", FACT_TEXT, "serialNumber"},
    {"server.product", FACT_TEXT, "the Exchange version of that build"},
    {"server.roles", FACT_INT, "msExchCurrentServerRoles"},
    {"server.role_names", FACT_LIST, "the same in words"},
    {"server.site", FACT_TEXT, "its Active Directory site"},
    {"server.domain", FACT_TEXT, "DNS domain of its name"},
    FACT_END,
};

static const struct fact_def scp_facts[] = {
    {"scp.url", FACT_TEXT, "serviceBindingInformation: where clients of the domain are sent"},
    {"scp.host", FACT_TEXT, "the host of that URL"},
    {"scp.server", FACT_TEXT, "the Exchange server it belongs to"},
    {"scp.sites", FACT_LIST, "the sites it is for (Site= keywords); none: any"},
    {"scp.site_ours", FACT_BOOL, "this host's site is among them"},
    {"scp.known_server", FACT_BOOL, "its server is in the organisation"},
    {"scp.pointer", FACT_BOOL, "it sends clients to another forest"},
    FACT_END,
};

static const struct fact_def vdir_facts[] = {
    {"vdir.server", FACT_TEXT, "the Exchange server it is on"},
    {"vdir.service", FACT_TEXT, "ews, owa, ecp, mapi, rpc, oab, activesync, autodiscover"},
    {"vdir.internal_url", FACT_TEXT, "msExchInternalHostName, where it is a URL"},
    {"vdir.external_url", FACT_TEXT, "msExchExternalHostName, where it is a URL"},
    {"vdir.internal_host", FACT_TEXT, "the host of msExchInternalHostName"},
    {"vdir.external_host", FACT_TEXT, "the host of msExchExternalHostName"},
    {"vdir.auth_internal", FACT_LIST, "msExchInternalAuthenticationMethods in words"},
    {"vdir.auth_external", FACT_LIST, "msExchExternalAuthenticationMethods in words"},
    {"vdir.auth_value", FACT_INT, "msExchInternalAuthenticationMethods"},
    FACT_END,
};

static const struct fact_def database_facts[] = {
    {"database.name", FACT_TEXT, "the mailbox database's name"},
    {"database.server", FACT_TEXT, "msExchOwningServer"},
    {"database.home", FACT_BOOL, "the account's mailbox is in it"},
    {"database.rpc_server", FACT_TEXT, "the server or array that RPC clients are sent to"},
    FACT_END,
};

static bool applies_never(const struct endpoint *endpoint)
{
    (void)endpoint;
    return false;
}

static void run_never(struct session *session, struct check *check)
{
    (void)session;
    check_settle(check, OUTCOME_SKIPPED, "read with ldap.organization");
}

const struct probe probe_ldap_server = {
    .id = "ldap.server",
    .title = "an Exchange server in the directory",
    .layer = LAYER_PROTOCOL,
    .facts = server_facts,
    .applies = applies_never,
    .run = run_never,
};

const struct probe probe_ldap_scp = {
    .id = "ldap.scp",
    .title = "a service connection point of Autodiscover",
    .layer = LAYER_PROTOCOL,
    .facts = scp_facts,
    .applies = applies_never,
    .run = run_never,
};

const struct probe probe_ldap_vdir = {
    .id = "ldap.vdir",
    .title = "a virtual directory in the directory",
    .layer = LAYER_PROTOCOL,
    .facts = vdir_facts,
    .applies = applies_never,
    .run = run_never,
};

const struct probe probe_ldap_database = {
    .id = "ldap.database",
    .title = "a mailbox database in the directory",
    .layer = LAYER_PROTOCOL,
    .facts = database_facts,
    .applies = applies_never,
    .run = run_never,
};
