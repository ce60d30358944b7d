/* Between rpc.c (the lines of a row) and the two ways a line is opened. */
#ifndef PROBES_RPC_IMPL_H
#define PROBES_RPC_IMPL_H

#include "probes/rpc.h"

struct rpc_http;

/* Fills the line: client, seen, stage, and what carries it. The line is closed before, its place is
 * set. rpc_http.c: RPC over HTTP; rpc_tcp_row.c: by the endpoint mapper, RPC_STORE's proof of the
 * password went through the gate in rpc.tcp_logon. */
bool rpc_http_line_open(
    struct session *session, struct rpc_line *line, enum rpc_guard guard, struct fault *fault);
bool rpc_tcp_line_open(
    struct session *session, struct rpc_line *line, enum rpc_guard guard, struct fault *fault);

void rpc_http_done(struct rpc_http *http); /* NULL is allowed */

/* A line of its own to the store of another server (line->server: rpc_http_line_open() then uses
 * fresh connections only), after a redirection; over HTTP, where the proxy finds it. *ret_line is
 * filled in any case: rpc_line_done() closes it. */
bool rpc_line_elsewhere(struct session *session, const char *server, enum rpc_guard guard,
    struct rpc_line *ret_line, struct fault *fault);
void rpc_line_done(struct rpc_line *line);

/* A channel of this row was refused its logon, or it was not Exchange that answered: no further one
 * is tried. rpc_http.c */
bool rpc_is_refused(const struct session *session);

/* A security context for inside RPC: Kerberos where a ticket for "exchangeMDB", "exchangeRFR" or
 * "exchangeAB" at `host` is to be had (by GUID@domain there is none), else NTLM. NULL in *ret and
 * true: RPC_BARE. rpc.c */
bool rpc_security_of(struct session *session, enum rpc_place place, const char *host,
    enum rpc_guard guard, struct rpc_line *line, struct rpc_security *ret_security,
    struct fault *fault);

#endif
