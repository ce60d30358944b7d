#include "net/wire/protocolsettings.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *value = (const char *)data;
    const char *field = NULL;
    size_t length = 0, total = 0;
    unsigned index = 0;
    /* The fields lie one behind the other inside the value, with a separator between them. */
    while (protocolsettings_field(value, size, index, &field, &length)) {
        PROMISE(field >= value && length <= size && (size_t)(field - value) <= size - length);
        PROMISE((size_t)(field - value) >= total);
        total = (size_t)(field - value) + length + 1;
        index++;
    }
    PROMISE(index >= 1 && index <= size + 1);
    struct protocol_settings settings = {.versions = ""};
    protocolsettings_read(&settings, value, size);
    PROMISE(touch(settings.versions) < sizeof settings.versions);
    PROMISE(settings.mapi_blocks[MAPI_BLOCK_VERSIONS] || settings.versions[0] == '\0');
    return 0;
}
