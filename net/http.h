/*
 * HTTP/1.1 by libcurl on one connection of ours: the socket, the TLS session and the authentication
 * of a chain never change under its feet.
 *
 * The four walls: our own connected socket handed over once, a second one refused; a gate that runs
 * after TLS and before each request; redirects never followed; a private multi handle.
 * curl's own authentication is never used: Authorization headers are made by net/secctx.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "net/tls.h"

enum {
    HTTP_HEADERS_MAX = 200,             /* kept of one response */
    HTTP_HEADER_BYTES_MAX = 256 * 1024, /* then TOO_LARGE */
    HTTP_BODY_MAX = 4 * 1024 * 1024,    /* default cap, then TOO_LARGE */
    HTTP_PARTIAL_MAX = 64 * 1024
};

struct http_conn;

struct http_origin {
    bool tls;
    const char *host; /* SNI, Host, and the name the certificate must carry */
    uint16_t port;
};

/* Takes the connected socket: the connection closes it, also where this fails. `insecure`: a
 * certificate that does not verify does not stop requests that carry no credentials. Causes:
 * INTERNAL. */
bool http_open(const struct http_origin *origin, net_sock sock, const struct tls_trust *trust,
    bool insecure, struct http_conn **ret_conn, struct fault *fault);
void http_close(struct http_conn *conn); /* NULL is allowed */

struct http_header {
    const char *name;
    const char *value;
};

struct http_request {
    const char *method;                /* "GET" */
    const char *target;                /* "/EWS/Exchange.asmx", with query */
    const struct http_header *headers; /* Host, Content-Length, User-Agent and Accept are added */
    size_t header_count;
    const void *body; /* NULL and length 0: none (Content-Length: 0 for POST) */
    size_t body_length;
    size_t body_max;  /* of the answer; 0: HTTP_BODY_MAX */
    bool credentials; /* carries a secret or a proof of one: only over TLS that verified, else
                         CREDENTIAL_UNSAFE and not a byte of the request is sent */
};

struct http_response {
    int status;
    const char *reason;
    const struct http_header *headers; /* in order, names as sent */
    size_t header_count;
    const char *body; /* NUL-terminated beyond length, may contain NUL */
    size_t length;
    int64_t first_byte_us; /* after the request was begun */
    int64_t elapsed_us;
    bool closes;        /* the server said or did close the connection */
    struct arena arena; /* owns the above */
};

/* First value of a header (name without regard to case), or NULL. */
const char *http_header(const struct http_response *response, const char *name);
/* The n-th (from 0) value of a repeated header, or NULL. */
const char *http_header_nth(const struct http_response *response, const char *name, size_t n);
void http_response_done(struct http_response *response);

/* One request in two halves. http_begin() returns when TLS is done, judged, and the request is on
 * its way (at once on a connection already open); http_finish() waits for the whole answer. The
 * request's memory must live until then.
 *
 * http_begin causes: TIMEOUT INTERRUPTED RESET CLOSED NOT_TLS TLS_ALERT TLS_PROTOCOL CERT_… (not
 * insecure) CLIENT_CERT_WANTED CREDENTIAL_UNSAFE INTERNAL http_finish causes: TIMEOUT INTERRUPTED
 * RESET CLOSED TRUNCATED TOO_LARGE NOT_HTTP MALFORMED INTERNAL, NOT_TLS TLS_ALERT (TLS 1.3 refuses
 * a missing client certificate only now: CLIENT_CERT_WANTED) Any HTTP status is a success here. */
bool http_begin(struct http_conn *conn, const struct http_request *request, struct net_limit limit,
    struct fault *fault);
bool http_finish(struct http_conn *conn, struct net_limit limit, struct http_response *ret_response,
    struct fault *fault);
/* Both. */
bool http_exchange(struct http_conn *conn, const struct http_request *request,
    struct net_limit limit, struct http_response *ret_response, struct fault *fault);

/* What had come of the answer to the request that failed last, once: its headers, and of its body
 * no more than HTTP_PARTIAL_MAX bytes. false: not even all headers. The caller frees it:
 * http_response_done(). */
bool http_partial(struct http_conn *conn, struct http_response *ret_response);

/* What the handshake showed; empty (done false) before, and for plain HTTP. Lives as the
 * connection. */
const struct tls_seen *http_tls(const struct http_conn *conn);
/* The connection can carry another request. */
bool http_usable(const struct http_conn *conn);

/* What -vv shows: one call per line, secrets masked ("Authorization: NTLM <hidden 64 bytes>"). */
typedef void http_trace(void *context, char direction, const char *line);
void http_set_trace(struct http_conn *conn, http_trace *trace, void *context);

/* curl_global_init and friends: once, in main, before threads. */
bool http_global_init(struct fault *fault);
void http_global_done(void);

#endif
