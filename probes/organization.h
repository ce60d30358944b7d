/*
 * What Active Directory says of places: the Exchange organisation with its servers, service
 * connection points, virtual directories and databases; the domain controllers; and who owns which
 * name, address and service principal. Read with an ordinary account, once in a run.
 */
#ifndef PROBES_ORGANIZATION_H
#define PROBES_ORGANIZATION_H

#include "probes/probe.h"

extern const struct probe probe_ldap_organization;
extern const struct probe probe_ldap_controllers;
extern const struct probe probe_gc_addresses;
extern const struct probe probe_gc_spn;
/* Checks about one object each, made by ldap.organization; they apply to no endpoint. */
extern const struct probe probe_ldap_server;
extern const struct probe probe_ldap_scp;
extern const struct probe probe_ldap_vdir;
extern const struct probe probe_ldap_database;

/* ---- the objects (organization_objects.c). Pure ---- */

enum organization_kind {
    ORGANIZATION_OTHER,
    ORGANIZATION_ROOT,
    ORGANIZATION_SERVER,
    ORGANIZATION_ARRAY, /* a client access array of Exchange 2010: a name, no server */
    ORGANIZATION_SCP,
    ORGANIZATION_POINTER, /* an SCP that sends clients to another forest */
    ORGANIZATION_VDIR,
    ORGANIZATION_DATABASE,
    ORGANIZATION_HYBRID,
    ORGANIZATION_DOMAIN /* an accepted domain */
};
enum organization_kind organization_kind(const struct directory_entry *entry);

/* One table: which class stands for which service, and whether there are probes for it. */
struct vdir_class {
    const char *object_class;
    enum service service;
    bool probed;
};
const struct vdir_class *vdir_class(const struct directory_entry *entry); /* NULL: another class */

/* How the check about an object is called: "EX1", "EX1/ews". In the arena. */
const char *organization_subject(struct arena *arena, const struct directory_entry *entry);
/* The host of an URL, or of a plain host name, as the planner writes it; NULL: none. */
const char *organization_host(struct arena *arena, const char *url);

void judge_server(const struct directory_entry *server, struct check *check);
/* servers: the organisation's servers and arrays. client_site may be NULL. */
void judge_scp(const struct directory_entry *scp, const struct directory_result *servers,
    const char *client_site, struct check *check);
void judge_vdir(const struct directory_entry *vdir, struct check *check);
/* home: the account's homeMDB, or NULL. */
void judge_database(const struct directory_entry *database, const struct directory_result *servers,
    const char *home, struct check *check);

/* ---- the whole (organization.c). Pure ---- */

/* schema: rangeUpper of the schema's version object, 0: unknown. */
void judge_organization(const struct directory_result *all, int64_t schema, struct check *check);
const char *schema_name(int64_t range_upper); /* "Exchange 2019 CU10 or later"; NULL: unknown */

/* ---- domain controllers (controllers.c). Pure ---- */

/* One domain controller of the directory's sites container. */
struct controller {
    const char *host;
    const char *site;
    const char *domain; /* DN of its domain; NULL: not shown */
    bool gc;
};
/* Server objects and their NTDS settings in one answer; in the arena. */
size_t controllers_of(
    struct arena *arena, const struct directory_result *found, struct controller **ret_list);
void judge_controllers(const struct controller *list, size_t count, struct check *check);

/* ---- addresses and principals. Pure ---- */

/* The account's addresses as proxyAddresses has them ("smtp:a@b", "X500:/o=…"), the asked one
 * first; its NULL-terminated list is in the arena. account may be one without a DN: not found. */
const char *const *addresses_of(
    struct arena *arena, const struct directory_entry *account, const char *asked);
void judge_addresses(const struct directory_result *found, const char *const *addresses,
    const char *asked, struct check *check);

/* names: NULL-terminated "HTTP/mail.contoso.test"; what the answer has of exchangeMDB, exchangeRFR
 * and exchangeAB is checked besides. */
void judge_spn(const struct directory_result *found, const char *const *names, struct check *check);

#endif
