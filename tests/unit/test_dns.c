#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/dns.h"

/* dns_ask() against resolvers of our own, each in a thread, that answer every question in one way.
 */

enum { MESSAGE_MAX = 2048, QUESTION_AT = 12 };

struct resolver {
    const char *answers; /* what follows the question */
    size_t length;
    unsigned flags; /* second word of the header */
    unsigned count; /* of answers */
    bool silent;
    bool truncates; /* over UDP: TC and nothing else */
    bool no_tcp;
    bool tcp_silent;
    bool breaks_question;
    bool header_only;
    int delay_ms;
    /* while it runs */
    int udp, tcp, stop[2];
    struct net_address address;
    pthread_t thread;
    unsigned asked;
};

static size_t make_reply(
    const struct resolver *self, const uint8_t *query, size_t length, bool tcp, uint8_t *reply)
{
    size_t end = QUESTION_AT;
    while (end < length && query[end] != 0)
        end += 1u + query[end];
    end += 5;
    memcpy(reply, query, end);
    unsigned flags = self->flags;
    bool cut = self->truncates && !tcp;
    if (cut)
        flags |= 0x0200;
    reply[2] = (uint8_t)(flags >> 8);
    reply[3] = (uint8_t)flags;
    memset(reply + 6, 0, 6);
    if (self->header_only) {
        memset(reply + 4, 0, 2);
        return QUESTION_AT;
    }
    if (self->breaks_question)
        memset(reply + 4, 0xff, 2);
    if (cut)
        return end;
    reply[6] = (uint8_t)(self->count >> 8);
    reply[7] = (uint8_t)self->count;
    if (self->length > 0)
        memcpy(reply + end, self->answers, self->length);
    return end + self->length;
}

static bool stopped(const struct resolver *self, int ms)
{
    struct pollfd stop = {.fd = self->stop[0], .events = POLLIN};
    return poll(&stop, 1, ms) > 0;
}

static void serve_udp(struct resolver *self)
{
    uint8_t query[MESSAGE_MAX];
    uint8_t reply[MESSAGE_MAX * 8];
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    ssize_t got = recvfrom(self->udp, query, sizeof query, 0, (struct sockaddr *)&peer, &size);
    self->asked++;
    if (got < QUESTION_AT || self->silent || stopped(self, self->delay_ms))
        return;
    size_t length = make_reply(self, query, (size_t)got, false, reply);
    (void)sendto(self->udp, reply, length, 0, (const struct sockaddr *)&peer, size);
}

static void serve_tcp(struct resolver *self)
{
    uint8_t query[MESSAGE_MAX];
    uint8_t reply[MESSAGE_MAX * 8];
    int sock = accept(self->tcp, NULL, NULL);
    ssize_t got = recv(sock, query, sizeof query, 0);
    if (self->tcp_silent) {
        (void)stopped(self, 3000);
    } else if (got > QUESTION_AT + 2) {
        size_t length = make_reply(self, query + 2, (size_t)got - 2, true, reply + 2);
        reply[0] = (uint8_t)(length >> 8);
        reply[1] = (uint8_t)length;
        (void)send(sock, reply, length + 2, MSG_NOSIGNAL);
    }
    close(sock);
}

static void *run(void *context)
{
    struct resolver *self = context;
    for (;;) {
        struct pollfd polls[] = {{.fd = self->stop[0], .events = POLLIN},
            {.fd = self->udp, .events = POLLIN}, {.fd = self->tcp, .events = POLLIN}};
        (void)poll(polls, 3, -1);
        if (polls[0].revents != 0)
            return NULL;
        if (polls[1].revents != 0)
            serve_udp(self);
        if (polls[2].revents != 0)
            serve_tcp(self);
    }
}

static int bind_to(int type, uint16_t *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int sock = socket(AF_INET, type, 0);
    if (bind(sock, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(sock);
        return -1;
    }
    getsockname(sock, (struct sockaddr *)&address, &size);
    *port = ntohs(address.sin_port);
    return sock;
}

static void start(struct resolver *self)
{
    uint16_t port = 0;
    self->tcp = bind_to(SOCK_STREAM, &port);
    self->udp = bind_to(SOCK_DGRAM, &port);
    assert_true(self->tcp >= 0 && self->udp >= 0);
    if (self->no_tcp) {
        close(self->tcp);
        self->tcp = -1;
    } else {
        assert_int_equal(listen(self->tcp, 4), 0);
    }
    assert_int_equal(pipe(self->stop), 0);
    assert_true(net_address_parse("127.0.0.1", port, &self->address));
    assert_int_equal(pthread_create(&self->thread, NULL, run, self), 0);
}

static void stop(struct resolver *self)
{
    assert_int_equal(write(self->stop[1], "x", 1), 1);
    pthread_join(self->thread, NULL);
    close(self->stop[0]);
    close(self->stop[1]);
    close(self->udp);
    if (self->tcp >= 0)
        close(self->tcp);
}

static struct net_limit limit_of(int ms)
{
    return (struct net_limit){.deadline = deadline_in_ms(ms), .cancel_fd = -1};
}

/* ---- one resolver -----------------------------------------------------------------------------
 */

#define RR(type, length)      "\xc0\x0c\x00" type "\x00\x01\x00\x00\x01\x2c\x00" length
#define RR_A                  RR("\x01", "\x04") "\x7f\x00\x00\x01"
#define ANSWERS(text, number) .answers = (text), .length = sizeof(text) - 1, .count = (number)

struct row {
    const char *name;
    struct resolver resolver;
    enum dns_type type;
    enum cause cause;
    const char *text; /* in the fault */
    int rcode;
    bool over_tcp;
    size_t count;
    int limit_ms; /* 0: 2 s */
};

static const struct row rows[] = {
    {.name = "A", .resolver = {ANSWERS(RR_A, 1), .flags = 0x8180}, .count = 1},
    {.name = "NXDOMAIN", .resolver = {.flags = 0x8183}, .cause = CAUSE_NAME_NOT_FOUND, .rcode = 3},
    {.name = "no data",
        .resolver = {.flags = 0x8180},
        .cause = CAUSE_NAME_NO_DATA,
        .text = "has no A record"},
    {.name = "not recursive",
        .resolver = {.flags = 0x8100},
        .cause = CAUSE_NAME_NO_DATA,
        .text = "does not ask others"},
    {.name = "SERVFAIL",
        .resolver = {.flags = 0x8182},
        .cause = CAUSE_NAME_SERVER_FAILURE,
        .rcode = 2},
    {.name = "REFUSED", .resolver = {.flags = 0x8185}, .cause = CAUSE_NAME_REFUSED, .rcode = 5},
    {.name = "NOTIMP", .resolver = {.flags = 0x8184}, .cause = CAUSE_NAME_REFUSED, .rcode = 4},
    {.name = "FORMERR", .resolver = {.flags = 0x8181}, .cause = CAUSE_NAME_FORMAT, .rcode = 1},
    {.name = "FORMERR without a question",
        .resolver = {.flags = 0x8181, .header_only = true},
        .cause = CAUSE_NAME_FORMAT,
        .rcode = 1},
    {.name = "code 9",
        .resolver = {.flags = 0x8189},
        .cause = CAUSE_NAME_SERVER_FAILURE,
        .rcode = 9,
        .text = "code 9"},
    {.name = "silent",
        .resolver = {.silent = true},
        .cause = CAUSE_NAME_TIMEOUT,
        .rcode = -1,
        .limit_ms = 250},
    {.name = "truncated, whole over TCP",
        .over_tcp = true,
        .count = 1,
        .resolver = {ANSWERS(RR_A, 1), .flags = 0x8180, .truncates = true}},
    {.name = "truncated, no TCP",
        .cause = CAUSE_REFUSED,
        .text = "truncated",
        .rcode = -1,
        .over_tcp = true,
        .resolver = {ANSWERS(RR_A, 1), .flags = 0x8180, .truncates = true, .no_tcp = true}},
    {.name = "truncated, TCP silent",
        .cause = CAUSE_NAME_TIMEOUT,
        .text = "truncated",
        .rcode = -1,
        .over_tcp = true,
        .limit_ms = 300,
        .resolver = {ANSWERS(RR_A, 1), .flags = 0x8180, .truncates = true, .tcp_silent = true}},
    {.name = "compression loop",
        .cause = CAUSE_NAME_MALFORMED,
        .text = "backwards",
        .resolver = {ANSWERS("\xc0\x1c\x00\x01\x00\x01\x00\x00\x01\x2c\x00\x04zzzz", 1),
            .flags = 0x8180}},
    {.name = "data past the end",
        .cause = CAUSE_NAME_MALFORMED,
        .text = "past the end",
        .resolver = {ANSWERS(RR("\x01", "\xff") "zzzz", 1), .flags = 0x8180}},
    {.name = "65535 questions",
        .cause = CAUSE_NAME_MALFORMED,
        .text = "question",
        .rcode = -1,
        .resolver = {ANSWERS(RR_A, 1), .flags = 0x8180, .breaks_question = true}},
    {.name = "alias loop",
        .cause = CAUSE_NAME_LOOP,
        .resolver = {ANSWERS(RR("\x05", "\x02") "\xc0\x0c", 1), .flags = 0x8180}},
    {.name = "alias to nothing",
        .cause = CAUSE_NAME_NOT_FOUND,
        .rcode = 3,
        .text = "is an alias of gone, which",
        .resolver = {ANSWERS(RR("\x05", "\x06") "\004gone\000", 1), .flags = 0x8183}},
    {.name = "SRV, in order",
        .type = DNS_SRV,
        .count = 3,
        .resolver = {ANSWERS(RR("\x21", "\x09") "\x00\x02\x00\x01\x00\x05\001c\000" RR(
                                 "\x21", "\x09") "\x00\x01\x00\x01\x00\x05\001b\000" RR("\x21",
                                 "\x09") "\x00\x01\x00\x09\x00\x05\001a\000",
                         3),
            .flags = 0x8180}},
};

static void check_row(const struct row *row)
{
    struct resolver resolver = row->resolver;
    struct arena arena = {0};
    struct dns_answer answer;
    start(&resolver);
    int64_t begun = clock_monotonic_us();
    dns_ask(&resolver.address, 1, "x.test", row->type,
        limit_of(row->limit_ms == 0 ? 2000 : row->limit_ms), 100, &arena, &answer);
    int64_t took = (clock_monotonic_us() - begun) / 1000;
    stop(&resolver);
    if (answer.fault.cause != row->cause || answer.ok != (row->cause == CAUSE_NONE) ||
        (row->text != NULL && strstr(answer.fault.text, row->text) == NULL))
        fail_msg("%s: %s \"%s\"", row->name, cause_str(answer.fault.cause), answer.fault.text);
    /* a broken header gives no code that could be believed */
    if (row->rcode != -1 && answer.rcode != row->rcode)
        fail_msg("%s: rcode %d", row->name, answer.rcode);
    if (answer.over_tcp != row->over_tcp || answer.count != row->count)
        fail_msg("%s: TCP %d, %zu records", row->name, answer.over_tcp, answer.count);
    if (took > (row->limit_ms == 0 ? 500 : row->limit_ms + 100))
        fail_msg("%s: took %d ms", row->name, (int)took);
    if (row->type == DNS_SRV) {
        assert_string_equal(answer.records[0].target, "a");
        assert_string_equal(answer.records[1].target, "b");
        assert_string_equal(answer.records[2].target, "c");
        assert_int_equal(answer.ttl, 300);
    } else if (row->count == 1) {
        assert_string_equal(answer.records[0].address.text, "127.0.0.1");
        assert_string_equal(answer.canonical, "x.test");
    }
    arena_done(&arena);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check_row(&rows[i]);
}

/* ---- several ----------------------------------------------------------------------------------
 */

static void test_side_by_side(void **state)
{
    (void)state;
    struct resolver resolvers[] = {
        {.silent = true}, {ANSWERS(RR_A, 1), .flags = 0x8180, .delay_ms = 30}, {.flags = 0x8183}};
    struct net_address addresses[4];
    struct dns_answer answers[4];
    struct arena arena = {0};
    for (size_t i = 0; i < 3; i++) {
        start(&resolvers[i]);
        addresses[i] = resolvers[i].address;
    }
    /* Nobody listens there: the ICMP error comes at once. */
    uint16_t port = 0;
    close(bind_to(SOCK_DGRAM, &port));
    assert_true(net_address_parse("127.0.0.1", port, &addresses[3]));
    int64_t begun = clock_monotonic_us();
    dns_ask(addresses, 4, "x.test", DNS_A, limit_of(3000), 150, &arena, answers);
    int64_t took = (clock_monotonic_us() - begun) / 1000;
    assert_int_equal(answers[0].fault.cause, CAUSE_NAME_TIMEOUT);
    assert_non_null(strstr(answers[0].fault.text, "no answer yet"));
    assert_int_equal(answers[0].rcode, -1);
    assert_true(answers[1].ok);
    assert_int_equal(answers[2].fault.cause, CAUSE_NAME_NOT_FOUND);
    assert_int_equal(answers[3].fault.cause, CAUSE_REFUSED);
    assert_true(answers[3].elapsed_us < 100000);
    assert_true(took >= 150 && took < 500);
    for (size_t i = 0; i < 3; i++)
        stop(&resolvers[i]);
    arena_done(&arena);
}

static void test_retransmits(void **state)
{
    (void)state;
    struct resolver resolver = {.silent = true};
    struct dns_answer answer;
    struct arena arena = {0};
    start(&resolver);
    dns_ask(&resolver.address, 1, "x.test", DNS_A, limit_of(1400), 0, &arena, &answer);
    stop(&resolver);
    assert_int_equal(resolver.asked, 2);
    assert_int_equal(answer.fault.cause, CAUSE_NAME_TIMEOUT);
    arena_done(&arena);
}

static void test_cancel(void **state)
{
    (void)state;
    struct resolver resolver = {.silent = true};
    struct dns_answer answer;
    struct arena arena = {0};
    struct net_limit limit = limit_of(3000);
    start(&resolver);
    assert_true(wake_open(&limit.cancel_fd, NULL));
    wake_raise(limit.cancel_fd);
    int64_t begun = clock_monotonic_us();
    dns_ask(&resolver.address, 1, "x.test", DNS_A, limit, 0, &arena, &answer);
    assert_true(clock_monotonic_us() - begun < 50000);
    assert_int_equal(answer.fault.cause, CAUSE_INTERRUPTED);
    wake_close(limit.cancel_fd);
    stop(&resolver);
    arena_done(&arena);
}

static void test_caps(void **state)
{
    (void)state;
    enum { COUNT = 300, SIZE = 16 };
    static char answers[COUNT * SIZE];
    for (size_t i = 0; i < COUNT; i++) {
        memcpy(answers + i * SIZE, RR_A, SIZE);
        answers[i * SIZE + SIZE - 1] = (char)i;
    }
    struct resolver resolver = {.answers = answers,
        .length = sizeof answers,
        .count = COUNT,
        .flags = 0x8180,
        .truncates = true};
    struct dns_answer answer;
    struct arena arena = {0};
    start(&resolver);
    dns_ask(&resolver.address, 1, "x.test", DNS_A, limit_of(2000), 0, &arena, &answer);
    stop(&resolver);
    assert_true(answer.ok);
    assert_int_equal(answer.count, DNS_RECORDS_MAX);
    assert_int_equal(answer.dropped, COUNT - DNS_RECORDS_MAX);
    arena_done(&arena);
}

/* ---- names ------------------------------------------------------------------------------------
 */

static void test_normalize(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } names[] = {
        {"Mail.CONTOSO.test.", "mail.contoso.test"},
        {"_autodiscover._tcp.x", "_autodiscover._tcp.x"},
        {"b\xc3\xbc"
         "cher.test",
            "xn--bcher-kva.test"},
        {"B\xc3\x9c"
         "CHER.Test",
            "xn--bcher-kva.test"},
        {"xn--bcher-kva.test", "xn--bcher-kva.test"},
        {"localhost", "localhost"},
        {"", NULL},
        {".", NULL},
        {"a..b", NULL},
        {".a", NULL},
        {"a..", NULL},
        {"a b", NULL},
        {"a/b", NULL},
        {"a\nb", NULL},
        {"a@b", NULL},
        {"\xff\xfe", NULL},
        {"a123456789b123456789c123456789d123456789e123456789f123456789g123.test", NULL},
        {"a123456789b123456789c123456789d123456789e123456789f123456789g12.test",
            "a123456789b123456789c123456789d123456789e123456789f123456789g12.test"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char name[DNS_NAME_SIZE] = "untouched";
        struct fault fault = {0};
        bool ok = dns_normalize(names[i].in, name, &fault);
        if (ok != (names[i].out != NULL))
            fail_msg("\"%s\": %d %s", names[i].in, ok, fault.text);
        assert_string_equal(name, ok ? names[i].out : "untouched");
        if (!ok)
            assert_int_equal(fault.cause, CAUSE_MALFORMED);
    }
}

static void test_system(void **state)
{
    (void)state;
    struct net_address resolvers[DNS_RESOLVERS_MAX];
    size_t count = dns_system_resolvers(resolvers, DNS_RESOLVERS_MAX);
    for (size_t i = 0; i < count; i++) {
        assert_true(resolvers[i].text[0] != '\0');
        assert_int_equal(resolvers[i].port, 53);
    }
    assert_true(dns_system_resolvers(resolvers, 0) == 0);
    assert_string_equal(dns_type_str(DNS_SRV), "SRV");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_side_by_side),
        cmocka_unit_test(test_retransmits),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_caps),
        cmocka_unit_test(test_normalize),
        cmocka_unit_test(test_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
