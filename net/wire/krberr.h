/*
 * What a KDC's error carries besides its code: e-data of KRB-ERROR. RFC 4120 §5.9.1 (METHOD-DATA,
 * TYPED-DATA), §5.2.7.5 (ETYPE-INFO2), [MS-KILE] 2.2.1 and 2.2.2 (KERB-EXT-ERROR, KERB-ERROR-DATA).
 * A small bounded walk of DER; anything unexpected means "nothing found".
 */
#ifndef NET_WIRE_KRBERR_H
#define NET_WIRE_KRBERR_H

#include "net/fault.h"

#include <stddef.h>
#include <stdint.h>

/* The NTSTATUS of a KERB-EXT-ERROR, as Windows and Samba wrap it; 0: none. */
uint32_t krb_edata_ntstatus(const void *edata, size_t length);
/* The encryption types of ETYPE-INFO2 (else of ETYPE-INFO), in the KDC's order; returns how many.
 */
size_t krb_edata_etypes(const void *edata, size_t length, int32_t *ret_etypes, size_t max);
/* The salt of the first entry that has one, NUL-terminated; false: none, or longer than size - 1.
 */
bool krb_edata_salt(const void *edata, size_t length, char *ret_salt, size_t size);

/* CAUSE_NONE for a status that is not one of a logon. */
enum cause ntstatus_cause(uint32_t status);

#endif
