/* Web servers that are not Exchange and answer all the same: a company's web site where the mail
 * domain's own address leads, and a portal on the way that puts its login page before everything.
 */
#include "handlers.h"

#include <openssl/crypto.h>
#include <string.h>

struct foreign {
    const char *server;
    const char *via; /* NULL: none */
    const char *page;
};

static const struct foreign website = {
    .server = "nginx/1.22.1",
    .page = "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">"
            "<title>Contoso Ltd. - Welcome</title></head>\n<body>\n<h1>Contoso Ltd.</h1>\n"
            "<p>Paper clips since 1921.</p>\n<a href=\"/about\">About us</a>\n</body>\n</html>\n",
};

static const struct foreign portal = {
    .server = "Apache/2.4.57 (Unix)",
    .via = "1.1 portal.contoso.example (squid/5.7)",
    .page = "<!DOCTYPE html>\n<html>\n<head><title>Contoso Guest Network - Sign in</title></head>\n"
            "<body>\n<h1>Access to this site is blocked</h1>\n"
            "<p>Please sign in with your network account to continue.</p>\n"
            "<form action=\"https://portal.contoso.example/login\" method=\"POST\">"
            "<input name=\"username\"><input name=\"password\" type=\"password\">"
            "<input type=\"submit\" value=\"Sign in\"></form>\n</body>\n</html>\n",
};

bool foreign_node(const struct call *call)
{
    return call->node->website ||
           fault_find(&call->config->faults, FAULT_PORTAL, call->node->name) != NULL;
}

/* For the log: has a form brought a password here? */
static bool brings_password(const struct request *request)
{
    struct buf password = {0};
    bool found = form_value(buf_text(&request->body), "password", &password) && password.len > 0;

    if (password.data != NULL)
        OPENSSL_cleanse(password.data, password.cap);
    buf_done(&password);
    return found;
}

static void redirect_to_tls(struct call *call)
{
    struct buf location = {0};

    buf_fmt(&location, "https://%s%s", call->node->name, call->request->path);
    call->response->status = 301;
    response_header(call->response, "Location", location.data);
    buf_done(&location);
}

void foreign_page(struct call *call, bool tls)
{
    const struct foreign *site = call->node->website ? &website : &portal;

    call->credentials = call->credentials || brings_password(call->request);
    response_header(call->response, "Server", site->server);
    if (site->via != NULL)
        response_header(call->response, "Via", site->via);
    response_header(call->response, "Content-Type", "text/html; charset=utf-8");
    if (!tls && call->node->website)
        redirect_to_tls(call);
    else
        buf_str(&call->response->body, site->page);
}
