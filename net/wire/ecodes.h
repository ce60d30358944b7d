/*
 * The error codes of the store, the ROPs and the MAPI calls, in words.
 *
 * [MS-OXCDATA] 2.4 (codes and alternate names), [MS-OXCRPC] 3.1.4.1 and 3.1.4.2 (return values),
 * [MS-OXCSTOR] 3.2.5.1.3 (RopLogon). MAPI_E_FAILONEPROVIDER is not of the wire: client libraries
 * report it, and it is in the vendors' questions. Pure.
 */
#ifndef NET_WIRE_ECODES_H
#define NET_WIRE_ECODES_H

#include <stdint.h>

#include "net/fault.h"

enum {
    EC_NONE = 0,
    EC_PROFILE_NOT_CONFIGURED = 0x11c,
    EC_UNKNOWN_USER = 0x3eb,
    EC_EXITING = 0x3ed,
    EC_UNKNOWN_CODE_PAGE = 0x3ef,
    EC_SERVER_MEMORY = 0x3f0,
    EC_LOGIN_PERM = 0x3f2,
    EC_NO_REPLICA_HERE = 0x468,
    EC_NO_REPLICA_AVAILABLE = 0x469,
    EC_MDB_NOT_INIT = 0x476,
    EC_WRONG_SERVER = 0x478,
    EC_BUFFER_TOO_SMALL = 0x47d,
    EC_SERVER_PAUSED = 0x47f,
    EC_SERVER_BUSY = 0x480,
    EC_RPC_FORMAT = 0x4b6,
    EC_NULL_OBJECT = 0x4b9,
    EC_CLIENT_VERSION_DISALLOWED = 0x4df,
    EC_RPC_HTTP_DISALLOWED = 0x4e0,
    EC_CACHED_MODE_REQUIRED = 0x4e1,
    EC_NO_READ_RIGHT = 0x501,
    EC_MAILBOX_IN_TRANSIT = 0x50c,
    EC_WRONG_MAILBOX = 0x648,
    EC_PROTOCOL_DISABLED = 0x7d8,
    EC_UNKNOWN_MAILBOX = 0x89b,
    EC_MAILBOX_DISABLED = 0x96c,
    EC_AD_UNAVAILABLE = 0x96e,
    EC_NOT_ENCRYPTED = 0x970,
};

/* Enumerators are ints in C17, and these do not fit. */
#define EC_ERROR             UINT32_C(0x80004005)
#define EC_NOT_SUPPORTED     UINT32_C(0x80040102)
#define EC_NOT_FOUND         UINT32_C(0x8004010f)
#define EC_VERSION_MISMATCH  UINT32_C(0x80040110)
#define EC_LOGIN_FAILURE     UINT32_C(0x80040111)
#define EC_TOO_MANY_SESSIONS UINT32_C(0x80040112)
#define EC_NETWORK_ERROR     UINT32_C(0x80040115)
#define EC_FAIL_ONE_PROVIDER UINT32_C(0x8004011d)
#define EC_ACCESS_DENIED     UINT32_C(0x80070005)
#define EC_MEMORY            UINT32_C(0x8007000e)
#define EC_INVALID_PARAMETER UINT32_C(0x80070057)

/* "ecLoginFailure"; NULL: a code that is not in our table. */
const char *ecode_name(uint32_t code);
/* LOGON_REFUSED, ACCESS_DENIED, NO_OBJECT, AMBIGUOUS, SERVER_BUSY, NO_MAILBOX …; MAPI_ERROR: a code
 * that says none of these, or that is not in our table. */
enum cause ecode_cause(uint32_t code);
/* What it means, one clause for an admin: "the store could not log the user on"; never NULL. */
const char *ecode_words(uint32_t code);

#endif
