#include "report/json_writer.h"

#include <inttypes.h>

#include "report/escape.h"

/* text_escape() leaves no control byte and no malformed UTF-8: quote and backslash remain. */
static void quoted(struct text_buffer *out, const char *text)
{
    struct text_buffer safe = {0};
    text_escape(&safe, text, true);
    buffer_add(out, "\"");
    for (const char *at = buffer_text(&safe); *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            buffer_add(out, "\\");
        buffer_addn(out, at, 1);
    }
    buffer_add(out, "\"");
    buffer_done(&safe);
}

static void new_line(struct json_writer *writer)
{
    buffer_add(writer->out, "\n");
    buffer_repeat(writer->out, ' ', (size_t)writer->depth * 2);
}

static void member(struct json_writer *writer, const char *key)
{
    if (writer->any)
        buffer_add(writer->out, ",");
    if (writer->depth > 0)
        new_line(writer);
    writer->any = true;
    if (key == NULL)
        return;
    quoted(writer->out, key);
    buffer_add(writer->out, ": ");
}

void json_open(struct json_writer *writer, const char *key, char bracket)
{
    member(writer, key);
    buffer_addn(writer->out, &bracket, 1);
    writer->depth++;
    writer->any = false;
}

void json_close(struct json_writer *writer, char bracket)
{
    writer->depth--;
    if (writer->any)
        new_line(writer);
    buffer_addn(writer->out, &bracket, 1);
    writer->any = true;
    if (writer->depth == 0)
        buffer_add(writer->out, "\n");
}

void json_text(struct json_writer *writer, const char *key, const char *value)
{
    if (value == NULL) {
        json_null(writer, key);
        return;
    }
    member(writer, key);
    quoted(writer->out, value);
}

void json_number(struct json_writer *writer, const char *key, int64_t value)
{
    member(writer, key);
    buffer_printf(writer->out, "%" PRId64, value);
}

void json_bool(struct json_writer *writer, const char *key, bool value)
{
    member(writer, key);
    buffer_add(writer->out, value ? "true" : "false");
}

void json_null(struct json_writer *writer, const char *key)
{
    member(writer, key);
    buffer_add(writer->out, "null");
}

void json_texts(
    struct json_writer *writer, const char *key, const char *const *values, size_t count)
{
    member(writer, key);
    buffer_add(writer->out, "[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_add(writer->out, ", ");
        quoted(writer->out, values[i]);
    }
    buffer_add(writer->out, "]");
}
