#include "net/wire/nspi_http.h"

#include "net/wire/text.h"

#include <string.h>

enum { GUID_SIZE = 16 };

const char *nspi_http_type(enum nspi_opnum opnum)
{
    switch (opnum) {
    case NSPI_BIND:
        return "Bind";
    case NSPI_UNBIND:
        return "Unbind";
    case NSPI_QUERY_ROWS:
        return "QueryRows";
    case NSPI_DN_TO_MID:
        return "DnToMinId";
    case NSPI_PROPS:
        return "GetProps";
    case NSPI_SPECIAL_TABLE:
        return "GetSpecialTable";
    case NSPI_RESOLVE:
        return NULL;
    case NSPI_RESOLVE_W:
        return "ResolveNames";
    case NSPI_MAILBOX_URL:
        return "GetMailboxUrl";
    case NSPI_ADDRESS_BOOK_URL:
        return "GetAddressBookUrl";
    }
    return NULL;
}

/* ---- requests ---- */

/* HasState, State: [MS-OXNSPI] 2.2.8 without alignment. */
static void put_stat(struct writer *writer, const struct nspi_stat *stat)
{
    write_u8(writer, 1);
    const uint32_t fields[] = {stat->sort_type, stat->container, stat->current,
        (uint32_t)stat->delta, stat->position, stat->total, stat->code_page, stat->template_locale,
        stat->sort_locale};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        write_le32(writer, fields[i]);
}

/* A Boolean, then LargePropertyTagArray (2.2.1.8), of which a tag is its type and its id. */
static void put_columns(struct writer *writer, const struct mapi_columns *columns)
{
    write_u8(writer, columns->tags != NULL);
    if (columns->tags == NULL)
        return;
    if (columns->count > MAPI_VALUES_MAX)
        writer->failed = true;
    write_le32(writer, columns->count);
    for (uint32_t i = 0; i < columns->count && writer_ok(writer); i++)
        write_le32(writer, columns->tags[i]);
}

static void put_text(struct writer *writer, const char *utf8)
{
    struct arena arena = {0};
    size_t length = 0;
    const uint8_t *bytes = utf8_to_utf16le(&arena, utf8, &length);
    write_bytes(writer, bytes, length);
    write_le16(writer, 0);
    arena_done(&arena);
}

/* HasNames, NameCount, NameValues: DNs in ASCII, names to resolve in Unicode. */
static void put_names(struct writer *writer, const struct nspi_call *call, bool wide)
{
    if (call->name_count > NSPI_NAMES_MAX)
        writer->failed = true;
    write_u8(writer, 1);
    write_le32(writer, call->name_count);
    for (uint32_t i = 0; i < call->name_count && writer_ok(writer); i++) {
        if (wide)
            put_text(writer, call->names[i]);
        else
            write_bytes(writer, call->names[i], strlen(call->names[i]) + 1);
    }
}

static void put_query(struct writer *writer, const struct nspi_call *call)
{
    uint32_t count = call->mids == NULL ? 0 : call->mid_count;
    if (count > MAPI_ROWS_MAX)
        writer->failed = true;
    write_le32(writer, call->flags);
    put_stat(writer, &call->stat);
    write_le32(writer, count);
    for (uint32_t i = 0; i < count && writer_ok(writer); i++)
        write_le32(writer, call->mids[i]);
    write_le32(writer, call->rows);
    put_columns(writer, &call->columns);
}

bool nspi_http_write(struct writer *writer, const struct nspi_call *call)
{
    switch (call->opnum) {
    case NSPI_BIND: /* 2.2.5.1.1 */
        write_le32(writer, call->flags);
        put_stat(writer, &call->stat);
        break;
    case NSPI_UNBIND: /* 2.2.5.2.1 */
        write_le32(writer, 0);
        break;
    case NSPI_DN_TO_MID: /* 2.2.5.4.1 */
        write_le32(writer, 0);
        put_names(writer, call, false);
        break;
    case NSPI_PROPS: /* 2.2.5.7.1 */
        write_le32(writer, call->flags);
        put_stat(writer, &call->stat);
        put_columns(writer, &call->columns);
        break;
    case NSPI_SPECIAL_TABLE: /* 2.2.5.8.1 */
        write_le32(writer, call->flags);
        put_stat(writer, &call->stat);
        write_u8(writer, call->version != 0);
        if (call->version != 0)
            write_le32(writer, call->version);
        break;
    case NSPI_QUERY_ROWS: /* 2.2.5.12.1 */
        put_query(writer, call);
        break;
    case NSPI_RESOLVE_W: /* 2.2.5.14.1 */
        write_le32(writer, 0);
        put_stat(writer, &call->stat);
        put_columns(writer, &call->columns);
        put_names(writer, call, true);
        break;
    case NSPI_MAILBOX_URL:      /* 2.2.5.18.1 */
    case NSPI_ADDRESS_BOOK_URL: /* 2.2.5.19.1 */
        if (call->name_count != 1)
            return false;
        write_le32(writer, 0);
        put_text(writer, call->names[0]);
        break;
    case NSPI_RESOLVE:
        return false;
    }
    write_le32(writer, 0); /* AuxiliaryBufferSize */
    return writer_ok(writer);
}

/* ---- answers ---- */

struct source {
    struct reader reader;
    struct arena *arena;
    struct nspi_answer *answer;
};

/* A count of things that take at least `size` bytes each. */
static uint32_t read_count(struct reader *reader, uint32_t max, size_t size)
{
    uint32_t count = read_le32(reader);
    if (count > max || count > reader_left(reader) / size)
        reader->failed = true;
    return reader_ok(reader) ? count : 0;
}

static void read_stat(struct reader *reader, struct nspi_stat *stat)
{
    stat->sort_type = read_le32(reader);
    stat->container = read_le32(reader);
    stat->current = read_le32(reader);
    stat->delta = (int32_t)read_le32(reader);
    stat->position = read_le32(reader);
    stat->total = read_le32(reader);
    stat->code_page = read_le32(reader);
    stat->template_locale = read_le32(reader);
    stat->sort_locale = read_le32(reader);
}

/* HasMinimalIds, MinimalIdCount, MinimalIds */
static void read_mids(struct source *source)
{
    struct reader *reader = &source->reader;
    if (read_u8(reader) == 0)
        return;
    uint32_t count = read_count(reader, NSPI_NAMES_MAX, 4);
    uint32_t *mids = arena_alloc(source->arena, (count + 1) * sizeof *mids);
    for (uint32_t i = 0; i < count; i++)
        mids[i] = read_le32(reader);
    source->answer->mids = mids;
    source->answer->mid_count = count;
}

/* AddressBookPropertyValueList, 2.2.1.3: tagged values (2.2.1.2). */
static void read_list(struct source *source, struct mapi_row *row)
{
    enum { TAGGED_MIN = 5 }; /* a tag and a flag */
    uint32_t count = read_count(&source->reader, MAPI_VALUES_MAX, TAGGED_MIN);
    row->values = arena_alloc(source->arena, (count + 1) * sizeof *row->values);
    row->count = count;
    for (uint32_t i = 0; i < count && reader_ok(&source->reader); i++) {
        uint32_t tag = read_le32(&source->reader);
        mapi_value_read(
            &source->reader, source->arena, tag, MAPI_FORM_ADDRESS_BOOK, &row->values[i]);
    }
}

static void start_rows(struct source *source, uint32_t count)
{
    struct mapi_rows *rows = &source->answer->rows;
    rows->rows = arena_alloc(source->arena, (count + 1) * sizeof *rows->rows);
    rows->count = count;
}

/* A Boolean, LargePropertyTagArray (2.2.1.8), RowCount, AddressBookPropertyRow (2.2.1.7) */
static void read_table(struct source *source)
{
    struct reader *reader = &source->reader;
    if (read_u8(reader) == 0)
        return;
    uint32_t count = read_count(reader, MAPI_VALUES_MAX, 4);
    uint32_t *tags = arena_alloc(source->arena, (count + 1) * sizeof *tags);
    for (uint32_t i = 0; i < count; i++)
        tags[i] = read_le32(reader);
    struct mapi_columns columns = {tags, count};
    start_rows(source, read_count(reader, MAPI_ROWS_MAX, 1));
    struct mapi_rows *rows = &source->answer->rows;
    for (uint32_t i = 0; i < rows->count && reader_ok(reader); i++)
        mapi_row_read(reader, source->arena, &columns, MAPI_FORM_ADDRESS_BOOK, &rows->rows[i]);
}

static void read_special_table(struct source *source)
{
    struct reader *reader = &source->reader;
    source->answer->code_page = read_le32(reader);
    if (read_u8(reader) != 0)
        source->answer->version = read_le32(reader);
    if (read_u8(reader) == 0)
        return;
    start_rows(source, read_count(reader, MAPI_ROWS_MAX, 4));
    for (uint32_t i = 0; i < source->answer->rows.count && reader_ok(reader); i++)
        read_list(source, &source->answer->rows.rows[i]);
}

static void read_props(struct source *source)
{
    source->answer->code_page = read_le32(&source->reader);
    if (read_u8(&source->reader) == 0)
        return;
    start_rows(source, 1);
    read_list(source, &source->answer->rows.rows[0]);
}

static void read_url(struct source *source)
{
    /* As a value of its own: NUL-terminated, and bounded like one. */
    struct mapi_value url = {0};
    if (mapi_value_read(&source->reader, source->arena, MAPI_STRING, MAPI_FORM_ROP, &url))
        source->answer->url = url.text;
}

static void read_answer(struct source *source, enum nspi_opnum opnum)
{
    struct reader *reader = &source->reader;
    source->answer->status = read_le32(reader);
    switch (opnum) {
    case NSPI_BIND: { /* 2.2.5.1.2 */
        const uint8_t *guid = read_bytes(reader, GUID_SIZE);
        if (guid != NULL)
            memcpy(source->answer->server_guid, guid, GUID_SIZE);
        source->answer->has_guid = guid != NULL;
        break;
    }
    case NSPI_UNBIND: /* 2.2.5.2.2 */
        break;
    case NSPI_DN_TO_MID: /* 2.2.5.4.2 */
        read_mids(source);
        break;
    case NSPI_PROPS: /* 2.2.5.7.2 */
        read_props(source);
        break;
    case NSPI_SPECIAL_TABLE: /* 2.2.5.8.2 */
        read_special_table(source);
        break;
    case NSPI_QUERY_ROWS: /* 2.2.5.12.2 */
        if (read_u8(reader) != 0)
            read_stat(reader, &source->answer->stat);
        read_table(source);
        break;
    case NSPI_RESOLVE_W: /* 2.2.5.14.2 */
        source->answer->code_page = read_le32(reader);
        read_mids(source);
        read_table(source);
        break;
    case NSPI_MAILBOX_URL:      /* 2.2.5.18.2 */
    case NSPI_ADDRESS_BOOK_URL: /* 2.2.5.19.2 */
        read_url(source);
        break;
    case NSPI_RESOLVE:
        reader->failed = true;
        break;
    }
}

/* A server that refuses may leave out what is of no use then. */
static bool is_refusal(const struct source *source, enum nspi_opnum opnum)
{
    struct fault why;
    return source->answer->status != NSPI_SUCCESS &&
           !nspi_succeeded(opnum, source->answer->status, &why);
}

bool nspi_http_read(struct arena *arena, enum nspi_opnum opnum, const struct mapi_binary *body,
    uint32_t *ret_code, struct nspi_answer *ret_answer, struct fault *fault)
{
    struct nspi_answer answer = {0};
    struct source source = {reader_of(body->bytes, body->length), arena, &answer};
    if (body->length > NSPI_ANSWER_MAX)
        return fault_set(fault, CAUSE_TOO_LARGE, ORIGIN_EXREACH, 0,
            "the answer to %s has %zu bytes: more than we read", nspi_opnum_str(opnum),
            body->length);
    uint32_t code = read_le32(&source.reader);
    if (code == 0)
        read_answer(&source, opnum);
    /* AuxiliaryBufferSize, AuxiliaryBuffer: times and names of the server, of no use to us. */
    read_skip(&source.reader, read_le32(&source.reader));
    if (!reader_ok(&source.reader) && is_refusal(&source, opnum)) {
        *ret_code = code;
        *ret_answer = (struct nspi_answer){.status = answer.status};
        return true;
    }
    if (!reader_ok(&source.reader))
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "the answer to %s breaks its format at byte %zu of %zu", nspi_opnum_str(opnum),
            source.reader.at, body->length);
    *ret_code = code;
    *ret_answer = answer;
    return true;
}
