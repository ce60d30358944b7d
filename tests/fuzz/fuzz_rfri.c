#include "net/wire/rfri.h"
#include "tests/fuzz/fuzz.h"

/* The first byte is the call's opnum, the rest its response stub. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct reader reader = reader_of(data, size);
    enum rfri_opnum opnum = read_u8(&reader) == 0 ? RFRI_NEW_DSA : RFRI_FQDN;
    struct rfri_answer answer;
    struct fault fault = {0};
    size_t length = reader_left(&reader);
    if (rfri_read(&arena, opnum, read_bytes(&reader, length), length, &answer, &fault)) {
        PROMISE(touch(answer.host) < RFRI_HOST_MAX);
        PROMISE(rfri_succeeded(opnum, &answer, &fault) == (fault.cause == CAUSE_NONE));
    } else {
        PROMISE(fault.cause == CAUSE_MALFORMED);
    }
    arena_done(&arena);
    return 0;
}
