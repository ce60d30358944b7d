#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/ldap_value.h"

#include <string.h>

static void test_dn(void **state)
{
    (void)state;
    static const struct {
        const char *dn, *leaf, *domain;
    } table[] = {
        {"CN=svc,CN=Users,DC=contoso,DC=test", "svc", "contoso.test"},
        {"CN=Telephony\\, Admins,CN=Users,DC=contoso,DC=test", "Telephony, Admins", "contoso.test"},
        {"CN=a\\2Cb\\3d,DC=x", "a,b=", "x"},
        {"CN=a\\\\,DC=x", "a\\", "x"},
        {"CN=M\\C3\\BCller,DC=emea,DC=contoso,DC=test", "M\xc3\xbcller", "emea.contoso.test"},
        {"CN=DC=fake\\,DC=evil,CN=Users,DC=contoso,DC=test", "DC=fake,DC=evil", "contoso.test"},
        {"DC=contoso,DC=test", "contoso", "contoso.test"},
        {"dc=contoso, dc=test", "contoso", "contoso.test"},
        {"DC=odd,CN=x,DC=contoso", "odd", "contoso"},
        {"CN=trailing\\", "trailing\\", NULL},
        {"CN=x", "x", NULL},
        {"nonsense", "nonsense", NULL},
        {"", "", NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct arena arena = {0};
        const char *domain = dn_domain(&arena, table[i].dn);
        assert_string_equal(dn_leaf(&arena, table[i].dn), table[i].leaf);
        assert_int_equal(domain != NULL, table[i].domain != NULL);
        if (domain != NULL)
            assert_string_equal(domain, table[i].domain);
        arena_done(&arena);
    }
}

static void test_sid(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *text; /* NULL: none */
    } table[] = {
        {"\1\2\0\0\0\0\0\5\x20\0\0\0\x20\2\0\0", 16, "S-1-5-32-544"},
        {"\1\1\0\0\0\0\0\1\0\0\0\0", 12, "S-1-1-0"},
        {"\1\1\x01\0\0\0\0\5\xff\xff\xff\xff", 12, "S-1-1099511627781-4294967295"},
        {"\2\1\0\0\0\0\0\1\0\0\0\0", 12, NULL},   /* another revision */
        {"\1\0\0\0\0\0\0\5", 8, NULL},            /* no parts */
        {"\1\1\0\0\0\0\0\1\0\0\0", 11, NULL},     /* cut */
        {"\1\1\0\0\0\0\0\1\0\0\0\0\0", 13, NULL}, /* longer */
        {"\1\x10\0\0\0\0\0\5", 8, NULL},          /* more parts than there may be */
        {"", 0, NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct arena arena = {0};
        const struct directory_value value = {table[i].bytes, table[i].length};
        struct sid sid;
        bool ok = sid_read(&value, &sid);
        if (ok != (table[i].text != NULL))
            fail_msg("case %zu", i);
        if (ok)
            assert_string_equal(sid_text(&arena, &sid), table[i].text);
        arena_done(&arena);
    }
}

static void test_sibling(void **state)
{
    (void)state;
    struct arena arena = {0};
    const struct sid own = {.authority = 5, .parts = {21, 1, 2, 0x01020304, 1103}, .count = 5};
    struct sid primary = sid_sibling(&own, 513);
    assert_string_equal(sid_text(&arena, &primary), "S-1-5-21-1-2-16909060-513");
    assert_string_equal(sid_filter(&arena, &primary),
        "\\01\\05\\00\\00\\00\\00\\00\\05\\15\\00\\00\\00\\01\\00\\00\\00\\02\\00\\00\\00"
        "\\04\\03\\02\\01\\01\\02\\00\\00");
    arena_done(&arena);
}

static void test_times(void **state)
{
    (void)state;
    struct arena arena = {0};
    assert_string_equal(generalized_time(&arena, "20250602080000.0Z"), "2025-06-02T08:00:00Z");
    assert_null(generalized_time(&arena, "20251302080000.0Z"));
    assert_null(generalized_time(&arena, "2025060208"));
    assert_null(generalized_time(&arena, NULL));
    static const struct {
        const char *value;
        enum moment_kind moment, span;
        int64_t at, length;
    } table[] = {
        {"134398656000000000", MOMENT_AT, MOMENT_NEVER, 1795392000, 0},
        {"0", MOMENT_NEVER, MOMENT_NEVER, 0, 0},
        {"9223372036854775807", MOMENT_NEVER, MOMENT_NEVER, 0, 0},
        {"-9223372036854775808", MOMENT_NEVER, MOMENT_NEVER, 0, 0},
        {"-18000000000", MOMENT_NEVER, MOMENT_AT, 0, 1800},
        {"soon", MOMENT_ABSENT, MOMENT_ABSENT, 0, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct directory_value value = {table[i].value, strlen(table[i].value)};
        struct directory_attribute attribute = {"a", &value, 1};
        const struct directory_entry entry = {"CN=x", &attribute, 1};
        int64_t seconds = 0;
        assert_int_equal(entry_moment(&entry, "a", &seconds), table[i].moment);
        assert_int_equal(seconds, table[i].at);
        seconds = 0;
        assert_int_equal(entry_span(&entry, "a", &seconds), table[i].span);
        assert_int_equal(seconds, table[i].length);
        assert_int_equal(entry_moment(&entry, "b", &seconds), MOMENT_ABSENT);
    }
    int64_t seconds;
    assert_int_equal(entry_span(NULL, "a", &seconds), MOMENT_ABSENT);
    arena_done(&arena);
}

static void test_lockout(void **state)
{
    (void)state;
    static const struct {
        struct lockout lockout;
        int64_t counted, left;
    } table[] = {
        {{10, 1800, 9, 60}, 9, 1},
        {{10, 1800, 9, 1799}, 9, 1},
        {{10, 1800, 9, 1800}, 0, 10}, /* as old as the window: forgotten */
        {{10, 1800, 9, -1}, 9, 1},    /* nobody knows when */
        {{10, 0, 9, 5000}, 9, 1},     /* nor how long it counts */
        {{10, INT64_MAX, 9, 5000}, 9, 1},
        {{10, 1800, 12, 60}, 12, 0},
        {{10, 1800, 0, 60}, 0, 10},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (lockout_counted(&table[i].lockout) != table[i].counted ||
            lockout_left(&table[i].lockout) != table[i].left)
            fail_msg("case %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dn),
        cmocka_unit_test(test_sid),
        cmocka_unit_test(test_sibling),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_lockout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
