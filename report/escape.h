/*
 * Text of others made harmless, and its width on a terminal. Pure.
 *
 * Every renderer passes every text that may come from a server through text_escape(): control
 * bytes, C1 controls, directional overrides, invisible characters and malformed UTF-8 become
 * visible. Escaping twice changes nothing more: a backslash stands for itself.
 */
#ifndef REPORT_ESCAPE_H
#define REPORT_ESCAPE_H

#include "net/arena.h"
#include "report/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One character of UTF-8 (RFC 3629: no overlong forms, no surrogates). Returns its length, or 0
 * where the bytes at text are malformed or the text ends. */
size_t utf8_decode(const char *text, uint32_t *ret_character);

/* \n \r \t, \x1b (a control byte or a byte that is no UTF-8), \u{202e} (a character that would
 * mislead; every character beyond ASCII where utf8 is false). */
void text_escape(struct text_buffer *out, const char *text, bool utf8);

/* Terminal columns of escaped text: 0 for combining marks, 2 for wide characters. */
size_t text_columns(const char *text);
size_t text_columnsn(const char *text, size_t length);
/* Bytes of the longest beginning of text that fits into columns. */
size_t text_fit(const char *text, size_t columns);

#endif
