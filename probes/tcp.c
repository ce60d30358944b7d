#include "probes/transport.h"

#include <stdio.h>

static const struct fact_def tcp_facts[] = {
    {"tcp.address", FACT_TEXT, "address and port connected to"},
    {"tcp.local", FACT_TEXT, "our own address on this connection"},
    {"tcp.rtt_us", FACT_INT, "from SYN to SYN-ACK, in microseconds"},
    FACT_END,
};

static bool tcp_applies(const struct endpoint *endpoint)
{
    return endpoint->service != SERVICE_DNS && endpoint->subject == NULL;
}

static void tcp_run(struct session *session, struct check *check)
{
    struct fault fault;
    char text[80];
    struct net_address local;
    snprintf(text, sizeof text, "%s:%u", session->connect.text, session->connect.port);
    check_text(check, "tcp.address", text);

    int64_t begun = clock_monotonic_us();
    if (!sock_connect(&session->connect, session_limit(session), &session->sock, &fault)) {
        session_trace(session, '*', "connect to %s: %s", text, fault.text);
        check_fail(check, &fault);
        return;
    }
    int64_t rtt = clock_monotonic_us() - begun;
    check_int(check, "tcp.rtt_us", rtt);
    if (sock_local(session->sock, &local)) {
        char here[80];
        snprintf(here, sizeof here, "%s:%u", local.text, local.port);
        check_text(check, "tcp.local", here);
    }
    session_trace(session, '*', "connected to %s in %.1f ms", text, (double)rtt / 1e3);
    check_settle(check, OUTCOME_PASS, "connected to %s in %.1f ms", text, (double)rtt / 1e3);
}

const struct probe probe_tcp_connect = {
    .id = "tcp.connect",
    .title = "the port accepts a connection",
    .layer = LAYER_TCP,
    .facts = tcp_facts,
    .applies = tcp_applies,
    .run = tcp_run,
};
