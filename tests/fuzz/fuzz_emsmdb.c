#include "net/wire/emsmdb.h"
#include "tests/fuzz/fuzz.h"

static size_t sum(const uint8_t *bytes, size_t length)
{
    size_t total = 0;
    for (size_t i = 0; i < length; i++)
        total += bytes[i];
    return total;
}

static void check_buffers(const uint8_t *bytes, size_t length)
{
    struct arena arena = {0};
    struct ext_buffers buffers;
    struct fault fault = {0};
    size_t total = 0;
    if (!ext_buffers_read(bytes, length, &arena, &buffers, &fault)) {
        PROMISE(fault.cause == CAUSE_MALFORMED || fault.cause == CAUSE_TOO_LARGE);
        arena_done(&arena);
        return;
    }
    PROMISE(buffers.count <= EXT_COUNT_MAX);
    for (size_t i = 0; i < buffers.count; i++) {
        total += buffers.payloads[i].length;
        sum(buffers.payloads[i].bytes, buffers.payloads[i].length);
        PROMISE((i + 1 == buffers.count) == ((buffers.payloads[i].flags & EXT_LAST) != 0));
    }
    PROMISE(total <= EXT_TOTAL_MAX);
    arena_done(&arena);
}

static void check_connect(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct emsmdb_session session;
    struct fault fault = {0};
    if (emsmdb_connect_read(data, size, &arena, &session, &fault)) {
        PROMISE(touch(session.dn_prefix) <= EMSMDB_DN_MAX);
        PROMISE(touch(session.display_name) <= EMSMDB_DN_MAX);
        PROMISE(session.aux_length <= EMSMDB_AUX_MAX);
        PROMISE(session.result != 0 || !emsmdb_handle_is_null(&session.handle));
        check_buffers(session.aux, session.aux_length);
    }
    arena_done(&arena);
}

static void check_rpc(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct emsmdb_rpc rpc;
    struct fault fault = {0};
    if (emsmdb_rpc_read(data, size, &arena, &rpc, &fault)) {
        PROMISE(rpc.rop_length <= EMSMDB_ROP_MAX && rpc.aux_length <= EMSMDB_AUX_MAX);
        check_buffers(rpc.rop, rpc.rop_length);
        check_buffers(rpc.aux, rpc.aux_length);
    }
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct emsmdb_handle handle;
    uint32_t result = 0;
    struct fault fault = {0};
    if (size == 0)
        return 0;
    switch (data[0] % 4) {
    case 0:
        check_connect(data + 1, size - 1);
        break;
    case 1:
        check_rpc(data + 1, size - 1);
        break;
    case 2:
        emsmdb_disconnect_read(data + 1, size - 1, &handle, &result, &fault);
        emsmdb_dummy_read(data + 1, size - 1, &result, &fault);
        break;
    default:
        check_buffers(data + 1, size - 1);
        break;
    }
    return 0;
}
