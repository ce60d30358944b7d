#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/diagnose.h"
#include "report/diff.h"
#include "tests/unit/fixture.h"

#include <stdio.h>
#include <string.h>

static const struct render_style style = {.width = 160, .utf8 = true};

static bool compare(const char *before, const char *after, struct text_buffer *out)
{
    struct survey one, other;
    fixture_healthy(&one);
    fixture_healthy(&other);
    if (*before != '\0')
        fixture_break(&one, before);
    if (*after != '\0')
        fixture_break(&other, after);
    survey_diagnose(&one);
    survey_diagnose(&other);
    bool worse = survey_diff(&one, &other, &style, out);
    survey_done(&one);
    survey_done(&other);
    return worse;
}

static void test_diff(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after;
        bool worse;
        const char *says;
    } table[] = {
        {"", "", false, "nothing changed\n"},
        {"S02", "S02", false, "nothing changed\n"},
        {"", "S02", true,
            "worse    ews/mail.contoso.test/127.0.0.20:443 tls.handshake: ok -> FAIL: the "
            "certificate is for other names\n"},
        {"", "S02", true, "worse    new: S02 "},
        {"", "S02", true, "worse    verdict: ok -> broken: "},
        {"S02", "", false, "better   gone: S02 "},
        {"S02", "", false, "better   verdict: broken -> ok: "},
        {"", "D06", true, "ldap.mailbox: ok -> warn: "},
        {"", "D06", true, "worse    faq-12: ok -> FAIL: msExchHide"},
        {"D06", "", false, "ldap.mailbox: warn -> ok: "},
        {"N04", "T01", true, "gone: N04"},
        {"", "X-MAILBOX", true, "ews.mailbox bob@contoso.test: - -> FAIL: ErrorAccessDenied"},
        {"X-MAILBOX", "", false, "ews.mailbox: not asked any more"},
        {"A01", "X-AUTH", true,
            "worse    ews/mail.contoso.test/127.0.0.20:443 http.logon: skip -> FAIL"},
        {"", "A01", true, "http.logon: ok -> skip"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct text_buffer out = {0};
        bool worse = compare(table[i].before, table[i].after, &out);
        if (worse != table[i].worse || strstr(buffer_text(&out), table[i].says) == NULL)
            fail_msg("%s -> %s: not \"%s\" in:\n%s", table[i].before, table[i].after, table[i].says,
                buffer_text(&out));
        buffer_done(&out);
    }
}

/* Rows that come and go, facts that change. */
static void test_rows_and_facts(void **state)
{
    (void)state;
    struct survey one, other;
    struct text_buffer out = {0};
    fixture_healthy(&one);
    fixture_healthy(&other);
    check_text(fixture_check(&other, "ews/mail.contoso.test/127.0.0.20:443", "http.offer"),
        "exchange.build", "15.2.2562.99");
    struct endpoint endpoint = {.service = SERVICE_EWS, .host = "new.contoso.test", .port = 443};
    survey_add_chain(&other, &endpoint);
    endpoint.host = "old.contoso.test";
    survey_add_chain(&one, &endpoint);
    survey_diagnose(&one);
    survey_diagnose(&other);
    assert_false(survey_diff(&one, &other, &style, &out));
    assert_non_null(strstr(buffer_text(&out), "exchange.build: 15.2.2562.37 -> 15.2.2562.99"));
    assert_non_null(strstr(buffer_text(&out), "ews/new.contoso.test:443: a new row\n"));
    assert_non_null(strstr(buffer_text(&out), "ews/old.contoso.test:443: the row is gone\n"));
    buffer_done(&out);
    survey_done(&other);

    /* the last row of a service that worked */
    fixture_healthy(&other);
    for (struct chain *chain = other.chains; chain != NULL; chain = chain->next) {
        if (chain->endpoint.service == SERVICE_GC) {
            chain->endpoint.service = SERVICE_LDAP;
            chain->id = "ldap/x";
        }
    }
    survey_diagnose(&other);
    assert_true(survey_diff(&one, &other, &style, &out));
    assert_non_null(strstr(
        buffer_text(&out), "worse    gc/dc1.contoso.test/127.0.0.10:3268: the row is gone, and"));
    buffer_done(&out);

    const struct render_style quiet = {.width = 80, .quiet = true};
    survey_diff(&one, &other, &quiet, &out);
    assert_null(strstr(buffer_text(&out), "gc/"));
    assert_non_null(strstr(buffer_text(&out), " worse, "));
    buffer_done(&out);
    survey_done(&one);
    survey_done(&other);
}

/* Another KDC was asked for the same ticket: the same row, whatever its id. */
static void test_other_kdc(void **state)
{
    (void)state;
    for (int fails = 0; fails < 2; fails++) {
        struct survey one, other;
        struct text_buffer out = {0};
        fixture_healthy(&one);
        fixture_healthy(&other);
        if (fails == 1)
            fixture_break(&other, "A16");
        for (struct chain *chain = other.chains; chain != NULL; chain = chain->next) {
            if (chain->endpoint.service != SERVICE_KERBEROS || chain->endpoint.subject == NULL)
                continue;
            chain->endpoint.host = "dc2.contoso.test";
            chain->id = arena_printf(
                &other.arena, "kerberos/dc2.contoso.test:88/%s", chain->endpoint.subject);
            for (struct check *at = chain->checks; at != NULL; at = at->next)
                at->id = arena_printf(&other.arena, "%s/%s", chain->id, at->probe);
        }
        survey_diagnose(&one);
        survey_diagnose(&other);
        assert_int_equal(survey_diff(&one, &other, &style, &out), fails == 1);
        assert_null(strstr(buffer_text(&out), "a new row"));
        assert_null(strstr(buffer_text(&out), "the row is gone"));
        if (fails == 0)
            assert_string_equal(buffer_text(&out), "nothing changed\n");
        else
            assert_non_null(strstr(buffer_text(&out), "kerberos.ticket: ok -> FAIL"));
        buffer_done(&out);
        survey_done(&one);
        survey_done(&other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_diff),
        cmocka_unit_test(test_rows_and_facts),
        cmocka_unit_test(test_other_kdc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
