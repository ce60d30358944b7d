/* ResolveNames, ConvertId, GetServerTimeZones. */
#include "ews.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { RESOLUTIONS_MAX = 100 };

static void put_resolution(struct ews_call *ews, const struct ad_entry *entry)
{
    struct buf *out = ews->out;

    buf_str(out, "<t:Resolution><t:Mailbox><t:Name>");
    buf_xml(out, ad_text(entry, "displayName"));
    buf_str(out, "</t:Name><t:EmailAddress>");
    buf_xml(out, ad_text(entry, "mail"));
    buf_str(out, "</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType>"
                 "<t:MailboxType>Mailbox</t:MailboxType></t:Mailbox>");
    if (strcmp(xml_attribute(ews->operation, "ReturnFullContactData"), "true") == 0) {
        buf_str(out, "<t:Contact><t:DisplayName>");
        buf_xml(out, ad_text(entry, "displayName"));
        buf_str(out, "</t:DisplayName></t:Contact>");
    }
    buf_str(out, "</t:Resolution>");
}

static void put_resolutions(struct ews_call *ews, const struct ad_result *found)
{
    struct buf *out = ews->out;

    if (found->count == 1)
        ews_open_message(ews, "ResolveNames");
    else
        buf_str(out, "<m:ResolveNamesResponseMessage ResponseClass=\"Warning\"><m:MessageText>"
                     "Multiple results were found.</m:MessageText><m:ResponseCode>"
                     "ErrorNameResolutionMultipleResults</m:ResponseCode>"
                     "<m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>");
    buf_fmt(out, "<m:ResolutionSet TotalItemsInView=\"%zu\" IncludesLastItemInRange=\"true\">",
        found->count);
    for (size_t i = 0; i < found->count; i++)
        put_resolution(ews, &found->entries[i]);
    buf_str(out, "</m:ResolutionSet>");
    ews_close_message(ews, "ResolveNames");
}

/* The address lists: what is in one and not hidden. Names match by their beginning, addresses as
 * a whole. */
static void name_filter(const char *name, struct buf *ret_filter)
{
    static const char *const attributes[] = {"displayName", "sn", "givenName", "mailNickname"};
    bool address_only = strncasecmp(name, "smtp:", 5) == 0;

    if (address_only)
        name += 5;
    buf_str(ret_filter, "(&(legacyExchangeDN=*)(showInAddressBook=*)"
                        "(!(msExchHideFromAddressLists=TRUE))(|(proxyAddresses=smtp:");
    filter_escape(ret_filter, name);
    buf_str(ret_filter, ")");
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0] && !address_only; i++) {
        buf_fmt(ret_filter, "(%s=", attributes[i]);
        filter_escape(ret_filter, name);
        buf_str(ret_filter, "*)");
    }
    buf_str(ret_filter, "))");
}

void ews_resolve_names(struct ews_call *ews)
{
    static const struct ews_error none = {"ErrorNameResolutionNoResults", "No results were found."};
    static const struct ews_error unavailable = {
        "ErrorADUnavailable", "The Active Directory isn't available. Try again later."};
    const char *name = xml_text(xml_child(ews->operation, "UnresolvedEntry", NULL));
    struct ad_result found = {0};
    struct buf filter = {0};

    name_filter(name, &filter);
    if (*name == '\0')
        ews_error_message(ews, "ResolveNames", &none);
    else if (!directory_search(ews->call->config, filter.data, RESOLUTIONS_MAX, &found))
        ews_error_message(ews, "ResolveNames", &unavailable);
    else if (found.count == 0)
        ews_error_message(ews, "ResolveNames", &none);
    else
        put_resolutions(ews, &found);
    ad_result_done(&found);
    buf_done(&filter);
}

void ews_convert_id(struct ews_call *ews)
{
    static const struct ews_error malformed = {"ErrorInvalidIdMalformed", "Id is malformed."};
    const struct xml_node *ids = xml_child(ews->operation, "SourceIds", NULL);
    const char *format = xml_attribute(ews->operation, "DestinationFormat");
    const struct xml_node *id = NULL;

    while ((id = xml_child(ids, "AlternateId", id)) != NULL) {
        char address[320];
        char key[64];

        if (!ews_decode_id(xml_attribute(id, "Id"), address, sizeof address, key, sizeof key)) {
            ews_error_message(ews, "ConvertId", &malformed);
            continue;
        }
        ews_open_message(ews, "ConvertId");
        buf_str(ews->out, "<m:AlternateId xsi:type=\"t:AlternateIdType\" Format=\"");
        buf_xml(ews->out, format);
        buf_str(ews->out, "\" Id=\"");
        buf_xml(ews->out, xml_attribute(id, "Id"));
        buf_str(ews->out, "\" Mailbox=\"");
        buf_xml(ews->out, address);
        buf_str(ews->out, "\"/>");
        ews_close_message(ews, "ConvertId");
    }
}

void ews_time_zones(struct ews_call *ews)
{
    static const struct {
        const char *id;
        const char *name;
        const char *bias;
    } zones[] = {
        {"UTC", "(UTC) Coordinated Universal Time", "PT0S"},
        {"W. Europe Standard Time", "(UTC+01:00) Amsterdam, Berlin, Bern, Rome", "-PT1H"},
    };
    struct buf *out = ews->out;

    ews_open_message(ews, "GetServerTimeZones");
    buf_str(out, "<m:TimeZoneDefinitions>");
    for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++)
        buf_fmt(out,
            "<t:TimeZoneDefinition Id=\"%s\" Name=\"%s\"><t:Periods><t:Period Bias=\"%s\" "
            "Name=\"Standard\" Id=\"std\"/></t:Periods><t:TransitionsGroups>"
            "<t:TransitionsGroup Id=\"0\"><t:Transition><t:To Kind=\"Period\">std</t:To>"
            "</t:Transition></t:TransitionsGroup></t:TransitionsGroups><t:Transitions>"
            "<t:Transition><t:To Kind=\"Group\">0</t:To></t:Transition></t:Transitions>"
            "</t:TimeZoneDefinition>",
            zones[i].id, zones[i].name, zones[i].bias);
    buf_str(out, "</m:TimeZoneDefinitions>");
    ews_close_message(ews, "GetServerTimeZones");
}
