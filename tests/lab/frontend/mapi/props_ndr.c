/* Rows in NDR ([C706] 14.3; [MS-OXNSPI] 2.2). What a pointer inside an array points to comes after
 * the whole array, in the order of its elements. */
#include "props.h"

#include <string.h>

bool ndr_read_tags(struct wire *wire, struct tags *ret_tags)
{
    uint32_t max;
    uint32_t offset;
    uint32_t actual;

    if (!ndr_pointer(wire))
        return false;
    max = ndr_u32(wire);
    ndr_u32(wire); /* cValues; some clients count their terminator in */
    offset = ndr_u32(wire);
    actual = ndr_u32(wire);
    if (offset != 0 || actual > max || actual > wire_left(wire) / 4)
        wire->bad = true;
    for (uint32_t i = 0; !wire->bad && i < actual; i++)
        tags_add(ret_tags, ndr_u32(wire));
    return true;
}

void ndr_put_tags(struct buf *buf, const struct tags *tags)
{
    uint32_t count = tags != NULL ? (uint32_t)tags->count : 0;

    ndr_put_pointer(buf, tags != NULL);
    if (tags == NULL)
        return;
    ndr_put_u32(buf, count + 1); /* size_is(cValues + 1) */
    ndr_put_u32(buf, count);
    ndr_put_u32(buf, 0);
    ndr_put_u32(buf, count);
    for (uint32_t i = 0; i < count; i++)
        ndr_put_u32(buf, tags->tags[i]);
}

static bool is_text(unsigned type)
{
    return type == PT_STRING || type == PT_STRING8;
}

/* PropertyValue_r without what its pointers point to. */
static void put_value(struct buf *buf, const struct prop *prop)
{
    unsigned type = tag_type(prop->tag);

    ndr_put_u32(buf, prop->tag);
    ndr_put_u32(buf, 0);
    ndr_put_u32(buf, type); /* the union's discriminant */
    if ((type & PT_MULTIPLE) != 0) {
        ndr_put_u32(buf, (uint32_t)prop->item_count);
        ndr_put_pointer(buf, true);
        return;
    }
    switch (type) {
    case PT_INTEGER16:
    case PT_BOOLEAN:
        ndr_put_u16(buf, (unsigned)prop->number);
        return;
    case PT_TIME:
        ndr_put_u32(buf, (uint32_t)(prop->number & 0xffffffffu));
        ndr_put_u32(buf, (uint32_t)(prop->number >> 32));
        return;
    case PT_BINARY:
        ndr_put_u32(buf, (uint32_t)prop->data.len);
        ndr_put_pointer(buf, true);
        return;
    case PT_STRING:
    case PT_STRING8:
    case PT_GUID:
        ndr_put_pointer(buf, true);
        return;
    default:
        ndr_put_u32(buf, (uint32_t)(prop->number & 0xffffffffu));
        return;
    }
}

static void put_data(struct buf *buf, unsigned type, const struct buf *data)
{
    if (type == PT_STRING) {
        ndr_put_string16(buf, buf_text(data));
    } else if (type == PT_STRING8) {
        ndr_put_string8(buf, buf_text(data));
    } else if (type == PT_BINARY) {
        ndr_put_u32(buf, (uint32_t)data->len);
        buf_add(buf, buf_text(data), data->len);
    } else { /* PT_GUID: a FlatUID_r, bytes without alignment */
        buf_add(buf, buf_text(data), data->len);
    }
}

static void put_items(struct buf *buf, const struct prop *prop)
{
    unsigned type = tag_type(prop->tag) & ~(unsigned)PT_MULTIPLE;

    ndr_put_u32(buf, (uint32_t)prop->item_count);
    for (size_t i = 0; i < prop->item_count; i++) {
        if (type == PT_BINARY)
            ndr_put_u32(buf, (uint32_t)prop->items[i].len);
        ndr_put_pointer(buf, true);
    }
    for (size_t i = 0; i < prop->item_count; i++)
        put_data(buf, type, &prop->items[i]);
}

static void put_pointees(struct buf *buf, const struct prop *prop)
{
    unsigned type = tag_type(prop->tag);

    if ((type & PT_MULTIPLE) != 0)
        put_items(buf, prop);
    else if (is_text(type) || type == PT_BINARY || type == PT_GUID)
        put_data(buf, type, &prop->data);
}

static void put_row_head(struct buf *buf, const struct row *row)
{
    ndr_put_u32(buf, 0);
    ndr_put_u32(buf, (uint32_t)row->count);
    ndr_put_pointer(buf, true);
}

static void put_row_values(struct buf *buf, const struct row *row)
{
    ndr_put_u32(buf, (uint32_t)row->count);
    for (size_t i = 0; i < row->count; i++)
        put_value(buf, &row->props[i]);
    for (size_t i = 0; i < row->count; i++)
        put_pointees(buf, &row->props[i]);
}

void ndr_put_row(struct buf *buf, const struct row *row)
{
    ndr_put_pointer(buf, row != NULL);
    if (row == NULL)
        return;
    put_row_head(buf, row);
    put_row_values(buf, row);
}

void ndr_put_rows(struct buf *buf, const struct rows *rows)
{
    ndr_put_pointer(buf, rows != NULL);
    if (rows == NULL)
        return;
    ndr_put_u32(buf, (uint32_t)rows->count);
    ndr_put_u32(buf, (uint32_t)rows->count);
    for (size_t i = 0; i < rows->count; i++)
        put_row_head(buf, &rows->rows[i]);
    for (size_t i = 0; i < rows->count; i++)
        put_row_values(buf, &rows->rows[i]);
}
