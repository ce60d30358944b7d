/* HTTP/1.1 as far as a server needs it: requests read with bounds, answers written whole. */
#ifndef FRONTEND_HTTP_H
#define FRONTEND_HTTP_H

#include "buf.h"
#include "stream.h"

enum { HTTP_HEAD_MAX = 64 * 1024, HTTP_BODY_MAX = 4 * 1024 * 1024, HTTP_HEADER_MAX = 100 };

struct header {
    const char *name;
    const char *value;
};

struct request {
    char *head; /* owns what the pointers below point into */
    const char *method;
    const char *target;
    char *path;  /* percent-decoded */
    char *query; /* as sent, "" without one */
    bool http11;
    struct header headers[HTTP_HEADER_MAX];
    size_t header_count;
    bool chunked;
    uint64_t content_length;
    bool body_read;
    struct buf body;
};

struct response {
    int status;
    struct buf headers; /* complete lines, each with its CRLF */
    struct buf body;
    bool close;
    bool sent;  /* a handler that streams has answered by itself */
    bool stays; /* and the connection goes on all the same */
};

struct http_conn {
    struct stream stream;
    struct buf in; /* read, not yet used */
};

/* 0: a request. -1: the connection is over. Else the status to refuse it with. */
int http_read_head(struct http_conn *conn, struct request *request, int64_t deadline);
/* Reads the body, sends 100 Continue before if asked. 0, -1 or a status as above. */
int http_read_body(struct http_conn *conn, struct request *request, int64_t deadline);
void request_done(struct request *request);

/* NULL without such a header; the first of several. */
const char *request_header(const struct request *request, const char *name);
bool request_keeps_alive(const struct request *request);
/* The decoded value of a field in a query or a form; false if it is not there. */
bool form_value(const char *form, const char *name, struct buf *ret_value);
/* The value of a cookie; false if it is not there. */
bool request_cookie(const struct request *request, const char *name, struct buf *ret_value);

void response_header(struct response *response, const char *name, const char *value);
void response_done(struct response *response);
/* An answer in chunks, for handlers that send some of it before they know the rest. Sets `sent`,
 * and `stays` unless the client wants no more. */
bool http_begin_chunks(struct http_conn *conn, const struct request *request,
    struct response *response, int64_t deadline);
bool http_chunk(struct http_conn *conn, const void *data, size_t len, int64_t deadline);
bool http_end_chunks(struct http_conn *conn, int64_t deadline);
bool http_write(struct http_conn *conn, const struct request *request, struct response *response,
    int64_t deadline);

#endif
