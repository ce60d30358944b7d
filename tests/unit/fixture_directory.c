#include "tests/unit/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/wire/ecodes.h"

#define AUTODISCOVER "autodiscover/autodiscover.contoso.test/127.0.0.20:443"
#define EWS          "ews/mail.contoso.test/127.0.0.20:443"
#define EWS2         "ews/mail.contoso.test/127.0.0.21:443"
#define LDAP         "ldap/dc1.contoso.test/127.0.0.10:389"
#define GC           "gc/dc1.contoso.test/127.0.0.10:3268"
#define KDC          "kerberos/dc1.contoso.test/127.0.0.10:88"
#define SPN          KDC "/HTTP/mail.contoso.test"
#define SPN2         KDC "/HTTP/autodiscover.contoso.test"

struct check *fixture_extra(
    struct survey *survey, const char *row, const char *probe, enum layer layer)
{
    struct chain *chain = survey_find_chain(survey, row);
    assert_non_null(chain);
    struct check *check = check_new(chain->id, probe, probe, layer, NULL, NULL);
    check_settle(check, OUTCOME_PASS, "read");
    chain_append(chain, check);
    return check;
}

struct chain *fixture_controller(
    struct survey *survey, enum service service, const char *host, const char *address)
{
    static const struct {
        const char *probe;
        enum layer layer;
    } table[] = {{"dns.name", LAYER_DNS}, {"tcp.connect", LAYER_TCP}, {"ldap.rootdse", LAYER_HTTP},
        {"ldap.bind", LAYER_AUTH}, {"ldap.account", LAYER_PROTOCOL},
        {"ldap.mailbox", LAYER_MAILBOX}};
    struct endpoint endpoint = {.service = service,
        .host = host,
        .address = address,
        .port = service == SERVICE_GC ? 3268 : 636,
        .sources = 1u << SOURCE_DNS};
    struct chain *chain = survey_add_chain(survey, &endpoint);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct check *check =
            check_new(chain->id, table[i].probe, table[i].probe, table[i].layer, NULL, NULL);
        check_settle(check, OUTCOME_PASS, "fine");
        chain_append(chain, check);
    }
    check_text(fixture_check(survey, chain->id, "ldap.account"), "account.dn",
        "CN=Service Account,OU=Service,DC=contoso,DC=test");
    check_text(fixture_check(survey, chain->id, "ldap.account"), "account.sam", "svc");
    check_bool(fixture_check(survey, chain->id, "ldap.account"), "account.disabled", false);
    struct check *mailbox = fixture_check(survey, chain->id, "ldap.mailbox");
    check_text(mailbox, "mailbox.guid", "11111111-2222-3333-4444-555555555555");
    check_int(mailbox, "mailbox.type", 1);
    check_bool(mailbox, "mailbox.hidden", false);
    check_int(mailbox, "mailbox.address_lists", 2);
    check_text(mailbox, "mailbox.home_mdb", "CN=DB1,CN=Databases,DC=contoso,DC=test");
    return chain;
}

/* ---- the account ---- */

static struct check *state(struct survey *survey)
{
    return fixture_extra(survey, LDAP, "ldap.state", LAYER_PROTOCOL);
}

static void close_hours(struct survey *survey)
{
    fixture_gate(survey, KDC "/kerberos.as");
    fixture_fail(survey, KDC, "kerberos.as", CAUSE_LOGON_HOURS, "not at this hour");
    check_text(fixture_check(survey, KDC, "kerberos.as"), "krb.ntstatus", "0xC000006F");
}

static void restrict_workstations(struct survey *survey)
{
    struct check *check = state(survey);
    check_add(check, "account.workstations", "PBX1");
    check_bool(check, "account.workstation_ok", false);
}

static void age_password(struct survey *survey)
{
    struct check *check = state(survey);
    check_text(check, "account.password_expires", "2026-11-25T12:00:00Z");
    check_int(check, "account.password_days_left", 3);
    check_bool(check, "account.password_never_expires", false);
    check_int(fixture_check(survey, EWS, "ews.version"), "auth.expires_days", 3);
}

static void protect_account(struct survey *survey)
{
    struct check *groups = fixture_extra(survey, LDAP, "ldap.groups", LAYER_PROTOCOL);
    check_bool(groups, "groups.protected_users", true);
    check_text(fixture_check(survey, LDAP, "ldap.bind"), "auth.scheme", "Kerberos");
    fixture_fail(survey, EWS, "http.logon", CAUSE_LOGON_REFUSED, "refuses NTLM");
    check_text(fixture_check(survey, EWS, "http.logon"), "auth.scheme", "NTLM");
}

static void near_lockout(struct survey *survey)
{
    struct fault fault;
    struct check *guard = fixture_extra(survey, LDAP, "ldap.guard", LAYER_HTTP);
    check_int(guard, "policy.lockout_threshold", 10);
    check_int(guard, "account.bad_pwd_count", 9);
    check_int(guard, "account.attempts_left", 1);
    check_text(guard, "guard.reader", "admin@CONTOSO.TEST");
    fault_set(&fault, CAUSE_LOCKOUT_NEAR, ORIGIN_EXREACH, 0, "9 of 10 failed logons are counted");
    check_fail(guard, &fault);
    for (struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (struct check *at = chain->checks; at != NULL; at = at->next) {
            if (at->layer < LAYER_AUTH || at->outcome != OUTCOME_PASS)
                continue;
            at->facts = NULL;
            check_settle(at, OUTCOME_SKIPPED,
                "the password is not used: 9 of 10 failed logons are counted (%s)", guard->id);
        }
    }
    survey->logons_attempted = 0;
}

/* ---- tickets ---- */

static void refuse_ticket(struct survey *survey)
{
    static const char refusal[] =
        "the service cannot read our ticket: its account's key is another one (KRB-ERROR 41)";
    struct check *logon = fixture_check(survey, EWS, "http.logon");
    check_text(logon, "auth.scheme", "NTLM");
    check_text(logon, "auth.kerberos", refusal);
    struct check *other = fixture_check(survey, EWS2, "http.logon");
    check_text(other, "auth.scheme", "Kerberos");
    check_text(other, "node", "ex2");
    check_add(fixture_extra(survey, GC, "gc.spn", LAYER_PROTOCOL), "spn.owners",
        "HTTP/mail.contoso.test | CN=EXOLD,CN=Computers,DC=contoso,DC=test");
}

static void double_owner(struct survey *survey)
{
    static const char *const rows[] = {SPN, SPN2};
    static const char *const names[] = {"HTTP/mail.contoso.test", "HTTP/autodiscover.contoso.test"};
    static const char *const twice[] = {
        "HTTP/mail.contoso.test | CN=svc-exch,DC=contoso,DC=test | CN=svc-old,DC=contoso,DC=test",
        "HTTP/autodiscover.contoso.test | CN=svc-exch,DC=contoso,DC=test | "
        "CN=svc-old,DC=contoso,DC=test"};
    for (size_t i = 0; i < 2; i++) {
        fixture_fail(survey, rows[i], "kerberos.ticket", CAUSE_SPN_UNKNOWN, "no such principal");
        check_text(fixture_check(survey, rows[i], "kerberos.ticket"), "krb.spn", names[i]);
    }
    check_list(fixture_extra(survey, GC, "gc.spn", LAYER_PROTOCOL), "spn.duplicates", twice, 2);
}

static void old_keys(struct survey *survey)
{
    static const char asa[] = "CN=ASA,CN=Computers,DC=contoso,DC=test | 4";
    fixture_fail(survey, SPN, "kerberos.ticket", CAUSE_ENCRYPTION_TYPE, "no key in common");
    check_text(fixture_check(survey, SPN, "kerberos.ticket"), "krb.spn", "HTTP/mail.contoso.test");
    check_add(fixture_extra(survey, GC, "gc.spn", LAYER_PROTOCOL), "spn.etypes", asa);
}

/* ---- the directory ---- */

static void move_account(struct survey *survey)
{
    fixture_fail(survey, LDAP, "ldap.account", CAUSE_NO_OBJECT, "no object carries the address");
    check_text(
        fixture_check(survey, LDAP, "ldap.rootdse"), "ldap.naming_context", "DC=contoso,DC=test");
    check_text(fixture_check(survey, GC, "ldap.account"), "account.dn",
        "CN=Service Account,OU=Service,DC=child,DC=contoso,DC=test");
}

static void demand_signing(struct survey *survey)
{
    check_bool(
        fixture_extra(survey, LDAP, "ldap.signing", LAYER_AUTH), "ldap.signing_required", true);
}

static void demand_bindings(struct survey *survey)
{
    struct chain *chain =
        fixture_controller(survey, SERVICE_LDAP, "dc1.contoso.test", "127.0.0.11");
    fixture_fail(survey, chain->id, "ldap.bind", CAUSE_CHANNEL_BINDING, "ours do not fit");
    check_text(fixture_check(survey, chain->id, "ldap.bind"), "ldap.data", "80090346");
}

static void double_address(struct survey *survey)
{
    static const char *const rows[] = {LDAP, GC, NULL};
    for (size_t i = 0; rows[i] != NULL; i++)
        fixture_fail(survey, rows[i], "ldap.account", CAUSE_AMBIGUOUS, "2 objects carry it");
    check_add(fixture_extra(survey, GC, "gc.addresses", LAYER_PROTOCOL), "addresses.duplicates",
        "smtp:svc@contoso.test | CN=svc,DC=contoso,DC=test | CN=other,DC=contoso,DC=test");
    fixture_fail(survey, AUTODISCOVER, "autodiscover.pox", CAUSE_NO_MAILBOX, "error 500");
    fixture_fail(survey, EWS, "ews.folders", CAUSE_NO_MAILBOX, "ErrorNonExistentMailbox");
}

static void make_admin(struct survey *survey)
{
    static const char *const privileged[] = {"Domain Admins (RID 512)", "Administrators (RID 544)"};
    struct check *groups = fixture_extra(survey, LDAP, "ldap.groups", LAYER_PROTOCOL);
    check_list(groups, "groups.privileged", privileged, 2);
    check_add(groups, "groups.path", "svc > PBX Services > Telephony Admins > Domain Admins");
    check_int(groups, "groups.admin_count", 1);
}

static void delay_replication(struct survey *survey)
{
    struct chain *chain =
        fixture_controller(survey, SERVICE_LDAP, "dc2.contoso.test", "127.0.0.11");
    static const char *const home[] = {
        "CN=DB1,CN=Databases,DC=contoso,DC=test", "CN=DB2,CN=Databases,DC=contoso,DC=test"};
    const char *rows[] = {LDAP, chain->id};
    for (size_t i = 0; i < 2; i++) {
        struct check *account = fixture_check(survey, rows[i], "ldap.account");
        check_text(account, "account.fingerprint", i == 0 ? "aa11" : "bb22");
        check_text(account, "account.when_changed",
            i == 0 ? "2026-11-22T11:00:00Z" : "2026-11-20T08:00:00Z");
        check_int(account, "account.usn", i == 0 ? 12345 : 777);
        check_text(fixture_check(survey, rows[i], "ldap.mailbox"), "mailbox.home_mdb", home[i]);
    }
}

/* ---- the recipient ---- */

static struct check *recipient(struct survey *survey)
{
    return fixture_extra(survey, LDAP, "ldap.recipient", LAYER_MAILBOX);
}

static void move_to_cloud(struct survey *survey)
{
    static const char *const rows[] = {LDAP, GC};
    for (size_t i = 0; i < 2; i++) {
        fixture_fail(survey, rows[i], "ldap.mailbox", CAUSE_NO_MAILBOX, "homeMDB is not set");
        struct check *check = fixture_check(survey, rows[i], "ldap.mailbox");
        check_int(check, "mailbox.type", INT64_C(2147483648));
        check_text(check, "mailbox.target", "SMTP:svc@contoso.mail.onmicrosoft.com");
    }
    struct check *pox = fixture_check(survey, AUTODISCOVER, "autodiscover.pox");
    check_settle(pox, OUTCOME_WARN, "sends the client on to svc@contoso.mail.onmicrosoft.com");
    check_text(pox, "autodiscover.redirect", "svc@contoso.mail.onmicrosoft.com");
    fixture_fail(survey, EWS, "ews.folders", CAUSE_NO_MAILBOX, "ErrorMissingEmailAddress");
    fixture_fail(survey, EWS2, "ews.folders", CAUSE_NO_MAILBOX, "ErrorMissingEmailAddress");
    fixture_fail_mapi(survey, CAUSE_NO_MAILBOX, 0);
}

static void unlist(struct survey *survey)
{
    check_int(fixture_check(survey, LDAP, "ldap.mailbox"), "mailbox.address_lists", 0);
    check_int(fixture_check(survey, GC, "ldap.mailbox"), "mailbox.address_lists", 0);
}

static void switch_off(struct survey *survey)
{
    struct check *check = recipient(survey);
    check_add(check, "recipient.protocols_off", "EWS");
    check_add(check, "recipient.protocols_off", "POP3");
    fixture_fail(survey, EWS, "ews.version", CAUSE_HTTP_STATUS, "answers 403 after the logon");
    fixture_fail(survey, EWS2, "ews.version", CAUSE_HTTP_STATUS, "answers 403 after the logon");
}

static void leave_over(struct survey *survey)
{
    struct check *check = recipient(survey);
    check_add(check, "recipient.protocols_off", "MAPI");
    check_text(check, "recipient.protocols_changed", "2024-03-11T09:30:00Z");
    check_text(check, "recipient.mailbox_created", "2025-06-02T08:00:00Z");
    fixture_fail_mapi(survey, CAUSE_ACCESS_DENIED, EC_PROTOCOL_DISABLED);
}

static void move_mailbox(struct survey *survey)
{
    check_int(recipient(survey), "recipient.move_status", 2);
}

bool fixture_break_directory(struct survey *survey, const char *fault)
{
    static const struct {
        const char *id;
        void (*apply)(struct survey *survey);
    } faults[] = {
        {"A08", close_hours},
        {"A09", restrict_workstations},
        {"A10", age_password},
        {"A17", refuse_ticket},
        {"A18", double_owner},
        {"A19", old_keys},
        {"A21", protect_account},
        {"A31", near_lockout},
        {"D01", move_account},
        {"D02", demand_signing},
        {"D03", demand_bindings},
        {"D05", move_to_cloud},
        {"D07", unlist},
        {"D08", double_address},
        {"D09", make_admin},
        {"D10", switch_off},
        {"D11", leave_over},
        {"D12", move_mailbox},
        {"D13", delay_replication},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        if (strcmp(faults[i].id, fault) == 0) {
            faults[i].apply(survey);
            return true;
        }
    }
    return false;
}
