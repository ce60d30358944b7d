#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/wire/ntlm_crypto.h"
#include "tests/unit/rpc_script.h"
#include "tests/unit/sample.h"

/* The DCE/RPC client with NTLM, against a server that has the session key. */

static struct secret *secret;

static struct secctx *ntlm_context(void)
{
    static const struct sec_target target = {
        .service = "exchangeAB", .host = "ex1", .flags = SEC_DCE | SEC_SIGN | SEC_SEAL};
    struct sec_account account = {.user = "svc", .domain = "CONTOSO", .secret = secret};
    struct secctx *context = NULL;
    struct fault fault = {0};
    if (!secctx_new(SEC_NTLM, &target, &account, &context, &fault))
        fail_msg("%s", fault.text);
    return context;
}

static void append_trailer(struct answer *answer, uint8_t pad, const void *token, size_t length)
{
    struct writer writer = writer_of(answer->bytes, ANSWER_SIZE);
    writer.length = answer->length;
    write_zeros(&writer, pad);
    write_u8(&writer, RPC_AUTH_NTLM);
    write_u8(&writer, RPC_LEVEL_PRIVACY);
    write_u8(&writer, pad);
    write_u8(&writer, 0);
    write_le32(&writer, 1);
    if (token != NULL)
        write_bytes(&writer, token, length);
    else
        write_zeros(&writer, length);
    write_le16_at(&writer, 8, (uint16_t)writer.length);
    write_le16_at(&writer, 10, (uint16_t)length);
    answer->length = writer.length;
}

static void add_challenge(struct script *script)
{
    struct arena arena = {0};
    size_t length = 0;
    const char *challenge = sample_read(&arena, "ntlm_challenge/server-2019", &length);
    struct answer *ack = add(script, "bind_ack", 1);
    ack->bytes[3] |= RPC_HEADER_SIGN;
    append_trailer(ack, 0, challenge, length);
    arena_done(&arena);
}

/* The server's half of [MS-NLMP] 3.4, written here a second time: keys from the session key, the
 * checksum over all before the token, the stub and its padding sealed. */
static void seal_answer(struct script *script, struct answer *answer, uint32_t sequence)
{
    const uint8_t *key = NULL;
    size_t key_length = 0;
    uint8_t sign[16], seal[16], mac[16], count[4];
    assert_true(secctx_session_key(script->context, &key, &key_length));
    assert_int_equal(key_length, 16);
    assert_true(ntlm_derive_key(key, NTLM_SERVER_SIGN, sign) &&
                ntlm_derive_key(key, NTLM_SERVER_SEAL, seal));
    struct rc4 *stream = rc4_new(seal);
    assert_non_null(stream);
    assert_int_equal(sequence, 0);
    struct writer writer = writer_of(count, sizeof count);
    write_le32(&writer, sequence);
    size_t token_at = answer->length - 16;
    const struct piece pieces[] = {{count, sizeof count}, {answer->bytes, token_at}};
    assert_true(hmac_md5(sign, pieces, 2, mac));
    assert_true(rc4_apply(stream, &answer->bytes[24], token_at - RPC_TRAILER_SIZE - 24));
    assert_true(rc4_apply(stream, mac, 8));
    writer = writer_of(&answer->bytes[token_at], 16);
    write_le32(&writer, 1);
    write_bytes(&writer, mac, 8);
    write_le32(&writer, sequence);
    rc4_free(stream);
}

enum spoil { NOT, SIGNATURE, BYTE, HEADER, TRAILER_GONE, LEVEL };

static enum spoil spoil_as;

/* The request is sealed: the answer to it is due. */
static void answer_sealed(struct script *script)
{
    if (script->last[2] != RPC_REQUEST)
        return;
    struct answer *answer = add(script, "response", 2);
    size_t stub = answer->length - 24;
    if (spoil_as == TRAILER_GONE)
        return;
    append_trailer(answer, (uint8_t)((16 - stub % 16) % 16), NULL, 16);
    seal_answer(script, answer, 0);
    if (spoil_as == SIGNATURE)
        answer->bytes[answer->length - 6] ^= 1;
    if (spoil_as == BYTE)
        answer->bytes[24] ^= 1;
    if (spoil_as == HEADER)
        answer->bytes[16] ^= 1; /* alloc_hint: signed, not sealed */
    if (spoil_as == LEVEL)
        answer->bytes[answer->length - 16 - RPC_TRAILER_SIZE + 1] = RPC_LEVEL_CONNECT;
}

static void test_ntlm(void **state)
{
    (void)state;
    static const struct {
        enum spoil spoil;
        enum cause cause;
    } cases[] = {{NOT, CAUSE_NONE}, {SIGNATURE, CAUSE_MALFORMED}, {BYTE, CAUSE_MALFORMED},
        {HEADER, CAUSE_MALFORMED}, {TRAILER_GONE, CAUSE_MALFORMED}, {LEVEL, CAUSE_MALFORMED}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct script *script = calloc(1, sizeof *script);
        assert_non_null(script);
        spoil_as = cases[i].spoil;
        script->context = ntlm_context();
        script->on_send = answer_sealed;
        const struct rpc_security security = {RPC_AUTH_NTLM, RPC_LEVEL_PRIVACY, script->context};
        struct rpc_client *client = NULL;
        struct rpc_seen seen = {0};
        struct arena arena = {0};
        struct rpc_stub answer = {0};
        struct fault fault = {0};
        const uint8_t *key = NULL;
        size_t key_length = 0;
        add_challenge(script);
        assert_false(secctx_session_key(script->context, &key, &key_length));
        assert_int_equal(secctx_signature_size(script->context, true), 0);
        if (!open_client(script, &security, &client, &seen, &fault))
            fail_msg("%s", fault.text);
        assert_true(seen.proved && seen.header_signed);
        assert_int_equal(secctx_signature_size(script->context, true), 16);
        assert_int_equal(script->sent[1], RPC_AUTH3);
        static const uint8_t stub[] = "a stub in the clear";
        bool ok = rpc_call(
            client, 7, (struct rpc_stub){stub, sizeof stub}, limit_of(0), &arena, &answer, &fault);
        assert_int_equal(ok, cases[i].cause == CAUSE_NONE);
        if (!ok)
            expect_fault("spoiled", &fault, cases[i].cause, 0, NULL);
        else
            assert_memory_equal(answer.bytes, "abcdefgh", 8);
        assert_null(strstr((const char *)&script->last[24], "stub"));
        rpc_close(client);
        secctx_free(script->context);
        arena_done(&arena);
        free(script);
    }
}

static void test_ntlm_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t status;
        enum cause cause;
    } cases[] = {{0x5, CAUSE_ACCESS_DENIED}, {0x721, CAUSE_LOGON_REFUSED},
        {0x1c01000b, CAUSE_LOGON_REFUSED}, {0x1c010002, CAUSE_NOT_EXCHANGE}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct script *script = calloc(1, sizeof *script);
        assert_non_null(script);
        script->context = ntlm_context();
        const struct rpc_security security = {RPC_AUTH_NTLM, RPC_LEVEL_CONNECT, script->context};
        struct rpc_client *client = NULL;
        struct arena arena = {0};
        struct rpc_stub answer = {0};
        struct fault fault = {0};
        add_challenge(script);
        if (!open_client(script, &security, &client, NULL, &fault))
            fail_msg("%s", fault.text);
        struct answer *refusal = add(script, "fault-denied", 2);
        struct writer writer = writer_of(refusal->bytes, ANSWER_SIZE);
        writer.length = refusal->length;
        write_le32_at(&writer, 24, cases[i].status);
        assert_false(
            rpc_call(client, 7, (struct rpc_stub){0}, limit_of(0), &arena, &answer, &fault));
        expect_fault("refused", &fault, cases[i].cause, (long)cases[i].status, NULL);
        rpc_close(client);
        secctx_free(script->context);
        arena_done(&arena);
        free(script);
    }
    /* A bind_ack without a token of its own. */
    struct script *script = calloc(1, sizeof *script);
    assert_non_null(script);
    script->context = ntlm_context();
    const struct rpc_security security = {RPC_AUTH_NTLM, RPC_LEVEL_CONNECT, script->context};
    struct rpc_client *client = NULL;
    struct rpc_seen seen = {0};
    struct fault fault = {0};
    add(script, "bind_ack", 1);
    assert_false(open_client(script, &security, &client, &seen, &fault));
    expect_fault("no token", &fault, CAUSE_MALFORMED, 0, "without one of its own");
    assert_false(seen.proved);
    secctx_free(script->context);
    free(script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ntlm),
        cmocka_unit_test(test_ntlm_refused),
    };
    struct fault fault;
    if (!secret_new("Password", 8, &secret, &fault))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    secret_free(secret);
    return failed;
}
