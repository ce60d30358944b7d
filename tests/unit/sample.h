/*
 * Sample answers for tests: the seeds of the fuzz targets, so that both read the same bytes.
 * TEST_SOURCE_ROOT is the source tree's folder; without it the tests run from there.
 */
#ifndef TESTS_UNIT_SAMPLE_H
#define TESTS_UNIT_SAMPLE_H

#include "net/arena.h"

#include <stdio.h>

#ifndef TEST_SOURCE_ROOT
#define TEST_SOURCE_ROOT "."
#endif

/* name: "ews/folders.xml". NUL-terminated beyond its length; a missing file fails the test. */
static inline char *sample_read(struct arena *arena, const char *name, size_t *ret_length)
{
    enum { SAMPLE_MAX = 64 * 1024 };
    char *path = arena_printf(arena, "%s/tests/fuzz/seeds/%s", TEST_SOURCE_ROOT, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("no sample %s", path);
    char *bytes = arena_alloc(arena, SAMPLE_MAX + 1);
    *ret_length = fread(bytes, 1, SAMPLE_MAX, file);
    fclose(file);
    return bytes;
}

#endif
