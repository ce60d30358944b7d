/*
 * What is about to end the account's logons: password and account expiry, logon hours,
 * workstations, the lock-out policy. [MS-ADTS] 3.1.1.4.5 (constructed attributes), 3.1.1.8,
 * [MS-SAMR] 3.1.1.7.
 */
#include "net/host.h"
#include "net/wire/logonhours.h"
#include "net/wire/text.h"
#include "probes/ldap.h"
#include "probes/ldap_value.h"
#include "probes/run.h"

#include <string.h>

enum { DAY_S = 86400, SOON_DAYS = 14 };

/* userAccountControl, and what msDS-User-Account-Control-Computed adds: [MS-ADTS] 2.2.16 */
enum { UAC_DISABLED = 0x2, UAC_NEVER_EXPIRES = 0x10000 };
enum { COMPUTED_LOCKED = 0x10, COMPUTED_EXPIRED = 0x800000 };

static bool state_applies(const struct endpoint *endpoint)
{
    return endpoint->service == SERVICE_LDAP;
}

static const struct fact_def state_facts[] = {
    {"account.dn", FACT_TEXT, "whose state this is: the account that logs on"},
    {"account.password_set", FACT_TEXT, "pwdLastSet"},
    {"account.password_expires", FACT_TEXT, "when the password expires"},
    {"account.password_days_left", FACT_INT, "whole days until then"},
    {"account.password_never_expires", FACT_BOOL, "neither account nor policy lets it expire"},
    {"account.password_expired", FACT_BOOL, "the password has expired"},
    {"account.must_change", FACT_BOOL, "the password must be changed at the next logon"},
    {"account.disabled", FACT_BOOL, "userAccountControl says disabled"},
    {"account.locked", FACT_BOOL, "locked out now"},
    {"account.expires", FACT_TEXT, "when the account itself ends"},
    {"account.expired", FACT_BOOL, "it has ended"},
    {"account.hours", FACT_TEXT, "hours of the week in which it may log on, in UTC"},
    {"account.hours_open", FACT_BOOL, "now is one of them"},
    {"account.workstations", FACT_LIST, "the only machines it may log on from"},
    {"account.workstation_ok", FACT_BOOL, "this host is one of them"},
    {"account.etypes", FACT_LIST, "encryption types of msDS-SupportedEncryptionTypes"},
    {"account.etypes_value", FACT_INT, "msDS-SupportedEncryptionTypes"},
    {"policy.lockout_threshold", FACT_INT, "failed logons that lock the account; 0: never"},
    {"policy.lockout_window_s", FACT_INT, "how long a failed logon counts"},
    {"policy.lockout_duration_s", FACT_INT, "how long the lock-out lasts; 0: until it is unlocked"},
    {"policy.max_password_age_days", FACT_INT, "how long a password lives; 0: for ever"},
    {"policy.pso", FACT_TEXT, "fine-grained password policy that applies: msDS-ResultantPSO"},
    {"account.bad_pwd_count", FACT_INT, "failed logons counted by this domain controller"},
    {"account.last_bad_password", FACT_TEXT, "the last of them"},
    {"account.attempts_left", FACT_INT, "failed logons until the lock-out"},
    LDAP_COST_FACTS,
    FACT_END,
};

/* ---- what bites, or soon will: the words of the summary ---- */

struct concerns {
    struct arena *arena;
    const char *text; /* "" as long as there is none */
};

static void add_concern(struct concerns *concerns, const char *concern)
{
    concerns->text = arena_printf(
        concerns->arena, "%s%s%s", concerns->text, concerns->text[0] == '\0' ? "" : "; ", concern);
}

/* "2026-11-22 12:00 UTC": for people */
static const char *minute_of(struct arena *arena, int64_t seconds)
{
    const char *text = rfc3339(arena, seconds);
    return arena_printf(arena, "%.10s %.5s UTC", text, text + 11);
}

static bool is_soon(int64_t when, int64_t now)
{
    return when > now && when - now < (int64_t)SOON_DAYS * DAY_S;
}

static const char *in_days(struct arena *arena, int64_t when, int64_t now)
{
    long long days = (when - now) / DAY_S;
    return days == 0 ? "within a day" : arena_printf(arena, "in %lld d", days);
}

/* ---- the policy ---- */

/* The account's own policy, where it has one; then the domain's does not count, known or not. */
struct policy {
    const struct directory_entry *from; /* NULL: not readable */
    const char *threshold, *window, *duration, *max_age;
};

static struct policy policy_of(const struct account_reading *reading)
{
    if (entry_text(reading->account, "msDS-ResultantPSO") == NULL)
        return (struct policy){.from = reading->domain,
            .threshold = "lockoutThreshold",
            .window = "lockOutObservationWindow",
            .duration = "lockoutDuration",
            .max_age = "maxPwdAge"};
    return (struct policy){.from = reading->pso,
        .threshold = "msDS-LockoutThreshold",
        .window = "msDS-LockoutObservationWindow",
        .duration = "msDS-LockoutDuration",
        .max_age = "msDS-MaximumPasswordAge"};
}

static void note_policy(const struct policy *policy, struct check *check)
{
    int64_t number;
    if (policy->from == NULL)
        return;
    if (entry_int(policy->from, policy->threshold, &number))
        check_int(check, "policy.lockout_threshold", number);
    if (entry_span(policy->from, policy->window, &number) == MOMENT_AT)
        check_int(check, "policy.lockout_window_s", number);
    enum moment_kind kind = entry_span(policy->from, policy->duration, &number);
    if (kind != MOMENT_ABSENT)
        check_int(check, "policy.lockout_duration_s", kind == MOMENT_AT ? number : 0);
    kind = entry_span(policy->from, policy->max_age, &number);
    if (kind != MOMENT_ABSENT)
        check_int(check, "policy.max_password_age_days", kind == MOMENT_AT ? number / DAY_S : 0);
}

/* ---- the lock-out ---- */

static bool is_locked(const struct directory_entry *account, const struct check *check, int64_t now)
{
    int64_t computed, since;
    if (entry_int(account, "msDS-User-Account-Control-Computed", &computed))
        return (computed & COMPUTED_LOCKED) != 0;
    if (entry_moment(account, "lockoutTime", &since) != MOMENT_AT)
        return false;
    int64_t duration = check_get_int(check, "policy.lockout_duration_s", 0);
    return duration == 0 || since + duration > now;
}

static void judge_lockout(
    const struct directory_entry *account, int64_t now, struct check *check, struct concerns *why)
{
    int64_t count = 0, last = 0;
    bool counted = entry_int(account, "badPwdCount", &count);
    enum moment_kind kind = entry_moment(account, "badPasswordTime", &last);
    if (counted)
        check_int(check, "account.bad_pwd_count", count);
    if (kind == MOMENT_AT)
        check_text(check, "account.last_bad_password", rfc3339(why->arena, last));
    check_bool(check, "account.locked", is_locked(account, check, now));
    if (check_get_bool(check, "account.locked", false)) {
        add_concern(why, "it is locked out");
        return;
    }
    const struct lockout lockout = {
        .threshold = check_get_int(check, "policy.lockout_threshold", 0),
        .window_s = check_get_int(check, "policy.lockout_window_s", 0),
        .count = count,
        .age_s = kind != MOMENT_AT ? -1
                 : last < now      ? now - last
                                   : 0,
    };
    if (lockout.threshold <= 0 || !counted)
        return;
    int64_t left = lockout_left(&lockout);
    check_int(check, "account.attempts_left", left);
    if (left <= 1)
        add_concern(why,
            arena_printf(why->arena, "the next failed logon locks it (%lld of %lld are counted)",
                (long long)lockout_counted(&lockout), (long long)lockout.threshold));
}

/* ---- ends ---- */

static void judge_password_end(int64_t end, int64_t now, struct check *check, struct concerns *why)
{
    const char *when = minute_of(why->arena, end);
    check_text(check, "account.password_expires", rfc3339(why->arena, end));
    check_int(check, "account.password_days_left", (end - now) / DAY_S);
    check_bool(check, "account.password_expired", end <= now);
    if (end <= now)
        add_concern(why, arena_printf(why->arena, "its password expired on %s", when));
    else if (is_soon(end, now))
        add_concern(why, arena_printf(why->arena, "its password expires %s, on %s",
                             in_days(why->arena, end, now), when));
}

static void judge_password(
    const struct account_reading *reading, int64_t now, struct check *check, struct concerns *why)
{
    int64_t set = 0, end = 0, number, uac = 0;
    const struct directory_entry *account = reading->account;
    const struct policy policy = policy_of(reading);
    if (entry_int(account, "userAccountControl", &uac))
        check_bool(check, "account.disabled", (uac & UAC_DISABLED) != 0);
    enum moment_kind set_kind = entry_moment(account, "pwdLastSet", &set);
    if (set_kind == MOMENT_AT)
        check_text(check, "account.password_set", rfc3339(why->arena, set));
    bool never = (uac & UAC_NEVER_EXPIRES) != 0;
    bool must_change = set_kind == MOMENT_NEVER && !never;
    if (set_kind != MOMENT_ABSENT)
        check_bool(check, "account.must_change", must_change);
    if (must_change)
        add_concern(why, "its password must be changed at the next logon");

    /* Computed by the server, with any policy taken into account; else by us, as it would do. */
    enum moment_kind kind = entry_moment(account, "msDS-UserPasswordExpiryTimeComputed", &end);
    if (kind == MOMENT_ABSENT && set_kind == MOMENT_AT && policy.from != NULL) {
        kind = entry_span(policy.from, policy.max_age, &number);
        end = kind == MOMENT_AT ? set + number : 0;
    }
    if (never || (kind == MOMENT_NEVER && !must_change))
        check_bool(check, "account.password_never_expires", true);
    else if (kind == MOMENT_AT)
        judge_password_end(end, now, check, why);
    else if (entry_int(account, "msDS-User-Account-Control-Computed", &number) && !must_change)
        check_bool(check, "account.password_expired", (number & COMPUTED_EXPIRED) != 0);
}

static void judge_account_end(
    const struct directory_entry *account, int64_t now, struct check *check, struct concerns *why)
{
    int64_t end;
    if (check_get_bool(check, "account.disabled", false))
        add_concern(why, "it is disabled");
    enum moment_kind kind = entry_moment(account, "accountExpires", &end);
    if (kind == MOMENT_ABSENT)
        return;
    check_bool(check, "account.expired", kind == MOMENT_AT && end <= now);
    if (kind != MOMENT_AT)
        return;
    check_text(check, "account.expires", rfc3339(why->arena, end));
    if (end <= now)
        add_concern(why, arena_printf(why->arena, "it expired on %s", minute_of(why->arena, end)));
    else if (is_soon(end, now))
        add_concern(why, arena_printf(why->arena, "it expires %s, on %s",
                             in_days(why->arena, end, now), minute_of(why->arena, end)));
}

/* ---- when and where from ---- */

static void judge_hours(
    const struct directory_entry *account, int64_t now, struct check *check, struct concerns *why)
{
    const struct directory_attribute *hours = entry_attribute(account, "logonHours");
    const char *text = NULL;
    if (hours != NULL && hours->count > 0)
        text = logonhours_text(why->arena, hours->values[0].bytes, hours->values[0].length);
    bool open =
        text == NULL || logonhours_open(hours->values[0].bytes, hours->values[0].length, now);
    check_text(check, "account.hours", text != NULL ? text : "always");
    check_bool(check, "account.hours_open", open);
    if (!open)
        add_concern(why, arena_printf(why->arena, "it may not log on now, %s; its logon hours: %s",
                             minute_of(why->arena, now), text));
}

/* The NetBIOS name of a host is the first label of its name, cut to 15 characters. */
static bool names_host(const char *entry, const char *host)
{
    enum { NETBIOS_MAX = 15 };
    size_t label = strcspn(host, ".");
    if (text_equal_nocase(entry, host))
        return true;
    label = label < NETBIOS_MAX ? label : NETBIOS_MAX;
    char short_name[NETBIOS_MAX + 1];
    memcpy(short_name, host, label);
    short_name[label] = '\0';
    return label > 0 && text_equal_nocase(entry, short_name);
}

enum { WORKSTATIONS_MAX = 64 };

static void judge_workstations(
    const struct account_reading *reading, struct check *check, struct concerns *why)
{
    const char *text = entry_text(reading->account, "userWorkstations");
    bool ours = false, any = false;
    /* AD takes 8 KB of names at most; more than these help nobody who reads. */
    for (int names = 0; text != NULL && *text != '\0' && names < WORKSTATIONS_MAX; names++) {
        size_t length = strcspn(text, ",");
        size_t lead = strspn(text, " ");
        const char *next = text[length] == ',' ? text + length + 1 : text + length;
        lead = lead < length ? lead : length;
        const char *name = arena_strndup(why->arena, text + lead, length - lead);
        text = next;
        if (name[0] == '\0')
            continue;
        any = true;
        check_add(check, "account.workstations", name);
        ours = ours || names_host(name, reading->host);
    }
    if (!any)
        return;
    check_bool(check, "account.workstation_ok", ours);
    if (!ours)
        add_concern(why, arena_printf(why->arena, "it may log on from %s only, not from %s",
                             join_list(why->arena, check_fact(check, "account.workstations"), ", "),
                             reading->host));
}

/* [MS-KILE] 2.2.7 */
static void note_etypes(const struct directory_entry *account, struct check *check)
{
    static const char *const names[] = {"DES-CBC-CRC", "DES-CBC-MD5", "RC4-HMAC",
        "AES128-CTS-HMAC-SHA1-96", "AES256-CTS-HMAC-SHA1-96", "AES256-CTS-HMAC-SHA1-96-SK"};
    int64_t value;
    if (!entry_int(account, "msDS-SupportedEncryptionTypes", &value))
        return;
    check_int(check, "account.etypes_value", value);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((value >> i & 1) != 0)
            check_add(check, "account.etypes", names[i]);
    }
}

void judge_state(const struct account_reading *reading, int64_t now, struct check *check)
{
    const struct directory_entry *account = reading->account;
    struct concerns why = {.arena = &check->arena, .text = ""};
    const struct policy policy = policy_of(reading);
    const char *pso = entry_text(account, "msDS-ResultantPSO");
    check_text(check, "account.dn", account->dn);
    check_text(check, "policy.pso", pso);
    note_policy(&policy, check);
    note_etypes(account, check);
    judge_password(reading, now, check, &why);
    judge_account_end(account, now, check, &why);
    judge_lockout(account, now, check, &why);
    judge_hours(account, now, check, &why);
    judge_workstations(reading, check, &why);

    const char *unread = "";
    if (pso != NULL && reading->pso == NULL)
        unread = arena_printf(why.arena,
            "; the fine-grained password policy %s applies to it, which we may not read",
            dn_leaf(why.arena, pso));
    const char *name = dn_leaf(why.arena, account->dn);
    if (why.text[0] != '\0') {
        check_settle(check, OUTCOME_WARN, "%s: %s%s", name, why.text, unread);
        return;
    }
    const char *end = check_get_text(check, "account.password_expires", NULL);
    const char *until = "";
    if (check_get_bool(check, "account.password_never_expires", false))
        until = ", its password never expires";
    else if (end != NULL)
        until = arena_printf(why.arena, ", its password until %.10s", end);
    check_settle(check, OUTCOME_PASS, "%s may log on%s%s", name, until, unread);
}

/* ---- reading ---- */

static bool read_object(struct session *session, struct check *check,
    const struct directory_search *search, struct directory_result *ret_found, struct fault *fault)
{
    if (!ldap_find(session, check, search, ret_found, fault))
        return false;
    if (ret_found->count == 1)
        return true;
    return fault_set(fault, CAUSE_NO_OBJECT, ORIGIN_LDAP, 0, "%.150s cannot be read", search->base);
}

static struct directory_search object_search(const char *dn, const char *const *attributes)
{
    return (struct directory_search){.base = dn,
        .scope = DIRECTORY_BASE,
        .filter = "(objectClass=*)",
        .attributes = attributes,
        .max = 1};
}

static const char *const state_attributes[] = {"userAccountControl",
    "msDS-User-Account-Control-Computed", "msDS-UserPasswordExpiryTimeComputed",
    "msDS-ResultantPSO", "msDS-SupportedEncryptionTypes", "pwdLastSet", "accountExpires",
    "logonHours", "userWorkstations", "lockoutTime", "badPwdCount", "badPasswordTime", NULL};
static const char *const domain_attributes[] = {
    "lockoutThreshold", "lockOutObservationWindow", "lockoutDuration", "maxPwdAge", NULL};
static const char *const pso_attributes[] = {"msDS-LockoutThreshold",
    "msDS-LockoutObservationWindow", "msDS-LockoutDuration", "msDS-MaximumPasswordAge", NULL};

static void state_run(struct session *session, struct check *check)
{
    if (!run_claim_check(session, check))
        return;
    struct directory_result account, domain, pso;
    struct account_reading reading = {.host = host_name(&session->arena)};
    struct fault fault;
    const char *dn = ldap_logon_object(session, check);
    if (dn == NULL) {
        run_release(session, check->probe);
        return;
    }
    struct directory_search search = object_search(dn, state_attributes);
    if (!read_object(session, check, &search, &account, &fault)) {
        check_fail(check, &fault);
        run_release(session, check->probe);
        return;
    }
    reading.account = &account.entries[0];
    const char *policy = entry_text(reading.account, "msDS-ResultantPSO");
    /* Without the policy the rest still says something. */
    search = object_search(session->naming_context, domain_attributes);
    if (policy == NULL && read_object(session, check, &search, &domain, &fault))
        reading.domain = &domain.entries[0];
    search = object_search(policy, pso_attributes);
    if (policy != NULL && read_object(session, check, &search, &pso, &fault))
        reading.pso = &pso.entries[0];
    judge_state(&reading, clock_wall_us() / 1000000, check);
}

const struct probe probe_ldap_state = {
    .id = "ldap.state",
    .title = "nothing is about to end the account's logons",
    .layer = LAYER_PROTOCOL,
    .facts = state_facts,
    .applies = state_applies,
    .run = state_run,
};
