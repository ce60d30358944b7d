#include "probes/ldap.h"

#include <stdio.h>
#include <string.h>

#include "net/wire/netlogon.h"
#include "net/wire/text.h"
#include "probes/run.h"

static bool directory_applies(const struct endpoint *endpoint)
{
    return endpoint_is_directory(endpoint);
}

static const struct fact_def rootdse_facts[] = {
    {"ldap.dns_host", FACT_TEXT, "dnsHostName of the domain controller"},
    {"node", FACT_TEXT, "the same, for comparing rows"},
    {"ldap.naming_context", FACT_TEXT, "defaultNamingContext"},
    {"ldap.config_context", FACT_TEXT, "configurationNamingContext"},
    {"ldap.site", FACT_TEXT, "serverName: the DC's object, which names its site"},
    {"ldap.gc_ready", FACT_BOOL, "isGlobalCatalogReady"},
    {"ldap.time", FACT_TEXT, "currentTime of the server"},
    {"clock.skew_s", FACT_INT, "the server's clock minus ours, in seconds"},
    {"ldap.sasl", FACT_LIST, "supportedSASLMechanisms"},
    {"ldap.functional_level", FACT_INT, "domainControllerFunctionality"},
    {"ldap.forest", FACT_TEXT, "DNS name of the forest's root domain"},
    {"ldap.realm", FACT_TEXT, "the Kerberos realm, of ldapServiceName"},
    {"ldap.dc_site", FACT_TEXT, "the site the domain controller is in"},
    {"ldap.client_site", FACT_TEXT, "the site it takes this host to be in, by its subnet"},
    FACT_END,
};

/* GeneralizedTime "20261122120000.0Z" to RFC 3339. */
static bool parse_time(
    struct arena *arena, const char *text, const char **ret_rfc3339, int64_t *ret_seconds)
{
    if (text == NULL || strspn(text, "0123456789") < 14)
        return false;
    char *coded = arena_printf(arena, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", text, text + 4, text + 6,
        text + 8, text + 10, text + 12);
    *ret_rfc3339 = coded;
    return rfc3339_parse(coded, ret_seconds);
}

/* "DC=emea,DC=contoso,DC=test" to "emea.contoso.test"; NULL: other components. RFC 4514; a DC's
 * value is a host name, so that no escapes occur. */
static const char *dns_of_dn(struct arena *arena, const char *dn)
{
    if (dn == NULL)
        return NULL;
    size_t size = strlen(dn) + 1, used = 0;
    char *name = arena_alloc(arena, size);
    for (const char *at = dn; text_starts_nocase(at, "DC=");) {
        at += 3;
        size_t length = strcspn(at, ",\\");
        if (used > 0)
            name[used++] = '.';
        memcpy(name + used, at, length);
        used += length;
        at += length;
        if (*at == '\0') {
            name[used] = '\0';
            return name;
        }
        at += *at == ',';
    }
    return NULL;
}

/* Whose clients it serves, for choosing realm and site. ldapServiceName: "forest:host$@REALM"
 * ([MS-ADTS] 3.1.1.3.2.8). */
static void note_places(const struct directory_entry *root, struct check *check)
{
    const char *service = entry_text(root, "ldapServiceName");
    const char *realm = service != NULL ? strrchr(service, '@') : NULL;
    check_text(check, "ldap.forest",
        dns_of_dn(&check->arena, entry_text(root, "rootDomainNamingContext")));
    check_text(check, "ldap.realm", realm != NULL && realm[1] != '\0' ? realm + 1 : NULL);
}

void judge_site(const struct netlogon_answer *answer, struct check *check)
{
    check_text(check, "ldap.dc_site", answer->dc_site[0] != '\0' ? answer->dc_site : NULL);
    check_text(
        check, "ldap.client_site", answer->client_site[0] != '\0' ? answer->client_site : NULL);
}

void judge_rootdse(const struct directory_entry *root, const struct endpoint *endpoint, int64_t now,
    struct check *check)
{
    struct fault fault;
    const char *time_text;
    int64_t server, level;
    const char *gc = entry_text(root, "isGlobalCatalogReady");
    const struct directory_attribute *sasl = entry_attribute(root, "supportedSASLMechanisms");
    check_text(check, "ldap.dns_host", entry_text(root, "dnsHostName"));
    check_text(check, "node", entry_text(root, "dnsHostName"));
    check_text(check, "ldap.naming_context", entry_text(root, "defaultNamingContext"));
    check_text(check, "ldap.config_context", entry_text(root, "configurationNamingContext"));
    check_text(check, "ldap.site", entry_text(root, "serverName"));
    if (entry_int(root, "domainControllerFunctionality", &level))
        check_int(check, "ldap.functional_level", level);
    note_places(root, check);
    for (size_t i = 0; sasl != NULL && i < sasl->count; i++)
        check_add(check, "ldap.sasl", sasl->values[i].bytes);
    if (gc != NULL)
        check_bool(check, "ldap.gc_ready", text_equal_nocase(gc, "TRUE"));
    if (parse_time(&check->arena, entry_text(root, "currentTime"), &time_text, &server)) {
        check_text(check, "ldap.time", time_text);
        check_int(check, "clock.skew_s", server - now);
    }
    if (endpoint->service == SERVICE_GC && gc != NULL && !text_equal_nocase(gc, "TRUE")) {
        fault_set(&fault, CAUSE_NO_OBJECT, ORIGIN_LDAP, 0,
            "the port answers but isGlobalCatalogReady is %s: this Global Catalog is not usable",
            gc);
        check_fail(check, &fault);
        return;
    }
    if (check_fact(check, "ldap.naming_context") == NULL) {
        check_settle(
            check, OUTCOME_WARN, "an LDAP server, but its rootDSE is not Active Directory's");
        return;
    }
    check_settle(check, OUTCOME_PASS, "%s speaks LDAP for %s",
        check_get_text(check, "ldap.dns_host", "the server"),
        check_get_text(check, "ldap.naming_context", "no domain"));
    warn_of_skew(check, "its");
}

/* LDAP ping ([MS-ADTS] 6.3.3): where the DC takes us to be. Clients ask by UDP; over TCP, where it
 * passes every firewall that let us in, the DC answers as well. No answer costs the row nothing. */
static void ask_site(struct session *session, const char *domain, struct check *check)
{
    enum { PATIENCE_MS = 1000 };
    static const char *const attributes[] = {"netlogon", NULL};
    struct arena *arena = &session->arena;
    const struct directory_search search = {
        .base = "",
        .scope = DIRECTORY_BASE,
        /* NtVer: NETLOGON_NT_VERSION_5 | NETLOGON_NT_VERSION_5EX (6.3.1.1). */
        .filter = arena_printf(
            arena, "(&(DnsDomain=%s)(NtVer=\\06\\00\\00\\00))", directory_escape(arena, domain)),
        .attributes = attributes,
        .max = 1,
    };
    struct net_limit limit = session_limit(session);
    limit.deadline = deadline_earlier(limit.deadline, deadline_in_ms(PATIENCE_MS));
    struct directory_result found;
    struct netlogon_answer answer;
    struct fault fault;
    bool ok = directory_search(session->directory, &search, limit, &session->arena, &found, &fault);
    const struct directory_attribute *netlogon =
        ok && found.count > 0 ? entry_attribute(&found.entries[0], "netlogon") : NULL;
    if (netlogon == NULL || netlogon->count == 0 ||
        !netlogon_read(netlogon->values[0].bytes, netlogon->values[0].length, &answer)) {
        session_trace(session, '*', "LDAP ping: %s", ok ? "no answer that we know" : fault.text);
        return;
    }
    /* Nobody has proved anything yet: an answer about another domain would only lead us there. */
    if (answer.domain[0] != '\0' && !text_equal_nocase(answer.domain, domain)) {
        session_trace(session, '*', "LDAP ping: the answer is about another domain");
        return;
    }
    judge_site(&answer, check);
    const char *forest = check_get_text(check, "ldap.forest", domain);
    run_learn_site(
        session, domain, forest, answer.client_site[0] != '\0' ? answer.client_site : NULL);
}

static void rootdse_run(struct session *session, struct check *check)
{
    static const char *const attributes[] = {"dnsHostName", "defaultNamingContext",
        "configurationNamingContext", "isGlobalCatalogReady", "currentTime", "serverName",
        "supportedSASLMechanisms", "domainControllerFunctionality", "rootDomainNamingContext",
        "ldapServiceName", NULL};
    const struct directory_search search = {
        .base = "", .scope = DIRECTORY_BASE, .filter = "(objectClass=*)", .attributes = attributes};
    struct directory_result found;
    struct fault fault;
    net_sock sock = session->sock;
    struct tls_conn *tls = session->tls;
    session->sock = NET_SOCK_NONE;
    session->tls = NULL;
    if (!directory_open(sock, tls, &session->directory, &fault) ||
        !directory_search(
            session->directory, &search, session_limit(session), &session->arena, &found, &fault)) {
        check_fail(check, &fault);
        return;
    }
    if (found.count == 0) {
        fault_set(&fault, CAUSE_NO_OBJECT, ORIGIN_LDAP, 0, "the server shows no rootDSE");
        check_fail(check, &fault);
        return;
    }
    judge_rootdse(&found.entries[0], &session->endpoint, clock_wall_us() / 1000000, check);
    /* On a GC an empty base is the whole forest; elsewhere the search stays in the domain. */
    const char *context = entry_text(&found.entries[0], "defaultNamingContext");
    session->naming_context =
        session->endpoint.service == SERVICE_GC || context == NULL ? "" : context;
    session->config_context = entry_text(&found.entries[0], "configurationNamingContext");
    session_trace(session, '*', "rootDSE: %s", check->summary);
    const char *domain = dns_of_dn(&session->arena, context);
    session->skew_s = check_get_int(check, "clock.skew_s", 0);
    session->realm = check_get_text(check, "ldap.realm", NULL);
    if (session->realm != NULL)
        run_learn_realm(session, session->realm);
    if (check->outcome != OUTCOME_FAIL && domain != NULL)
        ask_site(session, domain, check);
    session->client_site = check_get_text(check, "ldap.client_site", NULL);
    session->dc_site = check_get_text(check, "ldap.dc_site", NULL);
}

const struct probe probe_ldap_rootdse = {
    .id = "ldap.rootdse",
    .title = "the server speaks LDAP",
    .layer = LAYER_HTTP,
    .facts = rootdse_facts,
    .applies = directory_applies,
    .run = rootdse_run,
};
