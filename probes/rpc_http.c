#include "probes/rpc_http.h"

#include <string.h>

#include "net/wire/text.h"
#include "probes/offer.h"
#include "probes/rpc_dial.h"
#include "probes/rpc_impl.h"
#include "probes/rpc_row.h"
#include "probes/run.h"

enum {
    AGAIN_MS = 2000 /* at most, where a virtual connection did not come about before */
};

/* What the chain has made on its way, for the first line of RPC_STORE. */
struct rpc_http {
    struct rpc_dial in;
    struct logon_attempt attempt; /* of OUT, and so of all that follows */
    struct rpch *rpch;            /* OUT is open */
    struct rpch_seen seen;
    struct fault fault; /* of OUT; CAUSE_NONE */
    bool due;           /* the line is to be made of this; false: none yet, or it was */
    bool swallowed;     /* what goes on an IN channel does not come through: seen once */
    bool expects;       /* … unless 100 Continue is waited for: seen once */
    bool proved;        /* Exchange itself has answered OUT's logon: further ones may go */
    bool refused;       /* a channel's logon was: no further one is tried */
};

const char *rpc_target(
    struct arena *arena, const struct endpoint *endpoint, const char *server, enum rpc_place place)
{
    int path = (int)strcspn(endpoint->path, "?#");
    return arena_printf(
        arena, "%.*s?%s:%u", path, endpoint->path, server, (unsigned)rpc_place_port(place));
}

const char *rpc_url(struct arena *arena, const char *virtual_directory)
{
    const char *scheme = strstr(virtual_directory, "://");
    const char *host = scheme != NULL ? scheme + 3 : virtual_directory;
    return arena_printf(
        arena, "https://%.*s%s", (int)strcspn(host, "/?# "), host, "/rpc/rpcproxy.dll");
}

void rpc_build_offer(const struct session *session, const char *method, struct arena *arena,
    struct http_request *ret_request)
{
    static const struct http_header headers[] = {
        {"Accept", "application/rpc"}, {"User-Agent", "MSRPC"}};
    const struct endpoint *endpoint = &session->endpoint;
    *ret_request = (struct http_request){.method = method,
        .target = rpc_target(arena, endpoint, endpoint->host, RPC_STORE),
        .headers = headers,
        .header_count = sizeof headers / sizeof headers[0],
        .body = strcmp(method, "GET") == 0 ? NULL : "",
        .body_max = 256 * 1024};
}

/* ---- what the chain does on its way ---- */

static struct rpc_http *http_of(struct session *session)
{
    struct rpc_session *rpc = rpc_session_of(session);
    if (rpc->http == NULL)
        rpc->http = arena_alloc(&session->arena, sizeof *rpc->http);
    return rpc->http;
}

void rpc_dial_in(struct session *session)
{
    struct rpc_http *http = http_of(session);
    const struct endpoint *endpoint = &session->endpoint;
    if (http->in.session == NULL)
        rpc_dial_begin(&http->in, session, RPCH_IN,
            rpc_target(&session->arena, endpoint, endpoint->host, RPC_STORE));
}

/* Autodiscover's word for the store, else the mailbox's own name, else the host itself. */
static void learn_server(struct session *session)
{
    struct rpc_session *rpc = rpc_session_of(session);
    struct known_mailbox known = {.legacy_dn = NULL};
    (void)run_mailbox(session, &known);
    const char *told = known.server != NULL ? known.server : known.mailbox_id;
    bool fits = told != NULL && rpc_server_is_plain(told);
    if (told != NULL && !fits)
        session_trace(session, '*', "no name for an URL, so not asked for: %.100s", told);
    rpc->server = fits ? told : session->endpoint.host;
    rpc->guessed = !fits;
    session_trace(session, '*', "RPC server: %s", rpc->server);
}

void rpc_build_leg(struct session *session, struct http_request *ret_request)
{
    learn_server(session);
    rpc_build_offer(session, "RPC_OUT_DATA", &session->arena, ret_request);
    ret_request->target =
        rpc_target(&session->arena, &session->endpoint, session->rpc->server, RPC_STORE);
}

void rpc_prepare_in(struct session *session, const struct logon_attempt *attempt)
{
    struct rpc_http *http = http_of(session);
    http->attempt = *attempt;
    rpc_dial_in(session);
    rpc_dial_prepare(&http->in,
        rpc_target(&session->arena, &session->endpoint, session->rpc->server, RPC_STORE), attempt);
}

static struct rpch_request request_of(
    struct session *session, const char *server, enum rpc_place place)
{
    const char *path = session->endpoint.path;
    return (struct rpch_request){
        .path = arena_strndup(&session->arena, path, strcspn(path, "?#")),
        .server = server,
        .port = rpc_place_port(place),
        .trace = session->settings->verbose >= 2 ? session_trace_line : NULL,
        .trace_context = session,
    };
}

/* Name and value of each header, for somebody who frees it. */
static void copy_answer(const struct http_response *answer, struct http_response *ret_response)
{
    struct http_response copy = {.status = answer->status,
        .header_count = answer->header_count,
        .length = answer->length,
        .first_byte_us = answer->first_byte_us};
    struct http_header *headers =
        arena_alloc(&copy.arena, (answer->header_count + 1) * sizeof *headers);
    for (size_t i = 0; i < answer->header_count; i++)
        headers[i] =
            (struct http_header){.name = arena_strdup(&copy.arena, answer->headers[i].name),
                .value = arena_strdup(&copy.arena, answer->headers[i].value)};
    copy.headers = headers;
    copy.reason = arena_strdup(&copy.arena, answer->reason);
    copy.body =
        answer->body != NULL ? arena_strndup(&copy.arena, answer->body, answer->length) : NULL;
    *ret_response = copy;
}

bool rpc_send_out(struct session *session, const char *authorization, bool *ret_sent,
    struct http_response *ret_response, struct fault *fault)
{
    struct rpc_http *http = http_of(session);
    struct rpch_request request = request_of(session, session->rpc->server, RPC_STORE);
    request.legs[RPCH_OUT] =
        (struct rpch_leg){.conn = session->http, .authorization = authorization};
    rpch_seen_done(&http->seen);
    http->fault = (struct fault){.cause = CAUSE_NONE};
    http->due =
        rpch_open_out(&request, session_limit(session), &http->rpch, &http->seen, &http->fault);
    const struct http_response *answer = &http->seen.answers[RPCH_OUT];
    *ret_sent = http->due || http->seen.sent[RPCH_OUT];
    if (answer->status == 0) {
        *fault = http->fault;
        return false;
    }
    http->due = true;
    http->proved = rpc_shows_logon(answer) || response_shows_exchange(answer);
    copy_answer(answer, ret_response);
    return true;
}

bool rpc_shows_logon(const struct http_response *response)
{
    const char *type = http_header(response, "Content-Type");
    uint32_t code;
    return (response->status == 200 && type != NULL &&
               text_starts_nocase(type, "application/rpc")) ||
           (response->status == 503 && rts_error_parse(response->reason, &code));
}

/* ---- a line of the chain's own connection ---- */

static void take_in_failure(struct rpc_line *line, struct rpc_dial *in, const struct fault *fault)
{
    line->channels.faults[RPCH_IN] = *fault;
    if (in->answer.status != 0 && in->answer.status != 401)
        copy_answer(&in->answer, &line->channels.answers[RPCH_IN]);
    line->stage = in->stage;
}

static const char *stage_of(const struct rpch_seen *seen)
{
    for (int i = 0; i < RPCH_CHANNELS; i++) {
        if (seen->answers[i].status == 401)
            return "logon";
    }
    bool answered = seen->answers[RPCH_OUT].status == 200 && seen->answers[RPCH_IN].status == 0;
    return answered ? "virtual connection" : "channels";
}

static void count_logon(struct session *session, const struct rpch_seen *seen, int channel)
{
    bool refused = seen->answers[channel].status == 401;
    if (!seen->sent[channel])
        return;
    run_count_logon(session, refused);
    session->rpc->http->refused |= refused;
}

/* Nothing of an IN channel came through in time, neither its logon nor CONN/B1. */
static void note_swallowed(
    struct session *session, const struct rpc_line *line, const struct fault *fault)
{
    if (fault->cause == CAUSE_TIMEOUT && line->channels.faults[RPCH_IN].cause == CAUSE_TIMEOUT)
        session->rpc->http->swallowed = true;
}

/* IN's proof goes out here: OUT has its 200. */
static bool open_own(struct session *session, struct rpc_line *line, struct fault *fault)
{
    struct rpc_http *http = session->rpc->http;
    struct rpch_leg in = {.conn = NULL};
    line->channels = http->seen;
    line->rpch = http->rpch;
    line->out = NULL; /* the chain's */
    http->seen = (struct rpch_seen){.state = RTS_STATE_OUT_WAIT};
    http->rpch = NULL;
    http->due = false;
    if (http->fault.cause != CAUSE_NONE) {
        *fault = http->fault;
        line->stage = stage_of(&line->channels);
        return false;
    }
    if (!http->proved) {
        line->stage = stage_of(&line->channels);
        return fault_set(fault, CAUSE_NOT_EXCHANGE, ORIGIN_HTTP, 200,
            "RPC_OUT_DATA is answered with 200, but by no RPC proxy: IN's logon is not sent");
    }
    if (!rpc_dial_ready(&http->in, &in, fault)) {
        take_in_failure(line, &http->in, fault);
        return false;
    }
    bool ok = rpch_open_in(line->rpch, &in, session_limit(session), &line->channels, fault);
    logon_legs_forget(&http->in.legs);
    line->in = http->in.conn;
    http->in.conn = NULL;
    count_logon(session, &line->channels, RPCH_IN);
    if (!ok)
        line->stage = stage_of(&line->channels);
    return ok;
}

/* ---- a line of two fresh connections ---- */

static const char *server_of(const struct session *session, const struct rpc_line *line)
{
    return line->server != NULL ? line->server : session->rpc->server;
}

/* The password is proved: both log on at the same time. */
static bool open_fresh(
    struct session *session, struct rpc_line *line, bool expect, int limit_ms, struct fault *fault)
{
    struct rpc_dial dials[RPCH_CHANNELS];
    struct rpch_request request = request_of(session, server_of(session, line), line->place);
    const char *target =
        rpc_target(&session->arena, &session->endpoint, request.server, line->place);
    struct deadline until = {.at_us = 0};
    bool ok = true;
    request.expect_continue = expect;
    if (limit_ms > 0)
        until = deadline_in_ms(limit_ms);
    for (int i = 0; i < RPCH_CHANNELS; i++) {
        rpc_dial_begin_until(&dials[i], session, (enum rpch_channel)i, target, until);
        rpc_dial_prepare(&dials[i], target, &session->rpc->http->attempt);
    }
    for (int i = 0; ok && i < RPCH_CHANNELS; i++) {
        ok = rpc_dial_ready(&dials[i], &request.legs[i], fault);
        if (ok)
            continue;
        line->channels.faults[i] = *fault;
        if (dials[i].answer.status != 401)
            copy_answer(&dials[i].answer, &line->channels.answers[i]);
        line->stage = dials[i].stage;
    }
    if (ok) {
        struct net_limit limit = session_limit(session);
        if (limit_ms > 0)
            limit.deadline = deadline_earlier(limit.deadline, deadline_in_ms(limit_ms));
        ok = rpch_open(&request, limit, &line->rpch, &line->channels, fault);
        count_logon(session, &line->channels, RPCH_OUT);
        count_logon(session, &line->channels, RPCH_IN);
        if (!ok)
            line->stage = stage_of(&line->channels);
    }
    if (ok) {
        line->out = dials[RPCH_OUT].conn;
        line->in = dials[RPCH_IN].conn;
        dials[RPCH_OUT].conn = dials[RPCH_IN].conn = NULL;
    }
    rpc_dial_done(&dials[RPCH_OUT]);
    rpc_dial_done(&dials[RPCH_IN]);
    return ok;
}

/* ---- where CONN/C2 stays away ---- */

/* The same method with content of four bytes, which a proxy that buffers hands on: is there an RPC
 * proxy at all? [MS-RPCH] 2.1.2.1.5 */
static void try_echo(struct session *session, struct rpc_line *line)
{
    struct rpc_dial dial;
    struct rpch_request request = request_of(session, server_of(session, line), line->place);
    const char *target =
        rpc_target(&session->arena, &session->endpoint, request.server, line->place);
    struct rpch_echo echo = {.answered = false};
    struct fault fault = {.cause = CAUSE_NONE};
    struct net_limit limit = session_limit(session);
    limit.deadline = deadline_earlier(limit.deadline, deadline_in_ms(AGAIN_MS));
    rpc_dial_begin_until(&dial, session, RPCH_IN, target, limit.deadline);
    rpc_dial_prepare(&dial, target, &session->rpc->http->attempt);
    line->echo_tried = true;
    if (rpc_dial_ready(&dial, &request.legs[RPCH_IN], &fault)) {
        if (rpch_echo(&request, RPCH_IN, limit, &echo, &fault))
            run_count_logon(session, echo.response.status == 401);
        line->echoed = echo.answered;
        http_response_done(&echo.response);
    }
    rpc_dial_done(&dial);
    session_trace(session, '*', "echo by RPC_IN_DATA: %s",
        line->echoed                ? "answered, the RPC proxy lives"
        : fault.cause != CAUSE_NONE ? fault.text
                                    : "no answer of an RPC proxy");
}

/* A few servers want the client to wait for their 100 Continue; most proxies want nothing of it:
 * asked for only where the proxy lives and the channel does not come about without. What failed
 * first stays what is told. */
static bool open_expecting(
    struct session *session, struct rpc_line *line, const struct fault *why, struct fault *fault)
{
    struct rpc_line second = {.place = line->place, .server = line->server};
    struct fault ignored;
    int status = line->channels.answers[RPCH_IN].status;
    bool stays_away = why->cause == CAUSE_TIMEOUT && line->channels.state == RTS_STATE_C2_WAIT;
    bool known = session->rpc->http->swallowed;
    *fault = *why;
    note_swallowed(session, line, why);
    if (stays_away && known)
        return false;
    if (stays_away)
        try_echo(session, line);
    if (!(stays_away && line->echoed) && status != 411 && status != 413)
        return false;
    session_trace(session, '*', "once more, waiting for 100 Continue on RPC_IN_DATA");
    if (!open_fresh(session, &second, true, AGAIN_MS, &ignored)) {
        rpc_line_done(&second);
        return false;
    }
    session->rpc->http->swallowed = false;
    session->rpc->http->expects = true;
    second.echo_tried = line->echo_tried;
    second.echoed = line->echoed;
    second.bare = line->bare;
    rpc_line_done(line);
    *line = second;
    return true;
}

/* ---- lines ---- */

static bool bind_line(
    struct session *session, struct rpc_line *line, enum rpc_guard guard, struct fault *fault)
{
    struct rpc_options options = {.interface = rpc_place_syntax(line->place),
        .server = rpc_place_str(line->place),
        .trace = session->settings->verbose >= 2 ? session_trace_line : NULL,
        .trace_context = session};
    const char *server = server_of(session, line);
    const char *host = strchr(server, '@') == NULL ? server : session->endpoint.host;
    line->stage = "bind";
    if (!rpc_security_of(session, line->place, host, guard, line, &options.security, fault))
        return false;
    struct rpc_transport transport = rpch_transport(line->rpch);
    return rpc_open(
        &transport, &options, session_limit(session), &line->client, &line->seen, fault);
}

bool rpc_http_line_open(
    struct session *session, struct rpc_line *line, enum rpc_guard guard, struct fault *fault)
{
    struct rpc_http *http = http_of(session);
    struct fault why = {.cause = CAUSE_NONE};
    bool own = line->place == RPC_STORE && line->server == NULL && http->due;
    line->stage = "connect";
    if (!own && http->refused)
        return fault_set(fault, CAUSE_LOGON_REFUSED, ORIGIN_HTTP, 401,
            "not tried: a channel of this row was refused its logon");
    if (!own && http->attempt.scheme != NULL && !http->proved)
        return fault_set(fault, CAUSE_NOT_EXCHANGE, ORIGIN_HTTP, 0,
            "not tried: it was not Exchange that answered this row's logon");
    if (!own && http->attempt.scheme == NULL)
        return fault_set(fault, CAUSE_NO_SCHEME, ORIGIN_EXREACH, 0,
            "RPC over HTTP did not log on: nothing to open further channels with");
    int limit_ms = http->swallowed ? AGAIN_MS : 0;
    bool ok = own ? open_own(session, line, &why)
                  : open_fresh(session, line, http->expects, limit_ms, &why);
    if (!ok && !open_expecting(session, line, &why, fault))
        return false;
    if (!bind_line(session, line, guard, fault))
        return false;
    line->stage = "open";
    return true;
}

bool rpc_is_refused(const struct session *session)
{
    const struct rpc_session *rpc = session->rpc;
    return rpc != NULL && rpc->http != NULL &&
           (rpc->http->refused || (rpc->http->attempt.scheme != NULL && !rpc->http->proved));
}

void rpc_http_done(struct rpc_http *http)
{
    if (http == NULL)
        return;
    rpch_close(http->rpch);
    rpch_seen_done(&http->seen);
    rpc_dial_done(&http->in);
    http->rpch = NULL;
    http->due = false;
}

void rpc_let_go(struct rpc_session *rpc)
{
    if (rpc == NULL)
        return;
    for (int i = 0; i < RPC_PLACES; i++)
        rpc_line_done(&rpc->lines[i]);
    if (rpc->http == NULL)
        return;
    rpch_close(rpc->http->rpch);
    rpc->http->rpch = NULL;
    rpc->http->due = false;
}
