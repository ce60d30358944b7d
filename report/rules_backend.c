#include "report/rules.h"

#include <string.h>

#include "net/wire/ecodes.h"
#include "net/wire/failurecontext.h"
#include "net/wire/text.h"
#include "report/rule_mapi.h"

/* The front end is in order, and what is behind it is not: its own words in X-FailureContext and
 * X-CasErrorCode, and the store's where a database is not mounted. */

/* ---- what the front end says ---- */

enum { SERVER_ERRORS = 500 };

struct failure {
    bool told;             /* such a header is there, and speaks of what is behind */
    bool back_end;         /* the mailbox server answered so; else the front end did not find it */
    const char *sub_code;  /* "ServerLocatorError", "2004", or "" */
    const char *details;   /* its words, or "" */
    const struct sub *sub; /* what the sub-code means, or NULL */
};

/* The proxy's own codes; on the wire there is the number or the name. */
static const struct sub {
    const char *number, *name, *words;
} subs[] = {
    {"2001", "DirectoryOperationError", "the front end could not ask its directory"},
    {"2002", "MServOperationError", "the front end could not ask where the mailbox is"},
    {"2003", "ServerDiscoveryError", "the front end found no server for the mailbox"},
    {"2004", "ServerLocatorError",
        "the front end could not find out where the mailbox's database is mounted"},
    {"2011", "TooManyOutstandingProxyRequests", "the front end waits for too many answers"},
    {"2012", "TooManyOutstandingAuthenticationRequests", "the front end waits for too many logons"},
    {"2013", "RpcHttpConnectionEstablishmentTimeout",
        "the mailbox server did not take the RPC connection in time"},
    {"2014", "BackEndRequestTimedOut", "the mailbox server did not answer in time"},
    {"3003", "MailboxGuidWithDomainNotFound", "nobody knows the mailbox GUID that was asked for"},
    {"3004", "DatabaseNameNotFound", "nobody knows the mailbox's database by its name"},
    {"3005", "DatabaseGuidNotFound", "nobody knows the mailbox's database by its GUID"},
    {"3006", "OrganizationMailboxNotFound", "the organisation's own mailbox is missing"},
    {"3007", "ServerNotFound", "the mailbox server is not in the directory"},
};

static const struct sub *find_sub(const char *code)
{
    for (size_t i = 0; i < sizeof subs / sizeof subs[0]; i++) {
        if (strcmp(subs[i].number, code) == 0 || text_equal_nocase(subs[i].name, code))
            return &subs[i];
    }
    return NULL;
}

static struct failure read_context(struct scan *scan, const char *value)
{
    struct failure_context context;
    (void)failure_context_read(scan->arena, value, &context);
    struct failure failure = {.sub_code = context.sub_code, .details = context.details};
    failure.back_end = strcmp(context.point, "BackEnd") == 0;
    failure.sub = find_sub(failure.sub_code);
    failure.told = failure.back_end || strcmp(context.point, "FrontEnd") == 0;
    return failure;
}

/* Only with a status that blames a server: 401 is a logon's, 404 a name's (R02). */
static struct failure read_failure(struct scan *scan, const struct check *check)
{
    static const char context[] = "X-FailureContext: ", error[] = "X-CasErrorCode: ";
    bool bad = check_is_bad(check) && check_get_int(check, "http.status", 0) >= SERVER_ERRORS;
    const char *text = bad ? check_get_text(check, "http.failure", "") : "";
    if (strncmp(text, context, sizeof context - 1) == 0)
        return read_context(scan, text + sizeof context - 1);
    struct failure failure = {.details = "", .sub_code = ""};
    if (strncmp(text, error, sizeof error - 1) != 0)
        return failure;
    failure.sub_code = text + sizeof error - 1;
    failure.sub = find_sub(failure.sub_code);
    failure.told = failure.sub != NULL;
    return failure;
}

/* ---- V05 ---- */

/* The store says that the database is not mounted, EWS that it cannot be had. */
static bool says_offline(const struct check *check)
{
    return mapi_code(check) == EC_MDB_NOT_INIT ||
           (check_is_bad(check) &&
               strstr(check->fault.text, "ErrorMailboxStoreUnavailable") != NULL);
}

/* Public folders and what is asked before a mailbox is named belong to what is found already. */
static struct match *match_of(
    struct scan *scan, const struct chain *chain, const struct check *check, bool back_end)
{
    const char *server = check_get_text(check, "http.back_end", NULL);
    const char *database = mapi_database(scan, check);
    if (back_end && server != NULL)
        return scan_matchf(scan, "mailbox server %s", server);
    if (database != NULL)
        return scan_matchf(scan, "database %s", database);
    for (struct match *at = scan->matches; at != NULL; at = at->next) {
        if (at->rule == scan->rule)
            return at;
    }
    return scan_matchf(scan, "mailbox servers behind %s", chain->endpoint.host);
}

static void cite_failure(struct scan *scan, const struct chain *chain, const struct check *check,
    const struct failure *failure)
{
    struct match *match = match_of(scan, chain, check, failure->back_end);
    match_cite(scan, match, chain, check);
    if (failure->back_end)
        match_say(scan, match, "the front end was answered so by the mailbox server behind it");
    else
        match_say(scan, match, "the front end itself says so%s%s: %s",
            *failure->sub_code != '\0' ? ", " : "", failure->sub_code,
            failure->sub != NULL ? failure->sub->words : "it did not get to the mailbox server");
    if (*failure->details != '\0')
        match_say(scan, match, "its words: %s", failure->details);
}

static void when_back_end(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            const struct failure failure = read_failure(scan, at);
            if (failure.told)
                cite_failure(scan, chain, at, &failure);
            else if (says_offline(at))
                match_cite(scan, match_of(scan, chain, at, false), chain, at);
        }
    }
}

/* What other services say of a mailbox server that cannot be had. */
static bool back_end_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    const struct chain *chain = survey_chain_of(survey, check);
    enum service service = chain->endpoint.service;
    const struct chain *cited = survey_chain_of(survey, match->checks[0]);
    bool reaches = service == SERVICE_EWS || service == SERVICE_OWA || service == SERVICE_ECP ||
                   is_mapi(chain);
    bool late = check->layer >= LAYER_AUTH || strcmp(check->probe, "http.health") == 0;
    if (!reaches || !late || !check_is_bad(check) ||
        strcmp(chain->endpoint.host, cited->endpoint.host) != 0)
        return false;
    return mapi_code(check) == EC_LOGIN_FAILURE || check->fault.origin == ORIGIN_RPC ||
           (check->fault.cause == CAUSE_HTTP_STATUS && check->fault.code >= SERVER_ERRORS) ||
           (service == SERVICE_OWA && check->layer == LAYER_MAILBOX);
}

const struct rule rules_backend[] = {
    {
        .id = "V05",
        .layer = LAYER_PROTOCOL,
        .title = "The front end works, but the mailbox server or database behind it cannot be had",
        .severity = SEVERITY_FAIL,
        .when = when_back_end,
        .explains = back_end_explains,
        .cause =
            "Every request goes through a front end to the server where the mailbox's database is "
            "mounted. Here the front end takes the connection and the logon, and then cannot find "
            "that server, or gets an error from it: the database is not mounted, has just failed "
            "over, its server is down or in maintenance, or the directory does not answer the "
            "front end. Health pages stay green: they are the front end's.",
        .looks_like =
            "503 after the logon with X-FailureContext: FrontEnd;503;…;ServerLocatorError "
            "(2001-2014, 3003-3007), or BackEnd;503; X-CasErrorCode. A database that is not "
            "mounted: EWS ErrorMailboxStoreUnavailable, MAPI 0x476 (ecMDBNotInit).",
        .fix = {"Where is the mailbox, and is it mounted: Get-Mailbox {address} | "
                "Get-MailboxDatabase "
                "-Status | Format-List Name,Mounted,Server; Get-MailboxDatabaseCopyStatus *",
            "Mount it: Mount-Database NAME, or move it: Move-ActiveMailboxDatabase NAME "
            "-ActivateOnServer SERVER",
            "Its server: Test-ServiceHealth SERVER; Get-ServerComponentState SERVER; is the port "
            "444 of the back end reachable from the front end?",
            "The directory: dcdiag, and MSExchange ADAccess 2080 in the Application log of the "
            "front end."},
        .references = {"Microsoft: Client Access services, proxying to the back end",
            "Microsoft: Get-MailboxDatabaseCopyStatus", OXCDATA_CODES},
    },
};

RULES_COUNT(rules_backend);
