#include "wire.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

struct wire wire_of(const void *data, size_t len)
{
    return (struct wire){.data = data, .len = data != NULL ? len : 0};
}

size_t wire_left(const struct wire *wire)
{
    return wire->bad ? 0 : wire->len - wire->at;
}

const unsigned char *wire_bytes(struct wire *wire, size_t count)
{
    static const unsigned char nothing[1];
    const unsigned char *bytes;

    if (wire->bad || count > wire->len - wire->at) {
        wire->bad = true;
        return NULL;
    }
    bytes = wire->data != NULL ? wire->data + wire->at : nothing;
    wire->at += count;
    return bytes;
}

void wire_align(struct wire *wire, size_t to)
{
    wire_bytes(wire, (to - wire->at % to) % to);
}

uint8_t wire_u8(struct wire *wire)
{
    const unsigned char *bytes = wire_bytes(wire, 1);

    return bytes != NULL ? bytes[0] : 0;
}

uint16_t wire_u16(struct wire *wire)
{
    const unsigned char *bytes = wire_bytes(wire, 2);

    return bytes != NULL ? (uint16_t)(bytes[0] | bytes[1] << 8) : 0;
}

uint32_t wire_u32(struct wire *wire)
{
    uint32_t low = wire_u16(wire);

    return low | (uint32_t)wire_u16(wire) << 16;
}

uint64_t wire_u64(struct wire *wire)
{
    uint64_t low = wire_u32(wire);

    return low | (uint64_t)wire_u32(wire) << 32;
}

void wire_text8(struct wire *wire, struct buf *ret_text)
{
    for (;;) {
        char c = (char)wire_u8(wire);

        if (wire->bad || c == '\0')
            return;
        buf_add(ret_text, &c, 1);
    }
}

void wire_text16(struct wire *wire, struct buf *ret_text)
{
    size_t start = wire->at;
    size_t count = 0;

    while (wire_u16(wire) != 0)
        count++;
    if (!wire->bad)
        utf16_to_utf8(wire->data + start, count, ret_text);
}

static void put_utf8(struct buf *buf, uint32_t c)
{
    if (c < 0x80) {
        buf_u8(buf, c);
    } else if (c < 0x800) {
        buf_u8(buf, 0xc0 | c >> 6);
        buf_u8(buf, 0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        buf_u8(buf, 0xe0 | c >> 12);
        buf_u8(buf, 0x80 | (c >> 6 & 0x3f));
        buf_u8(buf, 0x80 | (c & 0x3f));
    } else {
        buf_u8(buf, 0xf0 | c >> 18);
        buf_u8(buf, 0x80 | (c >> 12 & 0x3f));
        buf_u8(buf, 0x80 | (c >> 6 & 0x3f));
        buf_u8(buf, 0x80 | (c & 0x3f));
    }
}

void utf16_to_utf8(const unsigned char *units, size_t count, struct buf *ret_text)
{
    struct wire wire = wire_of(units, count * 2);

    while (wire_left(&wire) > 0) {
        uint32_t c = wire_u16(&wire);

        if (c >= 0xd800 && c < 0xdc00 && wire_left(&wire) > 0)
            c = 0x10000 + ((c & 0x3ff) << 10) + (wire_u16(&wire) & 0x3ffu);
        put_utf8(ret_text, c);
    }
}

void buf_u8(struct buf *buf, unsigned value)
{
    unsigned char byte = (unsigned char)(value & 0xff);

    buf_add(buf, &byte, 1);
}

void buf_le64(struct buf *buf, uint64_t value)
{
    buf_le32(buf, value & 0xffffffffu);
    buf_le32(buf, value >> 32);
}

void buf_zeros(struct buf *buf, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_u8(buf, 0);
}

void buf_align(struct buf *buf, size_t to)
{
    buf_zeros(buf, (to - buf->len % to) % to);
}

/* The next character; what is not UTF-8 is taken byte by byte. */
static uint32_t next_utf8(const char **text)
{
    const unsigned char *p = (const unsigned char *)*text;
    size_t more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : *p >= 0xc0 ? 1 : 0;
    uint32_t c = more > 0 ? *p & (0x3fu >> more) : *p;

    for (size_t i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            (*text)++;
            return *p;
        }
        c = c << 6 | (p[i] & 0x3fu);
    }
    *text += more + 1;
    return c;
}

void buf_utf16(struct buf *buf, const char *utf8)
{
    while (*utf8 != '\0') {
        uint32_t c = next_utf8(&utf8);

        if (c >= 0x10000) {
            buf_le16(buf, 0xd800 | (c - 0x10000) >> 10);
            c = 0xdc00 | ((c - 0x10000) & 0x3ff);
        }
        buf_le16(buf, c);
    }
}

size_t utf16_units(const char *utf8)
{
    size_t count = 0;

    while (*utf8 != '\0')
        count += next_utf8(&utf8) >= 0x10000 ? 2 : 1;
    return count;
}

void buf_patch16(struct buf *buf, size_t at, unsigned value)
{
    buf->data[at] = (char)(value & 0xff);
    buf->data[at + 1] = (char)(value >> 8 & 0xff);
}

void buf_patch32(struct buf *buf, size_t at, uint32_t value)
{
    buf_patch16(buf, at, value & 0xffff);
    buf_patch16(buf, at + 2, value >> 16);
}

/* Where each byte of the text form lies on the wire. */
static const unsigned char guid_order[GUID_SIZE] = {
    3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

bool guid_parse(const char *text, unsigned char ret_guid[GUID_SIZE])
{
    unsigned char guid[GUID_SIZE];

    for (size_t i = 0; i < GUID_SIZE; i++) {
        unsigned value = 0;

        if ((i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-')
            return false;
        if (strspn(text, "0123456789abcdefABCDEF") < 2 || sscanf(text, "%2x", &value) != 1)
            return false;
        guid[guid_order[i]] = (unsigned char)value;
        text += 2;
    }
    if (*text != '\0')
        return false;
    memcpy(ret_guid, guid, GUID_SIZE);
    return true;
}

void guid_format(const unsigned char *guid, char ret_text[GUID_TEXT_SIZE])
{
    size_t at = 0;

    for (size_t i = 0; i < GUID_SIZE; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            ret_text[at++] = '-';
        at += (size_t)snprintf(ret_text + at, GUID_TEXT_SIZE - at, "%02x", guid[guid_order[i]]);
    }
}

void guid_random(unsigned char ret_guid[GUID_SIZE])
{
    memset(ret_guid, 0, GUID_SIZE);
    RAND_bytes(ret_guid, GUID_SIZE);
    ret_guid[7] = (unsigned char)((ret_guid[7] & 0x0f) | 0x40);
    ret_guid[8] = (unsigned char)((ret_guid[8] & 0x3f) | 0x80);
}
