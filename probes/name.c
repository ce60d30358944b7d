#include "probes/name.h"

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
        check_settle(
            check, OUTCOME_SKIPPED, "%s says that the service is not offered here", answer->name);
    if (!addresses)
        check_halt(check);
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
    FACT_END,
};

static void note_srv(struct check *check, const struct lookup *lookup)
{
    char line[600];
    if (strcmp(lookup->type, "SRV") != 0)
        return;
    for (size_t i = 0; i < lookup->count; i++) {
        snprintf(line, sizeof line, "%s %s", lookup->name, lookup->records[i]);
        check_add(check, "dns.srv", line);
    }
    if (lookup->count == 0 && lookup->rcode >= 0)
        check_add(check, "dns.missing", lookup->name);
}

void judge_resolver(
    const struct survey *survey, const struct endpoint *endpoint, struct check *check)
{
    char resolver[80];
    int64_t questions = 0, answered = 0, trouble = 0;
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
        note_srv(check, lookup);
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
    check_settle(check, OUTCOME_PASS, "answered %lld questions, the slowest in %lld ms",
        (long long)questions, (long long)(check->elapsed_us / 1000));
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
