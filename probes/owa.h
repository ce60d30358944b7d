/*
 * OWA: the forms logon as a browser does it, classified by where it leads; the page behind it.
 */
#ifndef PROBES_OWA_H
#define PROBES_OWA_H

#include "net/wire/owa.h"
#include "probes/probe.h"

extern const struct probe probe_owa_logon;
extern const struct probe probe_owa_app;
extern const struct probe probe_owa_mailbox;

/* AUTH from the answer to the form. Pure. */
void judge_owa_logon(const struct http_response *response, const struct owa_location *location,
    bool has_cookies, struct check *check);
/* PROTOCOL from the answer to the page behind the logon. Pure. */
void judge_owa_app(
    const struct http_response *response, const struct owa_location *location, struct check *check);

#endif
