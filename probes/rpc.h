/*
 * MAPI over RPC: associations with the three interfaces of a mailbox server, over RPC over HTTP
 * ([MS-RPCH], port 443) or plain TCP ([MS-RPCE], endpoint mapper on 135, Exchange 2010 and before).
 * What is said over them (mapi.h, rpc_calls.h) does not see the difference.
 *
 *   rpc.h rpc.c           the row's session, its lines, the facts they have in common
 *   rpc_http.c            a line over two HTTP channels: dialled, authenticated, opened, bound
 *   rpc_tcp_row.c         a line over TCP, by the endpoint mapper
 *   rpc_calls.[ch]        NSPI, RFRI and EMSMDB over a line
 *   rpc_store.c rpc_names.c   the probes
 */
#ifndef PROBES_RPC_H
#define PROBES_RPC_H

#include "net/rpc.h"
#include "net/rpch.h"
#include "probes/mapi.h"

/* The interfaces, in the order of their well-known ports of RPC over HTTP. */
enum rpc_place {
    RPC_STORE,    /* 6001, EMSMDB */
    RPC_REFERRAL, /* 6002, RFRI */
    RPC_BOOK,     /* 6004, NSPI */
    RPC_PLACES
};
const char *rpc_place_str(enum rpc_place place);                 /* "the store (6001)" */
uint16_t rpc_place_port(enum rpc_place place);                   /* 6001 */
const struct rpc_syntax *rpc_place_syntax(enum rpc_place place); /* rpc_emsmdb */

/* How a line is protected inside RPC. Exchange 2013 and later take bare calls, because HTTP has
 * authenticated; Exchange 2010, and organisations that require encryption, want more. */
enum rpc_guard { RPC_BARE, RPC_SEALED };

/* One association: opened once, kept to the end of the chain. */
struct rpc_line {
    enum rpc_place place;
    struct rpc_client *client; /* NULL: not open */
    struct rpc_seen seen;      /* of bind and calls */
    enum rpc_guard guard;
    const char *bare;       /* why RPC without encryption is not taken; NULL: nothing said so */
    const char *scheme;     /* inside RPC: "NTLM", "Kerberos"; NULL: none */
    struct secctx *context; /* outlives the client */

    /* RPC over HTTP */
    struct rpch *rpch;
    struct rpch_seen channels;
    struct http_conn *in, *out; /* out of RPC_STORE is the chain's own connection */
    bool echo_tried, echoed;    /* after CONN/C2 stayed away: the proxy lives all the same */

    uint16_t tcp_port;  /* RPC over TCP: where the endpoint mapper sent us; else 0 */
    const char *server; /* asked for in place of the row's, on fresh connections: after a
                           redirection; else NULL */
    const char *stage;  /* how far it came: RPC_STAGES */
};

/* Values of the fact rpc.stage: the step that failed, or "open". */
#define RPC_STAGES "mapper, connect, logon, channels, virtual connection, bind, call, open"

/* What the probes of an rpc row share; in the session's arena. */
struct rpc_session {
    const char *server;    /* "GUID@domain" as Autodiscover or AD has it, else a host name */
    bool guessed;          /* nobody told it: the row's own host */
    const char *legacy_dn; /* of the mailbox, or NULL */
    const char *user_dn;   /* of the account, or NULL */
    struct rpc_line lines[RPC_PLACES];
    uint16_t tcp_ports[RPC_PLACES]; /* RPC over TCP: as the endpoint mapper said (rpc.mapper) */
    struct rpc_mailbox *store;      /* EcDoConnectEx went well (rpc_calls.h); NULL: not */
    bool ticket_refused;            /* inside RPC: NTLM from now on */
    bool broken;            /* a call found no answer: what is left of the store is of no use */
    struct book_seen *book; /* once read */
    struct rpc_http *http;  /* the way to the first line (rpc_http.h); NULL: none */
};
struct rpc_session *rpc_session_of(struct session *session);
/* The server says that it refused a logon inside RPC: not a ticket, and not that access is denied,
 * which may be about the call. Pure. */
bool rpc_refuses_logon(const char *scheme, const struct fault *fault);
void rpc_session_done(struct rpc_session *rpc); /* NULL is allowed; closes the lines */

/* Opens the line if it is not open, at that guard: another guard than it has closes it first. The
 * HTTP logon of RPC_STORE's OUT channel is the chain's AUTH (http.logon); all further channels log
 * on only once that went well. Causes: of rpch_open(), rpc_open(), tls and http; for TCP those of
 * the endpoint mapper (RPC_FAULT, NO_OBJECT: "not registered"). *ret_line is filled in any case,
 * for note_rpc_line(). */
bool rpc_line_open(struct session *session, enum rpc_place place, enum rpc_guard guard,
    struct rpc_line **ret_line, struct fault *fault);
/* Bare first, sealed where a bare bind is refused (bind_nak, access denied); what was tried is in
 * the facts. A server may say so only in its answer to the first call (ecNotEncrypted): then the
 * caller opens again with RPC_SEALED. */
bool rpc_line_reach(
    struct session *session, enum rpc_place place, struct rpc_line **ret_line, struct fault *fault);

/* Facts of RPC_LINE_FACTS. */
void note_rpc_line(const struct rpc_line *line, const struct rpc_session *rpc, struct check *check);
#define RPC_LINE_FACTS                                                                            \
    {"rpc.server", FACT_TEXT, "the server name asked for: GUID@domain, or a host name"},          \
        {"rpc.port", FACT_INT, "port behind the proxy (6001, 6002, 6004), or the dynamic one"},   \
        {"rpc.stage", FACT_TEXT, "the step that failed, or open: " RPC_STAGES},                   \
        {"rpc.channel", FACT_TEXT,                                                                \
            "the channel to blame: IN (RPC_IN_DATA) or OUT (RPC_OUT_DATA)"},                      \
        {"rpc.out_status", FACT_INT, "HTTP status of RPC_OUT_DATA"},                              \
        {"rpc.in_status", FACT_INT, "HTTP status of RPC_IN_DATA; none is healthy"},               \
        {"rpc.out_ended", FACT_TEXT, "how RPC_OUT_DATA failed"},                                  \
        {"rpc.in_ended", FACT_TEXT, "how RPC_IN_DATA failed"},                                    \
        {"rpc.proxy_error", FACT_TEXT, "the status of \"503 RPC Error: 6ba\", in hexadecimal"},   \
        {"rpc.proxy_error_words", FACT_TEXT, "what it means"},                                    \
        {"rpc.virtual_connection", FACT_TEXT, "what the client waited for: CONN/A3, CONN/C2"},    \
        {"rpc.echo", FACT_BOOL, "the RPC proxy answers its echo although CONN/C2 stayed away"},   \
        {"rpc.answered_ms", FACT_INT, "until OUT's 200"},                                         \
        {"rpc.opened_ms", FACT_INT, "until CONN/C2"},                                             \
        {"rpc.out_timeout_ms", FACT_INT, "idle time-out of the OUT channel (CONN/A3)"},           \
        {"rpc.in_timeout_ms", FACT_INT, "idle time-out of the IN channel (CONN/C2)"},             \
        {"rpc.recycling", FACT_BOOL, "the server asked for a new OUT channel; refused politely"}, \
        {"rpc.bind", FACT_TEXT, "bind_ack, or the reason of bind_nak"},                           \
        {"rpc.fault", FACT_TEXT, "status of the fault PDU, in hexadecimal"},                      \
        {"rpc.level", FACT_TEXT, "protection inside RPC: none, privacy"},                         \
        {"rpc.scheme", FACT_TEXT, "security inside RPC: NTLM, Kerberos"},                         \
        {"rpc.bare", FACT_TEXT, "why RPC without encryption is not taken"}, SERVER_FACTS

/* ---- the probes ---- */

bool rpc_applies(const struct endpoint *endpoint); /* service rpc, over HTTP or TCP */
bool rpc_is_tcp(const struct endpoint *endpoint);  /* port 135 */

extern const struct probe probe_rpc_mapper;     /* HTTP column of a TCP row: the mapper answers */
extern const struct probe probe_rpc_tcp_logon;  /* AUTH column of a TCP row: bind inside RPC */
extern const struct probe probe_rpc_connect;    /* PROTOCOL: 6001, EcDoConnectEx */
extern const struct probe probe_rpc_mailbox;    /* MAILBOX: the account's own */
extern const struct probe probe_rpc_mailbox_of; /* each --mailbox */
extern const struct probe probe_rpc_public;
extern const struct probe probe_rpc_referral; /* 6002 */
extern const struct probe probe_rpc_book;     /* 6004 */
extern const struct probe probe_rpc_disconnect;

#endif
