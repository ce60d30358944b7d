#include "rts.h"

#include "rpc_pdu.h"

#include <string.h>

static void read_command(struct wire *wire, struct rts_command *command)
{
    const unsigned char *cookie = NULL;

    *command = (struct rts_command){.type = (enum rts_type)wire_u32(wire)};
    switch (command->type) {
    case RTS_RECEIVE_WINDOW_SIZE:
    case RTS_CONNECTION_TIMEOUT:
    case RTS_CHANNEL_LIFETIME:
    case RTS_CLIENT_KEEPALIVE:
    case RTS_VERSION:
    case RTS_DESTINATION:
    case RTS_PING_TRAFFIC_SENT_NOTIFY:
        command->number = wire_u32(wire);
        return;
    case RTS_FLOW_CONTROL_ACK:
        command->number = wire_u32(wire);
        command->window = wire_u32(wire);
        cookie = wire_bytes(wire, RTS_COOKIE_SIZE);
        break;
    case RTS_COOKIE:
    case RTS_ASSOCIATION_GROUP_ID:
        cookie = wire_bytes(wire, RTS_COOKIE_SIZE);
        break;
    case RTS_PADDING:
        wire_bytes(wire, wire_u32(wire));
        return;
    case RTS_CLIENT_ADDRESS:
        wire_bytes(wire, wire_u32(wire) == 0 ? 4 : 16);
        wire_bytes(wire, 12);
        return;
    case RTS_EMPTY:
    case RTS_NEGATIVE_ANCE:
    case RTS_ANCE:
        return;
    default:
        wire->bad = true;
        return;
    }
    if (cookie != NULL)
        memcpy(command->cookie, cookie, RTS_COOKIE_SIZE);
}

bool rts_parse(const void *pdu, size_t len, struct rts *ret_rts)
{
    struct wire wire = wire_of(pdu, len);
    struct rts rts = {0};

    wire_bytes(&wire, RPC_HEADER_SIZE);
    rts.flags = wire_u16(&wire);
    rts.count = wire_u16(&wire);
    if (wire.bad || rts.count > RTS_COMMANDS_MAX)
        return false;
    for (size_t i = 0; i < rts.count; i++)
        read_command(&wire, &rts.commands[i]);
    if (wire.bad || wire_left(&wire) > 0)
        return false;
    *ret_rts = rts;
    return true;
}

bool rts_is(const struct rts *rts, unsigned flags, const enum rts_type *types, size_t count)
{
    if (rts->flags != flags || rts->count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (rts->commands[i].type != types[i])
            return false;
    return true;
}

bool rts_is_conn_a1(const struct rts *rts)
{
    static const enum rts_type types[] = {
        RTS_VERSION, RTS_COOKIE, RTS_COOKIE, RTS_RECEIVE_WINDOW_SIZE};

    return rts_is(rts, 0, types, sizeof types / sizeof types[0]);
}

bool rts_is_conn_b1(const struct rts *rts)
{
    static const enum rts_type types[] = {RTS_VERSION, RTS_COOKIE, RTS_COOKIE, RTS_CHANNEL_LIFETIME,
        RTS_CLIENT_KEEPALIVE, RTS_ASSOCIATION_GROUP_ID};

    return rts_is(rts, 0, types, sizeof types / sizeof types[0]);
}

const struct rts_command *rts_acknowledgement(const struct rts *rts)
{
    static const enum rts_type types[] = {RTS_DESTINATION, RTS_FLOW_CONTROL_ACK};

    if (rts_is(rts, RTS_OTHER_CMD, types, 2))
        return &rts->commands[1];
    return rts_is(rts, RTS_OTHER_CMD, types + 1, 1) ? &rts->commands[0] : NULL;
}

static void begin(struct buf *pdu, unsigned flags, unsigned count)
{
    rpc_begin_pdu(pdu, RPC_RTS, RPC_FIRST | RPC_LAST, 0);
    buf_le16(pdu, flags);
    buf_le16(pdu, count);
}

static void put_number(struct buf *pdu, enum rts_type type, uint32_t number)
{
    buf_le32(pdu, type);
    buf_le32(pdu, number);
}

void rts_conn_a3(struct buf *ret_pdu, uint32_t timeout_ms)
{
    begin(ret_pdu, 0, 1);
    put_number(ret_pdu, RTS_CONNECTION_TIMEOUT, timeout_ms);
    rpc_end_pdu(ret_pdu, 0);
}

void rts_conn_c2(struct buf *ret_pdu, uint32_t window, uint32_t timeout_ms)
{
    begin(ret_pdu, 0, 3);
    put_number(ret_pdu, RTS_VERSION, 1);
    put_number(ret_pdu, RTS_RECEIVE_WINDOW_SIZE, window);
    put_number(ret_pdu, RTS_CONNECTION_TIMEOUT, timeout_ms);
    rpc_end_pdu(ret_pdu, 0);
}

void rts_echo(struct buf *ret_pdu)
{
    begin(ret_pdu, RTS_ECHO, 0);
    rpc_end_pdu(ret_pdu, 0);
}

void rts_ping(struct buf *ret_pdu)
{
    begin(ret_pdu, RTS_PING, 0);
    rpc_end_pdu(ret_pdu, 0);
}

/* 2.2.4.51: for the client, from beyond the outbound proxy. */
void rts_acknowledge(
    struct buf *ret_pdu, uint32_t received, uint32_t window, const unsigned char *channel_cookie)
{
    enum { DESTINATION_CLIENT = 0 };

    begin(ret_pdu, RTS_OTHER_CMD, 2);
    put_number(ret_pdu, RTS_DESTINATION, DESTINATION_CLIENT);
    put_number(ret_pdu, RTS_FLOW_CONTROL_ACK, received);
    buf_le32(ret_pdu, window);
    buf_add(ret_pdu, channel_cookie, RTS_COOKIE_SIZE);
    rpc_end_pdu(ret_pdu, 0);
}
