#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/netlogon.h"
#include "tests/unit/sample.h"

static bool read_sample(const char *name, struct netlogon_answer *ret_answer)
{
    struct arena arena = {0};
    size_t length = 0;
    char *path = arena_printf(&arena, "netlogon/%s", name);
    char *bytes = sample_read(&arena, path, &length);
    bool ok = netlogon_read(bytes, length, ret_answer);
    arena_done(&arena);
    return ok;
}

static void test_answers(void **state)
{
    (void)state;
    struct netlogon_answer answer;
    assert_true(read_sample("samba", &answer));
    assert_string_equal(answer.forest, "contoso.test");
    assert_string_equal(answer.domain, "contoso.test");   /* a pointer */
    assert_string_equal(answer.host, "dc1.contoso.test"); /* a label and a pointer */
    assert_string_equal(answer.netbios_domain, "CONTOSO");
    assert_string_equal(answer.netbios_host, "DC1");
    assert_string_equal(answer.dc_site, "Default-First-Site-Name");
    assert_string_equal(answer.client_site, "Default-First-Site-Name");
    assert_int_equal(answer.flags, 0x11bd);
    assert_true(read_sample("no-client-site", &answer));
    assert_string_equal(answer.dc_site, "Default-First-Site-Name");
    assert_string_equal(answer.client_site, "");
}

static void test_nonsense(void **state)
{
    (void)state;
    static const char *const names[] = {"truncated", "old-response", "pointer-self",
        "pointer-forward", "pointer-chain", "long-label", "long-name", "control"};
    struct netlogon_answer answer;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (read_sample(names[i], &answer))
            fail_msg("%s is read", names[i]);
    }
    assert_false(netlogon_read(NULL, 0, &answer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
