#include "net/wire/mapihttp.h"
#include "tests/fuzz/fuzz.h"

static void check_bodies(const struct mapihttp_frame *frame, struct arena *arena, int kind)
{
    struct mapihttp_session session;
    struct mapihttp_execute execute;
    struct mapihttp_result result;
    struct ext_buffers buffers;
    struct fault fault = {0};
    if (kind == 0 &&
        mapihttp_connect_read(frame->body, frame->body_length, arena, &session, &fault)) {
        PROMISE(touch(session.dn_prefix) < EMSMDB_DN_MAX);
        touch(session.display_name);
        PROMISE(session.result.status == 0 || session.result.error == 0);
    }
    if (kind == 1 &&
        mapihttp_execute_read(frame->body, frame->body_length, arena, &execute, &fault)) {
        PROMISE(execute.rop_length <= EMSMDB_ROP_MAX);
        ext_buffers_read(execute.rop, execute.rop_length, arena, &buffers, &fault);
    }
    if (kind == 2 &&
        mapihttp_disconnect_read(frame->body, frame->body_length, arena, &result, &fault))
        PROMISE(result.aux_length <= EMSMDB_AUX_MAX);
}

/* A first byte that no line begins with says what is answered: 1 Execute, 2 Disconnect. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct mapihttp_frame frame;
    struct fault fault = {0};
    int kind = size > 0 && (data[0] == 1 || data[0] == 2) ? data[0] : 0;
    size_t skip = kind == 0 ? 0 : 1;
    bool good =
        mapihttp_frame_read(size == 0 ? NULL : data + skip, size - skip, &arena, &frame, &fault);
    PROMISE(good || fault.cause != CAUSE_NONE);
    PROMISE(frame.header_count <= MAPIHTTP_HEADERS_MAX);
    for (size_t i = 0; i < frame.header_count; i++) {
        PROMISE(touch(frame.headers[i].name) > 0);
        touch(frame.headers[i].value);
    }
    PROMISE(frame.response_code >= -1 && frame.elapsed_ms >= -1);
    if (good)
        check_bodies(&frame, &arena, kind);
    char *page = arena_strndup(&arena, size == 0 ? "" : (const char *)data, size);
    touch(mapihttp_code_words(
        mapihttp_numbering_of(frame.response_code, NULL, NULL, page), frame.response_code));
    arena_done(&arena);
    return 0;
}
