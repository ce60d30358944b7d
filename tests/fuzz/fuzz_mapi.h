/* Touches what the MAPI codecs read: fuzz targets of the address book. */
#ifndef TESTS_FUZZ_FUZZ_MAPI_H
#define TESTS_FUZZ_FUZZ_MAPI_H

#include "net/wire/nspi.h"
#include "tests/fuzz/fuzz.h"

static inline void touch_value(const struct mapi_value *value)
{
    unsigned sum = 0;
    touch(value->text);
    for (size_t i = 0; i < value->binary.length; i++)
        sum += value->binary.bytes[i];
    PROMISE(sum < UINT32_MAX && value->binary.length <= MAPI_BINARY_MAX);
    PROMISE(value->count <= MAPI_ITEMS_MAX);
    for (uint32_t i = 0; i < value->count; i++) {
        PROMISE(value->items[i].count == 0); /* one level */
        touch_value(&value->items[i]);
    }
}

static inline void touch_rows(struct arena *arena, const struct mapi_rows *rows)
{
    PROMISE(rows->count <= MAPI_ROWS_MAX);
    for (uint32_t i = 0; i < rows->count; i++) {
        PROMISE(rows->rows[i].count <= MAPI_VALUES_MAX);
        for (uint32_t j = 0; j < rows->rows[i].count; j++) {
            const struct mapi_value *value = &rows->rows[i].values[j];
            struct nspi_entry_id id;
            touch_value(value);
            if (nspi_entry_id_read(arena, &value->binary, &id))
                PROMISE(id.permanent == (id.dn != NULL));
        }
    }
}

static inline void touch_answer(struct arena *arena, const struct nspi_answer *answer)
{
    uint32_t sum = 0;
    PROMISE(answer->mid_count <= NSPI_NAMES_MAX);
    for (uint32_t i = 0; i < answer->mid_count; i++)
        sum |= answer->mids[i];
    PROMISE(answer->mid_count > 0 || sum == 0);
    touch(answer->url);
    touch_rows(arena, &answer->rows);
}

#endif
