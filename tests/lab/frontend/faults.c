#include "faults.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct fault_def faults[] = {
    {"N04", FAULT_NODE_CLOSED, "ex2", "the second node is dead, its address still in DNS"},
    {"T01", FAULT_SYN_IGNORED, NULL, "a firewall drops every SYN to port 443"},
    {"T02", FAULT_SNI_RESET, NULL, "a firewall resets TLS handshakes that ask for the mail name"},
    {"T04", FAULT_PORTAL, NULL, "a portal answers every request with its login page"},
    {"D12-ews", FAULT_MOVE_LOCK, NULL, "EWS does not open a mailbox whose move is under way"},
    {"ntlm-closed", FAULT_NTLM_CLOSED, NULL, "the connection ends after an NTLM challenge"},
    {"ntlm-moved", FAULT_NTLM_MOVED, NULL, "the answer to an NTLM challenge reaches another node"},
    {"T07", FAULT_RPC_MOVED, NULL, "the same, below /rpc only"},
    {"R01", FAULT_MAPI, NULL, "the RPC proxy reaches no RPC server: 503 RPC Error: 6ba"},
    {"R02", FAULT_MAPI, NULL, "the RPC proxy knows no server name: 404 after logon"},
    {"R04", FAULT_MAPI, NULL, "a GET of rpcproxy.dll is 503 after logon"},
    {"R05", FAULT_MAPI, NULL, "a filter rejects the verbs of RPC over HTTP with 501"},
    {"R05-405", FAULT_MAPI, NULL, "a filter rejects the verbs of RPC over HTTP with 405"},
    {"R06", FAULT_MAPI, NULL, "http.sys answers 503 for /rpc"},
    {"R07", FAULT_MAPI, NULL, "the store wants RPC to be encrypted"},
    {"R08", FAULT_MAPI, NULL, "the mailbox may not be opened over RPC"},
    {"T05", FAULT_MAPI, NULL, "a proxy keeps what the RPC_IN_DATA channel carries to itself"},
    {"A15", FAULT_MAPI, NULL, "every call over RPC is denied"},
    {"M01", FAULT_MAPI, NULL, "there is no /mapi"},
    {"M02", FAULT_MAPI, NULL, "MAPI over HTTP: X-ResponseCode 5 to everything"},
    {"M02-2", FAULT_MAPI, NULL, "MAPI over HTTP: X-ResponseCode 2 to everything"},
    {"M02-7", FAULT_MAPI, NULL, "MAPI over HTTP: X-ResponseCode 7 to everything"},
    {"M03", FAULT_MAPI, NULL, "MAPI over HTTP: sessions are not found again, X-ResponseCode 10"},
    {"M03-6", FAULT_MAPI, NULL, "MAPI over HTTP: sessions are not found again, X-ResponseCode 6"},
    {"M03-13", FAULT_MAPI, NULL, "MAPI over HTTP: sessions are not found again, X-ResponseCode 13"},
    {"M03-15", FAULT_MAPI, NULL, "MAPI over HTTP: sessions are not found again, X-ResponseCode 15"},
    {"M04", FAULT_MAPI, NULL, "MAPI over HTTP: the identity is lost on the way, X-ResponseCode 8"},
    {"M05", FAULT_MAPI, NULL,
        "MAPI over HTTP: sessions belong to somebody else, X-ResponseCode 11"},
    {"M06", FAULT_MAPI, NULL, "MAPI over HTTP: the endpoint is disabled, X-ResponseCode 16"},
    {"M06-18", FAULT_MAPI, NULL,
        "MAPI over HTTP: the endpoint is shutting down, X-ResponseCode 18"},
    {"M07", FAULT_MAPI, NULL, "MAPI over HTTP: a page of HTML with 200 answers every request"},
    {"M08", FAULT_MAPI, NULL, "gromox serves /mapi and misses its cookies: X-ResponseCode 6"},
    {"M08-works", FAULT_MAPI, NULL, "gromox serves /mapi"},
    {"M09", FAULT_MAPI, NULL, "RopLogon: ecLoginFailure"},
    {"M10", FAULT_MAPI, NULL, "RopLogon: ecUnknownUser"},
    {"M11", FAULT_MAPI, NULL, "RopLogon: ecLoginPerm"},
    {"M12", FAULT_MAPI, NULL, "RopLogon: ecWrongServer"},
    {"M13", FAULT_MAPI, NULL, "RopLogon: ecServerPaused"},
    {"M14", FAULT_MAPI, NULL, "RopLogon: ecMailboxInTransit"},
    {"M14-disabled", FAULT_MAPI, NULL, "RopLogon: ecMailboxDisabled"},
    {"M15", FAULT_MAPI, NULL, "RopLogon: ecProfileNotConfigured"},
    {"M16", FAULT_MAPI, NULL, "RopLogon: ecAccessDenied to other mailboxes"},
    {"M17", FAULT_MAPI, NULL, "the store wants cached mode"},
    {"M18", FAULT_MAPI, NULL, "the store blocks the client's version"},
    {"M19", FAULT_MAPI, NULL, "RopLogon: ecLoginFailure to public folders"},
    {"M20", FAULT_MAPI, NULL, "RopLogon: 0x80040115, which names no cause"},
    {"M21", FAULT_MAPI, NULL, "the address book does not bind, the store works"},
    {"redirect", FAULT_MAPI, NULL, "RopLogon: the own mailbox is on the second node"},
    {"redirect-guid", FAULT_MAPI, NULL, "RopLogon: the own mailbox is at GUID@domain only"},
    {"V05", FAULT_MAPI, NULL, "the front end does not find the mailbox server: 503"},
    {"V05-backend", FAULT_MAPI, NULL, "the mailbox server answers the front end with 503"},
    {"V05-dismounted", FAULT_MAPI, NULL, "the database is not mounted"},
};

bool fault_switch_on(struct fault_set *set, const char *id)
{
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        if (strcmp(faults[i].id, id) != 0)
            continue;
        if (set->count == FAULT_MAX)
            return false;
        set->on[set->count++] = &faults[i];
        return true;
    }
    return false;
}

static bool strikes(const struct fault_def *fault, const char *node)
{
    size_t len;

    if (fault->node == NULL)
        return true;
    len = strlen(fault->node);
    return strncasecmp(fault->node, node, len) == 0 && (node[len] == '.' || node[len] == '\0');
}

const struct fault_def *fault_find(
    const struct fault_set *set, enum fault_kind kind, const char *node)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->on[i]->kind == kind && strikes(set->on[i], node))
            return set->on[i];
    return NULL;
}

void fault_list(void)
{
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        printf("%s\t%s\n", faults[i].id, faults[i].what);
}
