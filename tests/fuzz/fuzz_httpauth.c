#include "net/wire/httpauth.h"
#include "tests/fuzz/fuzz.h"

/* Each line is one header. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct challenge list[CHALLENGES_MAX];
    size_t count = 0;
    while (size > 0) {
        const char *line = take_line(&arena, &data, &size);
        challenges_parse(&arena, line, list, &count);
        PROMISE(count <= CHALLENGES_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        PROMISE(touch(list[i].scheme) > 0);
        PROMISE(touch(list[i].token) <= CHALLENGE_TOKEN_MAX);
        touch(list[i].realm);
        touch(list[i].authorization_uri);
        touch(list[i].rest);
        PROMISE(challenge_find(list, count, list[i].scheme) != NULL);
    }
    arena_done(&arena);
    return 0;
}
