/* The switchboard of what the front end can break in MAPI: each interface asks in one place, and
 * the table in mapi_faults.c says what it gets. */
#ifndef FRONTEND_MAPI_MAPI_FAULTS_H
#define FRONTEND_MAPI_MAPI_FAULTS_H

#include "../handlers.h"

#include <stdint.h>

struct connect;

/* Which server opens an account's own mailbox. */
enum home {
    HOME_ANY,
    HOME_SECOND, /* the second node, by its name */
    HOME_MAILBOX /* GUID@domain, no server's name */
};

/* What is wrong behind a front end that works. */
enum back_end {
    BACK_END_FINE,
    BACK_END_NOT_LOCATED, /* the front end does not find the database's server */
    BACK_END_DOWN,        /* that server says 503 */
    BACK_END_OFFLINE      /* it is there, the database is not mounted */
};

/* Any request, before logon: something on the way, or a path that is not there. True: answered. */
bool mapi_fault_before_logon(struct call *call);
/* A channel request or an echo, after logon. True: the call is answered. */
bool mapi_fault_proxy(struct call *call);
/* What the IN channel carries never arrives. */
bool mapi_fault_in_channel(const struct config *config);
/* The status of the fault that answers each RPC; 0: none. */
uint32_t mapi_fault_rpc(const struct config *config);
/* What EcDoConnectEx and Connect return instead of working; 0: nothing. */
uint32_t mapi_fault_connect(const struct config *config, const struct connect *connect);
/* What RopLogon returns; 0: nothing. */
uint32_t mapi_fault_logon(const struct config *config, bool own, bool public);
enum home mapi_fault_home(const struct config *config);
enum back_end mapi_fault_back_end(const struct config *config);
/* gromox serves /mapi. */
bool mapi_fault_gromox(const struct config *config);
/* What the address book returns to a bind; 0: nothing. */
uint32_t mapi_fault_address_book(const struct config *config);
/* The X-ResponseCode of a MAPI/HTTP request; 0: nothing, -1: the call is answered. */
int mapi_fault_http(struct call *call, bool needs_context);

#endif
