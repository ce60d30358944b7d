/*
 * Binds. SASL GSSAPI (RFC 4752 §3.1):
 *   1. our token (AP-REQ)            -> saslBindInProgress with theirs (AP-REP)
 *   2. an empty answer, or our token -> saslBindInProgress with the layers on offer, signed
 *   3. our choice of layer, signed   -> success
 *   4. the layer stands from the next message on
 * GSS-SPNEGO with raw NTLM ([MS-ADTS] 5.1.1.1.4): Type 1 -> Type 2 -> Type 3 -> success; the flags
 * of the context decide about the layer, nothing is agreed on in words.
 */
#include "net/directory_impl.h"

#include "net/secctx_impl.h"
#include "net/wire/reader.h"
#include "net/wire/text.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum { BIND_ROUNDS_MAX = 8, LAYER_NONE = 1, LAYER_SEAL = 4 };

bool directory_data_cause(const char *diagnostic, enum cause *ret_cause, long *ret_data)
{
    /* winerror.h and [MS-ERREF] 2.2, as AD prints them. */
    static const struct {
        unsigned long data;
        enum cause cause;
    } table[] = {
        {0x525, CAUSE_ACCOUNT_UNKNOWN},
        {0x52e, CAUSE_PASSWORD_WRONG},
        {0x530, CAUSE_LOGON_HOURS},
        {0x531, CAUSE_LOGON_WORKSTATION},
        {0x532, CAUSE_PASSWORD_EXPIRED},
        {0x533, CAUSE_ACCOUNT_DISABLED},
        {0x701, CAUSE_ACCOUNT_EXPIRED},
        {0x773, CAUSE_PASSWORD_MUST_CHANGE},
        {0x775, CAUSE_ACCOUNT_LOCKED},
        {0x80090346, CAUSE_CHANNEL_BINDING},
    };
    const char *at = diagnostic != NULL ? strstr(diagnostic, ", data ") : NULL;
    if (at == NULL)
        return false;
    at += strlen(", data ");
    size_t digits = strspn(at, "0123456789abcdefABCDEF");
    if (digits == 0 || digits > 8)
        return false;
    unsigned long data = strtoul(at, NULL, 16);
    *ret_cause = CAUSE_LOGON_REFUSED;
    *ret_data = (long)data;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].data == data)
            *ret_cause = table[i].cause;
    }
    return true;
}

/* Our words for the data codes; the server's own follow them. */
static const char *refusal_words(enum cause cause)
{
    static const struct {
        enum cause cause;
        const char *words;
    } table[] = {
        {CAUSE_PASSWORD_WRONG, "the password is wrong"},
        {CAUSE_PASSWORD_EXPIRED, "the password has expired"},
        {CAUSE_PASSWORD_MUST_CHANGE, "the password must be changed first"},
        {CAUSE_ACCOUNT_UNKNOWN, "there is no such account"},
        {CAUSE_ACCOUNT_DISABLED, "the account is disabled"},
        {CAUSE_ACCOUNT_LOCKED, "the account is locked"},
        {CAUSE_ACCOUNT_EXPIRED, "the account has expired"},
        {CAUSE_LOGON_HOURS, "the account may not log on at this hour"},
        {CAUSE_LOGON_WORKSTATION, "the account may not log on from this machine"},
        {CAUSE_CHANNEL_BINDING, "it insists on channel bindings, and ours do not fit"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].cause == cause)
            return table[i].words;
    }
    return "it does not say why";
}

static bool bind_fault(int code, const char *diagnostic, struct fault *fault)
{
    if (code != LDAP_INVALID_CREDENTIALS)
        return directory_result_fault(code, diagnostic, fault);
    enum cause cause = CAUSE_LOGON_REFUSED;
    long data = 0;
    (void)directory_data_cause(diagnostic, &cause, &data);
    bool empty = diagnostic == NULL || diagnostic[0] == '\0';
    return fault_set(fault, cause, ORIGIN_LDAP, code,
        empty ? "the server refused the logon: %s" : "the server refused the logon: %s (%.120s)",
        refusal_words(cause), empty ? "" : diagnostic);
}

struct bind_answer {
    int code;
    char *diagnostic;
    struct berval *token; /* the server's, NULL: none */
};

static void answer_done(struct bind_answer *answer)
{
    ldap_memfree(answer->diagnostic);
    ber_bvfree(answer->token);
    *answer = (struct bind_answer){0};
}

/* One BindRequest and its response. */
static bool bind_round(struct directory *directory, const char *mechanism, const char *user,
    const struct berval *credentials, struct net_limit limit, struct bind_answer *ret_answer,
    struct fault *fault)
{
    int id = 0;
    LDAPMessage *message = NULL;
    struct berval copy = *credentials;
    int code = ldap_sasl_bind(directory->ldap, user, mechanism, &copy, NULL, NULL, &id);
    if (code != LDAP_SUCCESS)
        return directory_library_fault(code, "the bind cannot be sent", fault);
    if (!directory_next(directory, id, limit, &message, fault))
        return false;
    struct bind_answer answer = {0};
    bool ok = ldap_msgtype(message) == LDAP_RES_BIND &&
              ldap_parse_result(directory->ldap, message, &answer.code, NULL, &answer.diagnostic,
                  NULL, NULL, 0) == LDAP_SUCCESS;
    /* Its return value is the result code once more. */
    if (ok && mechanism != NULL)
        (void)ldap_parse_sasl_bind_result(directory->ldap, message, &answer.token, 0);
    ldap_msgfree(message);
    if (!ok) {
        answer_done(&answer);
        return directory_library_fault(LDAP_DECODING_ERROR, "the bind", fault);
    }
    *ret_answer = answer;
    return true;
}

bool directory_bind_simple(struct directory *directory, const char *user,
    const struct secret *secret, struct net_limit limit, bool *ret_sent, struct fault *fault)
{
    *ret_sent = false;
    if (directory->pipe.tls == NULL)
        return fault_set(fault, CAUSE_CREDENTIAL_UNSAFE, ORIGIN_EXREACH, 0,
            "a simple bind without TLS would show the password: not sent");
    /* RFC 4513 §5.1.2: an empty password is an anonymous bind and always succeeds. */
    if (user[0] == '\0' || secret_length(secret) == 0)
        return fault_set(
            fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "a simple bind needs a name and a password");
    size_t length = secret_length(secret);
    struct berval credentials = {.bv_len = length, .bv_val = xcalloc(1, length + 1)};
    memcpy(credentials.bv_val, secret_text(secret), length);
    struct bind_answer answer = {0};
    *ret_sent = true;
    bool ok = bind_round(directory, NULL, user, &credentials, limit, &answer, fault);
    OPENSSL_cleanse(credentials.bv_val, length);
    free(credentials.bv_val);
    if (ok && answer.code != LDAP_SUCCESS)
        ok = bind_fault(answer.code, answer.diagnostic, fault);
    answer_done(&answer);
    return ok;
}

struct sasl {
    struct directory *directory;
    const char *mechanism;
    struct secctx *context;
    struct net_limit limit;
    bool *sent;
    bool negotiates; /* GSSAPI: the layer is agreed on in words */
    bool layer;      /* we want one: there is no TLS */
    size_t layer_max;
    bool chosen;
};

/* RFC 4752 §3.1: the server's offer and our answer: one byte of layers, three of the largest token.
 */
static bool choose_layer(struct sasl *sasl, const struct berval *offer, const uint8_t **ret_token,
    size_t *ret_length, struct fault *fault)
{
    const uint8_t *plain = NULL;
    size_t length = 0;
    if (!secctx_unwrap(sasl->context, offer->bv_val, offer->bv_len, &plain, &length, fault))
        return false;
    struct reader reader = reader_of(plain, length);
    uint32_t word = read_be32(&reader);
    if (!reader_ok(&reader) || reader_left(&reader) != 0)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "the server's offer of protection has %zu bytes instead of 4", length);
    unsigned layers = word >> 24;
    unsigned wanted = sasl->layer ? LAYER_SEAL : LAYER_NONE;
    if ((layers & wanted) == 0)
        return fault_set(fault, CAUSE_STRONG_AUTH_REQUIRED, ORIGIN_EXREACH, (long)layers,
            sasl->layer ? "the server offers no sealing for GSSAPI"
                        : "the server insists on signing or sealing");
    sasl->layer_max = word & 0xffffff;
    uint8_t answer[4];
    struct writer writer = writer_of(answer, sizeof answer);
    write_be32(&writer, sasl->layer ? LAYER_SEAL << 24 | PIPE_SEALED_MAX : LAYER_NONE << 24);
    sasl->chosen = true;
    return secctx_wrap_clear(sasl->context, answer, sizeof answer, ret_token, ret_length, fault);
}

/* Our next token from the server's last one (NULL at first). */
static bool next_token(struct sasl *sasl, const struct berval *input, const uint8_t **ret_token,
    size_t *ret_length, struct fault *fault)
{
    bool complete = secctx_established(sasl->context);
    if (sasl->negotiates && complete && !sasl->chosen && input != NULL)
        return choose_layer(sasl, input, ret_token, ret_length, fault);
    if (complete)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "the server goes on with the bind after its end");
    bool done = false;
    return secctx_step(sasl->context, input != NULL ? input->bv_val : NULL,
        input != NULL ? input->bv_len : 0, ret_token, ret_length, &done, fault);
}

/* The end: a refusal, or a success that must have come at the right moment. */
static bool sasl_end(struct sasl *sasl, const struct bind_answer *answer, struct fault *fault)
{
    if (answer->code != LDAP_SUCCESS) {
        /* A KRB-ERROR in the token says more than the result code. */
        struct fault why = {0};
        const uint8_t *token = NULL;
        size_t length = 0;
        bool done = false;
        if (answer->token != NULL && answer->token->bv_len > 0 && sasl->negotiates &&
            !secctx_established(sasl->context) &&
            !secctx_step(sasl->context, answer->token->bv_val, answer->token->bv_len, &token,
                &length, &done, &why) &&
            (why.cause == CAUSE_TICKET_REFUSED || why.cause == CAUSE_CLOCK_SKEW)) {
            if (fault != NULL)
                *fault = why;
            return false;
        }
        return bind_fault(answer->code, answer->diagnostic, fault);
    }
    if (!secctx_established(sasl->context) || (sasl->negotiates && !sasl->chosen))
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "the server accepts the bind before it proved itself");
    if (sasl->layer)
        pipe_seal(&sasl->directory->pipe, sasl->context,
            sasl->negotiates ? sasl->layer_max : PIPE_SEALED_MAX);
    return true;
}

static bool sasl_run(struct sasl *sasl, struct fault *fault)
{
    struct bind_answer answer = {.code = LDAP_SASL_BIND_IN_PROGRESS};
    bool ok = true;
    for (int round = 0; ok && answer.code == LDAP_SASL_BIND_IN_PROGRESS; round++) {
        const uint8_t *token = NULL;
        size_t length = 0;
        bool proves = secctx_next_proves(sasl->context);
        ok = round < BIND_ROUNDS_MAX ||
             fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0, "the bind does not end");
        ok = ok && next_token(sasl, answer.token, &token, &length, fault);
        answer_done(&answer);
        if (!ok)
            break;
        struct berval credentials = {.bv_len = length, .bv_val = xcalloc(1, length + 1)};
        if (length > 0)
            memcpy(credentials.bv_val, token, length);
        *sasl->sent = *sasl->sent || proves;
        ok = bind_round(
            sasl->directory, sasl->mechanism, NULL, &credentials, sasl->limit, &answer, fault);
        OPENSSL_cleanse(credentials.bv_val, length);
        free(credentials.bv_val);
    }
    ok = ok && sasl_end(sasl, &answer, fault);
    answer_done(&answer);
    return ok;
}

bool directory_bind(struct directory *directory, const char *mechanism, struct secctx *context,
    struct net_limit limit, bool *ret_sent, struct fault *fault)
{
    struct sasl sasl = {
        .directory = directory,
        .mechanism = mechanism,
        .context = context,
        .limit = limit,
        .sent = ret_sent,
        .negotiates = text_equal_nocase(mechanism, "GSSAPI"),
        .layer = directory->pipe.tls == NULL,
    };
    *ret_sent = false;
    /* The context was made for one of the two; the other would be refused after the proof was sent.
     */
    unsigned flags = secctx_flags(context);
    bool fits = sasl.layer ? (flags & SEC_SEAL) != 0 : flags == 0;
    if (!fits)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            sasl.layer ? "a bind without TLS needs a context that seals"
                       : "a bind inside TLS needs a context that neither signs nor seals");
    return sasl_run(&sasl, fault);
}

bool directory_bind_bare(struct directory *directory, struct secctx *context,
    struct net_limit limit, struct fault *fault)
{
    bool sent = false;
    struct sasl sasl = {
        .directory = directory,
        .mechanism = "GSSAPI",
        .context = context,
        .limit = limit,
        .sent = &sent,
        .negotiates = true,
    };
    return sasl_run(&sasl, fault);
}
