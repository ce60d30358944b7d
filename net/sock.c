#include "net/sock_private.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { POLL_MAX = 64, DIAL_TRIES = 4 };

/* ---- faults -----------------------------------------------------------------------------------
 */

static enum cause cause_of(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return CAUSE_REFUSED;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
    case EACCES: /* a packet filter of this host, or a broadcast address */
    case EPERM:
        return CAUSE_UNREACHABLE;
    case ETIMEDOUT:
        return CAUSE_TIMEOUT;
    case ECONNRESET:
    case ECONNABORTED:
        return CAUSE_RESET;
    case EPIPE:
    case ENOTCONN:
        return CAUSE_CLOSED;
    default:
        return CAUSE_INTERNAL;
    }
}

bool sock_fault(struct fault *fault, int error, const struct net_address *peer)
{
    char reason[80] = "";
    if (strerror_r(error, reason, sizeof reason) != 0)
        snprintf(reason, sizeof reason, "error %d", error);
    char where[NET_ADDRESS_TEXT] = "the peer";
    if (peer != NULL)
        net_address_print(peer, where);
    enum cause cause = cause_of(error);
    if (cause == CAUSE_REFUSED)
        return fault_set(
            fault, cause, ORIGIN_SYSTEM, error, "%s refused: nothing listens there", where);
    if (cause == CAUSE_UNREACHABLE)
        return fault_set(fault, cause, ORIGIN_SYSTEM, error, "%s cannot be reached from here: %s",
            where, reason);
    if (cause == CAUSE_RESET)
        return fault_set(
            fault, cause, ORIGIN_SYSTEM, error, "%s reset the connection (RST)", where);
    if (cause == CAUSE_CLOSED)
        return fault_set(fault, cause, ORIGIN_SYSTEM, error, "%s has closed the connection", where);
    return fault_set(fault, cause, ORIGIN_SYSTEM, error, "%s: %s", where, reason);
}

bool sock_error(net_sock sock, const struct net_address *peer, struct fault *ret_fault)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(sock, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    if (error == 0)
        return false;
    sock_fault(ret_fault, error, peer);
    return true;
}

/* ---- waiting ----------------------------------------------------------------------------------
 */

bool sock_wait_any(
    struct sock_poll *items, size_t count, struct net_limit limit, struct fault *fault)
{
    struct pollfd polls[POLL_MAX + 1];
    if (count > POLL_MAX)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "too many sockets to wait for");
    polls[0] = (struct pollfd){.fd = limit.cancel_fd, .events = POLLIN}; /* -1 is ignored */
    for (size_t i = 0; i < count; i++) {
        polls[i + 1] = (struct pollfd){.fd = items[i].sock};
        if ((items[i].events & SOCK_READABLE) != 0)
            polls[i + 1].events |= POLLIN;
        if ((items[i].events & SOCK_WRITABLE) != 0)
            polls[i + 1].events |= POLLOUT;
        items[i].ready = 0;
    }
    for (;;) {
        int found = poll(polls, (nfds_t)(count + 1), deadline_left_ms(limit.deadline));
        if (found < 0 && errno != EINTR)
            return sock_fault(fault, errno, NULL);
        if (found > 0)
            break;
        if (deadline_passed(limit.deadline))
            return fault_set(fault, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0, "no answer in time");
    }
    if (polls[0].revents != 0)
        return fault_set(fault, CAUSE_INTERRUPTED, ORIGIN_EXREACH, 0, "the run was ended");
    for (size_t i = 0; i < count; i++) {
        short got = polls[i + 1].revents;
        if ((got & (POLLIN | POLLHUP)) != 0)
            items[i].ready |= SOCK_READABLE;
        if ((got & POLLOUT) != 0)
            items[i].ready |= SOCK_WRITABLE;
        if ((got & (POLLERR | POLLNVAL)) != 0)
            items[i].ready |= SOCK_FAILED;
    }
    return true;
}

bool sock_wait(net_sock sock, unsigned events, struct net_limit limit, struct fault *fault)
{
    struct sock_poll item = {.sock = sock, .events = events};
    return sock_wait_any(&item, 1, limit, fault);
}

/* ---- connections ------------------------------------------------------------------------------
 */

static net_sock open_socket(int family, int type, struct fault *fault)
{
    int sock = socket(family, type, 0);
    if (sock < 0) {
        fault_set(fault, CAUSE_INTERNAL, ORIGIN_SYSTEM, errno, "cannot open a socket");
        return NET_SOCK_NONE;
    }
    int flags = fcntl(sock, F_GETFL);
    if (flags < 0 || fcntl(sock, F_SETFL, flags | O_NONBLOCK) != 0 ||
        fcntl(sock, F_SETFD, FD_CLOEXEC) != 0) {
        fault_set(fault, CAUSE_INTERNAL, ORIGIN_SYSTEM, errno, "cannot prepare a socket");
        close(sock);
        return NET_SOCK_NONE;
    }
    return sock;
}

/* Starts one connect. Returns the socket, *ret_at_once where it needed no wait. */
static net_sock dial(const struct net_address *address, bool *ret_at_once, struct fault *fault)
{
    struct sockaddr_storage storage;
    socklen_t length = 0;
    if (!sockaddr_of(address, &storage, &length)) {
        fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "\"%.64s\" is no numeric address",
            address->text);
        return NET_SOCK_NONE;
    }
    net_sock sock = open_socket(storage.ss_family, SOCK_STREAM, fault);
    if (sock == NET_SOCK_NONE)
        return NET_SOCK_NONE;
    int yes = 1;
    (void)setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    *ret_at_once = connect(sock, (const struct sockaddr *)&storage, length) == 0;
    if (*ret_at_once || errno == EINPROGRESS || errno == EINTR)
        return sock;
    sock_fault(fault, errno, address);
    sock_close(sock);
    return NET_SOCK_NONE;
}

bool sock_connect(const struct net_address *address, struct net_limit limit, net_sock *ret_sock,
    struct fault *fault)
{
    int64_t begun = clock_monotonic_us();
    bool at_once = true;
    net_sock sock = NET_SOCK_NONE;
    /* libcurl calls connect() once more on a socket it is given. The kernel answers that with
     * success only where the first call had not: a socket that connected at once is dialled again.
     */
    for (int tries = 0; at_once && tries < DIAL_TRIES; tries++) {
        sock_close(sock);
        sock = dial(address, &at_once, fault);
        if (sock == NET_SOCK_NONE)
            return false;
    }
    struct fault why = {0};
    if (!sock_wait(sock, SOCK_WRITABLE, limit, &why)) {
        sock_close(sock);
        if (why.cause != CAUSE_TIMEOUT)
            return fault_set(fault, why.cause, why.origin, why.code, "%s", why.text);
        char where[NET_ADDRESS_TEXT];
        return fault_set(fault, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0,
            "no answer to our SYN to %s within %.1f s", net_address_print(address, where),
            (double)(clock_monotonic_us() - begun) / 1e6);
    }
    if (sock_error(sock, address, &why)) {
        sock_close(sock);
        return fault_set(fault, why.cause, why.origin, why.code, "%s", why.text);
    }
    *ret_sock = sock;
    return true;
}

void sock_close(net_sock sock)
{
    if (sock != NET_SOCK_NONE)
        close(sock);
}

int sock_try_read(net_sock sock, void *bytes, size_t size, size_t *ret_length, struct fault *fault)
{
    ssize_t got = recv(sock, bytes, size, 0);
    if (got >= 0) {
        *ret_length = (size_t)got;
        return 1;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return 0;
    sock_fault(fault, errno, NULL);
    return -1;
}

int sock_try_write(
    net_sock sock, const void *bytes, size_t length, size_t *ret_length, struct fault *fault)
{
    ssize_t put = send(sock, bytes, length, MSG_NOSIGNAL);
    if (put >= 0) {
        *ret_length = (size_t)put;
        return 1;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return 0;
    sock_fault(fault, errno, NULL);
    return -1;
}

bool sock_write_all(
    net_sock sock, const void *bytes, size_t length, struct net_limit limit, struct fault *fault)
{
    const unsigned char *next = bytes;
    while (length > 0) {
        size_t put = 0;
        int step = sock_try_write(sock, next, length, &put, fault);
        if (step < 0)
            return false;
        if (step == 0 && !sock_wait(sock, SOCK_WRITABLE, limit, fault))
            return false;
        next += put;
        length -= put;
    }
    return true;
}

bool sock_read_some(net_sock sock, void *bytes, size_t size, struct net_limit limit,
    size_t *ret_length, struct fault *fault)
{
    for (;;) {
        int step = sock_try_read(sock, bytes, size, ret_length, fault);
        if (step != 0)
            return step > 0;
        if (!sock_wait(sock, SOCK_READABLE, limit, fault))
            return false;
    }
}

bool sock_read_all(
    net_sock sock, void *bytes, size_t length, struct net_limit limit, struct fault *fault)
{
    unsigned char *next = bytes;
    while (length > 0) {
        size_t got = 0;
        /* A peer that always has a byte ready must not carry us past the deadline. */
        if (deadline_passed(limit.deadline))
            return fault_set(fault, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0,
                "the answer had not come whole in time: %zu bytes missing", length);
        if (!sock_read_some(sock, next, length, limit, &got, fault))
            return false;
        if (got == 0)
            return fault_set(fault, CAUSE_CLOSED, ORIGIN_EXREACH, 0,
                "the peer closed with %zu bytes still to come", length);
        next += got;
        length -= got;
    }
    return true;
}

size_t sock_peek(net_sock sock, void *bytes, size_t size, enum sock_end *ret_end)
{
    ssize_t got = recv(sock, bytes, size, MSG_PEEK);
    *ret_end = got == 0 ? SOCK_CLOSED : SOCK_OPEN;
    if (got >= 0)
        return (size_t)got;
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        *ret_end = errno == ECONNRESET ? SOCK_RESET : SOCK_CLOSED;
    return 0;
}

enum sock_end sock_end(net_sock sock)
{
    char byte = 0;
    enum sock_end end = SOCK_OPEN;
    (void)sock_peek(sock, &byte, 1, &end);
    return end;
}

bool sock_is_dead(net_sock sock)
{
    return sock_end(sock) != SOCK_OPEN;
}

bool sock_local(net_sock sock, struct net_address *ret_address)
{
    struct sockaddr_storage storage;
    socklen_t size = sizeof storage;
    if (getsockname(sock, (struct sockaddr *)&storage, &size) != 0)
        return false;
    return sockaddr_print(&storage, ret_address);
}

bool sock_peer(net_sock sock, struct net_address *ret_address)
{
    struct sockaddr_storage storage;
    socklen_t size = sizeof storage;
    if (getpeername(sock, (struct sockaddr *)&storage, &size) != 0)
        return false;
    return sockaddr_print(&storage, ret_address);
}

/* ---- datagrams --------------------------------------------------------------------------------
 */

static net_sock udp_open(const struct net_address *address, struct fault *fault)
{
    struct sockaddr_storage storage;
    socklen_t length = 0;
    if (!sockaddr_of(address, &storage, &length)) {
        fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "\"%.64s\" is no numeric address",
            address->text);
        return NET_SOCK_NONE;
    }
    net_sock sock = open_socket(storage.ss_family, SOCK_DGRAM, fault);
    if (sock == NET_SOCK_NONE)
        return NET_SOCK_NONE;
    if (connect(sock, (const struct sockaddr *)&storage, length) == 0)
        return sock;
    sock_fault(fault, errno, address);
    sock_close(sock);
    return NET_SOCK_NONE;
}

bool sock_udp_route(const struct net_address *address, struct fault *fault)
{
    net_sock sock = udp_open(address, fault);
    sock_close(sock);
    return sock != NET_SOCK_NONE;
}

bool sock_udp_exchange(const struct net_address *address, const void *request, size_t length,
    struct net_limit limit, void *reply, size_t size, size_t *ret_length, struct fault *fault)
{
    bool ok = false;
    net_sock sock = udp_open(address, fault);
    if (sock == NET_SOCK_NONE)
        return false;
    if (send(sock, request, length, MSG_NOSIGNAL) < 0) {
        sock_fault(fault, errno, address);
        goto out;
    }
    for (;;) {
        ssize_t got = recv(sock, reply, size, 0);
        if (got >= 0) {
            *ret_length = (size_t)got;
            ok = true;
            break;
        }
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
            sock_fault(fault, errno, address);
            break;
        }
        if (!sock_wait(sock, SOCK_READABLE, limit, fault))
            break;
    }
out:
    sock_close(sock);
    return ok;
}

/* ---- the abort descriptor ---------------------------------------------------------------------
 */

bool wake_open(int *ret_fd, struct fault *fault)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_SYSTEM, errno, "cannot open an eventfd");
    *ret_fd = fd;
    return true;
}

void wake_raise(int fd)
{
    int saved = errno; /* a signal handler must not change it */
    const uint64_t one = 1;
    ssize_t put = write(fd, &one, sizeof one);
    (void)put; /* it fails only where it is raised already */
    errno = saved;
}

void wake_close(int fd)
{
    if (fd >= 0)
        close(fd);
}
