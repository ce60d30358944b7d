/*
 * NDR 2.0 transfer syntax, little-endian, as far as the Exchange interfaces need it. [C706] chapter
 * 14, [MS-RPCE] 2.2.4. Pure.
 *
 * Alignment counts from the first byte of the stub, so a stub has a reader or writer of its own.
 * Everything that is malformed makes the reader fail (net/wire/reader.h): one check at the end.
 */
#ifndef NET_WIRE_NDR_H
#define NET_WIRE_NDR_H

#include "net/arena.h"
#include "net/wire/reader.h"

/* ---- reading ---- */

uint16_t ndr_u16(struct reader *reader); /* aligned to its size */
uint32_t ndr_u32(struct reader *reader);
uint64_t ndr_u64(struct reader *reader);
/* A unique pointer's referent id: false: a null pointer. */
bool ndr_pointer(struct reader *reader);
/* The maximum count of a conformant array; the reader fails where max or what is left (elements of
 * at least `element` bytes) is smaller. */
uint32_t ndr_conformance(struct reader *reader, uint32_t max, size_t element);
/* Maximum count, offset (0) and actual count of a conformant varying array: the actual count. */
uint32_t ndr_variance(struct reader *reader, uint32_t max, size_t element);
/* [string] char or wchar_t: UTF-8 in the arena without its NUL; NULL once failed. An 8-bit string
 * is kept as it came. max: characters. */
const char *ndr_string8(struct reader *reader, struct arena *arena, uint32_t max);
const char *ndr_string16(struct reader *reader, struct arena *arena, uint32_t max);
const uint8_t *ndr_context_handle(struct reader *reader); /* 20 bytes, or NULL */

/* ---- writing ---- */

enum { NDR_CONTEXT_HANDLE_SIZE = 20 };

void ndr_put_u16(struct writer *writer, uint16_t value);
void ndr_put_u32(struct writer *writer, uint32_t value);
void ndr_put_u64(struct writer *writer, uint64_t value);
/* A new referent id, or 0 for a null pointer: ids count up by 4 from 0x20000. */
void ndr_put_pointer(struct writer *writer, uint32_t *next_id, bool present);
/* [string]: maximum count, 0, actual count, characters with NUL. */
void ndr_put_string8(struct writer *writer, const char *text);
/* What is not UTF-8 becomes U+FFFD. */
void ndr_put_string16(struct writer *writer, const char *utf8);
/* A conformant byte array: its count, then the bytes. */
void ndr_put_bytes(struct writer *writer, const void *bytes, size_t length);

#endif
