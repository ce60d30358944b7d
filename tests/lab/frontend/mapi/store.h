/* Mailboxes and public folders as the store shows them to ROPs: logons, folders, their properties
 * ([MS-OXCSTOR], [MS-OXCFOLD], [MS-OXOSFLD]). The folders and their counts are those of EWS. */
#ifndef FRONTEND_MAPI_STORE_H
#define FRONTEND_MAPI_STORE_H

#include "../mailbox.h"
#include "props.h"

enum { LOGON_FOLDERS = 13 };

/* Return values ([MS-OXCDATA] 2.4, [MS-OXCSTOR] 3.2.5.1.3). */
#define EC_NONE                0u
#define EC_UNKNOWN_USER        0x3ebu
#define EC_RPC_FORMAT          0x4b6u
#define EC_NULL_OBJECT         0x4b9u
#define EC_MDB_NOT_INIT        0x476u
#define EC_WRONG_SERVER        0x478u
#define EC_BUFFER_TOO_SMALL    0x47du
#define EC_SERVER_PAUSED       0x47fu
#define EC_RPC_HTTP_DISALLOWED 0x4e0u
#define EC_CACHED_MODE         0x4e1u
#define EC_MAILBOX_IN_TRANSIT  0x50cu
#define EC_PROTOCOL_DISABLED   0x7d8u
#define EC_ERROR               0x80004005u
#define EC_NOT_SUPPORTED       0x80040102u
#define EC_NOT_FOUND           0x8004010fu
#define EC_LOGIN_FAILURE       0x80040111u
#define EC_ACCESS_DENIED       0x80070005u

struct store {
    struct mailbox mailbox;
    bool public;
    bool own;
    unsigned char mailbox_guid[GUID_SIZE];
    unsigned char replica_guid[GUID_SIZE];
};

struct folder {
    uint64_t counter; /* the global counter of its folder id */
    const char *id;   /* as EWS names it */
    const char *parent;
    const char *name;
    const char *class;
    size_t items;
    bool search;
    bool public;
};

/* Opens the mailbox of a DN, or the public folders; EC_NONE fills `ret_store`. */
uint32_t store_open(const struct config *config, const struct node *node,
    const struct mailbox *account, const char *dn, struct store *ret_store);
uint32_t store_open_public(
    const struct config *config, const struct mailbox *account, struct store *ret_store);
void store_close(struct store *store);

/* Folder ids as they lie on the wire, read as a little-endian number ([MS-OXCDATA] 2.2.1.1). */
uint64_t folder_id(uint64_t counter);
/* Those of a RopLogon answer, in its order. */
void store_logon_folders(const struct store *store, uint64_t ret_ids[LOGON_FOLDERS]);
bool store_folder(const struct store *store, uint64_t id, struct folder *ret_folder);
uint64_t store_folder_id(const char *name);
/* The children of a folder; with `deep` all below it. NULL-named after the last. */
size_t store_children(const struct store *store, const struct folder *folder, bool deep,
    struct folder *ret_folders, size_t max);

void folder_row(const struct store *store, const struct folder *folder, uint32_t depth,
    const struct tags *tags, struct row *ret_row);
/* The properties of the logon itself. */
void store_row(const struct store *store, const struct tags *tags, struct row *ret_row);
/* LongTermID ([MS-OXCDATA] 2.2.1.3.1), 24 bytes. */
void long_term_id(const struct store *store, uint64_t id, struct buf *ret_bytes);

enum { FOLDERS_MAX = 64 };

#endif
