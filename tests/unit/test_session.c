#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/session.h"
#include "tests/unit/judged.h"

#include <stdio.h>

static const struct settings settings = {.timeout_ms = 500};

static void test_limit(void **state)
{
    (void)state;
    static const struct {
        int timeout_ms, run_ms, least_ms, most_ms;
    } table[] = {{500, 10000, 400, 500}, {10000, 500, 400, 500}, {500, -1000, 0, 0}};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct settings own = {.timeout_ms = table[i].timeout_ms};
        struct session session;
        session_init(&session);
        session.settings = &own;
        session.run_limit =
            (struct net_limit){.deadline = deadline_in_ms(table[i].run_ms), .cancel_fd = 7};
        struct net_limit limit = session_limit(&session);
        assert_in_range(deadline_left_ms(limit.deadline), table[i].least_ms, table[i].most_ms);
        assert_int_equal(limit.cancel_fd, 7);
        session_done(&session);
    }
}

/* The bindings of a connection made anew, before its handshake, are those of the one it replaces.
 */
static void test_bindings_after_redial(void **state)
{
    (void)state;
    struct session session;
    const uint8_t *hash = NULL;
    session_init(&session);
    session.settings = &settings;
    assert_int_equal(session_end_point(&session, &hash), 0);
    memcpy(session.first_end_point, "first", 5);
    session.first_end_point_length = 5;
    assert_int_equal(session_end_point(&session, &hash), 5);
    assert_memory_equal(hash, "first", 5);
    memcpy(session.tls_seen.end_point, "own", 3);
    session.tls_seen.end_point_length = 3;
    assert_int_equal(session_end_point(&session, &hash), 3);
    assert_memory_equal(hash, "own", 3);
    session_done(&session);
}

static void note_line(void *context, const char *check, char direction, const char *line)
{
    snprintf(context, 100, "%s %c %s", check, direction, line);
}

static void test_trace(void **state)
{
    (void)state;
    char line[100] = "";
    struct settings own = {.trace = note_line, .context = line};
    struct session session;
    session_init(&session);
    session.settings = &settings;
    session.chain_id = "ews/x";
    session_trace(&session, '*', "%d", 1);
    assert_string_equal(line, "");
    session.settings = &own;
    session_trace(&session, '>', "%s %d", "two", 2);
    assert_string_equal(line, "ews/x > two 2");
    session_done(&session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_bindings_after_redial),
        cmocka_unit_test(test_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
