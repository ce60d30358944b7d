/* MAPI over HTTP as grommunio's gromox speaks it: it calls itself Exchange 2013 SP1, has cookies of
 * its own, and its older versions number their refusals in their own way. */
#ifndef FRONTEND_MAPI_GROMOX_H
#define FRONTEND_MAPI_GROMOX_H

#include "mapi_http.h"

#define GROMOX_APPLICATION     "Exchange/15.00.0847.4040"
#define GROMOX_CONTEXT_COOKIE  "sid"
#define GROMOX_SEQUENCE_COOKIE "sequence"

/* This is its way to say 200. */
void gromox_refuse(struct call *call, enum response_code code);
/* No header of Exchange's front end or of IIS; what stands before it is nginx. */
void gromox_headers(struct call *call);

#endif
