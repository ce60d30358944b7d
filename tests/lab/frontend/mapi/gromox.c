#include "gromox.h"

#include <stdio.h>

/* Its codes, and its page's sentences. */
static const struct {
    enum response_code code;
    int number;
    const char *sentence;
} refusals[] = {
    {CODE_INVALID_VERB, 1, "The request has an invalid verb."},
    {CODE_INVALID_CONTEXT_COOKIE, 2, "The request has an invalid session context cookie."},
    {CODE_CONTEXT_NOT_FOUND, 2, "The request has an invalid session context cookie."},
    {CODE_MISSING_HEADER, 3, "The request has a missing required header."},
    {CODE_NO_PRIVILEGE, 4, "The client has no privileges to the Session Context."},
    {CODE_MISSING_COOKIE, 6, "The request is missing a required cookie."},
    {CODE_INVALID_SEQUENCE, 7,
        "The request has violated the sequencing requirement of one request at a time per "
        "Session Context."},
    {CODE_INVALID_REQUEST_TYPE, 8, "The request has an invalid X-RequestType header."},
    {CODE_INVALID_BODY, 5, "The request body is invalid."}, /* and all for which it has no word */
};

enum { REFUSALS = sizeof refusals / sizeof refusals[0] };

void gromox_refuse(struct call *call, enum response_code code)
{
    char number[16];
    size_t i = 0;

    while (i < REFUSALS - 1 && refusals[i].code != code)
        i++;
    snprintf(number, sizeof number, "%d", refusals[i].number);
    response_header(call->response, "Cache-Control", "private");
    response_header(call->response, "Content-Type", "text/html");
    response_header(call->response, "X-ResponseCode", number);
    response_header(call->response, "X-ServerApplication", GROMOX_APPLICATION);
    buf_fmt(&call->response->body,
        "<html><head>\r\n<title>MAPI OVER HTTP ERROR</title>\r\n</head><body>\r\n"
        "<h1>Diagnostic Information</h1>\r\n<p>%s</p>\r\n</body></html>\r\n",
        refusals[i].sentence);
}

void gromox_headers(struct call *call)
{
    buf_clear(&call->response->headers);
    response_header(call->response, "Server", "nginx");
}
