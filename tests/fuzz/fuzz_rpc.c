#include "net/wire/rpc.h"
#include "tests/fuzz/fuzz.h"

static void check_pdu(const uint8_t *bytes, size_t length, const struct rpc_pdu *pdu)
{
    struct rpc_protection p;
    struct fault fault = {0};
    if (pdu->type == RPC_REQUEST || pdu->type == RPC_RESPONSE || pdu->type == RPC_FAULT) {
        PROMISE(pdu->call.stub >= bytes && pdu->call.stub_length <= length);
        PROMISE((size_t)(pdu->call.stub - bytes) <= length - pdu->call.stub_length);
    }
    if (pdu->type == RPC_BIND_ACK || pdu->type == RPC_ALTER_CONTEXT_RESP) {
        PROMISE(touch(pdu->bind_ack.address) < RPC_ADDRESS_SIZE);
        PROMISE(rpc_fragment_size(&pdu->bind_ack) >= RPC_FRAGMENT_LEAST);
        if (!rpc_bind_accepted(&pdu->bind_ack, &fault))
            PROMISE(fault.cause != CAUSE_NONE && touch(fault.text) > 0);
    }
    if (!rpc_protection(bytes, length, length % 2 == 0, &p, &fault))
        return;
    PROMISE(p.token.at + p.token.length == length);
    PROMISE(p.covered.at + p.covered.length <= p.token.at);
    PROMISE(p.sealed.length == 0 ||
            (p.sealed.at >= RPC_CALL_HEADER_SIZE &&
                p.sealed.at + p.sealed.length + RPC_TRAILER_SIZE == p.token.at));
}

/* The input is a stream of PDUs; its responses are one call's. */
static void read_stream(const uint8_t *data, size_t size)
{
    struct rpc_assembly assembly;
    bool begun = false, whole = false;
    size_t length = 0;
    struct fault fault = {0};
    while (rpc_frame(data, size, &length, &fault) == RPC_FRAME_WHOLE) {
        struct arena arena = {0};
        struct rpc_pdu pdu;
        PROMISE(length >= RPC_HEADER_SIZE && length <= size);
        PROMISE(touch(rpc_describe(&arena, data, length)) > 0);
        arena_done(&arena);
        if (rpc_read(data, length, &pdu, &fault)) {
            check_pdu(data, length, &pdu);
            if (!begun)
                rpc_assembly_init(&assembly, pdu.call_id, 0, size % 2 == 0 ? NULL : &pdu.auth);
            begun = true;
            if (rpc_assembly_add(&assembly, &pdu, &whole, &fault))
                PROMISE(assembly.length <= RPC_STUB_MAX && assembly.length <= assembly.size);
        }
        data += length;
        size -= length;
    }
    if (begun)
        rpc_assembly_done(&assembly);
}

/* … and a stub, with the first bytes as parameters: what is cut is joined again. */
static void cut_and_join(const uint8_t *data, size_t size)
{
    if (size < 4)
        return;
    struct rpc_request request = {.call_id = 1,
        .fragment_size = (uint16_t)(data[0] << 8 | data[1]),
        .auth = {.type = (enum rpc_auth_type)(data[2] & 0x1f),
            .level = (enum rpc_auth_level)(data[2] >> 5),
            .length = data[3]},
        .stub = data + 4,
        .stub_length = size - 4};
    uint8_t *bytes = xcalloc(1, UINT16_MAX);
    size_t at = 0;
    bool last = false;
    while (!last) {
        struct writer writer = writer_of(bytes, UINT16_MAX);
        struct rpc_pdu pdu;
        if (!rpc_request_next(&request, &writer, &last))
            break;
        PROMISE(writer.length <= request.fragment_size);
        PROMISE(rpc_read(bytes, writer.length, &pdu, NULL));
        PROMISE(pdu.call.stub_length <= request.stub_length - at);
        PROMISE(memcmp(pdu.call.stub, request.stub + at, pdu.call.stub_length) == 0);
        at += pdu.call.stub_length;
        PROMISE(at == request.sent && last == (at == request.stub_length));
    }
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_stream(data, size);
    cut_and_join(data, size);
    return 0;
}
