/*
 * The attribute logonHours: in which hours of the week an account may log on. [MS-SAMR] 2.2.6.5: 21
 * bytes, a bit an hour, lowest bit first, from Sunday midnight in UTC. Pure.
 */
#ifndef NET_WIRE_LOGONHOURS_H
#define NET_WIRE_LOGONHOURS_H

#include "net/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOGONHOURS_LENGTH = 21 };

/* "Mon-Fri 07:00-18:00, Sat 08:00-12:00 UTC", "always", "never"; NULL where these are not 21 bytes.
 */
char *logonhours_text(struct arena *arena, const void *bytes, size_t length);
/* Whether the hour of `when`, seconds since the epoch, is a logon hour; what are not 21 bytes
 * restrict nothing. */
bool logonhours_open(const void *bytes, size_t length, int64_t when);

#endif
