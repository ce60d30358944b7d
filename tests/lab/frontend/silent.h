/* A port that answers no SYN, made without a packet filter: a listening socket whose accept queue
 * is full. Linux drops further SYNs then, and whoever connects runs into its time-out. */
#ifndef FRONTEND_SILENT_H
#define FRONTEND_SILENT_H

#include <stdbool.h>

enum { SILENT_FILL = 4 };

struct silent_port {
    int listener;
    int fillers[SILENT_FILL]; /* own connections that fill the queue; -1: none */
};

bool silent_open(const char *address, int port, struct silent_port *ret_port);
void silent_close(struct silent_port *port);

#endif
