/*
 * What every probe that logs on keeps to: where credentials may go, and what it says when the gate
 * stops it.
 */
#ifndef PROBES_CREDENTIALS_H
#define PROBES_CREDENTIALS_H

#include "probes/session.h"

/* Why this chain must not send credentials, settled as SKIPPED (halting); false: it may. A
 * directory's clear port has no certificate: whoever asks there must send nothing but a Kerberos
 * ticket, with mutual authentication. */
bool logon_forbidden(struct session *session, struct check *check);
/* Only an unauthenticated answer named the host, and it is in no domain the user named: settled as
 * SKIPPED, not halting. */
bool host_is_unvouched(const struct session *session, struct check *check);
bool logon_withheld(struct session *session, struct check *check); /* the same, not halting */
/* Settles SKIPPED "the password was refused by …", "… was sent by …, which got no verdict", or that
 * it is not used at all (or ERROR when the run ended). */
void logon_gate_stopped(struct check *check, const struct fault *why, const char *who);

#endif
