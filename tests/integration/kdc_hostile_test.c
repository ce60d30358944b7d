/*
 * Silent, closing and lying KDCs, scripted on loopback. What matters most: a proof of the password
 * leaves this host once, whatever becomes of the connection. Needs no lab.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/krb.h"
#include "tests/integration/script_server.h"

static void test_kdc_scripts(void **unused)
{
    (void)unused;
    static const struct {
        const char *what;
        struct script script;
        enum cause cause;
        size_t connections;
    } cases[] = {
        {"silent", {.eat = 1}, CAUSE_TIMEOUT, 1},
        {"closes", {.eat = 1, .close = true}, CAUSE_CLOSED, 1},
        {"length ff ff ff ff", SAYS("\xff\xff\xff\xff"), CAUSE_MALFORMED, 1},
        {"length 0", SAYS("\x00\x00\x00\x00"), CAUSE_MALFORMED, 1},
        {"junk",
            SAYS("\x00\x00\x00\x04"
                 "junk"),
            CAUSE_MALFORMED, 1},
        {"empty KRB-ERROR", SAYS("\x00\x00\x00\x02\x7e\x00"), CAUSE_MALFORMED, 1},
        {"empty AS-REP", SAYS("\x00\x00\x00\x02\x6b\x00"), CAUSE_MALFORMED, 1},
        {"AS-REP of junk", SAYS("\x00\x00\x00\x06\x6b\x04\x30\x02\x05\x00"), CAUSE_NONE, 1},
        {"shorter than it says", SAYS_AND_CLOSES("\x00\x00\x01\x00\x7e\x82"), CAUSE_CLOSED, 1},
        {"SSH", SAYS("SSH-2.0-OpenSSH_9.2\r\n"), CAUSE_MALFORMED, 1},
    };
    struct fault fault = {0};
    struct krb *krb = NULL;
    struct secret *secret = NULL;
    assert_true(secret_new("secret", 6, &secret, &fault));
    assert_true(krb_new("u@d.test", "D.TEST", &krb, &fault));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct server server;
        struct krb_reply reply = {0};
        bool sent = true;
        server_start(&server, &cases[i].script);
        int64_t began = clock_monotonic_us();
        bool ok = krb_ask(krb, &server.address, NET_SOCK_NONE, step_limit(-1), &reply, &fault);
        assert_true((clock_monotonic_us() - began) / 1000 <= STEP_MS + GRACE_MS);
        expect_cause(ok, &fault, cases[i].cause, cases[i].what);
        assert_int_equal(server_stop(&server), cases[i].connections);

        server_start(&server, &cases[i].script);
        ok = krb_login(krb, &server.address, secret, step_limit(-1), &sent, &reply, &fault);
        expect_cause(ok, &fault,
            ok || cases[i].cause != CAUSE_NONE ? cases[i].cause : CAUSE_MALFORMED, cases[i].what);
        assert_false(sent);
        assert_false(krb_has_ticket(krb));
        server_stop(&server);
    }
    krb_free(krb);
    secret_free(secret);
}

static void test_kdc_refused_and_cancelled(void **unused)
{
    (void)unused;
    struct fault fault = {0};
    struct krb *krb = NULL;
    struct krb_reply reply = {0};
    struct server server;
    int wake = -1;
    assert_true(krb_new("u@d.test", "D.TEST", &krb, &fault));
    server_start(&server, &(struct script){.eat = 1});
    server_stop(&server); /* now nobody listens there */
    bool ok = krb_ask(krb, &server.address, NET_SOCK_NONE, step_limit(-1), &reply, &fault);
    expect_cause(ok, &fault, CAUSE_REFUSED, "nobody listens");

    assert_true(wake_open(&wake, &fault));
    server_start(&server, &(struct script){.eat = 1});
    wake_raise(wake);
    ok = krb_ask(krb, &server.address, NET_SOCK_NONE, step_limit(wake), &reply, &fault);
    expect_cause(ok, &fault, CAUSE_INTERRUPTED, "cancelled");
    server_stop(&server);
    wake_close(wake);
    krb_free(krb);
}

/* A KRB-ERROR as a KDC sends it, behind room for the length that TCP wants. */
struct message {
    char bytes[512];
    size_t length; /* with the four bytes */
};

static void make_error(
    int code, const char *edata, size_t edata_length, struct message *ret_message)
{
    krb5_context context = NULL;
    krb5_principal server = NULL;
    krb5_data encoded = {0};
    assert_int_equal(krb5_init_context(&context), 0);
    assert_int_equal(krb5_parse_name(context, "krbtgt/D.TEST@D.TEST", &server), 0);
    char copy[64];
    memcpy(copy, edata, edata_length);
    krb5_error error = {.error = (krb5_ui_4)code, .stime = 1800000000, .server = server};
    error.e_data = (krb5_data){.length = (unsigned)edata_length, .data = copy};
    assert_int_equal(krb5_mk_error(context, &error, &encoded), 0);
    assert_true(encoded.length + 4 <= sizeof ret_message->bytes);
    const char head[4] = {0, 0, (char)(encoded.length >> 8), (char)(encoded.length & 0xff)};
    memcpy(ret_message->bytes, head, sizeof head);
    memcpy(&ret_message->bytes[4], encoded.data, encoded.length);
    ret_message->length = encoded.length + 4;
    krb5_free_data_contents(context, &encoded);
    krb5_free_principal(context, server);
    krb5_free_context(context);
}

/* METHOD-DATA: PA-ENC-TIMESTAMP. */
#define WANTS_TIMESTAMP BYTES("\x30\x0b\x30\x09\xa1\x03\x02\x01\x02\xa2\x02\x04\x00")

/* Two requests reach the server, the second with the proof; never a third. */
static void log_in_once(
    struct server *server, const struct secret *secret, enum cause cause, const char *what)
{
    struct krb *krb = NULL;
    struct krb_reply reply = {0};
    struct fault fault = {0};
    bool sent = false;
    assert_true(krb_new("u@d.test", "D.TEST", &krb, &fault));
    bool ok = krb_login(krb, &server->address, secret, step_limit(-1), &sent, &reply, &fault);
    expect_cause(ok, &fault, cause, what);
    assert_true(sent);
    assert_int_equal(server_stop(server), 2);
    krb_free(krb);
}

static void test_one_proof(void **unused)
{
    (void)unused;
    struct message wants, wrong, skew, big;
    make_error(25, WANTS_TIMESTAMP, &wants);
    make_error(24, WANTS_TIMESTAMP, &wrong);
    make_error(37, "", 0, &skew);
    make_error(52, "", 0, &big);
    const struct script silent = {.eat = 1};
    const struct script closes = {.eat = 1, .close = true};
    const struct script says_wants = {wants.bytes, wants.length, 1, 1, false, NULL};
    const struct script says_wrong = {wrong.bytes, wrong.length, 1, 1, false, NULL};
    const struct script says_skew = {skew.bytes, skew.length, 1, 1, false, NULL};
    const struct script says_big = {big.bytes, big.length, 1, 1, false, NULL};
    const struct {
        const char *what;
        const struct script *second;
        enum cause cause;
    } cases[] = {
        {"silent after the proof", &silent, CAUSE_TIMEOUT},
        {"closes after the proof", &closes, CAUSE_CLOSED},
        {"wants it again", &says_wants, CAUSE_KDC_ERROR},
        {"wrong", &says_wrong, CAUSE_PASSWORD_WRONG},
        {"skew", &says_skew, CAUSE_CLOCK_SKEW},
        {"too big", &says_big, CAUSE_KDC_ERROR},
    };
    struct fault fault = {0};
    struct secret *secret = NULL;
    assert_true(secret_new("secret", 6, &secret, &fault));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int udp = 0; udp < 2; udp++) {
            struct server server;
            struct script first = {wants.bytes, wants.length, 1, 1, false, cases[i].second};
            struct script second = *cases[i].second;
            enum cause cause = cases[i].cause;
            if (udp != 0) {
                first = (struct script){&wants.bytes[4], wants.length - 4, 1, 1, false, &second};
                if (second.length > 0)
                    second.bytes = (const char *)second.bytes + 4;
                second.length -= second.length > 0 ? 4 : 0;
                if (cause == CAUSE_CLOSED)
                    cause = CAUSE_TIMEOUT; /* nothing comes */
                if (cases[i].second == &says_big)
                    cause = CAUSE_REFUSED; /* TCP would be needed */
                server_start_udp(&server, &first);
            } else {
                server_start(&server, &first);
            }
            log_in_once(&server, secret, cause, cases[i].what);
        }
    }
    secret_free(secret);
}

/* [MS-KILE] 2.2.1: PA-PW-SALT with an NTSTATUS. */
static void test_reasons(void **unused)
{
    (void)unused;
    static const struct {
        int code;
        unsigned char status[4];
        enum cause cause;
    } cases[] = {
        {6, {0}, CAUSE_ACCOUNT_UNKNOWN},
        {18, {0}, CAUSE_ACCOUNT_REVOKED},
        {18, {0x72, 0x00, 0x00, 0xc0}, CAUSE_ACCOUNT_DISABLED},
        {18, {0x34, 0x02, 0x00, 0xc0}, CAUSE_ACCOUNT_LOCKED},
        {18, {0x93, 0x01, 0x00, 0xc0}, CAUSE_ACCOUNT_EXPIRED},
        {12, {0x6f, 0x00, 0x00, 0xc0}, CAUSE_LOGON_HOURS},
        {12, {0x70, 0x00, 0x00, 0xc0}, CAUSE_LOGON_WORKSTATION},
        {12, {0}, CAUSE_KDC_ERROR},
        {23, {0}, CAUSE_PASSWORD_EXPIRED},
        {23, {0x24, 0x02, 0x00, 0xc0}, CAUSE_PASSWORD_MUST_CHANGE},
        {14, {0}, CAUSE_ENCRYPTION_TYPE},
        {37, {0}, CAUSE_CLOCK_SKEW},
        {68, {0}, CAUSE_KDC_ERROR},
        {60, {0}, CAUSE_KDC_ERROR},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        /* One PA-DATA of type 3: status, a zero and flags 1. */
        char edata[] = "\x30\x15\xa1\x03\x02\x01\x03\xa2\x0e\x04\x0c"
                       "\0\0\0\0\0\0\0\0\x01\0\0\0";
        memcpy(&edata[11], cases[i].status, 4);
        bool any = cases[i].status[3] != 0;
        struct message message;
        make_error(cases[i].code, edata, any ? 23 : 0, &message);
        const struct script script = {message.bytes, message.length, 1, 1, false, NULL};
        struct server server;
        struct krb *krb = NULL;
        struct krb_reply reply = {0};
        struct fault fault = {0};
        server_start(&server, &script);
        assert_true(krb_new("u@d.test", "D.TEST", &krb, &fault));
        bool ok = krb_ask(krb, &server.address, NET_SOCK_NONE, step_limit(-1), &reply, &fault);
        char what[32];
        snprintf(what, sizeof what, "KRB-ERROR %d", cases[i].code);
        expect_cause(ok, &fault, cases[i].cause, what);
        assert_int_equal(fault.code, cases[i].code);
        assert_int_equal(reply.error, cases[i].code);
        assert_int_equal(reply.server_time, 1800000000);
        assert_int_equal(reply.ntstatus != 0, any);
        krb_free(krb);
        server_stop(&server);
    }
}

int main(void)
{
    struct fault fault = {0};
    if (!krb_global_init(&fault)) {
        fprintf(stderr, "%s\n", fault.text);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kdc_scripts),
        cmocka_unit_test(test_kdc_refused_and_cancelled),
        cmocka_unit_test(test_one_proof),
        cmocka_unit_test(test_reasons),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    krb_global_done();
    return failed;
}
