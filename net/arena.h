/*
 * Memory that is freed all at once. An arena has one owner and one thread at a time.
 *
 * Out of memory ends the program with one line on standard error and exit code 3: nothing here
 * returns NULL. Callers bound every length that came from the network before they ask.
 */
#ifndef NET_ARENA_H
#define NET_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

/* Zero is a valid empty arena. */
struct arena {
    struct arena_block *blocks;
};

void arena_done(struct arena *arena); /* frees all; the arena is empty and usable again */

void *arena_alloc(struct arena *arena, size_t size); /* zeroed, aligned for any type */
void *arena_copy(struct arena *arena, const void *bytes, size_t size);
char *arena_strdup(struct arena *arena, const char *text); /* NULL gives NULL */
char *arena_strndup(struct arena *arena, const char *text, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;
char *arena_vprintf(struct arena *arena, const char *format, va_list args)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 0)))
#endif
    ;

/* The heap, for what must outlive or grow: the same promise. */
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *pointer, size_t size);
char *xstrdup(const char *text);

#endif
