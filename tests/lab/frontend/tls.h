/* A node's side of TLS. */
#ifndef FRONTEND_TLS_H
#define FRONTEND_TLS_H

#include "config.h"

#include <openssl/ssl.h>

/* The node's own certificate, or the common one. NULL with a line in `ret_error` if certificate,
 * key or chain do not load. */
SSL_CTX *tls_context(
    const struct config *config, const struct node *node, char *ret_error, size_t error_size);

#endif
