#include "probes/gate.h"

#include <stdio.h>

enum { PATIENCE_MIN_US = 150 * 1000, PATIENCE_MAX_US = 1000 * 1000 };

enum gate_pass gate_ask(struct gate *gate, bool better_is_coming)
{
    switch (gate->state) {
    case GATE_OPEN:
        return GATE_GO;
    case GATE_REFUSED:
        return GATE_STOP;
    case GATE_PROVING:
        return GATE_WAIT;
    case GATE_CLOSED:
        break;
    }
    if (better_is_coming)
        return GATE_WAIT;
    gate->state = GATE_PROVING;
    return GATE_PROVE;
}

void gate_tell(
    struct gate *gate, enum gate_verdict verdict, const char *who, const struct fault *fault)
{
    switch (verdict) {
    case GATE_PROVED:
        gate->state = GATE_OPEN;
        break;
    case GATE_NO_VERDICT:
        gate->state = GATE_CLOSED;
        return;
    case GATE_DENIED:
    case GATE_UNANSWERED:
        gate->state = GATE_REFUSED;
        if (fault != NULL)
            gate->fault = *fault;
        break;
    }
    snprintf(gate->who, sizeof gate->who, "%s", who);
}

int64_t gate_patience_us(int64_t own_us)
{
    if (own_us < PATIENCE_MIN_US / 3)
        return PATIENCE_MIN_US;
    return own_us > PATIENCE_MAX_US / 3 ? PATIENCE_MAX_US : 3 * own_us;
}
