#include "net/wire/text.h"

#include "net/wire/reader.h"

#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool text_equal_nocase(const char *a, const char *b)
{
    size_t i = 0;
    while (a[i] != '\0' && lower(a[i]) == lower(b[i]))
        i++;
    return lower(a[i]) == lower(b[i]);
}

bool text_starts_nocase(const char *text, const char *prefix)
{
    size_t i = 0;
    while (prefix[i] != '\0' && lower(text[i]) == lower(prefix[i]))
        i++;
    return prefix[i] == '\0';
}

bool text_ends_nocase(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);
    return tail <= length && text_equal_nocase(text + (length - tail), suffix);
}

const char *text_find_nocase(const char *text, const char *needle)
{
    for (; *text != '\0'; text++) {
        if (text_starts_nocase(text, needle))
            return text;
    }
    return *needle == '\0' ? text : NULL;
}

/* base64, RFC 4648 §4 */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(struct arena *arena, const void *bytes, size_t length)
{
    char *text = arena_alloc(arena, (length + 2) / 3 * 4 + 1);
    struct reader reader = reader_of(bytes, length);
    size_t out = 0;
    while (reader_left(&reader) > 0) {
        size_t count = reader_left(&reader) < 3 ? reader_left(&reader) : 3;
        uint32_t group = 0;
        for (size_t i = 0; i < 3; i++)
            group = group << 8 | (i < count ? read_u8(&reader) : 0U);
        for (size_t i = 0; i < 4; i++)
            text[out++] = i <= count ? base64_digits[group >> (18 - 6 * i) & 63] : '=';
    }
    return text;
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

bool base64_decode(
    struct arena *arena, const char *text, size_t length, uint8_t **ret_bytes, size_t *ret_length)
{
    if (length % 4 != 0)
        return false;
    size_t padding = 0;
    while (padding < 2 && length > 0 && text[length - 1 - padding] == '=')
        padding++;

    uint8_t *bytes = arena_alloc(arena, length / 4 * 3 + 1);
    size_t size = length / 4 * 3 - padding, out = 0;
    uint32_t group = 0;
    for (size_t i = 0; i < length; i++) {
        bool pad = i >= length - padding;
        int value = pad ? 0 : base64_value(text[i]);
        if (value < 0)
            return false;
        group = group << 6 | (uint32_t)value;
        if (i % 4 != 3)
            continue;
        for (size_t j = 0; j < 3; j++) {
            uint8_t byte = (uint8_t)(group >> (16 - 8 * j));
            if (out < size)
                bytes[out++] = byte;
            else if (byte != 0)
                return false; /* bits under the padding must be zero */
        }
        group = 0;
    }
    *ret_bytes = bytes;
    *ret_length = size;
    return true;
}

/* UTF-8 and UTF-16LE */

enum { REPLACEMENT = 0xFFFD };

/* One character; malformed input takes its longest well-formed start (at least one byte) and gives
 * U+FFFD. Never called at the end of the reader. Unicode 15, table 3-7. */
static uint32_t utf8_next(struct reader *reader)
{
    uint32_t c = read_u8(reader);
    if (c < 0x80)
        return c;
    unsigned more = c >= 0xC2 && c <= 0xDF ? 1 : (c & 0xF0) == 0xE0 ? 2 : 0;
    if (c >= 0xF0 && c <= 0xF4)
        more = 3;
    if (more == 0)
        return REPLACEMENT;

    uint32_t low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    uint32_t high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    c &= 0x3FU >> more;
    for (; more > 0; more--) {
        struct reader ahead = *reader;
        uint32_t next = read_u8(&ahead);
        if (!reader_ok(&ahead) || next < low || next > high)
            return REPLACEMENT;
        *reader = ahead;
        c = c << 6 | (next & 0x3F);
        low = 0x80;
        high = 0xBF;
    }
    return c;
}

static void utf8_put(struct writer *writer, uint32_t c)
{
    if (c < 0x80) {
        write_u8(writer, (uint8_t)c);
        return;
    }
    unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = {0, 0xC0, 0xE0, 0xF0};
    write_u8(writer, (uint8_t)(lead[more] | c >> 6 * more));
    for (; more > 0; more--)
        write_u8(writer, (uint8_t)(0x80 | (c >> 6 * (more - 1) & 0x3F)));
}

uint8_t *utf8_to_utf16le(struct arena *arena, const char *text, size_t *ret_length)
{
    /* One allocation and no copies: the text may be a password, and the caller wipes the result. */
    struct reader reader = reader_of(text, strlen(text));
    size_t size = 2 * reader.length;
    struct writer writer = writer_of(arena_alloc(arena, size + 2), size);
    while (reader_left(&reader) > 0) {
        uint32_t c = utf8_next(&reader);
        if (c >= 0x10000) {
            write_le16(&writer, (uint16_t)(0xD7C0 + (c >> 10)));
            c = 0xDC00 | (c & 0x3FF);
        }
        write_le16(&writer, (uint16_t)c);
    }
    *ret_length = writer.length;
    return writer.bytes;
}

char *utf16le_to_utf8(struct arena *arena, const void *bytes, size_t length)
{
    struct reader reader = reader_of(bytes, length);
    size_t size = length / 2 * 3 + 3;
    struct writer writer = writer_of(arena_alloc(arena, size + 1), size);
    while (reader_left(&reader) >= 2) {
        uint32_t c = read_le16(&reader);
        struct reader ahead = reader;
        uint32_t next = read_le16(&ahead);
        if (c >= 0xD800 && c <= 0xDBFF && next >= 0xDC00 && next <= 0xDFFF) {
            c = 0x10000 + ((c - 0xD800) << 10) + (next - 0xDC00);
            reader = ahead;
        }
        /* U+0000 would end the text unseen. */
        if (c == 0 || (c >= 0xD800 && c <= 0xDFFF))
            c = REPLACEMENT;
        utf8_put(&writer, c);
    }
    if (reader_left(&reader) > 0)
        utf8_put(&writer, REPLACEMENT);
    return (char *)writer.bytes;
}

/* Capitals by constant distance: from, to, and whether only every second one is small. */
static const struct {
    uint16_t first, last;
    int16_t distance;
    uint16_t step;
} capitals[] = {
    {'a', 'z', -32, 1},
    {0x00E0, 0x00F6, -32, 1}, /* Latin-1; the division sign stands between */
    {0x00F8, 0x00FE, -32, 1},
    {0x00FF, 0x00FF, 121, 1},
    {0x0101, 0x012F, -1, 2}, /* Latin Extended-A */
    {0x0133, 0x0137, -1, 2},
    {0x013A, 0x0148, -1, 2},
    {0x014B, 0x0177, -1, 2},
    {0x017A, 0x017E, -1, 2},
    {0x03AC, 0x03AC, -38, 1}, /* Greek */
    {0x03AD, 0x03AF, -37, 1},
    {0x03B1, 0x03C1, -32, 1},
    {0x03C2, 0x03C2, -31, 1}, /* final sigma */
    {0x03C3, 0x03CB, -32, 1},
    {0x03CC, 0x03CC, -64, 1},
    {0x03CD, 0x03CE, -63, 1},
    {0x0430, 0x044F, -32, 1}, /* Cyrillic */
    {0x0450, 0x045F, -80, 1},
    {0x0461, 0x0481, -1, 2},
    {0x048B, 0x04BF, -1, 2},
};

static uint32_t upper(uint32_t c)
{
    for (size_t i = 0; i < sizeof capitals / sizeof *capitals; i++) {
        if (c < capitals[i].first || c > capitals[i].last)
            continue;
        if ((c - capitals[i].first) % capitals[i].step != 0)
            continue;
        return (uint32_t)((int32_t)c + capitals[i].distance);
    }
    return c;
}

char *utf8_upper(struct arena *arena, const char *text)
{
    struct reader reader = reader_of(text, strlen(text));
    size_t size = 3 * reader.length;
    struct writer writer = writer_of(arena_alloc(arena, size + 1), size);
    while (reader_left(&reader) > 0)
        utf8_put(&writer, upper(utf8_next(&reader)));
    return (char *)writer.bytes;
}

char *form_encode(struct arena *arena, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char plain[] = "-._*";
    char *encoded = arena_alloc(arena, 3 * strlen(text) + 1);
    size_t out = 0;
    for (; *text != '\0'; text++) {
        char c = *text;
        if ((lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') ||
            strchr(plain, c) != NULL) {
            encoded[out++] = c;
        } else if (c == ' ') {
            encoded[out++] = '+';
        } else {
            encoded[out++] = '%';
            encoded[out++] = hex[(unsigned char)c >> 4];
            encoded[out++] = hex[(unsigned char)c & 15];
        }
    }
    return encoded;
}
