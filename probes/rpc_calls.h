/*
 * The MAPI interfaces over an association of net/rpc.h: what mapi_http.c is to MAPI over HTTP.
 * Knows no channels, no sockets, no gate; counts a logon that the first answer refuses.
 * [MS-OXNSPI] 3.1.4.1, [MS-OXABREF] 3.1.4, [MS-OXCRPC] 3.1.4.
 */
#ifndef PROBES_RPC_CALLS_H
#define PROBES_RPC_CALLS_H

#include "net/rpc.h"
#include "net/wire/emsmdb.h"
#include "net/wire/rfri.h"
#include "probes/mapi.h"

/* Where the calls go, for the time of one reading. limit: of each call, asked anew. */
struct rpc_caller {
    struct rpc_client *client;
    struct session *session; /* deadline, arena, trace */
    const char *call;        /* the last one under way: "EcDoConnectEx" */
    bool refused;            /* its first answer said so of the logon, which was counted */
};

/* ---- the address book: a book_way whose context is a struct rpc_nspi ---- */
struct rpc_nspi {
    struct rpc_caller caller;
};
struct book_way rpc_book_way(struct rpc_nspi *nspi);

/* ---- the referral ---- */
struct referral_seen {
    struct rfri_answer new_dsa; /* whose host is the address book server */
    struct rfri_answer fqdn;    /* of the server DN that was asked for */
    const char *step;           /* the call that failed, or NULL */
    struct fault fault;
};
/* RfrGetNewDSA for the user's legacy DN (NULL: ""), RfrGetFQDNFromServerDN for the server's (NULL:
 * not asked). */
void rpc_read_referral(struct rpc_caller *caller, const char *legacy_dn, const char *server_dn,
    struct referral_seen *ret_seen);

/* ---- the store ---- */
struct rpc_mailbox {
    struct rpc_caller caller;
    struct emsmdb_session connected;
    struct emsmdb_handle handle;
    int64_t server_ms; /* pulTransTime of the last EcDoRpcExt2 */
    bool rundown;      /* the server has ended the session: null handle */
};
/* EcDoConnectEx. true: an answer was read; its code (0, ecNotEncrypted …) is connected.result. */
bool rpc_store_connect(struct rpc_mailbox *mailbox, const char *legacy_dn, struct fault *fault);
struct store_way rpc_store_way(struct rpc_mailbox *mailbox); /* EcDoRpcExt2 */
/* EcDoDisconnect; not after a rundown. */
bool rpc_store_disconnect(struct rpc_mailbox *mailbox, struct fault *fault);
/* EcDummyRpc: nothing but a call. With NTLM inside RPC a refusal shows only in the answer to the
 * first one. */
bool rpc_store_dummy(struct rpc_caller *caller, struct fault *fault);

/* Facts and outcome. Pure. judge_…_connect: PASS, or FAIL with the code in words. */
void judge_rpc_connect(const struct emsmdb_session *connected, struct check *check);
void judge_referral(const struct referral_seen *seen, struct check *check);
#define REFERRAL_FACTS                                                              \
    {"referral.server", FACT_TEXT, "address book server that RfrGetNewDSA names"},  \
        {"referral.fqdn", FACT_TEXT, "host name of the mailbox server, by its DN"}, \
        {"referral.step", FACT_TEXT, "the call that failed"},                       \
        {"referral.error", FACT_TEXT, "name of the referral's error code"},         \
    {                                                                               \
        "referral.error_words", FACT_TEXT, "what it means"                          \
    }

#endif
