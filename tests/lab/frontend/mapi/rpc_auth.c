#include "rpc_auth.h"

#include "../auth_ntlm.h"
#include "../ntlm_messages.h"
#include "../spnego.h"
#include "rpc_gss.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

struct rpc_auth {
    const struct config *config;
    const struct node *node;
    struct channel channel; /* none: RPC has no binding to TLS */
    unsigned type;
    unsigned level;
    uint32_t context;
    bool sign_header;
    bool done;
    struct identity who;
    const struct auth_mech *mech; /* NTLM, bare or in SPNEGO */
    void *state;
    struct rpc_gss *gss; /* or Kerberos */
    struct ntlm_direction from_client;
    struct ntlm_direction from_server;
};

struct rpc_auth *rpc_auth_new(const struct config *config, const struct node *node,
    const struct rpc_trailer *trailer, bool sign_header)
{
    struct rpc_auth *auth;

    if (trailer->type != RPC_AUTH_SPNEGO && trailer->type != RPC_AUTH_NTLM &&
        trailer->type != RPC_AUTH_KERBEROS)
        return NULL;
    auth = xcalloc(1, sizeof *auth);
    auth->config = config;
    auth->node = node;
    auth->type = trailer->type;
    auth->level = trailer->level;
    auth->context = trailer->context;
    auth->sign_header = sign_header;
    return auth;
}

void rpc_auth_free(struct rpc_auth *auth)
{
    if (auth == NULL)
        return;
    if (auth->state != NULL)
        auth->mech->free(auth->state);
    rpc_gss_free(auth->gss);
    OPENSSL_cleanse(&auth->from_client, sizeof auth->from_client);
    OPENSSL_cleanse(&auth->from_server, sizeof auth->from_server);
    free(auth);
}

bool rpc_auth_done(const struct rpc_auth *auth)
{
    return auth->done;
}

const struct identity *rpc_auth_identity(const struct rpc_auth *auth)
{
    return auth->done ? &auth->who : NULL;
}

unsigned rpc_auth_level(const struct rpc_auth *auth)
{
    return auth->level;
}

/* By the first token, as Negotiate does over HTTP. */
static void choose(struct rpc_auth *auth, const void *token, size_t len)
{
    if (ntlm_is_negotiate(token, len))
        auth->mech = &auth_ntlm;
    else if (auth->type == RPC_AUTH_SPNEGO && spnego_prefers_ntlm(token, len))
        auth->mech = &auth_spnego_ntlm;
    if (auth->mech != NULL)
        auth->state = auth->mech->start(auth->config, auth->node, &auth->channel);
    else
        auth->gss = rpc_gss_new();
}

static void finish_ntlm(struct rpc_auth *auth)
{
    unsigned char key[NTLM_KEY_SIZE];
    uint32_t flags = 0;

    ntlm_session(auth->state, key, &flags);
    ntlm_direction_init(&auth->from_client, key, flags, true);
    ntlm_direction_init(&auth->from_server, key, flags, false);
    OPENSSL_cleanse(key, sizeof key);
}

enum auth_result rpc_auth_step(
    struct rpc_auth *auth, const void *token, size_t len, struct buf *ret_token)
{
    struct auth_step step = {.result = AUTH_REJECT};

    if (auth->done)
        return AUTH_ACCEPT; /* an alter_context that only adds a presentation context */
    if (auth->state == NULL && auth->gss == NULL)
        choose(auth, token, len);
    if (auth->state != NULL)
        auth->mech->step(auth->state, token, len, &step);
    else
        rpc_gss_step(auth->gss, token, len, &step);
    buf_add(ret_token, buf_text(&step.token), step.token.len);
    buf_done(&step.token);
    if (step.result != AUTH_ACCEPT)
        return step.result;
    if (auth->state != NULL)
        finish_ntlm(auth);
    auth->who = step.who;
    auth->done = true;
    return AUTH_ACCEPT;
}

/* [MS-RPCE] 2.2.1.1.8: call and packet are raised to integrity by what carries connections. */
static bool is_signed(const struct rpc_auth *auth)
{
    return auth->level >= RPC_LEVEL_CALL;
}

/* The PDU up to its token: that is what NTLM signs. */
static struct buf without_token(const struct buf *pdu, size_t token_len)
{
    return (struct buf){.data = pdu->data, .len = pdu->len - token_len};
}

bool rpc_auth_open(
    struct rpc_auth *auth, struct buf *pdu, const struct rpc_trailer *trailer, size_t data_at)
{
    struct buf message = without_token(pdu, trailer->token_len);
    bool sealed = auth->level == RPC_LEVEL_PRIVACY;
    unsigned char *data = (unsigned char *)pdu->data + data_at;

    if (!auth->done)
        return false;
    if (!is_signed(auth))
        return true;
    if (trailer->token_len == 0 || trailer->level != auth->level || trailer->at < data_at)
        return false;
    if (auth->gss != NULL)
        return rpc_gss_open(auth->gss, pdu, data_at, trailer, auth->sign_header, sealed);
    return trailer->token_len == NTLM_SIGNATURE_SIZE &&
           ntlm_unseal(&auth->from_client, &message, sealed ? data : NULL, trailer->at - data_at,
               trailer->token);
}

size_t rpc_auth_token_size(struct rpc_auth *auth, size_t data_len)
{
    if (!auth->done || !is_signed(auth))
        return 0;
    if (auth->gss != NULL)
        return rpc_gss_token_size(auth->gss, data_len, auth->level == RPC_LEVEL_PRIVACY);
    return NTLM_SIGNATURE_SIZE;
}

bool rpc_auth_close(struct rpc_auth *auth, struct buf *pdu, size_t data_at, size_t data_len)
{
    bool sealed = auth->level == RPC_LEVEL_PRIVACY;
    unsigned char signature[NTLM_SIGNATURE_SIZE];
    unsigned char *data = (unsigned char *)pdu->data + data_at;

    if (auth->gss != NULL)
        return rpc_gss_close(auth->gss, pdu, data_at, data_len, auth->sign_header, sealed);
    ntlm_seal(&auth->from_server, pdu, sealed ? data : NULL, data_len, signature);
    buf_add(pdu, signature, sizeof signature);
    return true;
}

void rpc_auth_put_trailer(const struct rpc_auth *auth, struct buf *pdu, size_t pad)
{
    buf_u8(pdu, auth->type);
    buf_u8(pdu, auth->level);
    buf_u8(pdu, (unsigned)pad);
    buf_u8(pdu, 0);
    buf_le32(pdu, auth->context);
}
