/* The endpoint mapper ([C706] O, [MS-RPCE] 2.2.1.2): on which port an interface is. */
#include "rpc_server.h"
#include "rpc_tcp.h"

#include <arpa/inet.h>
#include <string.h>

enum { EPT_MAP = 3, FLOORS = 5 };
#define EPT_NOT_REGISTERED 0x16c9a0d6u

/* [C706] I: protocol identifiers of floors. */
enum floor { FLOOR_UUID = 0x0d, FLOOR_NCACN = 0x0b, FLOOR_TCP = 0x07, FLOOR_IP = 0x09 };

static enum rpc_status run(struct rpc_call *call);

const struct rpc_interface epm_interface = {
    /* e1af8308-5d1f-11c9-91a4-08002b14a0fa, version 3.0 */
    {0x08, 0x83, 0xaf, 0xe1, 0x1f, 0x5d, 0xc9, 0x11, 0x91, 0xa4, 0x08, 0x00, 0x2b, 0x14, 0xa0, 0xfa,
        3, 0, 0, 0},
    RPC_EPM,
    run,
};

/* The interface in the first floor, and whether TCP is asked for. */
static bool parse_tower(struct wire *tower, unsigned char ret_syntax[RPC_SYNTAX_SIZE])
{
    const unsigned char *left;
    const unsigned char *minor;
    unsigned count = wire_u16(tower);
    bool tcp = false;

    if (count != FLOORS || wire_u16(tower) != 1 + GUID_SIZE + 2 || wire_u8(tower) != FLOOR_UUID)
        return false;
    left = wire_bytes(tower, GUID_SIZE + 2);
    if (wire_u16(tower) != 2)
        return false;
    minor = wire_bytes(tower, 2);
    if (left == NULL || minor == NULL)
        return false;
    memcpy(ret_syntax, left, GUID_SIZE + 2);
    memcpy(ret_syntax + GUID_SIZE + 2, minor, 2);
    for (unsigned i = 1; i < count; i++) {
        unsigned left_len = wire_u16(tower);
        const unsigned char *protocol = wire_bytes(tower, left_len);

        tcp = tcp || (protocol != NULL && left_len == 1 && *protocol == FLOOR_TCP);
        wire_bytes(tower, wire_u16(tower));
    }
    return tcp && !tower->bad;
}

static void put_floor(struct buf *tower, unsigned protocol, const void *left, size_t left_len,
    const struct buf *right)
{
    buf_le16(tower, (unsigned)left_len + 1);
    buf_u8(tower, protocol);
    buf_add(tower, left, left_len);
    buf_le16(tower, (unsigned)right->len);
    buf_add(tower, right->data, right->len);
}

static void put_tower(
    struct buf *tower, const unsigned char *syntax, const struct node *node, int port)
{
    static const unsigned char ndr[GUID_SIZE + 2] = {0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11,
        0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60, 2, 0};
    struct in_addr address = {0};
    struct buf right = {0};

    buf_le16(tower, FLOORS);
    buf_add(&right, syntax + GUID_SIZE + 2, 2);
    put_floor(tower, FLOOR_UUID, syntax, GUID_SIZE + 2, &right);
    buf_clear(&right);
    buf_le16(&right, 0);
    put_floor(tower, FLOOR_UUID, ndr, sizeof ndr, &right);
    put_floor(tower, FLOOR_NCACN, "", 0, &right);
    buf_clear(&right);
    buf_u8(&right, (unsigned)port >> 8);
    buf_u8(&right, (unsigned)port);
    put_floor(tower, FLOOR_TCP, "", 0, &right);
    buf_clear(&right);
    inet_pton(AF_INET, node->address, &address);
    buf_add(&right, &address, sizeof address);
    put_floor(tower, FLOOR_IP, "", 0, &right);
    buf_done(&right);
}

static int find_port(const struct rpc_call *call, const unsigned char *syntax)
{
    static const struct rpc_interface *const interfaces[] = {
        &emsmdb_interface, &rfri_interface, &nspi_interface};

    for (size_t i = 0; i < sizeof interfaces / sizeof interfaces[0]; i++)
        if (memcmp(interfaces[i]->syntax, syntax, RPC_SYNTAX_SIZE) == 0)
            return rpc_tcp_port(call->node, interfaces[i]->which);
    return 0;
}

static void put_answer(struct rpc_call *call, const struct buf *tower, uint32_t max_towers)
{
    uint32_t count = tower->len > 0 && max_towers > 0 ? 1 : 0;

    buf_zeros(call->out, NDR_HANDLE_SIZE);
    ndr_put_u32(call->out, count);
    ndr_put_u32(call->out, max_towers);
    ndr_put_u32(call->out, 0);
    ndr_put_u32(call->out, count);
    if (count > 0) {
        ndr_put_pointer(call->out, true);
        ndr_put_u32(call->out, (uint32_t)tower->len);
        ndr_put_u32(call->out, (uint32_t)tower->len);
        buf_add(call->out, tower->data, tower->len);
    }
    ndr_put_u32(call->out, count > 0 ? 0 : EPT_NOT_REGISTERED);
}

static enum rpc_status map(struct rpc_call *call)
{
    unsigned char syntax[RPC_SYNTAX_SIZE];
    const unsigned char *bytes = NULL;
    struct wire tower;
    struct buf answer = {0};
    size_t len = 0;
    uint32_t max_towers;
    int port = 0;

    if (ndr_pointer(&call->in)) /* object */
        wire_bytes(&call->in, GUID_SIZE);
    if (ndr_pointer(&call->in)) {
        uint32_t size = ndr_u32(&call->in);

        len = ndr_u32(&call->in);
        bytes = size == len ? wire_bytes(&call->in, len) : NULL;
    }
    ndr_handle(&call->in);
    max_towers = ndr_u32(&call->in);
    if (call->in.bad || bytes == NULL)
        return RPC_BAD_STUB_DATA;
    tower = wire_of(bytes, len);
    if (parse_tower(&tower, syntax))
        port = find_port(call, syntax);
    if (port > 0)
        put_tower(&answer, syntax, call->node, port);
    put_answer(call, &answer, max_towers);
    buf_done(&answer);
    return RPC_OK;
}

static enum rpc_status run(struct rpc_call *call)
{
    return call->opnum == EPT_MAP ? map(call) : RPC_OP_RANGE_ERROR;
}
