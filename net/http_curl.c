#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/http_private.h"
#include "net/wire/text.h"

/* ---- the socket: ours, once -------------------------------------------------------------------
 */

static curl_socket_t on_open_socket(
    void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_conn *conn = context;
    (void)purpose;
    (void)address;
    if (conn->handed_over) {
        conn->second_dial = true;
        return CURL_SOCKET_BAD;
    }
    conn->handed_over = true;
    return conn->sock;
}

static int on_socket_options(void *context, curl_socket_t sock, curlsocktype purpose)
{
    (void)context;
    (void)sock;
    (void)purpose;
    return CURL_SOCKOPT_ALREADY_CONNECTED;
}

static int on_close_socket(void *context, curl_socket_t sock)
{
    struct http_conn *conn = context;
    if (conn->gone)
        return 0;
    conn->gone = true;
    /* What came instead of TLS: OpenSSL took the first record header, the rest still lies there. */
    char bytes[HTTP_FIRST_SIZE];
    size_t length = sock_peek(sock, bytes, sizeof bytes, &conn->end);
    if (conn->seen.not_tls)
        tls_seen_first(&conn->seen, bytes, length);
    conn->sock = NET_SOCK_NONE;
    sock_close(sock);
    return 0;
}

/* ---- TLS and the gate -------------------------------------------------------------------------
 */

static CURLcode on_ssl_context(CURL *easy, void *context, void *argument)
{
    struct http_conn *conn = argument;
    (void)easy;
    tls_seen_done(&conn->seen);
    tls_observe(context, conn->trust, conn->host, &conn->seen);
    return CURLE_OK;
}

static int on_before_request(void *context, char *peer, char *local, int peer_port, int local_port)
{
    struct http_conn *conn = context;
    struct http_flight *flight = &conn->flight;
    (void)peer;
    (void)local;
    (void)peer_port;
    if (conn->local.port != 0 && local_port != conn->local.port) {
        fault_set(&flight->fault, CAUSE_INTERNAL, ORIGIN_CURL, 0,
            "curl changed the connection: local port %d in place of %u", local_port,
            (unsigned)conn->local.port);
        return CURL_PREREQFUNC_ABORT;
    }
    if (!http_gate(conn, &flight->fault))
        return CURL_PREREQFUNC_ABORT;
    flight->gated = true;
    return CURL_PREREQFUNC_OK;
}

/* ---- the answer -------------------------------------------------------------------------------
 */

static void status_line(struct http_flight *flight, const char *line, size_t length)
{
    /* What came before was interim (RFC 9110 §15.2), or curl would not begin again. */
    flight->header_count = 0;
    flight->headers_whole = false;
    flight->has_length = false;
    flight->status = 0;
    size_t at = 0;
    while (at < length && line[at] != ' ')
        at++;
    while (at < length && line[at] == ' ')
        at++;
    for (size_t digits = 0; digits < 3 && at < length && line[at] >= '0' && line[at] <= '9';
         digits++)
        flight->status = flight->status * 10 + (line[at++] - '0');
    while (at < length && line[at] == ' ')
        at++;
    flight->reason = arena_strndup(&flight->arena, line + at, length - at);
}

/* RFC 9112 §6.3: a length that is no number, two that differ, or one beside chunks: such an answer
 * may be two answers to somebody else. curl is more lenient. */
static bool is_sound(struct http_flight *flight)
{
    const struct http_header *last = &flight->answer_headers[flight->header_count - 1];
    bool is_length = text_equal_nocase(last->name, "Content-Length");
    bool is_coding = text_equal_nocase(last->name, "Transfer-Encoding");
    flight->has_length = flight->has_length || is_length || is_coding;
    if (is_length && (last->value[0] == '\0' || strlen(last->value) > 18 ||
                         last->value[strspn(last->value, "0123456789")] != '\0'))
        return false;
    for (size_t i = 0; (is_length || is_coding) && i + 1 < flight->header_count; i++) {
        const struct http_header *other = &flight->answer_headers[i];
        bool length = text_equal_nocase(other->name, "Content-Length");
        if (is_length && text_equal_nocase(other->name, "Transfer-Encoding"))
            return false;
        if (length && (is_coding || strcmp(other->value, last->value) != 0))
            return false;
    }
    return true;
}

static bool says_length(const char *line, size_t name)
{
    struct arena arena = {0};
    const char *text = arena_strndup(&arena, line, name);
    bool yes =
        text_equal_nocase(text, "Content-Length") || text_equal_nocase(text, "Transfer-Encoding");
    arena_done(&arena);
    return yes;
}

/* Beyond those we keep, what says where the body ends still counts. */
static bool is_kept(const struct http_flight *flight, const char *line, size_t name)
{
    if (flight->header_count < HTTP_HEADERS_MAX)
        return true;
    return flight->header_count < HTTP_HEADERS_MAX + HTTP_LENGTHS_MAX && says_length(line, name);
}

static bool add_header(struct http_flight *flight, const char *line, size_t length)
{
    const char *colon = memchr(line, ':', length);
    size_t name = colon == NULL ? 0 : (size_t)(colon - line);
    if (colon == NULL || !is_kept(flight, line, name))
        return true;
    size_t at = name + 1;
    while (at < length && (line[at] == ' ' || line[at] == '\t'))
        at++;
    while (length > at && (line[length - 1] == ' ' || line[length - 1] == '\t'))
        length--;
    flight->answer_headers[flight->header_count++] = (struct http_header){
        .name = arena_strndup(&flight->arena, line, name),
        .value = arena_strndup(&flight->arena, line + at, length - at),
    };
    if (is_sound(flight))
        return true;
    return fault_set(&flight->fault, CAUSE_MALFORMED, ORIGIN_HTTP, flight->status,
        "the answer contradicts itself about its length (%.60s)",
        flight->answer_headers[flight->header_count - 1].value);
}

static size_t on_header(char *line, size_t one, size_t length, void *context)
{
    struct http_conn *conn = context;
    struct http_flight *flight = &conn->flight;
    (void)one;
    if (flight->first_byte_us == 0)
        flight->first_byte_us = clock_monotonic_us();
    flight->header_bytes += length;
    if (flight->header_bytes > HTTP_HEADER_BYTES_MAX) {
        fault_set(&flight->fault, CAUSE_TOO_LARGE, ORIGIN_EXREACH, 0,
            "the headers of the answer are larger than %d KiB", HTTP_HEADER_BYTES_MAX / 1024);
        return 0;
    }
    size_t bare = length;
    while (bare > 0 && (line[bare - 1] == '\r' || line[bare - 1] == '\n'))
        bare--;
    if (bare == 0)
        flight->headers_whole = true;
    else if (bare > 5 && memcmp(line, "HTTP/", 5) == 0 &&
             (flight->headers_whole || flight->status == 0))
        status_line(flight, line, bare);
    else if (!flight->headers_whole &&
             !add_header(flight, line, bare)) /* trailers are no headers */
        return 0;
    return length;
}

/* An answer without a status line: HTTP/0.9 to curl, that is, anything. */
static void not_http(struct http_conn *conn, const char *bytes, size_t length)
{
    struct fault *fault = &conn->flight.fault;
    char first[HTTP_FIRST_SIZE];
    size_t line = 0;
    if (length >= 2 && (bytes[0] == SSL3_RT_ALERT || bytes[0] == SSL3_RT_HANDSHAKE) &&
        bytes[1] == SSL3_VERSION_MAJOR) {
        fault_set(fault, CAUSE_NOT_HTTP, ORIGIN_EXREACH, 0,
            "%.110s answers with TLS: this port wants https", conn->whom);
        return;
    }
    for (; line < length && line + 1 < sizeof first; line++) {
        unsigned char byte = (unsigned char)bytes[line];
        if (byte == '\r' || byte == '\n')
            break;
        first[line] = (char)(byte >= ' ' && byte < 0x7F ? byte : '.');
    }
    first[line] = '\0';
    fault_set(fault, CAUSE_NOT_HTTP, ORIGIN_EXREACH, 0,
        "%.110s does not speak HTTP: it answers \"%s\"", conn->whom, first);
}

static size_t on_body(char *bytes, size_t one, size_t length, void *context)
{
    struct http_conn *conn = context;
    struct http_flight *flight = &conn->flight;
    (void)one;
    if (flight->status == 0) {
        not_http(conn, bytes, length);
        return 0;
    }
    size_t max = flight->request->body_max == 0 ? HTTP_BODY_MAX : flight->request->body_max;
    if (length > max - flight->body_length) {
        fault_set(&flight->fault, CAUSE_TOO_LARGE, ORIGIN_EXREACH, 0,
            "the body of the answer is larger than %zu bytes", max);
        return 0;
    }
    if (length > flight->body_size - flight->body_length) {
        size_t size = flight->body_size == 0 ? CURL_MAX_WRITE_SIZE : flight->body_size;
        while (size - flight->body_length < length)
            size *= 2;
        flight->body = xrealloc(flight->body, size);
        flight->body_size = size;
    }
    memcpy(flight->body + flight->body_length, bytes, length);
    flight->body_length += length;
    return length;
}

static int on_debug(CURL *easy, curl_infotype type, char *bytes, size_t length, void *context)
{
    const struct http_conn *conn = context;
    (void)easy;
    if (type == CURLINFO_HEADER_OUT)
        http_trace_block(conn, '>', bytes, length);
    else if (type == CURLINFO_HEADER_IN)
        http_trace_block(conn, '<', bytes, length);
    return 0;
}

/* ---- options ----------------------------------------------------------------------------------
 */

/* A line end within a header would make two of it; a control byte within a target, two requests. */
static bool is_clean(const char *text, bool spaces)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == 0x7F || (byte < ' ' && byte != '\t') || (!spaces && byte <= ' '))
            return false;
    }
    return true;
}

static bool has_header(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (text_equal_nocase(request->headers[i].name, name))
            return true;
    }
    return false;
}

static bool append_line(struct http_flight *flight, const char *line)
{
    struct curl_slist *longer = curl_slist_append(flight->headers, line);
    if (longer != NULL)
        flight->headers = longer;
    return longer != NULL;
}

static bool append_header(struct http_flight *flight, const struct http_header *header)
{
    size_t size = strlen(header->name) + strlen(header->value) + 3;
    char *line = xcalloc(1, size);
    /* A semicolon is curl's way to write a header without a value. */
    if (header->value[0] == '\0')
        snprintf(line, size, "%s;", header->name);
    else
        snprintf(line, size, "%s: %s", header->name, header->value);
    bool ok = append_line(flight, line);
    OPENSSL_cleanse(line, size); /* it may carry a password */
    free(line);
    return ok;
}

static bool make_headers(struct http_flight *flight, struct fault *fault)
{
    const struct http_request *request = flight->request;
    bool ok = has_header(request, "Expect") ||
              append_line(flight, "Expect:"); /* no pause before a body */
    if (!has_header(request, "Content-Type"))
        ok = ok && append_line(flight, "Content-Type:"); /* not the one of forms */
    for (size_t i = 0; i < request->header_count; i++) {
        const struct http_header *header = &request->headers[i];
        if (header->name[0] == '\0' || !is_clean(header->name, false) ||
            strpbrk(header->name, ":;") != NULL || !is_clean(header->value, true))
            return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
                "the request header %.60s cannot be sent as it is", header->name);
        ok = ok && append_header(flight, header);
    }
    if (!ok)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_CURL, CURLE_OUT_OF_MEMORY,
            "curl cannot take the request headers");
    return true;
}

static void set_upload(struct http_conn *conn)
{
    CURL *easy = conn->easy;
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, conn->flight.request->method);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)conn->flight.upload.announced);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, http_stream_on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, conn);
}

static void set_method(CURL *easy, const struct http_request *request)
{
    static const char nothing[] = "";
    bool post = strcmp(request->method, "POST") == 0;
    if (request->body != NULL || post) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body != NULL ? request->body : nothing);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(request->body_length));
        if (!post)
            curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    } else if (strcmp(request->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (strcmp(request->method, "GET") != 0) {
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    }
}

/* What keeps curl to this one connection, and to what we asked. */
static void set_walls(struct http_conn *conn)
{
    CURL *easy = conn->easy;
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, conn);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket_options);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, conn);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_before_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, conn);
    curl_easy_setopt(easy, CURLOPT_RESOLVE, conn->resolve);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    /* on_body() refuses it: it sees what came in place of HTTP. */
    curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)INT_MAX / 1000);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* A server that answers before it has read all may still be talked to afterwards. */
    curl_easy_setopt(easy, CURLOPT_KEEP_SENDING_ON_ERROR, 1L);
    /* Our verify callback judges; curl must not end the handshake before it has. */
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_context);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, conn);
}

static void set_answer(struct http_conn *conn)
{
    CURL *easy = conn->easy;
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, conn);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, conn);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, conn->error);
    if (conn->trace == NULL)
        return;
    curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_debug);
    curl_easy_setopt(easy, CURLOPT_DEBUGDATA, conn);
    curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);
}

bool http_curl_prepare(struct http_conn *conn, struct fault *fault)
{
    struct http_flight *flight = &conn->flight;
    const struct http_request *request = flight->request;
    if (request->target[0] != '/' || !is_clean(request->target, false) ||
        !is_clean(request->method, false))
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "\"%.100s\" cannot be asked for", request->target);
    if (!make_headers(flight, fault))
        return false;
    curl_easy_reset(conn->easy);
    set_walls(conn);
    set_answer(conn);
    struct arena arena = {0};
    bool six = strchr(conn->host, ':') != NULL;
    const char *url = arena_printf(&arena, six ? "%s://[%s]:%u/" : "%s://%s:%u/",
        conn->tls ? "https" : "http", conn->host, (unsigned)conn->port);
    CURLcode result = curl_easy_setopt(conn->easy, CURLOPT_URL, url);
    arena_done(&arena);
    if (result != CURLE_OK)
        return fault_set(
            fault, CAUSE_INTERNAL, ORIGIN_CURL, result, "curl: %s", curl_easy_strerror(result));
    curl_easy_setopt(conn->easy, CURLOPT_REQUEST_TARGET, request->target);
    curl_easy_setopt(conn->easy, CURLOPT_HTTPHEADER, flight->headers);
    curl_easy_setopt(conn->easy, CURLOPT_USERAGENT, "exreach");
    if (flight->upload.announced > 0)
        set_upload(conn);
    else
        set_method(conn->easy, request);
    return true;
}
