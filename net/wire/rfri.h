/*
 * The referral interface of Exchange: which server answers for the address book, and the host name
 * behind a server's legacy DN. [MS-OXABREF] 3.1.4, in NDR. Pure. The interface's identifier is
 * rpc_rfri in net/wire/rpc.h.
 */
#ifndef NET_WIRE_RFRI_H
#define NET_WIRE_RFRI_H

#include "net/arena.h"
#include "net/fault.h"
#include "net/wire/reader.h"

enum rfri_opnum {
    RFRI_NEW_DSA = 0,
    RFRI_FQDN = 1,
};

const char *rfri_opnum_str(enum rfri_opnum opnum); /* "RfrGetNewDSA" */

enum {
    RFRI_DN_MIN = 10, /* of a server's DN, its NUL counted. 3.1.4.2 */
    RFRI_DN_MAX = 1024,
    RFRI_REQUEST_MAX = 2048,
    RFRI_HOST_MAX = 1024,
};

/* The request's stub, to an empty writer. dn: of the user's mailbox ("": not told) for
 * RFRI_NEW_DSA, of a mailbox server for RFRI_FQDN. False: no room, or a DN out of bounds. */
bool rfri_write(struct writer *writer, enum rfri_opnum opnum, const char *dn);

struct rfri_answer {
    uint32_t status;  /* 0, or an error code: ecode_name() */
    const char *host; /* as it came; NULL: none */
};

/* False: malformed, *fault says where. An error status is an answer. */
bool rfri_read(struct arena *arena, enum rfri_opnum opnum, const void *stub, size_t length,
    struct rfri_answer *ret_answer, struct fault *fault);
/* A status of 0 and a host. Else false with the code in words in *fault (ORIGIN_MAPI). */
bool rfri_succeeded(enum rfri_opnum opnum, const struct rfri_answer *answer, struct fault *fault);

#endif
