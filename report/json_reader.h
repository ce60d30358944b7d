/*
 * Private to json_load.c: typed access to a parsed document. The first complaint sticks, names its
 * place, and makes every later read give nothing.
 */
#ifndef REPORT_JSON_READER_H
#define REPORT_JSON_READER_H

#include <jansson.h>
#include <stdint.h>

#include "probes/survey.h"

enum { JSON_PATH_MAX = 160, JSON_MORE_MAX = 4000, JSON_FACTS_MAX = 256, JSON_LIST_MAX = 4096 };
enum { JSON_MS_MAX = 1000 * 3600 * 24 * 7 }; /* no run lasts a week */

struct json_pending { /* a check that is blocked by one that may stand further down */
    struct check *check;
    const char *blocker;
};

struct json_reader {
    struct survey *survey;
    struct fault *fault;
    bool failed;
    char path[JSON_PATH_MAX]; /* "rows[3].cells.tls" */
    int checks;
    struct json_pending *pending;
    size_t pending_count, pending_size;
    struct arena arena;
};

struct json_list {
    const char **texts;
    size_t count;
};

void json_reader_done(struct json_reader *reader);

void json_complain(struct json_reader *reader, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;
void json_complain_word(struct json_reader *reader, const char *key, const char *word);

/* Deeper into the document; the mark is for json_leave(). */
size_t json_enter(struct json_reader *reader, const char *key);
size_t json_enter_index(struct json_reader *reader, size_t index);
void json_leave(struct json_reader *reader, size_t mark);

/* want: absent is a complaint; may: absent or null gives NULL, false, an empty list. Texts live as
 * long as the document. */
json_t *json_want(struct json_reader *reader, json_t *object, const char *key, json_type type);
json_t *json_may(struct json_reader *reader, json_t *object, const char *key, json_type type);
const char *json_want_text(struct json_reader *reader, json_t *object, const char *key);
const char *json_may_text(struct json_reader *reader, json_t *object, const char *key);
bool json_may_bool(struct json_reader *reader, json_t *object, const char *key);
int64_t json_want_int(
    struct json_reader *reader, json_t *object, const char *key, int64_t least, int64_t most);
struct json_list json_read_list(struct json_reader *reader, json_t *array);
struct json_list json_may_list(struct json_reader *reader, json_t *object, const char *key);

/* BLOCKED and only BLOCKED needs a blocker; ids are resolved at the end. */
void json_want_blocker(struct json_reader *reader, struct check *check, const char *id);
void json_resolve_blockers(struct json_reader *reader);

#endif
