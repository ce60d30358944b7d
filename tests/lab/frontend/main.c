/* The lab's Exchange front end: `exreach-lab-frontend FILE` serves what the file says, prints
 * "ready", and ends on SIGTERM or SIGINT. `--faults` lists the faults it can play. */
#include "auth.h"
#include "config.h"
#include "directory.h"
#include "faults.h"
#include "log.h"
#include "mapi/rpc_tcp.h"
#include "server.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static int fail(const char *text)
{
    fprintf(stderr, "exreach-lab-frontend: %s\n", text);
    return 1;
}

/* Until a signal says so; threads have inherited the mask, so it comes here. */
static void serve_until_told(const sigset_t *signals)
{
    int which = 0;

    puts("ready");
    fflush(stdout);
    while (sigwait(signals, &which) != 0)
        continue;
}

static int run(const struct config *config, const sigset_t *signals)
{
    char error[512] = "";
    struct server *server = NULL;
    int status = 1;

    if (!log_open(config->log))
        return fail("cannot open the log");
    if (directory_init(config, error, sizeof error) && auth_init(config, error, sizeof error))
        server = server_start(config, error, sizeof error);
    if (server == NULL || !rpc_tcp_start(config, error, sizeof error)) {
        fail(error);
    } else {
        serve_until_told(signals);
        status = 0;
    }
    rpc_tcp_stop();
    server_stop(server);
    auth_done();
    directory_done();
    log_close();
    return status;
}

int main(int argc, char **argv)
{
    static struct config config;
    char error[512] = "";
    sigset_t signals;

    if (argc == 2 && strcmp(argv[1], "--faults") == 0) {
        fault_list();
        return 0;
    }
    if (argc != 2)
        return fail("usage: exreach-lab-frontend FILE | --faults");
    if (!config_load(&config, argv[1], error, sizeof error))
        return fail(error);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    return run(&config, &signals);
}
