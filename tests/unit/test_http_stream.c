#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/http_stream.h"
#include "tests/unit/http_peer.h"

/* Streams: two requests at once, each to a scripted server of its own. */

static const struct http_request in_request = {
    .method = "RPC_IN_DATA", .target = "/rpc/rpcproxy.dll?x:6001", .body_max = 4096};
static const struct http_request out_request = {.method = "RPC_OUT_DATA",
    .target = "/rpc/rpcproxy.dll?x:6001",
    .body = "12345678",
    .body_length = 8,
    .body_max = 4096};

#define HEAD_OPEN HEAD_200 "Content-Length: 1000000\r\n\r\n"

struct pair {
    struct script_server *servers[2]; /* IN, OUT */
    struct http_conn *conns[2];
};

static void pair_open(
    struct pair *pair, const struct script_step *in, const struct script_step *out, bool tls)
{
    static const struct script_cert cert = {0};
    const struct script_step *const steps[] = {in, out};
    for (size_t i = 0; i < 2; i++) {
        pair->servers[i] = script_start(steps[i], tls ? &cert : NULL);
        pair->conns[i] = connect_to(pair->servers[i], tls, false, "server.test");
    }
}

static void pair_close(struct pair *pair)
{
    for (size_t i = 0; i < 2; i++) {
        http_close(pair->conns[i]);
        script_stop(pair->servers[i]);
    }
}

static void begin(struct pair *pair)
{
    struct fault fault = {0};
    if (!http_stream_begin(pair->conns[1], &out_request, 0, limit_of(0), &fault) ||
        !http_stream_begin(pair->conns[0], &in_request, 100000, limit_of(0), &fault))
        fail_msg("%s", fault.text);
}

/* Until the server has got `text`; what it got is in *ret_got. */
static void wait_received(struct script_server *server, const char *text, char got[8192])
{
    for (int i = 0; i < 300; i++) {
        script_received(server, got, 8192);
        if (strstr(got, text) != NULL)
            return;
        pause_ms(10);
    }
    fail_msg("the server did not get \"%s\" but \"%s\"", text, got);
}

static void drive_until(struct pair *pair, size_t which, size_t bytes)
{
    struct fault fault = {0};
    const uint8_t *have = NULL;
    while (http_stream_bytes(pair->conns[which], &have) < bytes) {
        if (!http_streams_drive(pair->conns, 2, limit_of(0), &fault))
            fail_msg("%s", fault.text);
    }
}

static void drain(struct pair *pair)
{
    struct fault fault = {0};
    while (!http_stream_drained(pair->conns[0])) {
        if (!http_streams_drive(pair->conns, 2, limit_of(0), &fault))
            fail_msg("%s", fault.text);
    }
}

/* ---- both ways at once ---- */

static void both_ways(bool tls)
{
    const struct script_step tls_step = {.kind = tls ? SCRIPT_TLS : SCRIPT_RAW};
    const struct script_step in[] = {tls_step, {.kind = SCRIPT_READ_HEAD},
        {.kind = SCRIPT_SEND, .text = "HTTP/1.1 100 Continue\r\n\r\n"}, {.kind = SCRIPT_SILENT}};
    const struct script_step out[] = {tls_step, {.kind = SCRIPT_READ_HEAD},
        {.kind = SCRIPT_SEND, .text = HEAD_OPEN "hello"}, {.kind = SCRIPT_SLEEP, .ms = 100},
        {.kind = SCRIPT_SEND, .text = " world"}, {.kind = SCRIPT_SILENT}};
    struct pair pair;
    struct fault fault = {0};
    char got[8192];
    const uint8_t *bytes = NULL;
    pair_open(&pair, in, out, tls);
    begin(&pair);
    assert_true(http_stream_write(pair.conns[0], "first.", 6, &fault));
    assert_false(http_stream_drained(pair.conns[0]));
    drain(&pair);
    drive_until(&pair, 1, 5);
    assert_int_equal(http_stream_status(pair.conns[1]), 200);
    assert_string_equal(http_stream_reason(pair.conns[1]), "OK");
    assert_string_equal(http_stream_header(pair.conns[1], "content-length", 0), "1000000");
    assert_null(http_stream_header(pair.conns[1], "content-length", 1));
    assert_true(http_stream_first_byte_us(pair.conns[1]) > 0);
    wait_received(pair.servers[0], "first.", got);
    assert_non_null(strstr(got, "Content-Length: 100000\r\n"));
    assert_null(strstr(got, "Expect"));
    wait_received(pair.servers[1], "12345678", got);
    http_stream_take(pair.conns[1], 5);
    drive_until(&pair, 1, 6);
    assert_int_equal(http_stream_bytes(pair.conns[1], &bytes), 6);
    assert_memory_equal(bytes, " world", 6);
    /* The upload was paused meanwhile. */
    assert_true(http_stream_drained(pair.conns[0]));
    assert_true(http_stream_write(pair.conns[0], "second.", 7, &fault));
    drain(&pair);
    wait_received(pair.servers[0], "first.second.", got);
    /* 100 Continue is no answer. */
    assert_int_equal(http_stream_status(pair.conns[0]), 0);
    assert_false(http_stream_ended(pair.conns[0], &fault));
    assert_false(http_stream_ended(pair.conns[1], &fault));
    http_stream_end(pair.conns[0]);
    http_stream_end(pair.conns[1]);
    assert_false(http_usable(pair.conns[0]));
    pair_close(&pair);
}

static void test_both_ways(void **state)
{
    (void)state;
    both_ways(false);
    both_ways(true);
}

/* More than sockets and curl take at once, to a server that reads late. */
static void test_large_upload(void **state)
{
    (void)state;
    enum { PIECE = 4000, PIECES = 2000, TOTAL = PIECE * PIECES };
    static const struct script_step in[] = {
        {.kind = SCRIPT_READ_HEAD}, {.kind = SCRIPT_SLEEP, .ms = 300}, {.kind = SCRIPT_SILENT}};
    static const struct script_step out[] = {{.kind = SCRIPT_READ_HEAD},
        {.kind = SCRIPT_SEND, .text = HEAD_OPEN}, {.kind = SCRIPT_SILENT}};
    struct pair pair;
    struct fault fault = {0};
    char piece[PIECE];
    memset(piece, 'x', sizeof piece);
    pair_open(&pair, in, out, false);
    struct http_conn *swapped[] = {pair.conns[1], pair.conns[0]}; /* IN is not the one that waits */
    assert_true(http_stream_begin(pair.conns[1], &out_request, 0, limit_of(0), &fault));
    assert_true(http_stream_begin(pair.conns[0], &in_request, TOTAL, limit_of(0), &fault));
    for (int i = 0; i < PIECES; i++) {
        if (!http_stream_write(pair.conns[0], piece, sizeof piece, &fault))
            fail_msg("%d: %s", i, fault.text);
        while (!http_stream_drained(pair.conns[0])) {
            if (!http_streams_drive(swapped, 2, limit_of(5000), &fault))
                fail_msg("%d: %s", i, fault.text);
        }
    }
    /* Not a byte more than was announced. */
    assert_false(http_stream_write(pair.conns[0], "x", 1, &fault));
    expect_fault("announced", &fault, CAUSE_TOO_LARGE, 0, NULL);
    pair_close(&pair);
}

static void test_queue_is_bounded(void **state)
{
    (void)state;
    static const struct script_step silent[] = {
        {.kind = SCRIPT_READ_HEAD}, {.kind = SCRIPT_SILENT}};
    struct pair pair;
    struct fault fault = {0};
    char *bytes = calloc(1, HTTP_STREAM_QUEUE_MAX);
    assert_non_null(bytes);
    pair_open(&pair, silent, silent, false);
    assert_false(http_stream_write(pair.conns[0], bytes, 1, &fault));
    expect_fault("before", &fault, CAUSE_INTERNAL, 0, NULL);
    assert_true(http_stream_begin(
        pair.conns[0], &in_request, 10 * HTTP_STREAM_QUEUE_MAX, limit_of(0), &fault));
    assert_true(http_stream_write(pair.conns[0], bytes, HTTP_STREAM_QUEUE_MAX, &fault));
    assert_false(http_stream_write(pair.conns[0], bytes, HTTP_STREAM_QUEUE_MAX, &fault));
    expect_fault("queue", &fault, CAUSE_TOO_LARGE, 0, NULL);
    free(bytes);
    pair_close(&pair);
}

/* ---- 100 Continue that is waited for ---- */

static void test_expect(void **state)
{
    (void)state;
    static const struct http_header expects = {"Expect", "100-continue"};
    struct http_request request = in_request;
    request.headers = &expects;
    request.header_count = 1;
    static const struct script_step in[] = {{.kind = SCRIPT_READ_HEAD},
        {.kind = SCRIPT_SLEEP, .ms = 200},
        {.kind = SCRIPT_SEND, .text = "HTTP/1.1 100 Continue\r\n\r\n"}, {.kind = SCRIPT_SILENT}};
    static const struct script_step mute[] = {{.kind = SCRIPT_READ_HEAD}, {.kind = SCRIPT_SILENT}};
    static const struct {
        const struct script_step *in;
        int64_t least_ms, most_ms;
    } cases[] = {{in, 150, 900}, {mute, 900, 2500}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair pair;
        struct fault fault = {0};
        char got[8192];
        pair_open(&pair, cases[i].in, mute, false);
        int64_t start = clock_monotonic_us();
        assert_true(http_stream_begin(pair.conns[0], &request, 100000, limit_of(0), &fault));
        assert_true(http_stream_write(pair.conns[0], "first.", 6, &fault));
        while (!http_stream_drained(pair.conns[0]))
            assert_true(http_streams_drive(pair.conns, 1, limit_of(0), &fault));
        int64_t took_ms = (clock_monotonic_us() - start) / 1000;
        assert_true(took_ms >= cases[i].least_ms && took_ms <= cases[i].most_ms);
        wait_received(pair.servers[0], "first.", got);
        assert_non_null(strstr(got, "Expect: 100-continue\r\n"));
        pair_close(&pair);
    }
}

/* ---- ends ---- */

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct script_step end[3];
        int status;
        bool ended;
        enum cause cause;
    } cases[] = {
        {"404",
            {{.kind = SCRIPT_SEND, .text = "HTTP/1.1 404 Nope\r\nContent-Length: 2\r\n\r\nno"},
                {.kind = SCRIPT_SILENT}},
            404, false, CAUSE_NONE},
        {"503, closed",
            {{.kind = SCRIPT_SEND,
                 .text = "HTTP/1.0 503 RPC Error: 6ba\r\nContent-Length: 0\r\n\r\n"},
                {.kind = SCRIPT_FIN}},
            503, false, CAUSE_NONE},
        {"closed", {{.kind = SCRIPT_FIN}}, 0, true, CAUSE_CLOSED},
        {"reset", {{.kind = SCRIPT_RESET}}, 0, true, CAUSE_RESET},
        {"no HTTP", {{.kind = SCRIPT_SEND, .text = "SSH-2.0-x\r\n"}, {.kind = SCRIPT_SILENT}}, 0,
            true, CAUSE_NOT_HTTP},
    };
    static const struct script_step out[] = {{.kind = SCRIPT_READ_HEAD},
        {.kind = SCRIPT_SEND, .text = HEAD_OPEN}, {.kind = SCRIPT_SILENT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct script_step in[5] = {{.kind = SCRIPT_READ_HEAD}, {.kind = SCRIPT_READ_SOME}};
        memcpy(&in[2], cases[i].end, sizeof cases[i].end);
        struct pair pair;
        struct fault fault = {0}, end = {0};
        pair_open(&pair, in, out, false);
        begin(&pair);
        assert_true(http_stream_write(pair.conns[0], "first.", 6, &fault));
        while (http_stream_status(pair.conns[0]) == 0 && !http_stream_ended(pair.conns[0], &end)) {
            if (!http_streams_drive(pair.conns, 2, limit_of(2000), &fault))
                fail_msg("%s: %s", cases[i].name, fault.text);
        }
        assert_int_equal(http_stream_status(pair.conns[0]), cases[i].status);
        if (cases[i].ended) {
            assert_true(http_stream_ended(pair.conns[0], &end));
            expect_fault(cases[i].name, &end, cases[i].cause, 0, NULL);
        }
        if (cases[i].status == 503)
            assert_string_equal(http_stream_reason(pair.conns[0]), "RPC Error: 6ba");
        pair_close(&pair);
    }
}

static void test_answer_ends(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum cause cause;
    } cases[] = {{GOOD, CAUSE_NONE}, {HEAD_OPEN "hello", CAUSE_TRUNCATED}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct script_step out[] = {{.kind = SCRIPT_READ_HEAD}, {.kind = SCRIPT_READ_SOME},
            {.kind = SCRIPT_SEND, .text = cases[i].text}, {.kind = SCRIPT_FIN}};
        static const struct script_step in[] = {
            {.kind = SCRIPT_READ_HEAD}, {.kind = SCRIPT_SILENT}};
        struct pair pair;
        struct fault fault = {0}, end = {0};
        const uint8_t *bytes = NULL;
        pair_open(&pair, in, out, false);
        begin(&pair);
        while (!http_stream_ended(pair.conns[1], &end))
            assert_true(http_streams_drive(pair.conns, 2, limit_of(0), &fault));
        expect_fault(cases[i].text, &end, cases[i].cause, 0, NULL);
        assert_int_equal(http_stream_bytes(pair.conns[1], &bytes), 5);
        pair_close(&pair);
    }
}

/* ---- limits ---- */

static void test_limits(void **state)
{
    (void)state;
    static const struct script_step silent[] = {
        {.kind = SCRIPT_READ_HEAD}, {.kind = SCRIPT_SILENT}};
    static const struct script_step flood[] = {{.kind = SCRIPT_READ_HEAD},
        {.kind = SCRIPT_SEND, .text = HEAD_200 "Content-Length: 100000000000\r\n\r\n"},
        {.kind = SCRIPT_FLOOD, .text = "0123456789abcdef"}};
    struct pair pair;
    struct fault fault = {0}, end = {0};
    const uint8_t *bytes = NULL;
    pair_open(&pair, silent, silent, false);
    begin(&pair);
    int64_t start = clock_monotonic_us();
    while (http_streams_drive(pair.conns, 2, limit_of(200), &fault))
        continue;
    expect_fault("silent", &fault, CAUSE_TIMEOUT, 0, NULL);
    assert_true(clock_monotonic_us() - start < 1000 * 1000);
    pair_close(&pair);

    /* Whoever takes at once is kept until the deadline, and no longer; the abort ends it at once.
     */
    for (int aborted = 0; aborted < 2; aborted++) {
        int cancel = -1;
        assert_true(wake_open(&cancel, &fault));
        pair_open(&pair, silent, flood, false);
        begin(&pair);
        struct net_limit limit = limit_of(aborted != 0 ? 3000 : 200);
        limit.cancel_fd = cancel;
        if (aborted != 0)
            wake_raise(cancel);
        start = clock_monotonic_us();
        while (http_streams_drive(pair.conns, 2, limit, &fault))
            http_stream_take(pair.conns[1], http_stream_bytes(pair.conns[1], &bytes));
        expect_fault("flood", &fault, aborted != 0 ? CAUSE_INTERRUPTED : CAUSE_TIMEOUT, 0, NULL);
        assert_true(clock_monotonic_us() - start < 1500 * 1000);
        pair_close(&pair);
        wake_close(cancel);
    }

    /* Whoever does not take is protected. */
    pair_open(&pair, silent, flood, false);
    begin(&pair);
    while (!http_stream_ended(pair.conns[1], &end))
        assert_true(http_streams_drive(pair.conns, 2, limit_of(0), &fault));
    expect_fault("body", &end, CAUSE_TOO_LARGE, 0, NULL);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_large_upload),
        cmocka_unit_test(test_queue_is_bounded),
        cmocka_unit_test(test_expect),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_answer_ends),
        cmocka_unit_test(test_limits),
    };
    if (!peer_init())
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_done();
    return failed;
}
