/* The procedures of MAPI's read path against a store and an address book that say what a table
 * says: the store's answers are bytes, as [MS-OXCROPS] lays them out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wire/ecodes.h"
#include "probes/mapi_http.h"
#include "tests/unit/judged.h"

/* ---- a store ---- */

enum { ANSWER_MAX = 2048, LOGON_HANDLE = 7, REPLID = 1 };

struct fake_store {
    uint32_t logon;              /* what RopLogon returns */
    const char *server;          /* of ecWrongServer */
    uint32_t open[STORE_PLACES]; /* what opening each returns */
    bool no_voicemail, no_contacts, other_replica, cut, silent, backoff;
    int rounds;
    uint8_t bytes[ANSWER_MAX];
};

static void put_head(struct writer *out, unsigned rop, unsigned index, uint32_t result)
{
    write_u8(out, (uint8_t)rop);
    write_u8(out, (uint8_t)index);
    write_le32(out, result);
}

static void put_logon(struct writer *out, const struct fake_store *store)
{
    put_head(out, ROP_ID_LOGON, 0, store->logon);
    if (store->logon == EC_WRONG_SERVER) {
        write_u8(out, 1);
        write_u8(out, (uint8_t)(strlen(store->server) + 1));
        write_bytes(out, store->server, strlen(store->server) + 1);
    }
    if (store->logon != EC_NONE)
        return;
    write_u8(out, 1); /* private */
    for (unsigned i = 0; i < ROP_FOLDER_COUNT; i++)
        write_le64(out, (uint64_t)(i + 1) << 56 | REPLID);
    write_u8(out, 0x01 | 0x02); /* ResponseFlags: reserved, owner */
    for (unsigned i = 0; i < 16; i++)
        write_u8(out, (uint8_t)i); /* MailboxGuid */
    write_le16(out, REPLID);
    for (unsigned i = 0; i < 16; i++)
        write_u8(out, 0xaa); /* ReplGuid */
    write_zeros(out, 8 + 8 + 4);
}

static void put_open(struct writer *out, unsigned index, uint32_t result)
{
    put_head(out, ROP_ID_OPEN_FOLDER, index, result);
    if (result == EC_NONE)
        write_zeros(out, 2); /* HasRules, IsGhosted */
}

static void put_entry(struct writer *out, const struct fake_store *store, unsigned number)
{
    write_le16(out, 46);
    write_zeros(out, 4 + 16);
    write_le16(out, 1); /* eitLTPrivateFolder */
    for (unsigned i = 0; i < 16; i++)
        write_u8(out, store->other_replica ? 0xbb : 0xaa);
    write_zeros(out, 5);
    write_u8(out, (uint8_t)number);
    write_zeros(out, 2);
}

static void put_counts(struct writer *out, unsigned index, uint32_t result, uint32_t total)
{
    put_head(out, ROP_ID_GET_PROPERTIES_SPECIFIC, index, result == EC_NONE ? 0 : EC_NULL_OBJECT);
    if (result != EC_NONE)
        return;
    write_u8(out, 0);
    write_le32(out, total);
    write_le32(out, 1);
}

static void put_inbox(struct writer *out, const struct fake_store *store)
{
    put_open(out, 1, store->open[STORE_INBOX]);
    if (store->open[STORE_INBOX] != EC_NONE) {
        put_counts(out, 1, store->open[STORE_INBOX], 0);
    } else if (store->no_contacts) {
        put_head(out, ROP_ID_GET_PROPERTIES_SPECIFIC, 1, EC_NONE);
        write_u8(out, 1); /* flagged */
        write_u8(out, 0);
        write_le32(out, 2);
        write_u8(out, 0);
        write_le32(out, 1);
        write_u8(out, 0x0a);
        write_le32(out, EC_NOT_FOUND);
        write_u8(out, 0);
        put_entry(out, store, 0x41);
    } else {
        put_counts(out, 1, EC_NONE, 2);
        put_entry(out, store, 0x40);
        put_entry(out, store, 0x41);
    }
    put_open(out, 2, EC_NONE);
    put_head(out, ROP_ID_GET_HIERARCHY_TABLE, 3, EC_NONE);
    write_le32(out, 1);
    put_head(out, ROP_ID_SET_COLUMNS, 3, EC_NONE);
    write_u8(out, 0);
    put_head(out, ROP_ID_QUERY_ROWS, 3, EC_NONE);
    write_u8(out, 2);
    write_le16(out, store->no_voicemail ? 0 : 1);
    if (store->no_voicemail)
        return;
    static const char class[] = "IPF.Note.Microsoft.Voicemail";
    write_u8(out, 0);
    write_le64(out, 0x4200000000000001);
    write_le16(out, 'V');
    write_le16(out, 0);
    for (size_t i = 0; i < sizeof class; i++)
        write_le16(out, (uint8_t) class[i]);
}

static void put_rest(struct writer *out, const struct fake_store *store)
{
    for (int i = STORE_CONTACTS; i < STORE_PLACES; i++) {
        if ((i == STORE_CONTACTS && store->no_contacts) ||
            (i == STORE_VOICEMAIL && store->no_voicemail))
            continue;
        put_open(out, (unsigned)i, store->open[i]);
        put_counts(out, (unsigned)i, store->open[i], (uint32_t)(10 + i));
    }
}

static void put_ids(struct writer *out)
{
    for (unsigned i = 0; i < 2; i++) {
        put_head(out, ROP_ID_ID_FROM_LONG_TERM_ID, 0, EC_NONE);
        write_le64(out, 0x4000000000000001 + i);
    }
}

/* Which step a request is, by its first ROP. */
static bool serve(void *context, const void *rops, size_t length, struct mapi_binary *ret_answer,
    struct fault *fault)
{
    struct fake_store *store = context;
    const uint8_t *request = rops;
    struct writer out = writer_of(store->bytes, sizeof store->bytes);
    assert_true(length > 3);
    store->rounds++;
    if (store->silent)
        return fault_set(fault, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0, "no answer");
    write_le16(&out, 0);
    if (store->backoff) {
        write_u8(&out, ROP_ID_BACKOFF);
        write_u8(&out, 0);
        write_le32(&out, 1500);
        write_u8(&out, 0);
        write_le16(&out, 0);
    } else if (request[2] == ROP_ID_LOGON && request[5] == 0) {
        put_logon(&out, store);
        out.bytes[8] = 0; /* public */
        out.length -= 17 + 8 + 8 + 4;
        write_zeros(&out, 16);
    } else if (request[2] == ROP_ID_LOGON) {
        put_logon(&out, store);
    } else if (request[2] == ROP_ID_ID_FROM_LONG_TERM_ID) {
        put_ids(&out);
    } else if (store->rounds == 2) {
        put_inbox(&out, store);
    } else {
        put_rest(&out, store);
    }
    write_le16_at(&out, 0, (uint16_t)(out.length - (store->cut ? 5 : 0)));
    if (store->cut)
        out.length -= 5;
    write_le32(&out, LOGON_HANDLE);
    for (unsigned i = 0; i < 6; i++)
        write_le32(&out, LOGON_HANDLE + i);
    assert_true(writer_ok(&out));
    *ret_answer = (struct mapi_binary){store->bytes, out.length};
    return true;
}

static struct check *read_and_judge(struct fake_store *store, struct arena *arena)
{
    const struct store_way way = {.context = store, .execute = serve};
    struct check *check = check_for(&probe_mapi_mailbox);
    struct store_seen seen;
    struct fault fault = {0};
    if (store_read(&way, ROP_LOGON_OWN, "/o=C/cn=a", arena, &seen, &fault))
        judge_store(&seen, "mapi", check);
    else
        check_fail(check, &fault);
    return check;
}

static void test_mailbox(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct fake_store store = {.logon = EC_NONE};
    struct check *check = read_and_judge(&store, &arena);
    if (check->outcome != OUTCOME_PASS)
        fail_msg("%s", check->summary);
    assert_string_equal(
        check->summary, "opened: Inbox 2, Contacts 11, Calendar 12, Voice Mail 13 items");
    assert_int_equal(store.rounds, 3);
    assert_int_equal(check_get_int(check, "mapi.inbox.total", -1), 2);
    assert_int_equal(check_get_int(check, "mapi.calendar.unread", -1), 1);
    assert_true(check_get_bool(check, "mapi.owner", false));
    assert_string_equal(
        check_get_text(check, "mapi.mailbox_guid", ""), "03020100-0504-0706-0809-0a0b0c0d0e0f");
    check_free(check);
    arena_done(&arena);
}

static void test_variants(void **state)
{
    (void)state;
    static const struct {
        struct fake_store store;
        enum outcome outcome;
        enum cause cause;
        int rounds;
        const char *words;
    } table[] = {
        {{.no_voicemail = true}, OUTCOME_PASS, CAUSE_NONE, 3, "Calendar 12 items"},
        {{.other_replica = true}, OUTCOME_PASS, CAUSE_NONE, 4, "Voice Mail 13"},
        {{.no_contacts = true}, OUTCOME_FAIL, CAUSE_NO_OBJECT, 3, "Contacts"},
        {{.open = {[STORE_INBOX] = EC_ACCESS_DENIED}}, OUTCOME_FAIL, CAUSE_ACCESS_DENIED, 3,
            "Inbox"},
        {{.open = {[STORE_CALENDAR] = EC_ACCESS_DENIED}}, OUTCOME_FAIL, CAUSE_ACCESS_DENIED, 3,
            "Calendar"},
        {{.logon = EC_LOGIN_FAILURE}, OUTCOME_FAIL, CAUSE_LOGON_REFUSED, 1, "0x80040111"},
        {{.logon = EC_UNKNOWN_USER}, OUTCOME_FAIL, CAUSE_NO_MAILBOX, 1, "ecUnknownUser"},
        {{.logon = EC_LOGIN_PERM}, OUTCOME_FAIL, CAUSE_NO_MAILBOX, 1, "ecLoginPerm"},
        {{.logon = EC_SERVER_PAUSED}, OUTCOME_FAIL, CAUSE_SERVER_BUSY, 1, "ecServerPaused"},
        {{.logon = EC_MAILBOX_IN_TRANSIT}, OUTCOME_FAIL, CAUSE_NO_MAILBOX, 1, "ecMailboxInTransit"},
        {{.logon = EC_PROFILE_NOT_CONFIGURED}, OUTCOME_FAIL, CAUSE_NO_MAILBOX, 1, "0x11c"},
        {{.logon = EC_ACCESS_DENIED}, OUTCOME_FAIL, CAUSE_ACCESS_DENIED, 1, "0x80070005"},
        {{.logon = EC_CACHED_MODE_REQUIRED}, OUTCOME_FAIL, CAUSE_ACCESS_DENIED, 1, "0x4e1"},
        {{.logon = EC_WRONG_SERVER, .server = "/o=C/cn=Servers/cn=EX2"}, OUTCOME_FAIL,
            CAUSE_REFERRAL, 1, "ecWrongServer"},
        {{.logon = 0xdeadbeef}, OUTCOME_FAIL, CAUSE_MAPI_ERROR, 1, "an unknown code"},
        {{.cut = true}, OUTCOME_FAIL, CAUSE_MALFORMED, 1, ""},
        {{.silent = true}, OUTCOME_FAIL, CAUSE_TIMEOUT, 1, "no answer"},
        {{.backoff = true}, OUTCOME_FAIL, CAUSE_SERVER_BUSY, 1, "1.5 s"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct arena arena = {0};
        struct fake_store store = table[i].store;
        struct check *check = read_and_judge(&store, &arena);
        if (check->outcome != table[i].outcome || check->fault.cause != table[i].cause ||
            store.rounds != table[i].rounds || strstr(check->summary, table[i].words) == NULL)
            fail_msg("case %zu: %d rounds, %s", i, store.rounds, check->summary);
        if (store.server != NULL)
            assert_string_equal(check_get_text(check, "mapi.redirect", ""), "EX2");
        check_free(check);
        arena_done(&arena);
    }
}

static void test_redirects(void **state)
{
    (void)state;
    static const struct {
        struct rop_logon logon;
        const char *server;
    } table[] = {
        {{.server = "/o=C/ou=E/cn=Configuration/cn=Servers/cn=g@d"}, "g@d"},
        {{.server = "/O=C/CN=EX2"}, "EX2"},
        {{.server = "EX2"}, "EX2"},
        {{.server = "/o=C/cn="}, NULL},
        {{.server = ""}, NULL},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < COUNT(table); i++) {
        const char *server = store_redirect(&arena, &table[i].logon);
        if (table[i].server == NULL)
            assert_null(server);
        else
            assert_string_equal(server, table[i].server);
    }
    arena_done(&arena);
}

static void test_public(void **state)
{
    (void)state;
    static const struct {
        struct store_seen seen;
        enum outcome outcome;
        enum cause cause;
    } table[] = {
        {{.hierarchy = 12}, OUTCOME_PASS, CAUSE_NONE},
        {{.logon = {.result = EC_LOGIN_FAILURE}}, OUTCOME_FAIL, CAUSE_LOGON_REFUSED},
        {{.hierarchy_code = EC_ACCESS_DENIED}, OUTCOME_FAIL, CAUSE_ACCESS_DENIED},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct check *check = check_for(&probe_mapi_public);
        judge_public(&table[i].seen, "mapi", check);
        assert_int_equal(check->outcome, table[i].outcome);
        assert_int_equal(check->fault.cause, table[i].cause);
        check_free(check);
    }
}

/* ---- an address book ---- */

struct fake_book {
    enum nspi_opnum fails; /* with status, or without an answer (status 0) */
    bool any_fails;
    uint32_t status;
    uint32_t match; /* of the first address */
    uint32_t known; /* mid of the DN that is known */
    int calls;
    enum nspi_opnum last;
};

static const char own_dn[] = "/o=C/cn=own";

static bool ask_book(void *context, const struct nspi_call *call, struct nspi_answer *ret_answer,
    struct fault *fault)
{
    static struct mapi_value values[2];
    static struct mapi_row rows[3];
    static uint32_t mids[2];
    struct fake_book *book = context;
    *ret_answer = (struct nspi_answer){.status = call->opnum == NSPI_UNBIND};
    book->calls++;
    book->last = call->opnum;
    if (book->any_fails && book->fails == call->opnum) {
        ret_answer->status = book->status;
        return book->status != 0 || fault_set(fault, CAUSE_TIMEOUT, ORIGIN_EXREACH, 0, "no answer");
    }
    values[0] = (struct mapi_value){
        .tag = PID_TAG_EMAIL_ADDRESS, .type = MAPI_STRING, .present = true, .text = own_dn};
    values[1] = (struct mapi_value){
        .tag = PID_TAG_DISPLAY_NAME, .type = MAPI_STRING, .present = true, .text = "Own"};
    rows[0] = (struct mapi_row){values, 2};
    ret_answer->rows = (struct mapi_rows){rows, 0};
    ret_answer->mids = mids;
    if (call->opnum == NSPI_SPECIAL_TABLE)
        ret_answer->rows.count = 3;
    if (call->opnum == NSPI_RESOLVE_W) {
        mids[0] = book->match;
        mids[1] = NSPI_MID_UNRESOLVED;
        ret_answer->mid_count = call->name_count;
        ret_answer->rows.count = book->match == NSPI_MID_RESOLVED;
    }
    if (call->opnum == NSPI_DN_TO_MID) {
        for (uint32_t i = 0; i < call->name_count; i++)
            mids[i] = strcmp(call->names[i], own_dn) == 0 ? 0x11 : book->known;
        ret_answer->mid_count = call->name_count;
    }
    if (call->opnum == NSPI_PROPS) {
        assert_int_equal(call->stat.current, 0x11);
        ret_answer->rows.count = 1;
    }
    return true;
}

static void test_book(void **state)
{
    (void)state;
    static const struct {
        struct fake_book book;
        const char *known;
        int calls;
        enum outcome outcome;
        enum cause cause;
        const char *words;
    } table[] = {
        {{.match = 2}, own_dn, 6, OUTCOME_PASS, CAUSE_NONE, "Own"},
        {{.match = 2}, NULL, 6, OUTCOME_PASS, CAUSE_NONE, "3 address lists"},
        {{.match = 2, .known = 0x22}, "/o=C/cn=alias", 6, OUTCOME_PASS, CAUSE_NONE, "Own"},
        {{.match = 2, .known = 0}, "/o=C/cn=gone", 6, OUTCOME_FAIL, CAUSE_NO_OBJECT, "legacy DN"},
        {{.match = 1}, NULL, 4, OUTCOME_FAIL, CAUSE_AMBIGUOUS, "more than one"},
        {{.match = 0}, NULL, 4, OUTCOME_FAIL, CAUSE_NO_OBJECT, "nobody"},
        {{.match = 0, .known = 0x11}, "/o=C/cn=hidden", 5, OUTCOME_FAIL, CAUSE_NO_OBJECT, "hidden"},
        {{.any_fails = true, .fails = NSPI_BIND, .status = 0x80040111}, NULL, 1, OUTCOME_FAIL,
            CAUSE_LOGON_REFUSED, "NspiBind"},
        {{.any_fails = true, .fails = NSPI_RESOLVE_W}, NULL, 3, OUTCOME_FAIL, CAUSE_TIMEOUT,
            "no answer"},
        {{.match = 2, .any_fails = true, .fails = NSPI_PROPS, .status = 0x80070005}, NULL, 6,
            OUTCOME_FAIL, CAUSE_ACCESS_DENIED, "NspiGetProps"},
    };
    static const char *const addresses[] = {"own@c", "nobody@c"};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct arena arena = {0};
        struct fake_book book = table[i].book;
        struct book_seen seen;
        const struct book_way way = {.context = &book, .call = ask_book};
        struct check *check = check_for(&probe_mapi_book);
        book_read(&way, addresses, 2, table[i].known, &arena, &seen);
        judge_book(&seen, "own@c", check);
        if (check->outcome != table[i].outcome || check->fault.cause != table[i].cause ||
            book.calls != table[i].calls || strstr(check->summary, table[i].words) == NULL)
            fail_msg("case %zu: %d calls, %s", i, book.calls, check->summary);
        if (check->outcome == OUTCOME_PASS) {
            assert_int_equal(book.last, NSPI_UNBIND);
            assert_string_equal(seen.entries[0].legacy_dn, own_dn);
            assert_int_equal(seen.entries[1].match, BOOK_NONE);
            assert_int_equal(seen.dn_agrees, table[i].known == own_dn);
            assert_string_equal(check_get_text(check, "book.resolved", ""), "one");
        } else if (table[i].book.any_fails) {
            assert_non_null(check_fact(check, "book.step"));
        }
        check_free(check);
        arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mailbox),
        cmocka_unit_test(test_variants),
        cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_public),
        cmocka_unit_test(test_book),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
