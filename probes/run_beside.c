#include "probes/run_beside.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { STACK_SIZE = 512 * 1024 };

struct beside {
    const struct session *session;
    beside_work *work;
    void *context;
    pthread_t thread;
    bool threaded;
    int stop_fd, done_fd; /* -1: none */
    atomic_bool done;     /* … and seen by whoever waits: a descriptor orders no memory */
};

struct net_limit beside_limit(const struct beside *beside)
{
    struct net_limit limit = session_limit(beside->session);
    if (beside->stop_fd >= 0)
        limit.cancel_fd = beside->stop_fd;
    return limit;
}

static void *run_work(void *argument)
{
    struct beside *beside = argument;
    beside->work(beside->context, beside);
    atomic_store(&beside->done, true);
    wake_raise(beside->done_fd);
    return NULL;
}

static bool start(struct beside *beside)
{
    pthread_attr_t attributes;
    if (!wake_open(&beside->stop_fd, NULL) || !wake_open(&beside->done_fd, NULL))
        return false;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    bool ok = pthread_create(&beside->thread, &attributes, run_work, beside) == 0;
    pthread_attr_destroy(&attributes);
    return ok;
}

static void close_wakes(struct beside *beside)
{
    if (beside->stop_fd >= 0)
        wake_close(beside->stop_fd);
    if (beside->done_fd >= 0)
        wake_close(beside->done_fd);
    beside->stop_fd = beside->done_fd = -1;
}

struct beside *run_beside(struct session *session, beside_work *work, void *context)
{
    struct beside *beside = xcalloc(1, sizeof *beside);
    beside->session = session;
    beside->work = work;
    beside->context = context;
    beside->stop_fd = beside->done_fd = -1;
    beside->threaded = start(beside);
    if (!beside->threaded) {
        close_wakes(beside);
        work(context, beside);
    }
    return beside;
}

bool beside_wait(const struct beside *beside)
{
    struct fault ignored;
    return !beside->threaded ||
           (sock_wait(beside->done_fd, SOCK_READABLE, beside->session->run_limit, &ignored) &&
               atomic_load(&beside->done));
}

void beside_cut(const struct beside *beside)
{
    if (beside != NULL && beside->threaded)
        wake_raise(beside->stop_fd);
}

void beside_join(struct beside *beside)
{
    if (beside == NULL)
        return;
    if (!beside_wait(beside))
        beside_cut(beside);
    if (beside->threaded)
        pthread_join(beside->thread, NULL);
    close_wakes(beside);
    free(beside);
}

void beside_drop(struct beside *beside)
{
    beside_cut(beside);
    beside_join(beside);
}
