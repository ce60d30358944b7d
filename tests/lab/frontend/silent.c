#include "silent.h"

#include "sockets.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PROOF_MS = 300 };

/* 1: connected; 0: no answer within the time, which is what is wanted; -1: another error. */
static int fill_one(const char *address, int port, int *ret_fd)
{
    struct socket_name to;
    struct pollfd item = {.events = POLLOUT};
    int error = 0;
    socklen_t size = sizeof error;

    *ret_fd = -1;
    if (!socket_address(address, port, &to))
        return -1;
    *ret_fd = socket(to.data.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*ret_fd < 0)
        return -1;
    if (connect(*ret_fd, (struct sockaddr *)&to.data, to.size) != 0 && errno != EINPROGRESS)
        return -1;
    item.fd = *ret_fd;
    if (poll(&item, 1, PROOF_MS) == 0)
        return 0;
    getsockopt(*ret_fd, SOL_SOCKET, SO_ERROR, &error, &size);
    return error == 0 ? 1 : -1;
}

bool silent_open(const char *address, int port, struct silent_port *ret_port)
{
    *ret_port = (struct silent_port){.listener = socket_listen(address, port, 0)};
    for (int i = 0; i < SILENT_FILL; i++)
        ret_port->fillers[i] = -1;
    if (ret_port->listener < 0)
        return false;
    for (int i = 0; i < SILENT_FILL; i++) {
        int filled = fill_one(address, port, &ret_port->fillers[i]);

        if (filled != 1) { /* the proof: this one got no answer; take its SYNs off the wire */
            if (ret_port->fillers[i] >= 0)
                close(ret_port->fillers[i]);
            ret_port->fillers[i] = -1;
        }
        if (filled == 0)
            return true;
        if (filled < 0)
            break;
    }
    silent_close(ret_port);
    return false;
}

void silent_close(struct silent_port *port)
{
    for (int i = 0; i < SILENT_FILL; i++)
        if (port->fillers[i] >= 0)
            close(port->fillers[i]);
    if (port->listener >= 0)
        close(port->listener);
    port->listener = -1;
}
