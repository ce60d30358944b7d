#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/dn.h"
#include "probes/organization.h"
#include "tests/unit/entries.h"
#include "tests/unit/judged.h"

#define CONFIG  "CN=Configuration,DC=contoso,DC=test"
#define ORG     "CN=Contoso,CN=Microsoft Exchange,CN=Services," CONFIG
#define GROUP   "CN=Group,CN=Administrative Groups," ORG
#define SERVERS "CN=Servers," GROUP
#define LEGACY  "/o=Contoso/ou=Group/cn=Configuration/cn=Servers"

/* "a;b" of a list fact. */
static const char *joined(struct check *check, const char *key)
{
    const struct fact *fact = check_fact(check, key);
    const char *text = "";
    for (size_t i = 0; fact != NULL && i < fact->count; i++)
        text = arena_printf(&check->arena, "%s%s%s", text, i > 0 ? ";" : "", fact->list[i]);
    return text;
}

static void test_dn(void **state)
{
    (void)state;
    static const struct {
        const char *dn, *below, *parent;
    } table[] = {
        {"CN=EWS,CN=HTTP,CN=EX1," SERVERS, "EX1", "CN=HTTP,CN=EX1," SERVERS},
        {"CN=EX1," SERVERS, "EX1", SERVERS},
        {"CN=A\\, B,CN=servers,CN=x", "A, B", "CN=servers,CN=x"},
        {"CN=A\\2c\\20B,CN=Servers", "A, B", "CN=Servers"},
        {SERVERS, NULL, GROUP},
        {"CN=x\\", NULL, NULL},
        {"CN=x\\,", NULL, NULL},
        {"", NULL, NULL},
        {",", NULL, ""},
        {"nonsense", NULL, NULL},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct arena arena = {0};
        const char *below = dn_name_below(&arena, table[i].dn, "Servers");
        const char *parent = dn_parent(table[i].dn);
        if ((below == NULL) != (table[i].below == NULL) ||
            (below != NULL && strcmp(below, table[i].below) != 0))
            fail_msg("case %zu: %s", i, below);
        if ((parent == NULL) != (table[i].parent == NULL) ||
            (parent != NULL && strcmp(parent, table[i].parent) != 0))
            fail_msg("case %zu: %s", i, parent);
        arena_done(&arena);
    }
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        struct made_entry made;
        enum organization_kind kind;
        const char *subject;
    } table[] = {
        {{"CN=EX1," SERVERS, {{"objectClass", "server"}, {"objectClass", "msExchExchangeServer"}}},
            ORGANIZATION_SERVER, "EX1"},
        /* derived from the server's class, and yet no server */
        {{"CN=outlook,CN=Arrays," GROUP,
             {{"objectClass", "msExchExchangeServer"}, {"objectClass", "msExchClientAccessArray"}}},
            ORGANIZATION_ARRAY, "outlook"},
        {{"CN=DB1,CN=Databases," GROUP, {{"objectClass", "msexchprivatemdb"}}},
            ORGANIZATION_DATABASE, "DB1"},
        {{ORG, {{"objectClass", "msExchOrganizationContainer"}}}, ORGANIZATION_ROOT, "Contoso"},
        {{"CN=Hybrid Configuration," ORG, {{"objectClass", "msExchCoexistenceRelationship"}}},
            ORGANIZATION_HYBRID, "Hybrid Configuration"},
        {{"CN=a", {{"objectClass", "msExchAcceptedDomain"}}}, ORGANIZATION_DOMAIN, "a"},
        {{"CN=EX1,CN=Autodiscover,CN=Protocols,CN=EX1," SERVERS,
             {{"objectClass", "serviceConnectionPoint"},
                 {"keywords", "77378f46-2c66-4aa9-a6a6-3e7a48b19596"}}},
            ORGANIZATION_SCP, "EX1"},
        {{"CN=other.test", {{"objectClass", "serviceConnectionPoint"},
                               {"keywords", "67661D7F-8FC4-4FA7-BFAC-E1D7794C1F68"}}},
            ORGANIZATION_POINTER, "other.test"},
        {{"CN=printer", {{"objectClass", "serviceConnectionPoint"}, {"keywords", "Site=x"}}},
            ORGANIZATION_OTHER, "printer"},
        {{"CN=EWS (Default Web Site),CN=HTTP,CN=Protocols,CN=EX1," SERVERS,
             {{"objectClass", "msExchVirtualDirectory"},
                 {"objectClass", "msExchWebServicesVirtualDirectory"}}},
            ORGANIZATION_VDIR, "EX1/ews"},
        {{"CN=owa (Second),CN=HTTP,CN=Protocols,CN=EX1," SERVERS,
             {{"objectClass", "msExchOWAVirtualDirectory"}}},
            ORGANIZATION_VDIR, "EX1/owa (Second)"},
        {{"CN=Microsoft-Server-ActiveSync (Default Web Site),CN=EX2," SERVERS,
             {{"objectClass", "msExchMobileVirtualDirectory"}}},
            ORGANIZATION_VDIR, "EX2/activesync"},
        {{"CN=PowerShell", {{"objectClass", "msExchVirtualDirectory"},
                               {"objectClass", "msExchPowerShellVirtualDirectory"}}},
            ORGANIZATION_OTHER, "PowerShell"},
        {{"CN=x", {{NULL, NULL}}}, ORGANIZATION_OTHER, "x"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct arena arena = {0};
        struct directory_result made = entries_make(&arena, &table[i].made, 1);
        if (organization_kind(&made.entries[0]) != table[i].kind)
            fail_msg("case %zu: %d", i, (int)organization_kind(&made.entries[0]));
        assert_string_equal(organization_subject(&arena, &made.entries[0]), table[i].subject);
        arena_done(&arena);
    }
}

static void test_hosts(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"https://Mail.Contoso.Test/EWS/Exchange.asmx", "mail.contoso.test"},
        {"https://mail.contoso.test:8443/x", "mail.contoso.test"},
        {"mail.contoso.test", "mail.contoso.test"},
        {"LDAP://dc.fabrikam.test", "dc.fabrikam.test"},
        {"https://", NULL},
        {"", NULL},
        {"https://user name/x", NULL},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct arena arena = {0};
        const char *host = organization_host(&arena, table[i][0]);
        if (table[i][1] == NULL)
            assert_null(host);
        else
            assert_string_equal(host, table[i][1]);
        arena_done(&arena);
    }
}

static void test_server(void **state)
{
    (void)state;
    static const struct {
        const char *serial, *roles, *address, *build, *product, *names, *domain;
    } table[] = {
        {"Version 15.2 (Build 32562.17)", "54", "ncacn_ip_tcp:ex1.contoso.test", "15.2.2562.17",
            "Exchange SE", "Mailbox;Client Access;Unified Messaging;Hub Transport", "contoso.test"},
        {"Version 15.0 (Build 31497.2)", "16385", "NCACN_IP_TCP:ex1.emea.contoso.test",
            "15.0.1497.2", "Exchange 2013", "front end (Client Access);Front End Transport",
            "emea.contoso.test"},
        {"Version 14.3 (Build 30123.4)", "2", "netbios:EX1", "14.3.123.4", "Exchange 2010",
            "Mailbox", NULL},
        {"nonsense", "none", "ncacn_ip_tcp:ex1", NULL, NULL, "", NULL},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct arena arena = {0};
        const struct made_entry made = {"CN=EX1," SERVERS,
            {{"objectClass", "msExchExchangeServer"}, {"serialNumber", table[i].serial},
                {"msExchCurrentServerRoles", table[i].roles}, {"networkAddress", "netbios:EX1"},
                {"networkAddress", table[i].address},
                {"msExchServerSite", "CN=Berlin,CN=Sites," CONFIG}}};
        struct directory_result found = entries_make(&arena, &made, 1);
        struct check *check = check_for(&probe_ldap_server);
        judge_server(&found.entries[0], check);
        assert_int_equal(check->outcome, OUTCOME_PASS);
        assert_string_equal(check_get_text(check, "server.name", ""), "EX1");
        assert_string_equal(check_get_text(check, "server.site", ""), "Berlin");
        assert_string_equal(check_get_text(check, "server.serial", ""), table[i].serial);
        assert_string_equal(
            check_get_text(check, "server.build", "-"), table[i].build ? table[i].build : "-");
        assert_string_equal(check_get_text(check, "server.product", "-"),
            table[i].product ? table[i].product : "-");
        assert_string_equal(
            check_get_text(check, "server.domain", "-"), table[i].domain ? table[i].domain : "-");
        assert_string_equal(joined(check, "server.role_names"), table[i].names);
        check_free(check);
        arena_done(&arena);
    }
}

#define GUID    "77378F46-2C66-4aa9-A6A6-3E7A48B19596"
#define POINTER "67661d7F-8FC4-4fa7-BFAC-E1D7794C1F68"

static void test_scp(void **state)
{
    (void)state;
    static const struct made_entry server = {
        "CN=EX1," SERVERS, {{"objectClass", "msExchExchangeServer"}}};
    static const struct {
        const char *server, *url, *guid, *site, *client;
        enum outcome outcome;
        int known, ours; /* -1: not recorded */
    } table[] = {
        {"EX1", "https://a.test/x", GUID, "Site=Berlin", "berlin", OUTCOME_PASS, 1, 1},
        {"ex1", "https://a.test/x", GUID, "Site=Berlin", "Bern", OUTCOME_PASS, 1, 0},
        {"EX1", "https://a.test/x", GUID, "Site=Berlin", NULL, OUTCOME_PASS, 1, -1},
        {"EX1", "https://a.test/x", GUID, "nothing", "Bern", OUTCOME_PASS, 1, 0},
        {"EX9", "https://a.test/x", GUID, "Site=Berlin", "Berlin", OUTCOME_WARN, 0, 1},
        {"EX1", "https://", GUID, "Site=Berlin", "Berlin", OUTCOME_WARN, 1, 1},
        {"EX9", "LDAP://dc.fabrikam.test", POINTER, "Site=a", NULL, OUTCOME_PASS, -1, -1},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct arena arena = {0};
        const struct made_entry made = {
            arena_printf(
                &arena, "CN=x,CN=Autodiscover,CN=Protocols,CN=%s," SERVERS, table[i].server),
            {{"objectClass", "serviceConnectionPoint"}, {"keywords", table[i].guid},
                {"keywords", table[i].site}, {"serviceBindingInformation", table[i].url}}};
        struct directory_result servers = entries_make(&arena, &server, 1);
        struct directory_result found = entries_make(&arena, &made, 1);
        struct check *check = check_for(&probe_ldap_scp);
        judge_scp(&found.entries[0], &servers, table[i].client, check);
        if (check->outcome != table[i].outcome)
            fail_msg("case %zu: %s", i, check->summary);
        const struct fact *known = check_fact(check, "scp.known_server");
        const struct fact *ours = check_fact(check, "scp.site_ours");
        assert_int_equal(known == NULL ? -1 : known->boolean, table[i].known);
        assert_int_equal(ours == NULL ? -1 : ours->boolean, table[i].ours);
        assert_string_equal(check_get_text(check, "scp.url", ""), table[i].url);
        assert_string_equal(check_get_text(check, "scp.server", ""), table[i].server);
        assert_int_equal(
            check_get_bool(check, "scp.pointer", false), strcmp(table[i].guid, POINTER) == 0);
        check_free(check);
        arena_done(&arena);
    }
}

static void test_vdir(void **state)
{
    (void)state;
    static const struct {
        const char *class, *internal, *external, *flags, *service, *url, *host, *methods;
    } table[] = {
        {"msExchWebServicesVirtualDirectory", "https://in.test/EWS/Exchange.asmx",
            "https://out.test/EWS/Exchange.asmx", "1170", "ews",
            "https://in.test/EWS/Exchange.asmx", "in.test", "NTLM;Negotiate;Bearer;WS-Security"},
        {"msExchOWAVirtualDirectory", "https://in.test/owa", "https://out.test/owa", "5", "owa",
            "https://in.test/owa", "in.test", "Basic;Forms"},
        {"msExchRpcHttpVirtualDirectory", "in.test", "out.test", "8195", "rpc", NULL, "in.test",
            "Basic;NTLM;Negotiate"},
        {"msExchMapiVirtualDirectory", "https://in.test/mapi", "https://out.test/mapi", "8194",
            "mapi", "https://in.test/mapi", "in.test", "NTLM;Negotiate"},
        {"msExchOABVirtualDirectory", "https://in.test/OAB", "https://out.test/OAB", "16", "oab",
            "https://in.test/OAB", "in.test", "NTLM;Negotiate"},
        {"msExchECPVirtualDirectory", "https://in.test/ecp", "https://out.test/ecp", "32", "ecp",
            "https://in.test/ecp", "in.test", "Live ID forms"},
        {"msExchAutoDiscoverVirtualDirectory", "", "", "0", "autodiscover", NULL, NULL, ""},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct arena arena = {0};
        const struct made_entry made = {
            "CN=x (Default Web Site),CN=HTTP,CN=Protocols,CN=EX1," SERVERS,
            {{"objectClass", table[i].class}, {"msExchInternalHostName", table[i].internal},
                {"msExchExternalHostName", table[i].external},
                {"msExchInternalAuthenticationMethods", table[i].flags},
                {"msExchExternalAuthenticationMethods", "1"}}};
        struct directory_result found = entries_make(&arena, &made, 1);
        struct check *check = check_for(&probe_ldap_vdir);
        judge_vdir(&found.entries[0], check);
        assert_int_equal(check->outcome, OUTCOME_PASS);
        assert_string_equal(check_get_text(check, "vdir.server", ""), "EX1");
        assert_string_equal(check_get_text(check, "vdir.service", ""), table[i].service);
        assert_string_equal(
            check_get_text(check, "vdir.internal_url", "-"), table[i].url ? table[i].url : "-");
        assert_string_equal(
            check_get_text(check, "vdir.internal_host", "-"), table[i].host ? table[i].host : "-");
        assert_string_equal(
            check_get_text(check, "vdir.external_host", "-"), table[i].host ? "out.test" : "-");
        assert_string_equal(joined(check, "vdir.auth_internal"), table[i].methods);
        assert_string_equal(joined(check, "vdir.auth_external"), "Basic");
        check_free(check);
        arena_done(&arena);
    }
}

static void test_database(void **state)
{
    (void)state;
    static const struct made_entry servers[] = {
        {"CN=EX1," SERVERS,
            {{"objectClass", "msExchExchangeServer"}, {"legacyExchangeDN", LEGACY "/cn=EX1"},
                {"networkAddress", "ncacn_ip_tcp:ex1.contoso.test"}}},
        {"CN=outlook,CN=Arrays," GROUP,
            {{"objectClass", "msExchExchangeServer"}, {"objectClass", "msExchClientAccessArray"},
                {"legacyExchangeDN", LEGACY "/cn=array"},
                {"networkAddress", "ncacn_ip_tcp:outlook.contoso.test"}}},
    };
    static const char dn[] = "CN=DB1,CN=Databases," GROUP;
    static const struct {
        const char *owner, *legacy, *home, *server, *rpc;
        enum outcome outcome;
    } table[] = {
        {"CN=EX1," SERVERS, LEGACY "/cn=EX1/cn=Microsoft Private MDB", dn, "EX1",
            "ex1.contoso.test", OUTCOME_PASS},
        {"CN=EX1," SERVERS, LEGACY "/cn=ARRAY/cn=Microsoft Private MDB", NULL, "EX1",
            "outlook.contoso.test", OUTCOME_PASS},
        {"CN=EX1," SERVERS, LEGACY "/cn=gone/cn=Microsoft Private MDB", "CN=DB2", "EX1", "gone",
            OUTCOME_PASS},
        {"CN=EX9," SERVERS, "/", dn, "EX9", NULL, OUTCOME_WARN},
        {"CN=EX9," SERVERS, "", "CN=DB2", "EX9", NULL, OUTCOME_PASS},
        /* an array owns no database */
        {"CN=outlook,CN=Arrays," GROUP, "x/", dn, "outlook", NULL, OUTCOME_WARN},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct arena arena = {0};
        const struct made_entry made = {
            dn, {{"objectClass", "msExchPrivateMDB"}, {"msExchOwningServer", table[i].owner},
                    {"legacyExchangeDN", table[i].legacy}}};
        struct directory_result known = entries_make(&arena, servers, COUNT(servers));
        struct directory_result found = entries_make(&arena, &made, 1);
        struct check *check = check_for(&probe_ldap_database);
        judge_database(&found.entries[0], &known, table[i].home, check);
        if (check->outcome != table[i].outcome)
            fail_msg("case %zu: %s", i, check->summary);
        assert_string_equal(check_get_text(check, "database.name", ""), "DB1");
        assert_string_equal(check_get_text(check, "database.server", ""), table[i].server);
        assert_string_equal(
            check_get_text(check, "database.rpc_server", "-"), table[i].rpc ? table[i].rpc : "-");
        assert_int_equal(check_fact(check, "database.home") != NULL, table[i].home != NULL);
        assert_int_equal(check_get_bool(check, "database.home", false),
            table[i].home != NULL && strcmp(table[i].home, dn) == 0);
        check_free(check);
        arena_done(&arena);
    }
}

static void test_whole(void **state)
{
    (void)state;
    static const struct made_entry made[] = {
        {ORG, {{"objectClass", "msExchOrganizationContainer"}, {"objectVersion", "16763"},
                  {"msExchOrganizationFlags2", "1029"}}},
        {"CN=EX1," SERVERS, {{"objectClass", "msExchExchangeServer"},
                                {"serialNumber", "Version 15.2 (Build 32562.17)"}}},
        {"CN=EX2," SERVERS, {{"objectClass", "msExchExchangeServer"},
                                {"serialNumber", "Version 15.2 (Build 32562.20)"}}},
        {"CN=EX3," SERVERS, {{"objectClass", "msExchExchangeServer"},
                                {"serialNumber", "Version 15.0 (Build 31497.2)"}}},
        {"CN=DB1," GROUP, {{"objectClass", "msExchPrivateMDB"}}},
        {"CN=a", {{"objectClass", "msExchAcceptedDomain"},
                     {"msExchAcceptedDomainName", "contoso.Mail.onmicrosoft.com"}}},
        {"CN=b", {{"objectClass", "msExchAcceptedDomain"},
                     {"msExchAcceptedDomainName", "contoso.test"}}},
        {"CN=Hybrid Configuration," ORG, {{"objectClass", "msExchCoexistenceRelationship"}}},
    };
    struct arena arena = {0};
    struct directory_result all = entries_make(&arena, made, COUNT(made));
    struct check *check = check_for(&probe_ldap_organization);
    judge_organization(&all, 17003, check);
    assert_int_equal(check->outcome, OUTCOME_PASS);
    assert_string_equal(check->summary,
        "organisation Contoso: 3 servers of Exchange SE, Exchange 2013, 1 database");
    assert_string_equal(check_get_text(check, "org.name", ""), "Contoso");
    assert_int_equal(check_get_int(check, "org.schema", 0), 17003);
    assert_non_null(strstr(check_get_text(check, "org.schema_name", ""), "Exchange 2019"));
    assert_int_equal(check_get_int(check, "org.object_version", 0), 16763);
    assert_int_equal(check_get_int(check, "org.servers", 0), 3);
    assert_int_equal(check_get_int(check, "org.databases", 0), 1);
    assert_true(check_get_bool(check, "org.mapi_http", false));
    assert_true(check_get_bool(check, "org.hybrid", false));
    assert_string_equal(joined(check, "org.versions"), "Exchange SE;Exchange 2013");
    assert_string_equal(joined(check, "org.cloud_domains"), "contoso.Mail.onmicrosoft.com");
    check_free(check);

    all.count = 5;
    all.entries[0].count = 1; /* no flags, no version to be read */
    check = check_for(&probe_ldap_organization);
    judge_organization(&all, 0, check);
    assert_null(check_fact(check, "org.mapi_http"));
    assert_null(check_fact(check, "org.schema"));
    assert_null(check_fact(check, "org.object_version"));
    assert_false(check_get_bool(check, "org.hybrid", true));
    check_free(check);

    all.count = 0;
    check = check_for(&probe_ldap_organization);
    judge_organization(&all, 4711, check);
    assert_int_equal(check->outcome, OUTCOME_WARN);
    assert_null(check_fact(check, "org.schema_name"));
    check_free(check);
    arena_done(&arena);
}

static void test_caps(void **state)
{
    (void)state;
    static const struct made_entry server = {
        "CN=EX1," SERVERS, {{"objectClass", "msExchExchangeServer"}}};
    struct arena arena = {0};
    struct directory_result one = entries_make(&arena, &server, 1), all = {.count = 203};
    all.entries = arena_alloc(&arena, all.count * sizeof *all.entries);
    for (size_t i = 0; i < all.count; i++)
        all.entries[i] = one.entries[0];
    struct check *check = check_for(&probe_ldap_organization);
    judge_organization(&all, 0, check);
    assert_non_null(strstr(check->summary, "; 3 more servers are not shown"));
    assert_null(strstr(check->summary, "more objects"));
    check_free(check);
    all.count = 200;
    all.more = true;
    check = check_for(&probe_ldap_organization);
    judge_organization(&all, 0, check);
    assert_null(strstr(check->summary, "not shown"));
    assert_non_null(strstr(check->summary, "more objects than were read"));
    check_free(check);
    arena_done(&arena);
}

static void test_controllers(void **state)
{
    (void)state;
#define SITES "CN=Sites," CONFIG
    static const struct made_entry made[] = {
        {"CN=NTDS Settings,CN=DC1,CN=Servers,CN=Berlin," SITES,
            {{"objectClass", "applicationSettings"}, {"objectClass", "nTDSDSA"}, {"options", "1"},
                {"msDS-HasDomainNCs", "DC=contoso,DC=test"}}},
        {"CN=DC1,CN=Servers,CN=Berlin," SITES,
            {{"objectClass", "server"}, {"dNSHostName", "dc1.contoso.test"}}},
        {"CN=DC2,CN=Servers,CN=Bern," SITES,
            {{"objectClass", "server"}, {"dNSHostName", "dc2.contoso.test"}}},
        {"cn=ntds settings,cn=dc2,cn=servers,cn=Bern,cn=sites,cn=configuration,dc=contoso,dc=test",
            {{"objectClass", "nTDSDSA"}, {"objectClass", "nTDSDSARO"}, {"options", "32"}}},
        /* demoted: no NTDS settings */
        {"CN=DC3,CN=Servers,CN=Bern," SITES,
            {{"objectClass", "server"}, {"dNSHostName", "dc3.contoso.test"}}},
        /* settings without their server */
        {"CN=NTDS Settings,CN=DC4,CN=Servers,CN=Bern," SITES, {{"objectClass", "nTDSDSA"}}},
    };
    struct arena arena = {0};
    struct controller *list;
    struct directory_result found = entries_make(&arena, made, COUNT(made));
    size_t count = controllers_of(&arena, &found, &list);
    assert_int_equal(count, 2);
    assert_string_equal(list[0].domain, "DC=contoso,DC=test");
    assert_null(list[1].domain);
    struct check *check = check_for(&probe_ldap_controllers);
    judge_controllers(list, count, check);
    assert_int_equal(check->outcome, OUTCOME_PASS);
    assert_string_equal(joined(check, "dc.hosts"), "dc1.contoso.test;dc2.contoso.test");
    assert_string_equal(joined(check, "dc.gcs"), "dc1.contoso.test");
    assert_string_equal(
        joined(check, "dc.sites"), "dc1.contoso.test | Berlin;dc2.contoso.test | Bern");
    check_free(check);
    list[0].gc = false; /* nobody is one */
    check = check_for(&probe_ldap_controllers);
    judge_controllers(list, count, check);
    assert_int_equal(check->outcome, OUTCOME_WARN);
    check_free(check);
    check = check_for(&probe_ldap_controllers);
    judge_controllers(list, 0, check);
    assert_int_equal(check->outcome, OUTCOME_WARN);
    check_free(check);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dn),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_server),
        cmocka_unit_test(test_scp),
        cmocka_unit_test(test_vdir),
        cmocka_unit_test(test_database),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_caps),
        cmocka_unit_test(test_controllers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
