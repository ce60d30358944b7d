/*
 * Which protocols a mailbox may use, as Set-CASMailbox keeps it in the attribute protocolSettings:
 * one value a protocol, its fields separated by U+00A7: "MAPI§0§§§§1§§§§§1". Microsoft publishes no
 * format; the places of the fields are those that Exchange 2010 and later read and write. Pure.
 */
#ifndef NET_WIRE_PROTOCOLSETTINGS_H
#define NET_WIRE_PROTOCOLSETTINGS_H

#include <stdbool.h>
#include <stddef.h>

enum protocol {
    PROTOCOL_MAPI,
    PROTOCOL_MAPI_HTTP, /* MAPI over HTTP alone; RPC over HTTP may still be used */
    PROTOCOL_EWS,
    PROTOCOL_OWA,
    PROTOCOL_ECP,
    PROTOCOL_ACTIVESYNC,
    PROTOCOL_POP3,
    PROTOCOL_IMAP4,
    PROTOCOL_COUNT
};
const char *protocol_str(enum protocol protocol); /* "MAPI" "MapiHttp" "EWS" … */

/* What of MAPI is blocked although MAPI is on; named as the parameters of Set-CASMailbox. */
enum mapi_block {
    MAPI_BLOCK_NON_CACHED, /* clients without a local copy of the mailbox: MAPI/CDO is one */
    MAPI_BLOCK_VERSIONS,
    MAPI_BLOCK_RPC_HTTP,
    MAPI_BLOCK_EXTERNAL,
    MAPI_BLOCK_COUNT
};
const char *mapi_block_str(enum mapi_block block); /* "MAPIBlockOutlookRpcHttp" … */

enum { MAPI_VERSIONS_SIZE = 128 };

struct protocol_settings {
    bool off[PROTOCOL_COUNT];
    bool mapi_blocks[MAPI_BLOCK_COUNT];
    char versions[MAPI_VERSIONS_SIZE]; /* blocked, "-11.9999.9999"; cut where it is longer */
};

/* One field of a value, 0 is the protocol's name: a view into it. The separator is U+00A7 in UTF-8
 * or, from directories that were filled by hand, Latin-1's single byte. false: there are not so
 * many. */
bool protocolsettings_field(
    const char *value, size_t length, unsigned index, const char **ret_field, size_t *ret_length);

/* What one value of protocolSettings switches off, added to what is there already. Unknown
 * protocols and empty fields change nothing. */
void protocolsettings_read(struct protocol_settings *settings, const char *value, size_t length);

/* msExchOmaAdminWirelessEnable: its bit 2 switches user initiated synchronisation off, which is
 * ActiveSync. */
bool activesync_off(long long wireless_flags);

#endif
