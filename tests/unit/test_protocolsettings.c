#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/protocolsettings.h"
#include "tests/unit/sample.h"

#include <string.h>

static void test_fields(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        unsigned index;
        const char *field; /* NULL: there is none */
    } table[] = {
        {"MAPI\xc2\xa7"
         "0",
            0, "MAPI"},
        {"MAPI\xc2\xa7"
         "0",
            1, "0"},
        {"MAPI\xc2\xa7"
         "0",
            2, NULL},
        {"MAPI\xa7\xa7"
         "1",
            1, ""},
        {"MAPI\xa7\xa7"
         "1",
            2, "1"},
        {"MAPI", 0, "MAPI"},
        {"MAPI", 1, NULL},
        {"MAPI\xc2\xa7", 1, ""},
        {"MAPI\xc2\xa7", 2, NULL},
        {"", 0, ""},
        {"", 1, NULL},
        {"\xc2\xa7\xc2\xa7", 1, ""},
        /* C3 A7 is "ç" */
        {"MAPI\xc3\xa7"
         "0",
            0,
            "MAPI\xc3\xa7"
            "0"},
        {"MAPI\xc3\xa7"
         "0",
            1, NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const char *field = NULL;
        size_t length = 0;
        bool found = protocolsettings_field(
            table[i].value, strlen(table[i].value), table[i].index, &field, &length);
        if (found != (table[i].field != NULL))
            fail_msg("case %zu: found %d", i, found);
        if (!found)
            continue;
        if (length != strlen(table[i].field) || memcmp(field, table[i].field, length) != 0)
            fail_msg("case %zu: \"%.*s\"", i, (int)length, field);
    }
}

enum { BLOCK = 100 }; /* in `says`: a block, not a protocol */

static void test_values(void **state)
{
    (void)state;
    static const struct {
        const char *sample;
        int says[4]; /* what is off or blocked, plus 1; 0 ends it */
        const char *versions;
    } table[] = {
        {"mapi-blocks",
            {PROTOCOL_MAPI_HTTP + 1, BLOCK + MAPI_BLOCK_VERSIONS + 1,
                BLOCK + MAPI_BLOCK_RPC_HTTP + 1, BLOCK + MAPI_BLOCK_EXTERNAL + 1},
            "-11.9999.9999;14.0.0-14.9.9"},
        {"mapi-off", {PROTOCOL_MAPI + 1}, ""},
        {"http-off", {PROTOCOL_OWA + 1}, ""},
        {"owa-off-latin1", {PROTOCOL_OWA + 1}, ""},
        {"pop3-off-latin1", {PROTOCOL_POP3 + 1}, ""},
        {"imap4-off", {PROTOCOL_IMAP4 + 1}, ""},
        {"remote-powershell", {0}, ""},
        {"other-a7", {0}, ""},
        {"name-only", {0}, ""},
        {"separator-only", {0}, ""},
        {"lead-only", {0}, ""},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct arena arena = {0};
        struct protocol_settings settings = {.versions = ""};
        size_t length = 0, said = 0, expected = 0;
        char *value = sample_read(
            &arena, arena_printf(&arena, "protocolsettings/%s", table[i].sample), &length);
        protocolsettings_read(&settings, value, length);
        for (int n = 0; n < PROTOCOL_COUNT; n++)
            said += settings.off[n] ? 1 : 0;
        for (int n = 0; n < MAPI_BLOCK_COUNT; n++)
            said += settings.mapi_blocks[n] ? 1 : 0;
        for (size_t n = 0; n < 4 && table[i].says[n] != 0; n++) {
            int what = table[i].says[n] - 1;
            bool is = what >= BLOCK ? settings.mapi_blocks[what - BLOCK] : settings.off[what];
            if (!is)
                fail_msg("%s: %zu is not said", table[i].sample, n);
            expected++;
        }
        if (said != expected)
            fail_msg("%s: %zu things said, not %zu", table[i].sample, said, expected);
        assert_string_equal(settings.versions, table[i].versions);
        arena_done(&arena);
    }
}

/* Fields of MAPI one by one: each position means its own. */
static void test_mapi_positions(void **state)
{
    (void)state;
    static const struct {
        unsigned position;
        const char *value;
        int says; /* as above */
    } table[] = {
        {1, "0", PROTOCOL_MAPI + 1},
        {1, "1", 0},
        {2, "1", BLOCK + MAPI_BLOCK_NON_CACHED + 1},
        {2, "0", 0},
        {3, "1", 0},
        {4, "0", 0},
        {4, "12.0.0", BLOCK + MAPI_BLOCK_VERSIONS + 1},
        {5, "1", BLOCK + MAPI_BLOCK_RPC_HTTP + 1},
        {6, "1", 0},
        {7, "1", 0},
        {8, "1", 0},
        {9, "N", PROTOCOL_MAPI_HTTP + 1},
        {9, "n", PROTOCOL_MAPI_HTTP + 1},
        {9, "Y", 0},
        {9, "U", 0},
        {10, "1", BLOCK + MAPI_BLOCK_EXTERNAL + 1},
        {10, "0", 0},
        {11, "1", 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct arena arena = {0};
        const char *value = "mapi";
        for (unsigned n = 1; n <= 11; n++)
            value = arena_printf(
                &arena, "%s\xc2\xa7%s", value, n == table[i].position ? table[i].value : "");
        struct protocol_settings settings = {.versions = ""};
        protocolsettings_read(&settings, value, strlen(value));
        for (int n = 0; n < PROTOCOL_COUNT; n++) {
            if (settings.off[n] != (table[i].says == n + 1))
                fail_msg("case %zu: %s", i, protocol_str((enum protocol)n));
        }
        for (int n = 0; n < MAPI_BLOCK_COUNT; n++) {
            if (settings.mapi_blocks[n] != (table[i].says == BLOCK + n + 1))
                fail_msg("case %zu: %s", i, mapi_block_str((enum mapi_block)n));
        }
        arena_done(&arena);
    }
}

static void test_long_versions(void **state)
{
    (void)state;
    struct arena arena = {0};
    size_t length = 0;
    char *value = sample_read(&arena, "protocolsettings/long-versions", &length);
    struct protocol_settings settings = {.versions = ""};
    protocolsettings_read(&settings, value, length);
    assert_true(settings.mapi_blocks[MAPI_BLOCK_VERSIONS]);
    assert_int_equal(strlen(settings.versions), MAPI_VERSIONS_SIZE - 1);
    arena_done(&arena);
}

static void test_activesync(void **state)
{
    (void)state;
    static const struct {
        long long flags;
        bool off;
    } table[] = {{0, false}, {1, false}, {2, false}, {3, false}, {4, true}, {5, true}, {7, true},
        {-1, false}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_int_equal(activesync_off(table[i].flags), table[i].off);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_mapi_positions),
        cmocka_unit_test(test_long_versions),
        cmocka_unit_test(test_activesync),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
