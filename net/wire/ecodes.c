#include "net/wire/ecodes.h"

#include <stddef.h>

/* A code that fits no other cause. */
#define OTHER CAUSE_MAPI_ERROR

struct ecode {
    uint32_t code;
    enum cause cause;
    const char *name;
    const char *words;
};

/* In the order of the codes: the search is a bisection, and a test looks at the order. */
static const struct ecode codes[] = {
    {EC_NONE, CAUSE_NONE, "ecNone", "no error"},
    {EC_PROFILE_NOT_CONFIGURED, CAUSE_NO_MAILBOX, "ecProfileNotConfigured",
        "this server is not the mailbox's home, and no administrative access was asked for"},
    {0x3ea, OTHER, "ecJetError", "the database failed without a reason"},
    {EC_UNKNOWN_USER, CAUSE_NO_MAILBOX, "ecUnknownUser",
        "no enabled mailbox has this legacy DN: wrong DN, no mailbox, or no database"},
    {EC_EXITING, OTHER, "ecExiting", "the store is shutting down"},
    {0x3ee, OTHER, "ecBadConfig", "the user's protocol settings are wrong"},
    {EC_UNKNOWN_CODE_PAGE, OTHER, "ecUnknownCodePage",
        "the server does not know the session's code page"},
    {EC_SERVER_MEMORY, OTHER, "ecServerOOM",
        "the server is out of memory, or the answer does not fit"},
    {EC_LOGIN_PERM, CAUSE_NO_MAILBOX, "ecLoginPerm",
        "no right to this mailbox, or only its owner may open it for the first time"},
    {0x3f3, OTHER, "ecDatabaseRolledBack", "the database was restored and cannot be mounted"},
    {0x3f4, OTHER, "ecDatabaseCopiedError", "the database file was copied from another server"},
    {0x3f6, OTHER, "ecZombieUser", "the user has no security identifier"},
    {0x450, OTHER, "ecParameterOverflow", "a parameter is too large"},
    {0x453, OTHER, "ecHaveMore", "the server has more to return"},
    {0x454, OTHER, "ecDatabaseError", "the database failed"},
    {0x460, OTHER, "ecSearchFolder", "not possible on a search folder"},
    {0x461, OTHER, "ecNotSearchFolder", "only possible on a search folder"},
    {EC_NO_REPLICA_HERE, OTHER, "ecNoReplicaHere",
        "this server holds no copy of the public folder"},
    {EC_NO_REPLICA_AVAILABLE, OTHER, "ecNoReplicaAvailable",
        "no server holds a copy of the public folder"},
    {0x46a, OTHER, "ecPublicMDB", "not possible on a public folder store"},
    {0x46b, OTHER, "ecNotPublicMDB", "only possible on a public folder store"},
    {EC_MDB_NOT_INIT, OTHER, "ecMDBNotInit", "the database is not mounted"},
    {EC_WRONG_SERVER, CAUSE_REFERRAL, "ecWrongServer",
        "the mailbox is on another server, which the answer names"},
    {EC_BUFFER_TOO_SMALL, OTHER, "ecBufferTooSmall", "a buffer is too small for the answer"},
    {EC_SERVER_PAUSED, CAUSE_SERVER_BUSY, "ecServerPaused",
        "more than five logons in ten seconds came to a server that does not hold the mailbox"},
    {EC_SERVER_BUSY, CAUSE_SERVER_BUSY, "ecServerBusy",
        "the server is too busy, or the user's budget is used up"},
    {0x481, OTHER, "ecNoSuchLogon", "the store does not know this logon"},
    {0x48b, OTHER, "ecNotPrivateMDB", "only possible on a mailbox"},
    {EC_RPC_FORMAT, OTHER, "ecRpcFormat", "the server could not read the request's buffer"},
    {EC_NULL_OBJECT, OTHER, "ecNullObject", "the object was not opened: an earlier call failed"},
    {0x4bc, OTHER, "ecRpcAuthentication", "the server wants an authenticated call"},
    {0x4bd, OTHER, "ecRpcBadAuthenticationLevel",
        "the server does not take this authentication level"},
    {0x4d6, CAUSE_ACCESS_DENIED, "ecNotAuthorized", "not authorised"},
    {0x4d9, OTHER, "ecQuotaExceeded", "a quota is exceeded"},
    {0x4dd, OTHER, "ecShutoffQuotaExceeded", "the mailbox is over its last quota"},
    {0x4de, OTHER, "ecMaxObjsExceeded", "a client holds too many open objects of one kind"},
    {EC_CLIENT_VERSION_DISALLOWED, CAUSE_ACCESS_DENIED, "ecClientVerDisallowed",
        "this client version is blocked, or the server wants encryption"},
    {EC_RPC_HTTP_DISALLOWED, CAUSE_ACCESS_DENIED, "ecRpcHttpDisallowed",
        "RPC over HTTP is blocked for this mailbox"},
    {EC_CACHED_MODE_REQUIRED, CAUSE_ACCESS_DENIED, "ecCachedModeRequired",
        "only clients in cached mode may open this mailbox"},
    {0x4e3, OTHER, "ecFolderCleanedUp", "the folder was deleted"},
    {0x4ed, OTHER, "ecFmtError", "a part of the ROP buffer was wrong"},
    {0x4fb, OTHER, "ecFolderDisabled", "access to the folder is disabled"},
    {0x4fc, OTHER, "ecDomainError", "the store and its server do not belong together"},
    {0x500, CAUSE_ACCESS_DENIED, "ecPublicRoot", "no right at the root of the public folders"},
    {EC_NO_READ_RIGHT, CAUSE_ACCESS_DENIED, "ecNoReadRight", "no right to read the folder"},
    {0x503, OTHER, "ecDstNullObject", "the destination object was not opened"},
    {EC_MAILBOX_IN_TRANSIT, CAUSE_NO_MAILBOX, "ecMailboxInTransit", "the mailbox is being moved"},
    {0x50d, OTHER, "ecBackupInProgress", "the database is being backed up"},
    {0x512, OTHER, "ecRestoreInProgress", "the database is being restored"},
    {0x57a, CAUSE_NO_OBJECT, "ecObjectNotFound", "the database does not have the object"},
    {0x57e, CAUSE_NO_OBJECT, "ecDSNoSuchObject", "the directory does not have the object"},
    {EC_WRONG_MAILBOX, OTHER, "ecWrongMailbox", "the call was for another mailbox"},
    {0x64c, CAUSE_PASSWORD_MUST_CHANGE, "ecChgPassword", "the password must be changed"},
    {0x64d, CAUSE_PASSWORD_EXPIRED, "ecPwExpired", "the password has expired"},
    {0x64e, CAUSE_LOGON_WORKSTATION, "ecInvWkstn", "the account may not log on from here"},
    {0x64f, CAUSE_LOGON_HOURS, "ecInvLogonHrs", "the account may not log on at this time of day"},
    {0x650, CAUSE_ACCOUNT_DISABLED, "ecAcctDisabled", "the account is disabled"},
    {0x6b9, OTHER, "ecNoServerSupport", "this server is too old for the call"},
    {EC_PROTOCOL_DISABLED, CAUSE_ACCESS_DENIED, "ecProtocolDisabled",
        "MAPI is switched off for this mailbox"},
    {0x7d9, OTHER, "ecCleartextLogonDisabled", "clear-text logons are switched off"},
    {0x7ee, OTHER, "ecRejected", "the server rejects the call"},
    {0x89a, CAUSE_AMBIGUOUS, "ecAmbiguousAlias", "the name fits more than one user"},
    {EC_UNKNOWN_MAILBOX, CAUSE_NO_MAILBOX, "ecUnknownMailbox",
        "the address book has no mailbox for this logon"},
    {EC_MAILBOX_DISABLED, CAUSE_NO_MAILBOX, "ecMailboxDisabled", "the mailbox is disabled"},
    {EC_AD_UNAVAILABLE, OTHER, "ecADUnavailable", "the server could not reach its directory"},
    {0x96f, OTHER, "ecADError", "the server's directory failed"},
    {EC_NOT_ENCRYPTED, CAUSE_ACCESS_DENIED, "ecNotEncrypted",
        "the server wants encrypted calls (packet privacy)"},
    {0x971, CAUSE_NO_OBJECT, "ecADNotFound", "the server's directory does not have the object"},
    {0x972, OTHER, "ecADPropertyError", "a property is missing in the server's directory"},
    {0x973, CAUSE_SERVER_BUSY, "ecRpcServerTooBusy", "the server behind it is too busy"},
    {0x974, OTHER, "ecRpcOutOfMemory", "the server has no memory for the call behind it"},
    {0x975, OTHER, "ecRpcServerOutOfMemory", "the server behind it has no memory"},
    {0x976, OTHER, "ecRpcOutOfResources", "the server has no resources for the call behind it"},
    {UINT32_C(0x00040380), OTHER, "ecWarnWithErrors", "it worked, with errors"},
    {UINT32_C(0x80004002), OTHER, "ecInterfaceNotSupported",
        "the server does not have this interface"},
    {EC_ERROR, OTHER, "ecError", "it failed without a reason"},
    {EC_NOT_SUPPORTED, OTHER, "ecNotSupported", "the server does not support the call"},
    {UINT32_C(0x80040103), OTHER, "ecBadCharwidth", "the character width is not supported"},
    {UINT32_C(0x80040106), OTHER, "ecUnknownFlags", "the server does not know a flag of ours"},
    {UINT32_C(0x80040107), OTHER, "ecInvalidEntryId", "the entry id is malformed"},
    {UINT32_C(0x80040108), OTHER, "ecInvalidObject", "the object is gone or was never opened"},
    {UINT32_C(0x8004010a), CAUSE_NO_OBJECT, "ecObjectDeleted", "the object was deleted"},
    {UINT32_C(0x8004010b), CAUSE_SERVER_BUSY, "ecBusy", "another operation is in progress"},
    {UINT32_C(0x8004010d), OTHER, "ecDiskFull", "the disk is full"},
    {UINT32_C(0x8004010e), CAUSE_SERVER_BUSY, "ecInsufficientResrc",
        "the server is out of resources"},
    {EC_NOT_FOUND, CAUSE_NO_OBJECT, "ecNotFound", "there is no such object"},
    {EC_VERSION_MISMATCH, CAUSE_ACCESS_DENIED, "ecVersionMismatch",
        "client and server versions do not fit together"},
    {EC_LOGIN_FAILURE, CAUSE_LOGON_REFUSED, "ecLoginFailure",
        "the logon failed: database offline, or the directory look-up failed"},
    {EC_TOO_MANY_SESSIONS, CAUSE_SERVER_BUSY, "ecTooManySessions",
        "the server gives out no more sessions"},
    {EC_NETWORK_ERROR, OTHER, "MAPI_E_NETWORK_ERROR",
        "some layer below MAPI failed; the code does not say which"},
    {UINT32_C(0x80040116), OTHER, "ecDiskError", "reading or writing the disk failed"},
    {UINT32_C(0x80040117), OTHER, "ecTooComplex", "too complex for the server"},
    {UINT32_C(0x80040118), OTHER, "ecBadColumn", "a column is not allowed in this table"},
    {UINT32_C(0x80040119), OTHER, "ecExtendedError", "the server gives more detail elsewhere"},
    {UINT32_C(0x8004011a), OTHER, "ecComputed", "the property is computed"},
    {UINT32_C(0x8004011b), OTHER, "ecCorruptData", "data are corrupt"},
    {UINT32_C(0x8004011c), OTHER, "MAPI_E_UNCONFIGURED", "the provider is not configured"},
    {EC_FAIL_ONE_PROVIDER, OTHER, "MAPI_E_FAILONEPROVIDER",
        "one of store and address book failed, or the client holds too many sessions"},
    {UINT32_C(0x8004011e), OTHER, "ecInvalidCodepage", "the server does not know the code page"},
    {UINT32_C(0x8004011f), OTHER, "ecInvalidLocale", "the server does not know the locale"},
    {UINT32_C(0x80040120), CAUSE_PASSWORD_MUST_CHANGE, "ecPasswordChangeRequired",
        "the password must be changed"},
    {UINT32_C(0x80040121), CAUSE_PASSWORD_EXPIRED, "ecPasswordExpired", "the password has expired"},
    {UINT32_C(0x80040122), CAUSE_LOGON_WORKSTATION, "ecInvalidWorkstationAccount",
        "the account may not log on from here"},
    {UINT32_C(0x80040123), OTHER, "ecTimeSkew",
        "the clocks differ, or access is not allowed at this hour"},
    {UINT32_C(0x80040124), CAUSE_ACCOUNT_DISABLED, "ecAccountDisabled", "the account is disabled"},
    {UINT32_C(0x80040200), OTHER, "ecEndOfSession", "the server ended the session"},
    {UINT32_C(0x80040201), OTHER, "ecUnknownEntryId", "the entry id is of another provider"},
    {UINT32_C(0x80040305), OTHER, "ecTooBig", "the result does not fit"},
    {UINT32_C(0x80040400), OTHER, "ecNotCompleted", "the operation could not be completed"},
    {UINT32_C(0x80040401), CAUSE_SERVER_BUSY, "ecTimeout", "the server's own time-out passed"},
    {UINT32_C(0x80040402), CAUSE_NO_OBJECT, "ecTableEmpty", "a table is empty"},
    {UINT32_C(0x80040403), OTHER, "ecTableTooBig", "a table is too big"},
    {UINT32_C(0x80040500), OTHER, "ecWait", "a wait timed out"},
    {UINT32_C(0x80040605), OTHER, "ecNotInitialized", "a part of the server is not ready"},
    {UINT32_C(0x80040700), CAUSE_AMBIGUOUS, "ecAmbiguousRecip",
        "the name fits more than one entry"},
    {UINT32_C(0x80040fff), OTHER, "ecNotImplemented", "the server does not implement the call"},
    {EC_ACCESS_DENIED, CAUSE_ACCESS_DENIED, "ecAccessDenied", "access denied"},
    {EC_MEMORY, CAUSE_SERVER_BUSY, "ecMAPIOOM",
        "out of memory, or a value is too large for this call"},
    {EC_INVALID_PARAMETER, OTHER, "ecInvalidParam",
        "the server did not accept a parameter of ours"},
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

enum cause ecode_cause(uint32_t code)
{
    const struct ecode *row = find(code);
    return row == NULL ? OTHER : row->cause;
}

const char *ecode_words(uint32_t code)
{
    const struct ecode *row = find(code);
    return row == NULL ? "an error code that is not in our table" : row->words;
}
