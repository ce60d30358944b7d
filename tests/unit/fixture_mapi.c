#include "tests/unit/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/wire/ecodes.h"

#define EWS   "ews/mail.contoso.test/127.0.0.20:443"
#define EWS2  "ews/mail.contoso.test/127.0.0.21:443"
#define MAPI  "mapi/mail.contoso.test/127.0.0.20:443"
#define MAPI2 "mapi/mail.contoso.test/127.0.0.21:443"
#define RPC   "rpc/mail.contoso.test/127.0.0.20:443"
#define RPC2  "rpc/mail.contoso.test/127.0.0.21:443"

static const char *const mapi_rows[] = {MAPI, MAPI2, NULL};
static const char *const rows[] = {MAPI, MAPI2, RPC, RPC2, NULL};

static const char *probe_of(const char *row, const char *step)
{
    static char name[40];
    snprintf(name, sizeof name, "%.*s.%s", (int)strcspn(row, "/"), row, step);
    return name;
}

/* ---- MAPI over HTTP as HTTP ---- */

static void set_http(struct check *check, enum cause cause, long status)
{
    check->fault.cause = cause;
    check->fault.origin = ORIGIN_HTTP;
    check->fault.code = status;
    check_int(check, "http.status", status);
}

void fixture_response_code(struct survey *survey, const char *probe, long code)
{
    for (size_t i = 0; mapi_rows[i] != NULL; i++) {
        fixture_fail(survey, mapi_rows[i], probe, CAUSE_MAPI_ERROR, "X-ResponseCode");
        struct check *check = fixture_check(survey, mapi_rows[i], probe);
        set_http(check, CAUSE_MAPI_ERROR, 200);
        check_int(check, "mapi.response_code", code);
        check_text(check, "node", "ex1");
    }
}

static void remove_directory(struct survey *survey)
{
    for (size_t i = 0; mapi_rows[i] != NULL; i++) {
        fixture_fail(survey, mapi_rows[i], "http.offer", CAUSE_HTTP_STATUS, "answers 404");
        struct check *check = fixture_check(survey, mapi_rows[i], "http.offer");
        set_http(check, CAUSE_HTTP_STATUS, 404);
        check_bool(check, "http.exchange", true);
        check_text(check, "exchange.build", "15.2.2562.37");
    }
}

static void answer_page(struct survey *survey)
{
    for (size_t i = 0; mapi_rows[i] != NULL; i++) {
        fixture_fail(survey, mapi_rows[i], "mapi.connect", CAUSE_NOT_EXCHANGE, "text/html");
        set_http(fixture_check(survey, mapi_rows[i], "mapi.connect"), CAUSE_NOT_EXCHANGE, 200);
    }
}

static void serve_gromox(struct survey *survey)
{
    fixture_response_code(survey, "mapi.mailbox", 6);
    for (size_t i = 0; mapi_rows[i] != NULL; i++) {
        struct check *check = fixture_check(survey, mapi_rows[i], "mapi.mailbox");
        check_text(check, "mapi.numbering", "gromox");
        check_text(check, "mapi.server", "gromox-http");
        check_text(check, "mapi.response", "Missing cookie (gromox's own numbering)");
    }
}

/* ---- the store ---- */

void fixture_store_code(struct survey *survey, const char *step, uint32_t code)
{
    for (size_t i = 0; rows[i] != NULL; i++) {
        const char *probe = probe_of(rows[i], step);
        fixture_fail(survey, rows[i], probe, ecode_cause(code), ecode_words(code));
        struct check *check = fixture_check(survey, rows[i], probe);
        check->fault.origin = ORIGIN_MAPI;
        check->fault.code = (long)code;
    }
}

/* A check of something else than the own mailbox, which fails. */
static void fail_other(struct survey *survey, const char *step, const char *subject, uint32_t code)
{
    struct fault fault;
    for (size_t i = 0; rows[i] != NULL; i++) {
        struct chain *chain = survey_find_chain(survey, rows[i]);
        const char *probe = probe_of(rows[i], step);
        struct check *check = check_new(chain->id, probe, probe, LAYER_MAILBOX, subject, NULL);
        chain_append(chain, check);
        fault_set(&fault, ecode_cause(code), ORIGIN_MAPI, (long)code, "RopLogon");
        check_fail(check, &fault);
    }
}

static void deny_other(struct survey *survey)
{
    static const char *const mailboxes[] = {"other@contoso.test"};
    survey->target.mailboxes = mailboxes;
    survey->target.mailbox_count = 1;
    fail_other(survey, "mailbox_of", mailboxes[0], EC_ACCESS_DENIED);
}

static void lose_public(struct survey *survey)
{
    survey->target.public_folders = true;
    fail_other(survey, "public", "public folders", EC_LOGIN_FAILURE);
}

static void break_book(struct survey *survey)
{
    struct fault fault;
    for (size_t i = 0; rows[i] != NULL; i++) {
        fault_set(&fault, CAUSE_MAPI_ERROR, ORIGIN_MAPI, (long)EC_ERROR, "NspiBind: ecError");
        check_fail(fixture_check(survey, rows[i], probe_of(rows[i], "book")), &fault);
    }
}

/* ---- behind the front end ---- */

static void lose_back_end(struct survey *survey)
{
    static const char *const places[][2] = {{EWS, "ews.version"}, {EWS2, "ews.version"},
        {MAPI, "mapi.connect"}, {MAPI2, "mapi.connect"}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        fixture_fail(survey, places[i][0], places[i][1], CAUSE_HTTP_STATUS, "answers 503");
        struct check *check = fixture_check(survey, places[i][0], places[i][1]);
        set_http(check, CAUSE_HTTP_STATUS, 503);
        check_text(check, "http.failure",
            "X-FailureContext: "
            "FrontEnd;503;U2VydmljZSBVbmF2YWlsYWJsZQ==;Tm90IGZvdW5kLg==;ServerLocatorError;;");
    }
}

bool fixture_break_mapi(struct survey *survey, const char *fault)
{
    static const struct {
        const char *id;
        void (*apply)(struct survey *survey); /* or: */
        const char *step;
        uint32_t code;
        long response_code;
    } faults[] = {
        {"M01", remove_directory, NULL, 0, 0},
        {"M02", NULL, "mapi.connect", 0, 5},
        {"M03", NULL, "mapi.mailbox", 0, 10},
        {"M04", NULL, "mapi.connect", 0, 8},
        {"M05", NULL, "mapi.mailbox", 0, 11},
        {"M06", NULL, "mapi.connect", 0, 16},
        {"M07", answer_page, NULL, 0, 0},
        {"M08", serve_gromox, NULL, 0, 0},
        {"M09", NULL, "mailbox", EC_LOGIN_FAILURE, 0},
        {"M10", NULL, "mailbox", EC_UNKNOWN_USER, 0},
        {"M11", NULL, "mailbox", EC_LOGIN_PERM, 0},
        {"M12", NULL, "mailbox", EC_WRONG_SERVER, 0},
        {"M13", NULL, "mailbox", EC_SERVER_PAUSED, 0},
        {"M14", NULL, "mailbox", EC_MAILBOX_IN_TRANSIT, 0},
        {"M15", NULL, "mailbox", EC_PROFILE_NOT_CONFIGURED, 0},
        {"M16", deny_other, NULL, 0, 0},
        {"M17", NULL, "connect", EC_CACHED_MODE_REQUIRED, 0},
        {"M18", NULL, "connect", EC_CLIENT_VERSION_DISALLOWED, 0},
        {"M19", lose_public, NULL, 0, 0},
        {"M20", NULL, "connect", EC_NETWORK_ERROR, 0},
        {"M21", break_book, NULL, 0, 0},
        {"V05", lose_back_end, NULL, 0, 0},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        if (strcmp(faults[i].id, fault) != 0)
            continue;
        if (faults[i].apply != NULL)
            faults[i].apply(survey);
        else if (faults[i].response_code != 0)
            fixture_response_code(survey, faults[i].step, faults[i].response_code);
        else
            fixture_store_code(survey, faults[i].step, faults[i].code);
        return true;
    }
    return false;
}
