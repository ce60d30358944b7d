#include "net/wire/dnsmsg.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct dnsmsg message;
    struct dnsmsg_path path;
    struct fault fault;
    if (!dnsmsg_parse(data, size, &message, &fault)) {
        PROMISE(fault.cause == CAUSE_NAME_MALFORMED && touch(fault.text) > 0);
        return 0;
    }
    PROMISE(message.count <= DNSMSG_RECORDS_MAX && touch(message.question) < DNSMSG_NAME_SIZE);
    for (size_t i = 0; i < message.count; i++) {
        PROMISE(touch(message.records[i].owner) < DNSMSG_NAME_SIZE);
        PROMISE(touch(message.records[i].target) < DNSMSG_NAME_SIZE);
    }
    if (dnsmsg_follow(&message, message.question, DNSMSG_A, &path, &fault))
        PROMISE(path.count <= DNSMSG_ALIASES_MAX);
    return 0;
}
