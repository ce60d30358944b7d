/*
 * What the tests of the diagnosis share; after cmocka.h.
 */
#ifndef TESTS_UNIT_FINDINGS_H
#define TESTS_UNIT_FINDINGS_H

#include "report/diagnose.h"
#include "report/rule.h"
#include "tests/unit/fixture.h"

#include <string.h>

static inline const struct finding *find(const struct survey *survey, const char *rule)
{
    const struct finding *at = survey->findings;
    while (at != NULL && strcmp(at->rule, rule) != 0)
        at = at->next;
    return at;
}

static inline int count(const struct survey *survey)
{
    int n = 0;
    for (const struct finding *at = survey->findings; at != NULL; at = at->next)
        n++;
    return n;
}

/* Every finding cites checks that exist, has words, and a fix without open placeholders. */
static inline void assert_whole(const struct survey *survey)
{
    for (const struct finding *at = survey->findings; at != NULL; at = at->next) {
        assert_non_null(rule_find(at->rule));
        assert_true(at->check_count > 0 && at->evidence_count > 0 && at->fix_count > 0);
        assert_true(strlen(at->component) > 0);
        for (size_t i = 0; i < at->check_count; i++)
            assert_non_null(survey_find_check(survey, at->checks[i]));
        for (size_t i = 0; i < at->fix_count; i++)
            assert_null(strchr(at->fix[i], '{'));
        if (at->caused_by != NULL)
            assert_non_null(find(survey, at->caused_by));
    }
}

/* One more candidate for Autodiscover, which fails at this layer. */
static inline struct chain *add_place(
    struct survey *survey, const char *host, enum layer layer, enum cause cause)
{
    struct endpoint endpoint = {.service = SERVICE_AUTODISCOVER,
        .host = host,
        .port = 443,
        .sources = 1u << SOURCE_DNS,
        .candidate = true};
    struct chain *chain = survey_add_chain(survey, &endpoint);
    struct check *check = check_new(chain->id, "probe", "t", layer, NULL, NULL);
    struct fault fault;
    fault_set(&fault, cause, ORIGIN_EXREACH, 0, "it fails");
    check_fail(check, &fault);
    chain_append(chain, check);
    return chain;
}

#endif
