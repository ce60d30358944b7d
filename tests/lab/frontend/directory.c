#include "directory.h"

#include "kerberos_logon.h"
#include "ldap_tls.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { POOL_MAX = 8 };

/* Idle connections, bound as the service's account. */
static struct {
    pthread_mutex_t lock;
    SSL_CTX *context;
    char password[256];
    LDAP *idle[POOL_MAX];
    size_t count;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool read_password(const char *file, char *to, size_t size)
{
    FILE *stream = fopen(file, "r");
    bool ok;

    if (stream == NULL)
        return false;
    ok = fgets(to, (int)size, stream) != NULL;
    fclose(stream);
    if (ok)
        to[strcspn(to, "\r\n")] = '\0';
    return ok;
}

bool directory_init(const struct config *config, char *ret_error, size_t error_size)
{
    int version = 0;

    ldap_get_option(NULL, LDAP_OPT_PROTOCOL_VERSION, &version); /* initialises the library */
    pool.context = ldap_tls_context(config);
    if (pool.context == NULL) {
        snprintf(ret_error, error_size, "cannot load %s", config->ldap_ca);
        return false;
    }
    if (*config->ldap_password_file != '\0' &&
        !read_password(config->ldap_password_file, pool.password, sizeof pool.password)) {
        snprintf(ret_error, error_size, "cannot read %s", config->ldap_password_file);
        return false;
    }
    return true;
}

void directory_done(void)
{
    while (pool.count > 0)
        ldap_unbind_ext(pool.idle[--pool.count], NULL, NULL);
    SSL_CTX_free(pool.context);
    pool.context = NULL;
    OPENSSL_cleanse(pool.password, sizeof pool.password);
}

/* A simple bind; the server's words in `ret_text`, if wanted. */
static int bind_simple(
    LDAP *ldap, const char *name, const char *password, char *ret_text, size_t text_size)
{
    struct timeval wait = {LDAP_WAIT_MS / 1000, 0};
    struct berval secret = {strlen(password), without_const(password)};
    LDAPMessage *message = NULL;
    char *text = NULL;
    int id = 0;
    int code = ldap_sasl_bind(ldap, name, LDAP_SASL_SIMPLE, &secret, NULL, NULL, &id);
    int result = LDAP_TIMEOUT;

    if (code != LDAP_SUCCESS)
        return code;
    if (ldap_result(ldap, id, LDAP_MSG_ALL, &wait, &message) <= 0)
        return LDAP_TIMEOUT;
    if (ldap_parse_result(ldap, message, &result, NULL, &text, NULL, NULL, 1) != LDAP_SUCCESS)
        result = LDAP_DECODING_ERROR;
    if (ret_text != NULL)
        copy_text(ret_text, text_size, text ? text : "");
    ldap_memfree(text);
    return result;
}

static const struct {
    const char *data; /* in the text of error 49 */
    enum logon logon;
    const char *name;
} logons[] = {
    {"data 52e", LOGON_BAD_PASSWORD, "bad user name or password"},
    {"data 525", LOGON_BAD_PASSWORD, "bad user name or password"},
    {"data 533", LOGON_DISABLED, "account disabled"},
    {"data 775", LOGON_LOCKED, "account locked out"},
    {"data 701", LOGON_ACCOUNT_EXPIRED, "account expired"},
    {"data 532", LOGON_PASSWORD_EXPIRED, "password expired"},
    {"data 773", LOGON_MUST_CHANGE, "password must change"},
    {"data 530", LOGON_HOURS, "outside logon hours"},
    {"data 531", LOGON_WORKSTATION, "not from this workstation"},
};

const char *logon_str(enum logon logon)
{
    for (size_t i = 0; i < sizeof logons / sizeof logons[0]; i++)
        if (logons[i].logon == logon)
            return logons[i].name;
    switch (logon) {
    case LOGON_OK:
        return "ok";
    case LOGON_UNAVAILABLE:
        return "the directory cannot be asked";
    default:
        return "refused";
    }
}

static enum logon judge_bind(int code, const char *text)
{
    if (code == LDAP_SUCCESS)
        return LOGON_OK;
    if (code != LDAP_INVALID_CREDENTIALS)
        return LOGON_UNAVAILABLE;
    for (size_t i = 0; i < sizeof logons / sizeof logons[0]; i++)
        if (strstr(text, logons[i].data) != NULL)
            return logons[i].logon;
    return LOGON_REFUSED;
}

enum logon directory_logon(
    const struct config *config, const char *name, const char *password, const char *default_domain)
{
    char full[512];
    char text[512] = "";
    LDAP *ldap;
    int code;

    if (*name == '\0' || *password == '\0')
        return LOGON_BAD_PASSWORD; /* a bind without a password would be an anonymous one */
    if (strpbrk(name, "\\@") == NULL && *default_domain != '\0')
        snprintf(full, sizeof full, "%s\\%s", default_domain, name);
    else
        copy_text(full, sizeof full, name);
    ldap = ldap_tls_open(config, pool.context);
    if (ldap == NULL)
        return LOGON_UNAVAILABLE;
    code = bind_simple(ldap, full, password, text, sizeof text);
    ldap_unbind_ext(ldap, NULL, NULL);
    if (code == LDAP_INVALID_CREDENTIALS && strstr(text, "data 52f") != NULL)
        return kerberos_logon(config, name, password) ? LOGON_OK : LOGON_REFUSED;
    return judge_bind(code, text);
}

static LDAP *pool_take(const struct config *config)
{
    LDAP *ldap = NULL;

    pthread_mutex_lock(&pool.lock);
    if (pool.count > 0)
        ldap = pool.idle[--pool.count];
    pthread_mutex_unlock(&pool.lock);
    if (ldap != NULL)
        return ldap;
    ldap = ldap_tls_open(config, pool.context);
    if (ldap != NULL &&
        bind_simple(ldap, config->ldap_user, pool.password, NULL, 0) != LDAP_SUCCESS) {
        ldap_unbind_ext(ldap, NULL, NULL);
        ldap = NULL;
    }
    return ldap;
}

static void pool_put(LDAP *ldap)
{
    pthread_mutex_lock(&pool.lock);
    if (pool.count < POOL_MAX) {
        pool.idle[pool.count++] = ldap;
        ldap = NULL;
    }
    pthread_mutex_unlock(&pool.lock);
    if (ldap != NULL)
        ldap_unbind_ext(ldap, NULL, NULL);
}

static void add_value(struct ad_entry *entry, const char *name, const struct berval *value)
{
    struct ad_value *grown = realloc(entry->values, (entry->count + 1) * sizeof *grown);

    if (grown == NULL)
        abort();
    entry->values = grown;
    grown[entry->count] = (struct ad_value){.name = xstrdup(name)};
    buf_add(&grown[entry->count].value, value->bv_val, value->bv_len);
    entry->count++;
}

static void read_entry(LDAP *ldap, LDAPMessage *message, struct ad_entry *ret_entry)
{
    BerElement *state = NULL;
    char *dn = ldap_get_dn(ldap, message);

    *ret_entry = (struct ad_entry){.dn = xstrdup(dn ? dn : "")};
    ldap_memfree(dn);
    for (char *name = ldap_first_attribute(ldap, message, &state); name != NULL;
         name = ldap_next_attribute(ldap, message, state)) {
        struct berval **values = ldap_get_values_len(ldap, message, name);

        for (size_t i = 0; values != NULL && values[i] != NULL; i++)
            add_value(ret_entry, name, values[i]);
        ldap_value_free_len(values);
        ldap_memfree(name);
    }
    ber_free(state, 0);
}

static void read_entries(LDAP *ldap, LDAPMessage *result, size_t limit, struct ad_result *ret)
{
    *ret = (struct ad_result){.entries = xcalloc(limit, sizeof *ret->entries)};
    for (LDAPMessage *message = ldap_first_entry(ldap, result);
         message != NULL && ret->count < limit; message = ldap_next_entry(ldap, message))
        read_entry(ldap, message, &ret->entries[ret->count++]);
}

/* Constructed attributes come only when they are asked for by name. */
static char every_attribute[] = "*";
static char password_expiry[] = "msDS-UserPasswordExpiryTimeComputed";
static char *const searched[] = {every_attribute, password_expiry, NULL};

bool directory_search(
    const struct config *config, const char *filter, size_t limit, struct ad_result *ret_result)
{
    /* One idle connection may have died; a second try makes a new one. */
    for (int attempt = 0; attempt <= POOL_MAX; attempt++) {
        struct timeval wait = {LDAP_WAIT_MS / 1000, 0};
        LDAPMessage *result = NULL;
        LDAP *ldap = pool_take(config);
        int code;

        if (ldap == NULL)
            return false;
        code = ldap_search_ext_s(ldap, config->ldap_base, LDAP_SCOPE_SUBTREE, filter,
            without_const(searched), 0, NULL, NULL, &wait, (int)limit, &result);
        if (code == LDAP_SERVER_DOWN) {
            ldap_msgfree(result);
            ldap_unbind_ext(ldap, NULL, NULL);
            continue;
        }
        if (code != LDAP_SUCCESS && code != LDAP_SIZELIMIT_EXCEEDED &&
            code != LDAP_NO_SUCH_OBJECT) {
            ldap_msgfree(result);
            ldap_unbind_ext(ldap, NULL, NULL);
            return false;
        }
        read_entries(ldap, result, limit, ret_result);
        ldap_msgfree(result);
        pool_put(ldap);
        return true;
    }
    return false;
}

void ad_result_done(struct ad_result *result)
{
    for (size_t i = 0; i < result->count; i++) {
        struct ad_entry *entry = &result->entries[i];

        for (size_t k = 0; k < entry->count; k++) {
            free(entry->values[k].name);
            buf_done(&entry->values[k].value);
        }
        free(entry->values);
        free(entry->dn);
    }
    free(result->entries);
    *result = (struct ad_result){0};
}

const struct buf *ad_bytes(const struct ad_entry *entry, const char *attribute)
{
    static const struct buf none = {0};

    for (size_t i = 0; i < entry->count; i++)
        if (strcasecmp(entry->values[i].name, attribute) == 0)
            return &entry->values[i].value;
    return &none;
}

const char *ad_text(const struct ad_entry *entry, const char *attribute)
{
    return buf_text(ad_bytes(entry, attribute));
}

void filter_escape(struct buf *filter, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (strchr("*()\\", *p) != NULL || (unsigned char)*p < 0x20)
            buf_fmt(filter, "\\%02x", (unsigned)(unsigned char)*p);
        else
            buf_add(filter, p, 1);
    }
}
