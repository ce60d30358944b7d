/*
 * Directory entries for the tests of the probes' pure halves, made from pairs of attribute and
 * value.
 */
#ifndef TESTS_UNIT_ACCOUNT_ENTRY_H
#define TESTS_UNIT_ACCOUNT_ENTRY_H

#include "net/directory.h"

#include <string.h>

enum { ENTRY_PAIRS_MAX = 40 };

struct account_entry {
    struct directory_entry entry;
    struct directory_attribute attributes[ENTRY_PAIRS_MAX];
    struct directory_value values[ENTRY_PAIRS_MAX];
    size_t value_count;
};

/* One attribute value; the same attribute again, directly behind, is one more value of it. */
static inline void entry_add_bytes(
    struct account_entry *made, const char *name, const void *bytes, size_t length)
{
    struct directory_entry *entry = &made->entry;
    entry->attributes = made->attributes;
    if (made->value_count == ENTRY_PAIRS_MAX)
        fail_msg("too many values");
    made->values[made->value_count] = (struct directory_value){bytes, length};
    if (entry->count > 0 && strcmp(entry->attributes[entry->count - 1].name, name) == 0)
        entry->attributes[entry->count - 1].count++;
    else
        entry->attributes[entry->count++] =
            (struct directory_attribute){name, &made->values[made->value_count], 1};
    made->value_count++;
}

static inline void entry_add(struct account_entry *made, const char *name, const char *value)
{
    entry_add_bytes(made, name, value, strlen(value));
}

/* pairs: a zero entry ends them; a NULL value leaves one out. */
static inline void entry_fill(
    struct account_entry *made, const char *dn, const char *const (*pairs)[2])
{
    *made = (struct account_entry){.entry = {.dn = dn}};
    for (size_t i = 0; pairs[i][0] != NULL; i++) {
        if (pairs[i][1] != NULL)
            entry_add(made, pairs[i][0], pairs[i][1]);
    }
}

#endif
