#include "net/wire/autodiscover.h"

#include "net/wire/text.h"
#include "net/wire/xml.h"

#include <string.h>

/* [MS-OXDSCLI] 2.2.2 */
static const char space_request[] =
    "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006";
static const char space_root[] =
    "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006";
static const char space_outlook[] =
    "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";
static const char expected[] = "an Autodiscover answer";

char *autodiscover_request(struct arena *arena, const char *address)
{
    return arena_printf(arena,
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
        "<Autodiscover xmlns=\"%s\"><Request>"
        "<EMailAddress>%s</EMailAddress>"
        "<AcceptableResponseSchema>%s</AcceptableResponseSchema>"
        "</Request></Autodiscover>\n",
        space_request, xml_escape(arena, address), space_outlook);
}

/* A reading of one Response, whose children share its namespace. */
struct reading {
    const char *space;
    struct autodiscover_answer *answer;
};

static const char *text_of(
    const struct reading *reading, const struct xml_node *node, const char *name)
{
    return xml_child_text(node, reading->space, name);
}

static bool is_url(const char *text)
{
    return text_starts_nocase(text, "https://") || text_starts_nocase(text, "http://");
}

/* Every URL below a Protocol; `type` is that of the nearest one. The nesting is bounded by the XML
 * reader's depth. 2.2.4.1.1.2.6 and its subsections. */
static void add_urls(
    const struct reading *reading, const struct xml_node *node, const char *type, bool internal)
{
    struct autodiscover_answer *answer = reading->answer;
    for (const struct xml_node *child = node->child; child != NULL; child = child->next) {
        if (strcmp(child->space, reading->space) != 0)
            continue;
        bool inside = internal || strcmp(child->name, "Internal") == 0 ||
                      strcmp(child->name, "InternalUrl") == 0;
        const char *nested = text_of(reading, child, "Type");
        if (child->child != NULL) {
            add_urls(reading, child, nested != NULL ? nested : type, inside);
            continue;
        }
        if (!is_url(child->text) || answer->url_count == AUTODISCOVER_URLS_MAX)
            continue;
        bool direct = strcmp(node->name, "Protocol") == 0;
        answer->urls[answer->url_count++] = (struct autodiscover_url){.protocol = type,
            .element = child->name,
            .parent = direct ? NULL : node->name,
            .internal = inside,
            .url = child->text};
    }
}

static void read_protocol(const struct reading *reading, const struct xml_node *node)
{
    /* mapiHttp has its type as an attribute, the others have an element: 2.2.4.1.1.2.6. */
    const char *type = xml_attribute(node, "Type");
    if (type == NULL)
        type = text_of(reading, node, "Type");
    if (type == NULL)
        type = "";
    add_urls(reading, node, type, false);

    struct autodiscover_answer *answer = reading->answer;
    if (answer->protocol_count == AUTODISCOVER_PROTOCOLS_MAX)
        return;
    struct autodiscover_protocol *protocol = &answer->protocols[answer->protocol_count++];
    protocol->type = type;
    protocol->server = text_of(reading, node, "Server");
    protocol->server_dn = text_of(reading, node, "ServerDN");
    protocol->mdb_dn = text_of(reading, node, "MdbDN");
    protocol->server_version = text_of(reading, node, "ServerVersion");
    protocol->auth_package = text_of(reading, node, "AuthPackage");
    protocol->cert_principal_name = text_of(reading, node, "CertPrincipalName");
    protocol->public_folder_server = text_of(reading, node, "PublicFolderServer");
    protocol->site = text_of(reading, node, "AD");
    const char *ssl = text_of(reading, node, "SSL");
    protocol->ssl = ssl != NULL && text_equal_nocase(ssl, "On");
}

static void read_alternative(const struct reading *reading, const struct xml_node *node)
{
    struct autodiscover_answer *answer = reading->answer;
    const size_t max = sizeof answer->alternative_mailboxes / sizeof(const char *);
    const char *mailbox = text_of(reading, node, "SmtpAddress");
    if (mailbox == NULL)
        mailbox = text_of(reading, node, "Server");
    if (mailbox != NULL && answer->alternative_count < max)
        answer->alternative_mailboxes[answer->alternative_count++] = mailbox;
}

static void read_account(const struct reading *reading, const struct xml_node *account)
{
    struct autodiscover_answer *answer = reading->answer;
    answer->account_type = text_of(reading, account, "AccountType");
    answer->action = text_of(reading, account, "Action");
    answer->microsoft_online = text_of(reading, account, "MicrosoftOnline");
    answer->redirect_address = text_of(reading, account, "RedirectAddr");
    answer->redirect_url = text_of(reading, account, "RedirectUrl");
    answer->public_folder_address = text_of(
        reading, xml_child(account, reading->space, "PublicFolderInformation"), "SmtpAddress");
    for (const struct xml_node *node = account->child; node != NULL; node = node->next) {
        if (xml_is(node, reading->space, "Protocol"))
            read_protocol(reading, node);
        else if (xml_is(node, reading->space, "AlternativeMailbox"))
            read_alternative(reading, node);
    }
}

static void read_user(const struct reading *reading, const struct xml_node *user)
{
    struct autodiscover_answer *answer = reading->answer;
    answer->display_name = text_of(reading, user, "DisplayName");
    answer->legacy_dn = text_of(reading, user, "LegacyDN");
    answer->smtp_address = text_of(reading, user, "AutoDiscoverSMTPAddress");
    answer->deployment_id = text_of(reading, user, "DeploymentId");
}

static void read_error(const struct reading *reading, const struct xml_node *error)
{
    struct autodiscover_answer *answer = reading->answer;
    answer->error = true;
    /* ErrorCode is three digits; -1 where it is missing or no number. */
    long long code = xml_number(text_of(reading, error, "ErrorCode"));
    answer->error_code = code > 0x7FFFFFFF ? -1 : (long)code;
    answer->error_message = text_of(reading, error, "Message");
    answer->error_time = xml_attribute(error, "Time");
    answer->debug_data = text_of(reading, error, "DebugData");
}

/* The Response: of the Outlook schema, or, for errors before the schema is known, of the root's. */
static const struct xml_node *find_response(const struct xml_node *root)
{
    const struct xml_node *response = xml_child(root, space_outlook, "Response");
    return response != NULL ? response : xml_child(root, space_root, "Response");
}

bool autodiscover_parse(struct arena *arena, const void *body, size_t length,
    struct autodiscover_answer *ret_answer, struct fault *fault)
{
    if (length > AUTODISCOVER_BODY_MAX)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0, "%s of more than %d bytes",
            expected, AUTODISCOVER_BODY_MAX);
    const struct xml_node *root = NULL;
    if (!xml_parse(arena, body, length, expected, &root, fault))
        return false;
    if (!xml_is(root, space_root, "Autodiscover"))
        return fault_set(fault, CAUSE_NOT_EXCHANGE, ORIGIN_EXREACH, 0,
            "XML, but not %s: its root is <%.40s> of namespace \"%.80s\"", expected, root->name,
            root->space);
    const struct xml_node *response = find_response(root);
    if (response == NULL)
        return fault_set(fault, CAUSE_NOT_EXCHANGE, ORIGIN_EXREACH, 0,
            "an Autodiscover answer without a <Response> for Outlook in it");

    struct autodiscover_answer answer = {0};
    struct reading reading = {.space = response->space, .answer = &answer};
    const struct xml_node *error = xml_child(response, response->space, "Error");
    const struct xml_node *account = xml_child(response, response->space, "Account");
    if (error == NULL && account == NULL)
        return fault_set(fault, CAUSE_NOT_EXCHANGE, ORIGIN_EXREACH, 0,
            "an Autodiscover answer with neither <Account> nor <Error> in it");
    if (error != NULL)
        read_error(&reading, error);
    else
        read_account(&reading, account);
    read_user(&reading, xml_child(response, response->space, "User"));
    *ret_answer = answer;
    return true;
}
