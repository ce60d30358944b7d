#include "probes/ldap.h"

#include <stdio.h>
#include <string.h>

#include "net/wire/text.h"
#include "probes/logon.h"
#include "probes/run.h"

static bool directory_applies(const struct endpoint *endpoint)
{
    return endpoint_is_directory(endpoint);
}

/* ---- HTTP column: rootDSE ---- */

static const struct fact_def rootdse_facts[] = {
    {"ldap.dns_host", FACT_TEXT, "dnsHostName of the domain controller"},
    {"node", FACT_TEXT, "the same, for comparing rows"},
    {"ldap.naming_context", FACT_TEXT, "defaultNamingContext"},
    {"ldap.config_context", FACT_TEXT, "configurationNamingContext"},
    {"ldap.site", FACT_TEXT, "serverName: the DC's object, which names its site"},
    {"ldap.gc_ready", FACT_BOOL, "isGlobalCatalogReady"},
    {"ldap.time", FACT_TEXT, "currentTime of the server"},
    {"clock.skew_s", FACT_INT, "the server's clock minus ours, in seconds"},
    {"ldap.sasl", FACT_LIST, "supportedSASLMechanisms"},
    {"ldap.functional_level", FACT_INT, "domainControllerFunctionality"},
    FACT_END,
};

/* GeneralizedTime "20261122120000.0Z" to RFC 3339. */
static bool parse_time(
    struct arena *arena, const char *text, const char **ret_rfc3339, int64_t *ret_seconds)
{
    if (text == NULL || strspn(text, "0123456789") < 14)
        return false;
    char *coded = arena_printf(arena, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", text, text + 4, text + 6,
        text + 8, text + 10, text + 12);
    *ret_rfc3339 = coded;
    return rfc3339_parse(coded, ret_seconds);
}

void judge_rootdse(const struct directory_entry *root, const struct endpoint *endpoint, int64_t now,
    struct check *check)
{
    struct fault fault;
    const char *time_text;
    int64_t server, level;
    const char *gc = entry_text(root, "isGlobalCatalogReady");
    const struct directory_attribute *sasl = entry_attribute(root, "supportedSASLMechanisms");
    check_text(check, "ldap.dns_host", entry_text(root, "dnsHostName"));
    check_text(check, "node", entry_text(root, "dnsHostName"));
    check_text(check, "ldap.naming_context", entry_text(root, "defaultNamingContext"));
    check_text(check, "ldap.config_context", entry_text(root, "configurationNamingContext"));
    check_text(check, "ldap.site", entry_text(root, "serverName"));
    if (entry_int(root, "domainControllerFunctionality", &level))
        check_int(check, "ldap.functional_level", level);
    for (size_t i = 0; sasl != NULL && i < sasl->count; i++)
        check_add(check, "ldap.sasl", sasl->values[i].bytes);
    if (gc != NULL)
        check_bool(check, "ldap.gc_ready", text_equal_nocase(gc, "TRUE"));
    if (parse_time(&check->arena, entry_text(root, "currentTime"), &time_text, &server)) {
        check_text(check, "ldap.time", time_text);
        check_int(check, "clock.skew_s", server - now);
    }
    if (endpoint->service == SERVICE_GC && gc != NULL && !text_equal_nocase(gc, "TRUE")) {
        fault_set(&fault, CAUSE_NO_OBJECT, ORIGIN_LDAP, 0,
            "the port answers but isGlobalCatalogReady is %s: this Global Catalog is not usable",
            gc);
        check_fail(check, &fault);
        return;
    }
    if (check_fact(check, "ldap.naming_context") == NULL) {
        check_settle(
            check, OUTCOME_WARN, "an LDAP server, but its rootDSE is not Active Directory's");
        return;
    }
    check_settle(check, OUTCOME_PASS, "%s speaks LDAP for %s",
        check_get_text(check, "ldap.dns_host", "the server"),
        check_get_text(check, "ldap.naming_context", "no domain"));
    warn_of_skew(check, "its");
}

static void rootdse_run(struct session *session, struct check *check)
{
    static const char *const attributes[] = {"dnsHostName", "defaultNamingContext",
        "configurationNamingContext", "isGlobalCatalogReady", "currentTime", "serverName",
        "supportedSASLMechanisms", "domainControllerFunctionality", NULL};
    const struct directory_search search = {
        .base = "", .scope = DIRECTORY_BASE, .filter = "(objectClass=*)", .attributes = attributes};
    struct directory_result found;
    struct fault fault;
    net_sock sock = session->sock;
    struct tls_conn *tls = session->tls;
    session->sock = NET_SOCK_NONE;
    session->tls = NULL;
    if (!directory_open(sock, tls, &session->directory, &fault) ||
        !directory_search(
            session->directory, &search, session_limit(session), &session->arena, &found, &fault)) {
        check_fail(check, &fault);
        return;
    }
    if (found.count == 0) {
        fault_set(&fault, CAUSE_NO_OBJECT, ORIGIN_LDAP, 0, "the server shows no rootDSE");
        check_fail(check, &fault);
        return;
    }
    judge_rootdse(&found.entries[0], &session->endpoint, clock_wall_us() / 1000000, check);
    /* On a GC an empty base is the whole forest; elsewhere the search stays in the domain. */
    const char *context = entry_text(&found.entries[0], "defaultNamingContext");
    session->naming_context =
        session->endpoint.service == SERVICE_GC || context == NULL ? "" : context;
    session_trace(session, '*', "rootDSE: %s", check->summary);
}

const struct probe probe_ldap_rootdse = {
    .id = "ldap.rootdse",
    .title = "the server speaks LDAP",
    .layer = LAYER_HTTP,
    .facts = rootdse_facts,
    .applies = directory_applies,
    .run = rootdse_run,
};

/* ---- AUTH: bind ---- */

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

/* One bind; *ret_sent: a proof of the password left this host. */
static bool bind_once(struct session *session, bool kerberos, bool *ret_sent, struct fault *fault)
{
    const struct settings *settings = session->settings;
    const uint8_t *end_point = NULL;
    size_t length = session_end_point(session, &end_point);
    struct sec_target target = {.service = "ldap",
        .host = session->endpoint.host,
        .end_point = length > 0 ? end_point : NULL,
        .end_point_length = length};
    struct sec_account account = {.user = settings->account,
        .domain = settings->domain,
        .secret = settings->secret,
        .krb = run_krb(session)};
    struct secctx *context = NULL;
    *ret_sent = false;
    bool ok =
        secctx_new(kerberos ? SEC_KERBEROS_PLAIN : SEC_NTLM, &target, &account, &context, fault) &&
        directory_bind(session->directory, kerberos ? "GSSAPI" : "GSS-SPNEGO", context,
            session_limit(session), ret_sent, fault);
    secctx_free(context);
    return ok;
}

static bool kerberos_ready(struct session *session, struct check *check)
{
    struct krb_ticket ticket;
    struct krb_reply reply;
    struct fault fault;
    if ((session->settings->auth & AUTH_KERBEROS) == 0 || run_krb(session) == NULL)
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
    bool sent;
    check_text(check, "auth.scheme", kerberos ? "Kerberos" : "NTLM");
    check_text(check, "auth.account", session->settings->user);
    if (pass == GATE_PROVE)
        check_bool(check, "auth.prover", true);
    bool ok = bind_once(session, kerberos, &sent, &fault);
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

static void bind_run(struct session *session, struct check *check)
{
    struct fault fault;
    char who[256];
    if (logon_forbidden(session, check))
        return;
    enum gate_pass pass = run_gate(session, WAY_TICKET, &fault, who);
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

const struct probe probe_ldap_bind = {
    .id = "ldap.bind",
    .title = "the account binds",
    .layer = LAYER_AUTH,
    .facts = bind_facts,
    .applies = directory_applies,
    .run = bind_run,
};
