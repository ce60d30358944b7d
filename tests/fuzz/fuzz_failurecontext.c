#include "net/wire/failurecontext.h"
#include "tests/fuzz/fuzz.h"

/* Each line is one header's value. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { WORDS_MAX = 600 };
    struct arena arena = {0};
    while (size > 0) {
        struct failure_context context;
        const char *line = take_line(&arena, &data, &size);
        failure_context_read(&arena, line, &context);
        touch(context.point);
        touch(context.status);
        touch(context.error);
        touch(context.details);
        touch(context.sub_code);
        touch(context.web);
        PROMISE(touch(failure_context_words(&arena, &context)) <= WORDS_MAX);
    }
    arena_done(&arena);
    return 0;
}
