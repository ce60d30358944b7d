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

/* ---- faq-test-1 ------------------------------------------------------------
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
    {"faq-7", "MAPI_E_FAILONEPROVIDER does not occur", answer_one_provider,
        "the application's log"},
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
    {"faq-test-2", "An Outlook client can open the account's mailbox", answer_outlook_own,
        "open it in Outlook, new profile"},
    {"faq-test-3", "Outlook can open another user's mailbox with it", answer_outlook_other,
        "run again with --mailbox, or Outlook as the account: File, Open, Other User's Folder"},
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
