#include "report/rules.h"

#include <string.h>

#include "net/wire/text.h"
#include "report/rule_account.h"

/* The account and its password: what a KDC, LDAP, EWS or OWA says of them. */

struct match *account_match(struct scan *scan)
{
    return scan_matchf(scan, "account %s", scan->survey->target.account);
}

bool account_data_is(const struct check *check, const char *data)
{
    return check_is_bad(check) && strcmp(check_get_text(check, "ldap.data", ""), data) == 0;
}

bool account_status_is(const struct check *check, const char *status)
{
    return check_is_bad(check) &&
           text_ends_nocase(check_get_text(check, "krb.ntstatus", ""), status);
}

void account_scan(struct scan *scan, bool (*is_so)(const struct check *check),
    void (*say)(struct scan *scan, struct match *match, const struct check *check))
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (!is_so(at))
                continue;
            struct match *match = account_match(scan);
            match_cite(scan, match, chain, at);
            if (say != NULL)
                say(scan, match, at);
        }
    }
}

bool account_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    (void)survey, (void)match;
    if (check->layer != LAYER_AUTH)
        return false;
    return check_is_gated(check) || check_failed(check, CAUSE_LOGON_REFUSED);
}

bool account_state_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    return account_explains(survey, match, check) ||
           (check->layer == LAYER_AUTH && check_failed(check, CAUSE_ACCOUNT_REVOKED));
}

/* ---- A01 ---- */

static bool is_wrong_password(const struct check *check)
{
    return check_failed(check, CAUSE_PASSWORD_WRONG) ||
           (check_failed(check, CAUSE_LOGON_REFUSED) && account_data_is(check, "52e"));
}

/* AD hides from LDAP binds with NTLM whether the name exists; its KDC does not. */
static void say_name_open(struct scan *scan, struct match *match, const struct check *check)
{
    if (strcmp(check->probe, "ldap.bind") == 0)
        match_say(scan, match,
            "LDAP says the same of a name that does not exist: a KDC would tell them apart (A02)");
}

static void when_wrong_password(struct scan *scan)
{
    account_scan(scan, is_wrong_password, say_name_open);
}

/* ---- A02 ---- */

static bool is_unknown(const struct check *check)
{
    return check_failed(check, CAUSE_ACCOUNT_UNKNOWN) || account_data_is(check, "525");
}

static void say_nothing_sent(struct scan *scan, struct match *match, const struct check *check)
{
    if (check_get_int(check, "krb.asked", 0) == 6)
        match_say(scan, match, "no password was sent for that: the KDC (realm %s) was asked first",
            check_get_text(check, "krb.realm", "unknown"));
}

static void when_unknown(struct scan *scan)
{
    account_scan(scan, is_unknown, say_nothing_sent);
}

/* ---- A03 ---- */

/* Samba's KDC (Heimdal) wants pre-authentication as ever (25), then answers it with 18 and no
 * NTSTATUS, without a look at the password; disabled, expired and logon hours it names by NTSTATUS,
 * after a right password only. Windows says 18 with an NTSTATUS, MIT 18, both before pre-auth. */
static bool is_revoked_without_reason(const struct check *check)
{
    return check_failed(check, CAUSE_ACCOUNT_REVOKED) &&
           check_get_int(check, "krb.asked", 0) == 25 &&
           check_get_int(check, "krb.code", 0) == 18 && check_fact(check, "krb.ntstatus") == NULL;
}

static bool is_locked(const struct check *check)
{
    if (check_failed(check, CAUSE_ACCOUNT_LOCKED) || account_data_is(check, "775") ||
        account_status_is(check, "c0000234") || is_revoked_without_reason(check))
        return true;
    /* another identity may read it: msDS-User-Account-Control-Computed 0x10 */
    return check_answered(check) && check_get_bool(check, "account.locked", false);
}

static void say_why_locked(struct scan *scan, struct match *match, const struct check *check)
{
    if (is_revoked_without_reason(check))
        match_say(scan, match,
            "the KDC first asked for the password (25), then refused with 18 and no NTSTATUS: so "
            "does Samba for a locked account; a disabled or expired one it names");
}

static void when_locked(struct scan *scan)
{
    account_scan(scan, is_locked, say_why_locked);
}

/* ---- A04 ---- */

static bool is_disabled(const struct check *check)
{
    if (check_failed(check, CAUSE_ACCOUNT_DISABLED) || account_data_is(check, "533") ||
        account_status_is(check, "c0000072"))
        return true;
    /* another identity may read it: userAccountControl 0x2 */
    return check_answered(check) && check_get_bool(check, "account.disabled", false);
}

static void when_disabled(struct scan *scan)
{
    account_scan(scan, is_disabled, NULL);
}

/* ---- A05 ---- */

static bool is_expired(const struct check *check)
{
    return check_failed(check, CAUSE_ACCOUNT_EXPIRED) || account_data_is(check, "701") ||
           account_status_is(check, "c0000193");
}

static void when_expired(struct scan *scan)
{
    account_scan(scan, is_expired, NULL);
}

/* ---- A06 ---- */

/* 773 and 0xC0000224 are A07; the KDC's 23 and OWA's page alone may be either. */
static bool is_password_expired(const struct check *check)
{
    return check_failed(check, CAUSE_PASSWORD_EXPIRED) || account_data_is(check, "532") ||
           account_status_is(check, "c0000071");
}

static void say_which_age(struct scan *scan, struct match *match, const struct check *check)
{
    if (!account_data_is(check, "532") && !account_status_is(check, "c0000071") &&
        check->fault.origin != ORIGIN_SOAP)
        match_say(scan, match,
            "%s does not tell an expired password from one that must be changed at the next logon: "
            "pwdLastSet 0 would be the latter (A07)",
            check->probe);
}

static void when_password_expired(struct scan *scan)
{
    account_scan(scan, is_password_expired, say_which_age);
}

/* ---- A07 ---- */

static bool must_change(const struct check *check)
{
    return check_failed(check, CAUSE_PASSWORD_MUST_CHANGE) || account_data_is(check, "773") ||
           account_status_is(check, "c0000224");
}

static void when_must_change(struct scan *scan)
{
    account_scan(scan, must_change, NULL);
}

static bool must_change_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    return account_state_explains(survey, match, check) ||
           check_failed(check, CAUSE_PASSWORD_EXPIRED);
}

const struct rule rules_account[] = {
    {
        .id = "A01",
        .layer = LAYER_AUTH,
        .title = "The password is wrong",
        .severity = SEVERITY_FAIL,
        .when = when_wrong_password,
        .explains = account_explains,
        .cause = "The directory refuses the password of this account. exreach tried it once; "
                 "every other service was spared, so that the account is not locked by the test.",
        .looks_like =
            "KDC: KDC_ERR_PREAUTH_FAILED (24). LDAP: result 49, data 52e. HTTP: 401 again after "
            "the last message of NTLM, or logon.aspx?reason=2 from OWA.",
        .fix = {"Enter the password of {account} again; check the keyboard layout and the end of "
                "the line in --password-file.",
            "Set a new one if nobody knows it: Set-ADAccountPassword {user} -Reset. Then change it "
            "in the application's service settings, too.",
            "One bad attempt was counted: do not repeat this blindly, the lock-out policy counts "
            "on."},
        .references = {KDC_CODES, LDAP_DATA},
    },
    {
        .id = "A02",
        .layer = LAYER_AUTH,
        .title = "The directory knows no account of this name",
        .severity = SEVERITY_FAIL,
        .when = when_unknown,
        .explains = account_explains,
        .cause =
            "The domain controller answers, and has no account with this logon name. The mailbox's "
            "address is often not the logon name: the user principal name, or DOMAIN\\name, may be "
            "another. Or the account was renamed, deleted, or lives in another domain.",
        .looks_like =
            "KDC: KDC_ERR_C_PRINCIPAL_UNKNOWN (6) before any password is sent. LDAP: result 49, "
            "data 525. A wrong password is 24 and 52e; an account that exists and may not log on "
            "is 18 or 23.",
        .fix = {"Ask the directory for the logon name: Get-ADUser -Filter \"mail -eq '{address}'\" "
                "-Properties UserPrincipalName,SamAccountName",
            "Then give it: exreach --user NAME@DOMAIN {address}, or --user DOMAIN\\NAME; correct "
            "it in the application's settings, too.",
            "Check for a typing error, and for the domain behind the @."},
        .references = {KDC_CODES, LDAP_DATA},
    },
    {
        .id = "A03",
        .layer = LAYER_AUTH,
        .title = "The account is locked out after too many bad passwords",
        .severity = SEVERITY_FAIL,
        .when = when_locked,
        .explains = account_state_explains,
        .cause =
            "Too many wrong passwords were counted for the account within the time of the lock-out "
            "policy; until it is unlocked no password is even looked at, the right one neither. "
            "Some device or service still uses an old password, or somebody is guessing.",
        .looks_like =
            "KDC: KDC_ERR_CLIENT_REVOKED (18) with NTSTATUS 0xC0000234; Samba's KDC: 25, then 18 "
            "without an NTSTATUS. LDAP: result 49, data 775. EWS: \"the referenced account is "
            "currently locked out\". lockoutTime of the account is above 0.",
        .fix = {"Find the source first, else it locks again: event 4740 in the security log of the "
                "PDC emulator names the calling computer, 4771 and 4776 the attempts.",
            "Unlock it: Unlock-ADAccount {user}",
            "Check the password stored in the application; a service account that locks often "
            "deserves a password policy of its own."},
        .references = {"[MS-ADA1] lockoutTime", KDC_CODES,
            "Microsoft: event 4740, a user account was locked out"},
    },
    {
        .id = "A04",
        .layer = LAYER_AUTH,
        .title = "The account is disabled",
        .severity = SEVERITY_FAIL,
        .when = when_disabled,
        .explains = account_state_explains,
        .cause =
            "userAccountControl has the bit ACCOUNTDISABLE (0x2). The password may be right; no "
            "service lets the account in.",
        .looks_like =
            "KDC: KDC_ERR_CLIENT_REVOKED (18), with NTSTATUS 0xC0000072 where it says more. LDAP: "
            "result 49, data 533. EWS: ErrorAccountDisabled. HTTP: a 401 that gives no reason.",
        .fix = {"Ask first who disabled it and why: a shared mailbox's account is disabled on "
                "purpose.",
            "Enable it: Enable-ADAccount {user}"},
        .references = {"[MS-ADTS] 2.2.16 userAccountControl bits", KDC_CODES},
    },
    {
        .id = "A05",
        .layer = LAYER_AUTH,
        .title = "The account has expired",
        .severity = SEVERITY_FAIL,
        .when = when_expired,
        .explains = account_state_explains,
        .cause = "accountExpires lies in the past: the account, not its password, was made for a "
                 "limited time. The password may be right; no service lets the account in.",
        .looks_like =
            "KDC: KDC_ERR_CLIENT_REVOKED (18) with NTSTATUS 0xC0000193. LDAP: result 49, data 701. "
            "An expired password is 23 and 532, a disabled account 0xC0000072 and 533.",
        .fix = {"Extend it: Set-ADAccountExpiration {user} -DateTime DATE, or "
                "Clear-ADAccountExpiration {user} for a service account.",
            "See the date: Get-ADUser {user} -Properties AccountExpirationDate"},
        .references = {"[MS-ADA1] accountExpires", KDC_CODES},
    },
    {
        .id = "A06",
        .layer = LAYER_AUTH,
        .title = "The password has expired",
        .severity = SEVERITY_FAIL,
        .when = when_password_expired,
        .explains = account_state_explains,
        .cause = "The password was right once and is older than the domain's policy allows. A "
                 "person is asked for a new one; a service only fails.",
        .looks_like =
            "KDC: KDC_ERR_KEY_EXPIRED (23), NTSTATUS 0xC0000071. LDAP: result 49, data 532. OWA: "
            "302 to expiredpassword.aspx. EWS: ErrorPasswordExpired, or the header "
            "X-MS-Credential-Service-CredExpired: true.",
        .fix = {"Change it, as the account (Ctrl+Alt+Del, or OWA's page) or with "
                "Set-ADAccountPassword {user} -Reset; then in the application, too.",
            "For a service account: Set-ADUser {user} -PasswordNeverExpires $true, or a "
            "fine-grained password policy."},
        .references = {"[MS-ADTS] msDS-UserPasswordExpiryTimeComputed", KDC_CODES},
    },
    {
        .id = "A07",
        .layer = LAYER_AUTH,
        .title = "The password must be changed before the account can log on",
        .severity = SEVERITY_FAIL,
        .when = when_must_change,
        .explains = must_change_explains,
        .cause =
            "pwdLastSet is 0: the account was created, or its password reset, with \"user must "
            "change password at next logon\". A person changes it in a dialog; a service cannot.",
        .looks_like =
            "KDC: KDC_ERR_KEY_EXPIRED (23) with NTSTATUS 0xC0000224 (an expired password: "
            "0xC0000071). LDAP: result 49, data 773. EWS: ErrorPasswordChangeRequired.",
        .fix = {"Log on once interactively as the account and change it; then change it in the "
                "application, too.",
            "Or take the flag away, if the present password may stay: Set-ADUser {user} "
            "-ChangePasswordAtLogon $false"},
        .references = {"[MS-ADA3] pwdLastSet", KDC_CODES},
    },
};

RULES_COUNT(rules_account);
