/*
 * The items that the directory and the application server's registry answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/checklist.h"
#include "report/registry.h"
#include "tests/unit/fixture.h"

#include <string.h>

#define LDAP "ldap/dc1.contoso.test/127.0.0.10:389"

static const struct checklist_item *find(const struct survey *survey, const char *item)
{
    const struct checklist_item *at = survey->checklist;
    while (at != NULL && strcmp(at->item, item) != 0)
        at = at->next;
    if (at == NULL)
        fail_msg("no item %s", item);
    return at;
}

static struct check *add_read(struct survey *survey, const char *probe, const char *subject)
{
    struct chain *chain = survey_find_chain(survey, LDAP);
    struct check *check = check_new(chain->id, probe, probe, LAYER_PROTOCOL, subject, NULL);
    check_settle(check, OUTCOME_PASS, "read");
    chain_append(chain, check);
    return check;
}

/* "EX1 15.2.2562.17 contoso.test; EX2 …" */
static void add_servers(struct survey *survey, const char *text)
{
    struct arena arena = {0};
    char *copy = arena_strdup(&arena, text);
    char *rest = NULL;
    for (char *one = strtok_r(copy, ";", &rest); one != NULL; one = strtok_r(NULL, ";", &rest)) {
        char *words = NULL;
        const char *name = strtok_r(one, " ", &words);
        const char *build = strtok_r(NULL, " ", &words);
        const char *domain = strtok_r(NULL, " ", &words);
        struct check *check = add_read(survey, "ldap.server", name);
        check_text(check, "server.name", name);
        check_text(check, "server.build", build);
        check_text(check, "server.domain", domain);
        check_int(check, "server.roles", 4);
    }
    arena_done(&arena);
}

static void set_wire(struct survey *survey, const char *build)
{
    for (struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (struct check *at = chain->checks; at != NULL; at = at->next) {
            if (check_fact(at, "exchange.build") != NULL)
                check_text(at, "exchange.build", build);
        }
    }
}

static void assert_item(const struct survey *survey, const char *name, enum outcome outcome,
    const char *says, const char *where)
{
    const struct checklist_item *item = find(survey, name);
    if (item->outcome != outcome || strstr(item->summary, says) == NULL)
        fail_msg("%s with %s: %s: %s", name, where, outcome_str(item->outcome), item->summary);
}

/* ---- builds: the directory's word and the wire's ---- */

/* gromox names a build of Exchange's, and has none. */
static void test_claimed_build(void **state)
{
    (void)state;
    struct survey survey;
    static const char row[] = "mapi/mail.contoso.test/127.0.0.20:443";
    for (int claimed = 0; claimed < 2; claimed++) {
        fixture_healthy(&survey);
        struct check *connect = fixture_check(&survey, row, "mapi.connect");
        check_text(connect, "exchange.build", "15.0.847.4040");
        if (claimed != 0)
            check_text(connect, "mapi.server", "Exchange/15.00.0847.4040");
        survey.checklist = checklist_fill(&survey);
        const struct fact *builds = find(&survey, "faq-6")->facts;
        while (builds != NULL && strcmp(builds->key, "exchange.builds") != 0)
            builds = builds->next;
        assert_non_null(builds);
        assert_true((strstr(builds->text, "15.0.847") != NULL) == (claimed == 0));
        survey_done(&survey);
    }
}

static void test_servers(void **state)
{
    (void)state;
    static const struct {
        const char *servers, *wire; /* NULL: as the fixture's, 15.2.2562.37 by ex1 and ex2 */
        const char *item;
        enum outcome outcome;
        const char *says;
    } table[] = {
        /* security updates do not show in the directory: no disagreement */
        {"EX1 15.2.2562.17;EX2 15.2.2562.17", NULL, "faq-6", OUTCOME_PASS,
            "2 servers in the directory, all Exchange SE"},
        {"EX1 15.2.2562.17;EX2 15.2.2562.17", NULL, "faq-6", OUTCOME_PASS, "the wire agrees"},
        {"EX1 15.2.2562.17;EX2 15.2.2562.17", NULL, "faq-2", OUTCOME_PASS, "15.2.2562.37"},
        {"EX1 15.2.2562.17;EX2 15.1.2507.6", NULL, "faq-6", OUTCOME_FAIL,
            "EX1 is Exchange SE, EX2 is Exchange 2016"},
        {"EX1 15.2.2562.17;EX3 15.1.2507.6", NULL, "faq-2", OUTCOME_FAIL,
            "EX3 15.1.2507.6 is Exchange 2016 CU23: out of support"},
        {"EX1 15.2.1544.4;EX2 15.2.1544.4", NULL, "faq-6", OUTCOME_WARN,
            "EX1 is 15.2.1544.4 in the directory and 15.2.2562.37 on the wire"},
        {"EX3 15.2.1544.4;EX4 15.2.1748.10", NULL, "faq-6", OUTCOME_WARN, "on the wire answers"},
        {"EX3 15.2.1544.4;EX4 15.2.1748.10", "15.2.1544.4", "faq-6", OUTCOME_WARN,
            "EX3 has 15.2.1544.4 and EX4 15.2.1748.10"},
        {"EX1 15.2.2562.17;EX2 15.2.2562.17;EX3 15.2.2562.17", NULL, "faq-2", OUTCOME_PASS,
            "of 1 server only the directory's word"},
        {"EX3 15.0.712.22", NULL, "faq-2013-1", OUTCOME_FAIL, "EX3 15.0.712.22"},
        {"EX1 15.2.2562.17", NULL, "faq-2013-1", OUTCOME_PASS, "15.2.2562.37"},
        {"EX3 14.3.123.4", NULL, "faq-2010-1", OUTCOME_SKIPPED, "by hand: the installed updates"},
        {"EX1 15.2.2562.17", NULL, "faq-2010-1", OUTCOME_SKIPPED, "does not apply"},
        {"EX1 15.2.2562.17", NULL, "faq-2010-2", OUTCOME_SKIPPED, "does not apply"},
        {"EX3 14.3.123.4", NULL, "faq-2010-2", OUTCOME_PASS, "EX3 has the role"},
        {"EX3 nonsense", NULL, "faq-6", OUTCOME_SKIPPED, "by hand"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        fixture_healthy(&survey);
        add_servers(&survey, table[i].servers);
        struct check *database = add_read(&survey, "ldap.database", "DB1");
        check_bool(database, "database.home", true);
        check_text(database, "database.rpc_server", "casarray.contoso.test");
        if (table[i].wire != NULL)
            set_wire(&survey, table[i].wire);
        survey.checklist = checklist_fill(&survey);
        assert_item(&survey, table[i].item, table[i].outcome, table[i].says, table[i].servers);
        survey_done(&survey);
    }
}

/* ---- domains ---- */

static void test_domains(void **state)
{
    (void)state;
    static const struct {
        const char *servers, *home, *machine;
        enum outcome account, application;
        const char *says;
    } table[] = {
        {"", NULL, "contoso.test", OUTCOME_PASS, OUTCOME_PASS, "both are in contoso.test"},
        {"EX1 15.2.2562.17 contoso.test", NULL, "CONTOSO.test", OUTCOME_PASS, OUTCOME_PASS,
            "both are in contoso.test"},
        {"EX1 15.2.2562.17 mail.test", NULL, "contoso.test", OUTCOME_FAIL, OUTCOME_FAIL,
            "the account is in contoso.test, the Exchange server in mail.test"},
        {"EX1 15.2.2562.17 mail.test;EX2 15.2.2562.17 contoso.test", NULL, "contoso.test",
            OUTCOME_WARN, OUTCOME_PASS, "mail.test, contoso.test"},
        {"EX1 15.2.2562.17 mail.test;EX2 15.2.2562.17 contoso.test", "EX1", "contoso.test",
            OUTCOME_FAIL, OUTCOME_FAIL, "mail.test"},
        {"EX1 15.2.2562.17 mail.test;EX2 15.2.2562.17 contoso.test", "/o=C/ou=A/cn=Servers/cn=ex2",
            "mail.test", OUTCOME_PASS, OUTCOME_FAIL, "contoso.test"},
        {"", NULL, "", OUTCOME_PASS, OUTCOME_FAIL, "contoso.test"},
        {"", NULL, NULL, OUTCOME_PASS, OUTCOME_SKIPPED, "contoso.test"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        fixture_healthy(&survey);
        add_servers(&survey, table[i].servers);
        struct check *recipient = add_read(&survey, "ldap.recipient", NULL);
        check_text(recipient, "recipient.home_server", table[i].home);
        struct fact domain = {
            .key = "registry.domain", .type = FACT_TEXT, .text = table[i].machine};
        survey.vantage.registry = table[i].machine != NULL ? &domain : NULL;
        survey.checklist = checklist_fill(&survey);
        assert_item(&survey, "faq-8", table[i].account, table[i].says, table[i].servers);
        assert_item(&survey, "faq-9", table[i].application, "", table[i].servers);
        survey_done(&survey);
    }
}

/* The directory's word against the challenge's. */
static void test_domain_disagreement(void **state)
{
    (void)state;
    struct survey survey;
    fixture_healthy(&survey);
    add_servers(&survey, "EX1 15.2.2562.17 fabrikam.test");
    check_text(fixture_check(&survey, LDAP, "ldap.account"), "account.domain", "fabrikam.test");
    survey.checklist = checklist_fill(&survey);
    assert_item(&survey, "faq-8", OUTCOME_WARN, "on the wire is in contoso.test", "fabrikam");
    survey_done(&survey);
}

/* ---- the recipient, its groups ---- */

static void test_recipient(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        bool remote;
        enum outcome outcome;
        const char *says;
    } table[] = {
        {"UserMailbox", false, OUTCOME_PASS, "a UserMailbox in DB1"},
        {"SharedMailbox", false, OUTCOME_WARN, "SharedMailbox"},
        {"LinkedMailbox", false, OUTCOME_WARN, "LinkedMailbox"},
        {"RemoteUserMailbox", true, OUTCOME_FAIL, "in Exchange Online"},
        {"MailUser", false, OUTCOME_FAIL, "a MailUser has no mailbox"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        fixture_healthy(&survey);
        struct check *recipient = add_read(&survey, "ldap.recipient", NULL);
        check_text(recipient, "recipient.type_name", table[i].type);
        check_bool(recipient, "recipient.remote", table[i].remote);
        check_text(recipient, "recipient.database", "DB1");
        check_text(recipient, "recipient.address_book_policy", "CN=PBX,CN=Policies,DC=test");
        survey.checklist = checklist_fill(&survey);
        assert_item(&survey, "faq-11", table[i].outcome, table[i].says, table[i].type);
        assert_item(&survey, "faq-12", OUTCOME_PASS, "address book policy PBX only", "a policy");
        survey_done(&survey);
    }
}

static void test_groups(void **state)
{
    (void)state;
    static const struct {
        const char *privileged, *second, *path;
        bool protected_users;
        int admin_count;
        enum outcome outcome;
        const char *says;
    } table[] = {
        {NULL, NULL, NULL, false, 0, OUTCOME_PASS, "neither is among its 14 groups, nested"},
        {NULL, NULL, NULL, false, 1, OUTCOME_WARN, "adminCount"},
        {"Domain Admins (RID 512)", NULL, "svc > PBX > Domänen-Admins", false, 1, OUTCOME_FAIL,
            "a member: svc > PBX > Domänen-Admins"},
        {"Account Operators (RID 548)", "Enterprise Admins (RID 519)", "svc > Enterprise Admins",
            false, 1, OUTCOME_FAIL, "svc > Enterprise Admins; and of 1 more privileged group"},
        {"Account Operators (RID 548)", NULL, NULL, false, 1, OUTCOME_WARN,
            "of neither, but of another group with power over the domain: Account Operators"},
        {"Protected Users (RID 525)", NULL, NULL, true, 0, OUTCOME_WARN,
            "Protected Users: no NTLM"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        fixture_healthy(&survey);
        struct check *groups = add_read(&survey, "ldap.groups", NULL);
        check_int(groups, "groups.count", 14);
        check_int(groups, "groups.admin_count", table[i].admin_count);
        check_add(groups, "groups.privileged", table[i].privileged);
        check_add(groups, "groups.privileged", table[i].second);
        check_add(groups, "groups.path", table[i].path);
        check_bool(groups, "groups.protected_users", table[i].protected_users);
        survey.checklist = checklist_fill(&survey);
        assert_item(&survey, "faq-13", table[i].outcome, table[i].says, "groups");
        survey_done(&survey);
    }
}

/* ---- the application server ---- */

#define HKLM  "[HKEY_LOCAL_MACHINE\\"
#define PLAIN HKLM REGISTRY_UNINSTALL
#define WOW   HKLM REGISTRY_UNINSTALL_WOW
#define BOTH  PLAIN "]\n" WOW "]\n"
#define CDO(version) \
    WOW "\\x]\n\"DisplayName\"=\"MAPI Client and CDO\"\n\"DisplayVersion\"=\"" version "\"\n"
#define NAMED(name) PLAIN "\\x]\n\"DisplayName\"=\"" name "\"\n"
#define CLIENT      HKLM REGISTRY_CLIENTS "]\n"
#define LSA         HKLM REGISTRY_LSA "]\n"

static void test_registry(void **state)
{
    (void)state;
    static const struct {
        const char *file, *item;
        enum outcome outcome;
        const char *says;
    } table[] = {
        {"", "faq-3", OUTCOME_SKIPPED, "by hand"},
        {"", "faq-4", OUTCOME_SKIPPED, "by hand"},
        {"", "faq-5", OUTCOME_SKIPPED, "by hand"},
        {"", "faq-9", OUTCOME_SKIPPED, "by hand"},
        {"", "faq-2013-4", OUTCOME_SKIPPED, "by hand"},
        {CDO("6.5.8353.0"), "faq-3", OUTCOME_PASS, "6.5.8353.0 is installed"},
        {CDO("6.5.10000"), "faq-3", OUTCOME_PASS, "6.5.10000"}, /* numbers, no text */
        {CDO("6.10"), "faq-3", OUTCOME_PASS, "6.10"},
        {CDO("6.5.8352.9"), "faq-3", OUTCOME_FAIL, "6.5.8352.9 is older than 6.5.8353"},
        {CDO("6.5"), "faq-3", OUTCOME_FAIL, "6.5 is older"},
        {CDO(""), "faq-3", OUTCOME_WARN, "of what version"},
        {BOTH, "faq-3", OUTCOME_FAIL, "not installed"},
        {PLAIN "]\n", "faq-3", OUTCOME_SKIPPED, "Wow6432Node"},
        {CDO("6.5.8353.0"), "faq-2013-2", OUTCOME_WARN, "does not support it with Exchange 2016"},
        {CDO("6.5.8320.0"), "faq-2013-2", OUTCOME_FAIL, "older"},
        {"", "faq-2013-2", OUTCOME_SKIPPED, "does not support with the Exchange seen here"},
        {BOTH, "faq-4", OUTCOME_PASS, "none is installed"},
        {WOW "]\n", "faq-4", OUTCOME_SKIPPED, "by hand: no Outlook in what --registry has"},
        {NAMED("Microsoft Outlook 2016"), "faq-4", OUTCOME_FAIL, "Microsoft Outlook 2016"},
        {NAMED("Microsoft Office Standard 2013"), "faq-4", OUTCOME_WARN, "unless it was left out"},
        {BOTH CLIENT HKLM REGISTRY_CLIENTS "\\Microsoft Outlook]\n", "faq-4", OUTCOME_WARN,
            "a remainder"},
        {CLIENT "@=\"ExchangeMAPI\"\n", "faq-5", OUTCOME_PASS, "in 1 key"},
        {CLIENT "@=\"Microsoft Outlook\"\n", "faq-5", OUTCOME_FAIL, "Mail is Microsoft Outlook"},
        {CLIENT, "faq-5", OUTCOME_FAIL, "SOFTWARE\\Clients\\Mail names none"},
        {CLIENT "@=\"ExchangeMAPI\"\n" HKLM REGISTRY_CLIENTS_WOW "]\n@=\"Windows Mail\"\n", "faq-5",
            OUTCOME_FAIL, "Wow6432Node\\Clients\\Mail is Windows Mail"},
        {CLIENT "@=\"exchangemapi\"\n[HKEY_CURRENT_USER\\SOFTWARE\\Clients\\Mail]\n@=\"X\"\n",
            "faq-5", OUTCOME_WARN, "is that the account?"},
        {LSA "\"LmCompatibilityLevel\"=dword:3\n", "faq-2013-4", OUTCOME_PASS, "it is 3"},
        {LSA "\"LmCompatibilityLevel\"=dword:2\n", "faq-2013-4", OUTCOME_FAIL, "it is 2"},
        {LSA, "faq-2013-4", OUTCOME_PASS, "not set"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        struct fault fault;
        fixture_healthy(&survey);
        struct registry *registry = registry_new(&survey.arena);
        const char *file = arena_printf(&survey.arena, "REGEDIT4\n%s", table[i].file);
        if (!registry_add(registry, "a.reg", file, strlen(file), &fault))
            fail_msg("%s", fault.text);
        survey.vantage.registry = registry_facts(registry);
        survey.checklist = checklist_fill(&survey);
        assert_item(&survey, table[i].item, table[i].outcome, table[i].says, table[i].file);
        survey_done(&survey);
    }
}

/* Facts of another type than ours, from a survey that somebody made. */
static void test_hostile_facts(void **state)
{
    (void)state;
    static const char *const keys[] = {"registry.keys", "registry.mapi_cdo", "registry.outlook",
        "registry.mail_clients", "registry.lm_compatibility", "registry.domain"};
    static const char *const odd[] = {"", "="};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        for (int type = FACT_BOOL; type <= FACT_LIST; type++) {
            struct fact fact = {
                .key = keys[i], .type = (enum fact_type)type, .text = "x", .list = odd, .count = 2};
            struct survey survey;
            fixture_healthy(&survey);
            survey.vantage.registry = &fact;
            survey.checklist = checklist_fill(&survey);
            assert_non_null(survey.checklist);
            survey_done(&survey);
        }
    }
}

static void test_public(void **state)
{
    (void)state;
    struct survey survey;
    fixture_healthy(&survey);
    check_text(fixture_check(&survey, "autodiscover/autodiscover.contoso.test/127.0.0.20:443",
                   "autodiscover.mailbox"),
        "autodiscover.public_folders", "pf@contoso.test");
    survey.checklist = checklist_fill(&survey);
    assert_item(&survey, "faq-2013-3", OUTCOME_SKIPPED, "leads to pf@contoso.test", "no tree");
    add_read(&survey, "ews.public", "public folders");
    survey.checklist = checklist_fill(&survey);
    assert_item(&survey, "faq-2013-3", OUTCOME_PASS, "held by pf@contoso.test", "a tree");
    survey_done(&survey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_servers),
        cmocka_unit_test(test_claimed_build),
        cmocka_unit_test(test_domains),
        cmocka_unit_test(test_domain_disagreement),
        cmocka_unit_test(test_recipient),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_registry),
        cmocka_unit_test(test_hostile_facts),
        cmocka_unit_test(test_public),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
