#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/rfri.h"
#include "tests/unit/sample.h"

#include <stdio.h>
#include <string.h>

/* Byte for byte what impacket makes of the same parameters, but its referent ids and padding. */
static void test_requests(void **state)
{
    (void)state;
    static const struct {
        enum rfri_opnum opnum;
        const char *dn, *hex;
    } requests[] = {
        {RFRI_NEW_DSA, "/o=Contoso/cn=svc",
            "000000001200000000000000120000002f6f3d436f6e746f736f2f636e3d73766300000000000000"
            "000002000400020001000000000000000100000000"},
        {RFRI_FQDN, "/o=Contoso/cn=EX1",
            "00000000120000001200000000000000120000002f6f3d436f6e746f736f2f636e3d45583100"},
    };
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        uint8_t bytes[RFRI_REQUEST_MAX];
        char hex[2 * sizeof bytes + 1] = "";
        struct writer writer = writer_of(bytes, sizeof bytes);
        assert_true(rfri_write(&writer, requests[i].opnum, requests[i].dn));
        for (size_t j = 0; j < writer.length; j++)
            snprintf(hex + 2 * j, 3, "%02x", bytes[j]);
        assert_string_equal(hex, requests[i].hex);
        writer = writer_of(bytes, strlen(hex) / 2 - 1);
        assert_false(rfri_write(&writer, requests[i].opnum, requests[i].dn));
    }
}

static void test_bounds(void **state)
{
    (void)state;
    uint8_t bytes[RFRI_REQUEST_MAX];
    char dn[RFRI_DN_MAX + 1] = "";
    memset(dn, 'x', RFRI_DN_MAX - 1);
    struct writer writer = writer_of(bytes, sizeof bytes);
    assert_true(rfri_write(&writer, RFRI_FQDN, dn));
    dn[RFRI_DN_MAX - 1] = 'x';
    writer = writer_of(bytes, sizeof bytes);
    assert_false(rfri_write(&writer, RFRI_FQDN, dn));
    assert_false(rfri_write(&writer, RFRI_FQDN, "/cn=EX1x")); /* 9 bytes */
    assert_true(rfri_write(&writer, RFRI_NEW_DSA, ""));
}

static void test_answers(void **state)
{
    (void)state;
    static const struct {
        const char *sample, *host, *fault;
        enum cause cause;
    } answers[] = {
        {"new-dsa", "gc1.contoso.test", "", CAUSE_NONE},
        {"fqdn", "ex1.contoso.test", "", CAUSE_NONE},
        {"new-dsa-failed", NULL,
            "RfrGetNewDSA answered 0x80004005 ecError: it failed without a reason",
            CAUSE_MAPI_ERROR},
        {"fqdn-none", NULL,
            "RfrGetFQDNFromServerDN answered 0x8004010F ecNotFound: there is no such object",
            CAUSE_NO_OBJECT},
        {"truncated", NULL,
            "the answer to RfrGetFQDNFromServerDN breaks its format at byte 33 of 34",
            CAUSE_MALFORMED},
        {"counts", NULL, "the answer to RfrGetFQDNFromServerDN breaks its format at byte 16 of 40",
            CAUSE_MALFORMED},
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct arena arena = {0};
        struct rfri_answer answer = {0};
        struct fault fault = {0};
        size_t length = 0;
        char *path = arena_printf(&arena, "rfri/%s", answers[i].sample);
        const char *bytes = sample_read(&arena, path, &length);
        enum rfri_opnum opnum = (enum rfri_opnum)bytes[0];
        bool ok = rfri_read(&arena, opnum, bytes + 1, length - 1, &answer, &fault);
        assert_int_equal(ok, answers[i].cause != CAUSE_MALFORMED);
        assert_int_equal(
            ok && rfri_succeeded(opnum, &answer, &fault), answers[i].cause == CAUSE_NONE);
        assert_string_equal(fault.text, answers[i].fault);
        assert_int_equal(fault.cause, answers[i].cause);
        if (answers[i].host == NULL)
            assert_null(answer.host);
        else
            assert_string_equal(answer.host, answers[i].host);
        arena_done(&arena);
    }
    struct rfri_answer nothing = {0};
    struct fault fault = {0};
    assert_false(rfri_succeeded(RFRI_NEW_DSA, &nothing, &fault));
    assert_string_equal(fault.text, "RfrGetNewDSA succeeded, but names no server");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
