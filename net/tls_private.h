/*
 * Between tls_seen.c (observes), tls_judge.c (judges, pure) and those that drive a handshake.
 */
#ifndef NET_TLS_PRIVATE_H
#define NET_TLS_PRIVATE_H

#include "net/tls.h"

void tls_seen_init(struct tls_seen *seen);

/* Raw bytes of the peer, in order, as long as no handshake has ended: those that OpenSSL did not
 * read. */
void tls_seen_first(struct tls_seen *seen, const void *bytes, size_t length);

/* Why a handshake ended early. `end` is how the peer's side of the connection stands then; the text
 * names `host`. Always false, as fault_set(). */
bool tls_handshake_fault(
    const struct tls_seen *seen, const char *host, enum sock_end end, struct fault *fault);

/* An alert the peer sent on an open connection; false where there was none. */
bool tls_alert_fault(const struct tls_seen *seen, const char *host, struct fault *ret_fault);

/* Puts the chain as sent, its names and its channel binding into *seen. */
void tls_seen_chain(struct tls_seen *seen, STACK_OF(X509) * chain, X509 *leaf);

X509_STORE *tls_trust_store(const struct tls_trust *trust);

/* A host that is an address has no SNI and is compared with the addresses of a certificate. */
bool tls_host_is_address(const char *host);

#endif
