/*
 * TCP and TLS: the connection a chain lives on.
 */
#ifndef PROBES_TRANSPORT_H
#define PROBES_TRANSPORT_H

#include "probes/probe.h"

extern const struct probe probe_tcp_connect;
extern const struct probe probe_tls_handshake;

/* Outcome and facts of a handshake; `fault` is what ended it, or NULL. insecure: a certificate that
 * does not verify is a WARN. Pure. */
void judge_tls(const struct tls_seen *seen, const char *host, bool insecure,
    const struct fault *fault, struct check *check);

#endif
