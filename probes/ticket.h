/*
 * Service tickets of a run: each is asked for once, by the first chain that needs it. Pure state,
 * guarded by the runner's lock.
 */
#ifndef PROBES_TICKET_H
#define PROBES_TICKET_H

#include "net/krb.h"

struct ticket {
    char spn[300]; /* "HTTP/mail.contoso.test" */
    bool known;    /* the answer is there; until then another chain asks */
    bool ok;
    struct krb_ticket ticket;
    struct krb_reply reply;
    struct fault fault;
    struct ticket *next;
};

struct ticket_list {
    struct ticket *first;
};

struct ticket *ticket_find(
    const struct ticket_list *list, const char *spn);                 /* NULL: nobody asked */
struct ticket *ticket_add(struct ticket_list *list, const char *spn); /* not yet known */
void tickets_done(struct ticket_list *list);

#endif
