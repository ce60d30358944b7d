#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "net/host.h"
#include "net/tls_private.h"

enum { RECORD_SIZE = 16384, FEED_SIZE = 17 * 1024 };

/* ---- trust ------------------------------------------------------------------------------------
 */

struct tls_trust {
    X509_STORE *store;
};

X509_STORE *tls_trust_store(const struct tls_trust *trust)
{
    return trust->store;
}

/* "5ed36f99.0": the name under which OpenSSL looks for a certificate */
static bool is_hashed_name(const char *name)
{
    return strlen(name) >= 10 && strspn(name, "0123456789abcdef") == 8 && name[8] == '.';
}

static bool load_file(X509_STORE *store, const char *path)
{
    bool loaded = X509_STORE_load_file(store, path) == 1;
    ERR_clear_error();
    return loaded;
}

static bool load_given(X509_STORE *store, const char *path, struct fault *fault)
{
    struct fault why = {0};
    if (host_directory_has(path, is_hashed_name, &why)) {
        if (X509_STORE_load_path(store, path) != 1)
            return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
                "cannot use the directory of certificates %.120s", path);
    } else if (why.cause == CAUSE_NONE) {
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "the directory %.120s has no certificates by hash (openssl rehash makes them)", path);
    } else if (why.code != ENOTDIR) {
        return fault_set(fault, CAUSE_INTERNAL, why.origin, why.code, "%s", why.text);
    } else if (!load_file(store, path)) {
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "there is no certificate (PEM) in %.120s, or it cannot be read", path);
    }
    /* Who names an intermediate trusts it. */
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    return true;
}

/* The directory costs nothing before a certificate is looked up; a bundle takes 50 ms to read. */
static bool load_system(X509_STORE *store, struct fault *fault)
{
    static const char *const bundles[] = {
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    };
    static const char *const directories[] = {"/etc/ssl/certs", "/etc/pki/tls/certs"};
    struct fault ignored;
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
        if (host_directory_has(directories[i], is_hashed_name, &ignored) &&
            X509_STORE_load_path(store, directories[i]) == 1)
            return true;
    }
    for (size_t i = 0; i < sizeof bundles / sizeof bundles[0]; i++) {
        if (load_file(store, bundles[i]))
            return true;
    }
    /* SSL_CERT_FILE, SSL_CERT_DIR, and what this OpenSSL was built with */
    if (X509_STORE_set_default_paths(store) == 1)
        return true;
    return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
        "this system has no store of trusted certificates; name one with --ca");
}

/* OpenSSL reads a certificate's extensions at its first use, which would be in many threads at
 * once. */
static void read_extensions(X509_STORE *store)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (certificate != NULL)
            X509_check_purpose(certificate, -1, 0);
    }
}

bool tls_trust_new(const char *path, struct tls_trust **ret_trust, struct fault *fault)
{
    struct tls_trust *trust = xcalloc(1, sizeof *trust);
    trust->store = X509_STORE_new();
    if (trust->store == NULL) {
        fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "OpenSSL cannot make a store");
        goto out;
    }
    if (path != NULL ? !load_given(trust->store, path, fault) : !load_system(trust->store, fault))
        goto out;
    read_extensions(trust->store);
    *ret_trust = trust;
    return true;
out:
    tls_trust_free(trust);
    ERR_clear_error();
    return false;
}

void tls_trust_free(struct tls_trust *trust)
{
    if (trust == NULL)
        return;
    X509_STORE_free(trust->store);
    free(trust);
}

/* ---- a connection: OpenSSL over memory, the socket moved by us --------------------------------
 */

struct tls_conn {
    net_sock sock;
    SSL_CTX *context;
    SSL *ssl;
    BIO *from_peer; /* of ssl */
    BIO *to_peer;
    char *host;
    char *whom; /* for the words of faults */
    struct tls_seen *seen;
    bool ended; /* FIN */
};

static bool tls_new(net_sock sock, const char *host, const struct tls_trust *trust,
    struct tls_seen *seen, struct tls_conn **ret_conn, struct fault *fault)
{
    struct tls_conn *conn = xcalloc(1, sizeof *conn);
    conn->sock = sock;
    conn->host = xstrdup(host);
    struct net_address peer;
    conn->whom = sock_peer(sock, &peer) ? net_address_whom(host, &peer) : xstrdup(host);
    conn->seen = seen;
    conn->context = SSL_CTX_new(TLS_client_method());
    if (conn->context == NULL)
        goto out;
    tls_observe(conn->context, trust, host, seen);
    conn->ssl = SSL_new(conn->context);
    conn->from_peer = BIO_new(BIO_s_mem());
    conn->to_peer = BIO_new(BIO_s_mem());
    if (conn->ssl == NULL || conn->from_peer == NULL || conn->to_peer == NULL) {
        BIO_free(conn->from_peer);
        BIO_free(conn->to_peer);
        goto out;
    }
    BIO_set_mem_eof_return(conn->from_peer, -1);
    SSL_set_bio(conn->ssl, conn->from_peer, conn->to_peer);
    SSL_set_connect_state(conn->ssl);
    if (!tls_host_is_address(host) && SSL_set_tlsext_host_name(conn->ssl, conn->host) != 1)
        goto out;
    *ret_conn = conn;
    return true;
out:
    tls_free(conn);
    ERR_clear_error();
    fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "OpenSSL cannot make a connection");
    return false;
}

static int bio_failed(struct fault *fault)
{
    fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "a memory BIO failed");
    return -1;
}

/* Moves what OpenSSL wants to send. 1: all of it, 0: the socket is full, -1: failed. */
static int flush(struct tls_conn *conn, struct fault *fault)
{
    for (;;) {
        char *bytes = NULL;
        size_t put = 0;
        long length = BIO_get_mem_data(conn->to_peer, &bytes);
        if (length <= 0)
            return 1;
        int step = sock_try_write(conn->sock, bytes, (size_t)length, &put, fault);
        if (step <= 0)
            return step;
        unsigned char sent[RECORD_SIZE]; /* a memory BIO forgets only what is read from it */
        while (put > 0) {
            int taken = BIO_read(conn->to_peer, sent, put > sizeof sent ? RECORD_SIZE : (int)put);
            if (taken <= 0)
                return bio_failed(fault);
            put -= (size_t)taken;
        }
    }
}

/* Moves what the peer sent. 1: something (or its FIN), 0: nothing yet, -1: failed. */
static int feed(struct tls_conn *conn, struct fault *fault)
{
    unsigned char bytes[FEED_SIZE];
    size_t got = 0;
    int step = sock_try_read(conn->sock, bytes, sizeof bytes, &got, fault);
    if (step <= 0)
        return step;
    if (got == 0) {
        conn->ended = true;
        BIO_set_mem_eof_return(conn->from_peer, 0);
    } else if (BIO_write(conn->from_peer, bytes, (int)got) != (int)got) {
        return bio_failed(fault);
    }
    return 1;
}

static bool handshake_failed(struct tls_conn *conn, struct fault *fault)
{
    struct fault ignored;
    char *rest = NULL;
    long length = BIO_get_mem_data(conn->from_peer, &rest);
    if (length > 0)
        tls_seen_first(conn->seen, rest, (size_t)length);
    if (!conn->seen->not_tls)
        conn->seen->first_bytes[0] = '\0';
    (void)flush(conn, &ignored); /* our alert */
    ERR_clear_error();
    enum sock_end end = conn->ended ? SOCK_CLOSED : sock_end(conn->sock);
    return tls_handshake_fault(conn->seen, conn->whom, end, fault);
}

/* A socket failed within the handshake; an alert that came before its RST says more. */
static bool socket_failed(const struct tls_conn *conn, const struct fault *why, struct fault *fault)
{
    if (why->cause != CAUSE_RESET && why->cause != CAUSE_CLOSED)
        return fault_set(fault, why->cause, why->origin, why->code, "%s", why->text);
    enum sock_end end = why->cause == CAUSE_RESET ? SOCK_RESET : SOCK_CLOSED;
    tls_handshake_fault(conn->seen, conn->whom, end, fault);
    if (fault != NULL && fault->origin == ORIGIN_SYSTEM)
        fault->code = why->code;
    return false;
}

static bool wait_failed(
    const struct tls_conn *conn, const struct fault *why, int64_t begun, struct fault *fault)
{
    if (why->cause != CAUSE_TIMEOUT)
        return fault_set(fault, why->cause, why->origin, why->code, "%s", why->text);
    double seconds = (double)(clock_monotonic_us() - begun) / 1e6;
    return fault_set(fault, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0,
        conn->seen->first_bytes[0] == '\0'
            ? "no TLS answer from %.130s within %.1f s"
            : "no end of the TLS handshake with %.130s within %.1f s",
        conn->whom, seconds);
}

static bool shake_hands(struct tls_conn *conn, struct net_limit limit, struct fault *fault)
{
    int64_t begun = clock_monotonic_us();
    for (;;) {
        struct fault why = {0};
        ERR_clear_error();
        int result = SSL_do_handshake(conn->ssl);
        if (result != 1 && SSL_get_error(conn->ssl, result) != SSL_ERROR_WANT_READ)
            return handshake_failed(conn, fault);
        int flushed = flush(conn, &why);
        if (flushed < 0)
            return socket_failed(conn, &why, fault);
        if (result == 1 && flushed == 1)
            return true;
        unsigned events = flushed == 1 ? SOCK_READABLE : SOCK_READABLE | SOCK_WRITABLE;
        if (!sock_wait(conn->sock, events, limit, &why))
            return wait_failed(conn, &why, begun, fault);
        if (result != 1 && feed(conn, &why) < 0)
            return socket_failed(conn, &why, fault);
    }
}

bool tls_connect(net_sock sock, const char *host, const struct tls_trust *trust,
    struct net_limit limit, struct tls_seen *seen, struct tls_conn **ret_conn, struct fault *fault)
{
    struct tls_conn *conn = NULL;
    tls_seen_init(seen);
    if (!tls_new(sock, host, trust, seen, &conn, fault))
        return false;
    if (!shake_hands(conn, limit, fault)) {
        tls_free(conn);
        return false;
    }
    *ret_conn = conn;
    return true;
}

void tls_free(struct tls_conn *conn)
{
    struct fault ignored;
    if (conn == NULL)
        return;
    if (conn->ssl != NULL && conn->seen->done) {
        (void)SSL_shutdown(conn->ssl);
        (void)flush(conn, &ignored);
    }
    SSL_free(conn->ssl);
    SSL_CTX_free(conn->context);
    ERR_clear_error();
    free(conn->host);
    free(conn->whom);
    free(conn);
}

static int io_failed(const struct tls_conn *conn, struct fault *fault)
{
    unsigned long code = ERR_peek_last_error();
    ERR_clear_error();
    if (tls_alert_fault(conn->seen, conn->whom, fault))
        return -1;
    if (conn->ended)
        fault_set(fault, CAUSE_CLOSED, ORIGIN_EXREACH, 0,
            "%.130s closed the connection without ending TLS", conn->whom);
    else
        fault_set(fault, CAUSE_TLS_PROTOCOL, ORIGIN_TLS, ERR_GET_REASON(code),
            "the TLS connection with %.130s broke", conn->whom);
    return -1;
}

int tls_try_read(struct tls_conn *conn, void *bytes, size_t size, size_t *ret_length,
    unsigned *ret_event, struct fault *fault)
{
    for (;;) {
        ERR_clear_error();
        int result = SSL_read_ex(conn->ssl, bytes, size, ret_length);
        if (result == 1)
            return 1;
        int error = SSL_get_error(conn->ssl, result);
        if (error == SSL_ERROR_ZERO_RETURN) {
            *ret_length = 0;
            return 1;
        }
        if (error != SSL_ERROR_WANT_READ)
            return io_failed(conn, fault);
        int flushed =
            flush(conn, fault); /* what an earlier write left, and answers of TLS itself */
        if (flushed < 0)
            return -1;
        int fed = feed(conn, fault);
        if (fed < 0)
            return -1;
        if (fed == 0) {
            *ret_event = flushed == 1 ? SOCK_READABLE : SOCK_READABLE | SOCK_WRITABLE;
            return 0;
        }
    }
}

int tls_try_write(struct tls_conn *conn, const void *bytes, size_t length, size_t *ret_length,
    unsigned *ret_event, struct fault *fault)
{
    int flushed = flush(conn, fault);
    if (flushed < 0)
        return -1;
    if (flushed == 0) {
        *ret_event = SOCK_WRITABLE;
        return 0;
    }
    ERR_clear_error();
    /* One record at a time: what the socket does not take is kept, and must be bounded. */
    size_t piece = length < RECORD_SIZE ? length : RECORD_SIZE;
    if (piece > 0 && SSL_write_ex(conn->ssl, bytes, piece, ret_length) != 1)
        return io_failed(conn, fault);
    if (piece == 0)
        *ret_length = 0;
    return flush(conn, fault) < 0 ? -1 : 1;
}
