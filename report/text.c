#include "report/text.h"

#include <string.h>

#include "net/wire/text.h"
#include "report/layout.h"
#include "report/matrix.h"
#include "report/rule.h"
#include "report/text_directory.h"

enum { INDENT = 12, EVIDENCE_MAX = 6, HOW_INDENT = 14 };

struct page {
    const struct survey *survey;
    const struct render_style *style;
    struct text_buffer *out;
    struct arena arena;
};

/* ---- top --------------------------------------------------------------------------------------
 */

static const char *seconds(struct arena *arena, int64_t us)
{
    return arena_printf(arena, "%d.%d s", (int)(us / 1000000), (int)(us / 100000 % 10));
}

static void put_top(struct page *page)
{
    const struct survey *survey = page->survey;
    const struct target *target = &survey->target;
    struct arena *arena = &page->arena;
    layout_put(page->out, page->style, PAINT_BOLD, "exreach");
    buffer_add(page->out, "  ");
    layout_put(page->out, page->style, PAINT_BOLD, target->address);
    buffer_add(page->out, "\n");
    const char *account = "";
    if (target->anonymous)
        account = ", without credentials";
    else if (strcmp(target->account, target->address) != 0)
        account = arena_printf(arena, ", logged in as %s", target->account);
    const char *started = rfc3339(arena, survey->started_us / 1000000);
    layout_wrap(page->out, page->style, "", 0,
        arena_printf(arena, "profile %s%s, from %s, %.10s %.8s UTC, %s",
            profile_str(target->profile), account, survey->vantage.host, started, started + 11,
            seconds(arena, survey->elapsed_us)));
    if (survey->vantage.proxy != NULL)
        layout_wrap(page->out, page->style, "", 0,
            arena_printf(arena, "through the proxy %s", survey->vantage.proxy));
    buffer_add(page->out, "\n");
}

/* ---- findings ---------------------------------------------------------------------------------
 */

static const char *severity_word(enum severity severity)
{
    switch (severity) {
    case SEVERITY_FAIL:
        return "FAIL";
    case SEVERITY_WARN:
        return "warn";
    case SEVERITY_INFO:
    case SEVERITY_COUNT:
        break;
    }
    return "info";
}

static bool is_own_trouble(const struct finding *finding)
{
    return strcmp(finding->rule, RULE_OWN_TROUBLE) == 0;
}

static bool cites(const struct finding *finding, const struct check *check)
{
    for (size_t i = 0; i < finding->check_count; i++) {
        if (strcmp(finding->checks[i], check->id) == 0)
            return true;
    }
    return false;
}

/* Our gate held the logon back because of a check that this finding cites. */
static bool is_gated_by(const struct finding *finding, const struct check *check)
{
    for (size_t i = 0; check_is_gated(check) && i < finding->check_count; i++) {
        if (strstr(check->summary, finding->checks[i]) != NULL)
            return true;
    }
    return false;
}

/* "autodiscover, ews, owa (12 checks)", or NULL where it blocks nothing. */
static const char *blocked_by(struct page *page, const struct finding *finding)
{
    unsigned services = 0;
    int checks = 0;
    for (const struct chain *chain = page->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *check = chain->checks;
        for (; check != NULL; check = check->next) {
            if (check->blocked_by == NULL ||
                !(cites(finding, check->blocked_by) || is_gated_by(finding, check->blocked_by)))
                continue;
            services |= 1u << chain->endpoint.service;
            checks++;
        }
    }
    if (checks == 0)
        return NULL;
    const char *names = "";
    for (int i = 0; i < SERVICE_COUNT; i++) {
        if ((services & (1u << i)) != 0)
            names = arena_printf(&page->arena, "%s%s%s", names, *names != '\0' ? ", " : "",
                service_str((enum service)i));
    }
    return arena_printf(&page->arena, "%s (%d check%s)", names, checks, checks == 1 ? "" : "s");
}

static void put_paragraphs(
    struct page *page, const char *label, size_t left, const char *const *texts, size_t count)
{
    size_t shown = count > EVIDENCE_MAX ? EVIDENCE_MAX : count;
    const char *pad = arena_printf(&page->arena, "%*s", (int)left, "");
    /* several get a mark each, so that their wrapped lines stay apart */
    const char *mark = count > 1 ? "- " : "";
    for (size_t i = 0; i < shown; i++) {
        const char *head = arena_printf(&page->arena, "%s%s", pad, i == 0 ? label : "");
        const char *first = arena_printf(&page->arena, "%-*s%s", (int)left + 9, head, mark);
        layout_wrap(page->out, page->style, first, left + 9 + strlen(mark), texts[i]);
    }
    if (shown < count)
        layout_wrap(page->out, page->style, "", left + 9 + strlen(mark),
            arena_printf(&page->arena, "and %d more", (int)(count - shown)));
}

/* number: of a root cause, or 0 for one that follows from the finding above. */
static void put_finding(struct page *page, const struct finding *finding, int number)
{
    size_t left = number > 0 ? 3 : 6;
    const char *mark = number > 0 ? arena_printf(&page->arena, "%-3d", number) : "   +> ";
    enum paint paint = finding->severity == SEVERITY_FAIL ? PAINT_BAD : PAINT_WARN;
    buffer_add(page->out, mark);
    layout_put(page->out, page->style, paint, severity_word(finding->severity));
    const char *head = arena_printf(&page->arena, "  %s  ", finding->rule);
    size_t column = left + 4 + strlen(head);
    /* what is already on the line counts as the label's columns */
    struct text_buffer title = {0};
    layout_wrap(&title, page->style, arena_printf(&page->arena, "%*s", (int)column, ""), column,
        finding->title);
    buffer_add(page->out, head);
    buffer_add(page->out, buffer_text(&title) + column);
    buffer_done(&title);

    put_paragraphs(page, "where", left, &finding->component, 1);
    put_paragraphs(page, "because", left, finding->evidence, finding->evidence_count);
    const char *blocks = blocked_by(page, finding);
    if (blocks != NULL)
        put_paragraphs(page, "blocks", left, &blocks, 1);
    if (number == 0)
        return;
    put_paragraphs(page, "fix", left, finding->fix, finding->fix_count);
    const char *more = arena_printf(&page->arena, "exreach explain %s", finding->rule);
    put_paragraphs(page, "more", left, &more, 1);
}

static void put_findings(struct page *page)
{
    int number = 0;
    for (const struct finding *finding = page->survey->findings; finding != NULL;
         finding = finding->next) {
        if (is_own_trouble(finding))
            continue;
        if (finding->caused_by == NULL || number == 0) {
            number++;
            buffer_add(page->out, "\n");
            put_finding(page, finding, number);
        } else {
            put_finding(page, finding, 0);
        }
    }
}

static void put_own_trouble(struct page *page)
{
    for (const struct finding *finding = page->survey->findings; finding != NULL;
         finding = finding->next) {
        if (!is_own_trouble(finding))
            continue;
        buffer_add(page->out, "\n");
        layout_put(page->out, page->style, PAINT_TROUBLE, "Our own trouble");
        buffer_add(page->out, ", not the server's:\n");
        put_paragraphs(page, "because", 3, finding->evidence, finding->evidence_count);
        put_paragraphs(page, "fix", 3, finding->fix, finding->fix_count);
    }
    if (page->survey->interrupted)
        layout_wrap(page->out, page->style, "\n", 0, "The run was interrupted; this is a part.");
    if (page->survey->out_of_time)
        layout_wrap(page->out, page->style, "\n", 0,
            "The run's deadline passed before everything was answered (--deadline SECONDS).");
}

/* ---- checklist --------------------------------------------------------------------------------
 */

static void put_item(
    struct page *page, const struct checklist_item *item, const char *word, enum paint paint)
{
    buffer_add(page->out, "   ");
    layout_field(page->out, page->style, paint, word, 5);
    struct text_buffer line = {0};
    size_t column = 8 + HOW_INDENT;
    const char *text = arena_printf(&page->arena, "%s: %s", item->title, item->summary);
    layout_wrap(
        &line, page->style, arena_printf(&page->arena, "        %s", item->item), column, text);
    buffer_add(page->out, buffer_text(&line) + 8);
    buffer_done(&line);
}

static enum paint item_paint(enum outcome outcome)
{
    if (outcome == OUTCOME_PASS)
        return PAINT_GOOD;
    if (outcome == OUTCOME_FAIL)
        return PAINT_BAD;
    return outcome == OUTCOME_WARN ? PAINT_WARN : PAINT_DIM;
}

static bool is_by_hand(const struct checklist_item *item)
{
    struct check shape = {.outcome = item->outcome, .summary = item->summary};
    return item->outcome == OUTCOME_SKIPPED && !matrix_does_not_apply(&shape);
}

static void put_checklist(struct page *page)
{
    if (page->survey->checklist == NULL)
        return;
    bool by_hand = false;
    buffer_add(page->out, "\n");
    layout_put(page->out, page->style, PAINT_BOLD, "Checklist");
    buffer_add(page->out, "\n");
    const struct checklist_item *item = page->survey->checklist;
    for (; item != NULL; item = item->next) {
        struct check shape = {.outcome = item->outcome, .summary = item->summary};
        enum paint paint = item_paint(item->outcome);
        if (is_by_hand(item))
            by_hand = true;
        else
            put_item(page, item, matrix_word(&shape), paint);
    }
    if (!by_hand)
        return;
    buffer_add(page->out, "   not answered by this run:\n");
    static const char words[] = "check by hand: ";
    for (item = page->survey->checklist; item != NULL; item = item->next) {
        if (!is_by_hand(item))
            continue;
        const char *how = item->summary;
        if (strncmp(how, words, sizeof words - 1) == 0)
            how += sizeof words - 1;
        layout_wrap(page->out, page->style, arena_printf(&page->arena, "   %s", item->item),
            3 + HOW_INDENT, how);
    }
}

/* ---- verdict ----------------------------------------------------------------------------------
 */

static enum paint status_paint(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return PAINT_GOOD;
    case STATUS_DEGRADED:
        return PAINT_WARN;
    case STATUS_BROKEN:
        return PAINT_BAD;
    case STATUS_UNKNOWN:
    case STATUS_COUNT:
        break;
    }
    return PAINT_TROUBLE;
}

void text_verdict(
    const struct survey *survey, const struct render_style *style, struct text_buffer *out)
{
    const struct verdict *verdict = &survey->verdict;
    layout_put(out, style, status_paint(verdict->status), status_str(verdict->status));
    buffer_add(out, ": ");
    layout_put(out, style, PAINT_NONE, verdict->summary);
    buffer_add(out, "\n");
}

static void put_counts(struct page *page)
{
    const struct survey *survey = page->survey;
    int findings = 0;
    int outcomes[OUTCOME_COUNT] = {0};
    for (const struct finding *finding = survey->findings; finding != NULL; finding = finding->next)
        findings += is_own_trouble(finding) ? 0 : 1;
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *check = chain->checks; check != NULL; check = check->next)
            outcomes[check->outcome]++;
    }
    const char *text = arena_printf(&page->arena,
        "%d finding%s, %d check%s failed, %d blocked, %d not done because of our own trouble; "
        "%d logon%s sent, %d refused.",
        findings, findings == 1 ? "" : "s", outcomes[OUTCOME_FAIL],
        outcomes[OUTCOME_FAIL] == 1 ? "" : "s", outcomes[OUTCOME_BLOCKED],
        outcomes[OUTCOME_ERROR] + outcomes[OUTCOME_NOT_RUN], survey->logons_attempted,
        survey->logons_attempted == 1 ? "" : "s", survey->logons_refused);
    buffer_add(page->out, "\n");
    layout_wrap(page->out, page->style, "", 0, text);
}

void text_render(
    const struct survey *survey, const struct render_style *style, struct text_buffer *out)
{
    struct page page = {.survey = survey, .style = style, .out = out};
    if (style->quiet) {
        text_verdict(survey, style, out);
        return;
    }
    put_top(&page);
    matrix_render(survey, style, out);
    put_findings(&page);
    put_own_trouble(&page);
    text_directory(survey, style, out);
    put_checklist(&page);
    put_counts(&page);
    const struct verdict *verdict = &survey->verdict;
    const char *word = status_str(verdict->status);
    struct text_buffer line = {0};
    layout_wrap(&line, style, "", 0,
        arena_printf(
            &page.arena, "%s (exit %d): %s", word, (int)verdict->status, verdict->summary));
    layout_put(out, style, status_paint(verdict->status), word);
    buffer_add(out, buffer_text(&line) + strlen(word));
    buffer_done(&line);
    arena_done(&page.arena);
}
