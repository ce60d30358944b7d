#include "net/wire/mapihttp.h"

#include <string.h>

#include "net/wire/text.h"

/* ---- requests ---- */

static void put_no_aux(struct writer *body)
{
    write_le32(body, 0); /* AuxiliaryBufferSize */
}

/* 2.2.4.1.1: the order of the two locales is not that of EcDoConnectEx. */
bool mapihttp_connect_write(struct writer *body, const struct emsmdb_connect *connect)
{
    size_t size = strlen(connect->user_dn) + 1;
    if (size > EMSMDB_DN_MAX)
        return false;
    write_bytes(body, connect->user_dn, size);
    write_le32(body, connect->administrator ? 1 : 0); /* Flags */
    write_le32(body, connect->code_page);
    write_le32(body, connect->lcid); /* LcidSort */
    write_le32(body, connect->lcid); /* LcidString */
    put_no_aux(body);
    return writer_ok(body);
}

/* 2.2.4.2.1 */
bool mapihttp_execute_write(struct writer *body, const void *rop, size_t length)
{
    if (length > EMSMDB_ROP_MAX)
        return false;
    write_le32(body, EMSMDB_NO_COMPRESSION | EMSMDB_NO_XOR);
    write_le32(body, (uint32_t)length);
    write_bytes(body, rop, length);
    write_le32(body, EMSMDB_ROP_OUT); /* MaxRopOut */
    put_no_aux(body);
    return writer_ok(body);
}

/* 2.2.4.3.1 */
bool mapihttp_disconnect_write(struct writer *body)
{
    put_no_aux(body);
    return writer_ok(body);
}

/* ---- answers ---- */

static bool malformed(struct fault *fault, const char *what)
{
    return fault_set(
        fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0, "the answer to %s breaks its own format", what);
}

static const uint8_t *take_sized(
    struct reader *body, struct arena *arena, uint32_t max, size_t *ret_length)
{
    uint32_t size = read_le32(body);
    if (size > max)
        body->failed = true;
    const uint8_t *bytes = read_bytes(body, size);
    if (bytes == NULL || size == 0)
        return NULL;
    *ret_length = size;
    return arena_copy(arena, bytes, size);
}

static void take_aux(struct reader *body, struct arena *arena, struct mapihttp_result *result)
{
    result->aux = take_sized(body, arena, EMSMDB_AUX_MAX, &result->aux_length);
}

/* A server that refuses may leave out what is of no use then. */
static bool refused_short(const struct reader *body, const struct mapihttp_result *result)
{
    return result->error != 0 && reader_ok(body) && reader_left(body) == 0;
}

/* StatusCode, and ErrorCode where there is one. True: the type's own fields follow. */
static bool take_result(struct reader *body, struct arena *arena, struct mapihttp_result *result)
{
    result->status = read_le32(body);
    if (result->status != 0) {
        /* The failure body (2.2.4.1.3, 2.2.4.2.3, 2.2.4.3.3) has the auxiliary buffer alone. */
        if (reader_left(body) > 0)
            take_aux(body, arena, result);
        return false;
    }
    result->error = read_le32(body);
    return reader_ok(body) && !refused_short(body, result);
}

/* 2.2.4.1.2 DnPrefix: ASCII with its NUL. */
static const char *take_ascii(struct reader *body, struct arena *arena)
{
    size_t left = reader_left(body);
    const uint8_t *start = read_bytes(body, 0);
    const uint8_t *nul = start == NULL || left == 0 ? NULL : memchr(start, 0, left);
    size_t length = nul == NULL ? 0 : (size_t)(nul - start);
    if (nul == NULL || length >= EMSMDB_DN_MAX) {
        body->failed = true;
        return "";
    }
    read_skip(body, length + 1);
    return arena_strndup(arena, (const char *)start, length);
}

/* DisplayName: UTF-16 with its NUL. */
static const char *take_unicode(struct reader *body, struct arena *arena)
{
    const uint8_t *start = read_bytes(body, 0);
    size_t units = 0;
    while (read_le16(body) != 0 && units < EMSMDB_DN_MAX)
        units++;
    if (!reader_ok(body) || units == EMSMDB_DN_MAX) {
        body->failed = true;
        return "";
    }
    return utf16le_to_utf8(arena, start, units * 2);
}

bool mapihttp_connect_read(const void *body, size_t length, struct arena *arena,
    struct mapihttp_session *ret_session, struct fault *fault)
{
    struct mapihttp_session session = {.dn_prefix = "", .display_name = ""};
    struct reader reader = reader_of(body, length);
    if (take_result(&reader, arena, &session.result)) {
        session.polls_max_ms = read_le32(&reader);
        session.retry_count = read_le32(&reader);
        session.retry_delay_ms = read_le32(&reader);
        session.dn_prefix = take_ascii(&reader, arena);
        session.display_name = take_unicode(&reader, arena);
        take_aux(&reader, arena, &session.result);
    }
    if (!reader_ok(&reader))
        return malformed(fault, "Connect");
    *ret_session = session;
    return true;
}

/* 2.2.4.2.2 */
bool mapihttp_execute_read(const void *body, size_t length, struct arena *arena,
    struct mapihttp_execute *ret_execute, struct fault *fault)
{
    struct mapihttp_execute execute = {0};
    struct reader reader = reader_of(body, length);
    if (take_result(&reader, arena, &execute.result)) {
        execute.flags = read_le32(&reader);
        execute.rop = take_sized(&reader, arena, EMSMDB_ROP_MAX, &execute.rop_length);
        take_aux(&reader, arena, &execute.result);
    }
    if (!reader_ok(&reader))
        return malformed(fault, "Execute");
    *ret_execute = execute;
    return true;
}

/* 2.2.4.3.2 */
bool mapihttp_disconnect_read(const void *body, size_t length, struct arena *arena,
    struct mapihttp_result *ret_result, struct fault *fault)
{
    struct mapihttp_result result = {0};
    struct reader reader = reader_of(body, length);
    if (take_result(&reader, arena, &result))
        take_aux(&reader, arena, &result);
    if (!reader_ok(&reader))
        return malformed(fault, "Disconnect");
    *ret_result = result;
    return true;
}
