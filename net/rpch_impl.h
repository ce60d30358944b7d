/*
 * Between rpch.c (what an open connection carries), rpch_open.c (how it is opened, the echo) and
 * rpch_answer.c (what the answers to its two requests mean).
 */
#ifndef NET_RPCH_IMPL_H
#define NET_RPCH_IMPL_H

#include "net/rpch.h"

enum { RPCH_OWN_HEADERS = 8 };

/* An RPC PDU that came while something else was waited for. */
struct rpch_held {
    struct rpch_held *next;
    size_t length;
    uint8_t bytes[];
};

struct rpch {
    struct rpch_request request;
    struct http_conn *conns[RPCH_CHANNELS]; /* IN first: its multi waits for both */
    struct http_request http[RPCH_CHANNELS];
    struct http_header headers[RPCH_CHANNELS][RPCH_OWN_HEADERS + RPCH_HEADERS_MAX];
    const char *target;
    struct arena arena;
    uint8_t a1[RTS_A1_SIZE];
    struct rts_link link;
    int64_t begun_us;
    size_t used;     /* of OUT's bytes, not taken yet */
    uint64_t taken;  /* … taken, since its answer began */
    int64_t sent_us; /* when the last PDU went on IN: LastSendTimeStamp of 3.2.2.1 */
    struct rpch_held *first, *last;
    size_t held;
    uint8_t pdu[UINT16_MAX];
};

/* ---- rpch.c ---- */

struct http_conn *rpch_conn(const struct rpch *rpch, enum rpch_channel channel);
void rpch_trace(const struct rpch *rpch, char direction, const void *pdu, size_t length);
bool rpch_write_rts(struct rpch *rpch, const struct writer *writer, struct fault *fault);
/* rpch_has_failed() of OUT, in words that tell how far the session was. */
bool rpch_out_has_failed(const struct rpch *rpch, struct fault *fault);
/* All that has come on OUT; RPC PDUs are held. */
bool rpch_collect(struct rpch *rpch, struct fault *fault);

/* ---- rpch_answer.c ---- */

const char *rpch_method(enum rpch_channel channel); /* "RPC_OUT_DATA" */

/* A channel is no more what it should be: refused, or its connection has ended. *fault names it. */
bool rpch_has_failed(const struct rpch_request *request, enum rpch_channel channel,
    struct http_conn *conn, struct fault *fault);
/* What comes is text, for people. */
bool rpch_is_page(const struct http_conn *conn);
/* Puts the channel's name before the words of a fault. */
void rpch_name_fault(enum rpch_channel channel, struct fault *fault);
/* Nothing came in time: in which state, and so on which channel. Always false. */
enum rpch_channel rpch_timeout_fault(enum rts_state state, struct fault *fault);
/* Answers and faults of both channels into the report; the fault of the one to blame. */
void rpch_keep_answer(enum rpch_channel channel, struct http_conn *conn, struct rpch_seen *seen);
void rpch_blame(const struct rpch_seen *seen, struct fault *fault);

#endif
