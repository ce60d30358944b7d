#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/organization.h"
#include "tests/unit/entries.h"
#include "tests/unit/judged.h"

static const char *joined(struct check *check, const char *key)
{
    const struct fact *fact = check_fact(check, key);
    const char *text = "";
    for (size_t i = 0; fact != NULL && i < fact->count; i++)
        text = arena_printf(&check->arena, "%s%s%s", text, i > 0 ? ";" : "", fact->list[i]);
    return text;
}

static const struct made_entry svc = {
    "CN=svc", {{"proxyAddresses", "SMTP:svc@a.test"}, {"proxyAddresses", "smtp:alias@a.test"},
                  {"proxyAddresses", "X500:/o=old/cn=svc"}, {"proxyAddresses", "odd"},
                  {"mail", "Svc@a.test"}, {"legacyExchangeDN", "/o=A/cn=svc"}}};

static void test_which(void **state)
{
    (void)state;
    static const char *const expected[] = {"smtp:asked@a.test", "smtp:Svc@a.test",
        "X500:/o=A/cn=svc", "smtp:alias@a.test", "X500:/o=old/cn=svc", "odd", NULL};
    struct arena arena = {0};
    struct directory_result found = entries_make(&arena, &svc, 1);
    const char *const *addresses = addresses_of(&arena, &found.entries[0], "asked@a.test");
    for (size_t i = 0; expected[i] != NULL; i++) {
        assert_non_null(addresses[i]);
        assert_string_equal(addresses[i], expected[i]);
    }
    assert_null(addresses[COUNT(expected) - 1]);
    /* the account was not found, or not alone: what was asked for remains */
    const struct directory_entry none = {.dn = NULL};
    addresses = addresses_of(&arena, &none, "asked@a.test");
    assert_string_equal(addresses[0], "smtp:asked@a.test");
    assert_null(addresses[1]);
    arena_done(&arena);
}

static void test_many(void **state)
{
    (void)state;
    enum { MANY = 300 };
    struct arena arena = {0};
    struct directory_value values[MANY];
    for (size_t i = 0; i < MANY; i++) {
        const char *text = arena_printf(&arena, "smtp:a%zu@a.test", i);
        values[i] = (struct directory_value){text, strlen(text)};
    }
    struct directory_attribute proxies = {"proxyAddresses", values, MANY};
    const struct directory_entry entry = {.dn = "CN=a", .attributes = &proxies, .count = 1};
    const char *const *addresses = addresses_of(&arena, &entry, "asked@a.test");
    size_t count = 0;
    while (addresses[count] != NULL)
        count++;
    assert_int_equal(count, 100);
    arena_done(&arena);
}

static void test_owners(void **state)
{
    (void)state;
    static const struct {
        struct made_entry other;
        const char *asked;
        enum outcome outcome;
        const char *duplicates;
    } table[] = {
        {{"CN=b", {{"proxyAddresses", "SMTP:b@a.test"}}}, "svc@a.test", OUTCOME_PASS, ""},
        /* the primary address, whatever its case and its rank there */
        {{"CN=b", {{"proxyAddresses", "smtp:SVC@a.test"}}}, "svc@a.test", OUTCOME_FAIL,
            "smtp:svc@a.test | CN=svc | CN=b"},
        /* mail counts where the object is a recipient */
        {{"CN=b", {{"mail", "svc@a.test"}}}, "svc@a.test", OUTCOME_PASS, ""},
        {{"CN=b", {{"mail", "svc@a.test"}, {"proxyAddresses", "sip:b"}}}, "svc@a.test",
            OUTCOME_FAIL, "smtp:svc@a.test | CN=svc | CN=b"},
        {{"CN=b", {{"mail", "svc@a.test"}, {"legacyExchangeDN", "/o=A/cn=b"}}}, "svc@a.test",
            OUTCOME_FAIL, "smtp:svc@a.test | CN=svc | CN=b"},
        /* an alias: it bites whoever uses it */
        {{"CN=b", {{"proxyAddresses", "smtp:alias@a.test"}}}, "svc@a.test", OUTCOME_WARN,
            "smtp:alias@a.test | CN=svc | CN=b"},
        {{"CN=b", {{"proxyAddresses", "smtp:alias@a.test"}}}, "alias@a.test", OUTCOME_FAIL,
            "smtp:alias@a.test | CN=svc | CN=b"},
        /* as somebody's primary address it is found there first */
        {{"CN=b", {{"proxyAddresses", "SMTP:alias@a.test"}}}, "svc@a.test", OUTCOME_FAIL,
            "smtp:alias@a.test | CN=svc | CN=b"},
        {{"CN=b", {{"legacyExchangeDN", "/o=a/cn=SVC"}}}, "svc@a.test", OUTCOME_WARN,
            "X500:/o=A/cn=svc | CN=svc | CN=b"},
        {{"CN=b", {{"proxyAddresses", "x500:/o=A/cn=svc"}}}, "svc@a.test", OUTCOME_WARN,
            "X500:/o=A/cn=svc | CN=svc | CN=b"},
        /* of another type, it is another address */
        {{"CN=b", {{"proxyAddresses", "sip:svc@a.test"}}}, "svc@a.test", OUTCOME_PASS, ""},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct arena arena = {0};
        const struct made_entry both[] = {svc, table[i].other};
        struct directory_result found = entries_make(&arena, both, COUNT(both));
        const char *const *addresses = addresses_of(&arena, &found.entries[0], table[i].asked);
        struct check *check = check_for(&probe_gc_addresses);
        judge_addresses(&found, addresses, table[i].asked, check);
        if (check->outcome != table[i].outcome)
            fail_msg("case %zu: %s", i, check->summary);
        assert_int_equal(
            check->fault.cause, table[i].outcome == OUTCOME_FAIL ? CAUSE_AMBIGUOUS : CAUSE_NONE);
        assert_string_equal(joined(check, "addresses.duplicates"), table[i].duplicates);
        assert_true(check_fact(check, "addresses.checked")->count >= 5);
        check_free(check);
        arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_owners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
