/*
 * The realm of a run and who guards the account: what needs the plan, Kerberos and the gate
 * together, under the runner's lock.
 */
#include <stdio.h>
#include <string.h>

#include "net/wire/text.h"
#include "probes/run_shared.h"

enum { ROOTDSE_MS = 1000 }; /* how long --dc without SRV records waits for a rootDSE's word */

/* ---- the realm ---- */

static bool open_krb(struct run_shared *shared, const char *realm, struct fault *fault)
{
    if (realm[0] == '\0')
        return fault_set(fault, CAUSE_UNSUPPORTED, ORIGIN_EXREACH, 0,
            "no Kerberos realm: no SRV record leads to one, and the account's name has none");
    return krb_new(shared->settings->account, realm, &shared->krb, fault);
}

struct krb *run_krb_open(struct session *session, struct fault *fault)
{
    char realm[DNS_NAME_SIZE];
    struct deadline guess = deadline_in_ms(ROOTDSE_MS);
    struct deadline end = session_limit(session).deadline;
    *fault = (struct fault){.cause = CAUSE_NONE};
    struct run_shared *shared = run_enter(session->run);
    bool known = shared->krb != NULL || !shared->wants_krb;
    while (!known && !shared->ending && !deadline_passed(end)) {
        known = plan_realm_locked(&shared->plan, realm);
        /* All DNS says is known when only the rootDSE's word is missing: that is no long wait. */
        if (!known && plan_srv_done_locked(&shared->plan, SERVICE_KERBEROS) &&
            deadline_passed(guess))
            break;
        if (!known && shared->krb == NULL)
            run_wait(session->run, deadline_earlier(deadline_passed(guess) ? end : guess, end));
        known |= shared->krb != NULL;
    }
    if (shared->krb == NULL && shared->wants_krb && !shared->ending) {
        plan_realm_locked(&shared->plan, realm);
        open_krb(shared, realm, fault);
    }
    struct krb *krb = shared->krb;
    const char *foreign =
        krb != NULL ? plan_foreign_kdc_locked(&shared->plan, session->endpoint.host, krb_realm(krb))
                    : NULL;
    if (foreign != NULL) {
        fault_set(fault, CAUSE_UNSUPPORTED, ORIGIN_EXREACH, 0,
            "it is a KDC of %.80s; the account's realm is %.80s", foreign, krb_realm(krb));
        krb = NULL;
    }
    run_leave(session->run, NEWS_NONE);
    return krb;
}

void run_learn_realm(struct session *session, const char *realm)
{
    struct run_shared *shared = run_enter(session->run);
    bool news = !shared->closed && shared->plan.realm == NULL && realm[0] != '\0' &&
                strlen(realm) < DNS_NAME_SIZE;
    if (news)
        shared->plan.realm = arena_strdup(&shared->plan.arena, realm);
    run_leave(session->run, news ? NEWS_STATE : NEWS_NONE);
}

/* ---- the guard ---- */

enum guard_turn run_guard(struct session *session, struct krb **ret_reader, char ret_who[256])
{
    struct run_shared *shared = run_enter(session->run);
    struct guard *guard = &shared->guard;
    while (guard->state == GUARD_AWAITED && guard->by != NULL && !shared->ending &&
           !deadline_passed(guard->deadline))
        run_wait(session->run, guard->deadline);
    enum guard_turn turn = guard->state == GUARD_OFF ? GUARD_NONE : GUARD_OTHERS;
    if (guard->state == GUARD_AWAITED && guard->by == NULL && !deadline_passed(guard->deadline)) {
        guard->by = session;
        turn = GUARD_MINE;
    }
    if (turn != GUARD_MINE)
        plan_past_guard_locked(&shared->plan, session->chain_id);
    *ret_reader = guard->reader;
    snprintf(ret_who, 256, "%s", guard->who);
    run_leave(session->run, turn == GUARD_MINE ? NEWS_NONE : NEWS_STATE);
    return turn;
}

bool run_guard_tell(
    struct session *session, const struct check *check, bool read, const struct fault *deny)
{
    struct run_shared *shared = run_enter(session->run);
    struct guard *guard = &shared->guard;
    guard->by = NULL;
    plan_past_guard_locked(&shared->plan, session->chain_id);
    /* Somebody proves already where the guard's time was over. */
    bool in_time = shared->gate.state == GATE_CLOSED;
    if (read) {
        guard->state = GUARD_SPOKEN;
        snprintf(guard->who, sizeof guard->who, "%s", check->id);
        if (deny != NULL && in_time)
            gate_tell(&shared->gate, WAY_LDAP, GATE_DENIED, check->id, deny);
    }
    run_leave(session->run, NEWS_STATE);
    return in_time;
}
