/* Logons that reach another server than the mailbox's own ([MS-OXCSTOR] 2.2.1.1.2): the answer
 * names the right one, and who does not listen has to wait. */
#ifndef FRONTEND_MAPI_REDIRECT_H
#define FRONTEND_MAPI_REDIRECT_H

#include "rop.h"

/* EC_NONE: this is the right server. Else EC_WRONG_SERVER, or EC_SERVER_PAUSED to who has had that
 * too often. */
uint32_t redirect_check(const struct session *session, const struct store *store);
/* What follows EC_WRONG_SERVER ([MS-OXCROPS] 2.2.3.1.4). */
void redirect_answer(const struct session *session, unsigned flags, struct buf *ret_failure);

#endif
