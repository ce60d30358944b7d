#include "probes/mapi_http.h"

#include "net/wire/nspi_http.h"
#include "net/wire/text.h"
#include "probes/offer.h"

enum { BODY_MAX = 16384 };

struct book_call {
    struct session *session;
    struct mapi_context context;
    struct mapi_exchange exchange; /* the last one */
};

static bool book_call(void *context, const struct nspi_call *call, struct nspi_answer *ret_answer,
    struct fault *fault)
{
    struct book_call *book = context;
    struct arena *arena = &book->session->arena;
    struct writer body = writer_of(arena_alloc(arena, BODY_MAX), BODY_MAX);
    uint32_t code = 0;
    if (!nspi_http_write(&body, call))
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "%s: our own request is too large", nspi_opnum_str(call->opnum));
    http_response_done(&book->exchange.response);
    if (!mapi_exchange(book->session, &book->context, nspi_http_type(call->opnum), &body,
            &book->exchange, fault))
        return false;
    const struct mapi_binary answer = {
        book->exchange.answer.frame.body, book->exchange.answer.frame.body_length};
    if (!nspi_http_read(arena, call->opnum, &answer, &code, ret_answer, fault))
        return false;
    return code == 0 || mapi_code_fault(fault, code, nspi_opnum_str(call->opnum));
}

static void trace_book(void *context, char direction, const char *line)
{
    const struct book_call *book = context;
    session_trace(book->session, direction, "%s", line);
}

/* Read once for a row: the account's address, and those of all further mailboxes. */
const struct book_seen *mapi_read_book(struct session *session)
{
    struct mapi_session *mapi = mapi_session_of(session);
    if (mapi->book != NULL)
        return mapi->book;
    struct book_call call = {.session = session};
    const struct book_way way = {&call, book_call, trace_book};
    mapi_context_open(session,
        mapi_target(&session->arena, session->endpoint.path, "nspi", mapi->mailbox_id),
        &call.context);
    mapi->book = arena_alloc(&session->arena, sizeof *mapi->book);
    mapi_read_names(session, &way, mapi->legacy_dn, mapi->book);
    mapi->book_exchange = call.exchange;
    return mapi->book;
}

/* GetMailboxUrl is what leads from a server's DN to its store ([MS-OXCMAPIHTTP] 2.2.5.18). */
const char *mapi_mailbox_url(struct session *session, const char *server_dn)
{
    struct book_call call = {.session = session};
    struct nspi_call request = {.opnum = NSPI_BIND, .stat = nspi_stat_default()};
    struct nspi_answer answer = {0};
    struct fault fault;
    const char *url = NULL;
    mapi_context_open(session,
        mapi_target(&session->arena, session->endpoint.path, "nspi", session->mapi->mailbox_id),
        &call.context);
    if (book_call(&call, &request, &answer, &fault) && answer.status == NSPI_SUCCESS) {
        request =
            (struct nspi_call){.opnum = NSPI_MAILBOX_URL, .names = &server_dn, .name_count = 1};
        if (book_call(&call, &request, &answer, &fault) && answer.status == NSPI_SUCCESS)
            url = answer.url;
        request = (struct nspi_call){.opnum = NSPI_UNBIND};
        book_call(&call, &request, &answer, &fault);
    }
    http_response_done(&call.exchange.response);
    return url;
}

static const struct fact_def book_facts[] = {BOOK_FACTS, MAPI_HTTP_FACTS, FACT_END};

/* The PING was answered by Exchange, or what speaks its protocol: whoever else answers a logon gets
 * no second one. */
static bool is_answered(const struct session *session)
{
    const char *type = http_header(&session->response, "Content-Type");
    return response_shows_exchange(&session->response) ||
           (type != NULL && text_starts_nocase(type, "application/mapi-http"));
}

static void book_run(struct session *session, struct check *check)
{
    if (!is_answered(session)) {
        check_settle(check, OUTCOME_SKIPPED,
            "not asked: it was not Exchange that answered the logon (mapi.connect)");
        return;
    }
    const struct book_seen *seen = mapi_read_book(session);
    note_mapi_exchange(&session->mapi->book_exchange, check);
    judge_book(seen, session->settings->address, check);
}

const struct probe probe_mapi_book = {
    .id = "mapi.book",
    .title = "the address book resolves the account (NSPI over HTTP)",
    .layer = LAYER_PROTOCOL,
    .facts = book_facts,
    .applies = mapi_applies,
    .run = book_run,
};
