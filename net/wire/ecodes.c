#include "net/wire/ecodes.h"

#include <stddef.h>

struct ecode {
    uint32_t code;
    const char *name;
    const char *words;
};

/* In the order of the codes: the search is a bisection, and a test looks at the order. */
static const struct ecode codes[] = {
    {EC_NONE, "ecNone", "no error"},
    {EC_PROFILE_NOT_CONFIGURED, "ecProfileNotConfigured",
        "this server is not the mailbox's home, and no administrative access was asked for"},
    {0x3ea, "ecJetError", "the database failed without a reason"},
    {EC_UNKNOWN_USER, "ecUnknownUser",
        "no enabled mailbox has this legacy DN: wrong DN, no mailbox, or no database"},
    {EC_EXITING, "ecExiting", "the store is shutting down"},
    {0x3ee, "ecBadConfig", "the user's protocol settings are wrong"},
    {EC_UNKNOWN_CODE_PAGE, "ecUnknownCodePage", "the server does not know the session's code page"},
    {EC_SERVER_MEMORY, "ecServerOOM", "the server is out of memory, or the answer does not fit"},
    {EC_LOGIN_PERM, "ecLoginPerm",
        "no right to this mailbox, or only its owner may open it for the first time"},
    {0x3f3, "ecDatabaseRolledBack", "the database was restored and cannot be mounted"},
    {0x3f4, "ecDatabaseCopiedError", "the database file was copied from another server"},
    {0x3f6, "ecZombieUser", "the user has no security identifier"},
    {0x450, "ecParameterOverflow", "a parameter is too large"},
    {0x453, "ecHaveMore", "the server has more to return"},
    {0x454, "ecDatabaseError", "the database failed"},
    {0x460, "ecSearchFolder", "not possible on a search folder"},
    {0x461, "ecNotSearchFolder", "only possible on a search folder"},
    {EC_NO_REPLICA_HERE, "ecNoReplicaHere", "this server holds no copy of the public folder"},
    {EC_NO_REPLICA_AVAILABLE, "ecNoReplicaAvailable",
        "no server holds a copy of the public folder"},
    {0x46a, "ecPublicMDB", "not possible on a public folder store"},
    {0x46b, "ecNotPublicMDB", "only possible on a public folder store"},
    {EC_MDB_NOT_INIT, "ecMDBNotInit", "the database is not mounted"},
    {EC_WRONG_SERVER, "ecWrongServer", "the mailbox is on another server, which the answer names"},
    {EC_BUFFER_TOO_SMALL, "ecBufferTooSmall", "a buffer is too small for the answer"},
    {EC_SERVER_PAUSED, "ecServerPaused",
        "more than five logons in ten seconds came to a server that does not hold the mailbox"},
    {EC_SERVER_BUSY, "ecServerBusy", "the server is too busy, or the user's budget is used up"},
    {0x481, "ecNoSuchLogon", "the store does not know this logon"},
    {0x48b, "ecNotPrivateMDB", "only possible on a mailbox"},
    {EC_RPC_FORMAT, "ecRpcFormat", "the server could not read the request's buffer"},
    {EC_NULL_OBJECT, "ecNullObject", "the object was not opened: an earlier call failed"},
    {0x4bc, "ecRpcAuthentication", "the server wants an authenticated call"},
    {0x4bd, "ecRpcBadAuthenticationLevel", "the server does not take this authentication level"},
    {0x4d6, "ecNotAuthorized", "not authorised"},
    {0x4d9, "ecQuotaExceeded", "a quota is exceeded"},
    {0x4dd, "ecShutoffQuotaExceeded", "the mailbox is over its last quota"},
    {0x4de, "ecMaxObjsExceeded", "a client holds too many open objects of one kind"},
    {EC_CLIENT_VERSION_DISALLOWED, "ecClientVerDisallowed",
        "this client version is blocked, or the server wants encryption"},
    {EC_RPC_HTTP_DISALLOWED, "ecRpcHttpDisallowed", "RPC over HTTP is blocked for this mailbox"},
    {EC_CACHED_MODE_REQUIRED, "ecCachedModeRequired",
        "only clients in cached mode may open this mailbox"},
    {0x4e3, "ecFolderCleanedUp", "the folder was deleted"},
    {0x4ed, "ecFmtError", "a part of the ROP buffer was wrong"},
    {0x4fb, "ecFolderDisabled", "access to the folder is disabled"},
    {0x4fc, "ecDomainError", "the store and its server do not belong together"},
    {0x500, "ecPublicRoot", "no right at the root of the public folders"},
    {EC_NO_READ_RIGHT, "ecNoReadRight", "no right to read the folder"},
    {0x503, "ecDstNullObject", "the destination object was not opened"},
    {EC_MAILBOX_IN_TRANSIT, "ecMailboxInTransit", "the mailbox is being moved"},
    {0x50d, "ecBackupInProgress", "the database is being backed up"},
    {0x512, "ecRestoreInProgress", "the database is being restored"},
    {0x57a, "ecObjectNotFound", "the database does not have the object"},
    {0x57e, "ecDSNoSuchObject", "the directory does not have the object"},
    {EC_WRONG_MAILBOX, "ecWrongMailbox", "the call was for another mailbox"},
    {0x64c, "ecChgPassword", "the password must be changed"},
    {0x64d, "ecPwExpired", "the password has expired"},
    {0x64e, "ecInvWkstn", "the account may not log on from here"},
    {0x64f, "ecInvLogonHrs", "the account may not log on at this time of day"},
    {0x650, "ecAcctDisabled", "the account is disabled"},
    {0x6b9, "ecNoServerSupport", "this server is too old for the call"},
    {EC_PROTOCOL_DISABLED, "ecProtocolDisabled", "MAPI is switched off for this mailbox"},
    {0x7d9, "ecCleartextLogonDisabled", "clear-text logons are switched off"},
    {0x7ee, "ecRejected", "the server rejects the call"},
    {0x89a, "ecAmbiguousAlias", "the name fits more than one user"},
    {EC_UNKNOWN_MAILBOX, "ecUnknownMailbox", "the address book has no mailbox for this logon"},
    {EC_MAILBOX_DISABLED, "ecMailboxDisabled", "the mailbox is disabled"},
    {EC_AD_UNAVAILABLE, "ecADUnavailable", "the server could not reach its directory"},
    {0x96f, "ecADError", "the server's directory failed"},
    {EC_NOT_ENCRYPTED, "ecNotEncrypted", "the server wants encrypted calls (packet privacy)"},
    {0x971, "ecADNotFound", "the server's directory does not have the object"},
    {0x972, "ecADPropertyError", "a property is missing in the server's directory"},
    {0x973, "ecRpcServerTooBusy", "the server behind it is too busy"},
    {0x974, "ecRpcOutOfMemory", "the server has no memory for the call behind it"},
    {0x975, "ecRpcServerOutOfMemory", "the server behind it has no memory"},
    {0x976, "ecRpcOutOfResources", "the server has no resources for the call behind it"},
    {UINT32_C(0x00040380), "ecWarnWithErrors", "it worked, with errors"},
    {UINT32_C(0x80004002), "ecInterfaceNotSupported", "the server does not have this interface"},
    {EC_ERROR, "ecError", "it failed without a reason"},
    {EC_NOT_SUPPORTED, "ecNotSupported", "the server does not support the call"},
    {UINT32_C(0x80040106), "ecUnknownFlags", "the server does not know a flag of ours"},
    {UINT32_C(0x80040107), "ecInvalidEntryId", "the entry id is malformed"},
    {UINT32_C(0x80040108), "ecInvalidObject", "the object is gone or was never opened"},
    {UINT32_C(0x8004010b), "ecBusy", "another operation is in progress"},
    {UINT32_C(0x8004010d), "ecDiskFull", "the disk is full"},
    {UINT32_C(0x8004010e), "ecInsufficientResrc", "the server is out of resources"},
    {EC_NOT_FOUND, "ecNotFound", "there is no such object"},
    {EC_VERSION_MISMATCH, "ecVersionMismatch", "client and server versions do not fit together"},
    {EC_LOGIN_FAILURE, "ecLoginFailure",
        "the store could not log on: database offline, or the directory look-up failed"},
    {EC_TOO_MANY_SESSIONS, "ecTooManySessions", "the server gives out no more sessions"},
    {EC_NETWORK_ERROR, "MAPI_E_NETWORK_ERROR",
        "some layer below MAPI failed; the code does not say which"},
    {UINT32_C(0x80040116), "ecDiskError", "reading or writing the disk failed"},
    {UINT32_C(0x80040117), "ecTooComplex", "too complex for the server"},
    {UINT32_C(0x80040118), "ecBadColumn", "a column is not allowed in this table"},
    {UINT32_C(0x8004011b), "ecCorruptData", "data are corrupt"},
    {EC_FAIL_ONE_PROVIDER, "MAPI_E_FAILONEPROVIDER",
        "one of store and address book failed, or the client holds too many sessions"},
    {UINT32_C(0x8004011e), "ecInvalidCodepage", "the server does not know the code page"},
    {UINT32_C(0x8004011f), "ecInvalidLocale", "the server does not know the locale"},
    {UINT32_C(0x80040123), "ecTimeSkew", "the clocks of servers differ"},
    {UINT32_C(0x80040200), "ecEndOfSession", "the server ended the session"},
    {UINT32_C(0x80040201), "ecUnknownEntryId", "the entry id is of another provider"},
    {UINT32_C(0x80040305), "ecTooBig", "the result does not fit"},
    {UINT32_C(0x80040400), "ecNotCompleted", "the operation could not be completed"},
    {UINT32_C(0x80040401), "ecTimeout", "the server's own time-out passed"},
    {UINT32_C(0x80040402), "ecTableEmpty", "a table is empty"},
    {UINT32_C(0x80040403), "ecTableTooBig", "a table is too big"},
    {UINT32_C(0x80040500), "ecWait", "a wait timed out"},
    {UINT32_C(0x80040605), "ecNotInitialized", "a part of the server is not ready"},
    {UINT32_C(0x80040700), "ecAmbiguousRecip", "the name fits more than one entry"},
    {UINT32_C(0x80040fff), "ecNotImplemented", "the server does not implement the call"},
    {EC_ACCESS_DENIED, "ecAccessDenied", "access denied"},
    {EC_MEMORY, "ecMAPIOOM", "out of memory, or a value is too large for this call"},
    {EC_INVALID_PARAMETER, "ecInvalidParam", "the server did not accept a parameter of ours"},
};

static const struct ecode *find(uint32_t code)
{
    size_t low = 0;
    size_t high = sizeof codes / sizeof codes[0];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (codes[middle].code == code)
            return &codes[middle];
        if (codes[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const char *ecode_name(uint32_t code)
{
    const struct ecode *row = find(code);
    return row == NULL ? NULL : row->name;
}

const char *ecode_words(uint32_t code)
{
    const struct ecode *row = find(code);
    return row == NULL ? "an error code that is not in our table" : row->words;
}
