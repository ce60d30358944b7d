#include "net/wire/ntlm_crypto.h"

#include "net/wire/text.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include <stdlib.h>
#include <string.h>

/* Fetched once and kept to the end of the process; NULL: not to be had. */
static struct {
    OSSL_LIB_CTX *context;
    EVP_MD *md4, *md5;
    EVP_CIPHER *rc4;
} algorithms;
static CRYPTO_ONCE algorithms_once = CRYPTO_ONCE_STATIC_INIT;

/* A context of our own for "legacy" alone: a fetch makes all that its context has, and TLS has made
 * the default one's already. Where the system's configuration hides MD5, our own copy has it. */
static void algorithms_load(void)
{
    algorithms.context = OSSL_LIB_CTX_new();
    if (algorithms.context == NULL)
        return;
    OSSL_PROVIDER_load(algorithms.context, "legacy");
    algorithms.md4 = EVP_MD_fetch(algorithms.context, "MD4", NULL);
    algorithms.rc4 = EVP_CIPHER_fetch(algorithms.context, "RC4", NULL);
    algorithms.md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    if (algorithms.md5 != NULL)
        return;
    OSSL_PROVIDER_load(algorithms.context, "default");
    algorithms.md5 = EVP_MD_fetch(algorithms.context, "MD5", NULL);
}

static bool have_algorithms(void)
{
    return CRYPTO_THREAD_run_once(&algorithms_once, algorithms_load) == 1;
}

static bool digest(
    const EVP_MD *type, const struct piece *pieces, size_t count, uint8_t ret_digest[16])
{
    if (type == NULL)
        return false;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context != NULL && EVP_DigestInit_ex2(context, type, NULL) == 1;
    for (size_t i = 0; i < count && ok; i++)
        ok = EVP_DigestUpdate(context, pieces[i].bytes, pieces[i].length) == 1;
    ok = ok && EVP_DigestFinal_ex(context, ret_digest, NULL) == 1;
    EVP_MD_CTX_free(context);
    return ok;
}

bool md4_of(const void *bytes, size_t length, uint8_t ret_digest[16])
{
    const struct piece piece = {bytes, length};
    return have_algorithms() && digest(algorithms.md4, &piece, 1, ret_digest);
}

bool md5_of(const struct piece *pieces, size_t count, uint8_t ret_digest[MD5_SIZE])
{
    return have_algorithms() && digest(algorithms.md5, pieces, count, ret_digest);
}

/* RFC 2104 by hand: the same on every OpenSSL, and no second way to fetch MD5. */
bool hmac_md5(
    const uint8_t key[16], const struct piece *pieces, size_t count, uint8_t ret_digest[MD5_SIZE])
{
    enum { BLOCK = 64, PIECES_MAX = 8 };
    if (count >= PIECES_MAX)
        return false;
    uint8_t inner[BLOCK], outer[BLOCK], middle[MD5_SIZE];
    for (size_t i = 0; i < BLOCK; i++) {
        uint8_t byte = i < 16 ? key[i] : 0;
        inner[i] = byte ^ 0x36;
        outer[i] = byte ^ 0x5C;
    }
    struct piece all[PIECES_MAX] = {{inner, BLOCK}};
    for (size_t i = 0; i < count; i++)
        all[i + 1] = pieces[i];
    bool ok = md5_of(all, count + 1, middle);
    const struct piece last[] = {{outer, BLOCK}, {middle, MD5_SIZE}};
    ok = ok && md5_of(last, 2, ret_digest);
    OPENSSL_cleanse(inner, sizeof inner);
    OPENSSL_cleanse(outer, sizeof outer);
    OPENSSL_cleanse(middle, sizeof middle);
    return ok;
}

struct rc4 {
    EVP_CIPHER_CTX *context;
};

struct rc4 *rc4_new(const uint8_t key[16])
{
    if (!have_algorithms() || algorithms.rc4 == NULL)
        return NULL;
    struct rc4 *rc4 = calloc(1, sizeof *rc4);
    if (rc4 == NULL)
        return NULL;
    rc4->context = EVP_CIPHER_CTX_new();
    if (rc4->context == NULL ||
        EVP_EncryptInit_ex2(rc4->context, algorithms.rc4, key, NULL, NULL) != 1) {
        rc4_free(rc4);
        return NULL;
    }
    return rc4;
}

void rc4_free(struct rc4 *rc4)
{
    if (rc4 == NULL)
        return;
    EVP_CIPHER_CTX_free(rc4->context);
    free(rc4);
}

bool rc4_apply(struct rc4 *rc4, uint8_t *bytes, size_t length)
{
    enum { AT_ONCE = 1 << 20 }; /* EVP counts in int */
    for (size_t at = 0; at < length;) {
        size_t part = length - at < AT_ONCE ? length - at : AT_ONCE;
        int done = 0;
        if (EVP_EncryptUpdate(rc4->context, bytes + at, &done, bytes + at, (int)part) != 1 ||
            (size_t)done != part)
            return false;
        at += part;
    }
    return true;
}

bool ntlm_owf_v2(const uint8_t hash[16], const char *user, const char *domain, uint8_t ret_key[16])
{
    struct arena scratch = {0};
    size_t user_length = 0, domain_length = 0;
    uint8_t *user16 = utf8_to_utf16le(&scratch, utf8_upper(&scratch, user), &user_length);
    uint8_t *domain16 = utf8_to_utf16le(&scratch, domain, &domain_length);
    const struct piece pieces[] = {{user16, user_length}, {domain16, domain_length}};
    bool ok = hmac_md5(hash, pieces, 2, ret_key);
    arena_done(&scratch);
    return ok;
}

bool ntlm_proof(const uint8_t owf[16], const uint8_t nonce[8], const void *temp, size_t length,
    uint8_t ret_proof[16], uint8_t ret_base_key[16])
{
    const struct piece pieces[] = {{nonce, 8}, {temp, length}};
    if (!hmac_md5(owf, pieces, 2, ret_proof))
        return false;
    const struct piece proof = {ret_proof, 16};
    return hmac_md5(owf, &proof, 1, ret_base_key);
}

bool ntlm_derive_key(const uint8_t session_key[16], enum ntlm_key_kind kind, uint8_t ret_key[16])
{
    static const char *const magic[] = {
        [NTLM_CLIENT_SIGN] = "session key to client-to-server signing key magic constant",
        [NTLM_CLIENT_SEAL] = "session key to client-to-server sealing key magic constant",
        [NTLM_SERVER_SIGN] = "session key to server-to-client signing key magic constant",
        [NTLM_SERVER_SEAL] = "session key to server-to-client sealing key magic constant",
    };
    /* The constants' NUL is part of them. */
    const struct piece pieces[] = {{session_key, 16}, {magic[kind], strlen(magic[kind]) + 1}};
    return md5_of(pieces, 2, ret_key);
}
