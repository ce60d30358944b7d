#include "net/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool fault_set(
    struct fault *fault, enum cause cause, enum origin origin, long code, const char *format, ...)
{
    if (fault == NULL)
        return false;
    /* The arguments may point into the old text: format beside it first. */
    char text[FAULT_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    *fault = (struct fault){.cause = cause, .origin = origin, .code = code};
    memcpy(fault->text, text, sizeof text);
    return false;
}

static const char *const cause_names[] = {
#define X(symbol, name) [CAUSE_##symbol] = name,
    CAUSES(X)
#undef X
};

static const char *const origin_names[] = {
#define X(symbol, name, code) [ORIGIN_##symbol] = name,
    ORIGINS(X)
#undef X
};

const char *cause_str(enum cause cause)
{
    return cause_names[cause];
}

const char *origin_str(enum origin origin)
{
    return origin_names[origin];
}

bool cause_parse(const char *name, enum cause *ret_cause)
{
    for (int i = 0; i < CAUSE_COUNT; i++) {
        if (strcmp(cause_names[i], name) == 0) {
            *ret_cause = (enum cause)i;
            return true;
        }
    }
    return false;
}

bool origin_parse(const char *name, enum origin *ret_origin)
{
    for (int i = 0; i < ORIGIN_COUNT; i++) {
        if (strcmp(origin_names[i], name) == 0) {
            *ret_origin = (enum origin)i;
            return true;
        }
    }
    return false;
}
