/*
 * Security contexts and LDAP against the lab's Active Directory. Runs inside the lab:
 *
 *     tests/lab/lab run DIR -- directory_test DIR
 */
#include "tests/integration/lab_ad.h"

static void test_root_dse(void **unused)
{
    (void)unused;
    static const char *const attributes[] = {
        "defaultNamingContext", "supportedSASLMechanisms", "isGlobalCatalogReady", NULL};
    static const uint16_t ports[] = {389, 636, 3268, 3269};
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        struct link link;
        struct arena arena = {0};
        struct fault fault = {0};
        struct directory_result result = {0};
        struct directory_search search = {
            .base = "", .filter = "(objectClass=*)", .attributes = attributes};
        link_open(&link, ports[i]);
        assert_ok(
            directory_search(link.directory, &search, soon(), &arena, &result, &fault), &fault);
        assert_int_equal(result.count, 1);
        assert_string_equal(entry_text(&result.entries[0], "DEFAULTnamingcontext"), BASE);
        assert_string_equal(entry_text(&result.entries[0], "isGlobalCatalogReady"), "TRUE");
        assert_true(entry_attribute(&result.entries[0], "supportedSASLMechanisms")->count >= 2);
        link_close(&link);
        arena_done(&arena);
    }
}

/* The bound connection must carry searches: the layer, or its absence, is right. */
static void find_mailbox(struct link *link, const char *base)
{
    static const char *const attributes[] = {"mail", "objectGUID", "proxyAddresses", NULL};
    struct arena arena = {0};
    struct fault fault = {0};
    struct directory_result result = {0};
    struct directory_search search = {.base = base,
        .scope = DIRECTORY_SUBTREE,
        .filter = arena_printf(
            &arena, "(proxyAddresses=smtp:%s)", directory_escape(&arena, "svc@contoso.test")),
        .attributes = attributes};
    for (int i = 0; i < 3; i++) {
        assert_ok(
            directory_search(link->directory, &search, soon(), &arena, &result, &fault), &fault);
        assert_int_equal(result.count, 1);
        assert_string_equal(entry_text(&result.entries[0], "mail"), "svc@contoso.test");
        assert_int_equal(entry_attribute(&result.entries[0], "objectGUID")->values[0].length, 16);
    }
    search.filter = "(proxyAddresses=smtp:nobody@contoso.test)";
    assert_ok(directory_search(link->directory, &search, soon(), &arena, &result, &fault), &fault);
    assert_int_equal(result.count, 0);
    arena_done(&arena);
}

static void test_gssapi(void **unused)
{
    (void)unused;
    struct krb *krb = logged_in();
    static const uint16_t ports[] = {636, 3269, 389, 3268};
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        struct link link;
        struct fault fault = {0};
        struct secctx *context = NULL;
        bool sent = false;
        link_open(&link, ports[i]);
        struct sec_target target = ldap_target(&link);
        struct sec_account account = {.krb = krb};
        assert_ok(secctx_new(SEC_KERBEROS_PLAIN, &target, &account, &context, &fault), &fault);
        assert_true(secctx_next_proves(context));
        assert_ok(directory_bind(link.directory, "GSSAPI", context, soon(), &sent, &fault), &fault);
        assert_true(sent);
        find_mailbox(&link, ports[i] < 3000 ? BASE : "");
        link_close(&link);
        secctx_free(context);
    }
    krb_free(krb);
}

static bool ntlm_bind(struct link *link, const char *user, const char *domain,
    const struct secret *secret, struct secctx **ret_context, struct fault *fault)
{
    struct sec_target target = ldap_target(link);
    struct sec_account account = {.user = user, .domain = domain, .secret = secret};
    bool sent = false;
    assert_ok(secctx_new(SEC_NTLM, &target, &account, ret_context, fault), fault);
    assert_false(secctx_next_proves(*ret_context));
    bool ok = directory_bind(link->directory, "GSS-SPNEGO", *ret_context, soon(), &sent, fault);
    assert_true(sent);
    assert_string_equal(secctx_challenge(*ret_context)->netbios_domain, "CONTOSO");
    return ok;
}

static void test_ntlm(void **unused)
{
    (void)unused;
    static const uint16_t ports[] = {636, 3269, 389, 3268};
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        struct link link;
        struct fault fault = {0};
        struct secctx *context = NULL;
        link_open(&link, ports[i]);
        bool upn = i % 2 == 0;
        assert_ok(ntlm_bind(&link, upn ? "svc@contoso.test" : "svc", upn ? "" : "CONTOSO", password,
                      &context, &fault),
            &fault);
        find_mailbox(&link, ports[i] < 3000 ? BASE : "");
        link_close(&link);
        secctx_free(context);
    }
}

static void test_bad_states(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < STATES; i++) {
        struct link link;
        struct fault fault = {0};
        struct secctx *context = NULL;
        bool sent = false;
        char upn[64];
        snprintf(upn, sizeof upn, "%s@contoso.test", states[i].account);
        link_open(&link, 636);
        bool ok = directory_bind_simple(link.directory, upn, password, soon(), &sent, &fault);
        expect(ok, &fault, states[i].simple, states[i].account);
        link_close(&link);
        link_open(&link, 636);
        ok = ntlm_bind(&link, states[i].account, "CONTOSO", password, &context, &fault);
        expect(ok, &fault, states[i].ntlm, states[i].account);
        link_close(&link);
        secctx_free(context);
    }
}

static void test_refusals(void **unused)
{
    (void)unused;
    static const char *const attributes[] = {"cn", NULL};
    struct link link;
    struct arena arena = {0};
    struct fault fault = {0};
    struct directory_result result = {0};
    bool sent = true;
    link_open(&link, 389);
    bool ok =
        directory_bind_simple(link.directory, "svc@contoso.test", password, soon(), &sent, &fault);
    assert_cause(ok, &fault, CAUSE_CREDENTIAL_UNSAFE);
    assert_false(sent);
    /* Anonymous: only the rootDSE is open. */
    struct directory_search search = {
        .base = BASE, .scope = DIRECTORY_SUBTREE, .filter = "(cn=svc)", .attributes = attributes};
    ok = directory_search(link.directory, &search, soon(), &arena, &result, &fault);
    assert_cause(ok, &fault, CAUSE_LDAP_RESULT);
    assert_int_equal(fault.code, 1);
    link_close(&link);

    link_as_reader(&link);
    search.base = "OU=nowhere," BASE;
    ok = directory_search(link.directory, &search, soon(), &arena, &result, &fault);
    assert_cause(ok, &fault, CAUSE_NO_OBJECT);
    search.base = BASE;
    search.filter = "(objectClass=*)";
    search.max = 5;
    assert_ok(directory_search(link.directory, &search, soon(), &arena, &result, &fault), &fault);
    assert_int_equal(result.count, 5);
    assert_true(result.more);
    search.filter = "(((";
    ok = directory_search(link.directory, &search, soon(), &arena, &result, &fault);
    assert_cause(ok, &fault, CAUSE_INTERNAL);
    link_close(&link);
    arena_done(&arena);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: directory_test DIR\n");
        return 77;
    }
    if (!lab_open(argv[1]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_root_dse),
        cmocka_unit_test(test_gssapi),
        cmocka_unit_test(test_ntlm),
        cmocka_unit_test(test_bad_states),
        cmocka_unit_test(test_refusals),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    lab_close();
    return failed;
}
