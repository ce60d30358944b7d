/*
 * What the chains of a run share, and how run_shared.c reaches it under the runner's lock. Private
 * to the two.
 */
#ifndef PROBES_RUN_SHARED_H
#define PROBES_RUN_SHARED_H

#include "probes/plan.h"
#include "probes/run.h"
#include "probes/ticket.h"

enum { CLAIMS_MAX = 16 };

/* Who reads what every replica holds alike. */
struct claim {
    const char *what; /* NULL: free */
    char who[256];
};

struct run_shared {
    const struct settings *settings;
    struct survey *survey;
    struct plan plan;
    struct gate gate;
    const struct session *prover; /* who is to call run_gate_tell() */
    struct krb *krb;              /* NULL: Kerberos is not to be used */
    struct ticket_list tickets;
    struct claim claims[CLAIMS_MAX];
    struct net_address kdc; /* whose TGT we have, once krb_ready */
    bool krb_ready;
    bool ending; /* interrupted or out of time: nothing starts any more, nobody waits */
    bool closed; /* results that come from now on are dropped */
};

/* Takes the lock; every run_enter() is followed by one run_leave(). */
struct run_shared *run_enter(struct run *run);
/* Between the two: waits for a change; false: the deadline, or the run's, has passed. */
bool run_wait(struct run *run, struct deadline deadline);
/* Wakes those whom the news concern: NEWS_STATE the chains that wait, NEWS_JOBS workers, too. */
enum run_news { NEWS_NONE, NEWS_STATE, NEWS_JOBS };
void run_leave(struct run *run, enum run_news news);

#endif
