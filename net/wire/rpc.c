#include "net/wire/rpc.h"

#include <string.h>

/* [MS-OXCRPC] 1.9: a4f1db00-ca47-1067-b31f-00dd010662da, 0.81 */
const struct rpc_syntax rpc_emsmdb = {
    {0xa4f1db00, 0xca47, 0x1067, {0xb3, 0x1f, 0x00, 0xdd, 0x01, 0x06, 0x62, 0xda}}, 0, 81};
/* [MS-OXCRPC] 1.9: 5261574a-4572-206e-b268-6b199213b4e4, 0.1 */
const struct rpc_syntax rpc_async_emsmdb = {
    {0x5261574a, 0x4572, 0x206e, {0xb2, 0x68, 0x6b, 0x19, 0x92, 0x13, 0xb4, 0xe4}}, 0, 1};
/* [MS-OXNSPI] 1.9: f5cc5a18-4264-101a-8c59-08002b2f8426, 56.0 */
const struct rpc_syntax rpc_nspi = {
    {0xf5cc5a18, 0x4264, 0x101a, {0x8c, 0x59, 0x08, 0x00, 0x2b, 0x2f, 0x84, 0x26}}, 56, 0};
/* [MS-OXABREF] 1.9: 1544f5e0-613c-11d1-93df-00c04fd7bd09, 1.0 */
const struct rpc_syntax rpc_rfri = {
    {0x1544f5e0, 0x613c, 0x11d1, {0x93, 0xdf, 0x00, 0xc0, 0x4f, 0xd7, 0xbd, 0x09}}, 1, 0};
/* [C706] appendix O: e1af8308-5d1f-11c9-91a4-08002b14a0fa, 3.0 */
const struct rpc_syntax rpc_epm = {
    {0xe1af8308, 0x5d1f, 0x11c9, {0x91, 0xa4, 0x08, 0x00, 0x2b, 0x14, 0xa0, 0xfa}}, 3, 0};
/* [C706] appendix I: 8a885d04-1ceb-11c9-9fe8-08002b104860, 2.0 */
const struct rpc_syntax rpc_ndr20 = {
    {0x8a885d04, 0x1ceb, 0x11c9, {0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60}}, 2, 0};

enum {
    VERSION_MAJOR = 5,
    DREP_LITTLE_ASCII = 0x10,
    TYPE_MAX = 20,
    OBJECT_SIZE = 16,
    REASON_LOCAL_LIMIT = 3
};

/* The least size of each type, headers of its own included ([C706] 12.6.4); 0: not a type of the
 * connection-oriented protocol. A fault without its last reserved field is taken. */
static const uint8_t least_sizes[TYPE_MAX + 1] = {
    [RPC_REQUEST] = 24,
    [RPC_RESPONSE] = 24,
    [RPC_FAULT] = 28,
    [RPC_BIND] = 28,
    [RPC_BIND_ACK] = 26,
    [RPC_BIND_NAK] = 18,
    [RPC_ALTER_CONTEXT] = 28,
    [RPC_ALTER_CONTEXT_RESP] = 26,
    [RPC_AUTH3] = 20,
    [RPC_SHUTDOWN] = 16,
    [RPC_CANCEL] = 16,
    [RPC_ORPHANED] = 16,
    [RPC_RTS] = 20,
};

struct header {
    uint8_t major, minor, type, flags;
    uint8_t drep[4];
    uint16_t frag_length, auth_length;
    uint32_t call_id;
};

static bool malformed(struct fault *fault, const char *words)
{
    return fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0, "%s", words);
}

bool rpc_uuid_equal(const struct rpc_uuid *a, const struct rpc_uuid *b)
{
    return a->low == b->low && a->middle == b->middle && a->high == b->high &&
           memcmp(a->rest, b->rest, sizeof a->rest) == 0;
}

bool rpc_syntax_equal(const struct rpc_syntax *a, const struct rpc_syntax *b)
{
    return rpc_uuid_equal(&a->uuid, &b->uuid) && a->major == b->major && a->minor == b->minor;
}

struct rpc_uuid rpc_uuid_read(struct reader *reader)
{
    struct rpc_uuid uuid = {.low = read_le32(reader)};
    uuid.middle = read_le16(reader);
    uuid.high = read_le16(reader);
    const uint8_t *rest = read_bytes(reader, sizeof uuid.rest);
    if (rest != NULL)
        memcpy(uuid.rest, rest, sizeof uuid.rest);
    return uuid;
}

static struct rpc_syntax read_syntax(struct reader *reader)
{
    struct rpc_syntax syntax = {.uuid = rpc_uuid_read(reader)};
    syntax.major = read_le16(reader);
    syntax.minor = read_le16(reader);
    return syntax;
}

/* ---- framing ---- */

static struct header read_header(struct reader *reader)
{
    struct header header = {.major = read_u8(reader)};
    header.minor = read_u8(reader);
    header.type = read_u8(reader);
    header.flags = read_u8(reader);
    for (size_t i = 0; i < sizeof header.drep; i++)
        header.drep[i] = read_u8(reader);
    header.frag_length = read_le16(reader);
    header.auth_length = read_le16(reader);
    header.call_id = read_le32(reader);
    return header;
}

/* [C706] 12.6.3.1 and 14.1, [MS-RPCE] 1.7 (5.0), 2.2.2.11 (the trailer and its token fit). */
static bool check_header(const struct header *header, struct fault *fault)
{
    if (header->minor != 0)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0,
            "RPC version %d.%d in the header, 5.0 is spoken", header->major, header->minor);
    size_t least = header->type > TYPE_MAX ? 0 : least_sizes[header->type];
    if (least == 0)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0,
            "PDU type %d is none of connection-oriented RPC", header->type);
    if (header->drep[0] != DREP_LITTLE_ASCII || header->drep[1] != 0)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0,
            "data representation %02x %02x in the header, only little-endian ASCII is spoken",
            header->drep[0], header->drep[1]);
    if (header->auth_length > 0)
        least += RPC_TRAILER_SIZE + (size_t)header->auth_length;
    if (header->frag_length < least)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0,
            "a %s PDU says it is %d bytes long and must have %zu",
            rpc_type_str((enum rpc_type)header->type), header->frag_length, least);
    return true;
}

enum rpc_frame rpc_frame(const void *bytes, size_t length, size_t *ret_size, struct fault *fault)
{
    *ret_size = 0;
    if (length == 0)
        return RPC_FRAME_MORE;
    struct reader reader = reader_of(bytes, length);
    uint8_t first = read_u8(&reader);
    if (first != VERSION_MAJOR) {
        /* A proxy's page, or the legacy server response "ncacn_http/1.0". */
        fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0,
            "what came is no RPC: it begins with byte %02x%s, an RPC PDU with 05", first,
            first == '<' ? " (a page of HTML?)" : "");
        return RPC_FRAME_MALFORMED;
    }
    if (length < RPC_HEADER_SIZE)
        return RPC_FRAME_MORE;
    reader = reader_of(bytes, length);
    struct header header = read_header(&reader);
    if (!check_header(&header, fault))
        return RPC_FRAME_MALFORMED;
    *ret_size = header.frag_length;
    return length < header.frag_length ? RPC_FRAME_MORE : RPC_FRAME_WHOLE;
}

/* ---- bodies; each reads behind the common header ---- */

static bool read_bind(struct reader *reader, struct rpc_bind *ret_bind)
{
    struct rpc_bind bind = {.max_transmit = read_le16(reader)};
    bind.max_receive = read_le16(reader);
    bind.group = read_le32(reader);
    bind.contexts = read_u8(reader);
    read_skip(reader, 3);
    for (unsigned i = 0; i < bind.contexts && reader_ok(reader); i++) {
        uint16_t id = read_le16(reader);
        unsigned transfers = read_u8(reader);
        read_skip(reader, 1);
        struct rpc_syntax abstract = read_syntax(reader);
        for (unsigned j = 0; j < transfers && reader_ok(reader); j++) {
            struct rpc_syntax transfer = read_syntax(reader);
            if (i == 0 && j == 0)
                bind.transfer = transfer;
        }
        if (i == 0) {
            bind.context_id = id;
            bind.abstract = abstract;
        }
    }
    *ret_bind = bind;
    return reader_ok(reader);
}

/* port_any_t, [C706] 12.6.3.1: its length counts the NUL. Only shown, so made printable. */
static void read_address(struct reader *reader, char ret_address[RPC_ADDRESS_SIZE])
{
    size_t length = read_le16(reader);
    const uint8_t *bytes = read_bytes(reader, length);
    size_t used = 0;
    for (size_t i = 0; bytes != NULL && i < length && used + 1 < RPC_ADDRESS_SIZE; i++) {
        if (bytes[i] == 0)
            break;
        ret_address[used++] = bytes[i] >= 0x20 && bytes[i] < 0x7f ? (char)bytes[i] : '?';
    }
    ret_address[used] = '\0';
}

static bool read_bind_ack(struct reader *reader, struct rpc_bind_ack *ret_ack)
{
    struct rpc_bind_ack ack = {.max_transmit = read_le16(reader)};
    ack.max_receive = read_le16(reader);
    ack.group = read_le32(reader);
    read_address(reader, ack.address);
    read_align(reader, 4);
    ack.count = read_u8(reader);
    read_skip(reader, 3);
    for (unsigned i = 0; i < ack.count && reader_ok(reader); i++) {
        struct rpc_context_result result = {.result = read_le16(reader)};
        result.reason = read_le16(reader);
        result.transfer = read_syntax(reader);
        if (i < RPC_RESULTS_MAX)
            ack.results[i] = result;
    }
    *ret_ack = ack;
    return reader_ok(reader);
}

/* [MS-RPCE] 2.2.2.9. The list may be missing; what stands behind it is extended error
 * information, which a client may ignore. */
static bool read_bind_nak(struct reader *reader, struct rpc_bind_nak *ret_nak)
{
    struct rpc_bind_nak nak = {.reason = read_le16(reader)};
    nak.count = reader_left(reader) > 0 ? read_u8(reader) : 0;
    for (unsigned i = 0; i < nak.count && reader_ok(reader); i++) {
        struct rpc_version version = {.major = read_u8(reader)};
        version.minor = read_u8(reader);
        if (i < RPC_VERSIONS_MAX)
            nak.versions[i] = version;
    }
    *ret_nak = nak;
    return reader_ok(reader);
}

/* request, response, fault: [C706] 12.6.4.9, .10, .7. The stub is what is left. */
static bool read_call(struct reader *reader, const struct rpc_pdu *pdu, struct rpc_call *ret_call)
{
    struct rpc_call call = {.alloc_hint = read_le32(reader)};
    call.context_id = read_le16(reader);
    uint16_t last = read_le16(reader);
    if (pdu->type == RPC_REQUEST) {
        call.opnum = last;
        if ((pdu->flags & RPC_OBJECT_UUID) != 0)
            read_skip(reader, OBJECT_SIZE);
    }
    if (pdu->type == RPC_FAULT) {
        call.extended = (last & 0x0100) != 0; /* the lowest bit of the reserved second byte */
        call.status = read_le32(reader);
        if (reader_left(reader) > 0)
            read_skip(reader, 4);
    }
    call.stub_length = reader_left(reader);
    call.stub = read_bytes(reader, call.stub_length);
    *ret_call = call;
    return reader_ok(reader);
}

/* [MS-RPCE] 2.2.2.11: the trailer is found from the end. *ret_end: where the body ends. */
static bool read_auth(
    const struct reader *all, size_t auth_length, struct rpc_auth *ret_auth, size_t *ret_end)
{
    size_t at = all->length - auth_length - RPC_TRAILER_SIZE;
    struct reader reader = reader_part(all, at, RPC_TRAILER_SIZE + auth_length);
    struct rpc_auth auth = {.type = (enum rpc_auth_type)read_u8(&reader)};
    auth.level = (enum rpc_auth_level)read_u8(&reader);
    auth.pad = read_u8(&reader);
    read_skip(&reader, 1);
    auth.context_id = read_le32(&reader);
    auth.length = auth_length;
    auth.token = read_bytes(&reader, auth_length);
    *ret_auth = auth;
    if (!reader_ok(&reader) || auth.pad > at - RPC_HEADER_SIZE)
        return false;
    *ret_end = at - auth.pad;
    return true;
}

static bool read_body(struct reader *reader, struct rpc_pdu *pdu)
{
    switch (pdu->type) {
    case RPC_BIND:
    case RPC_ALTER_CONTEXT:
        return read_bind(reader, &pdu->bind);
    case RPC_BIND_ACK:
    case RPC_ALTER_CONTEXT_RESP:
        return read_bind_ack(reader, &pdu->bind_ack);
    case RPC_BIND_NAK:
        return read_bind_nak(reader, &pdu->bind_nak);
    case RPC_REQUEST:
    case RPC_RESPONSE:
    case RPC_FAULT:
        return read_call(reader, pdu, &pdu->call);
    case RPC_AUTH3:
    case RPC_SHUTDOWN:
    case RPC_CANCEL:
    case RPC_ORPHANED:
    case RPC_RTS:
        break;
    }
    return true;
}

bool rpc_read(const void *bytes, size_t length, struct rpc_pdu *ret_pdu, struct fault *fault)
{
    size_t size = 0;
    enum rpc_frame frame = rpc_frame(bytes, length, &size, fault);
    if (frame == RPC_FRAME_MALFORMED)
        return false;
    if (frame == RPC_FRAME_MORE || size != length)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0,
            "an RPC PDU of %zu bytes is not %zu bytes long", length, size);
    struct reader all = reader_of(bytes, length);
    struct header header = read_header(&all);
    struct rpc_pdu pdu = {.type = (enum rpc_type)header.type,
        .flags = header.flags,
        .size = header.frag_length,
        .call_id = header.call_id};
    size_t end = length;
    if (header.auth_length > 0 && !read_auth(&all, header.auth_length, &pdu.auth, &end))
        return malformed(
            fault, "the padding before the RPC security trailer is longer than the PDU");
    /* Alignment counts from the start of the PDU, and the trailer is no part of the body. */
    struct reader body = reader_part(&all, 0, end);
    read_skip(&body, RPC_HEADER_SIZE);
    if (!read_body(&body, &pdu))
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0,
            "a %s PDU of %zu bytes ends before its fields do", rpc_type_str(pdu.type), length);
    *ret_pdu = pdu;
    return true;
}

/* ---- what a client makes of it ---- */

uint16_t rpc_fragment_size(const struct rpc_bind_ack *ack)
{
    if (ack->max_receive < RPC_FRAGMENT_LEAST)
        return RPC_FRAGMENT_LEAST; /* less may not be said */
    return ack->max_receive < RPC_FRAGMENT_SIZE ? ack->max_receive : RPC_FRAGMENT_SIZE;
}

bool rpc_bind_accepted(const struct rpc_bind_ack *ack, struct fault *fault)
{
    if (ack->count != 1)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0,
            "the server answered %u presentation contexts, 1 was proposed", ack->count);
    const struct rpc_context_result *result = &ack->results[0];
    if (result->result == RPC_RESULT_PROVIDER_REJECTION)
        return fault_set(fault,
            result->reason == REASON_LOCAL_LIMIT ? CAUSE_SERVER_BUSY : CAUSE_NOT_EXCHANGE,
            ORIGIN_RPC, result->reason, "the server refused the interface: %s",
            rpc_reject_words(result->reason));
    if (result->result == RPC_RESULT_USER_REJECTION)
        return fault_set(fault, CAUSE_ACCESS_DENIED, ORIGIN_RPC, result->reason,
            "the server's application refused the interface (reason %d)", result->reason);
    if (result->result != RPC_RESULT_ACCEPTED)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0,
            "the server answered our presentation context with result %d", result->result);
    if (!rpc_syntax_equal(&result->transfer, &rpc_ndr20))
        return malformed(fault, "the server accepted a transfer syntax that we did not propose");
    return true;
}

bool rpc_protection(const void *bytes, size_t length, bool header_signed,
    struct rpc_protection *ret_protection, struct fault *fault)
{
    struct rpc_pdu pdu;
    if (!rpc_read(bytes, length, &pdu, fault))
        return false;
    if ((pdu.type != RPC_REQUEST && pdu.type != RPC_RESPONSE) || pdu.auth.type == RPC_AUTH_NONE)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0, "a %s PDU carries no signature",
            rpc_type_str(pdu.type));
    size_t token_at = length - pdu.auth.length;
    struct rpc_range body = {.length = pdu.call.stub_length + pdu.auth.pad};
    body.at = token_at - RPC_TRAILER_SIZE - body.length;
    struct rpc_range whole = {.at = 0, .length = token_at};
    struct rpc_protection protection = {.token = {.at = token_at, .length = pdu.auth.length}};
    if (pdu.auth.level == RPC_LEVEL_INTEGRITY || pdu.auth.level == RPC_LEVEL_PRIVACY)
        protection.covered = header_signed ? whole : body;
    if (pdu.auth.level == RPC_LEVEL_PRIVACY)
        protection.sealed = body;
    *ret_protection = protection;
    return true;
}
