/* From a request to its answer: the path, who asks, the handler, the log. */
#ifndef FRONTEND_DISPATCH_H
#define FRONTEND_DISPATCH_H

#include "auth.h"
#include "config.h"
#include "http.h"

struct connection {
    const struct config *config;
    const struct node *node;
    struct http_conn http;
    struct auth_conn auth;
    bool tls;
};

/* Serves one request; false when the connection is over. */
bool dispatch_one(struct connection *connection);

#endif
