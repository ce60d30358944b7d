/* The operations: parameters in, results out. The sections are those of [MS-OXCROPS]. */
#include "rop.h"

#include "redirect.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LOGON_PRIVATE = 0x01, LOGON_FLAGS_KEPT = 0x07, TABLE_DEPTH = 0x04 };

static const struct store *store_of(const struct rop *rop)
{
    return &rop->object->store->store;
}

/* 2.2.3.1.2: seconds first, the year last. */
static void put_logon_time(struct buf *out)
{
    time_t now = time(NULL);
    struct tm utc;

    gmtime_r(&now, &utc);
    buf_u8(out, (unsigned)utc.tm_sec);
    buf_u8(out, (unsigned)utc.tm_min);
    buf_u8(out, (unsigned)utc.tm_hour);
    buf_u8(out, (unsigned)utc.tm_wday);
    buf_u8(out, (unsigned)utc.tm_mday);
    buf_u8(out, (unsigned)utc.tm_mon + 1);
    buf_le16(out, (unsigned)utc.tm_year + 1900);
}

static void put_logon(struct buf *out, const struct store *store, unsigned flags)
{
    enum { RESERVED = 1, OWNER_RIGHT = 2, SEND_AS_RIGHT = 4 };
    uint64_t ids[LOGON_FOLDERS];

    buf_u8(out, flags & LOGON_FLAGS_KEPT);
    store_logon_folders(store, ids);
    for (size_t i = 0; i < LOGON_FOLDERS; i++)
        buf_le64(out, ids[i]);
    if (!store->public) {
        buf_u8(out, RESERVED | OWNER_RIGHT | (store->own ? SEND_AS_RIGHT : 0u));
        buf_add(out, store->mailbox_guid, GUID_SIZE);
    }
    buf_le16(out, 1); /* ReplId */
    buf_add(out, store->replica_guid, GUID_SIZE);
    if (store->public) {
        buf_zeros(out, GUID_SIZE); /* PerUserGuid: not used */
        return;
    }
    put_logon_time(out);
    buf_le64(out, 0); /* GwartTime */
    buf_le32(out, 0); /* StoreState */
}

/* 2.2.3.1. What ecWrongServer is answered with is in `ret_failure`. */
uint32_t rop_logon(struct rop *rop, struct buf *ret_failure)
{
    struct session *session = rop->session;
    unsigned flags = wire_u8(rop->in);
    struct store store = {0};
    struct buf dn = {0};
    const unsigned char *bytes;
    size_t size;
    uint32_t code;

    wire_u32(rop->in); /* OpenFlags */
    wire_u32(rop->in); /* StoreState */
    size = wire_u16(rop->in);
    bytes = wire_bytes(rop->in, size);
    if (bytes == NULL)
        return EC_RPC_FORMAT;
    buf_add(&dn, bytes, size);
    if ((flags & LOGON_PRIVATE) != 0)
        code = store_open(session->config, session->node, &session->account, buf_text(&dn), &store);
    else
        code = store_open_public(session->config, &session->account, &store);
    buf_done(&dn);
    if (code == EC_NONE) {
        code = redirect_check(session, &store);
        rop->made = code == EC_NONE ? object_new(session, NULL, OBJECT_LOGON) : NULL;
        if (rop->made == NULL)
            store_close(&store);
    }
    if (code == EC_WRONG_SERVER)
        redirect_answer(session, flags & LOGON_FLAGS_KEPT, ret_failure);
    if (rop->made == NULL)
        return code != EC_NONE ? code : EC_ERROR;
    rop->made->store = xcalloc(1, sizeof *rop->made->store);
    rop->made->store->store = store;
    rop->made->store->users = 1;
    put_logon(rop->out, &store, flags);
    return EC_NONE;
}

/* 2.2.4.1 */
uint32_t rop_open_folder(struct rop *rop)
{
    uint64_t id = wire_u64(rop->in);
    struct folder folder;

    wire_u8(rop->in); /* OpenModeFlags */
    if (rop->object == NULL)
        return EC_NULL_OBJECT;
    if (!store_folder(store_of(rop), id, &folder))
        return EC_NOT_FOUND;
    rop->made = object_new(rop->session, rop->object, OBJECT_FOLDER);
    if (rop->made == NULL)
        return EC_ERROR;
    rop->made->folder = folder;
    buf_u8(rop->out, 0); /* HasRules */
    buf_u8(rop->out, 0); /* IsGhosted */
    return EC_NONE;
}

static size_t children_of(const struct object *table, struct folder *ret_folders)
{
    return store_children(
        &table->store->store, &table->folder, table->deep, ret_folders, FOLDERS_MAX);
}

static uint32_t make_table(struct rop *rop, enum object_type type)
{
    unsigned flags = wire_u8(rop->in);

    if (rop->object == NULL)
        return EC_NULL_OBJECT;
    if (rop->object->type != OBJECT_FOLDER)
        return EC_NOT_SUPPORTED;
    rop->made = object_new(rop->session, rop->object, type);
    if (rop->made == NULL)
        return EC_ERROR;
    rop->made->folder = rop->object->folder;
    rop->made->deep = (flags & TABLE_DEPTH) != 0;
    return EC_NONE;
}

/* 2.2.4.13 */
uint32_t rop_get_hierarchy_table(struct rop *rop)
{
    struct folder children[FOLDERS_MAX];
    uint32_t code = make_table(rop, OBJECT_HIERARCHY);

    if (code == EC_NONE)
        buf_le32(rop->out, (unsigned long)children_of(rop->made, children));
    return code;
}

/* 2.2.4.14: only the count; the rows of messages are not shown. */
uint32_t rop_get_contents_table(struct rop *rop)
{
    uint32_t code = make_table(rop, OBJECT_CONTENTS);

    if (code == EC_NONE)
        buf_le32(rop->out, (unsigned long)rop->made->folder.items);
    return code;
}

static void read_tags(struct wire *wire, struct tags *ret_tags)
{
    size_t count = wire_u16(wire);

    for (size_t i = 0; i < count && !wire->bad; i++)
        tags_add(ret_tags, wire_u32(wire));
}

/* 2.2.8.3 */
uint32_t rop_get_properties(struct rop *rop)
{
    struct tags tags = {0};
    struct row row = {0};
    uint32_t code = EC_NONE;

    wire_u16(rop->in); /* PropertySizeLimit */
    wire_u16(rop->in); /* WantUnicode */
    read_tags(rop->in, &tags);
    if (rop->object == NULL)
        code = EC_NULL_OBJECT;
    else if (rop->object->type == OBJECT_LOGON)
        store_row(store_of(rop), &tags, &row);
    else if (rop->object->type == OBJECT_FOLDER)
        folder_row(store_of(rop), &rop->object->folder, 0, &tags, &row);
    else
        code = EC_NOT_SUPPORTED;
    if (code == EC_NONE)
        row_write(rop->out, &row, &tags, false);
    row_done(&row);
    tags_done(&tags);
    return code;
}

static bool is_table(const struct rop *rop)
{
    return rop->object != NULL &&
           (rop->object->type == OBJECT_HIERARCHY || rop->object->type == OBJECT_CONTENTS);
}

/* 2.2.5.1 */
uint32_t rop_set_columns(struct rop *rop)
{
    struct tags tags = {0};

    wire_u8(rop->in); /* SetColumnsFlags */
    read_tags(rop->in, &tags);
    if (!is_table(rop)) {
        tags_done(&tags);
        return rop->object == NULL ? EC_NULL_OBJECT : EC_NOT_SUPPORTED;
    }
    tags_done(&rop->object->tags);
    rop->object->tags = tags;
    buf_u8(rop->out, 0); /* TableStatus: complete */
    return EC_NONE;
}

static uint32_t depth_below(const struct folder *top, const struct folder *folders, size_t count,
    const struct folder *folder)
{
    uint32_t depth = 1;
    const char *parent = folder->parent;

    while (parent != NULL && strcmp(parent, top->id) != 0 && depth < count) {
        size_t i = 0;

        while (i < count && strcmp(folders[i].id, parent) != 0)
            i++;
        parent = i < count ? folders[i].parent : NULL;
        depth++;
    }
    return depth;
}

static size_t put_rows(struct rop *rop, struct buf *rows, size_t wanted, bool advance)
{
    struct object *table = rop->object;
    struct folder folders[FOLDERS_MAX];
    size_t count = table->type == OBJECT_HIERARCHY ? children_of(table, folders) : 0;
    size_t sent = 0;

    for (size_t i = table->position; i < count && sent < wanted; i++, sent++) {
        uint32_t depth = depth_below(&table->folder, folders, count, &folders[i]);
        struct row row = {0};

        folder_row(store_of(rop), &folders[i], depth, &table->tags, &row);
        row_write(rows, &row, &table->tags, false);
        row_done(&row);
    }
    if (advance)
        table->position += sent;
    return sent;
}

/* 2.2.5.4 */
uint32_t rop_query_rows(struct rop *rop)
{
    enum { NO_ADVANCE = 1, BOOKMARK_BEGINNING = 0, BOOKMARK_CURRENT = 1, BOOKMARK_END = 2 };
    unsigned flags = wire_u8(rop->in);
    struct buf rows = {0};
    size_t wanted;
    size_t sent;

    wire_u8(rop->in); /* ForwardRead */
    wanted = wire_u16(rop->in);
    if (!is_table(rop))
        return rop->object == NULL ? EC_NULL_OBJECT : EC_NOT_SUPPORTED;
    if (rop->object->tags.count == 0)
        return EC_NULL_OBJECT;
    sent = put_rows(rop, &rows, wanted, (flags & NO_ADVANCE) == 0);
    buf_u8(rop->out, sent < wanted ? BOOKMARK_END : BOOKMARK_CURRENT);
    buf_le16(rop->out, (unsigned)sent);
    buf_add(rop->out, buf_text(&rows), rows.len);
    buf_done(&rows);
    return EC_NONE;
}

/* 2.2.3.2 */
uint32_t rop_get_receive_folder(struct rop *rop)
{
    struct buf class = {0};

    wire_text8(rop->in, &class);
    buf_done(&class);
    if (rop->object == NULL)
        return EC_NULL_OBJECT;
    if (store_of(rop)->public)
        return EC_NOT_SUPPORTED;
    buf_le64(rop->out, store_folder_id("inbox"));
    buf_u8(rop->out, 0); /* ExplicitMessageClass: the default for all */
    return EC_NONE;
}

/* 2.2.3.8 */
uint32_t rop_long_term_id(struct rop *rop)
{
    enum { REPLICA = 1 };
    uint64_t id = wire_u64(rop->in);

    if (rop->object == NULL)
        return EC_NULL_OBJECT;
    if ((id & 0xffff) != REPLICA)
        return EC_NOT_FOUND;
    long_term_id(store_of(rop), id, rop->out);
    return EC_NONE;
}

/* 2.2.3.9 */
uint32_t rop_id_from_long_term_id(struct rop *rop)
{
    const unsigned char *guid = wire_bytes(rop->in, GUID_SIZE);
    uint64_t rest = wire_u64(rop->in);

    if (rop->object == NULL || guid == NULL)
        return EC_NULL_OBJECT;
    if (memcmp(guid, store_of(rop)->replica_guid, GUID_SIZE) != 0)
        return EC_NOT_FOUND;
    buf_le64(rop->out, rest << 16 | 1);
    return EC_NONE;
}
