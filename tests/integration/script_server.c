#include "tests/integration/script_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void count_one(const struct server *server)
{
    if (write(server->count[1], "x", 1) != 1)
        _exit(1);
}

static void play(int peer, const struct script *script)
{
    char scratch[4096];
    size_t eaten = 0;
    while (eaten < script->eat) {
        ssize_t got = read(peer, scratch, sizeof scratch);
        if (got <= 0)
            break;
        eaten += (size_t)got;
    }
    for (size_t i = 0; i < script->times; i++) {
        if (write(peer, script->bytes, script->length) < 0)
            break;
    }
    if (!script->close)
        return;
    /* In order, not by reset: read what is still there first. */
    shutdown(peer, SHUT_WR);
    while (read(peer, scratch, sizeof scratch) > 0) {
    }
    close(peer);
}

static _Noreturn void serve_tcp(
    const struct server *server, int listener, const struct script *script)
{
    signal(SIGPIPE, SIG_IGN);
    for (;;) {
        int peer = accept(listener, NULL, NULL);
        if (peer < 0)
            _exit(1);
        count_one(server);
        play(peer, script);
        script = script->next != NULL ? script->next : script;
    }
}

static _Noreturn void serve_udp(
    const struct server *server, int socket, const struct script *script)
{
    for (;;) {
        char scratch[4096];
        struct sockaddr_in from = {0};
        socklen_t size = sizeof from;
        if (recvfrom(socket, scratch, sizeof scratch, 0, (struct sockaddr *)&from, &size) < 0)
            _exit(1);
        count_one(server);
        if (script->times > 0)
            sendto(socket, script->bytes, script->length, 0, (struct sockaddr *)&from, size);
        script = script->next != NULL ? script->next : script;
    }
}

static int loopback_socket(int kind, struct net_address *ret_address)
{
    struct sockaddr_in place = {.sin_family = AF_INET};
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof place;
    int made = socket(AF_INET, kind, 0);
    assert_true(made >= 0);
    assert_int_equal(bind(made, (struct sockaddr *)&place, sizeof place), 0);
    assert_int_equal(getsockname(made, (struct sockaddr *)&place, &size), 0);
    assert_true(net_address_parse("127.0.0.1", ntohs(place.sin_port), ret_address));
    return made;
}

static void start(struct server *server, const struct script *script, int kind)
{
    int made = loopback_socket(kind, &server->address);
    if (kind == SOCK_STREAM)
        assert_int_equal(listen(made, 16), 0);
    assert_int_equal(pipe(server->count), 0);
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0) {
        if (kind == SOCK_STREAM)
            serve_tcp(server, made, script);
        serve_udp(server, made, script);
    }
    close(made);
    close(server->count[1]);
}

void server_start(struct server *server, const struct script *script)
{
    start(server, script, SOCK_STREAM);
}

void server_start_udp(struct server *server, const struct script *script)
{
    start(server, script, SOCK_DGRAM);
}

size_t server_stop(struct server *server)
{
    char bytes[64];
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    ssize_t count = read(server->count[0], bytes, sizeof bytes);
    close(server->count[0]);
    return count > 0 ? (size_t)count : 0;
}

struct net_limit step_limit(int cancel_fd)
{
    return (struct net_limit){.deadline = deadline_in_ms(STEP_MS), .cancel_fd = cancel_fd};
}

void expect_cause(bool ok, const struct fault *fault, enum cause cause, const char *what)
{
    enum cause got = ok ? CAUSE_NONE : fault->cause;
    if (got != cause)
        fail_msg("%s: %s (%s), expected %s", what, cause_str(got), ok ? "" : fault->text,
            cause_str(cause));
}
