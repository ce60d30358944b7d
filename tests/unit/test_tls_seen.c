#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/tls_private.h"

/* The judge: which of several verify errors is named, and in which words. */

enum {
    EXPIRED = X509_V_ERR_CERT_HAS_EXPIRED,
    NOT_YET = X509_V_ERR_CERT_NOT_YET_VALID,
    NAME = X509_V_ERR_HOSTNAME_MISMATCH,
    ADDRESS = X509_V_ERR_IP_ADDRESS_MISMATCH,
    PURPOSE = X509_V_ERR_INVALID_PURPOSE,
    SELF = X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
    ROOT = X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
    NO_ISSUER = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
    NO_LEAF = X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
    SIGNATURE = X509_V_ERR_CERT_SIGNATURE_FAILURE
};

enum chain { ALONE, ALONE_WITH_AIA, TWO };

struct row {
    struct tls_error errors[4]; /* up to code 0 */
    enum chain chain;
    enum cause cause; /* NONE: no fault */
    long code;
    const char *text;
};

static const struct row rows[] = {
    {{{0, 0}}, ALONE, CAUSE_NONE, 0, NULL},
    {{{EXPIRED, 0}}, ALONE, CAUSE_CERT_EXPIRED, EXPIRED,
        "the certificate of mail.test expired on 2024-01-31"},
    {{{NOT_YET, 0}}, ALONE, CAUSE_CERT_NOT_YET_VALID, NOT_YET, "not valid before 2023-01-01"},
    {{{EXPIRED, 1}}, TWO, CAUSE_CERT_EXPIRED, EXPIRED,
        "a certificate in the chain of mail.test expired on 2025"},
    {{{NAME, 0}}, ALONE, CAUSE_CERT_NAME, NAME,
        "not for mail.test but for a.test, b.test, c.test and 1 more"},
    {{{ADDRESS, 0}}, ALONE, CAUSE_CERT_NAME, ADDRESS, NULL},
    {{{PURPOSE, 0}}, ALONE, CAUSE_CERT_PURPOSE, PURPOSE, NULL},
    {{{SELF, 0}}, ALONE, CAUSE_CERT_SELF_SIGNED, SELF, "CN=leaf"},
    {{{ROOT, 1}}, TWO, CAUSE_CERT_UNTRUSTED, ROOT, "CN=root"},
    {{{NO_ISSUER, 0}, {NO_LEAF, 0}}, ALONE, CAUSE_CERT_UNTRUSTED, NO_ISSUER, "CN=ca"},
    {{{NO_ISSUER, 0}, {NO_LEAF, 0}}, ALONE_WITH_AIA, CAUSE_CERT_INCOMPLETE, NO_ISSUER,
        "CN=ca is missing"},
    {{{NO_ISSUER, 1}}, TWO, CAUSE_CERT_UNTRUSTED, NO_ISSUER, NULL},
    {{{SIGNATURE, 0}}, ALONE, CAUSE_CERT_INVALID, SIGNATURE, "signature"},
    /* in any order of discovery */
    {{{NO_ISSUER, 0}, {NAME, 0}, {EXPIRED, 0}}, ALONE, CAUSE_CERT_EXPIRED, EXPIRED,
        "; also wrong name, untrusted root"},
    {{{EXPIRED, 0}, {NAME, 0}, {NO_ISSUER, 0}}, ALONE, CAUSE_CERT_EXPIRED, EXPIRED,
        "; also wrong name, untrusted root"},
    {{{SELF, 0}, {NAME, 0}}, ALONE, CAUSE_CERT_NAME, NAME, "; also self-signed"},
    {{{SELF, 0}, {PURPOSE, 0}}, ALONE, CAUSE_CERT_PURPOSE, PURPOSE, "; also self-signed"},
    {{{SIGNATURE, 0}, {ROOT, 1}}, TWO, CAUSE_CERT_UNTRUSTED, ROOT, "; also invalid"},
    {{{EXPIRED, 1}, {EXPIRED, 0}}, TWO, CAUSE_CERT_EXPIRED, EXPIRED, "2024-01-31"},
    /* depths and codes that no sane library gives */
    {{{EXPIRED, 77}}, ALONE, CAUSE_CERT_EXPIRED, EXPIRED, NULL},
    {{{EXPIRED, -1}}, ALONE, CAUSE_CERT_EXPIRED, EXPIRED, NULL},
    {{{99999, 0}}, ALONE, CAUSE_CERT_INVALID, 99999, NULL},
};

static void test_certificates(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct tls_seen seen;
        struct fault fault = {0};
        tls_seen_init(&seen);
        seen.chain[0] = (struct tls_cert){.subject = "CN=leaf",
            .issuer = "CN=ca",
            .not_before = 1672531200,
            .not_after = 1706659200};
        seen.chain[1] = (struct tls_cert){.subject = "CN=root",
            .issuer = "CN=root",
            .self_signed = true,
            .not_after = 1740000000};
        seen.chain_count = row->chain == TWO ? 2 : 1;
        seen.chain[0].aia = row->chain == ALONE_WITH_AIA ? "http://pki.test/ca.crt" : NULL;
        seen.names[0] = "a.test";
        seen.names[1] = "b.test";
        seen.names[2] = "c.test";
        seen.names[3] = "d.test";
        seen.name_count = 4;
        while (seen.error_count < 4 && row->errors[seen.error_count].code != 0) {
            seen.errors[seen.error_count] = row->errors[seen.error_count];
            seen.error_count++;
        }
        bool bad = tls_seen_fault(&seen, "mail.test", &fault);
        if (bad != (row->cause != CAUSE_NONE) || fault.cause != row->cause ||
            fault.code != row->code || (row->text != NULL && strstr(fault.text, row->text) == NULL))
            fail_msg("row %zu: %s %ld \"%s\"", i, cause_str(fault.cause), fault.code, fault.text);
        if (bad)
            assert_int_equal(fault.origin, ORIGIN_X509);
        tls_seen_done(&seen);
    }
}

static void test_no_names(void **state)
{
    (void)state;
    struct tls_seen seen;
    struct fault fault = {0};
    tls_seen_init(&seen);
    seen.errors[0] = (struct tls_error){.code = NAME};
    seen.error_count = 1;
    assert_true(tls_seen_fault(&seen, "mail.test", &fault));
    assert_non_null(strstr(fault.text, "but for no name at all"));
    char name[2000];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    seen.names[0] = seen.names[1] = seen.names[2] = name;
    seen.name_count = 3;
    assert_true(tls_seen_fault(&seen, name, &fault));
    assert_int_equal(fault.cause, CAUSE_CERT_NAME);
    assert_true(strlen(fault.text) < FAULT_TEXT_SIZE);
}

/* ---- handshakes -------------------------------------------------------------------------------
 */

struct handshake {
    bool not_tls, wanted;
    int received, sent, reason, version;
    enum sock_end end;
    enum cause cause;
};

static const struct handshake handshakes[] = {
    {.received = -1, .sent = -1, .end = SOCK_CLOSED, .cause = CAUSE_CLOSED},
    {.received = -1, .sent = -1, .end = SOCK_RESET, .cause = CAUSE_RESET},
    {.received = -1, .sent = -1, .end = SOCK_OPEN, .cause = CAUSE_TLS_PROTOCOL},
    {.received = -1,
        .sent = -1,
        .end = SOCK_CLOSED,
        .cause = CAUSE_CLOSED,
        .reason = SSL_R_UNEXPECTED_EOF_WHILE_READING},
    {.received = 40, .sent = -1, .end = SOCK_CLOSED, .cause = CAUSE_TLS_ALERT},
    {.received = 40, .sent = -1, .end = SOCK_RESET, .cause = CAUSE_TLS_ALERT, .reason = 1040},
    {.received = 40, .sent = -1, .wanted = true, .cause = CAUSE_CLIENT_CERT_WANTED},
    {.received = 70, .sent = -1, .wanted = true, .cause = CAUSE_TLS_ALERT},
    {.received = 116, .sent = -1, .cause = CAUSE_CLIENT_CERT_WANTED},
    {.received = -1,
        .sent = 70,
        .end = SOCK_CLOSED,
        .cause = CAUSE_TLS_PROTOCOL,
        .reason = SSL_R_UNSUPPORTED_PROTOCOL},
    {.received = -1,
        .sent = -1,
        .end = SOCK_CLOSED,
        .cause = CAUSE_TLS_PROTOCOL,
        .version = TLS1_VERSION},
    {.received = -1,
        .sent = 70,
        .not_tls = true,
        .end = SOCK_RESET,
        .cause = CAUSE_NOT_TLS,
        .reason = SSL_R_WRONG_VERSION_NUMBER},
};

static void test_handshakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof handshakes / sizeof handshakes[0]; i++) {
        const struct handshake *row = &handshakes[i];
        struct tls_seen seen = {.not_tls = row->not_tls,
            .client_cert_wanted = row->wanted,
            .alert_received = row->received,
            .alert_sent = row->sent,
            .library_reason = row->reason,
            .server_version = row->version};
        struct fault fault = {0};
        assert_false(tls_handshake_fault(&seen, "mail.test", row->end, &fault));
        if (fault.cause != row->cause)
            fail_msg("row %zu: %s \"%s\"", i, cause_str(fault.cause), fault.text);
        assert_non_null(strstr(fault.text, "mail.test"));
    }
}

static void test_first_bytes(void **state)
{
    (void)state;
    struct tls_seen seen;
    tls_seen_init(&seen);
    tls_seen_first(&seen, "HTTP/", 5);
    tls_seen_first(&seen, "1.1\r\n\033[2J\xff", 10);
    assert_string_equal(seen.first_bytes, "HTTP/1.1...[2J.");
    char many[100];
    memset(many, 'x', sizeof many);
    tls_seen_first(&seen, many, sizeof many);
    assert_int_equal(strlen(seen.first_bytes), sizeof seen.first_bytes - 1);
    tls_seen_first(&seen, many, sizeof many);
    assert_int_equal(strlen(seen.first_bytes), sizeof seen.first_bytes - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_no_names),
        cmocka_unit_test(test_handshakes),
        cmocka_unit_test(test_first_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
