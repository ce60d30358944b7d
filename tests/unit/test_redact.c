#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/diagnose.h"
#include "report/json.h"
#include "report/redact.h"
#include "report/redact_words.h"
#include "report/text.h"
#include "tests/unit/fixture.h"

#include <string.h>

#define LDAP "ldap/dc1.contoso.test/127.0.0.10:389"

static const char *const secrets[] = {"contoso", "CONTOSO", "127.0.0.", "svc@", "bob@", "dc1",
    "DB1", "ex1", "ex2", "pbx", "11111111-2222", "fe80::", "10.1.2.3", "Jane", "aa11",
    "Service Account", NULL};

static void add_names(struct survey *survey)
{
    struct check *check = fixture_check(
        survey, "autodiscover/autodiscover.contoso.test/127.0.0.20:443", "autodiscover.mailbox");
    check_text(check, "autodiscover.display_name", "Jane Doe");
    check_text(check, "autodiscover.server", "11111111-2222-3333-4444-555555555555@contoso.test");
    check_text(check, "krb.realm", "CONTOSO.TEST");
    check_settle(
        check, OUTCOME_PASS, "the mailbox of Jane Doe on EX1, by fe80::1 and 10.1.2.3:443");
    survey->target.account = "CONTOSO\\svc";
}

/* Whatever broke: no name is left in any output, and the builds and the words are still there. */
static void test_no_name_left(void **state)
{
    (void)state;
    static void (*const renderers_of[])(const struct survey *, const struct render_style *,
        struct text_buffer *) = {json_render, text_render};
    const struct render_style style = {.width = 120, .utf8 = true};
    for (size_t i = 0; fixture_goldens[i] != NULL; i++) {
        struct survey survey;
        fixture_healthy(&survey);
        add_names(&survey);
        if (i > 0)
            fixture_break(&survey, fixture_goldens[i]);
        survey_diagnose(&survey);
        enum status status = survey.verdict.status;
        survey_redact(&survey);
        for (size_t k = 0; k < 2; k++) {
            struct text_buffer out = {0};
            renderers_of[k](&survey, &style, &out);
            for (size_t n = 0; secrets[n] != NULL; n++) {
                const char *found = strstr(buffer_text(&out), secrets[n]);
                if (found != NULL)
                    fail_msg("%s leaves %s: %.60s", fixture_goldens[i], secrets[n], found);
            }
            assert_non_null(strstr(buffer_text(&out), "mailbox-1"));
            buffer_done(&out);
        }
        /* saved, it still says the same */
        struct text_buffer out = {0};
        struct survey again;
        struct fault fault = {0};
        json_render(&survey, &style, &out);
        survey_init(&again);
        if (!json_load(out.bytes, out.length, &again, &fault))
            fail_msg("%s", fault.text);
        survey_diagnose(&again);
        assert_int_equal(again.verdict.status, status);
        if (survey.findings != NULL)
            assert_string_equal(again.findings->rule, survey.findings->rule);
        survey_done(&again);
        buffer_done(&out);
        survey_done(&survey);
    }
}

static void test_builds_stay(void **state)
{
    (void)state;
    struct survey survey;
    fixture_healthy(&survey);
    survey.version = "1.2.3.4";
    struct check *check =
        fixture_check(&survey, "ews/mail.contoso.test/127.0.0.20:443", "ews.version");
    check_text(check, "exchange.build", "14.3.123.4"); /* could be an address */
    check_settle(check, OUTCOME_PASS, "build 14.3.123.4, not 14.3.123.5");
    survey_redact(&survey);
    assert_string_equal(check_get_text(check, "exchange.build", ""), "14.3.123.4");
    assert_non_null(strstr(check->summary, "build 14.3.123.4, not address-"));
    survey_done(&survey);
}

static const struct {
    const char *key, *text, *expected; /* NULL: only that no secret is in it */
} directory_facts[] = {
    {"account.sid", "S-1-5-21-777-888-999-1105", NULL},
    {"account.display_name", "Zoe Quark", NULL},
    {"account.domain", "quark.example", NULL},
    {"account.workstations", "ZWS7", NULL},
    {"groups.privileged", "Domain Admins (RID 512)", "Domain Admins (RID 512)"},
    {"groups.path", "svc > Quark PBX > IT > Domain Admins", NULL},
    {"policy.pso", "CN=Zeta PSO,CN=Password Settings Container,DC=quark", NULL},
    {"recipient.delegates", "CN=Quill\\, Zed,OU=Users,DC=quark,DC=example", NULL},
    {"recipient.x500", "x500:/o=Quark Org/ou=X/cn=Recipients/cn=zq", NULL},
    {"recipient.target", "SMTP:zq@quark.mail.onmicrosoft.com", NULL},
    {"recipient.home_server", "ZEX7", NULL},
    {"recipient.type_name", "UserMailbox", "UserMailbox"},
    {"recipient.protocols_off", "MAPI", "MAPI"},
    {"addresses.duplicates", "smtp:zq@quark.example | CN=Zq One,DC=quark | CN=Zq Two,DC=quark",
        NULL},
    {"spn.duplicates", "HTTP/zmail.quark.example:443 | CN=ZEX7,OU=Servers,DC=quark", NULL},
    {"spn.etypes", "CN=ZEX7,OU=Servers,DC=quark | 28", NULL},
    {"org.name", "Quark Org", NULL},
    {"org.versions", "Exchange SE", "Exchange SE"},
    {"server.name", "ZEX7", NULL},
    {"server.fqdn", "zex7.quark.example", NULL},
    {"server.site", "Zed Site", NULL},
    {"scp.url", "https://zauto.quark.example/Autodiscover/Autodiscover.xml", NULL},
    {"scp.sites", "Zed Site", NULL},
    {"vdir.internal_url", "https://zmail.quark.example/EWS/Exchange.asmx", NULL},
    {"vdir.auth_internal", "Negotiate", "Negotiate"},
    {"database.name", "ZDB 01", NULL},
    {"dc.sites", "zdc1.quark.example | Zed Site", NULL},
    {"guard.reader", "zoe@QUARK.EXAMPLE", NULL},
    {"ldap.client_site", "Zed Site", NULL},
};

/* A fact of every kind of value that the directory brings; no name of it is left, in the fact or in
 * a sentence. */
static void test_directory(void **state)
{
    (void)state;
    static const char *const gone[] = {"777-888", "Zoe", "zoe", "uark", "UARK", "ZWS7", "Zeta",
        "Quill", "zq", "Zq", "ZEX7", "zex7", "Zed", "zauto", "zmail", "ZDB", "zdc1", " IT "};
    struct survey survey;
    fixture_healthy(&survey);
    struct check *check = fixture_check(&survey, LDAP, "ldap.account");
    for (size_t i = 0; i < sizeof directory_facts / sizeof directory_facts[0]; i++)
        check_add(check, directory_facts[i].key, directory_facts[i].text);
    check_settle(check, OUTCOME_PASS,
        "Zoe Quark in ZDB 01 on ZEX7, site Zed Site, of Quark Org, in 14 groups by Quark PBX");
    check_text(check, "server.build", "15.2.12.17"); /* could be an address */
    struct fact domain = {.key = "registry.domain", .type = FACT_TEXT, .text = "quark.example"};
    survey.vantage.registry = &domain;
    survey_redact(&survey);
    for (size_t n = 0; n < sizeof gone / sizeof gone[0]; n++) {
        for (const struct fact *at = check->facts; at != NULL; at = at->next) {
            if (at->type == FACT_LIST && strstr(at->list[0], gone[n]) != NULL)
                fail_msg("%s is left in %s: %s", gone[n], at->key, at->list[0]);
        }
        if (strstr(check->summary, gone[n]) != NULL || strstr(domain.text, gone[n]) != NULL)
            fail_msg("%s is left: %s; %s", gone[n], check->summary, domain.text);
    }
    assert_non_null(strstr(check->summary, "in 14 groups by object-"));
    assert_string_equal(check_get_text(check, "server.build", ""), "15.2.12.17");
    for (size_t i = 0; i < sizeof directory_facts / sizeof directory_facts[0]; i++) {
        const struct fact *fact = check_fact(check, directory_facts[i].key);
        if (directory_facts[i].expected != NULL)
            assert_string_equal(fact->list[0], directory_facts[i].expected);
    }
    survey_done(&survey);
}

/* The same thing is the same token everywhere, in whatever spelling; different ones differ. */
static void test_words(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct redact_words words = {.arena = &arena};
    redact_learn(&words, REDACT_DOMAIN, "contoso.test");
    redact_learn(&words, REDACT_HOST, "mail.contoso.test");
    redact_learn(&words, REDACT_MAILBOX, "svc@contoso.test");
    redact_learn(&words, REDACT_ACCOUNT, "svc");
    redact_learn(&words, REDACT_ACCOUNT, "mail"); /* a word of ours */
    redact_learn(&words, REDACT_ACCOUNT, "ab");   /* too short to look for */
    redact_learn(&words, REDACT_ADDRESS, "127.0.0.2");
    redact_keep(&words, "15.2.12.4");
    redact_sort(&words);
    static const struct {
        const char *text, *expected;
    } table[] = {
        {"", ""},
        {"nothing here", "nothing here"},
        {"mail.contoso.test:443", "host-1:443"},
        {"MAIL.Contoso.TEST and contoso.test", "host-1 and domain-1"},
        {"at contoso.test.", "at domain-1."},
        {"svc@contoso.test (svc)", "mailbox-1 (account-1)"},
        {"svcs, mysvc, svc-2", "svcs, mysvc, account-1-2"},
        {"e-mail to the mailbox", "e-mail to the mailbox"},
        {"https://other.contoso.test/EWS", "https://host-2/EWS"},
        {"other.contoso.test", "host-2"},
        {"bob.b@fabrikam.example", "mailbox-2"},
        {"127.0.0.2 and 127.0.0.20:443", "address-1 and address-2:443"},
        {"127.0.0.20/x, 15.2.12.4, 15.2.12.5", "address-2/x, 15.2.12.4, address-3"},
        {"[2001:db8::1]:443 at 12:30:00", "[address-4]:443 at 12:30:00"},
        {"300.1.1.1 1.2.3", "300.1.1.1 1.2.3"},
        {"xcontoso.test", "xcontoso.test"},
        {"_ldap._tcp.contoso.test 0 100 389 dc.contoso.test",
            "_ldap._tcp.domain-1 0 100 389 host-3"},
        {"ab", "account-3"}, /* whole texts in any case, */
        {"mail", "account-2"},
        {"ab and mail", "ab and mail"}, /* in sentences they are words */
        {"auth.owa tls.handshake dns.name", "auth.owa tls.handshake dns.name"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_string_equal(redact_text(&words, table[i].text), table[i].expected);
    assert_null(redact_text(&words, NULL));
    redact_words_done(&words);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_name_left),
        cmocka_unit_test(test_builds_stay),
        cmocka_unit_test(test_directory),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
