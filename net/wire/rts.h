/*
 * RTS PDUs and the virtual connection of RPC over HTTP v2, client side, pure. [MS-RPCH] 2.2.3
 * (header and commands), 2.2.4 (the PDUs), 3.2.1 and 3.2.2 (the client's state machine).
 *
 * The client's procedure ([MS-RPCH] 3.2.2.4.1.2, 3.2.2.5), states in brackets:
 *   1. IN and OUT requests go out; CONN/A1 on OUT, CONN/B1 on IN.        [OUT_WAIT]
 *   2. The OUT request is answered with 200: rts_link_answered().        [A3_WAIT]
 *   3. CONN/A3 comes on OUT: the OUT channel's connection timeout.       [C2_WAIT]
 *   4. CONN/C2 comes on OUT: window and timeout of the IN channel.       [OPEN]
 *   5. RPC PDUs go out as the proxy's window allows: rts_link_may_send(), rts_link_sent(). Its
 *      flow control acknowledgements come on OUT.
 *   6. RPC PDUs come on OUT; once one is used up, rts_link_consumed() says when an acknowledgement
 *      is due, which goes out on IN, addressed to the outbound proxy.
 *   7. OUT_R1/A2 asks for a successor of the OUT channel, whose lifetime ends. We open none: the
 *      caller finishes or gives up what it has begun and closes.         [RECYCLING]
 *   8. Anything else than these and pings is a protocol error (3.2.2.5.11): MALFORMED. [FAILED]
 */
#ifndef NET_WIRE_RTS_H
#define NET_WIRE_RTS_H

#include "net/wire/rpc.h"

enum {
    RTS_COOKIE_SIZE = 16,
    RTS_HEADER_SIZE = 20,
    RTS_A1_SIZE = 76, /* the Content-Length of an OUT request. 2.1.2.1.2 */
    RTS_B1_SIZE = 104,
    RTS_ECHO_SIZE = 20, /* the body of an echo response. 2.1.2.1.6 */
    RTS_ACK_SIZE = 56,
    RTS_PDU_MAX = RTS_B1_SIZE,         /* of those we write */
    RTS_WINDOW_LEAST = 8 * 1024,       /* 2.2.3.5.1 */
    RTS_WINDOW = 64 * 1024,            /* what Windows takes */
    RTS_LIFETIME = 1 << 30,            /* bytes of an IN channel: its Content-Length. 2.2.3.5.5 */
    RTS_KEEP_ALIVE_MS = 5 * 60 * 1000, /* 2.2.3.5.6 */
    RTS_ECHO_REQUEST_SIZE = 4
};

/* The body of an echo request, as Windows sends it. 2.1.2.1.5 */
extern const uint8_t rts_echo_request[RTS_ECHO_REQUEST_SIZE];

/* X(symbol, name): what a PDU is, by flags and commands (2.2.4.1). Those that look alike on the
 * wire are one. */
#define RTS_KINDS(X)                                                          \
    X(CONN_A1, "CONN/A1")                                                     \
    X(CONN_A3, "CONN/A3")                                                     \
    X(CONN_B1, "CONN/B1")                                                     \
    X(CONN_B3, "CONN/B3")                                                     \
    X(CONN_C2, "CONN/C2") /* and C1 */                                        \
    X(IN_R1_A4, "IN_R1/A4")                                                   \
    X(IN_R2_A4, "IN_R2/A4")                                                   \
    X(OUT_R1_A2, "OUT_R1/A2") /* and OUT_R2/A2: recycle the OUT channel */    \
    X(OUT_R1_A6, "OUT_R1/A6")                                                 \
    X(OUT_R1_A10, "OUT_R1/A10")                                               \
    X(OUT_R2_A6, "OUT_R2/A6")                                                 \
    X(OUT_R2_B3, "OUT_R2/B3")                                                 \
    X(KEEP_ALIVE, "keep-alive")                                               \
    X(PING_TRAFFIC, "ping traffic sent")                                      \
    X(ECHO, "echo")                                                           \
    X(PING, "ping")                                                           \
    X(ACK, "flow control acknowledgement") /* with and without destination */ \
    X(OTHER, "unknown RTS PDU")

enum rts_kind {
#define X(symbol, name) RTS_##symbol,
    RTS_KINDS(X)
#undef X
};

enum rts_destination {
    RTS_TO_CLIENT = 0,
    RTS_TO_IN_PROXY = 1,
    RTS_TO_SERVER = 2,
    RTS_TO_OUT_PROXY = 3
};

struct rts_pdu {
    enum rts_kind kind;
    uint16_t flags, commands;
    /* 0 where the PDU has no such command; the last one where it has several */
    uint32_t version, window, timeout_ms, keep_alive_ms, lifetime;
    bool addressed;       /* with a Destination command */
    uint32_t destination; /* enum rts_destination */
    struct rts_ack {
        uint32_t received, available;
        uint8_t cookie[RTS_COOKIE_SIZE];
    } ack;
};

const char *rts_kind_str(enum rts_kind kind);
/* One whole PDU. Cause: MALFORMED. */
bool rts_read(const void *bytes, size_t length, struct rts_pdu *ret_pdu, struct fault *fault);
const char *rts_describe(struct arena *arena, const void *bytes, size_t length);

/* Writing: behind what the writer holds; its error sticks. */
void rts_write_ping(struct writer *writer);
void rts_write_keep_alive(struct writer *writer, uint32_t interval_ms);
void rts_write_echo(struct writer *writer); /* what a proxy answers: for tests */

/* "RPC Error: 6ba", with ", EEInfo: …" behind it or not: the reason phrase of a 503. 2.1.2.1.3 */
bool rts_error_parse(const char *reason, uint32_t *ret_status);

/* ---- the virtual connection ---- */

/* X(symbol, words) */
#define RTS_STATES(X)                                        \
    X(OUT_WAIT, "waiting for the answer to the OUT channel") \
    X(A3_WAIT, "waiting for CONN/A3 on the OUT channel")     \
    X(C2_WAIT, "waiting for CONN/C2 on the OUT channel")     \
    X(OPEN, "open")                                          \
    X(RECYCLING, "open, the proxy wants a new OUT channel")  \
    X(FAILED, "failed")

enum rts_state {
#define X(symbol, words) RTS_STATE_##symbol,
    RTS_STATES(X)
#undef X
};

enum rts_event {
    RTS_EVENT_NONE,    /* a step, a ping, an acknowledgement: see the state */
    RTS_EVENT_OPENED,  /* CONN/C2 */
    RTS_EVENT_RPC,     /* an RPC PDU for the caller, who calls rts_link_consumed() when done */
    RTS_EVENT_RECYCLE, /* step 7: begin nothing new */
};

enum rts_send {
    RTS_SEND_NOW,
    RTS_SEND_WAIT,  /* until an acknowledgement comes */
    RTS_SEND_NEVER, /* the state does not allow it, or the IN channel's lifetime is used up */
};

/* Random each; they name the connection, its channels and the client (2.2.3.1). */
struct rts_cookies {
    uint8_t connection[RTS_COOKIE_SIZE];
    uint8_t in[RTS_COOKIE_SIZE];
    uint8_t out[RTS_COOKIE_SIZE];
    uint8_t group[RTS_COOKIE_SIZE];
};

struct rts_link {
    enum rts_state state;
    struct rts_cookies cookies;
    uint32_t out_timeout_ms, in_timeout_ms; /* as A3 and C2 said */
    /* OUT: RPC PDUs only (3.2.1.1.4) */
    uint32_t window, available, advertised, received;
    /* IN */
    uint32_t peer_window, sendable, sent;
    uint64_t lifetime_used; /* RTS PDUs too */
};

void rts_link_init(struct rts_link *link, const struct rts_cookies *cookies);
const char *rts_state_str(enum rts_state state);
void rts_link_write_a1(const struct rts_link *link, struct writer *writer);
void rts_link_write_b1(const struct rts_link *link, struct writer *writer);
/* The OUT request was answered with 200 (any other status is the caller's to judge). MALFORMED: at
 * another time. */
bool rts_link_answered(struct rts_link *link, struct fault *fault);
/* One whole PDU that came on OUT. Cause: MALFORMED; the link has failed then. */
bool rts_link_receive(struct rts_link *link, const void *bytes, size_t length,
    enum rts_event *ret_event, struct fault *fault);
/* An RPC PDU of so many bytes is used up; true: an acknowledgement is due now. */
bool rts_link_consumed(struct rts_link *link, size_t length);
void rts_link_write_ack(struct rts_link *link, struct writer *writer);
/* May an RPC PDU go out, and: it did; RTS PDUs (B1, acks, pings) are only counted. */
enum rts_send rts_link_may_send(const struct rts_link *link, size_t length);
void rts_link_sent(struct rts_link *link, size_t length, bool rts);

#endif
