#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/build.h"

#include <string.h>

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        bool (*parse)(const char *text, struct build *ret_build);
        const char *text;
        struct build build; /* major -1: malformed */
    } table[] = {
        {build_parse, "15.2.1544.4", {15, 2, 1544, 4}},
        {build_parse, "15.2.1544", {15, 2, 1544, -1}},
        {build_parse, "15.20.8000.10", {15, 20, 8000, 10}},
        {build_parse, "015.02.01544.004", {15, 2, 1544, 4}},
        {build_parse, "15.2", {-1, 0, 0, 0}},
        {build_parse, "15.2.1544.", {-1, 0, 0, 0}},
        {build_parse, "15.2.1544.4.1", {-1, 0, 0, 0}},
        {build_parse, "15.2.1544.4x", {-1, 0, 0, 0}},
        {build_parse, " 15.2.1544.4", {-1, 0, 0, 0}},
        {build_parse, "15.-2.1544.4", {-1, 0, 0, 0}},
        {build_parse, "15.2.99999999999999999999.4", {-1, 0, 0, 0}},
        {build_parse, "", {-1, 0, 0, 0}},
        {build_parse_serial, "Version 15.1 (Build 32507.6)", {15, 1, 2507, 6}},
        {build_parse_serial, "Version 15.2 (Build 32562.17)", {15, 2, 2562, 17}},
        {build_parse_serial, "Version 14.3 (Build 30123.4)", {14, 3, 123, 4}},
        {build_parse_serial, "Version 6.5 (Build 7638.2: Service Pack 2)", {-1, 0, 0, 0}},
        {build_parse_serial, "Version 8.1 (Build 240)", {8, 1, 240, -1}},
        {build_parse_serial, "Version 15.1 (Build 32507.6", {-1, 0, 0, 0}},
        {build_parse_serial, "15.1.2507.6", {-1, 0, 0, 0}},
        {build_parse_hex, "73C18880", {15, 1, 2176, -1}},
        {build_parse_hex, "73c28A02", {15, 2, 2562, -1}},
        {build_parse_hex, "72008287", {8, 0, 647, -1}},
        {build_parse_hex, "73C1888", {-1, 0, 0, 0}},
        {build_parse_hex, "73C188800", {-1, 0, 0, 0}},
        {build_parse_hex, "73C1888G", {-1, 0, 0, 0}},
        {build_parse_hex, "", {-1, 0, 0, 0}},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct build build = {-1, 0, 0, 0};
        bool ok = table[i].parse(table[i].text, &build);
        const struct build *wanted = &table[i].build;
        if (ok != (wanted->major >= 0) || build.major != wanted->major ||
            build.minor != wanted->minor || build.build != wanted->build ||
            build.revision != wanted->revision)
            fail_msg("%s: %d %d.%d.%d.%d", table[i].text, ok, build.major, build.minor, build.build,
                build.revision);
    }
}

/* The table only grows: a slip of the source lists (a 14.3 that is a 14.2) breaks the order. */
static void test_table_grows(void **state)
{
    (void)state;
    size_t count = 0;
    const struct build_row *rows = build_rows(&count);
    assert_true(count > 300);
    for (size_t i = 0; i < count; i++) {
        const struct build_row *row = &rows[i], *before = i == 0 ? NULL : &rows[i - 1];
        if (before != NULL && build_compare(&before->build, &row->build) >= 0)
            fail_msg("row %zu, %s %s", i, row->level, row->update == NULL ? "" : row->update);
        assert_int_equal(row->product, build_product(&row->build));
        /* The first row of a level is the level itself, and a level's rows stand together. */
        bool same = before != NULL && before->product == row->product &&
                    strcmp(before->level, row->level) == 0;
        if (same == (row->update == NULL))
            fail_msg("row %zu, %s %s", i, row->level, row->update == NULL ? "" : row->update);
    }
}

static void test_levels_order(void **state)
{
    (void)state;
    /* Updates of the service packs of 2010 are numbered in order. */
    size_t count = 0;
    const struct build_row *rows = build_rows(&count);
    int before = 0;
    for (size_t i = 0; i < count && rows[i].product == BUILD_2010; i++) {
        int number = 0;
        if (rows[i].update != NULL) {
            const char *digit = rows[i].update + 2;
            for (; *digit >= '0' && *digit <= '9'; digit++)
                number = number * 10 + (*digit - '0');
            assert_true(number == before || number == before + 1);
        }
        before = number;
    }
}

static void test_names(void **state)
{
    (void)state;
    static const struct {
        struct build build;
        const char *name;
    } table[] = {
        {{15, 2, 1544, 4}, "Exchange 2019 CU14"},
        {{15, 2, 1544, -1}, "Exchange 2019 CU14"},
        {{15, 2, 1544, 14}, "Exchange 2019 CU14 Nov24SUv2"},
        {{15, 2, 1544, 20}, "Exchange 2019 CU14 Nov24SUv2 or later"},
        {{15, 2, 1748, 43}, "Exchange 2019 CU15 Feb26SU"},
        {{15, 2, 1748, 99}, "newer than the table (Exchange 2019 CU15)"},
        {{15, 2, 2000, 1}, "newer than the table (Exchange 2019)"},
        {{15, 2, 2562, 35}, "Exchange SE RTM Dec25SU"},
        {{15, 2, 2562, -1}, "Exchange SE RTM"},
        {{15, 2, 2562, 99}, "newer than the table (Exchange SE RTM)"},
        {{15, 2, 3000, 1}, "newer than the table (Exchange SE)"},
        {{15, 1, 2507, 6}, "Exchange 2016 CU23"},
        {{15, 1, 2508, 1}, "newer than the table (Exchange 2016)"},
        {{15, 1, 100, 1}, "older than the table (Exchange 2016)"},
        {{15, 0, 1497, 48}, "Exchange 2013 CU23 Mar23SU"},
        {{15, 0, 1, 1}, "older than the table (Exchange 2013)"},
        {{14, 2, 328, 5}, "Exchange 2010 SP2 RU5"},
        {{14, 2, 328, 10}, "Exchange 2010 SP2 RU5 v2"},
        {{14, 3, 123, 4}, "Exchange 2010 SP3"},
        {{14, 3, 513, 0}, "Exchange 2010 SP3 RU32"},
        {{14, 3, 514, 0}, "newer than the table (Exchange 2010 SP3)"},
        {{14, 0, 1, 0}, "older than the table (Exchange 2010)"},
        {{8, 3, 83, 6}, "Exchange 2007"},
        {{15, 20, 8000, 1}, "Exchange Online"},
        {{6, 5, 7638, 2}, "an unknown Exchange"},
        {{15, 3, 1, 1}, "an unknown Exchange"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char name[80];
        assert_string_equal(build_name(&table[i].build, name, sizeof name), table[i].name);
    }
    char small[8];
    assert_string_equal(build_name(&table[0].build, small, sizeof small), "Exchang");
}

static void test_products(void **state)
{
    (void)state;
    static const struct {
        struct build build;
        enum build_product product;
        const char *end;
    } table[] = {
        {{15, 2, 2562, 17}, BUILD_SE, "2035-12-31"},
        {{15, 2, 2561, 0}, BUILD_2019, "2025-10-14"},
        {{15, 1, 2507, 6}, BUILD_2016, "2025-10-14"},
        {{15, 0, 1497, 2}, BUILD_2013, "2023-04-11"},
        {{14, 3, 123, 4}, BUILD_2010, "2020-10-13"},
        {{15, 20, 1, 1}, BUILD_ONLINE, NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_int_equal(build_product(&table[i].build), table[i].product);
        const char *end = build_support_end(table[i].product);
        if (table[i].end == NULL)
            assert_null(end);
        else
            assert_string_equal(end, table[i].end);
    }
}

static void test_newest(void **state)
{
    (void)state;
    struct build build = {15, 2, 1544, 4};
    assert_string_equal(build_newest(&build, true)->update, "Feb26SU");
    assert_string_equal(build_newest(&build, true)->level, "CU14");
    assert_string_equal(build_newest(&build, false)->level, "CU15");
    build = (struct build){14, 2, 300, 0};
    assert_string_equal(build_newest(&build, true)->update, "RU8");
    build = (struct build){15, 2, 1600, 0}; /* between two levels */
    assert_null(build_newest(&build, true));
    build = (struct build){15, 20, 1, 1};
    assert_null(build_newest(&build, false));
    build = (struct build){0, 0, 0, 0};
    assert_null(build_newest(&build, true));
}

static void test_compare(void **state)
{
    (void)state;
    const struct build a = {15, 2, 1544, 4}, b = {15, 2, 1544, 9}, c = {15, 2, 1544, -1},
                       d = {15, 1, 2507, 6};
    assert_int_equal(build_compare(&a, &a), 0);
    assert_int_equal(build_compare(&a, &b), -1);
    assert_int_equal(build_compare(&b, &a), 1);
    assert_int_equal(build_compare(&a, &c), 0);
    assert_int_equal(build_compare(&c, &b), 0);
    assert_int_equal(build_compare(&a, &d), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_table_grows),
        cmocka_unit_test(test_levels_order),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_newest),
        cmocka_unit_test(test_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
