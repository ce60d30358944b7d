#include "probes/rpc_row.h"

#include <string.h>

#include "net/wire/ecodes.h"
#include "probes/offer.h"
#include "probes/rpc_impl.h"

/* ---- lines ---- */

bool rpc_row_line(
    struct session *session, enum rpc_place place, struct rpc_line **ret_line, struct fault *fault)
{
    return rpc_is_tcp(&session->endpoint)
               ? rpc_line_open(session, place, RPC_SEALED, ret_line, fault)
               : rpc_line_reach(session, place, ret_line, fault);
}

bool rpc_wants_seal(const struct rpc_line *line, const struct fault *fault)
{
    bool refused = fault->cause == CAUSE_ACCESS_DENIED || fault->cause == CAUSE_LOGON_REFUSED;
    return line->guard != RPC_SEALED && refused &&
           (fault->origin == ORIGIN_RPC || fault->origin == ORIGIN_MAPI);
}

bool rpc_row_seal(
    struct session *session, struct rpc_line *line, const char *why, struct fault *fault)
{
    const char *reason = arena_strdup(&session->arena, why);
    enum rpc_place place = line->place;
    if (line->guard == RPC_SEALED)
        return false;
    session_trace(session, '*', "%s takes no bare calls (%s): once more, sealed",
        rpc_place_str(place), reason);
    bool ok = rpc_line_open(session, place, RPC_SEALED, &line, fault);
    line->bare = reason;
    return ok;
}

void rpc_row_sealed(struct rpc_line *line, bool helped)
{
    if (!helped)
        line->bare = NULL;
}

void rpc_row_called(struct rpc_line *line, bool ok)
{
    if (line->client != NULL)
        line->seen = *rpc_client_seen(line->client);
    if (!ok)
        line->stage = "call";
}

/* ---- PROTOCOL: EcDoConnectEx ---- */

static const struct fact_def connect_facts[] = {
    MAPI_OWNER_FACTS("rpc"),
    {"rpc.display_name", FACT_TEXT, "display name the store greets us with"},
    {"rpc.dn_prefix", FACT_TEXT, "DnPrefix of the session"},
    {"rpc.store_build", FACT_TEXT, "version of the store, and the product it belongs to"},
    MAPI_ERROR_FACTS("rpc"),
    RPC_LINE_FACTS,
    FACT_END,
};

static bool connect_line(struct session *session, struct rpc_line *line, const char *legacy_dn,
    struct rpc_mailbox *ret_mailbox, struct fault *fault)
{
    *ret_mailbox = (struct rpc_mailbox){.caller = {.client = line->client, .session = session}};
    bool ok = rpc_store_connect(ret_mailbox, legacy_dn, fault);
    rpc_row_called(line, ok);
    return ok;
}

/* What a store answers to a bare call that wants encryption, or that takes whoever calls bare for
 * anonymous (Exchange 2010 behind an RPC proxy). [MS-OXCRPC] 3.1.4.1 */
static bool wants_security(uint32_t code)
{
    return code == EC_NOT_ENCRYPTED || code == EC_CLIENT_VERSION_DISALLOWED ||
           code == EC_ACCESS_DENIED || code == EC_LOGIN_FAILURE;
}

static bool connect_store(struct session *session, struct rpc_line *line, const char *legacy_dn,
    struct rpc_mailbox *ret_mailbox, struct fault *fault)
{
    bool ok = connect_line(session, line, legacy_dn, ret_mailbox, fault);
    uint32_t code = ok ? ret_mailbox->connected.result : EC_NONE;
    const char *why = NULL;
    if (ok && wants_security(code))
        why = arena_printf(
            &session->arena, "EcDoConnectEx answers %s (0x%x)", ecode_name(code), (unsigned)code);
    else if (!ok && rpc_wants_seal(line, fault))
        why = fault->text;
    if (why == NULL || line->guard == RPC_SEALED)
        return ok;
    if (!rpc_row_seal(session, line, why, fault))
        return false;
    bool again = connect_line(session, line, legacy_dn, ret_mailbox, fault);
    rpc_row_sealed(line, again && (code == EC_NONE || ret_mailbox->connected.result != code));
    return again;
}

static bool learn_mailbox(struct session *session, struct check *check)
{
    struct mapi_owner owner = {.legacy_dn = NULL};
    struct fault fault;
    bool known = mapi_learn_owner(session, rpc_read_book, &owner, &fault);
    rpc_session_of(session)->legacy_dn = owner.legacy_dn;
    rpc_session_of(session)->user_dn = owner.user_dn;
    note_mapi_owner(&owner, "rpc", check);
    if (!known)
        check_fail(check, &fault);
    return known;
}

/* 404 behind a logon that went well. */
bool rpc_row_is_nameless(
    const struct rpc_session *rpc, const struct rpc_line *line, struct check *check)
{
    const struct http_response *answers = line->channels.answers;
    bool unknown = answers[RPCH_OUT].status == 404 || answers[RPCH_IN].status == 404;
    if (!rpc->guessed || !unknown)
        return false;
    check_settle(check, OUTCOME_SKIPPED,
        "the name of the RPC server is not known: neither Autodiscover nor the directory told it, "
        "and the proxy does not know %.100s",
        rpc->server);
    return true;
}

static void connect_run(struct session *session, struct check *check)
{
    struct rpc_session *rpc = rpc_session_of(session);
    struct rpc_mailbox *mailbox = arena_alloc(&session->arena, sizeof *mailbox);
    struct rpc_line *line = NULL;
    struct fault fault;
    if (!rpc_row_line(session, RPC_STORE, &line, &fault)) {
        note_rpc_line(line, rpc, check);
        if (!rpc_row_is_nameless(rpc, line, check))
            check_fail(check, &fault);
        return;
    }
    if (!learn_mailbox(session, check)) {
        note_rpc_line(line, rpc, check);
        return;
    }
    bool ok = connect_store(session, line, rpc->user_dn, mailbox, &fault);
    note_rpc_line(line, rpc, check);
    check_text(check, "rpc.bare", line->bare);
    if (ok)
        judge_rpc_connect(&mailbox->connected, check);
    else
        check_fail(check, &fault);
    if (check->outcome == OUTCOME_PASS)
        rpc->store = mailbox;
}

const struct probe probe_rpc_connect = {
    .id = "rpc.connect",
    .title = "RPC connects the account to the store (EcDoConnectEx)",
    .layer = LAYER_PROTOCOL,
    .facts = connect_facts,
    .applies = rpc_applies,
    .run = connect_run,
};

/* ---- MAILBOX ---- */

#define RPC_CALL_FACTS                                                                 \
    {"rpc.stage", FACT_TEXT, "call, where one failed"},                                \
        {"rpc.fault", FACT_TEXT, "status of the fault PDU, in hexadecimal"},           \
        {"rpc.server_ms", FACT_INT, "pulTransTime: how long the server says it took"}, \
    {                                                                                  \
        "rpc.rundown", FACT_BOOL, "the store has ended the session (null handle)"      \
    }

static const struct fact_def mailbox_facts[] = {STORE_FACTS("rpc"), RPC_CALL_FACTS, FACT_END};
static const struct fact_def public_facts[] = {PUBLIC_FACTS("rpc"), RPC_CALL_FACTS, FACT_END};

struct wanted {
    enum rop_logon_kind kind;
    const char *legacy_dn;
};

static bool is_wrong_server(const struct store_seen *seen)
{
    return seen->logon.result == EC_WRONG_SERVER;
}

/* false: settled. */
static bool is_connected(struct session *session, struct check *check)
{
    const struct rpc_session *rpc = rpc_session_of(session);
    const struct rpc_client *client = rpc->lines[RPC_STORE].client;
    /* A line that was opened anew knows nothing of the old session. */
    if (rpc->store != NULL && !rpc->broken && rpc->store->caller.client == client)
        return true;
    check_settle(check, OUTCOME_SKIPPED, "%s",
        rpc->broken ? "the session with the store has broken before"
                    : "the session with the store did not come about");
    return false;
}

bool rpc_server_is_plain(const char *server)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  ".-_@";
    size_t length = strlen(server);
    return length > 0 && length <= 255 && strspn(server, letters) == length;
}

/* An association of its own with the server that ecWrongServer names, once; over HTTP only, where
 * the proxy finds it by its name. false: it is not to be reached. */
static bool read_elsewhere(struct session *session, const char *server, const struct wanted *wanted,
    struct store_seen *ret_seen, struct fault *ret_fault)
{
    const struct rpc_session *rpc = rpc_session_of(session);
    struct rpc_line line;
    struct rpc_mailbox mailbox;
    struct fault fault;
    session_trace(session, '*', "redirected to %s", server);
    if (!rpc_line_elsewhere(session, server, rpc->lines[RPC_STORE].guard, &line, &fault)) {
        session_trace(session, '*', "the store of %s is not reached: %s", server, fault.text);
        rpc_line_done(&line);
        return false;
    }
    *ret_fault = (struct fault){.cause = CAUSE_NONE};
    bool ok = connect_line(session, &line, rpc->user_dn, &mailbox, ret_fault);
    if (ok && mailbox.connected.result != EC_NONE)
        ok = mapi_code_fault(
            ret_fault, mailbox.connected.result, "EcDoConnectEx at the other server");
    if (ok) {
        const struct store_way way = rpc_store_way(&mailbox);
        mapi_log_on(session, &way, true, wanted->kind, wanted->legacy_dn, ret_seen, ret_fault);
        if (!mailbox.rundown && rpc_usable(line.client))
            rpc_store_disconnect(&mailbox, &fault);
    }
    rpc_line_done(&line);
    return true;
}

static bool read_own_server(struct session *session, const struct wanted *wanted,
    struct store_seen *ret_seen, struct fault *fault)
{
    struct rpc_session *rpc = rpc_session_of(session);
    const struct store_way way = rpc_store_way(rpc->store);
    bool ok = mapi_log_on(session, &way, false, wanted->kind, wanted->legacy_dn, ret_seen, fault);
    rpc_row_called(&rpc->lines[RPC_STORE], ok);
    /* A refusal of the store itself ends nothing. */
    bool refused = !ok && fault->origin == ORIGIN_MAPI && rpc_usable(rpc->store->caller.client);
    rpc->broken = rpc->store->rundown || (!ok && !refused);
    return ok;
}

static void note_store_calls(const struct rpc_session *rpc, bool ok, struct check *check)
{
    const struct rpc_line *line = &rpc->lines[RPC_STORE];
    check_int(check, "rpc.server_ms", rpc->store->server_ms);
    if (rpc->store->rundown)
        check_bool(check, "rpc.rundown", true);
    if (ok)
        return;
    check_text(check, "rpc.stage", line->stage);
    if (line->seen.status != 0)
        check_text(
            check, "rpc.fault", arena_printf(&check->arena, "0x%x", (unsigned)line->seen.status));
}

/* A second wrong server counts, and is not followed. */
static bool follow(struct session *session, const struct wanted *wanted, struct check *check,
    struct store_seen *seen, struct fault *fault)
{
    const char *server = store_redirect(&session->arena, &seen->logon);
    struct fault why = {.cause = CAUSE_NONE};
    check_text(check, "rpc.redirect", server);
    bool asked = server != NULL && rpc_server_is_plain(server) &&
                 read_elsewhere(session, server, wanted, seen, &why);
    check_bool(check, "rpc.redirect_followed", asked);
    if (why.cause != CAUSE_NONE) {
        *fault = why;
        return false;
    }
    return true;
}

static bool read_store(struct session *session, const struct wanted *wanted, struct check *check,
    struct store_seen *ret_seen)
{
    struct rpc_session *rpc = rpc_session_of(session);
    struct fault fault = {.cause = CAUSE_NONE};
    bool ok = read_own_server(session, wanted, ret_seen, &fault);
    note_store_calls(rpc, ok, check);
    if (ok && is_wrong_server(ret_seen)) {
        ok = follow(session, wanted, check, ret_seen, &fault);
        mapi_followed(session);
    }
    if (!ok && fault.origin == ORIGIN_MAPI && fault.code != EC_NONE)
        note_mapi_error(check, "rpc", (uint32_t)fault.code);
    if (!ok)
        check_fail(check, &fault);
    bool unasked = ok && ret_seen->unasked;
    if (unasked)
        mapi_settle_unasked(session, "rpc", check);
    else if (ok && ret_seen->logon.result == EC_NONE)
        mapi_note_opened(session, check);
    return ok && !unasked;
}

static void mailbox_run(struct session *session, struct check *check)
{
    struct store_seen seen;
    if (!is_connected(session, check))
        return;
    const struct rpc_session *rpc = rpc_session_of(session);
    const struct wanted wanted = {mapi_logon_kind(rpc->user_dn, rpc->legacy_dn), rpc->legacy_dn};
    if (read_store(session, &wanted, check, &seen))
        judge_store(&seen, "rpc", check);
}

const struct probe probe_rpc_mailbox = {
    .id = "rpc.mailbox",
    .title = "Inbox, Contacts, Calendar and voice mail open over RPC",
    .layer = LAYER_MAILBOX,
    .facts = mailbox_facts,
    .applies = rpc_applies,
    .run = mailbox_run,
};

static void other_run(struct session *session, struct check *check)
{
    struct store_seen seen;
    if (!is_connected(session, check))
        return;
    const char *legacy_dn = mapi_other_dn(session, rpc_read_book(session), "rpc.book", check);
    const struct wanted wanted = {ROP_LOGON_OTHER, legacy_dn};
    if (legacy_dn != NULL && read_store(session, &wanted, check, &seen))
        judge_store(&seen, "rpc", check);
}

const struct probe probe_rpc_mailbox_of = {
    .id = "rpc.mailbox_of",
    .title = "a further mailbox opens over RPC",
    .layer = LAYER_MAILBOX,
    .facts = mailbox_facts,
    .applies = rpc_applies,
    .run = other_run,
    .subjects = mapi_mailbox_subjects,
    .subject = mapi_mailbox_subject,
};

static void public_run(struct session *session, struct check *check)
{
    struct store_seen seen;
    const struct wanted wanted = {ROP_LOGON_PUBLIC, NULL};
    if (!is_connected(session, check))
        return;
    if (read_store(session, &wanted, check, &seen))
        judge_public(&seen, "rpc", check);
}

const struct probe probe_rpc_public = {
    .id = "rpc.public",
    .title = "the public folder tree opens over RPC",
    .layer = LAYER_MAILBOX,
    .facts = public_facts,
    .applies = rpc_applies,
    .run = public_run,
    .subjects = mapi_public_subjects,
    .subject = mapi_public_subject,
};

/* ---- the end ---- */

static const struct fact_def disconnect_facts[] = {MAPI_ERROR_FACTS("rpc"), FACT_END};

static void disconnect_run(struct session *session, struct check *check)
{
    struct rpc_session *rpc = rpc_session_of(session);
    struct fault fault;
    if (!is_connected(session, check))
        return;
    bool ok = rpc_store_disconnect(rpc->store, &fault);
    rpc->store = NULL;
    if (ok) {
        check_settle(check, OUTCOME_PASS, "the session is closed");
        return;
    }
    if (fault.origin == ORIGIN_MAPI)
        note_mapi_error(check, "rpc", (uint32_t)fault.code);
    check->fault = fault;
    check_settle(check, OUTCOME_WARN, "the session was left open: %s", fault.text);
}

const struct probe probe_rpc_disconnect = {
    .id = "rpc.disconnect",
    .title = "the store closes the session over RPC",
    .layer = LAYER_PROTOCOL,
    .facts = disconnect_facts,
    .applies = rpc_applies,
    .run = disconnect_run,
};
