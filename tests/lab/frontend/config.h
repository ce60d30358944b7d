/* What the lab tells the front end, read once from a file of `key value` lines.
 *
 *   node NAME ADDRESS [BUILD]        listens on 443 and 80 there; BUILD as 15.2.1544.4; repeatable
 *   website NAME ADDRESS CERT KEY    a web site that is not Exchange's, on 443 and 80; repeatable
 *   silent ADDRESS                   port 443 there answers no SYN; repeatable
 *   certificate FILE, key FILE       PEM; only the first certificate of FILE is sent
 *   chain FILE                       PEM, sent after it as it is
 *   keytab FILE                      of the service; without one there is no Kerberos
 *   ldap URI                         ldaps://HOST[:PORT], verified by
 *   ldap_ca FILE                     PEM
 *   ldap_base DN, ldap_user DN, ldap_password_file FILE
 *   winbind_socket_dir DIR           where winbindd's `pipe` is
 *   domain NAME, dns_domain NAME     CONTOSO, contoso.test
 *   external_name HOST               the host of every URL that Autodiscover gives
 *   internal_name HOST               that of the internal ones, if it is another
 *   http_redirect URL                Autodiscover on port 80 answers 302; else 403
 *   extended_protection DIR LEVEL    off, allow or require; DIR as in paths.c; repeatable
 *   schemes DIR LIST                 of negotiate, ntlm, basic, forms; or none; repeatable
 *   full_access USER MAILBOX         USER (or *) may open MAILBOX; repeatable
 *   ews_only_agent TEXT              EWS is 403 for other user agents than those that begin so
 *   health NODE DIR WHAT             the page of DIR on that node: a status, or closed; repeatable
 *   deny_visible yes|no              another's mailbox is ErrorAccessDenied, not ErrorItemNotFound
 *   owa_default_domain NAME          put before a user name without a domain
 *   owa_logon_format WHICH           any, user, domain (DOMAIN\user) or upn; others are reason=2
 *   owa_ask_language yes|no          regional settings are missing
 *   rpc_tcp yes|no|mapper            RPC over TCP, too: port 135 and a port for each interface;
 *                                    or the mapper alone, which knows none of them
 *   exch_server HOST                 Autodiscover's and the referral's server, not GUID@domain
 *   mapi_pending_ms N                a MAPI/HTTP request takes so long, with PENDING now and then
 *   idle_seconds N                   a connection without a request ends then
 *   log FILE                         one JSON line per request
 *   fault ID                         see faults.h; repeatable */
#ifndef FRONTEND_CONFIG_H
#define FRONTEND_CONFIG_H

#include "faults.h"
#include "paths.h"

#include <stdbool.h>
#include <stddef.h>

enum { NODE_MAX = 8, FULL_ACCESS_MAX = 32, SILENT_MAX = 8, HEALTH_MAX = 16 };

/* How a name has to be written in the form of Outlook on the web (its LogonFormat). */
enum logon_format { FORMAT_ANY, FORMAT_USER, FORMAT_DOMAIN, FORMAT_UPN };

struct node {
    char name[128];   /* ex1.contoso.test */
    char netbios[16]; /* EX1, as X-FEServer shows it */
    char address[64]; /* 127.0.0.20 */
    int build[4];     /* 15.2.1544.4 */
    bool website;     /* not an Exchange: with what follows in place of the common ones */
    char certificate[512];
    char key[512];
};

/* A health page that is not there. */
struct health_rule {
    char node[128]; /* ex1 */
    enum vdir vdir;
    int status; /* 0: the connection is closed */
};

struct full_access {
    char user[128];    /* sAMAccountName of who may open it, or * */
    char mailbox[256]; /* sAMAccountName or address of what may be opened */
};

struct config {
    struct node nodes[NODE_MAX];
    size_t node_count;
    char certificate[512];
    char key[512];
    char chain[512];
    char keytab[512];
    char ldap[256];
    char ldap_base[256];
    char ldap_user[256];
    char ldap_password_file[512];
    char ldap_ca[512];
    char winbind_socket_dir[512];
    char domain[64];      /* CONTOSO */
    char dns_domain[128]; /* contoso.test */
    char external_name[128];
    char internal_name[128]; /* empty: as the external one */
    char http_redirect[512];
    char log[512];
    char owa_default_domain[64];
    char ews_only_agent[128]; /* empty: everybody */
    enum logon_format owa_logon_format;
    bool owa_ask_language; /* regional settings are missing: languageselection.aspx */
    bool deny_visible;     /* another's mailbox: ErrorAccessDenied, else ErrorItemNotFound */
    int idle_seconds;
    bool rpc_tcp;
    bool rpc_mapper_only;
    char exch_server[128]; /* empty: each mailbox is its own */
    int mapi_pending_ms;
    struct full_access full_access[FULL_ACCESS_MAX];
    size_t full_access_count;
    char silent[SILENT_MAX][64];
    size_t silent_count;
    struct health_rule health[HEALTH_MAX];
    size_t health_count;
    struct vdir_settings vdirs[VDIR_COUNT];
    struct fault_set faults;
};

/* Reads `file`. On failure writes one line to `ret_error` and returns false. */
bool config_load(struct config *config, const char *file, char *ret_error, size_t error_size);

#endif
