#include "report/rules.h"

#include <inttypes.h>
#include <string.h>

#include "net/wire/build.h"
#include "net/wire/text.h"
#include "report/rule_mapi.h"
#include "report/rule_version.h"

/* MAPI over HTTP as HTTP: its virtual directory, and what X-ResponseCode says. */

enum { CODES_MAX = 8 };

/* ---- what X-ResponseCode refuses: M02 to M06 ---- */

/* The specified numbers; a 0 ends them. */
static const struct refusal {
    const char *rule;
    long codes[CODES_MAX];
    const char *component; /* followed by the host */
} refusals[] = {
    {"M02", {2, 3, 4, 5, 7, 9, 12, 0}, "requests to /mapi at"},
    {"M03", {6, 10, 13, 15, 0}, "load balancer or proxy before"},
    {"M04", {8, 0}, "pre-authentication before"},
    {"M05", {11, 0}, "identity of the MAPI session at"},
    {"M06", {16, 18, 0}, "MAPI over HTTP at"},
};

static const struct refusal *refusal_of(const struct rule *rule)
{
    size_t i = 0;
    while (strcmp(refusals[i].rule, rule->id) != 0)
        i++;
    return &refusals[i];
}

static bool has_code(const struct refusal *refusal, long code)
{
    for (size_t i = 0; i < CODES_MAX && refusal->codes[i] != 0; i++) {
        if (refusal->codes[i] == code)
            return true;
    }
    return false;
}

/* Words beside the code, where there is more to see. */
typedef void say_more(
    struct scan *scan, struct match *match, const struct chain *chain, const struct check *check);

static void cite_refusals(struct scan *scan, say_more *say)
{
    const struct refusal *refusal = refusal_of(scan->rule);
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (!has_code(refusal, mapi_response_code(at)))
                continue;
            const char *host = chain->endpoint.host;
            struct match *match = scan_match(
                scan, host, arena_printf(scan->arena, "%s %s", refusal->component, host));
            match_cite(scan, match, chain, at);
            if (say != NULL)
                say(scan, match, chain, at);
        }
    }
}

static void say_request(
    struct scan *scan, struct match *match, const struct chain *chain, const struct check *check)
{
    (void)chain;
    match_say(scan, match,
        "X-ResponseCode %ld speaks of the request: either exreach's own is wrong, or something on "
        "the way has changed it; the account and the mailbox are not to blame",
        mapi_response_code(check));
}

static void when_request_wrong(struct scan *scan)
{
    cite_refusals(scan, say_request);
}

/* "EX1", else the mailbox server's name: who answered. */
static const char *answered_by(const struct check *check)
{
    return check_get_text(check, "node", check_get_text(check, "http.back_end", ""));
}

static bool differs(const struct check *a, const struct check *b, const char *key)
{
    const char *left = check_get_text(a, key, NULL), *right = check_get_text(b, key, NULL);
    return left != NULL && right != NULL && !text_equal_nocase(left, right);
}

/* A session begins with the answer to Connect, on the same connection of ours. */
static void say_session(
    struct scan *scan, struct match *match, const struct chain *chain, const struct check *check)
{
    enum { MISSING_COOKIE = 13, INVALID_SEQUENCE = 15 };
    const struct check *connect = mapi_check(chain, "connect");
    long code = mapi_response_code(check);
    if (code == MISSING_COOKIE)
        match_say(scan, match, "our cookies were sent and did not arrive: they are stripped");
    if (code == INVALID_SEQUENCE)
        match_say(scan, match,
            "exreach sends one request after the other: something repeats requests, or holds on "
            "to old cookies");
    if (!check_is_good(connect))
        return;
    if (check_fact(connect, "mapi.cookies") == NULL)
        match_say(scan, match,
            "the answer to Connect sets no cookie: something between takes Set-Cookie away");
    if (differs(connect, check, "node") || differs(connect, check, "http.back_end"))
        match_say(scan, match,
            "Connect was answered by %s, this by %s: the session is not kept on its server",
            differs(connect, check, "node") ? answered_by(connect)
                                            : check_get_text(connect, "http.back_end", ""),
            differs(connect, check, "node") ? answered_by(check)
                                            : check_get_text(check, "http.back_end", ""));
    else if (*answered_by(connect) != '\0' && check_fact(connect, "mapi.cookies") != NULL &&
             code != MISSING_COOKIE && code != INVALID_SEQUENCE)
        match_say(scan, match,
            "%s answered both, and had set %s: the server behind it has changed, its application "
            "pool was recycled, or the cookies are changed on the way",
            answered_by(connect), scan_texts(scan, connect, "mapi.cookies"));
}

static void when_session_lost(struct scan *scan)
{
    cite_refusals(scan, say_session);
}

static void say_identity(
    struct scan *scan, struct match *match, const struct chain *chain, const struct check *check)
{
    const struct check *logon = chain_cell(chain, LAYER_AUTH);
    (void)check;
    if (check_is_good(logon))
        match_say(scan, match, "the logon itself went well: %s", logon->summary);
}

static void when_identity_lost(struct scan *scan)
{
    cite_refusals(scan, say_identity);
}

static void say_endpoint(
    struct scan *scan, struct match *match, const struct chain *chain, const struct check *check)
{
    enum { SHUTTING_DOWN = 18 };
    const char *node = chain_node(chain);
    bool stopping = mapi_response_code(check) == SHUTTING_DOWN;
    match_say(scan, match, "%s %s", node != NULL ? node : "the server",
        stopping ? "says that its MAPI service is stopping: maintenance, a restart, or a recycled "
                   "application pool"
                 : "says that MAPI over HTTP is disabled");
}

static void when_disabled(struct scan *scan)
{
    cite_refusals(scan, say_endpoint);
}

/* ---- M01 ---- */

/* 2013 SP1 brought MAPI over HTTP. */
static const struct build first_with_mapi = {15, 0, 847, 0};

/* 404 of Exchange itself, or of an IIS where Exchange answers other paths. */
static bool lacks_directory(const struct survey *survey, const struct chain *chain)
{
    const struct check *offer = chain_cell(chain, LAYER_HTTP);
    if (chain->endpoint.service != SERVICE_MAPI || !check_failed(offer, CAUSE_HTTP_STATUS) ||
        offer->fault.code != 404 || is_absent_by_age(survey, chain, offer))
        return false;
    if (check_get_bool(offer, "http.exchange", false) || check_fact(offer, "node") != NULL)
        return true;
    for (const struct chain *at = survey->chains; at != NULL; at = at->next) {
        const struct check *other = chain_cell(at, LAYER_HTTP);
        if (at != chain && strcmp(at->endpoint.host, chain->endpoint.host) == 0 &&
            check_is_good(other) && check_get_bool(other, "http.exchange", false))
            return true;
    }
    return false;
}

/* Another address of the host has it. */
static bool others_have_it(const struct survey *survey, const struct chain *chain)
{
    for (const struct chain *at = survey->chains; at != NULL; at = at->next) {
        if (at != chain && at->endpoint.service == SERVICE_MAPI &&
            strcmp(at->endpoint.host, chain->endpoint.host) == 0 &&
            check_is_good(chain_cell(at, LAYER_HTTP)))
            return true;
    }
    return false;
}

static void say_builds(struct scan *scan, struct match *match, const struct chain *chain)
{
    const struct check *offer = chain_cell(chain, LAYER_HTTP);
    const char *text = check_get_text(offer, "exchange.build", NULL);
    struct build build;
    if (text == NULL || !build_parse(text, &build))
        return;
    if (build_compare(&build, &first_with_mapi) < 0)
        match_say(scan, match,
            "build %s is older than 15.0.847 (Exchange 2013 SP1), which brought MAPI over HTTP",
            text);
    else
        match_say(scan, match,
            "build %s has MAPI over HTTP: the virtual directory was removed, or the proxy does "
            "not pass /mapi on",
            text);
}

static void when_no_directory(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        if (!lacks_directory(scan->survey, chain))
            continue;
        const char *node = chain_node(chain);
        bool alone = node != NULL && others_have_it(scan->survey, chain);
        struct match *match = scan_matchf(scan, "virtual directory mapi %s %s", alone ? "of" : "at",
            alone ? node : chain->endpoint.host);
        match_cite(scan, match, chain, chain_cell(chain, LAYER_HTTP));
        say_builds(scan, match, chain);
        if (alone)
            match_say(scan, match, "other servers behind %s have it", chain->endpoint.host);
    }
}

/* ---- M07 ---- */

/* The logon went well, and yet a page: Exchange itself would say 401 or an X-ResponseCode. */
static bool is_page(const struct check *check)
{
    return check_failed(check, CAUSE_NOT_EXCHANGE) && strncmp(check->probe, "mapi.", 5) == 0 &&
           check_get_int(check, "http.status", 0) == 200;
}

static void when_page(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (!is_page(at))
                continue;
            struct match *match = scan_matchf(scan, "the way to /mapi at %s", chain->endpoint.host);
            match_cite(scan, match, chain, at);
            match_say(scan, match, "Server: %s; %s", check_get_text(at, "http.server", "not told"),
                check_fact(at, "node") != NULL
                    ? "the answer has X-FEServer, so it comes from Exchange or from behind it"
                    : "the answer has no X-FEServer, so it does not come from Exchange");
        }
    }
}

/* ---- M08 ---- */

/* Its own numbers are cited; other failures there have findings of their own. */
static void when_gromox(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            bool own = check_fact(at, "mapi.numbering") != NULL;
            if (!mapi_is_gromox(at) || (check_is_bad(at) && !own))
                continue;
            struct match *match = scan_matchf(scan, "MAPI server at %s", chain->endpoint.host);
            match_cite(scan, match, chain, at);
            match_say(scan, match, "it calls itself %s",
                check_get_text(at, "mapi.server", check_get_text(at, "http.server", "nothing")));
            if (own)
                match_say(scan, match, "X-ResponseCode %" PRId64 " means here: %s",
                    check_get_int(at, "mapi.response_code", 0),
                    check_get_text(at, "mapi.response", "not known"));
        }
    }
}

#define MAPI_LOGS                                                             \
    "Look at the request in the server's logs: Logging\\HttpProxy\\Mapi and " \
    "Logging\\MapiHttp\\Mailbox"

const struct rule rules_mapi[] = {
    {
        .id = "M01",
        .layer = LAYER_HTTP,
        .title = "Exchange answers, but it has no virtual directory /mapi",
        .severity = SEVERITY_FAIL,
        .when = when_no_directory,
        .cause =
            "MAPI over HTTP came with Exchange 2013 SP1 (15.0.847); Exchange 2013 before it, and "
            "servers whose virtual directory was removed, answer 404. Outlook then uses RPC over "
            "HTTP, as MAPI/CDO always does. Autodiscover should not name the URL. With Exchange "
            "2010 all this is as it should be, and no finding.",
        .looks_like =
            "404 for /mapi/emsmdb/ with Exchange's own headers (X-FEServer), while EWS and others "
            "of the same host ask for a logon. 404 without them is a web server or a proxy rule.",
        .fix = {"See it: Get-MapiVirtualDirectory | Format-List Server,InternalUrl,ExternalUrl",
            "Make it: New-MapiVirtualDirectory -Server SERVER -InternalUrl https://{host}/mapi "
            "-IISAuthenticationMethods NTLM,Negotiate",
            "Older than Exchange 2013 SP1: install the latest cumulative update.",
            "A reverse proxy before it must pass /mapi on as it passes /ews."},
        .references = {"Microsoft: MAPI over HTTP in Exchange Server",
            "Microsoft: New-MapiVirtualDirectory"},
    },
    {
        .id = "M02",
        .layer = LAYER_PROTOCOL,
        .title = "The MAPI server cannot use the request: ours is wrong, or was changed on the way",
        .severity = SEVERITY_WARN,
        .when = when_request_wrong,
        .cause =
            "The server understood that this is MAPI over HTTP and refuses the form of the "
            "request: its verb, type, a header or the body. Headers that begin with X- are often "
            "taken away by proxies and firewalls; if nothing stands between, it is a fault of the "
            "client, here of exreach. It says nothing about the mailbox.",
        .looks_like =
            "HTTP 200 and X-ResponseCode 2 (verb), 3 (path), 4 (header), 5 (request type), 7 "
            "(missing header), 9 (too large) or 12 (body).",
        .fix = {"Compare with Outlook, or with exreach run on the server itself: if the same "
                "request works there, a proxy changes it; let it pass all X- headers and "
                "Content-Type application/mapi-http.",
            MAPI_LOGS ".",
            "If nothing stands between, report it with the output of: exreach probe mapi -vv "
            "{address}"},
        .references = {OXCMAPIHTTP_CODES, "[MS-OXCMAPIHTTP] 2.2.3.2 requests"},
    },
    {
        .id = "M03",
        .layer = LAYER_PROTOCOL,
        .title = "The MAPI session is not found again: its cookies or its server are lost",
        .severity = SEVERITY_FAIL,
        .when = when_session_lost,
        .cause =
            "Connect makes a session on one server, and its cookies lead every further request "
            "there. They did not: a proxy takes cookies away or changes them, a load balancer "
            "sends the next request to another server, or the server has forgotten the session "
            "because its application pool was recycled.",
        .looks_like =
            "Connect succeeds, the next request gets X-ResponseCode 6 (cookie), 10 (context not "
            "found), 13 (cookie missing) or 15 (sequence). X-FEServer or X-CalculatedBETarget "
            "differ between the two, or Connect's answer has no Set-Cookie.",
        .fix = {"Proxy or firewall: let Cookie and Set-Cookie of /mapi pass unchanged "
                "(MapiContext, MapiSequence, X-BackEndCookie), and do not repeat requests.",
            "Load balancer: keep a client on one server at least for a connection, and do not "
            "share one connection among clients.",
            "Server: look for recycled pools and restarts in its System log (WAS): "
            "MSExchangeMapiFrontEndAppPool, MSExchangeMapiMailboxAppPool.",
            MAPI_LOGS "."},
        .references = {OXCMAPIHTTP_CODES, "[MS-OXCMAPIHTTP] 3.1.1 Session Context",
            "Microsoft: Load balancing in Exchange Server"},
    },
    {
        .id = "M04",
        .layer = LAYER_PROTOCOL,
        .title = "The request reaches MAPI without an identity, although the logon went well",
        .severity = SEVERITY_FAIL,
        .when = when_identity_lost,
        .cause =
            "Somebody accepted the logon, and the MAPI service behind sees an anonymous request: "
            "a proxy that authenticates itself (pre-authentication) does not hand the identity on, "
            "or anonymous authentication is enabled on the virtual directory.",
        .looks_like = "HTTP 200 with X-ResponseCode 8 (anonymous not allowed) after the logon.",
        .fix = {"Pre-authenticating proxy: switch it to pass-through for /mapi, or give it "
                "Kerberos "
                "constrained delegation for HTTP/{host}.",
            "Server: only Windows authentication on /mapi, no anonymous: Get-MapiVirtualDirectory "
            "| Format-List Server,IISAuthenticationMethods, and the same in IIS on the back end."},
        .references = {OXCMAPIHTTP_CODES, "Microsoft: Set-MapiVirtualDirectory"},
    },
    {
        .id = "M05",
        .layer = LAYER_PROTOCOL,
        .title = "The MAPI session belongs to somebody else, says the server",
        .severity = SEVERITY_FAIL,
        .when = when_identity_lost,
        .cause =
            "A session belongs to the identity that opened it. The server saw another one with "
            "the same cookies: a proxy or load balancer shares authenticated connections among "
            "clients, or a proxy logs on as itself.",
        .looks_like = "Connect succeeds, the next request gets X-ResponseCode 11 (no privilege).",
        .fix = {"Load balancer or proxy: no connection multiplexing (OneConnect, connection reuse) "
                "for paths with NTLM or Kerberos; one connection of the client is one to the "
                "server.",
            "Start the program anew: it must open a new session after a change of account.",
            MAPI_LOGS " and compare the user names of both requests."},
        .references = {OXCMAPIHTTP_CODES, "[MS-OXCMAPIHTTP] 3.2.5.2 handling requests"},
    },
    {
        .id = "M06",
        .layer = LAYER_PROTOCOL,
        .title = "MAPI over HTTP is disabled on the server, or is just stopping",
        .severity = SEVERITY_FAIL,
        .when = when_disabled,
        .cause =
            "The endpoint is there and refuses to serve: MAPI over HTTP is off for the "
            "organisation or the mailbox, or the service is shutting down for maintenance or a "
            "restart. RPC over HTTP is another path and may work.",
        .looks_like = "X-ResponseCode 16 (endpoint disabled) or 18 (shutting down).",
        .fix = {"16: Get-OrganizationConfig | fl MapiHttpEnabled; Set-OrganizationConfig "
                "-MapiHttpEnabled $true",
            "The mailbox has a switch of its own: Get-CASMailbox {address} | fl MapiHttpEnabled; "
            "Set-CASMailbox {address} -MapiHttpEnabled $null (as the organisation has it)",
            "18: wait some minutes and run exreach again; Get-ServerComponentState SERVER "
            "-Component MapiProxy; Restart-WebAppPool MSExchangeMapiMailboxAppPool"},
        .references = {OXCMAPIHTTP_CODES, "Microsoft: Configure MAPI over HTTP"},
    },
    {
        .id = "M07",
        .layer = LAYER_PROTOCOL,
        .title = "A page of HTML answers in place of MAPI over HTTP, with status 200",
        .severity = SEVERITY_FAIL,
        .when = when_page,
        .cause =
            "After the logon /mapi answers 200, and what comes is a page for people: an error or "
            "sorry page of a load balancer, a portal, or a server's own error page. Monitors "
            "that look at the status only call it healthy.",
        .looks_like =
            "Content-Type text/html where application/mapi-http belongs, and no X-ResponseCode.",
        .fix = {"Open https://{host}/mapi/emsmdb/ in a browser and read the page: its words and "
                "the "
                "Server header say whose it is.",
            "Load balancer: look at the pool behind /mapi; a sorry page means that no server of it "
            "is up.",
            "Exchange: Get-ServerComponentState SERVER -Component MapiProxy, and the page "
            "https://{host}/mapi/healthcheck.htm"},
        .references = {"[MS-OXCMAPIHTTP] 2.2.2.2 responses"},
    },
    {
        .id = "M08",
        .layer = LAYER_PROTOCOL,
        .title = "The MAPI server is not Exchange but gromox (grommunio), with codes of its own",
        .severity = SEVERITY_INFO,
        .when = when_gromox,
        .cause =
            "gromox, the server of grommunio, speaks MAPI over HTTP and has numbered "
            "X-ResponseCode in its own way. Read with Exchange's table its codes mislead: 6 is a "
            "missing cookie there, 8 an unknown request type. exreach reads them by the server's "
            "own table.",
        .looks_like =
            "Server or X-ServerApplication names gromox or grommunio, or is always "
            "Exchange/15.00.0847.4040, or the page that comes with "
            "a code says another thing than the specification. 1 verb, 2 cookie, 3 header, 4 "
            "privilege, 5 body, 6 missing cookie, 7 sequence, 8 request type.",
        .fix = {"Nothing, where all works. Look failures up by gromox's numbers, in its own log: "
                "journalctl -u gromox-http",
            "If Exchange is expected there, the name or the load balancer leads elsewhere: look at "
            "the addresses of {host}."},
        .references = {"gromox: exch/mh, MAPI over HTTP handlers", OXCMAPIHTTP_CODES},
    },
};

RULES_COUNT(rules_mapi);
