#include "report/rules.h"

#include <string.h>

#include "net/wire/text.h"
#include "report/rule_version.h"

/* Which Exchange it is: the servers in the directory and the builds on the wire. */

/* 2013 CU2: what vendors of MAPI/CDO programs ask for at least. */
static const struct build oldest_usable = {15, 0, 712, 24};

/* 200 objects of servers are read; the wire shows the front ends besides. */
enum { SERVERS_MAX = 256 };

/* One server as one witness shows it. */
struct server {
    const char *name;
    struct build build;
    enum build_product product;
    bool wire;
    const struct chain *chain;
    const struct check *check;
};

struct servers {
    struct server list[SERVERS_MAX];
    size_t count;
};

/* Autodiscover tells a build without whose it is. */
static const char unnamed[] = "the mailbox's server";

static void add_server(struct servers *servers, const struct server *server)
{
    for (size_t i = 0; i < servers->count; i++) {
        const struct server *old = &servers->list[i];
        bool same = server->name == unnamed || same_server(old->name, server->name);
        if (same && build_compare(&old->build, &server->build) == 0)
            return;
    }
    if (servers->count < SERVERS_MAX)
        servers->list[servers->count++] = *server;
}

static void add_from_directory(
    struct servers *servers, const struct chain *chain, const struct check *check)
{
    struct server server = {.chain = chain, .check = check};
    if (!server_build(check, &server.build))
        return;
    server.name =
        check_get_text(check, "server.name", check->subject != NULL ? check->subject : "a server");
    server.product = build_product(&server.build);
    add_server(servers, &server);
}

/* EWS tells the build of the server that has the mailbox, Autodiscover in its answer, too; the
 * header is that of the front end. */
static const char *name_on_wire(const struct chain *chain, const struct check *check)
{
    const char *node = check_get_text(check, "node", chain_node(chain));
    const char *back_end = check_get_text(check, "http.back_end", NULL);
    if (strcmp(check->probe, "ews.version") == 0 && back_end != NULL)
        return back_end;
    if (strcmp(check->probe, "autodiscover.pox") == 0)
        return unnamed;
    return node != NULL && *node != '\0' ? node : chain->endpoint.host;
}

static void add_from_wire(
    struct servers *servers, const struct chain *chain, const struct check *check)
{
    struct server server = {.wire = true, .chain = chain, .check = check};
    if (!check_build(check, &server.build))
        return;
    server.product = build_product(&server.build);
    server.name = name_on_wire(chain, check);
    if (server.product != BUILD_ONLINE) /* which is nobody's to update */
        add_server(servers, &server);
}

/* Only checks that pass: what fails has a finding of its own, unless it is what old servers do. */
static struct servers *find_servers(struct scan *scan)
{
    struct servers *servers = arena_alloc(scan->arena, sizeof *servers);
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (at->outcome == OUTCOME_PASS)
                add_from_directory(servers, chain, at);
        }
    }
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (at->outcome == OUTCOME_PASS || is_absent_by_age(scan->survey, chain, at))
                add_from_wire(servers, chain, at);
        }
    }
    return servers;
}

static const char *build_text(struct scan *scan, const struct build *build)
{
    return build->revision < 0
               ? arena_printf(scan->arena, "%d.%d.%d", build->major, build->minor, build->build)
               : arena_printf(scan->arena, "%d.%d.%d.%d", build->major, build->minor, build->build,
                     build->revision);
}

/* Cites the witness and says which build it shows. */
static void cite_server(struct scan *scan, struct match *match, const struct server *server)
{
    char name[80];
    if (!match_cites(match, server->check))
        match_cite(scan, match, server->chain, server->check);
    match_say(scan, match, "%s: %s, build %s (%s)", server->name,
        build_name(&server->build, name, sizeof name), build_text(scan, &server->build),
        server->wire ? "on the wire" : "in the directory");
}

/* ---- V01 ---- */

/* What Exchange 2010 does not have follows from its age, and is no fault beside it. */
static void explain_absence(struct scan *scan, struct match *match)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (!is_absent_by_age(scan->survey, chain, at))
                continue;
            match_explain(scan, match, at);
            match_say(scan, match,
                "Exchange 2010 and older have neither MAPI over HTTP (/mapi) nor health pages "
                "(healthcheck.htm): it is normal that they are missing here");
        }
    }
}

static void when_too_old(struct scan *scan)
{
    const struct servers *servers = find_servers(scan);
    struct match *match = NULL;
    for (size_t i = 0; i < servers->count; i++) {
        const struct server *server = &servers->list[i];
        if (server->product == BUILD_UNKNOWN || build_compare(&server->build, &oldest_usable) >= 0)
            continue;
        match = scan_match_list(scan, "Exchange server", server->name);
        cite_server(scan, match, server);
    }
    if (match != NULL)
        explain_absence(scan, match);
}

/* ---- V02 ---- */

/* "" where the directory did not tell. */
static const char *organization(const struct survey *survey)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        const struct check *check = chain_check(chain, "ldap.organization");
        const char *name = check_is_good(check) ? check_get_text(check, "org.name", NULL) : NULL;
        if (name != NULL)
            return name;
    }
    return "";
}

static const char *whole(struct scan *scan, const char *what)
{
    const char *name = organization(scan->survey);
    return *name != '\0' ? arena_printf(scan->arena, "%s of %s", what, name) : what;
}

static bool are_mixed(const struct servers *servers)
{
    enum build_product first = BUILD_UNKNOWN;
    for (size_t i = 0; i < servers->count; i++) {
        enum build_product product = servers->list[i].product;
        if (product == BUILD_UNKNOWN)
            continue;
        if (first != BUILD_UNKNOWN && product != first)
            return true;
        first = product;
    }
    return false;
}

static void when_mixed(struct scan *scan)
{
    const struct servers *servers = find_servers(scan);
    if (!are_mixed(servers))
        return;
    struct match *match = scan_match(scan, "", whole(scan, "Exchange servers"));
    for (size_t i = 0; i < servers->count; i++)
        cite_server(scan, match, &servers->list[i]);
}

/* ---- V06 ---- */

/* A product that the table does not know may be newer than it: nothing is said then. */
static bool all_are_past(const struct servers *servers, const char *day)
{
    for (size_t i = 0; i < servers->count; i++) {
        const char *end = build_support_end(servers->list[i].product);
        if (end == NULL || strncmp(day, end, strlen(end)) <= 0)
            return false;
    }
    return servers->count > 0;
}

static void when_unsupported(struct scan *scan)
{
    const struct servers *servers = find_servers(scan);
    const char *day = rfc3339(scan->arena, scan->survey->started_us / 1000000);
    if (!all_are_past(servers, day))
        return;
    struct match *match = scan_match(scan, "", whole(scan, "all Exchange servers"));
    for (size_t i = 0; i < servers->count; i++) {
        enum build_product product = servers->list[i].product;
        cite_server(scan, match, &servers->list[i]);
        match_say(scan, match, "support for %s ended on %s", build_product_str(product),
            build_support_end(product));
    }
}

/* ---- C04 ---- */

#define TYPE_REMOTE 2147483648 /* msExchRecipientTypeDetails: RemoteUserMailbox */

static const struct fact *cloud_domains(const struct check *check)
{
    const struct fact *fact = check_fact(check, "org.cloud_domains");
    return fact != NULL && fact->type == FACT_LIST && fact->count > 0 ? fact : NULL;
}

static bool is_hybrid(const struct check *check)
{
    return strcmp(check->probe, "ldap.organization") == 0 && check_is_good(check) &&
           (check_get_bool(check, "org.hybrid", false) || cloud_domains(check) != NULL ||
               check_get_bool(check, "org.remote_mailboxes", false));
}

static bool sends_to_cloud(const struct check *check)
{
    return strcmp(check->probe, "autodiscover.pox") == 0 && check_is_good(check) &&
           text_equal_nocase(check_get_text(check, "autodiscover.action", ""), "redirectAddr") &&
           text_ends_nocase(
               check_get_text(check, "autodiscover.redirect", ""), ".mail.onmicrosoft.com");
}

/* A mailbox that was asked for is in the cloud: D05 says all there is to say. */
static bool is_asked_for(const struct survey *survey)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (check_answered(at) && (check_get_bool(at, "recipient.remote", false) ||
                                          check_get_int(at, "mailbox.type", 0) == TYPE_REMOTE))
                return true;
        }
    }
    return false;
}

static void say_cloud(struct scan *scan, struct match *match, const struct check *check)
{
    const struct fact *domains = cloud_domains(check);
    if (sends_to_cloud(check)) {
        match_say(scan, match, "Autodiscover sends %s on to %s", scan->survey->target.address,
            check_get_text(check, "autodiscover.redirect", ""));
    } else {
        if (check_get_bool(check, "org.hybrid", false))
            match_say(scan, match, "the organisation is set up for hybrid with Exchange Online");
        for (size_t i = 0; domains != NULL && i < domains->count && i < 4; i++)
            match_say(scan, match, "mail is routed to the cloud domain %s", domains->list[i]);
        if (check_get_bool(check, "org.remote_mailboxes", false))
            match_say(scan, match, "the directory has mailboxes of type RemoteUserMailbox");
    }
}

static void when_hybrid(struct scan *scan)
{
    if (is_asked_for(scan->survey))
        return;
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (!is_hybrid(at) && !sends_to_cloud(at))
                continue;
            struct match *match = scan_match(scan, "", whole(scan, "cloud mailboxes"));
            match_cite(scan, match, chain, at);
            say_cloud(scan, match, at);
            match_say(scan, match,
                "mailboxes in Exchange Online cannot be reached by MAPI/CDO: RPC over HTTP has "
                "ended there (2017-10-31), and so has Basic; only OAuth programs get in");
        }
    }
}

const struct rule rules_version[] = {
    {
        .id = "V01",
        .layer = LAYER_PROTOCOL,
        .title = "An Exchange server is older than build 15.0.712.24",
        .severity = SEVERITY_WARN,
        .when = when_too_old,
        .cause =
            "Programs that reach mailboxes by MAPI/CDO over HTTP ask for Exchange 2013 CU2 (build "
            "15.0.712.24) at least: with older builds connections to contact folders and "
            "calendars fail, without a reason that names the build. Such a server has been without "
            "security updates for years as well.",
        .looks_like =
            "serialNumber of the server's object in the directory, or X-OWA-Version, "
            "ServerVersionInfo and ServerVersion on the wire, below 15.0.712.24. Exchange 2010 is "
            "14.x; it has no /mapi and no health pages, and need not. Another product at the same "
            "time would be an unfinished migration.",
        .fix = {"See the builds: Get-ExchangeServer | Format-Table Name,AdminDisplayVersion",
            "Install the last cumulative update of its product (2013: CU23), then its security "
            "updates; better, move the mailboxes to a supported version.",
            "If the server is gone, remove its object, so that clients do not find it."},
        .references = {"Microsoft: Exchange Server build numbers and release dates",
            "[MS-OXDSCLI] 2.2.4 ServerVersion"},
    },
    {
        .id = "V02",
        .layer = LAYER_PROTOCOL,
        .title = "Servers of different Exchange versions are in use: a migration is unfinished",
        .severity = SEVERITY_WARN,
        .when = when_mixed,
        .cause =
            "Exchange servers of more than one version serve the organisation. A client is handed "
            "from one to the other by proxying or redirection, depending on where the mailbox and "
            "the public folders are, so that the same program works for one mailbox and not for "
            "another. That is meant for the days of a migration, not to stay.",
        .looks_like =
            "serialNumber differs in product (15.1 and 15.2, or 15.2 below and from build 2562 on) "
            "among the server objects, or X-OWA-Version among the nodes of one name. Different "
            "updates of one version are no fault of this kind, Edge servers do not count.",
        .fix = {"See who is who: Get-ExchangeServer | Format-Table "
                "Name,AdminDisplayVersion,ServerRole,Site",
            "Move what is left: Get-Mailbox -Server OLD-SERVER, also -Arbitration, -PublicFolder "
            "and -AuditLog; then uninstall Exchange there.",
            "A server that does not exist any more: remove its object from the directory."},
        .references = {"Microsoft: Decommission old Exchange servers after a migration",
            "Microsoft: Exchange Server build numbers and release dates"},
    },
    {
        .id = "V06",
        .layer = LAYER_PROTOCOL,
        .title = "Every Exchange server is past the end of its support",
        .severity = SEVERITY_WARN,
        .when = when_unsupported,
        .cause =
            "Support ended in October 2020 for Exchange 2010, in April 2023 for Exchange 2013, and "
            "on 14 October 2025 for Exchange "
            "2016 and 2019. Access works, but there are no security updates any more, Exchange "
            "Online throttles and blocks mail from such servers, and newer clients are not tested "
            "with them.",
        .looks_like =
            "Every build in the directory and on the wire belongs to a product whose support ended "
            "before the day of the survey. One supported server among them would be a migration "
            "under way.",
        .fix = {"Exchange 2019 CU14 and later: upgrade in place to Exchange Server SE. Exchange "
                "2016 and older: new servers, then move the mailboxes.",
            "Until then install the last update there is: Get-ExchangeServer | Format-Table "
            "Name,AdminDisplayVersion, and the HealthChecker script."},
        .references = {"Microsoft: Exchange Server 2016 and 2019 end of support roadmap",
            "Microsoft: Upgrading from current Exchange versions to Exchange Server SE"},
    },
    {
        .id = "C04",
        .layer = LAYER_MAILBOX,
        .title = "Mailboxes of this organisation are in Exchange Online, where MAPI/CDO cannot go",
        .severity = SEVERITY_INFO,
        .when = when_hybrid,
        .cause =
            "The organisation is hybrid: some mailboxes are on its own servers, others in Exchange "
            "Online. What exreach finds holds for those on its own servers. A mailbox in the cloud "
            "takes no RPC over HTTP, no NTLM and no Basic; programs built on MAPI/CDO cannot open "
            "it, whatever is set here.",
        .looks_like =
            "Objects of the hybrid configuration or a target domain *.mail.onmicrosoft.com in the "
            "directory, recipients of type 2147483648 (RemoteUserMailbox), or Autodiscover "
            "answering redirectAddr to *.mail.onmicrosoft.com. If it is the account's own mailbox, "
            "that is the fault.",
        .fix = {"Know which ones: Get-RemoteMailbox -ResultSize Unlimited | Format-Table "
                "Name,PrimarySmtpAddress,RemoteRoutingAddress",
            "Keep mailboxes that such a program opens on the own servers, or give the program an "
            "interface that speaks OAuth (Microsoft Graph)."},
        .references = {"Microsoft: RPC over HTTP reached end of support in Office 365",
            "[MS-OXDSCLI] 2.2.4 RedirectAddr"},
    },
};

RULES_COUNT(rules_version);
