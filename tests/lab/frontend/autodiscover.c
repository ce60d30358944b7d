#include "autodiscover.h"

#include <string.h>
#include <strings.h>

static const struct {
    const char *path;
    bool mailbox_id; /* ends in the mailbox's GUID and domain */
} urls[URL_COUNT] = {
    [URL_EWS] = {"/EWS/Exchange.asmx", false},
    [URL_OAB] = {"/OAB/0b2aeb3d-7a9b-4d0e-9d0e-5f6b5f8f2c11/", false},
    [URL_OWA] = {"/owa/", false},
    [URL_ECP] = {"/ecp/", false},
    [URL_MAPI_STORE] = {"/mapi/emsmdb/?MailboxId=", true},
    [URL_MAPI_ADDRESS_BOOK] = {"/mapi/nspi/?MailboxId=", true},
    [URL_ACTIVESYNC] = {"/Microsoft-Server-ActiveSync", false},
    [URL_AUTODISCOVER] = {"/autodiscover/autodiscover.xml", false},
};

const char *side_host(const struct config *config, enum side side)
{
    return side == SIDE_INTERNAL && *config->internal_name != '\0' ? config->internal_name
                                                                   : config->external_name;
}

void service_url(const struct call *call, enum side side, enum service_url url,
    const struct mailbox *mailbox, struct buf *ret_url)
{
    const struct config *config = call->config;

    buf_clear(ret_url);
    buf_fmt(ret_url, "https://%s%s", side_host(config, side), urls[url].path);
    if (urls[url].mailbox_id)
        buf_fmt(ret_url, "%s@%s", mailbox->guid, config->dns_domain);
}

unsigned long packed_version(const int build[4])
{
    return 0x70008000ul | (unsigned long)build[0] << 22 | (unsigned long)build[1] << 16 |
           (unsigned long)build[2];
}

/* Autodiscover v2 ([MS-OXDSCLI] knows it as JSON): no logon, one URL per protocol. */
static const struct {
    const char *protocol;
    enum service_url url;
} v2_protocols[] = {
    {"ActiveSync", URL_ACTIVESYNC},
    {"Ews", URL_EWS},
    {"AutodiscoverV1", URL_AUTODISCOVER},
};

static void json_error(struct call *call, int status, const char *code, const char *text)
{
    struct buf *body = &call->response->body;

    call->response->status = status;
    buf_fmt(body, "{\"ErrorCode\":\"%s\",\"ErrorMessage\":", code);
    buf_json(body, text);
    buf_str(body, "}");
}

static void json_protocol(struct call *call, const char *protocol, const struct mailbox *mailbox)
{
    struct buf url = {0};

    for (size_t i = 0; i < sizeof v2_protocols / sizeof v2_protocols[0]; i++) {
        if (strcasecmp(v2_protocols[i].protocol, protocol) != 0)
            continue;
        service_url(call, SIDE_EXTERNAL, v2_protocols[i].url, mailbox, &url);
        buf_str(&call->response->body, "{\"Protocol\":");
        buf_json(&call->response->body, v2_protocols[i].protocol);
        buf_str(&call->response->body, ",\"Url\":");
        buf_json(&call->response->body, url.data);
        buf_str(&call->response->body, "}");
        buf_done(&url);
        return;
    }
    json_error(call, 400, "InvalidProtocol",
        "The given protocol value is invalid. Supported values are "
        "'ActiveSync,AutodiscoverV1,Ews'.");
}

static void json_answer(struct call *call, const char *address, const char *protocol)
{
    struct mailbox mailbox = {0};

    if (strchr(address, '@') == NULL) {
        json_error(call, 400, "MandatoryParameterMissing", "A valid smtp address must be provided");
        return;
    }
    switch (mailbox_by_address(call->config, address, &mailbox)) {
    case LOOKUP_FOUND:
        if (mailbox.has_mailbox)
            json_protocol(call, protocol, &mailbox);
        else
            json_error(call, 404, "UserNotFound", "The given user is not found");
        break;
    case LOOKUP_NONE:
    case LOOKUP_SEVERAL:
        json_error(call, 404, "UserNotFound", "The given user is not found");
        break;
    case LOOKUP_UNAVAILABLE:
        json_error(call, 500, "InternalServerError", "The directory is not available");
        break;
    }
    mailbox_done(&mailbox);
}

/* autodiscover.json?Email=a&Protocol=p, or autodiscover.json/v1.0/a?Protocol=p */
void autodiscover_json(struct call *call)
{
    static const char below[] = "/autodiscover/autodiscover.json/v1.0/";
    struct buf address = {0};
    struct buf protocol = {0};

    response_header(call->response, "Content-Type", "application/json; charset=utf-8");
    form_value(call->request->query, "Protocol", &protocol);
    if (strncasecmp(call->request->path, below, sizeof below - 1) == 0)
        buf_str(&address, call->request->path + sizeof below - 1);
    else
        form_value(call->request->query, "Email", &address);
    json_answer(call, buf_text(&address), buf_text(&protocol));
    buf_done(&address);
    buf_done(&protocol);
}
