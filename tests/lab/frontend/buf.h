/* Growing byte strings, and the escapes that the front end's answers need.
 *
 * Out of memory ends the program with one line: the lab has no use for a half-built answer. */
#ifndef FRONTEND_BUF_H
#define FRONTEND_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data; /* NUL-terminated once anything was added; NULL before */
    size_t len;
    size_t cap;
};

void buf_done(struct buf *buf);
void buf_clear(struct buf *buf);
/* Takes `count` bytes off the front. */
void buf_drop(struct buf *buf, size_t count);

void buf_add(struct buf *buf, const void *data, size_t len);
void buf_str(struct buf *buf, const char *text);
void buf_fmt(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_xml(struct buf *buf, const char *text);
void buf_json(struct buf *buf, const char *text);
/* Percent-encodes for a query string, hex digits in lower case as ASP.NET writes them. */
void buf_url(struct buf *buf, const char *text);
void buf_base64(struct buf *buf, const void *data, size_t len);
/* Integers of the wire, little-endian. */
void buf_le16(struct buf *buf, unsigned value);
void buf_le32(struct buf *buf, unsigned long value);

/* Never NULL. */
const char *buf_text(const struct buf *buf);

/* Strict base64 without line breaks; false leaves `ret_bytes` as it was. */
bool base64_decode(const char *text, struct buf *ret_bytes);

/* Copies with truncation; the result is always terminated. */
void copy_text(char *to, size_t size, const char *from);

/* For the fields of libraries that only read but do not say so. */
void *without_const(const void *data);

void *xcalloc(size_t count, size_t size);
char *xstrdup(const char *text);

#endif
