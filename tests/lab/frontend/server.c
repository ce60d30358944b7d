#include "server.h"

#include "buf.h"
#include "dispatch.h"
#include "silent.h"
#include "sockets.h"
#include "tls.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 1000, HANDSHAKE_MS = 30000, DRAIN_MS = 1000, PORTS = 2 };

struct listener {
    struct server *server;
    const struct node *node;
    bool tls;
    int fd;
    pthread_t thread;
};

/* A connection's entry in the list by which server_stop() finds its socket. */
struct peer {
    struct server *server;
    struct connection connection;
    struct peer *previous;
    struct peer *next;
};

struct server {
    const struct config *config;
    SSL_CTX *contexts[NODE_MAX];
    struct listener listeners[NODE_MAX * PORTS];
    size_t listener_count;
    struct silent_port silent[NODE_MAX + SILENT_MAX];
    size_t silent_count;
    int stop_event;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t gone;
    struct peer *peers;
    size_t peer_count;
    bool stopping;
};

/* False: too many, or the server is stopping. */
static bool enlist(struct peer *peer)
{
    struct server *server = peer->server;
    bool ok;

    pthread_mutex_lock(&server->lock);
    ok = !server->stopping && server->peer_count < CONNECTIONS_MAX;
    if (ok) {
        peer->next = server->peers;
        if (peer->next != NULL)
            peer->next->previous = peer;
        server->peers = peer;
        server->peer_count++;
    }
    pthread_mutex_unlock(&server->lock);
    return ok;
}

/* The socket is closed under the lock, so that nobody shuts down a stranger's descriptor. */
static void delist(struct peer *peer)
{
    struct server *server = peer->server;

    pthread_mutex_lock(&server->lock);
    if (peer->previous != NULL)
        peer->previous->next = peer->next;
    else
        server->peers = peer->next;
    if (peer->next != NULL)
        peer->next->previous = peer->previous;
    stream_close(&peer->connection.http.stream);
    server->peer_count--;
    pthread_cond_signal(&server->gone);
    pthread_mutex_unlock(&server->lock);
}

/* What the peer still sends is read for a moment: closing at once would reset the connection and
 * could take the answer with it. */
static void drain(struct stream *stream)
{
    struct stream plain = {.fd = stream->fd};
    char block[4096];
    int64_t deadline = clock_ms() + DRAIN_MS;

    if (stream->ssl != NULL && SSL_is_init_finished(stream->ssl))
        SSL_shutdown(stream->ssl);
    shutdown(stream->fd, SHUT_WR);
    while (stream_read(&plain, block, sizeof block, deadline) > 0)
        continue;
}

static void *serve_peer(void *arg)
{
    struct peer *peer = arg;
    struct connection *connection = &peer->connection;
    const struct server *server = peer->server;
    size_t index = (size_t)(connection->node - server->config->nodes);
    bool open = true;

    if (connection->tls)
        open = stream_accept_tls(
            &connection->http.stream, server->contexts[index], clock_ms() + HANDSHAKE_MS);
    if (open) {
        auth_conn_init(
            &connection->auth, server->config, connection->node, connection->http.stream.ssl);
        while (dispatch_one(connection))
            continue;
        auth_conn_done(&connection->auth);
        drain(&connection->http.stream);
    }
    buf_done(&connection->http.in);
    delist(peer);
    free(peer);
    return NULL;
}

static void accept_peer(struct listener *listener)
{
    int one = 1;
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct peer *peer;
    pthread_t thread;

    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    peer = xcalloc(1, sizeof *peer);
    peer->server = listener->server;
    peer->connection.config = listener->server->config;
    peer->connection.node = listener->node;
    peer->connection.tls = listener->tls;
    peer->connection.http.stream.fd = fd;
    if (!enlist(peer)) {
        close(fd);
        free(peer);
        return;
    }
    if (pthread_create(&thread, NULL, serve_peer, peer) != 0) {
        delist(peer);
        free(peer);
        return;
    }
    pthread_detach(thread);
}

static void *listen_for_peers(void *arg)
{
    struct listener *listener = arg;
    struct pollfd items[2] = {
        {.fd = listener->fd, .events = POLLIN},
        {.fd = listener->server->stop_event, .events = POLLIN},
    };

    for (;;) {
        if (poll(items, 2, -1) < 0 && errno != EINTR)
            return NULL;
        if (items[1].revents != 0)
            return NULL;
        if (items[0].revents != 0)
            accept_peer(listener);
    }
}

static bool start_listener(struct server *server, const struct node *node, bool tls)
{
    struct listener *listener = &server->listeners[server->listener_count];

    *listener = (struct listener){.server = server, .node = node, .tls = tls};
    listener->fd = socket_listen(node->address, tls ? 443 : 80, 128);
    if (listener->fd < 0)
        return false;
    if (pthread_create(&listener->thread, NULL, listen_for_peers, listener) != 0) {
        close(listener->fd);
        return false;
    }
    server->listener_count++;
    return true;
}

static bool start_silent(struct server *server, const char *address)
{
    if (!silent_open(address, 443, &server->silent[server->silent_count]))
        return false;
    server->silent_count++;
    return true;
}

static bool start_node(struct server *server, const struct node *node)
{
    const struct fault_set *faults = &server->config->faults;

    if (fault_find(faults, FAULT_NODE_CLOSED, node->name) != NULL)
        return true;
    if (!start_listener(server, node, false))
        return false;
    if (fault_find(faults, FAULT_SYN_IGNORED, node->name) == NULL)
        return start_listener(server, node, true);
    return start_silent(server, node->address);
}

/* The addresses that are there only to be silent. One that this machine does not have, as without
 * IPv6, gives no answer either. */
static bool start_silent_ones(struct server *server, char *ret_error, size_t error_size)
{
    for (size_t i = 0; i < server->config->silent_count; i++) {
        const char *address = server->config->silent[i];

        if (start_silent(server, address) || errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT)
            continue;
        snprintf(ret_error, error_size, "cannot be silent on %s: %s", address, strerror(errno));
        return false;
    }
    return true;
}

static bool start_nodes(struct server *server, char *ret_error, size_t error_size)
{
    for (size_t i = 0; i < server->config->node_count; i++) {
        const struct node *node = &server->config->nodes[i];

        if (start_node(server, node))
            continue;
        snprintf(ret_error, error_size, "%s: cannot listen on %s: %s", node->name, node->address,
            strerror(errno));
        return false;
    }
    return true;
}

struct server *server_start(const struct config *config, char *ret_error, size_t error_size)
{
    struct server *server = xcalloc(1, sizeof *server);

    server->config = config;
    server->stop_event = eventfd(0, EFD_CLOEXEC);
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->gone, NULL);
    for (size_t i = 0; i < config->node_count; i++) {
        const struct node *node = &config->nodes[i];

        server->contexts[i] = tls_context(config, node, ret_error, error_size);
        if (server->contexts[i] == NULL) {
            server_stop(server);
            return NULL;
        }
    }
    if (start_nodes(server, ret_error, error_size) &&
        start_silent_ones(server, ret_error, error_size))
        return server;
    server_stop(server);
    return NULL;
}

static void stop_listeners(struct server *server)
{
    uint64_t one = 1;

    if (write(server->stop_event, &one, sizeof one) != sizeof one)
        abort();
    for (size_t i = 0; i < server->listener_count; i++) {
        pthread_join(server->listeners[i].thread, NULL);
        close(server->listeners[i].fd);
    }
    for (size_t i = 0; i < server->silent_count; i++)
        silent_close(&server->silent[i]);
}

static void stop_peers(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    for (const struct peer *peer = server->peers; peer != NULL; peer = peer->next)
        shutdown(peer->connection.http.stream.fd, SHUT_RDWR);
    while (server->peer_count > 0)
        pthread_cond_wait(&server->gone, &server->lock);
    pthread_mutex_unlock(&server->lock);
}

void server_stop(struct server *server)
{
    if (server == NULL)
        return;
    stop_listeners(server);
    stop_peers(server);
    for (size_t i = 0; i < server->config->node_count; i++)
        SSL_CTX_free(server->contexts[i]);
    close(server->stop_event);
    pthread_cond_destroy(&server->gone);
    pthread_mutex_destroy(&server->lock);
    free(server);
}
