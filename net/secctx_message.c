/*
 * Message protection of DCE/RPC, [MS-RPCE] 3.3.1.5.2.2: NTLM by [MS-NLMP] 3.4, Kerberos by the
 * IOV calls of GSSAPI with DCE style ([MS-KILE] 3.4.5.4, RFC 4121 and RFC 4757).
 */
#include "net/secctx_impl.h"

#include <gssapi/gssapi_ext.h>
#include <string.h>

enum { NTLM_SIGNATURE_SIZE = 16 };

/* ---- NTLM ---- */

bool secctx_ntlm_protect(struct secctx *context, const struct sec_message *message)
{
    if (message->signature_length != NTLM_SIGNATURE_SIZE)
        return false;
    return ntlm_seal(context->ntlm.keys, message->bytes, message->length,
        &message->bytes[message->sealed_at], message->seal ? message->sealed_length : 0,
        message->signature);
}

bool secctx_ntlm_unprotect(struct secctx *context, const struct sec_message *message)
{
    if (message->signature_length != NTLM_SIGNATURE_SIZE)
        return false;
    return ntlm_unseal(context->ntlm.keys, message->bytes, message->length,
        &message->bytes[message->sealed_at], message->seal ? message->sealed_length : 0,
        message->signature);
}

/* ---- Kerberos ---- */

/* Signed before, sealed, signed behind, and the token. */
enum { IOV_TOKEN, IOV_BEFORE, IOV_SEALED, IOV_BEHIND, IOV_COUNT };

static void set_iov(gss_iov_buffer_desc iov[IOV_COUNT], const struct sec_message *message)
{
    size_t end = message->sealed_at + message->sealed_length;
    const gss_iov_buffer_desc all[IOV_COUNT] = {
        [IOV_TOKEN] = {GSS_IOV_BUFFER_TYPE_HEADER, {message->signature_length, message->signature}},
        [IOV_BEFORE] = {GSS_IOV_BUFFER_TYPE_SIGN_ONLY, {message->sealed_at, message->bytes}},
        [IOV_SEALED] = {GSS_IOV_BUFFER_TYPE_DATA,
            {message->sealed_length, &message->bytes[message->sealed_at]}},
        [IOV_BEHIND] = {GSS_IOV_BUFFER_TYPE_SIGN_ONLY,
            {message->length - end, &message->bytes[end]}},
    };
    memcpy(iov, all, sizeof all);
}

/* The size of a sealed message's token does not depend on its length: DCE style pads nothing that
 * the protocol has not padded. RFC 4121 §4.2.4 */
static size_t sealed_token_size(const struct secctx *context)
{
    uint8_t none[16] = {0};
    struct sec_message message = {
        .bytes = none, .length = sizeof none, .sealed_length = sizeof none};
    gss_iov_buffer_desc iov[IOV_COUNT];
    OM_uint32 minor = 0;
    set_iov(iov, &message);
    if (GSS_ERROR(gss_wrap_iov_length(
            &minor, context->gss.context, 1, GSS_C_QOP_DEFAULT, NULL, iov, IOV_COUNT)))
        return 0;
    return iov[IOV_TOKEN].buffer.length;
}

static size_t signed_token_size(const struct secctx *context)
{
    gss_iov_buffer_desc iov[2] = {
        {GSS_IOV_BUFFER_TYPE_DATA, GSS_C_EMPTY_BUFFER},
        {GSS_IOV_BUFFER_TYPE_MIC_TOKEN, GSS_C_EMPTY_BUFFER},
    };
    OM_uint32 minor = 0;
    if (GSS_ERROR(gss_get_mic_iov_length(&minor, context->gss.context, GSS_C_QOP_DEFAULT, iov, 2)))
        return 0;
    return iov[1].buffer.length;
}

size_t secctx_gss_signature_size(const struct secctx *context, bool sealed)
{
    return sealed ? sealed_token_size(context) : signed_token_size(context);
}

bool secctx_gss_protect(struct secctx *context, const struct sec_message *message)
{
    OM_uint32 minor = 0;
    if (!message->seal) {
        gss_iov_buffer_desc iov[2] = {
            {GSS_IOV_BUFFER_TYPE_DATA, {message->length, message->bytes}},
            {GSS_IOV_BUFFER_TYPE_MIC_TOKEN, {message->signature_length, message->signature}},
        };
        return !GSS_ERROR(gss_get_mic_iov(&minor, context->gss.context, GSS_C_QOP_DEFAULT, iov, 2));
    }
    gss_iov_buffer_desc iov[IOV_COUNT];
    int sealed = 0;
    set_iov(iov, message);
    OM_uint32 major =
        gss_wrap_iov(&minor, context->gss.context, 1, GSS_C_QOP_DEFAULT, &sealed, iov, IOV_COUNT);
    return !GSS_ERROR(major) && sealed != 0 &&
           iov[IOV_TOKEN].buffer.length == message->signature_length;
}

bool secctx_gss_unprotect(struct secctx *context, const struct sec_message *message)
{
    OM_uint32 minor = 0;
    OM_uint32 major = GSS_S_FAILURE;
    if (!message->seal) {
        gss_buffer_desc bytes = {message->length, message->bytes};
        gss_buffer_desc token = {message->signature_length, message->signature};
        major = gss_verify_mic(&minor, context->gss.context, &bytes, &token, NULL);
    } else {
        gss_iov_buffer_desc iov[IOV_COUNT];
        int sealed = 0;
        set_iov(iov, message);
        major = gss_unwrap_iov(&minor, context->gss.context, &sealed, NULL, iov, IOV_COUNT);
        if (sealed == 0)
            return false;
    }
    /* Old, repeated or out of order is no error to GSSAPI, but a connection does none of it. */
    return major == GSS_S_COMPLETE;
}

/* ---- both ---- */

static bool is_sound(const struct sec_message *message)
{
    return message->sealed_at <= message->length &&
           message->sealed_length <= message->length - message->sealed_at;
}

size_t secctx_signature_size(const struct secctx *context, bool sealed)
{
    if (!context->established)
        return 0;
    return context->mechanism == SEC_NTLM ? NTLM_SIGNATURE_SIZE
                                          : secctx_gss_signature_size(context, sealed);
}

bool secctx_protect(struct secctx *context, const struct sec_message *message, struct fault *fault)
{
    bool ok = context->established && is_sound(message);
    ok = ok && (context->mechanism == SEC_NTLM ? secctx_ntlm_protect(context, message)
                                               : secctx_gss_protect(context, message));
    return ok || fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
                     "a message to the server could not be signed");
}

bool secctx_unprotect(
    struct secctx *context, const struct sec_message *message, struct fault *fault)
{
    bool ok = context->established && is_sound(message);
    ok = ok && (context->mechanism == SEC_NTLM ? secctx_ntlm_unprotect(context, message)
                                               : secctx_gss_unprotect(context, message));
    return ok || fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
                     "an answer does not carry the server's signature");
}
