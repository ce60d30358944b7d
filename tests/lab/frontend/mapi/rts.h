/* RTS PDUs of RPC over HTTP v2 ([MS-RPCH] 2.2.3 and 2.2.4), as the two proxies see and send them.
 */
#ifndef FRONTEND_MAPI_RTS_H
#define FRONTEND_MAPI_RTS_H

#include "wire.h"

enum { RTS_HEADER_SIZE = 20, RTS_COOKIE_SIZE = 16, RTS_COMMANDS_MAX = 16 };

/* 2.2.3.6 */
enum rts_flag {
    RTS_PING = 0x1,
    RTS_OTHER_CMD = 0x2,
    RTS_RECYCLE_CHANNEL = 0x4,
    RTS_IN_CHANNEL = 0x8,
    RTS_OUT_CHANNEL = 0x10,
    RTS_EOF = 0x20,
    RTS_ECHO = 0x40
};

/* 2.2.3.5 */
enum rts_type {
    RTS_RECEIVE_WINDOW_SIZE = 0,
    RTS_FLOW_CONTROL_ACK = 1,
    RTS_CONNECTION_TIMEOUT = 2,
    RTS_COOKIE = 3,
    RTS_CHANNEL_LIFETIME = 4,
    RTS_CLIENT_KEEPALIVE = 5,
    RTS_VERSION = 6,
    RTS_EMPTY = 7,
    RTS_PADDING = 8,
    RTS_NEGATIVE_ANCE = 9,
    RTS_ANCE = 10,
    RTS_CLIENT_ADDRESS = 11,
    RTS_ASSOCIATION_GROUP_ID = 12,
    RTS_DESTINATION = 13,
    RTS_PING_TRAFFIC_SENT_NOTIFY = 14
};

struct rts_command {
    enum rts_type type;
    uint32_t number; /* the value, or BytesReceived of an acknowledgement */
    uint32_t window; /* AvailableWindow of one */
    unsigned char cookie[RTS_COOKIE_SIZE];
};

struct rts {
    unsigned flags;
    size_t count;
    struct rts_command commands[RTS_COMMANDS_MAX];
};

/* A whole PDU of type 20; false: malformed. */
bool rts_parse(const void *pdu, size_t len, struct rts *ret_rts);
/* Whether it is made of exactly these commands. */
bool rts_is(const struct rts *rts, unsigned flags, const enum rts_type *types, size_t count);
bool rts_is_conn_a1(const struct rts *rts); /* version, virtual connection, OUT channel, window */
bool rts_is_conn_b1(const struct rts *rts); /* version, virtual connection, IN channel, ... */
/* FlowControlAck with or without a destination before it; NULL if it is something else. */
const struct rts_command *rts_acknowledgement(const struct rts *rts);

void rts_conn_a3(struct buf *ret_pdu, uint32_t timeout_ms);
void rts_conn_c2(struct buf *ret_pdu, uint32_t window, uint32_t timeout_ms);
void rts_echo(struct buf *ret_pdu);
void rts_ping(struct buf *ret_pdu);
void rts_acknowledge(
    struct buf *ret_pdu, uint32_t received, uint32_t window, const unsigned char *channel_cookie);

#endif
