#include "report/rules.h"

#include <inttypes.h>
#include <string.h>

#include "net/wire/text.h"
#include "report/rule_account.h"

/* What policy allows the account besides its password: hours, machines, age, schemes, attempts. */

enum { KDC_POLICY = 12 /* KDC_ERR_POLICY */, SOON_DAYS = 14 };

/* A restriction: the KDC may say no more than that its policy refuses. */
static bool policy_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    return account_state_explains(survey, match, check) ||
           (check->layer == LAYER_AUTH && check_failed(check, CAUSE_KDC_ERROR) &&
               check->fault.code == KDC_POLICY);
}

/* ---- A08 ---- */

static bool is_outside_hours(const struct check *check)
{
    if (check_failed(check, CAUSE_LOGON_HOURS) || account_data_is(check, "530") ||
        account_status_is(check, "c000006f"))
        return true;
    return check_answered(check) && !check_get_bool(check, "account.hours_open", true);
}

static void say_hours(struct scan *scan, struct match *match, const struct check *check)
{
    const char *hours = check_get_text(check, "account.hours", NULL);
    if (hours != NULL)
        match_say(scan, match, "logonHours allows, in UTC: %s; the run started %s", hours,
            rfc3339(scan->arena, scan->survey->started_us / 1000000));
}

static void when_outside_hours(struct scan *scan)
{
    account_scan(scan, is_outside_hours, say_hours);
}

/* ---- A09 ---- */

static bool is_other_workstation(const struct check *check)
{
    if (check_failed(check, CAUSE_LOGON_WORKSTATION) || account_data_is(check, "531") ||
        account_status_is(check, "c0000070"))
        return true;
    return check_answered(check) && !check_get_bool(check, "account.workstation_ok", true);
}

static void say_workstations(struct scan *scan, struct match *match, const struct check *check)
{
    if (check_fact(check, "account.workstations") == NULL)
        return;
    match_say(scan, match, "userWorkstations allows only %s; this host is %s",
        scan_texts(scan, check, "account.workstations"),
        scan->survey->vantage.host != NULL ? scan->survey->vantage.host : "not named");
    if (check_is_good(check))
        match_say(scan, match,
            "that could be read, so a Kerberos logon went through here; NTLM names the machine and "
            "is refused");
}

static void when_other_workstation(struct scan *scan)
{
    account_scan(scan, is_other_workstation, say_workstations);
}

/* ---- A10 ---- */

static bool expires_soon(const struct check *check)
{
    if (!check_answered(check) || check_get_bool(check, "account.password_never_expires", false) ||
        check_get_bool(check, "account.password_expired", false))
        return false;
    int64_t days = check_get_int(
        check, "account.password_days_left", check_get_int(check, "auth.expires_days", -1));
    return days >= 0 && days <= SOON_DAYS;
}

static void say_expiry(struct scan *scan, struct match *match, const struct check *check)
{
    const char *date = check_get_text(check, "account.password_expires", NULL);
    int64_t left = check_get_int(check, "account.password_days_left", -1);
    int64_t header = check_get_int(check, "auth.expires_days", -1);
    const char *pso = check_get_text(check, "policy.pso", NULL);
    if (date != NULL)
        match_say(scan, match, "it expires on %s, in %" PRId64 " day%s", date, left,
            left == 1 ? "" : "s");
    else if (left >= 0)
        match_say(scan, match, "it expires in %" PRId64 " day%s", left, left == 1 ? "" : "s");
    if (header >= 0)
        match_say(scan, match, "Exchange says so: X-MS-Credentials-Expire is %" PRId64 ", in days",
            header);
    if (pso != NULL)
        match_say(scan, match, "its age follows the password settings object %s", pso);
}

static void when_expiring(struct scan *scan)
{
    account_scan(scan, expires_soon, say_expiry);
}

/* ---- A21 ---- */

static bool is_protected(const struct check *check)
{
    return check_answered(check) && check_get_bool(check, "groups.protected_users", false);
}

static bool is_ntlm_refused(const struct check *check)
{
    return check_failed(check, CAUSE_LOGON_REFUSED) &&
           strcmp(check_get_text(check, "auth.scheme", ""), "NTLM") == 0;
}

/* Who refuses NTLM and who takes Kerberos: evidence only where the membership is known. */
static void cite_logons(struct scan *scan, struct match *match)
{
    bool refused = false, accepted = false;
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *logon = chain_cell(chain, LAYER_AUTH);
        bool web = chain->endpoint.service >= SERVICE_AUTODISCOVER;
        refused |= web && is_ntlm_refused(logon);
        accepted |= web && check_is_good(logon);
        if (is_ntlm_refused(logon))
            match_cite(scan, match, chain, logon);
        else if (check_is_good(logon) &&
                 strcmp(check_get_text(logon, "auth.scheme", ""), "Kerberos") == 0)
            match_tell(scan, match, "Kerberos works: ", chain, logon);
    }
    match->fails |= refused && !accepted; /* there is no other way in: A16, A19, A25 */
}

static void say_protected(struct scan *scan, struct match *match, const struct check *check)
{
    (void)check;
    match_say(scan, match,
        "the account is a member of Protected Users (RID 525), perhaps through another group");
    cite_logons(scan, match);
}

static void when_protected(struct scan *scan)
{
    account_scan(scan, is_protected, say_protected);
}

/* ---- A31 ---- */

static void say_attempts(struct scan *scan, struct match *match, const struct check *check)
{
    int64_t threshold = check_get_int(check, "policy.lockout_threshold", -1);
    int64_t counted = check_get_int(check, "account.bad_pwd_count", -1);
    int64_t left = check_get_int(check, "account.attempts_left", -1);
    const char *reader = check_get_text(check, "guard.reader", NULL);
    if (counted >= 0 && threshold >= 0)
        match_say(scan, match,
            "%" PRId64 " failed logons are counted; %" PRId64 " lock the account out", counted,
            threshold);
    if (left >= 0)
        match_say(scan, match, "failed logons left before that: %" PRId64, left);
    if (reader != NULL)
        match_say(scan, match, "read before the password was used, with the ticket of %s", reader);
    if (scan->survey->logons_attempted > 0)
        match_say(scan, match, "the password was used all the same (--risk-lockout)");
    else
        match_say(scan, match,
            "the password was sent nowhere, so nothing behind the logon was tested; with "
            "--risk-lockout it is tried once");
}

static void when_near_lockout(struct scan *scan)
{
    account_scan(scan, check_is_held_back, say_attempts);
}

static bool gated_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    (void)survey, (void)match;
    return check->layer == LAYER_AUTH && check_is_gated(check);
}

const struct rule rules_policy[] = {
    {
        .id = "A08",
        .layer = LAYER_AUTH,
        .title = "The account may not log on at this hour",
        .severity = SEVERITY_FAIL,
        .when = when_outside_hours,
        .explains = policy_explains,
        .cause =
            "logonHours of the account allows some hours of the week and not the present one. The "
            "password may be right. A service that runs day and night works in the permitted hours "
            "and fails outside them, so that the fault seems to come and go by itself.",
        .looks_like =
            "KDC: KDC_ERR_CLIENT_REVOKED (18) or KDC_ERR_POLICY (12) with NTSTATUS 0xC000006F. "
            "LDAP: result 49, data 530. HTTP: a 401 that gives no reason. A locked account is "
            "0xC0000234 and 775, an expired one 0xC0000193 and 701.",
        .fix = {"For a service account allow all hours: in Active Directory Users and Computers, "
                "Account, Logon Hours; or clear the attribute: Set-ADUser {user} -Clear logonHours",
            "The hours are stored in UTC: a limit that was right in summer is off by an hour in "
            "winter.",
            "See them with exreach -v: the fact account.hours of ldap.state."},
        .references = {"[MS-ADA1] logonHours", KDC_CODES, LDAP_DATA},
    },
    {
        .id = "A09",
        .layer = LAYER_AUTH,
        .title = "The account may log on only from other machines than this one",
        .severity = SEVERITY_FAIL,
        .when = when_other_workstation,
        .explains = policy_explains,
        .cause =
            "userWorkstations (\"Log On To\") of the account lists the machines it may be used "
            "from, and this one is not among them. The list is held against the name that the "
            "client itself gives: NTLM always sends one, Kerberos only if the client puts it into "
            "its request. So the same account may work over Kerberos and be refused over NTLM. A "
            "proxy or front end that logs on for the user counts as the machine.",
        .looks_like =
            "LDAP: result 49, data 531. KDC: KDC_ERR_POLICY (12) with NTSTATUS 0xC0000070. HTTP "
            "with NTLM: a 401 that gives no reason, while Negotiate with a ticket works.",
        .fix = {"Add this host and the machine of the application, by their NetBIOS names: "
                "Set-ADUser {user} -LogonWorkstations \"PBX1,PBX2\"",
            "For NTLM through Exchange add the Exchange servers, too.",
            "Or take the limit away: Set-ADUser {user} -LogonWorkstations $null"},
        .references = {"[MS-ADA3] userWorkstations", KDC_CODES, LDAP_DATA},
    },
    {
        .id = "A10",
        .layer = LAYER_AUTH,
        .title = "The password expires within two weeks",
        .severity = SEVERITY_WARN,
        .when = when_expiring,
        .cause = "The password is still right and soon too old for the policy that applies to the "
                 "account. A person is asked for a new one; an application only stops on that day "
                 "(A06).",
        .looks_like =
            "LDAP: msDS-UserPasswordExpiryTimeComputed is at most 14 days ahead. EWS: the header "
            "X-MS-Credentials-Expire with the number of days, in the last weeks.",
        .fix = {"Change it now, on a day you choose: Set-ADAccountPassword {user}; then in the "
                "application's settings, too.",
            "For a service account: Set-ADUser {user} -PasswordNeverExpires $true, or a "
            "fine-grained password policy of its own (Get-ADUserResultantPasswordPolicy {user}).",
            "Watch it: run exreach daily; this finding is exit code 1."},
        .references = {"[MS-ADTS] msDS-UserPasswordExpiryTimeComputed"},
    },
    {
        .id = "A21",
        .layer = LAYER_AUTH,
        .title = "The account may not use NTLM: it is a member of Protected Users",
        .severity = SEVERITY_WARN,
        .when = when_protected,
        .explains = account_explains,
        .cause =
            "Domain controllers refuse NTLM, DES and RC4 to members of Protected Users, and "
            "delegation of their tickets. What logs on with Kerberos and AES works; everything "
            "that falls back to NTLM, for want of a service principal, by an address in place of a "
            "name, or because the program knows nothing else, is refused with the right password.",
        .looks_like =
            "tokenGroups of the account has RID 525. A ticket is issued and Negotiate with it "
            "works; NTLM is answered with 401 at once, an NTLM bind with 49. A wrong password "
            "fails at the KDC, too.",
        .fix = {"Take the service account out of the group (Get-ADGroupMember \"Protected Users\" "
                "-Recursive shows the way in); it is made for people who administer.",
            "Or make Kerberos work everywhere it is used: HTTP service principals, names in place "
            "of addresses, and a client that speaks it.",
            "MAPI/CDO and many telephony applications use NTLM: they cannot work with such an "
            "account."},
        .references = {"Microsoft: Protected Users security group",
            "[MS-APDS] 3.1.5 NTLM pass-through for members of Protected Users"},
    },
    {
        .id = "A31",
        .layer = LAYER_AUTH,
        .title = "One more failed logon would lock the account out",
        .severity = SEVERITY_WARN,
        .when = when_near_lockout,
        .explains = gated_explains,
        .cause =
            "Before it uses the password, exreach reads the lock-out policy and the failed logons "
            "already counted, where another ticket at hand may read them. Only one attempt was "
            "left: had the password been wrong, this test would have locked the account. Something "
            "else has been failing with this account lately; that may be the very fault in search.",
        .looks_like =
            "badPwdCount of the account is lockoutThreshold less one, and the last bad password is "
            "younger than lockOutObservationWindow. Nothing of the account is on the wire yet.",
        .fix = {"Find who fails first: events 4771 and 4776 on the domain controllers name the "
                "calling machine; often it is the application with its old password.",
            "Wait until the observation window has passed without a failure, or log on once "
            "elsewhere with a password that is surely right: both set the count to 0.",
            "Or use a ticket in place of the password: kinit {account}, then exreach -k {address}",
            "Or take the risk: exreach --risk-lockout {address}"},
        .references = {"[MS-SAMR] 3.1.5.14.6 account lockout", "[MS-ADA1] lockoutThreshold"},
    },
};

RULES_COUNT(rules_policy);
