#include "probes/plan.h"

#include <string.h>

#include "net/host.h"
#include "probes/gate.h"
#include "probes/name.h"
#include "probes/probe.h"

bool plan_open(struct plan *plan, struct fault *fault)
{
    const struct settings *settings = plan->settings;
    plan->resolver_count = settings->resolver_count;
    memcpy(plan->resolvers, settings->resolvers, sizeof settings->resolvers);
    if (plan->resolver_count == 0)
        plan->resolver_count = dns_system_resolvers(plan->resolvers, DNS_RESOLVERS_MAX);
    if (plan->resolver_count == 0)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "no resolver is configured on this machine; name one with --dns");
    return true;
}

void plan_note_vantage(struct plan *plan)
{
    struct survey *survey = plan->survey;
    struct arena *arena = &survey->arena;
    struct net_address addresses[8];
    size_t count = host_addresses(addresses, 8);
    const char **texts = arena_alloc(arena, (count + 1) * sizeof *texts);
    for (size_t i = 0; i < count; i++)
        texts[i] = arena_strdup(arena, addresses[i].text);
    const char **resolvers = arena_alloc(arena, (plan->resolver_count + 1) * sizeof *resolvers);
    for (size_t i = 0; i < plan->resolver_count; i++)
        resolvers[i] =
            arena_printf(arena, "%s:%u", plan->resolvers[i].text, plan->resolvers[i].port);
    survey->vantage = (struct vantage){.host = host_name(arena),
        .addresses = texts,
        .address_count = count,
        .resolvers = resolvers,
        .resolver_count = plan->resolver_count};
}

/* ---- the guard's rows, where --only or --skip leaves LDAP out ---- */

#define GUARD_PROBE   "ldap.guard"
#define ROOTDSE_PROBE "ldap.rootdse"

bool plan_wants_guard(const struct settings *settings)
{
    for (size_t i = 0; i < settings->skip.count; i++) {
        if (strcmp(settings->skip.list[i], GUARD_PROBE) == 0)
            return false;
    }
    return settings->secret != NULL && !settings->kerberos_cache && !settings->anonymous &&
           settings_wants_probe(settings, "", LAYER_AUTH);
}

static bool is_for_guard(const struct plan *plan, const struct endpoint *endpoint)
{
    return endpoint->service == SERVICE_LDAP &&
           !settings_wants_service(plan->settings, endpoint->service);
}

/* ---- the KDCs' rows, where --only or --skip leaves Kerberos out ---- */

#define TGT_PROBE "kerberos.as"

bool plan_wants_tickets(const struct settings *settings)
{
    static const enum service takers[] = {
        SERVICE_LDAP, SERVICE_GC, SERVICE_AUTODISCOVER, SERVICE_EWS, SERVICE_MAPI, SERVICE_RPC};
    bool password =
        settings->secret != NULL && (settings->auth & (AUTH_NTLM | AUTH_NEGOTIATE)) != 0;
    bool taken = false;
    for (size_t i = 0; i < sizeof takers / sizeof takers[0]; i++)
        taken = taken || settings_wants_service(settings, takers[i]);
    for (size_t i = 0; i < settings->skip.count; i++) {
        if (strcmp(settings->skip.list[i], TGT_PROBE) == 0)
            return false;
    }
    return taken && !password && !settings->anonymous && (settings->auth & AUTH_KERBEROS) != 0 &&
           (settings->secret != NULL || settings->kerberos_cache) &&
           settings_wants_probe(settings, "", LAYER_AUTH);
}

static bool is_for_tickets(const struct plan *plan, const struct endpoint *endpoint)
{
    return endpoint->service == SERVICE_KERBEROS &&
           !settings_wants_service(plan->settings, endpoint->service);
}

/* ---- Autodiscover's rows, where --only leaves them out ---- */

bool plan_asks_for_names(const struct plan *plan, enum service service)
{
    const struct settings *settings = plan->settings;
    if (service != SERVICE_AUTODISCOVER || settings->anonymous ||
        settings_wants_service(settings, service) || !settings_wants_service(settings, SERVICE_RPC))
        return false;
    for (size_t i = 0; i < settings->skip.count; i++) {
        if (strcmp(settings->skip.list[i], service_str(service)) == 0)
            return false;
    }
    return true;
}

bool plan_wants_probe(
    const struct plan *plan, const struct endpoint *endpoint, const struct probe *probe)
{
    bool guards = strcmp(probe->id, GUARD_PROBE) == 0 || strcmp(probe->id, ROOTDSE_PROBE) == 0;
    if (guards && plan->guarded && endpoint->service == SERVICE_LDAP)
        return true;
    if (is_for_guard(plan, endpoint) && strncmp(probe->id, "ldap.", 5) == 0)
        return false;
    if (is_for_tickets(plan, endpoint) && strncmp(probe->id, "kerberos", 8) == 0)
        return plan->ticketed && strcmp(probe->id, TGT_PROBE) == 0;
    if (plan_asks_for_names(plan, endpoint->service) && probe->layer == LAYER_MAILBOX)
        return false;
    return settings_wants_probe(plan->settings, probe->id, probe->layer);
}

void plan_excuse(const struct plan *plan, const struct endpoint *endpoint, struct check *check)
{
    bool names = plan_asks_for_names(plan, endpoint->service);
    bool tickets = is_for_tickets(plan, endpoint);
    if ((!names && !tickets && !is_for_guard(plan, endpoint)) || check->outcome != OUTCOME_FAIL)
        return;
    if (gate_cause_denies(check->fault.cause)) /* that is about the account, whoever asked */
        return;
    check->outcome = OUTCOME_SKIPPED;
    check->summary = arena_printf(&check->arena, "%s (only asked for %s)", check->summary,
        names     ? "the name of the store"
        : tickets ? "tickets"
                  : "the lock-out state");
}

/* ---- layers ---- */

/* The walk's whole layer logic: what halted at an earlier layer blocks. */
const struct check *chain_blocker(const struct chain *chain, enum layer layer)
{
    for (const struct check *check = chain->checks; check != NULL; check = check->next) {
        if (check->halts && check->layer < layer)
            return check;
    }
    return NULL;
}

void check_block(struct check *check, const struct check *by)
{
    check_settle(check, OUTCOME_BLOCKED, "not reached: %s", by->summary);
    check->blocked_by = by;
}

/* What is left of a chain that did not come to its end: the check under way did not return, the
 * others follow from it. */
static void settle_rest(struct job *job, const char *why)
{
    for (size_t i = 0; probe_table[i] != NULL; i++) {
        const struct probe *probe = probe_table[i];
        if (!probe->applies(&job->endpoint) || chain_check(job->chain, probe->id) != NULL ||
            probe->subjects != NULL)
            continue;
        struct check *check =
            check_new(job->chain->id, probe->id, probe->title, probe->layer, NULL, probe->facts);
        const struct check *by = chain_blocker(job->chain, probe->layer);
        if (by != NULL) {
            check_block(check, by);
        } else if (job->at != NULL && strcmp(job->at, probe->id) == 0) {
            struct fault fault;
            double seconds = (double)(clock_monotonic_us() - job->at_since_us) / 1e6;
            fault_set(&fault, CAUSE_NO_RETURN, ORIGIN_EXREACH, 0,
                "did not return within %.1f s: %s", seconds, why);
            check_fail(check, &fault);
        } else {
            check_settle(check, OUTCOME_SKIPPED, "not run: %s", why);
            check_halt(check);
        }
        chain_append(job->chain, check);
    }
}

static void settle_resolvers(struct plan *plan)
{
    for (struct chain *chain = plan->survey->chains; chain != NULL; chain = chain->next) {
        if (chain->endpoint.service != SERVICE_DNS)
            continue;
        struct check *check = check_new(chain->id, probe_dns_resolver.id, probe_dns_resolver.title,
            LAYER_DNS, NULL, probe_dns_resolver.facts);
        judge_resolver(plan->survey, &chain->endpoint, check);
        chain_append(chain, check);
    }
}

void plan_close(struct plan *plan, const char *why)
{
    for (struct job *job = plan->jobs; job != NULL; job = job->next) {
        if (job->kind == JOB_CHAIN && job->state != JOB_DONE)
            settle_rest(job, why);
    }
    settle_resolvers(plan);
    survey_reconcile(plan->survey);
}
