/* The calls of the three interfaces over an association whose server is a table: answers are the
 * seeds of the codecs' fuzz targets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/ecodes.h"
#include "probes/rpc_calls.h"
#include "probes/rpc_row.h"
#include "tests/unit/judged.h"
#include "tests/unit/sample.h"

/* ---- a server ---- */

enum { STEPS_MAX = 8, PDU_MAX = 4096, HANDLE = 0xab };

/* What a call is answered with. sample NULL: a fault PDU with this status; 0: silence. */
struct step {
    uint16_t opnum;
    const char *sample; /* "nspi/bind"; its first byte tells the fuzz target what follows */
    uint32_t status;
    bool null_handle, cut;
    uint32_t code; /* in place of the last four bytes, where it is not 0 */
};

struct peer {
    struct step steps[STEPS_MAX];
    size_t at;
    uint8_t out[PDU_MAX];
    size_t length;
    uint8_t request[PDU_MAX]; /* the last call's stub */
    size_t request_length;
    uint16_t opnums[STEPS_MAX];
    struct session session;
    struct settings settings;
    char lines[4096];
    struct rpc_client *client;
};

static void put_header(struct writer *out, enum rpc_type type, size_t size, uint32_t call)
{
    write_u8(out, 5);
    write_u8(out, 0);
    write_u8(out, (uint8_t)type);
    write_u8(out, RPC_FIRST_FRAGMENT | RPC_LAST_FRAGMENT);
    write_le32(out, 0x10);
    write_le16(out, (uint16_t)size);
    write_le16(out, 0);
    write_le32(out, call);
}

static void answer_sample(
    struct peer *peer, struct writer *out, const struct step *step, uint32_t call)
{
    struct arena arena = {0};
    size_t length = 0;
    uint8_t *stub = (uint8_t *)sample_read(&arena, step->sample, &length) + 1;
    length -= 1;
    struct writer patch = writer_of(stub, length);
    patch.length = length;
    if (step->null_handle)
        memset(stub, 0, NDR_CONTEXT_HANDLE_SIZE);
    if (step->code != 0)
        write_le32_at(&patch, length - 4, step->code);
    if (step->cut)
        length -= 3;
    put_header(out, RPC_RESPONSE, RPC_CALL_HEADER_SIZE + length, call);
    write_le32(out, (uint32_t)length);
    write_le32(out, 0);
    write_bytes(out, stub, length);
    peer->length = out->length;
    arena_done(&arena);
}

static void answer_call(struct peer *peer, const struct rpc_pdu *pdu)
{
    struct writer out = writer_of(peer->out, sizeof peer->out);
    assert_true(peer->at < STEPS_MAX && pdu->call.stub_length <= PDU_MAX);
    const struct step *step = &peer->steps[peer->at];
    peer->opnums[peer->at++] = pdu->call.opnum;
    memcpy(peer->request, pdu->call.stub, pdu->call.stub_length);
    peer->request_length = pdu->call.stub_length;
    assert_int_equal(pdu->call.opnum, step->opnum);
    if (step->sample != NULL) {
        answer_sample(peer, &out, step, pdu->call_id);
    } else if (step->status != 0) {
        put_header(&out, RPC_FAULT, 32, pdu->call_id);
        write_le32(&out, 32);
        write_zeros(&out, 4);
        write_le32(&out, step->status);
        write_zeros(&out, 4);
        peer->length = out.length;
    }
    assert_true(writer_ok(&out));
}

static bool peer_send(
    void *context, const void *bytes, size_t length, struct net_limit limit, struct fault *fault)
{
    struct peer *peer = context;
    struct rpc_pdu pdu;
    struct arena arena = {0};
    (void)limit;
    assert_true(rpc_read(bytes, length, &pdu, fault));
    peer->length = 0;
    if (pdu.type == RPC_REQUEST) {
        answer_call(peer, &pdu);
        return true;
    }
    const char *ack = sample_read(&arena, "rpc/bind_ack", &peer->length);
    memcpy(peer->out, ack, peer->length);
    arena_done(&arena);
    return true;
}

static bool peer_receive(void *context, struct net_limit limit, uint8_t **ret_pdu,
    size_t *ret_length, struct fault *fault)
{
    struct peer *peer = context;
    (void)limit;
    if (peer->length == 0)
        return fault_set(fault, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0, "no answer in time");
    *ret_pdu = peer->out;
    *ret_length = peer->length;
    return true;
}

static void peer_close(void *context)
{
    (void)context;
}

static void keep_line(void *context, const char *check, char direction, const char *line)
{
    struct peer *peer = context;
    size_t used = strlen(peer->lines);
    (void)check;
    snprintf(&peer->lines[used], sizeof peer->lines - used, "%c %s\n", direction, line);
}

static struct rpc_caller call_to(
    struct peer *peer, const struct step *steps, const struct rpc_syntax *interface)
{
    const struct rpc_transport transport = {peer, peer_send, peer_receive, peer_close};
    const struct rpc_options options = {.interface = interface, .server = "the peer"};
    struct fault fault = {.cause = CAUSE_NONE};
    *peer = (struct peer){.settings = {.address = "svc@contoso.test",
                              .timeout_ms = 1000,
                              .trace = keep_line,
                              .context = peer}};
    memcpy(peer->steps, steps, STEPS_MAX * sizeof *steps);
    session_init(&peer->session);
    peer->session.settings = &peer->settings;
    peer->session.run_limit = (struct net_limit){.deadline = deadline_in_ms(5000), .cancel_fd = -1};
    if (!rpc_open(&transport, &options, session_limit(&peer->session), &peer->client, NULL, &fault))
        fail_msg("%s", fault.text);
    return (struct rpc_caller){.client = peer->client, .session = &peer->session};
}

static void hang_up(struct peer *peer)
{
    rpc_close(peer->client);
    session_done(&peer->session);
}

/* ---- the address book ---- */

static void test_book(void **state)
{
    (void)state;
    static const struct {
        struct step steps[STEPS_MAX];
        size_t calls;
        enum cause cause;
        const char *step, *words;
    } table[] = {
        {{{NSPI_BIND, .sample = "nspi/bind"}, {NSPI_SPECIAL_TABLE, .sample = "nspi/special-table"},
             {NSPI_RESOLVE_W, .sample = "nspi/resolve-w"},
             {NSPI_DN_TO_MID, .sample = "nspi/dn-to-mid"}, {NSPI_PROPS, .sample = "nspi/props"},
             {NSPI_UNBIND, .sample = "nspi/unbind"}},
            6, CAUSE_NONE, NULL, ""},
        {{{NSPI_BIND, .sample = "nspi/bind-refused"}}, 1, CAUSE_LOGON_REFUSED, "NspiBind",
            "ecLoginFailure"},
        {{{NSPI_BIND, .status = 5}}, 1, CAUSE_ACCESS_DENIED, "NspiBind", "NspiBind: the peer says"},
        {{{NSPI_BIND, .sample = "nspi/bind", .cut = true}}, 1, CAUSE_MALFORMED, "NspiBind", ""},
        {{{NSPI_BIND, .status = 0}}, 1, CAUSE_TIMEOUT, "NspiBind", "NspiBind: no answer in time"},
        {{{NSPI_BIND, .sample = "nspi/bind"}, {NSPI_SPECIAL_TABLE, .status = 0x1c010002}}, 2,
            CAUSE_NOT_EXCHANGE, "NspiGetSpecialTable", "nca_s_op_rng_error"},
    };
    static const char *const addresses[] = {"svc@contoso.test"};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct peer *peer = xcalloc(1, sizeof *peer);
        struct rpc_nspi nspi = {.caller = call_to(peer, table[i].steps, &rpc_nspi)};
        const struct book_way way = rpc_book_way(&nspi);
        struct book_seen seen;
        book_read(&way, addresses, 1, NULL, &peer->session.arena, &seen);
        if (peer->at != table[i].calls || seen.fault.cause != table[i].cause ||
            strstr(seen.fault.text, table[i].words) == NULL)
            fail_msg("case %zu: %zu calls, %s", i, peer->at, seen.fault.text);
        if (table[i].step == NULL)
            assert_null(seen.step);
        else
            assert_string_equal(seen.step, table[i].step);
        if (table[i].cause == CAUSE_NONE) {
            assert_true(seen.containers > 0);
            assert_non_null(seen.entries[0].legacy_dn);
            /* the handle of NspiBind travels with every call */
            assert_memory_equal(&peer->request[4], "\x01\x02\x03\x04", 4);
        }
        hang_up(peer);
        free(peer);
    }
}

/* ---- the referral ---- */

static void test_referral(void **state)
{
    (void)state;
    static const struct {
        struct step steps[STEPS_MAX];
        const char *server_dn;
        size_t calls;
        enum outcome outcome;
        enum cause cause;
        const char *words;
    } table[] = {
        {{{RFRI_NEW_DSA, .sample = "rfri/new-dsa"}, {RFRI_FQDN, .sample = "rfri/fqdn"}},
            "/o=Contoso/cn=Servers/cn=EX1", 2, OUTCOME_PASS, CAUSE_NONE, "ex1.contoso.test"},
        {{{RFRI_NEW_DSA, .sample = "rfri/new-dsa"}}, NULL, 1, OUTCOME_PASS, CAUSE_NONE,
            "the address book is at gc1.contoso.test"},
        {{{RFRI_NEW_DSA, .sample = "rfri/new-dsa-failed"}}, "/o=Contoso/cn=Servers/cn=EX1", 1,
            OUTCOME_FAIL, CAUSE_MAPI_ERROR, "ecError"},
        {{{RFRI_NEW_DSA, .sample = "rfri/new-dsa"}, {RFRI_FQDN, .sample = "rfri/fqdn-none"}},
            "/o=Contoso/cn=Servers/cn=EX1", 2, OUTCOME_FAIL, CAUSE_NO_OBJECT, "ecNotFound"},
        {{{RFRI_NEW_DSA, .sample = "rfri/new-dsa", .cut = true}}, NULL, 1, OUTCOME_FAIL,
            CAUSE_MALFORMED, "RfrGetNewDSA"},
        {{{RFRI_NEW_DSA, .status = 5}}, NULL, 1, OUTCOME_FAIL, CAUSE_ACCESS_DENIED,
            "RfrGetNewDSA: the peer says 0x5"},
        {{{RFRI_NEW_DSA, .sample = "rfri/new-dsa"}}, "/cn=EX", 1, OUTCOME_ERROR, CAUSE_INTERNAL,
            "RfrGetFQDNFromServerDN"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct peer *peer = xcalloc(1, sizeof *peer);
        struct rpc_caller caller = call_to(peer, table[i].steps, &rpc_rfri);
        struct referral_seen seen;
        static const struct fact_def facts[] = {REFERRAL_FACTS, FACT_END};
        struct check *check = check_new("row", "p", "t", LAYER_PROTOCOL, NULL, facts);
        rpc_read_referral(&caller, "/o=Contoso/cn=svc", table[i].server_dn, &seen);
        judge_referral(&seen, check);
        if (peer->at != table[i].calls || check->outcome != table[i].outcome ||
            check->fault.cause != table[i].cause || strstr(check->summary, table[i].words) == NULL)
            fail_msg("case %zu: %zu calls, %s", i, peer->at, check->summary);
        assert_int_equal(check_fact(check, "referral.step") != NULL, seen.step != NULL);
        assert_int_equal(check_fact(check, "referral.server") != NULL, seen.new_dsa.host != NULL);
        check_free(check);
        hang_up(peer);
        free(peer);
    }
}

/* ---- the store ---- */

static const struct fact_def connect_facts[] = {{"rpc.display_name", FACT_TEXT, ""},
    {"rpc.dn_prefix", FACT_TEXT, ""}, {"rpc.store_build", FACT_TEXT, ""}, MAPI_ERROR_FACTS("rpc"),
    FACT_END};

static void test_connect(void **state)
{
    (void)state;
    static const struct {
        struct step steps[STEPS_MAX];
        bool answered;
        enum outcome outcome;
        enum cause cause;
        const char *words;
    } table[] = {
        {{{EMSMDB_OPNUM_CONNECT_EX, .sample = "emsmdb/connect"}}, true, OUTCOME_PASS, CAUSE_NONE,
            "RPC connects to the store, server Exchange"},
        {{{EMSMDB_OPNUM_CONNECT_EX, .sample = "emsmdb/connect-unknown-user"}}, true, OUTCOME_FAIL,
            CAUSE_NO_MAILBOX, "EcDoConnectEx: ecUnknownUser (0x3eb)"},
        {{{EMSMDB_OPNUM_CONNECT_EX, .sample = "emsmdb/connect-unknown-user", .code = 0x970}}, true,
            OUTCOME_FAIL, CAUSE_ACCESS_DENIED, "ecNotEncrypted"},
        {{{EMSMDB_OPNUM_CONNECT_EX, .sample = "emsmdb/connect-unknown-user", .code = 0x4df}}, true,
            OUTCOME_FAIL, CAUSE_ACCESS_DENIED, "0x4df"},
        {{{EMSMDB_OPNUM_CONNECT_EX, .sample = "emsmdb/connect", .null_handle = true}}, false,
            OUTCOME_FAIL, CAUSE_MALFORMED, "no session handle"},
        {{{EMSMDB_OPNUM_CONNECT_EX, .sample = "emsmdb/connect", .cut = true}}, false, OUTCOME_FAIL,
            CAUSE_MALFORMED, "EcDoConnectEx"},
        {{{EMSMDB_OPNUM_CONNECT_EX, .status = 5}}, false, OUTCOME_FAIL, CAUSE_ACCESS_DENIED,
            "EcDoConnectEx: the peer says 0x5"},
        {{{EMSMDB_OPNUM_CONNECT_EX, .status = 0}}, false, OUTCOME_FAIL, CAUSE_TIMEOUT,
            "EcDoConnectEx: no answer in time"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct peer *peer = xcalloc(1, sizeof *peer);
        struct rpc_mailbox mailbox = {.caller = call_to(peer, table[i].steps, &rpc_emsmdb)};
        struct check *check = check_new("row", "p", "t", LAYER_PROTOCOL, NULL, connect_facts);
        struct fault fault = {.cause = CAUSE_NONE};
        bool ok = rpc_store_connect(&mailbox, "/o=Contoso/cn=svc", &fault);
        assert_int_equal(ok, table[i].answered);
        if (ok)
            judge_rpc_connect(&mailbox.connected, check);
        else
            check_fail(check, &fault);
        if (check->outcome != table[i].outcome || check->fault.cause != table[i].cause ||
            strstr(check->summary, table[i].words) == NULL)
            fail_msg("case %zu: %s", i, check->summary);
        assert_int_equal(check_fact(check, "rpc.error") != NULL, ok && i > 0);
        check_free(check);
        hang_up(peer);
        free(peer);
    }
}

/* Which version we say we are: the words of 3.1.4.1.3.1 behind the DN and seven numbers. */
static void test_client_version(void **state)
{
    (void)state;
    static const struct step steps[STEPS_MAX] = {
        {EMSMDB_OPNUM_CONNECT_EX, .sample = "emsmdb/connect"}};
    static const uint8_t words[] = {0x00, 0x10, 0x0c, 0xc6, 0x3e, 0x4f};
    struct peer *peer = xcalloc(1, sizeof *peer);
    struct rpc_mailbox mailbox = {.caller = call_to(peer, steps, &rpc_emsmdb)};
    struct fault fault;
    struct check *check = check_new("row", "p", "t", LAYER_PROTOCOL, NULL, connect_facts);
    assert_true(rpc_store_connect(&mailbox, "/o=Contoso/cn=svc", &fault));
    size_t at = peer->request_length - 16 - sizeof words;
    assert_memory_equal(&peer->request[at], words, sizeof words);
    judge_rpc_connect(&mailbox.connected, check);
    assert_string_equal(check_get_text(check, "rpc.display_name", ""), "Service Account");
    assert_string_equal(
        check_get_text(check, "rpc.store_build", ""), "15.1.2507.6, Exchange 2016 CU23");
    assert_non_null(strstr(peer->lines, "> EcDoConnectEx as /o=Contoso/cn=svc"));
    assert_non_null(strstr(peer->lines, "< EcDoConnectEx: success (0x0)"));
    check_free(check);
    hang_up(peer);
    free(peer);
}

static void test_execute(void **state)
{
    (void)state;
    static const struct {
        struct step steps[STEPS_MAX];
        bool ok, rundown;
        enum cause cause;
        const char *words;
    } table[] = {
        {{{EMSMDB_OPNUM_RPC_EXT2, .sample = "emsmdb/rpc"}}, true, false, CAUSE_NONE, ""},
        {{{EMSMDB_OPNUM_RPC_EXT2, .sample = "emsmdb/rpc", .null_handle = true}}, true, true,
            CAUSE_NONE, ""},
        {{{EMSMDB_OPNUM_RPC_EXT2, .sample = "emsmdb/rpc-format"}}, false, true, CAUSE_MAPI_ERROR,
            "ecRpcFormat (0x4b6)"},
        {{{EMSMDB_OPNUM_RPC_EXT2, .sample = "emsmdb/rpc", .code = 0x50c}}, false, false,
            CAUSE_NO_MAILBOX, "ecMailboxInTransit"},
        {{{EMSMDB_OPNUM_RPC_EXT2, .sample = "emsmdb/rpc", .cut = true}}, false, false,
            CAUSE_MALFORMED, "EcDoRpcExt2"},
        {{{EMSMDB_OPNUM_RPC_EXT2, .sample = "emsmdb/rpc-huge-count"}}, false, false,
            CAUSE_MALFORMED, "EcDoRpcExt2"},
        {{{EMSMDB_OPNUM_RPC_EXT2, .status = 0x1c00001a}}, false, false, CAUSE_RPC_FAULT,
            "EcDoRpcExt2: the peer says 0x1c00001a"},
        {{{EMSMDB_OPNUM_RPC_EXT2, .status = 0}}, false, false, CAUSE_TIMEOUT, "no answer"},
    };
    static const uint8_t rops[] = {2, 0};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct peer *peer = xcalloc(1, sizeof *peer);
        struct rpc_mailbox mailbox = {.caller = call_to(peer, table[i].steps, &rpc_emsmdb)};
        const struct store_way way = rpc_store_way(&mailbox);
        struct mapi_binary answer = {0};
        struct fault fault = {.cause = CAUSE_NONE};
        memset(mailbox.handle.bytes, HANDLE, sizeof mailbox.handle.bytes);
        bool ok = way.execute(way.context, rops, sizeof rops, &answer, &fault);
        if (ok != table[i].ok || mailbox.rundown != table[i].rundown ||
            fault.cause != table[i].cause || strstr(fault.text, table[i].words) == NULL)
            fail_msg("case %zu: %d %d %s", i, ok, mailbox.rundown, fault.text);
        assert_int_equal(peer->request[0], HANDLE);
        if (ok)
            assert_int_equal(answer.length, 9);
        if (mailbox.rundown) {
            /* nothing more is sent */
            assert_false(way.execute(way.context, rops, sizeof rops, &answer, &fault));
            assert_int_equal(fault.cause, CAUSE_CLOSED);
            assert_int_equal(peer->at, 1);
        }
        hang_up(peer);
        free(peer);
    }
}

static void test_disconnect(void **state)
{
    (void)state;
    static const struct {
        struct step steps[STEPS_MAX];
        bool dummy, ok;
        enum cause cause;
    } table[] = {
        {{{EMSMDB_OPNUM_DISCONNECT, .sample = "emsmdb/disconnect"}}, false, true, CAUSE_NONE},
        {{{EMSMDB_OPNUM_DISCONNECT, .sample = "emsmdb/disconnect", .code = 0x4b9}}, false, false,
            CAUSE_MAPI_ERROR},
        {{{EMSMDB_OPNUM_DISCONNECT, .sample = "emsmdb/disconnect", .cut = true}}, false, false,
            CAUSE_MALFORMED},
        {{{EMSMDB_OPNUM_DISCONNECT, .status = 6}}, false, false, CAUSE_RPC_FAULT},
        {{{EMSMDB_OPNUM_DUMMY, .status = 5}}, true, false, CAUSE_ACCESS_DENIED},
        {{{EMSMDB_OPNUM_DUMMY, .sample = "rfri/new-dsa-failed", .code = 0x3f2}}, true, true,
            CAUSE_NONE},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct peer *peer = xcalloc(1, sizeof *peer);
        struct rpc_mailbox mailbox = {.caller = call_to(peer, table[i].steps, &rpc_emsmdb)};
        struct fault fault = {.cause = CAUSE_NONE};
        bool ok = table[i].dummy ? rpc_store_dummy(&mailbox.caller, &fault)
                                 : rpc_store_disconnect(&mailbox, &fault);
        if (ok != table[i].ok || fault.cause != table[i].cause)
            fail_msg("case %zu: %d %s", i, ok, fault.text);
        hang_up(peer);
        free(peer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_book),
        cmocka_unit_test(test_referral),
        cmocka_unit_test(test_connect),
        cmocka_unit_test(test_client_version),
        cmocka_unit_test(test_execute),
        cmocka_unit_test(test_disconnect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
