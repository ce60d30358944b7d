#include "report/rules.h"

#include <string.h>

#include "net/wire/text.h"

/* ---- the account ---- */

static struct match *account_match(struct scan *scan)
{
    return scan_matchf(scan, "account %s", scan->survey->target.account);
}

static bool data_is(const struct check *check, const char *data)
{
    return check_is_bad(check) && strcmp(check_get_text(check, "ldap.data", ""), data) == 0;
}

static void scan_account(struct scan *scan, bool (*is_so)(const struct check *check))
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (is_so(at))
                match_cite(scan, account_match(scan), chain, at);
        }
    }
}

/* Refusals that do not say why, and what our own gate held back. */
static bool account_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    (void)survey, (void)match;
    if (check->layer != LAYER_AUTH)
        return false;
    return check_is_gated(check) || check_failed(check, CAUSE_LOGON_REFUSED);
}

/* ---- A01 ---- */

static bool is_wrong_password(const struct check *check)
{
    return check_failed(check, CAUSE_PASSWORD_WRONG) ||
           (check_failed(check, CAUSE_LOGON_REFUSED) && data_is(check, "52e"));
}

static void when_wrong_password(struct scan *scan)
{
    scan_account(scan, is_wrong_password);
}

/* ---- A04 ---- */

static bool is_disabled(const struct check *check)
{
    if (check_failed(check, CAUSE_ACCOUNT_DISABLED) || data_is(check, "533"))
        return true;
    /* another identity may read it: userAccountControl 0x2 */
    if (check->outcome == OUTCOME_PASS || check_is_bad(check)) {
        if (check_get_bool(check, "account.disabled", false))
            return true;
    }
    /* STATUS_ACCOUNT_DISABLED in the KDC's e-data */
    return check_is_bad(check) &&
           text_ends_nocase(check_get_text(check, "krb.ntstatus", ""), "c0000072");
}

static void when_disabled(struct scan *scan)
{
    scan_account(scan, is_disabled);
}

/* A KDC says "revoked" for disabled, locked and expired alike. */
static bool disabled_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    return account_explains(survey, match, check) ||
           (check->layer == LAYER_AUTH && check_failed(check, CAUSE_ACCOUNT_REVOKED));
}

/* ---- A16 ---- */

static void when_no_spn(struct scan *scan)
{
    struct match *match = NULL;
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            const char *spn = check_get_text(at, "krb.spn", chain->endpoint.subject);
            /* the KDC's own ticket (ldap/…) is another matter */
            if (!check_failed(at, CAUSE_SPN_UNKNOWN) || spn == NULL ||
                !text_starts_nocase(spn, "HTTP/"))
                continue;
            if (match == NULL)
                match =
                    scan_match(scan, "", arena_printf(scan->arena, "service principal %s", spn));
            else
                match->component = arena_printf(scan->arena, "%s, %s", match->component, spn);
            match_cite(scan, match, chain, at);
        }
    }
}

/* Services that fell back to NTLM say so as a warning. */
static bool no_spn_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    (void)survey, (void)match;
    return check->layer == LAYER_AUTH && check->outcome == OUTCOME_WARN &&
           check_fact(check, "auth.kerberos") != NULL;
}

const struct rule rules_auth[] = {
    {
        .id = "A01",
        .layer = LAYER_AUTH,
        .title = "The password is wrong",
        .severity = SEVERITY_FAIL,
        .when = when_wrong_password,
        .explains = account_explains,
        .cause = "The directory knows the account and refuses the password. exreach tried it once; "
                 "every "
                 "other service was spared, so that the account is not locked by the test.",
        .looks_like =
            "KDC: KDC_ERR_PREAUTH_FAILED (24). LDAP: result 49, data 52e. HTTP: 401 again after "
            "the last message of NTLM, or logon.aspx?reason=2 from OWA.",
        .fix = {"Enter the password of {account} again; check the keyboard layout and the end of "
                "the line "
                "in --password-file.",
            "Set a new one if nobody knows it: Set-ADAccountPassword -Reset. Then change it in the "
            "application's service settings, too.",
            "One bad attempt was counted: do not repeat this blindly, the lock-out policy counts "
            "on."},
        .references = {"RFC 4120 7.5.9 error codes",
            "Microsoft: LDAP AcceptSecurityContext error, data 52e"},
    },
    {
        .id = "A04",
        .layer = LAYER_AUTH,
        .title = "The account is disabled",
        .severity = SEVERITY_FAIL,
        .when = when_disabled,
        .explains = disabled_explains,
        .cause =
            "userAccountControl has the bit ACCOUNTDISABLE (0x2). The password may be right; no "
            "service lets the account in.",
        .looks_like =
            "KDC: KDC_ERR_CLIENT_REVOKED (18), with NTSTATUS 0xC0000072 where it says more. LDAP: "
            "result 49, data 533. EWS: ErrorAccountDisabled. HTTP: a 401 that gives no reason.",
        .fix = {"Enable it: Enable-ADAccount -Identity {account}",
            "Ask first who disabled it and why: a shared mailbox's account is disabled on "
            "purpose."},
        .references = {"[MS-ADTS] 2.2.16 userAccountControl bits", "RFC 4120 7.5.9 error codes"},
    },
    {
        .id = "A16",
        .layer = LAYER_AUTH,
        .title = "Kerberos cannot be used: the directory has no service principal for the name",
        .severity = SEVERITY_WARN,
        .when = when_no_spn,
        .explains = no_spn_explains,
        .cause =
            "No account in the directory owns the service principal HTTP/NAME, so the KDC gives no "
            "ticket for it. Clients fall back to NTLM: slower, more load on domain controllers, "
            "and "
            "broken where NTLM is switched off.",
        .looks_like =
            "TGS-REQ for HTTP/NAME answered with KDC_ERR_S_PRINCIPAL_UNKNOWN (7), while the server "
            "offers Negotiate and NTLM works.",
        .fix = {"Give the names to the alternate service account that all servers share: "
                "RollAlternateServiceAccountPassword.ps1, then setspn -S HTTP/{host} DOMAIN\\ASA$",
            "With one server only: setspn -S HTTP/{host} SERVER$",
            "Check that the names are not CNAMEs: clients ask for the name behind a CNAME."},
        .references =
            {"Microsoft: Kerberos authentication for load-balanced Client Access services",
                "RFC 4120 7.5.9 error codes"},
    },
};

RULES_COUNT(rules_auth);
