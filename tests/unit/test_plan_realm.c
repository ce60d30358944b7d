#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/probe.h"
#include "tests/unit/judged.h"
#include "tests/unit/planned.h"

#include <stdio.h>

#define DC1 "dc1.contoso.test:88"

/* Which realm a run takes, from what DNS says of each domain, in this order of answers. */
struct answer {
    const char *domain;
    const char *records; /* NULL: no such name */
};

static const struct {
    const char *name;
    const char *realm, *host_domain; /* of the account's name; of this machine */
    bool dc;                         /* --dc was given */
    struct answer answers[4];
    const char *learned; /* from a rootDSE */
    bool known;
    const char *result;
} cases[] = {
    {"the account's own domain", "CONTOSO.TEST", NULL, false, {{"contoso.test", DC1}}, NULL, true,
        "CONTOSO.TEST"},
    {"nothing answered yet", "CONTOSO.TEST", NULL, false, {{0}}, NULL, false, "CONTOSO.TEST"},
    {"a suffix that is no domain", "CONTOSO.EXAMPLE", NULL, false,
        {{"contoso.test", DC1}, {"contoso.example", NULL}}, NULL, true, "CONTOSO.TEST"},
    {"the own domain may still come", "CONTOSO.EXAMPLE", NULL, false, {{"contoso.test", DC1}}, NULL,
        false, "CONTOSO.TEST"},
    {"the own domain is preferred", "CONTOSO.EXAMPLE", NULL, false,
        {{"contoso.test", DC1}, {"contoso.example", DC1}}, NULL, true, "CONTOSO.EXAMPLE"},
    {"neither, but this machine's", "CONTOSO.EXAMPLE", "Corp.Example.", false,
        {{"contoso.test", NULL}, {"contoso.example", NULL}, {"corp.example", DC1}}, NULL, true,
        "CORP.EXAMPLE"},
    {"no domain has a KDC", "CONTOSO.EXAMPLE", NULL, false,
        {{"contoso.test", NULL}, {"contoso.example", NULL}}, NULL, true, "CONTOSO.EXAMPLE"},
    {"--dc, its rootDSE is awaited", "CONTOSO.EXAMPLE", NULL, true,
        {{"contoso.test", NULL}, {"contoso.example", NULL}}, NULL, false, "CONTOSO.EXAMPLE"},
    {"--dc, its rootDSE spoke", "CONTOSO.EXAMPLE", NULL, true,
        {{"contoso.test", NULL}, {"contoso.example", NULL}}, "CONTOSO.TEST", true, "CONTOSO.TEST"},
    {"records before a rootDSE", "CONTOSO.EXAMPLE", NULL, true,
        {{"contoso.test", NULL}, {"contoso.example", DC1}}, "OTHER.TEST", true, "CONTOSO.EXAMPLE"},
};

static void open_case(struct planned *planned, size_t i)
{
    planned_init(planned, "");
    planned->settings.realm = cases[i].realm;
    planned->plan.host_domain = cases[i].host_domain;
    if (cases[i].dc) {
        planned->settings.dcs.list[0] = (struct place){.host = "192.0.2.10"};
        planned->settings.dcs.count = 1;
    }
    planned_open(planned);
    for (const struct answer *answer = cases[i].answers; answer->domain != NULL; answer++) {
        char name[DNS_NAME_SIZE];
        snprintf(name, sizeof name, "_kerberos._tcp.%s", answer->domain);
        planned_answer(planned, name, DNS_SRV, answer->records);
    }
    planned->plan.realm = cases[i].learned;
}

static void test_realm(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct planned planned;
        char realm[DNS_NAME_SIZE];
        open_case(&planned, i);
        bool known = plan_realm_locked(&planned.plan, realm);
        if (known != cases[i].known || strcmp(realm, cases[i].result) != 0)
            fail_msg("%s: %s, %s", cases[i].name, known ? "known" : "not known", realm);
        planned_done(&planned);
    }
}

/* Domains that merely do not exist make no rows, but for the account's own. */
static void test_absent_domains_are_quiet(void **state)
{
    (void)state;
    struct planned planned;
    planned_init(&planned, "kerberos");
    planned.plan.host_domain = "corp.example";
    planned_open(&planned);
    planned_answer(&planned, "_kerberos._tcp.corp.example", DNS_SRV, NULL);
    assert_int_equal(planned_rows(&planned), 0);
    planned_answer(&planned, "_kerberos._tcp.contoso.test", DNS_SRV, NULL);
    assert_int_equal(planned_rows(&planned), 1);
    assert_true(planned.survey.chains->endpoint.candidate);
    planned_done(&planned);

    planned_start(&planned, "kerberos"); /* the only domain: its absence tells */
    planned_answer(&planned, "_kerberos._tcp.contoso.test", DNS_SRV, NULL);
    assert_false(planned.survey.chains->endpoint.candidate);
    planned_done(&planned);
}

static void test_kdcs_of_other_realms(void **state)
{
    (void)state;
    struct planned planned;
    planned_init(&planned, "");
    planned.plan.host_domain = "corp.example";
    planned_open(&planned);
    planned_answer(&planned, "_kerberos._tcp.contoso.test", DNS_SRV, "dc1.contoso.test:88");
    planned_answer(&planned, "_kerberos._tcp.corp.example", DNS_SRV,
        "dc1.contoso.test:88 dc9.corp.example:88");
    const struct plan *plan = &planned.plan;
    assert_null(plan_foreign_kdc_locked(plan, "dc1.contoso.test", "CONTOSO.TEST"));
    assert_null(plan_foreign_kdc_locked(plan, "dc2.contoso.test", "CONTOSO.TEST"));
    assert_string_equal(
        plan_foreign_kdc_locked(plan, "dc9.corp.example", "CONTOSO.TEST"), "corp.example");
    assert_null(plan_foreign_kdc_locked(plan, "dc9.corp.example", "CORP.EXAMPLE"));
    planned_done(&planned);
}

/* Who may still read the lock-out state, so that the password waits. */
static void test_guards(void **state)
{
    (void)state;
    struct planned planned;
    planned_start(&planned, "ldap");
    assert_true(plan_guards_locked(&planned.plan)); /* the SRV records */
    planned_answer(&planned, "_ldap._tcp.dc._msdcs.contoso.test", DNS_SRV, "dc1.contoso.test:389");
    assert_true(plan_guards_locked(&planned.plan)); /* its address */
    planned_answer(&planned, "dc1.contoso.test", DNS_A, "192.0.2.10");
    planned_answer(&planned, "dc1.contoso.test", DNS_AAAA, NULL);
    assert_true(plan_guards_locked(&planned.plan));
    plan_past_guard_locked(&planned.plan, "ldap/dc1.contoso.test/192.0.2.10:389", false);
    assert_true(plan_guards_locked(&planned.plan));
    planned_job(&planned, "ldap/dc1.contoso.test/192.0.2.10:636")->past_auth = true;
    assert_false(plan_guards_locked(&planned.plan));
    planned_done(&planned);
}

/* --only leaves LDAP out: the guard has its rows nevertheless, and asks them nothing else. */
static void test_rows_of_the_guard_alone(void **state)
{
    (void)state;
    struct planned planned;
    planned_init(&planned, "ews");
    planned.plan.guarded = true;
    planned_open(&planned);
    assert_null(planned_question(&planned, "_kerberos._tcp.contoso.test", DNS_SRV));
    planned_answer(&planned, "_ldap._tcp.dc._msdcs.contoso.test", DNS_SRV, "dc1.contoso.test:389");
    planned_answer(&planned, "dc1.contoso.test", DNS_A, "192.0.2.10");
    planned_answer(&planned, "dc1.contoso.test", DNS_AAAA, NULL);
    const struct plan *plan = &planned.plan;
    const struct endpoint *row =
        &planned_assert_row(&planned, "ldap/dc1.contoso.test/192.0.2.10:389")->endpoint;
    assert_int_equal(plan_guard_rows_locked(plan), 2);
    static const struct {
        struct probe probe;
        bool wanted;
    } table[] = {
        {{.id = "tcp.connect", .layer = LAYER_TCP}, true},
        {{.id = "ldap.rootdse", .layer = LAYER_HTTP}, true},
        {{.id = "ldap.guard", .layer = LAYER_HTTP}, true},
        {{.id = "ldap.starttls", .layer = LAYER_TLS}, false},
        {{.id = "ldap.bind", .layer = LAYER_AUTH}, false},
    };
    for (size_t i = 0; i < COUNT(table); i++)
        assert_int_equal(plan_wants_probe(plan, row, &table[i].probe), table[i].wanted);
    struct fault fault;
    struct check *check = check_for(&table[0].probe);
    fault_set(&fault, CAUSE_REFUSED, ORIGIN_SYSTEM, 111, "refused");
    check_fail(check, &fault);
    plan_excuse(plan, row, check);
    assert_int_equal(check->outcome, OUTCOME_SKIPPED);
    assert_true(check->halts);
    check_free(check);
    plan_learn_site_locked(&planned.plan, "contoso.test", "contoso.test", "Bonn");
    assert_null(planned_question(
        &planned, "_ldap._tcp.Bonn._sites.dc._msdcs.contoso.test", DNS_SRV)); /* no more rows */
    assert_false(plan_serves_domain_locked(plan, "contoso.test"));
    /* Both ports of the controller have heard it at once. */
    plan_past_guard_locked(&planned.plan, "ldap/dc1.contoso.test/192.0.2.10:389", true);
    assert_true(planned_job(&planned, "ldap/dc1.contoso.test/192.0.2.10:636")->past_guard);
    planned_done(&planned);

    planned_start(&planned, "ews"); /* nobody guards */
    assert_null(planned_question(&planned, "_ldap._tcp.dc._msdcs.contoso.test", DNS_SRV));
    planned_done(&planned);

    planned_init(&planned, "ews"); /* the mail domain has no controllers: that is no news */
    planned.plan.guarded = true;
    planned_open(&planned);
    planned_answer(&planned, "_ldap._tcp.dc._msdcs.contoso.test", DNS_SRV, NULL);
    assert_int_equal(planned_rows(&planned), 0);
    assert_false(plan_guards_locked(&planned.plan));
    planned_done(&planned);
}

static void test_when_the_account_is_guarded(void **state)
{
    (void)state;
    struct planned planned;
    planned_init(&planned, "");
    struct settings *settings = &planned.settings;
    assert_false(plan_wants_guard(settings));             /* no password */
    settings->secret = (struct secret *)(void *)&planned; /* never looked at */
    assert_true(plan_wants_guard(settings));
    settings->kerberos_cache = true;
    assert_false(plan_wants_guard(settings));
    settings->kerberos_cache = false;
    static const struct {
        const char *only, *skip;
        bool wanted;
    } table[] = {{"ews", NULL, true}, {"kerberos", NULL, true}, {"tls", NULL, false},
        {"http.logon", NULL, true}, {NULL, "ldap", true}, {NULL, "ldap.rootdse", true},
        {NULL, "ldap.guard", false}};
    for (size_t i = 0; i < COUNT(table); i++) {
        settings->only = (struct words){.list = {table[i].only}, .count = table[i].only != NULL};
        settings->skip = (struct words){.list = {table[i].skip}, .count = table[i].skip != NULL};
        if (plan_wants_guard(settings) != table[i].wanted)
            fail_msg("case %zu", i);
    }
    planned_done(&planned);
}

/* --only leaves Kerberos out: where only tickets log on, the KDCs have their rows nevertheless, for
 * the ticket-granting ticket alone. */
static void test_rows_for_the_tickets_alone(void **state)
{
    (void)state;
    struct planned planned;
    planned_init(&planned, "ews");
    planned.plan.ticketed = true;
    planned_open(&planned);
    struct plan *plan = &planned.plan;
    struct arena arena = {0};
    assert_null(planned_question(&planned, "_ldap._tcp.dc._msdcs.contoso.test", DNS_SRV));
    assert_null(plan_ticket_trouble_locked(plan, &arena)); /* it may come */
    planned_answer(&planned, "_kerberos._tcp.contoso.test", DNS_SRV, "dc1.contoso.test:88");
    assert_null(plan_ticket_trouble_locked(plan, &arena));
    planned_answer(&planned, "dc1.contoso.test", DNS_A, "192.0.2.10");
    planned_answer(&planned, "dc1.contoso.test", DNS_AAAA, NULL);
    struct chain *row = planned_assert_row(&planned, "kerberos/dc1.contoso.test/192.0.2.10:88");
    static const struct {
        struct probe probe;
        bool wanted;
    } table[] = {
        {{.id = "tcp.connect", .layer = LAYER_TCP}, true},
        {{.id = "kerberos.as", .layer = LAYER_AUTH}, true},
        {{.id = "kerberos.ticket", .layer = LAYER_PROTOCOL}, false},
        {{.id = "kerberos.udp", .layer = LAYER_AUTH}, false},
    };
    for (size_t i = 0; i < COUNT(table); i++)
        assert_int_equal(plan_wants_probe(plan, &row->endpoint, &table[i].probe), table[i].wanted);
    struct fault fault;
    struct check *check = check_for(&table[0].probe);
    fault_set(&fault, CAUSE_REFUSED, ORIGIN_SYSTEM, 111, "nothing listens there");
    check_fail(check, &fault);
    plan_excuse(plan, &row->endpoint, check);
    assert_int_equal(check->outcome, OUTCOME_SKIPPED);
    chain_append(row, check);
    assert_string_equal(
        plan_ticket_trouble_locked(plan, &arena), "dc1.contoso.test: nothing listens there");
    plan_want_ticket_locked(plan, "mail.contoso.test"); /* no rows for each name */
    plan_discover_controller_locked(plan, "dc2.contoso.test", false);
    assert_null(planned_question(&planned, "dc2.contoso.test", DNS_A));
    plan->krb_ready = true;
    assert_null(plan_ticket_trouble_locked(plan, &arena));
    arena_done(&arena);
    planned_done(&planned);

    planned_start(&planned, "ews"); /* a password may log on */
    assert_null(planned_question(&planned, "_kerberos._tcp.contoso.test", DNS_SRV));
    assert_string_equal(plan_ticket_trouble_locked(&planned.plan, &arena), "no KDC is known");
    planned_done(&planned);
}

static void test_when_tickets_are_all_there_is(void **state)
{
    (void)state;
    enum { ALL = AUTH_KERBEROS | AUTH_NTLM | AUTH_NEGOTIATE };
    static const struct {
        const char *only, *skip;
        unsigned auth;
        bool cache, password, anonymous, wanted;
    } table[] = {
        {"ews", NULL, ALL, true, false, false, true},
        {"ews", NULL, ALL, false, true, false, false}, /* NTLM can do it */
        {"ews", NULL, AUTH_KERBEROS, false, true, false, true},
        {"ews", NULL, AUTH_KERBEROS, false, false, false, false}, /* nothing to log on with */
        {"ews", NULL, AUTH_NTLM, true, false, false, false},
        {"ews", NULL, ALL, true, false, true, false},
        {"rpc", NULL, ALL, true, false, false, true},
        {"mapi.connect", NULL, ALL, true, false, false, true},
        {"ldap", NULL, ALL, true, false, false, true},
        {"owa", NULL, ALL, true, false, false, false}, /* a form takes no tickets */
        {"tls", NULL, ALL, true, false, false, false}, /* no logon */
        {NULL, "kerberos", ALL, true, false, false, true},
        {NULL, "kerberos.as", ALL, true, false, false, false},
    };
    struct planned planned;
    planned_init(&planned, "");
    struct settings *settings = &planned.settings;
    for (size_t i = 0; i < COUNT(table); i++) {
        settings->only = (struct words){.list = {table[i].only}, .count = table[i].only != NULL};
        settings->skip = (struct words){.list = {table[i].skip}, .count = table[i].skip != NULL};
        settings->auth = table[i].auth;
        settings->kerberos_cache = table[i].cache;
        settings->anonymous = table[i].anonymous;
        settings->secret = table[i].password ? (struct secret *)(void *)&planned : NULL;
        if (plan_wants_tickets(settings) != table[i].wanted)
            fail_msg("case %zu", i);
    }
    planned_done(&planned);
}

static void test_domains_with_rows_of_their_own(void **state)
{
    (void)state;
    struct planned planned;
    planned_start(&planned, "");
    assert_true(plan_serves_domain_locked(&planned.plan, "Contoso.Test")); /* may come */
    assert_false(plan_serves_domain_locked(&planned.plan, "child.contoso.test"));
    assert_false(plan_serves_domain_locked(&planned.plan, "test"));
    planned_answer(&planned, "_ldap._tcp.dc._msdcs.contoso.test", DNS_SRV, NULL);
    assert_false(plan_serves_domain_locked(&planned.plan, "contoso.test"));
    planned_done(&planned);
}

/* A KDC's row starts before other rows, and though its address has no place left. */
static void test_kdcs_start_first(void **state)
{
    (void)state;
    struct planned planned;
    planned_init(&planned, "");
    planned.settings.per_host = 1;
    planned.settings.dcs.list[0] = (struct place){.host = "192.0.2.10", .port = 636};
    planned.settings.dcs.list[1] = (struct place){.host = "192.0.2.10", .port = 389};
    planned.settings.dcs.list[2] = (struct place){.host = "192.0.2.10", .port = 88};
    planned.settings.dcs.count = 3;
    planned_open(&planned);
    for (struct job *job = planned.plan.jobs; job != NULL; job = job->next) {
        if (job->kind == JOB_QUESTION)
            job->state = JOB_RUNNING;
    }
    struct job *first = plan_next_locked(&planned.plan);
    assert_non_null(first);
    assert_int_equal(first->endpoint.port, 88);
    first->state = JOB_QUEUED;
    planned_job(&planned, "ldap/192.0.2.10/192.0.2.10:636")->state = JOB_RUNNING;
    planned_job(&planned, "ldap/192.0.2.10/192.0.2.10:636")->endpoint.address = "192.0.2.10";
    assert_ptr_equal(plan_next_locked(&planned.plan), first);
    assert_null(plan_next_locked(&planned.plan)); /* 389 waits for a place */
    planned_done(&planned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_realm),
        cmocka_unit_test(test_absent_domains_are_quiet),
        cmocka_unit_test(test_kdcs_of_other_realms),
        cmocka_unit_test(test_guards),
        cmocka_unit_test(test_rows_of_the_guard_alone),
        cmocka_unit_test(test_when_the_account_is_guarded),
        cmocka_unit_test(test_rows_for_the_tickets_alone),
        cmocka_unit_test(test_when_tickets_are_all_there_is),
        cmocka_unit_test(test_domains_with_rows_of_their_own),
        cmocka_unit_test(test_kdcs_start_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
