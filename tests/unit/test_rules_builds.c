/*
 * Builds, the schemes that the directory wants, and the cloud: what the rules about them must not
 * be mistaken for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/findings.h"

#define AUTODISCOVER "autodiscover/autodiscover.contoso.test/127.0.0.20:443"
#define EWS          "ews/mail.contoso.test/127.0.0.20:443"
#define EWS2         "ews/mail.contoso.test/127.0.0.21:443"
#define OWA          "owa/mail.contoso.test/127.0.0.20:443"
#define OWA2         "owa/mail.contoso.test/127.0.0.21:443"
#define LDAP         "ldap/dc1.contoso.test/127.0.0.10:389"

static bool says(const struct finding *finding, const char *words)
{
    for (size_t i = 0; finding != NULL && i < finding->evidence_count; i++) {
        if (strstr(finding->evidence[i], words) != NULL)
            return true;
    }
    return false;
}

/* ---- V01, V02, V06 ---- */

static void set_wire(struct survey *survey, const char *build)
{
    for (struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (struct check *at = chain->checks; at != NULL; at = at->next) {
            if (check_fact(at, "exchange.build") != NULL)
                check_text(at, "exchange.build", build);
        }
    }
}

/* Fails unless the findings are exactly these, in this order. */
static void expect_rules(struct survey *survey, const char *rules, size_t row)
{
    char found[100] = "";
    survey_diagnose(survey);
    assert_whole(survey);
    for (const struct finding *at = survey->findings; at != NULL; at = at->next) {
        size_t length = strlen(found);
        snprintf(found + length, sizeof found - length, "%s%s", length > 0 ? " " : "", at->rule);
    }
    if (strcmp(found, rules) != 0)
        fail_msg("row %zu: \"%s\" and not \"%s\"", row, found, rules);
    survey_done(survey);
}

/* Of the wire, of two servers in the directory; 2026-11-22 unless a year says otherwise. */
static void test_builds(void **state)
{
    (void)state;
    static const struct {
        const char *wire, *first, *second;
        int64_t roles; /* of the second */
        int64_t started_us;
        const char *rules;
    } table[] = {
        {"15.2.2562.37", NULL, NULL, 0, 0, ""},
        {"15.2.2562.37", "15.2.2562.17", "15.2.2562.37", 0, 0, ""}, /* updates differ only */
        {"15.2.2562.37", "15.2.9999.1", NULL, 0, 0, ""},            /* newer than the table */
        {"15.2.2562.37", "15.2.1748.10", NULL, 0, 0, "V02"},        /* 2019 and SE */
        {"15.2.2562.37", "15.1.2507.6", "15.2.2562.37", 0, 0, "V02"},
        {"15.2.2562.37", "15.2.2562.37", "15.1.2507.6", 64, 0, ""}, /* an Edge server */
        {"15.2.2562.37", "15.2.2562.37", "6.5.7638.2", 0, 0, ""},   /* no Exchange we know */
        {"15.2.2562.37", "15.2.2562.37", "junk", 0, 0, ""},
        {"15.20.9000.1", "15.2.2562.37", NULL, 0, 0, ""}, /* Exchange Online on the wire */
        {"15.2.2562.37", "15.0.712.23", NULL, 0, 0, "V01 V02"},
        {"15.2.2562.37", "14.3.513.0", NULL, 0, 0, "V01 V02"},
        {"15.0.712.23", NULL, NULL, 0, 0, "V01 V06"}, {"15.0.712.24", NULL, NULL, 0, 0, "V06"},
        {"15.0.712", NULL, NULL, 0, 0, "V06"}, /* without a revision: nothing says older */
        {"15.0.1497.48", "15.1.2507.6", NULL, 0, 0, "V02 V06"},
        {"15.0.620.29", "15.1.2507.6", NULL, 0, 0, "V01 V02 V06"},
        {"15.1.2507.66", "15.1.2507.6", NULL, 0, 0, "V06"},
        /* the last day of support, the day after, and long before */
        {"15.1.2507.66", NULL, NULL, 0, 1760486399000000, ""},
        {"15.1.2507.66", NULL, NULL, 0, 1760486400000000, "V06"},
        {"15.1.2507.66", NULL, NULL, 0, 1500000000000000, ""},
        {"15.3.1.1", "15.1.2507.6", NULL, 0, 0, ""}, /* of a product yet unknown */
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        fixture_healthy(&survey);
        if (table[i].started_us != 0)
            survey.started_us = table[i].started_us;
        set_wire(&survey, table[i].wire);
        const char *const builds[] = {table[i].first, table[i].second};
        for (size_t k = 0; k < 2 && builds[k] != NULL; k++) {
            struct check *server = fixture_object(&survey, "ldap.server", k == 0 ? "EX1" : "EX3");
            check_text(server, "server.build", builds[k]);
            check_int(
                server, "server.roles", k == 1 && table[i].roles != 0 ? table[i].roles : 16439);
        }
        expect_rules(&survey, table[i].rules, i);
    }
}

/* A check that fails has its own finding: its build is no evidence, and it is not hidden. */
static void test_failed_build(void **state)
{
    (void)state;
    struct survey survey;
    fixture_healthy(&survey);
    set_wire(&survey, "15.1.2507.66");
    fixture_fail(&survey, EWS, "http.offer", CAUSE_HTTP_STATUS, "answers 503");
    check_text(fixture_check(&survey, EWS, "http.offer"), "exchange.build", "15.2.2562.37");
    survey_diagnose(&survey);
    assert_non_null(find(&survey, "X-HTTP"));
    assert_non_null(find(&survey, "V06"));
    assert_null(find(&survey, "V02"));
    survey_done(&survey);
}

/* The front end and the mailbox's server behind it are told apart. */
static void test_back_end(void **state)
{
    (void)state;
    struct survey survey;
    fixture_healthy(&survey);
    struct check *version = fixture_check(&survey, EWS, "ews.version");
    check_text(version, "exchange.build", "15.1.2507.6");
    check_text(version, "http.back_end", "old9.contoso.test");
    survey_diagnose(&survey);
    assert_true(says(find(&survey, "V02"), "old9.contoso.test: Exchange 2016 CU23"));
    survey_done(&survey);
}

/* ---- what Exchange 2010 lacks ---- */

static void answer_404(struct check *check, const char *build)
{
    check->fault = (struct fault){.cause = CAUSE_HTTP_STATUS, .origin = ORIGIN_HTTP, .code = 404};
    check_text(check, "exchange.build", build);
    check_text(check, "node", strstr(check->id, "127.0.0.20") != NULL ? "EX1" : "EX2");
}

/* No /mapi, no health pages, and this build on every header; NULL: no header has one. */
static void lack_both(struct survey *survey, const char *build)
{
    set_wire(survey, build);
    for (struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        if (chain->endpoint.service == SERVICE_MAPI)
            fixture_fail(survey, chain->id, "http.offer", CAUSE_HTTP_STATUS, "answers 404");
        for (struct check *at = chain->checks; at != NULL; at = at->next) {
            if (build == NULL && check_fact(at, "exchange.build") != NULL)
                at->facts = NULL;
            if (at->outcome == OUTCOME_FAIL && strcmp(at->probe, "http.offer") == 0)
                answer_404(at, build);
            if (strcmp(at->probe, "http.health") != 0 ||
                (at->outcome != OUTCOME_PASS && chain->endpoint.service != SERVICE_MAPI))
                continue;
            check_settle(at, OUTCOME_WARN, "healthcheck.htm answers 404");
            check_int(at, "health.status", 404);
        }
    }
}

static void add_servers(struct survey *survey, const char *first, const char *second)
{
    static const char *const names[] = {"EX1", "EX2"};
    for (size_t i = 0; i < 2; i++) {
        struct check *server = fixture_object(survey, "ldap.server", names[i]);
        check_text(server, "server.name", names[i]);
        check_text(server, "server.build", i == 0 ? first : second);
        check_int(server, "server.roles", 16439);
    }
}

/* Its age is the finding, and nothing besides, whoever tells it. */
static void test_before_2013(void **state)
{
    (void)state;
    static const struct {
        const char *wire, *first, *second;
        const char *rules;
    } table[] = {
        {"14.3.513.0", NULL, NULL, "V01 V06"},
        {"14.3.513.0", "14.3.123.4", "14.3.123.4", "V01 V06"},
        {NULL, "14.3.123.4", "14.3.123.4", "V01 V06"},
        {"15.0.775.38", NULL, NULL, "M01 V03 V06"}, /* 2013 CU3 */
        {"15.2.2562.37", NULL, NULL, "M01 V03"},
        {NULL, NULL, NULL, "M01 V03"},
    };
    static const enum profile profiles[] = {PROFILE_MAPI_CDO, PROFILE_EWS_APP};
    for (size_t i = 0; i < 2 * (sizeof table / sizeof table[0]); i++) {
        struct survey survey;
        fixture_healthy(&survey);
        survey.target.profile = profiles[i % 2];
        lack_both(&survey, table[i / 2].wire);
        if (table[i / 2].first != NULL)
            add_servers(&survey, table[i / 2].first, table[i / 2].second);
        else if (table[i / 2].wire == NULL) /* the path beside it shows Exchange */
            check_bool(fixture_check(&survey, EWS, "http.offer"), "http.exchange", true);
        expect_rules(&survey, table[i / 2].rules, i);
    }
}

/* Outlook had RPC over HTTP then. Where that does not work either, it has nothing. */
static void test_stands_in(void **state)
{
    (void)state;
    static const char *const rpc[] = {
        "rpc/mail.contoso.test/127.0.0.20:443", "rpc/mail.contoso.test/127.0.0.21:443"};
    struct survey survey;
    for (int works = 0; works < 2; works++) {
        fixture_healthy(&survey);
        survey.target.profile = PROFILE_OUTLOOK;
        lack_both(&survey, "14.3.513.0");
        for (size_t i = 0; works == 0 && i < 2; i++)
            fixture_fail(&survey, rpc[i], "rpc.connect", CAUSE_RPC_FAULT, "fails");
        survey_diagnose(&survey);
        assert_whole(&survey);
        assert_int_equal(survey.verdict.status, works != 0 ? STATUS_DEGRADED : STATUS_BROKEN);
        assert_true((find(&survey, "M20") == NULL) == (works != 0));
        assert_null(find(&survey, "M01"));
        survey_done(&survey);
    }
    /* nothing else was asked: what lacks /mapi tells its age itself */
    fixture_healthy(&survey);
    lack_both(&survey, "14.3.513.0");
    for (struct chain *chain = survey.chains; chain != NULL; chain = chain->next) {
        for (struct check *at = chain->checks; at != NULL; at = at->next)
            at->facts = at->outcome == OUTCOME_PASS ? NULL : at->facts;
    }
    survey_diagnose(&survey);
    assert_string_equal(survey.findings->rule, "V01");
    assert_true(says(survey.findings, "neither MAPI over HTTP (/mapi) nor health pages"));
    survey_done(&survey);
}

/* A migration: the newer of the two servers should have it. */
static void test_half_2010(void **state)
{
    (void)state;
    struct survey survey;
    fixture_healthy(&survey);
    lack_both(&survey, NULL);
    add_servers(&survey, "14.3.123.4", "15.2.2562.37");
    survey_diagnose(&survey);
    assert_non_null(find(&survey, "V02"));
    const struct finding *missing = find(&survey, "M01");
    assert_non_null(missing);
    assert_true(strstr(missing->checks[0], "127.0.0.21") != NULL);
    for (size_t i = 0; i < missing->check_count; i++)
        assert_null(strstr(missing->checks[i], "127.0.0.20"));
    survey_done(&survey);
}

/* ---- V07 ---- */

enum { MANY = 5 };

static void add_vdir(struct survey *survey, const char *server, const char *service,
    const char *const *internal, const char *const *external)
{
    char subject[40];
    snprintf(subject, sizeof subject, "%s/%s", server, service);
    struct check *vdir = fixture_object(survey, "ldap.vdir", subject);
    check_text(vdir, "vdir.server", server);
    check_text(vdir, "vdir.service", service);
    check_text(vdir, "vdir.internal_host", "mail.contoso.test");
    for (size_t i = 0; internal[i] != NULL; i++)
        check_add(vdir, "vdir.auth_internal", internal[i]);
    if (external == NULL)
        return;
    check_text(vdir, "vdir.external_host", "mail.contoso.test");
    for (size_t i = 0; external[i] != NULL; i++)
        check_add(vdir, "vdir.auth_external", external[i]);
}

static void set_schemes(struct survey *survey, const char *const *rows, const char *const *schemes)
{
    size_t count = 0;
    while (schemes[count] != NULL)
        count++;
    for (size_t i = 0; i < 2; i++)
        check_list(fixture_check(survey, rows[i], "http.offer"), "http.schemes", schemes, count);
}

static void test_schemes(void **state)
{
    (void)state;
    static const char *const ews[] = {EWS, EWS2}, *const owa[] = {OWA, OWA2};
    static const struct {
        const char *service;
        const char *wanted[MANY], *offered[MANY];
        bool found;
    } table[] = {
        {"ews", {"NTLM", "Negotiate"}, {"Negotiate", "NTLM"}, false},
        {"ews", {"WindowsIntegrated"}, {"Negotiate", "NTLM"}, false},
        {"ews", {"Windows Integrated", "Bearer", "WSSecurity"}, {"NTLM", "Negotiate"}, false},
        {"ews", {"NTLM"}, {"Negotiate", "NTLM"}, false},
        {"ews", {"Negotiate"}, {"Negotiate", "NTLM"}, false},
        {"ews", {"Negotiate", "NTLM"}, {"Negotiate", "NTLM", "Bearer"}, false},
        {"ews", {"Negotiate", "NTLM", "Basic"}, {"Negotiate", "NTLM", "Basic"}, false},
        {"ews", {"Negotiate", "NTLM", "Basic"}, {"Negotiate", "NTLM"}, true},
        {"ews", {"Negotiate", "NTLM"}, {"Negotiate", "NTLM", "Basic"}, true},
        {"ews", {"WindowsIntegrated"}, {"NTLM"}, true},
        {"ews", {"Negotiate", "NTLM"}, {"Basic"}, true},
        {"ews", {"Basic"}, {"Negotiate", "NTLM"}, true},
        {"ews", {"Bearer"}, {"Negotiate", "NTLM"}, false}, /* nothing that could be compared */
        {"oab", {"Basic"}, {"Negotiate", "NTLM"}, false},  /* of another path */
        /* behind the form nothing else is seen */
        {"owa", {"Basic", "Forms"}, {"forms"}, false},
        {"owa", {"Fba"}, {"forms"}, false},
        {"owa", {"Basic", "NTLM"}, {"forms"}, true},
        {"owa", {"Forms"}, {"Negotiate", "NTLM"}, true},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        bool is_owa = strcmp(table[i].service, "owa") == 0;
        fixture_healthy(&survey);
        add_vdir(&survey, "EX1", table[i].service, table[i].wanted, NULL);
        add_vdir(&survey, "EX2", table[i].service, table[i].wanted, table[i].wanted);
        set_schemes(&survey, is_owa ? owa : ews, table[i].offered);
        survey_diagnose(&survey);
        const struct finding *finding = find(&survey, "V07");
        if ((finding != NULL) != table[i].found)
            fail_msg("row %zu: %s", i, survey.verdict.summary);
        if (finding != NULL) {
            assert_int_equal(finding->severity, SEVERITY_WARN);
            assert_true(says(finding, "the directory has") && says(finding, " offers "));
        }
        survey_done(&survey);
    }
}

/* Servers that are not configured alike, sides that differ, a server the directory does not have
 * behind the name: nothing is judged. */
static void test_schemes_unclear(void **state)
{
    (void)state;
    static const char *const basic[] = {"Basic", NULL}, *const windows[] = {"NTLM", NULL};
    struct survey survey;
    fixture_healthy(&survey);
    add_vdir(&survey, "EX1", "ews", windows, NULL);
    add_vdir(&survey, "EX2", "ews", basic, NULL);
    expect_rules(&survey, "", 0);
    fixture_healthy(&survey);
    add_vdir(&survey, "EX1", "ews", windows, basic);
    add_vdir(&survey, "EX2", "ews", windows, basic);
    expect_rules(&survey, "", 1);
    fixture_healthy(&survey);
    add_vdir(&survey, "EX10", "ews", basic, NULL);
    expect_rules(&survey, "", 2);
    /* the host of another name */
    fixture_healthy(&survey);
    check_text(fixture_object(&survey, "ldap.vdir", "EX1/ews"), "vdir.internal_host", "a.test");
    expect_rules(&survey, "", 3);
    /* the directory was not read */
    fixture_healthy(&survey);
    add_vdir(&survey, "EX1", "ews", basic, NULL);
    for (struct check *at = survey_find_chain(&survey, LDAP)->checks; at != NULL; at = at->next) {
        if (strcmp(at->probe, "ldap.vdir") == 0)
            at->outcome = OUTCOME_SKIPPED;
    }
    expect_rules(&survey, "", 4);
    /* only the one that answered is named: it is judged by its own object */
    fixture_healthy(&survey);
    add_vdir(&survey, "EX1", "ews", basic, NULL);
    expect_rules(&survey, "V07", 5);
}

/* The logon fails for it: the cause, and as grave as what it breaks. */
static void test_schemes_break(void **state)
{
    (void)state;
    static const char *const windows[] = {"WindowsIntegrated", NULL};
    struct survey survey;
    fixture_healthy(&survey);
    fixture_break(&survey, "A25");
    add_vdir(&survey, "EX1", "ews", windows, NULL);
    add_vdir(&survey, "EX2", "ews", windows, NULL);
    survey_diagnose(&survey);
    assert_string_equal(survey.findings->rule, "V07");
    assert_int_equal(survey.findings->severity, SEVERITY_FAIL);
    assert_string_equal(find(&survey, "A25")->caused_by, "V07");
    survey_done(&survey);
}

/* ---- C04 ---- */

static void test_cloud(void **state)
{
    (void)state;
    struct survey survey;
    /* each of the signs alone */
    static const char *const flags[] = {"org.hybrid", "org.remote_mailboxes", "org.mapi_http"};
    for (size_t i = 0; i < 3; i++) {
        fixture_healthy(&survey);
        check_bool(fixture_object(&survey, "ldap.organization", NULL), flags[i], true);
        expect_rules(&survey, i < 2 ? "C04" : "", i);
    }
    fixture_healthy(&survey);
    struct check *org = fixture_object(&survey, "ldap.organization", NULL);
    check_bool(org, "org.hybrid", false);
    check_bool(org, "org.remote_mailboxes", false);
    check_list(org, "org.cloud_domains", NULL, 0);
    expect_rules(&survey, "", 3);
    fixture_healthy(&survey);
    org = fixture_object(&survey, "ldap.organization", NULL);
    check_add(org, "org.cloud_domains", "contoso.mail.onmicrosoft.com");
    survey_diagnose(&survey);
    assert_int_equal(survey.verdict.status, STATUS_OK);
    assert_int_equal(survey.findings->severity, SEVERITY_INFO);
    assert_true(says(survey.findings, "contoso.mail.onmicrosoft.com"));
    survey_done(&survey);
}

/* Autodiscover's word. A mailbox that was asked for and is in the cloud is a fault: D05's. */
static void test_cloud_mailboxes(void **state)
{
    (void)state;
    struct survey survey;
    static const char *const to[] = {"bob@contoso.mail.onmicrosoft.com", "bob@other.test"};
    for (size_t i = 0; i < 2; i++) {
        fixture_healthy(&survey);
        struct check *pox = fixture_check(&survey, AUTODISCOVER, "autodiscover.pox");
        check_text(pox, "autodiscover.action", "redirectAddr");
        check_text(pox, "autodiscover.redirect", to[i]);
        expect_rules(&survey, i == 0 ? "C04" : "", 2 + i);
    }
    fixture_healthy(&survey);
    fixture_break(&survey, "C04");
    check_int(fixture_check(&survey, LDAP, "ldap.mailbox"), "mailbox.type", 2147483648);
    survey_diagnose(&survey);
    assert_null(find(&survey, "C04"));
    survey_done(&survey);
    fixture_healthy(&survey);
    fixture_break(&survey, "C04");
    struct check *other = fixture_object(&survey, "ldap.other", "bob@contoso.test");
    check_bool(other, "recipient.remote", true);
    survey_diagnose(&survey);
    assert_null(find(&survey, "C04"));
    survey_done(&survey);
}

/* As many as are read: the old one among them is not overlooked. */
static void test_many_servers(void **state)
{
    (void)state;
    enum { MANY_SERVERS = 200 };
    struct survey survey;
    fixture_healthy(&survey);
    for (int i = 0; i < MANY_SERVERS; i++) {
        const char *name = arena_printf(&survey.arena, "MBX%03d", i);
        struct check *server = fixture_object(&survey, "ldap.server", name);
        check_text(server, "server.name", name);
        check_text(server, "server.build", i == MANY_SERVERS - 1 ? "15.0.620.29" : "15.2.2562.37");
        check_int(server, "server.roles", 16439);
    }
    survey_diagnose(&survey);
    assert_non_null(find(&survey, "V01"));
    assert_string_equal(find(&survey, "V01")->component, "Exchange server MBX199");
    survey_done(&survey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_builds),
        cmocka_unit_test(test_many_servers),
        cmocka_unit_test(test_failed_build),
        cmocka_unit_test(test_back_end),
        cmocka_unit_test(test_before_2013),
        cmocka_unit_test(test_stands_in),
        cmocka_unit_test(test_half_2010),
        cmocka_unit_test(test_schemes),
        cmocka_unit_test(test_schemes_unclear),
        cmocka_unit_test(test_schemes_break),
        cmocka_unit_test(test_cloud),
        cmocka_unit_test(test_cloud_mailboxes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
