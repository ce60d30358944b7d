/* The pure parts of net/directory: data codes, escapes, values, and the frame check of LDAP
 * messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "net/directory_impl.h"

static void test_data_codes(void **unused)
{
    (void)unused;
#define TEXT(data) \
    "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data " data ", v1db1"
    static const struct {
        const char *text;
        bool found;
        enum cause cause;
        long data;
    } cases[] = {
        {TEXT("525"), true, CAUSE_ACCOUNT_UNKNOWN, 0x525},
        {TEXT("52e"), true, CAUSE_PASSWORD_WRONG, 0x52e},
        {TEXT("52E"), true, CAUSE_PASSWORD_WRONG, 0x52e},
        {TEXT("530"), true, CAUSE_LOGON_HOURS, 0x530},
        {TEXT("531"), true, CAUSE_LOGON_WORKSTATION, 0x531},
        {TEXT("532"), true, CAUSE_PASSWORD_EXPIRED, 0x532},
        {TEXT("533"), true, CAUSE_ACCOUNT_DISABLED, 0x533},
        {TEXT("701"), true, CAUSE_ACCOUNT_EXPIRED, 0x701},
        {TEXT("773"), true, CAUSE_PASSWORD_MUST_CHANGE, 0x773},
        {TEXT("775"), true, CAUSE_ACCOUNT_LOCKED, 0x775},
        {TEXT("80090346"), true, CAUSE_CHANNEL_BINDING, 0x80090346},
        {TEXT("569"), true, CAUSE_LOGON_REFUSED, 0x569},
        {TEXT("0"), true, CAUSE_LOGON_REFUSED, 0},
        {"x, data 533", true, CAUSE_ACCOUNT_DISABLED, 0x533},
        {TEXT(""), false, CAUSE_NONE, 0},
        {TEXT("zz"), false, CAUSE_NONE, 0},
        {TEXT("123456789"), false, CAUSE_NONE, 0},
        {"Invalid credentials", false, CAUSE_NONE, 0},
        {"", false, CAUSE_NONE, 0},
        {NULL, false, CAUSE_NONE, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum cause cause = CAUSE_NONE;
        long data = 0;
        assert_int_equal(directory_data_cause(cases[i].text, &cause, &data), cases[i].found);
        assert_int_equal(cause, cases[i].cause);
        assert_int_equal(data, cases[i].data);
    }
}

static void test_escape(void **unused)
{
    (void)unused;
    static const char *const cases[][2] = {
        {"", ""},
        {"svc@contoso.test", "svc@contoso.test"},
        {"*", "\\2a"},
        {"a(b)c\\d", "a\\28b\\29c\\5cd"},
        {"M\xc3\xbcller", "M\\c3\\bcller"},
        {"a\nb\x7f", "a\\0ab\\7f"},
        {")(objectClass=*", "\\29\\28objectClass=\\2a"},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(directory_escape(&arena, cases[i][0]), cases[i][1]);
    arena_done(&arena);
}

static void test_values(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-1", true, -1},
        {"512", true, 512},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"99999999999999999999", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"12a", false, 0},
        {" 1", false, 0},
        {"+1", false, 0},
        {"1-", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct directory_value value = {cases[i].text, strlen(cases[i].text)};
        struct directory_attribute attributes[] = {{"empty", NULL, 0}, {"badPwdCount", &value, 1}};
        struct directory_entry entry = {"", attributes, 2};
        int64_t number = 0;
        assert_int_equal(entry_int(&entry, "BADPWDCOUNT", &number), cases[i].ok);
        assert_int_equal(number, cases[i].value);
        assert_string_equal(entry_text(&entry, "badpwdcount"), cases[i].text);
        assert_null(entry_text(&entry, "empty"));
        assert_null(entry_text(&entry, "badPwdCoun"));
        assert_false(entry_int(&entry, "empty", &number));
    }
}

#define BYTES(text) text, sizeof(text) - 1

static void test_frames(void **unused)
{
    (void)unused;
    static const struct {
        const char *bytes;
        size_t length;
        bool ok;
        size_t size;
    } cases[] = {
        {BYTES(""), true, 0},
        {BYTES("\x30"), true, 0},
        {BYTES("\x30\x00"), true, 2},
        {BYTES("\x30\x03\x02\x01\x07"), true, 5},
        {BYTES("\x30\x03\x02\x01\x07\x30"), true, 5},
        {BYTES("\x30\x03\x02\x01"), true, 0},
        {BYTES("\x30\x84\x00\x00\x00\x03\x02\x01\x07"), true, 9},
        {BYTES("\x30\x84\x00\x00"), true, 0},
        {BYTES("\x30\x84\xff\xff\xff\xff"), false, 0},
        {BYTES("\x30\x84\x00\x40\x00\x01"), false, 0}, /* one over the cap */
        {BYTES("\x30\x84\x00\x40\x00\x00"), true, 0},
        {BYTES("\x30\x85\x00\x00\x00\x00\x00"), false, 0},
        {BYTES("\x30\x80"), false, 0},
        {BYTES("\x31\x00"), false, 0},
        {BYTES("\x16\x03\x01"), false, 0}, /* TLS */
        {BYTES("HTTP"), false, 0},
        {BYTES("\x30\x03\x02\x02\x07"), false, 0},             /* child longer than its parent */
        {BYTES("\x30\x01\x02"), false, 0},                     /* a tag alone */
        {BYTES("\x30\x04\x02\x84\x00\x00"), false, 0},         /* a length cut off */
        {BYTES("\x30\x02\x30\x80"), false, 0},                 /* indefinite inside */
        {BYTES("\x30\x03\x1f\x81\x00"), false, 0},             /* a long tag */
        {BYTES("\x30\x06\x30\x01\x02\x02\x01\x07"), false, 0}, /* crosses its parent's end */
        {BYTES("\x30\x06\x30\x00\x30\x00\x02\x00"), true, 8},
        {BYTES("\x30\x07\x30\x05\x30\x03\x02\x01\x07"), true, 9},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size = 99;
        struct fault fault = {0};
        bool ok = ldap_frame(cases[i].bytes, cases[i].length, &size, &fault);
        if (ok != cases[i].ok || (ok && size != cases[i].size))
            fail_msg("case %zu: %d, %zu bytes: %s", i, ok, size, fault.text);
        if (!ok)
            assert_int_equal(fault.cause, CAUSE_MALFORMED);
    }
}

/* SEQUENCE in SEQUENCE …, `depth` of them under the outermost. */
static size_t nest(uint8_t *bytes, size_t depth)
{
    for (size_t i = 0; i <= depth; i++) {
        bytes[2 * i] = 0x30;
        bytes[2 * i + 1] = (uint8_t)(2 * (depth - i));
    }
    return 2 * (depth + 1);
}

static void test_depth(void **unused)
{
    (void)unused;
    uint8_t bytes[200];
    size_t size = 0;
    struct fault fault = {0};
    size_t length = nest(bytes, PIPE_DEPTH_MAX);
    assert_true(ldap_frame(bytes, length, &size, &fault));
    assert_int_equal(size, length);
    length = nest(bytes, PIPE_DEPTH_MAX + 1);
    assert_false(ldap_frame(bytes, length, &size, &fault));
    assert_non_null(strstr(fault.text, "nested"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_codes),
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
