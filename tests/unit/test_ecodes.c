#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/ecodes.h"

#include <string.h>

struct row {
    uint32_t code;
    const char *name;
};

static void test_names(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {0, "ecNone"},
        {0x11c, "ecProfileNotConfigured"},
        {0x3eb, "ecUnknownUser"},
        {0x3ef, "ecUnknownCodePage"},
        {0x3f2, "ecLoginPerm"},
        {0x478, "ecWrongServer"},
        {0x47d, "ecBufferTooSmall"},
        {0x47f, "ecServerPaused"},
        {0x480, "ecServerBusy"},
        {0x4b6, "ecRpcFormat"},
        {0x4b9, "ecNullObject"},
        {0x4df, "ecClientVerDisallowed"},
        {0x4e0, "ecRpcHttpDisallowed"},
        {0x4e1, "ecCachedModeRequired"},
        {0x50c, "ecMailboxInTransit"},
        {0x7d8, "ecProtocolDisabled"},
        {0x96c, "ecMailboxDisabled"},
        {0x970, "ecNotEncrypted"},
        {0x976, "ecRpcOutOfResources"},
        {UINT32_C(0x80004005), "ecError"},
        {UINT32_C(0x8004010f), "ecNotFound"},
        {UINT32_C(0x80040110), "ecVersionMismatch"},
        {UINT32_C(0x80040111), "ecLoginFailure"},
        {UINT32_C(0x80040115), "MAPI_E_NETWORK_ERROR"},
        {UINT32_C(0x8004011d), "MAPI_E_FAILONEPROVIDER"},
        {UINT32_C(0x80070005), "ecAccessDenied"},
        {UINT32_C(0x80070057), "ecInvalidParam"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *name = ecode_name(rows[i].code);
        if (name == NULL)
            fail_msg("0x%x has no name", (unsigned)rows[i].code);
        assert_string_equal(name, rows[i].name);
        assert_non_null(strstr(ecode_words(rows[i].code), " "));
    }
}

static void test_causes(void **state)
{
    (void)state;
    static const struct {
        uint32_t code;
        enum cause cause;
    } rows[] = {
        {EC_NONE, CAUSE_NONE},
        {EC_LOGIN_FAILURE, CAUSE_LOGON_REFUSED},
        {EC_NOT_FOUND, CAUSE_NO_OBJECT},
        {UINT32_C(0x00040380), CAUSE_MAPI_ERROR},
        {UINT32_C(0x80040700), CAUSE_AMBIGUOUS},
        {EC_ACCESS_DENIED, CAUSE_ACCESS_DENIED},
        {EC_UNKNOWN_USER, CAUSE_NO_MAILBOX},
        {EC_WRONG_SERVER, CAUSE_REFERRAL},
        {EC_SERVER_PAUSED, CAUSE_SERVER_BUSY},
        {1, CAUSE_MAPI_ERROR},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(ecode_cause(rows[i].code), rows[i].cause);
}

/* The search needs the table in order: every code that a scan finds must be found. */
static void test_all_found(void **state)
{
    (void)state;
    size_t found = 0;
    for (uint32_t code = 0; code < 0x1000; code++) {
        found += ecode_name(code) != NULL;
        found += ecode_name(UINT32_C(0x80040000) + code) != NULL;
    }
    found += ecode_name(UINT32_C(0x00040380)) != NULL;
    found += ecode_name(UINT32_C(0x80004002)) != NULL;
    found += ecode_name(UINT32_C(0x80004005)) != NULL;
    found += ecode_name(UINT32_C(0x80070005)) != NULL;
    found += ecode_name(UINT32_C(0x8007000e)) != NULL;
    found += ecode_name(UINT32_C(0x80070057)) != NULL;
    assert_int_equal(found, 119);
}

static void test_unknown(void **state)
{
    (void)state;
    assert_null(ecode_name(1));
    assert_null(ecode_name(UINT32_MAX));
    assert_string_equal(ecode_words(1), "an error code that is not in our table");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_all_found),
        cmocka_unit_test(test_causes),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
