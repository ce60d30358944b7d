#include "report/explain.h"

#include "report/layout.h"
#include "report/rule.h"

enum { INDENT = 4, LIST_INDENT = 22 };

static const char *severity_words(struct arena *arena, const struct rule *rule)
{
    const char *text = rule->severity == SEVERITY_FAIL
                           ? "failure (a warning where nothing that the profile needs suffers)"
                       : rule->severity == SEVERITY_WARN
                           ? "warning"
                           : "information (a warning where it stops this very access)";
    const char *profiles = "";
    for (int i = 0; i < PROFILE_COUNT; i++) {
        if ((rule->fail_profiles & (1u << i)) != 0)
            profiles = arena_printf(arena, "%s%s%s", profiles, *profiles != '\0' ? ", " : "",
                profile_str((enum profile)i));
    }
    if (*profiles != '\0')
        text = arena_printf(arena, "%s; failure for the profiles %s", text, profiles);
    return text;
}

static void put_section(
    const struct render_style *style, struct text_buffer *out, const char *title, const char *text)
{
    buffer_add(out, "\n");
    layout_put(out, style, PAINT_BOLD, title);
    buffer_add(out, "\n");
    layout_wrap(out, style, "", INDENT, text);
}

/* The placeholders of a fix ({host}), which a finding fills in, as words: HOST. */
static const char *spell_out(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text);
    char *to = copy;
    bool inside = false;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '{' || *at == '}')
            inside = *at == '{';
        else
            *to++ = (char)(inside && *at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at);
    }
    *to = '\0';
    return copy;
}

static void put_bullets(const struct render_style *style, struct text_buffer *out,
    const char *title, const char *const *texts)
{
    buffer_add(out, "\n");
    layout_put(out, style, PAINT_BOLD, title);
    buffer_add(out, "\n");
    struct arena arena = {0};
    for (size_t i = 0; i < RULE_TEXTS_MAX && texts[i] != NULL; i++)
        layout_wrap(out, style, "  -", INDENT, spell_out(&arena, texts[i]));
    arena_done(&arena);
}

bool explain_rule(
    const char *id, const struct render_style *style, struct text_buffer *out, struct fault *fault)
{
    const struct rule *rule = rule_find(id);
    if (rule == NULL)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "there is no rule \"%.40s\"; `exreach explain` lists them", id);
    struct arena arena = {0};
    layout_put(out, style, PAINT_BOLD, rule->id);
    buffer_add(out, "  ");
    layout_put(out, style, PAINT_NONE, rule->title);
    buffer_add(out, "\n");
    layout_wrap(out, style, "", INDENT,
        arena_printf(&arena, "layer %s; %s", layer_str(rule->layer), severity_words(&arena, rule)));
    put_section(style, out, "What it means", rule->cause);
    put_section(style, out, "On the wire", rule->looks_like);
    put_bullets(style, out, "Fix", rule->fix);
    put_bullets(style, out, "References", rule->references);
    arena_done(&arena);
    return true;
}

void explain_list(const struct render_style *style, struct text_buffer *out)
{
    struct arena arena = {0};
    const struct rule *rule = NULL;
    for (size_t i = 0; (rule = rule_at(i)) != NULL; i++)
        layout_wrap(out, style,
            arena_printf(&arena, "%-11s %-9s", rule->id, layer_str(rule->layer)), LIST_INDENT,
            rule->title);
    arena_done(&arena);
}
