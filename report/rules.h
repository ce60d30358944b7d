/*
 * The tables of rules, one file a layer; rules.c lists them.
 */
#ifndef REPORT_RULES_H
#define REPORT_RULES_H

#include "report/rule.h"

extern const struct rule rules_name[], rules_tcp[], rules_tls[], rules_account[], rules_auth[],
    rules_directory[], rules_service[], rules_zone[], rules_intent[], rules_schemes[],
    rules_version[], rules_unexplained[], rules_policy[], rules_kerberos[], rules_replicas[],
    rules_recipient[], rules_protocols[], rules_controller[], rules_rpc[], rules_rpc_calls[],
    rules_rpc_logon[], rules_mapi[], rules_store[], rules_others[], rules_backend[],
    rules_provider[];
extern const size_t rules_name_count, rules_tcp_count, rules_tls_count, rules_account_count,
    rules_auth_count, rules_directory_count, rules_service_count, rules_zone_count,
    rules_intent_count, rules_schemes_count, rules_version_count, rules_unexplained_count,
    rules_policy_count, rules_kerberos_count, rules_replicas_count, rules_recipient_count,
    rules_protocols_count, rules_controller_count, rules_rpc_count, rules_rpc_calls_count,
    rules_rpc_logon_count, rules_mapi_count, rules_store_count, rules_others_count,
    rules_backend_count, rules_provider_count;

/* A finding under the heading of its layer: one for one (layer, cause, component), one for each
 * kind of our own trouble. */
void report_unexplained(struct scan *scan, const struct chain *chain, const struct check *check);

/* Behind each table: RULES_COUNT(rules_name); */
#define RULES_COUNT(table) const size_t table##_count = sizeof(table) / sizeof(table)[0]

#endif
