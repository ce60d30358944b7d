/*
 * RPC over HTTP through the lab's front end, to a bind and a call of the address book: HTTP logon
 * by NTLM with channel bindings, the last token in the channel requests; then security levels
 * within. Runs inside the lab:
 *
 *     tests/lab/lab run DIR -- rpch_test DIR
 */
#include "tests/integration/lab_ad.h"

#include "net/rpch.h"
#include "net/wire/nspi.h"
#include "net/wire/text.h"

static struct tls_trust *trust_of_lab;
static struct krb *krb;
static const struct http_origin origin = {.tls = true, .host = "mail.contoso.test", .port = 443};

static void show(void *context, char direction, const char *line)
{
    (void)context;
    if (getenv("SHOW") != NULL)
        fprintf(stderr, "%c %s\n", direction, line);
}

/* One leg, and what its HTTP logon needs. */
struct leg {
    struct http_conn *conn;
    struct secctx *context;
    struct arena arena;
    const char *authorization;
};

static struct http_response ask(struct leg *leg, const char *method, const char *authorization)
{
    struct http_header headers[1] = {{"Authorization", authorization}};
    struct http_request request = {.method = method,
        .target = "/rpc/rpcproxy.dll?ex1.contoso.test:6004",
        .headers = headers,
        .header_count = authorization != NULL ? 1 : 0,
        .body = "",
        .credentials = authorization != NULL};
    struct http_response response = {0};
    struct fault fault = {0};
    assert_ok(http_exchange(leg->conn, &request, soon(), &response, &fault), &fault);
    return response;
}

static const char *token(struct leg *leg, const char *scheme, const char *input)
{
    uint8_t *bytes = NULL;
    const uint8_t *output = NULL;
    size_t length = 0, output_length = 0;
    bool done = false;
    struct fault fault = {0};
    if (input != NULL)
        assert_true(base64_decode(&leg->arena, input, strlen(input), &bytes, &length));
    assert_ok(
        secctx_step(leg->context, bytes, length, &output, &output_length, &done, &fault), &fault);
    return arena_printf(
        &leg->arena, "%s %s", scheme, base64_encode(&leg->arena, output, output_length));
}

static void leg_open(struct leg *leg, const char *method, bool kerberos)
{
    struct net_address address;
    net_sock sock = NET_SOCK_NONE;
    struct fault fault = {0};
    *leg = (struct leg){0};
    assert_true(net_address_parse("127.0.0.20", 443, &address));
    assert_ok(sock_connect(&address, soon(), &sock, &fault), &fault);
    assert_ok(http_open(&origin, sock, trust_of_lab, false, &leg->conn, &fault), &fault);
    struct http_response offer = ask(leg, method, NULL);
    assert_int_equal(offer.status, 401);
    http_response_done(&offer);
    const struct tls_seen *seen = http_tls(leg->conn);
    struct sec_target target = {.service = "HTTP",
        .host = "mail.contoso.test",
        .end_point = seen->end_point,
        .end_point_length = seen->end_point_length};
    struct sec_account account = {
        .user = "svc", .domain = "CONTOSO", .secret = password, .krb = krb};
    assert_ok(
        secctx_new(kerberos ? SEC_KERBEROS : SEC_NTLM, &target, &account, &leg->context, &fault),
        &fault);
    if (kerberos) {
        leg->authorization = token(leg, "Negotiate", NULL);
        return;
    }
    struct http_response challenge = ask(leg, method, token(leg, "NTLM", NULL));
    assert_int_equal(challenge.status, 401);
    const char *answer = http_header(&challenge, "WWW-Authenticate");
    assert_non_null(answer);
    assert_true(strncmp(answer, "NTLM ", 5) == 0);
    leg->authorization = token(leg, "NTLM", &answer[5]);
    http_response_done(&challenge);
}

static void leg_close(struct leg *leg)
{
    http_close(leg->conn);
    secctx_free(leg->context);
    arena_done(&leg->arena);
}

struct both {
    struct leg legs[RPCH_CHANNELS];
    struct rpch_request request;
};

static void both_open(struct both *both, const char *server, uint16_t port, bool kerberos)
{
    both->request = (struct rpch_request){.server = server, .port = port, .trace = show};
    leg_open(&both->legs[RPCH_OUT], "RPC_OUT_DATA", kerberos);
    leg_open(&both->legs[RPCH_IN], "RPC_IN_DATA", kerberos);
    for (int i = 0; i < RPCH_CHANNELS; i++) {
        both->request.legs[i].conn = both->legs[i].conn;
        both->request.legs[i].authorization = both->legs[i].authorization;
    }
}

static void both_close(struct both *both)
{
    leg_close(&both->legs[RPCH_OUT]);
    leg_close(&both->legs[RPCH_IN]);
}

/* ---- tests ---- */

static const struct {
    const char *name;
    bool http_kerberos, expects;
    enum rpc_auth_type type;
    enum sec_mechanism mechanism;
    enum rpc_auth_level level;
} cases[] = {
    {"none", false, false, RPC_AUTH_NONE, SEC_NTLM, RPC_LEVEL_NONE},
    {"none, Kerberos", true, false, RPC_AUTH_NONE, SEC_NTLM, RPC_LEVEL_NONE},
    {"none, 100", false, true, RPC_AUTH_NONE, SEC_NTLM, RPC_LEVEL_NONE},
    {"NTLM connect", false, false, RPC_AUTH_NTLM, SEC_NTLM, RPC_LEVEL_CONNECT},
    {"NTLM integrity", false, false, RPC_AUTH_NTLM, SEC_NTLM, RPC_LEVEL_INTEGRITY},
    {"NTLM privacy", false, false, RPC_AUTH_NTLM, SEC_NTLM, RPC_LEVEL_PRIVACY},
    {"Kerberos privacy", true, false, RPC_AUTH_KERBEROS, SEC_KERBEROS_PLAIN, RPC_LEVEL_PRIVACY},
    {"SPNEGO privacy", true, false, RPC_AUTH_SPNEGO, SEC_KERBEROS, RPC_LEVEL_PRIVACY},
};

static struct nspi_answer ask_book(
    struct rpc_client *client, struct arena *arena, const struct nspi_call *call)
{
    uint8_t *bytes = arena_alloc(arena, NSPI_REQUEST_MAX);
    struct writer writer = writer_of(bytes, NSPI_REQUEST_MAX);
    struct rpc_stub answer = {0};
    struct nspi_answer ret = {0};
    struct fault fault = {0};
    assert_true(nspi_write(&writer, call));
    assert_ok(rpc_call(client, (uint16_t)call->opnum, (struct rpc_stub){bytes, writer.length},
                  soon(), arena, &answer, &fault),
        &fault);
    assert_ok(nspi_read(arena, call->opnum, answer.bytes, answer.length, &ret, &fault), &fault);
    assert_ok(nspi_succeeded(call->opnum, ret.status, &fault), &fault);
    return ret;
}

/* Bind, many names (several fragments there), unbind. */
static void book(struct rpc_client *client, const char *name)
{
    struct arena arena = {0};
    const char *names[NSPI_NAMES_MAX];
    char long_name[200] = {0};
    memset(long_name, 'x', sizeof long_name - 1);
    for (size_t i = 0; i < NSPI_NAMES_MAX; i++)
        names[i] = long_name;
    names[0] = "svc@contoso.test";
    struct nspi_call call = {.opnum = NSPI_BIND, .stat = nspi_stat_default()};
    struct nspi_answer answer = ask_book(client, &arena, &call);
    assert_true(answer.has_guid);
    call.opnum = NSPI_RESOLVE_W;
    call.handle = answer.handle;
    call.names = names;
    call.name_count = NSPI_NAMES_MAX;
    answer = ask_book(client, &arena, &call);
    assert_int_equal(answer.mid_count, NSPI_NAMES_MAX);
    if (answer.mids[0] != NSPI_MID_RESOLVED)
        fail_msg("%s: svc is %u", name, answer.mids[0]);
    assert_int_equal(answer.mids[1], NSPI_MID_UNRESOLVED);
    call.opnum = NSPI_UNBIND;
    (void)ask_book(client, &arena, &call);
    arena_done(&arena);
}

static void test_bind(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct both both;
        struct rpch *rpch = NULL;
        struct rpch_seen seen;
        struct fault fault = {0};
        both_open(&both, "ex1.contoso.test", 6004, cases[i].http_kerberos);
        both.request.expect_continue = cases[i].expects;
        if (!rpch_open(&both.request, soon(), &rpch, &seen, &fault))
            fail_msg("%s: %s: %s", cases[i].name, cause_str(fault.cause), fault.text);

        struct sec_target target = {
            .service = "HTTP", .host = "mail.contoso.test", .flags = SEC_DCE};
        if (cases[i].level >= RPC_LEVEL_INTEGRITY)
            target.flags |= SEC_SIGN;
        if (cases[i].level == RPC_LEVEL_PRIVACY)
            target.flags |= SEC_SEAL;
        struct sec_account account = {
            .user = "svc", .domain = "CONTOSO", .secret = password, .krb = krb};
        struct secctx *context = NULL;
        if (cases[i].type != RPC_AUTH_NONE)
            assert_ok(secctx_new(cases[i].mechanism, &target, &account, &context, &fault), &fault);
        struct rpc_options options = {.interface = &rpc_nspi,
            .security = {cases[i].type, cases[i].level, context},
            .trace = show};
        struct rpc_transport transport = rpch_transport(rpch);
        struct rpc_client *client = NULL;
        if (!rpc_open(&transport, &options, soon(), &client, NULL, &fault))
            fail_msg("%s: %s: %s", cases[i].name, cause_str(fault.cause), fault.text);
        book(client, cases[i].name);
        rpc_close(client);
        rpch_close(rpch);
        rpch_seen_done(&seen);
        secctx_free(context);
        both_close(&both);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *server;
        uint16_t port;
        enum cause cause;
        long code;
    } refusals[] = {
        {"ex1.contoso.test", 6003, CAUSE_UNREACHABLE, 0x6ba},
        {"nobody.contoso.test", 6004, CAUSE_HTTP_STATUS, 404},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct both both;
        struct rpch *rpch = NULL;
        struct rpch_seen seen;
        struct fault fault = {0};
        both_open(&both, refusals[i].server, refusals[i].port, false);
        assert_cause(
            rpch_open(&both.request, soon(), &rpch, &seen, &fault), &fault, refusals[i].cause);
        assert_int_equal(fault.code, refusals[i].code);
        rpch_seen_done(&seen);
        both_close(&both);
    }
}

static void test_echo(void **state)
{
    (void)state;
    for (int channel = 0; channel < RPCH_CHANNELS; channel++) {
        struct both both;
        struct rpch_echo echo;
        struct fault fault = {0};
        both_open(&both, "ex1.contoso.test", 6004, false);
        assert_ok(
            rpch_echo(&both.request, (enum rpch_channel)channel, soon(), &echo, &fault), &fault);
        assert_true(echo.answered);
        http_response_done(&echo.response);
        both_close(&both);
    }
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bind),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_echo),
    };
    char path[512];
    struct fault fault = {0};
    if (count != 2 || !lab_open(arguments[1]))
        return 2;
    snprintf(path, sizeof path, "%s/ca.pem", arguments[1]);
    if (!http_global_init(&fault) || !tls_trust_new(path, &trust_of_lab, &fault))
        return 2;
    krb = logged_in();
    struct krb_ticket ticket;
    struct krb_reply reply;
    if (!krb_service_ticket(
            krb, &kdc, "HTTP", "mail.contoso.test", soon(), &ticket, &reply, &fault))
        return 2;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    krb_free(krb);
    tls_trust_free(trust_of_lab);
    http_global_done();
    lab_close();
    return failed;
}
