/*
 * Between the probes of an rpc row (rpc_store.c, rpc_names.c, rpc_tcp_row.c): lines as the calls
 * need them.
 */
#ifndef PROBES_RPC_ROW_H
#define PROBES_RPC_ROW_H

#include "probes/rpc.h"
#include "probes/rpc_calls.h"

/* The line of a place: bare where that is taken, sealed from the start over TCP, where no HTTP has
 * authenticated. */
bool rpc_row_line(
    struct session *session, enum rpc_place place, struct rpc_line **ret_line, struct fault *fault);
/* A server may refuse bare calls only in its answer to the first: `why` is the fact rpc.bare. Opens
 * the line anew, sealed. false: it is sealed already (*fault as it was), or that fails. */
bool rpc_row_seal(
    struct session *session, struct rpc_line *line, const char *why, struct fault *fault);
/* The call was made again on it. Where that did not help, encryption was not what was missing. */
void rpc_row_sealed(struct rpc_line *line, bool helped);
/* The answer to a first call that is worth to be asked again, sealed. */
bool rpc_wants_seal(const struct rpc_line *line, const struct fault *fault);

/* The line was not opened because the proxy does not know a name that we could but guess: true:
 * settled as SKIPPED, because our guess is no fault of theirs. */
bool rpc_row_is_nameless(
    const struct rpc_session *rpc, const struct rpc_line *line, struct check *check);

/* What the calls over a line brought: line->seen, and its stage where one failed. */
void rpc_row_called(struct rpc_line *line, bool ok);

/* The address book of this row, read once: the account's address and all further mailboxes. */
const struct book_seen *rpc_read_book(struct session *session);

/* The legacy DN of the mailbox server in that of a home database
 * ("…/cn=Servers/cn=GUID@contoso.test/cn=Microsoft Private MDB"); NULL: it is in none. Pure. */
const char *rpc_server_dn(struct arena *arena, const char *home);
/* A name that may stand in a request for a channel: GUID@domain or a host name. Pure. */
bool rpc_server_is_plain(const char *server);

/* What the endpoint mapper said of each interface. Pure. */
struct mapper_seen {
    struct epm_answer answers[RPC_PLACES];
};
bool rpc_refuses_ticket(const struct fault *fault);
void judge_rpc_mapper(const struct mapper_seen *seen, struct check *check);

#endif
