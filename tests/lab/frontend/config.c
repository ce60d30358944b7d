#include "config.h"

#include "buf.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A key either fills a text field of struct config or has a function of its own. */
struct key {
    const char *name;
    size_t offset;
    size_t size;
    bool (*set)(struct config *config, char *value);
};

#define TEXT(field) \
#field, offsetof(struct config, field), sizeof(((struct config *)0)->field), NULL

static char *next_word(char **rest)
{
    char *word = *rest + strspn(*rest, " \t");
    char *end = word + strcspn(word, " \t");

    *rest = end;
    if (*end != '\0') {
        *end = '\0';
        *rest = end + 1 + strspn(end + 1, " \t");
    }
    return word;
}

static bool set_node(struct config *config, char *value)
{
    struct node *node = &config->nodes[config->node_count];
    const char *name = next_word(&value);
    const char *address = next_word(&value);
    size_t short_len = strcspn(name, ".");

    if (config->node_count == NODE_MAX || *name == '\0' || *address == '\0')
        return false;
    copy_text(node->name, sizeof node->name, name);
    copy_text(node->address, sizeof node->address, address);
    for (size_t i = 0; i < short_len && i + 1 < sizeof node->netbios; i++)
        node->netbios[i] = (char)toupper((unsigned char)name[i]);
    memcpy(node->build, (int[4]){15, 2, 1544, 4}, sizeof node->build);
    if (*value != '\0' && sscanf(value, "%d.%d.%d.%d", &node->build[0], &node->build[1],
                              &node->build[2], &node->build[3]) != 4)
        return false;
    config->node_count++;
    return true;
}

static bool set_website(struct config *config, char *value)
{
    struct node *node = &config->nodes[config->node_count];
    const char *name = next_word(&value);
    const char *address = next_word(&value);
    const char *certificate = next_word(&value);

    if (config->node_count == NODE_MAX || *certificate == '\0' || *value == '\0')
        return false;
    node->website = true;
    copy_text(node->name, sizeof node->name, name);
    copy_text(node->address, sizeof node->address, address);
    copy_text(node->certificate, sizeof node->certificate, certificate);
    copy_text(node->key, sizeof node->key, value);
    config->node_count++;
    return true;
}

static bool set_silent(struct config *config, char *value)
{
    if (config->silent_count == SILENT_MAX || *value == '\0')
        return false;
    copy_text(config->silent[config->silent_count++], sizeof config->silent[0], value);
    return true;
}

static bool set_health(struct config *config, char *value)
{
    struct health_rule *rule = &config->health[config->health_count];
    const char *node = next_word(&value);
    int vdir = vdir_by_name(next_word(&value));

    if (config->health_count == HEALTH_MAX || vdir < 0)
        return false;
    copy_text(rule->node, sizeof rule->node, node);
    rule->vdir = (enum vdir)vdir;
    rule->status = strcmp(value, "closed") == 0 ? 0 : atoi(value);
    config->health_count++;
    return rule->status > 0 || strcmp(value, "closed") == 0;
}

static bool set_logon_format(struct config *config, char *value)
{
    static const char *const names[] = {[FORMAT_ANY] = "any",
        [FORMAT_USER] = "user",
        [FORMAT_DOMAIN] = "domain",
        [FORMAT_UPN] = "upn"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], value) == 0) {
            config->owa_logon_format = (enum logon_format)i;
            return true;
        }
    }
    return false;
}

static bool set_extended_protection(struct config *config, char *value)
{
    const char *path = next_word(&value);
    int vdir = vdir_by_name(path);

    return vdir >= 0 && ep_parse(next_word(&value), &config->vdirs[vdir].ep);
}

static bool set_schemes(struct config *config, char *value)
{
    const char *path = next_word(&value);
    int vdir = vdir_by_name(path);

    return vdir >= 0 && schemes_parse(value, &config->vdirs[vdir].schemes);
}

static bool set_full_access(struct config *config, char *value)
{
    struct full_access *rule = &config->full_access[config->full_access_count];
    const char *user = next_word(&value);
    const char *mailbox = next_word(&value);

    if (config->full_access_count == FULL_ACCESS_MAX || *user == '\0' || *mailbox == '\0')
        return false;
    copy_text(rule->user, sizeof rule->user, user);
    copy_text(rule->mailbox, sizeof rule->mailbox, mailbox);
    config->full_access_count++;
    return true;
}

static bool set_idle(struct config *config, char *value)
{
    config->idle_seconds = atoi(value);
    return config->idle_seconds > 0;
}

static bool parse_yes(const char *value, bool *ret_yes)
{
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
        return false;
    *ret_yes = strcmp(value, "yes") == 0;
    return true;
}

static bool set_ask_language(struct config *config, char *value)
{
    return parse_yes(value, &config->owa_ask_language);
}

static bool set_deny_visible(struct config *config, char *value)
{
    return parse_yes(value, &config->deny_visible);
}

static bool set_rpc_tcp(struct config *config, char *value)
{
    config->rpc_mapper_only = strcmp(value, "mapper") == 0;
    if (!config->rpc_mapper_only)
        return parse_yes(value, &config->rpc_tcp);
    config->rpc_tcp = true;
    return true;
}

static bool set_pending(struct config *config, char *value)
{
    config->mapi_pending_ms = atoi(value);
    return config->mapi_pending_ms > 0;
}

static bool set_fault(struct config *config, char *value)
{
    return fault_switch_on(&config->faults, value);
}

static const struct key keys[] = {
    {"node", 0, 0, set_node},
    {"website", 0, 0, set_website},
    {"silent", 0, 0, set_silent},
    {"health", 0, 0, set_health},
    {TEXT(certificate)},
    {TEXT(key)},
    {TEXT(chain)},
    {TEXT(keytab)},
    {TEXT(ldap)},
    {TEXT(ldap_base)},
    {TEXT(ldap_user)},
    {TEXT(ldap_password_file)},
    {TEXT(ldap_ca)},
    {TEXT(winbind_socket_dir)},
    {TEXT(domain)},
    {TEXT(dns_domain)},
    {TEXT(external_name)},
    {TEXT(internal_name)},
    {TEXT(exch_server)},
    {TEXT(http_redirect)},
    {TEXT(log)},
    {TEXT(owa_default_domain)},
    {TEXT(ews_only_agent)},
    {"owa_logon_format", 0, 0, set_logon_format},
    {"owa_ask_language", 0, 0, set_ask_language},
    {"deny_visible", 0, 0, set_deny_visible},
    {"idle_seconds", 0, 0, set_idle},
    {"rpc_tcp", 0, 0, set_rpc_tcp},
    {"mapi_pending_ms", 0, 0, set_pending},
    {"extended_protection", 0, 0, set_extended_protection},
    {"schemes", 0, 0, set_schemes},
    {"full_access", 0, 0, set_full_access},
    {"fault", 0, 0, set_fault},
};

static bool set_key(struct config *config, const char *name, char *value)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const struct key *key = &keys[i];

        if (strcmp(key->name, name) != 0)
            continue;
        if (key->set != NULL)
            return key->set(config, value);
        if (strlen(value) >= key->size)
            return false;
        copy_text((char *)config + key->offset, key->size, value);
        return true;
    }
    return false;
}

/* What cannot be left out; `chain`, `log`, `keytab` and `http_redirect` can. */
static const char *missing_key(const struct config *config)
{
    const struct {
        const char *name;
        const char *value;
    } needed[] = {
        {"node", config->nodes[0].name},
        {"certificate", config->certificate},
        {"key", config->key},
        {"ldap", config->ldap},
        {"ldap_base", config->ldap_base},
        {"domain", config->domain},
        {"dns_domain", config->dns_domain},
        {"external_name", config->external_name},
    };

    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (*needed[i].value == '\0')
            return needed[i].name;
    return NULL;
}

static bool read_lines(struct config *config, FILE *file, char *ret_error, size_t error_size)
{
    char line[2048];

    for (int number = 1; fgets(line, sizeof line, file) != NULL; number++) {
        char *rest = line;
        char *name;
        size_t len = strcspn(line, "\r\n");

        line[len] = '\0';
        while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'))
            line[--len] = '\0';
        name = next_word(&rest);
        if (*name == '\0' || *name == '#')
            continue;
        if (!set_key(config, name, rest)) {
            snprintf(ret_error, error_size, "line %d: bad key or value: %s", number, name);
            return false;
        }
    }
    return true;
}

bool config_load(struct config *config, const char *file, char *ret_error, size_t error_size)
{
    FILE *stream = fopen(file, "r");
    const char *missing;
    bool ok;

    *config = (struct config){.idle_seconds = 120};
    vdir_defaults(config->vdirs);
    if (stream == NULL) {
        snprintf(ret_error, error_size, "cannot open %s", file);
        return false;
    }
    ok = read_lines(config, stream, ret_error, error_size);
    fclose(stream);
    missing = ok ? missing_key(config) : NULL;
    if (missing != NULL)
        snprintf(ret_error, error_size, "%s is missing", missing);
    return ok && missing == NULL;
}
