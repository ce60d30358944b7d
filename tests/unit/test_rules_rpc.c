/*
 * RPC over HTTP: what each rule wants to see, and what looks like it and is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/ecodes.h"
#include "tests/unit/rule_cases.h"

#define EWS   "ews/mail.contoso.test/127.0.0.20:443"
#define MAPI  "mapi/mail.contoso.test/127.0.0.20:443"
#define MAPI2 "mapi/mail.contoso.test/127.0.0.21:443"
#define RPC   "rpc/mail.contoso.test/127.0.0.20:443"
#define RPC2  "rpc/mail.contoso.test/127.0.0.21:443"
#define LDAP  "ldap/dc1.contoso.test/127.0.0.10:389"
#define TCP   "rpc/ex1.contoso.test/127.0.0.20:135"

static const char *const rows[] = {RPC, RPC2};

static void begin_cdo(struct survey *survey, const char *fault)
{
    begin(survey, fault);
    survey->target.profile = PROFILE_MAPI_CDO;
}

/* This check of the row fails so; what comes after it stays. */
static struct check *fail_line(
    struct survey *survey, const char *row, const char *probe, enum cause cause, enum origin origin)
{
    struct fault fault;
    struct check *check = fixture_check(survey, row, probe);
    check->facts = NULL;
    fault_set(&fault, cause, origin, 0, "it fails");
    check_fail(check, &fault);
    check_int(check, "rpc.port", strcmp(probe, "rpc.book") == 0 ? 6004 : 6001);
    return check;
}

static void fail_status(
    struct survey *survey, const char *probe, const char *channel, int64_t status)
{
    for (size_t i = 0; i < 2; i++) {
        struct check *check = fail_line(survey, rows[i], probe, CAUSE_HTTP_STATUS, ORIGIN_HTTP);
        check_int(check, channel, status);
        if (strcmp(channel, "rpc.in_status") == 0)
            check_int(check, "rpc.out_status", 200);
    }
}

/* The first finding has this component and severity; ends the survey. */
static void expect_component(
    struct survey *survey, const char *rule, const char *component, enum severity severity)
{
    survey_diagnose(survey);
    assert_whole(survey);
    if (survey->findings == NULL || strcmp(survey->findings->rule, rule) != 0)
        fail_msg("no %s: %s", rule, survey->verdict.summary);
    assert_string_equal(survey->findings->component, component);
    assert_int_equal(survey->findings->severity, severity);
    survey_done(survey);
}

/* ---- R01, R02 ---- */

static void test_rpc_error(void **state)
{
    (void)state;
    struct survey survey;
    for (int nodes = 1; nodes <= 2; nodes++) {
        begin_cdo(&survey, NULL);
        for (int i = 2 - nodes; i < 2; i++) {
            struct check *check =
                fail_line(&survey, rows[i], "rpc.book", CAUSE_UNREACHABLE, ORIGIN_RPC);
            check_int(check, "rpc.out_status", 503);
            check_text(check, "rpc.proxy_error", "6ba");
        }
        survey_diagnose(&survey);
        assert_true(says(survey.findings, "port 6001 behind the same proxy opens"));
        assert_true(says(survey.findings, ":6004, the proxy answers 503 RPC Error: 6ba"));
        expect_component(&survey, "R01",
            nodes == 2 ? "RPC server behind mail.contoso.test, port 6004"
                       : "RPC server behind mail.contoso.test (node ex2), port 6004",
            nodes == 2 ? SEVERITY_FAIL : SEVERITY_WARN);
    }
}

static void test_unknown_server(void **state)
{
    (void)state;
    struct survey survey;
    begin_cdo(&survey, NULL);
    fail_status(&survey, "rpc.connect", "rpc.in_status", 404);
    expect_says(&survey, "R02", "RPC_IN_DATA for asked for:6001: 404 after the logon");
    begin_cdo(&survey, NULL);
    fail_status(&survey, "rpc.connect", "rpc.out_status", 500);
    expect_not(&survey, "R02");
    /* whoever names no mailbox to us: that Autodiscover is missing is the cause */
    begin_cdo(&survey, "N01");
    fail_status(&survey, "rpc.connect", "rpc.out_status", 404);
    for (size_t i = 0; i < 2; i++)
        check_text(
            fixture_check(&survey, rows[i], "rpc.connect"), "rpc.server", "mail.contoso.test");
    survey_diagnose(&survey);
    assert_string_equal(survey.findings->rule, "N01");
    assert_string_equal(find(&survey, "R02")->caused_by, "N01");
    survey_done(&survey);
}

/* ---- R03, T07 ---- */

static void refuse(struct survey *survey, const char *row, const char *challenger)
{
    fixture_fail(survey, row, "http.logon", CAUSE_LOGON_REFUSED, "refused");
    struct check *check = fixture_check(survey, row, "http.logon");
    check_text(check, "auth.node_challenge", challenger);
    check_text(check, "node", "EX1");
}

static void test_path_refused(void **state)
{
    (void)state;
    struct survey survey;
    begin_cdo(&survey, NULL);
    refuse(&survey, RPC, "ex1");
    refuse(&survey, RPC2, "ex1");
    expect_first(&survey, "R03");
    /* Extended Protection asks of /mapi what it asks of /rpc */
    begin_cdo(&survey, NULL);
    refuse(&survey, RPC, NULL);
    refuse(&survey, RPC2, NULL);
    refuse(&survey, MAPI, NULL);
    refuse(&survey, MAPI2, NULL);
    expect_not(&survey, "R03");
    /* nobody logs on there */
    begin_cdo(&survey, "X-AUTH");
    expect_not(&survey, "R03");
    begin_cdo(&survey, NULL);
    refuse(&survey, RPC, "EX2");
    expect_says(&survey, "T07", "EX2 sent the NTLM challenge");
    begin_cdo(&survey, NULL);
    refuse(&survey, RPC, "EX2");
    expect_not(&survey, "R03");
    /* one of the two channels */
    begin_cdo(&survey, NULL);
    fail_status(&survey, "rpc.connect", "rpc.in_status", 401);
    expect_says(&survey, "R03", "RPC_IN_DATA is answered with 401 although");
}

/* Everybody has only Basic: no matter of /rpc. And the directory's word on it is told. */
static void test_schemes(void **state)
{
    (void)state;
    static const char *const basic[] = {"Basic"};
    struct survey survey;
    begin_cdo(&survey, "R03");
    for (struct chain *chain = survey.chains; chain != NULL; chain = chain->next) {
        if (chain_check(chain, "http.offer") == NULL || chain->endpoint.service == SERVICE_RPC ||
            chain_check(chain, "http.offer")->outcome != OUTCOME_PASS)
            continue;
        bool owa = chain->endpoint.service == SERVICE_OWA;
        check_list(fixture_check(&survey, chain->id, "http.offer"), "http.schemes", basic, 1);
        fixture_fail(&survey, chain->id, owa ? "owa.logon" : "http.logon", CAUSE_NO_SCHEME, "no");
    }
    expect_first(&survey, "A25");

    begin_cdo(&survey, "R03");
    struct check *vdir = fixture_object(&survey, "ldap.vdir", "EX1/Rpc");
    check_text(vdir, "vdir.service", "rpc");
    check_text(vdir, "vdir.server", "EX1");
    check_text(vdir, "vdir.internal_host", "mail.contoso.test");
    check_add(vdir, "vdir.auth_internal", "NTLM");
    survey_diagnose(&survey);
    assert_null(find(&survey, "V07")); /* no second name for one fault */
    expect_says(&survey, "R03", "the directory has NTLM for EX1/Rpc");
    begin_cdo(&survey, "R03");
    expect_not(&survey, "A25");
}

/* ---- R05, R06 ---- */

static void test_verbs(void **state)
{
    (void)state;
    static const struct {
        int64_t verb, get;
        bool filtered;
    } table[] = {{501, 401, true}, {405, 401, true}, {400, 200, true}, {403, 401, true},
        {404, 503, true}, {404, 404, false}, {403, 403, false}, {501, 0, false}, {500, 401, false}};
    struct survey survey;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        begin_cdo(&survey, "R05");
        for (size_t k = 0; k < 2; k++) {
            struct check *offer = fixture_check(&survey, rows[k], "http.offer");
            check_int(offer, "rpc.verb_status", table[i].verb);
            check_int(offer, "rpc.get_status", table[i].get);
        }
        if (table[i].filtered)
            expect_first(&survey, "R05");
        else
            expect_not(&survey, "R05");
    }
    begin_cdo(&survey, NULL);
    fail_status(&survey, "rpc.connect", "rpc.in_status", 405);
    expect_says(&survey, "R05", "RPC_IN_DATA is refused");
}

static void test_overload(void **state)
{
    (void)state;
    struct survey survey;
    begin_cdo(&survey, NULL);
    fail_status(&survey, "rpc.connect", "rpc.out_status", 503);
    expect_first(&survey, "R06");
    /* the front end says what it lacks */
    begin_cdo(&survey, "R06");
    for (size_t i = 0; i < 2; i++)
        check_text(fixture_check(&survey, rows[i], "http.offer"), "http.failure", "FrontEnd;503");
    expect_not(&survey, "R06");
    /* the whole server */
    begin_cdo(&survey, "X-HTTP");
    for (size_t i = 0; i < 2; i++)
        fixture_check(&survey, rows[i], "http.offer")->fault.code = 503;
    expect_not(&survey, "R06");
}

/* ---- R07, R08 ---- */

static void test_store_codes(void **state)
{
    (void)state;
    struct survey survey;
    begin_cdo(&survey, NULL);
    for (size_t i = 0; i < 2; i++)
        fail_line(&survey, rows[i], "rpc.connect", CAUSE_ACCESS_DENIED, ORIGIN_MAPI)->fault.code =
            EC_NOT_ENCRYPTED;
    expect_component(&survey, "R07", "RPC without encryption at mail.contoso.test", SEVERITY_FAIL);
    /* Exchange 2010 wants a logon of RPC itself, encrypted or not: no finding */
    begin_cdo(&survey, "R07");
    for (size_t i = 0; i < 2; i++)
        check_text(fixture_check(&survey, rows[i], "rpc.connect"), "rpc.bare",
            "EcDoConnectEx answers ecAccessDenied (0x80070005)");
    expect_first(&survey, NULL);
    /* the same number from elsewhere */
    begin_cdo(&survey, NULL);
    for (size_t i = 0; i < 2; i++)
        fail_line(&survey, rows[i], "rpc.connect", CAUSE_HTTP_STATUS, ORIGIN_HTTP)->fault.code =
            EC_RPC_HTTP_DISALLOWED;
    expect_not(&survey, "R08");
    /* the directory says so, too: that is the cause */
    begin_cdo(&survey, "R08");
    struct check *recipient = fixture_extra(&survey, LDAP, "ldap.recipient", LAYER_MAILBOX);
    check_add(recipient, "recipient.mapi_blocks", "MAPIBlockOutlookRpcHttp");
    survey_diagnose(&survey);
    assert_string_equal(survey.findings->rule, "D10");
    assert_string_equal(find(&survey, "R08")->caused_by, "D10");
    survey_done(&survey);
}

/* ---- R09 ---- */

static void test_tcp(void **state)
{
    (void)state;
    struct survey survey;
    begin_cdo(&survey, "R09");
    fixture_check(&survey, TCP, "tcp.connect")->fault.cause = CAUSE_TIMEOUT;
    expect_first(&survey, "R09");
    begin_cdo(&survey, "R09");
    fixture_check(&survey, TCP, "tcp.connect")->fault.cause = CAUSE_TIMEOUT;
    expect_not(&survey, "T01");
    /* the mapper answers, and does not know the store */
    begin_cdo(&survey, "R09");
    struct check *connect = fixture_check(&survey, TCP, "tcp.connect");
    check_settle(connect, OUTCOME_PASS, "connected");
    connect->fault = (struct fault){.cause = CAUSE_NONE};
    check_settle(fixture_check(&survey, TCP, "rpc.mapper"), OUTCOME_PASS, "fine");
    fixture_fail(&survey, TCP, "rpc.mapper", CAUSE_NOT_EXCHANGE, "does not know EMSMDB");
    expect_first(&survey, "R09");
    /* Exchange 2010 has nothing else */
    begin_cdo(&survey, "R09");
    for (size_t i = 0; i < 2; i++)
        fixture_fail(&survey, rows[i], "http.offer", CAUSE_HTTP_STATUS, "answers 404");
    expect_not(&survey, "R09");
}

/* ---- T05, A14, A15 ---- */

static void test_held(void **state)
{
    (void)state;
    static const char *const probes[] = {"rpc.connect", "rpc.referral", "rpc.book"};
    struct survey survey;
    begin_cdo(&survey, "T05");
    for (size_t i = 0; i < 6; i++) {
        struct check *check = fixture_check(&survey, rows[i / 3], probes[i % 3]);
        check_text(check, "rpc.virtual_connection", "CONN/A3");
        check_bool(check, "rpc.echo", false);
    }
    survey_diagnose(&survey);
    assert_true(says(survey.findings, "does not answer an echo either"));
    expect_component(&survey, "T05", "way of RPC_OUT_DATA to mail.contoso.test", SEVERITY_FAIL);
    begin_cdo(&survey, "T05");
    for (size_t i = 0; i < 6; i++)
        fixture_check(&survey, rows[i / 3], probes[i % 3])->fault.cause = CAUSE_RESET;
    expect_not(&survey, "T05");
}

/* One channel ends and the other goes on; where both end, the server went. */
static void test_cut(void **state)
{
    (void)state;
    static const struct {
        enum cause cause;
        const char *in, *out;
        int64_t in_status, out_status;
        const char *says; /* NULL: no T05 */
    } table[] = {
        {CAUSE_RESET, "reset", NULL, 0, 200, "RPC_IN_DATA is cut off while RPC_OUT_DATA stays"},
        {CAUSE_CLOSED, NULL, "closed", 0, 200, "RPC_OUT_DATA is cut off while RPC_IN_DATA stays"},
        {CAUSE_TRUNCATED, NULL, "ended", 0, 200, "a server that stops ends both"},
        {CAUSE_NOT_EXCHANGE, "answered", NULL, 200, 200, "RPC_IN_DATA is answered with 200 while"},
        {CAUSE_RESET, "reset", "reset", 0, 200, NULL},
        {CAUSE_RESET, NULL, "reset", 0, 0, NULL},
        {CAUSE_HTTP_STATUS, "answered", NULL, 404, 200, NULL},
        {CAUSE_TIMEOUT, "silent", NULL, 0, 200, NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        begin_cdo(&survey, NULL);
        for (size_t k = 0; k < 2; k++) {
            struct check *check =
                fail_line(&survey, rows[k], "rpc.connect", table[i].cause, ORIGIN_EXREACH);
            check_text(check, "rpc.in_ended", table[i].in);
            check_text(check, "rpc.out_ended", table[i].out);
            if (table[i].in_status != 0)
                check_int(check, "rpc.in_status", table[i].in_status);
            if (table[i].out_status != 0)
                check_int(check, "rpc.out_status", table[i].out_status);
        }
        if (table[i].says == NULL) {
            expect_not(&survey, "T05");
            continue;
        }
        survey_diagnose(&survey);
        assert_string_equal(survey.findings->component, "proxy before mail.contoso.test");
        expect_says(&survey, "T05", table[i].says);
    }
}

/* 404 for a name that nobody told proves nothing; left out, RPC is not known to work. */
static void test_guessed_server(void **state)
{
    (void)state;
    struct survey survey;
    for (int skipped = 0; skipped < 2; skipped++) {
        begin_cdo(&survey, NULL);
        survey.target.left_out = 1u << SERVICE_AUTODISCOVER | 1u << SERVICE_LDAP | 1u << SERVICE_GC;
        for (struct chain *chain = survey.chains; chain != NULL; chain = chain->next) {
            for (struct check *at = chain->checks; at != NULL; at = at->next) {
                if (strcmp(at->probe, "autodiscover.pox") == 0)
                    check_settle(at, OUTCOME_SKIPPED, "left out");
                if (strcmp(at->probe, "ldap.mailbox") == 0)
                    at->facts = NULL;
            }
        }
        fail_status(&survey, "rpc.connect", "rpc.out_status", 404);
        for (size_t i = 0; i < 2; i++) {
            struct check *check = fixture_check(&survey, rows[i], "rpc.connect");
            check_text(check, "rpc.server", "mail.contoso.test");
            if (skipped == 0)
                continue;
            check->fault = (struct fault){.cause = CAUSE_NONE};
            check_settle(check, OUTCOME_SKIPPED, "the name of the RPC server is not known: 404");
            check_settle(fixture_check(&survey, rows[i], "rpc.mailbox"), OUTCOME_SKIPPED, "none");
        }
        survey_diagnose(&survey);
        assert_null(find(&survey, "R02"));
        assert_int_equal(survey.verdict.status, skipped != 0 ? STATUS_UNKNOWN : STATUS_BROKEN);
        if (skipped != 0)
            assert_non_null(strstr(survey.verdict.summary, "nobody told the name of the RPC"));
        survey_done(&survey);
    }
}

static void test_denied(void **state)
{
    (void)state;
    static const struct {
        enum cause cause;
        const char *bind, *error;
        bool denied;
    } table[] = {
        {CAUSE_ACCESS_DENIED, "bind_ack", NULL, true},
        {CAUSE_LOGON_REFUSED, "the security package of the server refused the token", NULL, true},
        {CAUSE_RPC_FAULT, "no reason given", NULL, true},
        {CAUSE_RPC_FAULT, "bind_ack", NULL, false},
        {CAUSE_SERVER_BUSY, "the server is congested for now", NULL, false},
        {CAUSE_ACCESS_DENIED, NULL, "6c1", false}, /* the proxy's own: R01 */
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        begin_cdo(&survey, NULL);
        for (size_t k = 0; k < 2; k++) {
            struct check *check =
                fail_line(&survey, rows[k], "rpc.connect", table[i].cause, ORIGIN_RPC);
            check_int(check, "rpc.out_status", table[i].error != NULL ? 503 : 200);
            check_text(check, "rpc.bind", table[i].bind);
            check_text(check, "rpc.proxy_error", table[i].error);
        }
        if (table[i].denied)
            expect_first(&survey, "A15");
        else
            expect_not(&survey, "A15");
    }
}

static void test_old_ntlm(void **state)
{
    (void)state;
    struct survey survey;
    for (int64_t level = -1; level <= 5; level++) {
        begin_cdo(&survey, "A14");
        survey.vantage.registry->integer = level;
        if (level >= 0 && level < 3)
            expect_first(&survey, "A14");
        else
            expect_not(&survey, "A14");
    }
    begin_cdo(&survey, "A14");
    check_text(fixture_check(&survey, EWS, "http.logon"), "auth.scheme", "NTLM");
    expect_says(&survey, "A14", "exreach logs on with NTLMv2");
    /* nothing to cite: nobody logged on */
    begin_cdo(&survey, "A01");
    fixture_break(&survey, "A14");
    expect_not(&survey, "A14");
}

/* ---- what the directory knows ---- */

/* What the directory says of the account explains every answer of store and address book. */
static void test_consequences(void **state)
{
    (void)state;
    static const char *const faults[] = {"D04", "D05", "D06", "D11"};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct survey survey;
        begin_cdo(&survey, faults[i]);
        survey_diagnose(&survey);
        assert_whole(&survey);
        assert_string_equal(survey.findings->rule, faults[i]);
        assert_int_equal(survey.verdict.status, STATUS_BROKEN);
        for (const struct finding *at = survey.findings->next; at != NULL; at = at->next)
            assert_string_equal(at->caused_by, faults[i]);
        survey_done(&survey);
    }
}

/* R04 is healthy: it is explained, and found by nothing. */
static void test_healthy(void **state)
{
    (void)state;
    struct survey survey;
    assert_non_null(rule_find("R04"));
    assert_null(rule_find("R04")->when);
    begin_cdo(&survey, NULL);
    for (size_t i = 0; i < 2; i++)
        check_int(fixture_check(&survey, rows[i], "http.offer"), "rpc.get_status", 503);
    expect_first(&survey, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rpc_error),
        cmocka_unit_test(test_unknown_server),
        cmocka_unit_test(test_path_refused),
        cmocka_unit_test(test_schemes),
        cmocka_unit_test(test_verbs),
        cmocka_unit_test(test_overload),
        cmocka_unit_test(test_store_codes),
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_held),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_guessed_server),
        cmocka_unit_test(test_denied),
        cmocka_unit_test(test_old_ntlm),
        cmocka_unit_test(test_consequences),
        cmocka_unit_test(test_healthy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
