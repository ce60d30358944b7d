#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "net/tls_private.h"
#include "net/wire/text.h"

/* Judges what was seen: pure. */

/* ---- certificates -----------------------------------------------------------------------------
 */

/* In the order in which they explain: what is first is named, the others are mentioned. */
static const struct {
    enum cause cause;
    const char *word;
} ranks[] = {
    {CAUSE_CERT_EXPIRED, "expired"},
    {CAUSE_CERT_NOT_YET_VALID, "not yet valid"},
    {CAUSE_CERT_NAME, "wrong name"},
    {CAUSE_CERT_PURPOSE, "not for servers"},
    {CAUSE_CERT_SELF_SIGNED, "self-signed"},
    {CAUSE_CERT_INCOMPLETE, "incomplete chain"},
    {CAUSE_CERT_UNTRUSTED, "untrusted root"},
    {CAUSE_CERT_INVALID, "invalid"},
};
enum { RANK_COUNT = sizeof ranks / sizeof ranks[0] };

/* The issuer of a certificate was not found. A server may leave out the root, but no more: what
 * came alone and names a place to fetch its issuer from lacks an intermediate; else the root is not
 * ours. */
static enum cause missing_issuer(const struct tls_seen *seen)
{
    bool alone = seen->chain_count == 1 && !seen->chain[0].self_signed;
    return alone && seen->chain[0].aia != NULL ? CAUSE_CERT_INCOMPLETE : CAUSE_CERT_UNTRUSTED;
}

static enum cause cause_of(const struct tls_seen *seen, const struct tls_error *error)
{
    switch (error->code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return CAUSE_CERT_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return CAUSE_CERT_NOT_YET_VALID;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return CAUSE_CERT_NAME;
    case X509_V_ERR_INVALID_PURPOSE: /* further up it is no purpose of servers that is missing */
        return error->depth == 0 ? CAUSE_CERT_PURPOSE : CAUSE_CERT_INVALID;
    case X509_V_ERR_CERT_REJECTED:
        return CAUSE_CERT_PURPOSE;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return CAUSE_CERT_SELF_SIGNED;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return missing_issuer(seen);
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED:
        return CAUSE_CERT_UNTRUSTED;
    default:
        return CAUSE_CERT_INVALID;
    }
}

static size_t rank_of(enum cause cause)
{
    for (size_t i = 0; i < RANK_COUNT; i++) {
        if (ranks[i].cause == cause)
            return i;
    }
    return RANK_COUNT - 1;
}

/* "2024-01-31" */
static void day_text(int64_t seconds, char ret_day[16])
{
    struct arena arena = {0};
    snprintf(ret_day, 16, "%.10s", rfc3339(&arena, seconds));
    arena_done(&arena);
}

static void names_text(const struct tls_seen *seen, char *ret_text, size_t size)
{
    size_t used = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; i < seen->name_count && i < 3; i++) {
        int put =
            snprintf(ret_text + used, size - used, "%s%.40s", i == 0 ? "" : ", ", seen->names[i]);
        if (put < 0 || (size_t)put >= size - used)
            return;
        used += (size_t)put;
    }
    if (seen->name_count > 3)
        snprintf(ret_text + used, size - used, " and %zu more", seen->name_count - 3);
    if (seen->name_count == 0)
        snprintf(ret_text, size, "no name at all");
}

static void describe(const struct tls_seen *seen, const struct tls_error *error, enum cause cause,
    const char *host, char *ret_text, size_t size)
{
    static const struct tls_cert unknown = {.subject = "?", .issuer = "?"};
    size_t depth = error->depth < 0 ? 0 : (size_t)error->depth;
    const struct tls_cert *cert = depth < seen->chain_count ? &seen->chain[depth] : &unknown;
    const char *whose = depth == 0 ? "the certificate of" : "a certificate in the chain of";
    char detail[120];
    if (cause == CAUSE_CERT_EXPIRED) {
        day_text(cert->not_after, detail);
        snprintf(ret_text, size, "%s %.60s expired on %.10s", whose, host, detail);
    } else if (cause == CAUSE_CERT_NOT_YET_VALID) {
        day_text(cert->not_before, detail);
        snprintf(ret_text, size, "%s %.60s is not valid before %.10s", whose, host, detail);
    } else if (cause == CAUSE_CERT_NAME) {
        names_text(seen, detail, sizeof detail);
        snprintf(ret_text, size, "the certificate is not for %.50s but for %.90s", host, detail);
    } else if (cause == CAUSE_CERT_PURPOSE) {
        snprintf(ret_text, size, "%s %.60s may not be used for servers", whose, host);
    } else if (cause == CAUSE_CERT_SELF_SIGNED) {
        snprintf(
            ret_text, size, "the certificate of %.50s is self-signed (%.60s)", host, cert->subject);
    } else if (cause == CAUSE_CERT_INCOMPLETE) {
        snprintf(ret_text, size, "%.40s sent no intermediate: the issuer %.60s is missing", host,
            cert->issuer);
    } else if (cause == CAUSE_CERT_UNTRUSTED) {
        snprintf(ret_text, size, "the chain of %.40s ends in %.70s, which we do not trust", host,
            cert->self_signed ? cert->subject : cert->issuer);
    } else {
        snprintf(ret_text, size, "%s %.40s: %.80s", whose, host,
            X509_verify_cert_error_string(error->code));
    }
}

bool tls_seen_fault(const struct tls_seen *seen, const char *host, struct fault *ret_fault)
{
    const struct tls_error *worst = NULL;
    size_t worst_rank = RANK_COUNT;
    bool found[RANK_COUNT] = {false};
    for (size_t i = 0; i < seen->error_count; i++) {
        const struct tls_error *error = &seen->errors[i];
        size_t rank = rank_of(cause_of(seen, error));
        found[rank] = true;
        if (worst == NULL || rank < worst_rank ||
            (rank == worst_rank && error->depth < worst->depth)) {
            worst = error;
            worst_rank = rank;
        }
    }
    if (worst == NULL)
        return false;
    char text[FAULT_TEXT_SIZE];
    char others[FAULT_TEXT_SIZE] = "";
    describe(seen, worst, ranks[worst_rank].cause, host, text, sizeof text);
    for (size_t rank = worst_rank + 1; rank < RANK_COUNT; rank++) {
        size_t used = strlen(others);
        if (found[rank])
            snprintf(others + used, sizeof others - used, "%s%s", used == 0 ? "; also " : ", ",
                ranks[rank].word);
    }
    fault_set(ret_fault, ranks[worst_rank].cause, ORIGIN_X509, worst->code, "%s%s", text, others);
    return true;
}

/* ---- handshakes -------------------------------------------------------------------------------
 */

/* Alerts by which servers say that they miss a client certificate (RFC 5246 §7.2.2, RFC 8446 §6.2).
 */
static bool asks_for_certificate(int alert)
{
    return alert == SSL_AD_CERTIFICATE_REQUIRED || alert == SSL_AD_HANDSHAKE_FAILURE ||
           alert == SSL_AD_BAD_CERTIFICATE || alert == SSL_AD_NO_CERTIFICATE ||
           alert == SSL_AD_CERTIFICATE_UNKNOWN || alert == SSL_AD_ACCESS_DENIED;
}

/* What the alerts mean that servers send for want of something in common. */
static const char *alert_meaning(int alert)
{
    if (alert == SSL_AD_PROTOCOL_VERSION)
        return ": it speaks none of our versions, TLS 1.2 and 1.3";
    if (alert == SSL_AD_HANDSHAKE_FAILURE || alert == SSL_AD_INSUFFICIENT_SECURITY)
        return ": no version or cipher in common";
    if (alert == SSL_AD_UNRECOGNIZED_NAME)
        return ": it serves no such name";
    return "";
}

bool tls_alert_fault(const struct tls_seen *seen, const char *host, struct fault *ret_fault)
{
    int alert = seen->alert_received;
    if (alert < 0)
        return false;
    const char *name = SSL_alert_desc_string_long(alert);
    if (alert == SSL_AD_CERTIFICATE_REQUIRED ||
        (seen->client_cert_wanted && asks_for_certificate(alert)))
        fault_set(ret_fault, CAUSE_CLIENT_CERT_WANTED, ORIGIN_TLS, alert,
            "%.110s wants a client certificate (TLS alert %d, %s)", host, alert, name);
    else
        fault_set(ret_fault, CAUSE_TLS_ALERT, ORIGIN_TLS, alert,
            "%.110s ended the TLS handshake with alert %d, %s%s", host, alert, name,
            alert_meaning(alert));
    return true;
}

bool tls_handshake_fault(
    const struct tls_seen *seen, const char *host, enum sock_end end, struct fault *fault)
{
    const char *asked =
        seen->client_cert_wanted ? ", after it had asked for a client certificate" : "";
    if (seen->not_tls)
        return fault_set(fault, CAUSE_NOT_TLS, ORIGIN_TLS, seen->library_reason,
            "%.110s does not speak TLS on this port: it answers \"%s\"", host, seen->first_bytes);
    if (seen->library_reason == ERR_R_MALLOC_FAILURE)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "no memory for the TLS handshake with %.110s", host);
    if (tls_alert_fault(seen, host, fault))
        return false;
    if (seen->server_version != 0 && seen->server_version < TLS1_2_VERSION)
        return fault_set(fault, CAUSE_TLS_PROTOCOL, ORIGIN_TLS, seen->library_reason,
            "%.110s speaks only %s, which is too old (TLS 1.2 is the least)", host,
            seen->server_version == TLS1_1_VERSION ? "TLS 1.1" : "TLS 1.0 or older");
    /* What OpenSSL objects to comes before how the connection ended: the peer's end follows from
     * it. */
    bool objects =
        seen->library_reason != 0 && seen->library_reason != SSL_R_UNEXPECTED_EOF_WHILE_READING;
    if (objects && (seen->alert_sent >= 0 || end == SOCK_OPEN)) {
        const char *reason =
            ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, seen->library_reason));
        return fault_set(fault, CAUSE_TLS_PROTOCOL, ORIGIN_TLS, seen->library_reason,
            "no TLS with %.110s: %s", host, reason == NULL ? "broken records" : reason);
    }
    if (end == SOCK_RESET)
        return fault_set(fault, CAUSE_RESET, ORIGIN_SYSTEM, 0,
            "%.110s reset the connection (RST) within the TLS handshake%s", host, asked);
    if (end == SOCK_CLOSED)
        return fault_set(fault, CAUSE_CLOSED, ORIGIN_EXREACH, 0,
            "%.110s closed the connection within the TLS handshake%s", host, asked);
    return fault_set(fault, CAUSE_TLS_PROTOCOL, ORIGIN_TLS, seen->library_reason,
        "the TLS handshake with %.110s failed", host);
}
