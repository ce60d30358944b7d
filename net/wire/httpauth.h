/*
 * WWW-Authenticate as servers really send it (RFC 9110 §11.6.1, RFC 4559): several headers, or
 * several challenges in one.
 */
#ifndef NET_WIRE_HTTPAUTH_H
#define NET_WIRE_HTTPAUTH_H

#include "net/arena.h"

#include <stdbool.h>
#include <stdint.h>

enum { CHALLENGES_MAX = 16, CHALLENGE_TOKEN_MAX = 64 * 1024 };

struct challenge {
    const char *scheme;            /* as sent: "NTLM" */
    const char *token;             /* token68 or NULL: "TlRMTVNTUAAC…" */
    const char *realm;             /* parameter or NULL */
    const char *authorization_uri; /* Bearer, or NULL */
    const char *rest;              /* the parameters as sent, or NULL */
};

/* Adds the challenges of one header value to list[*count …]; what is over CHALLENGES_MAX or
 * malformed is left out (false then, the good ones are kept). */
bool challenges_parse(
    struct arena *arena, const char *value, struct challenge list[CHALLENGES_MAX], size_t *count);
/* Without regard to case; NULL if it is not there. */
const struct challenge *challenge_find(
    const struct challenge *list, size_t count, const char *scheme);

#endif
