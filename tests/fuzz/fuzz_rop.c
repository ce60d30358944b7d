#include "net/wire/rop.h"
#include "tests/fuzz/fuzz.h"

static const uint32_t folder_tags[] = {PID_TAG_DISPLAY_NAME, PID_TAG_CONTENT_COUNT,
    PID_TAG_CONTENT_UNREAD_COUNT, PID_TAG_IPM_CONTACT_ENTRY_ID};
static const uint32_t table_tags[] = {PID_TAG_FOLDER_ID, PID_TAG_DISPLAY_NAME,
    PID_TAG_CONTAINER_CLASS, PID_TAG_CONTENT_COUNT, PID_TAG_CONTENT_UNREAD_COUNT};

static void check_row(const struct mapi_row *row)
{
    struct rop_long_id id;
    for (uint32_t i = 0; i < row->count; i++)
        touch(row->values[i].text);
    rop_folder_entry(mapi_row_binary(row, PID_TAG_IPM_CONTACT_ENTRY_ID), &id);
}

static void check_folder(struct rop_reply *reply, struct arena *arena, struct fault *fault)
{
    struct rop_folder folder;
    struct mapi_row row;
    uint32_t result = 0;
    const struct mapi_columns columns = {folder_tags, 4};
    if (!rop_read_open_folder(reply, arena, &folder, fault))
        return;
    PROMISE(folder.ghosted || folder.server == NULL);
    touch(folder.server);
    if (rop_read_properties(reply, arena, &columns, &result, &row, fault)) {
        PROMISE(result != 0 || row.count == columns.count);
        check_row(&row);
    }
}

static void check_table(struct rop_reply *reply, struct arena *arena, struct fault *fault)
{
    struct mapi_rows rows;
    uint32_t result = 0;
    uint32_t count = 0;
    const struct mapi_columns columns = {table_tags, 5};
    if (!rop_read_hierarchy(reply, &result, &count, fault) ||
        !rop_read_set_columns(reply, &result, fault) ||
        !rop_read_rows(reply, arena, &columns, &result, &rows, fault))
        return;
    PROMISE(rows.count <= MAPI_ROWS_MAX);
    for (uint32_t i = 0; i < rows.count; i++)
        check_row(&rows.rows[i]);
    rop_find_folder(&rows, "IPF.Contact", "Contacts");
}

static void check_ids(struct rop_reply *reply, struct fault *fault)
{
    struct rop_long_id long_id;
    uint32_t result = 0;
    uint64_t id = 0;
    if (rop_read_long_term_id(reply, &result, &long_id, fault))
        rop_read_id_from_long_term(reply, &result, &id, fault);
}

static void check_logon(struct rop_reply *reply, struct fault *fault)
{
    struct rop_logon logon;
    if (!rop_read_logon(reply, &logon, fault))
        return;
    PROMISE(touch(logon.server) < ROP_SERVER_MAX);
    for (const char *c = logon.server; *c != '\0'; c++)
        PROMISE(*c >= 0x20 && *c <= 0x7e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct rop_reply reply;
    struct fault fault = {0};
    uint32_t handle = 0;
    if (size == 0 || !rop_reply_open(data + 1, size - 1, &reply, &fault))
        return 0;
    rop_reply_handle(&reply, data[0], &handle);
    switch (data[0] % 5) {
    case 0:
        check_logon(&reply, &fault);
        break;
    case 1:
        check_folder(&reply, &arena, &fault);
        break;
    case 2:
        check_table(&reply, &arena, &fault);
        break;
    case 3:
        check_ids(&reply, &fault);
        break;
    default:
        while (rop_read_set_columns(&reply, &handle, &fault))
            continue;
        break;
    }
    PROMISE(reply.stop == ROP_STOP_NONE || fault.cause != CAUSE_NONE);
    arena_done(&arena);
    return 0;
}
