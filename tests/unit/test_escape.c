#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/escape.h"
#include "report/layout.h"

#include <string.h>

static void test_escape(void **state)
{
    (void)state;
    static const struct {
        const char *in, *utf8, *ascii;
    } table[] = {
        {"", "", ""},
        {"plain \\ text", "plain \\ text", "plain \\ text"},
        {"a\nb\r\tc", "a\\nb\\r\\tc", "a\\nb\\r\\tc"},
        {"\033[31m\x07\x7f", "\\x1b[31m\\x07\\x7f", "\\x1b[31m\\x07\\x7f"},
        {"caf\xC3\xA9", "caf\xC3\xA9", "caf\\u{e9}"},
        {"\xC2\x9B"
         "31m",
            "\\u{9b}31m", "\\u{9b}31m"}, /* C1 CSI */
        {"a\xE2\x80\xAE"
         "b",
            "a\\u{202e}b", "a\\u{202e}b"}, /* right-to-left override */
        {"a\xE2\x81\xA6"
         "b",
            "a\\u{2066}b", "a\\u{2066}b"}, /* isolate */
        {"a\xE2\x80\x8B"
         "b",
            "a\\u{200b}b", "a\\u{200b}b"}, /* zero width space */
        {"a\xE2\x80\xA8"
         "b",
            "a\\u{2028}b", "a\\u{2028}b"}, /* line separator */
        {"\xEF\xBB\xBF"
         "x",
            "\\u{feff}x", "\\u{feff}x"},
        {"\xF3\xA0\x81\x81", "\\u{e0041}", "\\u{e0041}"}, /* language tag */
        {"\xC0\xAF", "\\xc0\\xaf", "\\xc0\\xaf"},         /* overlong */
        {"\xE0\x80\xAF", "\\xe0\\x80\\xaf", "\\xe0\\x80\\xaf"},
        {"\xED\xA0\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80"}, /* surrogate */
        {"\xF4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\xf4\\x90\\x80\\x80"},
        {"\xE2\x82", "\\xe2\\x82", "\\xe2\\x82"}, /* cut at the end */
        {"\xFF", "\\xff", "\\xff"},
        {"\xE6\x97\xA5", "\xE6\x97\xA5", "\\u{65e5}"},
        {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80", "\\u{1f600}"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct text_buffer out = {0};
        text_escape(&out, table[i].in, true);
        assert_string_equal(buffer_text(&out), table[i].utf8);
        buffer_done(&out);
        text_escape(&out, table[i].in, false);
        assert_string_equal(buffer_text(&out), table[i].ascii);
        buffer_done(&out);
        /* escaping twice changes nothing more */
        text_escape(&out, table[i].utf8, true);
        assert_string_equal(buffer_text(&out), table[i].utf8);
        buffer_done(&out);
    }
}

/* Every byte pair: nothing but printable ASCII comes out in ASCII, no control in UTF-8. */
static void test_no_control_byte(void **state)
{
    (void)state;
    for (int a = 1; a < 256; a++) {
        for (int b = 1; b < 256; b++) {
            const char in[] = {(char)a, (char)b, '\0'};
            struct text_buffer out = {0};
            text_escape(&out, in, false);
            for (const char *at = buffer_text(&out); *at != '\0'; at++)
                assert_true(*at >= 0x20 && *at < 0x7f);
            buffer_done(&out);
        }
    }
}

static void test_columns(void **state)
{
    (void)state;
    assert_int_equal(text_columns("mail"), 4);
    assert_int_equal(text_columns("caf\xC3\xA9"), 4);
    assert_int_equal(text_columns("cafe\xCC\x81"), 4);             /* combining acute */
    assert_int_equal(text_columns("\xE6\x97\xA5\xE6\x9C\xAC"), 4); /* two wide */
    assert_int_equal(text_columns("\xF0\x9F\x98\x80"), 2);
    assert_int_equal(text_fit("\xE6\x97\xA5\xE6\x9C\xAC", 3), 3); /* half a character is none */
    assert_int_equal(text_fit("e\xCC\x81x", 1), 3); /* the mark goes with its letter */
    assert_int_equal(text_fit("abc", 9), 3);
}

static void test_wrap(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        size_t indent;
        const char *text, *expected;
    } table[] = {
        {"", 0, "", "\n"},
        {"fix", 6, "one two", "fix   one two\n"},
        {"fix", 6, "0123456789 0123456789 0123456789 0123456789",
            "fix   0123456789 0123456789 0123456789\n      0123456789\n"},
        /* exactly the width; then a word longer than a line */
        {"", 0, "0123456789012345678901234567890123456789 x",
            "0123456789012345678901234567890123456789\nx\n"},
        {"", 30, "0123456789ABCDEF",
            "                              0123456789\n"
            "                              ABCDEF\n"},
        {"a long label", 4, "x", "a long label x\n"},
    };
    const struct render_style style = {.width = 1, .utf8 = true}; /* held to the minimum, 40 */
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct text_buffer out = {0};
        layout_wrap(&out, &style, table[i].label, table[i].indent, table[i].text);
        assert_string_equal(buffer_text(&out), table[i].expected);
        buffer_done(&out);
    }
}

static void test_field(void **state)
{
    (void)state;
    const struct render_style plain = {.width = 80, .utf8 = true};
    const struct render_style color = {.width = 80, .utf8 = true, .color = true};
    struct text_buffer out = {0};
    layout_field(&out, &plain, PAINT_BAD, "abc", 5);
    layout_field(&out, &plain, PAINT_BAD, "abcdef", 5);
    layout_field(&out, &plain, PAINT_BAD, "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E", 4);
    assert_string_equal(buffer_text(&out), "abc  abcd~\xE6\x97\xA5~ ");
    buffer_done(&out);
    layout_field(&out, &color, PAINT_BAD, "abc", 5);
    assert_string_equal(buffer_text(&out), "\033[1;31mabc\033[0m  ");
    buffer_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_no_control_byte),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_wrap),
        cmocka_unit_test(test_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
