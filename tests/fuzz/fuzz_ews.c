#include "net/wire/ews.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct ews_answer answer;
    struct fault fault = {0};
    if (!ews_parse(&arena, data, size, &answer, &fault)) {
        PROMISE(fault.cause == CAUSE_NOT_EXCHANGE || fault.cause == CAUSE_MALFORMED);
        arena_done(&arena);
        return 0;
    }
    PROMISE(answer.folder_count <= EWS_FOLDERS_MAX);
    PROMISE(answer.fault == (answer.folder_count == 0));
    PROMISE(answer.major >= -1 && answer.major <= 0xFFFF);
    touch(answer.fault_code);
    touch(answer.fault_string);
    touch(answer.response_code);
    touch(answer.message);
    touch(answer.version_name);
    for (size_t i = 0; i < answer.folder_count; i++) {
        const struct ews_folder *folder = &answer.folders[i];
        touch(folder->response_class);
        touch(folder->response_code);
        touch(folder->message);
        touch(folder->display_name);
        touch(folder->folder_class);
        touch(folder->id);
        PROMISE(folder->total >= -1 && folder->unread >= -1 && folder->back_off_ms >= -1);
    }
    arena_done(&arena);
    return 0;
}
