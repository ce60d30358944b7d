/*
 * The KDC's other doors: UDP 88, which older clients use first, and TCP 464, where passwords are
 * changed (RFC 3244). Extras: who needs neither is not hurt, so that a closed one only warns.
 */
#include <stdio.h>

#include "probes/kerberos.h"
#include "probes/run.h"

enum { PATIENCE_MS = 2000, KPASSWD_PORT = 464 };

static bool kdc_applies(const struct endpoint *endpoint)
{
    return endpoint->service == SERVICE_KERBEROS && endpoint->subject == NULL;
}

static struct net_limit short_limit(const struct session *session)
{
    struct net_limit limit = session_limit(session);
    limit.deadline = deadline_earlier(limit.deadline, deadline_in_ms(PATIENCE_MS));
    return limit;
}

static const char *door_words(enum cause cause)
{
    if (cause == CAUSE_REFUSED)
        return "is closed";
    if (cause == CAUSE_TIMEOUT)
        return "is silent: a firewall may drop it";
    return "cannot be reached";
}

/* Pure: from what a door answered, NULL where it did. */
void judge_door(const char *door, const char *use, const struct fault *fault, struct check *check)
{
    if (fault == NULL) {
        check_settle(check, OUTCOME_PASS, "%s answers", door);
        return;
    }
    if (fault->cause == CAUSE_INTERRUPTED || fault->cause == CAUSE_INTERNAL) {
        check_fail(check, fault);
        return;
    }
    check->fault = *fault;
    check_settle(check, OUTCOME_WARN, "%s %s; %s", door, door_words(fault->cause), use);
}

/* ---- UDP 88 ---- */

static const struct fact_def udp_facts[] = {
    {"krb.asked", FACT_INT, "error code of an AS-REQ without pre-authentication by UDP"},
    FACT_END,
};

static void udp_run(struct session *session, struct check *check)
{
    struct krb_reply reply = {0};
    struct fault fault;
    struct krb *krb = run_krb(session);
    if (session->settings->anonymous || krb == NULL) {
        check_settle(check, OUTCOME_SKIPPED, "no account to ask the KDC for");
        return;
    }
    bool answered = krb_ask_udp(krb, &session->connect, short_limit(session), &reply, &fault);
    if (reply.answered)
        check_int(check, "krb.asked", reply.error);
    judge_door("the KDC by UDP", "clients that try UDP first wait before they go on to TCP",
        answered ? NULL : &fault, check);
    session_trace(session, '*', "AS-REQ by UDP: %s", check->summary);
}

const struct probe probe_kerberos_udp = {
    .id = "kerberos.udp",
    .title = "the KDC answers by UDP",
    .layer = LAYER_TCP,
    .facts = udp_facts,
    .applies = kdc_applies,
    .run = udp_run,
};

/* ---- TCP 464 ---- */

static const struct fact_def kpasswd_facts[] = {FACT_END};

static void kpasswd_run(struct session *session, struct check *check)
{
    struct net_address address = session->connect;
    net_sock sock = NET_SOCK_NONE;
    struct fault fault;
    address.port = KPASSWD_PORT;
    bool open = sock_connect(&address, short_limit(session), &sock, &fault);
    sock_close(sock);
    judge_door("port 464 (kpasswd)", "an expired password cannot be changed from here by Kerberos",
        open ? NULL : &fault, check);
    session_trace(session, '*', "kpasswd: %s", check->summary);
}

const struct probe probe_kerberos_kpasswd = {
    .id = "kerberos.kpasswd",
    .title = "the port for changing passwords accepts a connection",
    .layer = LAYER_TCP,
    .facts = kpasswd_facts,
    .applies = kdc_applies,
    .run = kpasswd_run,
};
