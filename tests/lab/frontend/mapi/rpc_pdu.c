#include "rpc_pdu.h"

bool rpc_parse_header(const void *bytes, size_t len, struct rpc_header *ret_header)
{
    struct wire wire = wire_of(bytes, len);
    unsigned major = wire_u8(&wire);
    unsigned minor = wire_u8(&wire);
    struct rpc_header header = {.type = (enum rpc_type)wire_u8(&wire), .flags = wire_u8(&wire)};
    uint32_t representation = wire_u32(&wire);

    header.length = wire_u16(&wire);
    header.auth_length = wire_u16(&wire);
    header.call_id = wire_u32(&wire);
    if (wire.bad || major != 5 || minor > 1 || (representation & 0xff) != 0x10)
        return false;
    if (header.length < RPC_HEADER_SIZE ||
        (header.auth_length > 0 &&
            header.auth_length + RPC_TRAILER_SIZE > header.length - RPC_HEADER_SIZE))
        return false;
    *ret_header = header;
    return true;
}

bool rpc_parse_trailer(
    const void *pdu, const struct rpc_header *header, struct rpc_trailer *ret_trailer)
{
    struct wire wire = wire_of(pdu, header->length);

    *ret_trailer = (struct rpc_trailer){.at = header->length};
    if (header->auth_length == 0)
        return true;
    ret_trailer->at = header->length - header->auth_length - RPC_TRAILER_SIZE;
    wire_bytes(&wire, ret_trailer->at);
    ret_trailer->type = wire_u8(&wire);
    ret_trailer->level = wire_u8(&wire);
    ret_trailer->pad = wire_u8(&wire);
    wire_u8(&wire);
    ret_trailer->context = wire_u32(&wire);
    ret_trailer->token_len = header->auth_length;
    ret_trailer->token = wire_bytes(&wire, header->auth_length);
    return !wire.bad && ret_trailer->pad <= ret_trailer->at - RPC_HEADER_SIZE;
}

void rpc_begin_pdu(struct buf *pdu, enum rpc_type type, unsigned flags, uint32_t call_id)
{
    buf_u8(pdu, 5);
    buf_u8(pdu, 0);
    buf_u8(pdu, type);
    buf_u8(pdu, flags);
    buf_le32(pdu, 0x10); /* little-endian, ASCII, IEEE */
    buf_le32(pdu, 0);    /* the lengths */
    buf_le32(pdu, call_id);
}

void rpc_end_pdu(struct buf *pdu, size_t auth_length)
{
    buf_patch16(pdu, 8, (unsigned)pdu->len);
    buf_patch16(pdu, 10, (unsigned)auth_length);
}

static bool fill(struct http_conn *conn, size_t need, uint64_t left, int64_t deadline)
{
    char block[16384];

    if (need > left)
        return false;
    while (conn->in.len < need) {
        long count = stream_read(&conn->stream, block, sizeof block, deadline);

        if (count <= 0)
            return false;
        buf_add(&conn->in, block, (size_t)count);
    }
    return true;
}

bool rpc_read_pdu(struct http_conn *conn, uint64_t *left, struct buf *ret_pdu, int64_t deadline)
{
    struct rpc_header header;

    buf_clear(ret_pdu);
    if (!fill(conn, RPC_HEADER_SIZE, *left, deadline) ||
        !rpc_parse_header(conn->in.data, RPC_HEADER_SIZE, &header) ||
        !fill(conn, header.length, *left, deadline))
        return false;
    buf_add(ret_pdu, conn->in.data, header.length);
    buf_drop(&conn->in, header.length);
    *left -= header.length;
    return true;
}
