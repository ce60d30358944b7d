#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/text.h"

#include <string.h>

static void test_base64(void **state)
{
    (void)state;
    /* RFC 4648 §10 */
    static const char *const pairs[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"},
        {"\xFB\xFF\xBF", "+/+/"}};
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        assert_string_equal(base64_encode(&arena, pairs[i][0], strlen(pairs[i][0])), pairs[i][1]);
        uint8_t *bytes = NULL;
        size_t length = 99;
        assert_true(base64_decode(&arena, pairs[i][1], strlen(pairs[i][1]), &bytes, &length));
        assert_int_equal(length, strlen(pairs[i][0]));
        assert_memory_equal(bytes, pairs[i][0], length);
    }
    arena_done(&arena);
}

static void test_base64_malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {"Z", "Zg", "Zg=", "Zg= =", "Zg==\n", "Z===", "====", "=",
        "Zg==Zg==", "Zm9v Zg=", "Zm-v", "Zh==", "Zm9=", "\xC3\xA4\xC3\xA4"};
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint8_t *bytes = NULL;
        size_t length = 99;
        if (base64_decode(&arena, bad[i], strlen(bad[i]), &bytes, &length))
            fail_msg("accepted: %s", bad[i]);
        assert_int_equal(length, 99);
    }
    arena_done(&arena);
}

static void test_utf16(void **state)
{
    (void)state;
    static const struct {
        const char *utf8;
        const char *utf16;
        size_t length;
        const char *back; /* NULL: the same */
    } table[] = {
        {"", "", 0, NULL}, {"aZ", "a\0Z", 4, NULL},
        {"\xC3\xA4\xE2\x82\xAC", "\xE4\0\xAC\x20", 4, NULL},
        {"\xF0\x9F\x98\x80", "\x3D\xD8\x00\xDE", 4, NULL},
        {"a\xFF"
         "b",
            "a\0\xFD\xFF"
            "b",
            6,
            "a\xEF\xBF\xBD"
            "b"},
        {"\xC0\x80", "\xFD\xFF\xFD\xFF", 4, "\xEF\xBF\xBD\xEF\xBF\xBD"}, /* overlong */
        {"\xED\xA0\x80", "\xFD\xFF\xFD\xFF\xFD\xFF", 6, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xF4\x90\x80\x80", "\xFD\xFF\xFD\xFF\xFD\xFF\xFD\xFF", 8,
            "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xE2\x82", "\xFD\xFF", 2, "\xEF\xBF\xBD"}, /* ends early: one replacement */
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        size_t length = 0;
        uint8_t *utf16 = utf8_to_utf16le(&arena, table[i].utf8, &length);
        assert_int_equal(length, table[i].length);
        assert_memory_equal(utf16, table[i].utf16, length);
        assert_string_equal(utf16le_to_utf8(&arena, utf16, length),
            table[i].back == NULL ? table[i].utf8 : table[i].back);
    }
    arena_done(&arena);
}

static void test_utf16_hostile(void **state)
{
    (void)state;
    struct arena arena = {0};
    /* A NUL, lone surrogates in either order, an odd length. */
    assert_string_equal(utf16le_to_utf8(&arena, "a\0\0\0b", 6), "a\xEF\xBF\xBD"
                                                                "b");
    assert_string_equal(utf16le_to_utf8(&arena, "\x00\xD8", 2), "\xEF\xBF\xBD");
    assert_string_equal(utf16le_to_utf8(&arena, "\x00\xDC\x00\xD8", 4), "\xEF\xBF\xBD\xEF\xBF\xBD");
    assert_string_equal(utf16le_to_utf8(&arena, "a\0b", 3), "a\xEF\xBF\xBD");
    assert_string_equal(utf16le_to_utf8(&arena, NULL, 0), "");
    arena_done(&arena);
}

static void test_upper(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"svc@Contoso.test", "SVC@CONTOSO.TEST"},
        {"m\xC3\xBCller \xC3\x9F \xC3\xB7 \xC3\xBF", "M\xC3\x9CLLER \xC3\x9F \xC3\xB7 \xC5\xB8"},
        {"\xCE\xAC\xCE\xB1\xCF\x82\xCF\x8E", "\xCE\x86\xCE\x91\xCE\xA3\xCE\x8F"},
        {"\xD0\xB6\xD1\x91\xD2\x91", "\xD0\x96\xD0\x81\xD2\x90"},
        {"\xC5\xA1\xC5\xA0\xC4\xB1", "\xC5\xA0\xC5\xA0\xC4\xB1"},
        {"\xE4\xB8\xAD", "\xE4\xB8\xAD"},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_string_equal(utf8_upper(&arena, pairs[i][0]), pairs[i][1]);
    arena_done(&arena);
}

static void test_form(void **state)
{
    (void)state;
    struct arena arena = {0};
    assert_string_equal(
        form_encode(&arena, "a b&c=d+%\xC3\xA4-._*~\n"), "a+b%26c%3Dd%2B%25%C3%A4-._*%7E%0A");
    assert_string_equal(form_encode(&arena, ""), "");
    arena_done(&arena);
}

static void test_http_date(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds; /* -1: malformed */
    } table[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"Sun, 06-Nov-1994 08:49:37 GMT", 784111777},
        {"Thu, 29 Feb 2024 00:00:00 GMT", 1709164800},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Thu, 29 Feb 2023 00:00:00 GMT", -1},
        {"Sun, 06 Nov 1994 24:49:37 GMT", -1},
        {"Sun, 06 Nov 1994 08:49:37", -1},
        {"Sun, 06 Nov 1994 08:49:37 GMT x", -1},
        {"Sun, 06 Foo 1994 08:49:37 GMT", -1},
        {"Sun, 6 Nov 1994 08:49:37 GMT", -1},
        {"0", -1},
        {"", -1},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        int64_t seconds = -7;
        bool ok = http_date_parse(table[i].text, &seconds);
        if (ok != (table[i].seconds >= 0) || (ok && seconds != table[i].seconds))
            fail_msg("%s: %d %lld", table[i].text, ok, (long long)seconds);
    }
}

static void test_rfc3339(void **state)
{
    (void)state;
    struct arena arena = {0};
    static const struct {
        int64_t seconds;
        const char *text;
    } table[] = {
        {1795348800, "2026-11-22T12:00:00Z"},
        {0, "1970-01-01T00:00:00Z"},
        {-1, "1969-12-31T23:59:59Z"},
        {951782400, "2000-02-29T00:00:00Z"},
        {-62135596800, "0001-01-01T00:00:00Z"},
        {253402300799, "9999-12-31T23:59:59Z"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        int64_t seconds = -7;
        assert_string_equal(rfc3339(&arena, table[i].seconds), table[i].text);
        assert_true(rfc3339_parse(table[i].text, &seconds));
        assert_true(seconds == table[i].seconds);
    }
    assert_string_equal(rfc3339(&arena, INT64_MAX), "9999-12-31T23:59:59Z");
    assert_string_equal(rfc3339(&arena, INT64_MIN), "0001-01-01T00:00:00Z");
    int64_t seconds = 0;
    assert_true(rfc3339_parse("2026-11-22T13:30:00.123+01:30", &seconds));
    assert_true(seconds == 1795348800);
    assert_true(rfc3339_parse("2026-11-22T10:00:00-02:00", &seconds));
    assert_true(seconds == 1795348800);
    static const char *const bad[] = {"", "2026-11-22", "2026-11-22T12:00:00",
        "2026-13-22T12:00:00Z", "2026-11-31T12:00:00Z", "2026-11-22T12:00:00.Z",
        "2026-11-22T12:00:00+99:00", "2026-11-22T12:00:00Zx", "26-11-22T12:00:00Z"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(rfc3339_parse(bad[i], &seconds));
    arena_done(&arena);
}

static void test_filetime(void **state)
{
    (void)state;
    assert_true(filetime_to_seconds(116444736000000000) == 0);
    assert_true(filetime_to_seconds(133444736000000000) == 1700000000);
    assert_true(filetime_to_seconds(0) == -11644473600);
    assert_true(filetime_to_seconds(UINT64_MAX) > 0);
}

static void test_nocase(void **state)
{
    (void)state;
    assert_true(text_equal_nocase("NtLm", "ntlM"));
    assert_false(text_equal_nocase("ntlm", "ntlmx"));
    assert_false(text_equal_nocase("ntlmx", "ntlm"));
    assert_false(text_equal_nocase("\xC3\xA4", "\xC3\x84")); /* ASCII only */
    assert_true(text_starts_nocase("HTTPS://x", "https:"));
    assert_false(text_starts_nocase("htt", "https:"));
    assert_true(text_ends_nocase("Mail.Contoso.TEST", ".contoso.test"));
    assert_false(text_ends_nocase("test", "contoso.test"));
    assert_string_equal(text_find_nocase("abcABX", "abx"), "ABX");
    assert_null(text_find_nocase("ab", "abc"));
    assert_string_equal(text_find_nocase("", ""), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_base64_malformed),
        cmocka_unit_test(test_utf16),
        cmocka_unit_test(test_utf16_hostile),
        cmocka_unit_test(test_upper),
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_http_date),
        cmocka_unit_test(test_rfc3339),
        cmocka_unit_test(test_filetime),
        cmocka_unit_test(test_nocase),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
