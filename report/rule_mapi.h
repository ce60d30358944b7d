/*
 * What the rules about MAPI share. Over HTTP and over RPC the same is asked: "mapi.mailbox" and
 * "rpc.mailbox" differ in their family only.
 */
#ifndef REPORT_RULE_MAPI_H
#define REPORT_RULE_MAPI_H

#include "report/rule.h"

bool is_mapi(const struct chain *chain); /* a row of MAPI over HTTP or of RPC */
/* "mailbox" is mapi.mailbox and rpc.mailbox. A NULL check is none. */
bool mapi_is(const struct check *check, const char *step);
/* The chain's check of this step and family, or NULL. */
const struct check *mapi_check(const struct chain *chain, const char *step);
/* <family>.<key> of a check; NULL: not recorded. */
const char *mapi_text(struct scan *scan, const struct check *check, const char *key);

/* What the store or the address book answered a failing check: a code of net/wire/ecodes.h. 0: it
 * answered none, or it does not fail. */
uint32_t mapi_code(const struct check *check);
/* X-ResponseCode of a failing check, by [MS-OXCMAPIHTTP]; 0: none, or one of other numbers. */
long mapi_response_code(const struct check *check);

/* gromox, another server for MAPI over HTTP: it says so in a header, or in the sentence that came
 * with a code. */
bool mapi_is_gromox(const struct check *check);

/* Of the public folders, not of a mailbox: mapi.public, rpc.public, ews.public. */
bool is_of_public_folders(const struct check *check);

/* The mailbox that it is about: a further one, or the account's own. */
const char *mapi_mailbox(const struct survey *survey, const struct check *check);
/* The name of its database, as the directory has it; NULL: nobody said. */
const char *mapi_database(struct scan *scan, const struct check *check);

/* A match of that rule, made before, cites the check. */
bool is_cited(const struct scan *scan, const char *rule, const struct check *check);

/* The address book has nobody by the name, or nobody who tells the name's legacy DN: a code of the
 * store would have its number. */
bool mapi_is_unlisted(const struct check *check);
/* So for this further mailbox: whoever asks for it looks names up, whatever the profile. */
bool mapi_misses(const struct survey *survey, const char *mailbox);
/* Somebody else than exreach itself named the RPC server: Autodiscover, or the GUID in AD. */
bool mapi_server_is_named(const struct survey *survey);
/* So the row itself says: rpc.connect is left out, for nobody told which server to ask for. */
bool mapi_server_is_unknown(const struct chain *chain);

#define OXCMAPIHTTP_CODES "[MS-OXCMAPIHTTP] 2.2.3.3.3 X-ResponseCode"
#define OXCSTOR_LOGON     "[MS-OXCSTOR] 3.2.5.1 and 2.2.1.1 RopLogon, return codes"
#define OXCDATA_CODES     "[MS-OXCDATA] 2.4 error codes"

#endif
