#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/rts.h"
#include "tests/unit/sample.h"

#include <string.h>

static const char *sample(struct arena *arena, const char *name, size_t *ret_length)
{
    return sample_read(arena, arena_printf(arena, "rts/%s", name), ret_length);
}

/* The cookies of the samples. */
static struct rts_cookies cookies(void)
{
    struct rts_cookies cookies;
    memset(cookies.connection, 0x11, RTS_COOKIE_SIZE);
    memset(cookies.in, 0x22, RTS_COOKIE_SIZE);
    memset(cookies.out, 0x33, RTS_COOKIE_SIZE);
    memset(cookies.group, 0x44, RTS_COOKIE_SIZE);
    return cookies;
}

/* ---- PDUs ---- */

static void test_describe(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum rts_kind kind;
        const char *line;
    } cases[] = {
        {"a1", RTS_CONN_A1, "RTS CONN/A1, window 65536 bytes"},
        {"a3", RTS_CONN_A3, "RTS CONN/A3, connection timeout 120 s"},
        {"b1", RTS_CONN_B1, "RTS CONN/B1, keep-alive 300 s"},
        {"b3", RTS_CONN_B3, "RTS CONN/B3, window 65536 bytes"},
        {"c2", RTS_CONN_C2, "RTS CONN/C2, window 65536 bytes, connection timeout 120 s"},
        {"ping", RTS_PING, "RTS ping"},
        {"echo", RTS_ECHO, "RTS echo"},
        {"keep_alive", RTS_KEEP_ALIVE, "RTS keep-alive, keep-alive 300 s"},
        {"ping_traffic", RTS_PING_TRAFFIC, "RTS ping traffic sent"},
        {"ack", RTS_ACK, "RTS flow control acknowledgement, 0 bytes received, 65536 free"},
        {"ack-1000", RTS_ACK,
            "RTS flow control acknowledgement to the client, 1000 bytes received, 64000 free"},
        {"ack-to-server", RTS_ACK,
            "RTS flow control acknowledgement to the server, 0 bytes received, 65536 free"},
        {"in_r1_a4", RTS_IN_R1_A4, "RTS IN_R1/A4, window 65536 bytes, connection timeout 120 s"},
        {"in_r2_a4", RTS_IN_R2_A4, "RTS IN_R2/A4"},
        {"out_r1_a2", RTS_OUT_R1_A2, "RTS OUT_R1/A2, a new OUT channel is wanted"},
        {"out_r1_a6", RTS_OUT_R1_A6, "RTS OUT_R1/A6, connection timeout 120 s"},
        {"out_r1_a10", RTS_OUT_R1_A10, "RTS OUT_R1/A10"},
        {"out_r2_a6", RTS_OUT_R2_A6, "RTS OUT_R2/A6"},
        {"out_r2_b3", RTS_OUT_R2_B3, "RTS OUT_R2/B3"},
        {"b2-ipv4", RTS_OTHER,
            "RTS unknown RTS PDU, flags 0x8, 7 commands, window 65536 bytes, connection timeout "
            "120 "
            "s"},
        {"b2-ipv6", RTS_OTHER, "RTS unknown RTS PDU, flags 0x8, 2 commands"},
        {"padding", RTS_OTHER, "RTS unknown RTS PDU, flags 0x1, 1 commands"},
        {"empty", RTS_OTHER, "RTS unknown RTS PDU, flags 0x1, 1 commands"},
        {"nance", RTS_OTHER, "RTS unknown RTS PDU, flags 0x0, 1 commands"},
        {"seven-commands", RTS_OTHER, "RTS unknown RTS PDU, flags 0x0, 7 commands"},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t length = 0;
        const char *bytes = sample(&arena, cases[i].name, &length);
        struct rts_pdu pdu;
        struct fault fault = {0};
        if (!rts_read(bytes, length, &pdu, &fault))
            fail_msg("%s: %s", cases[i].name, fault.text);
        if (pdu.kind != cases[i].kind)
            fail_msg("%s is %s", cases[i].name, rts_kind_str(pdu.kind));
        assert_string_equal(rts_describe(&arena, bytes, length), cases[i].line);
        assert_string_equal(rpc_describe(&arena, bytes, length), cases[i].line);
    }
    arena_done(&arena);
}

static void test_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *name, *words;
    } cases[] = {
        {"command-15", "command 15, which does not exist"},
        {"commands-missing", "does not hold the 3 commands"},
        {"commands-over", "does not hold the 1 commands"},
        {"commands-65535", "does not hold the 65535 commands"},
        {"cut", "does not hold"},
        {"padding-over", "does not hold"},
        {"padding-64k", "does not hold"},
        {"address-type-2", "does not hold"},
        {"call-id", "a fragment, a token or a call"},
        {"flags-middle", "a fragment, a token or a call"},
        {"rpc", "a bind_ack PDU came where an RTS PDU was due"},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t length = 0;
        const char *bytes = sample(&arena, cases[i].name, &length);
        struct rts_pdu pdu;
        struct fault fault = {0};
        if (rts_read(bytes, length, &pdu, &fault))
            fail_msg("%s is read", cases[i].name);
        assert_int_equal(fault.cause, CAUSE_MALFORMED);
        if (strstr(fault.text, cases[i].words) == NULL)
            fail_msg("%s: %s", cases[i].name, fault.text);
    }
    arena_done(&arena);
}

/* [MS-RPCH] 2.2.4.2, .5, .46, .48, .49, .51; impacket reads the same bytes as what they mean. */
static void test_writing(void **state)
{
    (void)state;
    static const uint8_t ack[] = {5, 0, 20, 3, 16, 0, 0, 0, 56, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2,
        0, /* */
        13, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0x34, 0x12, 0, 0, 0, 0, 1, 0, 0x33, 0x33, 0x33, 0x33,
        0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33};
    struct arena arena = {0};
    uint8_t bytes[RTS_PDU_MAX];
    struct rts_cookies names = cookies();
    struct rts_link link;
    rts_link_init(&link, &names);
    size_t length = 0;
    const char *expected = sample(&arena, "a1", &length);
    struct writer writer = writer_of(bytes, sizeof bytes);
    rts_link_write_a1(&link, &writer);
    assert_true(writer_ok(&writer) && writer.length == RTS_A1_SIZE && length == RTS_A1_SIZE);
    assert_memory_equal(bytes, expected, length);
    expected = sample(&arena, "b1", &length);
    writer = writer_of(bytes, sizeof bytes);
    rts_link_write_b1(&link, &writer);
    assert_true(writer_ok(&writer) && writer.length == RTS_B1_SIZE && length == RTS_B1_SIZE);
    assert_memory_equal(bytes, expected, length);
    link.received = 0x1234;
    writer = writer_of(bytes, sizeof bytes);
    rts_link_write_ack(&link, &writer);
    assert_int_equal(writer.length, RTS_ACK_SIZE);
    assert_memory_equal(bytes, ack, sizeof ack);
    static void (*const plain[])(struct writer *) = {rts_write_ping, rts_write_echo};
    static const char *const names_of[] = {"ping", "echo"};
    for (size_t i = 0; i < 2; i++) {
        expected = sample(&arena, names_of[i], &length);
        writer = writer_of(bytes, sizeof bytes);
        plain[i](&writer);
        assert_int_equal(writer.length, length);
        assert_memory_equal(bytes, expected, length);
    }
    expected = sample(&arena, "keep_alive", &length);
    writer = writer_of(bytes, sizeof bytes);
    rts_write_keep_alive(&writer, 300000);
    assert_int_equal(writer.length, length);
    assert_memory_equal(bytes, expected, length);
    arena_done(&arena);
}

static void test_error(void **state)
{
    (void)state;
    static const struct {
        const char *reason;
        bool ok;
        uint32_t status;
    } cases[] = {
        {"RPC Error: 6ba", true, 0x6ba},
        {"RPC Error: 6BA, EEInfo: AQIDBA==", true, 0x6ba},
        {"RPC Error: 5", true, 5},
        {"RPC Error: 1c010003 ", true, 0x1c010003},
        {"RPC Error: ffffffff", true, 0xffffffff},
        {"RPC Error: 1ffffffff", false, 0},
        {"RPC Error: ", false, 0},
        {"RPC Error: 6baz", false, 0},
        {"RPC Error: x", false, 0},
        {"Service Unavailable", false, 0},
        {"", false, 0},
        {NULL, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t status = 0;
        assert_int_equal(rts_error_parse(cases[i].reason, &status), cases[i].ok);
        assert_int_equal(status, cases[i].status);
    }
}

/* ---- the virtual connection ---- */

static bool receive(
    struct rts_link *link, const char *name, enum rts_event *ret_event, struct fault *fault)
{
    struct arena arena = {0};
    size_t length = 0;
    const char *bytes = strchr(name, '/') != NULL ? sample_read(&arena, name, &length)
                                                  : sample(&arena, name, &length);
    bool ok = rts_link_receive(link, bytes, length, ret_event, fault);
    arena_done(&arena);
    return ok;
}

static void open_link(struct rts_link *link)
{
    enum rts_event event;
    struct rts_cookies names = cookies();
    rts_link_init(link, &names);
    assert_int_equal(link->state, RTS_STATE_OUT_WAIT);
    assert_int_equal(rts_link_may_send(link, 1), RTS_SEND_NEVER);
    assert_true(rts_link_answered(link, NULL));
    assert_int_equal(link->state, RTS_STATE_A3_WAIT);
    assert_true(receive(link, "a3", &event, NULL) && event == RTS_EVENT_NONE);
    assert_int_equal(link->state, RTS_STATE_C2_WAIT);
    assert_int_equal(link->out_timeout_ms, 120000);
    assert_true(receive(link, "ping", &event, NULL) && event == RTS_EVENT_NONE);
    assert_true(receive(link, "c2", &event, NULL) && event == RTS_EVENT_OPENED);
    assert_int_equal(link->state, RTS_STATE_OPEN);
    assert_int_equal(link->in_timeout_ms, 120000);
    assert_int_equal(link->peer_window, 65536);
    assert_int_equal(rts_link_may_send(link, 1), RTS_SEND_NOW);
}

/* What comes in which state, after what has come before; words NULL: it is taken. */
static const struct {
    const char *before[3], *name, *words;
    enum rts_event event;
    enum rts_state after;
} steps[] = {
    {{NULL}, "a3", NULL, RTS_EVENT_NONE, RTS_STATE_C2_WAIT},
    {{NULL}, "c2", "CONN/C2 came, the connection is waiting for CONN/A3", 0, 0},
    {{NULL}, "ping", NULL, RTS_EVENT_NONE, RTS_STATE_A3_WAIT},
    {{NULL}, "echo", "echo came", 0, 0},
    {{NULL}, "ack", "flow control acknowledgement came", 0, 0},
    {{NULL}, "rpc/bind_ack", "bind_ack came, the connection is waiting for CONN/A3", 0, 0},
    {{NULL}, "rpc/page.html", "what came is no RPC", 0, 0},
    {{NULL}, "command-15", "command 15", 0, 0},
    {{"a3"}, "a3", "CONN/A3 came, the connection is waiting for CONN/C2", 0, 0},
    {{"a3"}, "c2", NULL, RTS_EVENT_OPENED, RTS_STATE_OPEN},
    {{"a3"}, "c2-window-small", "a receive window under 8 KiB", 0, 0},
    {{"a3"}, "rpc/bind_ack", "bind_ack came, the connection is waiting for CONN/C2", 0, 0},
    {{"a3"}, "out_r1_a2", "OUT_R1/A2 came", 0, 0},
    {{"a3", "c2"}, "rpc/bind_ack", NULL, RTS_EVENT_RPC, RTS_STATE_OPEN},
    {{"a3", "c2"}, "ack", NULL, RTS_EVENT_NONE, RTS_STATE_OPEN},
    {{"a3", "c2"}, "ack-to-server", "for somebody else", 0, 0},
    {{"a3", "c2"}, "c2", "CONN/C2 came, the connection is open", 0, 0},
    {{"a3", "c2"}, "out_r1_a2", NULL, RTS_EVENT_RECYCLE, RTS_STATE_RECYCLING},
    {{"a3", "c2"}, "out_r1_a6", "OUT_R1/A6 came", 0, 0},
    {{"a3", "c2"}, "out_r1_a10", "OUT_R1/A10 came", 0, 0},
    {{"a3", "c2"}, "out_r2_a6", "OUT_R2/A6 came", 0, 0},
    {{"a3", "c2"}, "out_r2_b3", "OUT_R2/B3 came", 0, 0},
    {{"a3", "c2"}, "in_r1_a4", "IN_R1/A4 came", 0, 0},
    {{"a3", "c2"}, "in_r2_a4", "IN_R2/A4 came", 0, 0},
    {{"a3", "c2"}, "keep_alive", "keep-alive came", 0, 0},
    {{"a3", "c2"}, "nance", "unknown RTS PDU came", 0, 0},
    {{"a3", "c2", "out_r1_a2"}, "rpc/bind_ack", NULL, RTS_EVENT_RPC, RTS_STATE_RECYCLING},
    {{"a3", "c2", "out_r1_a2"}, "ping", NULL, RTS_EVENT_NONE, RTS_STATE_RECYCLING},
    {{"a3", "c2", "out_r1_a2"}, "out_r1_a2", "the proxy wants a new OUT channel", 0, 0},
};

static void test_states(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct rts_link link;
        struct rts_cookies names = cookies();
        enum rts_event event = RTS_EVENT_NONE;
        struct fault fault = {0};
        rts_link_init(&link, &names);
        assert_true(rts_link_answered(&link, NULL));
        for (size_t j = 0; j < 3 && steps[i].before[j] != NULL; j++)
            assert_true(receive(&link, steps[i].before[j], &event, NULL));
        bool ok = receive(&link, steps[i].name, &event, &fault);
        if (ok != (steps[i].words == NULL))
            fail_msg("%zu %s: %s", i, steps[i].name, fault.text);
        assert_int_equal(link.state, ok ? steps[i].after : RTS_STATE_FAILED);
        if (ok) {
            assert_int_equal(event, steps[i].event);
            continue;
        }
        assert_int_equal(fault.cause, CAUSE_MALFORMED);
        if (strstr(fault.text, steps[i].words) == NULL)
            fail_msg("%zu %s: %s", i, steps[i].name, fault.text);
        assert_false(receive(&link, "ping", &event, &fault)); /* it stays so */
        assert_int_equal(rts_link_may_send(&link, 1), RTS_SEND_NEVER);
    }
}

static void test_answered(void **state)
{
    (void)state;
    struct rts_link link;
    struct rts_cookies names = cookies();
    struct fault fault = {0};
    enum rts_event event;
    rts_link_init(&link, &names);
    assert_false(receive(&link, "a3", &event, &fault)); /* before the answer */
    open_link(&link);
    assert_false(rts_link_answered(&link, &fault));
    assert_non_null(strstr(fault.text, "a second answer"));
    assert_int_equal(link.state, RTS_STATE_FAILED);
}

/* 3.2.1.4.1.1 and note 27: due when what the proxy may send has shrunk under a half. */
static void test_receive_window(void **state)
{
    (void)state;
    struct rts_link link;
    enum rts_event event;
    uint8_t bytes[RTS_PDU_MAX];
    open_link(&link);
    size_t length = 0;
    struct arena arena = {0};
    sample_read(&arena, "rpc/bind_ack-ntlm", &length);
    size_t count = 0;
    for (bool due = false; !due; count++) {
        assert_true(receive(&link, "rpc/bind_ack-ntlm", &event, NULL));
        assert_int_equal(event, RTS_EVENT_RPC);
        assert_int_equal(link.available, 65536 - length);
        due = rts_link_consumed(&link, length);
        assert_int_equal(link.available, 65536);
        assert_int_equal(due, (count + 1) * length > 32768);
    }
    assert_int_equal(link.received, count * length);
    struct writer writer = writer_of(bytes, sizeof bytes);
    rts_link_write_ack(&link, &writer);
    assert_string_equal(rts_describe(&arena, bytes, writer.length),
        arena_printf(&arena,
            "RTS flow control acknowledgement to the OUT proxy, %zu bytes received, 65536 free",
            count * length));
    assert_true(receive(&link, "rpc/bind_ack-ntlm", &event, NULL));
    assert_false(rts_link_consumed(&link, length));
    /* Unconsumed PDUs beyond the window wrap nothing. */
    for (int i = 0; i < 400; i++)
        assert_true(receive(&link, "rpc/bind_ack-ntlm", &event, NULL));
    assert_int_equal(link.available, 0);
    assert_true(rts_link_consumed(&link, 1 << 20));
    assert_int_equal(link.available, 65536);
    arena_done(&arena);
}

static void test_send_window(void **state)
{
    (void)state;
    static const struct {
        const char *ack;
        bool ok;
        uint32_t sendable; /* after 1000 bytes were sent */
    } cases[] = {
        {"ack-1000", true, 64000},
        {"ack-destination", true, 64536}, /* it had not seen the 1000 yet */
        {"ack-other-cookie", true, 64536},
        {"ack-over-sent", false, 0},
        {"ack-over-window", false, 0},
        {"ack-negative", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rts_link link;
        enum rts_event event;
        struct fault fault = {0};
        open_link(&link);
        rts_link_sent(&link, RTS_B1_SIZE, true);
        assert_int_equal(link.sendable, 65536);
        rts_link_sent(&link, 1000, false);
        assert_int_equal(link.sendable, 64536);
        assert_int_equal(rts_link_may_send(&link, 64536), RTS_SEND_NOW);
        assert_int_equal(rts_link_may_send(&link, 64537), RTS_SEND_WAIT);
        if (receive(&link, cases[i].ack, &event, &fault) != cases[i].ok)
            fail_msg("%s: %s", cases[i].ack, fault.text);
        if (cases[i].ok)
            assert_int_equal(link.sendable, cases[i].sendable);
    }
    struct rts_link link;
    open_link(&link);
    link.lifetime_used = RTS_LIFETIME - 100;
    assert_int_equal(rts_link_may_send(&link, 100), RTS_SEND_NOW);
    assert_int_equal(rts_link_may_send(&link, 101), RTS_SEND_NEVER);
    rts_link_sent(&link, 101, true);
    assert_int_equal(rts_link_may_send(&link, 1), RTS_SEND_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_writing),
        cmocka_unit_test(test_error),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_answered),
        cmocka_unit_test(test_receive_window),
        cmocka_unit_test(test_send_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
