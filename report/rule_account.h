/*
 * What the rules about the account and its logon share.
 */
#ifndef REPORT_RULE_ACCOUNT_H
#define REPORT_RULE_ACCOUNT_H

#include "report/rule.h"

#define KDC_CODES "RFC 4120 7.5.9 error codes"
#define LDAP_DATA "Microsoft: LDAP AcceptSecurityContext error, data codes"

/* "account svc@contoso.test" */
struct match *account_match(struct scan *scan);
/* Cites every check for which is_so() holds; say (may be NULL) adds words. */
void account_scan(struct scan *scan, bool (*is_so)(const struct check *check),
    void (*say)(struct scan *scan, struct match *match, const struct check *check));

/* A refused bind's data code: "52e". */
bool account_data_is(const struct check *check, const char *data);
/* [MS-ERREF] 2.3.1, in the e-data of a KDC, without the 0x: "c0000072". */
bool account_status_is(const struct check *check, const char *status);

/* For explains: refusals that do not say why, and what our own gate held back. */
bool account_explains(
    const struct survey *survey, const struct match *match, const struct check *check);
/* The same, and a KDC's "revoked", which it says for disabled, locked and expired alike. */
bool account_state_explains(
    const struct survey *survey, const struct match *match, const struct check *check);

#endif
