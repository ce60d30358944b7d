#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/epm.h"
#include "tests/unit/sample.h"

#include <string.h>

/* Impacket and tshark read these bytes as a map of NSPI over ncacn_ip_tcp in five floors. */
static void test_request(void **state)
{
    (void)state;
    static const uint8_t expected[] = {0, 0, 0, 0, 0, 0, 2, 0, 75, 0, 0, 0, 75, 0, 0, 0, /* */
        5, 0, 19, 0, 13, 0x18, 0x5a, 0xcc, 0xf5, 0x64, 0x42, 0x1a, 0x10, 0x8c, 0x59, 0x08, 0x00,
        0x2b, 0x2f, 0x84, 0x26, 56, 0, 2, 0, 0, 0, /* */
        19, 0, 13, 0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, 0x9f, 0xe8, 0x08, 0x00, 0x2b,
        0x10, 0x48, 0x60, 2, 0, 2, 0, 0, 0,                                      /* */
        1, 0, 11, 2, 0, 0, 0, 1, 0, 7, 2, 0, 0, 0, 1, 0, 9, 4, 0, 0, 0, 0, 0, 0, /* padding */
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,              /* handle */
        8, 0, 0, 0};
    uint8_t bytes[EPM_STUB_SIZE];
    struct writer writer = writer_of(bytes, sizeof bytes);
    assert_true(epm_write_map(&writer, &rpc_nspi));
    assert_int_equal(writer.length, sizeof expected);
    assert_memory_equal(bytes, expected, sizeof expected);
    writer = writer_of(bytes, sizeof expected - 1);
    assert_false(epm_write_map(&writer, &rpc_nspi));
    assert_int_equal(writer.length, 0);
}

/* The answers were written by impacket's NDR. */
static void test_answers(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t status;
        unsigned towers, count;
        struct epm_endpoint endpoints[2];
    } cases[] = {
        {"one", EPM_OK, 1, 1, {{{192, 0, 2, 9}, 49200}}},
        /* RPC over HTTP and another interface are skipped */
        {"several", EPM_OK, 4, 2, {{{192, 0, 2, 9}, 1}, {{0, 0, 0, 0}, 65535}}},
        {"alias", EPM_OK, 2, 1, {{{192, 0, 2, 9}, 49200}}},
        {"null-tower", EPM_OK, 1, 0, {{{0}, 0}}},
        {"port-0", EPM_OK, 1, 0, {{{0}, 0}}},
        {"older", EPM_OK, 1, 0, {{{0}, 0}}},
        {"none", EPM_NOT_REGISTERED, 0, 0, {{{0}, 0}}},
        {"denied", 5, 0, 0, {{{0}, 0}}},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t length = 0;
        char *path = arena_printf(&arena, "epm/%s", cases[i].name);
        const char *bytes = sample_read(&arena, path, &length);
        struct epm_answer answer;
        struct fault fault = {0};
        if (!epm_read_map(bytes, length, &rpc_nspi, &answer, &fault))
            fail_msg("%s: %s", cases[i].name, fault.text);
        assert_int_equal(answer.status, cases[i].status);
        assert_int_equal(answer.towers, cases[i].towers);
        if (answer.count != cases[i].count)
            fail_msg("%s: %u endpoints", cases[i].name, answer.count);
        for (unsigned j = 0; j < answer.count; j++) {
            assert_int_equal(answer.endpoints[j].port, cases[i].endpoints[j].port);
            assert_memory_equal(answer.endpoints[j].address, cases[i].endpoints[j].address, 4);
        }
    }
    arena_done(&arena);
}

static void test_malformed(void **state)
{
    (void)state;
    static const char *const names[] = {"cut", "count-differs", "tower-length", "tower-huge",
        "floors-7", "floors-65535", "floor-over", "nine"};
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t length = 0;
        const char *bytes = sample_read(&arena, arena_printf(&arena, "epm/%s", names[i]), &length);
        struct epm_answer answer;
        struct fault fault = {0};
        if (epm_read_map(bytes, length, &rpc_nspi, &answer, &fault))
            fail_msg("%s is read", names[i]);
        assert_int_equal(fault.cause, CAUSE_MALFORMED);
    }
    size_t length = 0;
    const char *bytes = sample_read(&arena, "epm/several", &length);
    for (size_t cut = 0; cut < length; cut++) {
        struct epm_answer answer;
        uint8_t *copy = arena_copy(&arena, bytes, cut);
        assert_false(epm_read_map(copy, cut, &rpc_nspi, &answer, NULL));
    }
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
