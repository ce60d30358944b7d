#include "net/wire/rts.h"
#include "tests/fuzz/fuzz.h"

static void check_link(const struct rts_link *link)
{
    PROMISE(link->available <= link->window && link->advertised <= link->window);
    PROMISE(link->sendable <= link->peer_window);
    PROMISE(link->lifetime_used <= RTS_LIFETIME);
    PROMISE(touch(rts_state_str(link->state)) > 0);
}

/* A client that answers what it gets: it acknowledges, and sends where it may. */
static void answer(struct rts_link *link, enum rts_event event, size_t length)
{
    uint8_t bytes[RTS_PDU_MAX];
    struct writer writer = writer_of(bytes, sizeof bytes);
    if (event == RTS_EVENT_RPC && rts_link_consumed(link, length)) {
        rts_link_write_ack(link, &writer);
        PROMISE(writer_ok(&writer) && writer.length == RTS_ACK_SIZE);
        rts_link_sent(link, writer.length, true);
    }
    if (rts_link_may_send(link, 5000) == RTS_SEND_NOW)
        rts_link_sent(link, 5000, false);
}

/* The input is what comes on the OUT channel. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rts_cookies cookies;
    struct rts_link link;
    struct fault fault = {0};
    size_t length = 0;
    memset(&cookies, 0x22, sizeof cookies);
    rts_link_init(&link, &cookies);
    PROMISE(rts_link_answered(&link, &fault));
    while (rpc_frame(data, size, &length, &fault) == RPC_FRAME_WHOLE) {
        enum rts_event event = RTS_EVENT_NONE;
        struct arena arena = {0};
        PROMISE(touch(rts_describe(&arena, data, length)) > 0);
        arena_done(&arena);
        if (rts_link_receive(&link, data, length, &event, &fault))
            answer(&link, event, length);
        else
            PROMISE(link.state == RTS_STATE_FAILED && fault.cause == CAUSE_MALFORMED);
        check_link(&link);
        data += length;
        size -= length;
    }
    return 0;
}
