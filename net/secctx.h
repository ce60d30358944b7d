/*
 * Security contexts: token in, token out. Kerberos by GSSAPI, NTLM by net/wire/ntlm, behind one
 * face.
 *
 * One context authenticates one connection to one service. Channel bindings are always sent where
 * the connection has TLS (RFC 5929 tls-server-end-point).
 */
#ifndef NET_SECCTX_H
#define NET_SECCTX_H

#include "net/krb.h"
#include "net/wire/ntlm.h"

enum sec_mechanism {
    SEC_KERBEROS,       /* SPNEGO limited to krb5: for Negotiate and GSS-SPNEGO */
    SEC_KERBEROS_PLAIN, /* bare krb5: for SASL GSSAPI and DCE/RPC */
    SEC_NTLM /* raw NTLMSSP: for NTLM, and for Negotiate and GSS-SPNEGO, which take it raw */
};

enum sec_flags {
    SEC_SIGN = 1, /* ask for message protection */
    SEC_SEAL = 2,
    SEC_DCE = 4 /* for DCE/RPC: Kerberos in three legs, protection by secctx_protect() */
};

struct sec_target {
    const char *service; /* "HTTP", "ldap" */
    const char *host;
    const uint8_t *end_point; /* tls-server-end-point hash, or NULL: no TLS */
    size_t end_point_length;
    unsigned flags;
};

struct sec_account {
    const char *user; /* NTLM: "svc" with a domain, or a UPN with domain "" */
    const char *domain;
    const struct secret *secret; /* NTLM */
    struct krb *krb;             /* Kerberos: the service ticket must be in its cache already */
};

struct secctx;
/* The texts of target and account must outlive the context. Causes: UNSUPPORTED INTERNAL. */
bool secctx_new(enum sec_mechanism mechanism, const struct sec_target *target,
    const struct sec_account *account, struct secctx **ret_context, struct fault *fault);
void secctx_free(struct secctx *context); /* wipes; NULL is allowed */

/* One step. input: the peer's token, NULL at first. *ret_output (in the context, until the next
 * step) may be empty at the end. *ret_done: nothing more is expected from the peer (its last token
 * may still come and is then given to a further step: mutual authentication). SEC_KERBEROS without
 * flags is done with its first token, SEC_KERBEROS_PLAIN when the peer has proved itself, SEC_NTLM
 * with Type 3. Causes: MALFORMED (NTLM Type 2, GSS token) TICKET_REFUSED CLOCK_SKEW (a KRB-ERROR in
 * the token) SPN_UNKNOWN (no ticket in the cache) UNSUPPORTED INTERNAL. */
bool secctx_step(struct secctx *context, const void *input, size_t length,
    const uint8_t **ret_output, size_t *ret_length, bool *ret_done, struct fault *fault);

/* The next output carries a proof of the password (NTLM Type 3, Kerberos AP-REQ): the gate must be
 * open. */
bool secctx_next_proves(const struct secctx *context);
/* What the NTLM server said of itself in its challenge; NULL before, and for Kerberos. */
const struct ntlm_challenge *secctx_challenge(const struct secctx *context);
/* Session key after the end, *ret_length bytes in the context. */
bool secctx_session_key(const struct secctx *context, const uint8_t **ret_key, size_t *ret_length);
/* Message protection after the end: gss_wrap / NTLM seal framing. In the context until the next
 * call. */
bool secctx_wrap(struct secctx *context, const void *bytes, size_t length,
    const uint8_t **ret_bytes, size_t *ret_length, struct fault *fault);
bool secctx_unwrap(struct secctx *context, const void *bytes, size_t length,
    const uint8_t **ret_bytes, size_t *ret_length, struct fault *fault);

/* Message protection of DCE/RPC, in place, [MS-RPCE] 3.3.1.5.2.2: the signature stands apart and
 * covers more than is sealed (the header before and the trailer behind it). */
struct sec_message {
    uint8_t *bytes; /* what is signed */
    size_t length;
    bool seal;                       /* else it is only signed */
    size_t sealed_at, sealed_length; /* within it */
    uint8_t *signature;
    size_t signature_length;
};
/* Of messages that are sealed or not, after the end; 0: there is no protection. */
size_t secctx_signature_size(const struct secctx *context, bool sealed);
/* signature_length is secctx_signature_size(). Cause: INTERNAL. */
bool secctx_protect(struct secctx *context, const struct sec_message *message, struct fault *fault);
/* Cause: MALFORMED. */
bool secctx_unprotect(
    struct secctx *context, const struct sec_message *message, struct fault *fault);

#endif
