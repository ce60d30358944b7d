#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/ndr.h"

#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

static void test_numbers(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 0xff, 2, 0, 3, 0, 0xff, 0xff, 4, 0, 0, 0, 0xff, 0xff, 0xff,
        0xff, 5, 0, 0, 0, 0, 0, 0, 1};
    struct reader reader = reader_of(bytes, sizeof bytes);
    assert_int_equal(read_u8(&reader), 1);
    assert_int_equal(ndr_u16(&reader), 2); /* at 2 */
    assert_int_equal(ndr_u16(&reader), 3);
    assert_int_equal(ndr_u32(&reader), 4);                         /* at 8 */
    assert_true(ndr_u64(&reader) == UINT64_C(0x0100000000000005)); /* at 16 */
    assert_true(reader_ok(&reader));
    assert_int_equal(reader_left(&reader), 0);
    assert_int_equal(ndr_u16(&reader), 0);
    assert_false(reader_ok(&reader));
}

static void test_pointers(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0, 0, 2, 0, 0, 0, 0, 0, 9};
    struct reader reader = reader_of(bytes, sizeof bytes);
    assert_true(ndr_pointer(&reader));
    assert_false(ndr_pointer(&reader));
    assert_true(reader_ok(&reader));
    assert_false(ndr_pointer(&reader)); /* cut */
    assert_false(reader_ok(&reader));
}

/* maximum, offset, actual count; what may follow is 8 bytes. */
static void test_counts(void **state)
{
    (void)state;
    static const struct {
        uint8_t max, offset, actual;
        uint32_t limit;
        size_t element;
        bool varying, ok;
    } cases[] = {
        {8, 0, 8, 8, 1, true, true}, {8, 0, 4, 8, 2, true, true},
        {100, 0, 8, 8, 1, true, true},  /* the maximum is memory of the receiver */
        {8, 0, 9, 100, 1, true, false}, /* more than the maximum */
        {4, 0, 5, 100, 1, true, false}, {8, 1, 2, 8, 1, true, false}, /* an offset */
        {9, 0, 9, 8, 1, true, false},                                 /* over our limit */
        {9, 0, 9, 100, 1, true, false},                               /* not there */
        {5, 0, 5, 100, 2, true, false}, /* not there: elements of two */
        {0, 0, 0, 0, 1, true, true}, {8, 0, 0, 8, 1, false, true}, {9, 0, 0, 8, 1, false, false},
        {17, 0, 0, 100, 1, false, false}, /* 16 bytes are behind a conformance */
        {9, 0, 0, 100, 2, false, false},
        {255, 0, 0, 255, 0, false, true}, /* elements that take nothing */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[20] = {cases[i].max, 0, 0, 0, cases[i].offset, 0, 0, 0, cases[i].actual};
        struct reader reader = reader_of(bytes, sizeof bytes);
        uint32_t count = cases[i].varying
                             ? ndr_variance(&reader, cases[i].limit, cases[i].element)
                             : ndr_conformance(&reader, cases[i].limit, cases[i].element);
        if (reader_ok(&reader) != cases[i].ok)
            fail_msg("%zu", i);
        uint32_t expected = cases[i].varying ? cases[i].actual : cases[i].max;
        assert_int_equal(count, cases[i].ok ? expected : 0);
    }
    static const uint8_t huge[] = {
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0};
    struct reader reader = reader_of(huge, sizeof huge);
    assert_int_equal(ndr_variance(&reader, UINT32_MAX, 2), 0);
    assert_false(reader_ok(&reader));
}

static void test_strings(void **state)
{
    (void)state;
    static const struct {
        uint8_t counts[12];
        const char *bytes;
        size_t length;
        uint32_t limit;
        bool wide;
        const char *text; /* NULL: malformed */
    } cases[] = {
        {{3, 0, 0, 0, 0, 0, 0, 0, 3}, "ab", 3, 10, false, "ab"},
        {{1, 0, 0, 0, 0, 0, 0, 0, 1}, "", 1, 10, false, ""},
        {{3, 0, 0, 0, 0, 0, 0, 0, 3}, "abc", 3, 10, false, NULL}, /* no NUL */
        {{0, 0, 0, 0, 0, 0, 0, 0, 0}, "", 1, 10, false, NULL},    /* not even a NUL */
        {{3, 0, 0, 0, 0, 0, 0, 0, 3}, "ab", 3, 2, false, NULL},   /* over the limit */
        {{4, 0, 0, 0, 0, 0, 0, 0, 4}, "ab", 3, 10, false, NULL},  /* cut */
        {{3, 0, 0, 0, 0, 0, 0, 0, 3}, "a\0\xe4\0\0\0", 6, 10, true, "a\xc3\xa4"},
        {{1, 0, 0, 0, 0, 0, 0, 0, 1}, "\0\0", 2, 10, true, ""},
        {{2, 0, 0, 0, 0, 0, 0, 0, 2}, "a\0\0\1", 4, 10, true, NULL}, /* the NUL is none */
        {{3, 0, 0, 0, 0, 0, 0, 0, 3}, "a\0\0\0", 4, 10, true, NULL}, /* cut */
        {{0, 0, 0, 0, 0, 0, 0, 0, 0}, "", 1, 10, true, NULL},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t *bytes = xcalloc(1, 12 + cases[i].length); /* of its own size: ASan sees more */
        memcpy(bytes, cases[i].counts, 12);
        memcpy(bytes + 12, cases[i].bytes, cases[i].length);
        struct reader reader = reader_of(bytes, 12 + cases[i].length);
        const char *text = cases[i].wide ? ndr_string16(&reader, &arena, cases[i].limit)
                                         : ndr_string8(&reader, &arena, cases[i].limit);
        assert_int_equal(reader_ok(&reader), cases[i].text != NULL);
        if (cases[i].text == NULL)
            assert_null(text);
        else
            assert_string_equal(text, cases[i].text);
        free(bytes);
    }
    arena_done(&arena);
}

static void test_context_handle(void **state)
{
    (void)state;
    uint8_t bytes[25] = {7, 0, 0, 0, 1, 2};
    struct reader reader = reader_of(bytes, sizeof bytes);
    read_u8(&reader);
    assert_ptr_equal(ndr_context_handle(&reader), bytes + 4);
    assert_int_equal(reader_left(&reader), 1);
    assert_null(ndr_context_handle(&reader));
}

/* ---- writing ---- */

static void test_writing(void **state)
{
    (void)state;
    static const uint8_t expected[] = {1, 0, 2, 0,          /* */
        4, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0,                 /* the eight at 8 */
        0, 0, 2, 0, 0, 0, 0, 0, 4, 0, 2, 0,                 /* pointers */
        3, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 'a', 'b', 0, 0, /* padding of the next */
        2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0xe4, 0, 0, 0,  /* */
        3, 0, 0, 0, 'x', 'y', 'z'};
    uint8_t bytes[128];
    struct writer writer = writer_of(bytes, sizeof bytes);
    uint32_t next = 0;
    write_u8(&writer, 1);
    ndr_put_u16(&writer, 2);
    ndr_put_u32(&writer, 4);
    ndr_put_u64(&writer, 8);
    ndr_put_pointer(&writer, &next, true);
    ndr_put_pointer(&writer, &next, false);
    ndr_put_pointer(&writer, &next, true);
    ndr_put_string8(&writer, "ab");
    ndr_put_string16(&writer, "\xc3\xa4");
    ndr_put_bytes(&writer, "xyz", 3);
    assert_true(writer_ok(&writer));
    assert_int_equal(writer.length, sizeof expected);
    assert_memory_equal(bytes, expected, sizeof expected);
}

/* What is written is read again as it was. */
static void test_round(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "a", "svc@contoso.test", "\xc3\xa4\xe2\x82\xac",
        "/o=Contoso/ou=Exchange Administrative Group/cn=svc"};
    struct arena arena = {0};
    uint8_t bytes[512];
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct writer writer = writer_of(bytes, sizeof bytes);
        ndr_put_string8(&writer, texts[i]);
        ndr_put_string16(&writer, texts[i]);
        struct reader reader = reader_of(bytes, writer.length);
        assert_string_equal(ndr_string8(&reader, &arena, 100), texts[i]);
        assert_string_equal(ndr_string16(&reader, &arena, 100), texts[i]);
        assert_true(reader_ok(&reader) && reader_left(&reader) == 0);
    }
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_pointers),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_context_handle),
        cmocka_unit_test(test_writing),
        cmocka_unit_test(test_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
