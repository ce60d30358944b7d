/*
 * POX Autodiscover ([MS-OXDSCLI]): what it answers for the address, and what it tells the planner.
 */
#ifndef PROBES_AUTODISCOVER_H
#define PROBES_AUTODISCOVER_H

#include "net/wire/autodiscover.h"
#include "probes/probe.h"

extern const struct probe probe_autodiscover_pox;
extern const struct probe probe_autodiscover_mailbox;

/* The request of the service, for the logon's last leg; texts in the session's arena. */
void autodiscover_build(struct session *session, struct http_request *ret_request);

/* Outcome and facts of PROTOCOL from the answer (NULL with the fault of its parsing). Pure. */
void judge_autodiscover(const struct http_response *response,
    const struct autodiscover_answer *answer, const struct fault *fault, struct check *check);
/* … of MAILBOX: the settings are those of a mailbox one can open. Pure. */
void judge_autodiscover_mailbox(
    const struct autodiscover_answer *answer, const char *address, struct check *check);

#endif
