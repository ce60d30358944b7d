#include "ntlm_messages.h"

#include <string.h>
#include <strings.h>
#include <time.h>

static const unsigned char signature[8] = "NTLMSSP";

enum {
    AV_EOL = 0,
    AV_NB_COMPUTER = 1,
    AV_NB_DOMAIN = 2,
    AV_DNS_COMPUTER = 3,
    AV_DNS_DOMAIN = 4,
    AV_DNS_TREE = 5,
    AV_FLAGS = 6,
    AV_TIMESTAMP = 7,
    AV_CHANNEL_BINDINGS = 10
};

static uint32_t le16(const unsigned char *at)
{
    return (uint32_t)(at[0] | at[1] << 8);
}

static uint32_t le32(const unsigned char *at)
{
    return le16(at) | le16(at + 2) << 16;
}

int ntlm_type(const void *token, size_t len)
{
    const unsigned char *bytes = token;

    if (len < 12 || memcmp(bytes, signature, sizeof signature) != 0)
        return 0;
    switch (le32(bytes + 8)) {
    case 1:
        return 1;
    case 3:
        return 3;
    default:
        return 0;
    }
}

bool ntlm_parse_negotiate(const void *token, size_t len, uint32_t *ret_flags)
{
    if (ntlm_type(token, len) != 1 || len < 16)
        return false;
    *ret_flags = le32((const unsigned char *)token + 12);
    return true;
}

static void put_utf16(struct buf *to, const char *ascii)
{
    for (const char *p = ascii; *p != '\0'; p++)
        buf_le16(to, (unsigned char)*p);
}

static void put_av(struct buf *to, unsigned id, const char *ascii)
{
    buf_le16(to, id);
    buf_le16(to, (unsigned)(strlen(ascii) * 2));
    put_utf16(to, ascii);
}

static void put_timestamp(struct buf *to)
{
    struct timespec now;
    uint64_t ticks;

    clock_gettime(CLOCK_REALTIME, &now);
    ticks = ((uint64_t)now.tv_sec + 11644473600u) * 10000000u + (uint64_t)now.tv_nsec / 100;
    buf_le16(to, AV_TIMESTAMP);
    buf_le16(to, 8);
    buf_le32(to, ticks & 0xffffffffu);
    buf_le32(to, ticks >> 32);
}

static void put_target_info(struct buf *to, const struct config *config, const struct node *node)
{
    put_av(to, AV_NB_DOMAIN, config->domain);
    put_av(to, AV_NB_COMPUTER, node->netbios);
    put_av(to, AV_DNS_DOMAIN, config->dns_domain);
    put_av(to, AV_DNS_COMPUTER, node->name);
    put_av(to, AV_DNS_TREE, config->dns_domain);
    put_timestamp(to);
    buf_le32(to, AV_EOL);
}

static void put_fields(struct buf *to, size_t len, size_t offset)
{
    buf_le16(to, (unsigned)len);
    buf_le16(to, (unsigned)len);
    buf_le32(to, offset);
}

void ntlm_make_challenge(const struct config *config, const struct node *node, uint32_t asked,
    const unsigned char challenge[NTLM_CHALLENGE_SIZE], struct buf *ret_token)
{
    static const unsigned char version[8] = {10, 0, 0x63, 0x45, 0, 0, 0, 15}; /* 10.0.17763 */
    static const unsigned char reserved[8] = {0};
    const uint32_t optional =
        NTLM_SIGN | NTLM_SEAL | NTLM_ALWAYS_SIGN | NTLM_128 | NTLM_KEY_EXCHANGE | NTLM_56;
    struct buf name = {0};
    struct buf info = {0};

    put_utf16(&name, config->domain);
    put_target_info(&info, config, node);
    buf_add(ret_token, signature, sizeof signature);
    buf_le32(ret_token, 2);
    put_fields(ret_token, name.len, 56);
    buf_le32(ret_token, NTLM_UNICODE | NTLM_REQUEST_TARGET | NTLM_NTLM | NTLM_TARGET_TYPE_DOMAIN |
                            NTLM_EXTENDED_SECURITY | NTLM_TARGET_INFO | NTLM_VERSION |
                            (asked & optional));
    buf_add(ret_token, challenge, NTLM_CHALLENGE_SIZE);
    buf_add(ret_token, reserved, sizeof reserved);
    put_fields(ret_token, info.len, 56 + name.len);
    buf_add(ret_token, version, sizeof version);
    buf_add(ret_token, name.data, name.len);
    buf_add(ret_token, info.data, info.len);
    buf_done(&name);
    buf_done(&info);
}

struct field {
    const unsigned char *at;
    size_t len;
};

static bool get_field(const unsigned char *message, size_t len, size_t at, struct field *ret_field)
{
    size_t size = le16(message + at);
    size_t offset = le32(message + at + 4);

    if (size == 0) {
        *ret_field = (struct field){NULL, 0};
        return true;
    }
    if (offset > len || size > len - offset)
        return false;
    *ret_field = (struct field){message + offset, size};
    return true;
}

static size_t put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3f));
        to[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3f));
    to[2] = (char)(0x80 | (c >> 6 & 0x3f));
    to[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

static bool get_text(const struct field *field, bool unicode, char *to, size_t size)
{
    size_t step = unicode ? 2 : 1;
    size_t used = 0;

    for (size_t i = 0; i + step <= field->len; i += step) {
        uint32_t c = unicode ? le16(field->at + i) : field->at[i];

        if (c >= 0xd800 && c < 0xdc00 && i + 4 <= field->len) {
            i += 2;
            c = 0x10000 + ((c & 0x3ff) << 10) + (le16(field->at + i) & 0x3ff);
        }
        if (c == 0 || used + 5 > size)
            return false;
        used += put_utf8(to + used, c);
    }
    to[used] = '\0';
    return true;
}

/* The AV pairs of NTLMv2's client challenge (2.2.2.7), 28 bytes into it, after NTProofStr. */
static void read_av_pairs(struct ntlm_response *response)
{
    const unsigned char *at = response->nt + 16 + 28;
    size_t left = response->nt_len < 44 ? 0 : response->nt_len - 44;

    while (left >= 4) {
        uint32_t id = le16(at);
        size_t len = le16(at + 2);

        at += 4;
        left -= 4;
        if (id == AV_EOL || len > left)
            return;
        if (id == AV_FLAGS && len == 4)
            response->has_mic = (le32(at) & 2) != 0;
        if (id == AV_CHANNEL_BINDINGS && len == 16)
            response->bindings = at;
        at += len;
        left -= len;
    }
}

bool ntlm_parse_response(const void *token, size_t len, struct ntlm_response *ret_response)
{
    const unsigned char *message = token;
    struct ntlm_response response = {0};
    struct field fields[6];
    size_t first = len; /* where the payload begins */
    bool unicode;

    if (ntlm_type(token, len) != 3 || len < 64)
        return false;
    for (size_t i = 0; i < 6; i++) {
        if (!get_field(message, len, 12 + 8 * i, &fields[i]))
            return false;
        if (fields[i].len > 0 && (size_t)(fields[i].at - message) < first)
            first = (size_t)(fields[i].at - message);
    }
    response.flags = le32(message + 60);
    response.lm = fields[0].at;
    response.lm_len = fields[0].len;
    response.nt = fields[1].at;
    response.nt_len = fields[1].len;
    response.key = fields[5].at;
    response.key_len = fields[5].len;
    if (first >= 88)
        response.mic = message + 72;
    unicode = (response.flags & NTLM_UNICODE) != 0;
    if (!get_text(&fields[2], unicode, response.domain, sizeof response.domain) ||
        !get_text(&fields[3], unicode, response.user, sizeof response.user) ||
        !get_text(&fields[4], unicode, response.workstation, sizeof response.workstation))
        return false;
    if (response.nt_len > 24)
        read_av_pairs(&response);
    *ret_response = response;
    return true;
}
