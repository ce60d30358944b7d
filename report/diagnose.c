#include "report/diagnose.h"

#include <stdlib.h>
#include <string.h>

#include "report/checklist.h"
#include "report/profile.h"
#include "report/rule.h"
#include "report/rules.h"

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
        if (at->echo == ECHO_NONE && (match_cites(at, check) || match_explains(at, check)))
            return true;
    }
    return false;
}

/* From here on a match echoes, or it does not. */
static void settle_echoes(struct diagnosis *diagnosis)
{
    for (struct match *at = diagnosis->scan.matches; at != NULL; at = at->next) {
        if (at->echo == ECHO_IF_EXPLAINED)
            at->echo = is_accounted_for(diagnosis, at->checks[0]) ? ECHO_ALWAYS : ECHO_NONE;
    }
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
                report_unexplained(&diagnosis->scan, chain, at);
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

/* What it cites is asked of a further mailbox only: others than the account's own may well be
 * hidden.
 */
static bool is_of_other_mailbox(const struct match *match)
{
    return match->checks[0]->layer == LAYER_MAILBOX && match->checks[0]->subject != NULL;
}

static enum severity judge_severity(const struct diagnosis *diagnosis, const struct judged *judged)
{
    const struct match *match = judged->match;
    const struct rule *rule = match->rule;
    bool hurts = hurts_profile(diagnosis, judged);
    if (match->echo != ECHO_NONE)
        return SEVERITY_INFO;
    bool fatal = (rule->fail_profiles & (1u << diagnosis->survey->target.profile)) != 0;
    if (match->fails || (fatal && !is_of_other_mailbox(match)))
        return SEVERITY_FAIL;
    if (match->harmless)
        return hurts ? SEVERITY_FAIL : rule->severity;
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

/* Needed services that do not work, and whose own rows say so. */
static unsigned broken_needs(const struct diagnosis *diagnosis)
{
    unsigned services = 0;
    for (int i = 0; i < SERVICE_COUNT; i++) {
        const struct service_state *state = &diagnosis->states[i];
        if (state->needed && state->tested && !state->works && state->failed)
            services |= 1u << i;
    }
    return services;
}

/* How much a finding has to do with what is broken. */
static int blame(const struct judged *judged, unsigned broken)
{
    if (strcmp(judged->match->rule->id, RULE_OWN_TROUBLE) == 0 || judged->match->echo != ECHO_NONE)
        return 0;
    if ((judged->services & broken) == 0)
        return 1;
    return any_failure_follows(judged->match) ? 3 : 2;
}

/* Where several warnings together leave nothing of a needed service, none of them is to blame
 * alone, and yet access is broken: the one whose rows say most about it stands for it. */
static void promote(struct diagnosis *diagnosis)
{
    struct judged *worst = NULL;
    unsigned broken = broken_needs(diagnosis);
    for (size_t i = 0; broken != 0 && i < diagnosis->count; i++) {
        struct judged *judged = diagnosis->order[i];
        if (judged->severity == SEVERITY_FAIL)
            return;
        if (worst == NULL || blame(judged, broken) > blame(worst, broken))
            worst = judged;
    }
    if (worst == NULL)
        return;
    worst->severity = SEVERITY_FAIL;
    if (diagnosis->count > 1)
        qsort(diagnosis->order, diagnosis->count, sizeof *diagnosis->order, compare);
}

/* The first finding that has to do with what the echo cites. */
static void find_origin(struct diagnosis *diagnosis, struct judged *echo)
{
    const struct check *check = echo->match->checks[0];
    for (size_t i = 0; i < diagnosis->count && echo->cause == NULL; i++) {
        struct judged *origin = diagnosis->order[i];
        if (origin->match->echo == ECHO_NONE &&
            (match_cites(origin->match, check) || match_explains(origin->match, check)))
            echo->cause = origin;
    }
}

/* Causes have no cause themselves: one step is as deep as the report goes. */
static void find_causes(struct diagnosis *diagnosis)
{
    for (size_t i = 0; i < diagnosis->count; i++) {
        struct judged *effect = diagnosis->order[i];
        for (size_t k = 0;
             k < diagnosis->count && effect->match->echo == ECHO_NONE && effect->cause == NULL;
             k++) {
            struct judged *cause = diagnosis->order[k];
            if (cause == effect || cause->cause != NULL || cause->match->echo != ECHO_NONE ||
                !explains_all_of(cause->match, effect->match))
                continue;
            if (!explains_all_of(effect->match, cause->match) || k < i)
                effect->cause = cause;
        }
    }
    for (size_t i = 0; i < diagnosis->count; i++) {
        if (diagnosis->order[i]->match->echo != ECHO_NONE)
            find_origin(diagnosis, diagnosis->order[i]);
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
    settle_echoes(&diagnosis);
    find_unexplained(&diagnosis);
    attach_gated(&diagnosis);
    tell_gated(&diagnosis);
    rank(&diagnosis);
    promote(&diagnosis);
    find_causes(&diagnosis);
    write_findings(&diagnosis);
    profile_verdict(survey);
    survey->checklist = checklist_fill(survey);
}
