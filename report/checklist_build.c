#include "report/checklist_answer.h"

#include <string.h>

#include "net/wire/build.h"

enum { BUILDS_MAX = 32 };

/* Different builds seen on the wire. */
struct builds {
    struct build list[BUILDS_MAX];
    const char *texts[BUILDS_MAX];
    size_t count;
};

static void note_build(struct builds *builds, const char *text)
{
    struct build build;
    if (text == NULL || builds->count == BUILDS_MAX || !build_parse(text, &build))
        return;
    for (size_t i = 0; i < builds->count; i++) {
        if (build_compare(&builds->list[i], &build) != 0)
            continue;
        /* OWA's links have no revision: the longer text is the better one */
        if (builds->list[i].revision >= 0 || build.revision < 0)
            return;
        builds->list[i] = build;
        builds->texts[i] = text;
        return;
    }
    builds->list[builds->count] = build;
    builds->texts[builds->count++] = text;
}

static struct builds seen_builds(struct answer *answer)
{
    struct builds builds = {.count = 0};
    for (const struct chain *chain = answer->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            note_build(&builds, check_get_text(at, "exchange.build", NULL));
            note_build(&builds, check_get_text(at, "owa.build", NULL));
        }
    }
    if (builds.count > 0) {
        const char **texts = arena_copy(answer->arena, builds.texts, builds.count * sizeof *texts);
        const char *joined = texts[0];
        for (size_t i = 1; i < builds.count; i++)
            joined = arena_printf(answer->arena, "%s, %s", joined, texts[i]);
        answer_text(answer, "exchange.builds", joined);
    }
    return builds;
}

static const char *name_of(struct answer *answer, const struct build *build)
{
    char name[80];
    return arena_strdup(answer->arena, build_name(build, name, sizeof name));
}

/* The oldest one decides. */
static size_t oldest(const struct builds *builds)
{
    size_t oldest = 0;
    for (size_t i = 1; i < builds->count; i++) {
        if (build_compare(&builds->list[i], &builds->list[oldest]) < 0)
            oldest = i;
    }
    return oldest;
}

void answer_latest(struct answer *answer)
{
    struct builds builds = seen_builds(answer);
    if (builds.count == 0)
        return;
    size_t at = oldest(&builds);
    const struct build *build = &builds.list[at];
    const char *name = name_of(answer, build);
    const struct build_row *newest = build_newest(build, false);
    const char *end = build_support_end(build_product(build));
    const char *today = rfc3339(answer->arena, answer->survey->started_us / 1000000);
    if (end != NULL && strncmp(today, end, 10) > 0) {
        answer_settle(
            answer, OUTCOME_FAIL, "%s is %s: out of support since %s", builds.texts[at], name, end);
    } else if (newest != NULL && build_compare(build, &newest->build) < 0) {
        answer_settle(answer, OUTCOME_WARN, "%s is %s; the newest known is %s %s%s%s",
            builds.texts[at], name, build_product_str(newest->product), newest->level,
            newest->update != NULL ? " " : "", newest->update != NULL ? newest->update : "");
    } else {
        answer_settle(answer, OUTCOME_PASS, "%s is %s", builds.texts[at], name);
    }
}

void answer_one_version(struct answer *answer)
{
    struct builds builds = seen_builds(answer);
    if (builds.count == 0)
        return;
    for (size_t i = 1; i < builds.count; i++) {
        if (build_product(&builds.list[i]) != build_product(&builds.list[0])) {
            answer_settle(answer, OUTCOME_FAIL, "servers answer as %s and as %s",
                build_product_str(build_product(&builds.list[0])),
                build_product_str(build_product(&builds.list[i])));
            return;
        }
    }
    /* The wire shows who answered, not who else is in the organisation. */
    answer_settle(answer, OUTCOME_SKIPPED,
        "check by hand: Get-ExchangeServer, every server has the same version; on the wire only %s "
        "was seen",
        build_product_str(build_product(&builds.list[0])));
}

void answer_minimum(struct answer *answer)
{
    static const struct build minimum = {15, 0, 712, 24};
    struct builds builds = seen_builds(answer);
    if (builds.count == 0)
        return;
    size_t at = oldest(&builds);
    bool enough = build_compare(&builds.list[at], &minimum) >= 0;
    answer_settle(answer, enough ? OUTCOME_PASS : OUTCOME_FAIL, "%s is %s", builds.texts[at],
        name_of(answer, &builds.list[at]));
}

static bool none_is_2010(const struct builds *builds)
{
    for (size_t i = 0; i < builds->count; i++) {
        if (builds->list[i].major <= 14)
            return false;
    }
    return builds->count > 0;
}

void answer_2010(struct answer *answer)
{
    struct builds builds = seen_builds(answer);
    if (none_is_2010(&builds)) {
        answer_settle(answer, OUTCOME_SKIPPED, "does not apply: no Exchange 2010 was seen");
        return;
    }
    if (builds.count == 0)
        return;
    size_t at = oldest(&builds);
    const struct build *build = &builds.list[at];
    const struct build_row *newest = build_newest(build, false);
    bool current = newest == NULL || build_compare(build, &newest->build) >= 0;
    answer_settle(answer, current ? OUTCOME_PASS : OUTCOME_WARN, "%s is %s%s", builds.texts[at],
        name_of(answer, build), current ? "" : ", not the last update");
}

void answer_2010_role(struct answer *answer)
{
    struct builds builds = seen_builds(answer);
    if (none_is_2010(&builds))
        answer_settle(answer, OUTCOME_SKIPPED, "does not apply: no Exchange 2010 was seen");
}
