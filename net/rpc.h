/*
 * A DCE/RPC client over connection-oriented transports: bind, security, calls. [MS-RPCE] 3.3.1,
 * [C706] 9 and 12, with the codec of net/wire/rpc.h.
 *
 *   1. rpc_open() binds one interface in NDR 2.0. With security the context's tokens go in bind and
 *      bind_ack, then in auth3 (NTLM: the server does not answer it, a refusal comes with the first
 *      call) or in alter_context and its answer (Kerberos, SPNEGO).
 *   2. rpc_call() sends one request in fragments and joins the fragments of its response; signed
 *      from INTEGRITY on, sealed at PRIVACY.
 *   3. After a fault PDU the association lives on; after any other failure it is spent.
 */
#ifndef NET_RPC_H
#define NET_RPC_H

#include "net/http.h"
#include "net/secctx.h"
#include "net/wire/epm.h"
#include "net/wire/rpc.h"

/* PDUs, whole ones, both ways. */
struct rpc_transport {
    void *context;
    bool (*send)(
        void *context, const void *pdu, size_t length, struct net_limit limit, struct fault *fault);
    /* The next one, to be changed in place; valid until the next call. */
    bool (*receive)(void *context, struct net_limit limit, uint8_t **ret_pdu, size_t *ret_length,
        struct fault *fault);
    void (*close)(void *context);
};

/* Over TCP. The socket is the transport's; `whom` is copied, for the words of faults. Causes of
 * send and receive: TIMEOUT INTERRUPTED RESET CLOSED TRUNCATED MALFORMED INTERNAL. */
struct rpc_transport rpc_tcp_transport(net_sock sock, const char *whom);

/* `context`: new, and made with
 *   NTLM      SEC_NTLM
 *   SPNEGO    SEC_KERBEROS, or SEC_NTLM (which Windows takes raw)
 *   KERBEROS  SEC_KERBEROS_PLAIN
 * and the flags SEC_DCE, SEC_SIGN from INTEGRITY on and SEC_SEAL at PRIVACY; it stays the caller's
 * and must outlive the client. It proves the password: the gate must be open. */
struct rpc_security {
    enum rpc_auth_type type;   /* NONE: anonymous */
    enum rpc_auth_level level; /* CONNECT INTEGRITY PRIVACY */
    struct secctx *context;
};

struct rpc_options {
    const struct rpc_syntax *interface;
    struct rpc_security security;
    const char *server; /* begins the words of faults: "the address book (6004)"; NULL */
    http_trace *trace;  /* every PDU in words; NULL: none */
    void *trace_context;
};

/* What the server said so far, also where rpc_open() failed. */
struct rpc_seen {
    bool acked, naked; /* bind_ack, bind_nak came */
    struct rpc_bind_ack ack;
    struct rpc_bind_nak nak;
    bool header_signed;   /* agreed on */
    bool proved;          /* our proof of the password was sent */
    unsigned calls;       /* answered, faults not counted */
    uint32_t status;      /* of the last fault PDU, 0: none */
    bool did_not_execute; /* it said so */
};

struct rpc_client;
/* Takes the transport: rpc_close() closes it, also after a failure here. ret_seen may be NULL.
 * Causes: of the transport; of the context (secctx_step()); of rpc_bind_accepted(), rpc_nak_fault()
 * and rpc_status_fault(); MALFORMED INTERNAL. */
bool rpc_open(const struct rpc_transport *transport, const struct rpc_options *options,
    struct net_limit limit, struct rpc_client **ret_client, struct rpc_seen *ret_seen,
    struct fault *fault);
void rpc_close(struct rpc_client *client); /* NULL is allowed */
const struct rpc_seen *rpc_client_seen(const struct rpc_client *client);
bool rpc_usable(const struct rpc_client *client); /* a further call may go */

struct rpc_stub {
    const uint8_t *bytes;
    size_t length;
};

/* *ret_answer: the stub of the response, in the arena. Causes: of the transport; RPC_FAULT,
 * ACCESS_DENIED and whatever else rpc_status_fault() gives, origin RPC, code is the status; CLOSED
 * (the client is spent); MALFORMED (a wrong signature too) TOO_LARGE INTERNAL. */
bool rpc_call(struct rpc_client *client, uint16_t opnum, struct rpc_stub stub,
    struct net_limit limit, struct arena *arena, struct rpc_stub *ret_answer, struct fault *fault);

/* Asks an endpoint mapper (a client of rpc_epm) where an interface listens. The status is in the
 * answer. Causes: of rpc_call() and epm_read_map(). */
bool rpc_map(struct rpc_client *mapper, const struct rpc_syntax *interface, struct net_limit limit,
    struct epm_answer *ret_answer, struct fault *fault);

#endif
