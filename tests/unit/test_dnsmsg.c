#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/wire/dnsmsg.h"

/* Messages are written as bytes: header, question x.test SRV (33) IN at offset 12, answers behind
 * it at 24. */
#define HEADER(flags, answers) "\x12\x34" flags "\x00\x01\x00" answers "\x00\x00\x00\x00"
#define NAME_X                 "\001x\004test\000"
#define QUESTION(type)         NAME_X "\x00" type "\x00\x01"
#define OK_FLAGS               "\x81\x80"
#define ANSWER(type, length)   "\xc0\x0c\x00" type "\x00\x01\x00\x00\x01\x2c\x00" length
#define BYTES(text)            (text), sizeof(text) - 1

struct row {
    const char *name;
    const char *bytes;
    size_t length;
    const char *error; /* in the fault's text; NULL: parses */
    size_t count;      /* of records */
    const char *target;
};

#define LABEL_63 \
    "\x3f"       \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"

static const struct row rows[] = {
    {"no answer", BYTES(HEADER(OK_FLAGS, "\x00") QUESTION("\x21")), NULL, 0, NULL},
    {"SRV",
        BYTES(HEADER(OK_FLAGS, "\x01") QUESTION("\x21")
                ANSWER("\x21", "\x0a") "\x00\x05\x00\x07\x01\xbb\001A\xc0\x0e"),
        NULL, 1, "a.test"},
    {"SRV to the root",
        BYTES(HEADER(OK_FLAGS, "\x01") QUESTION("\x21")
                ANSWER("\x21", "\x07") "\x00\x00\x00\x00\x00\x00\x00"),
        NULL, 1, ""},
    {"odd bytes",
        BYTES(HEADER(OK_FLAGS, "\x01") QUESTION("\x21")
                ANSWER("\x21", "\x0c") "\x00\x00\x00\x00\x00\x00\004\033.\\\000\000"),
        NULL, 1, "\\027\\046\\092\\000"},
    {"other types are skipped",
        BYTES(HEADER(OK_FLAGS, "\x02") QUESTION("\x21")
                ANSWER("\x2e", "\x02") "zz" ANSWER("\x01", "\x04") "abcd"),
        NULL, 0, NULL},
    {"alias is kept",
        BYTES(HEADER(OK_FLAGS, "\x01") QUESTION("\x21") ANSWER("\x05", "\x04") "\001y\xc0\x0e"),
        NULL, 1, "y.test"},
    {"empty", BYTES(""), "shorter than its header", 0, NULL},
    {"half a header", BYTES("\x12\x34\x81\x80\x00"), "shorter than its header", 0, NULL},
    {"a question", BYTES(HEADER("\x01\x00", "\x00") QUESTION("\x21")), "it is a question", 0, NULL},
    {"65535 questions", BYTES("\x12\x34\x81\x80\xff\xff\x00\x00\x00\x00\x00\x00" QUESTION("\x21")),
        "our one question", 0, NULL},
    {"no question", BYTES(HEADER(OK_FLAGS, "\x00")), "past the end", 0, NULL},
    {"cut question", BYTES(HEADER(OK_FLAGS, "\x00") NAME_X "\x00"), "within the question", 0, NULL},
    {"pointer to itself", BYTES(HEADER(OK_FLAGS, "\x00") "\xc0\x0c\x00\x21\x00\x01"), "backwards",
        0, NULL},
    {"forward pointer", BYTES(HEADER(OK_FLAGS, "\x00") "\xc0\x10\x00\x21\x00\x01\001a\000"),
        "backwards", 0, NULL},
    {"pointer loop in data",
        BYTES(HEADER(OK_FLAGS, "\x01") QUESTION("\x21")
                ANSWER("\x21", "\x0a") "\x00\x05\x00\x07\x01\xbb\001a\xc0\x2a"),
        "backwards", 0, NULL},
    {"two pointers at each other",
        BYTES(HEADER(OK_FLAGS, "\x01") QUESTION("\x21") "\x01"
                                                        "a\xc0\x1a"),
        "backwards", 0, NULL},
    {"pointer past the end", BYTES(HEADER(OK_FLAGS, "\x00") "\xff\xff\x00\x21\x00\x01"),
        "backwards", 0, NULL},
    {"half a pointer", BYTES(HEADER(OK_FLAGS, "\x00") "\xc0"), "past the end", 0, NULL},
    {"label of 64",
        BYTES(HEADER(OK_FLAGS, "\x00") "\x40"
                                       "aaaa\000\x00\x21\x00\x01"),
        "63", 0, NULL},
    {"label past the end",
        BYTES(HEADER(OK_FLAGS, "\x00") "\x3f"
                                       "aaaa"),
        "past the end", 0, NULL},
    {"name of 257",
        BYTES(HEADER(OK_FLAGS, "\x00") LABEL_63 LABEL_63 LABEL_63 LABEL_63 "\000"
                                                                           "\x00\x21\x00\x01"),
        "longer than 255", 0, NULL},
    {"data past the end",
        BYTES(HEADER(OK_FLAGS, "\x01") QUESTION("\x21")
                ANSWER("\x21", "\x20") "\x00\x05\x00\x07\x01\xbb\001a\000"),
        "runs past the end", 0, NULL},
    {"name beyond its data",
        BYTES(HEADER(OK_FLAGS, "\x01") QUESTION("\x21")
                ANSWER("\x21", "\x08") "\x00\x05\x00\x07\x01\xbb\001a\000"),
        "as long as announced", 0, NULL},
    {"data longer than its name",
        BYTES(HEADER(OK_FLAGS, "\x01") QUESTION("\x21")
                ANSWER("\x21", "\x0a") "\x00\x05\x00\x07\x01\xbb\001a\000zz"),
        "as long as announced", 0, NULL},
    {"address of 3 bytes",
        BYTES(HEADER(OK_FLAGS, "\x01") QUESTION("\x01") ANSWER("\x01", "\x03") "abc"),
        "wrong length", 0, NULL},
    {"fewer answers than counted",
        BYTES(HEADER(OK_FLAGS, "\x02") QUESTION("\x01") ANSWER("\x01", "\x04") "abcd"),
        "past the end", 0, NULL},
    {"the same, marked as cut",
        BYTES(HEADER("\x83\x80", "\x02") QUESTION("\x01") ANSWER("\x01", "\x04") "abcd"), NULL, 1,
        ""},
};

static void test_rows(void **state)
{
    (void)state;
    struct dnsmsg *message = calloc(1, sizeof *message);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct fault fault = {0};
        /* On the heap, so that a read past the end is seen. */
        uint8_t *copy = malloc(row->length == 0 ? 1 : row->length);
        memcpy(copy, row->bytes, row->length);
        bool ok = dnsmsg_parse(copy, row->length, message, &fault);
        free(copy);
        if (ok != (row->error == NULL))
            fail_msg("%s: %d %s", row->name, ok, fault.text);
        if (!ok && (fault.cause != CAUSE_NAME_MALFORMED || strstr(fault.text, row->error) == NULL))
            fail_msg("%s: \"%s\" in place of \"%s\"", row->name, fault.text, row->error);
        if (!ok)
            continue;
        assert_int_equal(message->id, 0x1234);
        assert_string_equal(message->question, "x.test");
        if (message->count != row->count)
            fail_msg("%s: %zu records", row->name, message->count);
        if (row->target != NULL)
            assert_string_equal(message->records[0].target, row->target);
    }
    free(message);
}

static void test_fields(void **state)
{
    (void)state;
    static const char bytes[] = HEADER("\x85\xa3", "\x01")
        QUESTION("\x21") "\xc0\x0c\x00\x21\x00\x01\xff\xff\xff\xff\x00\x09"
                         "\x00\x05\x01\x07\x01\xbb\001a\000";
    struct dnsmsg *message = calloc(1, sizeof *message);
    assert_true(dnsmsg_parse(bytes, sizeof bytes - 1, message, NULL));
    assert_true(message->response && message->authoritative && message->authenticated);
    assert_true(message->recursion_available);
    assert_false(message->truncated);
    assert_int_equal(message->rcode, 3);
    const struct dnsmsg_record *record = &message->records[0];
    assert_string_equal(record->owner, "x.test");
    assert_int_equal(record->priority, 5);
    assert_int_equal(record->weight, 0x107);
    assert_int_equal(record->port, 443);
    assert_int_equal(record->ttl, 0); /* RFC 2181 §8 */
    free(message);
}

/* Every cut of a good message must be refused, and never read past its end. */
static void test_cuts(void **state)
{
    (void)state;
    static const char bytes[] = HEADER(OK_FLAGS, "\x02") QUESTION("\x21") ANSWER("\x21",
        "\x0a") "\x00\x05\x00\x07\x01\xbb\001A\xc0\x0e" ANSWER("\x05", "\x04") "\001y\xc0\x0e";
    struct dnsmsg *message = calloc(1, sizeof *message);
    for (size_t length = 0; length < sizeof bytes; length++) {
        uint8_t *copy = malloc(length + (length == 0));
        memcpy(copy, bytes, length);
        assert_int_equal(dnsmsg_parse(copy, length, message, NULL), length == sizeof bytes - 1);
        free(copy);
    }
    free(message);
}

/* ---- aliases ----------------------------------------------------------------------------------
 */

static void add_alias(struct dnsmsg *message, const char *owner, const char *target, uint32_t ttl)
{
    struct dnsmsg_record *record = &message->records[message->count++];
    *record = (struct dnsmsg_record){.type = DNSMSG_CNAME, .ttl = ttl};
    strcpy(record->owner, owner);
    strcpy(record->target, target);
}

static void test_follow(void **state)
{
    (void)state;
    struct dnsmsg *message = calloc(1, sizeof *message);
    struct dnsmsg_path path;
    struct fault fault = {0};
    assert_true(dnsmsg_follow(message, "a", DNSMSG_A, &path, &fault));
    assert_string_equal(path.canonical, "a");
    assert_int_equal(path.count, 0);

    add_alias(message, "b", "c", 50); /* in any order */
    add_alias(message, "a", "b", 60);
    assert_true(dnsmsg_follow(message, "A", DNSMSG_A, &path, &fault));
    assert_string_equal(path.canonical, "c");
    assert_int_equal(path.count, 2);
    assert_string_equal(path.names[0], "b");
    assert_int_equal(path.ttl, 50);
    assert_true(dnsmsg_follow(message, "a", DNSMSG_CNAME, &path, &fault));
    assert_int_equal(path.count, 0);

    add_alias(message, "c", "a", 1);
    assert_false(dnsmsg_follow(message, "a", DNSMSG_A, &path, &fault));
    assert_int_equal(fault.cause, CAUSE_NAME_LOOP);
    message->count = 0;
    add_alias(message, "a", "a", 1);
    assert_false(dnsmsg_follow(message, "a", DNSMSG_A, &path, &fault));
    assert_int_equal(fault.cause, CAUSE_NAME_LOOP);
    message->count = 0;
    add_alias(message, "a", "b", 1);
    add_alias(message, "b", "c", 1);
    add_alias(message, "c", "b", 1); /* a loop that does not come back to the start */
    assert_false(dnsmsg_follow(message, "a", DNSMSG_A, &path, &fault));
    assert_int_equal(fault.cause, CAUSE_NAME_LOOP);
    free(message);
}

static void test_follow_cap(void **state)
{
    (void)state;
    struct dnsmsg *message = calloc(1, sizeof *message);
    struct dnsmsg_path path;
    struct fault fault = {0};
    for (char i = 0; i < DNSMSG_ALIASES_MAX; i++)
        add_alias(message, (char[]){(char)('a' + i), '\0'}, (char[]){(char)('b' + i), '\0'}, 9);
    assert_true(dnsmsg_follow(message, "a", DNSMSG_A, &path, &fault));
    assert_int_equal(path.count, DNSMSG_ALIASES_MAX);
    add_alias(message, path.canonical, "end", 9);
    assert_false(dnsmsg_follow(message, "a", DNSMSG_A, &path, &fault));
    assert_int_equal(fault.cause, CAUSE_NAME_LOOP);
    free(message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_follow),
        cmocka_unit_test(test_follow_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
