#include "report/rules.h"

#include <string.h>

/* ---- T01 ---- */

static bool timed_out(const struct chain *chain)
{
    const struct check *connect = chain_cell(chain, LAYER_TCP);
    return connect != NULL && connect->outcome == OUTCOME_FAIL &&
           connect->fault.cause == CAUSE_TIMEOUT;
}

static bool same_host(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

static bool same_address(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && a->address != NULL && b->address != NULL &&
           strcmp(a->address, b->address) == 0;
}

/* Somebody serves this port of this name, or of this address: a stale address (N04), no firewall.
 */
static bool answers_elsewhere(const struct survey *survey, const struct chain *chain)
{
    for (const struct chain *at = survey->chains; at != NULL; at = at->next) {
        const struct check *connect = chain_cell(at, LAYER_TCP);
        if (!check_is_good(connect))
            continue;
        if (same_host(&at->endpoint, &chain->endpoint) ||
            same_address(&at->endpoint, &chain->endpoint))
            return true;
    }
    return false;
}

/* The match that has a row of this name, or of this address, already. */
static struct match *find_match(struct scan *scan, const struct chain *chain)
{
    for (struct match *match = scan->matches; match != NULL; match = match->next) {
        for (size_t i = 0; match->rule == scan->rule && i < match->check_count; i++) {
            const struct endpoint *other =
                &survey_chain_of(scan->survey, match->checks[i])->endpoint;
            if (same_host(other, &chain->endpoint) || same_address(other, &chain->endpoint))
                return match;
        }
    }
    return NULL;
}

/* "port 443 of a.test, b.test": every name once. */
static void name_host(struct scan *scan, struct match *match, const char *host)
{
    for (size_t i = 0; i < match->check_count; i++) {
        const struct chain *chain = survey_chain_of(scan->survey, match->checks[i]);
        if (strcmp(chain->endpoint.host, host) == 0)
            return;
    }
    if (match->check_count > 0)
        match->component = arena_printf(scan->arena, "%s, %s", match->component, host);
}

static void when_dropped(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct endpoint *endpoint = &chain->endpoint;
        if (!timed_out(chain) || answers_elsewhere(scan->survey, chain))
            continue;
        struct match *match = find_match(scan, chain);
        if (match == NULL)
            match = scan_matchf(scan, "port %u of %s", (unsigned)endpoint->port, endpoint->host);
        name_host(scan, match, endpoint->host);
        match_cite(scan, match, chain, chain_cell(chain, LAYER_TCP));
    }
}

const struct rule rules_tcp[] = {
    {
        .id = "T01",
        .layer = LAYER_TCP,
        .title = "Connections are dropped without an answer: a firewall, or a host that is off",
        .severity = SEVERITY_FAIL,
        .when = when_dropped,
        .cause =
            "The name resolves, but nothing answers the attempt to connect, on no address of the "
            "name. A firewall between here and the server drops the packets, the server is off, "
            "or the address in DNS belongs to nobody.",
        .looks_like =
            "SYN, SYN, SYN and no answer until the time is up. A closed port of a living host "
            "answers RST at once, which reads 'refused' and is another fault.",
        .fix = {"Open the port from this host to the server: 443 for all web services; 88, 389/636 "
                "and "
                "3268/3269 for domain controllers.",
            "Check that the address in DNS is the server's: ping and traceroute from here.",
            "Test again from another network: a difference names the firewall."},
        .references = {"Microsoft: Network ports for clients and mail flow in Exchange"},
    },
};

RULES_COUNT(rules_tcp);
