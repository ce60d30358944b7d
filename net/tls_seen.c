#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "net/tls_private.h"

/* What the callbacks of one SSL_CTX need; in the arena of the seen they fill. */
struct observer {
    const struct tls_trust *trust;
    const char *host;
    struct tls_seen *seen;
    size_t first_length;
    bool watching; /* the BIO of the connection reports what it reads */
    bool record_seen;
};

void tls_seen_init(struct tls_seen *seen)
{
    *seen = (struct tls_seen){.alert_received = -1, .alert_sent = -1};
}

void tls_seen_done(struct tls_seen *seen)
{
    arena_done(&seen->arena);
    tls_seen_init(seen);
}

void tls_seen_first(struct tls_seen *seen, const void *bytes, size_t length)
{
    const unsigned char *from = bytes;
    size_t have = strlen(seen->first_bytes);
    for (size_t i = 0; i < length && have + 1 < sizeof seen->first_bytes; i++) {
        bool printable = from[i] >= ' ' && from[i] < 0x7F;
        seen->first_bytes[have++] = (char)(printable ? from[i] : '.');
    }
}

bool tls_host_is_address(const char *host)
{
    struct net_address address;
    return net_address_parse(host, 0, &address);
}

/* ---- where the observer hangs -----------------------------------------------------------------
 */

static CRYPTO_ONCE index_once = CRYPTO_ONCE_STATIC_INIT;
static int observer_index = -1;

static void make_index(void)
{
    observer_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

/* ---- callbacks --------------------------------------------------------------------------------
 */

static long on_bio(BIO *bio, int operation, const char *bytes, size_t size, int argi, long argl,
    int result, size_t *processed)
{
    struct observer *observer = (struct observer *)(void *)BIO_get_callback_arg(bio);
    (void)size;
    (void)argi;
    (void)argl;
    if (operation == (BIO_CB_READ | BIO_CB_RETURN) && result > 0 && processed != NULL &&
        !observer->seen->done)
        tls_seen_first(observer->seen, bytes, *processed);
    return result;
}

static void on_message(
    int written, int version, int type, const void *bytes, size_t length, SSL *ssl, void *context)
{
    struct observer *observer = context;
    struct tls_seen *seen = observer->seen;
    const unsigned char *body = bytes;
    BIO *bio = SSL_get_rbio(ssl);
    if (!observer->watching && bio != NULL) {
        observer->watching = true;
        BIO_set_callback_arg(bio, (char *)observer);
        BIO_set_callback_ex(bio, on_bio);
    }
    /* Every record of TLS carries a version 3.x (RFC 8446 §5.1). OpenSSL reports the one it read
     * before it looks whether it makes sense. */
    if (type == SSL3_RT_HEADER && written == 0 && !observer->record_seen) {
        observer->record_seen = true;
        seen->not_tls = version >> 8 != SSL3_VERSION_MAJOR;
    }
    if (type == SSL3_RT_HANDSHAKE && written == 0 && length > 0 &&
        body[0] == SSL3_MT_CERTIFICATE_REQUEST)
        seen->client_cert_wanted = true;
    /* RFC 8446 §4.1.3: the version stands behind the type and the length. */
    if (type == SSL3_RT_HANDSHAKE && written == 0 && length > 5 && body[0] == SSL3_MT_SERVER_HELLO)
        seen->server_version = body[4] << 8 | body[5];
    if (type != SSL3_RT_ALERT || length < 2)
        return;
    /* RFC 8446 §6: all but these two are fatal, whatever their level says. */
    if (body[1] == SSL3_AD_CLOSE_NOTIFY && written == 0)
        seen->close_notify = true;
    if (body[1] == SSL3_AD_CLOSE_NOTIFY || body[1] == SSL_AD_USER_CANCELLED)
        return;
    if (body[0] != SSL3_AL_FATAL && SSL_version(ssl) < TLS1_3_VERSION)
        return;
    int *alert = written != 0 ? &seen->alert_sent : &seen->alert_received;
    if (*alert < 0)
        *alert = body[1];
}

static void on_info(const SSL *ssl, int where, int result)
{
    struct observer *observer = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), observer_index);
    struct tls_seen *seen = observer->seen;
    if (seen->done) /* TLS 1.3: each session ticket looks like a handshake of its own */
        return;
    if ((where & SSL_CB_HANDSHAKE_DONE) != 0) {
        seen->done = true;
        seen->version = SSL_get_version(ssl);
        seen->cipher = SSL_get_cipher_name(ssl);
        seen->first_bytes[0] = '\0';
    } else if ((where & SSL_CB_EXIT) != 0 && result <= 0 && ERR_peek_last_error() != 0) {
        /* What lack of memory leads to comes after it in OpenSSL's list. */
        bool memory = ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE;
        seen->library_reason =
            memory ? ERR_R_MALLOC_FAILURE : ERR_GET_REASON(ERR_peek_last_error());
    }
}

static void record_error(struct tls_seen *seen, int code, int depth)
{
    for (size_t i = 0; i < seen->error_count; i++) {
        if (seen->errors[i].code == code && seen->errors[i].depth == depth)
            return;
    }
    if (seen->error_count < TLS_ERRORS_MAX)
        seen->errors[seen->error_count++] = (struct tls_error){.code = code, .depth = depth};
}

static int on_verify_error(int ok, X509_STORE_CTX *context)
{
    struct tls_seen *seen = X509_STORE_CTX_get_app_data(context);
    if (ok == 0)
        record_error(
            seen, X509_STORE_CTX_get_error(context), X509_STORE_CTX_get_error_depth(context));
    return 1; /* on to the next one */
}

/* Verifies once more, over the shared store, with the name, and to the end. */
static bool verify(const struct observer *observer, X509 *leaf, STACK_OF(X509) * chain)
{
    bool ran = false;
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (context == NULL ||
        X509_STORE_CTX_init(context, tls_trust_store(observer->trust), leaf, chain) != 1 ||
        X509_STORE_CTX_set_default(context, "ssl_server") != 1)
        goto out;
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    int named = tls_host_is_address(observer->host)
                    ? X509_VERIFY_PARAM_set1_ip_asc(param, observer->host)
                    : X509_VERIFY_PARAM_set1_host(param, observer->host, 0);
    if (named != 1)
        goto out;
    X509_STORE_CTX_set_app_data(context, observer->seen);
    X509_STORE_CTX_set_verify_cb(context, on_verify_error);
    ran = X509_verify_cert(context) == 1;
out:
    X509_STORE_CTX_free(context);
    return ran;
}

static int on_certificate(X509_STORE_CTX *context, void *argument)
{
    struct observer *observer = argument;
    struct tls_seen *seen = observer->seen;
    X509 *leaf = X509_STORE_CTX_get0_cert(context);
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_untrusted(context);
    if (seen->chain_count == 0) {
        tls_seen_chain(seen, chain, leaf);
        /* A verification that did not come to its end must never look like a good one. */
        if (!verify(observer, leaf, chain) && seen->error_count == 0)
            record_error(seen, X509_V_ERR_UNSPECIFIED, 0);
    }
    ERR_clear_error();
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
}

void tls_observe(
    SSL_CTX *context, const struct tls_trust *trust, const char *host, struct tls_seen *seen)
{
    tls_seen_init(seen);
    struct observer *observer = arena_alloc(&seen->arena, sizeof *observer);
    observer->trust = trust;
    observer->host = arena_strdup(&seen->arena, host);
    observer->seen = seen;
    (void)CRYPTO_THREAD_run_once(&index_once, make_index);
    SSL_CTX_set_ex_data(context, observer_index, observer);
    SSL_CTX_set_info_callback(context, on_info);
    SSL_CTX_set_msg_callback(context, on_message);
    SSL_CTX_set_msg_callback_arg(context, observer);
    SSL_CTX_set_cert_verify_callback(context, on_certificate, observer);
    /* What clients of today no longer speak must not look like a working path. */
    (void)SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    /* The result of the callback decides nothing. A resumed session would show no chain. */
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}
