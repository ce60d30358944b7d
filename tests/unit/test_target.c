#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/options.h"
#include "tests/unit/judged.h"

/* settings_set_target(): from an address and an account name to what the run asks and sends. */

static void test_good(void **state)
{
    (void)state;
    static const struct {
        const char *address, *user;                         /* given */
        const char *mail_domain, *account, *domain, *realm; /* what becomes of them */
    } table[] = {
        {"svc@contoso.test", NULL, "contoso.test", "svc@contoso.test", "", "CONTOSO.TEST"},
        {"svc@contoso.test", "", "contoso.test", "svc@contoso.test", "", "CONTOSO.TEST"},
        {"Svc@Contoso.TEST", NULL, "contoso.test", "Svc@Contoso.TEST", "", "CONTOSO.TEST"},
        {"svc@contoso.test.", NULL, "contoso.test", "svc@contoso.test.", "", "CONTOSO.TEST"},
        {"o'neil+x@a.b.contoso.test", NULL, "a.b.contoso.test", "o'neil+x@a.b.contoso.test", "",
            "A.B.CONTOSO.TEST"},
        /* a UPN names its own realm, DOMAIN\user none: the mail domain's is tried */
        {"svc@contoso.test", "job@corp.example", "contoso.test", "job@corp.example", "",
            "CORP.EXAMPLE"},
        {"svc@contoso.test", "job@corp.example.", "contoso.test", "job@corp.example.", "",
            "CORP.EXAMPLE"},
        {"svc@contoso.test", "CONTOSO\\svc", "contoso.test", "svc", "CONTOSO", "CONTOSO.TEST"},
        {"svc@contoso.test", "CONTOSO\\a@b.evil", "contoso.test", "a@b.evil", "CONTOSO",
            "CONTOSO.TEST"},
        {"svc@contoso.test", "svc", "contoso.test", "svc", "", "CONTOSO.TEST"},
        {"svc@contoso.test", "svc@", "contoso.test", "svc@", "", "CONTOSO.TEST"},
        /* IDN: asked as A-labels, in DNS and as a realm */
        {"svc@b\xC3\xBC"
         "cher.test",
            NULL, "xn--bcher-kva.test",
            "svc@b\xC3\xBC"
            "cher.test",
            "", "XN--BCHER-KVA.TEST"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct settings settings = {0};
        struct arena arena = {0};
        struct fault fault = {.text = ""};
        if (!settings_set_target(&settings, &arena, table[i].address, table[i].user, &fault))
            fail_msg("%s: %s", table[i].address, fault.text);
        const bool given = table[i].user != NULL && table[i].user[0] != '\0';
        assert_string_equal(settings.address, table[i].address);
        assert_string_equal(settings.user, given ? table[i].user : table[i].address);
        assert_string_equal(settings.mail_domain, table[i].mail_domain);
        assert_string_equal(settings.account, table[i].account);
        assert_string_equal(settings.domain, table[i].domain);
        if (strcmp(settings.realm, table[i].realm) != 0)
            fail_msg("%s, %s: realm %s", table[i].address, settings.user, settings.realm);
        arena_done(&arena);
    }
}

static void test_anonymous(void **state)
{
    (void)state;
    struct settings settings = {.anonymous = true};
    struct arena arena = {0};
    struct fault fault;
    assert_true(settings_set_target(&settings, &arena, "svc@contoso.test", "X\\y", &fault));
    assert_string_equal(settings.user, "");
    assert_string_equal(settings.account, "");
    assert_string_equal(settings.realm, "CONTOSO.TEST");
    arena_done(&arena);
}

static void test_bad(void **state)
{
    (void)state;
    static char long_address[300];
    memset(long_address, 'a', 250);
    strcpy(long_address + 250, "@contoso.test");
    const struct {
        const char *address, *user, *says;
    } table[] = {
        {"", NULL, "no e-mail address"},
        {"svc", NULL, "no e-mail address"},
        {"svc@", NULL, "no e-mail address"},
        {"@contoso.test", NULL, "no e-mail address"},
        {"svc@contoso", NULL, "no domain"},
        {"svc@.contoso.test", NULL, "no domain"},
        {"svc@contoso..test", NULL, "no domain"},
        {"svc@contoso/x.test", NULL, "no domain"},
        {"svc@-contoso.test/", NULL, "no domain"},
        {"svc@.", NULL, "no domain"},
        {"a b@contoso.test", NULL, "no e-mail address"},
        {"<svc@contoso.test>", NULL, "no e-mail address"},
        {"a@b.test,c@d.test", NULL, "no e-mail address"},
        {"a\\b@contoso.test", NULL, "no e-mail address"},
        {long_address, NULL, "no e-mail address"},
        {"svc@contoso.test\r\nX: y", NULL, "control character"},
        {"svc\t@contoso.test", NULL, "control character"},
        {"svc\x7f@contoso.test", NULL, "control character"},
        {"svc@contoso.test", "a\nb", "account name has a control character"},
        {"svc@contoso.test", "CONTOSO\\", "no account name"},
        {"svc@contoso.test", "\\svc", "no account name"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct settings settings = {0};
        struct arena arena = {0};
        struct fault fault = {.text = ""};
        if (settings_set_target(&settings, &arena, table[i].address, table[i].user, &fault))
            fail_msg("%s, %s is taken", table[i].address, table[i].user);
        if (strstr(fault.text, table[i].says) == NULL || strchr(fault.text, '\n') != NULL)
            fail_msg("%s: \"%s\"", table[i].address, fault.text);
        arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_anonymous),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
