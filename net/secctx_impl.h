/*
 * What net/secctx.c, net/secctx_gss.c and net/secctx_ntlm.c share, and the one call that
 * net/directory_bind.c needs beyond the contract.
 */
#ifndef NET_SECCTX_IMPL_H
#define NET_SECCTX_IMPL_H

#include "net/secctx.h"

#include <gssapi/gssapi.h>

enum { SECCTX_TOKEN_MAX = 256 * 1024, SECCTX_KEY_MAX = 64 };

struct secctx_gss {
    gss_cred_id_t credential;
    gss_ctx_id_t context;
    gss_name_t name;
    char *bindings; /* "tls-server-end-point:" and the hash, or NULL */
    size_t bindings_length;
    unsigned steps;
};

struct secctx_ntlm {
    uint8_t *negotiate; /* Type 1 as sent: the MIC covers it */
    size_t negotiate_length;
    bool challenged;
    struct ntlm_challenge challenge;
    bool authenticated;
    struct ntlm_keys *keys;
};

struct secctx {
    enum sec_mechanism mechanism;
    struct sec_target target;
    struct sec_account account;
    struct arena arena; /* tokens of the exchange */
    uint8_t *output;    /* on the heap, wiped when replaced */
    size_t output_length;
    bool established;
    uint8_t key[SECCTX_KEY_MAX];
    size_t key_length;
    struct secctx_gss gss;
    struct secctx_ntlm ntlm;
};

/* Replaces the context's output; the old one is wiped. */
void secctx_set_output(struct secctx *context, const void *bytes, size_t length);

bool secctx_gss_init(struct secctx *context, struct fault *fault);
void secctx_gss_done(struct secctx *context);
bool secctx_gss_step(
    struct secctx *context, const void *input, size_t length, bool *ret_done, struct fault *fault);
bool secctx_gss_wrap(
    struct secctx *context, const void *bytes, size_t length, bool seal, struct fault *fault);
bool secctx_gss_unwrap(
    struct secctx *context, const void *bytes, size_t length, struct fault *fault);

bool secctx_ntlm_step(
    struct secctx *context, const void *input, size_t length, bool *ret_done, struct fault *fault);
void secctx_ntlm_done(struct secctx *context);
bool secctx_ntlm_wrap(
    struct secctx *context, const void *bytes, size_t length, struct fault *fault);
bool secctx_ntlm_unwrap(
    struct secctx *context, const void *bytes, size_t length, struct fault *fault);

size_t secctx_gss_signature_size(const struct secctx *context, bool sealed);
bool secctx_gss_protect(struct secctx *context, const struct sec_message *message);
bool secctx_gss_unprotect(struct secctx *context, const struct sec_message *message);
bool secctx_ntlm_protect(struct secctx *context, const struct sec_message *message);
bool secctx_ntlm_unprotect(struct secctx *context, const struct sec_message *message);

/* RFC 4752 §3.1: the layer is agreed on in messages that are signed and not sealed. Kerberos only.
 */
bool secctx_wrap_clear(struct secctx *context, const void *bytes, size_t length,
    const uint8_t **ret_bytes, size_t *ret_length, struct fault *fault);
/* Both sides have spoken all they have to; mutual authentication included. */
bool secctx_established(const struct secctx *context);
unsigned secctx_flags(const struct secctx *context);

#endif
