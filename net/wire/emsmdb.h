/*
 * The store's RPC interface: NDR stubs of EcDoConnectEx, EcDoRpcExt2, EcDoDisconnect and
 * EcDummyRpc, and the extended buffers that they (and MAPI over HTTP) carry.
 *
 * [MS-OXCRPC] 3.1.4.1 EcDoConnectEx (opnum 10), 3.1.4.2 EcDoRpcExt2 (11), 3.1.4.3 EcDoDisconnect
 * (1), 3.1.4.4 EcDummyRpc (6); 2.2.2.1 RPC_HEADER_EXT; 3.1.4.1.1.2 LZ77 and DIRECT2, 3.1.4.1.1.3
 * XOR; 3.1.4.1.3 version numbers. Pure.
 *
 * We ask for neither compression nor obfuscation, and never for chained answers; both are decoded
 * all the same. A false return is about the bytes; a server's own refusal is `result` of an answer
 * that was read well (net/wire/ecodes says it in words).
 */
#ifndef NET_WIRE_EMSMDB_H
#define NET_WIRE_EMSMDB_H

#include "net/arena.h"
#include "net/fault.h"
#include "net/wire/build.h"
#include "net/wire/ndr.h"

enum {
    EMSMDB_VERSION_MAJOR = 0, /* of the interface: 0.81 */
    EMSMDB_VERSION_MINOR = 81,
    EMSMDB_OPNUM_DISCONNECT = 1,
    EMSMDB_OPNUM_DUMMY = 6,
    EMSMDB_OPNUM_CONNECT_EX = 10,
    EMSMDB_OPNUM_RPC_EXT2 = 11,
    EMSMDB_ROP_OUT = 0x8007,  /* what we ask for: one extended buffer of full size */
    EMSMDB_ROP_MAX = 0x40000, /* BIG_RANGE_ULONG of the IDL */
    EMSMDB_AUX_MAX = 0x1008,  /* SMALL_RANGE_ULONG */
    EMSMDB_DN_MAX = 1024,     /* characters of a DN or display name we take or send */
};

/* a4f1db00-ca47-1067-b31f-00dd010662da as it is on the wire. */
extern const uint8_t emsmdb_uuid[16];

/* pulFlags of EcDoRpcExt2, Flags of Execute */
enum {
    EMSMDB_NO_COMPRESSION = 0x1,
    EMSMDB_NO_XOR = 0x2,
    EMSMDB_CHAIN = 0x4,
};

/* CXH. All zero: no session; a server that ends the session answers with it. */
struct emsmdb_handle {
    uint8_t bytes[NDR_CONTEXT_HANDLE_SIZE];
};
bool emsmdb_handle_is_null(const struct emsmdb_handle *handle);

/* 3.1.4.1.3.1: three words of the wire and the four numbers they mean. The high bit of the second
 * word says that major and minor share the first. */
struct build emsmdb_version_from_words(const uint16_t words[3]);
/* The form with the high bit; numbers that do not fit are cut. */
void emsmdb_version_to_words(const struct build *build, uint16_t ret_words[3]);

struct emsmdb_connect {
    const char *user_dn; /* the caller's legacyExchangeDN */
    bool administrator;  /* ulFlags 1: only with administrative rights on the server */
    uint32_t code_page;  /* 1252 */
    uint32_t lcid;       /* 0x409 */
    struct build client; /* which version we say we are: a server may block it */
};
/* False: user_dn is too long, or the writer's memory is too small. */
bool emsmdb_connect_write(struct writer *stub, const struct emsmdb_connect *connect);

struct emsmdb_session {
    uint32_t result; /* 0, or an error code; then most of the rest is empty */
    struct emsmdb_handle handle;
    uint32_t polls_max_ms, retry_count, retry_delay_ms;
    uint16_t session_index;
    const char *dn_prefix;    /* "" where the server sends none */
    const char *display_name; /* of the user, in the session's code page */
    uint16_t server_words[3];
    struct build server, best;
    uint32_t time_stamp;
    const uint8_t *aux; /* extended buffer(s), in the arena; see ext_buffers_read() */
    size_t aux_length;
};
bool emsmdb_connect_read(const void *stub, size_t length, struct arena *arena,
    struct emsmdb_session *ret_session, struct fault *fault);

/* rop: the extended buffer(s) to send, of at most EMSMDB_ROP_MAX bytes. */
bool emsmdb_rpc_write(
    struct writer *stub, const struct emsmdb_handle *handle, const void *rop, size_t length);

struct emsmdb_rpc {
    uint32_t result;
    struct emsmdb_handle handle; /* null: the server has ended the session */
    uint32_t flags;
    const uint8_t *rop; /* extended buffer(s), in the arena */
    size_t rop_length;
    const uint8_t *aux;
    size_t aux_length;
    uint32_t server_ms; /* pulTransTime */
};
bool emsmdb_rpc_read(const void *stub, size_t length, struct arena *arena,
    struct emsmdb_rpc *ret_rpc, struct fault *fault);

bool emsmdb_disconnect_write(struct writer *stub, const struct emsmdb_handle *handle);
bool emsmdb_disconnect_read(const void *stub, size_t length, struct emsmdb_handle *ret_handle,
    uint32_t *ret_result, struct fault *fault);

/* EcDummyRpc has an empty request. */
bool emsmdb_dummy_read(const void *stub, size_t length, uint32_t *ret_result, struct fault *fault);

/* ---- extended buffers: RPC_HEADER_EXT and a payload, one or several ---- */

enum {
    EXT_HEADER_SIZE = 8,
    EXT_COMPRESSED = 0x1,
    EXT_XOR_MAGIC = 0x2,
    EXT_LAST = 0x4,
    EXT_COUNT_MAX = 96,      /* 3.1.4.2.1.2.2: a server never packs more */
    EXT_TOTAL_MAX = 1 << 20, /* our cap on all payloads of one answer, unpacked */
};

/* One buffer, marked as the last, as it is. False: over 0xffff bytes, or no room. */
bool ext_buffer_write(struct writer *writer, const void *payload, size_t length);

struct ext_payload {
    const uint8_t *bytes; /* unpacked, in the arena */
    size_t length;
    uint16_t flags; /* as the header had them */
};

struct ext_buffers {
    struct ext_payload *payloads;
    size_t count;
};
/* No bytes at all are no buffers, and good. */
bool ext_buffers_read(const void *bytes, size_t length, struct arena *arena,
    struct ext_buffers *ret_buffers, struct fault *fault);

/* DIRECT2: exactly `size` bytes must come out. */
bool ext_decompress(const void *bytes, size_t length, uint8_t *ret_bytes, size_t size);

#endif
