#include "http.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static bool fill(struct http_conn *conn, int64_t deadline)
{
    char block[16384];
    long count = stream_read(&conn->stream, block, sizeof block, deadline);

    if (count <= 0)
        return false;
    buf_add(&conn->in, block, (size_t)count);
    return true;
}

/* The length of the head with its blank line, reading until it is there. */
static int read_until_blank(struct http_conn *conn, size_t *ret_len, int64_t deadline)
{
    for (;;) {
        const char *end = conn->in.len > 0 ? strstr(conn->in.data, "\r\n\r\n") : NULL;

        if (end != NULL) {
            *ret_len = (size_t)(end - conn->in.data) + 4;
            return *ret_len > HTTP_HEAD_MAX ? 400 : 0;
        }
        if (memchr(buf_text(&conn->in), '\0', conn->in.len) != NULL)
            return 400;
        if (conn->in.len > HTTP_HEAD_MAX)
            return 400;
        if (!fill(conn, deadline))
            return -1;
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* %00 stays as it is: no path here has one. */
static void decode_percent(const char *from, size_t len, bool plus, struct buf *ret_text)
{
    for (size_t i = 0; i < len; i++) {
        char c = from[i];

        if (c == '%' && i + 2 < len && hex_digit(from[i + 1]) >= 0 && hex_digit(from[i + 2]) >= 0) {
            int value = hex_digit(from[i + 1]) * 16 + hex_digit(from[i + 2]);

            if (value != 0) {
                c = (char)value;
                i += 2;
            }
        } else if (c == '+' && plus) {
            c = ' ';
        }
        buf_add(ret_text, &c, 1);
    }
}

static int parse_target(struct request *request)
{
    const char *target = request->target;
    struct buf path = {0};
    size_t len;

    if (strncasecmp(target, "https://", 8) == 0 || strncasecmp(target, "http://", 7) == 0)
        target = strchr(strstr(target, "//") + 2, '/');
    if (target == NULL || *target != '/')
        return 400;
    len = strcspn(target, "?#");
    decode_percent(target, len, false, &path);
    request->path = path.data;
    request->query = xstrdup(target[len] == '?' ? target + len + 1 : "");
    return 0;
}

static int parse_request_line(struct request *request, char *line)
{
    char *target = strchr(line, ' ');
    char *version = target ? strchr(target + 1, ' ') : NULL;

    if (version == NULL)
        return 400;
    *target++ = '\0';
    *version++ = '\0';
    for (const char *p = line; *p != '\0'; p++)
        if (!isupper((unsigned char)*p) && *p != '_' && *p != '-')
            return 400;
    if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
        return 505;
    request->method = line;
    request->target = target;
    request->http11 = strcmp(version, "HTTP/1.1") == 0;
    return parse_target(request);
}

static int parse_header(struct request *request, char *line)
{
    char *colon = strchr(line, ':');
    char *value;
    size_t len;

    if (colon == NULL || colon == line || strcspn(line, " \t") < (size_t)(colon - line))
        return 400;
    if (request->header_count == HTTP_HEADER_MAX)
        return 400;
    *colon = '\0';
    value = colon + 1 + strspn(colon + 1, " \t");
    len = strlen(value);
    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        value[--len] = '\0';
    request->headers[request->header_count++] = (struct header){line, value};
    return 0;
}

/* RFC 9112, 6.3: two ways to say the length, and contradictions are refused. */
static int parse_length(struct request *request)
{
    const char *coding = request_header(request, "Transfer-Encoding");
    bool seen = false;

    if (coding != NULL && strcasecmp(coding, "chunked") != 0)
        return 501;
    request->chunked = coding != NULL;
    for (size_t i = 0; i < request->header_count; i++) {
        const char *value = request->headers[i].value;
        uint64_t length;

        if (strcasecmp(request->headers[i].name, "Content-Length") != 0)
            continue;
        if (*value == '\0' || strlen(value) > 18 || strspn(value, "0123456789") != strlen(value))
            return 400;
        length = strtoull(value, NULL, 10);
        if (request->chunked || (seen && length != request->content_length))
            return 400;
        request->content_length = length;
        seen = true;
    }
    return 0;
}

static int parse_head(struct request *request)
{
    char *line = request->head;
    int status = 0;

    for (bool first = true; status == 0; first = false) {
        char *end = strstr(line, "\r\n");

        *end = '\0';
        if (*line == '\0')
            break;
        status = first ? parse_request_line(request, line) : parse_header(request, line);
        line = end + 2;
    }
    if (status == 0 && request->method == NULL)
        status = 400;
    return status ? status : parse_length(request);
}

int http_read_head(struct http_conn *conn, struct request *request, int64_t deadline)
{
    size_t len = 0;
    int status = read_until_blank(conn, &len, deadline);

    if (status != 0)
        return status;
    request->head = xcalloc(1, len + 1);
    memcpy(request->head, conn->in.data, len);
    buf_drop(&conn->in, len);
    return parse_head(request);
}

static int read_counted(struct http_conn *conn, struct buf *to, uint64_t length, int64_t deadline)
{
    if (length > HTTP_BODY_MAX || to->len + length > HTTP_BODY_MAX)
        return 413;
    while (conn->in.len < length)
        if (!fill(conn, deadline))
            return -1;
    if (length > 0) {
        buf_add(to, conn->in.data, (size_t)length);
        buf_drop(&conn->in, (size_t)length);
    }
    return 0;
}

/* One line of the chunked coding, without its end. */
static int read_chunk_line(struct http_conn *conn, struct buf *line, int64_t deadline)
{
    for (;;) {
        const char *end = conn->in.len > 0 ? memchr(conn->in.data, '\n', conn->in.len) : NULL;
        size_t len;

        if (end != NULL) {
            len = (size_t)(end - conn->in.data);
            buf_clear(line);
            buf_add(line, conn->in.data, len > 0 && end[-1] == '\r' ? len - 1 : len);
            buf_drop(&conn->in, len + 1);
            return 0;
        }
        if (conn->in.len > 4096)
            return 400;
        if (!fill(conn, deadline))
            return -1;
    }
}

static int read_chunked(struct http_conn *conn, struct buf *to, int64_t deadline)
{
    struct buf line = {0};
    int status = 0;

    for (;;) {
        uint64_t size;

        status = read_chunk_line(conn, &line, deadline);
        if (status == 0 && (line.len == 0 || hex_digit(line.data[0]) < 0))
            status = 400;
        if (status != 0)
            break;
        size = strtoull(line.data, NULL, 16);
        if (size == 0)
            break;
        status = read_counted(conn, to, size, deadline);
        if (status == 0)
            status = read_chunk_line(conn, &line, deadline);
        if (status != 0)
            break;
    }
    do { /* trailers */
        if (status == 0)
            status = read_chunk_line(conn, &line, deadline);
    } while (status == 0 && line.len > 0);
    buf_done(&line);
    return status;
}

int http_read_body(struct http_conn *conn, struct request *request, int64_t deadline)
{
    const char *expect = request_header(request, "Expect");

    request->body_read = true;
    if (!request->chunked && request->content_length == 0)
        return 0;
    if (!request->chunked && request->content_length > HTTP_BODY_MAX)
        return 413;
    if (expect != NULL && strcasecmp(expect, "100-continue") == 0 && conn->in.len == 0 &&
        !stream_write(&conn->stream, "HTTP/1.1 100 Continue\r\n\r\n", 25, deadline))
        return -1;
    if (request->chunked)
        return read_chunked(conn, &request->body, deadline);
    return read_counted(conn, &request->body, request->content_length, deadline);
}

void request_done(struct request *request)
{
    free(request->head);
    free(request->path);
    free(request->query);
    buf_done(&request->body);
    *request = (struct request){0};
}

const char *request_header(const struct request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (strcasecmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    return NULL;
}

bool request_keeps_alive(const struct request *request)
{
    const char *connection = request_header(request, "Connection");

    if (connection != NULL && strcasecmp(connection, "close") == 0)
        return false;
    return request->http11 || (connection != NULL && strcasecmp(connection, "keep-alive") == 0);
}

bool form_value(const char *form, const char *name, struct buf *ret_value)
{
    size_t name_len = strlen(name);

    while (*form != '\0') {
        size_t len = strcspn(form, "&");

        if (len > name_len && strncasecmp(form, name, name_len) == 0 && form[name_len] == '=') {
            decode_percent(form + name_len + 1, len - name_len - 1, true, ret_value);
            return true;
        }
        form += len + (form[len] == '&');
    }
    return false;
}

bool request_cookie(const struct request *request, const char *name, struct buf *ret_value)
{
    size_t name_len = strlen(name);

    for (size_t i = 0; i < request->header_count; i++) {
        const char *p = request->headers[i].value;

        if (strcasecmp(request->headers[i].name, "Cookie") != 0)
            continue;
        while (*p != '\0') {
            size_t len;

            p += strspn(p, "; ");
            len = strcspn(p, ";");
            if (len > name_len && strncmp(p, name, name_len) == 0 && p[name_len] == '=') {
                buf_add(ret_value, p + name_len + 1, len - name_len - 1);
                return true;
            }
            p += len;
        }
    }
    return false;
}

void response_header(struct response *response, const char *name, const char *value)
{
    buf_fmt(&response->headers, "%s: ", name);
    for (const char *p = value; *p != '\0'; p++)
        if (*p != '\r' && *p != '\n')
            buf_add(&response->headers, p, 1);
    buf_str(&response->headers, "\r\n");
}

void response_done(struct response *response)
{
    buf_done(&response->headers);
    buf_done(&response->body);
}

static const char *reason_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {413, "Request Entity Too Large"},
        {440, "Login Timeout"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Unknown";
}

/* The status line, the headers so far, and the date. */
static void put_head(struct buf *out, const struct response *response)
{
    char date[64];
    time_t now = time(NULL);
    struct tm utc;

    gmtime_r(&now, &utc);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    buf_fmt(out, "HTTP/1.1 %d %s\r\n", response->status, reason_phrase(response->status));
    buf_add(out, buf_text(&response->headers), response->headers.len);
    buf_fmt(out, "Date: %s\r\n", date);
}

bool http_begin_chunks(struct http_conn *conn, const struct request *request,
    struct response *response, int64_t deadline)
{
    struct buf out = {0};
    bool ok;

    response->sent = true;
    response->stays = request_keeps_alive(request) && !response->close;
    put_head(&out, response);
    if (!response->stays)
        buf_str(&out, "Connection: close\r\n");
    buf_str(&out, "Transfer-Encoding: chunked\r\n\r\n");
    ok = stream_write(&conn->stream, out.data, out.len, deadline);
    buf_done(&out);
    return ok;
}

bool http_chunk(struct http_conn *conn, const void *data, size_t len, int64_t deadline)
{
    struct buf out = {0};
    bool ok;

    buf_fmt(&out, "%zx\r\n", len);
    buf_add(&out, data, len);
    buf_str(&out, "\r\n");
    ok = stream_write(&conn->stream, out.data, out.len, deadline);
    buf_done(&out);
    return ok;
}

bool http_end_chunks(struct http_conn *conn, int64_t deadline)
{
    return stream_write(&conn->stream, "0\r\n\r\n", 5, deadline);
}

bool http_write(struct http_conn *conn, const struct request *request, struct response *response,
    int64_t deadline)
{
    bool head_only = request->method != NULL && strcmp(request->method, "HEAD") == 0;
    struct buf out = {0};
    bool ok;

    put_head(&out, response);
    if (response->close)
        buf_str(&out, "Connection: close\r\n");
    else if (!request->http11)
        buf_str(&out, "Connection: keep-alive\r\n");
    buf_fmt(&out, "Content-Length: %zu\r\n\r\n", response->body.len);
    if (!head_only)
        buf_add(&out, buf_text(&response->body), response->body.len);
    ok = stream_write(&conn->stream, out.data, out.len, deadline);
    buf_done(&out);
    return ok;
}
