/*
 * The text report against golden texts in tests/golden. `test_matrix update` writes them anew: read
 * the difference before it is committed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/diagnose.h"
#include "report/escape.h"
#include "report/explain.h"
#include "report/matrix.h"
#include "report/text.h"
#include "tests/unit/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef TEST_SOURCE_ROOT
#define TEST_SOURCE_ROOT "."
#endif

static bool update;

static void assert_golden(const struct text_buffer *out, const char *name)
{
    enum { TEXT_MAX = 256 * 1024 };
    static char expected[TEXT_MAX];
    char path[300];
    snprintf(path, sizeof path, "%s/tests/golden/%s.txt", TEST_SOURCE_ROOT, name);
    FILE *file = fopen(path, update ? "wb" : "rb");
    if (file == NULL)
        fail_msg("no golden text %s", path);
    if (update) {
        fwrite(out->bytes, 1, out->length, file);
        fclose(file);
        return;
    }
    expected[fread(expected, 1, sizeof expected - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(buffer_text(out), expected);
}

static void broken(struct survey *survey, const char *faults)
{
    char one[16];
    fixture_healthy(survey);
    for (const char *at = faults; *at != '\0';) {
        size_t length = strcspn(at, " ");
        snprintf(one, sizeof one, "%.*s", (int)length, at);
        fixture_break(survey, one);
        at += length;
        at += strspn(at, " ");
    }
    survey_diagnose(survey);
}

static void test_goldens(void **state)
{
    (void)state;
    static const struct {
        const char *faults, *name;
        struct render_style style;
    } table[] = {
        {"", "text-healthy-80", {.width = 80, .utf8 = true}},
        {"", "text-healthy-120", {.width = 120, .utf8 = true}},
        {"S02 A16", "text-S02-A16-60", {.width = 60, .utf8 = true}},
        {"S02 A16", "text-S02-A16-80", {.width = 80, .utf8 = true}},
        {"S02 A16", "text-S02-A16-120", {.width = 120, .utf8 = true}},
        {"A01", "text-A01-80-color", {.width = 80, .utf8 = true, .color = true}},
        {"X-MAILBOX N04 X-ERROR", "text-mixed-80-ascii", {.width = 80}},
        {"D04", "text-D04-100", {.width = 100, .utf8 = true}},
        {"T01", "text-T01-quiet", {.width = 80, .quiet = true}},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        struct text_buffer out = {0};
        broken(&survey, table[i].faults);
        text_render(&survey, &table[i].style, &out);
        assert_golden(&out, table[i].name);
        buffer_done(&out);
        survey_done(&survey);
    }
}

/* The columns of the text without the colours. */
static size_t shown_columns(const char *line, size_t length)
{
    char plain[2048];
    size_t at = 0;
    for (size_t i = 0; i < length && at < sizeof plain - 1; i++) {
        if (line[i] == '\033') {
            while (line[i] != 'm')
                i++;
            continue;
        }
        plain[at++] = line[i];
    }
    return text_columnsn(plain, at);
}

/* At every width, with every fault: no line over the width, no trailing space, no control byte. */
static void test_widths(void **state)
{
    (void)state;
    static const char *const faults[] = {"", "S02 A16", "X-MAILBOX N04 X-ERROR", "D04", "T01 D06"};
    for (int width = 1; width <= 200; width += width < 60 ? 7 : 20) {
        for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
            struct survey survey;
            struct text_buffer out = {0};
            struct render_style style = {.width = width, .utf8 = true, .color = i % 2 == 0};
            size_t most = width < RENDER_WIDTH_MIN ? RENDER_WIDTH_MIN : (size_t)width;
            broken(&survey, faults[i]);
            text_render(&survey, &style, &out);
            for (const char *line = buffer_text(&out); *line != '\0';) {
                size_t length = strcspn(line, "\n");
                if (shown_columns(line, length) > most)
                    fail_msg("width %d: %.*s", width, (int)length, line);
                assert_true(length == 0 || line[length - 1] != ' ');
                line += length + 1;
            }
            buffer_done(&out);
            survey_done(&survey);
        }
    }
}

/* A hostile server's words in every place the report prints. */
static void test_hostile_texts(void **state)
{
    (void)state;
    struct survey survey;
    struct text_buffer out = {0};
    fixture_healthy(&survey);
    fixture_fail(&survey, "ews/mail.contoso.test/127.0.0.20:443", "http.offer", CAUSE_NOT_HTTP,
        "\033]0;owned\007 \xE2\x80\xAE \xff\r");
    struct check *check =
        fixture_check(&survey, "owa/mail.contoso.test/127.0.0.20:443", "http.offer");
    check_text(check, "node", "\033[2Jnode");
    survey_find_chain(&survey, "owa/mail.contoso.test/127.0.0.20:443")->endpoint.host = "a\033[2Jb";
    survey.target.address = "x\033@contoso.test";
    survey_diagnose(&survey);
    for (int utf8 = 0; utf8 < 2; utf8++) {
        struct render_style style = {.width = 120, .utf8 = utf8 == 1};
        text_render(&survey, &style, &out);
        for (const char *at = buffer_text(&out); *at != '\0'; at++)
            assert_true(*at == '\n' || (unsigned char)*at >= 0x20);
        assert_null(strstr(buffer_text(&out), "\xE2\x80\xAE"));
        assert_non_null(strstr(buffer_text(&out), "\\x1b[2J"));
        buffer_done(&out);
    }
    survey_done(&survey);
}

static void test_words(void **state)
{
    (void)state;
    static const struct {
        enum outcome outcome;
        const char *summary, *word;
    } table[] = {
        {OUTCOME_PASS, "x", "ok"},
        {OUTCOME_WARN, "x", "warn"},
        {OUTCOME_FAIL, "x", "FAIL"},
        {OUTCOME_BLOCKED, "x", "."},
        {OUTCOME_SKIPPED, "the password was refused", "skip"},
        {OUTCOME_SKIPPED, "does not apply: in the clear", "-"},
        {OUTCOME_SKIPPED, "", "-"},
        {OUTCOME_ERROR, "x", "ERR"},
        {OUTCOME_NOT_RUN, "", "?"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct check check = {.outcome = table[i].outcome, .summary = table[i].summary};
        assert_string_equal(matrix_word(&check), table[i].word);
    }
    assert_string_equal(matrix_word(NULL), "-");
}

/* Of the services behind an RPC proxy, those that fail show under the row, with their port. */
static void test_ports(void **state)
{
    (void)state;
    struct survey survey;
    struct text_buffer out = {0};
    const struct render_style style = {.width = 100};
    fixture_healthy(&survey);
    struct check *book = fixture_check(&survey, "rpc/mail.contoso.test/127.0.0.20:443", "rpc.book");
    book->outcome = OUTCOME_FAIL;
    matrix_render(&survey, &style, &out);
    assert_non_null(strstr(buffer_text(&out), "  rpc.book, port 6004 "));
    assert_null(strstr(buffer_text(&out), "6002"));
    buffer_done(&out);
    survey_done(&survey);
}

static void test_order(void **state)
{
    (void)state;
    struct survey survey;
    struct arena arena = {0};
    size_t count = 0;
    fixture_healthy(&survey);
    const struct chain **rows = matrix_order(&survey, &arena, &count);
    assert_int_equal(count, 16);
    assert_string_equal(rows[0]->id, "dns/127.0.0.10/127.0.0.10:53");
    assert_string_equal(rows[1]->id, "kerberos/dc1.contoso.test/127.0.0.10:88");
    assert_string_equal(rows[8]->id, "ews/mail.contoso.test/127.0.0.20:443");
    assert_string_equal(rows[9]->id, "ews/mail.contoso.test/127.0.0.21:443");
    for (size_t i = 1; i < count; i++)
        assert_true(rows[i - 1]->endpoint.service <= rows[i]->endpoint.service);
    arena_done(&arena);
    survey_done(&survey);
}

static struct check *add_read(
    struct survey *survey, const char *probe, enum layer layer, const char *subject)
{
    struct chain *chain = survey_find_chain(survey, "ldap/dc1.contoso.test/127.0.0.10:389");
    struct check *check = check_new(chain->id, probe, probe, layer, subject, NULL);
    check_settle(check, OUTCOME_WARN, "words of %s", probe);
    chain_append(chain, check);
    return check;
}

/* Objects of the directory are no rows of the matrix; what matters of them is a section. */
static void test_directory(void **state)
{
    (void)state;
    static const char *const names[] = {"EX1", "EX2", "EX3"};
    const struct render_style style = {.width = 100, .utf8 = true};
    struct survey survey;
    struct text_buffer out = {0};
    fixture_healthy(&survey);
    for (size_t i = 0; i < 3; i++) {
        struct check *server = add_read(&survey, "ldap.server", LAYER_PROTOCOL, names[i]);
        check_text(server, "server.name", names[i]);
        check_text(server, "server.build", i < 2 ? "15.2.2562.17" : "15.1.2507.6");
        check_text(server, "server.site", i < 2 ? "Berlin" : NULL);
    }
    add_read(&survey, "ldap.vdir", LAYER_PROTOCOL, "EX1/ews");
    add_read(&survey, "ldap.other", LAYER_MAILBOX, "bob@contoso.test");
    add_read(&survey, "ldap.state", LAYER_PROTOCOL, NULL);
    survey_diagnose(&survey);
    text_render(&survey, &style, &out);
    const char *text = buffer_text(&out);
    assert_non_null(strstr(text, "\n  bob@contoso.test "));
    assert_null(strstr(text, "\n  EX1"));
    assert_null(strstr(text, "EX1/ews"));
    assert_non_null(strstr(text, "\nDirectory\n   account      words of ldap.state\n"
                                 "   servers      EX1, EX2: 15.2.2562.17 Exchange SE RTM, site "
                                 "Berlin\n"
                                 "                EX3: 15.1.2507.6 Exchange 2016 CU23\n"));
    buffer_done(&out);
    survey_done(&survey);
}

static void test_explain(void **state)
{
    (void)state;
    const struct render_style style = {.width = 80, .utf8 = true};
    struct text_buffer out = {0};
    struct fault fault = {0};
    assert_true(explain_rule("s02", &style, &out, &fault));
    assert_golden(&out, "explain-S02");
    buffer_done(&out);
    explain_list(&style, &out);
    assert_golden(&out, "explain-list");
    buffer_done(&out);
    assert_false(explain_rule("Q99", &style, &out, &fault));
    assert_non_null(strstr(fault.text, "no rule \"Q99\""));
    assert_int_equal(out.length, 0);
    buffer_done(&out);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goldens),
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_hostile_texts),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_directory),
        cmocka_unit_test(test_explain),
    };
    update = argc > 1 && strcmp(argv[1], "update") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
