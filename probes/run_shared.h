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

/* Who reads the account's lock-out state before the password is used (ldap_guard.c). Before
 * `deadline`, and while a row may still do it, nobody proves. */
struct guard {
    enum { GUARD_OFF, GUARD_AWAITED, GUARD_SPOKEN } state;
    struct krb *reader; /* somebody's tickets */
    struct deadline deadline;
    const struct session *by; /* who reads now */
    char who[256];            /* the check that has spoken */
};

struct run_shared {
    const struct settings *settings;
    struct survey *survey;
    struct plan plan;
    struct gate gate;
    const struct session *prover; /* who is to call run_gate_tell() */
    bool wants_krb;
    struct krb *krb; /* NULL: Kerberos is not in use, or its realm is not known yet */
    struct guard guard;
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
