#include "net/wire/emsmdb.h"

enum {
    XOR_MAGIC = 0xa5,
    MATCH_MIN = 3,
    LENGTH_INLINE = 7, /* three bits: all set, more follows */
    LENGTH_NIBBLE = 15,
    LENGTH_BYTE = 255,
};

/* ---- DIRECT2, 3.1.4.1.1.2.2; the same code as Plain LZ77 of [MS-XCA] 2.4 ---- */

struct direct2 {
    struct reader in;
    uint8_t *out;
    size_t size, length;
    bool nibble_kept; /* the high half of a byte waits for the next long match */
    uint8_t nibble;
};

/* 3.1.4.1.1.2.2.4: inline bits, then half a byte (two matches share one), a byte, two bytes. */
static size_t match_length(struct direct2 *state, unsigned inline_bits)
{
    size_t length = inline_bits;
    if (length < LENGTH_INLINE)
        return length + MATCH_MIN;
    if (state->nibble_kept) {
        length = state->nibble;
    } else {
        uint8_t both = read_u8(&state->in);
        length = both & 0xf;
        state->nibble = both >> 4;
    }
    state->nibble_kept = !state->nibble_kept;
    if (length < LENGTH_NIBBLE)
        return length + LENGTH_INLINE + MATCH_MIN;
    length = read_u8(&state->in);
    if (length < LENGTH_BYTE)
        return length + LENGTH_NIBBLE + LENGTH_INLINE + MATCH_MIN;
    length = read_le16(&state->in);
    if (length < LENGTH_NIBBLE + LENGTH_INLINE) /* would have had a shorter form */
        state->in.failed = true;
    return length + MATCH_MIN;
}

static bool copy_match(struct direct2 *state)
{
    uint16_t metadata = read_le16(&state->in);
    size_t offset = (size_t)(metadata >> 3) + 1;
    size_t length = match_length(state, metadata & 7);
    if (!reader_ok(&state->in) || offset > state->length || length > state->size - state->length)
        return false;
    for (size_t i = 0; i < length; i++, state->length++) /* may overlap: byte by byte */
        state->out[state->length] = state->out[state->length - offset];
    return true;
}

bool ext_decompress(const void *bytes, size_t length, uint8_t *ret_bytes, size_t size)
{
    struct direct2 state = {.in = reader_of(bytes, length), .out = ret_bytes, .size = size};
    uint32_t mask = 0;
    unsigned left = 0;
    while (state.length < size) {
        if (left == 0) {
            mask = read_le32(&state.in);
            left = 32;
        }
        left--;
        if ((mask >> left & 1) != 0) {
            if (!copy_match(&state))
                return false;
            continue;
        }
        uint8_t literal = read_u8(&state.in);
        if (!reader_ok(&state.in))
            return false;
        state.out[state.length++] = literal;
    }
    return true;
}

/* ---- RPC_HEADER_EXT, 2.2.2.1 ---- */

bool ext_buffer_write(struct writer *writer, const void *payload, size_t length)
{
    if (length > UINT16_MAX)
        return false;
    write_le16(writer, 0); /* Version */
    write_le16(writer, EXT_LAST);
    write_le16(writer, (uint16_t)length); /* Size */
    write_le16(writer, (uint16_t)length); /* SizeActual */
    write_bytes(writer, payload, length);
    return writer_ok(writer);
}

struct header {
    uint16_t version, flags, size, actual;
};

static bool header_good(const struct header *header)
{
    if (header->version != 0)
        return false;
    if ((header->flags & EXT_COMPRESSED) != 0)
        return header->size < header->actual;
    return header->size == header->actual;
}

/* Obfuscation comes off first: a sender compresses before it obfuscates, 3.1.4.1.1. */
static bool unpack(
    struct arena *arena, const struct header *header, const uint8_t *bytes, uint8_t **ret_bytes)
{
    uint8_t *plain = arena_copy(arena, bytes, header->size);
    if ((header->flags & EXT_XOR_MAGIC) != 0) {
        for (size_t i = 0; i < header->size; i++)
            plain[i] ^= XOR_MAGIC;
    }
    if ((header->flags & EXT_COMPRESSED) == 0) {
        *ret_bytes = plain;
        return true;
    }
    *ret_bytes = arena_alloc(arena, header->actual);
    return ext_decompress(plain, header->size, *ret_bytes, header->actual);
}

static bool wrong(struct fault *fault, const char *what)
{
    return fault_set(
        fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0, "the answer's extended buffer %s", what);
}

bool ext_buffers_read(const void *bytes, size_t length, struct arena *arena,
    struct ext_buffers *ret_buffers, struct fault *fault)
{
    struct ext_payload payloads[EXT_COUNT_MAX];
    struct reader reader = reader_of(bytes, length);
    size_t count = 0;
    size_t total = 0;
    bool last = false;
    while (!last && reader_left(&reader) > 0) {
        struct header header = {.version = read_le16(&reader)};
        header.flags = read_le16(&reader);
        header.size = read_le16(&reader);
        header.actual = read_le16(&reader);
        const uint8_t *payload = read_bytes(&reader, header.size);
        uint8_t *plain = NULL;
        if (payload == NULL)
            return wrong(fault, "is shorter than its header says");
        if (!header_good(&header))
            return wrong(fault, "has a header with impossible values");
        total += header.actual;
        if (count == EXT_COUNT_MAX || total > EXT_TOTAL_MAX)
            return fault_set(fault, CAUSE_TOO_LARGE, ORIGIN_EXREACH, 0,
                "the answer unpacks to more than we take (%d buffers, %d bytes)", EXT_COUNT_MAX,
                EXT_TOTAL_MAX);
        if (!unpack(arena, &header, payload, &plain))
            return wrong(fault, "does not unpack");
        payloads[count++] = (struct ext_payload){plain, header.actual, header.flags};
        last = (header.flags & EXT_LAST) != 0;
    }
    if (!reader_ok(&reader) || (count > 0 && !last))
        return wrong(fault, "has no last part");
    ret_buffers->payloads =
        count == 0 ? NULL : arena_copy(arena, payloads, count * sizeof *payloads);
    ret_buffers->count = count;
    return true;
}
