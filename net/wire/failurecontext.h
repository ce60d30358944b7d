/*
 * X-FailureContext, the header by which Exchange's front end says where a request failed: failure
 * point; HTTP status; error; details; sub-code of the proxy; web exception, joined by ';', error
 * and details in base64. No specification has it; as Exchange 2013 and later send it. Pure.
 */
#ifndef NET_WIRE_FAILURECONTEXT_H
#define NET_WIRE_FAILURECONTEXT_H

#include <stdbool.h>

#include "net/arena.h"

/* Texts in the arena, never NULL: "" for what is not there. */
struct failure_context {
    const char *point;  /* "FrontEnd", "BackEnd" */
    const char *status; /* "503" */
    const char *error;  /* "Service Unavailable" */
    const char *details;
    const char *sub_code; /* "2002", or its name "ServerLocatorError" */
    const char *web;      /* "ConnectFailure" */
};

/* false: it is not in that form. *ret_context is filled all the same. */
bool failure_context_read(
    struct arena *arena, const char *value, struct failure_context *ret_context);
/* "BackEnd, 503 Service Unavailable, sub-code 2002", cut to a line. */
const char *failure_context_words(struct arena *arena, const struct failure_context *context);

#endif
