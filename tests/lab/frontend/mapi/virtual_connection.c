#include "virtual_connection.h"

#include "rpc_pdu.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct virtual_connection {
    struct virtual_connection *next;
    unsigned char cookie[RTS_COOKIE_SIZE];
    unsigned char out_cookie[RTS_COOKIE_SIZE];
    int event; /* there is something to send, or it is over */
    int in_fd; /* -1 before the IN channel has come, and after it has gone */
    int users;
    bool joined;
    bool over;
    struct buf queue;  /* whole PDUs */
    uint64_t may_send; /* bytes of RPC PDUs that the client's window allows in all */
    uint64_t sent;     /* of them */
    uint64_t lifetime; /* bytes that the OUT channel may still carry */
};

static struct {
    pthread_mutex_t lock; /* of all of them, and of the list */
    pthread_cond_t opened;
    struct virtual_connection *first;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER, .opened = PTHREAD_COND_INITIALIZER};

static struct virtual_connection *find_locked(const unsigned char *cookie)
{
    for (struct virtual_connection *vc = table.first; vc != NULL; vc = vc->next)
        if (memcmp(vc->cookie, cookie, RTS_COOKIE_SIZE) == 0)
            return vc;
    return NULL;
}

struct virtual_connection *vc_open(const struct rts *conn_a1, uint64_t lifetime)
{
    struct virtual_connection *vc = xcalloc(1, sizeof *vc);

    memcpy(vc->cookie, conn_a1->commands[1].cookie, RTS_COOKIE_SIZE);
    memcpy(vc->out_cookie, conn_a1->commands[2].cookie, RTS_COOKIE_SIZE);
    vc->may_send = conn_a1->commands[3].number;
    vc->lifetime = lifetime;
    vc->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    vc->in_fd = -1;
    vc->users = 1;
    pthread_mutex_lock(&table.lock);
    if (vc->event < 0 || find_locked(vc->cookie) != NULL) {
        pthread_mutex_unlock(&table.lock);
        if (vc->event >= 0)
            close(vc->event);
        free(vc);
        return NULL;
    }
    vc->next = table.first;
    table.first = vc;
    pthread_cond_broadcast(&table.opened);
    pthread_mutex_unlock(&table.lock);
    return vc;
}

static void wake(const struct virtual_connection *vc)
{
    uint64_t one = 1;

    if (write(vc->event, &one, sizeof one) != sizeof one && errno != EAGAIN)
        abort();
}

struct virtual_connection *vc_join(const struct rts *conn_b1, int in_fd, int64_t deadline)
{
    struct virtual_connection *vc;
    struct buf pdu = {0};

    pthread_mutex_lock(&table.lock);
    for (;;) {
        struct timespec until;
        int64_t left = deadline - clock_ms();

        vc = find_locked(conn_b1->commands[1].cookie);
        if (vc != NULL || left <= 0)
            break;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += left / 1000 + 1;
        pthread_cond_timedwait(&table.opened, &table.lock, &until);
    }
    if (vc != NULL && (vc->joined || vc->over))
        vc = NULL;
    if (vc != NULL) {
        vc->joined = true;
        vc->in_fd = in_fd;
        vc->users++;
    }
    pthread_mutex_unlock(&table.lock);
    if (vc == NULL)
        return NULL;
    rts_conn_c2(&pdu, VC_RECEIVE_WINDOW, VC_TIMEOUT_MS);
    vc_send(vc, &pdu);
    buf_done(&pdu);
    return vc;
}

void vc_send(void *arg, const struct buf *pdu)
{
    struct virtual_connection *vc = arg;

    pthread_mutex_lock(&table.lock);
    buf_add(&vc->queue, pdu->data, pdu->len);
    pthread_mutex_unlock(&table.lock);
    wake(vc);
}

/* 3.2.1.4.1.2: the client has received so much, and has room for so much more. */
void vc_acknowledged(struct virtual_connection *vc, const struct rts_command *acknowledgement)
{
    pthread_mutex_lock(&table.lock);
    if (memcmp(acknowledgement->cookie, vc->out_cookie, RTS_COOKIE_SIZE) == 0)
        vc->may_send = (uint64_t)acknowledgement->number + acknowledgement->window;
    pthread_mutex_unlock(&table.lock);
    wake(vc);
}

/* The next PDU that may go. False: nothing now. */
static bool next_pdu(struct virtual_connection *vc, struct buf *ret_pdu, bool *ret_over)
{
    struct rpc_header header;
    bool may = false;

    buf_clear(ret_pdu);
    pthread_mutex_lock(&table.lock);
    *ret_over = vc->over;
    if (vc->queue.len > 0 && rpc_parse_header(vc->queue.data, vc->queue.len, &header)) {
        bool counted = header.type != RPC_RTS;

        may = !counted || vc->sent + header.length <= vc->may_send;
        if (may) {
            vc->sent += counted ? header.length : 0;
            buf_add(ret_pdu, vc->queue.data, header.length);
            buf_drop(&vc->queue, header.length);
        }
    }
    pthread_mutex_unlock(&table.lock);
    return may;
}

static bool write_out(struct virtual_connection *vc, struct stream *stream, const struct buf *pdu)
{
    if (pdu->len > vc->lifetime)
        return false;
    vc->lifetime -= pdu->len;
    return stream_write(stream, pdu->data, pdu->len, clock_ms() + 30000);
}

/* False: the client has closed the channel, on which it has no more to say. */
static bool wait_out(
    const struct virtual_connection *vc, const struct stream *stream, bool *ret_idle)
{
    struct pollfd items[2] = {
        {.fd = vc->event, .events = POLLIN},
        {.fd = stream->fd, .events = POLLIN},
    };
    uint64_t count;
    int ready = poll(items, 2, VC_TIMEOUT_MS / 2);

    *ret_idle = ready == 0;
    if (ready < 0 && errno != EINTR)
        return false;
    if (items[0].revents != 0 && read(vc->event, &count, sizeof count) < 0 && errno != EAGAIN)
        return false;
    return items[1].revents == 0;
}

void vc_serve_out(struct virtual_connection *vc, struct stream *stream)
{
    struct buf pdu = {0};
    bool over = false;
    bool idle = false;

    for (;;) {
        if (next_pdu(vc, &pdu, &over)) {
            if (!write_out(vc, stream, &pdu))
                break;
            continue;
        }
        if (over || !wait_out(vc, stream, &idle))
            break;
        if (idle) {
            rts_ping(&pdu);
            if (!write_out(vc, stream, &pdu))
                break;
        }
    }
    buf_done(&pdu);
}

static void unlink_locked(const struct virtual_connection *vc)
{
    struct virtual_connection **at = &table.first;

    while (*at != NULL && *at != vc)
        at = &(*at)->next;
    if (*at != NULL)
        *at = vc->next;
}

/* When one channel is over, so is the other: the IN channel's thread is woken by an end of file. */
void vc_leave(struct virtual_connection *vc)
{
    bool last;

    pthread_mutex_lock(&table.lock);
    vc->over = true;
    if (vc->in_fd >= 0)
        shutdown(vc->in_fd, SHUT_RD);
    vc->in_fd = -1;
    last = --vc->users == 0;
    if (last)
        unlink_locked(vc);
    else
        wake(vc);
    pthread_mutex_unlock(&table.lock);
    if (!last)
        return;
    close(vc->event);
    buf_done(&vc->queue);
    free(vc);
}
