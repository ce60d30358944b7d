#include "sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

bool socket_address(const char *address, int port, struct sockaddr_in *ret_address)
{
    *ret_address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return inet_pton(AF_INET, address, &ret_address->sin_addr) == 1;
}

int socket_listen(const char *address, int port, int backlog)
{
    struct sockaddr_in name;
    int one = 1;
    int kept;
    int fd;

    if (!socket_address(address, port, &name)) {
        errno = EINVAL;
        return -1;
    }
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&name, sizeof name) == 0 && listen(fd, backlog) == 0)
        return fd;
    kept = errno;
    close(fd);
    errno = kept;
    return -1;
}
