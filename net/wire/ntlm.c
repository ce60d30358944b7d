#include "net/wire/ntlm.h"

#include "net/wire/ntlm_crypto.h"
#include "net/wire/reader.h"
#include "net/wire/text.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <string.h>
#include <time.h>

/* 2.2.2.5 NEGOTIATE */
enum {
    FLAG_UNICODE = 0x00000001,
    FLAG_REQUEST_TARGET = 0x00000004,
    FLAG_SIGN = 0x00000010,
    FLAG_SEAL = 0x00000020,
    FLAG_DATAGRAM = 0x00000040,
    FLAG_NTLM = 0x00000200,
    FLAG_ALWAYS_SIGN = 0x00008000,
    FLAG_EXTENDED_SECURITY = 0x00080000,
    FLAG_TARGET_INFO = 0x00800000,
    FLAG_VERSION = 0x02000000,
    FLAG_128 = 0x20000000,
    FLAG_KEY_EXCHANGE = 0x40000000,
};
static const uint32_t flag_56 = 0x80000000; /* no int holds it */

/* 2.2.2.1 AV_PAIR */
enum {
    AV_END = 0,
    AV_NETBIOS_COMPUTER = 1,
    AV_NETBIOS_DOMAIN = 2,
    AV_DNS_COMPUTER = 3,
    AV_DNS_DOMAIN = 4,
    AV_DNS_TREE = 5,
    AV_FLAGS = 6,
    AV_TIMESTAMP = 7,
    AV_TARGET_NAME = 9,
    AV_CHANNEL_BINDINGS = 10,
    AV_FLAG_MIC = 2,
    AV_PAIRS_MAX = 64
};

enum { TYPE_NEGOTIATE = 1, TYPE_CHALLENGE = 2, TYPE_AUTHENTICATE = 3 };
enum { NEGOTIATE_SIZE = 40, CHALLENGE_HEAD_SIZE = 32, CHALLENGE_VERSION_END = 56 };
enum { AUTHENTICATE_HEAD_SIZE = 88, MIC_AT = 72 };

static const char signature[8] = "NTLMSSP"; /* with its NUL */

bool ntlm_hash(const char *password, uint8_t ret_hash[NTLM_HASH_SIZE], struct fault *fault)
{
    struct arena scratch = {0};
    size_t length = 0;
    uint8_t *utf16 = utf8_to_utf16le(&scratch, password, &length);
    bool ok = md4_of(utf16, length, ret_hash);
    OPENSSL_cleanse(utf16, length);
    arena_done(&scratch);
    if (!ok)
        return fault_set(fault, CAUSE_UNSUPPORTED, ORIGIN_EXREACH, 0,
            "MD4 is not to be had: OpenSSL's legacy provider is missing");
    return true;
}

/* SIGN only where messages are to be protected: inside TLS, Samba's LDAP refuses a bind that could
 * sign (result 53). Key exchange goes with SIGN, 3.1.5.1.2. */
static uint32_t wanted_flags(unsigned flags)
{
    uint32_t wanted = FLAG_UNICODE | FLAG_REQUEST_TARGET | FLAG_NTLM | FLAG_ALWAYS_SIGN |
                      FLAG_EXTENDED_SECURITY | FLAG_VERSION | FLAG_128 | FLAG_TARGET_INFO | flag_56;
    if (flags & (NTLM_WANT_SIGN | NTLM_WANT_SEAL))
        wanted |= FLAG_SIGN | FLAG_KEY_EXCHANGE;
    if (flags & NTLM_WANT_SEAL)
        wanted |= FLAG_SEAL;
    if (flags & NTLM_DATAGRAM)
        wanted |= FLAG_DATAGRAM;
    return wanted;
}

/* 2.2.2.10 VERSION. For debugging only; some acceptors look for one of a Windows that exists. */
static void write_version(struct writer *writer)
{
    write_u8(writer, 10);
    write_u8(writer, 0);
    write_le16(writer, 17763);
    write_zeros(writer, 3);
    write_u8(writer, 15); /* NTLMSSP_REVISION_W2K3 */
}

void ntlm_negotiate(struct arena *arena, unsigned flags, uint8_t **ret_token, size_t *ret_length)
{
    /* 2.2.1.1, without domain and workstation names. */
    struct writer writer = writer_of(arena_alloc(arena, NEGOTIATE_SIZE), NEGOTIATE_SIZE);
    write_bytes(&writer, signature, sizeof signature);
    write_le32(&writer, TYPE_NEGOTIATE);
    write_le32(&writer, wanted_flags(flags));
    for (int i = 0; i < 2; i++) {
        write_zeros(&writer, 4);
        write_le32(&writer, NEGOTIATE_SIZE);
    }
    write_version(&writer);
    *ret_token = writer.bytes;
    *ret_length = writer.length;
}

/* One AV pair of target info; false at the end (MsvAvEOL) or past it. */
static bool next_pair(
    struct reader *info, unsigned *ret_id, const uint8_t **ret_value, size_t *ret_length)
{
    *ret_id = read_le16(info);
    *ret_length = read_le16(info);
    *ret_value = read_bytes(info, *ret_length);
    return reader_ok(info) && *ret_id != AV_END;
}

static void keep_pair(struct arena *arena, struct ntlm_challenge *challenge, unsigned id,
    const uint8_t *value, size_t length)
{
    const struct {
        unsigned id;
        const char **text;
    } texts[] = {
        {AV_NETBIOS_COMPUTER, &challenge->netbios_computer},
        {AV_NETBIOS_DOMAIN, &challenge->netbios_domain},
        {AV_DNS_COMPUTER, &challenge->dns_computer},
        {AV_DNS_DOMAIN, &challenge->dns_domain},
        {AV_DNS_TREE, &challenge->dns_tree},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].id == id)
            *texts[i].text = utf16le_to_utf8(arena, value, length);
    }
    struct reader reader = reader_of(value, length);
    if (id == AV_TIMESTAMP)
        challenge->timestamp = read_le64(&reader);
}

static bool parse_target_info(
    struct arena *arena, struct reader info, struct ntlm_challenge *challenge, struct fault *fault)
{
    challenge->target_info = arena_copy(arena, info.bytes, info.length);
    challenge->target_info_length = info.length;
    unsigned id = AV_END;
    const uint8_t *value = NULL;
    size_t length = 0;
    /* The list may end without MsvAvEOL where its length says so. */
    for (size_t count = 0; reader_left(&info) > 0; count++) {
        if (count == AV_PAIRS_MAX)
            return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
                "the NTLM challenge has more than %d AV pairs", AV_PAIRS_MAX);
        if (!next_pair(&info, &id, &value, &length))
            break;
        keep_pair(arena, challenge, id, value, length);
    }
    if (!reader_ok(&info))
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "an AV pair of the NTLM challenge reaches beyond its end");
    return true;
}

/* What every message starts with: the signature and its type. */
static bool check_head(struct reader *reader, size_t length, struct fault *fault)
{
    if (length < CHALLENGE_HEAD_SIZE)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "the NTLM challenge is too short: %zu bytes", length);
    if (length > NTLM_MESSAGE_MAX)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "the NTLM challenge is too long: %zu bytes", length);
    const uint8_t *head = read_bytes(reader, sizeof signature);
    if (head == NULL || memcmp(head, signature, sizeof signature) != 0)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "the server's token is not NTLM: it does not start with NTLMSSP");
    uint32_t type = read_le32(reader);
    if (type != TYPE_CHALLENGE)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "NTLM message type %lu in place of a challenge (2)", (unsigned long)type);
    return true;
}

bool ntlm_challenge_parse(struct arena *arena, const void *token, size_t length,
    struct ntlm_challenge *ret_challenge, struct fault *fault)
{
    /* 2.2.1.2. Old servers end after the nonce, without target info and version. */
    struct reader reader = reader_of(token, length);
    if (!check_head(&reader, length, fault))
        return false;
    struct ntlm_challenge challenge = {0};
    size_t target_length = read_le16(&reader);
    read_skip(&reader, 2);
    size_t target_at = read_le32(&reader);
    challenge.flags = read_le32(&reader);
    const uint8_t *nonce = read_bytes(&reader, sizeof challenge.nonce);
    if (nonce != NULL)
        memcpy(challenge.nonce, nonce, sizeof challenge.nonce);
    struct reader tail = reader;
    read_skip(&tail, 8);
    size_t info_length = read_le16(&tail);
    read_skip(&tail, 2);
    size_t info_at = read_le32(&tail);
    if (!reader_ok(&tail) || !(challenge.flags & FLAG_TARGET_INFO))
        info_length = info_at = 0;

    struct reader target = reader_part(&reader, target_length == 0 ? 0 : target_at, target_length);
    struct reader info = reader_part(&reader, info_length == 0 ? 0 : info_at, info_length);
    if (!reader_ok(&target) || !reader_ok(&info))
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "a field of the NTLM challenge reaches beyond its %zu bytes", length);
    challenge.target = challenge.flags & FLAG_UNICODE
                           ? utf16le_to_utf8(arena, target.bytes, target.length)
                           : arena_strndup(arena, (const char *)target.bytes, target.length);
    /* Some set the flag and start their payload where the version would be. */
    bool room = (target_length == 0 || target_at >= CHALLENGE_VERSION_END) &&
                (info_length == 0 || info_at >= CHALLENGE_VERSION_END);
    if (challenge.flags & FLAG_VERSION && room) {
        challenge.version_major = read_u8(&tail);
        challenge.version_minor = read_u8(&tail);
        challenge.version_build = read_le16(&tail);
    }
    if (!parse_target_info(arena, info, &challenge, fault))
        return false;
    *ret_challenge = challenge;
    return true;
}

static void write_pair(struct writer *writer, unsigned id, const void *value, size_t length)
{
    if (length > UINT16_MAX)
        writer->failed = true;
    write_le16(writer, (uint16_t)id);
    write_le16(writer, (uint16_t)length);
    write_bytes(writer, value, length);
}

/* 3.1.5.1.2: the server's pairs, with ours in place of what it may have sent of them. */
static void write_pairs(struct arena *arena, struct writer *writer, const struct ntlm_input *input,
    const struct ntlm_challenge *challenge)
{
    struct reader info = reader_of(challenge->target_info, challenge->target_info_length);
    unsigned id = AV_END;
    const uint8_t *value = NULL;
    size_t length = 0;
    uint32_t av_flags = AV_FLAG_MIC;
    while (next_pair(&info, &id, &value, &length)) {
        struct reader flags = reader_of(value, length);
        if (id == AV_FLAGS)
            av_flags |= read_le32(&flags);
        else if (id != AV_TARGET_NAME && id != AV_CHANNEL_BINDINGS)
            write_pair(writer, id, value, length);
    }
    write_le16(writer, AV_FLAGS);
    write_le16(writer, 4);
    write_le32(writer, av_flags);
    if (input->bindings != NULL)
        write_pair(writer, AV_CHANNEL_BINDINGS, input->bindings, 16);
    if (input->target_name != NULL) {
        uint8_t *name = utf8_to_utf16le(arena, input->target_name, &length);
        write_pair(writer, AV_TARGET_NAME, name, length);
    }
    write_pair(writer, AV_END, NULL, 0);
}

/* time() of the C library: pure code has no other clock, and seconds are enough here. */
static uint64_t filetime_now(void)
{
    return ((uint64_t)time(NULL) + 11644473600U) * 10000000U;
}

/* Everything a Type 3 is made of. Holds keys: wiped by its maker. */
struct answer {
    struct piece domain, user, workstation, response, encrypted_key;
    uint32_t flags;
    uint8_t session_key[16], encrypted[16];
};

/* 3.3.2: NTProofStr and temp (2.2.2.7 NTLMv2_CLIENT_CHALLENGE) into the answer; the base key out.
 */
static bool make_response(struct arena *arena, const struct ntlm_input *input,
    const struct ntlm_challenge *challenge, struct answer *answer, uint8_t ret_base_key[16])
{
    uint8_t client_nonce[8], owf[16];
    if (input->client_nonce != NULL)
        memcpy(client_nonce, input->client_nonce, sizeof client_nonce);
    else if (RAND_bytes(client_nonce, sizeof client_nonce) != 1)
        return false;
    uint64_t now = challenge->timestamp;
    if (now == 0)
        now = input->now != 0 ? input->now : filetime_now();

    struct writer writer = writer_of(arena_alloc(arena, NTLM_MESSAGE_MAX), NTLM_MESSAGE_MAX);
    write_zeros(&writer, 16); /* NTProofStr */
    write_le16(&writer, 0x0101);
    write_zeros(&writer, 6);
    write_le64(&writer, now);
    write_bytes(&writer, client_nonce, sizeof client_nonce);
    write_zeros(&writer, 4);
    write_pairs(arena, &writer, input, challenge);
    write_zeros(&writer, 4);
    if (!writer_ok(&writer))
        return false;

    struct reader all = reader_of(writer.bytes, writer.length);
    struct reader temp = reader_part(&all, 16, writer.length - 16);
    bool ok =
        ntlm_owf_v2(input->hash, input->user, input->domain, owf) &&
        ntlm_proof(owf, challenge->nonce, temp.bytes, temp.length, writer.bytes, ret_base_key);
    answer->response = (struct piece){writer.bytes, writer.length};
    OPENSSL_cleanse(owf, sizeof owf);
    return ok;
}

/* 3.1.5.1.2: with key exchange a random key goes under the base key (which for NTLMv2 is the key
 * exchange key, 3.4.5.1), else the base key is the session key. */
static bool make_session_key(
    const struct ntlm_input *input, const uint8_t base_key[16], struct answer *answer)
{
    if (!(answer->flags & FLAG_KEY_EXCHANGE)) {
        memcpy(answer->session_key, base_key, 16);
        return true;
    }
    if (input->session_key != NULL)
        memcpy(answer->session_key, input->session_key, 16);
    else if (RAND_priv_bytes(answer->session_key, 16) != 1)
        return false;
    memcpy(answer->encrypted, answer->session_key, 16);
    answer->encrypted_key = (struct piece){answer->encrypted, 16};
    struct rc4 *rc4 = rc4_new(base_key);
    bool ok = rc4 != NULL && rc4_apply(rc4, answer->encrypted, 16);
    rc4_free(rc4);
    return ok;
}

static void write_field(struct writer *writer, struct piece piece, size_t offset)
{
    if (piece.length > UINT16_MAX)
        writer->failed = true;
    write_le16(writer, (uint16_t)piece.length);
    write_le16(writer, (uint16_t)piece.length);
    write_le32(writer, (uint32_t)offset);
}

/* 2.2.1.3, with VERSION and a MIC of zeros. */
static void write_authenticate(struct writer *writer, const struct answer *answer)
{
    static const uint8_t no_lm[24];
    const struct piece payload[] = {answer->domain, answer->user, answer->workstation,
        {no_lm, sizeof no_lm}, answer->response, answer->encrypted_key};
    enum { DOMAIN_NAME, USER_NAME, WORKSTATION, LM, NT, KEY };
    static const int order[] = {LM, NT, DOMAIN_NAME, USER_NAME, WORKSTATION, KEY};

    /* Payload in this order, header fields in the specification's. */
    size_t offsets[6], at = AUTHENTICATE_HEAD_SIZE;
    for (size_t i = 0; i < 6; i++) {
        offsets[i] = at;
        at += payload[i].length;
    }
    write_bytes(writer, signature, sizeof signature);
    write_le32(writer, TYPE_AUTHENTICATE);
    for (size_t i = 0; i < 6; i++)
        write_field(writer, payload[order[i]], offsets[order[i]]);
    write_le32(writer, answer->flags);
    write_version(writer);
    write_zeros(writer, 16);
    for (size_t i = 0; i < 6; i++)
        write_bytes(writer, payload[i].bytes, payload[i].length);
}

/* What both sides can, 3.1.5.1.2; false: not enough for what the caller needs. */
static bool agree_flags(const struct ntlm_input *input, const struct ntlm_challenge *challenge,
    uint32_t *ret_flags, struct fault *fault)
{
    const uint32_t protect = FLAG_EXTENDED_SECURITY | FLAG_128 | FLAG_KEY_EXCHANGE | FLAG_SIGN;
    uint32_t flags = wanted_flags(input->flags) & (challenge->flags | FLAG_VERSION);
    if (!(flags & FLAG_UNICODE))
        return fault_set(fault, CAUSE_UNSUPPORTED, ORIGIN_EXREACH, 0,
            "the server's NTLM does not offer Unicode");
    bool protection = (input->flags & (NTLM_WANT_SIGN | NTLM_WANT_SEAL)) != 0;
    if (protection && (flags & protect) != protect)
        return fault_set(fault, CAUSE_UNSUPPORTED, ORIGIN_EXREACH, 0,
            "the server's NTLM (flags %08lx) cannot protect messages with 128-bit keys",
            (unsigned long)challenge->flags);
    if ((input->flags & NTLM_WANT_SEAL) && !(flags & FLAG_SEAL))
        return fault_set(fault, CAUSE_UNSUPPORTED, ORIGIN_EXREACH, 0,
            "the server's NTLM (flags %08lx) does not offer sealing",
            (unsigned long)challenge->flags);
    /* Without SIGN implementations differ about key exchange: leave it out. */
    if (!(flags & FLAG_SIGN))
        flags &= ~(uint32_t)FLAG_KEY_EXCHANGE;
    *ret_flags = flags;
    return true;
}

bool ntlm_authenticate(struct arena *arena, const struct ntlm_input *input,
    const struct ntlm_challenge *challenge, uint8_t **ret_token, size_t *ret_length,
    uint8_t ret_session_key[16], struct fault *fault)
{
    struct answer answer = {0};
    if (!agree_flags(input, challenge, &answer.flags, fault))
        return false;
    size_t length = 0;
    const uint8_t *text = utf8_to_utf16le(arena, input->domain, &length);
    answer.domain = (struct piece){text, length};
    text = utf8_to_utf16le(arena, input->user, &length);
    answer.user = (struct piece){text, length};
    text = utf8_to_utf16le(arena, input->workstation, &length);
    answer.workstation = (struct piece){text, length};

    bool ok = false;
    uint8_t base_key[16], mic[16];
    struct writer writer = writer_of(arena_alloc(arena, NTLM_MESSAGE_MAX), NTLM_MESSAGE_MAX);
    if (!make_response(arena, input, challenge, &answer, base_key) ||
        !make_session_key(input, base_key, &answer)) {
        fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "no NTLM answer could be computed (OpenSSL, or a name of absurd length)");
        goto out;
    }
    write_authenticate(&writer, &answer);
    const struct piece messages[] = {{input->negotiate, input->negotiate_length},
        {input->challenge, input->challenge_length}, {writer.bytes, writer.length}};
    if (!writer_ok(&writer) || !hmac_md5(answer.session_key, messages, 3, mic)) {
        fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "the NTLM answer is too long");
        goto out;
    }
    struct writer again = writer_of(writer.bytes, writer.length);
    again.length = MIC_AT;
    write_bytes(&again, mic, sizeof mic);
    memcpy(ret_session_key, answer.session_key, 16);
    *ret_token = writer.bytes;
    *ret_length = writer.length;
    ok = true;
out:
    OPENSSL_cleanse(&answer, sizeof answer);
    OPENSSL_cleanse(base_key, sizeof base_key);
    return ok;
}

bool channel_bindings_md5(
    const uint8_t *end_point, size_t length, uint8_t ret_md5[16], struct fault *fault)
{
    /* RFC 2744 §3.11 as [MS-NLMP] 3.1.1.2 hashes it: no addresses, then counted application data.
     */
    static const char prefix[] = "tls-server-end-point:";
    uint8_t head[20];
    struct writer writer = writer_of(head, sizeof head);
    write_zeros(&writer, 16);
    write_le32(&writer, (uint32_t)(sizeof prefix - 1 + length));
    const struct piece pieces[] = {
        {head, sizeof head}, {prefix, sizeof prefix - 1}, {end_point, length}};
    if (!md5_of(pieces, 3, ret_md5))
        return fault_set(
            fault, CAUSE_UNSUPPORTED, ORIGIN_EXREACH, 0, "MD5 is not to be had from OpenSSL");
    return true;
}
