/*
 * Names: how a host got its address, and how each resolver did.
 */
#ifndef PROBES_NAME_H
#define PROBES_NAME_H

#include "probes/probe.h"

extern const struct probe probe_dns_name;
extern const struct probe
    probe_dns_resolver; /* settled once, after the run, from all its lookups */

/* Asks all resolvers at once; answers[i] is resolver i's, in the arena. */
struct name_answer *name_ask(const struct net_address *resolvers, size_t count, const char *name,
    enum dns_type type, struct net_limit limit, struct arena *arena);

/* Adds a question and its answer to survey->lookups. */
void survey_keep_lookup(struct survey *survey, const struct name_answer *answer);

/* Outcome and facts of a name from its answer. Pure. */
void judge_name(const struct name_answer *answer, struct check *check);
/* A resolver's row from survey->lookups. Pure. */
void judge_resolver(
    const struct survey *survey, const struct endpoint *endpoint, struct check *check);

#endif
