#include "probes/run.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "probes/plan.h"
#include "probes/probe.h"

enum {
    THREADS_MAX = 256,
    STACK_SIZE = 512 * 1024,
    DNS_PATIENCE_MS = 200,      /* for the slower resolvers, after the first good answer */
    GATE_PATIENCE_MIN_US = 150 * 1000,
    GATE_PATIENCE_MAX_US = 1000 * 1000,
    RETURN_PATIENCE_MS = 200,   /* after an abort, for workers to come back */
    PROGRESS_MS = 100
};

/* A service ticket that a chain asks for on behalf of all. */
struct ticket_once {
    char spn[300];
    bool known;
    bool ok;
    struct krb_ticket ticket;
    struct krb_reply reply;
    struct fault fault;
    struct ticket_once *next;
};

struct run {
    const struct settings *settings;
    struct survey *survey;
    int cancel_fd;
    int done_fd;
    struct deadline deadline;
    struct tls_trust *trust;
    struct krb *krb;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    struct plan plan;
    struct gate gate;
    struct ticket_once *tickets;
    struct net_address kdc;
    bool krb_ready;
    bool closed; /* results that come from now on are dropped */
    pthread_t threads[THREADS_MAX];
    int thread_count;
    int idle;
    int alive;
};

static atomic_int interrupt_fd = -1;

void run_interrupt(void)
{
    int fd = atomic_load(&interrupt_fd);
    if (fd >= 0)
        wake_raise(fd);
}

/* ---- waiting ---------------------------------------------------------------------------------- */

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

/* ---- chains ----------------------------------------------------------------------------------- */

/* Hands a settled check to the survey; false: the run is closed, and the check with its worker is left
 * behind on purpose. */
static bool publish(struct run *run, struct job *job, struct check *check)
{
    pthread_mutex_lock(&run->lock);
    bool open = !run->closed;
    if (open) {
        chain_append(job->chain, check);
        job->past_auth = job->past_auth || check->layer >= LAYER_AUTH || check->halts;
        job->at = NULL;
        pthread_cond_broadcast(&run->changed);
    }
    pthread_mutex_unlock(&run->lock);
    return open;
}

static bool run_check(struct run *run, struct job *job, struct session *session,
    const struct probe *probe, const char *subject)
{
    pthread_mutex_lock(&run->lock);
    bool closed = run->closed;
    const struct check *by = closed ? NULL : chain_blocker(job->chain, probe->layer);
    if (!closed && by == NULL) {
        job->at = probe->id;
        job->at_since_us = clock_monotonic_us();
    }
    pthread_mutex_unlock(&run->lock);
    if (closed)
        return false;
    struct check *check = check_new(job->chain->id, probe->id, probe->title, probe->layer, subject,
        probe->facts);
    if (by != NULL) {
        check_block(check, by);
        return publish(run, job, check);
    }
    if (!settings_wants_probe(run->settings, probe->id, probe->layer)) {
        check_settle(check, OUTCOME_SKIPPED, "left out by --only or --skip");
        check_halt(check);
        return publish(run, job, check);
    }
    int64_t begun = clock_monotonic_us();
    probe->run(session, check);
    if (check->elapsed_us == 0)
        check->elapsed_us = clock_monotonic_us() - begun;
    if (check->outcome == OUTCOME_NOT_RUN) {
        struct fault fault;
        fault_set(&fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "the probe %s gave no verdict",
            probe->id);
        check_fail(check, &fault);
    }
    return publish(run, job, check);
}

static void run_chain(struct run *run, struct job *job)
{
    struct session session;
    session_init(&session);
    session.run = run;
    session.settings = run->settings;
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
    struct plan *plan = &run->plan;
    struct dns_answer *answers =
        arena_alloc(&job->arena, plan->resolver_count * sizeof *answers);
    struct net_limit limit = {
        .deadline = deadline_earlier(deadline_in_ms(run->settings->timeout_ms), run->deadline),
        .cancel_fd = run->cancel_fd};
    dns_ask(plan->resolvers, plan->resolver_count, job->name, job->type, limit, DNS_PATIENCE_MS,
        &job->arena, answers);
    job->answers = arena_alloc(&job->arena, plan->resolver_count * sizeof *job->answers);
    for (size_t i = 0; i < plan->resolver_count; i++) {
        job->answers[i] = (struct name_answer){.name = job->name, .type = job->type,
            .resolver = plan->resolvers[i], .answer = answers[i]};
    }
}

/* ---- the pool --------------------------------------------------------------------------------- */

static void *worker(void *argument);

static void spawn_locked(struct run *run)
{
    if (run->thread_count >= run->settings->jobs || run->thread_count >= THREADS_MAX)
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

/* As many workers as there are jobs to start. */
static void staff_locked(struct run *run)
{
    int queued = 0;
    for (const struct job *job = run->plan.jobs; job != NULL; job = job->next)
        queued += job->state == JOB_QUEUED;
    for (int missing = queued - run->idle; missing > 0; missing--)
        spawn_locked(run);
    pthread_cond_broadcast(&run->changed);
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

static void *worker(void *argument)
{
    struct run *run = argument;
    pthread_mutex_lock(&run->lock);
    while (!run->closed && !plan_finished_locked(&run->plan)) {
        struct job *job = plan_next_locked(&run->plan);
        if (job == NULL) {
            pthread_cond_wait(&run->changed, &run->lock);
            continue;
        }
        run->idle--;
        pthread_mutex_unlock(&run->lock);
        run_job(run, job);
        pthread_mutex_lock(&run->lock);
        run->idle++;
        if (run->closed)
            break;
        if (job->kind == JOB_QUESTION)
            plan_answered_locked(&run->plan, job);
        else
            plan_chain_done_locked(&run->plan, job);
        staff_locked(run);
    }
    if (plan_finished_locked(&run->plan))
        wake_raise(run->done_fd);
    run->idle--;
    run->alive--;
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
    return NULL;
}

/* ---- the end of a run --------------------------------------------------------------------------- */

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
        plan_count_locked(&run->plan, &done, &total);
        pthread_mutex_unlock(&run->lock);
        run->settings->progress(run->settings->context, done, total,
            clock_wall_us() - run->survey->started_us);
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
    if (!wake_open(&run->cancel_fd, fault) || !wake_open(&run->done_fd, fault) ||
        !tls_trust_new(settings->ca, &run->trust, fault))
        return false;
    bool wants_krb = (settings->auth & AUTH_KERBEROS) != 0 && settings->realm[0] != '\0' &&
        !settings->anonymous && (settings->secret != NULL || settings->kerberos_cache);
    if (wants_krb && !krb_new(settings->account, settings->realm, &run->krb, fault))
        return false;
    if (settings->kerberos_cache && run->krb != NULL) {
        if (!krb_adopt_cache(run->krb, fault))
            return false;
        gate_tell(&run->gate, GATE_PROVED, "the credential cache", NULL);
    }
    run->plan.resolver_count = settings->resolver_count;
    memcpy(run->plan.resolvers, settings->resolvers, sizeof settings->resolvers);
    if (run->plan.resolver_count == 0)
        run->plan.resolver_count =
            dns_system_resolvers(run->plan.resolvers, DNS_RESOLVERS_MAX);
    if (run->plan.resolver_count == 0)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "no resolver is configured on this machine; name one with --dns");
    return true;
}

static void free_run(struct run *run)
{
    for (struct ticket_once *ticket = run->tickets; ticket != NULL;) {
        struct ticket_once *next = ticket->next;
        free(ticket);
        ticket = next;
    }
    plan_done(&run->plan);
    krb_free(run->krb);
    tls_trust_free(run->trust);
    wake_close(run->cancel_fd);
    wake_close(run->done_fd);
    pthread_cond_destroy(&run->changed);
    pthread_mutex_destroy(&run->lock);
    free(run);
}

bool survey_run(struct survey *survey, const struct settings *settings, bool *ret_stuck,
    struct fault *fault)
{
    *ret_stuck = false;
    struct run *run = xcalloc(1, sizeof *run);
    *run = (struct run){.settings = settings,
        .survey = survey,
        .cancel_fd = -1,
        .done_fd = -1,
        .deadline = deadline_in_ms(settings->deadline_ms)};
    run->plan.settings = settings;
    run->plan.survey = survey;
    pthread_mutex_init(&run->lock, NULL);
    cond_init_monotonic(&run->changed);
    if (!open_run(run, fault)) {
        free_run(run);
        return false;
    }
    survey->started_us = clock_wall_us();
    int64_t begun = clock_monotonic_us();
    plan_note_vantage(&run->plan);
    atomic_store(&interrupt_fd, run->cancel_fd);

    pthread_mutex_lock(&run->lock);
    plan_start_locked(&run->plan);
    staff_locked(run);
    pthread_mutex_unlock(&run->lock);
    bool whole = poll_progress(run);
    if (!whole)
        wake_raise(run->cancel_fd);

    pthread_mutex_lock(&run->lock);
    bool back = gather(run);
    run->closed = true;
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
    atomic_store(&interrupt_fd, -1);

    plan_close(&run->plan,
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

/* ---- for probes ----------------------------------------------------------------------------------- */

static int64_t patience_us(const struct session *session)
{
    int64_t own = 3 * (clock_monotonic_us() - session->started_us);
    if (own < GATE_PATIENCE_MIN_US)
        return GATE_PATIENCE_MIN_US;
    return own > GATE_PATIENCE_MAX_US ? GATE_PATIENCE_MAX_US : own;
}

enum gate_pass run_gate(struct session *session, struct fault *ret_why, char ret_who[256])
{
    struct run *run = session->run;
    struct deadline patience = {clock_monotonic_us() + patience_us(session)};
    enum gate_pass pass;
    pthread_mutex_lock(&run->lock);
    for (;;) {
        bool hopes = !deadline_passed(patience) &&
            plan_hopes_locked(&run->plan, &session->endpoint);
        pass = run->closed || deadline_passed(run->deadline) ? GATE_STOP
                                                             : gate_ask(&run->gate, hopes);
        if (pass != GATE_WAIT)
            break;
        wait_locked(run, hopes ? deadline_earlier(patience, run->deadline) : run->deadline);
    }
    if (pass == GATE_STOP) {
        *ret_why = run->gate.fault;
        if (run->gate.state != GATE_REFUSED)
            fault_set(ret_why, CAUSE_INTERRUPTED, ORIGIN_EXREACH, 0, "the run ended meanwhile");
    }
    snprintf(ret_who, 256, "%s", run->gate.who);
    pthread_mutex_unlock(&run->lock);
    return pass;
}

void run_gate_tell(struct session *session, enum gate_verdict verdict, const struct check *check,
    const struct fault *fault)
{
    struct run *run = session->run;
    pthread_mutex_lock(&run->lock);
    gate_tell(&run->gate, verdict, check->id, fault);
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
}

void run_count_logon(struct session *session, bool refused)
{
    struct run *run = session->run;
    pthread_mutex_lock(&run->lock);
    if (!run->closed) {
        run->survey->logons_attempted++;
        run->survey->logons_refused += refused;
    }
    pthread_mutex_unlock(&run->lock);
}

struct krb *run_krb(const struct session *session)
{
    return session->run->krb;
}

void run_krb_ready(struct session *session, const struct net_address *kdc)
{
    struct run *run = session->run;
    pthread_mutex_lock(&run->lock);
    if (!run->closed && !run->krb_ready) {
        run->krb_ready = true;
        run->kdc = *kdc;
        plan_krb_ready_locked(&run->plan, &session->endpoint, kdc);
        staff_locked(run);
    }
    pthread_mutex_unlock(&run->lock);
}

static struct ticket_once *find_ticket_locked(struct run *run, const char *spn)
{
    for (struct ticket_once *ticket = run->tickets; ticket != NULL; ticket = ticket->next) {
        if (strcmp(ticket->spn, spn) == 0)
            return ticket;
    }
    return NULL;
}

bool run_ticket(struct session *session, const char *service, const char *host,
    struct krb_ticket *ret_ticket, struct krb_reply *ret_reply, struct fault *fault)
{
    struct run *run = session->run;
    char spn[300];
    snprintf(spn, sizeof spn, "%s/%s", service, host);

    *fault = (struct fault){.cause = CAUSE_NONE};
    pthread_mutex_lock(&run->lock);
    if (!run->krb_ready) {
        pthread_mutex_unlock(&run->lock);
        return false;
    }
    struct net_limit limit = session_limit(session);
    struct ticket_once *ticket = find_ticket_locked(run, spn);
    if (ticket == NULL) {
        ticket = xcalloc(1, sizeof *ticket);
        memcpy(ticket->spn, spn, sizeof spn);
        ticket->next = run->tickets;
        run->tickets = ticket;
        struct net_address kdc = run->kdc;
        pthread_mutex_unlock(&run->lock);
        struct ticket_once got = {0};
        got.ok = krb_service_ticket(run->krb, &kdc, service, host, limit, &got.ticket, &got.reply,
            &got.fault);
        pthread_mutex_lock(&run->lock);
        ticket->ok = got.ok;
        ticket->ticket = got.ticket;
        ticket->reply = got.reply;
        ticket->fault = got.fault;
        ticket->known = true;
        pthread_cond_broadcast(&run->changed);
    }
    while (!ticket->known && !run->closed && wait_locked(run, limit.deadline))
        continue;
    bool ok = ticket->known && ticket->ok;
    if (!ticket->known)
        fault_set(fault, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0, "no service ticket for %s in time", spn);
    else if (!ok)
        *fault = ticket->fault;
    *ret_ticket = ticket->ticket;
    *ret_reply = ticket->reply;
    pthread_mutex_unlock(&run->lock);
    return ok;
}

void run_discover(struct session *session, enum service service, const char *url,
    enum source source)
{
    struct run *run = session->run;
    pthread_mutex_lock(&run->lock);
    if (!run->closed) {
        plan_discover_locked(&run->plan, service, url, source);
        staff_locked(run);
    }
    pthread_mutex_unlock(&run->lock);
}

void run_want_ticket(struct session *session, const char *host)
{
    struct run *run = session->run;
    pthread_mutex_lock(&run->lock);
    if (!run->closed && run->krb != NULL) {
        plan_want_ticket_locked(&run->plan, host);
        staff_locked(run);
    }
    pthread_mutex_unlock(&run->lock);
}

int run_cancel_fd(const struct run *run)
{
    return run->cancel_fd;
}

struct deadline run_deadline(const struct run *run)
{
    return run->deadline;
}

const struct tls_trust *run_trust(const struct run *run)
{
    return run->trust;
}
