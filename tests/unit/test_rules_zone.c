/*
 * Two answers for one name, aliases, and what controllers do not serve: what the rules about them
 * must not be mistaken for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/findings.h"

#define AUTODISCOVER "autodiscover/autodiscover.contoso.test/127.0.0.20:443"
#define EWS          "ews/mail.contoso.test/127.0.0.20:443"
#define EWS2         "ews/mail.contoso.test/127.0.0.21:443"
#define OWA          "owa/mail.contoso.test/127.0.0.20:443"
#define OWA2         "owa/mail.contoso.test/127.0.0.21:443"
#define LDAP         "ldap/dc1.contoso.test/127.0.0.10:389"
#define GC           "gc/dc1.contoso.test/127.0.0.10:3268"
#define KDC          "kerberos/dc1.contoso.test/127.0.0.10:88"
#define SPN          KDC "/HTTP/mail.contoso.test"
#define INSIDE       "127.0.0.10:53"
#define OUTSIDE      "192.0.2.53:53"

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

/* ---- N02 ---- */

enum { MANY = 3 };

static void test_split_answers(void **state)
{
    (void)state;
    static const struct {
        const char *name, *type;
        int rcodes[2];
        const char *sides[2][MANY];
        bool found;
    } table[] = {
        {"mail.contoso.test", "A", {0, 0}, {{"10.0.0.1"}, {"203.0.113.1"}}, true},
        {"mail.contoso.test", "A", {0, 0}, {{"10.0.0.1", "10.0.0.2"}, {"10.0.0.2"}}, true},
        {"mail.contoso.test", "A", {0, 3}, {{"10.0.0.1"}, {NULL}}, true},
        {"mail.contoso.test", "A", {3, 0}, {{NULL}, {"10.0.0.1"}}, true},
        {"MAIL.contoso.test", "AAAA", {0, 0}, {{"fd00::1"}, {"2001:db8::1"}}, true},
        {"autodiscover.contoso.test", "A", {0, 3}, {{"10.0.0.1"}, {NULL}}, true},
        /* the same set in another order, and in other letters */
        {"mail.contoso.test", "A", {0, 0}, {{"10.0.0.1", "10.0.0.2"}, {"10.0.0.2", "10.0.0.1"}},
            false},
        {"mail.contoso.test", "AAAA", {0, 0}, {{"2001:db8::a"}, {"2001:DB8::A"}}, false},
        {"mail.contoso.test", "A", {3, 0}, {{NULL}, {NULL}}, false},
        /* no answer, and refusals, are no difference */
        {"mail.contoso.test", "A", {0, -1}, {{"10.0.0.1"}, {NULL}}, false},
        {"mail.contoso.test", "A", {0, 2}, {{"10.0.0.1"}, {NULL}}, false},
        {"mail.contoso.test", "A", {5, 0}, {{NULL}, {"10.0.0.1"}}, false},
        /* no place of clients, or none that Exchange has */
        {"www.contoso.test", "A", {0, 0}, {{"10.0.0.1"}, {"203.0.113.1"}}, false},
        {"contoso.test", "A", {0, 0}, {{"10.0.0.1"}, {"203.0.113.1"}}, false},
        /* the names of controllers are for the inside */
        {"dc1.contoso.test", "A", {0, 3}, {{"10.0.0.1"}, {NULL}}, false},
        {"dc1.contoso.test", "A", {0, 0}, {{"10.0.0.1"}, {"10.0.0.9"}}, true},
        {"mail.contoso.test", "SRV", {0, 3}, {{"0 0 443 a.test"}, {NULL}}, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        begin(&survey, NULL);
        for (size_t k = 0; k < 2; k++) {
            struct lookup *lookup = fixture_lookup(&survey, table[i].name, table[i].type,
                k == 0 ? INSIDE : OUTSIDE, table[i].rcodes[k], NULL);
            lookup->records = table[i].sides[k];
            while (lookup->count < MANY && lookup->records[lookup->count] != NULL)
                lookup->count++;
        }
        survey_diagnose(&survey);
        if ((find(&survey, "N02") != NULL) != table[i].found)
            fail_msg("row %zu, %s: %s", i, table[i].name, survey.verdict.summary);
        if (table[i].found) {
            assert_int_equal(survey.findings->severity, SEVERITY_WARN);
            assert_true(says(survey.findings, INSIDE) && says(survey.findings, OUTSIDE));
        }
        survey_done(&survey);
    }
}

/* One resolver asked twice; a list that was cut short; A against AAAA; a guessed name. */
static void test_split_neighbours(void **state)
{
    (void)state;
    struct survey survey;
    begin(&survey, NULL);
    fixture_lookup(&survey, "mail.contoso.test", "A", INSIDE, 0, "10.0.0.1");
    fixture_lookup(&survey, "mail.contoso.test", "A", INSIDE, 0, "10.0.0.2");
    fixture_lookup(&survey, "mail.contoso.test", "AAAA", OUTSIDE, 0, "fd00::1");
    expect_now(&survey, "N02", false);

    begin(&survey, NULL);
    static const char *const records[] = {"10.0.0.1", "10.0.0.2"};
    struct lookup *lookup = fixture_lookup(&survey, "mail.contoso.test", "A", INSIDE, 0, NULL);
    lookup->records = records;
    lookup->count = 2;
    lookup->dropped = 30;
    fixture_lookup(&survey, "mail.contoso.test", "A", OUTSIDE, 0, "10.0.0.2")->dropped = 31;
    expect_now(&survey, "N02", false);

    static const bool answers[] = {true, false};
    for (size_t i = 0; i < 2; i++) {
        begin(&survey, "N02");
        for (struct chain *chain = survey.chains; chain != NULL; chain = chain->next) {
            if (strcmp(chain->endpoint.host, "mail.contoso.test") == 0)
                chain->endpoint.sources = 1u << SOURCE_GUESS;
        }
        for (struct chain *chain = survey.chains; !answers[i] && chain != NULL;
             chain = chain->next) {
            if (strcmp(chain->endpoint.host, "mail.contoso.test") == 0)
                fixture_fail(&survey, chain->id, "http.offer", CAUSE_NOT_EXCHANGE, "a page");
        }
        expect_now(&survey, "N02", answers[i]);
    }
}

/* The address in use does not work, and the other resolver has another one: the root cause. */
static void test_split_breaks(void **state)
{
    (void)state;
    static const char *const rows[] = {EWS, EWS2, OWA, OWA2,
        "mapi/mail.contoso.test/127.0.0.20:443", "mapi/mail.contoso.test/127.0.0.21:443",
        "rpc/mail.contoso.test/127.0.0.20:443", "rpc/mail.contoso.test/127.0.0.21:443"};
    static const char *const inside[] = {"127.0.0.20", "127.0.0.21"};
    static const char *const more[] = {"127.0.0.20", "127.0.0.21", "203.0.113.20"};
    struct survey survey;
    for (int disputed = 0; disputed < 2; disputed++) {
        begin(&survey, NULL);
        fixture_lookup(&survey, "mail.contoso.test", "A", INSIDE, 0, "127.0.0.20")->records =
            inside;
        survey.lookups->count = 2;
        struct lookup *other =
            fixture_lookup(&survey, "mail.contoso.test", "A", OUTSIDE, 0, "203.0.113.20");
        if (disputed == 0) { /* the dead ones are in both answers */
            other->records = more;
            other->count = 3;
        }
        survey_find_chain(&survey, AUTODISCOVER)->endpoint.address = "127.0.0.22";
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
            fixture_fail(&survey, rows[i], "tcp.connect", CAUSE_TIMEOUT, "no answer");
        survey_diagnose(&survey);
        assert_whole(&survey);
        assert_int_equal(survey.verdict.status, STATUS_BROKEN);
        if (disputed == 1) {
            assert_string_equal(survey.findings->rule, "N02");
            assert_int_equal(survey.findings->severity, SEVERITY_FAIL);
            assert_string_equal(find(&survey, "T01")->caused_by, "N02");
            size_t twice = 0;
            for (size_t i = 0; i < survey.findings->check_count; i++)
                twice += strcmp(survey.findings->checks[i], EWS "/tcp.connect") == 0 ? 1 : 0;
            assert_int_equal(twice, 1);
        } else {
            assert_string_equal(survey.findings->rule, "T01");
            assert_int_equal(find(&survey, "N02")->severity, SEVERITY_WARN);
            assert_null(find(&survey, "T01")->caused_by);
        }
        survey_done(&survey);
    }
}

/* ---- N07 ---- */

/* Whose principals the search found: alias, then target; NULL: missing. */
static void set_owners(struct survey *survey, const char *alias, const char *target)
{
    struct check *spn = fixture_check(survey, GC, "gc.spn");
    check_list(spn, "spn.owners", NULL, 0);
    check_list(spn, "spn.missing", NULL, 0);
    if (alias != NULL)
        check_add(spn, "spn.owners", alias);
    else
        check_add(spn, "spn.missing", "HTTP/mail.contoso.test");
    if (target != NULL)
        check_add(spn, "spn.owners", target);
    if (target == NULL || strncmp(target, "HOST/", 5) == 0)
        check_add(spn, "spn.missing", "HTTP/cas.contoso.test");
}

static void test_alias(void **state)
{
    (void)state;
    static const struct {
        const char *alias, *target;
        bool found;
    } table[] = {
        {"HTTP/mail.contoso.test | CN=ASA", NULL, true},
        {"HTTP/mail.contoso.test | CN=ASA", "HTTP/cas.contoso.test | CN=EX1", true},
        {"HTTP/mail.contoso.test | CN=ASA", "HTTP/cas.contoso.test | cn=asa", false},
        {"http/Mail.contoso.test | CN=ASA", "HTTP/CAS.contoso.test | CN=ASA", false},
        /* HOST stands for HTTP */
        {"HTTP/mail.contoso.test | CN=EX1", "HOST/cas.contoso.test | CN=EX1", false},
        {"HTTP/mail.contoso.test | CN=ASA", "HOST/cas.contoso.test | CN=EX1", true},
        /* two owners: another fault */
        {"HTTP/mail.contoso.test | CN=ASA", "HTTP/cas.contoso.test | CN=ASA | CN=EX1", false},
        /* of a longer name */
        {"HTTP/mail.contoso.test | CN=ASA", "HTTP/cas.contoso.test.local | CN=EX1", false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        begin(&survey, "N07");
        set_owners(&survey, table[i].alias, table[i].target);
        survey_diagnose(&survey);
        if ((find(&survey, "N07") != NULL) != table[i].found)
            fail_msg("row %zu: %s", i, survey.verdict.summary);
        survey_done(&survey);
    }
}

static void test_alias_neighbours(void **state)
{
    (void)state;
    struct survey survey;
    /* an alias alone is no fault: nobody searched */
    begin(&survey, "N07");
    fixture_check(&survey, GC, "gc.spn")->outcome = OUTCOME_SKIPPED;
    expect_now(&survey, "N07", false);
    /* the alias has no principal itself: that is A16's */
    begin(&survey, "N07");
    set_owners(&survey, NULL, NULL);
    fixture_fail(&survey, SPN, "kerberos.ticket", CAUSE_SPN_UNKNOWN, "no such service");
    expect_now(&survey, "N07", false);
    /* the KDC gives a ticket for the target all the same */
    begin(&survey, "N07");
    survey_find_chain(&survey, KDC "/HTTP/autodiscover.contoso.test")->endpoint.subject =
        "HTTP/cas.contoso.test";
    expect_now(&survey, "N07", false);
    /* no alias */
    begin(&survey, "N07");
    check_list(fixture_check(&survey, EWS, "dns.name"), "dns.cname", NULL, 0);
    check_list(fixture_check(&survey, EWS2, "dns.name"), "dns.cname", NULL, 0);
    expect_now(&survey, "N07", false);
}

/* The target's own ticket is refused: one finding with one below it, not two. */
static void test_alias_ticket(void **state)
{
    (void)state;
    const char *row = KDC "/HTTP/autodiscover.contoso.test";
    struct survey survey;
    begin(&survey, "N07");
    fixture_check(&survey, GC, "gc.spn")->outcome = OUTCOME_SKIPPED;
    fixture_fail(&survey, row, "kerberos.ticket", CAUSE_SPN_UNKNOWN, "no such service");
    survey_find_chain(&survey, row)->endpoint.subject = "HTTP/cas.contoso.test";
    survey_diagnose(&survey);
    assert_string_equal(survey.findings->rule, "N07");
    if (find(&survey, "A16") != NULL)
        assert_string_equal(find(&survey, "A16")->caused_by, "N07");
    survey_done(&survey);
}

/* ---- controllers ---- */

/* --dc names a controller, and nothing says that it is one. */
static void test_plain_controller(void **state)
{
    (void)state;
    static const struct {
        unsigned sources;
        enum cause cause;
        bool listed, ready, speaks;
        const char *rule; /* NULL: nothing is found */
    } table[] = {
        {1u << SOURCE_USER, CAUSE_REFUSED, false, false, true, NULL},
        {1u << SOURCE_USER, CAUSE_REFUSED, true, false, true, "N06"},
        {1u << SOURCE_USER, CAUSE_REFUSED, false, true, true, "N06"},
        {1u << SOURCE_USER, CAUSE_REFUSED, false, false, false, "X-TCP"}, /* it is off */
        {1u << SOURCE_USER, CAUSE_TIMEOUT, false, false, true, "T01"},
        {1u << SOURCE_USER | 1u << SOURCE_DNS, CAUSE_REFUSED, false, false, true, "N06"},
        {1u << SOURCE_AD, CAUSE_REFUSED, false, false, true, "N06"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        begin(&survey, NULL);
        struct check *controllers = fixture_object(&survey, "ldap.controllers", NULL);
        check_add(controllers, "dc.hosts", "dc1.contoso.test");
        check_add(controllers, "dc.gcs", table[i].listed ? "DC1.contoso.test" : "dc2.contoso.test");
        check_bool(fixture_check(&survey, LDAP, "ldap.rootdse"), "ldap.gc_ready", table[i].ready);
        survey_find_chain(&survey, GC)->endpoint.sources = table[i].sources;
        fixture_fail(&survey, GC, "tcp.connect", table[i].cause, "it fails");
        if (!table[i].speaks)
            fixture_fail(&survey, LDAP, "tcp.connect", CAUSE_REFUSED, "refused");
        survey_reconcile(&survey);
        bool excused = fixture_check(&survey, GC, "tcp.connect")->outcome == OUTCOME_SKIPPED;
        assert_int_equal(excused, table[i].rule == NULL);
        if (excused)
            assert_int_equal(fixture_check(&survey, GC, "ldap.bind")->outcome, OUTCOME_SKIPPED);
        survey_diagnose(&survey);
        const char *first = survey.findings != NULL ? survey.findings->rule : NULL;
        if (table[i].rule == NULL ? first != NULL : find(&survey, table[i].rule) == NULL)
            fail_msg("case %zu: %s", i, survey.verdict.summary);
        survey_done(&survey);
    }
}

/* ---- D14 ---- */

static void test_no_certificate(void **state)
{
    (void)state;
    static const struct {
        const char *probe;
        enum layer layer;
        enum cause cause;
        bool clear;       /* 389 of it speaks */
        const char *rule; /* the first */
    } table[] = {
        {"tcp.connect", LAYER_TCP, CAUSE_REFUSED, true, "D14"},
        {"tls.handshake", LAYER_TLS, CAUSE_RESET, true, "D14"}, /* what Windows does; not T02 */
        {"tls.handshake", LAYER_TLS, CAUSE_CLOSED, true, "D14"},
        {"tls.handshake", LAYER_TLS, CAUSE_NOT_TLS, true, "D14"},
        {"tls.handshake", LAYER_TLS, CAUSE_CERT_EXPIRED, true, "S01"}, /* it has one */
        {"tls.handshake", LAYER_TLS, CAUSE_TIMEOUT, true, "X-TLS"},
        {"tls.handshake", LAYER_TLS, CAUSE_RESET, false, "T02"},
        {"tcp.connect", LAYER_TCP, CAUSE_TIMEOUT, true, "T01"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        begin(&survey, NULL);
        const char *host = table[i].clear ? "dc1.contoso.test" : "dc9.contoso.test";
        struct chain *chain = fixture_controller(&survey, SERVICE_LDAP, host, "127.0.0.10");
        struct check *tls = check_new(chain->id, "tls.handshake", "t", LAYER_TLS, NULL, NULL);
        check_settle(tls, OUTCOME_PASS, "TLSv1.3");
        struct check *connect = fixture_check(&survey, chain->id, "tcp.connect");
        tls->next = connect->next;
        connect->next = tls;
        fixture_fail(&survey, chain->id, table[i].probe, table[i].cause, "it fails");
        survey_diagnose(&survey);
        assert_whole(&survey);
        assert_int_equal(count(&survey), 1);
        assert_string_equal(survey.findings->rule, table[i].rule);
        assert_int_equal(survey.findings->severity,
            strcmp(table[i].rule, "D14") == 0 ? SEVERITY_INFO : SEVERITY_WARN);
        survey_done(&survey);
    }
    /* StartTLS of it follows; what needs LDAPS breaks */
    struct survey survey;
    begin(&survey, "D14");
    survey.target.profile = PROFILE_MAPI_CDO;
    struct fault fault;
    struct check *starttls = fixture_extra(&survey, LDAP, "ldap.starttls", LAYER_TLS);
    fault_set(&fault, CAUSE_LDAP_RESULT, ORIGIN_LDAP, 52, "unavailable");
    check_fail(starttls, &fault);
    starttls->outcome = OUTCOME_WARN;
    fixture_fail(&survey, LDAP, "ldap.bind", CAUSE_NONE, "");
    for (struct check *at = fixture_check(&survey, LDAP, "ldap.bind"); at != NULL; at = at->next) {
        if (at != starttls)
            check_settle(at, OUTCOME_SKIPPED, "no bind in the clear without a Kerberos ticket");
    }
    survey_diagnose(&survey);
    assert_int_equal(count(&survey), 1);
    assert_string_equal(survey.verdict.breaks_at->rule, "D14");
    fixture_break(&survey, "N01"); /* it is no less of a failure beside another one */
    survey_diagnose(&survey);
    assert_int_equal(find(&survey, "D14")->severity, SEVERITY_FAIL);
    survey_done(&survey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_answers),
        cmocka_unit_test(test_split_neighbours),
        cmocka_unit_test(test_split_breaks),
        cmocka_unit_test(test_alias),
        cmocka_unit_test(test_alias_neighbours),
        cmocka_unit_test(test_alias_ticket),
        cmocka_unit_test(test_plain_controller),
        cmocka_unit_test(test_no_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
