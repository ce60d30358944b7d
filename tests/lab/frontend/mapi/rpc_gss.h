/* Kerberos for RPC: GSSAPI's acceptor in DCE style, three legs, per-message tokens apart from the
 * data ([MS-KILE] 3.4.5.4; RFC 4121 with the rotation that [MS-KILE] describes). */
#ifndef FRONTEND_MAPI_RPC_GSS_H
#define FRONTEND_MAPI_RPC_GSS_H

#include "../auth.h"
#include "rpc_pdu.h"

struct rpc_gss;

struct rpc_gss *rpc_gss_new(void);
void rpc_gss_free(struct rpc_gss *gss);
void rpc_gss_step(struct rpc_gss *gss, const void *token, size_t len, struct auth_step *ret_step);
bool rpc_gss_open(struct rpc_gss *gss, struct buf *pdu, size_t data_at,
    const struct rpc_trailer *trailer, bool sign_header, bool sealed);
size_t rpc_gss_token_size(struct rpc_gss *gss, size_t data_len, bool sealed);
/* `pdu` ends in the trailer; the token is added. */
bool rpc_gss_close(struct rpc_gss *gss, struct buf *pdu, size_t data_at, size_t data_len,
    bool sign_header, bool sealed);

#endif
