/*
 * MAPI over HTTP: the bodies of Connect, Execute and Disconnect, and the frame around every answer.
 *
 * [MS-OXCMAPIHTTP] 2.2.2.2 (frame: PROCESSING, PENDING, DONE, additional headers), 2.2.3.3.3
 * X-ResponseCode, 2.2.4.1 Connect, 2.2.4.2 Execute, 2.2.4.3 Disconnect, 2.2.6 PING (no body). The
 * ROPs travel in extended buffers as over RPC (net/wire/emsmdb, net/wire/rop). Pure.
 *
 * As there: a false return is about the bytes, a server's refusal is in the answer.
 */
#ifndef NET_WIRE_MAPIHTTP_H
#define NET_WIRE_MAPIHTTP_H

#include "net/arena.h"
#include "net/fault.h"
#include "net/wire/emsmdb.h"
#include "net/wire/reader.h"

/* ---- the frame ---- */

enum {
    MAPIHTTP_BODY_MAX = 1 << 20, /* of one HTTP answer */
    MAPIHTTP_HEADERS_MAX = 32,
    MAPIHTTP_LINE_MAX = 1024,
};

struct mapihttp_header {
    const char *name, *value;
};

struct mapihttp_frame {
    bool processing;  /* the first line was PROCESSING */
    uint32_t pending; /* how often PENDING came */
    /* From the additional headers, behind DONE: -1 or NULL: not there. This X-ResponseCode is the
     * final one: the HTTP header of the same name was sent before the work was done. */
    long response_code;
    int64_t elapsed_ms;
    const char *start_time;
    struct mapihttp_header headers[MAPIHTTP_HEADERS_MAX];
    size_t header_count;
    const uint8_t *body; /* a view into the bytes that were read */
    size_t body_length;
};
/* The body of an HTTP answer, un-chunked. False, with the cause: NOT_EXCHANGE: it begins as
 * something else (a portal's page); TRUNCATED: DONE did not come; TOO_LARGE; MALFORMED. On
 * TRUNCATED *ret_frame is filled too: processing and pending say how far the server got. */
bool mapihttp_frame_read(const void *bytes, size_t length, struct arena *arena,
    struct mapihttp_frame *ret_frame, struct fault *fault);

/* ---- X-ResponseCode ---- */

/* Other servers number differently; older grommunio/gromox counts its own eight codes. */
enum mapihttp_numbering {
    MAPIHTTP_SPECIFIED,
    MAPIHTTP_GROMOX,
};
/* Which numbering a server uses. `page`: the text/html body that came with the code, or NULL: its
 * sentence says what the number means, and is believed before the names in the headers Server and
 * X-ServerApplication (either may be NULL). */
enum mapihttp_numbering mapihttp_numbering_of(
    long code, const char *server, const char *application, const char *page);
const char *mapihttp_code_name(enum mapihttp_numbering numbering, long code);  /* NULL: unknown */
const char *mapihttp_code_words(enum mapihttp_numbering numbering, long code); /* never NULL */

/* ---- requests: bodies ---- */

bool mapihttp_connect_write(struct writer *body, const struct emsmdb_connect *connect);
/* rop: extended buffer(s) */
bool mapihttp_execute_write(struct writer *body, const void *rop, size_t length);
bool mapihttp_disconnect_write(struct writer *body);

/* ---- answers: the body behind the frame ---- */

/* status: StatusCode, not 0: the request failed before its work, and error is 0.
 * error: ErrorCode, what the store said; then the rest may be missing. */
struct mapihttp_result {
    uint32_t status, error;
    const uint8_t *aux; /* extended buffer(s), in the arena */
    size_t aux_length;
};

struct mapihttp_session {
    struct mapihttp_result result;
    uint32_t polls_max_ms, retry_count, retry_delay_ms;
    const char *dn_prefix, *display_name; /* UTF-8; "" where missing */
};
bool mapihttp_connect_read(const void *body, size_t length, struct arena *arena,
    struct mapihttp_session *ret_session, struct fault *fault);

struct mapihttp_execute {
    struct mapihttp_result result;
    uint32_t flags;
    const uint8_t *rop; /* extended buffer(s), in the arena */
    size_t rop_length;
};
bool mapihttp_execute_read(const void *body, size_t length, struct arena *arena,
    struct mapihttp_execute *ret_execute, struct fault *fault);

bool mapihttp_disconnect_read(const void *body, size_t length, struct arena *arena,
    struct mapihttp_result *ret_result, struct fault *fault);

#endif
