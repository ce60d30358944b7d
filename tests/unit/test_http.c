#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/http.h"
#include "tests/unit/script_server.h"

/* HTTP against servers that follow scripts: each row is one way in which an exchange goes, and the
 * cause that must come of it. */

#define HEAD_200 "HTTP/1.1 200 OK\r\n"
#define GOOD     HEAD_200 "Content-Length: 5\r\n\r\nhello"
#define TEN      "0123456789"
#define HUNDRED  TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define THOUSAND HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED

static struct tls_trust *trust;

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

static struct net_limit limit_of(int ms)
{
    return (struct net_limit){.deadline = deadline_in_ms(ms == 0 ? 3000 : ms), .cancel_fd = -1};
}

static struct http_conn *connect_to(
    const struct script_server *server, bool tls, bool insecure, const char *host)
{
    struct net_address address;
    net_sock sock = NET_SOCK_NONE;
    struct fault fault = {0};
    struct http_conn *conn = NULL;
    assert_true(net_address_parse("127.0.0.1", script_port(server), &address));
    assert_true(sock_connect(&address, limit_of(0), &sock, &fault));
    struct http_origin origin = {.tls = tls, .host = host, .port = script_port(server)};
    assert_true(http_open(&origin, sock, trust, insecure, &conn, &fault));
    return conn;
}

static const struct http_request plain_get = {.method = "GET", .target = "/x?y=1"};

static void expect_fault(
    const char *name, const struct fault *fault, enum cause cause, long code, const char *text)
{
    if (fault->cause != cause || (code != 0 && fault->code != code) ||
        (text != NULL && strstr(fault->text, text) == NULL))
        fail_msg("%s: %s/%s/%ld \"%s\" in place of %s", name, cause_str(fault->cause),
            origin_str(fault->origin), fault->code, fault->text, cause_str(cause));
}

static void check_row(const struct row *row)
{
    struct script_server *server = script_start(row->steps, &row->cert);
    struct http_conn *conn = connect_to(server, row->tls, row->insecure, "server.test");
    struct http_request request = plain_get;
    struct http_response response;
    struct fault fault = {0};
    request.credentials = row->credentials;
    request.body_max = 4000;
    struct fault none;
    struct net_limit pause = {.deadline = deadline_in_ms(row->pause_ms), .cancel_fd = -1};
    (void)sock_wait(NET_SOCK_NONE, SOCK_READABLE, pause, &none);
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

/* ---- one connection, several requests ---------------------------------------------------------
 */

static void exchange(struct http_conn *conn, const struct http_request *request)
{
    struct http_response response;
    struct fault fault = {0};
    if (!http_exchange(conn, request, limit_of(0), &response, &fault))
        fail_msg("%s: %s", cause_str(fault.cause), fault.text);
    assert_int_equal(response.status, 200);
    assert_string_equal(response.body, "hello");
    assert_string_equal(response.reason, "OK");
    assert_int_equal(response.length, 5);
    assert_true(response.first_byte_us > 0 && response.first_byte_us <= response.elapsed_us);
    http_response_done(&response);
}

static void test_same_connection(void **state)
{
    (void)state;
    static const struct script_step steps[] = {{.kind = SCRIPT_TLS}, {.kind = SCRIPT_READ_HEAD},
        {.kind = SCRIPT_SEND, .text = GOOD}, {.kind = SCRIPT_READ_HEAD},
        {.kind = SCRIPT_SEND, .text = GOOD}, {.kind = SCRIPT_READ_HEAD},
        {.kind = SCRIPT_SEND, .text = GOOD}, {.kind = SCRIPT_SILENT}};
    const struct script_cert cert = {0};
    struct script_server *server = script_start(steps, &cert);
    struct http_conn *conn = connect_to(server, true, false, "server.test");
    assert_false(http_tls(conn)->done);
    for (int i = 0; i < 3; i++) {
        exchange(conn, &plain_get);
        assert_true(http_usable(conn));
    }
    const struct tls_seen *seen = http_tls(conn);
    assert_true(seen->done);
    assert_string_equal(seen->version, "TLSv1.3");
    assert_int_equal(seen->chain_count, 1);
    assert_int_equal(seen->error_count, 0);
    assert_string_equal(seen->names[0], "server.test");
    assert_string_equal(seen->chain[0].key, "EC prime256v1");
    assert_string_equal(seen->chain[0].issuer, "CN=Script Authority");
    assert_int_equal(seen->end_point_length, 32);
    assert_int_equal(script_connections(server), 1);
    char got[4096];
    script_received(server, got, sizeof got);
    assert_non_null(strstr(got, "GET /x?y=1 HTTP/1.1\r\n"));
    http_close(conn);
    script_stop(server);
}

/* Closed between two requests: a fault, never a silent second connection. */
static void test_closed_between(void **state)
{
    (void)state;
    static const struct script_step closing[] = {
        {.kind = SCRIPT_READ_HEAD}, {.kind = SCRIPT_SEND, .text = GOOD}, {.kind = SCRIPT_FIN}};
    static const struct script_step resetting[] = {{.kind = SCRIPT_READ_HEAD},
        {.kind = SCRIPT_SEND, .text = GOOD}, {.kind = SCRIPT_SLEEP, .ms = 20},
        {.kind = SCRIPT_RESET}};
    static const struct script_step late[] = {{.kind = SCRIPT_READ_HEAD},
        {.kind = SCRIPT_SEND, .text = GOOD}, {.kind = SCRIPT_READ_HEAD}, {.kind = SCRIPT_FIN}};
    const struct {
        const struct script_step *steps;
        enum cause cause;
        int wait_ms;
    } cases[] = {
        {closing, CAUSE_CLOSED, 60}, {resetting, CAUSE_RESET, 60}, {late, CAUSE_CLOSED, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct script_server *server = script_start(cases[i].steps, NULL);
        struct http_conn *conn = connect_to(server, false, false, "server.test");
        struct http_response response;
        struct fault fault = {0};
        exchange(conn, &plain_get);
        struct fault none;
        struct net_limit pause = {.deadline = deadline_in_ms(cases[i].wait_ms), .cancel_fd = -1};
        (void)sock_wait(NET_SOCK_NONE, SOCK_READABLE, pause, &none);
        assert_false(http_exchange(conn, &plain_get, limit_of(0), &response, &fault));
        expect_fault("closed between", &fault, cases[i].cause, 0, "server.test");
        assert_false(http_usable(conn));
        assert_false(http_exchange(conn, &plain_get, limit_of(0), &response, &fault));
        expect_fault("used after", &fault, CAUSE_CLOSED, 0, "closed already");
        assert_int_equal(script_connections(server), 1);
        http_close(conn);
        script_stop(server);
    }
}

/* A refusal on a connection that was judged before costs nothing: the next request goes through. */
static void test_refusal_keeps_connection(void **state)
{
    (void)state;
    static const struct script_step steps[] = {{.kind = SCRIPT_TLS}, {.kind = SCRIPT_READ_HEAD},
        {.kind = SCRIPT_SEND, .text = GOOD}, {.kind = SCRIPT_READ_HEAD},
        {.kind = SCRIPT_SEND, .text = GOOD}, {.kind = SCRIPT_SILENT}};
    const struct script_cert cert = {.name = "other.test"};
    struct script_server *server = script_start(steps, &cert);
    struct http_conn *conn = connect_to(server, true, true, "server.test");
    struct fault fault = {0};
    exchange(conn, &plain_get);
    const struct http_header secret = {"Authorization", "Basic c2VjcmV0"};
    struct http_request request = plain_get;
    request.headers = &secret;
    request.header_count = 1;
    request.credentials = true;
    assert_false(http_begin(conn, &request, limit_of(0), &fault));
    expect_fault("refusal", &fault, CAUSE_CREDENTIAL_UNSAFE, 0, NULL);
    assert_true(http_usable(conn));
    exchange(conn, &plain_get);
    char got[4096];
    script_received(server, got, sizeof got);
    assert_null(strstr(got, "c2VjcmV0"));
    http_close(conn);
    script_stop(server);
}

/* The answer says that it is the last one. */
static void test_closes(void **state)
{
    (void)state;
    static const struct script_step steps[] = {{.kind = SCRIPT_READ_HEAD},
        {.kind = SCRIPT_SEND,
            .text = HEAD_200 "Connection: close\r\nContent-Length: 0\r\nX-One: a\r\nx-one: b\r\n"
                             "X-Empty:\r\n\r\n"},
        {.kind = SCRIPT_SILENT}};
    struct script_server *server = script_start(steps, NULL);
    struct http_conn *conn = connect_to(server, false, false, "server.test");
    struct http_response response;
    struct fault fault = {0};
    assert_true(http_exchange(conn, &plain_get, limit_of(0), &response, &fault));
    assert_true(response.closes);
    assert_false(http_usable(conn));
    assert_string_equal(http_header(&response, "x-ONE"), "a");
    assert_string_equal(http_header_nth(&response, "X-One", 1), "b");
    assert_null(http_header_nth(&response, "X-One", 2));
    assert_string_equal(http_header(&response, "X-Empty"), "");
    assert_null(http_header(&response, "X-None"));
    assert_string_equal(response.body, "");
    http_response_done(&response);
    http_close(conn);
    script_stop(server);
}

/* ---- what is sent -----------------------------------------------------------------------------
 */

struct traced {
    char text[8192];
    size_t length;
};

static void trace_into(void *context, char direction, const char *line)
{
    struct traced *traced = context;
    int put = snprintf(traced->text + traced->length, sizeof traced->text - traced->length,
        "%c %s\n", direction, line);
    traced->length += (size_t)put;
}

static void test_request_and_trace(void **state)
{
    (void)state;
    static const struct script_step steps[] = {{.kind = SCRIPT_TLS}, {.kind = SCRIPT_READ_HEAD},
        {.kind = SCRIPT_READ_SOME},
        {.kind = SCRIPT_SEND,
            .text = HEAD_200 "Set-Cookie: session=TOPSECRET\r\n TOPSECRET folded\r\n"
                             "WWW-Authenticate: Negotiate\r\nContent-Length: 5\r\n\r\nhello"},
        {.kind = SCRIPT_SILENT}};
    const struct script_cert cert = {0};
    struct script_server *server = script_start(steps, &cert);
    struct http_conn *conn = connect_to(server, true, false, "server.test");
    struct traced traced = {.length = 0};
    http_set_trace(conn, trace_into, &traced);
    const struct http_header headers[] = {{"Authorization", "NTLM TOPSECRET0123456"},
        {"Cookie", "a=TOPSECRET"}, {"X-Empty", ""}, {"proxy-authorization", "TOPSECRET"},
        {"Content-Type", "text/xml"}};
    const struct http_request request = {.method = "POST",
        .target = "/EWS/Exchange.asmx",
        .headers = headers,
        .header_count = 5,
        .body = "TOPSECRET\0body",
        .body_length = 14,
        .credentials = true};
    exchange(conn, &request);
    char got[4096];
    size_t length = script_received(server, got, sizeof got);
    assert_memory_equal(got + length - 14, "TOPSECRET\0body", 14);
    assert_non_null(strstr(got, "POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: server.test"));
    assert_non_null(strstr(got, "Authorization: NTLM TOPSECRET0123456\r\n"));
    assert_non_null(strstr(got, "X-Empty:\r\n"));
    assert_non_null(strstr(got, "Content-Length: 14\r\n"));
    assert_non_null(strstr(got, "Content-Type: text/xml\r\n"));
    assert_null(strstr(got, "Expect:"));
    assert_null(strstr(got, "x-www-form"));
    http_close(conn);
    script_stop(server);
    assert_null(strstr(traced.text, "TOPSECRET"));
    assert_non_null(strstr(traced.text, "> POST /EWS/Exchange.asmx HTTP/1.1\n"));
    assert_non_null(strstr(traced.text, "> Authorization: NTLM <hidden 16 bytes>\n"));
    assert_non_null(strstr(traced.text, "> Cookie: <hidden 11 bytes>\n"));
    assert_non_null(strstr(traced.text, "> proxy-authorization: <hidden 9 bytes>\n"));
    assert_non_null(strstr(traced.text, "> {14 bytes of body}\n"));
    assert_non_null(strstr(traced.text, "< HTTP/1.1 200 OK\n"));
    assert_non_null(strstr(traced.text, "< Set-Cookie: <hidden "));
    assert_non_null(strstr(traced.text, "< WWW-Authenticate: Negotiate\n"));
    assert_non_null(strstr(traced.text, "< {5 bytes of body}\n"));
    assert_non_null(strstr(traced.text, "* TLSv1.3"));
}

static void test_empty_post(void **state)
{
    (void)state;
    static const struct script_step steps[] = {{.kind = SCRIPT_READ_HEAD},
        {.kind = SCRIPT_SEND, .text = GOOD}, {.kind = SCRIPT_READ_HEAD},
        {.kind = SCRIPT_SEND, .text = GOOD}, {.kind = SCRIPT_READ_HEAD},
        {.kind = SCRIPT_SEND, .text = HEAD_200 "Content-Length: 5\r\n\r\n"},
        {.kind = SCRIPT_SILENT}};
    struct script_server *server = script_start(steps, NULL);
    struct http_conn *conn = connect_to(server, false, false, "server.test");
    struct http_request request = {.method = "POST", .target = "/"};
    exchange(conn, &request);
    request = (struct http_request){.method = "RPC_IN_DATA", .target = "/", .body = ""};
    exchange(conn, &request);
    char got[4096];
    script_received(server, got, sizeof got);
    assert_non_null(strstr(got, "POST / HTTP/1.1\r\n"));
    const char *second = strstr(got, "RPC_IN_DATA / HTTP/1.1\r\n");
    assert_non_null(second);
    assert_non_null(strstr(got, "Content-Length: 0\r\n"));
    assert_non_null(strstr(second, "Content-Length: 0\r\n"));
    request = (struct http_request){.method = "HEAD", .target = "/"};
    struct http_response response;
    struct fault fault = {0};
    assert_true(http_exchange(conn, &request, limit_of(0), &response, &fault));
    assert_int_equal(response.length, 0);
    assert_true(http_usable(conn));
    http_response_done(&response);
    http_close(conn);
    script_stop(server);
}

static void test_no_smuggling(void **state)
{
    (void)state;
    static const struct script_step steps[] = {{.kind = SCRIPT_SILENT}};
    const struct http_header bad_headers[] = {
        {"X", "a\r\nY: b"}, {"X\r\nY", "b"}, {"", "x"}, {"X: y", "z"}, {"X;", "z"}, {"X", "a\nb"}};
    const char *const bad_targets[] = {"x", "/a b", "/a\r\nX: y", "http://other.test/", ""};
    struct script_server *server = script_start(steps, NULL);
    struct http_conn *conn = connect_to(server, false, false, "server.test");
    struct fault fault = {0};
    for (size_t i = 0; i < sizeof bad_headers / sizeof bad_headers[0]; i++) {
        struct http_request request = plain_get;
        request.headers = &bad_headers[i];
        request.header_count = 1;
        assert_false(http_begin(conn, &request, limit_of(0), &fault));
        assert_int_equal(fault.cause, CAUSE_INTERNAL);
    }
    for (size_t i = 0; i < sizeof bad_targets / sizeof bad_targets[0]; i++) {
        struct http_request request = plain_get;
        request.target = bad_targets[i];
        assert_false(http_begin(conn, &request, limit_of(0), &fault));
        assert_int_equal(fault.cause, CAUSE_MALFORMED);
    }
    assert_true(http_usable(conn));
    http_close(conn);
    char got[16];
    script_stop(server);
    (void)got;
}

/* ---- ends from our side -----------------------------------------------------------------------
 */

static void test_cancel(void **state)
{
    (void)state;
    static const struct script_step steps[] = {{.kind = SCRIPT_SILENT}};
    const struct script_cert cert = {0};
    for (int tls = 0; tls < 2; tls++) {
        struct script_server *server = script_start(steps, &cert);
        struct http_conn *conn = connect_to(server, tls == 1, false, "server.test");
        struct http_response response;
        struct fault fault = {0};
        int fd = -1;
        assert_true(wake_open(&fd, &fault));
        wake_raise(fd);
        struct net_limit limit = limit_of(2000);
        limit.cancel_fd = fd;
        int64_t begun = clock_monotonic_us();
        assert_false(http_exchange(conn, &plain_get, limit, &response, &fault));
        assert_true(clock_monotonic_us() - begun < 50000);
        assert_int_equal(fault.cause, CAUSE_INTERRUPTED);
        assert_false(http_usable(conn));
        http_close(conn);
        wake_close(fd);
        script_stop(server);
    }
}

int main(void)
{
    struct fault fault;
    if (!http_global_init(&fault) || !tls_trust_new(script_authority_file(), &trust, &fault))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_tls_rows),
        cmocka_unit_test(test_same_connection),
        cmocka_unit_test(test_closed_between),
        cmocka_unit_test(test_refusal_keeps_connection),
        cmocka_unit_test(test_closes),
        cmocka_unit_test(test_request_and_trace),
        cmocka_unit_test(test_empty_post),
        cmocka_unit_test(test_no_smuggling),
        cmocka_unit_test(test_cancel),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tls_trust_free(trust);
    script_done();
    http_global_done();
    return failed;
}
