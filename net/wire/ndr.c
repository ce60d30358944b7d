#include "net/wire/ndr.h"

#include <string.h>

#include "net/wire/text.h"

enum { FIRST_REFERENT = 0x20000, REFERENT_STEP = 4 };

/* ---- reading ---- */

uint16_t ndr_u16(struct reader *reader)
{
    read_align(reader, 2);
    return read_le16(reader);
}

uint32_t ndr_u32(struct reader *reader)
{
    read_align(reader, 4);
    return read_le32(reader);
}

uint64_t ndr_u64(struct reader *reader)
{
    read_align(reader, 8);
    return read_le64(reader);
}

bool ndr_pointer(struct reader *reader)
{
    return ndr_u32(reader) != 0 && reader_ok(reader);
}

uint32_t ndr_conformance(struct reader *reader, uint32_t max, size_t element)
{
    uint32_t count = ndr_u32(reader);
    if (count > max || (element > 0 && count > reader_left(reader) / element))
        reader->failed = true;
    return reader_ok(reader) ? count : 0;
}

uint32_t ndr_variance(struct reader *reader, uint32_t max, size_t element)
{
    uint32_t room = ndr_u32(reader); /* memory at the receiver: need not be on the wire */
    uint32_t offset = ndr_u32(reader);
    uint32_t count = ndr_u32(reader);
    if (offset != 0 || count > room || count > max ||
        (element > 0 && count > reader_left(reader) / element))
        reader->failed = true;
    return reader_ok(reader) ? count : 0;
}

const char *ndr_string8(struct reader *reader, struct arena *arena, uint32_t max)
{
    uint32_t count = ndr_variance(reader, max, 1);
    const uint8_t *bytes = read_bytes(reader, count);
    if (bytes == NULL || count == 0 || bytes[count - 1] != 0)
        reader->failed = true;
    return reader_ok(reader) ? arena_strndup(arena, (const char *)bytes, count - 1) : NULL;
}

const char *ndr_string16(struct reader *reader, struct arena *arena, uint32_t max)
{
    uint32_t count = ndr_variance(reader, max, 2);
    const uint8_t *bytes = read_bytes(reader, (size_t)count * 2);
    if (bytes == NULL || count == 0 || bytes[2 * count - 2] != 0 || bytes[2 * count - 1] != 0)
        reader->failed = true;
    return reader_ok(reader) ? utf16le_to_utf8(arena, bytes, ((size_t)count - 1) * 2) : NULL;
}

const uint8_t *ndr_context_handle(struct reader *reader)
{
    read_align(reader, 4);
    return read_bytes(reader, NDR_CONTEXT_HANDLE_SIZE);
}

/* ---- writing ---- */

void ndr_put_u16(struct writer *writer, uint16_t value)
{
    write_align(writer, 2);
    write_le16(writer, value);
}

void ndr_put_u32(struct writer *writer, uint32_t value)
{
    write_align(writer, 4);
    write_le32(writer, value);
}

void ndr_put_u64(struct writer *writer, uint64_t value)
{
    write_align(writer, 8);
    write_le64(writer, value);
}

void ndr_put_pointer(struct writer *writer, uint32_t *next_id, bool present)
{
    if (!present) {
        ndr_put_u32(writer, 0);
        return;
    }
    if (*next_id < FIRST_REFERENT)
        *next_id = FIRST_REFERENT;
    ndr_put_u32(writer, *next_id);
    *next_id += REFERENT_STEP;
}

static void put_counts(struct writer *writer, size_t count)
{
    ndr_put_u32(writer, (uint32_t)count);
    ndr_put_u32(writer, 0);
    ndr_put_u32(writer, (uint32_t)count);
}

void ndr_put_string8(struct writer *writer, const char *text)
{
    size_t count = strlen(text) + 1;
    put_counts(writer, count);
    write_bytes(writer, text, count);
}

void ndr_put_string16(struct writer *writer, const char *utf8)
{
    struct arena arena = {0};
    size_t length = 0;
    const uint8_t *bytes = utf8_to_utf16le(&arena, utf8, &length);
    put_counts(writer, length / 2 + 1);
    write_bytes(writer, bytes, length);
    write_le16(writer, 0);
    arena_done(&arena);
}

void ndr_put_bytes(struct writer *writer, const void *bytes, size_t length)
{
    ndr_put_u32(writer, (uint32_t)length);
    write_bytes(writer, bytes, length);
}
