#include "probes/plan.h"

#include <string.h>

#include "probes/probe.h"

/* ---- scheduling ---- */

/* Others may wait at the gate for a KDC's row, and hold the places at its address: it comes before
 * other rows, and takes a place of its own. */
static bool is_kdc(const struct job *job)
{
    return job->kind == JOB_CHAIN && job->chain->endpoint.service == SERVICE_KERBEROS &&
           job->chain->endpoint.subject == NULL;
}

bool plan_is_teller(const struct job *job)
{
    enum service service =
        job->kind == JOB_CHAIN ? job->chain->endpoint.service : job->want.service;
    if (job->kind == JOB_QUESTION && job->purpose == FOR_ADDRESS)
        return true; /* for whichever row */
    return service == SERVICE_AUTODISCOVER || service == SERVICE_LDAP || service == SERVICE_GC;
}

/* Rows that wait for what another tells are started behind it. */
static bool is_listener(const struct job *job)
{
    return job->kind == JOB_CHAIN && (job->chain->endpoint.service == SERVICE_MAPI ||
                                         job->chain->endpoint.service == SERVICE_RPC);
}

/* Rows that wait for a teller hold no place against it. */
static size_t running_at(const struct plan *plan, const char *address, bool teller)
{
    size_t count = 0;
    for (const struct job *job = plan->jobs; job != NULL; job = job->next)
        count += job->kind == JOB_CHAIN && job->state == JOB_RUNNING && !is_kdc(job) &&
                 !(teller && job->waits) && job->endpoint.address != NULL &&
                 strcmp(job->endpoint.address, address) == 0;
    return count;
}

/* The guard speaks on a row of the directory, before any password goes out. */
static bool is_guard(const struct job *job)
{
    return job->kind == JOB_CHAIN && job->chain->endpoint.service == SERVICE_LDAP;
}

/* Rows that wait for the guard leave it a worker and a place at its address. */
static bool leaves_room(const struct plan *plan, const struct job *job)
{
    size_t waiting = 0;
    if (job->kind != JOB_CHAIN)
        return true;
    for (const struct job *at = plan->jobs; at != NULL; at = at->next)
        waiting += at->kind == JOB_CHAIN && at->state == JOB_RUNNING && !is_guard(at);
    return waiting < (size_t)plan->settings->jobs;
}

static bool may_start(const struct plan *plan, const struct job *job)
{
    const char *address = job->kind == JOB_CHAIN ? job->endpoint.address : NULL;
    bool polite = address == NULL || is_kdc(job) ||
                  running_at(plan, address, plan_is_teller(job)) < (size_t)plan->settings->per_host;
    if (!deadline_passed(plan->guard_until) && plan_guards_locked(plan))
        return is_guard(job) || (polite && leaves_room(plan, job));
    return polite;
}

struct job *plan_next_locked(struct plan *plan)
{
    struct job *next = NULL;
    bool guarded = !deadline_passed(plan->guard_until) && plan_guards_locked(plan);
    for (struct job *job = plan->jobs; job != NULL; job = job->next) {
        if (job->state != JOB_QUEUED || !may_start(plan, job))
            continue;
        bool first = next != NULL && next->kind == JOB_CHAIN &&
                     (guarded ? is_guard(job) && !is_guard(next)
                              : (is_kdc(job) && !is_kdc(next)) ||
                                    (plan_is_teller(job) && is_listener(next)));
        if (next == NULL || first)
            next = job;
    }
    if (next == NULL)
        return NULL;
    next->state = JOB_RUNNING;
    if (next->kind == JOB_CHAIN)
        next->endpoint = next->chain->endpoint;
    return next;
}

bool plan_finished_locked(const struct plan *plan)
{
    for (const struct job *job = plan->jobs; job != NULL; job = job->next) {
        if (job->state != JOB_DONE)
            return false;
    }
    return true;
}

void plan_count_locked(const struct plan *plan, size_t *ret_done, size_t *ret_total)
{
    *ret_done = *ret_total = 0;
    for (const struct job *job = plan->jobs; job != NULL; job = job->next) {
        *ret_done += job->state == JOB_DONE;
        ++*ret_total;
    }
}

/* How exactly a refused logon is explained: KDC, LDAP, HTTP status, OWA's reason. */
static int rank(const struct endpoint *endpoint)
{
    switch (endpoint->service) {
    case SERVICE_KERBEROS:
        return 0;
    case SERVICE_LDAP:
    case SERVICE_GC:
        return endpoint_is_tls(endpoint) ? 1 : 4; /* in the clear only tickets are used */
    case SERVICE_DNS:
    case SERVICE_AUTODISCOVER:
    case SERVICE_EWS:
    case SERVICE_ECP:
    case SERVICE_MAPI:
    case SERVICE_RPC:
    case SERVICE_OAB:
    case SERVICE_ACTIVESYNC:
        return 2;
    case SERVICE_OWA:
        return 3;
    case SERVICE_COUNT:
        break;
    }
    return 4;
}

static bool name_hopes(const struct plan *plan, int mine)
{
    for (const struct name *name = plan->names; name != NULL; name = name->next) {
        for (const struct want *entry = name->wants; name->pending > 0 && entry != NULL;
             entry = entry->next) {
            if (rank(&entry->endpoint) < mine && name->found == NULL)
                return true;
        }
    }
    return false;
}

bool plan_waits_for_names_locked(const struct plan *plan, enum service service)
{
    for (const struct name *name = plan->names; name != NULL; name = name->next) {
        for (const struct want *entry = name->wants; entry != NULL; entry = entry->next) {
            if (name->pending > 0 && name->found == NULL && entry->endpoint.service == service)
                return true;
        }
    }
    return false;
}

bool plan_srv_done_locked(const struct plan *plan, enum service service)
{
    for (const struct job *job = plan->jobs; job != NULL; job = job->next) {
        if (job->kind == JOB_QUESTION && job->purpose == FOR_SRV && job->state != JOB_DONE &&
            job->want.service == service)
            return false;
    }
    return true;
}

bool plan_hopes_locked(const struct plan *plan, const struct endpoint *endpoint)
{
    int mine = rank(endpoint);
    for (const struct job *job = plan->jobs; job != NULL; job = job->next) {
        if (job->state == JOB_DONE)
            continue;
        if (job->kind == JOB_QUESTION && job->purpose == FOR_SRV && rank(&job->want) < mine)
            return true;
        if (job->kind == JOB_CHAIN && !job->past_auth && job->endpoint.subject == NULL &&
            rank(&job->endpoint) < mine)
            return true;
    }
    return name_hopes(plan, mine);
}
