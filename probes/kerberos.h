/*
 * Kerberos: the AS exchange without and with pre-authentication, service tickets.
 */
#ifndef PROBES_KERBEROS_H
#define PROBES_KERBEROS_H

#include "probes/probe.h"

extern const struct probe probe_kerberos_as;
extern const struct probe probe_kerberos_ticket;

#endif
