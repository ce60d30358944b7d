#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "net/tls_private.h"

/* What a certificate says, as texts in the arena of a tls_seen. */

static const char *hex(struct arena *arena, const unsigned char *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    char *text = arena_alloc(arena, 2 * length + 1);
    for (size_t i = 0; i < length; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 0xF];
    }
    return text;
}

/* Bytes of a peer as a C string: a NUL within must not hide what follows it. */
static char *text_of(struct arena *arena, const unsigned char *bytes, size_t length)
{
    char *text = arena_strndup(arena, (const char *)bytes, length);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\0')
            text[i] = '?';
    }
    return text;
}

static char *string_of(struct arena *arena, const ASN1_STRING *string)
{
    return text_of(arena, ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));
}

static const char *name_text(struct arena *arena, const X509_NAME *name)
{
    const char *text = "";
    unsigned char *bytes = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    /* UTF-8 stays; control characters and separators are escaped. */
    unsigned long flags = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
    if (bio != NULL && X509_NAME_print_ex(bio, name, 0, flags) >= 0) {
        long length = BIO_get_mem_data(bio, &bytes);
        if (length > 0)
            text = text_of(arena, bytes, (size_t)length);
    }
    BIO_free(bio);
    return text;
}

static const char *serial_text(struct arena *arena, const X509 *cert)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
    return hex(arena, ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial));
}

static const char *key_text(struct arena *arena, const X509 *cert)
{
    EVP_PKEY *key = X509_get0_pubkey(cert);
    if (key == NULL)
        return "unknown";
    char group[40] = "";
    const char *type = EVP_PKEY_get0_type_name(key);
    if (type == NULL)
        type = "unknown";
    if (EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 && strcmp(type, "EC") == 0)
        return arena_printf(arena, "EC %s", group);
    if (strcmp(type, "RSA") == 0 || strcmp(type, "RSA-PSS") == 0 || strcmp(type, "DSA") == 0)
        return arena_printf(arena, "%s %d", type, EVP_PKEY_get_bits(key));
    return arena_strdup(arena, type);
}

static int64_t seconds_of(const ASN1_TIME *time)
{
    int64_t seconds = 0;
    int days = 0;
    int rest = 0;
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    if (epoch != NULL && ASN1_TIME_diff(&days, &rest, epoch, time) == 1)
        seconds = (int64_t)days * 86400 + rest;
    ASN1_TIME_free(epoch);
    return seconds;
}

/* RFC 5280 §4.2.2.1, the first caIssuers that is a URL */
static const char *aia_text(struct arena *arena, const X509 *cert)
{
    const char *url = NULL;
    AUTHORITY_INFO_ACCESS *access = X509_get_ext_d2i(cert, NID_info_access, NULL, NULL);
    for (int i = 0; url == NULL && i < sk_ACCESS_DESCRIPTION_num(access); i++) {
        const ACCESS_DESCRIPTION *entry = sk_ACCESS_DESCRIPTION_value(access, i);
        if (OBJ_obj2nid(entry->method) == NID_ad_ca_issuers && entry->location->type == GEN_URI)
            url = string_of(arena, entry->location->d.uniformResourceIdentifier);
    }
    AUTHORITY_INFO_ACCESS_free(access);
    return url;
}

static void fill_cert(struct arena *arena, X509 *cert, struct tls_cert *ret_cert)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    struct tls_cert filled = {
        .subject = name_text(arena, X509_get_subject_name(cert)),
        .issuer = name_text(arena, X509_get_issuer_name(cert)),
        .serial = serial_text(arena, cert),
        .sha256 = "",
        .key = key_text(arena, cert),
        .signature = arena_strdup(arena, OBJ_nid2ln(X509_get_signature_nid(cert))),
        .not_before = seconds_of(X509_get0_notBefore(cert)),
        .not_after = seconds_of(X509_get0_notAfter(cert)),
        .self_signed = X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0,
        .ca = X509_check_ca(cert) > 0,
        .aia = aia_text(arena, cert),
    };
    if (X509_digest(cert, EVP_sha256(), digest, &length) == 1)
        filled.sha256 = hex(arena, digest, length);
    *ret_cert = filled;
}

/* ---- names ------------------------------------------------------------------------------------
 */

static void add_name(struct tls_seen *seen, const char *name)
{
    if (seen->name_count < TLS_NAMES_MAX)
        seen->names[seen->name_count++] = name;
}

static void add_common_name(struct tls_seen *seen, const X509 *leaf)
{
    const X509_NAME *subject = X509_get_subject_name(leaf);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0)
        return;
    unsigned char *bytes = NULL;
    int length =
        ASN1_STRING_to_UTF8(&bytes, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (length >= 0)
        add_name(seen, text_of(&seen->arena, bytes, (size_t)length));
    OPENSSL_free(bytes);
}

static void add_names(struct tls_seen *seen, const X509 *leaf)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        struct net_address address;
        if (name->type == GEN_DNS)
            add_name(seen, string_of(&seen->arena, name->d.dNSName));
        else if (name->type == GEN_IPADD &&
                 net_address_from_bytes(ASN1_STRING_get0_data(name->d.iPAddress),
                     (size_t)ASN1_STRING_length(name->d.iPAddress), 0, &address))
            add_name(seen, arena_strdup(&seen->arena, address.text));
    }
    GENERAL_NAMES_free(names);
    if (seen->name_count == 0)
        add_common_name(seen, leaf);
}

/* ---- channel binding --------------------------------------------------------------------------
 */

/* RFC 5929 §4.1: the hash of the signature's algorithm, SHA-256 in place of MD5 and SHA-1. Where a
 * signature has no hash (Ed25519) the RFC is silent; SHA-256 is what implementations use. */
static void add_end_point(struct tls_seen *seen, X509 *leaf)
{
    int digest = NID_undef;
    unsigned length = 0;
    if (X509_get_signature_info(leaf, &digest, NULL, NULL, NULL) != 1 || digest == NID_md5 ||
        digest == NID_sha1 || digest == NID_undef)
        digest = NID_sha256;
    const EVP_MD *hash = EVP_get_digestbynid(digest);
    if (hash == NULL || EVP_MD_get_size(hash) > TLS_ENDPOINT_MAX)
        hash = EVP_sha256();
    if (X509_digest(leaf, hash, seen->end_point, &length) == 1)
        seen->end_point_length = length;
}

void tls_seen_chain(struct tls_seen *seen, STACK_OF(X509) * chain, X509 *leaf)
{
    for (int i = 0; i < sk_X509_num(chain) && seen->chain_count < TLS_CHAIN_MAX; i++)
        fill_cert(&seen->arena, sk_X509_value(chain, i), &seen->chain[seen->chain_count++]);
    if (leaf == NULL)
        return;
    if (seen->chain_count == 0)
        fill_cert(&seen->arena, leaf, &seen->chain[seen->chain_count++]);
    add_names(seen, leaf);
    add_end_point(seen, leaf);
    ERR_clear_error(); /* of extensions that could not be read */
}
