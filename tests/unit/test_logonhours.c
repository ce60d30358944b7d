#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/logonhours.h"

#include <string.h>

/* Hours from..to-1 of a day, Sunday 0, are open. */
struct opening {
    int from_day, to_day, from_hour, to_hour;
};

static void open_hours(const struct opening *opening, unsigned char *bytes)
{
    for (int day = opening->from_day; day <= opening->to_day; day++) {
        for (int hour = opening->from_hour; hour < opening->to_hour; hour++) {
            int at = day * 24 + hour;
            bytes[at / 8] = (unsigned char)(bytes[at / 8] | 1u << at % 8);
        }
    }
}

static void test_text(void **state)
{
    (void)state;
    static const struct {
        struct opening openings[3];
        size_t count;
        const char *text;
    } table[] = {
        {{{0}}, 0, "never"},
        {{{0, 6, 0, 24}}, 1, "always"},
        {{{1, 5, 7, 18}}, 1, "Mon-Fri 07:00-18:00 UTC"},
        {{{1, 5, 7, 18}, {6, 6, 8, 12}}, 2, "Mon-Fri 07:00-18:00, Sat 08:00-12:00 UTC"},
        {{{1, 1, 7, 12}, {1, 1, 13, 18}}, 2, "Mon 07:00-12:00+13:00-18:00 UTC"},
        {{{0, 0, 0, 1}}, 1, "Sun 00:00-01:00 UTC"},
        {{{6, 6, 23, 24}}, 1, "Sat 23:00-24:00 UTC"},
        {{{0, 0, 9, 10}, {6, 6, 9, 10}}, 2, "Sat-Sun 09:00-10:00 UTC"},
        {{{1, 1, 9, 10}, {3, 3, 9, 10}}, 2, "Mon 09:00-10:00, Wed 09:00-10:00 UTC"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct arena arena = {0};
        unsigned char bytes[LOGONHOURS_LENGTH] = {0};
        for (size_t n = 0; n < table[i].count; n++)
            open_hours(&table[i].openings[n], bytes);
        assert_string_equal(logonhours_text(&arena, bytes, sizeof bytes), table[i].text);
        arena_done(&arena);
    }
}

static void test_open(void **state)
{
    (void)state;
    static const struct opening week = {1, 5, 7, 18};
    static const struct {
        int64_t when;
        bool open;
    } table[] = {
        {1795348800, false}, /* 2026-11-22, a Sunday, 12:00 */
        {1795417200, true},  /* Monday 07:00 */
        {1795417199, false}, /* a second earlier */
        {1795456799, true},  /* Monday 17:59:59 */
        {1795456800, false}, /* Monday 18:00 */
        {1795780800, true},  /* Friday 12:00 */
        {1795867200, false}, /* Saturday 12:00 */
        {43200, true},       /* 1970-01-01, a Thursday, 12:00 */
        {-1, false},         /* the second before it, Wednesday 23:59:59 */
        {-21601, true},      /* Wednesday 17:59:59 */
        {-21600, false},     /* Wednesday 18:00 */
    };
    unsigned char bytes[LOGONHOURS_LENGTH] = {0};
    open_hours(&week, bytes);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (logonhours_open(bytes, sizeof bytes, table[i].when) != table[i].open)
            fail_msg("case %zu", i);
    }
}

static void test_other_lengths(void **state)
{
    (void)state;
    struct arena arena = {0};
    static const unsigned char bytes[LOGONHOURS_LENGTH + 1] = {0};
    assert_null(logonhours_text(&arena, bytes, LOGONHOURS_LENGTH - 1));
    assert_null(logonhours_text(&arena, bytes, LOGONHOURS_LENGTH + 1));
    assert_null(logonhours_text(&arena, NULL, 0));
    assert_true(logonhours_open(bytes, LOGONHOURS_LENGTH - 1, 0));
    assert_false(logonhours_open(bytes, LOGONHOURS_LENGTH, 0));
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_other_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
