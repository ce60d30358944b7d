#include "net/wire/build.h"

#include "net/wire/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* A decimal number of at most six digits; -1: none here. */
static int take_number(const char **cursor)
{
    int value = 0, digits = 0;
    while (**cursor >= '0' && **cursor <= '9' && digits < 6) {
        value = value * 10 + (*(*cursor)++ - '0');
        digits++;
    }
    bool longer = **cursor >= '0' && **cursor <= '9';
    return digits == 0 || longer ? -1 : value;
}

static bool take_char(const char **cursor, char c)
{
    if (**cursor != c)
        return false;
    (*cursor)++;
    return true;
}

bool build_parse(const char *text, struct build *ret_build)
{
    struct build build = {.revision = -1};
    build.major = take_number(&text);
    build.minor = take_char(&text, '.') ? take_number(&text) : -1;
    build.build = take_char(&text, '.') ? take_number(&text) : -1;
    bool revision = take_char(&text, '.');
    if (revision)
        build.revision = take_number(&text);
    bool whole = build.major >= 0 && build.minor >= 0 && build.build >= 0 &&
                 (!revision || build.revision >= 0);
    if (!whole || *text != '\0')
        return false;
    *ret_build = build;
    return true;
}

bool build_parse_serial(const char *text, struct build *ret_build)
{
    /* AD adds 30000 to the build. */
    enum { OFFSET = 30000 };
    static const char head[] = "Version ", middle[] = " (Build ";
    if (!text_starts_nocase(text, head))
        return false;
    text += strlen(head);
    struct build build = {.revision = -1};
    build.major = take_number(&text);
    build.minor = take_char(&text, '.') ? take_number(&text) : -1;
    if (build.major < 0 || build.minor < 0 || !text_starts_nocase(text, middle))
        return false;
    text += strlen(middle);
    build.build = take_number(&text);
    build.revision = take_char(&text, '.') ? take_number(&text) : -1;
    if (build.build < 0 || *text != ')')
        return false;
    if (build.build >= OFFSET)
        build.build -= OFFSET;
    *ret_build = build;
    return true;
}

bool build_parse_hex(const char *text, struct build *ret_build)
{
    /* [MS-OXDSCLI], ServerVersion: 4 bits of an older structure (7), 6 bits major, 6 bits minor,
     * one flag, 15 bits build. */
    uint32_t value = 0;
    size_t digits = 0;
    for (; text[digits] != '\0'; digits++) {
        static const char hex[] = "0123456789abcdef0123456789ABCDEF";
        const char *at = strchr(hex, text[digits]);
        if (at == NULL || digits >= 8)
            return false;
        value = value << 4 | (uint32_t)((at - hex) & 15);
    }
    if (digits != 8)
        return false;
    *ret_build = (struct build){.major = (int)(value >> 22 & 63),
        .minor = (int)(value >> 16 & 63),
        .build = (int)(value & 0x7FFF),
        .revision = -1};
    return true;
}

int build_compare(const struct build *a, const struct build *b)
{
    if (a->major != b->major)
        return a->major < b->major ? -1 : 1;
    if (a->minor != b->minor)
        return a->minor < b->minor ? -1 : 1;
    if (a->build != b->build)
        return a->build < b->build ? -1 : 1;
    if (a->revision < 0 || b->revision < 0 || a->revision == b->revision)
        return 0;
    return a->revision < b->revision ? -1 : 1;
}

static const struct {
    const char *name;
    const char *support_end;
} products[] = {
    [BUILD_UNKNOWN] = {"an unknown Exchange", NULL},
    [BUILD_2007] = {"Exchange 2007", "2017-04-11"},
    [BUILD_2010] = {"Exchange 2010", "2020-10-13"},
    [BUILD_2013] = {"Exchange 2013", "2023-04-11"},
    [BUILD_2016] = {"Exchange 2016", "2025-10-14"},
    [BUILD_2019] = {"Exchange 2019", "2025-10-14"},
    [BUILD_SE] = {"Exchange SE", "2035-12-31"},
    [BUILD_ONLINE] = {"Exchange Online", NULL},
};

const char *build_product_str(enum build_product product)
{
    return products[product].name;
}

const char *build_support_end(enum build_product product)
{
    return products[product].support_end;
}

enum build_product build_product(const struct build *build)
{
    if (build->major == 8)
        return BUILD_2007;
    if (build->major == 14)
        return BUILD_2010;
    if (build->major != 15)
        return BUILD_UNKNOWN;
    switch (build->minor) {
    case 0:
        return BUILD_2013;
    case 1:
        return BUILD_2016;
    case 2:
        return build->build >= 2562 ? BUILD_SE : BUILD_2019;
    case 20:
        return BUILD_ONLINE;
    default:
        return BUILD_UNKNOWN;
    }
}

/* Rows of one level are those that name it; a build between two levels belongs to none. */
static bool same_level(const struct build_row *a, const struct build_row *b)
{
    return a->product == b->product && strcmp(a->level, b->level) == 0;
}

/* The last row that is not newer than the build; NULL: all are. */
static const struct build_row *row_at(const struct build *build)
{
    size_t count = 0;
    const struct build_row *rows = build_rows(&count), *found = NULL;
    for (size_t i = 0; i < count; i++) {
        int order = build_compare(&rows[i].build, build);
        if (order > 0)
            break;
        /* Without a revision all updates compare equal: the level itself is what is known. */
        if (order == 0 && build->revision < 0)
            return &rows[i];
        found = &rows[i];
    }
    return found;
}

/* Is the build one of this row's level: the same build number, or for 2010, whose updates each have
 * one of their own, the same service pack? */
static bool of_level(const struct build_row *row, const struct build *build)
{
    if (row->product == BUILD_2010)
        return row->build.minor == build->minor;
    return row->build.minor == build->minor && row->build.build == build->build;
}

const struct build_row *build_newest(const struct build *build, bool level_only)
{
    size_t count = 0;
    const struct build_row *rows = build_rows(&count), *newest = NULL;
    const struct build_row *level = row_at(build);
    enum build_product product = build_product(build);
    if (level_only && (level == NULL || level->product != product || !of_level(level, build)))
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (level_only ? same_level(&rows[i], level) : rows[i].product == product)
            newest = &rows[i];
    }
    return newest;
}

const char *build_name(const struct build *build, char *ret_text, size_t size)
{
    enum build_product product = build_product(build);
    const char *name = build_product_str(product);
    const struct build_row *row = row_at(build);
    const struct build_row *newest = build_newest(build, false);
    if (newest == NULL) {
        snprintf(ret_text, size, "%s", name);
    } else if (row == newest && build_compare(&row->build, build) != 0) {
        bool level = of_level(row, build);
        snprintf(ret_text, size, "newer than the table (%s%s%s)", name, level ? " " : "",
            level ? row->level : "");
    } else if (row == NULL || row->product != product) {
        snprintf(ret_text, size, "older than the table (%s)", name);
    } else {
        /* Interim updates and hotfixes stand between the rows. */
        bool exact = build_compare(&row->build, build) == 0;
        snprintf(ret_text, size, "%s %s%s%s%s", name, row->level, row->update == NULL ? "" : " ",
            row->update == NULL ? "" : row->update, exact ? "" : " or later");
    }
    return ret_text;
}
