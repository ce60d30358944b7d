/*
 * The runner: a bounded pool of threads, one chain per worker at a time, no barrier. The only file
 * behind this header (run.c) knows threads; probes call it for what chains share.
 */
#ifndef PROBES_RUN_H
#define PROBES_RUN_H

#include "net/krb.h"
#include "probes/gate.h"
#include "probes/session.h"

/* Plans and runs everything, fills survey->chains, lookups, vantage, logons; returns when all is
 * done, the deadline passed or run_interrupt() was called. What did not return by then is ERROR
 * "did not return", what did not start is SKIPPED. false: nothing could be started (fault says
 * why). *ret_stuck: a library call has not come back: the process must end by _Exit, not by exit.
 */
bool survey_run(
    struct survey *survey, const struct settings *settings, bool *ret_stuck, struct fault *fault);
/* Async-signal-safe: ends the run under way at once. */
void run_interrupt(void);

/* ---- for probes: what chains share ---- */

/* Waits at the gate for a way to send the password, or for none (WAY_TICKET): GATE_GO, GATE_PROVE,
 * GATE_TRY or GATE_STOP (never GATE_WAIT; GATE_STOP with fault INTERRUPTED when the run ends
 * meanwhile). After GATE_PROVE and GATE_TRY the caller must call run_gate_tell() exactly once. */
enum gate_pass run_gate(
    struct session *session, enum gate_way way, struct fault *ret_why, char ret_who[256]);
void run_gate_tell(struct session *session, enum gate_way way, enum gate_verdict verdict,
    const struct check *check, const struct fault *fault);
/* Counts for the survey: a secret or a proof of it was sent; it was refused. */
void run_count_logon(struct session *session, bool refused);
/* A logon that was counted turns out to be refused. */
void run_count_refusal(struct session *session);

/* The account's Kerberos state; NULL when Kerberos is not to be used, or not yet. */
struct krb *run_krb(const struct session *session);
/* For the KDC's rows: waits until the realm is known. NULL: Kerberos is not to be used, or with a
 * fault that says why not here: no realm, or this KDC serves another one. */
struct krb *run_krb_open(struct session *session, struct fault *fault);
/* A controller says which realm is its own: where no SRV record leads to a KDC, that counts. */
void run_learn_realm(struct session *session, const char *realm);
/* A TGT has come; the KDC that gave it answers for service tickets from now on. */
void run_krb_ready(struct session *session, const struct net_address *kdc);
/* A service ticket, asked for once per name in a run; waits while another chain asks. false with
 * CAUSE_NONE: Kerberos is not in use (no TGT). */
bool run_ticket(struct session *session, const char *service, const char *host,
    struct krb_ticket *ret_ticket, struct krb_reply *ret_reply, struct fault *fault);

/* Why there is no TGT, in the session's arena; NULL: there is one, or nobody knows. */
const char *run_ticket_trouble(struct session *session);

/* The guard's turn, once for each domain controller: failed logons are counted by each. GUARD_NONE:
 * there are no tickets to read with. GUARD_MINE: the caller reads with *ret_reader and must call
 * run_guard_tell() once. GUARD_OTHERS: another row has read, or what one said ends the question
 * (ret_who; "" where nobody could in time). Waits while another row of the same controller reads.
 */
enum guard_turn { GUARD_NONE, GUARD_MINE, GUARD_OTHERS };
enum guard_turn run_guard(struct session *session, struct krb **ret_reader, char ret_who[256]);
/* What a controller said of the account. read: nobody needs to ask it again. deny: why the password
 * must not be used, or NULL; final, whoever says it. pdc: the NTDS settings object of the PDC
 * emulator, which hears of the failures at all others; NULL: unknown. */
struct guard_word {
    bool read;
    const struct fault *deny;
    const char *pdc;
};
/* false: too late, somebody uses it already. */
bool run_guard_tell(
    struct session *session, const struct check *check, const struct guard_word *word);

/* The row is more than a guess: somebody else has named its place, or has by now. Waits while an
 * Autodiscover row may still do it. */
bool run_named(struct session *session);

/* Something was discovered: an absolute URL or a host for a service. Adds chains while others run.
 */
void run_discover(
    struct session *session, enum service service, const char *url, enum source source);
/* A mailbox server that answers RPC over TCP, as "ncacn_ip_tcp:HOST". */
#define RPC_TCP_URL "ncacn_ip_tcp:"
enum { RPC_MAPPER_PORT = 135 };

/* Who the account's mailbox is, as an answer names it: its legacy DN, and where it is known (NULL:
 * not) "GUID@domain", and the store's own name: that, or a host. */
struct known_mailbox {
    const char *legacy_dn, *mailbox_id, *server;
    enum source source; /* AUTODISCOVER or AD */
};
void run_learn_mailbox(struct session *session, const struct known_mailbox *mailbox);
/* Waits while an Autodiscover row may still tell, or else the directory. Autodiscover's word counts
 * before AD's; the waiting chain takes no worker and no place from those that tell. false:
 * nobody told, or told in time. The texts live as long as the run. */
bool run_mailbox(struct session *session, struct known_mailbox *ret_mailbox);

/* The account's own legacy DN, where it is not the mailbox's: a directory row reads it. NULL:
 * nobody told, or told in time. Lives as long as the run. */
void run_learn_user(struct session *session, const char *legacy_dn);
const char *run_user(struct session *session);

/* A logon to a store, which may be the wrong server: more than five of those within ten seconds,
 * and the server pauses the account ([MS-OXCSTOR] 3.2.5.1.3, ecServerPaused). Of five in a run the
 * last is for redirections that are followed. Waits while it depends on logons under way; false: as
 * many have gone wrong as may, and what was to be followed has been. Each true is followed by
 * run_store_logon_done(), and that of a wrong server which is no redirection itself by
 * run_store_followed(). */
bool run_store_logon(struct session *session, bool follows);
void run_store_logon_done(struct session *session, bool follows, bool wrong_server);
void run_store_followed(struct session *session);

/* What every replica holds alike is read by one row of a run: true for the first that asks for
 * `what`. After a failure run_release() lets the next row try. false: ret_who is the
 * row that reads it. */
bool run_claim(struct session *session, const char *what, char ret_who[256]);
void run_release(struct session *session, const char *what);
/* Somebody has claimed it, and who; takes nothing. */
bool run_is_claimed(struct session *session, const char *what, char ret_who[256]);
/* LDAP rows of that DNS domain are part of the run, as far as is known: they read what is in it. */
bool run_serves_domain(struct session *session, const char *domain);
/* For a probe whose reading belongs to one row: false: settled as SKIPPED, another row has it. */
bool run_claim_check(struct session *session, struct check *check);

/* A domain controller said where this host is: the site's own records are asked for. Idempotent.
 * domain and forest are DNS names, site may be NULL. */
void run_learn_site(
    struct session *session, const char *domain, const char *forest, const char *site);
/* A domain controller that the directory names: it gets rows; gc: also those of a Global Catalog.
 */
void run_discover_controller(struct session *session, const char *host, bool gc);
/* The HTTP hosts in use so far, and what their aliases lead to, for SPN searches. */
size_t run_front_ends(struct session *session, struct arena *arena, const char **hosts, size_t max);

/* An HTTP name in use offers Negotiate: it gets a row for its service ticket. */
void run_want_ticket(struct session *session, const char *host);

#endif
