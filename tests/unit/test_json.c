#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/diagnose.h"
#include "report/json.h"
#include "report/matrix.h"
#include "report/text.h"
#include "tests/unit/fixture.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct render_style style = {.width = 100, .utf8 = true};

static char *render(const struct survey *survey,
    void (*how)(const struct survey *, const struct render_style *, struct text_buffer *))
{
    struct text_buffer out = {0};
    how(survey, &style, &out);
    char *copy = xstrdup(buffer_text(&out));
    buffer_done(&out);
    return copy;
}

/* Saved, loaded, diagnosed: the same document, the same report. */
static void assert_round_trip(struct survey *survey)
{
    survey_diagnose(survey);
    char *json = render(survey, json_render), *text = render(survey, text_render);
    struct survey again;
    struct fault fault = {0};
    survey_init(&again);
    if (!json_load(json, strlen(json), &again, &fault))
        fail_msg("%s", fault.text);
    survey_diagnose(&again);
    char *json2 = render(&again, json_render), *text2 = render(&again, text_render);
    assert_string_equal(json, json2);
    assert_string_equal(text, text2);
    survey_done(&again);
    free(json);
    free(text);
    free(json2);
    free(text2);
}

static void test_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; fixture_goldens[i] != NULL; i++) {
        struct survey survey;
        fixture_healthy(&survey);
        if (i > 0)
            fixture_break(&survey, fixture_goldens[i]);
        assert_round_trip(&survey);
        survey_done(&survey);
    }
}

/* Every field, and texts of a hostile server. */
static void test_every_field(void **state)
{
    (void)state;
    static const char *const left[] = {"a", "b\n"};
    struct fact level = {.key = "registry.lm_compatibility", .type = FACT_INT, .integer = 3};
    struct fact files = {
        .key = "registry.files", .type = FACT_LIST, .list = left, .count = 2, .next = &level};
    struct survey survey;
    fixture_healthy(&survey);
    survey.vantage.registry = &files;
    fixture_break(&survey, "X-MAILBOX");
    fixture_break(&survey, "N01");
    survey.target.public_folders = survey.interrupted = survey.out_of_time = true;
    survey.target.left_out = 1u << SERVICE_OWA | 1u << SERVICE_GC;
    survey.vantage.proxy = "http://proxy:3128";
    survey.started_us += 123456;
    survey.logons_refused = 1;
    survey.lookups->records = left;
    survey.lookups->count = 2;
    survey.lookups->ttl = UINT32_MAX;
    survey.chains->endpoint.path = "/p";
    survey.chains->endpoint.url = "https://h/p?q=\"\\";
    survey.chains->endpoint.sources = (1u << SOURCE_COUNT) - 1;
    struct check *check = survey.chains->checks;
    check_text(check, "h.text", "\033[2J\xff \"quoted\" \xE2\x80\xAE \\ \xE6\x97\xA5");
    check_int(check, "h.int", INT64_MIN);
    check_bool(check, "h.bool", true);
    check_list(check, "h.list", left, 2);
    check_list(check, "h.empty", NULL, 0);
    fault_set(&check->fault, CAUSE_KDC_ERROR, ORIGIN_KRB5, -1765328378, "x\ty");
    assert_round_trip(&survey);

    /* no control byte but newline, and a document others can read */
    char *json = render(&survey, json_render);
    for (const char *at = json; *at != '\0'; at++)
        assert_true((unsigned char)*at >= 0x20 || *at == '\n');
    json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    json_t *target = json_object_get(root, "target");
    assert_string_equal(json_string_value(json_object_get(root, "schema")), "exreach/1");
    assert_string_equal(
        json_string_value(json_object_get(root, "started")), "2026-11-22T12:00:00.123456Z");
    assert_int_equal(json_array_size(json_object_get(target, "left_out")), 2);
    assert_string_equal(json_string_value(json_object_get(target, "profile")), "ews-app");
    json_t *registry = json_object_get(json_object_get(root, "vantage"), "registry");
    assert_int_equal(json_integer_value(json_object_get(registry, "registry.lm_compatibility")), 3);
    json_t *verdict = json_object_get(root, "verdict");
    assert_int_equal(json_integer_value(json_object_get(verdict, "exit")), 2);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(verdict, "breaks_at"), "rule")), "N01");
    json_decref(root);
    free(json);
    survey_done(&survey);
}

/* Keys of the outside contract, at their places. */
static void test_contract(void **state)
{
    (void)state;
    static const char *const top[] = {"schema", "version", "started", "elapsed_ms", "target",
        "vantage", "verdict", "findings", "rows", "checklist", "logons", "lookups", NULL};
    static const char *const row_keys[] = {"id", "service", "host", "address", "port", "url",
        "node", "sources", "cells", "more", NULL};
    static const char *const cell_keys[] = {
        "check", "probe", "outcome", "elapsed_ms", "summary", "facts", "fault", "blocked_by", NULL};
    static const char *const finding_keys[] = {"rule", "title", "severity", "layer", "component",
        "checks", "evidence", "fix", "caused_by", NULL};
    struct survey survey;
    fixture_healthy(&survey);
    fixture_break(&survey, "S02");
    survey_diagnose(&survey);
    char *json = render(&survey, json_render);
    json_t *root = json_loads(json, 0, NULL);
    json_t *row = json_array_get(json_object_get(root, "rows"), 8);
    json_t *tls = json_object_get(json_object_get(row, "cells"), "tls");
    json_t *finding = json_array_get(json_object_get(root, "findings"), 0);
    for (size_t i = 0; top[i] != NULL; i++)
        assert_non_null(json_object_get(root, top[i]));
    for (size_t i = 0; row_keys[i] != NULL; i++)
        assert_non_null(json_object_get(row, row_keys[i]));
    for (size_t i = 0; cell_keys[i] != NULL; i++)
        assert_non_null(json_object_get(tls, cell_keys[i]));
    for (size_t i = 0; finding_keys[i] != NULL; i++)
        assert_non_null(json_object_get(finding, finding_keys[i]));
    assert_string_equal(json_string_value(json_object_get(tls, "outcome")), "fail");
    assert_string_equal(json_string_value(json_object_get(json_object_get(tls, "fault"), "cause")),
        "certificate-name");
    json_t *http = json_object_get(json_object_get(row, "cells"), "http");
    assert_string_equal(json_string_value(json_object_get(http, "blocked_by")),
        json_string_value(json_object_get(tls, "check")));
    json_t *more = json_array_get(json_object_get(row, "more"), 0);
    assert_string_equal(json_string_value(json_object_get(more, "probe")), "http.health");
    assert_string_equal(json_string_value(json_object_get(more, "layer")), "http");
    assert_int_equal(json_array_size(json_object_get(root, "checklist")), 29);
    json_decref(root);
    free(json);
    survey_done(&survey);
}

/* ---- refusals ---------------------------------------------------------------------------------
 */

/* The healthy document with one text replaced by another. */
static char *edited(const char *from, const char *to)
{
    struct survey survey;
    fixture_healthy(&survey);
    survey_diagnose(&survey);
    char *json = render(&survey, json_render);
    survey_done(&survey);
    char *at = strstr(json, from);
    if (at == NULL)
        fail_msg("not in the document: %s", from);
    struct text_buffer out = {0};
    buffer_addn(&out, json, (size_t)(at - json));
    buffer_add(&out, to);
    buffer_add(&out, at + strlen(from));
    free(json);
    return out.bytes;
}

static const struct {
    const char *from, *to, *message;
} refusals[] = {
    {"exreach/1", "exreach/2", "schema: this is \"exreach/2\", only \"exreach/1\" can be read"},
    {"\"schema\"", "\"x\"", "schema: a text was expected"},
    {"\"version\": \"0.1.0\"", "\"version\": 7", "version: a text was expected"},
    {"2026-11-22T12", "2026-13-22T12", "started: not a time as in RFC 3339"},
    {"\"elapsed_ms\": 1234", "\"elapsed_ms\": -1", "elapsed_ms: -1 is not between 0 and"},
    {"\"profile\": \"ews-app\"", "\"profile\": \"foo\"", "target.profile: unknown word \"foo\""},
    {"\"left_out\": []", "\"left_out\": [\"foo\"]", "target.left_out: unknown word \"foo\""},
    {"\"mailboxes\": []", "\"mailboxes\": [1]", "target.mailboxes[0]: a text was expected"},
    {"\"service\": \"kerberos\"", "\"service\": \"foo\"", "rows[1].service: unknown word \"foo\""},
    {"\"port\": 88", "\"port\": 65536", "rows[1].port: 65536 is not between 0 and 65535"},
    {"\"outcome\": \"pass\"", "\"outcome\": \"foo\"",
        "rows[0].cells.dns.outcome: unknown word \"foo\""},
    {"\"candidate\": false", "\"candidate\": 1", "rows[0].candidate: true or false was expected"},
    {"\"sources\": [\"dns\"]", "\"sources\": [\"foo\"]", "rows[0].sources: unknown word \"foo\""},
    {"\"dns.rcode\": 0", "\"dns.rcode\": 0.5", "rows[1].cells.dns.facts.dns.rcode: a fact is"},
    {"\"fault\": null", "\"fault\": []", "rows[0].cells.dns.fault: an object or null"},
    {"\"fault\": null",
        "\"fault\": {\"cause\": \"foo\", \"origin\": \"dns\", \"code\": 0, \"text\": \"\"}",
        "rows[0].cells.dns.fault.cause: unknown word \"foo\""},
    {"\"blocked_by\": null", "\"blocked_by\": \"x\"",
        "rows[0].cells.dns.blocked_by: only a blocked check has it"},
    {"\"outcome\": \"pass\"", "\"outcome\": \"blocked\"",
        "rows[0].cells.dns.blocked_by: a blocked check names what blocks it"},
    {"\"id\": \"kerberos/dc1.contoso.test/127.0.0.10:88\"",
        "\"id\": \"dns/127.0.0.10/127.0.0.10:53\"", "is there twice"},
    {"\"more\": []", "\"more\": [7]", "rows[0].more[0]: an object was expected"},
    {"\"refused\": 0", "\"refused\": \"no\"", "logons.refused: an integer was expected"},
    {"\"lookups\": []", "\"lookups\": [{}]", "lookups[0].name: a text was expected"},
    {"\"proxy\": null", "\"proxy\": null, \"registry\": []",
        "vantage.registry: an object was expected"},
    {"\"proxy\": null", "\"proxy\": null, \"registry\": {\"a\": 0.5}",
        "vantage.registry.a: a fact is"},
    {"\"schema\": \"exreach/1\"", "\"schema\": \"exreach/1\", \"schema\": 1", "not JSON: line 2"},
    {"svc@contoso.test", "\xff", "not JSON: line"},
    {"svc@contoso.test", "\\u0000", "not JSON: line"},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        char *json = edited(refusals[i].from, refusals[i].to);
        struct survey survey;
        struct fault fault = {0};
        survey_init(&survey);
        if (json_load(json, strlen(json), &survey, &fault))
            fail_msg("accepted: %s", refusals[i].to);
        assert_int_equal(fault.cause, CAUSE_INTERNAL);
        if (strstr(fault.text, refusals[i].message) == NULL)
            fail_msg("\"%s\" instead of \"%s\"", fault.text, refusals[i].message);
        assert_null(survey.chains); /* empty again, ready for another try */
        survey_done(&survey);
        free(json);
    }
}

static void test_duplicate_and_missing_checks(void **state)
{
    (void)state;
    struct survey survey;
    struct fault fault = {0};
    fixture_healthy(&survey);
    fixture_break(&survey, "S02");
    char *json = render(&survey, json_render);
    survey_done(&survey);
    char *at = strstr(json, "\"blocked_by\": \"");
    assert_non_null(at);
    at[15] = 'X';
    survey_init(&survey);
    assert_false(json_load(json, strlen(json), &survey, &fault));
    assert_non_null(strstr(fault.text, "blocked_by: there is no check \"X"));
    free(json);
}

/* Later versions add keys; other tools drop what may be absent. */
static void test_tolerance(void **state)
{
    (void)state;
    static const char *const edits[][2] = {
        {"\"schema\"", "\"new\": {\"a\": [1, 2.5, null]}, \"schema\""},
        {"\"cells\": {", "\"future\": 1, \"cells\": {\"quic\": {}, "},
        {"\"more\": []", "\"more\": null"},
        {"\"lookups\": [],", ""},
        {"\"candidate\": false", "\"candidate\": null"},
        {"\"verdict\": {", "\"verdict\": 1, \"old\": {"},
    };
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        char *json = edited(edits[i][0], edits[i][1]);
        struct survey survey;
        struct fault fault = {0};
        survey_init(&survey);
        if (!json_load(json, strlen(json), &survey, &fault))
            fail_msg("%s: %s", edits[i][1], fault.text);
        survey_diagnose(&survey);
        assert_int_equal(survey.verdict.status, STATUS_OK);
        survey_done(&survey);
        free(json);
    }
}

static void test_bounds(void **state)
{
    (void)state;
    struct survey survey;
    struct fault fault = {0};
    survey_init(&survey);
    assert_false(json_load("", 0, &survey, &fault));
    assert_false(json_load("[]", 2, &survey, &fault));
    assert_non_null(strstr(fault.text, "not a saved survey"));
    assert_false(json_load("{}", 2, &survey, &fault));
    assert_non_null(strstr(fault.text, "schema: a text was expected"));

    size_t length = JSON_VALUES_MAX + 10;
    char *bytes = xcalloc(length, 1);
    memset(bytes, '[', length);
    assert_false(json_load(bytes, length, &survey, &fault));
    assert_non_null(strstr(fault.text, "more than"));
    assert_false(
        json_load(bytes, 100000, &survey, &fault)); /* deep, not many: the parser's own bound */
    assert_false(json_load(bytes, JSON_BYTES_MAX + 1u, &survey, &fault));
    assert_non_null(strstr(fault.text, "larger than"));
    free(bytes);
    survey_done(&survey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_every_field),
        cmocka_unit_test(test_contract),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_duplicate_and_missing_checks),
        cmocka_unit_test(test_tolerance),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
