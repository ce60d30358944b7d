#include "report/rules.h"

#include <string.h>

#include "net/wire/text.h"

/* ---- N01 ---- */

static bool no_such_name(const struct check *check)
{
    return check_failed(check, CAUSE_NAME_NOT_FOUND) || check_failed(check, CAUSE_NAME_NO_DATA);
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
        if (chain->endpoint.service != SERVICE_AUTODISCOVER || !no_such_name(name))
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

/* ---- N04 ---- */

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
            !is_stale_address(scan->survey, chain))
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
};

RULES_COUNT(rules_name);
