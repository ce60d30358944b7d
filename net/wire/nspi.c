#include "net/wire/nspi.h"

#include "net/wire/ecodes.h"
#include "net/wire/nspi_ndr.h"

#include <string.h>

enum { GUID_SIZE = 16 };

const char *nspi_opnum_str(enum nspi_opnum opnum)
{
    switch (opnum) {
#define X(symbol, value, name) \
    case NSPI_##symbol:        \
        return name;
        NSPI_CALLS(X)
#undef X
    }
    return "NSPI";
}

struct nspi_stat nspi_stat_default(void)
{
    return (struct nspi_stat){.code_page = NSPI_CODE_PAGE_WESTERN,
        .template_locale = NSPI_LOCALE_DEFAULT,
        .sort_locale = NSPI_LOCALE_DEFAULT};
}

/* ---- requests ---- */

static void put_stat(struct writer *writer, const struct nspi_stat *stat)
{
    const uint32_t fields[] = {stat->sort_type, stat->container, stat->current,
        (uint32_t)stat->delta, stat->position, stat->total, stat->code_page, stat->template_locale,
        stat->sort_locale};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        ndr_put_u32(writer, fields[i]);
}

/* `[in, unique] PropertyTagArray_r *`, 2.2.2.2: size_is(cValues + 1), length_is(cValues). */
static void put_columns(
    struct writer *writer, const struct mapi_columns *columns, uint32_t *referent)
{
    ndr_put_pointer(writer, referent, columns->tags != NULL);
    if (columns->tags == NULL)
        return;
    if (columns->count > MAPI_VALUES_MAX)
        writer->failed = true;
    ndr_put_u32(writer, columns->count + 1);
    ndr_put_u32(writer, columns->count);
    ndr_put_u32(writer, 0);
    ndr_put_u32(writer, columns->count);
    for (uint32_t i = 0; i < columns->count && writer_ok(writer); i++)
        ndr_put_u32(writer, columns->tags[i]);
}

/* StringsArray_r and WStringsArray_r, 2.2.7: conformance, Count, pointers; then the strings. */
static void put_names(
    struct writer *writer, const struct nspi_call *call, uint32_t *referent, bool wide)
{
    if (call->name_count > NSPI_NAMES_MAX)
        writer->failed = true;
    ndr_put_u32(writer, call->name_count);
    ndr_put_u32(writer, call->name_count);
    for (uint32_t i = 0; i < call->name_count && writer_ok(writer); i++)
        ndr_put_pointer(writer, referent, true);
    for (uint32_t i = 0; i < call->name_count && writer_ok(writer); i++) {
        if (!wide) {
            ndr_put_string8(writer, call->names[i]);
        } else {
            write_align(writer, 4);
            ndr_put_string16(writer, call->names[i]);
        }
    }
}

static void put_query(struct writer *writer, const struct nspi_call *call, uint32_t *referent)
{
    ndr_put_u32(writer, call->flags);
    put_stat(writer, &call->stat);
    uint32_t count = call->mids == NULL ? 0 : call->mid_count;
    if (count > MAPI_ROWS_MAX)
        writer->failed = true;
    ndr_put_u32(writer, count);
    ndr_put_pointer(writer, referent, count > 0);
    if (count > 0)
        ndr_put_u32(writer, count); /* size_is(dwETableCount) */
    for (uint32_t i = 0; i < count && writer_ok(writer); i++)
        ndr_put_u32(writer, call->mids[i]);
    ndr_put_u32(writer, call->rows);
    put_columns(writer, &call->columns, referent);
}

/* A parameter that is a pointer without `unique` is a reference: no id on the wire ([C706]
 * 14.3.10). */
bool nspi_write(struct writer *writer, const struct nspi_call *call)
{
    uint32_t referent = 0;
    if (call->opnum != NSPI_BIND)
        write_bytes(writer, call->handle.bytes, sizeof call->handle.bytes);
    switch (call->opnum) {
    case NSPI_BIND: /* 3.1.4.1.1 */
        ndr_put_u32(writer, call->flags);
        put_stat(writer, &call->stat);
        ndr_put_pointer(writer, &referent, true); /* room for the server's GUID */
        write_zeros(writer, GUID_SIZE);
        break;
    case NSPI_UNBIND: /* 3.1.4.1.2 */
        ndr_put_u32(writer, 0);
        break;
    case NSPI_QUERY_ROWS: /* 3.1.4.1.8 */
        put_query(writer, call, &referent);
        break;
    case NSPI_DN_TO_MID: /* 3.1.4.1.13 */
        ndr_put_u32(writer, 0);
        put_names(writer, call, &referent, false);
        break;
    case NSPI_PROPS: /* 3.1.4.1.7 */
        ndr_put_u32(writer, call->flags);
        put_stat(writer, &call->stat);
        put_columns(writer, &call->columns, &referent);
        break;
    case NSPI_SPECIAL_TABLE: /* 3.1.4.1.3 */
        ndr_put_u32(writer, call->flags);
        put_stat(writer, &call->stat);
        ndr_put_u32(writer, call->version);
        break;
    case NSPI_RESOLVE:   /* 3.1.4.1.16 */
    case NSPI_RESOLVE_W: /* 3.1.4.1.17 */
        ndr_put_u32(writer, 0);
        put_stat(writer, &call->stat);
        put_columns(writer, &call->columns, &referent);
        put_names(writer, call, &referent, call->opnum == NSPI_RESOLVE_W);
        break;
    case NSPI_MAILBOX_URL:
    case NSPI_ADDRESS_BOOK_URL:
        return false;
    }
    return writer_ok(writer);
}

/* ---- answers ---- */

static void read_stat(struct reader *reader, struct nspi_stat *stat)
{
    stat->sort_type = ndr_u32(reader);
    stat->container = ndr_u32(reader);
    stat->current = ndr_u32(reader);
    stat->delta = (int32_t)ndr_u32(reader);
    stat->position = ndr_u32(reader);
    stat->total = ndr_u32(reader);
    stat->code_page = ndr_u32(reader);
    stat->template_locale = ndr_u32(reader);
    stat->sort_locale = ndr_u32(reader);
}

static void read_handle(struct reader *reader, struct nspi_handle *handle)
{
    const uint8_t *bytes = ndr_context_handle(reader);
    if (bytes != NULL)
        memcpy(handle->bytes, bytes, sizeof handle->bytes);
}

static void read_guid(struct reader *reader, struct nspi_answer *answer)
{
    const uint8_t *bytes = ndr_pointer(reader) ? read_bytes(reader, GUID_SIZE) : NULL;
    if (bytes != NULL)
        memcpy(answer->server_guid, bytes, GUID_SIZE);
    answer->has_guid = bytes != NULL;
}

/* `[out] PropertyTagArray_r **` of minimal entry ids. */
static void read_mids(struct reader *reader, struct arena *arena, struct nspi_answer *answer)
{
    if (!ndr_pointer(reader))
        return;
    uint32_t room = ndr_u32(reader); /* cValues + 1 */
    uint32_t values = ndr_u32(reader);
    uint32_t offset = ndr_u32(reader);
    uint32_t count = ndr_u32(reader);
    if (offset != 0 || count != values || count > room || count > NSPI_NAMES_MAX ||
        count > reader_left(reader) / 4)
        reader->failed = true;
    if (!reader_ok(reader))
        return;
    uint32_t *mids = arena_alloc(arena, (count + 1) * sizeof *mids);
    for (uint32_t i = 0; i < count; i++)
        mids[i] = ndr_u32(reader);
    answer->mids = mids;
    answer->mid_count = count;
}

static void read_answer(
    struct reader *reader, struct arena *arena, enum nspi_opnum opnum, struct nspi_answer *answer)
{
    switch (opnum) {
    case NSPI_BIND:
        read_guid(reader, answer);
        read_handle(reader, &answer->handle);
        break;
    case NSPI_UNBIND:
        read_handle(reader, &answer->handle);
        break;
    case NSPI_QUERY_ROWS:
        read_stat(reader, &answer->stat);
        nspi_ndr_rows(reader, arena, &answer->rows);
        break;
    case NSPI_DN_TO_MID:
        read_mids(reader, arena, answer);
        break;
    case NSPI_PROPS:
        nspi_ndr_row(reader, arena, &answer->rows);
        break;
    case NSPI_SPECIAL_TABLE:
        answer->version = ndr_u32(reader);
        nspi_ndr_rows(reader, arena, &answer->rows);
        break;
    case NSPI_RESOLVE:
    case NSPI_RESOLVE_W:
        read_mids(reader, arena, answer);
        nspi_ndr_rows(reader, arena, &answer->rows);
        break;
    case NSPI_MAILBOX_URL:
    case NSPI_ADDRESS_BOOK_URL:
        reader->failed = true;
        break;
    }
    answer->status = ndr_u32(reader);
}

bool nspi_read(struct arena *arena, enum nspi_opnum opnum, const void *stub, size_t length,
    struct nspi_answer *ret_answer, struct fault *fault)
{
    struct nspi_answer answer = {0};
    if (length > NSPI_ANSWER_MAX)
        return fault_set(fault, CAUSE_TOO_LARGE, ORIGIN_EXREACH, 0,
            "the answer to %s has %zu bytes: more than we read", nspi_opnum_str(opnum), length);
    struct reader reader = reader_of(stub, length);
    read_answer(&reader, arena, opnum, &answer);
    if (!reader_ok(&reader))
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "the answer to %s breaks its format at byte %zu of %zu", nspi_opnum_str(opnum),
            reader.at, length);
    *ret_answer = answer;
    return true;
}

bool nspi_succeeded(enum nspi_opnum opnum, uint32_t status, struct fault *fault)
{
    const char *call = nspi_opnum_str(opnum);
    if (opnum == NSPI_UNBIND) /* 3.1.4.1.2 */
        return status == NSPI_UNBIND_SUCCESS ||
               fault_set(fault, ecode_cause(status), ORIGIN_MAPI, (long)status,
                   "%s answered 0x%08X instead of 1", call, (unsigned)status);
    if (status == NSPI_SUCCESS || status == NSPI_ERRORS_RETURNED)
        return true;
    const char *name = ecode_name(status), *words = ecode_words(status);
    enum cause cause = ecode_cause(status);
    if (name == NULL)
        return fault_set(
            fault, cause, ORIGIN_MAPI, (long)status, "%s answered 0x%08X", call, (unsigned)status);
    return fault_set(fault, cause, ORIGIN_MAPI, (long)status, "%s answered 0x%08X %s: %s", call,
        (unsigned)status, name, words);
}

/* ---- entry ids ---- */

bool nspi_entry_id_read(
    struct arena *arena, const struct mapi_binary *bytes, struct nspi_entry_id *ret_id)
{
    enum { PERMANENT = 0x00, EPHEMERAL = 0x87 };
    struct nspi_entry_id id = {0};
    struct reader reader = reader_of(bytes->bytes, bytes->length);
    uint8_t type = read_u8(&reader);
    read_skip(&reader, 3); /* R1 to R3 */
    const uint8_t *provider = read_bytes(&reader, GUID_SIZE);
    uint32_t fourth = read_le32(&reader); /* R4 */
    id.display_type = read_le32(&reader);
    if (!reader_ok(&reader) || fourth != 1 || (type != PERMANENT && type != EPHEMERAL))
        return false;
    memcpy(id.provider, provider, GUID_SIZE);
    id.permanent = type == PERMANENT;
    if (!id.permanent) {
        id.mid = read_le32(&reader);
    } else {
        size_t left = reader_left(&reader);
        const char *dn = (const char *)read_bytes(&reader, left);
        if (left == 0 || left > MAPI_STRING_MAX || memchr(dn, '\0', left) == NULL)
            return false;
        id.dn = arena_strdup(arena, dn);
    }
    if (!reader_ok(&reader))
        return false;
    *ret_id = id;
    return true;
}

/* [MS-OXNSPI] 2.2.1.3 */
const char *nspi_display_type_words(uint32_t display_type)
{
    static const struct {
        uint32_t type;
        const char *words;
    } known[] = {
        {0x00, "mail user"},
        {0x01, "distribution list"},
        {0x02, "public folder"},
        {0x03, "agent"},
        {0x04, "organization"},
        {0x05, "private distribution list"},
        {0x06, "remote mail user"},
        {0x100, "container"},
        {0x101, "template"},
        {0x102, "address template"},
        {0x200, "search"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].type == display_type)
            return known[i].words;
    }
    return NULL;
}
