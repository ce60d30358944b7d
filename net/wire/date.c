/* Dates of net/wire/text.h: RFC 9110 §5.6.7, RFC 3339, FILETIME. No locale, no time zone files. */
#include "net/wire/text.h"

#include <string.h>

struct moment {
    int64_t year;
    int month, day, hour, minute, second; /* month and day from 1 */
};

/* Days since the epoch in the proleptic Gregorian calendar, by counting years from March. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    if (month <= 2) {
        year--;
        month += 12;
    }
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month - 3) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void civil_from_days(int64_t days, struct moment *ret_moment)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    ret_moment->day = (int)(of_year - (153 * month + 2) / 5 + 1);
    ret_moment->month = (int)(month < 10 ? month + 3 : month - 9);
    ret_moment->year = era * 400 + year + (ret_moment->month <= 2);
}

static bool leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool moment_seconds(const struct moment *moment, int64_t *ret_seconds)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (moment->month < 1 || moment->month > 12 || moment->day < 1)
        return false;
    int length = lengths[moment->month - 1] + (moment->month == 2 && leap(moment->year));
    /* Second 60 is a leap second. */
    if (moment->day > length || moment->hour > 23 || moment->minute > 59 || moment->second > 60)
        return false;
    *ret_seconds = days_from_civil(moment->year, moment->month, moment->day) * 86400 +
                   (int64_t)moment->hour * 3600 + (int64_t)moment->minute * 60 + moment->second;
    return true;
}

/* A cursor that fails for good, like the reader: every step checks the one before. */
struct scan {
    const char *at;
    bool failed;
};

static int scan_number(struct scan *scan, int digits)
{
    int value = 0;
    for (int i = 0; i < digits && !scan->failed; i++) {
        if (*scan->at < '0' || *scan->at > '9')
            scan->failed = true;
        else
            value = value * 10 + (*scan->at++ - '0');
    }
    return scan->failed ? 0 : value;
}

static void scan_text(struct scan *scan, const char *text)
{
    if (scan->failed || !text_starts_nocase(scan->at, text))
        scan->failed = true;
    else
        scan->at += strlen(text);
}

static int scan_month(struct scan *scan)
{
    static const char *const months[] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    for (int i = 0; i < 12 && !scan->failed; i++) {
        if (text_starts_nocase(scan->at, months[i])) {
            scan->at += 3;
            return i + 1;
        }
    }
    scan->failed = true;
    return 0;
}

static void scan_time(struct scan *scan, struct moment *moment)
{
    moment->hour = scan_number(scan, 2);
    scan_text(scan, ":");
    moment->minute = scan_number(scan, 2);
    scan_text(scan, ":");
    moment->second = scan_number(scan, 2);
}

/* "06 Nov 1994 08:49:37 GMT" and, with dashes and two digits of the year, RFC 850's */
static void scan_day_first(struct scan *scan, struct moment *moment)
{
    moment->day = scan_number(scan, 2);
    bool dashes = !scan->failed && *scan->at == '-';
    scan_text(scan, dashes ? "-" : " ");
    moment->month = scan_month(scan);
    scan_text(scan, dashes ? "-" : " ");
    /* Netscape's cookies have dashes and four digits. */
    bool long_year = !scan->failed && strspn(scan->at, "0123456789") == 4;
    moment->year = scan_number(scan, dashes && !long_year ? 2 : 4);
    if (dashes && !long_year)
        moment->year += moment->year < 70 ? 2000 : 1900;
    scan_text(scan, " ");
    scan_time(scan, moment);
    scan_text(scan, " GMT");
}

/* "Nov  6 08:49:37 1994" */
static void scan_asctime(struct scan *scan, struct moment *moment)
{
    moment->month = scan_month(scan);
    scan_text(scan, " ");
    bool one_digit = !scan->failed && *scan->at == ' ';
    if (one_digit)
        scan->at++;
    moment->day = scan_number(scan, one_digit ? 1 : 2);
    scan_text(scan, " ");
    scan_time(scan, moment);
    scan_text(scan, " ");
    moment->year = scan_number(scan, 4);
}

bool http_date_parse(const char *text, int64_t *ret_seconds)
{
    /* The name of the day is not checked against the date: it adds nothing. */
    struct scan scan = {.at = text};
    size_t name = strcspn(text, ", ");
    if (name < 3 || name > 9)
        return false;
    scan.at += name;
    struct moment moment = {0};
    if (*scan.at == ',') {
        scan_text(&scan, ", ");
        scan_day_first(&scan, &moment);
    } else {
        scan_text(&scan, " ");
        scan_asctime(&scan, &moment);
    }
    if (scan.failed || *scan.at != '\0')
        return false;
    return moment_seconds(&moment, ret_seconds);
}

char *rfc3339(struct arena *arena, int64_t seconds)
{
    /* Year 1 to 9999: what the format can say. */
    const int64_t first = -62135596800, last = 253402300799;
    seconds = seconds < first ? first : seconds > last ? last : seconds;
    int64_t days = (seconds - (seconds < 0 ? 86399 : 0)) / 86400;
    int rest = (int)(seconds - days * 86400);
    struct moment moment = {0};
    civil_from_days(days, &moment);
    return arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)moment.year, moment.month,
        moment.day, rest / 3600, rest / 60 % 60, rest % 60);
}

bool rfc3339_parse(const char *text, int64_t *ret_seconds)
{
    struct scan scan = {.at = text};
    struct moment moment = {.year = scan_number(&scan, 4)};
    scan_text(&scan, "-");
    moment.month = scan_number(&scan, 2);
    scan_text(&scan, "-");
    moment.day = scan_number(&scan, 2);
    scan_text(&scan, "T");
    scan_time(&scan, &moment);
    int64_t seconds = 0;
    if (scan.failed || !moment_seconds(&moment, &seconds))
        return false;
    if (*scan.at == '.') {
        size_t digits = strspn(scan.at + 1, "0123456789");
        if (digits == 0)
            return false;
        scan.at += 1 + digits;
    }
    int offset = 0;
    char sign = *scan.at;
    if (sign == '+' || sign == '-') {
        scan.at++;
        int hours = scan_number(&scan, 2);
        scan_text(&scan, ":");
        int minutes = scan_number(&scan, 2);
        if (hours > 23 || minutes > 59)
            return false;
        offset = (hours * 3600 + minutes * 60) * (sign == '+' ? 1 : -1);
    } else {
        scan_text(&scan, "Z");
    }
    if (scan.failed || *scan.at != '\0')
        return false;
    *ret_seconds = seconds - offset;
    return true;
}

int64_t filetime_to_seconds(uint64_t filetime)
{
    return (int64_t)(filetime / 10000000) - 11644473600;
}
