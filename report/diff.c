#include "report/diff.h"

#include <inttypes.h>
#include <string.h>

#include "report/layout.h"
#include "report/matrix.h"
#include "report/rule.h"

struct comparison {
    const struct survey *before, *after;
    const struct render_style *style;
    struct text_buffer lines;
    struct arena arena;
    int worse, better, other;
};

enum change { CHANGE_WORSE, CHANGE_BETTER, CHANGE_OTHER };

static void put_change(struct comparison *comparison, enum change change, const char *text)
{
    static const char *const words[] = {"worse  ", "better ", "changed"};
    static const enum paint paints[] = {PAINT_BAD, PAINT_GOOD, PAINT_NONE};
    int *const counts[] = {&comparison->worse, &comparison->better, &comparison->other};
    (*counts[change])++;
    struct text_buffer line = {0};
    layout_wrap(&line, comparison->style, words[change], strlen(words[change]) + 2, text);
    layout_put(&comparison->lines, comparison->style, paints[change], words[change]);
    buffer_add(&comparison->lines, buffer_text(&line) + strlen(words[change]));
    buffer_done(&line);
}

/* ---- checks -----------------------------------------------------------------------------------
 */

/* 0: works; 3: broken. What was not asked is in between and proves nothing. */
static int badness(const struct check *check)
{
    if (check == NULL)
        return 2;
    switch (check->outcome) {
    case OUTCOME_PASS:
        return 0;
    case OUTCOME_WARN:
        return 1;
    case OUTCOME_FAIL:
    case OUTCOME_BLOCKED:
    case OUTCOME_ERROR:
        return 3;
    case OUTCOME_SKIPPED:
    case OUTCOME_NOT_RUN:
    case OUTCOME_COUNT:
        break;
    }
    return 2;
}

/* Skipped before or after: neither better nor worse, unless it fails now. */
static enum change judge(const struct check *before, const struct check *after)
{
    int was = badness(before), is = badness(after);
    if (is == 3 && was != 3)
        return CHANGE_WORSE;
    if (was == 3 && is < 2)
        return CHANGE_BETTER;
    if (was == 2 || is == 2)
        return CHANGE_OTHER;
    return is > was ? CHANGE_WORSE : CHANGE_BETTER;
}

static void compare_check(struct comparison *comparison, const char *name,
    const struct check *before, const struct check *after)
{
    const char *was = matrix_word(before), *is = matrix_word(after);
    if (strcmp(was, is) == 0)
        return;
    const char *summary = after != NULL ? after->summary : "";
    put_change(comparison, judge(before, after),
        arena_printf(&comparison->arena, "%s: %s -> %s%s%s", name, was, is,
            *summary != '\0' ? ": " : "", summary));
}

/* ---- facts worth a line -----------------------------------------------------------------------
 */

static const char *fact_text(struct arena *arena, const struct fact *fact)
{
    switch (fact->type) {
    case FACT_BOOL:
        return fact->boolean ? "true" : "false";
    case FACT_INT:
        return arena_printf(arena, "%" PRId64, fact->integer);
    case FACT_TEXT:
        return fact->text;
    case FACT_LIST:
        break;
    }
    const char *text = "";
    for (size_t i = 0; i < fact->count && i < 16; i++)
        text = arena_printf(arena, "%s%s%s", text, i > 0 ? " " : "", fact->list[i]);
    return text;
}

static void compare_facts(struct comparison *comparison, const char *name,
    const struct check *before, const struct check *after)
{
    static const char *const keys[] = {"exchange.build", "tls.sha256", "tls.not_after",
        "tls.version", "http.schemes", "auth.scheme", "node", "mailbox.home_mdb", "mailbox.hidden",
        "autodiscover.server"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const struct fact *was = check_fact(before, keys[i]);
        const struct fact *is = check_fact(after, keys[i]);
        if (was == NULL || is == NULL)
            continue;
        const char *was_text = fact_text(&comparison->arena, was);
        const char *is_text = fact_text(&comparison->arena, is);
        if (strcmp(was_text, is_text) != 0)
            put_change(comparison, CHANGE_OTHER,
                arena_printf(
                    &comparison->arena, "%s: %s: %s -> %s", name, keys[i], was_text, is_text));
    }
}

/* ---- rows -------------------------------------------------------------------------------------
 */

/* What one row of a run reads for all the others: which row that is, is chance. */
static bool is_shared(const struct check *check)
{
    static const char *const probes[] = {"ldap.state", "ldap.groups", "ldap.recipient",
        "ldap.other", "ldap.organization", "ldap.server", "ldap.scp", "ldap.vdir", "ldap.database",
        "ldap.controllers", "ldap.guard", "gc.addresses", "gc.spn"};
    for (size_t i = 0; i < sizeof probes / sizeof probes[0]; i++) {
        if (strcmp(check->probe, probes[i]) == 0)
            return true;
    }
    return false;
}

static bool same_subject(const struct check *a, const struct check *b)
{
    return a->subject == NULL || b->subject == NULL ? a->subject == b->subject
                                                    : strcmp(a->subject, b->subject) == 0;
}

/* The same question of the same row in the other run. */
static const struct check *counterpart(const struct chain *chain, const struct check *check)
{
    const struct check *at = chain->checks;
    while (at != NULL && (strcmp(at->probe, check->probe) != 0 || !same_subject(at, check)))
        at = at->next;
    return at;
}

/* The row in the other run. A ticket for a service is asked of the KDC that answered first, which
 * is chance: the service is the row. */
static const struct chain *same_row(const struct survey *survey, const struct chain *chain)
{
    const struct endpoint *endpoint = &chain->endpoint;
    const struct chain *at = survey_find_chain(survey, chain->id);
    if (at != NULL || endpoint->service != SERVICE_KERBEROS || endpoint->subject == NULL)
        return at;
    for (at = survey->chains; at != NULL; at = at->next) {
        if (at->endpoint.service == SERVICE_KERBEROS && at->endpoint.subject != NULL &&
            strcmp(at->endpoint.subject, endpoint->subject) == 0)
            return at;
    }
    return NULL;
}

/* The same reading in the other run, by whichever row; NULL: nobody has it. */
static const struct check *shared_counterpart(
    const struct survey *survey, const struct check *check)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (badness(at) != badness(NULL) && at->outcome != OUTCOME_SKIPPED &&
                strcmp(at->probe, check->probe) == 0 && same_subject(at, check))
                return at;
        }
    }
    return NULL;
}

static void compare_shared(struct comparison *comparison)
{
    struct arena *arena = &comparison->arena;
    for (const struct chain *chain = comparison->after->chains; chain != NULL;
         chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (!is_shared(at) || at->outcome == OUTCOME_SKIPPED ||
                shared_counterpart(comparison->after, at) != at)
                continue;
            const struct check *old = shared_counterpart(comparison->before, at);
            const char *name = arena_printf(arena, "%s%s%s", at->probe,
                at->subject != NULL ? " " : "", at->subject != NULL ? at->subject : "");
            compare_check(comparison, name, old, at);
            compare_facts(comparison, name, old, at);
        }
    }
    for (const struct chain *chain = comparison->before->chains; chain != NULL;
         chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (is_shared(at) && at->outcome != OUTCOME_SKIPPED &&
                shared_counterpart(comparison->before, at) == at &&
                shared_counterpart(comparison->after, at) == NULL)
                put_change(comparison, CHANGE_OTHER,
                    arena_printf(arena, "%s %s: not read any more", at->probe,
                        at->subject != NULL ? at->subject : ""));
        }
    }
}

static void compare_row(
    struct comparison *comparison, const struct chain *before, const struct chain *after)
{
    struct arena *arena = &comparison->arena;
    for (const struct check *at = after->checks; at != NULL; at = at->next) {
        if (is_shared(at))
            continue;
        const struct check *old = counterpart(before, at);
        const char *name = arena_printf(arena, "%s %s%s%s", after->id, at->probe,
            at->subject != NULL ? " " : "", at->subject != NULL ? at->subject : "");
        compare_check(comparison, name, old, at);
        compare_facts(comparison, name, old, at);
    }
    for (const struct check *at = before->checks; at != NULL; at = at->next) {
        if (!is_shared(at) && counterpart(after, at) == NULL)
            put_change(comparison, CHANGE_OTHER,
                arena_printf(arena, "%s %s: not asked any more", before->id, at->probe));
    }
}

static bool row_fails(const struct chain *chain)
{
    for (const struct check *at = chain->checks; at != NULL; at = at->next) {
        if (badness(at) == 3)
            return true;
    }
    return false;
}

static bool service_has_row(const struct survey *survey, enum service service)
{
    const struct chain *chain = survey->chains;
    while (chain != NULL && chain->endpoint.service != service)
        chain = chain->next;
    return chain != NULL;
}

static void compare_rows(struct comparison *comparison)
{
    size_t count = 0;
    struct arena *arena = &comparison->arena;
    const struct chain **rows = matrix_order(comparison->after, arena, &count);
    for (size_t i = 0; i < count; i++) {
        const struct chain *old = same_row(comparison->before, rows[i]);
        if (old != NULL)
            compare_row(comparison, old, rows[i]);
        else
            put_change(comparison, row_fails(rows[i]) ? CHANGE_WORSE : CHANGE_OTHER,
                arena_printf(arena, "%s: a new row%s", rows[i]->id,
                    row_fails(rows[i]) ? ", and it does not work" : ""));
    }
    rows = matrix_order(comparison->before, arena, &count);
    for (size_t i = 0; i < count; i++) {
        if (same_row(comparison->after, rows[i]) != NULL)
            continue;
        bool lost =
            chain_works(rows[i]) && !service_has_row(comparison->after, rows[i]->endpoint.service);
        put_change(comparison, lost ? CHANGE_WORSE : CHANGE_OTHER,
            arena_printf(arena, "%s: the row is gone%s", rows[i]->id,
                lost ? ", and it was the last of its service" : ""));
    }
}

/* ---- findings, checklist, verdict -------------------------------------------------------------
 */

static const struct finding *same_finding(
    const struct survey *survey, const struct finding *finding)
{
    const struct finding *at = survey->findings;
    while (at != NULL &&
           (strcmp(at->rule, finding->rule) != 0 || strcmp(at->component, finding->component) != 0))
        at = at->next;
    return at;
}

static void compare_findings(struct comparison *comparison)
{
    struct arena *arena = &comparison->arena;
    for (const struct finding *at = comparison->after->findings; at != NULL; at = at->next) {
        const struct finding *old = same_finding(comparison->before, at);
        if (old == NULL)
            put_change(comparison, CHANGE_WORSE,
                arena_printf(arena, "new: %s %s: %s", at->rule, at->title, at->component));
        else if (old->severity != at->severity)
            put_change(comparison, at->severity < old->severity ? CHANGE_WORSE : CHANGE_BETTER,
                arena_printf(arena, "%s %s: %s -> %s", at->rule, at->component,
                    severity_str(old->severity), severity_str(at->severity)));
    }
    for (const struct finding *at = comparison->before->findings; at != NULL; at = at->next) {
        if (same_finding(comparison->after, at) == NULL)
            put_change(comparison, CHANGE_BETTER,
                arena_printf(arena, "gone: %s %s: %s", at->rule, at->title, at->component));
    }
}

static void compare_checklists(struct comparison *comparison)
{
    const struct checklist_item *old = comparison->before->checklist;
    const struct checklist_item *new = comparison->after->checklist;
    /* both are made from the same table, in the same order */
    for (; old != NULL && new != NULL; old = old->next, new = new->next) {
        const struct check was = {.outcome = old->outcome, .summary = old->summary};
        const struct check is = {.outcome = new->outcome, .summary = new->summary};
        compare_check(comparison, new->item, &was, &is);
    }
}

/* ok, degraded, unknown, broken: from good to bad */
static int status_rank(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return 0;
    case STATUS_DEGRADED:
        return 1;
    case STATUS_UNKNOWN:
        return 2;
    case STATUS_BROKEN:
    case STATUS_COUNT:
        break;
    }
    return 3;
}

static void compare_verdicts(struct comparison *comparison)
{
    enum status was = comparison->before->verdict.status;
    enum status is = comparison->after->verdict.status;
    if (was == is)
        return;
    put_change(comparison, status_rank(is) > status_rank(was) ? CHANGE_WORSE : CHANGE_BETTER,
        arena_printf(&comparison->arena, "verdict: %s -> %s: %s", status_str(was), status_str(is),
            comparison->after->verdict.summary));
}

bool survey_diff(const struct survey *before, const struct survey *after,
    const struct render_style *style, struct text_buffer *out)
{
    struct comparison comparison = {.before = before, .after = after, .style = style};
    if (strcmp(before->target.address, after->target.address) != 0)
        put_change(&comparison, CHANGE_OTHER,
            arena_printf(&comparison.arena, "another mailbox: %s -> %s", before->target.address,
                after->target.address));
    if (before->target.profile != after->target.profile)
        put_change(&comparison, CHANGE_OTHER,
            arena_printf(&comparison.arena, "another profile: %s -> %s",
                profile_str(before->target.profile), profile_str(after->target.profile)));
    compare_rows(&comparison);
    compare_shared(&comparison);
    compare_findings(&comparison);
    compare_checklists(&comparison);
    compare_verdicts(&comparison);
    buffer_add(out, style->quiet ? "" : buffer_text(&comparison.lines));
    if (comparison.worse + comparison.better + comparison.other == 0)
        buffer_add(out, "nothing changed\n");
    else
        buffer_printf(out, "%d worse, %d better, %d otherwise changed\n", comparison.worse,
            comparison.better, comparison.other);
    buffer_done(&comparison.lines);
    arena_done(&comparison.arena);
    return comparison.worse > 0;
}
