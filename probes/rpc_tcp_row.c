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

static bool is_named(const struct session *session)
{
    const struct settings *settings = session->settings;
    const char *host = session->endpoint.host;
    for (size_t i = 0; i < settings->hosts.count; i++) {
        if (text_equal_nocase(settings->hosts.list[i].host, host))
            return true;
    }
    for (size_t i = 0; i < settings->allow_hosts.count; i++) {
        if (text_equal_nocase(settings->allow_hosts.list[i], host))
            return true;
    }
    return false;
}

/* In the clear only Kerberos' mutual authentication proves who the server is: NTLM goes where the
 * user has named the host. */
static bool may_ntlm(const struct session *session)
{
    return session->settings->secret != NULL &&
           (session->settings->auth & (AUTH_NTLM | AUTH_NEGOTIATE)) != 0 && is_named(session);
}

static bool withhold_ntlm(const struct session *session, struct fault *fault)
{
    if (session->settings->secret == NULL || is_named(session))
        return fault_set(fault, CAUSE_CREDENTIAL_UNSAFE, ORIGIN_EXREACH, 0,
            "no Kerberos ticket, and no password for NTLM that --auth allows");
    return fault_set(fault, CAUSE_CREDENTIAL_UNSAFE, ORIGIN_EXREACH, 0,
        "no Kerberos ticket, and nothing else proves who answers on a clear port: no NTLM without "
        "--allow-host %.80s",
        session->endpoint.host);
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
    if (line->seen.proved && line->place != RPC_STORE)
        run_count_logon(session, false); /* that of the store: rpc.tcp_logon */
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
    {"auth.kerberos", FACT_TEXT, "why Kerberos was not used"},
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
    struct rpc_session *rpc = rpc_session_of(session);
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
    note_rpc_line(line, rpc, check);
    return ok;
}

/* Windows tells who was refused by NTLM, and who may not log on from the network, that access is
 * denied; EcDummyRpc itself wants no rights. */
static void tell_refusal(bool proved_elsewhere, struct fault *fault)
{
    if (fault->origin == ORIGIN_RPC && fault->cause == CAUSE_ACCESS_DENIED)
        fault_set(fault, CAUSE_LOGON_REFUSED, ORIGIN_RPC, fault->code,
            "refuses the NTLM logon%s: it answers the first call with 0x%lx (access denied)",
            proved_elsewhere ? " although the password is right" : "", (unsigned long)fault->code);
}

static void settle_logon(
    struct session *session, struct check *check, bool kerberos, enum gate_pass pass)
{
    struct fault fault = {.cause = CAUSE_NONE};
    bool sent = false;
    const char *scheme = kerberos ? "Kerberos" : "NTLM";
    check_text(check, "auth.scheme", scheme);
    check_text(check, "auth.account", session->settings->user);
    if (pass == GATE_PROVE)
        check_bool(check, "auth.prover", true);
    bool ok = bind_store(session, check, &sent, &fault);
    if (!ok && sent && !kerberos)
        tell_refusal(pass != GATE_PROVE, &fault);
    if (sent)
        run_count_logon(session, !kerberos && !ok && gate_cause_denies(fault.cause));
    if (ok)
        check_settle(check, OUTCOME_PASS, "logged on to the store with %s, sealed", scheme);
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
    bool kerberos = pass == GATE_GO && kerberos_ready(session, check);
    if (pass != GATE_STOP && !kerberos && !may_ntlm(session)) {
        withhold(session, check, pass);
        return;
    }
    if (pass == GATE_GO && !kerberos)
        pass = run_gate(session, WAY_HTTP, &fault, who);
    if (pass == GATE_STOP)
        logon_gate_stopped(check, &fault, who);
    else
        settle_logon(session, check, kerberos, pass);
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
