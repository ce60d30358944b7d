/*
 * Clocks and deadlines. A deadline is an absolute point of the monotonic clock, passed by value;
 * no wait restarts it.
 */
#ifndef NET_DEADLINE_H
#define NET_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

struct deadline {
    int64_t at_us; /* clock_monotonic_us() */
};

int64_t clock_monotonic_us(void);
int64_t clock_wall_us(void); /* since the epoch, UTC */

struct deadline deadline_in_ms(int64_t milliseconds);
struct deadline deadline_earlier(struct deadline a, struct deadline b);
bool deadline_passed(struct deadline deadline);
/* For poll(): what is left, rounded up, 0 when passed, at most INT_MAX. */
int deadline_left_ms(struct deadline deadline);

/* What bounds every wait: the deadline, and a descriptor that becomes readable when the run is
 * aborted (-1: none; it is never read from). A wait that ends by the first reports CAUSE_TIMEOUT
 * (origin EXREACH), by the second CAUSE_INTERRUPTED. */
struct net_limit {
    struct deadline deadline;
    int cancel_fd;
};

#endif
