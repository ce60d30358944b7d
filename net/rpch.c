#include "net/rpch.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "net/rpch_impl.h"

enum { HEADERS_OF_OURS = 8, HELD_MAX = 1024 * 1024 };

/* An RPC PDU that came while something else was waited for. */
struct held {
    struct held *next;
    size_t length;
    uint8_t bytes[];
};

struct rpch {
    struct rpch_request request;
    struct http_conn *conns[RPCH_CHANNELS]; /* IN first: its multi waits for both */
    struct http_request http[RPCH_CHANNELS];
    struct http_header headers[RPCH_CHANNELS][HEADERS_OF_OURS + RPCH_HEADERS_MAX];
    struct arena arena;
    uint8_t a1[RTS_A1_SIZE];
    struct rts_link link;
    int64_t begun_us;
    size_t used; /* of OUT's bytes, not taken yet */
    struct held *first, *last;
    size_t held;
    uint8_t pdu[UINT16_MAX];
};

static struct http_conn *conn_of(const struct rpch *rpch, enum rpch_channel channel)
{
    return rpch->request.legs[channel].conn;
}

static void trace(const struct rpch *rpch, char direction, const void *pdu, size_t length)
{
    struct arena arena = {0};
    if (rpch->request.trace == NULL)
        return;
    rpch->request.trace(rpch->request.trace_context, direction, rpc_describe(&arena, pdu, length));
    arena_done(&arena);
}

/* ---- the two requests: [MS-RPCH] 2.1.2.1.1, 2.1.2.1.2, and the echo of 2.1.2.1.5 ---- */

static size_t fill_headers(const struct rpch_request *request, enum rpch_channel channel,
    bool waits, struct http_header headers[HEADERS_OF_OURS + RPCH_HEADERS_MAX])
{
    const char *authorization = request->legs[channel].authorization;
    size_t count = 0;
    headers[count++] = (struct http_header){"Accept", "application/rpc"};
    headers[count++] = (struct http_header){"User-Agent", "MSRPC"};
    headers[count++] = (struct http_header){"Cache-Control", "no-cache"};
    headers[count++] = (struct http_header){"Connection", "Keep-Alive"};
    headers[count++] = (struct http_header){"Pragma", "No-cache"};
    if (waits)
        headers[count++] = (struct http_header){"Expect", "100-continue"};
    if (authorization != NULL)
        headers[count++] = (struct http_header){"Authorization", authorization};
    for (size_t i = 0; i < request->header_count && i < RPCH_HEADERS_MAX; i++)
        headers[count++] = request->headers[i];
    return count;
}

static const char *target_of(const struct rpch_request *request, struct arena *arena)
{
    return arena_printf(arena, "%s?%s:%u",
        request->path != NULL ? request->path : "/rpc/rpcproxy.dll", request->server,
        (unsigned)request->port);
}

static void prepare(struct rpch *rpch, enum rpch_channel channel, const char *target)
{
    const struct rpch_request *request = &rpch->request;
    bool waits = channel == RPCH_IN && request->expect_continue;
    rpch->http[channel] = (struct http_request){.method = rpch_method(channel),
        .target = target,
        .headers = rpch->headers[channel],
        .header_count = fill_headers(request, channel, waits, rpch->headers[channel]),
        .body_max = HTTP_STREAM_TAKE_MAX,
        .credentials = request->legs[channel].authorization != NULL};
}

static bool write_rts(struct rpch *rpch, const struct writer *writer, struct fault *fault)
{
    trace(rpch, '>', writer->bytes, writer->length);
    if (!http_stream_write(conn_of(rpch, RPCH_IN), writer->bytes, writer->length, fault))
        return false;
    rts_link_sent(&rpch->link, writer->length, true);
    return true;
}

/* *ret_channel: the one that fails. */
static bool begin(
    struct rpch *rpch, struct net_limit limit, enum rpch_channel *ret_channel, struct fault *fault)
{
    struct http_conn *in = conn_of(rpch, RPCH_IN), *out = conn_of(rpch, RPCH_OUT);
    struct writer writer = writer_of(rpch->a1, sizeof rpch->a1);
    rts_link_write_a1(&rpch->link, &writer);
    rpch->http[RPCH_OUT].body = rpch->a1;
    rpch->http[RPCH_OUT].body_length = writer.length;
    trace(rpch, '>', rpch->a1, writer.length);
    *ret_channel = RPCH_OUT;
    if (!http_stream_begin(out, &rpch->http[RPCH_OUT], 0, limit, fault))
        return false;
    uint8_t b1[RTS_B1_SIZE];
    writer = writer_of(b1, sizeof b1);
    rts_link_write_b1(&rpch->link, &writer);
    *ret_channel = RPCH_IN;
    return http_stream_begin(in, &rpch->http[RPCH_IN], RTS_LIFETIME, limit, fault) &&
           write_rts(rpch, &writer, fault);
}

/* ---- what comes on OUT ---- */

static bool hold(struct rpch *rpch, const uint8_t *bytes, size_t length, struct fault *fault)
{
    if (length > HELD_MAX - rpch->held)
        return fault_set(fault, CAUSE_TOO_LARGE, ORIGIN_RPC, 0,
            "RPC_OUT_DATA: more came than our window allows");
    struct held *held = xcalloc(1, sizeof *held + length);
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
    size_t length = http_stream_bytes(conn_of(rpch, RPCH_OUT), &bytes);
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
    trace(rpch, '<', pdu, size);
    return true;
}

/* All that has come. What is used up is taken at once, else many small PDUs would move the rest
 * each time. */
static bool collect(struct rpch *rpch, struct fault *fault)
{
    struct http_conn *out = conn_of(rpch, RPCH_OUT);
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
    rpch->used = 0;
    return true;
}

/* ---- opening ---- */

struct opening {
    struct rpch *rpch;
    struct rpch_seen *seen;
    struct net_limit limit;
};

static bool channel_fails(const struct opening *opening, enum rpch_channel channel)
{
    struct fault *why = &opening->seen->faults[channel];
    if (why->cause != CAUSE_NONE)
        return true;
    return rpch_has_failed(&opening->rpch->request, channel, conn_of(opening->rpch, channel), why);
}

/* The whole answer, as far as its length is told. */
static bool has_answered(const struct rpch *rpch, enum rpch_channel channel)
{
    struct http_conn *conn = conn_of(rpch, channel);
    struct fault end;
    if (http_stream_ended(conn, &end) ||
        (channel == RPCH_OUT && http_stream_status(conn) == 200 && !rpch_is_page(conn)))
        return true;
    const char *length = http_stream_header(conn, "Content-Length", 0);
    const uint8_t *bytes = NULL;
    return http_stream_status(conn) != 0 && length != NULL &&
           http_stream_bytes(conn, &bytes) >= strtoul(length, NULL, 10);
}

/* One channel is refused: whether the other is too, is worth a moment. */
static void grace(const struct opening *opening)
{
    const struct rpch *rpch = opening->rpch;
    int64_t took_ms = (clock_monotonic_us() - rpch->begun_us) / 1000;
    struct net_limit limit = opening->limit;
    limit.deadline = deadline_earlier(
        limit.deadline, deadline_in_ms(2 * took_ms > RPCH_GRACE_MS ? 2 * took_ms : RPCH_GRACE_MS));
    struct fault ignored;
    while (!has_answered(rpch, RPCH_OUT) || !has_answered(rpch, RPCH_IN)) {
        if (!http_streams_drive(rpch->conns, RPCH_CHANNELS, limit, &ignored))
            break;
    }
    (void)channel_fails(opening, RPCH_OUT);
    (void)channel_fails(opening, RPCH_IN);
}

/* Steps 2 to 4 of net/wire/rts.h. false with CAUSE_NONE: seen->faults has it. */
static bool wait_for_open(const struct opening *opening, struct fault *fault)
{
    struct rpch *rpch = opening->rpch;
    struct rpch_seen *seen = opening->seen;
    while (rpch->link.state != RTS_STATE_OPEN) {
        if (seen->answered_us == 0 && http_stream_status(conn_of(rpch, RPCH_OUT)) != 0)
            seen->answered_us = clock_monotonic_us() - rpch->begun_us;
        if (channel_fails(opening, RPCH_IN)) {
            grace(opening);
            return false;
        }
        if (!rpch_is_page(conn_of(rpch, RPCH_OUT)) && !collect(rpch, &seen->faults[RPCH_OUT]))
            return false;
        if (rpch->link.state == RTS_STATE_OPEN)
            break;
        if (channel_fails(opening, RPCH_OUT)) {
            grace(opening);
            return false;
        }
        struct fault why = {0};
        if (http_streams_drive(rpch->conns, RPCH_CHANNELS, opening->limit, &why))
            continue;
        if (why.cause == CAUSE_TIMEOUT) {
            struct fault timeout;
            enum rpch_channel channel = rpch_timeout_fault(rpch->link.state, &timeout);
            seen->faults[channel] = timeout;
            return false;
        }
        *fault = why;
        return false;
    }
    seen->opened_us = clock_monotonic_us() - rpch->begun_us;
    return true;
}

static bool make_cookies(struct rpch *rpch, struct fault *fault)
{
    struct rts_cookies cookies;
    if (RAND_bytes((unsigned char *)&cookies, sizeof cookies) != 1)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "no random numbers");
    rts_link_init(&rpch->link, &cookies);
    return true;
}

static bool open_link(const struct opening *opening, struct fault *fault)
{
    struct rpch *rpch = opening->rpch;
    struct rpch_seen *seen = opening->seen;
    enum rpch_channel channel = RPCH_OUT;
    struct fault why = {0};
    rpch->begun_us = clock_monotonic_us();
    if (!begin(rpch, opening->limit, &channel, &why)) {
        rpch_name_fault(channel, &why);
        seen->faults[channel] = why;
        return false;
    }
    bool ok = wait_for_open(opening, fault);
    seen->state = rpch->link.state;
    seen->out_timeout_ms = rpch->link.out_timeout_ms;
    seen->in_timeout_ms = rpch->link.in_timeout_ms;
    seen->window = rpch->link.peer_window;
    rpch_keep_answer(RPCH_OUT, conn_of(rpch, RPCH_OUT), seen);
    rpch_keep_answer(RPCH_IN, conn_of(rpch, RPCH_IN), seen);
    return ok;
}

bool rpch_open(const struct rpch_request *request, struct net_limit limit, struct rpch **ret_rpch,
    struct rpch_seen *ret_seen, struct fault *fault)
{
    struct rpch *rpch = xcalloc(1, sizeof *rpch);
    struct opening opening = {.rpch = rpch, .seen = ret_seen, .limit = limit};
    struct fault why = {0};
    *ret_seen = (struct rpch_seen){0};
    rpch->request = *request;
    rpch->conns[0] = request->legs[RPCH_IN].conn;
    rpch->conns[1] = request->legs[RPCH_OUT].conn;
    const char *target = target_of(request, &rpch->arena);
    prepare(rpch, RPCH_OUT, target);
    prepare(rpch, RPCH_IN, target);
    if (make_cookies(rpch, &why) && open_link(&opening, &why)) {
        *ret_rpch = rpch;
        return true;
    }
    if (why.cause == CAUSE_NONE)
        rpch_blame(ret_seen, &why);
    rpch_close(rpch);
    if (fault != NULL)
        *fault = why;
    return false;
}

void rpch_close(struct rpch *rpch)
{
    if (rpch == NULL)
        return;
    http_stream_end(conn_of(rpch, RPCH_IN));
    http_stream_end(conn_of(rpch, RPCH_OUT));
    while (rpch->first != NULL) {
        struct held *next = rpch->first->next;
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

/* Something new on either channel; what came is held. */
static bool pump(struct rpch *rpch, struct net_limit limit, struct fault *fault)
{
    struct fault why = {0};
    if (rpch_has_failed(&rpch->request, RPCH_IN, conn_of(rpch, RPCH_IN), fault) ||
        rpch_has_failed(&rpch->request, RPCH_OUT, conn_of(rpch, RPCH_OUT), fault))
        return false;
    if (http_streams_drive(rpch->conns, RPCH_CHANNELS, limit, &why))
        return collect(rpch, fault);
    if (why.cause == CAUSE_TIMEOUT)
        (void)rpch_timeout_fault(rpch->link.state, &why);
    if (fault != NULL)
        *fault = why;
    return false;
}

static bool rpch_send(
    void *context, const void *pdu, size_t length, struct net_limit limit, struct fault *fault)
{
    struct rpch *rpch = context;
    struct http_conn *in = conn_of(rpch, RPCH_IN);
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
    struct held *held = rpch->first;
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
        if (!write_rts(rpch, &writer, fault))
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

/* ---- the echo ---- */

bool rpch_echo(const struct rpch_request *request, enum rpch_channel channel,
    struct net_limit limit, struct rpch_echo *ret_echo, struct fault *fault)
{
    struct http_header headers[HEADERS_OF_OURS + RPCH_HEADERS_MAX];
    struct arena arena = {0};
    struct fault why = {0};
    struct rts_pdu pdu;
    struct http_request http = {.method = rpch_method(channel),
        .target = target_of(request, &arena),
        .headers = headers,
        .header_count = fill_headers(request, channel, false, headers),
        .body = rts_echo_request,
        .body_length = sizeof rts_echo_request,
        .body_max = HTTP_STREAM_TAKE_MAX,
        .credentials = request->legs[channel].authorization != NULL};
    struct rpch_echo echo = {0};
    bool ok = http_exchange(request->legs[channel].conn, &http, limit, &echo.response, &why);
    arena_done(&arena);
    if (!ok) {
        fault_set(fault, why.cause, why.origin, why.code, "echo by %s: %s", rpch_method(channel),
            why.text);
        return false;
    }
    echo.elapsed_us = echo.response.elapsed_us;
    echo.answered = echo.response.status == 200 &&
                    rts_read(echo.response.body, echo.response.length, &pdu, &why) &&
                    pdu.kind == RTS_ECHO;
    *ret_echo = echo;
    return true;
}
