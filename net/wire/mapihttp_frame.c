#include <string.h>

#include "net/wire/mapihttp.h"
#include "net/wire/text.h"

enum { DIGITS_MAX = 9 };

/* ---- lines ---- */

/* Up to CRLF (a bare LF is taken too), as a text of printable characters. NULL: no whole line is
 * left; the reader stays where it is. */
static const char *take_line(struct reader *reader, struct arena *arena)
{
    size_t left = reader_left(reader);
    struct reader ahead = *reader;
    const uint8_t *start = read_bytes(&ahead, 0);
    const uint8_t *end = left == 0 || start == NULL ? NULL : memchr(start, '\n', left);
    size_t length = end == NULL ? 0 : (size_t)(end - start);
    if (end == NULL || length > MAPIHTTP_LINE_MAX)
        return NULL;
    read_skip(reader, length + 1);
    if (length > 0 && start[length - 1] == '\r')
        length--;
    char *line = arena_strndup(arena, (const char *)start, length);
    for (size_t i = 0; i < length; i++) {
        if (start[i] < 0x20 || start[i] == 0x7f)
            line[i] = '?';
    }
    return line;
}

/* Digits alone; -1: anything else. */
static long number(const char *text)
{
    long value = 0;
    size_t length = strlen(text);
    if (length == 0 || length > DIGITS_MAX)
        return -1;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

static void keep_header(struct mapihttp_frame *frame, const char *name, const char *value)
{
    frame->headers[frame->header_count++] = (struct mapihttp_header){name, value};
    if (text_equal_nocase(name, "X-ResponseCode"))
        frame->response_code = number(value);
    if (text_equal_nocase(name, "X-ElapsedTime"))
        frame->elapsed_ms = number(value);
    if (text_equal_nocase(name, "X-StartTime"))
        frame->start_time = value;
}

/* "name: value" up to the empty line, behind which the body begins. */
static bool read_headers(
    struct reader *reader, struct arena *arena, struct mapihttp_frame *frame, struct fault *fault)
{
    for (;;) {
        const char *line = take_line(reader, arena);
        if (line == NULL)
            return fault_set(fault, CAUSE_TRUNCATED, ORIGIN_EXREACH, 0,
                "the MAPI answer ends within its additional headers");
        if (line[0] == '\0')
            return true;
        size_t name = strcspn(line, ":");
        if (line[name] == '\0' || name == 0)
            return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
                "the MAPI answer has a line behind DONE that is no header");
        if (frame->header_count == MAPIHTTP_HEADERS_MAX)
            return fault_set(fault, CAUSE_TOO_LARGE, ORIGIN_EXREACH, 0,
                "the MAPI answer has more than %d additional headers", MAPIHTTP_HEADERS_MAX);
        const char *value = &line[name + 1];
        keep_header(frame, arena_strndup(arena, line, name), &value[strspn(value, " ")]);
    }
}

static bool no_done(const struct mapihttp_frame *frame, struct fault *fault)
{
    if (frame->pending > 0)
        return fault_set(fault, CAUSE_TRUNCATED, ORIGIN_EXREACH, 0,
            "the server was still processing: PENDING came %u times, DONE did not",
            (unsigned)frame->pending);
    return fault_set(fault, CAUSE_TRUNCATED, ORIGIN_EXREACH, 0,
        frame->processing ? "the server said PROCESSING and nothing more"
                          : "the MAPI answer is empty");
}

/* 2.2.2.2: PROCESSING, PENDING as often as it takes, DONE. True: DONE came. */
static bool read_tags(
    struct reader *reader, struct arena *arena, struct mapihttp_frame *frame, struct fault *fault)
{
    while (reader_left(reader) > 0) {
        bool first = !frame->processing && frame->pending == 0;
        const char *line = take_line(reader, arena);
        if (line != NULL && strcmp(line, "DONE") == 0)
            return true;
        if (line != NULL && strcmp(line, "PROCESSING") == 0) {
            frame->processing = true;
        } else if (line != NULL && strcmp(line, "PENDING") == 0) {
            frame->pending++;
        } else if (first) {
            return fault_set(fault, CAUSE_NOT_EXCHANGE, ORIGIN_EXREACH, 0,
                "the body does not begin with PROCESSING: this is no MAPI answer");
        } else if (line != NULL) {
            return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
                "the MAPI answer has an unknown line before DONE");
        } else {
            break; /* a part of a line: the rest did not come */
        }
    }
    return no_done(frame, fault);
}

bool mapihttp_frame_read(const void *bytes, size_t length, struct arena *arena,
    struct mapihttp_frame *ret_frame, struct fault *fault)
{
    struct mapihttp_frame frame = {.response_code = -1, .elapsed_ms = -1};
    struct reader reader = reader_of(bytes, length);
    *ret_frame = frame;
    if (length > MAPIHTTP_BODY_MAX)
        return fault_set(fault, CAUSE_TOO_LARGE, ORIGIN_EXREACH, 0,
            "the MAPI answer has more than %d bytes", MAPIHTTP_BODY_MAX);
    bool done =
        read_tags(&reader, arena, &frame, fault) && read_headers(&reader, arena, &frame, fault);
    if (done) {
        frame.body_length = reader_left(&reader);
        frame.body = read_bytes(&reader, frame.body_length);
    }
    *ret_frame = frame;
    return done;
}

/* ---- X-ResponseCode, 2.2.3.3.3 ---- */

/* `sentence`: a part of what gromox prints on its diagnostic page for the code. */
struct code {
    long code;
    const char *name, *words, *sentence;
};

static const struct code specified[] = {
    {0, "Success", "the request was accepted", NULL},
    {1, "Unknown failure", "the server failed without a reason", "unknown failure"},
    {2, "Invalid verb", "the server did not accept POST", "invalid verb"},
    {3, "Invalid path", "the URL is not a MAPI endpoint", "invalid path"},
    {4, "Invalid header", "a header of ours is malformed", "invalid header"},
    {5, "Invalid request type", "the server does not know our X-RequestType", "X-RequestType"},
    {6, "Invalid context cookie", "the session cookie is malformed or of another node",
        "session context cookie"},
    {7, "Missing header", "a header is missing: stripped on the way", "missing required header"},
    {8, "Anonymous not allowed", "the request reached the server without an identity", "anonymous"},
    {9, "Too large", "the request is too large", "too large"},
    {10, "Context not found", "the server does not know the session: another node, or it ended",
        "Session Context is not found"},
    {11, "No privilege", "the session belongs to another identity", "no privileges"},
    {12, "Invalid request body", "the server could not read our request", "body is invalid"},
    {13, "Missing cookie", "the session cookie did not arrive: stripped on the way",
        "missing a required cookie"},
    {14, "Reserved", "a code that means nothing", NULL},
    {15, "Invalid sequence", "two requests at once in one session, or one was replayed",
        "sequencing requirement"},
    {16, "Endpoint disabled", "MAPI over HTTP is switched off on this server",
        "endpoint is disabled"},
    {17, "Invalid response", "the server could not make sense of its own answer",
        "response is invalid"},
    {18, "Endpoint shutting down", "the service is stopping", "shutting down"},
};

static const struct code gromox[] = {
    {0, "Success", "the request was accepted", NULL},
    {1, "Invalid verb", "the server did not accept POST", "invalid verb"},
    {2, "Invalid context cookie", "the session cookie is malformed, unknown or has expired",
        "session context cookie"},
    {3, "Missing header", "a header is missing: stripped on the way", "missing required header"},
    {4, "No privilege", "the session belongs to another identity", "no privileges"},
    {5, "Invalid request body", "the server could not read our request", "body is invalid"},
    {6, "Missing cookie", "the session cookie did not arrive: stripped on the way",
        "missing a required cookie"},
    {7, "Invalid sequence", "two requests at once in one session, or one was replayed",
        "sequencing requirement"},
    {8, "Invalid request type", "the server does not know our X-RequestType", "X-RequestType"},
};

static const struct code *find(enum mapihttp_numbering numbering, long code)
{
    bool own = numbering == MAPIHTTP_GROMOX;
    const struct code *rows = own ? gromox : specified;
    size_t count = own ? sizeof gromox / sizeof gromox[0] : sizeof specified / sizeof specified[0];
    for (size_t i = 0; i < count; i++) {
        if (rows[i].code == code)
            return &rows[i];
    }
    return NULL;
}

static bool says(const char *page, const struct code *row)
{
    return page != NULL && row != NULL && row->sentence != NULL &&
           text_find_nocase(page, row->sentence) != NULL;
}

static bool names_gromox(const char *text)
{
    return text != NULL && (text_find_nocase(text, "gromox") != NULL ||
                               text_find_nocase(text, "grommunio") != NULL);
}

enum mapihttp_numbering mapihttp_numbering_of(
    long code, const char *server, const char *application, const char *page)
{
    const struct code *own = find(MAPIHTTP_GROMOX, code);
    if (own == NULL || says(page, find(MAPIHTTP_SPECIFIED, code)))
        return MAPIHTTP_SPECIFIED;
    if (says(page, own) || names_gromox(server) || names_gromox(application))
        return MAPIHTTP_GROMOX;
    return MAPIHTTP_SPECIFIED;
}

const char *mapihttp_code_name(enum mapihttp_numbering numbering, long code)
{
    const struct code *row = find(numbering, code);
    return row == NULL ? NULL : row->name;
}

const char *mapihttp_code_words(enum mapihttp_numbering numbering, long code)
{
    const struct code *row = find(numbering, code);
    return row == NULL ? "a code that is not in our table" : row->words;
}
