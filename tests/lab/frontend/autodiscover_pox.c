/* Plain-old-XML Autodiscover ([MS-OXDSCLI]). */
#include "autodiscover.h"
#include "mapi/target.h"
#include "xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const char outer_schema[] =
    "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006";
static const char outlook_schema[] =
    "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";
static const char request_schema[] =
    "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006";

static void element(struct buf *out, const char *name, const char *value)
{
    buf_fmt(out, "<%s>", name);
    buf_xml(out, value);
    buf_fmt(out, "</%s>\r\n", name);
}

static void url_element(const struct call *call, const char *name, enum side side,
    enum service_url url, const struct mailbox *mailbox)
{
    struct buf text = {0};

    service_url(call, side, url, mailbox, &text);
    element(&call->response->body, name, text.data);
    buf_done(&text);
}

static void open_document(struct buf *out, const char *schema)
{
    buf_fmt(out, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<Autodiscover xmlns=\"%s\">\r\n",
        outer_schema);
    if (schema != NULL)
        buf_fmt(out, "<Response xmlns=\"%s\">\r\n", schema);
    else
        buf_str(out, "<Response>\r\n");
}

static void close_document(struct buf *out)
{
    buf_str(out, "</Response>\r\n</Autodiscover>");
}

/* 2.2.4.1.1.1: requests nobody provides for are answered in the outer schema, the provider's own
 * errors in its schema. */
static void error_document(struct call *call, const char *schema, int code, const char *text)
{
    struct buf *out = &call->response->body;
    struct timespec now;
    struct tm utc;
    char stamp[32];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(stamp, sizeof stamp, "%H:%M:%S", &utc);
    open_document(out, schema);
    buf_fmt(out, "<Error Time=\"%s.%07ld\" Id=\"2477272013\">\r\n<ErrorCode>%d</ErrorCode>\r\n",
        stamp, now.tv_nsec / 100, code);
    element(out, "Message", text);
    buf_str(out, "<DebugData />\r\n</Error>\r\n");
    close_document(out);
}

static void user_section(struct buf *out, const struct mailbox *mailbox)
{
    buf_str(out, "<User>\r\n");
    element(out, "DisplayName", mailbox->display_name);
    element(out, "LegacyDN", mailbox->legacy_dn);
    element(out, "AutoDiscoverSMTPAddress", mailbox->address);
    element(out, "DeploymentId", "5b7c1a30-51b6-4b3c-8a43-6a0ef1a3d9c0");
    buf_str(out, "</User>\r\n");
}

static void web_services(const struct call *call, enum side side, const struct mailbox *mailbox)
{
    struct buf *out = &call->response->body;

    url_element(call, "ASUrl", side, URL_EWS, mailbox);
    url_element(call, "EwsUrl", side, URL_EWS, mailbox);
    url_element(call, "EmwsUrl", side, URL_EWS, mailbox);
    url_element(call, "EcpUrl", side, URL_ECP, mailbox);
    element(out, "EcpUrl-um", "?p=customize/voicemail.aspx&exsvurl=1");
    url_element(call, "OOFUrl", side, URL_EWS, mailbox);
    url_element(call, "UMUrl", side, URL_EWS, mailbox);
    url_element(call, "OABUrl", side, URL_OAB, mailbox);
}

/* The mailbox is its own server, its GUID at the domain; or, as of old, a server is. */
static void exch_server(
    const struct config *config, const struct mailbox *mailbox, struct buf *ret_name)
{
    if (*config->exch_server != '\0')
        buf_str(ret_name, config->exch_server);
    else
        buf_fmt(ret_name, "%s@%s", mailbox->guid, config->dns_domain);
}

static void exch_section(const struct call *call, const struct mailbox *mailbox)
{
    struct buf *out = &call->response->body;
    const char *home = ad_text(mailbox->entry, "msExchHomeServerName");
    const char *last = strrchr(home, '=');
    struct buf name = {0};
    struct buf dn = {0};
    char text[300];

    exch_server(call->config, mailbox, &name);
    if (*call->config->exch_server != '\0') {
        buf_str(&dn, home);
    } else {
        buf_add(&dn, home, last ? (size_t)(last - home) + 1 : 0);
        buf_str(&dn, name.data);
    }
    buf_str(out, "<Protocol>\r\n<Type>EXCH</Type>\r\n");
    element(out, "Server", name.data);
    element(out, "ServerDN", dn.data);
    snprintf(text, sizeof text, "%08lX", packed_version(call->node->build));
    element(out, "ServerVersion", text);
    buf_str(&dn, "/cn=Microsoft Private MDB");
    element(out, "MdbDN", dn.data);
    element(out, "PublicFolderServer", call->config->external_name);
    element(out, "AuthPackage", "Anonymous");
    web_services(call, SIDE_INTERNAL, mailbox);
    buf_str(out, "<ServerExclusiveConnect>off</ServerExclusiveConnect>\r\n</Protocol>\r\n");
    buf_done(&name);
    buf_done(&dn);
}

/* In a list separated by commas, in any case. */
static bool has_word(const char *list, const char *word)
{
    size_t word_len = strlen(word);

    while (*list != '\0') {
        size_t len;

        list += strspn(list, ", ");
        len = strcspn(list, ", ");
        if (len == word_len && strncasecmp(list, word, len) == 0)
            return true;
        list += len;
    }
    return false;
}

static void expr_section(const struct call *call, const struct mailbox *mailbox)
{
    struct buf *out = &call->response->body;
    const char *handles = request_header(call->request, "X-ClientCanHandle");
    bool negotiate = handles != NULL && has_word(handles, "Negotiate");
    char text[300];

    buf_str(out, "<Protocol>\r\n<Type>EXPR</Type>\r\n");
    element(out, "Server", call->config->external_name);
    element(out, "SSL", "On");
    element(out, "AuthPackage", negotiate ? "Negotiate" : "Ntlm");
    web_services(call, SIDE_EXTERNAL, mailbox);
    snprintf(text, sizeof text, "msstd:%s", call->config->external_name);
    element(out, "CertPrincipalName", text);
    buf_str(out, "<ServerExclusiveConnect>on</ServerExclusiveConnect>\r\n</Protocol>\r\n");
}

static void web_section(const struct call *call, const struct mailbox *mailbox)
{
    static const struct {
        const char *name;
        const char *methods;
        const char *type;
        enum side side;
    } sides[] = {{"Internal", "Basic, Fba", "EXCH", SIDE_INTERNAL},
        {"External", "Fba", "EXPR", SIDE_EXTERNAL}};
    struct buf *out = &call->response->body;
    struct buf url = {0};

    buf_str(out, "<Protocol>\r\n<Type>WEB</Type>\r\n");
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        service_url(call, sides[i].side, URL_OWA, mailbox, &url);
        buf_fmt(out, "<%s>\r\n<OWAUrl AuthenticationMethod=\"%s\">%s</OWAUrl>\r\n<Protocol>\r\n",
            sides[i].name, sides[i].methods, url.data);
        element(out, "Type", sides[i].type);
        url_element(call, "ASUrl", sides[i].side, URL_EWS, mailbox);
        buf_fmt(out, "</Protocol>\r\n</%s>\r\n", sides[i].name);
    }
    buf_str(out, "</Protocol>\r\n");
    buf_done(&url);
}

/* 2.2.4.1.1.2.6.33: only for a client that says it can, by a header of 1 or more. */
static void mapi_http_section(const struct call *call, const struct mailbox *mailbox)
{
    static const struct {
        const char *name;
        enum service_url url;
    } stores[] = {{"MailStore", URL_MAPI_STORE}, {"AddressBook", URL_MAPI_ADDRESS_BOOK}};
    const char *capability = request_header(call->request, "X-MapiHttpCapability");
    struct buf *out = &call->response->body;

    if (mailbox->mapi_off || mailbox->mapi_http_off || node_is_old(call->node) ||
        capability == NULL || atoi(capability) < 1)
        return;
    buf_str(out, "<Protocol Type=\"mapiHttp\" Version=\"1\">\r\n");
    for (size_t i = 0; i < sizeof stores / sizeof stores[0]; i++) {
        buf_fmt(out, "<%s>\r\n", stores[i].name);
        url_element(call, "InternalUrl", SIDE_INTERNAL, stores[i].url, mailbox);
        url_element(call, "ExternalUrl", SIDE_EXTERNAL, stores[i].url, mailbox);
        buf_fmt(out, "</%s>\r\n", stores[i].name);
    }
    buf_str(out, "</Protocol>\r\n");
}

/* Mailboxes that Outlook opens by itself: those that list the user as a delegate. */
static void alternative_mailboxes(const struct call *call, const struct mailbox *mailbox)
{
    struct buf *out = &call->response->body;
    struct buf filter = {0};
    struct ad_result found = {0};

    buf_str(&filter, "(&(msExchMailboxGuid=*)(msExchDelegateListLink=");
    filter_escape(&filter, mailbox->dn);
    buf_str(&filter, "))");
    if (directory_search(call->config, filter.data, 20, &found)) {
        for (size_t i = 0; i < found.count; i++) {
            buf_str(out, "<AlternativeMailbox>\r\n<Type>Delegate</Type>\r\n");
            element(out, "DisplayName", ad_text(&found.entries[i], "displayName"));
            element(out, "SmtpAddress", ad_text(&found.entries[i], "mail"));
            element(out, "OwnerSmtpAddress", ad_text(&found.entries[i], "mail"));
            buf_str(out, "</AlternativeMailbox>\r\n");
        }
    }
    ad_result_done(&found);
    buf_done(&filter);
}

static void public_folders(const struct call *call)
{
    struct buf *out = &call->response->body;
    struct mailbox mailbox = {0};

    if (mailbox_of_public_folders(call->config, &mailbox) == LOOKUP_FOUND) {
        buf_str(out, "<PublicFolderInformation>\r\n");
        element(out, "SmtpAddress", mailbox.address);
        buf_str(out, "</PublicFolderInformation>\r\n");
    }
    mailbox_done(&mailbox);
}

static void settings_document(const struct call *call, const struct mailbox *mailbox)
{
    struct buf *out = &call->response->body;

    open_document(out, outlook_schema);
    user_section(out, mailbox);
    buf_str(out, "<Account>\r\n<AccountType>email</AccountType>\r\n<Action>settings</Action>\r\n"
                 "<MicrosoftOnline>False</MicrosoftOnline>\r\n");
    if (!mailbox->mapi_off)
        exch_section(call, mailbox);
    expr_section(call, mailbox);
    web_section(call, mailbox);
    mapi_http_section(call, mailbox);
    alternative_mailboxes(call, mailbox);
    public_folders(call);
    buf_str(out, "</Account>\r\n");
    close_document(out);
}

static void redirect_document(const struct call *call, const struct mailbox *mailbox)
{
    struct buf *out = &call->response->body;

    open_document(out, outlook_schema);
    buf_str(
        out, "<Account>\r\n<AccountType>email</AccountType>\r\n<Action>redirectAddr</Action>\r\n");
    element(out, "RedirectAddr", mailbox->target_address);
    buf_str(out, "</Account>\r\n");
    close_document(out);
}

static void answer_address(struct call *call, const char *address)
{
    struct mailbox mailbox = {0};

    switch (mailbox_by_address(call->config, address, &mailbox)) {
    case LOOKUP_UNAVAILABLE:
        error_document(call, outlook_schema, 500, "The Active Directory isn't available.");
        break;
    case LOOKUP_NONE:
    case LOOKUP_SEVERAL:
        error_document(call, outlook_schema, 500, "The e-mail address can't be found.");
        break;
    case LOOKUP_FOUND:
        if (mailbox.has_mailbox) {
            mailbox_headers(call->config, &mailbox, call->response);
            settings_document(call, &mailbox);
        } else if (*mailbox.target_address != '\0') {
            redirect_document(call, &mailbox);
        } else {
            error_document(call, outlook_schema, 500, "The e-mail address can't be found.");
        }
        break;
    }
    mailbox_done(&mailbox);
}

void autodiscover_pox(struct call *call)
{
    bool posted = strcmp(call->request->method, "POST") == 0;
    struct xml_node *document = posted ? xml_parse(&call->request->body) : NULL;
    const struct xml_node *request = xml_child(document, "Request", NULL);
    const char *address = xml_text(xml_child(request, "EMailAddress", NULL));
    const char *legacy_dn = xml_text(xml_child(request, "LegacyDN", NULL));
    const char *schema = xml_text(xml_child(request, "AcceptableResponseSchema", NULL));

    response_header(call->response, "Cache-Control", "private");
    response_header(call->response, "Content-Type", "text/xml; charset=utf-8");
    response_header(call->response, "X-AspNet-Version", "4.0.30319");
    if (document == NULL || request == NULL || strcmp(document->name, "Autodiscover") != 0 ||
        strcmp(document->space, request_schema) != 0 || (*address == '\0' && *legacy_dn == '\0') ||
        *schema == '\0')
        error_document(call, NULL, 600, "Invalid Request");
    else if (strcmp(schema, outlook_schema) != 0)
        error_document(call, NULL, 601, "Provider is not available");
    else
        answer_address(call, address);
    xml_free(document);
}
