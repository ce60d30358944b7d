#include "net/rpch.h"

#include <stdlib.h>
#include <string.h>

#include "net/rpch_impl.h"

enum {
    HELD_MAX = 1024 * 1024,
    PING_LEAST_MS = 100 /* whatever the server says */
};

struct http_conn *rpch_conn(const struct rpch *rpch, enum rpch_channel channel)
{
    return rpch->request.legs[channel].conn;
}

void rpch_trace(const struct rpch *rpch, char direction, const void *pdu, size_t length)
{
    struct arena arena = {0};
    if (rpch->request.trace == NULL)
        return;
    rpch->request.trace(rpch->request.trace_context, direction, rpc_describe(&arena, pdu, length));
    arena_done(&arena);
}

bool rpch_write_rts(struct rpch *rpch, const struct writer *writer, struct fault *fault)
{
    rpch_trace(rpch, '>', writer->bytes, writer->length);
    if (!http_stream_write(rpch_conn(rpch, RPCH_IN), writer->bytes, writer->length, fault))
        return false;
    rts_link_sent(&rpch->link, writer->length, true);
    rpch->sent_us = clock_monotonic_us();
    return true;
}

/* ---- pings ---- */

/* Half of the shortest time after which somebody may take IN for dead, as 3.2.1.2.1 has it: what
 * CONN/C2 and CONN/A3 said (0: nothing), and the keep-alive we asked for in CONN/B1. */
static struct deadline ping_due(const struct rpch *rpch)
{
    const uint32_t told[] = {rpch->link.in_timeout_ms, rpch->link.out_timeout_ms};
    int64_t timeout_ms = RTS_KEEP_ALIVE_MS;
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        if (told[i] != 0 && told[i] < timeout_ms)
            timeout_ms = told[i];
    }
    int64_t ping_ms = timeout_ms / 2 > PING_LEAST_MS ? timeout_ms / 2 : PING_LEAST_MS;
    return (struct deadline){.at_us = rpch->sent_us + ping_ms * 1000};
}

/* [MS-RPCH] 3.2.2.6.1: "unless LastSendTimeStamp has been set recently". What still waits to go out
 * keeps the channel as busy as a ping would. */
static bool ping(struct rpch *rpch, struct fault *fault)
{
    uint8_t bytes[RTS_HEADER_SIZE];
    struct writer writer = writer_of(bytes, sizeof bytes);
    if (!deadline_passed(ping_due(rpch)))
        return true;
    if (!http_stream_drained(rpch_conn(rpch, RPCH_IN)) ||
        sizeof bytes > RTS_LIFETIME - rpch->link.lifetime_used) {
        rpch->sent_us = clock_monotonic_us();
        return true;
    }
    rts_write_ping(&writer);
    return rpch_write_rts(rpch, &writer, fault);
}

/* ---- what comes on OUT ---- */

static bool hold(struct rpch *rpch, const uint8_t *bytes, size_t length, struct fault *fault)
{
    if (length > HELD_MAX - rpch->held)
        return fault_set(fault, CAUSE_TOO_LARGE, ORIGIN_RPC, 0,
            "RPC_OUT_DATA: more came than our window allows");
    struct rpch_held *held = xcalloc(1, sizeof *held + length);
    held->length = length;
    memcpy(held->bytes, bytes, length);
    rpch->held += length;
    if (rpch->last != NULL)
        rpch->last->next = held;
    else
        rpch->first = held;
    rpch->last = held;
    return true;
}

/* One PDU, if there is a whole one. */
static bool take_pdu(struct rpch *rpch, bool *ret_some, struct fault *fault)
{
    const uint8_t *bytes = NULL;
    size_t length = http_stream_bytes(rpch_conn(rpch, RPCH_OUT), &bytes);
    struct reader reader = reader_of(bytes, length);
    read_skip(&reader, rpch->used);
    size_t left = reader_left(&reader), size = 0;
    const uint8_t *pdu = read_bytes(&reader, left);
    *ret_some = false;
    enum rpc_frame frame = rpc_frame(pdu, left, &size, fault);
    if (frame == RPC_FRAME_MORE)
        return true;
    enum rts_event event = RTS_EVENT_NONE;
    if (frame == RPC_FRAME_MALFORMED || !rts_link_receive(&rpch->link, pdu, size, &event, fault)) {
        rpch_name_fault(RPCH_OUT, fault);
        return false;
    }
    *ret_some = true;
    rpch->used += size;
    if (event == RTS_EVENT_RPC)
        return hold(rpch, pdu, size, fault);
    rpch_trace(rpch, '<', pdu, size);
    return true;
}

/* All that has come. What is used up is taken at once, else many small PDUs would move the rest
 * each time. */
bool rpch_collect(struct rpch *rpch, struct fault *fault)
{
    struct http_conn *out = rpch_conn(rpch, RPCH_OUT);
    bool some = true;
    if (http_stream_status(out) != 200)
        return true;
    if (rpch->link.state == RTS_STATE_OUT_WAIT && !rts_link_answered(&rpch->link, fault))
        return false;
    while (some) {
        if (!take_pdu(rpch, &some, fault))
            return false;
    }
    http_stream_take(out, rpch->used);
    rpch->taken += rpch->used;
    rpch->used = 0;
    return true;
}

void rpch_close(struct rpch *rpch)
{
    if (rpch == NULL)
        return;
    for (int i = 0; i < RPCH_CHANNELS; i++) {
        struct http_conn *conn = rpch_conn(rpch, (enum rpch_channel)i);
        if (conn != NULL)
            http_stream_end(conn);
    }
    while (rpch->first != NULL) {
        struct rpch_held *next = rpch->first->next;
        free(rpch->first);
        rpch->first = next;
    }
    arena_done(&rpch->arena);
    free(rpch);
}

bool rpch_recycling(const struct rpch *rpch)
{
    return rpch->link.state == RTS_STATE_RECYCLING;
}

/* ---- the transport ---- */

/* A PDU larger than we said we take, of which the rest does not come. Longer ones that do come are
 * no harm. */
static bool is_oversized(const struct rpch *rpch, struct fault *fault)
{
    const uint8_t *bytes = NULL;
    size_t length = http_stream_bytes(rpch_conn(rpch, RPCH_OUT), &bytes), size = 0;
    struct fault ignored;
    if (rpc_frame(bytes, length, &size, &ignored) != RPC_FRAME_MORE || size <= RPC_FRAGMENT_SIZE)
        return false;
    fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0,
        "RPC_OUT_DATA: a PDU says it is %zu bytes long, and %zu came; we take %d", size, length,
        RPC_FRAGMENT_SIZE);
    return true;
}

static bool is_in_session(const struct rpch *rpch)
{
    return rpch->link.state == RTS_STATE_OPEN || rpch->link.state == RTS_STATE_RECYCLING;
}

/* That OUT's body should have been a gigabyte long tells nobody anything. */
bool rpch_out_has_failed(const struct rpch *rpch, struct fault *fault)
{
    struct http_conn *out = rpch_conn(rpch, RPCH_OUT);
    const uint8_t *bytes = NULL;
    struct fault why = {0};
    if (!rpch_has_failed(&rpch->request, RPCH_OUT, out, &why))
        return false;
    bool ended = why.cause == CAUSE_TRUNCATED || why.cause == CAUSE_CLOSED;
    unsigned long long got = rpch->taken + http_stream_bytes(out, &bytes);
    if (ended && is_in_session(rpch))
        fault_set(&why, why.cause, why.origin, why.code,
            "RPC_OUT_DATA: the connection ended in the middle of the session, after %llu bytes; a "
            "proxy's idle or lifetime limit does this",
            got);
    else if (why.cause == CAUSE_TRUNCATED && http_stream_status(out) == 200)
        fault_set(&why, why.cause, why.origin, why.code,
            "RPC_OUT_DATA: the connection ended while the session was being opened, after %llu "
            "bytes",
            got);
    if (fault != NULL)
        *fault = why;
    return true;
}

/* Something new on either channel, or a ping has become due: what came is held. */
static bool pump(struct rpch *rpch, struct net_limit limit, struct fault *fault)
{
    struct fault why = {0};
    struct net_limit step = limit;
    if (rpch_has_failed(&rpch->request, RPCH_IN, rpch_conn(rpch, RPCH_IN), fault) ||
        rpch_out_has_failed(rpch, fault) || !ping(rpch, fault))
        return false;
    step.deadline = deadline_earlier(limit.deadline, ping_due(rpch));
    if (http_streams_drive(rpch->conns, RPCH_CHANNELS, step, &why) ||
        (why.cause == CAUSE_TIMEOUT && !deadline_passed(limit.deadline)))
        return rpch_collect(rpch, fault);
    if (why.cause == CAUSE_TIMEOUT && !is_oversized(rpch, &why))
        (void)rpch_timeout_fault(rpch->link.state, &why);
    if (fault != NULL)
        *fault = why;
    return false;
}

static bool rpch_send(
    void *context, const void *pdu, size_t length, struct net_limit limit, struct fault *fault)
{
    struct rpch *rpch = context;
    struct http_conn *in = rpch_conn(rpch, RPCH_IN);
    for (;;) {
        enum rts_send may = rts_link_may_send(&rpch->link, length);
        if (may == RTS_SEND_NEVER)
            return fault_set(fault, CAUSE_CLOSED, ORIGIN_RPC, 0,
                "RPC_IN_DATA: nothing more may be sent, the connection is %s",
                rts_state_str(rpch->link.state));
        if (may == RTS_SEND_NOW && http_stream_drained(in))
            break;
        struct fault why = {0};
        if (pump(rpch, limit, &why))
            continue;
        if (why.cause == CAUSE_TIMEOUT)
            return fault_set(fault, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0, "RPC_IN_DATA: %s in time",
                may == RTS_SEND_WAIT ? "no acknowledgement of what we sent came"
                                     : "what we send is not taken");
        if (fault != NULL)
            *fault = why;
        return false;
    }
    if (!http_stream_write(in, pdu, length, fault))
        return false;
    rts_link_sent(&rpch->link, length, false);
    rpch->sent_us = clock_monotonic_us();
    return true;
}

static bool rpch_receive(void *context, struct net_limit limit, uint8_t **ret_pdu,
    size_t *ret_length, struct fault *fault)
{
    struct rpch *rpch = context;
    while (rpch->first == NULL) {
        if (!pump(rpch, limit, fault))
            return false;
    }
    struct rpch_held *held = rpch->first;
    rpch->first = held->next;
    if (rpch->first == NULL)
        rpch->last = NULL;
    size_t length = held->length;
    rpch->held -= length;
    memcpy(rpch->pdu, held->bytes, length);
    free(held);
    if (rts_link_consumed(&rpch->link, length)) {
        uint8_t bytes[RTS_ACK_SIZE];
        struct writer writer = writer_of(bytes, sizeof bytes);
        rts_link_write_ack(&rpch->link, &writer);
        if (!rpch_write_rts(rpch, &writer, fault))
            return false;
    }
    *ret_pdu = rpch->pdu;
    *ret_length = length;
    return true;
}

static void stays_open(void *context)
{
    (void)context;
}

struct rpc_transport rpch_transport(struct rpch *rpch)
{
    return (struct rpc_transport){
        .context = rpch, .send = rpch_send, .receive = rpch_receive, .close = stays_open};
}
