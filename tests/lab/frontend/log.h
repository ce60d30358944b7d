/* One JSON line per request. Secrets never reach it: only whether credentials were seen. */
#ifndef FRONTEND_LOG_H
#define FRONTEND_LOG_H

#include <stdbool.h>

struct log_line {
    const char *node;
    int port;
    const char *method;
    const char *path;
    const char *scheme;
    const char *mech;
    const char *user;
    const char *binding;
    const char *note;
    int status;
    bool credentials;
};

bool log_open(const char *file);
void log_write(const struct log_line *line);
void log_close(void);

#endif
