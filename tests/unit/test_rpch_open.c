#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/rpch_peer.h"

/* Every way in which RPC over HTTP fails to open. */

struct failure {
    const char *name;
    const char *out, *in; /* what is answered; NULL: the channel is good, "": nothing */
    enum cause cause;
    enum origin origin;
    long code;
    const char *words; /* the method that is blamed, and more */
    int out_status, in_status;
};

static const struct failure failures[] = {
    {"OUT 404", REFUSED("404 Not Found", ""), NULL, CAUSE_HTTP_STATUS, ORIGIN_HTTP, 404,
        "RPC_OUT_DATA is answered with 404", 404, 0},
    {"IN 404", NULL, REFUSED("404 Not Found", ""), CAUSE_HTTP_STATUS, ORIGIN_HTTP, 404,
        "RPC_IN_DATA is answered with 404", 200, 404},
    {"both 405", REFUSED("405 No", ""), REFUSED("405 No", ""), CAUSE_HTTP_STATUS, ORIGIN_HTTP, 405,
        "(IN too)", 405, 405},
    {"IN 501", NULL, REFUSED("501 No", ""), CAUSE_HTTP_STATUS, ORIGIN_HTTP, 501,
        "RPC_IN_DATA is answered with 501: the method is refused", 200, 501},
    {"IN 413", NULL, REFUSED("413 Large", ""), CAUSE_HTTP_STATUS, ORIGIN_HTTP, 413, "RPC_IN_DATA",
        200, 413},
    {"OUT 401", REFUSED("401 No", "WWW-Authenticate: NTLM\r\n"), NULL, CAUSE_LOGON_REFUSED,
        ORIGIN_HTTP, 401, "RPC_OUT_DATA is answered with 401", 401, 0},
    {"IN 401", NULL, REFUSED("401 No", "WWW-Authenticate: NTLM\r\n"), CAUSE_LOGON_REFUSED,
        ORIGIN_HTTP, 401, "RPC_IN_DATA is answered with 401", 200, 401},
    {"OUT 503 6ba", RPC_ERROR("6ba"), NULL, CAUSE_UNREACHABLE, ORIGIN_RPC, 0x6ba,
        "RPC_OUT_DATA: the RPC proxy says 0x6ba", 503, 0},
    {"IN 503 6ba", NULL, RPC_ERROR("6ba"), CAUSE_UNREACHABLE, ORIGIN_RPC, 0x6ba,
        "RPC_IN_DATA: the RPC proxy says 0x6ba", 200, 503},
    {"OUT 503 5", RPC_ERROR("5"), NULL, CAUSE_ACCESS_DENIED, ORIGIN_RPC, 5, "RPC_OUT_DATA", 503, 0},
    {"IN 503", NULL, REFUSED("503 Service Unavailable", ""), CAUSE_HTTP_STATUS, ORIGIN_HTTP, 503,
        "RPC_IN_DATA", 200, 503},
    {"OUT 302", REFUSED("302 Found", "Location: /owa\r\n"), NULL, CAUSE_REDIRECTED, ORIGIN_HTTP,
        302, "redirected to /owa", 302, 0},
    {"OUT page", HEAD_200 "Content-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>", NULL,
        CAUSE_NOT_EXCHANGE, ORIGIN_HTTP, 200, "RPC_OUT_DATA is answered with a page", 200, 0},
    {"IN 200", NULL, REFUSED("200 OK", ""), CAUSE_NOT_EXCHANGE, ORIGIN_HTTP, 200,
        "RPC_IN_DATA is answered with 200", 200, 200},
    {"OUT garbage", OPEN_200 "<html>", NULL, CAUSE_MALFORMED, ORIGIN_RPC, 0, "RPC_OUT_DATA: ", 200,
        0},
    {"OUT garbage that ends", HEAD_200 "Content-Length: 6\r\n\r\n<html>", NULL, CAUSE_MALFORMED,
        ORIGIN_RPC, 0, "RPC_OUT_DATA: ", 200, 0},
    {"OUT ends", HEAD_200 "Content-Length: 0\r\n\r\n", NULL, CAUSE_CLOSED, ORIGIN_EXREACH, 0,
        "RPC_OUT_DATA: the server ended the channel", 200, 0},
    {"OUT no HTTP", "SSH-2.0-x\r\n", NULL, CAUSE_NOT_HTTP, ORIGIN_EXREACH, 0, "RPC_OUT_DATA: ", 0,
        0},
    {"OUT silent", "", NULL, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0, "RPC_OUT_DATA: no answer", 0, 0},
    {"OUT without A3", OPEN_200, NULL, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0, "CONN/A3 did not come",
        200, 0},
};

static void test_failures(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        const struct failure *failure = &failures[i];
        struct script_step out[] = {{.kind = SCRIPT_TLS}, HEAD_STEP, BODY_STEP, TEXT_STEP(OPEN_200),
            PDU_STEP(pdu_a3), SILENT_STEP};
        struct script_step in[] = {
            {.kind = SCRIPT_TLS}, HEAD_STEP, BODY_STEP, SILENT_STEP, SILENT_STEP};
        if (failure->out != NULL) {
            out[3].text = failure->out;
            out[4] = out[5];
        }
        if (failure->in != NULL)
            in[3] = (struct script_step)TEXT_STEP(failure->in);
        struct peer peer;
        bool silent = failure->cause == CAUSE_TIMEOUT;
        int64_t start = clock_monotonic_us();
        assert_false(peer_open(&peer, out, in, limit_of(silent ? 400 : 3000)));
        int64_t took_ms = (clock_monotonic_us() - start) / 1000;
        expect_fault(failure->name, &peer.fault, failure->cause, failure->code, failure->words);
        assert_int_equal(peer.fault.origin, failure->origin);
        assert_true(took_ms < 1500);
        assert_int_equal(peer.seen.answers[RPCH_OUT].status, failure->out_status);
        assert_int_equal(peer.seen.answers[RPCH_IN].status, failure->in_status);
        assert_int_equal(peer.seen.faults[RPCH_IN].cause != CAUSE_NONE, failure->in_status != 0);
        if (failure->cause == CAUSE_UNREACHABLE)
            assert_true(peer.seen.has_rpc_error[RPCH_OUT] || peer.seen.has_rpc_error[RPCH_IN]);
        if (failure->in_status == 404)
            assert_string_equal(peer.seen.answers[RPCH_IN].body, "nope");
        if (failure->in_status == 401)
            assert_string_equal(
                http_header(&peer.seen.answers[RPCH_IN], "WWW-Authenticate"), "NTLM");
        peer_close(&peer);
    }
}

/* A3 comes, C2 does not: what is sent on IN gets nowhere. Connections that end say which. */
static void test_in_gets_nowhere(void **state)
{
    (void)state;
    static const struct {
        enum script_kind end;
        enum cause cause;
        const char *words;
    } cases[] = {
        {SCRIPT_SILENT, CAUSE_TIMEOUT, "RPC_IN_DATA does not get through"},
        {SCRIPT_FIN, CAUSE_CLOSED, "RPC_IN_DATA: "},
        {SCRIPT_RESET, CAUSE_RESET, "RPC_IN_DATA: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct script_step out[] = {
            HEAD_STEP, BODY_STEP, TEXT_STEP(OPEN_200), PDU_STEP(pdu_a3), SILENT_STEP};
        const struct script_step in[] = {HEAD_STEP, BODY_STEP, {.kind = cases[i].end}};
        struct peer peer;
        assert_false(peer_open(&peer, out, in, limit_of(500)));
        expect_fault("IN", &peer.fault, cases[i].cause, 0, cases[i].words);
        assert_int_equal(peer.seen.faults[RPCH_OUT].cause, CAUSE_NONE);
        if (cases[i].cause == CAUSE_TIMEOUT)
            assert_int_equal(peer.seen.state, RTS_STATE_C2_WAIT);
        peer_close(&peer);
    }
}

static void test_protocol(void **state)
{
    (void)state;
    const struct pdu strange = pdu_load("rts/out_r2_a6"), small = pdu_load("rts/c2-window-small");
    const struct {
        const char *name;
        const struct pdu *first, *second;
        enum cause cause;
    } cases[] = {
        {"C2 before A3", &pdu_c2, NULL, CAUSE_MALFORMED},
        {"RPC before C2", &pdu_a3, &pdu_response, CAUSE_MALFORMED},
        {"a PDU of others", &pdu_a3, &strange, CAUSE_MALFORMED},
        {"a window too small", &pdu_a3, &small, CAUSE_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct script_step out[] = {HEAD_STEP, BODY_STEP, TEXT_STEP(OPEN_200),
            PDU_STEP(*cases[i].first),
            {.kind = SCRIPT_SEND,
                .text = cases[i].second != NULL ? cases[i].second->bytes : "",
                .length = cases[i].second != NULL ? cases[i].second->length : 0},
            SILENT_STEP};
        const struct script_step in[] = {HEAD_STEP, SILENT_STEP};
        struct peer peer;
        assert_false(peer_open(&peer, out, in, limit_of(0)));
        expect_fault(cases[i].name, &peer.fault, cases[i].cause, 0, "RPC_OUT_DATA");
        peer_close(&peer);
    }
}

/* A server that says something for ever is left at the deadline, or once it says more than anyone
 * takes; the abort ends at once. */
static void test_limits(void **state)
{
    (void)state;
    enum { PINGS = 100 };
    char *pings = arena_alloc(&samples, PINGS * pdu_ping.length);
    struct writer writer = writer_of(pings, PINGS * pdu_ping.length);
    for (int i = 0; i < PINGS; i++)
        write_bytes(&writer, pdu_ping.bytes, pdu_ping.length);
    const struct {
        struct script_step step;
        bool aborted;
        enum cause cause;
    } cases[] = {
        {{.kind = SCRIPT_DRIP, .text = pings, .length = PINGS * pdu_ping.length, .ms = 1}, false,
            CAUSE_TIMEOUT},
        {{.kind = SCRIPT_FLOOD, .text = pdu_ping.bytes, .length = pdu_ping.length}, false,
            CAUSE_TOO_LARGE},
        {{.kind = SCRIPT_FLOOD, .text = pdu_ping.bytes, .length = pdu_ping.length}, true,
            CAUSE_INTERRUPTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct script_step out[] = {HEAD_STEP, BODY_STEP, TEXT_STEP(OPEN_200),
            PDU_STEP(pdu_a3), cases[i].step, SILENT_STEP};
        const struct script_step in[] = {HEAD_STEP, SILENT_STEP};
        struct peer peer;
        struct net_limit limit = limit_of(cases[i].aborted ? 3000 : 400);
        struct fault none;
        assert_true(wake_open(&limit.cancel_fd, &none));
        if (cases[i].aborted)
            wake_raise(limit.cancel_fd);
        int64_t start = clock_monotonic_us();
        assert_false(peer_open(&peer, out, in, limit));
        /* How much comes at once is the kernel's business. */
        if (cases[i].cause != CAUSE_TOO_LARGE || peer.fault.cause != CAUSE_TIMEOUT)
            expect_fault("limit", &peer.fault, cases[i].cause, 0, NULL);
        assert_true(clock_monotonic_us() - start < 1500 * 1000);
        peer_close(&peer);
        wake_close(limit.cancel_fd);
    }
}

/* ---- in two stages ---- */

/* OUT alone: nothing goes on IN before its answer. */
static bool open_out(struct peer *peer, const struct script_step *out, const struct script_step *in)
{
    const struct script_step *const steps[RPCH_CHANNELS] = {[RPCH_OUT] = out, [RPCH_IN] = in};
    memset(peer, 0, sizeof *peer);
    peer->request = (struct rpch_request){.server = "guid@contoso.test", .port = 6001};
    for (int i = 0; i < RPCH_CHANNELS; i++) {
        peer->servers[i] = script_start(steps[i], NULL);
        peer->conns[i] = connect_to(peer->servers[i], false, false, "server.test");
    }
    peer->request.legs[RPCH_OUT].conn = peer->conns[RPCH_OUT];
    return rpch_open_out(&peer->request, limit_of(0), &peer->rpch, &peer->seen, &peer->fault);
}

static bool open_in(struct peer *peer, int ms)
{
    const struct rpch_leg in = {.conn = peer->conns[RPCH_IN]};
    return rpch_open_in(peer->rpch, &in, limit_of(ms), &peer->seen, &peer->fault);
}

static void test_two_stages(void **state)
{
    (void)state;
    const struct script_step out[] = {HEAD_STEP, BODY_STEP, TEXT_STEP(OPEN_200), PDU_STEP(pdu_a3),
        SLEEP_STEP(50), PDU_STEP(pdu_c2), SILENT_STEP};
    const struct script_step in[] = {HEAD_STEP, SILENT_STEP};
    struct peer peer;
    char got[4096];
    assert_open(open_out(&peer, out, in), &peer);
    assert_int_equal(peer.seen.answers[RPCH_OUT].status, 200);
    assert_true(peer.seen.sent[RPCH_OUT] && !peer.seen.sent[RPCH_IN]);
    assert_true(peer.seen.answered_us > 0);
    assert_int_equal(script_received(peer.servers[RPCH_IN], got, sizeof got), 0);
    assert_open(open_in(&peer, 0), &peer);
    assert_int_equal(peer.seen.state, RTS_STATE_OPEN);
    assert_true(peer.seen.sent[RPCH_IN] && peer.seen.opened_us > 0);
    assert_int_equal(peer.seen.out_timeout_ms, 120000);
    peer_close(&peer);
}

static void test_first_stage_fails(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        enum cause cause;
        long code;
        const char *words;
    } table[] = {
        {REFUSED("404 Not Found", ""), CAUSE_HTTP_STATUS, 404, "RPC_OUT_DATA is answered with 404"},
        {RPC_ERROR("6ba"), CAUSE_UNREACHABLE, 0x6ba, "RPC_OUT_DATA"},
        {HEAD_200 "Content-Type: text/html\r\nContent-Length: 2\r\n\r\nhi", CAUSE_NOT_EXCHANGE, 200,
            "a page of text/html"},
    };
    const struct script_step in[] = {SILENT_STEP};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct script_step out[] = {
            HEAD_STEP, BODY_STEP, TEXT_STEP(table[i].answer), SILENT_STEP};
        struct peer peer;
        assert_false(open_out(&peer, out, in));
        expect_fault("OUT", &peer.fault, table[i].cause, table[i].code, table[i].words);
        assert_int_equal(rpch_blamed(&peer.seen), RPCH_OUT);
        assert_int_equal(peer.seen.faults[RPCH_IN].cause, CAUSE_NONE);
        assert_null(peer.rpch);
        peer_close(&peer);
    }
}

static void test_second_stage_fails(void **state)
{
    (void)state;
    const struct script_step out[] = {
        HEAD_STEP, BODY_STEP, TEXT_STEP(OPEN_200), PDU_STEP(pdu_a3), SILENT_STEP};
    const struct script_step refused[] = {
        HEAD_STEP, TEXT_STEP(REFUSED("413 Too Large", "")), SILENT_STEP};
    const struct script_step swallowed[] = {HEAD_STEP, SILENT_STEP};
    struct peer peer;
    assert_open(open_out(&peer, out, refused), &peer);
    assert_false(open_in(&peer, 0));
    expect_fault(
        "refused", &peer.fault, CAUSE_HTTP_STATUS, 413, "RPC_IN_DATA is answered with 413");
    assert_int_equal(rpch_blamed(&peer.seen), RPCH_IN);
    peer_close(&peer);
    assert_open(open_out(&peer, out, swallowed), &peer);
    assert_false(open_in(&peer, 300));
    expect_fault("swallowed", &peer.fault, CAUSE_TIMEOUT, 0, "CONN/C2");
    assert_int_equal(rpch_blamed(&peer.seen), RPCH_IN);
    assert_int_equal(peer.seen.state, RTS_STATE_C2_WAIT);
    peer_close(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_in_gets_nowhere),
        cmocka_unit_test(test_protocol),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_two_stages),
        cmocka_unit_test(test_first_stage_fails),
        cmocka_unit_test(test_second_stage_fails),
    };
    if (!peer_init())
        return 1;
    int failed = cmocka_run_group_tests(tests, load_all, NULL);
    arena_done(&samples);
    peer_done();
    return failed;
}
