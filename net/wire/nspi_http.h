/*
 * The address book calls as MAPI over HTTP carries them: request and response bodies.
 * [MS-OXCMAPIHTTP] 2.2.5, 2.2.1. Pure.
 *
 * Calls and answers are those of net/wire/nspi.h: the handle is a cookie here, and strings are
 * Unicode. What stands before the body (PROCESSING, DONE, headers: 2.2.2.2, 2.2.7) is not read
 * here: a body starts with StatusCode.
 */
#ifndef NET_WIRE_NSPI_HTTP_H
#define NET_WIRE_NSPI_HTTP_H

#include "net/wire/nspi.h"

/* The value of X-RequestType: "Bind", "ResolveNames". NULL: NspiResolveNames has none. 2.2.3.3.1 */
const char *nspi_http_type(enum nspi_opnum opnum);

/* Writes the request body, without auxiliary data. GetMailboxUrl and GetAddressBookUrl: the first
 * name is the DN of a mailbox server, of a user. False: no room, or out of bounds. */
bool nspi_http_write(struct writer *writer, const struct nspi_call *call);

/* Reads the response body. *ret_code: StatusCode; not 0: the request failed and *ret_answer holds
 * nothing. False: malformed or over a bound, *fault says where. An error in
 * ret_answer->status is an answer. */
bool nspi_http_read(struct arena *arena, enum nspi_opnum opnum, const struct mapi_binary *body,
    uint32_t *ret_code, struct nspi_answer *ret_answer, struct fault *fault);

#endif
