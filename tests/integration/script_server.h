/*
 * A server on loopback that plays a script, in a process of its own, and what the hostile tests
 * share.
 */
#ifndef TESTS_INTEGRATION_SCRIPT_SERVER_H
#define TESTS_INTEGRATION_SCRIPT_SERVER_H

#include "net/sock.h"

#include <sys/types.h>

enum { STEP_MS = 400, GRACE_MS = 250 };

/* After `eat` bytes it sends `bytes` `times` times, then it stays silent or closes. The next
 * connection plays `next`, or the same once more where that is NULL. */
struct script {
    const void *bytes;
    size_t length;
    size_t times;
    size_t eat;
    bool close;
    const struct script *next;
};

#define BYTES(text) text, sizeof(text) - 1
#define SAYS(text)                     \
    {                                  \
        BYTES(text), 1, 1, false, NULL \
    }
#define SAYS_AND_CLOSES(text)         \
    {                                 \
        BYTES(text), 1, 1, true, NULL \
    }
#define REPEATS(text)                         \
    {                                         \
        BYTES(text), 40000000, 1, false, NULL \
    }

struct server {
    pid_t pid;
    struct net_address address;
    int count[2]; /* a pipe: one byte for each connection or datagram */
};

void server_start(struct server *server, const struct script *script);
/* Over UDP, with no TCP at its port: each datagram is answered by a script's bytes, or not at all.
 */
void server_start_udp(struct server *server, const struct script *script);
/* Returns how many connections or datagrams it had. */
size_t server_stop(struct server *server);

struct net_limit step_limit(int cancel_fd);
void expect_cause(bool ok, const struct fault *fault, enum cause cause, const char *what);

#endif
