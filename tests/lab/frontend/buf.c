#include "buf.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void out_of_memory(void)
{
    fputs("exreach-lab-frontend: out of memory\n", stderr);
    abort();
}

void *xcalloc(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (memory == NULL)
        out_of_memory();
    return memory;
}

char *xstrdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = xcalloc(1, size);

    memcpy(copy, text, size);
    return copy;
}

void *without_const(const void *data)
{
    const union {
        const void *given;
        void *wanted;
    } both = {data};

    return both.wanted;
}

void copy_text(char *to, size_t size, const char *from)
{
    size_t len = strlen(from);

    if (len >= size)
        len = size - 1;
    memcpy(to, from, len);
    to[len] = '\0';
}

void buf_done(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    if (buf->data != NULL)
        buf->data[0] = '\0';
}

void buf_drop(struct buf *buf, size_t count)
{
    if (count == 0)
        return;
    memmove(buf->data, buf->data + count, buf->len - count + 1);
    buf->len -= count;
}

static void buf_reserve(struct buf *buf, size_t more)
{
    size_t need = buf->len + more + 1;
    size_t cap = buf->cap ? buf->cap : 256;

    if (need <= buf->cap)
        return;
    while (cap < need)
        cap *= 2;
    buf->data = realloc(buf->data, cap);
    if (buf->data == NULL)
        out_of_memory();
    buf->cap = cap;
}

void buf_add(struct buf *buf, const void *data, size_t len)
{
    buf_reserve(buf, len);
    if (len > 0)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void buf_str(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_fmt(struct buf *buf, const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len <= 0)
        return;
    buf_reserve(buf, (size_t)len);
    va_start(args, format);
    vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
}

void buf_xml(struct buf *buf, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        switch (*p) {
        case '&':
            buf_str(buf, "&amp;");
            break;
        case '<':
            buf_str(buf, "&lt;");
            break;
        case '>':
            buf_str(buf, "&gt;");
            break;
        case '"':
            buf_str(buf, "&quot;");
            break;
        default:
            buf_add(buf, p, 1);
            break;
        }
    }
}

void buf_json(struct buf *buf, const char *text)
{
    buf_str(buf, "\"");
    for (const char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;

        if (c == '"' || c == '\\')
            buf_fmt(buf, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            buf_fmt(buf, "\\u%04x", c);
        else
            buf_add(buf, p, 1);
    }
    buf_str(buf, "\"");
}

void buf_url(struct buf *buf, const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!*()";

    for (const char *p = text; *p != '\0'; p++) {
        if (strchr(plain, *p) != NULL)
            buf_add(buf, p, 1);
        else
            buf_fmt(buf, "%%%02x", (unsigned)(unsigned char)*p);
    }
}

void buf_base64(struct buf *buf, const void *data, size_t len)
{
    if (len > INT32_MAX / 2)
        return;
    buf_reserve(buf, (len + 2) / 3 * 4);
    EVP_EncodeBlock((unsigned char *)buf->data + buf->len, data, (int)len);
    buf->len += (len + 2) / 3 * 4;
    buf->data[buf->len] = '\0';
}

void buf_le16(struct buf *buf, unsigned value)
{
    unsigned char bytes[2] = {(unsigned char)(value & 0xff), (unsigned char)(value >> 8 & 0xff)};

    buf_add(buf, bytes, sizeof bytes);
}

void buf_le32(struct buf *buf, unsigned long value)
{
    buf_le16(buf, (unsigned)(value & 0xffff));
    buf_le16(buf, (unsigned)(value >> 16 & 0xffff));
}

const char *buf_text(const struct buf *buf)
{
    return buf->data ? buf->data : "";
}

bool base64_decode(const char *text, struct buf *ret_bytes)
{
    size_t len = strlen(text);
    size_t padding = 0;
    unsigned char *bytes;
    int count;

    if (len == 0 || len % 4 != 0 || len > 1 << 20)
        return false;
    while (padding < 2 && text[len - 1 - padding] == '=')
        padding++;
    if (strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") !=
        len - padding)
        return false;
    bytes = xcalloc(1, len / 4 * 3 + 1);
    count = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)len);
    if (count >= (int)padding)
        buf_add(ret_bytes, bytes, (size_t)count - padding);
    free(bytes);
    return count >= (int)padding;
}
