/*
 * What the HTTP tests share: a connection to a scripted server, and how a fault is compared.
 */
#ifndef TESTS_HTTP_PEER_H
#define TESTS_HTTP_PEER_H

#include "net/http.h"
#include "tests/unit/script_server.h"

#define HEAD_200 "HTTP/1.1 200 OK\r\n"
#define GOOD     HEAD_200 "Content-Length: 5\r\n\r\nhello"

extern struct tls_trust *peer_trust;
extern const struct http_request plain_get; /* GET /x?y=1 */

struct net_limit limit_of(int ms); /* 0: 3 s */
void pause_ms(int ms);
struct http_conn *connect_to(
    const struct script_server *server, bool tls, bool insecure, const char *host);
/* code 0 and text NULL: any */
void expect_fault(
    const char *name, const struct fault *fault, enum cause cause, long code, const char *text);

/* Around a main: trust, curl. */
bool peer_init(void);
void peer_done(void);

#endif
