#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/judged.h"
#include "tests/unit/runs.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- layers ---- */

static void test_layers(void **state)
{
    (void)state;
    static const struct host table[] = {
        {"good", PASS, PASS},
        {"warned", WARN, WARN},
        {"no-tcp", FAIL, PASS},
        {"no-auth", PASS, FAIL},
        {"halted", PASS, HALT},
        {"mute", MUTE, PASS},
        {0},
    };
    static const struct {
        const char *host;
        enum outcome tcp, auth, mailbox, other, health;
    } expected[] = {
        {"good", OUTCOME_PASS, OUTCOME_PASS, OUTCOME_PASS, OUTCOME_PASS, OUTCOME_PASS},
        {"warned", OUTCOME_WARN, OUTCOME_WARN, OUTCOME_PASS, OUTCOME_PASS, OUTCOME_PASS},
        {"no-tcp", OUTCOME_FAIL, OUTCOME_BLOCKED, OUTCOME_BLOCKED, OUTCOME_BLOCKED,
            OUTCOME_BLOCKED},
        {"no-auth", OUTCOME_PASS, OUTCOME_FAIL, OUTCOME_BLOCKED, OUTCOME_BLOCKED, OUTCOME_PASS},
        {"halted", OUTCOME_PASS, OUTCOME_SKIPPED, OUTCOME_BLOCKED, OUTCOME_BLOCKED, OUTCOME_PASS},
        {"mute", OUTCOME_ERROR, OUTCOME_BLOCKED, OUTCOME_BLOCKED, OUTCOME_BLOCKED, OUTCOME_BLOCKED},
    };
    struct ran ran;
    ran_init(&ran, table, false);
    ran.settings.mailboxes = (struct words){{"a@b", "c@d"}, 2};
    ran_go(&ran);
    for (size_t i = 0; i < COUNT(expected); i++) {
        assert_outcome(&ran, expected[i].host, "t.tcp", expected[i].tcp);
        assert_outcome(&ran, expected[i].host, "t.auth", expected[i].auth);
        assert_outcome(&ran, expected[i].host, "t.mailbox", expected[i].mailbox);
        assert_outcome(&ran, expected[i].host, "t.other", expected[i].other);
        assert_outcome(&ran, expected[i].host, "t.health", expected[i].health);
    }
    assert_ptr_equal(
        check_at(&ran, "no-tcp", "t.mailbox")->blocked_by, check_at(&ran, "no-tcp", "t.tcp"));
    assert_int_equal(check_at(&ran, "mute", "t.tcp")->fault.cause, CAUSE_INTERNAL);
    /* A check for each subject. */
    assert_non_null(survey_find_check(&ran.survey, "ews/good/127.0.0.1:443/t.other/a@b"));
    assert_non_null(survey_find_check(&ran.survey, "ews/good/127.0.0.1:443/t.other/c@d"));
    assert_false(ran.stuck || ran.survey.out_of_time || ran.survey.interrupted);
    survey_done(&ran.survey);
}

static void test_left_out(void **state)
{
    (void)state;
    static const struct host table[] = {{"good", PASS, PASS}, {0}};
    struct ran ran;
    ran_init(&ran, table, false);
    ran.settings.skip = (struct words){{"t.auth"}, 1};
    ran_go(&ran);
    assert_outcome(&ran, "good", "t.tcp", OUTCOME_PASS);
    assert_outcome(&ran, "good", "t.auth", OUTCOME_SKIPPED);
    assert_outcome(&ran, "good", "t.mailbox", OUTCOME_BLOCKED);
    survey_done(&ran.survey);
}

static void test_discovery(void **state)
{
    (void)state;
    static const struct host table[] = {{"one", DISCOVER, PASS}, {"two", DISCOVER, PASS}, {0}};
    struct ran ran;
    ran_init(&ran, table, false);
    ran_go(&ran);
    assert_outcome(&ran, "127.0.0.99", "t.mailbox", OUTCOME_PASS);
    int found = 0;
    for (const struct chain *chain = ran.survey.chains; chain != NULL; chain = chain->next)
        found += strcmp(chain->endpoint.host, "127.0.0.99") == 0;
    assert_int_equal(found, 1);
    survey_done(&ran.survey);
}

static void test_per_host(void **state)
{
    (void)state;
    static const struct host table[] = {{"a", NAP, PASS}, {"b", NAP, PASS}, {"c", NAP, PASS},
        {"d", NAP, PASS}, {"e", NAP, PASS}, {"f", NAP, PASS}, {"g", NAP, PASS}, {0}};
    struct ran ran;
    ran_init(&ran, table, true);
    ran.settings.per_host = 2;
    ran_go(&ran);
    assert_int_equal(atomic_load(&most_running), 2);
    survey_done(&ran.survey);
    ran_init(&ran, table, false); /* each at its own address */
    ran.settings.per_host = 2;
    ran_go(&ran);
    assert_in_range(atomic_load(&most_running), 3, 7);
    survey_done(&ran.survey);
    ran_init(&ran, table, false);
    ran.settings.jobs = 1;
    ran_go(&ran);
    assert_int_equal(atomic_load(&most_running), 1);
    survey_done(&ran.survey);
}

/* ---- the gate ---- */

static void test_gate(void **state)
{
    (void)state;
    static const struct {
        enum act act;
        int proofs, proved, went, failed, skipped, refused;
    } table[] = {
        {PROVED, 1, 1, 5, 0, 0, 0}, {DENIED, 1, 0, 0, 1, 5, 1},
        {NO_VERDICT, 6, 6, 0, 0, 0, 0}, /* one after the other */
        {UNANSWERED, 1, 0, 0, 1, 5, 0},
        {UNTOLD, 1, 1, 0, 0, 5, 0}, /* it may have sent the password: nobody else may */
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct host six[] = {{"a", PASS, table[i].act}, {"b", PASS, table[i].act},
            {"c", PASS, table[i].act}, {"d", PASS, table[i].act}, {"e", PASS, table[i].act},
            {"f", PASS, table[i].act}, {0}};
        struct ran ran;
        ran_init(&ran, six, false);
        ran_go(&ran);
        assert_int_equal(atomic_load(&most_provers), 1);
        assert_int_equal(atomic_load(&proofs), table[i].proofs);
        assert_int_equal(count_auth(&ran, OUTCOME_PASS, "proved"), table[i].proved);
        assert_int_equal(count_auth(&ran, OUTCOME_PASS, "went"), table[i].went);
        assert_int_equal(count_auth(&ran, OUTCOME_FAIL, NULL), table[i].failed);
        assert_int_equal(count_auth(&ran, OUTCOME_SKIPPED, NULL), table[i].skipped);
        assert_int_equal(ran.survey.logons_attempted, table[i].proofs);
        assert_int_equal(ran.survey.logons_refused, table[i].refused);
        assert_false(ran.stuck);
        survey_done(&ran.survey);
    }
}

/* ---- names ---- */

/* A resolver that knows mail.contoso.test (RFC 1035 4.1); an empty datagram ends it. */
static void *resolve(void *argument)
{
    static const uint8_t answer[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1};
    const int *sock = argument;
    uint8_t message[600];
    struct sockaddr_storage from;
    for (;;) {
        socklen_t size = sizeof from;
        ssize_t got = recvfrom(*sock, message, 512, 0, (struct sockaddr *)&from, &size);
        if (got < 17)
            return NULL;
        size_t end = 12;
        while (end < (size_t)got && message[end] != 0)
            end += 1u + message[end];
        end += 5;
        bool known = memcmp(message + 12, "\4mail\7contoso", 13) == 0 && message[end - 3] == 1;
        message[2] = 0x81;
        message[3] = known ? 0x80 : 0x83;
        memset(message + 6, 0, 6);
        message[7] = known;
        memcpy(message + end, answer, sizeof answer);
        size_t length = end + (known ? sizeof answer : 0);
        (void)sendto(*sock, message, length, 0, (struct sockaddr *)&from, size);
    }
}

static void test_names(void **state)
{
    (void)state;
    static const struct host table[] = {{"gone.contoso.test", PASS, PASS}, {0}};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    pthread_t thread;
    struct ran ran;
    int sock = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(sock, (struct sockaddr *)&at, size), 0);
    assert_int_equal(getsockname(sock, (struct sockaddr *)&at, &size), 0);
    assert_int_equal(pthread_create(&thread, NULL, resolve, &sock), 0);

    ran_init(&ran, table, false);
    ran.settings.detour_count = 0;
    ran.settings.resolvers[0].port = ntohs(at.sin_port);
    ran_go(&ran);
    sendto(sock, "", 0, 0, (struct sockaddr *)&at, size);
    pthread_join(thread, NULL);
    close(sock);

    assert_outcome(&ran, "mail.contoso.test", "dns.name", OUTCOME_PASS);
    assert_outcome(&ran, "mail.contoso.test", "t.mailbox", OUTCOME_PASS);
    assert_outcome(&ran, "gone.contoso.test", "dns.name", OUTCOME_FAIL);
    assert_outcome(&ran, "gone.contoso.test", "t.tcp", OUTCOME_BLOCKED);
    int lookups = 0;
    for (const struct lookup *lookup = ran.survey.lookups; lookup != NULL; lookup = lookup->next)
        lookups++;
    assert_int_equal(lookups, 4); /* A and AAAA, each asked once */
    survey_done(&ran.survey);
}

/* ---- guesses ---- */

/* The planner's own guess waits for what Autodiscover may say of it, and for nothing else. */
static void test_named(void **state)
{
    (void)state;
    static const struct host tables[][4] = {
        {{"mail.contoso.test", NAMED, PASS}, {"autodiscover.contoso.test", FIND, PASS},
            {"contoso.test", PASS, PASS}, {0}},
        {{"mail.contoso.test", NAMED, PASS}, {"autodiscover.contoso.test", NAP, PASS},
            {"contoso.test", PASS, PASS}, {0}},
    };
    static const struct {
        const struct host *table;
        int jobs;
        const char *autodiscover, *summary;
    } cases[] = {
        {tables[0], 32, "autodiscover", "named"}, {tables[1], 32, "autodiscover", "a guess"},
        {tables[0], 32, NULL, "a guess"},          /* not asked */
        {tables[1], 1, "autodiscover", "a guess"}, /* and no dead-lock */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ran ran;
        ran_init(&ran, cases[i].table, false);
        ran.settings.hosts.count = 0; /* the user names none */
        ran.settings.jobs = cases[i].jobs;
        if (cases[i].autodiscover != NULL)
            ran.settings.only.list[ran.settings.only.count++] = cases[i].autodiscover;
        ran_go(&ran);
        assert_string_equal(
            check_at(&ran, "mail.contoso.test", "t.tcp")->summary, cases[i].summary);
        survey_done(&ran.survey);
    }
}

/* ---- what the chains count together ---- */

static void test_wrong_servers(void **state)
{
    (void)state;
    static const struct host table[] = {{"a", WRONG, PASS}, {"b", WRONG, PASS}, {"c", WRONG, PASS},
        {"d", WRONG, PASS}, {"e", WRONG, REFUSE}, {0}};
    struct ran ran;
    int followed = 0, skipped = 0;
    ran_init(&ran, table, false);
    ran.settings.jobs = 1;
    ran_go(&ran);
    for (size_t i = 0; i + 1 < COUNT(table); i++) {
        const struct check *check = check_at(&ran, table[i].name, "t.tcp");
        followed += check->outcome == OUTCOME_PASS;
        skipped += check->outcome == OUTCOME_SKIPPED &&
                   strstr(check->summary, "not asked: ") != NULL &&
                   strstr(check->summary, " has opened it") != NULL;
    }
    assert_int_equal(followed, 4); /* one more, and the server pauses us */
    assert_int_equal(skipped, 1);
    assert_int_equal(ran.survey.logons_attempted, 1);
    assert_int_equal(ran.survey.logons_refused, 1);
    survey_done(&ran.survey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_discovery),
        cmocka_unit_test(test_per_host),
        cmocka_unit_test(test_gate),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_named),
        cmocka_unit_test(test_wrong_servers),
    };
    return cmocka_run_group_tests(tests, runs_set_up, runs_tear_down);
}
