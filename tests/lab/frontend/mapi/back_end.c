#include "back_end.h"

#include "mapi_faults.h"

#include <stdio.h>
#include <string.h>

/* Answers of the front end alone: health pages have no logon and never come here, Autodiscover
 * finds another back end, an echo of RPC over HTTP ends at the proxy. */
static bool needs_back_end(const struct call *call)
{
    enum { ECHO_MAX = 16 };

    switch (call->route->vdir) {
    case VDIR_EWS:
    case VDIR_OWA:
    case VDIR_ECP:
    case VDIR_MAPI:
        return call->route->access != ACCESS_ANONYMOUS;
    case VDIR_RPC:
        return strncmp(call->request->method, "RPC_", 4) == 0 &&
               call->request->content_length > ECHO_MAX;
    case VDIR_AUTODISCOVER:
    case VDIR_OAB:
    case VDIR_ACTIVESYNC:
    case VDIR_COUNT:
        break;
    }
    return false;
}

/* Failure point; HTTP status; error and details in base64; the proxy's own code; the exception of
 * its request to the back end; the result of a Live ID logon. */
static void put_failure_context(struct call *call, bool front_end, const char *details)
{
    static const char error[] = "Service Unavailable";
    struct buf value = {0};

    buf_str(&value, front_end ? "FrontEnd;503;" : "BackEnd;503;");
    buf_base64(&value, error, sizeof error - 1);
    buf_str(&value, ";");
    buf_base64(&value, details, strlen(details));
    buf_str(&value, front_end ? ";ServerLocatorError;;" : ";;ProtocolError;");
    response_header(call->response, "X-FailureContext", value.data);
    buf_done(&value);
}

bool back_end_is_gone(struct call *call)
{
    enum back_end back_end = mapi_fault_back_end(call->config);

    if ((back_end != BACK_END_NOT_LOCATED && back_end != BACK_END_DOWN) || !needs_back_end(call))
        return false;
    if (back_end == BACK_END_NOT_LOCATED) {
        response_header(call->response, "X-CasErrorCode", "ServerLocatorError");
        put_failure_context(call, true, "The server of the mailbox database was not found.");
    } else {
        response_header(call->response, "X-CalculatedBETarget", call->config->nodes[0].name);
        response_header(call->response, "X-BackEndHttpStatus", "503");
        put_failure_context(call, false, "The remote server returned an error: (503).");
    }
    iis_error(call, 503, "Service Unavailable", "The service is unavailable.");
    if (call->route->stream)
        call->response->close = true;
    return true;
}

bool back_end_is_offline(const struct config *config)
{
    return mapi_fault_back_end(config) == BACK_END_OFFLINE;
}
