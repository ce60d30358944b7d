#include "probes/mapi_http.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "net/wire/build.h"
#include "net/wire/failurecontext.h"
#include "net/wire/owa.h"
#include "net/wire/text.h"
#include "probes/logon.h"
#include "probes/offer.h"

/* The version a server compares with MAPIBlockOutlookVersions: 2.2.3.3.6 X-ClientApplication. */
#define CLIENT_APPLICATION "Outlook/" MAPI_CLIENT_VERSION

#define CONTENT_TYPE  "application/mapi-http"
#define RESPONSE_CODE "X-ResponseCode"

/* ---- targets ---- */

const char *mapi_mailbox_id(struct arena *arena, const char *url)
{
    static const char name[] = "MailboxId=";
    const char *query = strchr(url, '?');
    const char *at = query != NULL ? text_find_nocase(query, name) : NULL;
    if (at == NULL || (at[-1] != '?' && at[-1] != '&'))
        return NULL;
    at += strlen(name);
    size_t length = strcspn(at, "&#");
    return length > 0 ? arena_strndup(arena, at, length) : NULL;
}

const char *mapi_target(
    struct arena *arena, const char *path, const char *endpoint, const char *mailbox_id)
{
    static const char *const endings[] = {"/emsmdb", "/nspi"};
    size_t length = strcspn(path, "?#");
    while (length > 0 && path[length - 1] == '/')
        length--;
    char *base = arena_strndup(arena, path, length);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        if (text_ends_nocase(base, endings[i]))
            base[strlen(base) - strlen(endings[i])] = '\0';
    }
    if (mailbox_id == NULL)
        mailbox_id = mapi_mailbox_id(arena, path);
    /* Exchange routes no request without a hint where to. */
    return mailbox_id != NULL
               ? arena_printf(arena, "%s/%s/?MailboxId=%s", base, endpoint, mailbox_id)
               : arena_printf(arena, "%s/%s/?useMailboxOfAuthenticatedUser=true", base, endpoint);
}

const char *mapi_url(struct arena *arena, const char *virtual_directory)
{
    size_t length = strlen(virtual_directory);
    while (length > 0 && virtual_directory[length - 1] == '/')
        length--;
    return arena_printf(arena, "%.*s/emsmdb/", (int)length, virtual_directory);
}

/* ---- answers ---- */

static long header_number(const struct http_response *response, const char *name)
{
    const char *text = http_header(response, name);
    long value = 0;
    if (text == NULL || *text == '\0' || strlen(text) > 9)
        return -1;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        value = value * 10 + (*text - '0');
    }
    return value;
}

/* 2.2.3.3.3. Whoever asks for a cause finds the specified number; others' are translated. */
static enum cause code_cause(enum mapihttp_numbering numbering, long code)
{
    enum { ANONYMOUS = 8, NO_PRIVILEGE = 11, SHUTTING_DOWN = 18, GROMOX_NO_PRIVILEGE = 4 };
    switch (numbering) {
    case MAPIHTTP_GROMOX:
        return code == GROMOX_NO_PRIVILEGE ? CAUSE_ACCESS_DENIED : CAUSE_MAPI_ERROR;
    case MAPIHTTP_SPECIFIED:
        break;
    }
    return code == ANONYMOUS || code == NO_PRIVILEGE ? CAUSE_ACCESS_DENIED
           : code == SHUTTING_DOWN                   ? CAUSE_SERVER_BUSY
                                                     : CAUSE_MAPI_ERROR;
}

/* Only a number tells what became of a request. */
static bool code_is_unreadable(const char *value, long code, struct fault *fault)
{
    if (value == NULL || code >= 0)
        return false;
    fault_set(fault, CAUSE_MALFORMED, ORIGIN_HTTP, 200,
        "X-ResponseCode is no number of ours: %.40s", value);
    return true;
}

static const char *frame_header(const struct mapihttp_frame *frame, const char *name)
{
    for (size_t i = 0; i < frame->header_count; i++) {
        if (text_equal_nocase(frame->headers[i].name, name))
            return frame->headers[i].value;
    }
    return NULL;
}

static bool code_fault(
    const struct http_response *response, struct mapi_answer *answer, struct fault *fault)
{
    const char *type = http_header(response, "Content-Type");
    bool page = type != NULL && text_starts_nocase(type, "text/html");
    answer->numbering = mapihttp_numbering_of(answer->code, http_header(response, "Server"),
        http_header(response, "X-ServerApplication"), page ? response->body : NULL);
    const char *name = mapihttp_code_name(answer->numbering, answer->code);
    return fault_set(fault, code_cause(answer->numbering, answer->code), ORIGIN_HTTP,
        response->status, "X-ResponseCode %ld, %s: %s", answer->code,
        name != NULL ? name : "unknown", mapihttp_code_words(answer->numbering, answer->code));
}

bool mapi_answer_read(const struct http_response *response, bool bodiless, struct arena *arena,
    struct mapi_answer *ret_answer, struct fault *fault)
{
    const char *type = http_header(response, "Content-Type");
    bool ours = type != NULL && text_starts_nocase(type, CONTENT_TYPE);
    *ret_answer = (struct mapi_answer){.code = header_number(response, RESPONSE_CODE),
        .frame = {.response_code = -1, .elapsed_ms = -1}};
    if (response->status != 200) {
        status_fault(response, fault);
        return false;
    }
    if (code_is_unreadable(http_header(response, RESPONSE_CODE), ret_answer->code, fault))
        return false;
    if (ret_answer->code > 0)
        return code_fault(response, ret_answer, fault);
    if (!ours && !(bodiless && ret_answer->code == 0 && response->length == 0))
        return fault_set(fault, CAUSE_NOT_EXCHANGE, ORIGIN_HTTP, 200,
            "answers 200 with %.60s instead of " CONTENT_TYPE
            ": a portal, proxy or load balancer, not MAPI over HTTP",
            type != NULL ? type : "no content type");
    if (!response_is_plain(response, fault))
        return false;
    if (bodiless && response->length == 0)
        return true;
    ret_answer->framed =
        mapihttp_frame_read(response->body, response->length, arena, &ret_answer->frame, fault);
    if (!ret_answer->framed || code_is_unreadable(frame_header(&ret_answer->frame, RESPONSE_CODE),
                                   ret_answer->frame.response_code, fault))
        return false;
    if (ret_answer->frame.response_code >= 0)
        ret_answer->code = ret_answer->frame.response_code;
    return ret_answer->code <= 0 || code_fault(response, ret_answer, fault);
}

static void note_build(const char *application, struct check *check)
{
    struct build build;
    char name[80];
    const char *version = strchr(application, '/');
    if (version == NULL || !build_parse(version + 1, &build))
        return;
    check_text(check, "exchange.build",
        arena_printf(&check->arena, "%d.%d.%d.%d", build.major, build.minor, build.build,
            build.revision < 0 ? 0 : build.revision));
    check_text(check, "exchange.product", build_name(&build, name, sizeof name));
}

/* Names only: the values are as good as a logon. */
static void note_cookies(const struct http_response *response, struct check *check)
{
    enum { SHOWN_MAX = 8, NAME_MAX_LENGTH = 60 };
    const char *names[SHOWN_MAX], *value;
    size_t count = 0;
    while (count < SHOWN_MAX && (value = http_header_nth(response, "Set-Cookie", count)) != NULL) {
        size_t length = strcspn(value, "=; ");
        names[count++] = arena_strndup(
            &check->arena, value, length < NAME_MAX_LENGTH ? length : NAME_MAX_LENGTH);
    }
    if (count > 0)
        check_list(check, "mapi.cookies", names, count);
}

void note_mapi_answer(
    const struct http_response *response, const struct mapi_answer *answer, struct check *check)
{
    struct arena *arena = &check->arena;
    const char *application = http_header(response, "X-ServerApplication");
    const char *failure = http_header(response, "X-FailureContext");
    struct failure_context context;
    note_server(response, check);
    check_text(check, "mapi.server", application);
    if (application != NULL && check_fact(check, "exchange.build") == NULL)
        note_build(application, check);
    if (failure != NULL && failure_context_read(arena, failure, &context))
        check_text(check, "mapi.failure_context", failure_context_words(arena, &context));
    if (answer->code >= 0) {
        const char *name = mapihttp_code_name(answer->numbering, answer->code);
        check_int(check, "mapi.response_code", answer->code);
        check_text(check, "mapi.response",
            arena_printf(arena, "%s%s", name != NULL ? name : "unknown",
                answer->numbering == MAPIHTTP_GROMOX ? " (gromox's own numbering)" : ""));
    }
    if (answer->numbering == MAPIHTTP_GROMOX)
        check_text(check, "mapi.numbering", "gromox");
    note_cookies(response, check);
    if (answer->frame.processing || answer->frame.pending > 0)
        check_text(check, "mapi.frames",
            arena_printf(arena, "%s, PENDING %u times%s",
                answer->frame.processing ? "PROCESSING" : "no PROCESSING",
                (unsigned)answer->frame.pending, answer->framed ? ", DONE" : ", no DONE"));
    if (answer->frame.elapsed_ms >= 0)
        check_int(check, "mapi.server_ms", answer->frame.elapsed_ms);
}

/* ---- requests ---- */

/* "{2EF33C39-49C8-421C-B876-CDF7F2AC3AA0}": a random one, RFC 4122 4.4. */
static void new_guid(char ret_text[40])
{
    uint8_t g[16] = {0};
    if (RAND_bytes(g, sizeof g) != 1)
        memset(g, 0, sizeof g); /* a name, no secret */
    snprintf(ret_text, 40,
        "{%02X%02X%02X%02X-%02X%02X-4%01X%02X-%02X%02X-%02X%02X%02X%02X%02X%02X}", g[0], g[1], g[2],
        g[3], g[4], g[5], g[6] & 0xfu, g[7], (g[8] & 0x3fu) | 0x80u, g[9], g[10], g[11], g[12],
        g[13], g[14], g[15]);
}

struct mapi_session *mapi_session_of(struct session *session)
{
    if (session->mapi == NULL) {
        session->mapi = arena_alloc(&session->arena, sizeof *session->mapi);
        new_guid(session->mapi->client_guid);
        mapi_context_open(session,
            mapi_target(&session->arena, session->endpoint.path, "emsmdb", NULL),
            &session->mapi->store);
    }
    return session->mapi;
}

void mapi_session_done(struct mapi_session *mapi)
{
    if (mapi != NULL)
        http_response_done(&mapi->book_exchange.response);
}

void mapi_context_open(
    struct session *session, const char *target, struct mapi_context *ret_context)
{
    *ret_context = (struct mapi_context){.target = target, .number = ++session->mapi->contexts};
    new_guid(ret_context->request_guid);
}

/* 2.2.2.1: the counter of X-RequestId grows with every request, that of X-ClientInfo with every
 * context (2.2.3.3.2, 2.2.3.3.4). */
static void build(struct session *session, struct mapi_context *context, const char *type,
    const struct writer *body, struct http_request *ret_request)
{
    struct arena *arena = &session->arena;
    enum { HEADERS = 6 };
    struct http_header *headers = arena_alloc(arena, HEADERS * sizeof *headers);
    size_t count = 0;
    headers[count++] = (struct http_header){"Content-Type", CONTENT_TYPE};
    headers[count++] = (struct http_header){"X-RequestType", type};
    headers[count++] = (struct http_header){
        "X-RequestId", arena_printf(arena, "%s:%u", context->request_guid, ++context->requests)};
    headers[count++] = (struct http_header){
        "X-ClientInfo", arena_printf(arena, "%s:%u", session->mapi->client_guid, context->number)};
    headers[count++] = (struct http_header){"X-ClientApplication", CLIENT_APPLICATION};
    if (context->cookies != NULL && *context->cookies != '\0')
        headers[count++] = (struct http_header){"Cookie", context->cookies};
    *ret_request = (struct http_request){
        .method = "POST",
        .target = context->target,
        .headers = headers,
        .header_count = count,
        .body = body != NULL ? body->bytes : NULL,
        .body_length = body != NULL ? body->length : 0,
        .credentials = true, /* the cookies are those of a logon */
        .body_max = MAPIHTTP_BODY_MAX,
    };
}

void mapi_build_ping(struct session *session, struct http_request *ret_request)
{
    struct mapi_session *mapi = mapi_session_of(session);
    build(session, &mapi->store, "PING", NULL, ret_request);
}

static void keep_cookies(
    struct session *session, struct mapi_context *context, const struct http_response *response)
{
    const char *value;
    for (size_t i = 0; (value = http_header_nth(response, "Set-Cookie", i)) != NULL; i++)
        context->cookies = cookie_add(&session->arena, context->cookies, value);
}

/* The request failed within its answer: how far the server had got. A server that holds us off with
 * PENDING (2.2.2.2) ends in our own time-out. */
static void keep_partial(
    struct session *session, struct mapi_exchange *exchange, struct fault *fault)
{
    struct http_response *response = &exchange->response;
    struct mapi_answer answer;
    struct fault why;
    if (!http_partial(session->http, response))
        return;
    mapi_answer_read(response, false, &session->arena, &answer, &why);
    exchange->answer = answer;
    if (fault->cause == CAUSE_TIMEOUT && !answer.framed && answer.frame.processing)
        fault_set(fault, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0,
            "the server was still processing when our %.1f s were over: PENDING came %u times, "
            "DONE did not",
            (double)response->elapsed_us / 1e6, (unsigned)answer.frame.pending);
}

bool mapi_exchange(struct session *session, struct mapi_context *context, const char *type,
    const struct writer *body, struct mapi_exchange *ret, struct fault *fault)
{
    struct http_request request;
    *ret = (struct mapi_exchange){.answer = {.code = -1, .frame = {.elapsed_ms = -1}}};
    build(session, context, type, body, &request);
    ret->request_id = request.headers[2].value;
    bool ok = logon_exchange(session, &request, &ret->response, fault);
    if (ok) {
        keep_cookies(session, context, &ret->response);
        ok = mapi_answer_read(&ret->response, false, &session->arena, &ret->answer, fault);
    } else {
        keep_partial(session, ret, fault);
    }
    if (ok)
        session_trace(session, '<', "%s: X-ResponseCode %ld, %zu bytes", type, ret->answer.code,
            ret->answer.frame.body_length);
    else
        session_trace(session, '<', "%s: %s", type, fault->text);
    return ok;
}
