#include "sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

bool socket_address(const char *address, int port, struct socket_name *ret_name)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};

    *ret_name = (struct socket_name){0};
    if (inet_pton(AF_INET, address, &v4.sin_addr) == 1) {
        ret_name->size = sizeof v4;
        memcpy(&ret_name->data, &v4, sizeof v4);
    } else if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1) {
        ret_name->size = sizeof v6;
        memcpy(&ret_name->data, &v6, sizeof v6);
    }
    return ret_name->size > 0;
}

int socket_listen(const char *address, int port, int backlog)
{
    struct socket_name name;
    int one = 1;
    int kept;
    int fd;

    if (!socket_address(address, port, &name)) {
        errno = EINVAL;
        return -1;
    }
    fd = socket(name.data.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&name.data, name.size) == 0 && listen(fd, backlog) == 0)
        return fd;
    kept = errno;
    close(fd);
    errno = kept;
    return -1;
}
