/*
 * The domain controller's answer to an LDAP ping: the `netlogon` attribute of the rootDSE, asked
 * for with NETLOGON_NT_VERSION_5EX. [MS-ADTS] 6.3.1.9 NETLOGON_SAM_LOGON_RESPONSE_EX, 6.3.7 names.
 */
#ifndef NET_WIRE_NETLOGON_H
#define NET_WIRE_NETLOGON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NETLOGON_NAME_MAX = 256 };

struct netlogon_answer {
    uint32_t flags; /* DS_FLAG of 6.3.1.2 */
    char forest[NETLOGON_NAME_MAX];
    char domain[NETLOGON_NAME_MAX];
    char host[NETLOGON_NAME_MAX];
    char netbios_domain[NETLOGON_NAME_MAX];
    char netbios_host[NETLOGON_NAME_MAX];
    char dc_site[NETLOGON_NAME_MAX];
    char client_site[NETLOGON_NAME_MAX]; /* "": it does not know our subnet */
};

/* False: another response, or malformed. Names hold printable characters only. */
bool netlogon_read(const void *bytes, size_t length, struct netlogon_answer *ret_answer);

#endif
