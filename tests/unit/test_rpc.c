#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/rpc.h"
#include "tests/unit/sample.h"

#include <stdlib.h>
#include <string.h>

static const char *sample(struct arena *arena, const char *name, size_t *ret_length)
{
    return sample_read(arena, arena_printf(arena, "rpc/%s", name), ret_length);
}

static struct rpc_pdu read_good(struct arena *arena, const char *name)
{
    size_t length = 0;
    const char *bytes = sample(arena, name, &length);
    struct rpc_pdu pdu = {0};
    struct fault fault = {0};
    if (!rpc_read(bytes, length, &pdu, &fault))
        fail_msg("%s: %s", name, fault.text);
    return pdu;
}

/* ---- one line per PDU: every field that is read is in it ---- */

static void test_describe(void **state)
{
    (void)state;
    static const struct {
        const char *name, *line;
    } cases[] = {
        {"bind", "bind call 1, frag 5840/5840, EMSMDB 0.81 in NDR 2.0 as context 0"},
        {"bind-ntlm",
            "bind call 1, frag 5840/5840, EMSMDB 0.81 in NDR 2.0 as context 0, NTLM token "
            "40 bytes at level privacy"},
        {"alter", "alter_context call 2, frag 5840/5840, NSPI 56.0 in NDR 2.0 as context 1, NTLM "
                  "token 40 bytes at level connect"},
        {"auth3", "auth3 call 1, 65 bytes, NTLM token 37 bytes at level privacy"},
        {"bind_ack", "bind_ack call 1, frag 5840/5840, accepted"},
        {"bind_ack-4280", "bind_ack call 1, frag 4280/4280, accepted"},
        {"bind_ack-ntlm",
            "bind_ack call 1, frag 5840/5840, accepted, NTLM token 200 bytes at level "
            "privacy"},
        {"bind_ack-no-interface", "bind_ack call 1, frag 5840/5840, the server refused the "
                                  "interface: it does not have this interface in this version"},
        {"bind_ack-three",
            "bind_ack call 1, frag 5840/5840, the server answered 3 presentation contexts, 1 was "
            "proposed"},
        {"bind_nak-auth-type", "bind_nak call 1, reason 8: the server does not know the "
                               "authentication type, it speaks "
                               "5.0"},
        {"bind_nak-version",
            "bind_nak call 1, reason 4: the server does not speak this RPC version, "
            "or read our bind as an error, it speaks 5.0 5.1"},
        {"bind_nak-short", "bind_nak call 1, reason 0: no reason given"},
        {"fault-denied",
            "fault call 2, 0x5 ERROR_ACCESS_DENIED: access denied: the server does not "
            "take the account, the level of protection or the size of the request, not "
            "carried out"},
        {"fault-short",
            "fault call 2, 0x1c010003 nca_s_unk_if: the server does not have this interface"},
        {"fault-extended",
            "fault call 2, 0x6be RPC_S_CALL_FAILED: the call failed on its way or in "
            "the server, with extended error information"},
        {"response", "response call 2, context 0, stub 43 bytes"},
        {"response-first", "response call 2, context 0, first fragment, stub 64 bytes"},
        {"response-middle", "response call 2, context 0, middle fragment, stub 64 bytes"},
        {"response-last", "response call 2, context 0, last fragment, stub 5 bytes"},
        {"response-sealed",
            "response call 2, context 0, stub 37 bytes, NTLM token 16 bytes at level privacy"},
        {"request", "request call 2, context 0, operation 10, stub 101 bytes"},
        {"request-object", "request call 2, context 0, operation 1, stub 4 bytes"},
        {"shutdown", "shutdown call 0, 16 bytes"},
        {"orphaned", "orphaned call 4, 16 bytes"},
        {"page.html", "malformed, 45 bytes: what came is no RPC: it begins with byte 3c (a page of "
                      "HTML?), an RPC PDU with 05"},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t length = 0;
        const char *bytes = sample(&arena, cases[i].name, &length);
        assert_string_equal(rpc_describe(&arena, bytes, length), cases[i].line);
    }
    arena_done(&arena);
}

static void test_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *name, *words;
    } cases[] = {
        {"legacy", "no RPC: it begins with byte 6e,"},
        {"page.html", "a page of HTML?"},
        {"big-endian", "data representation 00 00"},
        {"version-5.1", "RPC version 5.1"},
        {"type-ping", "PDU type 1 "},
        {"type-200", "PDU type 200 "},
        {"frag-length-0", "is 0 bytes long and must have 26"},
        {"frag-length-15", "is 15 bytes long"},
        {"frag-length-23", "is 23 bytes long"},
        {"frag-length-65535", "is not"},
        {"auth-length-over", "must have"},
        {"auth-length-most", "must have 65569"},
        {"bind_ack-results-missing", "ends before its fields"},
        {"bind_ack-address-over", "ends before its fields"},
        {"bind_nak-over", "ends before its fields"},
        {"response-pad-over", "padding before the RPC security trailer"},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t length = 0;
        const char *bytes = sample(&arena, cases[i].name, &length);
        struct rpc_pdu pdu;
        struct fault fault = {0};
        if (rpc_read(bytes, length, &pdu, &fault))
            fail_msg("%s is read", cases[i].name);
        assert_int_equal(fault.cause, CAUSE_MALFORMED);
        assert_int_equal(fault.origin, ORIGIN_RPC);
        if (strstr(fault.text, cases[i].words) == NULL)
            fail_msg("%s: %s", cases[i].name, fault.text);
    }
    arena_done(&arena);
}

/* Every cut of every PDU ends in words, never in a read past its end. */
static void test_cut(void **state)
{
    (void)state;
    static const char *const names[] = {"bind-ntlm", "bind_ack-ntlm", "bind_nak-version",
        "fault-denied", "response-sealed", "request-object", "auth3"};
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t length = 0;
        const char *bytes = sample(&arena, names[i], &length);
        for (size_t cut = 0; cut < length; cut++) {
            uint8_t *copy = xcalloc(1, cut > 0 ? cut : 1);
            memcpy(copy, bytes, cut);
            struct rpc_pdu pdu;
            size_t size = 0;
            struct fault fault = {0};
            assert_false(rpc_read(copy, cut, &pdu, &fault));
            assert_int_equal(fault.cause, CAUSE_MALFORMED);
            assert_int_equal(rpc_frame(copy, cut, &size, NULL), RPC_FRAME_MORE);
            assert_int_equal(size, cut < RPC_HEADER_SIZE ? 0 : length);
            /* … and one that says it is as short as it is */
            if (cut >= RPC_HEADER_SIZE) {
                copy[8] = (uint8_t)cut;
                copy[9] = 0;
                rpc_read(copy, cut, &pdu, &fault);
            }
            free(copy);
        }
    }
    arena_done(&arena);
}

static void test_frames(void **state)
{
    (void)state;
    struct arena arena = {0};
    size_t length = 0, size = 0, at = 0;
    const char *bytes = sample(&arena, "response-stream", &length);
    static const size_t sizes[] = {88, 88, 29};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(rpc_frame(bytes + at, length - at, &size, NULL), RPC_FRAME_WHOLE);
        assert_int_equal(size, sizes[i]);
        at += size;
    }
    assert_int_equal(rpc_frame(bytes + at, length - at, &size, NULL), RPC_FRAME_MORE);
    struct fault fault = {0};
    assert_int_equal(rpc_frame("<", 1, &size, &fault), RPC_FRAME_MALFORMED);
    assert_int_equal(fault.cause, CAUSE_MALFORMED);
    assert_int_equal(rpc_frame("\5", 1, &size, &fault), RPC_FRAME_MORE);
    assert_int_equal(rpc_frame(NULL, 0, &size, &fault), RPC_FRAME_MORE);
    arena_done(&arena);
}

/* ---- bind_ack ---- */

static void test_accepted(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool accepted;
        enum cause cause;
        long code;
        uint16_t fragment;
    } cases[] = {
        {"bind_ack", true, CAUSE_NONE, 0, 5840},
        {"bind_ack-4280", true, CAUSE_NONE, 0, 4280},
        {"bind_ack-address-long", true, CAUSE_NONE, 0, 5840},
        {"bind_ack-no-interface", false, CAUSE_NOT_EXCHANGE, 1, 5840},
        {"bind_ack-limit", false, CAUSE_SERVER_BUSY, 3, 5840},
        {"bind_ack-user", false, CAUSE_ACCESS_DENIED, 0, 5840},
        {"bind_ack-three", false, CAUSE_MALFORMED, 0, 5840},
        {"bind_ack-none", false, CAUSE_MALFORMED, 0, 5840},
        {"bind_ack-other-syntax", false, CAUSE_MALFORMED, 0, 5840},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena arena = {0};
        struct rpc_pdu pdu = read_good(&arena, cases[i].name);
        struct fault fault = {0};
        if (rpc_bind_accepted(&pdu.bind_ack, &fault) != cases[i].accepted)
            fail_msg("%s: %s", cases[i].name, fault.text);
        assert_int_equal(fault.cause, cases[i].cause);
        assert_int_equal(fault.code, cases[i].code);
        assert_int_equal(rpc_fragment_size(&pdu.bind_ack), cases[i].fragment);
        arena_done(&arena);
    }
    assert_int_equal(rpc_fragment_size(&(struct rpc_bind_ack){.max_receive = 65535}), 5840);
    assert_int_equal(rpc_fragment_size(&(struct rpc_bind_ack){.max_receive = 0}), 1432);
}

static void test_bind_ack(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct rpc_pdu pdu = read_good(&arena, "bind_ack-ntlm");
    assert_int_equal(pdu.flags & RPC_HEADER_SIGN, RPC_HEADER_SIGN);
    assert_int_equal(pdu.bind_ack.group, 0x12345);
    assert_string_equal(pdu.bind_ack.address, "6001");
    assert_int_equal(pdu.auth.type, RPC_AUTH_NTLM);
    assert_int_equal(pdu.auth.level, RPC_LEVEL_PRIVACY);
    assert_int_equal(pdu.auth.context_id, 1);
    assert_int_equal(pdu.auth.length, 200);
    assert_memory_equal(pdu.auth.token, "NTLMSSP\0\2", 9);
    pdu = read_good(&arena, "bind_ack-address-long");
    assert_int_equal(strlen(pdu.bind_ack.address), RPC_ADDRESS_SIZE - 1);
    assert_memory_equal(pdu.bind_ack.address, "\\PIPE\\?[31maaa", 14);
    pdu = read_good(&arena, "bind_nak-version");
    assert_int_equal(pdu.bind_nak.count, 2);
    assert_int_equal(pdu.bind_nak.versions[1].minor, 1);
    arena_done(&arena);
}

/* ---- writing; impacket and tshark read these bytes as what they mean ---- */

static void test_bind(void **state)
{
    (void)state;
    static const uint8_t expected[] = {5, 0, 11, 7, 0x10, 0, 0, 0, 83, 0, 3, 0, 9, 0, 0, 0, /* */
        0xd0, 0x16, 0xd0, 0x16, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0, 0x00, 0xdb, 0xf1, 0xa4, 0x47,
        0xca, 0x67, 0x10, 0xb3, 0x1f, 0x00, 0xdd, 0x01, 0x06, 0x62, 0xda, 0, 0, 81, 0, 0x04, 0x5d,
        0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, 0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60, 2, 0, 0,
        0, /* trailer */ 16, 6, 0, 0, 5, 0, 0, 0, 'a', 'b', 'c'};
    uint8_t bytes[128];
    struct rpc_bind bind = rpc_bind_to(&rpc_emsmdb, 2);
    struct rpc_auth auth = {.type = RPC_AUTH_KERBEROS,
        .level = RPC_LEVEL_PRIVACY,
        .context_id = 5,
        .token = (const uint8_t *)"abc",
        .length = 3};
    struct writer writer = writer_of(bytes, sizeof bytes);
    assert_true(rpc_write_bind(&writer, RPC_BIND, 9, &bind, &auth));
    assert_int_equal(writer.length, sizeof expected);
    assert_memory_equal(bytes, expected, sizeof expected);
    struct rpc_pdu pdu;
    assert_true(rpc_read(bytes, writer.length, &pdu, NULL));
    assert_true(rpc_syntax_equal(&pdu.bind.abstract, &rpc_emsmdb));
    assert_true(rpc_syntax_equal(&pdu.bind.transfer, &rpc_ndr20));
    assert_int_equal(pdu.bind.context_id, 2);
    /* No signed headers are asked for at a level that signs nothing, and no room is an error. */
    auth.level = RPC_LEVEL_CONNECT;
    writer = writer_of(bytes, sizeof bytes);
    assert_true(rpc_write_bind(&writer, RPC_ALTER_CONTEXT, 9, &bind, &auth));
    assert_int_equal(bytes[2], RPC_ALTER_CONTEXT);
    assert_int_equal(bytes[3], RPC_FIRST_FRAGMENT | RPC_LAST_FRAGMENT);
    writer = writer_of(bytes, 82);
    assert_false(rpc_write_bind(&writer, RPC_BIND, 9, &bind, &auth));
    writer = writer_of(bytes, sizeof bytes);
    auth.length = 0;
    assert_false(rpc_write_auth3(&writer, 9, &auth));
    assert_false(rpc_write_bind(&writer, RPC_BIND, 9, &bind, &auth));
}

static void test_auth3(void **state)
{
    (void)state;
    static const uint8_t expected[] = {5, 0, 16, 3, 0x10, 0, 0, 0, 31, 0, 3, 0, 9, 0, 0, 0, 0, 0, 0,
        0, 10, 2, 0, 0, 1, 0, 0, 0, 'x', 'y', 'z'};
    uint8_t bytes[64];
    struct rpc_auth auth = {.type = RPC_AUTH_NTLM,
        .level = RPC_LEVEL_CONNECT,
        .context_id = 1,
        .token = (const uint8_t *)"xyz",
        .length = 3};
    struct writer writer = writer_of(bytes, sizeof bytes);
    assert_true(rpc_write_auth3(&writer, 9, &auth));
    assert_int_equal(writer.length, sizeof expected);
    assert_memory_equal(bytes, expected, sizeof expected);
}

/* ---- words ---- */

static void test_status(void **state)
{
    (void)state;
    static const struct {
        uint32_t code;
        const char *name;
        enum cause cause;
    } cases[] = {
        {5, "ERROR_ACCESS_DENIED", CAUSE_ACCESS_DENIED},
        {0x6ba, "RPC_S_SERVER_UNAVAILABLE", CAUSE_UNREACHABLE},
        {0x6bb, "RPC_S_SERVER_TOO_BUSY", CAUSE_SERVER_BUSY},
        {0x6be, "RPC_S_CALL_FAILED", CAUSE_RPC_FAULT},
        {0x6bf, "RPC_S_CALL_FAILED_DNE", CAUSE_RPC_FAULT},
        {1825, "RPC_S_SEC_PKG_ERROR", CAUSE_LOGON_REFUSED},
        {0x1c010002, "nca_s_op_rng_error", CAUSE_NOT_EXCHANGE},
        {0x1c010003, "nca_s_unk_if", CAUSE_NOT_EXCHANGE},
        {0x1c00001a, "nca_s_fault_context_mismatch", CAUSE_RPC_FAULT},
        {0x16c9a0d6, "ept_s_not_registered", CAUSE_NOT_EXCHANGE},
        {0x12345678, NULL, CAUSE_RPC_FAULT},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fault fault = {0};
        const struct rpc_status *status = rpc_status_find(cases[i].code);
        assert_int_equal(status == NULL, cases[i].name == NULL);
        assert_false(rpc_status_fault(cases[i].code, "the server", &fault));
        assert_int_equal(fault.cause, cases[i].cause);
        assert_int_equal(fault.code, cases[i].code);
        if (status != NULL) {
            assert_string_equal(status->name, cases[i].name);
            assert_non_null(strstr(fault.text, status->words));
            assert_non_null(strstr(rpc_status_text(&arena, cases[i].code), status->words));
        }
    }
    assert_string_equal(rpc_status_text(&arena, 0x12345678), "status 0x12345678");
    arena_done(&arena);
}

static void test_nak(void **state)
{
    (void)state;
    static const enum cause causes[] = {CAUSE_RPC_FAULT, CAUSE_SERVER_BUSY, CAUSE_SERVER_BUSY,
        CAUSE_RPC_FAULT, CAUSE_RPC_FAULT, CAUSE_RPC_FAULT, CAUSE_RPC_FAULT, CAUSE_RPC_FAULT,
        CAUSE_NO_SCHEME, CAUSE_LOGON_REFUSED, CAUSE_RPC_FAULT};
    for (uint16_t reason = 0; reason < sizeof causes / sizeof causes[0]; reason++) {
        struct fault fault = {0};
        assert_false(rpc_nak_fault(&(struct rpc_bind_nak){.reason = reason}, &fault));
        assert_int_equal(fault.cause, causes[reason]);
        assert_int_equal(fault.code, reason);
        assert_non_null(strstr(fault.text, rpc_nak_words(reason)));
    }
    assert_string_equal(rpc_nak_words(65535), "a reason that is not known");
    assert_string_equal(rpc_reject_words(65535), "a reason that is not known");
}

static void test_uuid(void **state)
{
    (void)state;
    static const struct {
        const struct rpc_syntax *syntax;
        const char *uuid, *text;
    } cases[] = {
        {&rpc_emsmdb, "a4f1db00-ca47-1067-b31f-00dd010662da", "EMSMDB 0.81"},
        {&rpc_async_emsmdb, "5261574a-4572-206e-b268-6b199213b4e4", "AsyncEMSMDB 0.1"},
        {&rpc_nspi, "f5cc5a18-4264-101a-8c59-08002b2f8426", "NSPI 56.0"},
        {&rpc_rfri, "1544f5e0-613c-11d1-93df-00c04fd7bd09", "RFRI 1.0"},
        {&rpc_epm, "e1af8308-5d1f-11c9-91a4-08002b14a0fa", "EPM 3.0"},
        {&rpc_ndr20, "8a885d04-1ceb-11c9-9fe8-08002b104860", "NDR 2.0"},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(rpc_uuid_text(&arena, &cases[i].syntax->uuid), cases[i].uuid);
        assert_string_equal(rpc_interface_text(&arena, cases[i].syntax), cases[i].text);
    }
    struct rpc_syntax other = {.uuid = {.low = 1}, .major = 2, .minor = 3};
    assert_string_equal(
        rpc_interface_text(&arena, &other), "00000001-0000-0000-0000-000000000000 2.3");
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_bind_ack),
        cmocka_unit_test(test_bind),
        cmocka_unit_test(test_auth3),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_nak),
        cmocka_unit_test(test_uuid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
