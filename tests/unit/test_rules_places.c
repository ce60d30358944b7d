/*
 * The rules about places that the directory names, and what they must not be mistaken for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/findings.h"

#define RESOLVER     "dns/127.0.0.10/127.0.0.10:53"
#define AUTODISCOVER "autodiscover/autodiscover.contoso.test/127.0.0.20:443"
#define EWS          "ews/mail.contoso.test/127.0.0.20:443"
#define EWS2         "ews/mail.contoso.test/127.0.0.21:443"
#define LDAP         "ldap/dc1.contoso.test/127.0.0.10:389"
#define GC           "gc/dc1.contoso.test/127.0.0.10:3268"
#define KDC          "kerberos/dc1.contoso.test/127.0.0.10:88"
#define SITE_GC      "_gc._tcp.Berlin._sites.contoso.test"

static void begin(struct survey *survey, const char *fault)
{
    fixture_healthy(survey);
    if (fault != NULL)
        fixture_break(survey, fault);
}

/* What is found; ends the survey. */
static void expect_now(struct survey *survey, const char *rule, bool found)
{
    survey_diagnose(survey);
    assert_whole(survey);
    if ((find(survey, rule) != NULL) != found)
        fail_msg("%s is %s: %s", rule, found ? "missing" : "wrong", survey->verdict.summary);
    survey_done(survey);
}

static bool says(const struct finding *finding, const char *words)
{
    for (size_t i = 0; finding != NULL && i < finding->evidence_count; i++) {
        if (strstr(finding->evidence[i], words) != NULL)
            return true;
    }
    return false;
}

/* ---- N06 ---- */

static void test_site_record(void **state)
{
    (void)state;
    struct survey survey;
    /* no global record either: the resolver, not the site */
    begin(&survey, "N06");
    check_list(fixture_check(&survey, RESOLVER, "dns.resolver"), "dns.srv", NULL, 0);
    expect_now(&survey, "N06", false);
    /* the question failed */
    begin(&survey, "N06");
    survey.lookups->rcode = 2;
    expect_now(&survey, "N06", false);
    /* another resolver has it */
    begin(&survey, "N06");
    check_add(fixture_check(&survey, RESOLVER, "dns.resolver"), "dns.srv",
        SITE_GC " 0 100 3268 dc1.contoso.test");
    expect_now(&survey, "N06", false);
    /* the record of another service is missing */
    begin(&survey, "N06");
    static const char *const ldap[] = {"_ldap._tcp.Berlin._sites.dc._msdcs.contoso.test"};
    check_list(fixture_check(&survey, RESOLVER, "dns.resolver"), "dns.missing", ldap, 1);
    expect_now(&survey, "N06", false);
    /* the global record of another forest, whose name begins alike */
    begin(&survey, "N06");
    static const char *const alike[] = {"_gc._tcp.contoso.testing 0 100 3268 dc9.contoso.testing"};
    check_list(fixture_check(&survey, RESOLVER, "dns.resolver"), "dns.srv", alike, 1);
    expect_now(&survey, "N06", false);
}

/* The row of the site's own record: no fault of the domain's records (N05). */
static void test_site_row(void **state)
{
    (void)state;
    static const struct {
        bool domain; /* the domain's own record is missing, too */
        const char *rule, *never;
    } table[] = {{false, "N06", "N05"}, {true, "N05", "N06"}};
    for (size_t i = 0; i < 2; i++) {
        struct survey survey;
        begin(&survey, table[i].domain ? "N05" : "N06");
        struct endpoint endpoint = {.service = SERVICE_GC,
            .host = SITE_GC,
            .port = 3268,
            .sources = 1u << SOURCE_DNS,
            .candidate = true};
        struct chain *chain = survey_add_chain(&survey, &endpoint);
        struct check *name = check_new(chain->id, "dns.name", "t", LAYER_DNS, NULL, NULL);
        chain_append(chain, name);
        fixture_fail(&survey, chain->id, "dns.name", CAUSE_NAME_NOT_FOUND, "NXDOMAIN");
        survey_diagnose(&survey);
        assert_int_equal(count(&survey), 1);
        assert_string_equal(survey.findings->rule, table[i].rule);
        assert_null(find(&survey, table[i].never));
        survey_done(&survey);
    }
}

static void test_gc_ports(void **state)
{
    (void)state;
    static const struct {
        enum cause cause;
        bool ldap; /* of the same host answers */
        const char *rule;
    } table[] = {
        {CAUSE_REFUSED, true, "N06"}, {CAUSE_TIMEOUT, true, "T01"},    /* a firewall */
        {CAUSE_RESET, true, "X-TCP"}, {CAUSE_REFUSED, false, "X-TCP"}, /* the controller is down */
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        begin(&survey, NULL);
        survey.target.profile = PROFILE_MAPI_CDO;
        fixture_fail(&survey, GC, "tcp.connect", table[i].cause, "it fails");
        if (!table[i].ldap)
            fixture_fail(&survey, LDAP, "tcp.connect", table[i].cause, "it fails");
        survey_diagnose(&survey);
        assert_whole(&survey);
        assert_string_equal(survey.findings->rule, table[i].rule);
        assert_int_equal(survey.findings->severity, SEVERITY_FAIL);
        if (strcmp(table[i].rule, "N06") == 0)
            assert_string_equal(survey.findings->component, "global catalogue at dc1.contoso.test");
        survey_done(&survey);
    }
}

/* A second controller's catalogue works: a warning. 3269 alone is no missing catalogue. */
static void test_gc_left(void **state)
{
    (void)state;
    struct survey survey;
    for (int port = 3268; port <= 3269; port++) {
        begin(&survey, NULL);
        survey.target.profile = PROFILE_MAPI_CDO;
        struct endpoint endpoint = {.service = SERVICE_GC,
            .host = "dc1.contoso.test",
            .address = "127.0.0.10",
            .port = 3269,
            .sources = 1u << SOURCE_DNS};
        struct chain *chain = survey_add_chain(&survey, &endpoint);
        static const char *const probes[] = {
            "dns.name", "tcp.connect", "ldap.rootdse", "ldap.bind"};
        static const enum layer layers[] = {LAYER_DNS, LAYER_TCP, LAYER_HTTP, LAYER_AUTH};
        for (size_t i = 0; i < 4; i++) {
            struct check *check = check_new(chain->id, probes[i], "t", layers[i], NULL, NULL);
            check_settle(check, OUTCOME_PASS, "fine");
            chain_append(chain, check);
        }
        fixture_fail(
            &survey, port == 3268 ? GC : chain->id, "tcp.connect", CAUSE_REFUSED, "refused");
        survey_diagnose(&survey);
        assert_string_equal(survey.findings->rule, port == 3268 ? "N06" : "D14");
        assert_int_equal(survey.findings->severity, port == 3268 ? SEVERITY_WARN : SEVERITY_INFO);
        survey_done(&survey);
    }
}

/* The directory says that no controller is one: the same finding. */
static void test_gc_of_directory(void **state)
{
    (void)state;
    static const struct {
        bool gc, dead;
        const char *component; /* NULL: nothing is found */
    } table[] = {
        {false, false, "global catalogue of the forest"},
        {false, true, "global catalogue at dc1.contoso.test"},
        {true, false, NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        begin(&survey, NULL);
        struct check *controllers = fixture_object(&survey, "ldap.controllers", NULL);
        check_settle(controllers, table[i].gc ? OUTCOME_PASS : OUTCOME_WARN, "controllers");
        check_add(controllers, "dc.hosts", "dc1.contoso.test");
        if (table[i].gc)
            check_add(controllers, "dc.gcs", "dc1.contoso.test");
        if (table[i].dead)
            fixture_fail(&survey, GC, "tcp.connect", CAUSE_REFUSED, "refused");
        survey_diagnose(&survey);
        assert_int_equal(count(&survey), table[i].component != NULL ? 1 : 0);
        if (table[i].component != NULL)
            assert_string_equal(survey.findings->component, table[i].component);
        survey_done(&survey);
    }
}

/* A controller that is no catalogue says FALSE on 389, and that is no fault. */
static void test_gc_ready(void **state)
{
    (void)state;
    static const char *const rows[] = {GC, LDAP};
    for (size_t i = 0; i < 2; i++) {
        struct survey survey;
        begin(&survey, NULL);
        check_bool(fixture_check(&survey, rows[i], "ldap.rootdse"), "ldap.gc_ready", false);
        expect_now(&survey, "N06", i == 0);
    }
}

/* ---- N09 ---- */

static void test_unknown_url(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "N09");
    check_add(fixture_check(&survey, AUTODISCOVER, "autodiscover.pox"), "autodiscover.urls",
        "EXCH internal OWAUrl https://ex1.contoso.local/owa/");
    check_add(fixture_check(&survey, AUTODISCOVER, "autodiscover.pox"), "autodiscover.urls",
        "EXPR external EwsUrl https://ex1.contoso.localdomain/EWS/Exchange.asmx");
    survey_diagnose(&survey);
    assert_int_equal(count(&survey), 1);
    assert_string_equal(survey.findings->component, "name ex1.contoso.local");
    assert_true(says(survey.findings, "the internal URL of EX1/ews, EX2/ews: "));
    assert_true(says(survey.findings, "in 1 URL: EXCH internal OWAUrl"));
    assert_false(says(survey.findings, "localdomain"));
    survey_done(&survey);

    /* the resolver fails: no proof */
    begin(&survey, "N09");
    for (struct chain *chain = survey.chains; chain != NULL; chain = chain->next) {
        if (strcmp(chain->endpoint.host, "ex1.contoso.local") == 0)
            fixture_check(&survey, chain->id, "dns.name")->fault.cause = CAUSE_NAME_SERVER_FAILURE;
    }
    expect_now(&survey, "N09", false);

    /* the user's own mistake, and a place derived from the domain */
    static const enum source sources[] = {SOURCE_USER, SOURCE_DNS, SOURCE_GUESS};
    for (size_t i = 0; i < 3; i++) {
        begin(&survey, "N09");
        for (struct chain *chain = survey.chains; chain != NULL; chain = chain->next) {
            if (strcmp(chain->endpoint.host, "ex1.contoso.local") == 0)
                chain->endpoint.sources = 1u << sources[i];
        }
        expect_now(&survey, "N09", false);
    }
    begin(&survey, "N01");
    survey_find_chain(&survey, AUTODISCOVER)->endpoint.sources |= 1u << SOURCE_AD;
    survey_diagnose(&survey);
    assert_non_null(find(&survey, "N01"));
    assert_null(find(&survey, "N09"));
    survey_done(&survey);
}

/* All of a service's URLs lead nowhere: then it breaks. */
static void test_only_url(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, "N09");
    survey_find_chain(&survey, EWS)->endpoint.service = SERVICE_ECP;
    survey_find_chain(&survey, EWS2)->endpoint.service = SERVICE_ECP;
    survey_diagnose(&survey);
    assert_int_equal(survey.verdict.status, STATUS_BROKEN);
    assert_string_equal(survey.verdict.breaks_at->rule, "N09");
    survey_done(&survey);
}

/* ---- U07, U08 ---- */

static struct check *scp_of(struct survey *survey, const char *server)
{
    for (struct check *at = survey_find_chain(survey, LDAP)->checks; at != NULL; at = at->next) {
        if (strcmp(at->probe, "ldap.scp") == 0 && strcmp(at->subject, server) == 0)
            return at;
    }
    fail_msg("no SCP of %s", server);
    return NULL;
}

static struct chain *scp_row(struct survey *survey)
{
    for (struct chain *at = survey->chains; at != NULL; at = at->next) {
        if (strcmp(at->endpoint.host, "old1.contoso.test") == 0)
            return at;
    }
    fail_msg("no row of the SCP");
    return NULL;
}

static void test_stale_scp(void **state)
{
    (void)state;
    struct survey survey;
    /* the name exists, its server does not answer: gone only if the organisation has no such one */
    for (int known = 0; known < 2; known++) {
        begin(&survey, "U07");
        struct chain *row = scp_row(&survey);
        struct check *name = fixture_check(&survey, row->id, "dns.name");
        row->endpoint.address = "127.0.0.30";
        name->fault = (struct fault){0};
        check_settle(name, OUTCOME_PASS, "has an address");
        struct check *connect = check_new(row->id, "tcp.connect", "t", LAYER_TCP, NULL, NULL);
        connect->next = name->next;
        name->next = connect;
        check_settle(connect, OUTCOME_PASS, "connected");
        fixture_fail(&survey, row->id, "tcp.connect", CAUSE_TIMEOUT, "no answer");
        check_bool(scp_of(&survey, "OLD1"), "scp.known_server", known == 1);
        survey_diagnose(&survey);
        assert_string_equal(survey.findings->rule, known == 1 ? "T01" : "U07");
        if (known == 0)
            assert_string_equal(find(&survey, "T01")->caused_by, "U07");
        survey_done(&survey);
    }
}

static void test_scp_neighbours(void **state)
{
    (void)state;
    struct survey survey;
    /* left over, and its name leads to a server that works */
    begin(&survey, "U07");
    check_text(scp_of(&survey, "OLD1"), "scp.host", "autodiscover.contoso.test");
    scp_row(&survey)->endpoint.sources = 1u << SOURCE_GUESS;
    expect_now(&survey, "U07", false);
    begin(&survey, "U07");
    check_text(scp_of(&survey, "OLD1"), "scp.host", "autodiscover.contoso.test");
    check_bool(scp_of(&survey, "OLD1"), "scp.known_server", false);
    expect_now(&survey, "U07", true);
    /* no URL at all, whatever else is right; a pointer to another forest needs none */
    for (int pointer = 0; pointer < 2; pointer++) {
        begin(&survey, NULL);
        struct check *scp = fixture_object(&survey, "ldap.scp", "EX1");
        check_settle(scp, pointer == 1 ? OUTCOME_PASS : OUTCOME_WARN, "has no usable URL");
        if (pointer == 1)
            check_bool(scp, "scp.pointer", true);
        else
            check_bool(scp, "scp.known_server", true);
        expect_now(&survey, "U07", pointer == 0);
    }
    /* two SCPs have the dead place, and one of them is right: its own fault stays in the report */
    begin(&survey, "U07");
    check_bool(scp_of(&survey, "OLD1"), "scp.known_server", false);
    fixture_check(&survey, scp_row(&survey)->id, "dns.name")->fault.cause = CAUSE_TIMEOUT;
    check_text(scp_of(&survey, "EX1"), "scp.host", "old1.contoso.test");
    survey_diagnose(&survey);
    assert_non_null(find(&survey, "U07"));
    assert_non_null(find(&survey, "X-DNS"));
    assert_null(find(&survey, "X-DNS")->caused_by);
    survey_done(&survey);
    /* SERVFAIL */
    begin(&survey, "U07");
    fixture_check(&survey, scp_row(&survey)->id, "dns.name")->fault.cause =
        CAUSE_NAME_SERVER_FAILURE;
    expect_now(&survey, "U07", false);
    /* virtual directories have the name, too: one cause, N09's */
    begin(&survey, "U07");
    struct check *vdir = fixture_object(&survey, "ldap.vdir", "OLD1/ews");
    check_text(vdir, "vdir.internal_host", "old1.contoso.test");
    survey_diagnose(&survey);
    assert_int_equal(count(&survey), 1);
    assert_string_equal(survey.findings->rule, "N09");
    assert_true(says(survey.findings, "the service connection point of OLD1 names it, too"));
    survey_done(&survey);
}

/* The SCP names what is missing for everybody: it follows from N01, unless its server is gone. */
static void test_scp_of_missing_name(void **state)
{
    (void)state;
    for (int known = 0; known < 2; known++) {
        struct survey survey;
        begin(&survey, "N01");
        survey_find_chain(&survey, AUTODISCOVER)->endpoint.sources |= 1u << SOURCE_SCP;
        struct check *scp = fixture_object(&survey, "ldap.scp", "EX1");
        check_text(scp, "scp.host", "Autodiscover.contoso.test");
        check_bool(scp, "scp.known_server", known == 1);
        survey_diagnose(&survey);
        assert_int_equal(count(&survey), 2);
        assert_string_equal(survey.findings->rule, "N01");
        const struct finding *stale = find(&survey, "U07");
        assert_non_null(stale);
        if (known == 1)
            assert_string_equal(stale->caused_by, "N01");
        else
            assert_null(stale->caused_by);
        survey_done(&survey);
    }
}

static void test_other_site(void **state)
{
    (void)state;
    struct survey survey;
    /* one of them is ours */
    begin(&survey, "U08");
    check_bool(scp_of(&survey, "EX2"), "scp.site_ours", true);
    expect_now(&survey, "U08", false);
    /* none is for a site in particular: all are for everybody */
    begin(&survey, "U08");
    check_list(scp_of(&survey, "EX1"), "scp.sites", NULL, 0);
    check_list(scp_of(&survey, "EX2"), "scp.sites", NULL, 0);
    expect_now(&survey, "U08", false);
    /* one of them is: it is for us, too */
    begin(&survey, "U08");
    check_list(scp_of(&survey, "EX2"), "scp.sites", NULL, 0);
    expect_now(&survey, "U08", false);
    /* another forest's is nobody's here */
    begin(&survey, "U08");
    check_bool(scp_of(&survey, "EX1"), "scp.pointer", true);
    check_bool(scp_of(&survey, "EX2"), "scp.pointer", true);
    expect_now(&survey, "U08", false);
    /* our site is not known: nobody compared */
    begin(&survey, "U08");
    scp_of(&survey, "EX1")->facts = NULL;
    check_add(scp_of(&survey, "EX1"), "scp.sites", "Bonn");
    expect_now(&survey, "U08", false);
    begin(&survey, "U08");
    survey_diagnose(&survey);
    assert_true(says(survey.findings, "EX1 serves Bonn"));
    assert_true(says(survey.findings, "this host is in the site Berlin"));
    survey_done(&survey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_site_record),
        cmocka_unit_test(test_site_row),
        cmocka_unit_test(test_gc_ports),
        cmocka_unit_test(test_gc_left),
        cmocka_unit_test(test_gc_of_directory),
        cmocka_unit_test(test_gc_ready),
        cmocka_unit_test(test_unknown_url),
        cmocka_unit_test(test_only_url),
        cmocka_unit_test(test_stale_scp),
        cmocka_unit_test(test_scp_neighbours),
        cmocka_unit_test(test_scp_of_missing_name),
        cmocka_unit_test(test_other_site),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
