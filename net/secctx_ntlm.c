/*
 * NTLM behind the face of net/secctx.h: the order of the three messages, [MS-NLMP] 1.3.1.1, and the
 * framing of protected messages as SSPI does it: a 16-byte signature before the sealed bytes.
 */
#include "net/secctx_impl.h"

#include "net/krb_impl.h"
#include "net/wire/reader.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum { SIGNATURE_SIZE = 16 };

static unsigned wanted_flags(const struct secctx *context)
{
    unsigned flags = 0;
    if ((context->target.flags & SEC_SIGN) != 0)
        flags |= NTLM_WANT_SIGN;
    if ((context->target.flags & SEC_SEAL) != 0)
        flags |= NTLM_WANT_SIGN | NTLM_WANT_SEAL;
    return flags;
}

static bool authenticate(
    struct secctx *context, const void *input, size_t length, struct fault *fault)
{
    struct secctx_ntlm *ntlm = &context->ntlm;
    const struct sec_target *target = &context->target;
    if (!ntlm_challenge_parse(&context->arena, input, length, &ntlm->challenge, fault))
        return false;
    ntlm->challenged = true;

    uint8_t bindings[16];
    if (target->end_point != NULL &&
        !channel_bindings_md5(target->end_point, target->end_point_length, bindings, fault))
        return false;
    struct ntlm_input authenticate_input = {
        .user = context->account.user,
        .domain = context->account.domain,
        .workstation = krb_workstation(), /* AD compares it with userWorkstations */
        .hash = secret_nt_hash(context->account.secret),
        .target_name = arena_printf(&context->arena, "%s/%s", target->service, target->host),
        .bindings = target->end_point != NULL ? bindings : NULL,
        .negotiate = ntlm->negotiate,
        .negotiate_length = ntlm->negotiate_length,
        .challenge = input,
        .challenge_length = length,
        .flags = wanted_flags(context),
    };
    uint8_t *token = NULL;
    size_t token_length = 0;
    uint8_t key[16];
    if (!ntlm_authenticate(&context->arena, &authenticate_input, &ntlm->challenge, &token,
            &token_length, key, fault))
        return false;
    bool ok = ntlm_keys_new(key, &ntlm->keys, fault);
    if (ok) {
        memcpy(context->key, key, sizeof key);
        context->key_length = sizeof key;
        secctx_set_output(context, token, token_length);
        ntlm->authenticated = true;
        context->established = true;
    }
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(token, token_length);
    return ok;
}

bool secctx_ntlm_step(
    struct secctx *context, const void *input, size_t length, bool *ret_done, struct fault *fault)
{
    struct secctx_ntlm *ntlm = &context->ntlm;
    if (ntlm->authenticated) {
        if (length > 0)
            return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
                "the server sent another NTLM token after the last one");
        secctx_set_output(context, NULL, 0);
        *ret_done = true;
        return true;
    }
    if (ntlm->negotiate != NULL) {
        if (!authenticate(context, input, length, fault))
            return false;
        *ret_done = true;
        return true;
    }
    if (length > 0)
        return fault_set(
            fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0, "the server sent an NTLM token before ours");
    ntlm_negotiate(
        &context->arena, wanted_flags(context), &ntlm->negotiate, &ntlm->negotiate_length);
    secctx_set_output(context, ntlm->negotiate, ntlm->negotiate_length);
    *ret_done = false;
    return true;
}

void secctx_ntlm_done(struct secctx *context)
{
    ntlm_keys_free(context->ntlm.keys);
    context->ntlm.keys = NULL;
}

bool secctx_ntlm_wrap(struct secctx *context, const void *bytes, size_t length, struct fault *fault)
{
    uint8_t signature[SIGNATURE_SIZE];
    uint8_t *copy = xcalloc(1, length + 1);
    memcpy(copy, bytes, length);
    bool seal = (context->target.flags & SEC_SEAL) != 0;
    bool ok = seal ? ntlm_seal(context->ntlm.keys, copy, length, copy, length, signature)
                   : ntlm_sign(context->ntlm.keys, copy, length, signature);
    if (ok) {
        size_t size = SIGNATURE_SIZE + length;
        struct writer writer = writer_of(xcalloc(1, size), size);
        write_bytes(&writer, signature, sizeof signature);
        write_bytes(&writer, copy, length);
        secctx_set_output(context, writer.bytes, writer.length);
        OPENSSL_cleanse(writer.bytes, size);
        free(writer.bytes);
    }
    OPENSSL_cleanse(copy, length);
    free(copy);
    return ok ||
           fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "NTLM could not seal a message");
}

bool secctx_ntlm_unwrap(
    struct secctx *context, const void *bytes, size_t length, struct fault *fault)
{
    struct reader reader = reader_of(bytes, length);
    const uint8_t *signature = read_bytes(&reader, SIGNATURE_SIZE);
    size_t rest = reader_left(&reader);
    const uint8_t *sealed = read_bytes(&reader, rest);
    if (!reader_ok(&reader))
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "a sealed message of %zu bytes is shorter than its signature", length);
    secctx_set_output(context, sealed, rest);
    if (!ntlm_unseal(context->ntlm.keys, context->output, rest, context->output, rest, signature))
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "a sealed message does not carry the server's signature");
    return true;
}
