#include "probes/mapi.h"

#include <stdio.h>
#include <string.h>

#include "probes/run.h"

/* What the rows of both transports have in common: whose mailbox it is, which others are asked for,
 * and how often a run may ask the wrong server. */

/* ---- the wrong server ---- */

enum {
    /* Five logons to the wrong server within ten seconds, and the server pauses us ([MS-OXCSTOR]
     * 3.2.5.1.3, ecServerPaused): a run stays below, whatever its rows do at once. */
    WRONG_SERVERS_MAX = 3
};

/* The n-th answer "wrong server" of the run, of all rows. */
bool mapi_take_wrong_server(struct session *session)
{
    char what[40], who[256];
    for (int i = 0; i < WRONG_SERVERS_MAX; i++) {
        snprintf(what, sizeof what, "mapi wrong server %d", i);
        if (run_claim(session, what, who))
            return true;
    }
    return false;
}

bool mapi_may_ask(struct session *session, struct check *check)
{
    char what[40], who[256];
    snprintf(what, sizeof what, "mapi wrong server %d", WRONG_SERVERS_MAX - 1);
    if (!run_claim(session, what, who)) {
        check_settle(check, OUTCOME_SKIPPED,
            "not asked: one more logon to the wrong server, and it would pause us");
        return false;
    }
    run_release(session, what);
    return true;
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

bool mapi_learn_owner(struct session *session, mapi_book_reader *read_book,
    struct mapi_owner *ret_owner, struct fault *fault)
{
    struct known_mailbox known;
    if (!run_mailbox(session, &known))
        return look_up(read_book(session), ret_owner, fault);
    *ret_owner = (struct mapi_owner){.legacy_dn = known.legacy_dn,
        .mailbox_id = known.mailbox_id,
        .source = source_str(known.source)};
    return true;
}

/* ---- the address book ---- */

void mapi_read_names(struct session *session, const struct book_way *way, const char *legacy_dn,
    struct book_seen *ret_seen)
{
    const struct settings *settings = session->settings;
    const char *addresses[BOOK_NAMES_MAX];
    size_t count = 0;
    addresses[count++] = settings->address;
    for (size_t i = 0; i < settings->mailboxes.count && count < BOOK_NAMES_MAX; i++)
        addresses[count++] = settings->mailboxes.list[i];
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
