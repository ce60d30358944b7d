#include "net/wire/replmeta.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t attributes[] = {REPLMETA_PROTOCOL_SETTINGS, 0, 0x00020001, 0xbbb49e9d};
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
        struct replmeta_change change = {.changed = INT64_MIN};
        if (!replmeta_find(data, size, attributes[i], &change)) {
            PROMISE(change.changed == INT64_MIN);
            continue;
        }
        /* From 1601 to 9999: what RFC 3339 can write. */
        PROMISE(change.changed >= -11644473600 && change.changed <= 253402300799);
        PROMISE(size >= 64);
    }
    return 0;
}
