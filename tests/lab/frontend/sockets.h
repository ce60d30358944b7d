#ifndef FRONTEND_SOCKETS_H
#define FRONTEND_SOCKETS_H

#include <netinet/in.h>
#include <stdbool.h>

bool socket_address(const char *address, int port, struct sockaddr_in *ret_address);
/* A listening, non-blocking socket; -1 with errno set if it cannot be had. */
int socket_listen(const char *address, int port, int backlog);

#endif
