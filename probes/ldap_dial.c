#include "probes/ldap_dial.h"

#include "probes/probe.h"

bool ldap_dial(struct session *session, struct ldap_link *link, struct fault *fault)
{
    struct net_limit limit = session_limit(session);
    net_sock sock = NET_SOCK_NONE;
    struct tls_conn *tls = NULL;
    *link = (struct ldap_link){.clear = !endpoint_is_tls(&session->endpoint)};
    if (!sock_connect(&session->connect, limit, &sock, fault))
        return false;
    if (!link->clear) {
        bool ok = tls_connect(sock, session->endpoint.host, session->trust, limit, &link->tls_seen,
                      &tls, fault) &&
                  !tls_seen_fault(&link->tls_seen, session->endpoint.host, fault);
        if (!ok) {
            tls_free(tls);
            sock_close(sock);
            return false;
        }
    }
    return directory_open(sock, tls, &link->directory, fault);
}

void ldap_hang_up(struct ldap_link *link)
{
    directory_close(link->directory);
    secctx_free(link->seal);
    tls_seen_done(&link->tls_seen);
    *link = (struct ldap_link){.directory = NULL};
}

bool ldap_link_bind(struct session *session, struct ldap_link *link, struct krb *krb,
    enum ldap_protection protection, struct fault *fault)
{
    struct ldap_credential credential = {.krb = krb,
        .end_point = link->tls_seen.end_point,
        .end_point_length = link->tls_seen.end_point_length,
        .clear = link->clear};
    return ldap_bind_ticket(session, link->directory, &credential, protection, &link->seal, fault);
}
