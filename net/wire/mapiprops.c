#include "net/wire/mapiprops.h"

#include "net/wire/text.h"

enum {
    ROW_STANDARD = 0x00, /* [MS-OXCDATA] 2.8.1.1 */
    ROW_FLAGGED = 0x01,  /* 2.8.1.2 */
    FLAG_VALUE = 0x00,   /* 2.11.5 */
    FLAG_ABSENT = 0x01,
    FLAG_ERROR = 0x0a,
    HAS_VALUE = 0xff,
    GUID_SIZE = 16,
};

struct source {
    struct reader *reader;
    struct arena *arena;
    enum mapi_form form;
};

static void copy_bytes(const struct source *source, size_t length, struct mapi_binary *ret_binary)
{
    const uint8_t *bytes = length > MAPI_BINARY_MAX ? NULL : read_bytes(source->reader, length);
    if (bytes == NULL) {
        source->reader->failed = true;
        return;
    }
    ret_binary->bytes = arena_copy(source->arena, bytes, length);
    ret_binary->length = length;
}

/* How many bytes stand before the NUL of a string of `width` bytes a character. */
static size_t string_length(const struct reader *reader, size_t width)
{
    struct reader ahead = *reader;
    size_t length = 0;
    while (length < MAPI_STRING_MAX) {
        uint16_t c = width == 2 ? read_le16(&ahead) : read_u8(&ahead);
        if (c == 0)
            break; /* or the end, which the caller meets too */
        length += width;
    }
    return length;
}

static const char *read_string(const struct source *source, size_t width)
{
    size_t length = string_length(source->reader, width);
    const uint8_t *bytes = read_bytes(source->reader, length);
    uint16_t end = width == 2 ? read_le16(source->reader) : read_u8(source->reader);
    if (end != 0)
        source->reader->failed = true; /* longer than our bound */
    if (!reader_ok(source->reader))
        return NULL;
    return width == 2 ? utf16le_to_utf8(source->arena, bytes, length)
                      : arena_strndup(source->arena, (const char *)bytes, length);
}

/* [MS-OXCDATA] 2.11.1: one value that is not multi-valued. */
static void read_single(const struct source *source, struct mapi_value *value)
{
    struct reader *reader = source->reader;
    switch (value->type) {
    case MAPI_NULL:
    case MAPI_OBJECT: /* opened by other calls: nothing of it is here */
        break;
    case MAPI_BOOLEAN:
        value->number = read_u8(reader) != 0;
        break;
    case MAPI_INTEGER16:
        value->number = (uint64_t)(int64_t)(int16_t)read_le16(reader);
        break;
    case MAPI_INTEGER32:
        value->number = (uint64_t)(int64_t)(int32_t)read_le32(reader);
        break;
    case MAPI_FLOATING32:
    case MAPI_ERROR_CODE:
        value->number = read_le32(reader);
        break;
    case MAPI_FLOATING64:
    case MAPI_CURRENCY:
    case MAPI_FLOATING_TIME:
    case MAPI_INTEGER64:
    case MAPI_TIME:
        value->number = read_le64(reader);
        break;
    case MAPI_STRING8:
        value->text = read_string(source, 1);
        break;
    case MAPI_STRING:
        value->text = read_string(source, 2);
        break;
    case MAPI_GUID:
        copy_bytes(source, GUID_SIZE, &value->binary);
        break;
    case MAPI_SERVER_ID: /* 2.11.1.4: its count has 16 bits everywhere */
        copy_bytes(source, read_le16(reader), &value->binary);
        break;
    case MAPI_BINARY:
        copy_bytes(source, source->form == MAPI_FORM_ROP ? read_le16(reader) : read_le32(reader),
            &value->binary);
        break;
    default:
        reader->failed = true;
    }
}

static bool is_variable(uint16_t type)
{
    return type == MAPI_STRING || type == MAPI_STRING8 || type == MAPI_BINARY;
}

/* Exchange writes HasValue before each string and each binary of a multi-valued property, of which
 * [MS-OXCMAPIHTTP] 2.2.1.1 does not speak; a server that follows the letter writes none. The first
 * one tells: a text or a length that starts with one of these two bytes is next to unheard of. */
static bool items_are_flagged(const struct source *source, uint16_t type)
{
    struct reader ahead = *source->reader;
    uint8_t first = read_u8(&ahead);
    return source->form == MAPI_FORM_ADDRESS_BOOK && is_variable(type) &&
           (first == HAS_VALUE || first == 0);
}

static void read_items(const struct source *source, struct mapi_value *value)
{
    struct reader *reader = source->reader;
    uint16_t type = value->type & (uint16_t)~MAPI_MULTIPLE;
    uint32_t count = read_le32(reader);
    /* Types without bytes are never multi-valued, so that what is left bounds the count. */
    if (count > MAPI_ITEMS_MAX || count > reader_left(reader) || type <= MAPI_NULL ||
        type == MAPI_OBJECT)
        reader->failed = true;
    if (!reader_ok(reader) || count == 0)
        return;
    bool flagged = items_are_flagged(source, type);
    value->items = arena_alloc(source->arena, count * sizeof *value->items);
    value->count = count;
    for (uint32_t i = 0; i < count && reader_ok(reader); i++) {
        value->items[i].tag = value->tag & ~(uint32_t)MAPI_MULTIPLE;
        value->items[i].type = type;
        value->items[i].present = !flagged || read_u8(reader) != 0;
        if (value->items[i].present)
            read_single(source, &value->items[i]);
    }
}

static bool read_value(const struct source *source, struct mapi_value *value)
{
    bool multiple = (value->type & MAPI_MULTIPLE) != 0;
    value->present = true;
    if (source->form == MAPI_FORM_ADDRESS_BOOK && (multiple || is_variable(value->type)))
        value->present = read_u8(source->reader) != 0; /* [MS-OXCMAPIHTTP] 2.2.1.1 HasValue */
    if (!value->present)
        return reader_ok(source->reader);
    if (multiple)
        read_items(source, value);
    else
        read_single(source, value);
    return reader_ok(source->reader);
}

static struct mapi_value value_of(struct reader *reader, uint32_t tag)
{
    struct mapi_value value = {.tag = tag, .type = mapi_tag_type(tag)};
    if (value.type == MAPI_UNSPECIFIED) { /* TypedPropertyValue, 2.11.3 */
        value.type = read_le16(reader);
        value.tag = tag | value.type;
    }
    return value;
}

bool mapi_value_read(struct reader *reader, struct arena *arena, uint32_t tag, enum mapi_form form,
    struct mapi_value *ret_value)
{
    struct source source = {reader, arena, form};
    struct mapi_value value = value_of(reader, tag);
    if (!read_value(&source, &value))
        return false;
    *ret_value = value;
    return true;
}

bool mapi_value_read_flagged(struct reader *reader, struct arena *arena, uint32_t tag,
    enum mapi_form form, struct mapi_value *ret_value)
{
    struct source source = {reader, arena, form};
    struct mapi_value value = value_of(reader, tag);
    switch (read_u8(reader)) {
    case FLAG_VALUE:
        if (!read_value(&source, &value))
            return false;
        break;
    case FLAG_ABSENT:
        break;
    case FLAG_ERROR:
        value.type = MAPI_ERROR_CODE;
        read_single(&source, &value);
        break;
    default:
        reader->failed = true;
    }
    if (!reader_ok(reader))
        return false;
    *ret_value = value;
    return true;
}

bool mapi_row_read(struct reader *reader, struct arena *arena, const struct mapi_columns *columns,
    enum mapi_form form, struct mapi_row *ret_row)
{
    uint8_t flag = read_u8(reader);
    if ((flag != ROW_STANDARD && flag != ROW_FLAGGED) || columns->count > MAPI_VALUES_MAX)
        reader->failed = true;
    if (!reader_ok(reader))
        return false;
    struct mapi_row row = {.count = columns->count};
    row.values = arena_alloc(arena, (row.count + 1) * sizeof *row.values);
    for (uint32_t i = 0; i < row.count; i++) {
        bool ok =
            flag == ROW_STANDARD
                ? mapi_value_read(reader, arena, columns->tags[i], form, &row.values[i])
                : mapi_value_read_flagged(reader, arena, columns->tags[i], form, &row.values[i]);
        if (!ok)
            return false;
    }
    *ret_row = row;
    return true;
}

/* ---- looking ---- */

const struct mapi_value *mapi_row_find(const struct mapi_row *row, uint32_t tag)
{
    for (uint32_t i = 0; i < row->count; i++) {
        if (mapi_tag_id(row->values[i].tag) == mapi_tag_id(tag))
            return &row->values[i];
    }
    return NULL;
}

const char *mapi_row_text(const struct mapi_row *row, uint32_t tag)
{
    const struct mapi_value *value = mapi_row_find(row, tag);
    return value == NULL ? NULL : value->text;
}

bool mapi_row_number(const struct mapi_row *row, uint32_t tag, uint64_t *ret_number)
{
    const struct mapi_value *value = mapi_row_find(row, tag);
    if (value == NULL || !value->present || value->text != NULL || value->binary.bytes != NULL ||
        (value->type & MAPI_MULTIPLE) != 0 || value->type == MAPI_NULL ||
        value->type == MAPI_OBJECT)
        return false;
    *ret_number = value->number;
    return true;
}

struct mapi_binary mapi_row_binary(const struct mapi_row *row, uint32_t tag)
{
    const struct mapi_value *value = mapi_row_find(row, tag);
    return value == NULL ? (struct mapi_binary){0} : value->binary;
}
