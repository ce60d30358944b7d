#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/ldap.h"
#include "tests/unit/account_entry.h"
#include "tests/unit/judged.h"

#define DN "CN=svc,CN=Users,DC=contoso,DC=test"

/* SIDs of a domain end in the relative id, those of Builtin are S-1-5-32-…. */
#define OF_DOMAIN(low, high)  "\1\5\0\0\0\0\0\5\x15\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0" low high "\0\0"
#define OF_BUILTIN(low, high) "\1\2\0\0\0\0\0\5\x20\0\0\0" low high "\0\0"
enum { DOMAIN_LENGTH = 28, BUILTIN_LENGTH = 16 };

static struct check *judged(
    const struct directory_value *sids, size_t count, const struct group_path *paths, bool cut)
{
    struct account_entry account = {.entry = {.dn = DN}};
    entry_add(&account, "adminCount", "1");
    for (size_t i = 0; i < count; i++)
        entry_add_bytes(&account, "tokenGroups", sids[i].bytes, sids[i].length);
    const struct group_reading reading = {
        .account = &account.entry, .paths = paths, .path_count = paths == NULL ? 0 : 1, .cut = cut};
    struct check *check = check_for(&probe_ldap_groups);
    judge_groups(&reading, check);
    return check;
}

static void test_privileges(void **state)
{
    (void)state;
    static const struct {
        const char *sid;
        size_t length;
        enum outcome outcome;
        const char *name; /* NULL: it is nothing special */
    } table[] = {
        {OF_DOMAIN("\1", "\2"), DOMAIN_LENGTH, OUTCOME_PASS, NULL}, /* 513 Domain Users */
        {OF_DOMAIN("\0", "\2"), DOMAIN_LENGTH, OUTCOME_WARN, "Domain Admins (RID 512)"},
        {OF_DOMAIN("\6", "\2"), DOMAIN_LENGTH, OUTCOME_WARN, "Schema Admins (RID 518)"},
        {OF_DOMAIN("\7", "\2"), DOMAIN_LENGTH, OUTCOME_WARN, "Enterprise Admins (RID 519)"},
        {OF_DOMAIN("\x0d", "\2"), DOMAIN_LENGTH, OUTCOME_WARN, "Protected Users (RID 525)"},
        {OF_BUILTIN("\x20", "\2"), BUILTIN_LENGTH, OUTCOME_PASS, "Administrators (RID 544)"},
        {OF_BUILTIN("\x27", "\2"), BUILTIN_LENGTH, OUTCOME_PASS, "Backup Operators (RID 551)"},
        {OF_BUILTIN("\x21", "\2"), BUILTIN_LENGTH, OUTCOME_PASS, NULL}, /* 545 Users */
        /* the right number in the wrong place */
        {OF_DOMAIN("\x20", "\2"), DOMAIN_LENGTH, OUTCOME_PASS, NULL},
        {OF_BUILTIN("\0", "\2"), BUILTIN_LENGTH, OUTCOME_PASS, NULL},
        {OF_DOMAIN("\0", "\2"), DOMAIN_LENGTH - 1, OUTCOME_PASS, NULL},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        const struct directory_value sids[] = {{OF_DOMAIN("\1", "\2"), DOMAIN_LENGTH},
            {table[i].sid, table[i].length}, {table[i].sid, table[i].length}};
        struct check *check = judged(sids, 3, NULL, false);
        const struct fact *list = check_fact(check, "groups.privileged");
        if (check->outcome != table[i].outcome || (list != NULL) != (table[i].name != NULL))
            fail_msg("case %zu: %s", i, check->summary);
        assert_int_equal(check_get_int(check, "groups.count", -1), 3);
        assert_int_equal(check_get_int(check, "groups.admin_count", -1), 1);
        assert_int_equal(check_get_bool(check, "groups.protected_users", false), i == 4);
        if (list != NULL) {
            assert_int_equal(list->count, 1);
            assert_string_equal(list->list[0], table[i].name);
        }
        check_free(check);
    }
}

static void test_path(void **state)
{
    (void)state;
    static const struct directory_value sids[] = {{OF_DOMAIN("\0", "\2"), DOMAIN_LENGTH}};
    static const struct group_path path = {.rid = 512, .path = "svc > PBX > Domain Admins"};
    static const struct group_path none = {.rid = 512, .path = NULL};
    struct check *check = judged(sids, 1, &path, false);
    assert_string_equal(
        check->summary, "svc is in Domain Admins (RID 512): svc > PBX > Domain Admins");
    assert_string_equal(check_fact(check, "groups.path")->list[0], path.path);
    check_free(check);
    check = judged(sids, 1, &none, true);
    assert_null(check_fact(check, "groups.path"));
    assert_non_null(strstr(check->summary, "not every way was followed"));
    check_free(check);
}

static void test_unreadable(void **state)
{
    (void)state;
    struct check *check = judged(NULL, 0, NULL, false);
    assert_int_equal(check->outcome, OUTCOME_SKIPPED);
    assert_null(check_fact(check, "groups.count"));
    assert_null(check_fact(check, "groups.protected_users"));
    check_free(check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_privileges),
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_unreadable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
