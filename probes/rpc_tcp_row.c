#include <stdlib.h>
#include <string.h>

#include "net/wire/text.h"
#include "probes/credentials.h"
#include "probes/offer.h"
#include "probes/rpc_impl.h"
#include "probes/rpc_row.h"
#include "probes/run.h"

/* RPC over TCP, as Exchange 2010 and before have it: the endpoint mapper on 135 names a port for
 * each interface; nothing but RPC's own security logs on. */

static void trace_pdu(void *context, char direction, const char *line)
{
    session_trace(context, direction, "%s", line);
}

static bool open_client(struct session *session, net_sock sock, const struct net_address *to,
    struct rpc_options *options, struct rpc_line *line, struct fault *fault)
{
    char *whom = net_address_whom(session->endpoint.host, to);
    struct rpc_transport transport = rpc_tcp_transport(sock, whom);
    free(whom);
    options->trace = session->settings->verbose >= 2 ? trace_pdu : NULL;
    options->trace_context = session;
    return rpc_open(&transport, options, session_limit(session), &line->client, &line->seen, fault);
}

/* ---- HTTP: the endpoint mapper ---- */

static const struct fact_def mapper_facts[] = {
    {"rpc.mapper.store", FACT_INT, "TCP port of the store (EMSMDB)"},
    {"rpc.mapper.referral", FACT_INT, "TCP port of the referral (RFRI)"},
    {"rpc.mapper.book", FACT_INT, "TCP port of the address book (NSPI)"},
    {"rpc.mapper.status", FACT_TEXT,
        "what the endpoint mapper says of the store, in hexadecimal, where it is not success"},
    FACT_END,
};

/* Takes the socket. [C706] appendix O: one association, one question for each interface. */
static bool ask_mapper(
    struct session *session, net_sock sock, struct mapper_seen *ret_seen, struct fault *fault)
{
    struct rpc_session *rpc = rpc_session_of(session);
    struct rpc_options options = {.interface = &rpc_epm, .server = "the endpoint mapper (135)"};
    struct rpc_line mapper = {.client = NULL};
    struct net_address to = session->connect;
    bool ok = open_client(session, sock, &to, &options, &mapper, fault);
    for (int i = 0; ok && i < RPC_PLACES; i++) {
        struct epm_answer *answer = &ret_seen->answers[i];
        ok = rpc_map(mapper.client, rpc_place_syntax((enum rpc_place)i), session_limit(session),
            answer, fault);
        rpc->tcp_ports[i] = ok && answer->count > 0 ? answer->endpoints[0].port : 0;
    }
    rpc_close(mapper.client);
    return ok;
}

static bool is_known(const struct mapper_seen *seen, enum rpc_place place)
{
    return seen->answers[place].status == EPM_OK && seen->answers[place].count > 0;
}

static void not_known(const struct epm_answer *answer, struct fault *fault)
{
    if (answer->status != EPM_OK && answer->status != EPM_NOT_REGISTERED)
        rpc_status_fault(answer->status, "the endpoint mapper", fault);
    else
        fault_set(fault, CAUSE_NO_OBJECT, ORIGIN_RPC, (long)answer->status,
            "the endpoint mapper does not know EMSMDB (Exchange 2013 and later have no RPC over "
            "TCP)");
}

void judge_rpc_mapper(const struct mapper_seen *seen, struct check *check)
{
    static const char *const keys[RPC_PLACES] = {[RPC_STORE] = "rpc.mapper.store",
        [RPC_REFERRAL] = "rpc.mapper.referral",
        [RPC_BOOK] = "rpc.mapper.book"};
    const struct epm_answer *store = &seen->answers[RPC_STORE];
    struct fault fault;
    for (int i = 0; i < RPC_PLACES; i++) {
        if (is_known(seen, (enum rpc_place)i))
            check_int(check, keys[i], seen->answers[i].endpoints[0].port);
    }
    if (store->status != EPM_OK)
        check_text(check, "rpc.mapper.status",
            arena_printf(&check->arena, "0x%x", (unsigned)store->status));
    if (!is_known(seen, RPC_STORE)) {
        not_known(store, &fault);
        check_fail(check, &fault);
        return;
    }
    bool referral = is_known(seen, RPC_REFERRAL), book = is_known(seen, RPC_BOOK);
    check_settle(check, referral && book ? OUTCOME_PASS : OUTCOME_WARN,
        "the endpoint mapper has the store at port %u%s%s", store->endpoints[0].port,
        referral ? "" : ", but no referral (RFRI)", book ? "" : ", but no address book (NSPI)");
}

static void mapper_run(struct session *session, struct check *check)
{
    struct mapper_seen seen = {.answers = {{.status = EPM_OK}}};
    struct fault fault;
    net_sock sock = session->sock;
    session->sock = NET_SOCK_NONE;
    if (ask_mapper(session, sock, &seen, &fault))
        judge_rpc_mapper(&seen, check);
    else
        check_fail(check, &fault);
    session_trace(session, '*', "endpoint mapper: %s", check->summary);
}

const struct probe probe_rpc_mapper = {
    .id = "rpc.mapper",
    .title = "the endpoint mapper knows Exchange's interfaces",
    .layer = LAYER_HTTP,
    .facts = mapper_facts,
    .applies = rpc_is_tcp,
    .run = mapper_run,
};

/* ---- lines ---- */

/* In the clear only Kerberos' mutual authentication proves who the server is: NTLM goes where the
 * user has named the host. */
static bool may_ntlm(const struct session *session)
{
    return session->settings->secret != NULL &&
           (session->settings->auth & (AUTH_NTLM | AUTH_NEGOTIATE)) != 0 &&
           settings_names_host(session->settings, session->endpoint.host);
}

static bool withhold_ntlm(struct session *session, struct fault *fault)
{
    const char *host = session->endpoint.host;
    const char *trouble = run_ticket_trouble(session);
    const char *why = trouble != NULL ? arena_printf(&session->arena, " (%.90s)", trouble) : "";
    if (session->settings->secret == NULL || settings_names_host(session->settings, host))
        return fault_set(fault, CAUSE_CREDENTIAL_UNSAFE, ORIGIN_EXREACH, 0,
            "no Kerberos ticket%s, and no password for NTLM that --auth allows", why);
    return fault_set(fault, CAUSE_CREDENTIAL_UNSAFE, ORIGIN_EXREACH, 0,
        "no Kerberos ticket%s, and nothing else proves who answers on a clear port: no NTLM "
        "without --allow-host %.80s",
        why, host);
}

/* As faults name who speaks: the well-known ports are those of RPC over HTTP. */
static const char *const speakers[RPC_PLACES] = {
    [RPC_STORE] = "store", [RPC_REFERRAL] = "referral", [RPC_BOOK] = "address book"};

static bool find_port(struct session *session, struct rpc_line *line, struct fault *fault)
{
    struct rpc_session *rpc = rpc_session_of(session);
    struct mapper_seen seen = {.answers = {{.status = EPM_OK}}};
    net_sock sock = NET_SOCK_NONE;
    line->stage = "mapper";
    bool asked = rpc->tcp_ports[RPC_STORE] != 0;
    if (!asked && !(sock_connect(&session->connect, session_limit(session), &sock, fault) &&
                      ask_mapper(session, sock, &seen, fault)))
        return false;
    line->tcp_port = rpc->tcp_ports[line->place];
    return line->tcp_port != 0 ||
           fault_set(fault, CAUSE_NO_OBJECT, ORIGIN_RPC, (long)EPM_NOT_REGISTERED,
               "the endpoint mapper knows no port of the %s", speakers[line->place]);
}

bool rpc_tcp_line_open(
    struct session *session, struct rpc_line *line, enum rpc_guard guard, struct fault *fault)
{
    struct rpc_options options = {.interface = rpc_place_syntax(line->place)};
    struct net_address to = session->connect;
    net_sock sock = NET_SOCK_NONE;
    line->guard = guard;
    if (!find_port(session, line, fault))
        return false;
    line->stage = "logon";
    if (!rpc_security_of(
            session, line->place, session->endpoint.host, guard, line, &options.security, fault))
        return false;
    if (options.security.type == RPC_AUTH_NTLM && !may_ntlm(session))
        return withhold_ntlm(session, fault);
    line->stage = "connect";
    to.port = line->tcp_port;
    if (!sock_connect(&to, session_limit(session), &sock, fault))
        return false;
    line->stage = "bind";
    options.server = arena_printf(
        &session->arena, "the %s (port %u)", speakers[line->place], (unsigned)line->tcp_port);
    bool ok = open_client(session, sock, &to, &options, line, fault);
    if (!ok)
        return false;
    line->stage = "open";
    return true;
}

/* ---- AUTH ---- */

static const struct fact_def logon_facts[] = {
    {"auth.scheme", FACT_TEXT, "what logged on, or was refused, inside RPC: Kerberos, NTLM"},
    {"auth.account", FACT_TEXT, "the account name as it was sent"},
    {"auth.prover", FACT_BOOL, "this check was the first to use the password"},
    {"auth.kerberos", FACT_TEXT, "why Kerberos was not used, or was refused"},
    {"ntlm.dns_domain", FACT_TEXT, "the server's domain, from its NTLM challenge"},
    {"ntlm.dns_computer", FACT_TEXT, "the server's name, from its NTLM challenge"},
    RPC_LINE_FACTS,
    FACT_END,
};

static bool kerberos_ready(struct session *session, struct check *check)
{
    struct krb_ticket ticket;
    struct krb_reply reply;
    struct fault fault;
    if ((session->settings->auth & AUTH_KERBEROS) == 0)
        return false;
    if (run_ticket(session, "exchangeMDB", session->endpoint.host, &ticket, &reply, &fault))
        return true;
    check_text(check, "auth.kerberos",
        fault.cause == CAUSE_NONE ? "no ticket-granting ticket" : fault.text);
    return false;
}

/* NTLM's last token has no answer of its own: the first call tells. */
static bool bind_store(
    struct session *session, struct check *check, bool *ret_sent, struct fault *fault)
{
    struct rpc_line *line = NULL;
    bool ok = rpc_line_open(session, RPC_STORE, RPC_SEALED, &line, fault);
    if (ok) {
        struct rpc_caller caller = {.client = line->client, .session = session};
        ok = rpc_store_dummy(&caller, fault);
        rpc_row_called(line, ok);
    }
    const struct ntlm_challenge *challenge =
        line->context != NULL ? secctx_challenge(line->context) : NULL;
    if (challenge != NULL) {
        check_text(check, "ntlm.dns_domain", challenge->dns_domain);
        check_text(check, "ntlm.dns_computer", challenge->dns_computer);
    }
    *ret_sent = line->seen.proved;
    session->scheme = line->scheme;
    return ok;
}

/* Windows tells who was refused by NTLM, and who may not log on from the network, that access is
 * denied; EcDummyRpc itself wants no rights. */
static void tell_refusal(struct session *session, bool proved_elsewhere, struct fault *fault)
{
    if (fault->origin != ORIGIN_RPC || fault->cause != CAUSE_ACCESS_DENIED)
        return;
    fault_set(fault, CAUSE_LOGON_REFUSED, ORIGIN_RPC, fault->code,
        "refuses the NTLM logon%s: it answers the first call with 0x%lx (access denied)",
        proved_elsewhere ? " although the password is right" : "", (unsigned long)fault->code);
    run_count_refusal(session);
}

/* A refused ticket is no failed logon: NTLM may follow. Windows says of both that access is denied;
 * its word comes with the bind, or with the first call. */
bool rpc_refuses_ticket(const struct fault *fault)
{
    if (fault->cause == CAUSE_TICKET_REFUSED || fault->cause == CAUSE_CLOCK_SKEW)
        return true;
    return fault->origin == ORIGIN_RPC &&
           (fault->cause == CAUSE_ACCESS_DENIED || fault->cause == CAUSE_LOGON_REFUSED);
}

/* true: settled. */
static bool try_kerberos(struct session *session, struct check *check)
{
    struct rpc_session *rpc = rpc_session_of(session);
    struct rpc_line *line = &rpc->lines[RPC_STORE];
    struct fault fault = {.cause = CAUSE_NONE};
    bool sent = false;
    if (!kerberos_ready(session, check))
        return false;
    bool ok = bind_store(session, check, &sent, &fault);
    if (!ok && rpc_refuses_ticket(&fault) && may_ntlm(session)) {
        session_trace(session, '*', "the ticket is refused (%s): NTLM", fault.text);
        check_text(check, "auth.kerberos", fault.text);
        rpc->ticket_refused = true;
        rpc_line_done(line);
        return false;
    }
    check_text(check, "auth.scheme", "Kerberos");
    check_text(check, "auth.account", session->settings->user);
    note_rpc_line(line, rpc, check);
    if (ok)
        check_settle(check, OUTCOME_PASS, "logged on to the store with Kerberos, sealed");
    else
        check_fail(check, &fault);
    return true;
}

static void try_ntlm(struct session *session, struct check *check, enum gate_pass pass)
{
    struct rpc_session *rpc = rpc_session_of(session);
    struct fault fault = {.cause = CAUSE_NONE};
    bool sent = false;
    check_text(check, "auth.scheme", "NTLM");
    check_text(check, "auth.account", session->settings->user);
    if (pass == GATE_PROVE)
        check_bool(check, "auth.prover", true);
    bool ok = bind_store(session, check, &sent, &fault);
    note_rpc_line(&rpc->lines[RPC_STORE], rpc, check);
    if (!ok && sent)
        tell_refusal(session, pass != GATE_PROVE, &fault);
    if (ok)
        check_settle(check, OUTCOME_PASS, "logged on to the store with NTLM, sealed");
    else
        check_fail(check, &fault);
    enum gate_verdict verdict = ok     ? GATE_PROVED
                                : sent ? gate_verdict_of(fault.cause)
                                       : GATE_NO_VERDICT;
    if (GATE_MUST_TELL(pass))
        run_gate_tell(session, WAY_HTTP, verdict, check, &fault);
}

static bool is_forbidden(struct session *session, struct check *check)
{
    if (session->settings->anonymous)
        check_settle(check, OUTCOME_SKIPPED, "no logon was asked for (--anonymous)");
    else if (!host_is_unvouched(session, check))
        return false;
    check_halt(check);
    return true;
}

static void withhold(struct session *session, struct check *check, enum gate_pass pass)
{
    struct fault fault;
    if (GATE_MUST_TELL(pass))
        run_gate_tell(session, WAY_TICKET, GATE_NO_VERDICT, check, NULL);
    withhold_ntlm(session, &fault);
    check_settle(check, OUTCOME_SKIPPED, "%s", fault.text);
    check_halt(check);
}

static void logon_run(struct session *session, struct check *check)
{
    struct fault fault;
    char who[256];
    if (is_forbidden(session, check))
        return;
    /* Whoever proves has no ticket yet: tickets come from the proof. */
    enum gate_pass pass = run_gate(session, WAY_TICKET, &fault, who);
    bool settled = pass == GATE_GO && try_kerberos(session, check);
    if (!settled && pass != GATE_STOP && !may_ntlm(session)) {
        withhold(session, check, pass);
        return;
    }
    if (!settled && pass == GATE_GO)
        pass = run_gate(session, WAY_HTTP, &fault, who);
    if (!settled && pass == GATE_STOP)
        logon_gate_stopped(check, &fault, who);
    else if (!settled)
        try_ntlm(session, check, pass);
    session_trace(session, '*', "logon inside RPC: %s", check->summary);
}

const struct probe probe_rpc_tcp_logon = {
    .id = "rpc.tcp_logon",
    .title = "the account logs on inside RPC",
    .layer = LAYER_AUTH,
    .facts = logon_facts,
    .applies = rpc_is_tcp,
    .run = logon_run,
};
