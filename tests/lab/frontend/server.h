/* Listening sockets, TLS contexts, one thread per connection. */
#ifndef FRONTEND_SERVER_H
#define FRONTEND_SERVER_H

#include "config.h"

struct server;

/* Listens on 443 and 80 of every node. NULL with a line in `ret_error` if it cannot. */
struct server *server_start(const struct config *config, char *ret_error, size_t error_size);
/* Closes everything and waits for the threads. Takes NULL. */
void server_stop(struct server *server);

#endif
