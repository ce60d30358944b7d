/*
 * Why a step failed: the cause, who said so, the speaker's own code, and our words.
 *
 * A fault is passed and kept by value and never allocates. Causes are never collapsed: refused,
 * timed out, unreachable, reset and closed early stay apart from the socket to the report. The
 * words of a server are facts of the check; the text here is ours. It may quote hostile bytes:
 * renderers escape.
 */
#ifndef NET_FAULT_H
#define NET_FAULT_H

#include <stdbool.h>

/* X(symbol, name in JSON). The order is free; names are never renamed or reused. */
#define CAUSES(X)                                                                                 \
    X(NONE, "none")                                                                               \
    /* our own trouble: outcome ERROR, never the server's */                                      \
    X(INTERNAL, "internal")                                                                       \
    X(UNSUPPORTED, "unsupported")                                                                 \
    X(INTERRUPTED, "interrupted")                                                                 \
    X(NO_RETURN, "did-not-return")                                                                \
    /* names: DNS */                                                                              \
    X(NAME_TIMEOUT, "name-timeout")                                                               \
    X(NAME_NOT_FOUND, "name-not-found")           /* NXDOMAIN */                                  \
    X(NAME_NO_DATA, "name-no-data")               /* the name exists, not with this type */       \
    X(NAME_SERVER_FAILURE, "name-server-failure") /* SERVFAIL */                                  \
    X(NAME_REFUSED, "name-refused")               /* REFUSED, NOTIMP */                           \
    X(NAME_FORMAT, "name-format-error")           /* FORMERR: the server did not understand us */ \
    X(NAME_MALFORMED, "name-malformed")           /* we did not understand the server */          \
    X(NAME_LOOP, "name-loop")                     /* CNAME loop, or a chain over the cap */       \
    /* transport */                                                                               \
    X(TIMEOUT, "timeout")         /* our deadline passed; which step says the check */            \
    X(REFUSED, "refused")         /* RST to our SYN */                                            \
    X(UNREACHABLE, "unreachable") /* ICMP or no route */                                          \
    X(RESET, "reset")             /* RST on an open connection */                                 \
    X(CLOSED, "closed")           /* FIN before the answer was whole */                           \
    /* TLS */                                                                                     \
    X(NOT_TLS, "not-tls")                                                                         \
    X(TLS_ALERT, "tls-alert")       /* the peer's alert, code is its number */                    \
    X(TLS_PROTOCOL, "tls-protocol") /* no version or cipher in common, or broken records */       \
    X(CERT_EXPIRED, "certificate-expired")                                                        \
    X(CERT_NOT_YET_VALID, "certificate-not-yet-valid")                                            \
    X(CERT_NAME, "certificate-name")                                                              \
    X(CERT_UNTRUSTED, "certificate-untrusted") /* the chain ends in a root we do not trust */     \
    X(CERT_SELF_SIGNED, "certificate-self-signed")                                                \
    X(CERT_INCOMPLETE, "certificate-incomplete") /* an intermediate is missing */                 \
    X(CERT_PURPOSE, "certificate-purpose")                                                        \
    X(CERT_INVALID, "certificate-invalid") /* any other verify error, code is X509_V_ERR_… */   \
    X(CLIENT_CERT_WANTED, "client-certificate-wanted")                                            \
    /* HTTP */                                                                                    \
    X(NOT_HTTP, "not-http")                                                                       \
    X(HTTP_STATUS, "http-status")   /* a status that is not the expected one, code is it */       \
    X(REDIRECTED, "redirected")     /* to a place credentials must not follow */                  \
    X(TOO_LARGE, "too-large")       /* headers or body over our cap */                            \
    X(TRUNCATED, "truncated")       /* shorter than announced */                                  \
    X(MALFORMED, "malformed")       /* bytes that break their own format */                       \
    X(NOT_EXCHANGE, "not-exchange") /* a good answer, but not of this service */                  \
    /* logon */                                                                                   \
    X(NO_SCHEME, "no-scheme")                 /* no authentication scheme in common */            \
    X(CREDENTIAL_UNSAFE, "credential-unsafe") /* we refused to send credentials there */          \
    X(LOGON_REFUSED, "logon-refused")         /* refused, and the server does not say why */      \
    X(PASSWORD_WRONG, "password-wrong")                                                           \
    X(PASSWORD_EXPIRED, "password-expired")                                                       \
    X(PASSWORD_MUST_CHANGE, "password-must-change")                                               \
    X(ACCOUNT_UNKNOWN, "account-unknown")                                                         \
    X(ACCOUNT_REVOKED, "account-revoked") /* disabled, locked or expired: not said which */       \
    X(ACCOUNT_DISABLED, "account-disabled")                                                       \
    X(ACCOUNT_LOCKED, "account-locked")                                                           \
    X(ACCOUNT_EXPIRED, "account-expired")                                                         \
    X(LOGON_HOURS, "logon-hours")                                                                 \
    X(LOGON_WORKSTATION, "logon-workstation")                                                     \
    X(LOCKOUT_NEAR, "lockout-near") /* one failed logon more would lock the account */            \
    X(SPN_UNKNOWN, "spn-unknown")                                                                 \
    X(SPN_DUPLICATE, "spn-duplicate")                                                             \
    X(TICKET_REFUSED, "ticket-refused") /* the service cannot use our ticket */                   \
    X(ENCRYPTION_TYPE, "encryption-type")                                                         \
    X(CLOCK_SKEW, "clock-skew")                                                                   \
    X(KDC_ERROR, "kdc-error") /* any other KRB-ERROR, code is it */                               \
    /* LDAP */                                                                                    \
    X(STRONG_AUTH_REQUIRED, "strong-auth-required")                                               \
    X(CHANNEL_BINDING, "channel-binding")                                                         \
    X(REFERRAL, "referral")                                                                       \
    X(LDAP_RESULT, "ldap-result") /* any other result code, code is it */                         \
    X(NO_OBJECT, "no-object")     /* the search worked and found nothing */                       \
    X(AMBIGUOUS, "ambiguous")     /* … found more than one */                                   \
    /* Exchange's own answers */                                                                  \
    X(NO_MAILBOX, "no-mailbox")                                                                   \
    X(ACCESS_DENIED, "access-denied")                                                             \
    X(AUTODISCOVER_ERROR, "autodiscover-error") /* <Error>, code is ErrorCode */                  \
    X(SOAP_FAULT, "soap-fault")                 /* the text carries the ResponseCode */           \
    X(SERVER_BUSY, "server-busy")                                                                 \
    X(MAPI_ERROR, "mapi-error") /* X-ResponseCode, or a code that no other cause fits */          \
    X(RPC_FAULT, "rpc-fault")   /* the server of an RPC says so, or its proxy; code is the status */

enum cause {
#define X(symbol, name) CAUSE_##symbol,
    CAUSES(X)
#undef X
        CAUSE_COUNT
};

/* X(symbol, name in JSON, what `code` is) */
#define ORIGINS(X)                                                                      \
    X(EXREACH, "exreach", "nothing, 0")                                                 \
    X(SYSTEM, "system", "errno")                                                        \
    X(DNS, "dns", "rcode, or the c-ares status where no answer came")                   \
    X(TLS, "tls", "alert number, or OpenSSL's reason code")                             \
    X(X509, "x509", "X509_V_ERR_…")                                                     \
    X(CURL, "curl", "CURLcode")                                                         \
    X(HTTP, "http", "status")                                                           \
    X(LDAP, "ldap", "LDAP result code")                                                 \
    X(KRB5, "krb5", "KRB-ERROR code of the wire, or a library code where no KDC spoke") \
    X(GSS, "gss", "minor status")                                                       \
    X(NTSTATUS, "ntstatus", "NTSTATUS")                                                 \
    X(SOAP, "soap", "HTTP status that carried it")                                      \
    X(AUTODISCOVER, "autodiscover", "ErrorCode")                                        \
    X(RPC, "rpc", "RPC status")                                                         \
    X(MAPI, "mapi", "MAPI or ROP error code")

enum origin {
#define X(symbol, name, code) ORIGIN_##symbol,
    ORIGINS(X)
#undef X
        ORIGIN_COUNT
};

enum { FAULT_TEXT_SIZE = 200 };

struct fault {
    enum cause cause;
    enum origin origin;
    long code;
    char text[FAULT_TEXT_SIZE]; /* UTF-8 is not promised; NUL-terminated always */
};

/* Fills *fault; a NULL fault is allowed. Always returns false, so that `return fault_set(…)` reads
 * well in functions that return success. */
bool fault_set(
    struct fault *fault, enum cause cause, enum origin origin, long code, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 5, 6)))
#endif
    ;

const char *cause_str(enum cause cause);    /* "refused" */
const char *origin_str(enum origin origin); /* "system" */
/* The inverses, for saved surveys; false for an unknown name. */
bool cause_parse(const char *name, enum cause *ret_cause);
bool origin_parse(const char *name, enum origin *ret_origin);

#endif
