/*
 * The vendor checklist: every item answered from the facts, or SKIPPED "check by hand: …" with how.
 */
#ifndef REPORT_CHECKLIST_H
#define REPORT_CHECKLIST_H

#include "probes/survey.h"

/* The first of all items, in the survey's arena; the survey itself is not changed otherwise. */
struct checklist_item *checklist_fill(struct survey *survey);

#endif
