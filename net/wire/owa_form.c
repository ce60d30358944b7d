/* What we send to OWA: the logon form and its cookies. */
#include "net/wire/owa.h"

#include "net/wire/text.h"

#include <openssl/crypto.h>

#include <string.h>

enum { JAR_MAX = 16 * 1024 };

char *owa_form(struct arena *arena, const char *destination, const char *user, const char *password)
{
    /* The encoded password must not stay behind in an arena that nobody wipes. */
    struct arena scratch = {0};
    char *encoded = form_encode(&scratch, password);
    /* flags 4: a private computer is not claimed, the basic experience not asked for. */
    char *form = arena_printf(arena,
        "destination=%s&flags=4&forcedownlevel=0&username=%s&password=%s&passwordText=&isUtf8=1",
        form_encode(&scratch, destination), form_encode(&scratch, user), encoded);
    OPENSSL_cleanse(encoded, strlen(encoded));
    arena_done(&scratch);
    return form;
}

static bool is_cookie_name(const char *name, size_t length)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && strchr(marks, c) == NULL)
            return false;
    }
    return length > 0;
}

/* Nothing that would end the header or the cookie. RFC 6265 §4.1.1, but spaces and quotes pass. */
static bool is_cookie_value(const char *value, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)value[i] < ' ' || value[i] == 0x7F || value[i] == ';')
            return false;
    }
    return true;
}

static size_t trimmed(const char *text, size_t length)
{
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        length--;
    return length;
}

/* The jar without the cookie of that name ("a=1; b=2"). */
static char *jar_without(struct arena *arena, const char *jar, const char *name, size_t length)
{
    char *kept = arena_alloc(arena, strlen(jar) + 1);
    size_t out = 0;
    while (*jar != '\0') {
        size_t size = strcspn(jar, ";");
        bool same = size > length && memcmp(jar, name, length) == 0 && jar[length] == '=';
        if (!same) {
            if (out > 0) {
                kept[out++] = ';';
                kept[out++] = ' ';
            }
            memcpy(kept + out, jar, size);
            out += size;
        }
        jar += size;
        jar += strspn(jar, "; ");
    }
    return kept;
}

const char *cookie_add(struct arena *arena, const char *jar, const char *set_cookie)
{
    const char *old = jar == NULL ? "" : jar;
    const char *name = set_cookie + strspn(set_cookie, " \t");
    size_t pair = strcspn(name, ";");
    const char *equals = memchr(name, '=', pair);
    if (equals == NULL)
        return jar;
    size_t name_length = trimmed(name, (size_t)(equals - name));
    const char *value = equals + 1;
    size_t blank = strspn(value, " \t");
    size_t rest = pair - (size_t)(equals - name) - 1;
    value += blank < rest ? blank : rest;
    size_t value_length = trimmed(value, rest - (blank < rest ? blank : rest));
    if (!is_cookie_name(name, name_length) || !is_cookie_value(value, value_length))
        return jar;
    if (strlen(old) + name_length + value_length > JAR_MAX)
        return jar;

    const char *kept = jar_without(arena, old, name, name_length);
    if (value_length == 0)
        return kept;
    return arena_printf(arena, "%s%s%.*s=%.*s", kept, *kept == '\0' ? "" : "; ", (int)name_length,
        name, (int)value_length, value);
}
