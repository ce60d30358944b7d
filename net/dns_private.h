/*
 * Between dns.c, which asks, and dns_answer.c, which says what a reply means. The latter is pure.
 */
#ifndef NET_DNS_PRIVATE_H
#define NET_DNS_PRIVATE_H

#include "net/dns.h"
#include "net/wire/dnsmsg.h"

enum dnsmsg_type dns_wire_type(enum dns_type type);

/* Fills *answer (ok, or its fault) from one reply. */
void dns_read_answer(const uint8_t *bytes, size_t length, const char *name, enum dns_type type,
    struct arena *arena, struct dns_answer *answer);

/* A datagram that answers the message `id`, but whose question cannot be read. */
bool dns_reply_is_broken(const uint8_t *bytes, size_t length, uint16_t id);

#endif
