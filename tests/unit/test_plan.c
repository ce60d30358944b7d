#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/plan.h"
#include "probes/probe.h"
#include "probes/rpc.h"
#include "tests/unit/judged.h"
#include "tests/unit/planned.h"

/* ---- what is asked first ---- */

static void test_first_questions(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum dns_type type;
    } table[] = {
        {"_kerberos._tcp.contoso.test", DNS_SRV},
        {"_ldap._tcp.dc._msdcs.contoso.test", DNS_SRV},
        {"_gc._tcp.contoso.test", DNS_SRV},
        {"_autodiscover._tcp.contoso.test", DNS_SRV},
        {"autodiscover.contoso.test", DNS_A},
        {"autodiscover.contoso.test", DNS_AAAA},
        {"contoso.test", DNS_A},
        {"contoso.test", DNS_AAAA},
        {"mail.contoso.test", DNS_A},
        {"mail.contoso.test", DNS_AAAA},
    };
    struct planned planned;
    planned_start(&planned, "");
    for (size_t i = 0; i < COUNT(table); i++) {
        if (planned_question(&planned, table[i].name, table[i].type) == NULL)
            fail_msg("%s is not asked for", table[i].name);
    }
    size_t done, total;
    plan_count_locked(&planned.plan, &done, &total);
    assert_int_equal(total, COUNT(table));
    assert_int_equal(done, 0);
    /* The KDC's first: it is the best prover. */
    assert_string_equal(planned.plan.jobs->name, "_kerberos._tcp.contoso.test");
    assert_int_equal(planned_rows(&planned), 1); /* the resolver's */
    planned_done(&planned);
}

static void test_only_one_family(void **state)
{
    (void)state;
    struct planned planned;
    planned_start(&planned, "owa");
    size_t done, total;
    plan_count_locked(&planned.plan, &done, &total);
    assert_int_equal(total, 2); /* mail.contoso.test A, AAAA */
    planned_answer(&planned, "mail.contoso.test", DNS_A, "192.0.2.1");
    planned_assert_row(&planned, "owa/mail.contoso.test/192.0.2.1:443");
    assert_int_equal(planned_rows(&planned), 1);
    planned_done(&planned);
}

/* ---- rows ---- */

static void test_a_row_for_every_address(void **state)
{
    (void)state;
    struct planned planned;
    planned_start(&planned, "");
    planned_answer(&planned, "autodiscover.contoso.test", DNS_A, "192.0.2.1 192.0.2.2");
    planned_answer(&planned, "autodiscover.contoso.test", DNS_AAAA, "2001:db8::1");
    const struct chain *row =
        planned_assert_row(&planned, "autodiscover/autodiscover.contoso.test/192.0.2.1:443");
    planned_assert_row(&planned, "autodiscover/autodiscover.contoso.test/192.0.2.2:443");
    planned_assert_row(&planned, "autodiscover/autodiscover.contoso.test/[2001:db8::1]:443");
    assert_int_equal(planned_rows(&planned), 1 + 3);
    assert_true(row->endpoint.candidate);
    assert_int_equal(row->endpoint.sources, 1u << SOURCE_DNS);
    assert_string_equal(
        row->endpoint.url, "https://autodiscover.contoso.test/autodiscover/autodiscover.xml");
    /* Where to connect to, and how it is known, stands with the job. */
    const struct job *job = planned_job(&planned, row->id);
    assert_string_equal(job->connect.text, "192.0.2.1");
    assert_int_equal(job->connect.port, 443);
    assert_string_equal(job->answer->name, "autodiscover.contoso.test");
    planned_done(&planned);
}

/* A name without addresses makes one row, which fails at DNS, and only once nothing is left to
 * come. */
static void test_failures(void **state)
{
    (void)state;
    struct planned planned;
    planned_start(&planned, "");
    planned_answer(&planned, "contoso.test", DNS_AAAA, NULL);
    assert_int_equal(planned_rows(&planned), 1);
    planned_answer(&planned, "contoso.test", DNS_A, NULL);
    const struct chain *row = planned_assert_row(&planned, "autodiscover/contoso.test:443");
    const struct job *job = planned_job(&planned, row->id);
    assert_null(row->endpoint.address);
    assert_int_equal(job->answer->type, DNS_A); /* the A record's failure says most */
    assert_int_equal(job->answer->answer.fault.cause, CAUSE_NAME_NOT_FOUND);
    /* One family suffices. */
    planned_answer(&planned, "autodiscover.contoso.test", DNS_A, NULL);
    planned_answer(&planned, "autodiscover.contoso.test", DNS_AAAA, "::1");
    planned_assert_row(&planned, "autodiscover/autodiscover.contoso.test/[::1]:443");
    assert_int_equal(planned_rows(&planned), 3);
    planned_done(&planned);
}

static void test_a_guess_without_address_is_no_row(void **state)
{
    (void)state;
    struct planned planned;
    planned_start(&planned, "");
    planned_answer(&planned, "mail.contoso.test", DNS_A, NULL);
    planned_answer(&planned, "mail.contoso.test", DNS_AAAA, NULL);
    assert_int_equal(planned_rows(&planned), 1);
    /* What is more than a guess is a row, also when it comes later. */
    planned_discover(&planned, SERVICE_EWS, "https://mail.contoso.test/EWS/Exchange.asmx");
    planned_assert_row(&planned, "ews/mail.contoso.test:443");
    assert_int_equal(planned_rows(&planned), 2);
    planned_done(&planned);
}

static void test_srv(void **state)
{
    (void)state;
    struct planned planned;
    planned_start(&planned, "");
    /* The directory's records name clear ports; we speak TLS there. Kerberos keeps its port. */
    planned_answer(&planned, "_ldap._tcp.dc._msdcs.contoso.test", DNS_SRV, "dc1.contoso.test:389");
    planned_answer(&planned, "_kerberos._tcp.contoso.test", DNS_SRV,
        "dc1.contoso.test:8888 dc2.contoso.test:88");
    planned_answer(&planned, "_autodiscover._tcp.contoso.test", DNS_SRV, "ad.contoso.test:8443");
    planned_answer(&planned, "dc1.contoso.test", DNS_A, "192.0.2.10");
    planned_assert_row(&planned, "ldap/dc1.contoso.test/192.0.2.10:636");
    planned_assert_row(&planned, "kerberos/dc1.contoso.test/192.0.2.10:8888");
    planned_answer(&planned, "dc2.contoso.test", DNS_A, "192.0.2.11");
    planned_assert_row(&planned, "kerberos/dc2.contoso.test/192.0.2.11:88");
    planned_answer(&planned, "ad.contoso.test", DNS_A, "192.0.2.12");
    const struct chain *row =
        planned_assert_row(&planned, "autodiscover/ad.contoso.test/192.0.2.12:8443");
    assert_string_equal(
        row->endpoint.url, "https://ad.contoso.test:8443/autodiscover/autodiscover.xml");
    assert_true(row->endpoint.candidate);
    assert_false(planned_row(&planned, "ldap/dc1.contoso.test/192.0.2.10:636")->endpoint.candidate);
    planned_done(&planned);
}

static void test_srv_without_targets(void **state)
{
    (void)state;
    struct planned planned;
    planned_start(&planned, "");
    planned_answer(&planned, "_gc._tcp.contoso.test", DNS_SRV, NULL);
    planned_answer(&planned, "_kerberos._tcp.contoso.test", DNS_SRV, ".:0");
    planned_assert_row(&planned, "gc/_gc._tcp.contoso.test:3269");
    const struct chain *row =
        planned_assert_row(&planned, "kerberos/_kerberos._tcp.contoso.test:88");
    assert_true(planned_job(&planned, row->id)->answer->answer.ok);
    /* At most four targets are followed. */
    planned_answer(&planned, "_ldap._tcp.dc._msdcs.contoso.test", DNS_SRV,
        "d1.t.test:389 d2.t.test:389 d3.t.test:389 d4.t.test:389 d5.t.test:389");
    assert_non_null(planned_question(&planned, "d4.t.test", DNS_A));
    assert_null(planned_question(&planned, "d5.t.test", DNS_A));
    planned_done(&planned);
}

/* The first resolver in the user's order that knows; each answer is kept. */
static void test_split_dns(void **state)
{
    (void)state;
    struct planned planned;
    planned_init(&planned, "");
    planned.settings.resolver_count = 2;
    planned.settings.resolvers[1] = (struct net_address){"192.0.2.54", 53};
    planned_open(&planned);
    struct job *job = planned_question(&planned, "contoso.test", DNS_A);
    planned_fill(&planned, job, 0, NULL);
    planned_fill(&planned, job, 1, "198.51.100.1");
    plan_answered_locked(&planned.plan, job);
    planned_assert_row(&planned, "autodiscover/contoso.test/198.51.100.1:443");
    const struct lookup *first = planned.survey.lookups;
    assert_non_null(first);
    assert_string_equal(first->resolver, "192.0.2.53:53");
    assert_int_equal(first->rcode, 3);
    assert_int_equal(first->fault.cause, CAUSE_NAME_NOT_FOUND);
    assert_string_equal(first->next->resolver, "192.0.2.54:53");
    assert_int_equal(first->next->count, 1);
    assert_string_equal(first->next->records[0], "198.51.100.1");
    assert_string_equal(first->next->type, "A");
    planned_done(&planned);
}

/* ---- the same place twice ---- */

static void test_merging(void **state)
{
    (void)state;
    struct planned planned;
    planned_start(&planned, "");
    planned_answer(&planned, "mail.contoso.test", DNS_A, "192.0.2.20");
    const struct chain *row = planned_assert_row(&planned, "ews/mail.contoso.test/192.0.2.20:443");
    assert_int_equal(row->endpoint.sources, 1u << SOURCE_GUESS);
    size_t rows = planned_rows(&planned);
    planned_discover(&planned, SERVICE_EWS, "https://MAIL.contoso.test:443/ews/exchange.ASMX");
    assert_int_equal(planned_rows(&planned), rows);
    assert_int_equal(row->endpoint.sources, 1u << SOURCE_GUESS | 1u << SOURCE_AUTODISCOVER);
    /* An address that comes later has both sources, too. */
    planned_answer(&planned, "mail.contoso.test", DNS_AAAA, "::1");
    row = planned_assert_row(&planned, "ews/mail.contoso.test/[::1]:443");
    assert_int_equal(row->endpoint.sources, 1u << SOURCE_GUESS | 1u << SOURCE_AUTODISCOVER);
    assert_int_equal(planned_rows(&planned), rows + 4); /* EWS, OWA, MAPI, RPC */
    /* Another port, path or service is another place. */
    planned_discover(&planned, SERVICE_EWS, "https://mail.contoso.test:444/ews/exchange.asmx");
    planned_discover(&planned, SERVICE_EWS, "https://mail.contoso.test/other.asmx");
    assert_int_equal(planned_rows(&planned), rows + 4 + 4);
    /* A query is not: whose mailbox it is about. */
    planned_discover(
        &planned, SERVICE_MAPI, "https://mail.contoso.test/mapi/emsmdb/?MailboxId=a@b");
    assert_int_equal(planned_rows(&planned), rows + 4 + 4);
    planned_done(&planned);
}

/* A mailbox server that is reached over TCP, as Autodiscover and AD name it. */
static void test_rpc_over_tcp(void **state)
{
    (void)state;
    struct planned planned;
    planned_start(&planned, "");
    planned_discover(&planned, SERVICE_RPC, "ncacn_ip_tcp:CAS1.contoso.test");
    planned_discover(&planned, SERVICE_RPC, "ncacn_ip_tcp:no host");
    planned_discover(&planned, SERVICE_RPC, "ncacn_ip_tcp:");
    planned_answer(&planned, "cas1.contoso.test", DNS_A, "192.0.2.20");
    const struct chain *row = planned_assert_row(&planned, "rpc/cas1.contoso.test/192.0.2.20:135");
    assert_null(row->endpoint.path);
    assert_null(row->endpoint.url);
    assert_false(endpoint_is_http(&row->endpoint));
    assert_true(rpc_is_tcp(&row->endpoint));
    planned_done(&planned);
}

/* RPC alone needs the store's name; EWS alone needs nothing of Autodiscover. */
static void test_who_asks_for_names(void **state)
{
    (void)state;
    static const struct {
        const char *only, *skip;
        bool asks;
    } table[] = {{"rpc", "", true}, {"rpc", "autodiscover", false}, {"ews", "", false},
        {"autodiscover", "", false}, {"", "", false}};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct planned planned;
        planned_init(&planned, table[i].only);
        if (*table[i].skip != '\0')
            planned.settings.skip.list[planned.settings.skip.count++] = table[i].skip;
        planned_open(&planned);
        bool asks = plan_asks_for_names(&planned.plan, SERVICE_AUTODISCOVER);
        if (asks != table[i].asks)
            fail_msg("--only %s --skip %s", table[i].only, table[i].skip);
        assert_false(plan_asks_for_names(&planned.plan, SERVICE_EWS));
        bool row = planned_question(&planned, "autodiscover.contoso.test", DNS_A) != NULL;
        assert_int_equal(
            row, asks || *table[i].only == '\0' || strcmp(table[i].only, "autodiscover") == 0);
        planned_done(&planned);
    }
}

/* The worker's copy is taken when it starts; later sources are the row's alone. */
static void test_a_candidate_that_becomes_certain(void **state)
{
    (void)state;
    struct planned planned;
    planned_init(&planned, "");
    planned.settings.hosts.list[planned.settings.hosts.count++] =
        (struct place){"autodiscover.contoso.test", 0};
    planned_open(&planned);
    planned_answer(&planned, "autodiscover.contoso.test", DNS_A, "192.0.2.1");
    const struct chain *row =
        planned_assert_row(&planned, "autodiscover/autodiscover.contoso.test/192.0.2.1:443");
    assert_int_equal(row->endpoint.sources, 1u << SOURCE_DNS | 1u << SOURCE_USER);
    planned_discover(&planned, SERVICE_AUTODISCOVER,
        "https://autodiscover.contoso.test/autodiscover/autodiscover.xml");
    assert_false(row->endpoint.candidate);
    planned_done(&planned);
}

/* ---- options ---- */

static void test_places_of_the_user(void **state)
{
    (void)state;
    struct planned planned;
    planned_init(&planned, "");
    planned.settings.dcs.count = 3;
    planned.settings.dcs.list[0] = (struct place){"192.0.2.10", 0};
    planned.settings.dcs.list[1] = (struct place){"192.0.2.11", 3269};
    planned.settings.dcs.list[2] = (struct place){"192.0.2.12", 4711};
    planned.settings.hosts.count = 3;
    planned.settings.hosts.list[0] = (struct place){"::1", 8443};
    planned.settings.hosts.list[1] = (struct place){"fe.contoso.test", 0};
    planned.settings.hosts.list[2] = (struct place){"192.0.2.30", 135}; /* nothing but RPC */
    planned.settings.detour_count = 1;
    planned.settings.detours[0] = (struct detour){"fe.contoso.test", 443, {"127.0.0.20", 10443}};
    planned_open(&planned);
    static const char *const rows[] = {"kerberos/192.0.2.10/192.0.2.10:88",
        "ldap/192.0.2.10/192.0.2.10:636", "ldap/192.0.2.10/192.0.2.10:389",
        "gc/192.0.2.10/192.0.2.10:3269", "gc/192.0.2.10/192.0.2.10:3268",
        "gc/192.0.2.11/192.0.2.11:3269", "ews/::1/[::1]:8443", "owa/::1/[::1]:8443",
        "autodiscover/::1/[::1]:8443", "ews/fe.contoso.test/127.0.0.20:443",
        "owa/fe.contoso.test/127.0.0.20:443", "autodiscover/fe.contoso.test/127.0.0.20:443",
        "mapi/::1/[::1]:8443", "mapi/fe.contoso.test/127.0.0.20:443", "rpc/::1/[::1]:8443",
        "rpc/fe.contoso.test/127.0.0.20:443", "rpc/192.0.2.30/192.0.2.30:135"};
    for (size_t i = 0; i < COUNT(rows); i++)
        planned_assert_row(&planned, rows[i]);
    assert_int_equal(planned_rows(&planned), COUNT(rows) + 1);
    const struct job *job = planned_job(&planned, "ews/fe.contoso.test/127.0.0.20:443");
    assert_int_equal(job->connect.port, 10443); /* name, SNI and port of the URL stay */
    assert_null(job->answer);
    assert_null(planned_question(&planned, "fe.contoso.test", DNS_A));
    planned_done(&planned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_questions),
        cmocka_unit_test(test_only_one_family),
        cmocka_unit_test(test_a_row_for_every_address),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_a_guess_without_address_is_no_row),
        cmocka_unit_test(test_srv),
        cmocka_unit_test(test_srv_without_targets),
        cmocka_unit_test(test_split_dns),
        cmocka_unit_test(test_merging),
        cmocka_unit_test(test_a_candidate_that_becomes_certain),
        cmocka_unit_test(test_places_of_the_user),
        cmocka_unit_test(test_rpc_over_tcp),
        cmocka_unit_test(test_who_asks_for_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
