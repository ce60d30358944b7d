/*
 * What the chains of a run share, and how run_shared.c reaches it under the runner's lock. Private
 * to the two.
 */
#ifndef PROBES_RUN_SHARED_H
#define PROBES_RUN_SHARED_H

#include "probes/plan.h"
#include "probes/run.h"
#include "probes/ticket.h"

/* A dozen probes, and each further mailbox in its domain, in the catalogue and in a store. */
enum { CLAIMS_MAX = 24 + 3 * SETTINGS_WORDS, CLAIM_SIZE = 300, CONTROLLERS_MAX = 32 };

/* Who reads what every replica holds alike. */
struct claim {
    char what[CLAIM_SIZE]; /* "": free */
    char who[256];
};

/* One domain controller, which counts failed logons for itself. */
struct controller_word {
    char host[DNS_NAME_SIZE];
    char address[NET_ADDRESS_TEXT];
    const struct session *by; /* who reads there now */
    char who[256];            /* the check that has read; "": none yet */
};

/* The account's lock-out state is read before the password is used (ldap_guard.c). Before
 * `deadline`, and while a row may still do it, nobody proves. The first controller that denies ends
 * the question. After the PDC emulator's word the others have but a moment left: Windows tells it
 * of all failures, others need not. */
struct guard {
    enum { GUARD_OFF, GUARD_AWAITED, GUARD_SPOKEN } state;
    struct krb *reader; /* somebody's tickets */
    int64_t begun_us;
    struct deadline deadline;
    struct controller_word controllers[CONTROLLERS_MAX];
    size_t count;
    char who[256];     /* the check that spoke last, or denies */
    struct fault deny; /* came while somebody proved; CAUSE_NONE: nobody denies */
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
    struct known_mailbox told, read; /* by Autodiscover, in AD; legacy_dn NULL: not yet */
    const char *user_dn;             /* of the account, in AD; NULL: not yet */
    size_t mailbox_waiters;          /* chains in run_mailbox() and run_named() */
    size_t store_logons;             /* under way */
    size_t wrong_servers;            /* logons that a server of other mailboxes has answered */
    size_t redirected;               /* rows that were, and have not followed yet */
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
