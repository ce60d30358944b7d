#include "stream.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool wait_for(int fd, short events, int64_t deadline)
{
    for (;;) {
        int64_t left = deadline - clock_ms();
        struct pollfd item = {.fd = fd, .events = events};
        int ready;

        if (left <= 0)
            return false;
        ready = poll(&item, 1, left > INT_MAX ? INT_MAX : (int)left);
        if (ready > 0)
            return true;
        if (ready == 0 || errno != EINTR)
            return false;
    }
}

bool stream_wait_tls(struct stream *stream, int result, int64_t deadline)
{
    switch (SSL_get_error(stream->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return wait_for(stream->fd, POLLIN, deadline);
    case SSL_ERROR_WANT_WRITE:
        return wait_for(stream->fd, POLLOUT, deadline);
    default:
        return false;
    }
}

bool stream_accept_tls(struct stream *stream, SSL_CTX *context, int64_t deadline)
{
    stream->ssl = SSL_new(context);
    if (stream->ssl == NULL || SSL_set_fd(stream->ssl, stream->fd) != 1)
        return false;
    for (;;) {
        int result;

        ERR_clear_error();
        result = SSL_accept(stream->ssl);
        if (result == 1)
            return true;
        if (!stream_wait_tls(stream, result, deadline))
            return false;
    }
}

static long read_plain(struct stream *stream, void *data, size_t size, int64_t deadline)
{
    for (;;) {
        ssize_t count = recv(stream->fd, data, size, 0);

        if (count >= 0)
            return (long)count;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN || !wait_for(stream->fd, POLLIN, deadline))
            return -1;
    }
}

long stream_read(struct stream *stream, void *data, size_t size, int64_t deadline)
{
    if (stream->ssl == NULL)
        return read_plain(stream, data, size, deadline);
    for (;;) {
        size_t count = 0;
        int result;

        ERR_clear_error();
        result = SSL_read_ex(stream->ssl, data, size, &count);
        if (result == 1)
            return (long)count;
        if (SSL_get_error(stream->ssl, result) == SSL_ERROR_ZERO_RETURN)
            return 0;
        if (!stream_wait_tls(stream, result, deadline))
            return -1;
    }
}

static bool write_plain(struct stream *stream, const char *data, size_t len, int64_t deadline)
{
    while (len > 0) {
        ssize_t count = send(stream->fd, data, len, MSG_NOSIGNAL);

        if (count >= 0) {
            data += count;
            len -= (size_t)count;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN || !wait_for(stream->fd, POLLOUT, deadline))
            return false;
    }
    return true;
}

bool stream_write(struct stream *stream, const void *data, size_t len, int64_t deadline)
{
    if (stream->ssl == NULL)
        return write_plain(stream, data, len, deadline);
    while (len > 0) {
        size_t count = 0;
        int result;

        ERR_clear_error();
        result = SSL_write_ex(stream->ssl, data, len, &count);
        if (result == 1)
            return true; /* without partial writes, all of it */
        if (!stream_wait_tls(stream, result, deadline))
            return false;
    }
    return true;
}

void stream_close(struct stream *stream)
{
    if (stream->ssl != NULL) {
        ERR_clear_error();
        if (SSL_is_init_finished(stream->ssl))
            SSL_shutdown(stream->ssl);
        SSL_free(stream->ssl);
        stream->ssl = NULL;
    }
    if (stream->fd >= 0)
        close(stream->fd);
    stream->fd = -1;
}
