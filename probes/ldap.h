/*
 * LDAP and the Global Catalog: rootDSE, bind, the account's object and its mailbox.
 */
#ifndef PROBES_LDAP_H
#define PROBES_LDAP_H

#include "net/wire/netlogon.h"
#include "probes/probe.h"

extern const struct probe probe_ldap_rootdse;
extern const struct probe probe_ldap_bind;
extern const struct probe probe_ldap_account;
extern const struct probe probe_ldap_mailbox;
extern const struct probe probe_ldap_guard;
extern const struct probe probe_ldap_starttls;
extern const struct probe probe_ldap_signing;
extern const struct probe probe_ldap_bindings;
extern const struct probe probe_ldap_state;
extern const struct probe probe_ldap_groups;
extern const struct probe probe_ldap_recipient;
extern const struct probe probe_ldap_other;

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
void judge_site(const struct netlogon_answer *answer, struct check *check);
void judge_account(const struct directory_result *found, const char *address, struct check *check);
/* What the guard has read, NULL: nothing. ret_deny: why the password must not be used, set with
 * GUARD_DENIES. GUARD_UNREAD: nobody is the wiser. now: the controller's clock. */
struct guard_reading {
    const struct directory_entry *account, *domain, *pso;
    const char *reader;
};
enum guard_verdict { GUARD_UNREAD, GUARD_ALLOWS, GUARD_DENIES };
enum guard_verdict judge_guard(
    const struct guard_reading *reading, int64_t now, struct check *check, struct fault *ret_deny);
/* result: of the StartTLS request, -1: none. fault NULL: it worked. */
void judge_starttls(int result, const struct tls_seen *seen, const char *host,
    const struct fault *fault, struct check *check);
/* fault NULL: the bind without protection was accepted. */
void judge_signing(const struct fault *fault, struct check *check);
void judge_bindings(const struct fault *fault, struct check *check);
void judge_mailbox(const struct directory_entry *account, struct check *check);

/* How any mailbox is looked up by its address, in indexed attributes. */
const char *ldap_address_filter(struct arena *arena, const char *address);
/* Those of the found that have the address in proxyAddresses; all, where none has. */
struct directory_result ldap_holders(
    struct arena *arena, const struct directory_result *found, const char *address);
/* The object of the account that logs on: the address's own, or with --user another, looked up by
 * its name. NULL: settled, there is none. */
const char *ldap_logon_object(struct session *session, struct check *check);

/* What was read of the account that logs on, and what limits it. */
struct account_reading {
    const struct directory_entry *account;
    const struct directory_entry *domain; /* its head, with the password policy; NULL: unread */
    const struct directory_entry *pso;    /* the account's own policy; NULL: none, or unread */
    const char *host;                     /* ours */
};
void judge_state(const struct account_reading *reading, int64_t now, struct check *check);

/* The groups an account is in, and for the privileged ones, how. */
struct group_path {
    uint32_t rid;
    const char *path; /* "svc > PBX Services > Domain Admins"; NULL: not found */
};
struct group_reading {
    const struct directory_entry *account; /* tokenGroups adminCount */
    const struct group_path *paths;
    size_t path_count;
    bool cut; /* there were more groups than are followed */
};
void judge_groups(const struct group_reading *reading, struct check *check);
/* A mailbox as the directory has it. found: what carries the address; settings_id: the number that
 * protocolSettings has in replPropertyMetaData. */
void judge_recipient(const struct directory_result *found, const char *address,
    uint32_t settings_id, struct check *check);

#endif
