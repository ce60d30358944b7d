#include "probes/run_shared.h"

#include "probes/probe.h"

#include <stdio.h>
#include <string.h>

enum {
    TRIAL_US = 1000 * 1000, /* how long others wait for a trial of their way */
    CLEAR_US = 2000 * 1000  /* how long a row in the clear waits for a ticket */
};

/* Nobody may prove yet: the account may be one failure short of its lock-out. */
static bool is_guarded(const struct run_shared *shared)
{
    return shared->guard.state == GUARD_AWAITED && !deadline_passed(shared->guard.deadline) &&
           plan_guards_locked(&shared->plan);
}

/* In the clear a row can but wait for a ticket, which a slow KDC may still bring. */
static int64_t patience_us(const struct session *session, int64_t own_us)
{
    bool clear = endpoint_is_directory(&session->endpoint) && !endpoint_is_tls(&session->endpoint);
    return clear ? CLEAR_US : gate_patience_us(own_us);
}

enum gate_pass run_gate(
    struct session *session, enum gate_way way, struct fault *ret_why, char ret_who[256])
{
    int64_t now = clock_monotonic_us();
    struct deadline patience = {now + patience_us(session, now - session->started_us)};
    struct deadline trial = {patience.at_us + TRIAL_US};
    struct deadline end = session->run_limit.deadline;
    enum gate_pass pass;
    struct run_shared *shared = run_enter(session->run);
    for (;;) {
        /* Without a password (-k) only the KDC can prove anything: there is nothing to be impatient
         * for. */
        bool guarded = is_guarded(shared);
        bool hopes = guarded || ((shared->settings->secret == NULL || !deadline_passed(patience)) &&
                                    plan_hopes_locked(&shared->plan, &session->endpoint));
        pass = shared->ending || deadline_passed(end) ? GATE_STOP
                                                      : gate_ask(&shared->gate, way, hopes);
        /* A trial that takes long costs its own row only: the password is right. */
        if (pass == GATE_WAIT && shared->gate.right && deadline_passed(trial))
            pass = GATE_GO;
        if (pass != GATE_WAIT)
            break;
        struct deadline until = !deadline_passed(patience) ? patience
                                : shared->gate.right       ? trial
                                                           : end;
        run_wait(session->run, guarded ? deadline_earlier(until, shared->guard.deadline) : until);
    }
    if (pass == GATE_PROVE || pass == GATE_TRY)
        shared->prover = session;
    if (pass == GATE_STOP) {
        *ret_why = shared->gate.fault;
        if (shared->gate.state != GATE_REFUSED)
            fault_set(ret_why, CAUSE_INTERRUPTED, ORIGIN_EXREACH, 0, "the run ended meanwhile");
    }
    snprintf(ret_who, 256, "%s", shared->gate.who);
    run_leave(session->run, NEWS_NONE);
    return pass;
}

void run_gate_tell(struct session *session, enum gate_way way, enum gate_verdict verdict,
    const struct check *check, const struct fault *fault)
{
    struct run_shared *shared = run_enter(session->run);
    gate_tell(&shared->gate, way, verdict, check->id, fault);
    shared->prover = NULL;
    if (shared->gate.state == GATE_CLOSED && shared->guard.deny.cause != CAUSE_NONE)
        gate_tell(&shared->gate, WAY_LDAP, GATE_DENIED, shared->guard.who, &shared->guard.deny);
    run_leave(session->run, NEWS_STATE);
}

void run_count_logon(struct session *session, bool refused)
{
    struct run_shared *shared = run_enter(session->run);
    if (!shared->closed) {
        shared->survey->logons_attempted++;
        shared->survey->logons_refused += refused;
    }
    run_leave(session->run, NEWS_NONE);
}

void run_count_refusal(struct session *session)
{
    struct run_shared *shared = run_enter(session->run);
    if (!shared->closed)
        shared->survey->logons_refused++;
    run_leave(session->run, NEWS_NONE);
}

struct krb *run_krb(const struct session *session)
{
    struct krb *krb = run_enter(session->run)->krb; /* once set it stays */
    run_leave(session->run, NEWS_NONE);
    return krb;
}

void run_krb_ready(struct session *session, const struct net_address *kdc)
{
    struct run_shared *shared = run_enter(session->run);
    bool first = !shared->closed && !shared->krb_ready;
    if (first) {
        shared->krb_ready = true;
        shared->kdc = *kdc;
        plan_krb_ready_locked(&shared->plan, &session->endpoint, kdc);
    }
    run_leave(session->run, first ? NEWS_JOBS : NEWS_NONE);
}

const char *run_ticket_trouble(struct session *session)
{
    const struct run_shared *shared = run_enter(session->run);
    const char *why = plan_ticket_trouble_locked(&shared->plan, &session->arena);
    run_leave(session->run, NEWS_NONE);
    return why;
}

/* Asks the KDC for a ticket nobody asked for yet; the lock is not held meanwhile. */
static void ask_ticket(struct session *session, struct ticket *ticket, const char *service,
    const char *host, struct net_limit limit)
{
    struct run_shared *shared = run_enter(session->run);
    struct krb *krb = shared->krb;
    struct net_address kdc = shared->kdc;
    run_leave(session->run, NEWS_NONE);
    struct ticket got = {0};
    got.ok =
        krb_service_ticket(krb, &kdc, service, host, limit, &got.ticket, &got.reply, &got.fault);
    run_enter(session->run);
    ticket->ok = got.ok;
    ticket->ticket = got.ticket;
    ticket->reply = got.reply;
    ticket->fault = got.fault;
    ticket->known = true;
    run_leave(session->run, NEWS_STATE);
}

bool run_ticket(struct session *session, const char *service, const char *host,
    struct krb_ticket *ret_ticket, struct krb_reply *ret_reply, struct fault *fault)
{
    struct net_limit limit = session_limit(session);
    char spn[300];
    snprintf(spn, sizeof spn, "%s/%s", service, host);
    *fault = (struct fault){.cause = CAUSE_NONE};

    struct run_shared *shared = run_enter(session->run);
    bool ready = shared->krb_ready;
    struct ticket *ticket = ready ? ticket_find(&shared->tickets, spn) : NULL;
    bool mine = ready && ticket == NULL;
    if (mine)
        ticket = ticket_add(&shared->tickets, spn);
    run_leave(session->run, NEWS_NONE);
    if (!ready)
        return false;
    if (mine)
        ask_ticket(session, ticket, service, host, limit);

    run_enter(session->run);
    while (!ticket->known && !shared->ending && run_wait(session->run, limit.deadline))
        continue;
    bool ok = ticket->known && ticket->ok;
    if (!ticket->known)
        fault_set(fault, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0, "no service ticket for %s in time", spn);
    else if (!ok)
        *fault = ticket->fault;
    *ret_ticket = ticket->ticket;
    *ret_reply = ticket->reply;
    run_leave(session->run, NEWS_NONE);
    return ok;
}

void run_discover(
    struct session *session, enum service service, const char *url, enum source source)
{
    struct run_shared *shared = run_enter(session->run);
    bool open = !shared->closed;
    if (open)
        plan_discover_locked(&shared->plan, service, url, source);
    run_leave(session->run, open ? NEWS_JOBS : NEWS_NONE);
}

void run_want_ticket(struct session *session, const char *host)
{
    struct run_shared *shared = run_enter(session->run);
    bool open = !shared->closed && shared->wants_krb;
    if (open)
        plan_want_ticket_locked(&shared->plan, host);
    run_leave(session->run, open ? NEWS_JOBS : NEWS_NONE);
}

/* ---- readings that one row does for all ---- */

bool run_claim(struct session *session, const char *what, char ret_who[256])
{
    struct run_shared *shared = run_enter(session->run);
    struct claim *free_one = NULL, *claim = NULL;
    for (size_t i = 0; i < CLAIMS_MAX; i++) {
        if (shared->claims[i].what[0] == '\0')
            free_one = free_one == NULL ? &shared->claims[i] : free_one;
        else if (strcmp(shared->claims[i].what, what) == 0)
            claim = &shared->claims[i];
    }
    bool mine = claim == NULL && free_one != NULL;
    if (mine) {
        snprintf(free_one->what, sizeof free_one->what, "%s", what);
        snprintf(free_one->who, sizeof free_one->who, "%s", session->chain_id);
    }
    snprintf(ret_who, 256, "%s", claim != NULL ? claim->who : "");
    run_leave(session->run, NEWS_NONE);
    return mine;
}

bool run_is_claimed(struct session *session, const char *what, char ret_who[256])
{
    struct run_shared *shared = run_enter(session->run);
    bool claimed = false;
    for (size_t i = 0; i < CLAIMS_MAX && !claimed; i++) {
        claimed = strcmp(shared->claims[i].what, what) == 0;
        if (claimed)
            snprintf(ret_who, 256, "%s", shared->claims[i].who);
    }
    run_leave(session->run, NEWS_NONE);
    return claimed;
}

void run_release(struct session *session, const char *what)
{
    struct run_shared *shared = run_enter(session->run);
    for (size_t i = 0; i < CLAIMS_MAX; i++) {
        if (strcmp(shared->claims[i].what, what) == 0)
            shared->claims[i].what[0] = '\0';
    }
    run_leave(session->run, NEWS_NONE);
}

bool run_claim_check(struct session *session, struct check *check)
{
    char who[256];
    if (run_claim(session, check->probe, who))
        return true;
    check_settle(check, OUTCOME_SKIPPED, "read once in a run, by %s", who);
    return false;
}

/* ---- what the directory says of places ---- */

bool run_serves_domain(struct session *session, const char *domain)
{
    const struct run_shared *shared = run_enter(session->run);
    bool serves = plan_serves_domain_locked(&shared->plan, domain);
    run_leave(session->run, NEWS_NONE);
    return serves;
}

void run_learn_site(
    struct session *session, const char *domain, const char *forest, const char *site)
{
    struct run_shared *shared = run_enter(session->run);
    bool open = !shared->closed;
    if (open)
        plan_learn_site_locked(&shared->plan, domain, forest, site);
    run_leave(session->run, open ? NEWS_JOBS : NEWS_NONE);
}

void run_discover_controller(struct session *session, const char *host, bool gc)
{
    struct run_shared *shared = run_enter(session->run);
    bool open = !shared->closed;
    if (open)
        plan_discover_controller_locked(&shared->plan, host, gc);
    run_leave(session->run, open ? NEWS_JOBS : NEWS_NONE);
}

size_t run_front_ends(struct session *session, struct arena *arena, const char **hosts, size_t max)
{
    const struct run_shared *shared = run_enter(session->run);
    size_t count = plan_front_ends_locked(&shared->plan, arena, hosts, max);
    run_leave(session->run, NEWS_NONE);
    return count;
}
