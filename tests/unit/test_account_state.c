#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/ldap.h"
#include "tests/unit/account_entry.h"
#include "tests/unit/judged.h"

enum { NOW = 1795348800 }; /* 2026-11-22T12:00:00Z, a Sunday */

#define DN  "CN=svc,CN=Users,DC=contoso,DC=test"
#define PSO "CN=Services,CN=Password Settings Container,CN=System,DC=contoso,DC=test"

/* Filetimes around NOW. */
#define AT_NOW       "134398224000000000"
#define DAY_AGO      "134397360000000000"
#define IN_A_DAY     "134399088000000001"
#define IN_13_DAYS   "134409456000000000"
#define IN_15_DAYS   "134411184000000000"
#define NEVER_AT_ALL "9223372036854775807"

static const char *const domain_pairs[][2] = {{"lockoutThreshold", "10"},
    {"lockOutObservationWindow", "-18000000000"}, {"lockoutDuration", "-9223372036854775808"},
    {"maxPwdAge", "-36288000000000"}, {NULL, NULL}}; /* 30 min, for ever, 42 days */
static const char *const pso_pairs[][2] = {{"msDS-LockoutThreshold", "3"},
    {"msDS-LockoutObservationWindow", "-600000000"}, {"msDS-LockoutDuration", "-1200000000"},
    {"msDS-MaximumPasswordAge", "-9223372036854775808"}, {NULL, NULL}};

/* What is set on top of a healthy account: the first attribute of a name counts. */
static struct check *judged(const char *const (*pairs)[2], bool with_pso)
{
    static const char *const healthy[][2] = {{"userAccountControl", "512"},
        {"msDS-User-Account-Control-Computed", "0"}, {"pwdLastSet", DAY_AGO},
        {"msDS-UserPasswordExpiryTimeComputed", IN_15_DAYS}, {"accountExpires", "0"},
        {"badPwdCount", "0"}, {NULL, NULL}};
    struct {
        struct account_entry account, domain, pso;
    } box;
    entry_fill(&box.account, DN, pairs);
    for (size_t i = 0; healthy[i][0] != NULL; i++)
        entry_add(&box.account, healthy[i][0], healthy[i][1]);
    entry_fill(&box.domain, "DC=contoso,DC=test", domain_pairs);
    entry_fill(&box.pso, PSO, pso_pairs);
    const struct account_reading reading = {.account = &box.account.entry,
        .domain = &box.domain.entry,
        .pso = with_pso ? &box.pso.entry : NULL,
        .host = "appserver-number-one.contoso.test"};
    struct check *check = check_for(&probe_ldap_state);
    judge_state(&reading, NOW, check);
    return check;
}

static void test_healthy(void **state)
{
    (void)state;
    static const char *const none[][2] = {{NULL, NULL}};
    struct check *check = judged(none, false);
    assert_int_equal(check->outcome, OUTCOME_PASS);
    assert_string_equal(check->summary, "svc may log on, its password until 2026-12-07");
    assert_string_equal(check_get_text(check, "account.dn", ""), DN);
    assert_string_equal(check_get_text(check, "account.password_set", ""), "2026-11-21T12:00:00Z");
    assert_int_equal(check_get_int(check, "account.password_days_left", -1), 15);
    assert_int_equal(check_get_int(check, "policy.lockout_threshold", -1), 10);
    assert_int_equal(check_get_int(check, "policy.lockout_window_s", -1), 1800);
    assert_int_equal(check_get_int(check, "policy.lockout_duration_s", -1), 0);
    assert_int_equal(check_get_int(check, "policy.max_password_age_days", -1), 42);
    assert_int_equal(check_get_int(check, "account.attempts_left", -1), 10);
    assert_string_equal(check_get_text(check, "account.hours", ""), "always");
    static const char *const no[] = {"account.password_expired", "account.must_change",
        "account.disabled", "account.locked", "account.expired"};
    for (size_t i = 0; i < COUNT(no); i++) {
        assert_non_null(check_fact(check, no[i]));
        assert_false(check_get_bool(check, no[i], true));
    }
    static const char *const absent[] = {"account.password_never_expires", "account.expires",
        "account.workstation_ok", "account.etypes", "policy.pso"};
    for (size_t i = 0; i < COUNT(absent); i++)
        assert_null(check_fact(check, absent[i]));
    check_free(check);
}

/* One thing that bites, its words, and a fact that says it. */
static void test_concerns(void **state)
{
    (void)state;
    static const struct {
        const char *pairs[3][2];
        const char *words; /* NULL: it passes */
        const char *fact;
    } table[] = {
        {{{"msDS-UserPasswordExpiryTimeComputed", IN_13_DAYS}},
            "svc: its password expires in 13 d, on 2026-12-05 12:00 UTC", NULL},
        {{{"msDS-UserPasswordExpiryTimeComputed", IN_15_DAYS}}, NULL, NULL},
        {{{"msDS-UserPasswordExpiryTimeComputed", AT_NOW}},
            "svc: its password expired on 2026-11-22 12:00 UTC", "account.password_expired"},
        {{{"msDS-UserPasswordExpiryTimeComputed", NEVER_AT_ALL}}, NULL,
            "account.password_never_expires"},
        {{{"userAccountControl", "66048"}, {"msDS-UserPasswordExpiryTimeComputed", IN_A_DAY}}, NULL,
            "account.password_never_expires"},
        {{{"pwdLastSet", "0"}, {"msDS-UserPasswordExpiryTimeComputed", "0"}},
            "svc: its password must be changed at the next logon", "account.must_change"},
        {{{"userAccountControl", "514"}}, "svc: it is disabled", "account.disabled"},
        {{{"msDS-User-Account-Control-Computed", "16"}}, "svc: it is locked out", "account.locked"},
        {{{"accountExpires", DAY_AGO}}, "svc: it expired on 2026-11-21 12:00 UTC",
            "account.expired"},
        {{{"accountExpires", IN_A_DAY}}, "svc: it expires in 1 d, on 2026-11-23 12:00 UTC", NULL},
        {{{"accountExpires", NEVER_AT_ALL}}, NULL, NULL},
        {{{"badPwdCount", "9"}, {"badPasswordTime", AT_NOW}},
            "svc: the next failed logon locks it (9 of 10 are counted)", NULL},
        {{{"badPwdCount", "8"}, {"badPasswordTime", AT_NOW}}, NULL, NULL},
        {{{"badPwdCount", "9"}, {"badPasswordTime", DAY_AGO}}, NULL, NULL}, /* counts no more */
        {{{"userWorkstations", "OTHERPC, ws2"}},
            "svc: it may log on from OTHERPC, ws2 only, not from appserver-number-one.contoso.test",
            NULL},
        {{{"userWorkstations", "OTHERPC,appserver-numbe"}}, NULL, "account.workstation_ok"},
        {{{"userWorkstations", "APPSERVER-NUMBER-ONE.contoso.test"}}, NULL,
            "account.workstation_ok"},
        {{{"userWorkstations", ","}}, NULL, NULL},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct check *check = judged(table[i].pairs, false);
        if (check->outcome != (table[i].words == NULL ? OUTCOME_PASS : OUTCOME_WARN))
            fail_msg("case %zu: %s", i, check->summary);
        if (table[i].words != NULL)
            assert_string_equal(check->summary, table[i].words);
        if (table[i].fact != NULL)
            assert_true(check_get_bool(check, table[i].fact, false));
        check_free(check);
    }
}

static void test_hours(void **state)
{
    (void)state;
    static const char closed[21] = {0};
    static const char sunday[21] = {(char)0xff, (char)0xff, (char)0xff};
    static const struct {
        const char *bytes;
        enum outcome outcome;
        const char *hours;
    } table[] = {
        {closed, OUTCOME_WARN, "never"},
        {sunday, OUTCOME_PASS, "Sun 00:00-24:00 UTC"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct account_entry account = {.entry = {.dn = DN}};
        entry_add_bytes(&account, "logonHours", table[i].bytes, 21);
        const struct account_reading reading = {.account = &account.entry, .host = "x"};
        struct check *check = check_for(&probe_ldap_state);
        judge_state(&reading, NOW, check);
        assert_int_equal(check->outcome, table[i].outcome);
        assert_string_equal(check_get_text(check, "account.hours", ""), table[i].hours);
        assert_int_equal(check_get_bool(check, "account.hours_open", false), i == 1);
        /* nothing else could be read: nothing else is said */
        assert_null(check_fact(check, "account.attempts_left"));
        assert_null(check_fact(check, "account.disabled"));
        check_free(check);
    }
}

static void test_fine_grained(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"msDS-ResultantPSO", PSO}, {"badPwdCount", "2"},
        {"badPasswordTime", AT_NOW}, {NULL, NULL}};
    struct check *check = judged(pairs, true);
    assert_int_equal(check->outcome, OUTCOME_WARN);
    assert_int_equal(check_get_int(check, "policy.lockout_threshold", -1), 3);
    assert_int_equal(check_get_int(check, "policy.lockout_window_s", -1), 60);
    assert_int_equal(check_get_int(check, "policy.lockout_duration_s", -1), 120);
    assert_int_equal(check_get_int(check, "policy.max_password_age_days", -1), 0);
    assert_int_equal(check_get_int(check, "account.attempts_left", -1), 1);
    assert_string_equal(check_get_text(check, "policy.pso", ""), PSO);
    check_free(check);
    /* Not readable: the domain's values do not hold in its place. */
    check = judged(pairs, false);
    assert_int_equal(check->outcome, OUTCOME_PASS);
    assert_non_null(strstr(check->summary, "policy Services applies to it, which we may not read"));
    assert_null(check_fact(check, "policy.lockout_threshold"));
    assert_null(check_fact(check, "account.attempts_left"));
    check_free(check);
}

/* Where the server computes nothing, we do. */
static void test_computed_here(void **state)
{
    (void)state;
    static const struct {
        const char *pairs[4][2];
        bool locked;
        int64_t days_left; /* -1: not said */
    } table[] = {
        {{{"pwdLastSet", DAY_AGO}, {"lockoutTime", "0"}}, false, 41},
        {{{"pwdLastSet", DAY_AGO}, {"lockoutTime", DAY_AGO}}, true, 41},
        {{{"lockoutTime", DAY_AGO}}, true, -1},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct account_entry account, domain;
        entry_fill(&account, DN, table[i].pairs);
        entry_fill(&domain, "DC=contoso,DC=test", domain_pairs);
        const struct account_reading reading = {
            .account = &account.entry, .domain = &domain.entry, .host = "x"};
        struct check *check = check_for(&probe_ldap_state);
        judge_state(&reading, NOW, check);
        assert_int_equal(
            check_get_bool(check, "account.locked", !table[i].locked), table[i].locked);
        assert_int_equal(
            check_get_int(check, "account.password_days_left", -1), table[i].days_left);
        check_free(check);
    }
}

static void test_etypes(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"msDS-SupportedEncryptionTypes", "524316"}, {NULL, NULL}};
    struct check *check = judged(pairs, false);
    const struct fact *etypes = check_fact(check, "account.etypes");
    assert_int_equal(check_get_int(check, "account.etypes_value", -1), 524316);
    assert_int_equal(etypes->count, 3);
    assert_string_equal(etypes->list[0], "RC4-HMAC");
    assert_string_equal(etypes->list[2], "AES256-CTS-HMAC-SHA1-96");
    check_free(check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_healthy),
        cmocka_unit_test(test_concerns),
        cmocka_unit_test(test_hours),
        cmocka_unit_test(test_fine_grained),
        cmocka_unit_test(test_computed_here),
        cmocka_unit_test(test_etypes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
