#include "report/rule.h"

#include <stdarg.h>
#include <string.h>

enum { GROWTH = 8, EVIDENCE_MAX = 64 };

struct match *scan_match(struct scan *scan, const char *key, const char *component)
{
    struct match **end = &scan->matches;
    for (; *end != NULL; end = &(*end)->next) {
        if ((*end)->rule == scan->rule && strcmp((*end)->key, key) == 0)
            return *end;
    }
    struct match *match = arena_alloc(scan->arena, sizeof *match);
    match->rule = scan->rule;
    match->key = arena_strdup(scan->arena, key);
    match->component = arena_strdup(scan->arena, component);
    *end = match;
    return match;
}

struct match *scan_matchf(struct scan *scan, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = arena_vprintf(scan->arena, format, args);
    va_end(args);
    return scan_match(scan, text, text);
}

static bool contains(const struct check *const *checks, size_t count, const struct check *check)
{
    for (size_t i = 0; i < count; i++) {
        if (checks[i] == check)
            return true;
    }
    return false;
}

bool match_cites(const struct match *match, const struct check *check)
{
    return contains((const struct check *const *)match->checks, match->check_count, check);
}

bool match_explains(const struct match *match, const struct check *check)
{
    return contains((const struct check *const *)match->explained, match->explained_count, check);
}

/* Room for one more pointer: a larger copy in the arena each time the old one is full. */
static void *grow(struct arena *arena, void *old, size_t count, size_t size)
{
    if (count != 0 && (count < GROWTH || (count & (count - 1)) != 0))
        return old;
    void *larger = arena_alloc(arena, (count < GROWTH ? GROWTH : count * 2) * size);
    if (count > 0)
        memcpy(larger, old, count * size);
    return larger;
}

static void add_evidence(struct scan *scan, struct match *match, const char *text)
{
    if (match->evidence_count == EVIDENCE_MAX)
        return;
    for (size_t i = 0; i < match->evidence_count; i++) {
        if (strcmp(match->evidence[i], text) == 0)
            return;
    }
    match->evidence = grow(scan->arena, match->evidence, match->evidence_count, sizeof text);
    match->evidence[match->evidence_count++] = text;
}

void match_say(struct scan *scan, struct match *match, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_evidence(scan, match, arena_vprintf(scan->arena, format, args));
    va_end(args);
}

void match_cite(
    struct scan *scan, struct match *match, const struct chain *chain, const struct check *check)
{
    if (match_cites(match, check))
        return;
    match->checks = grow(scan->arena, match->checks, match->check_count, sizeof check);
    match->checks[match->check_count++] = check;
    /* Without service and address: the same words about one place are one sentence. */
    match_say(scan, match, "%s at %s:%u: %s", check->probe, chain->endpoint.host,
        (unsigned)chain->endpoint.port, check->summary);
}

void match_explain(struct scan *scan, struct match *match, const struct check *check)
{
    match->explained = grow(scan->arena, match->explained, match->explained_count, sizeof check);
    match->explained[match->explained_count++] = check;
}

bool check_is_good(const struct check *check)
{
    return check != NULL && (check->outcome == OUTCOME_PASS || check->outcome == OUTCOME_WARN);
}

bool check_is_bad(const struct check *check)
{
    return check != NULL && (check->outcome == OUTCOME_FAIL || check->outcome == OUTCOME_WARN);
}

bool check_failed(const struct check *check, enum cause cause)
{
    return check_is_bad(check) && check->fault.cause == cause;
}

bool check_is_gated(const struct check *check)
{
    static const char words[] = "the password was refused";
    return check->outcome == OUTCOME_SKIPPED &&
           strncmp(check->summary, words, sizeof words - 1) == 0;
}

const struct chain *survey_chain_of(const struct survey *survey, const struct check *check)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (at == check)
                return chain;
        }
    }
    return NULL;
}
