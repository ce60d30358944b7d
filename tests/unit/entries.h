/*
 * For the tests of what probes read from a directory: entries made from pairs of attribute and
 * value; a repeated name is one attribute with more values.
 */
#ifndef TESTS_UNIT_ENTRIES_H
#define TESTS_UNIT_ENTRIES_H

#include "net/directory.h"

#include <string.h>

enum { ENTRY_VALUES_MAX = 24 };

struct made_entry {
    const char *dn;
    const char *pairs[ENTRY_VALUES_MAX][2];
};

/* count entries; all in the arena. */
static inline struct directory_result entries_make(
    struct arena *arena, const struct made_entry *made, size_t count)
{
    struct directory_result result = {.count = count};
    result.entries = arena_alloc(arena, (count + 1) * sizeof *result.entries);
    for (size_t i = 0; i < count; i++) {
        struct directory_entry *entry = &result.entries[i];
        struct directory_value *values = arena_alloc(arena, ENTRY_VALUES_MAX * sizeof *values);
        entry->dn = made[i].dn;
        entry->attributes = arena_alloc(arena, ENTRY_VALUES_MAX * sizeof *entry->attributes);
        for (size_t n = 0; n < ENTRY_VALUES_MAX && made[i].pairs[n][0] != NULL; n++) {
            const char *const *pair = made[i].pairs[n];
            values[n] = (struct directory_value){pair[1], strlen(pair[1])};
            if (n > 0 && strcmp(pair[0], made[i].pairs[n - 1][0]) == 0)
                entry->attributes[entry->count - 1].count++;
            else
                entry->attributes[entry->count++] =
                    (struct directory_attribute){pair[0], &values[n], 1};
        }
    }
    return result;
}

#endif
