/* Little-endian bytes, read with bounds and written to a struct buf. A reader that has run over its
 * end stays bad and gives zeros, so that one look at the end is enough. */
#ifndef FRONTEND_MAPI_WIRE_H
#define FRONTEND_MAPI_WIRE_H

#include "../buf.h"

#include <stdint.h>

struct wire {
    const unsigned char *data;
    size_t len;
    size_t at;
    bool bad;
};

struct wire wire_of(const void *data, size_t len);
size_t wire_left(const struct wire *wire);
/* NULL once it is bad; never NULL before, even for no bytes. */
const unsigned char *wire_bytes(struct wire *wire, size_t count);
void wire_align(struct wire *wire, size_t to);
uint8_t wire_u8(struct wire *wire);
uint16_t wire_u16(struct wire *wire);
uint32_t wire_u32(struct wire *wire);
uint64_t wire_u64(struct wire *wire);
/* Up to a NUL, which is read too. 16-bit characters become UTF-8. */
void wire_text8(struct wire *wire, struct buf *ret_text);
void wire_text16(struct wire *wire, struct buf *ret_text);

void buf_u8(struct buf *buf, unsigned value);
void buf_le64(struct buf *buf, uint64_t value);
void buf_zeros(struct buf *buf, size_t count);
void buf_align(struct buf *buf, size_t to);
/* UTF-16LE without a NUL. */
void buf_utf16(struct buf *buf, const char *utf8);
size_t utf16_units(const char *utf8);
void buf_patch16(struct buf *buf, size_t at, unsigned value);
void buf_patch32(struct buf *buf, size_t at, uint32_t value);
/* UTF-8 of UTF-16LE code units. */
void utf16_to_utf8(const unsigned char *units, size_t count, struct buf *ret_text);

enum { GUID_SIZE = 16, GUID_TEXT_SIZE = 37 };

/* As it lies on the wire: the first three fields little-endian ([MS-DTYP] 2.3.4.2). */
bool guid_parse(const char *text, unsigned char ret_guid[GUID_SIZE]);
void guid_format(const unsigned char *guid, char ret_text[GUID_TEXT_SIZE]);
void guid_random(unsigned char ret_guid[GUID_SIZE]);

#endif
