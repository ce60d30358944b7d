#include "net/directory_impl.h"

#include "net/wire/reader.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

/* ---- growing buffers; wiped, because a simple bind passes through them ---- */

static void buffer_done(struct pipe_buffer *buffer)
{
    if (buffer->bytes != NULL)
        OPENSSL_cleanse(buffer->bytes, buffer->size);
    free(buffer->bytes);
    *buffer = (struct pipe_buffer){0};
}

static void buffer_add(struct pipe_buffer *buffer, const void *bytes, size_t length)
{
    if (buffer->size - buffer->length < length) {
        size_t size = (buffer->length + length) * 2;
        uint8_t *grown = xcalloc(1, size);
        if (buffer->length > 0)
            memcpy(grown, buffer->bytes, buffer->length);
        size_t used = buffer->length;
        buffer_done(buffer);
        *buffer = (struct pipe_buffer){.bytes = grown, .length = used, .size = size};
    }
    if (length > 0)
        memcpy(&buffer->bytes[buffer->length], bytes, length);
    buffer->length += length;
}

static void buffer_drop(struct pipe_buffer *buffer, size_t length)
{
    size_t left = buffer->length - length;
    if (left > 0)
        memmove(buffer->bytes, &buffer->bytes[length], left);
    if (length > 0)
        OPENSSL_cleanse(&buffer->bytes[left], length);
    buffer->length = left;
}

/* ---- BER ---- */

struct ber_header {
    uint8_t tag;
    size_t length;
};

/* Enough: tag and length are complete. False: no BER that LDAP allows. */
static bool ber_header(
    struct reader *reader, struct ber_header *ret_header, bool *ret_enough, struct fault *fault)
{
    *ret_enough = false;
    uint8_t tag = read_u8(reader);
    uint8_t first = read_u8(reader);
    if (!reader_ok(reader))
        return true;
    if ((tag & 0x1f) == 0x1f)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "broken LDAP: a BER tag of more than one byte");
    size_t length = first;
    if (first == 0x80)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "broken LDAP: a BER length that is indefinite");
    if (first > 0x80) {
        unsigned octets = first & 0x7fU;
        if (octets > 4)
            return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
                "broken LDAP: a BER length of %u bytes", octets);
        length = 0;
        while (octets-- > 0)
            length = length << 8 | read_u8(reader);
        if (!reader_ok(reader))
            return true;
    }
    *ret_header = (struct ber_header){.tag = tag, .length = length};
    *ret_enough = true;
    return true;
}

/* Every element lies within its parent. Iterative: the depth is the peer's choice. */
static bool ber_check(const uint8_t *bytes, size_t size, struct fault *fault)
{
    size_t ends[PIPE_DEPTH_MAX];
    size_t depth = 0;
    struct reader reader = reader_of(bytes, size);
    while (reader_left(&reader) > 0) {
        while (depth > 0 && reader.at == ends[depth - 1])
            depth--;
        size_t end = depth > 0 ? ends[depth - 1] : size;
        struct ber_header header = {0};
        bool enough = false;
        if (!ber_header(&reader, &header, &enough, fault))
            return false;
        if (!enough || reader.at > end || header.length > end - reader.at)
            return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
                "broken LDAP: a BER element reaches beyond the one around it");
        bool constructed = (header.tag & 0x20) != 0;
        if (!constructed) {
            read_skip(&reader, header.length);
            continue;
        }
        if (header.length == 0)
            continue;
        if (depth == PIPE_DEPTH_MAX)
            return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
                "broken LDAP: BER nested more than %d deep", PIPE_DEPTH_MAX);
        ends[depth++] = reader.at + header.length;
    }
    return true;
}

bool ldap_frame(const void *bytes, size_t length, size_t *ret_size, struct fault *fault)
{
    struct reader reader = reader_of(bytes, length);
    struct ber_header header = {0};
    bool enough = false;
    *ret_size = 0;
    if (length == 0)
        return true;
    struct reader peek = reader;
    uint8_t tag = read_u8(&peek);
    if (tag != 0x30)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "not LDAP: a message begins with the byte 0x%02X", tag);
    if (!ber_header(&reader, &header, &enough, fault))
        return false;
    if (!enough)
        return true;
    if (header.length > PIPE_MESSAGE_MAX)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "broken LDAP: a message of %zu bytes is announced", header.length);
    if (reader_left(&reader) < header.length)
        return true;
    size_t size = reader.at + header.length;
    if (!ber_check(bytes, size, fault))
        return false;
    *ret_size = size;
    return true;
}

/* ---- the pipe ---- */

void pipe_done(struct pipe *pipe)
{
    buffer_done(&pipe->out);
    buffer_done(&pipe->wire);
    buffer_done(&pipe->plain);
    buffer_done(&pipe->ready);
    tls_free(pipe->tls);
    sock_close(pipe->sock);
    pipe->tls = NULL;
    pipe->sock = NET_SOCK_NONE;
}

void pipe_seal(struct pipe *pipe, struct secctx *layer, size_t max)
{
    pipe->layer = layer;
    pipe->layer_max = max;
}

bool pipe_has_message(const struct pipe *pipe)
{
    return pipe->ready_at < pipe->ready.length;
}

static bool write_all(struct pipe *pipe, const uint8_t *bytes, size_t length,
    struct net_limit limit, struct fault *fault)
{
    if (pipe->tls == NULL)
        return sock_write_all(pipe->sock, bytes, length, limit, fault);
    struct reader reader = reader_of(bytes, length);
    while (reader_left(&reader) > 0) {
        struct reader ahead = reader;
        size_t left = reader_left(&reader);
        size_t done = 0;
        unsigned event = SOCK_WRITABLE;
        int step = tls_try_write(pipe->tls, read_bytes(&ahead, left), left, &done, &event, fault);
        if (step < 0)
            return false;
        if (step == 0 && !sock_wait(pipe->sock, event, limit, fault))
            return false;
        if (step > 0)
            read_skip(&reader, done);
    }
    return true;
}

/* RFC 4752 §3: four bytes of length before each token. */
static bool write_sealed(struct pipe *pipe, struct net_limit limit, struct fault *fault)
{
    enum { CHUNK_MAX = 32 * 1024, TOKEN_OVERHEAD = 128 };
    size_t room = pipe->layer_max > (size_t)2 * TOKEN_OVERHEAD ? pipe->layer_max - TOKEN_OVERHEAD
                                                               : TOKEN_OVERHEAD;
    struct reader reader = reader_of(pipe->out.bytes, pipe->out.length);
    while (reader_left(&reader) > 0) {
        size_t chunk = reader_left(&reader) < room ? reader_left(&reader) : room;
        chunk = chunk < CHUNK_MAX ? chunk : CHUNK_MAX;
        const uint8_t *token = NULL;
        size_t length = 0;
        if (!secctx_wrap(pipe->layer, read_bytes(&reader, chunk), chunk, &token, &length, fault))
            return false;
        size_t size = 4 + length;
        struct writer writer = writer_of(xcalloc(1, size), size);
        write_be32(&writer, (uint32_t)length);
        write_bytes(&writer, token, length);
        bool ok = write_all(pipe, writer.bytes, writer.length, limit, fault);
        free(writer.bytes);
        if (!ok)
            return false;
    }
    return true;
}

bool pipe_flush(struct pipe *pipe, struct net_limit limit, struct fault *fault)
{
    if (pipe->refused_write)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "the LDAP request is too long");
    bool ok = true;
    if (pipe->out.length > 0)
        ok = pipe->layer != NULL ? write_sealed(pipe, limit, fault)
                                 : write_all(pipe, pipe->out.bytes, pipe->out.length, limit, fault);
    buffer_drop(&pipe->out, pipe->out.length);
    return ok;
}

/* Some bytes of the peer, waiting for them. */
static bool read_some(struct pipe *pipe, void *bytes, size_t size, struct net_limit limit,
    size_t *ret_length, struct fault *fault)
{
    for (;;) {
        unsigned event = SOCK_READABLE;
        size_t length = 0;
        int step = pipe->tls != NULL ? tls_try_read(pipe->tls, bytes, size, &length, &event, fault)
                                     : sock_try_read(pipe->sock, bytes, size, &length, fault);
        if (step < 0)
            return false;
        if (step > 0 && length == 0)
            return fault_set(
                fault, CAUSE_CLOSED, ORIGIN_EXREACH, 0, "the LDAP server closed the connection");
        if (step > 0) {
            *ret_length = length;
            return true;
        }
        if (!sock_wait(pipe->sock, event, limit, fault))
            return false;
    }
}

/* Unseals one token, if one is whole. */
static bool unseal_one(struct pipe *pipe, bool *ret_did, struct fault *fault)
{
    struct reader reader = reader_of(pipe->wire.bytes, pipe->wire.length);
    uint32_t length = read_be32(&reader);
    *ret_did = false;
    if (!reader_ok(&reader))
        return true;
    if (length == 0 || length > PIPE_SEALED_MAX)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "a sealed LDAP message of %lu bytes is announced", (unsigned long)length);
    const uint8_t *token = read_bytes(&reader, length);
    if (token == NULL)
        return true;
    const uint8_t *plain = NULL;
    size_t plain_length = 0;
    if (!secctx_unwrap(pipe->layer, token, length, &plain, &plain_length, fault))
        return false;
    buffer_add(&pipe->plain, plain, plain_length);
    buffer_drop(&pipe->wire, 4 + (size_t)length);
    *ret_did = true;
    return true;
}

/* Moves the first whole message over to libldap. */
static bool take_message(struct pipe *pipe, bool *ret_took, struct fault *fault)
{
    size_t size = 0;
    *ret_took = false;
    if (!ldap_frame(pipe->plain.bytes, pipe->plain.length, &size, fault))
        return false;
    if (size == 0)
        return true;
    buffer_done(&pipe->ready);
    pipe->ready_at = 0;
    buffer_add(&pipe->ready, pipe->plain.bytes, size);
    buffer_drop(&pipe->plain, size);
    *ret_took = true;
    return true;
}

bool pipe_fill(struct pipe *pipe, struct net_limit limit, struct fault *fault)
{
    uint8_t bytes[16 * 1024];
    for (;;) {
        bool did = false;
        if (!take_message(pipe, &did, fault))
            return false;
        if (did)
            return true;
        if (pipe->layer != NULL && !unseal_one(pipe, &did, fault))
            return false;
        if (did)
            continue;
        /* Data that is there must not outlive the deadline either. */
        if (deadline_passed(limit.deadline))
            return fault_set(fault, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0,
                "the LDAP server's answer is still incomplete");
        size_t length = 0;
        if (!read_some(pipe, bytes, sizeof bytes, limit, &length, fault))
            return false;
        buffer_add(pipe->layer != NULL ? &pipe->wire : &pipe->plain, bytes, length);
    }
}

/* ---- libldap's side: memory only ---- */

static int layer_setup(Sockbuf_IO_Desc *descriptor, void *argument)
{
    descriptor->sbiod_pvt = argument;
    return 0;
}

static int layer_remove(Sockbuf_IO_Desc *descriptor)
{
    descriptor->sbiod_pvt = NULL;
    return 0;
}

static int layer_ctrl(Sockbuf_IO_Desc *descriptor, int option, void *argument)
{
    const struct pipe *pipe = descriptor->sbiod_pvt;
    if (option == LBER_SB_OPT_DATA_READY)
        return pipe_has_message(pipe) ? 1 : 0;
    return LBER_SBIOD_CTRL_NEXT(descriptor, option, argument);
}

static ber_slen_t layer_read(Sockbuf_IO_Desc *descriptor, void *bytes, ber_len_t size)
{
    struct pipe *pipe = descriptor->sbiod_pvt;
    size_t left = pipe->ready.length - pipe->ready_at;
    if (left == 0) {
        errno = EWOULDBLOCK;
        return -1;
    }
    size_t length = left < size ? left : size;
    memcpy(bytes, &pipe->ready.bytes[pipe->ready_at], length);
    pipe->ready_at += length;
    return (ber_slen_t)length;
}

static ber_slen_t layer_write(Sockbuf_IO_Desc *descriptor, void *bytes, ber_len_t length)
{
    struct pipe *pipe = descriptor->sbiod_pvt;
    if (length > PIPE_MESSAGE_MAX - pipe->out.length)
        pipe->refused_write = true; /* pipe_flush() tells; libldap would retry for ever */
    else
        buffer_add(&pipe->out, bytes, length);
    return (ber_slen_t)length;
}

static int layer_close(Sockbuf_IO_Desc *descriptor)
{
    (void)descriptor; /* the socket is ours */
    return 0;
}

bool pipe_attach(struct pipe *pipe, Sockbuf *sockbuf)
{
    static Sockbuf_IO layer = {
        .sbi_setup = layer_setup,
        .sbi_remove = layer_remove,
        .sbi_ctrl = layer_ctrl,
        .sbi_read = layer_read,
        .sbi_write = layer_write,
        .sbi_close = layer_close,
    };
    return ber_sockbuf_add_io(sockbuf, &layer, LBER_SBIOD_LEVEL_PROVIDER, pipe) == 0;
}
