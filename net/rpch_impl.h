/*
 * Between rpch.c (the virtual connection) and rpch_answer.c (what the answers to its two requests
 * mean).
 */
#ifndef NET_RPCH_IMPL_H
#define NET_RPCH_IMPL_H

#include "net/rpch.h"

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
