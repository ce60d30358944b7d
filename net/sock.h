/*
 * TCP and UDP sockets, addresses and waiting. The only place that touches the platform's sockets.
 *
 * Causes: TIMEOUT INTERRUPTED REFUSED UNREACHABLE RESET CLOSED INTERNAL (out of descriptors …);
 * origin SYSTEM with errno where the kernel spoke.
 */
#ifndef NET_SOCK_H
#define NET_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/deadline.h"
#include "net/fault.h"

typedef int net_sock;
enum { NET_SOCK_NONE = -1 };

/* A numeric IPv4 or IPv6 address (with scope: "fe80::1%eth0") and a port, kept as text so that
 * every layer can print it. */
struct net_address {
    char text[64];
    uint16_t port;
};

/* "127.0.0.1", "::1", "[::1]"; false if it is not numeric. */
bool net_address_parse(const char *text, uint16_t port, struct net_address *ret_address);
/* 4 or 16 bytes, as they stand in a DNS record. */
bool net_address_from_bytes(
    const uint8_t *bytes, size_t length, uint16_t port, struct net_address *ret_address);
enum { NET_ADDRESS_TEXT = 80 };
/* "192.0.2.1:443", "[2001:db8::1]:443"; returns ret_text. */
const char *net_address_print(const struct net_address *address, char ret_text[NET_ADDRESS_TEXT]);
/* "mail.contoso.test (192.0.2.1:443)", for the words of faults; the caller frees it. */
char *net_address_whom(const char *host, const struct net_address *peer);

/* Non-blocking connect and poll, never a second connect() on the socket; TCP_NODELAY,
 * close-on-exec, no SIGPIPE. The socket stays non-blocking. A deadline that passes is TIMEOUT: no
 * answer to our SYN. */
bool sock_connect(const struct net_address *address, struct net_limit limit, net_sock *ret_sock,
    struct fault *fault);
void sock_close(net_sock sock); /* NET_SOCK_NONE is allowed */

enum sock_event { SOCK_READABLE = 1, SOCK_WRITABLE = 2, SOCK_FAILED = 4 };
/* Waits for one of the events; false: TIMEOUT or INTERRUPTED. */
bool sock_wait(net_sock sock, unsigned events, struct net_limit limit, struct fault *fault);

/* The same for several sockets: each one's `ready` says what happened; SOCK_FAILED: sock_error()
 * knows. */
struct sock_poll {
    net_sock sock;
    unsigned events;
    unsigned ready;
};
bool sock_wait_any(
    struct sock_poll *items, size_t count, struct net_limit limit, struct fault *fault);

/* All of it or a fault; 0 bytes before a peer's FIN is CLOSED. */
bool sock_write_all(
    net_sock sock, const void *bytes, size_t length, struct net_limit limit, struct fault *fault);
bool sock_read_all(
    net_sock sock, void *bytes, size_t length, struct net_limit limit, struct fault *fault);
/* At least one byte; *ret_length 0: the peer closed in order. */
bool sock_read_some(net_sock sock, void *bytes, size_t size, struct net_limit limit,
    size_t *ret_length, struct fault *fault);

/* One non-blocking step, for those that do their own waiting (TLS, LDAP): 1 done (*ret_length
 * bytes), 0 would block, -1 failed. */
int sock_try_read(net_sock sock, void *bytes, size_t size, size_t *ret_length, struct fault *fault);
int sock_try_write(
    net_sock sock, const void *bytes, size_t length, size_t *ret_length, struct fault *fault);

/* How the peer's side stands, seen without reading (MSG_PEEK). */
enum sock_end { SOCK_OPEN, SOCK_CLOSED, SOCK_RESET };
enum sock_end sock_end(net_sock sock);
bool sock_is_dead(net_sock sock); /* closed or reset */
/* What has come and was not read yet, left where it is; 0: nothing. *ret_end as sock_end(); the
 * kernel tells of a RST only once, so whoever looks must remember it. */
size_t sock_peek(net_sock sock, void *bytes, size_t size, enum sock_end *ret_end);
/* The pending error of a socket (SO_ERROR), taken from it; false: none. */
bool sock_error(net_sock sock, const struct net_address *peer, struct fault *ret_fault);
/* An errno of a socket call as a fault; `peer` may be NULL. Always false. */
bool sock_fault(struct fault *fault, int error, const struct net_address *peer);
/* Our own address of a connected socket, and the peer's. */
bool sock_local(net_sock sock, struct net_address *ret_address);
bool sock_peer(net_sock sock, struct net_address *ret_address);

/* A connected UDP socket: send one datagram, wait for one. */
bool sock_udp_exchange(const struct net_address *address, const void *request, size_t length,
    struct net_limit limit, void *reply, size_t size, size_t *ret_length, struct fault *fault);

/* Whether the kernel would send a datagram there; sends nothing. */
bool sock_udp_route(const struct net_address *address, struct fault *fault);

/* The abort descriptor of a run: an eventfd where there is one. wake_raise() is async-signal-safe
 * and wakes every net_limit that has the descriptor, for good. */
bool wake_open(int *ret_fd, struct fault *fault);
void wake_raise(int fd);
void wake_close(int fd);

#endif
