#include "tests/fuzz/fuzz_mapi.h"

/* The first byte is the call's opnum, the rest its response stub. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum nspi_opnum opnums[] = {
#define X(symbol, value, name) NSPI_##symbol,
        NSPI_CALLS(X)
#undef X
    };
    struct arena arena = {0};
    struct reader reader = reader_of(data, size);
    uint8_t first = read_u8(&reader);
    for (size_t i = 0; i < sizeof opnums / sizeof *opnums; i++) {
        struct nspi_answer answer;
        struct fault fault = {0};
        if ((uint8_t)opnums[i] != first)
            continue;
        size_t length = reader_left(&reader);
        struct reader stub = reader;
        if (nspi_read(&arena, opnums[i], read_bytes(&stub, length), length, &answer, &fault))
            touch_answer(&arena, &answer);
        else
            PROMISE(fault.cause == CAUSE_MALFORMED || fault.cause == CAUSE_TOO_LARGE);
    }
    arena_done(&arena);
    return 0;
}
