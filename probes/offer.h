/*
 * What an HTTP service offers without credentials: status, schemes, product, build, node, health
 * page.
 */
#ifndef PROBES_OFFER_H
#define PROBES_OFFER_H

#include "probes/probe.h"

extern const struct probe probe_http_offer;
extern const struct probe probe_http_health;

/* Sends the anonymous request of the service as far as the end of TLS (see http_begin()). */
bool offer_begin(struct session *session, struct fault *fault);

/* Outcome and facts of the anonymous answer; challenges as parsed from it. Pure. */
void judge_offer(const struct endpoint *endpoint, const struct http_response *response,
    const struct challenge *challenges, size_t count, struct check *check);
/* Why RPC_OUT_DATA is refused: the same path by GET (NULL: no answer, get_words). Pure. */
void judge_verb(const struct http_response *verb, const struct http_response *get,
    const char *get_words, struct check *check);
void judge_health(
    const struct endpoint *endpoint, const struct http_response *response, struct check *check);

/* FAIL: NO_SCHEME, with what the server offers. */
void fail_no_scheme(struct session *session, struct check *check);
/* FAIL: NO_SCHEME, for a 401 to our first message that brings no challenge to it. */
void fail_no_challenge(
    struct check *check, const char *scheme, const struct http_response *response);

/* Headers that only Exchange (or what emulates it) sends. */
bool response_shows_exchange(const struct http_response *response);
/* What a refusal tells of the account, beyond its 401; false: nothing. */
bool refusal_fault(const struct http_response *response, struct fault *ret_fault);
/* What an HTTP status of Exchange or of what stands before it means, for a tired admin. */
const char *status_meaning(int status);
/* The fault of a status by which no service answers a logon that worked: HTTP_STATUS, REDIRECTED.
 */
void status_fault(const struct http_response *response, struct fault *ret_fault);
/* MALFORMED: the body is in a coding that we never ask for, so it is not read (no bomb unpacks). */
bool response_is_plain(const struct http_response *response, struct fault *fault);
/* Facts every HTTP answer may bring: build, node, server; the probe must declare them. */
void note_server(const struct http_response *response, struct check *check);
/* For the fact arrays of probes that call note_server(). */
#define SERVER_FACTS                                                                         \
    {"http.status", FACT_INT, "HTTP status"}, {"http.server", FACT_TEXT, "Server header"},   \
        {"exchange.build", FACT_TEXT, "build the answer names (X-OWA-Version and others)"},  \
        {"exchange.product", FACT_TEXT, "name of that build"},                               \
        {"node", FACT_TEXT, "the server behind the name that answered (X-FEServer)"},        \
        {"http.back_end", FACT_TEXT,                                                         \
            "the mailbox server the front end chose (X-CalculatedBETarget)"},                \
        {"http.failure", FACT_TEXT, "X-FailureContext, X-CasErrorCode or X-OWA-Error"},      \
    {                                                                                        \
        "http.request_id", FACT_TEXT, "request-id, to find the request in the server's logs" \
    }

#endif
