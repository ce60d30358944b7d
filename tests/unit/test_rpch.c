#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/rpch_peer.h"

/* RPC over HTTP that opens: what is sent, flow control, recycling, breaks; the echo. */

/* ---- a connection that works ---- */

/* What the servers got: both requests, CONN/B1 and the one PDU. */
static void check_requests(const struct peer *peer)
{
    char got[16384];
    size_t all = 0;
    for (int i = 0; i < 100 && all == 0; i++) {
        pause_ms(10);
        size_t size = script_received(peer->servers[RPCH_IN], got, sizeof got);
        const char *end = strstr(got, "\r\n\r\n");
        if (end != NULL && size - (size_t)(end + 4 - got) == RTS_B1_SIZE + pdu_response.length)
            all = size;
    }
    assert_true(all > 0);
    assert_non_null(strstr(got, "RPC_IN_DATA /rpc/rpcproxy.dll?guid@contoso.test:6001 HTTP"));
    assert_non_null(strstr(got, "Content-Length: 1073741824\r\n"));
    assert_non_null(strstr(got, "Authorization: NTLM secret\r\n"));
    assert_non_null(strstr(got, "Accept: application/rpc\r\n"));
    assert_non_null(strstr(got, "User-Agent: MSRPC\r\n"));
    assert_null(strstr(got, "User-Agent: exreach"));
    script_received(peer->servers[RPCH_OUT], got, sizeof got);
    assert_non_null(strstr(got, "RPC_OUT_DATA /rpc/rpcproxy.dll?guid@contoso.test:6001 HTTP"));
    assert_non_null(strstr(got, "Content-Length: 76\r\n"));
}

static void test_open(void **state)
{
    (void)state;
    for (int continues = 0; continues < 2; continues++) {
        const struct script_step out[] = {{.kind = SCRIPT_TLS}, HEAD_STEP, BODY_STEP,
            TEXT_STEP(OPEN_200), PDU_STEP(pdu_a3), PDU_STEP(pdu_ping), PDU_STEP(pdu_c2),
            SLEEP_STEP(50), PDU_STEP(pdu_response), SILENT_STEP};
        const struct script_step in[] = {{.kind = SCRIPT_TLS}, HEAD_STEP,
            TEXT_STEP(continues != 0 ? CONTINUE : ""), SILENT_STEP};
        struct peer peer;
        assert_open(peer_open(&peer, out, in, limit_of(0)), &peer);
        assert_int_equal(peer.seen.state, RTS_STATE_OPEN);
        assert_int_equal(peer.seen.out_timeout_ms, 120000);
        assert_int_equal(peer.seen.in_timeout_ms, 120000);
        assert_int_equal(peer.seen.window, 65536);
        assert_int_equal(peer.seen.answers[RPCH_OUT].status, 200);
        assert_int_equal(peer.seen.answers[RPCH_OUT].length, 0);
        assert_string_equal(
            http_header(&peer.seen.answers[RPCH_OUT], "Content-Type"), "application/rpc");
        assert_int_equal(peer.seen.answers[RPCH_IN].status, 0);
        assert_true(peer.seen.answered_us > 0 && peer.seen.opened_us >= peer.seen.answered_us);
        assert_non_null(strstr(peer.lines, "> RTS CONN/A1"));
        assert_non_null(strstr(peer.lines, "> RTS CONN/B1"));
        assert_non_null(strstr(peer.lines, "< RTS CONN/A3"));
        assert_non_null(strstr(peer.lines, "< RTS ping"));
        assert_non_null(strstr(peer.lines, "< RTS CONN/C2"));

        struct rpc_transport transport = rpch_transport(peer.rpch);
        uint8_t *pdu = NULL;
        size_t length = 0;
        assert_open(
            transport.receive(transport.context, limit_of(0), &pdu, &length, &peer.fault), &peer);
        assert_int_equal(length, pdu_response.length);
        assert_memory_equal(pdu, pdu_response.bytes, length);
        assert_true(transport.send(
            transport.context, pdu_response.bytes, pdu_response.length, limit_of(0), &peer.fault));
        /* It goes out with the next wait. */
        assert_false(
            transport.receive(transport.context, limit_of(100), &pdu, &length, &peer.fault));
        expect_fault("nothing more", &peer.fault, CAUSE_TIMEOUT, 0, "RPC_OUT_DATA");
        check_requests(&peer);
        peer_close(&peer);
    }
}

/* ---- an open connection ---- */

/* B1's IN cookie, as the server of the IN channel got it. */
static void in_cookie(const struct peer *peer, uint8_t cookie[RTS_COOKIE_SIZE])
{
    char got[4096];
    for (int i = 0; i < 200; i++) {
        size_t size = script_received(peer->servers[RPCH_IN], got, sizeof got);
        const char *end = strstr(got, "\r\n\r\n");
        if (end != NULL && size - (size_t)(end + 4 - got) >= RTS_B1_SIZE) {
            memcpy(cookie, end + 4 + 52, RTS_COOKIE_SIZE); /* header 20, version 8, cookie 20, 4 */
            return;
        }
        pause_ms(10);
    }
    fail_msg("no CONN/B1 came");
}

/* 2.2.4.50 */
static void write_ack(char bytes[48], uint32_t received, uint32_t available, const uint8_t *cookie)
{
    struct writer writer = writer_of(bytes, 48);
    static const uint8_t header[] = {5, 0, 20, 3, 0x10, 0, 0, 0, 48, 0, 0, 0, 0, 0, 0, 0};
    write_bytes(&writer, header, sizeof header);
    write_le16(&writer, 2);
    write_le16(&writer, 1);
    write_le32(&writer, 1);
    write_le32(&writer, received);
    write_le32(&writer, available);
    write_bytes(&writer, cookie, RTS_COOKIE_SIZE);
    assert_int_equal(writer.length, 48);
}

/* The window is 8 KiB: the second PDU waits for an acknowledgement, and what comes meanwhile is not
 * lost. */
static void test_send_window(void **state)
{
    (void)state;
    static char ack[48];
    memset(ack, 0, sizeof ack);
    const struct script_step out[] = {HEAD_STEP, BODY_STEP, TEXT_STEP(OPEN_200), PDU_STEP(pdu_a3),
        SLEEP_STEP(50), PDU_STEP(pdu_c2_small), SLEEP_STEP(400), PDU_STEP(pdu_response),
        {.kind = SCRIPT_SEND, .text = ack, .length = sizeof ack}, SILENT_STEP};
    const struct script_step in[] = {HEAD_STEP, SILENT_STEP};
    struct peer peer;
    uint8_t cookie[RTS_COOKIE_SIZE], big[6000] = {0};
    assert_open(peer_open(&peer, out, in, limit_of(0)), &peer);
    assert_int_equal(peer.seen.window, RTS_WINDOW_LEAST);
    in_cookie(&peer, cookie);
    write_ack(ack, sizeof big, RTS_WINDOW_LEAST, cookie);
    char none[1];
    script_received(peer.servers[RPCH_OUT], none, sizeof none); /* publishes it to the server */
    struct rpc_transport transport = rpch_transport(peer.rpch);
    assert_true(transport.send(transport.context, big, sizeof big, limit_of(0), &peer.fault));
    assert_false(transport.send(transport.context, big, sizeof big, limit_of(50), &peer.fault));
    expect_fault("window", &peer.fault, CAUSE_TIMEOUT, 0, "RPC_IN_DATA: no acknowledgement");
    int64_t start = clock_monotonic_us();
    assert_open(
        transport.send(transport.context, big, sizeof big, limit_of(0), &peer.fault), &peer);
    assert_true(clock_monotonic_us() - start > 100 * 1000);
    uint8_t *pdu = NULL;
    size_t length = 0;
    assert_true(transport.receive(transport.context, limit_of(0), &pdu, &length, &peer.fault));
    assert_int_equal(length, pdu_response.length);
    assert_non_null(strstr(peer.lines, "< RTS flow control acknowledgement"));
    peer_close(&peer);
}

/* Half of our window is used up: an acknowledgement goes out. */
static void test_receive_window(void **state)
{
    (void)state;
    enum { SIZE = 5840, COUNT = 12 };
    char *big = arena_alloc(&samples, SIZE);
    struct writer writer = writer_of(big, SIZE);
    write_bytes(&writer, pdu_response.bytes, pdu_response.length);
    write_zeros(&writer, SIZE - pdu_response.length);
    write_le16_at(&writer, 8, SIZE);
    struct script_step out[6 + COUNT] = {
        HEAD_STEP, BODY_STEP, TEXT_STEP(OPEN_200), PDU_STEP(pdu_a3), PDU_STEP(pdu_c2)};
    for (size_t i = 0; i < COUNT; i++)
        out[5 + i] = (struct script_step){.kind = SCRIPT_SEND, .text = big, .length = SIZE};
    out[5 + COUNT] = (struct script_step)SILENT_STEP;
    const struct script_step in[] = {HEAD_STEP, SILENT_STEP};
    struct peer peer;
    assert_open(peer_open(&peer, out, in, limit_of(0)), &peer);
    struct rpc_transport transport = rpch_transport(peer.rpch);
    for (int i = 0; i < COUNT; i++) {
        uint8_t *pdu = NULL;
        size_t length = 0;
        assert_open(
            transport.receive(transport.context, limit_of(0), &pdu, &length, &peer.fault), &peer);
        assert_int_equal(length, SIZE);
    }
    assert_non_null(strstr(peer.lines, "> RTS flow control acknowledgement to the OUT proxy"));
    peer_close(&peer);
}

static void test_recycling(void **state)
{
    (void)state;
    const struct script_step out[] = {HEAD_STEP, BODY_STEP, TEXT_STEP(OPEN_200), PDU_STEP(pdu_a3),
        PDU_STEP(pdu_c2), SLEEP_STEP(100), PDU_STEP(pdu_recycle), PDU_STEP(pdu_response),
        SILENT_STEP};
    const struct script_step in[] = {HEAD_STEP, SILENT_STEP};
    struct peer peer;
    uint8_t *pdu = NULL;
    size_t length = 0;
    assert_open(peer_open(&peer, out, in, limit_of(0)), &peer);
    assert_false(rpch_recycling(peer.rpch));
    struct rpc_transport transport = rpch_transport(peer.rpch);
    assert_true(transport.receive(transport.context, limit_of(0), &pdu, &length, &peer.fault));
    assert_int_equal(length, pdu_response.length);
    assert_true(rpch_recycling(peer.rpch));
    /* What is under way can be ended. */
    assert_true(transport.send(transport.context, pdu, length, limit_of(0), &peer.fault));
    peer_close(&peer);
}

/* The connection breaks in the middle: the fault names the channel. */
static void test_breaks(void **state)
{
    (void)state;
    static const struct {
        struct script_step out, in;
        enum cause cause;
        const char *words;
    } cases[] = {
        /* CONN/A3 28, CONN/C2 44, the response 67 */
        {{.kind = SCRIPT_FIN}, SILENT_STEP, CAUSE_TRUNCATED,
            "RPC_OUT_DATA: the connection ended in the middle of the session, after 139 bytes"},
        {{.kind = SCRIPT_RESET}, SILENT_STEP, CAUSE_RESET, "RPC_OUT_DATA"},
        {SILENT_STEP, TEXT_STEP(RPC_ERROR("6be")), CAUSE_RPC_FAULT, "RPC_IN_DATA"},
        {SILENT_STEP, TEXT_STEP(REFUSED("500 Oops", "")), CAUSE_HTTP_STATUS, "RPC_IN_DATA"},
        {SILENT_STEP, {.kind = SCRIPT_FIN}, CAUSE_CLOSED, "RPC_IN_DATA"},
        {TEXT_STEP("garbage!"), SILENT_STEP, CAUSE_MALFORMED, "RPC_OUT_DATA"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct script_step out[] = {HEAD_STEP, BODY_STEP, TEXT_STEP(OPEN_200),
            PDU_STEP(pdu_a3), PDU_STEP(pdu_c2), SLEEP_STEP(100), PDU_STEP(pdu_response),
            SLEEP_STEP(50), cases[i].out, SILENT_STEP};
        const struct script_step in[] = {
            HEAD_STEP, BODY_STEP, SLEEP_STEP(300), cases[i].in, SILENT_STEP};
        struct peer peer;
        uint8_t *pdu = NULL;
        size_t length = 0;
        assert_open(peer_open(&peer, out, in, limit_of(0)), &peer);
        struct rpc_transport transport = rpch_transport(peer.rpch);
        assert_true(transport.receive(transport.context, limit_of(0), &pdu, &length, &peer.fault));
        assert_false(
            transport.receive(transport.context, limit_of(2000), &pdu, &length, &peer.fault));
        expect_fault("break", &peer.fault, cases[i].cause, 0, cases[i].words);
        peer_close(&peer);
    }
}

/* CONN/C2 says 400 ms: while nothing comes, pings go out on IN each 200. 3.2.2.6.1 */
static void test_pings(void **state)
{
    (void)state;
    char c2[64], got[4096];
    assert_true(pdu_c2.length <= sizeof c2);
    memcpy(c2, pdu_c2.bytes, pdu_c2.length);
    struct writer writer = writer_of(c2, sizeof c2);
    writer.length = pdu_c2.length;
    write_le32_at(&writer, 40, 400); /* the last of its commands. 2.2.4.9 */
    const struct script_step out[] = {HEAD_STEP, BODY_STEP, TEXT_STEP(OPEN_200), PDU_STEP(pdu_a3),
        SLEEP_STEP(50), {.kind = SCRIPT_SEND, .text = c2, .length = pdu_c2.length}, SILENT_STEP};
    const struct script_step in[] = {HEAD_STEP, SILENT_STEP};
    struct peer peer;
    uint8_t *pdu = NULL;
    size_t length = 0, size = 0, pings = 0;
    assert_open(peer_open(&peer, out, in, limit_of(0)), &peer);
    assert_int_equal(peer.seen.in_timeout_ms, 400);
    assert_null(strstr(peer.lines, "> RTS ping"));
    struct rpc_transport transport = rpch_transport(peer.rpch);
    assert_false(transport.receive(transport.context, limit_of(1100), &pdu, &length, &peer.fault));
    expect_fault("pinged", &peer.fault, CAUSE_TIMEOUT, 0, "RPC_OUT_DATA");
    size = script_received(peer.servers[RPCH_IN], got, sizeof got);
    const char *end = strstr(got, "\r\n\r\n");
    assert_non_null(end);
    size_t at = (size_t)(end + 4 - got) + RTS_B1_SIZE;
    for (; at + pdu_ping.length <= size; at += pdu_ping.length, pings++)
        assert_memory_equal(&got[at], pdu_ping.bytes, pdu_ping.length);
    if (pings < 3 || pings > 5)
        fail_msg("%zu pings in 1.1 s", pings);
    peer_close(&peer);
}

/* ---- the echo ---- */

static void test_echo(void **state)
{
    (void)state;
    static const char head[] =
        HEAD_200 "Content-Type: application/rpc\r\nContent-Length: 20\r\n\r\n";
    const struct {
        struct script_step first, second;
        int status;
        bool answered;
    } cases[] = {
        {TEXT_STEP(head), PDU_STEP(pdu_echo), 200, true},
        {TEXT_STEP(head), PDU_STEP(pdu_ping), 200, false},
        {TEXT_STEP(REFUSED("404 No", "")), SILENT_STEP, 404, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct script_step steps[] = {
            HEAD_STEP, BODY_STEP, cases[i].first, cases[i].second, SILENT_STEP};
        struct script_server *server = script_start(steps, NULL);
        struct http_conn *conn = connect_to(server, false, false, "server.test");
        struct rpch_request request = {.server = "ex1", .port = 6001};
        request.legs[RPCH_IN].conn = conn;
        struct rpch_echo echo;
        struct fault fault = {0};
        char got[4096];
        if (!rpch_echo(&request, RPCH_IN, limit_of(0), &echo, &fault))
            fail_msg("%s", fault.text);
        assert_int_equal(echo.response.status, cases[i].status);
        assert_int_equal(echo.answered, cases[i].answered);
        script_received(server, got, sizeof got);
        assert_non_null(strstr(got, "RPC_IN_DATA /rpc/rpcproxy.dll?ex1:6001 HTTP"));
        assert_non_null(strstr(got, "Content-Length: 4\r\n"));
        http_response_done(&echo.response);
        http_close(conn);
        script_stop(server);
    }
    static const struct script_step dead[] = {HEAD_STEP, SILENT_STEP};
    struct script_server *server = script_start(dead, NULL);
    struct rpch_request request = {.server = "ex1", .port = 6001};
    request.legs[RPCH_OUT].conn = connect_to(server, false, false, "server.test");
    struct rpch_echo echo;
    struct fault fault = {0};
    assert_false(rpch_echo(&request, RPCH_OUT, limit_of(200), &echo, &fault));
    expect_fault("dead", &fault, CAUSE_TIMEOUT, 0, "echo by RPC_OUT_DATA");
    http_close(request.legs[RPCH_OUT].conn);
    script_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_send_window),
        cmocka_unit_test(test_receive_window),
        cmocka_unit_test(test_recycling),
        cmocka_unit_test(test_breaks),
        cmocka_unit_test(test_pings),
        cmocka_unit_test(test_echo),
    };
    if (!peer_init())
        return 1;
    int failed = cmocka_run_group_tests(tests, load_all, NULL);
    arena_done(&samples);
    peer_done();
    return failed;
}
