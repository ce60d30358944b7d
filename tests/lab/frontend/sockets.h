#ifndef FRONTEND_SOCKETS_H
#define FRONTEND_SOCKETS_H

#include <stdbool.h>
#include <sys/socket.h>

struct socket_name {
    struct sockaddr_storage data;
    socklen_t size;
};

/* An IPv4 or IPv6 address in numbers. */
bool socket_address(const char *address, int port, struct socket_name *ret_name);
/* A listening, non-blocking socket; -1 with errno set if it cannot be had. */
int socket_listen(const char *address, int port, int backlog);

#endif
