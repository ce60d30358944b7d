/* The names behind net/wire/mapiprops.h: tags, types, error codes. */
#include "net/wire/mapiprops.h"

/* A code of the server that fits no other cause; net/fault.h has no name for it yet. */
#define OTHER CAUSE_NOT_EXCHANGE

static const struct {
    uint16_t id;
    const char *name;
} tags[] = {
    {0x0e08, "PidTagMessageSize"},
    {0x0ff4, "PidTagAccess"},
    {0x0ff6, "PidTagInstanceKey"},
    {0x0ff8, "PidTagMappingSignature"},
    {0x0ff9, "PidTagRecordKey"},
    {0x0ffe, "PidTagObjectType"},
    {0x0fff, "PidTagEntryId"},
    {0x3001, "PidTagDisplayName"},
    {0x3002, "PidTagAddressType"},
    {0x3003, "PidTagEmailAddress"},
    {0x3004, "PidTagComment"},
    {0x3005, "PidTagDepth"},
    {0x3007, "PidTagCreationTime"},
    {0x3008, "PidTagLastModificationTime"},
    {0x300b, "PidTagSearchKey"},
    {0x3600, "PidTagContainerFlags"},
    {0x3601, "PidTagFolderType"},
    {0x3602, "PidTagContentCount"},
    {0x3603, "PidTagContentUnreadCount"},
    {0x360a, "PidTagSubfolders"},
    {0x3613, "PidTagContainerClass"},
    {0x36d0, "PidTagIpmAppointmentEntryId"},
    {0x36d1, "PidTagIpmContactEntryId"},
    {0x36d2, "PidTagIpmJournalEntryId"},
    {0x36d3, "PidTagIpmNoteEntryId"},
    {0x36d4, "PidTagIpmTaskEntryId"},
    {0x36d5, "PidTagRemindersOnlineEntryId"},
    {0x36d7, "PidTagIpmDraftsEntryId"},
    {0x36d8, "PidTagAdditionalRenEntryIds"},
    {0x36d9, "PidTagAdditionalRenEntryIdsEx"},
    {0x36da, "PidTagExtendedFolderFlags"},
    {0x3900, "PidTagDisplayType"},
    {0x3902, "PidTagTemplateid"},
    {0x3905, "PidTagDisplayTypeEx"},
    {0x39fe, "PidTagSmtpAddress"},
    {0x39ff, "PidTagAddressBookDisplayNamePrintable"},
    {0x3a00, "PidTagAccount"},
    {0x3a06, "PidTagGivenName"},
    {0x3a08, "PidTagBusinessTelephoneNumber"},
    {0x3a11, "PidTagSurname"},
    {0x3a16, "PidTagCompanyName"},
    {0x3a17, "PidTagTitle"},
    {0x3a18, "PidTagDepartmentName"},
    {0x3a19, "PidTagOfficeLocation"},
    {0x3a20, "PidTagTransmittableDisplayName"},
    {0x3a40, "PidTagSendRichInfo"},
    {0x6619, "PidTagUserEntryId"},
    {0x661b, "PidTagMailboxOwnerEntryId"},
    {0x661c, "PidTagMailboxOwnerName"},
    {0x661d, "PidTagOutOfOfficeState"},
    {0x6639, "PidTagRights"},
    {0x66a1, "PidTagLocaleId"},
    {0x66c3, "PidTagCodePageId"},
    {0x670a, "PidTagLocalCommitTimeMax"},
    {0x670b, "PidTagDeletedCountTotal"},
    {0x6748, "PidTagFolderId"},
    {0x6749, "PidTagParentFolderId"},
    {0x8006, "PidTagAddressBookHomeMessageDatabase"},
    {0x8008, "PidTagAddressBookIsMemberOfDistributionList"},
    {0x8009, "PidTagAddressBookMember"},
    {0x800f, "PidTagAddressBookProxyAddresses"},
    {0x8011, "PidTagAddressBookTargetAddress"},
    {0x803c, "PidTagAddressBookObjectDistinguishedName"},
    {0x806a, "PidTagAddressBookDeliveryContentLength"},
    {0x8170, "PidTagAddressBookNetworkAddress"},
    {0x8c6d, "PidTagAddressBookObjectGuid"},
    {0x8c92, "PidTagAddressBookPhoneticDisplayName"},
    {0x8cdd, "PidTagAddressBookHierarchicalIsHierarchicalGroup"},
    {0xfffb, "PidTagAddressBookIsMaster"},
    {0xfffc, "PidTagAddressBookParentEntryId"},
    {0xfffd, "PidTagAddressBookContainerId"},
};

const char *mapi_tag_name(uint32_t tag)
{
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        if (tags[i].id == mapi_tag_id(tag))
            return tags[i].name;
    }
    return NULL;
}

static const struct {
    uint16_t type;
    const char *name;
} types[] = {
    {MAPI_UNSPECIFIED, "PtypUnspecified"},
    {MAPI_NULL, "PtypNull"},
    {MAPI_INTEGER16, "PtypInteger16"},
    {MAPI_INTEGER32, "PtypInteger32"},
    {MAPI_FLOATING32, "PtypFloating32"},
    {MAPI_FLOATING64, "PtypFloating64"},
    {MAPI_CURRENCY, "PtypCurrency"},
    {MAPI_FLOATING_TIME, "PtypFloatingTime"},
    {MAPI_ERROR_CODE, "PtypErrorCode"},
    {MAPI_BOOLEAN, "PtypBoolean"},
    {MAPI_OBJECT, "PtypObject"},
    {MAPI_INTEGER64, "PtypInteger64"},
    {MAPI_STRING8, "PtypString8"},
    {MAPI_STRING, "PtypString"},
    {MAPI_TIME, "PtypTime"},
    {MAPI_GUID, "PtypGuid"},
    {MAPI_SERVER_ID, "PtypServerId"},
    {MAPI_BINARY, "PtypBinary"},
    {MAPI_MULTIPLE | MAPI_INTEGER16, "PtypMultipleInteger16"},
    {MAPI_MULTIPLE | MAPI_INTEGER32, "PtypMultipleInteger32"},
    {MAPI_MULTIPLE | MAPI_FLOATING32, "PtypMultipleFloating32"},
    {MAPI_MULTIPLE | MAPI_FLOATING64, "PtypMultipleFloating64"},
    {MAPI_MULTIPLE | MAPI_CURRENCY, "PtypMultipleCurrency"},
    {MAPI_MULTIPLE | MAPI_FLOATING_TIME, "PtypMultipleFloatingTime"},
    {MAPI_MULTIPLE | MAPI_INTEGER64, "PtypMultipleInteger64"},
    {MAPI_MULTIPLE | MAPI_STRING8, "PtypMultipleString8"},
    {MAPI_MULTIPLE | MAPI_STRING, "PtypMultipleString"},
    {MAPI_MULTIPLE | MAPI_TIME, "PtypMultipleTime"},
    {MAPI_MULTIPLE | MAPI_GUID, "PtypMultipleGuid"},
    {MAPI_MULTIPLE | MAPI_BINARY, "PtypMultipleBinary"},
};

const char *mapi_type_name(uint16_t type)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i].type == type)
            return types[i].name;
    }
    return NULL;
}

/* [MS-OXCDATA] 2.4, [MS-OXNSPI] 2.2.1.2, [MS-OXCSTOR] 2.2.1.1. */
static const struct {
    uint32_t code;
    enum cause cause;
    const char *name;
    const char *words;
} errors[] = {
    {0x0000011c, CAUSE_NO_MAILBOX, "ecProfileNotConfigured", "this is not the mailbox's own store"},
    {0x000003eb, CAUSE_NO_MAILBOX, "ecUnknownUser", "no mailbox has this legacy DN"},
    {0x000003ef, OTHER, "ecUnknownCodePageId", "the code page is not known to the server"},
    {0x000003f2, CAUSE_NO_MAILBOX, "ecLoginPerm", "the mailbox was never opened by its owner"},
    {0x00000478, CAUSE_REFERRAL, "ecWrongServer", "the mailbox lives on another server"},
    {0x0000047f, CAUSE_SERVER_BUSY, "ecServerPaused", "too many logons to the wrong server"},
    {0x000004e1, CAUSE_ACCESS_DENIED, "ecCachedModeRequired",
        "only cached mode clients may log on"},
    {0x0000050c, CAUSE_NO_MAILBOX, "ecMailboxInTransit", "the mailbox is being moved"},
    {0x0000096c, CAUSE_NO_MAILBOX, "ecMailboxDisabled", "the mailbox is disabled"},
    {0x00000970, CAUSE_ACCESS_DENIED, "ecNotEncrypted", "the server wants encrypted RPC"},
    {0x00040380, OTHER, "MAPI_W_ERRORS_RETURNED", "some values could not be given"},
    {0x80004005, OTHER, "MAPI_E_CALL_FAILED", "the call failed on the server"},
    {0x80040102, OTHER, "MAPI_E_NO_SUPPORT", "the server does not support this"},
    {0x80040103, OTHER, "MAPI_E_BAD_CHARWIDTH", "the character width is not supported"},
    {0x80040106, OTHER, "MAPI_E_UNKNOWN_FLAGS", "a flag is not known to the server"},
    {0x80040107, OTHER, "MAPI_E_INVALID_ENTRYID", "the entry identifier is not valid"},
    {0x80040108, OTHER, "MAPI_E_INVALID_OBJECT", "the object is not valid any more"},
    {0x8004010a, CAUSE_NO_OBJECT, "MAPI_E_OBJECT_DELETED", "the object was deleted"},
    {0x8004010b, CAUSE_SERVER_BUSY, "MAPI_E_BUSY", "the server is busy"},
    {0x8004010e, CAUSE_SERVER_BUSY, "MAPI_E_NOT_ENOUGH_RESOURCES", "the server lacks resources"},
    {0x8004010f, CAUSE_NO_OBJECT, "MAPI_E_NOT_FOUND", "there is no such object or property"},
    {0x80040110, CAUSE_ACCESS_DENIED, "MAPI_E_VERSION", "client and server versions do not fit"},
    {0x80040111, CAUSE_LOGON_REFUSED, "MAPI_E_LOGON_FAILED", "the logon failed"},
    {0x80040112, CAUSE_SERVER_BUSY, "MAPI_E_SESSION_LIMIT", "too many sessions of this account"},
    {0x80040115, OTHER, "MAPI_E_NETWORK_ERROR", "the server's own network failed"},
    {0x80040119, OTHER, "MAPI_E_EXTENDED_ERROR", "the server gives more detail elsewhere"},
    {0x8004011a, OTHER, "MAPI_E_COMPUTED", "the property is computed"},
    {0x8004011b, OTHER, "MAPI_E_CORRUPT_DATA", "the server found its data corrupt"},
    {0x8004011c, OTHER, "MAPI_E_UNCONFIGURED", "the provider is not configured"},
    {0x8004011d, OTHER, "MAPI_E_FAILONEPROVIDER", "one provider of several failed"},
    {0x8004011e, OTHER, "MAPI_E_UNKNOWN_CPID", "the code page is not known to the server"},
    {0x8004011f, OTHER, "MAPI_E_UNKNOWN_LCID", "the locale is not known to the server"},
    {0x80040120, CAUSE_PASSWORD_MUST_CHANGE, "MAPI_E_PASSWORD_CHANGE_REQUIRED",
        "the password must be changed"},
    {0x80040121, CAUSE_PASSWORD_EXPIRED, "MAPI_E_PASSWORD_EXPIRED", "the password has expired"},
    {0x80040122, CAUSE_LOGON_WORKSTATION, "MAPI_E_INVALID_WORKSTATION_ACCOUNT",
        "the account may not log on from here"},
    {0x80040123, CAUSE_LOGON_HOURS, "MAPI_E_INVALID_ACCESS_TIME",
        "the account may not log on at this hour"},
    {0x80040124, CAUSE_ACCOUNT_DISABLED, "MAPI_E_ACCOUNT_DISABLED", "the account is disabled"},
    {0x80040305, OTHER, "MAPI_E_TOO_BIG", "the value is too large for this call"},
    {0x80040400, OTHER, "MAPI_E_UNABLE_TO_COMPLETE", "the call could not be completed"},
    {0x80040401, CAUSE_SERVER_BUSY, "MAPI_E_TIMEOUT", "the server ran out of time"},
    {0x80040402, CAUSE_NO_OBJECT, "MAPI_E_TABLE_EMPTY", "the table is empty"},
    {0x80040403, OTHER, "MAPI_E_TABLE_TOO_BIG", "the table is too large for one answer"},
    {0x80040605, OTHER, "MAPI_E_NOT_INITIALIZED", "the provider is not initialized"},
    {0x80040700, CAUSE_AMBIGUOUS, "MAPI_E_AMBIGUOUS_RECIP", "the name fits more than one object"},
    {0x80070005, CAUSE_ACCESS_DENIED, "MAPI_E_NO_ACCESS", "access is denied"},
    {0x8007000e, CAUSE_SERVER_BUSY, "MAPI_E_NOT_ENOUGH_MEMORY", "the server is out of memory"},
    {0x80070057, OTHER, "MAPI_E_INVALID_PARAMETER", "a parameter is not valid"},
};

static size_t error_find(uint32_t code)
{
    size_t i = 0;
    while (i < sizeof errors / sizeof *errors && errors[i].code != code)
        i++;
    return i;
}

const char *mapi_error_name(uint32_t code)
{
    size_t i = error_find(code);
    return i < sizeof errors / sizeof *errors ? errors[i].name : NULL;
}

const char *mapi_error_words(uint32_t code)
{
    size_t i = error_find(code);
    return i < sizeof errors / sizeof *errors ? errors[i].words : NULL;
}

enum cause mapi_error_cause(uint32_t code)
{
    size_t i = error_find(code);
    return i < sizeof errors / sizeof *errors ? errors[i].cause : OTHER;
}
