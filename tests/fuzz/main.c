/*
 * Runs a fuzz target over files and folders, without libFuzzer: the seeds as a test, or one crash
 * again. Each input is copied to a heap block of its own size, so that a read past its end is seen.
 */
#define _POSIX_C_SOURCE 200809L

#include "net/arena.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 4 << 20 };

static int run_file(const char *path, FILE *file)
{
    uint8_t *buffer = xcalloc(1, INPUT_MAX);
    size_t size = fread(buffer, 1, INPUT_MAX, file);
    buffer = xrealloc(buffer, size > 0 ? size : 1);
    fprintf(stderr, "%s: %zu bytes\n", path, size);
    LLVMFuzzerTestOneInput(buffer, size);
    free(buffer);
    return 1;
}

/* Returns how many inputs were run; -1: the path cannot be read. */
static int run_path(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        FILE *file = fopen(path, "rb");
        int count = file == NULL ? -1 : run_file(path, file);
        if (file != NULL)
            fclose(file);
        return count;
    }
    int count = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] == '.')
            continue;
        struct arena arena = {0};
        int more = run_path(arena_printf(&arena, "%s/%s", path, entry->d_name));
        arena_done(&arena);
        count = more < 0 || count < 0 ? -1 : count + more;
    }
    closedir(folder);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        int count = run_path(argv[i]);
        if (count < 0) {
            fprintf(stderr, "cannot read %s\n", argv[i]);
            return 1;
        }
        total += count;
    }
    printf("%d inputs\n", total);
    return total > 0 ? 0 : 1;
}
