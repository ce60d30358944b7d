/*
 * Before the password is used: would one failure more lock the account? Asked with somebody's
 * tickets whose credential cache is at hand (an administrator's kinit), on a connection of its own.
 * badPwdCount is each controller's own, so each is asked; Windows tells the PDC emulator of
 * failures elsewhere, so that its word is nearly everybody's. The count starts anew when
 * lockOutObservationWindow has passed since badPasswordTime ([MS-SAMR] 3.1.1.8.7).
 */
#include <stdio.h>
#include <string.h>

#include "net/wire/text.h"
#include "probes/credentials.h"
#include "probes/ldap.h"
#include "probes/ldap_dial.h"
#include "probes/ldap_value.h"
#include "probes/run.h"

enum { COMPUTED_LOCKED = 0x10 }; /* [MS-ADTS] 2.2.16 UF_LOCKOUT */

static const struct fact_def guard_facts[] = {
    {"guard.reader", FACT_TEXT, "whose ticket the state was read with"},
    {"policy.lockout_threshold", FACT_INT, "failed logons that lock the account, 0: never"},
    {"account.bad_pwd_count", FACT_INT, "failed logons counted by this domain controller"},
    {"account.attempts_left", FACT_INT, "failures from now on until it is locked"},
    FACT_END,
};

/* An interval of AD: negative, in 100 ns; the smallest value: for ever. */
static bool interval_s(const struct directory_entry *entry, const char *name, int64_t *ret_seconds)
{
    int64_t value;
    if (!entry_int(entry, name, &value))
        return false;
    *ret_seconds = value == INT64_MIN ? INT64_MAX : (value < 0 ? -value : value) / 10000000;
    return true;
}

struct limits {
    int64_t threshold, window_s, duration_s;
};

/* Its own policy where it has one (a PSO), else the domain's. */
static bool read_limits(const struct guard_reading *reading, struct limits *ret_limits)
{
    const struct directory_entry *pso = reading->pso, *domain = reading->domain;
    struct limits limits = {0, INT64_MAX, INT64_MAX};
    if (pso != NULL && entry_int(pso, "msDS-LockoutThreshold", &limits.threshold)) {
        interval_s(pso, "msDS-LockoutObservationWindow", &limits.window_s);
        interval_s(pso, "msDS-LockoutDuration", &limits.duration_s);
    } else if (entry_text(reading->account, "msDS-ResultantPSO") != NULL) {
        return false; /* it has one that the reader is not shown: the domain's does not hold */
    } else if (domain != NULL && entry_int(domain, "lockoutThreshold", &limits.threshold)) {
        interval_s(domain, "lockOutObservationWindow", &limits.window_s);
        interval_s(domain, "lockoutDuration", &limits.duration_s);
    } else {
        return false;
    }
    *ret_limits = limits;
    return true;
}

/* Seconds since a FILETIME of the entry; false: never. A time ahead of ours was just now. */
static bool age_s(
    const struct directory_entry *entry, const char *name, int64_t now, int64_t *ret_age)
{
    int64_t time;
    if (!entry_int(entry, name, &time) || time <= 0)
        return false;
    int64_t age = now - filetime_to_seconds((uint64_t)time);
    *ret_age = age > 0 ? age : 0;
    return true;
}

static bool is_locked(
    const struct directory_entry *account, const struct limits *limits, int64_t now)
{
    int64_t computed, age;
    if (entry_int(account, "msDS-User-Account-Control-Computed", &computed))
        return (computed & COMPUTED_LOCKED) != 0;
    /* lockoutDuration 0: until an administrator unlocks it. */
    return age_s(account, "lockoutTime", now, &age) &&
           (limits->duration_s == 0 || age < limits->duration_s);
}

enum guard_verdict judge_guard(
    const struct guard_reading *reading, int64_t now, struct check *check, struct fault *ret_deny)
{
    struct limits limits;
    int64_t count = 0, age = 0;
    if (reading->account == NULL || !read_limits(reading, &limits) ||
        !entry_int(reading->account, "badPwdCount", &count)) {
        check_settle(check, OUTCOME_SKIPPED, "%s may not read %s", reading->reader,
            reading->account == NULL ? "the account, or there is none"
                                     : "the lock-out policy, or the account's failed logons");
        return GUARD_UNREAD;
    }
    check_int(check, "policy.lockout_threshold", limits.threshold);
    check_int(check, "account.bad_pwd_count", count);
    if (is_locked(reading->account, &limits, now)) {
        fault_set(ret_deny, CAUSE_ACCOUNT_LOCKED, ORIGIN_EXREACH, 0,
            "the account is locked out already; no attempt was spent");
        check_int(check, "account.attempts_left", 0);
        check_settle(check, OUTCOME_WARN, "%s", ret_deny->text);
        return GUARD_DENIES;
    }
    if (limits.threshold <= 0) {
        check_settle(check, OUTCOME_PASS, "failed logons do not lock accounts here");
        return GUARD_ALLOWS;
    }
    bool dated = age_s(reading->account, "badPasswordTime", now, &age);
    const struct lockout lockout = {limits.threshold, limits.window_s, count, dated ? age : -1};
    int64_t left = lockout_left(&lockout);
    check_int(check, "account.attempts_left", left);
    if (left > 1) {
        check_settle(
            check, OUTCOME_PASS, "%lld failed logons more would lock the account", (long long)left);
        return GUARD_ALLOWS;
    }
    fault_set(ret_deny, CAUSE_LOCKOUT_NEAR, ORIGIN_EXREACH, 0,
        "one failed logon more would lock the account: %lld of %lld are counted; --risk-lockout "
        "uses it nevertheless",
        (long long)lockout_counted(&lockout), (long long)limits.threshold);
    check_settle(check, OUTCOME_WARN, "%s", ret_deny->text);
    return GUARD_DENIES;
}

/* ---- reading ---- */

static const struct directory_entry *read_one(struct session *session, struct ldap_link *link,
    const struct directory_search *search, struct fault *fault)
{
    struct directory_result found;
    if (!directory_search(
            link->directory, search, session_limit(session), &session->arena, &found, fault))
        return NULL;
    session_trace(
        session, '*', "guard: search \"%s\" %s: %zu", search->base, search->filter, found.count);
    if (found.count == 1)
        return &found.entries[0];
    fault_set(fault, CAUSE_NO_OBJECT, ORIGIN_LDAP, 0, "%zu objects", found.count);
    return NULL;
}

static const struct directory_entry *read_object(
    struct session *session, struct ldap_link *link, const char *dn, const char *const *attributes)
{
    struct fault ignored;
    const struct directory_search search = {.base = dn,
        .scope = DIRECTORY_BASE,
        .filter = "(objectClass=*)",
        .attributes = attributes,
        .max = 2};
    return dn != NULL ? read_one(session, link, &search, &ignored) : NULL;
}

/* The account that logs on, by the name that is sent: a UPN, which may be implicit (name and
 * domain), or what stands behind DOMAIN\. */
static const char *account_filter(struct session *session, const char *realm)
{
    struct arena *arena = &session->arena;
    const char *account = session->settings->account;
    const char *at = strrchr(account, '@');
    char *whole = directory_escape(arena, account);
    char *plain = directory_escape(arena,
        arena_strndup(arena, account, at != NULL ? (size_t)(at - account) : strlen(account)));
    if (at == NULL)
        return arena_printf(arena, "(&(objectCategory=person)(sAMAccountName=%s))", plain);
    if (!text_equal_nocase(at + 1, realm))
        return arena_printf(arena, "(&(objectCategory=person)(userPrincipalName=%s))", whole);
    return arena_printf(arena,
        "(&(objectCategory=person)(|(userPrincipalName=%s)(sAMAccountName=%s)))", whole, plain);
}

static bool read_state(struct session *session, struct ldap_link *link, struct krb *reader,
    struct guard_reading *reading, struct fault *fault)
{
    static const char *const account[] = {"badPwdCount", "badPasswordTime", "lockoutTime",
        "msDS-User-Account-Control-Computed", "msDS-ResultantPSO", NULL};
    static const char *const domain[] = {
        "lockoutThreshold", "lockOutObservationWindow", "lockoutDuration", "fSMORoleOwner", NULL};
    static const char *const pso[] = {
        "msDS-LockoutThreshold", "msDS-LockoutObservationWindow", "msDS-LockoutDuration", NULL};
    struct krb_ticket ticket;
    struct krb_reply reply;
    struct net_address kdc = session->connect;
    kdc.port = 88; /* every domain controller is a KDC */
    if (!krb_service_ticket(reader, &kdc, "ldap", session->endpoint.host, session_limit(session),
            &ticket, &reply, fault) ||
        !ldap_dial(session, link, fault) ||
        !ldap_link_bind(session, link, reader, LDAP_PROTECTED, fault))
        return false;
    const struct directory_search search = {.base = session->naming_context,
        .scope = DIRECTORY_SUBTREE,
        .filter = account_filter(session, krb_realm(reader)),
        .attributes = account,
        .max = 2};
    reading->account = read_one(session, link, &search, fault);
    if (reading->account == NULL)
        return fault->cause == CAUSE_NO_OBJECT;
    reading->domain = read_object(session, link, session->naming_context, domain);
    reading->pso =
        read_object(session, link, entry_text(reading->account, "msDS-ResultantPSO"), pso);
    return true;
}

static void guard_account(struct session *session, struct check *check, struct krb *reader)
{
    struct guard_reading reading = {.reader = krb_account(reader)};
    struct ldap_link link = {.directory = NULL};
    struct fault fault;
    check_text(check, "guard.reader", reading.reader);
    bool withheld = logon_withheld(session, check);
    if (!withheld &&
        (session->realm == NULL || !text_equal_nocase(session->realm, krb_realm(reader)))) {
        check_settle(check, OUTCOME_SKIPPED, "the ticket at hand, of %s, is not of this realm",
            reading.reader);
        withheld = true;
    }
    if (withheld) {
        run_guard_tell(session, check, &(struct guard_word){.read = false});
        return;
    }
    if (!read_state(session, &link, reader, &reading, &fault)) {
        check->fault = fault;
        check_settle(check, OUTCOME_SKIPPED,
            "the account's lock-out state cannot be read with the ticket of %s: %s", reading.reader,
            fault.text);
        run_guard_tell(session, check, &(struct guard_word){.read = false});
        ldap_hang_up(&link);
        return;
    }
    ldap_hang_up(&link);
    struct fault deny;
    enum guard_verdict verdict =
        judge_guard(&reading, clock_wall_us() / 1000000 + session->skew_s, check, &deny);
    bool denies = verdict == GUARD_DENIES;
    if (denies)
        check->fault = deny;
    bool risked = denies && session->settings->risk_lockout;
    const struct guard_word word = {
        .read = true, /* another port of the same controller would show no more */
        .deny = denies && !risked ? &deny : NULL,
        .pdc = reading.domain != NULL && verdict != GUARD_UNREAD
                   ? entry_text(reading.domain, "fSMORoleOwner")
                   : NULL,
    };
    bool in_time = run_guard_tell(session, check, &word);
    if (denies && (risked || !in_time))
        check_settle(check, OUTCOME_WARN, "%s (%s)", deny.text,
            risked ? "it is used: --risk-lockout" : "read too late: it was used meanwhile");
}

static void guard_run(struct session *session, struct check *check)
{
    struct krb *reader = NULL;
    char who[256];
    switch (run_guard(session, &reader, who)) {
    case GUARD_NONE:
        check_settle(check, OUTCOME_SKIPPED,
            "no ticket at hand to read the account's failed logons before the password is used");
        return;
    case GUARD_OTHERS:
        if (who[0] != '\0')
            check_settle(check, OUTCOME_SKIPPED, "asked already, by %s", who);
        else
            check_settle(check, OUTCOME_SKIPPED, "too late now: the password is in use");
        return;
    case GUARD_MINE:
        guard_account(session, check, reader);
        session_trace(session, '*', "guard: %s", check->summary);
        return;
    }
}

static bool guard_applies(const struct endpoint *endpoint)
{
    return endpoint->service == SERVICE_LDAP;
}

const struct probe probe_ldap_guard = {
    .id = "ldap.guard",
    .title = "whether a failed logon would lock the account",
    .layer = LAYER_HTTP,
    .facts = guard_facts,
    .applies = guard_applies,
    .run = guard_run,
};
