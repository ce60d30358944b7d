#include "report/rules.h"

#include <string.h>

#include "net/wire/ecodes.h"
#include "net/wire/text.h"
#include "report/rule_mapi.h"

/* What the store answers when a mailbox is to be opened: over HTTP and over RPC the same codes. */

enum { CODES_MAX = 4 };

/* Words beside the code, where there is more to see. */
typedef void say_more(
    struct scan *scan, struct match *match, const struct chain *chain, const struct check *check);

static say_more say_dn, say_age, say_redirect, say_own_share, say_move, say_home;

static const struct answer {
    const char *rule;
    uint32_t codes[CODES_MAX]; /* a 0 ends them */
    say_more *say;             /* or NULL */
} answers[] = {
    {"M09", {EC_LOGIN_FAILURE}, NULL},
    {"M10", {EC_UNKNOWN_USER, EC_UNKNOWN_MAILBOX}, say_dn},
    {"M11", {EC_LOGIN_PERM}, say_age},
    {"M12", {EC_WRONG_SERVER}, say_redirect},
    {"M13", {EC_SERVER_PAUSED}, say_own_share},
    {"M14", {EC_MAILBOX_IN_TRANSIT, EC_MAILBOX_DISABLED}, say_move},
    {"M15", {EC_PROFILE_NOT_CONFIGURED}, say_home},
    {"M17", {EC_CACHED_MODE_REQUIRED}, NULL},
    {"M18", {EC_CLIENT_VERSION_DISALLOWED, EC_VERSION_MISMATCH}, NULL},
};

static const struct answer *answer_of(const struct rule *rule)
{
    size_t i = 0;
    while (strcmp(answers[i].rule, rule->id) != 0)
        i++;
    return &answers[i];
}

static bool has_code(const struct answer *answer, uint32_t code)
{
    for (size_t i = 0; i < CODES_MAX && answer->codes[i] != EC_NONE; i++) {
        if (answer->codes[i] == code)
            return true;
    }
    return false;
}

/* The account's own mailbox: the session with the store is opened for it. */
static bool is_own(const struct check *check)
{
    return mapi_is(check, "connect") || mapi_is(check, "mailbox");
}

static bool is_of_mailbox(const struct check *check)
{
    return is_own(check) || mapi_is(check, "mailbox_of");
}

static void when_answered(struct scan *scan)
{
    const struct answer *answer = answer_of(scan->rule);
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (!is_of_mailbox(at) || !has_code(answer, mapi_code(at)))
                continue;
            struct match *match = scan_match_list(scan, "mailbox", mapi_mailbox(scan->survey, at));
            match_cite(scan, match, chain, at);
            if (answer->say != NULL)
                answer->say(scan, match, chain, at);
        }
    }
}

/* The same code for the public folders: where mailboxes get it, it is not theirs. */
static bool answer_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    (void)survey;
    return mapi_is(check, "public") && has_code(answer_of(match->rule), mapi_code(check));
}

/* The store pauses who was sent elsewhere and came back. */
static bool redirect_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    return answer_explains(survey, match, check) ||
           ((is_of_mailbox(check) || mapi_is(check, "public")) &&
               mapi_code(check) == EC_SERVER_PAUSED);
}

/* ---- what else is known ---- */

/* A fact that checks of this probe have of the mailbox that `check` is about, or NULL. */
static const char *fact_of(
    const struct survey *survey, const struct check *check, const char *probe, const char *key)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            const char *text = strcmp(at->probe, probe) == 0 && check_answered(at)
                                   ? check_get_text(at, key, NULL)
                                   : NULL;
            bool same = check->subject == NULL
                            ? at->subject == NULL
                            : at->subject != NULL && text_equal_nocase(at->subject, check->subject);
            if (text != NULL && same)
                return text;
        }
    }
    return NULL;
}

/* What the directory has of the mailbox's object. */
static const char *recipient_fact(
    const struct survey *survey, const struct check *check, const char *key)
{
    return fact_of(survey, check, check->subject != NULL ? "ldap.other" : "ldap.recipient", key);
}

/* The DN that is sent comes from Autodiscover, and the directory has the truth. */
static void say_dn(
    struct scan *scan, struct match *match, const struct chain *chain, const struct check *check)
{
    const struct survey *survey = scan->survey;
    const char *sent =
        check->subject == NULL ? mapi_text(scan, mapi_check(chain, "connect"), "user_dn") : NULL;
    const char *source = mapi_text(scan, mapi_check(chain, "connect"), "user_dn_source");
    const char *right = recipient_fact(survey, check, "recipient.legacy_dn");
    if (right == NULL && check->subject == NULL)
        right = fact_of(survey, check, "ldap.account", "account.legacy_dn");
    if (sent != NULL)
        match_say(scan, match, "the DN that was sent is %s (from %s)", sent,
            source != NULL ? source : "nobody knows where");
    if (right == NULL)
        return;
    if (sent == NULL)
        match_say(scan, match, "legacyExchangeDN in the directory is %s", right);
    else if (text_equal_nocase(sent, right))
        match_say(scan, match,
            "the directory has the same legacyExchangeDN: the DN is right, the store does not "
            "know the mailbox (yet): no enabled mailbox is connected to it");
    else
        match_say(scan, match, "the directory has another one: legacyExchangeDN is %s", right);
}

static void say_age(
    struct scan *scan, struct match *match, const struct chain *chain, const struct check *check)
{
    const char *made = recipient_fact(scan->survey, check, "recipient.mailbox_created");
    const struct check *own = mapi_check(chain, "mailbox");
    if (made != NULL)
        match_say(scan, match, "the mailbox was made at %s", made);
    if (check->subject != NULL && check_is_good(own))
        match_say(scan, match,
            "the account opens its own mailbox: this one wants its owner first, or the account "
            "has no right to it");
    for (const struct chain *at = scan->survey->chains; at != NULL; at = at->next) {
        const struct check *owa = chain_cell(at, LAYER_MAILBOX);
        if (check->subject == NULL && check_answered(owa) &&
            check_get_bool(owa, "owa.first_logon", false))
            match_say(scan, match,
                "OWA still asks for language and time zone: nobody has opened "
                "the mailbox yet");
    }
}

/* Recorded where the redirection was followed, or could not be. */
static const struct fact *followed(const struct check *check)
{
    const struct fact *fact = check_fact(check, "mapi.redirect_followed");
    return fact != NULL ? fact : check_fact(check, "rpc.redirect_followed");
}

static void say_redirect(
    struct scan *scan, struct match *match, const struct chain *chain, const struct check *check)
{
    const char *server = mapi_text(scan, check, "redirect");
    const char *home = recipient_fact(scan->survey, check, "recipient.home_server");
    (void)chain;
    if (server == NULL)
        match_say(scan, match, "the answer names no other server");
    else if (followed(check) == NULL)
        match_say(scan, match, "it names %s", server); /* the run's share was used up */
    else if (followed(check)->boolean)
        match_say(scan, match,
            "it names %s; exreach asked there once, and got the same answer: the servers disagree "
            "about where the mailbox is",
            server);
    else
        match_say(
            scan, match, "it names %s, which exreach could not reach on this connection", server);
    if (home != NULL)
        match_say(scan, match, "the directory's msExchHomeServerName is %s", home);
}

static bool was_sent_elsewhere(const struct check *check)
{
    return check_fact(check, "mapi.redirect") != NULL || check_fact(check, "rpc.redirect") != NULL;
}

/* Six wrong logons in ten seconds are needed; a run makes five at most. */
static void say_own_share(
    struct scan *scan, struct match *match, const struct chain *chain, const struct check *check)
{
    int count = 0;
    (void)chain, (void)check;
    for (const struct chain *at = scan->survey->chains; at != NULL; at = at->next) {
        for (const struct check *one = at->checks; one != NULL; one = one->next)
            count += check_answered(one) && was_sent_elsewhere(one) ? 1 : 0;
    }
    if (count > 0)
        match_say(scan, match,
            "this run itself was sent to another server %d time%s, and stops long before the limit "
            "of five in ten seconds: other clients use the wrong server, too",
            count, count == 1 ? "" : "s");
    else
        match_say(scan, match,
            "this run itself was never sent to another server: other clients of the account are, "
            "and do not follow");
}

/* D12 has read the move from the directory: then this follows from it. */
static void say_move(
    struct scan *scan, struct match *match, const struct chain *chain, const struct check *check)
{
    const char *move = recipient_fact(scan->survey, check, "recipient.move");
    const char *mailbox = mapi_mailbox(scan->survey, check);
    (void)chain;
    if (move != NULL)
        match_say(scan, match, "msExchMailboxMoveStatus: %s", move);
    for (struct match *at = scan->matches; at != NULL; at = at->next) {
        if (strcmp(at->rule->id, "D12") == 0 && match_names(at, mailbox) &&
            mapi_code(check) == EC_MAILBOX_IN_TRANSIT)
            match_explain(scan, at, check);
    }
}

static void say_home(
    struct scan *scan, struct match *match, const struct chain *chain, const struct check *check)
{
    const char *home = recipient_fact(scan->survey, check, "recipient.home_server");
    const char *asked = check_get_text(check, "http.back_end", chain_node(chain));
    if (home != NULL)
        match_say(scan, match, "the directory's msExchHomeServerName is %s", home);
    if (asked != NULL)
        match_say(scan, match, "%s was asked", asked);
}

const struct rule rules_store[] = {
    {
        .id = "M09",
        .layer = LAYER_MAILBOX,
        .title = "The store could not log the user on (ecLoginFailure), although HTTP and RPC did",
        .severity = SEVERITY_FAIL,
        .when = when_answered,
        .explains = answer_explains,
        .cause =
            "The password is right: the logon before the store's has shown it. The store itself "
            "could not make the user a session: the database is offline, the server cannot look "
            "the user up in the directory, or the mailbox is not where the client was sent. "
            "Clients call it MAPI_E_LOGON_FAILED.",
        .looks_like = "EcDoConnectEx or RopLogon returns 0x80040111.",
        .fix = {"Is the database mounted: Get-Mailbox {address} | Get-MailboxDatabase -Status | "
                "Format-List Name,Mounted,Server",
            "Ask Autodiscover anew where the mailbox is, and make the program's profile anew.",
            "Then the account: Get-User {user} | fl UserAccountControl,WhenChanged; Get-Mailbox "
            "{address} | fl Database,ExchangeGuid,LinkedMasterAccount",
            "Look at the Application log of the mailbox server: MSExchangeIS, MSExchange ADAccess"},
        .references = {OXCSTOR_LOGON, OXCDATA_CODES},
    },
    {
        .id = "M10",
        .layer = LAYER_MAILBOX,
        .title = "The store knows no mailbox with the DN that it was asked for (ecUnknownUser)",
        .severity = SEVERITY_FAIL,
        .when = when_answered,
        .explains = answer_explains,
        .cause =
            "MAPI names a mailbox by its legacyExchangeDN. The one sent is that of no enabled "
            "mailbox: it is an old one (the mailbox was moved between organisations or made anew), "
            "or the mailbox is disabled or not connected. An X500 address with the old DN keeps "
            "old profiles and replies working.",
        .looks_like = "RopLogon returns 0x3EB, EcDoConnectEx 0x3EB or 0x89B. Compare the DN sent "
                      "with legacyExchangeDN in the directory.",
        .fix = {"See it: Get-Mailbox {address} | Format-List LegacyExchangeDN,EmailAddresses,"
                "ExchangeGuid,Database",
            "The DN differs: make the program's profile anew; keep the old DN as an alias: "
            "Set-Mailbox {address} -EmailAddresses @{add=\"X500:OLD DN\"}",
            "The DN is right: Get-MailboxStatistics {address}; Update-StoreMailboxState; a new "
            "mailbox needs the directory's replication first."},
        .references = {OXCSTOR_LOGON, OXCDATA_CODES},
    },
    {
        .id = "M11",
        .layer = LAYER_MAILBOX,
        .title = "The mailbox wants its owner to log on first (ecLoginPerm)",
        .severity = SEVERITY_FAIL,
        .when = when_answered,
        .explains = answer_explains,
        .cause =
            "A mailbox that nobody has ever opened is initialised by the first logon of its owner; "
            "whoever else comes first is refused. The same code is given to an account that has "
            "no right to the mailbox at all.",
        .looks_like = "RopLogon returns 0x3F2, for a new mailbox, to somebody else than its owner.",
        .fix = {"Log on once as the owner, for instance in OWA (https://HOST/owa/), or send it a "
                "message.",
            "Set-MailboxRegionalConfiguration {address} -Language en-US -TimeZone \"W. Europe "
            "Standard Time\" -LocalizeDefaultFolderName",
            "An old mailbox: grant the right: Add-MailboxPermission {address} -User {user} "
            "-AccessRights FullAccess"},
        .references = {OXCSTOR_LOGON},
    },
    {
        .id = "M12",
        .layer = LAYER_MAILBOX,
        .title = "The mailbox is on another server than the one asked (ecWrongServer)",
        .severity = SEVERITY_FAIL,
        .when = when_answered,
        .explains = redirect_explains,
        .cause =
            "The store that was asked does not hold the mailbox and names the server that should. "
            "After a move that is normal once, and clients follow. exreach followed once, too: "
            "the other server sends back, or cannot be reached: the directory is not replicated, "
            "the database has just failed over, or the client uses a fixed server name.",
        .looks_like = "RopLogon returns 0x478 with a server name, on each server again.",
        .fix = {"Where is it: Get-Mailbox {address} | Format-List Database,ServerName; "
                "Get-MailboxDatabaseCopyStatus DATABASE",
            "Give the program the name that Autodiscover has (GUID@domain), no server's own name; "
            "make its profile anew.",
            "Just moved or failed over: wait for the directory's replication; if it stays, restart "
            "the application pools MSExchangeMapiMailboxAppPool and MSExchangeRpcProxyAppPool."},
        .references = {OXCSTOR_LOGON, "[MS-OXCSTOR] 2.2.1.1.2 redirect response"},
    },
    {
        .id = "M13",
        .layer = LAYER_MAILBOX,
        .title = "The server pauses logons: too many came to the wrong server (ecServerPaused)",
        .severity = SEVERITY_FAIL,
        .when = when_answered,
        .explains = answer_explains,
        .cause =
            "After more than five logons within ten seconds to a server that does not hold the "
            "mailbox, the store refuses the user for a while. Somebody does not follow its "
            "redirections: a program with a fixed server name, or a probe that is too quick. "
            "exreach stops at five in a run.",
        .looks_like = "RopLogon returns 0x47F after several 0x478 (wrong server).",
        .fix = {"Wait a minute with all programs of this account stopped, then run exreach once.",
            "Find who does it: Get-LogonStatistics {address} (Exchange 2010), or the RPC Client "
            "Access and MapiHttp logs, by user.",
            "Give that program the server that Autodiscover names, and slow its retries down."},
        .references = {OXCSTOR_LOGON},
    },
    {
        .id = "M14",
        .layer = LAYER_MAILBOX,
        .title = "The mailbox is being moved, or is disabled: the store does not open it now",
        .severity = SEVERITY_FAIL,
        .when = when_answered,
        .explains = answer_explains,
        .cause =
            "ecMailboxInTransit: a move locks the mailbox for its last step; it opens again when "
            "the move is done. ecMailboxDisabled: the mailbox was disabled or its account was, and "
            "stays so until somebody enables it.",
        .looks_like = "RopLogon returns 0x50C (in transit) or 0x96C (disabled).",
        .fix =
            {"0x50C: Get-MoveRequest {address} | Get-MoveRequestStatistics; wait for its end, or "
             "Resume-MoveRequest / Remove-MoveRequest {address} if it hangs.",
                "0x96C: Get-MailboxStatistics {address} | fl DisconnectReason,DisconnectDate; "
                "Connect-Mailbox, or Enable-Mailbox {address}",
                "Then start the program anew."},
        .references = {OXCSTOR_LOGON, "Microsoft: Get-MoveRequestStatistics"},
    },
    {
        .id = "M15",
        .layer = LAYER_MAILBOX,
        .title = "The server is not the mailbox's home, and gives no way there "
                 "(ecProfileNotConfigured)",
        .severity = SEVERITY_FAIL,
        .when = when_answered,
        .explains = answer_explains,
        .cause =
            "The store asked does not hold the mailbox and expects that only administrators come "
            "to it for such a one. Normal clients must go to the mailbox's own server; other than "
            "with ecWrongServer it does not say which.",
        .looks_like = "RopLogon returns 0x11C.",
        .fix = {"Use the server that Autodiscover names for {address}; no fixed server name.",
            "Where is it: Get-Mailbox {address} | Format-List Database,ServerName; after a move "
            "wait for the directory's replication.",
            "A profile made before the mailbox was moved: make it anew."},
        .references = {OXCSTOR_LOGON, OXCDATA_CODES},
    },
    {
        .id = "M17",
        .layer = LAYER_PROTOCOL,
        .title = "The mailbox may be opened by clients in cached mode only",
        .severity = SEVERITY_FAIL,
        .when = when_answered,
        .explains = answer_explains,
        .cause =
            "MAPIBlockOutlookNonCachedMode is set for the mailbox: clients that work online are "
            "refused. MAPI/CDO and server programs keep no cache, so they can never open it.",
        .looks_like = "EcDoConnectEx or Connect returns 0x4E1 (1249, ecCachedModeRequired).",
        .fix = {"Allow it for the service account: Set-CASMailbox {address} "
                "-MAPIBlockOutlookNonCachedMode $false",
            "See it: Get-CASMailbox {address} | fl MAPI*",
            "It may take two hours until every server has noticed; restarting the application pool "
            "is quicker."},
        .references = {"Microsoft: Set-CASMailbox",
            "Microsoft Remote Connectivity Analyzer: cached mode required for this mailbox",
            OXCDATA_CODES},
    },
    {
        .id = "M18",
        .layer = LAYER_PROTOCOL,
        .title = "The server blocks the version of the client",
        .severity = SEVERITY_FAIL,
        .when = when_answered,
        .explains = answer_explains,
        .cause =
            "MAPIBlockOutlookVersions of the mailbox, or BlockedClientVersions of the server, "
            "refuses the version that the client tells. exreach calls itself a current Outlook "
            "2016; MAPI/CDO 1.2.1 tells 6.5.8353, and old blocks are aimed at such numbers. "
            "Where RPC encryption is required, some servers answer the same to who does not "
            "encrypt.",
        .looks_like =
            "EcDoConnectEx or Connect returns 0x4DF (ecClientVerDisallowed) or 0x80040110 "
            "(ecVersionMismatch): client and server versions are not compatible.",
        .fix = {"Mailbox: Get-CASMailbox {address} | fl MAPIBlockOutlookVersions; Set-CASMailbox "
                "{address} -MAPIBlockOutlookVersions $null",
            "Server: Get-RpcClientAccess | fl Server,BlockedClientVersions,EncryptionRequired",
            "Or exempt the application's version from the block, and update the application."},
        .references = {"Microsoft: Set-CASMailbox, MAPIBlockOutlookVersions",
            "Microsoft Remote Connectivity Analyzer: client and server versions are not "
            "compatible"},
    },
};

RULES_COUNT(rules_store);
