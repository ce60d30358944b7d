#include "probes/mapi_http.h"

#include <stdio.h>
#include <string.h>

#include "net/wire/ecodes.h"
#include "net/wire/emsmdb.h"
#include "net/wire/text.h"
#include "probes/offer.h"
#include "probes/run.h"

enum {
    BODY_MAX = 8192,
    /* Five logons to the wrong server within ten seconds, and the server pauses us ([MS-OXCSTOR]
     * 3.2.5.1.3, ecServerPaused): a run stays below, whatever its rows do at once. */
    WRONG_SERVERS_MAX = 3
};

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

/* The n-th answer "wrong server" of the run, of all rows; false: there were enough. */
static bool take_wrong_server(struct session *session)
{
    char what[40], who[256];
    for (int i = 0; i < WRONG_SERVERS_MAX; i++) {
        snprintf(what, sizeof what, "mapi wrong server %d", i);
        if (run_claim(session, what, who))
            return true;
    }
    return false;
}

static bool may_ask_again(struct session *session)
{
    char what[40], who[256];
    snprintf(what, sizeof what, "mapi wrong server %d", WRONG_SERVERS_MAX - 1);
    if (!run_claim(session, what, who))
        return false;
    run_release(session, what);
    return true;
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
    if (!mapi_connect(session, &context, mapi->legacy_dn, &connected, ret_exchange, fault))
        return false;
    uint32_t code = connected.result.status != 0 ? connected.result.status : connected.result.error;
    if (code != EC_NONE)
        return mapi_code_fault(fault, code, "Connect at the other server");
    struct store_call call = {.session = session, .context = &context, .exchange = *ret_exchange};
    const struct store_way way = {&call, execute, trace_store};
    bool ok = store_read(&way, wanted->kind, wanted->legacy_dn, &session->arena, ret_seen, fault);
    *ret_exchange = call.exchange;
    mapi_disconnect(session, &context);
    return ok;
}

/* The MailboxId of the server that a redirection names, where it is to be reached on this
 * connection; NULL: it is not. */
static const char *follow(struct session *session, const struct rop_logon *logon)
{
    const char *server = store_redirect(&session->arena, logon);
    if (server == NULL || strchr(server, '@') != NULL)
        return server;
    const char *url = mapi_mailbox_url(session, logon->server);
    const char *host = url != NULL ? strstr(url, "://") : NULL;
    session_trace(session, '*', "the store of %s: %s", server, url != NULL ? url : "not known");
    if (host == NULL)
        return NULL;
    size_t length = strcspn(host + 3, ":/?#");
    bool here = strlen(session->endpoint.host) == length &&
                text_starts_nocase(host + 3, session->endpoint.host);
    return here ? mapi_mailbox_id(&session->arena, url) : NULL;
}

static bool is_wrong_server(const struct store_seen *seen)
{
    return seen->logon.result == EC_WRONG_SERVER;
}

static bool read_store(struct session *session, const struct wanted *wanted, struct check *check,
    struct store_seen *ret_seen)
{
    struct store_call call = {.session = session, .context = &session->mapi->store};
    const struct store_way way = {&call, execute, trace_store};
    struct fault fault;
    bool ok = store_read(&way, wanted->kind, wanted->legacy_dn, &session->arena, ret_seen, &fault);
    struct mapi_exchange exchange = call.exchange;
    if (ok && is_wrong_server(ret_seen) && take_wrong_server(session)) {
        const char *server = follow(session, &ret_seen->logon);
        check_text(check, "mapi.redirect", store_redirect(&session->arena, &ret_seen->logon));
        check_bool(check, "mapi.redirect_followed", server != NULL);
        if (server != NULL) {
            http_response_done(&exchange.response);
            ok = read_elsewhere(session, server, wanted, ret_seen, &exchange, &fault);
            if (ok && is_wrong_server(ret_seen))
                take_wrong_server(session);
        }
    }
    note_mapi_exchange(&exchange, check);
    http_response_done(&exchange.response);
    if (!ok && fault.origin == ORIGIN_MAPI && check_fact(check, "mapi.error") == NULL)
        note_mapi_error(check, "mapi", (uint32_t)fault.code);
    if (!ok) {
        session->mapi->broken = true;
        check_fail(check, &fault);
    }
    return ok;
}

static const struct fact_def mailbox_facts[] = {STORE_FACTS("mapi"), MAPI_HTTP_FACTS, FACT_END};
static const struct fact_def public_facts[] = {PUBLIC_FACTS("mapi"), MAPI_HTTP_FACTS, FACT_END};

static void mailbox_run(struct session *session, struct check *check)
{
    struct store_seen seen;
    if (!mapi_is_connected(session, check))
        return;
    const struct wanted wanted = {ROP_LOGON_OWN, session->mapi->legacy_dn};
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

static size_t mailbox_subjects(const struct settings *settings)
{
    return settings->mailboxes.count;
}

static const char *mailbox_subject(const struct settings *settings, size_t index)
{
    return settings->mailboxes.list[index];
}

/* The legacy DN of a further mailbox; NULL: settled. */
static const char *other_dn(struct session *session, struct check *check)
{
    const struct book_seen *seen = mapi_read_book(session);
    const struct settings *settings = session->settings;
    struct fault fault;
    for (size_t i = 0; i < settings->mailboxes.count && i + 1 < seen->count; i++) {
        const struct book_entry *entry = &seen->entries[i + 1];
        if (strcmp(settings->mailboxes.list[i], check->subject) != 0)
            continue;
        if (entry->legacy_dn != NULL)
            return entry->legacy_dn;
        fault_set(&fault, entry->match == BOOK_AMBIGUOUS ? CAUSE_AMBIGUOUS : CAUSE_NO_MAILBOX,
            ORIGIN_MAPI, 0, "the address book has %s with the address %.100s",
            entry->match == BOOK_AMBIGUOUS ? "several objects" : "nobody", check->subject);
        check_fail(check, &fault);
        return NULL;
    }
    check_settle(check, OUTCOME_SKIPPED,
        "its legacy DN is not known: the address book does not answer (mapi.book)");
    return NULL;
}

static void other_run(struct session *session, struct check *check)
{
    struct store_seen seen;
    if (!mapi_is_connected(session, check))
        return;
    if (!may_ask_again(session)) {
        check_settle(check, OUTCOME_SKIPPED,
            "not asked: one more logon to the wrong server, and it would pause us");
        return;
    }
    const char *legacy_dn = other_dn(session, check);
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
    .subjects = mailbox_subjects,
    .subject = mailbox_subject,
};

static size_t public_subjects(const struct settings *settings)
{
    return settings->public_folders ? 1 : 0;
}

static const char *public_subject(const struct settings *settings, size_t index)
{
    (void)settings;
    (void)index;
    return "public folders";
}

static void public_run(struct session *session, struct check *check)
{
    struct store_seen seen;
    const struct wanted wanted = {ROP_LOGON_PUBLIC, NULL};
    if (!mapi_is_connected(session, check))
        return;
    if (!may_ask_again(session)) {
        check_settle(check, OUTCOME_SKIPPED,
            "not asked: one more logon to the wrong server, and it would pause us");
        return;
    }
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
    .subjects = public_subjects,
    .subject = public_subject,
};
