#include "net/wire/epm.h"

#include <string.h>

#include "net/wire/ndr.h"

/* [C706] appendix I */
enum protocol {
    PROTOCOL_TCP = 0x07,
    PROTOCOL_IP = 0x09,
    PROTOCOL_CONNECTIONS = 0x0b, /* connection-oriented RPC */
    PROTOCOL_UUID = 0x0d
};

enum { FLOORS = 5, UUID_FLOOR_LEFT = 19 };

struct floor {
    struct reader left, right;
};

/* ---- writing ---- */

/* Floors 1 and 2: UUID and major version left, minor version right. */
static void write_syntax_floor(struct writer *writer, const struct rpc_syntax *syntax)
{
    write_le16(writer, UUID_FLOOR_LEFT);
    write_u8(writer, PROTOCOL_UUID);
    rpc_uuid_write(writer, &syntax->uuid);
    write_le16(writer, syntax->major);
    write_le16(writer, 2);
    write_le16(writer, syntax->minor);
}

/* A floor with nothing but its identifier left, and so many zero bytes right. */
static void write_open_floor(struct writer *writer, enum protocol protocol, uint16_t right)
{
    write_le16(writer, 1);
    write_u8(writer, (uint8_t)protocol);
    write_le16(writer, right);
    write_zeros(writer, right);
}

bool epm_write_map(struct writer *writer, const struct rpc_syntax *abstract)
{
    uint8_t bytes[EPM_STUB_SIZE];
    struct writer tower = writer_of(bytes, sizeof bytes);
    write_le16(&tower, FLOORS);
    write_syntax_floor(&tower, abstract);
    write_syntax_floor(&tower, &rpc_ndr20);
    write_open_floor(&tower, PROTOCOL_CONNECTIONS, 2);
    write_open_floor(&tower, PROTOCOL_TCP, 2);
    write_open_floor(&tower, PROTOCOL_IP, 4);
    struct writer stub = writer_of(writer->bytes, writer->size);
    uint32_t referent = 0;
    ndr_put_pointer(&stub, &referent, false); /* obj: any object */
    ndr_put_pointer(&stub, &referent, true);  /* map_tower */
    ndr_put_u32(&stub, (uint32_t)tower.length);
    ndr_put_bytes(&stub, bytes, tower.length); /* tower_length, then the octets */
    write_align(&stub, 4);
    write_zeros(&stub, NDR_CONTEXT_HANDLE_SIZE); /* entry_handle: a first call */
    ndr_put_u32(&stub, EPM_TOWERS_MAX);
    if (!writer_ok(&tower) || !writer_ok(&stub) || writer->length != 0)
        return false;
    *writer = stub;
    return true;
}

/* ---- reading ---- */

/* [C706] appendix L: two counted halves, little-endian. */
static struct floor read_floor(struct reader *tower)
{
    struct floor floor;
    size_t length = read_le16(tower);
    floor.left = reader_part(tower, tower->at, length);
    read_skip(tower, length);
    length = read_le16(tower);
    floor.right = reader_part(tower, tower->at, length);
    read_skip(tower, length);
    return floor;
}

static bool syntax_of(struct floor *floor, struct rpc_syntax *ret_syntax)
{
    if (read_u8(&floor->left) != PROTOCOL_UUID)
        return false;
    ret_syntax->uuid = rpc_uuid_read(&floor->left);
    ret_syntax->major = read_le16(&floor->left);
    ret_syntax->minor = read_le16(&floor->right);
    return reader_ok(&floor->left) && reader_ok(&floor->right);
}

/* ncacn_ip_tcp: port and address are big-endian. A newer minor version serves an older one. */
static bool endpoint_of(struct floor floors[FLOORS], const struct rpc_syntax *abstract,
    struct epm_endpoint *ret_endpoint)
{
    struct rpc_syntax syntax, transfer;
    if (!syntax_of(&floors[0], &syntax) || !syntax_of(&floors[1], &transfer))
        return false;
    if (!rpc_uuid_equal(&syntax.uuid, &abstract->uuid) || syntax.major != abstract->major ||
        syntax.minor < abstract->minor || !rpc_uuid_equal(&transfer.uuid, &rpc_ndr20.uuid))
        return false;
    if (read_u8(&floors[2].left) != PROTOCOL_CONNECTIONS ||
        read_u8(&floors[3].left) != PROTOCOL_TCP || read_u8(&floors[4].left) != PROTOCOL_IP)
        return false;
    struct epm_endpoint endpoint = {.port = read_be16(&floors[3].right)};
    const uint8_t *address = read_bytes(&floors[4].right, sizeof endpoint.address);
    if (address != NULL)
        memcpy(endpoint.address, address, sizeof endpoint.address);
    *ret_endpoint = endpoint;
    return reader_ok(&floors[3].right) && address != NULL && endpoint.port != 0;
}

/* One twr_t; true: well formed, whether it is of use or not. */
static bool read_tower(
    struct reader *stub, const struct rpc_syntax *abstract, struct epm_answer *answer)
{
    uint32_t room = ndr_conformance(stub, EPM_TOWER_MAX, 1);
    uint32_t length = ndr_u32(stub);
    if (length != room)
        stub->failed = true;
    struct reader tower = reader_of(read_bytes(stub, length), length);
    unsigned count = read_le16(&tower);
    if (!reader_ok(stub) || count > EPM_FLOORS_MAX)
        return false;
    struct floor floors[EPM_FLOORS_MAX] = {0};
    for (unsigned i = 0; i < count; i++)
        floors[i] = read_floor(&tower);
    if (!reader_ok(&tower))
        return false;
    if (count == FLOORS && answer->count < EPM_TOWERS_MAX &&
        endpoint_of(floors, abstract, &answer->endpoints[answer->count]))
        answer->count++;
    return true;
}

/* A full pointer ([ptr]) that was there before is an alias and has no data of its own. */
static bool is_alias(const uint32_t *referents, unsigned index)
{
    for (unsigned i = 0; i < index; i++) {
        if (referents[i] == referents[index])
            return true;
    }
    return false;
}

bool epm_read_map(const void *stub, size_t length, const struct rpc_syntax *abstract,
    struct epm_answer *ret_answer, struct fault *fault)
{
    struct epm_answer answer = {0};
    uint32_t referents[EPM_TOWERS_MAX] = {0};
    struct reader reader = reader_of(stub, length);
    ndr_context_handle(&reader);
    answer.towers = ndr_u32(&reader);
    uint32_t count = ndr_variance(&reader, EPM_TOWERS_MAX, 4);
    if (count != answer.towers)
        reader.failed = true;
    for (uint32_t i = 0; i < count && reader_ok(&reader); i++)
        referents[i] = ndr_u32(&reader);
    for (uint32_t i = 0; i < count && reader_ok(&reader); i++) {
        if (referents[i] == 0 || is_alias(referents, i))
            continue;
        if (!read_tower(&reader, abstract, &answer))
            reader.failed = true;
    }
    answer.status = ndr_u32(&reader);
    if (!reader_ok(&reader))
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0,
            "the endpoint mapper's answer of %zu bytes is not well formed", length);
    *ret_answer = answer;
    return true;
}
