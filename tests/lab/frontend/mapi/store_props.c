/* The properties of folders and of a logon ([MS-OXCFOLD] 2.2.2, [MS-OXOSFLD] 2.2, [MS-OXCSTOR]
 * 2.2.2). */
#include "address_book.h"
#include "store.h"

#include <string.h>

/* The counter of a folder id, as its six bytes on the wire. */
static void put_counter(struct buf *buf, uint64_t id)
{
    for (unsigned i = 0; i < 6; i++)
        buf_u8(buf, (unsigned)(id >> (16 + 8 * i) & 0xff));
}

void long_term_id(const struct store *store, uint64_t id, struct buf *ret_bytes)
{
    buf_add(ret_bytes, store->replica_guid, GUID_SIZE);
    put_counter(ret_bytes, id);
    buf_zeros(ret_bytes, 2);
}

/* Folder EntryID ([MS-OXCDATA] 2.2.4.1). */
static void add_entry_id(const struct store *store, uint64_t id, uint32_t tag, struct row *row)
{
    static const unsigned char public_provider[GUID_SIZE] = {0x1a, 0x44, 0x73, 0x90, 0xaa, 0x66,
        0x11, 0xcd, 0x9b, 0xc8, 0x00, 0xaa, 0x00, 0x2f, 0xc4, 0x5a};
    enum { PRIVATE_FOLDER = 1, PUBLIC_FOLDER = 3 };
    struct prop *prop;

    if (id == 0) {
        row_add_error(row, tag, EC_NOT_FOUND);
        return;
    }
    prop = row_add(row, tag);
    buf_le32(&prop->data, 0);
    buf_add(&prop->data, store->public ? public_provider : store->mailbox_guid, GUID_SIZE);
    buf_le16(&prop->data, store->public ? PUBLIC_FOLDER : PRIVATE_FOLDER);
    long_term_id(store, id, &prop->data);
}

/* The root and the Inbox say where the special folders are. */
static const struct {
    uint32_t tag;
    const char *folder;
} special[] = {
    {0x36d00102, "calendar"},
    {0x36d10102, "contacts"},
    {0x36d20102, "journal"},
    {0x36d30102, "notes"},
    {0x36d40102, "tasks"},
    {0x36d70102, "drafts"},
};

static bool add_special(
    const struct store *store, const struct folder *folder, uint32_t tag, struct row *row)
{
    if (strcmp(folder->id, "root") != 0 && strcmp(folder->id, "inbox") != 0)
        return false;
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) {
        if (special[i].tag != tag)
            continue;
        add_entry_id(store, store_folder_id(special[i].folder), tag, row);
        return true;
    }
    return false;
}

static uint32_t folder_type(const struct folder *folder)
{
    enum { ROOT = 0, GENERIC = 1, SEARCH = 2 };

    if (folder->search)
        return SEARCH;
    return folder->parent == NULL ? ROOT : GENERIC;
}

static uint64_t parent_id(const struct folder *folder)
{
    return store_folder_id(folder->parent != NULL ? folder->parent : folder->id);
}

static bool add_text(const struct folder *folder, uint32_t tag, struct row *row)
{
    unsigned type = tag_type(tag);

    if (type != PT_STRING && type != PT_STRING8)
        return false;
    if (tag_id(tag) == 0x3001)
        row_add_text(row, tag, folder->name);
    else if (tag_id(tag) == 0x3613 && *folder->class != '\0')
        row_add_text(row, tag, folder->class);
    else
        return false;
    return true;
}

static void add_value(const struct store *store, const struct folder *folder, uint32_t depth,
    uint32_t tag, struct row *row)
{
    struct folder children[FOLDERS_MAX];

    switch (tag) {
    case 0x67480014: /* PidTagFolderId */
        row_add_number(row, tag, folder_id(folder->counter));
        return;
    case 0x67490014: /* PidTagParentFolderId */
        row_add_number(row, tag, parent_id(folder));
        return;
    case 0x0fff0102:
        add_entry_id(store, folder_id(folder->counter), tag, row);
        return;
    case 0x0e090102: /* PidTagParentEntryId */
        add_entry_id(store, parent_id(folder), tag, row);
        return;
    case 0x36020003: /* PidTagContentCount */
        row_add_number(row, tag, folder->items);
        return;
    case 0x36030003: /* PidTagContentUnreadCount */
    case 0x36170003: /* PidTagAssociatedContentCount */
        row_add_number(row, tag, 0);
        return;
    case 0x36010003: /* PidTagFolderType */
        row_add_number(row, tag, folder_type(folder));
        return;
    case 0x30050003: /* PidTagDepth */
        row_add_number(row, tag, depth);
        return;
    case 0x360a000b: /* PidTagSubfolders */
    case 0x66380003: /* PidTagFolderChildCount */
        row_add_number(row, tag, store_children(store, folder, false, children, FOLDERS_MAX));
        return;
    case 0x0e080003: /* PidTagMessageSize */
    case 0x0e080014:
        row_add_number(row, tag, folder->items * 4096);
        return;
    default:
        if (!add_text(folder, tag, row) && !add_special(store, folder, tag, row))
            row_add_error(row, tag, EC_NOT_FOUND);
        return;
    }
}

void folder_row(const struct store *store, const struct folder *folder, uint32_t depth,
    const struct tags *tags, struct row *ret_row)
{
    for (size_t i = 0; i < tags->count; i++)
        add_value(store, folder, depth, tags->tags[i], ret_row);
}

void store_row(const struct store *store, const struct tags *tags, struct row *ret_row)
{
    for (size_t i = 0; i < tags->count; i++) {
        uint32_t tag = tags->tags[i];
        unsigned type = tag_type(tag);
        bool text = type == PT_STRING || type == PT_STRING8;

        if (text && tag_id(tag) == 0x3001)
            row_add_text(ret_row, tag, store->public ? "Public Folders" : "Mailbox");
        else if (text && tag_id(tag) == 0x661c && !store->public) /* PidTagMailboxOwnerName */
            row_add_text(ret_row, tag, store->mailbox.display_name);
        else if (tag == 0x661b0102 && !store->public) /* PidTagMailboxOwnerEntryId */
            permanent_entry_id(&row_add(ret_row, tag)->data, 0, store->mailbox.legacy_dn);
        else
            row_add_error(ret_row, tag, EC_NOT_FOUND);
    }
}
