#include "probes/ldap_bind.h"

#include <stdio.h>

#include "probes/credentials.h"
#include "probes/ldap.h"
#include "probes/run.h"

static const struct fact_def bind_facts[] = {
    {"auth.scheme", FACT_TEXT, "Kerberos (SASL GSSAPI), NTLM (SASL GSS-SPNEGO) or simple"},
    {"auth.account", FACT_TEXT, "the account name as it was sent"},
    {"auth.prover", FACT_BOOL, "this check was the first to use the password"},
    {"auth.kerberos", FACT_TEXT, "why Kerberos was not used"},
    {"ldap.data", FACT_TEXT, "the data code of a refused bind: 52e wrong password, 533 disabled …"},
    {"ldap.words", FACT_TEXT, "what the refusal means, with the server's diagnosticMessage"},
    FACT_END,
};

static void note_refusal(const struct fault *fault, struct check *check)
{
    enum cause cause;
    long data;
    char code[20];
    if (fault->origin != ORIGIN_LDAP)
        return;
    check_text(check, "ldap.words", fault->text);
    if (!directory_data_cause(fault->text, &cause, &data))
        return;
    snprintf(code, sizeof code, "%lx", (unsigned long)data);
    check_text(check, "ldap.data", code);
}

bool ldap_bind_ticket(struct session *session, struct directory *directory,
    const struct ldap_credential *credential, enum ldap_protection protection,
    struct secctx **ret_seal, struct fault *fault)
{
    bool protect = protection == LDAP_PROTECTED;
    bool bound = protect && credential->end_point_length > 0;
    bool seal = protect && credential->clear;
    struct sec_target target = {.service = "ldap",
        .host = session->endpoint.host,
        .end_point = bound ? credential->end_point : NULL,
        .end_point_length = bound ? credential->end_point_length : 0,
        .flags = seal ? SEC_SIGN | SEC_SEAL : 0};
    struct sec_account account = {
        .user = session->settings->account, .domain = "", .krb = credential->krb};
    struct secctx *context = NULL;
    bool sent = false;
    *ret_seal = NULL;
    if (!secctx_new(SEC_KERBEROS_PLAIN, &target, &account, &context, fault))
        return false;
    bool ok =
        protect ? directory_bind(directory, "GSSAPI", context, session_limit(session), &sent, fault)
                : directory_bind_bare(directory, context, session_limit(session), fault);
    if (ok && seal) {
        *ret_seal = context;
        return true;
    }
    secctx_free(context);
    return ok;
}

/* The row's bind; *ret_sent: a proof of the password left this host. */
static bool bind_ntlm(struct session *session, bool *ret_sent, struct fault *fault)
{
    const struct settings *settings = session->settings;
    const uint8_t *end_point = NULL;
    size_t length = session_end_point(session, &end_point);
    struct sec_target target = {.service = "ldap",
        .host = session->endpoint.host,
        .end_point = length > 0 ? end_point : NULL,
        .end_point_length = length};
    struct sec_account account = {
        .user = settings->account, .domain = settings->domain, .secret = settings->secret};
    struct secctx *context = NULL;
    *ret_sent = false;
    bool ok = secctx_new(SEC_NTLM, &target, &account, &context, fault) &&
              directory_bind(session->directory, "GSS-SPNEGO", context, session_limit(session),
                  ret_sent, fault);
    secctx_free(context);
    return ok;
}

static bool bind_kerberos(struct session *session, struct fault *fault)
{
    struct ldap_credential credential = {
        .krb = run_krb(session), .clear = !endpoint_is_tls(&session->endpoint)};
    credential.end_point_length = session_end_point(session, &credential.end_point);
    return ldap_bind_ticket(
        session, session->directory, &credential, LDAP_PROTECTED, &session->seal, fault);
}

static bool kerberos_ready(struct session *session, struct check *check)
{
    struct krb_ticket ticket;
    struct krb_reply reply;
    struct fault fault;
    if ((session->settings->auth & AUTH_KERBEROS) == 0)
        return false;
    if (run_ticket(session, "ldap", session->endpoint.host, &ticket, &reply, &fault))
        return true;
    check_text(check, "auth.kerberos",
        fault.cause == CAUSE_NONE ? "no ticket-granting ticket" : fault.text);
    return false;
}

static enum gate_verdict bind_verdict(bool ok, bool sent, enum cause cause)
{
    if (ok)
        return GATE_PROVED;
    return sent ? gate_verdict_of(cause) : GATE_NO_VERDICT;
}

static void settle_bind(
    struct session *session, struct check *check, bool kerberos, enum gate_pass pass)
{
    struct fault fault = {.cause = CAUSE_NONE};
    bool sent = kerberos;
    check_text(check, "auth.scheme", kerberos ? "Kerberos" : "NTLM");
    check_text(check, "auth.account", session->settings->user);
    if (pass == GATE_PROVE)
        check_bool(check, "auth.prover", true);
    bool ok = kerberos ? bind_kerberos(session, &fault) : bind_ntlm(session, &sent, &fault);
    if (sent)
        run_count_logon(session, !kerberos && !ok && gate_cause_denies(fault.cause));
    if (ok) {
        check_settle(check, OUTCOME_PASS, "bound with %s", kerberos ? "Kerberos" : "NTLM");
    } else {
        note_refusal(&fault, check);
        check_fail(check, &fault);
    }
    if (GATE_MUST_TELL(pass))
        run_gate_tell(session, WAY_LDAP, bind_verdict(ok, sent, fault.cause), check, &fault);
}

/* In the clear nothing but a ticket may go, and nothing but mutual authentication proves the
 * server: it is never the prover. */
static void bind_clear(struct session *session, struct check *check, enum gate_pass pass)
{
    if (GATE_MUST_TELL(pass))
        run_gate_tell(session, WAY_TICKET, GATE_NO_VERDICT, check, NULL);
    if (pass == GATE_GO && kerberos_ready(session, check)) {
        settle_bind(session, check, true, pass);
        return;
    }
    check_settle(check, OUTCOME_SKIPPED,
        "no bind in the clear without a Kerberos ticket: nothing else proves who the server is");
    check_halt(check);
}

static void bind_run(struct session *session, struct check *check)
{
    struct fault fault;
    char who[256];
    if (!session->settings->anonymous &&
        (session->settings->auth & (AUTH_KERBEROS | AUTH_NTLM | AUTH_NEGOTIATE)) == 0) {
        check_settle(check, OUTCOME_SKIPPED, "--auth leaves nothing to bind with");
        check_halt(check);
        return;
    }
    if (logon_forbidden(session, check))
        return;
    enum gate_pass pass = run_gate(session, WAY_TICKET, &fault, who);
    if (pass == GATE_STOP) {
        logon_gate_stopped(check, &fault, who);
        return;
    }
    if (!endpoint_is_tls(&session->endpoint)) {
        bind_clear(session, check, pass);
        session_trace(session, '*', "bind: %s", check->summary);
        return;
    }
    bool kerberos = pass == GATE_GO && kerberos_ready(session, check);
    bool ntlm = session->settings->secret != NULL &&
                (session->settings->auth & (AUTH_NTLM | AUTH_NEGOTIATE)) != 0;
    if (pass == GATE_GO && !kerberos && ntlm)
        pass = run_gate(session, WAY_LDAP, &fault, who);
    if (pass == GATE_STOP) {
        logon_gate_stopped(check, &fault, who);
        return;
    }
    if (!kerberos && !ntlm) {
        if (GATE_MUST_TELL(pass))
            run_gate_tell(session, WAY_LDAP, GATE_NO_VERDICT, check, NULL);
        fault_set(&fault, CAUSE_NO_SCHEME, ORIGIN_EXREACH, 0,
            "nothing to bind with: no Kerberos ticket, and no password for NTLM");
        check_fail(check, &fault);
        return;
    }
    settle_bind(session, check, kerberos, pass);
    session_trace(session, '*', "bind: %s", check->summary);
}

static bool directory_applies(const struct endpoint *endpoint)
{
    return endpoint_is_directory(endpoint);
}

const struct probe probe_ldap_bind = {
    .id = "ldap.bind",
    .title = "the account binds",
    .layer = LAYER_AUTH,
    .facts = bind_facts,
    .applies = directory_applies,
    .run = bind_run,
};
