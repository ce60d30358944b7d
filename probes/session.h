/*
 * What one chain has open while it runs: the connection from TCP to MAILBOX, and what one probe
 * leaves for the next. One thread, one session; everything is closed in reverse at the end of the
 * chain.
 */
#ifndef PROBES_SESSION_H
#define PROBES_SESSION_H

#include "net/directory.h"
#include "net/dns.h"
#include "net/http.h"
#include "net/wire/httpauth.h"
#include "probes/settings.h"

struct mapi_session;
struct rpc_session;
struct run;
struct probe;

/* One answered question, as the planner hands it to the chains of its addresses. */
struct name_answer {
    const char *name;
    enum dns_type type;
    struct net_address resolver; /* whose answer it is */
    struct dns_answer answer;
};

struct session {
    struct run *run;
    const struct settings *settings;
    const struct tls_trust *trust;
    struct net_limit run_limit; /* of the whole run */
    const char *chain_id;
    struct endpoint endpoint;         /* a copy: the planner may add sources to the original */
    const struct name_answer *answer; /* how the host got its address; NULL: it needed no DNS */
    struct net_address connect;       /* where to connect to */
    int64_t started_us;
    struct arena arena; /* lives as long as the session */

    net_sock sock;            /* until a layer above takes it over */
    struct tls_conn *tls;     /* likewise (LDAP) */
    struct tls_seen tls_seen; /* of tls; HTTP keeps its own */
    struct http_conn *http;
    struct directory *directory;
    struct secctx *seal; /* of the directory, where SASL seals it: ends after it */

    /* HTTP: the anonymous request under way between TLS and HTTP, and what it brought */
    bool offer_begun;
    struct challenge challenges[CHALLENGES_MAX];
    size_t challenge_count;
    bool exchange_seen; /* headers only Exchange sends */
    char first_end_point[TLS_ENDPOINT_MAX];
    size_t first_end_point_length;

    const char *scheme; /* in use after AUTH: "Kerberos" "NTLM" "Basic" "Bearer" "forms" */
    struct http_response response; /* the first authenticated answer, for PROTOCOL and MAILBOX */
    const char *cookies;           /* OWA */
    struct mapi_session *mapi;     /* MAPI over HTTP: its session contexts */
    struct rpc_session *rpc;       /* RPC: its associations, one of them on `http` */

    const char *realm;              /* LDAP: the controller's Kerberos realm, or NULL */
    int64_t skew_s;                 /* LDAP: the server's clock minus ours */
    const char *naming_context;     /* LDAP: defaultNamingContext; "" on a GC */
    const char *config_context;     /* LDAP: configurationNamingContext, or NULL */
    const char *client_site;        /* LDAP: the site the DC takes us to be in, or NULL */
    const char *dc_site;            /* LDAP: the site it is in itself, or NULL */
    struct directory_entry account; /* LDAP: found by PROTOCOL, for MAILBOX */

    const void *parsed; /* PROTOCOL's parsed answer, for MAILBOX of the same family */

    struct check *found; /* session_found(), until the runner has taken them */
};

void session_init(struct session *session);
void session_done(struct session *session);

/* The limit of one step: --timeout from now, the run's deadline at the latest. */
struct net_limit session_limit(const struct session *session);
/* A line for -v and -vv; free when nobody listens. */
void session_trace(struct session *session, char direction, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/* The same as a http_trace, context: the session. For -vv only. */
void session_trace_line(void *context, char direction, const char *line);

/* A check of its own about one object that a probe has read: a server, a virtual directory; subject
 * "EX1". Whoever asks for it must settle it; the runner puts it behind the probe's own check. */
struct check *session_found(
    struct session *session, const struct probe *probe, const char *subject);

/* Opens HTTP on session->sock (which it takes over). */
bool session_open_http(struct session *session, struct fault *fault);
/* A new connection to the same place where the server closed the old one; its certificate is
 * verified anew, the channel bindings stay those of the first. Does nothing while the connection is
 * usable. */
bool session_keep_http(struct session *session, struct fault *fault);
/* The TLS hash for channel bindings of the connection in use; length 0: no TLS. */
size_t session_end_point(const struct session *session, const uint8_t **ret_end_point);

#endif
