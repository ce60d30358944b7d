/*
 * Kerberos contexts by GSSAPI. The ticket is in the cache already (net/krb), so nothing here
 * touches the network. RFC 4121, RFC 4178; no delegation, ever.
 */
#include "net/secctx_impl.h"

#include "net/krb_impl.h"
#include "net/wire/krberr.h"
#include "net/wire/reader.h"

#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static bool import_name(struct secctx *context, char *principal, struct fault *fault)
{
    OM_uint32 minor = 0;
    gss_buffer_desc text = {strlen(principal), principal};
    if (GSS_ERROR(gss_import_name(
            &minor, &text, (gss_OID)GSS_KRB5_NT_PRINCIPAL_NAME, &context->gss.name)))
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_GSS, (long)minor,
            "the service's name is no Kerberos name");
    return true;
}

/* RFC 5929 §4: the prefix and the hash are the application data, all else is empty. */
static void set_bindings(struct secctx *context)
{
    static const char prefix[] = "tls-server-end-point:";
    const struct sec_target *target = &context->target;
    if (target->end_point == NULL)
        return;
    size_t size = sizeof prefix - 1 + target->end_point_length;
    struct writer writer = writer_of(arena_alloc(&context->arena, size), size);
    write_bytes(&writer, prefix, sizeof prefix - 1);
    write_bytes(&writer, target->end_point, target->end_point_length);
    context->gss.bindings = (char *)writer.bytes;
    context->gss.bindings_length = writer.length;
}

/* MIT's library announces integrity and confidentiality in any case; Samba's RPC server then counts
 * on room for a seal in each answer, and fails where it only signs. */
static void ask_for_no_more(struct secctx *context)
{
    OM_uint32 minor = 0;
    gss_buffer_desc none = GSS_C_EMPTY_BUFFER;
    (void)gss_set_cred_option(
        &minor, &context->gss.credential, (gss_OID)GSS_KRB5_CRED_NO_CI_FLAGS_X, &none);
}

bool secctx_gss_init(struct secctx *context, struct fault *fault)
{
    struct krb *krb = context->account.krb;
    const struct sec_target *target = &context->target;
    char *principal = NULL;
    context->gss.context = GSS_C_NO_CONTEXT;
    if (krb == NULL || !krb_has_ticket(krb))
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "no Kerberos ticket");
    if (!krb_cached_server(krb, target->service, target->host, &context->arena, &principal))
        return fault_set(fault, CAUSE_SPN_UNKNOWN, ORIGIN_EXREACH, 0,
            "there is no ticket for %s/%s", target->service, target->host);
    set_bindings(context);
    if (!krb_gss_credential(
            krb, context->mechanism == SEC_KERBEROS, &context->gss.credential, fault))
        return false;
    if ((target->flags & SEC_DCE) != 0)
        ask_for_no_more(context);
    return import_name(context, principal, fault);
}

void secctx_gss_done(struct secctx *context)
{
    OM_uint32 minor = 0;
    if (context->gss.context != GSS_C_NO_CONTEXT)
        gss_delete_sec_context(&minor, &context->gss.context, GSS_C_NO_BUFFER);
    if (context->gss.name != GSS_C_NO_NAME)
        gss_release_name(&minor, &context->gss.name);
    if (context->gss.credential != GSS_C_NO_CREDENTIAL)
        gss_release_cred(&minor, &context->gss.credential);
}

static bool refusal_fault(int32_t code, uint32_t ntstatus, struct fault *fault)
{
    static const struct {
        int32_t code;
        const char *words;
    } known[] = {
        {31, "the service cannot read our ticket: integrity check failed"},
        {32, "the service says our ticket has expired"},
        {33, "the service says our ticket is not valid yet: compare the clocks"},
        {34, "the service says our ticket was used before"},
        {35, "the service is not the one the ticket is for"},
        {41, "the service cannot read our ticket: its account's key is another one"},
        {44, "the service has another version of its key"},
        {45, "the service has no key for this ticket"},
    };
    if (code == 37)
        return fault_set(fault, CAUSE_CLOCK_SKEW, ORIGIN_KRB5, code,
            "the service's clock and the KDC's differ too much (KRB-ERROR 37)");
    const char *words = "the service refused our ticket";
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].code == code)
            words = known[i].words;
    }
    if (ntstatus != 0)
        return fault_set(fault, CAUSE_TICKET_REFUSED, ORIGIN_KRB5, code,
            "%s (KRB-ERROR %ld, NTSTATUS 0x%08lX)", words, (long)code, (unsigned long)ntstatus);
    return fault_set(
        fault, CAUSE_TICKET_REFUSED, ORIGIN_KRB5, code, "%s (KRB-ERROR %ld)", words, (long)code);
}

/* A KRB-ERROR in the service's token: RFC 4121 §4.1, the mechanism's OID and the token id 03 00
 * before it. SPNEGO may be around it, and GSSAPI would turn it into "negotiation failed": look for
 * it ourselves. */
static bool token_refused(const void *input, size_t length, struct fault *fault)
{
    static const uint8_t mark[] = {
        0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x03, 0x00};
    struct reader reader = reader_of(input, length);
    while (reader_left(&reader) > sizeof mark) {
        struct reader ahead = reader;
        const uint8_t *bytes = read_bytes(&ahead, sizeof mark);
        if (bytes == NULL || memcmp(bytes, mark, sizeof mark) != 0) {
            read_skip(&reader, 1);
            continue;
        }
        size_t left = reader_left(&ahead);
        krb5_data message = {.length = (unsigned)left};
        uint8_t *copy = xcalloc(1, left + 1);
        const uint8_t *rest = read_bytes(&ahead, left);
        if (rest != NULL)
            memcpy(copy, rest, left);
        message.data = (char *)copy;
        krb5_context krb5 = NULL;
        krb5_error *error = NULL;
        bool found = krb5_init_context(&krb5) == 0 && krb5_rd_error(krb5, &message, &error) == 0;
        if (found) {
            refusal_fault((int32_t)error->error,
                krb_edata_ntstatus(error->e_data.data, error->e_data.length), fault);
            krb5_free_error(krb5, error);
        }
        krb5_free_context(krb5);
        free(copy);
        return found;
    }
    return false;
}

static bool step_fault(
    const struct secctx *context, OM_uint32 major, OM_uint32 minor, struct fault *fault)
{
    long wire = (long)(int32_t)minor - ERROR_TABLE_BASE_krb5;
    if (context->gss.steps > 0 && wire > 0 && wire < 128)
        return refusal_fault((int32_t)wire, 0, fault);
    switch (GSS_ROUTINE_ERROR(major)) {
    case GSS_S_DEFECTIVE_TOKEN:
    case GSS_S_BAD_SIG:
    case GSS_S_BAD_MECH:
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_GSS, (long)minor,
            "the server's token is no answer to Kerberos");
    default:
        break;
    }
    if (context->gss.steps > 0)
        return fault_set(fault, CAUSE_TICKET_REFUSED, ORIGIN_GSS, (long)minor,
            "the server answered our ticket with a refusal that names no reason");
    return fault_set(fault, CAUSE_INTERNAL, ORIGIN_GSS, (long)minor,
        "GSSAPI cannot make a token from the ticket");
}

static void keep_session_key(struct secctx *context)
{
    OM_uint32 minor = 0;
    gss_buffer_set_t set = GSS_C_NO_BUFFER_SET;
    if (GSS_ERROR(gss_inquire_sec_context_by_oid(
            &minor, context->gss.context, GSS_C_INQ_SSPI_SESSION_KEY, &set)))
        return;
    if (set != GSS_C_NO_BUFFER_SET && set->count > 0 &&
        set->elements[0].length <= sizeof context->key) {
        context->key_length = set->elements[0].length;
        memcpy(context->key, set->elements[0].value, context->key_length);
    }
    gss_release_buffer_set(&minor, &set);
}

bool secctx_gss_step(
    struct secctx *context, const void *input, size_t length, bool *ret_done, struct fault *fault)
{
    static char spnego_bytes[] = "\x2b\x06\x01\x05\x05\x02";
    static gss_OID_desc spnego = {sizeof spnego_bytes - 1, spnego_bytes};
    struct secctx_gss *gss = &context->gss;
    bool plain = context->mechanism == SEC_KERBEROS_PLAIN;
    /* Ours may be complete already when the service refuses the ticket. */
    if (length > 0 && token_refused(input, length, fault))
        return false;
    if (context->established) {
        secctx_set_output(context, NULL, 0);
        *ret_done = true;
        return true;
    }

    OM_uint32 want = 0;
    if ((context->target.flags & (SEC_SIGN | SEC_SEAL)) != 0)
        want |= GSS_C_INTEG_FLAG | GSS_C_REPLAY_FLAG | GSS_C_SEQUENCE_FLAG;
    if ((context->target.flags & SEC_SEAL) != 0)
        want |= GSS_C_CONF_FLAG;
    if ((context->target.flags & SEC_DCE) != 0)
        want |= GSS_C_DCE_STYLE;
    bool waits = plain || want != 0; /* for the peer's proof */
    /* Asked for in any case: only then a service says why it refuses the ticket (RFC 4120 3.2.3).
     */
    want |= GSS_C_MUTUAL_FLAG;
    struct gss_channel_bindings_struct bindings = {0};
    bindings.application_data.length = gss->bindings_length;
    bindings.application_data.value = gss->bindings;
    uint8_t *copy = xcalloc(1, length + 1);
    if (length > 0)
        memcpy(copy, input, length);
    gss_buffer_desc in = {length, copy};
    gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor = 0;
    OM_uint32 major = gss_init_sec_context(&minor, gss->credential, &gss->context, gss->name,
        plain ? gss_mech_krb5 : &spnego, want, 0,
        gss->bindings != NULL ? &bindings : GSS_C_NO_CHANNEL_BINDINGS, &in, NULL, &out, NULL, NULL);
    free(copy);
    OM_uint32 ignored = 0;
    if (GSS_ERROR(major)) {
        gss_release_buffer(&ignored, &out);
        return step_fault(context, major, minor, fault);
    }
    secctx_set_output(context, out.value, out.length);
    gss_release_buffer(&ignored, &out);
    gss->steps++;
    context->established = major == GSS_S_COMPLETE;
    if (context->established)
        keep_session_key(context);
    /* The server's last SPNEGO token may come or not: the AP-REQ was all that we had to say. */
    *ret_done = context->established || !waits;
    return true;
}

bool secctx_gss_wrap(
    struct secctx *context, const void *bytes, size_t length, bool seal, struct fault *fault)
{
    uint8_t *copy = xcalloc(1, length + 1);
    memcpy(copy, bytes, length);
    gss_buffer_desc in = {length, copy};
    gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor = 0;
    OM_uint32 ignored = 0;
    int sealed = 0;
    OM_uint32 major =
        gss_wrap(&minor, context->gss.context, seal ? 1 : 0, GSS_C_QOP_DEFAULT, &in, &sealed, &out);
    OPENSSL_cleanse(copy, length);
    free(copy);
    bool ok = !GSS_ERROR(major) && (!seal || sealed != 0);
    if (ok)
        secctx_set_output(context, out.value, out.length);
    gss_release_buffer(&ignored, &out);
    return ok || fault_set(fault, CAUSE_INTERNAL, ORIGIN_GSS, (long)minor,
                     "Kerberos could not protect a message");
}

bool secctx_gss_unwrap(
    struct secctx *context, const void *bytes, size_t length, struct fault *fault)
{
    uint8_t *copy = xcalloc(1, length + 1);
    memcpy(copy, bytes, length);
    gss_buffer_desc in = {length, copy};
    gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor = 0;
    OM_uint32 ignored = 0;
    OM_uint32 major = gss_unwrap(&minor, context->gss.context, &in, &out, NULL, NULL);
    free(copy);
    if (GSS_ERROR(major))
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_GSS, (long)minor,
            "a protected message does not carry the server's signature");
    secctx_set_output(context, out.value, out.length);
    if (out.length > 0)
        OPENSSL_cleanse(out.value, out.length);
    gss_release_buffer(&ignored, &out);
    return true;
}
