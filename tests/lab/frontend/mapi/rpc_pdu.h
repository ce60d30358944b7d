/* Connection-oriented PDUs of DCE/RPC ([C706] 12.6, [MS-RPCE] 2.2.2). */
#ifndef FRONTEND_MAPI_RPC_PDU_H
#define FRONTEND_MAPI_RPC_PDU_H

#include "../http.h"
#include "wire.h"

enum {
    RPC_HEADER_SIZE = 16,
    RPC_REQUEST_HEADER_SIZE = 24,
    RPC_TRAILER_SIZE = 8,
    RPC_SYNTAX_SIZE = 20,
    RPC_FRAGMENT_MAX = 5840
};

enum rpc_type {
    RPC_REQUEST = 0,
    RPC_RESPONSE = 2,
    RPC_FAULT = 3,
    RPC_BIND = 11,
    RPC_BIND_ACK = 12,
    RPC_BIND_NAK = 13,
    RPC_ALTER_CONTEXT = 14,
    RPC_ALTER_CONTEXT_RESP = 15,
    RPC_AUTH3 = 16,
    RPC_SHUTDOWN = 17,
    RPC_CO_CANCEL = 18,
    RPC_ORPHANED = 19,
    RPC_RTS = 20
};

enum rpc_flag {
    RPC_FIRST = 0x01,
    RPC_LAST = 0x02,
    RPC_HEADER_SIGN = 0x04, /* in bind and alter_context */
    RPC_DID_NOT_EXECUTE = 0x20,
    RPC_OBJECT = 0x80
};

/* Fault and bind_nak codes ([C706] E, [MS-RPCE] 2.2.2.5, [MS-ERREF]). */
enum rpc_status {
    RPC_OK = 0,
    RPC_ACCESS_DENIED = 0x5,
    RPC_BAD_STUB_DATA = 0x6f7,
    RPC_OP_RANGE_ERROR = 0x1c010002,
    RPC_UNKNOWN_INTERFACE = 0x1c010003,
    RPC_PROTOCOL_ERROR = 0x1c01000b,
    RPC_CONTEXT_MISMATCH = 0x1c00001a,
    RPC_SECURITY_ERROR = 0x721
};
enum rpc_nak { RPC_NAK_NOT_SPECIFIED = 0, RPC_NAK_VERSION = 4, RPC_NAK_AUTH_TYPE = 8 };

struct rpc_header {
    enum rpc_type type;
    unsigned flags;
    size_t length;
    size_t auth_length;
    uint32_t call_id;
};

/* The sec_trailer (2.2.2.11) and what it describes; all zero without one. */
struct rpc_trailer {
    unsigned type;
    unsigned level;
    size_t pad;
    uint32_t context;
    size_t at; /* of the trailer in the PDU */
    const unsigned char *token;
    size_t token_len;
};

/* False: not version 5, not little-endian, or lengths that contradict each other. */
bool rpc_parse_header(const void *bytes, size_t len, struct rpc_header *ret_header);
bool rpc_parse_trailer(
    const void *pdu, const struct rpc_header *header, struct rpc_trailer *ret_trailer);

void rpc_begin_pdu(struct buf *pdu, enum rpc_type type, unsigned flags, uint32_t call_id);
/* Fills in the lengths. */
void rpc_end_pdu(struct buf *pdu, size_t auth_length);

/* Takes the next PDU off a connection; no more than `*left` bytes are read. False: it is over. */
bool rpc_read_pdu(struct http_conn *conn, uint64_t *left, struct buf *ret_pdu, int64_t deadline);

#endif
