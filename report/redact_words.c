#include "report/redact_words.h"

#include <stdlib.h>
#include <string.h>

#include "net/wire/text.h"
#include "report/buffer.h"

enum { WORD_MIN = 3, HOST_MAX = 255 };

struct redact_word {
    enum redact_kind kind;
    const char *text, *token;
    size_t length;
    bool whole; /* too short, or a word of ours: replaced only where it is the whole text */
};

static const char *const token_names[REDACT_KINDS] = {
    [REDACT_HOST] = "host",
    [REDACT_DOMAIN] = "domain",
    [REDACT_ADDRESS] = "address",
    [REDACT_MAILBOX] = "mailbox",
    [REDACT_ACCOUNT] = "account",
    [REDACT_OBJECT] = "object",
};

/* Words of ours that an account or a node may be called, too: replacing them would hide the report.
 */
static const char *const ours[] = {"dns", "kerberos", "ldap", "autodiscover", "ews", "owa", "ecp",
    "mapi", "rpc", "oab", "activesync", "http", "https", "mail", "mailbox", "server", "exchange",
    "account", "address", "the", "and", "not", "test", "host", "domain", "node", "name", "users",
    "user", "administrators", "admins", "servers", "groups", "group", "guests", "clients", "client",
    "services", "service", "password", "default"};

void redact_words_done(struct redact_words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->list[i]);
    free(words->list);
    free(words->builds);
    *words = (struct redact_words){0};
}

static bool is_ours(const char *text)
{
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (text_equal_nocase(ours[i], text))
            return true;
    }
    return false;
}

static struct redact_word *find_word(const struct redact_words *words, const char *text)
{
    for (size_t i = 0; i < words->count; i++) {
        if (text_equal_nocase(words->list[i]->text, text))
            return words->list[i];
    }
    return NULL;
}

static struct redact_word *add_word(
    struct redact_words *words, enum redact_kind kind, const char *text)
{
    if (words->count == words->size) {
        words->size = words->size != 0 ? words->size * 2 : 64;
        words->list = xrealloc(words->list, words->size * sizeof(*words->list));
    }
    struct redact_word *word = xcalloc(1, sizeof *word);
    word->kind = kind;
    word->text = arena_strdup(words->arena, text);
    word->length = strlen(text);
    word->token = arena_printf(words->arena, "%s-%d", token_names[kind], ++words->numbers[kind]);
    words->list[words->count++] = word;
    return word;
}

void redact_learn(struct redact_words *words, enum redact_kind kind, const char *text)
{
    if (text == NULL || *text == '\0' || find_word(words, text) != NULL)
        return;
    struct redact_word *word = add_word(words, kind, text);
    word->whole = word->length < WORD_MIN || is_ours(text);
}

void redact_keep(struct redact_words *words, const char *build)
{
    if (build == NULL)
        return;
    if (words->build_count == words->build_size) {
        words->build_size = words->build_size != 0 ? words->build_size * 2 : 16;
        words->builds = xrealloc(words->builds, words->build_size * sizeof *words->builds);
    }
    words->builds[words->build_count++] = build;
}

static int compare_words(const void *left, const void *right)
{
    const struct redact_word *a = *(struct redact_word *const *)left;
    const struct redact_word *b = *(struct redact_word *const *)right;
    if (a->length != b->length)
        return a->length > b->length ? -1 : 1;
    return strcmp(a->text, b->text);
}

void redact_sort(struct redact_words *words)
{
    if (words->count > 1)
        qsort(words->list, words->count, sizeof *words->list, compare_words);
}

/* ---- replacing --------------------------------------------------------------------------------
 */

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (unsigned char)c >= 0x80;
}

static bool is_label(char c)
{
    return is_alnum(c) || c == '-' || c == '_';
}

/* Bytes from at that belong to one name-like run: labels, dots, @. */
static size_t run_length(const char *at)
{
    size_t length = 0;
    while (is_label(at[length]) || at[length] == '.' || at[length] == '@' || at[length] == '+')
        length++;
    while (length > 0 && at[length - 1] == '.')
        length--;
    return length;
}

static bool is_dotted_quad(const char *at, size_t length)
{
    int parts = 0, value = 0, digits = 0;
    for (size_t i = 0; i <= length; i++) {
        if (i < length && at[i] >= '0' && at[i] <= '9') {
            value = value * 10 + (at[i] - '0');
            if (++digits > 3 || value > 255)
                return false;
        } else if ((i == length || at[i] == '.') && digits > 0) {
            parts++;
            value = digits = 0;
        } else {
            return false;
        }
    }
    return parts == 4;
}

/* Hexadecimal groups and colons: eight groups, or a gap (RFC 4291 2.2). */
static size_t v6_length(const char *at)
{
    size_t length = strspn(at, "0123456789abcdefABCDEF:.");
    size_t colons = 0;
    bool gap = false;
    while (length > 0 && (at[length - 1] == '.' ||
                             (at[length - 1] == ':' && (length < 2 || at[length - 2] != ':'))))
        length--;
    for (size_t i = 0; i < length; i++) {
        colons += at[i] == ':';
        gap |= at[i] == ':' && i + 1 < length && at[i + 1] == ':';
    }
    return colons >= 2 && (gap || colons == 7) ? length : 0;
}

static bool is_build(const struct redact_words *words, const char *at, size_t length)
{
    for (size_t i = 0; i < words->build_count; i++) {
        if (strlen(words->builds[i]) == length && memcmp(words->builds[i], at, length) == 0)
            return true;
    }
    return false;
}

static bool is_below_known_domain(const struct redact_words *words, const char *name)
{
    for (size_t i = 0; i < words->count; i++) {
        const struct redact_word *word = words->list[i];
        size_t length = strlen(name);
        if (word->kind == REDACT_DOMAIN && length > word->length + 1 &&
            name[length - word->length - 1] == '.' &&
            text_equal_nocase(name + length - word->length, word->text))
            return true;
    }
    return false;
}

/* The token of a run that nobody learnt but that shows what it is; NULL: ordinary words. New ones
 * go to the end of the list: the order only matters to words inside others, and a run is whole. */
static const char *recognise(struct redact_words *words, const char *at, size_t length)
{
    enum redact_kind kind = REDACT_KINDS;
    if (length > HOST_MAX)
        return NULL;
    char name[HOST_MAX + 1];
    memcpy(name, at, length);
    name[length] = '\0';
    const char *sign = strchr(name, '@');
    if (is_dotted_quad(name, length) && !is_build(words, name, length))
        kind = REDACT_ADDRESS;
    else if (sign != NULL && sign != name && strchr(sign, '.') != NULL)
        kind = REDACT_MAILBOX;
    else if (is_below_known_domain(words, name))
        kind = REDACT_HOST;
    if (kind == REDACT_KINDS)
        return NULL;
    struct redact_word *word = find_word(words, name);
    return (word != NULL ? word : add_word(words, kind, name))->token;
}

/* The learnt word that begins here and ends at the border of a word. */
static const struct redact_word *word_at(const struct redact_words *words, const char *at)
{
    for (size_t i = 0; i < words->count; i++) {
        const struct redact_word *word = words->list[i];
        if (!word->whole && text_starts_nocase(at, word->text) && !is_alnum(at[word->length]))
            return word;
    }
    return NULL;
}

/* What stands before a service label in the middle of a name: the site of
 * "_gc._tcp.Berlin._sites.contoso.test", or the "dc" that every domain has. 0: nothing. */
static size_t replace_locator_part(
    struct redact_words *words, const char *at, struct text_buffer *out)
{
    static const char *const common[] = {"dc", "gc", "pdc", "domains"};
    char part[64];
    size_t length = 0;
    while (is_label(at[length]))
        length++;
    if (length == 0 || length >= sizeof part || at[length] != '.' || at[length + 1] != '_')
        return 0;
    memcpy(part, at, length);
    part[length] = '\0';
    const char *token = NULL;
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++) {
        if (text_equal_nocase(common[i], part))
            token = common[i];
    }
    struct redact_word *known = find_word(words, part);
    if (token == NULL)
        token = (known != NULL ? known : add_word(words, REDACT_OBJECT, part))->token;
    buffer_add(out, token);
    return length;
}

/* One step: what begins at a border of words. Returns the bytes replaced, 0: none. */
static size_t replace_at(struct redact_words *words, const char *at, struct text_buffer *out)
{
    /* the service labels of an SRV record tell nothing: _ldap._tcp.contoso.test */
    size_t label = *at == '_' ? strcspn(at, ". ") : 0;
    if (label > 0 && at[label] == '.') {
        buffer_addn(out, at, label + 1);
        return label + 1;
    }
    label = replace_locator_part(words, at, out);
    if (label > 0)
        return label;
    const struct redact_word *word = word_at(words, at);
    size_t run = run_length(at);
    size_t v6 = v6_length(at);
    /* a whole run that shows what it is wins over a shorter word inside it */
    if (run > 0 && (word == NULL || word->length < run)) {
        const char *token = recognise(words, at, run);
        if (token != NULL) {
            buffer_add(out, token);
            return run;
        }
    }
    if (word != NULL) {
        buffer_add(out, word->token);
        return word->length;
    }
    if (v6 > 0) {
        char address[64];
        if (v6 >= sizeof address)
            return 0;
        memcpy(address, at, v6);
        address[v6] = '\0';
        struct redact_word *known = find_word(words, address);
        buffer_add(out, (known != NULL ? known : add_word(words, REDACT_ADDRESS, address))->token);
        return v6;
    }
    return 0;
}

const char *redact_text(struct redact_words *words, const char *text)
{
    if (text == NULL || *text == '\0')
        return text;
    const struct redact_word *all = find_word(words, text);
    if (all != NULL)
        return all->token;
    struct text_buffer out = {0};
    bool changed = false;
    for (size_t at = 0; text[at] != '\0';) {
        bool border = at == 0 || !is_alnum(text[at - 1]);
        size_t replaced = border ? replace_at(words, text + at, &out) : 0;
        if (replaced == 0) {
            buffer_addn(&out, text + at, 1);
            at++;
        } else {
            at += replaced;
            changed = true;
        }
    }
    const char *result = changed ? arena_strdup(words->arena, buffer_text(&out)) : text;
    buffer_done(&out);
    return result;
}
