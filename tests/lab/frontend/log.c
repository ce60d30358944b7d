#include "log.h"

#include "buf.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

static int log_fd = -1;

bool log_open(const char *file)
{
    if (*file == '\0')
        return true;
    log_fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    return log_fd >= 0;
}

static void text_field(struct buf *out, const char *name, const char *value)
{
    buf_fmt(out, ",\"%s\":", name);
    buf_json(out, value ? value : "");
}

void log_write(const struct log_line *line)
{
    struct buf out = {0};
    struct timespec now;
    struct tm utc;
    char stamp[32];
    ssize_t written;

    if (log_fd < 0)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    buf_fmt(&out, "{\"time\":\"%s.%03ldZ\",\"port\":%d,\"status\":%d,\"credentials\":%s", stamp,
        now.tv_nsec / 1000000, line->port, line->status, line->credentials ? "true" : "false");
    text_field(&out, "node", line->node);
    text_field(&out, "method", line->method);
    text_field(&out, "path", line->path);
    text_field(&out, "scheme", line->scheme);
    text_field(&out, "mech", line->mech);
    text_field(&out, "user", line->user);
    text_field(&out, "binding", line->binding);
    text_field(&out, "note", line->note);
    buf_str(&out, "}\n");
    do /* one write, so that lines of several threads do not mix */
        written = write(log_fd, out.data, out.len);
    while (written < 0 && errno == EINTR);
    buf_done(&out);
}

void log_close(void)
{
    if (log_fd >= 0)
        close(log_fd);
    log_fd = -1;
}
