/* The bodies of bind, alter_context and their answers ([C706] 12.6.4.3, 12.6.4.4, 12.6.4.5). */
#ifndef FRONTEND_MAPI_RPC_BIND_H
#define FRONTEND_MAPI_RPC_BIND_H

#include "rpc_server.h"

enum { RPC_CONTEXTS_MAX = 16 };

/* A presentation context as it was asked for, and what became of it. */
struct rpc_context {
    uint16_t id;
    const struct rpc_interface *interface; /* NULL: rejected */
    bool features;                         /* bind time feature negotiation ([MS-RPCE] 3.3.1.5.3) */
    uint16_t reason;
};

struct rpc_bind {
    uint16_t max_send; /* the client's */
    uint16_t max_receive;
    uint32_t group;
    struct rpc_context contexts[RPC_CONTEXTS_MAX];
    size_t count;
};

/* `which`: of enum rpc_interfaces. */
bool rpc_parse_bind(const struct buf *pdu, size_t end, unsigned which, struct rpc_bind *ret_bind);
/* What lies between the header and a trailer; `endpoint` may be "". */
void rpc_put_bind_answer(struct buf *pdu, const struct rpc_bind *bind, const char *endpoint);

#endif
