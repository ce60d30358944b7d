#include "ntlm_messages.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

static void rc4_init(struct rc4 *rc4, const unsigned char *key, size_t len)
{
    unsigned j = 0;

    for (unsigned i = 0; i < 256; i++)
        rc4->box[i] = (unsigned char)i;
    for (unsigned i = 0; i < 256; i++) {
        unsigned char kept = rc4->box[i];

        j = (j + kept + key[i % len]) & 0xff;
        rc4->box[i] = rc4->box[j];
        rc4->box[j] = kept;
    }
    rc4->i = rc4->j = 0;
}

static void rc4_apply(struct rc4 *rc4, const unsigned char *from, size_t len, unsigned char *to)
{
    for (size_t n = 0; n < len; n++) {
        unsigned char kept;

        rc4->i = (unsigned char)(rc4->i + 1);
        kept = rc4->box[rc4->i];
        rc4->j = (unsigned char)(rc4->j + kept);
        rc4->box[rc4->i] = rc4->box[rc4->j];
        rc4->box[rc4->j] = kept;
        to[n] = from[n] ^ rc4->box[(rc4->box[rc4->i] + kept) & 0xff];
    }
}

static void md5(const void *data, size_t len, unsigned char ret_hash[16])
{
    unsigned size = 0;

    memset(ret_hash, 0, 16);
    EVP_Digest(data, len, ret_hash, &size, EVP_md5(), NULL);
}

static void hmac_md5(
    const unsigned char *key, const void *data, size_t len, unsigned char ret_hash[16])
{
    unsigned size = 0;

    memset(ret_hash, 0, 16);
    HMAC(EVP_md5(), key, NTLM_KEY_SIZE, data, len, ret_hash, &size);
}

void ntlm_effective_challenge(
    const struct ntlm_response *response, unsigned char challenge[NTLM_CHALLENGE_SIZE])
{
    unsigned char both[16];
    unsigned char hash[16];

    if (response->nt_len != 24 || response->lm_len != 24 ||
        (response->flags & NTLM_EXTENDED_SECURITY) == 0)
        return;
    memcpy(both, challenge, NTLM_CHALLENGE_SIZE);
    memcpy(both + 8, response->lm, 8);
    md5(both, sizeof both, hash);
    memcpy(challenge, hash, NTLM_CHALLENGE_SIZE);
}

/* 2.2.2.1: MD5 over a gss_channel_bindings_struct without addresses; all zero means none. */
enum binding ntlm_binding(const struct ntlm_response *response, const struct channel *channel)
{
    static const unsigned char none[16] = {0};
    struct buf bytes = {0};
    unsigned char hash[16];

    if (response->bindings == NULL || memcmp(response->bindings, none, sizeof none) == 0)
        return BINDING_NONE;
    buf_add(&bytes, none, sizeof none);
    buf_le32(&bytes, channel->len);
    buf_add(&bytes, channel->data, channel->len);
    md5(bytes.data, bytes.len, hash);
    buf_done(&bytes);
    if (channel->len == 0 || memcmp(response->bindings, hash, sizeof hash) != 0)
        return BINDING_WRONG;
    return BINDING_RIGHT;
}

void ntlm_exported_key(const struct ntlm_response *response, const unsigned char *base_key,
    unsigned char ret_key[NTLM_KEY_SIZE])
{
    struct rc4 rc4;

    memcpy(ret_key, base_key, NTLM_KEY_SIZE);
    if ((response->flags & NTLM_KEY_EXCHANGE) == 0 || response->key_len != NTLM_KEY_SIZE)
        return;
    rc4_init(&rc4, base_key, NTLM_KEY_SIZE);
    rc4_apply(&rc4, response->key, NTLM_KEY_SIZE, ret_key);
}

bool ntlm_mic_right(const struct buf *messages, size_t mic_offset, const unsigned char *key)
{
    struct buf zeroed = {0};
    unsigned char mic[NTLM_MIC_SIZE];
    bool right;

    buf_add(&zeroed, messages->data, messages->len);
    memset(zeroed.data + mic_offset, 0, NTLM_MIC_SIZE);
    hmac_md5(key, zeroed.data, zeroed.len, mic);
    right = memcmp(messages->data + mic_offset, mic, sizeof mic) == 0;
    buf_done(&zeroed);
    return right;
}

static void derive(
    const unsigned char *key, size_t len, const char *purpose, unsigned char ret_key[16])
{
    struct buf bytes = {0};

    buf_add(&bytes, key, len);
    buf_add(&bytes, purpose, strlen(purpose) + 1);
    md5(bytes.data, bytes.len, ret_key);
    buf_done(&bytes);
}

void ntlm_direction_init(struct ntlm_direction *direction, const unsigned char *exported_key,
    uint32_t flags, bool from_client)
{
    size_t strength = flags & NTLM_128 ? 16 : flags & NTLM_56 ? 7 : 5;
    unsigned char seal_key[16];

    *direction = (struct ntlm_direction){.key_exchange = (flags & NTLM_KEY_EXCHANGE) != 0};
    derive(exported_key, NTLM_KEY_SIZE,
        from_client ? "session key to client-to-server signing key magic constant"
                    : "session key to server-to-client signing key magic constant",
        direction->sign_key);
    derive(exported_key, strength,
        from_client ? "session key to client-to-server sealing key magic constant"
                    : "session key to server-to-client sealing key magic constant",
        seal_key);
    rc4_init(&direction->rc4, seal_key, sizeof seal_key);
}

/* The checksum over the number and the message in clear. */
static void message_hash(
    const struct ntlm_direction *direction, const struct buf *message, unsigned char ret_hash[16])
{
    struct buf numbered = {0};

    buf_le32(&numbered, direction->sequence);
    buf_add(&numbered, message->data, message->len);
    hmac_md5(direction->sign_key, numbered.data, numbered.len, ret_hash);
    buf_done(&numbered);
}

static void put_signature(struct ntlm_direction *direction, unsigned char hash[16],
    unsigned char ret_signature[NTLM_SIGNATURE_SIZE])
{
    if (direction->key_exchange)
        rc4_apply(&direction->rc4, hash, 8, hash);
    memset(ret_signature, 0, NTLM_SIGNATURE_SIZE);
    ret_signature[0] = 1;
    memcpy(ret_signature + 4, hash, 8);
    for (size_t i = 0; i < 4; i++)
        ret_signature[12 + i] = (unsigned char)(direction->sequence >> (8 * i) & 0xff);
    direction->sequence++;
}

void ntlm_seal(struct ntlm_direction *direction, const struct buf *message, unsigned char *data,
    size_t len, unsigned char ret_signature[NTLM_SIGNATURE_SIZE])
{
    unsigned char hash[16];

    message_hash(direction, message, hash);
    if (data != NULL)
        rc4_apply(&direction->rc4, data, len, data);
    put_signature(direction, hash, ret_signature);
}

bool ntlm_unseal(struct ntlm_direction *direction, const struct buf *message, unsigned char *data,
    size_t len, const unsigned char signature[NTLM_SIGNATURE_SIZE])
{
    unsigned char hash[16];
    unsigned char expected[NTLM_SIGNATURE_SIZE];

    if (data != NULL)
        rc4_apply(&direction->rc4, data, len, data);
    message_hash(direction, message, hash);
    put_signature(direction, hash, expected);
    return memcmp(expected, signature, sizeof expected) == 0;
}

void ntlm_sign(const unsigned char *exported_key, uint32_t flags, bool from_client,
    const struct buf *data, unsigned char ret_signature[16])
{
    struct ntlm_direction direction;

    ntlm_direction_init(&direction, exported_key, flags, from_client);
    ntlm_seal(&direction, data, NULL, 0, ret_signature);
}
