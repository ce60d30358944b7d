#include "tests/unit/rpch_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sample.h"

struct arena samples;

struct pdu pdu_a3, pdu_c2, pdu_c2_small, pdu_ping, pdu_recycle, pdu_response, pdu_echo;

struct pdu pdu_load(const char *name)
{
    struct pdu pdu = {0};
    pdu.bytes = sample_read(&samples, name, &pdu.length);
    return pdu;
}

int load_all(void **state)
{
    (void)state;
    pdu_a3 = pdu_load("rts/a3");
    pdu_c2 = pdu_load("rts/c2");
    pdu_c2_small = pdu_load("rts/c2");
    pdu_ping = pdu_load("rts/ping");
    pdu_recycle = pdu_load("rts/out_r1_a2");
    pdu_response = pdu_load("rpc/response");
    pdu_echo = pdu_load("rts/echo");
    /* The smallest window there is; it is the last but one of C2's commands. [MS-RPCH] 2.2.4.9 */
    char *small = arena_alloc(&samples, pdu_c2.length);
    memcpy(small, pdu_c2.bytes, pdu_c2.length);
    struct writer writer = writer_of(small, pdu_c2.length);
    writer.length = pdu_c2.length;
    write_le32_at(&writer, 32, RTS_WINDOW_LEAST);
    pdu_c2_small.bytes = small;
    return 0;
}

static void keep_line(void *context, char direction, const char *line)
{
    struct peer *peer = context;
    size_t used = strlen(peer->lines);
    snprintf(&peer->lines[used], sizeof peer->lines - used, "%c %s\n", direction, line);
}

bool peer_open(struct peer *peer, const struct script_step *out, const struct script_step *in,
    struct net_limit limit)
{
    static const struct script_cert cert = {0};
    const struct script_step *const steps[RPCH_CHANNELS] = {[RPCH_OUT] = out, [RPCH_IN] = in};
    memset(peer, 0, sizeof *peer);
    peer->request = (struct rpch_request){
        .server = "guid@contoso.test", .port = 6001, .trace = keep_line, .trace_context = peer};
    for (int i = 0; i < RPCH_CHANNELS; i++) {
        bool tls = steps[i][0].kind == SCRIPT_TLS;
        peer->servers[i] = script_start(steps[i], tls ? &cert : NULL);
        peer->conns[i] = connect_to(peer->servers[i], tls, false, "server.test");
        peer->request.legs[i].conn = peer->conns[i];
        if (tls)
            peer->request.legs[i].authorization = "NTLM secret";
    }
    return rpch_open(&peer->request, limit, &peer->rpch, &peer->seen, &peer->fault);
}

void peer_close(struct peer *peer)
{
    rpch_close(peer->rpch);
    rpch_seen_done(&peer->seen);
    for (int i = 0; i < RPCH_CHANNELS; i++) {
        http_close(peer->conns[i]);
        script_stop(peer->servers[i]);
    }
}

void assert_open(bool ok, const struct peer *peer)
{
    if (!ok)
        fail_msg("%s: %s", cause_str(peer->fault.cause), peer->fault.text);
}
