/* The mailbox's server behind the front end cannot be had: what the front end says to everything
 * that has to reach it. */
#ifndef FRONTEND_MAPI_BACK_END_H
#define FRONTEND_MAPI_BACK_END_H

#include "../handlers.h"

/* After logon. True: the call is answered. */
bool back_end_is_gone(struct call *call);
/* The database is not mounted: the store, EWS and Outlook on the web open no mailbox. */
bool back_end_is_offline(const struct config *config);

#endif
