#include "tests/unit/http_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct tls_trust *peer_trust;

struct net_limit limit_of(int ms)
{
    return (struct net_limit){.deadline = deadline_in_ms(ms == 0 ? 3000 : ms), .cancel_fd = -1};
}

struct http_conn *connect_to(
    const struct script_server *server, bool tls, bool insecure, const char *host)
{
    struct net_address address;
    net_sock sock = NET_SOCK_NONE;
    struct fault fault = {0};
    struct http_conn *conn = NULL;
    assert_true(net_address_parse("127.0.0.1", script_port(server), &address));
    assert_true(sock_connect(&address, limit_of(0), &sock, &fault));
    struct http_origin origin = {.tls = tls, .host = host, .port = script_port(server)};
    assert_true(http_open(&origin, sock, peer_trust, insecure, &conn, &fault));
    return conn;
}

const struct http_request plain_get = {.method = "GET", .target = "/x?y=1"};

void expect_fault(
    const char *name, const struct fault *fault, enum cause cause, long code, const char *text)
{
    if (fault->cause != cause || (code != 0 && fault->code != code) ||
        (text != NULL && strstr(fault->text, text) == NULL))
        fail_msg("%s: %s/%s/%ld \"%s\" in place of %s", name, cause_str(fault->cause),
            origin_str(fault->origin), fault->code, fault->text, cause_str(cause));
}

void pause_ms(int ms)
{
    struct fault none;
    struct net_limit limit = {.deadline = deadline_in_ms(ms), .cancel_fd = -1};
    (void)sock_wait(NET_SOCK_NONE, SOCK_READABLE, limit, &none);
}

bool peer_init(void)
{
    struct fault fault;
    return http_global_init(&fault) && tls_trust_new(script_authority_file(), &peer_trust, &fault);
}

void peer_done(void)
{
    tls_trust_free(peer_trust);
    script_done();
    http_global_done();
}
