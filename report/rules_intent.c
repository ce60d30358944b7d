#include "report/rules.h"

#include <string.h>

#include "net/wire/text.h"

/* The names that the directory gives to clients: virtual directories and connection points. */

static bool is_front_end(const struct endpoint *endpoint)
{
    return endpoint->service >= SERVICE_AUTODISCOVER;
}

static bool no_such_name(const struct check *check)
{
    return check_failed(check, CAUSE_NAME_NOT_FOUND) || check_failed(check, CAUSE_NAME_NO_DATA);
}

/* Whose object it is: "EX1", "EX1/ews". */
static const char *object_of(const struct check *check)
{
    return check->subject != NULL ? check->subject : "a server";
}

static bool is_object(const struct check *check, const char *probe)
{
    return strcmp(check->probe, probe) == 0 && check_is_good(check);
}

static bool names_host(const char *host, const struct check *vdir, const char *key)
{
    const char *named = check_get_text(vdir, key, NULL);
    return named != NULL && text_equal_nocase(named, host);
}

static bool vdir_names_host(const struct check *check, const char *host)
{
    return is_object(check, "ldap.vdir") && (names_host(host, check, "vdir.internal_host") ||
                                                names_host(host, check, "vdir.external_host"));
}

static bool any_vdir_names_host(const struct survey *survey, const char *host)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (vdir_names_host(at, host))
                return true;
        }
    }
    return false;
}

/* "the internal URL of EX1/ews, EX2/ews names it, https://server.local/EWS/Exchange.asmx first" */
static void say_vdirs(struct scan *scan, struct match *match, const char *host, bool internal)
{
    const char *host_key = internal ? "vdir.internal_host" : "vdir.external_host";
    const char *url_key = internal ? "vdir.internal_url" : "vdir.external_url";
    const char *list = "", *first = NULL;
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (!is_object(at, "ldap.vdir") || !names_host(host, at, host_key))
                continue;
            if (first == NULL)
                match_cite(scan, match, chain, at);
            first = first == NULL ? check_get_text(at, url_key, host) : first;
            list =
                arena_printf(scan->arena, "%s%s%s", list, *list != '\0' ? ", " : "", object_of(at));
        }
    }
    if (first != NULL)
        match_say(scan, match, "it is in the %s URL of %s: %s first",
            internal ? "internal" : "external", list, first);
}

static bool is_url_of(const char *line, const char *host)
{
    const char *place = text_find_nocase(line, "://");
    return place != NULL && text_starts_nocase(place + 3, host) &&
           strchr(":/?", place[3 + strlen(host)]) != NULL;
}

/* "EXCH internal EwsUrl https://server.local/EWS/Exchange.asmx" */
static void say_autodiscover(
    struct scan *scan, struct match *match, const struct check *check, const char *host)
{
    const struct fact *urls = check_is_good(check) ? check_fact(check, "autodiscover.urls") : NULL;
    const char *first = NULL;
    size_t count = 0;
    for (size_t i = 0; urls != NULL && urls->type == FACT_LIST && i < urls->count; i++) {
        if (!is_url_of(urls->list[i], host))
            continue;
        first = first == NULL ? urls->list[i] : first;
        count++;
    }
    if (count > 0)
        match_say(scan, match, "Autodiscover names it in %zu URL%s: %s first", count,
            count == 1 ? "" : "s", first);
}

static void say_who_names(struct scan *scan, struct match *match, const char *host)
{
    say_vdirs(scan, match, host, true);
    say_vdirs(scan, match, host, false);
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            say_autodiscover(scan, match, at, host);
            if (is_object(at, "ldap.scp") && names_host(host, at, "scp.host"))
                match_say(
                    scan, match, "the service connection point of %s names it, too", object_of(at));
        }
    }
}

static void when_unknown_url(struct scan *scan)
{
    const unsigned told = 1u << SOURCE_AD | 1u << SOURCE_AUTODISCOVER, scp = 1u << SOURCE_SCP;
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct endpoint *endpoint = &chain->endpoint;
        const struct check *name = chain_cell(chain, LAYER_DNS);
        bool named =
            (endpoint->sources & told) != 0 ||
            ((endpoint->sources & scp) != 0 && any_vdir_names_host(scan->survey, endpoint->host));
        /* what clients derive from the domain is N01's */
        bool derived = endpoint->service == SERVICE_AUTODISCOVER &&
                       (endpoint->sources & (1u << SOURCE_DNS)) != 0;
        if (!is_front_end(endpoint) || !no_such_name(name) || !named || derived)
            continue;
        struct match *match = scan_match_list(scan, "name", endpoint->host);
        match_cite(scan, match, chain, name);
        say_who_names(scan, match, endpoint->host);
    }
}

/* ---- U07 ---- */

/* The row that the SCP made, whose name does not exist; NULL: there is none. */
static const struct chain *dead_place(const struct survey *survey, const char *host)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        if (chain->endpoint.service == SERVICE_AUTODISCOVER &&
            (chain->endpoint.sources & (1u << SOURCE_SCP)) != 0 &&
            text_equal_nocase(chain->endpoint.host, host) &&
            no_such_name(chain_cell(chain, LAYER_DNS)))
            return chain;
    }
    return NULL;
}

/* The name is missing for everybody (N01): the SCP is right as soon as it exists. */
static void follow_from_name(struct scan *scan, const struct check *scp, const struct check *name)
{
    for (struct match *match = scan->matches; match != NULL; match = match->next) {
        if (strcmp(match->rule->id, "N01") != 0 || !match_cites(match, name))
            continue;
        match_explain(scan, match, scp);
        match_explain(scan, match, name);
    }
}

static void when_stale_scp(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (!is_object(at, "ldap.scp"))
                continue;
            const char *host = check_get_text(at, "scp.host", "");
            const struct chain *dead = dead_place(scan->survey, host);
            bool unknown = !check_get_bool(at, "scp.known_server", true);
            /* a name that virtual directories have, too, is N09's */
            bool useless = *host == '\0' && at->outcome == OUTCOME_WARN;
            if (!unknown && !useless && (dead == NULL || any_vdir_names_host(scan->survey, host)))
                continue;
            struct match *match =
                scan_match_list(scan, "service connection point of", object_of(at));
            match_cite(scan, match, chain, at);
            match_say(scan, match, "the service connection point of %s names %s", object_of(at),
                check_get_text(at, "scp.url", *host != '\0' ? host : "nothing"));
            if (unknown)
                match_say(scan, match, "%s is not among the organisation's Exchange servers",
                    check_get_text(at, "scp.server", object_of(at)));
            if (dead != NULL)
                match_cite(scan, match, dead, chain_cell(dead, LAYER_DNS));
            if (dead != NULL && !unknown)
                follow_from_name(scan, at, chain_cell(dead, LAYER_DNS));
        }
    }
}

/* One of the SCPs of this host is not stale. */
static bool is_good_place(const struct survey *survey, const struct match *match, const char *host)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (is_object(at, "ldap.scp") && names_host(host, at, "scp.host") &&
                !match_cites(match, at))
                return true;
        }
    }
    return false;
}

/* Nobody but stale SCPs names the place: that it does not work follows. */
static bool scp_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    const struct endpoint *endpoint = &survey_chain_of(survey, check)->endpoint;
    if (endpoint->service != SERVICE_AUTODISCOVER || endpoint->sources != 1u << SOURCE_SCP ||
        check->outcome == OUTCOME_SKIPPED || is_good_place(survey, match, endpoint->host))
        return false;
    for (size_t i = 0; i < match->check_count; i++) {
        if (is_object(match->checks[i], "ldap.scp") &&
            names_host(endpoint->host, match->checks[i], "scp.host"))
            return true;
    }
    return false;
}

/* ---- U08 ---- */

static const char *client_site(const struct survey *survey)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        const struct check *root = chain_check(chain, "ldap.rootdse");
        const char *site =
            check_is_good(root) ? check_get_text(root, "ldap.client_site", NULL) : NULL;
        if (site != NULL && *site != '\0')
            return site;
    }
    return NULL;
}

/* One with a URL; others point to another forest. */
static bool is_local_scp(const struct check *check)
{
    return is_object(check, "ldap.scp") && !check_get_bool(check, "scp.pointer", false);
}

/* scp.site_ours is there only where the site of this host is known. */
static bool no_scp_covers_us(struct scan *scan)
{
    bool scoped = false;
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (!is_local_scp(at))
                continue;
            bool anywhere = *scan_texts(scan, at, "scp.sites") == '\0';
            if (anywhere || check_get_bool(at, "scp.site_ours", true))
                return false;
            scoped = true;
        }
    }
    return scoped;
}

static void when_other_site(struct scan *scan)
{
    const char *site = client_site(scan->survey);
    if (!no_scp_covers_us(scan))
        return;
    struct match *match = scan_match(scan, "",
        arena_printf(scan->arena, "service connection points%s%s",
            site != NULL ? ", for the site " : "", site != NULL ? site : ""));
    if (site != NULL)
        match_say(scan, match, "this host is in the site %s", site);
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (!is_local_scp(at))
                continue;
            match_cite(scan, match, chain, at);
            const char *sites = scan_texts(scan, at, "scp.sites");
            if (*sites != '\0')
                match_say(scan, match, "%s serves %s", object_of(at), sites);
            else
                match_say(scan, match, "%s serves no site in particular", object_of(at));
        }
    }
}

const struct rule rules_intent[] = {
    {
        .id = "N09",
        .layer = LAYER_DNS,
        .title = "Exchange sends clients to a name that does not exist here",
        .severity = SEVERITY_WARN,
        .when = when_unknown_url,
        .cause =
            "A virtual directory's URL, which Autodiscover hands to clients, names a host that the "
            "resolver of this network does not know: mostly the server's internal name, because "
            "the URL was never set, or a name that only the other half of a split DNS has.",
        .looks_like =
            "NXDOMAIN for the host of an InternalUrl or ExternalUrl in the directory or in "
            "Autodiscover's answer. SERVFAIL is a resolver's failure; a name derived from the mail "
            "domain would be a missing Autodiscover record.",
        .fix = {"Set the URLs to the name that clients use, on every server, e. g. "
                "Set-WebServicesVirtualDirectory \"SERVER\\EWS (Default Web Site)\" -InternalUrl "
                "https://MAIL-HOST/EWS/Exchange.asmx -ExternalUrl the same.",
            "The same for Set-OwaVirtualDirectory, Set-MapiVirtualDirectory, "
            "Set-OabVirtualDirectory, and the host names of Set-OutlookAnywhere.",
            "Or create {host} in the zone that these clients ask."},
        .references = {"[MS-OXDSCLI] 2.2.4 the response, its URLs",
            "Microsoft: Configure mail flow and client access, internal and external URLs"},
    },
    {
        .id = "U07",
        .layer = LAYER_PROTOCOL,
        .title = "A service connection point in the directory leads to a server that is gone",
        .severity = SEVERITY_WARN,
        .when = when_stale_scp,
        .explains = scp_explains,
        .cause =
            "Every Exchange server registers a service connection point (SCP), by which domain "
            "members find Autodiscover before they ask DNS. This one is left from a server that "
            "was removed without uninstalling it, or names a host that does not exist. Clients "
            "that get it first wait for it, or show an error.",
        .looks_like =
            "serviceBindingInformation names a host that DNS answers with NXDOMAIN, or the "
            "object's name (CN) is none of the organisation's Exchange servers. A host that exists "
            "and does not answer is another fault, unless its server is gone.",
        .fix = {"See all of them: Get-ClientAccessService | Format-Table "
                "Name,AutoDiscoverServiceInternalUri,AutoDiscoverSiteScope",
            "Of a server that exists: Set-ClientAccessService SERVER "
            "-AutoDiscoverServiceInternalUri https://autodiscover.{domain}/Autodiscover/"
            "Autodiscover.xml",
            "Of a server that is gone: remove its object below CN=Protocols,CN=Autodiscover with "
            "ADSI Edit, or finish the removal with setup /m:RecoverServer, then /m:Uninstall."},
        .references = {"[MS-OXDISCO] 3.1.5.1: where clients look for Autodiscover",
            "Microsoft: Autodiscover service in Exchange Server, service connection points"},
    },
    {
        .id = "U08",
        .layer = LAYER_PROTOCOL,
        .title = "No service connection point is meant for the site of this host",
        .severity = SEVERITY_WARN,
        .when = when_other_site,
        .cause =
            "Service connection points say for which Active Directory sites they are (Site= "
            "keywords). None has the site of this host, although some have others: clients here "
            "take any of them, perhaps one behind a slow line or in a place they cannot reach, and "
            "not the same one each time.",
        .looks_like =
            "The domain controller names a site for this host (LDAP ping), and no SCP's keywords "
            "have Site= with that name, while at least one has another. SCPs without any site "
            "would be for everybody, and right.",
        .fix = {"See them: Get-ClientAccessService | Format-Table Name,AutoDiscoverSiteScope",
            "Add the site to the servers that are to serve it: Set-ClientAccessService SERVER "
            "-AutoDiscoverSiteScope @{Add=\"SITE\"}",
            "If this host's site is wrong: correct its subnet in Active Directory Sites and "
            "Services; check with nltest /dsgetsite."},
        .references = {"Microsoft: Set-ClientAccessService, AutoDiscoverSiteScope",
            "[MS-OXDISCO] 3.1.5.1: where clients look for Autodiscover"},
    },
};

RULES_COUNT(rules_intent);
