/*
 * Private to the checklist: what an answering function gets and may do. One that settles nothing
 * leaves its item to be checked by hand.
 */
#ifndef REPORT_CHECKLIST_ANSWER_H
#define REPORT_CHECKLIST_ANSWER_H

#include <stdarg.h>

#include "net/wire/text.h"
#include "probes/survey.h"

struct answer {
    const struct survey *survey;
    struct arena *arena;
    struct checklist_item *item;
};

void answer_settle(struct answer *answer, enum outcome outcome, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;
/* Values must live as long as the survey. */
void answer_text(struct answer *answer, const char *key, const char *value);
void answer_int(struct answer *answer, const char *key, int64_t value);

/* The first check of this probe that is so; NULL: none. */
const struct check *find_check(
    const struct survey *survey, const char *probe, bool (*is_so)(const struct check *check));

/* checklist_build.c: builds seen on the wire */
void answer_latest(struct answer *answer);
void answer_one_version(struct answer *answer);
void answer_minimum(struct answer *answer);
void answer_2010(struct answer *answer);
void answer_2010_role(struct answer *answer);

#endif
