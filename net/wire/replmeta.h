/*
 * The attribute replPropertyMetaData: when each attribute of an object was last written, and where.
 * [MS-DRSR] PROPERTY_META_DATA and [MS-ADTS] replPropertyMetaData: a version, a count, and 48 bytes
 * an attribute, little-endian. Pure.
 */
#ifndef NET_WIRE_REPLMETA_H
#define NET_WIRE_REPLMETA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Attributes are named by a prefix of the schema's table and the last arc of their OID; the first
 * prefixes are the same everywhere ([MS-DRSR] 5.16.4): 2 is 1.2.840.113556.1.2. */
enum { REPLMETA_PROTOCOL_SETTINGS = 0x00020210 /* 1.2.840.113556.1.2.528 */ };

struct replmeta_change {
    uint32_t version;    /* how often it was written */
    int64_t changed;     /* seconds since the epoch */
    uint64_t origin_usn; /* uSNChanged there */
};

/* The last change of one attribute. false: it was never written, or the bytes are malformed. */
bool replmeta_find(
    const void *bytes, size_t length, uint32_t attribute, struct replmeta_change *ret_change);

#endif
