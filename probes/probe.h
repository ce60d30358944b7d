/*
 * A probe: one question about one endpoint. One file per family, one line in table.c.
 *
 * A file has two halves: judge_…, pure, what was seen -> outcome and facts; and run, straight-line
 * I/O, which ends at the first failure.
 */
#ifndef PROBES_PROBE_H
#define PROBES_PROBE_H

#include "probes/session.h"
#include "probes/survey.h"

struct probe {
    const char *id; /* "ews.folders": stable; in JSON, --only, docs, tests */
    const char *title;
    enum layer layer;
    const struct fact_def *facts;                              /* a zero entry ends it */
    bool (*applies)(const struct endpoint *endpoint);          /* pure */
    void (*run)(struct session *session, struct check *check); /* blocks; must settle the check */
    /* Extras run once per subject: how many there are, and which. NULL: no extra. */
    size_t (*subjects)(const struct settings *settings);
    const char *(*subject)(const struct settings *settings, size_t index);
};

/* All probes, in the order in which a chain runs those that apply; NULL ends it. */
extern const struct probe *const probe_table[];

/* Endpoints of which kind: for applies(). */
bool endpoint_is_http(const struct endpoint *endpoint);      /* any HTTP service */
bool endpoint_is_clear(const struct endpoint *endpoint);     /* plain HTTP: never credentials */
bool endpoint_is_tls(const struct endpoint *endpoint);       /* TLS from the first byte */
bool endpoint_is_directory(const struct endpoint *endpoint); /* ldap, gc */
bool endpoint_is_guess(const struct endpoint *endpoint);     /* nothing but a guess names it */

/* The path a service is asked under by custom: "/EWS/Exchange.asmx"; NULL: none. */
const char *service_path(enum service service);
uint16_t service_port(enum service service);

/* Kerberos tolerates five minutes (RFC 4120 5.5.1, Windows' default): a check that passed on a
 * clock further away (clock.skew_s) only warns. `whose`: "the KDC's". */
void warn_of_skew(struct check *check, const char *whose);

#define FACT_END    \
    {               \
        .key = NULL \
    }

#endif
