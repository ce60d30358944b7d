#include "report/rules.h"

#include <inttypes.h>
#include <string.h>

#include "net/wire/text.h"
#include "report/profile.h"
#include "report/rule_rpc.h"

/* Who logs on to RPC over HTTP, and who is refused although the password is right. */

/* ---- T07 ---- */

bool is_switched_node(const struct check *check)
{
    const char *challenger = check_get_text(check, "auth.node_challenge", NULL);
    const char *refuser = check_get_text(check, "node", NULL);
    return check->outcome == OUTCOME_FAIL && check->layer == LAYER_AUTH && challenger != NULL &&
           refuser != NULL && !text_equal_nocase(challenger, refuser);
}

static void when_switched(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *logon = chain_cell(chain, LAYER_AUTH);
        if (logon == NULL || !is_switched_node(logon))
            continue;
        struct match *match = scan_match_list(scan, "load balancer before", chain->endpoint.host);
        match_cite(scan, match, chain, logon);
        match_say(scan, match,
            "%s sent the NTLM challenge, and our answer to it on the same connection came to %s",
            check_get_text(logon, "auth.node_challenge", ""), check_get_text(logon, "node", ""));
    }
}

/* ---- R03 ---- */

/* Says that this logon, and not those beside it, is refused. */
static bool is_path_refusal(const struct check *check)
{
    enum { UNAUTHORIZED = 401 };
    if (check->outcome != OUTCOME_FAIL)
        return false;
    if (is_rpc_line(check)) /* a channel that was to follow the one that logged on */
        return check_get_int(check, "rpc.in_status", 0) == UNAUTHORIZED ||
               check_get_int(check, "rpc.out_status", 0) == UNAUTHORIZED;
    enum cause cause = check->fault.cause;
    return strcmp(check->probe, "http.logon") == 0 && !is_switched_node(check) &&
           (cause == CAUSE_NO_SCHEME || cause == CAUSE_LOGON_REFUSED ||
               cause == CAUSE_TICKET_REFUSED || cause == CAUSE_CHANNEL_BINDING);
}

/* The schemes of an http.offer in words. */
static const char *offered(struct scan *scan, const struct chain *chain)
{
    const struct check *offer = chain_cell(chain, LAYER_HTTP);
    const char *text = check_is_good(offer) ? scan_texts(scan, offer, "http.schemes") : "";
    return *text != '\0' ? text : "no scheme";
}

/* Extended Protection is required for /mapi and /rpc alike: where both refuse, it is not /rpc. */
static bool refuses_mapi(const struct survey *survey, const struct chain *row)
{
    for (const struct chain *at = survey->chains; at != NULL; at = at->next) {
        const struct check *logon = chain_cell(at, LAYER_AUTH);
        if (at->endpoint.service == SERVICE_MAPI && logon != NULL &&
            strcmp(at->endpoint.host, row->endpoint.host) == 0 && logon->outcome == OUTCOME_FAIL &&
            is_path_refusal(logon))
            return true;
    }
    return false;
}

/* What the directory has for /rpc of this name: where it differs, somebody changed IIS (V07). */
static void say_wanted(struct scan *scan, struct match *match, const struct chain *row)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            const char *inside = check_get_text(at, "vdir.internal_host", "");
            const char *outside = check_get_text(at, "vdir.external_host", "");
            const char *key = text_equal_nocase(inside, row->endpoint.host)    ? "internal"
                              : text_equal_nocase(outside, row->endpoint.host) ? "external"
                                                                               : NULL;
            if (strcmp(at->probe, "ldap.vdir") != 0 || !check_is_good(at) || key == NULL ||
                strcmp(check_get_text(at, "vdir.service", ""), "rpc") != 0)
                continue;
            const char *wanted =
                scan_texts(scan, at, arena_printf(scan->arena, "vdir.auth_%s", key));
            if (*wanted != '\0')
                match_say(scan, match, "the directory has %s for %s", wanted,
                    at->subject != NULL ? at->subject : "it");
        }
    }
}

static void say_offers(
    struct scan *scan, struct match *match, const struct chain *chain, const struct chain *other)
{
    match_say(scan, match, "/rpc offers %s; %s at the same address offers %s and logs on",
        offered(scan, chain), service_title(other->endpoint.service), offered(scan, other));
}

static void found_path_refusal(
    struct scan *scan, const struct chain *chain, const struct check *check)
{
    const struct chain *other = rpc_neighbour(scan->survey, chain);
    bool line = is_rpc_line(check);
    if (!line && (other == NULL || refuses_mapi(scan->survey, chain)))
        return;
    struct match *match = scan_matchf(scan, "authentication of /rpc at %s", rpc_place(scan, chain));
    match_cite(scan, match, chain, check);
    if (line)
        match_say(scan, match,
            "%s is answered with 401 although a channel before it logged on in the same way: the "
            "two came to servers that do not agree",
            check_get_int(check, "rpc.in_status", 0) == 401 ? "RPC_IN_DATA" : "RPC_OUT_DATA");
    else {
        say_offers(scan, match, chain, other);
        say_wanted(scan, match, chain);
    }
}

bool is_rpc_scheme_missing(const struct survey *survey, const struct chain *chain)
{
    return is_rpc_http(chain) && check_failed(chain_cell(chain, LAYER_AUTH), CAUSE_NO_SCHEME) &&
           rpc_neighbour(survey, chain) != NULL && !refuses_mapi(survey, chain);
}

static void when_path_refused(struct scan *scan)
{
    rpc_scan(scan, is_path_refusal, found_path_refusal);
}

/* ---- A15 ---- */

static bool was_tunnelled(const struct check *check)
{
    int64_t out = check_get_int(check, "rpc.out_status", 200);
    return out == 200 && check_get_int(check, "rpc.in_status", 0) == 0 &&
           check_fact(check, "rpc.proxy_error") == NULL;
}

/* The HTTP logon is good, both channels stand, and RPC itself says no. */
static bool is_rpc_denial(const struct check *check)
{
    enum cause cause = check->fault.cause;
    if (!is_rpc_line(check) || check->outcome != OUTCOME_FAIL ||
        check->fault.origin != ORIGIN_RPC || !was_tunnelled(check))
        return false;
    bool nak = strcmp(check_get_text(check, "rpc.bind", "bind_ack"), "bind_ack") != 0;
    return cause == CAUSE_ACCESS_DENIED || cause == CAUSE_LOGON_REFUSED ||
           (nak && cause != CAUSE_SERVER_BUSY && cause != CAUSE_NOT_EXCHANGE);
}

static void found_denial(struct scan *scan, const struct chain *chain, const struct check *check)
{
    struct match *match = scan_matchf(
        scan, "RPC access of %s behind %s", scan->survey->target.account, rpc_place(scan, chain));
    match_cite(scan, match, chain, check);
    const char *fault = check_get_text(check, "rpc.fault", NULL);
    const char *level = check_get_text(check, "rpc.level", NULL);
    match_say(scan, match, "port %" PRId64 ": both HTTP channels stand; RPC answers with %s%s%s",
        check_get_int(check, "rpc.port", 0), fault != NULL ? "fault " : "",
        fault != NULL ? fault : check_get_text(check, "rpc.bind", "a refusal"),
        level != NULL ? arena_printf(scan->arena, " (protection: %s)", level) : "");
}

static void when_denied(struct scan *scan)
{
    rpc_scan(scan, is_rpc_denial, found_denial);
}

/* ---- A14 ---- */

enum { NTLMV2_ONLY = 3 /* [MS-NLMP] 3.1.1.1 LmCompatibilityLevel */ };

static int64_t lm_level(const struct survey *survey)
{
    const struct fact *fact = survey->vantage.registry;
    while (fact != NULL && strcmp(fact->key, "registry.lm_compatibility") != 0)
        fact = fact->next;
    return fact != NULL && fact->type == FACT_INT ? fact->integer : NTLMV2_ONLY;
}

/* A logon that worked: the application's own way in (RPC) or another one. */
static bool shows_logon(const struct chain *chain, bool rpc, bool ntlm)
{
    const struct check *logon = chain_cell(chain, LAYER_AUTH);
    if (!check_is_good(logon) || strcmp(logon->probe, "http.logon") != 0 ||
        rpc != (chain->endpoint.service == SERVICE_RPC))
        return false;
    return !ntlm || strcmp(check_get_text(logon, "auth.scheme", ""), "NTLM") == 0;
}

static void cite_logon(struct scan *scan, bool rpc, bool ntlm)
{
    int64_t level = lm_level(scan->survey);
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        if (!shows_logon(chain, rpc, ntlm))
            continue;
        const struct check *logon = chain_cell(chain, LAYER_AUTH);
        struct match *match =
            scan_match(scan, "", "LmCompatibilityLevel of the application server");
        match_say(scan, match,
            "the registry export has LmCompatibilityLevel %" PRId64
            ": that machine answers NTLM with LM and NTLMv1",
            level);
        match_cite(scan, match, chain, logon);
        match_say(scan, match, "%s",
            ntlm ? "exreach logs on with NTLMv2: name and password are right"
                 : "exreach logs on with Kerberos here; a program that takes NTLM would send "
                   "NTLMv1");
        return;
    }
}

static void when_old_ntlm(struct scan *scan)
{
    int64_t level = lm_level(scan->survey);
    if (level < 0 || level >= NTLMV2_ONLY)
        return;
    /* with NTLM on RPC, with NTLM elsewhere, with whatever worked */
    for (int i = 0; i < 4; i++) {
        bool found = false;
        for (const struct match *at = scan->matches; at != NULL; at = at->next)
            found |= at->rule == scan->rule;
        if (!found)
            cite_logon(scan, i % 2 == 0, i < 2);
    }
}

#define OUTLOOK_ANYWHERE "Microsoft: Set-OutlookAnywhere"
#define LM_LEVEL         "Microsoft: Network security: LAN Manager authentication level"

const struct rule rules_rpc_logon[] = {
    {
        .id = "T07",
        .layer = LAYER_AUTH,
        .title = "The load balancer spreads one NTLM logon over two servers",
        .severity = SEVERITY_FAIL,
        .when = when_switched,
        .cause =
            "NTLM logs a connection on, not a request: challenge and answer belong together. The "
            "load balancer before Exchange takes the requests of one connection apart and gives "
            "them to different servers, so that a server gets the answer to somebody else's "
            "challenge. Turned round, it lets one user's requests travel on a connection that "
            "another one has logged on: then mailboxes of strangers open.",
        .looks_like =
            "The 401 with the challenge (Type 2) names one server in X-FEServer, the 401 that "
            "follows our Type 3 another. Kerberos and Basic, which prove each request, work.",
        .fix = {"On the load balancer before {host}: no connection multiplexing, pooling or reuse "
                "towards Exchange (OneConnect on F5, TCP multiplexing on NetScaler), or the NTLM "
                "setting for it.",
            "Let a client's TCP connection stay with one server as long as it lives.",
            "Compare past it: exreach --connect {host}:443:ADDRESS-OF-A-SERVER {address}"},
        .references = {"[MS-NTHT] 1.3 overview: authentication of a connection",
            "Microsoft: Load balancing in Exchange Server"},
    },
    {
        .id = "R03",
        .layer = LAYER_AUTH,
        .title = "/rpc refuses a logon that other paths of the same server take",
        .severity = SEVERITY_FAIL,
        .when = when_path_refused,
        .cause =
            "Name and password are right: Autodiscover, EWS or OWA at the same address logs on. "
            "/rpc has authentication settings of its own (Set-OutlookAnywhere), and they do not "
            "fit: a scheme is missing that clients use, Extended Protection is required on this "
            "path while TLS ends before Exchange, or the two channels come to servers that are "
            "configured differently.",
        .looks_like =
            "401 to RPC_OUT_DATA with other schemes in WWW-Authenticate than the paths beside it, "
            "or 401 again after the last message of NTLM or Kerberos; or one channel is in and the "
            "other gets 401.",
        .fix = {"See what is set: Get-OutlookAnywhere | Format-List Server,*Host*,*Auth*,"
                "ExtendedProtection*,SSLOffloading",
            "Set it alike on every server: Set-OutlookAnywhere \"SERVER\\Rpc (Default Web Site)\" "
            "-IISAuthenticationMethods NTLM,Negotiate,Basic -InternalClientAuthenticationMethod "
            "Ntlm (and -ExternalClientAuthenticationMethod), not in IIS; then iisreset.",
            "SSLOffloading and Extended Protection do not go together: Set-OutlookAnywhere "
            "-SSLOffloading $false, and the server's own certificate on the load balancer.",
            "Remote Connectivity Analyzer: the test of Outlook connectivity shows the same step."},
        .references = {OUTLOOK_ANYWHERE,
            "Microsoft: Configure Windows Extended Protection in Exchange Server"},
    },
    {
        .id = "A15",
        .layer = LAYER_AUTH,
        .title = "RPC says access denied although HTTP logged the account on",
        .severity = SEVERITY_FAIL,
        .when = when_denied,
        .cause =
            "Two logons are stacked: HTTP's at the proxy, which worked, and RPC's at the server "
            "behind it, which did not. Microsoft's own causes: LmCompatibilityLevel of server, "
            "domain controller and client do not fit together, the account may not \"Access this "
            "computer from the network\", or a new password has not reached every domain "
            "controller.",
        .looks_like =
            "200 on RPC_OUT_DATA, CONN/A3 and CONN/C2 came; then bind_nak, or a fault PDU with "
            "status 5 (ERROR_ACCESS_DENIED), without encryption and with it.",
        .fix = {"On the Exchange servers: Local Security Policy, User Rights Assignment, Access "
                "this computer from the network: Authenticated Users must be in, and the account "
                "in none of the Deny entries.",
            "LmCompatibilityLevel under HKLM\\SYSTEM\\CurrentControlSet\\Control\\Lsa: the same on "
            "servers and controllers, 3 or more on clients.",
            "After a change of password: repadmin /showrepl; wait for replication.",
            "The security log of the mailbox server has event 4625 with the reason."},
        .references = {"[MS-RPCE] 3.3.3.5 fault status", "[MS-ERREF] 2.2 Win32 error codes",
            LM_LEVEL},
    },
    {
        .id = "A14",
        .layer = LAYER_AUTH,
        .title = "The application server answers NTLM with NTLMv1, which Exchange may refuse",
        .severity = SEVERITY_WARN,
        .when = when_old_ntlm,
        .cause =
            "LmCompatibilityLevel below 3 makes Windows clients send LM and NTLMv1. Domain "
            "controllers with level 5 refuse them, and channel bindings (Extended Protection, on "
            "by default since Exchange 2019 CU14) exist in NTLMv2 only. The user is prompted again "
            "and again with the right password. exreach itself speaks NTLMv2 and Kerberos, so its "
            "own rows are green.",
        .looks_like =
            "NTLMv2 from another machine, or from exreach, logs on with the same password. The "
            "registry of the application server has LmCompatibilityLevel 0, 1 or 2.",
        .fix = {"On the application server: reg add HKLM\\SYSTEM\\CurrentControlSet\\Control\\Lsa "
                "/v "
                "LmCompatibilityLevel /t REG_DWORD /d 5 /f, or Local Security Policy: Network "
                "security: LAN Manager authentication level, Send NTLMv2 response only.",
            "If a group policy sets it, change it there. The default of Windows since 2008 is 3."},
        .references = {"[MS-NLMP] 3.1.1.1 LmCompatibilityLevel", LM_LEVEL,
            "Microsoft: Configure Windows Extended Protection in Exchange Server"},
    },
};

RULES_COUNT(rules_rpc_logon);
