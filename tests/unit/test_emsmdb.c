#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/emsmdb.h"
#include "tests/unit/octets.h"
#include "tests/unit/sample.h"

static const char handle_hex[] = "00000000 78563412 bc9a f0de 0123456789abcdef";

/* A sample without its first byte, which tells the fuzz target what follows. */
static const void *body(struct arena *arena, const char *name, size_t *ret_length)
{
    char *bytes = sample_read(arena, arena_printf(arena, "emsmdb/%s", name), ret_length);
    *ret_length -= 1;
    return bytes + 1;
}

static void assert_written(const struct writer *writer, const char *hex)
{
    struct arena arena = {0};
    size_t length = 0;
    const uint8_t *wanted = octets(&arena, hex, &length);
    assert_true(writer_ok(writer));
    assert_int_equal(writer->length, length);
    assert_memory_equal(writer->bytes, wanted, length);
    arena_done(&arena);
}

/* The bytes are impacket's: its NDR engine over the IDL of [MS-OXCRPC] 6. */
static void test_connect_request(void **state)
{
    (void)state;
    uint8_t memory[512];
    struct writer writer = writer_of(memory, sizeof memory);
    const struct emsmdb_connect connect = {
        .user_dn = "/o=Contoso/ou=Exchange/cn=Recipients/cn=svc",
        .code_page = 1252,
        .lcid = 0x409,
        .client = {16, 0, 5266, 1000},
    };
    assert_true(emsmdb_connect_write(&writer, &connect));
    assert_written(&writer,
        "2c000000 00000000 2c000000 "
        "2f6f3d436f6e746f736f2f6f753d45786368616e67652f636e3d526563697069"
        "656e74732f636e3d73766300 00000000 00000000 00000000 e4040000 09040000 09040000 ffffffff"
        "0100 0010 9294 e803 00000000 00000000 00000000 08100000");
    writer = writer_of(memory, 100);
    assert_false(emsmdb_connect_write(&writer, &connect));
    char dn[EMSMDB_DN_MAX + 1];
    memset(dn, 'x', sizeof dn);
    dn[EMSMDB_DN_MAX] = '\0';
    writer = writer_of(memory, sizeof memory);
    assert_false(emsmdb_connect_write(&writer, &(struct emsmdb_connect){.user_dn = dn}));
}

static void test_connect_answer(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct emsmdb_session session;
    struct fault fault = {0};
    size_t length = 0;
    const void *stub = body(&arena, "connect", &length);
    assert_true(emsmdb_connect_read(stub, length, &arena, &session, &fault));
    assert_int_equal(session.result, 0);
    const uint8_t *handle = octets(&arena, handle_hex, &length);
    assert_memory_equal(session.handle.bytes, handle, sizeof session.handle.bytes);
    assert_false(emsmdb_handle_is_null(&session.handle));
    assert_int_equal(session.polls_max_ms, 60000);
    assert_int_equal(session.retry_count, 6);
    assert_int_equal(session.retry_delay_ms, 10000);
    assert_int_equal(session.session_index, 7);
    assert_string_equal(session.dn_prefix, "/o=Contoso/ou=Exchange/cn=Recipients/cn=");
    assert_string_equal(session.display_name, "Service Account");
    assert_int_equal(session.server.major, 15);
    assert_int_equal(session.server.minor, 1);
    assert_int_equal(session.server.build, 2507);
    assert_int_equal(session.server.revision, 6);
    assert_int_equal(session.best.major, 16);
    assert_int_equal(session.best.build, 5266);
    assert_int_equal(session.time_stamp, 0x11223344);
    struct ext_buffers aux;
    assert_true(ext_buffers_read(session.aux, session.aux_length, &arena, &aux, &fault));
    assert_int_equal(aux.count, 1);
    assert_int_equal(aux.payloads[0].length, 8);
    stub = body(&arena, "connect-unknown-user", &length);
    assert_true(emsmdb_connect_read(stub, length, &arena, &session, &fault));
    assert_int_equal(session.result, 0x3eb);
    assert_true(emsmdb_handle_is_null(&session.handle));
    assert_string_equal(session.display_name, "");
    assert_int_equal(session.aux_length, 0);
    arena_done(&arena);
}

/* Every cut of a good answer is refused. */
static void test_connect_cut(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct emsmdb_session session;
    struct fault fault = {0};
    size_t length = 0;
    const void *stub = body(&arena, "connect", &length);
    for (size_t cut = 0; cut < length; cut++) {
        if (emsmdb_connect_read(stub, cut, &arena, &session, &fault))
            fail_msg("%zu of %zu bytes are read", cut, length);
        assert_int_equal(fault.cause, CAUSE_MALFORMED);
    }
    stub = body(&arena, "connect-no-handle", &length);
    assert_false(emsmdb_connect_read(stub, length, &arena, &session, &fault));
    arena_done(&arena);
}

/* 3.1.4.1.3.1 */
static void test_versions(void **state)
{
    (void)state;
    static const struct {
        uint16_t words[3];
        struct build build;
    } rows[] = {
        {{0x000c, 0x183e, 0x03e8}, {12, 0, 6206, 1000}}, /* the old form: Outlook 2007 */
        {{0x0801, 0x8177, 0x0001}, {8, 1, 375, 1}},
        {{0x0f02, 0x8608, 0x0004}, {15, 2, 1544, 4}},
        {{0x0f14, 0xffff, 0xffff}, {15, 20, 32767, 65535}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct build build = emsmdb_version_from_words(rows[i].words);
        uint16_t words[3];
        assert_memory_equal(&build, &rows[i].build, sizeof build);
        emsmdb_version_to_words(&build, words);
        if (i > 0)
            assert_memory_equal(words, rows[i].words, sizeof words);
    }
}

static void test_rpc(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct emsmdb_handle handle;
    struct emsmdb_rpc rpc;
    struct fault fault = {0};
    uint8_t memory[512];
    struct writer writer = writer_of(memory, sizeof memory);
    size_t length = 0;
    memcpy(handle.bytes, octets(&arena, handle_hex, &length), sizeof handle.bytes);
    const uint8_t *rop = octets(&arena, "000004000700070002000100000000", &length);
    assert_true(emsmdb_rpc_write(&writer, &handle, rop, length));
    assert_written(&writer,
        "00000000 78563412 bc9af0de 01234567 89abcdef 03000000 0f000000 "
        "000004000700070002000100000000"
        "00 0f000000 07800000 00000000 00000000 08100000"); /* impacket's, too */
    writer = writer_of(memory, sizeof memory);
    assert_false(emsmdb_rpc_write(&writer, &handle, memory, EMSMDB_ROP_MAX + 1));
    const void *stub = body(&arena, "rpc", &length);
    assert_true(emsmdb_rpc_read(stub, length, &arena, &rpc, &fault));
    assert_memory_equal(rpc.handle.bytes, handle.bytes, sizeof handle.bytes);
    assert_int_equal(rpc.rop_length, 17);
    assert_int_equal(rpc.aux_length, 16);
    assert_int_equal(rpc.server_ms, 15);
    assert_int_equal(rpc.result, 0);
    for (size_t cut = 0; cut < length; cut++)
        assert_false(emsmdb_rpc_read(stub, cut, &arena, &rpc, &fault));
    stub = body(&arena, "rpc-format", &length);
    assert_true(emsmdb_rpc_read(stub, length, &arena, &rpc, &fault));
    assert_int_equal(rpc.result, 0x4b6);
    assert_true(emsmdb_handle_is_null(&rpc.handle));
    stub = body(&arena, "rpc-count-differs", &length);
    assert_false(emsmdb_rpc_read(stub, length, &arena, &rpc, &fault));
    stub = body(&arena, "rpc-huge-count", &length);
    assert_false(emsmdb_rpc_read(stub, length, &arena, &rpc, &fault));
    arena_done(&arena);
}

static void test_disconnect(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct emsmdb_handle handle;
    struct fault fault = {0};
    uint8_t memory[64];
    struct writer writer = writer_of(memory, sizeof memory);
    uint32_t result = 1;
    size_t length = 0;
    memcpy(handle.bytes, octets(&arena, handle_hex, &length), sizeof handle.bytes);
    assert_true(emsmdb_disconnect_write(&writer, &handle));
    assert_written(&writer, handle_hex);
    const void *stub = body(&arena, "disconnect", &length);
    assert_true(emsmdb_disconnect_read(stub, length, &handle, &result, &fault));
    assert_true(emsmdb_handle_is_null(&handle));
    assert_int_equal(result, 0);
    assert_false(emsmdb_disconnect_read(stub, length - 1, &handle, &result, &fault));
    assert_true(emsmdb_dummy_read("\0\0\0\0", 4, &result, &fault));
    assert_false(emsmdb_dummy_read("\0\0\0", 3, &result, &fault));
    arena_done(&arena);
}

/* [MS-XCA] 3.1 has both examples; DIRECT2 is the same code. */
static void test_decompress(void **state)
{
    (void)state;
    struct arena arena = {0};
    uint8_t out[300];
    size_t length = 0;
    const uint8_t *in =
        octets(&arena, "3f000000 6162636465666768696a6b6c6d6e6f707172737475767778797a", &length);
    assert_true(ext_decompress(in, length, out, 26));
    assert_memory_equal(out, "abcdefghijklmnopqrstuvwxyz", 26);
    in = octets(&arena, "ffffff1f 616263 1700 0f ff 2601", &length);
    assert_true(ext_decompress(in, length, out, 300));
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(out[i], "abc"[i % 3]);
    for (size_t cut = 0; cut < length; cut++)
        assert_false(ext_decompress(in, cut, out, 300));
    assert_false(ext_decompress(in, length, out, 299)); /* the match would run over the end */
    /* Two matches of 10 and 12 share one byte: 0 below, 2 above. */
    in = octets(&arena, "ffffff7f 61 0700 20 0700", &length);
    assert_true(ext_decompress(in, length, out, 1 + 10 + 12));
    assert_false(ext_decompress(in, length, out, 1 + 10 + 13));
    /* 25: half a byte full, and a byte of 0. */
    in = octets(&arena, "ffffff7f 61 0700 0f 00", &length);
    assert_true(ext_decompress(in, length, out, 1 + 25));
    /* A long form for a length that has a shorter one. */
    in = octets(&arena, "ffffff7f 61 0700 0f ff 1500", &length);
    assert_false(ext_decompress(in, length, out, 1 + 24));
    in = octets(&arena, "ffffff7f 61 0700 0f ff 1600", &length);
    assert_true(ext_decompress(in, length, out, 1 + 25));
    /* Further back than there are bytes. */
    in = octets(&arena, "ffffff7f 61 0800", &length);
    assert_false(ext_decompress(in, length, out, 4));
    arena_done(&arena);
}

static void test_buffers(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t count, length;
        uint8_t first;
    } good[] = {{"ext-plain", 1, 16, 1}, {"ext-two", 2, 16, 1}, {"ext-xor", 1, 16, 1},
        {"ext-lz77", 1, 300, 'a'}, {"ext-lz77-xor", 1, 300, 'a'}};
    static const struct {
        const char *name;
        enum cause cause;
    } bad[] = {{"ext-not-last", CAUSE_MALFORMED}, {"ext-size-differs", CAUSE_MALFORMED},
        {"ext-truncated", CAUSE_MALFORMED}, {"ext-lz77-literals", CAUSE_MALFORMED},
        {"ext-back-too-far", CAUSE_MALFORMED}, {"ext-bomb", CAUSE_TOO_LARGE}};
    struct arena arena = {0};
    struct ext_buffers buffers;
    struct fault fault = {0};
    size_t length = 0;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        const void *bytes = body(&arena, good[i].name, &length);
        if (!ext_buffers_read(bytes, length, &arena, &buffers, &fault))
            fail_msg("%s: %s", good[i].name, fault.text);
        assert_int_equal(buffers.count, good[i].count);
        assert_int_equal(buffers.payloads[0].length, good[i].length);
        assert_int_equal(buffers.payloads[0].bytes[0], good[i].first);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const void *bytes = body(&arena, bad[i].name, &length);
        if (ext_buffers_read(bytes, length, &arena, &buffers, &fault))
            fail_msg("%s is read", bad[i].name);
        assert_int_equal(fault.cause, bad[i].cause);
    }
    assert_true(ext_buffers_read(NULL, 0, &arena, &buffers, &fault));
    assert_int_equal(buffers.count, 0);
    arena_done(&arena);
}

static void test_buffer_write(void **state)
{
    (void)state;
    uint8_t memory[16];
    struct writer writer = writer_of(memory, sizeof memory);
    assert_true(ext_buffer_write(&writer, "ab", 2));
    assert_written(&writer, "0000 0400 0200 0200 6162");
    assert_false(ext_buffer_write(&writer, memory, UINT16_MAX + 1));
    writer = writer_of(memory, 9);
    assert_false(ext_buffer_write(&writer, "ab", 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect_request),
        cmocka_unit_test(test_connect_answer),
        cmocka_unit_test(test_connect_cut),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_rpc),
        cmocka_unit_test(test_disconnect),
        cmocka_unit_test(test_decompress),
        cmocka_unit_test(test_buffers),
        cmocka_unit_test(test_buffer_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
