#include "probes/plan.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "net/wire/text.h"
#include "probes/name.h"
#include "probes/probe.h"
#include "probes/run.h"

enum { ROWS_MAX = 500 };

/* ---- jobs ---- */

static struct job *job_add(struct plan *plan, enum job_kind kind)
{
    struct job *job = arena_alloc(&plan->arena, sizeof *job);
    job->kind = kind;
    struct job **end = &plan->jobs;
    while (*end != NULL)
        end = &(*end)->next;
    *end = job;
    return job;
}

static struct job *question_add(
    struct plan *plan, const char *name, enum dns_type type, enum purpose purpose)
{
    for (struct job *job = plan->jobs; job != NULL; job = job->next) {
        if (job->kind == JOB_QUESTION && job->type == type && strcmp(job->name, name) == 0)
            return NULL; /* asked once per run */
    }
    struct job *job = job_add(plan, JOB_QUESTION);
    job->name = arena_strdup(&plan->arena, name);
    job->type = type;
    job->purpose = purpose;
    return job;
}

static bool same_text(const char *a, const char *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return text_equal_nocase(a, b);
}

/* "/owa" and "/owa/" are one virtual directory. */
static bool same_path(const char *a, const char *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    /* A query makes no other place: "/mapi/emsmdb/?MailboxId=…". */
    size_t length = strcspn(a, "?"), other = strcspn(b, "?");
    length -= length > 1 && a[length - 1] == '/';
    other -= other > 1 && b[other - 1] == '/';
    for (size_t i = 0; length == other && i < length; i++) {
        if (tolower((unsigned char)a[i]) != tolower((unsigned char)b[i]))
            return false;
    }
    return length == other;
}

static bool same_place(const struct endpoint *a, const struct endpoint *b)
{
    return a->service == b->service && a->port == b->port && same_text(a->host, b->host) &&
           same_text(a->address, b->address) && same_path(a->path, b->path) &&
           same_text(a->subject, b->subject);
}

/* A row and the job that fills it; a place already known only gains a source. */
static void row_add(struct plan *plan, const struct endpoint *endpoint,
    const struct net_address *connect, const struct name_answer *answer)
{
    size_t rows = 0;
    for (struct job *job = plan->jobs; job != NULL; job = job->next) {
        if (job->kind != JOB_CHAIN)
            continue;
        rows++;
        if (same_place(&job->chain->endpoint, endpoint)) {
            job->chain->endpoint.sources |= endpoint->sources;
            job->chain->endpoint.candidate &= endpoint->candidate;
            return;
        }
    }
    if (rows >= ROWS_MAX)
        return;
    struct job *job = job_add(plan, JOB_CHAIN);
    job->chain = survey_add_chain(plan->survey, endpoint);
    job->endpoint = job->chain->endpoint;
    if (connect != NULL)
        job->connect = *connect;
    job->answer = answer;
}

/* ---- names and wants ---- */

static void row_at(struct plan *plan, const struct endpoint *want, const struct net_address *found,
    const struct name_answer *answer)
{
    struct endpoint endpoint = *want;
    struct net_address connect = *found;
    if (connect.port == 0)
        connect.port = endpoint.port;
    endpoint.address = connect.text;
    row_add(plan, &endpoint, &connect, answer);
}

static const struct detour *find_detour(
    const struct settings *settings, const struct endpoint *endpoint)
{
    for (size_t i = 0; i < settings->detour_count; i++) {
        const struct detour *detour = &settings->detours[i];
        if (text_equal_nocase(detour->host, endpoint->host) &&
            (detour->port == 0 || detour->port == endpoint->port))
            return detour;
    }
    return NULL;
}

static struct name *name_of(struct plan *plan, const char *host)
{
    for (struct name *name = plan->names; name != NULL; name = name->next) {
        if (strcmp(name->host, host) == 0)
            return name;
    }
    struct name *name = arena_alloc(&plan->arena, sizeof *name);
    name->host = arena_strdup(&plan->arena, host);
    name->next = plan->names;
    plan->names = name;
    name->pending = (question_add(plan, host, DNS_A, FOR_ADDRESS) != NULL) +
                    (question_add(plan, host, DNS_AAAA, FOR_ADDRESS) != NULL);
    return name;
}

/* A row for every address of the endpoint's host, as soon as each is known. */
static void want(struct plan *plan, const struct endpoint *endpoint)
{
    if (!plan_wants_service_locked(plan, endpoint->service))
        return;
    const struct detour *detour = find_detour(plan->settings, endpoint);
    struct net_address address;
    if (detour != NULL) {
        row_at(plan, endpoint, &detour->to, NULL);
        return;
    }
    if (net_address_parse(endpoint->host, endpoint->port, &address)) {
        row_at(plan, endpoint, &address, NULL);
        return;
    }
    struct name *name = name_of(plan, endpoint->host);
    for (struct found *found = name->found; found != NULL; found = found->next)
        row_at(plan, endpoint, &found->address, found->answer);
    if (name->pending == 0 && name->found == NULL && !endpoint_is_guess(endpoint))
        row_add(plan, endpoint, NULL, name->failure);
    struct want *entry = arena_alloc(&plan->arena, sizeof *entry);
    entry->endpoint = *endpoint;
    entry->endpoint.host = name->host;
    entry->endpoint.path = arena_strdup(&plan->arena, endpoint->path);
    entry->endpoint.url = arena_strdup(&plan->arena, endpoint->url);
    entry->next = name->wants;
    name->wants = entry;
}

void plan_want_service_locked(struct plan *plan, enum service service, const char *host,
    uint16_t port, enum source source, bool candidate)
{
    struct endpoint endpoint = {
        .service = service,
        .host = host,
        .port = port != 0 ? port : service_port(service),
        .path = service == SERVICE_RPC && port == RPC_MAPPER_PORT ? NULL : service_path(service),
        .sources = 1u << source,
        .candidate = candidate,
    };
    char url[512];
    if (endpoint.path != NULL) {
        if (endpoint.port == 80)
            snprintf(url, sizeof url, "http://%s%s", host, endpoint.path);
        else if (endpoint.port == 443)
            snprintf(url, sizeof url, "https://%s%s", host, endpoint.path);
        else
            snprintf(url, sizeof url, "https://%s:%u%s", host, endpoint.port, endpoint.path);
        endpoint.url = url;
    }
    want(plan, &endpoint);
}

/* ---- what is asked first ---- */

struct job *plan_ask_srv_locked(
    struct plan *plan, const char *prefix, const char *domain, enum service service, bool candidate)
{
    if (!plan_wants_service_locked(plan, service))
        return NULL;
    char name[DNS_NAME_SIZE];
    if (snprintf(name, sizeof name, "%s.%s", prefix, domain) >= (int)sizeof name)
        return NULL;
    struct job *job = question_add(plan, name, DNS_SRV, FOR_SRV);
    if (job != NULL)
        job->want = (struct endpoint){.service = service,
            .port = service_port(service),
            .path = service_path(service),
            .sources = 1u << SOURCE_DNS,
            .candidate = candidate};
    return job;
}

static void want_front_end(struct plan *plan, const struct place *host, enum source source)
{
    static const enum service services[] = {
        SERVICE_AUTODISCOVER, SERVICE_EWS, SERVICE_OWA, SERVICE_MAPI, SERVICE_RPC};
    bool mapper = host->port == RPC_MAPPER_PORT; /* there is nothing else */
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        /* Autodiscover on a host of the user's own is one more place to try, not the one clients
         * use. */
        if ((source == SOURCE_USER || services[i] != SERVICE_AUTODISCOVER) &&
            (!mapper || services[i] == SERVICE_RPC))
            plan_want_service_locked(plan, services[i], host->host, host->port, source,
                services[i] == SERVICE_AUTODISCOVER);
    }
}

static void want_resolvers(struct plan *plan)
{
    if (!settings_wants_service(plan->settings, SERVICE_DNS))
        return;
    for (size_t i = 0; i < plan->resolver_count; i++) {
        struct endpoint endpoint = {.service = SERVICE_DNS,
            .host = plan->resolvers[i].text,
            .address = plan->resolvers[i].text,
            .port = plan->resolvers[i].port,
            .sources = 1u << (plan->settings->resolver_count > 0 ? SOURCE_USER : SOURCE_DNS)};
        survey_add_chain(plan->survey, &endpoint); /* settled at the end: plan_settle_resolvers() */
    }
}

void plan_start_locked(struct plan *plan)
{
    const struct settings *settings = plan->settings;
    const char *domain = settings->mail_domain;
    char name[DNS_NAME_SIZE];

    want_resolvers(plan);
    plan_start_directory_locked(plan);
    snprintf(name, sizeof name, "autodiscover.%s", domain);
    plan_want_service_locked(plan, SERVICE_AUTODISCOVER, name, 0, SOURCE_DNS, true);
    plan_want_service_locked(plan, SERVICE_AUTODISCOVER, domain, 0, SOURCE_DNS, true);
    plan_ask_srv_locked(plan, "_autodiscover._tcp", domain, SERVICE_AUTODISCOVER, true);
    for (size_t i = 0; i < settings->hosts.count; i++)
        want_front_end(plan, &settings->hosts.list[i], SOURCE_USER);
    snprintf(name, sizeof name, "mail.%s", domain);
    want_front_end(plan, &(struct place){.host = name}, SOURCE_GUESS);
}

void plan_done(struct plan *plan)
{
    for (struct job *job = plan->jobs; job != NULL; job = job->next)
        arena_done(&job->arena);
    arena_done(&plan->arena);
}

/* ---- answers ---- */

/* The first resolver in the user's order that knows; else the first that answered at all. */
static const struct name_answer *best_answer(const struct plan *plan, const struct job *job)
{
    const struct name_answer *best = NULL;
    for (size_t i = 0; i < plan->resolver_count; i++) {
        const struct name_answer *answer = &job->answers[i];
        if (answer->answer.ok)
            return answer;
        if (best == NULL || (best->answer.rcode < 0 && answer->answer.rcode >= 0))
            best = answer;
    }
    return best;
}

static void addresses_answered(
    struct plan *plan, const struct job *job, const struct name_answer *best)
{
    struct name *name = name_of(plan, job->name);
    name->pending--;
    if (best != NULL && !best->answer.ok && (name->failure == NULL || job->type == DNS_A))
        name->failure = best;
    for (size_t i = 0; best != NULL && best->answer.ok && i < best->answer.count; i++) {
        struct found *found = arena_alloc(&plan->arena, sizeof *found);
        found->address = best->answer.records[i].address;
        found->answer = best;
        found->next = name->found;
        name->found = found;
        for (struct want *entry = name->wants; entry != NULL; entry = entry->next)
            row_at(plan, &entry->endpoint, &found->address, best);
    }
    if (name->pending > 0 || name->found != NULL)
        return;
    for (struct want *entry = name->wants; entry != NULL; entry = entry->next) {
        if (!endpoint_is_guess(&entry->endpoint))
            row_add(plan, &entry->endpoint, NULL, name->failure);
    }
}

/* RFC 2782: a target "." says that the service is not offered; nothing listens on port 0. */
static bool srv_leads_somewhere(const struct dns_record *record, bool own_port)
{
    return record->target[0] != '\0' && (!own_port || record->port != 0);
}

static void srv_answered(struct plan *plan, struct job *job, const struct name_answer *best)
{
    struct endpoint endpoint = job->want;
    /* The directory's SRV records name the clear port; every port of the service gets a row. */
    bool own_port =
        endpoint.service == SERVICE_AUTODISCOVER || endpoint.service == SERVICE_KERBEROS;
    size_t count = best != NULL && best->answer.ok ? best->answer.count : 0, used = 0;
    for (size_t i = 0; i < count && i < SRV_TARGETS_MAX; i++) {
        const struct dns_record *record = &best->answer.records[i];
        if (!srv_leads_somewhere(record, own_port))
            continue;
        if (endpoint.service == SERVICE_AUTODISCOVER)
            plan_want_service_locked(plan, endpoint.service, record->target, record->port,
                SOURCE_DNS, endpoint.candidate);
        else
            plan_want_controller_locked(plan, endpoint.service, record->target,
                own_port ? record->port : 0, SOURCE_DNS, endpoint.candidate);
        used++;
    }
    endpoint.host = job->name;
    endpoint.candidate |= job->absence == ABSENCE_EXCUSED;
    job->led = used > 0;
    if (used == 0 && job->absence != ABSENCE_QUIET)
        row_add(plan, &endpoint, NULL, best);
}

void plan_answered_locked(struct plan *plan, struct job *job)
{
    job->state = JOB_DONE;
    for (size_t i = 0; i < plan->resolver_count; i++)
        survey_keep_lookup(plan->survey, &job->answers[i]);
    const struct name_answer *best = best_answer(plan, job);
    switch (job->purpose) {
    case FOR_ADDRESS:
        addresses_answered(plan, job, best);
        return;
    case FOR_SRV:
        srv_answered(plan, job, best);
        return;
    }
}

/* ---- discoveries ---- */

/* "https://host[:port]/path"; false: relative, another scheme, or nonsense. */
static bool split_url(
    const char *url, char host[DNS_NAME_SIZE], uint16_t *ret_port, const char **ret_path)
{
    if (!text_starts_nocase(url, "https://"))
        return false;
    url += strlen("https://");
    size_t length = strcspn(url, ":/?#");
    if (length == 0 || length >= DNS_NAME_SIZE)
        return false;
    char name[DNS_NAME_SIZE];
    memcpy(name, url, length);
    name[length] = '\0';
    if (!dns_normalize(name, host, NULL))
        return false;
    url += length;
    unsigned long port = 443;
    if (*url == ':') {
        port = 0;
        for (url++; *url >= '0' && *url <= '9' && port <= 65535; url++)
            port = port * 10 + (unsigned long)(*url - '0');
    }
    /* What stands before an @ is no host (RFC 3986 3.2.1). */
    if (port == 0 || port > 65535 || strchr("/?#", *url) == NULL)
        return false;
    for (const char *c = url; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return false; /* no request line can carry it */
    }
    *ret_port = (uint16_t)port;
    *ret_path = *url == '/' ? url : "/";
    return true;
}

void plan_discover_locked(
    struct plan *plan, enum service service, const char *url, enum source source)
{
    char host[DNS_NAME_SIZE];
    struct endpoint endpoint = {
        .service = service, .host = host, .url = url, .sources = 1u << source};
    if (service == SERVICE_RPC && text_starts_nocase(url, RPC_TCP_URL)) {
        char web[300];
        snprintf(web, sizeof web, "https://%.255s/", url + strlen(RPC_TCP_URL));
        if (split_url(web, host, &endpoint.port, &endpoint.path))
            plan_want_service_locked(plan, service, host, RPC_MAPPER_PORT, source, false);
        return;
    }
    if (strlen(url) > 2048 || !split_url(url, host, &endpoint.port, &endpoint.path))
        return;
    want(plan, &endpoint);
}

static void ticket_row(struct plan *plan, const char *host)
{
    struct endpoint endpoint = plan->kdc;
    char subject[DNS_NAME_SIZE + 8];
    snprintf(subject, sizeof subject, "HTTP/%s", host);
    endpoint.subject = subject;
    row_add(plan, &endpoint, &plan->kdc_connect, NULL);
}

void plan_want_ticket_locked(struct plan *plan, const char *host)
{
    if (!settings_wants_service(plan->settings, SERVICE_KERBEROS))
        return;
    for (size_t i = 0; i < plan->tickets.count; i++) {
        if (strcmp(plan->tickets.list[i], host) == 0)
            return;
    }
    if (plan->tickets.count == SETTINGS_WORDS)
        return;
    plan->tickets.list[plan->tickets.count++] = arena_strdup(&plan->arena, host);
    if (plan->krb_ready)
        ticket_row(plan, host);
}

void plan_krb_ready_locked(
    struct plan *plan, const struct endpoint *kdc, const struct net_address *connect)
{
    if (plan->krb_ready)
        return;
    plan->krb_ready = true;
    plan->kdc = *kdc;
    plan->kdc.host = arena_strdup(&plan->arena, kdc->host);
    plan->kdc.address = arena_strdup(&plan->arena, kdc->address);
    plan->kdc_connect = *connect;
    for (size_t i = 0; i < plan->tickets.count; i++)
        ticket_row(plan, plan->tickets.list[i]);
}

/* ---- the clients' third step ---- */

/* http://autodiscover.<domain>: only where https gave nothing; its redirect is shown, and followed
 * with credentials only where the target is trusted by itself. */
void plan_chain_done_locked(struct plan *plan, struct job *job)
{
    char host[DNS_NAME_SIZE];
    job->state = JOB_DONE;
    if (job->endpoint.service != SERVICE_AUTODISCOVER)
        return;
    for (const struct job *other = plan->jobs; other != NULL; other = other->next) {
        bool autodiscover =
            other->kind == JOB_CHAIN
                ? other->endpoint.service == SERVICE_AUTODISCOVER
                : other->purpose == FOR_SRV && other->want.service == SERVICE_AUTODISCOVER;
        bool answered = autodiscover && other->kind == JOB_CHAIN && other->state == JOB_DONE &&
                        chain_cell(other->chain, LAYER_AUTH) != NULL &&
                        chain_cell(other->chain, LAYER_AUTH)->outcome != OUTCOME_BLOCKED;
        if (answered || (autodiscover && other->state != JOB_DONE))
            return;
    }
    snprintf(host, sizeof host, "autodiscover.%s", plan->settings->mail_domain);
    const struct name *name = plan->names;
    while (name != NULL && strcmp(name->host, host) != 0)
        name = name->next;
    if (name != NULL && name->found != NULL &&
        !plan_waits_for_names_locked(plan, SERVICE_AUTODISCOVER))
        plan_want_service_locked(plan, SERVICE_AUTODISCOVER, host, 80, SOURCE_DNS, true);
}
