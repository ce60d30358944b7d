#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/mapiprops.h"
#include "tests/unit/sample.h"

#include <string.h>

static void test_names(void **state)
{
    (void)state;
    static const struct {
        uint32_t tag;
        const char *name;
    } tags[] = {
        {PID_TAG_DISPLAY_NAME, "PidTagDisplayName"},
        {0x3001001e, "PidTagDisplayName"}, /* whatever its type */
        {PID_TAG_EMAIL_ADDRESS, "PidTagEmailAddress"},
        {PID_TAG_SMTP_ADDRESS, "PidTagSmtpAddress"},
        {PID_TAG_HOME_MESSAGE_DATABASE, "PidTagAddressBookHomeMessageDatabase"},
        {PID_TAG_CONTAINER_ID, "PidTagAddressBookContainerId"},
        {0x12340003, NULL},
    };
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        if (tags[i].name == NULL)
            assert_null(mapi_tag_name(tags[i].tag));
        else
            assert_string_equal(mapi_tag_name(tags[i].tag), tags[i].name);
    }
    assert_string_equal(mapi_type_name(MAPI_STRING), "PtypString");
    assert_string_equal(mapi_type_name(MAPI_MULTIPLE | MAPI_BINARY), "PtypMultipleBinary");
    assert_null(mapi_type_name(0x4321));
}

/* ---- single values ---- */

static const struct {
    uint32_t tag;
    enum mapi_form form;
    uint8_t length, bytes[16];
    uint64_t number;
    const char *text;
    uint8_t binary; /* its length */
    bool absent;
} values[] = {
    {0x10000002, MAPI_FORM_ROP, 2, {0xfe, 0xff}, UINT64_MAX - 1, NULL, 0, false},
    {0x10000003, MAPI_FORM_ROP, 4, {1, 2, 0, 0}, 0x201, NULL, 0, false},
    {0x10000003, MAPI_FORM_ROP, 4, {0xff, 0xff, 0xff, 0xff}, UINT64_MAX, NULL, 0, false},
    {0x10000004, MAPI_FORM_ROP, 4, {0, 0, 0x80, 0xbf}, 0xbf800000, NULL, 0, false},
    {0x10000014, MAPI_FORM_ROP, 8, {1, 0, 0, 0, 0, 0, 0, 0xd}, 0x0d00000000000001, NULL, 0, false},
    {0x1000000b, MAPI_FORM_ROP, 1, {0xff}, 1, NULL, 0, false},
    {0x1000000a, MAPI_FORM_ROP, 4, {5, 0, 7, 0x80}, 0x80070005, NULL, 0, false},
    {0x10000001, MAPI_FORM_ROP, 0, {0}, 0, NULL, 0, false},
    {0x1000000d, MAPI_FORM_ROP, 0, {0}, 0, NULL, 0, false},
    {0x1000001e, MAPI_FORM_ROP, 3, {'h', 'i', 0}, 0, "hi", 0, false},
    {0x1000001f, MAPI_FORM_ROP, 4, {0xfc, 0, 0, 0}, 0, "\xc3\xbc", 0, false},
    {0x1000001f, MAPI_FORM_ROP, 2, {0, 0}, 0, "", 0, false},
    {0x10000102, MAPI_FORM_ROP, 5, {3, 0, 1, 2, 3}, 0, NULL, 3, false},
    {0x100000fb, MAPI_FORM_ROP, 4, {2, 0, 1, 2}, 0, NULL, 2, false},
    {0x100000fb, MAPI_FORM_ADDRESS_BOOK, 4, {2, 0, 1, 2}, 0, NULL, 2, false},
    {0x10000102, MAPI_FORM_ADDRESS_BOOK, 7, {0xff, 2, 0, 0, 0, 1, 2}, 0, NULL, 2, false},
    {0x10000102, MAPI_FORM_ADDRESS_BOOK, 1, {0}, 0, NULL, 0, true},
    {0x1000001f, MAPI_FORM_ADDRESS_BOOK, 5, {0xff, 'x', 0, 0, 0}, 0, "x", 0, false},
    {0x1000001f, MAPI_FORM_ADDRESS_BOOK, 1, {0}, 0, NULL, 0, true},
    {0x10000003, MAPI_FORM_ADDRESS_BOOK, 4, {7, 0, 0, 0}, 7, NULL, 0, false},
    {0x10000000, MAPI_FORM_ROP, 6, {3, 0, 9, 0, 0, 0}, 9, NULL, 0, false}, /* typed */
};

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct arena arena = {0};
        struct reader reader = reader_of(values[i].bytes, values[i].length);
        struct mapi_value value = {0};
        assert_true(mapi_value_read(&reader, &arena, values[i].tag, values[i].form, &value));
        assert_int_equal(reader_left(&reader), 0);
        assert_int_equal(value.present, !values[i].absent);
        assert_int_equal(value.number, values[i].number);
        assert_int_equal(value.binary.length, values[i].binary);
        if (values[i].text == NULL)
            assert_null(value.text);
        else
            assert_string_equal(value.text, values[i].text);
        /* and never from less */
        for (uint8_t cut = 0; cut < values[i].length; cut++) {
            reader = reader_of(values[i].bytes, cut);
            assert_false(mapi_value_read(&reader, &arena, values[i].tag, values[i].form, &value));
        }
        arena_done(&arena);
    }
}

static void test_types_without_encoding(void **state)
{
    (void)state;
    static const uint8_t bytes[64] = {1, 0, 0, 0};
    /* a restriction, rule actions, nothing known, multi-valued nothing */
    static const uint32_t tags[] = {
        0x100000fd, 0x100000fe, 0x10000777, 0x10001000, 0x10001001, 0x1000100d};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        struct arena arena = {0};
        struct mapi_value value;
        struct reader reader = reader_of(bytes, sizeof bytes);
        assert_false(mapi_value_read(&reader, &arena, tags[i], MAPI_FORM_ROP, &value));
        assert_false(reader_ok(&reader));
        arena_done(&arena);
    }
}

static void test_bounds(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct mapi_value value;
    uint8_t *bytes = arena_alloc(&arena, MAPI_STRING_MAX + 4);
    memset(bytes, 'x', MAPI_STRING_MAX + 1);
    struct reader reader = reader_of(bytes, MAPI_STRING_MAX + 4);
    assert_false(mapi_value_read(&reader, &arena, 0x1000001e, MAPI_FORM_ROP, &value));
    bytes[MAPI_STRING_MAX] = 0;
    reader = reader_of(bytes, MAPI_STRING_MAX + 4);
    assert_true(mapi_value_read(&reader, &arena, 0x1000001e, MAPI_FORM_ROP, &value));
    assert_int_equal(strlen(value.text), MAPI_STRING_MAX);
    /* 20,000 empty texts would fit, but are more than we take; one more than there are bytes */
    memset(bytes, 0, MAPI_STRING_MAX);
    memcpy(bytes, "\x20\x4e", 2);
    reader = reader_of(bytes, MAPI_STRING_MAX);
    assert_false(mapi_value_read(&reader, &arena, 0x1000101e, MAPI_FORM_ROP, &value));
    memcpy(bytes, "\x05\0", 2);
    reader = reader_of(bytes, 8);
    assert_false(mapi_value_read(&reader, &arena, 0x1000101e, MAPI_FORM_ROP, &value));
    uint32_t tags[MAPI_VALUES_MAX + 1];
    for (size_t i = 0; i <= MAPI_VALUES_MAX; i++)
        tags[i] = 0x10000000 | MAPI_NULL;
    struct mapi_row row;
    memset(bytes, 0, 8);
    reader = reader_of(bytes, 1);
    assert_true(mapi_row_read(
        &reader, &arena, &(struct mapi_columns){tags, MAPI_VALUES_MAX}, MAPI_FORM_ROP, &row));
    reader = reader_of(bytes, MAPI_STRING_MAX);
    assert_false(mapi_row_read(
        &reader, &arena, &(struct mapi_columns){tags, MAPI_VALUES_MAX + 1}, MAPI_FORM_ROP, &row));
    arena_done(&arena);
}

/* ---- rows of the store: the samples behind fuzz_nspi_http's seeds of number 0x40 ---- */

static const uint32_t row_tags[] = {PID_TAG_FOLDER_ID, PID_TAG_DISPLAY_NAME, PID_TAG_CONTENT_COUNT,
    PID_TAG_SUBFOLDERS, PID_TAG_ENTRY_ID, 0x36d81102, 0x30070040, 0x0ff600fb, 0x3002101f,
    0x30040000};

static void read_row(struct arena *arena, const char *name, struct mapi_row *ret_row)
{
    size_t length = 0;
    char *path = arena_printf(arena, "nspi_http/%s", name);
    const char *bytes = sample_read(arena, path, &length);
    struct reader reader = reader_of(bytes + 1, length - 1);
    const struct mapi_columns columns = {row_tags, sizeof row_tags / sizeof *row_tags};
    assert_true(mapi_row_read(&reader, arena, &columns, MAPI_FORM_ROP, ret_row));
    assert_int_equal(reader_left(&reader), 0);
}

static void test_flagged_row(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct mapi_row row;
    uint64_t number = 0;
    read_row(&arena, "store-row", &row);
    assert_int_equal(row.count, 10);
    assert_string_equal(mapi_row_text(&row, PID_TAG_DISPLAY_NAME), "Inbox");
    assert_true(mapi_row_number(&row, PID_TAG_CONTENT_COUNT, &number));
    assert_int_equal(number, 42);
    assert_true(mapi_row_number(&row, PID_TAG_SUBFOLDERS, &number));
    assert_int_equal(number, 1);
    const struct mapi_value *value = mapi_row_find(&row, PID_TAG_ENTRY_ID);
    assert_int_equal(value->type, MAPI_ERROR_CODE);
    assert_int_equal(value->number, 0x8004010f);
    assert_null(mapi_row_binary(&row, PID_TAG_ENTRY_ID).bytes);
    value = mapi_row_find(&row, 0x36d81102);
    assert_int_equal(value->count, 2);
    assert_memory_equal(value->items[0].binary.bytes, "abc", 3);
    assert_int_equal(value->items[1].binary.length, 0);
    assert_false(mapi_row_find(&row, 0x0ff600fb)->present);
    assert_false(mapi_row_number(&row, 0x0ff600fb, &number));
    value = mapi_row_find(&row, 0x3002101f);
    assert_string_equal(value->items[0].text, "x");
    assert_string_equal(value->items[1].text, "");
    assert_string_equal(mapi_row_text(&row, 0x30040000), "typed");
    assert_int_equal(mapi_row_find(&row, 0x30040000)->tag, 0x3004001f);
    assert_null(mapi_row_find(&row, PID_TAG_SMTP_ADDRESS));
    assert_null(mapi_row_text(&row, PID_TAG_SMTP_ADDRESS));
    arena_done(&arena);
}

static void test_standard_row(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct mapi_row row;
    uint64_t number = 0;
    read_row(&arena, "store-row-standard", &row);
    assert_true(mapi_row_number(&row, PID_TAG_FOLDER_ID, &number));
    assert_int_equal(number, 0x0d00000000000001);
    assert_memory_equal(mapi_row_binary(&row, PID_TAG_ENTRY_ID).bytes, "id", 2);
    assert_memory_equal(mapi_row_binary(&row, 0x0ff600fb).bytes, "\1abc", 4);
    assert_true(mapi_row_number(&row, 0x30040000, &number));
    assert_int_equal(number, 7);
    assert_false(mapi_row_number(&row, PID_TAG_ENTRY_ID, &number));
    assert_false(mapi_row_number(&row, 0x36d81102, &number)); /* multi-valued */
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_types_without_encoding),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_flagged_row),
        cmocka_unit_test(test_standard_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
