/*
 * DNS by c-ares: one question, asked of one or several resolvers side by side.
 *
 * RFC 1035, RFC 2782 (SRV), RFC 6891 (EDNS). UDP first, TCP when truncated. c-ares' own files and
 * search lists are never consulted: names are absolute. Answers are bounded: at most
 * DNS_RECORDS_MAX records are kept, the rest is counted.
 */
#ifndef NET_DNS_H
#define NET_DNS_H

#include "net/arena.h"
#include "net/sock.h"

enum { DNS_NAME_SIZE = 256, DNS_RECORDS_MAX = 64, DNS_CNAMES_MAX = 16, DNS_RESOLVERS_MAX = 8 };

enum dns_type { DNS_A, DNS_AAAA, DNS_CNAME, DNS_SRV, DNS_MX };
const char *dns_type_str(enum dns_type type); /* "SRV" */

struct dns_record {
    struct net_address address; /* A, AAAA; port 0 */
    char target[DNS_NAME_SIZE]; /* SRV, MX, CNAME: lower case, no trailing dot; "" is the root */
    uint16_t priority;          /* SRV; MX's preference */
    uint16_t weight, port;      /* SRV */
    uint32_t ttl;
};

struct dns_answer {
    bool ok; /* records answer the question (at least one) */
    struct fault
        fault; /* where not ok: NAME_TIMEOUT NAME_NOT_FOUND NAME_NO_DATA NAME_SERVER_FAILURE
                  NAME_REFUSED NAME_FORMAT NAME_MALFORMED NAME_LOOP REFUSED UNREACHABLE … */
    int rcode; /* -1: no answer */
    bool authoritative, truncated, authenticated, over_tcp;
    char canonical[DNS_NAME_SIZE]; /* the end of the CNAME chain; the name itself else */
    char cnames[DNS_CNAMES_MAX][DNS_NAME_SIZE]; /* the chain, first alias' target first */
    size_t cname_count;
    struct dns_record *records; /* in the arena; SRV and MX in the order of RFC 2782 priorities */
    size_t count;
    size_t dropped; /* over DNS_RECORDS_MAX */
    uint32_t ttl;   /* lowest */
    int64_t elapsed_us;
};

/* Asks every resolver at the same time; ret_answers[i] is resolver i's. Waits until all have
 * answered, or until `patience_ms` after the first ok answer (a slower resolver is then
 * NAME_TIMEOUT with the text "no answer yet …"), or until the limit. Never fails as a whole: each
 * answer has its own fault. */
void dns_ask(const struct net_address *resolvers, size_t resolver_count, const char *name,
    enum dns_type type, struct net_limit limit, int patience_ms, struct arena *arena,
    struct dns_answer *ret_answers);

/* The system's resolvers (resolv.conf), at most size; returns how many. */
size_t dns_system_resolvers(struct net_address *ret_resolvers, size_t size);

/* Lower case, without a trailing dot, U-labels to A-labels (IDNA2008); false with MALFORMED for
 * empty or over-long labels, characters that no host name has (control, space, '/' …). Underscores
 * pass. */
bool dns_normalize(const char *name, char ret_name[DNS_NAME_SIZE], struct fault *fault);

#endif
