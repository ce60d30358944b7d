#include "net/wire/autodiscover.h"
#include "tests/fuzz/fuzz.h"

static void touch_all(const struct autodiscover_answer *answer)
{
    const char *const texts[] = {answer->error_message, answer->error_time, answer->debug_data,
        answer->redirect_address, answer->redirect_url, answer->action, answer->display_name,
        answer->legacy_dn, answer->smtp_address, answer->deployment_id, answer->account_type,
        answer->microsoft_online, answer->public_folder_address};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        touch(texts[i]);
    PROMISE(answer->protocol_count <= AUTODISCOVER_PROTOCOLS_MAX);
    PROMISE(answer->url_count <= AUTODISCOVER_URLS_MAX);
    PROMISE(answer->alternative_count <= 16);
    for (size_t i = 0; i < answer->protocol_count; i++) {
        PROMISE(answer->protocols[i].type != NULL);
        touch(answer->protocols[i].server);
        touch(answer->protocols[i].server_version);
    }
    for (size_t i = 0; i < answer->url_count; i++) {
        PROMISE(answer->urls[i].protocol != NULL && touch(answer->urls[i].element) > 0);
        PROMISE(touch(answer->urls[i].url) > strlen("http:/"));
    }
    for (size_t i = 0; i < answer->alternative_count; i++)
        PROMISE(touch(answer->alternative_mailboxes[i]) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct autodiscover_answer answer;
    struct fault fault = {0};
    if (autodiscover_parse(&arena, data, size, &answer, &fault))
        touch_all(&answer);
    else
        PROMISE((fault.cause == CAUSE_NOT_EXCHANGE || fault.cause == CAUSE_MALFORMED) &&
                touch(fault.text) > 0);
    arena_done(&arena);
    return 0;
}
