/*
 * Exchange Web Services: the service answers, and the mailbox's folders open.
 */
#ifndef PROBES_EWS_H
#define PROBES_EWS_H

#include "net/wire/ews.h"
#include "probes/probe.h"

extern const struct probe probe_ews_version;
extern const struct probe probe_ews_folders; /* the account's own mailbox */
extern const struct probe probe_ews_mailbox; /* each --mailbox */
extern const struct probe probe_ews_public;  /* the public folder tree */

/* GetFolder of inbox, contacts and calendar; mailbox NULL: the account's own. */
void ews_build(struct session *session, const char *mailbox, struct http_request *ret_request);

/* Outcome and facts; answer NULL with the fault of its parsing. Pure. */
void judge_ews(const struct http_response *response, const struct ews_answer *answer,
    const struct fault *fault, struct check *check);
void judge_ews_folders(
    const struct ews_answer *answer, const char *const *names, struct check *check);

#endif
