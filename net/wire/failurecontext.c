#include "net/wire/failurecontext.h"

#include <string.h>

#include "net/wire/text.h"

/* "" behind the end of the list. */
static const char *part_of(struct arena *arena, const char *value, int index)
{
    for (; index > 0; index--) {
        value += strcspn(value, ";");
        value += *value == ';';
    }
    return arena_strndup(arena, value, strcspn(value, ";"));
}

static const char *decoded(struct arena *arena, const char *coded)
{
    uint8_t *bytes;
    size_t length;
    if (*coded == '\0' || !base64_decode(arena, coded, strlen(coded), &bytes, &length))
        return "";
    return arena_strndup(arena, (const char *)bytes, length);
}

bool failure_context_read(
    struct arena *arena, const char *value, struct failure_context *ret_context)
{
    enum { POINT, STATUS, ERROR, DETAILS, SUB_CODE, WEB };
    const struct failure_context context = {
        .point = part_of(arena, value, POINT),
        .status = part_of(arena, value, STATUS),
        .error = decoded(arena, part_of(arena, value, ERROR)),
        .details = decoded(arena, part_of(arena, value, DETAILS)),
        .sub_code = part_of(arena, value, SUB_CODE),
        .web = part_of(arena, value, WEB),
    };
    *ret_context = context;
    return *context.point != '\0' && *context.status != '\0' &&
           strspn(context.status, "0123456789") == strlen(context.status);
}

const char *failure_context_words(struct arena *arena, const struct failure_context *context)
{
    return arena_printf(arena, "%.20s, %.10s%s%.100s%s%.300s%s%.20s%s%.60s", context->point,
        context->status, *context->error != '\0' ? " " : "", context->error,
        *context->details != '\0' ? ", " : "", context->details,
        *context->sub_code != '\0' ? ", sub-code " : "", context->sub_code,
        *context->web != '\0' ? ", web exception " : "", context->web);
}
