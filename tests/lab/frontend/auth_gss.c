/* Kerberos, in SPNEGO or bare, accepted by GSSAPI with the keytab of the service. */
#include "auth.h"

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char spnego_bytes[] = "\x2b\x06\x01\x05\x05\x02";
static char krb5_bytes[] = "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
static gss_OID_desc oid_spnego = {sizeof spnego_bytes - 1, spnego_bytes};
static gss_OID_desc oid_krb5 = {sizeof krb5_bytes - 1, krb5_bytes};

static gss_cred_id_t credential = GSS_C_NO_CREDENTIAL; /* shared; read-only after auth_gss_init */

struct gss_logon {
    gss_ctx_id_t context;
    const struct channel *channel;
};

static void describe(OM_uint32 major, OM_uint32 minor, char *to, size_t size)
{
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    OM_uint32 more = 0;
    OM_uint32 ignored;
    size_t used;

    gss_display_status(&ignored, major, GSS_C_GSS_CODE, GSS_C_NO_OID, &more, &text);
    used = (size_t)snprintf(to, size, "%.*s", (int)text.length, (const char *)text.value);
    gss_release_buffer(&ignored, &text);
    if (minor == 0 || used + 3 >= size)
        return;
    more = 0;
    gss_display_status(&ignored, minor, GSS_C_MECH_CODE, &oid_krb5, &more, &text);
    snprintf(to + used, size - used, ": %.*s", (int)text.length, (const char *)text.value);
    gss_release_buffer(&ignored, &text);
}

bool auth_gss_init(const char *keytab, char *ret_error, size_t error_size)
{
    gss_OID_desc mechs[2] = {oid_spnego, oid_krb5};
    gss_OID_set_desc acquired = {2, mechs};
    gss_OID_set_desc negotiated = {1, &oid_krb5};
    gss_key_value_element_desc place = {"keytab", keytab};
    gss_key_value_set_desc store = {1, &place};
    OM_uint32 minor;
    OM_uint32 major;

    if (*keytab == '\0')
        return true; /* a front end without a service account: Negotiate is NTLM only */
    setenv("KRB5RCACHENAME", "none:", 1); /* see accept_and_bind() */
    major = gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &acquired, GSS_C_ACCEPT,
        &store, &credential, NULL, NULL);
    if (!GSS_ERROR(major))
        major = gss_set_neg_mechs(&minor, credential, &negotiated);
    if (GSS_ERROR(major)) {
        describe(major, minor, ret_error, error_size);
        return false;
    }
    return true;
}

void *auth_gss_credential(void)
{
    return credential;
}

void auth_gss_done(void)
{
    OM_uint32 minor;

    gss_release_cred(&minor, &credential);
}

static void *gss_start(
    const struct config *config, const struct node *node, const struct channel *channel)
{
    struct gss_logon *logon = xcalloc(1, sizeof *logon);

    (void)config;
    (void)node;
    logon->context = GSS_C_NO_CONTEXT;
    logon->channel = channel;
    return logon;
}

static void gss_free(void *state)
{
    struct gss_logon *logon = state;
    OM_uint32 minor;

    gss_delete_sec_context(&minor, &logon->context, GSS_C_NO_BUFFER);
    free(logon);
}

static void name_user(gss_name_t name, struct auth_step *step)
{
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor;

    gss_display_name(&minor, name, &text, NULL);
    snprintf(
        step->who.user, sizeof step->who.user, "%.*s", (int)text.length, (const char *)text.value);
    gss_release_buffer(&minor, &text);
    gss_release_name(&minor, &name);
}

struct gss_answer {
    OM_uint32 major;
    OM_uint32 minor;
    OM_uint32 flags;
    gss_buffer_desc token;
    gss_name_t name;
};

static struct gss_answer accept_token(struct gss_logon *logon, gss_buffer_t input, bool bound)
{
    struct gss_channel_bindings_struct bindings = {0};
    struct gss_answer answer = {.token = GSS_C_EMPTY_BUFFER, .name = GSS_C_NO_NAME};

    bindings.application_data.value = without_const(logon->channel->data);
    bindings.application_data.length = logon->channel->len;
    answer.major = gss_accept_sec_context(&answer.minor, &logon->context, credential, input,
        bound ? &bindings : GSS_C_NO_CHANNEL_BINDINGS, &answer.name, NULL, &answer.token,
        &answer.flags, NULL, NULL);
    return answer;
}

/* A wrong binding shows as an error of its own, so the same token is tried once more without:
 * whether that matters is for the path to decide. The replay cache is off for that reason. */
static struct gss_answer accept_and_bind(
    struct gss_logon *logon, gss_buffer_t input, enum binding *ret_binding)
{
    struct gss_answer answer = accept_token(logon, input, logon->channel->len > 0);
    OM_uint32 minor;

    *ret_binding = answer.flags & GSS_C_CHANNEL_BOUND_FLAG ? BINDING_RIGHT : BINDING_NONE;
    if (GSS_ROUTINE_ERROR(answer.major) != GSS_S_BAD_BINDINGS)
        return answer;
    *ret_binding = BINDING_WRONG;
    gss_release_buffer(&minor, &answer.token);
    gss_delete_sec_context(&minor, &logon->context, GSS_C_NO_BUFFER);
    return accept_token(logon, input, false);
}

/* What the key cannot open is KRB_AP_ERR_BAD_INTEGRITY (31) or KRB_AP_ERR_BADKEYVER (44) here and
 * KRB_AP_ERR_MODIFIED (41) on Windows: the error-code of a KRB-ERROR (RFC 4120, 5.9.1). */
static void name_error_as_windows(struct buf *token)
{
    static const char field[] = "\xa6\x03\x02\x01";
    enum { BAD_INTEGRITY = 31, MODIFIED = 41, BAD_KEY_VERSION = 44 };
    const size_t len = sizeof field - 1;

    for (size_t i = 0; i + len < token->len; i++) {
        char *code = &token->data[i + len];

        if (memcmp(&token->data[i], field, len) == 0 &&
            (*code == BAD_INTEGRITY || *code == BAD_KEY_VERSION))
            *code = MODIFIED;
    }
}

static void gss_step(void *state, const void *token, size_t len, struct auth_step *ret_step)
{
    struct gss_logon *logon = state;
    gss_buffer_desc input = {len, without_const(token)};
    struct gss_answer answer;
    OM_uint32 minor;

    if (credential == GSS_C_NO_CREDENTIAL) {
        ret_step->result = AUTH_REJECT;
        copy_text(ret_step->reason, sizeof ret_step->reason, "no keytab");
        return;
    }
    answer = accept_and_bind(logon, &input, &ret_step->who.binding);
    if (answer.token.length > 0)
        buf_add(&ret_step->token, answer.token.value, answer.token.length);
    gss_release_buffer(&minor, &answer.token);
    if (GSS_ERROR(answer.major)) {
        ret_step->result = AUTH_REJECT;
        name_error_as_windows(&ret_step->token);
        describe(answer.major, answer.minor, ret_step->reason, sizeof ret_step->reason);
    } else if (answer.major & GSS_S_CONTINUE_NEEDED) {
        ret_step->result = AUTH_CONTINUE;
    } else {
        name_user(answer.name, ret_step);
        ret_step->who.mech = "kerberos";
        ret_step->result = AUTH_ACCEPT;
    }
}

const struct auth_mech auth_gss = {gss_start, gss_step, gss_free, false};
