#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/settings.h"
#include "tests/unit/judged.h"

#include <string.h>

static struct settings contoso(void)
{
    return (struct settings){.mail_domain = "contoso.test",
        .realm = "CORP.EXAMPLE",
        .hosts = {.list = {{.host = "mail.partner.test"}}, .count = 1},
        .dcs = {.list = {{.host = "dc9.other.test", .port = 389}}, .count = 1},
        .allow_hosts = {.list = {"proxy.hoster.test"}, .count = 1}};
}

static void test_trust(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool trusted;
    } table[] = {
        {"contoso.test", true},
        {"mail.contoso.test", true},
        {"a.b.c.contoso.test", true},
        {"MAIL.Contoso.TEST", true},
        {"dc1.corp.example", true},
        {"corp.example", true},
        {"mail.partner.test", true},
        {"MAIL.partner.test", true},
        {"dc9.other.test", true},
        {"proxy.hoster.test", true},
        /* look-alikes */
        {"evilcontoso.test", false},
        {"contoso.test.evil.test", false},
        {"mail.contoso.test.evil.test", false},
        {"contoso.tes", false},
        {"contoso-test", false},
        {"contoso.testx", false},
        {"test", false},
        {"", false},
        {"evilcorp.example", false},
        {"example", false},
        {"other.partner.test", false},
        {"sub.mail.partner.test", false}, /* an option vouches for this very host */
        {"partner.test", false},
        {"x.proxy.hoster.test", false},
        {"xproxy.hoster.test", false},
        {"dc1.other.test", false},
        {"127.0.0.1", false},
    };
    struct settings settings = contoso();
    for (size_t i = 0; i < COUNT(table); i++) {
        if (settings_trusts_host(&settings, table[i].host) != table[i].trusted)
            fail_msg("%s: trusted %d", table[i].host, !table[i].trusted);
    }
}

/* Without a realm the empty text must not be the tail of every name. */
static void test_empty_domains_trust_nobody(void **state)
{
    (void)state;
    struct settings settings = {.mail_domain = "", .realm = ""};
    assert_false(settings_trusts_host(&settings, "mail.contoso.test"));
    assert_false(settings_trusts_host(&settings, ""));
    settings.mail_domain = "contoso.test";
    assert_false(settings_trusts_host(&settings, "mail.evil.test"));
    assert_true(settings_trusts_host(&settings, "mail.contoso.test"));
}

/* A list as on the command line: "ews,tls". */
static void words_of(struct words *words, char *buffer, const char *list)
{
    strcpy(buffer, list);
    words->count = 0;
    for (char *word = strtok(buffer, ","); word != NULL; word = strtok(NULL, ","))
        words->list[words->count++] = word;
}

static void test_services(void **state)
{
    (void)state;
    static const struct {
        const char *only, *skip;
        enum service service;
        bool wanted;
    } table[] = {
        {"", "", SERVICE_EWS, true},
        {"", "", SERVICE_DNS, true},
        {"ews", "", SERVICE_EWS, true},
        {"ews", "", SERVICE_OWA, false},
        {"ews", "", SERVICE_DNS, false},
        {"ews.folders", "", SERVICE_EWS, true},
        {"ews.folders", "", SERVICE_AUTODISCOVER, false},
        {"ewsx", "", SERVICE_EWS, false},
        {"ew", "", SERVICE_EWS, false},
        {"ews,owa.logon", "", SERVICE_OWA, true},
        {"kerberos", "", SERVICE_KERBEROS, true},
        {"kerberos", "", SERVICE_LDAP, false},
        {"gc", "", SERVICE_GC, true},
        {"gc", "", SERVICE_LDAP, false},
        /* a layer's family is a question about every row … */
        {"tls", "", SERVICE_EWS, true},
        {"tls.handshake", "", SERVICE_LDAP, true},
        {"dns", "", SERVICE_OWA, true},
        {"tcp,tls", "", SERVICE_KERBEROS, true},
        /* … and with a service beside it, of that service's rows */
        {"tls,ews", "", SERVICE_EWS, true},
        {"tls,ews", "", SERVICE_OWA, false},
        /* --skip wins */
        {"", "ews", SERVICE_EWS, false},
        {"", "ews", SERVICE_OWA, true},
        {"ews", "ews", SERVICE_EWS, false},
        {"tls", "owa", SERVICE_OWA, false},
        {"", "ews.folders", SERVICE_EWS, true}, /* one probe of the rows only */
        {"", "dns", SERVICE_DNS, false},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        char only[100], skip[100];
        struct settings settings = {0};
        words_of(&settings.only, only, table[i].only);
        words_of(&settings.skip, skip, table[i].skip);
        if (settings_wants_service(&settings, table[i].service) != table[i].wanted)
            fail_msg("--only '%s' --skip '%s': %s wanted %d", table[i].only, table[i].skip,
                service_str(table[i].service), !table[i].wanted);
    }
}

static void test_probes(void **state)
{
    (void)state;
    static const struct {
        const char *only, *skip, *probe;
        enum layer layer;
        bool wanted;
    } table[] = {
        {"", "", "ews.folders", LAYER_MAILBOX, true},
        {"", "ews", "ews.folders", LAYER_MAILBOX, false},
        {"", "ews.folders", "ews.folders", LAYER_MAILBOX, false},
        {"", "ews.folders", "ews.version", LAYER_PROTOCOL, true},
        {"", "ews.fold", "ews.folders", LAYER_MAILBOX, true}, /* no prefixes within a word */
        {"", "http.health", "http.logon", LAYER_AUTH, true},
        {"", "http", "http.logon", LAYER_AUTH, false},
        /* what is asked for needs everything below it, nothing above */
        {"tls", "", "dns.name", LAYER_DNS, true},
        {"tls", "", "tcp.connect", LAYER_TCP, true},
        {"tls", "", "tls.handshake", LAYER_TLS, true},
        {"tls", "", "http.offer", LAYER_HTTP, false},
        {"tls", "", "http.logon", LAYER_AUTH, false},
        {"dns", "", "tcp.connect", LAYER_TCP, false},
        {"dns.name", "", "dns.name", LAYER_DNS, true},
        {"dns,tcp", "", "tcp.connect", LAYER_TCP, true},
        {"http", "", "http.offer", LAYER_HTTP, true},
        {"http", "", "http.logon", LAYER_AUTH, false},
        {"http.logon", "", "http.logon", LAYER_AUTH, true},
        {"http.logon", "", "ews.version", LAYER_PROTOCOL, false},
        {"ews", "", "http.logon", LAYER_AUTH, true},
        {"ews", "", "ews.folders", LAYER_MAILBOX, true},
        {"tls,ews", "", "ews.folders", LAYER_MAILBOX, true},
        {"tls", "tls", "tls.handshake", LAYER_TLS, false},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        char only[100], skip[100];
        struct settings settings = {0};
        words_of(&settings.only, only, table[i].only);
        words_of(&settings.skip, skip, table[i].skip);
        if (settings_wants_probe(&settings, table[i].probe, table[i].layer) != table[i].wanted)
            fail_msg("--only '%s' --skip '%s': %s wanted %d", table[i].only, table[i].skip,
                table[i].probe, !table[i].wanted);
    }
}

static void test_named_hosts(void **state)
{
    (void)state;
    struct settings settings = {.mail_domain = "contoso.test", .realm = "CONTOSO.TEST"};
    assert_false(settings_names_host(&settings, "mail.contoso.test")); /* trusted, not named */
    settings.hosts.list[settings.hosts.count++] = (struct place){"ex1.contoso.test", 135};
    settings.allow_hosts.list[settings.allow_hosts.count++] = "mail.contoso.test";
    assert_true(settings_names_host(&settings, "EX1.contoso.test"));
    assert_true(settings_names_host(&settings, "Mail.contoso.test"));
    assert_false(settings_names_host(&settings, "ex2.contoso.test"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trust),
        cmocka_unit_test(test_empty_domains_trust_nobody),
        cmocka_unit_test(test_named_hosts),
        cmocka_unit_test(test_services),
        cmocka_unit_test(test_probes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
