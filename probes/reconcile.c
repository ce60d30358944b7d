#include "probes/survey.h"

#include <string.h>

/* The server behind it spoke its protocol; a KDC's rows have no column for that. */
static bool chain_answered(const struct chain *chain)
{
    bool kdc = chain->endpoint.service == SERVICE_KERBEROS;
    const struct check *cell = chain_cell(chain, kdc ? LAYER_TCP : LAYER_HTTP);
    return cell != NULL && (cell->outcome == OUTCOME_PASS || cell->outcome == OUTCOME_WARN);
}

/* A name clients try because it is the mail domain itself: mostly the company's web site, or
 * nothing. */
static bool is_domain_itself(const struct survey *survey, const struct endpoint *endpoint)
{
    return endpoint->service == SERVICE_AUTODISCOVER && endpoint->candidate &&
           (endpoint->sources & (1u << SOURCE_USER)) == 0 &&
           strcmp(endpoint->host, survey->target.domain) == 0;
}

/* Another address of the same host that answers makes a dead address a fault of its own (N04);
 * only another host is another place. */
static bool is_optional(const struct survey *survey, const struct chain *chain)
{
    const struct endpoint *endpoint = &chain->endpoint;
    if (!endpoint->candidate && endpoint->sources != 1u << SOURCE_GUESS)
        return false;
    bool elsewhere = is_domain_itself(survey, endpoint);
    for (const struct chain *other = survey->chains; other != NULL; other = other->next) {
        if (other->endpoint.service != endpoint->service || !chain_answered(other))
            continue;
        if (strcmp(other->endpoint.host, endpoint->host) == 0)
            return false;
        elsewhere = true;
    }
    return elsewhere;
}

/* What clients meet there before they go on: a bad certificate makes Outlook ask, a web site's page
 * in place of Autodiscover's answer costs time and prompts (U06); all else is silent. */
static void excuse(struct check *check)
{
    bool met = check->layer == LAYER_TLS || check->fault.cause == CAUSE_NOT_EXCHANGE;
    check->outcome = met ? OUTCOME_WARN : OUTCOME_SKIPPED;
    check->summary =
        arena_printf(&check->arena, "%s; clients go on to the next place", check->summary);
}

void survey_reconcile(struct survey *survey)
{
    for (struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        if (!is_optional(survey, chain))
            continue;
        const struct check *excused = NULL;
        for (struct check *check = chain->checks; check != NULL; check = check->next) {
            if (check->outcome == OUTCOME_FAIL && check->layer <= LAYER_HTTP) {
                excuse(check);
                excused = check;
            } else if (check->outcome == OUTCOME_BLOCKED && check->blocked_by == excused &&
                       excused != NULL) {
                check->outcome = OUTCOME_SKIPPED;
                check->blocked_by = NULL;
                check->summary = "not tried: clients go on to the next place";
            }
        }
    }
}
