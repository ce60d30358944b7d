#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/gate.h"

#include <string.h>

enum { STEPS_MAX = 16 };

/* One thing done to the gate: a question and the pass it must give, or what the prover tells. */
struct step {
    enum { END, ASK, ASK_HOPING, TELL } kind;
    int value;         /* enum gate_pass expected, or enum gate_verdict told */
    enum gate_way way; /* 0 is WAY_TICKET */
};

static const struct {
    const char *name;
    struct step steps[STEPS_MAX];
    enum gate_state state;
    const char *who;
    enum cause cause;
} stories[] = {
    {"the first proves, the others wait",
        {{ASK, GATE_PROVE, WAY_HTTP}, {ASK, GATE_WAIT, WAY_HTTP}, {ASK, GATE_WAIT, WAY_HTTP},
            {ASK_HOPING, GATE_WAIT, WAY_HTTP}},
        GATE_PROVING, "", CAUSE_NONE},
    {"nobody proves while a better prover is coming",
        {{ASK_HOPING, GATE_WAIT, WAY_HTTP}, {ASK_HOPING, GATE_WAIT, WAY_HTTP},
            {ASK, GATE_PROVE, WAY_HTTP}},
        GATE_PROVING, "", CAUSE_NONE},
    {"proved: all go, also those that hope",
        {{ASK, GATE_PROVE, WAY_HTTP}, {TELL, GATE_PROVED, WAY_HTTP}, {ASK, GATE_GO, WAY_HTTP},
            {ASK_HOPING, GATE_GO, WAY_HTTP}},
        GATE_OPEN, "the prover", CAUSE_NONE},
    {"denied: nobody goes",
        {{ASK, GATE_PROVE, WAY_HTTP}, {TELL, GATE_DENIED, WAY_HTTP}, {ASK, GATE_STOP, WAY_HTTP},
            {ASK_HOPING, GATE_STOP, WAY_HTTP}},
        GATE_REFUSED, "the prover", CAUSE_PASSWORD_WRONG},
    {"unanswered: it may have counted, nobody goes",
        {{ASK, GATE_PROVE, WAY_HTTP}, {TELL, GATE_UNANSWERED, WAY_HTTP},
            {ASK, GATE_STOP, WAY_HTTP}},
        GATE_REFUSED, "the prover", CAUSE_PASSWORD_WRONG},
    {"no verdict: the next one proves",
        {{ASK, GATE_PROVE, WAY_HTTP}, {TELL, GATE_NO_VERDICT, WAY_HTTP},
            {ASK_HOPING, GATE_WAIT, WAY_HTTP}, {ASK, GATE_PROVE, WAY_HTTP},
            {ASK, GATE_WAIT, WAY_HTTP}, {TELL, GATE_PROVED, WAY_HTTP}, {ASK, GATE_GO, WAY_HTTP}},
        GATE_OPEN, "the prover", CAUSE_NONE},
    {"no verdict, then denied",
        {{ASK, GATE_PROVE, WAY_HTTP}, {TELL, GATE_NO_VERDICT, WAY_HTTP},
            {ASK, GATE_PROVE, WAY_HTTP}, {TELL, GATE_DENIED, WAY_HTTP}, {ASK, GATE_STOP, WAY_HTTP}},
        GATE_REFUSED, "the prover", CAUSE_PASSWORD_WRONG},
    {"each way is tried once, tickets need no trial",
        {{ASK, GATE_PROVE, WAY_KDC}, {TELL, GATE_PROVED, WAY_KDC}, {ASK, GATE_GO, WAY_TICKET},
            {ASK_HOPING, GATE_WAIT, WAY_FORM}, {ASK, GATE_TRY, WAY_FORM},
            {ASK, GATE_WAIT, WAY_FORM}, {ASK, GATE_WAIT, WAY_HTTP}, {ASK, GATE_GO, WAY_KDC},
            {ASK, GATE_GO, WAY_TICKET}, {TELL, GATE_PROVED, WAY_FORM}, {ASK, GATE_GO, WAY_FORM},
            {ASK, GATE_TRY, WAY_HTTP}, {TELL, GATE_NO_VERDICT, WAY_HTTP},
            {ASK, GATE_TRY, WAY_HTTP}},
        GATE_PROVING, "the prover", CAUSE_NONE},
    {"a way that refuses the right password ends all but tickets",
        {{ASK, GATE_PROVE, WAY_KDC}, {TELL, GATE_PROVED, WAY_KDC}, {ASK, GATE_TRY, WAY_FORM},
            {TELL, GATE_DENIED, WAY_FORM}, {ASK, GATE_STOP, WAY_FORM}, {ASK, GATE_STOP, WAY_HTTP},
            {ASK, GATE_STOP, WAY_KDC}, {ASK, GATE_GO, WAY_TICKET}},
        GATE_REFUSED, "the prover", CAUSE_PASSWORD_WRONG},
    {"an unanswered trial of the right password costs its own row",
        {{ASK, GATE_PROVE, WAY_KDC}, {TELL, GATE_PROVED, WAY_KDC}, {ASK, GATE_TRY, WAY_HTTP},
            {TELL, GATE_UNANSWERED, WAY_HTTP}, {ASK, GATE_TRY, WAY_HTTP}},
        GATE_PROVING, "the prover", CAUSE_NONE},
};

static void test_stories(void **state)
{
    (void)state;
    struct fault fault;
    fault_set(&fault, CAUSE_PASSWORD_WRONG, ORIGIN_KRB5, 24, "wrong password");
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        struct gate gate = {0};
        for (const struct step *step = stories[i].steps; step->kind != END; step++) {
            if (step->kind == TELL) {
                gate_tell(&gate, step->way, (enum gate_verdict)step->value, "the prover", &fault);
                continue;
            }
            int pass = (int)gate_ask(&gate, step->way, step->kind == ASK_HOPING);
            if (pass != step->value)
                fail_msg("%s: step %td gives %d, not %d", stories[i].name, step - stories[i].steps,
                    pass, step->value);
        }
        if (gate.state != stories[i].state || gate.fault.cause != stories[i].cause)
            fail_msg("%s: ends in state %d, cause %s", stories[i].name, (int)gate.state,
                cause_str(gate.fault.cause));
        assert_string_equal(gate.who, stories[i].who);
    }
}

static void test_faultless_verdicts(void **state)
{
    (void)state;
    struct gate gate = {0};
    assert_int_equal(gate_ask(&gate, WAY_HTTP, false), GATE_PROVE);
    gate_tell(&gate, WAY_HTTP, GATE_NO_VERDICT, "a", NULL);
    assert_int_equal(gate_ask(&gate, WAY_HTTP, false), GATE_PROVE);
    gate_tell(&gate, WAY_HTTP, GATE_PROVED, "b", NULL);
    assert_string_equal(gate.who, "b");
    assert_int_equal(gate.fault.cause, CAUSE_NONE);
}

static void test_long_names_are_cut(void **state)
{
    (void)state;
    struct gate gate = {0};
    char who[1000];
    memset(who, 'x', sizeof who - 1);
    who[sizeof who - 1] = '\0';
    assert_int_equal(gate_ask(&gate, WAY_HTTP, false), GATE_PROVE);
    gate_tell(&gate, WAY_HTTP, GATE_PROVED, who, NULL);
    assert_int_equal(strlen(gate.who), sizeof gate.who - 1);
}

/* In proportion to the chain's own way to AUTH, within bounds. */
static void test_patience(void **state)
{
    (void)state;
    static const struct {
        int64_t own_us, patience_us;
    } table[] = {
        {0, 150 * 1000},
        {49 * 1000, 150 * 1000},
        {50 * 1000, 150 * 1000},
        {100 * 1000, 300 * 1000},
        {333 * 1000, 999 * 1000},
        {400 * 1000, 1000 * 1000},
        {INT64_MAX, 1000 * 1000},
        {-1, 150 * 1000},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_int_equal(gate_patience_us(table[i].own_us), table[i].patience_us);
}

/* What a proof that was sent and not accepted means for the others: every cause is looked at. */
static void test_verdicts(void **state)
{
    (void)state;
    static const struct {
        enum cause cause;
        enum gate_verdict verdict;
    } table[] = {
        {CAUSE_PASSWORD_WRONG, GATE_DENIED},
        {CAUSE_PASSWORD_EXPIRED, GATE_DENIED},
        {CAUSE_LOGON_REFUSED, GATE_DENIED},
        {CAUSE_ACCOUNT_LOCKED, GATE_DENIED},
        {CAUSE_ACCOUNT_REVOKED, GATE_DENIED},
        {CAUSE_CHANNEL_BINDING, GATE_NO_VERDICT},
        {CAUSE_STRONG_AUTH_REQUIRED, GATE_NO_VERDICT},
        {CAUSE_CLOCK_SKEW, GATE_NO_VERDICT},
        {CAUSE_ENCRYPTION_TYPE, GATE_NO_VERDICT},
        /* it may have been counted */
        {CAUSE_TIMEOUT, GATE_UNANSWERED},
        {CAUSE_RESET, GATE_UNANSWERED},
        {CAUSE_CLOSED, GATE_UNANSWERED},
        {CAUSE_HTTP_STATUS, GATE_UNANSWERED},
        {CAUSE_LDAP_RESULT, GATE_UNANSWERED},
        {CAUSE_INTERRUPTED, GATE_UNANSWERED},
        {CAUSE_NONE, GATE_UNANSWERED},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (gate_verdict_of(table[i].cause) != table[i].verdict)
            fail_msg("%s: %d", cause_str(table[i].cause), (int)gate_verdict_of(table[i].cause));
        assert_int_equal(gate_cause_denies(table[i].cause), table[i].verdict == GATE_DENIED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_faultless_verdicts),
        cmocka_unit_test(test_long_names_are_cut),
        cmocka_unit_test(test_patience),
        cmocka_unit_test(test_verdicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
