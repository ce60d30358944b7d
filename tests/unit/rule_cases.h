/*
 * How the tests of the rules ask for a finding; after cmocka.h.
 */
#ifndef TESTS_UNIT_RULE_CASES_H
#define TESTS_UNIT_RULE_CASES_H

#include "tests/unit/findings.h"

static inline void begin(struct survey *survey, const char *fault)
{
    fixture_healthy(survey);
    if (fault != NULL)
        fixture_break(survey, fault);
}

/* Ends the survey. NULL: nothing at all is found. */
static inline void expect_first(struct survey *survey, const char *rule)
{
    survey_diagnose(survey);
    assert_whole(survey);
    const char *first = survey->findings != NULL ? survey->findings->rule : "nothing";
    if (strcmp(first, rule != NULL ? rule : "nothing") != 0)
        fail_msg("%s in place of %s: %s", first, rule != NULL ? rule : "nothing",
            survey->verdict.summary);
    survey_done(survey);
}

/* This one is not found, whatever else is. */
static inline void expect_not(struct survey *survey, const char *rule)
{
    survey_diagnose(survey);
    assert_whole(survey);
    if (find(survey, rule) != NULL)
        fail_msg("%s is wrong: %s", rule, survey->verdict.summary);
    survey_done(survey);
}

static inline bool says(const struct finding *finding, const char *words)
{
    for (size_t i = 0; finding != NULL && i < finding->evidence_count; i++) {
        if (strstr(finding->evidence[i], words) != NULL)
            return true;
    }
    return false;
}

/* The first finding is this one and says so; ends the survey. */
static inline void expect_says(struct survey *survey, const char *rule, const char *words)
{
    survey_diagnose(survey);
    assert_whole(survey);
    if (survey->findings == NULL || strcmp(survey->findings->rule, rule) != 0)
        fail_msg("no %s: %s", rule, survey->verdict.summary);
    if (!says(survey->findings, words))
        fail_msg("%s does not say: %s", rule, words);
    survey_done(survey);
}

#endif
