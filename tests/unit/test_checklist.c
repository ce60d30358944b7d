#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/checklist.h"
#include "tests/unit/fixture.h"

#include <string.h>

#define EWS  "ews/mail.contoso.test/127.0.0.20:443"
#define EWS2 "ews/mail.contoso.test/127.0.0.21:443"
#define MAPI "mapi/mail.contoso.test/127.0.0.20:443"
#define RPC  "rpc/mail.contoso.test/127.0.0.20:443"

static const struct checklist_item *find(const struct survey *survey, const char *item)
{
    const struct checklist_item *at = survey->checklist;
    while (at != NULL && strcmp(at->item, item) != 0)
        at = at->next;
    if (at == NULL)
        fail_msg("no item %s", item);
    return at;
}

/* Every item of the vendor's list, in its order, each answered or with how to check it. */
static void test_items(void **state)
{
    (void)state;
    static const char *const items[] = {"faq-1", "faq-2", "faq-3", "faq-4", "faq-5", "faq-6",
        "faq-7", "faq-8", "faq-9", "faq-10", "faq-11", "faq-12", "faq-13", "faq-14", "faq-15",
        "faq-2013-1", "faq-2013-2", "faq-2013-3", "faq-2013-4", "faq-2013-5", "faq-2010-1",
        "faq-2010-2", "faq-test-1", "faq-test-2", "faq-test-3", "faq-use-1", "faq-use-2",
        "faq-use-3", "faq-use-4"};
    struct survey survey;
    survey_init(&survey);
    const struct checklist_item *at = checklist_fill(&survey);
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++, at = at->next) {
        assert_string_equal(at->item, items[i]);
        assert_int_equal(at->outcome, OUTCOME_SKIPPED); /* nothing was seen */
        assert_memory_equal(at->summary, "check by hand: ", 15);
        assert_true(strlen(at->summary) > 20);
    }
    assert_null(at);
    survey_done(&survey);
}

static void set_build(struct survey *survey, const char *first, const char *second)
{
    for (struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (struct check *at = chain->checks; at != NULL; at = at->next) {
            if (check_fact(at, "exchange.build") == NULL)
                continue;
            bool other = strcmp(chain->id, EWS2) == 0;
            check_text(at, "exchange.build", other ? second : first);
        }
    }
}

static void test_builds(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        enum outcome latest, minimum, one, patch;
    } table[] = {
        {"15.2.2562.37", "15.2.2562.37", OUTCOME_PASS, OUTCOME_PASS, OUTCOME_SKIPPED,
            OUTCOME_SKIPPED},
        {"15.2.2562.20", "15.2.2562.37", OUTCOME_WARN, OUTCOME_PASS, OUTCOME_SKIPPED,
            OUTCOME_SKIPPED},
        {"15.2.1544.4", "15.2.1544.4", OUTCOME_FAIL, OUTCOME_PASS, OUTCOME_SKIPPED,
            OUTCOME_SKIPPED},
        {"15.2.2562.37", "15.1.2507.6", OUTCOME_FAIL, OUTCOME_PASS, OUTCOME_FAIL, OUTCOME_SKIPPED},
        {"15.0.712.24", "15.0.712.24", OUTCOME_FAIL, OUTCOME_PASS, OUTCOME_SKIPPED,
            OUTCOME_SKIPPED},
        {"15.0.712.22", "15.2.2562.37", OUTCOME_FAIL, OUTCOME_FAIL, OUTCOME_FAIL, OUTCOME_SKIPPED},
        {"14.3.513.0", "14.3.513.0", OUTCOME_FAIL, OUTCOME_FAIL, OUTCOME_SKIPPED, OUTCOME_PASS},
        {"14.3.123.4", "14.3.513.0", OUTCOME_FAIL, OUTCOME_FAIL, OUTCOME_SKIPPED, OUTCOME_WARN},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        fixture_healthy(&survey);
        set_build(&survey, table[i].first, table[i].second);
        survey.checklist = checklist_fill(&survey);
        assert_int_equal(find(&survey, "faq-2")->outcome, table[i].latest);
        assert_int_equal(find(&survey, "faq-2013-1")->outcome, table[i].minimum);
        assert_int_equal(find(&survey, "faq-6")->outcome, table[i].one);
        assert_int_equal(find(&survey, "faq-2010-1")->outcome, table[i].patch);
        survey_done(&survey);
    }
}

static void test_answers(void **state)
{
    (void)state;
    static const struct {
        const char *fault, *item;
        enum outcome outcome;
        const char *says;
    } table[] = {
        {"", "faq-8", OUTCOME_PASS, "contoso.test"},
        {"", "faq-11", OUTCOME_PASS, ""},
        {"D04", "faq-11", OUTCOME_FAIL, "homeMDB"},
        {"", "faq-12", OUTCOME_PASS, "2 address lists"},
        {"D06", "faq-12", OUTCOME_FAIL, "msExchHideFromAddressLists"},
        {"D06", "faq-11", OUTCOME_PASS, ""},
        {"D04", "faq-12", OUTCOME_SKIPPED, "by hand"},
        {"", "faq-13", OUTCOME_SKIPPED, "by hand"},
        {"", "faq-test-1", OUTCOME_PASS, ""},
        {"D04", "faq-test-1", OUTCOME_FAIL, "an error page"},
        {"S02", "faq-test-1", OUTCOME_SKIPPED, "by hand"},
        {"A01", "faq-test-1", OUTCOME_SKIPPED, "by hand"},
        {"", "faq-use-1", OUTCOME_PASS, "3 items"},
        {"D04", "faq-use-1", OUTCOME_FAIL, "ErrorNonExistentMailbox"},
        {"S02", "faq-use-1", OUTCOME_SKIPPED, "by hand"},
        {"", "faq-use-2", OUTCOME_SKIPPED, "--public-folders"},
        {"", "faq-use-3", OUTCOME_PASS, "1 item"},
        {"X-MAILBOX", "faq-use-3", OUTCOME_FAIL, "bob@contoso.test: ErrorAccessDenied"},
        {"", "faq-use-4", OUTCOME_PASS, "Voice Mail has 2"},
        {"", "faq-7", OUTCOME_PASS, "RPC over HTTP and MAPI over HTTP"},
        {"D06", "faq-7", OUTCOME_FAIL, "over RPC over HTTP the address book fails"},
        {"R08", "faq-7", OUTCOME_FAIL, "over RPC over HTTP the store fails"},
        {"R05", "faq-7", OUTCOME_PASS, "over MAPI over HTTP"},
        {"D04", "faq-7", OUTCOME_SKIPPED, "by hand"}, /* both fail: another error */
        {"", "faq-test-2", OUTCOME_PASS, "RPC over HTTP, MAPI over HTTP"},
        {"R01", "faq-test-2", OUTCOME_WARN, "opens over MAPI over HTTP; RPC over HTTP: "},
        {"D04", "faq-test-2", OUTCOME_FAIL, "RPC over HTTP: "},
        {"T01", "faq-test-2", OUTCOME_SKIPPED, "by hand"},
        {"", "faq-test-3", OUTCOME_SKIPPED, "--mailbox"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct survey survey;
        fixture_healthy(&survey);
        if (*table[i].fault != '\0')
            fixture_break(&survey, table[i].fault);
        survey.checklist = checklist_fill(&survey);
        const struct checklist_item *item = find(&survey, table[i].item);
        if (item->outcome != table[i].outcome || strstr(item->summary, table[i].says) == NULL)
            fail_msg("%s with %s: %s: %s", table[i].item, table[i].fault,
                outcome_str(item->outcome), item->summary);
        survey_done(&survey);
    }
}

static void add_other(struct survey *survey, const char *row, const char *probe, enum cause cause)
{
    struct chain *chain = survey_find_chain(survey, row);
    struct check *check =
        check_new(chain->id, probe, probe, LAYER_MAILBOX, "bob@contoso.test", NULL);
    struct fault fault;
    fault_set(&fault, cause, ORIGIN_MAPI, 0, "access denied");
    if (cause == CAUSE_NONE)
        check_settle(check, OUTCOME_PASS, "opened");
    else
        check_fail(check, &fault);
    chain_append(chain, check);
}

/* A further mailbox over MAPI: both ways, one, none, and voice mail that nobody has. */
static void test_outlook(void **state)
{
    (void)state;
    static const char *const mailboxes[] = {"bob@contoso.test"};
    static const struct {
        enum cause rpc, mapi;
        enum outcome outcome;
        const char *says;
    } table[] = {
        {CAUSE_NONE, CAUSE_NONE, OUTCOME_PASS, "opens over RPC over HTTP, MAPI over HTTP"},
        {CAUSE_ACCESS_DENIED, CAUSE_NONE, OUTCOME_WARN, "RPC over HTTP: access denied"},
        {CAUSE_ACCESS_DENIED, CAUSE_ACCESS_DENIED, OUTCOME_FAIL, "bob@contoso.test: RPC over HTTP"},
    };
    struct survey survey;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        fixture_healthy(&survey);
        survey.target.mailboxes = mailboxes;
        survey.target.mailbox_count = 1;
        add_other(&survey, RPC, "rpc.mailbox_of", table[i].rpc);
        add_other(&survey, MAPI, "mapi.mailbox_of", table[i].mapi);
        survey.checklist = checklist_fill(&survey);
        const struct checklist_item *item = find(&survey, "faq-test-3");
        assert_int_equal(item->outcome, table[i].outcome);
        assert_non_null(strstr(item->summary, table[i].says));
        item = find(&survey, "faq-use-3");
        assert_int_equal(
            item->outcome, table[i].outcome == OUTCOME_FAIL ? OUTCOME_FAIL : OUTCOME_PASS);
        survey_done(&survey);
    }
    fixture_healthy(&survey);
    for (struct chain *chain = survey.chains; chain != NULL; chain = chain->next) {
        for (struct check *at = chain->checks; at != NULL; at = at->next) {
            if (at->layer == LAYER_MAILBOX && strstr(at->probe, ".mailbox") != NULL &&
                chain->endpoint.service >= SERVICE_MAPI)
                at->facts = NULL;
        }
    }
    survey.checklist = checklist_fill(&survey);
    assert_non_null(strstr(find(&survey, "faq-use-4")->summary, "no Voice Mail folder"));
    survey_done(&survey);
}

static void test_more(void **state)
{
    (void)state;
    struct survey survey;
    fixture_healthy(&survey);
    /* not hidden, in no address list: as bad */
    check_int(fixture_check(&survey, "ldap/dc1.contoso.test/127.0.0.10:389", "ldap.mailbox"),
        "mailbox.address_lists", 0);
    /* an account of another domain */
    check_text(fixture_check(&survey, "ldap/dc1.contoso.test/127.0.0.10:389", "ldap.account"),
        "account.dn", "CN=svc,OU=a\\,b,dc=fabrikam,DC=test");
    struct chain *chain = survey_find_chain(&survey, EWS);
    struct check *check =
        check_new(chain->id, "ews.public", "t", LAYER_MAILBOX, "public folders", NULL);
    check_settle(check, OUTCOME_PASS, "opened");
    chain_append(chain, check);
    survey.checklist = checklist_fill(&survey);
    assert_int_equal(find(&survey, "faq-12")->outcome, OUTCOME_FAIL);
    assert_non_null(strstr(find(&survey, "faq-12")->summary, "showInAddressBook"));
    assert_int_equal(find(&survey, "faq-8")->outcome, OUTCOME_FAIL);
    assert_string_equal(find(&survey, "faq-8")->facts->text, "fabrikam.test");
    assert_int_equal(find(&survey, "faq-use-2")->outcome, OUTCOME_PASS);
    survey_done(&survey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_items),
        cmocka_unit_test(test_builds),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_outlook),
        cmocka_unit_test(test_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
