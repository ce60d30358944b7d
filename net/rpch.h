/*
 * RPC over HTTP v2: one virtual connection over two HTTP connections, client side. [MS-RPCH] 2.1.2
 * (the requests), 3.2.1 and 3.2.2 (the client), with the codec and states of net/wire/rts.h.
 *
 *   1. The caller opens both connections and takes the HTTP authentication of each so far that the
 *      channel request itself carries the last token: `authorization`. What was asked before went
 *      with Content-Length 0.
 *   2. rpch_open() sends RPC_OUT_DATA with CONN/A1, then RPC_IN_DATA with CONN/B1, and waits for
 *      the 200 of OUT, CONN/A3 and CONN/C2. Any answer on IN is a refusal.
 *   3. rpch_transport() is what net/rpc.h speaks through. Flow control goes by itself. A channel
 *      that ends or is answered in between ends the connection, and the fault names the channel.
 *   4. Where the server asks for a new OUT channel, none is opened: rpch_recycling() tells, and
 *      what is under way can be ended in order.
 *   5. Where CONN/C2 stays away, rpch_echo() on a fresh connection tells a proxy that is dead from
 *      one whose IN channel does not get through.
 */
#ifndef NET_RPCH_H
#define NET_RPCH_H

#include "net/http_stream.h"
#include "net/rpc.h"
#include "net/wire/rts.h"

enum rpch_channel { RPCH_OUT, RPCH_IN, RPCH_CHANNELS };
const char *rpch_channel_str(enum rpch_channel channel); /* "OUT" */

enum { RPCH_GRACE_MS = 250 }; /* at least: for the other channel's answer, once one has refused */

struct rpch_leg {
    struct http_conn *conn;    /* stays the caller's, who closes it after rpch_close() */
    const char *authorization; /* value of the header; NULL: none. Not kept */
};

struct rpch_request {
    const char *path;   /* NULL: "/rpc/rpcproxy.dll" */
    const char *server; /* "guid@contoso.test" or a host name, as Autodiscover gives it */
    uint16_t port;      /* 6001, 6002, 6004 */
    struct rpch_leg legs[RPCH_CHANNELS];
    const struct http_header *headers; /* further ones, on both channels */
    size_t header_count;               /* at most RPCH_HEADERS_MAX */
    bool expect_continue; /* IN: announce that we wait for 100 Continue, and wait up to 1 s */
    http_trace *trace;    /* RTS PDUs in words; NULL: none */
    void *trace_context;
};
enum { RPCH_HEADERS_MAX = 8 };

/* What there was to see, also where it failed. */
struct rpch_seen {
    /* status 0: no answer. OUT: body is empty where the status is 200; of a refusal, what had come
     * of it. The arena of each is the report's. */
    struct http_response answers[RPCH_CHANNELS];
    struct fault faults[RPCH_CHANNELS]; /* how each failed; CAUSE_NONE: it did not */
    bool sent[RPCH_CHANNELS];           /* the request is on its way, and its logon */
    bool has_rpc_error[RPCH_CHANNELS];  /* "503 RPC Error: 6ba" */
    uint32_t rpc_error[RPCH_CHANNELS];
    enum rts_state state;                           /* how far it came */
    uint32_t out_timeout_ms, in_timeout_ms, window; /* as CONN/A3 and CONN/C2 say */
    int64_t answered_us,
        opened_us; /* OUT's 200, and CONN/C2, since the requests went out; 0: not */
};
void rpch_seen_done(struct rpch_seen *seen);
/* The channel whose fault explains the other's; faults of both may be CAUSE_NONE: OUT. */
enum rpch_channel rpch_blamed(const struct rpch_seen *seen);
/* What an answer to a channel's request means that is no channel: see rpch_open(). authorized: the
 * request carried a logon. Always false. */
bool rpch_refusal(enum rpch_channel channel, const struct http_response *answer, bool authorized,
    struct fault *fault);

struct rpch;
/* ret_seen is filled in any case. The fault is the one of the channel to blame, and names it.
 * Causes: those of http_begin(), and
 *   HTTP_STATUS REDIRECTED LOGON_REFUSED (401 to our authorization): a refusal, code is the status;
 *   UNREACHABLE ACCESS_DENIED SERVER_BUSY RPC_FAULT …, origin RPC: "RPC Error" (rpc_status_fault);
 *   NOT_EXCHANGE: OUT is answered with a page; IN with 200 while it is open;
 *   TIMEOUT: seen->state says for what; RESET CLOSED TRUNCATED NOT_HTTP: a connection ended;
 *   MALFORMED TOO_LARGE: garbage on OUT; INTERRUPTED INTERNAL. */
bool rpch_open(const struct rpch_request *request, struct net_limit limit, struct rpch **ret_rpch,
    struct rpch_seen *ret_seen, struct fault *fault);
/* The same in two stages, where OUT's own logon is the proof of the password. legs[RPCH_IN] of the
 * request is not looked at. true: OUT is answered with 200. */
bool rpch_open_out(const struct rpch_request *request, struct net_limit limit,
    struct rpch **ret_rpch, struct rpch_seen *ret_seen, struct fault *fault);
/* RPC_IN_DATA, to CONN/C2. `seen` goes on where rpch_open_out() left it, but opened_us counts from
 * here. After a failure the connection is still the caller's to close. */
bool rpch_open_in(struct rpch *rpch, const struct rpch_leg *in, struct net_limit limit,
    struct rpch_seen *seen, struct fault *fault);
void rpch_close(struct rpch *rpch); /* NULL is allowed; ends both requests */

/* Its close() does nothing: rpch_close() is the caller's. */
struct rpc_transport rpch_transport(struct rpch *rpch);
bool rpch_recycling(const struct rpch *rpch);

/* ---- the echo: is there an RPC proxy at all? 2.1.2.1.5, 2.1.2.1.6 ---- */

struct rpch_echo {
    bool answered; /* with an echo response: a living RPC proxy */
    int64_t elapsed_us;
    struct http_response response; /* the caller frees it: http_response_done() */
};
/* On a connection of its own, authenticated as a channel's; `channel`: by which method. The leg of
 * that channel is used. A status is no fault: see ret_echo. Causes: those of http_exchange(). */
bool rpch_echo(const struct rpch_request *request, enum rpch_channel channel,
    struct net_limit limit, struct rpch_echo *ret_echo, struct fault *fault);

#endif
