/* A connection's bytes, in clear or in TLS, with absolute deadlines on the monotonic clock. */
#ifndef FRONTEND_STREAM_H
#define FRONTEND_STREAM_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream {
    int fd; /* non-blocking */
    SSL *ssl;
};

int64_t clock_ms(void);

/* False at the deadline, on a broken handshake, or when the peer goes away. */
bool stream_accept_tls(struct stream *stream, SSL_CTX *context, int64_t deadline);
/* Waits for what the last SSL call, with this result, asked for; false: for nothing, or the
 * deadline has come. */
bool stream_wait_tls(struct stream *stream, int result, int64_t deadline);
/* Bytes read; 0 at the end; -1 on an error or at the deadline. */
long stream_read(struct stream *stream, void *data, size_t size, int64_t deadline);
bool stream_write(struct stream *stream, const void *data, size_t len, int64_t deadline);
/* Says goodbye in TLS and closes. */
void stream_close(struct stream *stream);

#endif
