#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/plan.h"
#include "tests/unit/judged.h"
#include "tests/unit/planned.h"

#include <stdio.h>
#include <stdlib.h>

/* How a plan grows while it runs, and what may start when. */

#define AUTODISCOVER "autodiscover/autodiscover.contoso.test/192.0.2.1:443"
#define DOMAIN       "autodiscover/contoso.test/192.0.2.2:443"
#define REDIRECT     "autodiscover/autodiscover.contoso.test/192.0.2.1:80"

static const struct {
    const char *url, *id, *path; /* id NULL: no row */
} discoveries[] = {
    {"https://192.0.2.9/EWS/Exchange.asmx", "ews/192.0.2.9/192.0.2.9:443", "/EWS/Exchange.asmx"},
    {"HTTPS://192.0.2.9:8443/a?b=c", "ews/192.0.2.9/192.0.2.9:8443", "/a?b=c"},
    {"https://192.0.2.9", "ews/192.0.2.9/192.0.2.9:443", "/"},
    {"https://192.0.2.9?x", "ews/192.0.2.9/192.0.2.9:443", "/"},
    {"https://192.0.2.9.", "ews/192.0.2.9/192.0.2.9:443", "/"},
    /* another domain is a row like any other; settings_trusts_host() keeps the password from it
     */
    {"https://mail.evil.test/ews", "ews/mail.evil.test/198.51.100.66:443", "/ews"},
    {"http://192.0.2.9/EWS/Exchange.asmx", NULL, NULL},
    {"/EWS/Exchange.asmx", NULL, NULL},
    {"//192.0.2.9/EWS", NULL, NULL},
    {"EWS/Exchange.asmx", NULL, NULL},
    {"", NULL, NULL},
    {"https://", NULL, NULL},
    {"https:///EWS", NULL, NULL},
    {"https:192.0.2.9/EWS", NULL, NULL},
    {"ftp://192.0.2.9/", NULL, NULL},
    {"file:///etc/passwd", NULL, NULL},
    {"https://192.0.2.9:99999/", NULL, NULL},
    {"https://192.0.2.9:65536/", NULL, NULL},
    {"https://192.0.2.9:0/", NULL, NULL},
    {"https://192.0.2.9:/", NULL, NULL},
    {"https://192.0.2.9:-1/", NULL, NULL},
    {"https://192.0.2.9:44x/", NULL, NULL},
    {"https://192.0.2.9:18446744073709551617/", NULL, NULL},
    /* user information would hide the host */
    {"https://user@192.0.2.9/", NULL, NULL},
    {"https://mail.contoso.test:443@192.0.2.9/", NULL, NULL},
    {"https://mail.contoso.test:pass@192.0.2.9/", NULL, NULL},
    {"https://ma il.contoso.test/", NULL, NULL},
    {"https://192.0.2.9\\@evil/", NULL, NULL},
    {"https://a..b/", NULL, NULL},
    {"https://%31/", NULL, NULL},
    /* what would become part of a request line */
    {"https://192.0.2.9/a\r\nX-Evil: 1", NULL, NULL},
    {"https://192.0.2.9/a b", NULL, NULL},
    {"https://192.0.2.9/a\x7f", NULL, NULL},
};

/* ---- discoveries ---- */

static void test_discoveries(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(discoveries); i++) {
        struct planned planned;
        planned_init(&planned, "ews");
        planned.settings.detours[planned.settings.detour_count++] =
            (struct detour){"mail.contoso.test", 0, {"127.0.0.1", 1}}; /* else it were a question */
        planned_open(&planned);
        size_t rows = planned_rows(&planned);
        planned_discover(&planned, SERVICE_EWS, discoveries[i].url);
        if (planned_question(&planned, "mail.evil.test", DNS_A) != NULL)
            planned_answer(&planned, "mail.evil.test", DNS_A, "198.51.100.66");
        if (planned_rows(&planned) - rows != (discoveries[i].id != NULL))
            fail_msg("%s: %zu rows more", discoveries[i].url, planned_rows(&planned) - rows);
        if (discoveries[i].id != NULL)
            assert_string_equal(planned_assert_row(&planned, discoveries[i].id)->endpoint.path,
                discoveries[i].path);
        planned_done(&planned);
    }
}

static void test_long_urls(void **state)
{
    (void)state;
    enum { LONG = 1024 * 1024 };
    static const size_t lengths[] = {LONG, 2049};
    char *url = malloc(LONG + 1);
    assert_non_null(url);
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct planned planned;
        planned_start(&planned, "");
        size_t rows = planned_rows(&planned);
        memset(url, 'a', lengths[i]);
        memcpy(url, "https://192.0.2.9/", 18);
        url[lengths[i]] = '\0';
        planned_discover(&planned, SERVICE_EWS, url);
        memcpy(url, "https://", 8); /* a long host */
        memset(url + 8, 'a', 1000);
        planned_discover(&planned, SERVICE_EWS, url);
        assert_int_equal(planned_rows(&planned), rows);
        planned_done(&planned);
    }
    free(url);
}

static void test_rows_have_an_end(void **state)
{
    (void)state;
    struct planned planned;
    planned_start(&planned, "ews");
    for (int i = 0; i < 1000; i++) {
        char url[100];
        snprintf(url, sizeof url, "https://192.0.2.9:%d/", 10000 + i);
        planned_discover(&planned, SERVICE_EWS, url);
    }
    assert_int_equal(planned_rows(&planned), 500);
    planned_done(&planned);
}

/* ---- the clients' third step ---- */

/* Both places of step one and two have an address, there is no SRV record. */
static void start_autodiscover(struct planned *planned)
{
    planned_start(planned, "autodiscover");
    planned_answer(planned, "autodiscover.contoso.test", DNS_A, "192.0.2.1");
    planned_answer(planned, "autodiscover.contoso.test", DNS_AAAA, NULL);
    planned_answer(planned, "contoso.test", DNS_A, "192.0.2.2");
    planned_answer(planned, "contoso.test", DNS_AAAA, NULL);
}

static void test_redirect_step(void **state)
{
    (void)state;
    static const struct {
        enum outcome first, second;
        bool redirect;
    } table[] = {
        {OUTCOME_BLOCKED, OUTCOME_BLOCKED, true},
        {OUTCOME_PASS, OUTCOME_BLOCKED, false},
        {OUTCOME_FAIL, OUTCOME_BLOCKED, false}, /* refused, but it answered */
        {OUTCOME_SKIPPED, OUTCOME_BLOCKED, false},
        {OUTCOME_BLOCKED, OUTCOME_PASS, false},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct planned planned;
        start_autodiscover(&planned);
        planned_answer(&planned, "_autodiscover._tcp.contoso.test", DNS_SRV, NULL);
        planned_end(&planned, AUTODISCOVER, table[i].first);
        planned_end(&planned, "autodiscover/_autodiscover._tcp.contoso.test:443", OUTCOME_BLOCKED);
        assert_null(planned_row(&planned, REDIRECT)); /* not while one is under way */
        planned_end(&planned, DOMAIN, table[i].second);
        if ((planned_row(&planned, REDIRECT) != NULL) != table[i].redirect)
            fail_msg("case %zu: redirect step %d", i, !table[i].redirect);
        if (table[i].redirect) {
            const struct chain *row = planned_assert_row(&planned, REDIRECT);
            assert_string_equal(row->endpoint.url,
                "http://autodiscover.contoso.test/autodiscover/autodiscover.xml");
            assert_true(row->endpoint.candidate);
            planned_end(&planned, REDIRECT, OUTCOME_BLOCKED); /* once */
            assert_true(plan_finished_locked(&planned.plan));
        }
        planned_done(&planned);
    }
}

/* A place whose name or SRV record is still being asked for may answer yet. */
static void test_redirect_step_waits_for_names(void **state)
{
    (void)state;
    struct planned planned;
    planned_start(&planned, "autodiscover");
    planned_answer(&planned, "autodiscover.contoso.test", DNS_A, "192.0.2.1");
    planned_answer(&planned, "autodiscover.contoso.test", DNS_AAAA, NULL);
    planned_end(&planned, AUTODISCOVER, OUTCOME_BLOCKED);
    assert_null(planned_row(&planned, REDIRECT)); /* SRV */
    planned_answer(&planned, "_autodiscover._tcp.contoso.test", DNS_SRV, NULL);
    planned_end(&planned, "autodiscover/_autodiscover._tcp.contoso.test:443", OUTCOME_BLOCKED);
    assert_null(planned_row(&planned, REDIRECT)); /* contoso.test */
    planned_answer(&planned, "contoso.test", DNS_A, NULL);
    planned_answer(&planned, "contoso.test", DNS_AAAA, NULL);
    planned_end(&planned, "autodiscover/contoso.test:443", OUTCOME_BLOCKED);
    planned_assert_row(&planned, REDIRECT);
    planned_done(&planned);
}

/* ---- service tickets ---- */

static void test_tickets(void **state)
{
    (void)state;
    struct planned planned;
    planned_start(&planned, "kerberos");
    struct endpoint kdc = {
        .service = SERVICE_KERBEROS, .host = "dc1", .address = "192.0.2.10", .port = 88};
    struct net_address at = {"192.0.2.10", 88};
    size_t rows = planned_rows(&planned);
    plan_want_ticket_locked(&planned.plan, "mail.contoso.test");
    assert_int_equal(planned_rows(&planned), rows); /* no TGT yet */
    plan_krb_ready_locked(&planned.plan, &kdc, &at);
    plan_want_ticket_locked(&planned.plan, "mail.contoso.test");
    plan_want_ticket_locked(&planned.plan, "owa.contoso.test");
    plan_krb_ready_locked(&planned.plan, &kdc, &at);
    assert_int_equal(planned_rows(&planned), rows + 2);
    const struct chain *row =
        planned_assert_row(&planned, "kerberos/dc1/192.0.2.10:88/HTTP/mail.contoso.test");
    assert_string_equal(row->endpoint.subject, "HTTP/mail.contoso.test");
    planned_assert_row(&planned, "kerberos/dc1/192.0.2.10:88/HTTP/owa.contoso.test");
    planned_done(&planned);
}

/* ---- what may start ---- */

static void test_politeness(void **state)
{
    (void)state;
    struct planned planned;
    struct job *running[3];
    planned_init(&planned, "ews");
    planned.settings.per_host = 2;
    planned.settings.detours[planned.settings.detour_count++] =
        (struct detour){"mail.contoso.test", 0, {"192.0.2.2", 443}};
    planned_open(&planned);
    planned_discover(&planned, SERVICE_EWS, "https://192.0.2.1:1/");
    planned_discover(&planned, SERVICE_EWS, "https://192.0.2.1:2/");
    planned_discover(&planned, SERVICE_EWS, "https://192.0.2.1:3/");
    for (size_t i = 0; i < 3; i++) {
        running[i] = plan_next_locked(&planned.plan);
        assert_non_null(running[i]);
        assert_int_equal(running[i]->state, JOB_RUNNING);
    }
    assert_null(plan_next_locked(&planned.plan));      /* the third of 192.0.2.1 */
    plan_chain_done_locked(&planned.plan, running[0]); /* another address frees nothing */
    assert_null(plan_next_locked(&planned.plan));
    plan_chain_done_locked(&planned.plan, running[1]);
    struct job *last = plan_next_locked(&planned.plan);
    assert_non_null(last);
    assert_int_equal(last->endpoint.port, 3);
    assert_null(plan_next_locked(&planned.plan));
    size_t done, total;
    plan_count_locked(&planned.plan, &done, &total);
    assert_int_equal(done, 2);
    assert_int_equal(total, 4);
    assert_false(plan_finished_locked(&planned.plan));
    plan_chain_done_locked(&planned.plan, running[2]);
    plan_chain_done_locked(&planned.plan, last);
    assert_true(plan_finished_locked(&planned.plan));
    planned_done(&planned);
}

/* ---- hopes ---- */

static void test_hopes(void **state)
{
    (void)state;
    static const struct endpoint kdc = {.service = SERVICE_KERBEROS},
                                 ldap = {.service = SERVICE_LDAP}, ews = {.service = SERVICE_EWS},
                                 owa = {.service = SERVICE_OWA};
    struct planned planned;
    struct plan *plan = &planned.plan;
    planned_start(&planned, "");
    /* SRV questions are out: everything but the KDC itself hopes. */
    assert_false(plan_hopes_locked(plan, &kdc));
    assert_true(plan_hopes_locked(plan, &ldap));
    assert_true(plan_hopes_locked(plan, &ews));
    planned_answer(&planned, "_gc._tcp.contoso.test", DNS_SRV, "dc1.contoso.test:3268");
    planned_answer(&planned, "_ldap._tcp.dc._msdcs.contoso.test", DNS_SRV, "dc1.contoso.test:389");
    assert_true(plan_hopes_locked(plan, &ldap));
    planned_answer(&planned, "_kerberos._tcp.contoso.test", DNS_SRV, "dc1.contoso.test:88");
    assert_true(plan_hopes_locked(plan, &ldap)); /* its address is asked for */
    planned_answer(&planned, "dc1.contoso.test", DNS_A, "192.0.2.10");
    struct job *as = planned_job(&planned, "kerberos/dc1.contoso.test/192.0.2.10:88");
    struct job *bind = planned_job(&planned, "ldap/dc1.contoso.test/192.0.2.10:636");
    struct job *gc = planned_job(&planned, "gc/dc1.contoso.test/192.0.2.10:3269");
    assert_true(plan_hopes_locked(plan, &ldap));
    as->past_auth = true; /* still running, but it will not prove any more */
    assert_false(plan_hopes_locked(plan, &ldap));
    assert_true(plan_hopes_locked(plan, &ews));
    bind->state = JOB_DONE;
    assert_true(plan_hopes_locked(plan, &ews));
    gc->past_auth = true;
    assert_false(plan_hopes_locked(plan, &ews));
    /* OWA explains least: it waits for the names that other HTTP services have, not for its own. */
    assert_true(plan_hopes_locked(plan, &owa));
    planned_done(&planned);
}

/* A row for a service ticket is no prover. */
static void test_tickets_are_no_hope(void **state)
{
    (void)state;
    static const struct endpoint ldap = {.service = SERVICE_LDAP};
    struct endpoint kdc = {
        .service = SERVICE_KERBEROS, .host = "dc1", .address = "192.0.2.10", .port = 88};
    struct planned planned;
    planned_start(&planned, "kerberos");
    planned_answer(&planned, "_kerberos._tcp.contoso.test", DNS_SRV, NULL);
    planned_job(&planned, "kerberos/_kerberos._tcp.contoso.test:88")->state = JOB_DONE;
    plan_krb_ready_locked(&planned.plan, &kdc, &(struct net_address){"192.0.2.10", 88});
    plan_want_ticket_locked(&planned.plan, "mail.contoso.test");
    assert_false(plan_finished_locked(&planned.plan));
    assert_false(plan_hopes_locked(&planned.plan, &ldap));
    planned_done(&planned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_discoveries),
        cmocka_unit_test(test_long_urls),
        cmocka_unit_test(test_rows_have_an_end),
        cmocka_unit_test(test_redirect_step),
        cmocka_unit_test(test_redirect_step_waits_for_names),
        cmocka_unit_test(test_tickets),
        cmocka_unit_test(test_politeness),
        cmocka_unit_test(test_hopes),
        cmocka_unit_test(test_tickets_are_no_hope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
