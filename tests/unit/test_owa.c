#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/owa.h"
#include "tests/unit/sample.h"

#include <string.h>

static const struct {
    const char *location;
    enum owa_place place;
    int reason, http_code;
    const char *message;
} places[] = {
    {NULL, OWA_NOWHERE, -1, 0, NULL},
    {"", OWA_NOWHERE, -1, 0, NULL},
    {"/owa/", OWA_INSIDE, -1, 0, NULL},
    {"/owa", OWA_INSIDE, -1, 0, NULL},
    {"https://mail.contoso.test/owa/?bO=1", OWA_INSIDE, -1, 0, NULL},
    {"HTTPS://Mail.Contoso.TEST:443/OWA/", OWA_INSIDE, -1, 0, NULL},
    {"//mail.contoso.test/owa/#path=/mail", OWA_INSIDE, -1, 0, NULL},
    {"/owa/languageselection.aspx", OWA_LANGUAGE, -1, 0, NULL},
    {"https://mail.contoso.test/owa/LanguageSelection.aspx?url=%2fowa%2f", OWA_LANGUAGE, -1, 0,
        NULL},
    {"/owa/auth/expiredpassword.aspx?url=/owa/auth.owa", OWA_PASSWORD_EXPIRED, -1, 0, NULL},
    {"/owa/auth/logon.aspx?replaceCurrent=1&reason=2&url=%2fowa", OWA_LOGON, 2, 0, NULL},
    {"/owa/auth/logon.aspx", OWA_LOGON, -1, 0, NULL},
    {"/owa/auth/logon.aspx?url=https%3a%2f%2fx%3freason%3d5", OWA_LOGON, -1, 0, NULL},
    {"/owa/auth/logon.aspx?xreason=5&reason=3", OWA_LOGON, 3, 0, NULL},
    {"/owa/auth/logon.aspx?reason=x", OWA_LOGON, -1, 0, NULL},
    {"/owa/auth/logon.aspx?reason=99999999999999", OWA_LOGON, -1, 0, NULL},
    {"/owa/auth/logon.aspx#reason=2", OWA_LOGON, -1, 0, NULL},
    {"/owa/auth/errorFE.aspx?httpCode=500&msg=86%2b1+x%0a%00%zz", OWA_ERROR, -1, 500,
        "86+1 x??%zz"},
    {"/owa/auth/error.aspx?et=ServerError", OWA_ERROR, -1, 0, "ServerError"},
    {"/owa/auth/errorFE.aspx?CafeError=SSLCertificateProblem", OWA_ERROR, -1, 0,
        "SSLCertificateProblem"},
    {"/owa/auth/frowny.aspx", OWA_ERROR, -1, 0, NULL},
    {"http://mail.contoso.test/owa/", OWA_ELSEWHERE, -1, 0, NULL},
    {"https://evil.test/owa/", OWA_ELSEWHERE, -1, 0, NULL},
    {"https://mail.contoso.test.evil.test/owa/", OWA_ELSEWHERE, -1, 0, NULL},
    {"https://mail.contoso.test@evil.test/owa/", OWA_ELSEWHERE, -1, 0, NULL},
    {"https://mail.contoso.test:8443/owa/", OWA_ELSEWHERE, -1, 0, NULL},
    {"//evil.test/owa/", OWA_ELSEWHERE, -1, 0, NULL},
    {"//evil.test\\@mail.contoso.test/owa/", OWA_ELSEWHERE, -1, 0, NULL},
    {"/\\evil.test/owa/", OWA_ELSEWHERE, -1, 0, NULL},
    {"owa/", OWA_ELSEWHERE, -1, 0, NULL},
    {"/owa/../ecp/", OWA_ELSEWHERE, -1, 0, NULL},
    {"/owa/%2e%2e/ecp/", OWA_ELSEWHERE, -1, 0, NULL},
    {"/owa/auth.owa", OWA_ELSEWHERE, -1, 0, NULL},
    {"/owa/auth/else.aspx", OWA_ELSEWHERE, -1, 0, NULL},
    {"/owatest/", OWA_ELSEWHERE, -1, 0, NULL},
    {"/ecp/", OWA_ELSEWHERE, -1, 0, NULL},
    {"https:", OWA_ELSEWHERE, -1, 0, NULL},
};

static void test_places(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct arena arena = {0};
        struct owa_location got = owa_classify(&arena, places[i].location, "mail.contoso.test");
        bool same_text = places[i].message == NULL
                             ? got.message == NULL
                             : got.message != NULL && !strcmp(got.message, places[i].message);
        if (got.place != places[i].place || got.reason != places[i].reason ||
            got.http_code != places[i].http_code || !same_text)
            fail_msg("%s: %d %d %d %s", places[i].location, (int)got.place, got.reason,
                got.http_code, got.message == NULL ? "-" : got.message);
        arena_done(&arena);
    }
}

static void test_long_location(void **state)
{
    (void)state;
    struct arena arena = {0};
    char *location = arena_alloc(&arena, (1 << 20) + 6);
    memset(location, 'a', (1 << 20) + 5);
    memcpy(location, "/owa/", 5);
    struct owa_location got = owa_classify(&arena, location, "mail.contoso.test");
    assert_int_equal(got.place, OWA_ELSEWHERE);
    got = owa_classify(&arena, "https://mail.contoso.test/owa/", "mail.contoso.test:443");
    assert_int_equal(got.place, OWA_INSIDE);
    arena_done(&arena);
}

static void test_form(void **state)
{
    (void)state;
    struct arena arena = {0};
    assert_string_equal(owa_form(&arena, "https://mail/owa/", "CONTOSO\\svc", "p&w =\xC3\xA4"),
        "destination=https%3A%2F%2Fmail%2Fowa%2F&flags=4&forcedownlevel=0&username=CONTOSO%5Csvc"
        "&password=p%26w+%3D%C3%A4&passwordText=&isUtf8=1");
    arena_done(&arena);
}

static void test_page(void **state)
{
    (void)state;
    static const struct {
        const char *body, *build;
        bool form;
    } table[] = {
        {"<link href=\"/owa/auth/15.2.1544/themes/x.ico\"><form action=\"/owa/auth.owa\">",
            "15.2.1544", true},
        {"<FORM method=post ACTION='/owa/Auth.Owa'>/OWA/AUTH/15.1.2507.6/", "15.1.2507.6", true},
        {"/owa/prem/15.0.1497.48/scripts", "15.0.1497.48", false},
        {"/owa/auth/ /owa/auth/15.2/ /owa/auth/15.2.1544x/ /owa/auth/1.2.3.4.5/", NULL, false},
        {"/owa/auth/123456.2.3/", NULL, false},
        {"/owa/auth/15..2.1544/", NULL, false},
        {"/owa/auth/15.2.1544./ /owa/auth/15.2.1544.4./", NULL, false},
        {"/owa/auth/15.2.1544.", NULL, false},
        {"<form action='/other'>auth.owa</form>", NULL, false},
        {"<form action='/other'><form action='auth.owa'", NULL, true},
        {"<form", NULL, false},
        {"auth.owa", NULL, false},
        {"", NULL, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct arena arena = {0};
        const char *build = owa_page_build(&arena, table[i].body);
        bool same = table[i].build == NULL ? build == NULL
                                           : build != NULL && !strcmp(build, table[i].build);
        if (!same || owa_page_has_form(table[i].body) != table[i].form)
            fail_msg("%s: %s", table[i].body, build == NULL ? "-" : build);
        arena_done(&arena);
    }
}

static void test_cookies(void **state)
{
    (void)state;
    static const struct {
        const char *jar, *set, *wanted;
    } table[] = {
        {NULL, "cadata=abc=; path=/; secure", "cadata=abc="},
        {"a=1", "b=2", "a=1; b=2"},
        {"a=1; b=2; c=3", "b=x y; path=/", "a=1; c=3; b=x y"},
        {"a=1; b=2; c=3", "b=; expires=Thu, 01-Jan-1970 00:00:00 GMT", "a=1; c=3"},
        {"a=1", "a=", ""},
        {"ab=1", "a=2", "ab=1; a=2"},
        {"a=1", " b\t = 2 ; path", "a=1; b=2"},
        {"a=1", "novalue", "a=1"},
        {"a=1", "; b=2", "a=1"},
        {"a=1", "=2", "a=1"},
        {"a=1", "b c=2", "a=1"},
        {"a=1", "b=2\r\nX: y", "a=1"},
        {NULL, "x\r\ny=1", NULL},
        {NULL, "", NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct arena arena = {0};
        const char *got = cookie_add(&arena, table[i].jar, table[i].set);
        bool same =
            table[i].wanted == NULL ? got == NULL : got != NULL && !strcmp(got, table[i].wanted);
        if (!same)
            fail_msg("%s: %s", table[i].set, got == NULL ? "-" : got);
        arena_done(&arena);
    }
}

static void test_jar_is_bounded(void **state)
{
    (void)state;
    struct arena arena = {0};
    char value[1000];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    const char *jar = NULL;
    for (int i = 0; i < 100; i++)
        jar = cookie_add(&arena, jar, arena_printf(&arena, "c%d=%s", i, value));
    assert_in_range(strlen(jar), 10000, 17000);
    assert_memory_equal(jar, "c0=", 3);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_long_location),
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_cookies),
        cmocka_unit_test(test_jar_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
