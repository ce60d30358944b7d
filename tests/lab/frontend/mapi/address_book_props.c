/* What a mailbox user's object shows in the address book ([MS-OXOABK]). */
#include "address_book.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum source {
    FROM_TEXT,  /* an attribute */
    FROM_TEXTS, /* one with several values */
    FROM_BYTES,
    FROM_NUMBER, /* always the same */
    FROM_WORD,
    FROM_ENTRY_ID,
    FROM_ID,
    FROM_SMTP,
    FROM_SEARCH_KEY,
    FROM_HOME_MDB
};

static const struct column {
    unsigned id;
    unsigned type;
    enum source source;
    const char *attribute; /* or the word */
    uint32_t number;
} columns[] = {
    {0x0ff6, PT_BINARY, FROM_ID, NULL, 0},        /* PidTagInstanceKey */
    {0x0ffe, PT_INTEGER32, FROM_NUMBER, NULL, 6}, /* PidTagObjectType: a mail user */
    {0x0fff, PT_BINARY, FROM_ENTRY_ID, NULL, 0},  /* PidTagEntryId */
    {0x3001, PT_STRING, FROM_TEXT, "displayName", 0},
    {0x3002, PT_STRING, FROM_WORD, "EX", 0}, /* PidTagAddressType */
    {0x3003, PT_STRING, FROM_TEXT, "legacyExchangeDN", 0},
    {0x300b, PT_BINARY, FROM_SEARCH_KEY, NULL, 0}, /* PidTagSearchKey */
    {0x3900, PT_INTEGER32, FROM_NUMBER, NULL, 0},  /* PidTagDisplayType: DT_MAILUSER */
    {0x3905, PT_INTEGER32, FROM_NUMBER, NULL, 0x40000000},
    {0x39fe, PT_STRING, FROM_SMTP, NULL, 0}, /* PidTagSmtpAddress */
    {0x3a00, PT_STRING, FROM_TEXT, "mailNickname", 0},
    {0x3a06, PT_STRING, FROM_TEXT, "givenName", 0}, {0x3a11, PT_STRING, FROM_TEXT, "sn", 0},
    {0x3a18, PT_STRING, FROM_TEXT, "department", 0},
    {0x3a19, PT_STRING, FROM_TEXT, "physicalDeliveryOfficeName", 0},
    {0x3a1a, PT_STRING, FROM_TEXT, "telephoneNumber", 0},
    {0x3a20, PT_STRING, FROM_TEXT, "displayName", 0},
    {0x8006, PT_STRING, FROM_HOME_MDB, NULL, 0}, /* PidTagAddressBookHomeMessageDatabase */
    {0x800f, PT_STRING | PT_MULTIPLE, FROM_TEXTS, "proxyAddresses", 0},
    {0x8c6d, PT_BINARY, FROM_BYTES, "objectGUID", 0},
    {0xfffd, PT_INTEGER32, FROM_NUMBER, NULL, 0}, /* PidTagAddressBookContainerId */
};

enum { COLUMN_COUNT = sizeof columns / sizeof columns[0] };

/* PtypString and PtypString8 are two views of one value. */
static bool type_fits(unsigned asked, unsigned ours)
{
    unsigned single = asked & ~(unsigned)PT_MULTIPLE;

    if (asked == 0 || asked == ours)
        return true;
    return (single == PT_STRING || single == PT_STRING8) &&
           (asked & PT_MULTIPLE) == (ours & PT_MULTIPLE) &&
           (ours & ~(unsigned)PT_MULTIPLE) == PT_STRING;
}

static const struct column *find_column(uint32_t tag)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        if (columns[i].id == tag_id(tag) && type_fits(tag_type(tag), columns[i].type))
            return &columns[i];
    return NULL;
}

void user_columns(bool unicode, struct tags *ret_tags)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        unsigned type = columns[i].type;

        if (!unicode && (type & ~(unsigned)PT_MULTIPLE) == PT_STRING)
            type = (type & PT_MULTIPLE) | PT_STRING8;
        tags_add(ret_tags, (uint32_t)columns[i].id << 16 | type);
    }
}

void permanent_entry_id(struct buf *buf, uint32_t display_type, const char *dn)
{
    static const unsigned char provider[GUID_SIZE] = {0xdc, 0xa7, 0x40, 0xc8, 0xc0, 0x42, 0x10,
        0x1a, 0xb4, 0xb9, 0x08, 0x00, 0x2b, 0x2f, 0xe1, 0x82};

    buf_le32(buf, 0);
    buf_add(buf, provider, sizeof provider);
    buf_le32(buf, 1);
    buf_le32(buf, display_type);
    buf_add(buf, dn, strlen(dn) + 1);
}

/* 2.2.9.2 */
static void ephemeral_entry_id(struct buf *buf, uint32_t id)
{
    buf_le32(buf, 0x87);
    buf_add(buf, address_book_guid(), GUID_SIZE);
    buf_le32(buf, 1);
    buf_le32(buf, 0); /* DT_MAILUSER */
    buf_le32(buf, id);
}

static void smtp_address(const struct ad_entry *entry, struct buf *ret_text)
{
    buf_str(ret_text, ad_text(entry, "mail"));
    for (size_t i = 0; i < entry->count; i++) {
        const char *value = buf_text(&entry->values[i].value);

        if (strcasecmp(entry->values[i].name, "proxyAddresses") == 0 &&
            strncmp(value, "SMTP:", 5) == 0) {
            buf_clear(ret_text);
            buf_str(ret_text, value + 5);
        }
    }
}

static void search_key(const struct ad_entry *entry, struct buf *ret_bytes)
{
    buf_str(ret_bytes, "EX:");
    for (const char *p = ad_text(entry, "legacyExchangeDN"); *p != '\0'; p++)
        buf_u8(ret_bytes, (unsigned)toupper((unsigned char)*p));
    buf_u8(ret_bytes, 0);
}

/* The mailbox is its own server, as Autodiscover says too. */
static void home_mdb(
    const struct ad_entry *entry, const struct config *config, struct buf *ret_text)
{
    const char *home = ad_text(entry, "msExchHomeServerName");
    const char *last = strrchr(home, '=');
    const struct buf *guid = ad_bytes(entry, "msExchMailboxGuid");
    char text[GUID_TEXT_SIZE];

    if (last == NULL || guid->len != GUID_SIZE)
        return;
    guid_format((const unsigned char *)guid->data, text);
    buf_add(ret_text, home, (size_t)(last - home) + 1);
    buf_fmt(ret_text, "%s@%s/cn=Microsoft Private MDB", text, config->dns_domain);
}

static void add_texts(
    struct row *row, uint32_t tag, const struct ad_entry *entry, const char *attribute)
{
    struct prop *prop = row_add(row, tag);

    for (size_t i = 0; i < entry->count; i++)
        if (strcasecmp(entry->values[i].name, attribute) == 0)
            prop_add_item(prop, buf_text(&entry->values[i].value), entry->values[i].value.len);
}

static void gather(const struct column *column, const struct ad_entry *entry,
    const struct config *config, uint32_t id, struct buf *ret_data)
{
    switch (column->source) {
    case FROM_TEXT:
    case FROM_BYTES:
        buf_add(ret_data, buf_text(ad_bytes(entry, column->attribute)),
            ad_bytes(entry, column->attribute)->len);
        return;
    case FROM_WORD:
        buf_str(ret_data, column->attribute);
        return;
    case FROM_ID:
        buf_le32(ret_data, id);
        return;
    case FROM_SMTP:
        smtp_address(entry, ret_data);
        return;
    case FROM_SEARCH_KEY:
        search_key(entry, ret_data);
        return;
    case FROM_HOME_MDB:
        home_mdb(entry, config, ret_data);
        return;
    case FROM_TEXTS:
    case FROM_NUMBER:
    case FROM_ENTRY_ID:
        return;
    }
}

static void add_value(const struct column *column, const struct ad_entry *entry,
    const struct config *config, uint32_t id, uint32_t tag, struct row *row)
{
    struct buf data = {0};

    gather(column, entry, config, id, &data);
    if (column->source == FROM_NUMBER)
        row_add_number(row, tag, column->number);
    else if (column->source == FROM_TEXTS)
        add_texts(row, tag, entry, column->attribute);
    else if (data.len == 0)
        row_add_error(row, tag, MAPI_E_NOT_FOUND);
    else
        row_add_bytes(row, tag, data.data, data.len);
    buf_done(&data);
}

static void add_entry_id(
    const struct ad_entry *entry, uint32_t id, uint32_t flags, uint32_t tag, struct row *row)
{
    struct buf data = {0};

    if ((flags & NSPI_EPHEMERAL_IDS) != 0)
        ephemeral_entry_id(&data, id);
    else
        permanent_entry_id(&data, 0, ad_text(entry, "legacyExchangeDN"));
    row_add_bytes(row, tag, data.data, data.len);
    buf_done(&data);
}

void user_row(const struct ad_entry *entry, const struct config *config, uint32_t id,
    uint32_t flags, const struct tags *tags, struct row *ret_row)
{
    for (size_t i = 0; i < tags->count; i++) {
        const struct column *column = find_column(tags->tags[i]);
        uint32_t tag = tags->tags[i];

        if (column != NULL && tag_type(tag) == 0)
            tag |= column->type;
        if (column == NULL)
            row_add_error(ret_row, tag, MAPI_E_NOT_FOUND);
        else if (column->source == FROM_ENTRY_ID)
            add_entry_id(entry, id, flags, tag, ret_row);
        else
            add_value(column, entry, config, id, tag, ret_row);
    }
}
