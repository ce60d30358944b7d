#include "report/json.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/wire/text.h"
#include "report/json_reader.h"

/* ---- facts, faults, checks --------------------------------------------------------------------
 */

static void read_fact(
    struct json_reader *reader, struct check *check, const char *key, json_t *value)
{
    if (json_is_boolean(value)) {
        check_bool(check, key, json_is_true(value));
    } else if (json_is_integer(value)) {
        check_int(check, key, json_integer_value(value));
    } else if (json_is_string(value)) {
        check_text(check, key, json_string_value(value));
    } else if (json_is_array(value)) {
        struct json_list list = json_read_list(reader, value);
        if (!reader->failed)
            check_list(check, key, list.texts, list.count);
    } else {
        json_complain(reader, "a fact is a boolean, an integer, a text or a list of texts");
    }
}

/* facts: an object, or NULL */
static void read_facts(
    struct json_reader *reader, json_t *facts, const char *where, struct check *check)
{
    size_t mark = json_enter(reader, where);
    const char *key = NULL;
    json_t *value = NULL;
    if (json_object_size(facts) > JSON_FACTS_MAX)
        json_complain(reader, "more than %d facts", JSON_FACTS_MAX);
    json_object_foreach(reader->failed ? NULL : facts, key, value)
    {
        size_t inner = json_enter(reader, key);
        read_fact(reader, check, key, value);
        json_leave(reader, inner);
    }
    json_leave(reader, mark);
}

static void read_fault(struct json_reader *reader, json_t *object, struct fault *ret_fault)
{
    json_t *value = json_object_get(object, "fault");
    if (value == NULL || json_is_null(value))
        return;
    size_t mark = json_enter(reader, "fault");
    if (!json_is_object(value)) {
        json_complain(reader, "an object or null was expected");
        return;
    }
    enum cause cause = CAUSE_NONE;
    enum origin origin = ORIGIN_EXREACH;
    const char *cause_name = json_want_text(reader, value, "cause");
    if (!reader->failed && !cause_parse(cause_name, &cause))
        json_complain_word(reader, "cause", cause_name);
    const char *origin_name = json_want_text(reader, value, "origin");
    if (!reader->failed && !origin_parse(origin_name, &origin))
        json_complain_word(reader, "origin", origin_name);
    long code = (long)json_want_int(reader, value, "code", INT32_MIN, UINT32_MAX);
    const char *text = json_want_text(reader, value, "text");
    if (!reader->failed)
        fault_set(ret_fault, cause, origin, code, "%s", text);
    json_leave(reader, mark);
}

/* layer: of the cell, or -1 where the object says. NULL: refused. */
static struct check *read_check(
    struct json_reader *reader, struct chain *chain, json_t *object, int layer)
{
    enum layer where = LAYER_DNS;
    enum outcome outcome = OUTCOME_NOT_RUN;
    const char *subject = NULL;
    const char *id = json_want_text(reader, object, "check");
    const char *probe = json_want_text(reader, object, "probe");
    const char *outcome_name = json_want_text(reader, object, "outcome");
    const char *summary = json_want_text(reader, object, "summary");
    if (!reader->failed && !outcome_parse(outcome_name, &outcome))
        json_complain_word(reader, "outcome", outcome_name);
    if (layer >= 0) {
        where = (enum layer)layer;
    } else {
        const char *layer_name = json_want_text(reader, object, "layer");
        if (!reader->failed && !layer_parse(layer_name, &where))
            json_complain_word(reader, "layer", layer_name);
        subject = json_may_text(reader, object, "subject");
    }
    int64_t elapsed = json_want_int(reader, object, "elapsed_ms", 0, JSON_MS_MAX);
    const char *title = json_may_text(reader, object, "title");
    const char *blocker = json_may_text(reader, object, "blocked_by");
    if (reader->failed)
        return NULL;
    if (++reader->checks > JSON_CHECKS_MAX) {
        json_complain(reader, "more than %d checks", JSON_CHECKS_MAX);
        return NULL;
    }
    struct check *check = check_new(chain->id, "", "", where, subject, NULL);
    chain_append(chain, check);
    check->id = arena_strdup(&check->arena, id);
    check->probe = arena_strdup(&check->arena, probe);
    check->title = arena_strdup(&check->arena, title != NULL ? title : probe);
    check_settle(check, outcome, "%s", summary);
    check->elapsed_us = elapsed * 1000;
    read_facts(reader, json_want(reader, object, "facts", JSON_OBJECT), "facts", check);
    read_fault(reader, object, &check->fault);
    json_want_blocker(reader, check, blocker);
    return check;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

static unsigned read_sources(struct json_reader *reader, json_t *object)
{
    unsigned sources = 0;
    struct json_list list = json_may_list(reader, object, "sources");
    for (size_t i = 0; i < list.count; i++) {
        enum source source;
        if (source_parse(list.texts[i], &source))
            sources |= 1u << source;
        else
            json_complain_word(reader, "sources", list.texts[i]);
    }
    return sources;
}

static struct chain *read_endpoint(struct json_reader *reader, json_t *object)
{
    struct endpoint endpoint = {0};
    const char *id = json_want_text(reader, object, "id");
    const char *service = json_want_text(reader, object, "service");
    if (!reader->failed && !service_parse(service, &endpoint.service))
        json_complain_word(reader, "service", service);
    endpoint.host = json_want_text(reader, object, "host");
    endpoint.address = json_may_text(reader, object, "address");
    endpoint.port = (uint16_t)json_want_int(reader, object, "port", 0, UINT16_MAX);
    endpoint.path = json_may_text(reader, object, "path");
    endpoint.url = json_may_text(reader, object, "url");
    endpoint.subject = json_may_text(reader, object, "subject");
    endpoint.candidate = json_may_bool(reader, object, "candidate");
    endpoint.sources = read_sources(reader, object);
    if (!reader->failed && survey_find_chain(reader->survey, id) != NULL)
        json_complain(reader, "the id \"%s\" is there twice", id);
    if (reader->failed)
        return NULL;
    struct chain *chain = survey_add_chain(reader->survey, &endpoint);
    chain->id = arena_strdup(&reader->survey->arena, id);
    return chain;
}

static void read_cells(struct json_reader *reader, json_t *row, struct chain *chain)
{
    json_t *cells = json_want(reader, row, "cells", JSON_OBJECT);
    size_t mark = json_enter(reader, "cells");
    for (int layer = 0; layer < LAYER_COUNT && !reader->failed; layer++) {
        const char *name = layer_str((enum layer)layer);
        json_t *cell = json_object_get(cells, name);
        if (cell == NULL || json_is_null(cell))
            continue;
        size_t inner = json_enter(reader, name);
        if (json_is_object(cell))
            read_check(reader, chain, cell, layer);
        else
            json_complain(reader, "an object was expected");
        json_leave(reader, inner);
    }
    json_leave(reader, mark);
}

static void read_more(struct json_reader *reader, json_t *row, struct chain *chain)
{
    json_t *more = json_may(reader, row, "more", JSON_ARRAY);
    size_t count = json_array_size(more);
    size_t mark = json_enter(reader, "more");
    if (count > JSON_MORE_MAX)
        json_complain(reader, "more than %d entries", JSON_MORE_MAX);
    for (size_t i = 0; i < count && !reader->failed; i++) {
        size_t inner = json_enter_index(reader, i);
        json_t *object = json_array_get(more, i);
        if (json_is_object(object))
            read_check(reader, chain, object, -1);
        else
            json_complain(reader, "an object was expected");
        json_leave(reader, inner);
    }
    json_leave(reader, mark);
}

static void read_rows(struct json_reader *reader, json_t *root)
{
    json_t *rows = json_want(reader, root, "rows", JSON_ARRAY);
    size_t count = json_array_size(rows);
    size_t mark = json_enter(reader, "rows");
    if (count > JSON_ROWS_MAX)
        json_complain(reader, "more than %d rows", JSON_ROWS_MAX);
    for (size_t i = 0; i < count && !reader->failed; i++) {
        size_t inner = json_enter_index(reader, i);
        json_t *row = json_array_get(rows, i);
        if (!json_is_object(row))
            json_complain(reader, "an object was expected");
        struct chain *chain = reader->failed ? NULL : read_endpoint(reader, row);
        if (chain != NULL) {
            read_cells(reader, row, chain);
            read_more(reader, row, chain);
        }
        json_leave(reader, inner);
    }
    json_leave(reader, mark);
}

/* ---- the rest ---------------------------------------------------------------------------------
 */

static const char *keep(struct json_reader *reader, const char *text)
{
    return arena_strdup(&reader->survey->arena, text);
}

static const char *const *keep_list(
    struct json_reader *reader, json_t *object, const char *key, size_t *ret_count)
{
    struct json_list list = json_may_list(reader, object, key);
    struct arena *arena = &reader->survey->arena;
    const char **texts = arena_alloc(arena, (list.count + 1) * sizeof *texts);
    for (size_t i = 0; i < list.count; i++)
        texts[i] = arena_strdup(arena, list.texts[i]);
    *ret_count = list.count;
    return texts;
}

static void read_target(struct json_reader *reader, json_t *root)
{
    struct target *target = &reader->survey->target;
    json_t *object = json_want(reader, root, "target", JSON_OBJECT);
    size_t mark = json_enter(reader, "target");
    const char *address = json_want_text(reader, object, "address");
    const char *domain = json_want_text(reader, object, "domain");
    const char *account = json_want_text(reader, object, "account");
    const char *profile = json_want_text(reader, object, "profile");
    if (!reader->failed && !profile_parse(profile, &target->profile))
        json_complain_word(reader, "profile", profile);
    struct json_list left_out = json_may_list(reader, object, "left_out");
    for (size_t i = 0; i < left_out.count; i++) {
        enum service service;
        if (service_parse(left_out.texts[i], &service))
            target->left_out |= 1u << service;
        else
            json_complain_word(reader, "left_out", left_out.texts[i]);
    }
    target->public_folders = json_may_bool(reader, object, "public_folders");
    target->anonymous = json_may_bool(reader, object, "anonymous");
    target->mailboxes = keep_list(reader, object, "mailboxes", &target->mailbox_count);
    if (!reader->failed) {
        target->address = keep(reader, address);
        target->domain = keep(reader, domain);
        target->account = keep(reader, account);
    }
    json_leave(reader, mark);
}

static void read_vantage(struct json_reader *reader, json_t *root)
{
    struct vantage *vantage = &reader->survey->vantage;
    json_t *object = json_want(reader, root, "vantage", JSON_OBJECT);
    size_t mark = json_enter(reader, "vantage");
    const char *host = json_want_text(reader, object, "host");
    if (!reader->failed)
        vantage->host = keep(reader, host);
    vantage->addresses = keep_list(reader, object, "addresses", &vantage->address_count);
    vantage->resolvers = keep_list(reader, object, "resolvers", &vantage->resolver_count);
    vantage->proxy = keep(reader, json_may_text(reader, object, "proxy"));
    json_t *registry = json_may(reader, object, "registry", JSON_OBJECT);
    if (registry != NULL) { /* facts as those of a check, but the survey's own */
        struct check shape = {.arena = reader->survey->arena};
        read_facts(reader, registry, "registry", &shape);
        reader->survey->arena = shape.arena;
        vantage->registry = shape.facts;
    }
    json_leave(reader, mark);
}

static struct lookup *read_lookup(struct json_reader *reader, json_t *object)
{
    struct lookup *lookup = arena_alloc(&reader->survey->arena, sizeof *lookup);
    const char *name = json_want_text(reader, object, "name");
    const char *type = json_want_text(reader, object, "type");
    const char *resolver = json_want_text(reader, object, "resolver");
    lookup->rcode = (int)json_want_int(reader, object, "rcode", -1, 4095);
    lookup->ttl = (uint32_t)json_want_int(reader, object, "ttl", 0, UINT32_MAX);
    lookup->elapsed_us = json_want_int(reader, object, "elapsed_ms", 0, JSON_MS_MAX) * 1000;
    lookup->records = keep_list(reader, object, "records", &lookup->count);
    read_fault(reader, object, &lookup->fault);
    if (reader->failed)
        return NULL;
    lookup->name = keep(reader, name);
    lookup->type = keep(reader, type);
    lookup->resolver = keep(reader, resolver);
    return lookup;
}

static void read_lookups(struct json_reader *reader, json_t *root)
{
    json_t *lookups = json_may(reader, root, "lookups", JSON_ARRAY);
    struct lookup **end = &reader->survey->lookups;
    size_t count = json_array_size(lookups);
    size_t mark = json_enter(reader, "lookups");
    for (size_t i = 0; i < count && !reader->failed; i++) {
        size_t inner = json_enter_index(reader, i);
        json_t *object = json_array_get(lookups, i);
        if (!json_is_object(object))
            json_complain(reader, "an object was expected");
        else if ((*end = read_lookup(reader, object)) != NULL)
            end = &(*end)->next;
        json_leave(reader, inner);
    }
    json_leave(reader, mark);
}

static void read_started(struct json_reader *reader, json_t *root)
{
    int64_t seconds = 0;
    const char *text = json_want_text(reader, root, "started");
    if (reader->failed)
        return;
    if (!rfc3339_parse(text, &seconds)) {
        size_t mark = json_enter(reader, "started");
        json_complain(reader, "not a time as in RFC 3339: \"%s\"", text);
        json_leave(reader, mark);
        return;
    }
    int64_t us = 0, unit = 100000;
    const char *point = strchr(text, '.');
    for (size_t i = 1; point != NULL && point[i] >= '0' && point[i] <= '9'; i++, unit /= 10)
        us += (point[i] - '0') * unit;
    reader->survey->started_us = seconds * 1000000 + us;
}

static void read_document(struct json_reader *reader, json_t *root)
{
    struct survey *survey = reader->survey;
    const char *schema = json_want_text(reader, root, "schema");
    if (!reader->failed && strcmp(schema, JSON_SCHEMA) != 0)
        json_complain(
            reader, "schema: this is \"%.40s\", only \"%s\" can be read", schema, JSON_SCHEMA);
    const char *version = json_want_text(reader, root, "version");
    if (reader->failed)
        return;
    survey->version = keep(reader, version);
    read_started(reader, root);
    survey->elapsed_us = json_want_int(reader, root, "elapsed_ms", 0, JSON_MS_MAX) * 1000;
    survey->interrupted = json_may_bool(reader, root, "interrupted");
    survey->out_of_time = json_may_bool(reader, root, "out_of_time");
    read_target(reader, root);
    read_vantage(reader, root);
    read_rows(reader, root);
    read_lookups(reader, root);
    json_t *logons = json_want(reader, root, "logons", JSON_OBJECT);
    size_t mark = json_enter(reader, "logons");
    survey->logons_attempted = (int)json_want_int(reader, logons, "attempted", 0, INT32_MAX);
    survey->logons_refused = (int)json_want_int(reader, logons, "refused", 0, INT32_MAX);
    json_leave(reader, mark);
    json_resolve_blockers(reader);
}

/* What a parser would allocate for, counted before it does: strings count, too, which only makes
 * the bound tighter. */
static bool is_bounded(const char *bytes, size_t length, struct fault *fault)
{
    if (length > JSON_BYTES_MAX)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "the saved survey is larger than %d MiB", JSON_BYTES_MAX >> 20);
    size_t values = 0;
    for (size_t i = 0; i < length; i++)
        values += bytes[i] == ',' || bytes[i] == ':' || bytes[i] == '[' || bytes[i] == '{';
    if (values > JSON_VALUES_MAX)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "the saved survey has more than %d values", JSON_VALUES_MAX);
    return true;
}

bool json_load(const char *bytes, size_t length, struct survey *ret_survey, struct fault *fault)
{
    json_error_t error;
    if (!is_bounded(bytes, length, fault))
        return false;
    json_t *root = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "not JSON: line %d, column %d: %s", error.line, error.column, error.text);

    struct json_reader reader = {.survey = ret_survey, .fault = fault};
    if (json_is_object(root))
        read_document(&reader, root);
    else
        json_complain(&reader, "not a saved survey: an object was expected");
    json_reader_done(&reader);
    json_decref(root);
    if (reader.failed)
        survey_done(ret_survey);
    return !reader.failed;
}
