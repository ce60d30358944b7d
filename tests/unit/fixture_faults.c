#include "tests/unit/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define AUTODISCOVER "autodiscover/autodiscover.contoso.test/127.0.0.20:443"
#define ITSELF       "autodiscover/contoso.test/127.0.0.10:443"
#define EWS          "ews/mail.contoso.test/127.0.0.20:443"
#define EWS2         "ews/mail.contoso.test/127.0.0.21:443"
#define OWA          "owa/mail.contoso.test/127.0.0.20:443"
#define OWA2         "owa/mail.contoso.test/127.0.0.21:443"
#define MAPI         "mapi/mail.contoso.test/127.0.0.20:443"
#define MAPI2        "mapi/mail.contoso.test/127.0.0.21:443"
#define RPC          "rpc/mail.contoso.test/127.0.0.20:443"
#define RPC2         "rpc/mail.contoso.test/127.0.0.21:443"
#define LDAP         "ldap/dc1.contoso.test/127.0.0.10:389"
#define GC           "gc/dc1.contoso.test/127.0.0.10:3268"
#define KDC          "kerberos/dc1.contoso.test/127.0.0.10:88"

static const char *const web[] = {AUTODISCOVER, EWS, EWS2, OWA, OWA2, MAPI, MAPI2, RPC, RPC2, NULL};

/* ---- names and connections ---- */

static void drop_checks(struct chain *chain)
{
    while (chain->checks != NULL) {
        struct check *check = chain->checks;
        chain->checks = check->next;
        check_free(check);
    }
}

static void drop_tickets(struct survey *survey)
{
    struct chain **at = &survey->chains;
    while (*at != NULL) {
        if ((*at)->endpoint.subject == NULL) {
            at = &(*at)->next;
            continue;
        }
        drop_checks(*at);
        *at = (*at)->next;
    }
}

static void break_locators(struct survey *survey)
{
    static const char *const rows[][2] = {{LDAP, "_ldap._tcp.dc._msdcs.contoso.test"},
        {GC, "_gc._tcp.contoso.test"}, {KDC, "_kerberos._tcp.contoso.test"}};
    static const char *const records[] = {"127.0.0.10"};
    struct lookup *lookup = arena_alloc(&survey->arena, sizeof *lookup);
    *lookup = (struct lookup){.name = "contoso.test",
        .type = "A",
        .resolver = "127.0.0.10:53",
        .records = records,
        .count = 1};
    survey->lookups = lookup;
    drop_tickets(survey);
    for (size_t i = 0; i < 3; i++) {
        struct endpoint *endpoint = &survey_find_chain(survey, rows[i][0])->endpoint;
        endpoint->host = rows[i][1];
        endpoint->address = NULL;
        fixture_fail(survey, rows[i][0], "dns.name", CAUSE_NAME_NOT_FOUND,
            "the name does not exist (NXDOMAIN)");
    }
}

static void break_ipv6(struct survey *survey)
{
    static const struct {
        const char *probe;
        enum layer layer;
    } table[] = {{"dns.name", LAYER_DNS}, {"tcp.connect", LAYER_TCP}, {"tls.handshake", LAYER_TLS},
        {"http.offer", LAYER_HTTP}};
    struct endpoint endpoint = {.service = SERVICE_EWS,
        .host = "mail.contoso.test",
        .address = "2001:db8::20",
        .port = 443,
        .sources = 1u << SOURCE_DNS};
    struct chain *chain = survey_add_chain(survey, &endpoint);
    for (size_t i = 0; i < 4; i++) {
        struct check *check =
            check_new(chain->id, table[i].probe, table[i].probe, table[i].layer, NULL, NULL);
        check_settle(check, OUTCOME_PASS, "fine");
        chain_append(chain, check);
    }
    fixture_fail(survey, chain->id, "tcp.connect", CAUSE_TIMEOUT,
        "no answer to our SYN to [2001:db8::20]:443 within 10.0 s");
    check_bool(fixture_check(survey, chain->id, "tcp.connect"), "tcp.ipv6", true);
}

static void break_name_in_tls(struct survey *survey)
{
    for (size_t i = 1; web[i] != NULL; i++)
        fixture_fail(survey, web[i], "tls.handshake", CAUSE_RESET,
            "mail.contoso.test reset the connection (RST) within the TLS handshake");
}

static void break_way(struct survey *survey)
{
    for (size_t i = 0; web[i] != NULL; i++) {
        fixture_fail(survey, web[i], "http.offer", CAUSE_NOT_EXCHANGE,
            "answers 200 with text/html to a request without a logon");
        struct check *check = fixture_check(survey, web[i], "http.offer");
        check_bool(check, "http.exchange", false);
        check_text(check, "http.server", "Apache");
        check_text(check, "http.via", "1.1 portal.contoso.example");
        check_text(check, "http.title", "Guest network");
    }
}

/* ---- certificates ---- */

static void break_chain(struct survey *survey, enum cause cause, const char *text, bool alone)
{
    for (size_t i = 0; web[i] != NULL; i++) {
        fixture_fail(survey, web[i], "tls.handshake", cause, text);
        struct check *check = fixture_check(survey, web[i], "tls.handshake");
        check_text(check, "tls.subject", "CN=mail.contoso.test");
        check_text(check, "tls.issuer", "CN=Contoso CA");
        check_text(check, "tls.sha256", "dd44");
        check_add(check, "tls.chain", "CN=mail.contoso.test");
        if (!alone)
            check_add(check, "tls.chain", "CN=Contoso CA");
        check_add(check, "tls.errors", alone ? "20@0" : "19@1");
    }
}

static void break_trust(struct survey *survey)
{
    break_chain(survey, CAUSE_CERT_UNTRUSTED, "the chain ends in CN=Contoso CA", false);
}

static void break_intermediate(struct survey *survey)
{
    break_chain(survey, CAUSE_CERT_INCOMPLETE, "sent no intermediate", true);
}

/* ---- the account ---- */

static void refuse(
    struct survey *survey, enum cause cause, int64_t asked, int64_t code, const char *status)
{
    fixture_gate(survey, KDC "/kerberos.as");
    fixture_fail(survey, KDC, "kerberos.as", cause, "the KDC refuses");
    struct check *check = fixture_check(survey, KDC, "kerberos.as");
    check_int(check, "krb.asked", asked);
    check_text(check, "krb.realm", "CONTOSO.TEST");
    if (asked == 25)
        check_int(check, "krb.code", code);
    check_text(check, "krb.ntstatus", status);
}

static void break_account(struct survey *survey)
{
    refuse(survey, CAUSE_ACCOUNT_UNKNOWN, 6, 0, NULL);
}

static void lock_account(struct survey *survey)
{
    refuse(survey, CAUSE_ACCOUNT_REVOKED, 25, 18, NULL);
}

static void expire_account(struct survey *survey)
{
    refuse(survey, CAUSE_ACCOUNT_EXPIRED, 18, 0, "0xC0000193");
}

static void expire_password(struct survey *survey)
{
    refuse(survey, CAUSE_PASSWORD_EXPIRED, 25, 23, "0xC0000071");
}

static void demand_password(struct survey *survey)
{
    refuse(survey, CAUSE_PASSWORD_MUST_CHANGE, 25, 23, "0xC0000224");
}

static void break_clock(struct survey *survey)
{
    static const char *const checks[][2] = {
        {KDC, "kerberos.as"}, {LDAP, "ldap.rootdse"}, {GC, "ldap.rootdse"}};
    for (size_t i = 0; i < 3; i++) {
        struct check *check = fixture_check(survey, checks[i][0], checks[i][1]);
        check_int(check, "clock.skew_s", -600);
        check_settle(check, OUTCOME_WARN, "its clock is 10 min 0 s behind ours");
    }
    for (size_t i = 0; web[i] != NULL; i++)
        check_int(fixture_check(survey, web[i], "http.offer"), "clock.skew_s", 1);
}

static void break_schemes(struct survey *survey)
{
    static const char *const rows[] = {EWS, EWS2};
    static const char *const basic[] = {"Basic"};
    for (size_t i = 0; i < 2; i++) {
        check_list(fixture_check(survey, rows[i], "http.offer"), "http.schemes", basic, 1);
        fixture_fail(survey, rows[i], "http.logon", CAUSE_NO_SCHEME, "only Basic is offered");
    }
}

/* ---- services ---- */

static void break_address(struct survey *survey)
{
    fixture_fail(survey, AUTODISCOVER, "autodiscover.pox", CAUSE_NO_MAILBOX,
        "Autodiscover answers with error 500: no mailbox has this address here");
    check_int(
        fixture_check(survey, AUTODISCOVER, "autodiscover.pox"), "autodiscover.error_code", 500);
    check_add(
        fixture_check(survey, LDAP, "ldap.account"), "account.proxies", "SMTP:old@contoso.test");
}

static void add_web_site(struct survey *survey)
{
    static const char *const probes[] = {"tcp.connect", "tls.handshake", "http.offer"};
    for (size_t i = 0; i < 3; i++) {
        struct check *check = fixture_check(survey, ITSELF, probes[i]);
        check->facts = NULL;
        check->fault = (struct fault){0};
        check_settle(check, OUTCOME_PASS, "fine");
    }
    struct check *offer = fixture_check(survey, ITSELF, "http.offer");
    struct fault fault;
    fault_set(&fault, CAUSE_NOT_EXCHANGE, ORIGIN_HTTP, 200, "answers 200 with text/html");
    check_fail(offer, &fault);
    check_text(offer, "http.title", "Contoso Ltd.");
    survey_reconcile(survey);
}

static void forbid(struct survey *survey)
{
    static const char *const rows[] = {EWS, EWS2};
    for (size_t i = 0; i < 2; i++) {
        fixture_fail(
            survey, rows[i], "ews.version", CAUSE_HTTP_STATUS, "answers 403 after the logon");
        struct check *check = fixture_check(survey, rows[i], "ews.version");
        check->fault.code = 403;
        check_text(check, "node", i == 0 ? "ex1" : "ex2");
        check_int(check, "ews.outlook_status", 200);
    }
}

static void break_format(struct survey *survey)
{
    static const char *const rows[] = {OWA, OWA2};
    for (size_t i = 0; i < 2; i++) {
        fixture_fail(survey, rows[i], "owa.logon", CAUSE_LOGON_REFUSED, "the form comes back");
        check_int(fixture_check(survey, rows[i], "owa.logon"), "owa.reason", 2);
        check_text(fixture_check(survey, rows[i], "owa.logon"), "auth.account", "svc@contoso.test");
    }
}

static void ask_language(struct survey *survey)
{
    static const char *const rows[] = {OWA, OWA2};
    for (size_t i = 0; i < 2; i++) {
        struct check *check = fixture_check(survey, rows[i], "owa.mailbox");
        check_settle(check, OUTCOME_WARN, "the mailbox was never opened in OWA");
        check_bool(check, "owa.first_logon", true);
    }
}

static void break_health(struct survey *survey)
{
    struct check *check = fixture_check(survey, EWS2, "http.health");
    check_settle(check, OUTCOME_WARN, "healthcheck.htm answers 503");
    check_int(check, "health.status", 503);
}

static const struct {
    const char *id;
    void (*apply)(struct survey *survey);
} faults[] = {
    {"N05", break_locators},
    {"N08", break_ipv6},
    {"T02", break_name_in_tls},
    {"T04", break_way},
    {"S03", break_trust},
    {"S04", break_intermediate},
    {"A02", break_account},
    {"A03", lock_account},
    {"A05", expire_account},
    {"A06", expire_password},
    {"A07", demand_password},
    {"A20", break_clock},
    {"A25", break_schemes},
    {"U03", break_address},
    {"U06", add_web_site},
    {"E07", forbid},
    {"O01", break_format},
    {"O03", ask_language},
    {"V03", break_health},
};

bool fixture_break_more(struct survey *survey, const char *fault)
{
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        if (strcmp(faults[i].id, fault) == 0) {
            faults[i].apply(survey);
            return true;
        }
    }
    return false;
}
