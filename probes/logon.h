/*
 * HTTP logon on the chain's one connection: Kerberos, NTLM, Bearer or Basic, behind the gate.
 *
 *   1. Where credentials may not go (trust, certificate, --anonymous) the check is SKIPPED.
 *   2. The gate says whether the password may be used.
 *   3. Kerberos first, where the name has a service ticket; a refused ticket costs no logon, so
 * NTLM may follow on the same connection. Then Bearer, NTLM, and Basic where it is allowed.
 *   4. The last leg carries the real request of the service, whose answer is PROTOCOL's.
 */
#ifndef PROBES_LOGON_H
#define PROBES_LOGON_H

#include "probes/credentials.h"
#include "probes/probe.h"

extern const struct probe probe_http_logon;

/* One more request on a connection that has logged on, with a fresh token where the scheme wants
 * one. */
bool logon_exchange(struct session *session, const struct http_request *request,
    struct http_response *ret_response, struct fault *fault);

#endif
