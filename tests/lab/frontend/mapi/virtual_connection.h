/* Virtual connections of RPC over HTTP v2: what the IN and the OUT channel of one client share
 * ([MS-RPCH] 3.2.3 and 3.2.4). Each channel is a connection with a thread of its own; the OUT
 * channel's thread is the only one that writes to it. */
#ifndef FRONTEND_MAPI_VIRTUAL_CONNECTION_H
#define FRONTEND_MAPI_VIRTUAL_CONNECTION_H

#include "../stream.h"
#include "rts.h"

struct virtual_connection;

enum { VC_TIMEOUT_MS = 120000, VC_RECEIVE_WINDOW = 65536 };

/* The OUT channel's part, from CONN/A1. NULL: such a connection exists. */
struct virtual_connection *vc_open(const struct rts *conn_a1, uint64_t lifetime);
/* Writes what the other side queues, and pings, until either channel is over. */
void vc_serve_out(struct virtual_connection *vc, struct stream *stream);

/* The IN channel's part, from CONN/B1: waits for the OUT channel. NULL: it does not come. */
struct virtual_connection *vc_join(const struct rts *conn_b1, int in_fd, int64_t deadline);
/* Queues a PDU for the client; RTS PDUs are not subject to flow control (3.2.1.1.4). */
void vc_send(void *vc, const struct buf *pdu);
/* The client says what it has received. */
void vc_acknowledged(struct virtual_connection *vc, const struct rts_command *acknowledgement);

/* Each part leaves once; the last one frees it. */
void vc_leave(struct virtual_connection *vc);

#endif
