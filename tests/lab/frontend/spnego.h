/* SPNEGO (RFC 4178, [MS-SPNG]) around NTLM, the acceptor's half: enough DER to unwrap what a
 * client sends and to wrap what it gets. Kerberos in SPNEGO is left to GSSAPI. */
#ifndef FRONTEND_SPNEGO_H
#define FRONTEND_SPNEGO_H

#include "buf.h"

enum spnego_state { SPNEGO_ACCEPT_COMPLETED = 0, SPNEGO_ACCEPT_INCOMPLETE = 1, SPNEGO_REJECT = 2 };

/* A NegTokenInit whose first mechanism is NTLM. */
bool spnego_prefers_ntlm(const void *token, size_t len);

/* The mechanism's token inside a NegTokenInit or NegTokenResp; empty if it carries none. */
bool spnego_unwrap(const void *token, size_t len, struct buf *ret_inner);
/* The mechTypes of a NegTokenInit as encoded, over which mechListMIC is made, and the
 * mechListMIC of a NegTokenResp. False if there is none. */
bool spnego_mech_types(const void *token, size_t len, struct buf *ret_types);
bool spnego_mech_list_mic(const void *token, size_t len, struct buf *ret_mic);

/* A NegTokenResp for NTLM. `inner` and `mic` may be NULL. */
void spnego_wrap(enum spnego_state state, bool first, const struct buf *inner,
    const struct buf *mic, struct buf *ret_token);

#endif
