/* Security contexts of RPC ([MS-RPCE] 2.2.1.1.7, 3.3.1.5.2): NTLM bare or in SPNEGO by the front
 * end's own acceptor, Kerberos by GSSAPI in DCE style. */
#ifndef FRONTEND_MAPI_RPC_AUTH_H
#define FRONTEND_MAPI_RPC_AUTH_H

#include "../auth.h"
#include "rpc_pdu.h"

enum rpc_auth_type {
    RPC_AUTH_NONE = 0,
    RPC_AUTH_SPNEGO = 9,
    RPC_AUTH_NTLM = 10,
    RPC_AUTH_KERBEROS = 16
};
enum rpc_auth_level {
    RPC_LEVEL_NONE = 1,
    RPC_LEVEL_CONNECT = 2,
    RPC_LEVEL_CALL = 3,
    RPC_LEVEL_PACKET = 4,
    RPC_LEVEL_INTEGRITY = 5,
    RPC_LEVEL_PRIVACY = 6
};

struct rpc_auth;

/* NULL: no such authentication type. */
struct rpc_auth *rpc_auth_new(const struct config *config, const struct node *node,
    const struct rpc_trailer *trailer, bool sign_header);
void rpc_auth_free(struct rpc_auth *auth);
/* One token in, perhaps one out. */
enum auth_result rpc_auth_step(
    struct rpc_auth *auth, const void *token, size_t len, struct buf *ret_token);
bool rpc_auth_done(const struct rpc_auth *auth);
/* NULL before it is done. */
const struct identity *rpc_auth_identity(const struct rpc_auth *auth);
unsigned rpc_auth_level(const struct rpc_auth *auth);

/* Checks and decrypts a request in place; `data` is its stub with the padding. */
bool rpc_auth_open(
    struct rpc_auth *auth, struct buf *pdu, const struct rpc_trailer *trailer, size_t data_at);
/* The room an answer's token will take for so many bytes of data. */
size_t rpc_auth_token_size(struct rpc_auth *auth, size_t data_len);
/* Encrypts the data of an answer that ends in its trailer, and adds the token. */
bool rpc_auth_close(struct rpc_auth *auth, struct buf *pdu, size_t data_at, size_t data_len);
/* The trailer of an answer. */
void rpc_auth_put_trailer(const struct rpc_auth *auth, struct buf *pdu, size_t pad);

#endif
