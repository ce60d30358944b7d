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
