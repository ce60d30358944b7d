#include "ews.h"

#include "mapi/back_end.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NS_MESSAGES "http://schemas.microsoft.com/exchange/services/2006/messages"
#define NS_TYPES    "http://schemas.microsoft.com/exchange/services/2006/types"
#define NS_ERRORS   "http://schemas.microsoft.com/exchange/services/2006/errors"
#define NS_SOAP     "http://schemas.xmlsoap.org/soap/envelope/"

static const struct operation {
    const char *name;
    bool messages; /* the response is a list of response messages */
    bool opens_mailbox;
    void (*run)(struct ews_call *ews);
} operations[] = {
    {"GetFolder", true, true, ews_get_folder},
    {"FindFolder", true, true, ews_find_folder},
    {"FindItem", true, true, ews_find_item},
    {"GetItem", true, true, ews_get_item},
    {"ResolveNames", true, false, ews_resolve_names},
    {"ConvertId", true, false, ews_convert_id},
    {"GetServerTimeZones", true, false, ews_time_zones},
};

/* ExchangeVersionType of the schema. */
static const char *const versions[] = {
    "Exchange2007",
    "Exchange2007_SP1",
    "Exchange2009",
    "Exchange2010",
    "Exchange2010_SP1",
    "Exchange2010_SP2",
    "Exchange2012",
    "Exchange2013",
    "Exchange2013_SP1",
    "Exchange2015",
    "Exchange2016",
    "V2015_10_05",
    "V2016_01_06",
    "V2016_04_13",
    "V2016_07_13",
    "V2016_10_10",
    "V2017_01_07",
    "V2017_04_14",
    "V2017_07_11",
};

static bool known_version(const char *version)
{
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++)
        if (strcmp(versions[i], version) == 0)
            return true;
    return false;
}

static void server_version(const struct call *call, struct buf *out)
{
    const int *build = call->node->build;

    buf_fmt(out,
        "<s:Header><h:ServerVersionInfo MajorVersion=\"%d\" MinorVersion=\"%d\" "
        "MajorBuildNumber=\"%d\" MinorBuildNumber=\"%d\" Version=\"V2017_07_11\" "
        "xmlns:h=\"" NS_TYPES "\" xmlns=\"" NS_TYPES "\" "
        "xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" "
        "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"/></s:Header>",
        build[0], build[1], build[2], build[3]);
}

static void open_envelope(struct buf *out)
{
    buf_str(out, "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope xmlns:s=\"" NS_SOAP "\">");
}

/* HTTP 500 with a fault, as the service refuses a request as a whole. */
static void soap_fault(
    struct call *call, bool with_version, const struct ews_error *error, const char *violation)
{
    struct buf *out = &call->response->body;

    call->response->status = 500;
    buf_clear(out);
    open_envelope(out);
    if (with_version)
        server_version(call, out);
    buf_fmt(out,
        "<s:Body><s:Fault><faultcode xmlns:a=\"" NS_TYPES "\">a:%s</faultcode>"
        "<faultstring xml:lang=\"en-US\">%s</faultstring><detail>"
        "<e:ResponseCode xmlns:e=\"" NS_ERRORS "\">%s</e:ResponseCode>"
        "<e:Message xmlns:e=\"" NS_ERRORS "\">%s</e:Message>",
        error->code, error->text, error->code, error->text);
    if (violation != NULL)
        buf_fmt(out,
            "<t:MessageXml xmlns:t=\"" NS_TYPES "\"><t:LineNumber>0</t:LineNumber>"
            "<t:LinePosition>0</t:LinePosition><t:Violation>%s</t:Violation></t:MessageXml>",
            violation);
    buf_str(out, "</detail></s:Fault></s:Body></s:Envelope>");
}

void ews_open_message(struct ews_call *ews, const char *operation)
{
    buf_fmt(ews->out,
        "<m:%sResponseMessage ResponseClass=\"Success\"><m:ResponseCode>NoError"
        "</m:ResponseCode>",
        operation);
}

void ews_close_message(struct ews_call *ews, const char *operation)
{
    buf_fmt(ews->out, "</m:%sResponseMessage>", operation);
}

void ews_error_message(struct ews_call *ews, const char *operation, const struct ews_error *error)
{
    buf_fmt(ews->out,
        "<m:%sResponseMessage ResponseClass=\"Error\"><m:MessageText>%s</m:MessageText>"
        "<m:ResponseCode>%s</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>",
        operation, error->text, error->code);
    if (strcmp(operation, "GetFolder") == 0)
        buf_str(ews->out, "<m:Folders/>");
    if (strcmp(operation, "GetItem") == 0)
        buf_str(ews->out, "<m:Items/>");
    ews_close_message(ews, operation);
}

static const struct operation *find_operation(const struct xml_node *body)
{
    if (body == NULL || body->first == NULL || strcmp(body->first->space, NS_MESSAGES) != 0)
        return NULL;
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if (strcmp(operations[i].name, body->first->name) == 0)
            return &operations[i];
    return NULL;
}

/* How many days the password still lasts; Exchange says so in the last month. */
static void expiry_header(const struct call *call, const struct mailbox *account)
{
    char days[16];

    if (account->expires_days < 0 || account->expires_days > 30)
        return;
    snprintf(days, sizeof days, "%d", account->expires_days);
    response_header(call->response, "X-MS-Credentials-Expire", days);
}

static void run_operation(
    struct call *call, const struct operation *operation, const struct xml_node *node)
{
    static const struct ews_error unavailable = {
        "ErrorADUnavailable", "The Active Directory isn't available. Try again later."};
    static const struct ews_error offline = {
        "ErrorMailboxStoreUnavailable", "The mailbox database is temporarily unavailable."};
    struct ews_call ews = {.call = call, .operation = node, .out = &call->response->body};

    if (mailbox_of(call->config, call->who, &ews.account) != LOOKUP_FOUND) {
        soap_fault(call, true, &unavailable, NULL);
        mailbox_done(&ews.account);
        return;
    }
    if (ews.account.ews_off) {
        call->response->status = 403;
        mailbox_done(&ews.account);
        return;
    }
    expiry_header(call, &ews.account);
    if (ews.account.has_mailbox)
        mailbox_headers(call->config, &ews.account, call->response);
    open_envelope(ews.out);
    server_version(call, ews.out);
    buf_fmt(ews.out,
        "<s:Body xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
        "xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"><m:%sResponse xmlns:m=\"" NS_MESSAGES
        "\" xmlns:t=\"" NS_TYPES "\"><m:ResponseMessages>",
        operation->name);
    if (back_end_is_offline(call->config) && operation->opens_mailbox)
        ews_error_message(&ews, operation->name, &offline);
    else
        operation->run(&ews);
    buf_fmt(ews.out, "</m:ResponseMessages></m:%sResponse></s:Body></s:Envelope>", operation->name);
    mailbox_done(&ews.account);
}

static void serve_soap(struct call *call, const struct xml_node *document)
{
    static const struct ews_error schema = {
        "ErrorSchemaValidation", "The request failed schema validation."};
    static const struct ews_error version = {
        "ErrorInvalidServerVersion", "The specified server version is invalid."};
    const struct xml_node *header = xml_child(document, "Header", NULL);
    const struct xml_node *body = xml_child(document, "Body", NULL);
    const struct xml_node *asked = xml_child(header, "RequestServerVersion", NULL);
    const struct operation *operation = find_operation(body);

    if (document == NULL || strcmp(document->name, "Envelope") != 0 || body == NULL ||
        strcmp(document->space, NS_SOAP) != 0)
        soap_fault(call, false, &schema, "The request is not a SOAP envelope.");
    else if (asked != NULL && !known_version(xml_attribute(asked, "Version")))
        soap_fault(call, true, &version, NULL);
    else if (operation == NULL)
        soap_fault(call, true, &schema, "The element of the body is not expected.");
    else
        run_operation(call, operation, body->first);
}

/* EwsApplicationAccessPolicy: who is not on the list of applications is turned away after logon. */
static bool agent_may(const struct call *call)
{
    const char *agent = request_header(call->request, "User-Agent");
    const char *only = call->config->ews_only_agent;

    return *only == '\0' || (agent != NULL && strncasecmp(agent, only, strlen(only)) == 0);
}

void ews_service(struct call *call)
{
    struct xml_node *document;

    if (!agent_may(call)) {
        call->response->status = 403;
        return;
    }
    response_header(call->response, "Cache-Control", "private");
    response_header(call->response, "X-AspNet-Version", "4.0.30319");
    if (strcmp(call->request->method, "POST") != 0) {
        response_header(call->response, "Content-Type", "text/html; charset=UTF-8");
        buf_str(&call->response->body,
            "<HTML><HEAD><TITLE>Service</TITLE></HEAD><BODY><P>You have created a service."
            "</P></BODY></HTML>");
        return;
    }
    response_header(call->response, "Content-Type", "text/xml; charset=utf-8");
    document = xml_parse(&call->request->body);
    serve_soap(call, document);
    xml_free(document);
}
