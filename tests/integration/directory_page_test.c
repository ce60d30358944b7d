/*
 * Searches in pages (RFC 2696) against the lab's Active Directory, whose schema has more objects
 * than one answer may hold. Runs inside the lab:
 *
 *     tests/lab/lab run DIR -- directory_page_test DIR
 */
#include "tests/integration/lab_ad.h"

#define SCHEMA "CN=Schema,CN=Configuration," BASE

static void search(struct link *link, struct arena *arena, size_t max, bool paged,
    struct directory_result *ret_result)
{
    static const char *const attributes[] = {"cn", NULL};
    const struct directory_search search = {.base = SCHEMA,
        .scope = DIRECTORY_ONE,
        .filter = "(objectClass=*)",
        .attributes = attributes,
        .max = max,
        .paged = paged};
    struct fault fault = {0};
    assert_ok(
        directory_search(link->directory, &search, soon(), arena, ret_result, &fault), &fault);
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct directory_entry *)a)->dn, ((const struct directory_entry *)b)->dn);
}

/* Every object once: no page came twice, none is left out. */
static void test_all(void **unused)
{
    (void)unused;
    struct link link;
    struct arena arena = {0};
    struct directory_result whole, part;
    link_as_reader(&link);
    search(&link, &arena, 0, true, &whole);
    assert_false(whole.more);
    assert_true(whole.count > DIRECTORY_ENTRIES_MAX);
    qsort(whole.entries, whole.count, sizeof *whole.entries, compare);
    for (size_t i = 1; i < whole.count; i++)
        assert_string_not_equal(whole.entries[i - 1].dn, whole.entries[i].dn);
    /* without pages the answer ends at its limit */
    search(&link, &arena, 0, false, &part);
    assert_int_equal(part.count, DIRECTORY_ENTRIES_MAX);
    assert_true(part.more);
    link_close(&link);
    arena_done(&arena);
}

static void test_bounds(void **unused)
{
    (void)unused;
    static const size_t bounds[] = {1, 499, 500, 501, 1000, 1234};
    struct link link;
    link_as_reader(&link);
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        struct arena arena = {0};
        struct directory_result found;
        search(&link, &arena, bounds[i], true, &found);
        assert_int_equal(found.count, bounds[i]);
        assert_true(found.more);
        arena_done(&arena);
    }
    link_close(&link);
}

/* One page, not full: the end is known without a further request; and none at all. */
static void test_few(void **unused)
{
    (void)unused;
    static const char *const attributes[] = {"cn", NULL};
    static const struct {
        const char *filter;
        size_t count;
    } table[] = {{"(cn=Person)", 1}, {"(cn=no such class)", 0}};
    struct link link;
    link_as_reader(&link);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct directory_search few = {.base = SCHEMA,
            .scope = DIRECTORY_ONE,
            .filter = table[i].filter,
            .attributes = attributes,
            .paged = true};
        struct arena arena = {0};
        struct fault fault = {0};
        struct directory_result found;
        assert_ok(directory_search(link.directory, &few, soon(), &arena, &found, &fault), &fault);
        assert_int_equal(found.count, table[i].count);
        assert_false(found.more);
        arena_done(&arena);
    }
    link_close(&link);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: directory_page_test DIR\n");
        return 77;
    }
    if (!lab_open(argv[1]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_few),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    lab_close();
    return failed;
}
