#include "report/rules.h"

#include <string.h>

#include "net/wire/text.h"

/* ---- N01 ---- */

static bool no_such_name(const struct check *check)
{
    return check_failed(check, CAUSE_NAME_NOT_FOUND) || check_failed(check, CAUSE_NAME_NO_DATA);
}

/* A place that clients derive from the mail domain; one that only the directory names is U07's. */
static bool is_derived(const struct chain *chain)
{
    unsigned directory = 1u << SOURCE_SCP | 1u << SOURCE_AD;
    return chain->endpoint.service == SERVICE_AUTODISCOVER &&
           (chain->endpoint.sources & ~directory) != 0;
}

/* NXDOMAIN alone proves an absence; a resolver that fails or is silent proves nothing. The mail
 * domain's own web site may resolve: it counts only where it answers as Autodiscover. */
static void when_no_autodiscover(struct scan *scan)
{
    const struct survey *survey = scan->survey;
    bool missing = false;
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        if (chain->endpoint.service != SERVICE_AUTODISCOVER)
            continue;
        const struct check *name = chain_cell(chain, LAYER_DNS);
        if (!is_derived(chain) && no_such_name(name))
            continue;
        bool itself = strcmp(chain->endpoint.host, survey->target.domain) == 0;
        if (check_is_good(chain_cell(chain, LAYER_HTTP)) || (check_is_good(name) && !itself))
            return;
        if (check_is_bad(name) && !no_such_name(name) && !itself)
            return;
        missing |= no_such_name(name);
    }
    if (!missing)
        return;
    struct match *match = scan_match(scan, "", "");
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        const struct check *name = chain_cell(chain, LAYER_DNS);
        if (!is_derived(chain) || !no_such_name(name))
            continue;
        /* "_autodiscover._tcp.contoso.test" is the least likely of the names to be repaired */
        if (match->check_count == 0 || chain->endpoint.host[0] != '_')
            match->component = arena_printf(scan->arena, "name %s", chain->endpoint.host);
        match_cite(scan, match, chain, name);
    }
    for (const struct lookup *at = survey->lookups; at != NULL; at = at->next) {
        if (strcmp(at->type, "SRV") == 0 && at->count == 0 && at->rcode >= 0 &&
            text_starts_nocase(at->name, "_autodiscover._tcp."))
            match_say(scan, match, "no SRV record %s (rcode %d from %s)", at->name, at->rcode,
                at->resolver);
    }
}

/* ---- N05 ---- */

/* The names by which a domain's controllers are found. */
static bool is_locator(const struct chain *chain)
{
    enum service service = chain->endpoint.service;
    return (service == SERVICE_LDAP || service == SERVICE_GC || service == SERVICE_KERBEROS) &&
           chain->endpoint.host[0] == '_';
}

/* "_gc._tcp.Berlin._sites.contoso.test": what is asked besides, for the controllers of a site. */
static const char *site_part(const char *locator)
{
    return text_find_nocase(locator, "._sites.");
}

/* "contoso.test" of "_ldap._tcp.dc._msdcs.contoso.test" */
static const char *domain_of(const char *locator)
{
    const char *at = locator;
    while (*at == '_' || text_starts_nocase(at, "dc._msdcs.")) {
        const char *dot = strchr(at, '.');
        if (dot == NULL)
            break;
        at = dot + 1;
    }
    return at;
}

/* A resolver that knows the domain's address, but not its controllers, is not the AD's. */
static void say_resolver(struct scan *scan, struct match *match, const char *domain)
{
    for (const struct lookup *at = scan->survey->lookups; at != NULL; at = at->next) {
        if (at->count > 0 && strcmp(at->type, "A") == 0 && text_equal_nocase(at->name, domain))
            match_say(scan, match,
                "the resolver %s knows %s (%s), but none of the records that domain controllers "
                "register",
                at->resolver, domain, at->records[0]);
    }
}

static void when_no_locator(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *name = chain_cell(chain, LAYER_DNS);
        if (!is_locator(chain) || site_part(chain->endpoint.host) != NULL || !no_such_name(name))
            continue;
        const char *domain = domain_of(chain->endpoint.host);
        struct match *match = scan_match(
            scan, domain, arena_printf(scan->arena, "SRV records of the domain %s", domain));
        match_cite(scan, match, chain, name);
        say_resolver(scan, match, domain);
    }
}

/* The site's own records of a domain that has none at all. */
static bool locator_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    const struct chain *chain = survey_chain_of(survey, check);
    return is_locator(chain) && no_such_name(check) && site_part(chain->endpoint.host) != NULL &&
           text_ends_nocase(chain->endpoint.host, match->key);
}

/* ---- N06 ---- */

/* The entry of a list of texts that begins with this, then ends or goes on behind a blank. */
static bool lists_name(const struct check *check, const char *key, const char *name)
{
    const struct fact *fact = check_fact(check, key);
    for (size_t i = 0; fact != NULL && fact->type == FACT_LIST && i < fact->count; i++) {
        size_t length = strlen(name);
        if (text_starts_nocase(fact->list[i], name) &&
            (fact->list[i][length] == '\0' || fact->list[i][length] == ' '))
            return true;
    }
    return false;
}

static bool some_resolver_lists(const struct survey *survey, const char *key, const char *name)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        const struct check *resolver = chain_check(chain, "dns.resolver");
        if (check_is_good(resolver) && lists_name(resolver, key, name))
            return true;
    }
    return false;
}

/* dns.missing has the names whose question failed, too: those prove nothing. */
static bool is_denied(const struct survey *survey, const char *name)
{
    bool asked = false;
    for (const struct lookup *at = survey->lookups; at != NULL; at = at->next) {
        if (!text_equal_nocase(at->name, name) || strcmp(at->type, "SRV") != 0)
            continue;
        if (at->count == 0 && (at->rcode == 0 || at->rcode == 3))
            return true;
        asked = true;
    }
    return !asked;
}

/* No resolver has the site's record, and one of them has the forest's: some GC exists. */
static bool lacks_site_gc(struct scan *scan, const char *name)
{
    const struct survey *survey = scan->survey;
    const char *sites = site_part(name);
    if (!text_starts_nocase(name, "_gc._tcp.") || sites == NULL)
        return false;
    const char *forest = arena_printf(scan->arena, "_gc._tcp.%s", sites + strlen("._sites."));
    return is_denied(survey, name) && !some_resolver_lists(survey, "dns.srv", name) &&
           some_resolver_lists(survey, "dns.srv", forest);
}

static void find_site_without_gc(struct scan *scan, const struct chain *chain)
{
    const struct check *resolver = chain_check(chain, "dns.resolver");
    const struct fact *missing =
        check_is_good(resolver) ? check_fact(resolver, "dns.missing") : NULL;
    for (size_t i = 0; missing != NULL && missing->type == FACT_LIST && i < missing->count; i++) {
        const char *name = missing->list[i];
        if (!lacks_site_gc(scan, name))
            continue;
        const char *site = name + strlen("_gc._tcp.");
        struct match *match = scan_match_list(scan, "global catalogue",
            arena_printf(scan->arena, "of the site %.*s", (int)(site_part(name) - site), site));
        match_cite(scan, match, chain, resolver);
        match_say(scan, match, "no SRV record %s, while the forest's %s exists", name,
            arena_printf(scan->arena, "_gc._tcp.%s", site_part(name) + strlen("._sites.")));
    }
}

static bool same_host(const struct chain *a, const struct chain *b)
{
    return strcmp(a->endpoint.host, b->endpoint.host) == 0;
}

/* The controller is up: its LDAP speaks. */
static bool controller_speaks(const struct survey *survey, const struct chain *gc)
{
    for (const struct chain *at = survey->chains; at != NULL; at = at->next) {
        if (at->endpoint.service == SERVICE_LDAP && same_host(at, gc) &&
            check_is_good(chain_cell(at, LAYER_HTTP)))
            return true;
    }
    return false;
}

/* The same port answers at another address of the controller (N04), or 3268 does: clients that fail
 * at 3269 alone want TLS, which is the certificate's matter. */
static bool gc_answers_elsewhere(const struct survey *survey, const struct chain *gc)
{
    for (const struct chain *at = survey->chains; at != NULL; at = at->next) {
        if (at != gc && at->endpoint.service == SERVICE_GC && same_host(at, gc) &&
            check_is_good(chain_cell(at, LAYER_HTTP)) &&
            (at->endpoint.port == gc->endpoint.port || gc->endpoint.port == 3269))
            return true;
    }
    return false;
}

static void find_dead_gc(struct scan *scan, const struct chain *chain)
{
    const struct check *connect = chain_cell(chain, LAYER_TCP);
    const struct check *root = chain_cell(chain, LAYER_HTTP);
    bool refused = connect != NULL && connect->outcome == OUTCOME_FAIL &&
                   connect->fault.cause == CAUSE_REFUSED &&
                   !gc_answers_elsewhere(scan->survey, chain);
    bool unready = check_is_good(root) && !check_get_bool(root, "ldap.gc_ready", true);
    if (chain->endpoint.service != SERVICE_GC || (!refused && !unready) ||
        !controller_speaks(scan->survey, chain))
        return;
    const char *host = chain->endpoint.host;
    struct match *match =
        scan_match_list(scan, "global catalogue", arena_printf(scan->arena, "at %s", host));
    match_cite(scan, match, chain, refused ? connect : root);
    if (refused)
        match_say(
            scan, match, "LDAP answers at %s: the controller is up, but no global catalogue", host);
    else
        match_say(scan, match, "%s says isGlobalCatalogReady FALSE on port %u", host,
            (unsigned)chain->endpoint.port);
}

/* The directory itself has controllers, and none of them is one. */
static void find_forest_without_gc(struct scan *scan, const struct chain *chain)
{
    const struct check *controllers = chain_check(chain, "ldap.controllers");
    const struct fact *gcs = check_fact(controllers, "dc.gcs");
    if (!check_is_bad(controllers) || check_fact(controllers, "dc.hosts") == NULL ||
        (gcs != NULL && gcs->count > 0))
        return;
    match_cite(scan, scan_match(scan, "", "global catalogue of the forest"), chain, controllers);
}

static void when_no_gc(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        find_site_without_gc(scan, chain);
        find_dead_gc(scan, chain);
        const struct check *name = chain_cell(chain, LAYER_DNS);
        const char *host = chain->endpoint.host;
        /* the row of the site's record itself, where no GC answers that would excuse it */
        if (chain->endpoint.service == SERVICE_GC && no_such_name(name) &&
            lacks_site_gc(scan, host))
            match_cite(scan,
                scan_match_list(scan, "global catalogue",
                    arena_printf(scan->arena, "of the site %.*s",
                        (int)(site_part(host) - host) - (int)strlen("_gc._tcp."),
                        host + strlen("_gc._tcp."))),
                chain, name);
    }
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next)
        find_forest_without_gc(scan, chain);
}

/* ---- N04 and N08 ---- */

static bool connect_failed(const struct check *check)
{
    return check != NULL && check->outcome == OUTCOME_FAIL &&
           (check->fault.cause == CAUSE_TIMEOUT || check->fault.cause == CAUSE_REFUSED ||
               check->fault.cause == CAUSE_UNREACHABLE || check->fault.cause == CAUSE_RESET);
}

static bool same_address(const struct endpoint *a, const struct endpoint *b)
{
    return a->address != NULL && b->address != NULL && strcmp(a->address, b->address) == 0;
}

/* As the probe saw it: in a redacted survey the address is a word. */
static bool is_ipv6(const struct chain *chain)
{
    const struct check *connect = chain_cell(chain, LAYER_TCP);
    return connect != NULL && check_get_bool(connect, "tcp.ipv6", false);
}

/* The path is missing, not one server: no IPv6 address of the name answers, an IPv4 one does. A
 * refusal would be the server's own answer over IPv6. */
static bool lacks_ipv6_path(const struct survey *survey, const struct chain *dead)
{
    const struct check *connect = chain_cell(dead, LAYER_TCP);
    bool ipv4 = false;
    if (!is_ipv6(dead) || !connect_failed(connect) ||
        (connect->fault.cause != CAUSE_TIMEOUT && connect->fault.cause != CAUSE_UNREACHABLE))
        return false;
    for (const struct chain *at = survey->chains; at != NULL; at = at->next) {
        if (strcmp(at->endpoint.host, dead->endpoint.host) != 0 ||
            !check_is_good(chain_cell(at, LAYER_TCP)))
            continue;
        if (is_ipv6(at))
            return false;
        ipv4 = true;
    }
    return ipv4;
}

static void when_no_ipv6(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const char *host = chain->endpoint.host;
        if (!lacks_ipv6_path(scan->survey, chain))
            continue;
        struct match *match = scan_match(scan, chain->endpoint.address, "");
        if (*match->component == '\0')
            match->component =
                arena_printf(scan->arena, "IPv6 address %s of %s", chain->endpoint.address, host);
        else if (strstr(match->component, host) == NULL)
            match->component = arena_printf(scan->arena, "%s, %s", match->component, host);
        match_cite(scan, match, chain, chain_cell(chain, LAYER_TCP));
        match_say(scan, match, "over IPv4 %s answers", host);
    }
}

/* The dead one is dead on every port we tried; another address of the name serves the same. */
static bool is_stale_address(const struct survey *survey, const struct chain *dead)
{
    bool sibling = false;
    for (const struct chain *at = survey->chains; at != NULL; at = at->next) {
        const struct check *connect = chain_cell(at, LAYER_TCP);
        if (!check_is_good(connect))
            continue;
        if (same_address(&at->endpoint, &dead->endpoint))
            return false;
        sibling |= at->endpoint.service == dead->endpoint.service &&
                   strcmp(at->endpoint.host, dead->endpoint.host) == 0 &&
                   at->endpoint.port == dead->endpoint.port;
    }
    return sibling;
}

static void when_stale_address(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *connect = chain_cell(chain, LAYER_TCP);
        if (!connect_failed(connect) || chain->endpoint.address == NULL ||
            !is_stale_address(scan->survey, chain) || lacks_ipv6_path(scan->survey, chain))
            continue;
        struct match *match = scan_match(scan, chain->endpoint.address,
            arena_printf(
                scan->arena, "address %s of %s", chain->endpoint.address, chain->endpoint.host));
        match_cite(scan, match, chain, connect);
    }
}

/* Rows of the same address whose name has no living sibling. */
static bool stale_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    if (check->layer != LAYER_TCP || !connect_failed(check))
        return false;
    const struct chain *chain = survey_chain_of(survey, check);
    return chain->endpoint.address != NULL && strcmp(chain->endpoint.address, match->key) == 0;
}

const struct rule rules_name[] = {
    {
        .id = "N01",
        .layer = LAYER_DNS,
        .title = "No Autodiscover record exists for the mail domain",
        .severity = SEVERITY_FAIL,
        .when = when_no_autodiscover,
        .cause =
            "Clients derive the place of Autodiscover from the mail domain: the domain itself, "
            "autodiscover.DOMAIN, and the SRV record _autodiscover._tcp.DOMAIN. None of them "
            "exists for the resolver that was asked, and no other source named one.",
        .looks_like =
            "DNS answers NXDOMAIN (or no data of that type) for autodiscover.DOMAIN and "
            "_autodiscover._tcp.DOMAIN. SERVFAIL, REFUSED or silence is another fault: the "
            "resolver, not the record.",
        .fix =
            {"Create an A record (or a CNAME to the mail host) autodiscover.{domain} in the zone "
             "that these clients ask.",
                "Where split DNS is in use, create it in the internal zone, too.",
                "Check: dig autodiscover.{domain} A; dig _autodiscover._tcp.{domain} SRV"},
        .references = {"[MS-OXDISCO] 3.1.5.1: where clients look for Autodiscover"},
    },
    {
        .id = "N04",
        .layer = LAYER_TCP,
        .title = "One address of the name is dead while another one answers",
        .severity = SEVERITY_WARN,
        .when = when_stale_address,
        .explains = stale_explains,
        .cause =
            "The name has several addresses and clients pick one of them. One leads to a server "
            "that is gone or switched off, so that access fails now and then.",
        .looks_like =
            "The same port of the same name: one address refuses the connection, resets it "
            "or never answers the SYN, another one completes it.",
        .fix = {"Remove the A/AAAA record of the dead address, or bring that server back.",
            "Behind a load balancer: take the node out of the pool and check its monitor."},
        .references = {"Microsoft: Load balancing in Exchange Server"},
    },
    {
        .id = "N05",
        .layer = LAYER_DNS,
        .title = "The resolver does not know the domain's controllers",
        .severity = SEVERITY_FAIL,
        .when = when_no_locator,
        .explains = locator_explains,
        .cause =
            "Domain controllers, KDCs and global catalogues are found by SRV records, which they "
            "register themselves in Active Directory's own DNS. The resolver asked says that there "
            "are none: mostly it is the Internet's or the router's, or the zone was copied by hand "
            "without them. Kerberos, LDAP and the address book do not work from here.",
        .looks_like =
            "NXDOMAIN (or no data) for _ldap._tcp.dc._msdcs.DOMAIN, _kerberos._tcp.DOMAIN or "
            "_gc._tcp.DOMAIN, while A records of the same domain are answered. SERVFAIL or silence "
            "is the resolver's own trouble.",
        .fix = {"Let this host ask the domain controllers' DNS: set it as resolver, or forward the "
                "zone {domain} and _msdcs.{domain} to it. Test: exreach --dns ADDRESS-OF-A-DC "
                "{address}",
            "If that DNS lacks them, too: on a domain controller nltest /dsregdns, or restart "
            "Netlogon; check dcdiag /test:dns.",
            "To go on without: --dc NAME-OF-A-DC"},
        .references = {"[MS-ADTS] 6.3.2.3 SRV records registered by a DC", "RFC 2782 SRV records"},
    },
    {
        .id = "N06",
        .layer = LAYER_TCP,
        .title = "No global catalogue is there where clients look for it",
        .severity = SEVERITY_WARN,
        .when = when_no_gc,
        .cause =
            "Address lists and recipients are looked up in a global catalogue, a domain controller "
            "that knows the whole forest. Either the site of this host has none (its SRV record is "
            "missing), or a controller that is named as one does not serve its ports, or has not "
            "finished building its copy. Clients then cross to another site, or find nobody.",
        .looks_like =
            "_gc._tcp.SITE._sites.FOREST is missing while _gc._tcp.FOREST exists; or port 3268 "
            "refuses while 389 of the same host answers; or its rootDSE says isGlobalCatalogReady "
            "FALSE. Silence on 3268 would be a firewall, a missing _gc._tcp.FOREST the resolver.",
        .fix = {"See who is one: Get-ADDomainController -Filter * | Format-Table "
                "HostName,Site,IsGlobalCatalog; nltest /dsgetdc:{domain} /GC",
            "Make a controller of the site one: Active Directory Sites and Services, NTDS Settings "
            "of the server, Global Catalog; then wait for event 1119.",
            "If it is one: on it nltest /dsregdns, or restart Netlogon, and check that the subnet "
            "of this host belongs to the site it should."},
        .references = {"[MS-ADTS] 6.3.2.3 SRV records registered by a DC",
            "[MS-ADTS] 3.1.1.3.2 rootDSE attributes, isGlobalCatalogReady"},
    },
    {
        .id = "N08",
        .layer = LAYER_TCP,
        .title = "The name has an IPv6 address that cannot be reached",
        .severity = SEVERITY_WARN,
        .when = when_no_ipv6,
        .explains = stale_explains,
        .cause =
            "DNS publishes an AAAA record, and no connection comes about over IPv6; over IPv4 the "
            "same name answers. Clients with IPv6 try that address first: some wait until it times "
            "out before every connection, some never fall back.",
        .looks_like =
            "SYN to the IPv6 address without an answer, or no route to it; the IPv4 address of the "
            "same name completes the handshake. A refusal (RST) would show that the path exists "
            "and nothing listens on it.",
        .fix = {"Remove the AAAA record of {host}, if the service is not meant to speak IPv6.",
            "Else open the path: routing, the firewall's IPv6 rules for port 443, and a listener "
            "on the load balancer's IPv6 address.",
            "See it by hand: curl -6 -v https://{host}/ against curl -4 -v https://{host}/"},
        .references = {"RFC 6724 default address selection", "RFC 8305 happy eyeballs"},
    },
};

RULES_COUNT(rules_name);
