#include "net/wire/ews.h"

#include "net/wire/xml.h"

#include <stdio.h>
#include <string.h>

static const char space_soap[] = "http://schemas.xmlsoap.org/soap/envelope/";
static const char space_soap12[] = "http://www.w3.org/2003/05/soap-envelope";
static const char space_types[] = "http://schemas.microsoft.com/exchange/services/2006/types";
static const char space_messages[] = "http://schemas.microsoft.com/exchange/services/2006/messages";
static const char space_errors[] = "http://schemas.microsoft.com/exchange/services/2006/errors";
static const char expected[] = "an EWS answer";

/* One element more of a growing text; what is written is bounded by the caller's own arguments. */
static char *append(struct arena *arena, const char *text, const char *more)
{
    return arena_printf(arena, "%s%s", text, more);
}

char *ews_get_folder(struct arena *arena, const char *server_version, const char *address,
    const char *const *folders, size_t count)
{
    const char *mailbox = "";
    if (address != NULL)
        mailbox = arena_printf(arena, "<t:Mailbox><t:EmailAddress>%s</t:EmailAddress></t:Mailbox>",
            xml_escape(arena, address));
    const char *ids = "";
    for (size_t i = 0; i < count && i < EWS_FOLDERS_MAX; i++)
        ids = append(arena, ids,
            arena_printf(arena, "<t:DistinguishedFolderId Id=\"%s\">%s</t:DistinguishedFolderId>",
                xml_escape(arena, folders[i]), mailbox));
    return arena_printf(arena,
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
        "<s:Envelope xmlns:s=\"%s\" xmlns:t=\"%s\" xmlns:m=\"%s\">"
        "<s:Header><t:RequestServerVersion Version=\"%s\"/></s:Header>"
        "<s:Body><m:GetFolder>"
        "<m:FolderShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
        "<t:FieldURI FieldURI=\"folder:DisplayName\"/><t:FieldURI FieldURI=\"folder:FolderClass\"/>"
        "<t:FieldURI FieldURI=\"folder:TotalCount\"/><t:FieldURI FieldURI=\"folder:UnreadCount\"/>"
        "</t:AdditionalProperties></m:FolderShape>"
        "<m:FolderIds>%s</m:FolderIds>"
        "</m:GetFolder></s:Body></s:Envelope>\n",
        space_soap, space_types, space_messages, xml_escape(arena, server_version), ids);
}

/* <t:Value Name="BackOffMilliseconds">n</t:Value> of a MessageXml; -1: not there. */
static int64_t read_back_off(const struct xml_node *message_xml)
{
    if (message_xml == NULL)
        return -1;
    for (const struct xml_node *value = message_xml->child; value != NULL; value = value->next) {
        const char *name = xml_attribute(value, "Name");
        if (strcmp(value->name, "Value") == 0 && name != NULL &&
            strcmp(name, "BackOffMilliseconds") == 0)
            return xml_number(value->text);
    }
    return -1;
}

/* The folder's element is Folder, CalendarFolder, ContactsFolder …: the first of the list. */
static void read_folder(const struct xml_node *node, struct ews_folder *folder)
{
    if (node == NULL)
        return;
    folder->id = xml_attribute(xml_child(node, space_types, "FolderId"), "Id");
    folder->display_name = xml_child_text(node, space_types, "DisplayName");
    folder->folder_class = xml_child_text(node, space_types, "FolderClass");
    folder->total = xml_number(xml_child_text(node, space_types, "TotalCount"));
    folder->unread = xml_number(xml_child_text(node, space_types, "UnreadCount"));
}

static void read_message(const struct xml_node *node, struct ews_folder *folder)
{
    *folder = (struct ews_folder){.total = -1, .unread = -1};
    folder->response_class = xml_attribute(node, "ResponseClass");
    folder->response_code = xml_child_text(node, space_messages, "ResponseCode");
    folder->message = xml_child_text(node, space_messages, "MessageText");
    folder->back_off_ms = read_back_off(xml_child(node, space_messages, "MessageXml"));
    const struct xml_node *folders = xml_child(node, space_messages, "Folders");
    read_folder(folders == NULL ? NULL : folders->child, folder);
}

static int read_part(const struct xml_node *node, const char *name)
{
    long long value = xml_number(xml_attribute(node, name));
    return value > 0xFFFF ? -1 : (int)value;
}

/* In the SOAP header; Autodiscover's has the same as elements, EWS as attributes. */
static void read_version(const struct xml_node *header, struct ews_answer *answer)
{
    const struct xml_node *info = xml_child(header, space_types, "ServerVersionInfo");
    answer->version_name = xml_attribute(info, "Version");
    answer->major = read_part(info, "MajorVersion");
    answer->minor = read_part(info, "MinorVersion");
    answer->build = read_part(info, "MajorBuildNumber");
    answer->revision = read_part(info, "MinorBuildNumber");
}

static void read_detail(const struct xml_node *detail, struct ews_answer *answer)
{
    answer->response_code = xml_child_text(detail, space_errors, "ResponseCode");
    answer->message = xml_child_text(detail, space_errors, "Message");
    answer->back_off_ms = read_back_off(xml_child(detail, space_types, "MessageXml"));
}

/* SOAP 1.1 §4.4; the shape of SOAP 1.2 (§5.4) is read too: some proxies answer in it. */
static void read_fault(const struct xml_node *node, struct ews_answer *answer)
{
    answer->fault = true;
    answer->fault_code = xml_child_text(node, "", "faultcode");
    answer->fault_string = xml_child_text(node, "", "faultstring");
    read_detail(xml_child(node, "", "detail"), answer);
    if (strcmp(node->space, space_soap12) != 0)
        return;
    answer->fault_code =
        xml_child_text(xml_child(node, space_soap12, "Code"), space_soap12, "Value");
    answer->fault_string =
        xml_child_text(xml_child(node, space_soap12, "Reason"), space_soap12, "Text");
    read_detail(xml_child(node, space_soap12, "Detail"), answer);
}

static bool read_body(const struct xml_node *body, struct ews_answer *answer, struct fault *fault)
{
    const struct xml_node *soap_fault = xml_child(body, body->space, "Fault");
    if (soap_fault != NULL) {
        read_fault(soap_fault, answer);
        return true;
    }
    const struct xml_node *response = xml_child(body, space_messages, "GetFolderResponse");
    const struct xml_node *list = xml_child(response, space_messages, "ResponseMessages");
    if (list == NULL)
        return fault_set(fault, CAUSE_NOT_EXCHANGE, ORIGIN_EXREACH, 0,
            "a SOAP answer, but not EWS' answer to GetFolder: its body has <%.40s>",
            body->child == NULL ? "" : body->child->name);
    for (const struct xml_node *node = list->child; node != NULL; node = node->next) {
        if (!xml_is(node, space_messages, "GetFolderResponseMessage") ||
            answer->folder_count == EWS_FOLDERS_MAX)
            continue;
        read_message(node, &answer->folders[answer->folder_count++]);
    }
    if (answer->folder_count == 0)
        return fault_set(fault, CAUSE_NOT_EXCHANGE, ORIGIN_EXREACH, 0,
            "EWS' answer to GetFolder has no message in it");
    return true;
}

bool ews_parse(struct arena *arena, const void *body, size_t length, struct ews_answer *ret_answer,
    struct fault *fault)
{
    if (length > EWS_BODY_MAX)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0, "%s of more than %d bytes",
            expected, EWS_BODY_MAX);
    const struct xml_node *root = NULL;
    if (!xml_parse(arena, body, length, expected, &root, fault))
        return false;
    if (!xml_is(root, space_soap, "Envelope") && !xml_is(root, space_soap12, "Envelope"))
        return fault_set(fault, CAUSE_NOT_EXCHANGE, ORIGIN_EXREACH, 0,
            "XML, but no SOAP envelope: its root is <%.40s> of namespace \"%.80s\"", root->name,
            root->space);
    const struct xml_node *soap_body = xml_child(root, root->space, "Body");
    if (soap_body == NULL)
        return fault_set(
            fault, CAUSE_NOT_EXCHANGE, ORIGIN_EXREACH, 0, "a SOAP envelope without a body");

    struct ews_answer answer = {.back_off_ms = -1};
    read_version(xml_child(root, root->space, "Header"), &answer);
    if (!read_body(soap_body, &answer, fault))
        return false;
    *ret_answer = answer;
    return true;
}
