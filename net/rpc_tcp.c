#include "net/rpc.h"

#include <stdlib.h>

/* PDUs over a TCP connection of their own. [MS-RPCE] 2.1.1.1 */

struct tcp {
    net_sock sock;
    char *whom;
    uint8_t in[UINT16_MAX];
};

static bool broken(const struct tcp *tcp, const struct fault *why, size_t had, struct fault *fault)
{
    if (why->cause == CAUSE_CLOSED && had > 0)
        return fault_set(fault, CAUSE_TRUNCATED, ORIGIN_EXREACH, 0,
            "%.100s closed the connection within an RPC PDU", tcp->whom);
    if (why->cause == CAUSE_CLOSED)
        return fault_set(fault, CAUSE_CLOSED, ORIGIN_EXREACH, 0,
            "%.100s closed the connection without an answer to our RPC", tcp->whom);
    if (why->cause == CAUSE_TIMEOUT)
        return fault_set(fault, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0, "no %s from %.100s in time",
            had > 0 ? "end of an RPC PDU" : "answer to our RPC", tcp->whom);
    return fault_set(
        fault, why->cause, why->origin, why->code, "%.60s: %.130s", tcp->whom, why->text);
}

static bool tcp_send(
    void *context, const void *pdu, size_t length, struct net_limit limit, struct fault *fault)
{
    const struct tcp *tcp = context;
    struct fault why = {0};
    if (sock_write_all(tcp->sock, pdu, length, limit, &why))
        return true;
    return broken(tcp, &why, 0, fault);
}

/* The header first, so that nothing behind this PDU is taken. What does not begin like RPC is told
 * from its first bytes: it may never become as long as a header. */
static bool tcp_receive(void *context, struct net_limit limit, uint8_t **ret_pdu,
    size_t *ret_length, struct fault *fault)
{
    struct tcp *tcp = context;
    size_t had = 0, size = 0;
    for (;;) {
        size_t got = 0;
        size_t want = size == 0 ? RPC_HEADER_SIZE : size;
        struct fault why = {0};
        if (!sock_read_some(tcp->sock, &tcp->in[had], want - had, limit, &got, &why))
            return broken(tcp, &why, had, fault);
        if (got == 0) {
            why.cause = CAUSE_CLOSED;
            return broken(tcp, &why, had, fault);
        }
        had += got;
        switch (rpc_frame(tcp->in, had, &size, fault)) {
        case RPC_FRAME_MORE:
            continue;
        case RPC_FRAME_MALFORMED:
            return false;
        case RPC_FRAME_WHOLE:
            *ret_pdu = tcp->in;
            *ret_length = size;
            return true;
        }
    }
}

static void tcp_close(void *context)
{
    struct tcp *tcp = context;
    sock_close(tcp->sock);
    free(tcp->whom);
    free(tcp);
}

struct rpc_transport rpc_tcp_transport(net_sock sock, const char *whom)
{
    struct tcp *tcp = xcalloc(1, sizeof *tcp);
    tcp->sock = sock;
    tcp->whom = xstrdup(whom);
    return (struct rpc_transport){
        .context = tcp, .send = tcp_send, .receive = tcp_receive, .close = tcp_close};
}
