#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/krberr.h"
#include "tests/unit/sample.h"

#include <string.h>

static void test_ntstatus(void **state)
{
    (void)state;
    static const struct {
        const char *sample;
        uint32_t status;
    } table[] = {
        {"krberr/error-data-locked", 0xC0000234},
        {"krberr/method-data-disabled", 0xC0000072},
        {"krberr/typed-data-expired", 0xC0000193},
        {"krberr/preauth-required", 0},
        {"krberr/salt-not-status", 0},
        {"krberr/truncated", 0},
        {"krberr/indefinite", 0},
        {"krberr/huge-length", 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct arena arena = {0};
        size_t length = 0;
        char *bytes = sample_read(&arena, table[i].sample, &length);
        uint32_t status = krb_edata_ntstatus(bytes, length);
        if (status != table[i].status)
            fail_msg("%s: %08x", table[i].sample, (unsigned)status);
        arena_done(&arena);
    }
    assert_int_equal(krb_edata_ntstatus(NULL, 0), 0);
    /* PA-PW-SALT of twelve octets with zeros where KERB-EXT-ERROR has its reserved field. */
    static const uint8_t salt[] = {0x30, 0x15, 0xA1, 0x03, 0x02, 0x01, 0x03, 0xA2, 0x0E, 0x04, 0x0C,
        'a', 'b', 'c', 'd', 0, 0, 0, 0, 1, 0, 0, 0};
    assert_int_equal(krb_edata_ntstatus(salt, sizeof salt), 0);
}

static void test_etypes(void **state)
{
    (void)state;
    struct arena arena = {0};
    int32_t etypes[8] = {0};
    char salt[64] = "";
    size_t length = 0;
    char *bytes = sample_read(&arena, "krberr/preauth-required", &length);
    assert_int_equal(krb_edata_etypes(bytes, length, etypes, 8), 3);
    assert_int_equal(etypes[0], 18);
    assert_int_equal(etypes[1], 17);
    assert_int_equal(etypes[2], 23);
    assert_int_equal(krb_edata_etypes(bytes, length, etypes, 2), 2);
    assert_int_equal(krb_edata_etypes(bytes, length, NULL, 0), 0);
    assert_true(krb_edata_salt(bytes, length, salt, sizeof salt));
    assert_string_equal(salt, "CONTOSO.TESTsvc");
    assert_true(krb_edata_salt(bytes, length, salt, 16));
    assert_false(krb_edata_salt(bytes, length, salt, 15));

    bytes = sample_read(&arena, "krberr/etype-info-negative", &length);
    assert_int_equal(krb_edata_etypes(bytes, length, etypes, 8), 2);
    assert_int_equal(etypes[0], 23);
    assert_int_equal(etypes[1], -133);
    assert_true(krb_edata_salt(bytes, length, salt, sizeof salt));
    assert_string_equal(salt, "");

    bytes = sample_read(&arena, "krberr/error-data-locked", &length);
    assert_int_equal(krb_edata_etypes(bytes, length, etypes, 8), 0);
    assert_false(krb_edata_salt(bytes, length, salt, sizeof salt));
    arena_done(&arena);
}

/* Every cut of a good answer gives at most what the whole gives (ASan watches the reads). */
static void test_cut(void **state)
{
    (void)state;
    struct arena arena = {0};
    size_t length = 0;
    char *bytes = sample_read(&arena, "krberr/preauth-required", &length);
    for (size_t cut = 0; cut < length; cut++) {
        int32_t etypes[8];
        void *copy = arena_copy(&arena, bytes, cut);
        assert_int_equal(krb_edata_etypes(copy, cut, etypes, 8), 0); /* the outermost is cut */
        assert_int_equal(krb_edata_ntstatus(copy, cut), 0);
    }
    arena_done(&arena);
}

static void test_causes(void **state)
{
    (void)state;
    static const struct {
        uint32_t status;
        enum cause cause;
    } table[] = {
        {0xC000006D, CAUSE_LOGON_REFUSED},
        {0xC000006E, CAUSE_LOGON_REFUSED},
        {0xC000006F, CAUSE_LOGON_HOURS},
        {0xC0000070, CAUSE_LOGON_WORKSTATION},
        {0xC0000071, CAUSE_PASSWORD_EXPIRED},
        {0xC0000072, CAUSE_ACCOUNT_DISABLED},
        {0xC0000193, CAUSE_ACCOUNT_EXPIRED},
        {0xC0000224, CAUSE_PASSWORD_MUST_CHANGE},
        {0xC0000234, CAUSE_ACCOUNT_LOCKED},
        {0xC000006A, CAUSE_PASSWORD_WRONG},
        {0xC0000064, CAUSE_ACCOUNT_UNKNOWN},
        {0xC0000133, CAUSE_CLOCK_SKEW},
        {0, CAUSE_NONE},
        {0xC0000001, CAUSE_NONE},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_int_equal(ntstatus_cause(table[i].status), table[i].cause);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ntstatus),
        cmocka_unit_test(test_etypes),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_causes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
