#include "probes/name.h"
#include "probes/plan.h"

#include <stdio.h>
#include <string.h>

enum { PATIENCE_MS = 200 }; /* for the slower resolvers, after the first good answer */

struct name_answer *name_ask(const struct net_address *resolvers, size_t count, const char *name,
    enum dns_type type, struct net_limit limit, struct arena *arena)
{
    struct dns_answer *raw = arena_alloc(arena, count * sizeof *raw);
    struct name_answer *answers = arena_alloc(arena, count * sizeof *answers);
    dns_ask(resolvers, count, name, type, limit, PATIENCE_MS, arena, raw);
    for (size_t i = 0; i < count; i++)
        answers[i] = (struct name_answer){name, type, resolvers[i], raw[i]};
    return answers;
}

/* ---- what was asked and answered ---- */

static void record_text(
    struct arena *arena, enum dns_type type, const struct dns_record *record, const char **ret_text)
{
    switch (type) {
    case DNS_A:
    case DNS_AAAA:
        *ret_text = arena_strdup(arena, record->address.text);
        return;
    case DNS_CNAME:
        *ret_text = arena_strdup(arena, record->target);
        return;
    case DNS_SRV:
        *ret_text = arena_printf(arena, "%u %u %u %s", record->priority, record->weight,
            record->port, record->target[0] != '\0' ? record->target : ".");
        return;
    case DNS_MX:
        *ret_text = arena_printf(arena, "%u %s", record->priority, record->target);
        return;
    }
}

void survey_keep_lookup(struct survey *survey, const struct name_answer *answer)
{
    struct arena *arena = &survey->arena;
    struct lookup *lookup = arena_alloc(arena, sizeof *lookup);
    const char **records = arena_alloc(arena, (answer->answer.count + 1) * sizeof *records);
    for (size_t i = 0; i < answer->answer.count; i++)
        record_text(arena, answer->type, &answer->answer.records[i], &records[i]);
    lookup->name = arena_strdup(arena, answer->name);
    lookup->type = dns_type_str(answer->type);
    lookup->resolver = arena_printf(arena, "%s:%u", answer->resolver.text, answer->resolver.port);
    lookup->rcode = answer->answer.rcode;
    lookup->records = records;
    lookup->count = answer->answer.count;
    lookup->dropped = answer->answer.dropped;
    lookup->ttl = answer->answer.ttl;
    lookup->elapsed_us = answer->answer.elapsed_us;
    if (!answer->answer.ok)
        lookup->fault = answer->answer.fault;
    struct lookup **end = &survey->lookups;
    while (*end != NULL)
        end = &(*end)->next;
    *end = lookup;
}

/* ---- names ---- */

static const struct fact_def name_facts[] = {
    {"dns.name", FACT_TEXT, "the name that was asked for"},
    {"dns.type", FACT_TEXT, "record type of the question"},
    {"dns.resolver", FACT_TEXT, "the resolver whose answer is used"},
    {"dns.rcode", FACT_INT, "response code (RFC 1035 4.1.1); -1: no answer"},
    {"dns.addresses", FACT_LIST, "addresses the name has"},
    {"dns.cname", FACT_LIST, "the aliases followed, in order"},
    {"dns.ttl", FACT_INT, "lowest time to live of the answer, in seconds"},
    FACT_END,
};

/* RFC 2782: none of the SRV records leads anywhere. */
static void judge_useless_srv(const struct name_answer *answer, struct check *check)
{
    struct fault fault;
    if (answer->answer.records[0].target[0] != '\0') {
        fault_set(&fault, CAUSE_NAME_MALFORMED, ORIGIN_DNS, 0,
            "%.100s names port 0 of %.60s: nothing can be reached there", answer->name,
            answer->answer.records[0].target);
        check_fail(check, &fault);
        return;
    }
    check_settle(
        check, OUTCOME_SKIPPED, "%s says that the service is not offered here", answer->name);
    check_halt(check);
}

void judge_name(const struct name_answer *answer, struct check *check)
{
    const struct dns_answer *dns = &answer->answer;
    char resolver[80];
    snprintf(resolver, sizeof resolver, "%s:%u", answer->resolver.text, answer->resolver.port);
    check_text(check, "dns.name", answer->name);
    check_text(check, "dns.type", dns_type_str(answer->type));
    check_text(check, "dns.resolver", resolver);
    check_int(check, "dns.rcode", dns->rcode);
    for (size_t i = 0; i < dns->cname_count; i++)
        check_add(check, "dns.cname", dns->cnames[i]);
    check->elapsed_us = dns->elapsed_us;
    if (!dns->ok) {
        check_fail(check, &dns->fault);
        return;
    }
    check_int(check, "dns.ttl", dns->ttl);
    bool addresses = answer->type == DNS_A || answer->type == DNS_AAAA;
    for (size_t i = 0; addresses && i < dns->count; i++)
        check_add(check, "dns.addresses", dns->records[i].address.text);
    if (addresses)
        check_settle(check, OUTCOME_PASS, "%s has %zu address%s", answer->name, dns->count,
            dns->count == 1 ? "" : "es");
    else
        judge_useless_srv(answer, check);
}

static bool name_applies(const struct endpoint *endpoint)
{
    return endpoint->service != SERVICE_DNS && endpoint->subject == NULL;
}

static void name_run(struct session *session, struct check *check)
{
    if (session->answer != NULL) {
        judge_name(session->answer, check);
        return;
    }
    check_text(check, "dns.name", session->endpoint.host);
    check_settle(check, OUTCOME_SKIPPED, "the address was given or is known: nothing was asked");
}

const struct probe probe_dns_name = {
    .id = "dns.name",
    .title = "the name has an address",
    .layer = LAYER_DNS,
    .facts = name_facts,
    .applies = name_applies,
    .run = name_run,
};

/* ---- resolvers ---- */

static const struct fact_def resolver_facts[] = {
    {"dns.rcode", FACT_INT, "worst response code seen; -1: some question had no answer"},
    {"dns.questions", FACT_INT, "questions asked of this resolver"},
    {"dns.answered", FACT_INT, "questions it answered, also with \"no such name\""},
    {"dns.elapsed_ms", FACT_INT, "its slowest answer"},
    {"dns.srv", FACT_LIST, "SRV records found: name, then priority weight port target"},
    {"dns.missing", FACT_LIST, "SRV names it does not have"},
    {"dns.skipped", FACT_INT, "SRV records that were not tried: over the best of each name"},
    FACT_END,
};

/* Returns how many records are over the cap of those that are tried. */
static size_t note_srv(struct check *check, const struct lookup *lookup)
{
    char line[600];
    if (strcmp(lookup->type, "SRV") != 0)
        return 0;
    for (size_t i = 0; i < lookup->count; i++) {
        snprintf(line, sizeof line, "%s %s", lookup->name, lookup->records[i]);
        check_add(check, "dns.srv", line);
    }
    if (lookup->count == 0 && lookup->rcode >= 0)
        check_add(check, "dns.missing", lookup->name);
    size_t all = lookup->count + lookup->dropped;
    return all > SRV_TARGETS_MAX ? all - SRV_TARGETS_MAX : 0;
}

void judge_resolver(
    const struct survey *survey, const struct endpoint *endpoint, struct check *check)
{
    char resolver[80];
    int64_t questions = 0, answered = 0, trouble = 0;
    size_t skipped = 0;
    const struct lookup *first_bad = NULL;
    snprintf(resolver, sizeof resolver, "%s:%u", endpoint->host, endpoint->port);
    for (const struct lookup *lookup = survey->lookups; lookup != NULL; lookup = lookup->next) {
        if (strcmp(lookup->resolver, resolver) != 0)
            continue;
        questions++;
        answered += lookup->rcode >= 0;
        /* 0 NOERROR and 3 NXDOMAIN are answers; SERVFAIL, REFUSED … and silence are trouble. */
        bool bad = lookup->rcode != 0 && lookup->rcode != 3;
        trouble += bad;
        if (bad && first_bad == NULL)
            first_bad = lookup;
        if (lookup->elapsed_us > check->elapsed_us)
            check->elapsed_us = lookup->elapsed_us;
        skipped += note_srv(check, lookup);
    }
    check_int(check, "dns.questions", questions);
    check_int(check, "dns.answered", answered);
    check_int(check, "dns.rcode", first_bad != NULL ? first_bad->rcode : 0);
    check_int(check, "dns.elapsed_ms", check->elapsed_us / 1000);
    if (questions == 0) {
        check_settle(check, OUTCOME_SKIPPED, "nothing was asked of this resolver");
        return;
    }
    if (answered == 0) {
        check_fail(check, &first_bad->fault);
        return;
    }
    if (trouble > 0) {
        check_settle(check, OUTCOME_WARN,
            "%lld of %lld questions got no usable answer, %s first: %s", (long long)trouble,
            (long long)questions, first_bad->name, first_bad->fault.text);
        check->fault = first_bad->fault;
        return;
    }
    char more[60] = "";
    if (skipped > 0) {
        check_int(check, "dns.skipped", (int64_t)skipped);
        snprintf(more, sizeof more, "; %zu SRV records skipped", skipped);
    }
    check_settle(check, OUTCOME_PASS, "answered %lld questions, the slowest in %lld ms%s",
        (long long)questions, (long long)(check->elapsed_us / 1000), more);
}

static bool resolver_applies(const struct endpoint *endpoint)
{
    return endpoint->service == SERVICE_DNS;
}

/* Never called by the runner: a resolver's row has no chain of its own to run. */
static void resolver_run(struct session *session, struct check *check)
{
    (void)session;
    check_settle(check, OUTCOME_SKIPPED, "settled at the end of the run");
}

const struct probe probe_dns_resolver = {
    .id = "dns.resolver",
    .title = "the resolver answers",
    .layer = LAYER_DNS,
    .facts = resolver_facts,
    .applies = resolver_applies,
    .run = resolver_run,
};
