/*
 * A row of RPC over HTTP on its way to the first association: what the probes of the layers below
 * (tls.handshake, http.offer, http.logon) do for it. [MS-RPCH] 2.1.2, 3.2.1, 3.2.2.
 *
 *   1. The chain's own connection becomes the OUT channel of the store (6001). While it goes
 *      through TLS and the offer, that of the IN channel is dialled beside it: rpc_dial_in().
 *   2. The legs of the logon before the last go with Content-Length 0, on both connections at the
 *      same time: rpc_build_leg(), rpc_prepare_in().
 *   3. The last leg of OUT is the real request of the channel: rpc_send_out(). A refused password
 *      costs one failed logon: IN's proof goes only after OUT's 200, when the line is opened.
 */
#ifndef PROBES_RPC_HTTP_H
#define PROBES_RPC_HTTP_H

#include "probes/logon_legs.h"
#include "probes/rpc.h"

/* "/rpc/rpcproxy.dll?SERVER:6001" */
const char *rpc_target(
    struct arena *arena, const struct endpoint *endpoint, const char *server, enum rpc_place place);
/* RPC_OUT_DATA with Content-Length 0, or `method`; the texts are in the arena. */
void rpc_build_offer(const struct session *session, const char *method, struct arena *arena,
    struct http_request *ret_request);

/* "https://HOST/rpc/rpcproxy.dll", as a virtual directory in AD names it: a host or a URL. */
const char *rpc_url(struct arena *arena, const char *virtual_directory);

void rpc_dial_in(struct session *session);
/* Waits for the name of the server (run_mailbox()): before the gate. */
void rpc_build_leg(struct session *session, struct http_request *ret_request);
void rpc_prepare_in(struct session *session, const struct logon_attempt *attempt);
/* *ret_sent: the request is on its way. true: OUT has an answer, whichever; a status of 200 leaves
 * the channel open. */
bool rpc_send_out(struct session *session, const char *authorization, bool *ret_sent,
    struct http_response *ret_response, struct fault *fault);
/* The RPC proxy itself has answered: the logon went through. Pure. */
bool rpc_shows_logon(const struct http_response *response);
/* Before the chain's connection is replaced. NULL is allowed. */
void rpc_let_go(struct rpc_session *rpc);

#endif
