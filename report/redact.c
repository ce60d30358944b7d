#include "report/redact.h"

#include <stdio.h>
#include <string.h>

#include "net/wire/text.h"
#include "report/redact_words.h"

/* ---- learning ---------------------------------------------------------------------------------
 */

/* Facts whose whole value names something of the organisation. What is not here is replaced only
 * where a known word stands in it. */
static const struct {
    const char *key;
    enum redact_kind kind;
} telling[] = {
    {"account.display_name", REDACT_ACCOUNT},
    {"account.dn", REDACT_OBJECT},
    {"account.domain", REDACT_DOMAIN},
    {"account.legacy_dn", REDACT_OBJECT},
    {"account.mail", REDACT_MAILBOX},
    {"account.proxies", REDACT_MAILBOX},
    {"account.sam", REDACT_ACCOUNT},
    {"account.sid", REDACT_OBJECT},
    {"account.upn", REDACT_MAILBOX},
    {"account.workstations", REDACT_HOST},
    {"addresses.checked", REDACT_MAILBOX},
    {"addresses.duplicates", REDACT_MAILBOX},
    {"auth.account", REDACT_ACCOUNT},
    {"auth.node_challenge", REDACT_HOST},
    {"autodiscover.display_name", REDACT_ACCOUNT},
    {"autodiscover.legacy_dn", REDACT_OBJECT},
    {"autodiscover.public_folders", REDACT_MAILBOX},
    {"autodiscover.server", REDACT_HOST},
    {"autodiscover.smtp_address", REDACT_MAILBOX},
    {"book.account", REDACT_ACCOUNT},
    {"book.display_name", REDACT_ACCOUNT},
    {"book.home", REDACT_OBJECT},
    {"book.legacy_dn", REDACT_OBJECT},
    {"book.smtp_address", REDACT_MAILBOX},
    {"database.name", REDACT_OBJECT},
    {"database.rpc_server", REDACT_HOST},
    {"database.server", REDACT_HOST},
    {"dc.gcs", REDACT_HOST},
    {"dc.hosts", REDACT_HOST},
    {"dc.sites", REDACT_OBJECT},
    {"dns.addresses", REDACT_ADDRESS},
    {"dns.cname", REDACT_HOST},
    {"dns.name", REDACT_HOST},
    {"groups.path", REDACT_OBJECT},
    {"guard.reader", REDACT_ACCOUNT},
    {"http.back_end", REDACT_HOST},
    {"http.title", REDACT_OBJECT},
    {"http.via", REDACT_OBJECT},
    {"krb.realm", REDACT_DOMAIN},
    {"ldap.client_site", REDACT_OBJECT},
    {"ldap.config_context", REDACT_OBJECT},
    {"ldap.dc_site", REDACT_OBJECT},
    {"ldap.dns_host", REDACT_HOST},
    {"ldap.forest", REDACT_DOMAIN},
    {"ldap.naming_context", REDACT_OBJECT},
    {"ldap.realm", REDACT_DOMAIN},
    {"ldap.site", REDACT_OBJECT},
    {"mailbox.guid", REDACT_OBJECT},
    {"mailbox.home_mdb", REDACT_OBJECT},
    {"mailbox.server", REDACT_OBJECT},
    {"mailbox.target", REDACT_MAILBOX},
    {"mapi.display_name", REDACT_ACCOUNT},
    {"mapi.dn_prefix", REDACT_OBJECT},
    {"mapi.mailbox_guid", REDACT_OBJECT},
    {"mapi.mailbox_id", REDACT_HOST},
    {"mapi.redirect", REDACT_HOST},
    {"mapi.user_dn", REDACT_OBJECT},
    {"mapi.mailbox_dn", REDACT_OBJECT},
    {"node", REDACT_HOST},
    {"ntlm.dns_computer", REDACT_HOST},
    {"ntlm.dns_domain", REDACT_DOMAIN},
    {"ntlm.dns_tree", REDACT_DOMAIN},
    {"ntlm.netbios_domain", REDACT_ACCOUNT},
    {"org.cloud_domains", REDACT_DOMAIN},
    {"org.name", REDACT_OBJECT},
    {"policy.pso", REDACT_OBJECT},
    {"recipient.address_book_policy", REDACT_OBJECT},
    {"recipient.database", REDACT_OBJECT},
    {"recipient.delegates", REDACT_OBJECT},
    {"recipient.dn", REDACT_OBJECT},
    {"recipient.full_access_to", REDACT_OBJECT},
    {"recipient.home_mdb", REDACT_OBJECT},
    {"recipient.home_server", REDACT_HOST},
    {"recipient.legacy_dn", REDACT_OBJECT},
    {"recipient.target", REDACT_MAILBOX},
    {"recipient.x500", REDACT_OBJECT},
    {"referral.fqdn", REDACT_HOST},
    {"referral.server", REDACT_OBJECT},
    {"registry.domain", REDACT_DOMAIN},
    {"registry.files", REDACT_OBJECT},
    {"rpc.display_name", REDACT_ACCOUNT},
    {"rpc.dn_prefix", REDACT_OBJECT},
    {"rpc.mailbox_guid", REDACT_OBJECT},
    {"rpc.redirect", REDACT_HOST},
    {"rpc.server", REDACT_HOST},
    {"rpc.user_dn", REDACT_OBJECT},
    {"rpc.mailbox_dn", REDACT_OBJECT},
    {"scp.host", REDACT_HOST},
    {"scp.server", REDACT_HOST},
    {"scp.sites", REDACT_OBJECT},
    {"scp.url", REDACT_HOST},
    {"server.domain", REDACT_DOMAIN},
    {"server.fqdn", REDACT_HOST},
    {"server.name", REDACT_HOST},
    {"server.site", REDACT_OBJECT},
    {"spn.checked", REDACT_HOST},
    {"spn.duplicates", REDACT_HOST},
    {"spn.etypes", REDACT_OBJECT},
    {"spn.missing", REDACT_HOST},
    {"spn.owners", REDACT_HOST},
    {"tls.chain", REDACT_OBJECT},
    {"tls.issuer", REDACT_OBJECT},
    {"tls.names", REDACT_HOST},
    {"tls.sha256", REDACT_OBJECT},
    {"tls.subject", REDACT_OBJECT},
    {"vdir.external_host", REDACT_HOST},
    {"vdir.external_url", REDACT_HOST},
    {"vdir.internal_host", REDACT_HOST},
    {"vdir.internal_url", REDACT_HOST},
    {"vdir.server", REDACT_HOST},
};

/* A host, and the domain it is in: further names of that domain are hosts, too. */
static void learn_host(struct redact_words *words, const char *host)
{
    if (host == NULL)
        return;
    while (*host == '_' || *host == '*') { /* _autodiscover._tcp.contoso.test, *.contoso.test */
        const char *dot = strchr(host, '.');
        if (dot == NULL)
            return;
        host = dot + 1;
    }
    const char *at = strchr(host, '@'); /* Autodiscover's GUID@domain */
    if (at != NULL)
        redact_learn(words, REDACT_DOMAIN, at + 1);
    bool numeric = strspn(host, "0123456789.") == strlen(host) || strchr(host, ':') != NULL;
    redact_learn(words, numeric ? REDACT_ADDRESS : REDACT_HOST, host);
    const char *parent = numeric || at != NULL ? NULL : strchr(host, '.');
    if (parent != NULL && strchr(parent + 1, '.') != NULL)
        redact_learn(words, REDACT_DOMAIN, parent + 1);
}

/* "svc@contoso.test", "CONTOSO\svc": the whole, and what stands alone elsewhere. */
static void learn_account(struct redact_words *words, enum redact_kind kind, const char *text)
{
    char part[128];
    if (text == NULL)
        return;
    const char *slash = strchr(text, '\\');
    const char *sign = strchr(text, '@');
    if (slash != NULL) {
        redact_learn(words, REDACT_ACCOUNT, slash + 1);
        snprintf(part, sizeof part, "%.*s", (int)(slash - text), text);
        redact_learn(words, REDACT_ACCOUNT, part);
    }
    if (sign != NULL) {
        redact_learn(words, REDACT_DOMAIN, sign + 1);
        snprintf(part, sizeof part, "%.*s", (int)(sign - text), text);
        redact_learn(words, REDACT_ACCOUNT, part);
    }
    redact_learn(words, kind, text);
}

/* The value of a DN's first part, which stands alone elsewhere: "Jane Doe" of "CN=Jane Doe,OU=x".
 * The containers above it are the same everywhere, or go with the whole. */
static void learn_leaf(struct redact_words *words, enum redact_kind kind, const char *dn)
{
    char leaf[256];
    size_t length = 0;
    const char *at = strchr(dn, '=') + 1;
    for (; *at != '\0' && *at != ',' && length < sizeof leaf - 1; at++) {
        at += *at == '\\' && at[1] != '\0';
        leaf[length++] = *at;
    }
    leaf[length] = '\0';
    redact_learn(words, kind, leaf);
}

static void learn_value(struct redact_words *words, enum redact_kind kind, const char *text)
{
    if (kind == REDACT_HOST)
        learn_host(words, text);
    else if (kind == REDACT_ACCOUNT || kind == REDACT_MAILBOX)
        learn_account(words, kind, text);
    else
        redact_learn(words, kind, text);
}

/* One name in whatever it is wrapped in: a DN, a URL, "smtp:a@b", "HTTP/mail.contoso.test". */
static void learn_part(struct redact_words *words, enum redact_kind kind, const char *text)
{
    static const char *const prefixes[] = {"smtp:", "sip:", "x500:", "eum:"};
    char host[256];
    const char *url = strstr(text, "://");
    if (url != NULL) {
        snprintf(host, sizeof host, "%.*s", (int)strcspn(url + 3, "/:?"), url + 3);
        learn_host(words, host);
        return;
    }
    if (text_starts_nocase(text, "CN=") || text_starts_nocase(text, "OU=")) {
        redact_learn(words, REDACT_OBJECT, text);
        learn_leaf(words, kind, text);
        return;
    }
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (text_starts_nocase(text, prefixes[i]))
            text += strlen(prefixes[i]);
    }
    const char *slash = kind == REDACT_HOST ? strchr(text, '/') : NULL;
    if (slash != NULL) { /* a service principal name: class/host:port/name */
        snprintf(host, sizeof host, "%.*s", (int)strcspn(slash + 1, "/:"), slash + 1);
        learn_host(words, host);
        return;
    }
    learn_value(words, kind, text);
}

/* Where the next part of a line of several begins: "HTTP/x | CN=a | CN=b", "svc > PBX > Admins".
 * *ret_length: of the part at text. NULL: it is the last one. */
static const char *next_part(const char *text, size_t *ret_length)
{
    const char *bar = strstr(text, " | "), *arrow = strstr(text, " > ");
    const char *end = bar == NULL || (arrow != NULL && arrow < bar) ? arrow : bar;
    *ret_length = end != NULL ? (size_t)(end - text) : strlen(text);
    return end != NULL ? end + 3 : NULL;
}

static void learn_parts(struct redact_words *words, enum redact_kind kind, const char *text)
{
    size_t length = 0;
    for (const char *at = text; at != NULL;) {
        const char *next = next_part(at, &length);
        const char *part = arena_strndup(words->arena, at, length);
        /* the privileged group at the end of a way is Windows' own; numbers are no names */
        bool last = next == NULL && at != text;
        if (!(last && (strstr(text, " > ") != NULL || strspn(part, "0123456789") == length)))
            learn_part(words, kind, part);
        at = next;
    }
}

static void learn_fact(struct redact_words *words, const struct fact *fact)
{
    if (fact->type == FACT_TEXT &&
        (strstr(fact->key, "build") != NULL || strstr(fact->key, "version") != NULL))
        redact_keep(words, fact->text);
    for (size_t i = 0; i < sizeof telling / sizeof telling[0]; i++) {
        if (strcmp(telling[i].key, fact->key) != 0)
            continue;
        if (fact->type == FACT_TEXT)
            learn_parts(words, telling[i].kind, fact->text);
        for (size_t k = 0; fact->type == FACT_LIST && k < fact->count; k++)
            learn_parts(words, telling[i].kind, fact->list[k]);
    }
}

static void learn_survey(struct redact_words *words, const struct survey *survey)
{
    const struct target *target = &survey->target;
    redact_keep(words, survey->version);
    redact_learn(words, REDACT_DOMAIN, target->domain);
    learn_account(words, REDACT_MAILBOX, target->address);
    learn_account(words, REDACT_ACCOUNT, target->account);
    for (size_t i = 0; i < target->mailbox_count; i++)
        learn_account(words, REDACT_MAILBOX, target->mailboxes[i]);
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        learn_host(words, chain->endpoint.host);
        redact_learn(words, REDACT_ADDRESS, chain->endpoint.address);
    }
    redact_learn(words, REDACT_HOST, survey->vantage.host);
    for (size_t i = 0; i < survey->vantage.address_count; i++)
        redact_learn(words, REDACT_ADDRESS, survey->vantage.addresses[i]);
    for (const struct lookup *at = survey->lookups; at != NULL; at = at->next)
        learn_host(words, at->name);
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            for (const struct fact *fact = at->facts; fact != NULL; fact = fact->next)
                learn_fact(words, fact);
        }
    }
    for (const struct fact *fact = survey->vantage.registry; fact != NULL; fact = fact->next)
        learn_fact(words, fact);
    /* "Contoso Root CA", "CONTOSO": the first label of the mail domain tells as much as all of it.
     */
    char label[64];
    snprintf(label, sizeof label, "%.*s", (int)strcspn(target->domain, "."), target->domain);
    if (strlen(label) >= 4)
        redact_learn(words, REDACT_DOMAIN, label);
}

/* ---- replacing --------------------------------------------------------------------------------
 */

/* Part by part: a whole part is replaced even where it is too short or common a word to be looked
 * for inside a text. */
static const char *redact_parts(struct redact_words *words, const char *text)
{
    size_t length = 0;
    const char *next = text != NULL ? next_part(text, &length) : NULL;
    if (next == NULL)
        return redact_text(words, text);
    const char *part = redact_text(words, arena_strndup(words->arena, text, length));
    return arena_printf(words->arena, "%s%.3s%s", part, text + length, redact_parts(words, next));
}

static const char *const *redact_list(
    struct redact_words *words, const char *const *list, size_t count)
{
    const char **copy = arena_alloc(words->arena, (count + 1) * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = redact_parts(words, list[i]);
    return copy;
}

static void redact_facts(struct redact_words *words, struct fact *facts)
{
    for (struct fact *fact = facts; fact != NULL; fact = fact->next) {
        if (fact->type == FACT_TEXT)
            fact->text = redact_text(words, fact->text);
        else if (fact->type == FACT_LIST)
            fact->list = redact_list(words, fact->list, fact->count);
    }
}

static void redact_fault(struct redact_words *words, struct fault *fault)
{
    const char *text = redact_text(words, fault->text);
    if (text != fault->text)
        snprintf(fault->text, sizeof fault->text, "%s", text);
}

static void redact_chain(struct redact_words *words, struct chain *chain)
{
    struct endpoint *endpoint = &chain->endpoint;
    chain->id = redact_text(words, chain->id);
    endpoint->host = redact_text(words, endpoint->host);
    endpoint->address = redact_text(words, endpoint->address);
    endpoint->path = redact_text(words, endpoint->path);
    endpoint->url = redact_text(words, endpoint->url);
    endpoint->subject = redact_text(words, endpoint->subject);
    for (struct check *at = chain->checks; at != NULL; at = at->next) {
        at->id = redact_text(words, at->id);
        at->subject = redact_text(words, at->subject);
        at->summary = redact_text(words, at->summary);
        redact_facts(words, at->facts);
        redact_fault(words, &at->fault);
    }
}

static void redact_findings(struct redact_words *words, struct survey *survey)
{
    for (struct finding *at = survey->findings; at != NULL; at = at->next) {
        at->component = redact_text(words, at->component);
        at->checks = redact_list(words, at->checks, at->check_count);
        at->evidence = redact_list(words, at->evidence, at->evidence_count);
        at->fix = redact_list(words, at->fix, at->fix_count);
    }
    survey->verdict.summary = redact_text(words, survey->verdict.summary);
    for (struct checklist_item *at = survey->checklist; at != NULL; at = at->next) {
        at->summary = redact_text(words, at->summary);
        redact_facts(words, at->facts);
    }
}

static void redact_target(struct redact_words *words, struct survey *survey)
{
    struct target *target = &survey->target;
    struct vantage *vantage = &survey->vantage;
    target->address = redact_text(words, target->address);
    target->domain = redact_text(words, target->domain);
    target->account = redact_text(words, target->account);
    target->mailboxes = redact_list(words, target->mailboxes, target->mailbox_count);
    vantage->host = redact_text(words, vantage->host);
    vantage->addresses = redact_list(words, vantage->addresses, vantage->address_count);
    vantage->resolvers = redact_list(words, vantage->resolvers, vantage->resolver_count);
    vantage->proxy = redact_text(words, vantage->proxy);
    redact_facts(words, vantage->registry);
}

void survey_redact(struct survey *survey)
{
    struct redact_words words = {.arena = &survey->arena};
    learn_survey(&words, survey);
    redact_sort(&words);
    redact_target(&words, survey);
    for (struct chain *chain = survey->chains; chain != NULL; chain = chain->next)
        redact_chain(&words, chain);
    for (struct lookup *at = survey->lookups; at != NULL; at = at->next) {
        at->name = redact_text(&words, at->name);
        at->resolver = redact_text(&words, at->resolver);
        at->records = redact_list(&words, at->records, at->count);
        redact_fault(&words, &at->fault);
    }
    redact_findings(&words, survey);
    redact_words_done(&words);
}
