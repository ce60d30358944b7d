/*
 * The address book calls of Exchange: request stubs and answers of the NSPI interface. Pure.
 *
 * [MS-OXNSPI] 3.1.4.1 (methods), 2.2 (structures), encoded in NDR ([C706] 14, [MS-RPCE] 2.2.5).
 * The interface's identifier is rpc_nspi in net/wire/rpc.h. The same calls as bodies of MAPI over
 * HTTP are in net/wire/nspi_http.h and share what stands here.
 *
 * A session: BIND gives a handle; SPECIAL_TABLE lists the containers; RESOLVE_W turns addresses and
 * DN_TO_MID legacy DNs into minimal entry ids; PROPS reads one of them; UNBIND ends it.
 */
#ifndef NET_WIRE_NSPI_H
#define NET_WIRE_NSPI_H

#include "net/wire/mapiprops.h"
#include "net/wire/ndr.h"

/* X(symbol, opnum, name in [MS-OXNSPI]) */
#define NSPI_CALLS(X)                                                                     \
    X(BIND, 0, "NspiBind")                                                                \
    X(UNBIND, 1, "NspiUnbind")                                                            \
    X(QUERY_ROWS, 3, "NspiQueryRows")                                                     \
    X(DN_TO_MID, 7, "NspiDNToMId")                                                        \
    X(PROPS, 9, "NspiGetProps")                                                           \
    X(SPECIAL_TABLE, 12, "NspiGetSpecialTable")                                           \
    X(RESOLVE, 19, "NspiResolveNames")                                                    \
    X(RESOLVE_W, 20, "NspiResolveNamesW")                                                 \
    /* of MAPI over HTTP only, [MS-OXCMAPIHTTP] 2.2.5.18 and .19: the numbers are ours */ \
    X(MAILBOX_URL, 1001, "GetMailboxUrl")                                                 \
    X(ADDRESS_BOOK_URL, 1002, "GetAddressBookUrl")

enum nspi_opnum {
#define X(symbol, opnum, name) NSPI_##symbol = (opnum),
    NSPI_CALLS(X)
#undef X
};

const char *nspi_opnum_str(enum nspi_opnum opnum); /* "NspiBind" */

enum {
    NSPI_ANONYMOUS = 0x20,     /* of BIND, 2.2.1.11: fAnonymousLogin */
    NSPI_SKIP_OBJECTS = 0x01,  /* of PROPS and QUERY_ROWS, 2.2.1.12 */
    NSPI_EPHEMERAL_IDS = 0x02, /* of PROPS and QUERY_ROWS */
    NSPI_TEMPLATES = 0x02,     /* of SPECIAL_TABLE, 2.2.1.13: not the hierarchy */
    NSPI_UNICODE = 0x04,       /* of SPECIAL_TABLE */
    NSPI_CODE_PAGE_WESTERN = 1252,
    NSPI_CODE_PAGE_TELETEX = 20261, /* 2.2.1.5 */
    NSPI_CODE_PAGE_UNICODE = 1200,  /* 2.2.1.5 */
    NSPI_LOCALE_DEFAULT = 0x409,    /* 2.2.1.4 */
    NSPI_NAMES_MAX = 100,
    NSPI_REQUEST_MAX = 256 * 1024,
    NSPI_ANSWER_MAX = 4 * 1024 * 1024,
};

/* 2.2.1.9: what a name became. Greater: it is the id of the one object it fits. */
enum nspi_mid {
    NSPI_MID_UNRESOLVED = 0, /* fits nothing */
    NSPI_MID_AMBIGUOUS = 1,  /* fits more than one */
    NSPI_MID_RESOLVED = 2,   /* fits one; its row is in the answer */
};

/* [MS-OXCDATA] 2.4; the others: ecode_name(). */
enum nspi_status {
    NSPI_SUCCESS = 0,
    NSPI_UNBIND_SUCCESS = 1,
    NSPI_UNBIND_FAILURE = 2,
    NSPI_ERRORS_RETURNED = 0x00040380, /* a success: some values are error codes */
};

/* 2.2.8. Zero, but code page and locales, is the beginning of the global address list. */
struct nspi_stat {
    uint32_t sort_type, container, current;
    int32_t delta;
    uint32_t position, total, code_page, template_locale, sort_locale;
};

struct nspi_stat nspi_stat_default(void);

struct nspi_handle {
    uint8_t bytes[NDR_CONTEXT_HANDLE_SIZE]; /* as it came: an RPC context handle, 2.2.10 */
};

/* One call. What a call has no parameter for is not looked at. */
struct nspi_call {
    enum nspi_opnum opnum;
    struct nspi_handle handle; /* of BIND's answer; not in MAPI over HTTP */
    uint32_t flags;
    struct nspi_stat stat;
    struct mapi_columns columns; /* tags NULL: the server's choice */
    const uint32_t *mids;        /* of QUERY_ROWS: an explicit table; NULL: none */
    uint32_t mid_count;
    uint32_t rows;            /* of QUERY_ROWS: at most so many */
    const char *const *names; /* UTF-8 */
    uint32_t name_count;
    uint32_t version; /* of SPECIAL_TABLE: the hierarchy's that we have; 0: none */
};

/* Writes the stub to an empty writer, of which alignment counts; false: no room, a name is not
 * UTF-8, or more names or tags than our bounds. */
bool nspi_write(struct writer *writer, const struct nspi_call *call);

struct nspi_answer {
    uint32_t status; /* the method's return value: a MAPI code */
    struct nspi_handle handle;
    bool has_guid;
    uint8_t server_guid[16]; /* of BIND */
    struct nspi_stat stat;   /* of QUERY_ROWS: where the table stands now */
    uint32_t version;        /* of SPECIAL_TABLE */
    const uint32_t *mids;    /* of DN_TO_MID and RESOLVE: one for each name */
    uint32_t mid_count;
    struct mapi_rows rows; /* of PROPS: one */
    uint32_t code_page;    /* of MAPI over HTTP only */
    const char *url;       /* of MAPI over HTTP only */
};

/* Reads the response stub of the call. False: malformed or over a bound, *fault says where. A
 * status that is an error is an answer: see nspi_succeeded(). */
bool nspi_read(struct arena *arena, enum nspi_opnum opnum, const void *stub, size_t length,
    struct nspi_answer *ret_answer, struct fault *fault);

/* Success as this call says it, or success with errors in some values. Else false, with the code in
 * words in *fault (ORIGIN_MAPI). Causes: ecode_cause(). */
bool nspi_succeeded(enum nspi_opnum opnum, uint32_t status, struct fault *fault);

/* ---- entry ids, 2.2.9 ---- */

struct nspi_entry_id {
    bool permanent;
    uint32_t display_type;
    const char *dn; /* of a permanent one: a legacy DN; "/" is the address book's root */
    uint32_t mid;   /* of an ephemeral one */
    uint8_t provider[16];
};

/* False: neither of the two. */
bool nspi_entry_id_read(
    struct arena *arena, const struct mapi_binary *bytes, struct nspi_entry_id *ret_id);

const char *nspi_display_type_words(uint32_t display_type); /* "mail user"; NULL: unknown */

#endif
