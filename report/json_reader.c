#include "report/json_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void json_reader_done(struct json_reader *reader)
{
    free(reader->pending);
    reader->pending = NULL;
    arena_done(&reader->arena);
}

void json_complain(struct json_reader *reader, const char *format, ...)
{
    if (reader->failed)
        return;
    char words[FAULT_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    reader->failed = true;
    fault_set(reader->fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "%s%s%s", reader->path,
        reader->path[0] != '\0' ? ": " : "", words);
}

void json_complain_word(struct json_reader *reader, const char *key, const char *word)
{
    size_t mark = json_enter(reader, key);
    json_complain(reader, "unknown word \"%.60s\"", word);
    json_leave(reader, mark);
}

size_t json_enter(struct json_reader *reader, const char *key)
{
    size_t mark = strlen(reader->path);
    /* Keys of facts are theirs: long ones are cut. */
    snprintf(reader->path + mark, sizeof reader->path - mark, "%s%.60s", mark > 0 ? "." : "", key);
    return mark;
}

size_t json_enter_index(struct json_reader *reader, size_t index)
{
    size_t mark = strlen(reader->path);
    snprintf(reader->path + mark, sizeof reader->path - mark, "[%zu]", index);
    return mark;
}

void json_leave(struct json_reader *reader, size_t mark)
{
    reader->path[mark] = '\0';
}

static const char *type_title(json_type type)
{
    switch (type) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        break;
    }
    return "null";
}

static void complain_type(struct json_reader *reader, const char *key, json_type type)
{
    size_t mark = json_enter(reader, key);
    json_complain(reader, "%s was expected", type_title(type));
    json_leave(reader, mark);
}

json_t *json_may(struct json_reader *reader, json_t *object, const char *key, json_type type)
{
    json_t *value = reader->failed ? NULL : json_object_get(object, key);
    if (value == NULL || json_is_null(value))
        return NULL;
    if (json_typeof(value) == type)
        return value;
    complain_type(reader, key, type);
    return NULL;
}

json_t *json_want(struct json_reader *reader, json_t *object, const char *key, json_type type)
{
    json_t *value = json_may(reader, object, key, type);
    if (value == NULL)
        complain_type(reader, key, type);
    return value;
}

const char *json_want_text(struct json_reader *reader, json_t *object, const char *key)
{
    return json_string_value(json_want(reader, object, key, JSON_STRING));
}

const char *json_may_text(struct json_reader *reader, json_t *object, const char *key)
{
    return json_string_value(json_may(reader, object, key, JSON_STRING));
}

bool json_may_bool(struct json_reader *reader, json_t *object, const char *key)
{
    json_t *value = reader->failed ? NULL : json_object_get(object, key);
    if (value != NULL && !json_is_null(value) && !json_is_boolean(value))
        complain_type(reader, key, JSON_TRUE);
    return value != NULL && json_is_true(value);
}

int64_t json_want_int(
    struct json_reader *reader, json_t *object, const char *key, int64_t least, int64_t most)
{
    json_t *number = json_want(reader, object, key, JSON_INTEGER);
    if (number == NULL)
        return 0;
    int64_t value = json_integer_value(number);
    if (value >= least && value <= most)
        return value;
    size_t mark = json_enter(reader, key);
    json_complain(reader, "%lld is not between %lld and %lld", (long long)value, (long long)least,
        (long long)most);
    json_leave(reader, mark);
    return 0;
}

struct json_list json_read_list(struct json_reader *reader, json_t *array)
{
    struct json_list list = {.count = json_array_size(array)};
    if (list.count > JSON_LIST_MAX) {
        json_complain(reader, "more than %d entries", JSON_LIST_MAX);
        return (struct json_list){0};
    }
    list.texts = arena_alloc(&reader->arena, (list.count + 1) * sizeof *list.texts);
    for (size_t i = 0; i < list.count; i++) {
        list.texts[i] = json_string_value(json_array_get(array, i));
        if (list.texts[i] != NULL)
            continue;
        size_t mark = json_enter_index(reader, i);
        json_complain(reader, "a text was expected");
        json_leave(reader, mark);
        return (struct json_list){0};
    }
    return list;
}

struct json_list json_may_list(struct json_reader *reader, json_t *object, const char *key)
{
    json_t *array = json_may(reader, object, key, JSON_ARRAY);
    if (array == NULL)
        return (struct json_list){0};
    size_t mark = json_enter(reader, key);
    struct json_list list = json_read_list(reader, array);
    json_leave(reader, mark);
    return list;
}

/* ---- who blocks whom --------------------------------------------------------------------------
 */

void json_want_blocker(struct json_reader *reader, struct check *check, const char *id)
{
    if (reader->failed)
        return;
    if ((check->outcome == OUTCOME_BLOCKED) != (id != NULL)) {
        size_t mark = json_enter(reader, "blocked_by");
        json_complain(reader,
            id == NULL ? "a blocked check names what blocks it" : "only a blocked check has it");
        json_leave(reader, mark);
        return;
    }
    if (id == NULL)
        return;
    if (reader->pending_count == reader->pending_size) {
        reader->pending_size = reader->pending_size != 0 ? reader->pending_size * 2 : 64;
        reader->pending = xrealloc(reader->pending, reader->pending_size * sizeof *reader->pending);
    }
    reader->pending[reader->pending_count++] = (struct json_pending){check, id};
}

static int compare_checks(const void *left, const void *right)
{
    return strcmp(
        (*(const struct check *const *)left)->id, (*(const struct check *const *)right)->id);
}

static int compare_id(const void *id, const void *check)
{
    return strcmp(id, (*(const struct check *const *)check)->id);
}

void json_resolve_blockers(struct json_reader *reader)
{
    size_t count = 0;
    if (reader->failed)
        return;
    const struct check **checks =
        arena_alloc(&reader->arena, ((size_t)reader->checks + 1) * sizeof *checks);
    for (const struct chain *chain = reader->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next)
            checks[count++] = at;
    }
    if (count > 1)
        qsort(checks, count, sizeof *checks, compare_checks);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(checks[i - 1]->id, checks[i]->id) == 0)
            json_complain(reader, "the check id \"%.80s\" is there twice", checks[i]->id);
    }
    for (size_t i = 0; i < reader->pending_count; i++) {
        const struct json_pending *pending = &reader->pending[i];
        const struct check *const *found =
            bsearch(pending->blocker, checks, count, sizeof *checks, compare_id);
        if (found == NULL)
            json_complain(reader, "%.80s: blocked_by: there is no check \"%.60s\"",
                pending->check->id, pending->blocker);
        else
            pending->check->blocked_by = *found;
    }
}
