#include "net/wire/regfile.h"

#include <string.h>

#include "net/wire/reader.h"
#include "net/wire/text.h"

enum { END = -1, DATA_MAX = REGFILE_LINE_MAX, TEXTS_MAX = 4096 };

/* Types of winnt.h, as in hex(7). */
enum { TYPE_SZ = 1, TYPE_EXPAND_SZ = 2, TYPE_DWORD = 4, TYPE_MULTI_SZ = 7, TYPE_QWORD = 11 };

struct parser {
    struct reader reader;
    bool wide;    /* UTF-16LE */
    int ahead;    /* the next character, or END */
    size_t line;  /* of ahead */
    size_t width; /* characters of the line so far */
    bool failed;
    struct fault *fault;
    regfile_visit *visit;
    void *context;
    bool in_key;
    struct writer key, name, data; /* their texts; NUL-terminated by finish() */
    struct arena arena;            /* of one entry */
};

static void complain(struct parser *parser, size_t line, enum cause cause, const char *what)
{
    if (!parser->failed)
        fault_set(parser->fault, cause, ORIGIN_EXREACH, 0, "line %zu %s", line, what);
    parser->failed = true;
}

/* ---- characters -------------------------------------------------------------------------------
 */

static int fetch(struct parser *parser)
{
    size_t unit = parser->wide ? 2 : 1;
    if (parser->failed || reader_left(&parser->reader) == 0)
        return END;
    if (reader_left(&parser->reader) < unit) {
        complain(parser, parser->line, CAUSE_MALFORMED, "ends in the middle of a character");
        return END;
    }
    int character = parser->wide ? read_le16(&parser->reader) : read_u8(&parser->reader);
    if (character == 0)
        complain(parser, parser->line, CAUSE_MALFORMED, "has a zero character in it");
    return parser->failed ? END : character;
}

/* Takes the character ahead. */
static int next(struct parser *parser)
{
    int character = parser->ahead;
    if (character == '\n') {
        parser->line++;
        parser->width = 0;
    } else if (++parser->width > REGFILE_LINE_MAX) {
        complain(parser, parser->line, CAUSE_TOO_LARGE, "is longer than 1 MiB");
    }
    parser->ahead = fetch(parser);
    return character;
}

static bool is_blank(int character)
{
    return character == ' ' || character == '\t' || character == '\r';
}

static void skip_blanks(struct parser *parser)
{
    while (is_blank(parser->ahead))
        next(parser);
}

static void skip_line(struct parser *parser)
{
    while (parser->ahead != END && parser->ahead != '\n')
        next(parser);
}

/* Behind a key or a value: nothing but blanks and a comment. */
static void end_line(struct parser *parser)
{
    skip_blanks(parser);
    if (parser->ahead == ';')
        skip_line(parser);
    if (parser->ahead != END && parser->ahead != '\n')
        complain(parser, parser->line, CAUSE_MALFORMED, "has something behind its value");
}

/* A character as UTF-8 (RFC 3629); single bytes stay what they are. */
static void put(struct parser *parser, struct writer *out, int character)
{
    uint32_t code = (uint32_t)character;
    if (!parser->wide || code < 0x80) {
        write_u8(out, (uint8_t)code);
        return;
    }
    if (code >= 0xD800 && code <= 0xDFFF) { /* a pair, or U+FFFD for half of one */
        bool pair = code < 0xDC00 && parser->ahead >= 0xDC00 && parser->ahead <= 0xDFFF;
        code =
            pair ? 0x10000 + ((code - 0xD800) << 10) + ((uint32_t)next(parser) - 0xDC00) : 0xFFFD;
    }
    if (code >= 0x10000) {
        write_u8(out, (uint8_t)(0xF0 | code >> 18));
        write_u8(out, (uint8_t)(0x80 | (code >> 12 & 0x3F)));
    } else if (code >= 0x800) {
        write_u8(out, (uint8_t)(0xE0 | code >> 12));
    } else {
        write_u8(out, (uint8_t)(0xC0 | code >> 6));
    }
    if (code >= 0x800)
        write_u8(out, (uint8_t)(0x80 | (code >> 6 & 0x3F)));
    write_u8(out, (uint8_t)(0x80 | (code & 0x3F)));
}

static void restart(struct writer *out)
{
    out->length = 0;
    out->failed = false;
}

static const char *finish(struct parser *parser, struct writer *out, size_t line)
{
    write_u8(out, 0);
    if (!writer_ok(out))
        complain(parser, line, CAUSE_TOO_LARGE, "begins a name or a text that is too long");
    return parser->failed ? "" : (const char *)out->bytes;
}

/* ---- what entries are made of -----------------------------------------------------------------
 */

/* "…" with \" and \\ in it; it may go on over line ends, which regedit writes as they are. */
static const char *take_quoted(struct parser *parser, struct writer *out)
{
    size_t line = parser->line;
    restart(out);
    next(parser);
    while (parser->ahead != '"') {
        if (parser->ahead == END || !writer_ok(out)) {
            complain(parser, line, parser->ahead == END ? CAUSE_MALFORMED : CAUSE_TOO_LARGE,
                parser->ahead == END ? "begins a text that has no end"
                                     : "begins a name or a text that is too long");
            return "";
        }
        int character = next(parser);
        if (character == '\\' && (parser->ahead == '\\' || parser->ahead == '"'))
            character = next(parser);
        put(parser, out, character);
    }
    next(parser);
    return finish(parser, out, line);
}

static void take_key(struct parser *parser)
{
    struct regfile_entry entry = {.kind = REGFILE_KEY, .line = parser->line};
    next(parser);
    if (parser->ahead == '-') {
        entry.kind = REGFILE_DELETED;
        next(parser);
    }
    /* a name may have brackets in it: the last one of the line ends it */
    restart(&parser->key);
    size_t end = 0;
    while (parser->ahead != END && parser->ahead != '\n') {
        if (parser->ahead == ']')
            end = parser->key.length + 1;
        put(parser, &parser->key, next(parser));
    }
    if (!parser->failed && writer_ok(&parser->key) && end == 0)
        complain(parser, entry.line, CAUSE_MALFORMED, "begins a key without its bracket");
    if (end > 0)
        parser->key.length = end - 1;
    entry.key = finish(parser, &parser->key, entry.line);
    parser->in_key = entry.kind == REGFILE_KEY;
    if (!parser->failed)
        parser->visit(parser->context, &entry);
}

static int hex_value(int character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    if (character >= 'a' && character <= 'f')
        return character - 'a' + 10;
    return character >= 'A' && character <= 'F' ? character - 'A' + 10 : -1;
}

/* 1 to `most` digits; false: there is none, or there are more. */
static bool take_hex(struct parser *parser, int most, uint64_t *ret_number)
{
    uint64_t number = 0;
    int digits = 0;
    for (; hex_value(parser->ahead) >= 0 && digits < most; digits++)
        number = number << 4 | (uint64_t)hex_value(next(parser));
    *ret_number = number;
    return digits > 0 && hex_value(parser->ahead) < 0;
}

static bool take_word(struct parser *parser, const char *word)
{
    for (; *word != '\0'; word++) {
        int character = parser->ahead >= 'A' && parser->ahead <= 'Z' ? parser->ahead - 'A' + 'a'
                                                                     : parser->ahead;
        if (character != *word)
            return false;
        next(parser);
    }
    return true;
}

/* 00,0a,…  with "\" at the end of a line that goes on. Bytes beyond the bound are counted, not
 * kept. */
static void take_bytes(struct parser *parser, struct regfile_entry *entry)
{
    restart(&parser->data);
    for (;;) {
        uint64_t byte = 0;
        skip_blanks(parser);
        if (parser->ahead == '\\') {
            next(parser);
            skip_blanks(parser);
            if (parser->ahead != '\n')
                break;
            next(parser);
            if (parser->ahead == END) /* the file was cut off here */
                break;
            continue;
        }
        bool more = parser->ahead != END && parser->ahead != '\n' && parser->ahead != ';';
        if (!more)
            goto out;
        if (!take_hex(parser, 2, &byte))
            break;
        if (entry->length++ < DATA_MAX)
            write_u8(&parser->data, (uint8_t)byte);
        skip_blanks(parser);
        if (parser->ahead == ',')
            next(parser);
        else if (parser->ahead != '\\')
            goto out;
    }
    complain(
        parser, parser->line, CAUSE_MALFORMED, "has no two hexadecimal digits where they belong");
out:
    entry->bytes = parser->data.bytes;
}

static size_t kept(const struct regfile_entry *entry)
{
    return entry->length < DATA_MAX ? entry->length : DATA_MAX;
}

/* Bytes of a text type: UTF-16LE under the newer header, single bytes under REGEDIT4. */
static const char *bytes_text(
    struct parser *parser, bool version5, const uint8_t *bytes, size_t length)
{
    return version5 ? utf16le_to_utf8(&parser->arena, bytes, length)
                    : arena_strndup(&parser->arena, (const char *)bytes, length);
}

/* Up to the terminator, in bytes; *ret_used: with it. */
static size_t text_length(const struct reader *reader, bool version5, size_t *ret_used)
{
    struct reader at = *reader;
    size_t unit = version5 ? 2 : 1, length = 0;
    while (reader_left(&at) >= unit) {
        if ((version5 ? read_le16(&at) : read_u8(&at)) == 0) {
            *ret_used = length + unit;
            return length;
        }
        length += unit;
    }
    *ret_used = reader_left(reader);
    return length;
}

static void take_texts(struct parser *parser, bool version5, struct regfile_entry *entry)
{
    const char **texts = arena_alloc(&parser->arena, TEXTS_MAX * sizeof *texts);
    struct reader reader = reader_of(entry->bytes, kept(entry));
    while (reader_left(&reader) > 0 && entry->count < TEXTS_MAX) {
        size_t used = 0;
        size_t length = text_length(&reader, version5, &used);
        if (length == 0) /* an empty text ends the list */
            break;
        const uint8_t *bytes = read_bytes(&reader, used);
        texts[entry->count++] = bytes_text(parser, version5, bytes, length);
    }
    entry->texts = texts;
    entry->kind = REGFILE_TEXTS;
}

static void interpret(
    struct parser *parser, uint64_t type, bool version5, struct regfile_entry *entry)
{
    struct reader reader = reader_of(entry->bytes, kept(entry));
    size_t used = 0;
    entry->kind = REGFILE_BYTES;
    if (type == TYPE_SZ || type == TYPE_EXPAND_SZ) {
        size_t length = text_length(&reader, version5, &used);
        entry->text = bytes_text(parser, version5, entry->bytes, length);
        entry->kind = REGFILE_TEXT;
    } else if (type == TYPE_MULTI_SZ) {
        take_texts(parser, version5, entry);
    } else if ((type == TYPE_DWORD && entry->length == 4) ||
               (type == TYPE_QWORD && entry->length == 8)) {
        entry->number = type == TYPE_DWORD ? read_le32(&reader) : read_le64(&reader);
        entry->kind = REGFILE_NUMBER;
    }
}

/* hex:…, hex(2):… */
static void take_typed(struct parser *parser, bool version5, struct regfile_entry *entry)
{
    uint64_t type = 3; /* REG_BINARY */
    bool ok = take_word(parser, "hex");
    if (ok && parser->ahead == '(') {
        next(parser);
        ok = take_hex(parser, 8, &type) && take_word(parser, ")");
    }
    if (!ok || !take_word(parser, ":")) {
        complain(parser, entry->line, CAUSE_MALFORMED, "has a value of no known form");
        return;
    }
    take_bytes(parser, entry);
    if (!parser->failed)
        interpret(parser, type, version5, entry);
}

static void take_data(struct parser *parser, bool version5, struct regfile_entry *entry)
{
    skip_blanks(parser);
    if (parser->ahead == '"') {
        entry->kind = REGFILE_TEXT;
        entry->text = take_quoted(parser, &parser->data);
    } else if (parser->ahead == '-') {
        entry->kind = REGFILE_DELETED;
        next(parser);
    } else if (parser->ahead == 'd' || parser->ahead == 'D') {
        entry->kind = REGFILE_NUMBER;
        if (!take_word(parser, "dword:") || !take_hex(parser, 8, &entry->number))
            complain(parser, entry->line, CAUSE_MALFORMED, "has no number of up to 8 digits");
    } else {
        take_typed(parser, version5, entry);
    }
}

static void take_value(struct parser *parser, bool version5)
{
    struct regfile_entry entry = {
        .line = parser->line, .key = (const char *)parser->key.bytes, .name = ""};
    if (!parser->in_key) {
        complain(parser, parser->line, CAUSE_MALFORMED, "has a value outside of every key");
        return;
    }
    if (parser->ahead == '@')
        next(parser);
    else
        entry.name = take_quoted(parser, &parser->name);
    skip_blanks(parser);
    if (parser->ahead != '=')
        complain(parser, parser->line, CAUSE_MALFORMED, "has no = behind the value's name");
    if (!parser->failed)
        next(parser);
    take_data(parser, version5, &entry);
    end_line(parser);
    if (!parser->failed)
        parser->visit(parser->context, &entry);
    arena_done(&parser->arena);
}

/* ---- the file ---------------------------------------------------------------------------------
 */

/* A byte order mark, then one of the two headers. *ret_version5: which. */
static bool take_header(struct parser *parser, bool *ret_version5)
{
    static const char wide_start[] = {'W', 0, 'i', 0};
    struct reader *reader = &parser->reader;
    char header[64] = "";
    struct writer out = writer_of(header, sizeof header - 1);
    const uint8_t *start = reader->bytes;
    if (reader->length >= 2 && memcmp(start, "\xff\xfe", 2) == 0) {
        parser->wide = true;
        read_skip(reader, 2);
    } else if (reader->length >= 3 && memcmp(start, "\xef\xbb\xbf", 3) == 0) {
        read_skip(reader, 3);
    } else {
        parser->wide = reader->length >= 4 && memcmp(start, wide_start, sizeof wide_start) == 0;
    }
    parser->ahead = fetch(parser);
    skip_blanks(parser);
    while (parser->ahead != END && parser->ahead != '\n' && writer_ok(&out))
        put(parser, &out, next(parser));
    while (out.length > 0 && is_blank(header[out.length - 1]))
        header[--out.length] = '\0';
    *ret_version5 = strcmp(header, "Windows Registry Editor Version 5.00") == 0;
    if (!parser->failed && (*ret_version5 || strcmp(header, "REGEDIT4") == 0))
        return true;
    parser->failed = false; /* whatever it is, this is the better word */
    complain(parser, 1, CAUSE_MALFORMED,
        "is not the first one of a registry export (\"Windows Registry Editor Version 5.00\")");
    return false;
}

static void take_entries(struct parser *parser)
{
    bool version5 = false;
    if (!take_header(parser, &version5))
        return;
    while (!parser->failed && parser->ahead != END) {
        skip_blanks(parser);
        if (parser->ahead == '[')
            take_key(parser);
        else if (parser->ahead == '@' || parser->ahead == '"')
            take_value(parser, version5);
        else if (parser->ahead == ';')
            skip_line(parser);
        else if (parser->ahead == '\n')
            next(parser);
        else if (parser->ahead != END)
            complain(parser, parser->line, CAUSE_MALFORMED, "is neither a key nor a value");
    }
}

bool regfile_read(
    const void *bytes, size_t length, regfile_visit *visit, void *context, struct fault *fault)
{
    struct parser parser = {.reader = reader_of(bytes, length),
        .line = 1,
        .fault = fault,
        .visit = visit,
        .context = context};
    if (length > REGFILE_MAX)
        return fault_set(fault, CAUSE_TOO_LARGE, ORIGIN_EXREACH, 0,
            "larger than %d MiB: export only the keys that are asked for", REGFILE_MAX >> 20);
    struct arena buffers = {0};
    parser.key = writer_of(arena_alloc(&buffers, REGFILE_KEY_MAX), REGFILE_KEY_MAX);
    parser.name = writer_of(arena_alloc(&buffers, REGFILE_KEY_MAX), REGFILE_KEY_MAX);
    parser.data = writer_of(arena_alloc(&buffers, DATA_MAX), DATA_MAX);
    take_entries(&parser);
    arena_done(&parser.arena);
    arena_done(&buffers);
    return !parser.failed;
}
