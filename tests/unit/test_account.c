#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/ldap.h"
#include "tests/unit/account_entry.h"
#include "tests/unit/judged.h"

#define DN "CN=svc,CN=Users,DC=contoso,DC=test"

static struct check *judged(const char *const (*pairs)[2])
{
    struct account_entry made;
    entry_fill(&made, DN, pairs);
    const struct directory_result found = {.entries = &made.entry, .count = 1};
    struct check *check = check_for(&probe_ldap_account);
    judge_account(&found, "svc@contoso.test", check);
    return check;
}

static void test_identity(void **state)
{
    (void)state;
    struct account_entry made;
    static const char *const pairs[][2] = {{"displayName", "Service Account"},
        {"userAccountControl", "66048"}, {"whenChanged", "20261122155317.0Z"},
        {"uSNChanged", "4337"}, {NULL, NULL}};
    entry_fill(&made, DN, pairs);
    entry_add_bytes(&made, "objectSid", "\1\2\0\0\0\0\0\5\x20\0\0\0\x20\2\0\0", 16);
    const struct directory_result found = {.entries = &made.entry, .count = 1};
    struct check *check = check_for(&probe_ldap_account);
    judge_account(&found, "svc@contoso.test", check);
    static const char *const texts[][2] = {{"account.sid", "S-1-5-32-544"},
        {"account.domain", "contoso.test"}, {"account.display_name", "Service Account"},
        {"account.when_changed", "2026-11-22T15:53:17Z"}};
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_string_equal(check_get_text(check, texts[i][0], ""), texts[i][1]);
    assert_int_equal(check_get_int(check, "account.uac", -1), 66048);
    assert_int_equal(check_get_int(check, "account.usn", -1), 4337);
    assert_false(check_get_bool(check, "account.disabled", true));
    check_free(check);
}

/* Replicas that say the same in another order have one fingerprint; any other value, another. */
static void test_fingerprint(void **state)
{
    (void)state;
    static const struct {
        const char *pairs[6][2];
        bool same;
    } table[] = {
        {{{"mail", "a@x"}, {"proxyAddresses", "SMTP:a@x"}, {"proxyAddresses", "smtp:b@x"}}, true},
        {{{"proxyAddresses", "smtp:b@x"}, {"proxyAddresses", "SMTP:a@x"}, {"mail", "a@x"}}, true},
        {{{"mail", "a@x"}, {"proxyAddresses", "SMTP:a@x"}, {"proxyAddresses", "smtp:b@x"},
             {"uSNChanged", "7"}, {"badPwdCount", "3"}},
            true},
        {{{"mail", "a@x"}, {"proxyAddresses", "SMTP:a@x"}}, false},
        {{{"mail", "a@x"}, {"proxyAddresses", "SMTP:a@xsmtp:b@x"}}, false},
        {{{"mail", "a@y"}, {"proxyAddresses", "SMTP:a@x"}, {"proxyAddresses", "smtp:b@x"}}, false},
        {{{"targetAddress", "a@x"}, {"proxyAddresses", "SMTP:a@x"}, {"proxyAddresses", "smtp:b@x"}},
            false},
        {{{"mail", "a@x"}, {"proxyAddresses", "SMTP:a@x"}, {"proxyAddresses", "smtp:b@x"},
             {"msExchHideFromAddressLists", "TRUE"}},
            false},
    };
    char first[20] = "";
    for (size_t i = 0; i < COUNT(table); i++) {
        struct check *check = judged(table[i].pairs);
        const char *text = check_get_text(check, "account.fingerprint", "");
        assert_int_equal(strlen(text), 16);
        if (i == 0)
            memcpy(first, text, 17);
        if ((strcmp(text, first) == 0) != table[i].same)
            fail_msg("case %zu: %s", i, text);
        check_free(check);
    }
}

static void test_filter(void **state)
{
    (void)state;
    struct arena arena = {0};
    assert_string_equal(ldap_address_filter(&arena, "a*)(b@x"),
        "(&(objectCategory=person)(|(proxyAddresses=smtp:a\\2a\\29\\28b@x)(mail=a\\2a\\29\\28b@x)"
        "(userPrincipalName=a\\2a\\29\\28b@x)))");
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_fingerprint),
        cmocka_unit_test(test_filter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
