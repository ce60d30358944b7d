/* The Active Directory behind the front end: searches with the service's own account over a small
 * pool of LDAPS connections, and logons with a user's name and password. Every wait is bounded. */
#ifndef FRONTEND_DIRECTORY_H
#define FRONTEND_DIRECTORY_H

#include "buf.h"
#include "config.h"

enum logon {
    LOGON_OK,
    LOGON_BAD_PASSWORD, /* or no such user: the directory does not tell */
    LOGON_DISABLED,
    LOGON_LOCKED,
    LOGON_ACCOUNT_EXPIRED,
    LOGON_PASSWORD_EXPIRED,
    LOGON_MUST_CHANGE,
    LOGON_HOURS,
    LOGON_WORKSTATION,
    LOGON_REFUSED,    /* for another reason */
    LOGON_UNAVAILABLE /* the directory could not be asked */
};

struct ad_value {
    char *name;
    struct buf value;
};

struct ad_entry {
    char *dn;
    struct ad_value *values; /* one for each value of each attribute */
    size_t count;
};

struct ad_result {
    struct ad_entry *entries;
    size_t count;
};

bool directory_init(const struct config *config, char *ret_error, size_t error_size);
void directory_done(void);

/* One simple bind: one logon in the directory. A name without a domain gets `default_domain`
 * before it, unless that is empty. */
enum logon directory_logon(const struct config *config, const char *name, const char *password,
    const char *default_domain);
const char *logon_str(enum logon logon);

/* Searches the domain; at most `limit` entries. False: the directory cannot be asked. */
bool directory_search(
    const struct config *config, const char *filter, size_t limit, struct ad_result *ret_result);
void ad_result_done(struct ad_result *result);
/* The first value; "" without one. */
const char *ad_text(const struct ad_entry *entry, const char *attribute);
const struct buf *ad_bytes(const struct ad_entry *entry, const char *attribute);
/* RFC 4515. */
void filter_escape(struct buf *filter, const char *text);

#endif
