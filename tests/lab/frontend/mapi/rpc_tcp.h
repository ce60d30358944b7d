/* RPC over TCP, as Exchange 2010 had it: an endpoint mapper on port 135 of each node, and a port of
 * its own for each interface ([MS-RPCE] 2.1.1.1). */
#ifndef FRONTEND_MAPI_RPC_TCP_H
#define FRONTEND_MAPI_RPC_TCP_H

#include "../config.h"

/* Does nothing unless it is configured. False with a line in `ret_error`. */
bool rpc_tcp_start(const struct config *config, char *ret_error, size_t error_size);
void rpc_tcp_stop(void);
/* Where an interface (of enum rpc_interfaces) is; 0: nowhere. */
int rpc_tcp_port(const struct node *node, unsigned interface);

#endif
