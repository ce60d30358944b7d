/*
 * Connection-oriented DCE/RPC PDUs, client side, pure. [C706] 12.6, [MS-RPCE] 2.2.2 and 3.3.
 *
 *   1. rpc_frame() cuts PDUs out of a stream: the common header ([C706] 12.6.3.1) with its bounds.
 *   2. rpc_write_bind() proposes one interface in NDR 2.0; rpc_read() reads bind_ack or bind_nak.
 *   3. Tokens travel in the sec_trailer ([MS-RPCE] 2.2.2.11): first in bind and bind_ack, then in
 *      rpc_auth_3 where the last of an odd number of legs is ours (NTLM), else in alter_context
 *      and its answer (Kerberos, SPNEGO). [MS-RPCE] 3.3.1.5.2.1
 *   4. rpc_request_next() cuts a call's stub into fragments; rpc_protection() says what of each is
 *      signed and sealed. [MS-RPCE] 3.3.1.5.2.2
 *   5. rpc_assembly_add() joins the fragments of the response; a fault ends the call.
 *
 * Little-endian, ASCII, IEEE and version 5.0 only: what every Windows server speaks, and what it
 * answers to a client that speaks so. Whatever is malformed is CAUSE_MALFORMED with ORIGIN_RPC.
 */
#ifndef NET_WIRE_RPC_H
#define NET_WIRE_RPC_H

#include "net/arena.h"
#include "net/fault.h"
#include "net/wire/reader.h"

enum {
    RPC_HEADER_SIZE = 16,
    RPC_CALL_HEADER_SIZE = 24, /* of a request without object, and of a response */
    RPC_TRAILER_SIZE = 8,
    RPC_FRAGMENT_SIZE = 5840,       /* what we offer and send at most, as Windows does */
    RPC_FRAGMENT_LEAST = 1432,      /* every peer must take it: MustRecvFragSize, [C706] 12.6.3.6 */
    RPC_STUB_MAX = 4 * 1024 * 1024, /* of one call, either way. [MS-RPCE] 3.3.3.5.4 */
    RPC_RESULTS_MAX = 8,
    RPC_VERSIONS_MAX = 8,
    RPC_ADDRESS_SIZE = 64
};

/* X(symbol, value, name) */
#define RPC_TYPES(X)                                \
    X(REQUEST, 0, "request")                        \
    X(RESPONSE, 2, "response")                      \
    X(FAULT, 3, "fault")                            \
    X(BIND, 11, "bind")                             \
    X(BIND_ACK, 12, "bind_ack")                     \
    X(BIND_NAK, 13, "bind_nak")                     \
    X(ALTER_CONTEXT, 14, "alter_context")           \
    X(ALTER_CONTEXT_RESP, 15, "alter_context_resp") \
    X(AUTH3, 16, "auth3")                           \
    X(SHUTDOWN, 17, "shutdown")                     \
    X(CANCEL, 18, "cancel")                         \
    X(ORPHANED, 19, "orphaned")                     \
    X(RTS, 20, "RTS") /* [MS-RPCH]: net/wire/rts.h */

enum rpc_type {
#define X(symbol, value, name) RPC_##symbol = (value),
    RPC_TYPES(X)
#undef X
};

enum rpc_flag {
    RPC_FIRST_FRAGMENT = 0x01,
    RPC_LAST_FRAGMENT = 0x02,
    RPC_HEADER_SIGN = 0x04, /* in bind and alter_context, both ways. [MS-RPCE] 2.2.2.3 */
    RPC_DID_NOT_EXECUTE = 0x20,
    RPC_OBJECT_UUID = 0x80
};

/* [MS-RPCE] 2.2.1.1.7 */
enum rpc_auth_type {
    RPC_AUTH_NONE = 0,
    RPC_AUTH_SPNEGO = 9,
    RPC_AUTH_NTLM = 10,
    RPC_AUTH_KERBEROS = 16
};

/* [MS-RPCE] 2.2.1.1.8 */
enum rpc_auth_level {
    RPC_LEVEL_DEFAULT = 0,
    RPC_LEVEL_NONE = 1,
    RPC_LEVEL_CONNECT = 2,
    RPC_LEVEL_CALL = 3,
    RPC_LEVEL_PACKET = 4,
    RPC_LEVEL_INTEGRITY = 5,
    RPC_LEVEL_PRIVACY = 6
};

const char *rpc_type_str(enum rpc_type type);
const char *rpc_auth_type_str(enum rpc_auth_type type); /* "NTLM"; "unknown" for others' values */
const char *rpc_auth_level_str(enum rpc_auth_level level);

/* ---- interfaces ---- */

struct rpc_uuid {
    uint32_t low;
    uint16_t middle, high;
    uint8_t rest[8];
};

struct rpc_syntax {
    struct rpc_uuid uuid;
    uint16_t major, minor;
};

extern const struct rpc_syntax rpc_emsmdb;       /* [MS-OXCRPC] 1.9 */
extern const struct rpc_syntax rpc_async_emsmdb; /* [MS-OXCRPC] 1.9 */
extern const struct rpc_syntax rpc_nspi;         /* [MS-OXNSPI] 1.9 */
extern const struct rpc_syntax rpc_rfri;         /* [MS-OXABREF] 1.9 */
extern const struct rpc_syntax rpc_epm;          /* [C706] appendix O */
extern const struct rpc_syntax rpc_ndr20;        /* [C706] appendix I */

bool rpc_uuid_equal(const struct rpc_uuid *a, const struct rpc_uuid *b);
bool rpc_syntax_equal(const struct rpc_syntax *a, const struct rpc_syntax *b);
const char *rpc_uuid_text(struct arena *arena, const struct rpc_uuid *uuid);
const char *rpc_interface_text(struct arena *arena, const struct rpc_syntax *syntax);
struct rpc_uuid rpc_uuid_read(struct reader *reader);
void rpc_uuid_write(struct writer *writer, const struct rpc_uuid *uuid);

/* ---- reading ---- */

enum rpc_frame {
    RPC_FRAME_MORE,      /* the PDU is not whole yet; *ret_size is 0 until its header is */
    RPC_FRAME_WHOLE,     /* *ret_size bytes of it */
    RPC_FRAME_MALFORMED, /* *fault says why; the stream is lost */
};

/* What is at the start of a stream of PDUs. Says MALFORMED with the first byte that tells. */
enum rpc_frame rpc_frame(const void *bytes, size_t length, size_t *ret_size, struct fault *fault);

struct rpc_auth {
    enum rpc_auth_type type; /* RPC_AUTH_NONE: no trailer */
    enum rpc_auth_level level;
    uint8_t pad; /* bytes of padding before the trailer; reading only */
    uint32_t context_id;
    const uint8_t *token; /* NULL in a request to be written: room for it is left */
    size_t length;
};

/* bind and alter_context. Reading keeps the first presentation context. */
struct rpc_bind {
    uint16_t max_transmit, max_receive;
    uint32_t group; /* association group; 0: a new one */
    unsigned contexts;
    uint16_t context_id;
    struct rpc_syntax abstract, transfer;
};

/* p_cont_def_result_t, [C706] 12.6.3.1, [MS-RPCE] 2.2.2.4 */
enum rpc_result {
    RPC_RESULT_ACCEPTED = 0,
    RPC_RESULT_USER_REJECTION = 1,
    RPC_RESULT_PROVIDER_REJECTION = 2,
    RPC_RESULT_NEGOTIATE_ACK = 3
};

struct rpc_bind_ack {
    uint16_t max_transmit, max_receive; /* the server's: we send at most its max_receive */
    uint32_t group;
    char address[RPC_ADDRESS_SIZE]; /* sec_addr, printable, cut where longer */
    unsigned count;                 /* as announced; RPC_RESULTS_MAX of them are kept */
    struct rpc_context_result {
        uint16_t result; /* enum rpc_result */
        uint16_t reason;
        struct rpc_syntax transfer;
    } results[RPC_RESULTS_MAX];
};

struct rpc_bind_nak {
    uint16_t reason;
    unsigned count; /* of the versions it would speak; RPC_VERSIONS_MAX are kept */
    struct rpc_version {
        uint8_t major, minor;
    } versions[RPC_VERSIONS_MAX];
};

/* request, response, fault */
struct rpc_call {
    uint32_t alloc_hint;
    uint16_t context_id;
    uint16_t opnum;      /* request */
    uint32_t status;     /* fault */
    bool extended;       /* fault: with extended error information (not read). [MS-RPCE] 2.2.2.8 */
    const uint8_t *stub; /* without the authentication padding; sealed until it is unsealed */
    size_t stub_length;
};

struct rpc_pdu {
    enum rpc_type type;
    uint8_t flags; /* enum rpc_flag */
    uint16_t size;
    uint32_t call_id;
    struct rpc_auth auth;
    union {
        struct rpc_bind bind;         /* BIND ALTER_CONTEXT */
        struct rpc_bind_ack bind_ack; /* BIND_ACK ALTER_CONTEXT_RESP */
        struct rpc_bind_nak bind_nak; /* BIND_NAK */
        struct rpc_call call;         /* REQUEST RESPONSE FAULT */
    };
};

/* One whole PDU of any type, of either side. Views point into `bytes`. The body of an RTS PDU is
 * read by rts_read(). Cause: MALFORMED. */
bool rpc_read(const void *bytes, size_t length, struct rpc_pdu *ret_pdu, struct fault *fault);

/* What a bind_ack allows a request's fragments to be. */
uint16_t rpc_fragment_size(const struct rpc_bind_ack *ack);
/* The only context of ours was accepted. Causes: NOT_EXCHANGE (the server does not have the
 * interface in NDR 2.0) SERVER_BUSY (a limit of it) ACCESS_DENIED (its application refused)
 * MALFORMED. */
bool rpc_bind_accepted(const struct rpc_bind_ack *ack, struct fault *fault);

/* ---- writing: one PDU behind what the writer holds; false: no room, or not to be sent so ---- */

/* type: BIND or ALTER_CONTEXT. auth NULL: none. Asks for signed headers from INTEGRITY on. */
bool rpc_write_bind(struct writer *writer, enum rpc_type type, uint32_t call_id,
    const struct rpc_bind *bind, const struct rpc_auth *auth);
/* One context in NDR 2.0, a new association, our fragment size. */
struct rpc_bind rpc_bind_to(const struct rpc_syntax *abstract, uint16_t context_id);
bool rpc_write_auth3(struct writer *writer, uint32_t call_id, const struct rpc_auth *auth);

struct rpc_request {
    uint32_t call_id;
    uint16_t context_id, opnum;
    uint16_t fragment_size; /* rpc_fragment_size() */
    struct rpc_auth auth; /* of the association; length: of one signature. NONE, CONNECT: unsent */
    const uint8_t *stub;
    size_t stub_length;
    size_t sent; /* of the stub, zero at first */
};

/* The next fragment, at most fragment_size bytes, the token's place filled with zeros. */
bool rpc_request_next(struct rpc_request *request, struct writer *writer, bool *ret_last);

struct rpc_range {
    size_t at, length;
};

/* Offsets from the start of a PDU. Nothing to do: the length is 0. */
struct rpc_protection {
    struct rpc_range covered; /* by the signature: the bytes before they are sealed */
    struct rpc_range sealed;
    struct rpc_range token;
};

/* Of one whole request or response with a trailer. header_signed: both sides set RPC_HEADER_SIGN
 * (NTLM's implementations sign the header in any case: true). Cause: MALFORMED. */
bool rpc_protection(const void *bytes, size_t length, bool header_signed,
    struct rpc_protection *ret_protection, struct fault *fault);

/* ---- one response out of its fragments ---- */

struct rpc_assembly {
    uint32_t call_id;
    uint16_t context_id;
    struct rpc_auth auth; /* every fragment must be protected so; NONE, CONNECT: need not be */
    uint8_t *stub;
    size_t length, size;
    unsigned fragments;
    bool whole;
};

/* auth as negotiated, NULL: none. */
void rpc_assembly_init(struct rpc_assembly *assembly, uint32_t call_id, uint16_t context_id,
    const struct rpc_auth *auth);
void rpc_assembly_done(struct rpc_assembly *assembly);
/* A response, unsealed already. *ret_whole: assembly->stub holds all of it. Causes: MALFORMED (not
 * of this call, out of order, unprotected) TOO_LARGE (over RPC_STUB_MAX, or without an end). */
bool rpc_assembly_add(struct rpc_assembly *assembly, const struct rpc_pdu *response,
    bool *ret_whole, struct fault *fault);

/* ---- words ---- */

struct rpc_status {
    uint32_t code;
    const char *name;  /* "RPC_S_SERVER_UNAVAILABLE" */
    const char *words; /* "the RPC server is not reachable" */
};

/* The status of a fault or of a proxy's "RPC Error"; NULL: not in the table. [C706] appendix E,
 * [MS-RPCE] 3.1.1.5.5, [MS-ERREF] 2.2. */
const struct rpc_status *rpc_status_find(uint32_t code);
const char *rpc_status_text(struct arena *arena, uint32_t code); /* "0x5 ERROR_…: words" */
/* Fills *fault with the cause that suits the status of a fault or "RPC Error", code is it; `who`
 * begins the sentence ("the RPC proxy"). Causes: ACCESS_DENIED LOGON_REFUSED SERVER_BUSY
 * UNREACHABLE NOT_EXCHANGE RPC_FAULT. Always false. */
bool rpc_status_fault(uint32_t code, const char *who, struct fault *fault);
/* The same for a bind_nak. Causes: SERVER_BUSY NO_SCHEME LOGON_REFUSED RPC_FAULT. */
bool rpc_nak_fault(const struct rpc_bind_nak *nak, struct fault *fault);
const char *rpc_nak_words(uint16_t reason);    /* [C706] 12.6.3.1, [MS-RPCE] 2.2.2.5 */
const char *rpc_reject_words(uint16_t reason); /* of a provider rejection. [C706] 12.6.3.1 */

/* One line on one PDU of any type, for -vv; no secrets. Malformed ones too. */
const char *rpc_describe(struct arena *arena, const void *bytes, size_t length);

#endif
