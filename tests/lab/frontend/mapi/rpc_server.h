/* The server's half of one DCE/RPC association ([C706] 9, [MS-RPCE] 3.3): binding, authentication,
 * fragments, calls. It takes and sends whole PDUs; what carries them is not its business. */
#ifndef FRONTEND_MAPI_RPC_SERVER_H
#define FRONTEND_MAPI_RPC_SERVER_H

#include "../auth.h"
#include "ndr.h"
#include "rpc_pdu.h"

enum { RPC_PORT_STORE = 6001, RPC_PORT_REFERRAL = 6002, RPC_PORT_ADDRESS_BOOK = 6004 };

/* Which interfaces an endpoint has. */
enum rpc_interfaces {
    RPC_EMSMDB = 1,
    RPC_RFRI = 2,
    RPC_NSPI = 4,
    RPC_EPM = 8,
    RPC_ALL_INTERFACES = RPC_EMSMDB | RPC_RFRI | RPC_NSPI
};

struct rpc_party {
    const struct config *config;
    const struct node *node;
    const struct identity *http; /* who logged in below RPC; NULL: nobody */
    const char *endpoint;        /* the port, for the bind_ack */
    const char *asked;           /* the server's name, as the client has it */
};

struct rpc_server;

struct rpc_call {
    struct rpc_server *server;
    const struct config *config;
    const struct node *node;
    const char *asked;          /* see rpc_party */
    const struct identity *who; /* by RPC if it was proved there, else by HTTP; may be NULL */
    bool proxied;               /* RPC over HTTP */
    bool encrypted;             /* packet privacy */
    unsigned opnum;
    struct wire in;  /* the stub */
    struct buf *out; /* the answer's */
};

/* An interface's calls; a status is sent as a fault. */
struct rpc_interface {
    unsigned char syntax[RPC_SYNTAX_SIZE]; /* UUID and version */
    unsigned which;                        /* of enum rpc_interfaces */
    enum rpc_status (*run)(struct rpc_call *call);
};

extern const struct rpc_interface nspi_interface;
extern const struct rpc_interface rfri_interface;
extern const struct rpc_interface emsmdb_interface;
extern const struct rpc_interface epm_interface;

typedef void rpc_send_fn(void *arg, const struct buf *pdu);

/* `party` is copied; what it points to stays the caller's. */
struct rpc_server *rpc_server_new(
    const struct rpc_party *party, unsigned interfaces, rpc_send_fn *send, void *arg);
/* False: the association is over. */
bool rpc_server_take(struct rpc_server *server, struct buf *pdu);
void rpc_server_free(struct rpc_server *server);

/* Context handles: an object of an interface, until it is closed or the association ends. */
typedef void rpc_rundown_fn(void *object);
void rpc_handle_add(struct rpc_call *call, const struct rpc_interface *interface, void *object,
    rpc_rundown_fn *rundown);
/* Reads a handle; NULL: not one of this interface, answer RPC_CONTEXT_MISMATCH. */
void *rpc_handle_get(struct rpc_call *call, const struct rpc_interface *interface);
/* Writes the handle that was read last, or an empty one after closing it. */
void rpc_handle_put(struct rpc_call *call);
void rpc_handle_close(struct rpc_call *call);
/* There is none: rpc_handle_put() writes an empty one. */
void rpc_handle_none(struct rpc_call *call);

#endif
