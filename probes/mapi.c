#include "probes/mapi_http.h"

#include <stdio.h>
#include <string.h>

#include "net/wire/ecodes.h"
#include "net/wire/emsmdb.h"
#include "probes/offer.h"

enum { BODY_MAX = 8192 };

bool mapi_applies(const struct endpoint *endpoint)
{
    return endpoint->service == SERVICE_MAPI;
}

void note_mapi_exchange(const struct mapi_exchange *exchange, struct check *check)
{
    if (exchange->request_id != NULL)
        check_text(check, "mapi.request_id", exchange->request_id);
    if (exchange->response.status != 0)
        note_mapi_answer(&exchange->response, &exchange->answer, check);
}

/* ---- PROTOCOL: Connect ---- */

static const struct fact_def connect_facts[] = {
    MAPI_OWNER_FACTS("mapi"),
    {"mapi.mailbox_id", FACT_TEXT,
        "MailboxId of the URL; none: the server was to find the mailbox"},
    {"mapi.ping_code", FACT_INT, "X-ResponseCode of the PING that carried the logon"},
    {"mapi.display_name", FACT_TEXT, "display name the store greets us with"},
    {"mapi.dn_prefix", FACT_TEXT, "DnPrefix of the session"},
    MAPI_ERROR_FACTS("mapi"),
    MAPI_HTTP_FACTS,
    FACT_END,
};

void judge_mapi_connect(const struct mapihttp_session *connected, struct check *check)
{
    struct fault fault;
    uint32_t code =
        connected->result.status != 0 ? connected->result.status : connected->result.error;
    if (code != EC_NONE) {
        mapi_code_fault(&fault, code, "Connect");
        note_mapi_error(check, "mapi", code);
        check_fail(check, &fault);
        return;
    }
    if (*connected->display_name != '\0')
        check_text(check, "mapi.display_name", connected->display_name);
    if (*connected->dn_prefix != '\0')
        check_text(check, "mapi.dn_prefix", connected->dn_prefix);
    check_settle(check, OUTCOME_PASS, "MAPI over HTTP connects, server %s",
        check_get_text(check, "exchange.product", "of an unnamed version"));
}

bool mapi_connect(struct session *session, struct mapi_context *context, const char *user_dn,
    struct mapihttp_session *ret_connected, struct mapi_exchange *ret_exchange, struct fault *fault)
{
    const struct emsmdb_connect connect = {
        .user_dn = user_dn, .code_page = NSPI_CODE_PAGE_WESTERN, .lcid = NSPI_LOCALE_DEFAULT};
    uint8_t bytes[BODY_MAX];
    struct writer body = writer_of(bytes, sizeof bytes);
    *ret_exchange = (struct mapi_exchange){.request_id = NULL};
    if (!mapihttp_connect_write(&body, &connect))
        return fault_set(fault, CAUSE_TOO_LARGE, ORIGIN_EXREACH, 0,
            "the legacy DN that was named has %zu bytes, more than Connect takes", strlen(user_dn));
    session_trace(session, '>', "Connect as %s", user_dn);
    return mapi_exchange(session, context, "Connect", &body, ret_exchange, fault) &&
           mapihttp_connect_read(ret_exchange->answer.frame.body,
               ret_exchange->answer.frame.body_length, &session->arena, ret_connected, fault);
}

/* Codes by which a server may refuse a PING that has no session yet (4.3 shows it with one). */
static bool wants_session(long code)
{
    enum { INVALID_COOKIE = 6, NOT_FOUND = 10, MISSING_COOKIE = 13 };
    return code == INVALID_COOKIE || code == NOT_FOUND || code == MISSING_COOKIE;
}

bool judge_mapi_ping(const struct http_response *response, struct arena *arena, struct check *check)
{
    struct mapi_answer answer;
    struct fault fault;
    bool ok = mapi_answer_read(response, true, arena, &answer, &fault);
    note_mapi_answer(response, &answer, check);
    if (answer.code >= 0)
        check_int(check, "mapi.ping_code", answer.code);
    if (ok || wants_session(answer.code))
        return true;
    check_fail(check, &fault);
    return false;
}

static bool learn_mailbox(struct session *session, struct check *check)
{
    struct mapi_session *mapi = session->mapi;
    struct mapi_owner owner = {.legacy_dn = NULL};
    struct fault fault;
    bool known = mapi_learn_owner(session, mapi_read_book, &owner, &fault);
    mapi->legacy_dn = owner.legacy_dn;
    mapi->user_dn = owner.user_dn;
    mapi->mailbox_id = owner.mailbox_id != NULL
                           ? owner.mailbox_id
                           : mapi_mailbox_id(&session->arena, session->endpoint.path);
    note_mapi_owner(&owner, "mapi", check);
    check_text(check, "mapi.mailbox_id", mapi->mailbox_id);
    if (!known)
        check_fail(check, &fault);
    return known;
}

static void connect_run(struct session *session, struct check *check)
{
    struct mapi_session *mapi = mapi_session_of(session);
    struct mapihttp_session connected;
    struct mapi_exchange exchange;
    struct fault fault;
    if (!judge_mapi_ping(&session->response, &session->arena, check) ||
        !learn_mailbox(session, check))
        return;
    mapi->store.target =
        mapi_target(&session->arena, session->endpoint.path, "emsmdb", mapi->mailbox_id);
    bool ok = mapi_connect(session, &mapi->store, mapi->user_dn, &connected, &exchange, &fault);
    note_mapi_exchange(&exchange, check);
    if (ok)
        judge_mapi_connect(&connected, check);
    else
        check_fail(check, &fault);
    mapi->connected = check->outcome == OUTCOME_PASS;
    http_response_done(&exchange.response);
}

const struct probe probe_mapi_connect = {
    .id = "mapi.connect",
    .title = "MAPI over HTTP connects the account to the store",
    .layer = LAYER_PROTOCOL,
    .facts = connect_facts,
    .applies = mapi_applies,
    .run = connect_run,
};

/* ---- the end ---- */

bool mapi_is_connected(const struct session *session, struct check *check)
{
    const struct mapi_session *mapi = session->mapi;
    if (mapi != NULL && mapi->connected && !mapi->broken)
        return true;
    check_settle(check, OUTCOME_SKIPPED, "%s",
        mapi != NULL && mapi->broken ? "the session with the store has broken before"
                                     : "the session with the store did not come about");
    return false;
}

void mapi_disconnect(struct session *session, struct mapi_context *context)
{
    struct mapi_exchange exchange;
    struct fault fault;
    uint8_t bytes[16];
    struct writer body = writer_of(bytes, sizeof bytes);
    mapihttp_disconnect_write(&body);
    mapi_exchange(session, context, "Disconnect", &body, &exchange, &fault);
    http_response_done(&exchange.response);
}

static const struct fact_def disconnect_facts[] = {
    MAPI_ERROR_FACTS("mapi"), MAPI_HTTP_FACTS, FACT_END};

static void disconnect_run(struct session *session, struct check *check)
{
    struct mapi_exchange exchange;
    struct mapihttp_result result = {0};
    struct fault fault;
    uint8_t bytes[16];
    struct writer body = writer_of(bytes, sizeof bytes);
    if (!mapi_is_connected(session, check))
        return;
    mapihttp_disconnect_write(&body);
    bool ok =
        mapi_exchange(session, &session->mapi->store, "Disconnect", &body, &exchange, &fault) &&
        mapihttp_disconnect_read(exchange.answer.frame.body, exchange.answer.frame.body_length,
            &session->arena, &result, &fault);
    note_mapi_exchange(&exchange, check);
    if (ok && result.error != EC_NONE)
        ok = mapi_code_fault(&fault, result.error, "Disconnect");
    if (ok) {
        check_settle(check, OUTCOME_PASS, "the session is closed");
    } else {
        check->fault = fault;
        check_settle(check, OUTCOME_WARN, "the session was left open: %s", fault.text);
    }
    http_response_done(&exchange.response);
}

const struct probe probe_mapi_disconnect = {
    .id = "mapi.disconnect",
    .title = "the store closes the session",
    .layer = LAYER_PROTOCOL,
    .facts = disconnect_facts,
    .applies = mapi_applies,
    .run = disconnect_run,
};
