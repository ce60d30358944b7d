#include "ndr.h"

uint16_t ndr_u16(struct wire *wire)
{
    wire_align(wire, 2);
    return wire_u16(wire);
}

uint32_t ndr_u32(struct wire *wire)
{
    wire_align(wire, 4);
    return wire_u32(wire);
}

bool ndr_pointer(struct wire *wire)
{
    return ndr_u32(wire) != 0;
}

/* Maximum count, offset, actual count: the elements that follow. */
static size_t variance(struct wire *wire, size_t element)
{
    uint32_t max = ndr_u32(wire);
    uint32_t offset = ndr_u32(wire);
    uint32_t actual = ndr_u32(wire);

    if (offset != 0 || actual > max || actual > wire_left(wire) / element)
        wire->bad = true;
    return wire->bad ? 0 : actual;
}

void ndr_string8(struct wire *wire, struct buf *ret_text)
{
    size_t count = variance(wire, 1);
    const unsigned char *bytes = wire_bytes(wire, count);

    for (size_t i = 0; bytes != NULL && i < count && bytes[i] != 0; i++)
        buf_u8(ret_text, bytes[i]);
}

void ndr_string16(struct wire *wire, struct buf *ret_text)
{
    size_t count = variance(wire, 2);
    const unsigned char *bytes = wire_bytes(wire, count * 2);
    size_t used = 0;

    if (bytes == NULL)
        return;
    while (used < count && (bytes[used * 2] | bytes[used * 2 + 1]) != 0)
        used++;
    utf16_to_utf8(bytes, used, ret_text);
}

const unsigned char *ndr_bytes(struct wire *wire, size_t *ret_len)
{
    size_t count = ndr_u32(wire);

    *ret_len = count;
    return wire_bytes(wire, count);
}

const unsigned char *ndr_handle(struct wire *wire)
{
    wire_align(wire, 4);
    return wire_bytes(wire, NDR_HANDLE_SIZE);
}

void ndr_put_u16(struct buf *buf, unsigned value)
{
    buf_align(buf, 2);
    buf_le16(buf, value);
}

void ndr_put_u32(struct buf *buf, uint32_t value)
{
    buf_align(buf, 4);
    buf_le32(buf, value);
}

/* Any number that is not zero; where it stands is as good as a count. */
void ndr_put_pointer(struct buf *buf, bool present)
{
    buf_align(buf, 4);
    buf_le32(buf, present ? 0x20000 + buf->len : 0);
}

void ndr_put_string8(struct buf *buf, const char *text)
{
    struct buf bytes = {0};

    buf_str(&bytes, text);
    buf_u8(&bytes, 0);
    ndr_put_varying_bytes(buf, bytes.data, bytes.len);
    buf_done(&bytes);
}

void ndr_put_string16(struct buf *buf, const char *utf8)
{
    uint32_t units = (uint32_t)utf16_units(utf8) + 1;

    ndr_put_u32(buf, units);
    ndr_put_u32(buf, 0);
    ndr_put_u32(buf, units);
    buf_utf16(buf, utf8);
    buf_le16(buf, 0);
}

void ndr_put_varying_bytes(struct buf *buf, const void *data, size_t len)
{
    ndr_put_u32(buf, (uint32_t)len);
    ndr_put_u32(buf, 0);
    ndr_put_u32(buf, (uint32_t)len);
    buf_add(buf, data, len);
}
