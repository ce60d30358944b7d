/* Bytes as the specifications print them: hexadecimal digits, anything else between them. */
#ifndef TESTS_UNIT_OCTETS_H
#define TESTS_UNIT_OCTETS_H

#include "net/arena.h"

#include <stdint.h>
#include <string.h>

static inline uint8_t *octets(struct arena *arena, const char *hex, size_t *ret_length)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t *bytes = arena_alloc(arena, strlen(hex) / 2 + 1);
    size_t count = 0;
    for (const char *c = hex; *c != '\0'; c++) {
        char lower = *c >= 'A' && *c <= 'F' ? (char)(*c - 'A' + 'a') : *c;
        const char *digit = strchr(digits, lower);
        if (digit == NULL)
            continue;
        size_t at = count++ / 2;
        bytes[at] = (uint8_t)(bytes[at] << 4 | (digit - digits));
    }
    *ret_length = count / 2;
    return bytes;
}

#endif
