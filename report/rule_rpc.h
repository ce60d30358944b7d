/*
 * What the rules about RPC over HTTP and RPC over TCP share.
 */
#ifndef REPORT_RULE_RPC_H
#define REPORT_RULE_RPC_H

#include "report/rule.h"

enum { RPC_MAPPER_PORT = 135 };

bool is_rpc_http(const struct chain *chain);
bool is_rpc_tcp(const struct chain *chain); /* the endpoint mapper's port */
/* A row over HTTP reaches an RPC proxy: who has no RPC over TCP lacks nothing. */
bool has_rpc_http(const struct survey *survey);

/* One of the three associations of a row over HTTP: rpc.connect (6001), rpc.referral (6002),
 * rpc.book (6004). */
bool is_rpc_line(const struct check *check);

/* Another path of this name and address logs the account on. */
const struct chain *rpc_neighbour(const struct survey *survey, const struct chain *row);

/* "mail.contoso.test", with the node's name where RPC over HTTP works at another address of it. */
const char *rpc_place(struct scan *scan, const struct chain *chain);

/* Calls found() for every check of every row over HTTP for which is_so() holds. */
void rpc_scan(struct scan *scan, bool (*is_so)(const struct check *check),
    void (*found)(struct scan *scan, const struct chain *chain, const struct check *check));

/* For explains: a logon on a row with a cited check, whose answer was not Exchange's own. */
bool rpc_row_explains(
    const struct survey *survey, const struct match *match, const struct check *check);

/* /rpc has no scheme for us, while its neighbours log on: R03, and not A25 or V07. */
bool is_rpc_scheme_missing(const struct survey *survey, const struct chain *chain);

/* A row of RPC over TCP without it, which is as it should be: R09. */
bool is_rpc_tcp_absent(const struct survey *survey, const struct chain *chain);

/* The NTLM challenge came from one node, and another refused the answer to it: T07. */
bool is_switched_node(const struct check *check);

#endif
