#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/rop.h"
#include "tests/unit/octets.h"
#include "tests/unit/sample.h"

static const uint32_t folder_tags[] = {PID_TAG_DISPLAY_NAME, PID_TAG_CONTENT_COUNT,
    PID_TAG_CONTENT_UNREAD_COUNT, PID_TAG_IPM_CONTACT_ENTRY_ID};
static const struct mapi_columns folder_columns = {folder_tags, 4};

static const uint32_t table_tags[] = {PID_TAG_FOLDER_ID, PID_TAG_DISPLAY_NAME,
    PID_TAG_CONTAINER_CLASS, PID_TAG_CONTENT_COUNT, PID_TAG_CONTENT_UNREAD_COUNT};
static const struct mapi_columns table_columns = {table_tags, 5};

static const char guid_hex[] = "11223344556677889900aabbccddeeff";

static void assert_batch(struct rop_batch *batch, const char *hex)
{
    struct arena arena = {0};
    size_t length = 0;
    const uint8_t *wanted = octets(&arena, hex, &length);
    assert_true(rop_end(batch));
    assert_int_equal(batch->writer->length, length);
    assert_memory_equal(batch->writer->bytes, wanted, length);
    arena_done(&arena);
}

/* A sample without its first byte, which tells the fuzz target what was asked. */
static struct rop_reply open_sample(struct arena *arena, const char *name)
{
    struct rop_reply reply = {0};
    struct fault fault = {0};
    size_t length = 0;
    char *bytes = sample_read(arena, arena_printf(arena, "rop/%s", name), &length);
    if (!rop_reply_open(bytes + 1, length - 1, &reply, &fault))
        fail_msg("%s: %s", name, fault.text);
    return reply;
}

/* ---- requests ---- */

/* [MS-OXCROPS] 4.4 */
static void test_release(void **state)
{
    (void)state;
    uint8_t memory[64];
    struct writer writer = writer_of(memory, sizeof memory);
    struct rop_batch batch;
    rop_begin(&batch, &writer, 0);
    uint8_t first = rop_use(&batch, 0x6f);
    uint8_t second = rop_use(&batch, 0x6e);
    rop_put_release(&batch, first);
    rop_put_release(&batch, second);
    assert_batch(&batch, "08 00 01 00 00 01 00 01 6F 00 00 00 6E 00 00 00");
}

static void test_logon_request(void **state)
{
    (void)state;
    static const struct {
        enum rop_logon_kind kind;
        const char *dn, *hex;
    } rows[] = {
        {ROP_LOGON_OWN, "/o=C/cn=a",
            "1a00 fe 07 00 01 0c040001 00000000 0a00 2f6f3d432f636e3d6100 ffffffff"},
        {ROP_LOGON_OTHER, "/o=C/cn=a",
            "1a00 fe 07 00 01 08040001 00000000 0a00 2f6f3d432f636e3d6100 ffffffff"},
        {ROP_LOGON_ADMIN, "/o=C/cn=a",
            "1a00 fe 07 00 01 09040001 00000000 0a00 2f6f3d432f636e3d6100 ffffffff"},
        {ROP_LOGON_PUBLIC, NULL, "1000 fe 07 00 00 02040000 00000000 0000 ffffffff"},
        {ROP_LOGON_PUBLIC, "/o=C/cn=a", "1000 fe 07 00 00 02040000 00000000 0000 ffffffff"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t memory[64];
        struct writer writer = writer_of(memory, sizeof memory);
        struct rop_batch batch;
        rop_begin(&batch, &writer, 7);
        rop_put_logon(&batch, rop_new(&batch), rows[i].kind, rows[i].dn);
        assert_batch(&batch, rows[i].hex);
    }
}

/* Field by field from the sections named in rop.c; RopQueryRows is [MS-OXCTABL] 4.5.3.1. */
static void test_requests(void **state)
{
    (void)state;
    uint8_t memory[256];
    struct writer writer = writer_of(memory, sizeof memory);
    struct rop_batch batch;
    rop_begin(&batch, &writer, 0);
    uint8_t logon = rop_use(&batch, 0x40);
    uint8_t folder = rop_new(&batch);
    uint8_t table = rop_new(&batch);
    rop_put_open_folder(&batch, logon, folder, UINT64_C(0xab00000001040001));
    rop_put_get_properties(&batch, folder, &(struct mapi_columns){folder_tags, 2});
    rop_put_get_hierarchy(&batch, folder, table, false);
    rop_put_set_columns(&batch, table, &(struct mapi_columns){table_tags, 1});
    assert_batch(&batch, "2f00"
                         "02 00 00 01 01000401000000ab 00"
                         "07 00 01 0000 0100 0200 1f000130 03000236"
                         "04 00 01 02 50"
                         "12 00 02 00 0100 14004867"
                         "40000000 ffffffff ffffffff");
    writer = writer_of(memory, sizeof memory);
    rop_begin(&batch, &writer, 0);
    table = rop_use(&batch, 0x60);
    rop_put_query_rows(&batch, table, 50);
    assert_batch(&batch, "0900 15 00 00 00 01 32 00 60000000");
    struct arena arena = {0};
    struct rop_long_id id = {{0}, {1, 2, 3, 4, 5, 6}};
    size_t length = 0;
    memcpy(id.guid, octets(&arena, guid_hex, &length), sizeof id.guid);
    writer = writer_of(memory, sizeof memory);
    rop_begin(&batch, &writer, 0);
    logon = rop_use(&batch, 0x40);
    rop_put_long_term_id(&batch, logon, 0x0102);
    rop_put_id_from_long_term(&batch, logon, &id);
    assert_batch(&batch, "2800 43 00 00 0201000000000000"
                         "44 00 00 11223344556677889900aabbccddeeff 010203040506 0000 40000000");
    arena_done(&arena);
}

static void test_request_bounds(void **state)
{
    (void)state;
    static uint8_t memory[1 << 17];
    static uint32_t tags[ROP_COLUMNS_MAX + 1];
    char dn[2000];
    struct rop_batch batch;
    struct writer writer = writer_of(memory, sizeof memory);
    rop_begin(&batch, &writer, 0);
    for (int i = 0; i < ROP_HANDLES_MAX; i++)
        rop_new(&batch);
    assert_true(rop_end(&batch));
    rop_new(&batch);
    assert_false(rop_end(&batch));
    memset(dn, 'x', sizeof dn - 1);
    dn[sizeof dn - 1] = '\0';
    rop_begin(&batch, &writer, 0);
    rop_put_logon(&batch, rop_new(&batch), ROP_LOGON_OWN, dn);
    assert_false(rop_end(&batch));
    rop_begin(&batch, &writer, 0);
    rop_put_logon(&batch, rop_new(&batch), ROP_LOGON_OWN, NULL);
    assert_false(rop_end(&batch));
    rop_begin(&batch, &writer, 0);
    rop_put_set_columns(&batch, 0, &(struct mapi_columns){tags, ROP_COLUMNS_MAX + 1});
    assert_false(rop_end(&batch));
    rop_begin(&batch, &writer, 0);
    for (int i = 0; i < 22000; i++)
        rop_put_release(&batch, 0);
    assert_false(rop_end(&batch));
    writer = writer_of(memory, 8);
    rop_begin(&batch, &writer, 0);
    rop_put_query_rows(&batch, 0, 1);
    assert_false(rop_end(&batch));
}

/* ---- answers ---- */

static void test_logon(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct rop_logon logon;
    struct fault fault = {0};
    uint32_t handle = 0;
    size_t length = 0;
    struct rop_reply reply = open_sample(&arena, "logon");
    assert_true(rop_read_logon(&reply, &logon, &fault));
    assert_int_equal(logon.result, 0);
    assert_true(logon.is_private && logon.owner && logon.send_as && !logon.out_of_office);
    assert_true(logon.folders[ROP_MAILBOX_INBOX] == UINT64_C(0xab00000001040001));
    assert_true(logon.folders[ROP_MAILBOX_SHORTCUTS] == UINT64_C(0xab000000010c0001));
    assert_int_equal(logon.mailbox_guid[0], 0xa1);
    assert_int_equal(logon.replid, 1);
    assert_memory_equal(logon.replguid, octets(&arena, guid_hex, &length), ROP_GUID_SIZE);
    assert_int_equal(logon.logon_time.year, 2026);
    assert_int_equal(logon.logon_time.second, 30);
    assert_int_equal(logon.store_state, 0x01000000);
    assert_true(rop_reply_handle(&reply, 0, &handle));
    assert_int_equal(handle, 0x40);
    assert_false(rop_reply_handle(&reply, 1, &handle));
    reply = open_sample(&arena, "logon-public");
    assert_true(rop_read_logon(&reply, &logon, &fault));
    assert_false(logon.is_private || logon.owner);
    assert_true(logon.folders[ROP_PUBLIC_IPM_SUBTREE] == UINT64_C(0xab00000001010001));
    assert_int_equal(logon.replid, 1);
    assert_int_equal(reader_left(&reply.rops), 0);
    reply = open_sample(&arena, "logon-denied");
    assert_true(rop_read_logon(&reply, &logon, &fault));
    assert_true(logon.result == UINT32_C(0x80070005));
    assert_false(rop_reply_handle(&reply, 0, &handle));
    reply = open_sample(&arena, "logon-cut");
    assert_false(rop_read_logon(&reply, &logon, &fault));
    arena_done(&arena);
}

static void test_redirect(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct rop_logon logon;
    struct fault fault = {0};
    struct rop_reply reply = open_sample(&arena, "logon-redirect");
    assert_true(rop_read_logon(&reply, &logon, &fault));
    assert_int_equal(logon.result, 0x478);
    assert_string_equal(logon.server, "/o=Contoso/ou=Exchange/cn=Configuration/cn=Servers/cn=EX2");
    reply = open_sample(&arena, "logon-redirect-cut");
    assert_false(rop_read_logon(&reply, &logon, &fault));
    /* A name of 255 bytes without a NUL, with a control character. */
    uint8_t bytes[2 + 8 + 255] = {0};
    struct writer writer = writer_of(bytes, sizeof bytes);
    write_le16(&writer, sizeof bytes);
    write_le16(&writer, 0x00fe);
    write_le32(&writer, 0x478);
    write_le16(&writer, 0xff01);
    memset(bytes + writer.length, 'x', 255);
    bytes[writer.length] = '\n';
    assert_true(rop_reply_open(bytes, sizeof bytes, &reply, &fault));
    assert_true(rop_read_logon(&reply, &logon, &fault));
    assert_int_equal(strlen(logon.server), 255);
    assert_int_equal(logon.server[0], '?');
    arena_done(&arena);
}

static void test_folder(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct rop_folder folder;
    struct mapi_row row;
    struct rop_long_id id;
    struct fault fault = {0};
    uint64_t count = 0;
    uint32_t result = 1;
    struct rop_reply reply = open_sample(&arena, "inbox");
    assert_true(rop_read_open_folder(&reply, &arena, &folder, &fault));
    assert_false(folder.ghosted);
    assert_true(rop_read_properties(&reply, &arena, &folder_columns, &result, &row, &fault));
    assert_int_equal(result, 0);
    assert_string_equal(mapi_row_text(&row, PID_TAG_DISPLAY_NAME), "Inbox");
    assert_true(mapi_row_number(&row, PID_TAG_CONTENT_COUNT, &count));
    assert_int_equal(count, 12);
    assert_true(rop_folder_entry(mapi_row_binary(&row, PID_TAG_IPM_CONTACT_ENTRY_ID), &id));
    assert_int_equal(id.counter[5], 7);
    reply = open_sample(&arena, "inbox-flagged");
    assert_true(rop_read_open_folder(&reply, &arena, &folder, &fault));
    assert_true(rop_read_properties(&reply, &arena, &folder_columns, &result, &row, &fault));
    assert_true(mapi_row_number(&row, PID_TAG_CONTENT_COUNT, &count));
    assert_false(mapi_row_number(&row, PID_TAG_CONTENT_UNREAD_COUNT, &count));
    reply = open_sample(&arena, "inbox-denied");
    assert_true(rop_read_open_folder(&reply, &arena, &folder, &fault));
    assert_true(folder.result == UINT32_C(0x80070005));
    assert_true(rop_read_properties(&reply, &arena, &folder_columns, &result, &row, &fault));
    assert_int_equal(result, 0x4b9);
    assert_int_equal(row.count, 0);
    reply = open_sample(&arena, "ghosted");
    assert_true(rop_read_open_folder(&reply, &arena, &folder, &fault));
    assert_true(folder.ghosted);
    assert_string_equal(folder.server, "EX1");
    reply = open_sample(&arena, "ghosted-cut");
    assert_false(rop_read_open_folder(&reply, &arena, &folder, &fault));
    reply = open_sample(&arena, "ghosted-many");
    assert_false(rop_read_open_folder(&reply, &arena, &folder, &fault));
    assert_non_null(strstr(fault.text, "names too many servers"));
    arena_done(&arena);
}

static void test_table(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct mapi_rows rows;
    struct fault fault = {0};
    uint64_t id = 0;
    uint32_t result = 1;
    uint32_t count = 0;
    struct rop_reply reply = open_sample(&arena, "hierarchy");
    assert_true(rop_read_hierarchy(&reply, &result, &count, &fault));
    assert_int_equal(count, 3);
    assert_true(rop_read_set_columns(&reply, &result, &fault));
    assert_true(rop_read_rows(&reply, &arena, &table_columns, &result, &rows, &fault));
    assert_int_equal(rows.count, 3);
    const struct mapi_row *row = rop_find_folder(&rows, "ipf.appointment", "Calendar");
    assert_ptr_equal(row, &rows.rows[1]);
    assert_true(mapi_row_number(row, PID_TAG_FOLDER_ID, &id));
    assert_int_equal(id, 0x1080001);
    assert_ptr_equal(rop_find_folder(&rows, "IPF.None", "voice mail"), &rows.rows[2]);
    assert_ptr_equal(rop_find_folder(&rows, NULL, "Contacts"), &rows.rows[0]);
    assert_null(rop_find_folder(&rows, "IPF", NULL));
    static const char *const bad[] = {"hierarchy-rows", "hierarchy-row-cut"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        reply = open_sample(&arena, bad[i]);
        assert_true(rop_read_hierarchy(&reply, &result, &count, &fault));
        assert_true(rop_read_set_columns(&reply, &result, &fault));
        if (rop_read_rows(&reply, &arena, &table_columns, &result, &rows, &fault))
            fail_msg("%s is read", bad[i]);
        assert_int_equal(fault.cause, CAUSE_MALFORMED);
        assert_non_null(strstr(fault.text, i == 0 ? "more rows than fit" : "malformed row"));
    }
    arena_done(&arena);
}

/* [MS-OXORULE] 4.2.2: RopSetColumns and RopQueryRows of a table, with a RopSize before them. */
static void test_rule_example(void **state)
{
    (void)state;
    static const uint32_t tags[] = {
        UINT32_C(0x66740014), UINT32_C(0x66840102), UINT32_C(0x6682001f)};
    struct arena arena = {0};
    struct rop_reply reply;
    struct mapi_rows rows;
    struct fault fault = {0};
    uint32_t result = 1;
    size_t length = 0;
    const uint8_t *bytes = octets(&arena,
        "4100 12 01 00 00 00 00 00 15 01 00 00 00 00 02 01 00 00 01 00 00 00 01 3f f8 56 10 00"
        "01 00 00 00 01 00 00 00 55 55 55 55 d1 44 e3 40 50 00 72 00 6f 00 6a 00 65 00 63 00"
        "74 00 20 00 58 00 00 00",
        &length);
    assert_true(rop_reply_open(bytes, length, &reply, &fault));
    assert_true(rop_read_set_columns(&reply, &result, &fault));
    assert_int_equal(result, 0);
    assert_true(
        rop_read_rows(&reply, &arena, &(struct mapi_columns){tags, 3}, &result, &rows, &fault));
    assert_int_equal(rows.count, 1);
    assert_string_equal(mapi_row_text(&rows.rows[0], tags[2]), "Project X");
    assert_int_equal(mapi_row_binary(&rows.rows[0], tags[1]).length, 16);
    assert_int_equal(reader_left(&reply.rops), 0);
    arena_done(&arena);
}

/* [MS-OXCROPS] 4.6 and 4.7 */
static void test_backoff(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct rop_folder folder;
    struct mapi_row row;
    struct fault fault = {0};
    uint32_t result = 1;
    uint32_t handle = 0;
    struct rop_reply reply = open_sample(&arena, "backoff-logon");
    assert_true(rop_read_set_columns(&reply, &result, &fault));
    assert_false(rop_read_set_columns(&reply, &result, &fault));
    assert_int_equal(fault.cause, CAUSE_SERVER_BUSY);
    assert_int_equal(reply.stop, ROP_STOP_BACKOFF);
    assert_int_equal(reply.backoff_ms, 0x1234);
    assert_true(rop_reply_handle(&reply, 0, &handle));
    assert_int_equal(handle, 0x28);
    reply = open_sample(&arena, "backoff-rop");
    assert_true(rop_read_open_folder(&reply, &arena, &folder, &fault));
    assert_false(rop_read_properties(&reply, &arena, &folder_columns, &result, &row, &fault));
    assert_int_equal(reply.backoff_ms, 0x44f17);
    assert_true(rop_reply_handle(&reply, 1, &handle));
    assert_int_equal(handle, 0x24);
    reply = open_sample(&arena, "too-small");
    assert_true(rop_read_open_folder(&reply, &arena, &folder, &fault));
    assert_false(rop_read_properties(&reply, &arena, &folder_columns, &result, &row, &fault));
    assert_int_equal(reply.stop, ROP_STOP_TOO_SMALL);
    assert_int_equal(reply.size_needed, 0x9000);
    reply = open_sample(&arena, "unexpected");
    assert_false(rop_read_open_folder(&reply, &arena, &folder, &fault));
    assert_string_equal(
        fault.text, "the store answered RopNotify (0x2a) where RopOpenFolder was asked");
    reply = open_sample(&arena, "empty");
    assert_false(rop_read_open_folder(&reply, &arena, &folder, &fault));
    assert_false(rop_reply_open("\x03\0", 2, &reply, &fault));
    assert_false(rop_reply_open("\x01\0", 2, &reply, &fault));
    assert_false(rop_reply_open("", 0, &reply, &fault));
    arena_done(&arena);
}

static void test_ids(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct rop_long_id long_id;
    struct rop_logon logon = {.replid = 1};
    struct fault fault = {0};
    uint32_t result = 1;
    uint64_t id = 0;
    size_t length = 0;
    struct rop_reply reply = open_sample(&arena, "ids");
    assert_true(rop_read_long_term_id(&reply, &result, &long_id, &fault));
    assert_true(rop_read_id_from_long_term(&reply, &result, &id, &fault));
    assert_true(id == UINT64_C(0x0701000000000001));
    uint64_t from_logon = 0;
    assert_false(rop_folder_id(&logon, &long_id, &from_logon));
    memcpy(logon.replguid, octets(&arena, guid_hex, &length), sizeof logon.replguid);
    assert_true(rop_folder_id(&logon, &long_id, &from_logon));
    assert_true(from_logon == id);
    reply = open_sample(&arena, "ids-not-found");
    assert_true(rop_read_long_term_id(&reply, &result, &long_id, &fault));
    assert_true(result == UINT32_C(0x8004010f));
    assert_true(rop_read_id_from_long_term(&reply, &result, &id, &fault));
    uint8_t entry[46] = {0};
    assert_false(rop_folder_entry((struct mapi_binary){entry, 46}, &long_id));
    entry[20] = 3;
    assert_true(rop_folder_entry((struct mapi_binary){entry, 46}, &long_id));
    assert_false(rop_folder_entry((struct mapi_binary){entry, 45}, &long_id));
    assert_false(rop_folder_entry((struct mapi_binary){0}, &long_id));
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_release),
        cmocka_unit_test(test_logon_request),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_request_bounds),
        cmocka_unit_test(test_logon),
        cmocka_unit_test(test_redirect),
        cmocka_unit_test(test_folder),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_rule_example),
        cmocka_unit_test(test_backoff),
        cmocka_unit_test(test_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
