#include "report/matrix.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/layout.h"

static const struct column {
    const char *name;
    size_t width; /* with the space to the next */
} columns[LAYER_COUNT] = {
    [LAYER_DNS] = {"dns", 5},
    [LAYER_TCP] = {"tcp", 5},
    [LAYER_TLS] = {"tls", 5},
    [LAYER_HTTP] = {"http", 5},
    [LAYER_AUTH] = {"auth", 5},
    [LAYER_PROTOCOL] = {"proto", 6},
    [LAYER_MAILBOX] = {"mailbox", 7},
};

enum { CELLS_WIDTH = 38 }; /* the sum of the widths */

/* What stands left of the cells. */
struct label {
    const char *service, *host, *address, *node;
};

struct frame {
    const struct survey *survey;
    const struct render_style *style;
    struct text_buffer *out;
    struct arena arena;
    const struct chain **rows;
    size_t count;
    struct label *labels;
    bool shortened;                      /* host names without the mail domain */
    bool stacked;                        /* a label has a line of its own */
    size_t service, host, address, node; /* widths; node 0: no column */
    size_t indent;                       /* where the cells begin */
    unsigned words; /* outcomes shown, for the legend: bits of enum outcome; LAST: does not apply */
};

/* ---- words ------------------------------------------------------------------------------------
 */

bool matrix_does_not_apply(const struct check *check)
{
    static const char words[] = "does not apply";
    return check->outcome == OUTCOME_SKIPPED &&
           (check->summary[0] == '\0' || strncmp(check->summary, words, sizeof words - 1) == 0);
}

const char *matrix_word(const struct check *check)
{
    if (check == NULL)
        return "-";
    switch (check->outcome) {
    case OUTCOME_NOT_RUN:
        return "?";
    case OUTCOME_PASS:
        return "ok";
    case OUTCOME_WARN:
        return "warn";
    case OUTCOME_FAIL:
        return "FAIL";
    case OUTCOME_BLOCKED:
        return ".";
    case OUTCOME_SKIPPED:
        return matrix_does_not_apply(check) ? "-" : "skip";
    case OUTCOME_ERROR:
        return "ERR";
    case OUTCOME_COUNT:
        break;
    }
    return "?";
}

static enum paint cell_paint(const struct check *check)
{
    if (check == NULL)
        return PAINT_DIM;
    switch (check->outcome) {
    case OUTCOME_PASS:
        return PAINT_GOOD;
    case OUTCOME_WARN:
        return PAINT_WARN;
    case OUTCOME_FAIL:
        return PAINT_BAD;
    case OUTCOME_ERROR:
    case OUTCOME_NOT_RUN:
        return PAINT_TROUBLE;
    case OUTCOME_BLOCKED:
    case OUTCOME_SKIPPED:
    case OUTCOME_COUNT:
        break;
    }
    return PAINT_DIM;
}

/* ---- order ------------------------------------------------------------------------------------
 */

/* NULL before any text */
static int compare_texts(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b != NULL ? b : "");
}

static int compare_chains(const void *left, const void *right)
{
    const struct chain *a = *(const struct chain *const *)left;
    const struct chain *b = *(const struct chain *const *)right;
    if (a->endpoint.service != b->endpoint.service)
        return a->endpoint.service < b->endpoint.service ? -1 : 1;
    int order = compare_texts(a->endpoint.subject, b->endpoint.subject);
    if (order == 0)
        order = strcmp(a->endpoint.host, b->endpoint.host);
    if (order == 0)
        order = compare_texts(a->endpoint.address, b->endpoint.address);
    return order != 0 ? order : strcmp(a->id, b->id);
}

const struct chain **matrix_order(
    const struct survey *survey, struct arena *arena, size_t *ret_count)
{
    size_t count = 0;
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next)
        count++;
    const struct chain **rows = arena_alloc(arena, (count + 1) * sizeof *rows);
    size_t at = 0;
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next)
        rows[at++] = chain;
    if (count > 1)
        qsort(rows, count, sizeof *rows, compare_chains);
    *ret_count = count;
    return rows;
}

/* ---- labels -----------------------------------------------------------------------------------
 */

/* Ports nobody needs to be told; in LDAP's rows the tls column tells them apart. */
static bool is_usual_port(enum service service, uint16_t port)
{
    switch (service) {
    case SERVICE_DNS:
        return port == 53;
    case SERVICE_KERBEROS:
        return port == 88;
    case SERVICE_LDAP:
        return port == 389 || port == 636;
    case SERVICE_GC:
        return port == 3268 || port == 3269;
    case SERVICE_AUTODISCOVER:
    case SERVICE_EWS:
    case SERVICE_OWA:
    case SERVICE_ECP:
    case SERVICE_MAPI:
    case SERVICE_RPC:
    case SERVICE_OAB:
    case SERVICE_ACTIVESYNC:
    case SERVICE_COUNT:
        break;
    }
    return port == 443;
}

/* "mail.contoso.test" in the mail domain contoso.test is "mail"; the domain itself stays. */
static const char *relative(struct frame *frame, const char *host)
{
    const char *domain = frame->survey->target.domain;
    size_t length = strlen(host), tail = strlen(domain);
    if (tail == 0 || length < tail + 2 || host[length - tail - 1] != '.' ||
        strcmp(host + length - tail, domain) != 0)
        return host;
    return arena_strndup(&frame->arena, host, length - tail - 1);
}

/* "ldap 389": of a controller's two rows, the one that begins in the clear. */
static const char *service_label(struct frame *frame, const struct endpoint *endpoint)
{
    bool clear = (endpoint->service == SERVICE_LDAP && endpoint->port == 389) ||
                 (endpoint->service == SERVICE_GC && endpoint->port == 3268);
    const char *name = service_str(endpoint->service);
    return clear ? arena_printf(&frame->arena, "%s %u", name, endpoint->port) : name;
}

static struct label make_label(struct frame *frame, const struct chain *chain)
{
    const struct endpoint *endpoint = &chain->endpoint;
    const char *host = endpoint->subject != NULL ? endpoint->subject : endpoint->host;
    const char *address = endpoint->address != NULL ? endpoint->address : "";
    bool v6 = strchr(address, ':') != NULL;
    if (*address != '\0' && !is_usual_port(endpoint->service, endpoint->port))
        address = arena_printf(
            &frame->arena, "%s%s%s:%u", v6 ? "[" : "", address, v6 ? "]" : "", endpoint->port);
    /* a resolver has no name, and is told once */
    if (endpoint->subject != NULL || strcmp(address, endpoint->host) == 0)
        address = "";
    const char *node = chain_node(chain);
    return (struct label){
        .service = service_label(frame, endpoint),
        .host = frame->shortened ? relative(frame, host) : host,
        .address = address,
        .node = node != NULL ? relative(frame, node) : "",
    };
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Labels and the widths they want. */
static size_t measure(struct frame *frame)
{
    const struct render_style *style = frame->style;
    frame->service = frame->host = frame->address = frame->node = 0;
    for (size_t i = 0; i < frame->count; i++) {
        struct label *label = &frame->labels[i];
        *label = make_label(frame, frame->rows[i]);
        frame->service = larger(frame->service, layout_columns(style, label->service));
        frame->host = larger(frame->host, layout_columns(style, label->host));
        frame->address = larger(frame->address, layout_columns(style, label->address));
        frame->node = larger(frame->node, layout_columns(style, label->node));
    }
    return frame->service + 1 + frame->host + 1 + frame->address + 1;
}

static void choose_layout(struct frame *frame)
{
    size_t room = layout_width(frame->style) - CELLS_WIDTH;
    size_t want = measure(frame);
    if (want > room) {
        frame->shortened = true;
        want = measure(frame);
    }
    if (want + frame->node + 1 > room)
        frame->node = 0;
    if (frame->node > 0)
        want += frame->node + 1;
    frame->stacked = want > room;
    frame->indent = frame->stacked ? room : want;
}

/* ---- lines ------------------------------------------------------------------------------------
 */

static void put_header(struct frame *frame)
{
    buffer_repeat(frame->out, ' ', frame->indent);
    for (int layer = 0; layer < LAYER_COUNT; layer++) {
        size_t width = layer == LAYER_MAILBOX ? strlen(columns[layer].name) : columns[layer].width;
        layout_field(frame->out, frame->style, PAINT_BOLD, columns[layer].name, width);
    }
    buffer_add(frame->out, "\n");
}

static void note_word(struct frame *frame, const struct check *check)
{
    if (check == NULL || matrix_does_not_apply(check))
        frame->words |= 1u << OUTCOME_COUNT;
    else
        frame->words |= 1u << check->outcome;
}

static void put_cells(struct frame *frame, const struct chain *chain)
{
    for (int layer = 0; layer < LAYER_COUNT; layer++) {
        const struct check *cell = chain_cell(chain, (enum layer)layer);
        const char *word = matrix_word(cell);
        note_word(frame, cell);
        layout_field(frame->out, frame->style, cell_paint(cell), word,
            layer == LAYER_MAILBOX ? strlen(word) : columns[layer].width);
    }
    buffer_add(frame->out, "\n");
}

static void put_label(struct frame *frame, const struct label *label)
{
    const struct render_style *style = frame->style;
    struct text_buffer *out = frame->out;
    if (frame->stacked) {
        const char *line = arena_printf(&frame->arena, "%s %s%s%s", label->service, label->host,
            *label->address != '\0' ? " " : "", label->address);
        size_t length = layout_columns(style, line);
        if (length < frame->indent) {
            layout_field(out, style, PAINT_NONE, line, frame->indent);
            return;
        }
        size_t width = layout_width(style);
        layout_field(out, style, PAINT_NONE, line, length < width ? length : width);
        buffer_add(out, "\n");
        buffer_repeat(out, ' ', frame->indent);
        return;
    }
    layout_field(out, style, PAINT_NONE, label->service, frame->service + 1);
    layout_field(out, style, PAINT_NONE, label->host, frame->host + 1);
    layout_field(out, style, PAINT_NONE, label->address, frame->address + 1);
    if (frame->node > 0)
        layout_field(out, style, PAINT_DIM, label->node, frame->node + 1);
}

static bool is_directory(enum service service)
{
    return service == SERVICE_LDAP || service == SERVICE_GC;
}

/* Extras: mailboxes of their own always; other objects (servers, virtual directories) never, there
 * may be hundreds and the findings name them; those without a subject where they have something to
 * say. */
static bool extra_is_shown(const struct chain *chain, const struct check *check)
{
    if (!chain_is_extra(chain, check))
        return false;
    /* one controller's row reads a mailbox's object for all of them */
    bool elsewhere = check->outcome == OUTCOME_SKIPPED && is_directory(chain->endpoint.service);
    if (check->subject != NULL)
        return check->layer == LAYER_MAILBOX && !elsewhere;
    return check->outcome != OUTCOME_PASS && check->outcome != OUTCOME_BLOCKED &&
           check->outcome != OUTCOME_SKIPPED;
}

static void put_extra(struct frame *frame, const struct check *check)
{
    const char *name = check->subject != NULL ? check->subject : check->probe;
    int64_t port = check->subject == NULL ? check_get_int(check, "rpc.port", 0) : 0;
    const char *line = arena_printf(&frame->arena, "  %s", name);
    if (port > 0) /* 6002, 6004: which of the services behind an RPC proxy */
        line = arena_printf(&frame->arena, "%s, port %" PRId64, line, port);
    size_t before = frame->indent;
    for (int layer = 0; layer < (int)check->layer; layer++)
        before += columns[layer].width;
    size_t room = before > 0 ? before - 1 : 0;
    layout_field(frame->out, frame->style, PAINT_NONE, line, room);
    buffer_add(frame->out, " ");
    const char *word = matrix_word(check);
    note_word(frame, check);
    layout_field(frame->out, frame->style, cell_paint(check), word, strlen(word));
    buffer_add(frame->out, "\n");
}

/* Entries stay whole; used: columns of the line so far. */
static void put_legend_entry(struct frame *frame, size_t *used, const char *text)
{
    size_t columns_needed = layout_columns(frame->style, text);
    if (*used > 0 && *used + 3 + columns_needed > layout_width(frame->style)) {
        buffer_add(frame->out, "\n");
        *used = 0;
    }
    size_t gap = *used > 0 ? 3 : 2;
    buffer_repeat(frame->out, ' ', gap);
    layout_put(frame->out, frame->style, PAINT_DIM, text);
    *used += gap + columns_needed;
}

static void put_legend(struct frame *frame)
{
    static const struct {
        unsigned bit;
        const char *text;
    } entries[] = {
        {OUTCOME_PASS, "ok works"},
        {OUTCOME_WARN, "warn works, but read below"},
        {OUTCOME_FAIL, "FAIL fails"},
        {OUTCOME_BLOCKED, ". blocked by a failure to its left"},
        {OUTCOME_SKIPPED, "skip not tried, for a reason"},
        {OUTCOME_ERROR, "ERR our own trouble"},
        {OUTCOME_NOT_RUN, "? not reached in time"},
        {OUTCOME_COUNT, "- does not apply"},
    };
    size_t used = 0;
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        if ((frame->words & (1u << entries[i].bit)) != 0)
            put_legend_entry(frame, &used, entries[i].text);
    }
    if (frame->shortened && frame->survey->target.domain[0] != '\0')
        put_legend_entry(frame, &used,
            arena_printf(&frame->arena, "names are in %s", frame->survey->target.domain));
    buffer_add(frame->out, "\n");
}

void matrix_render(
    const struct survey *survey, const struct render_style *style, struct text_buffer *out)
{
    struct frame frame = {.survey = survey, .style = style, .out = out};
    frame.rows = matrix_order(survey, &frame.arena, &frame.count);
    if (frame.count == 0) {
        buffer_add(out, "  (nothing was tested)\n");
        arena_done(&frame.arena);
        return;
    }
    frame.labels = arena_alloc(&frame.arena, frame.count * sizeof *frame.labels);
    choose_layout(&frame);
    put_header(&frame);
    for (size_t i = 0; i < frame.count; i++) {
        const struct chain *chain = frame.rows[i];
        put_label(&frame, &frame.labels[i]);
        put_cells(&frame, chain);
        for (const struct check *check = chain->checks; check != NULL; check = check->next) {
            if (extra_is_shown(chain, check))
                put_extra(&frame, check);
        }
    }
    put_legend(&frame);
    arena_done(&frame.arena);
}
