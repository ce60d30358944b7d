#include "net/wire/rop.h"

#include <string.h>

enum {
    LOGON_PRIVATE = 0x01,
    OPEN_USE_ADMIN_PRIVILEGE = 0x00000001,
    OPEN_PUBLIC = 0x00000002,
    OPEN_HOME_LOGON = 0x00000004,
    OPEN_TAKE_OWNERSHIP = 0x00000008,
    OPEN_NO_MAIL = 0x00000400,
    OPEN_PER_MDB_REPLIDS = 0x01000000,
    TABLE_DEPTH = 0x04,
    TABLE_NO_NOTIFICATIONS = 0x10,
    TABLE_UNICODE = 0x40,
    DN_MAX = 1024,
};

/* ---- the buffer, 2.2.1 ---- */

void rop_begin(struct rop_batch *batch, struct writer *writer, uint8_t logon)
{
    *batch = (struct rop_batch){.writer = writer, .start = writer->length, .logon = logon};
    write_le16(writer, 0); /* RopSize, known late */
}

uint8_t rop_use(struct rop_batch *batch, uint32_t handle)
{
    if (batch->handle_count == ROP_HANDLES_MAX) {
        batch->failed = true;
        return 0;
    }
    batch->handles[batch->handle_count] = handle;
    return batch->handle_count++;
}

uint8_t rop_new(struct rop_batch *batch)
{
    return rop_use(batch, ROP_NO_HANDLE);
}

bool rop_end(struct rop_batch *batch)
{
    size_t size = batch->writer->length - batch->start;
    if (batch->failed || size > UINT16_MAX)
        return false;
    write_le16_at(batch->writer, batch->start, (uint16_t)size);
    for (size_t i = 0; i < batch->handle_count; i++)
        write_le32(batch->writer, batch->handles[i]);
    return writer_ok(batch->writer);
}

/* What every request begins with. */
static void put_head(struct rop_batch *batch, uint8_t rop_id, uint8_t index)
{
    write_u8(batch->writer, rop_id);
    write_u8(batch->writer, batch->logon);
    write_u8(batch->writer, index);
}

static void put_tags(struct rop_batch *batch, const struct mapi_columns *columns)
{
    if (columns->count > ROP_COLUMNS_MAX)
        batch->failed = true;
    write_le16(batch->writer, (uint16_t)columns->count);
    for (size_t i = 0; i < columns->count; i++)
        write_le32(batch->writer, columns->tags[i]);
}

/* [MS-OXCSTOR] 2.2.1.1.1. HOME_LOGON, TAKE_OWNERSHIP and NO_MAIL mean nothing from Exchange 2010
 * on and are what older servers expect: TAKE_OWNERSHIP asks for the rights that the caller has. A
 * delegate sends what an owner sends: the server looks at his rights, not at the flags. */
static uint32_t open_flags(enum rop_logon_kind kind)
{
    switch (kind) {
    case ROP_LOGON_OWN:
        return OPEN_PER_MDB_REPLIDS | OPEN_HOME_LOGON | OPEN_TAKE_OWNERSHIP | OPEN_NO_MAIL;
    case ROP_LOGON_OTHER:
        return OPEN_PER_MDB_REPLIDS | OPEN_TAKE_OWNERSHIP | OPEN_NO_MAIL;
    case ROP_LOGON_ADMIN:
        return OPEN_PER_MDB_REPLIDS | OPEN_TAKE_OWNERSHIP | OPEN_NO_MAIL | OPEN_USE_ADMIN_PRIVILEGE;
    case ROP_LOGON_PUBLIC:
        return OPEN_PUBLIC | OPEN_NO_MAIL;
    }
    return 0;
}

/* 2.2.3.1.1 */
void rop_put_logon(
    struct rop_batch *batch, uint8_t out, enum rop_logon_kind kind, const char *legacy_dn)
{
    bool public = kind == ROP_LOGON_PUBLIC;
    size_t size = public || legacy_dn == NULL ? 0 : strlen(legacy_dn) + 1;
    if (size > DN_MAX || (!public && size <= 1))
        batch->failed = true;
    put_head(batch, ROP_ID_LOGON, out);
    write_u8(batch->writer, public ? 0 : LOGON_PRIVATE);
    write_le32(batch->writer, open_flags(kind));
    write_le32(batch->writer, 0); /* StoreState */
    write_le16(batch->writer, (uint16_t)size);
    write_bytes(batch->writer, legacy_dn, size);
}

/* 2.2.4.1.1 */
void rop_put_open_folder(struct rop_batch *batch, uint8_t parent, uint8_t out, uint64_t folder_id)
{
    put_head(batch, ROP_ID_OPEN_FOLDER, parent);
    write_u8(batch->writer, out);
    write_le64(batch->writer, folder_id);
    write_u8(batch->writer, 0); /* OpenModeFlags: not the soft-deleted ones */
}

/* 2.2.8.3.1 */
void rop_put_get_properties(
    struct rop_batch *batch, uint8_t object, const struct mapi_columns *columns)
{
    put_head(batch, ROP_ID_GET_PROPERTIES_SPECIFIC, object);
    write_le16(batch->writer, 0); /* PropertySizeLimit: what fits the answer */
    write_le16(batch->writer, 1); /* WantUnicode */
    put_tags(batch, columns);
}

/* 2.2.4.13.1, [MS-OXCFOLD] 2.2.1.13.1. No notifications: nothing else than our answers comes. */
void rop_put_get_hierarchy(struct rop_batch *batch, uint8_t folder, uint8_t out, bool depth)
{
    unsigned flags = TABLE_NO_NOTIFICATIONS | TABLE_UNICODE | (depth ? TABLE_DEPTH : 0U);
    put_head(batch, ROP_ID_GET_HIERARCHY_TABLE, folder);
    write_u8(batch->writer, out);
    write_u8(batch->writer, (uint8_t)flags);
}

/* 2.2.5.1.1 */
void rop_put_set_columns(struct rop_batch *batch, uint8_t table, const struct mapi_columns *columns)
{
    put_head(batch, ROP_ID_SET_COLUMNS, table);
    write_u8(batch->writer, 0); /* SetColumnsFlags: not asynchronous */
    put_tags(batch, columns);
}

/* 2.2.5.4.1 */
void rop_put_query_rows(struct rop_batch *batch, uint8_t table, uint16_t count)
{
    put_head(batch, ROP_ID_QUERY_ROWS, table);
    write_u8(batch->writer, 0); /* QueryRowsFlags: advance */
    write_u8(batch->writer, 1); /* ForwardRead */
    write_le16(batch->writer, count);
}

/* 2.2.15.3.1 */
void rop_put_release(struct rop_batch *batch, uint8_t object)
{
    put_head(batch, ROP_ID_RELEASE, object);
}

/* 2.2.3.8.1 */
void rop_put_long_term_id(struct rop_batch *batch, uint8_t logon, uint64_t id)
{
    put_head(batch, ROP_ID_LONG_TERM_ID_FROM_ID, logon);
    write_le64(batch->writer, id);
}

/* 2.2.3.9.1 */
void rop_put_id_from_long_term(
    struct rop_batch *batch, uint8_t logon, const struct rop_long_id *long_id)
{
    put_head(batch, ROP_ID_ID_FROM_LONG_TERM_ID, logon);
    write_bytes(batch->writer, long_id->guid, sizeof long_id->guid);
    write_bytes(batch->writer, long_id->counter, sizeof long_id->counter);
    write_le16(batch->writer, 0); /* Pad */
}

const char *rop_name(uint8_t rop_id)
{
    switch (rop_id) {
#define X(symbol, id, name) \
    case id:                \
        return name;
        ROP_IDS(X)
#undef X
    default: /* a byte of the wire, no enum of ours */
        return "a ROP we do not know";
    }
}
