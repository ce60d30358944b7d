#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/registry.h"
#include "tests/unit/sample.h"

#include <string.h>

#define HEAD  "REGEDIT4\n"
#define HKLM  "HKEY_LOCAL_MACHINE\\"
#define TCPIP HKLM "SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters"
#define C2R   HKLM "SOFTWARE\\Microsoft\\Office\\ClickToRun\\Configuration"

/* "key=value;…", lists with | between their entries; registry.files and .keys left out. */
static const char *facts_of(struct arena *arena, const struct fact *fact)
{
    const char *text = "";
    for (; fact != NULL; fact = fact->next) {
        if (strcmp(fact->key, "registry.files") == 0 || strcmp(fact->key, "registry.keys") == 0)
            continue;
        const char *value =
            fact->type == FACT_TEXT ? fact->text : arena_printf(arena, "%d", (int)fact->integer);
        if (fact->type == FACT_LIST)
            value = "";
        for (size_t i = 0; fact->type == FACT_LIST && i < fact->count; i++)
            value = arena_printf(arena, "%s%s%s", value, i > 0 ? "|" : "", fact->list[i]);
        text = arena_printf(arena, "%s%s=%s;", text, fact->key + strlen("registry."), value);
    }
    return text;
}

static const char *read_facts(struct arena *arena, const char *first, const char *second)
{
    struct registry *registry = registry_new(arena);
    struct fault fault;
    if (!registry_add(registry, "a.reg", first, strlen(first), &fault) ||
        (second != NULL && !registry_add(registry, "b.reg", second, strlen(second), &fault)))
        fail_msg("%s", fault.text);
    return facts_of(arena, registry_facts(registry));
}

static void test_exports(void **state)
{
    (void)state;
    static const struct {
        const char *sample, *says;
    } table[] = {
        {"regfile/server", "mapi_cdo=6.5.8353.0;mail_clients=SOFTWARE\\Clients\\Mail=ExchangeMAPI|"
                           "SOFTWARE\\Wow6432Node\\Clients\\Mail=ExchangeMAPI;lm_compatibility=3;"
                           "domain=contoso.test;"},
        {"regfile/outlook",
            "outlook=Uninstall: Microsoft 365 Apps for enterprise - en-us 16.0.17328.20162|"
            "ClickToRun: O365ProPlusRetail;lm_compatibility=1;"},
        {"regfile/regedit4", "mail_clients=HKCU\\SOFTWARE\\Clients\\Mail=Microsoft Outlook;"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct arena arena = {0};
        struct fault fault;
        size_t length = 0;
        const char *bytes = sample_read(&arena, table[i].sample, &length);
        struct registry *registry = registry_new(&arena);
        if (!registry_add(registry, table[i].sample, bytes, length, &fault))
            fail_msg("%s", fault.text);
        struct fact *facts = registry_facts(registry);
        assert_string_equal(facts->key, "registry.files");
        assert_string_equal(facts->list[0], table[i].sample);
        assert_string_equal(facts_of(&arena, facts), table[i].says);
        arena_done(&arena);
    }
}

static void test_programs(void **state)
{
    (void)state;
    static const struct {
        const char *name, *says;
    } table[] = {
        {"Microsoft Exchange Server MAPI Client and Collaboration Data Objects 1.2.1",
            "mapi_cdo=1.0;"},
        {"MAPI Client and CDO", "mapi_cdo=1.0;"},
        {"Microsoft Office Outlook 2007", "outlook=Uninstall: Microsoft Office Outlook 2007 1.0;"},
        {"Microsoft Outlook MUI (German) 2016",
            "outlook=Uninstall: Microsoft Outlook MUI (German) 2016 1.0;"},
        {"Microsoft Office Professional Plus 2016",
            "outlook=Uninstall: Microsoft Office Professional Plus 2016 1.0;"},
        {"Microsoft Office Home and Business 2019 - de-de",
            "outlook=Uninstall: Microsoft Office Home and Business 2019 - de-de 1.0;"},
        {"Microsoft Office Outlook Connector", ""},
        {"Microsoft Outlook Social Connector Provider for Facebook", ""},
        {"Teams Meeting Add-in for Microsoft Outlook", ""},
        {"Security Update for Microsoft Outlook 2016 (KB4011162)", ""},
        {"Microsoft Office Home and Student 2019 - de-de", ""},
        {"Microsoft Office Shared MUI (English) 2016", ""},
        {"Microsoft Visio Professional 2019", ""},
        {"Microsoft Office Project Professional 2007", ""},
        {"Outlook Express", ""},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct arena arena = {0};
        const char *file = arena_printf(&arena,
            HEAD "[" HKLM
                 "software\\WOW6432Node\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\x]\n"
                 "\"DisplayVersion\"=\"1.0\"\n\"displayname\"=\"%s\"\n",
            table[i].name);
        assert_string_equal(read_facts(&arena, file, NULL), table[i].says);
        arena_done(&arena);
    }
}

#define UNINSTALL HKLM "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall"
#define LSA(set)  "[" HKLM "SYSTEM\\" set "\\Control\\Lsa]\n"

static void test_rules_of_the_registry(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second, *says;
    } table[] = {
        /* the set in use: named, else selected, else the first */
        {LSA("ControlSet001") "\"LmCompatibilityLevel\"=dword:2\n" LSA("CurrentControlSet"),
            LSA("CurrentControlSet") "\"lmcompatibilitylevel\"=dword:5\n", "lm_compatibility=5;"},
        {LSA("ControlSet003") "\"LmCompatibilityLevel\"=dword:3\n",
            LSA("ControlSet002") "\"LmCompatibilityLevel\"=dword:2\n", "lm_compatibility=2;"},
        {LSA("ControlSet001") "\"LmCompatibilityLevel\"=dword:1\n",
            LSA("ControlSet002") "\"LmCompatibilityLevel\"=dword:4\n[" HKLM
                                 "SYSTEM\\Select]\n\"Current\"=dword:2\n",
            "lm_compatibility=4;"},
        /* the last word counts; what is deleted is gone */
        {"[" TCPIP "]\n\"Domain\"=\"old.test\"\n", "[" TCPIP "]\n\"Domain\"=\"new.test\"\n",
            "domain=new.test;"},
        {"[" TCPIP "]\n\"Domain\"=\"\"\n\"NV Domain\"=\"\"\n", NULL, "domain=;"},
        {"[" TCPIP "]\n\"Domain\"=\"\"\n\"NV Domain\"=\"next.test\"\n", NULL, "domain=next.test;"},
        {"[" TCPIP "]\n\"Domain\"=\"old.test\"\n", "[" TCPIP "]\n\"Domain\"=-\n", ""},
        {"[" TCPIP "]\n\"Domain\"=\"old.test\"\n", "[-" HKLM "SYSTEM\\CurrentControlSet]\n", ""},
        {"[" UNINSTALL "\\y]\n\"DisplayName\"=\"Microsoft Outlook 2010\"\n",
            "[-" UNINSTALL "\\y]\n", ""},
        {"[" UNINSTALL "\\y]\n\"DisplayName\"=\"Microsoft Outlook 2010\"\n",
            "[-" UNINSTALL "\\yy]\n", "outlook=Uninstall: Microsoft Outlook 2010;"},
        /* Click-to-Run without Outlook, also under its name in Uninstall */
        {"[" UNINSTALL "\\O365ProPlusRetail - en-us]\n\"DisplayName\"=\"Microsoft 365 Apps for "
         "enterprise - en-us\"\n",
            "[" C2R "]\n\"ProductReleaseIds\"=\"O365ProPlusRetail,VisioProRetail\"\n"
            "\"O365ProPlusRetail.ExcludedApps\"=\"groove,Outlook\"\n",
            ""},
        {"[" C2R "]\n\"ProductReleaseIds\"=\"VisioProRetail,OutlookRetail\"\n", NULL,
            "outlook=ClickToRun: OutlookRetail;"},
        {"[" HKLM "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\App Paths\\OUTLOOK.EXE]\n"
         "@=\"C:\\\\x\\\\OUTLOOK.EXE\"\n",
            NULL, "outlook=App Paths: C:\\x\\OUTLOOK.EXE;"},
        {"[" HKLM "SOFTWARE\\Clients\\Mail]\n[" HKLM "SOFTWARE\\Clients\\Mail\\Microsoft Outlook]\n"
         "@=\"Microsoft Outlook\"\n",
            NULL,
            "outlook=Clients\\Mail: Microsoft Outlook;mail_clients=SOFTWARE\\Clients\\Mail=;"},
        /* of a user, by its SID; other hives and other values are nobody's business */
        {"[HKEY_USERS\\S-1-5-21-1-2-3-1105\\SOFTWARE\\Clients\\Mail]\n@=\"Outlook\"\n", NULL,
            "mail_clients=HKCU\\SOFTWARE\\Clients\\Mail=Outlook;"},
        {"[HKEY_LOCAL_MACHINE2\\SOFTWARE\\Clients\\Mail]\n@=\"x\"\n[HKEY_USERS]\n@=\"x\"\n", NULL,
            ""},
        {"[" HKLM "SOFTWARE\\Clients\\MailX]\n@=\"x\"\n", NULL, ""},
        {"[" HKLM "SOFTWARE\\Clients\\Mail]\n@=dword:1\n", NULL,
            "mail_clients=SOFTWARE\\Clients\\Mail=;"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct arena arena = {0};
        const char *first = arena_printf(&arena, HEAD "%s", table[i].first);
        const char *second =
            table[i].second == NULL ? NULL : arena_printf(&arena, HEAD "%s", table[i].second);
        const char *says = read_facts(&arena, first, second);
        if (strcmp(says, table[i].says) != 0)
            fail_msg("%d: %s\ninstead of %s", (int)i, says, table[i].says);
        arena_done(&arena);
    }
}

/* The fault names file and line. */
static void test_refusal(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct fault fault;
    struct registry *registry = registry_new(&arena);
    assert_false(registry_add(registry, "C:\\app.reg", HEAD "x", sizeof HEAD, &fault));
    assert_string_equal(fault.text, "C:\\app.reg: line 2 is neither a key nor a value");
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exports),
        cmocka_unit_test(test_programs),
        cmocka_unit_test(test_rules_of_the_registry),
        cmocka_unit_test(test_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
