#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/http_peer.h"

/* HTTP on one connection: several requests, what is sent, and ends from our side. */

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
        pause_ms(cases[i].wait_ms);
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
    script_stop(server);
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

/* ---- what had come of an answer that failed ---------------------------------------------------
 */

static void test_partial(void **state)
{
    (void)state;
    static const struct {
        const char *sent;
        bool partial;
        const char *body;
    } table[] = {
        {HEAD_200 "X-A: b\r\nContent-Length: 100\r\n\r\nPENDING\r\n", true, "PENDING\r\n"},
        {HEAD_200 "Content-Length: 100\r\n\r\n", true, ""},
        {HEAD_200 "Content-Length: 100\r\n", false, ""},
        {"HTTP/1.1 100 Continue\r\n\r\n", false, ""},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct script_step steps[] = {{.kind = SCRIPT_READ_HEAD},
            {.kind = SCRIPT_SEND, .text = table[i].sent}, {.kind = SCRIPT_SILENT}};
        struct script_server *server = script_start(steps, NULL);
        struct http_conn *conn = connect_to(server, false, false, "127.0.0.1");
        struct http_response response;
        struct fault fault = {0};
        assert_false(http_partial(conn, &response));
        assert_false(http_exchange(conn, &plain_get, limit_of(100), &response, &fault));
        assert_int_equal(fault.cause, CAUSE_TIMEOUT);
        assert_int_equal(http_partial(conn, &response), table[i].partial);
        if (table[i].partial) {
            assert_int_equal(response.status, 200);
            assert_string_equal(response.body, table[i].body);
            assert_int_equal(response.length, strlen(table[i].body));
            assert_string_equal(http_header(&response, "Content-Length"), "100");
            http_response_done(&response);
        }
        assert_false(http_partial(conn, &response)); /* once */
        http_close(conn);
        script_stop(server);
    }
}

/* More headers than are kept: what says where the body ends still counts. */
static void test_late_length(void **state)
{
    (void)state;
    struct arena arena = {0};
    const char *pads = "";
    for (int i = 0; i < HTTP_HEADERS_MAX + 50; i++)
        pads = arena_printf(&arena, "%sX-Pad: %d\r\n", pads, i);
    const char *good = arena_printf(&arena, HEAD_200 "%sContent-Length: 5\r\n\r\nhello", pads);
    const char *bad = arena_printf(
        &arena, HEAD_200 "Content-Length: 5\r\n%sContent-Length: 6\r\n\r\nhello", pads);
    const struct script_step steps[] = {{.kind = SCRIPT_TLS}, {.kind = SCRIPT_READ_HEAD},
        {.kind = SCRIPT_SEND, .text = good}, {.kind = SCRIPT_READ_HEAD},
        {.kind = SCRIPT_SEND, .text = bad}, {.kind = SCRIPT_SILENT}};
    const struct script_cert cert = {0};
    struct script_server *server = script_start(steps, &cert);
    struct http_conn *conn = connect_to(server, true, false, "server.test");
    struct http_response response;
    struct fault fault = {0};
    exchange(conn, &plain_get);
    assert_false(http_exchange(conn, &plain_get, limit_of(0), &response, &fault));
    expect_fault("two lengths", &fault, CAUSE_MALFORMED, 0, "length");
    http_close(conn);
    script_stop(server);
    arena_done(&arena);
}

int main(void)
{
    if (!peer_init())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_connection),
        cmocka_unit_test(test_closed_between),
        cmocka_unit_test(test_refusal_keeps_connection),
        cmocka_unit_test(test_closes),
        cmocka_unit_test(test_request_and_trace),
        cmocka_unit_test(test_empty_post),
        cmocka_unit_test(test_no_smuggling),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_partial),
        cmocka_unit_test(test_late_length),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_done();
    return failed;
}
