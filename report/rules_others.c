#include "report/rules.h"

#include <string.h>

#include "net/wire/ecodes.h"
#include "report/rule_mapi.h"

/* What the account opens over MAPI besides its own mailbox: those of others, public folders. */

/* ---- M16 ---- */

/* D09 has said it: a member of Domain Admins is denied others by the organisation. */
static void when_denied(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *own = mapi_check(chain, "mailbox");
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (!mapi_is(at, "mailbox_of") || mapi_code(at) != EC_ACCESS_DENIED ||
                !check_is_good(own) || is_cited(scan, "D09", at))
                continue;
            struct match *match =
                scan_match_list(scan, "full access to mailbox", mapi_mailbox(scan->survey, at));
            match_cite(scan, match, chain, at);
            match_say(scan, match, "the account opens its own mailbox there: %s", own->summary);
        }
    }
}

/* EWS asks the same permissions. */
static bool denial_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    (void)survey;
    return check->layer == LAYER_MAILBOX && check->subject != NULL &&
           match_names(match, check->subject) && check_failed(check, CAUSE_ACCESS_DENIED);
}

/* ---- M19 ---- */

static void say_public_mailbox(struct scan *scan, struct match *match)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *pox = chain_check(chain, "autodiscover.pox");
        const char *name =
            check_is_good(pox) ? check_get_text(pox, "autodiscover.public_folders", NULL) : NULL;
        if (name != NULL)
            match_say(scan, match, "Autodiscover names the public folder mailbox %s", name);
        else if (check_is_good(pox))
            match_say(scan, match,
                "Autodiscover names no public folder mailbox (PublicFolderInformation)");
    }
}

static void when_public_fails(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *folders = mapi_check(chain, "public");
        if (mapi_code(folders) == EC_NONE || !check_is_good(mapi_check(chain, "mailbox")))
            continue;
        struct match *match = scan_match(scan, "", "public folders");
        const char *redirect = mapi_text(scan, folders, "redirect");
        match_cite(scan, match, chain, folders);
        match_say(scan, match, "the account's own mailbox opens over the same session");
        if (redirect != NULL)
            match_say(scan, match, "the answer names the server %s", redirect);
        say_public_mailbox(scan, match);
    }
}

static bool public_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    (void)survey, (void)match;
    return is_of_public_folders(check);
}

const struct rule rules_others[] = {
    {
        .id = "M16",
        .layer = LAYER_MAILBOX,
        .title = "The account opens its own mailbox, and is denied another one",
        .severity = SEVERITY_FAIL,
        .when = when_denied,
        .explains = denial_explains,
        .cause =
            "All below works, as the own mailbox shows: the account has no full access to the "
            "other mailbox, or a Deny wins over the grant (administrators of the domain have one). "
            "A grant made just now needs up to two hours, or a new session, to be seen.",
        .looks_like = "RopLogon returns 0x80070005 for the other mailbox, and 0 for the own one.",
        .fix = {"See it: Get-MailboxPermission {address} -User {user} | fl AccessRights,Deny",
            "Grant it: Add-MailboxPermission {address} -User {user} -AccessRights FullAccess "
            "-AutoMapping $false",
            "Remove a Deny: Remove-MailboxPermission {address} -User {user} -Deny -AccessRights "
            "FullAccess; look whether the account is in Domain Admins.",
            "Single folders only: Get-MailboxFolderPermission {address}:\\Calendar does not help a "
            "program that opens the mailbox."},
        .references = {OXCSTOR_LOGON, "Microsoft: Add-MailboxPermission"},
    },
    {
        .id = "M19",
        .layer = LAYER_MAILBOX,
        .title = "The public folders do not open, while the mailbox does",
        .severity = SEVERITY_FAIL,
        .when = when_public_fails,
        .explains = public_explains,
        .cause =
            "Since Exchange 2013 public folders are in mailboxes of their own. There is none, the "
            "one that the account is to use does not open, or the hierarchy is that of an older "
            "server. Extended Protection is not supported with public folders on Exchange 2013.",
        .looks_like = "RopLogon with the public flag fails or is sent elsewhere; Autodiscover has "
                      "no PublicFolderInformation.",
        .fix =
            {"Is there one: Get-Mailbox -PublicFolder | fl Name,Database,IsRootPublicFolderMailbox"
             "; New-Mailbox -PublicFolder NAME",
                "Which one the account uses: Get-Mailbox {address} | fl DefaultPublicFolderMailbox,"
                "EffectivePublicFolderMailbox; Set-Mailbox -DefaultPublicFolderMailbox NAME",
                "Is its database mounted: Get-MailboxDatabase -Status | fl Name,Mounted",
                "If nobody uses public folders, leave --public-folders out."},
        .references = {OXCSTOR_LOGON, "Microsoft: Public folders",
            "Microsoft: Extended Protection in Exchange Server, public folders"},
    },
};

RULES_COUNT(rules_others);
