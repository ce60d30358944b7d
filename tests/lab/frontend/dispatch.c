#include "dispatch.h"

#include "handlers.h"
#include "log.h"
#include "mapi/back_end.h"
#include "mapi/mapi_faults.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { REQUEST_MS = 30000 };

static void add_request_id(struct response *response)
{
    unsigned char b[16] = {0};
    char text[40];

    RAND_bytes(b, sizeof b);
    snprintf(text, sizeof text,
        "%02x%02x%02x%02x-%02x%02x-4%01x%02x-8%01x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
        b[3], b[4], b[5], b[6] & 15u, b[7], b[8] & 15u, b[9], b[10], b[11], b[12], b[13], b[14],
        b[15]);
    response_header(response, "request-id", text);
}

/* What IIS and the front end's modules put on every answer below a virtual directory. */
static void common_headers(const struct call *call)
{
    const int *build = call->node->build;
    char version[64];

    response_header(call->response, "Server", "Microsoft-IIS/10.0");
    if (call->route != NULL) {
        add_request_id(call->response);
        if (vdir_shows_owa_version(call->route->vdir)) {
            snprintf(
                version, sizeof version, "%d.%d.%d.%d", build[0], build[1], build[2], build[3]);
            response_header(call->response, "X-OWA-Version", version);
        }
        response_header(call->response, "X-FEServer", call->node->netbios);
    }
    response_header(call->response, "X-Powered-By", "ASP.NET");
}

/* Port 80: every directory requires TLS; a site may redirect Autodiscover. */
static void serve_clear(struct call *call)
{
    static const char autodiscover[] = "/autodiscover/";

    if (*call->config->http_redirect != '\0' &&
        strncasecmp(call->request->path, autodiscover, sizeof autodiscover - 1) == 0)
        iis_redirect(call, call->config->http_redirect);
    else
        iis_error(call, 403, "403 - Forbidden: Access is denied.",
            "The page you are trying to access is secured with Secure Sockets Layer (SSL).");
}

static void redirect_to_form(struct call *call)
{
    const char *host = request_header(call->request, "Host");
    struct buf destination = {0};

    buf_fmt(&destination, "https://%s%s", host ? host : call->config->external_name,
        call->request->path);
    owa_redirect_to_logon(call, destination.data, 0);
    buf_done(&destination);
}

/* True: the handler may run. Else the response is complete. */
static bool may_run(struct connection *connection, struct call *call, struct auth_step *step)
{
    const struct route *route = call->route;
    bool forms = route->access == ACCESS_FORMS &&
                 (call->config->vdirs[route->vdir].schemes & SCHEME_FORMS) != 0;

    if (route->access == ACCESS_ANONYMOUS)
        return true;
    if (forms && owa_session_find(call->request, &step->who)) {
        call->credentials = true;
        call->who = &step->who;
        return true;
    }
    if (forms && request_header(call->request, "Authorization") == NULL) {
        redirect_to_form(call);
        return false;
    }
    if (auth_request(&connection->auth, route->vdir, call->request, call->response, step) !=
        AUTH_ACCEPT) {
        call->note = step->reason;
        return false;
    }
    call->who = &step->who;
    return true;
}

/* What http.sys refuses before IIS sees it. */
static void refuse(struct call *call, int status)
{
    static const struct {
        int status;
        const char *title;
        const char *text;
    } refusals[] = {
        {413, "Request Entity Too Large", "The request body is too large."},
        {501, "Not Implemented", "The request transfer encoding type is not supported."},
        {505, "Version Not Supported", "The HTTP version is not supported."},
        {400, "Bad Request", "The request is badly formed."},
    };
    size_t i = 0;

    while (refusals[i].status != status && refusals[i].status != 400)
        i++;
    buf_clear(&call->response->headers);
    call->response->status = status;
    call->response->close = true;
    response_header(call->response, "Content-Type", "text/html; charset=us-ascii");
    response_header(call->response, "Server", "Microsoft-HTTPAPI/2.0");
    buf_fmt(&call->response->body,
        "<HTML><HEAD><TITLE>%s</TITLE></HEAD>\r\n<BODY><h2>%s</h2>\r\n<hr><p>HTTP Error %d. %s</p>"
        "\r\n</BODY></HTML>\r\n",
        refusals[i].title, refusals[i].title, status, refusals[i].text);
}

static void log_call(
    const struct connection *connection, const struct call *call, const struct auth_step *step)
{
    static const char *const bindings[] = {
        [BINDING_NONE] = "none", [BINDING_RIGHT] = "right", [BINDING_WRONG] = "wrong"};
    char user[512];

    snprintf(user, sizeof user, "%s%s%s", step->who.domain, *step->who.domain ? "\\" : "",
        *call->form_user ? call->form_user : step->who.user);
    log_write(&(struct log_line){
        .node = connection->node->name,
        .port = connection->tls ? 443 : 80,
        .method = call->request->method,
        .path = call->request->path,
        .scheme = *call->form_user ? "forms" : scheme_str(step->who.scheme),
        .mech = step->who.mech,
        .user = user,
        .binding = step->who.mech ? bindings[step->who.binding] : "",
        .note = call->note,
        .status = call->response->status,
        .credentials = call->credentials,
    });
}

/* A load balancer that does not keep a client's requests together: this one reaches another node,
 * which knows nothing of the challenge. */
static void move_elsewhere(struct connection *connection, struct call *call)
{
    const struct config *config = connection->config;
    bool rpc = call->route != NULL && call->route->vdir == VDIR_RPC;

    if (!auth_challenged(&connection->auth) ||
        (fault_find(&config->faults, FAULT_NTLM_MOVED, call->node->name) == NULL &&
            !(rpc && fault_find(&config->faults, FAULT_RPC_MOVED, call->node->name) != NULL)))
        return;
    auth_forget(&connection->auth);
    for (size_t i = 0; i < config->node_count; i++) {
        if (&config->nodes[i] != connection->node && !config->nodes[i].website) {
            call->node = &config->nodes[i];
            return;
        }
    }
}

static void serve(struct connection *connection, struct call *call, struct auth_step *step)
{
    bool foreign = foreign_node(call);
    int status = 0;

    call->route = connection->tls && !foreign ? route_find(call->request->path) : NULL;
    call->credentials = request_header(call->request, "Authorization") != NULL;
    move_elsewhere(connection, call);
    if (!foreign)
        common_headers(call);
    if (call->route == NULL || !call->route->stream)
        status = http_read_body(&connection->http, call->request, clock_ms() + REQUEST_MS);
    if (status != 0)
        refuse(call, status > 0 ? status : 400);
    else if (foreign)
        foreign_page(call, connection->tls);
    else if (!connection->tls)
        serve_clear(call);
    else if (call->route == NULL)
        iis_not_found(call);
    else if (mapi_fault_before_logon(call))
        return;
    else if (may_run(connection, call, step) && !back_end_is_gone(call))
        call->route->handle(call);
    /* A body nobody has read would be taken for the next request. */
    if (!call->request->body_read && (call->request->content_length > 0 || call->request->chunked))
        call->response->close = true;
}

/* Without a word of warning: the answer has no `Connection: close`. */
static bool ends_after_challenge(const struct connection *connection)
{
    return auth_challenged(&connection->auth) &&
           fault_find(&connection->config->faults, FAULT_NTLM_CLOSED, connection->node->name) !=
               NULL;
}

bool dispatch_one(struct connection *connection)
{
    struct request request = {0};
    struct response response = {.status = 200};
    struct auth_step step = {0};
    struct call call = {
        .config = connection->config,
        .node = connection->node,
        .conn = &connection->http,
        .request = &request,
        .response = &response,
    };
    int64_t idle = clock_ms() + (int64_t)connection->config->idle_seconds * 1000;
    int status = http_read_head(&connection->http, &request, idle);
    bool goes_on = false;

    if (status == 0)
        serve(connection, &call, &step);
    else if (status > 0)
        refuse(&call, status);
    if (status >= 0) {
        if (!request_keeps_alive(&request))
            response.close = true;
        log_call(connection, &call, &step);
        goes_on = response.sent
                      ? response.stays
                      : http_write(&connection->http, &request, &response, clock_ms() + REQUEST_MS);
        goes_on = goes_on && !response.close && !ends_after_challenge(connection);
    }
    buf_done(&step.token);
    request_done(&request);
    response_done(&response);
    return goes_on;
}
