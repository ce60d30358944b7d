#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/credentials.h"
#include "probes/gate.h"
#include "probes/kerberos.h"
#include "probes/ldap.h"
#include "tests/unit/judged.h"

enum { NOW = 1795348800, ATTRIBUTES_MAX = 6 }; /* 2026-11-22T12:00:00Z */

/* FILETIMEs before NOW. */
#define JUST_NOW  "134398223990000000" /* 1 s */
#define HOUR_AGO  "134398188000000000"
#define HALF_HOUR "-18000000000"
#define FOR_EVER  "-9223372036854775808"

struct object {
    struct directory_entry entry;
    struct directory_attribute attributes[ATTRIBUTES_MAX];
    struct directory_value values[ATTRIBUTES_MAX];
};

static const struct directory_entry *object_of(struct object *object, const char *const (*pairs)[2])
{
    *object = (struct object){.entry = {.dn = "CN=x", .attributes = object->attributes}};
    for (size_t i = 0; i < ATTRIBUTES_MAX && pairs[i][0] != NULL; i++) {
        object->values[i] = (struct directory_value){pairs[i][1], strlen(pairs[i][1])};
        object->attributes[i] = (struct directory_attribute){pairs[i][0], &object->values[i], 1};
        object->entry.count++;
    }
    return &object->entry;
}

static const struct {
    const char *name;
    const char *account[ATTRIBUTES_MAX][2], *domain[ATTRIBUTES_MAX][2], *pso[ATTRIBUTES_MAX][2];
    enum guard_verdict verdict;
    enum cause cause;
    int64_t left; /* -1: not told */
} cases[] = {
    {"far", {{"badPwdCount", "3"}, {"badPasswordTime", JUST_NOW}}, {{"lockoutThreshold", "10"}},
        {{0}}, GUARD_ALLOWS, CAUSE_NONE, 7},
    {"near", {{"badPwdCount", "9"}, {"badPasswordTime", JUST_NOW}}, {{"lockoutThreshold", "10"}},
        {{0}}, GUARD_DENIES, CAUSE_LOCKOUT_NEAR, 1},
    {"nearly near", {{"badPwdCount", "8"}, {"badPasswordTime", JUST_NOW}},
        {{"lockoutThreshold", "10"}}, {{0}}, GUARD_ALLOWS, CAUSE_NONE, 2},
    {"over, not locked yet", {{"badPwdCount", "12"}, {"badPasswordTime", JUST_NOW}},
        {{"lockoutThreshold", "10"}}, {{0}}, GUARD_DENIES, CAUSE_LOCKOUT_NEAR, 0},
    {"out of the window", {{"badPwdCount", "9"}, {"badPasswordTime", HOUR_AGO}},
        {{"lockoutThreshold", "10"}, {"lockOutObservationWindow", HALF_HOUR}}, {{0}}, GUARD_ALLOWS,
        CAUSE_NONE, 10},
    {"a window for ever", {{"badPwdCount", "9"}, {"badPasswordTime", HOUR_AGO}},
        {{"lockoutThreshold", "10"}, {"lockOutObservationWindow", FOR_EVER}}, {{0}}, GUARD_DENIES,
        CAUSE_LOCKOUT_NEAR, 1},
    {"one failure locks", {{"badPwdCount", "0"}}, {{"lockoutThreshold", "1"}}, {{0}}, GUARD_DENIES,
        CAUSE_LOCKOUT_NEAR, 1},
    {"never locks", {{"badPwdCount", "99"}, {"badPasswordTime", JUST_NOW}},
        {{"lockoutThreshold", "0"}}, {{0}}, GUARD_ALLOWS, CAUSE_NONE, -1},
    {"a policy of its own is stricter", {{"badPwdCount", "2"}, {"badPasswordTime", JUST_NOW}},
        {{"lockoutThreshold", "0"}}, {{"msDS-LockoutThreshold", "3"}}, GUARD_DENIES,
        CAUSE_LOCKOUT_NEAR, 1},
    {"a policy of its own is laxer", {{"badPwdCount", "9"}, {"badPasswordTime", JUST_NOW}},
        {{"lockoutThreshold", "10"}}, {{"msDS-LockoutThreshold", "0"}}, GUARD_ALLOWS, CAUSE_NONE,
        -1},
    {"locked, as computed", {{"badPwdCount", "0"}, {"msDS-User-Account-Control-Computed", "16"}},
        {{"lockoutThreshold", "10"}}, {{0}}, GUARD_DENIES, CAUSE_ACCOUNT_LOCKED, 0},
    {"locked until somebody unlocks it", {{"badPwdCount", "0"}, {"lockoutTime", HOUR_AGO}},
        {{"lockoutThreshold", "10"}, {"lockoutDuration", "0"}}, {{0}}, GUARD_DENIES,
        CAUSE_ACCOUNT_LOCKED, 0},
    {"locked once", {{"badPwdCount", "0"}, {"lockoutTime", HOUR_AGO}},
        {{"lockoutThreshold", "10"}, {"lockoutDuration", HALF_HOUR}}, {{0}}, GUARD_ALLOWS,
        CAUSE_NONE, 10},
    {"the count is not shown", {{"badPasswordTime", JUST_NOW}}, {{"lockoutThreshold", "10"}}, {{0}},
        GUARD_UNREAD, CAUSE_NONE, -1},
    {"when the last one was is not shown", {{"badPwdCount", "9"}}, {{"lockoutThreshold", "10"}},
        {{0}}, GUARD_DENIES, CAUSE_LOCKOUT_NEAR, 1},
    {"its own policy is not shown",
        {{"badPwdCount", "2"}, {"msDS-ResultantPSO", "CN=strict"}, {"badPasswordTime", JUST_NOW}},
        {{"lockoutThreshold", "10"}}, {{0}}, GUARD_UNREAD, CAUSE_NONE, -1},
    {"the policy is not shown", {{"badPwdCount", "1"}}, {{"lockoutDuration", "0"}}, {{0}},
        GUARD_UNREAD, CAUSE_NONE, -1},
};

static void test_guard(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct object account, domain, pso;
        struct fault fault = {.cause = CAUSE_NONE};
        struct guard_reading reading = {.account = object_of(&account, cases[i].account),
            .domain = object_of(&domain, cases[i].domain),
            .pso = cases[i].pso[0][0] != NULL ? object_of(&pso, cases[i].pso) : NULL,
            .reader = "admin@CONTOSO.TEST"};
        struct check *check = check_for(&probe_ldap_guard);
        enum guard_verdict verdict = judge_guard(&reading, NOW, check, &fault);
        int64_t left = check_get_int(check, "account.attempts_left", -1);
        if (verdict != cases[i].verdict || fault.cause != cases[i].cause || left != cases[i].left)
            fail_msg("%s: verdict %d, %s, %lld left", cases[i].name, (int)verdict,
                cause_str(fault.cause), (long long)left);
        bool denies = verdict == GUARD_DENIES;
        assert_int_equal(check->outcome == OUTCOME_WARN, denies);
        assert_int_equal(check->outcome == OUTCOME_PASS, verdict == GUARD_ALLOWS);
        assert_false(check->halts);
        assert_true(!denies || gate_cause_denies(fault.cause));
        check_free(check);
    }
    struct check *check = check_for(&probe_ldap_guard);
    struct fault fault;
    assert_int_equal(
        judge_guard(&(struct guard_reading){.reader = "a@B"}, NOW, check, &fault), GUARD_UNREAD);
    check_free(check);
}

/* What the others then say. */
static void test_words(void **state)
{
    (void)state;
    static const struct {
        enum cause cause;
        enum origin origin;
        const char *begins;
    } table[] = {
        {CAUSE_LOCKOUT_NEAR, ORIGIN_EXREACH, "the password is not used: why (row/ldap.guard)"},
        {CAUSE_ACCOUNT_LOCKED, ORIGIN_EXREACH, "the password is not used: why (row/ldap.guard)"},
        {CAUSE_ACCOUNT_LOCKED, ORIGIN_KRB5, "the password was refused by row/ldap.guard: why"},
        {CAUSE_TIMEOUT, ORIGIN_EXREACH, "the password is not tried again: row/ldap.guard sent it"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct fault fault;
        struct check *check = check_for(&probe_ldap_bind);
        fault_set(&fault, table[i].cause, table[i].origin, 0, "why");
        logon_gate_stopped(check, &fault, "row/ldap.guard");
        assert_int_equal(check->outcome, OUTCOME_SKIPPED);
        assert_true(check->halts);
        if (strncmp(check->summary, table[i].begins, strlen(table[i].begins)) != 0)
            fail_msg("%s", check->summary);
        check_free(check);
    }
}

/* ---- what else a controller asks for ---- */

static void test_signing_and_bindings(void **state)
{
    (void)state;
    static const struct {
        enum cause cause; /* CAUSE_NONE: the bind was accepted */
        enum outcome outcome;
        int signing, bindings; /* -1: not told */
    } table[] = {
        {CAUSE_NONE, OUTCOME_PASS, 0, 0},
        {CAUSE_STRONG_AUTH_REQUIRED, OUTCOME_PASS, 1, -1},
        {CAUSE_CHANNEL_BINDING, OUTCOME_PASS, -1, 1},
        {CAUSE_TICKET_REFUSED, OUTCOME_WARN, -1, -1},
        {CAUSE_TIMEOUT, OUTCOME_WARN, -1, -1},
        {CAUSE_INTERRUPTED, OUTCOME_ERROR, -1, -1},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct fault fault;
        fault_set(&fault, table[i].cause, ORIGIN_LDAP, 8, "why");
        const struct fault *given = table[i].cause == CAUSE_NONE ? NULL : &fault;
        struct check *signing = check_for(&probe_ldap_signing);
        struct check *bindings = check_for(&probe_ldap_bindings);
        judge_signing(given, signing);
        judge_bindings(given, bindings);
        bool told = check_fact(signing, "ldap.signing_required") != NULL;
        assert_int_equal(told, table[i].signing >= 0);
        assert_int_equal(
            check_get_bool(signing, "ldap.signing_required", false), table[i].signing == 1);
        told = check_fact(bindings, "ldap.binding_required") != NULL;
        assert_int_equal(told, table[i].bindings >= 0);
        assert_int_equal(
            check_get_bool(bindings, "ldap.binding_required", false), table[i].bindings == 1);
        assert_int_equal(signing->outcome, table[i].signing >= 0              ? OUTCOME_PASS
                                           : table[i].outcome == OUTCOME_PASS ? OUTCOME_WARN
                                                                              : table[i].outcome);
        check_free(signing);
        check_free(bindings);
    }
}

static void test_starttls(void **state)
{
    (void)state;
    struct tls_seen seen = {.done = true, .version = "TLSv1.3", .chain_count = 1};
    seen.chain[0] = (struct tls_cert){.subject = "CN=dc1", .issuer = "CN=ca", .not_after = NOW};
    struct check *check = check_for(&probe_ldap_starttls);
    judge_starttls(0, &seen, "dc1", NULL, check);
    assert_int_equal(check->outcome, OUTCOME_PASS);
    assert_string_equal(check_get_text(check, "tls.not_after", ""), "2026-11-22T12:00:00Z");
    check_free(check);

    seen.errors[seen.error_count++] = (struct tls_error){.code = 20, .depth = 0}; /* untrusted */
    check = check_for(&probe_ldap_starttls);
    judge_starttls(0, &seen, "dc1", NULL, check);
    assert_int_equal(check->outcome, OUTCOME_WARN);
    assert_int_equal(check->fault.cause, CAUSE_CERT_UNTRUSTED);
    check_free(check);

    struct fault fault;
    struct tls_seen nothing = {.done = false};
    fault_set(&fault, CAUSE_LDAP_RESULT, ORIGIN_LDAP, 52, "unavailable");
    check = check_for(&probe_ldap_starttls);
    judge_starttls(52, &nothing, "dc1", &fault, check);
    assert_int_equal(check->outcome, OUTCOME_WARN);
    assert_int_equal(check_get_int(check, "ldap.result", -1), 52);
    assert_null(check_fact(check, "tls.version"));
    check_free(check);
}

static void test_doors(void **state)
{
    (void)state;
    static const struct {
        enum cause cause;
        enum outcome outcome;
        const char *summary;
    } table[] = {
        {CAUSE_NONE, OUTCOME_PASS, "port 464 answers"},
        {CAUSE_REFUSED, OUTCOME_WARN, "port 464 is closed; so"},
        {CAUSE_TIMEOUT, OUTCOME_WARN, "port 464 is silent: a firewall may drop it; so"},
        {CAUSE_UNREACHABLE, OUTCOME_WARN, "port 464 cannot be reached; so"},
        {CAUSE_INTERRUPTED, OUTCOME_ERROR, "why"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct fault fault;
        struct check *check = check_for(&probe_kerberos_kpasswd);
        fault_set(&fault, table[i].cause, ORIGIN_SYSTEM, 0, "why");
        judge_door("port 464", "so", table[i].cause == CAUSE_NONE ? NULL : &fault, check);
        assert_int_equal(check->outcome, table[i].outcome);
        assert_string_equal(check->summary, table[i].summary);
        check_free(check);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guard),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_signing_and_bindings),
        cmocka_unit_test(test_starttls),
        cmocka_unit_test(test_doors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
