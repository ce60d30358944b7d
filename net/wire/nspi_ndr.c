#include "net/wire/nspi_ndr.h"

#include "net/wire/ndr.h"

enum {
    GUID_SIZE = 16,
    VALUE_SIZE = 14, /* the least of a PropertyValue_r: tag, reserved, discriminant, short */
    ROW_SIZE = 12,
    CHARACTERS_MAX = MAPI_STRING_MAX / 2,
};

/* [C706] 14.3.12.3: an embedded pointer is an id where it stands, and what it points to follows
 * the whole structure or array it stands in, in the order of the pointers. So each array is read
 * twice: its flat part, which fills `pointee`, then what was deferred, depth first. */
struct pointee {
    bool present;
    uint32_t count; /* that the structure says; the array's own count must agree */
};

struct source {
    struct reader *reader;
    struct arena *arena;
};

/* An array behind a pointer, whose structure said how many elements it has. */
static bool agree(struct reader *reader, uint32_t count, size_t element)
{
    uint32_t room = ndr_conformance(reader, count, element);
    if (room != count)
        reader->failed = true;
    return reader_ok(reader);
}

static void read_text(const struct source *source, struct mapi_value *value)
{
    value->text = value->type == MAPI_STRING
                      ? ndr_string16(source->reader, source->arena, CHARACTERS_MAX)
                      : ndr_string8(source->reader, source->arena, MAPI_STRING_MAX);
}

static void read_guid(const struct source *source, struct mapi_value *value)
{
    const uint8_t *bytes = read_bytes(source->reader, GUID_SIZE); /* FlatUID_r: bytes */
    if (bytes != NULL)
        value->binary =
            (struct mapi_binary){arena_copy(source->arena, bytes, GUID_SIZE), GUID_SIZE};
}

static void read_binary(const struct source *source, uint32_t count, struct mapi_value *value)
{
    const uint8_t *bytes =
        agree(source->reader, count, 1) ? read_bytes(source->reader, count) : NULL;
    if (bytes != NULL)
        value->binary = (struct mapi_binary){arena_copy(source->arena, bytes, count), count};
}

/* ---- multi-valued properties ---- */

/* The element as it stands in its array; what it points to comes behind the array. */
static void item_flat(
    const struct source *source, struct mapi_value *item, struct pointee *ret_pointee)
{
    struct reader *reader = source->reader;
    item->present = true;
    switch (item->type) {
    case MAPI_INTEGER16:
        item->number = (uint64_t)(int64_t)(int16_t)ndr_u16(reader);
        return;
    case MAPI_INTEGER32:
        item->number = (uint64_t)(int64_t)(int32_t)ndr_u32(reader);
        return;
    case MAPI_TIME: /* two DWORDs */
        item->number = ndr_u32(reader);
        item->number |= (uint64_t)ndr_u32(reader) << 32;
        return;
    case MAPI_BINARY:
        ret_pointee->count = ndr_u32(reader);
        break;
    }
    ret_pointee->present = ndr_pointer(reader);
    /* A binary without bytes may have no pointer. */
    item->present = ret_pointee->present || item->type == MAPI_BINARY;
}

static void item_deferred(
    const struct source *source, struct mapi_value *item, const struct pointee *pointee)
{
    if (!pointee->present)
        return;
    switch (item->type) {
    case MAPI_STRING8:
    case MAPI_STRING:
        read_text(source, item);
        break;
    case MAPI_GUID:
        read_guid(source, item);
        break;
    case MAPI_BINARY:
        read_binary(source, pointee->count, item);
        break;
    }
}

static void read_items(const struct source *source, uint32_t count, struct mapi_value *value)
{
    uint16_t type = value->type & (uint16_t)~MAPI_MULTIPLE;
    size_t element = type == MAPI_INTEGER16 ? 2 : 4;
    if (count > MAPI_ITEMS_MAX || !agree(source->reader, count, element) || count == 0) {
        source->reader->failed |= count > MAPI_ITEMS_MAX;
        return;
    }
    struct pointee *pointees = arena_alloc(source->arena, count * sizeof *pointees);
    value->items = arena_alloc(source->arena, count * sizeof *value->items);
    value->count = count;
    for (uint32_t i = 0; i < count && reader_ok(source->reader); i++) {
        value->items[i].tag = value->tag & ~(uint32_t)MAPI_MULTIPLE;
        value->items[i].type = type;
        item_flat(source, &value->items[i], &pointees[i]);
    }
    for (uint32_t i = 0; i < count && reader_ok(source->reader); i++)
        item_deferred(source, &value->items[i], &pointees[i]);
}

/* ---- one value: PropertyValue_r and PROP_VAL_UNION: [MS-NSPI] 2.3.1.12, 2.3.1.11 ---- */

static void value_flat(
    const struct source *source, struct mapi_value *value, struct pointee *ret_pointee)
{
    struct reader *reader = source->reader;
    value->tag = ndr_u32(reader);
    ndr_u32(reader); /* ulReserved */
    uint32_t arm = ndr_u32(reader);
    value->type = mapi_tag_type(value->tag);
    value->present = true;
    if (arm != value->type) /* switch_is */
        reader->failed = true;
    switch (value->type) {
    case MAPI_UNSPECIFIED:
    case MAPI_NULL:
    case MAPI_OBJECT:
        ndr_u32(reader); /* lReserved */
        break;
    case MAPI_INTEGER16:
        value->number = (uint64_t)(int64_t)(int16_t)ndr_u16(reader);
        break;
    case MAPI_INTEGER32:
        value->number = (uint64_t)(int64_t)(int32_t)ndr_u32(reader);
        break;
    case MAPI_BOOLEAN:
        value->number = ndr_u16(reader) != 0;
        break;
    case MAPI_ERROR_CODE:
        value->number = ndr_u32(reader);
        break;
    case MAPI_TIME:
        value->number = ndr_u32(reader);
        value->number |= (uint64_t)ndr_u32(reader) << 32;
        break;
    case MAPI_BINARY:
    case MAPI_MULTIPLE | MAPI_INTEGER16:
    case MAPI_MULTIPLE | MAPI_INTEGER32:
    case MAPI_MULTIPLE | MAPI_STRING8:
    case MAPI_MULTIPLE | MAPI_STRING:
    case MAPI_MULTIPLE | MAPI_TIME:
    case MAPI_MULTIPLE | MAPI_GUID:
    case MAPI_MULTIPLE | MAPI_BINARY:
        ret_pointee->count = ndr_u32(reader);
        ret_pointee->present = ndr_pointer(reader);
        break;
    case MAPI_STRING8:
    case MAPI_STRING:
    case MAPI_GUID:
        ret_pointee->present = ndr_pointer(reader);
        value->present = ret_pointee->present;
        break;
    default:
        reader->failed = true; /* not permitted: [MS-OXNSPI] 2.2.1.1 */
    }
}

static void value_deferred(
    const struct source *source, struct mapi_value *value, const struct pointee *pointee)
{
    if (!pointee->present)
        return;
    if ((value->type & MAPI_MULTIPLE) != 0) {
        read_items(source, pointee->count, value);
        return;
    }
    switch (value->type) {
    case MAPI_STRING8:
    case MAPI_STRING:
        read_text(source, value);
        break;
    case MAPI_GUID:
        read_guid(source, value);
        break;
    case MAPI_BINARY:
        read_binary(source, pointee->count, value);
        break;
    }
}

/* ---- rows: PropertyRow_r, 2.2.3; PropertyRowSet_r, 2.2.4 ---- */

static void row_flat(struct reader *reader, struct pointee *ret_pointee)
{
    ndr_u32(reader); /* Reserved */
    ret_pointee->count = ndr_u32(reader);
    ret_pointee->present = ndr_pointer(reader);
    if (ret_pointee->count > MAPI_VALUES_MAX || (ret_pointee->count > 0 && !ret_pointee->present))
        reader->failed = true;
}

static void row_deferred(
    const struct source *source, struct mapi_row *row, const struct pointee *pointee)
{
    uint32_t count = pointee->count;
    if (!pointee->present || !agree(source->reader, count, VALUE_SIZE) || count == 0)
        return;
    struct pointee *pointees = arena_alloc(source->arena, count * sizeof *pointees);
    row->values = arena_alloc(source->arena, count * sizeof *row->values);
    row->count = count;
    for (uint32_t i = 0; i < count && reader_ok(source->reader); i++)
        value_flat(source, &row->values[i], &pointees[i]);
    for (uint32_t i = 0; i < count && reader_ok(source->reader); i++)
        value_deferred(source, &row->values[i], &pointees[i]);
}

static void read_rows(const struct source *source, uint32_t count, struct mapi_rows *rows)
{
    struct pointee *pointees = arena_alloc(source->arena, (count + 1) * sizeof *pointees);
    rows->rows = arena_alloc(source->arena, (count + 1) * sizeof *rows->rows);
    rows->count = count;
    for (uint32_t i = 0; i < count && reader_ok(source->reader); i++)
        row_flat(source->reader, &pointees[i]);
    for (uint32_t i = 0; i < count && reader_ok(source->reader); i++)
        row_deferred(source, &rows->rows[i], &pointees[i]);
}

void nspi_ndr_row(struct reader *reader, struct arena *arena, struct mapi_rows *ret_rows)
{
    struct source source = {reader, arena};
    if (ndr_pointer(reader))
        read_rows(&source, 1, ret_rows);
}

void nspi_ndr_rows(struct reader *reader, struct arena *arena, struct mapi_rows *ret_rows)
{
    struct source source = {reader, arena};
    if (!ndr_pointer(reader))
        return;
    /* [C706] 14.3.7: the conformance of its last member stands before a structure. */
    uint32_t room = ndr_conformance(reader, MAPI_ROWS_MAX, ROW_SIZE);
    uint32_t count = ndr_u32(reader);
    if (count != room)
        reader->failed = true;
    if (reader_ok(reader))
        read_rows(&source, count, ret_rows);
}
