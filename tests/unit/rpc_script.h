/*
 * What the tests of the DCE/RPC client share: a transport in memory that answers by script.
 */
#ifndef TESTS_RPC_SCRIPT_H
#define TESTS_RPC_SCRIPT_H

#include "net/rpc.h"
#include "tests/unit/http_peer.h"

enum { ANSWERS_MAX = 16, ANSWER_SIZE = 8192 };

struct answer {
    uint8_t bytes[ANSWER_SIZE];
    size_t length;
};

/* Answers one after the other; then the last one for ever, or CLOSED. */
struct script {
    struct answer answers[ANSWERS_MAX];
    size_t count, at;
    bool for_ever;
    unsigned sent[32]; /* types */
    size_t sent_count;
    uint8_t last[ANSWER_SIZE]; /* that was sent */
    size_t last_length;
    bool closed;
    void (*on_send)(struct script *script);
    struct secctx *context;
    char lines[8192];
};

/* The next answer, a seed of the codec's fuzz target; call 0: its own. */
struct answer *add(struct script *script, const char *name, uint32_t call);
/* security NULL: none. */
bool open_client(struct script *script, const struct rpc_security *security,
    struct rpc_client **ret_client, struct rpc_seen *seen, struct fault *fault);

#endif
