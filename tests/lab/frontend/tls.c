#include "tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>

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

SSL_CTX *tls_context(
    const struct config *config, const struct node *node, char *ret_error, size_t error_size)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    if (context != NULL) {
        SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
        SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_AUTO_RETRY);
        if (SSL_CTX_use_certificate_file(context, config->certificate, SSL_FILETYPE_PEM) == 1 &&
            SSL_CTX_use_PrivateKey_file(context, config->key, SSL_FILETYPE_PEM) == 1 &&
            SSL_CTX_check_private_key(context) == 1 &&
            (*config->chain == '\0' || add_chain(context, config->chain)))
            return context;
    }
    snprintf(ret_error, error_size, "%s: certificate, key or chain do not load: %s", node->name,
        ERR_reason_error_string(ERR_peek_error()) ? ERR_reason_error_string(ERR_peek_error())
                                                  : "unreadable file");
    SSL_CTX_free(context);
    return NULL;
}
