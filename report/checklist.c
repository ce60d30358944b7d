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

/* The best witness: one that worked, else one that failed; NULL: nobody answered. */
static const struct check *witness(const struct survey *survey, const char *probe)
{
    const struct check *check = find_check(survey, probe, check_is_good);
    return check != NULL ? check : find_check(survey, probe, has_failed);
}

/* ---- faq-8, faq-11, faq-12: the directory -----------------------------------------------------
 */

static bool has_ntlm_domain(const struct check *check)
{
    return check_fact(check, "ntlm.dns_domain") != NULL;
}

/* "CN=svc,OU=x,DC=contoso,DC=test" is in contoso.test; "" where the name has no DC. */
static const char *domain_of_dn(struct arena *arena, const char *dn)
{
    const char *domain = "";
    for (const char *at = dn; at != NULL && *at != '\0';) {
        size_t length = strcspn(at, ",");
        if (length > 3 && text_starts_nocase(at, "DC="))
            domain = arena_printf(
                arena, "%s%s%.*s", domain, *domain != '\0' ? "." : "", (int)(length - 3), at + 3);
        at += length;
        at += *at == ',' ? 1 : 0;
    }
    return domain;
}

static bool is_web_ticket(const struct check *check)
{
    return check_is_good(check) &&
           text_starts_nocase(check_get_text(check, "krb.server", ""), "HTTP/");
}

/* The domain that the front end's own account is in: its NTLM challenge says so, or the realm that
 * issued the ticket for it. NULL: not seen. */
static const char *server_domain(const struct survey *survey)
{
    const struct check *challenge = find_check(survey, "http.logon", has_ntlm_domain);
    if (challenge == NULL)
        challenge = find_check(survey, "http.offer", has_ntlm_domain);
    if (challenge != NULL)
        return check_get_text(challenge, "ntlm.dns_domain", NULL);
    const struct check *ticket = find_check(survey, "kerberos.ticket", is_web_ticket);
    const char *realm = strrchr(check_get_text(ticket, "krb.server", ""), '@');
    return realm != NULL ? realm + 1 : NULL;
}

static void answer_same_domain(struct answer *answer)
{
    const struct check *account = witness(answer->survey, "ldap.account");
    const char *dn = check_get_text(account, "account.dn", NULL);
    const char *server = server_domain(answer->survey);
    if (dn == NULL || server == NULL)
        return;
    const char *domain = domain_of_dn(answer->arena, dn);
    answer_text(answer, "account.domain", domain);
    answer_text(answer, "exchange.domain", server);
    if (text_equal_nocase(domain, server))
        answer_settle(answer, OUTCOME_PASS, "both are in %s", domain);
    else
        answer_settle(answer, OUTCOME_FAIL, "the account is in %s, the Exchange server in %s",
            domain, server);
}

static void answer_own_mailbox(struct answer *answer)
{
    const struct check *object = witness(answer->survey, "ldap.mailbox");
    if (object == NULL) {
        const struct check *folders = find_check(answer->survey, "ews.folders", check_is_good);
        if (folders != NULL)
            answer_settle(answer, OUTCOME_PASS, "its mailbox opens over EWS");
        return;
    }
    const char *home = check_get_text(object, "mailbox.home_mdb", NULL);
    if (home != NULL)
        answer_text(answer, "mailbox.home_mdb", home);
    if (check_is_good(object))
        answer_settle(answer, OUTCOME_PASS, "the directory has msExchMailboxGuid and homeMDB");
    else
        answer_settle(answer, OUTCOME_FAIL, "%s", object->summary);
}

static void answer_visible(struct answer *answer)
{
    const struct check *object = find_check(answer->survey, "ldap.mailbox", check_is_good);
    int64_t lists = check_get_int(object, "mailbox.address_lists", -1);
    if (object == NULL || lists < 0)
        return;
    answer_int(answer, "mailbox.address_lists", lists);
    if (check_get_bool(object, "mailbox.hidden", false))
        answer_settle(answer, OUTCOME_FAIL, "msExchHideFromAddressLists is TRUE");
    else if (lists == 0)
        answer_settle(answer, OUTCOME_FAIL,
            "not hidden, but showInAddressBook is empty: no address list has it");
    else
        answer_settle(
            answer, OUTCOME_PASS, "in %" PRId64 " address list%s", lists, lists == 1 ? "" : "s");
}

/* ---- faq-test, faq-use: what opens ------------------------------------------------------------
 */

static void answer_owa(struct answer *answer)
{
    const struct check *mailbox = witness(answer->survey, "owa.mailbox");
    const struct check *logon = witness(answer->survey, "owa.logon");
    if (check_is_good(mailbox))
        answer_settle(answer, OUTCOME_PASS, "OWA logs the account in and opens its mailbox");
    else if (mailbox != NULL || (logon != NULL && logon->outcome == OUTCOME_FAIL))
        answer_settle(
            answer, OUTCOME_FAIL, "%s", mailbox != NULL ? mailbox->summary : logon->summary);
}

/* Own folders over EWS: key names the count of the folder. */
static bool answer_folder(struct answer *answer, const char *folder)
{
    const struct check *folders = witness(answer->survey, "ews.folders");
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
    const struct check *tree = witness(answer->survey, "ews.public");
    if (tree != NULL)
        answer_settle(answer, tree->outcome == OUTCOME_FAIL ? OUTCOME_FAIL : OUTCOME_PASS,
            "EWS: %s", tree->summary);
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
    {"faq-3", "MAPI Client and CDO 6.5.8353 or later is installed", NULL,
        "Programs and Features: MAPI Client and CDO, 6.5.8353 or later"},
    {"faq-4", "No Outlook on the application server", NULL, "Programs and Features: no Outlook"},
    {"faq-5", "The default mail client is ExchangeMAPI", NULL,
        "default value of HKLM\\SOFTWARE\\Clients\\Mail, also under Wow6432Node: ExchangeMAPI"},
    {"faq-6", "One Exchange version in the network", answer_one_version,
        "Get-ExchangeServer: every server has the same version"},
    {"faq-7", "MAPI_E_FAILONEPROVIDER does not occur", NULL,
        "the application's log; MAPI is not tested by this version"},
    {"faq-8", "The account is in the domain of the Exchange server", answer_same_domain,
        "(Get-ADUser ACCOUNT).DistinguishedName has the server's domain"},
    {"faq-9", "The machine is in the domain of the Exchange server", NULL,
        "systeminfo on the application server, line Domain"},
    {"faq-10", "The service really runs as the account", NULL,
        "services.msc, Log On As; or run exreach as that account with -k"},
    {"faq-11", "The account has a mailbox of its own", answer_own_mailbox,
        "Get-Mailbox -Identity ACCOUNT"},
    {"faq-12", "Visible in the global address list", answer_visible,
        "Get-Mailbox ACCOUNT | Format-List HiddenFromAddressListsEnabled,AddressListMembership"},
    {"faq-13", "Not a member of Domain Admins or Enterprise Admins", NULL,
        "whoami /groups as the account: nested membership counts, too"},
    {"faq-14", "Data sources were created while logged on as the account", NULL,
        "create the data sources again, logged on to Windows as the account"},
    {"faq-15", "The vendor's own MAPI troubleshooting", NULL,
        "work through the vendor's MAPI troubleshooting"},
    {"faq-2013-1", "Exchange build at least 15.0.712.24", answer_minimum,
        "Get-ExchangeServer | Format-List Name,AdminDisplayVersion"},
    {"faq-2013-2", "Newest MAPI/CDO (RPC over HTTP only, discontinued for Exchange 2016 and later)",
        NULL, "Programs and Features: the version of MAPI Client and CDO"},
    {"faq-2013-3", "Public folders: the server field is *", NULL,
        "the application's public folder settings: server *, no name"},
    {"faq-2013-4", "LmCompatibilityLevel above 2", NULL,
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
