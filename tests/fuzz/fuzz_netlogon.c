#include "net/wire/netlogon.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct netlogon_answer answer;
    if (!netlogon_read(data, size, &answer))
        return 0;
    const char *const names[] = {answer.forest, answer.domain, answer.host, answer.netbios_domain,
        answer.netbios_host, answer.dc_site, answer.client_site};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        PROMISE(touch(names[i]) < NETLOGON_NAME_MAX);
        for (const char *c = names[i]; *c != '\0'; c++)
            PROMISE((unsigned char)*c >= 0x20 && *c != 0x7f);
    }
    return 0;
}
