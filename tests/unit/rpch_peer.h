/*
 * What the tests of RPC over HTTP share: two scripted servers, one for each channel, whose PDUs are
 * the seeds of the codecs' fuzz targets.
 */
#ifndef TESTS_RPCH_PEER_H
#define TESTS_RPCH_PEER_H

#include "net/rpch.h"
#include "tests/unit/http_peer.h"

#define OPEN_200 HEAD_200 "Content-Type: application/rpc\r\nContent-Length: 1073741824\r\n\r\n"
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

#define REFUSED(status, more) "HTTP/1.1 " status "\r\n" more "Content-Length: 4\r\n\r\nnope"
#define RPC_ERROR(code)       "HTTP/1.0 503 RPC Error: " code "\r\nContent-Length: 0\r\n\r\n"

#define PDU_STEP(pdu)                                                    \
    {                                                                    \
        .kind = SCRIPT_SEND, .text = (pdu).bytes, .length = (pdu).length \
    }
#define TEXT_STEP(t)                     \
    {                                    \
        .kind = SCRIPT_SEND, .text = (t) \
    }
#define HEAD_STEP                \
    {                            \
        .kind = SCRIPT_READ_HEAD \
    }
#define BODY_STEP                \
    {                            \
        .kind = SCRIPT_READ_SOME \
    }
#define SILENT_STEP           \
    {                         \
        .kind = SCRIPT_SILENT \
    }
#define SLEEP_STEP(n)                   \
    {                                   \
        .kind = SCRIPT_SLEEP, .ms = (n) \
    }

struct pdu {
    const char *bytes;
    size_t length;
};
extern struct pdu pdu_a3, pdu_c2, pdu_ping, pdu_recycle, pdu_response, pdu_echo;
extern struct pdu pdu_c2_small; /* the smallest window there is */
extern struct arena samples;
struct pdu pdu_load(const char *name); /* "rts/a3" */

struct peer {
    struct script_server *servers[RPCH_CHANNELS];
    struct http_conn *conns[RPCH_CHANNELS];
    struct rpch_request request;
    struct rpch *rpch;
    struct rpch_seen seen;
    struct fault fault;
    char lines[4096]; /* of the trace */
};

bool peer_open(struct peer *peer, const struct script_step *out, const struct script_step *in,
    struct net_limit limit);
void peer_close(struct peer *peer);
void assert_open(bool ok, const struct peer *peer);

/* Around the tests of a main. */
int load_all(void **state);

#endif
