#include "rpc_gss.h"

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rpc_gss {
    gss_ctx_id_t context;
};

struct rpc_gss *rpc_gss_new(void)
{
    return xcalloc(1, sizeof(struct rpc_gss));
}

void rpc_gss_free(struct rpc_gss *gss)
{
    OM_uint32 minor;

    if (gss == NULL)
        return;
    gss_delete_sec_context(&minor, &gss->context, GSS_C_NO_BUFFER);
    free(gss);
}

static void name_user(gss_name_t name, struct auth_step *step)
{
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor;

    gss_display_name(&minor, name, &text, NULL);
    snprintf(
        step->who.user, sizeof step->who.user, "%.*s", (int)text.length, (const char *)text.value);
    gss_release_buffer(&minor, &text);
}

void rpc_gss_step(struct rpc_gss *gss, const void *token, size_t len, struct auth_step *ret_step)
{
    gss_buffer_desc input = {len, without_const(token)};
    gss_buffer_desc output = GSS_C_EMPTY_BUFFER;
    gss_name_t name = GSS_C_NO_NAME;
    OM_uint32 minor;
    OM_uint32 major;

    if (auth_gss_credential() == NULL) {
        ret_step->result = AUTH_REJECT;
        return;
    }
    major = gss_accept_sec_context(&minor, &gss->context, auth_gss_credential(), &input,
        GSS_C_NO_CHANNEL_BINDINGS, &name, NULL, &output, NULL, NULL, NULL);
    buf_add(&ret_step->token, output.value, output.length);
    if (GSS_ERROR(major)) {
        ret_step->result = AUTH_REJECT;
    } else if (major & GSS_S_CONTINUE_NEEDED) {
        ret_step->result = AUTH_CONTINUE;
    } else {
        name_user(name, ret_step);
        ret_step->who.mech = "kerberos";
        ret_step->result = AUTH_ACCEPT;
    }
    gss_release_name(&minor, &name);
    gss_release_buffer(&minor, &output);
}

/* The PDU as [MS-RPCE] 3.3.1.5.2.2 cuts it: with header signing what lies before and behind the
 * data is signed too. The token comes last in the PDU, and first for GSSAPI. */
enum { PART_TOKEN, PART_BEFORE, PART_DATA, PART_BEHIND, PARTS };

struct cut {
    size_t data_at;
    size_t data_len;
    size_t token_at;
    size_t token_len;
};

static void cut_pdu(char *pdu, const struct cut *cut, bool sign_header, gss_iov_buffer_desc *iov)
{
    OM_uint32 around = sign_header ? GSS_IOV_BUFFER_TYPE_SIGN_ONLY : GSS_IOV_BUFFER_TYPE_EMPTY;
    size_t behind_at = cut->data_at + cut->data_len;

    iov[PART_TOKEN] =
        (gss_iov_buffer_desc){GSS_IOV_BUFFER_TYPE_HEADER, {cut->token_len, pdu + cut->token_at}};
    iov[PART_BEFORE] = (gss_iov_buffer_desc){around, {cut->data_at, pdu}};
    iov[PART_DATA] =
        (gss_iov_buffer_desc){GSS_IOV_BUFFER_TYPE_DATA, {cut->data_len, pdu + cut->data_at}};
    iov[PART_BEHIND] = (gss_iov_buffer_desc){around, {cut->token_at - behind_at, pdu + behind_at}};
}

/* What a MIC is made over. */
static gss_buffer_desc signed_part(char *pdu, const struct cut *cut, bool sign_header)
{
    if (sign_header)
        return (gss_buffer_desc){cut->token_at, pdu};
    return (gss_buffer_desc){cut->data_len, pdu + cut->data_at};
}

bool rpc_gss_open(struct rpc_gss *gss, struct buf *pdu, size_t data_at,
    const struct rpc_trailer *trailer, bool sign_header, bool sealed)
{
    struct cut cut = {
        data_at, trailer->at - data_at, pdu->len - trailer->token_len, trailer->token_len};
    gss_iov_buffer_desc iov[PARTS];
    gss_buffer_desc message = signed_part(pdu->data, &cut, sign_header);
    gss_buffer_desc token = {cut.token_len, pdu->data + cut.token_at};
    int confidential = 0;
    OM_uint32 minor;

    if (!sealed)
        return !GSS_ERROR(gss_verify_mic(&minor, gss->context, &message, &token, NULL));
    cut_pdu(pdu->data, &cut, sign_header, iov);
    return !GSS_ERROR(gss_unwrap_iov(&minor, gss->context, &confidential, NULL, iov, PARTS)) &&
           confidential != 0;
}

size_t rpc_gss_token_size(struct rpc_gss *gss, size_t data_len, bool sealed)
{
    gss_iov_buffer_desc iov[2] = {
        {GSS_IOV_BUFFER_TYPE_HEADER, {0, NULL}}, {GSS_IOV_BUFFER_TYPE_DATA, {data_len, NULL}}};
    gss_iov_buffer_desc mic[2] = {
        {GSS_IOV_BUFFER_TYPE_DATA, {data_len, NULL}}, {GSS_IOV_BUFFER_TYPE_MIC_TOKEN, {0, NULL}}};
    OM_uint32 minor;

    if (sealed) {
        gss_wrap_iov_length(&minor, gss->context, 1, GSS_C_QOP_DEFAULT, NULL, iov, 2);
        return iov[0].buffer.length;
    }
    gss_get_mic_iov_length(&minor, gss->context, GSS_C_QOP_DEFAULT, mic, 2);
    return mic[1].buffer.length;
}

static bool add_mic(struct rpc_gss *gss, struct buf *pdu, const struct cut *cut, bool sign_header)
{
    gss_buffer_desc message = signed_part(pdu->data, cut, sign_header);
    gss_buffer_desc token = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor;
    bool ok = !GSS_ERROR(gss_get_mic(&minor, gss->context, GSS_C_QOP_DEFAULT, &message, &token)) &&
              token.length == cut->token_len;

    buf_add(pdu, token.value, token.length);
    gss_release_buffer(&minor, &token);
    return ok;
}

bool rpc_gss_close(struct rpc_gss *gss, struct buf *pdu, size_t data_at, size_t data_len,
    bool sign_header, bool sealed)
{
    struct cut cut = {data_at, data_len, pdu->len, rpc_gss_token_size(gss, data_len, sealed)};
    gss_iov_buffer_desc iov[PARTS];
    int confidential = 0;
    OM_uint32 minor;

    if (!sealed)
        return add_mic(gss, pdu, &cut, sign_header);
    buf_zeros(pdu, cut.token_len);
    cut_pdu(pdu->data, &cut, sign_header, iov);
    return !GSS_ERROR(
        gss_wrap_iov(&minor, gss->context, 1, GSS_C_QOP_DEFAULT, &confidential, iov, PARTS));
}
