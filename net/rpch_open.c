#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "net/rpch_impl.h"

/* ---- the two requests: [MS-RPCH] 2.1.2.1.1, 2.1.2.1.2, and the echo of 2.1.2.1.5 ---- */

static size_t fill_headers(const struct rpch_request *request, enum rpch_channel channel,
    bool waits, struct http_header headers[RPCH_OWN_HEADERS + RPCH_HEADERS_MAX])
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

static void prepare(struct rpch *rpch, enum rpch_channel channel)
{
    const struct rpch_request *request = &rpch->request;
    bool waits = channel == RPCH_IN && request->expect_continue;
    rpch->http[channel] = (struct http_request){.method = rpch_method(channel),
        .target = rpch->target,
        .headers = rpch->headers[channel],
        .header_count = fill_headers(request, channel, waits, rpch->headers[channel]),
        .body_max = HTTP_STREAM_TAKE_MAX,
        .credentials = request->legs[channel].authorization != NULL};
}

/* ---- opening ---- */

struct opening {
    struct rpch *rpch;
    struct rpch_seen *seen;
    struct net_limit limit;
};

/* What was sent is not kept. */
static void forget(struct rpch *rpch, enum rpch_channel channel)
{
    struct rpch_leg *leg = &rpch->request.legs[channel];
    for (size_t i = 0; i < rpch->http[channel].header_count; i++) {
        if (rpch->headers[channel][i].value == leg->authorization)
            rpch->headers[channel][i].value = "";
    }
    leg->authorization = leg->authorization != NULL ? "" : NULL;
}

static bool begin_out(const struct opening *opening)
{
    struct rpch *rpch = opening->rpch;
    struct fault *fault = &opening->seen->faults[RPCH_OUT];
    struct writer writer = writer_of(rpch->a1, sizeof rpch->a1);
    prepare(rpch, RPCH_OUT);
    rts_link_write_a1(&rpch->link, &writer);
    rpch->http[RPCH_OUT].body = rpch->a1;
    rpch->http[RPCH_OUT].body_length = writer.length;
    rpch_trace(rpch, '>', rpch->a1, writer.length);
    bool ok = http_stream_begin(
        rpch_conn(rpch, RPCH_OUT), &rpch->http[RPCH_OUT], 0, opening->limit, fault);
    opening->seen->sent[RPCH_OUT] = ok;
    forget(rpch, RPCH_OUT);
    if (!ok)
        rpch_name_fault(RPCH_OUT, fault);
    return ok;
}

static bool begin_in(const struct opening *opening)
{
    struct rpch *rpch = opening->rpch;
    struct fault *fault = &opening->seen->faults[RPCH_IN];
    uint8_t b1[RTS_B1_SIZE];
    struct writer writer = writer_of(b1, sizeof b1);
    prepare(rpch, RPCH_IN);
    rts_link_write_b1(&rpch->link, &writer);
    bool ok = http_stream_begin(
        rpch_conn(rpch, RPCH_IN), &rpch->http[RPCH_IN], RTS_LIFETIME, opening->limit, fault);
    opening->seen->sent[RPCH_IN] = ok;
    forget(rpch, RPCH_IN);
    ok = ok && rpch_write_rts(rpch, &writer, fault);
    if (!ok)
        rpch_name_fault(RPCH_IN, fault);
    return ok;
}

static bool channel_fails(const struct opening *opening, enum rpch_channel channel)
{
    struct fault *why = &opening->seen->faults[channel];
    if (why->cause != CAUSE_NONE)
        return true;
    if (channel == RPCH_OUT)
        return rpch_out_has_failed(opening->rpch, why);
    return rpch_has_failed(
        &opening->rpch->request, channel, rpch_conn(opening->rpch, channel), why);
}

/* The whole answer, as far as its length is told. */
static bool has_answered(const struct rpch *rpch, enum rpch_channel channel)
{
    struct http_conn *conn = rpch_conn(rpch, channel);
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
static void grace(const struct opening *opening, struct http_conn *const *conns, size_t count)
{
    const struct rpch *rpch = opening->rpch;
    int64_t took_ms = (clock_monotonic_us() - rpch->begun_us) / 1000;
    struct net_limit limit = opening->limit;
    limit.deadline = deadline_earlier(
        limit.deadline, deadline_in_ms(2 * took_ms > RPCH_GRACE_MS ? 2 * took_ms : RPCH_GRACE_MS));
    struct fault ignored;
    bool both = count == RPCH_CHANNELS;
    while (!has_answered(rpch, RPCH_OUT) || (both && !has_answered(rpch, RPCH_IN))) {
        if (!http_streams_drive(conns, count, limit, &ignored))
            break;
    }
    (void)channel_fails(opening, RPCH_OUT);
    if (both)
        (void)channel_fails(opening, RPCH_IN);
}

/* CONN/C2 has come; a server in a hurry asks for a new OUT channel right behind it. */
static bool is_through(const struct rpch *rpch)
{
    return rpch->link.state == RTS_STATE_OPEN || rpch->link.state == RTS_STATE_RECYCLING;
}

/* Steps 2 to 4 of net/wire/rts.h. false with CAUSE_NONE: seen->faults has it. */
static bool wait_for_open(const struct opening *opening, struct fault *fault)
{
    struct rpch *rpch = opening->rpch;
    struct rpch_seen *seen = opening->seen;
    while (!is_through(rpch)) {
        if (seen->answered_us == 0 && http_stream_status(rpch_conn(rpch, RPCH_OUT)) != 0)
            seen->answered_us = clock_monotonic_us() - rpch->begun_us;
        if (channel_fails(opening, RPCH_IN)) {
            grace(opening, rpch->conns, RPCH_CHANNELS);
            return false;
        }
        if (!rpch_is_page(rpch_conn(rpch, RPCH_OUT)) &&
            !rpch_collect(rpch, &seen->faults[RPCH_OUT]))
            return false;
        if (is_through(rpch))
            break;
        if (channel_fails(opening, RPCH_OUT)) {
            grace(opening, rpch->conns, RPCH_CHANNELS);
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

static void note_link(const struct rpch *rpch, struct rpch_seen *seen)
{
    seen->state = rpch->link.state;
    seen->out_timeout_ms = rpch->link.out_timeout_ms;
    seen->in_timeout_ms = rpch->link.in_timeout_ms;
    seen->window = rpch->link.peer_window;
    for (int i = 0; i < RPCH_CHANNELS; i++) {
        if (seen->answers[i].status == 0)
            rpch_keep_answer((enum rpch_channel)i, rpch_conn(rpch, (enum rpch_channel)i), seen);
    }
}

/* The caller's fault: why, or the one of the channel to blame. Always false. */
static bool opening_failed(
    const struct rpch_seen *seen, const struct fault *why, struct fault *fault)
{
    if (fault == NULL)
        return false;
    if (why->cause != CAUSE_NONE)
        *fault = *why;
    else
        rpch_blame(seen, fault);
    return false;
}

static bool rpch_new(const struct rpch_request *request, struct rpch **ret_rpch,
    struct rpch_seen *ret_seen, struct fault *fault)
{
    struct rpch *rpch = xcalloc(1, sizeof *rpch);
    *ret_seen = (struct rpch_seen){0};
    rpch->request = *request;
    rpch->conns[0] = request->legs[RPCH_IN].conn;
    rpch->conns[1] = request->legs[RPCH_OUT].conn;
    rpch->target = target_of(request, &rpch->arena);
    *ret_rpch = rpch;
    return make_cookies(rpch, fault);
}

static bool open_both(const struct opening *opening, struct fault *fault)
{
    struct rpch *rpch = opening->rpch;
    struct rpch_seen *seen = opening->seen;
    rpch->begun_us = clock_monotonic_us();
    bool ok = begin_out(opening) && begin_in(opening) && wait_for_open(opening, fault);
    note_link(rpch, seen);
    return ok;
}

bool rpch_open(const struct rpch_request *request, struct net_limit limit, struct rpch **ret_rpch,
    struct rpch_seen *ret_seen, struct fault *fault)
{
    struct opening opening = {.seen = ret_seen, .limit = limit};
    struct fault why = {0};
    if (rpch_new(request, &opening.rpch, ret_seen, &why) && open_both(&opening, &why)) {
        *ret_rpch = opening.rpch;
        return true;
    }
    rpch_close(opening.rpch);
    return opening_failed(ret_seen, &why, fault);
}

/* ---- in two stages ---- */

/* The status of OUT; of a refusal, what comes of it within a moment. */
static bool wait_for_answer(const struct opening *opening, struct fault *fault)
{
    struct rpch *rpch = opening->rpch;
    struct rpch_seen *seen = opening->seen;
    struct http_conn *out = rpch_conn(rpch, RPCH_OUT);
    while (http_stream_status(out) == 0 && !channel_fails(opening, RPCH_OUT)) {
        struct fault why = {0};
        if (http_streams_drive(&out, 1, opening->limit, &why))
            continue;
        if (why.cause != CAUSE_TIMEOUT) {
            *fault = why;
            return false;
        }
        (void)rpch_timeout_fault(RTS_STATE_OUT_WAIT, &seen->faults[RPCH_OUT]);
        return false;
    }
    if (http_stream_status(out) != 0)
        seen->answered_us = clock_monotonic_us() - rpch->begun_us;
    if (!channel_fails(opening, RPCH_OUT))
        return true;
    grace(opening, &out, 1);
    return false;
}

bool rpch_open_out(const struct rpch_request *request, struct net_limit limit,
    struct rpch **ret_rpch, struct rpch_seen *ret_seen, struct fault *fault)
{
    struct opening opening = {.seen = ret_seen, .limit = limit};
    struct fault why = {0};
    bool ok = rpch_new(request, &opening.rpch, ret_seen, &why);
    opening.rpch->request.legs[RPCH_IN] = (struct rpch_leg){.conn = NULL};
    opening.rpch->begun_us = clock_monotonic_us();
    ok = ok && begin_out(&opening);
    ok = ok && wait_for_answer(&opening, &why);
    note_link(opening.rpch, ret_seen);
    if (ok) {
        *ret_rpch = opening.rpch;
        return true;
    }
    rpch_close(opening.rpch);
    return opening_failed(ret_seen, &why, fault);
}

bool rpch_open_in(struct rpch *rpch, const struct rpch_leg *in, struct net_limit limit,
    struct rpch_seen *seen, struct fault *fault)
{
    struct opening opening = {.rpch = rpch, .seen = seen, .limit = limit};
    struct fault why = {0};
    rpch->request.legs[RPCH_IN] = *in;
    rpch->conns[0] = in->conn;
    rpch->begun_us = clock_monotonic_us();
    bool ok = begin_in(&opening) && wait_for_open(&opening, &why);
    note_link(rpch, seen);
    return ok || opening_failed(seen, &why, fault);
}

/* ---- the echo ---- */

bool rpch_echo(const struct rpch_request *request, enum rpch_channel channel,
    struct net_limit limit, struct rpch_echo *ret_echo, struct fault *fault)
{
    struct http_header headers[RPCH_OWN_HEADERS + RPCH_HEADERS_MAX];
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
