/* The three messages of NTLM ([MS-NLMP] 2.2.1) and the key derivations a server needs (3.4). */
#ifndef FRONTEND_NTLM_MESSAGES_H
#define FRONTEND_NTLM_MESSAGES_H

#include "auth.h"

#include <stdint.h>

enum { NTLM_KEY_SIZE = 16, NTLM_MIC_SIZE = 16, NTLM_CHALLENGE_SIZE = 8 };

enum ntlm_flag {
    NTLM_UNICODE = 0x1,
    NTLM_REQUEST_TARGET = 0x4,
    NTLM_SIGN = 0x10,
    NTLM_SEAL = 0x20,
    NTLM_NTLM = 0x200,
    NTLM_ALWAYS_SIGN = 0x8000,
    NTLM_TARGET_TYPE_DOMAIN = 0x10000,
    NTLM_EXTENDED_SECURITY = 0x80000,
    NTLM_TARGET_INFO = 0x800000,
    NTLM_VERSION = 0x2000000,
    NTLM_128 = 0x20000000,
    NTLM_KEY_EXCHANGE = 0x40000000
};
#define NTLM_56 0x80000000u

/* What a type 3 says. The pointers look into the message. */
struct ntlm_response {
    char user[256];
    char domain[256];
    char workstation[256];
    uint32_t flags;
    const unsigned char *lm;
    size_t lm_len;
    const unsigned char *nt;
    size_t nt_len;
    const unsigned char *key;
    size_t key_len;
    bool has_mic;                  /* MsvAvFlags says so */
    const unsigned char *mic;      /* NULL: the message has no room for one */
    const unsigned char *bindings; /* MsvAvChannelBindings, 16 bytes, or NULL */
};

/* 1 or 3; 0: no NTLM message that a client may send. */
int ntlm_type(const void *token, size_t len);
bool ntlm_parse_negotiate(const void *token, size_t len, uint32_t *ret_flags);
/* Type 2 for the flags of a type 1. */
void ntlm_make_challenge(const struct config *config, const struct node *node, uint32_t asked,
    const unsigned char challenge[NTLM_CHALLENGE_SIZE], struct buf *ret_token);
bool ntlm_parse_response(const void *token, size_t len, struct ntlm_response *ret_response);

/* The challenge that the responses were computed over (3.3.1: extended session security mixes the
 * client's into NTLMv1). */
void ntlm_effective_challenge(
    const struct ntlm_response *response, unsigned char challenge[NTLM_CHALLENGE_SIZE]);
enum binding ntlm_binding(const struct ntlm_response *response, const struct channel *channel);
void ntlm_exported_key(const struct ntlm_response *response, const unsigned char *base_key,
    unsigned char ret_key[NTLM_KEY_SIZE]);
/* `messages` are type 1, 2 and 3; the MIC lies inside the last, `mic_offset` from the start. */
bool ntlm_mic_right(const struct buf *messages, size_t mic_offset, const unsigned char *key);
/* GSS_GetMIC over `data` with sequence number 0 (3.4.4.2). */
void ntlm_sign(const unsigned char *exported_key, uint32_t flags, bool from_client,
    const struct buf *data, unsigned char ret_signature[16]);

/* RC4, which OpenSSL 3 keeps in a provider of its own. */
struct rc4 {
    unsigned char box[256];
    unsigned char i;
    unsigned char j;
};

/* One direction of a session that signs and seals messages (3.4.4.2, 3.4.5). */
struct ntlm_direction {
    unsigned char sign_key[16];
    struct rc4 rc4;
    uint32_t sequence;
    bool key_exchange;
};

enum { NTLM_SIGNATURE_SIZE = 16 };

void ntlm_direction_init(struct ntlm_direction *direction, const unsigned char *exported_key,
    uint32_t flags, bool from_client);
/* Both work in place on `data`, a part of `message`; NULL data: it is signed only. */
void ntlm_seal(struct ntlm_direction *direction, const struct buf *message, unsigned char *data,
    size_t len, unsigned char ret_signature[NTLM_SIGNATURE_SIZE]);
bool ntlm_unseal(struct ntlm_direction *direction, const struct buf *message, unsigned char *data,
    size_t len, const unsigned char signature[NTLM_SIGNATURE_SIZE]);

#endif
