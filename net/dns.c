#include "net/dns.h"

#include <sys/select.h> /* ares.h needs its types */

#include <ares.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/dns_private.h"

/* c-ares carries the messages: retransmission, EDNS and its fallback, TCP where an answer is
 * truncated. What they say is read by net/wire/dnsmsg. One channel for each resolver, all in one
 * poll loop. */

enum {
    TRY_MS = 1000, /* doubled by every retransmission: 0, 1, 3, 7, 15, 31 s */
    TRIES = 6,
    EDNS_SIZE = 1232, /* what passes without fragments */
    PEEK_SIZE = 4096,
    SOCKETS_MAX = 4 * DNS_RESOLVERS_MAX
};

/* One question on its way to one resolver. */
struct asker {
    ares_channel channel;
    const struct net_address *resolver;
    const char *name;
    enum dns_type type;
    uint16_t id;
    bool open; /* no verdict yet */
    bool over_tcp;
    struct dns_answer *answer;
    struct arena *arena;
    int64_t begun_us;
};

static void settle(struct asker *asker)
{
    asker->open = false;
    asker->answer->over_tcp = asker->over_tcp;
    asker->answer->elapsed_us = clock_monotonic_us() - asker->begun_us;
}

static const char *where(const struct asker *asker, char text[NET_ADDRESS_TEXT])
{
    return net_address_print(asker->resolver, text);
}

/* "no answer" in the words that fit the way it was asked. */
static void settle_silent(struct asker *asker, const char *yet)
{
    char text[NET_ADDRESS_TEXT];
    double seconds = (double)(clock_monotonic_us() - asker->begun_us) / 1e6;
    if (asker->over_tcp) {
        asker->answer->truncated = true;
        fault_set(&asker->answer->fault, CAUSE_NAME_TIMEOUT, ORIGIN_EXREACH, 0,
            "%s gave a truncated answer, and no answer%s over TCP within %.1f s",
            where(asker, text), yet, seconds);
    } else {
        fault_set(&asker->answer->fault, CAUSE_NAME_TIMEOUT, ORIGIN_EXREACH, 0,
            "no answer%s from %s within %.1f s", yet, where(asker, text), seconds);
    }
    settle(asker);
}

static void settle_transport(struct asker *asker, const struct fault *why)
{
    struct fault *fault = &asker->answer->fault;
    *fault = *why;
    if (asker->over_tcp) {
        asker->answer->truncated = true;
        fault_set(fault, why->cause, why->origin, why->code,
            "the answer was truncated, and TCP failed: %s", why->text);
    }
    settle(asker);
}

/* c-ares gave up without an answer. It does not keep the kernel's reason; where a socket had one,
 * poll told us before (see serve()), so what is left is time and routes. */
static void settle_status(struct asker *asker, int status)
{
    struct fault why = {0};
    char text[NET_ADDRESS_TEXT];
    if (status == ARES_ETIMEOUT) {
        settle_silent(asker, "");
        return;
    }
    if (status == ARES_ECONNREFUSED && sock_udp_route(asker->resolver, &why))
        fault_set(&why, CAUSE_CLOSED, ORIGIN_DNS, status,
            "%s broke the connection off before it had answered", where(asker, text));
    else if (why.cause == CAUSE_NONE)
        fault_set(&why, CAUSE_INTERNAL, ORIGIN_DNS, status, "c-ares: %s", ares_strerror(status));
    settle_transport(asker, &why);
}

static void on_answer(void *context, int status, int timeouts, unsigned char *bytes, int length)
{
    struct asker *asker = context;
    (void)timeouts;
    if (!asker->open || status == ARES_ECANCELLED || status == ARES_EDESTRUCTION)
        return;
    if (bytes == NULL || length <= 0) {
        settle_status(asker, status);
        return;
    }
    dns_read_answer(bytes, (size_t)length, asker->name, asker->type, asker->arena, asker->answer);
    settle(asker);
}

static int on_socket(ares_socket_t sock, int type, void *context)
{
    struct asker *asker = context;
    (void)sock;
    asker->over_tcp = type == SOCK_STREAM;
    return 0;
}

/* ---- asking -----------------------------------------------------------------------------------
 */

static bool open_channel(struct asker *asker, struct fault *fault)
{
    /* All that a resolv.conf could set is set here, so that none is read. */
    struct ares_options options = {
        .flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_EDNS | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
        .timeout = TRY_MS,
        .tries = TRIES,
        .ndots = 1,
        .ednspsz = EDNS_SIZE,
    };
    char lookups[] = "b";
    options.lookups = lookups;
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
               ARES_OPT_EDNSPSZ | ARES_OPT_LOOKUPS | ARES_OPT_DOMAINS | ARES_OPT_SORTLIST |
               ARES_OPT_SERVERS;
    int status = ares_init_options(&asker->channel, &options, mask);
    if (status != ARES_SUCCESS) {
        asker->channel = NULL;
        return fault_set(
            fault, CAUSE_INTERNAL, ORIGIN_DNS, status, "c-ares: %s", ares_strerror(status));
    }
    char servers[NET_ADDRESS_TEXT];
    status = ares_set_servers_ports_csv(asker->channel, where(asker, servers));
    if (status != ARES_SUCCESS)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_DNS, status,
            "\"%s\" cannot be used as a resolver: %s", servers, ares_strerror(status));
    ares_set_socket_callback(asker->channel, on_socket, asker);
    return true;
}

static void ask_one(struct asker *asker)
{
    struct fault why = {0};
    unsigned char *query = NULL;
    int length = 0;
    asker->begun_us = clock_monotonic_us();
    asker->open = true;
    if (!open_channel(asker, &why)) {
        settle_transport(asker, &why);
        return;
    }
    if (RAND_bytes((unsigned char *)&asker->id, sizeof asker->id) != 1)
        asker->id = (uint16_t)asker->begun_us;
    /* Our own message, because its identifier must be known: see is_broken_reply(). */
    int status = ares_create_query(
        asker->name, 1, (int)dns_wire_type(asker->type), asker->id, 1, &query, &length, EDNS_SIZE);
    if (status != ARES_SUCCESS) {
        fault_set(&why, CAUSE_MALFORMED, ORIGIN_DNS, status, "\"%.100s\" cannot be asked: %s",
            asker->name, ares_strerror(status));
        settle_transport(asker, &why);
        return;
    }
    ares_send(asker->channel, query, length, on_answer, asker);
    ares_free_string(query);
}

/* c-ares drops a reply whose question it cannot read and waits on, which would look like silence.
 * The datagram is looked at before c-ares takes it: ours by its identifier, but broken. */
static bool took_broken_reply(struct asker *asker, net_sock sock)
{
    uint8_t bytes[PEEK_SIZE];
    enum sock_end end = SOCK_OPEN;
    if (asker->over_tcp)
        return false;
    size_t length = sock_peek(sock, bytes, sizeof bytes, &end);
    if (!dns_reply_is_broken(bytes, length, asker->id))
        return false;
    dns_read_answer(bytes, length, asker->name, asker->type, asker->arena, asker->answer);
    settle(asker);
    return true;
}

static void serve(struct asker *asker, const struct sock_poll *item)
{
    struct fault why = {0};
    if (!asker->open)
        return;
    if ((item->ready & SOCK_FAILED) != 0 && sock_error(item->sock, asker->resolver, &why)) {
        settle_transport(asker, &why);
        return;
    }
    if ((item->ready & SOCK_READABLE) != 0 && took_broken_reply(asker, item->sock))
        return;
    bool readable = (item->ready & (SOCK_READABLE | SOCK_FAILED)) != 0;
    bool writable = (item->ready & SOCK_WRITABLE) != 0;
    ares_process_fd(asker->channel, readable ? item->sock : ARES_SOCKET_BAD,
        writable ? item->sock : ARES_SOCKET_BAD);
}

/* ---- the loop ---------------------------------------------------------------------------------
 */

struct crowd {
    struct asker askers[DNS_RESOLVERS_MAX];
    size_t count;
    struct sock_poll items[SOCKETS_MAX];
    struct asker *owners[SOCKETS_MAX];
    size_t item_count;
};

static void add_sockets(struct crowd *crowd, struct asker *asker)
{
    ares_socket_t socks[ARES_GETSOCK_MAXNUM];
    int bits = ares_getsock(asker->channel, socks, ARES_GETSOCK_MAXNUM);
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
        unsigned events = 0;
        if (ARES_GETSOCK_READABLE(bits, i))
            events |= SOCK_READABLE;
        if (ARES_GETSOCK_WRITABLE(bits, i))
            events |= SOCK_WRITABLE;
        if (events == 0 || crowd->item_count == SOCKETS_MAX)
            return;
        crowd->items[crowd->item_count] = (struct sock_poll){.sock = socks[i], .events = events};
        crowd->owners[crowd->item_count++] = asker;
    }
}

/* When c-ares wants to be called again, for its retransmissions. */
static struct deadline next_try(struct asker *asker, struct deadline limit)
{
    struct timeval room;
    if (ares_timeout(asker->channel, NULL, &room) == NULL)
        return limit;
    int64_t ms = (int64_t)room.tv_sec * 1000 + room.tv_usec / 1000 + 1;
    return deadline_earlier(limit, deadline_in_ms(ms));
}

/* One turn of the loop. false: the wait was ended for good, and *fault says by what. */
static bool turn(struct crowd *crowd, struct net_limit limit, struct fault *fault)
{
    struct net_limit wait = limit;
    crowd->item_count = 0;
    for (size_t i = 0; i < crowd->count; i++) {
        struct asker *asker = &crowd->askers[i];
        if (!asker->open)
            continue;
        add_sockets(crowd, asker);
        wait.deadline = next_try(asker, wait.deadline);
    }
    bool ready = sock_wait_any(crowd->items, crowd->item_count, wait, fault);
    if (!ready && (fault->cause != CAUSE_TIMEOUT || deadline_passed(limit.deadline)))
        return false;
    /* One socket of a resolver in a turn: serving it may close the other one. */
    const struct asker *served = NULL;
    for (size_t i = 0; ready && i < crowd->item_count; i++) {
        if (crowd->items[i].ready == 0 || crowd->owners[i] == served)
            continue;
        served = crowd->owners[i];
        serve(crowd->owners[i], &crowd->items[i]);
    }
    for (size_t i = 0; i < crowd->count; i++) {
        if (crowd->askers[i].open)
            ares_process_fd(crowd->askers[i].channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    }
    return true;
}

static void end_all(struct crowd *crowd, const struct fault *why, bool had_good)
{
    for (size_t i = 0; i < crowd->count; i++) {
        struct asker *asker = &crowd->askers[i];
        if (!asker->open)
            continue;
        if (why->cause == CAUSE_TIMEOUT)
            settle_silent(asker, had_good ? " yet" : "");
        else
            settle_transport(asker, why);
    }
}

void dns_ask(const struct net_address *resolvers, size_t resolver_count, const char *name,
    enum dns_type type, struct net_limit limit, int patience_ms, struct arena *arena,
    struct dns_answer *ret_answers)
{
    struct crowd *crowd = xcalloc(1, sizeof *crowd);
    crowd->count = resolver_count < DNS_RESOLVERS_MAX ? resolver_count : DNS_RESOLVERS_MAX;
    for (size_t i = 0; i < resolver_count; i++) {
        ret_answers[i] = (struct dns_answer){.rcode = -1};
        snprintf(ret_answers[i].canonical, DNS_NAME_SIZE, "%s", name);
        if (i >= crowd->count)
            fault_set(&ret_answers[i].fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
                "not asked: more than %d resolvers", DNS_RESOLVERS_MAX);
    }
    for (size_t i = 0; i < crowd->count; i++) {
        struct asker *asker = &crowd->askers[i];
        *asker = (struct asker){.resolver = &resolvers[i], .name = name, .type = type};
        asker->answer = &ret_answers[i];
        asker->arena = arena;
        ask_one(asker);
    }
    bool had_good = false;
    for (;;) {
        bool open = false;
        bool good = false;
        for (size_t i = 0; i < crowd->count; i++) {
            open = open || crowd->askers[i].open;
            good = good || ret_answers[i].ok;
        }
        if (!open)
            break;
        if (good && !had_good)
            limit.deadline = deadline_earlier(limit.deadline, deadline_in_ms(patience_ms));
        had_good = good;
        struct fault why = {0};
        if (!turn(crowd, limit, &why))
            end_all(crowd, &why, had_good);
    }
    for (size_t i = 0; i < crowd->count; i++) {
        if (crowd->askers[i].channel != NULL)
            ares_destroy(crowd->askers[i].channel);
    }
    free(crowd);
}

size_t dns_system_resolvers(struct net_address *ret_resolvers, size_t size)
{
    ares_channel channel = NULL;
    struct ares_addr_port_node *servers = NULL;
    size_t count = 0;
    if (ares_init(&channel) != ARES_SUCCESS)
        return 0;
    if (ares_get_servers_ports(channel, &servers) == ARES_SUCCESS) {
        for (const struct ares_addr_port_node *at = servers; at != NULL && count < size;
             at = at->next) {
            uint8_t bytes[16];
            size_t length = at->family == AF_INET ? 4 : 16;
            memcpy(bytes, &at->addr, length);
            int port = at->udp_port != 0 ? at->udp_port : 53;
            if (net_address_from_bytes(bytes, length, (uint16_t)port, &ret_resolvers[count]))
                count++;
        }
        ares_free_data(servers);
    }
    ares_destroy(channel);
    return count;
}
