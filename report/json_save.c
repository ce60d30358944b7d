#include "report/json.h"

#include "net/wire/text.h"
#include "report/json_writer.h"

/* RFC 3339 with microseconds where there are any; by way of the arena. */
static const char *instant(struct arena *arena, int64_t us)
{
    int64_t seconds = us / 1000000;
    int64_t rest = us % 1000000;
    if (rest < 0) {
        rest += 1000000;
        seconds--;
    }
    const char *text = rfc3339(arena, seconds);
    if (rest == 0)
        return text;
    return arena_printf(arena, "%.19s.%06dZ", text, (int)rest);
}

static void save_fact(struct json_writer *writer, const struct fact *fact)
{
    switch (fact->type) {
    case FACT_BOOL:
        json_bool(writer, fact->key, fact->boolean);
        return;
    case FACT_INT:
        json_number(writer, fact->key, fact->integer);
        return;
    case FACT_TEXT:
        json_text(writer, fact->key, fact->text);
        return;
    case FACT_LIST:
        json_texts(writer, fact->key, fact->list, fact->count);
        return;
    }
}

static void save_facts(struct json_writer *writer, const char *key, const struct fact *facts)
{
    json_open(writer, key, '{');
    for (; facts != NULL; facts = facts->next)
        save_fact(writer, facts);
    json_close(writer, '}');
}

static void save_fault(struct json_writer *writer, const struct fault *fault)
{
    if (fault->cause == CAUSE_NONE) {
        json_null(writer, "fault");
        return;
    }
    json_open(writer, "fault", '{');
    json_text(writer, "cause", cause_str(fault->cause));
    json_text(writer, "origin", origin_str(fault->origin));
    json_number(writer, "code", fault->code);
    json_text(writer, "text", fault->text);
    json_close(writer, '}');
}

/* key: the layer of a cell; NULL for one of "more". */
static void save_check(struct json_writer *writer, const char *key, const struct check *check)
{
    json_open(writer, key, '{');
    json_text(writer, "check", check->id);
    json_text(writer, "probe", check->probe);
    json_text(writer, "title", check->title);
    if (key == NULL) {
        json_text(writer, "layer", layer_str(check->layer));
        json_text(writer, "subject", check->subject);
    }
    json_text(writer, "outcome", outcome_str(check->outcome));
    json_number(writer, "elapsed_ms", check->elapsed_us / 1000);
    json_text(writer, "summary", check->summary);
    save_facts(writer, "facts", check->facts);
    save_fault(writer, &check->fault);
    json_text(writer, "blocked_by", check->blocked_by != NULL ? check->blocked_by->id : NULL);
    json_close(writer, '}');
}

static void save_sources(struct json_writer *writer, unsigned sources)
{
    const char *names[SOURCE_COUNT];
    size_t count = 0;
    for (int i = 0; i < SOURCE_COUNT; i++) {
        if ((sources & (1u << i)) != 0)
            names[count++] = source_str((enum source)i);
    }
    json_texts(writer, "sources", names, count);
}

static void save_row(struct json_writer *writer, const struct chain *chain)
{
    const struct endpoint *endpoint = &chain->endpoint;
    json_open(writer, NULL, '{');
    json_text(writer, "id", chain->id);
    json_text(writer, "service", service_str(endpoint->service));
    json_text(writer, "host", endpoint->host);
    json_text(writer, "address", endpoint->address);
    json_number(writer, "port", endpoint->port);
    json_text(writer, "path", endpoint->path);
    json_text(writer, "url", endpoint->url);
    json_text(writer, "subject", endpoint->subject);
    json_text(writer, "node", chain_node(chain));
    save_sources(writer, endpoint->sources);
    json_bool(writer, "candidate", endpoint->candidate);
    json_open(writer, "cells", '{');
    for (int layer = 0; layer < LAYER_COUNT; layer++) {
        const struct check *cell = chain_cell(chain, (enum layer)layer);
        if (cell != NULL)
            save_check(writer, layer_str((enum layer)layer), cell);
    }
    json_close(writer, '}');
    json_open(writer, "more", '[');
    for (const struct check *check = chain->checks; check != NULL; check = check->next) {
        if (chain_is_extra(chain, check))
            save_check(writer, NULL, check);
    }
    json_close(writer, ']');
    json_close(writer, '}');
}

static void save_target(struct json_writer *writer, const struct target *target)
{
    const char *left_out[SERVICE_COUNT];
    size_t count = 0;
    for (int i = 0; i < SERVICE_COUNT; i++) {
        if ((target->left_out & (1u << i)) != 0)
            left_out[count++] = service_str((enum service)i);
    }
    json_open(writer, "target", '{');
    json_text(writer, "address", target->address);
    json_text(writer, "domain", target->domain);
    json_text(writer, "account", target->account);
    json_text(writer, "profile", profile_str(target->profile));
    json_texts(writer, "mailboxes", target->mailboxes, target->mailbox_count);
    json_bool(writer, "public_folders", target->public_folders);
    json_bool(writer, "anonymous", target->anonymous);
    json_texts(writer, "left_out", left_out, count);
    json_close(writer, '}');
}

static void save_vantage(struct json_writer *writer, const struct vantage *vantage)
{
    json_open(writer, "vantage", '{');
    json_text(writer, "host", vantage->host);
    json_texts(writer, "addresses", vantage->addresses, vantage->address_count);
    json_texts(writer, "resolvers", vantage->resolvers, vantage->resolver_count);
    json_text(writer, "proxy", vantage->proxy);
    if (vantage->registry != NULL)
        save_facts(writer, "registry", vantage->registry);
    json_close(writer, '}');
}

static void save_verdict(struct json_writer *writer, const struct verdict *verdict)
{
    json_open(writer, "verdict", '{');
    json_text(writer, "status", status_str(verdict->status));
    json_number(writer, "exit", verdict->status);
    json_text(writer, "summary", verdict->summary);
    if (verdict->breaks_at == NULL) {
        json_null(writer, "breaks_at");
    } else {
        json_open(writer, "breaks_at", '{');
        json_text(writer, "layer", layer_str(verdict->breaks_at->layer));
        json_text(writer, "component", verdict->breaks_at->component);
        json_text(writer, "rule", verdict->breaks_at->rule);
        json_close(writer, '}');
    }
    json_close(writer, '}');
}

static void save_findings(struct json_writer *writer, const struct finding *finding)
{
    json_open(writer, "findings", '[');
    for (; finding != NULL; finding = finding->next) {
        json_open(writer, NULL, '{');
        json_text(writer, "rule", finding->rule);
        json_text(writer, "title", finding->title);
        json_text(writer, "severity", severity_str(finding->severity));
        json_text(writer, "layer", layer_str(finding->layer));
        json_text(writer, "component", finding->component);
        json_texts(writer, "checks", finding->checks, finding->check_count);
        json_texts(writer, "evidence", finding->evidence, finding->evidence_count);
        json_texts(writer, "fix", finding->fix, finding->fix_count);
        json_text(writer, "caused_by", finding->caused_by);
        json_close(writer, '}');
    }
    json_close(writer, ']');
}

static void save_checklist(struct json_writer *writer, const struct checklist_item *item)
{
    json_open(writer, "checklist", '[');
    for (; item != NULL; item = item->next) {
        json_open(writer, NULL, '{');
        json_text(writer, "item", item->item);
        json_text(writer, "title", item->title);
        json_text(writer, "outcome", outcome_str(item->outcome));
        json_text(writer, "summary", item->summary);
        save_facts(writer, "facts", item->facts);
        json_close(writer, '}');
    }
    json_close(writer, ']');
}

static void save_lookups(struct json_writer *writer, const struct lookup *lookup)
{
    json_open(writer, "lookups", '[');
    for (; lookup != NULL; lookup = lookup->next) {
        json_open(writer, NULL, '{');
        json_text(writer, "name", lookup->name);
        json_text(writer, "type", lookup->type);
        json_text(writer, "resolver", lookup->resolver);
        json_number(writer, "rcode", lookup->rcode);
        json_texts(writer, "records", lookup->records, lookup->count);
        json_number(writer, "ttl", lookup->ttl);
        json_number(writer, "elapsed_ms", lookup->elapsed_us / 1000);
        save_fault(writer, &lookup->fault);
        json_close(writer, '}');
    }
    json_close(writer, ']');
}

void json_render(
    const struct survey *survey, const struct render_style *style, struct text_buffer *out)
{
    (void)style;
    struct json_writer writer = {.out = out};
    struct arena arena = {0};
    json_open(&writer, NULL, '{');
    json_text(&writer, "schema", JSON_SCHEMA);
    json_text(&writer, "version", survey->version);
    json_text(&writer, "started", instant(&arena, survey->started_us));
    json_number(&writer, "elapsed_ms", survey->elapsed_us / 1000);
    json_bool(&writer, "interrupted", survey->interrupted);
    json_bool(&writer, "out_of_time", survey->out_of_time);
    save_target(&writer, &survey->target);
    save_vantage(&writer, &survey->vantage);
    save_verdict(&writer, &survey->verdict);
    save_findings(&writer, survey->findings);
    json_open(&writer, "rows", '[');
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next)
        save_row(&writer, chain);
    json_close(&writer, ']');
    save_checklist(&writer, survey->checklist);
    save_lookups(&writer, survey->lookups);
    json_open(&writer, "logons", '{');
    json_number(&writer, "attempted", survey->logons_attempted);
    json_number(&writer, "refused", survey->logons_refused);
    json_close(&writer, '}');
    json_close(&writer, '}');
    arena_done(&arena);
}
