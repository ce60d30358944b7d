/*
 * What the tests against the lab's Active Directory share. The accounts svc, disabled, acctexpired
 * … and their one password are the lab's. The only wrong password is sent for the account `hidden`;
 * the counts of the others must not move.
 */
#ifndef TESTS_INTEGRATION_LAB_AD_H
#define TESTS_INTEGRATION_LAB_AD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/directory.h"

#define REALM "CONTOSO.TEST"
#define BASE  "DC=contoso,DC=test"

extern const struct net_address kdc;
extern struct secret *password;

/* DIR is the lab's. False: told on standard error. */
bool lab_open(const char *dir);
void lab_close(void);

struct net_limit soon(void);
void assert_ok(bool ok, const struct fault *fault);
void assert_cause(bool ok, const struct fault *fault, enum cause cause);
/* The same, and CAUSE_NONE is success. */
void expect(bool ok, const struct fault *fault, enum cause cause, const char *who);

/* What each account in trouble is answered, with the right password. */
struct state {
    const char *account;
    enum cause ask, login, simple, ntlm;
};
enum { STATES = 9 };
extern const struct state states[STATES];

/* A connection to the domain controller; 636 and 3269 have TLS. */
struct link {
    struct directory *directory;
    struct tls_seen seen;
    bool tls;
};
void link_open(struct link *link, uint16_t port);
void link_as_reader(struct link *link); /* with a simple bind of svc over LDAPS */
void link_close(struct link *link);
struct sec_target ldap_target(const struct link *link);

/* svc, with a ticket for the domain controller's LDAP. */
struct krb *logged_in(void);
int64_t bad_password_count(const char *account);

#endif
