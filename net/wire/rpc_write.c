#include <stdlib.h>
#include <string.h>

#include "net/wire/rpc.h"

enum {
    FRAG_LENGTH_AT = 8,
    AUTH_LENGTH_AT = 10,
    BODY_ALIGN =
        16,         /* of a trailer behind a stub, from where the stub starts. [MS-RPCE] 2.2.2.11 */
    STUB_ALIGN = 8, /* of a fragment's stub that is not the last: nothing is cut that NDR aligns */
    ROOM_LEAST = 64, /* for stub in a fragment; less is no way to send */
    FRAGMENTS_MAX = 8192
};

void rpc_uuid_write(struct writer *writer, const struct rpc_uuid *uuid)
{
    write_le32(writer, uuid->low);
    write_le16(writer, uuid->middle);
    write_le16(writer, uuid->high);
    write_bytes(writer, uuid->rest, sizeof uuid->rest);
}

static void write_syntax(struct writer *writer, const struct rpc_syntax *syntax)
{
    rpc_uuid_write(writer, &syntax->uuid);
    write_le16(writer, syntax->major);
    write_le16(writer, syntax->minor);
}

/* [C706] 12.6.3.1; the two lengths come with finish(). */
static void write_header(
    struct writer *writer, enum rpc_type type, unsigned flags, uint32_t call_id)
{
    static const uint8_t little_endian[4] = {0x10};
    write_u8(writer, 5);
    write_u8(writer, 0);
    write_u8(writer, (uint8_t)type);
    write_u8(writer, (uint8_t)flags);
    write_bytes(writer, little_endian, sizeof little_endian);
    write_le16(writer, 0);
    write_le16(writer, 0);
    write_le32(writer, call_id);
}

/* [MS-RPCE] 2.2.2.11. Without a token there is room for one, zeroed. */
static void write_trailer(struct writer *writer, const struct rpc_auth *auth, size_t pad)
{
    write_zeros(writer, pad);
    write_u8(writer, (uint8_t)auth->type);
    write_u8(writer, (uint8_t)auth->level);
    write_u8(writer, (uint8_t)pad);
    write_u8(writer, 0);
    write_le32(writer, auth->context_id);
    if (auth->token != NULL)
        write_bytes(writer, auth->token, auth->length);
    else
        write_zeros(writer, auth->length);
}

static bool finish(struct writer *writer, size_t start, size_t auth_length)
{
    if (!writer_ok(writer) || writer->length - start > UINT16_MAX)
        return false;
    write_le16_at(writer, start + FRAG_LENGTH_AT, (uint16_t)(writer->length - start));
    write_le16_at(writer, start + AUTH_LENGTH_AT, (uint16_t)auth_length);
    return writer_ok(writer);
}

static bool has_auth(const struct rpc_auth *auth)
{
    return auth != NULL && auth->type != RPC_AUTH_NONE;
}

struct rpc_bind rpc_bind_to(const struct rpc_syntax *abstract, uint16_t context_id)
{
    return (struct rpc_bind){.max_transmit = RPC_FRAGMENT_SIZE,
        .max_receive = RPC_FRAGMENT_SIZE,
        .contexts = 1,
        .context_id = context_id,
        .abstract = *abstract,
        .transfer = rpc_ndr20};
}

/* [C706] 12.6.4.3. All of it is header ([MS-RPCE] 2.2.2.1), so the trailer follows unpadded. */
bool rpc_write_bind(struct writer *writer, enum rpc_type type, uint32_t call_id,
    const struct rpc_bind *bind, const struct rpc_auth *auth)
{
    if (has_auth(auth) && auth->length == 0)
        return false;
    size_t start = writer->length;
    unsigned flags = RPC_FIRST_FRAGMENT | RPC_LAST_FRAGMENT;
    if (has_auth(auth) && auth->level >= RPC_LEVEL_INTEGRITY)
        flags |= RPC_HEADER_SIGN;
    write_header(writer, type, flags, call_id);
    write_le16(writer, bind->max_transmit);
    write_le16(writer, bind->max_receive);
    write_le32(writer, bind->group);
    write_u8(writer, 1); /* presentation contexts */
    write_zeros(writer, 3);
    write_le16(writer, bind->context_id);
    write_u8(writer, 1); /* transfer syntaxes */
    write_u8(writer, 0);
    write_syntax(writer, &bind->abstract);
    write_syntax(writer, &bind->transfer);
    if (has_auth(auth))
        write_trailer(writer, auth, 0);
    return finish(writer, start, has_auth(auth) ? auth->length : 0);
}

/* [MS-RPCE] 2.2.2.10: four bytes that mean nothing, then the trailer. */
bool rpc_write_auth3(struct writer *writer, uint32_t call_id, const struct rpc_auth *auth)
{
    if (!has_auth(auth) || auth->length == 0)
        return false;
    size_t start = writer->length;
    write_header(writer, RPC_AUTH3, RPC_FIRST_FRAGMENT | RPC_LAST_FRAGMENT, call_id);
    write_zeros(writer, 4);
    write_trailer(writer, auth, 0);
    return finish(writer, start, auth->length);
}

/* How much stub fits a fragment; 0: too little. */
static size_t stub_room(const struct rpc_request *request, bool protect)
{
    size_t taken = RPC_CALL_HEADER_SIZE;
    if (protect)
        taken += RPC_TRAILER_SIZE + request->auth.length;
    if (request->fragment_size < taken + ROOM_LEAST)
        return 0;
    size_t room = request->fragment_size - taken;
    return room - room % (protect ? BODY_ALIGN : STUB_ALIGN);
}

/* [C706] 12.6.4.9. At CONNECT the token is optional and the only context of a connection needs no
 * trailer ([MS-RPCE] 3.3.1.5.4). alloc_hint: what is still to come ([MS-RPCE] 2.2.2.6). */
bool rpc_request_next(struct rpc_request *request, struct writer *writer, bool *ret_last)
{
    bool protect = has_auth(&request->auth) && request->auth.level > RPC_LEVEL_CONNECT;
    size_t room = stub_room(request, protect);
    if (protect && request->auth.length == 0)
        return false; /* auth_length 0 says that there is no trailer */
    if (room == 0 || request->stub_length > RPC_STUB_MAX || request->sent > request->stub_length)
        return false;
    size_t left = request->stub_length - request->sent;
    size_t piece = left < room ? left : room;
    unsigned flags = request->sent == 0 ? RPC_FIRST_FRAGMENT : 0;
    if (piece == left)
        flags |= RPC_LAST_FRAGMENT;
    size_t start = writer->length;
    write_header(writer, RPC_REQUEST, flags, request->call_id);
    write_le32(writer, (uint32_t)left);
    write_le16(writer, request->context_id);
    write_le16(writer, request->opnum);
    struct reader stub = reader_of(request->stub, request->stub_length);
    read_skip(&stub, request->sent);
    write_bytes(writer, read_bytes(&stub, piece), piece);
    if (protect) {
        struct rpc_auth room_for_token = request->auth;
        room_for_token.token = NULL;
        write_trailer(writer, &room_for_token, (BODY_ALIGN - piece % BODY_ALIGN) % BODY_ALIGN);
    }
    if (!finish(writer, start, protect ? request->auth.length : 0))
        return false;
    request->sent += piece;
    *ret_last = piece == left;
    return true;
}

/* ---- one response out of its fragments ---- */

void rpc_assembly_init(struct rpc_assembly *assembly, uint32_t call_id, uint16_t context_id,
    const struct rpc_auth *auth)
{
    *assembly = (struct rpc_assembly){.call_id = call_id, .context_id = context_id};
    if (auth != NULL)
        assembly->auth = *auth;
}

void rpc_assembly_done(struct rpc_assembly *assembly)
{
    free(assembly->stub);
    *assembly = (struct rpc_assembly){0};
}

/* [MS-RPCE] 2.2.2.11: every fragment has the trailer, and the same one. A response that lost its
 * protection on the way is none. */
static bool check_auth(
    const struct rpc_assembly *assembly, const struct rpc_auth *auth, struct fault *fault)
{
    const struct rpc_auth *want = &assembly->auth;
    if (want->type == RPC_AUTH_NONE || want->level <= RPC_LEVEL_CONNECT)
        return true;
    if (auth->type == want->type && auth->level == want->level &&
        auth->context_id == want->context_id)
        return true;
    return fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0,
        "a response is protected by %s at level %s, %s at level %s was agreed",
        rpc_auth_type_str(auth->type), rpc_auth_level_str(auth->level),
        rpc_auth_type_str(want->type), rpc_auth_level_str(want->level));
}

static bool check_fragment(
    const struct rpc_assembly *assembly, const struct rpc_pdu *pdu, struct fault *fault)
{
    if (pdu->type != RPC_RESPONSE || assembly->whole)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0,
            "a %s PDU came where a response was due", rpc_type_str(pdu->type));
    if (pdu->call_id != assembly->call_id || pdu->call.context_id != assembly->context_id)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0,
            "a response for call %u in context %d came, we wait for call %u in context %d",
            pdu->call_id, pdu->call.context_id, assembly->call_id, assembly->context_id);
    bool first = (pdu->flags & RPC_FIRST_FRAGMENT) != 0;
    if (first != (assembly->fragments == 0))
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0,
            first ? "the response to call %u begins a second time"
                  : "the response to call %u comes without its beginning",
            assembly->call_id);
    bool last = (pdu->flags & RPC_LAST_FRAGMENT) != 0;
    if (!last && pdu->call.stub_length == 0)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0,
            "the response to call %u has an empty fragment that is not its last",
            assembly->call_id);
    return check_auth(assembly, &pdu->auth, fault);
}

bool rpc_assembly_add(struct rpc_assembly *assembly, const struct rpc_pdu *response,
    bool *ret_whole, struct fault *fault)
{
    if (!check_fragment(assembly, response, fault))
        return false;
    size_t more = response->call.stub_length;
    if (more > RPC_STUB_MAX - assembly->length)
        return fault_set(fault, CAUSE_TOO_LARGE, ORIGIN_RPC, 0,
            "the response to call %u is over %d MiB", assembly->call_id, RPC_STUB_MAX >> 20);
    if (assembly->fragments == FRAGMENTS_MAX)
        return fault_set(fault, CAUSE_TOO_LARGE, ORIGIN_RPC, 0,
            "the response to call %u has no end after %u fragments", assembly->call_id,
            assembly->fragments);
    if (assembly->size - assembly->length < more) {
        size_t size = assembly->size * 2 > assembly->length + more ? assembly->size * 2
                                                                   : assembly->length + more;
        assembly->stub = xrealloc(assembly->stub, size);
        assembly->size = size;
    }
    struct writer writer = writer_of(assembly->stub, assembly->size);
    writer.length = assembly->length;
    write_bytes(&writer, response->call.stub, more);
    assembly->length = writer.length;
    assembly->fragments++;
    assembly->whole = (response->flags & RPC_LAST_FRAGMENT) != 0;
    *ret_whole = assembly->whole;
    return true;
}
