/* NDR 2.0, little-endian ([C706] 14; [MS-RPCE] 2.2.4): what the three interfaces need of it.
 * Alignment counts from the start of the stub, which is that of the struct wire or struct buf. */
#ifndef FRONTEND_MAPI_NDR_H
#define FRONTEND_MAPI_NDR_H

#include "wire.h"

enum { NDR_HANDLE_SIZE = 20, NDR_COUNT_MAX = 100001 };

uint16_t ndr_u16(struct wire *wire);
uint32_t ndr_u32(struct wire *wire);
/* A unique pointer: whether something follows. */
bool ndr_pointer(struct wire *wire);
/* [string] char and wchar_t, the NUL not counted. */
void ndr_string8(struct wire *wire, struct buf *ret_text);
void ndr_string16(struct wire *wire, struct buf *ret_text);
/* A conformant byte array; NULL with a bad reader. */
const unsigned char *ndr_bytes(struct wire *wire, size_t *ret_len);
const unsigned char *ndr_handle(struct wire *wire); /* NDR_HANDLE_SIZE bytes, or NULL */

void ndr_put_u16(struct buf *buf, unsigned value);
void ndr_put_u32(struct buf *buf, uint32_t value);
void ndr_put_pointer(struct buf *buf, bool present);
void ndr_put_string8(struct buf *buf, const char *text);
void ndr_put_string16(struct buf *buf, const char *utf8);
/* A conformant varying byte array. */
void ndr_put_varying_bytes(struct buf *buf, const void *data, size_t len);

#endif
