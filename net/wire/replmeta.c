#include "net/wire/replmeta.h"

#include "net/wire/reader.h"

/* DSTIME counts seconds from 1601-01-01. */
static const int64_t epoch_of_1601 = 11644473600;
/* Year 9999: what lies behind is no time. */
static const uint64_t time_max = 265046774399;

bool replmeta_find(
    const void *bytes, size_t length, uint32_t attribute, struct replmeta_change *ret_change)
{
    enum { VERSION_1 = 1, GUID_LENGTH = 16, ENTRY_LENGTH = 48 };
    struct reader reader = reader_of(bytes, length);
    uint32_t version = read_le32(&reader);
    read_skip(&reader, 4); /* reserved */
    uint32_t count = read_le32(&reader);
    read_skip(&reader, 4); /* reserved */
    if (!reader_ok(&reader) || version != VERSION_1 || count > reader_left(&reader) / ENTRY_LENGTH)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct replmeta_change change;
        uint32_t id = read_le32(&reader);
        change.version = read_le32(&reader);
        uint64_t time = read_le64(&reader);
        read_skip(&reader, GUID_LENGTH); /* of the database it was written in */
        change.origin_usn = read_le64(&reader);
        read_skip(&reader, 8); /* the USN here */
        if (id != attribute || time > time_max)
            continue;
        change.changed = (int64_t)time - epoch_of_1601;
        *ret_change = change;
        return reader_ok(&reader);
    }
    return false;
}
