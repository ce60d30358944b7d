/*
 * DCE/RPC over TCP against Samba's RPC server, which was written by others: the endpoint mapper,
 * then calls of LSA and SAM without protection, signed and sealed, by NTLM, Kerberos and SPNEGO.
 * Runs inside the lab, with the RPC server of rpc_tcp_test.py beside the domain controller:
 *
 *     tests/integration/rpc_tcp_test.py DIR PROGRAM
 */
#include "tests/integration/lab_ad.h"

#include "net/rpc.h"
#include "net/wire/ndr.h"

/* [MS-LSAD] 1.9, [MS-SAMR] 1.9 */
static const struct rpc_syntax lsa = {
    {0x12345778, 0x1234, 0xabcd, {0xef, 0x00, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab}}, 0, 0};
static const struct rpc_syntax sam = {
    {0x12345778, 0x1234, 0xabcd, {0xef, 0x00, 0x01, 0x23, 0x45, 0x67, 0x89, 0xac}}, 1, 0};

enum { LSA_CLOSE = 0, SAM_CLOSE = 1, SAM_CONNECT5 = 64 };

static const char controller[] = "127.0.0.10";

static void show(void *context, char direction, const char *line)
{
    (void)context;
    if (getenv("SHOW") != NULL)
        fprintf(stderr, "%c %s\n", direction, line);
}

static struct rpc_transport dial(uint16_t port)
{
    struct net_address address = {.port = port};
    struct fault fault = {0};
    net_sock sock = NET_SOCK_NONE;
    memcpy(address.text, controller, sizeof controller);
    assert_ok(sock_connect(&address, soon(), &sock, &fault), &fault);
    return rpc_tcp_transport(sock, "dc1.contoso.test");
}

static uint16_t port_of(const struct rpc_syntax *interface)
{
    struct rpc_transport transport = dial(EPM_PORT);
    struct rpc_options options = {.interface = &rpc_epm, .trace = show};
    struct rpc_client *client = NULL;
    struct rpc_seen seen = {0};
    struct epm_answer answer = {0};
    struct fault fault = {0};
    assert_ok(rpc_open(&transport, &options, soon(), &client, &seen, &fault), &fault);
    assert_true(seen.acked);
    assert_string_equal(seen.ack.address, "135");
    assert_ok(rpc_map(client, interface, soon(), &answer, &fault), &fault);
    assert_int_equal(answer.status, EPM_OK);
    assert_true(answer.count > 0);
    assert_true(answer.endpoints[0].port >= 1024);
    rpc_close(client);
    return answer.endpoints[0].port;
}

/* ---- security ---- */

struct security {
    const char *name;
    enum rpc_auth_type type;
    enum sec_mechanism mechanism;
    enum rpc_auth_level level;
};

static struct krb *krb;

static struct secctx *context_of(const struct security *security)
{
    struct sec_target target = {.service = "ldap", .host = "dc1.contoso.test", .flags = SEC_DCE};
    if (security->level >= RPC_LEVEL_INTEGRITY)
        target.flags |= SEC_SIGN;
    if (security->level == RPC_LEVEL_PRIVACY)
        target.flags |= SEC_SEAL;
    static struct sec_account account;
    account =
        (struct sec_account){.user = "svc", .domain = "CONTOSO", .secret = password, .krb = krb};
    struct secctx *context = NULL;
    struct fault fault = {0};
    assert_ok(secctx_new(security->mechanism, &target, &account, &context, &fault), &fault);
    return context;
}

static const struct security securities[] = {
    {"none", RPC_AUTH_NONE, SEC_NTLM, RPC_LEVEL_NONE},
    {"NTLM connect", RPC_AUTH_NTLM, SEC_NTLM, RPC_LEVEL_CONNECT},
    {"NTLM integrity", RPC_AUTH_NTLM, SEC_NTLM, RPC_LEVEL_INTEGRITY},
    {"NTLM privacy", RPC_AUTH_NTLM, SEC_NTLM, RPC_LEVEL_PRIVACY},
    {"Kerberos connect", RPC_AUTH_KERBEROS, SEC_KERBEROS_PLAIN, RPC_LEVEL_CONNECT},
    {"Kerberos integrity", RPC_AUTH_KERBEROS, SEC_KERBEROS_PLAIN, RPC_LEVEL_INTEGRITY},
    {"Kerberos privacy", RPC_AUTH_KERBEROS, SEC_KERBEROS_PLAIN, RPC_LEVEL_PRIVACY},
    {"SPNEGO Kerberos connect", RPC_AUTH_SPNEGO, SEC_KERBEROS, RPC_LEVEL_CONNECT},
    {"SPNEGO Kerberos integrity", RPC_AUTH_SPNEGO, SEC_KERBEROS, RPC_LEVEL_INTEGRITY},
    {"SPNEGO Kerberos privacy", RPC_AUTH_SPNEGO, SEC_KERBEROS, RPC_LEVEL_PRIVACY},
    {"SPNEGO raw NTLM privacy", RPC_AUTH_SPNEGO, SEC_NTLM, RPC_LEVEL_PRIVACY},
};
enum { SECURITIES = sizeof securities / sizeof securities[0] };

struct bound {
    struct rpc_client *client;
    struct secctx *context;
    struct arena arena;
};

static void bound_open(struct bound *bound, const struct rpc_syntax *interface, uint16_t port,
    const struct security *security)
{
    struct rpc_transport transport = dial(port);
    struct rpc_options options = {.interface = interface, .trace = show};
    struct fault fault = {0};
    struct rpc_seen seen = {0};
    *bound = (struct bound){0};
    if (security->type != RPC_AUTH_NONE)
        bound->context = context_of(security);
    options.security = (struct rpc_security){security->type, security->level, bound->context};
    if (!rpc_open(&transport, &options, soon(), &bound->client, &seen, &fault))
        fail_msg("%s: %s: %s", security->name, cause_str(fault.cause), fault.text);
    assert_int_equal(seen.proved, security->type != RPC_AUTH_NONE);
    assert_int_equal(seen.header_signed, security->level >= RPC_LEVEL_INTEGRITY);
}

static void bound_close(struct bound *bound)
{
    rpc_close(bound->client);
    secctx_free(bound->context);
    arena_done(&bound->arena);
}

static struct reader call(
    struct bound *bound, const char *name, uint16_t opnum, const struct writer *stub)
{
    struct rpc_stub answer = {0};
    struct fault fault = {0};
    assert_true(writer_ok(stub));
    if (!rpc_call(bound->client, opnum, (struct rpc_stub){stub->bytes, stub->length}, soon(),
            &bound->arena, &answer, &fault))
        fail_msg("%s: %s %ld: %s", name, cause_str(fault.cause), fault.code, fault.text);
    return reader_of(answer.bytes, answer.length);
}

/* ---- SAM: connect and close. [MS-SAMR] 3.1.5.1.1, 3.1.5.13.1 ---- */

static void connect5(struct writer *writer, const char *server)
{
    uint32_t id = 0;
    ndr_put_pointer(writer, &id, true);
    ndr_put_string16(writer, server);
    ndr_put_u32(writer, 0x02000000); /* MAXIMUM_ALLOWED */
    ndr_put_u32(writer, 1);          /* InVersion, and the arm of the union */
    ndr_put_u32(writer, 1);
    ndr_put_u32(writer, 3); /* Revision, SupportedFeatures */
    ndr_put_u32(writer, 0);
}

static void connect_and_close(struct bound *bound, const char *name, const char *server)
{
    enum { STUB = 64 * 1024 };
    uint8_t *bytes = calloc(1, STUB);
    assert_non_null(bytes);
    struct writer writer = writer_of(bytes, STUB);
    connect5(&writer, server);
    struct reader reader = call(bound, name, SAM_CONNECT5, &writer);
    assert_int_equal(ndr_u32(&reader), 1); /* OutVersion, the arm, Revision, SupportedFeatures */
    read_skip(&reader, 12);
    const uint8_t *handle = ndr_context_handle(&reader);
    assert_non_null(handle);
    assert_int_equal(ndr_u32(&reader), 0);
    assert_true(reader_ok(&reader));

    writer = writer_of(bytes, STUB);
    write_bytes(&writer, handle, NDR_CONTEXT_HANDLE_SIZE);
    reader = call(bound, name, SAM_CLOSE, &writer);
    read_skip(&reader, NDR_CONTEXT_HANDLE_SIZE);
    assert_int_equal(ndr_u32(&reader), 0);
    assert_true(reader_ok(&reader));
    free(bytes);
}

static void test_sam(void **state)
{
    (void)state;
    uint16_t port = port_of(&sam);
    for (size_t i = 0; i < SECURITIES; i++) {
        struct bound bound;
        if (securities[i].level < RPC_LEVEL_INTEGRITY)
            continue;
        bound_open(&bound, &sam, port, &securities[i]);
        for (int round = 0; round < 3; round++) /* the key streams and counts go on */
            connect_and_close(&bound, securities[i].name, "\\\\dc1");
        bound_close(&bound);
    }
}

/* A server name of 40 KB goes out in many fragments. */
static void test_fragments(void **state)
{
    (void)state;
    enum { NAME = 20000 };
    uint16_t port = port_of(&sam);
    char *name = calloc(1, NAME);
    assert_non_null(name);
    memset(name, 'x', NAME - 1);
    for (size_t i = 0; i < SECURITIES; i++) {
        struct bound bound;
        if (securities[i].level < RPC_LEVEL_INTEGRITY)
            continue;
        bound_open(&bound, &sam, port, &securities[i]);
        connect_and_close(&bound, securities[i].name, name);
        bound_close(&bound);
    }
    free(name);
}

/* All that the endpoint mapper knows comes back in several fragments. [C706] appendix O */
static void test_long_answers(void **state)
{
    (void)state;
    enum { EPT_LOOKUP = 2, ALL_ELEMENTS = 0, ALL_VERSIONS = 1, ENTRIES = 500, FRAGMENT = 5840 };
    for (size_t i = 0; i < SECURITIES; i++) {
        struct bound bound;
        uint8_t bytes[64];
        struct writer writer = writer_of(bytes, sizeof bytes);
        ndr_put_u32(&writer, ALL_ELEMENTS);
        ndr_put_u32(&writer, 0); /* object, interface: any */
        ndr_put_u32(&writer, 0);
        ndr_put_u32(&writer, ALL_VERSIONS);
        for (int n = 0; n < NDR_CONTEXT_HANDLE_SIZE / 4; n++)
            ndr_put_u32(&writer, 0);
        ndr_put_u32(&writer, ENTRIES);
        bound_open(&bound, &rpc_epm, EPM_PORT, &securities[i]);
        struct reader reader = call(&bound, securities[i].name, EPT_LOOKUP, &writer);
        assert_true(reader_left(&reader) > FRAGMENT);
        read_skip(&reader, reader_left(&reader) - 4);
        assert_int_equal(ndr_u32(&reader), 0);
        bound_close(&bound);
    }
}

/* SAM wants at least integrity; the endpoint mapper takes any level. */
static void test_levels(void **state)
{
    (void)state;
    for (size_t i = 0; i < SECURITIES; i++) {
        struct bound bound;
        struct epm_answer answer = {0};
        struct fault fault = {0};
        bound_open(&bound, &rpc_epm, EPM_PORT, &securities[i]);
        for (unsigned round = 1; round <= 2; round++) {
            assert_ok(rpc_map(bound.client, &lsa, soon(), &answer, &fault), &fault);
            assert_int_equal(answer.status, EPM_OK);
            assert_int_equal(rpc_client_seen(bound.client)->calls, round);
        }
        bound_close(&bound);
    }
}

/* ---- faults ---- */

static void test_faults(void **state)
{
    (void)state;
    uint16_t port = port_of(&lsa);
    static const size_t levels[] = {0, 3, 6};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        struct bound bound;
        struct fault fault = {0};
        struct rpc_stub answer;
        bound_open(&bound, &lsa, port, &securities[levels[i]]);
        assert_cause(rpc_call(bound.client, 999, (struct rpc_stub){0}, soon(), &bound.arena,
                         &answer, &fault),
            &fault, CAUSE_NOT_EXCHANGE);
        assert_int_equal(fault.origin, ORIGIN_RPC);
        assert_int_equal(fault.code, 0x1c010002); /* nca_s_op_rng_error */
        assert_int_equal(rpc_client_seen(bound.client)->status, 0x1c010002);
        bound_close(&bound);
    }
    /* Anonymous has no business there. */
    struct bound bound;
    struct fault denied = {0};
    struct rpc_stub answer_of_none;
    uint8_t stub[NDR_CONTEXT_HANDLE_SIZE] = {0};
    bound_open(&bound, &lsa, port, &securities[0]);
    assert_cause(rpc_call(bound.client, LSA_CLOSE, (struct rpc_stub){stub, sizeof stub}, soon(),
                     &bound.arena, &answer_of_none, &denied),
        &denied, CAUSE_ACCESS_DENIED);
    assert_int_equal(denied.code, 5);
    assert_true(rpc_usable(bound.client));
    bound_close(&bound);
    /* An interface that is not there. */
    struct rpc_transport transport = dial(port);
    struct rpc_options options = {.interface = &rpc_nspi, .trace = show};
    struct rpc_client *client = NULL;
    struct fault fault = {0};
    assert_cause(
        rpc_open(&transport, &options, soon(), &client, NULL, &fault), &fault, CAUSE_NOT_EXCHANGE);
    transport = dial(EPM_PORT);
    options.interface = &rpc_epm;
    struct epm_answer answer = {0};
    assert_ok(rpc_open(&transport, &options, soon(), &client, NULL, &fault), &fault);
    assert_ok(rpc_map(client, &rpc_emsmdb, soon(), &answer, &fault), &fault);
    assert_int_equal(answer.status, EPM_NOT_REGISTERED);
    rpc_close(client);
}

/* A password that is wrong is told with the first call at the latest. */
static void test_wrong_password(void **state)
{
    (void)state;
    uint16_t port = port_of(&lsa);
    int64_t before = bad_password_count("hidden");
    struct secret *right = password, *wrong = NULL;
    struct fault fault = {0};
    assert_ok(secret_new("not the password", 16, &wrong, &fault), &fault);
    const struct security security = {"wrong", RPC_AUTH_NTLM, SEC_NTLM, RPC_LEVEL_PRIVACY};
    struct sec_target target = {
        .service = "ldap", .host = "dc1.contoso.test", .flags = SEC_DCE | SEC_SIGN | SEC_SEAL};
    struct sec_account account = {.user = "hidden", .domain = "CONTOSO", .secret = wrong};
    struct secctx *context = NULL;
    assert_ok(secctx_new(SEC_NTLM, &target, &account, &context, &fault), &fault);
    struct rpc_transport transport = dial(port);
    struct rpc_options options = {
        .interface = &lsa, .security = {security.type, security.level, context}, .trace = show};
    struct rpc_client *client = NULL;
    struct arena arena = {0};
    struct rpc_stub answer;
    uint8_t stub[20] = {0};
    assert_ok(rpc_open(&transport, &options, soon(), &client, NULL, &fault), &fault);
    assert_true(rpc_client_seen(client)->proved);
    bool ok = rpc_call(
        client, LSA_CLOSE, (struct rpc_stub){stub, sizeof stub}, soon(), &arena, &answer, &fault);
    assert_cause(ok, &fault, CAUSE_LOGON_REFUSED);
    rpc_close(client);
    secctx_free(context);
    arena_done(&arena);
    secret_free(wrong);
    password = right;
    assert_int_equal(bad_password_count("hidden"), before + 1);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sam),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_wrong_password),
        cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_long_answers),
    };
    if (count != 2 || !lab_open(arguments[1]))
        return 2;
    krb = logged_in();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    krb_free(krb);
    lab_close();
    return failed;
}
