/*
 * A DNS answer (RFC 1035 §4): bytes -> struct, and what it says about the name that was asked.
 * Pure.
 *
 * Names come out in lower case, without the trailing dot; bytes that no host name has are written
 * \DDD (RFC 1035 §5.1). Compression pointers must point backwards, so there is no loop to fall
 * into.
 */
#ifndef NET_WIRE_DNSMSG_H
#define NET_WIRE_DNSMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/fault.h"

enum {
    DNSMSG_NAME_SIZE = 256,
    DNSMSG_RECORDS_MAX = 80, /* kept: of the type asked for, and aliases */
    DNSMSG_ALIASES_MAX = 16
};

/* RFC 1035 §3.2.2, RFC 3596, RFC 2782 */
enum dnsmsg_type {
    DNSMSG_A = 1,
    DNSMSG_CNAME = 5,
    DNSMSG_MX = 15,
    DNSMSG_AAAA = 28,
    DNSMSG_SRV = 33
};

struct dnsmsg_record {
    char owner[DNSMSG_NAME_SIZE];
    uint16_t type;
    uint32_t ttl;
    uint8_t address[16]; /* A: the first 4 */
    uint16_t priority, weight, port;
    char target[DNSMSG_NAME_SIZE]; /* CNAME, MX, SRV */
};

struct dnsmsg {
    uint16_t id;
    bool response, authoritative, truncated, recursion_available, authenticated;
    int rcode;
    char question[DNSMSG_NAME_SIZE];
    uint16_t question_type;
    struct dnsmsg_record records[DNSMSG_RECORDS_MAX]; /* of the answer section */
    size_t count;
    size_t dropped; /* over the cap */
};

/* Header, question and answer section. false: NAME_MALFORMED, the text says what was wrong; the
 * header's fields are set as far as they were read. */
bool dnsmsg_parse(
    const void *bytes, size_t length, struct dnsmsg *ret_message, struct fault *fault);

/* The aliases from the name that was asked to the one that owns the records. */
struct dnsmsg_path {
    const char *names[DNSMSG_ALIASES_MAX]; /* targets, into the message */
    size_t count;
    const char *canonical; /* into the message, or `name` */
    uint32_t ttl;          /* lowest; UINT32_MAX without an alias */
};

/* Follows the aliases of one message; a question for CNAME follows none. false: NAME_LOOP for a
 * loop or a path over the cap; *ret_path then holds what was walked. */
bool dnsmsg_follow(const struct dnsmsg *message, const char *name, enum dnsmsg_type type,
    struct dnsmsg_path *ret_path, struct fault *fault);

#endif
