#include "probes/transport.h"

#include <stdio.h>
#include <string.h>

#include "net/host.h"

static const struct fact_def tcp_facts[] = {
    {"tcp.address", FACT_TEXT, "address and port connected to"},
    {"tcp.ipv6", FACT_BOOL, "over IPv6"},
    {"tcp.local", FACT_TEXT, "our own address on this connection"},
    {"tcp.rtt_us", FACT_INT, "from SYN to SYN-ACK, in microseconds"},
    FACT_END,
};

static bool tcp_applies(const struct endpoint *endpoint)
{
    return endpoint->service != SERVICE_DNS && endpoint->subject == NULL;
}

/* A global one; link-local addresses and the loopback's lead nowhere. */
static bool we_have_ipv6(void)
{
    struct net_address addresses[32];
    size_t count = host_addresses(addresses, 32);
    for (size_t i = 0; i < count; i++) {
        const char *text = addresses[i].text;
        if (strchr(text, ':') != NULL && strncmp(text, "fe80:", 5) != 0 && strcmp(text, "::1") != 0)
            return true;
    }
    return false;
}

static void tcp_run(struct session *session, struct check *check)
{
    struct fault fault;
    char text[NET_ADDRESS_TEXT];
    struct net_address local;
    net_address_print(&session->connect, text);
    check_text(check, "tcp.address", text);
    if (text[0] == '[')
        check_bool(check, "tcp.ipv6", true);

    int64_t begun = clock_monotonic_us();
    if (!sock_connect(&session->connect, session_limit(session), &session->sock, &fault)) {
        session_trace(session, '*', "connect to %s: %s", text, fault.text);
        /* Clients here do not try it either (RFC 6724 §5): it says nothing about the server. */
        if (fault.cause == CAUSE_UNREACHABLE && text[0] == '[' && !we_have_ipv6()) {
            check_settle(
                check, OUTCOME_SKIPPED, "this host has no IPv6 address: %s cannot be tried", text);
            check_halt(check);
            return;
        }
        check_fail(check, &fault);
        return;
    }
    int64_t rtt = clock_monotonic_us() - begun;
    check_int(check, "tcp.rtt_us", rtt);
    if (sock_local(session->sock, &local)) {
        char here[NET_ADDRESS_TEXT];
        check_text(check, "tcp.local", net_address_print(&local, here));
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
