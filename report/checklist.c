#include "report/checklist.h"

#include <inttypes.h>
#include <string.h>

#include "report/checklist_answer.h"
#include "report/rule.h"

/* ---- helpers for the answers ------------------------------------------------------------------
 */

void answer_settle(struct answer *answer, enum outcome outcome, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    answer->item->outcome = outcome;
    answer->item->summary = arena_vprintf(answer->arena, format, args);
    va_end(args);
}

static struct fact *add_fact(struct answer *answer, const char *key, enum fact_type type)
{
    struct fact *fact = arena_alloc(answer->arena, sizeof *fact);
    fact->key = key;
    fact->type = type;
    struct fact **end = &answer->item->facts;
    while (*end != NULL)
        end = &(*end)->next;
    *end = fact;
    return fact;
}

void answer_text(struct answer *answer, const char *key, const char *value)
{
    add_fact(answer, key, FACT_TEXT)->text = value;
}

void answer_int(struct answer *answer, const char *key, int64_t value)
{
    add_fact(answer, key, FACT_INT)->integer = value;
}

void answer_list(struct answer *answer, const char *key, const char *const *list, size_t count)
{
    struct fact *fact = add_fact(answer, key, FACT_LIST);
    fact->list = list;
    fact->count = count;
}

const struct check *next_check(
    const struct survey *survey, const char *probe, const struct check *last)
{
    bool behind = last == NULL;
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (behind && strcmp(at->probe, probe) == 0)
                return at;
            behind = behind || at == last;
        }
    }
    return NULL;
}

const struct check *find_check(
    const struct survey *survey, const char *probe, bool (*is_so)(const struct check *check))
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (strcmp(at->probe, probe) == 0 && is_so(at))
                return at;
        }
    }
    return NULL;
}

static bool has_failed(const struct check *check)
{
    return check->outcome == OUTCOME_FAIL;
}

const struct check *find_witness(const struct survey *survey, const char *probe)
{
    const struct check *check = find_check(survey, probe, check_is_good);
    return check != NULL ? check : find_check(survey, probe, has_failed);
}

/* ---- faq-test, faq-use: what opens ------------------------------------------------------------
 */

static void answer_owa(struct answer *answer)
{
    const struct check *mailbox = find_witness(answer->survey, "owa.mailbox");
    const struct check *logon = find_witness(answer->survey, "owa.logon");
    if (check_is_good(mailbox))
        answer_settle(answer, OUTCOME_PASS, "OWA logs the account in and opens its mailbox");
    else if (mailbox != NULL || (logon != NULL && logon->outcome == OUTCOME_FAIL))
        answer_settle(
            answer, OUTCOME_FAIL, "%s", mailbox != NULL ? mailbox->summary : logon->summary);
}

/* Own folders over EWS: key names the count of the folder. */
static bool answer_folder(struct answer *answer, const char *folder)
{
    const struct check *folders = find_witness(answer->survey, "ews.folders");
    if (folders == NULL)
        return false;
    if (folders->outcome == OUTCOME_FAIL) {
        answer_settle(answer, OUTCOME_FAIL, "EWS: %s", folders->summary);
        return false;
    }
    const char *key = arena_printf(answer->arena, "ews.%s.total", folder);
    int64_t total = check_get_int(folders, key, -1);
    if (total < 0)
        return false;
    answer_int(answer, key, total);
    answer_settle(
        answer, OUTCOME_PASS, "opens over EWS, %" PRId64 " item%s", total, total == 1 ? "" : "s");
    return true;
}

static void answer_contacts(struct answer *answer)
{
    answer_folder(answer, "contacts");
}

static void answer_public(struct answer *answer)
{
    const struct check *tree = find_witness(answer->survey, "ews.public");
    if (tree != NULL)
        answer_settle(answer, tree->outcome == OUTCOME_FAIL ? OUTCOME_FAIL : OUTCOME_PASS,
            "EWS: %s", tree->summary);
}

static bool has_public_mailbox(const struct check *check)
{
    return check_fact(check, "autodiscover.public_folders") != NULL;
}

/* The public logon goes where Autodiscover says, never to a host by name: whatever else stands in
 * the application's field is wrong. */
static void answer_public_server(struct answer *answer)
{
    const struct check *tree = find_witness(answer->survey, "ews.public");
    const struct check *found =
        find_check(answer->survey, "autodiscover.mailbox", has_public_mailbox);
    const char *mailbox = check_get_text(found, "autodiscover.public_folders", NULL);
    if (mailbox != NULL)
        answer_text(answer, "autodiscover.public_folders", mailbox);
    if (tree != NULL && !check_is_good(tree))
        answer_settle(answer, OUTCOME_FAIL, "EWS: %s", tree->summary);
    else if (tree != NULL)
        answer_settle(answer, OUTCOME_PASS,
            "the tree opens over EWS%s%s; in the application only * leads there",
            mailbox != NULL ? ", held by " : "", mailbox != NULL ? mailbox : "");
    else if (mailbox != NULL)
        answer_settle(answer, OUTCOME_SKIPPED,
            "check by hand: the application's public folder settings: server *, no name; "
            "Autodiscover leads to %s",
            mailbox);
}

/* A further mailbox on any row: what works, else what fails, else whatever there is. */
static const struct check *mailbox_witness(const struct survey *survey, const char *mailbox)
{
    const struct check *seen = NULL;
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (at->subject == NULL || strcmp(at->probe, "ews.mailbox") != 0 ||
                strcmp(at->subject, mailbox) != 0)
                continue;
            if (seen == NULL || check_is_good(at) || (has_failed(at) && !check_is_good(seen)))
                seen = at;
        }
    }
    return seen;
}

/* Of every --mailbox, too: one that does not open is the answer. */
static void answer_calendar(struct answer *answer)
{
    int others = 0;
    if (!answer_folder(answer, "calendar"))
        return;
    for (size_t i = 0; i < answer->survey->target.mailbox_count; i++, others++) {
        const char *mailbox = answer->survey->target.mailboxes[i];
        const struct check *seen = mailbox_witness(answer->survey, mailbox);
        if (check_is_good(seen))
            continue;
        answer_settle(answer, OUTCOME_FAIL, "the calendar of %s: %s", mailbox,
            seen != NULL ? seen->summary : "not tried");
        return;
    }
    if (others > 0)
        answer_settle(answer, OUTCOME_PASS, "opens over EWS, so do those of %d more mailbox%s",
            others, others == 1 ? "" : "es");
}

static void answer_voicemail(struct answer *answer)
{
    if (answer_folder(answer, "inbox"))
        answer_settle(answer, OUTCOME_PASS,
            "the Inbox opens over EWS; MAPI and the Voice Mail folder are not tested by this "
            "version");
}

/* ---- the items --------------------------------------------------------------------------------
 */

static const struct question {
    const char *item, *title;
    void (*answer)(struct answer *answer); /* NULL: only by hand */
    const char *how;                       /* where no answer came */
} questions[] = {
    {"faq-1", "The application is its newest version", NULL,
        "compare its version with the vendor's download page"},
    {"faq-2", "Exchange has its latest cumulative update", answer_latest,
        "Get-ExchangeServer | Format-List Name,AdminDisplayVersion"},
    {"faq-3", "MAPI Client and CDO 6.5.8353 or later is installed", answer_mapi_cdo,
        "Programs and Features: MAPI Client and CDO, 6.5.8353 or later"},
    {"faq-4", "No Outlook on the application server", answer_no_outlook,
        "Programs and Features: no Outlook"},
    {"faq-5", "The default mail client is ExchangeMAPI", answer_mail_client,
        "default value of HKLM\\SOFTWARE\\Clients\\Mail, also under Wow6432Node: ExchangeMAPI"},
    {"faq-6", "One Exchange version in the network", answer_one_version,
        "Get-ExchangeServer: every server has the same version"},
    {"faq-7", "MAPI_E_FAILONEPROVIDER does not occur", NULL,
        "the application's log; MAPI is not tested by this version"},
    {"faq-8", "The account is in the domain of the Exchange server", answer_same_domain,
        "(Get-ADUser ACCOUNT).DistinguishedName has the server's domain"},
    {"faq-9", "The machine is in the domain of the Exchange server", answer_machine_domain,
        "systeminfo on the application server, line Domain"},
    {"faq-10", "The service really runs as the account", NULL,
        "services.msc, Log On As; or run exreach as that account with -k"},
    {"faq-11", "The account has a mailbox of its own", answer_own_mailbox,
        "Get-Mailbox -Identity ACCOUNT"},
    {"faq-12", "Visible in the global address list", answer_visible,
        "Get-Mailbox ACCOUNT | Format-List HiddenFromAddressListsEnabled,AddressListMembership"},
    {"faq-13", "Not a member of Domain Admins or Enterprise Admins", answer_privileged,
        "whoami /groups as the account: nested membership counts, too"},
    {"faq-14", "Data sources were created while logged on as the account", NULL,
        "create the data sources again, logged on to Windows as the account"},
    {"faq-15", "The vendor's own MAPI troubleshooting", NULL,
        "work through the vendor's MAPI troubleshooting"},
    {"faq-2013-1", "Exchange build at least 15.0.712.24", answer_minimum,
        "Get-ExchangeServer | Format-List Name,AdminDisplayVersion"},
    {"faq-2013-2", "Newest MAPI/CDO (RPC over HTTP only, discontinued for Exchange 2016 and later)",
        answer_newest_mapi_cdo, "Programs and Features: the version of MAPI Client and CDO"},
    {"faq-2013-3", "Public folders: the server field is *", answer_public_server,
        "the application's public folder settings: server *, no name"},
    {"faq-2013-4", "LmCompatibilityLevel above 2", answer_lm_level,
        "HKLM\\SYSTEM\\CurrentControlSet\\Control\\Lsa, LmCompatibilityLevel"},
    {"faq-2013-5", "An entry in the application's atlas.xml", NULL,
        "the entry in atlas.xml, as the vendor's page on Exchange 2013 says"},
    {"faq-2010-1", "The named patch for Exchange 2010 is installed", answer_2010,
        "Get-ExchangeServer, and the list of installed updates on each server"},
    {"faq-2010-2", "The Client Access Server role is in use", answer_2010_role,
        "Get-MailboxDatabase | Format-List Name,RpcClientAccessServer"},
    {"faq-test-1", "The account can log in to its own mailbox with OWA", answer_owa,
        "https://HOST/owa/ as the account"},
    {"faq-test-2", "An Outlook client can open the account's mailbox", NULL,
        "open it in Outlook, new profile; MAPI is not tested by this version"},
    {"faq-test-3", "Outlook can open another user's mailbox with it", NULL,
        "Outlook as the account: File, Open, Other User's Folder; MAPI is not tested by this "
        "version"},
    {"faq-use-1", "Personal contact folders", answer_contacts, "open Contacts in OWA"},
    {"faq-use-2", "Public contact folders", answer_public,
        "run again with --public-folders, or open the folders in Outlook"},
    {"faq-use-3", "Central calendar sync", answer_calendar,
        "open the calendar in OWA; with --mailbox for the users' calendars"},
    {"faq-use-4", "Voicemail in the mailbox", answer_voicemail,
        "open the Inbox and Voice Mail in Outlook"},
};

static struct checklist_item *make_item(struct survey *survey, const struct question *question)
{
    struct checklist_item *item = arena_alloc(&survey->arena, sizeof *item);
    item->item = question->item;
    item->title = question->title;
    item->outcome = OUTCOME_SKIPPED;
    item->summary = NULL;
    struct answer answer = {.survey = survey, .arena = &survey->arena, .item = item};
    if (question->answer != NULL)
        question->answer(&answer);
    if (item->summary == NULL)
        item->summary = arena_printf(&survey->arena, "check by hand: %s", question->how);
    return item;
}

struct checklist_item *checklist_fill(struct survey *survey)
{
    struct checklist_item *first = NULL;
    struct checklist_item **end = &first;
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        *end = make_item(survey, &questions[i]);
        end = &(*end)->next;
    }
    return first;
}
