#include "net/directory_impl.h"

#include "net/wire/text.h"

#include <openssl/crypto.h>
#if defined(__GLIBC__)
#include <nss.h>
#endif
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h> /* struct timeval of ldap_result() */

enum { RESULT_BYTES_MAX = 2 * 1024 * 1024 };

/* ---- memory of liblber, wiped when freed: a simple bind's password passes through it ---- */

union wiped_head {
    size_t size;
    max_align_t align;
};

static void *wiped_calloc(ber_len_t count, ber_len_t size, void *context)
{
    (void)context;
    if (size != 0 && count > (SIZE_MAX / 2) / size)
        return NULL;
    union wiped_head *head = xcalloc(1, sizeof *head + count * size);
    head->size = count * size;
    return head + 1;
}

static void *wiped_malloc(ber_len_t size, void *context)
{
    return wiped_calloc(1, size, context);
}

static void wiped_free(void *bytes, void *context)
{
    (void)context;
    if (bytes == NULL)
        return;
    union wiped_head *head = (union wiped_head *)bytes - 1;
    OPENSSL_cleanse(bytes, head->size);
    free(head);
}

static void *wiped_realloc(void *bytes, ber_len_t size, void *context)
{
    void *grown = wiped_calloc(1, size, context);
    if (bytes == NULL || grown == NULL)
        return grown;
    size_t old = ((union wiped_head *)bytes - 1)->size;
    memcpy(grown, bytes, old < size ? old : size);
    wiped_free(bytes, context);
    return grown;
}

/* When it starts, libldap looks our own host name up, and nothing can stop it. With a dead
 * resolver, which we may be here to find, that took 40 seconds: let it look into files only, for
 * this moment. */
static int start_library(LDAPAPIInfo *ret_info)
{
#if defined(__GLIBC__)
    (void)__nss_configure_lookup("hosts", "files");
#endif
    int code = ldap_get_option(NULL, LDAP_OPT_API_INFO, ret_info);
#if defined(__GLIBC__)
    (void)__nss_configure_lookup("hosts", "files dns");
#endif
    return code;
}

bool directory_global_init(struct fault *fault)
{
    BerMemoryFunctions functions = {
        .bmf_malloc = wiped_malloc,
        .bmf_calloc = wiped_calloc,
        .bmf_realloc = wiped_realloc,
        .bmf_free = wiped_free,
    };
    /* Works once, before liblber has allocated; later it keeps what it has. */
    (void)ber_set_option(NULL, LBER_OPT_MEMORY_FNS, &functions);
    LDAPAPIInfo info = {.ldapai_info_version = LDAP_API_INFO_VERSION};
    int code = start_library(&info);
    if (code != LDAP_OPT_SUCCESS)
        return fault_set(
            fault, CAUSE_UNSUPPORTED, ORIGIN_LDAP, code, "the LDAP library does not start");
    ldap_memfree(info.ldapai_vendor_name);
    ber_memvfree((void **)info.ldapai_extensions);
    return true;
}

/* ---- opening and closing ---- */

static bool set_options(LDAP *ldap)
{
    const int version = LDAP_VERSION3;
    const int none = 0;
    const int deref = LDAP_DEREF_NEVER;
    return ldap_set_option(ldap, LDAP_OPT_PROTOCOL_VERSION, &version) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ldap, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ldap, LDAP_OPT_DEREF, &deref) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ldap, LDAP_OPT_SIZELIMIT, &none) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ldap, LDAP_OPT_TIMELIMIT, &none) == LDAP_OPT_SUCCESS;
}

bool directory_open(
    net_sock sock, struct tls_conn *tls, struct directory **ret_directory, struct fault *fault)
{
    struct directory *directory = xcalloc(1, sizeof *directory);
    directory->pipe.sock = sock;
    directory->pipe.tls = tls;
    Sockbuf *sockbuf = NULL;
    /* The name is never looked up: LDAP_PROTO_EXT means that the connection stands. */
    int code = ldap_init_fd(sock, LDAP_PROTO_EXT, "ldap://connected", &directory->ldap);
    if (code != LDAP_SUCCESS) {
        directory->ldap = NULL;
        directory_library_fault(code, "a connection for libldap", fault);
        goto out;
    }
    if (ldap_get_option(directory->ldap, LDAP_OPT_SOCKBUF, &sockbuf) != LDAP_OPT_SUCCESS ||
        !pipe_attach(&directory->pipe, sockbuf) || !set_options(directory->ldap)) {
        fault_set(fault, CAUSE_INTERNAL, ORIGIN_LDAP, 0, "libldap refuses our connection");
        goto out;
    }
    *ret_directory = directory;
    return true;
out:
    directory_close(directory);
    return false;
}

void directory_close(struct directory *directory)
{
    if (directory == NULL)
        return;
    if (directory->ldap != NULL)
        ldap_unbind_ext(directory->ldap, NULL, NULL);
    /* The unbind request, if it can leave at once. */
    struct net_limit now = {.deadline = deadline_in_ms(0), .cancel_fd = -1};
    if (!directory->dead)
        (void)pipe_flush(&directory->pipe, now, NULL);
    pipe_done(&directory->pipe);
    free(directory);
}

/* ---- operations ---- */

bool directory_library_fault(int code, const char *doing, struct fault *fault)
{
    if (code == LDAP_DECODING_ERROR)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_LDAP, code,
            "broken LDAP: the server's answer cannot be decoded");
    return fault_set(
        fault, CAUSE_INTERNAL, ORIGIN_LDAP, code, "%s: %s", doing, ldap_err2string(code));
}

bool directory_result_fault(int code, const char *diagnostic, struct fault *fault)
{
    const char *words =
        diagnostic != NULL && diagnostic[0] != '\0' ? diagnostic : ldap_err2string(code);
    enum cause cause = CAUSE_LDAP_RESULT;
    if (code == LDAP_STRONG_AUTH_REQUIRED)
        cause = CAUSE_STRONG_AUTH_REQUIRED;
    if (code == LDAP_REFERRAL)
        cause = CAUSE_REFERRAL;
    if (code == LDAP_NO_SUCH_OBJECT)
        cause = CAUSE_NO_OBJECT;
    return fault_set(
        fault, cause, ORIGIN_LDAP, code, "the server answers with LDAP result %d: %s", code, words);
}

static bool next_message(struct directory *directory, int id, struct net_limit limit,
    LDAPMessage **ret_message, struct fault *fault)
{
    for (;;) {
        if (!pipe_has_message(&directory->pipe) && !pipe_fill(&directory->pipe, limit, fault))
            return false;
        /* Messages of other operations are dropped by libldap; they must not keep us here. */
        if (deadline_passed(limit.deadline))
            return fault_set(fault, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0,
                "no answer to our LDAP request, only to others");
        struct timeval now = {0};
        LDAPMessage *message = NULL;
        int kind = ldap_result(directory->ldap, id, LDAP_MSG_ONE, &now, &message);
        if (kind > 0) {
            *ret_message = message;
            return true;
        }
        int code = LDAP_SUCCESS;
        ldap_get_option(directory->ldap, LDAP_OPT_RESULT_CODE, &code);
        if (kind < 0 || pipe_has_message(&directory->pipe))
            return fault_set(fault, CAUSE_MALFORMED, ORIGIN_LDAP, code,
                "broken LDAP: the server's answer cannot be decoded");
    }
}

bool directory_next(struct directory *directory, int id, struct net_limit limit,
    LDAPMessage **ret_message, struct fault *fault)
{
    if (directory->dead)
        return fault_set(fault, CAUSE_CLOSED, ORIGIN_EXREACH, 0, "the LDAP connection is broken");
    struct fault why = {.cause = CAUSE_NONE};
    bool flushed = pipe_flush(&directory->pipe, limit, &why);
    if (flushed && next_message(directory, id, limit, ret_message, &why))
        return true;
    /* Who only waited in vain may ask something else; a late answer is then dropped. */
    if (flushed && why.cause == CAUSE_TIMEOUT)
        ldap_abandon_ext(directory->ldap, id, NULL, NULL);
    else
        directory->dead = true;
    if (fault != NULL)
        *fault = why;
    return false;
}

/* ---- search ---- */

struct collector {
    LDAP *ldap;
    struct arena *arena;
    struct directory_result result;
    size_t room; /* entries allocated */
    size_t max;
    struct directory_page *page; /* NULL: not in pages */
};

static void collect_values(struct collector *collector, LDAPMessage *entry, const char *name,
    struct directory_attribute *attribute)
{
    struct berval **values = ldap_get_values_len(collector->ldap, entry, name);
    size_t count = values != NULL ? (size_t)ldap_count_values_len(values) : 0;
    if (count > DIRECTORY_VALUES_MAX) {
        count = DIRECTORY_VALUES_MAX;
        collector->result.more = true;
    }
    attribute->name = arena_strdup(collector->arena, name);
    attribute->values = arena_alloc(collector->arena, (count + 1) * sizeof *attribute->values);
    for (size_t i = 0; i < count; i++) {
        size_t length = values[i]->bv_len;
        if (length > RESULT_BYTES_MAX - collector->result.bytes) {
            collector->result.more = true;
            break;
        }
        attribute->values[i] = (struct directory_value){
            .bytes = arena_strndup(collector->arena, values[i]->bv_val, length),
            .length = length,
        };
        attribute->count = i + 1;
        collector->result.bytes += length;
    }
    ldap_value_free_len(values);
}

static void collect_entry(struct collector *collector, LDAPMessage *message)
{
    enum { ATTRIBUTES_MAX = 256 };
    struct directory_attribute attributes[ATTRIBUTES_MAX] = {{0}};
    struct directory_entry entry = {0};
    BerElement *cursor = NULL;
    char *dn = ldap_get_dn(collector->ldap, message);
    entry.dn = arena_strdup(collector->arena, dn != NULL ? dn : "");
    ldap_memfree(dn);
    char *name = ldap_first_attribute(collector->ldap, message, &cursor);
    while (name != NULL) {
        if (entry.count < ATTRIBUTES_MAX)
            collect_values(collector, message, name, &attributes[entry.count++]);
        else
            collector->result.more = true;
        ldap_memfree(name);
        name = ldap_next_attribute(collector->ldap, message, cursor);
    }
    ber_free(cursor, 0);
    entry.attributes = arena_copy(collector->arena, attributes, entry.count * sizeof attributes[0]);

    struct directory_result *result = &collector->result;
    if (result->count == collector->room) {
        collector->room = collector->room == 0 ? 8 : collector->room * 2;
        struct directory_entry *grown =
            arena_alloc(collector->arena, collector->room * sizeof *grown);
        if (result->count > 0)
            memcpy(grown, result->entries, result->count * sizeof *grown);
        result->entries = grown;
    }
    result->entries[result->count++] = entry;
}

static bool search_done(struct collector *collector, LDAPMessage *message, struct fault *fault)
{
    int code = LDAP_SUCCESS;
    char *diagnostic = NULL;
    char **referrals = NULL;
    LDAPControl **controls = NULL;
    int parsed = ldap_parse_result(
        collector->ldap, message, &code, NULL, &diagnostic, &referrals, &controls, 0);
    bool ok = false;
    if (parsed != LDAP_SUCCESS) {
        directory_library_fault(LDAP_DECODING_ERROR, "the search's result", fault);
    } else if (code == LDAP_SUCCESS) {
        ok = collector->page == NULL ||
             directory_page_answer(collector->page, collector->ldap, controls, fault);
    } else if (collector->result.count > 0 &&
               (code == LDAP_SIZELIMIT_EXCEEDED || code == LDAP_TIMELIMIT_EXCEEDED ||
                   code == LDAP_ADMINLIMIT_EXCEEDED)) {
        collector->result.more = true;
        ok = true;
    } else if (code == LDAP_REFERRAL && referrals != NULL && referrals[0] != NULL) {
        fault_set(fault, CAUSE_REFERRAL, ORIGIN_LDAP, code,
            "the server sends us to %s, which is not followed", referrals[0]);
    } else {
        directory_result_fault(code, diagnostic, fault);
    }
    ldap_memfree(diagnostic);
    ber_memvfree((void **)referrals);
    ldap_controls_free(controls);
    return ok;
}

static bool search_collect(struct directory *directory, int id, struct net_limit limit,
    struct collector *collector, struct fault *fault)
{
    for (;;) {
        LDAPMessage *message = NULL;
        if (!directory_next(directory, id, limit, &message, fault))
            return false;
        int kind = ldap_msgtype(message);
        bool full = false;
        bool ok = true;
        if (kind == LDAP_RES_SEARCH_ENTRY) {
            full = collector->result.count >= collector->max ||
                   collector->result.bytes >= RESULT_BYTES_MAX;
            if (!full)
                collect_entry(collector, message);
        } else if (kind == LDAP_RES_SEARCH_RESULT) {
            ok = search_done(collector, message, fault);
        }
        ldap_msgfree(message);
        if (kind == LDAP_RES_SEARCH_RESULT)
            return ok;
        if (full) {
            /* A server that ignores the size limit we sent. */
            collector->result.more = true;
            ldap_abandon_ext(directory->ldap, id, NULL, NULL);
            return true;
        }
    }
}

static int scope_number(enum directory_scope scope)
{
    switch (scope) {
    case DIRECTORY_BASE:
        return LDAP_SCOPE_BASE;
    case DIRECTORY_ONE:
        return LDAP_SCOPE_ONELEVEL;
    case DIRECTORY_SUBTREE:
        return LDAP_SCOPE_SUBTREE;
    }
    return LDAP_SCOPE_BASE;
}

/* One request and its answer. */
static bool search_once(struct directory *directory, const struct directory_search *search,
    struct net_limit limit, struct collector *collector, struct fault *fault)
{
    size_t count = 0;
    while (search->attributes[count] != NULL)
        count++;
    char **names = xcalloc(count + 1, sizeof *names);
    for (size_t i = 0; i < count; i++)
        names[i] = arena_strdup(collector->arena, search->attributes[i]);
    int id = 0;
    LDAPControl *controls[2] = {NULL, NULL};
    size_t room = collector->max - collector->result.count;
    bool ok = true;
    if (collector->page != NULL)
        ok = directory_page_ask(collector->page, directory->ldap, room, &controls[0], fault);
    if (ok) {
        /* A size limit would be that of all pages together: the pages' own sizes do. */
        int code = ldap_search_ext(directory->ldap, search->base, scope_number(search->scope),
            search->filter, names, 0, controls, NULL, NULL,
            collector->page == NULL ? (int)collector->max : 0, &id);
        if (code != LDAP_SUCCESS)
            ok = directory_library_fault(code, "the search cannot be sent", fault);
    }
    if (controls[0] != NULL)
        ldap_control_free(controls[0]);
    free(names);
    return ok && search_collect(directory, id, limit, collector, fault);
}

bool directory_search(struct directory *directory, const struct directory_search *search,
    struct net_limit limit, struct arena *arena, struct directory_result *ret_result,
    struct fault *fault)
{
    struct directory_page page = {.count = 0};
    size_t most = search->paged ? DIRECTORY_PAGED_MAX : DIRECTORY_ENTRIES_MAX;
    struct collector collector = {.ldap = directory->ldap,
        .arena = arena,
        .max = search->max > 0 && search->max < most ? search->max : most,
        .page = search->paged ? &page : NULL};
    bool ok;
    do {
        ok = search_once(directory, search, limit, &collector, fault);
    } while (ok && directory_page_more(&page) && !collector.result.more &&
             collector.result.count < collector.max);
    /* Pages that nobody fetches end with the connection. */
    collector.result.more |= page.cookie.bv_len > 0;
    directory_page_done(&page);
    if (ok)
        *ret_result = collector.result;
    return ok;
}

/* ---- reading a result ---- */

const struct directory_attribute *entry_attribute(
    const struct directory_entry *entry, const char *attribute)
{
    size_t length = strlen(attribute);
    for (size_t i = 0; i < entry->count; i++) {
        const char *name = entry->attributes[i].name;
        if (text_equal_nocase(name, attribute) ||
            (text_starts_nocase(name, attribute) && text_starts_nocase(name + length, ";range=0-")))
            return &entry->attributes[i];
    }
    return NULL;
}

const char *entry_text(const struct directory_entry *entry, const char *attribute)
{
    const struct directory_attribute *found = entry_attribute(entry, attribute);
    return found != NULL && found->count > 0 ? found->values[0].bytes : NULL;
}

bool entry_int(const struct directory_entry *entry, const char *attribute, int64_t *ret_value)
{
    const char *text = entry_text(entry, attribute);
    if (text == NULL || text[0] == '\0')
        return false;
    bool negative = text[0] == '-';
    int64_t value = 0;
    for (const char *c = negative ? text + 1 : text; *c != '\0' || c == text + negative; c++) {
        if (*c < '0' || *c > '9')
            return false;
        int digit = *c - '0';
        /* Counted downwards, so that the smallest value fits: AD uses it for "never". */
        if (value < (INT64_MIN + digit) / 10)
            return false;
        value = value * 10 - digit;
    }
    if (!negative && value == INT64_MIN)
        return false;
    *ret_value = negative ? value : -value;
    return true;
}

char *directory_escape(struct arena *arena, const char *text)
{
    static const char digits[] = "0123456789abcdef";
    size_t length = strlen(text);
    char *escaped = arena_alloc(arena, length * 3 + 1);
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        /* Control and non-ASCII bytes need no escape by RFC 4515; escaped they are as good. */
        if (strchr("*()\\", text[i]) == NULL && byte >= 0x20 && byte < 0x7f) {
            escaped[used++] = text[i];
            continue;
        }
        escaped[used++] = '\\';
        escaped[used++] = digits[byte >> 4];
        escaped[used++] = digits[byte & 0x0f];
    }
    escaped[used] = '\0';
    return escaped;
}
