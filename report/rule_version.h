/*
 * What the rules share about the versions of Exchange.
 */
#ifndef REPORT_RULE_VERSION_H
#define REPORT_RULE_VERSION_H

#include "net/wire/build.h"
#include "report/rule.h"

/* The build that a check shows of an Exchange server. gromox claims one, and is none. */
bool check_build(const struct check *check, struct build *ret_build);
/* The same of a server's object in the directory. Edge servers have no mailboxes and no clients. */
bool server_build(const struct check *check, struct build *ret_build);

/* "ex1.contoso.test" on the wire is EX1 in the directory. */
bool same_server(const char *a, const char *b);

/* Exchange 2010 and older have neither MAPI over HTTP nor health pages: this check of the row fails
 * for that, and nothing is broken. */
bool is_absent_by_age(
    const struct survey *survey, const struct chain *row, const struct check *check);

#endif
