#include "net/wire/ntlm.h"
#include "tests/fuzz/fuzz.h"

/* A challenge is read and, where it is good, answered. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t fixed[16] = {1};
    struct arena arena = {0};
    struct ntlm_challenge challenge;
    struct fault fault = {0};
    if (!ntlm_challenge_parse(&arena, data, size, &challenge, &fault)) {
        PROMISE(fault.cause == CAUSE_MALFORMED);
        arena_done(&arena);
        return 0;
    }
    touch(challenge.target);
    touch(challenge.netbios_domain);
    touch(challenge.netbios_computer);
    touch(challenge.dns_domain);
    touch(challenge.dns_computer);
    touch(challenge.dns_tree);
    struct ntlm_input input = {.user = "svc",
        .domain = "CONTOSO",
        .workstation = "",
        .hash = fixed,
        .target_name = "HTTP/mail.contoso.test",
        .bindings = fixed,
        .negotiate = fixed,
        .negotiate_length = sizeof fixed,
        .challenge = data,
        .challenge_length = size,
        .flags = size % 2 == 0 ? NTLM_WANT_SEAL : 0,
        .client_nonce = fixed,
        .session_key = fixed,
        .now = 1};
    uint8_t *token = NULL, key[16];
    size_t length = 0;
    if (ntlm_authenticate(&arena, &input, &challenge, &token, &length, key, &fault))
        PROMISE(length >= 88 && length <= NTLM_MESSAGE_MAX);
    arena_done(&arena);
    return 0;
}
