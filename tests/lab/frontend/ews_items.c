#include "ews.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct item {
    const char *key;
    const char *folder;
    enum ews_item_kind kind;
    const char *subject; /* of a contact: the name */
    const char *extra;   /* body; number to call; place */
    const char *start;
    const char *end;
} items[] = {
    {"m1", "inbox", EWS_MESSAGE, "Welcome", "Your mailbox is ready.", "2025-01-06T08:00:00Z", ""},
    {"m2", "inbox", EWS_MESSAGE, "Voice message (17 seconds)", "", "2025-01-07T09:30:00Z", ""},
    {"m2", "voicemail", EWS_MESSAGE, "Voice message (17 seconds)", "", "2025-01-07T09:30:00Z", ""},
    {"c1", "contacts", EWS_CONTACT, "Erika Mustermann", "+49 30 5550100", "", ""},
    {"c2", "contacts", EWS_CONTACT, "Jan Jansen", "+31 20 5550101", "", ""},
    {"c3", "contacts", EWS_CONTACT, "Jane Doe", "+1 202 5550102", "", ""},
    {"c4", "customers", EWS_CONTACT, "Fabrikam Reception", "+1 202 5550103", "", ""},
    {"a1", "calendar", EWS_APPOINTMENT, "Weekly meeting", "Room 1", "2025-01-08T10:00:00Z",
        "2025-01-08T11:00:00Z"},
    {"p1", "publiccontacts", EWS_CONTACT, "Contoso Switchboard", "+1 202 5550104", "", ""},
};

static const char *const elements[] = {
    [EWS_MESSAGE] = "Message", [EWS_CONTACT] = "Contact", [EWS_APPOINTMENT] = "CalendarItem"};
static const char *const classes[] = {[EWS_MESSAGE] = "IPM.Note",
    [EWS_CONTACT] = "IPM.Contact",
    [EWS_APPOINTMENT] = "IPM.Appointment"};

size_t ews_item_count(const struct ews_folder *folder)
{
    size_t count = 0;

    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++)
        count += strcmp(items[i].folder, folder->id) == 0;
    return count;
}

static void put_contact(struct buf *out, const struct xml_node *shape, const struct item *item)
{
    if (ews_wants(shape, "contacts:FileAs", true))
        buf_fmt(out, "<t:FileAs>%s</t:FileAs>", item->subject);
    if (ews_wants(shape, "contacts:DisplayName", true))
        buf_fmt(out, "<t:DisplayName>%s</t:DisplayName>", item->subject);
    if (ews_wants(shape, "contacts:PhoneNumbers", true))
        buf_fmt(out, "<t:PhoneNumbers><t:Entry Key=\"BusinessPhone\">%s</t:Entry></t:PhoneNumbers>",
            item->extra);
}

static void put_appointment(struct buf *out, const struct xml_node *shape, const struct item *item)
{
    if (ews_wants(shape, "calendar:Start", true))
        buf_fmt(out, "<t:Start>%s</t:Start>", item->start);
    if (ews_wants(shape, "calendar:End", true))
        buf_fmt(out, "<t:End>%s</t:End>", item->end);
    if (ews_wants(shape, "calendar:Location", true))
        buf_fmt(out, "<t:Location>%s</t:Location>", item->extra);
}

/* In the order of the schema's ItemType. */
static void put_item(struct ews_call *ews, const struct xml_node *shape,
    const struct mailbox *mailbox, const struct item *item)
{
    struct buf *out = ews->out;
    char key[64];

    snprintf(key, sizeof key, "%s/%s", item->folder, item->key);
    buf_fmt(out, "<t:%s><t:ItemId Id=\"", elements[item->kind]);
    ews_encode_id(mailbox->address, key, out);
    buf_str(out, "\" ChangeKey=\"AQAAABYAAAA=\"/>");
    if (ews_wants(shape, "item:ParentFolderId", false))
        ews_folder_id(mailbox, ews_folder_by_id(item->folder), "ParentFolderId", out);
    if (ews_wants(shape, "item:ItemClass", false))
        buf_fmt(out, "<t:ItemClass>%s</t:ItemClass>", classes[item->kind]);
    if (ews_wants(shape, "item:Subject", true))
        buf_fmt(out, "<t:Subject>%s</t:Subject>", item->subject);
    if (item->kind == EWS_MESSAGE && ews_wants(shape, "item:Body", false))
        buf_fmt(out, "<t:Body BodyType=\"Text\">%s</t:Body>", item->extra);
    if (item->kind == EWS_MESSAGE && ews_wants(shape, "item:DateTimeReceived", true))
        buf_fmt(out, "<t:DateTimeReceived>%s</t:DateTimeReceived>", item->start);
    if (item->kind == EWS_CONTACT)
        put_contact(out, shape, item);
    if (item->kind == EWS_APPOINTMENT)
        put_appointment(out, shape, item);
    buf_fmt(out, "</t:%s>", elements[item->kind]);
}

/* The page an IndexedPageItemView asks for; the whole folder without one. */
static void page(const struct ews_call *ews, size_t total, size_t *ret_from, size_t *ret_to)
{
    const struct xml_node *view = xml_child(ews->operation, "IndexedPageItemView", NULL);
    size_t from = strtoul(xml_attribute(view, "Offset"), NULL, 10);
    size_t max = strtoul(xml_attribute(view, "MaxEntriesReturned"), NULL, 10);

    *ret_from = from < total ? from : total;
    *ret_to = max > 0 && max < total - *ret_from ? *ret_from + max : total;
}

static void find_in(struct ews_call *ews, const struct ews_target *target)
{
    const struct xml_node *shape = xml_child(ews->operation, "ItemShape", NULL);
    size_t total = ews_item_count(target->folder);
    size_t from;
    size_t to;
    size_t at = 0;

    page(ews, total, &from, &to);
    ews_open_message(ews, "FindItem");
    buf_fmt(ews->out,
        "<m:RootFolder IndexedPagingOffset=\"%zu\" TotalItemsInView=\"%zu\" "
        "IncludesLastItemInRange=\"%s\"><t:Items>",
        to, total, to == total ? "true" : "false");
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        if (strcmp(items[i].folder, target->folder->id) != 0)
            continue;
        if (at >= from && at < to)
            put_item(ews, shape, &target->mailbox, &items[i]);
        at++;
    }
    buf_str(ews->out, "</t:Items></m:RootFolder>");
    ews_close_message(ews, "FindItem");
}

void ews_find_item(struct ews_call *ews)
{
    const struct xml_node *ids = xml_child(ews->operation, "ParentFolderIds", NULL);

    for (const struct xml_node *id = ids ? ids->first : NULL; id != NULL; id = id->next) {
        struct ews_target target;

        ews_resolve_folder(ews, id, &target);
        if (target.error.code != NULL)
            ews_error_message(ews, "FindItem", &target.error);
        else
            find_in(ews, &target);
        mailbox_done(&target.mailbox);
    }
}

static const struct item *item_by_key(const char *key)
{
    char each[64];

    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        snprintf(each, sizeof each, "%s/%s", items[i].folder, items[i].key);
        if (strcmp(each, key) == 0)
            return &items[i];
    }
    return NULL;
}

void ews_get_item(struct ews_call *ews)
{
    static const struct ews_error missing = {
        "ErrorItemNotFound", "The specified object was not found in the store."};
    const struct xml_node *shape = xml_child(ews->operation, "ItemShape", NULL);
    const struct xml_node *ids = xml_child(ews->operation, "ItemIds", NULL);

    for (const struct xml_node *id = ids ? ids->first : NULL; id != NULL; id = id->next) {
        const struct item *item = NULL;
        struct mailbox mailbox = {0};
        char address[320];
        char key[64];

        if (ews_decode_id(xml_attribute(id, "Id"), address, sizeof address, key, sizeof key) &&
            mailbox_by_address(ews->call->config, address, &mailbox) == LOOKUP_FOUND &&
            (strncmp(key, "public", 6) == 0 ||
                mailbox_open_to(ews->call->config, &mailbox, &ews->account)))
            item = item_by_key(key);
        if (item == NULL) {
            ews_error_message(ews, "GetItem", &missing);
        } else {
            ews_open_message(ews, "GetItem");
            buf_str(ews->out, "<m:Items>");
            put_item(ews, shape, &mailbox, item);
            buf_str(ews->out, "</m:Items>");
            ews_close_message(ews, "GetItem");
        }
        mailbox_done(&mailbox);
    }
}
