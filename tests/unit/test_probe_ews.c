#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/ews.h"
#include "tests/unit/judged.h"

static const char *const names[] = {"inbox", "contacts", "calendar", NULL};

static struct ews_folder folder_of(const char *code, int64_t total)
{
    return (struct ews_folder){.response_class = strcmp(code, "NoError") == 0 ? "Success" : "Error",
        .response_code = code,
        .message = "server's words",
        .total = total,
        .unread = 1,
        .back_off_ms = -1};
}

static struct ews_answer good_answer(void)
{
    return (struct ews_answer){.back_off_ms = -1,
        .folders = {folder_of("NoError", 7), folder_of("NoError", 2), folder_of("NoError", 0)},
        .folder_count = 3,
        .version_name = "V2017_07_11",
        .major = 15,
        .minor = 2,
        .build = 1544,
        .revision = 4};
}

static void test_version(void **state)
{
    (void)state;
    static const struct {
        int major, minor, build, revision;
        const char *text; /* of exchange.build */
    } table[] = {
        {15, 2, 1544, 4, "15.2.1544.4"},
        {15, 2, 1544, -1, "15.2.1544"},
        {-1, -1, -1, -1, "15.1.1.1"}, /* the header's stays */
        {15, 2, -1, -1, "15.1.1.1"},
    };
    static const struct http_header headers[] = {
        {"X-OWA-Version", "15.1.1.1"}, {"X-FEServer", "EX1"}, {NULL, NULL}};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct ews_answer answer = good_answer();
        answer.major = table[i].major;
        answer.minor = table[i].minor;
        answer.build = table[i].build;
        answer.revision = table[i].revision;
        struct http_response response = answer_of(200, headers, "");
        struct check *check = check_for(&probe_ews_version);
        judge_ews(&response, &answer, NULL, check);
        assert_int_equal(check->outcome, OUTCOME_PASS);
        assert_string_equal(check_get_text(check, "exchange.build", ""), table[i].text);
        assert_string_equal(check_get_text(check, "ews.version", ""), "V2017_07_11");
        assert_string_equal(check_get_text(check, "node", ""), "EX1");
        check_free(check);
    }
}

static void test_faults(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        enum outcome outcome;
        enum cause cause;
    } table[] = {
        /* what speaks of the mailbox proves that the service works */
        {"ErrorNonExistentMailbox", OUTCOME_PASS, CAUSE_NONE},
        {"ErrorMissingEmailAddress", OUTCOME_PASS, CAUSE_NONE},
        {"ErrorServerBusy", OUTCOME_FAIL, CAUSE_SERVER_BUSY},
        {"ErrorAccessDenied", OUTCOME_FAIL, CAUSE_ACCESS_DENIED},
        {"ErrorPasswordExpired", OUTCOME_FAIL, CAUSE_PASSWORD_EXPIRED},
        {"ErrorPasswordChangeRequired", OUTCOME_FAIL, CAUSE_PASSWORD_MUST_CHANGE},
        {"ErrorAccountDisabled", OUTCOME_FAIL, CAUSE_ACCOUNT_DISABLED},
        {"ErrorMailboxStoreUnavailable", OUTCOME_FAIL, CAUSE_SOAP_FAULT},
        {"ErrorSchemaValidation", OUTCOME_FAIL, CAUSE_SOAP_FAULT},
        {"errorserverbusy", OUTCOME_FAIL, CAUSE_SOAP_FAULT},
        {"", OUTCOME_FAIL, CAUSE_SOAP_FAULT},
        {NULL, OUTCOME_FAIL, CAUSE_SOAP_FAULT},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct ews_answer answer = {.fault = true,
            .fault_code = "s:Client",
            .fault_string = "words",
            .response_code = table[i].code,
            .back_off_ms = 5000,
            .major = -1,
            .minor = -1,
            .build = -1,
            .revision = -1};
        struct http_response response = answer_of(500, NULL, "");
        struct check *check = check_for(&probe_ews_version);
        judge_ews(&response, &answer, NULL, check);
        if (check->outcome != table[i].outcome || check->fault.cause != table[i].cause)
            fail_msg("%s: %s", table[i].code, check->summary);
        if (table[i].outcome == OUTCOME_FAIL) {
            assert_int_equal(check->fault.origin, ORIGIN_SOAP);
            assert_int_equal(check_get_int(check, "ews.back_off_ms", -1), 5000);
            assert_string_equal(check_get_text(check, "ews.fault", ""),
                table[i].code != NULL ? table[i].code : "s:Client");
            assert_string_equal(check_get_text(check, "ews.message", ""), "words");
        }
        check_free(check);
    }
    struct ews_answer bare = {.fault = true, .back_off_ms = -1, .major = -1, .build = -1};
    struct http_response response = answer_of(500, NULL, "");
    struct check *check = check_for(&probe_ews_version);
    judge_ews(&response, &bare, NULL, check);
    assert_int_equal(check->fault.cause, CAUSE_SOAP_FAULT);
    assert_null(check_fact(check, "ews.back_off_ms"));
    check_free(check);
}

static void test_no_answer(void **state)
{
    (void)state;
    static const struct {
        int status;
        enum cause cause;
    } table[] = {{200, CAUSE_MALFORMED}, {302, CAUSE_REDIRECTED}, {401, CAUSE_HTTP_STATUS},
        {403, CAUSE_HTTP_STATUS}, {440, CAUSE_HTTP_STATUS}, {500, CAUSE_HTTP_STATUS},
        {503, CAUSE_HTTP_STATUS}};
    struct fault fault;
    fault_set(&fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0, "broken");
    for (size_t i = 0; i < COUNT(table); i++) {
        struct http_response response = answer_of(table[i].status, NULL, "");
        struct check *check = check_for(&probe_ews_version);
        judge_ews(&response, NULL, &fault, check);
        assert_int_equal(check->outcome, OUTCOME_FAIL);
        assert_int_equal(check->fault.cause, table[i].cause);
        check_free(check);
    }
}

/* ---- folders ---- */

static void test_folders_open(void **state)
{
    (void)state;
    struct ews_answer answer = good_answer();
    struct check *check = check_for(&probe_ews_folders);
    answer.folders[2].total = answer.folders[2].unread = -1; /* not sent */
    judge_ews_folders(&answer, names, check);
    assert_int_equal(check->outcome, OUTCOME_PASS);
    assert_string_equal(check->summary, "opened: inbox 7, contacts 2, calendar ? items");
    assert_string_equal(check_get_text(check, "ews.code", ""), "NoError");
    assert_int_equal(check_get_int(check, "ews.inbox.total", -1), 7);
    assert_int_equal(check_get_int(check, "ews.contacts.unread", -1), 1);
    assert_null(check_fact(check, "ews.calendar.total"));
    check_free(check);
}

static void test_folders_refused(void **state)
{
    (void)state;
    static const struct {
        const char *codes[3]; /* NULL: the answer ends before */
        enum cause cause;
        const char *names; /* in the words */
    } table[] = {
        {{"ErrorAccessDenied", "NoError", "NoError"}, CAUSE_ACCESS_DENIED, "inbox"},
        {{"NoError", "ErrorItemNotFound", "NoError"}, CAUSE_ACCESS_DENIED, "contacts"},
        {{"NoError", "NoError", "ErrorNonExistentMailbox"}, CAUSE_NO_MAILBOX, "calendar"},
        {{"ErrorMailboxStoreUnavailable"}, CAUSE_SOAP_FAULT, "inbox"},
        {{"NoError", "NoError", NULL}, CAUSE_SOAP_FAULT, "calendar"},
        {{NULL, NULL, NULL}, CAUSE_SOAP_FAULT, "inbox"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct ews_answer answer = {.folder_count = 0};
        while (answer.folder_count < 3 && table[i].codes[answer.folder_count] != NULL) {
            answer.folders[answer.folder_count] = folder_of(table[i].codes[answer.folder_count], 1);
            answer.folder_count++;
        }
        struct check *check = check_for(&probe_ews_folders);
        judge_ews_folders(&answer, names, check);
        assert_int_equal(check->outcome, OUTCOME_FAIL);
        if (check->fault.cause != table[i].cause ||
            strstr(check->fault.text, table[i].names) == NULL)
            fail_msg("case %zu: %s", i, check->fault.text);
        bool cut = answer.folder_count < 3 && i >= 4;
        assert_int_equal(strstr(check_get_text(check, "ews.message", ""), "shorter") != NULL, cut);
        check_free(check);
    }
}

static void test_folders_fault(void **state)
{
    (void)state;
    struct ews_answer answer = {.fault = true, .response_code = "ErrorNonExistentMailbox"};
    struct check *check = check_for(&probe_ews_mailbox);
    judge_ews_folders(&answer, names, check);
    assert_int_equal(check->fault.cause, CAUSE_NO_MAILBOX);
    assert_string_equal(check_get_text(check, "ews.code", ""), "ErrorNonExistentMailbox");
    check_free(check);
    answer.response_code = NULL;
    check = check_for(&probe_ews_mailbox);
    judge_ews_folders(&answer, names, check);
    assert_int_equal(check->fault.cause, CAUSE_SOAP_FAULT);
    check_free(check);
}

static void test_a_folder_without_code(void **state)
{
    (void)state;
    struct ews_answer answer = good_answer();
    answer.folders[1].response_code = NULL;
    struct check *check = check_for(&probe_ews_folders);
    judge_ews_folders(&answer, names, check);
    assert_int_equal(check->outcome, OUTCOME_FAIL);
    assert_non_null(strstr(check->fault.text, "no ResponseCode"));
    check_free(check);
}

static void test_subjects(void **state)
{
    (void)state;
    struct settings settings = {.mailboxes = {{"a@b", "c@d"}, 2}};
    assert_int_equal(probe_ews_mailbox.subjects(&settings), 2);
    assert_string_equal(probe_ews_mailbox.subject(&settings, 1), "c@d");
    assert_int_equal(probe_ews_public.subjects(&settings), 0);
    settings.public_folders = true;
    assert_int_equal(probe_ews_public.subjects(&settings), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_folders_open),
        cmocka_unit_test(test_folders_refused),
        cmocka_unit_test(test_folders_fault),
        cmocka_unit_test(test_a_folder_without_code),
        cmocka_unit_test(test_subjects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
