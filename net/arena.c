#include "net/arena.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first block is small, as every check has an arena of its own; each next one is twice as
 * large. */
enum { BLOCK_FIRST = 480, BLOCK_SIZE = 4096, PIECE_LARGE = BLOCK_SIZE / 4 };

struct arena_block {
    struct arena_block *next;
    size_t used;
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

static _Noreturn void out_of_memory(void)
{
    static atomic_flag said = ATOMIC_FLAG_INIT;
    while (atomic_flag_test_and_set(&said)) /* another thread says it, and ends us all */
        continue;
    fputs("exreach: out of memory\n", stderr);
    _Exit(3); /* other threads may be anywhere: exit() would pull libraries from under them */
}

void arena_done(struct arena *arena)
{
    struct arena_block *block = arena->blocks;
    while (block != NULL) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
    arena->blocks = NULL;
}

static struct arena_block *block_new(size_t size)
{
    if (size > SIZE_MAX - sizeof(struct arena_block))
        out_of_memory();
    struct arena_block *block = calloc(1, sizeof *block + size);
    if (block == NULL)
        out_of_memory();
    block->size = size;
    return block;
}

static size_t next_size(const struct arena_block *head, size_t size)
{
    size_t next = head == NULL ? BLOCK_FIRST : 2 * head->size;
    while (next < size)
        next *= 2;
    return next < BLOCK_SIZE ? next : BLOCK_SIZE;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    const size_t align = alignof(max_align_t);
    if (size > SIZE_MAX / 2)
        out_of_memory();
    size = (size + align - 1) / align * align;

    struct arena_block *head = arena->blocks;
    if (head == NULL || head->size - head->used < size) {
        /* A large piece gets a block of its own behind the head, which still has room. */
        bool large = size > PIECE_LARGE;
        struct arena_block *block = block_new(large ? size : next_size(head, size));
        if (head != NULL && large) {
            block->next = head->next;
            head->next = block;
        } else {
            block->next = head;
            arena->blocks = block;
        }
        head = block;
    }
    void *piece = head->bytes + head->used;
    head->used += size;
    return piece;
}

void *arena_copy(struct arena *arena, const void *bytes, size_t size)
{
    void *copy = arena_alloc(arena, size);
    if (size > 0)
        memcpy(copy, bytes, size);
    return copy;
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
    char *copy = arena_alloc(arena, length + 1);
    memcpy(copy, text, length);
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_strndup(arena, text, strlen(text));
}

char *arena_vprintf(struct arena *arena, const char *format, va_list args)
{
    va_list again;
    if (format == NULL) /* never: but gcc's sanitizer build cannot know */
        return arena_strdup(arena, "");
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0)
        return arena_strdup(arena, "");
    char *text = arena_alloc(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, args);
    return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

void *xcalloc(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL && count != 0 && size != 0)
        out_of_memory();
    return memory;
}

void *xrealloc(void *pointer, size_t size)
{
    void *memory = realloc(pointer, size);
    if (memory == NULL && size != 0)
        out_of_memory();
    return memory;
}

char *xstrdup(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(xcalloc(1, size), text, size);
}
