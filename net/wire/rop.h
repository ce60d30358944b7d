/*
 * Remote operations: what we ask the store, and its answers. Reading only: nothing here can change
 * a mailbox.
 *
 * [MS-OXCROPS] 2.2.1 (buffers), 2.2.3.1 RopLogon, 2.2.3.8/9 RopLongTermIdFromId and
 * RopIdFromLongTermId, 2.2.4.1 RopOpenFolder, 2.2.4.13 RopGetHierarchyTable, 2.2.5.1 RopSetColumns,
 * 2.2.5.4 RopQueryRows, 2.2.8.3 RopGetPropertiesSpecific, 2.2.15 RopBufferTooSmall, RopBackoff,
 * RopRelease; [MS-OXCSTOR] 2.2.1.1 (flags, folders); [MS-OXCFOLD] 2.2.1; [MS-OXCTABL] 2.2.2;
 * [MS-OXCDATA] 2.2.1 (folder ids, long-term ids), 2.2.4.1 (folder entry ids); [MS-OXOSFLD] 2.2.3
 * (where the Inbox names Contacts and Calendar). Pure.
 *
 * A batch is written call by call and read answer by answer in the same order. A read returns false
 * only where the bytes are malformed or the server did not answer the call (RopBackoff,
 * RopBufferTooSmall); a call that the server refused is a good answer with a `result`.
 */
#ifndef NET_WIRE_ROP_H
#define NET_WIRE_ROP_H

#include "net/arena.h"
#include "net/fault.h"
#include "net/wire/mapiprops.h"
#include "net/wire/reader.h"

enum {
    ROP_HANDLES_MAX = 32, /* server objects in one batch */
    ROP_FOLDER_COUNT = 13,
    ROP_GUID_SIZE = 16,
    ROP_COUNTER_SIZE = 6,
    ROP_SERVER_MAX = 256, /* a redirection's name has a length of one byte */
    ROP_COLUMNS_MAX = 64,
};

#define ROP_NO_HANDLE UINT32_C(0xffffffff)

/* The RopIds that we write or may meet: [MS-OXCROPS] 2.2.2. X(symbol, id, name) */
#define ROP_IDS(X)                                               \
    X(RELEASE, 0x01, "RopRelease")                               \
    X(OPEN_FOLDER, 0x02, "RopOpenFolder")                        \
    X(GET_HIERARCHY_TABLE, 0x04, "RopGetHierarchyTable")         \
    X(GET_PROPERTIES_SPECIFIC, 0x07, "RopGetPropertiesSpecific") \
    X(SET_COLUMNS, 0x12, "RopSetColumns")                        \
    X(QUERY_ROWS, 0x15, "RopQueryRows")                          \
    X(NOTIFY, 0x2a, "RopNotify")                                 \
    X(LONG_TERM_ID_FROM_ID, 0x43, "RopLongTermIdFromId")         \
    X(ID_FROM_LONG_TERM_ID, 0x44, "RopIdFromLongTermId")         \
    X(PENDING, 0x6e, "RopPending")                               \
    X(BACKOFF, 0xf9, "RopBackoff")                               \
    X(LOGON, 0xfe, "RopLogon")                                   \
    X(BUFFER_TOO_SMALL, 0xff, "RopBufferTooSmall")

enum rop_id {
#define X(symbol, id, name) ROP_ID_##symbol = (id),
    ROP_IDS(X)
#undef X
};

/* Properties of folders; the ones of mapiprops.h apart. [MS-OXPROPS] */
enum {
    PID_TAG_FOLDER_TYPE = 0x36010003,
    PID_TAG_IPM_APPOINTMENT_ENTRY_ID = 0x36d00102,
    PID_TAG_IPM_CONTACT_ENTRY_ID = 0x36d10102,
    PID_TAG_FOLDER_CHILD_COUNT = 0x66380003,
};

/* FolderIds of RopLogon: [MS-OXCSTOR] 2.2.1.1.3, a mailbox, … */
enum rop_mailbox_folder {
    ROP_MAILBOX_ROOT,
    ROP_MAILBOX_DEFERRED_ACTION,
    ROP_MAILBOX_SPOOLER_QUEUE,
    ROP_MAILBOX_IPM_SUBTREE,
    ROP_MAILBOX_INBOX,
    ROP_MAILBOX_OUTBOX,
    ROP_MAILBOX_SENT_ITEMS,
    ROP_MAILBOX_DELETED_ITEMS,
    ROP_MAILBOX_COMMON_VIEWS,
    ROP_MAILBOX_SCHEDULE,
    ROP_MAILBOX_SEARCH, /* the voice-mail search folder is below it */
    ROP_MAILBOX_VIEWS,
    ROP_MAILBOX_SHORTCUTS,
};

/* … and 2.2.1.1.4, public folders; the rest is empty. */
enum rop_public_folder {
    ROP_PUBLIC_ROOT,
    ROP_PUBLIC_IPM_SUBTREE,
    ROP_PUBLIC_NON_IPM_SUBTREE,
    ROP_PUBLIC_EFORMS_REGISTRY,
    ROP_PUBLIC_FREE_BUSY,
    ROP_PUBLIC_OFFLINE_ADDRESS_BOOK,
};

/* ---- requests ---- */

/* Handles by index: the batch's own table. */
struct rop_batch {
    struct writer *writer; /* of the payload, that is, without RPC_HEADER_EXT */
    size_t start;
    uint8_t logon; /* LogonId of every call */
    uint8_t handle_count;
    uint32_t handles[ROP_HANDLES_MAX];
    bool failed;
};

void rop_begin(struct rop_batch *batch, struct writer *writer, uint8_t logon);
uint8_t rop_use(struct rop_batch *batch, uint32_t handle); /* an object opened before: its index */
uint8_t rop_new(struct rop_batch *batch);                  /* the index of one to be opened */
/* False: too large, too many handles, a text too long, or no room. */
bool rop_end(struct rop_batch *batch);

enum rop_logon_kind {
    ROP_LOGON_OWN,   /* the caller's mailbox, by its legacy DN */
    ROP_LOGON_OTHER, /* another's, as a delegate or with full access: the same flags, its DN */
    ROP_LOGON_ADMIN, /* another's, with administrative rights on the store */
    ROP_LOGON_PUBLIC /* public folders; the DN is not used and may be NULL */
};
/* The logon itself is what `out` becomes. */
void rop_put_logon(
    struct rop_batch *batch, uint8_t out, enum rop_logon_kind kind, const char *legacy_dn);
void rop_put_open_folder(struct rop_batch *batch, uint8_t parent, uint8_t out, uint64_t folder_id);
void rop_put_get_properties(
    struct rop_batch *batch, uint8_t object, const struct mapi_columns *columns);
/* depth: all levels below, not the children alone. */
void rop_put_get_hierarchy(struct rop_batch *batch, uint8_t folder, uint8_t out, bool depth);
void rop_put_set_columns(
    struct rop_batch *batch, uint8_t table, const struct mapi_columns *columns);
void rop_put_query_rows(struct rop_batch *batch, uint8_t table, uint16_t count);
void rop_put_release(struct rop_batch *batch, uint8_t object); /* has no answer */

/* [MS-OXCDATA] 2.2.1.3.1; the pad is not kept. */
struct rop_long_id {
    uint8_t guid[ROP_GUID_SIZE];
    uint8_t counter[ROP_COUNTER_SIZE];
};
void rop_put_long_term_id(struct rop_batch *batch, uint8_t logon, uint64_t id);
void rop_put_id_from_long_term(
    struct rop_batch *batch, uint8_t logon, const struct rop_long_id *long_id);

/* ---- answers ---- */

enum rop_stop {
    ROP_STOP_NONE,
    ROP_STOP_TOO_SMALL, /* the rest was not carried out: ask again, with more room */
    ROP_STOP_BACKOFF,   /* the server wants us to wait */
};

struct rop_reply {
    struct reader rops;
    struct reader handles;
    enum rop_stop stop;
    uint32_t size_needed; /* ROP_STOP_TOO_SMALL */
    uint32_t backoff_ms;  /* ROP_STOP_BACKOFF */
};

/* `payload` must outlive the reply. */
bool rop_reply_open(
    const void *payload, size_t length, struct rop_reply *ret_reply, struct fault *fault);
/* False: the server returned no handle at this index. */
bool rop_reply_handle(const struct rop_reply *reply, uint8_t index, uint32_t *ret_handle);

/* [MS-OXCROPS] 2.2.3.1.2.1, UTC */
struct rop_time {
    uint8_t second, minute, hour, weekday, day, month;
    uint16_t year;
};

struct rop_logon {
    uint32_t result;
    char server[ROP_SERVER_MAX]; /* ecWrongServer: the right one's legacy DN; else "" */
    bool is_private;
    uint64_t folders[ROP_FOLDER_COUNT]; /* by rop_mailbox_folder or rop_public_folder */
    bool owner, send_as, out_of_office; /* of a mailbox, as the four below it */
    uint8_t mailbox_guid[ROP_GUID_SIZE];
    struct rop_time logon_time;
    uint64_t gwart_time;
    uint32_t store_state;
    uint16_t replid;
    uint8_t replguid[ROP_GUID_SIZE];
};
bool rop_read_logon(struct rop_reply *reply, struct rop_logon *ret_logon, struct fault *fault);

struct rop_folder {
    uint32_t result;
    bool has_rules;
    bool ghosted;       /* a public folder without a copy here … */
    const char *server; /* … and the first server that has one; NULL: none */
};
bool rop_read_open_folder(struct rop_reply *reply, struct arena *arena,
    struct rop_folder *ret_folder, struct fault *fault);

/* The columns of the request. ret_row is empty where the result is not 0. */
bool rop_read_properties(struct rop_reply *reply, struct arena *arena,
    const struct mapi_columns *columns, uint32_t *ret_result, struct mapi_row *ret_row,
    struct fault *fault);
bool rop_read_hierarchy(
    struct rop_reply *reply, uint32_t *ret_result, uint32_t *ret_rows, struct fault *fault);
bool rop_read_set_columns(struct rop_reply *reply, uint32_t *ret_result, struct fault *fault);
bool rop_read_rows(struct rop_reply *reply, struct arena *arena, const struct mapi_columns *columns,
    uint32_t *ret_result, struct mapi_rows *ret_rows, struct fault *fault);
bool rop_read_long_term_id(struct rop_reply *reply, uint32_t *ret_result,
    struct rop_long_id *ret_long_id, struct fault *fault);
bool rop_read_id_from_long_term(
    struct rop_reply *reply, uint32_t *ret_result, uint64_t *ret_id, struct fault *fault);

const char *rop_name(uint8_t rop_id); /* "RopLogon"; "a ROP we do not know" */

/* ---- folder ids ---- */

/* A folder EntryID of 46 bytes: false: another kind of entry id. */
bool rop_folder_entry(struct mapi_binary entry_id, struct rop_long_id *ret_long_id);
/* Without asking the server, where the GUID is that of the logon's own replica id. */
bool rop_folder_id(
    const struct rop_logon *logon, const struct rop_long_id *long_id, uint64_t *ret_id);
/* The row of a hierarchy table whose PidTagContainerClass is this one, else whose
 * PidTagDisplayName is; both without regard to case, either may be NULL. NULL: none. */
const struct mapi_row *rop_find_folder(
    const struct mapi_rows *rows, const char *container_class, const char *display_name);

#endif
