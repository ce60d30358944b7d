#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "net/directory_impl.h"

/* RFC 2696 §2: SEQUENCE { size INTEGER, cookie OCTET STRING } */
static void answer(struct directory_page *page, LDAP *ldap, const char *bytes, size_t length,
    bool expected, enum cause cause)
{
    char oid[] = LDAP_CONTROL_PAGEDRESULTS;
    char *value = xcalloc(1, length + 1);
    struct fault fault = {.cause = CAUSE_NONE};
    memcpy(value, bytes, length);
    LDAPControl control = {.ldctl_oid = oid, .ldctl_value = {length, value}};
    LDAPControl *controls[] = {&control, NULL};
    assert_int_equal(directory_page_answer(page, ldap, controls, &fault), expected);
    assert_int_equal(fault.cause, cause);
    free(value);
}

static void test_cookies(void **state)
{
    LDAP *ldap = *state;
    struct directory_page page = {.count = 0};
    assert_false(directory_page_more(&page));
    answer(&page, ldap,
        "\x30\x08\x02\x01\x00\x04\x03"
        "abc",
        10, true, CAUSE_NONE);
    assert_true(directory_page_more(&page));
    assert_int_equal(page.cookie.bv_len, 3);
    answer(&page, ldap,
        "\x30\x06\x02\x01\x00\x04\x01"
        "\x00",
        8, true, CAUSE_NONE);
    assert_true(directory_page_more(&page)); /* a cookie of one zero byte is one */
    answer(&page, ldap, "\x30\x05\x02\x01\x07\x04\x00", 7, true, CAUSE_NONE);
    assert_false(directory_page_more(&page));
    directory_page_done(&page);
}

static void test_no_control(void **state)
{
    LDAP *ldap = *state;
    struct directory_page page = {.count = 0};
    struct fault fault;
    answer(&page, ldap,
        "\x30\x08\x02\x01\x00\x04\x03"
        "abc",
        10, true, CAUSE_NONE);
    assert_true(directory_page_answer(&page, ldap, NULL, &fault));
    assert_false(directory_page_more(&page)); /* the old cookie is gone */
    directory_page_done(&page);
}

static void test_broken(void **state)
{
    LDAP *ldap = *state;
    static const struct {
        const char *bytes;
        size_t length;
    } table[] = {
        {"", 0},
        {"\x30\x08\x02\x01\x00\x04\x09"
         "abc",
            10},
        {"\x04\x03"
         "abc",
            5},
        {"\x30\x03\x02\x01\x00", 5},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct directory_page page = {.count = 0};
        answer(&page, ldap, table[i].bytes, table[i].length, false, CAUSE_MALFORMED);
        assert_false(directory_page_more(&page));
        directory_page_done(&page);
    }
}

static void test_limits(void **state)
{
    LDAP *ldap = *state;
    enum { BIG = 70000, HEAD = 14 };
    struct directory_page page = {.count = 0};
    /* a cookie too big to be one */
    char *bytes = xcalloc(1, HEAD + BIG);
    static const unsigned char head[HEAD] = {0x30, 0x83, 0x01, 0x11, 0x78, 0x02, 0x01, 0x00, 0x04,
        0x84, 0x00, 0x01, 0x11, 0x70}; /* 70008, 70000 */
    memcpy(bytes, head, HEAD);
    /* the outer length: INTEGER 3 + OCTET STRING 6 + 70000 */
    bytes[3] = 0x11, bytes[4] = 0x79;
    answer(&page, ldap, bytes, HEAD + BIG, false, CAUSE_MALFORMED);
    free(bytes);
    assert_false(directory_page_more(&page));
    /* a server whose pages never end */
    directory_page_done(&page);
    unsigned pages = 0;
    do {
        answer(&page, ldap, "\x30\x06\x02\x01\x00\x04\x01x", 8, true, CAUSE_NONE);
        pages++;
        assert_true(pages < 1000);
    } while (directory_page_more(&page));
    assert_int_equal(pages, 100);
    directory_page_done(&page);
}

static void test_request(void **state)
{
    LDAP *ldap = *state;
    struct directory_page page = {.count = 0};
    struct fault fault;
    LDAPControl *control = NULL;
    static const struct {
        size_t room;
        const char *bytes;
        size_t length;
    } table[] = {
        {7, "\x30\x05\x02\x01\x07\x04\x00", 7},
        {500, "\x30\x06\x02\x02\x01\xf4\x04\x00", 8},
        {4000, "\x30\x06\x02\x02\x01\xf4\x04\x00", 8},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_true(directory_page_ask(&page, ldap, table[i].room, &control, &fault));
        assert_string_equal(control->ldctl_oid, "1.2.840.113556.1.4.319");
        assert_int_equal(control->ldctl_iscritical, 0);
        assert_int_equal(control->ldctl_value.bv_len, table[i].length);
        assert_memory_equal(control->ldctl_value.bv_val, table[i].bytes, table[i].length);
        ldap_control_free(control);
    }
    answer(&page, ldap,
        "\x30\x08\x02\x01\x00\x04\x03"
        "abc",
        10, true, CAUSE_NONE);
    assert_true(directory_page_ask(&page, ldap, 7, &control, &fault));
    assert_int_equal(control->ldctl_value.bv_len, 10);
    assert_memory_equal(control->ldctl_value.bv_val,
        "\x30\x08\x02\x01\x07\x04\x03"
        "abc",
        10);
    ldap_control_free(control);
    directory_page_done(&page);
}

static int open_ldap(void **state)
{
    struct fault fault;
    LDAP *ldap = NULL;
    if (!directory_global_init(&fault) || ldap_initialize(&ldap, NULL) != LDAP_SUCCESS)
        return -1;
    *state = ldap;
    return 0;
}

static int close_ldap(void **state)
{
    return ldap_unbind_ext(*state, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cookies),
        cmocka_unit_test(test_no_control),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_request),
    };
    return cmocka_run_group_tests(tests, open_ldap, close_ldap);
}
