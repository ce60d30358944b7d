/*
 * What the rules about the directory and the account's object share.
 */
#ifndef REPORT_RULE_DIRECTORY_H
#define REPORT_RULE_DIRECTORY_H

#include "report/rule.h"

bool is_directory(const struct chain *chain);
/* "mailbox svc@contoso.test"; of: a further mailbox, or NULL for the account's own. */
struct match *mailbox_match(struct scan *scan, const char *of);
/* What is read from a recipient's object: ldap.recipient (the account's own) or ldap.other. */
bool is_recipient(const struct check *check);

/* The store or the address book, by RPC or by MAPI over HTTP, refuses the account's own mailbox, or
 * the front end finds none of this name. */
bool is_mapi_refusal(const struct survey *survey, const struct check *check);

/* The name of the domain controller behind a row. */
const char *controller_of(const struct chain *chain);
/* Another controller of the same kind has another state of the account's object, and there the same
 * check passes: the difference (D13) is the finding, not what this one says. */
bool is_disputed(const struct survey *survey, const struct chain *chain, const struct check *check);

/* LDAPS, or the catalogue's, ends before TLS, while the same host speaks in the clear (D14). */
bool is_without_certificate(const struct survey *survey, const struct chain *chain);

#endif
