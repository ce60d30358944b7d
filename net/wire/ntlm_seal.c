/* Message protection of NTLM: [MS-NLMP] 3.4.3 (confidentiality), 3.4.4.2 (MAC with extended session
 * security), for a connection with 128-bit keys and key exchange; nothing else is negotiated for
 * it. */
#include "net/wire/ntlm.h"

#include "net/wire/ntlm_crypto.h"
#include "net/wire/reader.h"

#include <openssl/crypto.h>

#include <stdlib.h>
#include <string.h>

enum { SIGNATURE_SIZE = 16, CHECKSUM_SIZE = 8, SIGNATURE_VERSION = 1 };

/* One direction: its own keys, key stream and count. */
struct direction {
    uint8_t sign[16];
    struct rc4 *seal;
    uint32_t sequence;
};

struct ntlm_keys {
    struct direction sending, receiving;
};

static bool direction_init(struct direction *direction, const uint8_t session_key[16],
    enum ntlm_key_kind sign, enum ntlm_key_kind seal)
{
    uint8_t key[16];
    bool ok = ntlm_derive_key(session_key, sign, direction->sign) &&
              ntlm_derive_key(session_key, seal, key);
    if (ok)
        direction->seal = rc4_new(key);
    OPENSSL_cleanse(key, sizeof key);
    return ok && direction->seal != NULL;
}

bool ntlm_keys_new(const uint8_t session_key[16], struct ntlm_keys **ret_keys, struct fault *fault)
{
    struct ntlm_keys *keys = xcalloc(1, sizeof *keys);
    if (!direction_init(&keys->sending, session_key, NTLM_CLIENT_SIGN, NTLM_CLIENT_SEAL) ||
        !direction_init(&keys->receiving, session_key, NTLM_SERVER_SIGN, NTLM_SERVER_SEAL)) {
        ntlm_keys_free(keys);
        return fault_set(fault, CAUSE_UNSUPPORTED, ORIGIN_EXREACH, 0,
            "RC4 is not to be had: OpenSSL's legacy provider is missing");
    }
    *ret_keys = keys;
    return true;
}

void ntlm_keys_free(struct ntlm_keys *keys)
{
    if (keys == NULL)
        return;
    rc4_free(keys->sending.seal);
    rc4_free(keys->receiving.seal);
    OPENSSL_cleanse(keys, sizeof *keys);
    free(keys);
}

/* The checksum before it is encrypted. */
static bool checksum(const struct direction *direction, const void *bytes, size_t length,
    uint8_t ret_checksum[MD5_SIZE])
{
    uint8_t sequence[4];
    struct writer writer = writer_of(sequence, sizeof sequence);
    write_le32(&writer, direction->sequence);
    const struct piece pieces[] = {{sequence, sizeof sequence}, {bytes, length}};
    return hmac_md5(direction->sign, pieces, 2, ret_checksum);
}

/* Encrypts the checksum with the same key stream that sealed the message, and counts the message.
 */
static bool finish(
    struct direction *direction, uint8_t mac[MD5_SIZE], uint8_t ret_signature[SIGNATURE_SIZE])
{
    if (!rc4_apply(direction->seal, mac, CHECKSUM_SIZE))
        return false;
    struct writer writer = writer_of(ret_signature, SIGNATURE_SIZE);
    write_le32(&writer, SIGNATURE_VERSION);
    write_bytes(&writer, mac, CHECKSUM_SIZE);
    write_le32(&writer, direction->sequence++);
    return writer_ok(&writer);
}

bool ntlm_seal(struct ntlm_keys *keys, const void *signed_bytes, size_t signed_length,
    uint8_t *sealed, size_t sealed_length, uint8_t ret_signature[16])
{
    /* Sign first: the signature is over the plain text, which the sealing overwrites. */
    uint8_t mac[MD5_SIZE];
    return checksum(&keys->sending, signed_bytes, signed_length, mac) &&
           rc4_apply(keys->sending.seal, sealed, sealed_length) &&
           finish(&keys->sending, mac, ret_signature);
}

bool ntlm_unseal(struct ntlm_keys *keys, const void *signed_bytes, size_t signed_length,
    uint8_t *sealed, size_t sealed_length, const uint8_t signature[16])
{
    uint8_t mac[MD5_SIZE], expected[SIGNATURE_SIZE];
    return rc4_apply(keys->receiving.seal, sealed, sealed_length) &&
           checksum(&keys->receiving, signed_bytes, signed_length, mac) &&
           finish(&keys->receiving, mac, expected) &&
           CRYPTO_memcmp(expected, signature, SIGNATURE_SIZE) == 0;
}

bool ntlm_sign(struct ntlm_keys *keys, const void *bytes, size_t length, uint8_t ret_signature[16])
{
    return ntlm_seal(keys, bytes, length, NULL, 0, ret_signature);
}
