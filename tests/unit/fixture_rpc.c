#include "tests/unit/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/wire/ecodes.h"

#define EWS   "ews/mail.contoso.test/127.0.0.20:443"
#define EWS2  "ews/mail.contoso.test/127.0.0.21:443"
#define MAPI  "mapi/mail.contoso.test/127.0.0.20:443"
#define MAPI2 "mapi/mail.contoso.test/127.0.0.21:443"
#define RPC   "rpc/mail.contoso.test/127.0.0.20:443"
#define RPC2  "rpc/mail.contoso.test/127.0.0.21:443"

#define LEGACY_DN \
    "/o=Contoso/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=svc"
#define SERVER "11111111-2222-3333-4444-555555555555@contoso.test"

static const char *const rpc_rows[] = {RPC, RPC2, NULL};

/* ---- healthy rows ---- */

static struct check *add_check(
    struct chain *chain, const char *probe, enum layer layer, const char *summary)
{
    struct check *check = check_new(chain->id, probe, probe, layer, NULL, NULL);
    check_settle(check, OUTCOME_PASS, "%s", summary);
    check->elapsed_us = 2000;
    chain_append(chain, check);
    return check;
}

static struct check *add_folders(struct chain *chain, const char *family)
{
    static const struct {
        const char *folder;
        int64_t total;
    } folders[] = {{"inbox", 12}, {"contacts", 3}, {"calendar", 1}, {"voicemail", 2}};
    bool rpc = strcmp(family, "rpc") == 0;
    struct check *check = add_check(chain, rpc ? "rpc.mailbox" : "mapi.mailbox", LAYER_MAILBOX,
        "opened: Inbox 12, Contacts 3, Calendar 1, Voice Mail 2 items");
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        check_int(check, arena_printf(&check->arena, "%s.%s.total", family, folders[i].folder),
            folders[i].total);
    check_bool(check, rpc ? "rpc.owner" : "mapi.owner", true);
    return check;
}

static void add_line_facts(struct check *check, int64_t port)
{
    check_text(check, "rpc.server", SERVER);
    check_int(check, "rpc.port", port);
    check_text(check, "rpc.stage", "open");
    check_int(check, "rpc.out_status", 200);
    check_text(check, "rpc.bind", "bind_ack");
    check_text(check, "rpc.level", "none");
}

static void add_book(struct check *check)
{
    check_int(check, "book.containers", 3);
    check_text(check, "book.resolved", "one");
    check_text(check, "book.dn_resolved", "one");
    check_text(check, "book.legacy_dn", LEGACY_DN);
    check_text(check, "book.display_name", "Service Account");
    check_text(check, "book.smtp_address", "svc@contoso.test");
}

void fixture_add_rpc(struct chain *chain)
{
    struct check *check = add_check(
        chain, "rpc.connect", LAYER_PROTOCOL, "RPC over HTTP connects, server Exchange SE RTM");
    check_text(check, "rpc.user_dn", LEGACY_DN);
    add_line_facts(check, 6001);
    add_folders(chain, "rpc");
    check = add_check(chain, "rpc.referral", LAYER_PROTOCOL, "refers to " SERVER);
    check_text(check, "referral.server", SERVER);
    add_line_facts(check, 6002);
    check = add_check(
        chain, "rpc.book", LAYER_PROTOCOL, "resolves the account to Service Account; 3 lists");
    add_line_facts(check, 6004);
    add_book(check);
    add_check(chain, "rpc.disconnect", LAYER_PROTOCOL, "the session is closed");
}

void fixture_add_mapi(struct chain *chain)
{
    struct check *check = add_check(
        chain, "mapi.connect", LAYER_PROTOCOL, "MAPI over HTTP connects, server Exchange SE RTM");
    check_text(check, "mapi.server", "Exchange/15.02.2562.037");
    check_int(check, "mapi.response_code", 0);
    check_text(check, "mapi.user_dn", LEGACY_DN);
    add_folders(chain, "mapi");
    check = add_check(
        chain, "mapi.book", LAYER_PROTOCOL, "resolves the account to Service Account; 3 lists");
    add_book(check);
    add_check(chain, "mapi.disconnect", LAYER_PROTOCOL, "the session is closed");
}

/* ---- breaking ---- */

static void set_fault(struct check *check, enum cause cause, enum origin origin, long code)
{
    struct fault fault;
    if (check->outcome == OUTCOME_SKIPPED ||
        (check->outcome == OUTCOME_BLOCKED && check->blocked_by->layer < LAYER_PROTOCOL))
        return; /* something below it broke before */
    check->facts = NULL;
    check->blocked_by = NULL;
    fault_set(&fault, cause, origin, code, "%s fails", check->probe);
    check_fail(check, &fault);
}

static const char *const mapi_rows[] = {MAPI, MAPI2, RPC, RPC2, NULL};

static bool is_rpc(const char *row)
{
    return strncmp(row, "rpc/", 4) == 0;
}

void fixture_fail_books(struct survey *survey)
{
    for (size_t i = 0; mapi_rows[i] != NULL; i++)
        set_fault(
            fixture_check(survey, mapi_rows[i], is_rpc(mapi_rows[i]) ? "rpc.book" : "mapi.book"),
            CAUSE_NO_OBJECT, ORIGIN_MAPI, 0);
}

void fixture_fail_mapi(struct survey *survey, enum cause cause, long code)
{
    for (size_t i = 0; mapi_rows[i] != NULL; i++) {
        const char *connect = is_rpc(mapi_rows[i]) ? "rpc.connect" : "mapi.connect";
        fixture_fail(survey, mapi_rows[i], connect, cause, "the store refuses");
        set_fault(fixture_check(survey, mapi_rows[i], connect), cause, ORIGIN_MAPI, code);
    }
    fixture_fail_books(survey);
}

/* All three associations of every row. */
static void fail_lines(struct survey *survey, enum cause cause, enum origin origin, long code,
    void (*add)(struct check *check))
{
    static const struct {
        const char *probe;
        int64_t port;
    } lines[] = {{"rpc.connect", 6001}, {"rpc.referral", 6002}, {"rpc.book", 6004}};
    for (size_t i = 0; rpc_rows[i] != NULL; i++) {
        fixture_fail(survey, rpc_rows[i], "rpc.connect", cause, "fails");
        for (size_t k = 0; k < 3; k++) {
            struct check *check = fixture_check(survey, rpc_rows[i], lines[k].probe);
            set_fault(check, cause, origin, code);
            check_text(check, "rpc.server", SERVER);
            check_int(check, "rpc.port", lines[k].port);
            add(check);
        }
    }
}

static void add_rpc_error(struct check *check)
{
    check_int(check, "rpc.out_status", 503);
    check_text(check, "rpc.proxy_error", "6ba");
    check_text(check, "rpc.proxy_error_words", "the RPC server behind it is not reachable");
}

static void stop_service(struct survey *survey)
{
    fail_lines(survey, CAUSE_UNREACHABLE, ORIGIN_RPC, 0x6ba, add_rpc_error);
    /* whoever proved the password there could not be sure */
    struct check *logon = fixture_check(survey, RPC2, "http.logon");
    logon->fault = (struct fault){.cause = CAUSE_HTTP_STATUS, .origin = ORIGIN_HTTP, .code = 503};
    check_settle(logon, OUTCOME_WARN, "the logon is answered with 503, not by Exchange itself");
}

static void add_not_found(struct check *check)
{
    check_int(check, "rpc.out_status", 404);
}

static void lose_server(struct survey *survey)
{
    fail_lines(survey, CAUSE_HTTP_STATUS, ORIGIN_HTTP, 404, add_not_found);
}

static void offer_basic(struct survey *survey)
{
    static const char *const basic[] = {"Basic"};
    for (size_t i = 0; rpc_rows[i] != NULL; i++) {
        check_list(fixture_check(survey, rpc_rows[i], "http.offer"), "http.schemes", basic, 1);
        fixture_fail(survey, rpc_rows[i], "http.logon", CAUSE_NO_SCHEME, "only Basic is offered");
    }
}

static void filter_verbs(struct survey *survey)
{
    for (size_t i = 0; rpc_rows[i] != NULL; i++) {
        fixture_fail(survey, rpc_rows[i], "http.offer", CAUSE_HTTP_STATUS, "501 by a filter");
        struct check *check = fixture_check(survey, rpc_rows[i], "http.offer");
        check->fault.code = 501;
        check_int(check, "rpc.verb_status", 501);
        check_int(check, "rpc.get_status", 401);
        check_text(check, "http.server", "Filter/1.0");
    }
}

static void fill_queue(struct survey *survey)
{
    for (size_t i = 0; rpc_rows[i] != NULL; i++) {
        fixture_fail(survey, rpc_rows[i], "http.offer", CAUSE_HTTP_STATUS, "answers 503");
        fixture_check(survey, rpc_rows[i], "http.offer")->fault.code = 503;
    }
}

static void want_encryption(struct survey *survey)
{
    for (size_t i = 0; rpc_rows[i] != NULL; i++) {
        struct check *check = fixture_check(survey, rpc_rows[i], "rpc.connect");
        check_text(check, "rpc.bare", "ecNotEncrypted (0x970)");
        check_text(check, "rpc.level", "privacy");
    }
}

static void forbid_rpc(struct survey *survey)
{
    for (size_t i = 0; rpc_rows[i] != NULL; i++) {
        fixture_fail(survey, rpc_rows[i], "rpc.connect", CAUSE_ACCESS_DENIED, "refused");
        set_fault(fixture_check(survey, rpc_rows[i], "rpc.connect"), CAUSE_ACCESS_DENIED,
            ORIGIN_MAPI, EC_RPC_HTTP_DISALLOWED);
        struct check *book = fixture_check(survey, rpc_rows[i], "rpc.book"); /* a line of its own */
        check_settle(book, OUTCOME_PASS, "resolves the account to Service Account");
        book->blocked_by = NULL;
    }
}

static void add_tcp_row(struct survey *survey)
{
    struct endpoint endpoint = {.service = SERVICE_RPC,
        .host = "ex1.contoso.test",
        .address = "127.0.0.20",
        .port = 135,
        .sources = 1u << SOURCE_AUTODISCOVER};
    struct chain *chain = survey_add_chain(survey, &endpoint);
    add_check(chain, "dns.name", LAYER_DNS, "the name has an address");
    add_check(chain, "tcp.connect", LAYER_TCP, "connected");
    add_check(chain, "rpc.mapper", LAYER_HTTP, "the endpoint mapper knows the store");
    add_check(chain, "rpc.tcp_logon", LAYER_AUTH, "bound with Kerberos");
    fixture_fail(survey, chain->id, "tcp.connect", CAUSE_REFUSED, "refused");
}

static void add_silence(struct check *check)
{
    check_text(check, "rpc.stage", "virtual connection");
    check_int(check, "rpc.out_status", 200);
    check_text(check, "rpc.virtual_connection", "CONN/C2");
    check_bool(check, "rpc.echo", true);
}

static void hold_back(struct survey *survey)
{
    fail_lines(survey, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0, add_silence);
}

static void switch_nodes(struct survey *survey)
{
    static const char *const rows[] = {EWS, EWS2};
    for (size_t i = 0; i < 2; i++) {
        fixture_fail(survey, rows[i], "http.logon", CAUSE_LOGON_REFUSED, "refused");
        struct check *check = fixture_check(survey, rows[i], "http.logon");
        check_text(check, "auth.scheme", "NTLM");
        check_text(check, "auth.node_challenge", "EX1");
        check_text(check, "node", "EX2");
    }
}

static void add_fault_pdu(struct check *check)
{
    check_int(check, "rpc.out_status", 200);
    check_text(check, "rpc.bind", "bind_ack");
    check_text(check, "rpc.fault", "0x5");
    check_text(check, "rpc.level", "privacy");
}

static void deny_calls(struct survey *survey)
{
    fail_lines(survey, CAUSE_ACCESS_DENIED, ORIGIN_RPC, 5, add_fault_pdu);
}

static void lower_level(struct survey *survey)
{
    struct fact *fact = arena_alloc(&survey->arena, sizeof *fact);
    *fact = (struct fact){.key = "registry.lm_compatibility", .type = FACT_INT, .integer = 1};
    survey->vantage.registry = fact;
}

bool fixture_break_rpc(struct survey *survey, const char *fault)
{
    static const struct {
        const char *id;
        void (*apply)(struct survey *survey);
    } faults[] = {
        {"R01", stop_service},
        {"R02", lose_server},
        {"R03", offer_basic},
        {"R05", filter_verbs},
        {"R06", fill_queue},
        {"R07", want_encryption},
        {"R08", forbid_rpc},
        {"R09", add_tcp_row},
        {"T05", hold_back},
        {"T07", switch_nodes},
        {"A14", lower_level},
        {"A15", deny_calls},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        if (strcmp(faults[i].id, fault) == 0) {
            faults[i].apply(survey);
            return true;
        }
    }
    return false;
}
