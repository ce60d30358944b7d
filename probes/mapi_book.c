#include "probes/mapi.h"

#include <string.h>

#include "net/wire/ecodes.h"

static const uint32_t entry_tags[] = {
    PID_TAG_DISPLAY_NAME, PID_TAG_EMAIL_ADDRESS, PID_TAG_SMTP_ADDRESS, PID_TAG_ACCOUNT};
static const uint32_t person_tags[] = {PID_TAG_DISPLAY_NAME, PID_TAG_EMAIL_ADDRESS,
    PID_TAG_SMTP_ADDRESS, PID_TAG_ACCOUNT, PID_TAG_HOME_MESSAGE_DATABASE};

const char *book_match_str(enum book_match match)
{
    switch (match) {
    case BOOK_UNASKED:
        return "not asked";
    case BOOK_NONE:
        return "none";
    case BOOK_ONE:
        return "one";
    case BOOK_AMBIGUOUS:
        return "ambiguous";
    }
    return "";
}

/* ---- reading ---- */

struct reading {
    const struct book_way *way;
    struct arena *arena;
    struct book_seen *seen;
    struct nspi_handle handle;
};

static void trace(const struct reading *reading, char direction, const char *line)
{
    if (reading->way->trace != NULL)
        reading->way->trace(reading->way->context, direction, line);
}

/* One call of the bound session, its status judged. */
static bool ask(struct reading *reading, struct nspi_call *call, struct nspi_answer *ret_answer)
{
    struct book_seen *seen = reading->seen;
    call->handle = reading->handle;
    call->stat = call->opnum == NSPI_PROPS ? call->stat : nspi_stat_default();
    const char *name = nspi_opnum_str(call->opnum);
    trace(reading, '>', name);
    if (reading->way->call(reading->way->context, call, ret_answer, &seen->fault) &&
        nspi_succeeded(call->opnum, ret_answer->status, &seen->fault)) {
        trace(reading, '<',
            arena_printf(reading->arena, "%s: status %u, %u ids, %u rows", name,
                (unsigned)ret_answer->status, (unsigned)ret_answer->mid_count,
                (unsigned)ret_answer->rows.count));
        return true;
    }
    trace(reading, '<', seen->fault.text);
    seen->step = name;
    return false;
}

static bool open_book(struct reading *reading)
{
    struct nspi_call call = {.opnum = NSPI_BIND};
    struct nspi_answer answer = {0};
    if (!ask(reading, &call, &answer))
        return false;
    reading->handle = answer.handle;
    return true;
}

static bool read_containers(struct reading *reading)
{
    struct nspi_call call = {.opnum = NSPI_SPECIAL_TABLE, .flags = NSPI_UNICODE};
    struct nspi_answer answer = {0};
    if (!ask(reading, &call, &answer))
        return false;
    reading->seen->containers = answer.rows.count;
    return true;
}

static void keep_entry(struct arena *arena, const struct mapi_row *row, struct book_entry *entry)
{
    const struct {
        uint32_t tag;
        const char **text;
    } fields[] = {{PID_TAG_DISPLAY_NAME, &entry->display_name},
        {PID_TAG_EMAIL_ADDRESS, &entry->legacy_dn}, {PID_TAG_SMTP_ADDRESS, &entry->smtp_address},
        {PID_TAG_ACCOUNT, &entry->account}, {PID_TAG_HOME_MESSAGE_DATABASE, &entry->home}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const char *text = mapi_row_text(row, fields[i].tag);
        if (text != NULL)
            *fields[i].text = arena_strdup(arena, text);
    }
}

static enum book_match match_of(uint32_t mid)
{
    return mid == NSPI_MID_UNRESOLVED  ? BOOK_NONE
           : mid == NSPI_MID_AMBIGUOUS ? BOOK_AMBIGUOUS
                                       : BOOK_ONE;
}

/* [MS-OXNSPI] 3.1.4.1.17: one id for each name, one row for each that was resolved. */
static bool resolve(struct reading *reading, const char *const *addresses, size_t count)
{
    struct nspi_call call = {.opnum = NSPI_RESOLVE_W,
        .columns = {entry_tags, sizeof entry_tags / sizeof entry_tags[0]},
        .names = addresses,
        .name_count = (uint32_t)count};
    struct nspi_answer answer = {0};
    struct book_seen *seen = reading->seen;
    if (!ask(reading, &call, &answer))
        return false;
    uint32_t row = 0;
    for (size_t i = 0; i < count && i < answer.mid_count; i++) {
        seen->entries[i].match = match_of(answer.mids[i]);
        if (seen->entries[i].match == BOOK_ONE && row < answer.rows.count)
            keep_entry(reading->arena, &answer.rows.rows[row++], &seen->entries[i]);
    }
    seen->count = count;
    return true;
}

/* NSPI_MID_RESOLVED is all that ResolveNames tells: the id itself comes from the DN. 3.1.4.1.13 */
static bool find_dn(struct reading *reading, const char *known)
{
    struct book_seen *seen = reading->seen;
    struct book_entry *own = &seen->entries[0];
    const char *names[2];
    uint32_t count = 0;
    if (known != NULL)
        names[count++] = known;
    if (own->legacy_dn != NULL)
        names[count++] = own->legacy_dn;
    if (count == 0)
        return true;
    struct nspi_call call = {.opnum = NSPI_DN_TO_MID, .names = names, .name_count = count};
    struct nspi_answer answer = {0};
    if (!ask(reading, &call, &answer))
        return false;
    if (own->legacy_dn != NULL && answer.mid_count >= count)
        own->mid = answer.mids[count - 1];
    if (known == NULL)
        return true;
    uint32_t mid = answer.mid_count > 0 ? answer.mids[0] : 0;
    seen->dn_match = mid != 0 ? BOOK_ONE : BOOK_NONE;
    seen->dn_agrees = mid != 0 && mid == own->mid;
    return true;
}

static bool read_person(struct reading *reading)
{
    struct book_entry *own = &reading->seen->entries[0];
    struct nspi_call call = {.opnum = NSPI_PROPS,
        .flags = NSPI_SKIP_OBJECTS,
        .stat = nspi_stat_default(),
        .columns = {person_tags, sizeof person_tags / sizeof person_tags[0]}};
    struct nspi_answer answer = {0};
    if (own->mid == 0)
        return true;
    call.stat.current = own->mid;
    if (!ask(reading, &call, &answer))
        return false;
    if (answer.rows.count > 0)
        keep_entry(reading->arena, &answer.rows.rows[0], own);
    return true;
}

/* After a call that was refused, too: sessions are few for an account. */
static void close_book(struct reading *reading)
{
    struct nspi_call call = {.opnum = NSPI_UNBIND};
    struct nspi_answer answer = {0};
    struct book_seen *seen = reading->seen;
    const char *step = seen->step;
    struct fault fault = seen->fault;
    ask(reading, &call, &answer);
    if (step == NULL)
        return;
    seen->step = step;
    seen->fault = fault;
}

void book_read(const struct book_way *way, const char *const *addresses, size_t count,
    const char *legacy_dn, struct arena *arena, struct book_seen *ret_seen)
{
    struct reading reading = {.way = way, .arena = arena, .seen = ret_seen};
    *ret_seen = (struct book_seen){.step = NULL};
    if (count > BOOK_NAMES_MAX)
        count = BOOK_NAMES_MAX;
    if (!open_book(&reading))
        return;
    bool ok = read_containers(&reading) && resolve(&reading, addresses, count) &&
              find_dn(&reading, legacy_dn) && read_person(&reading);
    if (ok || ret_seen->fault.origin == ORIGIN_MAPI)
        close_book(&reading);
}

/* ---- judging ---- */

static void note_person(const struct book_seen *seen, struct check *check)
{
    const struct book_entry *own = &seen->entries[0];
    if (seen->count > 0)
        check_text(check, "book.resolved", book_match_str(own->match));
    if (seen->dn_match != BOOK_UNASKED)
        check_text(check, "book.dn_resolved", book_match_str(seen->dn_match));
    check_text(check, "book.legacy_dn", own->legacy_dn);
    check_text(check, "book.display_name", own->display_name);
    check_text(check, "book.smtp_address", own->smtp_address);
    check_text(check, "book.account", own->account);
    check_text(check, "book.home", own->home);
}

static void fail_match(
    struct check *check, enum cause cause, const char *address, const char *words)
{
    struct fault fault;
    fault_set(&fault, cause, ORIGIN_MAPI, 0, "the address book %s %.100s", words, address);
    check_fail(check, &fault);
}

void judge_book(const struct book_seen *seen, const char *address, struct check *check)
{
    check_int(check, "book.containers", seen->containers);
    note_person(seen, check);
    if (seen->step != NULL) {
        check_text(check, "book.step", seen->step);
        if (seen->fault.origin == ORIGIN_MAPI) {
            check_text(check, "book.error", ecode_name((uint32_t)seen->fault.code));
            check_text(check, "book.error_words", ecode_words((uint32_t)seen->fault.code));
        }
        check_fail(check, &seen->fault);
        return;
    }
    switch (seen->entries[0].match) {
    case BOOK_UNASKED:
    case BOOK_NONE:
        fail_match(check, CAUSE_NO_OBJECT, address,
            seen->dn_match == BOOK_ONE ? "knows the legacy DN, but does not list (is it hidden?)"
                                       : "has nobody with the address");
        return;
    case BOOK_AMBIGUOUS:
        fail_match(check, CAUSE_AMBIGUOUS, address, "has more than one object for");
        return;
    case BOOK_ONE:
        break;
    }
    if (seen->dn_match == BOOK_NONE) {
        fail_match(check, CAUSE_NO_OBJECT, address,
            "does not know the legacy DN that Autodiscover or the directory names for");
        return;
    }
    check_settle(check, OUTCOME_PASS, "resolves the account to %s; %u address list%s",
        seen->entries[0].display_name != NULL ? seen->entries[0].display_name : address,
        (unsigned)seen->containers, seen->containers == 1 ? "" : "s");
}
