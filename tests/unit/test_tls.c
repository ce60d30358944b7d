#include <errno.h>
#include <openssl/x509_vfy.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/tls.h"
#include "tests/unit/script_server.h"

/* Our own handshakes (LDAP), against scripted servers. HTTP's are in test_http.c. */

static struct tls_trust *trust;

struct row {
    const char *name;
    struct script_step steps[5];
    struct script_cert cert;
    int timeout_ms;
    enum cause cause;
    const char *text;
    int errors[4]; /* of verification, in order */
};

static const struct row rows[] = {
    {.name = "good", .steps = {{.kind = SCRIPT_TLS}, {.kind = SCRIPT_SILENT}}},
    {.name = "TLS 1.2",
        .steps = {{.kind = SCRIPT_TLS}, {.kind = SCRIPT_SILENT}},
        .cert = {.max_version = TLS1_2_VERSION}},
    {.name = "all at once",
        .steps = {{.kind = SCRIPT_TLS}, {.kind = SCRIPT_SILENT}},
        .cert = {.from_day = -3, .until_day = -2, .name = "other.test", .unknown_authority = true},
        .errors = {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_HOSTNAME_MISMATCH,
            X509_V_ERR_CERT_HAS_EXPIRED}},
    {.name = "closed",
        .steps = {{.kind = SCRIPT_READ_SOME}, {.kind = SCRIPT_FIN}},
        .cause = CAUSE_CLOSED},
    {.name = "reset",
        .steps = {{.kind = SCRIPT_READ_SOME}, {.kind = SCRIPT_RESET}},
        .cause = CAUSE_RESET},
    {.name = "silent",
        .steps = {{.kind = SCRIPT_SILENT}},
        .timeout_ms = 150,
        .cause = CAUSE_TIMEOUT,
        .text = "no TLS answer"},
    {.name = "drip",
        .timeout_ms = 150,
        .cause = CAUSE_TIMEOUT,
        .steps = {{.kind = SCRIPT_DRIP,
                      .ms = 20,
                      .length = 11,
                      .text = "\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"},
            {.kind = SCRIPT_SILENT}}},
    {.name = "HTTP",
        .cause = CAUSE_NOT_TLS,
        .text = "\"HTTP/1.1 400 Bad Request",
        .steps = {{.kind = SCRIPT_READ_SOME},
            {.kind = SCRIPT_SEND, .text = "HTTP/1.1 400 Bad Request\r\n\r\n"},
            {.kind = SCRIPT_SILENT}}},
    {.name = "LDAP notice",
        .cause = CAUSE_NOT_TLS,
        .steps = {{.kind = SCRIPT_READ_SOME},
            {.kind = SCRIPT_SEND, .text = "0\x22\x02\x01\x00x", .length = 6},
            {.kind = SCRIPT_SILENT}}},
    {.name = "alert",
        .cause = CAUSE_TLS_ALERT,
        .text = "alert 40",
        .steps = {{.kind = SCRIPT_READ_SOME},
            {.kind = SCRIPT_SEND, .text = "\x15\x03\x03\x00\x02\x02\x28", .length = 7},
            {.kind = SCRIPT_FIN}}},
    {.name = "client certificate, TLS 1.2",
        .cause = CAUSE_CLIENT_CERT_WANTED,
        .steps = {{.kind = SCRIPT_TLS}, {.kind = SCRIPT_SILENT}},
        .cert = {.wants_client_cert = true, .max_version = TLS1_2_VERSION}},
};

static struct net_limit limit_of(int ms)
{
    return (struct net_limit){.deadline = deadline_in_ms(ms == 0 ? 3000 : ms), .cancel_fd = -1};
}

static net_sock connect_to(const struct script_server *server)
{
    struct net_address address;
    net_sock sock = NET_SOCK_NONE;
    assert_true(net_address_parse("127.0.0.1", script_port(server), &address));
    assert_true(sock_connect(&address, limit_of(0), &sock, NULL));
    return sock;
}

static void check_row(const struct row *row)
{
    struct script_server *server = script_start(row->steps, &row->cert);
    net_sock sock = connect_to(server);
    struct tls_seen seen;
    struct tls_conn *conn = NULL;
    struct fault fault = {0};
    int64_t begun = clock_monotonic_us();
    bool ok =
        tls_connect(sock, "server.test", trust, limit_of(row->timeout_ms), &seen, &conn, &fault);
    if (ok != (row->cause == CAUSE_NONE) || fault.cause != row->cause ||
        (row->text != NULL && strstr(fault.text, row->text) == NULL))
        fail_msg("%s: %d %s \"%s\"", row->name, ok, cause_str(fault.cause), fault.text);
    assert_true(clock_monotonic_us() - begun < 1000000);
    assert_int_equal(seen.done, ok);
    if (ok) {
        size_t count = 0;
        while (count < 4 && row->errors[count] != 0)
            count++;
        assert_int_equal(seen.error_count, count);
        for (size_t i = 0; i < count; i++) {
            size_t at = 0;
            while (at < count && seen.errors[at].code != row->errors[i])
                at++;
            if (at == count)
                fail_msg("%s: error %d is missing", row->name, row->errors[i]);
        }
        assert_int_equal(seen.chain_count, 1);
        assert_true(seen.end_point_length > 0);
    }
    tls_free(conn);
    tls_seen_done(&seen);
    sock_close(sock);
    script_stop(server);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check_row(&rows[i]);
}

static bool read_text(struct tls_conn *conn, net_sock sock, char *text, size_t size, size_t *length,
    struct fault *fault)
{
    for (;;) {
        unsigned event = 0;
        int step = tls_try_read(conn, text, size, length, &event, fault);
        if (step != 0)
            return step > 0;
        if (!sock_wait(sock, event, limit_of(2000), fault))
            return false;
    }
}

static void test_io(void **state)
{
    (void)state;
    static const struct script_step ordered[] = {{.kind = SCRIPT_TLS}, {.kind = SCRIPT_READ_SOME},
        {.kind = SCRIPT_SEND, .text = "answer"}, {.kind = SCRIPT_END}};
    static const struct script_step cut[] = {{.kind = SCRIPT_TLS}, {.kind = SCRIPT_READ_SOME},
        {.kind = SCRIPT_SEND, .text = "answer"}, {.kind = SCRIPT_FIN}};
    for (int i = 0; i < 2; i++) {
        const struct script_cert cert = {0};
        struct script_server *server = script_start(i == 0 ? ordered : cut, &cert);
        net_sock sock = connect_to(server);
        struct tls_seen seen;
        struct tls_conn *conn = NULL;
        struct fault fault = {0};
        assert_true(tls_connect(sock, "server.test", trust, limit_of(0), &seen, &conn, &fault));
        unsigned event = 0;
        size_t length = 0;
        char text[32] = "";
        assert_int_equal(tls_try_read(conn, text, sizeof text, &length, &event, &fault), 0);
        assert_int_equal(event, SOCK_READABLE);
        assert_int_equal(tls_try_write(conn, "ask", 3, &length, &event, &fault), 1);
        assert_int_equal(length, 3);
        assert_true(read_text(conn, sock, text, sizeof text, &length, &fault));
        assert_string_equal(text, "answer");
        bool ended = read_text(conn, sock, text, sizeof text, &length, &fault);
        assert_int_equal(ended, i == 0);
        if (ended)
            assert_int_equal(length, 0);
        else
            assert_int_equal(fault.cause, CAUSE_CLOSED);
        tls_free(conn);
        char got[16];
        script_received(server, got, sizeof got);
        assert_string_equal(got, "ask");
        tls_seen_done(&seen);
        sock_close(sock);
        script_stop(server);
    }
}

/* A peer that does not read: what is kept stays bounded, and the writer is told to wait. */
static void test_full_peer(void **state)
{
    (void)state;
    static const struct script_step steps[] = {
        {.kind = SCRIPT_TLS}, {.kind = SCRIPT_SLEEP, .ms = 3000}};
    static char bytes[1 << 20];
    const struct script_cert cert = {0};
    struct script_server *server = script_start(steps, &cert);
    net_sock sock = connect_to(server);
    struct tls_seen seen;
    struct tls_conn *conn = NULL;
    struct fault fault = {0};
    assert_true(tls_connect(sock, "server.test", trust, limit_of(0), &seen, &conn, &fault));
    int step = 1;
    unsigned event = 0;
    for (int i = 0; step == 1 && i < 10000; i++) {
        size_t length = 0;
        step = tls_try_write(conn, bytes, sizeof bytes, &length, &event, &fault);
        assert_true(step != 1 || (length > 0 && length <= 16384));
    }
    assert_int_equal(step, 0);
    assert_int_equal(event, SOCK_WRITABLE);
    tls_free(conn);
    tls_seen_done(&seen);
    sock_close(sock);
    script_stop(server);
}

static void test_trust(void **state)
{
    (void)state;
    struct tls_trust *other = NULL;
    struct fault fault = {0};
    assert_false(tls_trust_new("/nonexistent/ca.pem", &other, &fault));
    assert_int_equal(fault.cause, CAUSE_INTERNAL);
    assert_int_equal(fault.code, ENOENT);
    assert_non_null(strstr(fault.text, "/nonexistent/ca.pem"));
    assert_false(tls_trust_new("/etc/passwd", &other, &fault));
    assert_non_null(strstr(fault.text, "no certificate"));
    char path[] = "/tmp/test-tls-XXXXXX";
    assert_non_null(mkdtemp(path));
    assert_false(tls_trust_new(path, &other, &fault));
    assert_non_null(strstr(fault.text, "by hash"));
    char hashed[64];
    snprintf(hashed, sizeof hashed, "%s/0123abcd.0", path);
    assert_int_equal(link(script_authority_file(), hashed), 0);
    assert_null(other);
    assert_true(tls_trust_new(path, &other, &fault));
    tls_trust_free(other);
    tls_trust_free(NULL);
    unlink(hashed);
    rmdir(path);
}

int main(void)
{
    struct fault fault;
    if (!tls_trust_new(script_authority_file(), &trust, &fault))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_io),
        cmocka_unit_test(test_full_peer),
        cmocka_unit_test(test_trust),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tls_trust_free(trust);
    script_done();
    return failed;
}
