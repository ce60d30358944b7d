/*
 * A connection for one channel of RPC over HTTP, made beside the chain (run_beside.h): TCP, TLS,
 * and the legs of its logon up to, not including, the one that proves. The chain looks at it only
 * through rpc_dial_ready(), which joins.
 */
#ifndef PROBES_RPC_DIAL_H
#define PROBES_RPC_DIAL_H

#include "net/rpch.h"
#include "probes/logon_legs.h"
#include "probes/run_beside.h"

struct rpc_dial {
    struct session *session; /* only what does not change */
    enum rpch_channel channel;
    struct arena arena;
    struct beside *dialling, *preparing;
    const char *offer_target; /* of the anonymous request */
    const char *target;       /* of the legs */
    struct deadline deadline; /* of all its waits together; at_us 0: each has its own */
    struct logon_attempt attempt;

    struct http_conn *conn;
    uint8_t end_point[TLS_ENDPOINT_MAX];
    size_t end_point_length;
    struct logon_legs legs;
    const char *stage; /* where it failed: "connect", "logon", "channels" */
    struct fault fault;
    struct http_response answer; /* of the request that was refused; status 0: none */
};

/* TCP, TLS, and an anonymous request with Content-Length 0, which ends in 401: the certificate for
 * the channel bindings is known then. */
void rpc_dial_begin(struct rpc_dial *dial, struct session *session, enum rpch_channel channel,
    const char *offer_target);
/* The same, and all of it is over by the deadline. */
void rpc_dial_begin_until(struct rpc_dial *dial, struct session *session, enum rpch_channel channel,
    const char *offer_target, struct deadline deadline);
/* Legs of the scheme; a second time with another one. */
void rpc_dial_prepare(
    struct rpc_dial *dial, const char *target, const struct logon_attempt *attempt);
/* Waits; ret_leg->authorization is the proof. Causes: sock_connect(), http_exchange(),
 * rpch_refusal(), NO_SCHEME, secctx_step(). */
bool rpc_dial_ready(struct rpc_dial *dial, struct rpch_leg *ret_leg, struct fault *fault);
void rpc_dial_done(struct rpc_dial *dial); /* zeros are allowed; closes the connection */

#endif
