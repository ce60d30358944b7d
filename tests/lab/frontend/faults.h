/* The faults that the front end itself plays. Ids are those of the failure catalogue, or
 * words for what it does not number; what a certificate or a change in the directory can break
 * needs no switch here. */
#ifndef FRONTEND_FAULTS_H
#define FRONTEND_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

/* What a fault changes. Each place that can misbehave asks for its own kind. */
enum fault_kind {
    FAULT_NODE_CLOSED, /* the node's ports are not open */
    FAULT_SYN_IGNORED, /* port 443 answers no SYN */
    FAULT_SNI_RESET,   /* a ClientHello that asks for external_name is answered with a reset */
    FAULT_PORTAL,      /* a portal's page in place of everything */
    FAULT_NTLM_CLOSED, /* the connection ends after an NTLM challenge */
    FAULT_NTLM_MOVED,  /* the answer to an NTLM challenge reaches another node */
    FAULT_RPC_MOVED,   /* the same, below /rpc only */
    FAULT_MOVE_LOCK,   /* EWS does not open a mailbox whose move is under way */
    FAULT_MAPI,        /* what mapi/mapi_faults.c plays, by its id */
    FAULT_KIND_COUNT
};

struct fault_def {
    const char *id;
    enum fault_kind kind;
    const char *node; /* first label of the node it strikes; NULL: all */
    const char *what;
};

enum { FAULT_MAX = 32 };

struct fault_set {
    const struct fault_def *on[FAULT_MAX];
    size_t count;
};

/* False: unknown id, or too many. */
bool fault_switch_on(struct fault_set *set, const char *id);

/* The fault of this kind that strikes the node, or NULL. */
const struct fault_def *fault_find(
    const struct fault_set *set, enum fault_kind kind, const char *node);

/* One line per fault: id, a tab, what it breaks. */
void fault_list(void);

#endif
