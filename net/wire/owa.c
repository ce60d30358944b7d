#include "net/wire/owa.h"

#include "net/wire/text.h"

#include <string.h>

enum { LOCATION_MAX = 8 * 1024 };

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* application/x-www-form-urlencoded; control characters, NUL among them, become "?". */
static char *form_decode(struct arena *arena, const char *text, size_t length)
{
    char *decoded = arena_alloc(arena, length + 1);
    size_t out = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i] == '+' ? ' ' : text[i];
        int high = i + 2 < length && c == '%' ? hex_value(text[i + 1]) : -1;
        int low = high >= 0 ? hex_value(text[i + 2]) : -1;
        if (low >= 0) {
            c = (char)(high << 4 | low);
            i += 2;
        }
        decoded[out++] = (unsigned char)c < ' ' || c == 0x7F ? '?' : c;
    }
    return decoded;
}

/* The first parameter of that name, decoded; NULL: absent. */
static const char *query_value(struct arena *arena, const char *query, const char *name)
{
    size_t name_length = strlen(name);
    while (*query != '\0') {
        size_t length = strcspn(query, "&#");
        if (text_starts_nocase(query, name) && query[name_length] == '=')
            return form_decode(arena, query + name_length + 1, length - name_length - 1);
        if (query[length] != '&')
            break;
        query += length + 1;
    }
    return NULL;
}

static int query_number(struct arena *arena, const char *query, const char *name, int absent)
{
    const char *text = query_value(arena, query, name);
    if (text == NULL || *text == '\0')
        return absent;
    int value = 0;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || value > 9999)
            return absent;
        value = value * 10 + (*text - '0');
    }
    return value;
}

/* "mail.contoso.test:443" and "mail.contoso.test" are the same place. */
static bool same_host(const char *authority, size_t length, const char *host)
{
    static const char port[] = ":443";
    const size_t tail = sizeof port - 1;
    size_t host_length = strlen(host);
    if (length > tail && memcmp(authority + length - tail, port, tail) == 0)
        length -= tail;
    if (host_length > tail && strcmp(host + host_length - tail, port) == 0)
        host_length -= tail;
    if (length != host_length)
        return false;
    for (size_t i = 0; i < length; i++) {
        char a[2] = {authority[i], '\0'}, b[2] = {host[i], '\0'};
        if (!text_equal_nocase(a, b))
            return false;
    }
    return true;
}

/* The path of a location on our host over https; NULL: it leads elsewhere. */
static const char *own_path(const char *location, const char *host)
{
    static const char https[] = "https:";
    if (text_starts_nocase(location, https))
        location += sizeof https - 1;
    if (location[0] != '/')
        return NULL;
    if (location[1] != '/')
        return location;
    const char *authority = location + 2;
    size_t length = strcspn(authority, "/?#\\");
    if (!same_host(authority, length, host))
        return NULL;
    return authority[length] == '/' ? authority + length : "/";
}

static const struct {
    const char *page;
    enum owa_place place;
} pages[] = {
    {"/owa/auth/logon.aspx", OWA_LOGON},
    {"/owa/auth/expiredpassword.aspx", OWA_PASSWORD_EXPIRED},
    {"/owa/languageselection.aspx", OWA_LANGUAGE},
    {"/owa/auth/errorfe.aspx", OWA_ERROR},
    {"/owa/auth/error.aspx", OWA_ERROR},
    {"/owa/auth/error2.aspx", OWA_ERROR},
    {"/owa/auth/frowny.aspx", OWA_ERROR},
    {"/owa/auth/caferror.aspx", OWA_ERROR},
    {"/owa/auth/cafeerror.aspx", OWA_ERROR},
    {"/owa/error.aspx", OWA_ERROR},
};

static enum owa_place classify_path(const char *path)
{
    /* What a browser would normalise first is no page of OWA's. */
    if (strstr(path, "/.") != NULL || strchr(path, '\\') != NULL || strchr(path, '%') != NULL)
        return OWA_ELSEWHERE;
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        if (text_equal_nocase(path, pages[i].page))
            return pages[i].place;
    }
    if (text_equal_nocase(path, "/owa/auth.owa") || text_starts_nocase(path, "/owa/auth/"))
        return OWA_ELSEWHERE;
    if (text_equal_nocase(path, "/owa") || text_starts_nocase(path, "/owa/"))
        return OWA_INSIDE;
    return OWA_ELSEWHERE;
}

struct owa_location owa_classify(struct arena *arena, const char *location, const char *host)
{
    struct owa_location result = {.place = OWA_NOWHERE, .reason = -1};
    if (location == NULL)
        return result;
    location += strspn(location, " \t");
    if (*location == '\0')
        return result;
    result.place = OWA_ELSEWHERE;
    const char *path = own_path(location, host);
    if (path == NULL || strlen(location) > LOCATION_MAX)
        return result;

    size_t length = strcspn(path, "?#");
    const char *query = path[length] == '?' ? path + length + 1 : "";
    result.place = classify_path(arena_strndup(arena, path, length));
    switch (result.place) {
    case OWA_LOGON:
        result.reason = query_number(arena, query, "reason", -1);
        break;
    case OWA_ERROR:
        result.http_code = query_number(arena, query, "httpCode", 0);
        result.message = query_value(arena, query, "msg");
        if (result.message == NULL)
            result.message = query_value(arena, query, "et");
        if (result.message == NULL)
            result.message = query_value(arena, query, "CafeError");
        break;
    case OWA_INSIDE:
    case OWA_LANGUAGE:
    case OWA_PASSWORD_EXPIRED:
    case OWA_ELSEWHERE:
    case OWA_NOWHERE:
        break;
    }
    return result;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Length of "15.2.1544" or "15.2.1544.4" followed by a slash; 0: no such thing here. */
static size_t build_length(const char *text)
{
    size_t length = 0;
    for (int parts = 1; parts <= 4; parts++) {
        size_t digits = 0;
        while (is_digit(text[length + digits]))
            digits++;
        if (digits == 0 || digits > 5)
            return 0;
        length += digits;
        if (text[length] == '/')
            return parts >= 3 ? length : 0;
        if (text[length] != '.')
            return 0;
        length++;
    }
    return 0;
}

const char *owa_page_build(struct arena *arena, const char *body)
{
    static const char *const folders[] = {"/owa/auth/", "/owa/prem/", "/owa/"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        const char *at = text_find_nocase(body, folders[i]);
        while (at != NULL) {
            at += strlen(folders[i]);
            size_t length = build_length(at);
            if (length > 0)
                return arena_strndup(arena, at, length);
            at = text_find_nocase(at, folders[i]);
        }
    }
    return NULL;
}

bool owa_page_has_form(const char *body)
{
    const char *form = text_find_nocase(body, "<form");
    while (form != NULL) {
        const char *end = form + strcspn(form, ">");
        for (; form < end; form++) {
            if (text_starts_nocase(form, "auth.owa"))
                return true;
        }
        form = text_find_nocase(end, "<form");
    }
    return false;
}
