#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/organization.h"
#include "tests/unit/entries.h"
#include "tests/unit/judged.h"

static const char *joined(struct check *check, const char *key)
{
    const struct fact *fact = check_fact(check, key);
    const char *text = "";
    for (size_t i = 0; fact != NULL && i < fact->count; i++)
        text = arena_printf(&check->arena, "%s%s%s", text, i > 0 ? ";" : "", fact->list[i]);
    return text;
}

static const struct {
    struct made_entry made[3];
    size_t count;
    enum outcome outcome;
    const char *checked, *owners, *missing, *duplicates, *etypes;
} name_cases[] = {
    {{{"CN=a",
         {{"servicePrincipalName", "http/MAIL.test"}, {"servicePrincipalName", "HTTP/ex1.test"},
             {"msDS-SupportedEncryptionTypes", "28"}}}},
        1, OUTCOME_PASS, "HTTP/mail.test;HTTP/ex1.test",
        "HTTP/mail.test | CN=a;HTTP/ex1.test | CN=a", "", "", "CN=a | 28"},
    /* short names and ports are other names */
    {{{"CN=a",
          {{"servicePrincipalName", "HTTP/mail"}, {"servicePrincipalName", "HTTP/mail.test:443"},
              {"servicePrincipalName", "HTTP/mail.test/x"},
              {"servicePrincipalName", "HTTP/ex1.test"}}},
         {"CN=b", {{"servicePrincipalName", "HTTP/ex1.test:8443"},
                      {"msDS-SupportedEncryptionTypes", "4"}}}},
        2, OUTCOME_PASS, "HTTP/mail.test;HTTP/ex1.test", "HTTP/ex1.test | CN=a", "HTTP/mail.test",
        "", ""},
    /* two owners */
    {{{"CN=a",
          {{"servicePrincipalName", "HTTP/mail.test"}, {"servicePrincipalName", "HTTP/ex1.test"}}},
         {"CN=b", {{"servicePrincipalName", "HTTP/Mail.Test"}}}},
        2, OUTCOME_WARN, "HTTP/mail.test;HTTP/ex1.test",
        "HTTP/mail.test | CN=a | CN=b;HTTP/ex1.test | CN=a", "", "HTTP/mail.test | CN=a | CN=b",
        ""},
    /* HOST/ stands in for HTTP/, and only where nobody has that */
    {{{"CN=a", {{"servicePrincipalName", "HTTP/mail.test"}}},
         {"CN=ex1",
             {{"servicePrincipalName", "HOST/ex1.test"}, {"servicePrincipalName", "HOST/mail.test"},
                 {"msDS-SupportedEncryptionTypes", "31"}}}},
        2, OUTCOME_PASS, "HTTP/mail.test;HTTP/ex1.test",
        "HTTP/mail.test | CN=a;HTTP/ex1.test | CN=ex1", "", "", "CN=ex1 | 31"},
    /* Exchange's own: where they are, fully qualified ones only, each once */
    {{{"CN=a",
          {{"servicePrincipalName", "HTTP/mail.test"}, {"servicePrincipalName", "HTTP/ex1.test"}}},
         {"CN=ex1", {{"servicePrincipalName", "exchangeMDB/ex1.test"},
                        {"servicePrincipalName", "exchangeMDB/EX1"},
                        {"servicePrincipalName", "exchangeRFR/ex1.test"}}},
         {"CN=old", {{"servicePrincipalName", "EXCHANGEMDB/ex1.test"},
                        {"servicePrincipalName", "exchangeAB/old.test"}}}},
        3, OUTCOME_WARN,
        "HTTP/mail.test;HTTP/ex1.test;exchangeMDB/ex1.test;exchangeRFR/ex1.test;"
        "exchangeAB/old.test",
        "HTTP/mail.test | CN=a;HTTP/ex1.test | CN=a;exchangeMDB/ex1.test | CN=ex1 | CN=old;"
        "exchangeRFR/ex1.test | CN=ex1;exchangeAB/old.test | CN=old",
        "", "exchangeMDB/ex1.test | CN=ex1 | CN=old", ""},
    {{{NULL, {{NULL, NULL}}}}, 0, OUTCOME_PASS, "HTTP/mail.test;HTTP/ex1.test", "",
        "HTTP/mail.test;HTTP/ex1.test", "", ""},
};

static void test_names(void **state)
{
    (void)state;
    static const char *const names[] = {"HTTP/mail.test", "HTTP/ex1.test", NULL};
    for (size_t i = 0; i < COUNT(name_cases); i++) {
        struct arena arena = {0};
        struct directory_result found =
            entries_make(&arena, name_cases[i].made, name_cases[i].count);
        struct check *check = check_for(&probe_gc_spn);
        judge_spn(&found, names, check);
        if (check->outcome != name_cases[i].outcome)
            fail_msg("case %zu: %s", i, check->summary);
        assert_string_equal(joined(check, "spn.checked"), name_cases[i].checked);
        assert_string_equal(joined(check, "spn.owners"), name_cases[i].owners);
        assert_string_equal(joined(check, "spn.missing"), name_cases[i].missing);
        assert_string_equal(joined(check, "spn.duplicates"), name_cases[i].duplicates);
        assert_string_equal(joined(check, "spn.etypes"), name_cases[i].etypes);
        check_free(check);
        arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
