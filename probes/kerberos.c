#include "probes/kerberos.h"

#include <stdio.h>
#include <string.h>

#include "net/wire/text.h"
#include "probes/credentials.h"
#include "probes/run.h"

static const struct fact_def as_facts[] = {
    {"krb.realm", FACT_TEXT, "the realm that answered"},
    {"krb.asked", FACT_INT, "error code of the AS-REQ without pre-authentication (25: usable)"},
    {"krb.code", FACT_INT, "error code of the AS exchange with the password, 0: a ticket came"},
    {"krb.text", FACT_TEXT, "e-text of the last error"},
    {"krb.ntstatus", FACT_TEXT, "NTSTATUS of the last error, from its e-data"},
    {"krb.etypes", FACT_TEXT, "encryption types the KDC offers for the account"},
    {"auth.prover", FACT_BOOL, "this check was the first to use the password"},
    {"clock.skew_s", FACT_INT, "the KDC's clock minus ours, in seconds"},
    FACT_END,
};

static void note_reply(const struct krb_reply *reply, const char *code_key, struct check *check)
{
    char ntstatus[16];
    if (!reply->answered)
        return;
    check_int(check, code_key, reply->error);
    if (reply->text[0] != '\0')
        check_text(check, "krb.text", reply->text);
    if (reply->realm[0] != '\0')
        check_text(check, "krb.realm", reply->realm);
    if (reply->etypes[0] != '\0')
        check_text(check, "krb.etypes", reply->etypes);
    if (reply->ntstatus != 0) {
        snprintf(ntstatus, sizeof ntstatus, "0x%08X", (unsigned)reply->ntstatus);
        check_text(check, "krb.ntstatus", ntstatus);
    }
    if (reply->server_time != 0)
        check_int(check, "clock.skew_s", reply->server_time - clock_wall_us() / 1000000);
}

/* Whether the account may be asked for at all; settles the check where not. */
static bool may_ask(struct session *session, struct check *check)
{
    struct fault fault;
    if (session->settings->anonymous)
        check_settle(check, OUTCOME_SKIPPED, "no logon was asked for (--anonymous)");
    else if (host_is_unvouched(session, check))
        ; /* what a KDC gets as proof can be guessed at, offline */
    else if (run_krb_open(session, &fault) == NULL)
        check_settle(check, OUTCOME_SKIPPED, "%s",
            fault.cause != CAUSE_NONE ? fault.text : "Kerberos is left out (--auth)");
    else
        return true;
    check_halt(check);
    return false;
}

static void login(struct session *session, struct check *check, enum gate_pass pass)
{
    struct krb_reply reply = {0};
    struct fault fault;
    bool sent = false;
    if (pass == GATE_PROVE)
        check_bool(check, "auth.prover", true);
    bool ok = krb_login(run_krb(session), &session->connect, session->settings->secret,
        session_limit(session), &sent, &reply, &fault);
    note_reply(&reply, "krb.code", check);
    if (sent)
        run_count_logon(session, !ok && gate_cause_denies(fault.cause));
    if (ok) {
        check_int(check, "krb.code", 0);
        check_settle(check, OUTCOME_PASS, "the KDC accepts the password");
        warn_of_skew(check, "its");
        run_krb_ready(session, &session->connect);
        if (GATE_MUST_TELL(pass))
            run_gate_tell(session, WAY_KDC, GATE_PROVED, check, NULL);
        return;
    }
    check_fail(check, &fault);
    if (GATE_MUST_TELL(pass))
        run_gate_tell(
            session, WAY_KDC, sent ? gate_verdict_of(fault.cause) : GATE_NO_VERDICT, check, &fault);
}

/* -k: nothing is to be proved to this KDC; from now on it is asked for service tickets. */
static void adopt_cache(struct session *session, struct check *check)
{
    struct fault why;
    char who[256];
    check_settle(check, OUTCOME_PASS, "the tickets of the credential cache are used (-k)");
    run_krb_ready(session, &session->connect);
    enum gate_pass pass = run_gate(session, WAY_KDC, &why, who);
    if (GATE_MUST_TELL(pass))
        run_gate_tell(session, WAY_KDC, GATE_PROVED, check, NULL);
}

/* A realm that DNS led us to, and not the account's name, need not know the account: that proves
 * nothing. */
static bool is_stranger(struct session *session, const struct fault *fault, struct check *check)
{
    const char *realm = krb_realm(run_krb(session));
    if (fault->cause != CAUSE_ACCOUNT_UNKNOWN || text_equal_nocase(realm, session->settings->realm))
        return false;
    check_settle(
        check, OUTCOME_SKIPPED, "%s, the realm found here, does not know the account", realm);
    check_halt(check);
    return true;
}

static void as_run(struct session *session, struct check *check)
{
    struct krb_reply reply = {0};
    struct fault fault;
    char who[256];
    if (!may_ask(session, check))
        return;
    if (session->settings->kerberos_cache && krb_has_ticket(run_krb(session))) {
        adopt_cache(session, check);
        return;
    }
    net_sock sock = session->sock;
    session->sock = NET_SOCK_NONE;
    bool usable =
        krb_ask(run_krb(session), &session->connect, sock, session_limit(session), &reply, &fault);
    note_reply(&reply, "krb.asked", check);
    session_trace(session, '*', "AS-REQ without pre-authentication: %s",
        usable ? "the account is usable" : fault.text);
    if (!usable && is_stranger(session, &fault, check))
        return;
    bool settled = !usable && fault.cause != CAUSE_PASSWORD_WRONG && gate_cause_denies(fault.cause);
    if (!usable && !settled) {
        check_fail(check, &fault);
        return;
    }
    struct fault why;
    enum gate_pass pass = run_gate(session, WAY_KDC, &why, who);
    if (!usable) {
        /* No attempt was spent, and none needs to be. */
        if (GATE_MUST_TELL(pass))
            run_gate_tell(session, WAY_KDC, GATE_DENIED, check, &fault);
        check_fail(check, &fault);
        return;
    }
    if (pass == GATE_STOP) {
        logon_gate_stopped(check, &why, who);
        return;
    }
    login(session, check, pass);
    session_trace(session, '*', "AS exchange: %s", check->summary);
}

static bool as_applies(const struct endpoint *endpoint)
{
    return endpoint->service == SERVICE_KERBEROS && endpoint->subject == NULL;
}

const struct probe probe_kerberos_as = {
    .id = "kerberos.as",
    .title = "the KDC accepts the account and its password",
    .layer = LAYER_AUTH,
    .facts = as_facts,
    .applies = as_applies,
    .run = as_run,
};

/* ---- PROTOCOL ---- */

static const struct fact_def ticket_facts[] = {
    {"krb.spn", FACT_TEXT, "the service principal asked for"},
    {"krb.server", FACT_TEXT, "the principal of the ticket as issued"},
    {"krb.etype", FACT_TEXT, "encryption type of the ticket"},
    {"krb.code", FACT_INT, "error code of the KDC, 0: a ticket came"},
    {"krb.text", FACT_TEXT, "e-text of the error"},
    {"krb.ticket_size", FACT_INT, "bytes of the ticket"},
    FACT_END,
};

static void ticket_run(struct session *session, struct check *check)
{
    const struct endpoint *endpoint = &session->endpoint;
    struct krb_ticket ticket = {0};
    struct krb_reply reply = {0};
    struct fault fault;
    char spn[300];
    /* The KDC's own row asks for a ticket for itself: that the ticket-granting service works. */
    const char *service = endpoint->subject != NULL ? "HTTP" : "ldap";
    const char *slash = endpoint->subject != NULL ? strchr(endpoint->subject, '/') : NULL;
    const char *host = slash != NULL ? slash + 1 : endpoint->host;
    snprintf(spn, sizeof spn, "%s/%s", service, host);
    check_text(check, "krb.spn", spn);

    bool ok = run_ticket(session, service, host, &ticket, &reply, &fault);
    session_trace(session, '*', "TGS exchange for %s: %s", spn, ok ? "a ticket" : fault.text);
    if (reply.answered)
        check_int(check, "krb.code", reply.error);
    if (reply.text[0] != '\0')
        check_text(check, "krb.text", reply.text);
    if (!ok && fault.cause == CAUSE_NONE) {
        check_settle(check, OUTCOME_SKIPPED, "no ticket-granting ticket to ask with");
        check_halt(check);
        return;
    }
    if (!ok) {
        check_fail(check, &fault);
        return;
    }
    check_text(check, "krb.server", ticket.server);
    check_text(check, "krb.etype", ticket.etype);
    check_int(check, "krb.ticket_size", (int64_t)ticket.size);
    check_settle(check, OUTCOME_PASS, "a service ticket for %s (%s)", spn, ticket.etype);
}

static bool ticket_applies(const struct endpoint *endpoint)
{
    return endpoint->service == SERVICE_KERBEROS;
}

const struct probe probe_kerberos_ticket = {
    .id = "kerberos.ticket",
    .title = "the KDC gives a service ticket for the name",
    .layer = LAYER_PROTOCOL,
    .facts = ticket_facts,
    .applies = ticket_applies,
    .run = ticket_run,
};
