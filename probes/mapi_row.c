#include "probes/mapi.h"

#include <stdio.h>
#include <string.h>

#include "net/wire/ecodes.h"
#include "net/wire/text.h"
#include "probes/run.h"

/* What the rows of both transports have in common: whose mailbox it is, which others are asked for,
 * and how often a run may ask the wrong server. */

/* ---- the wrong server ---- */

static void tell_first(void *watcher, bool wrong_server)
{
    run_store_logon_done(watcher, false, wrong_server);
}

static void tell_second(void *watcher, bool wrong_server)
{
    run_store_logon_done(watcher, true, wrong_server);
}

bool mapi_log_on(struct session *session, const struct store_way *way, bool follows,
    enum rop_logon_kind kind, const char *legacy_dn, struct store_seen *ret_seen,
    struct fault *fault)
{
    struct store_way watched = *way;
    watched.logged_on = follows ? tell_second : tell_first;
    watched.watcher = session;
    if (!run_store_logon(session, follows)) {
        *ret_seen = (struct store_seen){.unasked = true};
        return true;
    }
    return store_read(&watched, kind, legacy_dn, &session->arena, ret_seen, fault);
}

void mapi_followed(struct session *session)
{
    run_store_followed(session);
}

/* The same for both transports: "mailbox", "mailbox_of", "public". */
static void name_store(const struct check *check, char ret_what[200])
{
    const char *kind = strchr(check->probe, '.');
    snprintf(ret_what, 200, "mapi opened %.20s %.150s", kind != NULL ? kind + 1 : check->probe,
        check->subject != NULL ? check->subject : "");
}

void mapi_note_opened(struct session *session, const struct check *check)
{
    char what[200], who[256];
    name_store(check, what);
    run_claim(session, what, who);
}

void mapi_settle_unasked(struct session *session, const char *family, struct check *check)
{
    char what[200], who[256];
    struct fault fault;
    name_store(check, what);
    bool opened = run_is_claimed(session, what, who);
    if (opened || check->subject != NULL) {
        check_settle(check, OUTCOME_SKIPPED,
            "not asked: one more logon to a wrong server, and it would pause us; %s%s",
            opened ? who : "other rows tell whether the store opens",
            opened ? " has opened it" : "");
        return;
    }
    fault_set(&fault, CAUSE_REFERRAL, ORIGIN_MAPI, EC_WRONG_SERVER,
        "not asked: whichever server was asked so far answers ecWrongServer (0x478), and one more "
        "would pause the account");
    note_mapi_error(check, family, EC_WRONG_SERVER);
    check_fail(check, &fault);
}

/* ---- whose mailbox ---- */

/* Nobody told: the row's own address book must know. */
static bool look_up(const struct book_seen *seen, struct mapi_owner *ret_owner, struct fault *fault)
{
    const struct book_entry *own = &seen->entries[0];
    if (own->legacy_dn != NULL) {
        *ret_owner = (struct mapi_owner){.legacy_dn = own->legacy_dn, .source = "address book"};
        return true;
    }
    if (seen->step != NULL)
        return fault_set(fault, seen->fault.cause, seen->fault.origin, seen->fault.code,
            "nobody names the mailbox's legacy DN: no Autodiscover answer; address book, %.100s",
            seen->fault.text);
    return fault_set(fault, CAUSE_NO_MAILBOX, ORIGIN_MAPI, 0,
        "nobody names the mailbox's legacy DN: no Autodiscover answer, and the address book has %s "
        "with this address",
        own->match == BOOK_AMBIGUOUS ? "several objects" : "nobody");
}

static bool is_own(const struct settings *settings)
{
    return settings->user[0] == '\0' || text_equal_nocase(settings->user, settings->address);
}

/* The account is not named as the mailbox is. */
static void learn_user(
    struct session *session, mapi_book_reader *read_book, struct mapi_owner *owner)
{
    const struct settings *settings = session->settings;
    const char *told = run_user(session);
    if (told != NULL) {
        owner->user_dn = told;
        owner->source = source_str(SOURCE_AD);
        return;
    }
    const struct book_seen *seen = read_book(session);
    size_t last = settings->mailboxes.count + 1; /* as mapi_read_names() has them */
    const char *found = last < seen->count ? seen->entries[last].legacy_dn : NULL;
    owner->user_dn = found != NULL ? found : owner->legacy_dn;
    owner->source = found != NULL ? "address book" : "nobody: the mailbox's own is used";
}

bool mapi_learn_owner(struct session *session, mapi_book_reader *read_book,
    struct mapi_owner *ret_owner, struct fault *fault)
{
    struct known_mailbox known;
    if (run_mailbox(session, &known))
        *ret_owner = (struct mapi_owner){.legacy_dn = known.legacy_dn,
            .mailbox_id = known.mailbox_id,
            .source = source_str(known.source)};
    else if (!look_up(read_book(session), ret_owner, fault))
        return false;
    ret_owner->user_dn = ret_owner->legacy_dn;
    if (!is_own(session->settings))
        learn_user(session, read_book, ret_owner);
    return true;
}

enum rop_logon_kind mapi_logon_kind(const char *user_dn, const char *legacy_dn)
{
    return text_equal_nocase(user_dn, legacy_dn) ? ROP_LOGON_OWN : ROP_LOGON_OTHER;
}

void note_mapi_owner(const struct mapi_owner *owner, const char *family, struct check *check)
{
    struct arena *arena = &check->arena;
    check_text(check, arena_printf(arena, "%s.user_dn", family), owner->user_dn);
    check_text(check, arena_printf(arena, "%s.user_dn_source", family), owner->source);
    if (owner->user_dn != NULL &&
        mapi_logon_kind(owner->user_dn, owner->legacy_dn) != ROP_LOGON_OWN)
        check_text(check, arena_printf(arena, "%s.mailbox_dn", family), owner->legacy_dn);
}

/* ---- the address book ---- */

void mapi_read_names(struct session *session, const struct book_way *way, const char *legacy_dn,
    struct book_seen *ret_seen)
{
    const struct settings *settings = session->settings;
    const char *addresses[BOOK_NAMES_MAX];
    size_t count = 0;
    addresses[count++] = settings->address;
    for (size_t i = 0; i < settings->mailboxes.count && count < BOOK_NAMES_MAX - 1; i++)
        addresses[count++] = settings->mailboxes.list[i];
    if (!is_own(settings))
        addresses[count++] = settings->account;
    book_read(way, addresses, count, legacy_dn, &session->arena, ret_seen);
}

const char *mapi_other_dn(
    struct session *session, const struct book_seen *seen, const char *probe, struct check *check)
{
    const struct settings *settings = session->settings;
    struct fault fault;
    for (size_t i = 0; i < settings->mailboxes.count && i + 1 < seen->count; i++) {
        const struct book_entry *entry = &seen->entries[i + 1];
        if (strcmp(settings->mailboxes.list[i], check->subject) != 0)
            continue;
        if (entry->legacy_dn != NULL)
            return entry->legacy_dn;
        fault_set(&fault, entry->match == BOOK_AMBIGUOUS ? CAUSE_AMBIGUOUS : CAUSE_NO_MAILBOX,
            ORIGIN_MAPI, 0, "the address book has %s with the address %.100s",
            entry->match == BOOK_AMBIGUOUS ? "several objects" : "nobody", check->subject);
        check_fail(check, &fault);
        return NULL;
    }
    check_settle(check, OUTCOME_SKIPPED,
        "its legacy DN is not known: the address book does not answer (%s)", probe);
    return NULL;
}

/* ---- subjects ---- */

size_t mapi_mailbox_subjects(const struct settings *settings)
{
    return settings->mailboxes.count;
}

const char *mapi_mailbox_subject(const struct settings *settings, size_t index)
{
    return settings->mailboxes.list[index];
}

size_t mapi_public_subjects(const struct settings *settings)
{
    return settings->public_folders ? 1 : 0;
}

const char *mapi_public_subject(const struct settings *settings, size_t index)
{
    (void)settings;
    (void)index;
    return "public folders";
}
