/*
 * The tables of rules, one file a layer; rules.c lists them.
 */
#ifndef REPORT_RULES_H
#define REPORT_RULES_H

#include "report/rule.h"

extern const struct rule rules_name[], rules_tcp[], rules_tls[], rules_account[], rules_auth[],
    rules_directory[], rules_service[], rules_unexplained[];
extern const size_t rules_name_count, rules_tcp_count, rules_tls_count, rules_account_count,
    rules_auth_count, rules_directory_count, rules_service_count, rules_unexplained_count;

/* Behind each table: RULES_COUNT(rules_name); */
#define RULES_COUNT(table) const size_t table##_count = sizeof(table) / sizeof(table)[0]

#endif
