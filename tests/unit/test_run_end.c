#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/judged.h"
#include "tests/unit/runs.h"

#include <string.h>
#include <sys/resource.h>

/* ---- the end ---- */

/* Waits that keep their limit come back: nothing is stuck, and what the run's own deadline cut
 * short or kept from starting is no failure of a server. */
static void test_deadline_in_order(void **state)
{
    (void)state;
    static const struct host table[] = {
        {"slow", WAIT, PASS}, {"later", PASS, PASS}, {"last", PASS, PASS}, {0}};
    struct ran ran;
    ran_init(&ran, table, false);
    ran.settings.jobs = 1;
    ran.settings.deadline_ms = 200;
    ran_go(&ran);
    assert_outcome(&ran, "slow", "t.tcp", OUTCOME_ERROR);
    assert_outcome(&ran, "slow", "t.auth", OUTCOME_BLOCKED);
    assert_outcome(&ran, "later", "dns.name", OUTCOME_SKIPPED);
    assert_outcome(&ran, "later", "t.tcp", OUTCOME_BLOCKED);
    assert_outcome(&ran, "last", "t.mailbox", OUTCOME_BLOCKED);
    assert_true(ran.survey.out_of_time);
    assert_false(ran.stuck || ran.survey.interrupted);
    survey_done(&ran.survey);
}

static void test_interrupt(void **state)
{
    (void)state;
    static const struct host table[] = {{"done", PASS, PASS}, {"signal", PASS, INTERRUPT},
        {"slow", WAIT, PASS}, {"slow2", WAIT, PASS}, {0}};
    struct ran ran;
    ran_init(&ran, table, false);
    int64_t begun = clock_monotonic_us();
    ran_go(&ran);
    assert_in_range((clock_monotonic_us() - begun) / 1000, 100, 100 + SLACK_MS);
    assert_outcome(&ran, "done", "t.mailbox", OUTCOME_PASS);
    assert_outcome(&ran, "signal", "t.auth", OUTCOME_PASS);
    assert_outcome(&ran, "slow", "t.tcp", OUTCOME_ERROR);
    assert_int_equal(check_at(&ran, "slow", "t.tcp")->fault.cause, CAUSE_INTERRUPTED);
    assert_outcome(&ran, "slow2", "t.mailbox", OUTCOME_BLOCKED);
    assert_true(ran.survey.interrupted);
    assert_false(ran.stuck || ran.survey.out_of_time);
    survey_done(&ran.survey);
    run_interrupt(); /* after the run: nothing */
}

/* After an interrupt nothing starts, and nobody becomes the prover any more. */
static void test_interrupt_at_the_gate(void **state)
{
    (void)state;
    static const struct host table[] = {{"holder", PASS, HOLD}, {"waiter", NAP, PROVED},
        {"signal", PASS, INTERRUPT}, {"queued", PASS, PASS}, {0}};
    struct ran ran;
    ran_init(&ran, table, false);
    ran.settings.jobs = 3;
    ran_go(&ran);
    assert_int_equal(atomic_load(&proofs), 1);
    assert_outcome(&ran, "waiter", "t.auth", OUTCOME_ERROR);
    assert_int_equal(check_at(&ran, "waiter", "t.auth")->fault.cause, CAUSE_INTERRUPTED);
    assert_outcome(&ran, "queued", "dns.name", OUTCOME_SKIPPED);
    assert_outcome(&ran, "queued", "t.tcp", OUTCOME_BLOCKED);
    assert_false(ran.stuck);
    survey_done(&ran.survey);
}

static void test_no_start(void **state)
{
    (void)state;
    static const struct host table[] = {{"good", PASS, PASS}, {0}};
    struct ran ran;
    struct fault fault = {.text = ""};
    struct rlimit before, none;
    ran_init(&ran, table, false);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    bool ok = survey_run(&ran.survey, &ran.settings, &ran.stuck, &fault);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_false(ok);
    assert_int_equal(fault.cause, CAUSE_INTERNAL);
    assert_false(ran.stuck);
    survey_done(&ran.survey);
}

static void count_progress(void *context, size_t done, size_t total, int64_t elapsed_us)
{
    assert_true(done <= total && elapsed_us >= 0);
    ++*(int *)context;
}

static void test_progress(void **state)
{
    (void)state;
    static const struct host table[] = {{"slow", WAIT, PASS}, {0}};
    struct ran ran;
    int calls = 0;
    ran_init(&ran, table, false);
    ran.settings.timeout_ms = 350;
    ran.settings.progress = count_progress;
    ran.settings.context = &calls;
    ran_go(&ran);
    assert_in_range(calls, 1, 10);
    assert_outcome(
        &ran, "slow", "t.tcp", OUTCOME_FAIL); /* the step's own time-out is the server's */
    survey_done(&ran.survey);
}

/* The last: these threads never come back. The others are right, and the run ends in time. A prover
 * that does not return leaves the others at the gate. */
static void test_stuck(void **state)
{
    (void)state;
    static const struct host table[] = {{"spins", SPIN, PASS}, {"sleeps", PASS, SLEEP},
        {"good", PASS, PASS}, {"waits", WAIT, PASS}, {"no-tcp", FAIL, PASS}, {0}};
    static struct ran ran; /* left to the threads, as main() does with _Exit() */
    ran_init(&ran, table, false);
    ran.settings.deadline_ms = 300;
    ran_go(&ran);
    assert_true(ran.stuck && ran.survey.out_of_time);
    assert_outcome(&ran, "good", "t.mailbox", OUTCOME_PASS);
    assert_outcome(&ran, "no-tcp", "t.tcp", OUTCOME_FAIL);
    assert_outcome(&ran, "waits", "t.tcp", OUTCOME_ERROR);
    static const struct {
        const char *host, *probe;
    } gone[] = {{"spins", "t.tcp"}, {"sleeps", "t.auth"}};
    for (size_t i = 0; i < COUNT(gone); i++) {
        const struct check *check = check_at(&ran, gone[i].host, gone[i].probe);
        assert_outcome(&ran, gone[i].host, gone[i].probe, OUTCOME_ERROR);
        assert_int_equal(check->fault.cause, CAUSE_NO_RETURN);
        assert_non_null(strstr(check->summary, "did not return"));
        assert_outcome(&ran, gone[i].host, "t.mailbox", OUTCOME_BLOCKED);
    }
    assert_outcome(&ran, "sleeps", "t.tcp", OUTCOME_PASS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deadline_in_order),
        cmocka_unit_test(test_interrupt),
        cmocka_unit_test(test_interrupt_at_the_gate),
        cmocka_unit_test(test_no_start),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_stuck),
    };
    return cmocka_run_group_tests(tests, runs_set_up, runs_tear_down);
}
