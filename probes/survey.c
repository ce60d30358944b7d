#include "probes/survey.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- words ---- */

static const char *const layer_names[LAYER_COUNT] = {
    [LAYER_DNS] = "dns",
    [LAYER_TCP] = "tcp",
    [LAYER_TLS] = "tls",
    [LAYER_HTTP] = "http",
    [LAYER_AUTH] = "auth",
    [LAYER_PROTOCOL] = "protocol",
    [LAYER_MAILBOX] = "mailbox",
};

static const char *const outcome_names[OUTCOME_COUNT] = {
    [OUTCOME_NOT_RUN] = "not-run",
    [OUTCOME_PASS] = "pass",
    [OUTCOME_WARN] = "warn",
    [OUTCOME_FAIL] = "fail",
    [OUTCOME_BLOCKED] = "blocked",
    [OUTCOME_SKIPPED] = "skipped",
    [OUTCOME_ERROR] = "error",
};

static const char *const service_names[SERVICE_COUNT] = {
    [SERVICE_DNS] = "dns",
    [SERVICE_KERBEROS] = "kerberos",
    [SERVICE_LDAP] = "ldap",
    [SERVICE_GC] = "gc",
    [SERVICE_AUTODISCOVER] = "autodiscover",
    [SERVICE_EWS] = "ews",
    [SERVICE_OWA] = "owa",
    [SERVICE_ECP] = "ecp",
    [SERVICE_MAPI] = "mapi",
    [SERVICE_RPC] = "rpc",
    [SERVICE_OAB] = "oab",
    [SERVICE_ACTIVESYNC] = "activesync",
};

static const char *const source_names[SOURCE_COUNT] = {
    [SOURCE_USER] = "user",
    [SOURCE_DNS] = "dns",
    [SOURCE_SCP] = "scp",
    [SOURCE_AUTODISCOVER] = "autodiscover",
    [SOURCE_AD] = "ad",
    [SOURCE_GUESS] = "guess",
};

static const char *const profile_names[PROFILE_COUNT] = {
    [PROFILE_MAPI_CDO] = "mapi-cdo",
    [PROFILE_OUTLOOK] = "outlook",
    [PROFILE_EWS_APP] = "ews-app",
    [PROFILE_OWA_USER] = "owa-user",
    [PROFILE_ALL] = "all",
};

static const char *const severity_names[SEVERITY_COUNT] = {
    [SEVERITY_FAIL] = "fail",
    [SEVERITY_WARN] = "warn",
    [SEVERITY_INFO] = "info",
};

static const char *const status_names[STATUS_COUNT] = {
    [STATUS_OK] = "ok",
    [STATUS_DEGRADED] = "degraded",
    [STATUS_BROKEN] = "broken",
    [STATUS_UNKNOWN] = "unknown",
};

/* The index of a name, or count. */
static int word_index(const char *const *names, int count, const char *name)
{
    int i = 0;
    while (i < count && strcmp(names[i], name) != 0)
        i++;
    return i;
}

/* One pair of functions a word list: str and parse. */
#define WORDS(type, TYPE)                                         \
    const char *type##_str(enum type type)                        \
    {                                                             \
        return type##_names[type];                                \
    }                                                             \
    bool type##_parse(const char *name, enum type *ret_##type)    \
    {                                                             \
        int index = word_index(type##_names, TYPE##_COUNT, name); \
        if (index == TYPE##_COUNT)                                \
            return false;                                         \
        *ret_##type = (enum type)index;                           \
        return true;                                              \
    }

WORDS(layer, LAYER)
WORDS(outcome, OUTCOME)
WORDS(service, SERVICE)
WORDS(source, SOURCE)
WORDS(profile, PROFILE)
WORDS(severity, SEVERITY)

const char *status_str(enum status status)
{
    return status_names[status];
}

/* ---- the survey ---- */

void survey_init(struct survey *survey)
{
    *survey = (struct survey){
        .version = "",
        .target = {.address = "", .domain = "", .account = ""},
        .vantage = {.host = ""},
        .verdict = {.status = STATUS_UNKNOWN, .summary = ""},
    };
}

void survey_done(struct survey *survey)
{
    for (struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        struct check *check = chain->checks;
        while (check != NULL) {
            struct check *next = check->next;
            check_free(check);
            check = next;
        }
    }
    arena_done(&survey->arena);
    survey_init(survey);
}

/* ---- building ---- */

/* "ews/mail.contoso.test/127.0.0.20:443"; the subject of a Kerberos row stands behind it. */
static const char *chain_id(struct survey *survey, const struct endpoint *endpoint)
{
    const char *address = endpoint->address != NULL ? endpoint->address : "";
    bool v6 = strchr(address, ':') != NULL;
    const char *subject = endpoint->subject;
    const char *base =
        arena_printf(&survey->arena, "%s/%s%s%s%s%s:%u%s%s", service_str(endpoint->service),
            endpoint->host, *address != '\0' ? "/" : "", v6 ? "[" : "", address, v6 ? "]" : "",
            (unsigned)endpoint->port, subject != NULL ? "/" : "", subject != NULL ? subject : "");
    const char *id = base;
    for (int n = 2; survey_find_chain(survey, id) != NULL; n++)
        id = arena_printf(&survey->arena, "%s#%d", base, n);
    return id;
}

struct chain *survey_add_chain(struct survey *survey, const struct endpoint *endpoint)
{
    struct arena *arena = &survey->arena;
    struct chain *chain = arena_alloc(arena, sizeof *chain);
    chain->endpoint = *endpoint;
    chain->endpoint.host = arena_strdup(arena, endpoint->host);
    chain->endpoint.address = arena_strdup(arena, endpoint->address);
    chain->endpoint.path = arena_strdup(arena, endpoint->path);
    chain->endpoint.url = arena_strdup(arena, endpoint->url);
    chain->endpoint.subject = arena_strdup(arena, endpoint->subject);
    chain->id = chain_id(survey, endpoint);

    struct chain **end = &survey->chains;
    while (*end != NULL)
        end = &(*end)->next;
    *end = chain;
    return chain;
}

struct check *check_new(const char *chain_id_text, const char *probe, const char *title,
    enum layer layer, const char *subject, const struct fact_def *defs)
{
    struct check *check = xcalloc(1, sizeof *check);
    check->probe = probe;
    check->title = title;
    check->layer = layer;
    check->summary = "";
    check->defs = defs;
    check->subject = arena_strdup(&check->arena, subject);
    check->id = arena_printf(&check->arena, "%s/%s%s%s", chain_id_text, probe,
        subject != NULL ? "/" : "", subject != NULL ? subject : "");
    return check;
}

void check_free(struct check *check)
{
    if (check == NULL)
        return;
    arena_done(&check->arena);
    free(check);
}

void chain_append(struct chain *chain, struct check *check)
{
    struct check **end = &chain->checks;
    while (*end != NULL)
        end = &(*end)->next;
    check->next = NULL;
    *end = check;
}

static void assert_declared(const struct check *check, const char *key, enum fact_type type)
{
#ifdef NDEBUG
    (void)check, (void)key, (void)type;
#else
    if (check->defs == NULL)
        return;
    const struct fact_def *def = check->defs;
    while (def->key != NULL && strcmp(def->key, key) != 0)
        def++;
    assert(def->key != NULL && "a fact the probe did not declare");
    assert(def->type == type && "a fact of another type than declared");
#endif
}

static struct fact *find_fact(const struct check *check, const char *key)
{
    struct fact *fact = check->facts;
    while (fact != NULL && strcmp(fact->key, key) != 0)
        fact = fact->next;
    return fact;
}

/* The fact of this key, emptied, or a new one at the end. */
static struct fact *put_fact(struct check *check, const char *key, enum fact_type type)
{
    assert_declared(check, key, type);
    struct fact *fact = find_fact(check, key);
    if (fact != NULL) {
        *fact = (struct fact){.key = fact->key, .type = type, .next = fact->next};
        return fact;
    }
    fact = arena_alloc(&check->arena, sizeof *fact);
    fact->key = arena_strdup(&check->arena, key);
    fact->type = type;
    struct fact **end = &check->facts;
    while (*end != NULL)
        end = &(*end)->next;
    *end = fact;
    return fact;
}

void check_bool(struct check *check, const char *key, bool value)
{
    put_fact(check, key, FACT_BOOL)->boolean = value;
}

void check_int(struct check *check, const char *key, int64_t value)
{
    put_fact(check, key, FACT_INT)->integer = value;
}

void check_text(struct check *check, const char *key, const char *value)
{
    if (value == NULL)
        return;
    /* value may be the text that is replaced */
    const char *copy = arena_strdup(&check->arena, value);
    put_fact(check, key, FACT_TEXT)->text = copy;
}

void check_textn(struct check *check, const char *key, const void *bytes, size_t length)
{
    if (bytes == NULL)
        return;
    /* A NUL would hide what stands behind it ("mail.contoso.test\0.evil.test"): U+FFFD shows it. */
    static const char replacement[] = "\xEF\xBF\xBD";
    const char *from = bytes;
    size_t nuls = 0;
    for (size_t i = 0; i < length; i++)
        nuls += from[i] == '\0';
    char *copy = arena_alloc(&check->arena, length + nuls * 2 + 1);
    size_t at = 0;
    for (size_t i = 0; i < length; i++) {
        if (from[i] != '\0') {
            copy[at++] = from[i];
            continue;
        }
        memcpy(copy + at, replacement, sizeof replacement - 1);
        at += sizeof replacement - 1;
    }
    put_fact(check, key, FACT_TEXT)->text = copy;
}

/* Lists have room for the next power of two of their entries, so that check_add() rarely copies. */
static size_t list_room(size_t count)
{
    size_t room = 4;
    while (room < count)
        room *= 2;
    return room;
}

void check_list(struct check *check, const char *key, const char *const *texts, size_t count)
{
    const char **copy = arena_alloc(&check->arena, list_room(count) * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = arena_strdup(&check->arena, texts[i] != NULL ? texts[i] : "");
    struct fact *fact = put_fact(check, key, FACT_LIST);
    fact->list = copy;
    fact->count = count;
}

void check_add(struct check *check, const char *key, const char *text)
{
    if (text == NULL)
        return;
    assert_declared(check, key, FACT_LIST);
    struct fact *fact = find_fact(check, key);
    if (fact == NULL) {
        check_list(check, key, &text, 1);
        return;
    }
    const char **list = (const char **)(uintptr_t)fact->list;
    if (list_room(fact->count) < fact->count + 1) {
        list = arena_alloc(&check->arena, list_room(fact->count + 1) * sizeof *list);
        memcpy(list, fact->list, fact->count * sizeof *list);
    }
    list[fact->count] = arena_strdup(&check->arena, text);
    fact->list = list;
    fact->count++;
}

static bool outcome_halts(enum outcome outcome)
{
    return outcome == OUTCOME_FAIL || outcome == OUTCOME_ERROR || outcome == OUTCOME_BLOCKED;
}

void check_settle(struct check *check, enum outcome outcome, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    check->summary = arena_vprintf(&check->arena, format, args);
    va_end(args);
    check->outcome = outcome;
    check->halts = outcome_halts(outcome);
}

void check_halt(struct check *check)
{
    check->halts = true;
}

/* The causes that are our own trouble (the first group of CAUSES). */
static bool cause_is_ours(enum cause cause)
{
    return cause == CAUSE_INTERNAL || cause == CAUSE_UNSUPPORTED || cause == CAUSE_INTERRUPTED ||
           cause == CAUSE_NO_RETURN;
}

void check_fail(struct check *check, const struct fault *fault)
{
    check->fault = *fault;
    check_settle(
        check, cause_is_ours(fault->cause) ? OUTCOME_ERROR : OUTCOME_FAIL, "%s", fault->text);
}

/* ---- reading ---- */

const struct fact *check_fact(const struct check *check, const char *key)
{
    return check == NULL ? NULL : find_fact(check, key);
}

bool check_get_bool(const struct check *check, const char *key, bool otherwise)
{
    const struct fact *fact = check_fact(check, key);
    return fact != NULL && fact->type == FACT_BOOL ? fact->boolean : otherwise;
}

int64_t check_get_int(const struct check *check, const char *key, int64_t otherwise)
{
    const struct fact *fact = check_fact(check, key);
    return fact != NULL && fact->type == FACT_INT ? fact->integer : otherwise;
}

const char *check_get_text(const struct check *check, const char *key, const char *otherwise)
{
    const struct fact *fact = check_fact(check, key);
    return fact != NULL && fact->type == FACT_TEXT ? fact->text : otherwise;
}

bool chain_is_extra(const struct chain *chain, const struct check *check)
{
    if (check->subject != NULL)
        return true;
    const struct check *before = chain->checks;
    for (; before != NULL && before != check; before = before->next) {
        if (before->subject == NULL && before->layer >= check->layer)
            return true;
    }
    return false;
}

const struct check *chain_cell(const struct chain *chain, enum layer layer)
{
    for (const struct check *check = chain->checks; check != NULL; check = check->next) {
        if (check->layer == layer && !chain_is_extra(chain, check))
            return check;
    }
    return NULL;
}

const struct check *chain_check(const struct chain *chain, const char *probe)
{
    const struct check *check = chain->checks;
    while (check != NULL && strcmp(check->probe, probe) != 0)
        check = check->next;
    return check;
}

const char *chain_node(const struct chain *chain)
{
    for (const struct check *check = chain->checks; check != NULL; check = check->next) {
        const char *node = check_get_text(check, "node", NULL);
        if (node != NULL)
            return node;
    }
    return NULL;
}

static bool outcome_good(enum outcome outcome)
{
    return outcome == OUTCOME_PASS || outcome == OUTCOME_WARN;
}

bool chain_works(const struct chain *chain)
{
    bool proved = false;
    for (const struct check *check = chain->checks; check != NULL; check = check->next) {
        /* An extra without a subject (http.health) is a remark beside the chain. */
        if (check->subject == NULL && chain_is_extra(chain, check))
            continue;
        if (!outcome_good(check->outcome) && check->outcome != OUTCOME_SKIPPED)
            return false;
        proved |= outcome_good(check->outcome) && check->layer >= LAYER_AUTH;
    }
    return proved;
}

struct chain *survey_find_chain(const struct survey *survey, const char *id)
{
    struct chain *chain = survey->chains;
    while (chain != NULL && strcmp(chain->id, id) != 0)
        chain = chain->next;
    return chain;
}

struct check *survey_find_check(const struct survey *survey, const char *id)
{
    for (struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (struct check *check = chain->checks; check != NULL; check = check->next) {
            if (strcmp(check->id, id) == 0)
                return check;
        }
    }
    return NULL;
}
