#include "report/rules.h"

#include <inttypes.h>
#include <string.h>

#include "net/wire/text.h"
#include "report/profile.h"
#include "report/rule_directory.h"
#include "report/rule_version.h"

/* What Autodiscover, EWS and OWA say after a logon that worked, and the health pages beside it. */

static const char *service_at(struct scan *scan, const struct chain *chain)
{
    return arena_printf(
        scan->arena, "%s at %s", service_title(chain->endpoint.service), chain->endpoint.host);
}

/* The match of this rule that speaks of all places at once; a further place is added to its name.
 */
static struct match *match_at(struct scan *scan, const char *place)
{
    struct match *match = scan_match(scan, "", place);
    if (strstr(match->component, place) == NULL)
        match->component = arena_printf(scan->arena, "%s, %s", match->component, place);
    return match;
}

/* ---- U03 ---- */

static bool says_unknown_address(const struct check *check)
{
    return check != NULL && check->outcome == OUTCOME_FAIL &&
           strcmp(check->probe, "autodiscover.pox") == 0 &&
           check_get_int(check, "autodiscover.error_code", 0) == 500;
}

/* D04: no wonder, and Exchange is not to blame. */
static bool directory_denies_mailbox(const struct survey *survey)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        const struct check *cell = chain_cell(chain, LAYER_MAILBOX);
        if ((chain->endpoint.service == SERVICE_LDAP || chain->endpoint.service == SERVICE_GC) &&
            check_failed(cell, CAUSE_NO_MAILBOX))
            return true;
    }
    return false;
}

static bool has_address(const struct fact *proxies, const char *address)
{
    for (size_t i = 0; i < proxies->count; i++) {
        if (text_starts_nocase(proxies->list[i], "smtp:") &&
            text_equal_nocase(proxies->list[i] + strlen("smtp:"), address))
            return true;
    }
    return false;
}

/* What the directory says of the address: the same, or that it is another one's. */
static void say_addresses(struct scan *scan, struct match *match)
{
    const char *address = scan->survey->target.address;
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *found = chain_check(chain, "ldap.account");
        const struct fact *proxies =
            check_is_good(found) ? check_fact(found, "account.proxies") : NULL;
        if (proxies == NULL || proxies->type != FACT_LIST)
            continue;
        const char *list = "";
        for (size_t i = 0; i < proxies->count && i < 5; i++)
            list = arena_printf(
                scan->arena, "%s%s%s", list, *list != '\0' ? ", " : "", proxies->list[i]);
        if (has_address(proxies, address))
            match_say(scan, match,
                "the directory (%s) does have %s: Autodiscover may ask another domain controller, "
                "or serve another organisation",
                chain->endpoint.host, address);
        else
            match_say(scan, match, "the directory's account has other addresses: %s", list);
        return;
    }
}

static void when_address_unknown(struct scan *scan)
{
    struct match *match = NULL;
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *cell = chain_cell(chain, LAYER_PROTOCOL);
        if (!says_unknown_address(cell) || directory_denies_mailbox(scan->survey))
            continue;
        match = scan_matchf(scan, "address %s in this organisation", scan->survey->target.address);
        match_cite(scan, match, chain, cell);
    }
    if (match != NULL)
        say_addresses(scan, match);
}

/* A directory that finds no object by the address says the same; and without Autodiscover's answer
 * nobody names the mailbox to MAPI. */
static bool address_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    (void)match;
    return says_unknown_address(check) || is_mapi_refusal(survey, check) ||
           (check->layer == LAYER_PROTOCOL && check_failed(check, CAUSE_NO_OBJECT));
}

/* ---- U06 ---- */

/* Clients go on to the next place: see survey_reconcile(). */
static bool is_web_site(const struct survey *survey, const struct chain *chain)
{
    const struct check *offer = chain_cell(chain, LAYER_HTTP);
    return chain->endpoint.service == SERVICE_AUTODISCOVER &&
           strcmp(chain->endpoint.host, survey->target.domain) == 0 && offer != NULL &&
           offer->outcome == OUTCOME_WARN && offer->fault.cause == CAUSE_NOT_EXCHANGE;
}

static void when_web_site(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *offer = chain_cell(chain, LAYER_HTTP);
        if (!is_web_site(scan->survey, chain))
            continue;
        struct match *match = scan_matchf(scan, "web site at %s", chain->endpoint.host);
        match_cite(scan, match, chain, offer);
        const char *title = check_get_text(offer, "http.title", NULL);
        if (title != NULL)
            match_say(scan, match, "its page is \"%s\" (Server: %s)", title,
                check_get_text(offer, "http.server", "not told"));
    }
}

static bool web_site_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    (void)match;
    return check->layer == LAYER_HTTP && is_web_site(survey, survey_chain_of(survey, check));
}

/* ---- E07 ---- */

/* 403 of Exchange itself: a gateway's has no X-FEServer. */
static bool is_forbidden(const struct check *check)
{
    return check_failed(check, CAUSE_HTTP_STATUS) && check->fault.code == 403 &&
           strcmp(check->probe, "ews.version") == 0 && check_fact(check, "node") != NULL;
}

static void when_forbidden(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *cell = chain_cell(chain, LAYER_PROTOCOL);
        if (cell == NULL || !is_forbidden(cell))
            continue;
        struct match *match =
            match_at(scan, arena_printf(scan->arena, "EWS access at %s", chain->endpoint.host));
        match_cite(scan, match, chain, cell);
        int64_t outlook = check_get_int(cell, "ews.outlook_status", -1);
        if (outlook == 403)
            match_say(scan, match,
                "Outlook's name in User-Agent gets 403, too: EWS is off for this mailbox or "
                "organisation (EwsEnabled), or closed by a rule for this path");
        else if (outlook > 0)
            match_say(scan, match,
                "with Outlook's name in User-Agent the same call gets %" PRId64
                ": a list of programs decides (EwsApplicationAccessPolicy)",
                outlook);
    }
}

/* ---- O01 ---- */

static bool is_bad_format(const struct check *check)
{
    return check_failed(check, CAUSE_LOGON_REFUSED) && strcmp(check->probe, "owa.logon") == 0 &&
           check_get_int(check, "owa.reason", -1) == 2;
}

/* A check that proves that name and password are right, by another way in than OWA's. */
static const struct check *proof(const struct survey *survey)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        const struct check *cell = chain_cell(chain, LAYER_AUTH);
        if (chain->endpoint.service != SERVICE_OWA && check_is_good(cell))
            return cell;
    }
    return NULL;
}

/* Where the account may not log on now or here at all, the form's name is not to blame. */
static bool is_restricted(const struct scan *scan)
{
    for (const struct match *at = scan->matches; at != NULL; at = at->next) {
        if (strcmp(at->rule->id, "A08") == 0 || strcmp(at->rule->id, "A09") == 0)
            return true;
    }
    return false;
}

static void when_logon_format(struct scan *scan)
{
    if (is_restricted(scan))
        return;
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *cell = chain_cell(chain, LAYER_AUTH);
        const struct check *proved = proof(scan->survey);
        if (cell == NULL || !is_bad_format(cell))
            continue;
        struct match *match = match_at(
            scan, arena_printf(scan->arena, "OWA's logon form at %s", chain->endpoint.host));
        match_cite(scan, match, chain, cell);
        if (proved != NULL)
            match_say(scan, match, "the password is right: %s, %s",
                survey_chain_of(scan->survey, proved)->endpoint.host, proved->summary);
        else
            match_say(
                scan, match, "no other service has tested the password: it may be wrong as well");
        match_say(scan, match, "the name was sent as \"%s\"",
            check_get_text(cell, "auth.account", scan->survey->target.account));
    }
}

/* ---- O03 ---- */

static bool is_first_logon(const struct check *check)
{
    return check_is_bad(check) && check_get_bool(check, "owa.first_logon", false);
}

static void when_first_logon(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *cell = chain_cell(chain, LAYER_MAILBOX);
        if (cell != NULL && is_first_logon(cell))
            match_cite(scan,
                scan_matchf(scan, "regional settings of mailbox %s", scan->survey->target.address),
                chain, cell);
    }
}

/* ---- V03 ---- */

/* 200 with a foreign page is not a page that is missing; where the service itself fails, its
 * failure is the finding. */
static bool is_unhealthy(
    const struct survey *survey, const struct chain *chain, const struct check *check)
{
    return check_is_bad(check) && strcmp(check->probe, "http.health") == 0 &&
           check_get_int(check, "health.status", 0) != 200 &&
           check_is_good(chain_cell(chain, LAYER_HTTP)) && !is_absent_by_age(survey, chain, check);
}

static void when_unhealthy(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *health = chain_check(chain, "http.health");
        if (health == NULL || !is_unhealthy(scan->survey, chain, health))
            continue;
        const char *node = chain_node(chain);
        const char *place = service_at(scan, chain);
        if (node != NULL)
            place = arena_printf(scan->arena, "%s on node %s", place, node);
        else if (chain->endpoint.address != NULL)
            place = arena_printf(scan->arena, "%s (%s)", place, chain->endpoint.address);
        struct match *match = match_at(scan, arena_printf(scan->arena, "health page of %s", place));
        match_cite(scan, match, chain, health);
        if (check_is_good(chain_cell(chain, LAYER_PROTOCOL)))
            match_say(scan, match, "the service itself works there for this account");
    }
}

const struct rule rules_service[] = {
    {
        .id = "U03",
        .layer = LAYER_PROTOCOL,
        .title = "Autodiscover does not know the e-mail address",
        .severity = SEVERITY_FAIL,
        .when = when_address_unknown,
        .explains = address_explains,
        .cause =
            "The account logs on, and Autodiscover finds no mailbox with this address in its "
            "organisation: the address is not among the mailbox's proxyAddresses, or the mailbox "
            "is in another forest or in the cloud. Clients given this address cannot set "
            "themselves up.",
        .looks_like =
            "HTTP 200 with <Error> and ErrorCode 500, \"The e-mail address can't be found\". 600 "
            "is a request without an address, 601 an unknown schema: both show a working "
            "Autodiscover. An account without any mailbox is seen in the directory.",
        .fix = {"See which addresses there are: Get-Recipient {address}; Get-Mailbox {user} | "
                "Format-List EmailAddresses",
            "Add {address} to the mailbox (Set-Mailbox {user} -EmailAddresses), or run exreach "
            "with an address that it has.",
            "Check that the domain is accepted here: Get-AcceptedDomain. In a hybrid or a "
            "resource forest the address belongs to the other side."},
        .references = {"[MS-OXDSCLI] 2.2.4 the response, Error",
            "Microsoft Remote Connectivity Analyzer: the Outlook Autodiscover provider returned an "
            "error"},
    },
    {
        .id = "U06",
        .layer = LAYER_HTTP,
        .title = "The mail domain's own name leads to a web site, which answers for Autodiscover",
        .severity = SEVERITY_WARN,
        .when = when_web_site,
        .explains = web_site_explains,
        .cause =
            "Clients may try https://DOMAIN/autodiscover/autodiscover.xml before "
            "autodiscover.DOMAIN. The company's web site answers there with a page and status 200. "
            "Good clients go on; others stop, ask for a password, or send it there. exreach sent "
            "none.",
        .looks_like =
            "200 and text/html in place of XML, without a header of Exchange's, at the mail domain "
            "itself only; autodiscover.DOMAIN answers as Exchange. The same page at the mail host "
            "would be a portal or proxy.",
        .fix = {"Let the web server answer 404 for /autodiscover/, or redirect that path to "
                "https://autodiscover.{domain}/autodiscover/autodiscover.xml.",
            "For Outlook: the policy \"Disable AutoDiscover\", ExcludeHttpsRootDomain = 1."},
        .references = {"[MS-OXDISCO] 3.1.5.1: where clients look for Autodiscover",
            "Microsoft: Outlook Autodiscover policy ExcludeHttpsRootDomain"},
    },
    {
        .id = "E07",
        .layer = LAYER_PROTOCOL,
        .title = "EWS is switched off for this mailbox, or for this program",
        .severity = SEVERITY_FAIL,
        .when = when_forbidden,
        .cause =
            "The logon succeeds and Exchange itself answers 403: EwsEnabled is false for the "
            "mailbox or the organisation, or a list of allowed or blocked programs "
            "(EwsApplicationAccessPolicy) does not let this User-Agent in. The application's own "
            "name may be treated differently from exreach's.",
        .looks_like =
            "401, logon, then 403 with X-FEServer. If the same call under Outlook's User-Agent is "
            "answered, it is the list. A 403 without Exchange's headers comes from a proxy or "
            "firewall before it, a 403 to the first request from IIS (SSL required, client "
            "certificate).",
        .fix = {"Look at both: Get-CASMailbox {user} | Format-List Ews*; Get-OrganizationConfig | "
                "Format-List Ews*",
            "Switch it on: Set-CASMailbox {user} -EwsEnabled $true",
            "Or let the program in: Set-OrganizationConfig -EwsAllowList, with an entry as its "
            "User-Agent begins (exreach's is \"exreach\")."},
        .references = {"Microsoft: How to control access to EWS in Exchange",
            "Microsoft: Set-CASMailbox, EwsEnabled"},
    },
    {
        .id = "O01",
        .layer = LAYER_AUTH,
        .title = "OWA refuses the name although it may be right: it wants it in another form",
        .severity = SEVERITY_FAIL,
        .when = when_logon_format,
        .cause =
            "OWA's form takes the name in the form that its virtual directory is set to "
            "(LogonFormat): DOMAIN\\name, name@domain, or the bare name. A name in another form is "
            "refused as if the password were wrong. An account that may log on from certain "
            "computers only (userWorkstations) fails the same way.",
        .looks_like =
            "302 back to logon.aspx with reason=2, while Kerberos, LDAP or EWS accept the same "
            "password. If they refuse it, too, it is the password; reason 5 and 6 are client "
            "access rules.",
        .fix = {"See what it wants: Get-OwaVirtualDirectory | Format-List "
                "Server,LogonFormat,DefaultDomain",
            "Log on in that form, or set it for all: Set-OwaVirtualDirectory \"SERVER\\owa "
            "(Default "
            "Web Site)\" -LogonFormat PrincipalName, then iisreset.",
            "Test with another form: exreach --user DOMAIN\\{user} --only owa {address}"},
        .references = {"Microsoft: Set-OwaVirtualDirectory, LogonFormat"},
    },
    {
        .id = "O03",
        .layer = LAYER_MAILBOX,
        .title = "OWA asks for language and time zone: nobody has opened the mailbox yet",
        .severity = SEVERITY_WARN,
        .when = when_first_logon,
        .cause =
            "The logon works. The mailbox has no regional settings, so OWA shows its page for them "
            "until somebody chooses. Folder names are not fixed before that, and some applications "
            "do not find \"Inbox\" or \"Calendar\"; a mailbox never opened may refuse others.",
        .looks_like =
            "302 to /owa/languageselection.aspx after a form logon that set its cookies. Back to "
            "logon.aspx would be a refusal.",
        .fix = {"Set-MailboxRegionalConfiguration {user} -Language en-US -TimeZone \"W. Europe "
                "Standard Time\" -LocalizeDefaultFolderName",
            "Or log on to https://{host}/owa/ once as the account and choose."},
        .references = {"Microsoft: Set-MailboxRegionalConfiguration"},
    },
    {
        .id = "V03",
        .layer = LAYER_HTTP,
        .title = "A node's health page is down while its service works",
        .severity = SEVERITY_WARN,
        .when = when_unhealthy,
        .cause =
            "Every protocol of Exchange has a page healthcheck.htm, which exists while its "
            "component is active on that server. It is gone: the component is in maintenance, or "
            "Exchange's own monitoring took it out. Load balancers send nobody there, so the other "
            "nodes carry the load, and with the last one down access ends although all runs.",
        .looks_like =
            "GET /ews/healthcheck.htm (and so on): 503, another error or a closed connection, on "
            "one protocol or one node, while the protocol itself answers. 200 with a foreign page "
            "is a portal.",
        .fix = {"Look: Get-ServerComponentState NODE; what is Inactive, and by which requester?",
            "Bring it back: Set-ServerComponentState NODE -Component EwsProxy -State Active "
            "-Requester Maintenance (the component of the protocol, the requester that set it).",
            "If monitoring did it: Get-ServerHealth NODE | where AlertValue -ne Healthy"},
        .references = {"Microsoft: Load balancing in Exchange Server, health probes",
            "Microsoft: Set-ServerComponentState"},
    },
};

RULES_COUNT(rules_service);
