#include "net/wire/rfri.h"

#include "net/wire/ecodes.h"
#include "net/wire/mapiprops.h"
#include "net/wire/ndr.h"

#include <string.h>

const char *rfri_opnum_str(enum rfri_opnum opnum)
{
    switch (opnum) {
    case RFRI_NEW_DSA:
        return "RfrGetNewDSA";
    case RFRI_FQDN:
        return "RfrGetFQDNFromServerDN";
    }
    return "RFRI";
}

bool rfri_write(struct writer *writer, enum rfri_opnum opnum, const char *dn)
{
    uint32_t referent = 0;
    size_t size = strlen(dn) + 1;
    if (size > RFRI_DN_MAX || (opnum == RFRI_FQDN && size < RFRI_DN_MIN))
        return false;
    ndr_put_u32(writer, 0); /* ulFlags */
    switch (opnum) {
    case RFRI_NEW_DSA:
        ndr_put_string8(writer, dn);
        ndr_put_pointer(writer, &referent, false); /* ppszUnused */
        /* ppszServer is unique, in and out: only where we send a place does an answer fit. */
        ndr_put_pointer(writer, &referent, true);
        ndr_put_pointer(writer, &referent, true);
        ndr_put_string8(writer, "");
        break;
    case RFRI_FQDN:
        ndr_put_u32(writer, (uint32_t)size); /* cbMailboxServerDN */
        ndr_put_string8(writer, dn);         /* size_is(cbMailboxServerDN) */
        break;
    }
    return writer_ok(writer);
}

/* `[unique, string] unsigned char **`: two pointers, then the text. */
static const char *read_text(struct reader *reader, struct arena *arena)
{
    if (!ndr_pointer(reader) || !ndr_pointer(reader))
        return NULL;
    return ndr_string8(reader, arena, RFRI_HOST_MAX);
}

bool rfri_read(struct arena *arena, enum rfri_opnum opnum, const void *stub, size_t length,
    struct rfri_answer *ret_answer, struct fault *fault)
{
    struct rfri_answer answer = {0};
    struct reader reader = reader_of(stub, length);
    switch (opnum) {
    case RFRI_NEW_DSA:
        read_text(&reader, arena); /* ppszUnused */
        answer.host = read_text(&reader, arena);
        break;
    case RFRI_FQDN: /* the outer pointer is a reference: not on the wire */
        if (ndr_pointer(&reader))
            answer.host = ndr_string8(&reader, arena, RFRI_HOST_MAX);
        break;
    }
    answer.status = ndr_u32(&reader);
    if (!reader_ok(&reader))
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "the answer to %s breaks its format at byte %zu of %zu", rfri_opnum_str(opnum),
            reader.at, length);
    if (answer.host != NULL && *answer.host == '\0')
        answer.host = NULL;
    *ret_answer = answer;
    return true;
}

bool rfri_succeeded(enum rfri_opnum opnum, const struct rfri_answer *answer, struct fault *fault)
{
    const char *call = rfri_opnum_str(opnum);
    if (answer->status == 0 && answer->host != NULL)
        return true;
    if (answer->status == 0)
        return fault_set(
            fault, CAUSE_NO_OBJECT, ORIGIN_MAPI, 0, "%s succeeded, but names no server", call);
    const char *name = ecode_name(answer->status), *words = ecode_words(answer->status);
    enum cause cause = ecode_cause(answer->status);
    return fault_set(fault, cause, ORIGIN_MAPI, (long)answer->status, "%s answered 0x%08X%s%s: %s",
        call, (unsigned)answer->status, name == NULL ? "" : " ", name == NULL ? "" : name, words);
}
