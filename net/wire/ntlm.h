/*
 * NTLMv2, client side, pure. [MS-NLMP] 2.2 (messages), 3.1.5 (client), 3.3.2 (NTLMv2), 3.4
 * (security).
 *
 * The exchange, in numbered steps:
 *   1. ntlm_negotiate() makes Type 1 (40 bytes, with VERSION: some acceptors refuse 32).
 *   2. ntlm_challenge_parse() reads Type 2; what it says about the server is evidence (no secret
 * needed).
 *   3. ntlm_authenticate() makes Type 3 with MsvAvTimestamp, MsvAvFlags 2 and the MIC,
 * MsvAvChannelBindings and MsvAvTargetName, and the exported session key.
 *   4. ntlm_keys_init() derives signing and sealing keys; ntlm_seal() and friends protect messages.
 * NTLMv1 and LM are never sent: the LM response is 24 zero bytes.
 */
#ifndef NET_WIRE_NTLM_H
#define NET_WIRE_NTLM_H

#include "net/arena.h"
#include "net/fault.h"

#include <stdbool.h>
#include <stdint.h>

enum { NTLM_HASH_SIZE = 16, NTLM_MESSAGE_MAX = 16 * 1024 };

/* MD4 of the password in UTF-16LE. false: the digest is not to be had (UNSUPPORTED). */
bool ntlm_hash(const char *password, uint8_t ret_hash[NTLM_HASH_SIZE], struct fault *fault);

enum ntlm_flags { NTLM_WANT_SIGN = 1, NTLM_WANT_SEAL = 2, NTLM_DATAGRAM = 4 };

/* Type 1. flags: enum ntlm_flags. */
void ntlm_negotiate(struct arena *arena, unsigned flags, uint8_t **ret_token, size_t *ret_length);

struct ntlm_challenge {
    uint8_t nonce[8];
    uint32_t flags;
    const char *target;                            /* TargetName */
    const char *netbios_domain, *netbios_computer; /* AV pairs; NULL where absent */
    const char *dns_domain, *dns_computer, *dns_tree;
    uint64_t timestamp;                                   /* FILETIME, 0: absent */
    unsigned version_major, version_minor, version_build; /* of Windows, 0: absent */
    const uint8_t *target_info;                           /* raw, in the arena */
    size_t target_info_length;
};

/* MALFORMED with words for: too short, bad signature, another message type, AV pairs out of bounds.
 */
bool ntlm_challenge_parse(struct arena *arena, const void *token, size_t length,
    struct ntlm_challenge *ret_challenge, struct fault *fault);

struct ntlm_input {
    const char *user; /* "svc", or "svc@contoso.test" with domain "" */
    const char *domain;
    const char *workstation; /* "" allowed */
    const uint8_t *hash;     /* NTLM_HASH_SIZE */
    const char *target_name; /* "HTTP/mail.contoso.test" or NULL */
    const uint8_t
        *bindings; /* MD5 of the gss_channel_bindings_struct (16 bytes), or NULL: none sent */
    const void *negotiate; /* the Type 1 sent, for the MIC */
    size_t negotiate_length;
    const void *challenge; /* the Type 2 received, raw, for the MIC */
    size_t challenge_length;
    unsigned flags;              /* as in Type 1 */
    const uint8_t *client_nonce; /* 8 bytes; NULL: random */
    const uint8_t *session_key;  /* 16 bytes; NULL: random (key exchange) */
    uint64_t now; /* FILETIME, used where the server sends no timestamp; 0: the clock */
};

/* Type 3 and the exported session key (16 bytes). */
bool ntlm_authenticate(struct arena *arena, const struct ntlm_input *input,
    const struct ntlm_challenge *challenge, uint8_t **ret_token, size_t *ret_length,
    uint8_t ret_session_key[16], struct fault *fault);

/* RFC 2744 §3.11 struct with application data "tls-server-end-point:" + hash; MD5 of it. */
bool channel_bindings_md5(
    const uint8_t *end_point, size_t length, uint8_t ret_md5[16], struct fault *fault);

/* Message protection, client side (extended session security, 128 bit, key exchange). */
struct ntlm_keys;
bool ntlm_keys_new(const uint8_t session_key[16], struct ntlm_keys **ret_keys, struct fault *fault);
void ntlm_keys_free(struct ntlm_keys *keys); /* wipes */
/* In place; signature is 16 bytes over `signed_bytes` (which for DCE/RPC are more than the sealed
 * ones). */
bool ntlm_seal(struct ntlm_keys *keys, const void *signed_bytes, size_t signed_length,
    uint8_t *sealed, size_t sealed_length, uint8_t ret_signature[16]);
bool ntlm_unseal(struct ntlm_keys *keys, const void *signed_bytes, size_t signed_length,
    uint8_t *sealed, size_t sealed_length, const uint8_t signature[16]);
bool ntlm_sign(struct ntlm_keys *keys, const void *bytes, size_t length, uint8_t ret_signature[16]);

#endif
