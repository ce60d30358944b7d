#include "report/escape.h"

#include <string.h>

struct range {
    uint32_t first, last;
};

/* ranges ascend */
static bool in_ranges(uint32_t c, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count && c >= ranges[i].first; i++) {
        if (c <= ranges[i].last)
            return true;
    }
    return false;
}

#define IN(c, ranges) in_ranges(c, ranges, sizeof(ranges) / sizeof(ranges)[0])

/* Unicode: C1 controls, soft hyphen, directional marks and overrides, invisible characters, line
 * and paragraph separators, private use, language tags, noncharacters. */
static const struct range misleading[] = {
    {0x80, 0x9f},
    {0xad, 0xad},
    {0x34f, 0x34f},
    {0x61c, 0x61c},
    {0x115f, 0x1160},
    {0x17b4, 0x17b5},
    {0x180b, 0x180f},
    {0x200b, 0x200f},
    {0x2028, 0x202e},
    {0x2060, 0x206f},
    {0x3164, 0x3164},
    {0xe000, 0xf8ff},
    {0xfdd0, 0xfdef},
    {0xfeff, 0xfeff},
    {0xffa0, 0xffa0},
    {0xfff0, 0xfffb},
    {0xfffe, 0xffff},
    {0x1d173, 0x1d17a},
    {0xe0000, 0x10ffff},
};

/* Unicode general categories Mn and Me, the blocks that matter in names and server texts. */
static const struct range combining[] = {
    {0x300, 0x36f},
    {0x483, 0x489},
    {0x591, 0x5bd},
    {0x5bf, 0x5bf},
    {0x5c1, 0x5c2},
    {0x5c4, 0x5c5},
    {0x610, 0x61a},
    {0x64b, 0x65f},
    {0x670, 0x670},
    {0x6d6, 0x6dc},
    {0x93c, 0x93c},
    {0x941, 0x948},
    {0x94d, 0x94d},
    {0xe31, 0xe31},
    {0xe34, 0xe3a},
    {0xe47, 0xe4e},
    {0x1ab0, 0x1aff},
    {0x1dc0, 0x1dff},
    {0x20d0, 0x20ff},
    {0x302a, 0x302d},
    {0x3099, 0x309a},
    {0xfe00, 0xfe0f},
    {0xfe20, 0xfe2f},
};

/* Unicode Standard Annex 11: wide and full-width. */
static const struct range wide[] = {
    {0x1100, 0x115f},
    {0x231a, 0x231b},
    {0x2329, 0x232a},
    {0x23e9, 0x23ec},
    {0x25fd, 0x25fe},
    {0x2614, 0x2615},
    {0x2648, 0x2653},
    {0x26a1, 0x26a1},
    {0x26d4, 0x26d4},
    {0x2705, 0x2705},
    {0x270a, 0x270b},
    {0x274c, 0x274c},
    {0x2753, 0x2755},
    {0x2795, 0x2797},
    {0x2e80, 0x303e},
    {0x3041, 0x33ff},
    {0x3400, 0x4dbf},
    {0x4e00, 0x9fff},
    {0xa000, 0xa4cf},
    {0xa960, 0xa97f},
    {0xac00, 0xd7a3},
    {0xf900, 0xfaff},
    {0xfe30, 0xfe6f},
    {0xff00, 0xff60},
    {0xffe0, 0xffe6},
    {0x1f300, 0x1f64f},
    {0x1f680, 0x1f6ff},
    {0x1f900, 0x1f9ff},
    {0x20000, 0x3fffd},
};

size_t utf8_decode(const char *text, uint32_t *ret_character)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)text[0];
    if (first == 0)
        return 0;
    if (first < 0x80) {
        *ret_character = first;
        return 1;
    }
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    uint32_t character = first & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        unsigned char next = (unsigned char)text[i];
        if ((next & 0xc0) != 0x80)
            return 0; /* the NUL at the end stops here, too */
        character = character << 6 | (next & 0x3f);
    }
    if (character < smallest[length] || character > 0x10ffff ||
        (character >= 0xd800 && character <= 0xdfff))
        return 0;
    *ret_character = character;
    return length;
}

static void escape_byte(struct text_buffer *out, unsigned char byte)
{
    switch (byte) {
    case '\n':
        buffer_add(out, "\\n");
        return;
    case '\r':
        buffer_add(out, "\\r");
        return;
    case '\t':
        buffer_add(out, "\\t");
        return;
    default:
        buffer_printf(out, "\\x%02x", byte);
    }
}

void text_escape(struct text_buffer *out, const char *text, bool utf8)
{
    while (*text != '\0') {
        uint32_t c = 0;
        size_t length = utf8_decode(text, &c);
        if (length == 0 || c < 0x20 || c == 0x7f) {
            escape_byte(out, (unsigned char)*text++);
            continue;
        }
        if (c >= 0x80 && (!utf8 || IN(c, misleading)))
            buffer_printf(out, "\\u{%x}", (unsigned)c);
        else
            buffer_addn(out, text, length);
        text += length;
    }
}

static size_t columns_of(uint32_t c)
{
    if (c < 0x300)
        return 1;
    if (IN(c, combining))
        return 0;
    return IN(c, wide) ? 2 : 1;
}

size_t text_columnsn(const char *text, size_t length)
{
    size_t columns = 0;
    for (size_t at = 0; at < length && text[at] != '\0';) {
        uint32_t c = 0;
        size_t step = utf8_decode(text + at, &c);
        columns += step == 0 ? 1 : columns_of(c);
        at += step == 0 ? 1 : step;
    }
    return columns;
}

size_t text_columns(const char *text)
{
    return text_columnsn(text, strlen(text));
}

size_t text_fit(const char *text, size_t columns)
{
    size_t at = 0;
    while (text[at] != '\0') {
        uint32_t c = 0;
        size_t step = utf8_decode(text + at, &c);
        size_t takes = step == 0 ? 1 : columns_of(c);
        if (takes > columns)
            break;
        columns -= takes;
        at += step == 0 ? 1 : step;
    }
    return at;
}
