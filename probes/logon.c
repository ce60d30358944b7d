#include "probes/logon.h"

#include <stdio.h>
#include <string.h>

#include "net/wire/text.h"
#include "probes/autodiscover.h"
#include "probes/ews.h"
#include "probes/logon_legs.h"
#include "probes/mapi_http.h"
#include "probes/offer.h"
#include "probes/rpc_http.h"
#include "probes/run.h"

static const struct fact_def logon_facts[] = {
    {"auth.scheme", FACT_TEXT, "what logged on, or was refused: Kerberos, NTLM, Basic, Bearer"},
    {"auth.header", FACT_TEXT, "the HTTP scheme it went under: Negotiate, NTLM …"},
    {"auth.account", FACT_TEXT, "the account name as it was sent"},
    {"auth.status", FACT_INT, "HTTP status of the last leg"},
    {"auth.prover", FACT_BOOL, "this check was the first to use the password"},
    {"auth.kerberos", FACT_TEXT, "why Kerberos was not used, or was refused"},
    {"auth.bindings", FACT_BOOL, "channel bindings (tls-server-end-point) were sent"},
    {"auth.node_challenge", FACT_TEXT, "the server that sent the NTLM challenge (X-FEServer)"},
    {"ntlm.dns_domain", FACT_TEXT, "the server's domain, from its NTLM challenge"},
    {"ntlm.dns_computer", FACT_TEXT, "the server's name, from its NTLM challenge"},
    {"ntlm.netbios_domain", FACT_TEXT, "the server's NetBIOS domain, from its NTLM challenge"},
    {"ntlm.dns_tree", FACT_TEXT, "the server's forest, from its NTLM challenge"},
    {"clock.skew_s", FACT_INT, "the server's clock minus ours, in seconds, from its challenge"},
    SERVER_FACTS,
    FACT_END,
};

/* ---- requests ---- */

/* logon_applies() lets no other service in. */
static void build_request(struct session *session, struct http_request *ret_request)
{
    if (session->endpoint.service == SERVICE_EWS)
        ews_build(session, NULL, ret_request);
    else if (session->endpoint.service == SERVICE_MAPI)
        mapi_build_ping(session, ret_request);
    else if (session->endpoint.service == SERVICE_RPC)
        rpc_build_leg(session, ret_request);
    else
        autodiscover_build(session, ret_request);
}

/* The request with one Authorization header more. proof NULL: with an empty body, for legs before
 * the last; else *proof becomes true when the request is on its way. */
static bool send_with(struct session *session, const struct http_request *request,
    const char *authorization, bool *proof, struct http_response *ret_response, struct fault *fault)
{
    if (session->endpoint.service == SERVICE_RPC && proof != NULL)
        return rpc_send_out(session, authorization, proof, ret_response, fault);
    struct arena scratch = {0};
    struct http_request leg = *request;
    struct http_header *headers =
        arena_alloc(&scratch, (request->header_count + 1) * sizeof *headers);
    if (request->header_count > 0)
        memcpy(headers, request->headers, request->header_count * sizeof *headers);
    headers[request->header_count] =
        (struct http_header){.name = "Authorization", .value = authorization};
    leg.headers = headers;
    leg.header_count = request->header_count + 1;
    leg.credentials = true;
    if (proof == NULL && leg.body_length > 0) {
        leg.body = NULL;
        leg.body_length = 0;
    }
    struct net_limit limit = session_limit(session);
    bool ok = http_begin(session->http, &leg, limit, fault);
    if (ok && proof != NULL)
        *proof = true;
    ok = ok && http_finish(session->http, limit, ret_response, fault);
    arena_done(&scratch);
    return ok;
}

/* ---- one attempt ---- */

static void note_challenge(const struct ntlm_challenge *challenge,
    const struct http_response *response, struct check *check)
{
    check_text(check, "auth.node_challenge", http_header(response, "X-FEServer"));
    check_text(check, "ntlm.dns_domain", challenge->dns_domain);
    check_text(check, "ntlm.dns_computer", challenge->dns_computer);
    check_text(check, "ntlm.netbios_domain", challenge->netbios_domain);
    check_text(check, "ntlm.dns_tree", challenge->dns_tree);
    if (challenge->timestamp != 0)
        check_int(check, "clock.skew_s",
            filetime_to_seconds(challenge->timestamp) - clock_wall_us() / 1000000);
}

/* The token of a 401 may say why: a KRB-ERROR. */
static bool ticket_refused(
    struct secctx *context, const uint8_t *token, size_t length, struct fault *fault)
{
    struct fault why;
    const uint8_t *output;
    size_t output_length;
    bool done;
    if (secctx_step(context, token, length, &output, &output_length, &done, &why) ||
        why.origin != ORIGIN_KRB5)
        return false;
    *fault = why;
    return true;
}

/* One leg after the other until the server accepts or refuses. */
static bool exchange_legs(struct session *session, const struct http_request *request,
    struct logon_attempt *attempt, struct logon_legs *legs, struct check *check,
    struct http_response *ret_response, struct fault *fault)
{
    for (int leg = 0; leg < LOGON_LEGS_MAX; leg++) {
        if (!logon_legs_next(legs, fault))
            return false;
        if (check != NULL && legs->context != NULL && secctx_challenge(legs->context) != NULL)
            note_challenge(secctx_challenge(legs->context), ret_response, check);
        http_response_done(ret_response);
        bool *proof = legs->proves ? &attempt->sent : NULL;
        bool ok = send_with(session, request, legs->authorization, proof, ret_response, fault);
        logon_legs_forget(legs);
        if (!ok || ret_response->status != 401)
            return ok;
        bool answered = logon_legs_take(legs, ret_response);
        if (answered && legs->done)
            return !ticket_refused(legs->context, legs->input, legs->input_length, fault);
        if (!answered || legs->done)
            return true; /* refused: 401 without a token to go on with */
        if (!http_usable(session->http))
            return fault_set(fault, CAUSE_CLOSED, ORIGIN_HTTP, 401,
                "%s cannot be kept on one connection: the server closed it after its challenge",
                attempt->scheme);
    }
    return fault_set(
        fault, CAUSE_MALFORMED, ORIGIN_HTTP, 401, "%s does not come to an end", attempt->scheme);
}

static bool try_attempt(struct session *session, const struct http_request *request,
    struct logon_attempt *attempt, struct check *check, struct http_response *ret_response,
    struct fault *fault)
{
    attempt->sent = false;
    if (!session_keep_http(session, fault))
        return false;
    if (check != NULL) {
        check_text(check, "auth.scheme", attempt->scheme);
        check_text(check, "auth.header", attempt->header);
    }
    struct logon_legs legs;
    const uint8_t *end_point = NULL;
    size_t end_point_length = session_end_point(session, &end_point);
    if (!logon_legs_open(session, attempt, end_point, end_point_length, &legs, fault))
        return false;
    if (check != NULL && legs.context != NULL)
        check_bool(check, "auth.bindings", true);
    if (session->endpoint.service == SERVICE_RPC)
        rpc_prepare_in(session, attempt);
    bool ok = exchange_legs(session, request, attempt, &legs, check, ret_response, fault);
    logon_legs_done(&legs);
    return ok;
}

/* ---- choosing ---- */

static bool offers(const struct session *session, const char *scheme)
{
    return challenge_find(session->challenges, session->challenge_count, scheme) != NULL;
}

/* Kerberos where a service ticket is to be had; else why not. */
static bool kerberos_ready(struct session *session, struct check *check)
{
    struct krb_ticket ticket;
    struct krb_reply reply;
    struct fault fault;
    if ((session->settings->auth & AUTH_KERBEROS) == 0 || !offers(session, "Negotiate"))
        return false;
    if (run_ticket(session, "HTTP", session->endpoint.host, &ticket, &reply, &fault))
        return true;
    check_text(check, "auth.kerberos",
        fault.cause == CAUSE_NONE ? "no ticket-granting ticket" : fault.text);
    return false;
}

static bool password_attempt(const struct session *session, struct logon_attempt *ret_attempt)
{
    const struct settings *settings = session->settings;
    if (settings->secret == NULL)
        return false;
    if ((settings->auth & AUTH_NTLM) != 0 && offers(session, "NTLM"))
        *ret_attempt = (struct logon_attempt){"NTLM", "NTLM", SEC_NTLM, false};
    else if ((settings->auth & AUTH_NEGOTIATE) != 0 && offers(session, "Negotiate"))
        *ret_attempt = (struct logon_attempt){"NTLM", "Negotiate", SEC_NTLM, false};
    else if ((settings->auth & AUTH_BASIC) != 0 && settings->allow_basic &&
             offers(session, "Basic"))
        *ret_attempt = (struct logon_attempt){"Basic", "Basic", SEC_NTLM, false};
    else
        return false;
    return true;
}

static bool bearer_attempt(const struct session *session, struct logon_attempt *ret_attempt)
{
    *ret_attempt = (struct logon_attempt){"Bearer", "Bearer", SEC_NTLM, false};
    /* [MS-RPCH] knows no tokens. */
    return session->settings->token != NULL && (session->settings->auth & AUTH_BEARER) != 0 &&
           session->endpoint.service != SERVICE_RPC && offers(session, "Bearer");
}

/* ---- the check ---- */

static void keep_response(
    struct session *session, struct http_response *response, const char *scheme)
{
    http_response_done(&session->response);
    session->response = *response;
    session->scheme = scheme;
    *response = (struct http_response){0};
}

static void settle_logged_on(struct session *session, struct check *check,
    const struct logon_attempt *attempt, struct http_response *response)
{
    note_server(response, check);
    check_int(check, "auth.status", response->status);
    check_settle(check, OUTCOME_PASS, "logged on with %s", attempt->scheme);
    keep_response(session, response, attempt->scheme);
}

/* The prover's answer is no verdict; what it is instead, PROTOCOL says. */
static void settle_unproved(struct check *check, int status)
{
    fault_set(&check->fault, CAUSE_HTTP_STATUS, ORIGIN_HTTP, status,
        "the logon is answered with %d, not by Exchange itself: whether the password is right "
        "stays open",
        status);
    check_settle(check, OUTCOME_WARN, "%s", check->fault.text);
}

static void settle_refused(struct check *check, const struct logon_attempt *attempt,
    const struct http_response *response, bool proved_elsewhere)
{
    struct fault fault;
    note_server(response, check);
    check_int(check, "auth.status", response->status);
    if (refusal_fault(response, &fault)) {
        check_fail(check, &fault);
        return;
    }
    const char *challenger = check_get_text(check, "auth.node_challenge", NULL);
    const char *refuser = http_header(response, "X-FEServer");
    if (challenger != NULL && refuser != NULL && !text_equal_nocase(challenger, refuser))
        fault_set(&fault, CAUSE_LOGON_REFUSED, ORIGIN_HTTP, 401,
            "%s cannot be kept on one connection: %.50s sent the challenge, %.50s refused our "
            "answer to it; look at the load balancer",
            attempt->scheme, challenger, refuser);
    else if (proved_elsewhere)
        fault_set(&fault, CAUSE_LOGON_REFUSED, ORIGIN_HTTP, 401,
            "refuses %s although the password is right: Extended Protection with another "
            "certificate before the server, NTLM restrictions, or this node",
            attempt->scheme);
    else
        fault_set(&fault, CAUSE_LOGON_REFUSED, ORIGIN_HTTP, 401,
            "refuses the logon with %s and does not say why: wrong password, unusable account, or "
            "Extended Protection",
            attempt->scheme);
    check_fail(check, &fault);
}

/* Kerberos only: true when it settled the check or nothing is left to try. */
static bool try_kerberos(struct session *session, const struct http_request *request,
    struct check *check, struct http_response *response)
{
    struct logon_attempt attempt = {"Kerberos", "Negotiate", SEC_KERBEROS, false};
    struct fault fault;
    if (!kerberos_ready(session, check))
        return false;
    bool ok = try_attempt(session, request, &attempt, check, response, &fault);
    if (ok && response->status != 401) {
        run_count_logon(session, false);
        settle_logged_on(session, check, &attempt, response);
        return true;
    }
    check_text(
        check, "auth.kerberos", ok ? "the server refuses the Kerberos ticket (401)" : fault.text);
    struct logon_attempt next;
    if (ok || fault.cause == CAUSE_TICKET_REFUSED || fault.cause == CAUSE_CLOCK_SKEW) {
        if (password_attempt(session, &next))
            return false; /* a refused ticket is no failed logon: NTLM may follow */
        if (ok)
            fault_set(&fault, CAUSE_TICKET_REFUSED, ORIGIN_HTTP, 401,
                "refuses the Kerberos ticket for HTTP/%.100s", session->endpoint.host);
    }
    check_fail(check, &fault);
    return true;
}

/* A 401 before and none now is no proof: gateways, portals and load balancers answer, too. */
static bool shows_logon(const struct http_response *response)
{
    const char *type = http_header(response, "Content-Type");
    if (rpc_shows_logon(response))
        return true;
    bool soap = (response->status == 200 || response->status == 500) && type != NULL &&
                text_find_nocase(type, "xml") != NULL;
    return soap || response_shows_exchange(response);
}

/* Exchange's own answer that is no 401 was begun: the logon was taken, although the rest of the
 * answer stays away. */
static bool is_half_answered(struct session *session, struct fault *fault)
{
    struct http_response partial;
    if (!http_partial(session->http, &partial))
        return false;
    bool taken = partial.status != 401 && shows_logon(&partial);
    if (taken)
        fault_set(fault, fault->cause, fault->origin, fault->code,
            "%.120s; the logon itself was taken (HTTP %d)", fault->text, partial.status);
    http_response_done(&partial);
    return taken;
}

static void tell_gate(struct session *session, struct check *check, bool sent, bool taken)
{
    enum gate_verdict verdict = check->outcome == OUTCOME_PASS || taken ? GATE_PROVED
                                : sent ? gate_verdict_of(check->fault.cause)
                                       : GATE_NO_VERDICT;
    run_gate_tell(session, WAY_HTTP, verdict, check, &check->fault);
}

static void try_password(struct session *session, const struct http_request *request,
    struct check *check, enum gate_pass pass, struct http_response *response)
{
    struct logon_attempt attempt;
    struct fault fault = {.cause = CAUSE_NONE};
    if (!password_attempt(session, &attempt)) {
        if (GATE_MUST_TELL(pass))
            run_gate_tell(session, WAY_HTTP, GATE_NO_VERDICT, check, NULL);
        fail_no_scheme(session, check);
        return;
    }
    check_text(check, "auth.account", session->settings->user);
    if (pass == GATE_PROVE)
        check_bool(check, "auth.prover", true);
    bool answered = try_attempt(session, request, &attempt, check, response, &fault);
    bool refused = answered && response->status == 401;
    bool taken = !answered && attempt.sent && is_half_answered(session, &fault);
    if (attempt.sent)
        run_count_logon(session, refused);
    if (!answered)
        check_fail(check, &fault);
    else if (refused && !attempt.sent)
        fail_no_challenge(check, attempt.header, response);
    else if (refused)
        settle_refused(check, &attempt, response, pass != GATE_PROVE);
    else
        settle_logged_on(session, check, &attempt, response);
    if (pass == GATE_PROVE && answered && !refused && !shows_logon(&session->response))
        settle_unproved(check, session->response.status);
    if (GATE_MUST_TELL(pass))
        tell_gate(session, check, attempt.sent, taken);
}

static void logon_run(struct session *session, struct check *check)
{
    struct http_request request;
    struct http_response response = {0};
    struct logon_attempt bearer;
    struct fault fault;
    char who[256];
    if (logon_forbidden(session, check))
        return;
    build_request(session, &request);
    if (bearer_attempt(session, &bearer)) {
        if (!try_attempt(session, &request, &bearer, check, &response, &fault))
            check_fail(check, &fault);
        else if (response.status == 401)
            settle_refused(check, &bearer, &response, false);
        else
            settle_logged_on(session, check, &bearer, &response);
        http_response_done(&response);
        return;
    }
    /* Whoever proves has no ticket yet: tickets come from the proof. */
    enum gate_pass pass = run_gate(session, WAY_TICKET, &fault, who);
    bool settled = pass == GATE_GO && try_kerberos(session, &request, check, &response);
    struct logon_attempt next;
    if (!settled && pass == GATE_GO && password_attempt(session, &next))
        pass = run_gate(session, WAY_HTTP, &fault, who);
    if (pass == GATE_STOP)
        logon_gate_stopped(check, &fault, who);
    else if (!settled)
        try_password(session, &request, check, pass, &response);
    session_trace(session, '*', "logon: %s", check->summary);
    http_response_done(&response);
}

static bool logon_applies(const struct endpoint *endpoint)
{
    return endpoint_is_http(endpoint) && !endpoint_is_clear(endpoint) &&
           (endpoint->service == SERVICE_AUTODISCOVER || endpoint->service == SERVICE_EWS ||
               endpoint->service == SERVICE_MAPI || endpoint->service == SERVICE_RPC);
}

const struct probe probe_http_logon = {
    .id = "http.logon",
    .title = "the account logs on",
    .layer = LAYER_AUTH,
    .facts = logon_facts,
    .applies = logon_applies,
    .run = logon_run,
};

bool logon_exchange(struct session *session, const struct http_request *request,
    struct http_response *ret_response, struct fault *fault)
{
    struct logon_attempt attempt = {"Kerberos", "Negotiate", SEC_KERBEROS, false};
    if (strcmp(session->scheme, "NTLM") == 0 && http_usable(session->http))
        return http_exchange(session->http, request, session_limit(session), ret_response, fault);
    if (strcmp(session->scheme, "Bearer") == 0)
        bearer_attempt(session, &attempt);
    else if (strcmp(session->scheme, "Kerberos") != 0)
        password_attempt(session, &attempt);
    return try_attempt(session, request, &attempt, NULL, ret_response, fault);
}
