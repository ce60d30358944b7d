/*
 * A plan without a network, for its tests: svc@contoso.test, one resolver, and answers made by
 * hand.
 */
#ifndef TESTS_UNIT_PLANNED_H
#define TESTS_UNIT_PLANNED_H

#include "probes/plan.h"

struct planned {
    struct settings settings;
    struct survey survey;
    struct plan plan;
};

/* Settings to be changed before planned_open(). only: "" or one word of --only. */
void planned_init(struct planned *planned, const char *only);
void planned_open(struct planned *planned);
void planned_start(struct planned *planned, const char *only); /* both */
void planned_done(struct planned *planned);

/* NULL: not asked (any more). */
struct job *planned_question(struct planned *planned, const char *name, enum dns_type type);
/* What a resolver says: addresses, or "target:port" for SRV ("." is the root), apart by spaces;
 * NULL: no such name. */
void planned_fill(
    const struct planned *planned, struct job *job, size_t resolver, const char *records);
/* The question must have been asked; every resolver gives the same answer. */
void planned_answer(
    struct planned *planned, const char *name, enum dns_type type, const char *records);
void planned_discover(struct planned *planned, enum service service, const char *url);

size_t planned_rows(const struct planned *planned);
struct chain *planned_row(const struct planned *planned, const char *id);        /* or NULL */
struct chain *planned_assert_row(const struct planned *planned, const char *id); /* with its job */
struct job *planned_job(const struct planned *planned, const char *id);

/* The chain ends with this outcome of its AUTH cell, which is BLOCKED by TCP for OUTCOME_BLOCKED.
 */
void planned_end(struct planned *planned, const char *id, enum outcome auth);

#endif
