#include "net/wire/rpc.h"
#include "net/wire/rts.h"

/* X(code, cause, name, words). [MS-ERREF] 2.2 for the Win32 codes, [C706] appendix E and N.2 for
 * 0x1c…, appendix O for 0x16c9…; what Windows calls the latter: [MS-RPCE] 3.1.1.5.5. */
#define STATUSES(X)                                                                                \
    X(0x00000005, ACCESS_DENIED, "ERROR_ACCESS_DENIED",                                            \
        "access denied: the server does not take the account, the level of protection or the "     \
        "size of the request")                                                                     \
    X(0x00000008, RPC_FAULT, "ERROR_NOT_ENOUGH_MEMORY",                                            \
        "out of memory, or an authentication type that it does not know")                          \
    X(0x0000000e, SERVER_BUSY, "ERROR_OUTOFMEMORY", "the server is out of memory")                 \
    X(0x0000051f, RPC_FAULT, "ERROR_NO_LOGON_SERVERS", "the server reaches no domain controller")  \
    X(0x0000052e, LOGON_REFUSED, "ERROR_LOGON_FAILURE", "user name or password refused")           \
    X(0x000006a4, RPC_FAULT, "RPC_S_INVALID_STRING_BINDING",                                       \
        "the name of the server is not valid")                                                     \
    X(0x000006b3, RPC_FAULT, "RPC_S_NOT_LISTENING", "the RPC server is not listening")             \
    X(0x000006b5, NOT_EXCHANGE, "RPC_S_UNKNOWN_IF", "the server does not have this interface")     \
    X(0x000006ba, UNREACHABLE, "RPC_S_SERVER_UNAVAILABLE",                                         \
        "the RPC server behind it is not reachable")                                               \
    X(0x000006bb, SERVER_BUSY, "RPC_S_SERVER_TOO_BUSY", "the RPC server is too busy")              \
    X(0x000006be, RPC_FAULT, "RPC_S_CALL_FAILED", "the call failed on its way or in the server")   \
    X(0x000006bf, RPC_FAULT, "RPC_S_CALL_FAILED_DNE", "the call failed and was not carried out")   \
    X(0x000006c0, RPC_FAULT, "RPC_S_PROTOCOL_ERROR", "the RPC protocol was violated")              \
    X(0x000006c1, ACCESS_DENIED, "RPC_S_PROXY_ACCESS_DENIED",                                      \
        "the RPC proxy does not allow this server and port")                                       \
    X(0x000006c2, NOT_EXCHANGE, "RPC_S_UNSUPPORTED_TRANS_SYN",                                     \
        "the server does not speak this transfer syntax")                                          \
    X(0x000006c4, NOT_EXCHANGE, "RPC_S_UNSUPPORTED_TYPE", "the type UUID is not supported")        \
    X(0x000006c5, RPC_FAULT, "RPC_S_INVALID_TAG",                                                  \
        "the server found an invalid tag in the request")                                          \
    X(0x000006c6, RPC_FAULT, "RPC_S_INVALID_BOUND", "the server found invalid array bounds")       \
    X(0x000006d1, NOT_EXCHANGE, "RPC_S_PROCNUM_OUT_OF_RANGE",                                      \
        "the interface does not have this operation")                                              \
    X(0x000006d3, RPC_FAULT, "RPC_S_UNKNOWN_AUTHN_SERVICE",                                        \
        "the server does not know this authentication type")                                       \
    X(0x000006d4, RPC_FAULT, "RPC_S_UNKNOWN_AUTHN_LEVEL",                                          \
        "the server does not know this authentication level")                                      \
    X(0x000006d8, RPC_FAULT, "EPT_S_CANT_PERFORM_OP", "the endpoint mapper failed")                \
    X(0x000006d9, NOT_EXCHANGE, "EPT_S_NOT_REGISTERED",                                            \
        "the endpoint mapper has no endpoint of this interface")                                   \
    X(0x000006e4, RPC_FAULT, "RPC_S_CANNOT_SUPPORT", "the operation is not supported")             \
    X(0x000006f7, RPC_FAULT, "RPC_X_BAD_STUB_DATA", "the server could not read the request")       \
    X(0x0000071a, RPC_FAULT, "RPC_S_CALL_CANCELLED", "the call was cancelled")                     \
    X(0x0000071c, RPC_FAULT, "RPC_S_COMM_FAILURE", "the server lost a connection behind it")       \
    X(0x00000721, LOGON_REFUSED, "RPC_S_SEC_PKG_ERROR",                                            \
        "the security package of the server refused the token or the signature")                   \
    X(0x16c9a0cd, RPC_FAULT, "ept_s_cant_perform_op", "the endpoint mapper failed")                \
    X(0x16c9a0d6, NOT_EXCHANGE, "ept_s_not_registered",                                            \
        "the endpoint mapper has no endpoint of this interface")                                   \
    X(0x1c000001, RPC_FAULT, "nca_s_fault_int_div_by_zero", "the server divided by zero")          \
    X(0x1c000002, RPC_FAULT, "nca_s_fault_addr_error", "the server failed with an address error")  \
    X(0x1c000006, RPC_FAULT, "nca_s_fault_invalid_tag",                                            \
        "the server found an invalid tag in the request")                                          \
    X(0x1c000007, RPC_FAULT, "nca_s_fault_invalid_bound", "the server found invalid array bounds") \
    X(0x1c000008, RPC_FAULT, "nca_s_rpc_version_mismatch",                                         \
        "the server does not speak this RPC version")                                              \
    X(0x1c000009, RPC_FAULT, "nca_s_unspec_reject",                                                \
        "the server rejected the call without a reason")                                           \
    X(0x1c00000c, RPC_FAULT, "nca_s_manager_not_entered", "the call was not carried out")          \
    X(0x1c00000d, RPC_FAULT, "nca_s_fault_cancel", "the call was cancelled")                       \
    X(0x1c000010, RPC_FAULT, "nca_s_fault_int_overflow", "the server failed with an overflow")     \
    X(0x1c000012, RPC_FAULT, "nca_s_fault_unspec", "the server failed without a reason")           \
    X(0x1c000013, RPC_FAULT, "nca_s_fault_remote_comm_failure",                                    \
        "the server lost a connection behind it")                                                  \
    X(0x1c00001a, RPC_FAULT, "nca_s_fault_context_mismatch",                                       \
        "the server does not know the session any more (context handle)")                          \
    X(0x1c00001b, SERVER_BUSY, "nca_s_fault_remote_no_memory", "the server is out of memory")      \
    X(0x1c00001c, RPC_FAULT, "nca_s_invalid_pres_context_id",                                      \
        "the server does not know the presentation context")                                       \
    X(0x1c00001d, RPC_FAULT, "nca_s_unsupported_authn_level",                                      \
        "the server does not take this authentication level")                                      \
    X(0x1c00001f, LOGON_REFUSED, "nca_s_invalid_checksum", "the server found a wrong signature")   \
    X(0x1c010001, RPC_FAULT, "nca_s_comm_failure", "the connection to the server failed")          \
    X(0x1c010002, NOT_EXCHANGE, "nca_s_op_rng_error",                                              \
        "the interface does not have this operation")                                              \
    X(0x1c010003, NOT_EXCHANGE, "nca_s_unk_if", "the server does not have this interface")         \
    X(0x1c010009, RPC_FAULT, "nca_s_you_crashed", "the server says that it was restarted")         \
    X(0x1c01000b, RPC_FAULT, "nca_s_proto_error", "the RPC protocol was violated")                 \
    X(0x1c010013, RPC_FAULT, "nca_s_out_args_too_big",                                             \
        "the answer is larger than the server sends")                                              \
    X(0x1c010014, SERVER_BUSY, "nca_s_server_too_busy", "the RPC server is too busy")              \
    X(0x1c010017, NOT_EXCHANGE, "nca_s_unsupported_type", "the type UUID is not supported")

static const struct rpc_status statuses[] = {
#define X(code, cause, name, words) {code, name, words},
    STATUSES(X)
#undef X
};

static const enum cause causes[] = {
#define X(code, cause, name, words) CAUSE_##cause,
    STATUSES(X)
#undef X
};

enum { STATUS_COUNT = sizeof statuses / sizeof statuses[0] };

const struct rpc_status *rpc_status_find(uint32_t code)
{
    for (size_t i = 0; i < STATUS_COUNT; i++) {
        if (statuses[i].code == code)
            return &statuses[i];
    }
    return NULL;
}

const char *rpc_status_text(struct arena *arena, uint32_t code)
{
    const struct rpc_status *status = rpc_status_find(code);
    if (status == NULL)
        return arena_printf(arena, "status 0x%x", code);
    return arena_printf(arena, "0x%x %s: %s", code, status->name, status->words);
}

bool rpc_status_fault(uint32_t code, const char *who, struct fault *fault)
{
    const struct rpc_status *status = rpc_status_find(code);
    if (status == NULL)
        return fault_set(
            fault, CAUSE_RPC_FAULT, ORIGIN_RPC, (long)code, "%s says RPC status 0x%x", who, code);
    enum cause cause = CAUSE_RPC_FAULT;
    for (size_t i = 0; i < STATUS_COUNT; i++) {
        if (status == &statuses[i])
            cause = causes[i];
    }
    return fault_set(fault, cause, ORIGIN_RPC, (long)code, "%s says 0x%x %s: %s", who, code,
        status->name, status->words);
}

const char *rpc_nak_words(uint16_t reason)
{
    static const char *const words[] = {"no reason given", "the server is congested for now",
        "the server is at a limit of its own", "the server does not know the address",
        "the server does not speak this RPC version, or read our bind as an error",
        "the server does not have the default context", "the server could not read our data",
        "the server has no address of its own for this",
        "the server does not know the authentication type",
        "the security package of the server refused the token"};
    return reason < sizeof words / sizeof words[0] ? words[reason] : "a reason that is not known";
}

enum { NAK_CONGESTION = 1, NAK_LIMIT = 2, NAK_AUTH_TYPE = 8, NAK_SECURITY = 9 };

bool rpc_nak_fault(const struct rpc_bind_nak *nak, struct fault *fault)
{
    enum cause cause = CAUSE_RPC_FAULT;
    if (nak->reason == NAK_CONGESTION || nak->reason == NAK_LIMIT)
        cause = CAUSE_SERVER_BUSY;
    if (nak->reason == NAK_AUTH_TYPE)
        cause = CAUSE_NO_SCHEME;
    if (nak->reason == NAK_SECURITY)
        cause = CAUSE_LOGON_REFUSED;
    return fault_set(fault, cause, ORIGIN_RPC, nak->reason, "the server refused our bind: %s",
        rpc_nak_words(nak->reason));
}

const char *rpc_reject_words(uint16_t reason)
{
    static const char *const words[] = {"no reason given",
        "it does not have this interface in this version",
        "it does not speak the transfer syntax NDR 2.0", "it is at a limit of its own"};
    return reason < sizeof words / sizeof words[0] ? words[reason] : "a reason that is not known";
}

/* ---- names ---- */

const char *rpc_type_str(enum rpc_type type)
{
    switch (type) {
#define X(symbol, value, name) \
    case RPC_##symbol:         \
        return name;
        RPC_TYPES(X)
#undef X
    }
    return "unknown";
}

const char *rpc_auth_type_str(enum rpc_auth_type type)
{
    switch (type) {
    case RPC_AUTH_NONE:
        return "none";
    case RPC_AUTH_SPNEGO:
        return "SPNEGO";
    case RPC_AUTH_NTLM:
        return "NTLM";
    case RPC_AUTH_KERBEROS:
        return "Kerberos";
    }
    return "unknown";
}

const char *rpc_auth_level_str(enum rpc_auth_level level)
{
    switch (level) {
    case RPC_LEVEL_DEFAULT:
        return "default";
    case RPC_LEVEL_NONE:
        return "none";
    case RPC_LEVEL_CONNECT:
        return "connect";
    case RPC_LEVEL_CALL:
        return "call";
    case RPC_LEVEL_PACKET:
        return "packet";
    case RPC_LEVEL_INTEGRITY:
        return "integrity";
    case RPC_LEVEL_PRIVACY:
        return "privacy";
    }
    return "unknown";
}

const char *rpc_uuid_text(struct arena *arena, const struct rpc_uuid *uuid)
{
    const uint8_t *rest = uuid->rest;
    return arena_printf(arena, "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", uuid->low,
        uuid->middle, uuid->high, rest[0], rest[1], rest[2], rest[3], rest[4], rest[5], rest[6],
        rest[7]);
}

const char *rpc_interface_text(struct arena *arena, const struct rpc_syntax *syntax)
{
    static const struct {
        const struct rpc_syntax *syntax;
        const char *name;
    } known[] = {{&rpc_emsmdb, "EMSMDB"}, {&rpc_async_emsmdb, "AsyncEMSMDB"}, {&rpc_nspi, "NSPI"},
        {&rpc_rfri, "RFRI"}, {&rpc_epm, "EPM"}, {&rpc_ndr20, "NDR"}};
    const char *name = NULL;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (rpc_uuid_equal(&syntax->uuid, &known[i].syntax->uuid))
            name = known[i].name;
    }
    if (name == NULL)
        name = rpc_uuid_text(arena, &syntax->uuid);
    return arena_printf(arena, "%s %d.%d", name, syntax->major, syntax->minor);
}

/* ---- one line on one PDU ---- */

static const char *describe_ack(struct arena *arena, const struct rpc_bind_ack *ack)
{
    struct fault fault = {0};
    const char *answer = rpc_bind_accepted(ack, &fault) ? "accepted" : fault.text;
    return arena_printf(arena, "frag %d/%d, %s", ack->max_transmit, ack->max_receive, answer);
}

static const char *describe_nak(struct arena *arena, const struct rpc_bind_nak *nak)
{
    const char *text =
        arena_printf(arena, "reason %d: %s", nak->reason, rpc_nak_words(nak->reason));
    for (unsigned i = 0; i < nak->count && i < RPC_VERSIONS_MAX; i++)
        text = arena_printf(arena, "%s%s %d.%d", text, i == 0 ? ", it speaks" : "",
            nak->versions[i].major, nak->versions[i].minor);
    return text;
}

static const char *describe_fragment(const struct rpc_pdu *pdu)
{
    bool first = (pdu->flags & RPC_FIRST_FRAGMENT) != 0;
    bool last = (pdu->flags & RPC_LAST_FRAGMENT) != 0;
    if (first)
        return last ? "" : " first fragment,";
    return last ? " last fragment," : " middle fragment,";
}

static const char *describe_body(struct arena *arena, const struct rpc_pdu *pdu)
{
    switch (pdu->type) {
    case RPC_BIND:
    case RPC_ALTER_CONTEXT:
        return arena_printf(arena, "frag %d/%d, %s in %s as context %d", pdu->bind.max_transmit,
            pdu->bind.max_receive, rpc_interface_text(arena, &pdu->bind.abstract),
            rpc_interface_text(arena, &pdu->bind.transfer), pdu->bind.context_id);
    case RPC_BIND_ACK:
    case RPC_ALTER_CONTEXT_RESP:
        return describe_ack(arena, &pdu->bind_ack);
    case RPC_BIND_NAK:
        return describe_nak(arena, &pdu->bind_nak);
    case RPC_REQUEST:
        return arena_printf(arena, "context %d, operation %d,%s stub %zu bytes",
            pdu->call.context_id, pdu->call.opnum, describe_fragment(pdu), pdu->call.stub_length);
    case RPC_RESPONSE:
        return arena_printf(arena, "context %d,%s stub %zu bytes", pdu->call.context_id,
            describe_fragment(pdu), pdu->call.stub_length);
    case RPC_FAULT:
        return arena_printf(arena, "%s%s%s", rpc_status_text(arena, pdu->call.status),
            (pdu->flags & RPC_DID_NOT_EXECUTE) != 0 ? ", not carried out" : "",
            pdu->call.extended ? ", with extended error information" : "");
    case RPC_AUTH3:
    case RPC_SHUTDOWN:
    case RPC_CANCEL:
    case RPC_ORPHANED:
    case RPC_RTS:
        break;
    }
    return arena_printf(arena, "%d bytes", pdu->size);
}

const char *rpc_describe(struct arena *arena, const void *bytes, size_t length)
{
    struct fault fault = {0};
    struct rpc_pdu pdu;
    if (!rpc_read(bytes, length, &pdu, &fault))
        return arena_printf(arena, "malformed, %zu bytes: %s", length, fault.text);
    if (pdu.type == RPC_RTS)
        return rts_describe(arena, bytes, length);
    const char *body = describe_body(arena, &pdu);
    const char *type = rpc_type_str(pdu.type);
    if (pdu.auth.length == 0)
        return arena_printf(arena, "%s call %u, %s", type, pdu.call_id, body);
    return arena_printf(arena, "%s call %u, %s, %s token %zu bytes at level %s", type, pdu.call_id,
        body, rpc_auth_type_str(pdu.auth.type), pdu.auth.length,
        rpc_auth_level_str(pdu.auth.level));
}
