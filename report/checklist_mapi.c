#include "report/checklist_answer.h"

#include <inttypes.h>
#include <string.h>

#include "report/rule.h"

/* What opens, over each of the ways there are: EWS, and MAPI by its two transports. */

static const struct way {
    const char *name, *family;
    const char *connect; /* fails for the mailbox's sake, too; NULL: it says nothing of it */
    const char *own, *other, *tree;
    const char *book; /* the other provider; NULL: none */
} ways[] = {
    {"EWS", "ews", NULL, "ews.folders", "ews.mailbox", "ews.public", NULL},
    {"RPC over HTTP", "rpc", "rpc.connect", "rpc.mailbox", "rpc.mailbox_of", "rpc.public",
        "rpc.book"},
    {"MAPI over HTTP", "mapi", "mapi.connect", "mapi.mailbox", "mapi.mailbox_of", "mapi.public",
        "mapi.book"},
};
enum { WAYS = sizeof ways / sizeof ways[0] };

/* What works over which ways, and the first that does not. */
struct opened {
    const char *good; /* "EWS, RPC over HTTP"; "": none */
    const char *bad;  /* "MAPI over HTTP: its summary"; "": none */
};

static void note_opened(
    struct answer *answer, struct opened *opened, const struct way *way, const struct check *check)
{
    if (check == NULL)
        return;
    if (check_is_good(check))
        opened->good = arena_printf(
            answer->arena, "%s%s%s", opened->good, *opened->good != '\0' ? ", " : "", way->name);
    else if (*opened->bad == '\0')
        opened->bad = arena_printf(answer->arena, "%s: %s", way->name, check->summary);
}

/* PASS over every way, WARN where another one fails, FAIL over none. `more` follows the ways. */
static void settle_opened(struct answer *answer, const struct opened *opened, const char *more)
{
    bool good = *opened->good != '\0', bad = *opened->bad != '\0';
    if (good)
        answer_settle(answer, bad ? OUTCOME_WARN : OUTCOME_PASS, "opens over %s%s%s%s",
            opened->good, more, bad ? "; " : "", opened->bad);
    else if (bad)
        answer_settle(answer, OUTCOME_FAIL, "%s", opened->bad);
}

static const struct check *own_witness(const struct survey *survey, const struct way *way)
{
    const struct check *check = find_witness(survey, way->own);
    if (check != NULL || way->connect == NULL)
        return check;
    check = find_witness(survey, way->connect);
    return check_is_good(check) ? NULL : check;
}

/* A further mailbox: what works, else what fails, else whatever there is. */
static const struct check *other_witness(
    const struct survey *survey, const char *probe, const char *mailbox)
{
    const struct check *seen = NULL;
    for (const struct check *at = next_check(survey, probe, NULL); at != NULL;
         at = next_check(survey, probe, at)) {
        bool better = seen == NULL || check_is_good(at) ||
                      (at->outcome == OUTCOME_FAIL && !check_is_good(seen));
        if (at->subject != NULL && strcmp(at->subject, mailbox) == 0 && better)
            seen = at;
    }
    return seen;
}

/* Own folders: key names the count of the folder. */
static bool answer_folder(struct answer *answer, const char *folder)
{
    struct opened opened = {.good = "", .bad = ""};
    int64_t items = -1;
    for (size_t i = 0; i < WAYS; i++) {
        const struct check *check = own_witness(answer->survey, &ways[i]);
        const char *key = arena_printf(answer->arena, "%s.%s.total", ways[i].family, folder);
        int64_t total = check_is_good(check) ? check_get_int(check, key, -1) : -1;
        if (total >= 0)
            answer_int(answer, key, total);
        if (total >= 0 || (check != NULL && !check_is_good(check)))
            note_opened(answer, &opened, &ways[i], check);
        if (items < 0)
            items = total;
    }
    settle_opened(answer, &opened,
        arena_printf(answer->arena, ": %" PRId64 " item%s", items, items == 1 ? "" : "s"));
    return *opened.good != '\0';
}

void answer_contacts(struct answer *answer)
{
    answer_folder(answer, "contacts");
}

/* Of every --mailbox, too: one that does not open is the answer. */
void answer_calendar(struct answer *answer)
{
    size_t others = answer->survey->target.mailbox_count;
    if (!answer_folder(answer, "calendar"))
        return;
    for (size_t i = 0; i < others; i++) {
        const char *mailbox = answer->survey->target.mailboxes[i];
        const struct check *seen = NULL;
        for (size_t k = 0; k < WAYS && !check_is_good(seen); k++) {
            const struct check *check = other_witness(answer->survey, ways[k].other, mailbox);
            seen =
                check != NULL && (seen == NULL || check->outcome != OUTCOME_SKIPPED) ? check : seen;
        }
        if (check_is_good(seen))
            continue;
        answer_settle(answer, OUTCOME_FAIL, "the calendar of %s: %s", mailbox,
            seen != NULL ? seen->summary : "not tried");
        return;
    }
    if (others > 0 && answer->item->outcome == OUTCOME_PASS)
        answer_settle(answer, OUTCOME_PASS, "%s; so do those of %zu more mailbox%s",
            answer->item->summary, others, others == 1 ? "" : "es");
}

/* The search folder is there where unified messaging was ever used. */
void answer_voicemail(struct answer *answer)
{
    int64_t total = -1;
    bool mapi = false;
    if (!answer_folder(answer, "inbox"))
        return;
    for (size_t i = 1; i < WAYS; i++) {
        const struct check *check = own_witness(answer->survey, &ways[i]);
        const char *key = arena_printf(answer->arena, "%s.voicemail.total", ways[i].family);
        if (!check_is_good(check))
            continue;
        mapi = true;
        total = total >= 0 ? total : check_get_int(check, key, -1);
        if (check_get_int(check, key, -1) >= 0)
            answer_int(answer, key, check_get_int(check, key, -1));
    }
    const char *voice = total >= 0 ? arena_printf(answer->arena, "Voice Mail has %" PRId64, total)
                        : mapi ? "there is no Voice Mail folder: unified messaging was never used"
                               : "Voice Mail shows over MAPI only, which did not open";
    answer_settle(answer, answer->item->outcome, "the Inbox %s; %s", answer->item->summary, voice);
}

void answer_public(struct answer *answer)
{
    struct opened opened = {.good = "", .bad = ""};
    for (size_t i = 0; i < WAYS; i++)
        note_opened(answer, &opened, &ways[i], find_witness(answer->survey, ways[i].tree));
    settle_opened(answer, &opened, "");
}

static bool has_public_mailbox(const struct check *check)
{
    return check_fact(check, "autodiscover.public_folders") != NULL;
}

/* The public logon goes where Autodiscover says, never to a host by name: whatever else stands in
 * the application's field is wrong. */
void answer_public_server(struct answer *answer)
{
    const struct check *found =
        find_check(answer->survey, "autodiscover.mailbox", has_public_mailbox);
    const char *mailbox = check_get_text(found, "autodiscover.public_folders", NULL);
    struct opened opened = {.good = "", .bad = ""};
    for (size_t i = 0; i < WAYS; i++)
        note_opened(answer, &opened, &ways[i], find_witness(answer->survey, ways[i].tree));
    if (mailbox != NULL)
        answer_text(answer, "autodiscover.public_folders", mailbox);
    if (*opened.good != '\0' || *opened.bad != '\0')
        settle_opened(answer, &opened,
            arena_printf(answer->arena, "%s%s; in the application only * leads there",
                mailbox != NULL ? "; held by " : "", mailbox != NULL ? mailbox : ""));
    else if (mailbox != NULL)
        answer_settle(answer, OUTCOME_SKIPPED,
            "check by hand: the application's public folder settings: server *, no name; "
            "Autodiscover leads to %s",
            mailbox);
}

/* ---- faq-test-2, faq-test-3: what Outlook opens ---- */

void answer_outlook_own(struct answer *answer)
{
    struct opened opened = {.good = "", .bad = ""};
    for (size_t i = 1; i < WAYS; i++)
        note_opened(answer, &opened, &ways[i], own_witness(answer->survey, &ways[i]));
    settle_opened(answer, &opened, "");
}

void answer_outlook_other(struct answer *answer)
{
    const struct survey *survey = answer->survey;
    struct opened worst = {.good = "", .bad = ""};
    for (size_t i = 0; i < survey->target.mailbox_count; i++) {
        const char *mailbox = survey->target.mailboxes[i];
        struct opened opened = {.good = "", .bad = ""};
        for (size_t k = 1; k < WAYS; k++) {
            const struct check *check = other_witness(survey, ways[k].other, mailbox);
            if (check != NULL && (check_is_good(check) || check->outcome == OUTCOME_FAIL))
                note_opened(answer, &opened, &ways[k], check);
        }
        if (*opened.good == '\0' && *opened.bad == '\0')
            return; /* not tried */
        if (*opened.good == '\0') {
            answer_settle(answer, OUTCOME_FAIL, "%s: %s", mailbox, opened.bad);
            return;
        }
        if (*worst.good == '\0' || (*worst.bad == '\0' && *opened.bad != '\0'))
            worst = opened;
    }
    settle_opened(answer, &worst, "");
}

/* ---- faq-7: MAPI_E_FAILONEPROVIDER ---- */

/* A program has both providers or gets this error: each row by itself, and those of RPC over HTTP
 * first, which is all that MAPI/CDO has. */
static bool is_half(const struct chain *chain, const struct way *way, const struct check **ret_bad)
{
    const struct check *store = chain_check(chain, way->own);
    const struct check *book = chain_check(chain, way->book);
    if (store != NULL && store->outcome == OUTCOME_BLOCKED)
        store = store->blocked_by;
    bool store_bad = store != NULL && store->outcome == OUTCOME_FAIL;
    bool book_bad = book != NULL && book->outcome == OUTCOME_FAIL;
    *ret_bad = store_bad ? store : book;
    return (store_bad && check_is_good(book)) || (book_bad && check_is_good(store));
}

static bool is_whole(const struct chain *chain, const struct way *way)
{
    return check_is_good(chain_check(chain, way->own)) &&
           check_is_good(chain_check(chain, way->book));
}

void answer_one_provider(struct answer *answer)
{
    struct opened opened = {.good = "", .bad = ""};
    for (size_t i = 1; i < WAYS; i++) {
        bool whole = false;
        for (const struct chain *chain = answer->survey->chains; chain != NULL;
             chain = chain->next) {
            const struct check *bad = NULL;
            whole |= is_whole(chain, &ways[i]);
            if (!is_half(chain, &ways[i], &bad))
                continue;
            answer_settle(answer, OUTCOME_FAIL, "over %s the %s fails, and the %s does not: %s",
                ways[i].name, strcmp(bad->probe, ways[i].book) == 0 ? "address book" : "store",
                strcmp(bad->probe, ways[i].book) == 0 ? "store" : "address book", bad->summary);
            return;
        }
        if (whole)
            opened.good = arena_printf(answer->arena, "%s%s%s", opened.good,
                *opened.good != '\0' ? " and " : "", ways[i].name);
    }
    if (*opened.good != '\0')
        answer_settle(
            answer, OUTCOME_PASS, "address book and store both open over %s", opened.good);
}
