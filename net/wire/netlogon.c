#include "net/wire/netlogon.h"

#include "net/wire/reader.h"

enum { OPCODE_RESPONSE_EX = 23, OPCODE_USER_UNKNOWN_EX = 25, POINTERS_MAX = 16, LABEL_MAX = 63 };

/* One label behind what is there; false: it does not fit, or is not text. */
static bool add_label(
    struct writer *name, const uint8_t *label, size_t length, size_t room, size_t *ret_used)
{
    if (*ret_used + length + 1 >= room)
        return false;
    if (*ret_used > 0)
        write_u8(name, '.');
    for (size_t i = 0; i < length; i++) {
        /* Site names may be UTF-8 (6.3.7); control characters are in no name. */
        if (label[i] < 0x20 || label[i] == 0x7f)
            return false;
    }
    write_bytes(name, label, length);
    *ret_used = name->length;
    return true;
}

/* 6.3.7: RFC 1035 §4.1.4 compression, pointers from the start of the message, backwards only. */
static bool read_name(struct reader *message, char ret_name[NETLOGON_NAME_MAX])
{
    struct writer name = writer_of(ret_name, NETLOGON_NAME_MAX - 1);
    struct reader at = *message;
    bool away = false; /* behind a pointer: the message goes on where the pointer stood */
    size_t used = 0;
    for (int pointers = 0;;) {
        size_t here = at.at;
        uint8_t head = read_u8(&at);
        if (!reader_ok(&at))
            return false;
        if (head == 0)
            break;
        if ((head & 0xc0) == 0xc0) {
            size_t target = (size_t)(head & 0x3f) << 8 | read_u8(&at);
            if (!reader_ok(&at) || target >= here || ++pointers > POINTERS_MAX)
                return false;
            if (!away)
                *message = at;
            away = true;
            at = reader_of(message->bytes, message->length);
            read_skip(&at, target);
            continue;
        }
        const uint8_t *label = head <= LABEL_MAX ? read_bytes(&at, head) : NULL;
        if (label == NULL || !add_label(&name, label, head, NETLOGON_NAME_MAX, &used))
            return false;
    }
    if (!away)
        *message = at;
    ret_name[used] = '\0';
    return true;
}

bool netlogon_read(const void *bytes, size_t length, struct netlogon_answer *ret_answer)
{
    struct netlogon_answer answer = {0};
    char user[NETLOGON_NAME_MAX];
    struct reader reader = reader_of(bytes, length);
    uint16_t opcode = read_le16(&reader);
    read_skip(&reader, 2); /* Sbz */
    answer.flags = read_le32(&reader);
    read_skip(&reader, 16); /* DomainGuid */
    /* 6.3.1.3: we name no user, but a response that says so has the same form. */
    if (!reader_ok(&reader) || (opcode != OPCODE_RESPONSE_EX && opcode != OPCODE_USER_UNKNOWN_EX))
        return false;
    if (!read_name(&reader, answer.forest) || !read_name(&reader, answer.domain) ||
        !read_name(&reader, answer.host) || !read_name(&reader, answer.netbios_domain) ||
        !read_name(&reader, answer.netbios_host) || !read_name(&reader, user) ||
        !read_name(&reader, answer.dc_site) || !read_name(&reader, answer.client_site))
        return false;
    *ret_answer = answer;
    return true;
}
