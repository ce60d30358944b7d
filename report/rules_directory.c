#include "report/rules.h"

#include <inttypes.h>
#include <string.h>

/* msExchRecipientTypeDetails of a mailbox in Exchange Online: another rule (D05) */
static const int64_t remote_user_mailbox = 2147483648;

static bool is_directory(const struct chain *chain)
{
    return chain->endpoint.service == SERVICE_LDAP || chain->endpoint.service == SERVICE_GC;
}

static struct match *mailbox_match(struct scan *scan)
{
    return scan_matchf(scan, "mailbox %s", scan->survey->target.address);
}

/* ---- D04 ---- */

static void when_no_mailbox(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *cell = chain_cell(chain, LAYER_MAILBOX);
        if (!is_directory(chain) || !check_failed(cell, CAUSE_NO_MAILBOX))
            continue;
        int64_t type = check_get_int(cell, "mailbox.type", -1);
        if (type == remote_user_mailbox)
            continue;
        struct match *match = mailbox_match(scan);
        match_cite(scan, match, chain, cell);
        if (type >= 0)
            match_say(scan, match, "msExchRecipientTypeDetails is %" PRId64 "%s", type,
                type == 128 ? " (a mail user: the mailbox is elsewhere)" : "");
    }
}

/* What Exchange says of an account without a mailbox, service by service. */
static bool no_mailbox_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    (void)survey, (void)match;
    if (check->subject != NULL)
        return false;
    if (check_failed(check, CAUSE_NO_MAILBOX))
        return true;
    if (check->layer == LAYER_MAILBOX && check_is_bad(check))
        return !check_get_bool(check, "mailbox.hidden", false);
    return check_failed(check, CAUSE_AUTODISCOVER_ERROR);
}

/* ---- D06 ---- */

static void when_hidden(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *cell = chain_cell(chain, LAYER_MAILBOX);
        if (is_directory(chain) && check_is_bad(cell) &&
            check_get_bool(cell, "mailbox.hidden", false))
            match_cite(scan, mailbox_match(scan), chain, cell);
    }
}

const struct rule rules_directory[] = {
    {
        .id = "D04",
        .layer = LAYER_MAILBOX,
        .title = "The account has no mailbox",
        .severity = SEVERITY_FAIL,
        .when = when_no_mailbox,
        .explains = no_mailbox_explains,
        .cause =
            "The directory's object is not mailbox-enabled: it has no msExchMailboxGuid and no "
            "homeMDB, "
            "or its recipient type is that of a mail user or contact. It can log on, but there is "
            "nothing to open.",
        .looks_like =
            "LDAP: homeMDB and msExchMailboxGuid absent, msExchRecipientTypeDetails 0 or 128. "
            "Autodiscover: Error 500, address not found. EWS: ErrorNonExistentMailbox or "
            "ErrorMissingEmailAddress. OWA: an error page after the logon.",
        .fix = {"Enable it: Enable-Mailbox -Identity {address}",
            "Or use the account that owns the mailbox: --user NAME, and the address of the mailbox "
            "as "
            "ADDRESS.",
            "A mailbox just made needs the directory's replication: try again after some minutes."},
        .references = {"Microsoft: Enable-Mailbox", "[MS-ADA2] msExch attributes of a mailbox"},
    },
    {
        .id = "D06",
        .layer = LAYER_MAILBOX,
        .title = "The mailbox is hidden from the address lists",
        .severity = SEVERITY_WARN,
        .fail_profiles = 1u << PROFILE_MAPI_CDO | 1u << PROFILE_OUTLOOK,
        .when = when_hidden,
        .cause = "msExchHideFromAddressLists is TRUE. MAPI clients make their profile by resolving "
                 "the name in "
                 "the address book; a hidden mailbox is not found there, although the mailbox is "
                 "in order and "
                 "EWS and OWA open it.",
        .looks_like =
            "LDAP: msExchHideFromAddressLists TRUE, showInAddressBook empty. NSPI: the name stays "
            "unresolved. Remote Connectivity Analyzer: the name could not be matched to a name in "
            "the "
            "address list.",
        .fix = {"Show it: Set-Mailbox -Identity {address} -HiddenFromAddressListsEnabled $false",
            "Then Update-AddressList and, for Outlook in cached mode, a new offline address book."},
        .references = {"Microsoft KB 253828",
            "Microsoft Remote Connectivity Analyzer: name could not be matched"},
    },
};

RULES_COUNT(rules_directory);
