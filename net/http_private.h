/*
 * Between http.c (the interface, what is allowed), http_curl.c (curl's callbacks and options) and
 * http_fault.c (what curl's results mean).
 */
#ifndef NET_HTTP_PRIVATE_H
#define NET_HTTP_PRIVATE_H

#include <curl/curl.h>

#include "net/http.h"
#include "net/tls_private.h"

enum { HTTP_FIRST_SIZE = 32, HTTP_STREAMS_MAX = 4, HTTP_LENGTHS_MAX = 4 };

/* What a streamed request still has to send (http_stream.c). */
struct http_upload {
    uint64_t announced; /* 0: no upload */
    uint64_t queued;
    char *bytes;
    size_t at, length;
    bool paused;        /* curl waits for http_stream_write() */
    enum sock_end lost; /* the peer has closed: curl does not end an upload for that */
};

/* One request under way. */
struct http_flight {
    const struct http_request *request;
    struct curl_slist *headers;
    int64_t begun_us;
    int64_t first_byte_us; /* 0: none yet */
    bool gated;            /* the gate let it through: the request is on its way */
    bool ended;            /* curl is done with it, `result` says how */
    CURLcode result;
    struct fault fault; /* ours, raised in a callback: comes before what curl says */
    /* the answer */
    struct arena arena;
    struct http_header *answer_headers;
    size_t header_count;
    size_t header_bytes;
    bool headers_whole;
    int status;
    const char *reason;
    char *body;
    size_t body_length, body_size;
    bool has_length; /* the headers say where the body ends */
    struct http_upload upload;
};

struct http_conn {
    bool tls;
    bool insecure;
    char *host;
    char *whom; /* "host (192.0.2.1:443)", for the words of faults */
    uint16_t port;
    const struct tls_trust *trust;
    net_sock sock;
    struct net_address local, peer;
    bool handed_over;  /* curl has the socket and closes it */
    bool gone;         /* it is closed */
    bool spent;        /* no further request: one has failed */
    bool second_dial;  /* curl wanted another one: the first was closed under it */
    enum sock_end end; /* how the peer's side stood when the socket was closed */
    struct tls_seen seen;
    CURL *easy;
    CURLM *multi;
    struct curl_slist *resolve;
    bool in_flight;
    struct http_flight flight;
    struct http_response partial; /* status 0: none */
    http_trace *trace;
    void *trace_context;
    char error[CURL_ERROR_SIZE];
};

/* Sets every option for the request in conn->flight. */
bool http_curl_prepare(struct http_conn *conn, struct fault *fault);
/* Whether this request may go over this connection now: the judgement of the gate. */
bool http_gate(struct http_conn *conn, struct fault *fault);

/* CURLOPT_READFUNCTION of an upload. */
size_t http_stream_on_read(char *bytes, size_t one, size_t size, void *context);
/* Lets curl do what it can without waiting. */
bool http_perform(struct http_conn *conn, struct fault *fault);
/* The answer that has ended is whole. */
bool http_answer_whole(const struct http_conn *conn);
/* Ends the request under way. */
void http_land(struct http_conn *conn);

/* Why curl ended: before the gate, and after it. Always false. */
bool http_begin_fault(const struct http_conn *conn, struct fault *fault);
bool http_finish_fault(const struct http_conn *conn, struct fault *fault);

/* The peer ended a connection that had carried requests. Always false. */
bool http_ended_between(const struct http_conn *conn, enum sock_end end, struct fault *fault);

/* Masks and passes on the lines of a header block. */
void http_trace_block(
    const struct http_conn *conn, char direction, const char *bytes, size_t length);
void http_trace_body(const struct http_conn *conn, char direction, size_t length);
void http_trace_tls(const struct http_conn *conn);

#endif
