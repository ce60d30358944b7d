#include "probes/plan.h"

#include <stdio.h>
#include <string.h>

#include "net/wire/text.h"
#include "probes/probe.h"

/* The ports a directory service is spoken on: TLS from the first byte, and clear. */
static const struct {
    enum service service;
    uint16_t port;
} ports[] = {
    {SERVICE_KERBEROS, 88},
    {SERVICE_LDAP, 636},
    {SERVICE_LDAP, 389},
    {SERVICE_GC, 3269},
    {SERVICE_GC, 3268},
};

static bool is_known_port(uint16_t port)
{
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        if (ports[i].port == port)
            return true;
    }
    return false;
}

void plan_want_controller_locked(struct plan *plan, enum service service, const char *host,
    uint16_t port, enum source source, bool candidate)
{
    if (port != 0 && !is_known_port(port)) { /* a KDC elsewhere, as its SRV record says */
        plan_want_service_locked(plan, service, host, port, source, candidate);
        return;
    }
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        if (ports[i].service == service && (port == 0 || ports[i].port == port))
            plan_want_service_locked(plan, service, host, ports[i].port, source, candidate);
    }
}

/* --dc NAME[:PORT]: a port names the one service that is spoken there. */
static void want_named(struct plan *plan, const struct place *dc)
{
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        if (dc->port == 0 || dc->port == ports[i].port)
            plan_want_service_locked(
                plan, ports[i].service, dc->host, ports[i].port, SOURCE_USER, false);
    }
}

void plan_start_directory_locked(struct plan *plan)
{
    const struct settings *settings = plan->settings;
    char realm[DNS_NAME_SIZE];
    snprintf(realm, sizeof realm, "%s", settings->realm);
    for (char *c = realm; *c != '\0'; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    const char *directory = realm[0] != '\0' ? realm : settings->mail_domain;
    /* The KDC first: it is the best prover (gate.h). */
    plan_ask_srv_locked(plan, "_kerberos._tcp", directory, SERVICE_KERBEROS, false);
    plan_ask_srv_locked(plan, "_ldap._tcp.dc._msdcs", directory, SERVICE_LDAP, false);
    plan_ask_srv_locked(plan, "_gc._tcp", directory, SERVICE_GC, false);
    for (size_t i = 0; i < settings->dcs.count; i++)
        want_named(plan, &settings->dcs.list[i]);
}

/* ---- what the directory says ---- */

void plan_learn_site_locked(
    struct plan *plan, const char *domain, const char *forest, const char *site)
{
    char prefix[DNS_NAME_SIZE];
    if (site == NULL || site[0] == '\0' || strlen(site) > 63 || strchr(site, '.') != NULL)
        return;
    /* [MS-ADTS] 6.3.2.3: what a controller registers for its site. Asked once per name. */
    snprintf(prefix, sizeof prefix, "_ldap._tcp.%s._sites.dc._msdcs", site);
    plan_ask_srv_locked(plan, prefix, domain, SERVICE_LDAP, true);
    snprintf(prefix, sizeof prefix, "_gc._tcp.%s._sites", site);
    plan_ask_srv_locked(plan, prefix, forest, SERVICE_GC, true);
    snprintf(prefix, sizeof prefix, "_kerberos._tcp.%s._sites", site);
    plan_ask_srv_locked(plan, prefix, domain, SERVICE_KERBEROS, true);
}

void plan_discover_controller_locked(struct plan *plan, const char *host, bool gc)
{
    static const enum service services[] = {SERVICE_KERBEROS, SERVICE_LDAP, SERVICE_GC};
    char name[DNS_NAME_SIZE];
    if (!dns_normalize(host, name, NULL))
        return;
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        if (services[i] != SERVICE_GC || gc)
            plan_want_controller_locked(plan, services[i], name, 0, SOURCE_AD, false);
    }
}

static size_t add_host(
    struct arena *arena, const char **hosts, size_t count, size_t max, const char *host)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(hosts[i], host) == 0)
            return count;
    }
    if (count < max)
        hosts[count++] = arena_strdup(arena, host);
    return count;
}

size_t plan_front_ends_locked(
    const struct plan *plan, struct arena *arena, const char **hosts, size_t max)
{
    size_t count = 0;
    for (const struct job *job = plan->jobs; job != NULL; job = job->next) {
        const struct endpoint *endpoint = job->kind == JOB_CHAIN ? &job->chain->endpoint : NULL;
        struct net_address address;
        if (endpoint == NULL || !endpoint_is_http(endpoint) || endpoint_is_clear(endpoint) ||
            endpoint->address == NULL || net_address_parse(endpoint->host, 0, &address))
            continue;
        count = add_host(arena, hosts, count, max, endpoint->host);
        /* Clients that canonicalise ask for a ticket for what the alias leads to. */
        const struct dns_answer *dns = job->answer != NULL ? &job->answer->answer : NULL;
        for (size_t i = 0; dns != NULL && i < dns->cname_count; i++)
            count = add_host(arena, hosts, count, max, dns->cnames[i]);
    }
    return count;
}
