/*
 * Walking up distinguished names in text (RFC 4514). Pure. One component: dn_leaf() in
 * ldap_value.h.
 */
#ifndef PROBES_DN_H
#define PROBES_DN_H

#include "net/arena.h"

/* What stands behind the first component: a part of dn; NULL: nothing. */
const char *dn_parent(const char *dn);
/* The value of the component directly below the one with this value: "EX1" of
 * "CN=EWS,CN=HTTP,CN=EX1,CN=Servers,…" below "Servers". Without regard to case; NULL: none. */
const char *dn_name_below(struct arena *arena, const char *dn, const char *container);

#endif
