#include "probes/survey.h"

#include <string.h>

#include "net/wire/text.h"

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

/* The directory names it as a Global Catalog. */
static bool is_listed_gc(const struct survey *survey, const char *host)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        const struct fact *gcs = check_fact(chain_check(chain, "ldap.controllers"), "dc.gcs");
        for (size_t i = 0; gcs != NULL && gcs->type == FACT_LIST && i < gcs->count; i++) {
            if (text_equal_nocase(gcs->list[i], host))
                return true;
        }
    }
    return false;
}

/* The controller is up, and nothing it says makes it a Global Catalog. */
static bool is_plain_controller(const struct survey *survey, const char *host)
{
    bool speaks = false;
    for (const struct chain *at = survey->chains; at != NULL; at = at->next) {
        const struct check *root = chain_check(at, "ldap.rootdse");
        if (at->endpoint.service != SERVICE_LDAP || strcmp(at->endpoint.host, host) != 0 ||
            root == NULL || (root->outcome != OUTCOME_PASS && root->outcome != OUTCOME_WARN))
            continue;
        if (check_get_bool(root, "ldap.gc_ready", false) ||
            is_listed_gc(survey, check_get_text(root, "ldap.dns_host", host)))
            return false;
        speaks = true;
    }
    return speaks && !is_listed_gc(survey, host);
}

/* --dc names controllers, and each is asked for a Global Catalog: not every one is one. */
static bool is_no_gc(const struct survey *survey, const struct chain *chain)
{
    const struct endpoint *endpoint = &chain->endpoint;
    const struct check *connect = chain_cell(chain, LAYER_TCP);
    return endpoint->service == SERVICE_GC && endpoint->sources == 1u << SOURCE_USER &&
           connect != NULL && connect->outcome == OUTCOME_FAIL &&
           connect->fault.cause == CAUSE_REFUSED && is_plain_controller(survey, endpoint->host);
}

static void skip_gc(struct chain *chain)
{
    for (struct check *check = chain->checks; check != NULL; check = check->next) {
        if (check->outcome != OUTCOME_FAIL && check->outcome != OUTCOME_BLOCKED)
            continue;
        check->outcome = OUTCOME_SKIPPED;
        check->blocked_by = NULL;
        check->summary = "not a Global Catalog, and nothing says it should be";
    }
}

void survey_reconcile(struct survey *survey)
{
    for (struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        if (is_no_gc(survey, chain))
            skip_gc(chain);
    }
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
