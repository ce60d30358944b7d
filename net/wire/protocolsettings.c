#include "net/wire/protocolsettings.h"

#include "net/wire/reader.h"

#include <string.h>

const char *protocol_str(enum protocol protocol)
{
    switch (protocol) {
    case PROTOCOL_MAPI:
        return "MAPI";
    case PROTOCOL_MAPI_HTTP:
        return "MapiHttp";
    case PROTOCOL_EWS:
        return "EWS";
    case PROTOCOL_OWA:
        return "OWA";
    case PROTOCOL_ECP:
        return "ECP";
    case PROTOCOL_ACTIVESYNC:
        return "ActiveSync";
    case PROTOCOL_POP3:
        return "POP3";
    case PROTOCOL_IMAP4:
        return "IMAP4";
    case PROTOCOL_COUNT:
        break;
    }
    return "?";
}

const char *mapi_block_str(enum mapi_block block)
{
    switch (block) {
    case MAPI_BLOCK_NON_CACHED:
        return "MAPIBlockOutlookNonCachedMode";
    case MAPI_BLOCK_VERSIONS:
        return "MAPIBlockOutlookVersions";
    case MAPI_BLOCK_RPC_HTTP:
        return "MAPIBlockOutlookRpcHttp";
    case MAPI_BLOCK_EXTERNAL:
        return "MAPIBlockOutlookExternalConnectivity";
    case MAPI_BLOCK_COUNT:
        break;
    }
    return "?";
}

/* Moves over one field and the separator behind it; returns the field's length, or false at the end
 * of the value: *ret_last. An A7 that continues another character of UTF-8 ("ç" is C3 A7) separates
 * nothing. */
static size_t skip_field(struct reader *reader, bool *ret_last)
{
    enum { SECTION = 0xA7, SECTION_LEAD = 0xC2, NON_ASCII = 0x80 };
    size_t from = reader->at;
    uint8_t before = 0;
    while (reader_left(reader) > 0) {
        uint8_t byte = read_u8(reader);
        if (byte == SECTION && (before < NON_ASCII || before == SECTION_LEAD)) {
            *ret_last = false;
            return reader->at - from - (before == SECTION_LEAD ? 2 : 1);
        }
        before = byte;
    }
    *ret_last = true;
    return reader->at - from;
}

bool protocolsettings_field(
    const char *value, size_t length, unsigned index, const char **ret_field, size_t *ret_length)
{
    struct reader reader = reader_of(value, length);
    bool last = false;
    for (unsigned i = 0; i < index && !last; i++)
        (void)skip_field(&reader, &last);
    if (last)
        return false;
    struct reader ahead = reader;
    size_t size = skip_field(&ahead, &last);
    const uint8_t *field = read_bytes(&reader, size);
    if (field == NULL)
        return false;
    *ret_field = (const char *)field;
    *ret_length = size;
    return true;
}

static bool field_is(const char *value, size_t length, unsigned index, const char *wanted)
{
    const char *field = NULL;
    size_t size = 0;
    if (!protocolsettings_field(value, length, index, &field, &size) || size != strlen(wanted))
        return false;
    for (size_t i = 0; i < size; i++) {
        char a = field[i], b = wanted[i];
        a = a >= 'a' && a <= 'z' ? (char)(a - 'a' + 'A') : a;
        b = b >= 'a' && b <= 'z' ? (char)(b - 'a' + 'A') : b;
        if (a != b)
            return false;
    }
    return true;
}

enum {
    FIELD_NAME = 0,
    FIELD_ENABLED = 1,
    FIELD_NON_CACHED = 2,
    FIELD_VERSIONS = 4,
    FIELD_RPC_HTTP = 5,
    FIELD_MAPI_HTTP = 9, /* "Y", "N", "U" for what the organisation says */
    FIELD_EXTERNAL = 10
};

static void read_versions(struct protocol_settings *settings, const char *value, size_t length)
{
    const char *field = NULL;
    size_t size = 0;
    /* "0" is how the list is emptied. */
    if (!protocolsettings_field(value, length, FIELD_VERSIONS, &field, &size) || size == 0 ||
        (size == 1 && field[0] == '0'))
        return;
    settings->mapi_blocks[MAPI_BLOCK_VERSIONS] = true;
    size = size < MAPI_VERSIONS_SIZE ? size : MAPI_VERSIONS_SIZE - 1;
    memcpy(settings->versions, field, size);
    settings->versions[size] = '\0';
}

static void read_mapi(struct protocol_settings *settings, const char *value, size_t length)
{
    bool *blocks = settings->mapi_blocks;
    if (field_is(value, length, FIELD_MAPI_HTTP, "N"))
        settings->off[PROTOCOL_MAPI_HTTP] = true;
    if (field_is(value, length, FIELD_NON_CACHED, "1"))
        blocks[MAPI_BLOCK_NON_CACHED] = true;
    if (field_is(value, length, FIELD_RPC_HTTP, "1"))
        blocks[MAPI_BLOCK_RPC_HTTP] = true;
    if (field_is(value, length, FIELD_EXTERNAL, "1"))
        blocks[MAPI_BLOCK_EXTERNAL] = true;
    read_versions(settings, value, length);
}

void protocolsettings_read(struct protocol_settings *settings, const char *value, size_t length)
{
    static const struct {
        const char *name;
        enum protocol protocol;
    } names[] = {
        {"MAPI", PROTOCOL_MAPI},
        {"EWS", PROTOCOL_EWS},
        {"OWA", PROTOCOL_OWA},
        {"HTTP", PROTOCOL_OWA}, /* its name until Exchange 2003, still written beside "OWA" */
        {"ECP", PROTOCOL_ECP},
        {"POP3", PROTOCOL_POP3},
        {"IMAP4", PROTOCOL_IMAP4},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!field_is(value, length, FIELD_NAME, names[i].name))
            continue;
        if (field_is(value, length, FIELD_ENABLED, "0"))
            settings->off[names[i].protocol] = true;
        if (names[i].protocol == PROTOCOL_MAPI)
            read_mapi(settings, value, length);
    }
}

bool activesync_off(long long wireless_flags)
{
    return wireless_flags > 0 && (wireless_flags & 4) != 0;
}
