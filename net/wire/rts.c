#include "net/wire/rts.h"

#include <string.h>

#include "net/wire/text.h"

/* 2.2.3.5 */
enum command {
    COMMAND_RECEIVE_WINDOW = 0,
    COMMAND_ACK = 1,
    COMMAND_TIMEOUT = 2,
    COMMAND_COOKIE = 3,
    COMMAND_LIFETIME = 4,
    COMMAND_KEEP_ALIVE = 5,
    COMMAND_VERSION = 6,
    COMMAND_EMPTY = 7,
    COMMAND_PADDING = 8,
    COMMAND_NEGATIVE_ANCE = 9,
    COMMAND_ANCE = 10,
    COMMAND_ADDRESS = 11,
    COMMAND_GROUP = 12,
    COMMAND_DESTINATION = 13,
    COMMAND_PING_TRAFFIC = 14
};

/* 2.2.3.6.1 */
enum flag {
    FLAG_PING = 0x01,
    FLAG_OTHER = 0x02,
    FLAG_RECYCLE = 0x04,
    FLAG_OUT = 0x10,
    FLAG_EOF = 0x20,
    FLAG_ECHO = 0x40
};

enum { COMMANDS_MAX = 6, ADDRESS_IPV6 = 1, ADDRESS_PADDING = 12 };

const uint8_t rts_echo_request[RTS_ECHO_REQUEST_SIZE] = {0xf8, 0xe8, 0x18, 0x08};

/* 2.2.4.1: flags, number and types of the commands tell which PDU it is. */
static const struct shape {
    enum rts_kind kind;
    uint16_t flags, commands;
    uint8_t types[COMMANDS_MAX];
} shapes[] = {
    {RTS_CONN_A1, 0, 4, {COMMAND_VERSION, COMMAND_COOKIE, COMMAND_COOKIE, COMMAND_RECEIVE_WINDOW}},
    {RTS_CONN_A3, 0, 1, {COMMAND_TIMEOUT}},
    {RTS_CONN_B1, 0, 6,
        {COMMAND_VERSION, COMMAND_COOKIE, COMMAND_COOKIE, COMMAND_LIFETIME, COMMAND_KEEP_ALIVE,
            COMMAND_GROUP}},
    {RTS_CONN_B3, 0, 2, {COMMAND_RECEIVE_WINDOW, COMMAND_VERSION}},
    {RTS_CONN_C2, 0, 3, {COMMAND_VERSION, COMMAND_RECEIVE_WINDOW, COMMAND_TIMEOUT}},
    {RTS_IN_R1_A4, 0, 4,
        {COMMAND_DESTINATION, COMMAND_VERSION, COMMAND_RECEIVE_WINDOW, COMMAND_TIMEOUT}},
    {RTS_IN_R2_A4, 0, 1, {COMMAND_DESTINATION}},
    {RTS_OUT_R1_A2, FLAG_RECYCLE, 1, {COMMAND_DESTINATION}},
    {RTS_OUT_R1_A6, FLAG_OUT, 3, {COMMAND_DESTINATION, COMMAND_VERSION, COMMAND_TIMEOUT}},
    {RTS_OUT_R1_A10, 0, 1, {COMMAND_ANCE}},
    {RTS_OUT_R2_A6, 0, 2, {COMMAND_DESTINATION, COMMAND_ANCE}},
    {RTS_OUT_R2_B3, FLAG_EOF, 1, {COMMAND_ANCE}},
    {RTS_KEEP_ALIVE, FLAG_OTHER, 1, {COMMAND_KEEP_ALIVE}},
    {RTS_PING_TRAFFIC, FLAG_OTHER, 1, {COMMAND_PING_TRAFFIC}},
    {RTS_ECHO, FLAG_ECHO, 0, {0}},
    {RTS_PING, FLAG_PING, 0, {0}},
    {RTS_ACK, FLAG_OTHER, 1, {COMMAND_ACK}},
    {RTS_ACK, FLAG_OTHER, 2, {COMMAND_DESTINATION, COMMAND_ACK}},
};

const char *rts_kind_str(enum rts_kind kind)
{
    switch (kind) {
#define X(symbol, name) \
    case RTS_##symbol:  \
        return name;
        RTS_KINDS(X)
#undef X
    }
    return "";
}

/* ---- reading ---- */

static void read_cookie(struct reader *reader, uint8_t ret_cookie[RTS_COOKIE_SIZE])
{
    const uint8_t *bytes = read_bytes(reader, RTS_COOKIE_SIZE);
    if (bytes != NULL)
        memcpy(ret_cookie, bytes, RTS_COOKIE_SIZE);
}

static void read_ack(struct reader *reader, struct rts_ack *ret_ack)
{
    ret_ack->received = read_le32(reader);
    ret_ack->available = read_le32(reader);
    read_cookie(reader, ret_ack->cookie);
}

/* 2.2.3.2: an address of either family has the same padding behind it. */
static void skip_address(struct reader *reader)
{
    uint32_t type = read_le32(reader);
    if (type > ADDRESS_IPV6)
        reader->failed = true;
    read_skip(reader, (type == ADDRESS_IPV6 ? 16 : 4) + ADDRESS_PADDING);
}

/* false: no such command. */
static bool read_command(struct reader *reader, uint32_t type, struct rts_pdu *pdu)
{
    if (type > COMMAND_PING_TRAFFIC)
        return false;
    switch ((enum command)type) {
    case COMMAND_RECEIVE_WINDOW:
        pdu->window = read_le32(reader);
        break;
    case COMMAND_ACK:
        read_ack(reader, &pdu->ack);
        break;
    case COMMAND_TIMEOUT:
        pdu->timeout_ms = read_le32(reader);
        break;
    case COMMAND_COOKIE:
    case COMMAND_GROUP:
        read_skip(reader, RTS_COOKIE_SIZE);
        break;
    case COMMAND_LIFETIME:
        pdu->lifetime = read_le32(reader);
        break;
    case COMMAND_KEEP_ALIVE:
        pdu->keep_alive_ms = read_le32(reader);
        break;
    case COMMAND_VERSION:
        pdu->version = read_le32(reader);
        break;
    case COMMAND_PADDING:
        read_skip(reader, read_le32(reader));
        break;
    case COMMAND_EMPTY:
    case COMMAND_NEGATIVE_ANCE:
    case COMMAND_ANCE:
        break;
    case COMMAND_ADDRESS:
        skip_address(reader);
        break;
    case COMMAND_DESTINATION:
        pdu->addressed = true;
        pdu->destination = read_le32(reader);
        break;
    case COMMAND_PING_TRAFFIC:
        read_skip(reader, 4);
        break;
    }
    return true;
}

static enum rts_kind classify(const struct rts_pdu *pdu, const uint8_t types[COMMANDS_MAX])
{
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const struct shape *shape = &shapes[i];
        if (shape->flags == pdu->flags && shape->commands == pdu->commands &&
            memcmp(shape->types, types, shape->commands) == 0)
            return shape->kind;
    }
    return RTS_OTHER;
}

/* 2.2.3.6.1: whole, without authentication, call 0. */
static bool check_header(const struct rpc_pdu *pdu, struct fault *fault)
{
    if (pdu->type != RPC_RTS)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0,
            "a %s PDU came where an RTS PDU was due", rpc_type_str(pdu->type));
    if (pdu->flags != (RPC_FIRST_FRAGMENT | RPC_LAST_FRAGMENT) || pdu->auth.length > 0 ||
        pdu->call_id != 0)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0,
            "an RTS PDU with a fragment, a token or a call in its header");
    return true;
}

bool rts_read(const void *bytes, size_t length, struct rts_pdu *ret_pdu, struct fault *fault)
{
    struct rpc_pdu header;
    if (!rpc_read(bytes, length, &header, fault) || !check_header(&header, fault))
        return false;
    struct reader reader = reader_of(bytes, length);
    read_skip(&reader, RPC_HEADER_SIZE);
    struct rts_pdu pdu = {.flags = read_le16(&reader)};
    pdu.commands = read_le16(&reader);
    uint8_t types[COMMANDS_MAX] = {0};
    for (unsigned i = 0; i < pdu.commands && reader_ok(&reader); i++) {
        uint32_t type = read_le32(&reader);
        if (!read_command(&reader, type, &pdu))
            return fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0,
                "an RTS PDU has command %u, which does not exist", type);
        if (i < COMMANDS_MAX)
            types[i] = (uint8_t)type;
    }
    if (!reader_ok(&reader) || reader_left(&reader) > 0)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0,
            "an RTS PDU of %zu bytes does not hold the %d commands it says", length, pdu.commands);
    pdu.kind = classify(&pdu, types);
    *ret_pdu = pdu;
    return true;
}

/* "RPC Error: " 1*HEX [ ", EEInfo: " … ]; the code has 32 bits. */
bool rts_error_parse(const char *reason, uint32_t *ret_status)
{
    static const char prefix[] = "RPC Error: ";
    static const char digits[] = "0123456789abcdef";
    if (reason == NULL || !text_starts_nocase(reason, prefix))
        return false;
    const char *at = reason + sizeof prefix - 1;
    uint32_t status = 0;
    size_t count = 0;
    for (; count <= 8; count++) {
        char c = at[count] >= 'A' && at[count] <= 'F' ? (char)(at[count] - 'A' + 'a') : at[count];
        const char *digit = c == '\0' ? NULL : strchr(digits, c);
        if (digit == NULL)
            break;
        status = status << 4 | (uint32_t)(digit - digits);
    }
    if (count == 0 || count > 8 || (at[count] != '\0' && at[count] != ',' && at[count] != ' '))
        return false;
    *ret_status = status;
    return true;
}

/* ---- one line ---- */

static const char *describe_ack(struct arena *arena, const struct rts_pdu *pdu)
{
    static const char *const to[] = {
        " to the client", " to the IN proxy", " to the server", " to the OUT proxy"};
    const char *whom = "";
    if (pdu->addressed)
        whom = pdu->destination <= RTS_TO_OUT_PROXY ? to[pdu->destination] : " to nobody";
    return arena_printf(arena, "RTS %s%s, %u bytes received, %u free", rts_kind_str(pdu->kind),
        whom, pdu->ack.received, pdu->ack.available);
}

const char *rts_describe(struct arena *arena, const void *bytes, size_t length)
{
    struct fault fault = {0};
    struct rts_pdu pdu;
    if (!rts_read(bytes, length, &pdu, &fault))
        return arena_printf(arena, "malformed, %zu bytes: %s", length, fault.text);
    if (pdu.kind == RTS_ACK)
        return describe_ack(arena, &pdu);
    const char *text = arena_printf(arena, "RTS %s", rts_kind_str(pdu.kind));
    if (pdu.kind == RTS_OTHER)
        text = arena_printf(arena, "%s, flags 0x%x, %d commands", text, pdu.flags, pdu.commands);
    if (pdu.kind == RTS_OUT_R1_A2)
        text = arena_printf(arena, "%s, a new OUT channel is wanted", text);
    if (pdu.window > 0)
        text = arena_printf(arena, "%s, window %u bytes", text, pdu.window);
    if (pdu.timeout_ms > 0)
        text = arena_printf(arena, "%s, connection timeout %u s", text, pdu.timeout_ms / 1000);
    if (pdu.keep_alive_ms > 0)
        text = arena_printf(arena, "%s, keep-alive %u s", text, pdu.keep_alive_ms / 1000);
    return text;
}

/* ---- writing ---- */

static void write_header(struct writer *writer, size_t size, unsigned flags, unsigned commands)
{
    write_u8(writer, 5);
    write_u8(writer, 0);
    write_u8(writer, RPC_RTS);
    write_u8(writer, RPC_FIRST_FRAGMENT | RPC_LAST_FRAGMENT);
    write_le32(writer, 0x10); /* little-endian, ASCII, IEEE */
    write_le16(writer, (uint16_t)size);
    write_le16(writer, 0);
    write_le32(writer, 0);
    write_le16(writer, (uint16_t)flags);
    write_le16(writer, (uint16_t)commands);
}

static void write_number(struct writer *writer, enum command type, uint32_t value)
{
    write_le32(writer, (uint32_t)type);
    write_le32(writer, value);
}

static void write_cookie(
    struct writer *writer, enum command type, const uint8_t cookie[RTS_COOKIE_SIZE])
{
    write_le32(writer, (uint32_t)type);
    write_bytes(writer, cookie, RTS_COOKIE_SIZE);
}

void rts_write_ping(struct writer *writer)
{
    write_header(writer, RTS_HEADER_SIZE, FLAG_PING, 0);
}

void rts_write_echo(struct writer *writer)
{
    write_header(writer, RTS_ECHO_SIZE, FLAG_ECHO, 0);
}

void rts_write_keep_alive(struct writer *writer, uint32_t interval_ms)
{
    write_header(writer, RTS_HEADER_SIZE + 8, FLAG_OTHER, 1);
    write_number(writer, COMMAND_KEEP_ALIVE, interval_ms);
}

/* 2.2.4.2 */
void rts_link_write_a1(const struct rts_link *link, struct writer *writer)
{
    write_header(writer, RTS_A1_SIZE, 0, 4);
    write_number(writer, COMMAND_VERSION, 1);
    write_cookie(writer, COMMAND_COOKIE, link->cookies.connection);
    write_cookie(writer, COMMAND_COOKIE, link->cookies.out);
    write_number(writer, COMMAND_RECEIVE_WINDOW, link->window);
}

/* 2.2.4.5 */
void rts_link_write_b1(const struct rts_link *link, struct writer *writer)
{
    write_header(writer, RTS_B1_SIZE, 0, 6);
    write_number(writer, COMMAND_VERSION, 1);
    write_cookie(writer, COMMAND_COOKIE, link->cookies.connection);
    write_cookie(writer, COMMAND_COOKIE, link->cookies.in);
    write_number(writer, COMMAND_LIFETIME, RTS_LIFETIME);
    write_number(writer, COMMAND_KEEP_ALIVE, RTS_KEEP_ALIVE_MS);
    write_cookie(writer, COMMAND_GROUP, link->cookies.group);
}

/* 2.2.4.51: OUT is half duplex, so what the outbound proxy is to know goes by IN (3.2.1.5.2). */
void rts_link_write_ack(struct rts_link *link, struct writer *writer)
{
    write_header(writer, RTS_ACK_SIZE, FLAG_OTHER, 2);
    write_number(writer, COMMAND_DESTINATION, RTS_TO_OUT_PROXY);
    write_number(writer, COMMAND_ACK, link->received);
    write_le32(writer, link->available);
    write_bytes(writer, link->cookies.out, RTS_COOKIE_SIZE);
    link->advertised = link->available;
}
