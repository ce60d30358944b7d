#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/regfile.h"
#include "net/wire/text.h"
#include "tests/unit/sample.h"

#include <string.h>

#define HEAD "Windows Registry Editor Version 5.00\r\n\r\n"
#define KEY  HEAD "[HKEY_LOCAL_MACHINE\\A]\r\n"

struct log {
    struct arena arena;
    const char *text; /* one line an entry */
    int entries;
};

static const char *value_of(struct arena *arena, const struct regfile_entry *entry)
{
    const char *text = "";
    switch (entry->kind) {
    case REGFILE_KEY:
        return "key";
    case REGFILE_DELETED:
        return "deleted";
    case REGFILE_TEXT:
        return entry->text;
    case REGFILE_TEXTS:
        for (size_t i = 0; i < entry->count; i++)
            text = arena_printf(arena, "%s<%s>", text, entry->texts[i]);
        return text;
    case REGFILE_NUMBER:
        return arena_printf(arena, "#%llx", (unsigned long long)entry->number);
    case REGFILE_BYTES:
        for (size_t i = 0; i < entry->length; i++)
            text = arena_printf(arena, "%s%02x", text, (unsigned)entry->bytes[i]);
        return text;
    }
    return "";
}

static void note(void *context, const struct regfile_entry *entry)
{
    struct log *log = context;
    const char *key = strrchr(entry->key, '\\');
    log->text = arena_printf(&log->arena, "%s%d %s%s%s=%s\n", log->text, (int)entry->line,
        key != NULL ? key + 1 : entry->key, entry->name != NULL ? "!" : "",
        entry->name != NULL ? entry->name : "", value_of(&log->arena, entry));
    log->entries++;
}

/* The entries as text, or the fault's text. */
static const char *read_log(struct log *log, const void *bytes, size_t length)
{
    struct fault fault = {.cause = CAUSE_NONE};
    log->text = "";
    log->entries = 0;
    return regfile_read(bytes, length, note, log, &fault) ? log->text
           : fault.text[0] == '\0'                        ? "failed without a word"
                                                          : arena_strdup(&log->arena, fault.text);
}

/* Every form of a value, in the file that the fuzzer starts from. */
static void test_forms(void **state)
{
    (void)state;
    struct log log = {.text = ""};
    size_t length = 0;
    const char *bytes = sample_read(&log.arena, "regfile/forms", &length);
    assert_string_equal(read_log(&log, bytes, length), "4 A[1]b=key\n"
                                                       "5 A[1]b!=default\n"
                                                       "6 A[1]b!quoted \"name\" and \\=two\nlines\n"
                                                       "8 A[1]b!d=#ff\n"
                                                       "9 A[1]b!q=#8000000000000001\n"
                                                       "10 A[1]b!none=\n"
                                                       "11 A[1]b!multi=<a><\xC3\xA4"
                                                       "b>\n"
                                                       "12 A[1]b!sz=x\n"
                                                       "13 A[1]b!four=#102\n"
                                                       "14 A[1]b!bytes=0001ff\n"
                                                       "17 A[1]b!gone=deleted\n"
                                                       "18 Old=deleted\n");
    arena_done(&log.arena);
}

/* As regedit writes it: UTF-16LE with a mark, CRLF. The same bytes as UTF-8 say the same. */
static void test_encodings(void **state)
{
    (void)state;
    struct log log = {.text = ""}, again = {.text = ""};
    size_t length = 0;
    const char *bytes = sample_read(&log.arena, "regfile/server", &length);
    const char *wide = read_log(&log, bytes, length);
    assert_non_null(strstr(wide, "6 {90160000-0011}!DisplayName=Microsoft Visual C++ 2019 \xE2\x80"
                                 "\x93 \xC3\x9C"
                                 "berbau\n"));
    assert_non_null(strstr(wide, "!UninstallString=MsiExec.exe\n"));
    assert_non_null(strstr(wide, "!DLLPath=C:\\Program Files (x86)\\ExchangeMapi\\msmapi32.dll\n"));
    assert_non_null(strstr(wide, "Mail!=ExchangeMAPI\n"));
    assert_non_null(strstr(wide, "Lsa!LmCompatibilityLevel=#3\n"));
    /* without the mark, and as UTF-8 */
    assert_string_equal(read_log(&again, bytes + 2, length - 2), wide);
    const char *utf8 = utf16le_to_utf8(&log.arena, bytes + 2, length - 2);
    assert_string_equal(read_log(&again, utf8, strlen(utf8)), wide);
    /* single bytes: texts of numbered types are, too */
    bytes = sample_read(&log.arena, "regfile/regedit4", &length);
    assert_string_equal(read_log(&again, bytes, length),
        "3 Mail=key\n4 Mail!=Microsoft Outlook\n5 Mail!path=%A%\n6 Mail!multi=<a><bc>\n"
        "7 Mail!latin=M\xfcller\n");
    arena_done(&log.arena);
    arena_done(&again.arena);
}

static void test_surrogates(void **state)
{
    (void)state;
    static const uint8_t value[] = {'"', 0, 0x3D, 0xD8, 0x1E, 0xDE, 0x3D, 0xD8, 'x', 0, '"', 0};
    struct log log = {.text = ""};
    size_t length = 0;
    uint8_t *head = utf8_to_utf16le(&log.arena, KEY "@=", &length);
    uint8_t *bytes = arena_alloc(&log.arena, length + sizeof value);
    memcpy(bytes, head, length);
    memcpy(bytes + length, value, sizeof value);
    assert_string_equal(read_log(&log, bytes, length + sizeof value),
        "3 A=key\n4 A!=\xF0\x9F\x98\x9E\xEF\xBF\xBDx\n");
    assert_string_equal(read_log(&log, bytes, length + sizeof value - 1),
        "line 4 ends in the middle of a character");
    arena_done(&log.arena);
}

/* Every complaint names its line, and quotes nothing. */
static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } table[] = {
        {"", "line 1 is not the first one of a registry export"},
        {"hunter2\n", "line 1 is not the first one of a registry export"},
        {"REGEDIT5\r\n", "line 1 is not the first one"},
        {"Windows Registry Editor Version 5.00 and more\r\n", "line 1 is not the first one"},
        {HEAD "\"a\"=\"b\"\r\n", "line 3 has a value outside of every key"},
        {HEAD "[-HKLM\\A]\r\n@=\"b\"\r\n", "line 4 has a value outside of every key"},
        {HEAD "hunter2\r\n", "line 3 is neither a key nor a value"},
        {HEAD "[HKEY_LOCAL_MACHINE\r\n", "line 3 begins a key without its bracket"},
        {KEY "\"a=\"b\"\r\n", "line 4 has no = behind"},
        {KEY "\"a\"\r\n", "line 4 has no = behind"},
        {KEY "@=\"b\r\n\r\n", "line 4 begins a text that has no end"},
        {KEY "\r\n\"b", "line 5 begins a text that has no end"},
        {KEY "@=\"b\" c\r\n", "line 4 has something behind its value"},
        {KEY "@=-1\r\n", "line 4 has something behind its value"},
        {KEY "@=dword:\r\n", "line 4 has no number"},
        {KEY "@=dword:123456789\r\n", "line 4 has no number"},
        {KEY "@=dwort:1\r\n", "line 4 has no number"},
        {KEY "@=hunter2\r\n", "line 4 has a value of no known form"},
        {KEY "@=\r\n", "line 4 has a value of no known form"},
        {KEY "@=hex(:00\r\n", "line 4 has a value of no known form"},
        {KEY "@=hex(2:00\r\n", "line 4 has a value of no known form"},
        {KEY "@=hex:0g\r\n", "line 4 has something behind"},
        {KEY "@=hex:00,000\r\n", "line 4 has no two hexadecimal digits"},
        {KEY "@=hex:00,\\\r\n  0,gg\r\n", "line 5 has no two hexadecimal digits"},
        {KEY "@=hex:00,\\x\r\n", "line 4 has no two hexadecimal digits"},
        {KEY "@=hex:00,\\\r\n", "has no two hexadecimal digits"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct log log = {.text = ""};
        const char *said = read_log(&log, table[i].text, strlen(table[i].text));
        if (strstr(said, table[i].says) == NULL || strstr(said, "hunter2") != NULL)
            fail_msg("%s: \"%s\" instead of \"%s\"", table[i].text, said, table[i].says);
        arena_done(&log.arena);
    }
    struct log log = {.text = ""};
    assert_string_equal(
        read_log(&log, KEY "@=\"\0\"", sizeof KEY + 5), "line 4 has a zero character in it");
    arena_done(&log.arena);
}

/* The file of this many bytes in the middle. */
static const char *read_long(
    struct log *log, const char *head, char fill, size_t count, const char *tail)
{
    size_t before = strlen(head), after = strlen(tail);
    char *bytes = arena_alloc(&log->arena, before + count + after);
    memcpy(bytes, head, before);
    memset(bytes + before, fill, count);
    memcpy(bytes + before + count, tail, after);
    return read_log(log, bytes, before + count + after);
}

static void test_bounds(void **state)
{
    (void)state;
    struct log log = {.text = ""};
    assert_string_equal(
        read_long(&log, KEY ";", 'x', REGFILE_LINE_MAX, "\r\n"), "line 4 is longer than 1 MiB");
    assert_string_equal(
        read_long(&log, KEY ";", 'x', REGFILE_LINE_MAX - 9, "\r\n@=-"), "3 A=key\n5 A!=deleted\n");
    /* a text of many lines */
    assert_string_equal(read_long(&log, KEY "@=\"", '\n', REGFILE_LINE_MAX + 1, "\"\r\n"),
        "line 4 begins a name or a text that is too long");
    assert_string_equal(read_long(&log, KEY "\"", 'x', REGFILE_KEY_MAX, "\"=\"\"\r\n"),
        "line 4 begins a name or a text that is too long");
    assert_string_equal(read_long(&log, HEAD "[", 'x', REGFILE_KEY_MAX, "]\r\n"),
        "line 3 begins a name or a text that is too long");
    static const uint8_t nothing[1];
    assert_string_equal(read_log(&log, nothing, REGFILE_MAX + 1u),
        "larger than 16 MiB: export only the keys that are asked for");
    arena_done(&log.arena);
}

static void note_length(void *context, const struct regfile_entry *entry)
{
    *(size_t *)context = entry->length;
}

/* Long binary values are no mistake: what is beyond the bound is counted only. */
static void test_long_bytes(void **state)
{
    (void)state;
    enum { LINES = 70000, PER_LINE = 16 };
    static const char line[] = "00,01,02,03,04,05,06,07,08,09,0a,0b,0c,0d,0e,0f,\\\r\n";
    struct arena arena = {0};
    size_t length = strlen(KEY "@=hex:"), counted = 0;
    char *bytes = arena_alloc(&arena, length + (sizeof line - 1) * LINES + 4);
    memcpy(bytes, KEY "@=hex:", length);
    for (int i = 0; i < LINES; i++, length += sizeof line - 1)
        memcpy(bytes + length, line, sizeof line - 1);
    memcpy(bytes + length, "10\r\n", 4);
    struct fault fault = {.cause = CAUSE_NONE};
    if (!regfile_read(bytes, length + 4, note_length, &counted, &fault))
        fail_msg("%s", fault.text);
    assert_int_equal(counted, LINES * PER_LINE + 1);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_surrogates),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_long_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
