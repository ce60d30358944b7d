#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/autodiscover.h"
#include "net/wire/xml.h"
#include "tests/unit/sample.h"

#include <string.h>

static void parse_sample(
    struct arena *arena, const char *name, struct autodiscover_answer *ret_answer)
{
    size_t length = 0;
    char *body = sample_read(arena, name, &length);
    struct fault fault = {0};
    if (!autodiscover_parse(arena, body, length, ret_answer, &fault))
        fail_msg("%s: %s", name, fault.text);
}

static const struct autodiscover_url *find_url(const struct autodiscover_answer *answer,
    const char *protocol, const char *element, const char *parent, bool internal)
{
    for (size_t i = 0; i < answer->url_count; i++) {
        const struct autodiscover_url *url = &answer->urls[i];
        bool same_parent = parent == NULL ? url->parent == NULL
                                          : url->parent != NULL && !strcmp(url->parent, parent);
        if (!strcmp(url->protocol, protocol) && !strcmp(url->element, element) && same_parent &&
            url->internal == internal)
            return url;
    }
    fail_msg("no %s %s", protocol, element);
    return NULL;
}

static void test_settings(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct autodiscover_answer answer;
    parse_sample(&arena, "autodiscover/settings-2019.xml", &answer);
    assert_false(answer.error);
    assert_string_equal(answer.action, "settings");
    assert_string_equal(answer.account_type, "email");
    assert_string_equal(answer.display_name, "Service M\xC3\xBCller");
    assert_string_equal(answer.smtp_address, "svc@contoso.test");
    assert_string_equal(answer.deployment_id, "b3c1f0de-7d0a-4b57-9a6e-2f1e6a1c9d11");
    assert_string_equal(answer.microsoft_online, "False");
    assert_string_equal(answer.public_folder_address, "pf1@contoso.test");
    assert_null(answer.redirect_address);
    assert_int_equal(answer.alternative_count, 2);
    assert_string_equal(answer.alternative_mailboxes[0], "info@contoso.test");
    assert_string_equal(answer.alternative_mailboxes[1], "archive.contoso.test");

    static const char *const types[] = {"mapiHttp", "EXCH", "EXPR", "WEB", "EXHTTP", "EXHTTP"};
    assert_int_equal(answer.protocol_count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(answer.protocols[i].type, types[i]);
    const struct autodiscover_protocol *exch = &answer.protocols[1], *expr = &answer.protocols[2];
    assert_string_equal(exch->server_version, "73C18880");
    assert_string_equal(exch->site, "dc1.contoso.test");
    assert_string_equal(exch->public_folder_server, "mail.contoso.test");
    assert_non_null(strstr(exch->mdb_dn, "/cn=Microsoft Private MDB"));
    assert_false(exch->ssl);
    assert_true(expr->ssl);
    assert_string_equal(expr->auth_package, "Negotiate");
    assert_string_equal(expr->cert_principal_name, "msstd:ext.contoso.test");
    assert_false(answer.protocols[5].ssl);
    arena_done(&arena);
}

static void test_urls(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct autodiscover_answer answer;
    parse_sample(&arena, "autodiscover/settings-2019.xml", &answer);
    static const struct {
        const char *protocol, *element, *parent;
        bool internal;
        const char *start;
    } table[] = {
        {"EXCH", "EwsUrl", NULL, false, "https://mail.contoso.test/EWS/"},
        {"EXPR", "OABUrl", NULL, false, "https://mail.contoso.test/OAB/"},
        {"mapiHttp", "InternalUrl", "MailStore", true, "https://mail.contoso.test/mapi/emsmdb/"},
        {"mapiHttp", "ExternalUrl", "MailStore", false, "https://ext.contoso.test/mapi/emsmdb/"},
        {"mapiHttp", "InternalUrl", "AddressBook", true, "https://mail.contoso.test/mapi/nspi/"},
        {"WEB", "OWAUrl", "Internal", true, "https://mail.contoso.test/owa/"},
        {"WEB", "OWAUrl", "External", false, "https://ext.contoso.test/owa/"},
        {"EXCH", "ASUrl", NULL, true, "https://mail.contoso.test/EWS/"}, /* inside WEB */
        {"EXPR", "ASUrl", NULL, false, "https://"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct autodiscover_url *url = find_url(
            &answer, table[i].protocol, table[i].element, table[i].parent, table[i].internal);
        assert_memory_equal(url->url, table[i].start, strlen(table[i].start));
    }
    /* What is no URL is left out: "?path=…". */
    for (size_t i = 0; i < answer.url_count; i++)
        assert_memory_equal(answer.urls[i].url, "https://", 8);
    assert_int_equal(answer.url_count, 4 * 7 + 4 + 4);
    arena_done(&arena);
}

static void test_errors_and_redirects(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct autodiscover_answer answer;
    parse_sample(&arena, "autodiscover/error-600.xml", &answer);
    assert_true(answer.error);
    assert_int_equal(answer.error_code, 600);
    assert_string_equal(answer.error_message, "Invalid Request");
    assert_string_equal(answer.error_time, "21:58:37.0277390");
    assert_null(answer.debug_data);
    parse_sample(&arena, "autodiscover/error-500-outlook.xml", &answer);
    assert_int_equal(answer.error_code, 500);
    assert_string_equal(answer.debug_data, "nobody@contoso.test");
    parse_sample(&arena, "autodiscover/redirect-addr.xml", &answer);
    assert_string_equal(answer.action, "redirectAddr");
    assert_string_equal(answer.redirect_address, "svc@contoso.mail.onmicrosoft.com");
    parse_sample(&arena, "autodiscover/redirect-url.xml", &answer);
    assert_string_equal(
        answer.redirect_url, "https://autodiscover.example.test/autodiscover/autodiscover.xml");
    arena_done(&arena);
}

static void test_writings(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct autodiscover_answer answer;
    parse_sample(&arena, "autodiscover/prefixes-cdata.xml", &answer);
    assert_int_equal(answer.url_count, 1); /* the one without a namespace is no EwsUrl */
    assert_string_equal(answer.urls[0].url, "https://mail.contoso.test/ews/exchange.asmx?a=1&b=2");
    parse_sample(&arena, "autodiscover/bom.xml", &answer);
    assert_string_equal(answer.action, "settings");
    parse_sample(&arena, "autodiscover/utf16.xml", &answer);
    assert_string_equal(answer.display_name, "M\xC3\xBCller");
    arena_done(&arena);
}

static void test_refused_samples(void **state)
{
    (void)state;
    static const struct {
        const char *sample;
        enum cause cause;
        const char *words;
    } table[] = {
        {"autodiscover/page.html", CAUSE_NOT_EXCHANGE, "HTML"},
        {"autodiscover/answer.json", CAUSE_NOT_EXCHANGE, "JSON"},
        {"autodiscover/wrong-namespace.xml", CAUSE_NOT_EXCHANGE, "https://example.test/schema"},
        {"autodiscover/mobilesync.xml", CAUSE_NOT_EXCHANGE, "<Response>"},
        {"autodiscover/laughs.xml", CAUSE_MALFORMED, "DOCTYPE"},
        {"autodiscover/external.xml", CAUSE_MALFORMED, "DOCTYPE"},
        {"autodiscover/truncated.xml", CAUSE_MALFORMED, "line"},
        {"autodiscover/nul.xml", CAUSE_MALFORMED, "invalid token"},
        {"autodiscover/deep.xml", CAUSE_MALFORMED, "nested too deep"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct arena arena = {0};
        struct autodiscover_answer answer = {.error_code = 4711};
        struct fault fault = {0};
        size_t length = 0;
        char *body = sample_read(&arena, table[i].sample, &length);
        assert_false(autodiscover_parse(&arena, body, length, &answer, &fault));
        if (fault.cause != table[i].cause || strstr(fault.text, table[i].words) == NULL)
            fail_msg("%s: %s %s", table[i].sample, cause_str(fault.cause), fault.text);
        assert_int_equal(answer.error_code, 4711); /* untouched */
        arena_done(&arena);
    }
}

#define ROOT         \
    "<Autodiscover " \
    "xmlns='http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006'>"
#define RESPONSE                                                                                  \
    "<Response xmlns='http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/" \
    "2006a'>"
#define END "</Response></Autodiscover>"

static void test_refused_texts(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum cause cause;
        const char *words;
    } table[] = {
        {"", CAUSE_NOT_EXCHANGE, "empty"},
        {" \r\n\t", CAUSE_NOT_EXCHANGE, "empty"},
        {"\xEF\xBB\xBF", CAUSE_NOT_EXCHANGE, "empty"},
        {"Not found.", CAUSE_NOT_EXCHANGE, "text that is not XML"},
        {"[]", CAUSE_NOT_EXCHANGE, "JSON"},
        {"\n<HTML><body>", CAUSE_NOT_EXCHANGE, "HTML"},
        {"<?xml version='1.0'?><!-- x --><html>", CAUSE_NOT_EXCHANGE, "HTML"},
        {"<a/>", CAUSE_NOT_EXCHANGE, "<a>"},
        {ROOT "</Autodiscover>", CAUSE_NOT_EXCHANGE, "<Response>"},
        {ROOT RESPONSE END, CAUSE_NOT_EXCHANGE, "<Account>"},
        {ROOT RESPONSE "<Account>&x;</Account>" END, CAUSE_MALFORMED, "undefined entity"},
        {ROOT RESPONSE "<Account a='1' a='2'/>" END, CAUSE_MALFORMED, "duplicate"},
        {ROOT RESPONSE "<Account>\xFF</Account>" END, CAUSE_MALFORMED, "invalid token"},
        {"<?xml version='1.0' encoding='x-none'?><a/>", CAUSE_MALFORMED, "encoding"},
        {ROOT RESPONSE "<Account/>" END "<b/>", CAUSE_MALFORMED, "junk"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct arena arena = {0};
        struct autodiscover_answer answer;
        struct fault fault = {0};
        assert_false(
            autodiscover_parse(&arena, table[i].body, strlen(table[i].body), &answer, &fault));
        if (fault.cause != table[i].cause || strstr(fault.text, table[i].words) == NULL)
            fail_msg("%s: %s %s", table[i].body, cause_str(fault.cause), fault.text);
        arena_done(&arena);
    }
}

/* head + `count` times `piece` + tail must be refused, and say why. */
static void check_too_much(
    const char *head, const char *piece, size_t count, const char *tail, const char *words)
{
    struct arena arena = {0};
    size_t at = strlen(head), step = strlen(piece), end = strlen(tail);
    char *body = arena_alloc(&arena, at + step * count + end + 1);
    memcpy(body, head, at);
    for (size_t i = 0; i < count; i++, at += step)
        memcpy(body + at, piece, step);
    memcpy(body + at, tail, end);
    struct autodiscover_answer answer;
    struct fault fault = {0};
    assert_false(autodiscover_parse(&arena, body, at + end, &answer, &fault));
    assert_int_equal(fault.cause, CAUSE_MALFORMED);
    if (strstr(fault.text, words) == NULL)
        fail_msg("%s", fault.text);
    arena_done(&arena);
}

static void test_too_much(void **state)
{
    (void)state;
    const char *head = ROOT RESPONSE "<Account><RedirectUrl>https://";
    const char *tail = "</RedirectUrl></Account>" END;
    check_too_much(head, "0123456789abcdef", 65000, tail, "too long");
    check_too_much(head, "0123456789abcdef", 66000, tail, "more than 1048576 bytes");
    check_too_much(ROOT, "<a/>", XML_NODES_MAX, "</Autodiscover>", "too many elements");
    check_too_much("<a x='", "0123456789", 2000, "'/>", "too long");
    check_too_much("<a xmlns='", "0123456789", 26, "'/>", "too long");
    check_too_much("<", "abcdef", 43, "/>", "too long");
}

/* More protocols, URLs and mailboxes than we keep: the first ones count. */
static void test_many(void **state)
{
    (void)state;
    struct arena arena = {0};
    const char *body = ROOT RESPONSE "<Account>";
    for (int i = 0; i < 80; i++)
        body = arena_printf(&arena,
            "%s<Protocol><Type>T%d</Type><EwsUrl>http://x/%d</EwsUrl></Protocol>"
            "<AlternativeMailbox><Server>s%d</Server></AlternativeMailbox>",
            body, i, i, i);
    body = arena_printf(&arena, "%s</Account>" END, body);
    struct autodiscover_answer answer;
    assert_true(autodiscover_parse(&arena, body, strlen(body), &answer, NULL));
    assert_int_equal(answer.protocol_count, AUTODISCOVER_PROTOCOLS_MAX);
    assert_int_equal(answer.url_count, AUTODISCOVER_URLS_MAX);
    assert_int_equal(answer.alternative_count, 16);
    assert_string_equal(answer.urls[20].protocol, "T20");
    arena_done(&arena);
}

static void test_request(void **state)
{
    (void)state;
    struct arena arena = {0};
    const char *body = autodiscover_request(&arena, "a<b>&\"'\r@contoso.test");
    assert_non_null(
        strstr(body, "<EMailAddress>a&lt;b&gt;&amp;&quot;&apos;@contoso.test</EMailAddress>"));
    assert_non_null(strstr(body, "outlook/requestschema/2006\""));
    assert_non_null(strstr(body, "outlook/responseschema/2006a</Acceptable"));
    const struct xml_node *root = NULL;
    assert_true(xml_parse(&arena, body, strlen(body), "x", &root, NULL));
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_errors_and_redirects),
        cmocka_unit_test(test_writings),
        cmocka_unit_test(test_refused_samples),
        cmocka_unit_test(test_refused_texts),
        cmocka_unit_test(test_too_much),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
