/* Where a client wants to go behind the front end: a server, or a mailbox, which from Exchange 2013
 * on is its own server: GUID@domain. */
#ifndef FRONTEND_MAPI_TARGET_H
#define FRONTEND_MAPI_TARGET_H

#include "../handlers.h"

bool target_is_node(const struct config *config, const char *name);
bool target_is_mailbox(const struct config *config, const char *name);
/* 404, as the front end's proxy says that it does not know the mailbox. */
void target_unknown(struct call *call);

#endif
