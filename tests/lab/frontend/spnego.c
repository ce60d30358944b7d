#include "spnego.h"

#include <string.h>

static const unsigned char oid_spnego[] = {0x06, 0x06, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x02};
static const unsigned char oid_ntlm[] = {
    0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a};

/* A piece of DER not yet read. */
struct der {
    const unsigned char *at;
    size_t left;
};

/* Steps into (`ret_inside`) and over the next element if it has this tag. */
static bool der_next(struct der *der, unsigned tag, struct der *ret_inside)
{
    size_t head = 2;
    size_t len;

    if (der->left < 2 || der->at[0] != tag)
        return false;
    len = der->at[1];
    if (len >= 0x80) {
        size_t octets = len & 0x7f;

        if (octets == 0 || octets > 3 || der->left < 2 + octets)
            return false;
        len = 0;
        for (size_t i = 0; i < octets; i++)
            len = len << 8 | der->at[2 + i];
        head += octets;
    }
    if (len > der->left - head)
        return false;
    *ret_inside = (struct der){der->at + head, len};
    der->at += head + len;
    der->left -= head + len;
    return true;
}

static bool der_bytes(struct der *der, const unsigned char *bytes, size_t len)
{
    if (der->left < len || memcmp(der->at, bytes, len) != 0)
        return false;
    der->at += len;
    der->left -= len;
    return true;
}

/* The fields of a NegTokenInit or a NegTokenResp. */
static bool open_init(const void *token, size_t len, struct der *ret_fields)
{
    struct der all = {token, len};
    struct der application;
    struct der choice;

    return der_next(&all, 0x60, &application) &&
           der_bytes(&application, oid_spnego, sizeof oid_spnego) &&
           der_next(&application, 0xa0, &choice) && der_next(&choice, 0x30, ret_fields);
}

static bool open_resp(const void *token, size_t len, struct der *ret_fields)
{
    struct der all = {token, len};
    struct der choice;

    return der_next(&all, 0xa1, &choice) && der_next(&choice, 0x30, ret_fields);
}

/* Looks through optional fields, which come in the order of their tags. */
static bool find_field(struct der fields, unsigned tag, struct der *ret_inside)
{
    while (fields.left > 0) {
        if (der_next(&fields, tag, ret_inside))
            return true;
        if (!der_next(&fields, fields.at[0], ret_inside))
            return false;
    }
    return false;
}

bool spnego_prefers_ntlm(const void *token, size_t len)
{
    struct der fields;
    struct der types;
    struct der list;

    return open_init(token, len, &fields) && find_field(fields, 0xa0, &types) &&
           der_next(&types, 0x30, &list) && der_bytes(&list, oid_ntlm, sizeof oid_ntlm);
}

static bool field_octets(struct der fields, unsigned tag, struct buf *ret_bytes)
{
    struct der field;
    struct der octets;

    if (!find_field(fields, tag, &field) || !der_next(&field, 0x04, &octets))
        return false;
    buf_add(ret_bytes, octets.at, octets.left);
    return true;
}

bool spnego_unwrap(const void *token, size_t len, struct buf *ret_inner)
{
    struct der fields;

    if (!open_init(token, len, &fields) && !open_resp(token, len, &fields))
        return false;
    field_octets(fields, 0xa2, ret_inner);
    return true;
}

bool spnego_mech_types(const void *token, size_t len, struct buf *ret_types)
{
    struct der fields;
    struct der types;

    if (!open_init(token, len, &fields) || !find_field(fields, 0xa0, &types))
        return false;
    buf_add(ret_types, types.at, types.left);
    return true;
}

bool spnego_mech_list_mic(const void *token, size_t len, struct buf *ret_mic)
{
    struct der fields;

    return open_resp(token, len, &fields) && field_octets(fields, 0xa3, ret_mic);
}

static void put_element(struct buf *to, unsigned tag, const void *data, size_t len)
{
    unsigned char head[5] = {(unsigned char)tag};
    size_t head_len = 2;

    if (len < 0x80) {
        head[1] = (unsigned char)len;
    } else {
        head[1] = 0x82;
        head[2] = (unsigned char)(len >> 8 & 0xff);
        head[3] = (unsigned char)(len & 0xff);
        head_len = 4;
        if (len < 0x100) {
            head[1] = 0x81;
            head[2] = (unsigned char)len;
            head_len = 3;
        }
    }
    buf_add(to, head, head_len);
    buf_add(to, data, len);
}

static void put_octets_field(struct buf *to, unsigned tag, const struct buf *octets)
{
    struct buf inner = {0};

    if (octets == NULL || octets->len == 0)
        return;
    put_element(&inner, 0x04, octets->data, octets->len);
    put_element(to, tag, inner.data, inner.len);
    buf_done(&inner);
}

void spnego_wrap(enum spnego_state state, bool first, const struct buf *inner,
    const struct buf *mic, struct buf *ret_token)
{
    const unsigned char result[] = {0x0a, 0x01, (unsigned char)state};
    struct buf fields = {0};
    struct buf sequence = {0};

    put_element(&fields, 0xa0, result, sizeof result);
    if (first)
        put_element(&fields, 0xa1, oid_ntlm, sizeof oid_ntlm);
    put_octets_field(&fields, 0xa2, inner);
    put_octets_field(&fields, 0xa3, mic);
    put_element(&sequence, 0x30, fields.data, fields.len);
    put_element(ret_token, 0xa1, sequence.data, sequence.len);
    buf_done(&fields);
    buf_done(&sequence);
}
