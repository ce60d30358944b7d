#include <string.h>

#include "net/wire/rop.h"
#include "net/wire/text.h"

enum {
    ROPS_START = 2, /* behind RopSize */
    LOGON_PRIVATE = 0x01,
    OWNER_RIGHT = 0x02,
    SEND_AS_RIGHT = 0x04,
    OUT_OF_OFFICE = 0x10,
    WRONG_SERVER = 0x478, /* ecWrongServer */
    GHOST_SERVERS_MAX = 1000,
    ENTRY_ID_SIZE = 46,
    ENTRY_PRIVATE_FOLDER = 1,
    ENTRY_PUBLIC_FOLDER = 3,
};

static bool wrong(struct fault *fault, const char *what, uint8_t rop_id)
{
    return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0, "the store's answer %s (%s)", what,
        rop_name(rop_id));
}

/* ---- the buffer, 2.2.1: RopSize counts itself; the handle table follows ---- */

bool rop_reply_open(
    const void *payload, size_t length, struct rop_reply *ret_reply, struct fault *fault)
{
    struct reader reader = reader_of(payload, length);
    size_t size = read_le16(&reader);
    if (!reader_ok(&reader) || size < ROPS_START || size > length)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "the store's answer is no ROP buffer: %zu bytes, of which %zu should be ROPs", length,
            size);
    *ret_reply = (struct rop_reply){
        .rops = reader_part(&reader, ROPS_START, size - ROPS_START),
        .handles = reader_part(&reader, size, length - size),
    };
    return true;
}

bool rop_reply_handle(const struct rop_reply *reply, uint8_t index, uint32_t *ret_handle)
{
    struct reader handles = reply->handles;
    read_skip(&handles, (size_t)index * 4);
    uint32_t handle = read_le32(&handles);
    if (!reader_ok(&handles) || handle == ROP_NO_HANDLE)
        return false;
    *ret_handle = handle;
    return true;
}

/* ---- what may stand in the place of an answer ---- */

/* 2.2.15.2.1: for the whole logon, or for some calls; the longest wait counts. */
static bool backoff(struct rop_reply *reply, struct fault *fault)
{
    struct reader *rops = &reply->rops;
    read_skip(rops, 1); /* LogonId */
    uint32_t longest = read_le32(rops);
    uint8_t count = read_u8(rops);
    for (size_t i = 0; i < count; i++) {
        read_skip(rops, 1); /* RopIdBackoff */
        uint32_t duration = read_le32(rops);
        longest = duration > longest ? duration : longest;
    }
    read_skip(rops, read_le16(rops)); /* AdditionalData */
    if (!reader_ok(rops))
        return wrong(fault, "is cut short", ROP_ID_BACKOFF);
    reply->stop = ROP_STOP_BACKOFF;
    reply->backoff_ms = longest;
    return fault_set(fault, CAUSE_SERVER_BUSY, ORIGIN_EXREACH, 0,
        "the store asks us to come back in %.1f s", longest / 1000.0);
}

/* 2.2.15.1.1 */
static bool too_small(struct rop_reply *reply, struct fault *fault)
{
    uint16_t needed = read_le16(&reply->rops);
    if (!reader_ok(&reply->rops))
        return wrong(fault, "is cut short", ROP_ID_BUFFER_TOO_SMALL);
    reply->stop = ROP_STOP_TOO_SMALL;
    reply->size_needed = needed;
    return fault_set(fault, CAUSE_TOO_LARGE, ORIGIN_EXREACH, 0,
        "the store's answer needs %u bytes, more than we asked for", (unsigned)needed);
}

/* The next answer must be to this call. True: *ret_result is its ReturnValue, and what the call's
 * own section says follows. */
static bool begin(
    struct rop_reply *reply, enum rop_id expected, uint32_t *ret_result, struct fault *fault)
{
    uint8_t id = read_u8(&reply->rops);
    if (!reader_ok(&reply->rops))
        return wrong(fault, "has no answer to this call", (uint8_t)expected);
    if (id == ROP_ID_BACKOFF)
        return backoff(reply, fault);
    if (id == ROP_ID_BUFFER_TOO_SMALL)
        return too_small(reply, fault);
    if (id != expected)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "the store answered %s (0x%02x) where %s was asked", rop_name(id), id,
            rop_name((uint8_t)expected));
    read_skip(&reply->rops, 1); /* handle index */
    uint32_t result = read_le32(&reply->rops);
    if (!reader_ok(&reply->rops))
        return wrong(fault, "is cut short", (uint8_t)expected);
    *ret_result = result;
    return true;
}

static bool end(const struct rop_reply *reply, enum rop_id id, struct fault *fault)
{
    return reader_ok(&reply->rops) || wrong(fault, "is cut short", (uint8_t)id);
}

static void take(struct reader *reader, uint8_t *ret_bytes, size_t length)
{
    const uint8_t *bytes = read_bytes(reader, length);
    if (bytes != NULL)
        memcpy(ret_bytes, bytes, length);
}

/* ---- RopLogon, 2.2.3.1 ---- */

/* 2.2.3.1.4: the name's length counts its NUL; control characters are in no name. */
static void read_redirect(struct reader *rops, struct rop_logon *logon)
{
    read_skip(rops, 1); /* LogonFlags */
    size_t length = read_u8(rops);
    const uint8_t *name = read_bytes(rops, length);
    if (name == NULL)
        return;
    for (size_t i = 0; i < length && name[i] != 0; i++)
        logon->server[i] = (char)(name[i] < 0x20 || name[i] > 0x7e ? '?' : name[i]);
}

/* 2.2.3.1.2 */
static void read_mailbox(struct reader *rops, struct rop_logon *logon)
{
    uint8_t flags = read_u8(rops);
    logon->owner = (flags & OWNER_RIGHT) != 0;
    logon->send_as = (flags & SEND_AS_RIGHT) != 0;
    logon->out_of_office = (flags & OUT_OF_OFFICE) != 0;
    take(rops, logon->mailbox_guid, sizeof logon->mailbox_guid);
}

/* 2.2.3.1.2.1 */
static void read_times(struct reader *rops, struct rop_logon *logon)
{
    struct rop_time *time = &logon->logon_time;
    time->second = read_u8(rops);
    time->minute = read_u8(rops);
    time->hour = read_u8(rops);
    time->weekday = read_u8(rops);
    time->day = read_u8(rops);
    time->month = read_u8(rops);
    time->year = read_le16(rops);
    logon->gwart_time = read_le64(rops);
    logon->store_state = read_le32(rops);
}

static void read_success(struct reader *rops, struct rop_logon *logon)
{
    logon->is_private = (read_u8(rops) & LOGON_PRIVATE) != 0;
    for (size_t i = 0; i < ROP_FOLDER_COUNT; i++)
        logon->folders[i] = read_le64(rops);
    if (logon->is_private)
        read_mailbox(rops, logon);
    logon->replid = read_le16(rops);
    take(rops, logon->replguid, sizeof logon->replguid);
    if (logon->is_private)
        read_times(rops, logon);
    else
        read_skip(rops, ROP_GUID_SIZE); /* PerUserGuid, 2.2.3.1.3 */
}

bool rop_read_logon(struct rop_reply *reply, struct rop_logon *ret_logon, struct fault *fault)
{
    struct rop_logon logon = {0};
    if (!begin(reply, ROP_ID_LOGON, &logon.result, fault))
        return false;
    if (logon.result == WRONG_SERVER)
        read_redirect(&reply->rops, &logon);
    if (logon.result == 0)
        read_success(&reply->rops, &logon);
    if (!end(reply, ROP_ID_LOGON, fault))
        return false;
    *ret_logon = logon;
    return true;
}

/* ---- RopOpenFolder, 2.2.4.1.2 ---- */

/* A NUL-terminated name; NULL: none before the end. */
static const char *read_name(struct reader *rops, struct arena *arena)
{
    size_t left = reader_left(rops);
    const uint8_t *start = read_bytes(rops, 0);
    const uint8_t *nul = left == 0 || start == NULL ? NULL : memchr(start, 0, left);
    if (nul == NULL) {
        rops->failed = true;
        return NULL;
    }
    size_t length = (size_t)(nul - start);
    read_skip(rops, length + 1);
    return arena_strndup(arena, (const char *)start, length);
}

bool rop_read_open_folder(struct rop_reply *reply, struct arena *arena,
    struct rop_folder *ret_folder, struct fault *fault)
{
    struct rop_folder folder = {0};
    struct reader *rops = &reply->rops;
    if (!begin(reply, ROP_ID_OPEN_FOLDER, &folder.result, fault))
        return false;
    if (folder.result == 0) {
        folder.has_rules = read_u8(rops) != 0;
        folder.ghosted = read_u8(rops) != 0;
    }
    if (folder.ghosted) {
        uint16_t count = read_le16(rops);
        read_skip(rops, 2); /* CheapServerCount: how many of them cost the same */
        if (count > GHOST_SERVERS_MAX)
            return wrong(fault, "names too many servers", ROP_ID_OPEN_FOLDER);
        for (size_t i = 0; i < count && reader_ok(rops); i++) {
            const char *name = read_name(rops, arena);
            folder.server = i == 0 ? name : folder.server;
        }
    }
    if (!end(reply, ROP_ID_OPEN_FOLDER, fault))
        return false;
    *ret_folder = folder;
    return true;
}

/* ---- properties and tables ---- */

/* 2.2.8.3.2 */
bool rop_read_properties(struct rop_reply *reply, struct arena *arena,
    const struct mapi_columns *columns, uint32_t *ret_result, struct mapi_row *ret_row,
    struct fault *fault)
{
    uint32_t result = 0;
    struct mapi_row row = {0};
    if (!begin(reply, ROP_ID_GET_PROPERTIES_SPECIFIC, &result, fault))
        return false;
    if (result == 0 && !mapi_row_read(&reply->rops, arena, columns, MAPI_FORM_ROP, &row))
        return wrong(fault, "has a malformed row", ROP_ID_GET_PROPERTIES_SPECIFIC);
    *ret_result = result;
    *ret_row = row;
    return true;
}

/* 2.2.4.13.2 */
bool rop_read_hierarchy(
    struct rop_reply *reply, uint32_t *ret_result, uint32_t *ret_rows, struct fault *fault)
{
    uint32_t result = 0;
    if (!begin(reply, ROP_ID_GET_HIERARCHY_TABLE, &result, fault))
        return false;
    uint32_t rows = result == 0 ? read_le32(&reply->rops) : 0;
    if (!end(reply, ROP_ID_GET_HIERARCHY_TABLE, fault))
        return false;
    *ret_result = result;
    *ret_rows = rows;
    return true;
}

/* 2.2.5.1.2 */
bool rop_read_set_columns(struct rop_reply *reply, uint32_t *ret_result, struct fault *fault)
{
    uint32_t result = 0;
    if (!begin(reply, ROP_ID_SET_COLUMNS, &result, fault))
        return false;
    if (result == 0)
        read_skip(&reply->rops, 1); /* TableStatus */
    if (!end(reply, ROP_ID_SET_COLUMNS, fault))
        return false;
    *ret_result = result;
    return true;
}

/* 2.2.5.4.2 */
bool rop_read_rows(struct rop_reply *reply, struct arena *arena, const struct mapi_columns *columns,
    uint32_t *ret_result, struct mapi_rows *ret_rows, struct fault *fault)
{
    uint32_t result = 0;
    struct mapi_rows rows = {0};
    if (!begin(reply, ROP_ID_QUERY_ROWS, &result, fault))
        return false;
    if (result == 0) {
        read_skip(&reply->rops, 1); /* Origin */
        rows.count = read_le16(&reply->rops);
        /* A row has a flag byte at least. */
        if (rows.count > MAPI_ROWS_MAX || rows.count > reader_left(&reply->rops))
            return wrong(fault, "has more rows than fit", ROP_ID_QUERY_ROWS);
        rows.rows = arena_alloc(arena, (rows.count + 1) * sizeof *rows.rows);
    }
    for (uint32_t i = 0; i < rows.count; i++) {
        if (!mapi_row_read(&reply->rops, arena, columns, MAPI_FORM_ROP, &rows.rows[i]))
            return wrong(fault, "has a malformed row", ROP_ID_QUERY_ROWS);
    }
    if (!end(reply, ROP_ID_QUERY_ROWS, fault))
        return false;
    *ret_result = result;
    *ret_rows = rows;
    return true;
}

/* ---- ids ---- */

/* 2.2.3.8.2 */
bool rop_read_long_term_id(struct rop_reply *reply, uint32_t *ret_result,
    struct rop_long_id *ret_long_id, struct fault *fault)
{
    uint32_t result = 0;
    struct rop_long_id long_id = {0};
    if (!begin(reply, ROP_ID_LONG_TERM_ID_FROM_ID, &result, fault))
        return false;
    if (result == 0) {
        take(&reply->rops, long_id.guid, sizeof long_id.guid);
        take(&reply->rops, long_id.counter, sizeof long_id.counter);
        read_skip(&reply->rops, 2); /* Pad */
    }
    if (!end(reply, ROP_ID_LONG_TERM_ID_FROM_ID, fault))
        return false;
    *ret_result = result;
    *ret_long_id = long_id;
    return true;
}

/* 2.2.3.9.2 */
bool rop_read_id_from_long_term(
    struct rop_reply *reply, uint32_t *ret_result, uint64_t *ret_id, struct fault *fault)
{
    uint32_t result = 0;
    if (!begin(reply, ROP_ID_ID_FROM_LONG_TERM_ID, &result, fault))
        return false;
    uint64_t id = result == 0 ? read_le64(&reply->rops) : 0;
    if (!end(reply, ROP_ID_ID_FROM_LONG_TERM_ID, fault))
        return false;
    *ret_result = result;
    *ret_id = id;
    return true;
}

/* [MS-OXCDATA] 2.2.4.1 */
bool rop_folder_entry(struct mapi_binary entry_id, struct rop_long_id *ret_long_id)
{
    struct rop_long_id long_id = {0};
    struct reader reader = reader_of(entry_id.bytes, entry_id.length);
    if (entry_id.length != ENTRY_ID_SIZE)
        return false;
    read_skip(&reader, 4 + ROP_GUID_SIZE); /* Flags, ProviderUID */
    uint16_t type = read_le16(&reader);
    take(&reader, long_id.guid, sizeof long_id.guid);
    take(&reader, long_id.counter, sizeof long_id.counter);
    if (!reader_ok(&reader) || (type != ENTRY_PRIVATE_FOLDER && type != ENTRY_PUBLIC_FOLDER))
        return false;
    *ret_long_id = long_id;
    return true;
}

/* [MS-OXCDATA] 2.2.1.1: the replica id, then the counter as it is. */
bool rop_folder_id(
    const struct rop_logon *logon, const struct rop_long_id *long_id, uint64_t *ret_id)
{
    if (memcmp(logon->replguid, long_id->guid, sizeof long_id->guid) != 0)
        return false;
    uint64_t id = 0;
    for (size_t i = ROP_COUNTER_SIZE; i > 0; i--)
        id = id << 8 | long_id->counter[i - 1];
    *ret_id = id << 16 | logon->replid;
    return true;
}

static const struct mapi_row *find(const struct mapi_rows *rows, uint32_t tag, const char *wanted)
{
    for (uint32_t i = 0; wanted != NULL && i < rows->count; i++) {
        const char *text = mapi_row_text(&rows->rows[i], tag);
        if (text != NULL && text_equal_nocase(text, wanted))
            return &rows->rows[i];
    }
    return NULL;
}

const struct mapi_row *rop_find_folder(
    const struct mapi_rows *rows, const char *container_class, const char *display_name)
{
    const struct mapi_row *row = find(rows, PID_TAG_CONTAINER_CLASS, container_class);
    return row != NULL ? row : find(rows, PID_TAG_DISPLAY_NAME, display_name);
}
