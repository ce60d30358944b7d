#include "net/wire/emsmdb.h"

#include <string.h>

const uint8_t emsmdb_uuid[16] = {
    0x00, 0xdb, 0xf1, 0xa4, 0x47, 0xca, 0x67, 0x10, 0xb3, 0x1f, 0x00, 0xdd, 0x01, 0x06, 0x62, 0xda};

enum { NEW_FORM = 0x8000 };

static bool malformed(struct fault *fault, const char *what)
{
    return fault_set(
        fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0, "the answer to %s breaks its own format", what);
}

bool emsmdb_handle_is_null(const struct emsmdb_handle *handle)
{
    static const struct emsmdb_handle null;
    return memcmp(handle->bytes, null.bytes, sizeof null.bytes) == 0;
}

/* ---- version numbers, 3.1.4.1.3.1 ---- */

struct build emsmdb_version_from_words(const uint16_t words[3])
{
    if ((words[1] & NEW_FORM) == 0)
        return (struct build){words[0], 0, words[1], words[2]};
    return (struct build){words[0] >> 8, words[0] & 0xff, words[1] & 0x7fff, words[2]};
}

void emsmdb_version_to_words(const struct build *build, uint16_t ret_words[3])
{
    ret_words[0] = (uint16_t)((build->major & 0xff) << 8 | (build->minor & 0xff));
    ret_words[1] = (uint16_t)(NEW_FORM | (build->build & 0x7fff));
    ret_words[2] = build->revision < 0 ? 0 : (uint16_t)(build->revision & 0xffff);
}

/* ---- pieces ---- */

static void put_handle(struct writer *stub, const struct emsmdb_handle *handle)
{
    write_align(stub, 4);
    write_bytes(stub, handle->bytes, sizeof handle->bytes);
}

static void take_handle(struct reader *stub, struct emsmdb_handle *ret_handle)
{
    const uint8_t *bytes = ndr_context_handle(stub);
    if (bytes != NULL)
        memcpy(ret_handle->bytes, bytes, sizeof ret_handle->bytes);
}

/* [out, string] unsigned char **: the pointee follows its pointer at once, a null one is empty. */
static const char *take_string(struct reader *stub, struct arena *arena)
{
    if (!ndr_pointer(stub))
        return "";
    const char *text = ndr_string8(stub, arena, EMSMDB_DN_MAX);
    return text == NULL ? "" : text;
}

/* length_is(*p), size_is(*p) and then *p itself: they must agree. */
static const uint8_t *take_buffer(
    struct reader *stub, struct arena *arena, uint32_t max, size_t *ret_length)
{
    uint32_t count = ndr_variance(stub, max, 1);
    const uint8_t *bytes = read_bytes(stub, count);
    if (ndr_u32(stub) != count)
        stub->failed = true;
    if (!reader_ok(stub) || count == 0)
        return NULL;
    *ret_length = count;
    return arena_copy(arena, bytes, count);
}

static void take_words(struct reader *stub, uint16_t ret_words[3])
{
    for (size_t i = 0; i < 3; i++)
        ret_words[i] = ndr_u16(stub);
}

/* ---- EcDoConnectEx, 3.1.4.1 ---- */

bool emsmdb_connect_write(struct writer *stub, const struct emsmdb_connect *connect)
{
    uint16_t version[3];
    if (strlen(connect->user_dn) >= EMSMDB_DN_MAX)
        return false;
    emsmdb_version_to_words(&connect->client, version);
    ndr_put_string8(stub, connect->user_dn);
    ndr_put_u32(stub, connect->administrator ? 1 : 0); /* ulFlags */
    ndr_put_u32(stub, 0); /* ulConMod: which public folder replica; any value is good */
    ndr_put_u32(stub, 0); /* cbLimit */
    ndr_put_u32(stub, connect->code_page);
    ndr_put_u32(stub, connect->lcid); /* ulLcidString */
    ndr_put_u32(stub, connect->lcid); /* ulLcidSort */
    ndr_put_u32(stub, UINT32_MAX);    /* ulIcxrLink, 3.2.4.1: no session to link to */
    ndr_put_u16(stub, 1);             /* usFCanConvertCodePages, 3.2.4.1 */
    for (size_t i = 0; i < 3; i++)
        ndr_put_u16(stub, version[i]);
    ndr_put_u32(stub, 0);              /* pulTimeStamp */
    ndr_put_bytes(stub, NULL, 0);      /* rgbAuxIn */
    ndr_put_u32(stub, 0);              /* cbAuxIn */
    ndr_put_u32(stub, EMSMDB_AUX_MAX); /* pcbAuxOut */
    return writer_ok(stub);
}

bool emsmdb_connect_read(const void *stub, size_t length, struct arena *arena,
    struct emsmdb_session *ret_session, struct fault *fault)
{
    struct emsmdb_session session = {0};
    uint16_t best[3];
    struct reader reader = reader_of(stub, length);
    take_handle(&reader, &session.handle);
    session.polls_max_ms = ndr_u32(&reader);
    session.retry_count = ndr_u32(&reader);
    session.retry_delay_ms = ndr_u32(&reader);
    session.session_index = ndr_u16(&reader);
    session.dn_prefix = take_string(&reader, arena);
    session.display_name = take_string(&reader, arena);
    take_words(&reader, session.server_words);
    take_words(&reader, best);
    session.time_stamp = ndr_u32(&reader);
    session.aux = take_buffer(&reader, arena, EMSMDB_AUX_MAX, &session.aux_length);
    session.result = ndr_u32(&reader);
    if (!reader_ok(&reader))
        return malformed(fault, "EcDoConnectEx");
    if (session.result == 0 && emsmdb_handle_is_null(&session.handle))
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "EcDoConnectEx says success and gives no session handle");
    session.server = emsmdb_version_from_words(session.server_words);
    session.best = emsmdb_version_from_words(best);
    *ret_session = session;
    return true;
}

/* ---- EcDoRpcExt2, 3.1.4.2 ---- */

bool emsmdb_rpc_write(
    struct writer *stub, const struct emsmdb_handle *handle, const void *rop, size_t length)
{
    if (length > EMSMDB_ROP_MAX)
        return false;
    put_handle(stub, handle);
    ndr_put_u32(stub, EMSMDB_NO_COMPRESSION | EMSMDB_NO_XOR);
    ndr_put_bytes(stub, rop, length);
    ndr_put_u32(stub, (uint32_t)length);
    ndr_put_u32(stub, EMSMDB_ROP_OUT); /* pcbOut */
    ndr_put_bytes(stub, NULL, 0);      /* rgbAuxIn */
    ndr_put_u32(stub, 0);
    ndr_put_u32(stub, EMSMDB_AUX_MAX); /* pcbAuxOut */
    return writer_ok(stub);
}

bool emsmdb_rpc_read(const void *stub, size_t length, struct arena *arena,
    struct emsmdb_rpc *ret_rpc, struct fault *fault)
{
    struct emsmdb_rpc rpc = {0};
    struct reader reader = reader_of(stub, length);
    take_handle(&reader, &rpc.handle);
    rpc.flags = ndr_u32(&reader);
    rpc.rop = take_buffer(&reader, arena, EMSMDB_ROP_MAX, &rpc.rop_length);
    rpc.aux = take_buffer(&reader, arena, EMSMDB_AUX_MAX, &rpc.aux_length);
    rpc.server_ms = ndr_u32(&reader);
    rpc.result = ndr_u32(&reader);
    if (!reader_ok(&reader))
        return malformed(fault, "EcDoRpcExt2");
    *ret_rpc = rpc;
    return true;
}

/* ---- EcDoDisconnect, 3.1.4.3, and EcDummyRpc, 3.1.4.4 ---- */

bool emsmdb_disconnect_write(struct writer *stub, const struct emsmdb_handle *handle)
{
    put_handle(stub, handle);
    return writer_ok(stub);
}

bool emsmdb_disconnect_read(const void *stub, size_t length, struct emsmdb_handle *ret_handle,
    uint32_t *ret_result, struct fault *fault)
{
    struct emsmdb_handle handle = {0};
    struct reader reader = reader_of(stub, length);
    take_handle(&reader, &handle);
    uint32_t result = ndr_u32(&reader);
    if (!reader_ok(&reader))
        return malformed(fault, "EcDoDisconnect");
    *ret_handle = handle;
    *ret_result = result;
    return true;
}

bool emsmdb_dummy_read(const void *stub, size_t length, uint32_t *ret_result, struct fault *fault)
{
    struct reader reader = reader_of(stub, length);
    uint32_t result = ndr_u32(&reader);
    if (!reader_ok(&reader))
        return malformed(fault, "EcDummyRpc");
    *ret_result = result;
    return true;
}
