#include "report/diagnose.h"

#include <stdlib.h>
#include <string.h>

#include "report/checklist.h"
#include "report/profile.h"
#include "report/rule.h"

/* A match on its way to a finding. */
struct judged {
    struct match *match;
    enum severity severity;
    unsigned services; /* that do not work and that it touches: 1u << enum service */
    const struct judged *cause;
};

struct diagnosis {
    struct survey *survey;
    struct scan scan;
    struct service_state states[SERVICE_COUNT];
    struct judged *judged;
    struct judged **order;
    size_t count;
};

/* ---- 1. rules ---------------------------------------------------------------------------------
 */

static void run_rules(struct diagnosis *diagnosis)
{
    const struct rule *rule = NULL;
    for (size_t i = 0; (rule = rule_at(i)) != NULL; i++) {
        diagnosis->scan.rule = rule;
        if (rule->when != NULL)
            rule->when(&diagnosis->scan);
    }
}

/* What a match explains is attached to it, so that it needs no finding of its own. */
static void attach(
    struct diagnosis *diagnosis, const struct chain *chain, const struct check *check)
{
    struct scan *scan = &diagnosis->scan;
    for (struct match *match = scan->matches; match != NULL; match = match->next) {
        if (match->rule->explains == NULL || match_cites(match, check) ||
            !match->rule->explains(scan->survey, match, check))
            continue;
        match_explain(scan, match, check);
        if (check_is_bad(check))
            match_tell(scan, match, "hence ", chain, check);
    }
}

static void attach_all(struct diagnosis *diagnosis)
{
    for (const struct chain *chain = diagnosis->survey->chains; chain != NULL;
         chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (check_is_bad(at) || at->outcome == OUTCOME_SKIPPED)
                attach(diagnosis, chain, at);
        }
    }
}

/* Logons that our own gate held back because of it: told, since they are why services do not work.
 */
static void tell_gated(struct diagnosis *diagnosis)
{
    for (struct match *at = diagnosis->scan.matches; at != NULL; at = at->next) {
        int count = 0;
        for (size_t i = 0; i < at->explained_count; i++)
            count += check_is_gated(at->explained[i]) ? 1 : 0;
        if (count > 0 && !check_is_held_back(at->checks[0]))
            match_say(&diagnosis->scan, at,
                "%d other logon%s not tried: %s fail, too, and may count towards a lock-out", count,
                count == 1 ? " was" : "s were", count == 1 ? "it would" : "they would");
    }
}

/* ---- 2. what no rule explains -----------------------------------------------------------------
 */

static bool is_accounted_for(const struct diagnosis *diagnosis, const struct check *check)
{
    for (const struct match *at = diagnosis->scan.matches; at != NULL; at = at->next) {
        if (match_cites(at, check) || match_explains(at, check))
            return true;
    }
    return false;
}

/* The cause speaks of the account, not of the service that reported it. */
static bool is_of_account(enum cause cause)
{
    switch ((int)cause) {
    case CAUSE_PASSWORD_WRONG:
    case CAUSE_PASSWORD_EXPIRED:
    case CAUSE_PASSWORD_MUST_CHANGE:
    case CAUSE_ACCOUNT_UNKNOWN:
    case CAUSE_ACCOUNT_REVOKED:
    case CAUSE_ACCOUNT_DISABLED:
    case CAUSE_ACCOUNT_LOCKED:
    case CAUSE_ACCOUNT_EXPIRED:
    case CAUSE_LOGON_HOURS:
    case CAUSE_LOGON_WORKSTATION:
        return true;
    default:
        return false;
    }
}

static bool any_logon_succeeded(const struct survey *survey)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        if (check_is_good(chain_cell(chain, LAYER_AUTH)))
            return true;
    }
    return false;
}

/* The part of the world that a failure of this layer points at. */
static const char *suspect(
    struct diagnosis *diagnosis, const struct chain *chain, const struct check *check)
{
    struct arena *arena = diagnosis->scan.arena;
    const struct survey *survey = diagnosis->survey;
    const struct endpoint *endpoint = &chain->endpoint;
    switch (check->layer) {
    case LAYER_DNS:
        return arena_printf(
            arena, "%s %s", endpoint->service == SERVICE_DNS ? "resolver" : "name", endpoint->host);
    case LAYER_TCP:
    case LAYER_TLS:
        return arena_printf(arena, "%s:%u", endpoint->host, (unsigned)endpoint->port);
    case LAYER_MAILBOX:
        return arena_printf(
            arena, "mailbox %s", check->subject != NULL ? check->subject : survey->target.address);
    case LAYER_AUTH:
        if (is_of_account(check->fault.cause) ||
            (check->fault.cause == CAUSE_LOGON_REFUSED && !any_logon_succeeded(survey)))
            return arena_printf(arena, "account %s", survey->target.account);
        break;
    case LAYER_HTTP:
    case LAYER_PROTOCOL:
    case LAYER_COUNT:
        break;
    }
    return arena_printf(arena, "%s at %s", service_title(endpoint->service),
        endpoint->subject != NULL ? endpoint->subject : endpoint->host);
}

static const struct rule *heading(enum layer layer)
{
    static const char *const ids[LAYER_COUNT] = {
        [LAYER_DNS] = "X-DNS",
        [LAYER_TCP] = "X-TCP",
        [LAYER_TLS] = "X-TLS",
        [LAYER_HTTP] = "X-HTTP",
        [LAYER_AUTH] = "X-AUTH",
        [LAYER_PROTOCOL] = "X-PROTOCOL",
        [LAYER_MAILBOX] = "X-MAILBOX",
    };
    return rule_find(ids[layer]);
}

/* One finding for one (layer, cause, component); one for each kind of our own trouble. */
static void report_unexplained(
    struct diagnosis *diagnosis, const struct chain *chain, const struct check *check)
{
    struct scan *scan = &diagnosis->scan;
    const char *component = "this host";
    const char *about = "";
    if (check->outcome == OUTCOME_ERROR) {
        scan->rule = rule_find(RULE_OWN_TROUBLE);
    } else {
        scan->rule = heading(check->layer);
        component = about = suspect(diagnosis, chain, check);
    }
    const char *key = arena_printf(
        scan->arena, "%s %s %s", cause_str(check->fault.cause), outcome_str(check->outcome), about);
    match_cite(scan, scan_match(scan, key, component), chain, check);
}

/* The health page of a service that does not answer as it should: told with the service. */
static bool follows_from_service(
    struct diagnosis *diagnosis, const struct chain *chain, const struct check *check)
{
    const struct check *service = chain_cell(chain, check->layer);
    if (strcmp(check->probe, "http.health") != 0 || !check_is_bad(service))
        return false;
    for (struct match *match = diagnosis->scan.matches; match != NULL; match = match->next) {
        if (!match_cites(match, service) && !match_explains(match, service))
            continue;
        match_explain(&diagnosis->scan, match, check);
        return true;
    }
    return false;
}

static void find_unexplained(struct diagnosis *diagnosis)
{
    for (const struct chain *chain = diagnosis->survey->chains; chain != NULL;
         chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if ((check_is_bad(at) || at->outcome == OUTCOME_ERROR) &&
                !is_accounted_for(diagnosis, at) && !follows_from_service(diagnosis, chain, at))
                report_unexplained(diagnosis, chain, at);
        }
    }
}

/* What our gate held back names the check it waits for; whatever found that one out explains it. */
static void attach_gated(struct diagnosis *diagnosis)
{
    struct scan *scan = &diagnosis->scan;
    for (const struct chain *chain = diagnosis->survey->chains; chain != NULL;
         chain = chain->next) {
        const struct check *at = chain_cell(chain, LAYER_AUTH);
        for (struct match *match = scan->matches; at != NULL && match != NULL;
             match = match->next) {
            bool names = false;
            for (size_t i = 0; i < match->check_count && !names; i++)
                names = strstr(at->summary, match->checks[i]->id) != NULL;
            if (names && check_is_gated(at) && !match_explains(match, at))
                match_explain(scan, match, at);
        }
    }
}

/* ---- 3. severity and rank ---------------------------------------------------------------------
 */

static bool touches(const struct match *match, const struct chain *chain)
{
    for (const struct check *at = chain->checks; at != NULL; at = at->next) {
        if (match_cites(match, at) || match_explains(match, at))
            return true;
        if (at->outcome == OUTCOME_BLOCKED && at->blocked_by != NULL &&
            (match_cites(match, at->blocked_by) || match_explains(match, at->blocked_by)))
            return true;
    }
    return false;
}

static unsigned broken_services(const struct diagnosis *diagnosis, const struct match *match)
{
    unsigned services = 0;
    for (const struct chain *chain = diagnosis->survey->chains; chain != NULL;
         chain = chain->next) {
        enum service service = chain->endpoint.service;
        if (!diagnosis->states[service].works && touches(match, chain))
            services |= 1u << service;
    }
    return services;
}

/* Only warnings, on places that clients leave for the next one: see survey_reconcile(). */
static bool is_excused(const struct survey *survey, const struct match *match)
{
    for (size_t i = 0; i < match->check_count; i++) {
        const struct check *check = match->checks[i];
        if (check->outcome != OUTCOME_WARN || !survey_chain_of(survey, check)->endpoint.candidate)
            return false;
    }
    return true;
}

static bool any_failed(const struct match *match)
{
    for (size_t i = 0; i < match->check_count; i++) {
        if (match->checks[i]->outcome == OUTCOME_FAIL && !check_is_held_back(match->checks[i]))
            return true;
    }
    return false;
}

/* … or what follows from it did. */
static bool any_failure_follows(const struct match *match)
{
    for (size_t i = 0; i < match->explained_count; i++) {
        if (match->explained[i]->outcome == OUTCOME_FAIL)
            return true;
    }
    return any_failed(match);
}

/* A needed service was never found: a fault of names or of the directory is a reason for that. */
static bool explains_absence(const struct diagnosis *diagnosis, const struct match *match)
{
    bool names = match->rule->layer == LAYER_DNS;
    for (int i = 0; names && i < SERVICE_COUNT; i++) {
        const struct service_state *state = &diagnosis->states[i];
        if (state->needed && state->tested && state->rows == 0)
            return any_failed(match);
    }
    return false;
}

static bool hurts_profile(const struct diagnosis *diagnosis, const struct judged *judged)
{
    for (int i = 0; i < SERVICE_COUNT; i++) {
        if (diagnosis->states[i].needed && (judged->services & (1u << i)) != 0)
            return true;
    }
    return false;
}

/* A needed service does not work, and this touches every row it has. */
static bool is_all_of_a_need(const struct diagnosis *diagnosis, const struct judged *judged)
{
    unsigned services = 0;
    for (int i = 0; i < SERVICE_COUNT; i++) {
        if (diagnosis->states[i].needed)
            services |= judged->services & (1u << i);
    }
    for (const struct chain *chain = diagnosis->survey->chains; chain != NULL;
         chain = chain->next) {
        if ((services & (1u << chain->endpoint.service)) != 0 && !touches(judged->match, chain))
            services &= ~(1u << chain->endpoint.service);
    }
    return services != 0;
}

static enum severity judge_severity(const struct diagnosis *diagnosis, const struct judged *judged)
{
    const struct match *match = judged->match;
    const struct rule *rule = match->rule;
    bool hurts = hurts_profile(diagnosis, judged);
    if (match->fails || (rule->fail_profiles & (1u << diagnosis->survey->target.profile)) != 0)
        return SEVERITY_FAIL;
    /* a stale address is a warning, unless a service has no other one */
    if (rule->severity != SEVERITY_FAIL)
        return !any_failure_follows(match)           ? rule->severity
               : is_all_of_a_need(diagnosis, judged) ? SEVERITY_FAIL
                                                     : SEVERITY_WARN;
    if (is_excused(diagnosis->survey, match) || (rule->when == NULL && !any_failed(match)))
        return SEVERITY_WARN;
    return hurts || explains_absence(diagnosis, match) ? SEVERITY_FAIL : SEVERITY_WARN;
}

static bool explains_all_of(const struct match *cause, const struct match *match)
{
    for (size_t i = 0; i < match->check_count; i++) {
        if (!match_explains(cause, match->checks[i]))
            return false;
    }
    return match->check_count > 0;
}

static int bits(unsigned set)
{
    int count = 0;
    for (; set != 0; set &= set - 1)
        count++;
    return count;
}

static int compare(const void *left, const void *right)
{
    const struct judged *a = *(struct judged *const *)left;
    const struct judged *b = *(struct judged *const *)right;
    int a_ours = strcmp(a->match->rule->id, RULE_OWN_TROUBLE) == 0;
    int b_ours = strcmp(b->match->rule->id, RULE_OWN_TROUBLE) == 0;
    if (a_ours != b_ours)
        return a_ours - b_ours;
    if (a->severity != b->severity)
        return (int)a->severity - (int)b->severity;
    if (bits(a->services) != bits(b->services))
        return bits(b->services) - bits(a->services);
    if (a->match->rule->layer != b->match->rule->layer)
        return (int)a->match->rule->layer - (int)b->match->rule->layer;
    int order = strcmp(a->match->rule->id, b->match->rule->id);
    return order != 0 ? order : strcmp(a->match->component, b->match->component);
}

static void rank(struct diagnosis *diagnosis)
{
    struct arena *arena = diagnosis->scan.arena;
    for (struct match *at = diagnosis->scan.matches; at != NULL; at = at->next)
        diagnosis->count++;
    diagnosis->judged = arena_alloc(arena, (diagnosis->count + 1) * sizeof *diagnosis->judged);
    diagnosis->order = arena_alloc(arena, (diagnosis->count + 1) * sizeof *diagnosis->order);
    size_t i = 0;
    for (struct match *at = diagnosis->scan.matches; at != NULL; at = at->next, i++) {
        struct judged *judged = &diagnosis->judged[i];
        judged->match = at;
        judged->services = broken_services(diagnosis, at);
        judged->severity = judge_severity(diagnosis, judged);
        diagnosis->order[i] = judged;
    }
    if (diagnosis->count > 1)
        qsort(diagnosis->order, diagnosis->count, sizeof *diagnosis->order, compare);
}

/* Causes have no cause themselves: one step is as deep as the report goes. */
static void find_causes(struct diagnosis *diagnosis)
{
    for (size_t i = 0; i < diagnosis->count; i++) {
        struct judged *effect = diagnosis->order[i];
        for (size_t k = 0; k < diagnosis->count && effect->cause == NULL; k++) {
            struct judged *cause = diagnosis->order[k];
            if (cause == effect || cause->cause != NULL ||
                !explains_all_of(cause->match, effect->match))
                continue;
            if (!explains_all_of(effect->match, cause->match) || k < i)
                effect->cause = cause;
        }
    }
    /* an effect that others were hung under before it found its own cause */
    for (size_t i = 0; i < diagnosis->count; i++) {
        struct judged *effect = diagnosis->order[i];
        if (effect->cause != NULL && effect->cause->cause != NULL)
            effect->cause = effect->cause->cause;
    }
}

/* ---- 4. findings ------------------------------------------------------------------------------
 */

static struct finding *make_finding(struct diagnosis *diagnosis, const struct judged *judged)
{
    struct arena *arena = diagnosis->scan.arena;
    const struct match *match = judged->match;
    struct finding *finding = arena_alloc(arena, sizeof *finding);
    finding->rule = match->rule->id;
    finding->title = match->rule->title;
    finding->severity = judged->severity;
    finding->layer = match->rule->layer;
    finding->component = match->component;
    finding->evidence = (const char *const *)match->evidence;
    finding->evidence_count = match->evidence_count;
    finding->caused_by = judged->cause != NULL ? judged->cause->match->rule->id : NULL;

    const char **checks =
        arena_alloc(arena, (match->check_count + match->explained_count + 1) * sizeof *checks);
    for (size_t i = 0; i < match->check_count; i++)
        checks[finding->check_count++] = match->checks[i]->id;
    for (size_t i = 0; i < match->explained_count; i++) {
        if (check_is_bad(match->explained[i]) && !match_cites(match, match->explained[i]))
            checks[finding->check_count++] = match->explained[i]->id;
    }
    finding->checks = checks;

    const char **fix = arena_alloc(arena, RULE_TEXTS_MAX * sizeof *fix);
    for (size_t i = 0; i < RULE_TEXTS_MAX && match->rule->fix[i] != NULL; i++)
        fix[finding->fix_count++] = match_fill(&diagnosis->scan, match, match->rule->fix[i]);
    finding->fix = fix;
    return finding;
}

static void write_findings(struct diagnosis *diagnosis)
{
    struct finding **end = &diagnosis->survey->findings;
    *end = NULL;
    for (size_t i = 0; i < diagnosis->count; i++) {
        const struct judged *root = diagnosis->order[i];
        if (root->cause != NULL)
            continue;
        *end = make_finding(diagnosis, root);
        end = &(*end)->next;
        for (size_t k = 0; k < diagnosis->count; k++) {
            if (diagnosis->order[k]->cause != root)
                continue;
            *end = make_finding(diagnosis, diagnosis->order[k]);
            end = &(*end)->next;
        }
    }
}

void survey_diagnose(struct survey *survey)
{
    struct diagnosis diagnosis = {
        .survey = survey,
        .scan = {.survey = survey, .arena = &survey->arena},
    };
    survey->findings = NULL;
    profile_judge(survey, diagnosis.states);
    run_rules(&diagnosis);
    attach_all(&diagnosis);
    find_unexplained(&diagnosis);
    attach_gated(&diagnosis);
    tell_gated(&diagnosis);
    rank(&diagnosis);
    find_causes(&diagnosis);
    write_findings(&diagnosis);
    profile_verdict(survey);
    survey->checklist = checklist_fill(survey);
}
