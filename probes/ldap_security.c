/*
 * What a domain controller asks of those who connect: StartTLS on the clear port, LDAP signing
 * there (LDAPServerIntegrity), channel bindings inside TLS (LdapEnforceChannelBinding). Each on a
 * connection of its own, with a Kerberos ticket at most: that costs no logon attempt, and an
 * application may need none of it.
 */
#include "net/wire/text.h"
#include "probes/credentials.h"
#include "probes/ldap.h"
#include "probes/ldap_dial.h"
#include "probes/run.h"

static bool is_ldap_port(const struct endpoint *endpoint, uint16_t port)
{
    return endpoint->service == SERVICE_LDAP && endpoint->port == port;
}

static bool clear_applies(const struct endpoint *endpoint)
{
    return is_ldap_port(endpoint, 389);
}

static bool tls_applies(const struct endpoint *endpoint)
{
    return is_ldap_port(endpoint, 636);
}

/* An extra is never a failure: what the row itself needs, the row itself says. */
static void settle_unknown(struct check *check, const struct fault *fault)
{
    check->fault = *fault;
    if (fault->cause == CAUSE_INTERRUPTED || fault->cause == CAUSE_INTERNAL)
        check_fail(check, fault);
    else
        check_settle(check, OUTCOME_WARN, "%s", fault->text);
}

/* ---- StartTLS ---- */

static const struct fact_def starttls_facts[] = {
    {"ldap.result", FACT_INT, "LDAP result of the StartTLS request, 0: accepted"},
    {"tls.version", FACT_TEXT, "protocol version negotiated"},
    {"tls.not_after", FACT_TEXT, "the certificate is valid until"},
    FACT_END,
};

void judge_starttls(int result, const struct tls_seen *seen, const char *host,
    const struct fault *fault, struct check *check)
{
    struct fault bad;
    if (result >= 0)
        check_int(check, "ldap.result", result);
    check_text(check, "tls.version", seen->version);
    if (seen->chain_count > 0)
        check_text(check, "tls.not_after", rfc3339(&check->arena, seen->chain[0].not_after));
    bool judged = seen->chain_count > 0 && tls_seen_fault(seen, host, &bad);
    if (!judged && fault != NULL)
        bad = *fault;
    if (!judged && fault == NULL) {
        check_settle(check, OUTCOME_PASS,
            "StartTLS works on the clear port: %s, certificate good until %.10s", seen->version,
            check_get_text(check, "tls.not_after", "an unknown day"));
        return;
    }
    settle_unknown(check, &bad);
    if (check->outcome == OUTCOME_WARN)
        check_settle(
            check, OUTCOME_WARN, "clients that use StartTLS on the clear port fail: %s", bad.text);
}

static void starttls_run(struct session *session, struct check *check)
{
    struct ldap_link link;
    struct fault fault;
    int result = -1;
    const char *host = session->endpoint.host;
    if (session->naming_context == NULL) { /* a port that is silent would be so once more */
        check_settle(check, OUTCOME_SKIPPED, "the port shows no rootDSE");
        return;
    }
    bool ok = ldap_dial(session, &link, &fault) &&
              directory_starttls(link.directory, host, session->trust, session_limit(session),
                  &link.tls_seen, &result, &fault);
    judge_starttls(result, &link.tls_seen, host, ok ? NULL : &fault, check);
    session_trace(session, '*', "StartTLS: %s", check->summary);
    ldap_hang_up(&link);
}

const struct probe probe_ldap_starttls = {
    .id = "ldap.starttls",
    .title = "StartTLS on the clear LDAP port",
    .layer = LAYER_TLS,
    .facts = starttls_facts,
    .applies = clear_applies,
    .run = starttls_run,
};

/* ---- signing and channel bindings ---- */

/* A ticket for the row's controller; false: settled, there is none. */
static bool have_ticket(struct session *session, struct check *check)
{
    struct krb_ticket ticket;
    struct krb_reply reply;
    struct fault fault;
    if (logon_withheld(session, check))
        return false;
    bool wanted = (session->settings->auth & AUTH_KERBEROS) != 0;
    if (wanted && run_ticket(session, "ldap", session->endpoint.host, &ticket, &reply, &fault))
        return true;
    check_settle(check, OUTCOME_SKIPPED,
        "no Kerberos ticket for this controller; a password is not used to find out");
    return false;
}

/* Binds on a connection of its own without what the server may insist on. */
static bool try_bare(struct session *session, struct fault *fault)
{
    struct ldap_link link;
    bool ok = ldap_dial(session, &link, fault);
    if (ok) {
        ok = ldap_link_bind(session, &link, run_krb(session), LDAP_BARE, fault);
        run_count_logon(session, false);
    }
    ldap_hang_up(&link);
    return ok;
}

static const struct fact_def signing_facts[] = {
    {"ldap.signing_required", FACT_BOOL, "binds without signing are refused on the clear port"},
    FACT_END,
};

void judge_signing(const struct fault *fault, struct check *check)
{
    bool required = fault != NULL && fault->cause == CAUSE_STRONG_AUTH_REQUIRED;
    if (fault != NULL && !required) {
        settle_unknown(check, fault);
        return;
    }
    check_bool(check, "ldap.signing_required", required);
    if (required)
        check_settle(check, OUTCOME_PASS,
            "LDAP signing is required: simple binds and binds without signing are refused on the "
            "clear port");
    else
        check_settle(check, OUTCOME_PASS,
            "LDAP signing is not required: binds without signing are accepted on the clear port");
}

static void signing_run(struct session *session, struct check *check)
{
    struct fault fault;
    if (!have_ticket(session, check))
        return;
    bool ok = try_bare(session, &fault);
    judge_signing(ok ? NULL : &fault, check);
    session_trace(session, '*', "bind without signing: %s", check->summary);
}

const struct probe probe_ldap_signing = {
    .id = "ldap.signing",
    .title = "whether the clear port insists on LDAP signing",
    .layer = LAYER_AUTH,
    .facts = signing_facts,
    .applies = clear_applies,
    .run = signing_run,
};

static const struct fact_def bindings_facts[] = {
    {"ldap.binding_required", FACT_BOOL, "binds without channel bindings are refused inside TLS"},
    FACT_END,
};

void judge_bindings(const struct fault *fault, struct check *check)
{
    bool required = fault != NULL && fault->cause == CAUSE_CHANNEL_BINDING;
    if (fault != NULL && !required) {
        settle_unknown(check, fault);
        return;
    }
    check_bool(check, "ldap.binding_required", required);
    if (required)
        check_settle(check, OUTCOME_PASS,
            "channel bindings are required: clients that send none are refused inside TLS");
    else
        check_settle(check, OUTCOME_PASS,
            "channel bindings are not required: clients that send none are accepted inside TLS");
}

static void bindings_run(struct session *session, struct check *check)
{
    struct fault fault;
    if (!have_ticket(session, check))
        return;
    bool ok = try_bare(session, &fault);
    judge_bindings(ok ? NULL : &fault, check);
    session_trace(session, '*', "bind without channel bindings: %s", check->summary);
}

const struct probe probe_ldap_bindings = {
    .id = "ldap.bindings",
    .title = "whether TLS connections must carry channel bindings",
    .layer = LAYER_AUTH,
    .facts = bindings_facts,
    .applies = tls_applies,
    .run = bindings_run,
};
