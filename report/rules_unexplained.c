#include "report/rules.h"

#include <string.h>

#include "report/profile.h"

/* The cause speaks of the account, not of the service that reported it. */
static bool is_of_account(enum cause cause)
{
    switch ((int)cause) {
    case CAUSE_PASSWORD_WRONG:
    case CAUSE_PASSWORD_EXPIRED:
    case CAUSE_PASSWORD_MUST_CHANGE:
    case CAUSE_ACCOUNT_UNKNOWN:
    case CAUSE_ACCOUNT_REVOKED:
    case CAUSE_ACCOUNT_DISABLED:
    case CAUSE_ACCOUNT_LOCKED:
    case CAUSE_ACCOUNT_EXPIRED:
    case CAUSE_LOGON_HOURS:
    case CAUSE_LOGON_WORKSTATION:
        return true;
    default:
        return false;
    }
}

static bool any_logon_succeeded(const struct survey *survey)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        if (check_is_good(chain_cell(chain, LAYER_AUTH)))
            return true;
    }
    return false;
}

/* The part of the world that a failure of this layer points at. */
static const char *suspect(struct scan *scan, const struct chain *chain, const struct check *check)
{
    struct arena *arena = scan->arena;
    const struct survey *survey = scan->survey;
    const struct endpoint *endpoint = &chain->endpoint;
    switch (check->layer) {
    case LAYER_DNS:
        return arena_printf(
            arena, "%s %s", endpoint->service == SERVICE_DNS ? "resolver" : "name", endpoint->host);
    case LAYER_TCP:
    case LAYER_TLS:
        return arena_printf(arena, "%s:%u", endpoint->host, (unsigned)endpoint->port);
    case LAYER_MAILBOX:
        return arena_printf(
            arena, "mailbox %s", check->subject != NULL ? check->subject : survey->target.address);
    case LAYER_AUTH:
        if (is_of_account(check->fault.cause) ||
            (check->fault.cause == CAUSE_LOGON_REFUSED && !any_logon_succeeded(survey)))
            return arena_printf(arena, "account %s", survey->target.account);
        break;
    case LAYER_HTTP:
    case LAYER_PROTOCOL:
    case LAYER_COUNT:
        break;
    }
    return arena_printf(arena, "%s at %s", service_title(endpoint->service),
        endpoint->subject != NULL ? endpoint->subject : endpoint->host);
}

static const struct rule *heading(enum layer layer)
{
    static const char *const ids[LAYER_COUNT] = {
        [LAYER_DNS] = "X-DNS",
        [LAYER_TCP] = "X-TCP",
        [LAYER_TLS] = "X-TLS",
        [LAYER_HTTP] = "X-HTTP",
        [LAYER_AUTH] = "X-AUTH",
        [LAYER_PROTOCOL] = "X-PROTOCOL",
        [LAYER_MAILBOX] = "X-MAILBOX",
    };
    return rule_find(ids[layer]);
}

/* What the directory has of a further mailbox that does not open. */
static void tell_recipient(struct scan *scan, struct match *match, const char *mailbox)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (strcmp(at->probe, "ldap.other") == 0 && at->subject != NULL && check_is_good(at) &&
                strcmp(at->subject, mailbox) == 0)
                match_tell(scan, match, "", chain, at);
        }
    }
}

void report_unexplained(struct scan *scan, const struct chain *chain, const struct check *check)
{
    const char *component = "this host";
    const char *about = "";
    if (check->outcome == OUTCOME_ERROR) {
        scan->rule = rule_find(RULE_OWN_TROUBLE);
    } else {
        scan->rule = heading(check->layer);
        component = about = suspect(scan, chain, check);
    }
    const char *key = arena_printf(
        scan->arena, "%s %s %s", cause_str(check->fault.cause), outcome_str(check->outcome), about);
    /* of a further mailbox the directory and EWS say the same in different words */
    bool other =
        check->subject != NULL && check->layer == LAYER_MAILBOX && check->outcome != OUTCOME_ERROR;
    struct match *match = scan_match(scan, other ? about : key, component);
    match_cite(scan, match, chain, check);
    if (other)
        tell_recipient(scan, match, check->subject);
}

/* Headings for what no rule explains: honest, by layer. diagnose.c fills them; severity follows
 * what the profile needs. */

#define HONEST " No rule of this version explains why: the evidence is what was seen, no more."

const struct rule rules_unexplained[] = {
    {
        .id = "X-DNS",
        .layer = LAYER_DNS,
        .title = "The name cannot be resolved",
        .severity = SEVERITY_FAIL,
        .cause = "The name did not lead to an address." HONEST,
        .looks_like = "No answer from the resolver, or one with an error code.",
        .fix =
            {"Ask the resolver by hand: dig {host} A; compare with another one: --dns SERVER --dns "
             "SERVER.",
                "No answer or SERVFAIL: look at the resolver. NXDOMAIN: look at the record."},
        .references = {"RFC 1035 4.1.1 response codes"},
    },
    {
        .id = "X-TCP",
        .layer = LAYER_TCP,
        .title = "The connection cannot be made",
        .severity = SEVERITY_FAIL,
        .cause = "The address is known, and no connection comes about." HONEST,
        .looks_like =
            "Refused: RST to the SYN, nothing listens on that port. Unreachable: no route, or a "
            "firewall that says so. Reset: closed by force.",
        .fix = {"Refused: start the service on that host, or correct the port or the address.",
            "Unreachable: check the route and the firewall between here and there."},
        .references = {"RFC 9293 3.5 connection establishment"},
    },
    {
        .id = "X-TLS",
        .layer = LAYER_TLS,
        .title = "The TLS handshake does not succeed",
        .severity = SEVERITY_FAIL,
        .cause = "TCP connects; TLS does not come to a trusted end." HONEST,
        .looks_like =
            "An alert, a certificate that does not verify, an answer that is no TLS, or silence.",
        .fix = {"Look at it by hand: openssl s_client -connect {host}:443 -servername {host}",
            "Not trusted: give the organisation's root to this host, or to exreach with --ca FILE.",
            "An intermediate is missing: install the whole chain on the server."},
        .references = {"RFC 8446 6 alerts", "RFC 5280 6 path validation"},
    },
    {
        .id = "X-HTTP",
        .layer = LAYER_HTTP,
        .title = "The server does not answer as this service",
        .severity = SEVERITY_FAIL,
        .cause = "The connection stands; the answer is not that of the service." HONEST,
        .looks_like = "Another status than 200 or 401, a page of somebody else (proxy, portal, web "
                      "site), or no "
                      "HTTP at all; for LDAP: no rootDSE.",
        .fix = {"Open the address by hand from here and look who answers: curl -vk https://{host}/",
            "5xx: look at the application pool and at the load balancer's pool. 404: at the "
            "virtual "
            "directory. A foreign page: at the proxy or firewall in between."},
        .references = {"RFC 9110 15 status codes"},
    },
    {
        .id = "X-AUTH",
        .layer = LAYER_AUTH,
        .title = "The logon does not succeed",
        .severity = SEVERITY_FAIL,
        .cause = "The service was reached and did not let the account in." HONEST,
        .looks_like =
            "401 after the last message of the logon, a KRB-ERROR, an LDAP result that is not 0.",
        .fix = {"Compare the schemes offered with those allowed (--auth, --allow-basic).",
            "Log on to OWA with the same account and password from this host; look at the security "
            "log of a "
            "domain controller (event 4625, 4771) for the reason."},
        .references = {"RFC 4120 7.5.9", "RFC 4511 A.1", "RFC 9110 15.5.2"},
    },
    {
        .id = "X-PROTOCOL",
        .layer = LAYER_PROTOCOL,
        .title = "The service does not do its work",
        .severity = SEVERITY_FAIL,
        .cause = "The logon succeeded; the service's own answer is an error." HONEST,
        .looks_like = "A SOAP fault, an Autodiscover <Error>, an empty search, an error page.",
        .fix =
            {"Search the server's words above in the logs of the HttpProxy folder of that service.",
                "Compare with another account: the same error for all is the service's, else the "
                "account's."},
        .references = {"[MS-OXDSCLI] 2.2.4", "[MS-OXWSCDATA] 2.2.5.24 response codes"},
    },
    {
        .id = "X-MAILBOX",
        .layer = LAYER_MAILBOX,
        .title = "The mailbox does not open",
        .severity = SEVERITY_FAIL,
        .cause = "The service works for the account; this mailbox does not open." HONEST,
        .looks_like = "EWS response codes such as ErrorNonExistentMailbox, ErrorAccessDenied, "
                      "ErrorMailboxStoreUnavailable.",
        .fix = {"No such mailbox: check the address. Access denied: Add-MailboxPermission "
                "-AccessRights "
                "FullAccess. Store unavailable: Get-MailboxDatabaseCopyStatus.",
            "Open it in OWA: https://HOST/owa/ADDRESS/"},
        .references = {"[MS-OXWSCDATA] 2.2.5.24 response codes"},
    },
    {
        .id = RULE_OWN_TROUBLE,
        .layer = LAYER_DNS,
        .title = "Something is wrong on our side",
        .severity = SEVERITY_WARN,
        .cause = "exreach itself could not do a check: no certificates to trust, a mechanism that "
                 "is not "
                 "installed, no memory, no time, or a bug. It says nothing about the server.",
        .looks_like = "Nothing: the question was not asked, or the answer not read.",
        .fix = {"Remedy what the evidence names on this host and run exreach again.",
            "Out of time: --deadline SECONDS, --timeout SECONDS."},
        .references = {"exreach --help"},
    },
};

RULES_COUNT(rules_unexplained);
