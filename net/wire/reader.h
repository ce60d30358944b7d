/*
 * The one way to read bytes of others: a cursor whose error sticks.
 *
 * After the first read past the end every later read returns zero and moves nothing, so that a
 * parser is a straight list of reads with one check of reader_ok() at the end. Lengths read from
 * the wire are safe to pass on: they are compared with what is left before anything is touched.
 */
#ifndef NET_WIRE_READER_H
#define NET_WIRE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader {
    const uint8_t *bytes;
    size_t length;
    size_t at;
    bool failed;
};

struct reader reader_of(const void *bytes, size_t length);
bool reader_ok(const struct reader *reader);
size_t reader_left(const struct reader *reader); /* 0 once failed */

uint8_t read_u8(struct reader *reader);
uint16_t read_le16(struct reader *reader);
uint32_t read_le32(struct reader *reader);
uint64_t read_le64(struct reader *reader);
uint16_t read_be16(struct reader *reader);
uint32_t read_be32(struct reader *reader);
/* A view into the reader's bytes, NULL once failed; length 0 gives a non-NULL pointer. */
const uint8_t *read_bytes(struct reader *reader, size_t length);
void read_skip(struct reader *reader, size_t length);
void read_align(struct reader *reader, size_t alignment); /* from the start of the reader's bytes */
/* A reader over a part given by offset and length from the start; failed if it is out of bounds. */
struct reader reader_part(const struct reader *reader, size_t offset, size_t length);

/* The counterpart: appends into caller's memory; overflow sticks in the same way. */
struct writer {
    uint8_t *bytes;
    size_t size;
    size_t length;
    bool failed;
};

struct writer writer_of(void *bytes, size_t size);
bool writer_ok(const struct writer *writer);
void write_u8(struct writer *writer, uint8_t value);
void write_le16(struct writer *writer, uint16_t value);
void write_le32(struct writer *writer, uint32_t value);
void write_le64(struct writer *writer, uint64_t value);
void write_be16(struct writer *writer, uint16_t value);
void write_be32(struct writer *writer, uint32_t value);
void write_bytes(struct writer *writer, const void *bytes, size_t length);
void write_zeros(struct writer *writer, size_t length);
void write_align(struct writer *writer, size_t alignment);
/* Overwrites what was written before, for lengths known late. */
void write_le16_at(struct writer *writer, size_t offset, uint16_t value);
void write_le32_at(struct writer *writer, size_t offset, uint32_t value);

#endif
