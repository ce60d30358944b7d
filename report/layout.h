/*
 * Lines of a text for people: escaped, measured in terminal columns, wrapped, painted. Pure.
 */
#ifndef REPORT_LAYOUT_H
#define REPORT_LAYOUT_H

#include "report/renderer.h"

enum paint { PAINT_NONE, PAINT_GOOD, PAINT_WARN, PAINT_BAD, PAINT_TROUBLE, PAINT_DIM, PAINT_BOLD };

size_t layout_width(const struct render_style *style); /* within the bounds of renderer.h */

/* Columns of the text as it will be shown. */
size_t layout_columns(const struct render_style *style, const char *text);

/* One piece without wrapping; painted where the style has colour. */
void layout_put(
    struct text_buffer *out, const struct render_style *style, enum paint paint, const char *text);

/* The piece in exactly `columns`: padded with spaces, or cut with a mark at the end. */
void layout_field(struct text_buffer *out, const struct render_style *style, enum paint paint,
    const char *text, size_t columns);

/* A paragraph: the label (ours, may be ""), padded to indent, then the text with its further lines
 * under its first one. Ends with a newline. */
void layout_wrap(struct text_buffer *out, const struct render_style *style, const char *label,
    size_t indent, const char *text);

#endif
