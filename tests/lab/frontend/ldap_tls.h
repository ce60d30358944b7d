/* libldap over a TLS connection made here, so that a silent server cannot hold a thread. */
#ifndef FRONTEND_LDAP_TLS_H
#define FRONTEND_LDAP_TLS_H

#include "config.h"

#include <ldap.h>
#include <openssl/ssl.h>

enum { LDAP_WAIT_MS = 5000 };

/* The client context for the configured CA; NULL if it cannot be loaded. */
SSL_CTX *ldap_tls_context(const struct config *config);
/* Connects to the configured URI (ldaps://HOST[:PORT]) and verifies its certificate for HOST.
 * NULL: it did not work within the time. */
LDAP *ldap_tls_open(const struct config *config, SSL_CTX *context);

#endif
