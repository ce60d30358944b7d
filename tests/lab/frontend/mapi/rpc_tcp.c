#include "rpc_tcp.h"

#include "../sockets.h"
#include "rpc_server.h"

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

enum { ENDPOINTS_PER_NODE = 4, CONNECTIONS_MAX = 200, IDLE_MS = 300000, WRITE_MS = 30000 };

struct endpoint {
    const struct config *config;
    const struct node *node;
    unsigned interfaces;
    int fd;
    int port;
    pthread_t thread;
};

struct association {
    struct association *next;
    const struct endpoint *endpoint;
    struct http_conn conn; /* its stream and what was read ahead */
};

static struct {
    struct endpoint endpoints[NODE_MAX * ENDPOINTS_PER_NODE];
    size_t count;
    int stop_event;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t gone;
    struct association *first;
    size_t associations;
    bool stopping;
} tcp = {.stop_event = -1, .lock = PTHREAD_MUTEX_INITIALIZER, .gone = PTHREAD_COND_INITIALIZER};

int rpc_tcp_port(const struct node *node, unsigned interface)
{
    int port = 0;

    pthread_mutex_lock(&tcp.lock);
    for (size_t i = 0; i < tcp.count; i++)
        if (tcp.endpoints[i].node == node && tcp.endpoints[i].interfaces == interface)
            port = tcp.endpoints[i].port;
    pthread_mutex_unlock(&tcp.lock);
    return port;
}

static void send_pdu(void *arg, const struct buf *pdu)
{
    struct association *association = arg;

    stream_write(&association->conn.stream, pdu->data, pdu->len, clock_ms() + WRITE_MS);
}

static bool enlist(struct association *association)
{
    bool ok;

    pthread_mutex_lock(&tcp.lock);
    ok = !tcp.stopping && tcp.associations < CONNECTIONS_MAX;
    if (ok) {
        association->next = tcp.first;
        tcp.first = association;
        tcp.associations++;
    }
    pthread_mutex_unlock(&tcp.lock);
    return ok;
}

static void delist(struct association *association)
{
    struct association **at = &tcp.first;

    pthread_mutex_lock(&tcp.lock);
    while (*at != association)
        at = &(*at)->next;
    *at = association->next;
    stream_close(&association->conn.stream);
    tcp.associations--;
    pthread_cond_signal(&tcp.gone);
    pthread_mutex_unlock(&tcp.lock);
}

static void *serve(void *arg)
{
    struct association *association = arg;
    const struct endpoint *endpoint = association->endpoint;
    char port[16];
    struct rpc_party party = {.config = endpoint->config,
        .node = endpoint->node,
        .endpoint = port,
        .asked = endpoint->node->name};
    struct rpc_server *server;
    struct buf pdu = {0};
    uint64_t left = UINT64_MAX;

    snprintf(port, sizeof port, "%d", endpoint->port);
    server = rpc_server_new(&party, endpoint->interfaces, send_pdu, association);
    while (rpc_read_pdu(&association->conn, &left, &pdu, clock_ms() + IDLE_MS) &&
           rpc_server_take(server, &pdu))
        continue;
    rpc_server_free(server);
    buf_done(&pdu);
    buf_done(&association->conn.in);
    delist(association);
    free(association);
    return NULL;
}

static void accept_one(const struct endpoint *endpoint)
{
    int one = 1;
    int fd = accept4(endpoint->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct association *association;
    pthread_t thread;

    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    association = xcalloc(1, sizeof *association);
    association->endpoint = endpoint;
    association->conn.stream.fd = fd;
    if (!enlist(association)) {
        close(fd);
        free(association);
        return;
    }
    if (pthread_create(&thread, NULL, serve, association) != 0) {
        delist(association);
        free(association);
        return;
    }
    pthread_detach(thread);
}

static void *listen_for_clients(void *arg)
{
    const struct endpoint *endpoint = arg;
    struct pollfd items[2] = {
        {.fd = endpoint->fd, .events = POLLIN},
        {.fd = tcp.stop_event, .events = POLLIN},
    };

    for (;;) {
        if (poll(items, 2, -1) < 0 && errno != EINTR)
            return NULL;
        if (items[1].revents != 0)
            return NULL;
        if (items[0].revents != 0)
            accept_one(endpoint);
    }
}

static int port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;

    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return 0;
    return ntohs(address.sin_port);
}

static bool open_endpoint(
    const struct config *config, const struct node *node, unsigned interfaces, int port)
{
    struct endpoint *endpoint = &tcp.endpoints[tcp.count];

    *endpoint = (struct endpoint){.config = config, .node = node, .interfaces = interfaces};
    endpoint->fd = socket_listen(node->address, port, 32);
    if (endpoint->fd < 0)
        return false;
    endpoint->port = port_of(endpoint->fd);
    if (pthread_create(&endpoint->thread, NULL, listen_for_clients, endpoint) != 0) {
        close(endpoint->fd);
        return false;
    }
    pthread_mutex_lock(&tcp.lock);
    tcp.count++;
    pthread_mutex_unlock(&tcp.lock);
    return true;
}

static bool open_node(const struct config *config, const struct node *node)
{
    if (config->rpc_mapper_only)
        return open_endpoint(config, node, RPC_EPM, 135);
    return open_endpoint(config, node, RPC_EMSMDB, 0) && open_endpoint(config, node, RPC_RFRI, 0) &&
           open_endpoint(config, node, RPC_NSPI, 0) && open_endpoint(config, node, RPC_EPM, 135);
}

bool rpc_tcp_start(const struct config *config, char *ret_error, size_t error_size)
{
    if (!config->rpc_tcp)
        return true;
    tcp.stop_event = eventfd(0, EFD_CLOEXEC);
    for (size_t i = 0; i < config->node_count; i++) {
        const struct node *node = &config->nodes[i];

        if (node->website || open_node(config, node))
            continue;
        snprintf(ret_error, error_size, "%s: no RPC over TCP: %s", node->name, strerror(errno));
        return false;
    }
    return true;
}

void rpc_tcp_stop(void)
{
    uint64_t one = 1;

    if (tcp.stop_event < 0)
        return;
    if (write(tcp.stop_event, &one, sizeof one) != sizeof one)
        abort();
    for (size_t i = 0; i < tcp.count; i++) {
        pthread_join(tcp.endpoints[i].thread, NULL);
        close(tcp.endpoints[i].fd);
    }
    pthread_mutex_lock(&tcp.lock);
    tcp.stopping = true;
    for (const struct association *one_of = tcp.first; one_of != NULL; one_of = one_of->next)
        shutdown(one_of->conn.stream.fd, SHUT_RDWR);
    while (tcp.associations > 0)
        pthread_cond_wait(&tcp.gone, &tcp.lock);
    pthread_mutex_unlock(&tcp.lock);
    close(tcp.stop_event);
    tcp.stop_event = -1;
}
