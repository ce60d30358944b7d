/*
 * The credential gate: the password is proved once before anything else may use it, and a run
 * causes at most one failed logon per account. Pure state; the runner does the waiting.
 *
 *   1. A chain reaches AUTH and asks gate_ask(). While nothing is proved and nobody proves, it
 *      becomes the prover (GATE_PROVE), unless a better prover is still on its way (a KDC names the
 *      cause of a refusal, LDAP too, HTTP does not): then it waits (GATE_WAIT) until that one is
 *      through or its patience ends.
 *   2. The prover tells the gate what came of it with gate_tell():
 *      GATE_PROVED: all go. GATE_DENIED: nobody goes. GATE_NO_VERDICT, nothing that proves the
 *      password was sent, or the server refused it before it looked at the password: the next chain
 *      that asks becomes the prover. GATE_UNANSWERED, it was sent and no answer came, or one that
 *      is not about the password: a wrong one may have been counted, so nobody goes.
 *   3. An account that a KDC declares unusable without an attempt (unknown, disabled …) is
 *      GATE_DENIED, too; so is one that the guard finds locked, or one failure short of it, by
 *      somebody's tickets (ldap_guard.c), at any domain controller: before those that answer
 *      in time have spoken nobody proves.
 *   4. A right password may still be refused where it goes another way: a form that wants another
 *      form of the name, NTLM that is switched off. So the first chain that sends it on a way tries
 *      it for all (GATE_TRY), the better way first, and tells what came of it. Refused: no password
 *      is sent any more on any way; tickets go on.
 */
#ifndef PROBES_GATE_H
#define PROBES_GATE_H

#include "probes/survey.h"

enum gate_state { GATE_CLOSED, GATE_PROVING, GATE_OPEN, GATE_REFUSED };
enum gate_pass { GATE_GO, GATE_PROVE, GATE_TRY, GATE_WAIT, GATE_STOP };
/* The chain must tell the gate what came of it. */
#define GATE_MUST_TELL(pass) ((pass) == GATE_PROVE || (pass) == GATE_TRY)
enum gate_verdict { GATE_PROVED, GATE_DENIED, GATE_NO_VERDICT, GATE_UNANSWERED };

/* How a proof travels. WAY_TICKET proves nothing of the password: a Kerberos service ticket. */
enum gate_way { WAY_TICKET, WAY_KDC, WAY_LDAP, WAY_HTTP, WAY_FORM, WAY_COUNT };

struct gate {
    enum gate_state state;
    bool right;             /* the password was proved, on some way */
    bool proved[WAY_COUNT]; /* … on these */
    char who[256];          /* the check that proved, or was refused */
    struct fault fault;     /* why it is refused */
};

enum gate_pass gate_ask(struct gate *gate, enum gate_way way, bool better_is_coming);
/* From the prover only, with the way it went. fault may be NULL for GATE_PROVED and
 * GATE_NO_VERDICT. */
void gate_tell(struct gate *gate, enum gate_way way, enum gate_verdict verdict, const char *who,
    const struct fault *fault);

/* The cause is a verdict about the account or its password, so that trying elsewhere would cost
 * another failed logon. */
bool gate_cause_denies(enum cause cause);
/* From a proof that left this host and was not accepted: GATE_DENIED where the cause denies,
 * GATE_NO_VERDICT where a server says so before it looks at the password, else GATE_UNANSWERED. */
enum gate_verdict gate_verdict_of(enum cause cause);

/* How long a chain that reached AUTH after own_us waits for a better prover: in proportion to its
 * own way, so that a silent KDC costs the other rows little on any network. */
int64_t gate_patience_us(int64_t own_us);

#endif
