/*
 * LDAP and the Global Catalog: rootDSE, bind, the account's object and its mailbox.
 */
#ifndef PROBES_LDAP_H
#define PROBES_LDAP_H

#include "probes/probe.h"

extern const struct probe probe_ldap_rootdse;
extern const struct probe probe_ldap_bind;
extern const struct probe probe_ldap_account;
extern const struct probe probe_ldap_mailbox;

/* One search on the session's directory, traced; every probe declares what it cost. */
#define LDAP_COST_FACTS                                           \
    {"ldap.requests", FACT_INT, "LDAP requests this check took"}, \
    {                                                             \
        "ldap.bytes", FACT_INT, "bytes of values they brought"    \
    }
bool ldap_find(struct session *session, struct check *check, const struct directory_search *search,
    struct directory_result *ret_found, struct fault *fault);

/* Outcomes and facts. Pure. */
void judge_rootdse(const struct directory_entry *root, const struct endpoint *endpoint, int64_t now,
    struct check *check);
void judge_account(const struct directory_result *found, const char *address, struct check *check);
void judge_mailbox(const struct directory_entry *account, struct check *check);

#endif
