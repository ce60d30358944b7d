/*
 * JSON (RFC 8259) written straight into a buffer: valid UTF-8, two spaces a level, keys in the
 * order of the calls. Texts are escaped by text_escape() first, so that what a program prints from
 * them is as harmless as what we print.
 */
#ifndef REPORT_JSON_WRITER_H
#define REPORT_JSON_WRITER_H

#include "report/buffer.h"

#include <stdbool.h>
#include <stdint.h>

struct json_writer {
    struct text_buffer *out;
    int depth;
    bool any; /* the open object or array has a member */
};

/* key: NULL inside an array and for the document itself. */
void json_open(struct json_writer *writer, const char *key, char bracket);      /* '{' or '[' */
void json_close(struct json_writer *writer, char bracket);                      /* '}' or ']' */
void json_text(struct json_writer *writer, const char *key, const char *value); /* NULL: null */
void json_number(struct json_writer *writer, const char *key, int64_t value);
void json_bool(struct json_writer *writer, const char *key, bool value);
void json_null(struct json_writer *writer, const char *key);
/* On one line. */
void json_texts(
    struct json_writer *writer, const char *key, const char *const *values, size_t count);

#endif
