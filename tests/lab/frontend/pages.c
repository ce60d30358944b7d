/* Health pages, IIS's own answers, and what stands where a protocol is not emulated. */
#include "handlers.h"

#include <string.h>
#include <strings.h>

/* The page is there only while its component is active. Without it http.sys answers, or the
 * connection is closed. True: so it is. */
static bool health_is_down(struct call *call)
{
    for (size_t i = 0; i < call->config->health_count; i++) {
        const struct health_rule *rule = &call->config->health[i];

        if (rule->vdir != call->route->vdir || strcasecmp(rule->node, call->node->netbios) != 0)
            continue;
        if (rule->status == 0)
            call->response->sent = true;
        else
            iis_error(call, rule->status, "Service Unavailable", "The service is unavailable.");
        return true;
    }
    return false;
}

/* "200 OK" and the node's name; no logon. */
void health_page(struct call *call)
{
    if (health_is_down(call))
        return;
    response_header(call->response, "Content-Type", "text/html");
    buf_fmt(&call->response->body, "200 OK<br/>%s", call->node->name);
}

void iis_error(struct call *call, int status, const char *title, const char *text)
{
    call->response->status = status;
    response_header(call->response, "Content-Type", "text/html");
    buf_fmt(&call->response->body,
        "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" "
        "\"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd\">\r\n"
        "<html xmlns=\"http://www.w3.org/1999/xhtml\">\r\n<head>\r\n<title>%s</title>\r\n"
        "</head>\r\n<body>\r\n<div id=\"header\"><h1>Server Error</h1></div>\r\n"
        "<div id=\"content\">\r\n<h2>%s</h2>\r\n<h3>%s</h3>\r\n</div>\r\n</body>\r\n</html>\r\n",
        title, title, text);
}

void iis_not_found(struct call *call)
{
    iis_error(call, 404, "404 - File or directory not found.",
        "The resource you are looking for might have been removed, had its name changed, or "
        "is temporarily unavailable.");
}

void iis_redirect(struct call *call, const char *location)
{
    call->response->status = 302;
    response_header(call->response, "Content-Type", "text/html; charset=utf-8");
    response_header(call->response, "Location", location);
    buf_str(&call->response->body,
        "<html><head><title>Object moved</title></head><body>\r\n<h2>Object moved to <a href=\"");
    buf_xml(&call->response->body, location);
    buf_str(&call->response->body, "\">here</a>.</h2>\r\n</body></html>\r\n");
}

void root_redirect(struct call *call)
{
    const char *host = request_header(call->request, "Host");
    struct buf location = {0};

    buf_fmt(&location, "https://%s/owa/", host ? host : call->config->external_name);
    iis_redirect(call, location.data);
    buf_done(&location);
}

void get_only_page(struct call *call)
{
    static const char *const titles[VDIR_COUNT] = {
        [VDIR_MAPI] = "Exchange MAPI/HTTP Connectivity Endpoint",
        [VDIR_ECP] = "Exchange Admin Center",
        [VDIR_OAB] = "Offline Address Book",
        [VDIR_RPC] = "RPC over HTTP",
    };
    const char *title = titles[call->route->vdir];
    const int *build = call->node->build;

    if (strcmp(call->request->method, "GET") != 0 && strcmp(call->request->method, "HEAD") != 0) {
        iis_error(call, 501, "501 - Not Implemented", "This protocol is not served here yet.");
        call->response->close = true;
        return;
    }
    if (call->route->vdir == VDIR_RPC)
        return; /* an empty 200, as rpcproxy.dll gives */
    response_header(call->response, "Content-Type", "text/html; charset=utf-8");
    buf_fmt(&call->response->body,
        "<html>\r\n<head>\r\n<title>%s</title>\r\n</head>\r\n<body>\r\n<p>%s<br><br>Version: "
        "%d.%d.%d.%d<br>User: ",
        title ? title : "", title ? title : "", build[0], build[1], build[2], build[3]);
    buf_xml(&call->response->body, call->who ? call->who->user : "");
    buf_fmt(&call->response->body,
        "<br>Authentication: %s<br>Front end server: %s</p>\r\n</body>\r\n</html>\r\n",
        call->who ? call->who->mech : "", call->node->name);
}

void activesync_options(struct call *call)
{
    static const struct header headers[] = {
        {"MS-Server-ActiveSync", "15.2"},
        {"MS-ASProtocolVersions", "2.0,2.1,2.5,12.0,12.1,14.0,14.1,16.0,16.1"},
        {"MS-ASProtocolCommands",
            "Sync,SendMail,SmartForward,SmartReply,GetAttachment,GetHierarchy,CreateCollection,"
            "DeleteCollection,MoveCollection,FolderSync,FolderCreate,FolderDelete,FolderUpdate,"
            "MoveItems,GetItemEstimate,MeetingResponse,Search,Settings,Ping,ItemOperations,"
            "Provision,"
            "ResolveRecipients,ValidateCert,Find"},
        {"Public", "OPTIONS,POST"},
        {"Allow", "OPTIONS,POST"},
    };

    if (strcmp(call->request->method, "OPTIONS") != 0) {
        iis_error(call, 501, "501 - Not Implemented", "Only OPTIONS is served here.");
        return;
    }
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        response_header(call->response, headers[i].name, headers[i].value);
}
