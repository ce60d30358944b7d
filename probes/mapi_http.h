/*
 * MAPI over HTTP on the chain's one connection: requests with their headers and cookies, answers
 * judged layer by layer. [MS-OXCMAPIHTTP] 2.2.2 (frames), 2.2.3 (headers), 3.1.5 (client).
 */
#ifndef PROBES_MAPI_HTTP_H
#define PROBES_MAPI_HTTP_H

#include "net/wire/mapihttp.h"
#include "probes/mapi.h"

/* ---- pure ---- */

/* The request target of an endpoint ("emsmdb", "nspi") beside the path that was learned, for the
 * mailbox "GUID@domain". NULL: the path's own MailboxId, else the server is to find the mailbox of
 * whoever logs on. */
const char *mapi_target(
    struct arena *arena, const char *path, const char *endpoint, const char *mailbox_id);
/* The value of MailboxId in an URL, or in a path; NULL: it has none. */
const char *mapi_mailbox_id(struct arena *arena, const char *url);

/* The store's URL below that of a virtual directory, "https://mail.contoso.test/mapi". */
const char *mapi_url(struct arena *arena, const char *virtual_directory);

/* One answer: what it is as HTTP, as a frame, and what X-ResponseCode says. */
struct mapi_answer {
    long code; /* the final one; -1: none */
    enum mapihttp_numbering numbering;
    struct mapihttp_frame frame; /* whose body is the call's */
    bool framed;
};
/* true: the call was carried out, its body is in the frame. bodiless: PING's answer may have none.
 * false: HTTP_STATUS, REDIRECTED, NOT_EXCHANGE (a page of somebody else), MAPI_ERROR and others (an
 * X-ResponseCode, which is ret_answer->code), TRUNCATED, MALFORMED, TOO_LARGE. *ret_answer is
 * filled always. */
bool mapi_answer_read(const struct http_response *response, bool bodiless, struct arena *arena,
    struct mapi_answer *ret_answer, struct fault *fault);
/* Facts of MAPI_HTTP_FACTS. */
void note_mapi_answer(
    const struct http_response *response, const struct mapi_answer *answer, struct check *check);

#define MAPI_HTTP_FACTS                                                                     \
    {"mapi.response_code", FACT_INT, "X-ResponseCode; behind DONE where it is there, too"}, \
        {"mapi.response", FACT_TEXT, "what the server means by it, in its own numbering"},  \
        {"mapi.numbering", FACT_TEXT, "gromox: its own numbers, not Exchange's"},           \
        {"mapi.cookies", FACT_LIST, "names of the cookies that the answer sets"},           \
        {"mapi.server", FACT_TEXT, "X-ServerApplication"},                                  \
        {"mapi.frames", FACT_TEXT, "PROCESSING, and how often PENDING came before DONE"},   \
        {"mapi.server_ms", FACT_INT, "X-ElapsedTime: how long the server says it took"},    \
        {"mapi.request_id", FACT_TEXT,                                                      \
            "our X-RequestId, to find the request in the server's logs"},                   \
        {"mapi.failure_context", FACT_TEXT, "X-FailureContext in words"}, SERVER_FACTS

/* ---- on the wire ---- */

/* A Session Context (3.1.1): its cookies, and the numbers of its requests. */
struct mapi_context {
    const char *target;
    const char *cookies; /* a jar for cookie_add() */
    char request_guid[40];
    unsigned requests;
    unsigned number; /* in X-ClientInfo */
};

struct mapi_exchange {
    struct http_response response;
    struct mapi_answer answer;
    const char *request_id;
};

/* What the probes of a MAPI row share; in the session's arena. */
struct mapi_session {
    char client_guid[40];
    unsigned contexts;
    struct mapi_context store;
    bool connected;
    bool broken; /* a call found no answer: what is left of the session is of no use */
    const char *legacy_dn, *mailbox_id; /* of the mailbox, or NULL */
    const char *user_dn;                /* of the account, or NULL */
    struct book_seen *book;             /* once read */
    struct mapi_exchange book_exchange; /* its last call */
};
struct mapi_session *mapi_session_of(struct session *session);
void mapi_session_done(struct mapi_session *mapi); /* NULL is allowed */
void mapi_context_open(
    struct session *session, const char *target, struct mapi_context *ret_context);

/* PING: the request that carries the logon. */
void mapi_build_ping(struct session *session, struct http_request *ret_request);

/* One request of the context. *ret is filled as far as it came; the response is the caller's to
 * free. */
bool mapi_exchange(struct session *session, struct mapi_context *context, const char *type,
    const struct writer *body, struct mapi_exchange *ret, struct fault *fault);
void note_mapi_exchange(const struct mapi_exchange *exchange, struct check *check);

/* A session with the store in a context of its own: Connect … */
bool mapi_connect(struct session *session, struct mapi_context *context, const char *legacy_dn,
    struct mapihttp_session *ret_connected, struct mapi_exchange *ret_exchange,
    struct fault *fault);
void mapi_disconnect(struct session *session, struct mapi_context *context); /* … and the end */
/* The row's own session; false: settled as SKIPPED. */
bool mapi_is_connected(const struct session *session, struct check *check);

/* The address book of this row, read once: the account's address and all further mailboxes. */
const struct book_seen *mapi_read_book(struct session *session);

/* Where the store of a server is, "https://HOST/mapi/emsmdb/?MailboxId=…", as the address book
 * says; NULL: it does not. */
const char *mapi_mailbox_url(struct session *session, const char *server_dn);

/* ---- the probes ---- */

bool mapi_applies(const struct endpoint *endpoint);
extern const struct probe probe_mapi_connect;    /* mapi.c */
extern const struct probe probe_mapi_mailbox;    /* mapi_open.c: the account's own */
extern const struct probe probe_mapi_mailbox_of; /* each --mailbox */
extern const struct probe probe_mapi_public;
extern const struct probe probe_mapi_book; /* mapi_names.c */
extern const struct probe probe_mapi_disconnect;

/* true: the PING was answered by MAPI over HTTP, or by a server that wants a session first. Pure.
 */
bool judge_mapi_ping(
    const struct http_response *response, struct arena *arena, struct check *check);
void judge_mapi_connect(const struct mapihttp_session *connected, struct check *check);

#endif
