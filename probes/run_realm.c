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

/* NULL: there are too many. */
static struct controller_word *controller_of(struct guard *guard, const struct session *session)
{
    const struct endpoint *endpoint = &session->endpoint;
    const char *address = session->connect.text;
    for (size_t i = 0; i < guard->count; i++) {
        struct controller_word *controller = &guard->controllers[i];
        if (text_equal_nocase(controller->host, endpoint->host) &&
            strcmp(controller->address, address) == 0)
            return controller;
    }
    if (guard->count == CONTROLLERS_MAX)
        return NULL;
    struct controller_word *controller = &guard->controllers[guard->count++];
    snprintf(controller->host, sizeof controller->host, "%s", endpoint->host);
    snprintf(controller->address, sizeof controller->address, "%s", address);
    return controller;
}

static bool is_asking(const struct run_shared *shared)
{
    return shared->guard.state == GUARD_AWAITED && !shared->ending &&
           !deadline_passed(shared->guard.deadline);
}

enum guard_turn run_guard(struct session *session, struct krb **ret_reader, char ret_who[256])
{
    struct run_shared *shared = run_enter(session->run);
    struct guard *guard = &shared->guard;
    struct controller_word *controller = controller_of(guard, session);
    while (controller != NULL && controller->by != NULL && is_asking(shared))
        run_wait(session->run, guard->deadline);
    enum guard_turn turn = guard->state == GUARD_OFF ? GUARD_NONE : GUARD_OTHERS;
    bool known = controller != NULL && controller->who[0] != '\0';
    if (controller != NULL && controller->by == NULL && !known && is_asking(shared)) {
        controller->by = session;
        turn = GUARD_MINE;
    }
    if (turn != GUARD_MINE)
        plan_past_guard_locked(&shared->plan, session->chain_id, false);
    *ret_reader = guard->reader;
    snprintf(ret_who, 256, "%s", known ? controller->who : guard->who);
    run_leave(session->run, turn == GUARD_MINE ? NEWS_NONE : NEWS_STATE);
    return turn;
}

/* The controller behind the row holds the role: fSMORoleOwner names the NTDS settings below the
 * server's own object ([MS-ADTS] 6.1.5.3). */
static bool is_pdc(const struct run_shared *shared, const struct session *session, const char *pdc)
{
    static const char settings[] = "CN=NTDS Settings,";
    const struct chain *chain = survey_find_chain(shared->survey, session->chain_id);
    const struct check *root = chain != NULL ? chain_check(chain, "ldap.rootdse") : NULL;
    const char *server = root != NULL ? check_get_text(root, "ldap.site", NULL) : NULL;
    return pdc != NULL && server != NULL && text_starts_nocase(pdc, settings) &&
           text_equal_nocase(pdc + strlen(settings), server);
}

/* Nobody is to be waited for any more. */
static void end_guard(struct run_shared *shared)
{
    shared->guard.state = GUARD_SPOKEN;
    shared->plan.guard_until = (struct deadline){0};
}

static void deny_all(struct run_shared *shared, const struct fault *deny)
{
    struct guard *guard = &shared->guard;
    if (shared->gate.state == GATE_CLOSED)
        gate_tell(&shared->gate, WAY_LDAP, GATE_DENIED, guard->who, deny);
    else if (shared->gate.state == GATE_PROVING && !shared->gate.right)
        guard->deny = *deny; /* nobody after that one */
    end_guard(shared);
}

/* In proportion to what the PDC emulator's own word took. */
static void hasten(struct run_shared *shared)
{
    struct guard *guard = &shared->guard;
    int64_t now = clock_monotonic_us();
    struct deadline soon = {now + gate_patience_us(now - guard->begun_us)};
    guard->deadline = deadline_earlier(guard->deadline, soon);
    shared->plan.guard_until = guard->deadline;
}

bool run_guard_tell(
    struct session *session, const struct check *check, const struct guard_word *word)
{
    struct run_shared *shared = run_enter(session->run);
    struct guard *guard = &shared->guard;
    struct controller_word *controller = controller_of(guard, session);
    bool over = guard->state != GUARD_AWAITED; /* another one denied meanwhile */
    /* Somebody proves already where the guard's time was over. */
    bool in_time = shared->gate.state == GATE_CLOSED || over;
    if (controller != NULL)
        controller->by = NULL;
    if (word->read && controller != NULL)
        snprintf(controller->who, sizeof controller->who, "%s", check->id);
    plan_past_guard_locked(&shared->plan, session->chain_id, word->read);
    if (word->read && !over) {
        snprintf(guard->who, sizeof guard->who, "%s", check->id);
        if (word->deny != NULL)
            deny_all(shared, word->deny);
        else if (is_pdc(shared, session, word->pdc))
            hasten(shared);
    }
    if (guard->state == GUARD_AWAITED && !plan_guards_locked(&shared->plan))
        end_guard(shared);
    run_leave(session->run, NEWS_JOBS);
    return in_time;
}
