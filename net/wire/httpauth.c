#include "net/wire/httpauth.h"

#include "net/wire/text.h"

#include <string.h>

/* The grammar is ambiguous to a reader that does not look ahead: a comma separates challenges and
 * also the parameters of one. A word followed by "=" and a value is a parameter, any other word a
 * scheme. */

static bool is_token(char c)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr(marks, c) != NULL);
}

static const char *skip_blank(const char *at)
{
    return at + strspn(at, " \t");
}

static const char *skip_separators(const char *at)
{
    return at + strspn(at, " \t,");
}

static size_t token_length(const char *at)
{
    size_t length = 0;
    while (is_token(at[length]))
        length++;
    return length;
}

/* token68 of RFC 9110 §11.2 that fills the place up to a comma or the end; 0: it is none. */
static size_t token68_length(const char *at)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
    size_t length = strspn(at, digits);
    if (length == 0)
        return 0;
    length += strspn(at + length, "=");
    const char *end = skip_blank(at + length);
    return *end == ',' || *end == '\0' ? length : 0;
}

/* Is a parameter here ("name = …"), not a scheme? */
static bool is_parameter(const char *at)
{
    size_t length = token_length(at);
    return length > 0 && *skip_blank(at + length) == '=';
}

/* The end of a quoted string that starts at `at`, behind its second quote; NULL: it has none. */
static const char *quoted_end(const char *at)
{
    for (at++; *at != '\0' && *at != '"'; at++) {
        if (*at == '\\' && at[1] != '\0')
            at++;
    }
    return *at == '"' ? at + 1 : NULL;
}

static char *unquote(struct arena *arena, const char *at, const char *end)
{
    char *text = arena_alloc(arena, (size_t)(end - at) + 1);
    size_t out = 0;
    for (at++; at < end - 1; at++) {
        if (*at == '\\')
            at++;
        text[out++] = *at;
    }
    return text;
}

/* One parameter at *cursor into the challenge; false: malformed. */
static bool parse_parameter(struct arena *arena, const char **cursor, struct challenge *challenge)
{
    const char *name = *cursor;
    size_t name_length = token_length(name);
    const char *value = skip_blank(skip_blank(name + name_length) + 1);
    const char *end = *value == '"' ? quoted_end(value) : value + token_length(value);
    if (end == NULL)
        return false;
    const char *after = skip_blank(end);
    if (*after != ',' && *after != '\0')
        return false;

    char *text = *value == '"' ? unquote(arena, value, end)
                               : arena_strndup(arena, value, (size_t)(end - value));
    char *key = arena_strndup(arena, name, name_length);
    if (text_equal_nocase(key, "realm"))
        challenge->realm = text;
    else if (text_equal_nocase(key, "authorization_uri"))
        challenge->authorization_uri = text;
    *cursor = end;
    return true;
}

/* All parameters of one challenge; *cursor is left at the next scheme or the end. */
static bool parse_parameters(struct arena *arena, const char **cursor, struct challenge *challenge)
{
    const char *start = *cursor, *end = start;
    while (is_parameter(*cursor)) {
        if (!parse_parameter(arena, cursor, challenge))
            return false;
        end = *cursor;
        *cursor = skip_separators(*cursor);
    }
    if (end > start)
        challenge->rest = arena_strndup(arena, start, (size_t)(end - start));
    return true;
}

/* After something malformed: to the next comma that is followed by a scheme. */
static const char *skip_broken(const char *at)
{
    do {
        while (*at != '\0' && *at != ',') {
            const char *end = *at == '"' ? quoted_end(at) : at + 1;
            at = end != NULL ? end : at + strlen(at); /* an open quote swallows the rest */
        }
        at = skip_separators(at);
    } while (*at != '\0' && is_parameter(at));
    return at;
}

/* One challenge at *cursor; false: malformed, and *cursor may stand anywhere in it. */
static bool parse_challenge(struct arena *arena, const char **cursor, struct challenge *challenge)
{
    size_t length = token_length(*cursor);
    if (length == 0 || is_parameter(*cursor))
        return false;
    challenge->scheme = arena_strndup(arena, *cursor, length);
    *cursor += length;
    const char *next = skip_blank(*cursor);
    if (*next == ',' || *next == '\0') {
        *cursor = next;
        return true;
    }
    if (next == *cursor)
        return false; /* "NTLM;x" */
    *cursor = next;
    size_t token = token68_length(next);
    if (token > CHALLENGE_TOKEN_MAX)
        return false;
    if (token > 0) {
        challenge->token = arena_strndup(arena, next, token);
        *cursor = next + token;
        return true;
    }
    return is_parameter(next) && parse_parameters(arena, cursor, challenge);
}

bool challenges_parse(
    struct arena *arena, const char *value, struct challenge list[CHALLENGES_MAX], size_t *count)
{
    /* The parameters are quoted once more in `rest`: bound the whole before any of it is copied. */
    if (strlen(value) / 2 > CHALLENGE_TOKEN_MAX)
        return false;
    bool good = true;
    const char *at = skip_separators(value);
    while (*at != '\0') {
        struct challenge challenge = {0};
        if (!parse_challenge(arena, &at, &challenge)) {
            good = false;
            at = skip_broken(at);
            continue;
        }
        if (*count >= CHALLENGES_MAX)
            return false;
        list[(*count)++] = challenge;
        at = skip_separators(at);
    }
    return good;
}

const struct challenge *challenge_find(
    const struct challenge *list, size_t count, const char *scheme)
{
    for (size_t i = 0; i < count; i++) {
        if (text_equal_nocase(list[i].scheme, scheme))
            return &list[i];
    }
    return NULL;
}
