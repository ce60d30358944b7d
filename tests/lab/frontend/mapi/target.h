/* Where a client wants to go behind the front end: a server, or a mailbox, which from Exchange 2013
 * on is its own server: GUID@domain. */
#ifndef FRONTEND_MAPI_TARGET_H
#define FRONTEND_MAPI_TARGET_H

#include "../handlers.h"

/* Exchange 2010 and before: no /mapi, no mailbox as a server, RPC that has to log on by itself. */
bool node_is_old(const struct node *node);

/* By its full or its short name; NULL: it is no node's. */
const struct node *target_node(const struct config *config, const char *name);
bool target_is_mailbox(const struct config *config, const char *name);
/* Whether there is such a server or mailbox behind this node. */
bool target_exists(const struct config *config, const struct node *node, const char *name);
/* 404, as the front end's proxy says that it does not know the mailbox. */
void target_unknown(struct call *call);

#endif
