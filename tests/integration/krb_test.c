/*
 * Kerberos, and contexts made of its tickets, against the lab's Active Directory. Runs inside the
 * lab:
 *
 *     tests/lab/lab run DIR -- krb_test DIR
 */
#include "tests/integration/lab_ad.h"

#include <gssapi/gssapi_ext.h>

#include "net/krb_impl.h"

static char cache_file[512], keytab_file[512];

static void test_ask(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < STATES; i++) {
        const struct state *state = &states[i];
        bool exists = strcmp(state->account, "nosuchuser") != 0;
        int64_t before = exists ? bad_password_count(state->account) : 0;
        char upn[64];
        snprintf(upn, sizeof upn, "%s@contoso.test", state->account);
        struct krb *krb = NULL;
        struct krb_reply reply = {0};
        struct fault fault = {0};
        assert_ok(krb_new(upn, REALM, &krb, &fault), &fault);
        bool ok = krb_ask(krb, &kdc, NET_SOCK_NONE, soon(), &reply, &fault);
        expect(ok, &fault, state->ask, state->account);
        assert_true(reply.answered);
        assert_string_equal(reply.realm, REALM);
        if (ok) {
            assert_int_equal(reply.error, 25);
            assert_non_null(strstr(reply.etypes, "aes256-cts"));
        }
        assert_true(reply.server_time > 1700000000);
        assert_false(krb_has_ticket(krb));
        krb_free(krb);
        if (exists)
            assert_int_equal(bad_password_count(state->account), before);
    }
}

static void test_ask_over_given_socket(void **unused)
{
    (void)unused;
    struct krb *krb = NULL;
    struct krb_reply reply = {0};
    struct fault fault = {0};
    net_sock sock = NET_SOCK_NONE;
    assert_ok(krb_new("svc@contoso.test", REALM, &krb, &fault), &fault);
    assert_ok(sock_connect(&kdc, soon(), &sock, &fault), &fault);
    assert_ok(krb_ask(krb, &kdc, sock, soon(), &reply, &fault), &fault);
    assert_ok(krb_ask(krb, &kdc, sock, soon(), &reply, &fault), &fault);
    sock_close(sock);
    krb_free(krb);
}

static void test_login(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < STATES; i++) {
        char upn[64];
        snprintf(upn, sizeof upn, "%s@contoso.test", states[i].account);
        struct krb *krb = NULL;
        struct krb_reply reply = {0};
        struct fault fault = {0};
        bool sent = false;
        assert_ok(krb_new(upn, REALM, &krb, &fault), &fault);
        bool ok = krb_login(krb, &kdc, password, soon(), &sent, &reply, &fault);
        expect(ok, &fault, states[i].login, states[i].account);
        assert_int_equal(krb_has_ticket(krb), ok);
        assert_int_equal(sent, strcmp(states[i].account, "nosuchuser") != 0);
        krb_free(krb);
    }
}

static void test_login_wrong(void **unused)
{
    (void)unused;
    int64_t before = bad_password_count("hidden");
    struct krb *krb = NULL;
    struct secret *wrong = NULL;
    struct krb_reply reply = {0};
    struct fault fault = {0};
    bool sent = false;
    assert_ok(secret_new("not the password", 16, &wrong, &fault), &fault);
    assert_ok(krb_new("hidden@contoso.test", REALM, &krb, &fault), &fault);
    bool ok = krb_login(krb, &kdc, wrong, soon(), &sent, &reply, &fault);
    assert_cause(ok, &fault, CAUSE_PASSWORD_WRONG);
    assert_int_equal(fault.code, 24);
    assert_true(sent);
    assert_int_equal(bad_password_count("hidden"), before + 1);
    secret_free(wrong);
    krb_free(krb);
}

static void test_service_tickets(void **unused)
{
    (void)unused;
    struct krb *krb = logged_in();
    struct krb_ticket ticket = {0};
    struct krb_reply reply = {0};
    struct fault fault = {0};
    assert_ok(
        krb_service_ticket(krb, &kdc, "HTTP", "mail.contoso.test", soon(), &ticket, &reply, &fault),
        &fault);
    assert_string_equal(ticket.server, "HTTP/mail.contoso.test@" REALM);
    assert_string_equal(ticket.etype, "aes256-cts-hmac-sha1-96");
    assert_true(ticket.size > 500);
    assert_true(reply.answered);
    /* The second time the cache answers. */
    const struct net_address nobody = {"127.0.0.10", 9};
    assert_ok(krb_service_ticket(
                  krb, &nobody, "HTTP", "mail.contoso.test", soon(), &ticket, &reply, &fault),
        &fault);
    assert_false(reply.answered);

    bool ok = krb_service_ticket(
        krb, &kdc, "HTTP", "nobody.contoso.test", soon(), &ticket, &reply, &fault);
    assert_cause(ok, &fault, CAUSE_SPN_UNKNOWN);
    assert_int_equal(reply.error, 7);

    struct sec_account account = {.krb = krb};
    struct sec_target target = {.service = "HTTP", .host = "nobody.contoso.test"};
    struct secctx *context = NULL;
    assert_cause(
        secctx_new(SEC_KERBEROS, &target, &account, &context, &fault), &fault, CAUSE_SPN_UNKNOWN);
    krb_free(krb);
}

/* ---- contexts for HTTP ---- */

static const uint8_t end_point[32] = {1, 2, 3};

static struct krb *with_http_ticket(void)
{
    struct krb *krb = logged_in();
    struct krb_ticket ticket;
    struct krb_reply reply;
    struct fault fault = {0};
    assert_ok(
        krb_service_ticket(krb, &kdc, "HTTP", "mail.contoso.test", soon(), &ticket, &reply, &fault),
        &fault);
    return krb;
}

static struct secctx *http_context(struct krb *krb, const uint8_t **ret_token, size_t *ret_length)
{
    struct sec_target target = {.service = "HTTP",
        .host = "mail.contoso.test",
        .end_point = end_point,
        .end_point_length = sizeof end_point};
    struct sec_account account = {.krb = krb};
    struct fault fault = {0};
    struct secctx *context = NULL;
    bool done = false;
    assert_ok(secctx_new(SEC_KERBEROS, &target, &account, &context, &fault), &fault);
    assert_true(secctx_next_proves(context));
    assert_ok(secctx_step(context, NULL, 0, ret_token, ret_length, &done, &fault), &fault);
    assert_true(done);
    assert_false(secctx_next_proves(context));
    return context;
}

/* A service with the lab's keytab; first_byte 0: it knows no binding. Returns what GSSAPI says. */
static OM_uint32 accept_token(const uint8_t *token, size_t length, uint8_t first_byte,
    OM_uint32 *ret_flags, gss_buffer_t ret_answer)
{
    char data[21 + sizeof end_point] = "tls-server-end-point:";
    memcpy(&data[21], end_point, sizeof end_point);
    data[21] = (char)first_byte;
    struct gss_channel_bindings_struct bindings = {0};
    bindings.application_data.length = sizeof data;
    bindings.application_data.value = data;
    uint8_t copy[16384];
    assert_true(length <= sizeof copy);
    memcpy(copy, token, length);
    gss_buffer_desc in = {length, copy};
    gss_ctx_id_t context = GSS_C_NO_CONTEXT;
    OM_uint32 minor = 0;
    OM_uint32 major = gss_accept_sec_context(&minor, &context, GSS_C_NO_CREDENTIAL, &in,
        first_byte != 0 ? &bindings : GSS_C_NO_CHANNEL_BINDINGS, NULL, NULL, ret_answer, ret_flags,
        NULL, NULL);
    gss_delete_sec_context(&minor, &context, GSS_C_NO_BUFFER);
    return major;
}

static void test_bindings(void **unused)
{
    (void)unused;
    static const struct {
        uint8_t first_byte;
        bool accepted, bound;
    } cases[] = {{1, true, true}, {9, false, false}, {0, true, false}};
    struct krb *krb = with_http_ticket();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint8_t *token = NULL;
        size_t length = 0;
        bool done = false;
        struct fault fault = {0};
        OM_uint32 flags = 0;
        OM_uint32 minor = 0;
        gss_buffer_desc answer = GSS_C_EMPTY_BUFFER;
        struct secctx *context = http_context(krb, &token, &length);
        OM_uint32 major = accept_token(token, length, cases[i].first_byte, &flags, &answer);
        assert_int_equal(!GSS_ERROR(major), cases[i].accepted);
        if (cases[i].accepted) {
            assert_int_equal((flags & GSS_C_CHANNEL_BOUND_FLAG) != 0, cases[i].bound);
            assert_int_equal(flags & GSS_C_DELEG_FLAG, 0);
            assert_ok(
                secctx_step(context, answer.value, answer.length, &token, &length, &done, &fault),
                &fault);
            assert_true(done);
        }
        gss_release_buffer(&minor, &answer);
        secctx_free(context);
    }
    krb_free(krb);
}

/* A KRB-ERROR of the service, as SPNEGO carries it (RFC 4178 §4.2.2, RFC 4121 §4.1). */
static void test_refused_tickets(void **unused)
{
    (void)unused;
    static const struct {
        int code; /* 0: junk */
        enum cause cause;
    } cases[] = {{41, CAUSE_TICKET_REFUSED}, {37, CAUSE_CLOCK_SKEW}, {0, CAUSE_MALFORMED}};
    static const char head[] = "\xa1\x81\xff\x30\x81\xfc\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02"
                               "\x02\x03\x00";
    struct krb *krb = with_http_ticket();
    krb5_context krb5 = NULL;
    krb5_principal server = NULL;
    assert_int_equal(krb5_init_context(&krb5), 0);
    assert_int_equal(krb5_parse_name(krb5, "HTTP/mail.contoso.test@" REALM, &server), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint8_t *token = NULL;
        size_t length = 0;
        bool done = false;
        struct fault fault = {0};
        krb5_data encoded = {0};
        krb5_error error = {.error = (krb5_ui_4)cases[i].code, .server = server};
        char reply[512] = "no token at all";
        size_t size = 15;
        if (cases[i].code != 0) {
            assert_int_equal(krb5_mk_error(krb5, &error, &encoded), 0);
            assert_true(encoded.length < 400);
            memcpy(reply, head, sizeof head - 1);
            memcpy(&reply[sizeof head - 1], encoded.data, encoded.length);
            size = sizeof head - 1 + encoded.length;
            krb5_free_data_contents(krb5, &encoded);
        }
        struct secctx *context = http_context(krb, &token, &length);
        bool ok = secctx_step(context, reply, size, &token, &length, &done, &fault);
        expect(ok, &fault, cases[i].cause, "the service's refusal");
        if (cases[i].code != 0)
            assert_int_equal(fault.code, cases[i].code);
        secctx_free(context);
    }
    krb5_free_principal(krb5, server);
    krb5_free_context(krb5);
    krb_free(krb);
}

/* -k: main() has made KRB5CCNAME name a file that is not there. */
static void test_adopted_cache(void **unused)
{
    (void)unused;
    struct krb *first = logged_in();
    struct krb *second = NULL;
    struct fault fault = {0};
    struct krb_ticket ticket;
    struct krb_reply reply;
    assert_ok(krb_new("svc@contoso.test", REALM, &second, &fault), &fault);
    expect(krb_adopt_cache(second, &fault), &fault, CAUSE_INTERNAL, "no cache");
    assert_non_null(strstr(fault.text, cache_file));

    krb5_context context = NULL;
    krb5_ccache memory = NULL;
    krb5_ccache file = NULL;
    krb5_principal principal = NULL;
    assert_true(krb_open(first, &context, &memory, &fault));
    assert_int_equal(krb5_cc_resolve(context, cache_file, &file), 0);
    assert_int_equal(krb5_cc_get_principal(context, memory, &principal), 0);
    assert_int_equal(krb5_cc_initialize(context, file, principal), 0);
    assert_int_equal(krb5_cc_copy_creds(context, memory, file), 0);
    krb5_free_principal(context, principal);

    assert_false(krb_has_ticket(second));
    assert_ok(krb_adopt_cache(second, &fault), &fault);
    assert_true(krb_has_ticket(second));
    assert_ok(krb_service_ticket(
                  second, &kdc, "HTTP", "mail.contoso.test", soon(), &ticket, &reply, &fault),
        &fault);
    krb5_cc_destroy(context, file);
    krb_shut(context, memory);
    krb_free(first);
    krb_free(second);
}

/* svc's key, made of its password as AD does: realm and name are the salt. */
static void write_keytab(void)
{
    char salt_text[] = REALM "svc";
    krb5_context context = NULL;
    krb5_keytab keytab = NULL;
    krb5_keytab_entry entry = {.vno = 1};
    krb5_data salt = {.length = sizeof salt_text - 1, .data = salt_text};
    krb5_data text = {.length = (unsigned)secret_length(password)};
    text.data = strdup(secret_text(password));
    assert_int_equal(krb5_init_context(&context), 0);
    assert_int_equal(krb5_kt_resolve(context, keytab_file, &keytab), 0);
    assert_int_equal(krb5_parse_name(context, "svc@" REALM, &entry.principal), 0);
    assert_int_equal(
        krb5_c_string_to_key(context, ENCTYPE_AES256_CTS_HMAC_SHA1_96, &text, &salt, &entry.key),
        0);
    assert_int_equal(krb5_kt_add_entry(context, keytab, &entry), 0);
    krb5_free_keytab_entry_contents(context, &entry);
    krb5_kt_close(context, keytab);
    krb5_free_context(context);
    free(text.data);
}

static void test_keytab(void **unused)
{
    (void)unused;
    struct krb *krb = NULL;
    struct fault fault = {0};
    struct krb_reply reply;
    bool sent = false;
    write_keytab();
    assert_ok(krb_new("svc@contoso.test", REALM, &krb, &fault), &fault);
    assert_ok(krb_adopt_cache(krb, &fault), &fault);
    assert_false(krb_has_ticket(krb));
    assert_ok(krb_login(krb, &kdc, NULL, soon(), &sent, &reply, &fault), &fault);
    assert_true(krb_has_ticket(krb));
    krb_free(krb);
    remove(&keytab_file[strlen("FILE:")]);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: krb_test DIR\n");
        return 77;
    }
    char keytab[512];
    snprintf(keytab, sizeof keytab, "%s/frontend.keytab", argv[1]);
    snprintf(cache_file, sizeof cache_file, "FILE:%s/krb_test.ccache", argv[1]);
    setenv("KRB5_KTNAME", keytab, 1);
    snprintf(keytab_file, sizeof keytab_file, "FILE:%s/krb_test.keytab", argv[1]);
    setenv("KRB5_CLIENT_KTNAME", keytab_file, 1);
    setenv("KRB5CCNAME", cache_file, 1);
    if (!lab_open(argv[1]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ask),
        cmocka_unit_test(test_ask_over_given_socket),
        cmocka_unit_test(test_login),
        cmocka_unit_test(test_login_wrong),
        cmocka_unit_test(test_service_tickets),
        cmocka_unit_test(test_bindings),
        cmocka_unit_test(test_refused_tickets),
        cmocka_unit_test(test_adopted_cache),
        cmocka_unit_test(test_keytab),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    lab_close();
    return failed;
}
