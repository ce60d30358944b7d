#include "report/rules.h"

#include <inttypes.h>
#include <string.h>

#include "net/wire/text.h"
#include "report/rule_directory.h"
#include "report/rule_mapi.h"

/* The recipient: whether there is a mailbox, where it is, and whether address lists show it. */

struct match *mailbox_match(struct scan *scan, const char *of)
{
    return scan_matchf(scan, "mailbox %s", of != NULL ? of : scan->survey->target.address);
}

bool is_recipient(const struct check *check)
{
    return check_answered(check) &&
           (strcmp(check->probe, "ldap.recipient") == 0 || strcmp(check->probe, "ldap.other") == 0);
}

/* msExchRecipientTypeDetails of mailboxes in Exchange Online: user, room, equipment, shared, team,
 * group. */
static bool is_remote_type(int64_t type)
{
    return type == INT64_C(1) << 31 || type == INT64_C(1) << 33 || type == INT64_C(1) << 34 ||
           type == INT64_C(1) << 35 || type == INT64_C(1) << 38 || type == INT64_C(1) << 43;
}

static bool says_remote(const struct check *check)
{
    if (!check_answered(check))
        return false;
    return is_remote_type(check_get_int(check, "mailbox.type", 0)) ||
           is_remote_type(check_get_int(check, "recipient.type", 0)) ||
           check_get_bool(check, "recipient.remote", false);
}

/* Of this mailbox, the account's own or another one. */
static bool is_about(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    return match_names(match, check->subject != NULL ? check->subject : survey->target.address);
}

/* Whoever makes a MAPI profile for a mailbox looks its name up in the address book. */
static bool looks_names_up(const struct survey *survey)
{
    return survey->target.profile == PROFILE_MAPI_CDO || survey->target.profile == PROFILE_OUTLOOK;
}

/* Exchange does not open it, whatever the directory has of it: that is the finding. */
static bool is_refused(const struct survey *survey, const char *mailbox)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (!is_directory(chain) && at->layer == LAYER_MAILBOX && at->subject != NULL &&
                at->outcome == OUTCOME_FAIL && !mapi_is_unlisted(at) &&
                text_equal_nocase(at->subject, mailbox))
                return true;
        }
    }
    return false;
}

/* A further mailbox that is there, and opens as far as anybody tried, where its name has to be
 * found. */
static bool is_looked_up(const struct survey *survey, const struct check *check)
{
    return check->subject != NULL && is_recipient(check) && check_is_good(check) &&
           (looks_names_up(survey) || mapi_misses(survey, check->subject)) &&
           !is_refused(survey, check->subject);
}

/* The account's own mailbox is in Exchange Online, as far as anybody said. */
static bool is_remote(const struct survey *survey)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; is_directory(chain) && at != NULL;
             at = at->next) {
            if (at->subject == NULL && says_remote(at))
                return true;
        }
    }
    return false;
}

/* ---- D04 ---- */

static void cite_no_mailbox(struct scan *scan, const struct chain *chain, const struct check *check)
{
    int64_t type = check_get_int(check, "mailbox.type", check_get_int(check, "recipient.type", -1));
    struct match *match = mailbox_match(scan, check->subject);
    match_cite(scan, match, chain, check);
    if (type >= 0)
        match_say(scan, match, "msExchRecipientTypeDetails is %" PRId64 "%s", type,
            type == 128 ? " (a mail user: the mailbox is elsewhere)" : "");
}

/* Of a mailbox that is in Exchange Online D05 says all. */
static void when_no_mailbox(struct scan *scan)
{
    bool remote = is_remote(scan->survey);
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *cell = chain_cell(chain, LAYER_MAILBOX);
        if (!is_directory(chain))
            continue;
        if (!remote && check_failed(cell, CAUSE_NO_MAILBOX) &&
            !is_disputed(scan->survey, chain, cell))
            cite_no_mailbox(scan, chain, cell);
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (at->subject != NULL && is_recipient(at) && check_failed(at, CAUSE_NO_MAILBOX) &&
                !says_remote(at))
                cite_no_mailbox(scan, chain, at);
        }
    }
}

bool is_mapi_refusal(const struct survey *survey, const struct check *check)
{
    enum { NOT_FOUND = 404 };
    enum service service = survey_chain_of(survey, check)->endpoint.service;
    return (service == SERVICE_MAPI || service == SERVICE_RPC) && check->subject == NULL &&
           check->layer >= LAYER_PROTOCOL && check_is_bad(check) &&
           (check->fault.origin == ORIGIN_MAPI ||
               (check->fault.cause == CAUSE_HTTP_STATUS && check->fault.code == NOT_FOUND));
}

/* What Exchange says of an account without a mailbox, service by service. */
static bool no_mailbox_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    /* nobody opens public folders without a mailbox to come from */
    if (is_of_public_folders(check))
        return check_is_bad(check) && match_names(match, survey->target.address);
    if (!is_about(survey, match, check))
        return false;
    if (check->subject != NULL)
        return check->layer == LAYER_MAILBOX && check_is_bad(check);
    if (check_failed(check, CAUSE_NO_MAILBOX))
        return true;
    if (check->layer == LAYER_MAILBOX && check_is_bad(check))
        return !check_get_bool(check, "mailbox.hidden", false);
    return check_failed(check, CAUSE_AUTODISCOVER_ERROR) || is_mapi_refusal(survey, check);
}

/* ---- D05 ---- */

static void say_target(struct scan *scan, struct match *match, const struct check *check)
{
    const char *target =
        check_get_text(check, "recipient.target", check_get_text(check, "mailbox.target", NULL));
    int64_t type = check_get_int(check, "recipient.type", check_get_int(check, "mailbox.type", -1));
    const char *name = check_get_text(check, "recipient.type_name", NULL);
    if (type >= 0 && name != NULL)
        match_say(scan, match, "msExchRecipientTypeDetails is %" PRId64 " (%s)", type, name);
    else if (type >= 0)
        match_say(scan, match, "msExchRecipientTypeDetails is %" PRId64, type);
    if (target != NULL)
        match_say(scan, match, "targetAddress is %s: mail for it goes there", target);
}

static void when_remote(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; is_directory(chain) && at != NULL;
             at = at->next) {
            if (!says_remote(at) || is_disputed(scan->survey, chain, at))
                continue;
            struct match *match = mailbox_match(scan, at->subject);
            match_cite(scan, match, chain, at);
            say_target(scan, match, at);
        }
    }
}

static bool remote_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    if (check->layer < LAYER_PROTOCOL)
        return false;
    bool sent_on = check_is_bad(check) && check_fact(check, "autodiscover.redirect") != NULL &&
                   is_about(survey, match, check);
    return no_mailbox_explains(survey, match, check) || sent_on;
}

/* ---- D06 ---- */

static bool is_hidden_other(const struct survey *survey, const struct check *check)
{
    return is_looked_up(survey, check) && check_get_bool(check, "recipient.hidden", false);
}

static void when_hidden(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *cell = chain_cell(chain, LAYER_MAILBOX);
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (is_hidden_other(scan->survey, at))
                match_cite(scan, mailbox_match(scan, at->subject), chain, at);
        }
        if (is_directory(chain) && check_is_bad(cell) &&
            check_get_bool(cell, "mailbox.hidden", false) &&
            !is_disputed(scan->survey, chain, cell))
            match_cite(scan, mailbox_match(scan, NULL), chain, cell);
    }
}

/* The account itself, or a further mailbox. */
static bool is_not_in_book(const struct survey *survey, const struct check *check)
{
    return mapi_is_unlisted(check) &&
           (mapi_is(check, "mailbox_of") || is_mapi_refusal(survey, check));
}

/* The object read in full says the same, and so does the address book. */
static bool unlisted_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    if (is_about(survey, match, check) && is_not_in_book(survey, check))
        return true;
    return is_recipient(check) && is_about(survey, match, check) && check->subject == NULL &&
           check_is_bad(check) &&
           (check_get_bool(check, "recipient.hidden", false) ||
               check_get_int(check, "recipient.address_lists", -1) == 0);
}

/* ---- D07 ---- */

/* Exchange itself did not find the account's own name in the address book. */
static bool is_unresolved(const struct chain *chain, const struct check *check)
{
    if (is_directory(chain) || !check_is_bad(check) || check->layer < LAYER_PROTOCOL ||
        check->subject != NULL)
        return false;
    return check->fault.cause == CAUSE_NO_OBJECT ||
           strstr(check->fault.text, "ErrorNameResolutionNoResults") != NULL;
}

/* A policy shows its people one part of the address book only; that part may well have the name.
 * It becomes a finding where a name was not found. */
static const struct check *policy_of(const struct chain *chain)
{
    const struct check *recipient = chain_check(chain, "ldap.recipient");
    return check_answered(recipient) &&
                   check_fact(recipient, "recipient.address_book_policy") != NULL
               ? recipient
               : NULL;
}

static void cite_policies(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *recipient = policy_of(chain);
        if (recipient == NULL)
            continue;
        struct match *match = mailbox_match(scan, NULL);
        match_cite(scan, match, chain, recipient);
        match_say(scan, match,
            "an address book policy is set (%s): whether its global address list has the name "
            "shows Get-AddressBookPolicy, or logging on as a user without the policy",
            check_get_text(recipient, "recipient.address_book_policy", ""));
    }
}

static bool is_in_no_list(const struct check *cell)
{
    return check_is_good(cell) && !check_get_bool(cell, "mailbox.hidden", false) &&
           check_get_int(cell, "mailbox.address_lists", -1) == 0;
}

/* Of further mailboxes; hidden ones are D06's. */
static void cite_unlisted_others(struct scan *scan, const struct chain *chain)
{
    for (const struct check *at = chain->checks; at != NULL; at = at->next) {
        if (is_looked_up(scan->survey, at) && !check_get_bool(at, "recipient.hidden", false) &&
            check_get_int(at, "recipient.address_lists", -1) == 0)
            match_cite(scan, mailbox_match(scan, at->subject), chain, at);
    }
}

static void when_unresolved(struct scan *scan)
{
    bool hidden = false, listed = false, policed = false;
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *cell = chain_cell(chain, LAYER_MAILBOX);
        if (!is_directory(chain))
            continue;
        cite_unlisted_others(scan, chain);
        hidden |= check_answered(cell) && check_get_bool(cell, "mailbox.hidden", false);
        policed |= policy_of(chain) != NULL;
        if (!is_in_no_list(cell) || is_disputed(scan->survey, chain, cell))
            continue;
        listed = true;
        struct match *match = mailbox_match(scan, NULL);
        match_cite(scan, match, chain, cell);
        match_say(scan, match,
            "msExchHideFromAddressLists is not set, and yet showInAddressBook is empty: no address "
            "list has it");
    }
    for (const struct chain *chain = scan->survey->chains; !hidden && chain != NULL;
         chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (!is_unresolved(chain, at) || (!listed && !policed))
                continue;
            match_cite(scan, mailbox_match(scan, NULL), chain, at);
            cite_policies(scan);
        }
    }
}

/* ---- D12 ---- */

/* msExchMailboxMoveStatus while a move is not over; 10, 11 (done) and 99 (failed) are leftovers. */
static const char *move_words(int64_t status)
{
    static const struct {
        int64_t status;
        const char *words;
    } states[] = {
        {1, "queued: it has not begun"},
        {2, "in progress: the data is being copied, the mailbox is still in use"},
        {3, "suspended by itself before the switch: somebody must complete it"},
        {4, "completing: the mailbox is locked for the switch"},
        {5, "synchronised: it waits for the switch"},
        {98, "suspended: somebody must resume or remove it"},
    };
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (states[i].status == status)
            return states[i].words;
    }
    return NULL;
}

static bool names_move(const struct check *check)
{
    return check_is_bad(check) && strstr(check->fault.text, "ErrorMailboxMoveInProgress") != NULL;
}

static void when_moving(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            int64_t status = is_recipient(at) ? check_get_int(at, "recipient.move_status", 0) : 0;
            const char *words = move_words(status);
            if (words == NULL && !names_move(at))
                continue;
            struct match *match = mailbox_match(scan, at->subject);
            match_cite(scan, match, chain, at);
            if (words != NULL)
                match_say(scan, match, "msExchMailboxMoveStatus is %" PRId64 ", %s", status, words);
        }
    }
}

/* The store refuses a mailbox that is locked for the switch in more than one way. */
static bool moving_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    const struct chain *chain = survey_chain_of(survey, check);
    return !is_directory(chain) && check->layer == LAYER_MAILBOX &&
           is_about(survey, match, check) &&
           (check_failed(check, CAUSE_SERVER_BUSY) || check_failed(check, CAUSE_SOAP_FAULT));
}

const struct rule rules_recipient[] = {
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
        .id = "D05",
        .layer = LAYER_MAILBOX,
        .title = "The mailbox is in Exchange Online, not in this organisation",
        .severity = SEVERITY_FAIL,
        .when = when_remote,
        .explains = remote_explains,
        .cause =
            "The directory's object is a remote mailbox: the account is here, its mailbox was made "
            "or moved to Microsoft 365. The servers here have nothing to open, MAPI/CDO cannot "
            "reach it at all, and EWS in Exchange Online wants OAuth: the directory's password "
            "does not help there.",
        .looks_like =
            "LDAP: msExchRecipientTypeDetails 2147483648 (8589934592 room, 17179869184 equipment, "
            "34359738368 shared), targetAddress in TENANT.mail.onmicrosoft.com, homeMDB empty. "
            "Autodiscover redirects to that address. A plain mail user is 128.",
        .fix = {"If the application needs it here, move it back: New-MoveRequest {address} "
                "-Outbound (from Exchange Online PowerShell), or use another mailbox.",
            "If it is to stay there, connect the application to Microsoft Graph with OAuth; EWS in "
            "Exchange Online is being retired.",
            "See it: Get-RemoteMailbox {address}"},
        .references = {"Microsoft: Get-RemoteMailbox, moving mailboxes in hybrid deployments",
            "Microsoft: retirement of Exchange Web Services in Exchange Online"},
    },
    {
        .id = "D06",
        .layer = LAYER_MAILBOX,
        .title = "The mailbox is hidden from the address lists",
        .severity = SEVERITY_WARN,
        .fail_profiles = 1u << PROFILE_MAPI_CDO | 1u << PROFILE_OUTLOOK,
        .when = when_hidden,
        .explains = unlisted_explains,
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
    {
        .id = "D07",
        .layer = LAYER_MAILBOX,
        .title = "The mailbox is not hidden, and yet the address book does not have it",
        .severity = SEVERITY_WARN,
        .fail_profiles = 1u << PROFILE_MAPI_CDO | 1u << PROFILE_OUTLOOK,
        .when = when_unresolved,
        .explains = unlisted_explains,
        .cause =
            "What the address book shows is not decided by the hidden flag but by "
            "showInAddressBook, which Exchange writes when it applies the address lists. Accounts "
            "made by scripts, restored or left out by a list's filter have none, and MAPI clients "
            "cannot resolve the name. With an address book policy somebody sees only the part that "
            "the policy names.",
        .looks_like =
            "LDAP: msExchHideFromAddressLists FALSE or absent and showInAddressBook empty; or "
            "msExchAddressBookPolicyLink set and the name not found. EWS: "
            "ErrorNameResolutionNoResults. NSPI: MID_UNRESOLVED. With the flag TRUE it is D06.",
        .fix = {"Let Exchange write it: Set-Mailbox {address} -ApplyMandatoryProperties, then "
                "Get-AddressList | Update-AddressList; Update-GlobalAddressList",
            "See why a list leaves it out: Get-GlobalAddressList | fl Name,RecipientFilter, and "
            "Get-Recipient -RecipientPreviewFilter FILTER",
            "Policy: Get-Mailbox {address} | fl AddressBookPolicy; give both sides one that shows "
            "them, or none: Set-Mailbox {address} -AddressBookPolicy $null"},
        .references = {"Microsoft KB 253828", "[MS-ADA3] showInAddressBook",
            "Microsoft: Address book policies"},
    },
    {
        .id = "D12",
        .layer = LAYER_MAILBOX,
        .title = "The mailbox is being moved to another database",
        .severity = SEVERITY_WARN,
        .when = when_moving,
        .explains = moving_explains,
        .cause =
            "A move request for the mailbox is under way. While data is copied the mailbox stays "
            "in use; for the switch at the end it is locked for a time, and afterwards another "
            "server answers for it. Programs that keep a connection, or the server's name, fail "
            "then and must start again.",
        .looks_like =
            "LDAP: msExchMailboxMoveStatus 1 (queued), 2 (in progress), 3 (suspended by itself), 4 "
            "(completing), 5 (synchronised) or 98 (suspended); 10, 11 and 99 are over. EWS: "
            "ErrorMailboxMoveInProgress; MAPI: 0x50C (ecMailboxInTransit) at the logon.",
        .fix = {"See how far it is: Get-MoveRequest {address} | Get-MoveRequestStatistics",
            "Wait for its end, then run exreach again; restart the application if it does not come "
            "back by itself.",
            "One that waits: Resume-MoveRequest {address}, or Remove-MoveRequest {address} to give "
            "it up."},
        .references = {"Microsoft: Get-MoveRequestStatistics",
            "[MS-OXCSTOR] 2.2.1.1.3 ecMailboxInTransit"},
    },
};

RULES_COUNT(rules_recipient);
