#include "store.h"

#include "../ews.h"
#include "address_book.h"
#include "back_end.h"
#include "mapi_faults.h"

#include <string.h>
#include <strings.h>

/* What EWS does not show: folders a logon names, and the top of the public ones. */
static const struct folder hidden[] = {
    {1, "deferredaction", "root", "Deferred Action", "", 0, false, false},
    {2, "spoolerqueue", "root", "Spooler Queue", "", 0, false, false},
    {3, "commonviews", "root", "Common Views", "", 0, false, false},
    {4, "schedule", "root", "Schedule", "", 0, false, false},
    {5, "views", "root", "Views", "", 0, false, false},
    {6, "shortcuts", "root", "Shortcuts", "", 0, false, false},
    {7, "publicroot", NULL, "Public Root", "", 0, false, true},
    {8, "nonipmsubtree", "publicroot", "NON_IPM_SUBTREE", "", 0, false, true},
    {9, "eformsregistry", "nonipmsubtree", "EFORMS REGISTRY", "", 0, false, true},
};

enum { HIDDEN_COUNT = sizeof hidden / sizeof hidden[0], EWS_FROM = 0x100 };

static struct folder from_ews(const struct ews_folder *ews, size_t index)
{
    return (struct folder){
        .counter = EWS_FROM + index,
        .id = ews->id,
        .parent = strcmp(ews->id, "publicfoldersroot") == 0 ? "publicroot" : ews->parent,
        .name = ews->name,
        .class = ews->class,
        .items = ews_item_count(ews),
        .search = strcmp(ews->element, "SearchFolder") == 0,
        .public = ews->public,
    };
}

/* False after the last one. */
static bool folder_at(size_t index, struct folder *ret_folder)
{
    const struct ews_folder *ews;

    if (index < HIDDEN_COUNT) {
        *ret_folder = hidden[index];
        return true;
    }
    ews = ews_folder_at(index - HIDDEN_COUNT);
    if (ews == NULL)
        return false;
    *ret_folder = from_ews(ews, index - HIDDEN_COUNT);
    return true;
}

static bool by_name(const char *id, struct folder *ret_folder)
{
    for (size_t i = 0; folder_at(i, ret_folder); i++)
        if (strcmp(ret_folder->id, id) == 0)
            return true;
    return false;
}

/* Replica 1, and six bytes of counter, big-endian. */
uint64_t folder_id(uint64_t counter)
{
    uint64_t id = 1;

    for (unsigned i = 0; i < 6; i++)
        id |= (counter >> (8 * (5 - i)) & 0xff) << (16 + 8 * i);
    return id;
}

uint64_t store_folder_id(const char *name)
{
    struct folder folder;

    return by_name(name, &folder) ? folder_id(folder.counter) : 0;
}

/* [MS-OXCSTOR] 2.2.1.1.3 and 2.2.1.1.4 */
void store_logon_folders(const struct store *store, uint64_t ret_ids[LOGON_FOLDERS])
{
    static const char *const private_ones[LOGON_FOLDERS] = {"root", "deferredaction",
        "spoolerqueue", "msgfolderroot", "inbox", "outbox", "sentitems", "deleteditems",
        "commonviews", "schedule", "searchfolders", "views", "shortcuts"};
    static const char *const public_ones[LOGON_FOLDERS] = {
        "publicroot", "publicfoldersroot", "nonipmsubtree", "eformsregistry"};

    for (size_t i = 0; i < LOGON_FOLDERS; i++) {
        const char *name = store->public ? public_ones[i] : private_ones[i];

        ret_ids[i] = name != NULL ? store_folder_id(name) : 0;
    }
}

bool store_folder(const struct store *store, uint64_t id, struct folder *ret_folder)
{
    for (size_t i = 0; folder_at(i, ret_folder); i++)
        if (folder_id(ret_folder->counter) == id)
            return ret_folder->public == store->public;
    return false;
}

static bool is_below(const struct folder *folder, const char *top, bool deep)
{
    struct folder at = *folder;

    while (at.parent != NULL) {
        if (strcmp(at.parent, top) == 0)
            return true;
        if (!deep || !by_name(at.parent, &at))
            return false;
    }
    return false;
}

size_t store_children(const struct store *store, const struct folder *folder, bool deep,
    struct folder *ret_folders, size_t max)
{
    struct folder child;
    size_t count = 0;

    for (size_t i = 0; count < max && folder_at(i, &child); i++)
        if (child.public == store->public && is_below(&child, folder->id, deep))
            ret_folders[count++] = child;
    return count;
}

static void set_guids(struct store *store)
{
    static const unsigned char database[GUID_SIZE] = {0x5d, 0x4f, 0x0e, 0x61, 0x37, 0x0b, 0x4e,
        0x43, 0x9c, 0x52, 0x1d, 0x2a, 0x6e, 0x7f, 0x80, 0x91};

    memcpy(store->replica_guid, database, GUID_SIZE);
    guid_parse(store->mailbox.guid, store->mailbox_guid);
}

static uint32_t check_mailbox(const struct config *config, const struct node *node,
    const struct mailbox *account, const struct store *store)
{
    const struct mailbox *mailbox = &store->mailbox;

    if (!mailbox->has_mailbox)
        return EC_UNKNOWN_USER;
    if (back_end_is_offline(config))
        return EC_MDB_NOT_INIT;
    if (mailbox->moving && fault_find(&config->faults, FAULT_MOVE_LOCK, node->name) != NULL)
        return EC_MAILBOX_IN_TRANSIT;
    if (!mailbox_open_to(config, mailbox, account))
        return EC_ACCESS_DENIED;
    return EC_NONE;
}

/* 3.2.5.1.1 */
uint32_t store_open(const struct config *config, const struct node *node,
    const struct mailbox *account, const char *dn, struct store *ret_store)
{
    struct store store = {0};
    enum lookup lookup = mailbox_by_legacy_dn(config, dn, &store.mailbox);
    uint32_t code = lookup == LOOKUP_UNAVAILABLE ? EC_LOGIN_FAILURE : EC_UNKNOWN_USER;

    if (lookup == LOOKUP_FOUND) {
        store.own = strcasecmp(store.mailbox.dn, account->dn) == 0;
        code = check_mailbox(config, node, account, &store);
    }
    if (code == EC_NONE)
        code = mapi_fault_logon(config, store.own, false);
    if (code != EC_NONE) {
        mailbox_done(&store.mailbox);
        return code;
    }
    set_guids(&store);
    *ret_store = store;
    return EC_NONE;
}

/* 3.2.5.1.2: for who has a mailbox, where the organisation has public folders. */
uint32_t store_open_public(
    const struct config *config, const struct mailbox *account, struct store *ret_store)
{
    struct store store = {.public = true};
    uint32_t code = EC_NONE;

    if (back_end_is_offline(config))
        code = EC_MDB_NOT_INIT;
    else if (!account->has_mailbox ||
             mailbox_of_public_folders(config, &store.mailbox) != LOOKUP_FOUND)
        code = EC_LOGIN_FAILURE;
    if (code == EC_NONE)
        code = mapi_fault_logon(config, false, true);
    if (code != EC_NONE) {
        mailbox_done(&store.mailbox);
        return code;
    }
    set_guids(&store);
    *ret_store = store;
    return EC_NONE;
}

void store_close(struct store *store)
{
    mailbox_done(&store->mailbox);
}
