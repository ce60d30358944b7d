#include "probes/rpc.h"

#include <stdio.h>
#include <string.h>

#include "probes/offer.h"
#include "probes/rpc_http.h"
#include "probes/rpc_impl.h"
#include "probes/run.h"

/* ---- places ---- */

static const struct {
    const char *words;
    uint16_t port;
    const struct rpc_syntax *syntax;
    const char *service; /* of the service principal name inside RPC */
} places[RPC_PLACES] = {
    [RPC_STORE] = {"the store (6001)", 6001, &rpc_emsmdb, "exchangeMDB"},
    [RPC_REFERRAL] = {"the referral (6002)", 6002, &rpc_rfri, "exchangeRFR"},
    [RPC_BOOK] = {"the address book (6004)", 6004, &rpc_nspi, "exchangeAB"},
};

const char *rpc_place_str(enum rpc_place place)
{
    return places[place].words;
}

uint16_t rpc_place_port(enum rpc_place place)
{
    return places[place].port;
}

const struct rpc_syntax *rpc_place_syntax(enum rpc_place place)
{
    return places[place].syntax;
}

bool rpc_applies(const struct endpoint *endpoint)
{
    return endpoint->service == SERVICE_RPC;
}

bool rpc_is_tcp(const struct endpoint *endpoint)
{
    return endpoint->service == SERVICE_RPC && endpoint->port == RPC_MAPPER_PORT;
}

/* ---- the session ---- */

struct rpc_session *rpc_session_of(struct session *session)
{
    if (session->rpc == NULL) {
        session->rpc = arena_alloc(&session->arena, sizeof *session->rpc);
        session->rpc->server = session->endpoint.host;
        for (int i = 0; i < RPC_PLACES; i++)
            session->rpc->lines[i].place = (enum rpc_place)i;
    }
    return session->rpc;
}

void rpc_line_done(struct rpc_line *line)
{
    enum rpc_place place = line->place;
    rpc_close(line->client);
    secctx_free(line->context);
    rpch_close(line->rpch);
    http_close(line->in);
    http_close(line->out);
    rpch_seen_done(&line->channels);
    *line = (struct rpc_line){.place = place};
}

void rpc_session_done(struct rpc_session *rpc)
{
    if (rpc == NULL)
        return;
    for (int i = 0; i < RPC_PLACES; i++)
        rpc_line_done(&rpc->lines[i]);
    rpc_http_done(rpc->http);
}

/* ---- lines ---- */

bool rpc_refuses_logon(const char *scheme, const struct fault *fault)
{
    return scheme != NULL && strcmp(scheme, "NTLM") == 0 && fault->origin == ORIGIN_RPC &&
           fault->cause != CAUSE_ACCESS_DENIED && gate_cause_denies(fault->cause);
}

static bool open_line(
    struct session *session, struct rpc_line *line, enum rpc_guard guard, struct fault *fault)
{
    line->guard = guard;
    bool ok = rpc_is_tcp(&session->endpoint) ? rpc_tcp_line_open(session, line, guard, fault)
                                             : rpc_http_line_open(session, line, guard, fault);
    line->guard = guard; /* of whichever attempt it is */
    /* NTLM's last token has no answer: a refusal shows with the first call (rpc_calls.c). */
    if (line->seen.proved)
        run_count_logon(session, !ok && rpc_refuses_logon(line->scheme, fault));
    session_trace(session, '*', "%s: %s", rpc_place_str(line->place), ok ? "open" : fault->text);
    return ok;
}

bool rpc_line_open(struct session *session, enum rpc_place place, enum rpc_guard guard,
    struct rpc_line **ret_line, struct fault *fault)
{
    struct rpc_line *line = &rpc_session_of(session)->lines[place];
    *ret_line = line;
    if (line->client != NULL && line->guard == guard && rpc_usable(line->client))
        return true;
    rpc_line_done(line);
    return open_line(session, line, guard, fault);
}

/* The interface itself wants more than a bare call; a proxy that denies does not. */
static bool refuses_bare(const struct rpc_line *line, const struct fault *fault)
{
    return line->seen.naked || (line->seen.status != 0 && fault->cause == CAUSE_ACCESS_DENIED);
}

bool rpc_line_reach(
    struct session *session, enum rpc_place place, struct rpc_line **ret_line, struct fault *fault)
{
    struct rpc_line *line = &rpc_session_of(session)->lines[place];
    struct fault why = {.cause = CAUSE_NONE};
    *ret_line = line;
    if (line->client != NULL && rpc_usable(line->client))
        return true; /* at whichever guard it was taken */
    if (rpc_line_open(session, place, RPC_BARE, ret_line, &why))
        return true;
    if (!refuses_bare(line, &why)) {
        *fault = why;
        return false;
    }
    const char *bare = arena_strdup(&session->arena, why.text);
    bool ok = rpc_line_open(session, place, RPC_SEALED, ret_line, fault);
    line->bare = bare;
    return ok;
}

bool rpc_line_elsewhere(struct session *session, const char *server, enum rpc_guard guard,
    struct rpc_line *ret_line, struct fault *fault)
{
    *ret_line = (struct rpc_line){.place = RPC_STORE, .server = server};
    if (rpc_is_tcp(&session->endpoint))
        return fault_set(fault, CAUSE_UNSUPPORTED, ORIGIN_EXREACH, 0,
            "a redirection is followed over HTTP only, where the proxy finds %.80s", server);
    return open_line(session, ret_line, guard, fault);
}

/* ---- security inside RPC ---- */

static bool has_ticket(struct session *session, const char *service, const char *host)
{
    struct krb_ticket ticket;
    struct krb_reply reply;
    struct fault ignored;
    return (session->settings->auth & AUTH_KERBEROS) != 0 &&
           run_ticket(session, service, host, &ticket, &reply, &ignored);
}

/* Over HTTP NTLM may not have been tried yet, where tickets have logged on; over TCP rpc.tcp_logon
 * has asked. Its verdict shows with the first call only: none is given here. */
static bool may_ntlm(struct session *session, struct fault *fault)
{
    struct check self = {.id = session->chain_id};
    char who[256];
    if (session->settings->secret == NULL ||
        (session->settings->auth & (AUTH_NTLM | AUTH_NEGOTIATE)) == 0)
        return fault_set(fault, CAUSE_NO_SCHEME, ORIGIN_EXREACH, 0,
            "security inside RPC: no Kerberos ticket, and %s",
            session->settings->secret == NULL ? "no password for NTLM" : "--auth leaves NTLM out");
    bool tickets = session->scheme != NULL && strcmp(session->scheme, "Kerberos") == 0;
    if (rpc_is_tcp(&session->endpoint) || !tickets)
        return true;
    enum gate_pass pass = run_gate(session, WAY_HTTP, fault, who);
    if (GATE_MUST_TELL(pass))
        run_gate_tell(session, WAY_HTTP, GATE_NO_VERDICT, &self, NULL);
    return pass != GATE_STOP;
}

static enum rpc_auth_level level_of(enum rpc_guard guard)
{
    switch (guard) {
    case RPC_BARE:
        return RPC_LEVEL_NONE;
    case RPC_SEALED:
        break;
    }
    return RPC_LEVEL_PRIVACY;
}

bool rpc_security_of(struct session *session, enum rpc_place place, const char *host,
    enum rpc_guard guard, struct rpc_line *line, struct rpc_security *ret_security,
    struct fault *fault)
{
    const struct settings *settings = session->settings;
    const char *service = places[place].service;
    struct rpc_security security = {.type = RPC_AUTH_NONE, .level = level_of(guard)};
    if (guard == RPC_BARE) {
        *ret_security = security;
        return true;
    }
    bool kerberos = !rpc_session_of(session)->ticket_refused && has_ticket(session, service, host);
    if (!kerberos && !may_ntlm(session, fault))
        return false;
    security.type = kerberos ? RPC_AUTH_SPNEGO : RPC_AUTH_NTLM;
    struct sec_target target = {.service = service,
        .host = arena_strdup(&session->arena, host),
        .flags = SEC_DCE | (guard == RPC_SEALED ? SEC_SIGN | SEC_SEAL : 0u)};
    struct sec_account account = {.user = settings->account,
        .domain = settings->domain,
        .secret = settings->secret,
        .krb = run_krb(session)};
    if (!secctx_new(kerberos ? SEC_KERBEROS : SEC_NTLM, &target, &account, &line->context, fault))
        return false;
    line->scheme = kerberos ? "Kerberos" : "NTLM";
    security.context = line->context;
    *ret_security = security;
    return true;
}

/* ---- facts ---- */

static void note_channel(const struct rpch_seen *seen, enum rpch_channel channel,
    const char *status_key, const char *ended_key, struct check *check)
{
    const struct http_response *answer = &seen->answers[channel];
    if (answer->status != 0) {
        check_int(check, status_key, answer->status);
        note_server(answer, check);
    }
    if (seen->faults[channel].cause != CAUSE_NONE)
        check_text(check, ended_key, seen->faults[channel].text);
    if (seen->has_rpc_error[channel]) {
        struct fault fault;
        rpc_status_fault(seen->rpc_error[channel], "the RPC proxy", &fault);
        check_text(check, "rpc.proxy_error",
            arena_printf(&check->arena, "%x", (unsigned)seen->rpc_error[channel]));
        check_text(check, "rpc.proxy_error_words", fault.text);
    }
}

static void note_ms(struct check *check, const char *key, int64_t us)
{
    if (us > 0)
        check_int(check, key, (us + 500) / 1000);
}

static void note_channels(const struct rpc_line *line, struct check *check)
{
    const struct rpch_seen *seen = &line->channels;
    /* OUT last: where both have answered, its answer tells of the server. */
    note_channel(seen, RPCH_IN, "rpc.in_status", "rpc.in_ended", check);
    note_channel(seen, RPCH_OUT, "rpc.out_status", "rpc.out_ended", check);
    if (seen->faults[RPCH_OUT].cause != CAUSE_NONE || seen->faults[RPCH_IN].cause != CAUSE_NONE)
        check_text(check, "rpc.channel", rpch_channel_str(rpch_blamed(seen)));
    bool stuck = line->rpch == NULL || strcmp(line->stage, "virtual connection") == 0;
    if (stuck && seen->state == RTS_STATE_A3_WAIT)
        check_text(check, "rpc.virtual_connection", "CONN/A3");
    if (stuck && seen->state == RTS_STATE_C2_WAIT)
        check_text(check, "rpc.virtual_connection", "CONN/C2");
    if (line->echo_tried)
        check_bool(check, "rpc.echo", line->echoed);
    note_ms(check, "rpc.answered_ms", seen->answered_us);
    note_ms(check, "rpc.opened_ms", seen->opened_us);
    if (seen->out_timeout_ms != 0)
        check_int(check, "rpc.out_timeout_ms", seen->out_timeout_ms);
    if (seen->in_timeout_ms != 0)
        check_int(check, "rpc.in_timeout_ms", seen->in_timeout_ms);
    if (line->rpch != NULL && rpch_recycling(line->rpch))
        check_bool(check, "rpc.recycling", true);
}

static void note_association(const struct rpc_line *line, struct check *check)
{
    const struct rpc_seen *seen =
        line->client != NULL ? rpc_client_seen(line->client) : &line->seen;
    if (seen->naked)
        check_text(check, "rpc.bind",
            arena_printf(&check->arena, "bind_nak: %s", rpc_nak_words(seen->nak.reason)));
    else if (seen->acked)
        check_text(check, "rpc.bind", "bind_ack");
    if (seen->status != 0)
        check_text(check, "rpc.fault", arena_printf(&check->arena, "0x%x", (unsigned)seen->status));
    if (seen->acked || seen->naked)
        check_text(check, "rpc.level", rpc_auth_level_str(level_of(line->guard)));
    check_text(check, "rpc.scheme", line->scheme);
    check_text(check, "rpc.bare", line->bare);
}

void note_rpc_line(const struct rpc_line *line, const struct rpc_session *rpc, struct check *check)
{
    bool tcp = line->tcp_port != 0;
    check_text(check, "rpc.server", line->server != NULL ? line->server : rpc->server);
    check_int(check, "rpc.port", tcp ? line->tcp_port : rpc_place_port(line->place));
    check_text(check, "rpc.stage", line->stage);
    if (!tcp && line->stage != NULL)
        note_channels(line, check);
    note_association(line, check);
}
