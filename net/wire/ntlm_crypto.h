/*
 * The computations of NTLMv2, apart from its messages. [MS-NLMP] 3.3.2, 3.4.5. Shared by ntlm.c,
 * ntlm_seal.c and the test with the specification's vectors.
 *
 * MD4 and RC4 come from OpenSSL's legacy provider, all from a library context of our own: neither
 * the machine's configuration nor a FIPS mode has a say. false everywhere: the algorithm is not to
 * be had.
 */
#ifndef NET_WIRE_NTLM_CRYPTO_H
#define NET_WIRE_NTLM_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MD5_SIZE = 16 };

struct piece {
    const void *bytes;
    size_t length;
};

bool md4_of(const void *bytes, size_t length, uint8_t ret_digest[16]);
bool md5_of(const struct piece *pieces, size_t count, uint8_t ret_digest[MD5_SIZE]);
bool hmac_md5(
    const uint8_t key[16], const struct piece *pieces, size_t count, uint8_t ret_digest[MD5_SIZE]);

struct rc4;                                 /* a key stream that goes on from call to call */
struct rc4 *rc4_new(const uint8_t key[16]); /* NULL: not to be had */
void rc4_free(struct rc4 *rc4);             /* wipes; NULL is allowed */
bool rc4_apply(struct rc4 *rc4, uint8_t *bytes, size_t length);

/* 3.3.2 NTOWFv2: user (upper case here) and domain, from the NT hash. */
bool ntlm_owf_v2(const uint8_t hash[16], const char *user, const char *domain, uint8_t ret_key[16]);
/* 3.3.2 NTProofStr over the server's nonce and `temp`, and the session base key. */
bool ntlm_proof(const uint8_t owf[16], const uint8_t nonce[8], const void *temp, size_t length,
    uint8_t ret_proof[16], uint8_t ret_base_key[16]);

/* 3.4.5.2, 3.4.5.3 for 128 bit with extended session security. */
enum ntlm_key_kind { NTLM_CLIENT_SIGN, NTLM_CLIENT_SEAL, NTLM_SERVER_SIGN, NTLM_SERVER_SEAL };
bool ntlm_derive_key(const uint8_t session_key[16], enum ntlm_key_kind kind, uint8_t ret_key[16]);

#endif
