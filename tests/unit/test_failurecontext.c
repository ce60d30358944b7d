#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/failurecontext.h"

static void test_words(void **state)
{
    (void)state;
    static const struct {
        const char *value, *words;
    } table[] = {
        {"FrontEnd;401;VW5hdXRob3JpemVk;;;;", "FrontEnd, 401 Unauthorized"},
        {"BackEnd;503;U2VydmljZSBVbmF2YWlsYWJsZQ==;ZGV0YWlscw==;2002;ConnectFailure;",
            "BackEnd, 503 Service Unavailable, details, sub-code 2002, web exception "
            "ConnectFailure"},
        {"FrontEnd;503;%%%;;;;", "FrontEnd, 503"},
        {"FrontEnd;503", "FrontEnd, 503"},
        {"FrontEnd", NULL},
        {"FrontEnd;abc;;", NULL},
        {";503;;", NULL},
        {"", NULL},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct failure_context context;
        bool ok = failure_context_read(&arena, table[i].value, &context);
        assert_int_equal(ok, table[i].words != NULL);
        if (ok)
            assert_string_equal(failure_context_words(&arena, &context), table[i].words);
    }
    arena_done(&arena);
}

static void test_parts(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct failure_context context;
    assert_true(failure_context_read(
        &arena, "FrontEnd;503;VW5hdXRob3JpemVk;ZGV0YWlscw==;ServerLocatorError;;", &context));
    assert_string_equal(context.point, "FrontEnd");
    assert_string_equal(context.status, "503");
    assert_string_equal(context.error, "Unauthorized");
    assert_string_equal(context.details, "details");
    assert_string_equal(context.sub_code, "ServerLocatorError");
    assert_string_equal(context.web, "");
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
