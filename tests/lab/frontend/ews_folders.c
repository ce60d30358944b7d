#include "ews.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The same folders in every mailbox, and one small tree of public ones. */
static const struct ews_folder folders[] = {
    {"root", NULL, "Folder", "", "", true, false},
    {"msgfolderroot", "root", "Folder", "IPF.Note", "Top of Information Store", true, false},
    {"inbox", "msgfolderroot", "Folder", "IPF.Note", "Inbox", true, false},
    {"drafts", "msgfolderroot", "Folder", "IPF.Note", "Drafts", true, false},
    {"outbox", "msgfolderroot", "Folder", "IPF.Note", "Outbox", true, false},
    {"sentitems", "msgfolderroot", "Folder", "IPF.Note", "Sent Items", true, false},
    {"deleteditems", "msgfolderroot", "Folder", "IPF.Note", "Deleted Items", true, false},
    {"junkemail", "msgfolderroot", "Folder", "IPF.Note", "Junk Email", true, false},
    {"calendar", "msgfolderroot", "CalendarFolder", "IPF.Appointment", "Calendar", true, false},
    {"contacts", "msgfolderroot", "ContactsFolder", "IPF.Contact", "Contacts", true, false},
    {"tasks", "msgfolderroot", "TasksFolder", "IPF.Task", "Tasks", true, false},
    {"notes", "msgfolderroot", "Folder", "IPF.StickyNote", "Notes", true, false},
    {"journal", "msgfolderroot", "Folder", "IPF.Journal", "Journal", true, false},
    {"customers", "contacts", "ContactsFolder", "IPF.Contact", "Customers", false, false},
    {"searchfolders", "root", "Folder", "IPF.Note", "Finder", true, false},
    {"voicemail", "searchfolders", "SearchFolder", "IPF.Note.Microsoft.Voicemail", "Voice Mail",
        true, false},
    {"publicfoldersroot", NULL, "Folder", "", "IPM_SUBTREE", true, true},
    {"publiccontacts", "publicfoldersroot", "ContactsFolder", "IPF.Contact", "Company Contacts",
        false, true},
    {"publiccalendar", "publicfoldersroot", "CalendarFolder", "IPF.Appointment", "Company Calendar",
        false, true},
};

static const struct ews_error err_not_found = {
    "ErrorItemNotFound", "The specified object was not found in the store."};
static const struct ews_error err_denied = {
    "ErrorAccessDenied", "Access is denied. Check credentials and try again."};
static const struct ews_error err_no_folder = {
    "ErrorFolderNotFound", "The specified folder could not be found in the store."};
static const struct ews_error err_no_mailbox = {
    "ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it."};
static const struct ews_error err_no_address = {"ErrorMissingEmailAddress",
    "When making a request as an account that does not have a mailbox, you must specify the "
    "mailbox primary SMTP address for any distinguished folder Ids."};
static const struct ews_error err_no_public = {
    "ErrorNoPublicFolderServerAvailable", "No public folder server is available."};
static const struct ews_error err_directory = {
    "ErrorADUnavailable", "The Active Directory isn't available. Try again later."};
static const struct ews_error err_moving = {
    "ErrorMailboxMoveInProgress", "Mailbox move in progress. Try again later."};
static const struct ews_error err_bad_id = {"ErrorInvalidIdMalformed", "Id is malformed."};

const struct ews_folder *ews_folder_by_id(const char *id)
{
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        if (strcmp(folders[i].id, id) == 0)
            return &folders[i];
    return NULL;
}

const struct ews_folder *ews_folder_at(size_t index)
{
    return index < sizeof folders / sizeof folders[0] ? &folders[index] : NULL;
}

void ews_encode_id(const char *address, const char *key, struct buf *ret_id)
{
    struct buf clear = {0};

    buf_fmt(&clear, "exl|%s|%s", address, key);
    buf_base64(ret_id, clear.data, clear.len);
    buf_done(&clear);
}

bool ews_decode_id(
    const char *id, char *ret_address, size_t address_size, char *ret_key, size_t key_size)
{
    struct buf clear = {0};
    char *key = NULL;

    if (base64_decode(id, &clear) && strncmp(buf_text(&clear), "exl|", 4) == 0)
        key = strchr(clear.data + 4, '|');
    if (key != NULL) {
        *key = '\0';
        copy_text(ret_address, address_size, clear.data + 4);
        copy_text(ret_key, key_size, key + 1);
    }
    buf_done(&clear);
    return key != NULL;
}

void ews_folder_id(const struct mailbox *mailbox, const struct ews_folder *folder,
    const char *element, struct buf *out)
{
    buf_fmt(out, "<t:%s Id=\"", element);
    ews_encode_id(mailbox->address, folder->id, out);
    buf_str(out, "\" ChangeKey=\"AQAAABYAAAA=\"/>");
}

static struct ews_error lookup_error(enum lookup lookup, const struct mailbox *mailbox)
{
    switch (lookup) {
    case LOOKUP_UNAVAILABLE:
        return err_directory;
    case LOOKUP_NONE:
    case LOOKUP_SEVERAL:
        return err_no_mailbox;
    case LOOKUP_FOUND:
        break;
    }
    return mailbox->has_mailbox ? (struct ews_error){0} : err_no_mailbox;
}

/* The caller's own mailbox is found by who logged in, not by its address. */
static enum lookup find_mailbox(
    struct ews_call *ews, const char *address, bool own, struct mailbox *ret_mailbox)
{
    if (own)
        return mailbox_of(ews->call->config, ews->call->who, ret_mailbox);
    return mailbox_by_address(ews->call->config, address, ret_mailbox);
}

static struct ews_error open_mailbox(
    struct ews_call *ews, const char *address, bool own, struct mailbox *ret_mailbox)
{
    const struct call *call = ews->call;
    struct ews_error error =
        lookup_error(find_mailbox(ews, address, own, ret_mailbox), ret_mailbox);

    if (error.code == NULL && ret_mailbox->moving &&
        fault_find(&call->config->faults, FAULT_MOVE_LOCK, call->node->name) != NULL)
        return err_moving;
    if (error.code == NULL && !mailbox_open_to(ews->call->config, ret_mailbox, &ews->account))
        error = ews->call->config->deny_visible ? err_denied : err_not_found;
    return error;
}

static struct ews_error open_public(struct ews_call *ews, struct mailbox *ret_mailbox)
{
    if (!ews->account.has_mailbox)
        return err_no_public;
    if (mailbox_of_public_folders(ews->call->config, ret_mailbox) != LOOKUP_FOUND)
        return err_no_public;
    return (struct ews_error){0};
}

void ews_resolve_folder(
    struct ews_call *ews, const struct xml_node *id, struct ews_target *ret_target)
{
    const struct xml_node *mailbox = xml_child(id, "Mailbox", NULL);
    const char *address = xml_text(xml_child(mailbox, "EmailAddress", NULL));
    bool distinguished = strcmp(id->name, "DistinguishedFolderId") == 0;
    bool own = *address == '\0';
    char encoded_address[320];
    char key[64];

    *ret_target = (struct ews_target){0};
    copy_text(key, sizeof key, xml_attribute(id, "Id"));
    if (!distinguished) {
        if (!ews_decode_id(xml_attribute(id, "Id"), encoded_address, sizeof encoded_address, key,
                sizeof key)) {
            ret_target->error = err_bad_id;
            return;
        }
        address = encoded_address;
        own = strcasecmp(address, ews->account.address) == 0;
    }
    ret_target->folder = ews_folder_by_id(key);
    if (ret_target->folder == NULL || (distinguished && !ret_target->folder->distinguished))
        ret_target->error = err_no_folder;
    else if (ret_target->folder->public)
        ret_target->error = open_public(ews, &ret_target->mailbox);
    else if (*address == '\0' && !ews->account.has_mailbox)
        ret_target->error = err_no_address;
    else
        ret_target->error = open_mailbox(ews, address, own, &ret_target->mailbox);
}

bool ews_wants(const struct xml_node *shape, const char *uri, bool in_default)
{
    const struct xml_node *additional = xml_child(shape, "AdditionalProperties", NULL);
    const char *base = xml_text(xml_child(shape, "BaseShape", NULL));
    const struct xml_node *field = NULL;

    if (strcmp(base, "AllProperties") == 0 || (in_default && strcmp(base, "Default") == 0))
        return true;
    while ((field = xml_child(additional, "FieldURI", field)) != NULL)
        if (strcmp(xml_attribute(field, "FieldURI"), uri) == 0)
            return true;
    return false;
}

size_t ews_child_count(const struct ews_folder *folder)
{
    size_t count = 0;

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        if (folders[i].parent != NULL && strcmp(folders[i].parent, folder->id) == 0)
            count++;
    return count;
}

/* In the order of the schema's BaseFolderType. */
static void put_folder(struct ews_call *ews, const struct xml_node *shape,
    const struct mailbox *mailbox, const struct ews_folder *folder)
{
    struct buf *out = ews->out;

    buf_fmt(out, "<t:%s>", folder->element);
    ews_folder_id(mailbox, folder, "FolderId", out);
    if (folder->parent != NULL && ews_wants(shape, "folder:ParentFolderId", false))
        ews_folder_id(mailbox, ews_folder_by_id(folder->parent), "ParentFolderId", out);
    if (*folder->class != '\0' && ews_wants(shape, "folder:FolderClass", false))
        buf_fmt(out, "<t:FolderClass>%s</t:FolderClass>", folder->class);
    if (ews_wants(shape, "folder:DisplayName", true))
        buf_fmt(out, "<t:DisplayName>%s</t:DisplayName>", folder->name);
    if (ews_wants(shape, "folder:TotalCount", true))
        buf_fmt(out, "<t:TotalCount>%zu</t:TotalCount>", ews_item_count(folder));
    if (ews_wants(shape, "folder:ChildFolderCount", true))
        buf_fmt(out, "<t:ChildFolderCount>%zu</t:ChildFolderCount>", ews_child_count(folder));
    if (folder->distinguished && ews_wants(shape, "folder:DistinguishedFolderId", false))
        buf_fmt(out, "<t:DistinguishedFolderId>%s</t:DistinguishedFolderId>", folder->id);
    if ((strcmp(folder->element, "Folder") == 0 || strcmp(folder->element, "TasksFolder") == 0) &&
        ews_wants(shape, "folder:UnreadCount", true))
        buf_fmt(out, "<t:UnreadCount>%zu</t:UnreadCount>", (size_t)0);
    buf_fmt(out, "</t:%s>", folder->element);
}

void ews_get_folder(struct ews_call *ews)
{
    const struct xml_node *shape = xml_child(ews->operation, "FolderShape", NULL);
    const struct xml_node *ids = xml_child(ews->operation, "FolderIds", NULL);

    for (const struct xml_node *id = ids ? ids->first : NULL; id != NULL; id = id->next) {
        struct ews_target target;

        ews_resolve_folder(ews, id, &target);
        if (target.error.code != NULL) {
            ews_error_message(ews, "GetFolder", &target.error);
        } else {
            ews_open_message(ews, "GetFolder");
            buf_str(ews->out, "<m:Folders>");
            put_folder(ews, shape, &target.mailbox, target.folder);
            buf_str(ews->out, "</m:Folders>");
            ews_close_message(ews, "GetFolder");
        }
        mailbox_done(&target.mailbox);
    }
}

static bool is_below(const struct ews_folder *folder, const struct ews_folder *top, bool deep)
{
    while (folder != NULL && folder->parent != NULL) {
        if (strcmp(folder->parent, top->id) == 0)
            return true;
        if (!deep)
            return false;
        folder = ews_folder_by_id(folder->parent);
    }
    return false;
}

static void find_below(struct ews_call *ews, const struct ews_target *target, bool deep)
{
    const struct xml_node *shape = xml_child(ews->operation, "FolderShape", NULL);
    size_t count = 0;

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        count += is_below(&folders[i], target->folder, deep);
    ews_open_message(ews, "FindFolder");
    buf_fmt(ews->out,
        "<m:RootFolder IndexedPagingOffset=\"%zu\" TotalItemsInView=\"%zu\" "
        "IncludesLastItemInRange=\"true\"><t:Folders>",
        count, count);
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        if (is_below(&folders[i], target->folder, deep))
            put_folder(ews, shape, &target->mailbox, &folders[i]);
    buf_str(ews->out, "</t:Folders></m:RootFolder>");
    ews_close_message(ews, "FindFolder");
}

void ews_find_folder(struct ews_call *ews)
{
    const struct xml_node *ids = xml_child(ews->operation, "ParentFolderIds", NULL);
    bool deep = strcmp(xml_attribute(ews->operation, "Traversal"), "Deep") == 0;

    for (const struct xml_node *id = ids ? ids->first : NULL; id != NULL; id = id->next) {
        struct ews_target target;

        ews_resolve_folder(ews, id, &target);
        if (target.error.code != NULL)
            ews_error_message(ews, "FindFolder", &target.error);
        else
            find_below(ews, &target, deep);
        mailbox_done(&target.mailbox);
    }
}
