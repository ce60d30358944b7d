#include "tls.h"

#include "buf.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* Sends just what the file holds: a chain is never completed from elsewhere. */
static bool add_chain(SSL_CTX *context, const char *file)
{
    FILE *stream = fopen(file, "r");
    X509 *certificate;
    bool ok = stream != NULL;

    while (ok && (certificate = PEM_read_X509(stream, NULL, NULL, NULL)) != NULL) {
        ok = SSL_CTX_add0_chain_cert(context, certificate) == 1;
        if (!ok)
            X509_free(certificate);
    }
    ERR_clear_error(); /* the end of the file is an error to the reader */
    if (stream != NULL)
        fclose(stream);
    return ok;
}

/* RFC 6066, 3: a list with its length, of one host name with its type 0 and its length. */
static bool asks_for(SSL *ssl, const char *name)
{
    const unsigned char *data = NULL;
    size_t len = 0;

    return SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &len) == 1 &&
           len == strlen(name) + 5 && strncasecmp((const char *)data + 5, name, strlen(name)) == 0;
}

/* Like a firewall that reads names in the clear: no alert, and a reset as soon as the socket is
 * closed. Asking to be called again keeps OpenSSL from sending anything. */
static int reset_by_name(SSL *ssl, int *alert, void *arg)
{
    const struct config *config = arg;
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    (void)alert;
    if (!asks_for(ssl, config->external_name))
        return SSL_CLIENT_HELLO_SUCCESS;
    setsockopt(SSL_get_fd(ssl), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    return SSL_CLIENT_HELLO_RETRY;
}

static bool load(SSL_CTX *context, const struct config *config, const struct node *node)
{
    const char *certificate = node->website ? node->certificate : config->certificate;
    const char *key = node->website ? node->key : config->key;

    return SSL_CTX_use_certificate_file(context, certificate, SSL_FILETYPE_PEM) == 1 &&
           SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1 &&
           SSL_CTX_check_private_key(context) == 1 &&
           (node->website || *config->chain == '\0' || add_chain(context, config->chain));
}

SSL_CTX *tls_context(
    const struct config *config, const struct node *node, char *ret_error, size_t error_size)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    if (context != NULL) {
        SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
        SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_AUTO_RETRY);
        if (fault_find(&config->faults, FAULT_SNI_RESET, node->name) != NULL)
            SSL_CTX_set_client_hello_cb(context, reset_by_name, without_const(config));
        if (load(context, config, node))
            return context;
    }
    snprintf(ret_error, error_size, "%s: certificate, key or chain do not load: %s", node->name,
        ERR_reason_error_string(ERR_peek_error()) ? ERR_reason_error_string(ERR_peek_error())
                                                  : "unreadable file");
    SSL_CTX_free(context);
    return NULL;
}
