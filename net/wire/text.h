/*
 * Small text codecs, pure: base64 (RFC 4648 §4), UTF-8 to and from UTF-16LE, percent-encoding,
 * dates.
 */
#ifndef NET_WIRE_TEXT_H
#define NET_WIRE_TEXT_H

#include "net/arena.h"

#include <stdbool.h>
#include <stdint.h>

char *base64_encode(struct arena *arena, const void *bytes, size_t length);
/* Strict: no white space, right padding. false: malformed. *ret_bytes in the arena. */
bool base64_decode(
    struct arena *arena, const char *text, size_t length, uint8_t **ret_bytes, size_t *ret_length);

/* Malformed sequences become U+FFFD. */
uint8_t *utf8_to_utf16le(struct arena *arena, const char *text, size_t *ret_length);
char *utf16le_to_utf8(struct arena *arena, const void *bytes, size_t length);
/* Simple upper case of UTF-8 (ASCII, Latin-1, Greek and Cyrillic basic ranges), as NTOWFv2 wants
 * it. */
char *utf8_upper(struct arena *arena, const char *text);

/* application/x-www-form-urlencoded */
char *form_encode(struct arena *arena, const char *text);

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 §5.6.7, all three forms); seconds since the epoch. */
bool http_date_parse(const char *text, int64_t *ret_seconds);
/* "2026-11-22T12:00:00Z" */
char *rfc3339(struct arena *arena, int64_t seconds);
bool rfc3339_parse(const char *text, int64_t *ret_seconds);
/* FILETIME (100 ns since 1601) to seconds since the epoch. */
int64_t filetime_to_seconds(uint64_t filetime);

/* Without regard to ASCII case. */
bool text_equal_nocase(const char *a, const char *b);
bool text_starts_nocase(const char *text, const char *prefix);
bool text_ends_nocase(const char *text, const char *suffix);
const char *text_find_nocase(const char *text, const char *needle);

#endif
