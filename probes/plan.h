/*
 * The planner: which names to ask, which chains to run. It grows while the run goes: every answer
 * and every discovery may add questions and chains; nothing waits for the slowest. Pure state,
 * called by the runner under its lock (…_locked).
 *
 *   1. plan_start_locked() asks for the domain controllers' SRV records and for the names clients
 * derive from the mail domain, and wants rows for them.
 *   2. An answered SRV question wants its targets; an answered address question makes a chain of
 * every (want, address). A name without addresses makes one chain, which fails at DNS.
 *   3. Discoveries (Autodiscover) want further places; the same place found twice is one row.
 *   4. When a TGT is there, every HTTP name that offers Negotiate gets a row for its service
 * ticket.
 */
#ifndef PROBES_PLAN_H
#define PROBES_PLAN_H

#include "probes/session.h"

enum { DOMAINS_MAX = 3 };
enum { SRV_TARGETS_MAX = 4 }; /* of one name: the first by RFC 2782; the rest is counted */

enum job_kind { JOB_QUESTION, JOB_CHAIN };
enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_DONE };
enum purpose { FOR_ADDRESS, FOR_SRV };
/* A fault of its own, as for all others; one place less of several; or nothing that concerns us. */
enum absence { ABSENCE_TELLS, ABSENCE_EXCUSED, ABSENCE_QUIET };

/* The unit of work of one worker. */
struct job {
    enum job_kind kind;
    enum job_state state;
    struct job *next;

    /* JOB_QUESTION */
    const char *name;
    enum dns_type type;
    enum purpose purpose;
    struct endpoint want;        /* FOR_SRV: what its targets are for */
    enum absence absence;        /* FOR_SRV: what it means that there is no such name */
    bool led;                    /* FOR_SRV: it named targets */
    struct name_answer *answers; /* one a resolver */
    struct arena arena;          /* of the answers */

    /* JOB_CHAIN */
    struct chain *chain;
    struct endpoint endpoint; /* the worker's copy */
    struct net_address connect;
    const struct name_answer *answer;
    const char *at; /* probe id under way, or NULL */
    int64_t at_since_us;
    bool past_auth;  /* it will not become the prover any more */
    bool past_guard; /* it will not read the lock-out state any more (ldap.guard) */
    bool waits;      /* for what another row tells (run_mailbox()): it takes no place meanwhile */
};

struct want {
    struct endpoint endpoint; /* without an address */
    struct want *next;
};

/* A host whose addresses chains wait for. */
struct name {
    const char *host;
    int pending; /* questions without an answer yet */
    struct want *wants;
    struct found {
        struct net_address address;
        const struct name_answer *answer;
        struct found *next;
    } * found;
    const struct name_answer *failure;
    struct name *next;
};

struct plan {
    const struct settings *settings;
    struct survey *survey;
    struct net_address resolvers[DNS_RESOLVERS_MAX];
    size_t resolver_count;
    struct job *jobs;
    struct name *names;
    struct words tickets;             /* HTTP hosts that want a service ticket */
    const char *host_domain;          /* the DNS domain this machine is in, or NULL */
    const char *domains[DOMAINS_MAX]; /* whose SRV records are asked for; the account's own first */
    size_t domain_count;
    const char *realm; /* that a controller named for itself, or NULL */
    bool guarded;      /* the guard needs the directory's rows, whatever --only and --skip say */
    bool ticketed;     /* the tickets need those of the KDCs, likewise */
    struct deadline guard_until; /* until then nobody proves before the guard has spoken */
    bool krb_ready;
    struct endpoint kdc; /* whose TGT we have */
    struct net_address kdc_connect;
    struct arena arena;
};

void plan_start_locked(struct plan *plan);
void plan_done(struct plan *plan);

/* The next job that may start (per-address politeness), now JOB_RUNNING; NULL: none. */
struct job *plan_next_locked(struct plan *plan);
void plan_answered_locked(struct plan *plan, struct job *job);
/* The last Autodiscover row that ended without an answer makes the clients' third step: plain HTTP.
 */
void plan_chain_done_locked(struct plan *plan, struct job *job);
void plan_discover_locked(
    struct plan *plan, enum service service, const char *url, enum source source);
void plan_learn_site_locked(
    struct plan *plan, const char *domain, const char *forest, const char *site);
void plan_discover_controller_locked(struct plan *plan, const char *host, bool gc);
/* HTTP hosts of the rows so far, and what their aliases (CNAME) lead to; copied. */
size_t plan_front_ends_locked(
    const struct plan *plan, struct arena *arena, const char **hosts, size_t max);
void plan_want_ticket_locked(struct plan *plan, const char *host);
void plan_krb_ready_locked(
    struct plan *plan, const struct endpoint *kdc, const struct net_address *connect);

/* Something that names the cause of a refusal better than `endpoint`'s own AUTH is still on its
 * way. */
bool plan_hopes_locked(const struct plan *plan, const struct endpoint *endpoint);
/* All SRV questions of the service are answered. */
bool plan_srv_done_locked(const struct plan *plan, enum service service);
/* A row of the service waits for the first address of its name. */
bool plan_waits_for_names_locked(const struct plan *plan, enum service service);
/* A row that may tell who the mailbox is: Autodiscover, or else the directory. */
bool plan_is_teller(const struct job *job);
/* All jobs are done. */
bool plan_finished_locked(const struct plan *plan);
void plan_count_locked(const struct plan *plan, size_t *ret_done, size_t *ret_total);

/* ---- domain controllers (plan_directory.c) ---- */

/* The SRV records of the domains the account may live in, and --dc. */
void plan_start_directory_locked(struct plan *plan);
/* A controller's rows of a service: of every port it is spoken on. port 0: of all. */
void plan_want_controller_locked(struct plan *plan, enum service service, const char *host,
    uint16_t port, enum source source, bool candidate);

/* The account's realm: that of its own domain where it has KDCs, else of the first other domain
 * that has, else what a controller says of itself, else its own nevertheless. "" : unknown. false:
 * an answer that may change it is still to come. */
bool plan_realm_locked(const struct plan *plan, char ret_realm[DNS_NAME_SIZE]);
/* A KDC that SRV records of another domain named, and none of the realm's; NULL: it is the realm's,
 * as far as we know; else that domain. */
const char *plan_foreign_kdc_locked(const struct plan *plan, const char *host, const char *realm);
/* A row that may still read the account's lock-out state is under way, or may come. */
bool plan_guards_locked(const struct plan *plan);
/* Rows of the directory that are not done: each may need a worker besides those that wait for it.
 */
int plan_guard_rows_locked(const struct plan *plan);
/* The row will not read it any more; whole: nor will those of the same host and address. */
void plan_past_guard_locked(struct plan *plan, const char *chain_id, bool whole);
/* Why there is no ticket-granting ticket: what the first KDC's row that ended says. NULL: there is
 * one, or nothing is known yet. */
const char *plan_ticket_trouble_locked(const struct plan *plan, struct arena *arena);
/* Asked for with --only and --skip, by the guard, or for tickets. */
bool plan_wants_service_locked(const struct plan *plan, enum service service);
/* The DNS domain has LDAP rows of its own, as far as is known: what is in it is read there. */
bool plan_serves_domain_locked(const struct plan *plan, const char *domain);

/* ---- for plan_directory.c (plan.c) ---- */

void plan_want_service_locked(struct plan *plan, enum service service, const char *host,
    uint16_t port, enum source source, bool candidate);
/* NULL: asked already, or not wanted. */
struct job *plan_ask_srv_locked(struct plan *plan, const char *prefix, const char *domain,
    enum service service, bool candidate);

/* ---- the frame of a run, without threads (plan_close.c) ---- */

/* Which resolvers are asked: --dns, else the system's. INTERNAL: there is none. */
bool plan_open(struct plan *plan, struct fault *fault);
/* survey->vantage: who and where we are, which resolvers are asked. */
void plan_note_vantage(struct plan *plan);
/* The account is guarded wherever its password may be sent, unless --skip names the guard itself.
 */
bool plan_wants_guard(const struct settings *settings);
/* Nothing but tickets can log on (-k, or --auth kerberos), and a service that takes them is asked
 * for; unless --skip names the probe itself. */
bool plan_wants_tickets(const struct settings *settings);
/* By --only and --skip; a row that only the guard or the tickets need is asked for nothing else …
 */
bool plan_wants_probe(
    const struct plan *plan, const struct endpoint *endpoint, const struct probe *probe);
/* RPC over HTTP asks for a store by a name that only Autodiscover knows: its rows come with those
 * of rpc, also where --only leaves them out (--skip does not let them in). */
bool plan_asks_for_names(const struct plan *plan, enum service service);
/* … and nobody asked whether it works: a failure becomes SKIPPED. */
void plan_excuse(const struct plan *plan, const struct endpoint *endpoint, struct check *check);
/* The walk's whole layer logic: the check of an earlier layer that halted the chain, or NULL. */
const struct check *chain_blocker(const struct chain *chain, enum layer layer);
void check_block(struct check *check, const struct check *by);
/* After the run, when no worker can publish any more: what did not return or did not start is
 * settled with `why`, the resolvers' rows from what was asked; then survey_reconcile(). */
void plan_close(struct plan *plan, const char *why);

#endif
