#include "net/dns_private.h"

#include <idn2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/wire/text.h"

static const struct {
    const char *name;
    enum dnsmsg_type wire;
} types[] = {
    [DNS_A] = {"A", DNSMSG_A},
    [DNS_AAAA] = {"AAAA", DNSMSG_AAAA},
    [DNS_CNAME] = {"CNAME", DNSMSG_CNAME},
    [DNS_SRV] = {"SRV", DNSMSG_SRV},
    [DNS_MX] = {"MX", DNSMSG_MX},
};

const char *dns_type_str(enum dns_type type)
{
    return types[type].name;
}

enum dnsmsg_type dns_wire_type(enum dns_type type)
{
    return types[type].wire;
}

bool dns_reply_is_broken(const uint8_t *bytes, size_t length, uint16_t id)
{
    struct dnsmsg *message = xcalloc(1, sizeof *message);
    bool parsed = dnsmsg_parse(bytes, length, message, NULL);
    /* Without a type of the question it was not read as far as there. */
    bool broken = !parsed && message->id == id && message->response && message->question_type == 0;
    free(message);
    return broken;
}

/* ---- what a reply means -----------------------------------------------------------------------
 */

/* RFC 1035 §4.1.1; false where the code is no error. */
static bool rcode_fault(
    const struct dnsmsg *message, const char *name, const char *canonical, struct fault *fault)
{
    int rcode = message->rcode;
    switch (rcode) {
    case 0:
        return false;
    case 1:
        fault_set(fault, CAUSE_NAME_FORMAT, ORIGIN_DNS, rcode,
            "the resolver did not understand the question (FORMERR)");
        return true;
    case 2:
        fault_set(fault, CAUSE_NAME_SERVER_FAILURE, ORIGIN_DNS, rcode,
            "the resolver could not find out about %.120s (SERVFAIL)", name);
        return true;
    case 3:
        if (strcmp(name, canonical) != 0)
            fault_set(fault, CAUSE_NAME_NOT_FOUND, ORIGIN_DNS, rcode,
                "%.70s is an alias of %.70s, which does not exist (NXDOMAIN)", name, canonical);
        else
            fault_set(fault, CAUSE_NAME_NOT_FOUND, ORIGIN_DNS, rcode,
                "%.120s does not exist (NXDOMAIN)", name);
        return true;
    case 4:
    case 5:
        fault_set(fault, CAUSE_NAME_REFUSED, ORIGIN_DNS, rcode,
            "the resolver refuses to answer us (%s)", rcode == 5 ? "REFUSED" : "NOTIMP");
        return true;
    default:
        fault_set(fault, CAUSE_NAME_SERVER_FAILURE, ORIGIN_DNS, rcode,
            "the resolver answers with code %d", rcode);
        return true;
    }
}

static void no_data(
    const struct dnsmsg *message, const char *canonical, enum dns_type type, struct fault *fault)
{
    if (!message->recursion_available && !message->authoritative)
        fault_set(fault, CAUSE_NAME_NO_DATA, ORIGIN_DNS, 0,
            "no %s record for %.100s from this resolver: it does not ask others for us",
            dns_type_str(type), canonical);
    else
        fault_set(fault, CAUSE_NAME_NO_DATA, ORIGIN_DNS, 0, "%.120s exists, but has no %s record",
            canonical, dns_type_str(type));
}

/* The order of RFC 2782: by priority; within one the heavier first, so that a run can be repeated.
 */
static int compare_records(const void *left, const void *right)
{
    const struct dns_record *a = left;
    const struct dns_record *b = right;
    if (a->priority != b->priority)
        return a->priority < b->priority ? -1 : 1;
    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    return strcmp(a->target, b->target);
}

static struct dns_record convert(const struct dnsmsg_record *from)
{
    struct dns_record record = {
        .priority = from->priority,
        .weight = from->weight,
        .port = from->port,
        .ttl = from->ttl,
    };
    if (from->type == DNSMSG_A || from->type == DNSMSG_AAAA)
        (void)net_address_from_bytes(
            from->address, from->type == DNSMSG_A ? 4 : 16, 0, &record.address);
    memcpy(record.target, from->target, sizeof record.target);
    return record;
}

static void take_records(const struct dnsmsg *message, enum dns_type type, struct arena *arena,
    struct dns_answer *answer)
{
    answer->records = arena_alloc(arena, DNS_RECORDS_MAX * sizeof *answer->records);
    answer->dropped = message->dropped;
    for (size_t i = 0; i < message->count; i++) {
        const struct dnsmsg_record *record = &message->records[i];
        if (record->type != dns_wire_type(type) ||
            !text_equal_nocase(record->owner, answer->canonical))
            continue;
        if (record->ttl < answer->ttl)
            answer->ttl = record->ttl;
        if (answer->count == DNS_RECORDS_MAX)
            answer->dropped++;
        else
            answer->records[answer->count++] = convert(record);
    }
    if (type == DNS_SRV || type == DNS_MX)
        qsort(answer->records, answer->count, sizeof *answer->records, compare_records);
}

static void read_message(const struct dnsmsg *message, const char *name, enum dns_type type,
    struct arena *arena, struct dns_answer *answer)
{
    struct dnsmsg_path path;
    bool ends = dnsmsg_follow(message, name, dns_wire_type(type), &path, &answer->fault);
    answer->cname_count = path.count;
    for (size_t i = 0; i < path.count; i++)
        snprintf(answer->cnames[i], DNS_NAME_SIZE, "%s", path.names[i]);
    snprintf(answer->canonical, DNS_NAME_SIZE, "%s", path.canonical);
    if (!ends || rcode_fault(message, name, path.canonical, &answer->fault))
        return;
    answer->ttl = path.ttl;
    take_records(message, type, arena, answer);
    answer->ok = answer->count > 0;
    if (!answer->ok) {
        answer->ttl = 0;
        no_data(message, path.canonical, type, &answer->fault);
    }
}

void dns_read_answer(const uint8_t *bytes, size_t length, const char *name, enum dns_type type,
    struct arena *arena, struct dns_answer *answer)
{
    struct dnsmsg *message = xcalloc(1, sizeof *message); /* 45 KB: no thing for a thread's stack */
    bool parsed = dnsmsg_parse(bytes, length, message, &answer->fault);
    answer->rcode = message->rcode;
    answer->authoritative = message->authoritative;
    answer->truncated = message->truncated;
    answer->authenticated = message->authenticated;
    if (parsed)
        read_message(message, name, type, arena, answer);
    else if (message->rcode > 0) /* a header that stands alone: its code is the answer */
        (void)rcode_fault(message, name, name, &answer->fault);
    free(message);
}

/* ---- names ------------------------------------------------------------------------------------
 */

static bool bad_name(const char *name, const char *why, struct fault *fault)
{
    return fault_set(
        fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0, "\"%.100s\" is no host name: %s", name, why);
}

static bool is_ascii(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text >= 0x80)
            return false;
    }
    return true;
}

/* Labels of 1 to 63 bytes, 253 together (RFC 1035 §2.3.4), of the characters that host names, SRV
 * names and the sloppy names of real networks have. */
static const char *check_labels(const char *name)
{
    size_t label = 0;
    if (strlen(name) > 253)
        return "longer than 253 characters";
    for (const char *at = name;; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte == '.' || byte == '\0') {
            if (label == 0)
                return "it has an empty part";
            if (label > 63)
                return "a part is longer than 63 characters";
            if (byte == '\0')
                return NULL;
            label = 0;
            continue;
        }
        bool fits = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' ||
                    byte == '_';
        if (!fits)
            return "it has a character that no host name has";
        label++;
    }
}

bool dns_normalize(const char *name, char ret_name[DNS_NAME_SIZE], struct fault *fault)
{
    bool ok = false;
    char text[DNS_NAME_SIZE] = "";
    char *ascii = NULL;
    const char *why = NULL;
    size_t length = strlen(name);
    if (length >= 4 * (size_t)DNS_NAME_SIZE)
        return bad_name(name, "too long", fault);
    if (is_ascii(name)) {
        ascii = xstrdup(name);
    } else {
        /* IDNA2008 with the mapping of UTS 46, as browsers do it */
        int status = idn2_to_ascii_8z(name, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
        if (status != IDN2_OK) {
            bad_name(name, idn2_strerror(status), fault);
            goto out;
        }
    }
    length = strlen(ascii);
    if (length > 0 && ascii[length - 1] == '.')
        ascii[--length] = '\0';
    if (length >= sizeof text) {
        bad_name(name, "longer than 253 characters", fault);
        goto out;
    }
    for (size_t i = 0; i < length; i++)
        text[i] = (char)(ascii[i] >= 'A' && ascii[i] <= 'Z' ? ascii[i] - 'A' + 'a' : ascii[i]);
    why = check_labels(text);
    if (why != NULL) {
        bad_name(name, why, fault);
        goto out;
    }
    memcpy(ret_name, text, sizeof text);
    ok = true;
out:
    idn2_free(ascii);
    return ok;
}
