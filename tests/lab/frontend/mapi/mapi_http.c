#include "mapi_http.h"

#include "gromox.h"
#include "mapi_faults.h"
#include "target.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { WRITE_MS = 30000, PENDING_EVERY_MS = 200 };

bool mapi_http_end(struct wire *in)
{
    wire_bytes(in, wire_u32(in));
    return !in->bad && wire_left(in) == 0;
}

void mapi_http_begin_answer(struct exchange *exchange, uint32_t error_code)
{
    buf_le32(&exchange->out, 0);
    buf_le32(&exchange->out, error_code);
}

void mapi_http_end_answer(struct exchange *exchange, const struct buf *aux)
{
    buf_le32(&exchange->out, aux != NULL ? (unsigned long)aux->len : 0);
    if (aux != NULL)
        buf_add(&exchange->out, buf_text(aux), aux->len);
}

static void echo_header(struct call *call, const char *name)
{
    const char *value = request_header(call->request, name);

    if (value != NULL)
        response_header(call->response, name, value);
}

static void number_header(struct call *call, const char *name, int number)
{
    char text[16];

    snprintf(text, sizeof text, "%d", number);
    response_header(call->response, name, text);
}

/* 2.2.3.3 */
static void common_headers(struct call *call, enum response_code code)
{
    const int *build = call->node->build;
    char application[64];

    snprintf(application, sizeof application, "Exchange/%02d.%02d.%04d.%03d", build[0], build[1],
        build[2], build[3]);
    response_header(call->response, "Cache-Control", "private");
    number_header(call, "X-ResponseCode", (int)code);
    echo_header(call, "X-RequestType");
    echo_header(call, "X-RequestId");
    echo_header(call, "X-ClientInfo");
    response_header(call->response, "X-ServerApplication",
        mapi_fault_gromox(call->config) ? GROMOX_APPLICATION : application);
    number_header(call, "X-ExpirationInfo", MAPI_EXPIRATION_MS);
    number_header(call, "X-PendingPeriod", MAPI_PENDING_PERIOD_MS);
}

static void refuse(struct call *call, enum response_code code)
{
    if (mapi_fault_gromox(call->config)) {
        gromox_refuse(call, code);
        return;
    }
    common_headers(call, code);
    response_header(call->response, "Content-Type", "text/html; charset=utf-8");
    buf_fmt(&call->response->body,
        "<html><head><title>MAPI</title></head><body>The request was refused: %d.</body></html>",
        (int)code);
}

static void cookies(struct call *call, const struct mapi_context *context)
{
    char text[200];

    if (mapi_fault_gromox(call->config)) {
        snprintf(text, sizeof text, GROMOX_CONTEXT_COOKIE "=%s", context->cookie);
        response_header(call->response, "Set-Cookie", text);
        snprintf(text, sizeof text, GROMOX_SEQUENCE_COOKIE "=%s", context->sequence);
        response_header(call->response, "Set-Cookie", text);
        return;
    }
    snprintf(text, sizeof text, "MapiContext=%s; path=%s; secure; HttpOnly", context->cookie,
        context->path);
    response_header(call->response, "Set-Cookie", text);
    snprintf(text, sizeof text, "MapiSequence=%s; path=%s; secure; HttpOnly", context->sequence,
        context->path);
    response_header(call->response, "Set-Cookie", text);
}

/* 2.2.7: PROCESSING at once, PENDING while it lasts. */
static bool keep_waiting(struct call *call)
{
    int64_t until = clock_ms() + call->config->mapi_pending_ms;

    if (!http_chunk(call->conn, "PROCESSING\r\n", 12, clock_ms() + WRITE_MS))
        return false;
    while (clock_ms() < until) {
        poll(NULL, 0, PENDING_EVERY_MS);
        if (!http_chunk(call->conn, "PENDING\r\n", 9, clock_ms() + WRITE_MS))
            return false;
    }
    return true;
}

static void put_done(struct buf *out, const struct exchange *exchange, int64_t started)
{
    char date[64];
    time_t now = time(NULL);
    struct tm utc;

    gmtime_r(&now, &utc);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    buf_fmt(out, "DONE\r\nX-ResponseCode: 0\r\nX-ElapsedTime: %d\r\nX-StartTime: %s\r\n\r\n",
        (int)(clock_ms() - started), date);
    buf_add(out, buf_text(&exchange->out), exchange->out.len);
}

static void send_answer(struct exchange *exchange, int64_t started)
{
    struct call *call = exchange->call;
    struct buf done = {0};
    bool ok;

    common_headers(call, CODE_OK);
    response_header(call->response, "Content-Type", "application/mapi-http");
    if (exchange->context != NULL)
        cookies(call, exchange->context);
    ok = http_begin_chunks(call->conn, call->request, call->response, clock_ms() + WRITE_MS) &&
         keep_waiting(call);
    put_done(&done, exchange, started);
    ok = ok && http_chunk(call->conn, done.data, done.len, clock_ms() + WRITE_MS) &&
         http_end_chunks(call->conn, clock_ms() + WRITE_MS);
    call->response->stays = call->response->stays && ok;
    buf_done(&done);
}

static const struct request_type *find_type(
    const char *name, const struct request_type *types, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(types[i].name, name) == 0)
            return &types[i];
    return NULL;
}

/* A new sequence cookie for the next request. */
static void renew_sequence(struct mapi_context *context)
{
    unsigned char guid[GUID_SIZE];
    char text[GUID_TEXT_SIZE];

    guid_random(guid);
    guid_format(guid, text);
    snprintf(context->sequence, sizeof context->sequence, "%u-%s",
        (unsigned)(context->sequence[0] - '0' + 1) % 10u, text);
}

static void run(struct call *call, const char *path, const struct request_type *type)
{
    int64_t started = clock_ms();
    struct exchange exchange = {
        .call = call, .in = wire_of(call->request->body.data, call->request->body.len)};
    enum response_code code = CODE_OK;

    if (type->needs_context)
        code = mapi_context_take(call, path, &exchange.context);
    if (code == CODE_OK)
        code = type->run(&exchange);
    if (code == CODE_OK && exchange.context != NULL && type->needs_context)
        renew_sequence(exchange.context);
    if (code == CODE_OK)
        send_answer(&exchange, started);
    else
        refuse(call, code);
    if (exchange.context != NULL)
        mapi_context_put(exchange.context, exchange.ended);
    buf_done(&exchange.out);
}

/* What is wrong with the request before its type is looked at (3.2.5.2). */
static enum response_code check(const struct call *call)
{
    const char *content = request_header(call->request, "Content-Type");

    if (strcmp(call->request->method, "POST") != 0)
        return CODE_INVALID_VERB;
    if (call->who == NULL)
        return CODE_ANONYMOUS_NOT_ALLOWED;
    if (request_header(call->request, "X-RequestType") == NULL ||
        request_header(call->request, "X-RequestId") == NULL)
        return CODE_MISSING_HEADER;
    if (content != NULL && strncasecmp(content, "application/mapi-http", 21) != 0 &&
        strncasecmp(content, "application/octet-stream", 24) != 0)
        return CODE_INVALID_HEADER;
    return CODE_OK;
}

static bool mailbox_known(struct call *call)
{
    struct buf id = {0};
    bool known = true;

    if (form_value(call->request->query, "MailboxId", &id))
        known = target_exists(call->config, call->node, buf_text(&id));
    buf_done(&id);
    if (!known)
        target_unknown(call);
    return known;
}

void mapi_http_serve(
    struct call *call, const char *path, const struct request_type *types, size_t count)
{
    const char *name = request_header(call->request, "X-RequestType");
    const struct request_type *type;
    enum response_code code;
    int fault;

    bool reads =
        strcmp(call->request->method, "GET") == 0 || strcmp(call->request->method, "HEAD") == 0;

    if (reads && !mapi_fault_gromox(call->config)) {
        get_only_page(call);
        return;
    }
    if (!mailbox_known(call))
        return;
    code = check(call);
    type = code == CODE_OK ? find_type(name, types, count) : NULL;
    fault = mapi_fault_http(call, type != NULL && type->needs_context);
    if (fault < 0)
        return;
    if (fault > 0)
        code = (enum response_code)fault;
    if (code == CODE_OK && strcasecmp(name, "PING") == 0) { /* 2.2.6: no body either way */
        common_headers(call, CODE_OK);
        response_header(call->response, "Content-Type", "application/mapi-http");
    } else if (code != CODE_OK) {
        refuse(call, code);
    } else if (type == NULL) {
        refuse(call, CODE_INVALID_REQUEST_TYPE);
    } else {
        run(call, path, type);
    }
}
