#include <string.h>

#include "net/wire/rts.h"

const char *rts_state_str(enum rts_state state)
{
    switch (state) {
#define X(symbol, words)     \
    case RTS_STATE_##symbol: \
        return words;
        RTS_STATES(X)
#undef X
    }
    return "";
}

void rts_link_init(struct rts_link *link, const struct rts_cookies *cookies)
{
    *link = (struct rts_link){.cookies = *cookies,
        .window = RTS_WINDOW,
        .available = RTS_WINDOW,
        .advertised = RTS_WINDOW};
}

static bool fail(struct rts_link *link, const char *what, struct fault *fault)
{
    enum rts_state state = link->state;
    link->state = RTS_STATE_FAILED;
    return fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0,
        "RPC over HTTP was violated: %s came, the connection is %s", what, rts_state_str(state));
}

/* Step 2. */
bool rts_link_answered(struct rts_link *link, struct fault *fault)
{
    if (link->state != RTS_STATE_OUT_WAIT)
        return fail(link, "a second answer to the OUT channel", fault);
    link->state = RTS_STATE_A3_WAIT;
    return true;
}

static bool is_open(const struct rts_link *link)
{
    return link->state == RTS_STATE_OPEN || link->state == RTS_STATE_RECYCLING;
}

/* Step 4. 3.2.2.5.4. A window may be larger than 2.2.3.5.1 says: administrators set it. */
static bool opened(struct rts_link *link, const struct rts_pdu *pdu, struct fault *fault)
{
    if (pdu->window < RTS_WINDOW_LEAST)
        return fail(link, "a receive window under 8 KiB", fault);
    link->in_timeout_ms = pdu->timeout_ms;
    link->peer_window = pdu->window;
    link->sendable = pdu->window;
    link->state = RTS_STATE_OPEN;
    return true;
}

/* Step 5. 3.2.1.5.1: what the proxy had not seen yet when it wrote is still on its way. */
static bool acknowledged(struct rts_link *link, const struct rts_ack *ack, struct fault *fault)
{
    if (memcmp(ack->cookie, link->cookies.in, RTS_COOKIE_SIZE) != 0)
        return true; /* of no channel of ours: "MUST discard" */
    if (ack->received > link->sent)
        return fail(link, "an acknowledgement of more than we sent", fault);
    uint32_t underway = link->sent - ack->received;
    if (ack->available < underway || ack->available - underway > link->peer_window)
        return fail(link, "an acknowledgement that does not fit the window", fault);
    link->sendable = ack->available - underway;
    return true;
}

static bool receive_rts(struct rts_link *link, const struct rts_pdu *pdu, enum rts_event *ret_event,
    struct fault *fault)
{
    enum rts_kind kind = pdu->kind;
    if (pdu->addressed && pdu->destination != RTS_TO_CLIENT)
        return fail(link, "an RTS PDU for somebody else", fault);
    if (kind == RTS_PING)
        return true; /* 2.2.4.49, outside any sequence */
    if (kind == RTS_CONN_A3 && link->state == RTS_STATE_A3_WAIT) {
        link->out_timeout_ms = pdu->timeout_ms;
        link->state = RTS_STATE_C2_WAIT;
        return true;
    }
    if (kind == RTS_CONN_C2 && link->state == RTS_STATE_C2_WAIT) {
        *ret_event = RTS_EVENT_OPENED;
        return opened(link, pdu, fault);
    }
    if (kind == RTS_ACK && is_open(link))
        return acknowledged(link, &pdu->ack, fault);
    if (kind == RTS_OUT_R1_A2 && link->state == RTS_STATE_OPEN) {
        *ret_event = RTS_EVENT_RECYCLE;
        link->state = RTS_STATE_RECYCLING;
        return true;
    }
    return fail(link, rts_kind_str(kind), fault);
}

/* 3.2.1.5.1.1. Who sends more than our window lets it does no harm here: the PDU has come. */
static void count_received(struct rts_link *link, size_t length)
{
    uint32_t size = (uint32_t)length; /* of a PDU: 16 bits */
    link->available -= size < link->available ? size : link->available;
    link->advertised -= size < link->advertised ? size : link->advertised;
    link->received += size;
}

bool rts_link_receive(struct rts_link *link, const void *bytes, size_t length,
    enum rts_event *ret_event, struct fault *fault)
{
    enum rts_event event = RTS_EVENT_NONE;
    struct rpc_pdu pdu;
    struct rts_pdu rts;
    if (link->state == RTS_STATE_OUT_WAIT || link->state == RTS_STATE_FAILED)
        return fail(link, "a PDU", fault);
    if (!rpc_read(bytes, length, &pdu, fault) ||
        (pdu.type == RPC_RTS && !rts_read(bytes, length, &rts, fault))) {
        link->state = RTS_STATE_FAILED;
        return false;
    }
    if (pdu.type == RPC_RTS) {
        if (!receive_rts(link, &rts, &event, fault))
            return false;
    } else {
        if (!is_open(link))
            return fail(link, rpc_type_str(pdu.type), fault);
        count_received(link, length);
        event = RTS_EVENT_RPC;
    }
    *ret_event = event;
    return true;
}

/* Step 6. As Windows does it ([MS-RPCH] appendix, note 27): when the window that the proxy knows
 * of has shrunk under a half. */
bool rts_link_consumed(struct rts_link *link, size_t length)
{
    uint32_t used = link->window - link->available;
    link->available += length < used ? (uint32_t)length : used;
    return is_open(link) && link->advertised < link->window / 2;
}

enum rts_send rts_link_may_send(const struct rts_link *link, size_t length)
{
    if (!is_open(link) || length > RTS_LIFETIME - link->lifetime_used)
        return RTS_SEND_NEVER;
    return length > link->sendable ? RTS_SEND_WAIT : RTS_SEND_NOW;
}

void rts_link_sent(struct rts_link *link, size_t length, bool rts)
{
    uint64_t left = RTS_LIFETIME - link->lifetime_used;
    link->lifetime_used += length < left ? length : left;
    if (rts)
        return;
    link->sent += (uint32_t)length;
    link->sendable -= length < link->sendable ? (uint32_t)length : link->sendable;
}
