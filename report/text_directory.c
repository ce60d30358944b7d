#include "report/text_directory.h"

#include <string.h>

#include "net/wire/build.h"
#include "net/wire/text.h"
#include "report/layout.h"
#include "report/rule.h"

enum { TEXT_COLUMN = 16, LINES_MAX = 12 };

struct section {
    const struct survey *survey;
    const struct render_style *style;
    struct text_buffer *out;
    struct arena arena;
    bool begun;
};

static void put_line(struct section *section, const char *label, const char *text)
{
    if (!section->begun) {
        buffer_add(section->out, "\n");
        layout_put(section->out, section->style, PAINT_BOLD, "Directory");
        buffer_add(section->out, "\n");
    }
    section->begun = true;
    layout_wrap(section->out, section->style, arena_printf(&section->arena, "   %s", label),
        TEXT_COLUMN, text);
}

/* The check of this probe that has something to say: which of several rows asks is chance. */
static const struct check *find_told(const struct section *section, const char *probe)
{
    for (const struct chain *chain = section->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (strcmp(at->probe, probe) == 0 && (check_is_good(at) || check_is_bad(at)))
                return at;
        }
    }
    return NULL;
}

/* ---- servers: those alike on one line ---------------------------------------------------------
 */

struct group {
    const char *names;
    const char *text; /* build, version, site */
    size_t count;
};

static const char *describe(struct section *section, const struct check *server)
{
    char name[80];
    struct build build;
    const char *text = check_get_text(server, "server.build", "");
    const char *site = check_get_text(server, "server.site", NULL);
    const char *version = "build unknown";
    if (build_parse(text, &build))
        version =
            arena_printf(&section->arena, "%s %s", text, build_name(&build, name, sizeof name));
    return site == NULL ? version : arena_printf(&section->arena, "%s, site %s", version, site);
}

static size_t add_server(
    struct section *section, struct group *groups, size_t count, const struct check *server)
{
    const char *name = check_get_text(server, "server.name", server->subject);
    const char *text = describe(section, server);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(groups[i].text, text) != 0)
            continue;
        groups[i].names = arena_printf(&section->arena, "%s, %s", groups[i].names, name);
        groups[i].count++;
        return count;
    }
    if (count == LINES_MAX)
        return count;
    groups[count] = (struct group){name, text, 1};
    return count + 1;
}

static void put_servers(struct section *section)
{
    struct group groups[LINES_MAX];
    size_t count = 0, all = 0, told = 0;
    for (const struct chain *chain = section->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (strcmp(at->probe, "ldap.server") != 0 || at->subject == NULL)
                continue;
            count = add_server(section, groups, count, at);
            all++;
        }
    }
    for (size_t i = 0; i < count; i++) {
        told += groups[i].count;
        put_line(section, i == 0 ? "servers" : "",
            arena_printf(&section->arena, "%s: %s", groups[i].names, groups[i].text));
    }
    if (told < all)
        put_line(section, "", arena_printf(&section->arena, "and %zu more", all - told));
}

void text_directory(
    const struct survey *survey, const struct render_style *style, struct text_buffer *out)
{
    static const struct {
        const char *label, *probe;
    } lines[] = {{"account", "ldap.state"}, {"groups", "ldap.groups"},
        {"mailbox", "ldap.recipient"}, {"organisation", "ldap.organization"}};
    struct section section = {.survey = survey, .style = style, .out = out};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const struct check *check = find_told(&section, lines[i].probe);
        if (check != NULL)
            put_line(&section, lines[i].label, check->summary);
    }
    put_servers(&section);
    arena_done(&section.arena);
}
