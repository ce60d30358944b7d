/* Property tags, values and rows ([MS-OXCDATA] 2.8, 2.11), and the three ways they are written: in
 * ROPs, in MAPI/HTTP's address book, and in NDR. */
#ifndef FRONTEND_MAPI_PROPS_H
#define FRONTEND_MAPI_PROPS_H

#include "ndr.h"

/* [MS-OXCDATA] 2.11.1: those that occur here. */
enum prop_type {
    PT_INTEGER16 = 0x0002,
    PT_INTEGER32 = 0x0003,
    PT_ERROR = 0x000a,
    PT_BOOLEAN = 0x000b,
    PT_TABLE = 0x000d,
    PT_INTEGER64 = 0x0014,
    PT_STRING8 = 0x001e,
    PT_STRING = 0x001f,
    PT_TIME = 0x0040,
    PT_GUID = 0x0048,
    PT_BINARY = 0x0102,
    PT_MULTIPLE = 0x1000
};

#define MAPI_E_NOT_FOUND 0x8004010fu

struct prop {
    uint32_t tag; /* as asked for; with type PT_ERROR it is `number` that says why */
    uint64_t number;
    struct buf data;   /* UTF-8, or bytes */
    struct buf *items; /* of a type with several values */
    size_t item_count;
};

struct row {
    struct prop *props;
    size_t count;
};

struct rows {
    struct row *rows;
    size_t count;
};

struct tags {
    uint32_t *tags;
    size_t count;
};

static inline unsigned tag_type(uint32_t tag)
{
    return tag & 0xffffu;
}

static inline unsigned tag_id(uint32_t tag)
{
    return tag >> 16;
}

void tags_add(struct tags *tags, uint32_t tag);
void tags_done(struct tags *tags);

/* A new property at the end of the row. */
struct prop *row_add(struct row *row, uint32_t tag);
struct prop *row_add_number(struct row *row, uint32_t tag, uint64_t number);
struct prop *row_add_text(struct row *row, uint32_t tag, const char *text);
struct prop *row_add_bytes(struct row *row, uint32_t tag, const void *data, size_t len);
/* There is no value: the tag's type becomes PT_ERROR. */
void row_add_error(struct row *row, uint32_t tag, uint32_t code);
void prop_add_item(struct prop *prop, const void *data, size_t len);
void row_done(struct row *row);
struct row *rows_add(struct rows *rows);
void rows_done(struct rows *rows);

/* PropertyRow (2.8.1): flagged if a value is missing. With `wide` lengths as AddressBookPropertyRow
 * ([MS-OXCMAPIHTTP] 2.2.1.7). The tags asked for are those of `tags`. */
void row_write(struct buf *buf, const struct row *row, const struct tags *tags, bool wide);
/* AddressBookPropertyValueList ([MS-OXCMAPIHTTP] 2.2.1.3). */
void row_write_list(struct buf *buf, const struct row *row);

/* PropertyTagArray_r, PropertyRow_r and PropertyRowSet_r ([MS-OXNSPI] 2.2.2, 2.2.3), from their
 * unique pointer on. */
bool ndr_read_tags(struct wire *wire, struct tags *ret_tags); /* false: a null pointer */
void ndr_put_tags(struct buf *buf, const struct tags *tags);
void ndr_put_row(struct buf *buf, const struct row *row);    /* NULL: a null pointer */
void ndr_put_rows(struct buf *buf, const struct rows *rows); /* NULL: a null pointer */

#endif
