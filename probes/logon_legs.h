/*
 * The legs of one logon on one HTTP connection: which Authorization header comes next. No gate, no
 * requests of its own; a thread beside the chain may use it, too (run_beside.h).
 *
 *   1. logon_legs_open() with the channel bindings of the connection.
 *   2. logon_legs_next() makes the header of the next request; `proves`: it carries a proof of the
 *      password or a ticket. logon_legs_forget() wipes it once it was sent.
 *   3. A 401 with a token of the scheme goes to logon_legs_take(); again from 2.
 */
#ifndef PROBES_LOGON_LEGS_H
#define PROBES_LOGON_LEGS_H

#include "probes/session.h"

struct logon_attempt {
    const char *scheme; /* "NTLM" */
    const char *header; /* "Negotiate" */
    enum sec_mechanism mechanism;
    bool sent; /* a proof left this host */
};

enum { LOGON_LEGS_MAX = 6 };

struct logon_legs {
    const struct session *session;
    const char *scheme, *header; /* of the attempt */
    struct secctx *context;      /* NULL: Basic and Bearer, which have one leg */
    struct arena arena;
    uint8_t *input; /* the server's token */
    size_t input_length;
    char *authorization; /* of the next request */
    bool proves;
    bool done; /* no token is expected in answer to it */
};

bool logon_legs_open(const struct session *session, const struct logon_attempt *attempt,
    const uint8_t *end_point, size_t end_point_length, struct logon_legs *ret_legs,
    struct fault *fault);
void logon_legs_done(struct logon_legs *legs); /* wipes; zeros are allowed */
/* The header that comes next carries a proof. */
bool logon_legs_will_prove(const struct logon_legs *legs);
/* Causes: of secctx_step(). */
bool logon_legs_next(struct logon_legs *legs, struct fault *fault);
void logon_legs_forget(struct logon_legs *legs);
/* false: the answer brings no token of the scheme. */
bool logon_legs_take(struct logon_legs *legs, const struct http_response *response);

#endif
