/* /mapi/nspi: the address book ([MS-OXCMAPIHTTP] 2.2.5). */
#include "address_book.h"
#include "mapi_http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char path[] = "/mapi/nspi";

/* HasState and State; without one it is all zero. */
static void read_stat(struct wire *in, struct stat_block *ret_stat)
{
    if (wire_u8(in) != 0)
        stat_read(in, ret_stat);
}

/* HasPropertyTags and a LargePropertyTagArray (2.2.1.8). */
static void read_tags(struct wire *in, struct tags *ret_tags)
{
    uint32_t count;

    if (wire_u8(in) == 0)
        return;
    count = wire_u32(in);
    if (count > wire_left(in) / 4)
        in->bad = true;
    for (uint32_t i = 0; !in->bad && i < count; i++)
        tags_add(ret_tags, wire_u32(in));
}

static void put_tags(struct buf *out, const struct tags *tags)
{
    buf_le32(out, (unsigned long)tags->count);
    for (size_t i = 0; i < tags->count; i++)
        buf_le32(out, tags->tags[i]);
}

static void read_names(struct wire *in, bool wide, struct names *ret_names)
{
    uint32_t count;

    if (wire_u8(in) == 0)
        return;
    count = wire_u32(in);
    if (count > NAMES_MAX)
        in->bad = true;
    for (uint32_t i = 0; !in->bad && i < count; i++) {
        if (wide)
            wire_text16(in, names_add(ret_names));
        else
            wire_text8(in, names_add(ret_names));
    }
}

/* 2.2.5.1 */
static enum response_code run_bind(struct exchange *exchange)
{
    struct call *call = exchange->call;
    struct stat_block stat = {0};
    uint32_t code;

    wire_u32(&exchange->in); /* Flags */
    read_stat(&exchange->in, &stat);
    if (!mapi_http_end(&exchange->in))
        return CODE_INVALID_BODY;
    code = address_book_bind(call->config, call->who, &stat);
    if (code == 0)
        exchange->context = mapi_context_new(call, path, xcalloc(1, 1), free);
    mapi_http_begin_answer(exchange, code);
    buf_add(&exchange->out, address_book_guid(), GUID_SIZE);
    mapi_http_end_answer(exchange, NULL);
    return CODE_OK;
}

/* 2.2.5.2 */
static enum response_code run_unbind(struct exchange *exchange)
{
    enum { UNBIND_SUCCESS = 1 };

    wire_u32(&exchange->in); /* Reserved */
    if (!mapi_http_end(&exchange->in))
        return CODE_INVALID_BODY;
    exchange->ended = true;
    mapi_http_begin_answer(exchange, UNBIND_SUCCESS);
    mapi_http_end_answer(exchange, NULL);
    return CODE_OK;
}

/* HasMinimalIds, their count, and they. */
static void put_ids(struct buf *out, const struct tags *ids, bool present)
{
    buf_u8(out, present ? 0xff : 0);
    if (present)
        put_tags(out, ids);
}

/* 2.2.5.4 */
static enum response_code run_dn_to_min_id(struct exchange *exchange)
{
    struct names dns = {0};
    struct tags ids = {0};
    uint32_t code;
    bool ok;

    wire_u32(&exchange->in); /* Reserved */
    read_names(&exchange->in, false, &dns);
    ok = mapi_http_end(&exchange->in);
    if (ok) {
        code = address_book_ids(exchange->call->config, &dns, &ids);
        mapi_http_begin_answer(exchange, code);
        put_ids(&exchange->out, &ids, code == 0);
        mapi_http_end_answer(exchange, NULL);
    }
    names_done(&dns);
    tags_done(&ids);
    return ok ? CODE_OK : CODE_INVALID_BODY;
}

/* 2.2.5.8 */
static enum response_code run_get_special_table(struct exchange *exchange)
{
    uint32_t flags = wire_u32(&exchange->in);
    struct stat_block stat = {0};
    struct rows rows = {0};
    uint32_t version = 0;
    uint32_t code;

    read_stat(&exchange->in, &stat);
    if (wire_u8(&exchange->in) != 0)
        version = wire_u32(&exchange->in);
    if (!mapi_http_end(&exchange->in))
        return CODE_INVALID_BODY;
    code = address_book_special_table(flags, &version, &rows);
    mapi_http_begin_answer(exchange, code);
    buf_le32(&exchange->out, CP_UNICODE);
    buf_u8(&exchange->out, 0xff);
    buf_le32(&exchange->out, version);
    buf_u8(&exchange->out, 0xff);
    buf_le32(&exchange->out, (unsigned long)rows.count);
    for (size_t i = 0; i < rows.count; i++)
        row_write_list(&exchange->out, &rows.rows[i]);
    mapi_http_end_answer(exchange, NULL);
    rows_done(&rows);
    return CODE_OK;
}

/* HasRowsAndPropertyTags, the columns, and a row each. */
static void put_rows(
    struct buf *out, const struct tags *tags, const struct rows *rows, bool present)
{
    buf_u8(out, present ? 0xff : 0);
    if (!present)
        return;
    put_tags(out, tags);
    buf_le32(out, (unsigned long)rows->count);
    for (size_t i = 0; i < rows->count; i++)
        row_write(out, &rows->rows[i], tags, true);
}

/* 2.2.5.15 */
static enum response_code run_resolve_names(struct exchange *exchange)
{
    struct stat_block stat = {0};
    struct names names = {0};
    struct tags tags = {0};
    struct tags ids = {0};
    struct rows rows = {0};
    uint32_t code;
    bool ok;

    wire_u32(&exchange->in); /* Reserved */
    read_stat(&exchange->in, &stat);
    read_tags(&exchange->in, &tags);
    read_names(&exchange->in, true, &names);
    ok = mapi_http_end(&exchange->in);
    if (ok) {
        code = address_book_resolve(exchange->call->config, &names, &tags, &ids, &rows);
        mapi_http_begin_answer(exchange, code);
        buf_le32(&exchange->out, stat.code_page);
        put_ids(&exchange->out, &ids, code == 0);
        put_rows(&exchange->out, &tags, &rows, code == 0);
        mapi_http_end_answer(exchange, NULL);
    }
    names_done(&names);
    tags_done(&tags);
    tags_done(&ids);
    rows_done(&rows);
    return ok ? CODE_OK : CODE_INVALID_BODY;
}

/* 2.2.5.7 */
static enum response_code run_get_props(struct exchange *exchange)
{
    uint32_t flags = wire_u32(&exchange->in);
    struct stat_block stat = {0};
    struct tags tags = {0};
    struct row row = {0};
    uint32_t code;
    bool ok;

    read_stat(&exchange->in, &stat);
    read_tags(&exchange->in, &tags);
    ok = mapi_http_end(&exchange->in);
    if (ok) {
        code = address_book_props(exchange->call->config, flags, &stat, &tags, &row);
        mapi_http_begin_answer(exchange, code);
        buf_le32(&exchange->out, stat.code_page);
        buf_u8(&exchange->out, 0xff);
        row_write_list(&exchange->out, &row);
        mapi_http_end_answer(exchange, NULL);
    }
    tags_done(&tags);
    row_done(&row);
    return ok ? CODE_OK : CODE_INVALID_BODY;
}

static void read_ids(struct wire *in, struct tags *ret_ids)
{
    uint32_t count = wire_u32(in);

    if (count > wire_left(in) / 4)
        in->bad = true;
    for (uint32_t i = 0; !in->bad && i < count; i++)
        tags_add(ret_ids, wire_u32(in));
}

/* 2.2.5.12 */
static enum response_code run_query_rows(struct exchange *exchange)
{
    uint32_t flags = wire_u32(&exchange->in);
    struct stat_block stat = {0};
    struct tags ids = {0};
    struct tags tags = {0};
    struct rows rows = {0};
    uint32_t count;
    uint32_t code;
    bool ok;

    read_stat(&exchange->in, &stat);
    read_ids(&exchange->in, &ids);
    count = wire_u32(&exchange->in);
    read_tags(&exchange->in, &tags);
    ok = mapi_http_end(&exchange->in);
    if (ok) {
        code = address_book_rows(exchange->call->config, flags, &stat, &ids, count, &tags, &rows);
        mapi_http_begin_answer(exchange, code);
        buf_u8(&exchange->out, 0xff);
        stat_write(&exchange->out, &stat);
        put_rows(&exchange->out, &tags, &rows, code == 0);
        mapi_http_end_answer(exchange, NULL);
    }
    tags_done(&ids);
    tags_done(&tags);
    rows_done(&rows);
    return ok ? CODE_OK : CODE_INVALID_BODY;
}

static void put_url(struct exchange *exchange, const char *below, const char *id, size_t id_len)
{
    struct buf url = {0};

    if (id_len > 0)
        buf_fmt(&url, "https://%s%s/?MailboxId=%.*s", exchange->call->config->external_name, below,
            (int)id_len, id);
    mapi_http_begin_answer(exchange, id_len > 0 ? 0 : NSPI_NOT_FOUND);
    buf_utf16(&exchange->out, buf_text(&url));
    buf_le16(&exchange->out, 0);
    mapi_http_end_answer(exchange, NULL);
    buf_done(&url);
}

/* 2.2.5.18: the server's DN ends in the mailbox's id. */
static enum response_code run_get_mailbox_url(struct exchange *exchange)
{
    static const char before[] = "/cn=Servers/cn=";
    struct buf dn = {0};
    const char *id;
    bool ok;

    wire_u32(&exchange->in); /* Flags */
    wire_text16(&exchange->in, &dn);
    ok = mapi_http_end(&exchange->in);
    if (ok) {
        id = strcasestr(buf_text(&dn), before);
        id = id != NULL ? id + sizeof before - 1 : "";
        put_url(exchange, "/mapi/emsmdb", id, strcspn(id, "/"));
    }
    buf_done(&dn);
    return ok ? CODE_OK : CODE_INVALID_BODY;
}

/* 2.2.5.19 */
static enum response_code run_get_address_book_url(struct exchange *exchange)
{
    const struct config *config = exchange->call->config;
    struct mailbox mailbox = {0};
    struct buf dn = {0};
    struct buf id = {0};
    bool ok;

    wire_u32(&exchange->in); /* Flags */
    wire_text16(&exchange->in, &dn);
    ok = mapi_http_end(&exchange->in);
    if (ok) {
        if (mailbox_by_legacy_dn(config, buf_text(&dn), &mailbox) == LOOKUP_FOUND &&
            mailbox.has_mailbox)
            buf_fmt(&id, "%s@%s", mailbox.guid, config->dns_domain);
        put_url(exchange, path, buf_text(&id), id.len);
    }
    mailbox_done(&mailbox);
    buf_done(&dn);
    buf_done(&id);
    return ok ? CODE_OK : CODE_INVALID_BODY;
}

void mapi_http_address_book(struct call *call)
{
    static const struct request_type types[] = {
        {"Bind", false, run_bind},
        {"Unbind", true, run_unbind},
        {"DnToMinId", true, run_dn_to_min_id},
        {"GetSpecialTable", true, run_get_special_table},
        {"ResolveNames", true, run_resolve_names},
        {"GetProps", true, run_get_props},
        {"QueryRows", true, run_query_rows},
        {"GetMailboxUrl", true, run_get_mailbox_url},
        {"GetAddressBookUrl", true, run_get_address_book_url},
    };

    mapi_http_serve(call, path, types, sizeof types / sizeof types[0]);
}
