/*
 * Binding with the account's Kerberos ticket: the row's own bind, and those of further connections
 * to the same controller.
 */
#ifndef PROBES_LDAP_BIND_H
#define PROBES_LDAP_BIND_H

#include "probes/session.h"

/* How a bind protects what follows. LDAP_BARE does without, to learn whether the server insists:
 * no layer on a clear connection, no channel bindings inside TLS. */
enum ldap_protection { LDAP_PROTECTED, LDAP_BARE };

/* SASL GSSAPI with a ticket for ldap/<the endpoint's host> that krb has already. end_point is the
 * connection's channel binding, length 0: it is in the clear. *ret_seal must outlive the directory;
 * NULL where nothing is sealed. Never a password. */
struct ldap_credential {
    struct krb *krb;
    const uint8_t *end_point;
    size_t end_point_length;
    bool clear;
};
bool ldap_bind_ticket(struct session *session, struct directory *directory,
    const struct ldap_credential *credential, enum ldap_protection protection,
    struct secctx **ret_seal, struct fault *fault);

#endif
