#include "report/rules.h"

#include <string.h>

#include "report/rule_directory.h"

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

/* ---- D14 ---- */

/* The same catalogue, or the same domain's directory, in the clear at the same address: it speaks.
 */
static bool speaks_in_the_clear(const struct survey *survey, const struct chain *chain)
{
    const struct endpoint *endpoint = &chain->endpoint;
    for (const struct chain *at = survey->chains; at != NULL; at = at->next) {
        if (at->endpoint.service == endpoint->service && same_host(at, chain) &&
            at->endpoint.port == (endpoint->port == 636 ? 389 : 3268) &&
            check_is_good(chain_cell(at, LAYER_HTTP)))
            return true;
    }
    return false;
}

/* Windows takes connections there without a certificate, and resets them at the ClientHello;
 * others do not listen at all. Silence would be a packet filter. */
static const struct check *lacks_tls(const struct survey *survey, const struct chain *chain)
{
    const struct check *connect = chain_cell(chain, LAYER_TCP), *tls = chain_cell(chain, LAYER_TLS);
    if (!is_directory(chain) || (chain->endpoint.port != 636 && chain->endpoint.port != 3269))
        return NULL;
    bool closed = check_failed(connect, CAUSE_REFUSED) || check_failed(connect, CAUSE_RESET);
    bool ended = check_failed(tls, CAUSE_RESET) || check_failed(tls, CAUSE_CLOSED) ||
                 check_failed(tls, CAUSE_NOT_TLS);
    if ((!closed && !ended) || !speaks_in_the_clear(survey, chain))
        return NULL;
    return closed ? connect : tls;
}

bool is_without_certificate(const struct survey *survey, const struct chain *chain)
{
    return lacks_tls(survey, chain) != NULL;
}

/* A port of it that completes TLS has a certificate, and the others have the same. */
static bool shows_certificate(const struct survey *survey, const struct chain *chain)
{
    for (const struct chain *at = survey->chains; at != NULL; at = at->next) {
        const struct check *tls = chain_cell(at, LAYER_TLS);
        if (is_directory(at) && same_host(at, chain) && check_answered(tls) &&
            check_fact(tls, "tls.sha256") != NULL)
            return true;
    }
    return false;
}

static void when_no_certificate(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *check = lacks_tls(scan->survey, chain);
        if (check == NULL)
            continue;
        struct match *match = scan_matchf(scan, "domain controller %s", chain->endpoint.host);
        match->harmless = true;
        match_cite(scan, match, chain, check);
        if (shows_certificate(scan->survey, chain))
            match_say(scan, match,
                "another port of it does complete TLS: look for what stands before port %u",
                (unsigned)chain->endpoint.port);
    }
}

/* Nor does StartTLS work on 389. */
static bool no_certificate_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    const struct chain *chain = survey_chain_of(survey, check);
    return strcmp(check->probe, "ldap.starttls") == 0 && check_is_bad(check) &&
           check_fact(check, "tls.version") == NULL &&
           same_host(chain, survey_chain_of(survey, match->checks[0]));
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
    {
        .id = "D14",
        .layer = LAYER_TLS,
        .title = "LDAP over TLS does not work on the controller: it has no certificate",
        .severity = SEVERITY_INFO,
        .when = when_no_certificate,
        .explains = no_certificate_explains,
        .cause =
            "A domain controller serves LDAPS only once it has a certificate for its name; without "
            "a certification authority in the domain nobody gives it one. 389 and 3268 work as "
            "ever. LDAPS is needed by programs that bind with a name and a password (simple bind), "
            "as telephony and scanners do, by whoever changes passwords over LDAP, and by exreach "
            "where it has no Kerberos ticket. Exchange, Outlook and MAPI/CDO do not need it.",
        .looks_like =
            "636 and 3269: the connection is refused, or reset or closed at the ClientHello, while "
            "389 and 3268 of the same host answer. StartTLS on 389: unavailable (52). An expired "
            "or untrusted certificate does complete the handshake; silence is a firewall.",
        .fix = {"See whether there is one: on {host}, certlm.msc, Personal: a certificate with the "
                "purpose Server Authentication, the name {host} and its private key.",
            "With Active Directory Certificate Services: enrol for Domain Controller "
            "Authentication or Kerberos Authentication; certutil -pulse. The controller takes it "
            "at once.",
            "Without: nothing, where every program binds with Kerberos, or with signing on 389."},
        .references = {"Microsoft: Enable LDAP over SSL with a third-party certification authority",
            "[MS-ADTS] 5.1.1.2 Using SSL/TLS"},
    },
};

RULES_COUNT(rules_controller);
