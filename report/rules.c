#include "report/rule.h"

#include "net/wire/text.h"
#include "report/rules.h"

/* The order is that of the report's list; it decides nothing. */
static const struct rule_table {
    const struct rule *rules;
    const size_t *count;
} tables[] = {
    {rules_name, &rules_name_count},
    {rules_zone, &rules_zone_count},
    {rules_controller, &rules_controller_count},
    {rules_tcp, &rules_tcp_count},
    {rules_tls, &rules_tls_count},
    {rules_account, &rules_account_count},
    {rules_policy, &rules_policy_count},
    {rules_kerberos, &rules_kerberos_count},
    {rules_auth, &rules_auth_count},
    {rules_directory, &rules_directory_count},
    {rules_replicas, &rules_replicas_count},
    {rules_recipient, &rules_recipient_count},
    {rules_protocols, &rules_protocols_count},
    {rules_service, &rules_service_count},
    {rules_intent, &rules_intent_count},
    {rules_schemes, &rules_schemes_count},
    {rules_version, &rules_version_count},
    {rules_rpc, &rules_rpc_count},
    {rules_rpc_calls, &rules_rpc_calls_count},
    {rules_rpc_logon, &rules_rpc_logon_count},
    {rules_mapi, &rules_mapi_count},
    {rules_store, &rules_store_count},
    {rules_others, &rules_others_count},
    {rules_backend, &rules_backend_count},
    {rules_provider, &rules_provider_count},
    {rules_unexplained, &rules_unexplained_count},
};

const struct rule *rule_at(size_t index)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (index < *tables[i].count)
            return &tables[i].rules[index];
        index -= *tables[i].count;
    }
    return NULL;
}

const struct rule *rule_find(const char *id)
{
    const struct rule *rule = NULL;
    for (size_t i = 0; (rule = rule_at(i)) != NULL; i++) {
        if (text_equal_nocase(rule->id, id))
            return rule;
    }
    return NULL;
}
