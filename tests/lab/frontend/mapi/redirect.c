#include "redirect.h"

#include "mapi_faults.h"
#include "target.h"

#include <pthread.h>
#include <string.h>
#include <strings.h>

/* [MS-OXCSTOR] 3.2.5.1.3, ecServerPaused: more than five attempts within ten seconds. */
enum { ATTEMPTS_MAX = 5, WITHIN_MS = 10000, CLIENTS_MAX = 64 };

/* The latest wrong logons of an account on a node; the oldest is overwritten. */
struct client {
    char sam[128];
    const struct node *node;
    int64_t at[ATTEMPTS_MAX];
    size_t next;
};

static struct {
    pthread_mutex_t lock;
    struct client clients[CLIENTS_MAX];
    size_t count;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* NULL: there are too many. */
static struct client *client_locked(const char *sam, const struct node *node)
{
    struct client *client;

    for (size_t i = 0; i < table.count; i++)
        if (table.clients[i].node == node && strcasecmp(table.clients[i].sam, sam) == 0)
            return &table.clients[i];
    if (table.count == CLIENTS_MAX)
        return NULL;
    client = &table.clients[table.count++];
    copy_text(client->sam, sizeof client->sam, sam);
    client->node = node;
    return client;
}

static bool too_often(const struct session *session)
{
    int64_t now = clock_ms();
    struct client *client;
    bool paused = false;

    pthread_mutex_lock(&table.lock);
    client = client_locked(session->account.sam, session->node);
    if (client != NULL) {
        paused = client->at[client->next] > 0 && now - client->at[client->next] < WITHIN_MS;
        client->at[client->next] = now;
        client->next = (client->next + 1) % ATTEMPTS_MAX;
    }
    pthread_mutex_unlock(&table.lock);
    return paused;
}

static const struct node *other_node(const struct config *config, const struct node *node)
{
    for (size_t i = 0; i < config->node_count; i++)
        if (&config->nodes[i] != node && !config->nodes[i].website)
            return &config->nodes[i];
    return node;
}

/* The mailbox's server as the last name of its DN. */
static void home_name(const struct session *session, struct buf *ret_name)
{
    const struct config *config = session->config;

    switch (mapi_fault_home(config)) {
    case HOME_SECOND:
        buf_str(ret_name, other_node(config, &config->nodes[0])->netbios);
        break;
    case HOME_MAILBOX:
        buf_fmt(ret_name, "%s@%s", session->account.guid, config->dns_domain);
        break;
    case HOME_ANY:
        buf_str(ret_name, other_node(config, session->node)->netbios);
        break;
    }
}

static bool is_home(const struct session *session)
{
    const struct node *asked = target_node(session->config, session->asked);
    struct buf name = {0};
    bool same;

    home_name(session, &name);
    same = strcasecmp(asked != NULL ? asked->netbios : session->asked, buf_text(&name)) == 0;
    buf_done(&name);
    return same;
}

uint32_t redirect_check(const struct session *session, const struct store *store)
{
    if (mapi_fault_home(session->config) == HOME_ANY || !store->own || is_home(session))
        return EC_NONE;
    return too_often(session) ? EC_SERVER_PAUSED : EC_WRONG_SERVER;
}

void redirect_answer(const struct session *session, unsigned flags, struct buf *ret_failure)
{
    const char *home = ad_text(session->account.entry, "msExchHomeServerName");
    const char *last = strrchr(home, '=');
    struct buf name = {0};

    buf_add(&name, home, last != NULL ? (size_t)(last - home) + 1 : 0);
    home_name(session, &name);
    buf_u8(ret_failure, flags);
    buf_u8(ret_failure, (unsigned)name.len + 1);
    buf_add(ret_failure, buf_text(&name), name.len);
    buf_u8(ret_failure, 0);
    buf_done(&name);
}
