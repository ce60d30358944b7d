#include "tests/unit/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "report/json.h"

#ifndef TEST_SOURCE_ROOT
#define TEST_SOURCE_ROOT "."
#endif

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
#define SPN          KDC "/HTTP/mail.contoso.test"
#define SPN2         KDC "/HTTP/autodiscover.contoso.test"

const char *const fixture_goldens[] = {"healthy", "N01", "N04", "N05", "N08", "T01", "T02", "T04",
    "S01", "S02", "S03", "S04", "A01", "A02", "A03", "A04", "A05", "A06", "A07", "A16", "A20",
    "A08", "A09", "A10", "A17", "A18", "A19", "A21", "A31", "D01", "D02", "D03", "D05", "D07",
    "D08", "D09", "D10", "D11", "D12", "D13", "D14", "A25", "D04", "D06", "N02", "N06", "N07",
    "N09", "N10", "N11", "U07", "U08", "V01", "V02", "V06", "V07", "C04", "U03", "U06", "E07",
    "O01", "O03", "V03", "R01", "R02", "R03", "R05", "R06", "R07", "R08", "R09", "T05", "T07",
    "A14", "A15", "M01", "M02", "M03", "M04", "M05", "M06", "M07", "M08", "M09", "M10", "M11",
    "M12", "M13", "M14", "M15", "M16", "M17", "M18", "M19", "M20", "M21", "V05", "X-DNS", "X-TCP",
    "X-TLS", "X-HTTP", "X-AUTH", "X-PROTOCOL", "X-MAILBOX", "X-ERROR", NULL};

/* ---- building ---------------------------------------------------------------------------------
 */

static struct chain *add_row(struct survey *survey, enum service service, const char *host,
    const char *address, uint16_t port)
{
    struct endpoint endpoint = {.service = service,
        .host = host,
        .address = address,
        .port = port,
        .sources = 1u << SOURCE_DNS};
    return survey_add_chain(survey, &endpoint);
}

static struct check *add_check(
    struct chain *chain, const char *probe, enum layer layer, const char *summary)
{
    struct check *check = check_new(chain->id, probe, probe, layer, NULL, NULL);
    check_settle(check, OUTCOME_PASS, "%s", summary);
    check->elapsed_us = 2000;
    chain_append(chain, check);
    return check;
}

static void add_name(struct chain *chain)
{
    struct check *check = add_check(chain, "dns.name", LAYER_DNS, "the name has an address");
    check_text(check, "dns.name", chain->endpoint.host);
    check_int(check, "dns.rcode", 0);
    check_add(check, "dns.addresses", chain->endpoint.address);
}

static void add_connect(struct chain *chain)
{
    struct check *check = add_check(chain, "tcp.connect", LAYER_TCP, "connected");
    check_text(check, "tcp.local", "127.0.0.1:40000");
    check_int(check, "tcp.rtt_us", 120);
}

static void add_tls(struct chain *chain)
{
    struct check *check =
        add_check(chain, "tls.handshake", LAYER_TLS, "TLSv1.3, the certificate verifies");
    check_text(check, "tls.version", "TLSv1.3");
    check_add(check, "tls.names", "mail.contoso.test");
    check_add(check, "tls.names", "autodiscover.contoso.test");
    check_text(check, "tls.not_before", "2026-01-01T00:00:00Z");
    check_text(check, "tls.not_after", "2027-01-01T00:00:00Z");
    check_text(check, "tls.sha256", "aa11");
    check_bool(check, "tls.verified", true);
}

static void add_offer(struct chain *chain, const char *node)
{
    struct check *check =
        add_check(chain, "http.offer", LAYER_HTTP, "401 with Negotiate and NTLM: Exchange");
    check_int(check, "http.status", 401);
    check_add(check, "http.schemes", "Negotiate");
    check_add(check, "http.schemes", "NTLM");
    check_text(check, "exchange.build", "15.2.2562.37");
    check_text(check, "node", node);
}

static void add_logon(struct chain *chain, const char *probe)
{
    struct check *check = add_check(chain, probe, LAYER_AUTH, "logged on with Kerberos");
    check_text(check, "auth.scheme", "Kerberos");
    check_text(check, "ntlm.dns_domain", "contoso.test");
    check_bool(check, "auth.prover", false);
}

static void add_web(struct survey *survey, enum service service, const char *host,
    const char *address, const char *node)
{
    struct chain *chain = add_row(survey, service, host, address, 443);
    add_name(chain);
    add_connect(chain);
    add_tls(chain);
    add_offer(chain, node);
    struct check *check = NULL;
    switch ((int)service) {
    case SERVICE_AUTODISCOVER:
        chain->endpoint.candidate = true;
        add_logon(chain, "http.logon");
        add_check(chain, "autodiscover.pox", LAYER_PROTOCOL, "settings came");
        add_check(chain, "autodiscover.mailbox", LAYER_MAILBOX, "the mailbox of Service Account");
        break;
    case SERVICE_EWS:
        add_logon(chain, "http.logon");
        check = add_check(chain, "ews.version", LAYER_PROTOCOL, "Exchange2016 schema");
        check_text(check, "exchange.build", "15.2.2562.37");
        check = add_check(chain, "ews.folders", LAYER_MAILBOX, "opened: inbox, contacts, calendar");
        check_int(check, "ews.inbox.total", 12);
        check_int(check, "ews.contacts.total", 3);
        check_int(check, "ews.calendar.total", 1);
        break;
    case SERVICE_MAPI:
    case SERVICE_RPC:
        add_logon(chain, "http.logon");
        if (service == SERVICE_RPC) {
            fixture_add_rpc(chain);
            return; /* has no health page */
        }
        fixture_add_mapi(chain);
        break;
    default:
        add_logon(chain, "owa.logon");
        add_check(chain, "owa.app", LAYER_PROTOCOL, "OWA shows itself");
        add_check(chain, "owa.mailbox", LAYER_MAILBOX, "the mailbox opens");
    }
    add_check(chain, "http.health", LAYER_HTTP, "200, healthy");
}

static void add_directory(struct survey *survey, enum service service, uint16_t port)
{
    struct chain *chain = add_row(survey, service, "dc1.contoso.test", "127.0.0.10", port);
    add_name(chain);
    add_connect(chain);
    struct check *check =
        add_check(chain, "tls.handshake", LAYER_TLS, "does not apply: the port is in the clear");
    check->outcome = OUTCOME_SKIPPED;
    add_check(chain, "ldap.rootdse", LAYER_HTTP, "a domain controller of contoso.test");
    add_check(chain, "ldap.bind", LAYER_AUTH, "bound with Kerberos");
    check = add_check(chain, "ldap.account", LAYER_PROTOCOL, "found the account");
    check_text(check, "account.dn", "CN=Service Account,OU=Service,DC=contoso,DC=test");
    check_text(check, "account.sam", "svc");
    check_bool(check, "account.disabled", false);
    check = add_check(chain, "ldap.mailbox", LAYER_MAILBOX, "mailbox-enabled and visible");
    check_text(check, "mailbox.guid", "11111111-2222-3333-4444-555555555555");
    check_text(check, "mailbox.home_mdb", "CN=DB1,CN=Databases,DC=contoso,DC=test");
    check_int(check, "mailbox.type", 1);
    check_bool(check, "mailbox.hidden", false);
    check_int(check, "mailbox.address_lists", 2);
}

static void add_kerberos(struct survey *survey, const char *subject)
{
    struct endpoint endpoint = {.service = SERVICE_KERBEROS,
        .host = "dc1.contoso.test",
        .address = "127.0.0.10",
        .port = 88,
        .subject = subject,
        .sources = 1u << SOURCE_DNS};
    struct chain *chain = survey_add_chain(survey, &endpoint);
    add_name(chain);
    add_connect(chain);
    if (subject == NULL) {
        struct check *check = add_check(chain, "kerberos.as", LAYER_AUTH, "a ticket came");
        check_int(check, "krb.asked", 25);
        check_bool(check, "auth.prover", true);
        return;
    }
    struct check *check = add_check(chain, "kerberos.ticket", LAYER_PROTOCOL, "a service ticket");
    check_text(check, "krb.spn", subject);
}

void fixture_healthy(struct survey *survey)
{
    static const char *const addresses[] = {"127.0.0.1"};
    static const char *const resolvers[] = {"127.0.0.10:53"};
    survey_init(survey);
    survey->version = "0.1.0";
    survey->started_us = 1795348800000000;
    survey->elapsed_us = 1234000;
    survey->target = (struct target){.address = "svc@contoso.test",
        .domain = "contoso.test",
        .account = "svc@contoso.test",
        .profile = PROFILE_EWS_APP};
    survey->vantage = (struct vantage){.host = "pbx.contoso.test",
        .addresses = addresses,
        .address_count = 1,
        .resolvers = resolvers,
        .resolver_count = 1};
    survey->logons_attempted = 1;

    struct chain *chain = add_row(survey, SERVICE_DNS, "127.0.0.10", "127.0.0.10", 53);
    add_check(chain, "dns.resolver", LAYER_DNS, "answers");
    add_kerberos(survey, NULL);
    add_kerberos(survey, "HTTP/mail.contoso.test");
    add_kerberos(survey, "HTTP/autodiscover.contoso.test");
    add_directory(survey, SERVICE_LDAP, 389);
    add_directory(survey, SERVICE_GC, 3268);
    add_web(survey, SERVICE_AUTODISCOVER, "autodiscover.contoso.test", "127.0.0.20", "ex1");
    add_web(survey, SERVICE_AUTODISCOVER, "contoso.test", "127.0.0.10", "");
    add_web(survey, SERVICE_EWS, "mail.contoso.test", "127.0.0.20", "ex1");
    add_web(survey, SERVICE_EWS, "mail.contoso.test", "127.0.0.21", "ex2");
    add_web(survey, SERVICE_OWA, "mail.contoso.test", "127.0.0.20", "ex1");
    add_web(survey, SERVICE_OWA, "mail.contoso.test", "127.0.0.21", "ex2");
    add_web(survey, SERVICE_MAPI, "mail.contoso.test", "127.0.0.20", "ex1");
    add_web(survey, SERVICE_MAPI, "mail.contoso.test", "127.0.0.21", "ex2");
    add_web(survey, SERVICE_RPC, "mail.contoso.test", "127.0.0.20", "ex1");
    add_web(survey, SERVICE_RPC, "mail.contoso.test", "127.0.0.21", "ex2");
    fixture_fail(survey, ITSELF, "tcp.connect", CAUSE_REFUSED, "refused");
    survey_reconcile(survey);
}

/* ---- breaking ---------------------------------------------------------------------------------
 */

struct check *fixture_check(struct survey *survey, const char *chain_id, const char *probe)
{
    struct chain *chain = survey_find_chain(survey, chain_id);
    if (chain == NULL)
        fail_msg("no row %s", chain_id);
    for (struct check *at = chain->checks; at != NULL; at = at->next) {
        if (strcmp(at->probe, probe) == 0)
            return at;
    }
    fail_msg("no check %s in %s", probe, chain_id);
    return NULL;
}

void fixture_fail(struct survey *survey, const char *chain_id, const char *probe, enum cause cause,
    const char *text)
{
    struct fault fault;
    struct check *check = fixture_check(survey, chain_id, probe);
    if (check->outcome == OUTCOME_BLOCKED)
        return; /* something below it broke before */
    check->facts = NULL;
    fault_set(&fault, cause, ORIGIN_EXREACH, 0, "%s", text);
    check_fail(check, &fault);
    for (struct check *at = check->next; at != NULL; at = at->next) {
        if (at->outcome == OUTCOME_SKIPPED)
            continue;
        at->facts = NULL;
        at->fault = (struct fault){0};
        check_settle(at, OUTCOME_BLOCKED, "blocked");
        at->blocked_by = check;
    }
}

static const char *const web[] = {AUTODISCOVER, EWS, EWS2, OWA, OWA2, MAPI, MAPI2, RPC, RPC2, NULL};

static const char *logon_of(const char *row)
{
    return strncmp(row, "owa/", 4) == 0 ? "owa.logon" : "http.logon";
}

static void fail_web(struct survey *survey, const char *probe, enum cause cause, const char *text)
{
    for (size_t i = 0; web[i] != NULL; i++)
        fixture_fail(survey, web[i], probe, cause, text);
}

/* What comes after the logon is blocked by nothing, and not tried. */
void fixture_gate(struct survey *survey, const char *who)
{
    static const char *const directory[] = {LDAP, GC};
    enum { WEB = sizeof web / sizeof web[0] - 1 };
    for (size_t i = 0; i < WEB + 2; i++) {
        const char *row = i < WEB ? web[i] : directory[i - WEB];
        struct check *at = fixture_check(survey, row, i < WEB ? logon_of(row) : "ldap.bind");
        if (at->outcome != OUTCOME_PASS)
            continue;
        for (; at != NULL; at = at->next) {
            at->facts = NULL;
            check_settle(at, OUTCOME_SKIPPED, "the password was refused by %s", who);
        }
    }
}

static void fix_dates(struct survey *survey)
{
    for (size_t i = 0; web[i] != NULL; i++) {
        struct check *check = fixture_check(survey, web[i], "tls.handshake");
        check_text(check, "tls.not_before", "2025-01-01T00:00:00Z");
        check_text(check, "tls.not_after", "2026-01-01T00:00:00Z");
        check_text(check, "tls.sha256", "bb22");
        check_add(check, "tls.errors", "10@0");
    }
}

static void fix_names(struct survey *survey)
{
    for (size_t i = 0; web[i] != NULL; i++) {
        struct check *check = fixture_check(survey, web[i], "tls.handshake");
        check_add(check, "tls.names", "*.contoso.local");
        check_text(check, "tls.sha256", "cc33");
        check_add(check, "tls.errors", "62@0");
    }
}

static void break_name(struct survey *survey)
{
    struct lookup *lookup = arena_alloc(&survey->arena, sizeof *lookup);
    *lookup = (struct lookup){.name = "_autodiscover._tcp.contoso.test",
        .type = "SRV",
        .resolver = "127.0.0.10:53",
        .rcode = 3};
    survey->lookups = lookup;
    struct chain *chain = survey_find_chain(survey, AUTODISCOVER);
    chain->endpoint.address = NULL;
    fixture_fail(survey, AUTODISCOVER, "dns.name", CAUSE_NAME_NOT_FOUND,
        "no such name: autodiscover.contoso.test (NXDOMAIN)");
    check_int(fixture_check(survey, AUTODISCOVER, "dns.name"), "dns.rcode", 3);
}

static void break_directory(struct survey *survey, bool hidden)
{
    static const char *const rows[] = {LDAP, GC};
    for (size_t i = 0; i < 2; i++) {
        struct check *check = fixture_check(survey, rows[i], "ldap.mailbox");
        if (hidden) {
            check_settle(check, OUTCOME_WARN, "has a mailbox, hidden from the address lists");
            check_bool(check, "mailbox.hidden", true);
            check_int(check, "mailbox.address_lists", 0);
            continue;
        }
        fixture_fail(survey, rows[i], "ldap.mailbox", CAUSE_NO_MAILBOX,
            "the account has no mailbox: homeMDB is not set");
        check_int(check, "mailbox.type", 0);
    }
    if (hidden) {
        fixture_fail_books(survey);
        return;
    }
    fixture_fail(survey, AUTODISCOVER, "autodiscover.pox", CAUSE_AUTODISCOVER_ERROR,
        "error 500: the e-mail address cannot be found");
    fixture_fail(survey, EWS, "ews.folders", CAUSE_NO_MAILBOX, "ErrorNonExistentMailbox");
    fixture_fail(survey, EWS2, "ews.folders", CAUSE_NO_MAILBOX, "ErrorNonExistentMailbox");
    fixture_fail(survey, OWA, "owa.mailbox", CAUSE_NOT_EXCHANGE, "an error page");
    fixture_fail(survey, OWA2, "owa.mailbox", CAUSE_NOT_EXCHANGE, "an error page");
    fixture_fail_mapi(survey, CAUSE_NO_MAILBOX, 0);
}

static void break_ticket(struct survey *survey)
{
    static const char *const rows[] = {SPN, SPN2};
    static const char *const names[] = {"HTTP/mail.contoso.test", "HTTP/autodiscover.contoso.test"};
    for (size_t i = 0; i < 2; i++) {
        fixture_fail(
            survey, rows[i], "kerberos.ticket", CAUSE_SPN_UNKNOWN, "the KDC knows no such service");
        check_text(fixture_check(survey, rows[i], "kerberos.ticket"), "krb.spn", names[i]);
    }
    struct check *check = fixture_check(survey, EWS, "http.logon");
    if (check->outcome != OUTCOME_PASS)
        return;
    check_text(check, "auth.scheme", "NTLM");
    check_text(check, "auth.kerberos", "the KDC knows no such service");
    check_settle(check, OUTCOME_WARN, "logged on with NTLM, Kerberos could not be used");
}

static void break_error(struct survey *survey)
{
    struct fault fault;
    struct check *check = fixture_check(survey, OWA, "http.health");
    fault_set(&fault, CAUSE_UNSUPPORTED, ORIGIN_EXREACH, 0, "no CA store was found");
    check_fail(check, &fault);
}

static void break_mailbox(struct survey *survey)
{
    static const char *const mailboxes[] = {"bob@contoso.test"};
    static const char *const rows[] = {EWS, EWS2};
    struct fault fault;
    survey->target.mailboxes = mailboxes;
    survey->target.mailbox_count = 1;
    for (size_t i = 0; i < 2; i++) {
        struct chain *chain = survey_find_chain(survey, rows[i]);
        struct check *check = check_new(
            chain->id, "ews.mailbox", "ews.mailbox", LAYER_MAILBOX, "bob@contoso.test", NULL);
        chain_append(chain, check);
        fault_set(&fault, CAUSE_ACCESS_DENIED, ORIGIN_SOAP, 200, "ErrorAccessDenied");
        check_fail(check, &fault);
    }
}

static bool break_elsewhere(struct survey *survey, const char *fault)
{
    return fixture_break_more(survey, fault) || fixture_break_places(survey, fault) ||
           fixture_break_directory(survey, fault) || fixture_break_rpc(survey, fault) ||
           fixture_break_mapi(survey, fault);
}

void fixture_break(struct survey *survey, const char *fault)
{
    if (break_elsewhere(survey, fault))
        return;
    if (strcmp(fault, "N01") == 0) {
        break_name(survey);
    } else if (strcmp(fault, "N04") == 0) {
        static const char *const dead[] = {EWS2, OWA2, MAPI2, RPC2};
        for (size_t i = 0; i < sizeof dead / sizeof dead[0]; i++)
            fixture_fail(survey, dead[i], "tcp.connect", CAUSE_TIMEOUT,
                "no answer to our SYN within 10.0 s");
    } else if (strcmp(fault, "T01") == 0) {
        fail_web(survey, "tcp.connect", CAUSE_TIMEOUT, "no answer to our SYN within 10.0 s");
    } else if (strcmp(fault, "S01") == 0) {
        fail_web(
            survey, "tls.handshake", CAUSE_CERT_EXPIRED, "the certificate expired 326 days ago");
        fix_dates(survey);
    } else if (strcmp(fault, "S02") == 0) {
        fail_web(survey, "tls.handshake", CAUSE_CERT_NAME, "the certificate is for other names");
        fix_names(survey);
    } else if (strcmp(fault, "A01") == 0) {
        fixture_gate(survey, "dc1.contoso.test");
        fixture_fail(survey, KDC, "kerberos.as", CAUSE_PASSWORD_WRONG, "the password is wrong");
        survey->logons_refused = 1;
    } else if (strcmp(fault, "A04") == 0) {
        fixture_gate(survey, "dc1.contoso.test");
        fixture_fail(
            survey, KDC, "kerberos.as", CAUSE_ACCOUNT_REVOKED, "disabled, locked or expired");
        fixture_fail(survey, LDAP, "ldap.bind", CAUSE_ACCOUNT_DISABLED, "the account is disabled");
        fixture_check(survey, LDAP, "ldap.bind")->outcome = OUTCOME_FAIL;
        check_text(fixture_check(survey, LDAP, "ldap.bind"), "ldap.data", "533");
    } else if (strcmp(fault, "A16") == 0) {
        break_ticket(survey);
    } else if (strcmp(fault, "D04") == 0 || strcmp(fault, "D06") == 0) {
        break_directory(survey, strcmp(fault, "D06") == 0);
    } else if (strcmp(fault, "X-DNS") == 0) {
        fixture_fail(survey, AUTODISCOVER, "dns.name", CAUSE_NAME_SERVER_FAILURE, "SERVFAIL");
    } else if (strcmp(fault, "X-TCP") == 0) {
        fail_web(survey, "tcp.connect", CAUSE_REFUSED, "refused: nothing listens on the port");
    } else if (strcmp(fault, "X-TLS") == 0) {
        fail_web(survey, "tls.handshake", CAUSE_NOT_TLS, "not TLS (HTTP seen)");
    } else if (strcmp(fault, "X-HTTP") == 0) {
        fail_web(survey, "http.offer", CAUSE_HTTP_STATUS, "answers 503");
    } else if (strcmp(fault, "X-AUTH") == 0) {
        for (size_t i = 0; web[i] != NULL; i++)
            fixture_fail(
                survey, web[i], logon_of(web[i]), CAUSE_CHANNEL_BINDING, "the bindings differ");
    } else if (strcmp(fault, "X-PROTOCOL") == 0) {
        fixture_fail(survey, EWS, "ews.version", CAUSE_SOAP_FAULT, "ErrorInternalServerError");
        fixture_fail(survey, EWS2, "ews.version", CAUSE_SOAP_FAULT, "ErrorInternalServerError");
    } else if (strcmp(fault, "X-MAILBOX") == 0) {
        break_mailbox(survey);
    } else if (strcmp(fault, "X-ERROR") == 0) {
        break_error(survey);
    } else {
        fail_msg("no fault %s", fault);
    }
}

void fixture_golden(struct survey *survey, const char *name)
{
    enum { GOLDEN_MAX = 1 << 20 };
    static char bytes[GOLDEN_MAX];
    char path[300];
    struct fault fault = {0};
    snprintf(path, sizeof path, "%s/tests/golden/%s.json", TEST_SOURCE_ROOT, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("no golden survey %s", path);
    size_t length = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    survey_init(survey);
    if (!json_load(bytes, length, survey, &fault))
        fail_msg("%s: %s", path, fault.text);
}
