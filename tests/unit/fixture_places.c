#include "tests/unit/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define RESOLVER "dns/127.0.0.10/127.0.0.10:53"
#define EWS      "ews/mail.contoso.test/127.0.0.20:443"
#define EWS2     "ews/mail.contoso.test/127.0.0.21:443"
#define LDAP     "ldap/dc1.contoso.test/127.0.0.10:389"
#define GC       "gc/dc1.contoso.test/127.0.0.10:3268"

static struct check *add_check(
    struct survey *survey, const char *row, const char *probe, const char *subject)
{
    struct chain *chain = survey_find_chain(survey, row);
    assert_non_null(chain);
    struct check *check = check_new(chain->id, probe, probe, LAYER_PROTOCOL, subject, NULL);
    check_settle(check, OUTCOME_PASS, "read");
    chain_append(chain, check);
    return check;
}

struct check *fixture_object(struct survey *survey, const char *probe, const char *subject)
{
    return add_check(survey, LDAP, probe, subject);
}

struct lookup *fixture_lookup(struct survey *survey, const char *name, const char *type,
    const char *resolver, int rcode, const char *record)
{
    struct lookup **end = &survey->lookups;
    while (*end != NULL)
        end = &(*end)->next;
    const char **records = arena_alloc(&survey->arena, 4 * sizeof *records);
    *end = arena_alloc(&survey->arena, sizeof **end);
    **end = (struct lookup){
        .name = name, .type = type, .resolver = resolver, .rcode = rcode, .records = records};
    if (record != NULL)
        records[(*end)->count++] = record;
    return *end;
}

/* ---- names ---- */

static void split_zone(struct survey *survey)
{
    fixture_lookup(survey, "mail.contoso.test", "A", "127.0.0.10:53", 0, "127.0.0.20");
    fixture_lookup(survey, "mail.contoso.test", "A", "192.0.2.53:53", 0, "203.0.113.20");
}

static void drop_site_gc(struct survey *survey)
{
    static const char site[] = "_gc._tcp.Berlin._sites.contoso.test";
    struct check *resolver = fixture_check(survey, RESOLVER, "dns.resolver");
    check_text(fixture_check(survey, LDAP, "ldap.rootdse"), "ldap.client_site", "Berlin");
    check_add(resolver, "dns.srv", "_gc._tcp.contoso.test 0 100 3268 dc1.contoso.test");
    check_add(resolver, "dns.missing", site);
    fixture_lookup(survey, site, "SRV", "127.0.0.10:53", 3, NULL);
}

static void alias_name(struct survey *survey)
{
    static const char *const rows[] = {EWS, EWS2};
    for (size_t i = 0; i < 2; i++)
        check_add(fixture_check(survey, rows[i], "dns.name"), "dns.cname", "cas.contoso.test");
    struct check *spn = add_check(survey, GC, "gc.spn", NULL);
    check_add(spn, "spn.checked", "HTTP/mail.contoso.test");
    check_add(spn, "spn.checked", "HTTP/cas.contoso.test");
    check_add(spn, "spn.owners", "HTTP/mail.contoso.test | CN=ASA,DC=contoso,DC=test");
    check_add(spn, "spn.missing", "HTTP/cas.contoso.test");
}

static void add_dead_row(
    struct survey *survey, enum service service, const char *host, enum source source)
{
    struct endpoint endpoint = {
        .service = service, .host = host, .port = 443, .sources = 1u << source};
    struct chain *chain = survey_add_chain(survey, &endpoint);
    struct check *check = check_new(chain->id, "dns.name", "dns.name", LAYER_DNS, NULL, NULL);
    chain_append(chain, check);
    check = check_new(chain->id, "http.logon", "http.logon", LAYER_AUTH, NULL, NULL);
    check_settle(check, OUTCOME_PASS, "logged on");
    chain_append(chain, check);
    fixture_fail(
        survey, chain->id, "dns.name", CAUSE_NAME_NOT_FOUND, "the name does not exist (NXDOMAIN)");
}

/* Two servers behind mail.contoso.test, configured alike. */
static void add_vdirs(struct survey *survey, const char *host, const char *method)
{
    static const char *const names[][2] = {{"EX1", "EX1/ews"}, {"EX2", "EX2/ews"}};
    for (size_t i = 0; i < 2; i++) {
        struct check *vdir = fixture_object(survey, "ldap.vdir", names[i][1]);
        check_text(vdir, "vdir.server", names[i][0]);
        check_text(vdir, "vdir.service", "ews");
        check_text(vdir, "vdir.internal_host", host);
        check_text(vdir, "vdir.internal_url", "https://the.internal/EWS/Exchange.asmx");
        check_add(vdir, "vdir.auth_internal", method);
        check_add(vdir, "vdir.auth_internal", "NTLM");
        check_add(vdir, "vdir.auth_internal", "Bearer");
    }
}

static void name_inside(struct survey *survey)
{
    add_vdirs(survey, "ex1.contoso.local", "Negotiate");
    add_dead_row(survey, SERVICE_EWS, "ex1.contoso.local", SOURCE_AD);
    add_dead_row(survey, SERVICE_OWA, "ex1.contoso.local", SOURCE_AUTODISCOVER);
}

static void configure_basic(struct survey *survey)
{
    add_vdirs(survey, "mail.contoso.test", "Basic");
}

/* ---- service connection points ---- */

static struct check *add_scp(
    struct survey *survey, const char *server, const char *host, const char *site, bool ours)
{
    struct check *scp = fixture_object(survey, "ldap.scp", server);
    check_text(scp, "scp.server", server);
    check_text(scp, "scp.host", host);
    check_text(scp, "scp.url", "https://the.scp/Autodiscover/Autodiscover.xml");
    check_bool(scp, "scp.known_server", true);
    if (site != NULL)
        check_add(scp, "scp.sites", site);
    check_bool(scp, "scp.site_ours", ours);
    return scp;
}

static void leave_scp(struct survey *survey)
{
    add_scp(survey, "EX1", "autodiscover.contoso.test", "Berlin", true);
    add_scp(survey, "OLD1", "old1.contoso.test", "Berlin", true);
    add_dead_row(survey, SERVICE_AUTODISCOVER, "old1.contoso.test", SOURCE_SCP);
}

static void forget_site(struct survey *survey)
{
    check_text(fixture_check(survey, LDAP, "ldap.rootdse"), "ldap.client_site", "Berlin");
    add_scp(survey, "EX1", "autodiscover.contoso.test", "Bonn", false);
    add_scp(survey, "EX2", "autodiscover.contoso.test", "Hamburg", false);
}

/* ---- builds ---- */

static void add_server(struct survey *survey, const char *name, const char *build)
{
    struct check *server = fixture_object(survey, "ldap.server", name);
    check_text(server, "server.name", name);
    check_text(server, "server.build", build);
    check_int(server, "server.roles", 16439);
}

static void build_all(struct survey *survey, const char *build)
{
    for (struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (struct check *at = chain->checks; at != NULL; at = at->next) {
            if (check_fact(at, "exchange.build") != NULL)
                check_text(at, "exchange.build", build);
        }
    }
    add_server(survey, "EX1", build);
}

static void age(struct survey *survey)
{
    build_all(survey, "15.0.620.29");
}

static void mix(struct survey *survey)
{
    build_all(survey, "15.2.2562.37");
    add_server(survey, "EX3", "15.1.2507.6");
    check_text(fixture_object(survey, "ldap.organization", NULL), "org.name", "Contoso");
}

static void end_support(struct survey *survey)
{
    build_all(survey, "15.1.2507.66");
}

static void go_hybrid(struct survey *survey)
{
    struct check *org = fixture_object(survey, "ldap.organization", NULL);
    check_text(org, "org.name", "Contoso");
    check_bool(org, "org.hybrid", true);
    check_add(org, "org.cloud_domains", "contoso.mail.onmicrosoft.com");
    check_bool(org, "org.remote_mailboxes", true);
}

/* ---- controllers ---- */

static void silence_controller(struct survey *survey)
{
    static const enum service services[] = {SERVICE_LDAP, SERVICE_GC};
    for (size_t i = 0; i < 2; i++) {
        const struct chain *chain =
            fixture_controller(survey, services[i], "dc2.contoso.test", "127.0.0.11");
        fixture_fail(survey, chain->id, "ldap.rootdse", CAUSE_TIMEOUT, "no answer in time");
    }
}

static void close_kerberos_udp(struct survey *survey)
{
    static const char kdc[] = "kerberos/dc1.contoso.test/127.0.0.10:88";
    struct check *check = fixture_extra(survey, kdc, "kerberos.udp", LAYER_TCP);
    fault_set(&check->fault, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0, "no answer within 2.0 s");
    check_settle(check, OUTCOME_WARN, "the KDC by UDP is silent");
}

static void close_ldaps(struct survey *survey)
{
    const struct chain *chain =
        fixture_controller(survey, SERVICE_LDAP, "dc1.contoso.test", "127.0.0.10");
    fixture_fail(survey, chain->id, "tcp.connect", CAUSE_REFUSED, "refused");
}

static const struct {
    const char *id;
    void (*apply)(struct survey *survey);
} faults[] = {
    {"N02", split_zone},
    {"N10", silence_controller},
    {"N11", close_kerberos_udp},
    {"D14", close_ldaps},
    {"N06", drop_site_gc},
    {"N07", alias_name},
    {"N09", name_inside},
    {"U07", leave_scp},
    {"U08", forget_site},
    {"V01", age},
    {"V02", mix},
    {"V06", end_support},
    {"V07", configure_basic},
    {"C04", go_hybrid},
};

bool fixture_break_places(struct survey *survey, const char *fault)
{
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        if (strcmp(faults[i].id, fault) == 0) {
            faults[i].apply(survey);
            return true;
        }
    }
    return false;
}
