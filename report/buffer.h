/*
 * Text that grows: what renderers write into. Out of memory ends the program, as in net/arena.h.
 */
#ifndef REPORT_BUFFER_H
#define REPORT_BUFFER_H

#include <stdarg.h>
#include <stddef.h>

/* Zero is a valid empty buffer. */
struct text_buffer {
    char *bytes; /* NUL behind length; NULL while nothing was ever added */
    size_t length;
    size_t size;
};

void buffer_done(struct text_buffer *buffer); /* frees; empty and usable again */

void buffer_add(struct text_buffer *buffer, const char *text);
void buffer_addn(struct text_buffer *buffer, const char *bytes, size_t length);
void buffer_repeat(struct text_buffer *buffer, char byte, size_t count);
void buffer_printf(struct text_buffer *buffer, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;
const char *buffer_text(
    const struct text_buffer *buffer); /* never NULL; valid until the next add */

#endif
