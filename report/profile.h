/*
 * What a client profile needs, and whether it is there: services first, then the verdict.
 */
#ifndef REPORT_PROFILE_H
#define REPORT_PROFILE_H

#include "probes/survey.h"

struct service_state {
    bool needed;  /* by the profile, and not left out by an option */
    bool tested;  /* this version has probes for it, or rows exist all the same */
    bool works;   /* at least one row does */
    bool failed;  /* a row has a FAIL */
    bool trouble; /* a row has an ERROR, or a check that was not reached in time */
    int rows;
};

/* "RPC over HTTP" */
const char *service_title(enum service service);

/* One state a service. */
void profile_judge(const struct survey *survey, struct service_state *ret_states);
/* The row does what its service needs, MAPI's with address book and referral; without credentials:
 * everything up to HTTP. */
bool profile_row_works(const struct survey *survey, const struct chain *chain);

/* From the states and the findings, which must be in the survey already. */
void profile_verdict(struct survey *survey);

#endif
