/* NTLM as the server speaks it ([MS-NLMP] 3.2.5), each logon verified by the domain through
 * winbindd. */
#ifndef FRONTEND_AUTH_NTLM_H
#define FRONTEND_AUTH_NTLM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `socket_dir` is where winbindd's pipe lies; empty: where the library looks by itself. Changes
 * the environment, so call it before threads. */
bool ntlm_init(const char *socket_dir, char *ret_error, size_t error_size);
void ntlm_done(void);

bool ntlm_is_negotiate(const void *token, size_t len);

/* What a finished logon of auth_ntlm or auth_spnego_ntlm leaves for signing and sealing. `state` is
 * what the mechanism's start() gave. */
void ntlm_session(const void *state, unsigned char ret_key[16], uint32_t *ret_flags);

#endif
