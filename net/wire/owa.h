/*
 * OWA forms logon: the form we post and the meaning of where it sends us. catalogue of outcomes in
 * the comments of enum owa_place.
 */
#ifndef NET_WIRE_OWA_H
#define NET_WIRE_OWA_H

#include "net/arena.h"

#include <stdbool.h>

enum owa_place {
    OWA_INSIDE,           /* 302 to the destination (/owa/…), logon cookies set */
    OWA_LANGUAGE,         /* languageselection.aspx: logged on; never opened before */
    OWA_PASSWORD_EXPIRED, /* expiredpassword.aspx: the password was right */
    OWA_LOGON,            /* back to logon.aspx: see reason */
    OWA_ERROR,            /* errorFE.aspx, error.aspx, frowny.aspx, CafeError */
    OWA_ELSEWHERE,        /* any other place: another host, http:, an unknown page */
    OWA_NOWHERE           /* no Location */
};

struct owa_location {
    enum owa_place place;
    int reason;          /* logon.aspx?reason=n: 0 none 1 signed out 2 bad credentials 3 timed out
                            4 password changed 5, 6 blocked by client access rules; -1: absent */
    int http_code;       /* errorFE.aspx?httpCode=n, else 0 */
    const char *message; /* msg= or et= of the error page, or NULL */
};

/* location: the header as sent, or NULL. host: the one we asked. */
struct owa_location owa_classify(struct arena *arena, const char *location, const char *host);

/* application/x-www-form-urlencoded body of POST /owa/auth.owa. It holds the password and nothing
 * else does: the caller wipes it after use. */
char *owa_form(
    struct arena *arena, const char *destination, const char *user, const char *password);

/* "15.2.1544" from the links of logon.aspx ("/owa/auth/15.2.1544/themes…"), or NULL. */
const char *owa_page_build(struct arena *arena, const char *body);
/* The page has the logon form (its action auth.owa). */
bool owa_page_has_form(const char *body);
/* name=value pairs of Set-Cookie headers, joined for a Cookie header: adds one value to a jar text
 * (NULL at first); a later value of the same name replaces the former, an empty one removes it. */
const char *cookie_add(struct arena *arena, const char *jar, const char *set_cookie);

#endif
