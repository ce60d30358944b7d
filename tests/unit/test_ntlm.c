#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/ntlm.h"
#include "net/wire/ntlm_crypto.h"
#include "net/wire/reader.h"
#include "tests/unit/sample.h"

#include <string.h>

/* [MS-NLMP] 4.2.1 and 4.2.4: the specification's own numbers. */
static const char password[] = "Password";
static const uint8_t server_nonce[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
static const uint8_t session_key[] = {
    0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55};
static const uint8_t client_nonce[] = {0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa};
static const uint8_t nt_hash[] = {
    0xa4, 0xf4, 0x9c, 0x40, 0x65, 0x10, 0xbd, 0xca, 0xb6, 0x82, 0x4e, 0xe7, 0xc3, 0x0f, 0xd8, 0x52};
static const uint8_t owf_v2[] = {
    0x0c, 0x86, 0x8a, 0x40, 0x3b, 0xfd, 0x7a, 0x93, 0xa3, 0x00, 0x1e, 0xf2, 0x2e, 0xf0, 0x2e, 0x3f};
/* 4.2.4.1.3 */
static const uint8_t temp[] = {0x01, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0x00, 0x00, 0x00,
    0x00, 0x02, 0x00, 0x0c, 0x00, 0x44, 0x00, 0x6f, 0x00, 0x6d, 0x00, 0x61, 0x00, 0x69, 0x00, 0x6e,
    0x00, 0x01, 0x00, 0x0c, 0x00, 0x53, 0x00, 0x65, 0x00, 0x72, 0x00, 0x76, 0x00, 0x65, 0x00, 0x72,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
static const uint8_t nt_proof[] = {
    0x68, 0xcd, 0x0a, 0xb8, 0x51, 0xe5, 0x1c, 0x96, 0xaa, 0xbc, 0x92, 0x7b, 0xeb, 0xef, 0x6a, 0x1c};
static const uint8_t base_key[] = {
    0x8d, 0xe4, 0x0c, 0xca, 0xdb, 0xc1, 0x4a, 0x82, 0xf1, 0x5c, 0xb0, 0xad, 0x0d, 0xe9, 0x5c, 0xa3};
static const uint8_t lm_proof[] = {
    0x86, 0xc3, 0x50, 0x97, 0xac, 0x9c, 0xec, 0x10, 0x25, 0x54, 0x76, 0x4a, 0x57, 0xcc, 0xcc, 0x19};
/* 4.2.4.2.3 */
static const uint8_t encrypted_key[] = {
    0xc5, 0xda, 0xd2, 0x54, 0x4f, 0xc9, 0x79, 0x90, 0x94, 0xce, 0x1c, 0xe9, 0x0b, 0xc9, 0xd0, 0x3e};
/* 4.2.4.3 */
static const uint8_t challenge_message[] = {0x4e, 0x54, 0x4c, 0x4d, 0x53, 0x53, 0x50, 0x00, 0x02,
    0x00, 0x00, 0x00, 0x0c, 0x00, 0x0c, 0x00, 0x38, 0x00, 0x00, 0x00, 0x33, 0x82, 0x8a, 0xe2, 0x01,
    0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x24,
    0x00, 0x24, 0x00, 0x44, 0x00, 0x00, 0x00, 0x06, 0x00, 0x70, 0x17, 0x00, 0x00, 0x00, 0x0f, 0x53,
    0x00, 0x65, 0x00, 0x72, 0x00, 0x76, 0x00, 0x65, 0x00, 0x72, 0x00, 0x02, 0x00, 0x0c, 0x00, 0x44,
    0x00, 0x6f, 0x00, 0x6d, 0x00, 0x61, 0x00, 0x69, 0x00, 0x6e, 0x00, 0x01, 0x00, 0x0c, 0x00, 0x53,
    0x00, 0x65, 0x00, 0x72, 0x00, 0x76, 0x00, 0x65, 0x00, 0x72, 0x00, 0x00, 0x00, 0x00, 0x00};

static void test_hash(void **state)
{
    (void)state;
    uint8_t hash[16];
    assert_true(ntlm_hash(password, hash, NULL));
    assert_memory_equal(hash, nt_hash, 16);
    /* The empty password's well-known hash. */
    static const uint8_t empty[] = {0x31, 0xd6, 0xcf, 0xe0, 0xd1, 0x6a, 0xe9, 0x31, 0xb7, 0x3c,
        0x59, 0xd7, 0xe0, 0xc0, 0x89, 0xc0};
    assert_true(ntlm_hash("", hash, NULL));
    assert_memory_equal(hash, empty, 16);
}

static void test_vectors(void **state)
{
    (void)state;
    uint8_t owf[16], proof[16], key[16];
    assert_true(ntlm_owf_v2(nt_hash, "User", "Domain", owf));
    assert_memory_equal(owf, owf_v2, 16);
    assert_true(ntlm_proof(owf, server_nonce, temp, sizeof temp, proof, key));
    assert_memory_equal(proof, nt_proof, 16);
    assert_memory_equal(key, base_key, 16);
    /* LMv2 is the same computation over the client's nonce. */
    assert_true(ntlm_proof(owf, server_nonce, client_nonce, 8, proof, key));
    assert_memory_equal(proof, lm_proof, 16);

    uint8_t sealed[16];
    memcpy(sealed, session_key, 16);
    struct rc4 *rc4 = rc4_new(base_key);
    assert_non_null(rc4);
    assert_true(rc4_apply(rc4, sealed, 16));
    rc4_free(rc4);
    assert_memory_equal(sealed, encrypted_key, 16);
}

static void test_negotiate(void **state)
{
    (void)state;
    struct arena arena = {0};
    uint8_t *token = NULL;
    size_t length = 0;
    ntlm_negotiate(&arena, 0, &token, &length);
    assert_int_equal(length, 40);
    assert_memory_equal(token, "NTLMSSP\0\1\0\0\0", 12);
    struct reader reader = reader_of(token, length);
    read_skip(&reader, 12);
    assert_int_equal(read_le32(&reader), 0xA2888205);
    /* Signing brings key exchange along. */
    ntlm_negotiate(&arena, NTLM_WANT_SIGN, &token, &length);
    reader = reader_of(token, length);
    read_skip(&reader, 12);
    assert_int_equal(read_le32(&reader), 0xE2888215);
    ntlm_negotiate(&arena, NTLM_WANT_SEAL, &token, &length);
    reader = reader_of(token, length);
    read_skip(&reader, 12);
    assert_int_equal(read_le32(&reader), 0xE2888235);
    arena_done(&arena);
}

static void test_challenge(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct ntlm_challenge challenge;
    assert_true(ntlm_challenge_parse(
        &arena, challenge_message, sizeof challenge_message, &challenge, NULL));
    assert_memory_equal(challenge.nonce, server_nonce, 8);
    assert_int_equal(challenge.flags, 0xe28a8233);
    assert_string_equal(challenge.target, "Server");
    assert_string_equal(challenge.netbios_domain, "Domain");
    assert_string_equal(challenge.netbios_computer, "Server");
    assert_null(challenge.dns_domain);
    assert_int_equal(challenge.version_major, 6);
    assert_int_equal(challenge.version_build, 6000);
    assert_int_equal(challenge.target_info_length, 36);

    size_t length = 0;
    char *token = sample_read(&arena, "ntlm_challenge/server-2019", &length);
    assert_true(ntlm_challenge_parse(&arena, token, length, &challenge, NULL));
    assert_string_equal(challenge.dns_domain, "contoso.test");
    assert_string_equal(challenge.dns_computer, "ex1.contoso.test");
    assert_string_equal(challenge.dns_tree, "contoso.test");
    assert_true(challenge.timestamp == 133444736000000000);
    assert_int_equal(challenge.version_build, 17763);

    token = sample_read(&arena, "ntlm_challenge/minimal-32", &length);
    assert_int_equal(length, 32);
    assert_true(ntlm_challenge_parse(&arena, token, length, &challenge, NULL));
    assert_string_equal(challenge.target, "");
    assert_int_equal(challenge.target_info_length, 0);
    arena_done(&arena);
}

static void test_challenge_hostile(void **state)
{
    (void)state;
    static const struct {
        const char *sample, *words;
    } table[] = {
        {"ntlm_challenge/short", "too short: 22 bytes"},
        {"ntlm_challenge/type3", "type 3 in place of a challenge"},
        {"ntlm_challenge/signature", "does not start with NTLMSSP"},
        {"ntlm_challenge/av-out-of-bounds", "an AV pair"},
        {"ntlm_challenge/field-out-of-bounds", "a field of the NTLM challenge reaches beyond"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct arena arena = {0};
        struct ntlm_challenge challenge;
        struct fault fault = {0};
        size_t length = 0;
        char *token = sample_read(&arena, table[i].sample, &length);
        assert_false(ntlm_challenge_parse(&arena, token, length, &challenge, &fault));
        assert_int_equal(fault.cause, CAUSE_MALFORMED);
        if (strstr(fault.text, table[i].words) == NULL)
            fail_msg("%s: %s", table[i].sample, fault.text);
        arena_done(&arena);
    }
}

/* Every cut of a good challenge is an answer or a fault, never a read beyond it (ASan's to say). */
static void test_challenge_cut(void **state)
{
    (void)state;
    struct arena arena = {0};
    size_t length = 0, accepted = 0;
    char *token = sample_read(&arena, "ntlm_challenge/server-2019", &length);
    for (size_t cut = 0; cut < length; cut++) {
        struct ntlm_challenge challenge;
        struct fault fault = {0};
        void *copy = arena_copy(&arena, token, cut);
        if (ntlm_challenge_parse(&arena, copy, cut, &challenge, &fault))
            accepted++;
        else
            assert_int_equal(fault.cause, CAUSE_MALFORMED);
    }
    assert_int_equal(accepted, 0);
    uint8_t *huge = arena_alloc(&arena, NTLM_MESSAGE_MAX + 1);
    memcpy(huge, token, length);
    struct ntlm_challenge challenge;
    assert_false(ntlm_challenge_parse(&arena, huge, NTLM_MESSAGE_MAX + 1, &challenge, NULL));
    arena_done(&arena);
}

/* A Type 3 taken apart. */
struct type3 {
    struct reader lm, nt, domain, user, workstation, key;
    uint32_t flags;
    uint8_t mic[16];
};

static struct reader field(struct reader *reader)
{
    size_t length = read_le16(reader);
    assert_int_equal(read_le16(reader), length);
    size_t offset = read_le32(reader);
    struct reader part = reader_part(reader, offset, length);
    assert_true(reader_ok(&part));
    return part;
}

static struct type3 take_apart(const uint8_t *token, size_t length)
{
    struct type3 result;
    struct reader reader = reader_of(token, length);
    assert_memory_equal(read_bytes(&reader, 12), "NTLMSSP\0\3\0\0\0", 12);
    result.lm = field(&reader);
    result.nt = field(&reader);
    result.domain = field(&reader);
    result.user = field(&reader);
    result.workstation = field(&reader);
    result.key = field(&reader);
    result.flags = read_le32(&reader);
    read_skip(&reader, 8);
    memcpy(result.mic, read_bytes(&reader, 16), 16);
    return result;
}

static struct ntlm_input input_of(const uint8_t *negotiate, size_t negotiate_length)
{
    return (struct ntlm_input){.user = "User",
        .domain = "Domain",
        .workstation = "COMPUTER",
        .hash = nt_hash,
        .negotiate = negotiate,
        .negotiate_length = negotiate_length,
        .challenge = challenge_message,
        .challenge_length = sizeof challenge_message,
        .client_nonce = client_nonce,
        .session_key = session_key,
        .now = 77};
}

/* The AV pair of that id in the response, its value, or NULL. */
static const uint8_t *pair_of(struct reader nt, unsigned wanted, size_t *ret_length)
{
    read_skip(&nt, 16 + 28);
    while (reader_left(&nt) > 0) {
        unsigned id = read_le16(&nt);
        *ret_length = read_le16(&nt);
        const uint8_t *value = read_bytes(&nt, *ret_length);
        if (id == wanted)
            return value;
        if (id == 0)
            return NULL;
    }
    return NULL;
}

static void test_authenticate(void **state)
{
    (void)state;
    struct arena arena = {0};
    uint8_t *type1 = NULL, *token = NULL, key[16], proof[16], base[16], mic[16];
    size_t type1_length = 0, length = 0, size = 0;
    ntlm_negotiate(&arena, NTLM_WANT_SIGN, &type1, &type1_length);
    struct ntlm_challenge challenge;
    assert_true(ntlm_challenge_parse(
        &arena, challenge_message, sizeof challenge_message, &challenge, NULL));
    static const uint8_t bindings[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    struct ntlm_input input = input_of(type1, type1_length);
    input.flags = NTLM_WANT_SIGN;
    input.target_name = "HTTP/mail";
    input.bindings = bindings;
    assert_true(ntlm_authenticate(&arena, &input, &challenge, &token, &length, key, NULL));
    assert_memory_equal(key, session_key, 16);

    struct type3 got = take_apart(token, length);
    assert_int_equal(reader_left(&got.lm), 24);
    assert_memory_equal(got.lm.bytes, (const uint8_t[24]){0}, 24);
    assert_memory_equal(got.user.bytes, "U\0s\0e\0r\0", 8);
    assert_int_equal(reader_left(&got.domain), 12);
    assert_int_equal(reader_left(&got.workstation), 16);
    assert_int_equal(got.flags & 0x40000211, 0x40000211);
    /* The base key is that of the response; the session key comes under it. */
    struct reader rest = reader_part(&got.nt, 16, reader_left(&got.nt) - 16);
    assert_true(ntlm_proof(owf_v2, server_nonce, rest.bytes, reader_left(&rest), proof, base));
    assert_memory_equal(got.nt.bytes, proof, 16);
    struct rc4 *rc4 = rc4_new(base);
    uint8_t opened[16];
    assert_int_equal(reader_left(&got.key), 16);
    memcpy(opened, got.key.bytes, 16);
    assert_true(rc4_apply(rc4, opened, 16));
    rc4_free(rc4);
    assert_memory_equal(opened, session_key, 16);
    /* The time is ours where the server sends none; flags, bindings and target name are there. */
    struct reader when = reader_part(&got.nt, 16 + 8, 8);
    assert_int_equal(read_le64(&when), 77);
    assert_memory_equal(pair_of(got.nt, 6, &size), "\2\0\0\0", 4);
    assert_memory_equal(pair_of(got.nt, 10, &size), bindings, 16);
    assert_non_null(pair_of(got.nt, 9, &size));
    assert_int_equal(size, 18);
    /* The MIC over all three, its own place zero. */
    memset(token + 72, 0, 16);
    const struct piece pieces[] = {
        {type1, type1_length}, {challenge_message, sizeof challenge_message}, {token, length}};
    assert_true(hmac_md5(session_key, pieces, 3, mic));
    assert_memory_equal(mic, got.mic, 16);
    arena_done(&arena);
}

static void test_authenticate_plain(void **state)
{
    (void)state;
    struct arena arena = {0};
    uint8_t *type1 = NULL, *token = NULL, key[16];
    size_t type1_length = 0, length = 0, size = 0;
    ntlm_negotiate(&arena, 0, &type1, &type1_length);
    struct ntlm_challenge challenge;
    char *sample = sample_read(&arena, "ntlm_challenge/server-2019", &length);
    assert_true(ntlm_challenge_parse(&arena, sample, length, &challenge, NULL));
    struct ntlm_input input = input_of(type1, type1_length);
    input.session_key = input.client_nonce = NULL;
    input.user = "svc@contoso.test";
    input.domain = input.workstation = "";
    assert_true(ntlm_authenticate(&arena, &input, &challenge, &token, &length, key, NULL));
    struct type3 got = take_apart(token, length);
    assert_null(pair_of(got.nt, 10, &size));
    assert_null(pair_of(got.nt, 9, &size));
    struct reader when = reader_part(&got.nt, 16 + 8, 8);
    assert_true(read_le64(&when) == challenge.timestamp);
    /* Nothing to protect: no key exchange, and the base key is the session key. */
    assert_int_equal(reader_left(&got.key), 0);
    assert_int_equal(got.flags & 0x40000010, 0);
    uint8_t owf[16], proof[16], base[16];
    struct reader rest = reader_part(&got.nt, 16, reader_left(&got.nt) - 16);
    assert_true(ntlm_owf_v2(nt_hash, "svc@contoso.test", "", owf));
    assert_true(ntlm_proof(owf, challenge.nonce, rest.bytes, reader_left(&rest), proof, base));
    assert_memory_equal(key, base, 16);
    /* Random: a second one differs. */
    input.flags = NTLM_WANT_SIGN;
    uint8_t second[16];
    assert_true(ntlm_authenticate(&arena, &input, &challenge, &token, &length, key, NULL));
    assert_true(ntlm_authenticate(&arena, &input, &challenge, &token, &length, second, NULL));
    assert_memory_not_equal(key, second, 16);
    arena_done(&arena);
}

static void test_authenticate_refuses(void **state)
{
    (void)state;
    static const struct {
        uint32_t without;
        unsigned flags;
        enum cause cause;
    } table[] = {
        {0x00000001, 0, CAUSE_UNSUPPORTED},
        {0x00080000, NTLM_WANT_SEAL, CAUSE_UNSUPPORTED},
        {0x20000000, NTLM_WANT_SIGN, CAUSE_UNSUPPORTED},
        {0x00000020, NTLM_WANT_SEAL, CAUSE_UNSUPPORTED},
        {0x00000020, NTLM_WANT_SIGN, CAUSE_NONE},
        {0, NTLM_WANT_SEAL, CAUSE_NONE},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct arena arena = {0};
        uint8_t *type1 = NULL, *token = NULL, key[16];
        size_t type1_length = 0, length = 0;
        ntlm_negotiate(&arena, table[i].flags, &type1, &type1_length);
        struct ntlm_challenge challenge;
        assert_true(ntlm_challenge_parse(
            &arena, challenge_message, sizeof challenge_message, &challenge, NULL));
        challenge.flags &= ~table[i].without;
        struct ntlm_input input = input_of(type1, type1_length);
        input.flags = table[i].flags;
        struct fault fault = {0};
        assert_int_equal(
            ntlm_authenticate(&arena, &input, &challenge, &token, &length, key, &fault),
            table[i].cause == CAUSE_NONE);
        assert_int_equal(fault.cause, table[i].cause);
        arena_done(&arena);
    }
}

static void test_absurd_names(void **state)
{
    (void)state;
    struct arena arena = {0};
    uint8_t *type1 = NULL, *token = NULL, key[16];
    size_t type1_length = 0, length = 0;
    ntlm_negotiate(&arena, 0, &type1, &type1_length);
    struct ntlm_challenge challenge;
    assert_true(ntlm_challenge_parse(
        &arena, challenge_message, sizeof challenge_message, &challenge, NULL));
    char *name = arena_alloc(&arena, 70001);
    memset(name, 'x', 70000);
    struct fault fault = {0};
    struct ntlm_input input = input_of(type1, type1_length);
    input.user = name;
    assert_false(ntlm_authenticate(&arena, &input, &challenge, &token, &length, key, &fault));
    assert_int_equal(fault.cause, CAUSE_INTERNAL);
    input.user = "User";
    input.target_name = name;
    assert_false(ntlm_authenticate(&arena, &input, &challenge, &token, &length, key, &fault));
    arena_done(&arena);
}

static void test_bindings(void **state)
{
    (void)state;
    /* A published vector: the SHA-256 of a certificate and the MD5 that goes into AvId 10. */
    static const uint8_t end_point[] = {0xE3, 0xCA, 0x49, 0x27, 0x1E, 0x50, 0x89, 0xCC, 0x48, 0xCE,
        0x82, 0x10, 0x9F, 0x13, 0x24, 0xF4, 0x1D, 0xBE, 0xDD, 0xC2, 0x9A, 0x77, 0x74, 0x10, 0xC7,
        0x38, 0xF7, 0x86, 0x8C, 0x4F, 0xF4, 0x05};
    static const uint8_t expected[] = {0x6e, 0xa1, 0x9d, 0xf0, 0x66, 0xda, 0x46, 0x22, 0x05, 0x1f,
        0x9c, 0x4f, 0x92, 0xc6, 0xdf, 0x74};
    uint8_t md5[16];
    assert_true(channel_bindings_md5(end_point, sizeof end_point, md5, NULL));
    assert_memory_equal(md5, expected, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_negotiate),
        cmocka_unit_test(test_challenge),
        cmocka_unit_test(test_challenge_hostile),
        cmocka_unit_test(test_challenge_cut),
        cmocka_unit_test(test_authenticate),
        cmocka_unit_test(test_authenticate_plain),
        cmocka_unit_test(test_authenticate_refuses),
        cmocka_unit_test(test_absurd_names),
        cmocka_unit_test(test_bindings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
