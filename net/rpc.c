#include "net/rpc.h"

#include <stdlib.h>
#include <string.h>

enum {
    PDU_MAX = UINT16_MAX,
    LEGS_MAX = 8, /* pairs of alter_context and answer: more is no way to a context */
    AUTH_CONTEXT = 1,
    SEC_PKG_ERROR = 0x721, /* RPC_S_SEC_PKG_ERROR, and of [C706] appendix N.2: */
    NCA_CHECKSUM = 0x1c00001f,
    NCA_PROTO_ERROR = 0x1c01000b
};

struct rpc_client {
    struct rpc_transport transport;
    struct rpc_options options;
    struct rpc_seen seen;
    struct rpc_auth auth; /* as agreed on; length: of a signature */
    uint32_t call_id;
    uint16_t fragment_size;
    bool spent;
    uint8_t out[PDU_MAX];
};

static const char *who(const struct rpc_client *client)
{
    return client->options.server != NULL ? client->options.server : "the RPC server";
}

/* ---- PDUs ---- */

static void trace(const struct rpc_client *client, char direction, const void *pdu, size_t length)
{
    struct arena arena = {0};
    if (client->options.trace == NULL)
        return;
    client->options.trace(
        client->options.trace_context, direction, rpc_describe(&arena, pdu, length));
    arena_done(&arena);
}

static bool send_pdu(
    struct rpc_client *client, size_t length, struct net_limit limit, struct fault *fault)
{
    trace(client, '>', client->out, length);
    return client->transport.send(client->transport.context, client->out, length, limit, fault);
}

static bool receive_pdu(struct rpc_client *client, struct net_limit limit, uint8_t **ret_bytes,
    struct rpc_pdu *ret_pdu, struct fault *fault)
{
    size_t length = 0;
    if (!client->transport.receive(client->transport.context, limit, ret_bytes, &length, fault))
        return false;
    trace(client, '<', *ret_bytes, length);
    return rpc_read(*ret_bytes, length, ret_pdu, fault);
}

static bool unexpected(
    struct rpc_client *client, const struct rpc_pdu *pdu, const char *wanted, struct fault *fault)
{
    if (pdu->type == RPC_SHUTDOWN)
        return fault_set(
            fault, CAUSE_CLOSED, ORIGIN_RPC, 0, "%.80s shuts the connection down", who(client));
    return fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0,
        "%.80s answered call %u with a %s PDU of call %u, %s was due", who(client), client->call_id,
        rpc_type_str(pdu->type), pdu->call_id, wanted);
}

/* auth3 is not answered: a server that refused it has no better word than these for the first call.
 * Windows says ERROR_ACCESS_DENIED, which can mean other things. */
static bool refuses_auth3(const struct rpc_client *client, uint32_t status)
{
    return client->options.security.type == RPC_AUTH_NTLM && client->seen.proved &&
           client->seen.calls == 0 &&
           (status == SEC_PKG_ERROR || status == NCA_PROTO_ERROR || status == NCA_CHECKSUM);
}

static bool fault_pdu(struct rpc_client *client, const struct rpc_pdu *pdu, struct fault *fault)
{
    uint32_t status = pdu->call.status;
    client->seen.status = status;
    client->seen.did_not_execute = (pdu->flags & RPC_DID_NOT_EXECUTE) != 0;
    if (refuses_auth3(client, status))
        return fault_set(fault, CAUSE_LOGON_REFUSED, ORIGIN_RPC, (long)status,
            "%.80s refused our NTLM logon: it answers the first call with 0x%x", who(client),
            status);
    return rpc_status_fault(pdu->call.status, who(client), fault);
}

/* ---- bind ---- */

static bool token_too_large(struct fault *fault)
{
    return fault_set(fault, CAUSE_INTERNAL, ORIGIN_RPC, 0, "our token does not fit a PDU");
}

/* bind, or alter_context for a later leg. */
static bool send_bind(struct rpc_client *client, enum rpc_type type, const struct rpc_auth *auth,
    struct net_limit limit, struct fault *fault)
{
    struct writer writer = writer_of(client->out, sizeof client->out);
    struct rpc_bind bind = rpc_bind_to(client->options.interface, 0);
    if (type == RPC_ALTER_CONTEXT)
        bind.group = client->seen.ack.group;
    if (!rpc_write_bind(&writer, type, ++client->call_id, &bind, auth))
        return token_too_large(fault);
    return send_pdu(client, writer.length, limit, fault);
}

/* The token of the answer is valid until the next PDU. */
static bool receive_ack(struct rpc_client *client, enum rpc_type type, struct net_limit limit,
    struct rpc_auth *ret_auth, struct fault *fault)
{
    struct rpc_seen *seen = &client->seen;
    struct rpc_pdu pdu;
    uint8_t *bytes = NULL;
    if (!receive_pdu(client, limit, &bytes, &pdu, fault))
        return false;
    if (pdu.call_id == client->call_id && pdu.type == RPC_FAULT)
        return fault_pdu(client, &pdu, fault);
    if (pdu.call_id == client->call_id && pdu.type == RPC_BIND_NAK) {
        seen->naked = true;
        seen->nak = pdu.bind_nak;
        return rpc_nak_fault(&pdu.bind_nak, fault);
    }
    if (pdu.call_id != client->call_id || pdu.type != type)
        return unexpected(client, &pdu, rpc_type_str(type), fault);
    *ret_auth = pdu.auth;
    if (type == RPC_BIND_ACK) {
        seen->acked = true;
        seen->ack = pdu.bind_ack;
        seen->header_signed = (pdu.flags & RPC_HEADER_SIGN) != 0 &&
                              client->options.security.level >= RPC_LEVEL_INTEGRITY;
        client->fragment_size = rpc_fragment_size(&pdu.bind_ack);
    }
    return rpc_bind_accepted(&pdu.bind_ack, fault);
}

/* Our next token, of *auth's type and level. */
static bool step(struct rpc_client *client, const struct rpc_auth *theirs, struct rpc_auth *ours,
    bool *ret_done, struct fault *fault)
{
    struct secctx *context = client->options.security.context;
    bool proves = secctx_next_proves(context);
    const uint8_t *token = NULL;
    size_t length = 0;
    if (!secctx_step(context, theirs->token, theirs->length, &token, &length, ret_done, fault))
        return false;
    client->seen.proved |= proves && length > 0;
    ours->token = length > 0 ? token : NULL;
    ours->length = length;
    return true;
}

/* What follows the bind_ack. [MS-RPCE] 3.3.1.5.2.1; the number of legs: 2.2.1.1.7 */
static bool finish_security(
    struct rpc_client *client, struct rpc_auth *theirs, struct net_limit limit, struct fault *fault)
{
    const struct rpc_security *security = &client->options.security;
    struct rpc_auth ours = client->auth;
    bool done = false;
    for (unsigned legs = 0; legs < LEGS_MAX; legs++) {
        if (theirs->length == 0 || theirs->type != security->type)
            return fault_set(fault, CAUSE_MALFORMED, ORIGIN_RPC, 0,
                "%.80s answered our %s token without one of its own", who(client),
                rpc_auth_type_str(security->type));
        if (!step(client, theirs, &ours, &done, fault))
            return false;
        if (done && ours.length == 0)
            return true;
        if (security->type == RPC_AUTH_NTLM && done) {
            struct writer writer = writer_of(client->out, sizeof client->out);
            return rpc_write_auth3(&writer, client->call_id, &ours)
                       ? send_pdu(client, writer.length, limit, fault)
                       : token_too_large(fault);
        }
        if (!send_bind(client, RPC_ALTER_CONTEXT, &ours, limit, fault) ||
            !receive_ack(client, RPC_ALTER_CONTEXT_RESP, limit, theirs, fault))
            return false;
        /* Kerberos has nothing more to say, and NTLM within type 9 does not know SPNEGO's end. */
        if (done && (theirs->length == 0 || secctx_challenge(security->context) != NULL))
            return true;
    }
    return fault_set(
        fault, CAUSE_MALFORMED, ORIGIN_RPC, 0, "%.80s asks for ever more tokens", who(client));
}

static bool bind(struct rpc_client *client, struct net_limit limit, struct fault *fault)
{
    const struct rpc_security *security = &client->options.security;
    struct rpc_auth auth = client->auth, none = {0}, theirs = {0};
    bool done = false;
    bool secure = security->type != RPC_AUTH_NONE;
    if (secure && !step(client, &none, &auth, &done, fault))
        return false;
    if (!send_bind(client, RPC_BIND, secure ? &auth : NULL, limit, fault) ||
        !receive_ack(client, RPC_BIND_ACK, limit, &theirs, fault))
        return false;
    if (!secure)
        return true;
    if (!finish_security(client, &theirs, limit, fault))
        return false;
    if (security->level <= RPC_LEVEL_CONNECT)
        return true;
    client->auth.length =
        secctx_signature_size(security->context, security->level == RPC_LEVEL_PRIVACY);
    return client->auth.length > 0 || fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
                                          "the security context cannot protect what is sent");
}

bool rpc_open(const struct rpc_transport *transport, const struct rpc_options *options,
    struct net_limit limit, struct rpc_client **ret_client, struct rpc_seen *ret_seen,
    struct fault *fault)
{
    struct rpc_client *client = xcalloc(1, sizeof *client);
    client->transport = *transport;
    client->options = *options;
    if (options->security.type != RPC_AUTH_NONE)
        client->auth = (struct rpc_auth){.type = options->security.type,
            .level = options->security.level,
            .context_id = AUTH_CONTEXT};
    bool ok = bind(client, limit, fault);
    if (ret_seen != NULL)
        *ret_seen = client->seen;
    if (!ok) {
        rpc_close(client);
        return false;
    }
    *ret_client = client;
    return true;
}

void rpc_close(struct rpc_client *client)
{
    if (client == NULL)
        return;
    client->transport.close(client->transport.context);
    free(client);
}

const struct rpc_seen *rpc_client_seen(const struct rpc_client *client)
{
    return &client->seen;
}

bool rpc_usable(const struct rpc_client *client)
{
    return !client->spent;
}

/* ---- calls ---- */

static bool is_protected(const struct rpc_client *client)
{
    return client->auth.type != RPC_AUTH_NONE && client->auth.level > RPC_LEVEL_CONNECT;
}

/* NTLM's implementations sign the header in any case, see net/wire/rpc.h. */
static bool message_of(struct rpc_client *client, uint8_t *pdu, size_t length,
    struct sec_message *ret_message, struct fault *fault)
{
    bool header =
        client->seen.header_signed || secctx_challenge(client->options.security.context) != NULL;
    struct rpc_protection protection;
    if (!rpc_protection(pdu, length, header, &protection, fault))
        return false;
    bool seal = client->auth.level == RPC_LEVEL_PRIVACY;
    *ret_message = (struct sec_message){.bytes = &pdu[protection.covered.at],
        .length = protection.covered.length,
        .seal = seal,
        .sealed_at = seal ? protection.sealed.at - protection.covered.at : 0,
        .sealed_length = protection.sealed.length,
        .signature = &pdu[protection.token.at],
        .signature_length = protection.token.length};
    return true;
}

static bool send_request(struct rpc_client *client, struct rpc_request *request,
    struct net_limit limit, struct fault *fault)
{
    bool last = false;
    while (!last) {
        struct writer writer = writer_of(client->out, sizeof client->out);
        struct sec_message message;
        if (!rpc_request_next(request, &writer, &last))
            return fault_set(
                fault, CAUSE_INTERNAL, ORIGIN_RPC, 0, "the request does not fit its fragments");
        if (is_protected(client) &&
            (!message_of(client, client->out, writer.length, &message, fault) ||
                !secctx_protect(client->options.security.context, &message, fault)))
            return false;
        if (!send_pdu(client, writer.length, limit, fault))
            return false;
    }
    return true;
}

/* A fragment that lacks its protection goes on as it is: rpc_assembly_add() refuses it. */
static bool unprotect(
    struct rpc_client *client, uint8_t *bytes, const struct rpc_pdu *pdu, struct fault *fault)
{
    struct sec_message message;
    if (pdu->type != RPC_RESPONSE || !is_protected(client) || pdu->auth.type != client->auth.type ||
        pdu->auth.level != client->auth.level)
        return true;
    return message_of(client, bytes, pdu->size, &message, fault) &&
           secctx_unprotect(client->options.security.context, &message, fault);
}

/* *ret_faulted: the server answered, with a fault. */
static bool receive_response(struct rpc_client *client, struct rpc_assembly *assembly,
    struct net_limit limit, bool *ret_faulted, struct fault *fault)
{
    bool whole = false;
    while (!whole) {
        struct rpc_pdu pdu;
        uint8_t *bytes = NULL;
        if (!receive_pdu(client, limit, &bytes, &pdu, fault))
            return false;
        if (pdu.type == RPC_FAULT && pdu.call_id == client->call_id) {
            *ret_faulted = true;
            return fault_pdu(client, &pdu, fault);
        }
        if (pdu.type != RPC_RESPONSE)
            return unexpected(client, &pdu, "a response", fault);
        if (!unprotect(client, bytes, &pdu, fault) ||
            !rpc_assembly_add(assembly, &pdu, &whole, fault))
            return false;
    }
    return true;
}

bool rpc_call(struct rpc_client *client, uint16_t opnum, struct rpc_stub stub,
    struct net_limit limit, struct arena *arena, struct rpc_stub *ret_answer, struct fault *fault)
{
    if (client->spent)
        return fault_set(fault, CAUSE_CLOSED, ORIGIN_EXREACH, 0,
            "the connection to %.80s has failed already", who(client));
    if (stub.length > RPC_STUB_MAX)
        return fault_set(fault, CAUSE_TOO_LARGE, ORIGIN_RPC, 0, "a request of %zu bytes is over %d",
            stub.length, RPC_STUB_MAX);
    struct rpc_request request = {.call_id = ++client->call_id,
        .opnum = opnum,
        .fragment_size = client->fragment_size,
        .auth = client->auth,
        .stub = stub.bytes,
        .stub_length = stub.length};
    struct rpc_assembly assembly;
    rpc_assembly_init(&assembly, client->call_id, 0, &client->auth);
    bool faulted = false;
    bool ok = send_request(client, &request, limit, fault) &&
              receive_response(client, &assembly, limit, &faulted, fault);
    if (ok) {
        client->seen.calls++;
        *ret_answer =
            (struct rpc_stub){arena_copy(arena, assembly.stub, assembly.length), assembly.length};
    }
    client->spent = !ok && !faulted;
    rpc_assembly_done(&assembly);
    return ok;
}

bool rpc_map(struct rpc_client *mapper, const struct rpc_syntax *interface, struct net_limit limit,
    struct epm_answer *ret_answer, struct fault *fault)
{
    uint8_t bytes[EPM_STUB_SIZE];
    struct writer writer = writer_of(bytes, sizeof bytes);
    struct rpc_stub answer = {0};
    struct arena arena = {0};
    bool ok = epm_write_map(&writer, interface) ||
              fault_set(fault, CAUSE_INTERNAL, ORIGIN_RPC, 0, "the request is too large");
    ok = ok &&
         rpc_call(mapper, EPM_MAP, (struct rpc_stub){bytes, writer.length}, limit, &arena, &answer,
             fault) &&
         epm_read_map(answer.bytes, answer.length, interface, ret_answer, fault);
    arena_done(&arena);
    return ok;
}
