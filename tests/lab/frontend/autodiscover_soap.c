/* SOAP Autodiscover ([MS-OXWSADISC]): GetUserSettings. */
#include "autodiscover.h"
#include "xml.h"

#include <stdio.h>
#include <string.h>

#define NS_AUTODISCOVER "http://schemas.microsoft.com/exchange/2010/Autodiscover"
#define ACTION          "http://schemas.microsoft.com/exchange/2010/Autodiscover/Autodiscover/"

enum value {
    VALUE_INTERNAL_URL,
    VALUE_EXTERNAL_URL,
    VALUE_DISPLAY_NAME,
    VALUE_LEGACY_DN,
    VALUE_ADDRESS,
    VALUE_SERVER,
    VALUE_EXTERNAL_NAME,
    VALUE_VERSION,
    VALUE_FIXED
};

static const struct setting {
    const char *name;
    enum value value;
    enum service_url url;
    const char *fixed;
} settings[] = {
    {"UserDisplayName", VALUE_DISPLAY_NAME, 0, NULL},
    {"UserDN", VALUE_LEGACY_DN, 0, NULL},
    {"UserDeploymentId", VALUE_FIXED, 0, "5b7c1a30-51b6-4b3c-8a43-6a0ef1a3d9c0"},
    {"AutoDiscoverSMTPAddress", VALUE_ADDRESS, 0, NULL},
    {"InternalMailboxServer", VALUE_SERVER, 0, NULL},
    {"InternalEwsUrl", VALUE_INTERNAL_URL, URL_EWS, NULL},
    {"ExternalEwsUrl", VALUE_EXTERNAL_URL, URL_EWS, NULL},
    {"InternalEcpUrl", VALUE_INTERNAL_URL, URL_ECP, NULL},
    {"ExternalEcpUrl", VALUE_EXTERNAL_URL, URL_ECP, NULL},
    {"InternalOABUrl", VALUE_INTERNAL_URL, URL_OAB, NULL},
    {"ExternalOABUrl", VALUE_EXTERNAL_URL, URL_OAB, NULL},
    {"InternalUMUrl", VALUE_INTERNAL_URL, URL_EWS, NULL},
    {"ExternalUMUrl", VALUE_EXTERNAL_URL, URL_EWS, NULL},
    {"ExternalMailboxServer", VALUE_EXTERNAL_NAME, 0, NULL},
    {"ExternalMailboxServerRequiresSSL", VALUE_FIXED, 0, "On"},
    {"ExternalMailboxServerAuthenticationMethods", VALUE_FIXED, 0, "Ntlm"},
    {"CasVersion", VALUE_VERSION, 0, NULL},
    {"EwsSupportedSchemas", VALUE_FIXED, 0,
        "Exchange2007, Exchange2007_SP1, Exchange2010, Exchange2010_SP1, Exchange2010_SP2, "
        "Exchange2013, Exchange2013_SP1, Exchange2015, Exchange2016"},
};

static void open_envelope(struct call *call, const char *operation)
{
    const int *build = call->node->build;
    struct buf *out = &call->response->body;

    buf_str(out, "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" "
                 "xmlns:a=\"http://www.w3.org/2005/08/addressing\"><s:Header>");
    buf_fmt(out, "<a:Action s:mustUnderstand=\"1\">" ACTION "%sResponse</a:Action>", operation);
    buf_fmt(out,
        "<h:ServerVersionInfo xmlns:h=\"" NS_AUTODISCOVER "\"><h:MajorVersion>%d"
        "</h:MajorVersion><h:MinorVersion>%d</h:MinorVersion><h:MajorBuildNumber>%d"
        "</h:MajorBuildNumber><h:MinorBuildNumber>%d</h:MinorBuildNumber><h:Version>"
        "Exchange2015</h:Version></h:ServerVersionInfo></s:Header><s:Body>",
        build[0], build[1], build[2], build[3]);
}

static void setting_value(const struct call *call, const struct setting *setting,
    const struct mailbox *mailbox, struct buf *ret_value)
{
    const int *build = call->node->build;

    switch (setting->value) {
    case VALUE_INTERNAL_URL:
        service_url(call, SIDE_INTERNAL, setting->url, mailbox, ret_value);
        break;
    case VALUE_EXTERNAL_URL:
        service_url(call, SIDE_EXTERNAL, setting->url, mailbox, ret_value);
        break;
    case VALUE_DISPLAY_NAME:
        buf_str(ret_value, mailbox->display_name);
        break;
    case VALUE_LEGACY_DN:
        buf_str(ret_value, mailbox->legacy_dn);
        break;
    case VALUE_ADDRESS:
        buf_str(ret_value, mailbox->address);
        break;
    case VALUE_SERVER:
        buf_fmt(ret_value, "%s@%s", mailbox->guid, call->config->dns_domain);
        break;
    case VALUE_EXTERNAL_NAME:
        buf_str(ret_value, call->config->external_name);
        break;
    case VALUE_VERSION:
        buf_fmt(ret_value, "%02d.%02d.%04d.%03d", build[0], build[1], build[2], build[3]);
        break;
    case VALUE_FIXED:
        buf_str(ret_value, setting->fixed);
        break;
    }
}

static void user_settings(
    struct call *call, const struct xml_node *requested, const struct mailbox *mailbox)
{
    struct buf *out = &call->response->body;
    const struct xml_node *item = NULL;

    buf_str(out, "<UserSettings>");
    while ((item = xml_child(requested, "Setting", item)) != NULL) {
        for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
            struct buf value = {0};

            if (strcmp(settings[i].name, xml_text(item)) != 0)
                continue;
            setting_value(call, &settings[i], mailbox, &value);
            buf_fmt(out, "<UserSetting i:type=\"StringSetting\"><Name>%s</Name><Value>",
                settings[i].name);
            buf_xml(out, buf_text(&value));
            buf_str(out, "</Value></UserSetting>");
            buf_done(&value);
        }
    }
    buf_str(out, "</UserSettings>");
}

static void user_error(struct buf *out, const char *code, const char *text, const char *redirect)
{
    buf_fmt(out, "<ErrorCode>%s</ErrorCode><ErrorMessage>%s</ErrorMessage>", code, text);
    if (redirect != NULL) {
        buf_str(out, "<RedirectTarget>");
        buf_xml(out, redirect);
        buf_str(out, "</RedirectTarget>");
    } else {
        buf_str(out, "<RedirectTarget i:nil=\"true\"/>");
    }
    buf_str(out, "<UserSettingErrors/>");
}

static void user_response(struct call *call, const struct xml_node *requested, const char *address)
{
    struct buf *out = &call->response->body;
    struct mailbox mailbox = {0};
    enum lookup lookup = mailbox_by_address(call->config, address, &mailbox);
    bool here = lookup == LOOKUP_FOUND && mailbox.has_mailbox;

    buf_str(out, "<UserResponse>");
    if (lookup == LOOKUP_UNAVAILABLE)
        user_error(out, "ServerBusy", "The directory is not available.", NULL);
    else if (here)
        user_error(out, "NoError", "No error.", NULL);
    else if (lookup == LOOKUP_FOUND && *mailbox.target_address != '\0')
        user_error(out, "RedirectAddress", "Redirection address.", mailbox.target_address);
    else
        user_error(out, "InvalidUser", "The user is not found.", NULL);
    if (here)
        user_settings(call, requested, &mailbox);
    else
        buf_str(out, "<UserSettings/>");
    buf_str(out, "</UserResponse>");
    mailbox_done(&mailbox);
}

static void get_user_settings(struct call *call, const struct xml_node *request)
{
    struct buf *out = &call->response->body;
    const struct xml_node *users = xml_child(request, "Users", NULL);
    const struct xml_node *requested = xml_child(request, "RequestedSettings", NULL);
    const struct xml_node *user = NULL;

    open_envelope(call, "GetUserSettings");
    buf_str(out, "<GetUserSettingsResponseMessage xmlns=\"" NS_AUTODISCOVER "\"><Response "
                 "xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\">"
                 "<ErrorCode>NoError</ErrorCode><ErrorMessage/><UserResponses>");
    while ((user = xml_child(users, "User", user)) != NULL)
        user_response(call, requested, xml_text(xml_child(user, "Mailbox", NULL)));
    buf_str(out, "</UserResponses></Response></GetUserSettingsResponseMessage></s:Body>"
                 "</s:Envelope>");
}

static void soap_fault(struct call *call, const char *code, const char *text)
{
    struct buf *out = &call->response->body;

    call->response->status = 500;
    open_envelope(call, "Fault");
    buf_fmt(out,
        "<s:Fault><faultcode xmlns:a=\"http://schemas.microsoft.com/ws/2005/05/addressing/"
        "none\">%s</faultcode><faultstring xml:lang=\"en-US\">%s</faultstring></s:Fault>"
        "</s:Body></s:Envelope>",
        code, text);
}

void autodiscover_soap(struct call *call)
{
    struct xml_node *document = xml_parse(&call->request->body);
    const struct xml_node *body = xml_child(document, "Body", NULL);
    const struct xml_node *message = xml_child(body, "GetUserSettingsRequestMessage", NULL);
    const struct xml_node *request = xml_child(message, "Request", NULL);

    response_header(call->response, "Cache-Control", "private");
    response_header(call->response, "Content-Type", "text/xml; charset=utf-8");
    if (strcmp(call->request->method, "POST") != 0)
        buf_str(&call->response->body, "<html><head><title>Autodiscover Service</title></head>"
                                       "<body>You have created a service.</body></html>");
    else if (body == NULL)
        soap_fault(call, "s:Client", "The message is not a SOAP envelope.");
    else if (request == NULL)
        soap_fault(call, "a:ActionNotSupported",
            "The message cannot be processed at the receiver, due to a ContractFilter "
            "mismatch at the EndpointDispatcher.");
    else
        get_user_settings(call, request);
    xml_free(document);
}
