#include "rpc_server.h"

#include "mapi_faults.h"
#include "rpc_auth.h"
#include "rpc_bind.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

enum { STUB_MAX = 4 * 1024 * 1024, HANDLES_MAX = 64, PAD_TO = 16 };

struct handle {
    unsigned char uuid[GUID_SIZE];
    const struct rpc_interface *interface;
    void *object;
    rpc_rundown_fn *rundown;
};

struct rpc_server {
    struct rpc_party party;
    unsigned interfaces;
    rpc_send_fn *send;
    void *send_arg;
    struct rpc_auth *auth; /* NULL: none was asked for */
    bool auth_failed;
    struct rpc_context contexts[RPC_CONTEXTS_MAX];
    size_t context_count;
    size_t fragment_max; /* what the client takes */
    struct handle handles[HANDLES_MAX];
    size_t current_handle;
    struct buf stub; /* of the call whose fragments arrive */
    bool in_call;
    uint32_t call_id;
    uint16_t context_id;
    uint16_t opnum;
};

struct rpc_server *rpc_server_new(
    const struct rpc_party *party, unsigned interfaces, rpc_send_fn *send, void *arg)
{
    struct rpc_server *server = xcalloc(1, sizeof *server);

    server->party = *party;
    server->interfaces = interfaces;
    server->send = send;
    server->send_arg = arg;
    server->fragment_max = RPC_FRAGMENT_MAX;
    server->current_handle = HANDLES_MAX;
    return server;
}

static void drop_handle(struct handle *handle)
{
    if (handle->object != NULL)
        handle->rundown(handle->object);
    *handle = (struct handle){0};
}

void rpc_server_free(struct rpc_server *server)
{
    for (size_t i = 0; i < HANDLES_MAX; i++)
        drop_handle(&server->handles[i]);
    rpc_auth_free(server->auth);
    buf_done(&server->stub);
    free(server);
}

static void send_pdu(struct rpc_server *server, struct buf *pdu, size_t auth_length)
{
    rpc_end_pdu(pdu, auth_length);
    server->send(server->send_arg, pdu);
}

static void send_nak(struct rpc_server *server, uint32_t call_id, enum rpc_nak reason)
{
    struct buf pdu = {0};

    rpc_begin_pdu(&pdu, RPC_BIND_NAK, RPC_FIRST | RPC_LAST, call_id);
    buf_le16(&pdu, reason);
    buf_u8(&pdu, 1); /* one version: 5.0 */
    buf_u8(&pdu, 5);
    buf_u8(&pdu, 0);
    buf_align(&pdu, 4);
    send_pdu(server, &pdu, 0);
    buf_done(&pdu);
}

static void send_fault(struct rpc_server *server, uint32_t call_id, uint32_t status)
{
    struct buf pdu = {0};

    rpc_begin_pdu(&pdu, RPC_FAULT, RPC_FIRST | RPC_LAST | RPC_DID_NOT_EXECUTE, call_id);
    buf_le32(&pdu, 0); /* alloc_hint */
    buf_le16(&pdu, server->context_id);
    buf_le16(&pdu, 0);
    buf_le32(&pdu, status);
    buf_le32(&pdu, 0);
    send_pdu(server, &pdu, 0);
    buf_done(&pdu);
}

static void add_contexts(struct rpc_server *server, const struct rpc_bind *bind)
{
    for (size_t i = 0; i < bind->count; i++)
        if (bind->contexts[i].interface != NULL && server->context_count < RPC_CONTEXTS_MAX)
            server->contexts[server->context_count++] = bind->contexts[i];
}

/* The client's token, if there is one. False: no such authentication, or it has failed. */
static enum auth_result authenticate(struct rpc_server *server, const struct rpc_header *header,
    const struct rpc_trailer *trailer, struct buf *ret_token)
{
    if (header->auth_length == 0)
        return AUTH_ACCEPT;
    if (server->auth == NULL)
        server->auth = rpc_auth_new(server->party.config, server->party.node, trailer,
            (header->flags & RPC_HEADER_SIGN) != 0);
    if (server->auth == NULL)
        return AUTH_BROKEN;
    return rpc_auth_step(server->auth, trailer->token, trailer->token_len, ret_token);
}

static void send_bind_answer(struct rpc_server *server, const struct rpc_header *header,
    const struct rpc_bind *bind, const struct buf *token)
{
    bool first = header->type == RPC_BIND;
    struct buf pdu = {0};

    rpc_begin_pdu(&pdu, first ? RPC_BIND_ACK : RPC_ALTER_CONTEXT_RESP,
        RPC_FIRST | RPC_LAST | (header->flags & RPC_HEADER_SIGN), header->call_id);
    rpc_put_bind_answer(&pdu, bind, first ? server->party.endpoint : "");
    if (token->len > 0) {
        size_t at = pdu.len;

        buf_align(&pdu, 4);
        rpc_auth_put_trailer(server->auth, &pdu, pdu.len - at);
        buf_add(&pdu, token->data, token->len);
    }
    send_pdu(server, &pdu, token->len);
    buf_done(&pdu);
}

static bool take_bind(struct rpc_server *server, const struct buf *pdu,
    const struct rpc_header *header, const struct rpc_trailer *trailer)
{
    struct buf token = {0};
    struct rpc_bind bind;
    enum auth_result result;

    if (!rpc_parse_bind(pdu, trailer->at, server->interfaces, &bind)) {
        send_nak(server, header->call_id, RPC_NAK_NOT_SPECIFIED);
        return false;
    }
    result = authenticate(server, header, trailer, &token);
    if (result == AUTH_REJECT || result == AUTH_BROKEN) {
        buf_done(&token);
        if (result == AUTH_BROKEN && header->type == RPC_BIND)
            send_nak(server, header->call_id, RPC_NAK_AUTH_TYPE);
        else
            send_fault(server, header->call_id, RPC_ACCESS_DENIED);
        return false;
    }
    if (header->type == RPC_BIND && bind.max_receive >= 1024 && bind.max_receive < RPC_FRAGMENT_MAX)
        server->fragment_max = bind.max_receive;
    add_contexts(server, &bind);
    send_bind_answer(server, header, &bind, &token);
    buf_done(&token);
    return true;
}

/* [MS-RPCE] 3.3.1.5.3: nothing answers it; a failure shows with the next call. */
static void take_auth3(
    struct rpc_server *server, const struct rpc_header *header, const struct rpc_trailer *trailer)
{
    struct buf token = {0};

    if (server->auth == NULL || header->auth_length == 0 ||
        authenticate(server, header, trailer, &token) != AUTH_ACCEPT)
        server->auth_failed = true;
    buf_done(&token);
}

static const struct rpc_interface *find_context(const struct rpc_server *server, uint16_t id)
{
    for (size_t i = server->context_count; i > 0; i--)
        if (server->contexts[i - 1].id == id)
            return server->contexts[i - 1].interface;
    return NULL;
}

/* One fragment of the answer, `count` bytes of it. */
static bool send_fragment(struct rpc_server *server, const struct buf *out, size_t at, size_t count)
{
    bool secured = server->auth != NULL && rpc_auth_level(server->auth) >= RPC_LEVEL_CALL;
    size_t pad = secured ? (PAD_TO - count % PAD_TO) % PAD_TO : 0;
    unsigned flags = (at == 0 ? RPC_FIRST : 0u) | (at + count == out->len ? RPC_LAST : 0u);
    struct buf pdu = {0};
    size_t trailed;
    bool ok = true;

    rpc_begin_pdu(&pdu, RPC_RESPONSE, flags, server->call_id);
    buf_le32(&pdu, (unsigned long)(out->len - at));
    buf_le16(&pdu, server->context_id);
    buf_le16(&pdu, 0);
    buf_add(&pdu, buf_text(out) + at, count);
    buf_zeros(&pdu, pad);
    if (secured) {
        size_t token_len = rpc_auth_token_size(server->auth, count + pad);

        rpc_auth_put_trailer(server->auth, &pdu, pad);
        trailed = pdu.len;
        rpc_end_pdu(&pdu, token_len); /* before it is signed; the token's length counts */
        buf_patch16(&pdu, 8, (unsigned)(trailed + token_len));
        ok = rpc_auth_close(server->auth, &pdu, RPC_REQUEST_HEADER_SIZE, count + pad);
    } else {
        rpc_end_pdu(&pdu, 0);
    }
    if (ok)
        server->send(server->send_arg, &pdu);
    buf_done(&pdu);
    return ok;
}

static bool send_response(struct rpc_server *server, const struct buf *out)
{
    size_t overhead = RPC_REQUEST_HEADER_SIZE;
    size_t room;
    size_t at = 0;

    if (server->auth != NULL)
        overhead += RPC_TRAILER_SIZE + rpc_auth_token_size(server->auth, PAD_TO);
    room = (server->fragment_max - overhead) / PAD_TO * PAD_TO;
    do {
        size_t count = out->len - at < room ? out->len - at : room;

        if (!send_fragment(server, out, at, count))
            return false;
        at += count;
    } while (at < out->len);
    return true;
}

static bool run_call(struct rpc_server *server)
{
    const struct rpc_interface *interface = find_context(server, server->context_id);
    const struct identity *proved = server->auth ? rpc_auth_identity(server->auth) : NULL;
    struct buf out = {0};
    struct rpc_call call = {
        .server = server,
        .config = server->party.config,
        .node = server->party.node,
        .asked = server->party.asked,
        .who = proved != NULL || node_is_old(server->party.node) ? proved : server->party.http,
        .proxied = server->party.http != NULL,
        .encrypted = proved != NULL && rpc_auth_level(server->auth) == RPC_LEVEL_PRIVACY,
        .opnum = server->opnum,
        .in = wire_of(buf_text(&server->stub), server->stub.len),
        .out = &out,
    };
    enum rpc_status status = RPC_UNKNOWN_INTERFACE;
    bool ok = true;

    if (mapi_fault_rpc(call.config) != 0)
        status = (enum rpc_status)mapi_fault_rpc(call.config);
    else if (interface != NULL)
        status = interface->run(&call);
    if (status == RPC_OK)
        ok = send_response(server, &out);
    else
        send_fault(server, server->call_id, status);
    buf_done(&out);
    return ok;
}

/* The header of a request fragment; false: not one of the call under way. */
static bool begin_fragment(struct rpc_server *server, const struct buf *pdu,
    const struct rpc_header *header, size_t *ret_data_at)
{
    struct wire wire = wire_of(pdu->data, pdu->len);
    uint16_t context_id;
    uint16_t opnum;

    wire_bytes(&wire, RPC_HEADER_SIZE + 4);
    context_id = wire_u16(&wire);
    opnum = wire_u16(&wire);
    if ((header->flags & RPC_OBJECT) != 0)
        wire_bytes(&wire, GUID_SIZE);
    *ret_data_at = wire.at;
    if (wire.bad || server->in_call == ((header->flags & RPC_FIRST) != 0))
        return false;
    if (server->in_call)
        return server->call_id == header->call_id;
    server->in_call = true;
    server->call_id = header->call_id;
    server->context_id = context_id;
    server->opnum = opnum;
    buf_clear(&server->stub);
    return true;
}

static bool take_request(struct rpc_server *server, struct buf *pdu,
    const struct rpc_header *header, const struct rpc_trailer *trailer)
{
    size_t data_at;
    size_t end = trailer->at;

    if (!begin_fragment(server, pdu, header, &data_at) || data_at > end ||
        server->stub.len + (end - data_at) > STUB_MAX) {
        send_fault(server, header->call_id, RPC_PROTOCOL_ERROR);
        return false;
    }
    if (server->auth_failed ||
        (server->auth != NULL && !rpc_auth_open(server->auth, pdu, trailer, data_at))) {
        send_fault(server, header->call_id, RPC_ACCESS_DENIED);
        return false;
    }
    if (trailer->pad > end - data_at)
        return false;
    buf_add(&server->stub, pdu->data + data_at, end - data_at - trailer->pad);
    if ((header->flags & RPC_LAST) == 0)
        return true;
    server->in_call = false;
    return run_call(server);
}

bool rpc_server_take(struct rpc_server *server, struct buf *pdu)
{
    struct rpc_header header;
    struct rpc_trailer trailer;

    if (!rpc_parse_header(pdu->data, pdu->len, &header) ||
        !rpc_parse_trailer(pdu->data, &header, &trailer))
        return false;
    switch (header.type) {
    case RPC_BIND:
    case RPC_ALTER_CONTEXT:
        return take_bind(server, pdu, &header, &trailer);
    case RPC_AUTH3:
        take_auth3(server, &header, &trailer);
        return true;
    case RPC_REQUEST:
        return take_request(server, pdu, &header, &trailer);
    case RPC_CO_CANCEL:
    case RPC_ORPHANED:
        server->in_call = false;
        return true;
    default:
        return false;
    }
}

void rpc_handle_add(struct rpc_call *call, const struct rpc_interface *interface, void *object,
    rpc_rundown_fn *rundown)
{
    struct rpc_server *server = call->server;
    size_t i = 0;

    while (i < HANDLES_MAX - 1 && server->handles[i].object != NULL)
        i++;
    drop_handle(&server->handles[i]);
    server->handles[i] =
        (struct handle){.interface = interface, .object = object, .rundown = rundown};
    guid_random(server->handles[i].uuid);
    server->current_handle = i;
}

void *rpc_handle_get(struct rpc_call *call, const struct rpc_interface *interface)
{
    struct rpc_server *server = call->server;
    const unsigned char *bytes = ndr_handle(&call->in);

    server->current_handle = HANDLES_MAX;
    if (bytes == NULL)
        return NULL;
    for (size_t i = 0; i < HANDLES_MAX; i++) {
        const struct handle *handle = &server->handles[i];

        if (handle->object != NULL && handle->interface == interface &&
            memcmp(handle->uuid, bytes + 4, GUID_SIZE) == 0) {
            server->current_handle = i;
            return handle->object;
        }
    }
    return NULL;
}

void rpc_handle_put(struct rpc_call *call)
{
    const struct rpc_server *server = call->server;

    ndr_put_u32(call->out, 0); /* attributes */
    if (server->current_handle < HANDLES_MAX)
        buf_add(call->out, server->handles[server->current_handle].uuid, GUID_SIZE);
    else
        buf_zeros(call->out, GUID_SIZE);
}

void rpc_handle_close(struct rpc_call *call)
{
    struct rpc_server *server = call->server;

    if (server->current_handle < HANDLES_MAX)
        drop_handle(&server->handles[server->current_handle]);
    server->current_handle = HANDLES_MAX;
}

void rpc_handle_none(struct rpc_call *call)
{
    call->server->current_handle = HANDLES_MAX;
}
