/* MAPI over HTTP ([MS-OXCMAPIHTTP]): what both endpoints share. */
#ifndef FRONTEND_MAPI_MAPI_HTTP_H
#define FRONTEND_MAPI_MAPI_HTTP_H

#include "../handlers.h"
#include "wire.h"

/* X-ResponseCode (2.2.3.3.3). */
enum response_code {
    CODE_OK = 0,
    CODE_UNKNOWN_FAILURE = 1,
    CODE_INVALID_VERB = 2,
    CODE_INVALID_PATH = 3,
    CODE_INVALID_HEADER = 4,
    CODE_INVALID_REQUEST_TYPE = 5,
    CODE_INVALID_CONTEXT_COOKIE = 6,
    CODE_MISSING_HEADER = 7,
    CODE_ANONYMOUS_NOT_ALLOWED = 8,
    CODE_TOO_LARGE = 9,
    CODE_CONTEXT_NOT_FOUND = 10,
    CODE_NO_PRIVILEGE = 11,
    CODE_INVALID_BODY = 12,
    CODE_MISSING_COOKIE = 13,
    CODE_INVALID_SEQUENCE = 15
};

/* One request: its body, and the answer's. */
struct exchange {
    struct call *call;
    struct wire in;
    struct buf out;               /* from StatusCode on */
    struct mapi_context *context; /* NULL: none yet */
    bool ended;                   /* the context ends with this request */
};

/* A request type of an endpoint. */
struct request_type {
    const char *name;
    bool needs_context;
    enum response_code (*run)(struct exchange *exchange);
};

/* Serves one request to an endpoint with these types; `path` is that of its cookies. */
void mapi_http_serve(
    struct call *call, const char *path, const struct request_type *types, size_t count);

/* The auxiliary buffer that ends every body; true: the whole body was well formed. */
bool mapi_http_end(struct wire *in);
/* StatusCode 0 and the operation's own code; and an empty auxiliary buffer. */
void mapi_http_begin_answer(struct exchange *exchange, uint32_t error_code);
void mapi_http_end_answer(struct exchange *exchange, const struct buf *aux);

/* mapi_http_sessions.c: Session Contexts (3.2.1). */
struct mapi_context {
    struct mapi_context *next;
    char cookie[64];
    char sequence[64];
    const char *path;
    char user[256];
    int64_t used;
    bool busy;
    void *object; /* a session of the store, or something of the address book */
    void (*free)(void *object);
};

enum { MAPI_EXPIRATION_MS = 900000, MAPI_PENDING_PERIOD_MS = 15000 };

/* Makes one for the caller; it is busy. */
struct mapi_context *mapi_context_new(
    const struct call *call, const char *path, void *object, void (*release)(void *object));
/* By the request's cookies. CODE_OK sets `ret_context`, busy from now on. */
enum response_code mapi_context_take(
    const struct call *call, const char *path, struct mapi_context **ret_context);
/* Gives it back with a new sequence cookie, or ends it. */
void mapi_context_put(struct mapi_context *context, bool ended);

#endif
