#include "probes/run.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "net/host.h"
#include "probes/name.h"
#include "probes/probe.h"
#include "probes/run_shared.h"

enum {
    THREADS_MAX = 256,
    STACK_SIZE = 512 * 1024,
    RETURN_PATIENCE_MS = 200, /* after an abort, for workers to come back */
    PROGRESS_MS = 100,
    QUIET_MS = 3000, /* for what DNS says of a domain that need not be there */
    GUARD_MS = 3000  /* the password waits no longer for what a directory may say of the lock-out */
};

struct run {
    const struct settings *settings;
    struct survey *survey;
    int cancel_fd;
    int done_fd;
    struct deadline deadline;

    pthread_mutex_t lock;   /* guards all below */
    pthread_cond_t changed; /* what chains wait for */
    pthread_cond_t work;    /* what idle workers wait for */
    struct run_shared shared;
    pthread_t threads[THREADS_MAX];
    int thread_count;
    int idle;
    int alive;
};

enum { NO_RUN_YET = -1, NO_RUN_ANY_MORE = -2 };
static atomic_int interrupt_fd = NO_RUN_YET;
static atomic_bool interrupted; /* the run of interrupt_fd, or the one that is about to begin */

void run_interrupt(void)
{
    if (atomic_load(&interrupt_fd) == NO_RUN_ANY_MORE)
        return;
    atomic_store(&interrupted, true);
    int fd = atomic_load(&interrupt_fd);
    if (fd >= 0)
        wake_raise(fd);
}

/* ---- waiting ---- */

static void cond_init_monotonic(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* false: the deadline passed. */
static bool wait_locked(struct run *run, struct deadline deadline)
{
    struct timespec at = {.tv_sec = (time_t)(deadline.at_us / 1000000),
        .tv_nsec = (long)(deadline.at_us % 1000000) * 1000};
    pthread_cond_timedwait(&run->changed, &run->lock, &at);
    return !deadline_passed(deadline);
}

/* A worker may see the end before survey_run() does. */
static bool is_ending_locked(struct run *run)
{
    struct run_shared *shared = &run->shared;
    shared->ending = shared->ending || atomic_load(&interrupted) || deadline_passed(run->deadline);
    return shared->ending;
}

/* ---- chains ---- */

/* Hands a settled check to the survey; false: the run is closed, and the check with its worker is
 * left behind on purpose. */
static bool publish(struct run *run, struct job *job, struct check *check)
{
    pthread_mutex_lock(&run->lock);
    bool open = !run->shared.closed;
    if (open) {
        bool past_auth = job->past_auth || check->layer >= LAYER_AUTH || check->halts;
        chain_append(job->chain, check);
        if (past_auth && !job->past_auth) /* those at the gate hope for one prover less */
            pthread_cond_broadcast(&run->changed);
        job->past_auth = past_auth;
        job->at = NULL;
    }
    pthread_mutex_unlock(&run->lock);
    return open;
}

/* A prover that ends without a word may have sent the password: nobody else may, then. */
static void leave_gate(struct run *run, const struct session *session, const struct check *check)
{
    pthread_mutex_lock(&run->lock);
    if (run->shared.prover == session) {
        run->shared.prover = NULL;
        gate_tell(&run->shared.gate, WAY_TICKET, GATE_UNANSWERED, check->id, &check->fault);
        pthread_cond_broadcast(&run->changed);
    }
    pthread_mutex_unlock(&run->lock);
}

/* What the run's own deadline cut short is no failure of the server. */
static void finish_check(const struct run *run, struct check *check, int64_t elapsed_us)
{
    struct fault fault;
    if (check->elapsed_us == 0)
        check->elapsed_us = elapsed_us;
    if (check->outcome == OUTCOME_NOT_RUN) {
        fault_set(&fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "the probe %s gave no verdict",
            check->probe);
        check_fail(check, &fault);
    }
    /* The deadline ends waits as an interrupt does. */
    bool ended = check->fault.cause == CAUSE_INTERRUPTED && !atomic_load(&interrupted);
    bool late = check->outcome == OUTCOME_FAIL && check->fault.cause == CAUSE_TIMEOUT;
    if ((ended || late) && deadline_passed(run->deadline)) {
        fault_set(&fault, CAUSE_NO_RETURN, ORIGIN_EXREACH, 0,
            "did not return within %.1f s: the run's deadline passed (--deadline)",
            (double)elapsed_us / 1e6);
        check_fail(check, &fault);
    }
}

/* The objects the probe has found, each a check of its own. */
static bool publish_found(struct run *run, struct job *job, struct session *session)
{
    bool open = true;
    while (open && session->found != NULL) {
        struct check *check = session->found;
        session->found = check->next;
        check->next = NULL;
        finish_check(run, check, 0);
        open = publish(run, job, check);
    }
    return open;
}

static bool run_check(struct run *run, struct job *job, struct session *session,
    const struct probe *probe, const char *subject)
{
    const struct plan *plan = &run->shared.plan;
    pthread_mutex_lock(&run->lock);
    bool ending = is_ending_locked(run);
    const struct check *by = ending ? NULL : chain_blocker(job->chain, probe->layer);
    if (!ending && by == NULL) {
        job->at = probe->id;
        job->at_since_us = clock_monotonic_us();
    }
    pthread_mutex_unlock(&run->lock);
    if (ending)
        return false;
    struct check *check =
        check_new(job->chain->id, probe->id, probe->title, probe->layer, subject, probe->facts);
    if (by != NULL) {
        check_block(check, by);
        return publish(run, job, check);
    }
    if (!plan_wants_probe(plan, &job->endpoint, probe)) {
        check_settle(check, OUTCOME_SKIPPED, "left out by --only or --skip");
        if (chain_cell(job->chain, probe->layer) == NULL) /* nothing needs an extra */
            check_halt(check);
        return publish(run, job, check);
    }
    int64_t begun = clock_monotonic_us();
    probe->run(session, check);
    finish_check(run, check, clock_monotonic_us() - begun);
    plan_excuse(plan, &job->endpoint, check);
    leave_gate(run, session, check);
    return publish(run, job, check) && publish_found(run, job, session);
}

static void run_chain(struct run *run, struct job *job)
{
    struct session session;
    session_init(&session);
    session.run = run;
    session.settings = run->settings;
    session.trust = run->settings->trust;
    session.run_limit = (struct net_limit){.deadline = run->deadline, .cancel_fd = run->cancel_fd};
    session.chain_id = job->chain->id;
    session.endpoint = job->endpoint;
    session.answer = job->answer;
    session.connect = job->connect;

    bool open = true;
    for (size_t i = 0; open && probe_table[i] != NULL; i++) {
        const struct probe *probe = probe_table[i];
        if (!probe->applies(&session.endpoint))
            continue;
        if (probe->subjects == NULL) {
            open = run_check(run, job, &session, probe, NULL);
            continue;
        }
        size_t count = probe->subjects(run->settings);
        for (size_t s = 0; open && s < count; s++)
            open = run_check(run, job, &session, probe, probe->subject(run->settings, s));
    }
    session_done(&session);
}

static void run_question(struct run *run, struct job *job)
{
    const struct plan *plan = &run->shared.plan;
    struct net_limit limit = {
        .deadline = deadline_earlier(deadline_in_ms(run->settings->timeout_ms), run->deadline),
        .cancel_fd = run->cancel_fd};
    if (job->absence == ABSENCE_QUIET)
        limit.deadline = deadline_earlier(limit.deadline, deadline_in_ms(QUIET_MS));
    job->answers =
        name_ask(plan->resolvers, plan->resolver_count, job->name, job->type, limit, &job->arena);
}

/* ---- the pool ---- */

static void *worker(void *argument);

static void spawn_locked(struct run *run)
{
    /* more while rows wait for what others tell, or for what the guard says of the lock-out */
    const struct plan *plan = &run->shared.plan;
    int jobs = run->settings->jobs + (int)run->shared.mailbox_waiters +
               (deadline_passed(plan->guard_until) ? 0 : plan_guard_rows_locked(plan));
    if (run->thread_count >= jobs || run->thread_count >= THREADS_MAX)
        return;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    if (pthread_create(&run->threads[run->thread_count], &attributes, worker, run) == 0) {
        run->thread_count++;
        run->alive++;
        run->idle++; /* until it takes its first job */
    }
    pthread_attr_destroy(&attributes);
}

/* As many workers as there are jobs to start; only as many are woken. */
static void staff_locked(struct run *run)
{
    int queued = 0;
    if (is_ending_locked(run))
        return;
    for (const struct job *job = run->shared.plan.jobs; job != NULL; job = job->next)
        queued += job->state == JOB_QUEUED;
    for (int missing = queued - run->idle; missing > 0; missing--)
        spawn_locked(run);
    for (int waking = queued; waking > 0; waking--)
        pthread_cond_signal(&run->work);
}

static void run_job(struct run *run, struct job *job)
{
    switch (job->kind) {
    case JOB_QUESTION:
        run_question(run, job);
        return;
    case JOB_CHAIN:
        run_chain(run, job);
        return;
    }
}

/* Those spawned for the sake of rows that waited do nothing more than others afterwards. */
static struct job *next_job_locked(struct run *run)
{
    struct plan *plan = &run->shared.plan;
    int jobs = run->settings->jobs + (int)run->shared.mailbox_waiters;
    bool surplus = run->alive - run->idle >= jobs && deadline_passed(plan->guard_until);
    return surplus ? NULL : plan_next_locked(plan);
}

static void *worker(void *argument)
{
    struct run *run = argument;
    pthread_mutex_lock(&run->lock);
    while (!is_ending_locked(run) && !plan_finished_locked(&run->shared.plan)) {
        struct job *job = next_job_locked(run);
        if (job == NULL) {
            pthread_cond_wait(&run->work, &run->lock);
            continue;
        }
        run->idle--;
        pthread_mutex_unlock(&run->lock);
        run_job(run, job);
        pthread_mutex_lock(&run->lock);
        run->idle++;
        if (run->shared.closed)
            break;
        if (job->kind == JOB_QUESTION)
            plan_answered_locked(&run->shared.plan, job);
        else if (!is_ending_locked(run)) /* else it may have been left half-way: plan_close() */
            plan_chain_done_locked(&run->shared.plan, job);
        staff_locked(run);
        pthread_cond_broadcast(&run->changed); /* a question or a chain less to hope for */
    }
    if (plan_finished_locked(&run->shared.plan))
        wake_raise(run->done_fd);
    run->idle--;
    run->alive--;
    pthread_cond_broadcast(&run->work); /* the others end, too */
    if (run->alive == 0)
        pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
    return NULL;
}

/* ---- the end of a run ---- */

static bool poll_progress(struct run *run)
{
    struct net_limit limit = {.deadline = run->deadline, .cancel_fd = run->cancel_fd};
    struct fault fault;
    for (;;) {
        if (run->settings->progress != NULL)
            limit.deadline = deadline_earlier(deadline_in_ms(PROGRESS_MS), run->deadline);
        if (sock_wait(run->done_fd, SOCK_READABLE, limit, &fault))
            return true;
        if (fault.cause == CAUSE_INTERRUPTED) {
            run->survey->interrupted = true;
            return false;
        }
        if (deadline_passed(run->deadline)) {
            run->survey->out_of_time = true;
            return false;
        }
        size_t done, total;
        pthread_mutex_lock(&run->lock);
        plan_count_locked(&run->shared.plan, &done, &total);
        pthread_mutex_unlock(&run->lock);
        run->settings->progress(
            run->settings->context, done, total, clock_wall_us() - run->survey->started_us);
    }
}

/* Waits for all workers; false: some did not come back. */
static bool gather(struct run *run)
{
    struct deadline patience = deadline_in_ms(RETURN_PATIENCE_MS);
    while (run->alive > 0 && wait_locked(run, patience))
        continue;
    return run->alive == 0;
}

static bool open_run(struct run *run, struct fault *fault)
{
    const struct settings *settings = run->settings;
    if (!wake_open(&run->cancel_fd, fault) || !wake_open(&run->done_fd, fault))
        return false;
    struct run_shared *shared = &run->shared;
    shared->wants_krb = (settings->auth & AUTH_KERBEROS) != 0 && !settings->anonymous &&
                        (settings->secret != NULL || settings->kerberos_cache);
    /* The tickets say which realm it is; with a password DNS does, later. */
    if (shared->wants_krb && settings->kerberos_cache &&
        (!krb_new(settings->account, settings->realm, &shared->krb, fault) ||
            !krb_adopt_cache(shared->krb, fault)))
        return false;
    if (plan_wants_guard(settings) && krb_reader(&shared->guard.reader, NULL)) {
        shared->guard.state = GUARD_AWAITED;
        shared->guard.begun_us = clock_monotonic_us();
        shared->guard.deadline = deadline_in_ms(GUARD_MS);
        shared->plan.guarded = true;
        shared->plan.guard_until = shared->guard.deadline;
    }
    shared->plan.ticketed = plan_wants_tickets(settings);
    shared->plan.host_domain = host_domain(&shared->plan.arena);
    return plan_open(&shared->plan, fault);
}

static void free_run(struct run *run)
{
    tickets_done(&run->shared.tickets);
    plan_done(&run->shared.plan);
    krb_free(run->shared.krb);
    krb_free(run->shared.guard.reader);
    wake_close(run->cancel_fd);
    wake_close(run->done_fd);
    pthread_cond_destroy(&run->work);
    pthread_cond_destroy(&run->changed);
    pthread_mutex_destroy(&run->lock);
    free(run);
}

bool survey_run(
    struct survey *survey, const struct settings *settings, bool *ret_stuck, struct fault *fault)
{
    *ret_stuck = false;
    struct run *run = xcalloc(1, sizeof *run);
    *run = (struct run){.settings = settings,
        .survey = survey,
        .cancel_fd = -1,
        .done_fd = -1,
        .deadline = deadline_in_ms(settings->deadline_ms)};
    run->shared.settings = settings;
    run->shared.survey = survey;
    run->shared.plan.settings = settings;
    run->shared.plan.survey = survey;
    pthread_mutex_init(&run->lock, NULL);
    cond_init_monotonic(&run->changed);
    pthread_cond_init(&run->work, NULL);
    if (!open_run(run, fault)) {
        free_run(run);
        return false;
    }
    survey->started_us = clock_wall_us();
    int64_t begun = clock_monotonic_us();
    plan_note_vantage(&run->shared.plan);
    atomic_store(&interrupt_fd, run->cancel_fd);
    if (atomic_load(&interrupted)) /* nobody woke us for that */
        wake_raise(run->cancel_fd);

    pthread_mutex_lock(&run->lock);
    plan_start_locked(&run->shared.plan);
    staff_locked(run);
    pthread_mutex_unlock(&run->lock);
    bool whole = poll_progress(run);
    if (!whole)
        wake_raise(run->cancel_fd);

    pthread_mutex_lock(&run->lock);
    run->shared.ending = true;
    pthread_cond_broadcast(&run->changed);
    pthread_cond_broadcast(&run->work);
    bool back = gather(run);
    run->shared.closed = true;
    pthread_cond_broadcast(&run->changed);
    pthread_cond_broadcast(&run->work);
    pthread_mutex_unlock(&run->lock);
    atomic_store(&interrupt_fd, NO_RUN_ANY_MORE);
    atomic_store(&interrupted, false);

    plan_close(&run->shared.plan,
        survey->interrupted ? "interrupted" : "the run's deadline passed (--deadline)");
    survey->elapsed_us = clock_monotonic_us() - begun;
    *ret_stuck = !back;
    if (!back)
        return true; /* stuck workers still use the run: it is left behind */
    for (int i = 0; i < run->thread_count; i++)
        pthread_join(run->threads[i], NULL);
    free_run(run);
    return true;
}

/* ---- for run_shared.c ---- */

struct run_shared *run_enter(struct run *run)
{
    pthread_mutex_lock(&run->lock);
    is_ending_locked(run);
    return &run->shared;
}

bool run_wait(struct run *run, struct deadline deadline)
{
    bool in_time = wait_locked(run, deadline_earlier(deadline, run->deadline));
    is_ending_locked(run);
    return in_time;
}

void run_leave(struct run *run, enum run_news news)
{
    if (news == NEWS_JOBS)
        staff_locked(run);
    if (news != NEWS_NONE)
        pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
}
