#include "target.h"

#include "../mailbox.h"
#include "wire.h"

#include <string.h>
#include <strings.h>

bool node_is_old(const struct node *node)
{
    enum { EXCHANGE_2013 = 15 };

    return node->build[0] > 0 && node->build[0] < EXCHANGE_2013;
}

const struct node *target_node(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->node_count; i++) {
        size_t short_len = strcspn(config->nodes[i].name, ".");

        if (config->nodes[i].website)
            continue;
        if (strcasecmp(config->nodes[i].name, name) == 0 ||
            (strncasecmp(config->nodes[i].name, name, short_len) == 0 && name[short_len] == '\0'))
            return &config->nodes[i];
    }
    return NULL;
}

bool target_is_mailbox(const struct config *config, const char *name)
{
    unsigned char guid[GUID_SIZE];
    char text[GUID_TEXT_SIZE];
    struct mailbox mailbox = {0};
    bool found;

    if (strcspn(name, "@") != GUID_TEXT_SIZE - 1)
        return false;
    copy_text(text, sizeof text, name);
    if (strcasecmp(name + GUID_TEXT_SIZE, config->dns_domain) != 0 || !guid_parse(text, guid))
        return false;
    found = mailbox_by_guid(config, guid, &mailbox) == LOOKUP_FOUND && mailbox.has_mailbox;
    mailbox_done(&mailbox);
    return found;
}

bool target_exists(const struct config *config, const struct node *node, const char *name)
{
    return target_node(config, name) != NULL ||
           (!node_is_old(node) && target_is_mailbox(config, name));
}

void target_unknown(struct call *call)
{
    response_header(call->response, "X-CasErrorCode", "MailboxGuidWithDomainNotFound");
    iis_not_found(call);
    call->response->close = true;
}
