#include "probes/ews.h"

#include <stdio.h>
#include <string.h>

#include "net/wire/build.h"
#include "probes/logon.h"
#include "probes/offer.h"

/* The oldest version string every server since 2010 SP2 understands. */
#define EWS_VERSION "Exchange2010_SP2"

static const char *const own_folders[] = {"inbox", "contacts", "calendar", NULL};
static const char *const public_folders[] = {"publicfoldersroot", NULL};

static const struct http_header ews_headers[] = {
    {"Content-Type", "text/xml; charset=utf-8"},
    {"Accept", "text/xml"},
};

static void build(struct session *session, const char *mailbox, const char *const *folders,
    size_t count, struct http_request *ret_request)
{
    char *body = ews_get_folder(&session->arena, EWS_VERSION, mailbox, folders, count);
    struct http_header *headers = arena_alloc(&session->arena, 3 * sizeof *headers);
    memcpy(headers, ews_headers, sizeof ews_headers);
    /* Lets the front end choose the mailbox server without a redirect. */
    headers[2] = (struct http_header){
        "X-AnchorMailbox", mailbox != NULL ? mailbox : session->settings->address};
    *ret_request = (struct http_request){
        .method = "POST",
        .target = session->endpoint.path,
        .headers = headers,
        .header_count = 3,
        .body = body,
        .body_length = strlen(body),
        .body_max = EWS_BODY_MAX,
    };
}

void ews_build(struct session *session, const char *mailbox, struct http_request *ret_request)
{
    build(session, mailbox, own_folders, 3, ret_request);
}

/* ---- PROTOCOL ---- */

static const struct fact_def version_facts[] = {
    {"ews.version", FACT_TEXT, "schema version of the server (ServerVersionInfo)"},
    {"ews.fault", FACT_TEXT, "SOAP fault: its ResponseCode or faultcode"},
    {"ews.message", FACT_TEXT, "what the server says of it"},
    {"ews.back_off_ms", FACT_INT, "BackOffMilliseconds of a busy server"},
    {"ews.outlook_status", FACT_INT, "HTTP status where a 403 was asked again as Outlook"},
    {"auth.expires_days", FACT_INT, "days until the password expires (X-MS-Credentials-Expire)"},
    SERVER_FACTS,
    FACT_END,
};

static void note_version(const struct ews_answer *answer, struct check *check)
{
    struct build build = {answer->major, answer->minor, answer->build, answer->revision};
    char name[80];
    check_text(check, "ews.version", answer->version_name);
    if (answer->major < 0 || answer->build < 0)
        return;
    /* The back end that answered; the front end's own header may name another build. */
    struct arena *arena = &check->arena;
    const char *text = arena_printf(arena, "%d.%d.%d", build.major, build.minor, build.build);
    check_text(check, "exchange.build",
        build.revision >= 0 ? arena_printf(arena, "%s.%d", text, build.revision) : text);
    check_text(check, "exchange.product", build_name(&build, name, sizeof name));
}

/* Sent with an answer in the last weeks of a password's life. */
static void note_expiry(const struct http_response *response, struct check *check)
{
    const char *value = http_header(response, "X-MS-Credentials-Expire");
    int64_t days = 0;
    if (value == NULL || *value == '\0' || strlen(value) > 6)
        return;
    for (; *value != '\0'; value++) {
        if (*value < '0' || *value > '9')
            return;
        days = days * 10 + (*value - '0');
    }
    check_int(check, "auth.expires_days", days);
}

static enum cause code_cause(const char *code)
{
    static const struct {
        const char *code;
        enum cause cause;
    } causes[] = {
        {"ErrorNonExistentMailbox", CAUSE_NO_MAILBOX},
        {"ErrorMailboxStoreUnavailable", CAUSE_SOAP_FAULT},
        {"ErrorMissingEmailAddress", CAUSE_NO_MAILBOX},
        {"ErrorAccessDenied", CAUSE_ACCESS_DENIED},
        {"ErrorItemNotFound", CAUSE_ACCESS_DENIED},
        {"ErrorFolderNotFound", CAUSE_ACCESS_DENIED},
        {"ErrorServerBusy", CAUSE_SERVER_BUSY},
        {"ErrorAccountDisabled", CAUSE_ACCOUNT_DISABLED},
        {"ErrorPasswordExpired", CAUSE_PASSWORD_EXPIRED},
        {"ErrorPasswordChangeRequired", CAUSE_PASSWORD_MUST_CHANGE},
    };
    for (size_t i = 0; code != NULL && i < sizeof causes / sizeof causes[0]; i++) {
        if (strcmp(causes[i].code, code) == 0)
            return causes[i].cause;
    }
    return CAUSE_SOAP_FAULT;
}

void judge_ews(const struct http_response *response, const struct ews_answer *answer,
    const struct fault *fault, struct check *check)
{
    struct fault bad;
    note_server(response, check);
    note_expiry(response, check);
    if (answer == NULL && response->status != 200) {
        status_fault(response, &bad);
        check_fail(check, &bad);
        return;
    }
    if (answer == NULL) {
        check_fail(check, fault);
        return;
    }
    note_version(answer, check);
    enum cause cause = code_cause(answer->response_code);
    if (answer->fault && cause != CAUSE_NO_MAILBOX) {
        const char *code =
            answer->response_code != NULL ? answer->response_code : answer->fault_code;
        check_text(check, "ews.fault", code);
        check_text(
            check, "ews.message", answer->message != NULL ? answer->message : answer->fault_string);
        if (answer->back_off_ms >= 0)
            check_int(check, "ews.back_off_ms", answer->back_off_ms);
        fault_set(&bad, cause, ORIGIN_SOAP, response->status, "SOAP fault %.80s: %.100s",
            code != NULL ? code : "without a code",
            answer->fault_string != NULL ? answer->fault_string : "");
        check_fail(check, &bad);
        return;
    }
    /* A fault that speaks of the mailbox proves that the service itself works. */
    check_settle(check, OUTCOME_PASS, "EWS answers as %s",
        check_get_text(check, "exchange.product", "an unnamed version"));
}

/* EwsBlockList and EwsAllowList go by User-Agent: the same call under Outlook's name tells them
 * from EWS switched off ([MS-OXWSCORE] has no code for either: a bare 403). The password is proved.
 */
static void ask_as_outlook(struct session *session, struct check *check)
{
    struct http_request request;
    struct http_response response = {0};
    struct fault fault;
    build(session, NULL, own_folders, 3, &request);
    struct http_header *headers = arena_alloc(&session->arena, 4 * sizeof *headers);
    memcpy(headers, request.headers, request.header_count * sizeof *headers);
    headers[request.header_count++] = (struct http_header){
        "User-Agent", "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17932; Pro)"};
    request.headers = headers;
    if (logon_exchange(session, &request, &response, &fault))
        check_int(check, "ews.outlook_status", response.status);
    http_response_done(&response);
}

static void version_run(struct session *session, struct check *check)
{
    struct ews_answer *answer = arena_alloc(&session->arena, sizeof *answer);
    const struct http_response *response = &session->response;
    struct fault fault;
    bool ok = (response->status == 200 || response->status == 500) &&
              response_is_plain(response, &fault) &&
              ews_parse(&session->arena, response->body, response->length, answer, &fault);
    judge_ews(response, ok ? answer : NULL, &fault, check);
    session->parsed = ok ? answer : NULL;
    if (response->status == 403 && response_shows_exchange(response))
        ask_as_outlook(session, check);
}

static bool ews_applies(const struct endpoint *endpoint)
{
    return endpoint->service == SERVICE_EWS;
}

const struct probe probe_ews_version = {
    .id = "ews.version",
    .title = "EWS answers a call",
    .layer = LAYER_PROTOCOL,
    .facts = version_facts,
    .applies = ews_applies,
    .run = version_run,
};

/* ---- MAILBOX ---- */

static const struct fact_def folder_facts[] = {
    {"ews.code", FACT_TEXT, "ResponseCode of the first folder that did not open, else NoError"},
    {"ews.message", FACT_TEXT, "what the server says of it"},
    {"ews.inbox.total", FACT_INT, "items in the Inbox"},
    {"ews.inbox.unread", FACT_INT, "unread items in the Inbox"},
    {"ews.contacts.total", FACT_INT, "items in Contacts"},
    {"ews.contacts.unread", FACT_INT, "unread items in Contacts"},
    {"ews.calendar.total", FACT_INT, "items in the Calendar"},
    {"ews.calendar.unread", FACT_INT, "unread items in the Calendar"},
    {"ews.publicfoldersroot.total", FACT_INT, "items in the root of the public folders"},
    {"ews.publicfoldersroot.unread", FACT_INT, "unread items there"},
    {"http.status", FACT_INT, "HTTP status"},
    FACT_END,
};

static void note_folder(const struct ews_folder *folder, const char *name, struct check *check)
{
    char key[64];
    snprintf(key, sizeof key, "ews.%s.total", name);
    if (folder->total >= 0)
        check_int(check, arena_strdup(&check->arena, key), folder->total);
    snprintf(key, sizeof key, "ews.%s.unread", name);
    if (folder->unread >= 0)
        check_int(check, arena_strdup(&check->arena, key), folder->unread);
}

static void fail_code(struct check *check, const char *code, const char *message, const char *what)
{
    struct fault fault;
    check_text(check, "ews.code", code);
    check_text(check, "ews.message", message);
    fault_set(&fault, code_cause(code), ORIGIN_SOAP, 0, "%s does not open: %.60s", what,
        code != NULL ? code : "no ResponseCode");
    check_fail(check, &fault);
}

void judge_ews_folders(
    const struct ews_answer *answer, const char *const *names, struct check *check)
{
    if (answer->fault) {
        fail_code(check, answer->response_code, answer->message, "the mailbox");
        return;
    }
    char opened[120] = "";
    size_t length = 0;
    for (size_t i = 0; names[i] != NULL; i++) {
        const struct ews_folder *folder = &answer->folders[i];
        if (i >= answer->folder_count) {
            fail_code(check, NULL, "the answer is shorter than the question", names[i]);
            return;
        }
        if (folder->response_code == NULL || strcmp(folder->response_code, "NoError") != 0) {
            fail_code(check, folder->response_code, folder->message, names[i]);
            return;
        }
        note_folder(folder, names[i], check);
        char total[24] = "?";
        if (folder->total >= 0)
            snprintf(total, sizeof total, "%lld", (long long)folder->total);
        length += (size_t)snprintf(
            opened + length, sizeof opened - length, "%s%s %s", i > 0 ? ", " : "", names[i], total);
    }
    check_text(check, "ews.code", "NoError");
    check_settle(check, OUTCOME_PASS, "opened: %s items", opened);
}

static void folders_run(struct session *session, struct check *check)
{
    judge_ews_folders(session->parsed, own_folders, check);
}

const struct probe probe_ews_folders = {
    .id = "ews.folders",
    .title = "Inbox, Contacts and Calendar open over EWS",
    .layer = LAYER_MAILBOX,
    .facts = folder_facts,
    .applies = ews_applies,
    .run = folders_run,
};

static void open_folders(struct session *session, const char *mailbox, const char *const *names,
    size_t count, struct check *check)
{
    struct http_request request;
    struct http_response response = {0};
    struct ews_answer answer;
    struct fault fault;
    build(session, mailbox, names, count, &request);
    if (!logon_exchange(session, &request, &response, &fault)) {
        check_fail(check, &fault);
        return;
    }
    check_int(check, "http.status", response.status);
    if (response.status != 200 && response.status != 500) {
        fault_set(&fault, CAUSE_HTTP_STATUS, ORIGIN_HTTP, response.status, "answers %d: %s",
            response.status, status_meaning(response.status));
        check_fail(check, &fault);
    } else if (!ews_parse(&session->arena, response.body, response.length, &answer, &fault)) {
        check_fail(check, &fault);
    } else {
        judge_ews_folders(&answer, names, check);
    }
    http_response_done(&response);
}

static size_t mailbox_subjects(const struct settings *settings)
{
    return settings->mailboxes.count;
}

static const char *mailbox_subject(const struct settings *settings, size_t index)
{
    return settings->mailboxes.list[index];
}

static void mailbox_run(struct session *session, struct check *check)
{
    open_folders(session, check->subject, own_folders, 3, check);
}

const struct probe probe_ews_mailbox = {
    .id = "ews.mailbox",
    .title = "a further mailbox opens over EWS",
    .layer = LAYER_MAILBOX,
    .facts = folder_facts,
    .applies = ews_applies,
    .run = mailbox_run,
    .subjects = mailbox_subjects,
    .subject = mailbox_subject,
};

static size_t public_subjects(const struct settings *settings)
{
    return settings->public_folders ? 1 : 0;
}

static const char *public_subject(const struct settings *settings, size_t index)
{
    (void)settings;
    (void)index;
    return "public folders";
}

static void public_run(struct session *session, struct check *check)
{
    open_folders(session, NULL, public_folders, 1, check);
}

const struct probe probe_ews_public = {
    .id = "ews.public",
    .title = "the public folder tree opens over EWS",
    .layer = LAYER_MAILBOX,
    .facts = folder_facts,
    .applies = ews_applies,
    .run = public_run,
    .subjects = public_subjects,
    .subject = public_subject,
};
