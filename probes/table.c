#include "probes/autodiscover.h"
#include "probes/ews.h"
#include "probes/kerberos.h"
#include "probes/ldap.h"
#include "probes/logon.h"
#include "probes/mapi_http.h"
#include "probes/name.h"
#include "probes/offer.h"
#include "probes/organization.h"
#include "probes/owa.h"
#include "probes/rpc.h"
#include "probes/transport.h"

/* A chain runs, in this order, those that apply to its endpoint. Add yours behind its layer. */
const struct probe *const probe_table[] = {
    /* DNS */
    &probe_dns_resolver,
    &probe_dns_name,
    /* TCP */
    &probe_tcp_connect,
    /* TLS */
    &probe_tls_handshake,
    /* HTTP */
    &probe_http_offer,
    &probe_ldap_rootdse,
    &probe_ldap_guard,
    &probe_rpc_mapper,
    /* AUTH */
    &probe_kerberos_as,
    &probe_ldap_bind,
    &probe_http_logon,
    &probe_owa_logon,
    &probe_rpc_tcp_logon,
    /* PROTOCOL */
    &probe_kerberos_ticket,
    &probe_ldap_account,
    &probe_autodiscover_pox,
    &probe_ews_version,
    &probe_owa_app,
    &probe_mapi_connect,
    &probe_rpc_connect,
    /* MAILBOX */
    &probe_ldap_mailbox,
    &probe_autodiscover_mailbox,
    &probe_ews_folders,
    &probe_owa_mailbox,
    &probe_mapi_mailbox,
    &probe_rpc_mailbox,
    /* further mailboxes, and what is asked last because nothing waits for it */
    &probe_ldap_recipient,
    &probe_ldap_other,
    &probe_ldap_organization,
    &probe_ldap_server,
    &probe_ldap_scp,
    &probe_ldap_vdir,
    &probe_ldap_database,
    &probe_ldap_controllers,
    &probe_gc_addresses,
    &probe_gc_spn,
    &probe_ews_mailbox,
    &probe_ews_public,
    &probe_mapi_mailbox_of,
    &probe_mapi_public,
    &probe_mapi_book,
    &probe_mapi_disconnect,
    &probe_rpc_mailbox_of,
    &probe_rpc_public,
    &probe_rpc_book, /* tells the referral which server to ask for */
    &probe_rpc_referral,
    &probe_rpc_disconnect,
    &probe_ldap_state,
    &probe_ldap_groups,
    &probe_ldap_starttls,
    &probe_ldap_signing,
    &probe_ldap_bindings,
    &probe_kerberos_udp,
    &probe_kerberos_kpasswd,
    &probe_http_health,
    NULL,
};
