#include "report/layout.h"

#include <string.h>

#include "report/escape.h"

size_t layout_width(const struct render_style *style)
{
    if (style->width < RENDER_WIDTH_MIN)
        return RENDER_WIDTH_MIN;
    return style->width > RENDER_WIDTH_MAX ? RENDER_WIDTH_MAX : (size_t)style->width;
}

size_t layout_columns(const struct render_style *style, const char *text)
{
    struct text_buffer safe = {0};
    text_escape(&safe, text, style->utf8);
    size_t columns = text_columns(buffer_text(&safe));
    buffer_done(&safe);
    return columns;
}

static const char *paint_code(enum paint paint)
{
    switch (paint) {
    case PAINT_NONE:
        return "";
    case PAINT_GOOD:
        return "\033[32m";
    case PAINT_WARN:
        return "\033[33m";
    case PAINT_BAD:
        return "\033[1;31m";
    case PAINT_TROUBLE:
        return "\033[35m";
    case PAINT_DIM:
        return "\033[2m";
    case PAINT_BOLD:
        return "\033[1m";
    }
    return "";
}

/* text is escaped already */
static void put_painted(struct text_buffer *out, const struct render_style *style, enum paint paint,
    const char *text, size_t length)
{
    bool painted = style->color && paint != PAINT_NONE && length > 0;
    if (painted)
        buffer_add(out, paint_code(paint));
    buffer_addn(out, text, length);
    if (painted)
        buffer_add(out, "\033[0m");
}

void layout_put(
    struct text_buffer *out, const struct render_style *style, enum paint paint, const char *text)
{
    struct text_buffer safe = {0};
    text_escape(&safe, text, style->utf8);
    put_painted(out, style, paint, buffer_text(&safe), safe.length);
    buffer_done(&safe);
}

void layout_field(struct text_buffer *out, const struct render_style *style, enum paint paint,
    const char *text, size_t columns)
{
    struct text_buffer safe = {0};
    text_escape(&safe, text, style->utf8);
    const char *bytes = buffer_text(&safe);
    size_t width = text_columns(bytes);
    if (width <= columns) {
        put_painted(out, style, paint, bytes, safe.length);
    } else {
        size_t length = columns > 0 ? text_fit(bytes, columns - 1) : 0;
        width = text_columnsn(bytes, length);
        put_painted(out, style, paint, bytes, length);
        if (columns > 0) {
            buffer_add(out, "~");
            width++;
        }
    }
    buffer_repeat(out, ' ', columns - width);
    buffer_done(&safe);
}

/* Bytes of the next line: as many words as fit; a word longer than a line is broken. */
static size_t next_line(const char *text, size_t columns)
{
    size_t fits = text_fit(text, columns);
    if (text[fits] == '\0' || text[fits] == ' ')
        return fits;
    size_t end = fits;
    while (end > 0 && text[end - 1] != ' ')
        end--;
    while (end > 0 && text[end - 1] == ' ')
        end--;
    if (end > 0)
        return end;
    return fits > 0 ? fits : 1; /* not even one wide character fits: go on all the same */
}

void layout_wrap(struct text_buffer *out, const struct render_style *style, const char *label,
    size_t indent, const char *text)
{
    size_t width = layout_width(style);
    struct text_buffer safe = {0};
    text_escape(&safe, text, style->utf8);
    const char *at = buffer_text(&safe);

    buffer_add(out, label);
    size_t used = text_columns(label);
    size_t pad = used < indent ? indent - used : used > indent ? 1 : 0;
    buffer_repeat(out, ' ', pad);
    size_t columns = width > indent + 8 ? width - indent : 8;
    size_t over = used + pad > indent ? used + pad - indent : 0;
    size_t line = columns > over + 8 ? columns - over : 8;
    for (;;) {
        size_t length = next_line(at, line);
        buffer_addn(out, at, length);
        buffer_add(out, "\n");
        at += length;
        at += strspn(at, " ");
        if (*at == '\0')
            break;
        buffer_repeat(out, ' ', indent);
        line = columns;
    }
    buffer_done(&safe);
}
