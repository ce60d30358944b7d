#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/planned.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void planned_init(struct planned *planned, const char *only)
{
    *planned = (struct planned){
        .settings = {.address = "svc@contoso.test",
            .mail_domain = "contoso.test",
            .realm = "CONTOSO.TEST",
            .resolvers = {{"192.0.2.53", 53}},
            .resolver_count = 1,
            .per_host = 4},
    };
    if (only[0] != '\0')
        planned->settings.only.list[planned->settings.only.count++] = only;
    survey_init(&planned->survey);
}

void planned_open(struct planned *planned)
{
    struct fault fault;
    planned->plan.settings = &planned->settings;
    planned->plan.survey = &planned->survey;
    assert_true(plan_open(&planned->plan, &fault));
    plan_start_locked(&planned->plan);
}

void planned_start(struct planned *planned, const char *only)
{
    planned_init(planned, only);
    planned_open(planned);
}

void planned_done(struct planned *planned)
{
    plan_done(&planned->plan);
    survey_done(&planned->survey);
}

struct job *planned_question(struct planned *planned, const char *name, enum dns_type type)
{
    for (struct job *job = planned->plan.jobs; job != NULL; job = job->next) {
        if (job->kind == JOB_QUESTION && job->state != JOB_DONE && job->type == type &&
            strcmp(job->name, name) == 0)
            return job;
    }
    return NULL;
}

static void fill_record(struct dns_record *record, enum dns_type type, const char *text)
{
    if (type != DNS_SRV) {
        assert_true(net_address_parse(text, 0, &record->address));
        return;
    }
    const char *colon = strchr(text, ':');
    assert_non_null(colon);
    size_t length = (size_t)(colon - text);
    memcpy(record->target, text, length);
    record->target[length] = '\0';
    if (strcmp(record->target, ".") == 0)
        record->target[0] = '\0';
    record->port = (uint16_t)atoi(colon + 1);
}

void planned_fill(
    const struct planned *planned, struct job *job, size_t resolver, const char *records)
{
    if (job->answers == NULL)
        job->answers = arena_alloc(&job->arena, DNS_RESOLVERS_MAX * sizeof *job->answers);
    struct name_answer *answer = &job->answers[resolver];
    *answer = (struct name_answer){
        .name = job->name, .type = job->type, .resolver = planned->plan.resolvers[resolver]};
    answer->answer.records = arena_alloc(&job->arena, 8 * sizeof *answer->answer.records);
    if (records == NULL) {
        answer->answer.rcode = 3;
        fault_set(&answer->answer.fault, CAUSE_NAME_NOT_FOUND, ORIGIN_DNS, 3, "no such name");
        return;
    }
    answer->answer.ok = true;
    char *copy = arena_strdup(&job->arena, records);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        fill_record(&answer->answer.records[answer->answer.count++], job->type, word);
}

void planned_answer(
    struct planned *planned, const char *name, enum dns_type type, const char *records)
{
    struct job *job = planned_question(planned, name, type);
    if (job == NULL)
        fail_msg("%s was not asked for", name);
    for (size_t i = 0; i < planned->plan.resolver_count; i++)
        planned_fill(planned, job, i, records);
    plan_answered_locked(&planned->plan, job);
}

void planned_discover(struct planned *planned, enum service service, const char *url)
{
    plan_discover_locked(&planned->plan, service, url, SOURCE_AUTODISCOVER);
}

size_t planned_rows(const struct planned *planned)
{
    size_t count = 0;
    for (const struct chain *chain = planned->survey.chains; chain != NULL; chain = chain->next)
        count++;
    return count;
}

struct chain *planned_row(const struct planned *planned, const char *id)
{
    return survey_find_chain(&planned->survey, id);
}

struct job *planned_job(const struct planned *planned, const char *id)
{
    for (struct job *job = planned->plan.jobs; job != NULL; job = job->next) {
        if (job->kind == JOB_CHAIN && strcmp(job->chain->id, id) == 0)
            return job;
    }
    fail_msg("no job for %s", id);
    return NULL;
}

struct chain *planned_assert_row(const struct planned *planned, const char *id)
{
    struct chain *chain = planned_row(planned, id);
    if (chain == NULL) {
        for (chain = planned->survey.chains; chain != NULL; chain = chain->next)
            print_error("there is %s\n", chain->id);
        fail_msg("no row %s", id);
    }
    planned_job(planned, id);
    return chain;
}

void planned_end(struct planned *planned, const char *id, enum outcome auth)
{
    struct job *job = planned_job(planned, id);
    struct check *check = check_new(id, "http.logon", "", LAYER_AUTH, NULL, NULL);
    check_settle(check, auth, "by hand");
    chain_append(job->chain, check);
    job->endpoint = job->chain->endpoint;
    plan_chain_done_locked(&planned->plan, job);
}
