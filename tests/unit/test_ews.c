#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/ews.h"
#include "net/wire/xml.h"
#include "tests/unit/sample.h"

#include <string.h>

static void parse_sample(struct arena *arena, const char *name, struct ews_answer *ret_answer)
{
    size_t length = 0;
    char *body = sample_read(arena, name, &length);
    struct fault fault = {0};
    if (!ews_parse(arena, body, length, ret_answer, &fault))
        fail_msg("%s: %s", name, fault.text);
}

static void test_folders(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct ews_answer answer;
    parse_sample(&arena, "ews/folders.xml", &answer);
    assert_false(answer.fault);
    assert_int_equal(answer.folder_count, 3);
    const struct ews_folder *inbox = &answer.folders[0], *contacts = &answer.folders[1],
                            *missing = &answer.folders[2];
    assert_string_equal(inbox->response_class, "Success");
    assert_string_equal(inbox->response_code, "NoError");
    assert_string_equal(inbox->display_name, "Inbox");
    assert_string_equal(inbox->folder_class, "IPF.Note");
    assert_string_equal(inbox->id, "AAMkADk5InboxAAA=");
    assert_true(inbox->total == 1234 && inbox->unread == 7 && inbox->back_off_ms == -1);
    assert_string_equal(contacts->display_name, "Contacts");
    assert_true(contacts->total == 12 && contacts->unread == -1);
    assert_string_equal(missing->response_class, "Error");
    assert_string_equal(missing->response_code, "ErrorFolderNotFound");
    assert_string_equal(missing->message, "The specified folder could not be found in the store.");
    assert_null(missing->display_name);
    assert_true(missing->total == -1);
    assert_string_equal(answer.version_name, "V2017_07_11");
    assert_int_equal(answer.major, 15);
    assert_int_equal(answer.minor, 2);
    assert_int_equal(answer.build, 1544);
    assert_int_equal(answer.revision, 14);
    arena_done(&arena);
}

static void test_one_folder(void **state)
{
    (void)state;
    static const struct {
        const char *sample, *code;
        int64_t back_off_ms;
    } table[] = {
        {"ews/no-mailbox.xml", "ErrorNonExistentMailbox", -1},
        {"ews/access-denied.xml", "ErrorAccessDenied", -1},
        {"ews/busy.xml", "ErrorServerBusy", 297749},
        {"ews/default-namespace.xml", "NoError", -1},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct arena arena = {0};
        struct ews_answer answer;
        parse_sample(&arena, table[i].sample, &answer);
        assert_int_equal(answer.folder_count, 1);
        assert_string_equal(answer.folders[0].response_code, table[i].code);
        assert_true(answer.folders[0].back_off_ms == table[i].back_off_ms);
        assert_true(answer.folders[0].total == -1); /* none, or over any number */
        arena_done(&arena);
    }
}

static void test_faults(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct ews_answer answer;
    parse_sample(&arena, "ews/fault-busy.xml", &answer);
    assert_true(answer.fault);
    assert_string_equal(answer.fault_code, "a:ErrorServerBusy");
    assert_string_equal(answer.response_code, "ErrorServerBusy");
    assert_true(answer.back_off_ms == 5000);
    assert_int_equal(answer.major, 15);
    parse_sample(&arena, "ews/fault-schema.xml", &answer);
    assert_string_equal(answer.fault_string, "The request failed schema validation.");
    assert_string_equal(answer.message, "The request failed schema validation.");
    assert_int_equal(answer.major, -1);
    assert_null(answer.version_name);
    assert_true(answer.back_off_ms == -1);
    parse_sample(&arena, "ews/fault-soap12.xml", &answer);
    assert_true(answer.fault);
    assert_string_equal(answer.fault_code, "e:Sender");
    assert_string_equal(answer.fault_string, "no");
    assert_null(answer.response_code);
    arena_done(&arena);
}

static void test_absurd_version(void **state)
{
    (void)state;
    struct arena arena = {0};
    const char *body = "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Header>"
                       "<ServerVersionInfo xmlns='http://schemas.microsoft.com/exchange/services/"
                       "2006/types' MajorVersion='15' MinorVersion='-2' MajorBuildNumber='99999'/>"
                       "</s:Header><s:Body><s:Fault/></s:Body></s:Envelope>";
    struct ews_answer answer;
    assert_true(ews_parse(&arena, body, strlen(body), &answer, NULL));
    assert_int_equal(answer.major, 15);
    assert_int_equal(answer.minor, -1);
    assert_int_equal(answer.build, -1);
    assert_int_equal(answer.revision, -1);
    arena_done(&arena);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *sample, *body;
        enum cause cause;
        const char *words;
    } table[] = {
        {"ews/service.html", NULL, CAUSE_NOT_EXCHANGE, "HTML"},
        {"ews/other-soap.xml", NULL, CAUSE_NOT_EXCHANGE, "<hello>"},
        {"ews/wrong-namespace.xml", NULL, CAUSE_NOT_EXCHANGE, "<GetFolderResponse>"},
        {"ews/truncated.xml", NULL, CAUSE_MALFORMED, "line"},
        {"autodiscover/laughs.xml", NULL, CAUSE_MALFORMED, "DOCTYPE"},
        {"autodiscover/settings-2019.xml", NULL, CAUSE_NOT_EXCHANGE, "no SOAP envelope"},
        {NULL, "", CAUSE_NOT_EXCHANGE, "empty"},
        {NULL, "{\"a\":1}", CAUSE_NOT_EXCHANGE, "JSON"},
        {NULL, "<Envelope/>", CAUSE_NOT_EXCHANGE, "no SOAP envelope"},
        {NULL, "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'/>",
            CAUSE_NOT_EXCHANGE, "without a body"},
        {NULL,
            "<e:Envelope "
            "xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Body/></e:Envelope>",
            CAUSE_NOT_EXCHANGE, "GetFolder"},
        {NULL,
            "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Body>"
            "<GetFolderResponse xmlns='http://schemas.microsoft.com/exchange/services/2006/"
            "messages'><ResponseMessages/></GetFolderResponse></e:Body></e:Envelope>",
            CAUSE_NOT_EXCHANGE, "no message"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct arena arena = {0};
        struct ews_answer answer;
        struct fault fault = {0};
        size_t length = table[i].body == NULL ? 0 : strlen(table[i].body);
        const char *body = table[i].body;
        if (body == NULL)
            body = sample_read(&arena, table[i].sample, &length);
        assert_false(ews_parse(&arena, body, length, &answer, &fault));
        if (fault.cause != table[i].cause || strstr(fault.text, table[i].words) == NULL)
            fail_msg("%zu: %s %s", i, cause_str(fault.cause), fault.text);
        arena_done(&arena);
    }
}

static void test_too_much(void **state)
{
    (void)state;
    struct arena arena = {0};
    char *body = arena_alloc(&arena, EWS_BODY_MAX + 2);
    memset(body, ' ', EWS_BODY_MAX + 1);
    struct ews_answer answer;
    struct fault fault = {0};
    assert_false(ews_parse(&arena, body, EWS_BODY_MAX + 1, &answer, &fault));
    assert_int_equal(fault.cause, CAUSE_MALFORMED);
    /* More messages than asked for are dropped. */
    size_t length = 0;
    char *one = sample_read(&arena, "ews/no-mailbox.xml", &length);
    const char *start = strstr(one, "<m:GetFolderResponseMessage ");
    const char *end = strstr(one, "</m:ResponseMessages>");
    const char *message = arena_strndup(&arena, start, (size_t)(end - start));
    const char *many = arena_strndup(&arena, one, (size_t)(start - one));
    for (int i = 0; i < 20; i++)
        many = arena_printf(&arena, "%s%s", many, message);
    many = arena_printf(&arena, "%s%s", many, end);
    assert_true(ews_parse(&arena, many, strlen(many), &answer, NULL));
    assert_int_equal(answer.folder_count, EWS_FOLDERS_MAX);
    arena_done(&arena);
}

static void test_request(void **state)
{
    (void)state;
    struct arena arena = {0};
    static const char *const folders[] = {"inbox", "contacts"};
    const char *own = ews_get_folder(&arena, "Exchange2010_SP2", NULL, folders, 2);
    assert_non_null(strstr(own, "<t:RequestServerVersion Version=\"Exchange2010_SP2\"/>"));
    assert_non_null(strstr(own, "<t:DistinguishedFolderId Id=\"inbox\"></t:DistinguishedFolderId>"
                                "<t:DistinguishedFolderId Id=\"contacts\">"));
    assert_null(strstr(own, "Mailbox"));
    const char *other = ews_get_folder(&arena, "Exchange2013", "<x>@y", folders, 1);
    assert_non_null(
        strstr(other, "<t:Mailbox><t:EmailAddress>&lt;x&gt;@y</t:EmailAddress></t:Mailbox>"));
    const struct xml_node *root = NULL;
    assert_true(xml_parse(&arena, other, strlen(other), "x", &root, NULL));
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folders),
        cmocka_unit_test(test_one_folder),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_absurd_version),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_too_much),
        cmocka_unit_test(test_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
