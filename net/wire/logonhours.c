#include "net/wire/logonhours.h"

#include "net/wire/reader.h"

#include <string.h>

enum { DAY_HOURS = 24, WEEK_DAYS = 7, WEEK_HOURS = DAY_HOURS * WEEK_DAYS };

/* The week as it lies in the attribute: Sunday first. */
struct week {
    bool open[WEEK_HOURS];
    size_t count; /* of open hours */
};

static bool read_week(const void *bytes, size_t length, struct week *ret_week)
{
    if (bytes == NULL || length != LOGONHOURS_LENGTH)
        return false;
    struct reader reader = reader_of(bytes, length);
    *ret_week = (struct week){.count = 0};
    for (size_t hour = 0; hour < WEEK_HOURS; hour += 8) {
        unsigned byte = read_u8(&reader);
        for (size_t bit = 0; bit < 8; bit++) {
            ret_week->open[hour + bit] = (byte >> bit & 1u) != 0;
            ret_week->count += byte >> bit & 1u;
        }
    }
    return reader_ok(&reader);
}

static const char *day_ranges(struct arena *arena, const struct week *week, size_t day)
{
    const bool *open = &week->open[day * DAY_HOURS];
    const char *text = "";
    for (size_t hour = 0; hour < DAY_HOURS; hour++) {
        if (!open[hour])
            continue;
        size_t end = hour;
        while (end < DAY_HOURS && open[end])
            end++;
        text = arena_printf(
            arena, "%s%s%02zu:00-%02zu:00", text, text[0] == '\0' ? "" : "+", hour, end);
        hour = end;
    }
    return text;
}

char *logonhours_text(struct arena *arena, const void *bytes, size_t length)
{
    static const char *const names[WEEK_DAYS] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    const char *ranges[WEEK_DAYS];
    struct week week;
    if (!read_week(bytes, length, &week))
        return NULL;
    if (week.count == 0 || week.count == WEEK_HOURS)
        return arena_strdup(arena, week.count == 0 ? "never" : "always");
    for (size_t day = 0; day < WEEK_DAYS; day++)
        ranges[day] = day_ranges(arena, &week, day);

    /* Monday first, neighbours with the same hours in one. */
    char *text = arena_strdup(arena, "");
    for (size_t i = 0; i < WEEK_DAYS; i++) {
        const char *hours = ranges[(i + 1) % WEEK_DAYS];
        size_t last = i;
        while (last + 1 < WEEK_DAYS && strcmp(ranges[(last + 2) % WEEK_DAYS], hours) == 0)
            last++;
        if (hours[0] != '\0')
            text = arena_printf(arena, "%s%s%s%s%s %s", text, text[0] == '\0' ? "" : ", ",
                names[(i + 1) % WEEK_DAYS], last > i ? "-" : "",
                last > i ? names[(last + 1) % WEEK_DAYS] : "", hours);
        i = last;
    }
    return arena_printf(arena, "%s UTC", text);
}

bool logonhours_open(const void *bytes, size_t length, int64_t when)
{
    enum { EPOCH_DAY = 4 }; /* 1970-01-01 was a Thursday */
    struct week week;
    if (!read_week(bytes, length, &week))
        return true;
    int64_t hours = when / 3600 - (when % 3600 < 0 ? 1 : 0) + EPOCH_DAY * DAY_HOURS;
    int64_t hour = hours % WEEK_HOURS;
    return week.open[hour < 0 ? hour + WEEK_HOURS : hour];
}
