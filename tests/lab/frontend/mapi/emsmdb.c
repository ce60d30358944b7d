/* The EMSMDB interface ([MS-OXCRPC] 3.1.4): sessions of the store over RPC. */
#include "ndr.h"
#include "rpc_server.h"
#include "session.h"

enum opnum { EC_DO_DISCONNECT = 1, EC_DUMMY_RPC = 6, EC_DO_CONNECT_EX = 10, EC_DO_RPC_EXT2 = 11 };

static enum rpc_status run(struct rpc_call *call);

const struct rpc_interface emsmdb_interface = {
    /* a4f1db00-ca47-1067-b31f-00dd010662da, version 0.81 */
    {0x00, 0xdb, 0xf1, 0xa4, 0x47, 0xca, 0x67, 0x10, 0xb3, 0x1f, 0x00, 0xdd, 0x01, 0x06, 0x62, 0xda,
        0, 0, 81, 0},
    RPC_EMSMDB,
    run,
};

struct connect_in {
    struct buf user_dn;
    uint32_t flags;
    uint16_t client_version[3];
    uint32_t time_stamp;
    uint32_t max_aux;
};

static void read_connect(struct wire *wire, struct connect_in *ret_in)
{
    size_t aux_len;

    ndr_string8(wire, &ret_in->user_dn);
    ret_in->flags = ndr_u32(wire);
    for (size_t i = 0; i < 6; i++)
        ndr_u32(wire); /* ulConMod, cbLimit, ulCpid, ulLcidString, ulLcidSort, ulIcxrLink */
    ndr_u16(wire);     /* usFCanConvertCodePages */
    for (size_t i = 0; i < 3; i++)
        ret_in->client_version[i] = ndr_u16(wire);
    ret_in->time_stamp = ndr_u32(wire);
    ndr_bytes(wire, &aux_len);
    if (ndr_u32(wire) != aux_len) /* cbAuxIn */
        wire->bad = true;
    ret_in->max_aux = ndr_u32(wire);
    if (aux_len > AUX_MAX || ret_in->max_aux > AUX_MAX)
        wire->bad = true;
}

/* 3.1.4.1.3.2: the high bit of the second word says that the numbers are four. */
static void put_server_version(struct buf *out, const int *build)
{
    ndr_put_u16(out, (unsigned)(build[0] << 8 | build[1]));
    ndr_put_u16(out, 0x8000u | (unsigned)build[2]);
    ndr_put_u16(out, (unsigned)build[3]);
}

static void put_connect(struct rpc_call *call, const struct connect_in *in,
    const struct session *session, uint32_t code)
{
    enum { POLLS_MAX_MS = 60000, RETRY_COUNT = 6, RETRY_DELAY_MS = 10000, SESSION_INDEX = 1 };
    struct buf *out = call->out;
    struct buf text = {0};
    struct buf aux = {0};

    rpc_handle_put(call);
    ndr_put_u32(out, POLLS_MAX_MS);
    ndr_put_u32(out, RETRY_COUNT);
    ndr_put_u32(out, RETRY_DELAY_MS);
    ndr_put_u16(out, SESSION_INDEX);
    ndr_put_pointer(out, session != NULL);
    if (session != NULL) {
        session_dn_prefix(session, &text);
        ndr_put_string8(out, buf_text(&text));
    }
    ndr_put_pointer(out, session != NULL);
    if (session != NULL)
        ndr_put_string8(out, session_account(session)->display_name);
    put_server_version(out, call->node->build);
    for (size_t i = 0; i < 3; i++)
        ndr_put_u16(out, in->client_version[i]); /* the best common one */
    ndr_put_u32(out, in->time_stamp + 1);
    if (session != NULL)
        session_aux_out(session, &aux);
    if (aux.len > in->max_aux)
        buf_clear(&aux);
    ndr_put_varying_bytes(out, buf_text(&aux), aux.len);
    ndr_put_u32(out, (uint32_t)aux.len);
    ndr_put_u32(out, code);
    buf_done(&text);
    buf_done(&aux);
}

/* 3.1.4.1 */
static enum rpc_status connect_ex(struct rpc_call *call)
{
    struct connect_in in = {0};
    struct session *session = NULL;
    struct connect connect = {
        .who = call->who,
        .asked = call->asked,
        .proxied = call->proxied,
        .encrypted = call->encrypted,
    };
    uint32_t code;

    read_connect(&call->in, &in);
    if (call->in.bad) {
        buf_done(&in.user_dn);
        return RPC_BAD_STUB_DATA;
    }
    connect.user_dn = buf_text(&in.user_dn);
    code = session_connect(call->config, call->node, &connect, &session);
    if (code == EC_NONE)
        rpc_handle_add(call, &emsmdb_interface, session, session_free);
    else
        rpc_handle_none(call);
    put_connect(call, &in, session, code);
    buf_done(&in.user_dn);
    return RPC_OK;
}

/* 3.1.4.2 */
static enum rpc_status rpc_ext2(struct rpc_call *call, struct session *session)
{
    enum { OUT_MAX = 0x40000 };
    struct buf out = {0};
    const unsigned char *in;
    uint32_t flags = ndr_u32(&call->in);
    size_t in_len;
    size_t aux_len;
    uint32_t max_out;
    uint32_t code;

    in = ndr_bytes(&call->in, &in_len);
    if (ndr_u32(&call->in) != in_len)
        call->in.bad = true;
    max_out = ndr_u32(&call->in);
    ndr_bytes(&call->in, &aux_len);
    if (ndr_u32(&call->in) != aux_len || ndr_u32(&call->in) > AUX_MAX || max_out > OUT_MAX)
        call->in.bad = true;
    if (call->in.bad)
        return RPC_BAD_STUB_DATA;
    code = session_execute(session, in, in_len, max_out, &out);
    rpc_handle_put(call);
    ndr_put_u32(call->out, flags & 0x3u);
    ndr_put_varying_bytes(call->out, buf_text(&out), out.len);
    ndr_put_u32(call->out, (uint32_t)out.len);
    ndr_put_varying_bytes(call->out, "", 0); /* no auxiliary data */
    ndr_put_u32(call->out, 0);
    ndr_put_u32(call->out, 1); /* pulTransTime */
    ndr_put_u32(call->out, code);
    buf_done(&out);
    return RPC_OK;
}

/* 3.1.4.3 */
static enum rpc_status disconnect(struct rpc_call *call)
{
    rpc_handle_close(call);
    rpc_handle_put(call);
    ndr_put_u32(call->out, EC_NONE);
    return RPC_OK;
}

static enum rpc_status run(struct rpc_call *call)
{
    struct session *session;

    if (call->opnum == EC_DUMMY_RPC) {
        ndr_put_u32(call->out, EC_NONE);
        return RPC_OK;
    }
    if (call->opnum == EC_DO_CONNECT_EX)
        return connect_ex(call);
    session = rpc_handle_get(call, &emsmdb_interface);
    if (session == NULL)
        return RPC_CONTEXT_MISMATCH;
    if (call->opnum == EC_DO_RPC_EXT2)
        return rpc_ext2(call, session);
    return call->opnum == EC_DO_DISCONNECT ? disconnect(call) : RPC_OP_RANGE_ERROR;
}
