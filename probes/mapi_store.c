#include "probes/mapi.h"

#include <stdio.h>
#include <string.h>

#include "net/wire/ecodes.h"
#include "net/wire/text.h"

enum { BATCH_MAX = 4096, SEARCHES_MAX = 100 };

/* How voice mail's search folder is marked: [MS-OXOUM] names its class; the display name is that of
 * an English mailbox. */
#define VOICEMAIL_CLASS "IPF.Note.Microsoft.Voicemail"
#define VOICEMAIL_NAME  "Voice Mail"

static const struct {
    const char *key, *name;
} places[STORE_PLACES] = {
    [STORE_INBOX] = {"inbox", "Inbox"},
    [STORE_CONTACTS] = {"contacts", "Contacts"},
    [STORE_CALENDAR] = {"calendar", "Calendar"},
    [STORE_VOICEMAIL] = {"voicemail", "Voice Mail"},
};

static const uint32_t count_tags[] = {PID_TAG_CONTENT_COUNT, PID_TAG_CONTENT_UNREAD_COUNT};
static const struct mapi_columns counts = {count_tags, 2};
static const uint32_t inbox_tags[] = {PID_TAG_CONTENT_COUNT, PID_TAG_CONTENT_UNREAD_COUNT,
    PID_TAG_IPM_CONTACT_ENTRY_ID, PID_TAG_IPM_APPOINTMENT_ENTRY_ID};
static const struct mapi_columns inbox_columns = {inbox_tags, 4};
static const uint32_t search_tags[] = {
    PID_TAG_FOLDER_ID, PID_TAG_DISPLAY_NAME, PID_TAG_CONTAINER_CLASS};
static const struct mapi_columns search_columns = {search_tags, 3};

/* ---- codes ---- */

bool mapi_code_fault(struct fault *fault, uint32_t code, const char *what)
{
    const char *name = ecode_name(code);
    return fault_set(fault, ecode_cause(code), ORIGIN_MAPI, (long)code, "%s: %s (0x%x): %s", what,
        name != NULL ? name : "an unknown code", (unsigned)code, ecode_words(code));
}

static const char *key_of(struct check *check, const char *family, const char *rest)
{
    return arena_printf(&check->arena, "%s.%s", family, rest);
}

void note_mapi_error(struct check *check, const char *family, uint32_t code)
{
    check_text(check, key_of(check, family, "error"), ecode_name(code));
    check_text(check, key_of(check, family, "error_code"),
        arena_printf(&check->arena, "0x%x", (unsigned)code));
    check_text(check, key_of(check, family, "error_words"), ecode_words(code));
}

/* ---- one round ---- */

struct round {
    const struct store_way *way;
    struct arena *arena;
    uint8_t bytes[BATCH_MAX];
    struct writer writer;
    struct rop_batch batch;
    struct rop_reply reply;
};

static void begin(struct round *round)
{
    round->writer = writer_of(round->bytes, sizeof round->bytes);
    rop_begin(&round->batch, &round->writer, 0);
}

/* words: the calls, for -vv. */
static bool carry(struct round *round, const char *words, struct fault *fault)
{
    struct mapi_binary answer;
    if (round->way->trace != NULL)
        round->way->trace(round->way->context, '>', words);
    if (!rop_end(&round->batch))
        return fault_set(
            fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "the legacy DN is too long for RopLogon");
    return round->way->execute(
               round->way->context, round->bytes, round->writer.length, &answer, fault) &&
           rop_reply_open(answer.bytes, answer.length, &round->reply, fault);
}

/* An answer in words. */
static void told(struct round *round, const char *rop, uint32_t code)
{
    const char *name = ecode_name(code);
    if (round->way->trace != NULL)
        round->way->trace(round->way->context, '<',
            arena_printf(round->arena, "%s: %s (0x%x)", rop,
                code == EC_NONE ? "success"
                : name != NULL  ? name
                                : "an unknown code",
                (unsigned)code));
}

/* ---- the steps ---- */

static bool log_on(struct round *round, enum rop_logon_kind kind, const char *legacy_dn,
    struct rop_logon *ret_logon, uint32_t *ret_handle, struct fault *fault)
{
    begin(round);
    rop_put_logon(&round->batch, rop_new(&round->batch), kind, legacy_dn);
    if (!carry(round, kind == ROP_LOGON_PUBLIC ? "RopLogon (public folders)" : "RopLogon", fault) ||
        !rop_read_logon(&round->reply, ret_logon, fault))
        return false;
    told(round, "RopLogon", ret_logon->result);
    return ret_logon->result != EC_NONE || rop_reply_handle(&round->reply, 0, ret_handle) ||
           fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
               "the store's answer to RopLogon has no handle");
}

/* An open folder and its counts; *ret_row may hold more. */
static bool read_folder(struct round *round, const struct mapi_columns *columns,
    struct store_folder *folder, struct mapi_row *ret_row, struct fault *fault)
{
    struct rop_folder opened;
    uint32_t code;
    uint64_t number;
    if (!rop_read_open_folder(&round->reply, round->arena, &opened, fault) ||
        !rop_read_properties(&round->reply, round->arena, columns, &code, ret_row, fault))
        return false;
    folder->code = opened.result != EC_NONE ? opened.result : code;
    told(round, "RopOpenFolder", opened.result);
    told(round, "RopGetPropertiesSpecific", code);
    if (mapi_row_number(ret_row, PID_TAG_CONTENT_COUNT, &number))
        folder->total = (int64_t)number;
    if (mapi_row_number(ret_row, PID_TAG_CONTENT_UNREAD_COUNT, &number))
        folder->unread = (int64_t)number;
    return true;
}

/* Where the Inbox says a folder is. */
struct lead {
    bool known, asked; /* asked: its id must be asked for */
    struct rop_long_id long_id;
};

static void follow(const struct rop_logon *logon, const struct mapi_row *inbox, uint32_t tag,
    struct lead *lead, struct store_folder *folder)
{
    lead->known = rop_folder_entry(mapi_row_binary(inbox, tag), &lead->long_id);
    folder->named = lead->known;
    lead->asked = lead->known && !rop_folder_id(logon, &lead->long_id, &folder->id);
}

/* Step 2. */
static bool read_inbox(struct round *round, const struct rop_logon *logon, uint32_t handle,
    struct store_seen *seen, struct lead leads[STORE_PLACES], struct fault *fault)
{
    struct mapi_row inbox = {0};
    struct mapi_rows searches = {0};
    struct rop_folder root;
    uint32_t code = EC_NONE, count;
    begin(round);
    struct rop_batch *batch = &round->batch;
    uint8_t at = rop_use(batch, handle), folder = rop_new(batch), search = rop_new(batch),
            table = rop_new(batch);
    rop_put_open_folder(batch, at, folder, logon->folders[ROP_MAILBOX_INBOX]);
    rop_put_get_properties(batch, folder, &inbox_columns);
    rop_put_open_folder(batch, at, search, logon->folders[ROP_MAILBOX_SEARCH]);
    rop_put_get_hierarchy(batch, search, table, false);
    rop_put_set_columns(batch, table, &search_columns);
    rop_put_query_rows(batch, table, SEARCHES_MAX);
    seen->folders[STORE_INBOX].named = true;
    if (!carry(round,
            "RopOpenFolder and RopGetPropertiesSpecific (Inbox); RopOpenFolder, "
            "RopGetHierarchyTable, RopSetColumns, RopQueryRows (search folders)",
            fault) ||
        !read_folder(round, &inbox_columns, &seen->folders[STORE_INBOX], &inbox, fault))
        return false;
    follow(logon, &inbox, PID_TAG_IPM_CONTACT_ENTRY_ID, &leads[STORE_CONTACTS],
        &seen->folders[STORE_CONTACTS]);
    follow(logon, &inbox, PID_TAG_IPM_APPOINTMENT_ENTRY_ID, &leads[STORE_CALENDAR],
        &seen->folders[STORE_CALENDAR]);
    if (!rop_read_open_folder(&round->reply, round->arena, &root, fault) ||
        !rop_read_hierarchy(&round->reply, &code, &count, fault) ||
        !rop_read_set_columns(&round->reply, &code, fault) ||
        !rop_read_rows(&round->reply, round->arena, &search_columns, &code, &searches, fault))
        return false;
    told(round, "RopQueryRows", code);
    const struct mapi_row *voicemail = rop_find_folder(&searches, VOICEMAIL_CLASS, VOICEMAIL_NAME);
    seen->folders[STORE_VOICEMAIL].named =
        voicemail != NULL &&
        mapi_row_number(voicemail, PID_TAG_FOLDER_ID, &seen->folders[STORE_VOICEMAIL].id);
    return true;
}

/* Step 3. */
static bool ask_ids(struct round *round, uint32_t handle, struct store_seen *seen,
    const struct lead leads[STORE_PLACES], struct fault *fault)
{
    bool any = false;
    begin(round);
    uint8_t at = rop_use(&round->batch, handle);
    for (int i = 0; i < STORE_PLACES; i++) {
        if (leads[i].asked)
            rop_put_id_from_long_term(&round->batch, at, &leads[i].long_id);
        any |= leads[i].asked;
    }
    if (!any)
        return true;
    if (!carry(round, "RopIdFromLongTermId", fault))
        return false;
    for (int i = 0; i < STORE_PLACES; i++) {
        struct store_folder *folder = &seen->folders[i];
        if (leads[i].asked &&
            !rop_read_id_from_long_term(&round->reply, &folder->code, &folder->id, fault))
            return false;
    }
    return true;
}

static bool is_to_open(const struct store_seen *seen, int place)
{
    const struct store_folder *folder = &seen->folders[place];
    return place != STORE_INBOX && folder->named && folder->code == EC_NONE;
}

/* Step 4. */
static bool read_rest(
    struct round *round, uint32_t handle, struct store_seen *seen, struct fault *fault)
{
    begin(round);
    uint8_t at = rop_use(&round->batch, handle);
    for (int i = 0; i < STORE_PLACES; i++) {
        if (!is_to_open(seen, i))
            continue;
        uint8_t folder = rop_new(&round->batch);
        rop_put_open_folder(&round->batch, at, folder, seen->folders[i].id);
        rop_put_get_properties(&round->batch, folder, &counts);
    }
    rop_put_release(&round->batch, at);
    if (!carry(round,
            "RopOpenFolder and RopGetPropertiesSpecific (Contacts, Calendar, Voice Mail); "
            "RopRelease",
            fault))
        return false;
    for (int i = 0; i < STORE_PLACES; i++) {
        struct mapi_row row = {0};
        if (is_to_open(seen, i) && !read_folder(round, &counts, &seen->folders[i], &row, fault))
            return false;
    }
    return true;
}

static bool read_mailbox(
    struct round *round, uint32_t handle, struct store_seen *seen, struct fault *fault)
{
    struct lead leads[STORE_PLACES] = {{0}};
    return read_inbox(round, &seen->logon, handle, seen, leads, fault) &&
           ask_ids(round, handle, seen, leads, fault) && read_rest(round, handle, seen, fault);
}

static bool read_public(
    struct round *round, uint32_t handle, struct store_seen *seen, struct fault *fault)
{
    struct rop_folder root;
    uint32_t code;
    begin(round);
    struct rop_batch *batch = &round->batch;
    uint8_t at = rop_use(batch, handle), folder = rop_new(batch), table = rop_new(batch);
    rop_put_open_folder(batch, at, folder, seen->logon.folders[ROP_PUBLIC_IPM_SUBTREE]);
    rop_put_get_hierarchy(batch, folder, table, true);
    rop_put_release(batch, at);
    if (!carry(round, "RopOpenFolder, RopGetHierarchyTable (public folders); RopRelease", fault) ||
        !rop_read_open_folder(&round->reply, round->arena, &root, fault) ||
        !rop_read_hierarchy(&round->reply, &code, &seen->hierarchy, fault))
        return false;
    told(round, "RopGetHierarchyTable", code);
    seen->hierarchy_code = root.result != EC_NONE ? root.result : code;
    return true;
}

bool store_read(const struct store_way *way, enum rop_logon_kind kind, const char *legacy_dn,
    struct arena *arena, struct store_seen *ret_seen, struct fault *fault)
{
    struct store_seen seen = {.hierarchy = 0};
    struct round *round = arena_alloc(arena, sizeof *round);
    uint32_t handle = ROP_NO_HANDLE;
    round->way = way;
    round->arena = arena;
    for (int i = 0; i < STORE_PLACES; i++)
        seen.folders[i].total = seen.folders[i].unread = -1;
    bool answered = log_on(round, kind, legacy_dn, &seen.logon, &handle, fault);
    if (way->logged_on != NULL)
        way->logged_on(way->watcher, answered && seen.logon.result == EC_WRONG_SERVER);
    if (!answered)
        return false;
    bool refused = seen.logon.result != EC_NONE;
    bool is_public = kind == ROP_LOGON_PUBLIC;
    if (!refused && !(is_public ? read_public(round, handle, &seen, fault)
                                : read_mailbox(round, handle, &seen, fault)))
        return false;
    *ret_seen = seen;
    return true;
}

/* ---- judging ---- */

const char *store_redirect(struct arena *arena, const struct rop_logon *logon)
{
    const char *last = NULL;
    for (const char *at = logon->server; (at = text_find_nocase(at, "/cn=")) != NULL; at++)
        last = at + strlen("/cn=");
    if (last == NULL)
        last = logon->server; /* a bare name */
    return *last != '\0' ? arena_strdup(arena, last) : NULL;
}

static void fail_code(struct check *check, const char *family, uint32_t code, const char *what)
{
    struct fault fault;
    mapi_code_fault(&fault, code, what);
    note_mapi_error(check, family, code);
    check_fail(check, &fault);
}

static bool logon_refused(const struct store_seen *seen, const char *family, struct check *check)
{
    if (seen->logon.result == EC_NONE)
        return false;
    check_text(
        check, key_of(check, family, "redirect"), store_redirect(&check->arena, &seen->logon));
    fail_code(check, family, seen->logon.result, "RopLogon");
    return true;
}

static void note_guid(const struct rop_logon *logon, const char *family, struct check *check)
{
    const uint8_t *g = logon->mailbox_guid;
    /* [MS-DTYP] 2.3.4: the first three fields are little-endian. */
    check_text(check, key_of(check, family, "mailbox_guid"),
        arena_printf(&check->arena,
            "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", g[3], g[2],
            g[1], g[0], g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13], g[14],
            g[15]));
}

void judge_store(const struct store_seen *seen, const char *family, struct check *check)
{
    if (logon_refused(seen, family, check))
        return;
    check_bool(check, key_of(check, family, "owner"), seen->logon.owner);
    note_guid(&seen->logon, family, check);
    const char *opened = "";
    for (int i = 0; i < STORE_PLACES; i++) {
        const struct store_folder *folder = &seen->folders[i];
        if (!folder->named && i == STORE_VOICEMAIL)
            continue;
        if (!folder->named || folder->code != EC_NONE) {
            fail_code(check, family, folder->named ? folder->code : EC_NOT_FOUND, places[i].name);
            return;
        }
        char key[48];
        const char *total = "?";
        snprintf(key, sizeof key, "%s.total", places[i].key);
        if (folder->total >= 0) {
            check_int(check, key_of(check, family, key), folder->total);
            total = arena_printf(&check->arena, "%lld", (long long)folder->total);
        }
        snprintf(key, sizeof key, "%s.unread", places[i].key);
        if (folder->unread >= 0)
            check_int(check, key_of(check, family, key), folder->unread);
        opened = arena_printf(
            &check->arena, "%s%s%s %s", opened, i > 0 ? ", " : "", places[i].name, total);
    }
    check_settle(check, OUTCOME_PASS, "opened: %s items", opened);
}

void judge_public(const struct store_seen *seen, const char *family, struct check *check)
{
    if (logon_refused(seen, family, check))
        return;
    if (seen->hierarchy_code != EC_NONE) {
        fail_code(check, family, seen->hierarchy_code, "the public folder tree");
        return;
    }
    check_int(check, key_of(check, family, "public.folders"), seen->hierarchy);
    check_settle(check, OUTCOME_PASS, "the public folder tree opens: %u folder%s",
        (unsigned)seen->hierarchy, seen->hierarchy == 1 ? "" : "s");
}
