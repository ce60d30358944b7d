#include "probes/rpc_dial.h"

#include <string.h>

static const char *method_of(const struct rpc_dial *dial)
{
    return dial->channel == RPCH_OUT ? "RPC_OUT_DATA" : "RPC_IN_DATA";
}

/* ---- in threads of their own ---- */

static bool fail_at(struct rpc_dial *dial, const char *stage)
{
    dial->stage = stage;
    fault_set(&dial->fault, dial->fault.cause, dial->fault.origin, dial->fault.code, "%s: %s",
        method_of(dial), dial->fault.text);
    return false;
}

static struct net_limit limit_of(const struct rpc_dial *dial, const struct beside *beside)
{
    struct net_limit limit = beside_limit(beside);
    if (dial->deadline.at_us != 0)
        limit.deadline = deadline_earlier(limit.deadline, dial->deadline);
    return limit;
}

static bool connect_to(struct rpc_dial *dial, const struct beside *beside)
{
    struct session *session = dial->session;
    struct http_origin origin = {
        .tls = true, .host = session->endpoint.host, .port = session->endpoint.port};
    net_sock sock = NET_SOCK_NONE;
    http_close(dial->conn);
    dial->conn = NULL;
    if (!sock_connect(&session->connect, limit_of(dial, beside), &sock, &dial->fault) ||
        !http_open(
            &origin, sock, session->trust, session->settings->insecure, &dial->conn, &dial->fault))
        return fail_at(dial, "connect");
    if (session->settings->verbose >= 2)
        http_set_trace(dial->conn, session_trace_line, session);
    return true;
}

/* With Content-Length 0. authorization NULL: none. */
static bool ask(struct rpc_dial *dial, const struct beside *beside, const char *target,
    const char *authorization)
{
    const struct http_header headers[] = {
        {"Accept", "application/rpc"}, {"User-Agent", "MSRPC"}, {"Authorization", authorization}};
    const struct http_request request = {.method = method_of(dial),
        .target = target,
        .headers = headers,
        .header_count = authorization != NULL ? 3 : 2,
        .body = "",
        .body_max = HTTP_STREAM_TAKE_MAX,
        .credentials = authorization != NULL};
    http_response_done(&dial->answer);
    if (!http_exchange(dial->conn, &request, limit_of(dial, beside), &dial->answer, &dial->fault))
        return fail_at(dial, http_tls(dial->conn)->done ? "channels" : "connect");
    const struct tls_seen *seen = http_tls(dial->conn);
    memcpy(dial->end_point, seen->end_point, seen->end_point_length);
    dial->end_point_length = seen->end_point_length;
    if (dial->answer.status == 401)
        return true;
    dial->stage = "channels";
    return rpch_refusal(dial->channel, &dial->answer, false, &dial->fault);
}

static void dial_work(void *context, const struct beside *beside)
{
    struct rpc_dial *dial = context;
    if (connect_to(dial, beside))
        (void)ask(dial, beside, dial->offer_target, NULL);
}

static bool no_challenge(struct rpc_dial *dial)
{
    dial->stage = "logon";
    return fault_set(&dial->fault, CAUSE_NO_SCHEME, ORIGIN_HTTP, 401,
        "%s answers the first message of %s with 401 and no challenge", method_of(dial),
        dial->attempt.header);
}

static bool take_legs(struct rpc_dial *dial, const struct beside *beside)
{
    logon_legs_done(&dial->legs);
    if (!logon_legs_open(dial->session, &dial->attempt, dial->end_point, dial->end_point_length,
            &dial->legs, &dial->fault))
        return fail_at(dial, "logon");
    for (int leg = 0; !logon_legs_will_prove(&dial->legs); leg++) {
        if (leg == LOGON_LEGS_MAX)
            return no_challenge(dial);
        if (!logon_legs_next(&dial->legs, &dial->fault))
            return fail_at(dial, "logon");
        bool ok = ask(dial, beside, dial->target, dial->legs.authorization);
        logon_legs_forget(&dial->legs);
        if (!ok)
            return false;
        if (!logon_legs_take(&dial->legs, &dial->answer))
            return no_challenge(dial);
    }
    return true;
}

/* A server may close after its 401; the channel bindings stay those of the first connection. */
static void prepare_work(void *context, const struct beside *beside)
{
    struct rpc_dial *dial = context;
    if ((dial->dialling != NULL && !beside_wait(dial->dialling)) || dial->fault.cause != CAUSE_NONE)
        return;
    if (http_usable(dial->conn) || connect_to(dial, beside))
        (void)take_legs(dial, beside);
}

/* ---- the chain's side ---- */

void rpc_dial_begin(struct rpc_dial *dial, struct session *session, enum rpch_channel channel,
    const char *offer_target)
{
    rpc_dial_begin_until(dial, session, channel, offer_target, (struct deadline){.at_us = 0});
}

void rpc_dial_begin_until(struct rpc_dial *dial, struct session *session, enum rpch_channel channel,
    const char *offer_target, struct deadline deadline)
{
    *dial = (struct rpc_dial){.session = session, .channel = channel, .deadline = deadline};
    dial->offer_target = arena_strdup(&dial->arena, offer_target);
    dial->dialling = run_beside(session, dial_work, dial);
}

void rpc_dial_prepare(
    struct rpc_dial *dial, const char *target, const struct logon_attempt *attempt)
{
    beside_join(dial->preparing);
    dial->target = target;
    dial->attempt = *attempt;
    dial->preparing = run_beside(dial->session, prepare_work, dial);
}

static void join(struct rpc_dial *dial)
{
    beside_join(dial->preparing);
    dial->preparing = NULL;
    beside_join(dial->dialling);
    dial->dialling = NULL;
}

bool rpc_dial_ready(struct rpc_dial *dial, struct rpch_leg *ret_leg, struct fault *fault)
{
    join(dial);
    /* It may have been closed while the chain was at the gate. */
    if (dial->fault.cause == CAUSE_NONE && !http_usable(dial->conn)) {
        rpc_dial_prepare(dial, dial->target, &dial->attempt);
        join(dial);
    }
    if (dial->fault.cause == CAUSE_NONE && !logon_legs_next(&dial->legs, &dial->fault))
        fail_at(dial, "logon");
    if (dial->fault.cause != CAUSE_NONE) {
        *fault = dial->fault;
        return false;
    }
    *ret_leg = (struct rpch_leg){.conn = dial->conn, .authorization = dial->legs.authorization};
    return true;
}

void rpc_dial_done(struct rpc_dial *dial)
{
    beside_cut(dial->dialling); /* which the other waits for */
    beside_drop(dial->preparing);
    beside_drop(dial->dialling);
    logon_legs_done(&dial->legs);
    http_close(dial->conn);
    http_response_done(&dial->answer);
    arena_done(&dial->arena);
    *dial = (struct rpc_dial){.conn = NULL};
}
