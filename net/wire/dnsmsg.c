#include "net/wire/dnsmsg.h"

#include <stdio.h>
#include <string.h>

#include "net/wire/reader.h"
#include "net/wire/text.h"

enum {
    NAME_WIRE_MAX = 255, /* RFC 1035 §2.3.4, length bytes and the root included */
    LABEL_POINTER = 0xC0
};

static bool malformed(struct fault *fault, const char *what)
{
    return fault_set(
        fault, CAUSE_NAME_MALFORMED, ORIGIN_DNS, 0, "the DNS answer is broken: %s", what);
}

/* ---- names ------------------------------------------------------------------------------------
 */

struct name_text {
    char *text;
    size_t length;
    bool full;
};

static void append(struct name_text *name, char byte)
{
    if (name->length + 1 >= DNSMSG_NAME_SIZE) {
        name->full = true;
        return;
    }
    name->text[name->length++] = byte;
}

static void append_label(struct name_text *name, const uint8_t *label, size_t length)
{
    if (name->length > 0)
        append(name, '.');
    for (size_t i = 0; i < length; i++) {
        unsigned byte = label[i];
        if (byte >= 'A' && byte <= 'Z') {
            append(name, (char)(byte - 'A' + 'a'));
        } else if (byte > ' ' && byte < 0x7F && byte != '.' && byte != '\\') {
            append(name, (char)byte);
        } else {
            append(name, '\\');
            append(name, (char)('0' + byte / 100));
            append(name, (char)('0' + byte / 10 % 10));
            append(name, (char)('0' + byte % 10));
        }
    }
}

/* RFC 1035 §4.1.4. Every pointer must lead to before the place it was reached from: the positions
 * fall strictly, so the walk ends. Returns NULL, or what is wrong. */
static const char *read_name(struct reader *reader, char ret_name[DNSMSG_NAME_SIZE])
{
    struct name_text name = {.text = ret_name};
    struct reader at = *reader;
    size_t lowest = reader->at;
    size_t wire = 0;
    bool jumped = false;
    for (;;) {
        uint8_t length = read_u8(&at);
        if (!reader_ok(&at))
            return "a name runs past the end";
        if ((length & LABEL_POINTER) == LABEL_POINTER) {
            size_t target = (size_t)(length & 0x3F) << 8 | read_u8(&at);
            if (!reader_ok(&at))
                return "a name runs past the end";
            if (!jumped)
                *reader = at;
            jumped = true;
            if (target >= lowest)
                return "a compression pointer does not point backwards";
            lowest = target;
            at = reader_of(reader->bytes, reader->length);
            read_skip(&at, target);
            continue;
        }
        if ((length & LABEL_POINTER) != 0)
            return "a label is longer than 63 bytes";
        wire += 1u + length;
        if (wire > NAME_WIRE_MAX)
            return "a name is longer than 255 bytes";
        if (length == 0)
            break;
        const uint8_t *label = read_bytes(&at, length);
        if (label == NULL)
            return "a name runs past the end";
        append_label(&name, label, length);
    }
    if (name.full)
        return "a name has too many bytes that no name has";
    ret_name[name.length] = '\0';
    if (!jumped)
        *reader = at;
    return NULL;
}

/* ---- records ----------------------------------------------------------------------------------
 */

static const char *read_data(struct reader *reader, struct dnsmsg_record *record, uint16_t length)
{
    size_t end = reader->at + length;
    const char *wrong = NULL;
    const uint8_t *address = NULL;
    switch ((enum dnsmsg_type)record->type) {
    case DNSMSG_A:
    case DNSMSG_AAAA:
        if (length != (record->type == DNSMSG_A ? 4 : 16))
            return "an address has the wrong length";
        address = read_bytes(reader, length);
        memcpy(record->address, address, length);
        break;
    case DNSMSG_CNAME:
        wrong = read_name(reader, record->target);
        break;
    case DNSMSG_MX:
        record->priority = read_be16(reader);
        wrong = read_name(reader, record->target);
        break;
    case DNSMSG_SRV:
        record->priority = read_be16(reader);
        record->weight = read_be16(reader);
        record->port = read_be16(reader);
        wrong = read_name(reader, record->target);
        break;
    }
    if (wrong != NULL)
        return wrong;
    return reader->at == end ? NULL : "the data of a record is not as long as announced";
}

static bool is_known(uint16_t type)
{
    return type == DNSMSG_A || type == DNSMSG_AAAA || type == DNSMSG_CNAME || type == DNSMSG_MX ||
           type == DNSMSG_SRV;
}

/* One record into *record; *ret_known where it is of a type we read. */
static const char *read_record(struct reader *reader, struct dnsmsg_record *record, bool *ret_known)
{
    const char *wrong = read_name(reader, record->owner);
    if (wrong != NULL)
        return wrong;
    record->type = read_be16(reader);
    uint16_t class = read_be16(reader);
    record->ttl = read_be32(reader);
    uint16_t length = read_be16(reader);
    if (!reader_ok(reader) || length > reader_left(reader))
        return "a record runs past the end";
    if (record->ttl > INT32_MAX) /* RFC 2181 §8 */
        record->ttl = 0;
    *ret_known = class == 1 && is_known(record->type);
    if (*ret_known)
        return read_data(reader, record, length);
    read_skip(reader, length);
    return NULL;
}

bool dnsmsg_parse(const void *bytes, size_t length, struct dnsmsg *ret_message, struct fault *fault)
{
    struct dnsmsg *message = ret_message;
    *message = (struct dnsmsg){.rcode = -1};
    struct reader reader = reader_of(bytes, length);
    message->id = read_be16(&reader);
    unsigned flags = read_be16(&reader);
    uint16_t questions = read_be16(&reader);
    uint16_t answers = read_be16(&reader);
    read_skip(&reader, 4);
    if (!reader_ok(&reader))
        return malformed(fault, "shorter than its header");
    message->response = (flags & 0x8000) != 0;
    message->authoritative = (flags & 0x0400) != 0;
    message->truncated = (flags & 0x0200) != 0;
    message->recursion_available = (flags & 0x0080) != 0;
    message->authenticated = (flags & 0x0020) != 0; /* RFC 4035 §3.1.6 */
    message->rcode = (int)(flags & 0xF);
    if (!message->response)
        return malformed(fault, "it is a question");
    if (questions != 1)
        return malformed(fault, "it does not repeat our one question");
    const char *wrong = read_name(&reader, message->question);
    message->question_type = read_be16(&reader);
    read_skip(&reader, 2);
    if (wrong != NULL || !reader_ok(&reader))
        return malformed(fault, wrong != NULL ? wrong : "it ends within the question");

    for (unsigned i = 0; i < answers; i++) {
        struct dnsmsg_record record = {0};
        bool known = false;
        wrong = read_record(&reader, &record, &known);
        if (wrong != NULL && message->truncated)
            break; /* cut where the datagram ended: what came before is good */
        if (wrong != NULL)
            return malformed(fault, wrong);
        /* An answer may hold what nobody asked for, signatures first; it must not fill our cap. */
        if (!known || (record.type != message->question_type && record.type != DNSMSG_CNAME))
            continue;
        if (message->count == DNSMSG_RECORDS_MAX)
            message->dropped++;
        else
            message->records[message->count++] = record;
    }
    return true;
}

/* ---- aliases ----------------------------------------------------------------------------------
 */

static const struct dnsmsg_record *alias_of(const struct dnsmsg *message, const char *name)
{
    for (size_t i = 0; i < message->count; i++) {
        const struct dnsmsg_record *record = &message->records[i];
        if (record->type == DNSMSG_CNAME && text_equal_nocase(record->owner, name))
            return record;
    }
    return NULL;
}

bool dnsmsg_follow(const struct dnsmsg *message, const char *name, enum dnsmsg_type type,
    struct dnsmsg_path *ret_path, struct fault *fault)
{
    struct dnsmsg_path *path = ret_path;
    *path = (struct dnsmsg_path){.canonical = name, .ttl = UINT32_MAX};
    if (type == DNSMSG_CNAME)
        return true;
    for (;;) {
        const struct dnsmsg_record *alias = alias_of(message, path->canonical);
        if (alias == NULL)
            return true;
        bool seen = text_equal_nocase(alias->target, name);
        for (size_t i = 0; i < path->count; i++)
            seen = seen || strcmp(path->names[i], alias->target) == 0;
        if (seen)
            return fault_set(fault, CAUSE_NAME_LOOP, ORIGIN_DNS, message->rcode,
                "%.80s is an alias of itself, by way of %.80s", name, alias->owner);
        if (path->count == DNSMSG_ALIASES_MAX)
            return fault_set(fault, CAUSE_NAME_LOOP, ORIGIN_DNS, message->rcode,
                "%.80s leads through more than %d aliases", name, DNSMSG_ALIASES_MAX);
        path->names[path->count++] = alias->target;
        path->canonical = alias->target;
        if (alias->ttl < path->ttl)
            path->ttl = alias->ttl;
    }
}
