#include "report/rules.h"

#include <inttypes.h>
#include <string.h>

#include "net/wire/text.h"
#include "report/profile.h"
#include "report/rule_mapi.h"
#include "report/rule_rpc.h"

/* The two channels of RPC over HTTP: what proxies, filters and names do to them. */

bool is_rpc_tcp(const struct chain *chain)
{
    return chain->endpoint.service == SERVICE_RPC && chain->endpoint.port == RPC_MAPPER_PORT;
}

bool is_rpc_http(const struct chain *chain)
{
    return chain->endpoint.service == SERVICE_RPC && chain->endpoint.port != RPC_MAPPER_PORT;
}

bool has_rpc_http(const struct survey *survey)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        if (is_rpc_http(chain) && check_is_good(chain_cell(chain, LAYER_HTTP)))
            return true;
    }
    return false;
}

bool is_rpc_line(const struct check *check)
{
    return strcmp(check->probe, "rpc.connect") == 0 || strcmp(check->probe, "rpc.referral") == 0 ||
           strcmp(check->probe, "rpc.book") == 0;
}

static bool same_place(const struct endpoint *a, const struct endpoint *b)
{
    return strcmp(a->host, b->host) == 0 && a->address != NULL && b->address != NULL &&
           strcmp(a->address, b->address) == 0;
}

const struct chain *rpc_neighbour(const struct survey *survey, const struct chain *row)
{
    for (const struct chain *at = survey->chains; at != NULL; at = at->next) {
        if (at->endpoint.service >= SERVICE_AUTODISCOVER && at->endpoint.service != SERVICE_RPC &&
            same_place(&at->endpoint, &row->endpoint) && check_is_good(chain_cell(at, LAYER_AUTH)))
            return at;
    }
    return NULL;
}

const char *rpc_place(struct scan *scan, const struct chain *chain)
{
    const struct endpoint *endpoint = &chain->endpoint;
    const char *node = chain_node(chain);
    if (node == NULL || *node == '\0')
        node = endpoint->address;
    for (const struct chain *at = scan->survey->chains; node != NULL && at != NULL; at = at->next) {
        if (is_rpc_http(at) && strcmp(at->endpoint.host, endpoint->host) == 0 &&
            profile_row_works(scan->survey, at))
            return arena_printf(scan->arena, "%s (node %s)", endpoint->host, node);
    }
    return endpoint->host;
}

void rpc_scan(struct scan *scan, bool (*is_so)(const struct check *check),
    void (*found)(struct scan *scan, const struct chain *chain, const struct check *check))
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; is_rpc_http(chain) && at != NULL;
             at = at->next) {
            if (check_answered(at) && is_so(at))
                found(scan, chain, at);
        }
    }
}

bool rpc_row_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    if (check->layer != LAYER_AUTH || check->outcome != OUTCOME_WARN ||
        check->fault.cause != CAUSE_HTTP_STATUS)
        return false;
    const struct chain *chain = survey_chain_of(survey, check);
    for (size_t i = 0; i < match->check_count; i++) {
        if (survey_chain_of(survey, match->checks[i]) == chain)
            return true;
    }
    return false;
}

static int64_t channel_status(const struct check *check, bool in)
{
    return check_get_int(check, in ? "rpc.in_status" : "rpc.out_status", 0);
}

static bool either_status(const struct check *check, int64_t status)
{
    return channel_status(check, false) == status || channel_status(check, true) == status;
}

/* "RPC_OUT_DATA", or "RPC_IN_DATA", or both: what was answered with this status. */
static const char *verbs_of(const struct check *check, int64_t status)
{
    bool out = channel_status(check, false) == status, in = channel_status(check, true) == status;
    return out && in ? "RPC_OUT_DATA and RPC_IN_DATA" : in ? "RPC_IN_DATA" : "RPC_OUT_DATA";
}

static bool failed_line(const struct check *check)
{
    return is_rpc_line(check) && check->outcome == OUTCOME_FAIL;
}

/* ---- R01 ---- */

static bool has_rpc_error(const struct check *check)
{
    return failed_line(check) && check_fact(check, "rpc.proxy_error") != NULL;
}

static void say_other_ports(struct scan *scan, struct match *match, const struct chain *chain)
{
    for (const struct check *at = chain->checks; at != NULL; at = at->next) {
        if (is_rpc_line(at) && check_is_good(at))
            match_say(scan, match, "port %" PRId64 " behind the same proxy opens",
                check_get_int(at, "rpc.port", 0));
    }
}

/* "port 6001, 6002": those of the match and this one, in their order. */
static const char *add_port(struct scan *scan, const struct match *match, int64_t port)
{
    static const int64_t ports[] = {6001, 6002, 6004};
    const char *text = "";
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        const char *name = arena_printf(scan->arena, "%" PRId64, ports[i]);
        if (ports[i] == port || match_names(match, name))
            text = arena_printf(scan->arena, "%s, %s", text, name);
    }
    return *text != '\0' ? text + 2 : text;
}

static void found_rpc_error(struct scan *scan, const struct chain *chain, const struct check *check)
{
    const char *place = rpc_place(scan, chain);
    int64_t port = check_get_int(check, "rpc.port", 0);
    struct match *match = scan_match(scan, place, "");
    match->component = arena_printf(
        scan->arena, "RPC server behind %s, port %s", place, add_port(scan, match, port));
    match_cite(scan, match, chain, check);
    match_say(scan, match, "asked for %s:%" PRId64 ", the proxy answers 503 RPC Error: %s",
        check_get_text(check, "rpc.server", "the server"), port,
        check_get_text(check, "rpc.proxy_error", ""));
    say_other_ports(scan, match, chain);
}

static void when_rpc_error(struct scan *scan)
{
    rpc_scan(scan, has_rpc_error, found_rpc_error);
}

/* ---- R02 ---- */

static bool is_unknown_server(const struct check *check)
{
    return failed_line(check) && either_status(check, 404);
}

/* 404 for a name that nobody ever told is evidence for nothing. */
static bool is_guess(
    const struct survey *survey, const struct chain *chain, const struct check *check)
{
    return text_equal_nocase(check_get_text(check, "rpc.server", ""), chain->endpoint.host) &&
           (mapi_server_is_unknown(chain) || !mapi_server_is_named(survey));
}

static bool cites_autodiscover(const struct scan *scan, const struct match *match)
{
    for (size_t i = 0; i < match->check_count; i++) {
        const struct chain *chain = survey_chain_of(scan->survey, match->checks[i]);
        if (chain->endpoint.service == SERVICE_AUTODISCOVER && check_is_bad(match->checks[i]))
            return true;
    }
    return false;
}

/* Nobody told the name, because Autodiscover did not work: whatever broke that is the cause. */
static void blame_autodiscover(struct scan *scan, const struct check *check)
{
    for (struct match *match = scan->matches; match != NULL; match = match->next) {
        if (match->rule != scan->rule && cites_autodiscover(scan, match))
            match_explain(scan, match, check);
    }
}

static void found_unknown_server(
    struct scan *scan, const struct chain *chain, const struct check *check)
{
    const char *server = check_get_text(check, "rpc.server", "asked for");
    if (is_guess(scan->survey, chain, check)) {
        blame_autodiscover(scan, check);
        return;
    }
    struct match *match =
        scan_matchf(scan, "server name %s in RPC over HTTP at %s", server, rpc_place(scan, chain));
    match_cite(scan, match, chain, check);
    match_say(scan, match, "%s for %s:%" PRId64 ": 404 after the logon", verbs_of(check, 404),
        server, check_get_int(check, "rpc.port", 0));
    if (strcmp(server, chain->endpoint.host) != 0)
        return;
    match_say(scan, match,
        "nobody told the mailbox's GUID, so that the proxy's own name was asked for, which "
        "Exchange 2013 and later do not know");
    blame_autodiscover(scan, check);
}

static void when_unknown_server(struct scan *scan)
{
    rpc_scan(scan, is_unknown_server, found_unknown_server);
}

/* ---- R05 ---- */

static bool is_verb_refusal(int64_t status)
{
    return status == 400 || status == 403 || status == 404 || status == 405 || status == 501;
}

/* 401 or 200 as from a path that is there; 503 to a GET is what some healthy proxies say (R04). */
static bool is_verb_filtered(const struct check *check)
{
    int64_t get = check_get_int(check, "rpc.get_status", 0);
    if (strcmp(check->probe, "http.offer") == 0)
        return check_is_bad(check) && is_verb_refusal(check_get_int(check, "rpc.verb_status", 0)) &&
               (get == 401 || get == 200 || get == 503);
    /* one of the two verbs only: 404 and 403 after the logon mean other things */
    return failed_line(check) && (either_status(check, 405) || either_status(check, 501));
}

static void found_verb_filtered(
    struct scan *scan, const struct chain *chain, const struct check *check)
{
    struct match *match = scan_matchf(scan, "filter before /rpc at %s", rpc_place(scan, chain));
    match_cite(scan, match, chain, check);
    const char *server = check_get_text(check, "http.server", NULL);
    int64_t verb = check_get_int(check, "rpc.verb_status", 0);
    if (verb != 0)
        match_say(scan, match,
            "RPC_OUT_DATA is answered with %" PRId64 ", a GET of the same path with %" PRId64, verb,
            check_get_int(check, "rpc.get_status", 0));
    else
        match_say(
            scan, match, "%s is refused", verbs_of(check, either_status(check, 405) ? 405 : 501));
    if (server != NULL)
        match_say(scan, match, "the refusal comes from \"%s\"", server);
}

static void when_verb_filtered(struct scan *scan)
{
    rpc_scan(scan, is_verb_filtered, found_verb_filtered);
}

/* ---- R06 ---- */

/* Without "RPC Error", and not from a front end that says what it lacks (V05). */
static bool is_overload(const struct check *check)
{
    if (check_fact(check, "http.failure") != NULL || check_fact(check, "rpc.proxy_error") != NULL)
        return false;
    if (strcmp(check->probe, "http.offer") == 0)
        return check_failed(check, CAUSE_HTTP_STATUS) &&
               (check->fault.code == 503 || check_get_int(check, "rpc.verb_status", 0) == 503);
    return failed_line(check) && either_status(check, 503);
}

static void found_overload(struct scan *scan, const struct chain *chain, const struct check *check)
{
    const struct chain *other = rpc_neighbour(scan->survey, chain);
    if (other == NULL)
        return; /* the whole server, or the load balancer before it */
    struct match *match =
        scan_matchf(scan, "application pool of /rpc at %s", rpc_place(scan, chain));
    match_cite(scan, match, chain, check);
    match_say(scan, match, "%s at the same address works: it is not the server as a whole",
        service_title(other->endpoint.service));
}

static void when_overload(struct scan *scan)
{
    rpc_scan(scan, is_overload, found_overload);
}

/* ---- T05 ---- */

static bool is_held(const struct check *check)
{
    return failed_line(check) && channel_status(check, false) == 200 &&
           check->fault.cause == CAUSE_TIMEOUT &&
           check_fact(check, "rpc.virtual_connection") != NULL;
}

static void found_held(struct scan *scan, const struct chain *chain, const struct check *check)
{
    bool in = strstr(check_get_text(check, "rpc.virtual_connection", ""), "C2") != NULL;
    const char *verb = in ? "RPC_IN_DATA" : "RPC_OUT_DATA";
    struct match *match = scan_matchf(scan, "way of %s to %s", verb, rpc_place(scan, chain));
    match_cite(scan, match, chain, check);
    match_say(scan, match,
        in ? "RPC_OUT_DATA is answered with 200, and what RPC_IN_DATA carries does not come "
             "through: %s stays away"
           : "RPC_OUT_DATA is answered with 200, and what should follow is held back: %s stays "
             "away",
        check_get_text(check, "rpc.virtual_connection", ""));
    if (check_fact(check, "rpc.echo") != NULL)
        match_say(scan, match, "%s",
            check_get_bool(check, "rpc.echo", false)
                ? "the RPC proxy itself is alive: it answers an echo, which is short enough for "
                  "any buffer"
                : "the RPC proxy does not answer an echo either");
}

/* One connection is ended, or IN is answered like a page, and the other channel goes on. Where the
 * server goes, it takes both. */
static bool is_cut(const struct check *check)
{
    bool in = check_fact(check, "rpc.in_ended") != NULL;
    bool out = check_fact(check, "rpc.out_ended") != NULL;
    if (strncmp(check->probe, "rpc.", 4) != 0 || check->outcome != OUTCOME_FAIL || in == out ||
        channel_status(check, false) != 200)
        return false;
    if (in && channel_status(check, true) == 200)
        return true;
    return channel_status(check, true) == 0 &&
           (check->fault.cause == CAUSE_CLOSED || check->fault.cause == CAUSE_RESET ||
               check->fault.cause == CAUSE_TRUNCATED);
}

static void found_cut(struct scan *scan, const struct chain *chain, const struct check *check)
{
    bool in = check_fact(check, "rpc.in_ended") != NULL;
    struct match *match = scan_matchf(scan, "proxy before %s", rpc_place(scan, chain));
    match_cite(scan, match, chain, check);
    if (channel_status(check, true) == 200)
        match_say(scan, match,
            "RPC_IN_DATA is answered with 200 while its body is still on the way: an RPC proxy "
            "never answers it, so something before it did");
    else
        match_say(scan, match,
            "%s is cut off while %s stays open on the same server: a server that stops ends both",
            in ? "RPC_IN_DATA" : "RPC_OUT_DATA", in ? "RPC_OUT_DATA" : "RPC_IN_DATA");
    say_other_ports(scan, match, chain);
}

static void when_held(struct scan *scan)
{
    rpc_scan(scan, is_held, found_held);
    rpc_scan(scan, is_cut, found_cut);
}

#define OUTLOOK_ANYWHERE "Microsoft: Set-OutlookAnywhere"

const struct rule rules_rpc[] = {
    {
        .id = "R01",
        .layer = LAYER_PROTOCOL,
        .title = "The RPC proxy does not reach the RPC server behind it",
        .severity = SEVERITY_FAIL,
        .when = when_rpc_error,
        .explains = rpc_row_explains,
        .cause =
            "RPC over HTTP has two parts: a proxy in IIS, and the RPC service of the mailbox "
            "server on the ports 6001 (store), 6002 (referral) and 6004 (address book). The proxy "
            "took the logon and could not connect to the second part, or may not: the service is "
            "stopped, a firewall stands between, or the proxy's list of ports lacks this one.",
        .looks_like =
            "\"503 RPC Error: 6ba\" in the status line (RPC_S_SERVER_UNAVAILABLE) to RPC_OUT_DATA "
            "or RPC_IN_DATA; 6c1 where the proxy does not allow the port. All ports: the service. "
            "One port: that part of it, or ValidPorts. A 503 without these words is IIS's own.",
        .fix = {"On the mailbox server: Get-Service MSExchangeRPC; Start-Service MSExchangeRPC. In "
                "Exchange 2010 the address book (6002, 6004) is MSExchangeAB.",
            "See whether it listens: netstat -ano | findstr :6001",
            "Ports the proxy may use: ValidPorts and ValidPorts_AutoConfig_Exchange under "
            "HKLM\\SOFTWARE\\Microsoft\\Rpc\\RpcProxy on the Client Access server.",
            "Then: Test-OutlookConnectivity -ProbeIdentity OutlookRpcSelfTestProbe"},
        .references = {"[MS-RPCH] 2.1.2.1.3, 2.1.2.1.4 responses of the IN and the OUT channel",
            "[MS-ERREF] 2.2 Win32 error codes"},
    },
    {
        .id = "R02",
        .layer = LAYER_PROTOCOL,
        .title = "The RPC proxy does not know the server name in the request",
        .severity = SEVERITY_FAIL,
        .when = when_unknown_server,
        .explains = rpc_row_explains,
        .cause =
            "RPC over HTTP names the server behind the proxy in its URL. Since Exchange 2013 that "
            "is no host but the mailbox: its GUID, @, and the domain, as Autodiscover gives it. "
            "Exchange 2010 takes the name of a server or of a Client Access array. The front end "
            "finds no mailbox by this name, or no server of this name: the mailbox was moved or "
            "connected anew, a profile keeps an old name, or Autodiscover is stale.",
        .looks_like =
            "401, then 404 to RPC_OUT_DATA /rpc/rpcproxy.dll?GUID@domain:6001 with the right "
            "credentials. A 404 before the logon is another matter: no /rpc on that server.",
        .fix = {"Compare with Get-Mailbox {address} | Format-List ExchangeGuid,PrimarySmtpAddress: "
                "the name is ExchangeGuid@domain.",
            "Make the profile anew, so that it takes the name from Autodiscover.",
            "On Exchange: restart the application pool MSExchangeAutodiscoverAppPool if it still "
            "gives the old name; look into Logging\\HttpProxy\\RpcHttp for the request."},
        .references = {"[MS-RPCH] 2.2.2 URI encoding", "[MS-OXDSCLI] 2.2.4 the response, Server"},
    },
    {
        .id = "R05",
        .layer = LAYER_HTTP,
        .title = "Something before Exchange rejects the verbs of RPC over HTTP",
        .severity = SEVERITY_FAIL,
        .when = when_verb_filtered,
        .explains = rpc_row_explains,
        .cause =
            "RPC over HTTP uses verbs of its own, RPC_IN_DATA and RPC_OUT_DATA, with bodies of a "
            "gigabyte that are never sent whole. Web application firewalls, reverse proxies and "
            "IIS request filtering often know GET and POST only. The path itself is there.",
        .looks_like =
            "RPC_OUT_DATA /rpc/rpcproxy.dll gets 400, 403, 404, 405 or 501, mostly with a foreign "
            "Server header; GET of the same path gets 401 with the schemes of Exchange. Or one of "
            "the two verbs gets through and the other does not.",
        .fix = {"Allow the verbs RPC_IN_DATA and RPC_OUT_DATA for /rpc on the firewall or proxy "
                "before {host}, and a Content-Length of 1073741824.",
            "In IIS: Request Filtering, HTTP Verbs, of the site and of /rpc.",
            "Compare past the proxy: exreach --connect {host}:443:ADDRESS-OF-THE-SERVER --only rpc "
            "{address}"},
        .references = {"[MS-RPCH] 2.1.2.1.1 IN channel request and OUT channel request",
            OUTLOOK_ANYWHERE},
    },
    {
        .id = "R06",
        .layer = LAYER_HTTP,
        .title = "IIS answers 503 for /rpc alone: its application pool is stopped or full",
        .severity = SEVERITY_FAIL,
        .when = when_overload,
        .explains = rpc_row_explains,
        .cause =
            "http.sys answers for the application pool of the RPC proxy, because the pool is "
            "stopped, or because its queue is full. Every client of RPC over HTTP holds two "
            "requests open all the time, so that the limits of the pool and of ASP.NET, in which "
            "the proxy runs since Exchange 2010 SP3, are reached sooner than with a web site.",
        .looks_like =
            "503 \"Service Unavailable\" with Server: Microsoft-HTTPAPI/2.0, without X-FEServer "
            "and without \"RPC Error\"; other paths at the same address work. In the IIS log 503 "
            "3 0, in httperr*.log AppOffline, Disabled or QueueFull.",
        .fix = {"Is the pool running? Get-WebAppPoolState MSExchangeRpcProxyFrontEndAppPool; "
                "Start-WebAppPool MSExchangeRpcProxyFrontEndAppPool (DefaultAppPool in Exchange "
                "2010).",
            "Why it is not: C:\\Windows\\System32\\LogFiles\\HTTPERR and the event log, source "
            "WAS, event 5002 (rapid fail protection).",
            "Full: raise requestQueueLimit (processModel in machine.config) and the pool's "
            "queueLength; see Requests Executing of ASP.NET Apps in the performance monitor.",
            "Get-ServerComponentState NODE -Component RpcProxy: Inactive answers 503, too."},
        .references =
            {"Microsoft: Changes in Exchange 2010 SP3 for a large Outlook Anywhere population",
                "Microsoft: Error logging in HTTP APIs"},
    },
    {
        .id = "T05",
        .layer = LAYER_PROTOCOL,
        .title = "A proxy on the way holds back or cuts off an RPC channel",
        .severity = SEVERITY_FAIL,
        .when = when_held,
        .explains = rpc_row_explains,
        .cause =
            "Both channels of RPC over HTTP are requests that never end: Exchange must get each "
            "packet of RPC_IN_DATA at once, and the client each packet that follows the 200 of "
            "RPC_OUT_DATA. A proxy that wants a request whole before it passes it on, or an answer "
            "whole, waits for ever, and so does the client. One that limits the size or the time "
            "of a "
            "request cuts the channel off, or answers it itself.",
        .looks_like =
            "RPC_OUT_DATA: 200. Then nothing until the time is up: CONN/A3 stays away where the "
            "OUT channel is buffered, CONN/C2 where the IN channel is. An echo, of 20 bytes, gets "
            "through. Or one channel ends (reset, closed) or RPC_IN_DATA is answered with 200, and "
            "the "
            "other channel goes on: a limit on size or time.",
        .fix = {"On the proxy or load balancer before {host}: no request and no response buffering "
                "for /rpc (nginx: proxy_request_buffering off, proxy_buffering off; others call it "
                "streaming, or an RPC or Outlook Anywhere mode).",
            "Allow a Content-Length of 1073741824, and idle times of at least 15 minutes.",
            "Compare past the proxy: exreach --connect {host}:443:ADDRESS-OF-THE-SERVER --only rpc "
            "{address}",
            "Outlook can do with MAPI over HTTP, which buffers stand; MAPI/CDO cannot."},
        .references = {"[MS-RPCH] 3.2.2.4.1.2 what the client waits for, and in what order",
            "[MS-RPCH] 2.1.2.1 HTTP transport"},
    },
};

RULES_COUNT(rules_rpc);
