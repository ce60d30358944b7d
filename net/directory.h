/*
 * LDAP by libldap over our own socket and TLS. RFC 4511, RFC 4513, [MS-ADTS].
 *
 * libldap never opens, resolves or waits: it gets a connected socket, and every operation is
 * asynchronous with our own poll. Referrals are never followed. Results are bounded.
 *
 * Common causes: TIMEOUT INTERRUPTED RESET CLOSED MALFORMED (broken BER) LDAP_RESULT (code: result
 * code, text: our words, then the server's diagnosticMessage) STRONG_AUTH_REQUIRED (8) REFERRAL
 * (10) INTERNAL.
 */
#ifndef NET_DIRECTORY_H
#define NET_DIRECTORY_H

#include "net/secctx.h"
#include "net/tls.h"

enum {
    DIRECTORY_ENTRIES_MAX = 1000, /* of one answer: what AD gives at most (MaxPageSize) */
    DIRECTORY_PAGED_MAX = 5000,
    DIRECTORY_VALUES_MAX = 2000
};

struct directory;

/* Takes over the socket and, where not NULL, the TLS connection: closes them also where this fails.
 */
bool directory_open(
    net_sock sock, struct tls_conn *tls, struct directory **ret_directory, struct fault *fault);
void directory_close(struct directory *directory); /* unbinds; NULL is allowed */
/* Once, in main, before threads. */
bool directory_global_init(struct fault *fault);

struct directory_value {
    const char *bytes; /* NUL-terminated beyond length */
    size_t length;
};

struct directory_attribute {
    const char *name;
    struct directory_value *values;
    size_t count;
};

struct directory_entry {
    const char *dn;
    struct directory_attribute *attributes;
    size_t count;
};

struct directory_result {
    struct directory_entry *entries; /* in the arena given to the search */
    size_t count;
    bool more;    /* a limit, ours or the server's, cut the answer */
    size_t bytes; /* of values received */
};

/* First value, or NULL; attribute names without regard to case. Of an attribute with more values
 * than the server sends at once the first part ("member;range=0-1499", [MS-ADTS] 3.1.1.3.1.3.3). */
const char *entry_text(const struct directory_entry *entry, const char *attribute);
const struct directory_attribute *entry_attribute(
    const struct directory_entry *entry, const char *attribute);
bool entry_int(const struct directory_entry *entry, const char *attribute, int64_t *ret_value);

enum directory_scope { DIRECTORY_BASE, DIRECTORY_ONE, DIRECTORY_SUBTREE };

struct directory_search {
    const char *base; /* "" for the rootDSE or, on a GC, the whole forest */
    enum directory_scope scope;
    const char *filter;
    const char *const *attributes; /* NULL-terminated; never NULL */
    size_t max;                    /* entries; 0: DIRECTORY_ENTRIES_MAX */
    bool paged; /* in pages (RFC 2696): more than the server gives at once, up to max entries; 0:
                   DIRECTORY_PAGED_MAX */
};

/* No entry is a success with count 0. noSuchObject (32) is NO_OBJECT. */
bool directory_search(struct directory *directory, const struct directory_search *search,
    struct net_limit limit, struct arena *arena, struct directory_result *ret_result,
    struct fault *fault);

/* StartTLS (RFC 4511 §4.14), then the handshake on the same socket; *ret_result: the LDAP result,
 * -1: none came. A certificate that does not verify is no failure here: see tls_seen_fault(). *seen
 * must outlive the directory. */
bool directory_starttls(struct directory *directory, const char *host,
    const struct tls_trust *trust, struct net_limit limit, struct tls_seen *seen, int *ret_result,
    struct fault *fault);

/* SASL bind with tokens of a security context: mechanism "GSSAPI" (RFC 4752, no layer inside TLS;
 * without TLS a signing and sealing layer is put on) with SEC_KERBEROS_PLAIN, "GSS-SPNEGO" with
 * SEC_NTLM. The context was made without flags inside TLS, with SEC_SIGN | SEC_SEAL without TLS;
 * then it must outlive the directory. Causes: PASSWORD_WRONG (49, data 52e) ACCOUNT_… PASSWORD_…
 * LOGON_… by the data code, LOGON_REFUSED (49 without one), CHANNEL_BINDING (data 80090346), and
 * secctx_step()'s. `*ret_sent`: a proof of the password left this host. */
bool directory_bind(struct directory *directory, const char *mechanism, struct secctx *context,
    struct net_limit limit, bool *ret_sent, struct fault *fault);
/* GSSAPI with a context made without flags, and no layer also where there is no TLS: only to learn
 * whether the server insists on one (LDAP signing). STRONG_AUTH_REQUIRED: it does. The connection
 * is good for nothing afterwards. */
bool directory_bind_bare(struct directory *directory, struct secctx *context,
    struct net_limit limit, struct fault *fault);
/* Simple bind; the connection must have TLS, else CREDENTIAL_UNSAFE and nothing is sent. */
bool directory_bind_simple(struct directory *directory, const char *user,
    const struct secret *secret, struct net_limit limit, bool *ret_sent, struct fault *fault);

/* RFC 4515 §3 escapes. */
char *directory_escape(struct arena *arena, const char *text);
/* "…AcceptSecurityContext error, data 52e, v1db1" to a cause; false: no data code in it. */
bool directory_data_cause(const char *diagnostic, enum cause *ret_cause, long *ret_data);

#endif
