#include "net/wire/epm.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct epm_answer answer;
    struct fault fault = {0};
    if (!epm_read_map(data, size, &rpc_nspi, &answer, &fault)) {
        PROMISE(fault.cause == CAUSE_MALFORMED);
        return 0;
    }
    PROMISE(answer.count <= answer.towers && answer.towers <= EPM_TOWERS_MAX);
    for (unsigned i = 0; i < answer.count; i++)
        PROMISE(answer.endpoints[i].port != 0);
    return 0;
}
