#include "probes/gate.h"

#include <stdio.h>

enum { PATIENCE_MIN_US = 150 * 1000, PATIENCE_MAX_US = 1000 * 1000 };

enum gate_pass gate_ask(struct gate *gate, enum gate_way way, bool better_is_coming)
{
    if (gate->right && (way == WAY_TICKET || gate->proved[way]) &&
        (way == WAY_TICKET || gate->state != GATE_REFUSED))
        return GATE_GO;
    if (gate->state == GATE_REFUSED)
        return GATE_STOP;
    if (gate->state == GATE_PROVING || better_is_coming)
        return GATE_WAIT;
    gate->state = GATE_PROVING;
    return gate->right ? GATE_TRY : GATE_PROVE;
}

static void refuse(struct gate *gate, const char *who, const struct fault *fault)
{
    gate->state = GATE_REFUSED;
    if (fault != NULL)
        gate->fault = *fault;
    snprintf(gate->who, sizeof gate->who, "%s", who);
}

void gate_tell(struct gate *gate, enum gate_way way, enum gate_verdict verdict, const char *who,
    const struct fault *fault)
{
    switch (verdict) {
    case GATE_PROVED:
        gate->state = GATE_OPEN;
        gate->right = true;
        gate->proved[way] = true;
        snprintf(gate->who, sizeof gate->who, "%s", who);
        return;
    case GATE_NO_VERDICT:
        gate->state = gate->right ? GATE_OPEN : GATE_CLOSED;
        return;
    case GATE_DENIED:
        refuse(gate, who, fault);
        return;
    case GATE_UNANSWERED:
        /* A password known to be right was hardly counted as wrong by who did not answer. */
        if (gate->right)
            gate->state = GATE_OPEN;
        else
            refuse(gate, who, fault);
        return;
    }
}

bool gate_cause_denies(enum cause cause)
{
    static const enum cause denying[] = {CAUSE_LOGON_REFUSED, CAUSE_ACCESS_DENIED,
        CAUSE_PASSWORD_WRONG, CAUSE_PASSWORD_EXPIRED, CAUSE_PASSWORD_MUST_CHANGE,
        CAUSE_ACCOUNT_UNKNOWN, CAUSE_ACCOUNT_REVOKED, CAUSE_ACCOUNT_DISABLED, CAUSE_ACCOUNT_LOCKED,
        CAUSE_ACCOUNT_EXPIRED, CAUSE_LOGON_HOURS, CAUSE_LOGON_WORKSTATION, CAUSE_LOCKOUT_NEAR};
    for (size_t i = 0; i < sizeof denying / sizeof denying[0]; i++) {
        if (denying[i] == cause)
            return true;
    }
    return false;
}

enum gate_verdict gate_verdict_of(enum cause cause)
{
    /* A KDC without a common key has nothing to compare, and sees the skew only after it opened the
     * timestamp with the account's key. AD answers wrong channel bindings with 80090346 whatever
     * the password is, and asks for signing only of those who have logged on. */
    static const enum cause harmless[] = {CAUSE_ENCRYPTION_TYPE, CAUSE_CLOCK_SKEW,
        CAUSE_CHANNEL_BINDING, CAUSE_STRONG_AUTH_REQUIRED, CAUSE_REFERRAL};
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++) {
        if (harmless[i] == cause)
            return GATE_NO_VERDICT;
    }
    return gate_cause_denies(cause) ? GATE_DENIED : GATE_UNANSWERED;
}

int64_t gate_patience_us(int64_t own_us)
{
    if (own_us < PATIENCE_MIN_US / 3)
        return PATIENCE_MIN_US;
    return own_us > PATIENCE_MAX_US / 3 ? PATIENCE_MAX_US : 3 * own_us;
}
