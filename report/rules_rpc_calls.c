#include "report/rules.h"

#include <inttypes.h>
#include <string.h>

#include "net/wire/ecodes.h"
#include "net/wire/text.h"
#include "report/rule_rpc.h"

/* What RPC itself wants or refuses, and who needs RPC over TCP. */

/* ---- R07 ---- */

/* By its own code: Exchange 2010 denies bare calls for want of a logon, whatever is required. */
static bool wants_encryption(const struct check *check)
{
    if (is_rpc_line(check) && check_is_good(check))
        return text_find_nocase(
                   check_get_text(check, "rpc.bare", ""), ecode_name(EC_NOT_ENCRYPTED)) != NULL;
    return check->outcome == OUTCOME_FAIL && check->fault.origin == ORIGIN_MAPI &&
           check->fault.code == EC_NOT_ENCRYPTED;
}

static void found_encryption(
    struct scan *scan, const struct chain *chain, const struct check *check)
{
    struct match *match = scan_matchf(scan, "RPC without encryption at %s", chain->endpoint.host);
    match_cite(scan, match, chain, check);
    const char *bare = check_get_text(check, "rpc.bare", NULL);
    if (bare != NULL)
        match_say(scan, match, "port %" PRId64 " refuses RPC without encryption: %s",
            check_get_int(check, "rpc.port", 0), bare);
    match_say(scan, match, "%s",
        check_is_good(check)
            ? "encrypted (packet privacy) the same call is taken: programs that encrypt work"
            : "encrypted the call is refused as well: nothing gets in");
}

static void when_encryption(struct scan *scan)
{
    rpc_scan(scan, wants_encryption, found_encryption);
}

/* ---- R08 ---- */

static bool is_prohibited(const struct check *check)
{
    return check->outcome == OUTCOME_FAIL && check->fault.origin == ORIGIN_MAPI &&
           check->fault.code == EC_RPC_HTTP_DISALLOWED;
}

static void found_prohibited(
    struct scan *scan, const struct chain *chain, const struct check *check)
{
    struct match *match = scan_matchf(
        scan, "mailbox %s", check->subject != NULL ? check->subject : scan->survey->target.address);
    match_cite(scan, match, chain, check);
    for (const struct chain *at = scan->survey->chains; at != NULL; at = at->next) {
        if (at->endpoint.service == SERVICE_MAPI && check->subject == NULL &&
            check_is_good(chain_cell(at, LAYER_PROTOCOL)))
            match_say(scan, match, "MAPI over HTTP opens it at %s: only RPC over HTTP is barred",
                at->endpoint.host);
    }
}

static void when_prohibited(struct scan *scan)
{
    rpc_scan(scan, is_prohibited, found_prohibited);
}

/* ---- R09 ---- */

/* Port 135 is closed, or its endpoint mapper does not know the store. */
static const struct check *missing_tcp(const struct chain *chain)
{
    const struct check *connect = chain_cell(chain, LAYER_TCP);
    const struct check *mapper = chain_cell(chain, LAYER_HTTP);
    if (connect != NULL && connect->outcome == OUTCOME_FAIL)
        return connect;
    return mapper != NULL && mapper->outcome == OUTCOME_FAIL ? mapper : NULL;
}

bool is_rpc_tcp_absent(const struct survey *survey, const struct chain *chain)
{
    return is_rpc_tcp(chain) && missing_tcp(chain) != NULL && has_rpc_http(survey);
}

static void when_no_tcp(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        if (!is_rpc_tcp_absent(scan->survey, chain))
            continue;
        struct match *match = scan_match_list(scan, "RPC over TCP at", chain->endpoint.host);
        match_cite(scan, match, chain, missing_tcp(chain));
        match_say(scan, match, "RPC over HTTP is there: clients of Exchange 2013 and later use it");
        match->harmless = true;
    }
}

const struct rule rules_rpc_calls[] = {
    {
        .id = "R04",
        .layer = LAYER_HTTP,
        .title = "A GET of rpcproxy.dll is answered with 503 after the logon: healthy",
        .severity = SEVERITY_INFO,
        .when = NULL, /* nothing is wrong: told here, never found */
        .cause =
            "Many a guide tells you to open https://HOST/rpc/rpcproxy.dll in a browser. An RPC "
            "proxy knows RPC_IN_DATA and RPC_OUT_DATA only, and older ones answer a GET with 503 "
            "once the logon is through, newer ones with an empty page. Neither says anything about "
            "RPC over HTTP. exreach never reports it: it sends the real verbs, and asks for GET "
            "only where they were rejected (R05).",
        .looks_like =
            "GET /rpc/rpcproxy.dll: 401 without credentials, 503 with them, and RPC_OUT_DATA on "
            "the same path 200.",
        .fix = {"Nothing. Judge RPC over HTTP by its own row: exreach --only rpc {address}"},
        .references = {"[MS-RPCH] 2.1.2.1 HTTP transport"},
    },
    {
        .id = "R07",
        .layer = LAYER_PROTOCOL,
        .title = "The servers take RPC only when it is encrypted, even inside TLS",
        .severity = SEVERITY_INFO,
        .when = when_encryption,
        .cause =
            "Exchange can demand that RPC itself is encrypted (packet privacy), although HTTPS "
            "encrypts already. exreach does without first, as RPC over HTTP allows, and encrypts "
            "when it is told to. Outlook encrypts by default since 2007. A MAPI/CDO program takes "
            "it from its profile, and one whose profile does not say so is refused.",
        .looks_like =
            "EcDoConnectEx without encryption: ecNotEncrypted (0x970, 2416). With NTLM or Kerberos "
            "at level privacy in the bind the same call succeeds. Where that fails, too, clients "
            "get nowhere. An unencrypted call denied for another reason is no sign of it: Exchange "
            "2010 denies it to who has logged on to HTTP alone.",
        .fix = {"In the profile of the program: More Settings, Security, Encrypt data between "
                "Microsoft Outlook and Microsoft Exchange.",
            "See the setting: Get-RpcClientAccess | Format-List Server,EncryptionRequired; "
            "Get-MailboxServer | Format-List Name,MAPIEncryptionRequired",
            "To take RPC without encryption again: Set-RpcClientAccess -Server SERVER "
            "-EncryptionRequired $false (HTTPS still encrypts)."},
        .references = {"[MS-OXCRPC] 3.1.4.1 EcDoConnectEx, ecNotEncrypted",
            "Microsoft: Set-RpcClientAccess, EncryptionRequired"},
    },
    {
        .id = "R08",
        .layer = LAYER_PROTOCOL,
        .title = "RPC over HTTP is forbidden for this mailbox",
        .severity = SEVERITY_FAIL,
        .when = when_prohibited,
        .cause =
            "The mailbox has MAPIBlockOutlookRpcHttp set. HTTP, the logon and RPC work; the store "
            "refuses to connect. Outlook may not notice, for it has MAPI over HTTP; a MAPI/CDO "
            "program has nothing else.",
        .looks_like =
            "EcDoConnectEx or RopLogon: ecRpcHttpDisallowed (0x4e0). Other mailboxes open on the "
            "same way. Where the directory may be read, protocolSettings says it (D10).",
        .fix = {"See: Get-CASMailbox {address} | Format-List MAPI*",
            "Allow it: Set-CASMailbox {address} -MAPIBlockOutlookRpcHttp $false",
            "Ask first who set it: it may be a rule of the organisation for all mailboxes."},
        .references = {"Microsoft: Set-CASMailbox, MAPIBlockOutlookRpcHttp",
            "[MS-OXCRPC] 3.1.4.1 EcDoConnectEx, ecRpcHttpDisallowed"},
    },
    {
        .id = "R09",
        .layer = LAYER_TCP,
        .title = "There is no RPC over TCP: since Exchange 2013 there is none",
        .severity = SEVERITY_INFO,
        .when = when_no_tcp,
        .cause =
            "Until Exchange 2010 MAPI clients asked the endpoint mapper on port 135 for the ports "
            "of store and address book. Exchange 2013 and later take RPC over HTTP and MAPI over "
            "HTTP only. Port 135 may be closed, or its mapper, which every Windows has, does not "
            "know Exchange: both are right as long as RPC over HTTP is there.",
        .looks_like =
            "Port 135 refuses or drops, or ept_map for EMSMDB (a4f1db00-ca47-1067-b31f-"
            "00dd010662da) finds nothing, while /rpc on 443 answers. With Exchange 2010 it would "
            "be a fault: service MSExchangeRPC, or a firewall.",
        .fix = {"Nothing on the server. A program that insists on a server's host name and port "
                "135 needs a profile with HTTP: Connect to Microsoft Exchange using HTTP.",
            "Old MAPI/CDO profiles: make them anew with the name from Autodiscover "
            "(GUID@domain) and the RPC proxy {host}.",
            "Autodiscover still names a host in EXCH where an Exchange 2010 was: look for it with "
            "Get-ExchangeServer."},
        .references = {"[MS-OXCRPC] 1.9 the interface's UUID",
            "Microsoft: What's discontinued in Exchange 2013, RPC over TCP"},
    },
};

RULES_COUNT(rules_rpc_calls);
