#include "mapi_faults.h"

#include "gromox.h"
#include "rpc_pdu.h"
#include "session.h"
#include "target.h"

#include <stdio.h>
#include <string.h>

/* Where a fault is played. */
enum point {
    POINT_VERB,        /* the verbs of RPC over HTTP meet a filter */
    POINT_OVERLOAD,    /* http.sys answers for /rpc */
    POINT_NO_MAPI,     /* there is no /mapi */
    POINT_RPC_ERROR,   /* 503 RPC Error: `code` */
    POINT_NO_TARGET,   /* 404 for every server name */
    POINT_GET_RPC,     /* a GET of rpcproxy.dll is 503 */
    POINT_IN_CHANNEL,  /* buffered for ever */
    POINT_RPC,         /* a fault PDU with `code` */
    POINT_ENCRYPTION,  /* `code` to who connects without packet privacy */
    POINT_RPC_CONNECT, /* `code` to who connects over RPC */
    POINT_CONNECT,     /* `code` to everybody who connects */
    POINT_LOGON,       /* `code` to logons to mailboxes */
    POINT_LOGON_OTHER, /* to those of others */
    POINT_LOGON_PUBLIC,
    POINT_BOOK,         /* `code` to who binds to the address book */
    POINT_HTTP,         /* X-ResponseCode `code` to everything */
    POINT_HTTP_CONTEXT, /* to what needs a session */
    POINT_HTTP_PAGE,    /* 200 and HTML */
    POINT_GROMOX,  /* gromox serves /mapi; `code` is the X-ResponseCode of POINT_HTTP_CONTEXT */
    POINT_HOME,    /* logons are redirected; `code`: enum home */
    POINT_BACK_END /* `code`: enum back_end */
};

static const struct play {
    const char *id;
    enum point point;
    uint32_t code;
} plays[] = {
    {"R01", POINT_RPC_ERROR, 0x6ba},
    {"R02", POINT_NO_TARGET, 0},
    {"R04", POINT_GET_RPC, 0},
    {"R05", POINT_VERB, 501},
    {"R05-405", POINT_VERB, 405},
    {"R06", POINT_OVERLOAD, 503},
    {"R07", POINT_ENCRYPTION, 0x970},
    {"R08", POINT_RPC_CONNECT, 0x4e0},
    {"T05", POINT_IN_CHANNEL, 0},
    {"A15", POINT_RPC, RPC_ACCESS_DENIED},
    {"M01", POINT_NO_MAPI, 404},
    {"M02", POINT_HTTP, CODE_INVALID_REQUEST_TYPE},
    {"M02-2", POINT_HTTP, CODE_INVALID_VERB},
    {"M02-7", POINT_HTTP, CODE_MISSING_HEADER},
    {"M03", POINT_HTTP_CONTEXT, CODE_CONTEXT_NOT_FOUND},
    {"M03-6", POINT_HTTP_CONTEXT, CODE_INVALID_CONTEXT_COOKIE},
    {"M03-13", POINT_HTTP_CONTEXT, CODE_MISSING_COOKIE},
    {"M03-15", POINT_HTTP_CONTEXT, CODE_INVALID_SEQUENCE},
    {"M04", POINT_HTTP, CODE_ANONYMOUS_NOT_ALLOWED},
    {"M05", POINT_HTTP_CONTEXT, CODE_NO_PRIVILEGE},
    {"M06", POINT_HTTP, 16},
    {"M06-18", POINT_HTTP, 18},
    {"M07", POINT_HTTP_PAGE, 0},
    {"M09", POINT_LOGON, EC_LOGIN_FAILURE},
    {"M10", POINT_LOGON, EC_UNKNOWN_USER},
    {"M11", POINT_LOGON, 0x3f2},
    {"M12", POINT_LOGON, EC_WRONG_SERVER},
    {"M13", POINT_LOGON, 0x47f},
    {"M14", POINT_LOGON, EC_MAILBOX_IN_TRANSIT},
    {"M14-disabled", POINT_LOGON, 0x96c},
    {"M15", POINT_LOGON, 0x11c},
    {"M16", POINT_LOGON_OTHER, EC_ACCESS_DENIED},
    {"M17", POINT_CONNECT, 0x4e1},
    {"M18", POINT_CONNECT, 0x4df},
    {"M19", POINT_LOGON_PUBLIC, EC_LOGIN_FAILURE},
    {"M20", POINT_LOGON, 0x80040115},
    {"M21", POINT_BOOK, 0x80004005},
    {"M08", POINT_GROMOX, CODE_MISSING_COOKIE},
    {"M08-works", POINT_GROMOX, CODE_OK},
    {"redirect", POINT_HOME, HOME_SECOND},
    {"redirect-guid", POINT_HOME, HOME_MAILBOX},
    {"V05", POINT_BACK_END, BACK_END_NOT_LOCATED},
    {"V05-backend", POINT_BACK_END, BACK_END_DOWN},
    {"V05-dismounted", POINT_BACK_END, BACK_END_OFFLINE},
};

/* What is to be played at this point; NULL: nothing. */
static const struct play *find(const struct config *config, enum point point)
{
    for (size_t i = 0; i < config->faults.count; i++) {
        const struct fault_def *on = config->faults.on[i];

        for (size_t k = 0; on->kind == FAULT_MAPI && k < sizeof plays / sizeof plays[0]; k++)
            if (plays[k].point == point && strcmp(plays[k].id, on->id) == 0)
                return &plays[k];
    }
    return NULL;
}

static uint32_t code_at(const struct config *config, enum point point)
{
    const struct play *play = find(config, point);

    return play != NULL ? play->code : 0;
}

/* A web application firewall that knows the verbs of browsers only. */
static void filter_page(struct call *call, int status)
{
    call->response->status = status;
    call->response->close = true;
    buf_clear(&call->response->headers);
    response_header(call->response, "Server", "BigIP");
    response_header(call->response, "Content-Type", "text/html; charset=utf-8");
    buf_str(&call->response->body,
        "<html><head><title>Request Rejected</title></head><body>The requested URL was rejected. "
        "Your support ID is: 1234567890</body></html>");
}

/* http.sys, when the application pool takes no more. */
static void overload_page(struct call *call)
{
    call->response->status = 503;
    call->response->close = true;
    buf_clear(&call->response->headers);
    response_header(call->response, "Server", "Microsoft-HTTPAPI/2.0");
    response_header(call->response, "Content-Type", "text/html; charset=us-ascii");
    buf_str(&call->response->body,
        "<HTML><HEAD><TITLE>Service Unavailable</TITLE></HEAD>\r\n<BODY><h2>Service Unavailable"
        "</h2>\r\n<hr><p>HTTP Error 503. The service is unavailable.</p>\r\n</BODY></HTML>\r\n");
}

bool mapi_fault_before_logon(struct call *call)
{
    const struct play *verb = find(call->config, POINT_VERB);

    if (verb != NULL && strncmp(call->request->method, "RPC_", 4) == 0) {
        filter_page(call, (int)verb->code);
        return true;
    }
    if (call->route != NULL && call->route->handle == health_page && node_is_old(call->node)) {
        iis_not_found(call); /* from Exchange 2013 on */
        return true;
    }
    if (call->route == NULL || call->route->access == ACCESS_ANONYMOUS)
        return false;
    if (call->route->vdir == VDIR_RPC && find(call->config, POINT_OVERLOAD) != NULL) {
        overload_page(call);
        return true;
    }
    if (call->route->vdir == VDIR_MAPI &&
        (node_is_old(call->node) || find(call->config, POINT_NO_MAPI) != NULL)) {
        iis_not_found(call);
        return true;
    }
    if (call->route->vdir == VDIR_MAPI && mapi_fault_gromox(call->config))
        gromox_headers(call);
    return false;
}

bool mapi_fault_proxy(struct call *call)
{
    bool channel = strncmp(call->request->method, "RPC_", 4) == 0;
    const struct play *error = find(call->config, POINT_RPC_ERROR);

    if (!channel && find(call->config, POINT_GET_RPC) != NULL) {
        iis_error(call, 503, "Service Unavailable", "The service is unavailable.");
        return true;
    }
    if (!channel || call->request->content_length <= 16) /* the proxy itself answers an echo */
        return false;
    if (error != NULL) {
        rpc_proxy_error(call, error->code);
        return true;
    }
    if (find(call->config, POINT_NO_TARGET) != NULL) {
        iis_not_found(call);
        call->response->close = true;
        return true;
    }
    return false;
}

bool mapi_fault_in_channel(const struct config *config)
{
    return find(config, POINT_IN_CHANNEL) != NULL;
}

uint32_t mapi_fault_rpc(const struct config *config)
{
    return code_at(config, POINT_RPC);
}

uint32_t mapi_fault_connect(const struct config *config, const struct connect *connect)
{
    if (!connect->encrypted && find(config, POINT_ENCRYPTION) != NULL)
        return code_at(config, POINT_ENCRYPTION);
    if (!connect->http && find(config, POINT_RPC_CONNECT) != NULL)
        return code_at(config, POINT_RPC_CONNECT);
    return code_at(config, POINT_CONNECT);
}

uint32_t mapi_fault_logon(const struct config *config, bool own, bool public)
{
    if (public)
        return code_at(config, POINT_LOGON_PUBLIC);
    if (!own && find(config, POINT_LOGON_OTHER) != NULL)
        return code_at(config, POINT_LOGON_OTHER);
    return code_at(config, POINT_LOGON);
}

enum home mapi_fault_home(const struct config *config)
{
    return (enum home)code_at(config, POINT_HOME);
}

enum back_end mapi_fault_back_end(const struct config *config)
{
    return (enum back_end)code_at(config, POINT_BACK_END);
}

bool mapi_fault_gromox(const struct config *config)
{
    return find(config, POINT_GROMOX) != NULL;
}

uint32_t mapi_fault_address_book(const struct config *config)
{
    return code_at(config, POINT_BOOK);
}

int mapi_fault_http(struct call *call, bool needs_context)
{
    if (find(call->config, POINT_HTTP_PAGE) != NULL) {
        response_header(call->response, "Content-Type", "text/html; charset=utf-8");
        buf_str(&call->response->body,
            "<html><head><title>Sorry</title></head><body>Something went wrong.</body></html>");
        return -1;
    }
    if (needs_context && find(call->config, POINT_HTTP_CONTEXT) != NULL)
        return (int)code_at(call->config, POINT_HTTP_CONTEXT);
    if (needs_context && code_at(call->config, POINT_GROMOX) != 0)
        return (int)code_at(call->config, POINT_GROMOX);
    return (int)code_at(call->config, POINT_HTTP);
}
