/*
 * A second connection to the domain controller of a row: what must not disturb the row's own
 * (StartTLS, binds without protection, the guard's reading) happens there.
 */
#ifndef PROBES_LDAP_DIAL_H
#define PROBES_LDAP_DIAL_H

#include "probes/ldap_bind.h"

struct ldap_link {
    struct directory *directory;
    struct secctx *seal;      /* of the directory, where SASL seals it */
    struct tls_seen tls_seen; /* where it has TLS */
    bool clear;
};

/* To the row's own address and port, with TLS where the row has it, in the clear else. A
 * certificate that does not verify is CERT_… and ends it. The link is to be closed in both cases.
 */
bool ldap_dial(struct session *session, struct ldap_link *link, struct fault *fault);
void ldap_hang_up(struct ldap_link *link);

/* SASL GSSAPI with krb's ticket for the row's controller, which must be in its cache. */
bool ldap_link_bind(struct session *session, struct ldap_link *link, struct krb *krb,
    enum ldap_protection protection, struct fault *fault);

#endif
