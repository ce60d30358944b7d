/*
 * Values as Active Directory writes them: names, SIDs, times. Pure.
 */
#ifndef PROBES_LDAP_VALUE_H
#define PROBES_LDAP_VALUE_H

#include "net/directory.h"
#include "probes/survey.h"

/* Of a name that many objects own this many are told; a DN is cut behind so many bytes. */
enum { OWNERS_SHOWN = 20, DN_SHOWN = 1024 };

/* The value of the first part of a distinguished name, without its escapes (RFC 4514): "DB1" of
 * "CN=DB1,CN=Databases,…". */
const char *dn_leaf(struct arena *arena, const char *dn);
/* The DNS name that the DC= parts at its end spell: "contoso.test"; NULL: none. */
const char *dn_domain(struct arena *arena, const char *dn);

/* [MS-DTYP] 2.4.2 */
enum { SID_PARTS_MAX = 15 };
struct sid {
    uint64_t authority;
    uint32_t parts[SID_PARTS_MAX];
    size_t count; /* at least one */
};
bool sid_read(const struct directory_value *value, struct sid *ret_sid);
const char *sid_text(struct arena *arena, const struct sid *sid); /* "S-1-5-21-…-1104" */
/* The same account domain, another relative id: a primary group. */
struct sid sid_sibling(const struct sid *sid, uint32_t rid);
/* Its bytes, each escaped, as the value of a filter on objectSid. */
const char *sid_filter(struct arena *arena, const struct sid *sid);

/* GeneralizedTime "20261122120000.0Z" to RFC 3339; NULL: it is none. */
const char *generalized_time(struct arena *arena, const char *text);

/* A point in time as the attribute has it: 100 ns since 1601. */
enum moment_kind { MOMENT_ABSENT, MOMENT_NEVER /* 0, or the largest number */, MOMENT_AT };
enum moment_kind entry_moment(
    const struct directory_entry *entry, const char *attribute, int64_t *ret_seconds);
/* A span: a negative number of 100 ns. NEVER: it has no end. entry may be NULL. */
enum moment_kind entry_span(
    const struct directory_entry *entry, const char *attribute, int64_t *ret_seconds);

/* What a failed logon more would do. [MS-SAMR] 3.1.1.8.7: each failure starts the window anew, and
 * only one known to be older than it is forgotten. */
struct lockout {
    int64_t threshold; /* 0: failed logons do not lock accounts */
    int64_t window_s;  /* <= 0: not known, or for ever */
    int64_t count;     /* badPwdCount */
    int64_t age_s;     /* of the last failure; < 0: not known */
};
int64_t lockout_counted(const struct lockout *lockout); /* failures that still count */
int64_t lockout_left(const struct lockout *lockout);    /* from now on until it is locked */

/* Every value of the attribute, one more list entry each. */
void check_values(struct check *check, const char *key, const struct directory_entry *entry,
    const char *attribute);
/* The texts of a list in one, with this between them. */
const char *join_list(struct arena *arena, const struct fact *list, const char *between);

#endif
