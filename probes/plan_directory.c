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

/* Lower case, without a final dot; a domain of one label has no domain controllers. */
static void add_domain(struct plan *plan, const char *domain)
{
    char name[DNS_NAME_SIZE];
    struct net_address address;
    if (domain == NULL || !dns_normalize(domain, name, NULL) || strchr(name, '.') == NULL ||
        net_address_parse(name, 0, &address) || plan->domain_count == DOMAINS_MAX)
        return;
    for (size_t i = 0; i < plan->domain_count; i++) {
        if (strcmp(plan->domains[i], name) == 0)
            return;
    }
    plan->domains[plan->domain_count++] = arena_strdup(&plan->arena, name);
}

/* The KDC first: it is the best prover (gate.h). */
static const struct {
    const char *prefix;
    enum service service;
} records[] = {
    {"_kerberos._tcp", SERVICE_KERBEROS},
    {"_ldap._tcp.dc._msdcs", SERVICE_LDAP},
    {"_gc._tcp", SERVICE_GC},
};

/* The suffix of a UPN need not be the name of an AD domain, nor the mail domain: where either has
 * no domain controllers, those of the domain we are in may know the account. */
void plan_start_directory_locked(struct plan *plan)
{
    const struct settings *settings = plan->settings;
    add_domain(plan, settings->realm);
    add_domain(plan, settings->mail_domain);
    add_domain(plan, plan->host_domain);
    for (size_t r = 0; r < sizeof records / sizeof records[0]; r++) {
        for (size_t d = 0; d < plan->domain_count; d++) {
            struct job *job = plan_ask_srv_locked(
                plan, records[r].prefix, plan->domains[d], records[r].service, false);
            if (job != NULL && plan->domain_count > 1)
                job->absence = d == 0 ? ABSENCE_EXCUSED : ABSENCE_QUIET;
            if (job != NULL && records[r].service == SERVICE_LDAP &&
                !settings_wants_service(settings, SERVICE_LDAP))
                job->absence = ABSENCE_QUIET; /* the guard's question alone */
        }
    }
    for (size_t i = 0; i < settings->dcs.count; i++)
        want_named(plan, &settings->dcs.list[i]);
}

/* ---- the realm ---- */

/* The domain's own question for its KDCs; NULL: not asked (--skip kerberos). */
static const struct job *kdc_question(const struct plan *plan, const char *domain)
{
    char name[DNS_NAME_SIZE];
    snprintf(name, sizeof name, "%s.%s", records[0].prefix, domain);
    for (const struct job *job = plan->jobs; job != NULL; job = job->next) {
        if (job->kind == JOB_QUESTION && job->type == DNS_SRV && strcmp(job->name, name) == 0)
            return job;
    }
    return NULL;
}

static void set_realm(const char *name, char ret_realm[DNS_NAME_SIZE])
{
    snprintf(ret_realm, DNS_NAME_SIZE, "%s", name);
    for (char *c = ret_realm; *c != '\0'; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
}

bool plan_realm_locked(const struct plan *plan, char ret_realm[DNS_NAME_SIZE])
{
    bool pending = false;
    set_realm(plan->realm != NULL ? plan->realm : plan->settings->realm, ret_realm);
    for (size_t i = 0; i < plan->domain_count; i++) {
        const struct job *job = kdc_question(plan, plan->domains[i]);
        if (job == NULL)
            continue;
        if (job->state == JOB_DONE && job->led) {
            set_realm(plan->domains[i], ret_realm);
            return !pending;
        }
        pending |= job->state != JOB_DONE;
    }
    return !pending && (plan->realm != NULL || plan->settings->dcs.count == 0);
}

static bool names_host(const struct plan *plan, const struct job *job, const char *host)
{
    for (size_t r = 0; job->state == JOB_DONE && r < plan->resolver_count; r++) {
        const struct dns_answer *answer = &job->answers[r].answer;
        for (size_t i = 0; answer->ok && i < answer->count; i++) {
            if (text_equal_nocase(answer->records[i].target, host))
                return true;
        }
    }
    return false;
}

const char *plan_foreign_kdc_locked(const struct plan *plan, const char *host, const char *realm)
{
    const char *foreign = NULL;
    for (size_t i = 0; i < plan->domain_count; i++) {
        const struct job *job = kdc_question(plan, plan->domains[i]);
        if (job == NULL || !names_host(plan, job, host))
            continue;
        if (text_equal_nocase(plan->domains[i], realm))
            return NULL;
        foreign = plan->domains[i];
    }
    return foreign;
}

static const char *why_halted(const struct chain *chain, struct arena *arena)
{
    const struct check *halt = chain_blocker(chain, LAYER_PROTOCOL);
    const char *host = chain->endpoint.host;
    if (halt == NULL)
        return NULL;
    const char *words = halt->fault.cause != CAUSE_NONE ? halt->fault.text : halt->summary;
    if (text_starts_nocase(words, host))
        return arena_printf(arena, "%.100s", words);
    return arena_printf(arena, "%.60s: %.100s", host, words);
}

const char *plan_ticket_trouble_locked(const struct plan *plan, struct arena *arena)
{
    bool any = false;
    if (plan->krb_ready)
        return NULL;
    for (const struct job *job = plan->jobs; job != NULL; job = job->next) {
        if (job->kind != JOB_CHAIN || job->chain->endpoint.service != SERVICE_KERBEROS)
            continue;
        const char *why = why_halted(job->chain, arena);
        any = true;
        if (why != NULL)
            return why;
    }
    bool to_come = any || !plan_srv_done_locked(plan, SERVICE_KERBEROS) ||
                   plan_waits_for_names_locked(plan, SERVICE_KERBEROS);
    return to_come ? NULL : "no KDC is known";
}

/* ---- the guard ---- */

bool plan_guards_locked(const struct plan *plan)
{
    for (const struct job *job = plan->jobs; job != NULL; job = job->next) {
        if (job->state == JOB_DONE)
            continue;
        if (job->kind == JOB_QUESTION && job->purpose == FOR_SRV &&
            job->want.service == SERVICE_LDAP)
            return true;
        if (job->kind == JOB_CHAIN && job->chain->endpoint.service == SERVICE_LDAP &&
            !job->past_auth && !job->past_guard)
            return true;
    }
    return plan_waits_for_names_locked(plan, SERVICE_LDAP);
}

int plan_guard_rows_locked(const struct plan *plan)
{
    int count = 0;
    for (const struct job *job = plan->jobs; job != NULL; job = job->next)
        count += job->kind == JOB_CHAIN && job->state != JOB_DONE &&
                 job->chain->endpoint.service == SERVICE_LDAP;
    return count;
}

static bool same_server(const struct endpoint *a, const struct endpoint *b)
{
    return a->service == b->service && a->address != NULL && b->address != NULL &&
           text_equal_nocase(a->host, b->host) && strcmp(a->address, b->address) == 0;
}

void plan_past_guard_locked(struct plan *plan, const char *chain_id, bool whole)
{
    const struct chain *own = survey_find_chain(plan->survey, chain_id);
    for (struct job *job = plan->jobs; own != NULL && job != NULL; job = job->next) {
        if (job->kind == JOB_CHAIN &&
            (job->chain == own || (whole && same_server(&job->chain->endpoint, &own->endpoint))))
            job->past_guard = true;
    }
}

bool plan_wants_service_locked(const struct plan *plan, enum service service)
{
    return (plan->guarded && service == SERVICE_LDAP) ||
           (plan->ticketed && service == SERVICE_KERBEROS) || plan_asks_for_names(plan, service) ||
           settings_wants_service(plan->settings, service);
}

/* ---- what the directory says ---- */

static bool asks_for_controllers_of(const struct job *job, const char *suffix)
{
    return job->kind == JOB_QUESTION && job->purpose == FOR_SRV &&
           job->want.service == SERVICE_LDAP && text_ends_nocase(job->name, suffix) &&
           (job->state != JOB_DONE || job->led);
}

bool plan_serves_domain_locked(const struct plan *plan, const char *domain)
{
    char suffix[DNS_NAME_SIZE];
    if (!settings_wants_service(plan->settings, SERVICE_LDAP) ||
        snprintf(suffix, sizeof suffix, ".dc._msdcs.%s", domain) >= (int)sizeof suffix)
        return false;
    for (const struct job *job = plan->jobs; job != NULL; job = job->next) {
        if (asks_for_controllers_of(job, suffix))
            return true;
    }
    return false;
}

void plan_learn_site_locked(
    struct plan *plan, const char *domain, const char *forest, const char *site)
{
    char prefix[DNS_NAME_SIZE];
    if (site == NULL || site[0] == '\0' || strlen(site) > 63 || strchr(site, '.') != NULL)
        return;
    /* [MS-ADTS] 6.3.2.3: what a controller registers for its site. Asked once per name. */
    snprintf(prefix, sizeof prefix, "_ldap._tcp.%s._sites.dc._msdcs", site);
    if (settings_wants_service(plan->settings, SERVICE_LDAP))
        plan_ask_srv_locked(plan, prefix, domain, SERVICE_LDAP, true);
    snprintf(prefix, sizeof prefix, "_gc._tcp.%s._sites", site);
    plan_ask_srv_locked(plan, prefix, forest, SERVICE_GC, true);
    snprintf(prefix, sizeof prefix, "_kerberos._tcp.%s._sites", site);
    if (settings_wants_service(plan->settings, SERVICE_KERBEROS))
        plan_ask_srv_locked(plan, prefix, domain, SERVICE_KERBEROS, true);
}

void plan_discover_controller_locked(struct plan *plan, const char *host, bool gc)
{
    static const enum service services[] = {SERVICE_KERBEROS, SERVICE_LDAP, SERVICE_GC};
    char name[DNS_NAME_SIZE];
    if (!dns_normalize(host, name, NULL))
        return;
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        bool more = services[i] == SERVICE_KERBEROS && /* than the tickets need */
                    !settings_wants_service(plan->settings, services[i]);
        if (!more && (services[i] != SERVICE_GC || gc))
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
