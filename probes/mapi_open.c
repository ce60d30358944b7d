#include "probes/mapi_http.h"

#include <string.h>

#include "net/wire/ecodes.h"
#include "net/wire/emsmdb.h"
#include "net/wire/text.h"
#include "probes/offer.h"

enum { BODY_MAX = 8192 };

struct store_call {
    struct session *session;
    struct mapi_context *context;
    struct mapi_exchange exchange; /* the last one */
};

static bool execute(void *context, const void *rops, size_t length, struct mapi_binary *ret_answer,
    struct fault *fault)
{
    struct store_call *store = context;
    struct arena *arena = &store->session->arena;
    struct writer rop = writer_of(arena_alloc(arena, BODY_MAX), BODY_MAX);
    struct writer body = writer_of(arena_alloc(arena, BODY_MAX), BODY_MAX);
    struct mapihttp_execute executed;
    struct ext_buffers buffers;
    if (!ext_buffer_write(&rop, rops, length) ||
        !mapihttp_execute_write(&body, rop.bytes, rop.length))
        return fault_set(
            fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "Execute: our own request is too large");
    http_response_done(&store->exchange.response);
    if (!mapi_exchange(store->session, store->context, "Execute", &body, &store->exchange, fault) ||
        !mapihttp_execute_read(store->exchange.answer.frame.body,
            store->exchange.answer.frame.body_length, arena, &executed, fault))
        return false;
    uint32_t code = executed.result.status != 0 ? executed.result.status : executed.result.error;
    if (code != EC_NONE)
        return mapi_code_fault(fault, code, "Execute");
    if (!ext_buffers_read(executed.rop, executed.rop_length, arena, &buffers, fault))
        return false;
    if (buffers.count == 0)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "the store's answer to Execute has no ROPs in it");
    *ret_answer = (struct mapi_binary){buffers.payloads[0].bytes, buffers.payloads[0].length};
    return true;
}

static void trace_store(void *context, char direction, const char *line)
{
    const struct store_call *store = context;
    session_trace(store->session, direction, "%s", line);
}

struct wanted {
    enum rop_logon_kind kind;
    const char *legacy_dn;
};

/* A Session Context of its own on the server that ecWrongServer names, once. */
static bool read_elsewhere(struct session *session, const char *server, const struct wanted *wanted,
    struct store_seen *ret_seen, struct mapi_exchange *ret_exchange, struct fault *fault)
{
    struct mapi_context context;
    struct mapihttp_session connected;
    struct mapi_session *mapi = session->mapi;
    session_trace(session, '*', "redirected to %s", server);
    mapi_context_open(
        session, mapi_target(&session->arena, session->endpoint.path, "emsmdb", server), &context);
    if (!mapi_connect(session, &context, mapi->user_dn, &connected, ret_exchange, fault))
        return false;
    uint32_t code = connected.result.status != 0 ? connected.result.status : connected.result.error;
    if (code != EC_NONE)
        return mapi_code_fault(fault, code, "Connect at the other server");
    struct store_call call = {.session = session, .context = &context, .exchange = *ret_exchange};
    const struct store_way way = {.context = &call, .execute = execute, .trace = trace_store};
    bool ok = mapi_log_on(session, &way, true, wanted->kind, wanted->legacy_dn, ret_seen, fault);
    *ret_exchange = call.exchange;
    mapi_disconnect(session, &context);
    return ok;
}

/* What may stand in our URL; NULL: the server named something else. */
static const char *mailbox_id_of(const char *text)
{
    static const char good[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@.-_%";
    return text != NULL && text[strspn(text, good)] == '\0' ? text : NULL;
}

/* The MailboxId of the server that a redirection names, where it is to be reached on this
 * connection; NULL: it is not. */
static const char *follow(struct session *session, const struct rop_logon *logon)
{
    const char *server = store_redirect(&session->arena, logon);
    if (server == NULL || strchr(server, '@') != NULL)
        return mailbox_id_of(server);
    const char *url = mapi_mailbox_url(session, logon->server);
    const char *host = url != NULL ? strstr(url, "://") : NULL;
    session_trace(session, '*', "the store of %s: %s", server, url != NULL ? url : "not known");
    if (host == NULL)
        return NULL;
    size_t length = strcspn(host + 3, ":/?#");
    bool here = strlen(session->endpoint.host) == length &&
                text_starts_nocase(host + 3, session->endpoint.host);
    return here ? mailbox_id_of(mapi_mailbox_id(&session->arena, url)) : NULL;
}

static bool is_wrong_server(const struct store_seen *seen)
{
    return seen->logon.result == EC_WRONG_SERVER;
}

static bool read_store(struct session *session, const struct wanted *wanted, struct check *check,
    struct store_seen *ret_seen)
{
    struct store_call call = {.session = session, .context = &session->mapi->store};
    const struct store_way way = {.context = &call, .execute = execute, .trace = trace_store};
    struct fault fault;
    bool ok = mapi_log_on(session, &way, false, wanted->kind, wanted->legacy_dn, ret_seen, &fault);
    struct mapi_exchange exchange = call.exchange;
    if (ok && is_wrong_server(ret_seen)) {
        const char *server = follow(session, &ret_seen->logon);
        check_text(check, "mapi.redirect", store_redirect(&session->arena, &ret_seen->logon));
        check_bool(check, "mapi.redirect_followed", server != NULL);
        if (server != NULL) {
            http_response_done(&exchange.response);
            ok = read_elsewhere(session, server, wanted, ret_seen, &exchange, &fault);
        }
        mapi_followed(session);
    }
    note_mapi_exchange(&exchange, check);
    http_response_done(&exchange.response);
    if (!ok && fault.origin == ORIGIN_MAPI && check_fact(check, "mapi.error") == NULL)
        note_mapi_error(check, "mapi", (uint32_t)fault.code);
    if (!ok) {
        session->mapi->broken = true;
        check_fail(check, &fault);
    }
    bool unasked = ok && ret_seen->unasked;
    if (unasked)
        mapi_settle_unasked(session, "mapi", check);
    else if (ok && ret_seen->logon.result == EC_NONE)
        mapi_note_opened(session, check);
    return ok && !unasked;
}

static const struct fact_def mailbox_facts[] = {STORE_FACTS("mapi"), MAPI_HTTP_FACTS, FACT_END};
static const struct fact_def public_facts[] = {PUBLIC_FACTS("mapi"), MAPI_HTTP_FACTS, FACT_END};

static void mailbox_run(struct session *session, struct check *check)
{
    struct store_seen seen;
    if (!mapi_is_connected(session, check))
        return;
    const struct mapi_session *mapi = session->mapi;
    const struct wanted wanted = {mapi_logon_kind(mapi->user_dn, mapi->legacy_dn), mapi->legacy_dn};
    if (read_store(session, &wanted, check, &seen))
        judge_store(&seen, "mapi", check);
}

const struct probe probe_mapi_mailbox = {
    .id = "mapi.mailbox",
    .title = "Inbox, Contacts, Calendar and voice mail open over MAPI over HTTP",
    .layer = LAYER_MAILBOX,
    .facts = mailbox_facts,
    .applies = mapi_applies,
    .run = mailbox_run,
};

static void other_run(struct session *session, struct check *check)
{
    struct store_seen seen;
    if (!mapi_is_connected(session, check))
        return;
    const char *legacy_dn = mapi_other_dn(session, mapi_read_book(session), "mapi.book", check);
    const struct wanted wanted = {ROP_LOGON_OTHER, legacy_dn};
    if (legacy_dn != NULL && read_store(session, &wanted, check, &seen))
        judge_store(&seen, "mapi", check);
}

const struct probe probe_mapi_mailbox_of = {
    .id = "mapi.mailbox_of",
    .title = "a further mailbox opens over MAPI over HTTP",
    .layer = LAYER_MAILBOX,
    .facts = mailbox_facts,
    .applies = mapi_applies,
    .run = other_run,
    .subjects = mapi_mailbox_subjects,
    .subject = mapi_mailbox_subject,
};

static void public_run(struct session *session, struct check *check)
{
    struct store_seen seen;
    const struct wanted wanted = {ROP_LOGON_PUBLIC, NULL};
    if (!mapi_is_connected(session, check))
        return;
    if (read_store(session, &wanted, check, &seen))
        judge_public(&seen, "mapi", check);
}

const struct probe probe_mapi_public = {
    .id = "mapi.public",
    .title = "the public folder tree opens over MAPI over HTTP",
    .layer = LAYER_MAILBOX,
    .facts = public_facts,
    .applies = mapi_applies,
    .run = public_run,
    .subjects = mapi_public_subjects,
    .subject = mapi_public_subject,
};
