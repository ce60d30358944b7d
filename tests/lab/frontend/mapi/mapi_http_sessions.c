#include "gromox.h"
#include "mapi_faults.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct {
    pthread_mutex_t lock;
    struct mapi_context *first;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void random_cookie(char *to, size_t size, const char *prefix)
{
    unsigned char guid[GUID_SIZE];
    char text[GUID_TEXT_SIZE];

    guid_random(guid);
    guid_format(guid, text);
    snprintf(to, size, "%s%s", prefix, text);
}

static void unlink_locked(const struct mapi_context *context)
{
    struct mapi_context **at = &table.first;

    while (*at != NULL && *at != context)
        at = &(*at)->next;
    if (*at != NULL)
        *at = context->next;
}

static void free_context(struct mapi_context *context)
{
    if (context == NULL)
        return;
    context->free(context->object);
    free(context);
}

/* One that nobody has used for too long; the caller frees it. */
static struct mapi_context *take_expired_locked(void)
{
    int64_t now = clock_ms();

    for (struct mapi_context *context = table.first; context != NULL; context = context->next) {
        if (context->busy || now - context->used < MAPI_EXPIRATION_MS)
            continue;
        unlink_locked(context);
        return context;
    }
    return NULL;
}

static void name_user(const struct identity *who, char *to, size_t size)
{
    const char *backslash = strchr(who->user, '\\');

    copy_text(to, size, backslash != NULL ? backslash + 1 : who->user);
    to[strcspn(to, "@")] = '\0';
}

struct mapi_context *mapi_context_new(
    const struct call *call, const char *path, void *object, void (*release)(void *object))
{
    struct mapi_context *context = xcalloc(1, sizeof *context);
    struct mapi_context *expired;

    random_cookie(context->cookie, sizeof context->cookie, "MAPIAAAA");
    random_cookie(context->sequence, sizeof context->sequence, "0-");
    context->path = path;
    context->busy = true;
    context->object = object;
    context->free = release;
    name_user(call->who, context->user, sizeof context->user);
    pthread_mutex_lock(&table.lock);
    expired = take_expired_locked();
    context->next = table.first;
    table.first = context;
    pthread_mutex_unlock(&table.lock);
    free_context(expired);
    return context;
}

static enum response_code judge_locked(
    const struct mapi_context *context, const char *path, const char *user, const char *sequence)
{
    if (context == NULL || strcmp(context->path, path) != 0)
        return CODE_CONTEXT_NOT_FOUND;
    if (strcasecmp(context->user, user) != 0)
        return CODE_NO_PRIVILEGE;
    if (*sequence == '\0')
        return CODE_MISSING_COOKIE;
    if (context->busy || strcmp(context->sequence, sequence) != 0)
        return CODE_INVALID_SEQUENCE;
    return CODE_OK;
}

enum response_code mapi_context_take(
    const struct call *call, const char *path, struct mapi_context **ret_context)
{
    struct buf cookie = {0};
    struct buf sequence = {0};
    struct mapi_context *context;
    enum response_code code = CODE_MISSING_COOKIE;
    bool gromox = mapi_fault_gromox(call->config);
    char user[256];

    name_user(call->who, user, sizeof user);
    request_cookie(call->request, gromox ? GROMOX_SEQUENCE_COOKIE : "MapiSequence", &sequence);
    if (request_cookie(call->request, gromox ? GROMOX_CONTEXT_COOKIE : "MapiContext", &cookie)) {
        pthread_mutex_lock(&table.lock);
        context = table.first;
        while (context != NULL && strcmp(context->cookie, buf_text(&cookie)) != 0)
            context = context->next;
        code = judge_locked(context, path, user, buf_text(&sequence));
        if (code == CODE_CONTEXT_NOT_FOUND && strncmp(buf_text(&cookie), "MAPIAAAA", 8) != 0)
            code = CODE_INVALID_CONTEXT_COOKIE;
        if (code == CODE_OK) {
            context->busy = true;
            *ret_context = context;
        }
        pthread_mutex_unlock(&table.lock);
    }
    buf_done(&cookie);
    buf_done(&sequence);
    return code;
}

void mapi_context_put(struct mapi_context *context, bool ended)
{
    pthread_mutex_lock(&table.lock);
    context->busy = false;
    context->used = clock_ms();
    if (ended)
        unlink_locked(context);
    pthread_mutex_unlock(&table.lock);
    if (ended)
        free_context(context);
}
