/* The names behind net/wire/mapiprops.h: tags and types. */
#include "net/wire/mapiprops.h"

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
