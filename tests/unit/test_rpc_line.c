#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "probes/offer.h"
#include "probes/rpc_dial.h"
#include "probes/rpc_http.h"
#include "probes/rpc_impl.h"
#include "tests/unit/http_peer.h"
#include "tests/unit/judged.h"

/* RPC over HTTP from the plan to the association, but for what the lab shows: names, facts, and the
 * connections that are made beside the chain. */

/* ---- names ---- */

static void test_targets(void **state)
{
    (void)state;
    struct arena arena = {0};
    static const struct {
        const char *directory, *url;
    } table[] = {{"mail.contoso.test", "https://mail.contoso.test/rpc/rpcproxy.dll"},
        {"https://mail.contoso.test/rpc", "https://mail.contoso.test/rpc/rpcproxy.dll"},
        {"http://mail.contoso.test:444/", "https://mail.contoso.test:444/rpc/rpcproxy.dll"}};
    for (size_t i = 0; i < COUNT(table); i++)
        assert_string_equal(rpc_url(&arena, table[i].directory), table[i].url);
    struct endpoint endpoint = {.service = SERVICE_RPC, .port = 443, .path = "/rpc/x.dll?old:1"};
    assert_string_equal(rpc_target(&arena, &endpoint, "guid@contoso.test", RPC_BOOK),
        "/rpc/x.dll?guid@contoso.test:6004");
    assert_false(rpc_is_tcp(&endpoint));
    endpoint.port = 135;
    assert_true(rpc_is_tcp(&endpoint));
    endpoint.service = SERVICE_EWS;
    assert_false(rpc_is_tcp(&endpoint));
    arena_done(&arena);
}

static void test_shows_logon(void **state)
{
    (void)state;
    static const struct http_header rpc[] = {{"Content-Type", "application/rpc"}, {NULL, NULL}};
    static const struct http_header page[] = {{"Content-Type", "text/html"}, {NULL, NULL}};
    static const struct {
        int status;
        const struct http_header *headers;
        const char *reason;
        bool shows;
    } table[] = {{200, rpc, "Success", true}, {200, page, "OK", false}, {200, NULL, "OK", false},
        {503, NULL, "RPC Error: 6ba", true}, {503, NULL, "Service Unavailable", false},
        {404, NULL, "Not Found", false}};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct http_response answer = answer_of(table[i].status, table[i].headers, "");
        answer.reason = table[i].reason;
        if (rpc_shows_logon(&answer) != table[i].shows)
            fail_msg("%d %s", table[i].status, table[i].reason);
    }
}

static void test_verb(void **state)
{
    (void)state;
    static const struct http_header big_ip[] = {{"Server", "BigIP"}, {NULL, NULL}};
    static const struct {
        int verb, get; /* 0: no answer */
        const char *words;
    } table[] = {
        {501, 401,
            "RPC_OUT_DATA is answered with 501 by BigIP, GET of the same path with 401: a filter"},
        {405, 200, "a filter rejects the verb"}, {403, 503, "a filter rejects the verb"},
        {404, 404, "GET of the same path with 404: there is no such path"},
        {405, 0, "(GET: no answer)"}};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct check *check = check_for(&probe_http_offer);
        struct http_response verb = answer_of(table[i].verb, big_ip, "");
        struct http_response get = answer_of(table[i].get, NULL, "");
        judge_verb(&verb, table[i].get != 0 ? &get : NULL, "no answer", check);
        assert_int_equal(check->outcome, OUTCOME_FAIL);
        assert_int_equal(check_get_int(check, "rpc.verb_status", 0), table[i].verb);
        assert_int_equal(check_get_int(check, "rpc.get_status", 0), table[i].get);
        expect_fault("verb", &check->fault, CAUSE_HTTP_STATUS, table[i].verb, table[i].words);
        check_free(check);
    }
}

/* ---- facts ---- */

static struct rpc_line line_at(const char *stage, int out_status)
{
    struct rpc_line line = {.place = RPC_STORE, .stage = stage};
    line.channels.answers[RPCH_OUT] = answer_of(out_status, NULL, "");
    return line;
}

static const struct rpc_session row = {.server = "guid@contoso.test"};

static void expect_fact(const struct check *check, const char *key, const char *value)
{
    const char *text = check_get_text(check, key, "none");
    if (strstr(text, value) == NULL)
        fail_msg("%s: \"%s\" in place of \"%s\"", key, text, value);
}

static void test_refused_channel(void **state)
{
    (void)state;
    struct check *check = check_for(&probe_rpc_connect);
    struct rpc_line line = line_at("channels", 503);
    fault_set(&line.channels.faults[RPCH_OUT], CAUSE_UNREACHABLE, ORIGIN_RPC, 0x6ba, "OUT says so");
    line.channels.has_rpc_error[RPCH_OUT] = true;
    line.channels.rpc_error[RPCH_OUT] = 0x6ba;
    note_rpc_line(&line, &row, check);
    expect_fact(check, "rpc.server", "guid@contoso.test");
    assert_int_equal(check_get_int(check, "rpc.port", 0), 6001);
    expect_fact(check, "rpc.stage", "channels");
    expect_fact(check, "rpc.channel", "OUT");
    expect_fact(check, "rpc.out_ended", "OUT says so");
    expect_fact(check, "rpc.proxy_error", "6ba");
    expect_fact(check, "rpc.proxy_error_words", "RPC_S_SERVER_UNAVAILABLE");
    expect_fact(check, "rpc.in_ended", "none");
    expect_fact(check, "rpc.virtual_connection", "none");
    assert_int_equal(check_get_int(check, "rpc.out_status", 0), 503);
    check_free(check);
}

static void test_swallowed_channel(void **state)
{
    (void)state;
    struct check *check = check_for(&probe_rpc_connect);
    struct rpc_line line = line_at("virtual connection", 200);
    line.channels.state = RTS_STATE_C2_WAIT;
    line.channels.answered_us = 1600;
    line.channels.out_timeout_ms = 120000;
    line.echo_tried = line.echoed = true;
    fault_set(&line.channels.faults[RPCH_IN], CAUSE_TIMEOUT, ORIGIN_EXREACH, 0, "IN is silent");
    note_rpc_line(&line, &row, check);
    expect_fact(check, "rpc.channel", "IN");
    expect_fact(check, "rpc.in_ended", "IN is silent");
    expect_fact(check, "rpc.virtual_connection", "CONN/C2");
    assert_int_equal(check_get_int(check, "rpc.answered_ms", 0), 2);
    assert_int_equal(check_get_int(check, "rpc.out_timeout_ms", 0), 120000);
    assert_non_null(check_fact(check, "rpc.echo"));
    assert_null(check_fact(check, "rpc.opened_ms"));
    check_free(check);
}

static void test_association(void **state)
{
    (void)state;
    static const struct {
        struct rpc_seen seen;
        enum rpc_guard guard;
        const char *bind, *fault, *level;
    } table[] = {
        {{.acked = true}, RPC_BARE, "bind_ack", "none", "none"},
        {{.acked = true, .status = 5}, RPC_SEALED, "bind_ack", "0x5", "privacy"},
        {{.naked = true, .nak = {.reason = 8}}, RPC_BARE, "bind_nak: ", "none", "none"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct check *check = check_for(&probe_rpc_connect);
        struct rpc_line line = line_at("bind", 200);
        line.channels.state = RTS_STATE_OPEN;
        line.seen = table[i].seen;
        line.guard = table[i].guard;
        line.server = "other@contoso.test";
        note_rpc_line(&line, &row, check);
        expect_fact(check, "rpc.server", "other@contoso.test");
        expect_fact(check, "rpc.bind", table[i].bind);
        expect_fact(check, "rpc.fault", table[i].fault);
        expect_fact(check, "rpc.level", table[i].level);
        check_free(check);
    }
}

/* ---- beside the chain ---- */

struct waiting {
    int cancel_fd; /* it had */
    bool ended;
    enum cause cause;
};

/* Until it is cut short. */
static void wait_work(void *context, const struct beside *beside)
{
    struct waiting *waiting = context;
    struct net_limit limit = beside_limit(beside);
    struct fault fault = {.cause = CAUSE_NONE};
    waiting->cancel_fd = limit.cancel_fd;
    (void)sock_wait(NET_SOCK_NONE, SOCK_READABLE, limit, &fault);
    waiting->cause = fault.cause;
    waiting->ended = true;
}

static void session_open(struct session *session, struct settings *settings)
{
    *settings = (struct settings){.timeout_ms = 3000, .user = "svc", .account = "svc"};
    session_init(session);
    session->settings = settings;
    session->trust = peer_trust;
    session->run_limit = (struct net_limit){.deadline = deadline_in_ms(10000), .cancel_fd = -1};
    session->endpoint = (struct endpoint){
        .service = SERVICE_RPC, .host = "server.test", .port = 443, .path = "/rpc/rpcproxy.dll"};
}

static void test_beside(void **state)
{
    (void)state;
    static const struct {
        const char *how;
        enum cause cause;
    } table[] = {
        {"joined", CAUSE_TIMEOUT}, {"dropped", CAUSE_INTERRUPTED}, {"run ends", CAUSE_INTERRUPTED}};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct session session;
        struct settings settings;
        struct waiting waiting = {.ended = false};
        int run_fd = -1;
        session_open(&session, &settings);
        assert_true(wake_open(&run_fd, NULL));
        session.run_limit.cancel_fd = run_fd;
        settings.timeout_ms = i == 0 ? 100 : 5000;
        int64_t begun = clock_monotonic_us();
        struct beside *beside = run_beside(&session, wait_work, &waiting);
        if (i == 2)
            wake_raise(run_fd);
        if (i == 1)
            beside_drop(beside);
        else
            beside_join(beside);
        assert_true(waiting.ended);
        assert_int_not_equal(waiting.cancel_fd, run_fd);
        assert_int_equal(waiting.cause, table[i].cause);
        assert_in_range((clock_monotonic_us() - begun) / 1000, i == 0 ? 100 : 0, 2000);
        wake_close(run_fd);
        session_done(&session);
    }
}

/* ---- a connection of its own ---- */

#define UNAUTHORIZED                                                                       \
    "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: " \
    "0\r\n\r\n"
#define NOT_IMPLEMENTED "HTTP/1.1 501 Not Implemented\r\nServer: BigIP\r\nContent-Length: 0\r\n\r\n"

static const struct logon_attempt basic = {"Basic", "Basic", SEC_NTLM, false};

struct dialled {
    struct script_step steps[4]; /* the server reads them while the test goes on */
    struct script_server *server;
    struct session session;
    struct settings settings;
    struct rpc_dial dial;
    struct rpch_leg leg;
    struct fault fault;
};

static bool dial(struct dialled *dialled, const char *answer)
{
    static const struct script_cert cert = {0};
    memset(dialled, 0, sizeof *dialled);
    dialled->steps[0].kind = SCRIPT_TLS;
    dialled->steps[1].kind = SCRIPT_READ_HEAD;
    dialled->steps[2].kind = answer != NULL ? SCRIPT_SEND : SCRIPT_END;
    dialled->steps[2].text = answer;
    dialled->steps[3].kind = SCRIPT_SILENT;
    dialled->server = script_start(dialled->steps, &cert);
    session_open(&dialled->session, &dialled->settings);
    assert_true(secret_new("Passw0rd", 8, &dialled->settings.secret, NULL));
    assert_true(
        net_address_parse("127.0.0.1", script_port(dialled->server), &dialled->session.connect));
    rpc_dial_begin(
        &dialled->dial, &dialled->session, RPCH_IN, "/rpc/rpcproxy.dll?server.test:6001");
    rpc_dial_prepare(&dialled->dial, "/rpc/rpcproxy.dll?guid@contoso.test:6001", &basic);
    return rpc_dial_ready(&dialled->dial, &dialled->leg, &dialled->fault);
}

static void hang_up(struct dialled *dialled)
{
    rpc_dial_done(&dialled->dial);
    session_done(&dialled->session);
    secret_free(dialled->settings.secret);
    script_stop(dialled->server);
}

static void test_dial(void **state)
{
    (void)state;
    struct dialled dialled;
    char got[2000];
    if (!dial(&dialled, UNAUTHORIZED))
        fail_msg("%s", dialled.fault.text);
    assert_non_null(dialled.leg.conn);
    assert_true(http_usable(dialled.leg.conn));
    assert_string_equal(dialled.leg.authorization, "Basic c3ZjOlBhc3N3MHJk");
    script_received(dialled.server, got, sizeof got);
    assert_non_null(strstr(got, "RPC_IN_DATA /rpc/rpcproxy.dll?server.test:6001 HTTP/1.1\r\n"));
    assert_non_null(strstr(got, "Content-Length: 0\r\n"));
    assert_null(strstr(got, "Authorization")); /* made ready, not sent */
    hang_up(&dialled);
}

static void test_dial_refused(void **state)
{
    (void)state;
    struct dialled dialled;
    assert_false(dial(&dialled, NOT_IMPLEMENTED));
    expect_fault(
        "verb", &dialled.fault, CAUSE_HTTP_STATUS, 501, "RPC_IN_DATA is answered with 501");
    assert_string_equal(dialled.dial.stage, "channels");
    assert_int_equal(dialled.dial.answer.status, 501);
    hang_up(&dialled);
}

static void test_dial_closed(void **state)
{
    (void)state;
    struct dialled dialled;
    int64_t begun = clock_monotonic_us();
    assert_false(dial(&dialled, NULL));
    expect_fault("closed", &dialled.fault, CAUSE_CLOSED, 0, "RPC_IN_DATA");
    hang_up(&dialled);
    assert_true(clock_monotonic_us() - begun < 3000000);
}

/* A chain that has failed does not wait for what is made beside it. */
static void test_dial_dropped(void **state)
{
    (void)state;
    static const struct script_step silent[] = {{.kind = SCRIPT_SILENT}};
    struct session session;
    struct settings settings;
    struct script_server *server = script_start(silent, NULL);
    session_open(&session, &settings);
    assert_true(net_address_parse("127.0.0.1", script_port(server), &session.connect));
    int64_t begun = clock_monotonic_us();
    rpc_dial_in(&session);
    rpc_prepare_in(&session, &basic);
    session_done(&session);
    assert_true(clock_monotonic_us() - begun < 1000000);
    script_stop(server);
}

/* ---- OUT's request, the last leg of the chain's logon ---- */

static void test_out(void **state)
{
    (void)state;
    static const struct script_cert cert = {0};
    static const struct {
        const char *answer;
        int status; /* 0: none */
        enum cause cause;
    } table[] = {
        {"HTTP/1.1 200 Success\r\nContent-Type: application/rpc\r\nContent-Length: "
         "1073741824\r\n\r\n",
            200, CAUSE_NONE},
        {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nnope", 401, CAUSE_NONE},
        {"HTTP/1.1 503 RPC Error: 6ba\r\nContent-Length: 0\r\n\r\n", 503, CAUSE_NONE},
        {NULL, 0, CAUSE_CLOSED},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        const struct script_step steps[] = {{.kind = SCRIPT_TLS}, {.kind = SCRIPT_READ_HEAD},
            {.kind = SCRIPT_READ_SOME},
            {.kind = table[i].answer != NULL ? SCRIPT_SEND : SCRIPT_END, .text = table[i].answer},
            {.kind = SCRIPT_SILENT}};
        struct session session;
        struct settings settings;
        struct http_response response = {.status = 0};
        struct fault fault = {.cause = CAUSE_NONE};
        bool sent = false;
        struct script_server *server = script_start(steps, &cert);
        session_open(&session, &settings);
        session.http = connect_to(server, true, false, "server.test");
        rpc_session_of(&session)->server = "guid@contoso.test";
        bool ok = rpc_send_out(&session, "Basic x", &sent, &response, &fault);
        assert_true(sent);
        assert_int_equal(ok, table[i].status != 0);
        assert_int_equal(response.status, table[i].status);
        assert_int_equal(fault.cause, table[i].cause);
        assert_int_equal(rpc_shows_logon(&response), ok && table[i].status != 401);
        http_response_done(&response);
        session_done(&session);
        script_stop(server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_shows_logon),
        cmocka_unit_test(test_verb),
        cmocka_unit_test(test_refused_channel),
        cmocka_unit_test(test_swallowed_channel),
        cmocka_unit_test(test_association),
        cmocka_unit_test(test_beside),
        cmocka_unit_test(test_dial),
        cmocka_unit_test(test_dial_refused),
        cmocka_unit_test(test_dial_closed),
        cmocka_unit_test(test_dial_dropped),
        cmocka_unit_test(test_out),
    };
    if (!peer_init())
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_done();
    return failed;
}
