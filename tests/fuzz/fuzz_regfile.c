#include "net/wire/regfile.h"
#include "tests/fuzz/fuzz.h"

static void look(void *context, const struct regfile_entry *entry)
{
    size_t *last_line = context;
    PROMISE(entry->line >= *last_line);
    *last_line = entry->line;
    PROMISE(entry->key != NULL);
    PROMISE(touch(entry->key) < REGFILE_KEY_MAX && touch(entry->name) < REGFILE_KEY_MAX);
    PROMISE((entry->kind == REGFILE_TEXT) == (entry->text != NULL));
    touch(entry->text);
    for (size_t i = 0; i < entry->count; i++)
        touch(entry->texts[i]);
    size_t kept = entry->length < REGFILE_LINE_MAX ? entry->length : REGFILE_LINE_MAX;
    unsigned sum = 0;
    for (size_t i = 0; i < kept; i++)
        sum += entry->bytes[i];
    PROMISE(sum <= kept * 255);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fault fault = {.cause = CAUSE_NONE};
    size_t last_line = 0;
    bool ok = regfile_read(data, size, look, &last_line, &fault);
    PROMISE(ok == (fault.cause == CAUSE_NONE));
    PROMISE(ok || strncmp(fault.text, "line ", 5) == 0); /* no input is over REGFILE_MAX */
    return 0;
}
