#include "report/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/arena.h"

void buffer_done(struct text_buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct text_buffer){0};
}

/* Room for more bytes and the NUL. */
static void reserve(struct text_buffer *buffer, size_t more)
{
    size_t need = buffer->length + more + 1;
    if (need <= buffer->size)
        return;
    size_t size = buffer->size != 0 ? buffer->size : 256;
    while (size < need)
        size *= 2;
    buffer->bytes = xrealloc(buffer->bytes, size);
    buffer->size = size;
}

void buffer_addn(struct text_buffer *buffer, const char *bytes, size_t length)
{
    reserve(buffer, length);
    if (length > 0)
        memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
    buffer->bytes[buffer->length] = '\0';
}

void buffer_add(struct text_buffer *buffer, const char *text)
{
    buffer_addn(buffer, text, strlen(text));
}

void buffer_repeat(struct text_buffer *buffer, char byte, size_t count)
{
    reserve(buffer, count);
    memset(buffer->bytes + buffer->length, byte, count);
    buffer->length += count;
    buffer->bytes[buffer->length] = '\0';
}

void buffer_printf(struct text_buffer *buffer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length <= 0)
        return;
    reserve(buffer, (size_t)length);
    va_start(args, format);
    vsnprintf(buffer->bytes + buffer->length, (size_t)length + 1, format, args);
    va_end(args);
    buffer->length += (size_t)length;
}

const char *buffer_text(const struct text_buffer *buffer)
{
    return buffer->bytes != NULL ? buffer->bytes : "";
}
