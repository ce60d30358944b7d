/* What the probes of an rpc row judge and cut out, and which facts they declare. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/ecodes.h"
#include "probes/rpc_row.h"
#include "tests/unit/judged.h"

/* ---- the endpoint mapper ---- */

#define AT(number)                                                 \
    {                                                              \
        .towers = 1, .count = 1, .endpoints = { {.port = number} } \
    }
#define NOWHERE                      \
    {                                \
        .status = EPM_NOT_REGISTERED \
    }

static void test_mapper(void **state)
{
    (void)state;
    static const struct {
        struct mapper_seen seen;
        enum outcome outcome;
        enum cause cause;
        int64_t store, referral, book; /* -1: no fact */
        const char *words;
    } table[] = {
        {{{AT(1001), AT(1002), AT(1003)}}, OUTCOME_PASS, CAUSE_NONE, 1001, 1002, 1003,
            "the store at port 1001"},
        {{{AT(1001), NOWHERE, AT(1003)}}, OUTCOME_WARN, CAUSE_NONE, 1001, -1, 1003, "no referral"},
        {{{AT(1001), AT(1002), {.towers = 1}}}, OUTCOME_WARN, CAUSE_NONE, 1001, 1002, -1,
            "no address book"},
        {{{NOWHERE, NOWHERE, NOWHERE}}, OUTCOME_FAIL, CAUSE_NO_OBJECT, -1, -1, -1,
            "does not know EMSMDB (Exchange 2013 and later have no RPC over TCP)"},
        /* a domain controller: NSPI of its own, no store */
        {{{NOWHERE, AT(1002), AT(1003)}}, OUTCOME_FAIL, CAUSE_NO_OBJECT, -1, 1002, 1003,
            "does not know EMSMDB"},
        {{{{.towers = 2}, AT(1002), AT(1003)}}, OUTCOME_FAIL, CAUSE_NO_OBJECT, -1, 1002, 1003,
            "does not know EMSMDB"},
        {{{{.status = 5}, AT(1002), AT(1003)}}, OUTCOME_FAIL, CAUSE_ACCESS_DENIED, -1, 1002, 1003,
            "the endpoint mapper says 0x5"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct check *check = check_for(&probe_rpc_mapper);
        judge_rpc_mapper(&table[i].seen, check);
        if (check->outcome != table[i].outcome || check->fault.cause != table[i].cause ||
            strstr(check->summary, table[i].words) == NULL)
            fail_msg("case %zu: %s", i, check->summary);
        assert_int_equal(check_get_int(check, "rpc.mapper.store", -1), table[i].store);
        assert_int_equal(check_get_int(check, "rpc.mapper.referral", -1), table[i].referral);
        assert_int_equal(check_get_int(check, "rpc.mapper.book", -1), table[i].book);
        check_free(check);
    }
}

/* ---- names ---- */

static void test_server_dn(void **state)
{
    (void)state;
#define SERVERS "/o=C/ou=E/cn=Configuration/cn=Servers/cn="
    static const struct {
        const char *home, *server;
    } table[] = {
        {SERVERS "g@d/cn=Microsoft Private MDB", SERVERS "g@d"},
        {SERVERS "EX1/CN=MICROSOFT PRIVATE MDB", SERVERS "EX1"},
        {SERVERS "EX1", SERVERS "EX1"},
        {"/o=C/ou=E/cn=Recipients/cn=svc", NULL},
        {"", NULL},
        {NULL, NULL},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < COUNT(table); i++) {
        const char *server = rpc_server_dn(&arena, table[i].home);
        if (table[i].server == NULL)
            assert_null(server);
        else
            assert_string_equal(server, table[i].server);
    }
    arena_done(&arena);
}

/* What a redirection names goes into the target of a request. */
static void test_plain_server(void **state)
{
    (void)state;
    static const char *const plain[] = {
        "EX2", "ex2.contoso.test", "a6544e7d-c5e7-5bcc-a1d0-dcb40b19a222@contoso.test", "EX_2"};
    static const char *const odd[] = {
        "", "ex2:443", "ex2 HTTP/1.1", "ex2\r\nX: y", "ex2/../owa", "ex2?x", "ex\xc3\xbc", "[::1]"};
    for (size_t i = 0; i < COUNT(plain); i++)
        assert_true(rpc_server_is_plain(plain[i]));
    for (size_t i = 0; i < COUNT(odd); i++)
        assert_false(rpc_server_is_plain(odd[i]));
    char longest[257];
    memset(longest, 'x', sizeof longest - 1);
    longest[256] = '\0';
    assert_false(rpc_server_is_plain(longest));
    longest[255] = '\0';
    assert_true(rpc_server_is_plain(longest));
}

static void test_seal(void **state)
{
    (void)state;
    static const struct {
        enum rpc_guard guard;
        enum origin origin;
        enum cause cause;
        bool again;
    } table[] = {
        {RPC_BARE, ORIGIN_RPC, CAUSE_ACCESS_DENIED, true},
        {RPC_SEALED, ORIGIN_RPC, CAUSE_ACCESS_DENIED, false},
        {RPC_BARE, ORIGIN_MAPI, CAUSE_ACCESS_DENIED, true},
        {RPC_BARE, ORIGIN_MAPI, CAUSE_LOGON_REFUSED, true},
        {RPC_BARE, ORIGIN_MAPI, CAUSE_NO_MAILBOX, false},
        {RPC_BARE, ORIGIN_HTTP, CAUSE_ACCESS_DENIED, false},
        {RPC_BARE, ORIGIN_RPC, CAUSE_RPC_FAULT, false},
        {RPC_BARE, ORIGIN_EXREACH, CAUSE_TIMEOUT, false},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        const struct rpc_line line = {.guard = table[i].guard};
        const struct fault fault = {.cause = table[i].cause, .origin = table[i].origin};
        assert_int_equal(rpc_wants_seal(&line, &fault), table[i].again);
    }
}

/* What counts as a refused logon, and after which fault NTLM follows a ticket. */
static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        enum origin origin;
        enum cause cause;
        bool refused, ticket;
    } table[] = {
        {ORIGIN_RPC, CAUSE_LOGON_REFUSED, true, true},
        {ORIGIN_RPC, CAUSE_ACCOUNT_LOCKED, true, false},
        {ORIGIN_RPC, CAUSE_ACCESS_DENIED, false, true}, /* perhaps to the call */
        {ORIGIN_RPC, CAUSE_RPC_FAULT, false, false},
        {ORIGIN_MAPI, CAUSE_LOGON_REFUSED, false, false}, /* the store's, not the logon's */
        {ORIGIN_GSS, CAUSE_TICKET_REFUSED, false, true},
        {ORIGIN_KRB5, CAUSE_CLOCK_SKEW, false, true},
        {ORIGIN_EXREACH, CAUSE_TIMEOUT, false, false},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        const struct fault fault = {.cause = table[i].cause, .origin = table[i].origin};
        assert_int_equal(rpc_refuses_logon("NTLM", &fault), table[i].refused);
        assert_false(rpc_refuses_logon("Kerberos", &fault)); /* a ticket is no logon */
        assert_false(rpc_refuses_logon(NULL, &fault));
        assert_int_equal(rpc_refuses_ticket(&fault), table[i].ticket);
    }
}

/* ---- facts ---- */

/* Every fact that the judges may record is declared by the probes that use them. */
static void test_facts(void **state)
{
    (void)state;
    static const struct emsmdb_session refused = {
        .result = EC_UNKNOWN_USER, .display_name = "", .dn_prefix = ""};
    static const struct emsmdb_session good = {.display_name = "S", .dn_prefix = "/o=C"};
    static const struct store_seen lost = {
        .logon = {.result = EC_WRONG_SERVER, .server = "/o=C/cn=EX2"}};
    static const struct store_seen denied = {.hierarchy_code = EC_ACCESS_DENIED};
    static const struct book_seen unbound = {.step = "NspiBind",
        .fault = {.cause = CAUSE_LOGON_REFUSED, .origin = ORIGIN_MAPI, .code = 0x3f2}};
    static const struct referral_seen unknown = {.step = "RfrGetNewDSA",
        .fault = {.cause = CAUSE_NO_OBJECT, .origin = ORIGIN_MAPI, .code = 0x3f2}};
    struct check *check = check_for(&probe_rpc_connect);
    judge_rpc_connect(&refused, check);
    assert_string_equal(check_get_text(check, "rpc.error_code", ""), "0x3eb");
    check_free(check);
    check = check_for(&probe_rpc_connect);
    judge_rpc_connect(&good, check);
    assert_int_equal(check->outcome, OUTCOME_PASS);
    assert_non_null(strstr(check->summary, "an unnamed version"));
    check_free(check);
    check = check_for(&probe_rpc_mailbox_of);
    judge_store(&lost, "rpc", check);
    assert_string_equal(check_get_text(check, "rpc.redirect", ""), "EX2");
    check_free(check);
    check = check_for(&probe_rpc_public);
    judge_public(&denied, "rpc", check);
    assert_int_equal(check->fault.cause, CAUSE_ACCESS_DENIED);
    check_free(check);
    check = check_for(&probe_rpc_book);
    judge_book(&unbound, "a@b", check);
    assert_string_equal(check_get_text(check, "book.step", ""), "NspiBind");
    check_free(check);
    check = check_for(&probe_rpc_referral);
    judge_referral(&unknown, check);
    assert_string_equal(check_get_text(check, "referral.step", ""), "RfrGetNewDSA");
    check_free(check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mapper),
        cmocka_unit_test(test_server_dn),
        cmocka_unit_test(test_plain_server),
        cmocka_unit_test(test_seal),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_facts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
