#include "probes/ldap_value.h"

#include <stdio.h>
#include <string.h>

#include "net/wire/reader.h"
#include "net/wire/text.h"

/* ---- distinguished names ---- */

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *at = c == '\0' ? NULL : strchr(digits, c);
    if (at == NULL)
        return -1;
    int value = (int)(at - digits);
    return value < 16 ? value : value - 6;
}

const char *dn_leaf(struct arena *arena, const char *dn)
{
    const char *from = strchr(dn, '=');
    from = from == NULL ? dn : from + 1;
    size_t size = 0, length = 0;
    while (from[size] != '\0' && from[size] != ',')
        size += from[size] == '\\' && from[size + 1] != '\0' ? 2 : 1;
    char *leaf = arena_alloc(arena, size + 1);
    for (size_t i = 0; from[i] != '\0' && from[i] != ','; i++) {
        if (from[i] != '\\' || from[i + 1] == '\0') {
            leaf[length++] = from[i];
            continue;
        }
        i++; /* RFC 4514 2.4: an escaped character, or the two hexadecimal digits of a byte */
        int high = hex_digit(from[i]), low = high < 0 ? -1 : hex_digit(from[i + 1]);
        leaf[length++] = low < 0 ? from[i] : (char)(high * 16 + low);
        i += low < 0 ? 0 : 1;
    }
    leaf[length] = '\0';
    return leaf;
}

const char *dn_domain(struct arena *arena, const char *dn)
{
    enum { LABELS_MAX = 64 }; /* half of what fits into a DNS name of 255 bytes is enough */
    const char *domain = NULL;
    bool start = true;
    int labels = 0;
    for (size_t i = 0; dn[i] != '\0' && labels < LABELS_MAX; i++) {
        if (start && text_starts_nocase(dn + i, "DC=")) {
            labels++;
            const char *label = dn_leaf(arena, dn + i);
            domain = domain == NULL ? label : arena_printf(arena, "%s.%s", domain, label);
        } else if (start && dn[i] != ' ') {
            domain = NULL; /* a part that is none: the domain lies behind it */
        }
        start = dn[i] == ',' || (start && dn[i] == ' ');
        if (dn[i] == '\\' && dn[i + 1] != '\0')
            i++;
    }
    return domain;
}

/* ---- SIDs ---- */

bool sid_read(const struct directory_value *value, struct sid *ret_sid)
{
    enum { REVISION = 1 };
    struct reader reader = reader_of(value->bytes, value->length);
    struct sid sid = {.count = 0};
    uint8_t revision = read_u8(&reader);
    sid.count = read_u8(&reader);
    sid.authority = (uint64_t)read_be16(&reader) << 32;
    sid.authority |= read_be32(&reader);
    if (revision != REVISION || sid.count == 0 || sid.count > SID_PARTS_MAX)
        return false;
    for (size_t i = 0; i < sid.count; i++)
        sid.parts[i] = read_le32(&reader);
    if (!reader_ok(&reader) || reader_left(&reader) > 0)
        return false;
    *ret_sid = sid;
    return true;
}

const char *sid_text(struct arena *arena, const struct sid *sid)
{
    char *text = arena_printf(arena, "S-1-%llu", (unsigned long long)sid->authority);
    for (size_t i = 0; i < sid->count; i++)
        text = arena_printf(arena, "%s-%lu", text, (unsigned long)sid->parts[i]);
    return text;
}

struct sid sid_sibling(const struct sid *sid, uint32_t rid)
{
    struct sid sibling = *sid;
    sibling.parts[sibling.count - 1] = rid;
    return sibling;
}

const char *sid_filter(struct arena *arena, const struct sid *sid)
{
    uint8_t bytes[8 + 4 * SID_PARTS_MAX];
    struct writer writer = writer_of(bytes, sizeof bytes);
    write_u8(&writer, 1);
    write_u8(&writer, (uint8_t)sid->count);
    write_be16(&writer, (uint16_t)(sid->authority >> 32));
    write_be32(&writer, (uint32_t)sid->authority);
    for (size_t i = 0; i < sid->count; i++)
        write_le32(&writer, sid->parts[i]);
    char *text = arena_strdup(arena, "");
    for (size_t i = 0; i < writer.length; i++)
        text = arena_printf(arena, "%s\\%02x", text, bytes[i]);
    return text;
}

/* ---- times ---- */

const char *generalized_time(struct arena *arena, const char *text)
{
    int64_t seconds;
    if (text == NULL || strspn(text, "0123456789") < 14)
        return NULL;
    char *coded = arena_printf(arena, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", text, text + 4, text + 6,
        text + 8, text + 10, text + 12);
    return rfc3339_parse(coded, &seconds) ? coded : NULL;
}

enum moment_kind entry_moment(
    const struct directory_entry *entry, const char *attribute, int64_t *ret_seconds)
{
    int64_t value;
    if (entry == NULL || !entry_int(entry, attribute, &value))
        return MOMENT_ABSENT;
    if (value <= 0 || value == INT64_MAX)
        return MOMENT_NEVER;
    *ret_seconds = filetime_to_seconds((uint64_t)value);
    return MOMENT_AT;
}

enum moment_kind entry_span(
    const struct directory_entry *entry, const char *attribute, int64_t *ret_seconds)
{
    int64_t value;
    if (entry == NULL || !entry_int(entry, attribute, &value))
        return MOMENT_ABSENT;
    if (value >= 0 || value == INT64_MIN)
        return MOMENT_NEVER;
    *ret_seconds = -(value / 10000000);
    return MOMENT_AT;
}

/* ---- lists ---- */

int64_t lockout_counted(const struct lockout *lockout)
{
    bool over = lockout->window_s > 0 && lockout->age_s >= 0 && lockout->age_s >= lockout->window_s;
    return over ? 0 : lockout->count;
}

int64_t lockout_left(const struct lockout *lockout)
{
    int64_t counted = lockout_counted(lockout);
    return counted < lockout->threshold ? lockout->threshold - counted : 0;
}

void check_values(struct check *check, const char *key, const struct directory_entry *entry,
    const char *attribute)
{
    const struct directory_attribute *found = entry_attribute(entry, attribute);
    for (size_t i = 0; found != NULL && i < found->count; i++)
        check_add(check, key, found->values[i].bytes);
}

const char *join_list(struct arena *arena, const struct fact *list, const char *between)
{
    size_t size = 1, length = 0;
    for (size_t i = 0; list != NULL && i < list->count; i++)
        size += strlen(list->list[i]) + strlen(between);
    char *text = arena_alloc(arena, size);
    for (size_t i = 0; list != NULL && i < list->count; i++)
        length += (size_t)snprintf(
            text + length, size - length, "%s%s", i > 0 ? between : "", list->list[i]);
    return text;
}
