/* A session of the store, whatever carries it: who connected, the objects that ROPs have opened
 * ([MS-OXCRPC] 3.1.4.1, [MS-OXCROPS] 3.2.5). */
#ifndef FRONTEND_MAPI_SESSION_H
#define FRONTEND_MAPI_SESSION_H

#include "store.h"

enum { ROP_BUFFER_MAX = 0x8000, AUX_MAX = 0x1008 };

/* What EcDoConnectEx and Connect both ask and answer. */
struct connect {
    const struct identity *who; /* NULL: anonymous */
    const char *user_dn;
    const char *asked; /* the server that the client wanted to speak to */
    bool http;         /* MAPI over HTTP */
    bool proxied;      /* RPC over HTTP */
    bool encrypted;    /* RPC with packet privacy, or TLS below it */
};

struct session;

/* EC_NONE sets `ret_session`. */
uint32_t session_connect(const struct config *config, const struct node *node,
    const struct connect *connect, struct session **ret_session);
void session_free(void *session);
const struct mailbox *session_account(const struct session *session);
/* "/o=.../cn=Recipients/cn=", from which recipients' DNs go on. */
void session_dn_prefix(const struct session *session, struct buf *ret_text);

/* Extended buffers in and out ([MS-OXCRPC] 3.1.4.2.1). */
uint32_t session_execute(struct session *session, const unsigned char *in, size_t len,
    size_t max_out, struct buf *ret_out);
/* The auxiliary buffer of a connect answer: AUX_EXORGINFO. */
void session_aux_out(const struct session *session, struct buf *ret_aux);

#endif
