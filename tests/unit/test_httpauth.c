#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/httpauth.h"

#include <stdlib.h>
#include <string.h>

struct expected {
    const char *scheme, *token, *realm, *uri;
};

static const struct {
    const char *value;
    bool good;
    struct expected list[5];
} table[] = {
    {"Negotiate", true, {{"Negotiate", NULL, NULL, NULL}}},
    {"NTLM TlRMTVNTUAACAAAA", true, {{"NTLM", "TlRMTVNTUAACAAAA", NULL, NULL}}},
    {"Negotiate YII=, NTLM", true, {{"Negotiate", "YII=", NULL, NULL}, {"NTLM", NULL, NULL, NULL}}},
    {"Negotiate  oYIBETCC==  ,NTLM", true,
        {{"Negotiate", "oYIBETCC==", NULL, NULL}, {"NTLM", NULL, NULL, NULL}}},
    {"Negotiate, NTLM, Basic realm=\"mail, \\\"x\\\"\"", true,
        {{"Negotiate", NULL, NULL, NULL}, {"NTLM", NULL, NULL, NULL},
            {"Basic", NULL, "mail, \"x\"", NULL}}},
    {"Basic realm=plain, charset=\"UTF-8\", Bearer authorization_uri=\"https://login.test/a,b\"",
        true, {{"Basic", NULL, "plain", NULL}, {"Bearer", NULL, NULL, "https://login.test/a,b"}}},
    {"basic REALM = \"\"", true, {{"basic", NULL, "", NULL}}},
    {"Bearer, , ,NTLM,", true, {{"Bearer", NULL, NULL, NULL}, {"NTLM", NULL, NULL, NULL}}},
    {"", true, {{NULL, NULL, NULL, NULL}}},
    {" ,, ", true, {{NULL, NULL, NULL, NULL}}},
    /* malformed: left out, the rest is kept */
    {"Basic realm=\"open, NTLM", false, {{NULL, NULL, NULL, NULL}}},
    {"Basic realm=a b, NTLM", false, {{"NTLM", NULL, NULL, NULL}}},
    {"Digest qop=\"auth,auth\" x, nonce=\"a, b\", NTLM", false, {{"NTLM", NULL, NULL, NULL}}},
    {"Negotiate a=b=c, NTLM", false, {{"NTLM", NULL, NULL, NULL}}},
    {"realm=\"x\", NTLM", false, {{"NTLM", NULL, NULL, NULL}}},
    {"(comment), NTLM", false, {{"NTLM", NULL, NULL, NULL}}},
    {"NTLM;x, Negotiate", false, {{"Negotiate", NULL, NULL, NULL}}},
    {"NTLM \xC3\xA4, Negotiate", false, {{"Negotiate", NULL, NULL, NULL}}},
};

static void check_text(const char *got, const char *wanted)
{
    if (wanted == NULL)
        assert_null(got);
    else
        assert_string_equal(got, wanted);
}

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct arena arena = {0};
        struct challenge list[CHALLENGES_MAX];
        size_t count = 0, wanted = 0;
        bool good = challenges_parse(&arena, table[i].value, list, &count);
        while (table[i].list[wanted].scheme != NULL)
            wanted++;
        if (good != table[i].good || count != wanted)
            fail_msg("%s: good %d, %zu challenges", table[i].value, good, count);
        for (size_t j = 0; j < count; j++) {
            check_text(list[j].scheme, table[i].list[j].scheme);
            check_text(list[j].token, table[i].list[j].token);
            check_text(list[j].realm, table[i].list[j].realm);
            check_text(list[j].authorization_uri, table[i].list[j].uri);
        }
        arena_done(&arena);
    }
}

static void test_rest(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct challenge list[CHALLENGES_MAX];
    size_t count = 0;
    assert_true(challenges_parse(
        &arena, "Bearer client_id=\"1\", token_types=\"a b\" , NTLM", list, &count));
    assert_string_equal(list[0].rest, "client_id=\"1\", token_types=\"a b\"");
    assert_null(list[1].rest);
    arena_done(&arena);
}

static void test_several_headers(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct challenge list[CHALLENGES_MAX];
    size_t count = 0;
    assert_true(challenges_parse(&arena, "Negotiate", list, &count));
    assert_true(challenges_parse(&arena, "NTLM", list, &count));
    assert_int_equal(count, 2);
    assert_ptr_equal(challenge_find(list, count, "ntlm"), &list[1]);
    assert_null(challenge_find(list, count, "Basic"));
    assert_null(challenge_find(list, 0, "NTLM"));
    /* Over the cap: those before stay. */
    for (int i = 2; i < CHALLENGES_MAX; i++)
        assert_true(challenges_parse(&arena, "NTLM", list, &count));
    assert_false(challenges_parse(&arena, "Basic", list, &count));
    assert_int_equal(count, CHALLENGES_MAX);
    arena_done(&arena);
}

static char *long_value(const char *head, size_t length)
{
    size_t at = strlen(head);
    char *value = malloc(at + length + 1);
    assert_non_null(value);
    memcpy(value, head, at);
    memset(value + at, 'A', length);
    value[at + length] = '\0';
    return value;
}

static void test_long_token(void **state)
{
    (void)state;
    static const struct {
        size_t length;
        bool good;
    } lengths[] = {{CHALLENGE_TOKEN_MAX, true}, {CHALLENGE_TOKEN_MAX + 1, false},
        {16 * CHALLENGE_TOKEN_MAX, false}};
    for (size_t i = 0; i < 3; i++) {
        struct arena arena = {0};
        struct challenge list[CHALLENGES_MAX];
        size_t count = 0;
        char *value = long_value("NTLM ", lengths[i].length);
        assert_int_equal(challenges_parse(&arena, value, list, &count), lengths[i].good);
        assert_int_equal(count, lengths[i].good ? 1 : 0);
        free(value);
        arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_rest),
        cmocka_unit_test(test_several_headers),
        cmocka_unit_test(test_long_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
