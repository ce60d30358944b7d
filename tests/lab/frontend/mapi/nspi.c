/* The NSPI interface over RPC ([MS-OXNSPI] 3.1.4, 6). */
#include "address_book.h"
#include "rpc_server.h"

#include <stdlib.h>

enum opnum {
    NSPI_BIND = 0,
    NSPI_UNBIND = 1,
    NSPI_UPDATE_STAT = 2,
    NSPI_QUERY_ROWS = 3,
    NSPI_DN_TO_MID = 7,
    NSPI_GET_PROPS = 9,
    NSPI_GET_SPECIAL_TABLE = 12,
    NSPI_QUERY_COLUMNS = 16,
    NSPI_RESOLVE_NAMES = 19,
    NSPI_RESOLVE_NAMES_W = 20
};

static enum rpc_status run(struct rpc_call *call);

const struct rpc_interface nspi_interface = {
    /* f5cc5a18-4264-101a-8c59-08002b2f8426, version 56.0 */
    {0x18, 0x5a, 0xcc, 0xf5, 0x64, 0x42, 0x1a, 0x10, 0x8c, 0x59, 0x08, 0x00, 0x2b, 0x2f, 0x84, 0x26,
        56, 0, 0, 0},
    RPC_NSPI,
    run,
};

static void read_stat(struct wire *wire, struct stat_block *ret_stat)
{
    wire_align(wire, 4);
    stat_read(wire, ret_stat);
}

static enum rpc_status nspi_bind(struct rpc_call *call)
{
    struct stat_block stat = {0};
    bool wants_guid;
    uint32_t code;

    ndr_u32(&call->in); /* dwFlags */
    read_stat(&call->in, &stat);
    wants_guid = ndr_pointer(&call->in);
    if (wants_guid)
        wire_bytes(&call->in, GUID_SIZE);
    if (call->in.bad)
        return RPC_BAD_STUB_DATA;
    code = address_book_bind(call->config, call->who, &stat);
    ndr_put_pointer(call->out, wants_guid);
    if (wants_guid)
        buf_add(call->out, address_book_guid(), GUID_SIZE);
    if (code == 0)
        rpc_handle_add(call, &nspi_interface, xcalloc(1, 1), free);
    else
        rpc_handle_none(call);
    rpc_handle_put(call);
    ndr_put_u32(call->out, code);
    return RPC_OK;
}

static enum rpc_status nspi_unbind(struct rpc_call *call)
{
    enum { UNBIND_SUCCESS = 1 };

    rpc_handle_close(call);
    rpc_handle_put(call);
    ndr_put_u32(call->out, UNBIND_SUCCESS);
    return RPC_OK;
}

static enum rpc_status get_special_table(struct rpc_call *call)
{
    uint32_t flags = ndr_u32(&call->in);
    struct stat_block stat = {0};
    struct rows rows = {0};
    uint32_t version;
    uint32_t code;

    read_stat(&call->in, &stat);
    version = ndr_u32(&call->in);
    if (call->in.bad)
        return RPC_BAD_STUB_DATA;
    code = address_book_special_table(flags, &version, &rows);
    ndr_put_u32(call->out, version);
    ndr_put_rows(call->out, &rows);
    ndr_put_u32(call->out, code);
    rows_done(&rows);
    return RPC_OK;
}

/* StringsArray_r and WStringsArray_r (2.2.5.1, 2.2.5.2). */
static void read_names(struct wire *wire, bool wide, struct names *ret_names)
{
    uint32_t max = ndr_u32(wire);
    uint32_t count = ndr_u32(wire);
    bool present[NAMES_MAX] = {false};

    if (count > max || count > NAMES_MAX)
        wire->bad = true;
    for (uint32_t i = 0; !wire->bad && i < count; i++)
        present[i] = ndr_pointer(wire);
    for (uint32_t i = 0; !wire->bad && i < count; i++) {
        struct buf *name = names_add(ret_names);

        if (present[i] && wide)
            ndr_string16(wire, name);
        else if (present[i])
            ndr_string8(wire, name);
    }
}

static enum rpc_status resolve_names(struct rpc_call *call)
{
    struct stat_block stat = {0};
    struct names names = {0};
    struct tags tags = {0};
    struct tags ids = {0};
    struct rows rows = {0};
    uint32_t code;
    bool bad;

    ndr_u32(&call->in); /* Reserved */
    read_stat(&call->in, &stat);
    ndr_read_tags(&call->in, &tags);
    read_names(&call->in, call->opnum == NSPI_RESOLVE_NAMES_W, &names);
    bad = call->in.bad;
    if (!bad) {
        code = address_book_resolve(call->config, &names, &tags, &ids, &rows);
        ndr_put_tags(call->out, code == 0 ? &ids : NULL);
        ndr_put_rows(call->out, code == 0 ? &rows : NULL);
        ndr_put_u32(call->out, code);
    }
    names_done(&names);
    tags_done(&tags);
    tags_done(&ids);
    rows_done(&rows);
    return bad ? RPC_BAD_STUB_DATA : RPC_OK;
}

static enum rpc_status dn_to_mid(struct rpc_call *call)
{
    struct names dns = {0};
    struct tags ids = {0};
    uint32_t code;
    bool bad;

    ndr_u32(&call->in); /* Reserved */
    read_names(&call->in, false, &dns);
    bad = call->in.bad;
    if (!bad) {
        code = address_book_ids(call->config, &dns, &ids);
        ndr_put_tags(call->out, code == 0 ? &ids : NULL);
        ndr_put_u32(call->out, code);
    }
    names_done(&dns);
    tags_done(&ids);
    return bad ? RPC_BAD_STUB_DATA : RPC_OK;
}

static enum rpc_status get_props(struct rpc_call *call)
{
    uint32_t flags = ndr_u32(&call->in);
    struct stat_block stat = {0};
    struct tags tags = {0};
    struct row row = {0};
    uint32_t code;
    bool bad;

    read_stat(&call->in, &stat);
    ndr_read_tags(&call->in, &tags);
    bad = call->in.bad;
    if (!bad) {
        code = address_book_props(call->config, flags, &stat, &tags, &row);
        ndr_put_row(call->out, code == 0 || code == NSPI_ERRORS_RETURNED ? &row : NULL);
        ndr_put_u32(call->out, code);
    }
    tags_done(&tags);
    row_done(&row);
    return bad ? RPC_BAD_STUB_DATA : RPC_OK;
}

static void read_ids(struct wire *wire, struct tags *ret_ids)
{
    uint32_t count = ndr_u32(wire);

    if (!ndr_pointer(wire))
        return;
    if (ndr_u32(wire) != count || count > wire_left(wire) / 4)
        wire->bad = true;
    for (uint32_t i = 0; !wire->bad && i < count; i++)
        tags_add(ret_ids, ndr_u32(wire));
}

static enum rpc_status query_rows(struct rpc_call *call)
{
    uint32_t flags = ndr_u32(&call->in);
    struct stat_block stat = {0};
    struct tags ids = {0};
    struct tags tags = {0};
    struct rows rows = {0};
    uint32_t count;
    uint32_t code;
    bool bad;

    read_stat(&call->in, &stat);
    read_ids(&call->in, &ids);
    count = ndr_u32(&call->in);
    ndr_read_tags(&call->in, &tags);
    bad = call->in.bad;
    if (!bad) {
        code = address_book_rows(call->config, flags, &stat, &ids, count, &tags, &rows);
        buf_align(call->out, 4);
        stat_write(call->out, &stat);
        ndr_put_rows(call->out, code == 0 ? &rows : NULL);
        ndr_put_u32(call->out, code);
    }
    tags_done(&ids);
    tags_done(&tags);
    rows_done(&rows);
    return bad ? RPC_BAD_STUB_DATA : RPC_OK;
}

static enum rpc_status query_columns(struct rpc_call *call)
{
    struct tags tags = {0};
    uint32_t flags;

    ndr_u32(&call->in); /* Reserved */
    flags = ndr_u32(&call->in);
    if (call->in.bad)
        return RPC_BAD_STUB_DATA;
    user_columns((flags & 0x80000000u) != 0, &tags); /* NspiUnicodeProptypes */
    ndr_put_tags(call->out, &tags);
    ndr_put_u32(call->out, 0);
    tags_done(&tags);
    return RPC_OK;
}

static enum rpc_status update_stat(struct rpc_call *call)
{
    struct stat_block stat = {0};
    bool wants_delta;

    ndr_u32(&call->in); /* Reserved */
    read_stat(&call->in, &stat);
    wants_delta = ndr_pointer(&call->in);
    if (call->in.bad)
        return RPC_BAD_STUB_DATA;
    stat_write(call->out, &stat);
    ndr_put_pointer(call->out, wants_delta);
    if (wants_delta)
        ndr_put_u32(call->out, 0);
    ndr_put_u32(call->out, 0);
    return RPC_OK;
}

static enum rpc_status run(struct rpc_call *call)
{
    if (call->opnum == NSPI_BIND)
        return nspi_bind(call);
    if (rpc_handle_get(call, &nspi_interface) == NULL)
        return RPC_CONTEXT_MISMATCH;
    switch (call->opnum) {
    case NSPI_UNBIND:
        return nspi_unbind(call);
    case NSPI_UPDATE_STAT:
        return update_stat(call);
    case NSPI_QUERY_ROWS:
        return query_rows(call);
    case NSPI_DN_TO_MID:
        return dn_to_mid(call);
    case NSPI_GET_PROPS:
        return get_props(call);
    case NSPI_GET_SPECIAL_TABLE:
        return get_special_table(call);
    case NSPI_QUERY_COLUMNS:
        return query_columns(call);
    case NSPI_RESOLVE_NAMES:
    case NSPI_RESOLVE_NAMES_W:
        return resolve_names(call);
    default:
        return RPC_OP_RANGE_ERROR;
    }
}
