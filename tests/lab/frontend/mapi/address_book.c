#include "address_book.h"

#include "mapi_faults.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MINIMAL_IDS_FROM = 0x10, IDS_MAX = 4096, RESULTS_MAX = 1000 };

/* Minimal Entry IDs (2.2.9.1): one for each object that was ever shown, for as long as we run. */
static struct {
    pthread_mutex_t lock;
    char *dns[IDS_MAX];
    uint32_t count;
    unsigned char guid[GUID_SIZE];
    bool has_guid;
} known = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* 0: no room. */
static uint32_t id_of(const char *legacy_dn)
{
    uint32_t i = 0;

    pthread_mutex_lock(&known.lock);
    while (i < known.count && strcasecmp(known.dns[i], legacy_dn) != 0)
        i++;
    if (i == known.count && known.count < IDS_MAX)
        known.dns[known.count++] = xstrdup(legacy_dn);
    pthread_mutex_unlock(&known.lock);
    return i < IDS_MAX ? MINIMAL_IDS_FROM + i : 0;
}

static bool dn_of(uint32_t id, struct buf *ret_dn)
{
    bool found;

    pthread_mutex_lock(&known.lock);
    found = id >= MINIMAL_IDS_FROM && id - MINIMAL_IDS_FROM < known.count;
    if (found)
        buf_str(ret_dn, known.dns[id - MINIMAL_IDS_FROM]);
    pthread_mutex_unlock(&known.lock);
    return found;
}

const unsigned char *address_book_guid(void)
{
    pthread_mutex_lock(&known.lock);
    if (!known.has_guid)
        guid_random(known.guid);
    known.has_guid = true;
    pthread_mutex_unlock(&known.lock);
    return known.guid;
}

struct buf *names_add(struct names *names)
{
    struct buf *grown = realloc(names->names, (names->count + 1) * sizeof *grown);

    if (grown == NULL)
        abort();
    names->names = grown;
    grown[names->count] = (struct buf){0};
    return &grown[names->count++];
}

void names_done(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        buf_done(&names->names[i]);
    free(names->names);
    *names = (struct names){0};
}

void stat_read(struct wire *wire, struct stat_block *ret_stat)
{
    ret_stat->sort = wire_u32(wire);
    ret_stat->container = wire_u32(wire);
    ret_stat->current = wire_u32(wire);
    ret_stat->delta = wire_u32(wire);
    ret_stat->position = wire_u32(wire);
    ret_stat->total = wire_u32(wire);
    ret_stat->code_page = wire_u32(wire);
    ret_stat->template_locale = wire_u32(wire);
    ret_stat->sort_locale = wire_u32(wire);
}

void stat_write(struct buf *buf, const struct stat_block *stat)
{
    buf_le32(buf, stat->sort);
    buf_le32(buf, stat->container);
    buf_le32(buf, stat->current);
    buf_le32(buf, stat->delta);
    buf_le32(buf, stat->position);
    buf_le32(buf, stat->total);
    buf_le32(buf, stat->code_page);
    buf_le32(buf, stat->template_locale);
    buf_le32(buf, stat->sort_locale);
}

/* 3.1.4.1.1 */
uint32_t address_book_bind(
    const struct config *config, const struct identity *who, const struct stat_block *stat)
{
    struct mailbox account = {0};
    enum lookup lookup;

    if (stat->code_page == CP_UNICODE)
        return NSPI_INVALID_CODE_PAGE;
    if (who == NULL)
        return NSPI_LOGON_FAILED;
    lookup = mailbox_of(config, who, &account);
    mailbox_done(&account);
    if (lookup == LOOKUP_UNAVAILABLE)
        return NSPI_GENERAL_FAILURE;
    if (lookup != LOOKUP_FOUND)
        return NSPI_LOGON_FAILED;
    return mapi_fault_address_book(config);
}

/* The containers that every organisation has. */
static const struct container {
    const char *name;
    const char *dn;
    uint32_t id;
    uint32_t depth;
    uint32_t flags; /* PidTagContainerFlags: recipients 1, subcontainers 2, unmodifiable 8 */
} containers[] = {
    {"Global Address List", "/", 0, 0, 0x9},
    {"All Address Lists", "/guid=3E9B1F0C8B5D4A62B0D7C1A2F3E4D501", 1, 0, 0xa},
    {"All Users", "/guid=3E9B1F0C8B5D4A62B0D7C1A2F3E4D502", 2, 1, 0x9},
};

/* 3.1.4.1.3: the columns of the hierarchy table. */
static void put_container(const struct container *container, bool unicode, struct row *row)
{
    const uint32_t display_name = 0x30010000u | (unicode ? PT_STRING : PT_STRING8);
    struct buf entry_id = {0};

    permanent_entry_id(&entry_id, 0x100, container->dn); /* DT_CONTAINER */
    row_add_bytes(row, 0x0fff0102, entry_id.data, entry_id.len);
    row_add_number(row, 0x36000003, container->flags);
    row_add_number(row, 0x30050003, container->depth);
    row_add_number(row, 0xfffd0003, container->id);
    row_add_text(row, display_name, container->name);
    row_add_number(row, 0xfffb000b, 0); /* PidTagAddressBookIsMaster */
    if (container->depth > 0) {
        buf_clear(&entry_id);
        permanent_entry_id(&entry_id, 0x100, containers[1].dn);
        row_add_bytes(row, 0xfffc0102, entry_id.data, entry_id.len);
    }
    buf_done(&entry_id);
}

uint32_t address_book_special_table(uint32_t flags, uint32_t *version, struct rows *ret_rows)
{
    *version = 1;
    if ((flags & NSPI_TEMPLATES) != 0 && (flags & NSPI_UNICODE) == 0)
        return 0; /* no templates to create addresses by */
    for (size_t i = 0; i < sizeof containers / sizeof containers[0]; i++)
        put_container(&containers[i], (flags & NSPI_UNICODE) != 0, rows_add(ret_rows));
    return 0;
}

/* 2.2.6 and 3.1.4.6: what is in an address list and not hidden; names match by their beginning,
 * after `=` and for addresses as a whole. */
static void name_filter(const char *name, struct buf *ret_filter)
{
    static const char *const attributes[] = {
        "displayName", "sn", "givenName", "mailNickname", "sAMAccountName"};
    bool exact = *name == '=';
    bool address = false;

    name += exact;
    address = strncasecmp(name, "smtp:", 5) == 0;
    name += address ? 5 : 0;
    buf_str(ret_filter, "(&(legacyExchangeDN=*)(showInAddressBook=*)"
                        "(!(msExchHideFromAddressLists=TRUE))(|(proxyAddresses=smtp:");
    filter_escape(ret_filter, name);
    buf_str(ret_filter, ")(legacyExchangeDN=");
    filter_escape(ret_filter, name);
    buf_str(ret_filter, ")(proxyAddresses=X500:");
    filter_escape(ret_filter, name);
    buf_str(ret_filter, ")");
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0] && !address; i++) {
        buf_fmt(ret_filter, "(%s=", attributes[i]);
        filter_escape(ret_filter, name);
        buf_str(ret_filter, exact ? ")" : "*)");
    }
    buf_str(ret_filter, "))");
}

static void default_columns(struct tags *tags)
{
    static const uint32_t columns[] = {
        0xfffd0003, 0x0ffe0003, 0x39000003, 0x3001001e, 0x3a1a001e, 0x3a18001e, 0x3a19001e};

    for (size_t i = 0; tags->count == 0 && i < sizeof columns / sizeof columns[0]; i++)
        tags_add(tags, columns[i]);
}

static uint32_t resolve_one(const struct config *config, const char *name, const struct tags *tags,
    struct tags *ret_ids, struct rows *ret_rows)
{
    enum { UNRESOLVED = 0, AMBIGUOUS = 1, RESOLVED = 2 };
    struct ad_result found = {0};
    struct buf filter = {0};
    bool asked = true;

    name_filter(name, &filter);
    if (*name != '\0')
        asked = directory_search(config, filter.data, 2, &found);
    buf_done(&filter);
    if (!asked)
        return NSPI_GENERAL_FAILURE;
    tags_add(ret_ids, found.count == 0 ? UNRESOLVED : found.count == 1 ? RESOLVED : AMBIGUOUS);
    if (found.count == 1)
        user_row(&found.entries[0], config, id_of(ad_text(&found.entries[0], "legacyExchangeDN")),
            NSPI_EPHEMERAL_IDS, tags, rows_add(ret_rows));
    ad_result_done(&found);
    return 0;
}

uint32_t address_book_resolve(const struct config *config, const struct names *names,
    struct tags *tags, struct tags *ret_ids, struct rows *ret_rows)
{
    uint32_t code = 0;

    default_columns(tags);
    for (size_t i = 0; i < names->count && code == 0; i++)
        code = resolve_one(config, buf_text(&names->names[i]), tags, ret_ids, ret_rows);
    return code;
}

uint32_t address_book_ids(
    const struct config *config, const struct names *dns, struct tags *ret_ids)
{
    for (size_t i = 0; i < dns->count; i++) {
        struct mailbox mailbox = {0};
        enum lookup lookup = mailbox_by_legacy_dn(config, buf_text(&dns->names[i]), &mailbox);

        if (lookup == LOOKUP_UNAVAILABLE)
            return NSPI_GENERAL_FAILURE;
        tags_add(ret_ids, lookup == LOOKUP_FOUND ? id_of(mailbox.legacy_dn) : 0);
        mailbox_done(&mailbox);
    }
    return 0;
}

static uint32_t row_of(const struct config *config, uint32_t flags, uint32_t id,
    const struct tags *tags, struct row *ret_row)
{
    struct mailbox mailbox = {0};
    struct buf dn = {0};
    uint32_t code = 0;

    if (!dn_of(id, &dn) || mailbox_by_legacy_dn(config, dn.data, &mailbox) != LOOKUP_FOUND) {
        for (size_t i = 0; i < tags->count; i++)
            row_add_error(ret_row, tags->tags[i], MAPI_E_NOT_FOUND);
        code = NSPI_ERRORS_RETURNED;
    } else {
        user_row(mailbox.entry, config, id, flags, tags, ret_row);
    }
    mailbox_done(&mailbox);
    buf_done(&dn);
    return code;
}

uint32_t address_book_props(const struct config *config, uint32_t flags,
    const struct stat_block *stat, struct tags *tags, struct row *ret_row)
{
    bool all = tags->count == 0;
    uint32_t code;

    if (all)
        user_columns(stat->code_page == CP_UNICODE, tags);
    code = row_of(config, flags, stat->current, tags, ret_row);
    for (size_t i = 0; i < ret_row->count && code == 0; i++)
        if (tag_type(ret_row->props[i].tag) == PT_ERROR)
            code = NSPI_ERRORS_RETURNED;
    return code;
}

static int by_name(const void *left, const void *right)
{
    return strcasecmp(ad_text(left, "displayName"), ad_text(right, "displayName"));
}

uint32_t address_book_rows(const struct config *config, uint32_t flags, struct stat_block *stat,
    const struct tags *ids, uint32_t count, struct tags *tags, struct rows *ret_rows)
{
    static const char listed[] = "(&(legacyExchangeDN=*)(showInAddressBook=*)"
                                 "(!(msExchHideFromAddressLists=TRUE)))";
    struct ad_result found = {0};

    default_columns(tags);
    for (size_t i = 0; i < ids->count; i++)
        row_of(config, flags, ids->tags[i], tags, rows_add(ret_rows));
    if (ids->count > 0)
        return 0;
    if (!directory_search(config, listed, RESULTS_MAX, &found))
        return NSPI_GENERAL_FAILURE;
    qsort(found.entries, found.count, sizeof *found.entries, by_name);
    for (size_t i = stat->position; i < found.count && ret_rows->count < count; i++)
        user_row(&found.entries[i], config, id_of(ad_text(&found.entries[i], "legacyExchangeDN")),
            flags, tags, rows_add(ret_rows));
    stat->position += (uint32_t)ret_rows->count;
    stat->total = (uint32_t)found.count;
    stat->current = stat->position < stat->total ? 1 : 2; /* somewhere, or MID_END_OF_TABLE */
    ad_result_done(&found);
    return 0;
}
