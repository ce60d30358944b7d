/*
 * Requests whose body and answer are streams, on a connection of net/http.h: the channels of RPC
 * over HTTP ([MS-RPCH] 2.1.2). The walls and the gate are those of every request.
 *
 *   1. http_stream_begin() sends the headers. An upload announces its length and sends what
 *      http_stream_write() queues, as it comes; without one the request is whole at once.
 *   2. http_streams_drive() lets all channels of a virtual connection work at the same time, and
 *      returns when one of them has something new.
 *   3. http_stream_status(), http_stream_bytes() and http_stream_take() read the answer while it
 *      comes.
 *   4. http_stream_end() stops. The connection is spent then.
 */
#ifndef NET_HTTP_STREAM_H
#define NET_HTTP_STREAM_H

#include "net/http.h"

enum {
    HTTP_STREAM_QUEUE_MAX = 256 * 1024, /* of an upload, not yet sent */
    HTTP_STREAM_TAKE_MAX = 1024 * 1024  /* of an answer, not yet taken: a good body_max */
};

/* `announced`: Content-Length of an upload, 0: none, the request's own body is sent. body_max is of
 * what was not taken yet. A header "Expect: 100-continue" of the request makes an upload wait for
 * the 100, up to 1 s. Causes: as http_begin(). */
bool http_stream_begin(struct http_conn *conn, const struct http_request *request,
    uint64_t announced, struct net_limit limit, struct fault *fault);
/* Queues bytes of an upload. TOO_LARGE: more than the server takes, or than was announced. */
bool http_stream_write(
    struct http_conn *conn, const void *bytes, size_t length, struct fault *fault);
/* All that was queued is on its way. */
bool http_stream_drained(const struct http_conn *conn);

/* Waits until a channel has more bytes, a status, or its end, or an upload has drained; not what
 * it had already: ask before. A peer that never stops sending does not keep it beyond the limit.
 * Causes: TIMEOUT INTERRUPTED INTERNAL. What happened to a channel is asked of it. */
bool http_streams_drive(
    struct http_conn *const *conns, size_t count, struct net_limit limit, struct fault *fault);

/* 0: the headers are not whole yet. Interim answers (100) do not count. */
int http_stream_status(const struct http_conn *conn);
/* The answer's headers, as in a response; reason and body are not in it. Valid until the end. */
const char *http_stream_header(const struct http_conn *conn, const char *name, size_t n);
bool http_stream_header_at(const struct http_conn *conn, size_t n, struct http_header *ret_header);
const char *http_stream_reason(const struct http_conn *conn);
int64_t http_stream_first_byte_us(const struct http_conn *conn); /* after begin; 0: none yet */
/* What has come and was not taken; valid until the next call. */
size_t http_stream_bytes(const struct http_conn *conn, const uint8_t **ret_bytes);
void http_stream_take(struct http_conn *conn, size_t length);
/* The answer has ended, in order or not; false and no fault: it goes on. true: *fault says how,
 * CAUSE_NONE in order. */
bool http_stream_ended(struct http_conn *conn, struct fault *fault);
void http_stream_end(struct http_conn *conn);

#endif
