#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/rpc_script.h"
#include "tests/unit/sample.h"

/* The DCE/RPC client without security, and over TCP. */

static struct rpc_client *opened(struct script *script)
{
    struct rpc_client *client = NULL;
    struct fault fault = {0};
    add(script, "bind_ack", 1);
    if (!open_client(script, NULL, &client, NULL, &fault))
        fail_msg("%s", fault.text);
    return client;
}

/* ---- bind ---- */

static void test_bind_refused(void **state)
{
    (void)state;
    static const struct {
        const char *sample;
        int reason; /* of a bind_nak; -1: as it is */
        enum cause cause;
        long code;
    } cases[] = {
        {"bind_nak-auth-type", 0, CAUSE_RPC_FAULT, 0},
        {"bind_nak-auth-type", 1, CAUSE_SERVER_BUSY, 1},
        {"bind_nak-auth-type", 2, CAUSE_SERVER_BUSY, 2},
        {"bind_nak-auth-type", 3, CAUSE_RPC_FAULT, 3},
        {"bind_nak-auth-type", 4, CAUSE_RPC_FAULT, 4},
        {"bind_nak-auth-type", 5, CAUSE_RPC_FAULT, 5},
        {"bind_nak-auth-type", 6, CAUSE_RPC_FAULT, 6},
        {"bind_nak-auth-type", 7, CAUSE_RPC_FAULT, 7},
        {"bind_nak-auth-type", 8, CAUSE_NO_SCHEME, 8},
        {"bind_nak-auth-type", 9, CAUSE_LOGON_REFUSED, 9},
        {"bind_ack-no-interface", -1, CAUSE_NOT_EXCHANGE, 1},
        {"bind_ack-limit", -1, CAUSE_SERVER_BUSY, 3},
        {"bind_ack-user", -1, CAUSE_ACCESS_DENIED, 0},
        {"bind_ack-other-syntax", -1, CAUSE_MALFORMED, 0},
        {"bind_ack-three", -1, CAUSE_MALFORMED, 0},
        {"fault-denied", -1, CAUSE_ACCESS_DENIED, 5},
        {"response", -1, CAUSE_MALFORMED, 0},
        {"shutdown", -1, CAUSE_CLOSED, 0},
        {"page.html", -1, CAUSE_MALFORMED, 0},
        {"frag-length-0", -1, CAUSE_MALFORMED, 0},
        {"frag-length-65535", -1, CAUSE_MALFORMED, 0},
        {"bind_ack-results-missing", -1, CAUSE_MALFORMED, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct script *script = calloc(1, sizeof *script);
        assert_non_null(script);
        bool framed = strncmp(cases[i].sample, "page", 4) != 0;
        struct answer *answer = add(script, cases[i].sample, framed ? 1 : 0);
        if (cases[i].reason >= 0)
            answer->bytes[16] = (uint8_t)cases[i].reason;
        struct rpc_client *client = NULL;
        struct rpc_seen seen = {0};
        struct fault fault = {0};
        assert_false(open_client(script, NULL, &client, &seen, &fault));
        expect_fault(cases[i].sample, &fault, cases[i].cause, cases[i].code, NULL);
        assert_int_equal(seen.naked, cases[i].reason >= 0);
        if (seen.naked)
            assert_int_equal(seen.nak.reason, cases[i].reason);
        assert_true(script->closed);
        assert_false(seen.proved);
        free(script);
    }
}

/* ---- calls ---- */

static void test_call(void **state)
{
    (void)state;
    struct script *script = calloc(1, sizeof *script);
    assert_non_null(script);
    struct rpc_client *client = opened(script);
    struct arena arena = {0};
    struct rpc_stub answer = {0};
    struct fault fault = {0};
    uint8_t stub[20000] = {0};
    add(script, "response-first", 2);
    add(script, "response-middle", 2);
    add(script, "response-last", 2);
    assert_true(rpc_call(
        client, 7, (struct rpc_stub){stub, sizeof stub}, limit_of(0), &arena, &answer, &fault));
    assert_true(answer.length > 24);
    assert_int_equal(script->sent_count, 1 + 4); /* 20000 in fragments of 5840 */
    assert_int_equal(rpc_client_seen(client)->calls, 1);
    assert_true(rpc_client_seen(client)->acked);

    add(script, "fault-denied", 3);
    assert_false(rpc_call(client, 7, (struct rpc_stub){0}, limit_of(0), &arena, &answer, &fault));
    expect_fault("fault", &fault, CAUSE_ACCESS_DENIED, 5, "the book says 0x5");
    assert_int_equal(rpc_client_seen(client)->status, 5);
    assert_true(rpc_usable(client));

    struct answer *odd = add(script, "fault-denied", 4);
    struct writer writer = writer_of(odd->bytes, ANSWER_SIZE);
    writer.length = odd->length;
    write_le32_at(&writer, 24, 0x000006be);
    assert_false(rpc_call(client, 7, (struct rpc_stub){0}, limit_of(0), &arena, &answer, &fault));
    expect_fault("fault", &fault, CAUSE_RPC_FAULT, 0x6be, NULL);
    assert_int_equal(fault.origin, ORIGIN_RPC);

    add(script, "response", 5);
    assert_true(rpc_call(client, 7, (struct rpc_stub){0}, limit_of(0), &arena, &answer, &fault));
    assert_false(rpc_call(client, 7, (struct rpc_stub){0}, limit_of(0), &arena, &answer, &fault));
    expect_fault("end", &fault, CAUSE_CLOSED, 0, "closed");
    assert_false(rpc_usable(client));
    add(script, "response", 7);
    assert_false(rpc_call(client, 7, (struct rpc_stub){0}, limit_of(0), &arena, &answer, &fault));
    expect_fault("spent", &fault, CAUSE_CLOSED, 0, "failed already");
    assert_non_null(strstr(script->lines, "> bind call 1"));
    assert_non_null(strstr(script->lines, "< bind_ack call 1"));
    assert_non_null(strstr(script->lines, "> request call 2"));
    assert_non_null(strstr(script->lines, "< fault call 3"));
    rpc_close(client);
    assert_true(script->closed);
    arena_done(&arena);
    free(script);
}

static void test_call_broken(void **state)
{
    (void)state;
    static const struct {
        const char *sample;
        bool for_ever;
        enum cause cause;
    } cases[] = {
        {"response-other-call", false, CAUSE_MALFORMED},
        {"response-other-context", false, CAUSE_MALFORMED},
        {"response-middle", false, CAUSE_MALFORMED},
        {"response-first", false, CAUSE_CLOSED},
        {"response-first", true, CAUSE_MALFORMED},
        {"response-middle-empty", false, CAUSE_MALFORMED},
        {"bind_ack", false, CAUSE_MALFORMED},
        {"request", false, CAUSE_MALFORMED},
        {"shutdown", false, CAUSE_CLOSED},
        {"page.html", false, CAUSE_MALFORMED},
        {"frag-length-65535", false, CAUSE_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct script *script = calloc(1, sizeof *script);
        assert_non_null(script);
        struct rpc_client *client = opened(script);
        struct arena arena = {0};
        struct rpc_stub answer = {0};
        struct fault fault = {0};
        add(script, cases[i].sample, 0);
        script->for_ever = cases[i].for_ever;
        assert_false(
            rpc_call(client, 7, (struct rpc_stub){0}, limit_of(0), &arena, &answer, &fault));
        expect_fault(cases[i].sample, &fault, cases[i].cause, 0, NULL);
        assert_false(rpc_usable(client));
        rpc_close(client);
        arena_done(&arena);
        free(script);
    }
}

/* Fragments without an end, and stubs over the cap. */
static void test_call_endless(void **state)
{
    (void)state;
    struct script *script = calloc(1, sizeof *script);
    assert_non_null(script);
    struct rpc_client *client = opened(script);
    struct arena arena = {0};
    struct rpc_stub answer = {0};
    struct fault fault = {0};
    add(script, "response-first", 2);
    add(script, "response-middle", 2);
    script->for_ever = true;
    assert_false(rpc_call(client, 7, (struct rpc_stub){0}, limit_of(0), &arena, &answer, &fault));
    expect_fault("endless", &fault, CAUSE_TOO_LARGE, 0, NULL);
    rpc_close(client);

    memset(script, 0, sizeof *script);
    client = opened(script);
    uint8_t nothing = 0;
    assert_false(rpc_call(client, 7, (struct rpc_stub){&nothing, RPC_STUB_MAX + 1}, limit_of(0),
        &arena, &answer, &fault));
    expect_fault("stub", &fault, CAUSE_TOO_LARGE, 0, NULL);
    assert_true(rpc_usable(client));
    rpc_close(client);
    arena_done(&arena);
    free(script);
}

/* ---- TCP ---- */

static void test_tcp(void **state)
{
    (void)state;
    struct arena arena = {0};
    size_t size = 0;
    const char *ack = sample_read(&arena, "rpc/bind_ack", &size);
    const struct {
        const char *name;
        struct script_step first, second;
        enum cause cause;
    } cases[] = {
        {"good", {.kind = SCRIPT_SEND, .text = ack, .length = size}, {.kind = SCRIPT_SILENT},
            CAUSE_NONE},
        {"drip", {.kind = SCRIPT_DRIP, .text = ack, .length = size, .ms = 1},
            {.kind = SCRIPT_SILENT}, CAUSE_NONE},
        {"closed", {.kind = SCRIPT_FIN}, {.kind = SCRIPT_END}, CAUSE_CLOSED},
        {"cut", {.kind = SCRIPT_SEND, .text = ack, .length = 30}, {.kind = SCRIPT_FIN},
            CAUSE_TRUNCATED},
        {"cut header", {.kind = SCRIPT_SEND, .text = ack, .length = 10}, {.kind = SCRIPT_FIN},
            CAUSE_TRUNCATED},
        {"reset", {.kind = SCRIPT_RESET}, {.kind = SCRIPT_END}, CAUSE_RESET},
        {"silent", {.kind = SCRIPT_SILENT}, {.kind = SCRIPT_END}, CAUSE_TIMEOUT},
        {"half", {.kind = SCRIPT_SEND, .text = ack, .length = 30}, {.kind = SCRIPT_SILENT},
            CAUSE_TIMEOUT},
        {"garbage", {.kind = SCRIPT_SEND, .text = "HTTP"}, {.kind = SCRIPT_SILENT},
            CAUSE_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct script_step steps[] = {
            {.kind = SCRIPT_READ_SOME}, cases[i].first, cases[i].second, {.kind = SCRIPT_END}};
        struct script_server *server = script_start(steps, NULL);
        struct net_address address;
        net_sock sock = NET_SOCK_NONE;
        struct fault fault = {0};
        assert_true(net_address_parse("127.0.0.1", script_port(server), &address));
        assert_true(sock_connect(&address, limit_of(0), &sock, &fault));
        struct rpc_transport transport = rpc_tcp_transport(sock, "dc1");
        struct rpc_options options = {.interface = &rpc_epm};
        struct rpc_client *client = NULL;
        bool ok = rpc_open(&transport, &options,
            limit_of(cases[i].cause == CAUSE_TIMEOUT ? 200 : 0), &client, NULL, &fault);
        assert_int_equal(ok, cases[i].cause == CAUSE_NONE);
        if (!ok)
            expect_fault(cases[i].name, &fault, cases[i].cause, 0, NULL);
        rpc_close(client);
        script_stop(server);
    }
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bind_refused),
        cmocka_unit_test(test_call),
        cmocka_unit_test(test_call_broken),
        cmocka_unit_test(test_call_endless),
        cmocka_unit_test(test_tcp),
    };
    if (!peer_init())
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_done();
    return failed;
}
