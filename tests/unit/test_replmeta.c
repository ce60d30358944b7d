#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/replmeta.h"
#include "tests/unit/sample.h"

static void test_changes(void **state)
{
    (void)state;
    static const struct {
        const char *sample;
        uint32_t attribute;
        bool found;
        uint32_t version;
        int64_t changed;
        uint64_t usn;
    } table[] = {
        /* seconds since 1601: 13439836440 */
        {"protocol-settings", REPLMETA_PROTOCOL_SETTINGS, true, 7, 1795362840, 4711},
        {"protocol-settings", 0x00020001, true, 1, 1355526400, 4711},
        {"protocol-settings", 0x00020002, false, 0, 0, 0},
        /* an account of a Samba domain controller, protocolSettings written twice by its own id */
        {"domain-controller", 0xbbb49e9d, true, 2, 1795362840, 4345},
        {"domain-controller", 0x00090008, true, 4, 1795362760, 4267},
        {"domain-controller", REPLMETA_PROTOCOL_SETTINGS, false, 0, 0, 0},
        {"truncated", 0x00000000, false, 0, 0, 0},
        {"empty", 0x00000000, false, 0, 0, 0},
        {"huge-count", 0x00000000, false, 0, 0, 0},
        {"version-2", 0x00000000, false, 0, 0, 0},
        {"odd-times", REPLMETA_PROTOCOL_SETTINGS, false, 0, 0, 0},
        {"odd-times", 0x00020001, true, 1, -11644473600, 4711},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct arena arena = {0};
        struct replmeta_change change = {.version = 99};
        size_t length = 0;
        char *bytes =
            sample_read(&arena, arena_printf(&arena, "replmeta/%s", table[i].sample), &length);
        bool found = replmeta_find(bytes, length, table[i].attribute, &change);
        if (found != table[i].found)
            fail_msg("case %zu: found %d", i, found);
        assert_int_equal(change.version, found ? table[i].version : 99);
        if (found) {
            assert_int_equal(change.changed, table[i].changed);
            assert_int_equal(change.origin_usn, table[i].usn);
        }
        arena_done(&arena);
    }
}

/* Cut anywhere, the same bytes never give a change. */
static void test_truncation(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct replmeta_change change;
    size_t length = 0;
    char *bytes = sample_read(&arena, "replmeta/protocol-settings", &length);
    assert_true(replmeta_find(bytes, length, REPLMETA_PROTOCOL_SETTINGS, &change));
    for (size_t cut = 0; cut < length; cut++) {
        char *part = arena_copy(&arena, bytes, cut > 0 ? cut : 1);
        assert_false(replmeta_find(part, cut, REPLMETA_PROTOCOL_SETTINGS, &change));
    }
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
