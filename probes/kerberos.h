/*
 * Kerberos: the AS exchange without and with pre-authentication, service tickets.
 */
#ifndef PROBES_KERBEROS_H
#define PROBES_KERBEROS_H

#include "probes/probe.h"

extern const struct probe probe_kerberos_as;
extern const struct probe probe_kerberos_ticket;
extern const struct probe probe_kerberos_udp;
extern const struct probe probe_kerberos_kpasswd;

/* A further port of the KDC, "the KDC by UDP"; fault NULL: it answers. Pure. */
void judge_door(const char *door, const char *use, const struct fault *fault, struct check *check);

#endif
