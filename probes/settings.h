/*
 * What a run was asked to do: the options of contract and command line, parsed, checked, immutable
 * while the run lasts. The texts belong to the command line's arena; the secrets to main.
 */
#ifndef PROBES_SETTINGS_H
#define PROBES_SETTINGS_H

#include "net/secret.h"
#include "net/sock.h"
#include "net/tls.h"
#include "probes/survey.h"

/* A name with an optional port: --host, --dc. */
struct place {
    const char *host; /* normalised */
    uint16_t port;    /* 0: the default of the service */
};

/* --connect HOST:PORT:ADDR[:PORT] */
struct detour {
    const char *host;
    uint16_t port; /* 0: any */
    struct net_address to;
};

enum auth_bits {
    AUTH_KERBEROS = 1,  /* Kerberos tickets, under Negotiate and SASL */
    AUTH_NEGOTIATE = 2, /* NTLM under Negotiate */
    AUTH_NTLM = 4,
    AUTH_BASIC = 8,
    AUTH_BEARER = 16
};

enum { SETTINGS_PLACES = 16, SETTINGS_WORDS = 32, SETTINGS_RESOLVERS = 8 };

struct places {
    struct place list[SETTINGS_PLACES];
    size_t count;
};

struct words {
    const char *list[SETTINGS_WORDS];
    size_t count;
};

/* One line of what happens on the wire (-v, -vv), secrets masked; called from any thread. */
typedef void trace_line(void *context, const char *check, char direction, const char *line);
/* How far the run is; called from the main thread, about ten times a second. */
typedef void progress_line(void *context, size_t done, size_t total, int64_t elapsed_us);

struct settings {
    const char *address;
    const char *user;    /* as given; "" when anonymous */
    const char *account; /* user part for logons: "svc", or a UPN */
    const char *domain;  /* NetBIOS domain of DOMAIN\user, "" for a UPN */
    const char *realm;   /* Kerberos realm to try, upper case; "" unknown */
    const char *mail_domain;

    struct secret *secret; /* NULL: none */
    struct secret *token;  /* OAuth bearer token, or NULL */
    bool kerberos_cache;   /* -k */
    bool anonymous;

    struct words mailboxes; /* --mailbox */
    bool public_folders;
    struct words registry; /* --registry: files; main reads them for the checklist */
    struct places hosts, dcs;
    struct net_address resolvers[SETTINGS_RESOLVERS];
    size_t resolver_count;
    struct detour detours[SETTINGS_PLACES];
    size_t detour_count;
    struct words allow_hosts;
    bool allow_basic;
    unsigned auth; /* enum auth_bits */
    struct words only, skip;
    enum profile profile;
    const char *ca;          /* NULL: the system's store */
    struct tls_trust *trust; /* what main read from there */
    bool insecure;
    bool risk_lockout; /* a password is used although one failure more would lock the account */

    int timeout_ms;  /* per step */
    int deadline_ms; /* whole run */
    int jobs, per_host;

    int verbose;
    trace_line *trace;
    progress_line *progress;
    void *context; /* for both */
};

/* The host may be given credentials: it is in the mail domain or the account's realm, was named by
 * an option, or is on --allow-host. */
bool settings_trusts_host(const struct settings *settings, const char *host);
/* --host or --allow-host names it. */
bool settings_names_host(const struct settings *settings, const char *host);
/* A probe id or a family ("ews", "tls") is wanted by --only and --skip. */
bool settings_wants_service(const struct settings *settings, enum service service);
bool settings_wants_probe(const struct settings *settings, const char *probe, enum layer layer);

#endif
