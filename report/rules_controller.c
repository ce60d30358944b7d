#include "report/rules.h"

#include <string.h>

/* Domain controllers as a whole: one that takes connections and answers nothing. */

static bool is_controller_row(const struct chain *chain)
{
    enum service service = chain->endpoint.service;
    return (service == SERVICE_KERBEROS && chain->endpoint.subject == NULL) ||
           service == SERVICE_LDAP || service == SERVICE_GC;
}

static bool same_host(const struct chain *a, const struct chain *b)
{
    return strcmp(a->endpoint.host, b->endpoint.host) == 0;
}

/* Past the connection something came back, if only a refusal. */
static bool has_spoken(const struct chain *chain)
{
    for (const struct check *at = chain->checks; at != NULL; at = at->next) {
        if (at->layer <= LAYER_TCP)
            continue;
        if (at->outcome == OUTCOME_PASS || at->outcome == OUTCOME_WARN)
            return true;
        if (at->outcome == OUTCOME_FAIL && at->fault.cause != CAUSE_TIMEOUT &&
            at->fault.cause != CAUSE_RESET && at->fault.cause != CAUSE_CLOSED)
            return true;
    }
    return false;
}

/* The plain check at which nothing came any more, behind a connection that was made. */
static const struct check *fell_silent(const struct chain *chain)
{
    if (!check_is_good(chain_cell(chain, LAYER_TCP)))
        return NULL;
    for (const struct check *at = chain->checks; at != NULL; at = at->next) {
        if (at->layer > LAYER_TCP && at->outcome == OUTCOME_FAIL && !chain_is_extra(chain, at))
            return at;
    }
    return NULL;
}

/* ---- N10 ---- */

/* At least two services of one controller, so that it is the controller and not one of them. */
static bool is_silent_controller(const struct survey *survey, const struct chain *chain)
{
    int silent = 0;
    if (!is_controller_row(chain) || fell_silent(chain) == NULL)
        return false;
    for (const struct chain *at = survey->chains; at != NULL; at = at->next) {
        if (!is_controller_row(at) || !same_host(at, chain))
            continue;
        if (has_spoken(at))
            return false;
        silent += fell_silent(at) != NULL;
    }
    return silent >= 2;
}

static void when_silent(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        if (!is_silent_controller(scan->survey, chain))
            continue;
        struct match *match = scan_matchf(scan, "domain controller %s", chain->endpoint.host);
        match_cite(scan, match, chain, fell_silent(chain));
    }
}

/* What else is asked of it: Kerberos by UDP, password changes. */
static bool silent_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    const struct chain *chain = survey_chain_of(survey, check);
    for (size_t i = 0; chain != NULL && i < match->check_count; i++) {
        const struct chain *cited = survey_chain_of(survey, match->checks[i]);
        if (cited != NULL && same_host(cited, chain))
            return is_controller_row(chain);
    }
    return false;
}

/* ---- N11 ---- */

static void when_half_closed(struct scan *scan)
{
    static const char *const ports[] = {"kerberos.udp", "kerberos.kpasswd"};
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
            const struct check *port = chain_check(chain, ports[i]);
            const struct check *kdc = chain_check(chain, "kerberos.as");
            /* a KDC that does not answer at all is another matter */
            if (!check_is_bad(port) || kdc == NULL || !check_answered(kdc) ||
                kdc->fault.cause == CAUSE_TIMEOUT)
                continue;
            struct match *match = scan_matchf(scan, "domain controller %s", chain->endpoint.host);
            match_cite(scan, match, chain, port);
        }
    }
}

const struct rule rules_controller[] = {
    {
        .id = "N10",
        .layer = LAYER_TCP,
        .title = "A domain controller takes connections and answers nothing",
        .severity = SEVERITY_WARN,
        .when = when_silent,
        .explains = silent_explains,
        .cause =
            "DNS or the directory names this domain controller, its ports accept connections, and "
            "then nothing comes back on any of them: the machine hangs, is starting or shutting "
            "down, or a firewall or load balancer answers the connection in its place. Clients "
            "that choose it wait for their time-out; others that choose another controller work: "
            "slow and intermittent trouble.",
        .looks_like = "TCP: SYN, SYN/ACK, ACK, then silence on 88, 389, 636, 3268 and 3269. "
                      "Another controller of the domain answers at once.",
        .fix = {"Look at the controller {host} itself: services, CPU, disk; restart it or demote "
                "it.",
            "Until then keep clients away: stop its Netlogon service, or remove its SRV records.",
            "If it works from another network, look at the firewall between: it answers for the "
            "controller."},
        .references = {"[MS-ADTS] 6.3 Publishing and Locating a Domain Controller"},
    },
    {
        .id = "N11",
        .layer = LAYER_TCP,
        .title = "A Kerberos port besides TCP 88 is closed",
        .severity = SEVERITY_INFO,
        .when = when_half_closed,
        .cause = "Kerberos over TCP 88 works. UDP 88, which some clients try first and then wait "
                 "for, or 464, where passwords are changed, does not answer. Mailbox access does "
                 "not need them.",
        .looks_like = "No answer to an AS-REQ over UDP 88; a connection to 464 is refused or "
                      "times out.",
        .fix = {"Open 88/udp and 464 to {host}, or make clients use TCP: MaxPacketSize 1 on "
                "Windows, udp_preference_limit = 1 in krb5.conf."},
        .references = {"RFC 4120 7.2.1", "RFC 3244"},
    },
};

RULES_COUNT(rules_controller);
