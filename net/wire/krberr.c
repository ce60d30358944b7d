#include "net/wire/krberr.h"

#include "net/wire/reader.h"

#include <string.h>

enum {
    DER_INTEGER = 0x02,
    DER_OCTET_STRING = 0x04,
    DER_GENERAL_STRING = 0x1B,
    DER_SEQUENCE = 0x30,
    DER_CONTEXT = 0xA0
};

enum { ITEMS_MAX = 32 };

/* PA-DATA types; 3 is PW-SALT and also KERB_ERR_TYPE_EXTENDED, told apart by what is in it. */
enum { PA_EXTENDED = 3, PA_ETYPE_INFO = 11, PA_ETYPE_INFO2 = 19 };

/* One element: its tag and a reader over its contents; false: no more, or malformed (the reader
 * fails). Lengths of up to three bytes are read: e-data is far shorter. */
static bool der_next(struct reader *reader, unsigned *ret_tag, struct reader *ret_contents)
{
    if (reader_left(reader) == 0)
        return false;
    *ret_tag = read_u8(reader);
    size_t length = read_u8(reader);
    if (length > 0x80) {
        size_t bytes = length & 0x7F;
        if (bytes > 3)
            bytes = SIZE_MAX; /* sticks: no reader has that much */
        const uint8_t *more = read_bytes(reader, bytes);
        length = 0;
        for (size_t i = 0; more != NULL && i < bytes; i++)
            length = length << 8 | more[i];
    } else if (length == 0x80) {
        length = SIZE_MAX; /* indefinite: not DER */
    }
    const uint8_t *contents = read_bytes(reader, length);
    if (contents == NULL)
        return false;
    *ret_contents = reader_of(contents, length);
    return true;
}

/* The next element if it has that tag; its contents. The reader is left as it was where it has not.
 */
static bool der_take(struct reader *reader, unsigned tag, struct reader *ret_contents)
{
    struct reader ahead = *reader;
    unsigned found = 0;
    if (!der_next(&ahead, &found, ret_contents) || found != tag)
        return false;
    *reader = ahead;
    return true;
}

/* INTEGER of at most four bytes, two's complement. */
static bool der_int32(struct reader contents, int32_t *ret_value)
{
    size_t length = reader_left(&contents);
    if (length == 0 || length > 4)
        return false;
    uint32_t first = read_u8(&contents);
    uint32_t value = first >= 0x80 ? 0xFFFFFF00U | first : first;
    while (reader_left(&contents) > 0)
        value = value << 8 | read_u8(&contents);
    *ret_value = (int32_t)value;
    return true;
}

/* A field that is wrapped in a context tag: [number] inner. */
static bool der_field(
    struct reader *sequence, unsigned number, unsigned inner, struct reader *ret_contents)
{
    struct reader wrapped;
    return der_take(sequence, DER_CONTEXT | number, &wrapped) &&
           der_take(&wrapped, inner, ret_contents);
}

struct item {
    int32_t type;
    struct reader value;
};

/* PA-DATA and KERB-ERROR-DATA have [1] type and [2] value, TYPED-DATA has [0] and [1]. */
static bool read_item(struct reader sequence, struct item *ret_item)
{
    for (unsigned first = 0; first < 2; first++) {
        struct reader at = sequence, type;
        if (der_field(&at, first, DER_INTEGER, &type) && der_int32(type, &ret_item->type) &&
            der_field(&at, first + 1, DER_OCTET_STRING, &ret_item->value))
            return true;
    }
    return false;
}

/* e-data is one item, or a sequence of items. Returns how many were read. */
static size_t read_items(const void *edata, size_t length, struct item items[ITEMS_MAX])
{
    struct reader whole = reader_of(edata, length), outer, one;
    if (!der_take(&whole, DER_SEQUENCE, &outer))
        return 0;
    if (read_item(outer, &items[0]))
        return 1;
    size_t count = 0;
    while (count < ITEMS_MAX && der_take(&outer, DER_SEQUENCE, &one)) {
        if (read_item(one, &items[count]))
            count++;
    }
    return count;
}

uint32_t krb_edata_ntstatus(const void *edata, size_t length)
{
    struct item items[ITEMS_MAX];
    size_t count = read_items(edata, length, items);
    for (size_t i = 0; i < count; i++) {
        /* KERB-EXT-ERROR: status, reserved, flags. A salt of the same length is text, and no text
         * has a byte 0xC0 to 0xCF at the end of its first four followed by a zero. */
        struct reader value = items[i].value;
        if (items[i].type != PA_EXTENDED || reader_left(&value) != 12)
            continue;
        uint32_t status = read_le32(&value);
        uint32_t reserved = read_le32(&value);
        if (status >> 28 == 0xC && reserved == 0)
            return status;
    }
    return 0;
}

/* The list of ETYPE-INFO2, or of ETYPE-INFO where the KDC sends only that. */
static bool find_etypes(const void *edata, size_t length, struct reader *ret_list)
{
    static const int32_t wanted[] = {PA_ETYPE_INFO2, PA_ETYPE_INFO};
    struct item items[ITEMS_MAX];
    size_t count = read_items(edata, length, items);
    for (size_t w = 0; w < 2; w++) {
        for (size_t i = 0; i < count; i++) {
            struct reader value = items[i].value;
            if (items[i].type == wanted[w] && der_take(&value, DER_SEQUENCE, ret_list))
                return true;
        }
    }
    return false;
}

size_t krb_edata_etypes(const void *edata, size_t length, int32_t *ret_etypes, size_t max)
{
    struct reader list, entry, etype;
    if (!find_etypes(edata, length, &list))
        return 0;
    size_t count = 0;
    while (count < max && der_take(&list, DER_SEQUENCE, &entry)) {
        if (der_field(&entry, 0, DER_INTEGER, &etype) && der_int32(etype, &ret_etypes[count]))
            count++;
    }
    return count;
}

bool krb_edata_salt(const void *edata, size_t length, char *ret_salt, size_t size)
{
    struct reader list, entry, etype, salt;
    if (!find_etypes(edata, length, &list))
        return false;
    while (der_take(&list, DER_SEQUENCE, &entry)) {
        if (!der_field(&entry, 0, DER_INTEGER, &etype))
            continue;
        /* KerberosString in ETYPE-INFO2, octets in ETYPE-INFO. */
        struct reader again = entry;
        if (!der_field(&entry, 1, DER_GENERAL_STRING, &salt) &&
            !der_field(&again, 1, DER_OCTET_STRING, &salt))
            continue;
        size_t salt_length = reader_left(&salt);
        const uint8_t *bytes = read_bytes(&salt, salt_length);
        if (bytes == NULL || salt_length >= size || memchr(bytes, '\0', salt_length) != NULL)
            return false;
        memcpy(ret_salt, bytes, salt_length);
        ret_salt[salt_length] = '\0';
        return true;
    }
    return false;
}

/* [MS-ERREF] 2.3.1 */
static const struct {
    uint32_t status;
    enum cause cause;
} causes[] = {
    {0xC0000064, CAUSE_ACCOUNT_UNKNOWN},      /* NO_SUCH_USER */
    {0xC000006A, CAUSE_PASSWORD_WRONG},       /* WRONG_PASSWORD */
    {0xC000006D, CAUSE_LOGON_REFUSED},        /* LOGON_FAILURE: name or password */
    {0xC000006E, CAUSE_LOGON_REFUSED},        /* ACCOUNT_RESTRICTION */
    {0xC000006F, CAUSE_LOGON_HOURS},          /* INVALID_LOGON_HOURS */
    {0xC0000070, CAUSE_LOGON_WORKSTATION},    /* INVALID_WORKSTATION */
    {0xC0000071, CAUSE_PASSWORD_EXPIRED},     /* PASSWORD_EXPIRED */
    {0xC0000072, CAUSE_ACCOUNT_DISABLED},     /* ACCOUNT_DISABLED */
    {0xC0000133, CAUSE_CLOCK_SKEW},           /* TIME_DIFFERENCE_AT_DC */
    {0xC000015B, CAUSE_LOGON_REFUSED},        /* LOGON_TYPE_NOT_GRANTED */
    {0xC0000193, CAUSE_ACCOUNT_EXPIRED},      /* ACCOUNT_EXPIRED */
    {0xC0000224, CAUSE_PASSWORD_MUST_CHANGE}, /* PASSWORD_MUST_CHANGE */
    {0xC0000234, CAUSE_ACCOUNT_LOCKED},       /* ACCOUNT_LOCKED_OUT */
    {0xC0000413, CAUSE_LOGON_REFUSED},        /* AUTHENTICATION_FIREWALL_FAILED */
};

enum cause ntstatus_cause(uint32_t status)
{
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
        if (causes[i].status == status)
            return causes[i].cause;
    }
    return CAUSE_NONE;
}
