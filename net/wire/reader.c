#include "net/wire/reader.h"

#include <string.h>

static const uint8_t nothing[1];

struct reader reader_of(const void *bytes, size_t length)
{
    if (bytes == NULL)
        return (struct reader){.bytes = nothing, .failed = length > 0};
    return (struct reader){.bytes = bytes, .length = length};
}

bool reader_ok(const struct reader *reader)
{
    return !reader->failed;
}

size_t reader_left(const struct reader *reader)
{
    return reader->failed ? 0 : reader->length - reader->at;
}

const uint8_t *read_bytes(struct reader *reader, size_t length)
{
    if (reader->failed || length > reader->length - reader->at) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *here = reader->bytes + reader->at;
    reader->at += length;
    return here;
}

uint8_t read_u8(struct reader *reader)
{
    const uint8_t *bytes = read_bytes(reader, 1);
    return bytes == NULL ? 0 : bytes[0];
}

uint16_t read_le16(struct reader *reader)
{
    const uint8_t *bytes = read_bytes(reader, 2);
    if (bytes == NULL)
        return 0;
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

uint32_t read_le32(struct reader *reader)
{
    const uint8_t *bytes = read_bytes(reader, 4);
    if (bytes == NULL)
        return 0;
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

uint64_t read_le64(struct reader *reader)
{
    const uint8_t *bytes = read_bytes(reader, 8);
    if (bytes == NULL)
        return 0;
    uint64_t value = 0;
    for (size_t i = 8; i > 0; i--)
        value = value << 8 | bytes[i - 1];
    return value;
}

uint16_t read_be16(struct reader *reader)
{
    const uint8_t *bytes = read_bytes(reader, 2);
    if (bytes == NULL)
        return 0;
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

uint32_t read_be32(struct reader *reader)
{
    const uint8_t *bytes = read_bytes(reader, 4);
    if (bytes == NULL)
        return 0;
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
           (uint32_t)bytes[3];
}

void read_skip(struct reader *reader, size_t length)
{
    read_bytes(reader, length);
}

void read_align(struct reader *reader, size_t alignment)
{
    size_t over = reader->at % alignment;
    if (over != 0)
        read_bytes(reader, alignment - over);
}

struct reader reader_part(const struct reader *reader, size_t offset, size_t length)
{
    if (reader->failed || offset > reader->length || length > reader->length - offset)
        return (struct reader){.bytes = nothing, .failed = true};
    return (struct reader){.bytes = reader->bytes + offset, .length = length};
}

struct writer writer_of(void *bytes, size_t size)
{
    return (struct writer){.bytes = bytes, .size = bytes == NULL ? 0 : size};
}

bool writer_ok(const struct writer *writer)
{
    return !writer->failed;
}

/* Room for `length` bytes, now part of what was written; NULL once failed. */
static uint8_t *take(struct writer *writer, size_t length)
{
    if (writer->failed || length > writer->size - writer->length) {
        writer->failed = true;
        return NULL;
    }
    uint8_t *here = writer->bytes + writer->length;
    writer->length += length;
    return here;
}

static void put_le(uint8_t *bytes, size_t length, uint64_t value)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

static void put_be(uint8_t *bytes, size_t length, uint64_t value)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(value >> 8 * (length - 1 - i));
}

void write_u8(struct writer *writer, uint8_t value)
{
    uint8_t *bytes = take(writer, 1);
    if (bytes != NULL)
        bytes[0] = value;
}

void write_le16(struct writer *writer, uint16_t value)
{
    uint8_t *bytes = take(writer, 2);
    if (bytes != NULL)
        put_le(bytes, 2, value);
}

void write_le32(struct writer *writer, uint32_t value)
{
    uint8_t *bytes = take(writer, 4);
    if (bytes != NULL)
        put_le(bytes, 4, value);
}

void write_le64(struct writer *writer, uint64_t value)
{
    uint8_t *bytes = take(writer, 8);
    if (bytes != NULL)
        put_le(bytes, 8, value);
}

void write_be16(struct writer *writer, uint16_t value)
{
    uint8_t *bytes = take(writer, 2);
    if (bytes != NULL)
        put_be(bytes, 2, value);
}

void write_be32(struct writer *writer, uint32_t value)
{
    uint8_t *bytes = take(writer, 4);
    if (bytes != NULL)
        put_be(bytes, 4, value);
}

void write_bytes(struct writer *writer, const void *bytes, size_t length)
{
    if (length == 0)
        return;
    uint8_t *here = take(writer, length);
    if (here != NULL)
        memcpy(here, bytes, length);
}

void write_zeros(struct writer *writer, size_t length)
{
    if (length == 0)
        return;
    uint8_t *here = take(writer, length);
    if (here != NULL)
        memset(here, 0, length);
}

void write_align(struct writer *writer, size_t alignment)
{
    size_t over = writer->length % alignment;
    if (over != 0)
        write_zeros(writer, alignment - over);
}

/* Only what was written before may be overwritten. */
static uint8_t *again(struct writer *writer, size_t offset, size_t length)
{
    if (writer->failed || offset > writer->length || length > writer->length - offset) {
        writer->failed = true;
        return NULL;
    }
    return writer->bytes + offset;
}

void write_le16_at(struct writer *writer, size_t offset, uint16_t value)
{
    uint8_t *bytes = again(writer, offset, 2);
    if (bytes != NULL)
        put_le(bytes, 2, value);
}

void write_le32_at(struct writer *writer, size_t offset, uint32_t value)
{
    uint8_t *bytes = again(writer, offset, 4);
    if (bytes != NULL)
        put_le(bytes, 4, value);
}
