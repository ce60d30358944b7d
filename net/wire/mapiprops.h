/*
 * The vocabulary that every MAPI codec shares: property types, tags with their names, typed values.
 *
 * [MS-OXCDATA] 2.11.1 (types), 2.11.2 (values), [MS-OXPROPS] (tags and names), [MS-OXCMAPIHTTP]
 * 2.2.1 (values of the address book). Pure. Values live in an arena; they view nothing of the
 * bytes they were read from. The encoding of [MS-OXNSPI] (NDR) is in net/wire/nspi.
 */
#ifndef NET_WIRE_MAPIPROPS_H
#define NET_WIRE_MAPIPROPS_H

#include "net/arena.h"
#include "net/fault.h"
#include "net/wire/reader.h"

/* [MS-OXCDATA] 2.11.1; a multi-valued type is the single one with MAPI_MULTIPLE. */
enum mapi_type {
    MAPI_UNSPECIFIED = 0x0000,
    MAPI_NULL = 0x0001,
    MAPI_INTEGER16 = 0x0002,
    MAPI_INTEGER32 = 0x0003,
    MAPI_FLOATING32 = 0x0004,
    MAPI_FLOATING64 = 0x0005,
    MAPI_CURRENCY = 0x0006,
    MAPI_FLOATING_TIME = 0x0007,
    MAPI_ERROR_CODE = 0x000a,
    MAPI_BOOLEAN = 0x000b,
    MAPI_OBJECT = 0x000d, /* in the address book: an embedded table */
    MAPI_INTEGER64 = 0x0014,
    MAPI_STRING8 = 0x001e,
    MAPI_STRING = 0x001f,
    MAPI_TIME = 0x0040,
    MAPI_GUID = 0x0048,
    MAPI_SERVER_ID = 0x00fb,
    MAPI_BINARY = 0x0102,
    MAPI_MULTIPLE = 0x1000,
};

/* Tags used by name in the code; mapi_tag_name() knows more. Strings are asked for as PtypString.
 */
enum mapi_tag {
    PID_TAG_INSTANCE_KEY = 0x0ff60102,
    PID_TAG_OBJECT_TYPE = 0x0ffe0003,
    PID_TAG_ENTRY_ID = 0x0fff0102,
    PID_TAG_DISPLAY_NAME = 0x3001001f,
    PID_TAG_ADDRESS_TYPE = 0x3002001f,
    PID_TAG_EMAIL_ADDRESS = 0x3003001f, /* in the address book: the legacy DN */
    PID_TAG_DEPTH = 0x30050003,
    PID_TAG_CONTAINER_FLAGS = 0x36000003,
    PID_TAG_CONTENT_COUNT = 0x36020003,
    PID_TAG_CONTENT_UNREAD_COUNT = 0x36030003,
    PID_TAG_SUBFOLDERS = 0x360a000b,
    PID_TAG_CONTAINER_CLASS = 0x3613001f,
    PID_TAG_DISPLAY_TYPE = 0x39000003,
    PID_TAG_SMTP_ADDRESS = 0x39fe001f,
    PID_TAG_ACCOUNT = 0x3a00001f,
    PID_TAG_FOLDER_ID = 0x67480014,
};

/* The rest: enumerators are ints in C17, and these do not fit. */
#define PID_TAG_HOME_MESSAGE_DATABASE UINT32_C(0x8006001f)
#define PID_TAG_PROXY_ADDRESSES       UINT32_C(0x800f101f)
#define PID_TAG_NETWORK_ADDRESS       UINT32_C(0x8170101f)
#define PID_TAG_OBJECT_GUID           UINT32_C(0x8c6d0102)
#define PID_TAG_IS_MASTER             UINT32_C(0xfffb000b)
#define PID_TAG_PARENT_ENTRY_ID       UINT32_C(0xfffc0102)
#define PID_TAG_CONTAINER_ID          UINT32_C(0xfffd0003)

enum {
    MAPI_ROWS_MAX = 1000,    /* rows of one answer */
    MAPI_VALUES_MAX = 256,   /* properties of one row */
    MAPI_ITEMS_MAX = 10000,  /* values of one multi-valued property */
    MAPI_STRING_MAX = 65536, /* bytes of one string as it comes, its NUL counted */
    MAPI_BINARY_MAX = 1 << 20,
};

struct mapi_binary {
    const uint8_t *bytes; /* NULL: none */
    size_t length;
};

/* One value. Which members count says `type`; all others are zero. */
struct mapi_value {
    uint32_t tag;  /* as it came: the type asked for, or PtypErrorCode */
    uint16_t type; /* of the value; MAPI_ERROR_CODE: `number` says why there is none */
    bool present;  /* false: no value and no error came */
    /* Integer16/32/64 and currency (two's complement in 64 bits), boolean 0 or 1, error code, time
     * (FILETIME), floating types (their bits). */
    uint64_t number;
    const char *text;          /* string: UTF-8; string8: as it came; a NUL within ends it */
    struct mapi_binary binary; /* binary, GUID (16 bytes), server id */
    struct mapi_value *items;  /* a multi-valued type: each of the single type, tag and all */
    uint32_t count;            /* of items */
};

struct mapi_row {
    struct mapi_value *values;
    uint32_t count;
};

struct mapi_rows {
    struct mapi_row *rows;
    uint32_t count;
};

static inline uint16_t mapi_tag_type(uint32_t tag)
{
    return (uint16_t)(tag & 0xffff);
}

static inline uint16_t mapi_tag_id(uint32_t tag)
{
    return (uint16_t)(tag >> 16);
}

/* "PidTagDisplayName", by the id alone; NULL: not in our table. */
const char *mapi_tag_name(uint32_t tag);
const char *mapi_type_name(uint16_t type); /* "PtypString"; NULL: unknown */

/* The value with this property id, whatever its type; NULL: none. An error value is found too. */
const struct mapi_value *mapi_row_find(const struct mapi_row *row, uint32_t tag);
/* Its text, number; NULL or false where it is not there, an error, or of another type. */
const char *mapi_row_text(const struct mapi_row *row, uint32_t tag);
bool mapi_row_number(const struct mapi_row *row, uint32_t tag, uint64_t *ret_number);
struct mapi_binary mapi_row_binary(const struct mapi_row *row, uint32_t tag);

/* Two encodings of one value ([MS-OXCDATA] 2.11.1.1, [MS-OXCMAPIHTTP] 2.2.1.1). */
enum mapi_form {
    MAPI_FORM_ROP,          /* byte counts of 16 bits */
    MAPI_FORM_ADDRESS_BOOK, /* byte counts of 32 bits; HasValue before what may be absent */
};

/* A value of the tag's type; PtypUnspecified: the type comes before the value. False (and the
 * reader failed): malformed, over a bound, or a type that has no encoding here (rules,
 * restrictions). */
bool mapi_value_read(struct reader *reader, struct arena *arena, uint32_t tag, enum mapi_form form,
    struct mapi_value *ret_value);
/* The same with its Flag: value, nothing or an error code. [MS-OXCDATA] 2.11.5 and 2.11.6,
 * [MS-OXCMAPIHTTP] 2.2.1.5 and 2.2.1.6. */
bool mapi_value_read_flagged(struct reader *reader, struct arena *arena, uint32_t tag,
    enum mapi_form form, struct mapi_value *ret_value);

struct mapi_columns {
    const uint32_t *tags;
    uint32_t count;
};

/* PropertyRow, [MS-OXCDATA] 2.8.1, and AddressBookPropertyRow, [MS-OXCMAPIHTTP] 2.2.1.7: one value
 * for each column, in order, standard or flagged. */
bool mapi_row_read(struct reader *reader, struct arena *arena, const struct mapi_columns *columns,
    enum mapi_form form, struct mapi_row *ret_row);

#endif
