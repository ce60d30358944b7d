#include "probes/run_shared.h"

#include <string.h>

#include "probes/probe.h"

/* What only Autodiscover tells: who the account's mailbox is, and which guesses are right. */

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

enum teller { BY_AUTODISCOVER, BY_DIRECTORY };

static bool is_of(enum teller teller, enum service service)
{
    switch (teller) {
    case BY_AUTODISCOVER:
        return service == SERVICE_AUTODISCOVER;
    case BY_DIRECTORY:
        break;
    }
    return service == SERVICE_LDAP || service == SERVICE_GC;
}

/* Autodiscover tells with its answer, a directory's row when it has read the account. */
static bool may_tell(const struct job *job, enum teller teller)
{
    if (job->state == JOB_DONE)
        return false;
    if (job->kind == JOB_QUESTION)
        return job->purpose == FOR_SRV && is_of(teller, job->want.service);
    enum layer layer = teller == BY_AUTODISCOVER ? LAYER_PROTOCOL : LAYER_MAILBOX;
    return is_of(teller, job->endpoint.service) && chain_cell(job->chain, layer) == NULL;
}

/* A row that tells is under way, or will come. Where all that run are chains that wait here, and
 * nothing else is to start, nothing moves any more: none may come. */
static bool is_coming(const struct run_shared *shared, enum teller teller)
{
    const struct plan *plan = &shared->plan;
    size_t moving = 0;
    bool coming = false;
    for (int i = 0; i < SERVICE_COUNT; i++)
        coming |=
            is_of(teller, (enum service)i) && plan_waits_for_names_locked(plan, (enum service)i);
    for (const struct job *job = plan->jobs; job != NULL; job = job->next) {
        moving += job->state == JOB_RUNNING && !job->waits;
        moving += job->state == JOB_QUEUED && plan_is_teller(job);
        coming |= may_tell(job, teller);
    }
    return coming && moving > 0;
}

static struct job *job_of(struct run_shared *shared, const struct session *session)
{
    struct job *job = shared->plan.jobs;
    while (
        job != NULL && !(job->kind == JOB_CHAIN && strcmp(job->chain->id, session->chain_id) == 0))
        job = job->next;
    return job;
}

/* Who waits takes no worker from those it waits for. */
static struct run_shared *begin_wait(struct session *session)
{
    struct run_shared *shared = run_enter(session->run);
    struct job *job = job_of(shared, session);
    if (job != NULL)
        job->waits = true;
    shared->mailbox_waiters++;
    run_leave(session->run, NEWS_JOBS);
    return run_enter(session->run);
}

/* One waiter less: others may be the last that run. */
static void end_wait(struct session *session, struct run_shared *shared)
{
    struct job *job = job_of(shared, session);
    if (job != NULL)
        job->waits = false;
    shared->mailbox_waiters--;
    run_leave(session->run, NEWS_STATE);
}

static bool is_named(const struct run_shared *shared, const struct session *session)
{
    const struct chain *chain = survey_find_chain(shared->survey, session->chain_id);
    return chain != NULL && !endpoint_is_guess(&chain->endpoint);
}

bool run_named(struct session *session)
{
    struct deadline until = session_limit(session).deadline;
    struct run_shared *shared = begin_wait(session);
    while (!is_named(shared, session) && !shared->ending && is_coming(shared, BY_AUTODISCOVER) &&
           run_wait(session->run, until))
        continue;
    bool named = is_named(shared, session);
    end_wait(session, shared);
    return named;
}

/* Autodiscover's word counts before the directory's. */
static bool still_waits(const struct run_shared *shared)
{
    if (shared->told.legacy_dn != NULL || shared->ending)
        return false;
    return is_coming(shared, BY_AUTODISCOVER) ||
           (shared->read.legacy_dn == NULL && is_coming(shared, BY_DIRECTORY));
}

bool run_mailbox(struct session *session, struct known_mailbox *ret_mailbox)
{
    struct deadline until = session_limit(session).deadline;
    struct run_shared *shared = begin_wait(session);
    while (still_waits(shared) && run_wait(session->run, until))
        continue;
    *ret_mailbox = shared->told.legacy_dn != NULL ? shared->told : shared->read;
    if (ret_mailbox->mailbox_id == NULL)
        ret_mailbox->mailbox_id = shared->read.mailbox_id;
    end_wait(session, shared);
    return ret_mailbox->legacy_dn != NULL;
}

/* ---- the account ---- */

void run_learn_user(struct session *session, const char *legacy_dn)
{
    struct run_shared *shared = run_enter(session->run);
    bool news = !shared->closed && shared->user_dn == NULL;
    if (news)
        shared->user_dn = arena_strdup(&shared->plan.arena, legacy_dn);
    run_leave(session->run, news ? NEWS_STATE : NEWS_NONE);
}

const char *run_user(struct session *session)
{
    struct deadline until = session_limit(session).deadline;
    struct run_shared *shared = begin_wait(session);
    while (shared->user_dn == NULL && !shared->ending && is_coming(shared, BY_DIRECTORY) &&
           run_wait(session->run, until))
        continue;
    const char *user_dn = shared->user_dn;
    end_wait(session, shared);
    return user_dn;
}

/* ---- the wrong server ---- */

enum { WRONG_SERVERS_MAX = 5 };

/* Whether it may be granted; *ret_open: that may change yet. */
static bool may_log_on(const struct run_shared *shared, bool follows, bool *ret_open)
{
    size_t limit = follows ? WRONG_SERVERS_MAX : WRONG_SERVERS_MAX - 1;
    bool waits = shared->store_logons > 0 || (!follows && shared->redirected > 0);
    *ret_open = waits && !shared->ending && (!follows || shared->wrong_servers < limit);
    return shared->wrong_servers + shared->store_logons < limit;
}

bool run_store_logon(struct session *session, bool follows)
{
    struct deadline until = session_limit(session).deadline;
    struct run_shared *shared = run_enter(session->run);
    bool open = true;
    while (!may_log_on(shared, follows, &open) && open && run_wait(session->run, until))
        continue;
    bool may = may_log_on(shared, follows, &open);
    shared->store_logons += may;
    run_leave(session->run, NEWS_NONE);
    return may;
}

void run_store_logon_done(struct session *session, bool follows, bool wrong_server)
{
    struct run_shared *shared = run_enter(session->run);
    shared->store_logons--;
    shared->wrong_servers += wrong_server;
    shared->redirected += wrong_server && !follows;
    run_leave(session->run, NEWS_STATE);
}

void run_store_followed(struct session *session)
{
    struct run_shared *shared = run_enter(session->run);
    shared->redirected--;
    run_leave(session->run, NEWS_STATE);
}
