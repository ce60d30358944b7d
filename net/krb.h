/*
 * Kerberos without blocking: MIT's stepwise calls with a transport of our own. RFC 4120, RFC 6806.
 *
 * Tickets go into a MEMORY: credential cache, where GSSAPI finds them without touching the network.
 * TCP first: the same wrong-password AS-REQ sent twice over UDP would count twice. Wire codes come
 * from krb5_rd_error on the reply, never from library codes.
 *
 * Threads: a struct krb is shared by all threads of a run; each call opens its own krb5_context.
 * The cache is filled by krb_login() (once) and krb_ticket(); both may run at the same time for
 * different names.
 */
#ifndef NET_KRB_H
#define NET_KRB_H

#include "net/arena.h"
#include "net/secret.h"
#include "net/sock.h"

#include <gssapi/gssapi.h>

struct krb;

/* account: "svc@contoso.test" (a UPN: canonicalisation is asked for), realm: "CONTOSO.TEST".
 * krb_global_init() must have run. Causes: INTERNAL, UNSUPPORTED. */
bool krb_new(const char *account, const char *realm, struct krb **ret_krb, struct fault *fault);
void krb_free(struct krb *krb);

/* Writes a private krb5.conf (no DNS look-ups, no canonicalisation, rdns false, the enctypes AD
 * uses), points KRB5_CONFIG to it, and loads the mechanisms; no GSSAPI plug-ins, no ldap.conf.
 * The only place that changes our environment: once, in main, before threads and before
 * directory_global_init(). */
bool krb_global_init(struct fault *fault);
void krb_global_done(void); /* removes the file */

/* What a KDC answered: filled as far as it came, also where the call fails. */
struct krb_reply {
    bool answered;       /* a well-formed KRB message came */
    int32_t error;       /* KRB-ERROR code of the wire; 0: no error */
    uint32_t ntstatus;   /* from e-data, 0: none ([MS-KILE] 2.2.1 KERB-EXT-ERROR) */
    char text[128];      /* e-text */
    int64_t server_time; /* stime in seconds since the epoch, 0: not told */
    char etypes[128];    /* ETYPE-INFO2, "aes256-cts rc4-hmac", "" */
    char realm[128];     /* the realm that answered */
    int64_t elapsed_us;
};

/* 1. AS-REQ without pre-authentication: spends no logon attempt. `kdc` is reached over `sock` if
 * that is not NET_SOCK_NONE (used, and closed by the KDC or left open), else over a connection of
 * its own. True: the account is usable as far as the KDC tells (KDC_ERR_PREAUTH_REQUIRED 25, or an
 * AS-REP). Causes: transport; MALFORMED; ACCOUNT_UNKNOWN (6) ACCOUNT_REVOKED (18) ACCOUNT_DISABLED
 * ACCOUNT_LOCKED ACCOUNT_EXPIRED LOGON_HOURS LOGON_WORKSTATION (18 or 12 with NTSTATUS)
 * PASSWORD_EXPIRED (23) PASSWORD_MUST_CHANGE (23 with NTSTATUS) ENCRYPTION_TYPE (14) CLOCK_SKEW
 * (37) KDC_ERROR. */
bool krb_ask(struct krb *krb, const struct net_address *kdc, net_sock sock, struct net_limit limit,
    struct krb_reply *ret_reply, struct fault *fault);

/* The same by UDP only, one datagram: true where the KDC answers at all, whatever it says of the
 * account. Causes: transport, MALFORMED. */
bool krb_ask_udp(struct krb *krb, const struct net_address *kdc, struct net_limit limit,
    struct krb_reply *ret_reply, struct fault *fault);

/* 2. The AS exchange with the password: at most one attempt. The TGT goes into the cache; a
 * further login, at another KDC, leaves the cache as it is. Causes as
 * above and PASSWORD_WRONG (24). `*ret_sent`: the encrypted timestamp left this host, so an attempt
 * may count. */
bool krb_login(struct krb *krb, const struct net_address *kdc, const struct secret *secret,
    struct net_limit limit, bool *ret_sent, struct krb_reply *ret_reply, struct fault *fault);

/* -k: takes the tickets of the user's own cache (KRB5CCNAME) instead of 2. Where that holds none
 * and KRB5_CLIENT_KTNAME or KRB5_KTNAME names a keytab, true without a ticket (krb_has_ticket()
 * tells): krb_login() with a NULL secret then takes the account's key from it. Causes: INTERNAL (no
 * cache, expired; the text names it), UNSUPPORTED (a cache kind outside our deadlines). */
bool krb_adopt_cache(struct krb *krb, struct fault *fault);

/* Somebody's tickets, whoever is logged on here, under a state of their own: to read with, where
 * the account under test must not be used yet. Only a cache as for krb_adopt_cache(), no keytab. */
bool krb_reader(struct krb **ret_krb, struct fault *fault);
const char *krb_realm(const struct krb *krb);
const char *krb_account(const struct krb *krb); /* of a reader: its principal */

bool krb_has_ticket(const struct krb *krb); /* a TGT is in the cache */

/* 3. A service ticket for service/host; kdc answers for our realm. Idempotent: a ticket already in
 * the cache is not asked for again. A referral to a realm whose KDC we were not given is
 * UNSUPPORTED. Causes: transport; SPN_UNKNOWN (7) SPN_DUPLICATE (8) ENCRYPTION_TYPE (14) CLOCK_SKEW
 * (37) KDC_ERROR INTERNAL. */
struct krb_ticket {
    char server[256]; /* the principal as issued */
    char etype[32];   /* of the ticket: "aes256-cts-hmac-sha1-96" */
    int64_t ends;
    size_t size; /* bytes of the ticket */
};
bool krb_service_ticket(struct krb *krb, const struct net_address *kdc, const char *service,
    const char *host, struct net_limit limit, struct krb_ticket *ret_ticket,
    struct krb_reply *ret_reply, struct fault *fault);

/* For net/secctx: a credential handle of the caller's own on the cache (SPNEGO limited to krb5, or
 * krb5). */
bool krb_gss_credential(
    struct krb *krb, bool spnego, gss_cred_id_t *ret_credential, struct fault *fault);

#endif
