#include "auth.h"

#include "auth_ntlm.h"
#include "directory.h"
#include "spnego.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool auth_init(const struct config *config, char *ret_error, size_t error_size)
{
    if (!ntlm_init(config->winbind_socket_dir, ret_error, error_size))
        return false;
    return auth_gss_init(config->keytab, ret_error, error_size);
}

void auth_done(void)
{
    auth_gss_done();
    ntlm_done();
}

/* RFC 5929, 4.1: the hash is the one of the certificate's signature, but SHA-256 for MD5, SHA-1
 * and signatures without a single hash. */
static void channel_init(struct channel *channel, SSL *ssl)
{
    static const char prefix[] = "tls-server-end-point:";
    X509 *certificate = ssl ? SSL_get_certificate(ssl) : NULL;
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned hash_len = 0;
    int digest_nid = NID_undef;
    const EVP_MD *digest;

    *channel = (struct channel){0};
    if (certificate == NULL)
        return;
    X509_get_signature_info(certificate, &digest_nid, NULL, NULL, NULL);
    if (digest_nid == NID_undef || digest_nid == NID_md5 || digest_nid == NID_sha1)
        digest_nid = NID_sha256;
    digest = EVP_get_digestbynid(digest_nid);
    if (digest == NULL || X509_digest(certificate, digest, hash, &hash_len) != 1)
        return;
    memcpy(channel->data, prefix, sizeof prefix - 1);
    memcpy(channel->data + sizeof prefix - 1, hash, hash_len);
    channel->len = sizeof prefix - 1 + hash_len;
}

void auth_conn_init(
    struct auth_conn *auth, const struct config *config, const struct node *node, SSL *ssl)
{
    *auth = (struct auth_conn){.config = config, .node = node};
    channel_init(&auth->channel, ssl);
}

static void forget_logon(struct auth_conn *auth)
{
    if (auth->state != NULL)
        auth->mech->free(auth->state);
    auth->state = NULL;
    auth->mech = NULL;
}

bool auth_challenged(const struct auth_conn *auth)
{
    return auth->state != NULL && auth->mech->keeps;
}

void auth_forget(struct auth_conn *auth)
{
    forget_logon(auth);
    auth->logged_in = false;
}

void auth_conn_done(struct auth_conn *auth)
{
    forget_logon(auth);
}

static void reject(struct auth_step *step, const char *reason)
{
    step->result = AUTH_REJECT;
    copy_text(step->reason, sizeof step->reason, reason);
}

static void basic(const struct auth_conn *auth, const char *token, struct auth_step *step)
{
    struct buf clear = {0};
    char *colon = NULL;
    enum logon logon;

    if (base64_decode(token, &clear) && strlen(buf_text(&clear)) == clear.len)
        colon = strchr(clear.data, ':');
    if (colon == NULL) {
        reject(step, "malformed Basic credentials");
        buf_done(&clear);
        return;
    }
    *colon = '\0';
    copy_text(step->who.user, sizeof step->who.user, clear.data);
    logon = directory_logon(auth->config, clear.data, colon + 1, auth->config->domain);
    OPENSSL_cleanse(clear.data, clear.len);
    buf_done(&clear);
    if (logon == LOGON_OK) {
        step->result = AUTH_ACCEPT;
        step->who.mech = "basic";
        return;
    }
    reject(step, logon_str(logon));
    if (logon == LOGON_UNAVAILABLE)
        step->result = AUTH_BROKEN;
}

/* Which mechanism speaks a first token. A token that goes on with a logon has `auth->state`. */
static const struct auth_mech *choose_mech(enum scheme scheme, const struct buf *token)
{
    if (ntlm_is_negotiate(token->data, token->len))
        return &auth_ntlm;
    if (scheme != SCHEME_NEGOTIATE)
        return NULL;
    return spnego_prefers_ntlm(token->data, token->len) ? &auth_spnego_ntlm : &auth_gss;
}

static void token_step(
    struct auth_conn *auth, enum scheme scheme, const char *text, struct auth_step *step)
{
    struct buf token = {0};

    if (!base64_decode(text, &token)) {
        reject(step, "malformed token");
        buf_done(&token);
        return;
    }
    if (auth->state == NULL || ntlm_is_negotiate(token.data, token.len)) {
        forget_logon(auth);
        auth->mech = choose_mech(scheme, &token);
        if (auth->mech != NULL)
            auth->state = auth->mech->start(auth->config, auth->node, &auth->channel);
    }
    if (auth->state == NULL)
        reject(step, "no first token, or none of this scheme");
    else
        auth->mech->step(auth->state, token.data, token.len, step);
    buf_done(&token);
    if (step->result == AUTH_ACCEPT && auth->mech->keeps)
        auth->logged_in = true;
    if (step->result != AUTH_CONTINUE)
        forget_logon(auth);
}

/* Extended Protection has the last word on an accepted logon, and on a kept one. */
static void judge_binding(enum ep ep, struct auth_step *step)
{
    enum binding binding = step->who.binding;

    if (step->result != AUTH_ACCEPT || step->who.scheme == SCHEME_BASIC)
        return;
    if (ep != EP_OFF && binding == BINDING_WRONG)
        reject(step, "wrong channel binding");
    else if (ep == EP_REQUIRE && binding != BINDING_RIGHT)
        reject(step, "no channel binding");
    if (step->result == AUTH_REJECT)
        buf_clear(&step->token); /* it would say that all is well */
}

static enum scheme split_authorization(const char *header, const char **ret_token)
{
    static const struct {
        const char *name;
        enum scheme scheme;
    } names[] = {{"Negotiate", SCHEME_NEGOTIATE}, {"NTLM", SCHEME_NTLM}, {"Basic", SCHEME_BASIC}};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t len = strlen(names[i].name);

        if (strncasecmp(header, names[i].name, len) == 0 && header[len] == ' ') {
            *ret_token = header + len + strspn(header + len, " ");
            return names[i].scheme;
        }
    }
    return SCHEME_NONE;
}

static void send_token(struct response *response, enum scheme scheme, const struct buf *token)
{
    struct buf value = {0};

    buf_str(&value, scheme == SCHEME_NTLM ? "NTLM" : "Negotiate");
    buf_str(&value, " ");
    buf_base64(&value, buf_text(token), token->len);
    response_header(response, "WWW-Authenticate", value.data);
    buf_done(&value);
}

/* The offers of a virtual directory, as IIS orders them. Why Kerberos refused a ticket goes with
 * the offer of Negotiate: a KRB-ERROR (RFC 4559, 4.1; RFC 4121, 4.1). */
static void offer(unsigned schemes, const struct request *request, const struct buf *error,
    struct response *response)
{
    const char *host = request_header(request, "Host");
    char realm[300];

    if ((schemes & SCHEME_NEGOTIATE) != 0 && error->len > 0)
        send_token(response, SCHEME_NEGOTIATE, error);
    else if (schemes & SCHEME_NEGOTIATE)
        response_header(response, "WWW-Authenticate", "Negotiate");
    if (schemes & SCHEME_NTLM)
        response_header(response, "WWW-Authenticate", "NTLM");
    if (schemes & SCHEME_BASIC) {
        snprintf(realm, sizeof realm, "Basic realm=\"%.*s\"", host ? (int)strcspn(host, ":\"") : 0,
            host ? host : "");
        response_header(response, "WWW-Authenticate", realm);
    }
}

static void answer(const struct auth_conn *auth, enum vdir vdir, const struct request *request,
    struct response *response, const struct auth_step *step)
{
    enum scheme scheme = step->who.scheme;

    switch (step->result) {
    case AUTH_ACCEPT:
        if (step->token.len > 0)
            send_token(response, scheme, &step->token);
        if (auth->logged_in)
            response_header(response, "Persistent-Auth", "true");
        break;
    case AUTH_CONTINUE:
        response->status = 401;
        send_token(response, scheme, &step->token);
        break;
    case AUTH_REJECT:
        response->status = 401;
        offer(auth->config->vdirs[vdir].schemes, request, &step->token, response);
        break;
    case AUTH_BROKEN:
        response->status = 500;
        break;
    }
}

enum auth_result auth_request(struct auth_conn *auth, enum vdir vdir, const struct request *request,
    struct response *response, struct auth_step *ret_step)
{
    const struct vdir_settings *settings = &auth->config->vdirs[vdir];
    const char *header = request_header(request, "Authorization");
    const char *token = NULL;
    enum scheme scheme = header ? split_authorization(header, &token) : SCHEME_NONE;

    *ret_step = (struct auth_step){.result = AUTH_REJECT, .who.scheme = scheme};
    if (header == NULL && auth->logged_in) {
        ret_step->result = AUTH_ACCEPT;
        ret_step->who = auth->kept;
    } else if (header != NULL && (settings->schemes & scheme) == 0) {
        reject(ret_step, "scheme not offered");
    } else if (scheme == SCHEME_BASIC) {
        auth->logged_in = false;
        basic(auth, token, ret_step);
    } else if (header != NULL) {
        auth->logged_in = false;
        token_step(auth, scheme, token, ret_step);
        ret_step->who.scheme = scheme;
        if (auth->logged_in)
            auth->kept = ret_step->who;
    }
    judge_binding(settings->ep, ret_step);
    if (ret_step->result == AUTH_REJECT)
        auth->logged_in = false;
    answer(auth, vdir, request, response, ret_step);
    return ret_step->result;
}
