/*
 * Silent, closing and lying LDAP servers, scripted on loopback: each step ends with the right
 * cause, in time, whatever comes. Needs no lab.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/directory.h"
#include "tests/integration/script_server.h"

/* ---- LDAP ---- */

static struct directory *connected(const struct server *server)
{
    net_sock sock = NET_SOCK_NONE;
    struct directory *directory = NULL;
    struct fault fault = {0};
    assert_true(sock_connect(&server->address, step_limit(-1), &sock, &fault));
    assert_true(directory_open(sock, NULL, &directory, &fault));
    return directory;
}

static bool search(struct directory *directory, int cancel_fd, struct directory_result *ret_result,
    struct arena *arena, struct fault *fault)
{
    static const char *const attributes[] = {"cn", NULL};
    struct directory_search question = {
        .base = "", .filter = "(objectClass=*)", .attributes = attributes, .max = 3};
    return directory_search(directory, &question, step_limit(cancel_fd), arena, ret_result, fault);
}

/* id 1, searchResEntry "" with cn: a. */
#define ENTRY                                                      \
    "\x30\x15\x02\x01\x01\x64\x10\x04\x00\x30\x0c\x30\x0a\x04\x02" \
    "cn"                                                           \
    "\x31\x04\x04\x02"                                             \
    "ab"
/* id 1, searchResDone success. */
#define DONE      "\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00"
#define OTHER_ID  "\x30\x0c\x02\x01\x63\x65\x07\x0a\x01\x00\x04\x00\x04\x00"
#define SIZELIMIT "\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x04\x04\x00\x04\x00"
#define REFERRED                                                               \
    "\x30\x23\x02\x01\x01\x65\x1e\x0a\x01\x0a\x04\x00\x04\x00\xa3\x15\x04\x13" \
    "ldap://evil.test/dc="

static char deep[4000];

static const struct {
    const char *what;
    struct script script;
    enum cause cause;
    size_t count;
    bool more;
} ldap_cases[] = {
    {"silent", {.eat = 1}, CAUSE_TIMEOUT, 0, false},
    {"closes", {.eat = 1, .close = true}, CAUSE_CLOSED, 0, false},
    {"length 84 ff ff ff ff", SAYS("\x30\x84\xff\xff\xff\xff\x02\x01\x01"), CAUSE_MALFORMED, 0,
        false},
    {"length of 5 bytes", SAYS("\x30\x85\x00\x00\x00\x00\x05"), CAUSE_MALFORMED, 0, false},
    {"indefinite", SAYS("\x30\x80\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00\x00\x00"),
        CAUSE_MALFORMED, 0, false},
    {"deep", {deep, sizeof deep, 1, 1, false, NULL}, CAUSE_MALFORMED, 0, false},
    {"child beyond its parent",
        SAYS("\x30\x0c\x02\x01\x01\x65\x70\x0a\x01\x00\x04\x00\x04"
             "\x00"),
        CAUSE_MALFORMED, 0, false},
    {"another tag", SAYS("\x31\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00"),
        CAUSE_MALFORMED, 0, false},
    {"HTTP", SAYS_AND_CLOSES("HTTP/1.1 400 Bad Request\r\n\r\n"), CAUSE_MALFORMED, 0, false},
    {"no message id", SAYS("\x30\x09\x65\x07\x0a\x01\x00\x04\x00\x04\x00"), CAUSE_MALFORMED, 0,
        false},
    {"a result without its fields", SAYS("\x30\x05\x02\x01\x01\x65\x00"), CAUSE_MALFORMED, 0,
        false},
    {"cut in the middle", SAYS_AND_CLOSES("\x30\x0c\x02\x01\x01\x65"), CAUSE_CLOSED, 0, false},
    {"answers to others for ever", REPEATS(OTHER_ID), CAUSE_TIMEOUT, 0, false},
    {"nothing found", SAYS(DONE), CAUSE_NONE, 0, false},
    {"two entries", SAYS(ENTRY ENTRY DONE), CAUSE_NONE, 2, false},
    {"entries for ever", REPEATS(ENTRY), CAUSE_NONE, 3, true},
    {"size limit", SAYS(ENTRY SIZELIMIT), CAUSE_NONE, 1, true},
    {"referral", SAYS(REFERRED), CAUSE_REFERRAL, 0, false},
};

static void test_ldap_scripts(void **unused)
{
    (void)unused;
    memset(deep, 0x30, sizeof deep);
    for (size_t i = 0; i < sizeof deep / 4; i++) {
        unsigned left = (unsigned)(sizeof deep - 4 * i - 4);
        deep[4 * i + 1] = (char)0x82;
        deep[4 * i + 2] = (char)(left >> 8);
        deep[4 * i + 3] = (char)(left & 0xff);
    }
    for (size_t i = 0; i < sizeof ldap_cases / sizeof ldap_cases[0]; i++) {
        struct server server;
        struct arena arena = {0};
        struct fault fault = {0};
        struct directory_result result = {0};
        server_start(&server, &ldap_cases[i].script);
        struct directory *directory = connected(&server);
        int64_t began = clock_monotonic_us();
        bool ok = search(directory, -1, &result, &arena, &fault);
        int64_t took = (clock_monotonic_us() - began) / 1000;
        expect_cause(ok, &fault, ldap_cases[i].cause, ldap_cases[i].what);
        if (took > STEP_MS + GRACE_MS)
            fail_msg("%s: took %ld ms", ldap_cases[i].what, (long)took);
        if (ok) {
            assert_int_equal(result.count, ldap_cases[i].count);
            assert_int_equal(result.more, ldap_cases[i].more);
        }
        directory_close(directory);
        assert_int_equal(server_stop(&server), 1);
        arena_done(&arena);
    }
}

static void test_ldap_cancel(void **unused)
{
    (void)unused;
    struct server server;
    struct arena arena = {0};
    struct fault fault = {0};
    struct directory_result result = {0};
    int wake = -1;
    assert_true(wake_open(&wake, &fault));
    server_start(&server, &(struct script){.eat = 1});
    struct directory *directory = connected(&server);
    wake_raise(wake);
    int64_t began = clock_monotonic_us();
    bool ok = search(directory, wake, &result, &arena, &fault);
    expect_cause(ok, &fault, CAUSE_INTERRUPTED, "cancelled");
    assert_true(clock_monotonic_us() - began < 100000);
    /* A broken connection stays broken. */
    ok = search(directory, -1, &result, &arena, &fault);
    expect_cause(ok, &fault, CAUSE_CLOSED, "after the cancellation");
    directory_close(directory);
    arena_done(&arena);
    server_stop(&server);
    wake_close(wake);
}

/* A bind that is answered with garbage where a sealed token should be, or goes on for ever. */
static void test_ldap_bind(void **unused)
{
    (void)unused;
    static const struct {
        const char *what;
        struct script script;
        enum cause cause;
    } cases[] = {
        {"silent", {.eat = 1}, CAUSE_TIMEOUT},
        {"no Type 2",
            SAYS("\x30\x12\x02\x01\x01\x61\x0d\x0a\x01\x0e\x04\x00\x04\x00\x87\x04"
                 "abcd"),
            CAUSE_MALFORMED},
        {"success at once", SAYS("\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"),
            CAUSE_MALFORMED},
        {"unavailable", SAYS("\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x34\x04\x00\x04\x00"),
            CAUSE_LDAP_RESULT},
    };
    struct secret *secret = NULL;
    struct fault fault = {0};
    assert_true(secret_new("secret", 6, &secret, &fault));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct server server;
        struct secctx *context = NULL;
        struct sec_target target = {
            .service = "ldap", .host = "dc.test", .flags = SEC_SIGN | SEC_SEAL};
        struct sec_account account = {.user = "u", .domain = "d", .secret = secret};
        bool sent = true;
        server_start(&server, &cases[i].script);
        struct directory *directory = connected(&server);
        assert_true(secctx_new(SEC_NTLM, &target, &account, &context, &fault));
        bool ok = directory_bind(directory, "GSS-SPNEGO", context, step_limit(-1), &sent, &fault);
        expect_cause(ok, &fault, cases[i].cause, cases[i].what);
        assert_false(sent);
        directory_close(directory);
        secctx_free(context);
        server_stop(&server);
    }
    secret_free(secret);
}

int main(void)
{
    struct fault fault = {0};
    if (!krb_global_init(&fault) || !directory_global_init(&fault)) {
        fprintf(stderr, "%s\n", fault.text);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ldap_scripts),
        cmocka_unit_test(test_ldap_cancel),
        cmocka_unit_test(test_ldap_bind),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    krb_global_done();
    return failed;
}
