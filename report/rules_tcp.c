#include "report/rules.h"

#include <string.h>

#include "report/rule_directory.h"
#include "report/rule_rpc.h"

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
        if (!timed_out(chain) || answers_elsewhere(scan->survey, chain) ||
            is_rpc_tcp_absent(scan->survey, chain))
            continue;
        struct match *match = find_match(scan, chain);
        if (match == NULL)
            match = scan_matchf(scan, "port %u of %s", (unsigned)endpoint->port, endpoint->host);
        name_host(scan, match, endpoint->host);
        match_cite(scan, match, chain, chain_cell(chain, LAYER_TCP));
    }
}

/* ---- T02 ---- */

/* After its CertificateRequest the server itself may have lost patience. */
static bool is_reset(const struct check *check)
{
    return check_failed(check, CAUSE_RESET) &&
           !check_get_bool(check, "tls.client_certificate", false) &&
           check_fact(check, "tls.subject") == NULL;
}

/* Another name on the same address and port whose handshake succeeds. */
static const struct chain *passes_by_name(const struct survey *survey, const struct chain *reset)
{
    for (const struct chain *at = survey->chains; at != NULL; at = at->next) {
        if (same_address(&at->endpoint, &reset->endpoint) &&
            strcmp(at->endpoint.host, reset->endpoint.host) != 0 &&
            check_is_good(chain_cell(at, LAYER_TLS)) &&
            !check_failed(chain_cell(at, LAYER_TLS), CAUSE_RESET))
            return at;
    }
    return NULL;
}

static void when_reset(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *tls = chain_cell(chain, LAYER_TLS);
        if (!is_reset(tls) || is_without_certificate(scan->survey, chain))
            continue;
        struct match *match = scan_matchf(
            scan, "TLS to %s on port %u", chain->endpoint.host, (unsigned)chain->endpoint.port);
        match_cite(scan, match, chain, tls);
        const struct chain *other = passes_by_name(scan->survey, chain);
        if (other != NULL)
            match_say(scan, match,
                "for the name %s the same address completes TLS: it is the name %s in the "
                "ClientHello that is reset",
                other->endpoint.host, chain->endpoint.host);
    }
}

/* ---- T04 ---- */

/* Something on this host and address showed itself as Exchange: then it is no portal before it. */
static bool shows_exchange(const struct survey *survey, const struct chain *chain)
{
    for (const struct chain *at = survey->chains; at != NULL; at = at->next) {
        if (!same_host(&at->endpoint, &chain->endpoint) ||
            !same_address(&at->endpoint, &chain->endpoint))
            continue;
        for (const struct check *check = at->checks; check != NULL; check = check->next) {
            if (check_get_bool(check, "http.exchange", false) ||
                check_fact(check, "exchange.build") != NULL)
                return true;
        }
    }
    return false;
}

/* 511 is made for it (RFC 6585 §6). Where clients go on to another place
 * it only warns (U06). */
static bool is_portal(const struct survey *survey, const struct chain *chain)
{
    const struct check *offer = chain_cell(chain, LAYER_HTTP);
    if (offer == NULL || offer->outcome != OUTCOME_FAIL || is_rpc_tcp(chain))
        return false;
    bool foreign = offer->fault.cause == CAUSE_NOT_EXCHANGE ||
                   (offer->fault.cause == CAUSE_HTTP_STATUS && offer->fault.code == 511);
    return foreign && !shows_exchange(survey, chain);
}

static void say_who_answers(struct scan *scan, struct match *match, const struct check *offer)
{
    static const struct {
        const char *key, *name;
    } table[] = {{"http.title", "title"}, {"http.server", "Server"}, {"http.via", "Via"}};
    const char *text = "";
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const char *value = check_get_text(offer, table[i].key, NULL);
        if (value != NULL)
            text = arena_printf(scan->arena, "%s%s%s \"%s\"", text, *text != '\0' ? ", " : "",
                table[i].name, value);
    }
    match_say(scan, match, "who answers: %s; no header of Exchange's",
        *text != '\0' ? text : "a page without a title");
}

static void when_portal(struct scan *scan)
{
    struct match *match = NULL;
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const char *host = chain->endpoint.host;
        if (!is_portal(scan->survey, chain))
            continue;
        match = scan_match(scan, "", arena_printf(scan->arena, "the way to port 443 of %s", host));
        if (strstr(match->component, host) == NULL)
            match->component = arena_printf(scan->arena, "%s, %s", match->component, host);
        say_who_answers(scan, match, chain_cell(chain, LAYER_HTTP));
        match_cite(scan, match, chain, chain_cell(chain, LAYER_HTTP));
    }
}

/* The other requests to the same place meet the same page. */
static bool portal_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    (void)match;
    return check->layer == LAYER_HTTP && is_portal(survey, survey_chain_of(survey, check));
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
    {
        .id = "T02",
        .layer = LAYER_TLS,
        .title = "The connection is reset as soon as TLS begins: mostly a firewall on the way",
        .severity = SEVERITY_FAIL,
        .when = when_reset,
        .cause =
            "TCP connects, and the first TLS message is answered by RST. A firewall that reads the "
            "server name in that message, or opens TLS to inspect it, cuts what its rules do not "
            "allow. Exchange itself answers what it dislikes with a TLS alert. More rarely a "
            "server without a certificate on that binding (http.sys) resets, too.",
        .looks_like =
            "SYN, SYN-ACK, ClientHello, RST, without ServerHello or alert. With another server "
            "name to the same address the handshake goes on. An alert is a matter of versions and "
            "ciphers, silence of the packet filter.",
        .fix = {"Have the firewall or proxy between here and {host} let this name pass without "
                "inspection; its log shows the cut at the time of this run.",
            "Try another name by hand: openssl s_client -connect {host}:443 -servername "
            "example.com; if that gets a certificate, the name is what is filtered.",
            "If every name is reset: look at the binding of port 443 in IIS (netsh http show "
            "sslcert) and at the load balancer."},
        .references = {"RFC 6066 3 server name indication", "RFC 8446 6 alerts"},
    },
    {
        .id = "T04",
        .layer = LAYER_HTTP,
        .title = "A portal or proxy answers in place of Exchange",
        .severity = SEVERITY_FAIL,
        .when = when_portal,
        .explains = portal_explains,
        .cause =
            "Every request to the server is answered with a page of somebody else: the sign-in or "
            "block page of a proxy, a guest network's portal, a hoster's parking page. exreach "
            "sends no credentials there.",
        .looks_like =
            "200 with HTML to a request that Exchange answers with 401, none of its headers "
            "(X-FEServer, request-id, X-OWA-Version), a foreign Server or Via header, a page title "
            "that is not Outlook's. If other paths of the same server do show Exchange, it is one "
            "virtual directory.",
        .fix = {"Take this host out of the portal or proxy for {host}: sign in to the network once "
                "from here, or have an exception made.",
            "See the page: curl -vk https://{host}/EWS/Exchange.asmx; compare from another "
            "network.",
            "If the page is a web site of your own, {host} resolves to the wrong address."},
        .references = {"RFC 8952 captive portal architecture",
            "RFC 6585 6 Network Authentication Required"},
    },
};

RULES_COUNT(rules_tcp);
