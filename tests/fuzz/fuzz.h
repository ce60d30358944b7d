/* What the fuzz targets share. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "net/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the run where a promise of the code under test is broken. */
#define PROMISE(condition) \
    do {                   \
        if (!(condition))  \
            abort();       \
    } while (0)

/* Touches a text to its end: a sanitizer sees what is not terminated or not ours. NULL is allowed.
 */
static inline size_t touch(const char *text)
{
    return text == NULL ? 0 : strlen(text);
}

/* Up to the next line end, as a text of its own; *data and *size move behind it. */
static inline char *take_line(struct arena *arena, const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size == 0 ? NULL : memchr(*data, '\n', *size);
    size_t length = end == NULL ? *size : (size_t)(end - *data);
    char *line = arena_strndup(arena, length == 0 ? "" : (const char *)*data, length);
    size_t used = end == NULL ? length : length + 1;
    if (used > 0)
        *data += used;
    *size -= used;
    return line;
}

#endif
