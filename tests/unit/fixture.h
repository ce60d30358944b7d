/*
 * Surveys made by hand: one healthy mailbox, and what breaks it, for the tests of report/. The
 * golden surveys in tests/golden were saved from these.
 */
#ifndef TESTS_UNIT_FIXTURE_H
#define TESTS_UNIT_FIXTURE_H

#include "probes/survey.h"

/* svc@contoso.test, everything works: resolver, KDC with two service principals, LDAP, GC,
 * Autodiscover (and the domain's own name, which refuses), EWS, OWA, MAPI over HTTP and RPC over
 * HTTP on two nodes. Not diagnosed. */
void fixture_healthy(struct survey *survey);

/* Breaks one thing, named by the rule that is to find it ("S02"); more than one call breaks more.
 */
void fixture_break(struct survey *survey, const char *fault);

/* fixture_faults.c, called by the former: false: it is not one of those. */
bool fixture_break_more(struct survey *survey, const char *fault);
/* fixture_places.c, likewise: names, builds, and what the directory says of servers. */
bool fixture_break_places(struct survey *survey, const char *fault);
/* fixture_directory.c, likewise: the account's state, its tickets, its object and its mailbox. */
bool fixture_break_directory(struct survey *survey, const char *fault);
/* fixture_rpc.c, likewise: RPC over HTTP. */
bool fixture_break_rpc(struct survey *survey, const char *fault);
/* fixture_mapi.c, likewise: MAPI over HTTP, the store and what is behind the front end. */
bool fixture_break_mapi(struct survey *survey, const char *fault);
/* X-ResponseCode of this check, on all rows of MAPI over HTTP. */
void fixture_response_code(struct survey *survey, const char *probe, long code);
/* What the store answers to "connect" or "mailbox", on all rows of MAPI over HTTP and of RPC. */
void fixture_store_code(struct survey *survey, const char *step, uint32_t code);
/* What follows the logon in a healthy row of RPC over HTTP, of MAPI over HTTP. */
void fixture_add_rpc(struct chain *chain);
void fixture_add_mapi(struct chain *chain);
/* The store refuses to connect with this code (0: nobody knows the mailbox's legacy DN), and the
 * address book has nobody, on all rows of both. */
void fixture_fail_mapi(struct survey *survey, enum cause cause, long code);
void fixture_fail_books(struct survey *survey); /* the address book alone */
/* A passing check at the end of a row. */
struct check *fixture_extra(
    struct survey *survey, const char *row, const char *probe, enum layer layer);
/* One more controller, which finds the account and its mailbox. */
struct chain *fixture_controller(
    struct survey *survey, enum service service, const char *host, const char *address);
/* An object that the LDAP row read: a passing check with this subject (NULL: the probe's own). */
struct check *fixture_object(struct survey *survey, const char *probe, const char *subject);
struct lookup *fixture_lookup(struct survey *survey, const char *name, const char *type,
    const char *resolver, int rcode, const char *record);
/* Skips all logons that pass: "the password was refused by WHO". */
void fixture_gate(struct survey *survey, const char *who);

struct check *fixture_check(struct survey *survey, const char *chain_id, const char *probe);

/* Fails the check and blocks what comes after it in the row. */
void fixture_fail(struct survey *survey, const char *chain_id, const char *probe, enum cause cause,
    const char *text);

/* A whole file of tests/golden, loaded; fails the test where it does not load. */
void fixture_golden(struct survey *survey, const char *name);
/* 0 after the last; tests/golden/NAME.json without folder and ending. */
extern const char *const fixture_goldens[];

#endif
