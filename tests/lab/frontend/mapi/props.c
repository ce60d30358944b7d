#include "props.h"

#include <stdlib.h>
#include <string.h>

static void *grow(void *array, size_t count, size_t size)
{
    void *grown = realloc(array, count * size);

    if (grown == NULL)
        abort();
    return grown;
}

void tags_add(struct tags *tags, uint32_t tag)
{
    tags->tags = grow(tags->tags, tags->count + 1, sizeof *tags->tags);
    tags->tags[tags->count++] = tag;
}

void tags_done(struct tags *tags)
{
    free(tags->tags);
    *tags = (struct tags){0};
}

struct prop *row_add(struct row *row, uint32_t tag)
{
    row->props = grow(row->props, row->count + 1, sizeof *row->props);
    row->props[row->count] = (struct prop){.tag = tag};
    return &row->props[row->count++];
}

struct prop *row_add_number(struct row *row, uint32_t tag, uint64_t number)
{
    struct prop *prop = row_add(row, tag);

    prop->number = number;
    return prop;
}

struct prop *row_add_text(struct row *row, uint32_t tag, const char *text)
{
    struct prop *prop = row_add(row, tag);

    buf_str(&prop->data, text);
    return prop;
}

struct prop *row_add_bytes(struct row *row, uint32_t tag, const void *data, size_t len)
{
    struct prop *prop = row_add(row, tag);

    buf_add(&prop->data, data, len);
    return prop;
}

void row_add_error(struct row *row, uint32_t tag, uint32_t code)
{
    row_add_number(row, (tag & 0xffff0000u) | PT_ERROR, code);
}

void prop_add_item(struct prop *prop, const void *data, size_t len)
{
    prop->items = grow(prop->items, prop->item_count + 1, sizeof *prop->items);
    prop->items[prop->item_count] = (struct buf){0};
    buf_add(&prop->items[prop->item_count++], data, len);
}

void row_done(struct row *row)
{
    for (size_t i = 0; i < row->count; i++) {
        for (size_t k = 0; k < row->props[i].item_count; k++)
            buf_done(&row->props[i].items[k]);
        free(row->props[i].items);
        buf_done(&row->props[i].data);
    }
    free(row->props);
    *row = (struct row){0};
}

struct row *rows_add(struct rows *rows)
{
    rows->rows = grow(rows->rows, rows->count + 1, sizeof *rows->rows);
    rows->rows[rows->count] = (struct row){0};
    return &rows->rows[rows->count++];
}

void rows_done(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        row_done(&rows->rows[i]);
    free(rows->rows);
    *rows = (struct rows){0};
}

static void put_count(struct buf *buf, size_t count, bool wide)
{
    if (wide)
        buf_le32(buf, (unsigned long)count);
    else
        buf_le16(buf, (unsigned)count);
}

/* HasValue of [MS-OXCMAPIHTTP] 2.2.1.1. */
static void put_presence(struct buf *buf, bool wide)
{
    if (wide)
        buf_u8(buf, 0xff);
}

static void put_data(struct buf *buf, unsigned type, const struct buf *data, bool wide)
{
    if (type == PT_STRING) {
        put_presence(buf, wide);
        buf_utf16(buf, buf_text(data));
        buf_le16(buf, 0);
    } else if (type == PT_STRING8) {
        put_presence(buf, wide);
        buf_add(buf, buf_text(data), data->len);
        buf_u8(buf, 0);
    } else if (type == PT_BINARY) {
        put_presence(buf, wide);
        put_count(buf, data->len, wide);
        buf_add(buf, buf_text(data), data->len);
    } else { /* PT_GUID */
        buf_add(buf, buf_text(data), data->len);
    }
}

static void put_value(struct buf *buf, const struct prop *prop, bool wide)
{
    unsigned type = tag_type(prop->tag);

    switch (type) {
    case PT_INTEGER16:
        buf_le16(buf, (unsigned)prop->number);
        return;
    case PT_BOOLEAN:
        buf_u8(buf, prop->number != 0);
        return;
    case PT_INTEGER32:
    case PT_ERROR:
    case PT_TABLE:
        buf_le32(buf, prop->number & 0xffffffffu);
        return;
    case PT_INTEGER64:
    case PT_TIME:
        buf_le64(buf, prop->number);
        return;
    default:
        break;
    }
    if ((type & PT_MULTIPLE) == 0) {
        put_data(buf, type, &prop->data, wide);
        return;
    }
    put_presence(buf, wide);
    buf_le32(buf, (unsigned long)prop->item_count); /* 32 bits in ROPs too (2.11.1.1) */
    for (size_t i = 0; i < prop->item_count; i++)
        put_data(buf, type & ~(unsigned)PT_MULTIPLE, &prop->items[i], wide);
}

static bool is_complete(const struct row *row, const struct tags *tags)
{
    for (size_t i = 0; i < row->count; i++)
        if (row->props[i].tag != tags->tags[i])
            return false;
    return true;
}

void row_write(struct buf *buf, const struct row *row, const struct tags *tags, bool wide)
{
    bool complete = is_complete(row, tags);

    buf_u8(buf, complete ? 0 : 1);
    for (size_t i = 0; i < row->count; i++) {
        const struct prop *prop = &row->props[i];

        if (tag_type(tags->tags[i]) == 0) /* PtypUnspecified: the value says its type */
            buf_le16(buf, tag_type(prop->tag));
        if (!complete)
            buf_u8(buf, tag_type(prop->tag) == PT_ERROR ? 0x0a : 0);
        put_value(buf, prop, wide);
    }
}

void row_write_list(struct buf *buf, const struct row *row)
{
    buf_le32(buf, (unsigned long)row->count);
    for (size_t i = 0; i < row->count; i++) {
        buf_le16(buf, tag_type(row->props[i].tag));
        buf_le16(buf, tag_id(row->props[i].tag));
        put_value(buf, &row->props[i], true);
    }
}
