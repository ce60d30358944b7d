/*
 * Our NTLM client before gss-ntlmssp's acceptor: context, session key, and messages sealed by one
 * and opened by the other. Run by ntlm_acceptor_test.py, which sets NTLM_USER_FILE; prints a line a
 * test.
 *
 * With arguments: answers the challenge given, for other judges:
 *   answer CHALLENGE-HEX USER DOMAIN PASSWORD BINDINGS-HEX|- TARGET|- seal|plain
 * prints as hex, a line each: Type 1, Type 3, session key, a message, it sealed, its signature.
 */
#include "net/wire/ntlm.h"
#include "net/wire/reader.h"

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char message[] = "a message to protect";

static bool answer(struct arena *arena, const struct ntlm_input *input, const char *password,
    uint8_t **ret_token, size_t *ret_length, uint8_t ret_key[16])
{
    uint8_t hash[NTLM_HASH_SIZE];
    struct ntlm_challenge challenge;
    struct fault fault = {0};
    struct ntlm_input whole = *input;
    whole.hash = hash;
    whole.workstation = "PROBE";
    if (ntlm_hash(password, hash, &fault) &&
        ntlm_challenge_parse(
            arena, input->challenge, input->challenge_length, &challenge, &fault) &&
        ntlm_authenticate(arena, &whole, &challenge, ret_token, ret_length, ret_key, &fault))
        return true;
    printf("# %s\n", fault.text);
    return false;
}

/* gss-ntlmssp's acceptor */

static gss_buffer_desc buffer_of(const void *bytes, size_t length)
{
    /* GSSAPI's buffers are not const, but inputs are only read. */
    gss_buffer_desc buffer = {.length = length};
    memcpy(&buffer.value, &bytes, sizeof bytes);
    return buffer;
}

struct acceptor_case {
    const char *what;
    const char *user, *domain, *password;
    const char *expected_bindings; /* the acceptor's; NULL: it asks for none */
    const char *bindings;          /* ours; NULL: we send none */
    bool accepted;
    unsigned flags; /* enum ntlm_flags */
};

/* No name outside ASCII here: this acceptor (1.2.0) refuses every such user, whoever asks; impacket
 * judges those. Its domains are case-sensitive. */
static const struct acceptor_case cases[] = {
    {"DOMAIN\\user", "svc", "CONTOSO", "Passw0rd\xC3\xA4", NULL, NULL, true, NTLM_WANT_SEAL},
    {"user in capitals", "SVC", "CONTOSO", "Passw0rd\xC3\xA4", NULL, NULL, true, NTLM_WANT_SEAL},
    {"wrong password", "svc", "CONTOSO", "wrong", NULL, NULL, false, NTLM_WANT_SEAL},
    {"unknown user", "nobody", "CONTOSO", "Passw0rd\xC3\xA4", NULL, NULL, false, NTLM_WANT_SEAL},
    {"bindings, the acceptor does not ask", "svc", "CONTOSO", "Passw0rd\xC3\xA4", NULL, "one", true,
        NTLM_WANT_SEAL},
    {"right bindings", "svc", "CONTOSO", "Passw0rd\xC3\xA4", "one", "one", true, NTLM_WANT_SEAL},
    {"wrong bindings", "svc", "CONTOSO", "Passw0rd\xC3\xA4", "one", "two", false, NTLM_WANT_SEAL},
    {"nothing to protect", "svc", "CONTOSO", "Passw0rd\xC3\xA4", NULL, NULL, true, 0},
    {"nothing to protect, right bindings", "svc", "CONTOSO", "Passw0rd\xC3\xA4", "one", "one", true,
        0},
    {"nothing to protect, wrong bindings", "svc", "CONTOSO", "Passw0rd\xC3\xA4", "one", "two",
        false, 0},
    {"nothing to protect, wrong password", "svc", "CONTOSO", "wrong", NULL, NULL, false, 0},
};

struct conversation {
    struct arena arena;
    gss_ctx_id_t context;
    uint8_t session_key[16];
    struct ntlm_keys *keys;
};

static OM_uint32 accept_token(struct conversation *conversation, const struct acceptor_case *one,
    const void *token, size_t length, gss_buffer_desc *ret_output)
{
    char data[64] = "";
    struct gss_channel_bindings_struct bindings = {0};
    if (one->expected_bindings != NULL) {
        snprintf(data, sizeof data, "tls-server-end-point:%s", one->expected_bindings);
        bindings.application_data = (gss_buffer_desc){strlen(data), data};
    }
    gss_buffer_desc input = buffer_of(token, length);
    OM_uint32 minor = 0;
    return gss_accept_sec_context(&minor, &conversation->context, GSS_C_NO_CREDENTIAL, &input,
        one->expected_bindings == NULL ? GSS_C_NO_CHANNEL_BINDINGS : &bindings, NULL, NULL,
        ret_output, NULL, NULL, NULL);
}

static bool converse(struct conversation *conversation, const struct acceptor_case *one)
{
    uint8_t *type1 = NULL, *type3 = NULL, bindings[16];
    size_t length1 = 0, length3 = 0;
    ntlm_negotiate(&conversation->arena, one->flags, &type1, &length1);
    gss_buffer_desc output = {0};
    if (accept_token(conversation, one, type1, length1, &output) != GSS_S_CONTINUE_NEEDED)
        return false;
    struct ntlm_input input = {.user = one->user,
        .domain = one->domain,
        .target_name = "HTTP/mail.contoso.test",
        .negotiate = type1,
        .negotiate_length = length1,
        .challenge = arena_copy(&conversation->arena, output.value, output.length),
        .challenge_length = output.length,
        .flags = one->flags};
    if (one->bindings != NULL &&
        channel_bindings_md5((const uint8_t *)one->bindings, strlen(one->bindings), bindings, NULL))
        input.bindings = bindings;
    OM_uint32 minor = 0;
    gss_release_buffer(&minor, &output);
    if (!answer(&conversation->arena, &input, one->password, &type3, &length3,
            conversation->session_key))
        return false;
    OM_uint32 major = accept_token(conversation, one, type3, length3, &output);
    gss_release_buffer(&minor, &output);
    return major == GSS_S_COMPLETE;
}

static bool same_key(struct conversation *conversation)
{
    /* GSS_C_INQ_SSPI_SESSION_KEY, 1.2.840.113554.1.2.2.5.5 */
    static unsigned char oid_bytes[] = "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x05\x05";
    gss_OID_desc oid = {sizeof oid_bytes - 1, oid_bytes};
    gss_buffer_set_t set = GSS_C_NO_BUFFER_SET;
    OM_uint32 minor = 0;
    if (gss_inquire_sec_context_by_oid(&minor, conversation->context, &oid, &set) != GSS_S_COMPLETE)
        return false;
    bool same = set->count > 0 && set->elements[0].length == 16 &&
                memcmp(set->elements[0].value, conversation->session_key, 16) == 0;
    gss_release_buffer_set(&minor, &set);
    return same;
}

/* Ours sealed, theirs opened: a wrap token is the signature and the sealed message. */
static bool theirs_opens(struct conversation *conversation)
{
    uint8_t token[16 + sizeof message], signature[16];
    struct writer writer = writer_of(token, sizeof token);
    write_zeros(&writer, 16);
    write_bytes(&writer, message, sizeof message);
    if (!ntlm_seal(
            conversation->keys, token + 16, sizeof message, token + 16, sizeof message, signature))
        return false;
    memcpy(token, signature, sizeof signature);
    gss_buffer_desc input = buffer_of(token, sizeof token), output = {0};
    OM_uint32 minor = 0;
    int sealed = 0;
    if (gss_unwrap(&minor, conversation->context, &input, &output, &sealed, NULL) != GSS_S_COMPLETE)
        return false;
    bool same = sealed && output.length == sizeof message &&
                memcmp(output.value, message, sizeof message) == 0;
    gss_release_buffer(&minor, &output);
    return same;
}

static bool ours_opens(struct conversation *conversation)
{
    gss_buffer_desc input = buffer_of(message, sizeof message), output = {0};
    OM_uint32 minor = 0;
    if (gss_wrap(&minor, conversation->context, 1, GSS_C_QOP_DEFAULT, &input, NULL, &output) !=
            GSS_S_COMPLETE ||
        output.length != 16 + sizeof message)
        return false;
    uint8_t copy[16 + sizeof message];
    memcpy(copy, output.value, sizeof copy);
    gss_release_buffer(&minor, &output);
    return ntlm_unseal(
               conversation->keys, copy + 16, sizeof message, copy + 16, sizeof message, copy) &&
           memcmp(copy + 16, message, sizeof message) == 0;
}

static bool theirs_verifies(struct conversation *conversation)
{
    uint8_t signature[16];
    if (!ntlm_sign(conversation->keys, message, sizeof message, signature))
        return false;
    gss_buffer_desc text = buffer_of(message, sizeof message), mic = buffer_of(signature, 16);
    OM_uint32 minor = 0;
    return gss_verify_mic(&minor, conversation->context, &text, &mic, NULL) == GSS_S_COMPLETE;
}

static void report(bool ok, const char *what, const char *part)
{
    printf("%s - gss-ntlmssp: %s: %s\n", ok ? "ok" : "not ok", what, part);
}

static void run_case(const struct acceptor_case *one)
{
    struct conversation conversation = {.context = GSS_C_NO_CONTEXT};
    bool accepted = converse(&conversation, one);
    report(accepted == one->accepted, one->what, one->accepted ? "accepted" : "refused");
    if (accepted && ntlm_keys_new(conversation.session_key, &conversation.keys, NULL)) {
        report(same_key(&conversation), one->what, "the same session key");
        for (int round = 0; round < 2 && one->flags != 0; round++) {
            report(theirs_opens(&conversation), one->what, "opens what we seal");
            report(ours_opens(&conversation), one->what, "we open what it seals");
            report(theirs_verifies(&conversation), one->what, "verifies what we sign");
        }
    }
    OM_uint32 minor = 0;
    gss_delete_sec_context(&minor, &conversation.context, GSS_C_NO_BUFFER);
    ntlm_keys_free(conversation.keys);
    arena_done(&conversation.arena);
}

/* The answer for other judges */

static uint8_t *from_hex(struct arena *arena, const char *text, size_t *ret_length)
{
    uint8_t *bytes = arena_alloc(arena, strlen(text) / 2 + 1);
    size_t length = 0;
    unsigned byte = 0;
    while (sscanf(text + 2 * length, "%2x", &byte) == 1)
        bytes[length++] = (uint8_t)byte;
    *ret_length = length;
    return bytes;
}

static void print_hex(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        printf("%02x", bytes[i]);
    putchar('\n');
}

static int run_answer(char **arguments)
{
    struct arena arena = {0};
    uint8_t *type1 = NULL, *type3 = NULL, key[16], signature[16];
    size_t length1 = 0, length3 = 0, challenge_length = 0, bindings_length = 0;
    unsigned flags = strcmp(arguments[6], "seal") == 0 ? NTLM_WANT_SEAL : 0;
    ntlm_negotiate(&arena, flags, &type1, &length1);
    struct ntlm_input input = {.user = arguments[1],
        .domain = arguments[2],
        .target_name = strcmp(arguments[5], "-") == 0 ? NULL : arguments[5],
        .negotiate = type1,
        .negotiate_length = length1,
        .challenge = from_hex(&arena, arguments[0], &challenge_length),
        .flags = flags};
    input.challenge_length = challenge_length;
    if (strcmp(arguments[4], "-") != 0)
        input.bindings = from_hex(&arena, arguments[4], &bindings_length);
    struct ntlm_keys *keys = NULL;
    uint8_t text[sizeof message];
    memcpy(text, message, sizeof message);
    bool ok = answer(&arena, &input, arguments[3], &type3, &length3, key) &&
              ntlm_keys_new(key, &keys, NULL) &&
              ntlm_seal(keys, text, sizeof text, text, sizeof text, signature);
    if (ok) {
        print_hex(type1, length1);
        print_hex(type3, length3);
        print_hex(key, sizeof key);
        print_hex((const uint8_t *)message, sizeof message);
        print_hex(text, sizeof text);
        print_hex(signature, sizeof signature);
    }
    ntlm_keys_free(keys);
    arena_done(&arena);
    return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 9 && strcmp(argv[1], "answer") == 0)
        return run_answer(argv + 2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        run_case(&cases[i]);
    return 0;
}
