/*
 * The read path of MAPI, whichever way it travels: one mailbox or the public folders through ROPs,
 * and the address book. What carries the calls is a struct with a function; the procedures and the
 * judges are the same for MAPI over HTTP (mapi_http.h) and for RPC. Nothing is ever written.
 */
#ifndef PROBES_MAPI_H
#define PROBES_MAPI_H

#include "net/wire/nspi.h"
#include "net/wire/rop.h"
#include "probes/probe.h"

/* The Outlook we say we are, over either transport: a server may block versions
 * (MAPIBlockOutlookVersions), old ones above all. */
#define MAPI_CLIENT_VERSION "16.0.17932.20286"

/* ---- codes ---- */

/* The fault of a MAPI or ROP code: "RopLogon: ecUnknownUser (0x3eb): no mailbox has …". false. */
bool mapi_code_fault(struct fault *fault, uint32_t code, const char *what);
/* Facts <family>.error, .error_code, .error_words: declared by MAPI_ERROR_FACTS. */
void note_mapi_error(struct check *check, const char *family, uint32_t code);
#define MAPI_ERROR_FACTS(family)                                              \
    {family ".error", FACT_TEXT, "name of the store's error code"},           \
        {family ".error_code", FACT_TEXT, "the code itself, in hexadecimal"}, \
    {                                                                         \
        family ".error_words", FACT_TEXT, "what it means"                     \
    }

/* ---- the store (mapi_store.c) ---- */

/* Carries the payload of one ROP buffer to the store and brings the answer's, in the session's
 * arena. false: *fault says where it went wrong; a code of the store itself has ORIGIN_MAPI. */
struct store_way {
    void *context;
    bool (*execute)(void *context, const void *rops, size_t length, struct mapi_binary *ret_answer,
        struct fault *fault);
    /* A call ('>') or its answer ('<') in words. NULL: nobody listens. */
    void (*trace)(void *context, char direction, const char *line);
    /* RopLogon is answered, or will not be: ecWrongServer, or not. NULL: nobody asks. */
    void (*logged_on)(void *watcher, bool wrong_server);
    void *watcher;
};

enum store_place {
    STORE_INBOX,
    STORE_CONTACTS,
    STORE_CALENDAR,
    STORE_VOICEMAIL, /* a search folder, there where unified messaging was ever used */
    STORE_PLACES
};

struct store_folder {
    bool named; /* the store says where it is */
    uint64_t id;
    uint32_t code; /* of opening it, or of reading its counts */
    int64_t total; /* -1: not said */
    int64_t unread;
};

struct store_seen {
    bool unasked;           /* mapi_log_on(): the run has had enough of wrong servers */
    struct rop_logon logon; /* its result: the first thing to look at */
    struct store_folder folders[STORE_PLACES];
    uint32_t hierarchy_code; /* public folders: of their hierarchy table */
    uint32_t hierarchy;      /* folders of all levels below the root */
};

/* RopLogon, then what is to be read, then RopRelease: in as few rounds as what one needs of the
 * other allows. legacy_dn NULL for public folders. false: no answer, or not one to be read; a
 * refusal is in *ret_seen.
 *
 *   1. RopLogon: the folder ids of the Inbox and of the search root come with its answer.
 *   2. Inbox: opened, its counts, and the entry ids of Calendar and Contacts ([MS-OXOSFLD] 2.2.3);
 *      search root: its hierarchy, in which voice mail is found by its class.
 *   3. Where an entry id is of another replica: its folder id is asked for.
 *   4. Contacts, Calendar, voice mail: opened, their counts. The logon is released. */
bool store_read(const struct store_way *way, enum rop_logon_kind kind, const char *legacy_dn,
    struct arena *arena, struct store_seen *ret_seen, struct fault *fault);

/* Outcome and facts. family "mapi" or "rpc": of the facts. what: "the mailbox". Pure. */
void judge_store(const struct store_seen *seen, const char *family, struct check *check);
void judge_public(const struct store_seen *seen, const char *family, struct check *check);

/* Which mailbox server a redirection (ecWrongServer) names: the last cn= of its legacy DN, mostly
 * "GUID@domain"; in the arena. NULL: none. */
const char *store_redirect(struct arena *arena, const struct rop_logon *logon);

#define STORE_FACTS(family)                                                             \
    {family ".inbox.total", FACT_INT, "items in the Inbox"},                            \
        {family ".inbox.unread", FACT_INT, "unread items in the Inbox"},                \
        {family ".contacts.total", FACT_INT, "items in Contacts"},                      \
        {family ".contacts.unread", FACT_INT, "unread items in Contacts"},              \
        {family ".calendar.total", FACT_INT, "items in the Calendar"},                  \
        {family ".calendar.unread", FACT_INT, "unread items in the Calendar"},          \
        {family ".voicemail.total", FACT_INT, "items in the voice mail search folder"}, \
        {family ".voicemail.unread", FACT_INT, "unread items there"},                   \
        {family ".owner", FACT_BOOL, "the account is the owner of the mailbox"},        \
        {family ".mailbox_guid", FACT_TEXT, "GUID of the mailbox, from the logon"},     \
        {family ".redirect", FACT_TEXT, "server that ecWrongServer names"},             \
        {family ".redirect_followed", FACT_BOOL, "it was asked, once"}, MAPI_ERROR_FACTS(family)

#define PUBLIC_FACTS(family)                                                 \
    {family ".public.folders", FACT_INT, "folders in the public hierarchy"}, \
        {family ".redirect", FACT_TEXT, "server that ecWrongServer names"},  \
        {family ".redirect_followed", FACT_BOOL, "it was asked, once"}, MAPI_ERROR_FACTS(family)

/* ---- the address book (mapi_book.c) ---- */

struct book_way {
    void *context;
    bool (*call)(void *context, const struct nspi_call *call, struct nspi_answer *ret_answer,
        struct fault *fault);
    void (*trace)(void *context, char direction, const char *line);
};

enum book_match { BOOK_UNASKED, BOOK_NONE, BOOK_ONE, BOOK_AMBIGUOUS };
const char *book_match_str(enum book_match match); /* "none" */

struct book_entry {
    enum book_match match;
    uint32_t mid;
    const char *legacy_dn, *display_name, *smtp_address, *account, *home; /* or NULL */
};

enum { BOOK_NAMES_MAX = 2 + SETTINGS_WORDS };

struct book_seen {
    const char *step;   /* the call that failed, or NULL */
    struct fault fault; /* of that call; CAUSE_NONE */
    uint32_t containers;
    struct book_entry entries[BOOK_NAMES_MAX]; /* one for each address asked for */
    size_t count;
    enum book_match dn_match; /* the legacy DN the caller knows */
    bool dn_agrees;           /* … is the object that the first address is */
};

/* Bind, GetSpecialTable, ResolveNames of all addresses, DnToMinId of the legacy DN (NULL: not
 * asked), GetProps of what the first address is, Unbind. Ends at the first call that fails. */
void book_read(const struct book_way *way, const char *const *addresses, size_t count,
    const char *legacy_dn, struct arena *arena, struct book_seen *ret_seen);
void judge_book(const struct book_seen *seen, const char *address, struct check *check);

#define BOOK_FACTS                                                                          \
    {"book.containers", FACT_INT, "address lists in the hierarchy (GetSpecialTable)"},      \
        {"book.resolved", FACT_TEXT, "what the address resolves to: one, none, ambiguous"}, \
        {"book.dn_resolved", FACT_TEXT, "what the legacy DN resolves to (DnToMinId)"},      \
        {"book.legacy_dn", FACT_TEXT, "legacy DN of the object"},                           \
        {"book.display_name", FACT_TEXT, "its display name"},                               \
        {"book.smtp_address", FACT_TEXT, "its primary address"},                            \
        {"book.account", FACT_TEXT, "its account name"},                                    \
        {"book.home", FACT_TEXT, "its home message database"},                              \
        {"book.step", FACT_TEXT, "the call that failed"},                                   \
        {"book.error", FACT_TEXT, "name of the address book's error code"},                 \
    {                                                                                       \
        "book.error_words", FACT_TEXT, "what it means"                                      \
    }

/* ---- what the rows of both transports share (mapi_row.c) ---- */

/* store_read() within the run's limit of wrong servers; ret_seen->unasked: not asked. follows: a
 * redirection. After one that ends in ecWrongServer, mapi_followed() says that the row has followed
 * it, or will not: others wait to see. */
bool mapi_log_on(struct session *session, const struct store_way *way, bool follows,
    enum rop_logon_kind kind, const char *legacy_dn, struct store_seen *ret_seen,
    struct fault *fault);
void mapi_followed(struct session *session);
/* SKIPPED where another row has opened the store, or it is an extra; else FAIL with ecWrongServer,
 * which is all that the run was told. family: "mapi" or "rpc". */
void mapi_settle_unasked(struct session *session, const char *family, struct check *check);
/* This row has opened the store that the check is about. */
void mapi_note_opened(struct session *session, const struct check *check);

/* Who the mailbox is, and who the account is that opens it: as Autodiscover or the directory told
 * another row, else by the address book of this one, which the reader reads. A session is the
 * account's ([MS-OXCRPC] 3.1.4.1, szUserDN): a mailbox that is not its own is opened in it as any
 * further one. */
struct mapi_owner {
    const char *legacy_dn, *mailbox_id; /* of the mailbox; the latter may be NULL */
    const char *user_dn;                /* of the account: the same where the mailbox is its own */
    const char *source;                 /* who named the account's: "autodiscover", "ad", … */
};
#define MAPI_OWNER_FACTS(family)                                                                  \
    {family ".user_dn", FACT_TEXT, "the account's legacy DN, as which we connect"},               \
        {family ".user_dn_source", FACT_TEXT, "who named it: autodiscover, ad, or address book"}, \
    {                                                                                             \
        family ".mailbox_dn", FACT_TEXT, "legacy DN of the mailbox, where that is another's"      \
    }
void note_mapi_owner(const struct mapi_owner *owner, const char *family, struct check *check);
/* By whom a mailbox is opened. Pure. */
enum rop_logon_kind mapi_logon_kind(const char *user_dn, const char *legacy_dn);
typedef const struct book_seen *mapi_book_reader(struct session *session);
bool mapi_learn_owner(struct session *session, mapi_book_reader *read_book,
    struct mapi_owner *ret_owner, struct fault *fault);

/* book_read() of the account's address and those of all further mailboxes. */
void mapi_read_names(struct session *session, const struct book_way *way, const char *legacy_dn,
    struct book_seen *ret_seen);
/* The legacy DN of the further mailbox that the check is about; NULL: settled. probe: the one that
 * reads the address book. */
const char *mapi_other_dn(
    struct session *session, const struct book_seen *seen, const char *probe, struct check *check);

/* struct probe: each --mailbox; --public-folders. */
size_t mapi_mailbox_subjects(const struct settings *settings);
const char *mapi_mailbox_subject(const struct settings *settings, size_t index);
size_t mapi_public_subjects(const struct settings *settings);
const char *mapi_public_subject(const struct settings *settings, size_t index);

#endif
