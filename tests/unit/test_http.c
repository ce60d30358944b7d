#include <fcntl.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/http_peer.h"

/* HTTP against servers that follow scripts: each row is one way in which an exchange goes, and the
 * cause that must come of it. */

#define TEN      "0123456789"
#define HUNDRED  TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define THOUSAND HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED

enum { STEPS_MAX = 8 };
struct row {
    const char *name;
    struct script_step steps[STEPS_MAX];
    bool tls, insecure, credentials;
    struct script_cert cert;
    int pause_ms;   /* between the connection and the request */
    int timeout_ms; /* 0: 3 s */
    bool begins;    /* http_begin() succeeds */
    enum cause cause;
    long code;        /* 0: any */
    const char *text; /* in the fault's, or NULL */
};

static void check_row(const struct row *row)
{
    struct script_server *server = script_start(row->steps, &row->cert);
    struct http_conn *conn = connect_to(server, row->tls, row->insecure, "server.test");
    struct http_request request = plain_get;
    struct http_response response;
    struct fault fault = {0};
    request.credentials = row->credentials;
    request.body_max = 4000;
    pause_ms(row->pause_ms);
    int64_t begun = clock_monotonic_us();
    bool begins = http_begin(conn, &request, limit_of(row->timeout_ms), &fault);
    if (begins != row->begins)
        fail_msg("%s: begin %d: %s %s", row->name, begins, cause_str(fault.cause), fault.text);
    if (begins) {
        bool ok = http_finish(conn, limit_of(row->timeout_ms), &response, &fault);
        if (ok != (row->cause == CAUSE_NONE))
            fail_msg("%s: finish %d: %s %s", row->name, ok, cause_str(fault.cause), fault.text);
        if (ok) {
            assert_int_equal(response.status, 200);
            assert_string_equal(response.body, "hello");
            http_response_done(&response);
        }
    }
    int64_t took_ms = (clock_monotonic_us() - begun) / 1000;
    assert_true(took_ms < 2500);
    expect_fault(row->name, &fault, row->cause, row->code, row->text);
    if (row->cause != CAUSE_NONE)
        assert_false(http_usable(conn) && !row->credentials);
    char got[4096];
    if (row->credentials && row->cause == CAUSE_CREDENTIAL_UNSAFE) {
        http_close(conn);
        conn = NULL;
        script_received(server, got, sizeof got);
        if (got[0] != '\0')
            fail_msg("%s: the server got \"%s\"", row->name, got);
    }
    assert_true(script_connections(server) <= 1);
    http_close(conn);
    script_stop(server);
}

#define ANSWER(text_)                                                     \
    {                                                                     \
        {.kind = SCRIPT_READ_HEAD}, {.kind = SCRIPT_SEND, .text = text_}, \
        {                                                                 \
            .kind = SCRIPT_END                                            \
        }                                                                 \
    }
#define TLS_ANSWER(text_)                                                                       \
    {                                                                                           \
        {.kind = SCRIPT_TLS}, {.kind = SCRIPT_READ_HEAD}, {.kind = SCRIPT_SEND, .text = text_}, \
        {                                                                                       \
            .kind = SCRIPT_END                                                                  \
        }                                                                                       \
    }

static const struct row rows[] = {
    {.name = "good", .steps = ANSWER(GOOD), .begins = true},
    {.name = "good over TLS", .steps = TLS_ANSWER(GOOD), .tls = true, .begins = true},
    {.name = "good with credentials",
        .steps = TLS_ANSWER(GOOD),
        .tls = true,
        .credentials = true,
        .begins = true},
    {.name = "chunks",
        .begins = true,
        .steps = ANSWER(HEAD_200 "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")},
    {.name = "interim answer",
        .begins = true,
        .steps = ANSWER("HTTP/1.1 100 Continue\r\n\r\n" GOOD)},
    {.name = "body until the end", .begins = true, .steps = ANSWER(HEAD_200 "\r\nhello")},

    {.name = "closed at once",
        .pause_ms = 50,
        .steps = {{.kind = SCRIPT_FIN}},
        .begins = true,
        .cause = CAUSE_CLOSED},
    {.name = "closed without an answer",
        .begins = true,
        .cause = CAUSE_CLOSED,
        .steps = {{.kind = SCRIPT_READ_HEAD}, {.kind = SCRIPT_FIN}}},
    {.name = "reset without an answer",
        .begins = true,
        .cause = CAUSE_RESET,
        .steps = {{.kind = SCRIPT_READ_HEAD}, {.kind = SCRIPT_RESET}}},
    {.name = "silent",
        .steps = {{.kind = SCRIPT_SILENT}},
        .begins = true,
        .cause = CAUSE_TIMEOUT,
        .timeout_ms = 150,
        .text = "no answer to our request"},
    {.name = "headers drip",
        .begins = true,
        .cause = CAUSE_TIMEOUT,
        .timeout_ms = 200,
        .text = "no end of the answer",
        .steps = {{.kind = SCRIPT_READ_HEAD},
            {.kind = SCRIPT_DRIP, .ms = 5, .text = HEAD_200 THOUSAND}}},
    {.name = "endless chunk extension",
        .begins = true,
        .cause = CAUSE_TIMEOUT,
        .timeout_ms = 300,
        .steps = {{.kind = SCRIPT_READ_HEAD},
            {.kind = SCRIPT_SEND, .text = HEAD_200 "Transfer-Encoding: chunked\r\n\r\n5;"},
            {.kind = SCRIPT_FLOOD, .text = "x"}}},
    {.name = "SSH banner",
        .pause_ms = 50,
        .begins = true,
        .cause = CAUSE_NOT_HTTP,
        .text = "SSH-2.0-Test",
        .steps = {{.kind = SCRIPT_SEND, .text = "SSH-2.0-Test\r\n"}, {.kind = SCRIPT_SILENT}}},
    {.name = "HTTP/0.9",
        .steps = ANSWER("<html>hello</html>"),
        .begins = true,
        .cause = CAUSE_NOT_HTTP,
        .text = "<html>"},
    {.name = "junk",
        .steps = ANSWER("\001\002\003\033[2Jxyz"),
        .begins = true,
        .cause = CAUSE_NOT_HTTP,
        .text = "....[2Jxyz"},
    {.name = "HTTP/9.9",
        .steps = ANSWER("HTTP/9.9 999\r\n\r\n"),
        .begins = true,
        .cause = CAUSE_NOT_HTTP},
    {.name = "TLS port asked plainly",
        .begins = true,
        .cause = CAUSE_NOT_HTTP,
        .text = "https",
        .steps = {{.kind = SCRIPT_READ_HEAD},
            {.kind = SCRIPT_SEND, .text = "\x15\x03\x01\x00\x02\x02\x16", .length = 7}}},
    {.name = "closed within the headers",
        .begins = true,
        .cause = CAUSE_TRUNCATED,
        .text = "within the headers",
        .steps = ANSWER(HEAD_200 "Server: x\r\n")},
    {.name = "closed within the body",
        .begins = true,
        .cause = CAUSE_TRUNCATED,
        .text = "after 5 bytes",
        .steps = ANSWER(HEAD_200 "Content-Length: 50\r\n\r\nhello")},
    {.name = "reset within the body",
        .begins = true,
        .cause = CAUSE_RESET,
        .steps = {{.kind = SCRIPT_READ_HEAD},
            {.kind = SCRIPT_SEND, .text = HEAD_200 "Content-Length: 50\r\n\r\nhello"},
            {.kind = SCRIPT_SLEEP, .ms = 50}, {.kind = SCRIPT_RESET}}},
    {.name = "closed within chunks",
        .begins = true,
        .cause = CAUSE_TRUNCATED,
        .steps = ANSWER(HEAD_200 "Transfer-Encoding: chunked\r\n\r\n5\r\nhel")},
    {.name = "broken chunks",
        .begins = true,
        .cause = CAUSE_MALFORMED,
        .steps = ANSWER(HEAD_200 "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n")},
    {.name = "cut without close_notify",
        .begins = true,
        .cause = CAUSE_TRUNCATED,
        .tls = true,
        .steps = {{.kind = SCRIPT_TLS}, {.kind = SCRIPT_READ_HEAD},
            {.kind = SCRIPT_SEND, .text = HEAD_200 "\r\nhello"}, {.kind = SCRIPT_FIN}}},
    {.name = "length -1",
        .steps = ANSWER(HEAD_200 "Content-Length: -1\r\n\r\nhello"),
        .begins = true,
        .cause = CAUSE_MALFORMED},
    {.name = "length of 2^63",
        .begins = true,
        .cause = CAUSE_MALFORMED,
        .steps = ANSWER(HEAD_200 "Content-Length: 9223372036854775808\r\n\r\nhello")},
    {.name = "two lengths",
        .begins = true,
        .cause = CAUSE_MALFORMED,
        .steps = ANSWER(HEAD_200 "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello")},
    {.name = "the same length twice",
        .begins = true,
        .steps = ANSWER(HEAD_200 "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello")},
    {.name = "length and chunks",
        .begins = true,
        .cause = CAUSE_MALFORMED,
        .steps =
            ANSWER(HEAD_200 "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
    {.name = "endless headers",
        .begins = true,
        .cause = CAUSE_TOO_LARGE,
        .steps = {{.kind = SCRIPT_READ_HEAD}, {.kind = SCRIPT_SEND, .text = HEAD_200},
            {.kind = SCRIPT_FLOOD, .text = "X-More: " HUNDRED "\r\n"}}},
    {.name = "one endless header",
        .begins = true,
        .cause = CAUSE_TOO_LARGE,
        .steps = {{.kind = SCRIPT_READ_HEAD}, {.kind = SCRIPT_SEND, .text = HEAD_200 "X-More: "},
            {.kind = SCRIPT_FLOOD, .text = THOUSAND}}},
    {.name = "endless body",
        .begins = true,
        .cause = CAUSE_TOO_LARGE,
        .text = "4000",
        .steps = {{.kind = SCRIPT_READ_HEAD}, {.kind = SCRIPT_SEND, .text = HEAD_200 "\r\n"},
            {.kind = SCRIPT_FLOOD, .text = THOUSAND}}},
    {.name = "credentials without TLS",
        .steps = ANSWER(GOOD),
        .credentials = true,
        .cause = CAUSE_CREDENTIAL_UNSAFE,
        .text = "without TLS"},
};

static const struct row tls_rows[] = {
    {.name = "closed after ClientHello",
        .cause = CAUSE_CLOSED,
        .text = "TLS handshake",
        .steps = {{.kind = SCRIPT_READ_SOME}, {.kind = SCRIPT_FIN}}},
    {.name = "closed at once",
        .pause_ms = 50,
        .steps = {{.kind = SCRIPT_FIN}},
        .cause = CAUSE_CLOSED},
    {.name = "reset after ClientHello",
        .cause = CAUSE_RESET,
        .text = "TLS handshake",
        .steps = {{.kind = SCRIPT_READ_SOME}, {.kind = SCRIPT_RESET}}},
    {.name = "silent after ClientHello",
        .steps = {{.kind = SCRIPT_SILENT}},
        .timeout_ms = 150,
        .cause = CAUSE_TIMEOUT,
        .text = "no TLS answer"},
    {.name = "plain HTTP",
        .cause = CAUSE_NOT_TLS,
        .text = "\"HTTP/1.1 400 Bad Request",
        .steps = {{.kind = SCRIPT_READ_SOME},
            {.kind = SCRIPT_SEND, .text = "HTTP/1.1 400 Bad Request\r\n\r\n"},
            {.kind = SCRIPT_SILENT}}},
    {.name = "plain HTTP, then closed",
        .cause = CAUSE_NOT_TLS,
        .text = "\"HTTP/1.1 400 Bad Request",
        .steps = {{.kind = SCRIPT_READ_SOME},
            {.kind = SCRIPT_SEND, .text = "HTTP/1.1 400 Bad Request\r\n\r\n"}}},
    {.name = "SSH banner",
        .cause = CAUSE_NOT_TLS,
        .text = "\"SSH-2.0-Test",
        .steps = {{.kind = SCRIPT_SEND, .text = "SSH-2.0-Test\r\n"}, {.kind = SCRIPT_SILENT}}},
    {.name = "alert",
        .cause = CAUSE_TLS_ALERT,
        .code = 40,
        .text = "handshake failure",
        .steps = {{.kind = SCRIPT_READ_SOME},
            {.kind = SCRIPT_SEND, .text = "\x15\x03\x03\x00\x02\x02\x28", .length = 7},
            {.kind = SCRIPT_FIN}}},
    {.name = "broken record",
        .cause = CAUSE_TLS_PROTOCOL,
        .steps = {{.kind = SCRIPT_READ_SOME},
            {.kind = SCRIPT_SEND, .text = "\x16\x03\x03\x00\x05\x02\xff\xff\xff\x01", .length = 10},
            {.kind = SCRIPT_SILENT}}},
    {.name = "ServerHello of TLS 1.0",
        .cause = CAUSE_TLS_PROTOCOL,
        .text = "only TLS 1.0",
        .steps = {{.kind = SCRIPT_READ_SOME},
            {.kind = SCRIPT_SEND,
                .length = 47,
                .text = "\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01"
                        "0123456789abcdef0123456789abcdef\x00\x00\x2f\x00"},
            {.kind = SCRIPT_SILENT}}},
    {.name = "TLS 1.0 only",
        .steps = TLS_ANSWER(GOOD),
        .cert = {.max_version = TLS1_VERSION},
        .cause = CAUSE_TLS_ALERT,
        .code = 70},
    {.name = "client certificate, TLS 1.2",
        .cause = CAUSE_CLIENT_CERT_WANTED,
        .steps = TLS_ANSWER(GOOD),
        .cert = {.wants_client_cert = true, .max_version = TLS1_2_VERSION}},
    {.name = "client certificate, TLS 1.3",
        .cause = CAUSE_CLIENT_CERT_WANTED,
        .begins = true,
        .code = 116,
        .steps = TLS_ANSWER(GOOD),
        .cert = {.wants_client_cert = true}},
    {.name = "expired",
        .steps = TLS_ANSWER(GOOD),
        .cert = {.from_day = -3, .until_day = -2},
        .cause = CAUSE_CERT_EXPIRED,
        .code = X509_V_ERR_CERT_HAS_EXPIRED},
    {.name = "not yet valid",
        .steps = TLS_ANSWER(GOOD),
        .cert = {.from_day = 2, .until_day = 3},
        .cause = CAUSE_CERT_NOT_YET_VALID},
    {.name = "wrong name",
        .steps = TLS_ANSWER(GOOD),
        .cert = {.name = "other.test"},
        .cause = CAUSE_CERT_NAME,
        .text = "other.test"},
    {.name = "self-signed",
        .steps = TLS_ANSWER(GOOD),
        .cert = {.self_signed = true},
        .cause = CAUSE_CERT_SELF_SIGNED},
    {.name = "untrusted",
        .steps = TLS_ANSWER(GOOD),
        .cert = {.unknown_authority = true},
        .cause = CAUSE_CERT_UNTRUSTED,
        .text = "Nobody's Authority"},
    {.name = "all at once",
        .steps = TLS_ANSWER(GOOD),
        .cause = CAUSE_CERT_EXPIRED,
        .text = "; also wrong name, untrusted root",
        .cert = {.from_day = -3, .until_day = -2, .name = "other.test", .unknown_authority = true}},
    {.name = "all at once, insecure",
        .steps = TLS_ANSWER(GOOD),
        .insecure = true,
        .begins = true,
        .cert = {.from_day = -3, .until_day = -2, .name = "other.test", .unknown_authority = true}},
    {.name = "credentials, expired",
        .steps = TLS_ANSWER(GOOD),
        .credentials = true,
        .cert = {.from_day = -3, .until_day = -2},
        .cause = CAUSE_CREDENTIAL_UNSAFE,
        .code = X509_V_ERR_CERT_HAS_EXPIRED,
        .text = "expired"},
    {.name = "credentials, wrong name, insecure",
        .steps = TLS_ANSWER(GOOD),
        .credentials = true,
        .insecure = true,
        .cert = {.name = "other.test"},
        .cause = CAUSE_CREDENTIAL_UNSAFE},
    {.name = "credentials, untrusted, insecure",
        .steps = TLS_ANSWER(GOOD),
        .credentials = true,
        .insecure = true,
        .cert = {.unknown_authority = true},
        .cause = CAUSE_CREDENTIAL_UNSAFE},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check_row(&rows[i]);
}

static void test_tls_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof tls_rows / sizeof tls_rows[0]; i++) {
        struct row row = tls_rows[i];
        row.tls = true;
        check_row(&row);
    }
}

/* Whatever went wrong before: no descriptor stays open. */
static void test_descriptors(void **state)
{
    (void)state;
    int before = open("/dev/null", O_RDONLY);
    test_rows(state);
    test_tls_rows(state);
    int after = open("/dev/null", O_RDONLY);
    assert_int_equal(after, before + 1);
    close(after);
    close(before);
}

int main(void)
{
    if (!peer_init())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_tls_rows),
        cmocka_unit_test(test_descriptors),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_done();
    return failed;
}
