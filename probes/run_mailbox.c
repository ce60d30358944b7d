#include "probes/run_shared.h"

#include "probes/probe.h"

/* Who the account's mailbox is: one chain is told, others need it. */

void run_learn_mailbox(struct session *session, const struct known_mailbox *mailbox)
{
    struct run_shared *shared = run_enter(session->run);
    struct known_mailbox *known =
        mailbox->source == SOURCE_AUTODISCOVER ? &shared->told : &shared->read;
    struct arena *arena = &shared->plan.arena;
    bool news = !shared->closed && known->legacy_dn == NULL;
    if (news)
        *known = (struct known_mailbox){
            .legacy_dn = arena_strdup(arena, mailbox->legacy_dn),
            .mailbox_id = arena_strdup(arena, mailbox->mailbox_id),
            .server = arena_strdup(arena, mailbox->server),
            .source = mailbox->source,
        };
    run_leave(session->run, news ? NEWS_STATE : NEWS_NONE);
}

static bool may_tell(const struct job *job)
{
    if (job->state == JOB_DONE)
        return false;
    if (job->kind == JOB_QUESTION)
        return job->purpose == FOR_SRV && job->want.service == SERVICE_AUTODISCOVER;
    return job->endpoint.service == SERVICE_AUTODISCOVER &&
           chain_cell(job->chain, LAYER_PROTOCOL) == NULL;
}

/* An Autodiscover row is under way, or will come. Where all that run are chains that wait here,
 * nothing moves any more (--jobs, --per-host): none may come. */
static bool is_coming(const struct run_shared *shared)
{
    const struct plan *plan = &shared->plan;
    size_t running = 0;
    bool coming = plan_waits_for_names_locked(plan, SERVICE_AUTODISCOVER);
    for (const struct job *job = plan->jobs; job != NULL; job = job->next) {
        running += job->state == JOB_RUNNING;
        coming |= may_tell(job);
    }
    return coming && running > shared->mailbox_waiters;
}

bool run_mailbox(struct session *session, struct known_mailbox *ret_mailbox)
{
    struct deadline until = session_limit(session).deadline;
    struct run_shared *shared = run_enter(session->run);
    shared->mailbox_waiters++;
    while (shared->told.legacy_dn == NULL && !shared->ending && is_coming(shared) &&
           run_wait(session->run, until))
        continue;
    shared->mailbox_waiters--;
    *ret_mailbox = shared->told.legacy_dn != NULL ? shared->told : shared->read;
    if (ret_mailbox->mailbox_id == NULL)
        ret_mailbox->mailbox_id = shared->read.mailbox_id;
    /* One waiter less: others may be the last that run. */
    run_leave(session->run, NEWS_STATE);
    return ret_mailbox->legacy_dn != NULL;
}
