#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/reader.h"

#include <string.h>

static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static void test_orders(void **state)
{
    (void)state;
    struct reader reader = reader_of(bytes, sizeof bytes);
    assert_int_equal(read_u8(&reader), 1);
    assert_int_equal(read_le16(&reader), 0x0302);
    assert_int_equal(read_be16(&reader), 0x0405);
    assert_int_equal(read_le32(&reader), 0x09080706);
    assert_int_equal(read_be32(&reader), 0x0A0B0C0D);
    assert_int_equal(reader_left(&reader), 2);
    assert_true(reader_ok(&reader));

    const uint8_t high[] = {0xF8, 0xF7, 0xF6, 0xF5, 0xF4, 0xF3, 0xF2, 0xF1};
    reader = reader_of(high, sizeof high);
    assert_true(read_le64(&reader) == 0xF1F2F3F4F5F6F7F8);
    reader = reader_of(high, sizeof high);
    assert_int_equal(read_be32(&reader), 0xF8F7F6F5);
    assert_int_equal(read_le32(&reader), 0xF1F2F3F4);
}

static void test_error_sticks(void **state)
{
    (void)state;
    struct reader reader = reader_of(bytes, 3);
    assert_int_equal(read_le32(&reader), 0);
    assert_false(reader_ok(&reader));
    /* What would have fitted gives nothing any more. */
    assert_int_equal(read_u8(&reader), 0);
    assert_null(read_bytes(&reader, 0));
    assert_int_equal(reader_left(&reader), 0);
}

static void test_lengths_of_liars(void **state)
{
    (void)state;
    struct reader reader = reader_of(bytes, sizeof bytes);
    read_u8(&reader);
    struct reader copy = reader;
    assert_null(read_bytes(&copy, SIZE_MAX));
    copy = reader;
    read_skip(&copy, SIZE_MAX - 1);
    assert_false(reader_ok(&copy));
    copy = reader;
    assert_non_null(read_bytes(&copy, sizeof bytes - 1));
    assert_true(reader_ok(&copy));
    assert_non_null(read_bytes(&copy, 0));
    assert_null(read_bytes(&copy, 1));
}

static void test_part(void **state)
{
    (void)state;
    static const struct {
        size_t offset, length;
        bool ok;
    } table[] = {
        {0, sizeof bytes, true},
        {sizeof bytes, 0, true},
        {5, 10, true},
        {5, 11, false},
        {16, 0, false},
        {SIZE_MAX, 2, false},
        {2, SIZE_MAX, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct reader reader = reader_of(bytes, sizeof bytes);
        read_skip(&reader, 7); /* parts count from the start */
        struct reader part = reader_part(&reader, table[i].offset, table[i].length);
        assert_int_equal(reader_ok(&part), table[i].ok);
        assert_int_equal(reader_left(&part), table[i].ok ? table[i].length : 0);
        if (table[i].ok && table[i].length > 0)
            assert_int_equal(read_u8(&part), bytes[table[i].offset]);
    }
    struct reader failed = reader_of(bytes, 1);
    read_le16(&failed);
    struct reader part = reader_part(&failed, 0, 1);
    assert_false(reader_ok(&part));
}

static void test_align_and_nothing(void **state)
{
    (void)state;
    struct reader reader = reader_of(bytes, 6);
    read_align(&reader, 4);
    assert_int_equal(reader_left(&reader), 6);
    read_u8(&reader);
    read_align(&reader, 4);
    assert_int_equal(read_u8(&reader), 5);
    read_align(&reader, 4); /* to 8, past the end */
    assert_false(reader_ok(&reader));

    reader = reader_of(NULL, 0);
    assert_true(reader_ok(&reader));
    assert_non_null(read_bytes(&reader, 0));
    reader = reader_of(NULL, 3);
    assert_false(reader_ok(&reader));
}

static void test_writer(void **state)
{
    (void)state;
    uint8_t buffer[40];
    memset(buffer, 0xEE, sizeof buffer);
    struct writer writer = writer_of(buffer, sizeof buffer);
    write_u8(&writer, 1);
    write_align(&writer, 4);
    write_le16(&writer, 0x0203);
    write_be16(&writer, 0x0203);
    write_le32(&writer, 0x04050607);
    write_be32(&writer, 0x04050607);
    write_le64(&writer, 0x1122334455667788);
    write_zeros(&writer, 0);
    write_bytes(&writer, NULL, 0);
    write_le16_at(&writer, 0, 0xAABB);
    write_le32_at(&writer, 20, 0xCCDDEEFF);
    static const uint8_t expected[] = {0xBB, 0xAA, 0, 0, 3, 2, 2, 3, 7, 6, 5, 4, 4, 5, 6, 7, 0x88,
        0x77, 0x66, 0x55, 0xFF, 0xEE, 0xDD, 0xCC};
    assert_true(writer_ok(&writer));
    assert_int_equal(writer.length, sizeof expected);
    assert_memory_equal(buffer, expected, sizeof expected);
    assert_int_equal(buffer[sizeof expected], 0xEE);
}

static void test_writer_overflow(void **state)
{
    (void)state;
    uint8_t buffer[8] = {0};
    struct writer writer = writer_of(buffer, 5);
    write_le32(&writer, 1);
    write_le16(&writer, 0xFFFF);
    assert_false(writer_ok(&writer));
    write_u8(&writer, 0xFF); /* would fit, but the error sticks */
    assert_int_equal(writer.length, 4);
    assert_int_equal(buffer[4], 0);

    writer = writer_of(buffer, sizeof buffer);
    write_le32(&writer, 1);
    write_le16_at(&writer, 3, 1); /* beyond what was written */
    assert_false(writer_ok(&writer));
    writer = writer_of(buffer, sizeof buffer);
    write_bytes(&writer, bytes, SIZE_MAX);
    assert_false(writer_ok(&writer));
    writer = writer_of(NULL, 8);
    write_u8(&writer, 1);
    assert_false(writer_ok(&writer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_error_sticks),
        cmocka_unit_test(test_lengths_of_liars),
        cmocka_unit_test(test_part),
        cmocka_unit_test(test_align_and_nothing),
        cmocka_unit_test(test_writer),
        cmocka_unit_test(test_writer_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
