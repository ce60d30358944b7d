#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/host.h"
#include "net/sock.h"
#include "tests/unit/script_server.h"

static struct net_limit limit_of(int ms)
{
    return (struct net_limit){.deadline = deadline_in_ms(ms), .cancel_fd = -1};
}

static struct net_address loopback(uint16_t port)
{
    struct net_address address;
    assert_true(net_address_parse("127.0.0.1", port, &address));
    return address;
}

static net_sock connect_to(const struct script_server *server)
{
    struct net_address address = loopback(script_port(server));
    net_sock sock = NET_SOCK_NONE;
    struct fault fault = {0};
    if (!sock_connect(&address, limit_of(2000), &sock, &fault))
        fail_msg("%s", fault.text);
    return sock;
}

/* ---- deadlines --------------------------------------------------------------------------------
 */

static void test_deadline(void **state)
{
    (void)state;
    struct deadline soon = deadline_in_ms(50);
    struct deadline late = deadline_in_ms(INT64_MAX);
    assert_int_equal(deadline_earlier(soon, late).at_us, soon.at_us);
    assert_int_equal(deadline_earlier(late, soon).at_us, soon.at_us);
    assert_true(deadline_left_ms(soon) > 0 && deadline_left_ms(soon) <= 50);
    assert_int_equal(deadline_left_ms(late), INT_MAX);
    assert_false(deadline_passed(soon));
    assert_true(deadline_passed(deadline_in_ms(0)));
    assert_true(deadline_passed(deadline_in_ms(-5)));
    assert_int_equal(deadline_left_ms(deadline_in_ms(-5)), 0);
    /* The last fraction of a millisecond counts as one: no wait of 0 ms before the deadline. */
    struct deadline now = {.at_us = clock_monotonic_us() + 900};
    assert_int_equal(deadline_left_ms(now), 1);
    assert_true(clock_wall_us() > INT64_C(1700000000) * 1000000);
}

/* ---- addresses --------------------------------------------------------------------------------
 */

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"127.0.0.1", "127.0.0.1"},
        {"::1", "::1"},
        {"[::1]", "::1"},
        {"2001:DB8:0:0::1", "2001:db8::1"},
        {"fe80::1%lo", "fe80::1%lo"},
        {"fe80::1%nosuchif", NULL},
        {"127.1", NULL},
        {"0x7f.1", NULL},
        {"127.0.0.1 ", NULL},
        {"", NULL},
        {"[]", NULL},
        {"[127.0.0.1]", NULL},
        {"host", NULL},
        {"1.2.3.256", NULL},
        {"::1%aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct net_address address;
        bool ok = net_address_parse(rows[i].in, 443, &address);
        if (ok != (rows[i].out != NULL))
            fail_msg("\"%s\": %d", rows[i].in, ok);
        if (ok)
            assert_string_equal(address.text, rows[i].out);
    }
    char text[NET_ADDRESS_TEXT];
    struct net_address six;
    assert_true(net_address_parse("2001:db8::1", 443, &six));
    assert_string_equal(net_address_print(&six, text), "[2001:db8::1]:443");
    assert_false(net_address_from_bytes((const uint8_t *)"abcde", 5, 0, &six));
    assert_true(net_address_from_bytes((const uint8_t *)"\x7f\0\0\x01", 4, 9, &six));
    assert_string_equal(net_address_print(&six, text), "127.0.0.1:9");
}

/* ---- connecting -------------------------------------------------------------------------------
 */

static void test_refused(void **state)
{
    (void)state;
    static const struct script_step none[] = {{.kind = SCRIPT_FIN}};
    struct script_server *server = script_start(none, NULL);
    struct net_address address = loopback(script_port(server));
    script_stop(server);
    struct fault fault = {0};
    net_sock sock = 12345;
    assert_false(sock_connect(&address, limit_of(1000), &sock, &fault));
    assert_int_equal(sock, 12345);
    assert_int_equal(fault.cause, CAUSE_REFUSED);
    assert_int_equal(fault.origin, ORIGIN_SYSTEM);
    assert_int_equal(fault.code, ECONNREFUSED);
}

static void test_unreachable(void **state)
{
    (void)state;
    struct net_address address;
    struct fault fault = {0};
    net_sock sock = NET_SOCK_NONE;
    assert_true(net_address_parse("255.255.255.255", 443, &address));
    assert_false(sock_connect(&address, limit_of(1000), &sock, &fault));
    assert_int_equal(fault.cause, CAUSE_UNREACHABLE);
    assert_int_equal(fault.origin, ORIGIN_SYSTEM);
    address = (struct net_address){.text = "example.test", .port = 1};
    assert_false(sock_connect(&address, limit_of(1000), &sock, &fault));
    assert_int_equal(fault.cause, CAUSE_INTERNAL);
}

/* A listener whose queue is full drops our SYN. */
static void test_syn_timeout(void **state)
{
    (void)state;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof in;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (const struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&in, &size), 0);
    int fillers[4];
    for (int i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM, 0);
        (void)fcntl(fillers[i], F_SETFL, O_NONBLOCK);
        (void)connect(fillers[i], (const struct sockaddr *)&in, sizeof in);
    }
    struct net_address address = loopback(ntohs(in.sin_port));
    struct fault fault = {0};
    net_sock sock = NET_SOCK_NONE;
    int64_t begun = clock_monotonic_us();
    assert_false(sock_connect(&address, limit_of(200), &sock, &fault));
    int64_t took = (clock_monotonic_us() - begun) / 1000;
    assert_true(took >= 200 && took < 300);
    assert_int_equal(fault.cause, CAUSE_TIMEOUT);
    assert_int_equal(fault.origin, ORIGIN_EXREACH);
    assert_non_null(strstr(fault.text, "no answer to our SYN"));
    assert_non_null(strstr(fault.text, "0.2 s"));

    struct net_limit limit = limit_of(2000);
    assert_true(wake_open(&limit.cancel_fd, &fault));
    wake_raise(limit.cancel_fd);
    wake_raise(limit.cancel_fd); /* twice is no more than once */
    begun = clock_monotonic_us();
    assert_false(sock_connect(&address, limit, &sock, &fault));
    assert_true(clock_monotonic_us() - begun < 50000);
    assert_int_equal(fault.cause, CAUSE_INTERRUPTED);
    wake_close(limit.cancel_fd);
    for (int i = 0; i < 4; i++)
        close(fillers[i]);
    close(listener);
}

/* ---- reading and writing ----------------------------------------------------------------------
 */

static void test_streams(void **state)
{
    (void)state;
    static const struct script_step steps[] = {{.kind = SCRIPT_SEND, .text = "hello"},
        {.kind = SCRIPT_READ_SOME}, {.kind = SCRIPT_SEND, .text = "wor"}, {.kind = SCRIPT_FIN}};
    struct script_server *server = script_start(steps, NULL);
    net_sock sock = connect_to(server);
    struct fault fault = {0};
    char bytes[16] = "";
    assert_true(sock_read_all(sock, bytes, 5, limit_of(1000), &fault));
    assert_string_equal(bytes, "hello");
    assert_false(sock_is_dead(sock));
    size_t got = 99;
    assert_int_equal(sock_try_read(sock, bytes, sizeof bytes, &got, &fault), 0);
    assert_true(sock_write_all(sock, "x", 1, limit_of(1000), &fault));
    assert_true(sock_wait(sock, SOCK_READABLE, limit_of(1000), &fault));
    enum sock_end end = SOCK_RESET;
    assert_int_equal(sock_peek(sock, bytes, sizeof bytes, &end), 3);
    assert_int_equal(end, SOCK_OPEN);
    assert_false(sock_read_all(sock, bytes, 5, limit_of(1000), &fault));
    assert_int_equal(fault.cause, CAUSE_CLOSED);
    assert_non_null(strstr(fault.text, "2 bytes"));
    assert_true(sock_is_dead(sock));
    assert_true(sock_read_some(sock, bytes, sizeof bytes, limit_of(1000), &got, &fault));
    assert_int_equal(got, 0);
    struct net_address local;
    struct net_address peer;
    assert_true(sock_local(sock, &local) && sock_peer(sock, &peer));
    assert_int_equal(peer.port, script_port(server));
    assert_string_equal(local.text, "127.0.0.1");
    sock_close(sock);
    script_stop(server);
}

static void test_reset(void **state)
{
    (void)state;
    static const struct script_step steps[] = {{.kind = SCRIPT_READ_SOME}, {.kind = SCRIPT_RESET}};
    struct script_server *server = script_start(steps, NULL);
    net_sock sock = connect_to(server);
    struct fault fault = {0};
    char byte = 0;
    assert_true(sock_write_all(sock, "x", 1, limit_of(1000), &fault));
    assert_false(sock_read_all(sock, &byte, 1, limit_of(1000), &fault));
    assert_int_equal(fault.cause, CAUSE_RESET);
    assert_int_equal(fault.code, ECONNRESET);
    /* Without SIGPIPE, which would end the program. */
    assert_false(sock_write_all(sock, "x", 1, limit_of(1000), &fault) &&
                 sock_write_all(sock, "x", 1, limit_of(1000), &fault));
    sock_close(sock);
    script_stop(server);
}

/* A drip does not restart the wait. */
static void test_drip(void **state)
{
    (void)state;
    static const struct script_step steps[] = {
        {.kind = SCRIPT_DRIP, .text = "0123456789012345678901234567890123456789", .ms = 20},
        {.kind = SCRIPT_SILENT}};
    struct script_server *server = script_start(steps, NULL);
    net_sock sock = connect_to(server);
    struct fault fault = {0};
    char bytes[40];
    int64_t begun = clock_monotonic_us();
    assert_false(sock_read_all(sock, bytes, sizeof bytes, limit_of(150), &fault));
    assert_true(clock_monotonic_us() - begun < 250000);
    assert_int_equal(fault.cause, CAUSE_TIMEOUT);
    sock_close(sock);
    script_stop(server);
}

static void test_full_peer(void **state)
{
    (void)state;
    static const struct script_step steps[] = {{.kind = SCRIPT_SLEEP, .ms = 3000}};
    static char bytes[32 * 1024 * 1024];
    struct script_server *server = script_start(steps, NULL);
    net_sock sock = connect_to(server);
    struct fault fault = {0};
    assert_false(sock_write_all(sock, bytes, sizeof bytes, limit_of(150), &fault));
    assert_int_equal(fault.cause, CAUSE_TIMEOUT);
    sock_close(sock);
    script_stop(server);
}

static void test_udp(void **state)
{
    (void)state;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof in;
    int peer = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(peer, (const struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(getsockname(peer, (struct sockaddr *)&in, &size), 0);
    struct net_address address = loopback(ntohs(in.sin_port));
    struct fault fault = {0};
    char reply[16];
    size_t length = 0;
    assert_true(sock_udp_route(&address, &fault));
    assert_false(
        sock_udp_exchange(&address, "x", 1, limit_of(60), reply, sizeof reply, &length, &fault));
    assert_int_equal(fault.cause, CAUSE_TIMEOUT);
    close(peer);
    assert_false(
        sock_udp_exchange(&address, "x", 1, limit_of(1000), reply, sizeof reply, &length, &fault));
    assert_int_equal(fault.cause, CAUSE_REFUSED);
}

/* ---- the host ---------------------------------------------------------------------------------
 */

static bool is_passwd(const char *name)
{
    return strcmp(name, "passwd") == 0;
}

static bool is_nothing(const char *name)
{
    return strcmp(name, "no such name") == 0;
}

static void test_host(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct fault fault = {0};
    char path[] = "/tmp/test-host-XXXXXX";
    int fd = mkstemp(path);
    char *bytes = NULL;
    size_t length = 0;
    close(fd);
    assert_true(host_write_file(path, "one\0two", 7, &fault));
    assert_true(host_write_file(path, "three", 5, &fault));
    assert_true(host_read_file(&arena, path, 5, &bytes, &length, &fault));
    assert_int_equal(length, 5);
    assert_string_equal(bytes, "three");
    assert_false(host_read_file(&arena, path, 4, &bytes, &length, &fault));
    assert_int_equal(fault.cause, CAUSE_INTERNAL);
    assert_non_null(strstr(fault.text, path));
    unlink(path);
    assert_false(host_read_file(&arena, path, 4, &bytes, &length, &fault));
    assert_int_equal(fault.origin, ORIGIN_SYSTEM);
    assert_int_equal(fault.code, ENOENT);
    assert_false(host_write_file("/nonexistent/x", "", 0, &fault));
    assert_true(host_write_file("/dev/null", "x", 1, &fault));
    assert_true(host_read_file(&arena, "/dev/null", 4, &bytes, &length, &fault));
    assert_int_equal(length, 0);

    fault = (struct fault){0};
    assert_true(host_directory_has("/etc", is_passwd, &fault));
    assert_false(host_directory_has("/etc", is_nothing, &fault));
    assert_int_equal(fault.cause, CAUSE_NONE);
    assert_false(host_directory_has("/etc/passwd", is_nothing, &fault));
    assert_int_equal(fault.code, ENOTDIR);
    assert_non_null(host_env("PATH"));
    assert_null(host_env("NO_SUCH_VARIABLE_HERE"));
    assert_true(host_name(&arena)[0] != '\0');
    struct net_address addresses[4];
    assert_true(host_addresses(addresses, 4) >= 1);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_syn_timeout),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_drip),
        cmocka_unit_test(test_full_peer),
        cmocka_unit_test(test_udp),
        cmocka_unit_test(test_host),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    script_done();
    return failed;
}
