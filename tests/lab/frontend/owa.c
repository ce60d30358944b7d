/* Outlook on the web: forms-based logon and the pages around it. The cookies stand for a session
 * kept here; each POST of the form is one logon in the directory. */
#include "directory.h"
#include "handlers.h"
#include "mailbox.h"
#include "mapi/back_end.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { SESSIONS_MAX = 256, SESSION_MS = 15 * 60 * 1000 };

enum reason { REASON_NONE = 0, REASON_SIGNED_OUT = 1, REASON_BAD_CREDENTIALS = 2 };

struct session {
    char id[48];
    int64_t until;
    struct identity who;
};

static struct {
    pthread_mutex_t lock;
    struct session list[SESSIONS_MAX];
    size_t next;
} sessions = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void random_text(struct buf *ret_text, size_t bytes)
{
    unsigned char data[64] = {0};

    RAND_bytes(data, (int)bytes);
    buf_base64(ret_text, data, bytes);
}

static void session_new(const struct identity *who, struct buf *ret_id)
{
    struct session *session;

    random_text(ret_id, 24);
    pthread_mutex_lock(&sessions.lock);
    session = &sessions.list[sessions.next++ % SESSIONS_MAX];
    copy_text(session->id, sizeof session->id, ret_id->data);
    session->until = clock_ms() + SESSION_MS;
    session->who = *who;
    pthread_mutex_unlock(&sessions.lock);
}

/* Finds a session by its cookie; `end` forgets it. */
static bool session_take(const struct request *request, bool end, struct identity *ret_who)
{
    struct buf id = {0};
    bool found = false;

    if (!request_cookie(request, "cadata", &id) || id.len == 0) {
        buf_done(&id);
        return false;
    }
    pthread_mutex_lock(&sessions.lock);
    for (size_t i = 0; i < SESSIONS_MAX && !found; i++) {
        struct session *session = &sessions.list[i];

        if (session->until < clock_ms() || strcmp(session->id, id.data) != 0)
            continue;
        found = true;
        *ret_who = session->who;
        if (end)
            *session = (struct session){0};
    }
    pthread_mutex_unlock(&sessions.lock);
    buf_done(&id);
    return found;
}

bool owa_session_find(const struct request *request, struct identity *ret_who)
{
    return session_take(request, false, ret_who);
}

static const char *host_of(const struct call *call)
{
    const char *host = request_header(call->request, "Host");

    return host ? host : call->config->external_name;
}

void owa_redirect_to_logon(struct call *call, const char *destination, int reason)
{
    struct buf location = {0};

    buf_fmt(&location, "https://%s/owa/auth/logon.aspx?url=", host_of(call));
    buf_url(&location, destination);
    buf_fmt(&location, "&reason=%d", reason);
    iis_redirect(call, location.data);
    buf_done(&location);
}

static void page(struct call *call, const char *title, const char *text)
{
    const int *build = call->node->build;

    response_header(call->response, "Cache-Control", "no-cache, no-store");
    response_header(call->response, "Pragma", "no-cache");
    response_header(call->response, "Content-Type", "text/html; charset=utf-8");
    buf_fmt(&call->response->body,
        "<!DOCTYPE html>\r\n<html><head><title>%s</title>\r\n"
        "<link rel=\"shortcut icon\" href=\"/owa/auth/%d.%d.%d/themes/resources/favicon.ico\">"
        "\r\n</head><body>\r\n%s\r\n</body></html>\r\n",
        title, build[0], build[1], build[2], text);
}

void owa_logon_page(struct call *call)
{
    struct buf text = {0};
    struct buf url = {0};
    struct buf reason = {0};

    form_value(call->request->query, "url", &url);
    form_value(call->request->query, "reason", &reason);
    buf_str(&text, "<form action=\"/owa/auth.owa\" method=\"POST\" name=\"logonForm\">"
                   "<input type=\"hidden\" name=\"destination\" value=\"");
    buf_xml(&text, url.len ? url.data : "/owa/");
    buf_str(&text, "\"><input type=\"hidden\" name=\"flags\" value=\"4\">"
                   "<input type=\"hidden\" name=\"forcedownlevel\" value=\"0\">\r\n"
                   "<input id=\"username\" name=\"username\">"
                   "<input id=\"password\" name=\"password\" type=\"password\">"
                   "<input id=\"passwordText\" name=\"passwordText\" style=\"display:none\">"
                   "<input type=\"hidden\" name=\"isUtf8\" value=\"1\">\r\n");
    if (strcmp(buf_text(&reason), "2") == 0)
        buf_str(&text, "<div id=\"signInErrorDiv\" class=\"signInError\" role=\"alert\">The user "
                       "name or password you entered isn't correct. Try entering it again.</div>");
    buf_str(&text, "</form>");
    page(call, "Outlook", text.data);
    buf_done(&text);
    buf_done(&url);
    buf_done(&reason);
}

void owa_expired_page(struct call *call)
{
    page(call, "Change password",
        "<form action=\"/owa/auth/expiredpassword.aspx\" method=\"POST\">"
        "Your password has expired and you need to change it before you sign in to Outlook."
        "</form>");
}

void owa_error_page(struct call *call)
{
    page(call, "Outlook",
        "<div id=\"errMsg\">Something went wrong. Sorry, we can't get that "
        "information right now. Please try again later.</div>");
}

void owa_language_page(struct call *call)
{
    page(call, "Outlook",
        "<form action=\"/owa/lang.owa\" method=\"POST\"><select name=\"lcid\"></select>"
        "<select name=\"tzid\"></select></form>");
}

/* Where the form leads: a path of this host, or the start page. */
static void destination_of(const struct call *call, const char *form, struct buf *ret_destination)
{
    struct buf own = {0};

    form_value(form, "destination", ret_destination);
    buf_fmt(&own, "https://%s/", host_of(call));
    if (strncasecmp(buf_text(ret_destination), own.data, own.len) != 0 &&
        (buf_text(ret_destination)[0] != '/' || buf_text(ret_destination)[1] == '/')) {
        buf_clear(ret_destination);
        buf_fmt(ret_destination, "https://%s/owa/", host_of(call));
    }
    buf_done(&own);
}

static void set_cookies(struct call *call, const struct identity *who)
{
    static const char *const names[] = {"cadataTTL", "cadataKey", "cadataIV", "cadataSig"};
    struct buf value = {0};
    struct buf cookie = {0};

    session_new(who, &value);
    buf_fmt(&cookie, "cadata=%s; path=/; secure; HttpOnly", value.data);
    response_header(call->response, "Set-Cookie", cookie.data);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        buf_clear(&value);
        buf_clear(&cookie);
        random_text(&value, i == 0 ? 16 : 48);
        buf_fmt(&cookie, "%s=%s; path=/; secure; HttpOnly", names[i], value.data);
        response_header(call->response, "Set-Cookie", cookie.data);
    }
    buf_done(&value);
    buf_done(&cookie);
}

static void conclude(struct call *call, enum logon logon, const char *destination)
{
    struct identity who = {.scheme = SCHEME_FORMS, .mech = "forms"};
    struct buf location = {0};

    call->note = logon == LOGON_OK ? NULL : logon_str(logon);
    switch (logon) {
    case LOGON_OK:
        copy_text(who.user, sizeof who.user, call->form_user);
        set_cookies(call, &who);
        iis_redirect(call, destination);
        break;
    case LOGON_PASSWORD_EXPIRED:
    case LOGON_MUST_CHANGE:
        buf_fmt(
            &location, "https://%s/owa/auth/expiredpassword.aspx?url=/owa/auth.owa", host_of(call));
        iis_redirect(call, location.data);
        break;
    case LOGON_UNAVAILABLE:
        buf_fmt(&location, "https://%s/owa/auth/errorFE.aspx?httpCode=500", host_of(call));
        iis_redirect(call, location.data);
        break;
    case LOGON_BAD_PASSWORD:
    case LOGON_DISABLED:
    case LOGON_LOCKED:
    case LOGON_ACCOUNT_EXPIRED:
    case LOGON_HOURS:
    case LOGON_WORKSTATION:
    case LOGON_REFUSED:
        owa_redirect_to_logon(call, destination, REASON_BAD_CREDENTIALS);
        break;
    }
    buf_done(&location);
}

/* A name in another form than the LogonFormat of the virtual directory is not even tried. */
static bool format_fits(enum logon_format format, const char *name)
{
    bool domain = strchr(name, '\\') != NULL;
    bool upn = strchr(name, '@') != NULL;

    switch (format) {
    case FORMAT_ANY:
        return true;
    case FORMAT_USER:
        return !domain && !upn;
    case FORMAT_DOMAIN:
        return domain;
    case FORMAT_UPN:
        return upn;
    }
    return false;
}

void owa_login(struct call *call)
{
    const char *form = buf_text(&call->request->body);
    struct buf destination = {0};
    struct buf user = {0};
    struct buf password = {0};

    destination_of(call, form, &destination);
    form_value(form, "username", &user);
    form_value(form, "password", &password);
    copy_text(call->form_user, sizeof call->form_user, buf_text(&user));
    if (strcmp(call->request->method, "POST") != 0 || user.len == 0) {
        owa_redirect_to_logon(call, destination.data, REASON_NONE);
    } else if (!format_fits(call->config->owa_logon_format, user.data)) {
        call->credentials = true;
        call->note = "not the logon format";
        owa_redirect_to_logon(call, destination.data, REASON_BAD_CREDENTIALS);
    } else {
        call->credentials = true;
        conclude(call,
            directory_logon(
                call->config, user.data, buf_text(&password), call->config->owa_default_domain),
            destination.data);
    }
    if (password.data != NULL)
        OPENSSL_cleanse(password.data, password.cap);
    buf_done(&destination);
    buf_done(&user);
    buf_done(&password);
}

void owa_logoff(struct call *call)
{
    struct identity who;
    struct buf destination = {0};

    session_take(call->request, true, &who);
    buf_fmt(&destination, "https://%s/owa/", host_of(call));
    owa_redirect_to_logon(call, destination.data, REASON_SIGNED_OUT);
    buf_done(&destination);
}

static void refuse_user(struct call *call, const char *error)
{
    const int *build = call->node->build;
    struct buf location = {0};

    buf_fmt(&location,
        "https://%s/owa/auth/errorFE.aspx?httpCode=500&owaError=%s&owaVer=%d.%d.%d.%d&be=%s",
        host_of(call), error, build[0], build[1], build[2], build[3], call->node->netbios);
    response_header(call->response, "X-OWA-Error", error);
    iis_redirect(call, location.data);
    buf_done(&location);
}

static void start_page(struct call *call, const struct mailbox *mailbox)
{
    struct buf text = {0};

    mailbox_headers(call->config, mailbox, call->response);
    buf_str(&text, "<div id=\"owaLoading\"></div><script>var userDisplayName=");
    buf_json(&text, mailbox->display_name);
    buf_str(&text, ";</script>");
    page(call, "Outlook", text.data);
    buf_done(&text);
}

void owa_start(struct call *call)
{
    struct mailbox mailbox = {0};
    struct buf location = {0};

    buf_fmt(&location, "https://%s", host_of(call));
    if (strcasecmp(call->request->path, "/owa") == 0) {
        buf_str(&location, "/owa/");
        iis_redirect(call, location.data);
    } else if (strcasecmp(call->request->path, "/owa/") != 0) {
        iis_not_found(call);
    } else if (mailbox_of(call->config, call->who, &mailbox) != LOOKUP_FOUND ||
               !mailbox.has_mailbox) {
        refuse_user(call, "Microsoft.Exchange.Data.Storage.UserHasNoMailboxException");
    } else if (mailbox.owa_off) {
        refuse_user(call, "Microsoft.Exchange.Data.Storage.AccountDisabledException");
    } else if (back_end_is_offline(call->config)) {
        refuse_user(call, "Microsoft.Exchange.Data.Storage.MailboxOfflineException");
    } else if (call->config->owa_ask_language) {
        buf_str(&location, "/owa/languageselection.aspx?url=%2fowa%2f");
        iis_redirect(call, location.data);
    } else {
        start_page(call, &mailbox);
    }
    mailbox_done(&mailbox);
    buf_done(&location);
}
