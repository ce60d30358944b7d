/*
 * TLS by OpenSSL: what the peer showed, all of it, and connections for the protocols that bring no
 * TLS of their own (LDAP). HTTP lets libcurl do the handshake and observes it with the same
 * callbacks.
 *
 * Observe everything, then judge: one handshake records every verify error of the whole chain at
 * once.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <openssl/ssl.h>

#include "net/arena.h"
#include "net/sock.h"

enum { TLS_CHAIN_MAX = 10, TLS_NAMES_MAX = 100, TLS_ERRORS_MAX = 16, TLS_ENDPOINT_MAX = 64 };

/* The certificates we trust: shared by all connections of a run, read-only after tls_trust_new().
 */
struct tls_trust;
/* path: a PEM file or a hashed directory; NULL: the system's store (directory first, which costs
 * nothing up front, else the bundle). Causes: INTERNAL with a text that names the file: missing,
 * unreadable, no certificate in it. */
bool tls_trust_new(const char *path, struct tls_trust **ret_trust, struct fault *fault);
void tls_trust_free(struct tls_trust *trust);

struct tls_cert {
    const char *subject, *issuer;  /* RFC 2253 with escapes, UTF-8 */
    const char *serial, *sha256;   /* hex */
    const char *key;               /* "RSA 2048" */
    const char *signature;         /* "sha256WithRSAEncryption" */
    int64_t not_before, not_after; /* seconds since the epoch */
    bool self_signed;              /* subject equals issuer */
    bool ca;
    const char *aia; /* caIssuers URL or NULL */
};

struct tls_error {
    int code;  /* X509_V_ERR_… */
    int depth; /* 0 is the leaf */
};

struct tls_seen {
    bool done;           /* the handshake ended */
    const char *version; /* "TLSv1.3", NULL before */
    const char *cipher;
    struct tls_cert chain[TLS_CHAIN_MAX]; /* as sent */
    size_t chain_count;
    const char *names[TLS_NAMES_MAX]; /* subjectAltName: DNS names and addresses; else the CN */
    size_t name_count;
    struct tls_error errors[TLS_ERRORS_MAX]; /* every verify error, wrong name included */
    size_t error_count;
    int alert_received, alert_sent; /* -1: none; fatal ones */
    int server_version;             /* of its hello, 0x0303 for TLS 1.2 and 1.3; 0 before */
    int library_reason;             /* OpenSSL's reason code where it gave up; 0 */
    bool close_notify;              /* the peer ended TLS in order */
    bool client_cert_wanted;
    bool not_tls;                              /* the first bytes are no TLS record */
    char first_bytes[32];                      /* of the peer, then, printable or '.' */
    unsigned char end_point[TLS_ENDPOINT_MAX]; /* tls-server-end-point hash (RFC 5929 §4.1) */
    size_t end_point_length;
    struct arena arena; /* owns the texts */
};

/* The worst verify error as a fault (CERT_…, origin X509, text with names, dates and host); false
 * where the chain verified. Order: name before expiry before trust is never guessed: the error at
 * the lowest depth that explains most comes first: EXPIRED/NOT_YET_VALID, NAME, PURPOSE,
 * SELF_SIGNED, INCOMPLETE, UNTRUSTED, INVALID. */
bool tls_seen_fault(const struct tls_seen *seen, const char *host, struct fault *ret_fault);
void tls_seen_done(struct tls_seen *seen);

/* Installs the observing callbacks on a context (ours, or curl's in CURLOPT_SSL_CTX_FUNCTION):
 * info, message and verify callbacks, which fill *seen for a connection that expects `host`.
 * Verification never stops the handshake: the caller judges seen->errors before it sends anything.
 * `trust` and `seen` must outlive the context's connections. */
void tls_observe(
    SSL_CTX *context, const struct tls_trust *trust, const char *host, struct tls_seen *seen);

/* A TLS client connection over a connected, non-blocking socket, which stays the caller's.
 * Causes: TIMEOUT INTERRUPTED RESET CLOSED NOT_TLS TLS_ALERT TLS_PROTOCOL CLIENT_CERT_WANTED
 * INTERNAL. A certificate that does not verify is no failure here: see tls_seen_fault(). *seen is
 * filled in both cases; it must outlive the connection. */
struct tls_conn;
bool tls_connect(net_sock sock, const char *host, const struct tls_trust *trust,
    struct net_limit limit, struct tls_seen *seen, struct tls_conn **ret_conn, struct fault *fault);
void tls_free(struct tls_conn *conn); /* NULL is allowed; sends close_notify without waiting */

/* One non-blocking step, as sock_try_…: 1 done, 0 wants to read (or write, for *ret_event), -1. */
int tls_try_read(struct tls_conn *conn, void *bytes, size_t size, size_t *ret_length,
    unsigned *ret_event, struct fault *fault);
int tls_try_write(struct tls_conn *conn, const void *bytes, size_t length, size_t *ret_length,
    unsigned *ret_event, struct fault *fault);

#endif
