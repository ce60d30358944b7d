#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/name.h"
#include "tests/unit/judged.h"

static void test_addresses(void **state)
{
    (void)state;
    struct dns_record records[] = {
        {.address = {"192.0.2.1", 0}, .ttl = 60}, {.address = {"192.0.2.2", 0}, .ttl = 30}};
    struct name_answer answer = {.name = "mail.contoso.test",
        .type = DNS_A,
        .resolver = {"192.0.2.53", 53},
        .answer = {.ok = true,
            .cnames = {"a.hoster.test", "b.hoster.test"},
            .cname_count = 2,
            .records = records,
            .count = 2,
            .ttl = 30,
            .elapsed_us = 1234}};
    struct check *check = check_for(&probe_dns_name);
    judge_name(&answer, check);
    assert_int_equal(check->outcome, OUTCOME_PASS);
    assert_false(check->halts);
    assert_string_equal(check->summary, "mail.contoso.test has 2 addresses");
    assert_string_equal(check_get_text(check, "dns.resolver", ""), "192.0.2.53:53");
    assert_string_equal(check_get_text(check, "dns.type", ""), "A");
    assert_int_equal(check_get_int(check, "dns.ttl", -1), 30);
    assert_int_equal(check_fact(check, "dns.cname")->count, 2);
    assert_string_equal(check_fact(check, "dns.addresses")->list[1], "192.0.2.2");
    assert_int_equal(check->elapsed_us, 1234);
    check_free(check);
}

static void test_failures(void **state)
{
    (void)state;
    static const struct {
        enum cause cause;
        int rcode;
        enum outcome outcome;
    } table[] = {
        {CAUSE_NAME_NOT_FOUND, 3, OUTCOME_FAIL},
        {CAUSE_NAME_NO_DATA, 0, OUTCOME_FAIL},
        {CAUSE_NAME_SERVER_FAILURE, 2, OUTCOME_FAIL},
        {CAUSE_NAME_REFUSED, 5, OUTCOME_FAIL},
        {CAUSE_NAME_TIMEOUT, -1, OUTCOME_FAIL},
        {CAUSE_NAME_LOOP, 0, OUTCOME_FAIL},
        {CAUSE_INTERRUPTED, -1, OUTCOME_ERROR},
        {CAUSE_INTERNAL, -1, OUTCOME_ERROR},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct name_answer answer = {.name = "x.test", .answer = {.rcode = table[i].rcode}};
        fault_set(&answer.answer.fault, table[i].cause, ORIGIN_DNS, table[i].rcode, "words");
        struct check *check = check_for(&probe_dns_name);
        judge_name(&answer, check);
        assert_int_equal(check->outcome, table[i].outcome);
        assert_int_equal(check->fault.cause, table[i].cause);
        assert_int_equal(check_get_int(check, "dns.rcode", -9), table[i].rcode);
        assert_null(check_fact(check, "dns.ttl"));
        assert_true(check->halts);
        check_free(check);
    }
}

/* RFC 2782: a target "." says that the service is not offered. */
static void test_service_not_offered(void **state)
{
    (void)state;
    struct dns_record record = {.target = ""};
    struct name_answer answer = {.name = "_gc._tcp.contoso.test",
        .type = DNS_SRV,
        .answer = {.ok = true, .records = &record, .count = 1}};
    struct check *check = check_for(&probe_dns_name);
    judge_name(&answer, check);
    assert_int_equal(check->outcome, OUTCOME_SKIPPED);
    assert_true(check->halts);
    assert_null(check_fact(check, "dns.addresses"));
    check_free(check);
}

/* ---- resolvers ---- */

static void test_resolver(void **state)
{
    (void)state;
    static const char *const srv[] = {"0 100 88 dc1.contoso.test"};
    static const struct {
        int rcodes[3]; /* 99: no such lookup */
        enum outcome outcome;
        int64_t answered, rcode;
    } table[] = {
        {{0, 0, 0}, OUTCOME_PASS, 3, 0},
        {{0, 3, 3}, OUTCOME_PASS, 3, 0}, /* no such name is an answer */
        {{0, 2, 3}, OUTCOME_WARN, 3, 2},
        {{0, 5, -1}, OUTCOME_WARN, 2, 5},
        {{3, -1, 0}, OUTCOME_WARN, 2, -1},
        {{-1, -1, -1}, OUTCOME_FAIL, 0, -1},
        {{99, 99, 99}, OUTCOME_SKIPPED, 0, 0},
    };
    static const struct endpoint endpoint = {
        .service = SERVICE_DNS, .host = "192.0.2.53", .address = "192.0.2.53", .port = 53};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct survey survey;
        survey_init(&survey);
        struct lookup lookups[4] = {
            {.name = "_kerberos._tcp.contoso.test", .type = "SRV", .records = srv, .count = 1},
            {.name = "_gc._tcp.contoso.test", .type = "SRV", .elapsed_us = 7000},
            {.name = "mail.contoso.test", .type = "A", .elapsed_us = 2000},
            {.name = "other", .type = "A", .resolver = "192.0.2.54:53", .rcode = 2}};
        for (int n = 0; n < 4; n++) {
            lookups[n].next = survey.lookups;
            bool known = n == 3 || table[i].rcodes[n] != 99;
            survey.lookups = known ? &lookups[n] : survey.lookups;
            if (n == 3)
                break;
            lookups[n].resolver = "192.0.2.53:53";
            lookups[n].rcode = table[i].rcodes[n];
            if (table[i].rcodes[n] != 0)
                fault_set(&lookups[n].fault, CAUSE_NAME_TIMEOUT, ORIGIN_DNS, 0, "words");
        }
        struct check *check = check_for(&probe_dns_resolver);
        judge_resolver(&survey, &endpoint, check);
        if (check->outcome != table[i].outcome)
            fail_msg("case %zu: %s", i, outcome_str(check->outcome));
        assert_int_equal(check_get_int(check, "dns.answered", -9), table[i].answered);
        bool asked = table[i].rcodes[0] != 99;
        assert_int_equal(check_get_int(check, "dns.questions", -9), asked ? 3 : 0);
        if (table[i].outcome == OUTCOME_PASS) {
            assert_int_equal(check_get_int(check, "dns.elapsed_ms", -9), 7);
            assert_string_equal(check_fact(check, "dns.srv")->list[0],
                "_kerberos._tcp.contoso.test 0 100 88 dc1.contoso.test");
            assert_string_equal(check_fact(check, "dns.missing")->list[0], "_gc._tcp.contoso.test");
        }
        if (table[i].outcome == OUTCOME_WARN || table[i].outcome == OUTCOME_FAIL)
            assert_int_equal(check->fault.cause, CAUSE_NAME_TIMEOUT);
        check_free(check);
        survey.lookups = NULL;
        survey_done(&survey);
    }
}

static void test_applies(void **state)
{
    (void)state;
    struct endpoint endpoint = {.service = SERVICE_DNS};
    assert_true(probe_dns_resolver.applies(&endpoint));
    assert_false(probe_dns_name.applies(&endpoint));
    endpoint.service = SERVICE_KERBEROS;
    assert_true(probe_dns_name.applies(&endpoint));
    endpoint.subject = "HTTP/mail"; /* a ticket's row has no name of its own */
    assert_false(probe_dns_name.applies(&endpoint));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_service_not_offered),
        cmocka_unit_test(test_resolver),
        cmocka_unit_test(test_applies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
