#include "mailbox.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static void format_guid(const struct buf *bytes, char *to, size_t size)
{
    const unsigned char *b = (const unsigned char *)buf_text(bytes);

    if (bytes->len != 16)
        return;
    snprintf(to, size, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[3],
        b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
        b[15]);
}

static void primary_address(const struct ad_entry *entry, char *to, size_t size)
{
    copy_text(to, size, ad_text(entry, "mail"));
    for (size_t i = 0; i < entry->count; i++) {
        const char *value = buf_text(&entry->values[i].value);

        if (strcasecmp(entry->values[i].name, "proxyAddresses") == 0 &&
            strncmp(value, "SMTP:", 5) == 0)
            copy_text(to, size, value + 5);
    }
}

/* What Set-CASMailbox writes where; of MAPI all but the first. */
enum { FIELD_ENABLED = 1, FIELD_NON_CACHED = 2, FIELD_RPC_HTTP = 5, FIELD_MAPI_HTTP = 9 };

/* protocolSettings: fields with U+00A7 between them, the first is the protocol's name. True: there
 * is a value of this protocol with this in that field. */
static bool protocol_says(
    const struct ad_entry *entry, const char *name, size_t field, const char *wanted)
{
    static const char between[] = "\xc2\xa7";

    for (size_t i = 0; i < entry->count; i++) {
        const char *at = buf_text(&entry->values[i].value);
        const char *end = strstr(at, between);

        if (strcasecmp(entry->values[i].name, "protocolSettings") != 0 || end == NULL ||
            (size_t)(end - at) != strlen(name) || strncasecmp(at, name, strlen(name)) != 0)
            continue;
        for (size_t k = 0; k < field && end != NULL; k++) {
            at = end + sizeof between - 1;
            end = strstr(at, between);
        }
        if (end == NULL ? strcasecmp(at, wanted) == 0
                        : (size_t)(end - at) == strlen(wanted) &&
                              strncasecmp(at, wanted, strlen(wanted)) == 0)
            return true;
    }
    return false;
}

/* The directory counts 100 ns since 1601. */
static int days_until(const char *filetime)
{
    const long long since_1601 = 11644473600;
    long long seconds = strtoll(filetime, NULL, 10) / 10000000 - since_1601;
    long long days = (seconds - (long long)time(NULL)) / 86400;

    if (seconds <= (long long)time(NULL) || days > INT_MAX)
        return -1;
    return (int)days;
}

static void fill(struct mailbox *mailbox)
{
    const struct ad_entry *entry = &mailbox->object.entries[0];
    const char *server = strrchr(ad_text(entry, "msExchHomeServerName"), '=');
    const char *target = ad_text(entry, "targetAddress");

    mailbox->entry = entry;
    mailbox->dn = entry->dn;
    mailbox->sam = ad_text(entry, "sAMAccountName");
    mailbox->display_name = ad_text(entry, "displayName");
    mailbox->legacy_dn = ad_text(entry, "legacyExchangeDN");
    mailbox->target_address = strncasecmp(target, "smtp:", 5) == 0 ? target + 5 : target;
    primary_address(entry, mailbox->address, sizeof mailbox->address);
    format_guid(ad_bytes(entry, "msExchMailboxGuid"), mailbox->guid, sizeof mailbox->guid);
    copy_text(mailbox->server, sizeof mailbox->server, server ? server + 1 : "");
    mailbox->moving = atoi(ad_text(entry, "msExchMailboxMoveStatus")) > 0;
    mailbox->mapi_off = protocol_says(entry, "MAPI", FIELD_ENABLED, "0");
    mailbox->cached_only = protocol_says(entry, "MAPI", FIELD_NON_CACHED, "1");
    mailbox->rpc_http_off = protocol_says(entry, "MAPI", FIELD_RPC_HTTP, "1");
    mailbox->mapi_http_off = protocol_says(entry, "MAPI", FIELD_MAPI_HTTP, "N");
    mailbox->owa_off = protocol_says(entry, "OWA", FIELD_ENABLED, "0");
    mailbox->ews_off = strcmp(ad_text(entry, "msExchEwsEnabled"), "0") == 0;
    mailbox->expires_days = days_until(ad_text(entry, "msDS-UserPasswordExpiryTimeComputed"));
    mailbox->has_mailbox = *mailbox->guid != '\0' && *ad_text(entry, "homeMDB") != '\0';
}

static enum lookup find(
    const struct config *config, struct buf *filter, struct mailbox *ret_mailbox)
{
    bool asked;

    *ret_mailbox = (struct mailbox){0};
    asked = directory_search(config, filter->data, 2, &ret_mailbox->object);
    buf_done(filter);
    if (!asked)
        return LOOKUP_UNAVAILABLE;
    if (ret_mailbox->object.count == 0) {
        mailbox_done(ret_mailbox);
        return LOOKUP_NONE;
    }
    fill(ret_mailbox);
    return ret_mailbox->object.count > 1 ? LOOKUP_SEVERAL : LOOKUP_FOUND;
}

enum lookup mailbox_by_address(
    const struct config *config, const char *address, struct mailbox *ret_mailbox)
{
    struct buf filter = {0};

    buf_str(&filter, "(&(legacyExchangeDN=*)(|(proxyAddresses=smtp:");
    filter_escape(&filter, address);
    buf_str(&filter, ")(mail=");
    filter_escape(&filter, address);
    buf_str(&filter, ")))");
    return find(config, &filter, ret_mailbox);
}

enum lookup mailbox_by_guid(
    const struct config *config, const unsigned char guid[16], struct mailbox *ret_mailbox)
{
    struct buf filter = {0};

    buf_str(&filter, "(&(legacyExchangeDN=*)(msExchMailboxGuid=");
    for (size_t i = 0; i < 16; i++)
        buf_fmt(&filter, "\\%02x", guid[i]);
    buf_str(&filter, "))");
    return find(config, &filter, ret_mailbox);
}

enum lookup mailbox_by_legacy_dn(
    const struct config *config, const char *legacy_dn, struct mailbox *ret_mailbox)
{
    struct buf filter = {0};

    buf_str(&filter, "(|(legacyExchangeDN=");
    filter_escape(&filter, legacy_dn);
    buf_str(&filter, ")(proxyAddresses=X500:");
    filter_escape(&filter, legacy_dn);
    buf_str(&filter, "))");
    return find(config, &filter, ret_mailbox);
}

enum lookup mailbox_of(
    const struct config *config, const struct identity *who, struct mailbox *ret_mailbox)
{
    const char *backslash = strchr(who->user, '\\');
    const char *name = backslash ? backslash + 1 : who->user;
    size_t short_len = strcspn(name, "@");
    char sam[256];
    struct buf filter = {0};

    copy_text(sam, sizeof sam, name);
    if (strcasecmp(name + short_len, "") == 0 ||
        strcasecmp(name + short_len + 1, config->dns_domain) == 0)
        sam[short_len] = '\0';
    buf_str(&filter, "(&(objectClass=user)(|(sAMAccountName=");
    filter_escape(&filter, sam);
    buf_str(&filter, ")(userPrincipalName=");
    filter_escape(&filter, name);
    buf_str(&filter, ")))");
    return find(config, &filter, ret_mailbox);
}

enum lookup mailbox_of_public_folders(const struct config *config, struct mailbox *ret_mailbox)
{
    struct buf filter = {0};

    buf_str(&filter, "(&(objectClass=user)(msExchRecipientTypeDetails=68719476736))");
    return find(config, &filter, ret_mailbox);
}

void mailbox_done(struct mailbox *mailbox)
{
    ad_result_done(&mailbox->object);
    mailbox->entry = NULL;
}

static bool is_delegate(const struct mailbox *mailbox, const char *dn)
{
    for (size_t i = 0; i < mailbox->entry->count; i++)
        if (strcasecmp(mailbox->entry->values[i].name, "msExchDelegateListLink") == 0 &&
            strcasecmp(buf_text(&mailbox->entry->values[i].value), dn) == 0)
            return true;
    return false;
}

bool mailbox_open_to(
    const struct config *config, const struct mailbox *mailbox, const struct mailbox *account)
{
    if (strcasecmp(mailbox->dn, account->dn) == 0 || is_delegate(mailbox, account->dn))
        return true;
    for (size_t i = 0; i < config->full_access_count; i++) {
        const struct full_access *rule = &config->full_access[i];

        if (strcmp(rule->user, "*") != 0 && strcasecmp(rule->user, account->sam) != 0)
            continue;
        if (strcasecmp(rule->mailbox, mailbox->sam) == 0 ||
            strcasecmp(rule->mailbox, mailbox->address) == 0)
            return true;
    }
    return false;
}

void mailbox_headers(
    const struct config *config, const struct mailbox *mailbox, struct response *response)
{
    const char *fqdn = NULL;

    for (size_t i = 0; i < config->node_count; i++)
        if (strcasecmp(config->nodes[i].netbios, mailbox->server) == 0)
            fqdn = config->nodes[i].name;
    if (fqdn == NULL)
        return;
    response_header(response, "X-CalculatedBETarget", fqdn);
    response_header(response, "X-DiagInfo", mailbox->server);
    response_header(response, "X-BEServer", mailbox->server);
    response_header(response, "X-BackEndHttpStatus", "200");
}
