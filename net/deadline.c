#include "net/deadline.h"

#include <limits.h>
#include <time.h>

static int64_t clock_us(clockid_t clock)
{
    struct timespec now = {0};
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_monotonic_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

struct deadline deadline_in_ms(int64_t milliseconds)
{
    int64_t now = clock_monotonic_us();
    if (milliseconds > (INT64_MAX - now) / 1000)
        return (struct deadline){.at_us = INT64_MAX};
    return (struct deadline){.at_us = now + milliseconds * 1000};
}

struct deadline deadline_earlier(struct deadline a, struct deadline b)
{
    return a.at_us < b.at_us ? a : b;
}

bool deadline_passed(struct deadline deadline)
{
    return clock_monotonic_us() >= deadline.at_us;
}

int deadline_left_ms(struct deadline deadline)
{
    int64_t left = deadline.at_us - clock_monotonic_us();
    if (left <= 0)
        return 0;
    /* Rounded up: a wait of 0 ms for the last 999 us would spin. */
    int64_t left_ms = left / 1000 + (left % 1000 != 0);
    return left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}
