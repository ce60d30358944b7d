#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/ntlm.h"
#include "net/wire/ntlm_crypto.h"
#include "net/wire/reader.h"

#include <string.h>

static const uint8_t session_key[] = {
    0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55};

static void test_hmac(void **state)
{
    (void)state;
    /* RFC 2202, HMAC-MD5, case 1 and 4's shape in pieces. */
    uint8_t key[16], digest[16];
    memset(key, 0x0b, sizeof key);
    const struct piece pieces[] = {{"Hi ", 3}, {"", 0}, {"There", 5}};
    static const uint8_t expected[] = {0x92, 0x94, 0x72, 0x7a, 0x36, 0x38, 0xbb, 0x1c, 0x13, 0xf4,
        0x8e, 0xf8, 0x15, 0x8b, 0xfc, 0x9d};
    assert_true(hmac_md5(key, pieces, 3, digest));
    assert_memory_equal(digest, expected, 16);
}

static void test_sealing(void **state)
{
    (void)state;
    /* 4.2.4.4: key derivation, GSS_WrapEx of "Plaintext", sequence 0. */
    static const uint8_t seal_key[] = {0x59, 0xf6, 0x00, 0x97, 0x3c, 0xc4, 0x96, 0x0a, 0x25, 0x48,
        0x0a, 0x7c, 0x19, 0x6e, 0x4c, 0x58};
    static const uint8_t sign_key[] = {0x47, 0x88, 0xdc, 0x86, 0x1b, 0x47, 0x82, 0xf3, 0x5d, 0x43,
        0xfd, 0x98, 0xfe, 0x1a, 0x2d, 0x39};
    static const uint8_t data[] = {0x54, 0xe5, 0x01, 0x65, 0xbf, 0x19, 0x36, 0xdc, 0x99, 0x60, 0x20,
        0xc1, 0x81, 0x1b, 0x0f, 0x06, 0xfb, 0x5f};
    static const uint8_t mac[] = {0x01, 0x00, 0x00, 0x00, 0x7f, 0xb3, 0x8e, 0xc5, 0xc5, 0x5d, 0x49,
        0x76, 0x00, 0x00, 0x00, 0x00};
    uint8_t key[16];
    assert_true(ntlm_derive_key(session_key, NTLM_CLIENT_SEAL, key));
    assert_memory_equal(key, seal_key, 16);
    assert_true(ntlm_derive_key(session_key, NTLM_CLIENT_SIGN, key));
    assert_memory_equal(key, sign_key, 16);

    uint8_t text[] = "P\0l\0a\0i\0n\0t\0e\0x\0t", signature[16];
    struct ntlm_keys *keys = NULL;
    assert_true(ntlm_keys_new(session_key, &keys, NULL));
    assert_true(ntlm_seal(keys, text, 18, text, 18, signature));
    assert_memory_equal(text, data, 18);
    assert_memory_equal(signature, mac, 16);
    /* The stream and the count go on. */
    assert_true(ntlm_sign(keys, "x", 1, signature));
    assert_int_equal(signature[12], 1);
    ntlm_keys_free(keys);
    ntlm_keys_free(NULL);
}

/* What the server would do with its own keys, to feed ntlm_unseal(). */
static void server_seal(struct rc4 *stream, uint32_t sequence, uint8_t *message, size_t length,
    uint8_t ret_signature[16])
{
    uint8_t key[16], count[4], mac[16];
    struct writer writer = writer_of(count, 4);
    write_le32(&writer, sequence);
    assert_true(ntlm_derive_key(session_key, NTLM_SERVER_SIGN, key));
    const struct piece pieces[] = {{count, 4}, {message, length}};
    assert_true(hmac_md5(key, pieces, 2, mac));
    assert_true(rc4_apply(stream, message, length));
    assert_true(rc4_apply(stream, mac, 8));
    writer = writer_of(ret_signature, 16);
    write_le32(&writer, 1);
    write_bytes(&writer, mac, 8);
    write_le32(&writer, sequence);
}

static void test_unseal(void **state)
{
    (void)state;
    uint8_t key[16], signature[16];
    assert_true(ntlm_derive_key(session_key, NTLM_SERVER_SEAL, key));
    struct rc4 *stream = rc4_new(key);
    assert_non_null(stream);
    struct ntlm_keys *keys = NULL;
    assert_true(ntlm_keys_new(session_key, &keys, NULL));
    for (uint32_t i = 0; i < 3; i++) {
        uint8_t message[] = "an answer of the server";
        server_seal(stream, i, message, sizeof message, signature);
        assert_memory_not_equal(message, "an answer", 9);
        bool spoilt = i == 2;
        if (spoilt)
            message[3] ^= 1;
        assert_int_equal(
            ntlm_unseal(keys, message, sizeof message, message, sizeof message, signature),
            !spoilt);
        if (!spoilt)
            assert_string_equal((const char *)message, "an answer of the server");
    }
    rc4_free(stream);
    ntlm_keys_free(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_sealing),
        cmocka_unit_test(test_unseal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
