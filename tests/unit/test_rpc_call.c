#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/ntlm.h"
#include "net/wire/rpc.h"
#include "tests/unit/sample.h"

#include <string.h>

enum { STUB_SIZE = 20000 };

static const struct rpc_auth ntlm_privacy = {
    .type = RPC_AUTH_NTLM, .level = RPC_LEVEL_PRIVACY, .context_id = 1, .length = 16};
static const struct rpc_auth ntlm_connect = {
    .type = RPC_AUTH_NTLM, .level = RPC_LEVEL_CONNECT, .context_id = 1, .length = 16};

static void fill(uint8_t *stub, size_t length)
{
    for (size_t i = 0; i < length; i++)
        stub[i] = (uint8_t)(i * 7 + i / 256);
}

/* ---- requests ---- */

/* Sends a stub in fragments and reads them again: sizes, flags, hints, padding and content. */
static void check_fragments(
    size_t length, uint16_t fragment_size, const struct rpc_auth *auth, unsigned expected)
{
    uint8_t stub[STUB_SIZE], joined[STUB_SIZE], bytes[RPC_FRAGMENT_SIZE];
    fill(stub, length);
    struct rpc_request request = {.call_id = 3,
        .context_id = 1,
        .opnum = 11,
        .fragment_size = fragment_size,
        .stub = stub,
        .stub_length = length};
    if (auth != NULL)
        request.auth = *auth;
    size_t got = 0;
    bool last = false;
    unsigned count = 0;
    for (; !last; count++) {
        struct writer writer = writer_of(bytes, sizeof bytes);
        assert_true(rpc_request_next(&request, &writer, &last));
        assert_true(writer.length <= fragment_size);
        struct rpc_pdu pdu;
        assert_true(rpc_read(bytes, writer.length, &pdu, NULL));
        assert_int_equal(pdu.type, RPC_REQUEST);
        assert_int_equal(pdu.call_id, 3);
        assert_int_equal(pdu.call.context_id, 1);
        assert_int_equal(pdu.call.opnum, 11);
        assert_int_equal((pdu.flags & RPC_FIRST_FRAGMENT) != 0, count == 0);
        assert_int_equal((pdu.flags & RPC_LAST_FRAGMENT) != 0, last);
        assert_int_equal(pdu.call.alloc_hint, length - got); /* [MS-RPCE] 2.2.2.6 */
        bool trailer = auth != NULL && auth->level > RPC_LEVEL_CONNECT;
        assert_int_equal(pdu.auth.length, trailer ? auth->length : 0);
        if (trailer)
            assert_int_equal((pdu.call.stub_length + pdu.auth.pad) % 16, 0);
        if (!last)
            assert_int_equal(pdu.call.stub_length % 8, 0);
        memcpy(joined + got, pdu.call.stub, pdu.call.stub_length);
        got += pdu.call.stub_length;
    }
    assert_int_equal(got, length);
    assert_memory_equal(joined, stub, length);
    assert_int_equal(count, expected);
}

static void test_fragments(void **state)
{
    (void)state;
    check_fragments(0, 5840, NULL, 1);
    check_fragments(1, 5840, NULL, 1);
    check_fragments(5816, 5840, NULL, 1); /* 5840 − 24 */
    check_fragments(5817, 5840, NULL, 2);
    check_fragments(STUB_SIZE, 1432, NULL, 15);
    check_fragments(0, 5840, &ntlm_privacy, 1);
    check_fragments(37, 5840, &ntlm_privacy, 1);
    check_fragments(5792, 5840, &ntlm_privacy, 1); /* 5840 − 24 − 8 − 16 */
    check_fragments(5793, 5840, &ntlm_privacy, 2);
    check_fragments(STUB_SIZE, 1432, &ntlm_privacy, 15);
    /* CONNECT: no trailer in requests ([MS-RPCE] 3.3.1.5.4). */
    check_fragments(5816, 5840, &ntlm_connect, 1);
    /* A Kerberos signature is longer, and odd. */
    struct rpc_auth kerberos = {
        .type = RPC_AUTH_KERBEROS, .level = RPC_LEVEL_PRIVACY, .context_id = 4, .length = 75};
    check_fragments(STUB_SIZE, 5840, &kerberos, 4);
}

static void test_no_way_to_send(void **state)
{
    (void)state;
    static uint8_t stub[8];
    uint8_t bytes[RPC_FRAGMENT_SIZE];
    bool last = false;
    const struct rpc_request cases[] = {
        {.fragment_size = 80, .stub = stub, .stub_length = sizeof stub},
        {.fragment_size = 0, .stub = stub, .stub_length = sizeof stub},
        {.fragment_size = 5840, .stub = stub, .stub_length = RPC_STUB_MAX + 1},
        {.fragment_size = 5840, .stub = stub, .stub_length = 8, .sent = 9},
        {.fragment_size = 100,
            .stub = stub,
            .stub_length = 8,
            .auth = {.type = RPC_AUTH_NTLM, .level = RPC_LEVEL_PRIVACY, .length = 16}},
        {.fragment_size = 5840, /* a trailer without a token is none */
            .stub = stub,
            .stub_length = 8,
            .auth = {.type = RPC_AUTH_NTLM, .level = RPC_LEVEL_PRIVACY}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rpc_request request = cases[i];
        struct writer writer = writer_of(bytes, sizeof bytes);
        assert_false(rpc_request_next(&request, &writer, &last));
    }
    struct rpc_request request = {.fragment_size = 5840, .stub = stub, .stub_length = 8};
    struct writer writer = writer_of(bytes, 31);
    assert_false(rpc_request_next(&request, &writer, &last));
}

/* ---- protection: [MS-RPCE] 3.3.1.5.2.2, the second and third table ---- */

static void test_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool header_signed;
        struct rpc_range covered, sealed, token;
    } cases[] = {
        /* stub 37 and 11 of padding */
        {"response-sealed", true, {0, 80}, {24, 48}, {80, 16}},
        {"response-sealed", false, {24, 48}, {24, 48}, {80, 16}},
        {"response-signed", true, {0, 64}, {0, 0}, {64, 16}},
        {"response-signed", false, {24, 32}, {0, 0}, {64, 16}},
        {"request-sealed-3", true, {0, 448}, {24, 416}, {448, 16}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena arena = {0};
        size_t length = 0;
        const char *bytes =
            sample_read(&arena, arena_printf(&arena, "rpc/%s", cases[i].name), &length);
        struct rpc_protection protection;
        assert_true(rpc_protection(bytes, length, cases[i].header_signed, &protection, NULL));
        assert_memory_equal(&protection.covered, &cases[i].covered, sizeof(struct rpc_range));
        assert_memory_equal(&protection.sealed, &cases[i].sealed, sizeof(struct rpc_range));
        assert_memory_equal(&protection.token, &cases[i].token, sizeof(struct rpc_range));
        arena_done(&arena);
    }
    struct arena arena = {0};
    size_t length = 0;
    struct fault fault = {0};
    struct rpc_protection protection;
    const char *bytes = sample_read(&arena, "rpc/response", &length);
    assert_false(rpc_protection(bytes, length, true, &protection, &fault));
    assert_string_equal(fault.text, "a response PDU carries no signature");
    bytes = sample_read(&arena, "rpc/bind-ntlm", &length);
    assert_false(rpc_protection(bytes, length, true, &protection, &fault));
    arena_done(&arena);
}

/* The ranges fit what NTLM wants: a sealed request is sealed exactly in its body. */
static void test_sealed_request(void **state)
{
    (void)state;
    static const uint8_t key[16] = {0x55};
    uint8_t stub[100], bytes[256], plain[256];
    fill(stub, sizeof stub);
    struct rpc_request request = {.call_id = 2,
        .fragment_size = 5840,
        .auth = ntlm_privacy,
        .stub = stub,
        .stub_length = sizeof stub};
    struct writer writer = writer_of(bytes, sizeof bytes);
    bool last = false;
    assert_true(rpc_request_next(&request, &writer, &last));
    memcpy(plain, bytes, sizeof plain);
    struct rpc_protection p;
    assert_true(rpc_protection(bytes, writer.length, true, &p, NULL));
    struct ntlm_keys *keys = NULL;
    struct fault fault = {0};
    assert_true(ntlm_keys_new(key, &keys, &fault));
    assert_true(ntlm_seal(keys, bytes + p.covered.at, p.covered.length, bytes + p.sealed.at,
        p.sealed.length, bytes + p.token.at));
    ntlm_keys_free(keys);
    assert_memory_equal(bytes, plain, 24);
    assert_memory_not_equal(bytes + 24, plain + 24, 112);
    assert_memory_equal(bytes + 136, plain + 136, 8);
    assert_int_equal(bytes[144], 1); /* the version of an NTLM signature */
    assert_int_equal(writer.length, 160);
    struct rpc_pdu pdu;
    assert_true(rpc_read(bytes, writer.length, &pdu, NULL)); /* still a request of that shape */
    assert_int_equal(pdu.call.stub_length, sizeof stub);
}

/* ---- responses ---- */

static bool add(struct rpc_assembly *assembly, const char *name, bool *whole, struct fault *fault)
{
    struct arena arena = {0};
    size_t length = 0;
    const char *bytes = sample_read(&arena, arena_printf(&arena, "rpc/%s", name), &length);
    struct rpc_pdu pdu;
    bool ok =
        rpc_read(bytes, length, &pdu, fault) && rpc_assembly_add(assembly, &pdu, whole, fault);
    arena_done(&arena);
    return ok;
}

static void test_assembly(void **state)
{
    (void)state;
    struct rpc_assembly assembly;
    bool whole = false;
    rpc_assembly_init(&assembly, 2, 0, NULL);
    assert_true(add(&assembly, "response-first", &whole, NULL) && !whole);
    assert_true(add(&assembly, "response-middle", &whole, NULL) && !whole);
    assert_true(add(&assembly, "response-last", &whole, NULL) && whole);
    assert_int_equal(assembly.length, 133);
    assert_memory_equal(assembly.stub, "AAAA", 4);
    assert_memory_equal(assembly.stub + 63, "ABB", 3);
    assert_memory_equal(assembly.stub + 127, "BCCCCC", 6);
    rpc_assembly_done(&assembly);
    rpc_assembly_init(&assembly, 2, 0, NULL);
    assert_true(add(&assembly, "response-empty", &whole, NULL) && whole);
    assert_int_equal(assembly.length, 0);
    rpc_assembly_done(&assembly);
    rpc_assembly_init(&assembly, 2, 0, &ntlm_privacy);
    assert_true(add(&assembly, "response-sealed", &whole, NULL) && whole);
    assert_int_equal(assembly.length, 37);
    rpc_assembly_done(&assembly);
}

static void test_out_of_order(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second, *words;
        const struct rpc_auth *auth;
    } cases[] = {
        {NULL, "response-middle", "without its beginning", NULL},
        {NULL, "response-last", "without its beginning", NULL},
        {"response-first", "response-first", "a second time", NULL},
        {"response-first", "response", "a second time", NULL},
        {"response-first", "response-middle-empty", "empty fragment", NULL},
        {"response-first", "fault-denied", "a fault PDU came", NULL},
        {"response", "response-middle", "a response PDU came", NULL},
        {NULL, "bind_ack", "a bind_ack PDU came", NULL},
        {NULL, "response-other-call", "for call 9", NULL},
        {NULL, "response-other-context", "in context 7", NULL},
        {NULL, "response", "protected by none at level default, NTLM at level privacy was agreed",
            &ntlm_privacy},
        {NULL, "response-signed", "at level integrity", &ntlm_privacy},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rpc_assembly assembly;
        struct fault fault = {0};
        bool whole = false;
        rpc_assembly_init(&assembly, 2, 0, cases[i].auth);
        if (cases[i].first != NULL)
            assert_true(add(&assembly, cases[i].first, &whole, &fault));
        assert_false(add(&assembly, cases[i].second, &whole, &fault));
        assert_int_equal(fault.cause, CAUSE_MALFORMED);
        if (strstr(fault.text, cases[i].words) == NULL)
            fail_msg("%zu: %s", i, fault.text);
        rpc_assembly_done(&assembly);
    }
}

/* A server that never sends its last fragment ends at the cap, however small the fragments are. */
static void test_endless(void **state)
{
    (void)state;
    static uint8_t stub[5816];
    static const struct {
        size_t piece;
        unsigned fragments;
        const char *words;
    } cases[] = {{5816, 721, "over 4 MiB"}, {1, 8192, "no end after 8192 fragments"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rpc_assembly assembly;
        struct fault fault = {0};
        bool whole = false;
        rpc_assembly_init(&assembly, 2, 0, NULL);
        struct rpc_pdu pdu = {.type = RPC_RESPONSE,
            .flags = RPC_FIRST_FRAGMENT,
            .call_id = 2,
            .call = {.stub = stub, .stub_length = cases[i].piece}};
        unsigned count = 0;
        while (rpc_assembly_add(&assembly, &pdu, &whole, &fault)) {
            pdu.flags = 0;
            count++;
            assert_false(whole);
        }
        assert_int_equal(count, cases[i].fragments);
        assert_int_equal(fault.cause, CAUSE_TOO_LARGE);
        assert_non_null(strstr(fault.text, cases[i].words));
        assert_true(assembly.size <= 2 * RPC_STUB_MAX);
        rpc_assembly_done(&assembly);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_no_way_to_send),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_sealed_request),
        cmocka_unit_test(test_assembly),
        cmocka_unit_test(test_out_of_order),
        cmocka_unit_test(test_endless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
