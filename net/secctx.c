#include "net/secctx_impl.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

void secctx_set_output(struct secctx *context, const void *bytes, size_t length)
{
    if (context->output != NULL)
        OPENSSL_cleanse(context->output, context->output_length);
    free(context->output);
    context->output = xcalloc(1, length + 1);
    context->output_length = length;
    if (length > 0)
        memcpy(context->output, bytes, length);
}

bool secctx_new(enum sec_mechanism mechanism, const struct sec_target *target,
    const struct sec_account *account, struct secctx **ret_context, struct fault *fault)
{
    struct secctx *context = xcalloc(1, sizeof *context);
    context->mechanism = mechanism;
    context->target = *target;
    context->account = *account;
    bool ok = true;
    if (mechanism == SEC_NTLM) {
        if (account->secret == NULL)
            ok = fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "no password for NTLM");
        else if (secret_nt_hash(account->secret) == NULL)
            ok = fault_set(fault, CAUSE_UNSUPPORTED, ORIGIN_EXREACH, 0,
                "this system's OpenSSL has no MD4, which NTLM needs");
    } else {
        ok = secctx_gss_init(context, fault);
    }
    if (!ok) {
        secctx_free(context);
        return false;
    }
    secctx_set_output(context, NULL, 0);
    *ret_context = context;
    return true;
}

void secctx_free(struct secctx *context)
{
    if (context == NULL)
        return;
    secctx_gss_done(context);
    secctx_ntlm_done(context);
    if (context->output != NULL)
        OPENSSL_cleanse(context->output, context->output_length);
    free(context->output);
    arena_done(&context->arena);
    OPENSSL_cleanse(context, sizeof *context);
    free(context);
}

bool secctx_step(struct secctx *context, const void *input, size_t length,
    const uint8_t **ret_output, size_t *ret_length, bool *ret_done, struct fault *fault)
{
    bool done = false;
    if (length > SECCTX_TOKEN_MAX)
        return fault_set(
            fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0, "the server's token has %zu bytes", length);
    bool ok = context->mechanism == SEC_NTLM
                  ? secctx_ntlm_step(context, input, length, &done, fault)
                  : secctx_gss_step(context, input, length, &done, fault);
    if (!ok)
        return false;
    *ret_output = context->output;
    *ret_length = context->output_length;
    *ret_done = done;
    return true;
}

bool secctx_next_proves(const struct secctx *context)
{
    if (context->established)
        return false;
    if (context->mechanism == SEC_NTLM)
        return context->ntlm.negotiate != NULL && !context->ntlm.authenticated;
    return context->gss.steps == 0;
}

const struct ntlm_challenge *secctx_challenge(const struct secctx *context)
{
    return context->ntlm.challenged ? &context->ntlm.challenge : NULL;
}

bool secctx_session_key(const struct secctx *context, const uint8_t **ret_key, size_t *ret_length)
{
    if (context->key_length == 0)
        return false;
    *ret_key = context->key;
    *ret_length = context->key_length;
    return true;
}

bool secctx_established(const struct secctx *context)
{
    return context->established;
}

unsigned secctx_flags(const struct secctx *context)
{
    return context->target.flags;
}

static bool not_established(const struct secctx *context, struct fault *fault)
{
    if (context->established)
        return false;
    fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
        "message protection was asked for before the logon ended");
    return true;
}

bool secctx_wrap(struct secctx *context, const void *bytes, size_t length,
    const uint8_t **ret_bytes, size_t *ret_length, struct fault *fault)
{
    if (not_established(context, fault))
        return false;
    bool seal = (context->target.flags & SEC_SEAL) != 0;
    bool ok = context->mechanism == SEC_NTLM ? secctx_ntlm_wrap(context, bytes, length, fault)
                                             : secctx_gss_wrap(context, bytes, length, seal, fault);
    if (!ok)
        return false;
    *ret_bytes = context->output;
    *ret_length = context->output_length;
    return true;
}

bool secctx_wrap_clear(struct secctx *context, const void *bytes, size_t length,
    const uint8_t **ret_bytes, size_t *ret_length, struct fault *fault)
{
    if (not_established(context, fault) || !secctx_gss_wrap(context, bytes, length, false, fault))
        return false;
    *ret_bytes = context->output;
    *ret_length = context->output_length;
    return true;
}

bool secctx_unwrap(struct secctx *context, const void *bytes, size_t length,
    const uint8_t **ret_bytes, size_t *ret_length, struct fault *fault)
{
    if (not_established(context, fault))
        return false;
    bool ok = context->mechanism == SEC_NTLM ? secctx_ntlm_unwrap(context, bytes, length, fault)
                                             : secctx_gss_unwrap(context, bytes, length, fault);
    if (!ok)
        return false;
    *ret_bytes = context->output;
    *ret_length = context->output_length;
    return true;
}
