#include "report/rules.h"

#include <stdlib.h>
#include <string.h>

#include "net/wire/text.h"
#include "report/rule_account.h"
#include "report/rule_directory.h"

/* How the directory is guarded, whose the address is, and what the account may do in it. */

/* ---- D02 ---- */

static void when_signing(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; is_directory(chain) && at != NULL;
             at = at->next) {
            bool required =
                check_answered(at) && check_get_bool(at, "ldap.signing_required", false);
            if (required || check_failed(at, CAUSE_STRONG_AUTH_REQUIRED))
                match_cite(scan, scan_match_list(scan, "LDAP signing on", controller_of(chain)),
                    chain, at);
        }
    }
}

/* ---- D03 ---- */

/* That the same controller takes the account without TLS shows that the binding is what is amiss.
 */
static void say_bound_elsewhere(
    struct scan *scan, struct match *match, const struct chain *refusing)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *bind = chain_check(chain, "ldap.bind");
        if (chain != refusing && is_directory(chain) && check_is_good(bind) &&
            text_equal_nocase(controller_of(chain), controller_of(refusing)))
            match_tell(scan, match, "but ", chain, bind);
    }
}

static void when_bindings(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; is_directory(chain) && at != NULL;
             at = at->next) {
            bool refused = check_failed(at, CAUSE_CHANNEL_BINDING);
            bool required =
                check_answered(at) && check_get_bool(at, "ldap.binding_required", false);
            if (!refused && !required)
                continue;
            struct match *match =
                scan_match_list(scan, "LDAP channel binding on", controller_of(chain));
            match_cite(scan, match, chain, at);
            if (refused)
                say_bound_elsewhere(scan, match, chain);
        }
    }
}

static bool bindings_explain(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    (void)match;
    return check_failed(check, CAUSE_CHANNEL_BINDING) &&
           is_directory(survey_chain_of(survey, check));
}

/* ---- D08 ---- */

/* "smtp:a@b | CN=… | CN=…" */
static void cite_duplicate(
    struct scan *scan, const struct chain *chain, const struct check *check, const char *entry)
{
    const char *owners = strstr(entry, " | ");
    if (owners == NULL)
        return;
    const char *address = text_starts_nocase(entry, "smtp:") ? entry + 5 : entry;
    address = arena_strndup(scan->arena, address, (size_t)(owners - address));
    if (text_equal_nocase(address, scan->survey->target.address))
        address = scan->survey->target.address;
    struct match *match = scan_match_list(scan, "address", address);
    match_cite(scan, match, chain, check);
    match_say(scan, match, "%s is held by %s", address, scan_owners(scan, owners + 3));
}

static void when_ambiguous(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *account = chain_check(chain, "ldap.account");
        if (is_directory(chain) && check_failed(account, CAUSE_AMBIGUOUS))
            match_cite(scan, scan_match_list(scan, "address", scan->survey->target.address), chain,
                account);
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (at->subject != NULL && is_recipient(at) && check_failed(at, CAUSE_AMBIGUOUS))
                match_cite(scan, scan_match_list(scan, "address", at->subject), chain, at);
        }
        const struct check *search = chain_check(chain, "gc.addresses");
        const struct fact *fact =
            check_answered(search) ? check_fact(search, "addresses.duplicates") : NULL;
        for (size_t i = 0; fact != NULL && fact->type == FACT_LIST && i < fact->count; i++)
            cite_duplicate(scan, chain, search, fact->list[i]);
    }
}

/* Exchange resolves the address, too, and cannot choose either. */
static bool ambiguous_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    if (check_failed(check, CAUSE_AMBIGUOUS))
        return true;
    const char *address = check->subject != NULL ? check->subject : survey->target.address;
    return match_names(match, address) && check->layer >= LAYER_PROTOCOL &&
           (check_failed(check, CAUSE_NO_MAILBOX) ||
               check_failed(check, CAUSE_AUTODISCOVER_ERROR) || is_mapi_refusal(survey, check));
}

/* ---- D09 ---- */

/* Exchange's organisation object denies Receive As and Send As to these, and a Deny wins. */
static bool is_denied_group(const char *entry)
{
    const char *at = strstr(entry, "(RID ");
    long rid = at != NULL ? strtol(at + 5, NULL, 10) : 0;
    return rid == 512 || rid == 518 || rid == 519;
}

static const char *name_of(struct scan *scan, const char *entry)
{
    const char *end = strstr(entry, " (RID ");
    return end == NULL ? entry : arena_strndup(scan->arena, entry, (size_t)(end - entry));
}

/* It ends in the English name of one of the groups. */
static bool has_known_end(struct scan *scan, const char *path, const struct fact *groups)
{
    for (size_t i = 0; i < groups->count; i++) {
        if (text_ends_nocase(path, name_of(scan, groups->list[i])))
            return true;
    }
    return false;
}

/* "svc > PBX Services > Domänen-Admins": groups have names of their own in each language, so the
 * paths go by their order. Where one of them is missing, the end that is known must fit. */
static void say_paths(
    struct scan *scan, struct match *match, const struct check *check, size_t index)
{
    const struct fact *paths = check_fact(check, "groups.path");
    const struct fact *groups = check_fact(check, "groups.privileged");
    if (paths == NULL || paths->type != FACT_LIST)
        return;
    for (size_t i = 0; i < paths->count; i++) {
        const char *path = paths->list[i];
        bool fits = text_ends_nocase(path, name_of(scan, groups->list[index])) ||
                    !has_known_end(scan, path, groups);
        if (paths->count == groups->count ? i == index : fits)
            match_say(scan, match, "the way in: %s", path);
    }
}

/* It opens its own mailbox, and others only where nothing is denied. */
static void cite_denied(struct scan *scan, struct match *match)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (at->subject == NULL || at->layer != LAYER_MAILBOX || is_directory(chain) ||
                !check_failed(at, CAUSE_ACCESS_DENIED))
                continue;
            match_cite(scan, match, chain, at);
            match_say(scan, match,
                "whether full access was granted at all shows Get-MailboxPermission %s: a grant "
                "would not help against the Deny",
                at->subject);
        }
    }
}

static void when_privileged(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *groups = chain_check(chain, "ldap.groups");
        const struct fact *fact =
            check_answered(groups) ? check_fact(groups, "groups.privileged") : NULL;
        for (size_t i = 0; fact != NULL && fact->type == FACT_LIST && i < fact->count; i++) {
            if (!is_denied_group(fact->list[i]))
                continue;
            struct match *match = account_match(scan);
            match_cite(scan, match, chain, groups);
            match_say(scan, match, "member of %s", fact->list[i]);
            say_paths(scan, match, groups, i);
            if (check_get_int(groups, "groups.admin_count", 0) > 0)
                match_say(scan, match, "adminCount is set: AdminSDHolder resets its permissions");
            cite_denied(scan, match);
        }
    }
}

const struct rule rules_directory[] = {
    {
        .id = "D02",
        .layer = LAYER_AUTH,
        .title = "The directory accepts only signed or encrypted LDAP binds",
        .severity = SEVERITY_INFO,
        .when = when_signing,
        .cause =
            "The domain controller is set to require LDAP signing, as it should be. exreach signs "
            "and is not hurt. A program that makes a simple bind on port 389 without TLS, as old "
            "telephony and copier software does, is refused here with the right password.",
        .looks_like =
            "A simple bind, or a SASL bind without integrity, on 389: result 8, "
            "strongerAuthRequired. LDAPS, StartTLS and signed binds work. Result 49 is another "
            "fault: there the bind itself was refused.",
        .fix = {"Nothing, where all programs bind over LDAPS (636), StartTLS, or with signing.",
            "Point others to LDAPS; do not switch the requirement off: it is what stops relayed "
            "logons.",
            "Events 2886 to 2889 of the directory service log name the clients that bind without "
            "it."},
        .references = {"Microsoft: LDAP signing requirements",
            "RFC 4511 4.1.9 strongerAuthRequired"},
    },
    {
        .id = "D03",
        .layer = LAYER_AUTH,
        .title = "The directory accepts binds over TLS only with a channel binding",
        .severity = SEVERITY_INFO,
        .when = when_bindings,
        .explains = bindings_explain,
        .cause =
            "LDAP channel binding is required (LdapEnforceChannelBinding 2): a Kerberos or NTLM "
            "bind over LDAPS must carry a token made from the server's certificate. Programs with "
            "an older LDAP library send none and are refused. If exreach itself is refused, "
            "something between it and the controller ends TLS and shows a certificate of its own. "
            "Simple binds over LDAPS are not concerned.",
        .looks_like =
            "Bind on 636 or 3269: result 49, data 80090346 (SEC_E_BAD_BINDINGS), whatever the "
            "password; the same account binds on 389 with signing. A wrong password is 52e.",
        .fix = {"Update the LDAP library of the application, or bind on 389 with signing.",
            "Where exreach is refused, too: go to the controller itself and not through a load "
            "balancer that ends TLS; compare the certificates.",
            "For a time LdapEnforceChannelBinding 1 accepts clients that cannot send a token; "
            "events 3039 to 3041 name them."},
        .references = {"Microsoft: LDAP channel binding, LdapEnforceChannelBinding",
            "RFC 5929 4 tls-server-end-point"},
    },
    {
        .id = "D08",
        .layer = LAYER_PROTOCOL,
        .title = "More than one object in the directory holds the address",
        .severity = SEVERITY_FAIL,
        .when = when_ambiguous,
        .explains = ambiguous_explains,
        .cause =
            "An e-mail address must belong to one recipient of the forest. Exchange checks that "
            "when it sets an address; scripts, directory synchronisation and restored or migrated "
            "accounts do not. Whoever resolves the address finds two and takes neither: profiles "
            "cannot be made, mail comes back, Autodiscover and EWS fail.",
        .looks_like =
            "A search for proxyAddresses=smtp:ADDRESS in the global catalogue finds two objects. "
            "EWS: ErrorNameResolutionMultipleResults. NSPI: MID_AMBIGUOUS. SMTP: 5.1.4 or 5.7.x, "
            "recipient address ambiguous.",
        .fix = {"See both, in all domains: Get-ADObject -Server {host}:3268 -LDAPFilter "
                "\"(proxyAddresses=smtp:{address})\"",
            "Take the address from the one that is not the mailbox: Set-Mailbox, Set-MailContact "
            "or Set-ADObject with -Remove.",
            "Look for contacts left over from a migration, and at what the directory "
            "synchronisation writes, or it comes back."},
        .references = {"[MS-ADA3] proxyAddresses", "[MS-OXNSPI] MID_AMBIGUOUS"},
    },
    {
        .id = "D09",
        .layer = LAYER_MAILBOX,
        .title = "The account is an administrator of the domain: other mailboxes are denied to it",
        .severity = SEVERITY_WARN,
        .when = when_privileged,
        .cause =
            "Exchange's organisation object denies Receive As and Send As to Domain Admins, Schema "
            "Admins and Enterprise Admins, and a Deny wins over every grant. Such an account opens "
            "its own mailbox and no other, whatever full access it is given. Membership through "
            "other groups counts; who was a member once keeps adminCount 1, under which "
            "permissions are reset every hour.",
        .looks_like = "tokenGroups has RID 512, 518 or 519. The own mailbox opens; others give "
                      "ErrorAccessDenied in EWS, MAPI_E_LOGON_FAILED or ecLoginPerm in MAPI.",
        .fix = {"Use a plain account for the application: Remove-ADGroupMember GROUP {user}, at "
                "the group that leads there.",
            "Afterwards clear what stays behind: Set-ADUser {user} -Clear adminCount, and switch "
            "inheritance of its permissions on again.",
            "Then grant what it needs: Add-MailboxPermission MAILBOX -User {user} -AccessRights "
            "FullAccess"},
        .references = {"[MS-ADTS] 6.1.1.6 well-known domain-relative groups",
            "Microsoft: AdminSDHolder and protected groups"},
    },
};

RULES_COUNT(rules_directory);
