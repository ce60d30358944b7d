#include "probes/settings.h"

#include <string.h>

#include "net/wire/text.h"

static bool in_domain(const char *host, const char *domain)
{
    size_t host_length = strlen(host), domain_length = strlen(domain);
    /* A realm of one label would vouch for a whole top-level domain. */
    if (host_length < domain_length || strchr(domain, '.') == NULL)
        return false;
    const char *tail = host + host_length - domain_length;
    return text_equal_nocase(tail, domain) && (tail == host || tail[-1] == '.');
}

bool settings_names_host(const struct settings *settings, const char *host)
{
    for (size_t i = 0; i < settings->hosts.count; i++) {
        if (text_equal_nocase(settings->hosts.list[i].host, host))
            return true;
    }
    for (size_t i = 0; i < settings->allow_hosts.count; i++) {
        if (text_equal_nocase(settings->allow_hosts.list[i], host))
            return true;
    }
    return false;
}

bool settings_trusts_host(const struct settings *settings, const char *host)
{
    if (in_domain(host, settings->mail_domain) || in_domain(host, settings->realm))
        return true;
    for (size_t i = 0; i < settings->dcs.count; i++) {
        if (text_equal_nocase(settings->dcs.list[i].host, host))
            return true;
    }
    return settings_names_host(settings, host);
}

/* "ews" is the family of "ews.folders"; a word with a dot is a probe of its own. */
static bool word_matches(const char *word, const char *probe)
{
    size_t length = strlen(word);
    return strncmp(word, probe, length) == 0 && (probe[length] == '\0' || probe[length] == '.');
}

static bool is_generic(const char *word)
{
    static const char *const families[] = {"dns", "tcp", "tls", "http"};
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        if (word_matches(families[i], word))
            return true;
    }
    return false;
}

/* The service whose rows a word of --only asks for: "ews" of "ews.folders"; "gc" shares "ldap.…".
 */
static bool word_wants_service(const char *word, enum service service)
{
    const char *name = service_str(service);
    size_t length = strlen(name);
    return strncmp(word, name, length) == 0 && (word[length] == '\0' || word[length] == '.');
}

bool settings_wants_service(const struct settings *settings, enum service service)
{
    bool generic_only = true, wanted = settings->only.count == 0;
    for (size_t i = 0; i < settings->only.count; i++) {
        wanted = wanted || word_wants_service(settings->only.list[i], service);
        generic_only = generic_only && is_generic(settings->only.list[i]);
    }
    /* "--only tls" is a question about every row. */
    wanted = wanted || (settings->only.count > 0 && generic_only);
    for (size_t i = 0; i < settings->skip.count; i++) {
        if (strcmp(settings->skip.list[i], service_str(service)) == 0)
            return false;
    }
    return wanted;
}

static enum layer generic_layer(const char *word)
{
    static const struct {
        const char *family;
        enum layer layer;
    } layers[] = {{"dns", LAYER_DNS}, {"tcp", LAYER_TCP}, {"tls", LAYER_TLS}, {"http", LAYER_HTTP}};
    if (strcmp(word, "http.logon") == 0)
        return LAYER_AUTH;
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        if (word_matches(layers[i].family, word))
            return layers[i].layer;
    }
    return LAYER_MAILBOX;
}

bool settings_wants_probe(const struct settings *settings, const char *probe, enum layer layer)
{
    for (size_t i = 0; i < settings->skip.count; i++) {
        if (word_matches(settings->skip.list[i], probe))
            return false;
    }
    if (settings->only.count == 0)
        return true;
    /* What is asked for needs everything below it: the deepest layer named bounds the walk. */
    enum layer deepest = LAYER_DNS;
    for (size_t i = 0; i < settings->only.count; i++) {
        enum layer reach = generic_layer(settings->only.list[i]);
        if (reach > deepest)
            deepest = reach;
    }
    return layer <= deepest;
}
