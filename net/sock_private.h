/*
 * Between sock.c, sock_address.c and host.c only: the platform's form of an address.
 */
#ifndef NET_SOCK_PRIVATE_H
#define NET_SOCK_PRIVATE_H

#include <sys/socket.h>

#include "net/sock.h"

bool sockaddr_of(
    const struct net_address *address, struct sockaddr_storage *ret_storage, socklen_t *ret_length);
bool sockaddr_print(const struct sockaddr_storage *storage, struct net_address *ret_address);

#endif
