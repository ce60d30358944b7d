/* Exchange Web Services: what the operations share. */
#ifndef FRONTEND_EWS_H
#define FRONTEND_EWS_H

#include "handlers.h"
#include "mailbox.h"
#include "xml.h"

struct ews_call {
    struct call *call;
    const struct xml_node *operation;
    struct mailbox account; /* the caller; found, but perhaps without a mailbox */
    struct buf *out;
};

/* A refusal by response code, with the words Exchange has for it. */
struct ews_error {
    const char *code; /* NULL: none */
    const char *text;
};

enum ews_item_kind { EWS_MESSAGE, EWS_CONTACT, EWS_APPOINTMENT };

struct ews_folder {
    const char *id;      /* as DistinguishedFolderId names it; own names for plain folders */
    const char *parent;  /* id, or NULL for a root */
    const char *element; /* Folder, CalendarFolder, ... */
    const char *class;   /* IPF.Note ... */
    const char *name;
    bool distinguished;
    bool public;
};

struct ews_target {
    struct mailbox mailbox;
    const struct ews_folder *folder;
    struct ews_error error;
};

/* Resolves a FolderId or DistinguishedFolderId, access checked; free `mailbox` afterwards. */
void ews_resolve_folder(
    struct ews_call *ews, const struct xml_node *id, struct ews_target *ret_target);
void ews_folder_id(const struct mailbox *mailbox, const struct ews_folder *folder,
    const char *element, struct buf *out);
/* Splits what ews_folder_id and the item ids encode: "address|key". */
bool ews_decode_id(
    const char *id, char *ret_address, size_t address_size, char *ret_key, size_t key_size);
void ews_encode_id(const char *address, const char *key, struct buf *ret_id);
const struct ews_folder *ews_folder_by_id(const char *id);
/* The folders in order; NULL after the last. */
const struct ews_folder *ews_folder_at(size_t index);
size_t ews_child_count(const struct ews_folder *folder);
size_t ews_item_count(const struct ews_folder *folder);

/* Whether a FolderShape or ItemShape asks for the property. */
bool ews_wants(const struct xml_node *shape, const char *uri, bool in_default);

/* Opens and closes one response message of `operation`. An error message is complete. */
void ews_open_message(struct ews_call *ews, const char *operation);
void ews_close_message(struct ews_call *ews, const char *operation);
void ews_error_message(struct ews_call *ews, const char *operation, const struct ews_error *error);

void ews_get_folder(struct ews_call *ews);
void ews_find_folder(struct ews_call *ews);
void ews_find_item(struct ews_call *ews);
void ews_get_item(struct ews_call *ews);
void ews_resolve_names(struct ews_call *ews);
void ews_convert_id(struct ews_call *ews);
void ews_time_zones(struct ews_call *ews);

#endif
