#include <stdio.h>
#include <string.h>

#include "net/http_private.h"
#include "net/wire/text.h"

enum { TRACE_LINE_SIZE = 1024 };

static bool is_secret(const char *line)
{
    static const char *const names[] = {
        "Authorization:", "Proxy-Authorization:", "Cookie:", "Set-Cookie:", "Set-Cookie2:"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (text_starts_nocase(line, names[i]))
            return true;
    }
    /* A folded line belongs to one that may be secret. */
    return line[0] == ' ' || line[0] == '\t';
}

/* "Authorization: NTLM <hidden 64 bytes>". Only a scheme that credentials follow is shown. */
static void mask(char line[TRACE_LINE_SIZE], size_t length)
{
    char *colon = strchr(line, ':');
    size_t name =
        colon == NULL || line[0] == ' ' || line[0] == '\t' ? 0 : (size_t)(colon - line) + 1;
    size_t at = name + strspn(line + name, " \t");
    size_t shown = name;
    if (text_starts_nocase(line, "Authorization:") ||
        text_starts_nocase(line, "Proxy-Authorization:")) {
        size_t scheme = strcspn(line + at, " \t");
        if (line[at + scheme] != '\0') {
            shown = at + scheme;
            at = shown + strspn(line + shown, " \t");
        }
    }
    size_t hidden = length > at ? length - at : 0;
    snprintf(line + shown, TRACE_LINE_SIZE - shown, "%s<hidden %zu bytes>", shown > 0 ? " " : "",
        hidden);
}

static void trace_line(
    const struct http_conn *conn, char direction, const char *bytes, size_t length)
{
    char line[TRACE_LINE_SIZE];
    size_t kept = length < sizeof line - 40 ? length : sizeof line - 40; /* room for the mask */
    for (size_t i = 0; i < kept; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        line[i] = byte == '\t' || (byte >= ' ' && byte != 0x7F) ? bytes[i] : '.';
    }
    line[kept] = '\0';
    if (is_secret(line))
        mask(line, length);
    conn->trace(conn->trace_context, direction, line);
}

void http_trace_block(
    const struct http_conn *conn, char direction, const char *bytes, size_t length)
{
    size_t at = 0;
    while (conn->trace != NULL && at < length) {
        const char *end = memchr(bytes + at, '\n', length - at);
        size_t whole = end == NULL ? length - at : (size_t)(end - (bytes + at)) + 1;
        size_t bare = whole;
        while (bare > 0 && (bytes[at + bare - 1] == '\n' || bytes[at + bare - 1] == '\r'))
            bare--;
        if (bare > 0)
            trace_line(conn, direction, bytes + at, bare);
        at += whole;
    }
}

void http_trace_body(const struct http_conn *conn, char direction, size_t length)
{
    char line[64];
    if (conn->trace == NULL || length == 0)
        return;
    snprintf(line, sizeof line, "{%zu bytes of body}", length);
    conn->trace(conn->trace_context, direction, line);
}

void http_trace_tls(const struct http_conn *conn)
{
    char line[TRACE_LINE_SIZE];
    const struct tls_seen *seen = &conn->seen;
    if (conn->trace == NULL || !conn->tls)
        return;
    snprintf(line, sizeof line, "%s %s, certificate %.200s, %zu verify errors",
        seen->done ? seen->version : "no TLS", seen->done ? seen->cipher : "",
        seen->chain_count > 0 ? seen->chain[0].subject : "none", seen->error_count);
    conn->trace(conn->trace_context, '*', line);
}
