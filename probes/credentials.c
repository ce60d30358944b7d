#include "probes/credentials.h"

#include "probes/gate.h"
#include "probes/probe.h"

/* On a clear port nothing but Kerberos' mutual authentication proves who the server is. */
static bool server_provable(const struct session *session)
{
    if (endpoint_is_directory(&session->endpoint) && !endpoint_is_tls(&session->endpoint))
        return true;
    const struct tls_seen *seen =
        session->http != NULL ? http_tls(session->http) : &session->tls_seen;
    return seen->done && seen->error_count == 0;
}

bool host_is_unvouched(const struct session *session, struct check *check)
{
    const char *host = session->endpoint.host;
    if (settings_trusts_host(session->settings, host))
        return false;
    check_settle(check, OUTCOME_SKIPPED,
        "%s is outside %s and nobody vouches for it: no credentials without --allow-host %s", host,
        session->settings->mail_domain, host);
    return true;
}

bool logon_withheld(struct session *session, struct check *check)
{
    const struct settings *settings = session->settings;
    if (settings->anonymous)
        check_settle(check, OUTCOME_SKIPPED, "no logon was asked for (--anonymous)");
    else if (host_is_unvouched(session, check))
        return true;
    else if (!server_provable(session))
        check_settle(check, OUTCOME_SKIPPED,
            "no credentials over a connection whose certificate did not verify");
    else
        return false;
    return true;
}

bool logon_forbidden(struct session *session, struct check *check)
{
    if (!logon_withheld(session, check))
        return false;
    check_halt(check);
    return true;
}

void logon_gate_stopped(struct check *check, const struct fault *why, const char *who)
{
    if (why->cause == CAUSE_INTERRUPTED) {
        check_fail(check, why);
        return;
    }
    /* Our own verdict, before anybody used the password: the guard's (ldap_guard.c). */
    if (gate_cause_denies(why->cause) && why->origin == ORIGIN_EXREACH)
        check_settle(check, OUTCOME_SKIPPED, "the password is not used: %s (%s)", why->text, who);
    else if (gate_cause_denies(why->cause))
        check_settle(check, OUTCOME_SKIPPED, "the password was refused by %s: %s", who, why->text);
    else
        check_settle(check, OUTCOME_SKIPPED,
            "the password is not tried again: %s sent it and got no verdict (%s); one failed logon "
            "may have been counted",
            who, why->text[0] != '\0' ? why->text : "the answer shows none");
    check_halt(check);
}
